/*
 * Between the files of the GICv3: gicv3.c (life, inputs, what is pending), gicv3_dist.c,
 * gicv3_redist.c, gicv3_cpu.c (ICC registers), gicv3_virt.c (ICH, ICV), gicv3_lpi.c and the ITS.
 * GIC lock held, unless a function says otherwise.
 */
#ifndef HW_INTC_GICV3_INTERNAL_H
#define HW_INTC_GICV3_INTERNAL_H

#include <pthread.h>
#include "core/cpu/arm_intc.h"
#include "core/memory/memory.h"
#include "hw/intc/gic_bank.h"
#include "hw/intc/gic_virt.h"
#include "hw/intc/gicv3.h"

/* G1NS is the group 1 of a GIC with one security state. */
enum gicv3_group { GICV3_G0, GICV3_G1S, GICV3_G1NS, GICV3_GROUPS };

/* GICD_CTLR as it is kept: the secure view. */
enum {
    GICD_CTLR_GRP0 = 1 << 0,
    GICD_CTLR_GRP1NS = 1 << 1,
    GICD_CTLR_GRP1S = 1 << 2,
    GICD_CTLR_ARE_S = 1 << 4, /* both always set */
    GICD_CTLR_ARE_NS = 1 << 5,
    GICD_CTLR_DS = 1 << 6,
};
enum { GICR_CTLR_ENABLE_LPIS = 1 << 0, GICR_WAKER_SLEEP = 1 << 1, GICR_WAKER_ASLEEP = 1 << 2 };

enum {
    GICV3_ID_BITS = 16,
    GICV3_LPI_FIRST = 8192,
    GICV3_LPIS = (1 << GICV3_ID_BITS) - GICV3_LPI_FIRST,
    GICV3_LPI_WORDS = GICV3_LPIS / 64,
    GICV3_LPI_SUMMARY = GICV3_LPI_WORDS / 64, /* bit per word that is not 0 */
};

struct gicv3_pending {
    uint32_t intid; /* GIC_INTID_NONE: there is none */
    uint8_t priority;
    enum gicv3_group group;
};

struct gicv3_cpu {
    struct gicv3 *gic;
    struct vcpu *vcpu;
    unsigned index;
    uint64_t affinity; /* as MPIDR and IROUTER have it */

    /* redistributor */
    struct gic_bank bank;
    uint8_t ctlr, waker;
    uint64_t propbaser, pendbaser;
    uint64_t *lpi_pending; /* a bit for each LPI; NULL without LPIs */
    uint64_t lpi_summary[GICV3_LPI_SUMMARY];
    struct gicv3_pending lpi; /* the highest-priority one that is pending and enabled */
    bool lpi_stale;           /* gicv3_highest() has to look for it anew */

    /* CPU interface */
    uint8_t pmr, bpr[GICV3_GROUPS], group_enable[GICV3_GROUPS];
    uint8_t icc_ctlr[2]; /* secure, non-secure: CBPR, EOImode */
    uint8_t icc_ctlr_el3;
    uint32_t apr[GICV3_GROUPS];
    uint8_t el; /* the vCPU's state as it was last told; without EL3 of no importance */
    bool secure;

    struct gic_virt virt;
};

enum { GICV3_TARGET_NONE = -1, GICV3_TARGET_ANY = -2 };

struct gicv3_frame { /* what a region of redistributors is given */
    struct gicv3 *gic;
    unsigned first;
};

struct gicv3 {
    struct device dev;
    struct gicv3_config cfg;
    unsigned banks; /* bank 0 is each vCPU's own */
    bool in_kernel; /* the accelerator has it, and this is for its state alone */
    pthread_mutex_t lock;
    uint32_t ctlr;
    struct gic_bank spi[GIC_SPI_BANKS];
    uint64_t router[GIC_SPI_BANKS * GIC_BANK]; /* IROUTER */
    int8_t target[GIC_SPI_BANKS * GIC_BANK];   /* follows from it: a vCPU or GICV3_TARGET_* */
    struct gicv3_cpu cpu[GICV3_CPUS_MAX];
    uint8_t *lpi_config; /* a byte for each LPI, as last read from the guest; NULL without */
    struct mem_region dist_region, redist_region[GICV3_REGIONS_MAX];
    struct gicv3_frame frame[GICV3_REGIONS_MAX];
};

