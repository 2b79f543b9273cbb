/*
 * A machine as the library keeps it: the core's struct vemu_machine first, so that the public
 * handle, which is a pointer to that, is also a pointer to this.
 *
 * Locks, outermost first: `control` serialises everything that changes whether the machine runs
 * (callers' threads and the loop's thread); then the machine lock; then leaf locks. A callback of
 * the main loop runs with the machine lock held and so never takes `control`; what it wants done to
 * the vCPUs is a request, taken up in run_process() between two rounds of the loop.
 */
#ifndef LIBVEMU_MACHINE_H
#define LIBVEMU_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <vemu/vemu.h>
#include "core/device/machine.h"
#include "libvemu/control.h"
#include "libvemu/screens.h"

struct board_class;
struct chardev;
struct gdb_server;
struct vemu_block;
struct vemu_block_context;
struct console;
struct qmp;
struct qtest_server;
struct sdl;
struct vnc_server;

struct lib_machine {
    struct vemu_machine m;

    struct vemu_config *config;
    const struct board_class *board;
    const struct accel *accel;
    const struct config_node *accel_node; /* its options; NULL: none */
    unsigned cpus;
    struct vemu_block_context *flash_context;
    struct vemu_block *flash[2]; /* flash.c: images with firmware in them */
    char *bios;                  /* path of the firmware to start; NULL: none */

    vemu_log_fn log;
    void *log_opaque;
    enum vemu_loop_mode loop_mode;

    pthread_mutex_t control;
    bool realized, realize_failed;
    bool threads_started; /* the vCPUs' */
    bool ran;             /* it has been running before */
    bool loop_thread_valid;
    pthread_t loop_thread;
    atomic_bool quit;
    enum control_cause quit_cause; /* who is said to have asked for it */

    /* guarded by m.request_lock */
    enum vemu_exit_reason done; /* VEMU_EXIT_TIMEOUT while the guest is not done */
    char error[320];            /* of VEMU_EXIT_FAILED */

    struct gdb_server *gdb;
    struct qmp *qmp;  /* NULL: no monitors */
    unsigned hmp_cpu; /* whom monitors for people mean */
    struct qtest_server *qtest;
    struct vnc_server *vncs[SCREENS_MAX]; /* screens.c */
    unsigned vnc_count;
    struct sdl *sdl;           /* windows.c; NULL: no windows */
    atomic_uint screens_asked; /* SCREENS_*, by any thread for the loop's */

    struct list credentials; /* credentials.c */

    struct list consoles; /* struct console.node */
    pthread_mutex_t console_lock;
    pthread_cond_t console_cond; /* a ring buffer has bytes, or the guest is done */
};

static inline struct lib_machine *lib_of(struct vemu_machine *m)
{
    return (struct lib_machine *)m;
}

/* check.c: what of the configuration can be wrong without making anything; fills board, accel,
 * cpus and m.ram_size. */
bool check_config(struct lib_machine *lm, struct vemu_error **errp);
/* firmware.c: fills bios and m.firmware_dirs. */
bool check_firmware(struct lib_machine *lm, struct vemu_error **errp);
bool check_device(const struct config_node *node, struct vemu_error **errp);
/* Is this property of -machine the one that says where interrupt controllers are? */
bool check_is_irqchip(const char *key);

/* The id of what serial port %u (-serial mon:...) shares with a monitor. */
#define BUILD_SHARED_SERIAL "serial%u-base"
/* build.c: the machine itself. On failure the caller destroys it. */
bool build_machine(struct lib_machine *lm, struct vemu_error **errp);
/* A device by the name of its class; then plugged into the board. Machine lock held. */
struct device *build_new_device(struct lib_machine *lm, const char *cls, const char *id,
                                struct vemu_error **errp);
bool build_plug(struct lib_machine *lm, struct device *dev, struct vemu_error **errp);
/* A device with its properties; hot: while the machine runs. Machine lock held. */
bool build_described(struct lib_machine *lm, const struct config_node *node, bool hot,
                     struct vemu_error **errp);

/* run.c; all with `control` held but run_step */
/* Threads, then running or (start=off) paused. with_loop: the main loop gets a thread as well. */
bool run_start(struct lib_machine *lm, bool with_loop, bool running, struct vemu_error **errp);
/* Stand still, go on; without a word to those who listen. Return whether that changed anything. */
bool run_halt(struct lib_machine *lm, enum run_state state);
bool run_go(struct lib_machine *lm);
/* The same as somebody's decision, with an event. */
void run_pause(struct lib_machine *lm, enum run_state state);
void run_resume(struct lib_machine *lm);
/* false: the machine failed. */
bool run_reset(struct lib_machine *lm, enum control_cause cause, struct vemu_error **errp);
/* The guest is done: stand still and tell who waits. */
void run_finish(struct lib_machine *lm, enum vemu_exit_reason why, enum control_cause cause);
/* False, with the error set, when the board has no power button. */
bool run_powerdown(struct lib_machine *lm, struct vemu_error **errp);
/* A state was loaded into the standing machine: it is not done, whatever it was before. */
void run_loaded(struct lib_machine *lm);
enum run_state run_state(struct lib_machine *lm);
/* One round of the main loop and what was asked for in it. False once the guest is done. */
bool run_step(struct lib_machine *lm, int64_t timeout_ns);
/* The gdb stub's hands on the machine. */
struct gdb_host;
extern const struct gdb_host run_gdb_host;

/* console.c */
void console_init(struct lib_machine *lm);
void console_free(struct lib_machine *lm);
void console_wake(struct lib_machine *lm);
/* Start to watch a ring buffer made by build.c, so that reads can wait. */
bool console_watch(struct lib_machine *lm, struct chardev *chr, struct vemu_error **errp);

#endif
