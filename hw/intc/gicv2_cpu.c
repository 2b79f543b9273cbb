/* GICv2's CPU interfaces: IHI 0048, chapter "Programmers' Model". */
#include "core/cpu/cpu.h"
#include "core/util/range.h"
#include "hw/intc/gicv2_internal.h"

enum {
    GICC_CTLR = 0x00,
    GICC_PMR = 0x04,
    GICC_BPR = 0x08,
    GICC_IAR = 0x0c,
    GICC_EOIR = 0x10,
    GICC_RPR = 0x14,
    GICC_HPPIR = 0x18,
    GICC_ABPR = 0x1c,
    GICC_AIAR = 0x20,
    GICC_AEOIR = 0x24,
    GICC_AHPPIR = 0x28,
    GICC_APR0 = 0xd0,
    GICC_NSAPR0 = 0xe0,
    GICC_IIDR = 0xfc,
    GICC_DIR = 0x1000,
};
/* GICC_CTLR, as secure software sees it, and the only software there is without security. */
enum {
    CTLR_ENABLE_GRP0 = 1 << 0,
    CTLR_ENABLE_GRP1 = 1 << 1,
    CTLR_ACKCTL = 1 << 2,
    CTLR_FIQEN = 1 << 3,
    CTLR_CBPR = 1 << 4,
    CTLR_BYPASS = 15 << 5, /* there is no bypass: kept and without effect */
    CTLR_EOIMODE_S = 1 << 9,
    CTLR_EOIMODE_NS = 1 << 10,
    CTLR_ALL = (1 << 11) - 1,
    /* The non-secure view has group 1's bits, lower by one. */
    CTLR_NS_GRP1 = 1 << 0,
    CTLR_NS_BYPASS = 3 << 5,
    CTLR_NS_EOIMODE = 1 << 9,
};
enum { IAR_CPU_SHIFT = 10, IAR_INTID = 0x3ff };

void gicv2_cpu_reset(struct gicv2_cpu *c)
{
    struct gic_bank bank = {.line = c->bank.line, .enabled = 0xffff, .edge = 0xffff};

    *c = (struct gicv2_cpu){.bank = bank, .bpr = {GIC_BPR_MIN, GIC_BPR_MIN + 1}};
    gicv2_virt_sanitize(&c->virt);
}

void gicv2_cpu_sanitize(struct gicv2_cpu *c)
{
    gic_bank_sanitize(&c->bank, true);
    c->bank.enabled |= 0xffff;
    c->bank.latch &= ~0xffffu;
    for (unsigned i = 0; i < GIC_SGIS; i++)
        c->bank.latch |= c->sgi_source[i] ? 1u << i : 0;
    c->ctlr &= CTLR_ALL;
    c->pmr &= GIC_PRIORITY_MASK;
    for (unsigned g = 0; g < GICV2_GROUPS; g++)
        c->bpr[g] = MAX(c->bpr[g] & 7, GIC_BPR_MIN + g);
    gicv2_virt_sanitize(&c->virt);
}

/* ---- what is pending ------------------------------------------------------------------------- */

static unsigned enabled_groups(const struct gicv2 *s, const struct gicv2_cpu *c)
{
    return s->ctlr & c->ctlr & (CTLR_ENABLE_GRP0 | CTLR_ENABLE_GRP1);
}

struct gicv2_pending gicv2_highest(struct gicv2 *s, unsigned cpu)
{
    struct gicv2_cpu *c = &s->cpu[cpu];
    struct gicv2_pending best = {.intid = GIC_INTID_NONE, .priority = GIC_IDLE_PRIORITY};
    unsigned groups = enabled_groups(s, c);

