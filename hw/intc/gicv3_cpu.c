/*
 * GICv3's CPU interfaces: ICC registers, who may access them, and what else the number of one means
 * to a guest of a hypervisor. IHI 0069, chapter "Programmers' Model", and the Arm ARM's
 * descriptions of the registers.
 */
#include "core/cpu/cpu.h"
#include "core/util/range.h"
#include "hw/intc/gicv3_internal.h"
#include "hw/intc/gicv3_regs.h"

/* ICC_CTLR_EL1 */
enum {
    CTLR_CBPR = 1 << 0,
    CTLR_EOIMODE = 1 << 1,
    CTLR_FIXED = (GIC_PRIORITY_BITS - 1) << 8 | 1 << 15, /* PRIbits, A3V; IDbits 0: 16 */
};
/* ICC_CTLR_EL3 */
enum {
    CTLR_EL3_CBPR_S = 1 << 0,
    CTLR_EL3_CBPR_NS = 1 << 1,
    CTLR_EL3_EOIMODE = 1 << 2,
    CTLR_EL3_EOIMODE_S = 1 << 3,
    CTLR_EL3_EOIMODE_NS = 1 << 4,
    CTLR_EL3_RM = 1 << 5,
    CTLR_EL3_OWN = CTLR_EL3_EOIMODE | CTLR_EL3_RM,
};
enum { SRE_EL1 = 7, SRE_ENABLE = 1 << 3 }; /* SRE, DFB, DIB: always set */
enum { HCR_FMO = 1 << 3, HCR_IMO = 1 << 4 };
enum { SCR_NS = 1 << 0, SCR_IRQ = 1 << 1, SCR_FIQ = 1 << 2 };
enum { SECURE, NONSECURE }; /* of icc_ctlr */

/* The access, as the registers' rules ask. */
struct asker {
    bool el3;
    bool secure;   /* of the state it is in */
    bool shifted;  /* sees the lower half of all priorities only */
    unsigned bank; /* SECURE or NONSECURE */
    enum gicv3_group group1;
};

static struct asker asker(const struct gicv3_cpu *c, const struct arm_intc_access *a)
{
    bool secure_bank = a->el == 3 ? !(a->scr & SCR_NS) : a->secure;

    if (gicv3_one_state(c->gic))
        secure_bank = false;
    return (struct asker){
        .el3 = a->el == 3,
        .secure = a->secure || a->el == 3,
        .shifted = !a->secure && a->el != 3 && a->scr & SCR_FIQ,
        .bank = secure_bank ? SECURE : NONSECURE,
        .group1 = secure_bank ? GICV3_G1S : GICV3_G1NS,
    };
}

void gicv3_cpu_reset(struct gicv3_cpu *c)
{
    c->pmr = 0;
    for (unsigned g = 0; g < GICV3_GROUPS; g++) {
        c->bpr[g] = GIC_BPR_MIN + (g == GICV3_G1NS);
        c->group_enable[g] = 0;
        c->apr[g] = 0;
    }
    c->icc_ctlr[SECURE] = c->icc_ctlr[NONSECURE] = c->icc_ctlr_el3 = 0;
    c->secure = c->gic->cfg.security;
    c->el = c->secure ? 3 : 1;
    c->virt = (struct gic_virt){0};
    gicv3_virt_sanitize(c);
}

void gicv3_cpu_sanitize(struct gicv3_cpu *c)
{
    c->pmr &= GIC_PRIORITY_MASK;
    for (unsigned g = 0; g < GICV3_GROUPS; g++) {
        c->bpr[g] = MAX(c->bpr[g] & 7, GIC_BPR_MIN + (g == GICV3_G1NS));
        c->group_enable[g] &= 1;
    }
    c->icc_ctlr[SECURE] &= CTLR_CBPR | CTLR_EOIMODE;
    c->icc_ctlr[NONSECURE] &= CTLR_CBPR | CTLR_EOIMODE;
    c->icc_ctlr_el3 &= CTLR_EL3_OWN;
}

/* ---- priorities ------------------------------------------------------------------------------ */

