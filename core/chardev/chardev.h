/*
 * Character back ends: stdio (with escape key), file, pty, unix and tcp socket, null, ring buffer,
 * text console, and the other end of an agent in the guest.
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
struct state_field;

/* FOCUS: of a back end that several front ends share, this one gets the input from now on. */
enum chardev_event { CHARDEV_OPENED, CHARDEV_CLOSED, CHARDEV_BREAK, CHARDEV_FOCUS };

struct chardev_frontend {
    /* How many bytes the front end can take now. */
    size_t (*can_receive)(void *opaque);
    void (*receive)(void *opaque, const uint8_t *data, size_t len);
    /* A descriptor that came with what is received next, and is the front end's from here. NULL:
     * such are closed. */
    void (*receive_fd)(void *opaque, int fd);
    void (*writable)(void *opaque);
    void (*event)(void *opaque, enum chardev_event event); /* may be NULL */
    /* It knows whether a program in the guest listens: chardev_set_listening. Others always do. */
    bool tells_listening;
    bool wants_focus; /* it is told of CHARDEV_FOCUS */
};

/*
 * Create from the well-known option text. id may be NULL (the text's id=, or one is made). Listed
 * in m->chardevs. Back ends and their items:
 *
 * - null
 * - stdio[,signal=on|off][,in=N,out=N]: signal (on): the terminal makes signals of Ctrl-C and the
 *   like; in, out: descriptors (0 and 1). A terminal is raw while there is a front end.
 * - file:PATH or file,path=PATH[,append=on|off]: output only
 * - fd:N: a descriptor of the caller's, duplicated
 * - pty: chardev_path() names the terminal
 * - unix:PATH or socket,path=PATH[,server=on|off][,wait=on|off] (also: server, nowait)
 * - tcp:HOST:PORT or socket,host=H,port=P, the rest as for unix
 * - socket,fd=N,server=on: a listening socket of the caller's, duplicated
 * - ringbuf[,size=64K]: a power of two; the newest output is kept
 * - vc[,cols=N,rows=N][,width=N,height=N], vc:800x600, vc:80Cx25C: a terminal on a display of the
 *   machine (core/display) that bears the back end's id
 * - qemu-vdagent[,clipboard=on|off][,mouse=on|off][,name=...]: the host's end of the SPICE agent's
 *   protocol (core/vdagent), clipboard off and mouse on unless said; the name means nothing
 *
 * All but null, file, ringbuf and qemu-vdagent take mux=on: they are for several front ends, each
 * of which has a port of them (chardev_port).
 *
 * A server with wait=on (the default) waits here for its client. One client at a time; the next one
 * is accepted when it has gone. Guest output is dropped while nobody is connected. "mon:..." and
 * "none" are the cli's.
 */
struct chardev *chardev_new(struct vemu_machine *m, const char *id, const char *spec,
                            struct vemu_error **errp);
struct chardev *chardev_find(struct vemu_machine *m, const char *id);
/* What a front end attaches to: with mux=on another port each time, listed under the id (NULL: one
 * made of the back end's), else the back end. The first port has the input until Ctrl-A c hands it
 * on. */
struct chardev *chardev_port(struct chardev *chr, const char *id, struct vemu_error **errp);
/* Is it such a port? Its front end is told of the focus. */
bool chardev_is_port(const struct chardev *chr);
/* The back ends one after the other: prev NULL starts. */
struct chardev *chardev_next(struct vemu_machine *m, const struct chardev *prev);
const char *chardev_id(const struct chardev *chr);
/* What and where it is, as users of other emulators know it: "pty:/dev/pts/3",
 * "unix:/run/vm1.sock,server=on", "file", ... */
void chardev_describe(const struct chardev *chr, char *buf, size_t len);
/* What a back end keeps of what the guest wrote, for saved states: its table and the struct that
 * the table describes. NULL: nothing. */
const struct state_field *chardev_state(struct chardev *chr, uint32_t *version, void **obj);
void chardev_state_loaded(struct chardev *chr);
/* Does a front end use it, and where that can tell, a program of the guest? */
bool chardev_in_use(const struct chardev *chr);
/* Where the other end is: a pty's terminal, a file's name, "unix:PATH" or "tcp:HOST:PORT" as bound;
 * NULL for the others. Valid until the back end is freed. */
const char *chardev_path(const struct chardev *chr);
/* Not from a callback of the front end. Output still held back is given 200 ms to leave. */
void chardev_free(struct chardev *chr);
void chardev_free_all(struct vemu_machine *m); /* for machine_destroy */
/* Fails when the back end already has a front end. fe must outlive the attachment; NULL detaches.
 */
bool chardev_attach(struct chardev *chr, const struct chardev_frontend *fe, void *opaque,
                    struct vemu_error **errp);
/* What the other end does not take at once is held back, up to 64 KiB; then fewer bytes than len
 * are taken, and `writable` is called when there is room for more. */
size_t chardev_write(struct chardev *chr, const uint8_t *data, size_t len);
/* The front end can take bytes again (it said 0 from can_receive before). */
void chardev_accept_input(struct chardev *chr);
/* A program in the guest opened the front end, or closed it. Of a front end without
 * tells_listening: not called. */
void chardev_set_listening(struct chardev *chr, bool listening);
/*
 * What belongs to the saved state of a front end: the back end's part of a conversation with a
 * program of the guest, as qemu-vdagent has it; for the others nothing. chardev_talk_load takes
 * all of [in, in + len) and ends the conversation there was: chardev_set_listening follows.
 */
uint64_t chardev_talk_size(const struct chardev *chr);
void chardev_talk_save(const struct chardev *chr, uint8_t *out);
bool chardev_talk_load(struct chardev *chr, const uint8_t *in, uint64_t len,
                       struct vemu_error **errp);
/* Push bytes as if they came from outside (embedder's console write). Returns bytes taken. */
size_t chardev_inject(struct chardev *chr, const uint8_t *data, size_t len);
/* Ring buffer: take out what the guest wrote. Returns bytes copied. Any thread. */
size_t chardev_ring_read(struct chardev *chr, uint8_t *buf, size_t len);
/* Called (machine lock held) when the guest wrote to a ring buffer, for embedders that wait. */
void chardev_ring_notify(struct chardev *chr, void (*fn)(void *opaque), void *opaque);
/* stdio escape: Ctrl-A then a key; fn(opaque, key) gets keys other than Ctrl-A itself ('x', 'h',
 * ...). Ctrl-A twice sends one to the guest, Ctrl-A b a break. Works also while the guest takes no
 * input. */
void chardev_set_escape(struct chardev *chr, void (*fn)(void *opaque, int key), void *opaque);
/* stdio: put the terminal back into the mode it was found in; nothing for the others. Idempotent
 * and async-signal-safe: for crash handlers. chardev_free and detaching do it too. */
void chardev_termios_restore(struct chardev *chr);

#endif
