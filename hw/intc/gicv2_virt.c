/*
 * A hypervisor's registers of a GICv2, GICH, and the virtual CPU interface that it shows to its
 * guest in the place of the physical one, GICV. Both are banked by the vCPU that makes the access.
 * What they are about is gic_virt.h. IHI 0048, chapter "GIC Support for Virtualization".
 */
#include "core/cpu/cpu.h"
#include "core/util/range.h"
#include "hw/intc/gicv2_internal.h"

enum {
    GICH_HCR = 0x00,
    GICH_VTR = 0x04,
    GICH_VMCR = 0x08,
    GICH_MISR = 0x10,
    GICH_EISR0 = 0x20,
    GICH_ELRSR0 = 0x30,
    GICH_APR = 0xf0,
    GICH_LR0 = 0x100,
    HCR_WRITABLE = 0xf80000ff,
    VTR = (GIC_LIST_REGISTERS - 1) | (GIC_PRIORITY_BITS - 1) << 26,
    VTR_PRIBITS_SHIFT = 29,
};
/* GICH_LR */
enum {
    LR2_VIRTUAL_ID = 0x3ff,
    LR2_PHYSICAL_SHIFT = 10, /* 10 bits; without HW: the sender of an SGI, 3 bits, and EOI */
    LR2_EOI = 1 << 19,
    LR2_PRIORITY_SHIFT = 23, /* 5 bits */
    LR2_STATE_SHIFT = 28,
    LR2_GROUP1_SHIFT = 30,
    LR2_HW_SHIFT = 31,
    LR_STATE_SHIFT = 62,
    LR_GROUP1_SHIFT = 60,
    LR_HW_SHIFT = 61,
    LR_PRIORITY5_SHIFT = LR_PRIORITY_SHIFT + 8 - GIC_PRIORITY_BITS,
};
/* The registers of the interface that guests have; GICV_CTLR is laid out as the bits of VMCR. */
enum {
    GICV_CTLR = 0x00,
    GICV_PMR = 0x04,
    GICV_BPR = 0x08,
    GICV_IAR = 0x0c,
    GICV_EOIR = 0x10,
    GICV_RPR = 0x14,
    GICV_HPPIR = 0x18,
    GICV_ABPR = 0x1c,
    GICV_AIAR = 0x20,
    GICV_AEOIR = 0x24,
    GICV_AHPPIR = 0x28,
    GICV_APR0 = 0xd0,
    GICV_IIDR = 0xfc,
    GICV_DIR = 0x1000,
    CTLR_WRITABLE = VMCR_VENG0 | VMCR_VENG1 | VMCR_VACKCTL | VMCR_VFIQEN | VMCR_VCBPR | VMCR_VEOIM,
    IAR_CPU_SHIFT = 10,
};

/* ---- list registers as GICv2 has them -------------------------------------------------------- */

static uint64_t lr_from_gicv2(uint32_t value)
{
    uint64_t lr = (value & LR2_VIRTUAL_ID) |
                  (uint64_t)(value >> LR2_PRIORITY_SHIFT & 31) << LR_PRIORITY5_SHIFT |
                  (uint64_t)(value >> LR2_STATE_SHIFT & 3) << LR_STATE_SHIFT |
                  (uint64_t)(value >> LR2_GROUP1_SHIFT & 1) << LR_GROUP1_SHIFT |
                  (uint64_t)(value >> LR2_HW_SHIFT) << LR_HW_SHIFT;

    if (lr & LR_HW)
        return lr | (uint64_t)(value >> LR2_PHYSICAL_SHIFT & 0x3ff) << LR_PINTID_SHIFT;
    return lr | (uint64_t)(value >> LR2_PHYSICAL_SHIFT & 7) << LR_PINTID_SHIFT |
           (value & LR2_EOI ? LR_EOI : 0);
}

static uint32_t lr_to_gicv2(uint64_t lr)
{
    uint32_t value = (uint32_t)(lr & LR2_VIRTUAL_ID) |
                     (uint32_t)(lr >> LR_PRIORITY5_SHIFT & 31) << LR2_PRIORITY_SHIFT |
                     (uint32_t)(lr >> LR_STATE_SHIFT) << LR2_STATE_SHIFT |
                     (uint32_t)(lr >> LR_GROUP1_SHIFT & 1) << LR2_GROUP1_SHIFT |
                     (uint32_t)(lr >> LR_HW_SHIFT & 1) << LR2_HW_SHIFT;

    if (lr & LR_HW)
        return value | (uint32_t)(lr >> LR_PINTID_SHIFT & 0x3ff) << LR2_PHYSICAL_SHIFT;
    return value | (uint32_t)(lr >> LR_PINTID_SHIFT & 7) << LR2_PHYSICAL_SHIFT |
           (lr & LR_EOI ? LR2_EOI : 0);
}

