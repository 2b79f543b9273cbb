/* MMX and SSE: moves between registers, memory and general registers. See translate_sse.h. */
#include "tcg/x86/translate_sse.h"

#include "tcg/x86/translate_int.h"

/* A whole register: MOVAPS, MOVDQU, LDDQU, MOVNTDQA, MMX MOVQ ... */
void tr_vmov(struct x86_trans *x, const struct x86_insn *i)
{
    sse_begin(x, i);
    sse_put(x, i, sse_source(x, i));
}

void tr_vmov_store(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = x86_get_xmm(x, i->reg);
    if (i->mem)
        x86_store_vec_mem(x, i, IR_W128, v,
                          i->row->arg2 & SSE_UNALIGNED ? 0 : (unsigned)IR_MEM_ALIGN);
    else
        x86_put_xmm(x, i->rm, v);
}

/* MOVSS, MOVSD: from memory the rest becomes zero, from a register it stays or is VEX.vvvv's. */
void tr_vmov_scalar(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = sse_source(x, i);
    sse_put(x, i,
            i->mem ? v : sse_emit(x, IR_V_MOVLANE, sse_aux(i), sse_first(x, i, i->reg), v, 0));
}

void tr_vmov_scalar_store(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = x86_get_xmm(x, i->reg);
    if (i->mem)
        x86_store_vec_mem(x, i, sse_aux(i), v, 0);
    else
        sse_put_xmm(x, i, i->rm,
                    sse_emit(x, IR_V_MOVLANE, sse_aux(i), sse_first(x, i, i->rm), v, 0));
}

void tr_movhlps(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref high = sse_first(x, i, i->reg), low = x86_get_xmm(x, i->rm);
    sse_put(x, i, sse_emit(x, IR_V_UNPKH, IR_W64, low, high, 0));
}

/* MOVLPS, MOVLPD to memory; MOVQ to memory or, the upper half becoming zero, a register. */
void tr_store_low(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = x86_get_xmm(x, i->reg);
    if (i->mem)
        x86_store_vec_mem(x, i, IR_W64, v, 0);
    else
        sse_put_xmm(x, i, i->rm, sse_low(x, IR_W64, v));
}

void tr_store_high(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = ir_emit(x->ir, IR_V_LANE, IR_I64, IR_W64, x86_get_xmm(x, i->reg), 0, 0, 0, 1);
    x86_store_mem(x, i, IR_W64, v, 0);
}

/* MOVD, MOVQ from and to a general register or memory, by operand size. */
void tr_movd(struct x86_trans *x, const struct x86_insn *i)
{
    sse_begin(x, i);
    sse_put(x, i,
            i->mem ? x86_load_vec_mem(x, i, i->opsize, 0)
                   : ir_emit(x->ir, IR_V_FROM, IR_V128, i->opsize, x86_get_gpr(x, i->rm, i->opsize),
                             0, 0, 0, 0));
}

void tr_movd_store(struct x86_trans *x, const struct x86_insn *i)
{
    sse_begin(x, i);
    ir_ref v = sse_dest(x, i);
    if (i->mem)
        x86_store_vec_mem(x, i, i->opsize, v, 0);
    else
        x86_put_gpr(x, i->rm, i->opsize,
                    ir_emit(x->ir, IR_V_LANE, x86_type(i->opsize), i->opsize, v, 0, 0, 0, 0));
    if (sse_is_mmx(i))
        mmx_end(x);
}

void tr_movq(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = sse_source(x, i);
    sse_put(x, i, i->mem ? v : sse_low(x, IR_W64, v));
}

/* MMX MOVQ Q, P and MOVNTQ. */
void tr_mmx_store(struct x86_trans *x, const struct x86_insn *i)
{
    mmx_begin(x);
    ir_ref v = mmx_get(x, i->reg);
    if (i->mem) {
        x86_store_vec_mem(x, i, IR_W64, v, 0);
        mmx_end(x);
    } else {
        mmx_put(x, i->rm, v);
    }
}

void tr_movq2dq(struct x86_trans *x, const struct x86_insn *i)
{
    mmx_begin(x);
    x86_put_xmm(x, i->reg, mmx_get(x, i->rm));
    mmx_end(x);
}

void tr_movdq2q(struct x86_trans *x, const struct x86_insn *i)
{
    mmx_begin(x);
    mmx_put(x, i->reg, x86_get_xmm(x, i->rm));
}
