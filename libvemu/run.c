/*
 * Running: who stops and starts the vCPUs and the virtual clock, and what becomes of the requests
 * that devices, vCPUs and the debugger make while the main loop runs.
 */
#include <stdio.h>
#include <string.h>
#include <signal.h>

#include "accel/qtest/qtest.h"
#include "core/block/drive.h"
#include "core/cpu/cpu.h"
#include "core/gdb/gdb.h"
#include "core/net/net.h"
#include "core/util/error.h"
#include "hw/board.h"
#include "libvemu/machine.h"
#include "libvemu/screens.h"

enum run_state run_state(struct lib_machine *lm)
{
    enum run_state state;

    pthread_mutex_lock(&lm->m.request_lock);
    state = lm->m.run_state;
    pthread_mutex_unlock(&lm->m.request_lock);
    return state;
}

static void set_state(struct lib_machine *lm, enum run_state state)
{
    pthread_mutex_lock(&lm->m.request_lock);
    lm->m.run_state = state;
    pthread_cond_broadcast(&lm->m.state_changed);
    pthread_mutex_unlock(&lm->m.request_lock);
}

static void *loop_main(void *opaque)
{
    struct lib_machine *lm = opaque;

    while (run_step(lm, -1))
        ;
    return NULL;
}

static bool start_loop(struct lib_machine *lm, struct vemu_error **errp)
{
    sigset_t all, old;
    int err;

    if (lm->loop_thread_valid)
        return true;
    /* Signals are the embedder's business: none is handled on a thread of the library. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&lm->loop_thread, NULL, loop_main, lm);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    lm->loop_thread_valid = err == 0;
    return err == 0 || error_set_errno(errp, err, "cannot make the machine's main-loop thread");
}

static bool start_vcpus(struct lib_machine *lm, struct vemu_error **errp)
{
    for (unsigned i = 0; i < lm->m.vcpu_count; i++) {
        if (!lm->threads_started && !vcpu_start_thread(lm->m.vcpus[i], errp))
            return false;
    }
    lm->threads_started = true;
    return true;
}

bool run_start(struct lib_machine *lm, bool with_loop, bool running, struct vemu_error **errp)
{
    if (!start_vcpus(lm, errp) || (with_loop && !start_loop(lm, errp)))
        return false;
    if (running)
        run_resume(lm);
    else if (run_state(lm) == RUN_STATE_PRELAUNCH)
        set_state(lm, RUN_STATE_PAUSED);
    return true;
}

bool run_halt(struct lib_machine *lm, enum run_state state)
{
    bool running = run_state(lm) == RUN_STATE_RUNNING;

    if (running) {
        vcpus_pause(&lm->m);
        clock_set_running(lm->m.clocks, false);
        machine_lock(&lm->m);
        drive_drain_all(&lm->m);
        netdev_pause_all(&lm->m, true);
        machine_unlock(&lm->m);
    }
    set_state(lm, state);
    return running;
}

bool run_go(struct lib_machine *lm)
{
    enum run_state state = run_state(lm);

    if (state != RUN_STATE_PRELAUNCH && state != RUN_STATE_PAUSED && state != RUN_STATE_DEBUG)
        return false;
    /* A debugger may say so before the machine was started. */
    if (!start_vcpus(lm, NULL))
        return false;
    lm->ran = true;
    set_state(lm, RUN_STATE_RUNNING);
    clock_set_running(lm->m.clocks, true);
    machine_lock(&lm->m);
    drive_resume_all(&lm->m);
    netdev_pause_all(&lm->m, false);
    machine_unlock(&lm->m);
    vcpus_resume(&lm->m);
    return true;
}

void run_pause(struct lib_machine *lm, enum run_state state)
{
    if (run_halt(lm, state))
        control_event(lm, CONTROL_STOP, CAUSE_NONE);
}

void run_resume(struct lib_machine *lm)
{
    if (run_go(lm))
        control_event(lm, CONTROL_RESUME, CAUSE_NONE);
}

/* Requests that were made before the machine stood still and that a reset makes void. */
static uint32_t take_after_reset(struct lib_machine *lm)
{
    return machine_take_requests(&lm->m) &
           ~(1u << MACHINE_REQUEST_RESET | 1u << MACHINE_REQUEST_UNPLUG);
}

