/*
 * The generic timer's outputs, and the performance monitors', on the board's side: levels to the
 * interrupt controller's private inputs, and timers of the machine for what becomes due. The
 * registers are the vCPU's (core/cpu/arm.h). Device class "arm-timer", made by boards.
 *
 * arm_timer_update is called by vCPUs without the machine lock: each timer has a lock of its own,
 * below the machine lock and above the interrupt controller's. The lines it drives take that.
 */
#ifndef HW_TIMER_ARM_TIMER_H
#define HW_TIMER_ARM_TIMER_H

#include "core/cpu/arm_intc.h"
#include "core/device/device.h"

struct vcpu;

extern const struct device_class arm_timer_class;

struct device *arm_timer_create(struct vemu_machine *m, struct vcpu *const *cpus,
                                unsigned cpu_count, struct vemu_error **errp);
/* Before the machine runs; a timer that is not connected costs nothing. */
void arm_timer_connect(struct device *dev, unsigned cpu, enum arm_timer which, struct irq line);
/* As arm_board_ops.timer_changed: any thread that may look at the vCPU's registers. */
void arm_timer_update(struct device *dev, unsigned cpu, enum arm_timer which);

#endif
