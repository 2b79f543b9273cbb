/*
 * Calls of an Arm guest to firmware, answered by the board: PSCI 1.1 (Arm DEN 0022) and what the
 * SMC calling convention (Arm DEN 0028) has of its own.
 *
 * On the vCPU's thread, without the machine lock. A call that does not return, or not yet, leaves
 * vcpu.halted set: CPU_OFF and what ends the machine with arm_regs.powered_off besides, until
 * CPU_INT_START comes.
 */
#ifndef HW_ARM_PSCI_H
#define HW_ARM_PSCI_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

/* x: X0-X17 in, X0-X3 out. True: every function is answered, unknown ones by NOT_SUPPORTED. */
bool psci_call(struct vcpu *cpu, uint64_t x[18]);

#endif
