/* An accelerator whose vCPUs have registers and never run: for tests of what is around them. */
#ifndef TESTS_STILL_ACCEL_H
#define TESTS_STILL_ACCEL_H

#include <stdlib.h>
#include <string.h>
#include "core/cpu/arch.h"
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"

static inline bool still_vcpu_init(struct vcpu *cpu, struct vemu_error **errp)
{
    size_t size = (cpu_arch_ops(cpu)->regs_size + 63) / 64 * 64;
    (void)errp;
    cpu->regs = aligned_alloc(64, size);
    memset(cpu->regs, 0, size);
    return true;
}
static inline void still_vcpu_destroy(struct vcpu *cpu)
{
    free(cpu->regs);
}
static inline void still_vcpu_kick(struct vcpu *cpu)
{
    (void)cpu;
}
static inline void still_x86_features(struct vemu_machine *m, uint32_t *words)
{
    (void)m;
    memset(words, 0xff, X86_FEAT_WORDS * sizeof *words);
}
static const struct accel still_accel = {.name = "still",
                                         .x86_features = still_x86_features,
                                         .vcpu_init = still_vcpu_init,
                                         .vcpu_destroy = still_vcpu_destroy,
                                         .vcpu_kick = still_vcpu_kick};

#endif
