/* GICv3: distributor, redistributors, CPU interfaces. */
#include <criterion/criterion.h>
#include <string.h>
#include "hw/intc/gicv3.h"
#include "hw/intc/gicv3_regs.h"
#include "tests/device/device_test.h"
#include "tests/device/gic_cpus.h"

#define DIST UINT64_C(0x08000000)
#define REDIST UINT64_C(0x080a0000)
#define REDIST2 UINT64_C(0x4000000000)
enum {
    CTLR = 0,
    IGROUPR = 0x80,
    ISENABLER = 0x100,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    IPRIORITYR = 0x400,
    ITARGETSR = 0x800,
    ICFGR = 0xc00,
    IGRPMODR = 0xd00,
    IROUTER = 0x6000,
    WAKER = 0x14,
    SGI = 0x10000,
};
enum { NONE = 1023, UART = 33, CPUS = 20, FIRST_REGION = 17 };

static struct vemu_machine m;
static struct gic_cpus cpus;
static struct device *gic;

static struct device *create(struct vemu_machine *machine, struct gic_cpus *c, bool security)
{
    struct vemu_error *err = NULL;
    struct gicv3_config cfg = {.cpus = c->cpu,
                               .affinity = c->affinity,
                               .cpu_count = CPUS,
                               .spis = 96,
                               .dist_base = DIST,
                               .redist = {{REDIST, FIRST_REGION}, {REDIST2, 64}},
                               .security = security};
    gic_cpus_init(c, machine);
    return made(gicv3_create(machine, &cfg, &err), err);
}

static uint64_t redist(unsigned cpu)
{
    return cpu < FIRST_REGION ? REDIST + cpu * UINT64_C(0x20000)
                              : REDIST2 + (cpu - FIRST_REGION) * UINT64_C(0x20000);
}
static uint32_t rd(unsigned reg)
{
    return read32(&m, DIST + reg);
}
static void wr(unsigned reg, uint32_t v)
{
    write32(&m, DIST + reg, v);
}
static void wr8(unsigned reg, uint8_t v)
{
    cr_assert_eq(mem_write(m.memory, DIST + reg, 1, v), MEM_OK);
}

/* As Linux does with one security state: everything in group 1. */
static void setup(void)
{
    test_machine_init(&m);
    gic = create(&m, &cpus, false);
    wr(CTLR, 1 << 4 | 2);
    for (unsigned i = 0; i < 3; i++)
        wr(IGROUPR + 4 + 4 * i, ~0u);
    for (unsigned i = 0; i < CPUS; i++) {
        write32(&m, redist(i) + SGI + IGROUPR, ~0u);
        write32(&m, redist(i) + SGI + ISENABLER, 0xffff);
        gic_msr(&cpus, i, ICC_PMR_EL1, 0xf0);
        gic_msr(&cpus, i, ICC_IGRPEN1_EL1, 1);
    }
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(gicv3, .init = setup, .fini = teardown);

static uint64_t ack(unsigned cpu)
{
    return gic_mrs(&cpus, cpu, ICC_IAR1_EL1);
}
static void eoi(unsigned cpu, uint64_t intid)
{
    gic_msr(&cpus, cpu, ICC_EOIR1_EL1, intid);
}
static void line(unsigned intid, int level)
{
    struct irq irq = gicv3_spi(gic, intid - 32);
    irq_set(&irq, level);
}
static void enable(unsigned intid, uint8_t priority, uint64_t route)
{
    wr8(IPRIORITYR + intid, priority);
    write64(&m, DIST + IROUTER + 8 * intid, route);
    wr(ISENABLER + intid / 32 * 4, 1u << intid % 32);
}
static bool irq(unsigned cpu)
{
    return gic_asks(&cpus, cpu, CPU_INT_IRQ);
}
static bool fiq(unsigned cpu)
{
    return gic_asks(&cpus, cpu, CPU_INT_FIQ);
}

Test(gicv3, identification)
{
    cr_expect_eq(rd(4), 3 | 1 << 16 | 15 << 19 | 1 << 24);
    cr_expect_eq(rd(0xffe8) & 0xf0, 0x30);
    cr_expect_eq(rd(8), 0x43b);
    cr_expect_eq(rd(CTLR), 1 << 6 | 1 << 4 | 2, "one security state, affinity routing");
    cr_expect_eq(read32(&m, redist(0) + 0xffe8) & 0xf0, 0x30);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_SRE_EL1), 7);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_CTLR_EL1), 4 << 8 | 1 << 15);
}

