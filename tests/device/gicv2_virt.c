/* GICv2 under a hypervisor: GICH's list registers, the guest's interface GICV, maintenance. */
#include <criterion/criterion.h>
#include "hw/intc/gicv2.h"
#include "tests/device/device_test.h"
#include "tests/device/gic_cpus.h"

#define DIST UINT64_C(0x08000000)
#define CPU UINT64_C(0x08010000)
#define HYP UINT64_C(0x08030000)
#define GUEST UINT64_C(0x08040000)
#define PENDING (1u << 28)
#define ACTIVE (2u << 28)
#define GROUP1 (1u << 30)
#define HW (1u << 31)
#define EOI (1u << 19)
#define PHYSICAL(n) ((n) << 10)
#define PRIORITY(n) ((uint32_t)(n) >> 3 << 23)
enum {
    NONE = 1023,
    MAINTENANCE = 25,
    HCR = 0,
    VTR = 4,
    VMCR = 8,
    MISR = 0x10,
    EISR = 0x20,
    ELRSR = 0x30,
    APR = 0xf0,
    LR0 = 0x100,
    CTLR = 0,
    PMR = 4,
    BPR = 8,
    IAR = 0xc,
    EOIR = 0x10,
    RPR = 0x14,
    HPPIR = 0x18,
    ABPR = 0x1c,
    AIAR = 0x20,
    AEOIR = 0x24,
    DIR = 0x1000,
};

static struct vemu_machine m;
static struct gic_cpus cpus;
static struct device *gic;

static struct device *create(struct vemu_machine *machine, struct gic_cpus *c)
{
    struct vemu_error *err = NULL;
    struct gicv2_config cfg = {.cpus = c->cpu,
                               .cpu_count = 2,
                               .spis = 32,
                               .dist_base = DIST,
                               .cpu_base = CPU,
                               .virtualization = true,
                               .hyp_base = HYP,
                               .guest_base = GUEST,
                               .maintenance = MAINTENANCE};
    gic_cpus_init(c, machine);
    return made(gicv2_create(machine, &cfg, &err), err);
}

static uint32_t hyp(unsigned reg)
{
    return read32(&m, HYP + reg);
}
static void set_hyp(unsigned reg, uint32_t v)
{
    write32(&m, HYP + reg, v);
}
static uint32_t guest(unsigned reg)
{
    return read32(&m, GUEST + reg);
}
static void set_guest(unsigned reg, uint32_t v)
{
    write32(&m, GUEST + reg, v);
}

