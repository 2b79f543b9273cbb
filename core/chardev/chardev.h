/*
 * Character back ends: stdio (with escape key), file, pty, unix and tcp socket, null, ring buffer.
 *
 * A front end (a UART, a console) attaches callbacks; one front end per back end. Callbacks run on
 * the main loop's thread with the machine lock held; chardev_write is called with the machine lock
 * held and never blocks: it returns how many bytes were taken, and `writable` is called when there
 * is room. The library never touches the terminal by itself: the stdio back end is created with
 * descriptors, and saves and restores termios through the functions below (cli installs the crash
 * handlers).
 */
#ifndef CORE_CHARDEV_CHARDEV_H
#define CORE_CHARDEV_CHARDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/util/list.h"

struct vemu_machine;
struct vemu_error;
struct chardev;

enum chardev_event { CHARDEV_OPENED, CHARDEV_CLOSED, CHARDEV_BREAK };

struct chardev_frontend {
    /* How many bytes the front end can take now. */
    size_t (*can_receive)(void *opaque);
    void (*receive)(void *opaque, const uint8_t *data, size_t len);
    void (*writable)(void *opaque);
    void (*event)(void *opaque, enum chardev_event event); /* may be NULL */
};

/*
 * Create from the well-known option text: "null", "stdio", "stdio,signal=off", "file,path=F" or
 * "file:F", "pty", "unix:PATH,server=on,wait=off", "socket,path=..,server=on",
 * "tcp:HOST:PORT,server=on,wait=off", "ringbuf,size=64K", "fd:N", "mon:..." is the cli's. id may be
 * NULL (one is made). Listed in m->chardevs.
 */
struct chardev *chardev_new(struct vemu_machine *m, const char *id, const char *spec,
                            struct vemu_error **errp);
struct chardev *chardev_find(struct vemu_machine *m, const char *id);
const char *chardev_id(const struct chardev *chr);
void chardev_free(struct chardev *chr);
/* Fails when the back end already has a front end. fe must outlive the attachment; NULL detaches.
 */
bool chardev_attach(struct chardev *chr, const struct chardev_frontend *fe, void *opaque,
                    struct vemu_error **errp);
size_t chardev_write(struct chardev *chr, const uint8_t *data, size_t len);
/* The front end can take bytes again (it said 0 from can_receive before). */
void chardev_accept_input(struct chardev *chr);
/* Push bytes as if they came from outside (embedder's console write). Returns bytes taken. */
size_t chardev_inject(struct chardev *chr, const uint8_t *data, size_t len);
/* Ring buffer: take out what the guest wrote. Returns bytes copied. Any thread. */
size_t chardev_ring_read(struct chardev *chr, uint8_t *buf, size_t len);
/* Called (machine lock held) when the guest wrote to a ring buffer, for embedders that wait. */
void chardev_ring_notify(struct chardev *chr, void (*fn)(void *opaque), void *opaque);
/* stdio escape: Ctrl-A then a key; fn(opaque, key) gets keys other than Ctrl-A itself ('x', 'h',
 * 'c'). */
void chardev_set_escape(struct chardev *chr, void (*fn)(void *opaque, int key), void *opaque);

#endif
