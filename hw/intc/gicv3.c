/*
 * GICv3: life, inputs, saved state, and what is pending for whom. Specification: Arm IHI 0069.
 */
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/device/irq_tap.h"
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/intc/gic_kernel.h"
#include "hw/intc/gicv3_internal.h"

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)
#define IROUTER_ANY (UINT64_C(1) << 31)

struct gicv3 *gicv3_from(struct device *dev)
{
    return container_of(dev, struct gicv3, dev);
}

/* ---- what is pending ------------------------------------------------------------------------- */

static uint32_t group_mask(const struct gicv3 *s, const struct gic_bank *b, enum gicv3_group g)
{
    switch (g) {
    case GICV3_G1NS:
        return b->group;
    case GICV3_G1S:
        return gicv3_one_state(s) ? 0 : ~b->group & b->grpmod;
    default:
        return ~b->group & (gicv3_one_state(s) ? UINT32_MAX : ~b->grpmod);
    }
}

enum gicv3_group gicv3_group_of(const struct gicv3 *s, const struct gic_bank *b, unsigned n)
{
    if (b->group >> n & 1)
        return GICV3_G1NS;
    return !gicv3_one_state(s) && b->grpmod >> n & 1 ? GICV3_G1S : GICV3_G0;
}

/* Forwarded by the distributor and enabled at the CPU interface. */
static bool group_enabled(const struct gicv3_cpu *c, enum gicv3_group g)
{
    static const uint32_t forwarded[] = {GICD_CTLR_GRP0, GICD_CTLR_GRP1S, GICD_CTLR_GRP1NS};
    return c->group_enable[g] && c->gic->ctlr & forwarded[g];
}

static bool awake(const struct gicv3_cpu *c)
{
    return !(c->waker & GICR_WAKER_SLEEP);
}

/* An SPI that any vCPU may take goes to the first that would. */
static bool is_first_taker(const struct gicv3_cpu *c, enum gicv3_group g)
{
    for (unsigned i = 0; i < c->index; i++) {
        const struct gicv3_cpu *other = &c->gic->cpu[i];
        if (awake(other) && other->group_enable[g])
            return false;
    }
    return true;
}

static bool is_target(const struct gicv3_cpu *c, unsigned spi, enum gicv3_group g)
{
    int target = c->gic->target[spi];
    return target == (int)c->index || (target == GICV3_TARGET_ANY && is_first_taker(c, g));
}

static void look_at_bank(struct gicv3_cpu *c, unsigned bank, const uint8_t *enabled,
                         struct gicv3_pending *best)
{
    const struct gic_bank *b = gicv3_bank(c, bank);
    uint32_t ready = gic_bank_ready(b);

    for (unsigned g = 0; ready && g < GICV3_GROUPS; g++) {
        uint32_t bits = enabled[g] ? ready & group_mask(c->gic, b, g) : 0;
        for (; bits; bits &= bits - 1) {
            unsigned n = (unsigned)__builtin_ctz(bits);
            uint32_t intid = bank * GIC_BANK + n;
            /* Of equal priorities the lowest INTID comes first. */
            if (b->priority[n] > best->priority ||
                (b->priority[n] == best->priority && intid > best->intid) ||
                (bank && !is_target(c, intid - GIC_INTERNAL, g)))
                continue;
            *best = (struct gicv3_pending){
                .intid = intid, .priority = b->priority[n], .group = (enum gicv3_group)g};
        }
    }
}

struct gicv3_pending gicv3_highest(struct gicv3_cpu *c)
{
    struct gicv3_pending best = {.intid = GIC_INTID_NONE, .priority = GIC_IDLE_PRIORITY};
    uint8_t enabled[GICV3_GROUPS];

    if (!awake(c))
        return best;
    if (c->lpi_stale)
        gicv3_lpi_choose(c);
    for (unsigned g = 0; g < GICV3_GROUPS; g++)
        enabled[g] = group_enabled(c, g);
    for (unsigned i = 0; i < c->gic->banks; i++)
        look_at_bank(c, i, enabled, &best);
    if (enabled[GICV3_G1NS] && c->lpi.intid != GIC_INTID_NONE && c->lpi.priority < best.priority)
        best = c->lpi;
    return best;
}

