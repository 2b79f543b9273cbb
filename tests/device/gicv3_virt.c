/* GICv3 under a hypervisor: list registers, virtual CPU interface, maintenance interrupt, traps. */
#include <criterion/criterion.h>
#include "hw/intc/gic_virt.h"
#include "hw/intc/gicv3.h"
#include "hw/intc/gicv3_regs.h"
#include "tests/device/device_test.h"
#include "tests/device/gic_cpus.h"

#define DIST UINT64_C(0x08000000)
#define REDIST UINT64_C(0x080a0000)
#define PENDING LR_PENDING
#define ACTIVE LR_ACTIVE
#define HW LR_HW
#define GROUP1 LR_GROUP1
#define EOI LR_EOI
#define LR(n) (ICH_LR0_EL2 + (n))
enum { NONE = 1023, FMO = 1 << 3, IMO = 1 << 4, MAINTENANCE = 25 };
enum { VENG0 = 1, VENG1 = 2, VEOIM = 1 << 9 };

static struct vemu_machine m;
static struct gic_cpus cpus;
static struct device *gic;
static const struct arm_intc_access hyp = {.el = 2}, guest = {.el = 1, .hcr = FMO | IMO},
                                    host_el1 = {.el = 1};

static struct device *create(struct vemu_machine *machine, struct gic_cpus *c)
{
    struct vemu_error *err = NULL;
    struct gicv3_config cfg = {.cpus = c->cpu,
                               .affinity = c->affinity,
                               .cpu_count = 2,
                               .spis = 32,
                               .dist_base = DIST,
                               .redist = {{REDIST, 2}},
                               .virtualization = true,
                               .maintenance = MAINTENANCE};
    gic_cpus_init(c, machine);
    return made(gicv3_create(machine, &cfg, &err), err);
}

static enum arm_intc_result try_read(uint32_t reg, const struct arm_intc_access *a, uint64_t *v)
{
    return cpus.vcpu[0].arm_intc_ops->read(cpus.vcpu[0].intc, reg, a, v);
}
static enum arm_intc_result try_write(uint32_t reg, const struct arm_intc_access *a, uint64_t v)
{
    return cpus.vcpu[0].arm_intc_ops->write(cpus.vcpu[0].intc, reg, a, v);
}
static uint64_t mrs(uint32_t reg, const struct arm_intc_access *a)
{
    uint64_t v = 0;
    cr_assert_eq(try_read(reg, a, &v), ARM_INTC_OK);
    return v;
}
static void msr(uint32_t reg, uint64_t v, const struct arm_intc_access *a)
{
    cr_assert_eq(try_write(reg, a, v), ARM_INTC_OK);
}
/* A list register: priority of eight bits. */
static uint64_t entry(uint64_t flags, uint32_t intid, uint64_t priority)
{
    return flags | priority << 48 | intid;
}

