/*
 * Shared between the files that translate integer and system instructions: operand accessors beyond
 * translate.h, branch emission, and the translate functions that table_int.c and table_sys.c name.
 */
#ifndef TCG_X86_TRANSLATE_INT_H
#define TCG_X86_TRANSLATE_INT_H

#include "tcg/x86/translate.h"

/* ---- operand.c
 * ------------------------------------------------------------------------------------------ */

/* A register by its number, without the byte-register naming of instructions. */
ir_ref x86_get_gpr(struct x86_trans *x, unsigned reg, unsigned w);
void x86_put_gpr(struct x86_trans *x, unsigned reg, unsigned w, ir_ref v);
/* The 64-bit value register `reg` has after a write of width w. */
ir_ref x86_merge_reg(struct x86_trans *x, unsigned reg, unsigned w, ir_ref v);
ir_ref x86_add_imm(struct x86_trans *x, enum ir_type t, ir_ref a, int64_t n);
/* i64: the low w bits of v. */
ir_ref x86_wrap(struct x86_trans *x, unsigned w, ir_ref v);
/* Operand n as the row says. */
bool x86_operand_is_e(const struct x86_insn *i, unsigned n);
ir_ref x86_load_operand(struct x86_trans *x, const struct x86_insn *i, unsigned n, unsigned w);
void x86_store_operand(struct x86_trans *x, const struct x86_insn *i, unsigned n, unsigned w,
                       ir_ref v);
/* Linear address of SS:[reg + disp], wrapped to the stack's width. */
ir_ref x86_stack_address(struct x86_trans *x, unsigned reg, int64_t disp, unsigned bytes,
                         bool write);
void x86_stack_store(struct x86_trans *x, unsigned w, int32_t disp, ir_ref v);

/* ---- translate.c
 * ---------------------------------------------------------------------------------------- */

void x86_tr_raise_imm(struct x86_trans *x, uint64_t imm);
/* A field of the register file, or by TCG_ENV_OFFSET() a private one, as it is then. */
static inline ir_ref x86_field(struct x86_trans *x, enum ir_type type, int64_t offset)
{
    return ir_emit(x->ir, IR_LDENV, type, 0, 0, 0, 0, 0, (uint64_t)offset);
}
void x86_end_dyn_at(struct x86_trans *x, ir_ref rip, bool poll);
/*
 * The usual forms of instructions that change levels, segments or flags are translated for code and
 * data that systems have: no flag is set that the mode word knows, segments are flat. When it is
 * otherwise, the instruction runs alone, by its helper.
 */
bool x86_common_form(const struct x86_trans *x);
void x86_alone_if(struct x86_trans *x, ir_ref nonzero);
/* The segment register's cache but for the base: word is limit | selector << 32 | attributes << 48.
 */
void x86_put_segment(struct x86_trans *x, enum x86_seg seg, ir_ref word, ir_ref base);
/* Relative branches (Jb, Jz). The checks against the CS limit may fault: before any PUT. */
ir_ref x86_branch_target(struct x86_trans *x, const struct x86_insn *i);
void x86_check_target(struct x86_trans *x, ir_ref target);
void x86_jump_rel(struct x86_trans *x, const struct x86_insn *i);
void x86_jump_to(struct x86_trans *x, ir_ref target);
/* A near return. */
void x86_return_to(struct x86_trans *x, ir_ref target);
/* Condition: cc over fl, or, when fl is 0, `nonzero`. */
void x86_check_branch(struct x86_trans *x, const struct x86_insn *i, ir_ref fl, unsigned cc,
                      ir_ref nonzero);
void x86_branch_if(struct x86_trans *x, const struct x86_insn *i, ir_ref fl, unsigned cc,
                   ir_ref nonzero);

/* ---- translate functions
 * -------------------------------------------------------------------------------- */