bool gicv3_preempts(const struct gicv3_cpu *c, const struct gicv3_pending *p)
{
    return p->intid != GIC_INTID_NONE && p->priority < c->pmr &&
           gicv3_group_priority(c, p->priority, p->group) <
               gic_running_priority(c->apr[0] | c->apr[1] | c->apr[2]);
}

/* Group 0 is for whoever has FIQs; so is the group 1 of the security state that is not in. */
static uint32_t condition(const struct gicv3_cpu *c, enum gicv3_group g)
{
    if (g == GICV3_G0)
        return CPU_INT_FIQ;
    if (gicv3_one_state(c->gic))
        return CPU_INT_IRQ;
    if (c->el == 3)
        return CPU_INT_FIQ;
    return c->secure == (g == GICV3_G1S) ? CPU_INT_IRQ : CPU_INT_FIQ;
}

void gicv3_update(struct gicv3_cpu *c)
{
    if (c->gic->in_kernel)
        return;
    struct gicv3_pending p = gicv3_highest(c);

    gic_output(c->vcpu, CPU_INT_IRQ | CPU_INT_FIQ,
               gicv3_preempts(c, &p) ? condition(c, p.group) : 0);
}

void gicv3_update_all(struct gicv3 *s)
{
    for (unsigned i = 0; i < s->cfg.cpu_count; i++)
        gicv3_update(&s->cpu[i]);
}

void gicv3_update_intid(struct gicv3_cpu *c, uint32_t intid)
{
    struct gicv3 *s = c->gic;
    int target = GICV3_TARGET_NONE;

    if (intid >= GIC_INTERNAL && intid < GIC_SPI_LIMIT)
        target = s->target[intid - GIC_INTERNAL];
    if (target == GICV3_TARGET_ANY) {
        gicv3_update_all(s);
        return;
    }
    gicv3_update(c);
    if (target >= 0 && target != (int)c->index)
        gicv3_update(&s->cpu[target]);
}

void gicv3_route(struct gicv3 *s, unsigned spi)
{
    uint64_t affinity = s->router[spi] & MPIDR_AFFINITY;

    s->target[spi] = s->router[spi] & IROUTER_ANY ? GICV3_TARGET_ANY : GICV3_TARGET_NONE;
    for (unsigned i = 0; s->target[spi] == GICV3_TARGET_NONE && i < s->cfg.cpu_count; i++) {
        if (s->cpu[i].affinity == affinity)
            s->target[spi] = (int8_t)i;
    }
}

