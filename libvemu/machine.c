/* The public life of a machine: create, realize, run control, saved state, destroy. */
#include "libvemu/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accel/qtest/qtest.h"
#include "core/cpu/cpu.h"
#include "core/gdb/gdb.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "libvemu/config.h"
#include "libvemu/credentials.h"
#include "libvemu/flash.h"
#include "libvemu/text.h"

_Static_assert(VEMU_LOG_IN_ASM == (int)LOG_IN_ASM && VEMU_LOG_UNIMP == (int)LOG_UNIMP,
               "public log categories are the core's");

const char *vemu_version(void)
{
    return VEMU_VERSION_STRING;
}

/* ---- create and destroy ---------------------------------------------------------------------- */

static void log_line(void *opaque, enum log_category category, const char *line)
{
    struct lib_machine *lm = opaque;

    if (lm->log)
        lm->log(lm->log_opaque,
                category == LOG_WARN ? VEMU_LOG_WARNING : (enum vemu_log_category)category, line);
}

/* Members that an older caller's struct does not have stay at their defaults. */
static bool take_options(struct lib_machine *lm, const struct vemu_machine_options *from,
                         struct vemu_error **errp)
{
    struct vemu_machine_options options = VEMU_MACHINE_OPTIONS_INIT;

    if (from) {
        if (from->size < sizeof from->size || from->size > 4096)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "vemu_machine_options.size is %zu, but must be the struct's size, %zu",
                             from->size, sizeof options);
        memcpy(&options, from, MIN(from->size, sizeof options));
    }
    lm->log = options.log;
    lm->log_opaque = options.log_opaque;
    lm->loop_mode = options.loop;
    lm->quit_cause = CAUSE_HOST_SIGNAL;
    return true;
}

struct vemu_machine *vemu_machine_create(const struct vemu_config *config,
                                         const struct vemu_machine_options *options,
                                         struct vemu_error **errp)
{
    struct lib_machine *lm = calloc(1, sizeof *lm);

    if (!lm) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (!take_options(lm, options, errp) || !machine_init(&lm->m, errp)) {
        free(lm);
        return NULL;
    }
    pthread_mutex_init(&lm->control, NULL);
    console_init(lm);
    list_init(&lm->credentials);
    lm->m.log.opaque = lm;
    lm->m.log.sink = log_line;
    lm->config = config ? vemu_config_clone(config) : vemu_config_new();
    if (!lm->config)
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    if (!lm->config || !check_config(lm, errp)) {
        vemu_machine_destroy(&lm->m);
        return NULL;
    }
    return &lm->m;
}

void vemu_machine_destroy(struct vemu_machine *m)
{
    struct lib_machine *lm = m ? lib_of(m) : NULL;

    if (!lm)
        return;
    if (lm->loop_thread_valid) {
        vemu_machine_quit(m);
        pthread_join(lm->loop_thread, NULL);
    }
    pthread_mutex_lock(&lm->control);
    run_pause(lm, RUN_STATE_SHUTDOWN);
    pthread_mutex_unlock(&lm->control);
    screens_free(lm);
    credentials_free(lm);
    gdb_server_free(lm->gdb);
    control_free(lm);
    qtest_server_free(lm->qtest);
    machine_destroy(&lm->m);
    flash_close(lm);
    console_free(lm);
    vemu_config_free(lm->config);
    free(lm->bios);
    pthread_mutex_destroy(&lm->control);
    free(lm);
}

/* ---- add and realize ------------------------------------------------------------------------- */

static bool addable(struct lib_machine *lm, struct vemu_error **errp)
{
    return !(lm->realized || lm->realize_failed) ||
           error_set(errp, VEMU_ERROR_STATE,
                     "the machine is realized: add devices and chardevs before that");
}

/* Adds to the machine's own configuration; what the whole then lacks is found at once. */
static bool add(struct lib_machine *lm, const char *key, const char *spec, struct vemu_error **errp)
{
    struct vemu_config *before;

    if (!addable(lm, errp))
        return false;
    before = vemu_config_clone(lm->config);
    if (!before)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    if (!config_set(lm->config, key, spec, key, true, errp) || !check_config(lm, errp)) {
        vemu_config_free(lm->config);
        lm->config = before;
        lm->accel_node = NULL;
        check_config(lm, NULL);
        return false;
    }
    vemu_config_free(before);
    return true;
}

