/*
 * What guests are told of KVM and of Hyper-V, by name, on a kernel made for the test (kvm_fake.h).
 * Bits of Hyper-V's leaves: Hypervisor Top Level Functional Specification, chapter "Feature and
 * Interface Discovery".
 */
#include <criterion/criterion.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/cpu/x86.h"
#include "core/util/error.h"
#include "tests/unit/kvm_fake.h"

static struct x86_cpu_model model;

static void start(void)
{
    fake_start();
    kernel.pv_features = UINT32_MAX;
    kernel.hv_features[0] = kernel.hv_features[1] = kernel.hv_hints = UINT32_MAX;
    kernel.lists_hv_msrs = true;
}
TestSuite(kvm_paravirt, .init = start, .fini = fake_stop);

static bool try(const char *cpu, const char *irqchip, struct vemu_error **errp)
{
    uint32_t all[X86_FEAT_WORDS];
    memset(all, 0xff, sizeof all);
    fake_make_vm();
    return x86_cpu_model_parse(&model, cpu, all, errp) &&
           kvm_set_option(&m, "kernel-irqchip", irqchip, errp) && kvm_machine_ready(&m, errp) &&
           kvm_accel()->x86_model(&m, &model, errp);
}

static struct vcpu *make(const char *cpu)
{
    struct vemu_error *err = NULL;
    cr_assert(try(cpu, "on", &err), "%s: %s", cpu, err ? vemu_error_message(err) : "");
    return fake_make_vcpu_of(&model);
}

static void again(void)
{
    vcpus_free(&m);
    if (m.accel_state)
        kvm_accel()->machine_destroy(&m);
    kernel.irqchip = 0;
    kernel.vcpu_made = false;
}

static void refused(const char *cpu, const char *irqchip, const char *why)
{
    struct vemu_error *err = NULL;
    cr_assert(!try(cpu, irqchip, &err), "%s", cpu);
    cr_expect(strstr(vemu_error_message(err), why), "%s: %s", cpu, vemu_error_message(err));
    vemu_error_free(err);
    again();
}

static const struct kvm_cpuid_entry2 *leaf(uint32_t function)
{
    for (uint32_t i = 0; i < kernel.cpuid.nent; i++)
        if (kernel.cpuid_entries[i].function == function)
            return &kernel.cpuid_entries[i];
    return NULL;
}

static bool is_enabled(unsigned capability)
{
    return kernel.enabled[capability / 64] >> capability % 64 & 1;
}

/* ---- KVM's own --------------------------------------------------------------------------------
 */

Test(kvm_paravirt, features_of_kvm_have_names)
{
    static const struct {
        const char *cpu;
        uint32_t on, off;
    } cases[] = {
        {"qemu64,kvm-asyncpf=on,kvm-asyncpf-int=on", 1 << 4 | 1 << 14, 0},
        {"qemu64,+kvm-pv-unhalt", 1 << 7, 0},
        {"qemu64,+kvm_pv_tlb_flush", 1 << 9, 0},
        {"qemu64,kvm-asyncpf-vmexit=on", 1 << 10, 0},
        {"qemu64,kvm-pv-ipi=on,kvm-pv-sched-yield=on", 1 << 11 | 1 << 13, 0},
        {"qemu64,kvmclock=off", 1 << 5, 1 << 0 | 1 << 3},
        {"qemu64,-kvm-steal-time,kvm-pv-eoi=off,kvm-poll-control=off", 0,
         1 << 5 | 1 << 6 | 1 << 12},
        {"qemu64,kvm-nopiodelay=off,kvmclock-stable-bit=off", 0, 1 << 1 | 1 << 24},
        {"qemu64,kvmclock=on", 1 << 0 | 1 << 3, 1 << 7},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        make(cases[i].cpu);
        uint32_t eax = leaf(0x40000001)->eax;
        cr_expect_eq(eax & cases[i].on, cases[i].on, "%s: %x", cases[i].cpu, eax);
        cr_expect_eq(eax & cases[i].off, 0, "%s: %x", cases[i].cpu, eax);
        cr_expect_eq(leaf(0x40000001)->edx, 0);
        again();
    }
    make("qemu64,kvm-hint-dedicated=on,kvm-pv-enforce-cpuid=on");
    cr_expect_eq(leaf(0x40000001)->edx, 1);
    cr_expect(is_enabled(KVM_CAP_ENFORCE_PV_FEATURE_CPUID));
}

