/*
 * A hypervisor's registers of a GICv3, ICH, and the ICV registers that its guest has by the numbers
 * of ICC ones. What they are about is gic_virt.h. IHI 0069, descriptions of ICH and ICV registers.
 */
#include "core/cpu/cpu.h"
#include "core/util/range.h"
#include "hw/intc/gicv3_internal.h"
#include "hw/intc/gicv3_regs.h"

enum { HCR_WRITABLE = 0xf8007cff };
enum {
    VTR = (GIC_LIST_REGISTERS - 1) | 1 << 19 /* TDS */ | 1 << 21 /* A3V */ |
          (GIC_PRIORITY_BITS - 1) << 26,
    VTR_PRIBITS_SHIFT = 29,
};
enum {
    VMCR_WRITABLE = VMCR_VENG0 | VMCR_VENG1 | VMCR_VCBPR | VMCR_VEOIM,
    ICV_CTLR_CBPR = 1 << 0,
    ICV_CTLR_EOIMODE = 1 << 1,
    ICV_CTLR_FIXED = (GIC_PRIORITY_BITS - 1) << 8 | 1 << 15,
};

static void set_vmcr(struct gic_virt *v, uint32_t value)
{
    gic_virt_set_vmcr(v, value, VMCR_WRITABLE, VMCR_VFIQEN);
}

void gicv3_virt_sanitize(struct gicv3_cpu *c)
{
    c->virt.hcr &= HCR_WRITABLE;
    set_vmcr(&c->virt, c->virt.vmcr);
    for (unsigned i = 0; i < GIC_LIST_REGISTERS; i++)
        c->virt.lr[i] &= LR_WRITABLE;
}

void gicv3_virt_update(struct gicv3_cpu *c)
{
    if (!c->gic->cfg.virtualization)
        return;
    gic_output(c->vcpu, CPU_INT_VIRQ | CPU_INT_VFIQ, gic_virt_outputs(&c->virt));
    gic_bank_set_line(&c->bank, c->gic->cfg.maintenance, gic_virt_maintenance(&c->virt));
    gicv3_update(c);
}

/* ---- ICH registers --------------------------------------------------------------------------- */

bool gicv3_ich_read(struct gicv3_cpu *c, uint32_t reg, uint64_t *value)
{
    const struct gic_virt *v = &c->virt;

    if (reg - ICH_LR0_EL2 < GIC_LIST_REGISTERS) {
        *value = v->lr[reg - ICH_LR0_EL2];
        return true;
    }
    switch (reg) {
    case ICH_AP0R0_EL2:
    case ICH_AP1R0_EL2:
        *value = v->apr[reg == ICH_AP1R0_EL2];
        return true;
    case ICH_HCR_EL2:
        *value = v->hcr;
        return true;
    case ICH_VTR_EL2:
        *value = VTR | (uint64_t)(GIC_PRIORITY_BITS - 1) << VTR_PRIBITS_SHIFT;
        return true;
    case ICH_MISR_EL2:
        *value = gic_virt_misr(v);
        return true;
    case ICH_EISR_EL2:
        *value = gic_virt_eisr(v);
        return true;
    case ICH_ELRSR_EL2:
        *value = gic_virt_elrsr(v);
        return true;
    case ICH_VMCR_EL2:
        *value = v->vmcr;
        return true;
    }
    return false;
}

bool gicv3_ich_write(struct gicv3_cpu *c, uint32_t reg, uint64_t value)
{
    struct gic_virt *v = &c->virt;

    switch (reg) {
    case ICH_AP0R0_EL2:
    case ICH_AP1R0_EL2:
        v->apr[reg == ICH_AP1R0_EL2] = (uint32_t)value;
        break;
    case ICH_HCR_EL2:
        v->hcr = (uint32_t)value & HCR_WRITABLE;
        break;
    case ICH_VMCR_EL2:
        set_vmcr(v, (uint32_t)value);
        break;
    default:
        if (reg - ICH_LR0_EL2 >= GIC_LIST_REGISTERS)
            return false;
        v->lr[reg - ICH_LR0_EL2] = value & LR_WRITABLE;
    }
    gicv3_virt_update(c);
    return true;
}

/* ---- acknowledging and ending ---------------------------------------------------------------- */

static bool is_special(uint32_t intid)
{
    return intid >= GIC_SPI_LIMIT && intid <= GIC_INTID_NONE;
}

static uint32_t visible_intid(const struct gic_virt *v, int lr, unsigned group)
{
    if (lr < 0 || lr_group(v->lr[lr]) != group || is_special((uint32_t)v->lr[lr]))
        return GIC_INTID_NONE;
    return (uint32_t)v->lr[lr];
}

