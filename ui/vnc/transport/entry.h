/*
 * How a connection becomes one that speaks RFB. On one port come VNC viewers, which wait for the
 * server to speak, and browsers, which speak first: a request of HTTP, or TLS's client hello. So
 * the server waits for 50 ms before it takes a connection for a viewer's. A browser is served here
 * until it upgrades to WebSocket, leaves, or has had its time.
 *
 * An entry belongs to one thread, which polls it like a stream and steps it. It never waits, and
 * every state has a deadline: whoever keeps it does not need timers but the one that
 * vnc_entry_deadline names. Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef UI_VNC_TRANSPORT_ENTRY_H
#define UI_VNC_TRANSPORT_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

struct vemu_error;
struct vnc_entry;
struct vnc_stream;
struct vnc_web;

enum vnc_entry_result {
    VNC_ENTRY_WAIT,  /* step again when the poll says so, or at the deadline */
    VNC_ENTRY_READY, /* RFB may start: vnc_entry_take */
    VNC_ENTRY_OVER   /* free it; vnc_entry_reason says why, if anybody should know */
};

/*
 * The entry owns the socket's stream from here on. web: what browsers get; NULL: there are none,
 * and a viewer is ready at once. browsers_only: nobody is taken for a viewer (a port for WebSocket
 * alone). NULL and the error: the stream is still the caller's.
 */
struct vnc_entry *vnc_entry_new(struct vnc_stream *socket, const struct vnc_web *web,
                                bool browsers_only, int64_t now, struct vemu_error **errp);
enum vnc_entry_result vnc_entry_step(struct vnc_entry *e, int64_t now);
/* Has it turned out to be one? */
bool vnc_entry_is_browser(const struct vnc_entry *e);
/* There is reason to think that a peer which has said nothing yet is a browser: it gets until then
 * before it is taken for a viewer's, but no more than a second since it came. */
void vnc_entry_expect_browser(struct vnc_entry *e, int64_t until);
/* Is that how a browser begins: a method of HTTP, or TLS? */
bool vnc_entry_is_browsers_byte(uint8_t first);
/* For poll; the descriptor stays the same. */
int vnc_entry_fd(const struct vnc_entry *e);
unsigned vnc_entry_events(const struct vnc_entry *e);
int64_t vnc_entry_deadline(const struct vnc_entry *e);
/* A sentence for the log; NULL: it just ended, as connections of browsers do. */
const char *vnc_entry_reason(const struct vnc_entry *e);
/* What was refused while it went on, once: a sentence for the log; NULL: nothing. */
const char *vnc_entry_take_problem(struct vnc_entry *e);
const struct vnc_stream *vnc_entry_stream(const struct vnc_entry *e); /* for the peer's name */

/* After VNC_ENTRY_READY: the stream to speak RFB on, which is the caller's. The entry is freed. */
struct vnc_stream *vnc_entry_take(struct vnc_entry *e, bool *websocket, bool *secure);
/* Closes the connection; NULL: nothing happens. */
void vnc_entry_free(struct vnc_entry *e);

#endif