Test(gicv3, redistributors_lie_in_two_regions)
{
    for (unsigned i = 0; i < CPUS; i++) {
        uint64_t typer = read64(&m, redist(i) + 8);
        cr_expect_eq(typer >> 32, i / 16 << 8 | i % 16);
        cr_expect_eq(typer >> 8 & 0xffff, i);
        cr_expect_eq(typer >> 4 & 1, i == FIRST_REGION - 1 || i == CPUS - 1, "last of its region");
    }
}

Test(gicv3, level_and_edge)
{
    enable(UART, 0xa0, 0);
    line(UART, 1);
    cr_expect_eq(ack(0), UART);
    cr_expect_eq(ack(0), NONE);
    eoi(0, UART);
    cr_expect(irq(0), "still up");
    line(UART, 0);
    cr_expect_not(irq(0));
    wr(ICFGR + 8, 2 << 2);
    line(UART, 1);
    line(UART, 0);
    cr_expect_eq(ack(0), UART);
    eoi(0, UART);
    cr_expect_not(irq(0));
}

Test(gicv3, router_names_one_by_affinity)
{
    enable(UART, 0xa0, 1 << 8 | 2);
    line(UART, 1);
    for (unsigned i = 0; i < CPUS; i++)
        cr_expect_eq(irq(i), i == 18);
    write64(&m, DIST + IROUTER + 8 * UART, 3);
    cr_expect(irq(3) && !irq(18));
    write64(&m, DIST + IROUTER + 8 * UART, 7 << 16);
    cr_expect_not(irq(3), "there is no such processor");
    cr_expect_eq(read64(&m, DIST + IROUTER + 8 * UART), 7 << 16);
}

Test(gicv3, any_processor_may_be_asked)
{
    enable(UART, 0xa0, UINT64_C(1) << 31);
    line(UART, 1);
    cr_expect(irq(0));
    gic_msr(&cpus, 0, ICC_IGRPEN1_EL1, 0);
    cr_expect(!irq(0) && irq(1));
    write32(&m, redist(1) + WAKER, 2);
    cr_expect(!irq(1) && irq(2));
    cr_expect_eq(ack(2), UART);
}

/* UEFI firmware at EL1 leaves the register alone. */
Test(gicv3, processors_without_el3_are_awake_from_the_start)
{
    enable(UART, 0xa0, 0);
    line(UART, 1);
    cr_expect_eq(read32(&m, redist(0) + WAKER), 0);
    cr_expect(irq(0));
}

Test(gicv3, sleeping_processor_is_asked_nothing)
{
    enable(UART, 0xa0, 0);
    write32(&m, redist(0) + WAKER, 2);
    cr_expect_eq(read32(&m, redist(0) + WAKER), 6);
    line(UART, 1);
    cr_expect_not(irq(0));
    write32(&m, redist(0) + WAKER, 0);
    cr_expect_eq(read32(&m, redist(0) + WAKER), 0);
    cr_expect(irq(0));
}

Test(gicv3, highest_priority_comes_first_and_preempts)
{
    enable(40, 0xa0, 0);
    enable(41, 0x80, 0);
    line(40, 1);
    cr_expect_eq(ack(0), 40);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_RPR_EL1), 0xa0);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_AP1R0_EL1), 1u << 20);
    line(41, 1);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_HPPIR1_EL1), 41);
    cr_expect_eq(ack(0), 41);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_AP1R0_EL1), 1u << 20 | 1u << 16);
    line(41, 0);
    eoi(0, 41);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_RPR_EL1), 0xa0);
    line(40, 0);
    eoi(0, 40);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_RPR_EL1), 0xff);
}

