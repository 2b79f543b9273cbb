/*
 * Between core/chardev/chardev.c, which knows front ends, and the back ends, one a file, which know
 * the outside. Private to core/chardev.
 *
 * Everything runs with the machine lock held (or before the machine runs), on the loop's thread
 * except `write` and `input_changed`. A back end never calls the front end: it hands input to
 * chardev_input() and reports the other end's coming and going with chardev_set_opened(), and
 * chardev.c passes both on from the loop's thread.
 */
#ifndef CORE_CHARDEV_BACKEND_H
#define CORE_CHARDEV_BACKEND_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/chardev/chardev.h"
#include "core/chardev/fdio.h"
#include "core/clock/clock.h"
#include "core/util/error.h"
#include "core/util/opts.h"

struct chardev_backend {
    /* Makes chr->priv and opens. what: the name for error sentences ("chardev file"). On failure
     * close is not called. */
    bool (*open)(struct chardev *chr, struct opts *opts, const char *what,
                 struct vemu_error **errp);
    void (*close)(struct chardev *chr);
    /* Takes what it can; never blocks. */
    size_t (*write)(struct chardev *chr, const uint8_t *data, size_t len);
    /* There is more or less room for input, or a front end came, went, began to listen or ceased
     * to. May be NULL. */
    void (*input_changed)(struct chardev *chr);
    /* What it keeps of what the guest wrote, as a table of fields of what `state` returns; loaded:
     * they came from a saved state. NULL: nothing. */
    const struct state_field *fields;
    uint32_t state_version;
    void *(*state)(struct chardev *chr);
    void (*loaded)(struct chardev *chr);
    /* See chardev.h; NULL: there is nothing to save. */
    uint64_t (*talk_size)(const struct chardev *chr);
    void (*talk_save)(const struct chardev *chr, uint8_t *out);
    bool (*talk_load)(struct chardev *chr, const uint8_t *in, uint64_t len,
                      struct vemu_error **errp);
};

enum { CHARDEV_INPUT_SIZE = 4096 };

struct chardev_mux; /* mux.c */

struct chardev {
    struct list node;
    struct vemu_machine *machine;
    char *id, *path;
    const struct chardev_backend *backend;
    void *priv;
    const struct chardev_frontend *fe;
    void *fe_opaque;

    uint8_t input[CHARDEV_INPUT_SIZE]; /* came in, not yet taken by the front end */
    size_t input_len;

    struct timer kick;  /* "as soon as possible": has the loop's thread call the front end */
    bool server;        /* a socket that waits for its peer */
    bool opened;        /* somebody is at the other end */
    bool listening;     /* somebody is at the front end's side */
    bool opened_told;   /* what the front end was told last */
    bool break_pending; /* a break condition to report */
    bool short_write;   /* the front end waits for `writable` */
    bool room;          /* there is room again: call it */

    bool muxed;                  /* it is for several front ends: each has a port of it */
    struct chardev_mux *mux;     /* of such a one that has ports, and of a port */
    bool focused, focus_pending; /* of a port: it gets the input; the front end is to be told */

    void (*escape)(void *opaque, int key);
    void *escape_opaque;
};

extern const struct chardev_backend chardev_null, chardev_stdio, chardev_file, chardev_fd,
    chardev_pty, chardev_socket, chardev_ringbuf, chardev_vc, chardev_vdagent, chardev_mux_port;

/* How many bytes chardev_input takes now; 0 without a front end. */
size_t chardev_input_room(const struct chardev *chr);
/* Bytes from outside. What exceeds the room is dropped. Loop's thread. */
void chardev_input(struct chardev *chr, const uint8_t *data, size_t len);
/* A descriptor that came with the next bytes; taken in any case. Loop's thread. */
void chardev_input_fd(struct chardev *chr, int fd);
void chardev_set_opened(struct chardev *chr, bool opened);
void chardev_break(struct chardev *chr);
/* There is room for output again after a short write. */
void chardev_room(struct chardev *chr);
bool chardev_set_path(struct chardev *chr, const char *path);
/* Takes Ctrl-A and the key after it out of [data, data + len): a break, one Ctrl-A, or a key of the
 * escape's. The rest is handed to `input`, what stands before such a key before the key is told.
 * escaping: a Ctrl-A ended the last ones. */
void chardev_take_escapes(struct chardev *chr, bool *escaping, uint8_t *data, size_t len,
                          void (*input)(struct chardev *chr, const uint8_t *data, size_t len));
/* One that is on no option: listed, without priv. id NULL: one is made. */
struct chardev *chardev_make(struct vemu_machine *m, const char *id,
                             const struct chardev_backend *backend, struct vemu_error **errp);
/* mux.c: a port gets the input, or no more. */
void chardev_set_focus(struct chardev *port, bool focused);
void chardev_mux_base_gone(struct chardev *base);
bool chardev_mux_set_escape(struct chardev *chr, void (*fn)(void *opaque, int key), void *opaque);
struct chardev *chardev_mux_base(const struct chardev *port);
/* A line for the user, after the back end's name. */
void chardev_warn(struct chardev *chr, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* For chardev_termios_restore. Async-signal-safe. */
void chardev_stdio_restore(struct chardev *chr);

#endif