/* translate_arith.c; arg of tr_alu: the operation */
enum x86_alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
x86_translate_fn tr_alu, tr_test, tr_inc, tr_dec, tr_neg, tr_not, tr_cbw, tr_cwd;
/* translate_muldiv.c; arg of tr_bcd: enum x86_bcd */
enum x86_bcd { BCD_DAA, BCD_DAS, BCD_AAA, BCD_AAS, BCD_AAM, BCD_AAD };
x86_translate_fn tr_mul, tr_imul1, tr_imul, tr_div, tr_idiv, tr_bcd;
/* translate_shift.c; arg: the /n of the group */
enum x86_shift {
    SHIFT_ROL,
    SHIFT_ROR,
    SHIFT_RCL,
    SHIFT_RCR,
    SHIFT_SHL,
    SHIFT_SHR,
    SHIFT_SAL,
    SHIFT_SAR
};
x86_translate_fn tr_shift, tr_shld, tr_shrd;
/* translate_move.c */
x86_translate_fn tr_mov, tr_mov_offset, tr_movzx, tr_movsx, tr_movbe, tr_lea, tr_xlat, tr_cmov,
    tr_setcc, tr_bswap, tr_lahf, tr_sahf, tr_clc, tr_stc, tr_cmc, tr_cld, tr_std, tr_cli, tr_sti,
    tr_nop, tr_salc;
/* translate_stack.c */
x86_translate_fn tr_push, tr_pop, tr_pusha, tr_popa, tr_enter, tr_leave;
/* translate_atomic.c */
x86_translate_fn tr_xchg, tr_xadd, tr_cmpxchg, tr_cmpxchg8b, tr_cmpxchg16b;
/* The operation on memory under LOCK when there are other vCPUs. */
bool x86_needs_atomic(const struct x86_trans *x, const struct x86_insn *i);
/* translate_bit.c; arg of tr_bt: 0 BT, 1 BTS, 2 BTR, 3 BTC */
x86_translate_fn tr_bt, tr_bsf, tr_bsr, tr_tzcnt, tr_lzcnt, tr_popcnt, tr_crc32;
/* translate_bmi.c; arg of tr_bls: 1 BLSR, 2 BLSMSK, 3 BLSI; of tr_pdep_pext, tr_shiftx: the IR op;
 * of tr_adx: 1 ADOX */
x86_translate_fn tr_andn, tr_bls, tr_bzhi, tr_bextr, tr_pdep_pext, tr_mulx, tr_shiftx, tr_rorx,
    tr_adx;
/* translate_branch.c; arg of tr_loop: condition LOOPNE 0, LOOPE 1, LOOP 2 */
x86_translate_fn tr_jcc, tr_jmp, tr_jmp_ind, tr_call, tr_call_ind, tr_ret, tr_loop, tr_jcxz,
    tr_bound, tr_ud;
/* translate_string.c */
x86_translate_fn tr_movs, tr_stos, tr_lods, tr_scas, tr_cmps;
/* translate_seg.c */
bool x86_umip_fault(struct x86_trans *x); /* raises and says so */
x86_translate_fn tr_mov_from_sreg, tr_mov_to_sreg, tr_push_sreg, tr_pop_sreg, tr_load_far_pointer,
    tr_far_direct, tr_far_indirect, tr_far_ret, tr_iret, tr_int, tr_into, tr_lldt_ltr, tr_sldt_str,
    tr_sgdt_sidt, tr_lgdt_lidt, tr_lar_lsl, tr_verr_verw, tr_arpl, tr_rd_segbase, tr_wr_segbase,
    tr_swapgs;
/* translate_sys.c */
x86_translate_fn tr_helper, tr_helper_dyn, tr_helper_dyn1, tr_helper_next_dyn1, tr_helper_ud_cpl,
    tr_xcr, tr_pkru, tr_mov_from_cr, tr_mov_to_cr, tr_mov_from_dr, tr_mov_to_dr, tr_smsw, tr_lmsw,
    tr_syscall, tr_sysret, tr_rsm, tr_invlpg, tr_invpcid, tr_clflush, tr_fence, tr_lfence, tr_pushf,
    tr_popf, tr_in, tr_out, tr_ins, tr_outs, tr_rdpid, tr_rdrand, tr_rdtsc;

#endif
