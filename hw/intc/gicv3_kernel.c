/* A GICv3 that the accelerator keeps: gic_kernel.h. */
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "hw/intc/gic_kernel.h"
#include "hw/intc/gicv3_internal.h"
#include "hw/intc/gicv3_regs.h"

enum {
    GICD_CTLR = 0x0000,
    GICD_IIDR = 0x0008,
    GICD_IROUTER = 0x6000,
    GICR_CTLR = 0x0000,
    GICR_WAKER = 0x0014,
    GICR_PROPBASER = 0x0070,
    GICR_PENDBASER = 0x0078,
    SGI_FRAME = 0x10000,
    ROUTER_BYTES = 8,
    /* GICD_CTLR with one security state */
    CTLR_GROUPS = 3,
    CTLR_ARE = 1 << 4,
    ICC_CTLR_OWN = 3, /* CBPR, EOImode; the rest says what there is */
    PRIVATE = 0,
};

static const struct irqchip_gic_ops *ops_of(const struct gicv3 *s)
{
    return s->dev.machine->accel->gic;
}

static struct gic_frame distributor(const struct gicv3 *s)
{
    return (struct gic_frame){.m = s->dev.machine, .group = IRQCHIP_GIC_DIST, .latches = true};
}

static struct gic_frame of_cpu(const struct gicv3_cpu *c, enum irqchip_gic_group group,
                               uint32_t base)
{
    return (struct gic_frame){.m = c->gic->dev.machine,
                              .group = group,
                              .cpu = c->vcpu,
                              .mpidr = c->affinity,
                              .base = base,
                              .latches = true};
}

void gicv3_set_kernel_spi(struct gicv3 *s, unsigned n, int level)
{
    ops_of(s)->set_spi(s->dev.machine, n, level);
}

void gicv3_set_kernel_ppi(struct gicv3_cpu *c, unsigned intid, int level)
{
    ops_of(c->gic)->set_ppi(c->vcpu, intid - GIC_SGIS, level);
}

/* ---- the CPU interface ----------------------------------------------------------------------- */

static void get_interface(struct gicv3_cpu *c)
{
    struct gic_frame f = of_cpu(c, IRQCHIP_GIC_ICC, 0);

    c->icc_ctlr[0] = c->icc_ctlr[1] = gic_kernel_get(&f, ICC_CTLR_EL1) & ICC_CTLR_OWN;
    c->pmr = (uint8_t)gic_kernel_get(&f, ICC_PMR_EL1);
    c->bpr[GICV3_G0] = gic_kernel_get(&f, ICC_BPR0_EL1) & 7;
    c->bpr[GICV3_G1NS] = gic_kernel_get(&f, ICC_BPR1_EL1) & 7;
    c->apr[GICV3_G0] = (uint32_t)gic_kernel_get(&f, ICC_AP0R0_EL1);
    c->apr[GICV3_G1NS] = (uint32_t)gic_kernel_get(&f, ICC_AP1R0_EL1);
    c->group_enable[GICV3_G0] = gic_kernel_get(&f, ICC_IGRPEN0_EL1) & 1;
    c->group_enable[GICV3_G1NS] = gic_kernel_get(&f, ICC_IGRPEN1_EL1) & 1;
}

static void put_interface(struct gicv3_cpu *c)
{
    struct gic_frame f = of_cpu(c, IRQCHIP_GIC_ICC, 0);
    uint64_t fixed = gic_kernel_get(&f, ICC_CTLR_EL1) & ~(uint64_t)ICC_CTLR_OWN;

    gic_kernel_put(&f, ICC_CTLR_EL1, fixed | c->icc_ctlr[1]);
    gic_kernel_put(&f, ICC_PMR_EL1, c->pmr);
    gic_kernel_put(&f, ICC_BPR0_EL1, c->bpr[GICV3_G0]);
    gic_kernel_put(&f, ICC_BPR1_EL1, c->bpr[GICV3_G1NS]);
    gic_kernel_put(&f, ICC_AP0R0_EL1, c->apr[GICV3_G0]);
    gic_kernel_put(&f, ICC_AP1R0_EL1, c->apr[GICV3_G1NS]);
    gic_kernel_put(&f, ICC_IGRPEN0_EL1, c->group_enable[GICV3_G0]);
    gic_kernel_put(&f, ICC_IGRPEN1_EL1, c->group_enable[GICV3_G1NS]);
}

/* ---- redistributors and the distributor ------------------------------------------------------ */

