/*
 * Interrupt controllers that an accelerator keeps (core/cpu/irqchip.h): what the device models put
 * to it and fetch, and that one model's saved state is the same with and without it. `kernel` is a
 * machine whose accelerator notes what it is given, `here` one that keeps nothing.
 */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <string.h>
#include "core/cpu/irqchip.h"
#include "hw/intc/apic_bus.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"
#include "tests/device/device_test.h"
#include "tests/still_accel.h"

#define LAPIC UINT64_C(0xfee00000)
#define IOAPIC UINT64_C(0xfec00000)

/* What the accelerator has. */
static struct {
    struct irqchip_pic pic[2];
    struct irqchip_ioapic ioapic;
    struct irqchip_lapic lapic;
    unsigned lines, last_gsi, messages, pin_messages, last_pin;
    int last_level;
    uint64_t addr;
    uint32_t data, pin_data;
} k;

static void set_line(struct vemu_machine *m, unsigned gsi, int level)
{
    (void)m;
    k.lines++;
    k.last_gsi = gsi;
    k.last_level = level;
}
static bool send_msi(struct vemu_machine *m, uint64_t addr, uint32_t data)
{
    (void)m;
    k.messages++;
    k.addr = addr;
    k.data = data;
    return true;
}
static void set_pin_message(struct vemu_machine *m, unsigned pin, uint64_t addr, uint32_t data)
{
    (void)m, (void)addr;
    k.pin_messages++;
    k.last_pin = pin;
    k.pin_data = data;
}
static bool get_pic(struct vemu_machine *m, unsigned which, struct irqchip_pic *pic)
{
    (void)m;
    *pic = k.pic[which];
    return true;
}
static bool put_pic(struct vemu_machine *m, unsigned which, const struct irqchip_pic *pic)
{
    (void)m;
    k.pic[which] = *pic;
    return true;
}
static bool get_ioapic(struct vemu_machine *m, struct irqchip_ioapic *ioapic)
{
    (void)m;
    *ioapic = k.ioapic;
    return true;
}
static bool put_ioapic(struct vemu_machine *m, const struct irqchip_ioapic *ioapic)
{
    (void)m;
    k.ioapic = *ioapic;
    return true;
}
static bool get_lapic(struct vcpu *cpu, struct irqchip_lapic *lapic)
{
    (void)cpu;
    *lapic = k.lapic;
    return true;
}
static bool put_lapic(struct vcpu *cpu, const struct irqchip_lapic *lapic)
{
    (void)cpu;
    k.lapic = *lapic;
    return true;
}
static const struct irqchip_ops ops = {.set_line = set_line,
                                       .send_msi = send_msi,
                                       .set_pin_message = set_pin_message,
                                       .get_pic = get_pic,
                                       .put_pic = put_pic,
                                       .get_ioapic = get_ioapic,
                                       .put_ioapic = put_ioapic,
                                       .get_lapic = get_lapic,
                                       .put_lapic = put_lapic};

struct machine {
    struct vemu_machine m;
    struct accel accel;
    struct test_cpu cpu;
    struct device *bus, *lapic, *ioapic, *pic;
};
static struct machine kernel, here;

static void make(struct machine *t, enum irqchip_mode mode)
{
    struct vemu_error *err = NULL;
    test_machine_init(&t->m);
    t->accel = still_accel;
    t->accel.irqchip = &ops;
    t->m.accel = &t->accel;
    t->m.irqchip = mode;
    t->bus = made(apic_bus_create(&t->m, &(struct apic_bus_config){0}, &err), err);
    test_cpu_init(&t->cpu, &t->m, 0);
    struct lapic_config lapic = {.bus = t->bus, .cpu = &t->cpu.cpu};
    t->lapic = made(lapic_create(&t->m, &lapic, &err), err);
    struct ioapic_config ioapic = {.base = IOAPIC, .bus = t->bus};
    t->ioapic = made(ioapic_create(&t->m, &ioapic, &err), err);
    struct i8259_config pic = {.master_base = 0x20,
                               .slave_base = 0xa0,
                               .elcr_base = 0x4d0,
                               .intr = lapic_lint(t->lapic, 0)};
    t->pic = made(i8259_create(&t->m, &pic, &err), err);
    apic_bus_set_extint(t->bus, i8259_acknowledge, t->pic);
}

static void start_with(enum irqchip_mode mode)
{
    memset(&k, 0, sizeof k);
    make(&kernel, mode);
    make(&here, IRQCHIP_OFF);
    vcpu_set_current(&here.cpu.cpu);
}
static void start(void)
{
    start_with(IRQCHIP_ON);
}
static void stop(void)
{
    vcpu_set_current(NULL);
    machine_destroy(&kernel.m);
    machine_destroy(&here.m);
}
TestSuite(irqchip, .init = start, .fini = stop);

