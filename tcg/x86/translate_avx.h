/*
 * Shared between the files that translate VEX-encoded vector instructions. What the 128-bit forms
 * have in common with SSE is in translate_sse.h.
 *
 * A vector register is two slots, low and high 128 bits. With VEX.L a value of it is a v256 made of
 * both; without, it is the low slot, and what is written there makes the high one zero. Legacy SSE
 * leaves the high slot alone.
 */
#ifndef TCG_X86_TRANSLATE_AVX_H
#define TCG_X86_TRANSLATE_AVX_H

#include "tcg/x86/translate_sse.h"

/* arg2 of a row, besides enum sse_row; SSE_MEM without VEX.L, 128 bits or 256 without SSE_MEM. */
enum avx_row {
    AVX_SCALED = 1 << 9,  /* with VEX.L the memory operand is twice as wide */
    AVX_NARROW = 1 << 10, /* the result is 128 bits wide, also with VEX.L */
    AVX_WIDEN = 1 << 11,  /* the source is 128 bits wide, also with VEX.L */
    AVX_SAME = 1 << 15,   /* the op takes the source in both places */
};

static inline enum ir_type avx_type(const struct x86_insn *i)
{
    return i->vexl ? IR_V256 : IR_V128;
}
ir_ref avx_get(struct x86_trans *x, unsigned reg, enum ir_type t);
void avx_put(struct x86_trans *x, unsigned reg, ir_ref v); /* v128: the upper half becomes zero */
static inline ir_ref avx_get_vvvv(struct x86_trans *x, const struct x86_insn *i)
{
    return avx_get(x, i->vvvv, avx_type(i));
}
/* Operand W; attr: of the access. */
ir_ref avx_source(struct x86_trans *x, const struct x86_insn *i, unsigned attr);

/* translate_avx.c */
x86_translate_fn tr_avx, tr_avx_shift_imm, tr_avx_blendv, tr_avx_ptest, tr_avx_testp, tr_avx_permil,
    tr_avx_fma, tr_avx_cvtsi2s, tr_avx_pcmpstr, tr_avx_insertps, tr_avx_pinsr, tr_avx_movmsk,
    tr_sha256rnds2;
/* translate_avx_move.c */
x86_translate_fn tr_avx_mov, tr_avx_mov_store, tr_avx_extract, tr_avx_to_half, tr_avx_zero,
    tr_avx_maskload, tr_avx_maskstore, tr_avx_gather;

#endif
