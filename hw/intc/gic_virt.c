/* See gic_virt.h. */
#include "hw/intc/gic_virt.h"

#include "core/cpu/cpu.h"
#include "core/util/range.h"

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

const struct state_field gic_virt_state[] = {
    STATE_INT(struct gic_virt, hcr),
    STATE_INT(struct gic_virt, vmcr),
    STATE_INT_ARRAY(struct gic_virt, apr),
    STATE_INT_ARRAY(struct gic_virt, lr),
    STATE_FIELDS_END,
};

static uint8_t lr_priority(uint64_t lr)
{
    return lr >> LR_PRIORITY_SHIFT & GIC_PRIORITY_MASK;
}

/* ---- fields of VMCR -------------------------------------------------------------------------- */

uint8_t gic_virt_bpr(const struct gic_virt *v, unsigned group)
{
    return v->vmcr >> (group ? VMCR_VBPR1_SHIFT : VMCR_VBPR0_SHIFT) & 7;
}

void gic_virt_set_bpr(struct gic_virt *v, unsigned group, uint64_t value)
{
    unsigned shift = group ? VMCR_VBPR1_SHIFT : VMCR_VBPR0_SHIFT;
    uint32_t bpr = MAX((uint32_t)(value & 7), (uint32_t)GIC_BPR_MIN + group);

    v->vmcr = (v->vmcr & ~(UINT32_C(7) << shift)) | bpr << shift;
}

uint8_t gic_virt_pmr(const struct gic_virt *v)
{
    return (uint8_t)(v->vmcr >> VMCR_VPMR_SHIFT);
}

void gic_virt_set_pmr(struct gic_virt *v, uint8_t value)
{
    v->vmcr = (v->vmcr & (uint32_t)mask_bits(VMCR_VPMR_SHIFT)) |
              (uint32_t)(value & GIC_PRIORITY_MASK) << VMCR_VPMR_SHIFT;
}

void gic_virt_set_bits(struct gic_virt *v, uint32_t bits, bool on)
{
    v->vmcr = on ? v->vmcr | bits : v->vmcr & ~bits;
}

void gic_virt_set_vmcr(struct gic_virt *v, uint32_t value, uint32_t writable, uint32_t fixed)
{
    v->vmcr = (value & writable) | fixed;
    gic_virt_set_pmr(v, (uint8_t)(value >> VMCR_VPMR_SHIFT));
    gic_virt_set_bpr(v, 0, value >> VMCR_VBPR0_SHIFT);
    gic_virt_set_bpr(v, 1, value >> VMCR_VBPR1_SHIFT);
}

/* ---- what is pending ------------------------------------------------------------------------- */

static uint8_t group_priority(const struct gic_virt *v, uint64_t lr)
{
    bool common = !lr_group(lr) || v->vmcr & VMCR_VCBPR;
    return gic_group_priority(lr_priority(lr), gic_virt_bpr(v, common ? 0 : 1), !common);
}

uint8_t gic_virt_running(const struct gic_virt *v)
{
    return gic_running_priority(v->apr[0] | v->apr[1]);
}

int gic_virt_highest(const struct gic_virt *v)
{
    int best = -1;

    for (int i = 0; v->hcr & ICH_HCR_EN && i < GIC_LIST_REGISTERS; i++) {
        uint64_t lr = v->lr[i];
        uint32_t enable = lr & LR_GROUP1 ? VMCR_VENG1 : VMCR_VENG0;
        if ((lr & LR_STATE) == LR_PENDING && v->vmcr & enable &&
            (best < 0 || lr_priority(lr) < lr_priority(v->lr[best])))
            best = i;
    }
    return best;
}

bool gic_virt_preempts(const struct gic_virt *v, int lr)
{
    return lr >= 0 && lr_priority(v->lr[lr]) < gic_virt_pmr(v) &&
           group_priority(v, v->lr[lr]) < gic_virt_running(v);
}

