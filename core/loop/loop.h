/*
 * The main loop of one machine: epoll, timers, and calls queued from other threads.
 *
 * Either the library runs it in a thread (loop_run) or the embedder polls loop_fd() for readability
 * and calls loop_iterate(loop, 0). Callbacks run on the loop's thread with the machine lock held.
 * Thread contract: loop_call, loop_wake and loop_stop from any thread; loop_fd_set and
 * loop_fd_remove on the loop's thread, before it runs, or on any thread that holds the machine lock
 * (who removes a descriptor so knows that its callback will not run again); the rest on the loop's
 * thread or before it runs. A descriptor is removed before it is closed.
 */
#ifndef CORE_LOOP_LOOP_H
#define CORE_LOOP_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct clock_set;
struct vemu_error;
struct loop;

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HUP = 4 };
typedef void (*loop_fd_fn)(void *opaque, int fd, unsigned events);
typedef void (*loop_call_fn)(void *opaque);

/* lock: the machine lock, taken around every callback. */
struct loop *loop_new(struct clock_set *clocks, pthread_mutex_t *lock, struct vemu_error **errp);
void loop_free(struct loop *loop);
/* Watch fd for events (0: keep registered, only HUP/error, which are reported for as long as they
 * last: remove the descriptor then). Re-adding changes the events. A file that cannot be polled (a
 * regular file) counts as ready at all times and gets one callback a round. */
bool loop_fd_set(struct loop *loop, int fd, unsigned events, loop_fd_fn fn, void *opaque,
                 struct vemu_error **errp);
void loop_fd_remove(struct loop *loop, int fd);
/* Run fn on the loop's thread soon. Returns false when memory is short. */
bool loop_call(struct loop *loop, loop_call_fn fn, void *opaque);
void loop_wake(struct loop *loop);
int loop_fd(
    struct loop *loop); /* pollable: readable when loop_iterate has work (fds, timers, calls) */
/* One round; waits at most timeout_ns (-1: until something happens). Returns false after loop_stop,
 * once for each: the loop may be run again. */
bool loop_iterate(struct loop *loop, int64_t timeout_ns);
void loop_run(struct loop *loop); /* until loop_stop */
void loop_stop(struct loop *loop);

#endif
