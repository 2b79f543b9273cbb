/* A machine with RAM and one vCPU of the translator (interpreter), without a thread: what tests of
 * the x86 system side share. The test's thread acts as the vCPU. */
#ifndef TESTS_UNIT_X86_MACHINE_H
#define TESTS_UNIT_X86_MACHINE_H

#include <criterion/criterion.h>
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "tcg/machine.h"
#include "tcg/tcg.h"
#include "tcg/x86/sys.h"

enum { TEST_RAM = 32 << 20 };

struct x86_machine {
    struct vemu_machine m;
    struct mem_region ram_region;
    struct ram_block *ram;
    struct vcpu *cpu;
    struct tcg_cpu *tc;
    struct x86_regs *r;
    struct x86_cpu_model model;
};

/* options: of -accel tcg, key and value in turn, then NULL. */
static inline void x86_machine_init_with(struct x86_machine *t, const char *spec,
                                         const char *const *options)
{
    uint32_t words[X86_FEAT_WORDS];
    memset(t, 0, sizeof *t);
    cr_assert(machine_init(&t->m, NULL));
    t->ram = ram_block_new(&t->m.rams, "ram", TEST_RAM, false, NULL);
    cr_assert(t->ram);
    mem_region_init_ram(&t->ram_region, "ram", t->ram, 0, TEST_RAM);
    pthread_mutex_lock(&t->m.lock);
    mem_region_add(mem_space_root(t->m.memory), 0, &t->ram_region, 0);
    pthread_mutex_unlock(&t->m.lock);
    t->m.accel = tcg_accel();
    cr_assert(t->m.accel->machine_init(&t->m, NULL));
    for (; *options; options += 2)
        cr_assert(tcg_set_option(&t->m, options[0], options[1], NULL), "%s", options[0]);
    x86_features_translator(words);
    cr_assert(x86_cpu_model_parse(&t->model, spec, words, NULL), "%s", spec);
    t->cpu = vcpu_new(&t->m, ARCH_X86, 0, &t->model, NULL);
    cr_assert(t->cpu);
    t->r = t->cpu->regs;
    t->tc = t->cpu->accel_data;
    vcpu_reset(t->cpu);
}

static inline void x86_machine_init(struct x86_machine *t, const char *spec)
{
    static const char *const options[] = {"backend", "interp", NULL};
    x86_machine_init_with(t, spec, options);
}

static inline void x86_machine_free(struct x86_machine *t)
{
    machine_destroy(&t->m);
}

static inline uint8_t *x86_at(struct x86_machine *t, uint64_t addr)
{
    return t->ram->host + addr;
}

/* After the registers were changed by hand. */
static inline void x86_machine_changed(struct x86_machine *t)
{
    t->tc->arch->reset(t->tc);
}

#endif