void gicv3_deactivate(struct gicv3_cpu *c, uint32_t intid)
{
    gicv3_bank(c, intid / GIC_BANK)->active &= ~(UINT32_C(1) << intid % GIC_BANK);
    gicv3_update_intid(c, intid);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

/* Inputs are numbered SPIs first, then 32 for each vCPU. */
static unsigned first_ppi(const struct gicv3 *s)
{
    return (s->banks - 1) * GIC_BANK;
}

static void spi_input(void *opaque, unsigned n, int level)
{
    struct gicv3 *s = opaque;

    pthread_mutex_lock(&s->lock);
    if (gic_bank_move_line(&s->spi[n / GIC_BANK], n % GIC_BANK, level) && s->in_kernel)
        gicv3_set_kernel_spi(s, n, level);
    if (s->target[n] == GICV3_TARGET_ANY)
        gicv3_update_all(s);
    else if (s->target[n] >= 0)
        gicv3_update(&s->cpu[s->target[n]]);
    pthread_mutex_unlock(&s->lock);
}

static void ppi_input(void *opaque, unsigned n, int level)
{
    struct gicv3 *s = opaque;
    struct gicv3_cpu *c = &s->cpu[(n - first_ppi(s)) / GIC_BANK];

    pthread_mutex_lock(&s->lock);
    if (gic_bank_move_line(&c->bank, n % GIC_BANK, level) && s->in_kernel)
        gicv3_set_kernel_ppi(c, n % GIC_BANK, level);
    gicv3_update(c);
    pthread_mutex_unlock(&s->lock);
}

struct irq gicv3_spi(struct device *dev, unsigned n)
{
    struct gicv3 *s = gicv3_from(dev);
    bool there = n < first_ppi(s) && n < GICV3_SPIS_MAX;

    return irq_input(dev, there ? spi_input : NULL, s, n);
}

struct irq gicv3_ppi(struct device *dev, unsigned cpu, unsigned intid)
{
    struct gicv3 *s = gicv3_from(dev);
    bool there = cpu < s->cfg.cpu_count && intid >= GIC_SGIS && intid < GIC_INTERNAL;

    return irq_input(dev, there ? ppi_input : NULL, s, first_ppi(s) + cpu * GIC_BANK + intid);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void reset_cpu(struct gicv3_cpu *c, uint32_t group)
{
    c->bank = (struct gic_bank){.line = c->bank.line, .edge = 0xffff, .group = group};
    c->ctlr = 0;
    /* Waking it is the business of firmware at EL3, and where there is none, as good as done: UEFI
     * firmware does not look. */
    c->waker = group || !c->gic->cfg.security ? 0 : GICR_WAKER_SLEEP | GICR_WAKER_ASLEEP;
    c->propbaser = c->pendbaser = 0;
    gicv3_lpi_clear(c);
    gicv3_cpu_reset(c);
    if (group)
        c->pmr = 0x80; /* or non-secure software could not set its half */
}

static void gicv3_reset(struct device *dev)
{
    struct gicv3 *s = gicv3_from(dev);
    uint32_t group = s->cfg.security && s->cfg.reset_nonsecure ? UINT32_MAX : 0;

    pthread_mutex_lock(&s->lock);
    s->ctlr = GICD_CTLR_ARE_S | GICD_CTLR_ARE_NS | (s->cfg.security ? 0 : GICD_CTLR_DS);
    for (unsigned i = 0; i < GIC_SPI_BANKS; i++)
        s->spi[i] = (struct gic_bank){.line = s->spi[i].line, .group = group};
    for (unsigned i = 0; i < ARRAY_SIZE(s->router); i++) {
        s->router[i] = 0;
        gicv3_route(s, i);
    }
    for (unsigned i = 0; i < s->cfg.cpu_count; i++)
        reset_cpu(&s->cpu[i], group);
    for (unsigned i = 0; i < s->cfg.cpu_count; i++) {
        gicv3_virt_update(&s->cpu[i]);
        gicv3_update(&s->cpu[i]);
    }
    pthread_mutex_unlock(&s->lock);
    if (s->in_kernel)
        gicv3_put_to_kernel(s);
}

static bool check_config(const struct gicv3_config *cfg, struct vemu_error **errp)
{
    unsigned room = 0;

    if (!cfg->cpu_count || cfg->cpu_count > GICV3_CPUS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID, "a GICv3 has 1 to %d processors, not %u",
                         GICV3_CPUS_MAX, cfg->cpu_count);
    if (!cfg->spis || cfg->spis > GICV3_SPIS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID, "a GICv3 has 1 to %d SPIs, not %u",
                         GICV3_SPIS_MAX, cfg->spis);
    for (unsigned i = 0; i < GICV3_REGIONS_MAX; i++)
        room += MIN(cfg->redist[i].count, (unsigned)GICV3_CPUS_MAX);
    if (room < cfg->cpu_count)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "there is room for %u redistributors, and %u processors need one each",
                         room, cfg->cpu_count);
    if (cfg->virtualization && (cfg->maintenance < GIC_SGIS || cfg->maintenance >= GIC_INTERNAL))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "the maintenance interrupt is one of 16 to 31, not %u", cfg->maintenance);
    return true;
}

