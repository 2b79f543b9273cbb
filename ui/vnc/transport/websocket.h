/*
 * WebSocket over a stream (RFC 6455), the server's side after the upgrade: what a browser sends in
 * binary messages are the bytes read, and what is written goes out in binary frames of at most 64
 * KiB. How the peer cuts its bytes into frames does not show. Pings are answered; text, frames that
 * are not masked, and lengths past the bounds end the stream.
 */
#ifndef UI_VNC_TRANSPORT_WEBSOCKET_H
#define UI_VNC_TRANSPORT_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>

struct vemu_error;
struct vnc_stream;

enum {
    VNC_WEBSOCKET_INPUT = 16384,      /* bytes that may have been read past the upgrade's request */
    VNC_WEBSOCKET_FRAME_MAX = 1 << 24 /* of a frame that the peer sends */
};

/* On top of below, which it then owns. early: bytes that came behind the request. NULL and the
 * error: below is still the caller's. */
struct vnc_stream *vnc_websocket_new(struct vnc_stream *below, const void *early, size_t early_len,
                                     struct vemu_error **errp);

#endif
