/*
 * Descriptors behind a back end: non-blocking input and buffered non-blocking output, for every
 * kind of descriptor, also those that are shared with other processes (a terminal, a pipe from the
 * shell), where O_NONBLOCK must not be set. Private to core/chardev; threads as in backend.h.
 */
#ifndef CORE_CHARDEV_FDIO_H
#define CORE_CHARDEV_FDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chardev;
struct vemu_error;

enum { FDIO_OUTPUT_SIZE = 64 << 10 };

struct fdio_end {
    int fd; /* -1: none */
    bool owned;
    bool socket;
    bool nonblocking;   /* the open file description is ours alone and has O_NONBLOCK */
    bool pipe;          /* writing may raise SIGPIPE */
    size_t write_bound; /* bytes that a write takes without blocking when poll says it may */
    unsigned watched;   /* LOOP_* events now asked for */
};

struct fdio {
    struct chardev *chr;
    struct fdio_end in, out; /* out.fd may be in.fd: then both are one watch */
    bool idle;               /* nobody at the other end: neither read nor written (pty) */
    bool read_always;        /* read also when there is no room: the filter finds escapes */
    uint8_t *output;         /* ring of FDIO_OUTPUT_SIZE bytes */
    size_t output_start, output_len;
    /* Bytes read; NULL: chardev_input. */
    void (*received)(struct chardev *chr, uint8_t *data, size_t len);
    /* Input ended, or the other end went away (output then has failed too). err is 0 at end of
     * file. May be called out of fdio_write. */
    void (*gone)(struct chardev *chr, bool output, int err);
};

bool fdio_init(struct fdio *io, struct chardev *chr, struct vemu_error **errp);
/* Flushes for a moment, closes what is owned. */
void fdio_destroy(struct fdio *io);
/* Sets the descriptors (-1: none; may be equal). shared: their open file descriptions may be used
 * by others, so that they are not owned and get no O_NONBLOCK. */
void fdio_attach(struct fdio *io, int in_fd, int out_fd, bool shared);
/* Stops watching and forgets one direction or both; unsent output is dropped. */
void fdio_detach(struct fdio *io, bool in, bool out);
/* Brings the watches in line with what is wanted now. */
void fdio_update(struct fdio *io);
size_t fdio_write(struct fdio *io, const uint8_t *data, size_t len);

#endif
