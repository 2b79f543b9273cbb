/* A machine with RAM and Arm vCPUs of the translator, and no thread of its own: what unit tests of
 * the Arm system side and the oracle share. The caller's thread acts as the vCPU. */
#ifndef TESTS_ARM_MACHINE_H
#define TESTS_ARM_MACHINE_H

#include <string.h>

#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "tcg/arm/sys.h"
#include "tcg/machine.h"
#include "tcg/tcg.h"

struct arm_machine {
    struct vemu_machine m;
    struct mem_region ram_region;
    struct ram_block *ram; /* from address 0 on */
    struct arm_cpu_model model;
    struct vcpu *cpu; /* the first of them */
    struct tcg_cpu *tc;
    struct arm_regs *r;
};

struct arm_machine_config {
    uint64_t ram;                /* bytes */
    const char *model;           /* as after -cpu */
    unsigned bits;               /* of the machine's guests; 0: 64 */
    unsigned vcpus;              /* 0: one */
    const char *const *options;  /* of -accel tcg, key and value in turn, then NULL; or NULL */
    const struct tcg_arch *arch; /* in place of Arm's; or NULL */
};

/* On failure *err is set; nothing needs to be freed by a program that ends then. */
static inline bool arm_machine_create(struct arm_machine *t, const struct arm_machine_config *c,
                                      struct vemu_error **err)
{
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
    if (!arm_cpu_model_parse(&t->model, c->model, c->bits ? c->bits : 64, err))
        return false;
    for (unsigned k = 0; k < (c->vcpus ? c->vcpus : 1); k++)
        if (!vcpu_new(&t->m, ARCH_ARM, k, &t->model, err))
            return false;
    t->cpu = t->m.vcpus[0];
    t->tc = tcg_cpu_of_vcpu(t->cpu);
    t->r = t->cpu->regs;
    return true;
}

static inline void arm_machine_free(struct arm_machine *t)
{
    machine_destroy(&t->m);
}

/* The state was changed from outside. */
static inline void arm_machine_changed(struct arm_machine *t)
{
    t->m.accel->put_state(t->cpu);
}

#endif
