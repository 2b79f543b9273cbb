/* SSE: floating-point arithmetic, comparisons and conversions. See translate_sse.h. */
#include "tcg/x86/translate_sse.h"

#include "tcg/x86/translate_int.h"

void tr_vf(struct x86_trans *x, const struct x86_insn *i)
{
    uint32_t how = i->row->arg2;
    uint64_t imm = how & SSE_ONE ? 1 : 0;
    if (how & SSE_IMM)
        imm = (uint64_t)i->imm;
    /* CMPPS has 8 predicates here, ROUNDPS a control of 4 bits. */
    if (how & SSE_CONTROL)
        imm |= ((uint64_t)i->imm & (i->row->arg == IR_VF_CMP ? 7 : 15)) << 8;
    ir_ref src = sse_source(x, i);
    x86_put_xmm(x, i->reg,
                how & SSE_UNARY
                    ? sse_fp(x, i->row->arg, sse_aux(i), src, 0, imm)
                    : sse_fp(x, i->row->arg, sse_aux(i), x86_get_xmm(x, i->reg), src, imm));
}

void tr_comis(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = sse_source(x, i);
    x86_put_flags(x, sse_fp_compare(x, sse_aux(i), x86_get_xmm(x, i->reg), src, i->row->arg));
}

void tr_cvtsi2s(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref n = x86_load_rm(x, i, i->opsize);
    x86_put_xmm(x, i->reg,
                sse_fp_from_int(x, sse_aux(i), x86_get_xmm(x, i->reg), n, x86_type(i->opsize)));
}

void tr_cvts2si(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = sse_source(x, i);
    x86_put_gpr(x, i->reg, i->opsize,
                sse_fp_to_int(x, sse_aux(i), src, x86_type(i->opsize), i->row->arg2 & SSE_ONE));
}

/* CVTPI2PS, CVTPI2PD. With the operand in memory there is no MMX state to touch. */
void tr_cvt_from_mmx(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = sse_aux(i);
    if (!i->mem)
        mmx_begin(x);
    ir_ref src = i->mem ? x86_load_vec_mem(x, i, IR_W64, 0) : mmx_get(x, i->rm);
    ir_ref v = sse_fp(x, IR_VF_FROMI32, w, src, 0, 0);
    if (w == IR_W32)
        v = sse_emit(x, IR_V_MOVLANE, IR_W64, x86_get_xmm(x, i->reg), v, 0);
    x86_put_xmm(x, i->reg, v);
    if (!i->mem)
        mmx_end(x);
}

/* CVT(T)PS2PI, CVT(T)PD2PI. Two lanes alone are converted: the others must raise nothing. */
void tr_cvt_to_mmx(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = sse_aux(i);
    mmx_begin(x);
    ir_ref src = sse_source(x, i);
    if (w == IR_W32 && !i->mem)
        src = sse_low(x, IR_W64, src);
    mmx_put(x, i->reg, sse_fp(x, IR_VF_TOI32, w, src, 0, i->row->arg2 & SSE_ONE ? 1 : 0));
}
