/*
 * Whoever guesses passwords waits: the outcome of a wrong attempt is told later each time, and no
 * other attempt from the same host has its outcome before, so that neither many connections at once
 * nor giving up early makes it faster. Other hosts do not wait, and the server waits for nobody.
 *
 * A fixed table: hosts that it has no room for share an entry. Owned by the server, its lock held.
 * Times are nanoseconds of one clock.
 */
#ifndef UI_VNC_GUESSES_H
#define UI_VNC_GUESSES_H

#include <stdbool.h>
#include <stdint.h>
#include "ui/vnc/transport/stream.h"

enum { VNC_GUESSES_HOSTS = 64 };

/* Zeroed before the first use. */
struct vnc_guesses {
    struct vnc_guesser {
        char host[64];  /* empty: the entry is free */
        unsigned wrong; /* attempts since the last right one */
        int64_t next;   /* no outcome is told before */
    } hosts[VNC_GUESSES_HOSTS], others;
};

/* Somebody tried, and was right or wrong. Returns when to tell. */
int64_t vnc_guesses_tell(struct vnc_guesses *g, const struct vnc_address *peer, bool right,
                         int64_t now);

#endif
