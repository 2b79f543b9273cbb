/*
 * What a hypervisor has of a GICv3: list registers, from which its guest's virtual interrupts are
 * taken by ICV registers (the guest's ICC ones), and the maintenance interrupt.
 *
 * IHI 0069, chapter on virtual interrupt handling, and the descriptions of ICH and ICV registers.
 */
#include "core/cpu/cpu.h"
#include "core/util/range.h"
#include "hw/intc/gicv3_internal.h"
#include "hw/intc/gicv3_regs.h"

enum { HCR_WRITABLE = 0xf8007cff };
enum {
    VTR = (GICV3_LIST_REGISTERS - 1) | 1 << 19 /* TDS */ | 1 << 21 /* A3V */ |
          (GIC_PRIORITY_BITS - 1) << 26,
    VTR_PRIBITS_SHIFT = 29,
};
enum {
    VMCR_VENG0 = 1 << 0,
    VMCR_VENG1 = 1 << 1,
    VMCR_VFIQEN = 1 << 3, /* always set: group 0 is FIQs */
    VMCR_VCBPR = 1 << 4,
    VMCR_VEOIM = 1 << 9,
    VMCR_VBPR1_SHIFT = 18,
    VMCR_VBPR0_SHIFT = 21,
    VMCR_VPMR_SHIFT = 24,
    ICV_CTLR_CBPR = 1 << 0,
    ICV_CTLR_EOIMODE = 1 << 1,
    ICV_CTLR_FIXED = (GIC_PRIORITY_BITS - 1) << 8 | 1 << 15,
};
enum {
    MISR_EOI = 1 << 0,
    MISR_U = 1 << 1,
    MISR_LRENP = 1 << 2,
    MISR_NP = 1 << 3,
    MISR_VGRP0E = 1 << 4,
    MISR_VGRP0D = 1 << 5,
    MISR_VGRP1E = 1 << 6,
    MISR_VGRP1D = 1 << 7,
};
#define LR_PENDING (UINT64_C(1) << 62)
#define LR_ACTIVE (UINT64_C(1) << 63)
#define LR_STATE (LR_PENDING | LR_ACTIVE)
#define LR_HW (UINT64_C(1) << 61)
#define LR_GROUP1 (UINT64_C(1) << 60)
#define LR_EOI (UINT64_C(1) << 41) /* without HW */
#define LR_WRITABLE UINT64_C(0xf0f81fffffffffff)
enum { LR_PRIORITY_SHIFT = 48, LR_PINTID_SHIFT = 32, LR_PINTID = 0x1fff };

static unsigned lr_group(uint64_t lr)
{
    return lr & LR_GROUP1 ? 1 : 0;
}
static uint8_t lr_priority(uint64_t lr)
{
    return lr >> LR_PRIORITY_SHIFT & GIC_PRIORITY_MASK;
}

/* ---- fields of ICH_VMCR ---------------------------------------------------------------------- */

static uint8_t vmcr_bpr(const struct gicv3_cpu *c, unsigned group)
{
    return c->ich_vmcr >> (group ? VMCR_VBPR1_SHIFT : VMCR_VBPR0_SHIFT) & 7;
}

static void set_bpr(struct gicv3_cpu *c, unsigned group, uint64_t value)
{
    unsigned shift = group ? VMCR_VBPR1_SHIFT : VMCR_VBPR0_SHIFT;
    uint32_t bpr = MAX((uint32_t)(value & 7), (uint32_t)GIC_BPR_MIN + group);

    c->ich_vmcr = (c->ich_vmcr & ~(UINT32_C(7) << shift)) | bpr << shift;
}

static uint8_t vmcr_pmr(const struct gicv3_cpu *c)
{
    return (uint8_t)(c->ich_vmcr >> VMCR_VPMR_SHIFT);
}

static void set_vmcr_bits(struct gicv3_cpu *c, uint32_t bits, bool on)
{
    c->ich_vmcr = on ? c->ich_vmcr | bits : c->ich_vmcr & ~bits;
}

static void set_vmcr(struct gicv3_cpu *c, uint32_t value)
{
    c->ich_vmcr = (value & (VMCR_VENG0 | VMCR_VENG1 | VMCR_VCBPR | VMCR_VEOIM)) | VMCR_VFIQEN |
                  (value & (uint32_t)GIC_PRIORITY_MASK << VMCR_VPMR_SHIFT);
    set_bpr(c, 0, value >> VMCR_VBPR0_SHIFT);
    set_bpr(c, 1, value >> VMCR_VBPR1_SHIFT);
}

