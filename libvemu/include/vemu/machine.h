/*
 * Machines: life, run control, saved state.
 *
 *   config -> vemu_machine_create -> add devices, chardevs -> vemu_machine_realize
 *          -> vemu_machine_run                             (until the guest is done), or
 *             vemu_machine_start, pause, resume, wait       (the library runs a thread), or
 *             vemu_machine_start and vemu_machine_iterate   (the embedder's own poll loop)
 *          -> vemu_machine_reset, save, load               (any number of times)
 *          -> vemu_machine_destroy
 *
 * Machines are independent: any number live in one process, on any threads.
 *
 * Thread contract: functions of one machine may be called from any thread and are serialised
 * inside, but never from a callback of that machine (log, console, escape), where only
 * vemu_machine_quit() is allowed. create, add, realize and destroy must not overlap with any other
 * call for the same machine.
 */
#ifndef VEMU_MACHINE_H
#define VEMU_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "config.h"
#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vemu_machine;

/* Categories of log lines, as `-d` names them; warnings are always on. */
enum vemu_log_category {
    VEMU_LOG_IN_ASM = 1 << 0,
    VEMU_LOG_IR = 1 << 1,
    VEMU_LOG_OUT_ASM = 1 << 2,
    VEMU_LOG_EXEC = 1 << 3,
    VEMU_LOG_INT = 1 << 4,
    VEMU_LOG_MMU = 1 << 5,
    VEMU_LOG_GUEST_ERROR = 1 << 6,
    VEMU_LOG_UNIMP = 1 << 7,
    VEMU_LOG_WARNING = 1 << 30,
};

/* One line without newline, valid during the call. Called from any thread, one call at a time. */
typedef void (*vemu_log_fn)(void *opaque, enum vemu_log_category category, const char *line);

/* Who runs the machine's main loop (devices' I/O and timers). */
enum vemu_loop_mode {
    VEMU_LOOP_LIBRARY = 0,  /* vemu_machine_run's caller, or a thread made by start */
    VEMU_LOOP_EMBEDDER = 1, /* the embedder: vemu_machine_fd and vemu_machine_iterate */
};

/* Fill with VEMU_MACHINE_OPTIONS_INIT, then set members. New members are added at the end. */
struct vemu_machine_options {
    size_t size;     /* sizeof(struct vemu_machine_options) */
    vemu_log_fn log; /* NULL: log lines are dropped */
    void *log_opaque;
    enum vemu_loop_mode loop;
};
#define VEMU_MACHINE_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(struct vemu_machine_options), 0, 0, VEMU_LOOP_LIBRARY                               \
    }

enum vemu_machine_state {
    VEMU_STATE_CREATED,  /* not realized yet */
    VEMU_STATE_PREPARED, /* realized, or loaded; never started */
    VEMU_STATE_RUNNING,
    VEMU_STATE_PAUSED,   /* by the caller or a debugger */
    VEMU_STATE_SHUTDOWN, /* the guest is done, or vemu_machine_quit() */
    VEMU_STATE_PANICKED,
    VEMU_STATE_FAILED, /* the accelerator cannot go on */
};

enum vemu_exit_reason {
    VEMU_EXIT_FAILED = -1, /* the call itself failed, or the accelerator: the error says why */
    VEMU_EXIT_TIMEOUT = 0, /* still running (vemu_machine_wait with a timeout) */
    VEMU_EXIT_SHUTDOWN,    /* the guest powered off */
    VEMU_EXIT_RESET,       /* the guest asked for a reset and reboot is off */
    VEMU_EXIT_STATUS,      /* a device ended the machine with a status (isa-debug-exit) */
    VEMU_EXIT_PANICKED,    /* the guest reported a panic */
    VEMU_EXIT_QUIT,        /* vemu_machine_quit() */
};

/*
 * Make a machine from `config` (copied; may be NULL for all defaults). Checks what can be checked
 * without touching the host: machine type, CPU count, memory size against the board's and the
 * host's limits, device classes and property names, accelerator. options may be NULL.
 * Returns NULL and sets the error on failure. Free with vemu_machine_destroy().
 */
struct vemu_machine *vemu_machine_create(const struct vemu_config *config,
                                         const struct vemu_machine_options *options,
                                         struct vemu_error **errp);

/* Between create and realize: as the options -chardev, -device, --disk and -drive. spec:
 * "BACKEND,key=value,...", "CLASS,property=value,...", "FILE,size=20G", "file=FILE,if=none,id=ID".
 */