void gicv2_virt_sanitize(struct gic_virt *v)
{
    v->hcr &= HCR_WRITABLE;
    gic_virt_set_vmcr(v, v->vmcr, CTLR_WRITABLE, 0);
    for (unsigned i = 0; i < GIC_LIST_REGISTERS; i++)
        v->lr[i] = lr_from_gicv2(lr_to_gicv2(v->lr[i]));
}

void gicv2_virt_update(struct gicv2 *s, unsigned cpu)
{
    const struct gic_virt *v = &s->cpu[cpu].virt;

    if (!s->cfg.virtualization)
        return;
    gic_output(s->cpus[cpu], CPU_INT_VIRQ | CPU_INT_VFIQ, gic_virt_outputs(v));
    gic_bank_set_line(&s->cpu[cpu].bank, s->cfg.maintenance, gic_virt_maintenance(v));
    gicv2_update(s, cpu);
}

/* ---- GICH ------------------------------------------------------------------------------------ */

static uint32_t hyp_register(const struct gic_virt *v, uint32_t offset)
{
    unsigned lr = (offset - GICH_LR0) / 4;

    switch (offset) {
    case GICH_HCR:
        return v->hcr;
    case GICH_VTR:
        return VTR | (uint32_t)(GIC_PRIORITY_BITS - 1) << VTR_PRIBITS_SHIFT;
    case GICH_VMCR:
        return v->vmcr;
    case GICH_MISR:
        return gic_virt_misr(v);
    case GICH_EISR0:
        return gic_virt_eisr(v);
    case GICH_ELRSR0:
        return gic_virt_elrsr(v);
    case GICH_APR:
        return v->apr[0] | v->apr[1];
    }
    return offset >= GICH_LR0 && lr < GIC_LIST_REGISTERS ? lr_to_gicv2(v->lr[lr]) : 0;
}

static uint64_t hyp_read(void *opaque, uint64_t offset, unsigned size)
{
    struct gicv2 *s = opaque;
    uint32_t value;
    (void)size;

    pthread_mutex_lock(&s->lock);
    value = hyp_register(&s->cpu[gicv2_accessing_cpu(s)].virt, (uint32_t)offset);
    pthread_mutex_unlock(&s->lock);
    return value;
}

static void set_hyp_register(struct gic_virt *v, uint32_t offset, uint32_t value)
{
    unsigned lr = (offset - GICH_LR0) / 4;

    switch (offset) {
    case GICH_HCR:
        v->hcr = value & HCR_WRITABLE;
        break;
    case GICH_VMCR:
        gic_virt_set_vmcr(v, value, CTLR_WRITABLE, 0);
        break;
    case GICH_APR: /* one for both groups */
        v->apr[0] = value;
        v->apr[1] = 0;
        break;
    default:
        if (offset >= GICH_LR0 && lr < GIC_LIST_REGISTERS)
            v->lr[lr] = lr_from_gicv2(value);
    }
}

static void hyp_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gicv2 *s = opaque;
    unsigned cpu;
    (void)size;

    pthread_mutex_lock(&s->lock);
    cpu = gicv2_accessing_cpu(s);
    set_hyp_register(&s->cpu[cpu].virt, (uint32_t)offset, (uint32_t)value);
    gicv2_virt_update(s, cpu);
    pthread_mutex_unlock(&s->lock);
}

const struct mem_ops gicv2_hyp_ops = {
    .read = hyp_read, .write = hyp_write, .min_size = 4, .max_size = 4, .unlocked = true};

/* ---- GICV ------------------------------------------------------------------------------------ */

/* What HPPIR and IAR tell, as GICC's do: a group 1 interrupt by its own registers, unless AckCtl
 * says otherwise. */
static uint32_t visible_intid(const struct gic_virt *v, int lr, bool group1_only)
{
    if (lr < 0)
        return GIC_INTID_NONE;
    if (group1_only ? !lr_group(v->lr[lr]) : false)
        return GIC_INTID_NONE;
    if (!group1_only && lr_group(v->lr[lr]) && !(v->vmcr & VMCR_VACKCTL))
        return GIC_INTID_GROUP1;
    return (uint32_t)v->lr[lr];
}

static uint32_t with_sender(const struct gic_virt *v, int lr, uint32_t intid)
{
    if (intid >= GIC_SGIS || v->lr[lr] & LR_HW)
        return intid;
    return intid | (uint32_t)(v->lr[lr] >> LR_PINTID_SHIFT & 7) << IAR_CPU_SHIFT;
}

