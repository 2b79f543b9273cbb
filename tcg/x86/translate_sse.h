/*
 * Shared between the files that translate MMX and SSE instructions: operands, floating-point
 * operations, and the translate functions that table_sse.c names.
 *
 * An XMM register is a slot. An MMX register is a field of the register file and a V128 value whose
 * upper half is zero, so that one IR operation serves both; only what mixes the halves of a
 * register has translate functions of its own. Whether a row is MMX is its `check`.
 */
#ifndef TCG_X86_TRANSLATE_SSE_H
#define TCG_X86_TRANSLATE_SSE_H

#include "tcg/x86/translate.h"

/* arg2 of a row. */
enum sse_row {
    SSE_AUX = 0xf,          /* aux of the IR op: lane width */
    SSE_ONE = 1 << 4,       /* bit 0 of the FP op's imm: lane 0 only; for conversions truncating */
    SSE_UNALIGNED = 1 << 5, /* a 16-byte memory operand may be anywhere */
    SSE_UNARY = 1 << 6,     /* the op takes the source alone */
    SSE_IMM = 1 << 7,       /* imm of the op is the immediate */
    SSE_CONTROL = 1 << 8,   /* the immediate in bits 8 and up of imm */
};
/* Memory operand of width w; without it 128 bits, MMX 64. */
#define SSE_MEM(w) ((uint32_t)((w) + 1) << 12)
/* A constant imm. */
#define SSE_CONST(n) ((uint32_t)(n) << 16)

static inline bool sse_is_mmx(const struct x86_insn *i)
{
    return i->row->check == CHECK_MMX;
}
static inline unsigned sse_aux(const struct x86_insn *i)
{
    return i->row->arg2 & SSE_AUX;
}

/* ---- sse_operand.c -------------------------------------------------------------------------- */

/* Before an instruction that uses MMX registers: #MF when an x87 exception is pending. After its
 * last operation that may fault: the x87 state that it leaves. */
void mmx_begin(struct x86_trans *x);
void mmx_end(struct x86_trans *x);
ir_ref mmx_get(struct x86_trans *x, unsigned reg);
void mmx_put(struct x86_trans *x, unsigned reg, ir_ref v); /* low half of v; with mmx_end() */

/* Operands of the row's kind, MMX or XMM; the MMX ones begin and end as above. */
void sse_begin(struct x86_trans *x, const struct x86_insn *i);
ir_ref sse_source(struct x86_trans *x, const struct x86_insn *i); /* W or Q */
ir_ref sse_dest(struct x86_trans *x, const struct x86_insn *i);   /* V or P, as it was */
void sse_put(struct x86_trans *x, const struct x86_insn *i, ir_ref v);
/* An XMM register: with a VEX prefix its upper half becomes zero. */
void sse_put_xmm(struct x86_trans *x, const struct x86_insn *i, unsigned reg, ir_ref v);
/* What an instruction with two sources keeps parts of: VEX.vvvv, else the destination. */
static inline ir_ref sse_first(struct x86_trans *x, const struct x86_insn *i, unsigned dest)
{
    return x86_get_xmm(x, i->vex ? i->vvvv : dest);
}

ir_ref sse_emit(struct x86_trans *x, enum ir_op op, unsigned aux, ir_ref a, ir_ref b, uint64_t imm);
ir_ref sse_zero(struct x86_trans *x);
/* v's lane 0 (W32, W64), the rest zero. */
ir_ref sse_low(struct x86_trans *x, unsigned w, ir_ref v);
/* Vector operands and result of helpers, as helpers_sse.h says. */
void sse_to_scratch(struct x86_trans *x, ir_ref a, ir_ref b, ir_ref c);
ir_ref sse_from_scratch(struct x86_trans *x, enum ir_type t);

/* A VF_* operation: inline, or with unmasked exceptions through a helper. */
ir_ref sse_fp_any(struct x86_trans *x, enum ir_op op, enum ir_type t, unsigned aux, ir_ref a,
                  ir_ref b, ir_ref c, uint64_t imm);
ir_ref sse_fp(struct x86_trans *x, enum ir_op op, unsigned aux, ir_ref a, ir_ref b, uint64_t imm);
ir_ref sse_fp_from_int(struct x86_trans *x, unsigned aux, ir_ref a, ir_ref n, enum ir_type t);
ir_ref sse_fp_to_int(struct x86_trans *x, unsigned aux, ir_ref a, enum ir_type t, bool truncate);
ir_ref sse_fp_compare(struct x86_trans *x, unsigned aux, ir_ref a, ir_ref b, bool quiet);

/* ---- translate functions -------------------------------------------------------------------- */

/* translate_sse.c: integer and bitwise */
x86_translate_fn tr_vec, tr_vec_shift_imm, tr_blendv, tr_ptest, tr_insertps, tr_pinsr, tr_pextr,
    tr_movmsk, tr_pcmpstr, tr_maskmov;
/* MMX forms that mix the halves: join the operands first, shift down, cut indices */
x86_translate_fn tr_mmx_joined, tr_mmx_unpckh, tr_mmx_palignr, tr_mmx_pshufb;
/* translate_sse_move.c */
x86_translate_fn tr_vmov, tr_vmov_store, tr_vmov_scalar, tr_vmov_scalar_store, tr_movhlps,
    tr_store_low, tr_store_high, tr_movd, tr_movd_store, tr_movq, tr_mmx_store, tr_movq2dq,
    tr_movdq2q;
/* translate_sse_fp.c; arg of tr_comis: 1 UCOMIS; of tr_cvt_to_mmx: 1 truncating */
x86_translate_fn tr_vf, tr_comis, tr_cvtsi2s, tr_cvts2si, tr_cvt_from_mmx, tr_cvt_to_mmx;

#endif