Test(gicv3, binary_points)
{
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_BPR0_EL1), 2);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_BPR1_EL1), 3);
    gic_msr(&cpus, 0, ICC_BPR1_EL1, 0);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_BPR1_EL1), 3, "the smallest there is");
    gic_msr(&cpus, 0, ICC_BPR1_EL1, 6); /* group priority: bits 7 and 6 */
    enable(40, 0xa0, 0);
    enable(41, 0x80, 0);
    line(40, 1);
    cr_expect_eq(ack(0), 40);
    line(41, 1);
    cr_expect_not(irq(0));
    gic_msr(&cpus, 0, ICC_CTLR_EL1, 1); /* CBPR: group 0's, which is finer */
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_BPR1_EL1), 3);
    line(41, 0);
    eoi(0, 40);
    cr_expect_eq(ack(0), 40);
    line(41, 1);
    cr_expect(irq(0));
}

Test(gicv3, priority_mask)
{
    enable(UART, 0xa0, 0);
    line(UART, 1);
    gic_msr(&cpus, 0, ICC_PMR_EL1, 0xa0);
    cr_expect_not(irq(0));
    cr_expect_eq(ack(0), NONE);
    gic_msr(&cpus, 0, ICC_PMR_EL1, 0xff);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_PMR_EL1), 0xf8);
    cr_expect(irq(0));
}

Test(gicv3, private_interrupts_are_each_processors_own)
{
    struct irq timer = gicv3_ppi(gic, 18, 27);
    write32(&m, redist(18) + SGI + ISENABLER, 1u << 27);
    irq_set(&timer, 1);
    cr_expect(irq(18) && !irq(0));
    cr_expect_eq(ack(18), 27);
    cr_expect_eq(read32(&m, redist(18) + SGI + ISACTIVER), 1u << 27);
    eoi(18, 27);
    cr_expect(irq(18));
    irq_set(&timer, 0);
    cr_expect_not(irq(18));
    cr_expect_eq(rd(ISENABLER), 0, "not in the distributor");
}

Test(gicv3, sgi_goes_by_affinity)
{
    /* INTID 5 to processors 2 and 3 of cluster 1 */
    gic_msr(&cpus, 0, ICC_SGI1R_EL1, UINT64_C(5) << 24 | 1 << 16 | 0xc);
    for (unsigned i = 0; i < CPUS; i++)
        cr_expect_eq(irq(i), i == 18 || i == 19);
    cr_expect_eq(ack(18), 5);
    eoi(18, 5);
    cr_expect_not(irq(18));
    gic_msr(&cpus, 4, ICC_SGI1R_EL1, UINT64_C(1) << 40 | UINT64_C(6) << 24);
    for (unsigned i = 0; i < CPUS; i++)
        cr_expect_eq(irq(i), i != 4);
    gic_msr(&cpus, 0, ICC_SGI1R_EL1, UINT64_C(1) << 44 | UINT64_C(7) << 24 | 1);
    cr_expect_eq(read32(&m, redist(0) + SGI + ISPENDR) & 1 << 7, 0, "no processor 16");
}

Test(gicv3, sgi_needs_the_group_it_is_in)
{
    gic_msr(&cpus, 0, ICC_SGI0R_EL1, UINT64_C(5) << 24 | 1);
    cr_expect_not(irq(0) || fiq(0));
    write32(&m, redist(0) + SGI + IGROUPR, ~(1u << 5));
    gic_msr(&cpus, 0, ICC_IGRPEN0_EL1, 1);
    wr(CTLR, 3);
    gic_msr(&cpus, 0, ICC_SGI0R_EL1, UINT64_C(5) << 24 | 1);
    cr_expect(fiq(0) && !irq(0));
    cr_expect_eq(ack(0), NONE, "group 0 has registers of its own");
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_HPPIR0_EL1), 5);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_IAR0_EL1), 5);
    eoi(0, 5);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_AP0R0_EL1), 1, "not ended by group 1's");
    gic_msr(&cpus, 0, ICC_EOIR0_EL1, 5);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_AP0R0_EL1), 0);
}

