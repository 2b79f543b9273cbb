/* Commands about running, and what events say. */
#include "libvemu/qmp/commands.h"

#include <stdatomic.h>

#include "core/block/drive.h"
#include "core/cpu/cpu.h"
#include "libvemu/machine.h"

/* ---- events ---------------------------------------------------------------------------------- */

const char *commands_event_name(enum control_event what)
{
    static const char *const names[] = {
        [CONTROL_STOP] = "STOP",           [CONTROL_RESUME] = "RESUME",
        [CONTROL_RESET] = "RESET",         [CONTROL_SHUTDOWN] = "SHUTDOWN",
        [CONTROL_POWERDOWN] = "POWERDOWN", [CONTROL_GUEST_PANICKED] = "GUEST_PANICKED",
    };

    return names[what];
}

json_t *commands_event_data(enum control_event what, enum control_cause cause)
{
    if (what == CONTROL_GUEST_PANICKED)
        return json_pack("{s:s}", "action", "poweroff");
    if (what != CONTROL_RESET && what != CONTROL_SHUTDOWN)
        return NULL;
    return json_pack("{s:b,s:s}", "guest", cause >= CAUSE_GUEST_SHUTDOWN, "reason",
                     qmp_shutdown_causes[cause]);
}

/* Did a disk's error stop the machine? */
static bool disk_failed(struct lib_machine *lm)
{
    bool failed = false;

    machine_lock(&lm->m);
    list_for_each(d, &lm->m.drives, struct drive, node) failed |= d->status != DRIVE_FINE;
    machine_unlock(&lm->m);
    return failed;
}

/* ---- commands -------------------------------------------------------------------------------- */

QMP_COMMAND(qmp_query_status)
{
    struct lib_machine *lm = opaque;
    enum run_state state = run_state(lm);

    (void)args, (void)err;
    /* One that waits for its first start stands still like any other, but is called so. */
    if (state == RUN_STATE_PAUSED && !lm->ran)
        state = RUN_STATE_PRELAUNCH;
    return json_pack("{s:b,s:s}", "running", state == RUN_STATE_RUNNING, "status",
                     state == RUN_STATE_PAUSED && disk_failed(lm) ? "io-error"
                                                                  : qmp_run_states[state]);
}

QMP_COMMAND(qmp_stop)
{
    struct lib_machine *lm = opaque;

    (void)args, (void)err;
    if (run_state(lm) == RUN_STATE_RUNNING)
        run_pause(lm, RUN_STATE_PAUSED);
    return json_object();
}

QMP_COMMAND(qmp_cont)
{
    struct lib_machine *lm = opaque;
    enum run_state state = run_state(lm);

    (void)args;
    if (state == RUN_STATE_SHUTDOWN || state == RUN_STATE_INTERNAL_ERROR ||
        state == RUN_STATE_GUEST_PANICKED)
        return qmp_fail(err, QMP_GENERIC_ERROR, "the guest is done (%s): it needs a system_reset",
                        qmp_run_states[state]);
    run_resume(lm);
    return json_object();
}

QMP_COMMAND(qmp_system_reset)
{
    struct lib_machine *lm = opaque;
    struct vemu_error *error = NULL;

    (void)args;
    if (lm->m.no_reboot)
        run_finish(lm, VEMU_EXIT_RESET, CAUSE_HOST_QMP_RESET);
    else if (!run_reset(lm, CAUSE_HOST_QMP_RESET, &error))
        return qmp_fail_with(err, QMP_GENERIC_ERROR, error);
    return json_object();
}

QMP_COMMAND(qmp_system_powerdown)
{
    struct vemu_error *error = NULL;

    (void)args;
    return run_powerdown(opaque, &error) ? json_object()
                                         : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

QMP_COMMAND(qmp_inject_nmi)
{
    struct lib_machine *lm = opaque;

    (void)args, (void)err;
    for (unsigned i = 0; i < lm->m.vcpu_count; i++)
        cpu_interrupt(lm->m.vcpus[i], CPU_INT_NMI);
    return json_object();
}

/* The machine ends when all commands of this round have run, and so after the reply. */
QMP_COMMAND(qmp_quit)
{
    struct lib_machine *lm = opaque;

    (void)args, (void)err;
    lm->quit_cause = CAUSE_HOST_QMP_QUIT;
    atomic_store(&lm->quit, true);
    return json_object();
}

QMP_COMMAND(qmp_query_migrate_capabilities)
{
    (void)opaque, (void)args, (void)err;
    return json_array();
}

QMP_COMMAND(qmp_migrate_set_capabilities)
{
    (void)opaque, (void)args, (void)err;
    return json_object();
}
