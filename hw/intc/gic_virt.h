/*
 * What both Arm interrupt controllers have for hypervisors: list registers, from which a guest's
 * virtual interrupts are taken, the state of the guest's CPU interface, and the reasons of the
 * maintenance interrupt. GICH_HCR, GICH_VMCR and GICH_MISR are laid out as ICH_HCR_EL2 and the
 * others are; list registers are kept in GICv3's form.
 *
 * Plain data and functions on it: whoever has it guards it.
 *
 * IHI 0048, chapter "GIC Support for Virtualization"; IHI 0069, chapter on virtual interrupt
 * handling.
 */
#ifndef HW_INTC_GIC_VIRT_H
#define HW_INTC_GIC_VIRT_H

#include <stdbool.h>
#include <stdint.h>
#include "core/state/state.h"
#include "hw/intc/gic_bank.h"

enum { GIC_LIST_REGISTERS = 4 };
enum {
    ICH_HCR_EN = 1 << 0,
    ICH_HCR_UIE = 1 << 1,
    ICH_HCR_LRENPIE = 1 << 2,
    ICH_HCR_NPIE = 1 << 3,
    ICH_HCR_VGRP0EIE = 1 << 4,
    ICH_HCR_VGRP0DIE = 1 << 5,
    ICH_HCR_VGRP1EIE = 1 << 6,
    ICH_HCR_VGRP1DIE = 1 << 7,
    ICH_HCR_EOICOUNT_SHIFT = 27,
};
enum {
    VMCR_VENG0 = 1 << 0,
    VMCR_VENG1 = 1 << 1,
    VMCR_VACKCTL = 1 << 2, /* GICv2's */
    VMCR_VFIQEN = 1 << 3,  /* GICv3: always set */
    VMCR_VCBPR = 1 << 4,
    VMCR_VEOIM = 1 << 9,
    VMCR_VBPR1_SHIFT = 18,
    VMCR_VBPR0_SHIFT = 21,
    VMCR_VPMR_SHIFT = 24,
};
#define LR_PENDING (UINT64_C(1) << 62)
#define LR_ACTIVE (UINT64_C(1) << 63)
#define LR_STATE (LR_PENDING | LR_ACTIVE)
#define LR_HW (UINT64_C(1) << 61)
#define LR_GROUP1 (UINT64_C(1) << 60)
#define LR_EOI (UINT64_C(1) << 41) /* without HW */
#define LR_WRITABLE UINT64_C(0xf0f81fffffffffff)
enum { LR_PRIORITY_SHIFT = 48, LR_PINTID_SHIFT = 32, LR_PINTID = 0x1fff };

struct gic_virt {
    uint32_t hcr, vmcr, apr[2];
    uint64_t lr[GIC_LIST_REGISTERS];
};
extern const struct state_field gic_virt_state[];

static inline unsigned lr_group(uint64_t lr)
{
    return lr & LR_GROUP1 ? 1 : 0;
}

/* Fields of VMCR, by the guest's registers or all at once. fixed: bits of it that software does not
 * change; writable: its single bits that there are. */
void gic_virt_set_vmcr(struct gic_virt *v, uint32_t value, uint32_t writable, uint32_t fixed);
void gic_virt_set_bits(struct gic_virt *v, uint32_t bits, bool on);
uint8_t gic_virt_bpr(const struct gic_virt *v, unsigned group); /* as it is kept */
void gic_virt_set_bpr(struct gic_virt *v, unsigned group, uint64_t value);
uint8_t gic_virt_pmr(const struct gic_virt *v);
void gic_virt_set_pmr(struct gic_virt *v, uint8_t value);

uint8_t gic_virt_running(const struct gic_virt *v);
/* The list register of the highest-priority pending interrupt of an enabled group, or -1. */
int gic_virt_highest(const struct gic_virt *v);
/* Would it be signalled? */
bool gic_virt_preempts(const struct gic_virt *v, int lr);
/* CPU_INT_VIRQ and CPU_INT_VFIQ. */
uint32_t gic_virt_outputs(const struct gic_virt *v);
/* Pending becomes active. */
void gic_virt_acknowledge(struct gic_virt *v, int lr);
/* The highest active priority ends. False: there is none. */
bool gic_virt_drop(struct gic_virt *v);
/* The list register that has intid active, or -1. */
int gic_virt_active(const struct gic_virt *v, uint32_t intid);
/* Returns the physical interrupt that ends with it, or GIC_INTID_NONE. lr -1: what the guest ended
 * is in none of them, of which its hypervisor learns the number. */
uint32_t gic_virt_deactivate(struct gic_virt *v, int lr);

uint32_t gic_virt_eisr(const struct gic_virt *v);
uint32_t gic_virt_elrsr(const struct gic_virt *v);
uint32_t gic_virt_misr(const struct gic_virt *v);
/* The level of the maintenance interrupt. */
static inline bool gic_virt_maintenance(const struct gic_virt *v)
{
    return v->hcr & ICH_HCR_EN && gic_virt_misr(v);
}

#endif
