/*
 * What an Arm vCPU asks of the board around it: the interrupt controller's CPU interface, the
 * generic timer's outputs, and calls to firmware. One table each, given to the vCPU by the board.
 *
 * An interrupt controller raises and lowers CPU_INT_IRQ, CPU_INT_FIQ, CPU_INT_VIRQ and CPU_INT_VFIQ
 * as levels (cpu_interrupt(), cpu_clear_interrupt()); whether the vCPU takes them is PSTATE's and
 * HCR_EL2's to say.
 */
#ifndef CORE_CPU_ARM_INTC_H
#define CORE_CPU_ARM_INTC_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

/* A system register by its encoding, as MSR and MRS have it. */
#define ARM_SYSREG(op0, op1, crn, crm, op2)                                                        \
    ((uint32_t)(op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

/* The state that decides about an access to the controller's registers. */
struct arm_intc_access {
    uint8_t el; /* 0-3 */
    bool secure;
    uint64_t hcr; /* HCR_EL2 as in force: 0 in secure state or without EL2 */
    uint64_t scr; /* SCR_EL3, 0 without EL3 */
};

enum arm_intc_result {
    ARM_INTC_OK,
    ARM_INTC_UNDEFINED, /* not there, or not at this exception level */
    ARM_INTC_TRAP_EL2,  /* a trap of the controller's own (ICH_HCR_EL2) */
    ARM_INTC_TRAP_EL3,
};

/* On the vCPU's thread, without the machine lock. NULL: the CPU has no system-register interface
 * (GICv2). `reg`: ARM_SYSREG() of ICC_*, ICH_* or, at EL1 under HCR_EL2.IMO/FMO, the ICC_* number
 * of an ICV_* register. */
struct arm_intc_ops {
    enum arm_intc_result (*read)(void *opaque, uint32_t reg, const struct arm_intc_access *access,
                                 uint64_t *value);
    enum arm_intc_result (*write)(void *opaque, uint32_t reg, const struct arm_intc_access *access,
                                  uint64_t value);
    /* A vCPU with EL3 entered or left EL3, or changed its security state: which of its outputs an
     * interrupt raises depends on that. NULL: on nothing of the kind. */
    void (*state_changed)(void *opaque, uint8_t el, bool secure);
};

/* The outputs of the generic timer, as the Arm ARM names the timers. */
enum arm_timer {
    ARM_TIMER_PHYS,     /* EL1 physical: CNTP */
    ARM_TIMER_VIRT,     /* CNTV */
    ARM_TIMER_HYP,      /* EL2 physical: CNTHP */
    ARM_TIMER_HYP_VIRT, /* EL2 virtual: CNTHV */
    ARM_TIMER_SEC,      /* secure physical: CNTPS */
    ARM_TIMER_COUNT,
    /* No timer, but an output that comes at a time like theirs: overflows of the performance
     * monitors' counters. */
    ARM_OUTPUT_PMU = ARM_TIMER_COUNT,
    ARM_OUTPUT_COUNT,
};

/* How a processor calls firmware. */
enum arm_conduit { ARM_CONDUIT_NONE, ARM_CONDUIT_HVC, ARM_CONDUIT_SMC };

struct arm_board_ops {
    /* A timer's control, compare value or offset was written, or the vCPU was reset: its output and
     * its deadline are computed anew from the register file (arm_timer_output()). The vCPU's
     * thread, without the machine lock; or while the vCPU is paused. */
    void (*timer_changed)(struct vcpu *cpu, enum arm_timer which, void *opaque);
    /* HVC or SMC with immediate 0 by the board's conduit, x: X0-X17 in and X0-X3 out (AArch32:
     * R0-R7). False: not a call that the board answers. The vCPU's thread, without the lock. */
    bool (*firmware_call)(struct vcpu *cpu, uint64_t x[18], void *opaque);
    enum arm_conduit conduit;
};

#endif
