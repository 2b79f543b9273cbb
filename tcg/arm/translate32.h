/*
 * Translation of A32 and T32 instructions: what their translate functions share, beyond
 * tcg/arm/translate.h. The tables are tcg/arm/a32 and tcg/arm/t32, which the build makes gen/a32.h
 * of: one struct a32_insn and one list of functions, bool a32_NAME(x, i), for both sets; functions
 * whose name begins with t_ read the fields as T32 has them.
 *
 * Registers R0-R14 are the low halves of X0-X14, whose upper halves are 0; values are i32.
 *
 * Conditions. An instruction that does nothing but write general registers runs always, and
 * a32_put() chooses between the new value and the old one; a load or store asks the condition by
 * itself (IR_LDCC, IR_STCC). Whatever has another effect says so first by a32_must(): from there on
 * the instruction is only reached when its condition holds. Where it does not, control goes to the
 * next instruction; or, where that is not one that a direct exit can lead to (in the middle of an
 * IT block of several conditions, and when every instruction is a block of its own), through
 * ARM_TRAP_SKIP.
 *
 * PSTATE.IT is in arm_regs.pstate where a region ends inside an IT block. Within a region it is in
 * tcg_cpu.insn_it while what may fault runs, from where arm_settle() takes it.
 */
#ifndef TCG_ARM_TRANSLATE32_H
#define TCG_ARM_TRANSLATE32_H

#include "gen/a32.h"
#include "tcg/arm/translate.h"

enum { A32_SP = 13, A32_LR = 14, A32_PC = 15, A32_ALWAYS = 14 };

/* ---- conditions and the IT block --------------------------------------------------------------
 */

/* From here on the instruction is one whose condition holds. */
void a32_must(struct a64_trans *x);
/* PSTATE.IT is as behind the instruction. */
void a32_leave_it(struct a64_trans *x);
/* The instruction is run by itself, or behind the middle of an IT block: what is next is not known
 * to be where a direct exit leads. */
bool a32_in_steps(const struct a64_trans *x);
/* It may fault from here on: PSTATE.IT is right. a32_must() is part of it. */
void a32_may_fault(struct a64_trans *x);
/* The same without a32_must(). */
void a32_note_it(struct a64_trans *x);

/* ---- registers --------------------------------------------------------------------------------
 */

/* PC as an instruction reads it. */
static inline int64_t a32_pc_rel(const struct a64_trans *x)
{
    return x->start + (x->t32 ? 4 : 8);
}
static inline ir_ref a32_reg(struct a64_trans *x, unsigned n)
{
    return ir_trunc(x->ir, n == A32_PC ? a64_pc(x, a32_pc_rel(x)) : ir_get(x->ir, SLOT_X + n));
}
/* n is not PC. */
void a32_put(struct a64_trans *x, unsigned n, ir_ref v);
/* The result of arithmetic, which may go to PC. */
void a32_put_result(struct a64_trans *x, unsigned n, ir_ref v);
static inline ir_ref a32_i32(struct a64_trans *x, uint32_t v)
{
    return ir_i32(x->ir, v);
}
static inline ir_ref a32_op2(struct a64_trans *x, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(x->ir, op, IR_I32, a, b);
}
static inline ir_ref a32_shift(struct a64_trans *x, enum ir_op op, ir_ref v, unsigned count)
{
    return count ? a32_op2(x, op, v, a32_i32(x, count)) : v;
}
static inline ir_ref a32_zext64(struct a64_trans *x, ir_ref v)
{
    return ir_zext(x->ir, IR_I64, v, IR_W32);
}

/* ---- flags -------------------------------------------------------------------------------------
 */