bool vemu_machine_add_chardev(struct vemu_machine *m, const char *spec, struct vemu_error **errp);
bool vemu_machine_add_device(struct vemu_machine *m, const char *spec, struct vemu_error **errp);
bool vemu_machine_add_disk(struct vemu_machine *m, const char *spec, struct vemu_error **errp);
bool vemu_machine_add_drive(struct vemu_machine *m, const char *spec, struct vemu_error **errp);

/*
 * Create everything: back ends, board, devices, vCPUs; load the kernel. All or nothing: after a
 * failure the machine can only be destroyed, which leaves no socket of it behind.
 */
bool vemu_machine_realize(struct vemu_machine *m, struct vemu_error **errp);

/*
 * Run until the guest is done. Realizes first when that was not done. With VEMU_LOOP_LIBRARY the
 * calling thread becomes the machine's main loop until it returns. A machine configured with
 * start=off waits for vemu_machine_resume() or a debugger. Returns the reason; for VEMU_EXIT_FAILED
 * the error is set.
 */
enum vemu_exit_reason vemu_machine_run(struct vemu_machine *m, struct vemu_error **errp);

/* Start a realized machine and return; with VEMU_LOOP_LIBRARY a thread runs the main loop. */
bool vemu_machine_start(struct vemu_machine *m, struct vemu_error **errp);
/*
 * Stop all vCPUs between two instructions and the virtual clock; returns when they stand. Pausing a
 * machine that does not run is allowed and does nothing. Main-loop I/O goes on.
 */
bool vemu_machine_pause(struct vemu_machine *m, struct vemu_error **errp);
bool vemu_machine_resume(struct vemu_machine *m, struct vemu_error **errp);
/* Power-on reset of every device and vCPU; a running machine goes on running from the reset state,
 * one that was done becomes VEMU_STATE_PREPARED. */
bool vemu_machine_reset(struct vemu_machine *m, struct vemu_error **errp);
/* Press the power button: what becomes of it is the guest's decision. Fails on a machine without
 * one. */
bool vemu_machine_powerdown(struct vemu_machine *m, struct vemu_error **errp);
/*
 * Wait until the guest is done. timeout_ms -1: without limit. With VEMU_LOOP_EMBEDDER the waiting
 * thread must not be the one that iterates. Reasons as vemu_machine_run(), or VEMU_EXIT_TIMEOUT.
 */
enum vemu_exit_reason vemu_machine_wait(struct vemu_machine *m, int timeout_ms,
                                        struct vemu_error **errp);
/* Ask the machine to stop for good: run and wait return VEMU_EXIT_QUIT. Returns at once. Allowed in
 * every callback, from any thread, and in a signal handler. */
void vemu_machine_quit(struct vemu_machine *m);
/* The status of VEMU_EXIT_STATUS, else 0. */
int vemu_machine_exit_status(struct vemu_machine *m);
enum vemu_machine_state vemu_machine_get_state(struct vemu_machine *m);
/* Stops what runs and frees everything; NULL is allowed. */
void vemu_machine_destroy(struct vemu_machine *m);

/*
 * VEMU_LOOP_EMBEDDER: poll vemu_machine_fd() for readability (it stays the same descriptor), then
 * call vemu_machine_iterate(m, 0), always on one thread. timeout_ms -1 waits for one round of work
 * instead. Returns true while the machine lives; false once the guest is done
 * (vemu_machine_wait(m, 0, ...) tells why).
 */
int vemu_machine_fd(struct vemu_machine *m);
bool vemu_machine_iterate(struct vemu_machine *m, int timeout_ms);

/*
 * Write the state of a machine that is not running to fd, or read it into a realized machine of the
 * same configuration that is not running. A stream is checked as hostile input; after a failed load
 * the machine is reset. Blocks; load reads to the end of the file or stream.
 */
bool vemu_machine_save(struct vemu_machine *m, int fd, struct vemu_error **errp);
bool vemu_machine_load(struct vemu_machine *m, int fd, struct vemu_error **errp);

/*
 * Where the machine's first VNC server (keys "vnc" and "display") listens: "127.0.0.1:5900" or the
 * path of a unix socket; NULL: there is none, or no memory. Freed with vemu_string_free(). Any
 * thread, once the machine is realized.
 */
char *vemu_machine_vnc_address(struct vemu_machine *m);

/* The accelerator's counters as text for people; freed with vemu_string_free(). Never NULL but when
 * memory is short. */
char *vemu_machine_jit_info(struct vemu_machine *m);

#ifdef __cplusplus
}
#endif
#endif
