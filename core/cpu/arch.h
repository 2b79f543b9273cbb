/*
 * What the core asks of a guest architecture: one const table each. Private to core.
 *
 * Thread contract: on the vCPU's thread, or while it is paused.
 */
#ifndef CORE_CPU_ARCH_H
#define CORE_CPU_ARCH_H

#include "core/cpu/cpu.h"
#include "core/state/state.h"

struct cpu_register;

struct cpu_arch_ops {
    size_t regs_size, regs_align;
    /* Registers and the vCPU's waiting state as after power-up; regs may be NULL. */
    void (*reset)(struct vcpu *cpu);
    /* After the accelerator was told of the reset. NULL: nothing to do. */
    void (*reset_done)(struct vcpu *cpu);
    /* What physical addresses are of in the present state; NULL: always the machine's memory. */
    struct mem_space *(*memory)(const struct vcpu *cpu);

    /* debugger (core/cpu/debug.h) */
    const struct cpu_register *registers; /* ended by a NULL name */
    const char *pc_name;
    void (*register_read)(struct vcpu *cpu, const struct cpu_register *reg, void *buf);
    bool (*register_write)(struct vcpu *cpu, const struct cpu_register *reg, const void *buf,
                           struct vemu_error **errp);
    bool (*translate)(struct vcpu *cpu, uint64_t vaddr, uint64_t *paddr);
    uint64_t (*pc)(struct vcpu *cpu);

    /* saved state */
    const char *state_name;
    uint32_t state_version;
    const struct state_field *state;
    bool (*check)(const struct vcpu *cpu, const void *regs, struct vemu_error **errp);
    void (*before_save)(struct vcpu *cpu); /* NULL: nothing to do */
    void (*after_load)(struct vcpu *cpu);  /* NULL: likewise */
};

extern const struct cpu_arch_ops x86_arch_ops, arm_arch_ops; /* x86_arch.c, arm_arch.c */

static inline const struct cpu_arch_ops *cpu_arch_ops_of(enum cpu_arch arch)
{
    return arch == ARCH_ARM ? &arm_arch_ops : &x86_arch_ops;
}
static inline const struct cpu_arch_ops *cpu_arch_ops(const struct vcpu *cpu)
{
    return cpu_arch_ops_of(cpu->arch);
}

#endif
