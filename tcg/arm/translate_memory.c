/* A64 loads and stores: what all of them share. */
#include "tcg/arm/translate.h"

unsigned a64_mem(const struct a64_trans *x, unsigned size)
{
    return size | (x->mode & MODE_ALIGN && size ? IR_MEM_ALIGN : 0u);
}

ir_ref a64_base(struct a64_trans *x, unsigned n)
{
    ir_ref base = a64_reg_sp(x, n, true);
    if (n == 31 && x->mode & MODE_SP_ALIGN)
        a64_raise_if(x, ir_op2(x->ir, IR_AND, IR_I64, base, ir_i64(x->ir, 15)),
                     ARM_TRAP(ARM_EC_SP_ALIGN, 0));
    return base;
}

ir_ref a64_swap(struct a64_trans *x, enum ir_type type, ir_ref v, unsigned size)
{
    struct ir_region *r = x->ir;
    unsigned bits = type == IR_I64 ? 64 : 32;
    v = ir_op1(r, IR_BSWAP, type, v);
    return 8u << size == bits ? v : ir_op2(r, IR_SHR, type, v, ir_i32(r, bits - (8u << size)));
}

ir_ref a64_load(struct a64_trans *x, enum ir_type type, ir_ref addr, unsigned size, unsigned attr)
{
    if (!(x->mode & MODE_BIG) || !size)
        return ir_ld(x->ir, type, addr, a64_mem(x, size) | attr);
    ir_ref v = a64_swap(
        x, type, ir_ld(x->ir, type, addr, a64_mem(x, size) | (attr & ~(unsigned)IR_MEM_SIGN)),
        size);
    return attr & IR_MEM_SIGN && size < (type == IR_I64 ? 3u : 2u)
               ? ir_sext(x->ir, type, v, (enum ir_width)size)
               : v;
}

void a64_store(struct a64_trans *x, ir_ref addr, ir_ref v, unsigned size, unsigned attr)
{
    if (x->mode & MODE_BIG && size)
        v = a64_swap(x, (enum ir_type)x->ir->insns[v].type, v, size);
    ir_st(x->ir, addr, v, 0, a64_mem(x, size) | attr);
}

/* The low 1 << size bytes of a vector the other way round (a big-endian access of one element). */
static ir_ref swap_vec(struct a64_trans *x, ir_ref v, unsigned size)
{
    struct ir_region *r = x->ir;
    ir_ref low = ir_emit(r, IR_V_LANE, IR_I64, IR_W64, v, 0, 0, 0, 0);
    if (size < 4)
        return ir_emit(r, IR_V_FROM, IR_V128, IR_W64, a64_swap(x, IR_I64, low, size), 0, 0, 0, 0);
    ir_ref high = ir_emit(r, IR_V_LANE, IR_I64, IR_W64, v, 0, 0, 0, 1);
    v = ir_emit(r, IR_V_FROM, IR_V128, IR_W64, a64_swap(x, IR_I64, high, 3), 0, 0, 0, 0);
    return ir_emit(r, IR_V_INS, IR_V128, IR_W64, v, a64_swap(x, IR_I64, low, 3), 0, 0, 1);
}

ir_ref a64_load_vec(struct a64_trans *x, ir_ref addr, unsigned size)
{
    struct ir_region *r = x->ir;
    ir_ref v = size >= 2 ? ir_ld(r, IR_V128, addr, a64_mem(x, size))
                         : ir_emit(r, IR_V_FROM, IR_V128, IR_W32,
                                   ir_ld(r, IR_I32, addr, a64_mem(x, size)), 0, 0, 0, 0);
    return x->mode & MODE_BIG && size ? swap_vec(x, v, size) : v;
}

void a64_store_vec(struct a64_trans *x, ir_ref addr, ir_ref v, unsigned size)
{
    struct ir_region *r = x->ir;
    if (x->mode & MODE_BIG && size)
        v = swap_vec(x, v, size);
    if (size < 2)
        v = ir_emit(r, IR_V_LANE, IR_I32, IR_W32, v, 0, 0, 0, 0);
    ir_st(r, addr, v, 0, a64_mem(x, size));
}
