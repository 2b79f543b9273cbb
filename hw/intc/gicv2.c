/*
 * GICv2: life, inputs and saved state. Specification: Arm IHI 0048B.
 */
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/device/irq_tap.h"
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/intc/gic_kernel.h"
#include "hw/intc/gicv2_internal.h"

static struct gicv2 *gicv2_from(struct device *dev)
{
    return container_of(dev, struct gicv2, dev);
}

unsigned gicv2_accessing_cpu(const struct gicv2 *s)
{
    const struct vcpu *cpu = vcpu_current();
    return cpu && cpu->index < s->cfg.cpu_count && s->cpus[cpu->index] == cpu ? cpu->index : 0;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

/* Inputs are numbered SPIs first, then 32 for each vCPU. */
static unsigned first_ppi(const struct gicv2 *s)
{
    return (s->banks - 1) * GIC_BANK;
}

static void spi_input(void *opaque, unsigned n, int level)
{
    struct gicv2 *s = opaque;

    pthread_mutex_lock(&s->lock);
    if (gic_bank_move_line(&s->spi[n / GIC_BANK], n % GIC_BANK, level) && s->in_kernel)
        gicv2_set_kernel_spi(s, n, level);
    gicv2_update_intid(s, 0, GIC_INTERNAL + n);
    pthread_mutex_unlock(&s->lock);
}

static void ppi_input(void *opaque, unsigned n, int level)
{
    struct gicv2 *s = opaque;
    unsigned cpu = (n - first_ppi(s)) / GIC_BANK;

    pthread_mutex_lock(&s->lock);
    if (gic_bank_move_line(&s->cpu[cpu].bank, n % GIC_BANK, level) && s->in_kernel)
        gicv2_set_kernel_ppi(s, cpu, n % GIC_BANK, level);
    gicv2_update(s, cpu);
    pthread_mutex_unlock(&s->lock);
}

struct irq gicv2_spi(struct device *dev, unsigned n)
{
    struct gicv2 *s = gicv2_from(dev);
    bool there = n < first_ppi(s) && n < GICV2_SPIS_MAX;

    return irq_input(dev, there ? spi_input : NULL, s, n);
}

struct irq gicv2_ppi(struct device *dev, unsigned cpu, unsigned intid)
{
    struct gicv2 *s = gicv2_from(dev);
    bool there = cpu < s->cfg.cpu_count && intid >= GIC_SGIS && intid < GIC_INTERNAL;

    return irq_input(dev, there ? ppi_input : NULL, s, first_ppi(s) + cpu * GIC_BANK + intid);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void update_everything(struct gicv2 *s)
{
    for (unsigned i = 0; i < s->cfg.cpu_count; i++)
        gicv2_virt_update(s, i);
    gicv2_update_all(s);
}

static void gicv2_reset(struct device *dev)
{
    struct gicv2 *s = gicv2_from(dev);
    uint32_t group = s->cfg.security && s->cfg.reset_nonsecure ? UINT32_MAX : 0;

    pthread_mutex_lock(&s->lock);
    s->ctlr = 0;
    for (unsigned i = 0; i < GIC_SPI_BANKS; i++)
        s->spi[i] = (struct gic_bank){.line = s->spi[i].line, .group = group};
    memset(s->targets, 0, sizeof s->targets);
    for (unsigned i = 0; i < GICV2_CPUS_MAX; i++) {
        gicv2_cpu_reset(&s->cpu[i]);
        s->cpu[i].bank.group = group;
        s->cpu[i].pmr = group ? 0x80 : 0; /* or the non-secure half could not be set */
    }
    update_everything(s);
    pthread_mutex_unlock(&s->lock);
    if (s->in_kernel)
        gicv2_put_to_kernel(s);
}

/* Where the accelerator has none, it is this model's after all. */
static bool make_in_kernel(struct gicv2 *s)
{
    struct irqchip_gic_config cfg = {.version = 2,
                                     .spis = (s->banks - 1) * GIC_BANK,
                                     .dist = s->cfg.dist_base,
                                     .cpu = s->cfg.cpu_base};
    return !s->cfg.security && !s->cfg.virtualization && gic_kernel_make(s->dev.machine, &cfg);
}

static bool gicv2_realize(struct device *dev, struct vemu_error **errp)
{
    struct gicv2 *s = gicv2_from(dev);
    struct mem_region *memory = mem_space_root(device_memory(dev));

    if (!s->cfg.cpu_count || s->cfg.cpu_count > GICV2_CPUS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "a GICv2 has 1 to %d processors, not %u: a GICv3 has more", GICV2_CPUS_MAX,
                         s->cfg.cpu_count);
    if (!s->cfg.spis || s->cfg.spis > GICV2_SPIS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID, "a GICv2 has 1 to %d SPIs, not %u",
                         GICV2_SPIS_MAX, s->cfg.spis);
    if (s->cfg.virtualization &&
        (s->cfg.maintenance < GIC_SGIS || s->cfg.maintenance >= GIC_INTERNAL))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "the maintenance interrupt is one of 16 to 31, not %u",
                         s->cfg.maintenance);
    memcpy(s->cpus, s->cfg.cpus, s->cfg.cpu_count * sizeof *s->cpus);
    s->cfg.cpus = NULL; /* the caller's */
    s->banks = 1 + (s->cfg.spis + GIC_BANK - 1) / GIC_BANK;
    pthread_mutex_init(&s->lock, NULL);
    s->in_kernel = make_in_kernel(s);
    gicv2_reset(dev);
    if (s->in_kernel)
        return true;
    mem_region_init_io(&s->dist_region, "gicv2-dist", GICV2_DIST_SIZE, &gicv2_dist_ops, s, dev);
    mem_region_init_io(&s->cpu_region, "gicv2-cpu", GICV2_CPU_SIZE, &gicv2_cpu_ops, s, dev);
    mem_region_add(memory, s->cfg.dist_base, &s->dist_region, 0);
    mem_region_add(memory, s->cfg.cpu_base, &s->cpu_region, 0);
    if (!s->cfg.virtualization)
        return true;
    mem_region_init_io(&s->hyp_region, "gicv2-hyp", GICV2_HYP_SIZE, &gicv2_hyp_ops, s, dev);
    mem_region_init_io(&s->guest_region, "gicv2-guest", GICV2_CPU_SIZE, &gicv2_guest_ops, s, dev);
    mem_region_add(memory, s->cfg.hyp_base, &s->hyp_region, 0);
    mem_region_add(memory, s->cfg.guest_base, &s->guest_region, 0);
    return true;
}

static void gicv2_unrealize(struct device *dev)
{
    struct gicv2 *s = gicv2_from(dev);

    if (s->cfg.virtualization) {
        mem_region_remove(&s->guest_region);
        mem_region_remove(&s->hyp_region);
    }
    if (!s->in_kernel) {
        mem_region_remove(&s->cpu_region);
        mem_region_remove(&s->dist_region);
    }
    pthread_mutex_destroy(&s->lock);
}

static void gicv2_pre_save(struct device *dev)
{
    struct gicv2 *s = gicv2_from(dev);

    if (s->in_kernel)
        gicv2_get_from_kernel(s);
}

static bool gicv2_post_load(struct device *dev, struct vemu_error **errp)
{
    struct gicv2 *s = gicv2_from(dev);
    (void)errp;

    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < GIC_SPI_BANKS; i++) {
        gic_bank_sanitize(&s->spi[i], false);
        for (unsigned n = 0; n < GIC_BANK; n++)
            s->targets[i][n] &= (uint8_t)mask_bits(s->cfg.cpu_count);
    }
    for (unsigned i = 0; i < GICV2_CPUS_MAX; i++)
        gicv2_cpu_sanitize(&s->cpu[i]);
    update_everything(s);
    pthread_mutex_unlock(&s->lock);
    if (s->in_kernel)
        gicv2_put_to_kernel(s);
    return true;
}