Test(gicv3, group_enables)
{
    enable(UART, 0xa0, 0);
    line(UART, 1);
    gic_msr(&cpus, 0, ICC_IGRPEN1_EL1, 0);
    cr_expect_not(irq(0));
    gic_msr(&cpus, 0, ICC_IGRPEN1_EL1, 1);
    cr_expect(irq(0));
    wr(CTLR, 1);
    cr_expect_not(irq(0));
    cr_expect_eq(ack(0), NONE);
}

Test(gicv3, eoi_mode_separates_drop_from_deactivation)
{
    enable(UART, 0xa0, 0);
    gic_msr(&cpus, 0, ICC_CTLR_EL1, 2);
    line(UART, 1);
    cr_expect_eq(ack(0), UART);
    eoi(0, UART);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_RPR_EL1), 0xff);
    cr_expect_eq(rd(ISACTIVER + 4), 2);
    gic_msr(&cpus, 5, ICC_DIR_EL1, UART);
    cr_expect_eq(rd(ISACTIVER + 4), 2, "processor 5 has another EOI mode");
    gic_msr(&cpus, 0, ICC_DIR_EL1, UART);
    cr_expect_eq(rd(ISACTIVER + 4), 0);
    cr_expect(irq(0));
}

Test(gicv3, spi_is_deactivated_from_another_processor)
{
    enable(UART, 0xa0, 0);
    line(UART, 1);
    cr_expect_eq(ack(0), UART);
    eoi(0, UART);
    cr_expect_eq(ack(0), UART);
    write64(&m, DIST + IROUTER + 8 * UART, 1);
    cr_expect_not(irq(1), "active");
    eoi(0, UART);
    cr_expect(irq(1) && !irq(0));
}

Test(gicv3, what_was_written_reads_back)
{
    static const struct {
        uint32_t reg;
        uint64_t value, read;
    } registers[] = {
        {ICC_PMR_EL1, 0xff, 0xf8},      {ICC_BPR0_EL1, 5, 5},
        {ICC_BPR1_EL1, 7, 7},           {ICC_AP0R0_EL1, 1u << 31, 1u << 31},
        {ICC_AP1R0_EL1, 1, 1},          {ICC_IGRPEN0_EL1, 3, 1},
        {ICC_IGRPEN1_EL1, 0, 0},        {ICC_SRE_EL1, 0, 7},
        {ICC_CTLR_EL1, 0xffff, 0x8403},
    };
    for (unsigned i = 0; i < sizeof registers / sizeof *registers; i++) {
        gic_msr(&cpus, 0, registers[i].reg, registers[i].value);
        cr_expect_eq(gic_mrs(&cpus, 0, registers[i].reg), registers[i].read, "register %u", i);
    }
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_RPR_EL1), 0);
    write32(&m, redist(3) + SGI + IPRIORITYR + 4, 0x20304050);
    cr_expect_eq(mem_write(m.memory, redist(3) + SGI + IPRIORITYR + 5, 1, 0xff), MEM_OK);
    cr_expect_eq(read32(&m, redist(3) + SGI + IPRIORITYR + 4), 0x2030f850);
    write32(&m, redist(3) + SGI + ICFGR, 0);
    cr_expect_eq(read32(&m, redist(3) + SGI + ICFGR), 0xaaaaaaaa, "SGIs are edges");
    write32(&m, redist(3) + SGI + ICFGR + 4, 8);
    cr_expect_eq(read32(&m, redist(3) + SGI + ICFGR + 4), 8);
    cr_expect_eq(read32(&m, redist(3) + 4), 0x43b);
}

Test(gicv3, messages_to_the_distributor)
{
    wr(ICFGR + 8, 2 << 2);
    enable(UART, 0xa0, 0);
    wr(0x40, UART);
    cr_expect(irq(0));
    wr(0x48, UART);
    cr_expect_not(irq(0));
    wr(0x40, 5);
    wr(0x40, 1000);
    cr_expect_eq(mem_write(m.memory, DIST + 0x40, 2, UART), MEM_OK);
    cr_expect_eq(ack(0), UART);
}

