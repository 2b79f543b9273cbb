/* The kernel's interrupt controllers behind accel/kvm, on a kernel made for the test (kvm_fake.h).
 */
#include <criterion/criterion.h>
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/kvm.h"
#include "core/cpu/irqchip.h"
#include "core/cpu/x86.h"
#include "core/cpu/x86_tsc.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "tests/unit/kvm_fake.h"

TestSuite(kvm_irqchip, .init = fake_start, .fini = fake_stop);

static const struct irqchip_ops *ops(void)
{
    return kvm_accel()->irqchip;
}

static struct vcpu *make(const char *mode)
{
    struct vemu_error *err = NULL;
    fake_make_vm();
    cr_assert(kvm_set_option(&m, "kernel-irqchip", mode, &err));
    cr_assert(kvm_machine_ready(&m, &err), "%s", err ? vemu_error_message(err) : "");
    return fake_make_vcpu();
}

Test(kvm_irqchip, is_made_before_vcpus_and_connected_pin_by_pin)
{
    make("on");
    cr_assert_eq(m.irqchip, IRQCHIP_ON);
    cr_assert_eq(kernel.irqchip, 1);
    cr_assert_eq(kernel.routing.nr, 24 + 16);
    for (unsigned n = 0; n < 40; n++) {
        const struct kvm_irq_routing_entry *e = &kernel.routes[n];
        cr_expect_eq(e->gsi, n);
        cr_expect_eq(e->type, KVM_IRQ_ROUTING_IRQCHIP);
        cr_expect_eq(e->u.irqchip.irqchip, n < 24   ? KVM_IRQCHIP_IOAPIC
                                           : n < 32 ? KVM_IRQCHIP_PIC_MASTER
                                                    : KVM_IRQCHIP_PIC_SLAVE);
        cr_expect_eq(e->u.irqchip.pin, n < 24 ? n : n % 8);
    }
    ops()->set_line(&m, IRQCHIP_GSI_PIC + 9, 1);
    cr_expect_eq(kernel.lines[33], 1);
    ops()->set_line(&m, IRQCHIP_GSI_PIC + 9, 0);
    cr_expect_eq(kernel.lines[33], 0);
}

Test(kvm_irqchip, is_on_unless_something_else_is_said)
{
    struct vemu_error *err = NULL;
    fake_make_vm();
    cr_assert(kvm_machine_ready(&m, &err));
    cr_assert_eq(m.irqchip, IRQCHIP_ON);
    cr_assert(!kvm_set_option(NULL, "kernel-irqchip", "maybe", &err));
    cr_assert(strstr(vemu_error_message(err), "'maybe' should be on, split or off"));
    vemu_error_free(err);
}

Test(kvm_irqchip, off_leaves_the_kernel_alone)
{
    make("off");
    cr_assert_eq(m.irqchip, IRQCHIP_OFF);
    cr_assert_eq(kernel.irqchip, 0);
    cr_assert_eq(kernel.routings, 0);
}

static const int needed[] = {KVM_CAP_IRQCHIP, KVM_CAP_IRQ_ROUTING, KVM_CAP_SIGNAL_MSI,
                             KVM_CAP_MP_STATE};

Test(kvm_irqchip, a_kernel_that_lacks_something_leaves_controllers_here_and_says_so)
{
    for (unsigned i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct vemu_error *err = NULL;
        kernel.missing = needed[i];
        said[0] = 0;
        fake_make_vm();
        cr_assert(kvm_machine_ready(&m, &err));
        cr_expect_eq(m.irqchip, IRQCHIP_OFF);
        cr_expect(strstr(said, "interrupt controllers are in this process"), "case %u: %s", i,
                  said);
        kvm_accel()->machine_destroy(&m);
    }
}

