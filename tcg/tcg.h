/*
 * The translator as an accelerator: what libvemu needs to choose and configure it.
 * Thread contract: these functions on the thread that builds the machine, before any vCPU runs.
 */
#ifndef TCG_TCG_H
#define TCG_TCG_H

#include <stdbool.h>

struct accel;
struct vemu_machine;
struct vemu_error;

const struct accel *tcg_accel(void);
/* One option of `-accel tcg,key=value` (thread, backend, ...), after accel->machine_init. An
 * unknown key or value sets the error. */
bool tcg_set_option(struct vemu_machine *m, const char *key, const char *value,
                    struct vemu_error **errp);
/* -icount: an instruction takes 1 << shift ns of virtual time; sleep: idle time passes in real
 * time. After accel->machine_init, before any vCPU is made. */
bool tcg_set_icount(struct vemu_machine *m, unsigned shift, bool sleep, struct vemu_error **errp);

#endif