    for (unsigned i = 0; groups && i < s->banks; i++) {
        const struct gic_bank *b = gicv2_bank(s, cpu, i);
        uint32_t ready = gic_bank_ready(b);
        ready &= (groups & CTLR_ENABLE_GRP0 ? ~b->group : 0) |
                 (groups & CTLR_ENABLE_GRP1 ? b->group : 0);
        for (; ready; ready &= ready - 1) {
            unsigned n = (unsigned)__builtin_ctz(ready);
            if (b->priority[n] >= best.priority ||
                (i && s->cfg.cpu_count > 1 && !(s->targets[i - 1][n] >> cpu & 1)))
                continue;
            best = (struct gicv2_pending){
                .intid = (uint16_t)(i * GIC_BANK + n),
                .priority = b->priority[n],
                .group = b->group >> n & 1 ? GICV2_GROUP1 : GICV2_GROUP0,
            };
        }
    }
    return best;
}

static uint8_t group_priority(const struct gicv2_cpu *c, const struct gicv2_pending *p)
{
    bool common = p->group == GICV2_GROUP0 || c->ctlr & CTLR_CBPR;
    return gic_group_priority(p->priority, c->bpr[common ? 0 : 1], !common);
}

static uint8_t running(const struct gicv2_cpu *c)
{
    return gic_running_priority(c->apr[0] | c->apr[1]);
}

static bool preempts(const struct gicv2_cpu *c, const struct gicv2_pending *p)
{
    return p->intid != GIC_INTID_NONE && p->priority < c->pmr && group_priority(c, p) < running(c);
}

void gicv2_update(struct gicv2 *s, unsigned cpu)
{
    if (s->in_kernel)
        return;
    struct gicv2_cpu *c = &s->cpu[cpu];
    struct gicv2_pending p = gicv2_highest(s, cpu);
    uint32_t raised = 0;

    if (preempts(c, &p))
        raised = p.group == GICV2_GROUP0 && c->ctlr & CTLR_FIQEN ? CPU_INT_FIQ : CPU_INT_IRQ;
    gic_output(s->cpus[cpu], CPU_INT_IRQ | CPU_INT_FIQ, raised);
}

void gicv2_update_all(struct gicv2 *s)
{
    for (unsigned i = 0; i < s->cfg.cpu_count; i++)
        gicv2_update(s, i);
}

void gicv2_update_intid(struct gicv2 *s, unsigned cpu, unsigned intid)
{
    unsigned list = 1u << cpu;

    if (intid >= GIC_INTERNAL)
        list |= s->targets[intid / GIC_BANK - 1][intid % GIC_BANK];
    for (; list; list &= list - 1)
        gicv2_update(s, (unsigned)__builtin_ctz(list));
}

/* ---- acknowledging and ending ---------------------------------------------------------------- */

/* The INTID that HPPIR and IAR tell: that of the other group is not everybody's to know. */
static unsigned visible_intid(const struct gicv2_cpu *c, const struct gicv2_pending *p,
                              bool group1_only)
{
    if (p->intid == GIC_INTID_NONE)
        return GIC_INTID_NONE;
    if (group1_only)
        return p->group == GICV2_GROUP1 ? p->intid : GIC_INTID_NONE;
    if (p->group == GICV2_GROUP1 && !(c->ctlr & CTLR_ACKCTL))
        return GIC_INTID_GROUP1;
    return p->intid;
}

/* An SGI is that of one sender at a time: the lowest. */
static uint32_t sender(const struct gicv2_cpu *c, unsigned intid)
{
    return intid < GIC_SGIS && c->sgi_source[intid]
               ? (uint32_t)__builtin_ctz(c->sgi_source[intid]) << IAR_CPU_SHIFT
               : 0;
}

static uint32_t acknowledge(struct gicv2 *s, unsigned cpu, bool group1_only)
{
    struct gicv2_cpu *c = &s->cpu[cpu];
    struct gicv2_pending p = gicv2_highest(s, cpu);
    unsigned intid = preempts(c, &p) ? visible_intid(c, &p, group1_only) : GIC_INTID_NONE;
    uint32_t from;

    if (intid >= GIC_SPI_LIMIT)
        return intid;
    from = sender(c, intid);
    c->apr[p.group] |= gic_apr_bit(group_priority(c, &p));
    gic_bank_acknowledge(gicv2_bank(s, cpu, intid / GIC_BANK), intid % GIC_BANK);
    if (intid < GIC_SGIS) {
        c->sgi_source[intid] &= (uint8_t)(c->sgi_source[intid] - 1);
        c->bank.latch |= c->sgi_source[intid] ? 1u << intid : 0;
    }
    gicv2_update_intid(s, cpu, intid); /* others of its target list do not get it any more */
    return intid | from;
}

