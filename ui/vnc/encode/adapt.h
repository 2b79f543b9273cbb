/*
 * How well a client's connection carries what is sent, and what follows from it for the levels of
 * its encoder. The client's own choice is kept as long as the connection is good enough for it: a
 * slow one gets stronger compression and coarser photographs, a very fast one finer photographs.
 * Thread contract: the client's thread; no shared state.
 */
#ifndef UI_VNC_ENCODE_ADAPT_H
#define UI_VNC_ENCODE_ADAPT_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed before the first use. */
struct vnc_adapt {
    double bytes, seconds; /* of late, what is older counting less; 0: not known yet */
    int64_t round_trip_ns; /* the shortest answer to a small update; 0: none */
};

/* `bytes` went out, and ns after the first of them the client answered (by its next request or a
 * fence), or, where it does not, the socket had taken the last. */
void vnc_adapt_sent(struct vnc_adapt *a, size_t bytes, int64_t ns);
/* Bytes a second; 0: not known yet. */
double vnc_adapt_bandwidth(const struct vnc_adapt *a);
/* What to give vnc_encoder_set_levels for a client that asked for this. */
void vnc_adapt_choose(const struct vnc_adapt *a, int client_quality, int client_level, int *quality,
                      int *level);

#endif
