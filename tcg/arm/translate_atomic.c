/*
 * A64 exclusives, acquire and release, and atomic operations.
 *
 * An exclusive store compares memory with what the exclusive load read, and stores by
 * compare-exchange: a value that changed and changed back in between is not noticed. Nothing is
 * marked while arm_regs.excl_size is 0; what does not match is stored back as it is. Everything is
 * one atomic operation when the machine has other vCPUs (MODE_PARALLEL), else an ordinary read and
 * write.
 *
 * On hosts that order memory as x86 does every load acquires and every store releases. What is left
 * is a release before a later acquire, which a fence behind the store keeps.
 */
#include "tcg/arm/translate.h"

static ir_ref env(struct a64_trans *x, enum ir_type type, size_t offset)
{
    return ir_emit(x->ir, IR_LDENV, type, 0, 0, 0, 0, 0, offset);
}

static void put_env(struct a64_trans *x, size_t offset, enum ir_width width, ir_ref v)
{
    ir_emit(x->ir, IR_STENV, IR_VOID, width, v, 0, 0, 0, offset);
}

/* An integer the other way round when data are big-endian. */
ir_ref a64_in_order(struct a64_trans *x, ir_ref v, unsigned size)
{
    return x->mode & MODE_BIG && size ? a64_swap(x, size == 3 ? IR_I64 : IR_I32, v, size) : v;
}

/* Atomics and exclusives must be aligned whatever SCTLR_ELx says. */
static unsigned aligned(unsigned size)
{
    return size | (size ? (unsigned)IR_MEM_ALIGN : 0u);
}

static enum ir_type type_of(unsigned size)
{
    return size == 3 ? IR_I64 : IR_I32;
}

/* ---- acquire and release ------------------------------------------------------------------------
 */

void a64_release(struct a64_trans *x)
{
    if (x->mode & MODE_PARALLEL)
        ir_emit(x->ir, IR_FENCE, IR_VOID, 0, 0, 0, 0, 0, 0);
}

bool a64_ldar(struct a64_trans *x, const struct a64_insn *i)
{
    a64_put(x, i->Rt, true, a64_load(x, IR_I64, a64_base(x, i->Rn), i->size, IR_MEM_ALIGN));
    return true;
}

bool a64_stlr(struct a64_trans *x, const struct a64_insn *i)
{
    a64_store(x, a64_base(x, i->Rn), a64_reg(x, i->Rt, i->size == 3), i->size, IR_MEM_ALIGN);
    a64_release(x);
    return true;
}

/* ---- exclusives
 * ----------------------------------------------------------------------------------- */

static void mark(struct a64_trans *x, ir_ref addr, unsigned bytes)
{
    put_env(x, offsetof(struct arm_regs, excl_addr), IR_W64, addr);
    put_env(x, offsetof(struct arm_regs, excl_size), IR_W32, ir_i32(x->ir, bytes));
}

void a64_forget_exclusive(struct a64_trans *x)
{
    put_env(x, offsetof(struct arm_regs, excl_size), IR_W32, ir_i32(x->ir, 0));
}

bool a64_clrex(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    a64_forget_exclusive(x);
    return true;
}

ir_ref a64_load_exclusive(struct a64_trans *x, ir_ref addr, unsigned size)
{
    ir_ref v = ir_ld(x->ir, IR_I64, addr, aligned(size));
    put_env(x, offsetof(struct arm_regs, excl_value), IR_W64, v);
    mark(x, addr, 1u << size);
    return v;
}

bool a64_ldxr(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref v = a64_load_exclusive(x, a64_base(x, i->Rn), i->size);
    if (i->size < 3)
        v = ir_trunc(r, v);
    a64_put(x, i->Rt, i->size == 3, a64_in_order(x, v, i->size));
    return true;
}

/* old == expected ? desired : old to memory; the old value, zero-extended. */
static ir_ref compare_exchange(struct a64_trans *x, ir_ref addr, ir_ref expected, ir_ref desired,
                               unsigned size)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = type_of(size);
    const unsigned attr = aligned(size);
    if (x->mode & MODE_PARALLEL)
        return ir_emit(r, IR_CMPXCHG, t, 0, addr, expected, desired, 0, attr);
    ir_ref old = ir_ld(r, t, addr, attr | IR_MEM_RMW);
    ir_ref equal = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, old, expected, 0, 0, t);
    ir_st(r, addr, ir_op3(r, IR_SELNZ, t, desired, old, equal), old, attr | IR_MEM_RMW);
    return old;
}