uint32_t gic_virt_outputs(const struct gic_virt *v)
{
    int lr = gic_virt_highest(v);

    if (!gic_virt_preempts(v, lr))
        return 0;
    return v->vmcr & VMCR_VFIQEN && !lr_group(v->lr[lr]) ? CPU_INT_VFIQ : CPU_INT_VIRQ;
}

uint32_t gic_virt_eisr(const struct gic_virt *v)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < GIC_LIST_REGISTERS; i++)
        bits |= (v->lr[i] & (LR_STATE | LR_HW | LR_EOI)) == LR_EOI ? 1u << i : 0;
    return bits;
}

/* Those that hold nothing a hypervisor would still have to look at. */
uint32_t gic_virt_elrsr(const struct gic_virt *v)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < GIC_LIST_REGISTERS; i++)
        bits |= v->lr[i] & LR_STATE ? 0 : 1u << i;
    return bits & ~gic_virt_eisr(v);
}

uint32_t gic_virt_misr(const struct gic_virt *v)
{
    uint32_t hcr = v->hcr, bits = gic_virt_eisr(v) ? MISR_EOI : 0;
    unsigned valid = 0, pending = 0;

    for (unsigned i = 0; i < GIC_LIST_REGISTERS; i++) {
        valid += (v->lr[i] & LR_STATE) != 0;
        pending += (v->lr[i] & LR_STATE) == LR_PENDING;
    }
    bits |= hcr & ICH_HCR_UIE && valid <= 1 ? MISR_U : 0;
    bits |= hcr & ICH_HCR_LRENPIE && hcr >> ICH_HCR_EOICOUNT_SHIFT ? MISR_LRENP : 0;
    bits |= hcr & ICH_HCR_NPIE && !pending ? MISR_NP : 0;
    bits |= hcr & ICH_HCR_VGRP0EIE && v->vmcr & VMCR_VENG0 ? MISR_VGRP0E : 0;
    bits |= hcr & ICH_HCR_VGRP0DIE && !(v->vmcr & VMCR_VENG0) ? MISR_VGRP0D : 0;
    bits |= hcr & ICH_HCR_VGRP1EIE && v->vmcr & VMCR_VENG1 ? MISR_VGRP1E : 0;
    bits |= hcr & ICH_HCR_VGRP1DIE && !(v->vmcr & VMCR_VENG1) ? MISR_VGRP1D : 0;
    return bits;
}

/* ---- acknowledging and ending ---------------------------------------------------------------- */

void gic_virt_acknowledge(struct gic_virt *v, int lr)
{
    enum { FIRST_LPI = 8192 };
    uint64_t *entry = &v->lr[lr];

    v->apr[lr_group(*entry)] |= gic_apr_bit(group_priority(v, *entry));
    *entry &= ~LR_STATE;
    if ((uint32_t)*entry < FIRST_LPI) /* an LPI is never active */
        *entry |= LR_ACTIVE;
}

bool gic_virt_drop(struct gic_virt *v)
{
    uint32_t *apr =
        gic_virt_running(v) == gic_running_priority(v->apr[0]) ? &v->apr[0] : &v->apr[1];

    if (!*apr)
        return false;
    *apr &= *apr - 1;
    return true;
}

int gic_virt_active(const struct gic_virt *v, uint32_t intid)
{
    for (int i = 0; i < GIC_LIST_REGISTERS; i++) {
        if (v->lr[i] & LR_ACTIVE && (uint32_t)v->lr[i] == intid)
            return i;
    }
    return -1;
}

uint32_t gic_virt_deactivate(struct gic_virt *v, int lr)
{
    if (lr < 0) {
        v->hcr += UINT32_C(1) << ICH_HCR_EOICOUNT_SHIFT; /* the uppermost field: it wraps */
        return GIC_INTID_NONE;
    }
    v->lr[lr] &= ~LR_ACTIVE;
    return v->lr[lr] & LR_HW ? v->lr[lr] >> LR_PINTID_SHIFT & LR_PINTID : (uint32_t)GIC_INTID_NONE;
}