static void load(struct device *from, struct device *to)
{
    struct vemu_error *err = NULL;
    cr_assert(load_copy(from, to, &err), "%s", err ? vemu_error_message(err) : "");
}

/* ---- local APIC ------------------------------------------------------------------------------ */

enum { TPR = 8, SVR = 0xf, IRR = 0x20, LVT_TIMER = 0x32, LVT_LINT0 = 0x35 };
enum { TMICT = 0x38, TMCCT = 0x39, TDCR = 0x3e };

static uint32_t rd(unsigned reg)
{
    return read32(&here.m, LAPIC + 16 * reg);
}
static void wr(unsigned reg, uint32_t value)
{
    write32(&here.m, LAPIC + 16 * reg, value);
}

Test(irqchip, lapic_starts_as_after_reset)
{
    cr_expect_eq(k.lapic.base, 0xfee00900);
    cr_expect_eq(k.lapic.reg[SVR], 0xff);
    cr_expect_eq(k.lapic.reg[LVT_LINT0], 1 << 16);
    lapic_enter_virtual_wire(kernel.lapic);
    cr_expect_eq(k.lapic.reg[SVR], 0x1ff);
    cr_expect_eq(k.lapic.reg[LVT_LINT0], 0x700);
}

Test(irqchip, a_timer_that_the_kernel_ran_goes_on_here)
{
    step(&kernel.m, 5000000);
    k.lapic.reg[SVR] = 0x1ff;
    k.lapic.reg[TPR] = 0x20;
    k.lapic.reg[IRR + 1] = 1 << 1; /* vector 0x21: its class is held off by TPR */
    k.lapic.reg[LVT_TIMER] = 0x40;
    k.lapic.reg[TDCR] = 0xb;
    k.lapic.reg[TMICT] = 1000000;
    k.lapic.reg[TMCCT] = 400000;
    load(kernel.lapic, here.lapic);
    cr_expect_eq(rd(TPR), 0x20);
    cr_expect_eq(rd(IRR + 1), 1 << 1);
    cr_expect_eq(rd(TMICT), 1000000);
    cr_expect_eq(rd(TMCCT), 400000);
    step(&here.m, 399999);
    cr_expect_eq(rd(IRR + 2), 0);
    step(&here.m, 1);
    cr_expect_eq(rd(IRR + 2), 1, "vector 0x40");
    cr_expect_eq(here.cpu.cpu.intc_ops->acknowledge(here.cpu.cpu.intc), 0x40);
}

Test(irqchip, a_timer_that_began_before_the_machine_keeps_what_is_left)
{
    k.lapic.reg[SVR] = 0x1ff;
    k.lapic.reg[LVT_TIMER] = 0x20040; /* periodic */
    k.lapic.reg[TDCR] = 0xb;
    k.lapic.reg[TMICT] = 1000000;
    k.lapic.reg[TMCCT] = 400000;
    load(kernel.lapic, here.lapic);
    step(&here.m, 1400000);
    cr_expect_eq(rd(IRR + 2), 1);
}

/* As it is saved. */
static int64_t timer_start(struct device *lapic)
{
    const struct state_field *f = lapic->cls->state;
    while (strcmp(f->name, "timer_start") != 0)
        f++;
    return *(int64_t *)((uint8_t *)lapic + f->offset);
}

Test(irqchip, a_timer_that_does_not_run_began_at_no_time)
{
    step(&kernel.m, 300000000);
    step(&here.m, 400000000);
    load(kernel.lapic, here.lapic);
    cr_expect_eq(timer_start(here.lapic), 0);
    wr(SVR, 0x1ff);
    wr(TMICT, 1000);
    cr_expect_neq(timer_start(here.lapic), 0);
    wr(TMICT, 0);
    cr_expect_eq(timer_start(here.lapic), 0);
}

Test(irqchip, a_timer_that_ran_here_goes_on_in_the_kernel)
{
    wr(SVR, 0x1ff);
    wr(TDCR, 0xb);
    wr(LVT_TIMER, 0x40);
    wr(TMICT, 1000000);
    step(&here.m, 300000);
    load(here.lapic, kernel.lapic);
    cr_expect_eq(k.lapic.reg[TMICT], 1000000);
    cr_expect_eq(k.lapic.reg[TMCCT], 700000);
    step(&here.m, 700000);
    load(here.lapic, kernel.lapic);
    cr_expect_eq(k.lapic.reg[IRR + 2], 1, "it has come");
    cr_expect_eq(k.lapic.reg[TMICT], 0, "and does not come again");
}