static void setup(void)
{
    test_machine_init(&m);
    gic = create(&m, &cpus);
    write32(&m, DIST, 2);
    write32(&m, REDIST + 0x14, 0);
    write32(&m, REDIST + 0x10080, ~0u);
    write32(&m, REDIST + 0x10100, 1u << MAINTENANCE | 1u << 27);
    msr(ICC_PMR_EL1, 0xf8, &hyp);
    msr(ICC_IGRPEN1_EL1, 1, &hyp);
    msr(ICH_VMCR_EL2, VENG1 | VENG0 | UINT32_C(0xf8) << 24, &hyp);
    msr(ICH_HCR_EL2, ICH_HCR_EN, &hyp);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(gicv3_virt, .init = setup, .fini = teardown);

static bool virq(void)
{
    return gic_asks(&cpus, 0, CPU_INT_VIRQ);
}
static bool vfiq(void)
{
    return gic_asks(&cpus, 0, CPU_INT_VFIQ);
}
static bool irq(void)
{
    return gic_asks(&cpus, 0, CPU_INT_IRQ);
}

Test(gicv3_virt, what_there_is)
{
    uint64_t vtr = mrs(ICH_VTR_EL2, &hyp), v;
    cr_expect_eq(vtr & 31, 3, "four list registers");
    cr_expect_eq(vtr >> 29, 4);
    cr_expect_eq(vtr >> 26 & 7, 4);
    cr_expect_eq(try_read(LR(4), &hyp, &v), ARM_INTC_UNDEFINED);
    cr_expect_eq(try_read(ICH_HCR_EL2, &host_el1, &v), ARM_INTC_UNDEFINED);
    cr_expect_eq(mrs(ICC_SRE_EL2, &hyp), 15);
    cr_expect_eq(mrs(ICH_ELRSR_EL2, &hyp), 15);
    msr(ICH_VMCR_EL2, 0, &hyp);
    cr_expect_eq(mrs(ICH_VMCR_EL2, &hyp), 2 << 21 | 3 << 18 | 1 << 3, "smallest binary points");
}

Test(gicv3_virt, list_register_becomes_a_virtual_interrupt)
{
    msr(LR(1), entry(PENDING | GROUP1, 40, 0xa0), &hyp);
    cr_expect(virq() && !vfiq() && !irq());
    cr_expect_eq(mrs(ICC_HPPIR1_EL1, &guest), 40);
    cr_expect_eq(mrs(ICC_IAR0_EL1, &guest), NONE, "another group");
    cr_expect_eq(mrs(ICC_IAR1_EL1, &guest), 40);
    cr_expect_not(virq());
    cr_expect_eq(mrs(LR(1), &hyp), entry(ACTIVE | GROUP1, 40, 0xa0));
    cr_expect_eq(mrs(ICC_RPR_EL1, &guest), 0xa0);
    cr_expect_eq(mrs(ICH_AP1R0_EL2, &hyp), 1u << 20);
    msr(ICC_EOIR1_EL1, 40, &guest);
    cr_expect_eq(mrs(LR(1), &hyp), entry(GROUP1, 40, 0xa0));
    cr_expect_eq(mrs(ICC_RPR_EL1, &guest), 0xff);
    cr_expect_eq(mrs(ICH_ELRSR_EL2, &hyp), 15);
}

Test(gicv3_virt, group_0_is_a_virtual_fiq)
{
    msr(LR(0), entry(PENDING, 41, 0x80), &hyp);
    cr_expect(vfiq() && !virq());
    cr_expect_eq(mrs(ICC_IAR0_EL1, &guest), 41);
    msr(ICC_EOIR0_EL1, 41, &guest);
    cr_expect_not(vfiq());
    msr(LR(0), entry(PENDING, 41, 0x80), &hyp);
    msr(ICC_IGRPEN0_EL1, 0, &guest);
    cr_expect_not(vfiq());
}

Test(gicv3_virt, priorities_masks_and_preemption)
{
    msr(LR(0), entry(PENDING | GROUP1, 40, 0xa0), &hyp);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &guest), 40);
    msr(LR(1), entry(PENDING | GROUP1, 41, 0xa0), &hyp);
    cr_expect_not(virq());
    msr(LR(2), entry(PENDING | GROUP1, 42, 0x60), &hyp);
    cr_expect(virq());
    msr(ICC_PMR_EL1, 0x60, &guest);
    cr_expect_not(virq());
    cr_expect_eq(mrs(ICC_PMR_EL1, &host_el1), 0xf8, "the physical one");
    msr(ICC_PMR_EL1, 0xf0, &guest);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &guest), 42);
    cr_expect_eq(mrs(ICC_RPR_EL1, &guest), 0x60);
    msr(ICC_EOIR1_EL1, 42, &guest);
    cr_expect_eq(mrs(ICC_RPR_EL1, &guest), 0xa0);
    msr(ICC_EOIR1_EL1, 40, &guest);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &guest), 41);
}

