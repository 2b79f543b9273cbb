/*
 * Does a viewer see what the guest shows? On libvncclient, an independent decoder:
 *
 *   client HOST PORT ENCODING LEVEL
 *
 * Has the guest show each scene, and prints for each whether it is the guest's to the bit.
 */
#include <rfb/rfbclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "scenes.h"

enum { QUIET_MS = 300, LATE_MS = 10000, KEY_SCENE = 'a' };

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Handles what comes until nothing came for so long; false: the connection is gone. */
static int until_quiet(rfbClient *c)
{
    double last = now_ms();

    while (now_ms() - last < QUIET_MS) {
        int n = WaitForMessage(c, 5000);

        if (n < 0 || (n > 0 && !HandleRFBServerMessage(c)))
            return 0;
        if (n > 0)
            last = now_ms();
    }
    return 1;
}

static int same(rfbClient *c, const uint32_t *want)
{
    const uint32_t *got = (const uint32_t *)c->frameBuffer;

    if (c->width != SCENE_WIDTH || c->height != SCENE_HEIGHT)
        return 0;
    for (unsigned i = 0; i < SCENE_WIDTH * SCENE_HEIGHT; i++)
        if ((got[i] ^ want[i]) & 0xffffff)
            return 0;
    return 1;
}

static int scenes(rfbClient *c)
{
    static uint32_t want[SCENE_WIDTH * SCENE_HEIGHT];

    for (unsigned i = 0; i < SCENES; i++) {
        double start = now_ms();

        scene_draw(want, i);
        SendKeyEvent(c, KEY_SCENE, TRUE);
        SendKeyEvent(c, KEY_SCENE, FALSE);
        do /* on a busy host it takes its time, but it comes */
            if (!until_quiet(c))
                return 1;
        while (!same(c, want) && now_ms() - start < LATE_MS);
        printf("%-18s %s\n", scene_names[i], same(c, want) ? "same" : "differs");
    }
    return 0;
}

int main(int argc, char **argv)
{
    rfbClient *c;
    int status;

    if (argc != 5) {
        fprintf(stderr, "usage: client HOST PORT ENCODING LEVEL\n");
        return 2;
    }
    rfbEnableClientLogging = FALSE;
    c = rfbGetClient(8, 3, 4);
    c->appData.encodingsString = argv[3];
    c->appData.compressLevel = atoi(argv[4]);
    c->appData.qualityLevel = -1;
    c->appData.enableJPEG = FALSE;
    c->appData.useRemoteCursor = FALSE;
    c->canHandleNewFBSize = TRUE;
    c->format.redShift = 16;
    c->format.greenShift = 8;
    c->format.blueShift = 0;
    c->serverHost = strdup(argv[1]);
    c->serverPort = atoi(argv[2]);
    if (!rfbInitClient(c, NULL, NULL))
        return 1;
    status = until_quiet(c) ? scenes(c) : 1;
    rfbClientCleanup(c);
    return status;
}
