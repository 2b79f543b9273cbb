/*
 * Many viewers at once:
 *
 *   crowd PORT QUICK SLOW SECONDS
 *
 * Quick ones take whatever comes, in one encoding or another, by requests or continuous updates.
 * Slow ones are of four kinds: one reads 1 KiB a second, one asks and never reads, one asks again
 * and again and never reads, one does not finish its handshake. Who is sent away comes back. Prints
 * "crowd UPDATES LEAST MEGABYTES RETURNS": of the quick ones together, of the one with the fewest,
 * and how often somebody came back.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "rfb.h"

enum { CROWD_MAX = 256, STEP_MS = 50, SLOW_BYTES = 1024 * STEP_MS / 1000 };
enum slow_kind { READS_LITTLE, READS_NOTHING, ASKS_MUCH, UNFINISHED, SLOW_KINDS };
enum { POLITENESS = 19 }; /* viewers are on machines of their own, as a rule */

struct one {
    pthread_t thread;
    unsigned number;
    struct rfb rfb;
    unsigned updates, returns;
    uint64_t bytes;
};

static struct one crowd[CROWD_MAX];
static unsigned port;
static double end_ms;

static bool over(void)
{
    return rfb_now_ms() >= end_ms;
}

static void *quick(void *opaque)
{
    static const struct {
        const char *encoding;
        int quality;
    } ways[] = {{"tight", -1}, {"zrle", -1}, {"hextile", -1}, {"raw", -1}, {"tight", 6}};
    struct one *o = opaque;
    unsigned way = o->number % (sizeof ways / sizeof ways[0]);
    bool continuous = false;

    /* So many at once may be too many strangers for a server. */
    while (!over() && (!rfb_open(&o->rfb, rfb_dial("127.0.0.1", port), ways[way].encoding, 2,
                                 ways[way].quality) ||
                       !rfb_request(&o->rfb, false))) {
        rfb_close(&o->rfb);
        o->returns++;
        usleep(STEP_MS * 1000);
    }
    while (!over()) {
        enum rfb_result result = rfb_message(&o->rfb, STEP_MS);
        if (result == RFB_GONE)
            break;
        if (!continuous && o->rfb.continuous_offered && o->number % 3 == 0)
            continuous = rfb_continuous(&o->rfb, true);
        if (result != RFB_UPDATE)
            continue;
        o->updates++;
        if (!continuous)
            rfb_request(&o->rfb, true);
    }
    o->bytes = o->rfb.bytes;
    return NULL;
}

/* One visit, until it is sent away or all is over. */
static void visit(struct one *o, int fd)
{
    const struct timespec step = {0, STEP_MS * 1000000};
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    enum slow_kind kind = o->number % SLOW_KINDS;
    uint8_t bytes[SLOW_BYTES];

    o->rfb.fd = fd;
    if (kind != UNFINISHED && !(rfb_open(&o->rfb, fd, "raw", 0, -1) && rfb_request(&o->rfb, false)))
        return;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (!over() && poll(&p, 1, 0) == 0) {
        nanosleep(&step, NULL);
        if (kind == READS_LITTLE && recv(fd, bytes, sizeof bytes, 0) == 0)
            break;
        if (kind == ASKS_MUCH && !rfb_request(&o->rfb, false))
            kind = READS_NOTHING; /* there is no room for more */
    }
}

static void *slow(void *opaque)
{
    struct one *o = opaque;

    while (!over()) {
        int fd = rfb_dial("127.0.0.1", port);
        if (fd >= 0)
            visit(o, fd);
        rfb_close(&o->rfb);
        if (over())
            break;
        o->returns++;
        usleep(STEP_MS * 1000);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned quicks, slows, updates = 0, least = ~0u, returns = 0;
    uint64_t bytes = 0;

    if (argc != 5) {
        fprintf(stderr, "usage: crowd PORT QUICK SLOW SECONDS\n");
        return 2;
    }
    port = (unsigned)atoi(argv[1]);
    quicks = (unsigned)atoi(argv[2]);
    slows = (unsigned)atoi(argv[3]);
    end_ms = rfb_now_ms() + atof(argv[4]) * 1e3;
    if (quicks + slows > CROWD_MAX) {
        fprintf(stderr, "at most %d viewers\n", CROWD_MAX);
        return 2;
    }
    setpriority(PRIO_PROCESS, 0, POLITENESS);
    for (unsigned i = 0; i < quicks + slows; i++) {
        crowd[i].number = i < quicks ? i : i - quicks;
        pthread_create(&crowd[i].thread, NULL, i < quicks ? quick : slow, &crowd[i]);
    }
    for (unsigned i = 0; i < quicks + slows; i++) {
        pthread_join(crowd[i].thread, NULL);
        rfb_close(&crowd[i].rfb);
        returns += crowd[i].returns;
        if (i >= quicks)
            continue;
        updates += crowd[i].updates;
        bytes += crowd[i].bytes;
        if (crowd[i].updates < least)
            least = crowd[i].updates;
    }
    printf("crowd %u %u %.1f %u\n", updates, quicks ? least : 0, (double)bytes / 1e6, returns);
    return 0;
}