bool vemu_machine_add_chardev(struct vemu_machine *m, const char *spec, struct vemu_error **errp)
{
    return add(lib_of(m), "chardev", spec, errp);
}

bool vemu_machine_add_device(struct vemu_machine *m, const char *spec, struct vemu_error **errp)
{
    return add(lib_of(m), "device", spec, errp);
}

bool vemu_machine_add_disk(struct vemu_machine *m, const char *spec, struct vemu_error **errp)
{
    return add(lib_of(m), "disk", spec, errp);
}

bool vemu_machine_add_drive(struct vemu_machine *m, const char *spec, struct vemu_error **errp)
{
    return add(lib_of(m), "drive", spec, errp);
}

bool vemu_machine_realize(struct vemu_machine *m, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);

    if (lm->realized)
        return error_set(errp, VEMU_ERROR_STATE, "the machine is already realized");
    if (lm->realize_failed)
        return error_set(errp, VEMU_ERROR_STATE, "realizing the machine failed before: destroy it");
    if (!build_machine(lm, errp)) {
        lm->realize_failed = true;
        return false;
    }
    lm->realized = true;
    return true;
}

/* ---- run control ----------------------------------------------------------------------------- */

static bool need_realized(struct lib_machine *lm, struct vemu_error **errp)
{
    return lm->realized || error_set(errp, VEMU_ERROR_STATE, "the machine is not realized yet");
}

static enum vemu_exit_reason take_done(struct lib_machine *lm, struct vemu_error **errp)
{
    enum vemu_exit_reason why;

    pthread_mutex_lock(&lm->m.request_lock);
    why = lm->done;
    if (why == VEMU_EXIT_FAILED)
        error_set(errp, VEMU_ERROR_STATE, "%s", lm->error);
    pthread_mutex_unlock(&lm->m.request_lock);
    return why;
}

static bool not_done(struct lib_machine *lm, struct vemu_error **errp)
{
    return take_done(lm, NULL) == VEMU_EXIT_TIMEOUT ||
           error_set(errp, VEMU_ERROR_STATE, "the guest is done: reset the machine first");
}

/* A loop thread that ended with its guest is joined before the next one starts. */
static void join_old_loop(struct lib_machine *lm)
{
    if (lm->loop_thread_valid && take_done(lm, NULL) != VEMU_EXIT_TIMEOUT) {
        pthread_join(lm->loop_thread, NULL);
        lm->loop_thread_valid = false;
    }
}

static bool start(struct lib_machine *lm, bool with_loop, struct vemu_error **errp)
{
    bool running = config_flag(lm->config, "start", true), ok;

    pthread_mutex_lock(&lm->control);
    ok = not_done(lm, errp) && run_start(lm, with_loop, running, errp);
    pthread_mutex_unlock(&lm->control);
    return ok;
}

bool vemu_machine_start(struct vemu_machine *m, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);

    return need_realized(lm, errp) && start(lm, lm->loop_mode == VEMU_LOOP_LIBRARY, errp);
}

enum vemu_exit_reason vemu_machine_run(struct vemu_machine *m, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);

    if (!lm->realized && !vemu_machine_realize(m, errp))
        return VEMU_EXIT_FAILED;
    if (lm->loop_thread_valid)
        return vemu_machine_wait(m, -1, errp);
    if (!start(lm, false, errp))
        return VEMU_EXIT_FAILED;
    while (run_step(lm, -1))
        ;
    return take_done(lm, errp);
}

bool vemu_machine_pause(struct vemu_machine *m, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);

    if (!need_realized(lm, errp))
        return false;
    pthread_mutex_lock(&lm->control);
    if (run_state(lm) == RUN_STATE_RUNNING)
        run_pause(lm, RUN_STATE_PAUSED);
    pthread_mutex_unlock(&lm->control);
    return true;
}

