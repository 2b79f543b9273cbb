/*
 * The machine's remote controls: monitors that speak QMP (-qmp, -mon, the control socket). Without
 * a JSON library there are none, and asking for one is an error. Thread contract as core/monitor.
 */
#ifndef LIBVEMU_CONTROL_H
#define LIBVEMU_CONTROL_H

#include <stdbool.h>

struct lib_machine;
struct vemu_error;

/* As the configuration says; with none asked for nothing is made. */
bool control_build(struct lib_machine *lm, struct vemu_error **errp);
void control_free(struct lib_machine *lm);
bool control_pending(struct lib_machine *lm);
/* Pass on what devices have to tell (core/device/event.h), then run commands that came. `control`
 * held, loop's thread. */
void control_process(struct lib_machine *lm);

/* What happened to the machine, for those who listen. `control` held, machine lock not. */
enum control_event {
    CONTROL_STOP,
    CONTROL_RESUME,
    CONTROL_RESET,
    CONTROL_SHUTDOWN,
    CONTROL_POWERDOWN,
    CONTROL_GUEST_PANICKED,
};
/* Who was it? Of RESET and SHUTDOWN. */
enum control_cause {
    CAUSE_NONE,
    CAUSE_HOST_ERROR,
    CAUSE_HOST_QMP_QUIT,
    CAUSE_HOST_QMP_RESET,
    CAUSE_HOST_SIGNAL,
    CAUSE_HOST_UI,
    CAUSE_GUEST_SHUTDOWN,
    CAUSE_GUEST_RESET,
    CAUSE_GUEST_PANIC,
};
void control_event(struct lib_machine *lm, enum control_event what, enum control_cause cause);

#endif