void a32_put_flags(struct a64_trans *x, ir_ref fl);
/* C as an i32, 0 or 1. */
ir_ref a32_carry(struct a64_trans *x);
/* N and Z of a result, C as given (0: as it is), V as it is. */
void a32_put_nzc(struct a64_trans *x, ir_ref result, ir_ref carry);
/* PSTATE.Q becomes 1 where the i32 is not 0. */
void a32_put_q(struct a64_trans *x, ir_ref nonzero);
/* PSTATE.GE, 4 bits of an i32. */
ir_ref a32_ge(struct a64_trans *x);
void a32_put_ge(struct a64_trans *x, ir_ref v);
/* PSTATE but NZCV and IT, and its bits in `mask` written. */
ir_ref a32_pstate(struct a64_trans *x);
void a32_put_pstate(struct a64_trans *x, uint32_t mask, ir_ref v);

/* ---- shifter (translate32_shift.c) ------------------------------------------------------------
 */

enum a32_shift_kind { A32_LSL, A32_LSR, A32_ASR, A32_ROR };

/* v shifted as an instruction's immediate says. carry, where it is wanted: an i32 0 or 1, or 0 for
 * "as it is". */
ir_ref a32_shift_imm(struct a64_trans *x, ir_ref v, unsigned type, unsigned imm, ir_ref *carry);
/* By the low byte of a register. */
ir_ref a32_shift_reg(struct a64_trans *x, ir_ref v, unsigned type, ir_ref count, ir_ref *carry);
/* The constants of both sets; *carry as above. */
ir_ref a32_expand_imm(struct a64_trans *x, unsigned imm12, ir_ref *carry);
ir_ref t32_expand_imm(struct a64_trans *x, const struct a32_insn *i, ir_ref *carry);

/* ---- memory ------------------------------------------------------------------------------------
 */

/* An address, as the accesses below take it. */
static inline ir_ref a32_address(struct a64_trans *x, ir_ref v)
{
    return a32_zext64(x, v);
}
/* 1 << size bytes, size 0-2, as i32; attr: IR_MEM_SIGN, IR_MEM_ALIGN, ARM_MEM_USER. When the
 * condition does not hold: nothing is accessed, and the value counts for nothing. */
ir_ref a32_load(struct a64_trans *x, ir_ref addr, unsigned size, unsigned attr);
void a32_store(struct a64_trans *x, ir_ref addr, ir_ref v, unsigned size, unsigned attr);
/* a32_load() of register n, which is not PC, after `wback` was written to the base rn (0: it is
 * not). */
void a32_load_register(struct a64_trans *x, unsigned n, ir_ref addr, unsigned size, unsigned attr,
                       unsigned rn, ir_ref wback);

/* ---- branches ----------------------------------------------------------------------------------
 */

/* What a32_jump_interworking() asks of its target, before the instruction writes a register. */
void a32_check_set(struct a64_trans *x, ir_ref target, bool often);
/* To an address of which bit 0 says which set it is in. often: it is the other one as often as not.
 */
void a32_jump_interworking(struct a64_trans *x, ir_ref target, bool often);
/* To an address of the same set. */
void a32_jump_to(struct a64_trans *x, ir_ref target);
void a32_jump_rel(struct a64_trans *x, int64_t rel);
/* B by a condition, of T32, and where it leads: PC and *offset. false: another instruction. */
bool t32_conditional_branch(const uint16_t half[2], unsigned *cond, int64_t *offset);
void a32_end_dyn(struct a64_trans *x, bool poll);
/* The region ends with a look at interrupts, which may have become deliverable. */
void a32_end_poll(struct a64_trans *x);
ir_ref a32_helper(struct a64_trans *x, unsigned helper, ir_ref a, ir_ref b, ir_ref c, ir_ref d);

/* ---- modes (translate32_psr.c) -----------------------------------------------------------------
 */

/* Does the mode have registers of its own besides USR's, and an SPSR? */
bool a32_has_user_bank(const struct a64_trans *x);
/* R0 to R14 as USR has them. */
ir_ref a32_user_reg(struct a64_trans *x, unsigned n);
void a32_put_user(struct a64_trans *x, unsigned n, ir_ref v);
/* To `pc` with the mode's SPSR as CPSR; false: the mode has none. */
bool a32_exception_return(struct a64_trans *x, ir_ref pc);

/* tcg_arch.translate in AArch32 state */
void a32_translate(struct tcg_translation *t);

#endif