Test(gicv3_virt, what_the_guest_wrote_reads_back)
{
    static const struct {
        uint32_t reg;
        uint64_t value, read;
    } registers[] = {
        {ICC_PMR_EL1, 0xff, 0xf8},       {ICC_BPR0_EL1, 5, 5},   {ICC_BPR1_EL1, 7, 7},
        {ICC_AP0R0_EL1, 1 << 9, 1 << 9}, {ICC_AP1R0_EL1, 4, 4},  {ICC_IGRPEN0_EL1, 0, 0},
        {ICC_IGRPEN1_EL1, 3, 1},         {ICC_RPR_EL1, 0, 0x10},
    };
    for (unsigned i = 0; i < sizeof registers / sizeof *registers; i++) {
        try_write(registers[i].reg, &guest, registers[i].value);
        cr_expect_eq(mrs(registers[i].reg, &guest), registers[i].read, "register %u", i);
    }
    cr_expect_eq(mrs(ICH_AP0R0_EL2, &hyp), 1 << 9);
    cr_expect_eq(mrs(ICH_VMCR_EL2, &hyp), 0xf8u << 24 | 5 << 21 | 7 << 18 | 1 << 3 | 2);
    cr_expect_eq(try_write(ICC_RPR_EL1, &guest, 0), ARM_INTC_UNDEFINED);
    cr_expect_eq(try_write(LR(4), &hyp, 0), ARM_INTC_UNDEFINED);
}

Test(gicv3_virt, binary_points_of_the_guest)
{
    msr(ICC_BPR1_EL1, 0, &guest);
    cr_expect_eq(mrs(ICC_BPR1_EL1, &guest), 3);
    msr(ICC_BPR0_EL1, 5, &guest);
    msr(ICC_CTLR_EL1, 1, &guest);
    cr_expect_eq(mrs(ICC_BPR1_EL1, &guest), 6);
    msr(ICC_BPR1_EL1, 7, &guest);
    cr_expect_eq(mrs(ICH_VMCR_EL2, &hyp) >> 18 & 0x3f, 5 << 3 | 3, "ignored");
    cr_expect_eq(mrs(ICC_CTLR_EL1, &guest), 1 | 4 << 8 | 1 << 15);
}

Test(gicv3_virt, end_deactivates_the_physical_interrupt)
{
    struct irq timer = gicv3_ppi(gic, 0, 27);
    irq_set(&timer, 1);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &hyp), 27);
    msr(ICC_CTLR_EL1, 2, &hyp);
    msr(ICC_EOIR1_EL1, 27, &hyp);
    cr_expect_not(irq(), "it is the guest's now");
    msr(LR(0), entry(PENDING | GROUP1 | HW | UINT64_C(27) << 32, 27, 0xa0), &hyp);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &guest), 27);
    msr(ICC_EOIR1_EL1, 27, &guest);
    cr_expect(irq(), "the timer still asks");
    cr_expect_eq(read32(&m, REDIST + 0x10300), 0);
}

Test(gicv3_virt, eoi_mode_of_the_guest)
{
    msr(ICC_CTLR_EL1, 2, &guest);
    cr_expect(mrs(ICH_VMCR_EL2, &hyp) & VEOIM);
    msr(LR(0), entry(PENDING | GROUP1, 40, 0xa0), &hyp);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &guest), 40);
    msr(ICC_EOIR1_EL1, 40, &guest);
    cr_expect_eq(mrs(LR(0), &hyp), entry(ACTIVE | GROUP1, 40, 0xa0));
    msr(ICC_DIR_EL1, 40, &guest);
    cr_expect_eq(mrs(LR(0), &hyp), entry(GROUP1, 40, 0xa0));
}

Test(gicv3_virt, lpi_is_never_active)
{
    msr(LR(0), entry(PENDING | GROUP1, 8200, 0xa0), &hyp);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &guest), 8200);
    cr_expect_eq(mrs(LR(0), &hyp), entry(GROUP1, 8200, 0xa0));
    msr(ICC_EOIR1_EL1, 8200, &guest);
    cr_expect_eq(mrs(ICC_RPR_EL1, &guest), 0xff);
    cr_expect_eq(mrs(ICH_HCR_EL2, &hyp) >> 27, 0);
}