uint8_t gicv3_group_priority(const struct gicv3_cpu *c, uint8_t priority, enum gicv3_group group)
{
    if (group == GICV3_G1NS && !(c->icc_ctlr[NONSECURE] & CTLR_CBPR))
        return gic_group_priority(priority, c->bpr[GICV3_G1NS], true);
    if (group == GICV3_G1S && !(c->icc_ctlr[SECURE] & CTLR_CBPR))
        return gic_group_priority(priority, c->bpr[GICV3_G1S], false);
    return gic_group_priority(priority, c->bpr[GICV3_G0], false);
}

static uint8_t running(const struct gicv3_cpu *c)
{
    return gic_running_priority(c->apr[0] | c->apr[1] | c->apr[2]);
}

static uint8_t read_rpr(const struct gicv3_cpu *c, struct asker a)
{
    uint8_t priority = running(c);
    return a.shifted && priority != GIC_IDLE_PRIORITY ? gic_priority_to_ns(priority) : priority;
}

static void write_pmr(struct gicv3_cpu *c, struct asker a, uint8_t value)
{
    if (!a.shifted)
        c->pmr = value & GIC_PRIORITY_MASK;
    else if (c->pmr & 0x80)
        c->pmr = gic_priority_from_ns(value) & GIC_PRIORITY_MASK;
}

static uint8_t read_bpr1(const struct gicv3_cpu *c, struct asker a)
{
    if (a.bank == SECURE && c->icc_ctlr[SECURE] & CTLR_CBPR)
        return c->bpr[GICV3_G0];
    if (a.bank == NONSECURE && c->icc_ctlr[NONSECURE] & CTLR_CBPR && !a.el3)
        return MIN(c->bpr[GICV3_G0] + 1, 7);
    return c->bpr[a.group1];
}

static void write_bpr(struct gicv3_cpu *c, enum gicv3_group group, uint64_t value)
{
    c->bpr[group] = MAX((uint8_t)(value & 7), (uint8_t)(GIC_BPR_MIN + (group == GICV3_G1NS)));
}

static void write_bpr1(struct gicv3_cpu *c, struct asker a, uint64_t value)
{
    if (a.bank == SECURE && c->icc_ctlr[SECURE] & CTLR_CBPR)
        write_bpr(c, GICV3_G0, value);
    else if (a.bank == SECURE || !(c->icc_ctlr[NONSECURE] & CTLR_CBPR) || a.el3)
        write_bpr(c, a.group1, value);
}

/* ---- acknowledging and ending ---------------------------------------------------------------- */

/* What HPPIR tells and IAR acknowledges: another group's interrupt is told of at EL3 only, and by
 * the registers of group 0. */
static uint32_t visible_intid(const struct gicv3_cpu *c, struct asker a, bool group0,
                              const struct gicv3_pending *p)
{
    bool secure = !gicv3_one_state(c->gic) && p->group != GICV3_G1NS;

    if (p->intid == GIC_INTID_NONE || (secure && !a.secure))
        return GIC_INTID_NONE;
    if (group0) {
        if (p->group == GICV3_G0)
            return p->intid;
        if (!a.el3)
            return GIC_INTID_NONE;
        return secure ? GIC_INTID_SECURE : GIC_INTID_NONSECURE;
    }
    if (p->group == GICV3_G0)
        return GIC_INTID_NONE;
    if (!gicv3_one_state(c->gic) && !secure && a.secure && !a.el3)
        return GIC_INTID_NONE;
    return p->intid;
}

static uint32_t read_hppir(struct gicv3_cpu *c, struct asker a, bool group0)
{
    struct gicv3_pending p = gicv3_highest(c);
    return visible_intid(c, a, group0, &p);
}

static uint32_t acknowledge(struct gicv3_cpu *c, struct asker a, bool group0)
{
    struct gicv3_pending p = gicv3_highest(c);
    uint32_t intid =
        gicv3_preempts(c, &p) ? visible_intid(c, a, group0, &p) : (uint32_t)GIC_INTID_NONE;

    if (intid >= GIC_SPI_LIMIT && intid < GICV3_LPI_FIRST)
        return intid;
    c->apr[p.group] |= gic_apr_bit(gicv3_group_priority(c, p.priority, p.group));
    if (gicv3_is_lpi(intid))
        gicv3_lpi_acknowledge(c, intid);
    else
        gic_bank_acknowledge(gicv3_bank(c, intid / GIC_BANK), intid % GIC_BANK);
    gicv3_update_intid(c, intid);
    return intid;
}