Test(kvm_irqchip, what_was_asked_for_by_name_and_cannot_be_is_an_error)
{
    static const char *const modes[] = {"on", "split"};
    for (unsigned i = 0; i < 2; i++) {
        struct vemu_error *err = NULL;
        kernel.missing = i ? KVM_CAP_SPLIT_IRQCHIP : KVM_CAP_IRQCHIP;
        fake_make_vm();
        cr_assert(kvm_set_option(&m, "kernel-irqchip", modes[i], &err));
        cr_assert(!kvm_machine_ready(&m, &err));
        cr_expect(strstr(vemu_error_message(err), "use kernel-irqchip=off"), "%s",
                  vemu_error_message(err));
        vemu_error_free(err);
        kvm_accel()->machine_destroy(&m);
    }
}

Test(kvm_irqchip, messages_say_whether_they_were_taken)
{
    make("on");
    cr_assert(ops()->send_msi(&m, 0xfee01004, 0x4041));
    cr_expect_eq(kernel.msi.address_lo, 0xfee01004);
    cr_expect_eq(kernel.msi.data, 0x4041);
    kernel.msi_blocked = true;
    cr_expect(!ops()->send_msi(&m, 0xfee01004, 0x4041));
}

Test(kvm_irqchip, split_tells_the_kernel_what_pins_send_once_for_each_change)
{
    make("split");
    cr_assert_eq(m.irqchip, IRQCHIP_SPLIT);
    cr_assert_eq(kernel.reserved_routes, 24);
    ops()->set_pin_message(&m, 11, 0xfee00000, 0xc031);
    cr_assert_eq(kernel.routings, 1);
    cr_expect_eq(kernel.routes[0].gsi, 11);
    cr_expect_eq(kernel.routes[0].type, KVM_IRQ_ROUTING_MSI);
    cr_expect_eq(kernel.routes[0].u.msi.data, 0xc031);
    ops()->set_pin_message(&m, 11, 0xfee00000, 0xc031);
    cr_expect_eq(kernel.routings, 1, "the same again is no change");
    ops()->set_pin_message(&m, 11, 0xfee01000, 0xc031);
    ops()->set_pin_message(&m, 10, 0xfee00000, 0xc032);
    cr_expect_eq(kernel.routings, 3);
    cr_expect_eq(kernel.routing.nr, 2);
    cr_expect_eq(kernel.routes[0].u.msi.address_lo, 0xfee01000);
}

/* ---- exits ----------------------------------------------------------------------------------- */

static int ended;
static void end_of_interrupt(void *opaque, uint8_t vector)
{
    (void)opaque;
    ended = vector;
}
static int pic_vector;
static int acknowledge(void *opaque)
{
    (void)opaque;
    return pic_vector;
}
static const struct cpu_intc_ops intc = {.end_of_interrupt = end_of_interrupt,
                                         .acknowledge = acknowledge};

/* Section 5, KVM_EXIT_IOAPIC_EOI */
static int ioapic_eoi(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 1)
        return fake_shut_down(k, run);
    run->exit_reason = KVM_EXIT_IOAPIC_EOI;
    run->eoi.vector = 0x31;
    return 0;
}

Test(kvm_irqchip, the_end_of_a_level_vector_reaches_the_io_apic_here)
{
    struct vcpu *cpu = make("split");
    cpu->intc_ops = &intc;
    kernel.run = ioapic_eoi;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_assert_eq(ended, 0x31);
}

/* The guest opens its window: section 5, request_interrupt_window. */
static int window(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 1)
        return fake_shut_down(k, run);
    cr_assert(run->request_interrupt_window);
    run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
    run->ready_for_interrupt_injection = run->if_flag = 1;
    return 0;
}

Test(kvm_irqchip, split_takes_the_8259s_vector_from_here)
{
    struct vcpu *cpu = make("split");
    cpu->intc_ops = &intc;
    pic_vector = 0x20;
    kernel.injected = -1;
    kernel.run = window;
    cpu_interrupt(cpu, CPU_INT_HARD);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_assert_eq(kernel.injected, 0x20);
}

