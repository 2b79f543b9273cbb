/* tcg/arm/fp.c: FPCR and FPSR as programs see them, in both back ends. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "core/util/error.h"
#include "tcg/arm/fp.h"
#include "tests/arm_machine.h"

static struct arm_machine t;

static void put(unsigned n, double v)
{
    memcpy(&t.r->v[n].u64[0], &v, sizeof v);
}
static double get(unsigned n)
{
    double v;
    memcpy(&v, &t.r->v[n].u64[0], sizeof v);
    return v;
}

/* At EL1, without translation, to the WFI at the end. */
static void run(const char *backend, const char *model, const uint32_t *code, size_t size)
{
    const char *const options[] = {"backend", backend, "tier2", "off", NULL};
    const struct arm_machine_config c = {.ram = 1 << 20, .model = model, .options = options};
    struct vemu_error *err = NULL;
    cr_assert(arm_machine_create(&t, &c, &err), "%s", err ? vemu_error_message(err) : "");
    arm_regs_reset(t.r, &t.model);
    arm_regs_enter(t.r, &t.model, 1);
    t.r->cpacr = 3 << 20;
    t.r->pc = 0x1000;
    memcpy(t.ram->host + 0x1000, code, size);
    t.r->x[0] = ~UINT64_C(0);
    put(1, 1.0);
    put(2, 0x1p-60);
    put(4, 0x1p-1060);
    put(7, 0.0);
    arm_machine_changed(&t);
    t.cpu->stop_request = false;
    cr_assert_eq(t.m.accel->vcpu_run(t.cpu), VCPU_EXIT_HALT);
    t.m.accel->get_state(t.cpu);
}

static const char *const backends[] = {
#ifdef __x86_64__
    "jit",
#endif
    "interp",
};
enum { BACKENDS = sizeof backends / sizeof *backends };

Test(arm_fp, control_and_status_are_in_force_at_once)
{
    static const uint32_t code[] = {
        0xd51b4400, /* msr fpcr, x0: all that there is, rounding toward zero */
        0xd53b4401, /* mrs x1, fpcr */
        0xd51b443f, /* msr fpsr, xzr */
        0x1e622820, /* fadd d0, d1, d2: inexact, and cut */
        0xd53b4422, /* mrs x2, fpsr */
        0x1e640883, /* fmul d3, d4, d4: denormals, flushed */
        0xd53b4423, /* mrs x3, fpsr */
        0xd51b441f, /* msr fpcr, xzr */
        0xd53b4405, /* mrs x5, fpcr */
        0x1e671826, /* fdiv d6, d1, d7: by zero */
        0xd53b4424, /* mrs x4, fpsr */
        0xd503207f, /* wfi */
    };
    for (unsigned n = 0; n < BACKENDS; n++) {
        run(backends[n], "cortex-a57", code, sizeof code);
        cr_expect_eq(t.r->x[1],
                     UINT64_C(3) << ARM_FPCR_RMODE_SHIFT | ARM_FPCR_FZ | ARM_FPCR_DN | ARM_FPCR_AHP,
                     "no traps, no FZ16: %llx", (unsigned long long)t.r->x[1]);
        cr_expect_eq(get(0), 1.0);
        cr_expect_eq(t.r->x[2], ARM_FPSR_IXC);
        cr_expect_eq(get(3), 0.0);
        cr_expect_eq(t.r->x[3], ARM_FPSR_IXC | ARM_FPSR_IDC);
        cr_expect_eq(t.r->x[5], 0);
        cr_expect(isinf(get(6)));
        cr_expect_eq(t.r->x[4], ARM_FPSR_IXC | ARM_FPSR_IDC | ARM_FPSR_DZC);
        cr_expect_eq(t.r->fpsr, t.r->x[4], "the state outside has it, too");
        arm_machine_free(&t);
    }
}

/* Without FZ the host's own denormal flag says nothing, and what an operand was does not either. */
Test(arm_fp, denormals_raise_nothing_without_flush_to_zero)
{
    static const uint32_t code[] = {
        0xd51b441f, /* msr fpcr, xzr */
        0x1e640883, /* fmul d3, d4, d4: tiny and inexact */
        0xd53b4422, /* mrs x2, fpsr */
        0xd51b4400, /* msr fpcr, x0: what was raised before is not denormal input now */
        0xd53b4423, /* mrs x3, fpsr */
        0xd503207f, /* wfi */
    };
    for (unsigned n = 0; n < BACKENDS; n++) {
        run(backends[n], "max", code, sizeof code);
        cr_expect_eq(t.r->x[2], ARM_FPSR_UFC | ARM_FPSR_IXC);
        cr_expect_eq(t.r->x[3], ARM_FPSR_UFC | ARM_FPSR_IXC);
        cr_expect_eq(t.r->fpcr & ARM_FPCR_FZ16, ARM_FPCR_FZ16, "max has binary16");
        arm_machine_free(&t);
    }
}
