/* How fast the guest's TSC runs under KVM, on a kernel made for the test (kvm_fake.h). */
#include <criterion/criterion.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/clock/clock.h"
#include "core/cpu/arch.h"
#include "core/cpu/x86_tsc.h"
#include "core/util/error.h"
#include "tests/unit/kvm_fake.h"

static struct x86_cpu_model model;

static void start(void)
{
    fake_start();
    kernel.tsc_khz = 3000000;
}
TestSuite(kvm_tsc, .init = start, .fini = fake_stop);

static bool try(const char *cpu, struct vcpu **vcpu, struct vemu_error **errp)
{
    uint32_t all[X86_FEAT_WORDS];
    memset(all, 0xff, sizeof all);
    fake_make_vm();
    cr_assert(x86_cpu_model_parse(&model, cpu, all, errp));
    cr_assert(kvm_accel()->x86_model(&m, &model, errp));
    *vcpu = vcpu_new(&m, ARCH_X86, 0, &model, errp);
    return *vcpu != NULL;
}

Test(kvm_tsc, is_the_hosts_when_none_is_named)
{
    struct vemu_error *err = NULL;
    struct vcpu *cpu;
    cr_assert(try("qemu64", &cpu, &err));
    cr_expect_eq(x86_tsc_hz(cpu), 3000000000);
    cr_expect_eq(kernel.tsc_khz, 3000000);
}

Test(kvm_tsc, is_set_to_what_is_named_where_the_processor_scales)
{
    struct vemu_error *err = NULL;
    struct vcpu *cpu;
    kernel.tsc_scales = true;
    cr_assert(try("qemu64,tsc-frequency=2500000000", &cpu, &err));
    cr_expect_eq(kernel.tsc_khz, 2500000);
    cr_expect_eq(x86_tsc_hz(cpu), 2500000000);
}

Test(kvm_tsc, a_speed_that_cannot_be_made_is_an_error)
{
    struct vemu_error *err = NULL;
    struct vcpu *cpu;
    cr_assert(!try("qemu64,tsc-frequency=2500000000", &cpu, &err));
    cr_expect(strstr(vemu_error_message(err), "3000000 kHz and cannot be scaled"), "%s",
              vemu_error_message(err));
    vemu_error_free(err);
}

Test(kvm_tsc, the_hosts_own_speed_can_be_named_anywhere)
{
    struct vemu_error *err = NULL;
    struct vcpu *cpu;
    cr_assert(try("qemu64,tsc-frequency=3000000000", &cpu, &err));
}

static struct vcpu *loaded(uint64_t hz, uint64_t value)
{
    struct vemu_error *err = NULL;
    struct vcpu *cpu;
    cr_assert(try("qemu64", &cpu, &err));
    struct x86_regs *r = cpu->regs;
    clock_set_manual(m.clocks, true);
    clock_set_virtual(m.clocks, 5000000000);
    r->saved_tsc_hz = hz;
    r->saved_tsc = value;
    cpu_arch_ops(cpu)->after_load(cpu);
    return cpu;
}

Test(kvm_tsc, a_loaded_machine_keeps_its_speed_where_the_processor_scales)
{
    kernel.tsc_scales = true;
    struct vcpu *cpu = loaded(1000000000, 777);
    cr_expect_eq(kernel.tsc_khz, 1000000);
    cr_expect_eq(x86_tsc_now(cpu), 777);
    clock_set_virtual(m.clocks, 6000000000);
    cr_expect_eq(x86_tsc_now(cpu), 1000000777, "a second later");
    cr_expect(!strstr(said, "is wrong from here on"));
}

Test(kvm_tsc, elsewhere_it_has_the_hosts_and_is_told)
{
    struct vcpu *cpu = loaded(1000000000, 777);
    cr_expect_eq(kernel.tsc_khz, 3000000);
    cr_expect_eq(x86_tsc_now(cpu), 777);
    clock_set_virtual(m.clocks, 6000000000);
    cr_expect_eq(x86_tsc_now(cpu), 3000000777);
    cr_expect(strstr(said, "is wrong from here on"));
}
