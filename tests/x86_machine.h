/* A machine with RAM and vCPUs of the translator, and no thread of its own: what unit tests of the
 * x86 system side, the oracle, the golden file and the translator's bench share. The caller's
 * thread acts as the vCPU. */
#ifndef TESTS_X86_MACHINE_H
#define TESTS_X86_MACHINE_H

#include <stdatomic.h>
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "tcg/machine.h"
#include "tcg/tcg.h"
#include "tcg/x86/sys.h"

struct x86_machine {
    struct vemu_machine m;
    struct mem_region ram_region;
    struct ram_block *ram; /* from address 0 on */
    struct x86_cpu_model model;
    struct vcpu *cpu; /* the last of them */
    struct tcg_cpu *tc;
    struct x86_regs *r;
};

struct x86_machine_config {
    uint64_t ram;                /* bytes */
    const char *model;           /* as after -cpu */
    unsigned vcpus;              /* 0: one */
    const char *const *options;  /* of -accel tcg, key and value in turn, then NULL; or NULL */
    const struct tcg_arch *arch; /* in place of x86's; or NULL */
};

/* On failure *err is set; nothing needs to be freed by a program that ends then. */
static inline bool x86_machine_create(struct x86_machine *t, const struct x86_machine_config *c,
                                      struct vemu_error **err)
{
    uint32_t words[X86_FEAT_WORDS];
    memset(t, 0, sizeof *t);
    if (!machine_init(&t->m, err))
        return false;
    t->ram = ram_block_new(&t->m.rams, "ram", c->ram, false, err);
    if (!t->ram)
        return false;
    mem_region_init_ram(&t->ram_region, "ram", t->ram, 0, c->ram);
    machine_lock(&t->m);
    mem_region_add(mem_space_root(t->m.memory), 0, &t->ram_region, 0);
    machine_unlock(&t->m);
    t->m.accel = tcg_accel();
    if (!t->m.accel->machine_init(&t->m, err))
        return false;
    for (const char *const *o = c->options; o && *o; o += 2)
        if (!tcg_set_option(&t->m, o[0], o[1], err))
            return false;
    if (c->arch)
        tcg_machine_of(&t->m)->arch = c->arch;
    x86_features_translator(words);
    if (!x86_cpu_model_parse(&t->model, c->model, words, err))
        return false;
    for (unsigned k = 0; k < (c->vcpus ? c->vcpus : 1); k++) {
        t->cpu = vcpu_new(&t->m, ARCH_X86, k, &t->model, err);
        if (!t->cpu)
            return false;
        vcpu_reset(t->cpu);
    }
    t->tc = tcg_cpu_of_vcpu(t->cpu);
    t->r = t->cpu->regs;
    return true;
}

static inline void x86_machine_free(struct x86_machine *t)
{
    machine_destroy(&t->m);
}

#endif