static bool is_number(const struct gicv3 *s, uint64_t intid)
{
    return intid < GIC_SPI_LIMIT && intid / GIC_BANK < s->banks;
}

static bool eoi_drops_only(const struct gicv3_cpu *c, struct asker a)
{
    if (a.el3)
        return c->icc_ctlr_el3 & CTLR_EL3_EOIMODE;
    return c->icc_ctlr[a.bank] & CTLR_EOIMODE;
}

/* The group of the highest active priority. */
static int active_group(const struct gicv3_cpu *c)
{
    int best = -1;
    uint8_t priority = GIC_IDLE_PRIORITY;

    for (int g = 0; g < GICV3_GROUPS; g++) {
        if (gic_running_priority(c->apr[g]) >= priority)
            continue;
        priority = gic_running_priority(c->apr[g]);
        best = g;
    }
    return best;
}

static void end(struct gicv3_cpu *c, struct asker a, bool group0, uint64_t value)
{
    uint64_t intid = value & 0xffffff;
    int group = active_group(c);

    if ((!is_number(c->gic, intid) && !gicv3_is_lpi((uint32_t)intid)) || group < 0 ||
        group0 != (group == GICV3_G0))
        return;
    /* A security state ends its own; EL3 ends all. */
    if (!gicv3_one_state(c->gic) &&
        ((group != GICV3_G1NS && !a.secure) || (group == GICV3_G1NS && a.secure && !a.el3)))
        return;
    c->apr[group] &= c->apr[group] - 1;
    if (!eoi_drops_only(c, a) && !gicv3_is_lpi((uint32_t)intid))
        gicv3_deactivate(c, (uint32_t)intid);
    else
        gicv3_update(c);
}

static void write_dir(struct gicv3_cpu *c, struct asker a, uint64_t value)
{
    uint64_t intid = value & 0xffffff;
    const struct gic_bank *b;

    if (!is_number(c->gic, intid) || !eoi_drops_only(c, a))
        return;
    b = gicv3_bank(c, (unsigned)intid / GIC_BANK);
    if (!gicv3_one_state(c->gic) && !a.secure &&
        gicv3_group_of(c->gic, b, intid % GIC_BANK) != GICV3_G1NS)
        return;
    gicv3_deactivate(c, (uint32_t)intid);
}

/* ---- SGIs ------------------------------------------------------------------------------------ */

static bool is_listed(const struct gicv3_cpu *from, const struct gicv3_cpu *to, uint64_t value)
{
    uint64_t aff0 = to->affinity & 0xff, range = value >> 44 & 15;

    if (value >> 40 & 1) /* all but the sender */
        return to != from;
    return (value >> 16 & 0xff) == (to->affinity >> 8 & 0xff) &&
           (value >> 32 & 0xff) == (to->affinity >> 16 & 0xff) &&
           (value >> 48 & 0xff) == (to->affinity >> 32 & 0xff) && range == aff0 / 16 &&
           value >> aff0 % 16 & 1;
}

/* It reaches a vCPU that has this SGI in the group. */
static void send_sgi(struct gicv3_cpu *c, enum gicv3_group group, uint64_t value)
{
    struct gicv3 *s = c->gic;
    unsigned sgi = value >> 24 & 15;

    for (unsigned i = 0; i < s->cfg.cpu_count; i++) {
        struct gicv3_cpu *to = &s->cpu[i];
        if (!is_listed(c, to, value) || gicv3_group_of(s, &to->bank, sgi) != group)
            continue;
        to->bank.latch |= 1u << sgi;
        gicv3_update(to);
    }
}

static enum gicv3_group other_group1(const struct gicv3_cpu *c, struct asker a)
{
    if (gicv3_one_state(c->gic))
        return GICV3_G1NS;
    return a.group1 == GICV3_G1S ? GICV3_G1NS : GICV3_G1S;
}

/* ---- registers ------------------------------------------------------------------------------- */