bool vemu_machine_resume(struct vemu_machine *m, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);
    bool ok;

    if (!need_realized(lm, errp))
        return false;
    pthread_mutex_lock(&lm->control);
    ok = not_done(lm, errp) && (lm->threads_started || error_set(errp, VEMU_ERROR_STATE,
                                                                 "the machine is not started yet"));
    if (ok)
        run_resume(lm);
    pthread_mutex_unlock(&lm->control);
    return ok;
}

bool vemu_machine_reset(struct vemu_machine *m, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);

    if (!need_realized(lm, errp))
        return false;
    join_old_loop(lm);
    pthread_mutex_lock(&lm->control);
    bool ok = run_reset(lm, CAUSE_HOST_UI, errp);
    pthread_mutex_unlock(&lm->control);
    return ok;
}

bool vemu_machine_powerdown(struct vemu_machine *m, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);
    bool ok;

    if (!need_realized(lm, errp))
        return false;
    pthread_mutex_lock(&lm->control);
    ok = run_powerdown(lm, errp);
    pthread_mutex_unlock(&lm->control);
    return ok;
}

enum vemu_exit_reason vemu_machine_wait(struct vemu_machine *m, int timeout_ms,
                                        struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);
    struct timespec until;
    int err = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    if (timeout_ms > 0) {
        until.tv_sec += timeout_ms / 1000;
        until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
    }
    pthread_mutex_lock(&m->request_lock);
    while (lm->done == VEMU_EXIT_TIMEOUT && timeout_ms != 0 && err != ETIMEDOUT)
        err = timeout_ms < 0 ? pthread_cond_wait(&m->state_changed, &m->request_lock)
                             : pthread_cond_timedwait(&m->state_changed, &m->request_lock, &until);
    pthread_mutex_unlock(&m->request_lock);
    return take_done(lm, errp);
}

void vemu_machine_quit(struct vemu_machine *m)
{
    /* Only an atomic store and a write to an eventfd: allowed in signal handlers. */
    atomic_store(&lib_of(m)->quit, true);
    loop_wake(m->loop);
}

int vemu_machine_exit_status(struct vemu_machine *m)
{
    struct lib_machine *lm = lib_of(m);
    int status;

    pthread_mutex_lock(&m->request_lock);
    status = lm->done == VEMU_EXIT_STATUS ? m->exit_status : 0;
    pthread_mutex_unlock(&m->request_lock);
    return status;
}

enum vemu_machine_state vemu_machine_get_state(struct vemu_machine *m)
{
    static const enum vemu_machine_state states[] = {
        [RUN_STATE_PRELAUNCH] = VEMU_STATE_PREPARED,
        [RUN_STATE_RUNNING] = VEMU_STATE_RUNNING,
        [RUN_STATE_PAUSED] = VEMU_STATE_PAUSED,
        [RUN_STATE_SHUTDOWN] = VEMU_STATE_SHUTDOWN,
        [RUN_STATE_INTERNAL_ERROR] = VEMU_STATE_FAILED,
        [RUN_STATE_GUEST_PANICKED] = VEMU_STATE_PANICKED,
        [RUN_STATE_DEBUG] = VEMU_STATE_PAUSED,
    };

    return lib_of(m)->realized ? states[run_state(lib_of(m))] : VEMU_STATE_CREATED;
}

int vemu_machine_fd(struct vemu_machine *m)
{
    return loop_fd(m->loop);
}

bool vemu_machine_iterate(struct vemu_machine *m, int timeout_ms)
{
    return run_step(lib_of(m), timeout_ms < 0 ? -1 : (int64_t)timeout_ms * 1000000);
}

char *vemu_machine_jit_info(struct vemu_machine *m)
{
    const struct accel *accel = m->accel;
    struct text t = {0};
    size_t len = accel && accel->info_text ? accel->info_text(m, NULL, 0) : 0;

    text_add(&t, "accelerator: %s\n", accel ? accel->name : "none");
    if (len && !t.failed) {
        /* Counters move while the machine runs: the second text may be longer, and is then cut. */
        char *counters = malloc(len + 64);
        if (counters) {
            accel->info_text(m, counters, len + 64);
            text_add(&t, "%s", counters);
            free(counters);
        }
    }
    return t.data;
}