static bool eoi_drops_only(const struct gicv2 *s, const struct gicv2_cpu *c, bool nonsecure)
{
    return c->ctlr & (s->cfg.security && nonsecure ? CTLR_EOIMODE_NS : CTLR_EOIMODE_S);
}

static bool is_group1(struct gicv2 *s, unsigned cpu, unsigned intid)
{
    return gicv2_bank(s, cpu, intid / GIC_BANK)->group >> intid % GIC_BANK & 1;
}

static void deactivate(struct gicv2 *s, unsigned cpu, unsigned intid)
{
    gicv2_bank(s, cpu, intid / GIC_BANK)->active &= ~(UINT32_C(1) << intid % GIC_BANK);
}

static void end(struct gicv2 *s, unsigned cpu, uint32_t value, bool nonsecure, bool group1_only)
{
    struct gicv2_cpu *c = &s->cpu[cpu];
    unsigned intid = value & IAR_INTID;
    bool group1;

    if (intid >= GIC_SPI_LIMIT || intid / GIC_BANK >= s->banks)
        return;
    group1 = is_group1(s, cpu, intid);
    if (group1_only && !group1)
        return;
    /* The highest active priority of its group ends: that is this interrupt's, if software ends
     * them in the order it has to. */
    c->apr[group1] &= c->apr[group1] - (c->apr[group1] != 0);
    if (!eoi_drops_only(s, c, nonsecure))
        deactivate(s, cpu, intid);
    gicv2_update_intid(s, cpu, intid);
}

static void write_dir(struct gicv2 *s, unsigned cpu, uint32_t value, bool nonsecure)
{
    unsigned intid = value & IAR_INTID;

    if (intid >= GIC_SPI_LIMIT || intid / GIC_BANK >= s->banks ||
        !eoi_drops_only(s, &s->cpu[cpu], nonsecure) || (nonsecure && !is_group1(s, cpu, intid)))
        return;
    deactivate(s, cpu, intid);
    gicv2_update_intid(s, cpu, intid);
}

/* ---- the other registers --------------------------------------------------------------------- */

static uint32_t read_ctlr(const struct gicv2_cpu *c, bool nonsecure)
{
    if (!nonsecure)
        return c->ctlr;
    return (c->ctlr & CTLR_ENABLE_GRP1 ? CTLR_NS_GRP1 : 0) | (c->ctlr >> 2 & CTLR_NS_BYPASS) |
           (c->ctlr & CTLR_EOIMODE_NS ? CTLR_NS_EOIMODE : 0);
}

static void write_ctlr(const struct gicv2 *s, struct gicv2_cpu *c, uint32_t value, bool nonsecure)
{
    if (nonsecure) {
        c->ctlr &= ~(uint32_t)(CTLR_ENABLE_GRP1 | CTLR_NS_BYPASS << 2 | CTLR_EOIMODE_NS);
        c->ctlr |= (value & CTLR_NS_GRP1 ? CTLR_ENABLE_GRP1 : 0) | (value & CTLR_NS_BYPASS) << 2 |
                   (value & CTLR_NS_EOIMODE ? CTLR_EOIMODE_NS : 0);
        return;
    }
    /* Without two states there is one EOImode. */
    c->ctlr = value & (uint32_t)(s->cfg.security ? CTLR_ALL : CTLR_ALL & ~CTLR_EOIMODE_NS);
}

static void write_pmr(struct gicv2_cpu *c, uint8_t value, bool nonsecure)
{
    if (!nonsecure)
        c->pmr = value & GIC_PRIORITY_MASK;
    else if (c->pmr & 0x80) /* secure software keeps the upper half to itself */
        c->pmr = gic_priority_from_ns(value) & GIC_PRIORITY_MASK;
}