void gicv3_virt_sanitize(struct gicv3_cpu *c)
{
    c->ich_hcr &= HCR_WRITABLE;
    set_vmcr(c, c->ich_vmcr);
    for (unsigned i = 0; i < GICV3_LIST_REGISTERS; i++)
        c->ich_lr[i] &= LR_WRITABLE;
}

/* ---- what is pending ------------------------------------------------------------------------- */

static uint8_t group_priority(const struct gicv3_cpu *c, uint8_t priority, unsigned group)
{
    bool common = !group || c->ich_vmcr & VMCR_VCBPR;
    return gic_group_priority(priority, vmcr_bpr(c, common ? 0 : 1), !common);
}

static uint8_t running(const struct gicv3_cpu *c)
{
    return gic_running_priority(c->ich_apr[0] | c->ich_apr[1]);
}

/* The list register of the highest-priority pending interrupt of an enabled group, or -1. */
static int highest(const struct gicv3_cpu *c)
{
    int best = -1;

    for (int i = 0; c->ich_hcr & ICH_HCR_EN && i < GICV3_LIST_REGISTERS; i++) {
        uint64_t lr = c->ich_lr[i];
        uint32_t enable = lr & LR_GROUP1 ? VMCR_VENG1 : VMCR_VENG0;
        if ((lr & LR_STATE) == LR_PENDING && c->ich_vmcr & enable &&
            (best < 0 || lr_priority(lr) < lr_priority(c->ich_lr[best])))
            best = i;
    }
    return best;
}

static bool preempts(const struct gicv3_cpu *c, uint64_t lr)
{
    return lr_priority(lr) < vmcr_pmr(c) &&
           group_priority(c, lr_priority(lr), lr_group(lr)) < running(c);
}

static uint32_t eisr(const struct gicv3_cpu *c)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < GICV3_LIST_REGISTERS; i++)
        bits |= (c->ich_lr[i] & (LR_STATE | LR_HW | LR_EOI)) == LR_EOI ? 1u << i : 0;
    return bits;
}

/* Those that hold nothing a hypervisor would still have to look at. */
static uint32_t elrsr(const struct gicv3_cpu *c)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < GICV3_LIST_REGISTERS; i++)
        bits |= c->ich_lr[i] & LR_STATE ? 0 : 1u << i;
    return bits & ~eisr(c);
}

static uint32_t misr(const struct gicv3_cpu *c)
{
    uint32_t hcr = c->ich_hcr, bits = eisr(c) ? MISR_EOI : 0;
    unsigned valid = 0, pending = 0;

    for (unsigned i = 0; i < GICV3_LIST_REGISTERS; i++) {
        valid += (c->ich_lr[i] & LR_STATE) != 0;
        pending += (c->ich_lr[i] & LR_STATE) == LR_PENDING;
    }
    bits |= hcr & ICH_HCR_UIE && valid <= 1 ? MISR_U : 0;
    bits |= hcr & ICH_HCR_LRENPIE && hcr >> ICH_HCR_EOICOUNT_SHIFT ? MISR_LRENP : 0;
    bits |= hcr & ICH_HCR_NPIE && !pending ? MISR_NP : 0;
    bits |= hcr & ICH_HCR_VGRP0EIE && c->ich_vmcr & VMCR_VENG0 ? MISR_VGRP0E : 0;
    bits |= hcr & ICH_HCR_VGRP0DIE && !(c->ich_vmcr & VMCR_VENG0) ? MISR_VGRP0D : 0;
    bits |= hcr & ICH_HCR_VGRP1EIE && c->ich_vmcr & VMCR_VENG1 ? MISR_VGRP1E : 0;
    bits |= hcr & ICH_HCR_VGRP1DIE && !(c->ich_vmcr & VMCR_VENG1) ? MISR_VGRP1D : 0;
    return bits;
}

void gicv3_virt_update(struct gicv3_cpu *c)
{
    int lr;
    uint32_t raised = 0;

    if (!c->gic->cfg.virtualization)
        return;
    lr = highest(c);
    if (lr >= 0 && preempts(c, c->ich_lr[lr]))
        raised = c->ich_lr[lr] & LR_GROUP1 ? CPU_INT_VIRQ : CPU_INT_VFIQ;
    gic_output(c->vcpu, CPU_INT_VIRQ | CPU_INT_VFIQ, raised);
    gic_bank_set_line(&c->bank, c->gic->cfg.maintenance, c->ich_hcr & ICH_HCR_EN && misr(c));
    gicv3_update(c);
}

/* ---- ICH registers --------------------------------------------------------------------------- */