static void setup(void)
{
    test_machine_init(&m);
    gic = create(&m, &cpus);
    write32(&m, DIST, 1);
    write32(&m, DIST + 0x100, 1u << MAINTENANCE | 1u << 27);
    write32(&m, CPU + CTLR, 1);
    write32(&m, CPU + PMR, 0xf8);
    set_hyp(HCR, 1);
    set_guest(PMR, 0xf8);
    set_guest(CTLR, 1);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(gicv2_virt, .init = setup, .fini = teardown);

static bool virq(void)
{
    return gic_asks(&cpus, 0, CPU_INT_VIRQ);
}
static bool irq(void)
{
    return gic_asks(&cpus, 0, CPU_INT_IRQ);
}

Test(gicv2_virt, what_there_is)
{
    cr_expect_eq(hyp(VTR), 3 | 4u << 26 | 4u << 29);
    cr_expect_eq(hyp(ELRSR), 15);
    cr_expect_eq(hyp(VMCR), 1 | 31u << 27 | 2 << 21 | 3 << 18);
    set_hyp(LR0 + 16, ~0u);
    cr_expect_eq(hyp(LR0 + 16), 0, "four list registers");
    for (unsigned i = 0; i < 4; i++) {
        set_hyp(LR0 + 4 * i, HW | ~PENDING);
        cr_expect_eq(hyp(LR0 + 4 * i), 0xef8fffff);
    }
    set_hyp(LR0, GROUP1 | EOI | PHYSICAL(7u) | PRIORITY(0x88) | 5);
    cr_expect_eq(hyp(LR0), GROUP1 | EOI | PHYSICAL(7u) | PRIORITY(0x88) | 5);
}

Test(gicv2_virt, list_register_becomes_a_virtual_interrupt)
{
    set_hyp(LR0 + 4, PENDING | PRIORITY(0xa0) | 40);
    cr_expect(virq() && !irq());
    cr_expect_eq(guest(HPPIR), 40);
    cr_expect_eq(guest(IAR), 40);
    cr_expect_not(virq());
    cr_expect_eq(hyp(LR0 + 4), ACTIVE | PRIORITY(0xa0) | 40);
    cr_expect_eq(guest(RPR), 0xa0);
    cr_expect_eq(hyp(APR), 1u << 20);
    set_guest(EOIR, 40);
    cr_expect_eq(hyp(LR0 + 4), PRIORITY(0xa0) | 40);
    cr_expect_eq(guest(RPR), 0xff);
    cr_expect_eq(hyp(ELRSR), 15);
}

Test(gicv2_virt, sgi_tells_the_sender_that_its_entry_names)
{
    set_hyp(LR0, PENDING | PHYSICAL(3u) | PRIORITY(0x80) | 5);
    cr_expect_eq(guest(IAR), 5 | 3 << 10);
    set_guest(EOIR, 5 | 3 << 10);
    cr_expect_eq(guest(RPR), 0xff);
}

Test(gicv2_virt, what_the_guest_wrote_reads_back)
{
    set_guest(CTLR, ~0u);
    set_guest(PMR, 0x47);
    set_guest(BPR, 0);
    set_guest(ABPR, 6);
    set_guest(0xd0, 1u << 7);
    cr_expect_eq(guest(CTLR), 0x21f);
    cr_expect_eq(guest(PMR), 0x40);
    cr_expect_eq(guest(BPR), 2);
    cr_expect_eq(guest(ABPR), 6);
    cr_expect_eq(guest(0xd0), 1u << 7);
    cr_expect_eq(guest(RPR), 0x38);
    cr_expect_eq(guest(0xfc), 0x0202043b);
    cr_expect_eq(hyp(VMCR), 0x40u << 24 | 2 << 21 | 6 << 18 | 0x21f);
    set_hyp(VMCR, 0xffffffff);
    cr_expect_eq(hyp(VMCR), 0xf8fc021f);
}

Test(gicv2_virt, groups)
{
    set_hyp(LR0, PENDING | GROUP1 | PRIORITY(0x80) | 40);
    cr_expect_not(virq(), "group 1 is off");
    set_guest(CTLR, 3 | 1 << 3);
    cr_expect(virq());
    cr_expect_eq(guest(IAR), 1022);
    cr_expect_eq(guest(AIAR), 40);
    set_guest(AEOIR, 40);
    set_hyp(LR0, PENDING | PRIORITY(0x80) | 41);
    cr_expect(!virq() && gic_asks(&cpus, 0, CPU_INT_VFIQ));
    cr_expect_eq(guest(AIAR), NONE);
    cr_expect_eq(guest(IAR), 41);
    set_hyp(LR0 + 4, PENDING | GROUP1 | PRIORITY(0x40) | 42);
    set_guest(CTLR, 7);
    cr_expect_eq(guest(IAR), 42, "AckCtl");
}

Test(gicv2_virt, end_deactivates_the_physical_interrupt)
{
    struct irq timer = gicv2_ppi(gic, 0, 27);
    write32(&m, CPU + CTLR, 1 | 1 << 9);
    irq_set(&timer, 1);
    cr_expect_eq(read32(&m, CPU + IAR), 27);
    write32(&m, CPU + EOIR, 27);
    cr_expect_not(irq(), "it is the guest's now");
    set_hyp(LR0, HW | PENDING | PHYSICAL(27u) | PRIORITY(0xa0) | 27);
    cr_expect_eq(guest(IAR), 27);
    set_guest(EOIR, 27);
    cr_expect(irq(), "the timer still asks");
}

Test(gicv2_virt, eoi_mode_of_the_guest)
{
    set_guest(CTLR, 1 | 1 << 9);
    cr_expect_eq(hyp(VMCR) & 0x3ff, 1 | 1 << 9);
    set_hyp(LR0, PENDING | PRIORITY(0xa0) | 40);
    cr_expect_eq(guest(IAR), 40);
    set_guest(EOIR, 40);
    cr_expect_eq(hyp(LR0), ACTIVE | PRIORITY(0xa0) | 40);
    set_guest(DIR, 40);
    cr_expect_eq(hyp(LR0), PRIORITY(0xa0) | 40);
}

Test(gicv2_virt, maintenance_interrupt)
{
    set_hyp(HCR, 1 | 1 << 2);
    set_hyp(APR, 1u << 20);
    set_guest(EOIR, 50);
    cr_expect_eq(hyp(HCR) >> 27, 1, "an end without a list register");
    cr_expect_eq(hyp(MISR), 1 << 2);
    cr_expect(irq());
    set_hyp(HCR, 1);
    cr_expect_not(irq());
    set_hyp(LR0 + 8, PENDING | EOI | PRIORITY(0xa0) | 40);
    cr_expect_eq(guest(IAR), 40);
    set_guest(EOIR, 40);
    cr_expect_eq(hyp(EISR), 1 << 2);
    cr_expect_eq(hyp(MISR), 1);
    cr_expect_eq(read32(&m, CPU + HPPIR), MAINTENANCE);
    set_hyp(LR0 + 8, 0);
    cr_expect_not(irq());
}

Test(gicv2_virt, each_processor_has_its_own)
{
    gic_as(&cpus, 1, false);
    set_hyp(LR0, PENDING | PRIORITY(0xa0) | 40);
    gic_as(&cpus, 0, false);
    cr_expect_eq(hyp(LR0), 0);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned i = 0; i < 4; i++) {
        write32(machine, GUEST + EOIR, read32(machine, GUEST + (i & 1 ? AIAR : IAR)));
        write32(machine, GUEST + DIR, read32(machine, GUEST + HPPIR));
        read32(machine, HYP + MISR);
    }
}

Test(gicv2_virt, state_survives_a_round_trip_and_damage)
{
    struct vemu_machine other;
    static struct gic_cpus others;
    test_machine_init(&other);
    struct device *fresh = create(&other, &others);
    gic_as(&cpus, 0, false);
    set_hyp(LR0, PENDING | PRIORITY(0xa0) | 40);
    set_hyp(LR0 + 4, PENDING | HW | PHYSICAL(1000u) | PRIORITY(0x40) | 41);
    set_hyp(LR0 + 8, PENDING | EOI | PRIORITY(0x20) | 42);
    cr_expect_eq(guest(IAR), 42);
    assert_round_trip(gic, fresh);
    fuzz_state(gic, fresh, 300, poke);
    machine_destroy(&other);
}
