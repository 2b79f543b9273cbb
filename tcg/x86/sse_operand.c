/* Operands of MMX and SSE instructions as IR values, and floating-point operations with either
 * handling of exceptions. See translate_sse.h. */
#include "tcg/x86/translate_sse.h"

#include "tcg/x86/translate_avx.h"
#include "tcg/x86/translate_int.h"
#include "tcg/x86/translate_x87.h"

/* ---- MMX ------------------------------------------------------------------------------------ */

#define FPR(reg) (offsetof(struct x86_regs, fpr) + ((reg)&7) * sizeof(struct x86_vec))

enum { FSW_ES = 1 << 7, FSW_TOP = 7 << 11 };

/* FSW and FTW are loaded and stored as one doubleword. */
_Static_assert(offsetof(struct x86_regs, ftw) == offsetof(struct x86_regs, fsw) + 2, "FSW, FTW");

static void store_field(struct x86_trans *x, unsigned w, uint64_t offset, ir_ref v)
{
    ir_emit(x->ir, IR_STENV, IR_VOID, w, v, 0, 0, 0, offset);
}

void mmx_begin(struct x86_trans *x)
{
    struct ir_region *r = x->ir;
    x87_end(x);
    if (!(x->mode & MODE_CR0_NE)) { /* the error goes out by the FERR pin */
        x86_call(x, HELPER_ID(fwait), 0, 0, 0, 0);
        return;
    }
    ir_ref fsw = x86_field(x, IR_I32, offsetof(struct x86_regs, fsw));
    ir_emit(r, IR_TRAPNZ, IR_VOID, 0, ir_op2(r, IR_AND, IR_I32, fsw, ir_i32(r, FSW_ES)), 0, 0, 0,
            X86_TRAP(X86_MF));
}

void mmx_end(struct x86_trans *x)
{
    struct ir_region *r = x->ir;
    uint64_t at = offsetof(struct x86_regs, fsw);
    ir_ref v = x86_field(x, IR_I32, at);
    v = ir_op2(r, IR_AND, IR_I32, v, ir_i32(r, ~(uint32_t)FSW_TOP));
    v = ir_op2(r, IR_OR, IR_I32, v, ir_i32(r, 0xff0000)); /* every register is in use */
    store_field(x, IR_W32, at, v);
}

ir_ref mmx_get(struct x86_trans *x, unsigned reg)
{
    return ir_emit(x->ir, IR_V_FROM, IR_V128, IR_W64, x86_field(x, IR_I64, FPR(reg)), 0, 0, 0, 0);
}

void mmx_put(struct x86_trans *x, unsigned reg, ir_ref v)
{
    ir_ref low = ir_emit(x->ir, IR_V_LANE, IR_I64, IR_W64, v, 0, 0, 0, 0);
    store_field(x, IR_W64, FPR(reg), low);
    store_field(x, IR_W16, FPR(reg) + 8, ir_i32(x->ir, 0xffff));
    mmx_end(x);
}

/* ---- operands ------------------------------------------------------------------------------- */

void sse_begin(struct x86_trans *x, const struct x86_insn *i)
{
    if (sse_is_mmx(i))
        mmx_begin(x);
}

ir_ref sse_source(struct x86_trans *x, const struct x86_insn *i)
{
    uint32_t how = i->row->arg2;
    unsigned w = how >> 12 & 7 ? (how >> 12 & 7) - 1 : sse_is_mmx(i) ? IR_W64 : IR_W128;
    if (!i->mem)
        return sse_is_mmx(i) ? mmx_get(x, i->rm) : x86_get_xmm(x, i->rm);
    if (w < IR_W32)
        return ir_emit(x->ir, IR_V_FROM, IR_V128, IR_W32, x86_load_mem(x, i, w, 0), 0, 0, 0, 0);
    return x86_load_vec_mem(x, i, w, w == IR_W128 && !(how & SSE_UNALIGNED) ? IR_MEM_ALIGN : 0);
}

ir_ref sse_dest(struct x86_trans *x, const struct x86_insn *i)
{
    return sse_is_mmx(i) ? mmx_get(x, i->reg) : x86_get_xmm(x, i->reg);
}

void sse_put_xmm(struct x86_trans *x, const struct x86_insn *i, unsigned reg, ir_ref v)
{
    if (i->vex)
        avx_put(x, reg, v);
    else
        x86_put_xmm(x, reg, v);
}

