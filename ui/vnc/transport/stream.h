/*
 * A connection to a viewer as bytes both ways, none of which ever waits. Streams stack: a socket at
 * the bottom, TLS (tls.h) over anything, WebSocket (websocket.h) over either. A layer owns the one
 * below, so a stack is handled by its topmost stream alone.
 *
 * One thread at a time may use a stack; it may be another one from call to call. There are no
 * locks, and no timers: who polls also knows how long a peer may take.
 *
 * How to serve one: poll vnc_stream_fd for vnc_stream_events; when it says anything,
 * vnc_stream_flush, then read until there is nothing for now, then write. Reading that stops
 * earlier, because there is no room for more, asks vnc_stream_pending before it polls again: a
 * layer may hold bytes that no poll tells of.
 */
#ifndef UI_VNC_TRANSPORT_STREAM_H
#define UI_VNC_TRANSPORT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct vemu_error;
struct vnc_stream;

/* What vnc_stream_events is asked for. */
enum { VNC_STREAM_READ = 1, VNC_STREAM_WRITE = 2 };
/* What reads and writes answer besides a number of bytes: not now, and never again. */
enum { VNC_STREAM_WAIT = 0, VNC_STREAM_OVER = -1 };

/* One end of the connection, in the words of query-vnc. */
struct vnc_address {
    const char *family; /* "ipv4", "ipv6", "unix" or "unknown"; constant */
    char host[128];     /* numeric; of unix the path, empty when it has none */
    char service[8];    /* the port; of unix empty */
};

/* What a kind of stream does; for layers only. Each is called by the function below of its name,
 * which says what it means, with the stream not over yet. A layer that fails says why with
 * vnc_stream_fail. */
struct vnc_stream_ops {
    ssize_t (*read)(struct vnc_stream *s, void *data, size_t len);
    ssize_t (*write)(struct vnc_stream *s, const struct iovec *iov, unsigned count);
    bool (*flush)(struct vnc_stream *s);
    unsigned (*events)(const struct vnc_stream *s, unsigned wanted);
    bool (*pending)(const struct vnc_stream *s);
    /* Says goodbye, if it can without waiting, and frees the layer's struct; the one below is
     * closed after it. Called also when the stream is over. */
    void (*close)(struct vnc_stream *s);
};

/* Starts each layer's struct. */
struct vnc_stream {
    const struct vnc_stream_ops *ops;
    struct vnc_stream *below; /* owned; NULL: this is the socket */
    bool over;
    char reason[160]; /* why, when it was not the peer that ended it */
};

/*
 * A connected stream socket (TCP or unix), which the stream owns from here on; its open file
 * description may be shared and is not changed. NULL: out of memory, and fd is still the caller's.
 */
struct vnc_stream *vnc_stream_new(int fd, struct vemu_error **errp);

/* Bytes read, 1 to len (len > 0); VNC_STREAM_WAIT; VNC_STREAM_OVER: the peer ended it, or it
 * failed. */
ssize_t vnc_stream_read(struct vnc_stream *s, void *data, size_t len);
/*
 * Bytes taken from the front of what iov says, which the caller may forget; VNC_STREAM_WAIT;
 * VNC_STREAM_OVER. A layer may hold what it took (at most one record or frame) until flushed. count
 * is at most VNC_STREAM_IOV_MAX, and there is at least one byte.
 */
enum { VNC_STREAM_IOV_MAX = 64 };
ssize_t vnc_stream_write(struct vnc_stream *s, const struct iovec *iov, unsigned count);
/* Sends what layers hold, as far as that goes now. True: nothing is held any more. False also when
 * it is over. */
bool vnc_stream_flush(struct vnc_stream *s);

int vnc_stream_fd(const struct vnc_stream *s);
/* POLLIN and POLLOUT (EPOLLIN and EPOLLOUT are the same bits) to wait for, when the caller wants to
 * read, to write, both, or neither (0): layers may need the other direction, or have something to
 * send. */
unsigned vnc_stream_events(const struct vnc_stream *s, unsigned wanted);
/* A read may give something though the socket has nothing. */
bool vnc_stream_pending(const struct vnc_stream *s);

/* Over: nothing more goes either way. Why: a sentence, or "the peer closed the connection". */
bool vnc_stream_is_over(const struct vnc_stream *s);
const char *vnc_stream_reason(const struct vnc_stream *s);
/* The layer's word that this is the end (reason as printf, NULL: the peer closed it); returns
 * VNC_STREAM_OVER. */
ssize_t vnc_stream_fail(struct vnc_stream *s, const char *reason, ...)
    __attribute__((format(printf, 2, 3)));

/* Both as they were when the stream was made. They live as long as the stack does. */
const struct vnc_address *vnc_stream_peer(const struct vnc_stream *s);
const struct vnc_address *vnc_stream_local(const struct vnc_stream *s);
/* Is the peer a program of this host, by a unix socket or over loopback? */
bool vnc_stream_is_local(const struct vnc_stream *s);

/* Ends and frees all layers; NULL: nothing happens. */
void vnc_stream_close(struct vnc_stream *s);

#endif