static uint64_t read_ctlr_el3(const struct gicv3_cpu *c)
{
    return c->icc_ctlr_el3 | CTLR_FIXED | (c->icc_ctlr[SECURE] & CTLR_CBPR ? CTLR_EL3_CBPR_S : 0) |
           (c->icc_ctlr[NONSECURE] & CTLR_CBPR ? CTLR_EL3_CBPR_NS : 0) |
           (c->icc_ctlr[SECURE] & CTLR_EOIMODE ? CTLR_EL3_EOIMODE_S : 0) |
           (c->icc_ctlr[NONSECURE] & CTLR_EOIMODE ? CTLR_EL3_EOIMODE_NS : 0);
}

static void write_ctlr_el3(struct gicv3_cpu *c, uint64_t value)
{
    c->icc_ctlr_el3 = value & CTLR_EL3_OWN;
    c->icc_ctlr[SECURE] =
        (value & CTLR_EL3_CBPR_S ? CTLR_CBPR : 0) | (value & CTLR_EL3_EOIMODE_S ? CTLR_EOIMODE : 0);
    c->icc_ctlr[NONSECURE] = (value & CTLR_EL3_CBPR_NS ? CTLR_CBPR : 0) |
                             (value & CTLR_EL3_EOIMODE_NS ? CTLR_EOIMODE : 0);
}

static bool icc_read(struct gicv3_cpu *c, struct asker a, uint32_t reg, uint64_t *value)
{
    switch (reg) {
    case ICC_PMR_EL1:
        *value = a.shifted ? gic_priority_to_ns(c->pmr) : c->pmr;
        return true;
    case ICC_IAR0_EL1:
    case ICC_IAR1_EL1:
        *value = acknowledge(c, a, reg == ICC_IAR0_EL1);
        return true;
    case ICC_HPPIR0_EL1:
    case ICC_HPPIR1_EL1:
        *value = read_hppir(c, a, reg == ICC_HPPIR0_EL1);
        return true;
    case ICC_BPR0_EL1:
        *value = c->bpr[GICV3_G0];
        return true;
    case ICC_BPR1_EL1:
        *value = read_bpr1(c, a);
        return true;
    case ICC_AP0R0_EL1:
        *value = c->apr[GICV3_G0];
        return true;
    case ICC_AP1R0_EL1:
        *value = c->apr[a.group1];
        return true;
    case ICC_RPR_EL1:
        *value = read_rpr(c, a);
        return true;
    case ICC_CTLR_EL1:
        *value = c->icc_ctlr[a.bank] | CTLR_FIXED;
        return true;
    case ICC_SRE_EL1:
        *value = SRE_EL1;
        return true;
    case ICC_SRE_EL2:
    case ICC_SRE_EL3:
        *value = SRE_EL1 | SRE_ENABLE;
        return true;
    case ICC_IGRPEN0_EL1:
        *value = c->group_enable[GICV3_G0];
        return true;
    case ICC_IGRPEN1_EL1:
        *value = c->group_enable[a.group1];
        return true;
    case ICC_CTLR_EL3:
        *value = read_ctlr_el3(c);
        return true;
    case ICC_IGRPEN1_EL3:
        *value = c->group_enable[GICV3_G1NS] | c->group_enable[GICV3_G1S] << 1;
        return true;
    }
    return false;
}

/* What does not change what is signalled by itself, or tells so itself. */
static bool icc_command(struct gicv3_cpu *c, struct asker a, uint32_t reg, uint64_t value)
{
    switch (reg) {
    case ICC_EOIR0_EL1:
    case ICC_EOIR1_EL1:
        end(c, a, reg == ICC_EOIR0_EL1, value);
        return true;
    case ICC_DIR_EL1:
        write_dir(c, a, value);
        return true;
    case ICC_SGI0R_EL1:
        send_sgi(c, GICV3_G0, value);
        return true;
    case ICC_SGI1R_EL1:
        send_sgi(c, a.group1, value);
        return true;
    case ICC_ASGI1R_EL1:
        send_sgi(c, other_group1(c, a), value);
        return true;
    case ICC_SRE_EL1: /* nothing in them can be changed */
    case ICC_SRE_EL2:
    case ICC_SRE_EL3:
        return true;
    }
    return false;
}