Test(gicv3, what_is_not_there_is_undefined_or_zero)
{
    const struct arm_intc_access el0 = {.el = 0}, el1 = {.el = 1}, el2 = {.el = 2};
    const struct arm_intc_ops *ops = cpus.vcpu[0].arm_intc_ops;
    uint64_t v;
    cr_expect_eq(ops->read(cpus.vcpu[0].intc, ICC_PMR_EL1, &el0, &v), ARM_INTC_UNDEFINED);
    cr_expect_eq(ops->read(cpus.vcpu[0].intc, ICC_SRE_EL2, &el1, &v), ARM_INTC_UNDEFINED);
    cr_expect_eq(ops->read(cpus.vcpu[0].intc, ICC_SRE_EL3, &el1, &v), ARM_INTC_UNDEFINED);
    cr_expect_eq(ops->read(cpus.vcpu[0].intc, ICH_VTR_EL2, &el2, &v), ARM_INTC_UNDEFINED);
    cr_expect_eq(ops->read(cpus.vcpu[0].intc, ICC_EOIR1_EL1, &el1, &v), ARM_INTC_UNDEFINED);
    cr_expect_eq(ops->write(cpus.vcpu[0].intc, ICC_IAR1_EL1, &el1, 0), ARM_INTC_UNDEFINED);
    cr_expect_eq(ops->read(cpus.vcpu[0].intc, ICC_AP0R0_EL1 + 1, &el1, &v), ARM_INTC_UNDEFINED);
    wr(ISENABLER + 16, ~0u);
    cr_expect_eq(rd(ISENABLER + 16), 0);
    write64(&m, DIST + IROUTER + 8 * 200, 1);
    cr_expect_eq(read64(&m, DIST + IROUTER + 8 * 200), 0);
    wr(ITARGETSR + 32, ~0u);
    cr_expect_eq(rd(ITARGETSR + 32), 0);
    eoi(0, 1000);
    gic_msr(&cpus, 0, ICC_DIR_EL1, 1000);
}

/* ---- two security states --------------------------------------------------------------------- */

static const struct arm_intc_access el3 = {.el = 3, .secure = true, .scr = 4},
                                    secure_el1 = {.el = 1, .secure = true, .scr = 4},
                                    nonsecure_el1 = {.el = 1, .scr = 5};

static uint64_t mrs(uint32_t reg, const struct arm_intc_access *a)
{
    uint64_t v = 0;
    cr_assert_eq(cpus.vcpu[0].arm_intc_ops->read(cpus.vcpu[0].intc, reg, a, &v), ARM_INTC_OK);
    return v;
}
static void msr(uint32_t reg, uint64_t v, const struct arm_intc_access *a)
{
    cr_assert_eq(cpus.vcpu[0].arm_intc_ops->write(cpus.vcpu[0].intc, reg, a, v), ARM_INTC_OK);
}
static void state(uint8_t el, bool secure)
{
    cpus.vcpu[0].arm_intc_ops->state_changed(cpus.vcpu[0].intc, el, secure);
}

/* 33 is non-secure, 34 secure group 1, 35 group 0. */
static void setup_secure(void)
{
    test_machine_init(&m);
    gic = create(&m, &cpus, true);
    gic_as(&cpus, 0, true);
    wr(CTLR, 7);
    wr(IGROUPR + 4, 2);
    wr(IGRPMODR + 4, 4);
    cr_expect_eq(read32(&m, redist(0) + WAKER), 6, "firmware at EL3 wakes it");
    write32(&m, redist(0) + WAKER, 0);
    msr(ICC_PMR_EL1, 0xf8, &el3);
    msr(ICC_IGRPEN0_EL1, 1, &el3);
    msr(ICC_IGRPEN1_EL3, 3, &el3);
    enable(33, 0xc0, 0);
    enable(34, 0x40, 0);
    enable(35, 0x20, 0);
}
TestSuite(gicv3_secure, .init = setup_secure, .fini = teardown);

