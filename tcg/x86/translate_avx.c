/* AVX, AVX2, FMA and their kin: operations on vector registers. See translate_avx.h. */
#include "tcg/x86/translate_avx.h"

#include "tcg/x86/translate_int.h"

/* ---- operands ------------------------------------------------------------------------------- */

ir_ref avx_get(struct x86_trans *x, unsigned reg, enum ir_type t)
{
    ir_ref low = ir_get(x->ir, SLOT_XMM + reg);
    return t == IR_V256 ? ir_op2(x->ir, IR_V_JOIN, IR_V256, low, ir_get(x->ir, SLOT_YMMH + reg))
                        : low;
}

void avx_put(struct x86_trans *x, unsigned reg, ir_ref v)
{
    bool wide = x->ir->insns[v].type == IR_V256;
    ir_ref low = wide ? ir_op1(x->ir, IR_V_LO, IR_V128, v) : v;
    ir_ref high = wide ? ir_op1(x->ir, IR_V_HI, IR_V128, v) : sse_zero(x);
    ir_put(x->ir, SLOT_XMM + reg, low);
    ir_put(x->ir, SLOT_YMMH + reg, high);
}

ir_ref avx_source(struct x86_trans *x, const struct x86_insn *i, unsigned attr)
{
    uint32_t how = i->row->arg2;
    enum ir_type t = how & AVX_WIDEN ? IR_V128 : avx_type(i);
    unsigned w = t == IR_V256 ? IR_W256 : IR_W128;
    if (!i->mem)
        return avx_get(x, i->rm, t);
    if (how >> 12 & 7)
        w = (how >> 12 & 7) - 1 + (how & AVX_SCALED ? i->vexl : 0u);
    if (w < IR_W32)
        return sse_emit(x, IR_V_FROM, IR_W32, x86_load_mem(x, i, w, 0), 0, 0);
    return ir_ld(x->ir, t, x86_ea(x, i, x86_bytes(w), false), w | attr);
}

static ir_ref emit(struct x86_trans *x, const struct x86_insn *i, enum ir_type t, ir_ref a,
                   ir_ref b, ir_ref c, uint64_t imm)
{
    enum ir_op op = i->row->arg;
    if (op >= IR_VF_ADD)
        return sse_fp_any(x, op, t, sse_aux(i), a, b, c, imm);
    return ir_emit(x->ir, op, t, sse_aux(i), a, b, c, 0, imm);
}

/* ---- operations ----------------------------------------------------------------------------- */

/* dst = op(vvvv, source) or op(source), with or without an immediate. */
void tr_avx(struct x86_trans *x, const struct x86_insn *i)
{
    uint32_t how = i->row->arg2;
    uint64_t imm = how & SSE_ONE ? 1 : how >> 16;
    if (how & SSE_IMM)
        imm = (uint64_t)i->imm;
    if (how & SSE_CONTROL) /* 32 predicates of CMPPS, 4 bits of rounding */
        imm |= ((uint64_t)i->imm & (i->row->arg == IR_VF_CMP ? 31 : 15)) << 8;
    ir_ref src = avx_source(x, i, 0), a = src, b = 0;
    if (how & AVX_SAME) {
        b = src;
    } else if (!(how & SSE_UNARY)) {
        a = avx_get_vvvv(x, i);
        b = src;
    }
    avx_put(x, i->reg, emit(x, i, how & AVX_NARROW ? IR_V128 : avx_type(i), a, b, 0, imm));
}

/* Groups 12-14: the destination is in VEX.vvvv. */
void tr_avx_shift_imm(struct x86_trans *x, const struct x86_insn *i)
{
    enum ir_type t = avx_type(i);
    avx_put(x, i->vvvv, emit(x, i, t, avx_get(x, i->rm, t), 0, 0, (uint64_t)i->imm));
}

void tr_avx_blendv(struct x86_trans *x, const struct x86_insn *i)
{
    enum ir_type t = avx_type(i);
    unsigned mask = (unsigned)i->imm >> 4 & (x86_code64(x) ? 15 : 7);
    ir_ref src = avx_source(x, i, 0);
    avx_put(x, i->reg,
            ir_emit(x->ir, IR_V_BLENDV, t, sse_aux(i), avx_get_vvvv(x, i), src, avx_get(x, mask, t),
                    0, 0));
}

