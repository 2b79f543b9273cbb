/*
 * Which host register is what.
 *
 *   RSP          host stack, for calls only
 *   RBP          env: the register file; spill places and all else private below it
 *   R15          the present TLB context
 *   R11          home of the flags slot, packed form
 *   RBX RSI RDI R8 R9 R10 R13 R14 R12
 *                homes of the architecture's hottest slots, in home_slots order
 *   RAX RCX RDX  temporaries, with fixed roles in MUL, DIV, shifts by CL and LAHF
 *
 * At a block boundary homes and flags are authoritative, other slots are in memory, and XMM
 * registers hold nothing.
 */
#ifndef TCG_HOST_X86_64_TARGET_H
#define TCG_HOST_X86_64_TARGET_H

#include "tcg/cpu.h"
#include "tcg/host/x86_64/emit.h"

enum { ENV = RBP, CTX = R15, FLAGS_HOME = R11, TARGET_HOMES = 9 };
static const int8_t target_homes[TARGET_HOMES] = {RBX, RSI, RDI, R8, R9, R10, R13, R14, R12};
/* Allocation order: temporaries first. */
static const int8_t target_order[] = {RCX, RDX, RAX, R12, R14, R13, RBX,
                                      RSI, RDI, R8,  R10, R9,  R11};

/* Home register of a slot, or NO_REG. */
static inline int target_home(const struct tcg_arch *arch, unsigned slot)
{
    if (slot == arch->slot_flags)
        return FLAGS_HOME;
    for (unsigned k = 0; k < TARGET_HOMES && k < arch->home_count; k++)
        if (arch->home_slots[k] == slot)
            return target_homes[k];
    return NO_REG;
}

#endif
