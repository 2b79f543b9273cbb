/* MMX and SSE: integer and bitwise operations, shuffles, insertions, string comparison, masked
 * stores. See translate_sse.h. */
#include "tcg/x86/translate_sse.h"

#include "tcg/x86/translate_int.h"

/* dst = op(dst, src) or op(src), with or without an immediate. */
void tr_vec(struct x86_trans *x, const struct x86_insn *i)
{
    uint32_t how = i->row->arg2;
    sse_begin(x, i);
    ir_ref src = sse_source(x, i);
    uint64_t imm = how & SSE_IMM ? (uint64_t)i->imm : how >> 16;
    sse_put(x, i,
            how & SSE_UNARY ? sse_emit(x, i->row->arg, sse_aux(i), src, 0, imm)
                            : sse_emit(x, i->row->arg, sse_aux(i), sse_dest(x, i), src, imm));
}

/* Groups 12-14: the register is ModRM.rm. */
void tr_vec_shift_imm(struct x86_trans *x, const struct x86_insn *i)
{
    sse_begin(x, i);
    ir_ref v = sse_emit(x, i->row->arg, sse_aux(i), sse_source(x, i), 0, (uint64_t)i->imm);
    if (sse_is_mmx(i))
        mmx_put(x, i->rm, v);
    else
        x86_put_xmm(x, i->rm, v);
}

/* The operation takes both operands as one: low half destination, high half source. */
void tr_mmx_joined(struct x86_trans *x, const struct x86_insn *i)
{
    sse_begin(x, i);
    ir_ref src = sse_source(x, i);
    ir_ref both = sse_emit(x, IR_V_UNPKL, IR_W64, sse_dest(x, i), src, 0);
    sse_put(x, i, sse_emit(x, i->row->arg, sse_aux(i), both, both, 0));
}

/* The upper half of what interleaving 64 bits with 64 gives. */
void tr_mmx_unpckh(struct x86_trans *x, const struct x86_insn *i)
{
    sse_begin(x, i);
    ir_ref src = sse_source(x, i);
    ir_ref v = sse_emit(x, IR_V_UNPKL, sse_aux(i), sse_dest(x, i), src, 0);
    sse_put(x, i, sse_emit(x, IR_V_SHRB, 0, v, 0, 8));
}

void tr_mmx_palignr(struct x86_trans *x, const struct x86_insn *i)
{
    sse_begin(x, i);
    ir_ref src = sse_source(x, i);
    ir_ref both = sse_emit(x, IR_V_UNPKL, IR_W64, src, sse_dest(x, i), 0);
    sse_put(x, i, sse_emit(x, IR_V_SHRB, 0, both, 0, (uint64_t)i->imm));
}

/* Indices count within 8 bytes. */
void tr_mmx_pshufb(struct x86_trans *x, const struct x86_insn *i)
{
    sse_begin(x, i);
    ir_ref kept = sse_emit(x, IR_VCONST, 0, 0, 0, UINT64_C(0x8787878787878787));
    ir_ref indices = sse_emit(x, IR_V_AND, 0, sse_source(x, i), kept, 0);
    sse_put(x, i, sse_emit(x, IR_V_SHUFB, IR_W8, sse_dest(x, i), indices, 0));
}

void tr_blendv(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = sse_source(x, i);
    sse_put(x, i,
            ir_emit(x->ir, IR_V_BLENDV, IR_V128, sse_aux(i), sse_dest(x, i), src, x86_get_xmm(x, 0),
                    0, 0));
}

void tr_ptest(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = sse_source(x, i);
    x86_put_flags(x, ir_emit(x->ir, IR_FL_PTEST, IR_FL, 0, sse_dest(x, i), src, 0, 0, 0));
}

/* ---- single lanes --------------------------------------------------------------------------- */

/* A memory operand is one element: the immediate's source position does not count. */
void tr_insertps(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = sse_source(x, i);
    uint64_t imm = (uint64_t)i->imm & (i->mem ? 0x3f : 0xff);
    sse_put(x, i, sse_emit(x, IR_V_INSERTPS, 0, sse_dest(x, i), src, imm));
}

static unsigned lane_number(const struct x86_insn *i, unsigned w)
{
    return (unsigned)i->imm & (((sse_is_mmx(i) ? 8u : 16u) >> w) - 1);
}

