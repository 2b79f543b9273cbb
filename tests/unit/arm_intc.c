/* tcg/arm and the interrupt controller: what the controller is told of the processor's state. */
#include <criterion/criterion.h>

#include "core/util/error.h"
#include "tcg/arm/sysreg.h"
#include "tests/arm_machine.h"

static struct arm_machine t;
static struct {
    unsigned calls;
    uint8_t el;
    bool secure;
} told;

static void state_changed(void *opaque, uint8_t el, bool secure)
{
    (void)opaque;
    told.calls++;
    told.el = el;
    told.secure = secure;
    /* A group 1 interrupt: an IRQ to the state it belongs to, else an FIQ. */
    cpu_clear_interrupt(t.tc->vcpu, CPU_INT_IRQ | CPU_INT_FIQ);
    cpu_interrupt(t.tc->vcpu, secure ? CPU_INT_FIQ : CPU_INT_IRQ);
}
static const struct arm_intc_ops ops = {.state_changed = state_changed};

static void setup(void)
{
    static const char *const options[] = {"backend", "interp", "tier2", "off", NULL};
    const struct arm_machine_config c = {
        .ram = 1 << 20, .model = "max,lpa=off", .vcpus = 1, .options = options};
    struct vemu_error *err = NULL;
    cr_assert(arm_machine_create(&t, &c, &err), "%s", err ? vemu_error_message(err) : "");
    t.tc->vcpu->arm_intc_ops = &ops;
    told.calls = 0;
}
static void teardown(void)
{
    t.tc->vcpu->arm_intc_ops = NULL;
    arm_machine_free(&t);
}
TestSuite(arm_intc, .init = setup, .fini = teardown);

static void at_level(unsigned el)
{
    arm_regs_reset(t.r, &t.model);
    arm_regs_enter(t.r, &t.model, el);
    t.r->pstate = (t.r->pstate & ~(uint64_t)ARM_MODE) | el << ARM_EL_SHIFT | (el ? ARM_SPSEL : 0);
    arm_machine_changed(&t);
}

Test(arm_intc, it_learns_when_el3_is_left_and_entered)
{
    at_level(3);
    t.r->scr |= ARM_SCR_NS | ARM_SCR_RW;
    t.r->spsr[3] = 1 << ARM_EL_SHIFT | ARM_SPSEL;
    arm_helper_eret(t.r, 0x1000, 0, 0, 0);
    cr_expect_eq(told.calls, 1);
    cr_expect_eq(told.el, 1);
    cr_expect_not(told.secure);
    cr_expect(t.tc->exit_request, "and what it raises then is looked at");
    arm_raise_far(t.tc, arm_syndrome(ARM_EC_DABORT_LOWER, 0x46), 3, 0);
    t.tc->status = TCG_OK;
    cr_assert(arm_deliver_exception(t.tc));
    cr_expect_eq(told.calls, 2);
    cr_expect_eq(told.el, 3);
    cr_expect(told.secure);
}

Test(arm_intc, it_learns_nothing_of_levels_below)
{
    at_level(2);
    t.r->spsr[2] = 1 << ARM_EL_SHIFT | ARM_SPSEL;
    arm_helper_eret(t.r, 0x1000, 0, 0, 0);
    arm_raise_far(t.tc, arm_syndrome(ARM_EC_DABORT, 0x46), 1, 0);
    t.tc->status = TCG_OK;
    cr_assert(arm_deliver_exception(t.tc));
    cr_expect_eq(told.calls, 0);
}
