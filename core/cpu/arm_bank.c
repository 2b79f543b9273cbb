/*
 * The banks of AArch32's modes: which registers R8 to R14 are, and where they are in AArch64 state.
 * Arm ARM, section D1, "mapping of the general-purpose registers between the Execution states", and
 * chapter G1, "AArch32 PE modes".
 */
#include <string.h>

#include "core/cpu/arm.h"

/* The registers of AArch64 that R14 and R13 of each mode are. 0: HYP's and
 * MON's, which the translator has not. */
static const struct {
    uint8_t r14, r13;
} mapped[ARM_BANK_COUNT] = {
    [ARM_BANK_USR] = {14, 13}, [ARM_BANK_IRQ] = {16, 17}, [ARM_BANK_SVC] = {18, 19},
    [ARM_BANK_ABT] = {20, 21}, [ARM_BANK_UND] = {22, 23}, [ARM_BANK_FIQ] = {30, 29},
};
enum { FIQ_R8 = 24 };

static bool is_mapped(unsigned bank)
{
    return mapped[bank].r14 != 0;
}

enum arm_bank arm_bank_of(uint64_t pstate)
{
    switch (pstate & ARM_MODE) {
    case ARM_MODE_FIQ:
        return ARM_BANK_FIQ;
    case ARM_MODE_IRQ:
        return ARM_BANK_IRQ;
    case ARM_MODE_SVC:
        return ARM_BANK_SVC;
    case ARM_MODE_MON:
        return ARM_BANK_MON;
    case ARM_MODE_ABT:
        return ARM_BANK_ABT;
    case ARM_MODE_HYP:
        return ARM_BANK_HYP;
    case ARM_MODE_UND:
        return ARM_BANK_UND;
    default:
        return ARM_BANK_USR;
    }
}

size_t arm_spsr_offset(enum arm_bank bank)
{
    if (bank == ARM_BANK_SVC)
        return offsetof(struct arm_regs, spsr[1]);
    if (bank == ARM_BANK_HYP)
        return offsetof(struct arm_regs, spsr[2]);
    return offsetof(struct arm_regs, banked_spsr) + bank * sizeof(uint32_t);
}

uint32_t arm_spsr(const struct arm_regs *r, enum arm_bank bank)
{
    uint32_t value;

    memcpy(&value, (const uint8_t *)r + arm_spsr_offset(bank), sizeof value);
    return value;
}

void arm_set_spsr(struct arm_regs *r, enum arm_bank bank, uint32_t value)
{
    if (bank == ARM_BANK_SVC)
        r->spsr[1] = value;
    else if (bank == ARM_BANK_HYP)
        r->spsr[2] = value;
    else
        r->banked_spsr[bank] = value;
}

/* R8 to R12 of one of the two banks become those of the other. */
static void exchange(struct arm_regs *r, uint32_t from[5], const uint32_t to[5])
{
    for (unsigned n = 0; n < 5; n++) {
        from[n] = (uint32_t)r->x[8 + n];
        r->x[8 + n] = to[n];
    }
}

void arm_set_mode(struct arm_regs *r, enum arm_mode mode)
{
    const enum arm_bank from = arm_bank_of(r->pstate), to = arm_bank_of(mode);

    r->pstate = (r->pstate & ~(uint64_t)ARM_MODE) | mode;
    if (from == to)
        return;
    r->banked_r13[from] = (uint32_t)r->x[13];
    r->banked_r14[from] = (uint32_t)r->x[14];
    r->x[13] = r->banked_r13[to];
    r->x[14] = r->banked_r14[to];
    if (from == ARM_BANK_FIQ)
        exchange(r, r->fiq_r8, r->usr_r8);
    else if (to == ARM_BANK_FIQ)
        exchange(r, r->usr_r8, r->fiq_r8);
}

void arm_banks_from_aarch64(struct arm_regs *r)
{
    const enum arm_bank now = arm_bank_of(r->pstate);
    uint64_t x[31];

    memcpy(x, r->x, sizeof x);
    for (unsigned bank = 0; bank < ARM_BANK_COUNT; bank++) {
        if (!is_mapped(bank))
            continue;
        r->banked_r13[bank] = (uint32_t)x[mapped[bank].r13];
        r->banked_r14[bank] = (uint32_t)x[mapped[bank].r14];
    }
    for (unsigned n = 0; n < 5; n++) {
        r->usr_r8[n] = (uint32_t)x[8 + n];
        r->fiq_r8[n] = (uint32_t)x[FIQ_R8 + n];
        if (now == ARM_BANK_FIQ)
            r->x[8 + n] = r->fiq_r8[n];
    }
    r->x[13] = r->banked_r13[now];
    r->x[14] = r->banked_r14[now];
}

void arm_banks_to_aarch64(struct arm_regs *r)
{
    const enum arm_bank now = arm_bank_of(r->pstate);

    r->banked_r13[now] = (uint32_t)r->x[13];
    r->banked_r14[now] = (uint32_t)r->x[14];
    for (unsigned n = 0; n < 5; n++) {
        if (now == ARM_BANK_FIQ)
            r->fiq_r8[n] = (uint32_t)r->x[8 + n];
        else
            r->usr_r8[n] = (uint32_t)r->x[8 + n];
        r->x[8 + n] = r->usr_r8[n];
        r->x[FIQ_R8 + n] = r->fiq_r8[n];
    }
    for (unsigned bank = 0; bank < ARM_BANK_COUNT; bank++) {
        if (!is_mapped(bank))
            continue;
        r->x[mapped[bank].r13] = r->banked_r13[bank];
        r->x[mapped[bank].r14] = r->banked_r14[bank];
    }
}
