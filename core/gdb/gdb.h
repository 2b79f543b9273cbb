/*
 * The gdb remote stub of one machine: a listening socket, one debugger at a time.
 *
 * Threads of the debugger are vCPUs (1 is the first). The stub reads packets in a callback of the
 * main loop, with the machine lock held, but acts on them in gdb_server_process(), which the owner
 * of the loop calls between two rounds without any lock: pausing vCPUs must not be done under the
 * machine lock. Whatever the peer sends is bounded: packets by RSP_PACKET_MAX, breakpoints by
 * GDB_BREAKPOINTS_MAX; a malformed packet gets an error reply and changes nothing.
 *
 * Thread contract: new and free before and after the loop runs; the rest on the loop's thread.
 */
#ifndef CORE_GDB_GDB_H
#define CORE_GDB_GDB_H

#include <stdbool.h>
#include <stddef.h>

struct vemu_machine;
struct vemu_error;
struct gdb_server;

enum { GDB_BREAKPOINTS_MAX = 1024 };

/* What the stub asks of the machine's owner; called from gdb_server_process(), no locks held. */
struct gdb_host {
    void (*pause)(void *opaque);  /* stand still; nothing when it does already */
    void (*resume)(void *opaque); /* run on, if the guest is not done */
    void (*kill)(void *opaque);
    void (*reset)(void *opaque);
    bool (*is_running)(void *opaque);
};

/* where: "tcp:HOST:PORT" (HOST empty: this machine only) or "unix:PATH". NULL on failure. */
struct gdb_server *gdb_server_new(struct vemu_machine *m, const char *where,
                                  const struct gdb_host *host, void *opaque,
                                  struct vemu_error **errp);
/* Closes the sockets, removes a unix socket's file, drops breakpoints. NULL is allowed. The vCPUs
 * are paused. */
void gdb_server_free(struct gdb_server *g);
/* Is there something for gdb_server_process to do? */
bool gdb_server_pending(const struct gdb_server *g);
void gdb_server_process(struct gdb_server *g);
/* The machine was paused because a vCPU hit a breakpoint, watchpoint or finished a step. */
void gdb_server_stopped(struct gdb_server *g);
/* The guest is done: tells the debugger. */
void gdb_server_exited(struct gdb_server *g, int status);

#endif
