/*
 * Raising exceptions from helpers and translate functions (tcg/x86/exception.c). Each sets the
 * pending exception in struct tcg_cpu and status TCG_EXCEPTION; the caller returns at once.
 */
#ifndef TCG_X86_RAISE_H
#define TCG_X86_RAISE_H

#include "core/cpu/x86.h"
#include "tcg/cpu.h"

void x86_raise(struct tcg_cpu *tc, enum x86_vector vector);
void x86_raise_error(struct tcg_cpu *tc, enum x86_vector vector, uint32_t error);
static inline struct x86_regs *x86_regs_of(struct tcg_cpu *tc)
{
    return tcg_env(tc);
}
/* RFLAGS whole: arithmetic flags from tc->fl, the rest from regs->rflags; and back. Neither tells
 * the mode. */
uint64_t x86_get_rflags(struct tcg_cpu *tc);
void x86_set_rflags(struct tcg_cpu *tc, uint64_t rflags);
/* Arithmetic flags between the form of RFLAGS and IR_FL's packed one. */
uint64_t x86_flags_of_packed(uint32_t packed);
uint32_t x86_packed_of_flags(uint64_t rflags);
/* imm of IR_TRAPNZ / IR_TRAPCC */
#define X86_TRAP(vector) (vector)
#define X86_TRAP_ALONE (UINT64_C(1) << 30) /* no exception: the instruction is run alone */
#define X86_TRAP_ERROR(vector, error) ((vector) | ((uint64_t)(error) + 1) << 8)

#endif