bool gicv3_ich_read(struct gicv3_cpu *c, uint32_t reg, uint64_t *value)
{
    if (reg - ICH_LR0_EL2 < GICV3_LIST_REGISTERS) {
        *value = c->ich_lr[reg - ICH_LR0_EL2];
        return true;
    }
    switch (reg) {
    case ICH_AP0R0_EL2:
    case ICH_AP1R0_EL2:
        *value = c->ich_apr[reg == ICH_AP1R0_EL2];
        return true;
    case ICH_HCR_EL2:
        *value = c->ich_hcr;
        return true;
    case ICH_VTR_EL2:
        *value = VTR | (uint64_t)(GIC_PRIORITY_BITS - 1) << VTR_PRIBITS_SHIFT;
        return true;
    case ICH_MISR_EL2:
        *value = misr(c);
        return true;
    case ICH_EISR_EL2:
        *value = eisr(c);
        return true;
    case ICH_ELRSR_EL2:
        *value = elrsr(c);
        return true;
    case ICH_VMCR_EL2:
        *value = c->ich_vmcr;
        return true;
    }
    return false;
}

bool gicv3_ich_write(struct gicv3_cpu *c, uint32_t reg, uint64_t value)
{
    switch (reg) {
    case ICH_AP0R0_EL2:
    case ICH_AP1R0_EL2:
        c->ich_apr[reg == ICH_AP1R0_EL2] = (uint32_t)value;
        break;
    case ICH_HCR_EL2:
        c->ich_hcr = (uint32_t)value & HCR_WRITABLE;
        break;
    case ICH_VMCR_EL2:
        set_vmcr(c, (uint32_t)value);
        break;
    default:
        if (reg - ICH_LR0_EL2 >= GICV3_LIST_REGISTERS)
            return false;
        c->ich_lr[reg - ICH_LR0_EL2] = value & LR_WRITABLE;
    }
    gicv3_virt_update(c);
    return true;
}

/* ---- acknowledging and ending ---------------------------------------------------------------- */

static uint32_t visible_intid(const struct gicv3_cpu *c, int lr, unsigned group)
{
    uint32_t intid = lr < 0 ? (uint32_t)GIC_INTID_NONE : (uint32_t)c->ich_lr[lr];

    if (lr < 0 || lr_group(c->ich_lr[lr]) != group ||
        (intid >= GIC_SPI_LIMIT && intid <= GIC_INTID_NONE))
        return GIC_INTID_NONE;
    return intid;
}

static uint32_t acknowledge(struct gicv3_cpu *c, unsigned group)
{
    int lr = highest(c);
    uint32_t intid = lr >= 0 && preempts(c, c->ich_lr[lr]) ? visible_intid(c, lr, group)
                                                           : (uint32_t)GIC_INTID_NONE;

    if (intid == GIC_INTID_NONE)
        return intid;
    c->ich_apr[group] |= gic_apr_bit(group_priority(c, lr_priority(c->ich_lr[lr]), group));
    c->ich_lr[lr] &= ~LR_STATE;
    if (intid < GICV3_LPI_FIRST) /* an LPI is never active */
        c->ich_lr[lr] |= LR_ACTIVE;
    gicv3_virt_update(c);
    return intid;
}

static int active_lr(const struct gicv3_cpu *c, uint32_t intid)
{
    for (int i = 0; i < GICV3_LIST_REGISTERS; i++) {
        if (c->ich_lr[i] & LR_ACTIVE && (uint32_t)c->ich_lr[i] == intid)
            return i;
    }
    return -1;
}

/* The guest ended one that is in no list register: its hypervisor learns how many. */
static void count_eoi(struct gicv3_cpu *c)
{
    uint32_t count = (c->ich_hcr >> ICH_HCR_EOICOUNT_SHIFT) + 1;

    c->ich_hcr &= mask_bits(ICH_HCR_EOICOUNT_SHIFT) & UINT32_MAX;
    c->ich_hcr |= count << ICH_HCR_EOICOUNT_SHIFT;
}

static void deactivate(struct gicv3_cpu *c, int lr)
{
    uint32_t physical = c->ich_lr[lr] >> LR_PINTID_SHIFT & LR_PINTID;

    c->ich_lr[lr] &= ~LR_ACTIVE;
    if (c->ich_lr[lr] & LR_HW && physical < GIC_SPI_LIMIT && physical / GIC_BANK < c->gic->banks)
        gicv3_deactivate(c, physical);
}

