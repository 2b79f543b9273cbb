/* Local APICs on their bus: priorities, EOI, IPIs, timer modes, x2APIC, base register, ExtINT. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include "core/cpu/x86_tsc.h"
#include "core/util/range.h"
#include "hw/intc/apic_bus.h"
#include "hw/intc/lapic.h"
#include "tests/device/device_test.h"

#define BASE UINT64_C(0xfee00000)
enum { CPUS = 4 };
enum {
    ID = 0x20,
    VERSION = 0x30,
    TPR = 0x80,
    PPR = 0xa0,
    EOI = 0xb0,
    LDR = 0xd0,
    DFR = 0xe0,
    SVR = 0xf0,
    ISR = 0x100,
    TMR = 0x180,
    IRR = 0x200,
    ESR = 0x280,
    ICR = 0x300,
    ICR_HIGH = 0x310,
    LVT_TIMER = 0x320,
    LVT_LINT0 = 0x350,
    LVT_LINT1 = 0x360,
    LVT_ERROR = 0x370,
    TMICT = 0x380,
    TMCCT = 0x390,
    TDCR = 0x3e0,
};
enum { MSR_BASE = 0x1b, MSR_DEADLINE = 0x6e0 };

static struct vemu_machine m;
static struct test_cpu cpus[CPUS];
static struct device *bus, *lapics[CPUS];
static struct irq intr;
static int pic_vector;

/* Stands for the PIC: gives its vector and lowers INTR. */
static int pic_acknowledge(void *opaque)
{
    (void)opaque;
    irq_set(&intr, 0);
    return pic_vector;
}

static void create(struct vemu_machine *machine, struct test_cpu *cpu, struct device **lapic,
                   struct device **the_bus)
{
    struct vemu_error *err = NULL;
    *the_bus = made(apic_bus_create(machine, &(struct apic_bus_config){0}, &err), err);
    for (unsigned i = 0; i < CPUS; i++) {
        test_cpu_init(&cpu[i], machine, i);
        struct lapic_config cfg = {.bus = *the_bus, .cpu = &cpu[i].cpu};
        lapic[i] = made(lapic_create(machine, &cfg, &err), err);
    }
}

static void as(unsigned cpu)
{
    vcpu_set_current(&cpus[cpu].cpu);
}
static uint32_t rd(unsigned reg)
{
    return read32(&m, BASE + reg);
}
static void wr(unsigned reg, uint32_t v)
{
    write32(&m, BASE + reg, v);
}
static bool pending(unsigned cpu, uint32_t bit)
{
    return atomic_load(&cpus[cpu].cpu.interrupt) & bit;
}
static int ack(unsigned cpu)
{
    machine_lock(&m);
    int v = cpus[cpu].cpu.intc_ops->acknowledge(cpus[cpu].cpu.intc);
    machine_unlock(&m);
    return v;
}
static bool rdmsr(unsigned cpu, uint32_t msr, uint64_t *v)
{
    return cpus[cpu].cpu.intc_ops->read_msr(cpus[cpu].cpu.intc, msr, v);
}
static uint64_t msr_value(unsigned cpu, uint32_t msr)
{
    uint64_t v = 0;
    cr_expect(rdmsr(cpu, msr, &v), "MSR 0x%x cannot be read", msr);
    return v;
}
static bool wrmsr(unsigned cpu, uint32_t msr, uint64_t v)
{
    return cpus[cpu].cpu.intc_ops->write_msr(cpus[cpu].cpu.intc, msr, v);
}