static void map_redistributors(struct gicv3 *s)
{
    struct mem_region *memory = mem_space_root(device_memory(&s->dev));
    unsigned first = 0;

    for (unsigned i = 0; i < GICV3_REGIONS_MAX && first < s->cfg.cpu_count; i++) {
        unsigned count = MIN(s->cfg.redist[i].count, s->cfg.cpu_count - first);
        if (!count)
            continue;
        s->frame[i] = (struct gicv3_frame){.gic = s, .first = first};
        mem_region_init_io(&s->redist_region[i], "gicv3-redist",
                           (uint64_t)count * GICV3_REDIST_SIZE, &gicv3_redist_ops, &s->frame[i],
                           &s->dev);
        mem_region_add(memory, s->cfg.redist[i].base, &s->redist_region[i], 0);
        first += count;
    }
}

/* System registers of the CPU interface are the accelerator's or nobody's, so that one that runs
 * guests by itself has all of it. */
static bool make_in_kernel(struct gicv3 *s, struct vemu_error **errp)
{
    struct vemu_machine *m = s->dev.machine;
    struct irqchip_gic_config cfg = {.version = 3,
                                     .spis = (s->cfg.spis + GIC_BANK - 1) / GIC_BANK * GIC_BANK,
                                     .dist = s->cfg.dist_base,
                                     .cpu = s->cfg.redist[0].base,
                                     .its = s->cfg.lpis ? s->cfg.its_base : 0};

    if (!m->accel || !m->accel->gic)
        return true;
    s->in_kernel = !s->cfg.security && !s->cfg.virtualization &&
                   s->cfg.redist[0].count >= s->cfg.cpu_count && gic_kernel_make(m, &cfg);
    return s->in_kernel ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s makes no such GICv3 here: use kernel-irqchip=on where it has one, "
                     "without secure=on and virtualization=on, or gic-version=2, or -accel tcg",
                     m->accel->name);
}

static bool gicv3_realize(struct device *dev, struct vemu_error **errp)
{
    struct gicv3 *s = gicv3_from(dev);

    if (!check_config(&s->cfg, errp) || !make_in_kernel(s, errp) ||
        (s->cfg.lpis && !gicv3_lpi_alloc(s, errp)))
        return false;
    for (unsigned i = 0; i < s->cfg.cpu_count; i++) {
        struct gicv3_cpu *c = &s->cpu[i];
        c->gic = s;
        c->index = i;
        c->vcpu = s->cfg.cpus[i];
        c->affinity = s->cfg.affinity[i] & MPIDR_AFFINITY;
        c->vcpu->arm_intc_ops = &gicv3_cpu_ops;
        c->vcpu->intc = c;
    }
    s->cfg.cpus = NULL; /* the caller's */
    s->cfg.affinity = NULL;
    s->banks = 1 + (s->cfg.spis + GIC_BANK - 1) / GIC_BANK;
    pthread_mutex_init(&s->lock, NULL);
    gicv3_reset(dev);
    if (s->in_kernel)
        return true;
    mem_region_init_io(&s->dist_region, "gicv3-dist", GICV3_DIST_SIZE, &gicv3_dist_ops, s, dev);
    mem_region_add(mem_space_root(device_memory(dev)), s->cfg.dist_base, &s->dist_region, 0);
    map_redistributors(s);
    return true;
}

static void gicv3_unrealize(struct device *dev)
{
    struct gicv3 *s = gicv3_from(dev);

    for (unsigned i = 0; i < GICV3_REGIONS_MAX; i++) {
        if (s->frame[i].gic)
            mem_region_remove(&s->redist_region[i]);
    }
    if (!s->in_kernel)
        mem_region_remove(&s->dist_region);
    for (unsigned i = 0; i < s->cfg.cpu_count; i++) {
        s->cpu[i].vcpu->arm_intc_ops = NULL;
        s->cpu[i].vcpu->intc = NULL;
    }
    gicv3_lpi_free(s);
    pthread_mutex_destroy(&s->lock);
}

/* ---- saved state ----------------------------------------------------------------------------- */