Test(kvm_irqchip, halts_and_start_up_messages_are_the_kernels)
{
    struct vcpu *cpu = make("on");
    struct x86_regs *r = cpu->regs;
    cpu->intc_ops = &intc;
    cpu->wait_for_sipi = true;
    kvm_accel()->put_state(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN, "it is in KVM_RUN while it waits");
    cr_expect_eq(kernel.mp_state.mp_state, KVM_MP_STATE_INIT_RECEIVED);

    kernel.mp_state.mp_state = KVM_MP_STATE_HALTED;
    kvm_accel()->get_state(cpu);
    cr_expect(!cpu->wait_for_sipi && r->halted && cpu->halted);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(kernel.mp_state.mp_state, KVM_MP_STATE_HALTED);

    kernel.mp_state.mp_state = KVM_MP_STATE_UNINITIALIZED;
    kvm_accel()->get_state(cpu);
    cr_expect(cpu->wait_for_sipi);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    kernel.mp_state.mp_state = KVM_MP_STATE_RUNNABLE;
    kvm_accel()->get_state(cpu);
    cr_expect(!cpu->wait_for_sipi && !r->halted && !cpu->halted);
}

/* ---- state ----------------------------------------------------------------------------------- */

Test(kvm_irqchip, pic_state_goes_both_ways)
{
    const struct irqchip_pic pic = {.lines = 0x81,
                                    .irr = 0x82,
                                    .isr = 0x04,
                                    .imr = 0xf8,
                                    .elcr = 0x0c,
                                    .lowest = 2,
                                    .vector_base = 0x70,
                                    .next_icw = 3,
                                    .icw4_follows = true,
                                    .auto_eoi = true,
                                    .rotate_auto_eoi = true,
                                    .fully_nested = true,
                                    .special_mask = true,
                                    .read_isr = true,
                                    .poll = true};
    struct irqchip_pic back = {0};
    make("on");
    cr_assert(ops()->put_pic(&m, 1, &pic));
    const struct kvm_pic_state *s = &kernel.chips[1].chip.pic;
    cr_expect_eq(s->priority_add, 3, "the first in line is behind the lowest");
    cr_expect_eq(s->elcr_mask, 0xde);
    cr_expect_eq(s->init_state, 2);
    cr_assert(ops()->get_pic(&m, 1, &back));
    cr_expect(!memcmp(&pic, &back, sizeof pic));
    cr_assert(ops()->put_pic(&m, 0, &(struct irqchip_pic){.lowest = 7}));
    cr_expect_eq(kernel.chips[0].chip.pic.priority_add, 0);
    cr_expect_eq(kernel.chips[0].chip.pic.elcr_mask, 0xf8);
    cr_assert(ops()->get_pic(&m, 0, &back));
    cr_expect_eq(back.lowest, 7);
}

Test(kvm_irqchip, io_apic_state_goes_both_ways_and_edges_are_not_sent_again)
{
    struct irqchip_ioapic io = {.select = 0x12, .id = 5, .lines = 0x300}, back = {0};
    make("on");
    for (unsigned n = 0; n < 24; n++)
        io.entry[n] = 0x10000 + n;
    io.entry[9] = UINT64_C(0x020000000000c039); /* level, remote IRR */
    cr_assert(ops()->put_ioapic(&m, &io));
    const struct kvm_ioapic_state *s = &kernel.chips[2].chip.ioapic;
    cr_expect_eq(s->base_address, 0xfec00000);
    cr_expect_eq(s->irr, 0x200, "the level of pin 9, not the edge of pin 8");
    cr_assert(ops()->get_ioapic(&m, &back));
    cr_expect_eq(back.select, 0x12);
    cr_expect_eq(back.id, 5);
    cr_expect(!memcmp(io.entry, back.entry, sizeof io.entry));
}