void run_loaded(struct lib_machine *lm)
{
    pthread_mutex_lock(&lm->m.request_lock);
    if (lm->m.run_state != RUN_STATE_PAUSED && lm->m.run_state != RUN_STATE_DEBUG)
        lm->m.run_state = RUN_STATE_PRELAUNCH;
    lm->done = VEMU_EXIT_TIMEOUT;
    lm->m.exit_status = 0;
    lm->error[0] = 0;
    pthread_mutex_unlock(&lm->m.request_lock);
    atomic_store(&lm->quit, false);
}

static void finish(struct lib_machine *lm, enum vemu_exit_reason why, enum run_state state,
                   enum control_cause cause)
{
    run_halt(lm, state);
    control_event(lm, CONTROL_SHUTDOWN, cause);
    pthread_mutex_lock(&lm->m.request_lock);
    lm->done = why;
    pthread_cond_broadcast(&lm->m.state_changed);
    pthread_mutex_unlock(&lm->m.request_lock);
    console_wake(lm);
    if (lm->gdb)
        gdb_server_exited(lm->gdb, why == VEMU_EXIT_STATUS ? lm->m.exit_status : 0);
}

void run_finish(struct lib_machine *lm, enum vemu_exit_reason why, enum control_cause cause)
{
    finish(lm, why, RUN_STATE_SHUTDOWN, cause);
}

static void fail(struct lib_machine *lm, const char *sentence)
{
    pthread_mutex_lock(&lm->m.request_lock);
    snprintf(lm->error, sizeof lm->error, "%s", sentence);
    pthread_mutex_unlock(&lm->m.request_lock);
    finish(lm, VEMU_EXIT_FAILED, RUN_STATE_INTERNAL_ERROR, CAUSE_HOST_ERROR);
}

static const char *vcpu_error(const struct lib_machine *lm)
{
    for (unsigned i = 0; i < lm->m.vcpu_count; i++)
        if (lm->m.vcpus[i]->error[0])
            return lm->m.vcpus[i]->error;
    return "a vCPU cannot go on";
}

/* *requests: what was asked for meanwhile. false: the machine failed. */
static bool reset_stopped(struct lib_machine *lm, uint32_t *requests, struct vemu_error **errp)
{
    struct vemu_error *why = NULL;

    machine_lock(&lm->m);
    bool ok = machine_reset(&lm->m, &why);
    machine_free_unplugged(&lm->m);
    machine_unlock(&lm->m);
    *requests = take_after_reset(lm);
    if (ok)
        return true;
    fail(lm, vemu_error_message(why));
    if (errp)
        *errp = why;
    else
        vemu_error_free(why);
    return false;
}

bool run_reset(struct lib_machine *lm, enum control_cause cause, struct vemu_error **errp)
{
    bool running = run_state(lm) == RUN_STATE_RUNNING;
    uint32_t requests;

    if (running)
        run_halt(lm, RUN_STATE_PAUSED);
    if (!reset_stopped(lm, &requests, errp))
        return false;
    control_event(lm, CONTROL_RESET, cause);
    if (running)
        run_go(lm);
    else
        run_loaded(lm);
    return true;
}

static bool asked(uint32_t requests, enum machine_request what)
{
    return requests >> what & 1;
}

static void guest_reset(struct lib_machine *lm);

/* What the guest let go is freed while no vCPU can be inside of it. */
static void free_unplugged(struct lib_machine *lm)
{
    bool running =
        run_halt(lm, run_state(lm) == RUN_STATE_RUNNING ? RUN_STATE_PAUSED : run_state(lm));

    machine_lock(&lm->m);
    machine_free_unplugged(&lm->m);
    machine_unlock(&lm->m);
    if (running)
        run_go(lm);
}