Test(irqchip, a_deadline_is_the_same_on_both_sides)
{
    k.lapic.reg[SVR] = 0x1ff;
    k.lapic.reg[LVT_TIMER] = 0x40040;
    k.lapic.tsc_deadline = 2000000; /* at 2 GHz: 1 ms */
    load(kernel.lapic, here.lapic);
    step(&here.m, 500000);
    load(here.lapic, kernel.lapic);
    cr_expect_eq(k.lapic.tsc_deadline, 2000000);
    cr_expect_eq(rd(IRR + 2), 0);
    step(&here.m, 500000);
    cr_expect_eq(rd(IRR + 2), 1);
}

Test(irqchip, a_local_apic_in_the_kernel_asks_for_nothing_here)
{
    k.lapic.reg[SVR] = 0x1ff;
    k.lapic.reg[IRR + 2] = 1;
    k.lapic.reg[LVT_TIMER] = 0x20041;
    k.lapic.reg[TMICT] = 1000;
    kernel.lapic->cls->pre_save(kernel.lapic);
    step(&kernel.m, 1000000);
    cr_expect_not(atomic_load(&kernel.cpu.cpu.interrupt) & CPU_INT_HARD);
}

/* ---- messages -------------------------------------------------------------------------------- */

Test(irqchip, messages_of_devices_go_to_the_kernel_as_they_are)
{
    cr_expect(apic_bus_msi(kernel.bus, 0xfee0500c, 0x4123));
    cr_expect_eq(k.messages, 1);
    cr_expect_eq(k.addr, 0xfee0500c);
    cr_expect_eq(k.data, 0x4123);
    write32(&kernel.m, 0xfee01000, 0x44);
    cr_expect_eq(k.messages, 2, "and so do writes to the window");
    write32(&kernel.m, LAPIC + 16 * SVR, 0x1ff);
    cr_expect_eq(k.messages, 2, "but a switched-off APIC has no registers");
}

/* ---- I/O APIC -------------------------------------------------------------------------------- */

static void line(struct device *ioapic, unsigned pin, int level)
{
    struct irq irq = ioapic_input(ioapic, pin);
    irq_set(&irq, level);
}
static void entry(struct machine *t, unsigned pin, uint32_t low)
{
    write32(&t->m, IOAPIC, 0x10 + 2 * pin);
    write32(&t->m, IOAPIC + 0x10, low);
}

Test(irqchip, io_apic_lines_go_to_the_kernel_when_they_move)
{
    line(kernel.ioapic, 11, 1);
    cr_expect_eq(k.lines, 1);
    cr_expect_eq(k.last_gsi, IRQCHIP_GSI_IOAPIC + 11);
    line(kernel.ioapic, 11, 1);
    cr_expect_eq(k.lines, 1);
    line(kernel.ioapic, 11, 0);
    cr_expect_eq(k.lines, 2);
    cr_expect_eq(k.last_level, 0);
}

Test(irqchip, io_apic_state_is_the_same_on_both_sides)
{
    enum { LEVEL = 1 << 15, REMOTE_IRR = 1 << 14 };
    line(kernel.ioapic, 9, 1);
    k.ioapic.select = 0x22;
    k.ioapic.entry[9] = 0x31 | LEVEL | REMOTE_IRR;
    load(kernel.ioapic, here.ioapic);
    cr_expect_eq(read32(&here.m, IOAPIC), 0x22);
    cr_expect_eq(read32(&here.m, IOAPIC + 0x10), 0x31 | LEVEL | REMOTE_IRR);
    /* In service and still up: it is asked for again at the end. */
    wr(SVR, 0x1ff);
    write32(&here.m, IOAPIC + 0x40, 0x31);
    cr_expect_eq(rd(IRR + 1), 1 << 17);

    entry(&here, 3, 0x33);
    line(here.ioapic, 3, 1);
    load(here.ioapic, kernel.ioapic);
    cr_expect_eq(k.ioapic.entry[3], 0x33);
    cr_expect_eq(k.ioapic.lines, 1 << 9 | 1 << 3);
}