/* Lane width: aux, or 32/64 by operand size where aux is IR_W32. */
static unsigned lane_width(const struct x86_insn *i)
{
    return i->row->flags & I_W64 ? i->opsize : sse_aux(i);
}

void tr_pinsr(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = lane_width(i);
    sse_begin(x, i);
    ir_ref v =
        i->mem ? x86_load_mem(x, i, w, 0) : x86_get_gpr(x, i->rm, w == IR_W64 ? IR_W64 : IR_W32);
    sse_put(x, i, sse_emit(x, IR_V_INS, w, sse_dest(x, i), v, lane_number(i, w)));
}

/* PEXTRx, EXTRACTPS: the vector is ModRM.reg, except for the older PEXTRW G, U. */
void tr_pextr(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = lane_width(i);
    bool old_form = i->map == MAP_0F || i->map == MAP_V0F;
    sse_begin(x, i);
    ir_ref from = old_form ? sse_source(x, i) : sse_dest(x, i);
    ir_ref v = ir_emit(x->ir, IR_V_LANE, x86_type(w), w, from, 0, 0, 0, lane_number(i, w));
    if (i->mem)
        x86_store_mem(x, i, w, v, 0);
    else
        x86_put_gpr(x, old_form ? i->reg : i->rm, w == IR_W64 ? IR_W64 : IR_W32, v);
    if (sse_is_mmx(i))
        mmx_end(x);
}

void tr_movmsk(struct x86_trans *x, const struct x86_insn *i)
{
    sse_begin(x, i);
    ir_ref v = ir_emit(x->ir, IR_V_MOVMSK, IR_I32, sse_aux(i), sse_source(x, i), 0, 0, 0, 0);
    x86_put_gpr(x, i->reg, IR_W32, v);
    if (sse_is_mmx(i))
        mmx_end(x);
}

/* ---- helpers -------------------------------------------------------------------------------- */

/* PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI: 60 to 63. */
void tr_pcmpstr(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    bool index = i->op & 1, lengths = !(i->op & 2);
    ir_ref len[2] = {0, 0};

    if (index && !lengths) {
        ir_ref both = ir_emit(r, IR_V_PCMPISTR, IR_I64, 0, sse_dest(x, i), sse_source(x, i), 0, 0,
                              i->imm & 0xff);
        x86_put_gpr(x, X86_RCX, IR_W32, ir_trunc(r, both));
        x86_put_flags(x, ir_op1(r, IR_FL_FROM, IR_FL,
                                ir_trunc(r, ir_op2(r, IR_SHR, IR_I64, both, ir_i32(r, 32)))));
        return;
    }
    sse_to_scratch(x, sse_dest(x, i), sse_source(x, i), 0);
    for (unsigned k = 0; k < 2 && lengths; k++) {
        len[k] = ir_get(r, SLOT_GPR + (k ? X86_RDX : X86_RAX));
        if (i->opsize != IR_W64)
            len[k] = ir_sext(r, IR_I64, len[k], IR_W32);
    }
    ir_ref what = ir_i32(r, (uint32_t)i->imm | (lengths ? (unsigned)X86_PCMPSTR_EXPLICIT : 0u));
    ir_ref v =
        x86_call(x, index ? HELPER_ID(pcmpstri) : HELPER_ID(pcmpstrm), what, len[0], len[1], 0);
    ir_ref packed = ir_trunc(r, ir_op2(r, IR_SHR, IR_I64, v, ir_i32(r, 32)));
    if (index)
        x86_put_gpr(x, X86_RCX, IR_W32, ir_trunc(r, v));
    x86_put_flags(x, ir_op1(r, IR_FL_FROM, IR_FL, packed));
}

/* To DS:[rDI]; the mask is ModRM.rm. */
void tr_maskmov(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned bytes = sse_is_mmx(i) ? 8 : 16;
    sse_begin(x, i);
    ir_ref offset = x86_wrap(x, i->addrsize, ir_get(x->ir, SLOT_GPR + X86_RDI));
    ir_ref addr = x86_linear(x, i->seg, offset, bytes, true);
    sse_to_scratch(x, sse_dest(x, i), sse_source(x, i), 0);
    x86_call(x, HELPER_ID(maskmov), addr, ir_i32(x->ir, bytes), 0, 0);
    if (sse_is_mmx(i))
        mmx_end(x);
}