static const struct state_field cpu_state[] = {
    STATE_NESTED(struct gicv2_cpu, bank, gic_bank_state),
    STATE_INT_ARRAY(struct gicv2_cpu, sgi_source),
    STATE_INT(struct gicv2_cpu, ctlr),
    STATE_INT(struct gicv2_cpu, pmr),
    STATE_INT_ARRAY(struct gicv2_cpu, bpr),
    STATE_INT_ARRAY(struct gicv2_cpu, apr),
    STATE_NESTED(struct gicv2_cpu, virt, gic_virt_state),
    STATE_FIELDS_END,
};
static const struct state_field gicv2_state[] = {
    STATE_INT(struct gicv2, ctlr, .max = GICD_ENABLE_GRP0 | GICD_ENABLE_GRP1),
    STATE_ARRAY_OF(struct gicv2, spi, gic_bank_state),
    STATE_BUFFER(struct gicv2, targets),
    STATE_ARRAY_OF(struct gicv2, cpu, cpu_state),
    STATE_FIELDS_END,
};

const struct device_class gicv2_class = {
    .name = "arm-gicv2",
    .help = "Arm generic interrupt controller, version 2",
    .size = sizeof(struct gicv2),
    .state = gicv2_state,
    .state_version = 1,
    .realize = gicv2_realize,
    .unrealize = gicv2_unrealize,
    .reset = gicv2_reset,
    .post_load = gicv2_post_load,
    .pre_save = gicv2_pre_save,
};

struct device *gicv2_create(struct vemu_machine *m, const struct gicv2_config *cfg,
                            struct vemu_error **errp)
{
    struct device *dev = device_new(m, &gicv2_class, NULL, errp);
    if (!dev)
        return NULL;
    gicv2_from(dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
