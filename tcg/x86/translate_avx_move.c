/* AVX: moves between registers, memory and general registers; masked accesses and gathers. See
 * translate_avx.h. */
#include "tcg/x86/translate_avx.h"

#include "tcg/x86/translate_int.h"

static unsigned whole_attr(const struct x86_insn *i)
{
    return i->row->arg2 & SSE_UNALIGNED ? 0 : IR_MEM_ALIGN;
}

/* VMOVAPS, VMOVDQU, VLDDQU, VMOVNTDQA ... */
void tr_avx_mov(struct x86_trans *x, const struct x86_insn *i)
{
    avx_put(x, i->reg, avx_source(x, i, whole_attr(i)));
}

static void store(struct x86_trans *x, const struct x86_insn *i, unsigned w, ir_ref v,
                  unsigned attr)
{
    ir_st(x->ir, x86_ea(x, i, x86_bytes(w), true), v, 0, w | attr);
}

void tr_avx_mov_store(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = avx_get(x, i->reg, avx_type(i));
    if (i->mem)
        store(x, i, i->vexl ? IR_W256 : IR_W128, v, whole_attr(i));
    else
        avx_put(x, i->rm, v);
}

/* A value that goes to the r/m operand. */
static void put_rm(struct x86_trans *x, const struct x86_insn *i, unsigned w, ir_ref v)
{
    if (i->mem)
        store(x, i, w, v, 0);
    else
        avx_put(x, i->rm, v);
}

/* VEXTRACTF128, VEXTRACTI128 */
void tr_avx_extract(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = avx_get(x, i->reg, IR_V256);
    put_rm(x, i, IR_W128, ir_op1(x->ir, i->imm & 1 ? IR_V_HI : IR_V_LO, IR_V128, v));
}

/* VCVTPS2PH. The exceptions come before the store's faults can be seen; flags are sticky. */
void tr_avx_to_half(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = avx_get(x, i->reg, avx_type(i));
    v = sse_fp_any(x, IR_VF_TOH, IR_V128, 0, v, 0, 0, (uint64_t)i->imm & 7);
    put_rm(x, i, i->vexl ? IR_W128 : IR_W64, v);
}

/* VZEROUPPER, VZEROALL; outside 64-bit code there are eight registers. */
void tr_avx_zero(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref zero = sse_zero(x);
    for (unsigned n = 0; n < (x86_code64(x) ? 16u : 8u); n++) {
        ir_put(x->ir, SLOT_YMMH + n, zero);
        if (i->vexl)
            ir_put(x->ir, SLOT_XMM + n, zero);
    }
}

/* ---- masked accesses ------------------------------------------------------------------------ */

/* The row's aux is the element's width, or it is VEX.W's. */
static unsigned element_width(const struct x86_insn *i)
{
    return sse_aux(i) ? sse_aux(i) : i->rex & 8 ? IR_W64 : IR_W32;
}

static ir_ref mask_call(struct x86_trans *x, const struct x86_insn *i, unsigned helper)
{
    unsigned bytes = i->vexl ? 32 : 16;
    ir_ref addr = x86_ea(x, i, bytes, helper == HELPER_ID(maskstore));
    ir_ref what = ir_i32(x->ir, bytes | element_width(i) << 8);
    return x86_call(x, helper, addr, what, 0, 0);
}

void tr_avx_maskload(struct x86_trans *x, const struct x86_insn *i)
{
    sse_to_scratch(x, 0, avx_get_vvvv(x, i), 0);
    mask_call(x, i, HELPER_ID(maskload));
    avx_put(x, i->reg, sse_from_scratch(x, avx_type(i)));
}

void tr_avx_maskstore(struct x86_trans *x, const struct x86_insn *i)
{
    sse_to_scratch(x, avx_get(x, i->reg, avx_type(i)), avx_get_vvvv(x, i), 0);
    mask_call(x, i, HELPER_ID(maskstore));
}

/* Base and displacement; the index comes with each element. */
static ir_ref gather_base(struct x86_trans *x, const struct x86_insn *i)
{
    struct x86_insn base = *i;
    base.index = X86_NO_REG;
    base.scale = 0;
    return x86_ea_offset(x, &base);
}

/* arg: 1 when the indices are quadwords. The mask is VEX.vvvv and becomes zero. */
void tr_avx_gather(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = element_width(i), iw = i->row->arg ? IR_W64 : IR_W32;
    unsigned wider = w > iw ? w : iw, count = (i->vexl ? 32u : 16u) >> wider;
    enum ir_type result = (count << w) == 32 ? IR_V256 : IR_V128;
    enum ir_type index = (count << iw) == 32 ? IR_V256 : IR_V128;
    sse_to_scratch(x, avx_get(x, i->reg, result), avx_get(x, i->vvvv, result),
                   avx_get(x, i->vindex, index));
    uint32_t what = w | iw << 4 | count << 8 | (unsigned)i->scale << 12 | (unsigned)i->seg << 16 |
                    (unsigned)i->addrsize << 20;
    x86_call(x, HELPER_ID(gather), gather_base(x, i), ir_i32(x->ir, what), 0, 0);
    avx_put(x, i->reg, sse_from_scratch(x, result));
    avx_put(x, i->vvvv, sse_zero(x));
}