static void get_cpu(struct gicv3_cpu *c)
{
    struct gic_frame f = of_cpu(c, IRQCHIP_GIC_REDIST, 0);
    struct gic_frame sgi = of_cpu(c, IRQCHIP_GIC_REDIST, SGI_FRAME);
    struct gic_frame levels = of_cpu(c, IRQCHIP_GIC_LEVELS, 0);

    bool lpis = gic_kernel_get(&f, GICR_CTLR) & GICR_CTLR_ENABLE_LPIS;
    c->waker = gic_kernel_get(&f, GICR_WAKER) & (GICR_WAKER_SLEEP | GICR_WAKER_ASLEEP);
    c->propbaser = gic_kernel_get_pair(&f, GICR_PROPBASER);
    c->pendbaser = gic_kernel_get_pair(&f, GICR_PENDBASER);
    /* The kernel's own timers drive some of them. */
    c->bank.line = (uint32_t)gic_kernel_get(&levels, PRIVATE);
    gic_kernel_get_bank(&sgi, 0, &c->bank);
    get_interface(c);
    /* What is pending of them is in the guest's table by now. */
    c->ctlr = 0;
    gicv3_lpi_clear(c);
    if (lpis && c->gic->cfg.lpis)
        gicv3_lpi_enable(c, true);
}

void gicv3_get_from_kernel(struct gicv3 *s)
{
    struct gic_frame f = distributor(s);

    if (s->cfg.lpis)
        ops_of(s)->save_tables(s->dev.machine);
    s->ctlr = (gic_kernel_get(&f, GICD_CTLR) & CTLR_GROUPS) | GICD_CTLR_ARE_S | GICD_CTLR_ARE_NS |
              GICD_CTLR_DS;
    for (unsigned i = 1; i < s->banks; i++) {
        gic_kernel_get_bank(&f, i, &s->spi[i - 1]);
        for (unsigned n = 0; n < GIC_BANK; n++)
            s->router[GIC_BANK * (i - 1) + n] =
                gic_kernel_get_pair(&f, GICD_IROUTER + ROUTER_BYTES * (GIC_BANK * i + n));
    }
    for (unsigned cpu = 0; cpu < s->cfg.cpu_count; cpu++)
        get_cpu(&s->cpu[cpu]);
}

static void put_cpu(struct gicv3_cpu *c)
{
    struct gic_frame f = of_cpu(c, IRQCHIP_GIC_REDIST, 0);
    struct gic_frame sgi = of_cpu(c, IRQCHIP_GIC_REDIST, SGI_FRAME);
    struct gic_frame levels = of_cpu(c, IRQCHIP_GIC_LEVELS, 0);

    bool lpis = c->ctlr & GICR_CTLR_ENABLE_LPIS;

    if (lpis) /* what is pending of them to the guest's table, which the kernel reads */
        gicv3_lpi_enable(c, false);
    gic_kernel_put(&f, GICR_CTLR, 0);
    gic_kernel_put(&f, GICR_WAKER, c->waker & GICR_WAKER_SLEEP);
    gic_kernel_put_pair(&f, GICR_PROPBASER, c->propbaser);
    gic_kernel_put_pair(&f, GICR_PENDBASER, c->pendbaser);
    gic_kernel_put_bank(&sgi, 0, &c->bank);
    gic_kernel_put(&levels, PRIVATE, c->bank.line);
    gic_kernel_put(&f, GICR_CTLR, lpis ? GICR_CTLR_ENABLE_LPIS : 0);
    put_interface(c);
    if (lpis)
        gicv3_lpi_enable(c, true);
}

void gicv3_put_to_kernel(struct gicv3 *s)
{
    struct gic_frame f = distributor(s);
    struct gic_frame levels = {.m = s->dev.machine, .group = IRQCHIP_GIC_LEVELS};

    gic_kernel_confirm(&f, GICD_IIDR);
    gic_kernel_put(&f, GICD_CTLR, CTLR_ARE);
    for (unsigned i = 1; i < s->banks; i++) {
        gic_kernel_put_bank(&f, i, &s->spi[i - 1]);
        gic_kernel_put(&levels, GIC_BANK * i, s->spi[i - 1].line);
        for (unsigned n = 0; n < GIC_BANK; n++)
            gic_kernel_put_pair(&f, GICD_IROUTER + ROUTER_BYTES * (GIC_BANK * i + n),
                                s->router[GIC_BANK * (i - 1) + n]);
    }
    for (unsigned cpu = 0; cpu < s->cfg.cpu_count; cpu++)
        put_cpu(&s->cpu[cpu]);
    gic_kernel_put(&f, GICD_CTLR, (s->ctlr & CTLR_GROUPS) | CTLR_ARE);
}