Test(gicv3_virt, ends_without_a_list_register_are_counted)
{
    msr(ICH_AP1R0_EL2, 1u << 20, &hyp);
    msr(ICH_HCR_EL2, ICH_HCR_EN | ICH_HCR_LRENPIE, &hyp);
    cr_expect_not(irq());
    msr(ICC_EOIR1_EL1, 50, &guest);
    cr_expect_eq(mrs(ICH_HCR_EL2, &hyp) >> 27, 1);
    cr_expect_eq(mrs(ICH_MISR_EL2, &hyp), 1 << 2);
    cr_expect(irq());
    cr_expect_eq(mrs(ICC_HPPIR1_EL1, &hyp), MAINTENANCE);
    msr(ICC_EOIR1_EL1, 50, &guest);
    cr_expect_eq(mrs(ICH_HCR_EL2, &hyp) >> 27, 1, "nothing was active");
    msr(ICH_HCR_EL2, ICH_HCR_EN | ICH_HCR_LRENPIE, &hyp);
    cr_expect_not(irq());
}

Test(gicv3_virt, maintenance_interrupt_tells_what_is_asked_for)
{
    msr(ICH_HCR_EL2, ICH_HCR_EN | ICH_HCR_UIE, &hyp);
    cr_expect_eq(mrs(ICH_MISR_EL2, &hyp), 1 << 1, "one or none is in use");
    cr_expect(irq());
    msr(LR(0), entry(PENDING | GROUP1, 40, 0xa0), &hyp);
    msr(LR(1), entry(PENDING | GROUP1, 41, 0xa0), &hyp);
    cr_expect_eq(mrs(ICH_MISR_EL2, &hyp), 0);
    cr_expect_not(irq());
    msr(ICH_HCR_EL2, ICH_HCR_EN | ICH_HCR_NPIE | ICH_HCR_VGRP1EIE | ICH_HCR_VGRP0DIE, &hyp);
    cr_expect_eq(mrs(ICH_MISR_EL2, &hyp), 1 << 6);
    msr(ICC_IGRPEN1_EL1, 0, &guest);
    msr(ICC_IGRPEN0_EL1, 0, &guest);
    cr_expect_eq(mrs(ICH_MISR_EL2, &hyp), 1 << 5);
    msr(LR(0), 0, &hyp);
    msr(LR(1), 0, &hyp);
    cr_expect_eq(mrs(ICH_MISR_EL2, &hyp), 1 << 5 | 1 << 3);
    msr(ICH_HCR_EL2, ICH_HCR_NPIE, &hyp);
    cr_expect_not(irq(), "not while it is off");
}

Test(gicv3_virt, end_of_an_interrupt_that_asks_for_it)
{
    msr(LR(2), entry(PENDING | GROUP1 | EOI, 40, 0xa0), &hyp);
    cr_expect_eq(mrs(ICC_IAR1_EL1, &guest), 40);
    cr_expect_eq(mrs(ICH_EISR_EL2, &hyp), 0);
    msr(ICC_EOIR1_EL1, 40, &guest);
    cr_expect_eq(mrs(ICH_EISR_EL2, &hyp), 1 << 2);
    cr_expect_eq(mrs(ICH_ELRSR_EL2, &hyp), 0xb);
    cr_expect_eq(mrs(ICH_MISR_EL2, &hyp), 1);
    cr_expect(irq());
    msr(LR(2), 0, &hyp);
    cr_expect_not(irq());
}

Test(gicv3_virt, switched_off_it_signals_nothing)
{
    msr(LR(0), entry(PENDING | GROUP1, 40, 0xa0), &hyp);
    msr(ICH_HCR_EL2, 0, &hyp);
    cr_expect_not(virq());
    cr_expect_eq(mrs(ICC_IAR1_EL1, &guest), NONE);
    msr(ICH_HCR_EL2, ICH_HCR_EN, &hyp);
    cr_expect(virq());
}

