/* What accel/kvm tells guests of KVM, and KVM's clock across stops, on a kernel made for the test
 * (kvm_fake.h). */
#include <criterion/criterion.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/clock/clock.h"
#include "core/cpu/x86.h"
#include "core/util/error.h"
#include "tests/unit/kvm_fake.h"

TestSuite(kvm_clock, .init = fake_start, .fini = fake_stop);

/* Documentation/virt/kvm/x86/cpuid.rst */
enum {
    CLOCKSOURCE = 1 << 0,
    NOP_IO_DELAY = 1 << 1,
    CLOCKSOURCE2 = 1 << 3,
    ASYNC_PF = 1 << 4,
    STEAL_TIME = 1 << 5,
    PV_EOI = 1 << 6,
    STABLE = 1 << 24,
    EVERYTHING = CLOCKSOURCE | NOP_IO_DELAY | CLOCKSOURCE2 | ASYNC_PF | STEAL_TIME | PV_EOI | STABLE
};

static struct x86_cpu_model model;

static struct vcpu *make(const char *cpu, const char *irqchip)
{
    struct vemu_error *err = NULL;
    uint32_t all[X86_FEAT_WORDS];
    memset(all, 0xff, sizeof all);
    kernel.pv_features = EVERYTHING;
    cr_assert(x86_cpu_model_parse(&model, cpu, all, &err));
    fake_make_vm();
    cr_assert(kvm_set_option(&m, "kernel-irqchip", irqchip, &err));
    cr_assert(kvm_machine_ready(&m, &err));
    return fake_make_vcpu_of(&model);
}

static const struct kvm_cpuid_entry2 *leaf(uint32_t function)
{
    for (uint32_t i = 0; i < kernel.cpuid.nent; i++)
        if (kernel.cpuid_entries[i].function == function)
            return &kernel.cpuid_entries[i];
    return NULL;
}

Test(kvm_clock, guests_are_told_of_what_is_saved_with_them)
{
    make("qemu64", "on");
    cr_assert(leaf(0x40000000));
    cr_expect_eq(leaf(0x40000000)->ebx, 0x4b4d564b);
    cr_expect_eq(leaf(0x40000000)->eax, 0x40000001);
    cr_expect_eq(leaf(0x40000001)->eax, NOP_IO_DELAY | CLOCKSOURCE2 | STEAL_TIME | PV_EOI | STABLE);
}

Test(kvm_clock, ends_of_interrupts_are_for_the_kernels_local_apic)
{
    make("qemu64", "off");
    cr_expect_eq(leaf(0x40000001)->eax, NOP_IO_DELAY | CLOCKSOURCE2 | STEAL_TIME | STABLE);
}

Test(kvm_clock, is_not_offered_where_it_cannot_be_set)
{
    kernel.missing = KVM_CAP_ADJUST_CLOCK;
    make("qemu64", "on");
    cr_expect_eq(leaf(0x40000001)->eax, NOP_IO_DELAY | STEAL_TIME | PV_EOI);
}

Test(kvm_clock, is_hidden_when_asked)
{
    make("qemu64,kvm=off", "on");
    cr_expect_null(leaf(0x40000000));
}

Test(kvm_clock, stands_still_while_the_machine_does)
{
    struct vcpu *cpu = make("qemu64", "on");
    clock_set_manual(m.clocks, true);
    clock_set_running(m.clocks, true);
    clock_step(m.clocks, 1000);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    kernel.clock = 5000;
    kvm_accel()->get_state(cpu);
    cr_expect_eq(((struct x86_regs *)cpu->regs)->kvm_clock_offset, 4000);
    kernel.clock = 90000; /* it went on by itself */
    kernel.clock_sets = kernel.paused_told = 0;
    vcpus_resume(&m);
    cr_expect_eq(kernel.clock, 5000);
    cr_expect_eq(kernel.paused_told, 1);
    /* Resumed twice, or with no state to be put: it is left alone. */
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    kernel.clock = 6000;
    vcpus_resume(&m);
    cr_expect_eq(kernel.clock_sets, 1);
}

Test(kvm_clock, goes_on_in_another_machine_from_where_it_was)
{
    struct vcpu *cpu = make("qemu64", "on");
    struct x86_regs *r = cpu->regs;
    clock_set_manual(m.clocks, true);
    clock_set_virtual(m.clocks, 70000);
    r->kvm_clock_offset = -20000; /* from a saved state */
    r->kvm_system_time = 0x1001;
    kvm_accel()->put_state(cpu);
    vcpus_resume(&m);
    cr_expect_eq(kernel.clock, 50000);
}
