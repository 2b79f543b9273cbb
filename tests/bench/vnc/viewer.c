/*
 * What a viewer sees of a VNC server, in figures:
 *
 *   viewer PORT ENCODING LEVEL QUALITY scenes               each scene by a key
 *   viewer PORT ENCODING LEVEL QUALITY letters N            a letter by a key, N times
 *   viewer PORT ENCODING LEVEL QUALITY frames SECONDS       full-screen changes, by requests
 *   viewer PORT ENCODING LEVEL QUALITY continuous SECONDS   the same without requests
 *   viewer PORT ENCODING LEVEL QUALITY idle SECONDS         whatever comes
 *   viewer PORT ENCODING LEVEL QUALITY work                 sets the guest to work, and leaves
 *
 * Prints for each scene and letter "key BYTES FIRST WHOLE": bytes, and ms from the key to the end
 * of the first update and of the last one; for the others "frames UPDATES SECONDS BYTES PIXELS".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "rfb.h"
#include "scenes.h"

enum {
    SCENE_QUIET_MS = 300,
    LETTER_QUIET_MS = 150,
    FIRST_MS = 5000,
    START_MS = 500,
    IDLE_START_MS = 2000,
    STOP_MS = 3000,
    STOP_TRIES = 10
};
enum { KEY_SCENE = 'a', KEY_LETTER = 'l', KEY_FRAMES = 'f', KEY_WORK = 'w' };

static struct rfb r;

/* Takes updates, asking for the next, until none came for so long; *last is the end of the last.
 * False: the connection is gone. */
static bool until_quiet(double quiet_ms, double *last)
{
    for (;;) {
        switch (rfb_message(&r, quiet_ms)) {
        case RFB_UPDATE:
            if (last)
                *last = rfb_now_ms();
            if (!rfb_request(&r, true))
                return false;
            break;
        case RFB_OTHER:
            break;
        case RFB_TIMEOUT:
            return true;
        case RFB_GONE:
            return false;
        }
    }
}

/* Takes updates for so long: of a screen that is never quiet. */
static bool take_for(double ms, bool continuous)
{
    double start = rfb_now_ms();

    while (rfb_now_ms() - start < ms) {
        enum rfb_result result = rfb_message(&r, ms);
        if (result == RFB_GONE || (result == RFB_UPDATE && !continuous && !rfb_request(&r, true)))
            return false;
    }
    return true;
}

static bool by_key(uint32_t key, double quiet_ms)
{
    uint64_t before = r.bytes;
    double start = rfb_now_ms(), first, whole;

    if (!rfb_key(&r, key))
        return false;
    for (;;) {
        enum rfb_result result = rfb_message(&r, FIRST_MS);
        if (result == RFB_UPDATE && r.rects)
            break;
        if (result == RFB_UPDATE && !rfb_request(&r, true))
            return false;
        if (result == RFB_TIMEOUT || result == RFB_GONE)
            return false;
    }
    first = whole = rfb_now_ms();
    if (!rfb_request(&r, true) || !until_quiet(quiet_ms, &whole))
        return false;
    printf("key %llu %.3f %.3f\n", (unsigned long long)(r.bytes - before), first - start,
           whole - start);
    return true;
}

/* Keys at moments that have nothing to do with the server's. */
static void pause_some(unsigned n)
{
    struct timespec t = {0, (long)(scene_hash(n) % 50) * 1000000};

    nanosleep(&t, NULL);
}

static bool letters(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        pause_some(i);
        if (!by_key(KEY_LETTER, LETTER_QUIET_MS))
            return false;
    }
    return true;
}

static bool scenes(void)
{
    for (unsigned i = 0; i < SCENES; i++)
        if (!by_key(KEY_SCENE, SCENE_QUIET_MS))
            return false;
    return true;
}

static bool count(double seconds, bool continuous)
{
    double start = rfb_now_ms(), now = start;
    uint64_t bytes = r.bytes, pixels = 0;
    unsigned updates = 0;

    while (now - start < seconds * 1e3) {
        enum rfb_result result = rfb_message(&r, seconds * 1e3 - (now - start));
        if (result == RFB_GONE)
            return false;
        if (result == RFB_UPDATE) {
            updates += r.rects > 0;
            pixels += r.pixels;
            if (!continuous && !rfb_request(&r, true))
                return false;
        }
        now = rfb_now_ms();
    }
    printf("frames %u %.3f %llu %llu\n", updates, (now - start) / 1e3,
           (unsigned long long)(r.bytes - bytes), (unsigned long long)pixels);
    return true;
}

/* A key ends the frames. A server may lose one that is followed by the end of its connection, and a
 * guest one that comes while it draws: the next viewer would wait for ever for a quiet screen. */
static bool stop_frames(bool continuous)
{
    for (unsigned i = 0; i < STOP_TRIES; i++) {
        double start = rfb_now_ms();
        enum rfb_result result = RFB_OTHER;

        if (!rfb_key(&r, KEY_SCENE))
            return false;
        while (result != RFB_TIMEOUT && rfb_now_ms() - start < STOP_MS) {
            result = rfb_message(&r, SCENE_QUIET_MS);
            if (result == RFB_GONE ||
                (result == RFB_UPDATE && !continuous && !rfb_request(&r, true)))
                return false;
        }
        if (result == RFB_TIMEOUT)
            return true;
    }
    return false;
}

static bool frames(double seconds, bool continuous)
{
    if (continuous && (!r.continuous_offered || !rfb_continuous(&r, true)))
        return r.fd >= 0;
    if (!rfb_key(&r, KEY_FRAMES) || !take_for(START_MS, continuous))
        return false;
    return count(seconds, continuous) && stop_frames(continuous);
}

int main(int argc, char **argv)
{
    double n = argc > 6 ? atof(argv[6]) : 0;
    const char *mode = argc > 5 ? argv[5] : "";
    bool idle = strcmp(mode, "idle") == 0, ok;

    if (argc < 6) {
        fprintf(stderr, "usage: viewer PORT ENCODING LEVEL QUALITY MODE [N]\n");
        return 2;
    }
    ok = rfb_open(&r, rfb_dial("127.0.0.1", (unsigned)atoi(argv[1])), argv[2], atoi(argv[3]),
                  atoi(argv[4])) &&
         rfb_request(&r, false) &&
         (idle ? take_for(IDLE_START_MS, false) : until_quiet(SCENE_QUIET_MS, NULL));
    if (ok && strcmp(mode, "letters") == 0)
        ok = letters((unsigned)n);
    else if (ok && strcmp(mode, "scenes") == 0)
        ok = scenes();
    else if (ok && strcmp(mode, "work") == 0)
        ok = rfb_key(&r, KEY_WORK);
    else if (ok && idle)
        ok = count(n, false);
    else if (ok)
        ok = frames(n, strcmp(mode, "continuous") == 0);
    if (!ok)
        fprintf(stderr, "the connection ended or nothing came\n");
    rfb_close(&r);
    return !ok;
}