static uint32_t acknowledge(struct gicv3_cpu *c, unsigned group)
{
    int lr = gic_virt_highest(&c->virt);
    uint32_t intid = gic_virt_preempts(&c->virt, lr) ? visible_intid(&c->virt, lr, group)
                                                     : (uint32_t)GIC_INTID_NONE;

    if (intid == GIC_INTID_NONE)
        return intid;
    gic_virt_acknowledge(&c->virt, lr);
    gicv3_virt_update(c);
    return intid;
}

static void deactivate(struct gicv3_cpu *c, int lr)
{
    uint32_t physical = gic_virt_deactivate(&c->virt, lr);

    if (physical < GIC_SPI_LIMIT && physical / GIC_BANK < c->gic->banks)
        gicv3_deactivate(c, physical);
}

static void end(struct gicv3_cpu *c, unsigned group, uint64_t value)
{
    struct gic_virt *v = &c->virt;
    uint32_t intid = value & 0xffffff;
    int lr = gic_virt_active(v, intid);

    if (is_special(intid) || !gic_virt_drop(v))
        return;
    if (!(v->vmcr & VMCR_VEOIM) && intid < GICV3_LPI_FIRST &&
        (lr < 0 || lr_group(v->lr[lr]) == group))
        deactivate(c, lr);
    gicv3_virt_update(c);
}

static void write_dir(struct gicv3_cpu *c, uint64_t value)
{
    uint32_t intid = value & 0xffffff;

    if (!(c->virt.vmcr & VMCR_VEOIM) || intid >= GIC_SPI_LIMIT)
        return;
    deactivate(c, gic_virt_active(&c->virt, intid));
    gicv3_virt_update(c);
}

/* ---- ICV registers --------------------------------------------------------------------------- */

bool gicv3_icv_read(struct gicv3_cpu *c, uint32_t reg, uint64_t *value)
{
    const struct gic_virt *v = &c->virt;

    switch (reg) {
    case ICC_PMR_EL1:
        *value = gic_virt_pmr(v);
        return true;
    case ICC_IAR0_EL1:
    case ICC_IAR1_EL1:
        *value = acknowledge(c, reg == ICC_IAR1_EL1);
        return true;
    case ICC_HPPIR0_EL1:
    case ICC_HPPIR1_EL1:
        *value = visible_intid(v, gic_virt_highest(v), reg == ICC_HPPIR1_EL1);
        return true;
    case ICC_BPR0_EL1:
        *value = gic_virt_bpr(v, 0);
        return true;
    case ICC_BPR1_EL1:
        *value = v->vmcr & VMCR_VCBPR ? MIN(gic_virt_bpr(v, 0) + 1u, 7u) : gic_virt_bpr(v, 1);
        return true;
    case ICC_AP0R0_EL1:
    case ICC_AP1R0_EL1:
        *value = v->apr[reg == ICC_AP1R0_EL1];
        return true;
    case ICC_RPR_EL1:
        *value = gic_virt_running(v);
        return true;
    case ICC_CTLR_EL1:
        *value = ICV_CTLR_FIXED | (v->vmcr & VMCR_VCBPR ? ICV_CTLR_CBPR : 0) |
                 (v->vmcr & VMCR_VEOIM ? ICV_CTLR_EOIMODE : 0);
        return true;
    case ICC_IGRPEN0_EL1:
        *value = v->vmcr & VMCR_VENG0 ? 1 : 0;
        return true;
    case ICC_IGRPEN1_EL1:
        *value = v->vmcr & VMCR_VENG1 ? 1 : 0;
        return true;
    }
    return false;
}

bool gicv3_icv_write(struct gicv3_cpu *c, uint32_t reg, uint64_t value)
{
    struct gic_virt *v = &c->virt;

    switch (reg) {
    case ICC_PMR_EL1:
        gic_virt_set_pmr(v, (uint8_t)value);
        break;
    case ICC_EOIR0_EL1:
    case ICC_EOIR1_EL1:
        end(c, reg == ICC_EOIR1_EL1, value);
        return true;
    case ICC_DIR_EL1:
        write_dir(c, value);
        return true;
    case ICC_BPR0_EL1:
        gic_virt_set_bpr(v, 0, value);
        break;
    case ICC_BPR1_EL1:
        if (!(v->vmcr & VMCR_VCBPR))
            gic_virt_set_bpr(v, 1, value);
        break;
    case ICC_AP0R0_EL1:
    case ICC_AP1R0_EL1:
        v->apr[reg == ICC_AP1R0_EL1] = (uint32_t)value;
        break;
    case ICC_CTLR_EL1:
        gic_virt_set_bits(v, VMCR_VCBPR, value & ICV_CTLR_CBPR);
        gic_virt_set_bits(v, VMCR_VEOIM, value & ICV_CTLR_EOIMODE);
        break;
    case ICC_IGRPEN0_EL1:
        gic_virt_set_bits(v, VMCR_VENG0, value & 1);
        break;
    case ICC_IGRPEN1_EL1:
        gic_virt_set_bits(v, VMCR_VENG1, value & 1);
        break;
    default:
        return false;
    }
    gicv3_virt_update(c);
    return true;
}