Test(gicv3_secure, output_depends_on_where_the_processor_is)
{
    line(33, 1);
    state(1, false);
    cr_expect(irq(0) && !fiq(0));
    state(1, true);
    cr_expect(!irq(0) && fiq(0));
    state(3, true);
    cr_expect(!irq(0) && fiq(0));
    line(33, 0);
    line(34, 1);
    state(1, true);
    cr_expect(irq(0) && !fiq(0));
    state(2, false);
    cr_expect(!irq(0) && fiq(0));
    line(35, 1);
    state(1, true);
    cr_expect(!irq(0) && fiq(0), "group 0");
}

Test(gicv3_secure, each_state_acknowledges_its_own)
{
    line(33, 1);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &secure_el1), NONE);
    cr_expect_eq(mrs(ICC_HPPIR0_EL1, &el3), 1021);
    line(34, 1);
    cr_expect_eq(mrs(ICC_HPPIR0_EL1, &el3), 1020);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &nonsecure_el1), NONE);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &secure_el1), 34);
    msr(ICC_EOIR1_EL1, 34, &nonsecure_el1);
    cr_expect_eq(mrs(ICC_RPR_EL1, &el3), 0x40);
    line(34, 0);
    msr(ICC_EOIR1_EL1, 34, &secure_el1);
    cr_expect_eq(mrs(ICC_RPR_EL1, &el3), 0xff);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &nonsecure_el1), 33);
    cr_expect_eq(mrs(ICC_RPR_EL1, &nonsecure_el1), 0x80, "shifted");
}

Test(gicv3_secure, registers_are_banked)
{
    msr(ICC_BPR1_EL1, 5, &secure_el1);
    msr(ICC_BPR1_EL1, 6, &nonsecure_el1);
    cr_expect_eq(mrs(ICC_BPR1_EL1, &secure_el1), 5);
    cr_expect_eq(mrs(ICC_BPR1_EL1, &nonsecure_el1), 6);
    msr(ICC_CTLR_EL1, 2, &nonsecure_el1);
    cr_expect_eq(mrs(ICC_CTLR_EL1, &secure_el1) & 3, 0);
    cr_expect_eq(mrs(ICC_CTLR_EL3, &el3) & 0x1f, 1 << 4);
    msr(ICC_IGRPEN1_EL1, 0, &nonsecure_el1);
    cr_expect_eq(mrs(ICC_IGRPEN1_EL3, &el3), 2);
    msr(ICC_PMR_EL1, 0x40, &nonsecure_el1);
    cr_expect_eq(mrs(ICC_PMR_EL1, &el3), 0xa0);
}

Test(gicv3_secure, el3_has_all_of_the_control_registers)
{
    msr(ICC_CTLR_EL3, 0x7f, &el3);
    cr_expect_eq(mrs(ICC_CTLR_EL3, &el3) & 0x7f, 0x3f);
    cr_expect_eq(mrs(ICC_CTLR_EL1, &secure_el1) & 3, 3);
    cr_expect_eq(mrs(ICC_CTLR_EL1, &nonsecure_el1) & 3, 3);
    /* CBPR: group 0's binary point is what the group 1 of each state has. */
    msr(ICC_BPR0_EL1, 4, &el3);
    cr_expect_eq(mrs(ICC_BPR1_EL1, &secure_el1), 4);
    cr_expect_eq(mrs(ICC_BPR1_EL1, &nonsecure_el1), 5);
    msr(ICC_BPR1_EL1, 6, &secure_el1);
    cr_expect_eq(mrs(ICC_BPR0_EL1, &el3), 6);
    /* EOImode of EL3 */
    line(35, 1);
    cr_expect_eq(mrs(ICC_IAR0_EL1, &el3), 35);
    msr(ICC_EOIR0_EL1, 35, &el3);
    cr_expect_eq(rd(ISACTIVER + 4), 8);
    msr(ICC_DIR_EL1, 35, &nonsecure_el1);
    cr_expect_eq(rd(ISACTIVER + 4), 8, "not the other state's to end");
    msr(ICC_DIR_EL1, 35, &el3);
    cr_expect_eq(rd(ISACTIVER + 4), 0);
}

