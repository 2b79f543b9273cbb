/* See gic_kernel.h. */
#include "hw/intc/gic_kernel.h"

#include "core/cpu/cpu.h"
#include "core/device/machine.h"

static const struct irqchip_gic_ops *ops_of(const struct gic_frame *f)
{
    return f->m->accel->gic;
}

bool gic_kernel_make(struct vemu_machine *m, const struct irqchip_gic_config *cfg)
{
    return m->accel && m->accel->gic && m->accel->gic->make(m, cfg);
}

uint64_t gic_kernel_get(struct gic_frame *f, uint32_t offset)
{
    uint64_t value = 0;

    f->failed = f->failed ||
                !ops_of(f)->get_reg(f->m, f->group, f->cpu, f->mpidr, f->base + offset, &value);
    return value;
}

void gic_kernel_put(struct gic_frame *f, uint32_t offset, uint64_t value)
{
    f->failed =
        f->failed || !ops_of(f)->put_reg(f->m, f->group, f->cpu, f->mpidr, f->base + offset, value);
}

uint64_t gic_kernel_get_pair(struct gic_frame *f, uint32_t offset)
{
    uint64_t low = gic_kernel_get(f, offset);

    return low | gic_kernel_get(f, offset + 4) << 32;
}

void gic_kernel_put_pair(struct gic_frame *f, uint32_t offset, uint64_t value)
{
    gic_kernel_put(f, offset, (uint32_t)value);
    gic_kernel_put(f, offset + 4, value >> 32);
}

void gic_kernel_confirm(struct gic_frame *f, uint32_t iidr)
{
    gic_kernel_put(f, iidr, gic_kernel_get(f, iidr));
}

/* ---- a bank ---------------------------------------------------------------------------------- */

enum { WORD = 4, CONFIG_WORDS = 2, PRIORITY_WORDS = GIC_BANK / WORD };

static uint32_t edges_of(uint64_t config)
{
    uint32_t edges = 0;

    for (unsigned n = 0; n < GIC_BANK; n++)
        edges |= (uint32_t)(config >> (2 * n + 1) & 1) << n;
    return edges;
}

static uint64_t config_of(uint32_t edges)
{
    uint64_t config = 0;

    for (unsigned n = 0; n < GIC_BANK; n++)
        config |= (uint64_t)(edges >> n & 1) << (2 * n + 1);
    return config;
}

void gic_kernel_get_bank(struct gic_frame *f, unsigned n, struct gic_bank *b)
{
    const uint32_t at = WORD * n;

    b->group = (uint32_t)gic_kernel_get(f, GICD_IGROUPR + at);
    b->enabled = (uint32_t)gic_kernel_get(f, GICD_ISENABLER + at);
    b->active = (uint32_t)gic_kernel_get(f, GICD_ISACTIVER + at);
    b->edge = edges_of(gic_kernel_get_pair(f, GICD_ICFGR + CONFIG_WORDS * at));
    b->latch = (uint32_t)gic_kernel_get(f, GICD_ISPENDR + at);
    if (!f->latches) /* what is pending, by whichever of the two */
        b->latch &= b->edge | ~b->line;
    for (unsigned i = 0; i < PRIORITY_WORDS; i++) {
        uint64_t four = gic_kernel_get(f, GICD_IPRIORITYR + PRIORITY_WORDS * at + WORD * i);
        for (unsigned k = 0; k < WORD; k++)
            b->priority[WORD * i + k] = (uint8_t)(four >> 8 * k) & GIC_PRIORITY_MASK;
    }
}

void gic_kernel_put_bank(struct gic_frame *f, unsigned n, const struct gic_bank *b)
{
    const uint32_t at = WORD * n;

    gic_kernel_put(f, GICD_ICENABLER + at, UINT32_MAX);
    gic_kernel_put(f, GICD_IGROUPR + at, b->group);
    gic_kernel_put_pair(f, GICD_ICFGR + CONFIG_WORDS * at, config_of(b->edge));
    for (unsigned i = 0; i < PRIORITY_WORDS; i++) {
        uint32_t four = 0;
        for (unsigned k = 0; k < WORD; k++)
            four |= (uint32_t)b->priority[WORD * i + k] << 8 * k;
        gic_kernel_put(f, GICD_IPRIORITYR + PRIORITY_WORDS * at + WORD * i, four);
    }
    if (!f->latches)
        gic_kernel_put(f, GICD_ICPENDR + at, UINT32_MAX);
    gic_kernel_put(f, GICD_ISPENDR + at, b->latch);
    gic_kernel_put(f, GICD_ICACTIVER + at, UINT32_MAX);
    gic_kernel_put(f, GICD_ISACTIVER + at, b->active);
    gic_kernel_put(f, GICD_ISENABLER + at, b->enabled);
}