static bool icc_write(struct gicv3_cpu *c, struct asker a, uint32_t reg, uint64_t value)
{
    switch (reg) {
    case ICC_PMR_EL1:
        write_pmr(c, a, (uint8_t)value);
        break;
    case ICC_BPR0_EL1:
        write_bpr(c, GICV3_G0, value);
        break;
    case ICC_BPR1_EL1:
        write_bpr1(c, a, value);
        break;
    case ICC_AP0R0_EL1:
        c->apr[GICV3_G0] = (uint32_t)value;
        break;
    case ICC_AP1R0_EL1:
        c->apr[a.group1] = (uint32_t)value;
        break;
    case ICC_CTLR_EL1:
        c->icc_ctlr[a.bank] = value & (CTLR_CBPR | CTLR_EOIMODE);
        break;
    case ICC_IGRPEN0_EL1:
        c->group_enable[GICV3_G0] = value & 1;
        break;
    case ICC_IGRPEN1_EL1:
        c->group_enable[a.group1] = value & 1;
        break;
    case ICC_CTLR_EL3:
        write_ctlr_el3(c, value);
        break;
    case ICC_IGRPEN1_EL3:
        c->group_enable[GICV3_G1NS] = value & 1;
        c->group_enable[GICV3_G1S] = value >> 1 & 1;
        break;
    default:
        return icc_command(c, a, reg, value);
    }
    /* An SPI that anybody may take may now have another taker. */
    if (reg == ICC_IGRPEN0_EL1 || reg == ICC_IGRPEN1_EL1 || reg == ICC_IGRPEN1_EL3)
        gicv3_update_all(c->gic);
    else
        gicv3_update(c);
    return true;
}

/* ---- who may --------------------------------------------------------------------------------- */

enum kind { GROUP0, GROUP1, COMMON, SGI, DEACTIVATE, ANY_EL, EL2_UP, EL3_ONLY, ICH };
/* What a register access turns into. */
enum meaning { PHYSICAL, VIRTUAL, HYPERVISOR, REFUSED };

static enum kind kind_of(uint32_t reg)
{
    switch (reg) {
    case ICC_IAR0_EL1:
    case ICC_EOIR0_EL1:
    case ICC_HPPIR0_EL1:
    case ICC_BPR0_EL1:
    case ICC_AP0R0_EL1:
    case ICC_IGRPEN0_EL1:
        return GROUP0;
    case ICC_IAR1_EL1:
    case ICC_EOIR1_EL1:
    case ICC_HPPIR1_EL1:
    case ICC_BPR1_EL1:
    case ICC_AP1R0_EL1:
    case ICC_IGRPEN1_EL1:
        return GROUP1;
    case ICC_DIR_EL1:
        return DEACTIVATE;
    case ICC_SGI0R_EL1:
    case ICC_SGI1R_EL1:
    case ICC_ASGI1R_EL1:
        return SGI;
    case ICC_SRE_EL1:
        return ANY_EL;
    case ICC_SRE_EL2:
        return EL2_UP;
    case ICC_SRE_EL3:
    case ICC_CTLR_EL3:
    case ICC_IGRPEN1_EL3:
        return EL3_ONLY;
    case ICC_PMR_EL1:
    case ICC_RPR_EL1:
    case ICC_CTLR_EL1:
        return COMMON;
    }
    return ICH;
}

/* Bits of ICH_HCR_EL2, HCR_EL2 and SCR_EL3 that concern a kind; all of scr have to be set. */
static const struct rule {
    uint32_t trap, hcr, scr;
} rules[] = {
    [GROUP0] = {ICH_HCR_TALL0, HCR_FMO, SCR_FIQ},
    [GROUP1] = {ICH_HCR_TALL1, HCR_IMO, SCR_IRQ},
    [COMMON] = {ICH_HCR_TC, HCR_FMO | HCR_IMO, SCR_FIQ | SCR_IRQ},
    [SGI] = {ICH_HCR_TC, HCR_FMO | HCR_IMO, SCR_FIQ | SCR_IRQ},
    [DEACTIVATE] = {ICH_HCR_TC | ICH_HCR_TDIR, HCR_FMO | HCR_IMO, SCR_FIQ | SCR_IRQ},
};

