/*
 * The viewer of the VNC bench, on libvncclient:
 *
 *   client HOST PORT ENCODING LEVEL QUALITY scenes ROUNDS    each scene by a key
 *   client HOST PORT ENCODING LEVEL QUALITY frames SECONDS   full-screen changes
 *
 * Prints a line for each scene: name, bytes received, ms from the key to the first and to the last
 * byte of the picture, and whether it is the guest's to the bit; or "frames N SECONDS BYTES".
 */
#include <linux/tcp.h>
#include <rfb/rfbclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include "scenes.h"

enum { QUIET_MS = 700, FIRST_MS = 5000, KEY_SCENE = 'a', KEY_FRAMES = 'f' };

static unsigned long long updates;
static double last_update;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void finished(rfbClient *c)
{
    (void)c;
    updates++;
    last_update = now();
}

static unsigned long long received(rfbClient *c)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    memset(&info, 0, sizeof info);
    getsockopt(c->sock, IPPROTO_TCP, TCP_INFO, &info, &len);
    return info.tcpi_bytes_received;
}

static void press(rfbClient *c, uint32_t key)
{
    SendKeyEvent(c, key, TRUE);
    SendKeyEvent(c, key, FALSE);
}

/* Handles what comes until nothing came for so long; false: the connection is gone. */
static int until_quiet(rfbClient *c, double quiet_ms)
{
    double last = now();

    while (now() - last < quiet_ms) {
        int n = WaitForMessage(c, 5000);

        if (n < 0 || (n > 0 && !HandleRFBServerMessage(c)))
            return 0;
        if (n > 0)
            last = now();
    }
    return 1;
}

static int same(rfbClient *c, const uint32_t *want)
{
    const uint32_t *got = (const uint32_t *)c->frameBuffer;

    for (unsigned i = 0; i < SCENE_WIDTH * SCENE_HEIGHT; i++)
        if ((got[i] ^ want[i]) & 0xffffff)
            return 0;
    return 1;
}

static int scenes(rfbClient *c, int rounds)
{
    uint32_t *want = calloc(SCENE_WIDTH * SCENE_HEIGHT, 4);

    for (int i = 0; i < rounds * SCENES; i++) {
        unsigned long long bytes = received(c), before = updates;
        double start, first;

        scene_draw(want, (unsigned)i);
        start = now();
        press(c, KEY_SCENE);
        while (updates == before && now() - start < FIRST_MS) {
            int n = WaitForMessage(c, 5000);

            if (n < 0 || (n > 0 && !HandleRFBServerMessage(c)))
                return 1;
        }
        first = now();
        if (!until_quiet(c, QUIET_MS))
            return 1;
        printf("%-18s %9llu %8.2f %8.2f %s\n", scene_names[i % SCENES], received(c) - bytes,
               first - start, last_update - start, same(c, want) ? "same" : "differs");
        fflush(stdout);
    }
    free(want);
    return 0;
}

static int frames(rfbClient *c, double seconds)
{
    unsigned long long bytes, before;
    double start;

    press(c, KEY_FRAMES);
    for (start = now(); now() - start < 500;)
        if (WaitForMessage(c, 5000) > 0 && !HandleRFBServerMessage(c))
            return 1;
    bytes = received(c);
    before = updates;
    for (start = now(); now() - start < seconds * 1e3;)
        if (WaitForMessage(c, 5000) > 0 && !HandleRFBServerMessage(c))
            return 1;
    printf("frames %llu %.3f %llu\n", updates - before, (now() - start) / 1e3, received(c) - bytes);
    press(c, KEY_SCENE);
    return 0;
}

int main(int argc, char **argv)
{
    rfbClient *c;
    int status;

    if (argc != 8) {
        fprintf(stderr, "usage: client HOST PORT ENCODING LEVEL QUALITY scenes|frames N\n");
        return 2;
    }
    rfbEnableClientLogging = FALSE;
    c = rfbGetClient(8, 3, 4);
    c->appData.encodingsString = argv[3];
    c->appData.compressLevel = atoi(argv[4]);
    c->appData.qualityLevel = atoi(argv[5]);
    c->appData.enableJPEG = atoi(argv[5]) >= 0;
    c->appData.useRemoteCursor = FALSE;
    c->canHandleNewFBSize = TRUE;
    c->FinishedFrameBufferUpdate = finished;
    c->format.redShift = 16;
    c->format.greenShift = 8;
    c->format.blueShift = 0;
    c->serverHost = strdup(argv[1]);
    c->serverPort = atoi(argv[2]);
    if (!rfbInitClient(c, NULL, NULL))
        return 1;
    if (!until_quiet(c, 1000))
        return 1;
    status = strcmp(argv[6], "frames") == 0 ? frames(c, atof(argv[7])) : scenes(c, atoi(argv[7]));
    until_quiet(c, 100);
    rfbClientCleanup(c);
    return status;
}