ir_ref a64_store_exclusive(struct a64_trans *x, ir_ref addr, ir_ref v, unsigned size)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = type_of(size);
    ir_ref expected = env(x, t, offsetof(struct arm_regs, excl_value));
    ir_ref here = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, addr,
                          env(x, IR_I64, offsetof(struct arm_regs, excl_addr)), 0, 0, IR_I64);
    ir_ref sized =
        ir_emit(r, IR_SETC, IR_I32, IR_CC_E, env(x, IR_I32, offsetof(struct arm_regs, excl_size)),
                ir_i32(r, 1u << size), 0, 0, IR_I32);
    ir_ref marked = ir_op2(r, IR_AND, IR_I32, here, sized);
    ir_ref old =
        compare_exchange(x, addr, expected, ir_op3(r, IR_SELNZ, t, v, expected, marked), size);
    ir_ref same = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, old, expected, 0, 0, t);
    ir_ref stored = ir_op2(r, IR_AND, IR_I32, marked, same);
    a64_forget_exclusive(x);
    return ir_op2(r, IR_XOR, IR_I32, stored, ir_i32(r, 1));
    /* a compare-exchange of other vCPUs' sight is a fence */
}

/* Store `v` (as it lies in memory) exclusively; Rs becomes 0 when it was, else 1. */
static void store_exclusive(struct a64_trans *x, const struct a64_insn *i, ir_ref v, unsigned size)
{
    a64_put(x, i->Rs, false, a64_store_exclusive(x, a64_base(x, i->Rn), v, size));
}

bool a64_stxr(struct a64_trans *x, const struct a64_insn *i)
{
    store_exclusive(x, i, a64_in_order(x, a64_reg(x, i->Rt, i->size == 3), i->size), i->size);
    return true;
}

/* Two words as they lie in memory, the first in the low half. */
static ir_ref join(struct a64_trans *x, ir_ref first, ir_ref second)
{
    struct ir_region *r = x->ir;
    first = ir_zext(r, IR_I64, a64_in_order(x, first, 2), IR_W32);
    return ir_emit(r, IR_DEPOSIT, IR_I64, 0, first, a64_in_order(x, second, 2), 0, 0, 32 | 32 << 8);
}

static void put_split(struct a64_trans *x, unsigned first, unsigned second, ir_ref both)
{
    struct ir_region *r = x->ir;
    ir_ref high = ir_trunc(r, ir_op2(r, IR_SHR, IR_I64, both, ir_i32(r, 32)));
    a64_put(x, first, false, a64_in_order(x, ir_trunc(r, both), 2));
    a64_put(x, second, false, a64_in_order(x, high, 2));
}

bool a64_ldxp(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref addr = a64_base(x, i->Rn);
    if (!i->sz) {
        ir_ref v = ir_ld(r, IR_I64, addr, aligned(3));
        put_env(x, offsetof(struct arm_regs, excl_value), IR_W64, v);
        mark(x, addr, 8);
        put_split(x, i->Rt, i->Rt2, v);
        return true;
    }
    ir_ref v = ir_ld(r, IR_V128, addr, aligned(4)); /* one access: hosts with AVX have it atomic */
    ir_ref low = ir_emit(r, IR_V_LANE, IR_I64, IR_W64, v, 0, 0, 0, 0);
    ir_ref high = ir_emit(r, IR_V_LANE, IR_I64, IR_W64, v, 0, 0, 0, 1);
    put_env(x, offsetof(struct arm_regs, excl_value), IR_W128, v);
    mark(x, addr, 16);
    a64_put(x, i->Rt, true, a64_in_order(x, low, 3));
    a64_put(x, i->Rt2, true, a64_in_order(x, high, 3));
    return true;
}

bool a64_stxp(struct a64_trans *x, const struct a64_insn *i)
{
    if (!i->sz) {
        store_exclusive(x, i, join(x, a64_reg(x, i->Rt, false), a64_reg(x, i->Rt2, false)), 3);
        return true;
    }
    ir_ref addr = a64_base(x, i->Rn), low = a64_in_order(x, a64_reg(x, i->Rt, true), 3),
           high = a64_in_order(x, a64_reg(x, i->Rt2, true), 3);
    ir_ref failed = a64_call_helper(x, HELPER_ID(stxp), addr, low, high, 0);
    a64_put(x, i->Rs, true, failed);
    return true;
}

/* ---- compare and swap
 * ------------------------------------------------------------------------------ */

bool a64_cas(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const bool wide = i->size == 3;
    ir_ref addr = a64_base(x, i->Rn), expected = a64_in_order(x, a64_reg(x, i->Rs, wide), i->size);
    if (i->size < 2)
        expected = ir_zext(r, IR_I32, expected, (enum ir_width)i->size);
    ir_ref old = compare_exchange(x, addr, expected,
                                  a64_in_order(x, a64_reg(x, i->Rt, wide), i->size), i->size);
    a64_put(x, i->Rs, wide, a64_in_order(x, old, i->size));
    return true;
}