static void end(struct gicv3_cpu *c, unsigned group, uint64_t value)
{
    uint32_t intid = value & 0xffffff;
    uint32_t *apr =
        running(c) == gic_running_priority(c->ich_apr[0]) ? &c->ich_apr[0] : &c->ich_apr[1];
    int lr = active_lr(c, intid);

    if ((intid >= GIC_SPI_LIMIT && intid <= GIC_INTID_NONE) || !*apr)
        return;
    *apr &= *apr - 1;
    if (c->ich_vmcr & VMCR_VEOIM || intid >= GICV3_LPI_FIRST) {
        gicv3_virt_update(c);
        return;
    }
    if (lr < 0)
        count_eoi(c);
    else if (lr_group(c->ich_lr[lr]) == group)
        deactivate(c, lr);
    gicv3_virt_update(c);
}

static void write_dir(struct gicv3_cpu *c, uint64_t value)
{
    uint32_t intid = value & 0xffffff;
    int lr = active_lr(c, intid);

    if (!(c->ich_vmcr & VMCR_VEOIM) || intid >= GIC_SPI_LIMIT)
        return;
    if (lr < 0)
        count_eoi(c);
    else
        deactivate(c, lr);
    gicv3_virt_update(c);
}

/* ---- ICV registers --------------------------------------------------------------------------- */

bool gicv3_icv_read(struct gicv3_cpu *c, uint32_t reg, uint64_t *value)
{
    switch (reg) {
    case ICC_PMR_EL1:
        *value = vmcr_pmr(c);
        return true;
    case ICC_IAR0_EL1:
    case ICC_IAR1_EL1:
        *value = acknowledge(c, reg == ICC_IAR1_EL1);
        return true;
    case ICC_HPPIR0_EL1:
    case ICC_HPPIR1_EL1:
        *value = visible_intid(c, highest(c), reg == ICC_HPPIR1_EL1);
        return true;
    case ICC_BPR0_EL1:
        *value = vmcr_bpr(c, 0);
        return true;
    case ICC_BPR1_EL1:
        *value = c->ich_vmcr & VMCR_VCBPR ? MIN(vmcr_bpr(c, 0) + 1u, 7u) : vmcr_bpr(c, 1);
        return true;
    case ICC_AP0R0_EL1:
    case ICC_AP1R0_EL1:
        *value = c->ich_apr[reg == ICC_AP1R0_EL1];
        return true;
    case ICC_RPR_EL1:
        *value = running(c);
        return true;
    case ICC_CTLR_EL1:
        *value = ICV_CTLR_FIXED | (c->ich_vmcr & VMCR_VCBPR ? ICV_CTLR_CBPR : 0) |
                 (c->ich_vmcr & VMCR_VEOIM ? ICV_CTLR_EOIMODE : 0);
        return true;
    case ICC_IGRPEN0_EL1:
        *value = c->ich_vmcr & VMCR_VENG0 ? 1 : 0;
        return true;
    case ICC_IGRPEN1_EL1:
        *value = c->ich_vmcr & VMCR_VENG1 ? 1 : 0;
        return true;
    }
    return false;
}

bool gicv3_icv_write(struct gicv3_cpu *c, uint32_t reg, uint64_t value)
{
    switch (reg) {
    case ICC_PMR_EL1:
        c->ich_vmcr = (c->ich_vmcr & (uint32_t)mask_bits(VMCR_VPMR_SHIFT)) |
                      (uint32_t)(value & GIC_PRIORITY_MASK) << VMCR_VPMR_SHIFT;
        break;
    case ICC_EOIR0_EL1:
    case ICC_EOIR1_EL1:
        end(c, reg == ICC_EOIR1_EL1, value);
        return true;
    case ICC_DIR_EL1:
        write_dir(c, value);
        return true;
    case ICC_BPR0_EL1:
        set_bpr(c, 0, value);
        break;
    case ICC_BPR1_EL1:
        if (!(c->ich_vmcr & VMCR_VCBPR))
            set_bpr(c, 1, value);
        break;
    case ICC_AP0R0_EL1:
    case ICC_AP1R0_EL1:
        c->ich_apr[reg == ICC_AP1R0_EL1] = (uint32_t)value;
        break;
    case ICC_CTLR_EL1:
        set_vmcr_bits(c, VMCR_VCBPR, value & ICV_CTLR_CBPR);
        set_vmcr_bits(c, VMCR_VEOIM, value & ICV_CTLR_EOIMODE);
        break;
    case ICC_IGRPEN0_EL1:
        set_vmcr_bits(c, VMCR_VENG0, value & 1);
        break;
    case ICC_IGRPEN1_EL1:
        set_vmcr_bits(c, VMCR_VENG1, value & 1);
        break;
    default:
        return false;
    }
    gicv3_virt_update(c);
    return true;
}