Test(gicv3_secure, secure_messages_to_the_distributor)
{
    wr(ICFGR + 8, 2 << 2 | 2 << 4);
    wr(0x40, 34);
    cr_expect_eq(rd(ISPENDR + 4), 0, "34 is not for non-secure messages");
    wr(0x40, 33);
    wr(0x50, 34);
    cr_expect_eq(rd(ISPENDR + 4), 6);
    gic_as(&cpus, 0, false);
    wr(0x58, 34);
    gic_as(&cpus, 0, true);
    cr_expect_eq(rd(ISPENDR + 4), 6);
    wr(0x58, 34);
    cr_expect_eq(rd(ISPENDR + 4), 2);
}

Test(gicv3_secure, without_firmware_all_is_nonsecure_after_reset)
{
    struct vemu_error *err = NULL;
    struct gicv3_config cfg = {.cpus = cpus.cpu,
                               .affinity = cpus.affinity,
                               .cpu_count = 1,
                               .spis = 32,
                               .dist_base = DIST + 0x10000000,
                               .redist = {{0}, {DIST + 0x11000000, 1}},
                               .security = true,
                               .reset_nonsecure = true};
    struct device *open = made(gicv3_create(&m, &cfg, &err), err);
    struct irq uart = gicv3_spi(open, 1);
    gic_as(&cpus, 0, false);
    write32(&m, cfg.dist_base, 2);
    write32(&m, cfg.dist_base + ISENABLER + 4, 2);
    msr(ICC_PMR_EL1, 0xf0, &nonsecure_el1);
    cr_expect_eq(mrs(ICC_PMR_EL1, &nonsecure_el1), 0xf0);
    msr(ICC_IGRPEN1_EL1, 1, &nonsecure_el1);
    irq_set(&uart, 1);
    cr_expect(irq(0));
    cr_expect_eq(mrs(ICC_IAR1_EL1, &nonsecure_el1), 33);
}

Test(gicv3_secure, nonsecure_software_sees_its_own_half)
{
    gic_as(&cpus, 0, false);
    cr_expect_eq(rd(CTLR), 1 << 4 | 2);
    cr_expect_eq(rd(ISENABLER + 4), 2);
    cr_expect_eq(rd(IPRIORITYR + 32), 0x8000);
    cr_expect_eq(read32(&m, redist(0) + WAKER), 0);
    write32(&m, redist(0) + WAKER, 2);
    wr(IGROUPR + 4, ~0u);
    wr(CTLR, 0);
    gic_as(&cpus, 0, true);
    cr_expect_eq(rd(IGROUPR + 4), 2);
    cr_expect_eq(rd(CTLR), 3 << 4 | 5);
    cr_expect_eq(read32(&m, redist(0) + WAKER), 0);
    cr_expect_eq(rd(4) >> 10 & 1, 1);
}

Test(gicv3_secure, traps_to_el3)
{
    const struct arm_intc_access a = {.el = 1, .scr = 7};
    const struct arm_intc_ops *ops = cpus.vcpu[0].arm_intc_ops;
    uint64_t v;
    cr_expect_eq(ops->read(cpus.vcpu[0].intc, ICC_IAR0_EL1, &nonsecure_el1, &v), ARM_INTC_TRAP_EL3);
    cr_expect_eq(ops->read(cpus.vcpu[0].intc, ICC_IAR1_EL1, &a, &v), ARM_INTC_TRAP_EL3);
    cr_expect_eq(ops->write(cpus.vcpu[0].intc, ICC_SGI1R_EL1, &a, 0), ARM_INTC_TRAP_EL3);
    cr_expect_eq(ops->read(cpus.vcpu[0].intc, ICC_PMR_EL1, &nonsecure_el1, &v), ARM_INTC_OK);
}