/* Registers are pairs, the first one even. */
bool a64_casp(struct a64_trans *x, const struct a64_insn *i)
{
    const int32_t temp = TCG_ENV_OFFSET(temp);
    if ((i->Rs | i->Rt) & 1)
        return false;
    ir_ref addr = a64_base(x, i->Rn);
    if (!i->sz) {
        ir_ref expected = join(x, a64_reg(x, i->Rs, false), a64_reg(x, i->Rs + 1u, false));
        ir_ref desired = join(x, a64_reg(x, i->Rt, false), a64_reg(x, i->Rt + 1u, false));
        put_split(x, i->Rs, i->Rs + 1u, compare_exchange(x, addr, expected, desired, 3));
        return true;
    }
    put_env(x, (size_t)temp, IR_W64, a64_in_order(x, a64_reg(x, i->Rs, true), 3));
    put_env(x, (size_t)temp + 8, IR_W64, a64_in_order(x, a64_reg(x, i->Rs + 1u, true), 3));
    ir_ref low =
        a64_call_helper(x, HELPER_ID(casp), addr, a64_in_order(x, a64_reg(x, i->Rt, true), 3),
                        a64_in_order(x, a64_reg(x, i->Rt + 1u, true), 3), 0);
    ir_ref high = env(x, IR_I64, (size_t)temp + 8);
    a64_put(x, i->Rs, true, a64_in_order(x, low, 3));
    a64_put(x, i->Rs + 1u, true, a64_in_order(x, high, 3));
    return true;
}

/* ---- operations
 * ------------------------------------------------------------------------------------- */

enum { AT_ADD, AT_CLR, AT_EOR, AT_SET, AT_SMAX, AT_SMIN, AT_UMAX, AT_UMIN };

/* What becomes of `old` in memory; both zero-extended or, for AT_SMAX and AT_SMIN, sign-extended.
 */
static ir_ref combine(struct a64_trans *x, unsigned opc, enum ir_type t, ir_ref old, ir_ref v)
{
    static const uint8_t ops[] = {IR_ADD, IR_NOP, IR_XOR, IR_OR};
    static const uint8_t keeps_old[] = {IR_CC_G, IR_CC_L, IR_CC_A, IR_CC_B};
    struct ir_region *r = x->ir;
    if (opc == AT_CLR)
        return ir_op2(r, IR_ANDN, t, v, old);
    if (opc < AT_SMAX)
        return ir_emit(r, (enum ir_op)ops[opc], t, 0, old, v, 0, 0, 0);
    ir_ref keep = ir_emit(r, IR_SETC, IR_I32, keeps_old[opc - AT_SMAX], old, v, 0, 0, t);
    return ir_op3(r, IR_SELNZ, t, old, v, keep);
}

/* v as wide as the access, extended for comparisons. */
static ir_ref operand(struct a64_trans *x, unsigned opc, ir_ref v, unsigned size)
{
    if (size >= 2 || opc < AT_SMAX)
        return v;
    return opc < AT_UMAX ? ir_sext(x->ir, IR_I32, v, (enum ir_width)size)
                         : ir_zext(x->ir, IR_I32, v, (enum ir_width)size);
}

/* By host atomics; the old value as it lies in memory. */
static ir_ref parallel(struct a64_trans *x, const struct a64_insn *i, ir_ref addr, ir_ref v)
{
    static const uint8_t ops[] = {IR_FETCH_ADD, IR_FETCH_AND, IR_FETCH_XOR, IR_FETCH_OR};
    struct ir_region *r = x->ir;
    const enum ir_type t = type_of(i->size);
    const unsigned attr = aligned(i->size);
    if (i->o3)
        return ir_emit(r, IR_XCHG, t, 0, addr, a64_in_order(x, v, i->size), 0, 0, attr);
    if (i->opc >= AT_SMAX || (i->opc == AT_ADD && x->mode & MODE_BIG && i->size)) {
        ir_ref how =
            ir_i32(r, i->opc | (unsigned)i->size << 4 | (x->mode & MODE_BIG ? 1u << 8 : 0));
        ir_ref old = a64_call_helper(x, HELPER_ID(atomic), addr, v, how, 0);
        return t == IR_I64 ? old : ir_trunc(r, old);
    }
    v = a64_in_order(x, v, i->size);
    if (i->opc == AT_CLR)
        v = ir_op1(r, IR_NOT, t, v);
    return ir_emit(r, (enum ir_op)ops[i->opc], t, 0, addr, v, 0, 0, attr);
}

/* LDADD and its like, and SWP. Rt: the old value. */
bool a64_atomic(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = type_of(i->size);
    const bool wide = i->size == 3;
    ir_ref addr = a64_base(x, i->Rn), v = a64_reg(x, i->Rs, wide), old;
    if (x->mode & MODE_PARALLEL) {
        old = parallel(x, i, addr, v);
    } else {
        ir_ref raw = ir_ld(r, t, addr, aligned(i->size) | IR_MEM_RMW);
        ir_ref was = a64_in_order(x, raw, i->size), now = v;
        if (!i->o3)
            now = combine(x, i->opc, t, operand(x, i->opc, was, i->size),
                          operand(x, i->opc, v, i->size));
        ir_st(r, addr, a64_in_order(x, now, i->size), raw, aligned(i->size) | IR_MEM_RMW);
        old = raw;
    }
    a64_put(x, i->Rt, wide, a64_in_order(x, old, i->size));
    return true;
}
