/*
 * An ITS that the accelerator keeps: gic_kernel.h, and for the order of things
 * Documentation/virt/kvm/devices/arm-vgic-its.rst. Its tables in the guest's memory are in a form
 * of the kernel's, which this model does not read.
 */
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "hw/intc/gic_kernel.h"
#include "hw/intc/gicv3_its_internal.h"

enum {
    GITS_CTLR = 0x0000,
    GITS_CBASER = 0x0080,
    GITS_CWRITER = 0x0088,
    GITS_CREADR = 0x0090,
    GITS_BASER = 0x0100,
    BASER_BYTES = 8,
};

static struct gic_frame frame(const struct gicv3_its *s)
{
    return (struct gic_frame){.m = s->dev.machine, .group = IRQCHIP_GIC_ITS};
}

/* The GIC before it has had the tables written. */
void its_get_from_kernel(struct gicv3_its *s)
{
    struct gic_frame f = frame(s);

    s->ctlr = gic_kernel_get(&f, GITS_CTLR) & ITS_CTLR_ENABLED;
    s->cbaser = gic_kernel_get(&f, GITS_CBASER);
    s->cwriter = gic_kernel_get(&f, GITS_CWRITER);
    s->creadr = gic_kernel_get(&f, GITS_CREADR);
    for (unsigned i = 0; i < ITS_TABLES; i++)
        s->baser[i] = gic_kernel_get(&f, GITS_BASER + BASER_BYTES * i);
    s->kernel_tables = true;
}

void its_put_to_kernel(struct gicv3_its *s)
{
    struct gic_frame f = frame(s);
    bool any = false;

    gic_kernel_put(&f, GITS_CTLR, 0);
    gic_kernel_put(&f, GITS_CBASER, s->cbaser); /* which makes CREADR 0 */
    gic_kernel_put(&f, GITS_CREADR, s->creadr);
    gic_kernel_put(&f, GITS_CWRITER, s->cwriter);
    for (unsigned i = 0; i < ITS_TABLES; i++) {
        gic_kernel_put(&f, GITS_BASER + BASER_BYTES * i, s->baser[i]);
        any |= (s->baser[i] & ITS_VALID) != 0;
    }
    if (any && !f.failed)
        s->dev.machine->accel->gic->restore_tables(s->dev.machine);
    gic_kernel_put(&f, GITS_CTLR, s->ctlr);
}