Test(gicv3_secure, sgis_of_each_group)
{
    write32(&m, redist(0) + SGI + IGROUPR, 1 << 8);
    write32(&m, redist(0) + SGI + IGRPMODR, 1 << 9);
    msr(ICC_SGI1R_EL1, UINT64_C(9) << 24 | 1, &nonsecure_el1);
    msr(ICC_SGI1R_EL1, UINT64_C(8) << 24 | 1, &secure_el1);
    cr_expect_eq(read32(&m, redist(0) + SGI + ISPENDR), 0);
    msr(ICC_ASGI1R_EL1, UINT64_C(8) << 24 | 1, &secure_el1);
    msr(ICC_SGI1R_EL1, UINT64_C(9) << 24 | 1, &secure_el1);
    cr_expect_eq(read32(&m, redist(0) + SGI + ISPENDR), 3 << 8);
}

Test(gicv3_secure, security_can_be_given_up)
{
    wr(CTLR, 1 << 6);
    gic_as(&cpus, 0, false);
    cr_expect_eq(rd(CTLR), 1 << 6 | 1 << 4);
    cr_expect_eq(rd(4) >> 10 & 1, 0);
    wr(IGROUPR + 4, ~0u);
    cr_expect_eq(rd(IGROUPR + 4), ~0u);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void busy(void)
{
    enable(UART, 0xa0, 0);
    enable(40, 0x60, 1 << 8 | 2);
    line(UART, 1);
    line(40, 1);
    gic_msr(&cpus, 0, ICC_SGI1R_EL1, UINT64_C(5) << 24 | 1 << 16 | 0xc);
    ack(0);
}

Test(gicv3, saved_state_has_it_all)
{
    struct vemu_machine other;
    static struct gic_cpus others;
    test_machine_init(&other);
    struct device *fresh = create(&other, &others, false);
    busy();
    assert_round_trip(gic, fresh);
    cr_expect_not(gic_asks(&others, 0, CPU_INT_IRQ));
    cr_expect(gic_asks(&others, 18, CPU_INT_IRQ) && gic_asks(&others, 19, CPU_INT_IRQ));
    machine_destroy(&other);
}

static struct gic_cpus victims;
static void poke(struct vemu_machine *machine)
{
    for (unsigned i = 0; i < CPUS; i++) {
        eoi(i, gic_mrs(&victims, i, ICC_IAR1_EL1));
        gic_msr(&victims, i, ICC_SGI1R_EL1, (uint64_t)i << 24 | 0xffff);
        read64(machine, redist(i) + 8);
    }
}

Test(gicv3, damaged_state_does_no_harm)
{
    struct vemu_machine other;
    test_machine_init(&other);
    struct device *victim = create(&other, &victims, false);
    busy();
    fuzz_state(gic, victim, 200, poke);
    machine_destroy(&other);
}

Test(gicv3, reset_lowers_its_outputs)
{
    busy();
    machine_lock(&m);
    gic->cls->reset(gic);
    machine_unlock(&m);
    for (unsigned i = 0; i < CPUS; i++)
        cr_expect_not(irq(i) || fiq(i));
    cr_expect_eq(read32(&m, redist(18) + WAKER), 0);
    cr_expect_eq(gic_mrs(&cpus, 0, ICC_RPR_EL1), 0xff);
    cr_expect_eq(rd(ISPENDR + 4) & 2, 2, "the line is still up");
}

Test(gicv3, configuration_is_checked)
{
    struct vemu_error *err = NULL;
    struct gicv3_config cfg = {.cpus = cpus.cpu,
                               .affinity = cpus.affinity,
                               .cpu_count = 5,
                               .spis = 32,
                               .redist = {{0, 4}}};
    cr_expect_null(gicv3_create(&m, &cfg, &err));
    cr_expect(err && strstr(vemu_error_message(err), "room for 4"));
    vemu_error_free(err);
    err = NULL;
    cfg.redist[0].count = 64;
    cfg.virtualization = true;
    cfg.maintenance = 32;
    cr_expect_null(gicv3_create(&m, &cfg, &err));
    cr_expect(err && strstr(vemu_error_message(err), "16 to 31, not 32"));
    vemu_error_free(err);
    err = NULL;
    cfg.cpu_count = 65;
    cr_expect_null(gicv3_create(&m, &cfg, &err));
    cr_expect(err && strstr(vemu_error_message(err), "not 65"));
    vemu_error_free(err);
}