Test(irqchip, split_io_apic_sends_messages_and_hears_of_their_end, .init = NULL)
{
    enum { LEVEL = 1 << 15, MASKED = 1 << 16 };
    start_with(IRQCHIP_SPLIT);
    entry(&kernel, 5, 0x31 | LEVEL | MASKED);
    cr_expect_eq(k.pin_messages, 0, "a masked pin sends nothing new");
    entry(&kernel, 5, 0x31 | LEVEL);
    cr_expect_eq(k.pin_messages, 1);
    cr_expect_eq(k.last_pin, 5);
    cr_expect_eq(k.pin_data, 0xc031);
    line(kernel.ioapic, 5, 1);
    cr_expect_eq(k.messages, 1);
    cr_expect_eq(k.addr, 0xfee00000);
    cr_expect_eq(k.data, 0xc031);
    kernel.cpu.cpu.intc_ops->end_of_interrupt(kernel.cpu.cpu.intc, 0x31);
    cr_expect_eq(k.messages, 2, "the line is still up");
    line(kernel.ioapic, 5, 0);
    kernel.cpu.cpu.intc_ops->end_of_interrupt(kernel.cpu.cpu.intc, 0x31);
    cr_expect_eq(k.messages, 2);
}

/* ---- 8259 ------------------------------------------------------------------------------------ */

static void initialise(struct machine *t)
{
    static const uint8_t master[] = {0x30, 4, 1}, slave[] = {0x70, 2, 1};
    out8(&t->m, 0x20, 0x11);
    out8(&t->m, 0xa0, 0x11);
    for (unsigned n = 0; n < 3; n++) {
        out8(&t->m, 0x21, master[n]);
        out8(&t->m, 0xa1, slave[n]);
    }
}

Test(irqchip, split_8259_raises_its_vector_through_the_vcpu, .init = NULL)
{
    start_with(IRQCHIP_SPLIT);
    initialise(&kernel);
    struct irq irq = i8259_input(kernel.pic, 4);
    irq_set(&irq, 1);
    cr_expect(atomic_load(&kernel.cpu.cpu.interrupt) & CPU_INT_HARD);
    cr_expect_eq(kernel.cpu.cpu.intc_ops->acknowledge(kernel.cpu.cpu.intc), 0x34);
    cr_expect_not(atomic_load(&kernel.cpu.cpu.interrupt) & CPU_INT_HARD);
    cr_expect_eq(kernel.cpu.cpu.intc_ops->acknowledge(kernel.cpu.cpu.intc), -1);
}

Test(irqchip, an_8259_in_the_kernel_has_no_ports_here)
{
    struct irq irq = i8259_input(kernel.pic, 12);
    cr_expect_eq(in8(&kernel.m, 0x21), 0xff, "nobody answers");
    irq_set(&irq, 1);
    irq_set(&irq, 1);
    cr_expect_eq(k.lines, 1);
    cr_expect_eq(k.last_gsi, IRQCHIP_GSI_PIC + 12);
    cr_expect_not(atomic_load(&kernel.cpu.cpu.interrupt) & CPU_INT_HARD);
    i8259_set_elcr(kernel.pic, 1 << 9 | 1 << 10);
    cr_expect_eq(k.pic[1].elcr, 6);
}

Test(irqchip, an_8259_from_the_kernel_goes_on_here)
{
    struct irq irq = i8259_input(kernel.pic, 12);
    irq_set(&irq, 1);
    k.pic[0] = (struct irqchip_pic){.imr = 0xfa, .vector_base = 0x30, .lowest = 7};
    k.pic[1] = (struct irqchip_pic){.irr = 0x10, .imr = 0xef, .vector_base = 0x70, .lowest = 7};
    lapic_enter_virtual_wire(here.lapic);
    load(kernel.pic, here.pic);
    cr_expect_eq(in8(&here.m, 0x21), 0xfa);
    cr_expect_eq(in8(&here.m, 0xa1), 0xef);
    cr_expect(atomic_load(&here.cpu.cpu.interrupt) & CPU_INT_HARD, "its output is up");
    cr_expect_eq(here.cpu.cpu.intc_ops->acknowledge(here.cpu.cpu.intc), 0x74);
}

Test(irqchip, an_8259_from_here_goes_on_in_the_kernel)
{
    initialise(&here);
    out8(&here.m, 0x21, 0xe0);
    out8(&here.m, 0x20, 0x0b); /* reads give ISR */
    struct irq irq = i8259_input(here.pic, 4);
    irq_set(&irq, 1);
    load(here.pic, kernel.pic);
    cr_expect_eq(k.pic[0].vector_base, 0x30);
    cr_expect_eq(k.pic[0].imr, 0xe0);
    cr_expect_eq(k.pic[0].irr, 0x10);
    cr_expect_eq(k.pic[0].lines, 0x10);
    cr_expect(k.pic[0].read_isr && k.pic[0].icw4_follows && !k.pic[0].next_icw);
    out8(&here.m, 0xa0, 0x11);
    load(here.pic, kernel.pic);
    cr_expect_eq(k.pic[1].next_icw, 2, "in the middle of its initialisation");
}
