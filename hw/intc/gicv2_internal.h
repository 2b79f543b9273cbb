/* Between gicv2.c (life, inputs), gicv2_dist.c, gicv2_cpu.c and gicv2_virt.c (registers). GIC lock
 * held. */
#ifndef HW_INTC_GICV2_INTERNAL_H
#define HW_INTC_GICV2_INTERNAL_H

#include <pthread.h>
#include "core/memory/memory.h"
#include "hw/intc/gic_bank.h"
#include "hw/intc/gic_virt.h"
#include "hw/intc/gicv2.h"

enum gicv2_group { GICV2_GROUP0, GICV2_GROUP1, GICV2_GROUPS };
/* GICD_CTLR */
enum { GICD_ENABLE_GRP0 = 1, GICD_ENABLE_GRP1 = 2 };
enum { GICV2_CPU_IIDR = 0x0202043b }; /* Arm, GICv2 */

struct gicv2_cpu {
    struct gic_bank bank;         /* SGIs and PPIs */
    uint8_t sgi_source[GIC_SGIS]; /* who asks: a bit for each vCPU; latched while not 0 */
    uint32_t ctlr;
    uint8_t pmr;
    uint8_t bpr[GICV2_GROUPS]; /* BPR, ABPR */
    uint32_t apr[GICV2_GROUPS];
    struct gic_virt virt;
};

struct gicv2 {
    struct device dev;
    struct gicv2_config cfg;
    struct vcpu *cpus[GICV2_CPUS_MAX];
    unsigned banks; /* bank 0 is each vCPU's own */
    bool in_kernel; /* the accelerator has it, and this is for its state alone */
    pthread_mutex_t lock;
    uint32_t ctlr;
    struct gic_bank spi[GIC_SPI_BANKS]; /* banks 1 to 31 */
    uint8_t targets[GIC_SPI_BANKS][GIC_BANK];
    struct gicv2_cpu cpu[GICV2_CPUS_MAX];
    struct mem_region dist_region, cpu_region, hyp_region, guest_region;
};

static inline struct gic_bank *gicv2_bank(struct gicv2 *s, unsigned cpu, unsigned bank)
{
    return bank ? &s->spi[bank - 1] : &s->cpu[cpu].bank;
}

/* The vCPU that makes the access, or 0. */
unsigned gicv2_accessing_cpu(const struct gicv2 *s);
/* Outputs follow from all else. */
void gicv2_update(struct gicv2 *s, unsigned cpu);
void gicv2_update_all(struct gicv2 *s);
/* The outputs that an interrupt concerns, and the vCPU's. */
void gicv2_update_intid(struct gicv2 *s, unsigned cpu, unsigned intid);

struct gicv2_pending {
    uint16_t intid; /* GIC_INTID_NONE: there is none */
    uint8_t priority;
    enum gicv2_group group;
};
/* The highest-priority pending interrupt of the vCPU, as enables go. */
struct gicv2_pending gicv2_highest(struct gicv2 *s, unsigned cpu);

extern const struct mem_ops gicv2_dist_ops, gicv2_cpu_ops; /* gicv2_dist.c, gicv2_cpu.c */
void gicv2_cpu_reset(struct gicv2_cpu *c);
void gicv2_cpu_sanitize(struct gicv2_cpu *c);

/* gicv2_virt.c */
extern const struct mem_ops gicv2_hyp_ops, gicv2_guest_ops;
void gicv2_virt_update(struct gicv2 *s, unsigned cpu); /* the maintenance line, virtual outputs */
void gicv2_virt_sanitize(struct gic_virt *v);

/* gicv2_kernel.c: without the GIC's lock, vCPUs paused; inputs: any time. */
void gicv2_get_from_kernel(struct gicv2 *s);
void gicv2_put_to_kernel(struct gicv2 *s);
void gicv2_set_kernel_spi(struct gicv2 *s, unsigned n, int level);
void gicv2_set_kernel_ppi(struct gicv2 *s, unsigned cpu, unsigned intid, int level);

#endif
