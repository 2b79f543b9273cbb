/* A GICv2 that the accelerator keeps: gic_kernel.h. */
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "hw/intc/gic_kernel.h"
#include "hw/intc/gicv2_internal.h"

enum {
    GICD_CTLR = 0x000,
    GICD_IIDR = 0x008,
    GICD_CPENDSGIR = 0xf10,
    GICD_SPENDSGIR = 0xf20,
    GICC_CTLR = 0x00,
    GICC_PMR = 0x04,
    GICC_BPR = 0x08,
    GICC_ABPR = 0x1c,
    GICC_APR0 = 0xd0,
    PMR_SHIFT = 3, /* the mask's upper five bits, for historical reasons */
    WORD = 4,
    SGI_WORDS = GIC_SGIS / WORD,
};

static struct gic_frame frame(const struct gicv2 *s, enum irqchip_gic_group group, unsigned cpu)
{
    return (struct gic_frame){.m = s->dev.machine, .group = group, .cpu = s->cpus[cpu]};
}

void gicv2_set_kernel_spi(struct gicv2 *s, unsigned n, int level)
{
    s->dev.machine->accel->gic->set_spi(s->dev.machine, n, level);
}

void gicv2_set_kernel_ppi(struct gicv2 *s, unsigned cpu, unsigned intid, int level)
{
    s->dev.machine->accel->gic->set_ppi(s->cpus[cpu], intid - GIC_SGIS, level);
}

/* Which group an active priority is of is not told: that of what is active. */
static void get_interface(struct gicv2 *s, unsigned cpu)
{
    struct gic_frame f = frame(s, IRQCHIP_GIC_CPU, cpu);
    struct gicv2_cpu *c = &s->cpu[cpu];
    bool group1 = c->bank.active & c->bank.group;

    c->ctlr = (uint32_t)gic_kernel_get(&f, GICC_CTLR);
    c->pmr = (uint8_t)(gic_kernel_get(&f, GICC_PMR) << PMR_SHIFT);
    c->bpr[GICV2_GROUP0] = gic_kernel_get(&f, GICC_BPR) & 7;
    c->bpr[GICV2_GROUP1] = gic_kernel_get(&f, GICC_ABPR) & 7;
    uint32_t apr = (uint32_t)gic_kernel_get(&f, GICC_APR0);
    for (unsigned i = 0; i < s->banks - 1; i++)
        group1 |= (s->spi[i].active & s->spi[i].group) != 0;
    c->apr[GICV2_GROUP0] = group1 ? 0 : apr;
    c->apr[GICV2_GROUP1] = group1 ? apr : 0;
}

static void get_private(struct gicv2 *s, unsigned cpu)
{
    struct gic_frame f = frame(s, IRQCHIP_GIC_DIST, cpu);
    struct gicv2_cpu *c = &s->cpu[cpu];

    gic_kernel_get_bank(&f, 0, &c->bank);
    /* Levels of private inputs are the kernel's own, its timers'. */
    c->bank.latch &= c->bank.edge;
    for (unsigned i = 0; i < SGI_WORDS; i++) {
        uint64_t four = gic_kernel_get(&f, GICD_SPENDSGIR + WORD * i);
        for (unsigned k = 0; k < WORD; k++)
            c->sgi_source[WORD * i + k] = (uint8_t)(four >> 8 * k);
    }
}

void gicv2_get_from_kernel(struct gicv2 *s)
{
    struct gic_frame f = frame(s, IRQCHIP_GIC_DIST, 0);

    s->ctlr = gic_kernel_get(&f, GICD_CTLR) & (GICD_ENABLE_GRP0 | GICD_ENABLE_GRP1);
    for (unsigned i = 1; i < s->banks; i++) {
        gic_kernel_get_bank(&f, i, &s->spi[i - 1]);
        for (unsigned n = 0; n < GIC_BANK; n += WORD) {
            uint64_t four = gic_kernel_get(&f, GICD_ITARGETSR + GIC_BANK * i + n);
            for (unsigned k = 0; k < WORD; k++)
                s->targets[i - 1][n + k] = (uint8_t)(four >> 8 * k);
        }
    }
    for (unsigned cpu = 0; cpu < s->cfg.cpu_count; cpu++) {
        get_private(s, cpu);
        get_interface(s, cpu);
    }
}

static void put_private(struct gicv2 *s, unsigned cpu)
{
    struct gic_frame f = frame(s, IRQCHIP_GIC_DIST, cpu);
    const struct gicv2_cpu *c = &s->cpu[cpu];

    gic_kernel_put_bank(&f, 0, &c->bank);
    for (unsigned i = 0; i < SGI_WORDS; i++) {
        uint32_t four = 0;
        for (unsigned k = 0; k < WORD; k++)
            four |= (uint32_t)c->sgi_source[WORD * i + k] << 8 * k;
        gic_kernel_put(&f, GICD_CPENDSGIR + WORD * i, UINT32_MAX);
        gic_kernel_put(&f, GICD_SPENDSGIR + WORD * i, four);
    }
    struct gic_frame i = frame(s, IRQCHIP_GIC_CPU, cpu);
    gic_kernel_put(&i, GICC_PMR, c->pmr >> PMR_SHIFT);
    gic_kernel_put(&i, GICC_BPR, c->bpr[GICV2_GROUP0]);
    gic_kernel_put(&i, GICC_ABPR, c->bpr[GICV2_GROUP1]);
    gic_kernel_put(&i, GICC_APR0, c->apr[GICV2_GROUP0] | c->apr[GICV2_GROUP1]);
    gic_kernel_put(&i, GICC_CTLR, c->ctlr);
}

void gicv2_put_to_kernel(struct gicv2 *s)
{
    struct gic_frame f = frame(s, IRQCHIP_GIC_DIST, 0);

    gic_kernel_confirm(&f, GICD_IIDR);
    gic_kernel_put(&f, GICD_CTLR, 0);
    for (unsigned i = 1; i < s->banks; i++) {
        const struct gic_bank *b = &s->spi[i - 1];
        gic_kernel_put_bank(&f, i, b);
        for (unsigned n = 0; n < GIC_BANK; n += WORD) {
            uint32_t four = 0;
            for (unsigned k = 0; k < WORD; k++)
                four |= (uint32_t)s->targets[i - 1][n + k] << 8 * k;
            gic_kernel_put(&f, GICD_ITARGETSR + GIC_BANK * i + n, four);
        }
        for (unsigned n = 0; n < GIC_BANK; n++)
            gicv2_set_kernel_spi(s, GIC_BANK * (i - 1) + n, b->line >> n & 1);
    }
    for (unsigned cpu = 0; cpu < s->cfg.cpu_count; cpu++)
        put_private(s, cpu);
    gic_kernel_put(&f, GICD_CTLR, s->ctlr);
}
