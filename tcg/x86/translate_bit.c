/* Bit test, bit scan, population count and CRC32. */
#include "tcg/x86/translate_int.h"

enum { BT, BTS, BTR, BTC };

static ir_ref bt_value(struct x86_trans *x, unsigned op, enum ir_type t, ir_ref a, ir_ref mask)
{
    switch (op) {
    case BTS:
        return ir_op2(x->ir, IR_OR, t, a, mask);
    case BTR:
        return ir_op2(x->ir, IR_ANDN, t, mask, a);
    default:
        return ir_op2(x->ir, IR_XOR, t, a, mask);
    }
}

/* With a register as bit offset, the memory operand is a bit string: the offset is signed and
 * selects the word. */
static ir_ref bit_string_address(struct x86_trans *x, const struct x86_insn *i, ir_ref bit,
                                 bool write)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize, log_bits = 3 + w;
    ir_ref off = w == IR_W64 ? bit : ir_sext(r, IR_I64, bit, w);
    off = ir_op2(r, IR_SAR, IR_I64, off, ir_i32(r, log_bits));
    off = ir_op2(r, IR_SHL, IR_I64, off, ir_i32(r, w));
    off = ir_op2(r, IR_ADD, IR_I64, x86_ea_offset(x, i), off);
    return x86_linear(x, i->seg, x86_wrap(x, i->addrsize, off), x86_bytes(w), write);
}

static ir_ref bt_atomic(struct x86_trans *x, unsigned op, unsigned w, ir_ref addr, ir_ref mask)
{
    static const uint8_t ops[] = {[BTS] = IR_FETCH_OR, [BTR] = IR_FETCH_AND, [BTC] = IR_FETCH_XOR};
    enum ir_type t = x86_type(w);
    if (op == BTR)
        mask = ir_op1(x->ir, IR_NOT, t, mask);
    return ir_emit(x->ir, ops[op], t, 0, addr, mask, 0, 0, w);
}

void tr_bt(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned op = i->row->arg, w = i->opsize;
    enum ir_type t = x86_type(w);
    ir_ref bit = x86_load_operand(x, i, 1, w), a;

    if (i->mem)
        x->ea = i->row->ops[1] == OP_Gv ? bit_string_address(x, i, bit, op != BT)
                                        : x86_ea(x, i, x86_bytes(w), op != BT);
    if (w == IR_W64)
        bit = ir_trunc(r, bit);
    bit = ir_op2(r, IR_AND, IR_I32, bit, ir_i32(r, x86_bits(w) - 1));
    ir_ref mask = ir_op2(r, IR_SHL, t, ir_const(r, t, 1), bit);
    if (op != BT && x86_needs_atomic(x, i)) {
        a = bt_atomic(x, op, w, x->ea, mask);
    } else if (op == BT) {
        a = x86_load_rm(x, i, w);
    } else {
        a = x86_load_rm_rmw(x, i, w);
        x86_store_rm(x, i, w, bt_value(x, op, t, a, mask));
    }
    ir_ref cf = ir_op2(r, IR_SHR, t, a, bit);
    x86_put_flags(x, ir_fl(r, IR_FL_SETCF, IR_W32, cf, x86_get_flags(x), 0, 0));
}

/* ---- scans ---------------------------------------------------------------------------------- */

static ir_ref load_zero_extended(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    ir_ref a = x86_load_rm(x, i, w);
    return w < IR_W32 ? ir_zext(x->ir, IR_I32, a, w) : a;
}

/* Index of the highest bit of v (not 0). */
static ir_ref top_bit(struct x86_trans *x, enum ir_type t, ir_ref v)
{
    struct ir_region *r = x->ir;
    return ir_op2(r, IR_XOR, t, ir_op1(r, IR_CLZ, t, v), ir_const(r, t, t == IR_I64 ? 63 : 31));
}

/* A zero source leaves the destination as it was, all 64 bits of it, and sets ZF. */
static void put_scan(struct x86_trans *x, const struct x86_insn *i, ir_ref src, ir_ref v)
{
    struct ir_region *r = x->ir;
    ir_ref old = ir_get(r, SLOT_GPR + i->reg);
    ir_put(r, SLOT_GPR + i->reg,
           ir_op3(r, IR_SELNZ, IR_I64, x86_merge_reg(x, i->reg, i->opsize, v), old, src));
    x86_put_flags(x, ir_fl(r, IR_FL_LOGIC, i->opsize, src, 0, 0, 0));
}

void tr_bsf(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = load_zero_extended(x, i);
    put_scan(x, i, src, ir_op1(x->ir, IR_CTZ, x86_type(i->opsize), src));
}

void tr_bsr(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = load_zero_extended(x, i);
    put_scan(x, i, src, top_bit(x, x86_type(i->opsize), src));
}

/* TZCNT, LZCNT: CF = source was 0, ZF = result is 0 */
static void put_count(struct x86_trans *x, const struct x86_insn *i, ir_ref src, ir_ref v)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    enum ir_type t = x86_type(w);
    ir_ref cf = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, src, ir_const(r, t, 0), 0, 0, t);
    ir_ref fl = ir_fl(r, IR_FL_LOGIC, w, v, 0, 0, 0);
    x86_put_reg(x, i, i->reg, w, v);
    x86_put_flags(x, ir_fl(r, IR_FL_SETCF, IR_W32, cf, fl, 0, 0));
}

void tr_tzcnt(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref src = load_zero_extended(x, i), from = src;
    if (i->opsize == IR_W16) /* a bit above the operand makes 0 count 16 */
        from = ir_op2(r, IR_OR, IR_I32, src, ir_i32(r, 0x10000));
    put_count(x, i, src, ir_op1(r, IR_CTZ, x86_type(i->opsize), from));
}

void tr_lzcnt(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = load_zero_extended(x, i);
    ir_ref v = ir_op1(x->ir, IR_CLZ, x86_type(i->opsize), src);
    put_count(x, i, src, i->opsize == IR_W16 ? x86_add_imm(x, IR_I32, v, -16) : v);
}

/* POPCNT: ZF = source was 0, all other flags clear */
void tr_popcnt(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    enum ir_type t = x86_type(i->opsize);
    ir_ref src = load_zero_extended(x, i);
    ir_ref zf = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, src, ir_const(r, t, 0), 0, 0, t);
    x86_put_reg(x, i, i->reg, i->opsize, ir_op1(r, IR_POPCNT, t, src));
    x86_put_flags(x, ir_op1(r, IR_FL_FROM, IR_FL, ir_op2(r, IR_SHL, IR_I32, zf, ir_i32(r, 14))));
}

void tr_crc32(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref data = x86_load_rm(x, i, i->opsize);
    ir_ref crc = x86_get_gpr(x, i->reg, IR_W32);
    x86_put_gpr(x, i->reg, IR_W32,
                ir_emit(x->ir, IR_CRC32C, IR_I32, i->opsize, crc, data, 0, 0, 0));
}