static void put_test(struct x86_trans *x, ir_ref a, ir_ref b)
{
    x86_put_flags(x, ir_emit(x->ir, IR_FL_PTEST, IR_FL, 0, a, b, 0, 0, 0));
}

void tr_avx_ptest(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = avx_source(x, i, 0);
    put_test(x, avx_get(x, i->reg, avx_type(i)), src);
}

/* VTESTPS, VTESTPD: as VPTEST, but sign bits only. */
void tr_avx_testp(struct x86_trans *x, const struct x86_insn *i)
{
    enum ir_type t = avx_type(i);
    uint64_t signs = sse_aux(i) == IR_W32 ? UINT64_C(0x8000000080000000) : UINT64_C(1) << 63;
    ir_ref src = avx_source(x, i, 0);
    ir_ref mask = ir_emit(x->ir, IR_VCONST, t, 0, 0, 0, 0, 0, signs);
    put_test(x, avx_get(x, i->reg, t), ir_op2(x->ir, IR_V_AND, t, src, mask));
}

/* VPERMILPD with an immediate chooses as SHUFPD does, from one source. */
void tr_avx_permil(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = avx_source(x, i, 0);
    avx_put(x, i->reg,
            ir_emit(x->ir, IR_V_SHUFPS, avx_type(i), IR_W64, src, src, 0, 0, (uint64_t)i->imm));
}

/* The row's constant is enum ir_fma. */
void tr_avx_fma(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = avx_source(x, i, 0);
    enum ir_type t = avx_type(i);
    avx_put(x, i->reg,
            sse_fp_any(x, IR_VF_FMA, t, sse_aux(i), avx_get(x, i->reg, t), avx_get_vvvv(x, i), src,
                       i->row->arg2 >> 16));
}

void tr_avx_cvtsi2s(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref n = x86_load_rm(x, i, i->opsize);
    avx_put(x, i->reg,
            sse_fp_from_int(x, sse_aux(i), x86_get_xmm(x, i->vvvv), n, x86_type(i->opsize)));
}

/* The masks go to XMM0. */
void tr_avx_pcmpstr(struct x86_trans *x, const struct x86_insn *i)
{
    tr_pcmpstr(x, i);
    if (!(i->op & 1))
        ir_put(x->ir, SLOT_YMMH, sse_zero(x));
}

/* ---- single lanes --------------------------------------------------------------------------- */

void tr_avx_insertps(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = avx_source(x, i, 0);
    uint64_t imm = (uint64_t)i->imm & (i->mem ? 0x3f : 0xff);
    avx_put(x, i->reg, sse_emit(x, IR_V_INSERTPS, 0, x86_get_xmm(x, i->vvvv), src, imm));
}

void tr_avx_pinsr(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->row->flags & I_W64 ? i->opsize : sse_aux(i);
    ir_ref v =
        i->mem ? x86_load_mem(x, i, w, 0) : x86_get_gpr(x, i->rm, w == IR_W64 ? IR_W64 : IR_W32);
    uint64_t lane = (uint64_t)i->imm & ((16u >> w) - 1);
    avx_put(x, i->reg, sse_emit(x, IR_V_INS, w, x86_get_xmm(x, i->vvvv), v, lane));
}

void tr_avx_movmsk(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = avx_get(x, i->rm, avx_type(i));
    x86_put_gpr(x, i->reg, IR_W32, ir_emit(x->ir, IR_V_MOVMSK, IR_I32, sse_aux(i), v, 0, 0, 0, 0));
}

/* SHA256RNDS2, legacy encoded: XMM0 has the words. */
void tr_sha256rnds2(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = sse_source(x, i);
    sse_put(
        x, i,
        ir_emit(x->ir, IR_V_SHA256RNDS2, IR_V128, 0, sse_dest(x, i), src, x86_get_xmm(x, 0), 0, 0));
}
