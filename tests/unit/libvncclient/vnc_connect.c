/*
 * One visit to a server by libvncclient: vnc_connect SOCKET USER PASSWORD CA-FILE. Shows who it is
 * by whatever the server asks for, takes one whole picture, and ends with status 0; else 1.
 */
#include <rfb/rfbclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAIT_US = 60 * 1000000 };

static const char *user, *password, *ca;
static int drawn; /* pixels */

static char *get_password(rfbClient *c)
{
    (void)c;
    return strdup(password);
}

static rfbCredential *get_credential(rfbClient *c, int type)
{
    rfbCredential *credential = calloc(1, sizeof *credential);

    (void)c;
    if (credential && type == rfbCredentialTypeX509) {
        credential->x509Credential.x509CACertFile = strdup(ca);
    } else if (credential) {
        credential->userCredential.username = strdup(user);
        credential->userCredential.password = strdup(password);
    }
    return credential;
}

static void got(rfbClient *c, int x, int y, int w, int h)
{
    (void)c, (void)x, (void)y;
    drawn += w * h;
}

static int connect_to(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    return connect(fd, (struct sockaddr *)&un, sizeof un) == 0 ? fd : -1;
}

int main(int argc, char **argv)
{
    rfbClient *c = rfbGetClient(8, 3, 4);

    if (argc != 5 || !c)
        return 2;
    user = argv[2];
    password = argv[3];
    ca = argv[4];
    c->GetPassword = get_password;
    c->GetCredential = get_credential;
    c->GotFrameBufferUpdate = got;
    c->serverHost = strdup("localhost"); /* whose certificate it is */
    c->sock = connect_to(argv[1]);
    if (c->sock < 0 || !InitialiseRFBConnection(c)) {
        fprintf(stderr, "vnc_connect: it was not let in\n");
        return 1;
    }
    c->width = c->si.framebufferWidth;
    c->height = c->si.framebufferHeight;
    if (!c->MallocFrameBuffer(c) || !SetFormatAndEncodings(c) ||
        !SendFramebufferUpdateRequest(c, 0, 0, c->width, c->height, FALSE))
        return 1;
    while (drawn < c->width * c->height) {
        if (WaitForMessage(c, WAIT_US) <= 0 || !HandleRFBServerMessage(c)) {
            fprintf(stderr, "vnc_connect: no picture came\n");
            return 1;
        }
    }
    close(c->sock);
    return 0;
}