void sse_put(struct x86_trans *x, const struct x86_insn *i, ir_ref v)
{
    if (sse_is_mmx(i))
        mmx_put(x, i->reg, v);
    else
        sse_put_xmm(x, i, i->reg, v);
}

ir_ref sse_emit(struct x86_trans *x, enum ir_op op, unsigned aux, ir_ref a, ir_ref b, uint64_t imm)
{
    return ir_emit(x->ir, op, IR_V128, aux, a, b, 0, 0, imm);
}

ir_ref sse_zero(struct x86_trans *x)
{
    return sse_emit(x, IR_VCONST, 0, 0, 0, 0);
}

ir_ref sse_low(struct x86_trans *x, unsigned w, ir_ref v)
{
    return sse_emit(x, IR_V_MOVLANE, w, sse_zero(x), v, 0);
}

#define SCRATCH(n) ((uint64_t)(int64_t)(TCG_ENV_OFFSET(scratch) + 8 * (int)(n)))

void sse_to_scratch(struct x86_trans *x, ir_ref a, ir_ref b, ir_ref c)
{
    const ir_ref v[3] = {a, b, c};
    for (unsigned k = 0; k < 3; k++)
        if (v[k])
            store_field(x, x->ir->insns[v[k]].type == IR_V256 ? IR_W256 : IR_W128, SCRATCH(4 * k),
                        v[k]);
}

ir_ref sse_from_scratch(struct x86_trans *x, enum ir_type t)
{
    return x86_field(x, t, SCRATCH(12));
}

/* ---- floating point ------------------------------------------------------------------------- */

static ir_ref call_fp(struct x86_trans *x, uint64_t what, uint64_t imm, ir_ref n)
{
    return x86_call(x, HELPER_ID(sse_fp), ir_i64(x->ir, what), ir_i64(x->ir, imm), n, 0);
}

static bool exceptions(const struct x86_trans *x)
{
    return (x->mode & MODE_XM_UNMASKED) != 0;
}

ir_ref sse_fp_any(struct x86_trans *x, enum ir_op op, enum ir_type t, unsigned aux, ir_ref a,
                  ir_ref b, ir_ref c, uint64_t imm)
{
    if (!exceptions(x) || op == IR_VF_RCP || op == IR_VF_RSQRT)
        return ir_emit(x->ir, op, t, aux, a, b, c, 0, imm);
    sse_to_scratch(x, a, b, c);
    uint64_t wide = x->ir->insns[a].type == IR_V256 ? X86_SSE_FP_WIDE : 0;
    call_fp(x, X86_SSE_FP(op, t, aux) | wide, imm, 0);
    return sse_from_scratch(x, t);
}

ir_ref sse_fp(struct x86_trans *x, enum ir_op op, unsigned aux, ir_ref a, ir_ref b, uint64_t imm)
{
    return sse_fp_any(x, op, IR_V128, aux, a, b, 0, imm);
}

ir_ref sse_fp_from_int(struct x86_trans *x, unsigned aux, ir_ref a, ir_ref n, enum ir_type t)
{
    if (!exceptions(x))
        return sse_emit(x, IR_VF_SFROMI, aux, a, n, t);
    sse_to_scratch(x, a, 0, 0);
    call_fp(x, X86_SSE_FP(IR_VF_SFROMI, IR_V128, aux), t, n);
    return sse_from_scratch(x, IR_V128);
}

ir_ref sse_fp_to_int(struct x86_trans *x, unsigned aux, ir_ref a, enum ir_type t, bool truncate)
{
    if (!exceptions(x))
        return ir_emit(x->ir, IR_VF_STOI, t, aux, a, 0, 0, 0, truncate);
    sse_to_scratch(x, a, 0, 0);
    ir_ref v = call_fp(x, X86_SSE_FP(IR_VF_STOI, t, aux), truncate, 0);
    return t == IR_I64 ? v : ir_trunc(x->ir, v);
}

ir_ref sse_fp_compare(struct x86_trans *x, unsigned aux, ir_ref a, ir_ref b, bool quiet)
{
    if (!exceptions(x))
        return ir_emit(x->ir, IR_FL_COMIS, IR_FL, aux, a, b, 0, 0, quiet);
    sse_to_scratch(x, a, b, 0);
    ir_ref packed = call_fp(x, X86_SSE_FP(IR_FL_COMIS, IR_FL, aux), quiet, 0);
    return ir_op1(x->ir, IR_FL_FROM, IR_FL, ir_trunc(x->ir, packed));
}