static void setup(void)
{
    test_machine_init(&m);
    create(&m, cpus, lapics, &bus);
    for (unsigned i = 0; i < CPUS; i++) {
        as(i);
        wr(SVR, 0x1ff);
        wr(LDR, 1u << (24 + i));
    }
    as(0);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(lapic, .init = setup, .fini = teardown);

Test(lapic, each_vcpu_sees_its_own)
{
    for (unsigned i = 0; i < CPUS; i++) {
        as(i);
        cr_expect_eq(rd(ID), i << 24);
        cr_expect_eq(rd(VERSION), 0x50014);
    }
    vcpu_set_current(NULL);
    cr_expect_eq(rd(ID), 0, "other threads see the first");
}

Test(lapic, reset_state)
{
    lapics[1]->cls->reset(lapics[1]);
    as(1);
    cr_expect_eq(rd(SVR), 0xff);
    cr_expect_eq(rd(DFR), 0xffffffff);
    cr_expect_eq(rd(LDR), 0);
    cr_expect_eq(rd(LVT_TIMER), 0x10000);
    cr_expect_eq(rd(LVT_LINT0), 0x10000);
    cr_expect_eq(msr_value(1, MSR_BASE), 0xfee00800);
    cr_expect_eq(msr_value(0, MSR_BASE), 0xfee00900, "BSP");
}

Test(lapic, fixed_message_is_requested_serviced_and_ended)
{
    cr_expect(apic_bus_msi(bus, BASE | 1 << 12, 0x41));
    cr_expect_not(pending(0, CPU_INT_HARD));
    cr_expect(pending(1, CPU_INT_HARD));
    as(1);
    cr_expect_eq(rd(IRR + 0x20), 2);
    cr_expect_eq(ack(1), 0x41);
    cr_expect_not(pending(1, CPU_INT_HARD));
    cr_expect_eq(rd(IRR + 0x20), 0);
    cr_expect_eq(rd(ISR + 0x20), 2);
    cr_expect_eq(rd(PPR), 0x40);
    wr(EOI, 0);
    cr_expect_eq(rd(ISR + 0x20), 0);
    cr_expect_eq(ack(1), -1);
}

Test(lapic, msi_by_a_memory_write)
{
    write32(&m, BASE | 2 << 12, 0x55);
    cr_expect_eq(ack(2), 0x55);
    write32(&m, BASE, 0x56);
    cr_expect_eq(ack(0), 0x56, "APIC ID 0 is addressed at the page's unused register");
    cr_expect_not(apic_bus_msi(bus, 0xfed00000, 0x41));
}

Test(lapic, higher_class_preempts_same_class_waits)
{
    apic_bus_msi(bus, BASE, 0x51);
    cr_expect_eq(ack(0), 0x51);
    apic_bus_msi(bus, BASE, 0x5f);
    cr_expect_not(pending(0, CPU_INT_HARD));
    apic_bus_msi(bus, BASE, 0x61);
    cr_expect_eq(ack(0), 0x61);
    wr(EOI, 0);
    cr_expect_not(pending(0, CPU_INT_HARD));
    wr(EOI, 0);
    cr_expect_eq(ack(0), 0x5f);
}

Test(lapic, task_priority_holds_off)
{
    const struct cpu_intc_ops *ops = cpus[0].cpu.intc_ops;
    ops->set_tpr(cpus[0].cpu.intc, 0x50);
    cr_expect_eq(rd(TPR), 0x50);
    apic_bus_msi(bus, BASE, 0x5f);
    cr_expect_not(pending(0, CPU_INT_HARD));
    ops->set_tpr(cpus[0].cpu.intc, 0x4f);
    cr_expect(pending(0, CPU_INT_HARD));
    ops->set_tpr(cpus[0].cpu.intc, 0x50);
    cr_expect_not(pending(0, CPU_INT_HARD));
    cr_expect_eq(ops->get_tpr(cpus[0].cpu.intc), 0x50);
}

Test(lapic, software_disabled_takes_no_vectors_and_masks_its_lvt)
{
    wr(LVT_TIMER, 0x40);
    wr(SVR, 0xff);
    cr_expect_eq(rd(LVT_TIMER), 0x10040);
    wr(LVT_TIMER, 0x40);
    cr_expect_eq(rd(LVT_TIMER), 0x10040);
    apic_bus_msi(bus, BASE, 0x41);
    cr_expect_eq(ack(0), -1);
    as(1);
    wr(ICR_HIGH, 0);
    wr(ICR, 4 << 8);
    cr_expect(pending(0, CPU_INT_NMI), "NMI comes through");
}

Test(lapic, ipi_shorthands)
{
    wr(ICR, 1 << 18 | 0x41);
    cr_expect_eq(ack(0), 0x41);
    cr_expect_eq(ack(1), -1);
    wr(EOI, 0);
    wr(ICR, 2 << 18 | 0x42);
    for (unsigned i = 0; i < CPUS; i++)
        cr_expect_eq(ack(i), 0x42);
    wr(ICR, 3 << 18 | 0x53);
    cr_expect_eq(ack(0), -1);
    for (unsigned i = 1; i < CPUS; i++)
        cr_expect_eq(ack(i), 0x53);
}

Test(lapic, ipi_destinations)
{
    wr(ICR_HIGH, 2 << 24);
    wr(ICR, 0x41);
    cr_expect_eq(ack(2), 0x41);
    wr(ICR_HIGH, 0xffu << 24);
    wr(ICR, 0x52);
    for (unsigned i = 0; i < CPUS; i++)
        cr_expect_eq(ack(i), 0x52);
    wr(ICR_HIGH, 0x0au << 24);
    wr(ICR, 1 << 11 | 0x63);
    cr_expect_eq(ack(0), -1);
    cr_expect_eq(ack(1), 0x63);
    cr_expect_eq(ack(2), -1);
    cr_expect_eq(ack(3), 0x63);
}

Test(lapic, cluster_model)
{
    for (unsigned i = 0; i < CPUS; i++) {
        as(i);
        wr(DFR, 0);
        wr(LDR, ((i / 2) << 4 | 1u << i % 2) << 24);
    }
    wr(ICR_HIGH, 0x12u << 24);
    wr(ICR, 1 << 11 | 0x41);
    cr_expect_eq(ack(3), 0x41);
    cr_expect_eq(ack(1), -1);
    wr(ICR_HIGH, 0xf1u << 24);
    wr(ICR, 1 << 11 | 0x52);
    cr_expect_eq(ack(0), 0x52);
    cr_expect_eq(ack(2), 0x52);
    cr_expect_eq(ack(1), -1);
}

Test(lapic, lowest_priority_picks_one_and_rotates)
{
    unsigned hits[CPUS] = {0};
    as(3);
    wr(TPR, 0x20);
    for (unsigned n = 0; n < 30; n++) {
        apic_bus_msi(bus, BASE | 0xff << 12 | 1 << 2, 1 << 8 | 0x80);
        for (unsigned i = 0; i < CPUS; i++)
            if (ack(i) >= 0) {
                hits[i]++;
                as(i);
                wr(EOI, 0);
            }
    }
    cr_expect_eq(hits[0], 10);
    cr_expect_eq(hits[1], 10);
    cr_expect_eq(hits[2], 10);
    cr_expect_eq(hits[3], 0, "a busier one is left alone");
}

Test(lapic, init_and_startup)
{
    wr(ICR_HIGH, 1 << 24);
    wr(ICR, 0xc500);
    cr_expect(pending(1, CPU_INT_INIT));
    wr(ICR, 0x8500);
    wr(ICR, 0x0608);
    cr_expect(pending(1, CPU_INT_SIPI));
    cr_expect_eq(cpus[1].cpu.sipi_vector, 8);
    cr_expect(pending(1, CPU_INT_INIT), "de-assert does nothing");
    wr(ICR, 0xc500);
    cr_expect_not(pending(1, CPU_INT_SIPI), "an INIT voids an earlier start-up");
    cr_expect_not(pending(0, CPU_INT_INIT | CPU_INT_SIPI));
}

Test(lapic, init_keeps_id_and_base)
{
    as(2);
    wr(TPR, 0x30);
    apic_bus_msi(bus, BASE | 2 << 12, 0x81);
    cpus[2].cpu.intc_ops->init(cpus[2].cpu.intc);
    cr_expect_eq(rd(TPR), 0);
    cr_expect_eq(rd(ID), 2 << 24);
    cr_expect_eq(rd(SVR), 0xff);
    cr_expect_not(pending(2, CPU_INT_HARD));
}

Test(lapic, illegal_vectors_are_errors)
{
    wr(LVT_ERROR, 0xe0);
    wr(ICR, 1 << 18 | 0x05);
    cr_expect_eq(ack(0), 0xe0);
    cr_expect_eq(rd(ESR), 0, "ESR shows what was latched by a write");
    wr(ESR, 0);
    cr_expect_eq(rd(ESR), 0x20);
    apic_bus_msi(bus, BASE, 0x0f);
    wr(ESR, 0);
    cr_expect_eq(rd(ESR), 0x40);
    rd(0x3d0);
    wr(ESR, 0);
    cr_expect_eq(rd(ESR), 0x80);
    wr(ESR, 0);
    cr_expect_eq(rd(ESR), 0);
}

Test(lapic, error_entry_with_illegal_vector_does_not_recurse)
{
    wr(LVT_ERROR, 0x02);
    wr(ICR, 1 << 18 | 0x05);
    wr(ESR, 0);
    cr_expect_eq(rd(ESR), 0x60);
}

/* ---- timer ----------------------------------------------------------------------------------- */

Test(lapic, one_shot_timer)
{
    wr(TDCR, 3); /* by 16 */
    wr(LVT_TIMER, 0x40);
    wr(TMICT, 1000);
    step(&m, 8000);
    cr_expect_eq(rd(TMCCT), 500);
    step(&m, 7999);
    cr_expect_not(pending(0, CPU_INT_HARD));
    step(&m, 1);
    cr_expect_eq(ack(0), 0x40);
    cr_expect_eq(rd(TMCCT), 0);
    wr(EOI, 0);
    step(&m, 100000);
    cr_expect_not(pending(0, CPU_INT_HARD));
}

Test(lapic, periodic_timer)
{
    unsigned count = 0;
    wr(TDCR, 0xb); /* by 1 */
    wr(LVT_TIMER, 1 << 17 | 0x40);
    wr(TMICT, 100000);
    for (unsigned i = 0; i < 1000; i++) {
        step(&m, 10000);
        if (ack(0) == 0x40) {
            count++;
            wr(EOI, 0);
        }
    }
    cr_expect_eq(count, 100);
    wr(TMICT, 0);
    step(&m, 1000000);
    cr_expect_eq(ack(0), -1);
}

Test(lapic, tiny_period_does_not_storm)
{
    wr(TDCR, 0xb);
    wr(LVT_TIMER, 1 << 17 | 0x40);
    wr(TMICT, 1);
    step(&m, 1000000000);
    cr_expect_eq(ack(0), 0x40);
    cr_expect_eq(rd(TMCCT), 1);
}

Test(lapic, masked_expiry_is_lost_but_the_period_goes_on)
{
    wr(TDCR, 0xb);
    wr(LVT_TIMER, 1 << 17 | 1 << 16 | 0x40);
    wr(TMICT, 100000);
    step(&m, 250000);
    cr_expect_eq(ack(0), -1);
    wr(LVT_TIMER, 1 << 17 | 0x40);
    cr_expect_eq(ack(0), -1);
    step(&m, 50000);
    cr_expect_eq(ack(0), 0x40);
}

Test(lapic, tsc_deadline_timer)
{
    cpus[0].regs.tsc_offset = 12345;
    cr_expect(wrmsr(0, MSR_DEADLINE, 99999999));
    cr_expect_eq(msr_value(0, MSR_DEADLINE), 0, "only in its mode");
    wr(LVT_TIMER, 2 << 17 | 0x40);
    uint64_t tsc = x86_tsc_now(&cpus[0].cpu);
    cr_expect(wrmsr(0, MSR_DEADLINE, tsc + 2000));
    step(&m, 999);
    cr_expect_not(pending(0, CPU_INT_HARD));
    cr_expect_eq(msr_value(0, MSR_DEADLINE), tsc + 2000);
    step(&m, 1);
    cr_expect_eq(ack(0), 0x40);
    cr_expect_eq(msr_value(0, MSR_DEADLINE), 0);
    wr(EOI, 0);
    wrmsr(0, MSR_DEADLINE, 1);
    cr_expect_eq(ack(0), 0x40, "a deadline in the past interrupts at once");
    wr(EOI, 0);
    wrmsr(0, MSR_DEADLINE, UINT64_MAX);
    step(&m, 1000000);
    cr_expect_eq(ack(0), -1);
    wr(TMICT, 100);
    cr_expect_eq(rd(TMICT), 0, "the initial count is ignored");
    wr(LVT_TIMER, 0x40);
    wr(LVT_TIMER, 2 << 17 | 0x40);
    cr_expect_eq(msr_value(0, MSR_DEADLINE), 0, "a change of mode disarms");
}

/* ---- x2APIC and the base register ------------------------------------------------------------ */

Test(lapic, base_register_transitions)
{
    uint64_t base = 0xfee00900;
    cr_expect_not(wrmsr(0, MSR_BASE, (base & ~UINT64_C(0x800)) | 0x400), "x2APIC without enable");
    cr_expect_not(wrmsr(0, MSR_BASE, base | 1), "reserved bit");
    cr_expect_not(wrmsr(0, MSR_BASE, base | UINT64_C(1) << 40), "beyond the physical address");
    cr_expect(wrmsr(0, MSR_BASE, base & ~UINT64_C(0x800)));
    cr_expect_not(wrmsr(0, MSR_BASE, base | 0x400), "disabled to x2APIC");
    cr_expect_eq(rd(ID), UINT32_MAX, "a disabled APIC is not there");
    cr_expect(wrmsr(0, MSR_BASE, base));
    cr_expect(wrmsr(0, MSR_BASE, base | 0x400));
    cr_expect_not(wrmsr(0, MSR_BASE, base), "x2APIC to xAPIC");
    cr_expect_eq(rd(ID), UINT32_MAX, "x2APIC has no memory registers");
    cr_expect(wrmsr(0, MSR_BASE, 0xfee00100));
}

Test(lapic, without_the_feature_there_is_no_x2apic)
{
    cpus[1].model.features[X86_FEAT_1_ECX] = 0;
    cr_expect_not(wrmsr(1, MSR_BASE, 0xfee00c00));
    uint64_t v;
    cr_expect_not(rdmsr(1, MSR_DEADLINE, &v));
    as(1);
    wr(LVT_TIMER, 2 << 17 | 0x40);
    cr_expect_eq(rd(LVT_TIMER), 0x40);
}

Test(lapic, x2apic_registers)
{
    uint64_t v;
    cr_expect_not(rdmsr(1, 0x802, &v), "not in xAPIC mode");
    cr_expect(wrmsr(1, MSR_BASE, 0xfee00c00));
    cr_expect_eq(msr_value(1, 0x802), 1);
    cr_expect_eq(msr_value(1, 0x80d), 2);
    cr_expect_not(wrmsr(1, 0x802, 1));
    cr_expect_not(wrmsr(1, 0x80d, 1));
    cr_expect_not(rdmsr(1, 0x80e, &v));
    cr_expect_not(rdmsr(1, 0x831, &v));
    cr_expect_not(rdmsr(1, 0x80b, &v));
    cr_expect_not(rdmsr(1, 0x83f, &v));
    cr_expect_not(rdmsr(1, 0x8ff, &v));
    cr_expect(wrmsr(1, 0x808, 0x20));
    cr_expect_not(wrmsr(1, 0x808, 0x120));
    cr_expect_not(wrmsr(1, 0x80b, 1));
    cr_expect(wrmsr(1, 0x80b, 0));
    cr_expect_not(wrmsr(1, 0x828, 1));
    cr_expect_not(wrmsr(1, 0x832, UINT64_C(1) << 32));
    cr_expect(wrmsr(1, 0x83f, 0x91));
    cr_expect_eq(ack(1), 0x91);
}

Test(lapic, x2apic_ipis)
{
    for (unsigned i = 0; i < CPUS; i++) {
        wrmsr(i, MSR_BASE, msr_value(i, MSR_BASE) | 0x400);
        wrmsr(i, 0x80f, 0x1ff);
    }
    cr_expect(wrmsr(0, 0x830, UINT64_C(3) << 32 | 0x41));
    cr_expect_eq(ack(3), 0x41);
    cr_expect_eq(msr_value(0, 0x830), UINT64_C(3) << 32 | 0x41);
    cr_expect(wrmsr(0, 0x830, UINT64_C(0x6) << 32 | 1 << 11 | 0x52));
    cr_expect_eq(ack(0), -1);
    cr_expect_eq(ack(1), 0x52);
    cr_expect_eq(ack(2), 0x52);
    cr_expect(wrmsr(0, 0x830, UINT64_C(0xffffffff) << 32 | 0x63));
    for (unsigned i = 0; i < CPUS; i++)
        cr_expect_eq(ack(i), 0x63);
    wrmsr(0, 0x830, UINT64_C(0xff) << 32 | 0x74);
    for (unsigned i = 0; i < CPUS; i++)
        cr_expect_eq(ack(i), -1, "255 is an ID here");
}

Test(lapic, registers_move_with_the_base)
{
    cr_expect(wrmsr(0, MSR_BASE, 0xfed40900));
    cr_expect_eq(read32(&m, 0xfed40000 + VERSION), 0x50014);
    cr_expect_eq(rd(VERSION), UINT32_MAX);
    as(1);
    cr_expect_eq(rd(VERSION), 0x50014, "the others stay");
    cr_expect_eq(read32(&m, 0xfed40000 + VERSION), UINT32_MAX);
    lapics[0]->cls->reset(lapics[0]);
    as(0);
    cr_expect_eq(rd(VERSION), 0x50014);
}

/* ---- pins ------------------------------------------------------------------------------------ */

Test(lapic, extint_asks_the_pic)
{
    apic_bus_set_extint(bus, pic_acknowledge, NULL);
    intr = lapic_lint(lapics[0], 0);
    pic_vector = 0x33;
    irq_set(&intr, 1);
    cr_expect_not(pending(0, CPU_INT_HARD), "masked");
    lapic_enter_virtual_wire(lapics[0]);
    cr_expect(pending(0, CPU_INT_HARD));
    cr_expect_eq(ack(0), 0x33);
    cr_expect_not(pending(0, CPU_INT_HARD));
    cr_expect_eq(rd(ISR + 0x10), 0, "the APIC holds nothing in service");
}

Test(lapic, disabled_apic_passes_intr_and_nmi)
{
    apic_bus_set_extint(bus, pic_acknowledge, NULL);
    intr = lapic_lint(lapics[0], 0);
    struct irq nmi = lapic_lint(lapics[0], 1);
    pic_vector = 0x44;
    wrmsr(0, MSR_BASE, 0xfee00100);
    irq_set(&intr, 1);
    cr_expect_eq(ack(0), 0x44);
    irq_set(&nmi, 1);
    cr_expect(pending(0, CPU_INT_NMI));
}

Test(lapic, lint_pins_follow_their_entries)
{
    struct irq lint0 = lapic_lint(lapics[0], 0), lint1 = lapic_lint(lapics[0], 1);
    wr(LVT_LINT1, 4 << 8);
    irq_pulse(&lint1);
    cr_expect(pending(0, CPU_INT_NMI));
    wr(LVT_LINT0, 0x61);
    irq_pulse(&lint0);
    cr_expect_eq(ack(0), 0x61);
    wr(EOI, 0);
    wr(LVT_LINT0, 1 << 15 | 0x62);
    irq_set(&lint0, 1);
    cr_expect_eq(rd(LVT_LINT0), 3 << 14 | 0x62, "remote IRR");
    cr_expect_eq(ack(0), 0x62);
    wr(EOI, 0);
    cr_expect_eq(ack(0), 0x62, "the line is still up");
    irq_set(&lint0, 0);
    wr(EOI, 0);
    cr_expect_eq(ack(0), -1);
}

/* ---- state ----------------------------------------------------------------------------------- */

static struct test_cpu other_cpus[CPUS];

Test(lapic, state_round_trip)
{
    struct vemu_machine other;
    struct device *other_lapics[CPUS], *other_bus;
    test_machine_init(&other);
    create(&other, other_cpus, other_lapics, &other_bus);
    as(1);
    wr(TDCR, 0xb);
    wr(LVT_TIMER, 1 << 17 | 0x40);
    wr(TMICT, 100000);
    apic_bus_msi(bus, BASE | 1 << 12, 0x81);
    ack(1);
    apic_bus_msi(bus, BASE | 1 << 12, 0x91);
    wr(TPR, 0x20);
    step(&m, 12345);
    assert_round_trip(lapics[1], other_lapics[1]);
    assert_round_trip(bus, other_bus);
    cr_expect(atomic_load(&other_cpus[1].cpu.interrupt) & CPU_INT_HARD, "the line is derived");
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    vcpu_set_current(&other_cpus[1].cpu);
    for (unsigned reg = 0; reg < 0x400; reg += 0x10)
        read32(machine, BASE + reg);
    clock_step(machine->clocks, 1000000);
    write32(machine, BASE + TDCR, 2);
    write32(machine, BASE + EOI, 0);
    for (unsigned i = 0; i < 3; i++)
        other_cpus[1].cpu.intc_ops->acknowledge(other_cpus[1].cpu.intc);
    clock_step(machine->clocks, 1000000);
}

Test(lapic, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    struct device *other_lapics[CPUS], *other_bus;
    test_machine_init(&other);
    create(&other, other_cpus, other_lapics, &other_bus);
    as(1);
    wr(TDCR, 0xb);
    wr(LVT_TIMER, 1 << 17 | 0x40);
    wr(TMICT, 100000);
    fuzz_state(lapics[1], other_lapics[1], 1000, poke);
    machine_destroy(&other);
}