static uint32_t read_bpr(const struct gicv2_cpu *c, bool nonsecure)
{
    if (!nonsecure)
        return c->bpr[0];
    return c->ctlr & CTLR_CBPR ? MIN(c->bpr[0] + 1u, 7u) : c->bpr[1];
}

static void write_bpr(struct gicv2_cpu *c, unsigned group, uint32_t value)
{
    c->bpr[group] = MAX((uint8_t)(value & 7), (uint8_t)(GIC_BPR_MIN + group));
}

static uint32_t read_register(struct gicv2 *s, unsigned cpu, uint32_t offset, bool nonsecure)
{
    struct gicv2_cpu *c = &s->cpu[cpu];
    struct gicv2_pending p;
    unsigned intid;

    switch (offset) {
    case GICC_CTLR:
        return read_ctlr(c, nonsecure);
    case GICC_PMR:
        return nonsecure ? gic_priority_to_ns(c->pmr) : c->pmr;
    case GICC_BPR:
        return read_bpr(c, nonsecure);
    case GICC_IAR:
        return acknowledge(s, cpu, nonsecure);
    case GICC_RPR:
        if (running(c) == GIC_IDLE_PRIORITY || !nonsecure)
            return running(c);
        return gic_priority_to_ns(running(c));
    case GICC_HPPIR:
    case GICC_AHPPIR:
        p = gicv2_highest(s, cpu);
        if (offset == GICC_AHPPIR && nonsecure)
            return 0;
        intid = visible_intid(c, &p, nonsecure || offset == GICC_AHPPIR);
        return intid | sender(c, intid);
    case GICC_APR0:
        return c->apr[nonsecure];
    case GICC_IIDR:
        return GICV2_CPU_IIDR;
    }
    if (nonsecure)
        return 0; /* the aliases and NSAPR are secure software's */
    switch (offset) {
    case GICC_ABPR:
        return c->bpr[1];
    case GICC_AIAR:
        return acknowledge(s, cpu, true);
    case GICC_NSAPR0:
        return c->apr[1];
    }
    return 0;
}

static void write_register(struct gicv2 *s, unsigned cpu, uint32_t offset, uint32_t value,
                           bool nonsecure)
{
    struct gicv2_cpu *c = &s->cpu[cpu];

    switch (offset) {
    case GICC_CTLR:
        write_ctlr(s, c, value, nonsecure);
        break;
    case GICC_PMR:
        write_pmr(c, (uint8_t)value, nonsecure);
        break;
    case GICC_BPR:
        if (!(nonsecure && c->ctlr & CTLR_CBPR))
            write_bpr(c, nonsecure, value);
        break;
    case GICC_EOIR:
        end(s, cpu, value, nonsecure, nonsecure);
        return;
    case GICC_DIR:
        write_dir(s, cpu, value, nonsecure);
        return;
    case GICC_APR0:
        c->apr[nonsecure] = value;
        break;
    case GICC_ABPR:
        if (!nonsecure)
            write_bpr(c, 1, value);
        break;
    case GICC_AEOIR:
        if (!nonsecure)
            end(s, cpu, value, false, true);
        return;
    case GICC_NSAPR0:
        if (!nonsecure)
            c->apr[1] = value;
        break;
    default:
        return;
    }
    gicv2_update(s, cpu);
}

static uint64_t cpu_read(void *opaque, uint64_t offset, unsigned size)
{
    struct gicv2 *s = opaque;
    uint32_t value;
    (void)size;

    pthread_mutex_lock(&s->lock);
    value = read_register(s, gicv2_accessing_cpu(s), (uint32_t)offset,
                          s->cfg.security && !gic_access_is_secure());
    pthread_mutex_unlock(&s->lock);
    return value;
}

static void cpu_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gicv2 *s = opaque;
    (void)size;

    pthread_mutex_lock(&s->lock);
    write_register(s, gicv2_accessing_cpu(s), (uint32_t)offset, (uint32_t)value,
                   s->cfg.security && !gic_access_is_secure());
    pthread_mutex_unlock(&s->lock);
}

const struct mem_ops gicv2_cpu_ops = {
    .read = cpu_read, .write = cpu_write, .min_size = 4, .max_size = 4, .unlocked = true};