/* The strongest request decides; `control` held, loop's thread. */
static void handle(struct lib_machine *lm, uint32_t requests)
{
    if (atomic_load(&lm->quit))
        run_finish(lm, VEMU_EXIT_QUIT, lm->quit_cause);
    else if (asked(requests, MACHINE_REQUEST_ERROR))
        fail(lm, vcpu_error(lm));
    else if (asked(requests, MACHINE_REQUEST_EXIT))
        run_finish(lm, VEMU_EXIT_STATUS, CAUSE_GUEST_SHUTDOWN);
    else if (asked(requests, MACHINE_REQUEST_PANIC)) {
        control_event(lm, CONTROL_GUEST_PANICKED, CAUSE_NONE);
        finish(lm, VEMU_EXIT_PANICKED, RUN_STATE_GUEST_PANICKED, CAUSE_GUEST_PANIC);
    } else if (asked(requests, MACHINE_REQUEST_SHUTDOWN) && lm->m.no_shutdown) {
        control_event(lm, CONTROL_SHUTDOWN, CAUSE_GUEST_SHUTDOWN);
        run_pause(lm, RUN_STATE_SHUTDOWN);
    } else if (asked(requests, MACHINE_REQUEST_SHUTDOWN))
        run_finish(lm, VEMU_EXIT_SHUTDOWN, CAUSE_GUEST_SHUTDOWN);
    else if (asked(requests, MACHINE_REQUEST_RESET) && lm->m.no_reboot)
        run_finish(lm, VEMU_EXIT_RESET, CAUSE_GUEST_RESET);
    else if (asked(requests, MACHINE_REQUEST_RESET))
        guest_reset(lm);
    else if (asked(requests, MACHINE_REQUEST_PAUSE))
        run_pause(lm, RUN_STATE_PAUSED);
    else if (asked(requests, MACHINE_REQUEST_DEBUG)) {
        bool running = run_state(lm) == RUN_STATE_RUNNING;
        run_pause(lm, RUN_STATE_DEBUG);
        if (lm->gdb)
            gdb_server_stopped(lm->gdb);
        else if (running)
            run_resume(lm);
    }
}

/* What else was asked for by the time everything stood still decides after all. */
static void guest_reset(struct lib_machine *lm)
{
    bool running = run_state(lm) == RUN_STATE_RUNNING;
    uint32_t requests;

    if (running)
        run_halt(lm, RUN_STATE_PAUSED);
    if (!reset_stopped(lm, &requests, NULL))
        return;
    control_event(lm, CONTROL_RESET, CAUSE_GUEST_RESET);
    if (requests)
        handle(lm, requests);
    else if (running)
        run_go(lm);
}

static bool is_done(struct lib_machine *lm)
{
    bool done;

    pthread_mutex_lock(&lm->m.request_lock);
    done = lm->done != VEMU_EXIT_TIMEOUT;
    pthread_mutex_unlock(&lm->m.request_lock);
    return done;
}

bool run_step(struct lib_machine *lm, int64_t timeout_ns)
{
    uint32_t requests;

    /* A request made before the loop was entered has its wake-up pending; it waits for nothing. */
    loop_iterate(lm->m.loop, timeout_ns);
    requests = machine_take_requests(&lm->m);
    if (requests || atomic_load(&lm->quit) || (lm->gdb && gdb_server_pending(lm->gdb)) ||
        control_pending(lm) || screens_pending(lm) ||
        (lm->qtest && qtest_server_pending(lm->qtest))) {
        pthread_mutex_lock(&lm->control);
        if (lm->gdb)
            gdb_server_process(lm->gdb);
        control_process(lm);
        if (lm->qtest)
            qtest_server_process(lm->qtest);
        if (asked(requests, MACHINE_REQUEST_UNPLUG))
            free_unplugged(lm);
        if (!is_done(lm))
            screens_process(lm);
        if (!is_done(lm))
            handle(lm, requests);
        pthread_mutex_unlock(&lm->control);
    }
    return !is_done(lm);
}

bool run_powerdown(struct lib_machine *lm, struct vemu_error **errp)
{
    bool pressed;

    machine_lock(&lm->m);
    pressed = lm->board->power_button && lm->board->power_button(&lm->m);
    machine_unlock(&lm->m);
    if (!pressed)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "this machine (%s) has no power button that a guest could see",
                         lm->board->name);
    control_event(lm, CONTROL_POWERDOWN, CAUSE_NONE);
    return true;
}

/* ---- the gdb stub's hands -------------------------------------------------------------------- */

static void gdb_pause(void *opaque)
{
    if (run_state(opaque) == RUN_STATE_RUNNING)
        run_pause(opaque, RUN_STATE_DEBUG);
}

static void gdb_resume(void *opaque)
{
    run_resume(opaque);
}

static void gdb_kill(void *opaque)
{
    vemu_machine_quit(opaque);
}

static void gdb_reset(void *opaque)
{
    run_reset(opaque, CAUSE_HOST_UI, NULL);
}

static bool gdb_is_running(void *opaque)
{
    return run_state(opaque) == RUN_STATE_RUNNING;
}

const struct gdb_host run_gdb_host = {
    .pause = gdb_pause,
    .resume = gdb_resume,
    .kill = gdb_kill,
    .reset = gdb_reset,
    .is_running = gdb_is_running,
};