Test(gicv3_virt, each_group_is_virtual_by_its_own_bit)
{
    const struct arm_intc_access imo = {.el = 1, .hcr = IMO};
    msr(LR(0), entry(PENDING | GROUP1, 40, 0xa0), &hyp);
    msr(LR(1), entry(PENDING, 41, 0xa0), &hyp);
    cr_expect_eq(mrs(ICC_HPPIR0_EL1, &imo), NONE, "the physical one");
    cr_expect_eq(mrs(ICC_IAR1_EL1, &imo), 40);
    msr(ICC_PMR_EL1, 0x80, &imo);
    cr_expect_eq(mrs(ICH_VMCR_EL2, &hyp) >> 24, 0x80, "what is common is virtual by either");
}

Test(gicv3_virt, traps_to_the_hypervisor)
{
    uint64_t v;
    cr_expect_eq(try_write(ICC_SGI1R_EL1, &guest, 1), ARM_INTC_TRAP_EL2);
    cr_expect_eq(try_write(ICC_SGI1R_EL1, &host_el1, 1), ARM_INTC_OK);
    msr(ICH_HCR_EL2, ICH_HCR_TC, &hyp);
    cr_expect_eq(try_read(ICC_PMR_EL1, &guest, &v), ARM_INTC_TRAP_EL2);
    cr_expect_eq(try_write(ICC_DIR_EL1, &guest, 1), ARM_INTC_TRAP_EL2);
    cr_expect_eq(try_read(ICC_IAR1_EL1, &guest, &v), ARM_INTC_OK);
    msr(ICH_HCR_EL2, ICH_HCR_TALL1, &hyp);
    cr_expect_eq(try_read(ICC_IAR1_EL1, &guest, &v), ARM_INTC_TRAP_EL2);
    cr_expect_eq(try_read(ICC_IAR0_EL1, &guest, &v), ARM_INTC_OK);
    msr(ICH_HCR_EL2, ICH_HCR_TALL0 | ICH_HCR_TDIR, &hyp);
    cr_expect_eq(try_read(ICC_IAR0_EL1, &guest, &v), ARM_INTC_TRAP_EL2);
    cr_expect_eq(try_write(ICC_DIR_EL1, &guest, 1), ARM_INTC_TRAP_EL2);
    cr_expect_eq(try_read(ICC_PMR_EL1, &guest, &v), ARM_INTC_OK);
    cr_expect_eq(try_read(ICC_IAR0_EL1, &hyp, &v), ARM_INTC_OK, "not its own accesses");
}

static struct gic_cpus others;
static void poke(struct vemu_machine *machine)
{
    struct vcpu *cpu = &others.vcpu[0];
    uint64_t v;
    (void)machine;
    for (unsigned i = 0; i < 5; i++) {
        cpu->arm_intc_ops->read(cpu->intc, i & 1 ? ICC_IAR1_EL1 : ICC_IAR0_EL1, &guest, &v);
        cpu->arm_intc_ops->write(cpu->intc, i & 1 ? ICC_EOIR1_EL1 : ICC_EOIR0_EL1, &guest, v);
        cpu->arm_intc_ops->write(cpu->intc, ICC_DIR_EL1, &guest, v);
    }
}

Test(gicv3_virt, state_survives_a_round_trip_and_damage)
{
    struct vemu_machine other;
    test_machine_init(&other);
    struct device *fresh = create(&other, &others);
    msr(LR(0), entry(PENDING | GROUP1, 40, 0xa0), &hyp);
    msr(LR(1), entry(PENDING | GROUP1, 41, 0xb0), &hyp);
    msr(LR(3), entry(PENDING | HW | UINT64_C(1100) << 32, 42, 0x40), &hyp);
    cr_expect_eq(mrs(ICC_IAR0_EL1, &guest), 42);
    msr(ICH_HCR_EL2, ICH_HCR_EN | ICH_HCR_VGRP1EIE, &hyp);
    assert_round_trip(gic, fresh);
    cr_expect(gic_asks(&others, 0, CPU_INT_IRQ), "maintenance");
    fuzz_state(gic, fresh, 300, poke);
    machine_destroy(&other);
}
