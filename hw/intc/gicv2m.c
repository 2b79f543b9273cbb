/*
 * GICv2m: a frame whose register takes interrupt messages and makes SPIs pending. Registers: Arm
 * Server Base System Architecture, appendix on GICv2m.
 */
#include "core/device/machine.h"
#include "core/memory/memory.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/intc/gic_bank.h"
#include "hw/intc/gicv2.h"

enum {
    MSI_TYPER = 0x008,
    MSI_SETSPI_NS = 0x040,
    MSI_IIDR = 0xfcc,
    MSI_ID = 0xfd0,
    TYPER_BASE_SHIFT = 16,
    IIDR = 0x043b, /* Arm, product 0 */
};

struct gicv2m {
    struct device dev;
    struct gicv2m_config cfg;
    struct mem_region region;
};

static uint64_t gicv2m_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct gicv2m *s = opaque;
    (void)size;

    switch (offset) {
    case MSI_TYPER:
        return (GIC_INTERNAL + s->cfg.first_spi) << TYPER_BASE_SHIFT | s->cfg.spis;
    case MSI_IIDR:
        return IIDR;
    }
    return offset >= MSI_ID ? gic_id_register((uint32_t)offset, 0, 0) : 0;
}

static void gicv2m_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gicv2m *s = opaque;
    unsigned spi = (unsigned)(value & 0x3ff) - GIC_INTERNAL;
    struct irq line;

    if (offset != MSI_SETSPI_NS || size > 4)
        return;
    if (spi < s->cfg.first_spi || spi - s->cfg.first_spi >= s->cfg.spis) {
        guest_error(s, "gicv2m: an interrupt message with INTID %u, which is not one of %u to %u",
                    spi + GIC_INTERNAL, s->cfg.first_spi + GIC_INTERNAL,
                    s->cfg.first_spi + s->cfg.spis + GIC_INTERNAL - 1);
        return;
    }
    line = gicv2_spi(s->cfg.gic, spi);
    irq_pulse(&line);
}

static const struct mem_ops gicv2m_ops = {
    .read = gicv2m_read, .write = gicv2m_write, .min_size = 4, .max_size = 4};

static bool gicv2m_realize(struct device *dev, struct vemu_error **errp)
{
    struct gicv2m *s = container_of(dev, struct gicv2m, dev);

    if (!s->cfg.gic || !s->cfg.spis || !range_fits(s->cfg.first_spi, s->cfg.spis, GICV2_SPIS_MAX))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "it needs a GICv2 and some of its SPIs 0 to %d, not %u from %u on",
                         GICV2_SPIS_MAX - 1, s->cfg.spis, s->cfg.first_spi);
    mem_region_init_io(&s->region, "gicv2m", GICV2M_SIZE, &gicv2m_ops, s, dev);
    mem_region_add(mem_space_root(device_memory(dev)), s->cfg.base, &s->region, 0);
    return true;
}

static void gicv2m_unrealize(struct device *dev)
{
    mem_region_remove(&container_of(dev, struct gicv2m, dev)->region);
}

const struct device_class gicv2m_class = {
    .name = "arm-gicv2m",
    .help = "frame that takes interrupt messages for a GICv2",
    .size = sizeof(struct gicv2m),
    .realize = gicv2m_realize,
    .unrealize = gicv2m_unrealize,
};

struct device *gicv2m_create(struct vemu_machine *m, const struct gicv2m_config *cfg,
                             struct vemu_error **errp)
{
    struct device *dev = device_new(m, &gicv2m_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct gicv2m, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