static void sanitize_cpu(struct gicv3_cpu *c)
{
    gic_bank_sanitize(&c->bank, true);
    c->ctlr &= c->gic->cfg.lpis ? GICR_CTLR_ENABLE_LPIS : 0;
    c->waker = c->waker & GICR_WAKER_SLEEP ? GICR_WAKER_SLEEP | GICR_WAKER_ASLEEP : 0;
    gicv3_cpu_sanitize(c);
    gicv3_virt_sanitize(c);
}

static void gicv3_pre_save(struct device *dev)
{
    struct gicv3 *s = gicv3_from(dev);

    if (s->in_kernel)
        gicv3_get_from_kernel(s);
}

static bool gicv3_post_load(struct device *dev, struct vemu_error **errp)
{
    struct gicv3 *s = gicv3_from(dev);
    (void)errp;

    pthread_mutex_lock(&s->lock);
    s->ctlr |= GICD_CTLR_ARE_S | GICD_CTLR_ARE_NS | (s->cfg.security ? 0 : GICD_CTLR_DS);
    for (unsigned i = 0; i < GIC_SPI_BANKS; i++)
        gic_bank_sanitize(&s->spi[i], false);
    for (unsigned i = 0; i < ARRAY_SIZE(s->router); i++) {
        s->router[i] &= MPIDR_AFFINITY | IROUTER_ANY;
        gicv3_route(s, i);
    }
    for (unsigned i = 0; i < s->cfg.cpu_count; i++)
        sanitize_cpu(&s->cpu[i]);
    pthread_mutex_unlock(&s->lock);

    gicv3_lpi_load_config(s, GICV3_LPI_FIRST, GICV3_LPIS);
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->cfg.cpu_count; i++) {
        s->cpu[i].lpi_stale = true;
        gicv3_virt_update(&s->cpu[i]);
        gicv3_update(&s->cpu[i]);
    }
    pthread_mutex_unlock(&s->lock);
    if (s->in_kernel)
        gicv3_put_to_kernel(s);
    return true;
}

static const struct state_field cpu_state[] = {
    STATE_NESTED(struct gicv3_cpu, bank, gic_bank_state),
    STATE_INT(struct gicv3_cpu, ctlr),
    STATE_INT(struct gicv3_cpu, waker),
    STATE_INT(struct gicv3_cpu, propbaser),
    STATE_INT(struct gicv3_cpu, pendbaser),
    STATE_INT(struct gicv3_cpu, pmr),
    STATE_INT_ARRAY(struct gicv3_cpu, bpr),
    STATE_INT_ARRAY(struct gicv3_cpu, group_enable),
    STATE_INT_ARRAY(struct gicv3_cpu, icc_ctlr),
    STATE_INT(struct gicv3_cpu, icc_ctlr_el3),
    STATE_INT_ARRAY(struct gicv3_cpu, apr),
    STATE_INT(struct gicv3_cpu, el, .max = 3),
    STATE_FLAG(struct gicv3_cpu, secure),
    STATE_NESTED(struct gicv3_cpu, virt, gic_virt_state),
    STATE_FIELDS_END,
};
static const struct state_field gicv3_state[] = {
    STATE_INT(struct gicv3, ctlr, .max = 0x7f),
    STATE_ARRAY_OF(struct gicv3, spi, gic_bank_state),
    STATE_INT_ARRAY(struct gicv3, router),
    STATE_ARRAY_OF(struct gicv3, cpu, cpu_state),
    STATE_REST(struct gicv3, cpu, gicv3_lpi_tail),
    STATE_FIELDS_END,
};

const struct device_class gicv3_class = {
    .name = "arm-gicv3",
    .help = "Arm generic interrupt controller, version 3",
    .size = sizeof(struct gicv3),
    .state = gicv3_state,
    .state_version = 1,
    .realize = gicv3_realize,
    .unrealize = gicv3_unrealize,
    .reset = gicv3_reset,
    .post_load = gicv3_post_load,
    .pre_save = gicv3_pre_save,
};

struct device *gicv3_create(struct vemu_machine *m, const struct gicv3_config *cfg,
                            struct vemu_error **errp)
{
    struct device *dev = device_new(m, &gicv3_class, NULL, errp);
    if (!dev)
        return NULL;
    gicv3_from(dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