static uint32_t acknowledge(struct gicv2 *s, unsigned cpu, bool group1_only)
{
    struct gic_virt *v = &s->cpu[cpu].virt;
    int lr = gic_virt_highest(v);
    uint32_t intid =
        gic_virt_preempts(v, lr) ? visible_intid(v, lr, group1_only) : (uint32_t)GIC_INTID_NONE;

    if (intid >= GIC_SPI_LIMIT)
        return intid;
    intid = with_sender(v, lr, intid);
    gic_virt_acknowledge(v, lr);
    gicv2_virt_update(s, cpu);
    return intid;
}

static void deactivate(struct gicv2 *s, unsigned cpu, int lr)
{
    uint32_t physical = gic_virt_deactivate(&s->cpu[cpu].virt, lr);

    if (physical < GIC_SPI_LIMIT && physical / GIC_BANK < s->banks) {
        gicv2_bank(s, cpu, physical / GIC_BANK)->active &= ~(UINT32_C(1) << physical % GIC_BANK);
        gicv2_update_intid(s, cpu, physical);
    }
}

static void end(struct gicv2 *s, unsigned cpu, uint32_t value, bool group1_only)
{
    struct gic_virt *v = &s->cpu[cpu].virt;
    uint32_t intid = value & LR2_VIRTUAL_ID;
    int lr = gic_virt_active(v, intid);

    if (intid >= GIC_SPI_LIMIT || (group1_only && lr >= 0 && !lr_group(v->lr[lr])) ||
        !gic_virt_drop(v))
        return;
    if (!(v->vmcr & VMCR_VEOIM))
        deactivate(s, cpu, lr);
    gicv2_virt_update(s, cpu);
}

static void write_dir(struct gicv2 *s, unsigned cpu, uint32_t value)
{
    struct gic_virt *v = &s->cpu[cpu].virt;
    uint32_t intid = value & LR2_VIRTUAL_ID;

    if (!(v->vmcr & VMCR_VEOIM) || intid >= GIC_SPI_LIMIT)
        return;
    deactivate(s, cpu, gic_virt_active(v, intid));
    gicv2_virt_update(s, cpu);
}

static uint32_t guest_register(struct gicv2 *s, unsigned cpu, uint32_t offset)
{
    const struct gic_virt *v = &s->cpu[cpu].virt;
    int lr = gic_virt_highest(v);

    switch (offset) {
    case GICV_CTLR:
        return v->vmcr & CTLR_WRITABLE;
    case GICV_PMR:
        return gic_virt_pmr(v);
    case GICV_BPR:
        return gic_virt_bpr(v, 0);
    case GICV_ABPR:
        return gic_virt_bpr(v, 1);
    case GICV_IAR:
    case GICV_AIAR:
        return acknowledge(s, cpu, offset == GICV_AIAR);
    case GICV_RPR:
        return gic_virt_running(v);
    case GICV_HPPIR:
    case GICV_AHPPIR:
        return with_sender(v, lr, visible_intid(v, lr, offset == GICV_AHPPIR));
    case GICV_APR0:
        return v->apr[0] | v->apr[1];
    case GICV_IIDR:
        return GICV2_CPU_IIDR;
    }
    return 0;
}

static void set_guest_register(struct gicv2 *s, unsigned cpu, uint32_t offset, uint32_t value)
{
    struct gic_virt *v = &s->cpu[cpu].virt;

    switch (offset) {
    case GICV_CTLR:
        gic_virt_set_bits(v, CTLR_WRITABLE, false);
        gic_virt_set_bits(v, value & CTLR_WRITABLE, true);
        break;
    case GICV_PMR:
        gic_virt_set_pmr(v, (uint8_t)value);
        break;
    case GICV_BPR:
    case GICV_ABPR:
        gic_virt_set_bpr(v, offset == GICV_ABPR, value);
        break;
    case GICV_EOIR:
    case GICV_AEOIR:
        end(s, cpu, value, offset == GICV_AEOIR);
        return;
    case GICV_DIR:
        write_dir(s, cpu, value);
        return;
    case GICV_APR0:
        set_hyp_register(v, GICH_APR, value);
        break;
    }
    gicv2_virt_update(s, cpu);
}

static uint64_t guest_read(void *opaque, uint64_t offset, unsigned size)
{
    struct gicv2 *s = opaque;
    uint32_t value;
    (void)size;

    pthread_mutex_lock(&s->lock);
    value = guest_register(s, gicv2_accessing_cpu(s), (uint32_t)offset);
    pthread_mutex_unlock(&s->lock);
    return value;
}

static void guest_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gicv2 *s = opaque;
    (void)size;

    pthread_mutex_lock(&s->lock);
    set_guest_register(s, gicv2_accessing_cpu(s), (uint32_t)offset, (uint32_t)value);
    pthread_mutex_unlock(&s->lock);
}

const struct mem_ops gicv2_guest_ops = {
    .read = guest_read, .write = guest_write, .min_size = 4, .max_size = 4, .unlocked = true};