Test(kvm_paravirt, what_the_kernel_does_not_offer_is_refused_by_name)
{
    kernel.pv_features = 1 << 3;
    refused("qemu64,kvm-pv-unhalt=on", "on", "kvm-pv-unhalt: this kernel's KVM does not offer it");
    kernel.pv_features = UINT32_MAX;
    refused("qemu64,kvm-pv-ipi=on", "off", "kvm-pv-ipi: this is for the kernel's local APICs");
    refused("qemu64,kvm-pv-ipi=perhaps", "on", "kvm-pv-ipi should be on or off");
}

/* ---- Hyper-V's --------------------------------------------------------------------------------
 */

Test(kvm_paravirt, nothing_of_hyper_v_is_told_unasked)
{
    make("qemu64");
    cr_expect_eq(leaf(0x40000000)->ebx, 0x4b4d564b);
    cr_expect_null(leaf(0x40000003));
}

Test(kvm_paravirt, each_enlightenment_is_its_bits)
{
    static const struct {
        const char *names;
        uint32_t eax, edx, hints;
    } cases[] = {
        {"hv-relaxed", 0, 0, 1 << 5},
        {"hv-vapic", 1 << 4, 0, 1 << 3},
        {"hv-vpindex", 1 << 6, 0, 0},
        {"hv-runtime", 1 << 0, 0, 0},
        {"hv-crash", 0, 1 << 10, 0},
        {"hv-reset", 1 << 7, 0, 0},
        {"hv-time", 1 << 1 | 1 << 9, 0, 0},
        {"hv-vpindex,hv-synic", 1 << 6 | 1 << 2, 0, 0},
        {"hv-vpindex,hv-synic,hv-time,hv-stimer,hv-stimer-direct",
         1 << 6 | 1 << 2 | 1 << 1 | 1 << 9 | 1 << 3, 1 << 19, 0},
        {"hv-frequencies", 1 << 11, 1 << 8, 0},
        {"hv-reenlightenment", 1 << 13, 0, 0},
        {"hv-vpindex,hv-tlbflush,hv-tlbflush-ext", 1 << 6, 1 << 14, 1 << 2 | 1 << 11},
        {"hv-vpindex,hv-ipi", 1 << 6, 0, 1 << 10 | 1 << 11},
        {"hv-avic", 0, 0, 1 << 9},
        {"hv-xmm-input", 0, 1 << 4, 0},
        {"hv-spinlocks=0x1fff", 0, 0, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char cpu[128] = "qemu64,";
        strncat(cpu, cases[i].names, sizeof cpu - strlen(cpu) - 1);
        make(cpu);
        cr_assert(leaf(0x40000005), "%s", cpu);
        /* The hypercall page comes with any of them. */
        cr_expect_eq(leaf(0x40000003)->eax, cases[i].eax | 1 << 5, "%s", cpu);
        cr_expect_eq(leaf(0x40000003)->edx, cases[i].edx, "%s", cpu);
        cr_expect_eq(leaf(0x40000004)->eax, cases[i].hints, "%s", cpu);
        cr_expect_eq(leaf(0x40000004)->ebx, strstr(cpu, "spinlocks") ? 0x1fff : UINT32_MAX);
        again();
    }
}

Test(kvm_paravirt, hyper_v_comes_first_and_kvm_behind_it)
{
    make("qemu64,hv_relaxed,hv-vendor-id=KVMKVM");
    cr_expect_eq(leaf(0x40000000)->eax, 0x40000005);
    cr_expect(!memcmp(&leaf(0x40000000)->ebx, "KVMK", 4));
    cr_expect_eq(leaf(0x40000001)->eax, 0x31237648);
    cr_expect_eq(leaf(0x40000100)->eax, 0x40000101);
    cr_expect_eq(leaf(0x40000100)->ebx, 0x4b4d564b);
    cr_expect(leaf(0x40000101)->eax & 1 << 3);
    again();
    make("qemu64,hv-relaxed,kvm=off");
    cr_expect(!memcmp(&leaf(0x40000000)->ebx, "Micr", 4));
    cr_expect_null(leaf(0x40000100));
}

Test(kvm_paravirt, an_enlightenment_that_cannot_be_is_an_error)
{
    refused("qemu64,hv-synic", "on", "hv-synic needs hv-vpindex");
    refused("qemu64,hv-vpindex,hv-synic,hv-stimer", "on", "hv-stimer needs hv-time");
    refused("qemu64,hv-vpindex,hv-synic", "off", "hv-synic: this kernel's KVM does not offer it");
    refused("qemu64,hv-spinlocks=17", "on", "hv-spinlocks should be");
    refused("qemu64,hv-vendor-id=ThisIsTooLong", "on", "1 to 12 characters");
    kernel.hv_features[0] = ~(1u << 9);
    refused("qemu64,hv-relaxed,hv-time", "on", "hv-time: this kernel's KVM does not offer it");
    kernel.missing = KVM_CAP_HYPERV_SYNIC2;
    refused("qemu64,hv-vpindex,hv-synic", "on", "hv-synic: this kernel's KVM does not offer it");
}

Test(kvm_paravirt, passthrough_is_what_there_is)
{
    kernel.hv_features[0] = 1 << 1 | 1 << 9 | 1 << 2; /* time and SynIC, no VP index */
    kernel.hv_features[1] = 0;
    kernel.hv_hints = 1 << 5;
    make("qemu64,hv-passthrough");
    cr_expect_eq(leaf(0x40000003)->eax, 1 << 1 | 1 << 9 | 1 << 5);
    cr_expect_eq(leaf(0x40000004)->eax, 1 << 5);
    cr_expect(!is_enabled(KVM_CAP_HYPERV_SYNIC2));
}

static uint64_t *msr(uint32_t number)
{
    for (unsigned n = 0; n < kernel.msrs; n++)
        if (kernel.msr_number[n] == number)
            return &kernel.msr[n];
    return NULL;
}

Test(kvm_paravirt, msrs_of_hyper_v_go_both_ways)
{
    struct vcpu *cpu = make("qemu64,hv-vpindex,hv-synic,hv-enforce-cpuid");
    struct x86_regs *r = cpu->regs;
    cr_expect(is_enabled(KVM_CAP_HYPERV_SYNIC2) && is_enabled(KVM_CAP_HYPERV_ENFORCE_CPUID));
    cr_expect_eq(*msr(0x40000002), 0, "the VP index is the vCPU's");
    cr_expect_eq(r->hv_msr[8], 1 << 16, "interrupt sources are masked after a reset");
    for (unsigned n = 0; n < X86_HV_MSRS; n++)
        r->hv_msr[n] = 0x1000 + n;
    kvm_accel()->put_state(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    for (unsigned n = 0; n < X86_HV_MSRS; n++) {
        cr_assert(msr(x86_hv_msrs[n]), "%x", x86_hv_msrs[n]);
        cr_expect_eq(*msr(x86_hv_msrs[n]), 0x1000 + n);
        *msr(x86_hv_msrs[n]) = 0x2000 + n;
    }
    kvm_accel()->get_state(cpu);
    for (unsigned n = 0; n < X86_HV_MSRS; n++)
        cr_expect_eq(r->hv_msr[n], 0x2000 + n);
}

Test(kvm_paravirt, guests_without_hyper_v_do_not_pay_for_its_msrs)
{
    struct vcpu *cpu = make("qemu64");
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_null(msr(0x40000000));
}

static int hypercall(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 1) {
        cr_expect_eq(run->hyperv.u.hcall.result, 2, "no such hypercall");
        return fake_shut_down(k, run);
    }
    run->exit_reason = KVM_EXIT_HYPERV;
    run->hyperv.type = KVM_EXIT_HYPERV_HCALL;
    run->hyperv.u.hcall.input = 0x5c; /* post a message */
    return 0;
}

Test(kvm_paravirt, hypercalls_that_nobody_serves_are_answered)
{
    struct vcpu *cpu = make("qemu64,hv-vpindex,hv-synic");
    kernel.run = hypercall;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(kernel.runs, 2);
}

static int crash(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 1)
        return fake_shut_down(k, run);
    run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
    run->system_event.type = KVM_SYSTEM_EVENT_CRASH;
    return 0;
}

Test(kvm_paravirt, a_guest_that_says_it_crashed_is_believed_and_goes_on)
{
    struct vcpu *cpu = make("qemu64,hv-crash");
    kernel.run = crash;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(kernel.runs, 2);
    cr_expect(strstr(said, "says that it crashed"));
}