static enum arm_intc_result refuse(enum meaning *meaning, enum arm_intc_result result)
{
    *meaning = REFUSED;
    return result;
}

static enum arm_intc_result check_kind(const struct gicv3_cpu *c, enum kind kind,
                                       const struct arm_intc_access *a, enum meaning *meaning)
{
    const struct rule *r = &rules[kind];

    if (a->el == 1 && !a->secure && c->gic->cfg.virtualization) {
        if (c->virt.hcr & r->trap || (kind == SGI && a->hcr & r->hcr))
            return refuse(meaning, ARM_INTC_TRAP_EL2);
        if (a->hcr & r->hcr) {
            *meaning = VIRTUAL;
            return ARM_INTC_OK;
        }
    }
    if (a->el < 3 && (a->scr & r->scr) == r->scr)
        return refuse(meaning, ARM_INTC_TRAP_EL3);
    return ARM_INTC_OK;
}

static enum arm_intc_result check(const struct gicv3_cpu *c, uint32_t reg,
                                  const struct arm_intc_access *a, enum meaning *meaning)
{
    enum kind kind = kind_of(reg);
    bool el2 = c->gic->cfg.virtualization, allowed = a->el > 0;

    *meaning = PHYSICAL;
    switch (kind) {
    case EL2_UP:
        allowed = el2 && a->el >= 2;
        break;
    case EL3_ONLY:
        allowed = a->el == 3;
        break;
    case ICH:
        allowed = el2 && a->el >= 2;
        *meaning = HYPERVISOR;
        break;
    case ANY_EL:
        break;
    default:
        if (allowed)
            return check_kind(c, kind, a, meaning);
    }
    return allowed ? ARM_INTC_OK : refuse(meaning, ARM_INTC_UNDEFINED);
}

/* Every access tells where the vCPU is. */
static void note_state(struct gicv3_cpu *c, uint8_t el, bool secure)
{
    c->el = el;
    c->secure = secure;
}

static enum arm_intc_result cpu_read(void *opaque, uint32_t reg,
                                     const struct arm_intc_access *access, uint64_t *value)
{
    struct gicv3_cpu *c = opaque;
    enum arm_intc_result result;
    enum meaning meaning;
    bool there = false;

    pthread_mutex_lock(&c->gic->lock);
    note_state(c, access->el, access->secure);
    result = check(c, reg, access, &meaning);
    if (meaning == PHYSICAL)
        there = icc_read(c, asker(c, access), reg, value);
    else if (meaning == VIRTUAL)
        there = gicv3_icv_read(c, reg, value);
    else if (meaning == HYPERVISOR)
        there = gicv3_ich_read(c, reg, value);
    pthread_mutex_unlock(&c->gic->lock);
    return result != ARM_INTC_OK || there ? result : ARM_INTC_UNDEFINED;
}

static enum arm_intc_result cpu_write(void *opaque, uint32_t reg,
                                      const struct arm_intc_access *access, uint64_t value)
{
    struct gicv3_cpu *c = opaque;
    enum arm_intc_result result;
    enum meaning meaning;
    bool there = false;

    pthread_mutex_lock(&c->gic->lock);
    note_state(c, access->el, access->secure);
    result = check(c, reg, access, &meaning);
    if (meaning == PHYSICAL)
        there = icc_write(c, asker(c, access), reg, value);
    else if (meaning == VIRTUAL)
        there = gicv3_icv_write(c, reg, value);
    else if (meaning == HYPERVISOR)
        there = gicv3_ich_write(c, reg, value);
    pthread_mutex_unlock(&c->gic->lock);
    return result != ARM_INTC_OK || there ? result : ARM_INTC_UNDEFINED;
}

static void cpu_state_changed(void *opaque, uint8_t el, bool secure)
{
    struct gicv3_cpu *c = opaque;

    pthread_mutex_lock(&c->gic->lock);
    note_state(c, el, secure);
    gicv3_update(c);
    pthread_mutex_unlock(&c->gic->lock);
}

const struct arm_intc_ops gicv3_cpu_ops = {
    .read = cpu_read, .write = cpu_write, .state_changed = cpu_state_changed};
