/*
 * What the Arm interrupt controllers, GICv2 and GICv3, have in common: thirty-two interrupts with
 * the registers that a distributor (or a redistributor) has for them, how priorities are grouped
 * and kept while interrupts are active, and the output to a vCPU.
 *
 * Plain data and functions on it: whoever has a bank guards it.
 *
 * Specifications: Arm IHI 0048 (GICv2), Arm IHI 0069 (GICv3).
 */
#ifndef HW_INTC_GIC_BANK_H
#define HW_INTC_GIC_BANK_H

#include <stdbool.h>
#include <stdint.h>
#include "core/state/state.h"

struct vcpu;

enum {
    GIC_BANK = 32, /* interrupts of one */
    GIC_SGIS = 16,
    GIC_INTERNAL = 32, /* SGIs and PPIs: a bank for each vCPU */
    GIC_SPI_LIMIT = 1020,
    GIC_SPI_BANKS = 31,
    GIC_IDLE_PRIORITY = 0xff,
    /* INTIDs that are none */
    GIC_INTID_SECURE = 1020,
    GIC_INTID_NONSECURE = 1021,
    GIC_INTID_GROUP1 = 1022,
    GIC_INTID_NONE = 1023,
    /* Of 8 bits of priority the upper five are there; each of the 32 levels preempts. */
    GIC_PRIORITY_BITS = 5,
    GIC_PRIORITY_MASK = 0xf8,
    GIC_BPR_MIN = 7 - GIC_PRIORITY_BITS,
};

/* Offsets that distributors and the SGI frame of a redistributor share. */
enum {
    GICD_IGROUPR = 0x080,
    GICD_ISENABLER = 0x100,
    GICD_ICENABLER = 0x180,
    GICD_ISPENDR = 0x200,
    GICD_ICPENDR = 0x280,
    GICD_ISACTIVER = 0x300,
    GICD_ICACTIVER = 0x380,
    GICD_IPRIORITYR = 0x400,
    GICD_ITARGETSR = 0x800,
    GICD_ICFGR = 0xc00,
    GICD_IGRPMODR = 0xd00,
    GICD_NSACR = 0xe00,
};

/* An interrupt is pending by its latch (an edge, or software) or, level-sensitive, by its line. */
struct gic_bank {
    uint32_t line; /* inputs as they are */
    uint32_t latch, enabled, active;
    uint32_t edge;  /* ICFGR: edge-triggered */
    uint32_t group; /* IGROUPR: 1 is group 1 (GICv3: the non-secure one) */
    uint32_t grpmod;
    uint8_t priority[GIC_BANK];
};
extern const struct state_field gic_bank_state[];

static inline uint32_t gic_bank_pending(const struct gic_bank *b)
{
    return b->latch | (b->line & ~b->edge);
}
/* What may be signalled, its group permitting. */
static inline uint32_t gic_bank_ready(const struct gic_bank *b)
{
    return gic_bank_pending(b) & b->enabled & ~b->active;
}
void gic_bank_set_line(struct gic_bank *b, unsigned n, int level);
/* The same; true: it was at the other level. */
static inline bool gic_bank_move_line(struct gic_bank *b, unsigned n, int level)
{
    bool moved = (b->line >> n & 1) != (level != 0);
    gic_bank_set_line(b, n, level);
    return moved;
}
/* Pending becomes active. */
void gic_bank_acknowledge(struct gic_bank *b, unsigned n);

/* As an access sees a bank: interrupts outside mask are not there. nonsecure: priorities are the
 * lower half of all. */
struct gic_view {
    uint32_t mask;
    bool nonsecure;
};
/* The word at `offset` from the register block's first of this bank; block: one of GICD_*, but
 * ITARGETSR. Blocks of more than a word a bank take the word's number. */
uint32_t gic_bank_read(const struct gic_bank *b, struct gic_view view, unsigned block,
                       unsigned word);
void gic_bank_write(struct gic_bank *b, struct gic_view view, unsigned block, unsigned word,
                    uint32_t value);
/* IPRIORITYR takes bytes, too. */
uint8_t gic_priority_read(const struct gic_bank *b, struct gic_view view, unsigned n);
void gic_priority_write(struct gic_bank *b, struct gic_view view, unsigned n, uint8_t value);

/* Which block, bank and word a distributor's offset (up to 0xeff) is of. False: none. */
struct gic_place {
    uint16_t block;
    uint8_t bank, word;
};
bool gic_place(uint32_t offset, struct gic_place *place);

/* A saved state may be any: what the model relies upon. first: the SGIs and PPIs. */
void gic_bank_sanitize(struct gic_bank *b, bool first);

/* ---- priorities ------------------------------------------------------------------------------ */

/* Of a priority, the part that decides about preemption. plus_one: as the non-secure (and a GIC's
 * only) group 1 has its binary point. */
static inline uint8_t gic_group_priority(uint8_t priority, uint8_t bpr, bool plus_one)
{
    unsigned shift = plus_one ? (bpr ? bpr : 1) : bpr + 1u;
    return (uint8_t)(priority & 0xff << shift);
}
/* Active priorities: a bit for each level, bit 0 the highest. */
static inline uint8_t gic_running_priority(uint32_t apr)
{
    return apr ? (uint8_t)(__builtin_ctz(apr) << (8 - GIC_PRIORITY_BITS)) : GIC_IDLE_PRIORITY;
}
static inline uint32_t gic_apr_bit(uint8_t group_priority)
{
    return UINT32_C(1) << (group_priority >> (8 - GIC_PRIORITY_BITS));
}
/* The non-secure view of a priority, and back. */
static inline uint8_t gic_priority_to_ns(uint8_t priority)
{
    return priority & 0x80 ? (uint8_t)(priority << 1) : 0;
}
static inline uint8_t gic_priority_from_ns(uint8_t priority)
{
    return (uint8_t)(0x80 | priority >> 1);
}

/* ---- the output ------------------------------------------------------------------------------ */

/* Of a vCPU's conditions `all`, those in `raised` are active and the others are not. Any thread. */
void gic_output(struct vcpu *cpu, uint32_t all, uint32_t raised);
/* Is the access that runs on this thread a secure one? By the state of the vCPU that makes it; what
 * no vCPU makes is not secure. */
bool gic_access_is_secure(void);
/* The identification registers from 0xfd0 on. part: the lower digits of the part's number. */
uint32_t gic_id_register(uint32_t offset, unsigned part, unsigned revision);

#endif