static uint64_t msr(uint32_t number)
{
    for (unsigned n = 0; n < kernel.msrs; n++)
        if (kernel.msr_number[n] == number)
            return kernel.msr[n];
    return UINT64_MAX;
}

Test(kvm_irqchip, local_apic_state_goes_both_ways_and_the_deadline_behind_the_tsc)
{
    enum { TSC_DEADLINE = 0x6e0, APIC_BASE = 0x1b };
    struct vcpu *cpu = make("on");
    struct irqchip_lapic lapic = {.base = 0xfee00900, .tsc_deadline = 0x123456789}, back;
    for (unsigned n = 0; n < IRQCHIP_LAPIC_REGS; n++)
        lapic.reg[n] = 0x100 + n;
    cr_assert(ops()->put_lapic(cpu, &lapic));
    cr_expect_eq(msr(APIC_BASE), 0xfee00900);
    cr_expect_eq(load_le32((uint8_t *)kernel.lapic.regs + 0x380), 0x138);
    cr_expect_neq(msr(TSC_DEADLINE), 0x123456789);
    cr_assert(kernel.msrs < 64);
    kernel.msr_number[kernel.msrs++] = TSC_DEADLINE;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(msr(TSC_DEADLINE), 0x123456789);
    cr_assert(ops()->get_lapic(cpu, &back));
    cr_expect(!memcmp(&lapic, &back, sizeof lapic));
}

/* A one-shot count of 0x100 that ended is fetched as the vector that it is about to be. */
Test(kvm_irqchip, a_timer_that_ended_outside_is_not_lost)
{
    enum { VECTOR = 0x41, LVT_TIMER = 0x320, INITIAL = 0x380, MASKED = 1 << 16 };
    struct vcpu *cpu = make("on");
    struct irqchip_lapic lapic;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    store_le32(kernel.lapic.regs + LVT_TIMER, VECTOR);
    store_le32(kernel.lapic.regs + INITIAL, 0x100);
    kernel.due_vector = VECTOR;
    cr_assert(ops()->get_lapic(cpu, &lapic));
    cr_expect_eq(lapic.reg[0x20 + VECTOR / 32], 1u << VECTOR % 32);
    int runs = kernel.runs;
    store_le32(kernel.lapic.regs + LVT_TIMER, VECTOR | MASKED);
    cr_assert(ops()->get_lapic(cpu, &lapic));
    cr_expect_eq(kernel.runs, runs, "one that is masked never comes");
}

Test(kvm_irqchip, the_tsc_goes_both_ways_by_its_value)
{
    enum { TSC = 0x10 };
    struct vcpu *cpu = make("on");
    struct x86_regs *r = cpu->regs;
    r->tsc_offset = 0x123456789abc;
    uint64_t before = x86_tsc_now(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect(msr(TSC) >= before && msr(TSC) <= x86_tsc_now(cpu));
    for (unsigned n = 0; n < kernel.msrs; n++)
        if (kernel.msr_number[n] == TSC)
            kernel.msr[n] = 0xfedcba9876543;
    r->tsc_offset = 0;
    before = x86_tsc_now(cpu);
    cr_assert(kvm_arch_get(kvm_cpu_of(cpu)));
    cr_expect(r->tsc_offset <= (int64_t)(0xfedcba9876543 - before));
    cr_expect(x86_tsc_now(cpu) >= 0xfedcba9876543);
}

Test(kvm_irqchip, what_the_kernel_keeps_is_not_put_with_registers)
{
    struct vcpu *cpu = make("on");
    cpu->intc_ops = &intc; /* whose task priority and base cannot even be asked for */
    kernel.sregs.cr8 = 9;
    kernel.sregs.apic_base = 0xfee00d00;
    kvm_accel()->put_state(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(kernel.sregs.cr8, 9);
    cr_expect_eq(kernel.sregs.apic_base, 0xfee00d00);
}
