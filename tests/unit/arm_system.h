/* What tests of the Arm system side (tcg/arm) begin with: a machine whose vCPU the test acts as. */
#ifndef TESTS_UNIT_ARM_SYSTEM_H
#define TESTS_UNIT_ARM_SYSTEM_H

#include <criterion/criterion.h>
#include <stdio.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "tcg/arm/sysreg.h"
#include "tcg/mmu/tlb.h"
#include "tests/arm_machine.h"

/* The host's own back end, where there is one. */
#ifdef __x86_64__
#define HOST_BACKEND "jit"
#else
#define HOST_BACKEND "interp"
#endif

static struct arm_machine t;

static inline void start_as(const char *model, unsigned vcpus, const char *backend)
{
    const char *const options[] = {"backend", backend, "tier2", "off", NULL};
    const struct arm_machine_config c = {
        .ram = 4 << 20, .model = model, .vcpus = vcpus, .options = options};
    struct vemu_error *err = NULL;
    cr_assert(arm_machine_create(&t, &c, &err), "%s", err ? vemu_error_message(err) : "");
}
static inline void start(const char *model, unsigned vcpus)
{
    start_as(model, vcpus, "interp");
}
static inline void setup(void)
{
    start("max,lpa=off", 1);
}
static inline void teardown(void)
{
    arm_machine_free(&t);
}

#define expect(value, want)                                                                        \
    cr_expect_eq((value), (want), "%s is %llx, not %llx", #value, (unsigned long long)(value),     \
                 (unsigned long long)(want))

static inline void put64(uint64_t addr, uint64_t v)
{
    store_le64(t.ram->host + addr, v);
}
static inline uint64_t get64(uint64_t addr)
{
    return load_le64(t.ram->host + addr);
}

/* Walks for an access: was an exception raised? It is in exc_error then. w may be NULL. */
static inline bool walk_raises(uint64_t va, enum tcg_access access, unsigned index,
                               struct tcg_walk *w)
{
    struct tcg_walk own;
    w = w ? w : &own;
    w->tables_wanted = false;
    t.tc->status = TCG_OK;
    if (arm_walk(t.tc, va, access, index, false, w)) {
        cr_assert_eq(t.tc->status, TCG_OK);
        return false;
    }
    cr_assert_eq(t.tc->status, TCG_EXCEPTION);
    t.tc->status = TCG_OK;
    expect(t.tc->exc_addr, va);
    return true;
}

/* At a level, with masks set and SP_ELx. */
static inline void at_level(unsigned el)
{
    arm_regs_reset(t.r, &t.model);
    arm_regs_enter(t.r, &t.model, el);
    t.r->pstate = (t.r->pstate & ~(uint64_t)ARM_MODE) | el << ARM_EL_SHIFT | (el ? ARM_SPSEL : 0);
    arm_machine_changed(&t);
}

#endif