static inline bool gicv3_one_state(const struct gicv3 *s)
{
    return s->ctlr & GICD_CTLR_DS;
}
static inline struct gic_bank *gicv3_bank(struct gicv3_cpu *c, unsigned bank)
{
    return bank ? &c->gic->spi[bank - 1] : &c->bank;
}
static inline struct gic_view gicv3_view(const struct gic_bank *b, bool nonsecure)
{
    return (struct gic_view){.mask = nonsecure ? b->group : UINT32_MAX, .nonsecure = nonsecure};
}
/* Is this access to registers in memory one that sees its own half only? */
static inline bool gicv3_nonsecure_access(const struct gicv3 *s)
{
    return !gicv3_one_state(s) && !gic_access_is_secure();
}
enum gicv3_group gicv3_group_of(const struct gicv3 *s, const struct gic_bank *b, unsigned n);

/* Outputs of a vCPU, of all, of those that an interrupt concerns. */
void gicv3_update(struct gicv3_cpu *c);
void gicv3_update_all(struct gicv3 *s);
void gicv3_update_intid(struct gicv3_cpu *c, uint32_t intid);
/* The highest-priority pending interrupt, as enables go. */
struct gicv3_pending gicv3_highest(struct gicv3_cpu *c);
bool gicv3_preempts(const struct gicv3_cpu *c, const struct gicv3_pending *p);
void gicv3_route(struct gicv3 *s, unsigned spi); /* after its router was written */
/* intid below 1020, of a bank that is there. */
void gicv3_deactivate(struct gicv3_cpu *c, uint32_t intid);

/* gicv3_dist.c, gicv3_redist.c */
extern const struct mem_ops gicv3_dist_ops, gicv3_redist_ops;
enum { GICV3_PART_DIST = 0x492, GICV3_PART_REDIST = 0x493, GICV3_PART_ITS = 0x494 };
enum { GICV3_IIDR = 0x0000043b };

/* gicv3_cpu.c */
extern const struct arm_intc_ops gicv3_cpu_ops;
void gicv3_cpu_reset(struct gicv3_cpu *c);
void gicv3_cpu_sanitize(struct gicv3_cpu *c);
uint8_t gicv3_group_priority(const struct gicv3_cpu *c, uint8_t priority, enum gicv3_group group);

/* gicv3_virt.c: ICH registers, and ICC numbers that mean ICV ones. False: there is none. */
bool gicv3_ich_read(struct gicv3_cpu *c, uint32_t reg, uint64_t *value);
bool gicv3_ich_write(struct gicv3_cpu *c, uint32_t reg, uint64_t value);
bool gicv3_icv_read(struct gicv3_cpu *c, uint32_t reg, uint64_t *value);
bool gicv3_icv_write(struct gicv3_cpu *c, uint32_t reg, uint64_t value);
void gicv3_virt_update(struct gicv3_cpu *c); /* the maintenance line and virtual outputs */
void gicv3_virt_sanitize(struct gicv3_cpu *c);

/* gicv3_lpi.c */
bool gicv3_lpi_alloc(struct gicv3 *s, struct vemu_error **errp);
void gicv3_lpi_free(struct gicv3 *s);
void gicv3_lpi_clear(struct gicv3_cpu *c);
static inline bool gicv3_is_lpi(uint32_t intid)
{
    return intid >= GICV3_LPI_FIRST && intid < 1u << GICV3_ID_BITS;
}
/* Machine lock held, the GIC's not: reads or writes the guest's memory. */
void gicv3_lpi_enable(struct gicv3_cpu *c, bool on);
/* INTIDs; gicv3_lpi_settle() follows. */
void gicv3_lpi_load_config(struct gicv3 *s, uint32_t first, uint32_t count);
/* These lock. No LPI, or LPIs are off at this redistributor: nothing happens. Outputs follow with
 * gicv3_lpi_settle() only, where an ITS has many commands: looking for the next LPI takes long when
 * very many are pending. */
void gicv3_lpi_set(struct gicv3_cpu *c, uint32_t intid, bool pending);
void gicv3_lpi_settle(struct gicv3 *s);
void gicv3_lpi_move(struct gicv3_cpu *from, struct gicv3_cpu *to, uint32_t intid);
void gicv3_lpi_move_all(struct gicv3_cpu *from, struct gicv3_cpu *to);
/* Lock held. */
void gicv3_lpi_acknowledge(struct gicv3_cpu *c, uint32_t intid);
void gicv3_lpi_choose(struct gicv3_cpu *c);
extern const struct state_tail gicv3_lpi_tail;

struct gicv3 *gicv3_from(struct device *dev);

/* gicv3_kernel.c: without the GIC's lock, vCPUs paused; inputs: any time. */
void gicv3_get_from_kernel(struct gicv3 *s);
void gicv3_put_to_kernel(struct gicv3 *s);
void gicv3_set_kernel_spi(struct gicv3 *s, unsigned n, int level);
void gicv3_set_kernel_ppi(struct gicv3_cpu *c, unsigned intid, int level);

#endif
