/* A64 loads and stores: of one register and of pairs, in every addressing mode. */
#include "tcg/arm/translate.h"

/* ---- one register ------------------------------------------------------------------------------
 */

enum { OPC_STORE = 0, OPC_LOAD = 1, OPC_LOAD_SIGNED64 = 2 };

/* A general register by size and opc. attr: IR_MEM_IDX and IR_MEM_ALIGN as wanted. */
static void transfer(struct a64_trans *x, const struct a64_insn *i, ir_ref addr, unsigned attr)
{
    if (i->opc == OPC_STORE) {
        a64_store(x, addr, a64_reg(x, i->Rt, i->size == 3), i->size, attr);
    } else if (i->opc == OPC_LOAD || i->opc == OPC_LOAD_SIGNED64) {
        if (i->opc == OPC_LOAD_SIGNED64)
            attr |= IR_MEM_SIGN;
        a64_put(x, i->Rt, true, a64_load(x, IR_I64, addr, i->size, attr));
    } else {
        a64_put(x, i->Rt, false, a64_load(x, IR_I32, addr, i->size, attr | IR_MEM_SIGN));
    }
}

/* A vector register: opc bit 1 says 128 bits. */
static void transfer_vec(struct a64_trans *x, const struct a64_insn *i, ir_ref addr)
{
    const unsigned size = i->opc & 2 ? 4 : i->size;
    if (i->opc & 1)
        a64_put_vec(x, i->Rt, a64_load_vec(x, addr, size));
    else
        a64_store_vec(x, addr, a64_vec(x, i->Rt), size);
}

static unsigned vec_size(const struct a64_insn *i)
{
    return i->opc & 2 ? 4 : i->size;
}

bool a64_ldst_imm(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref base = a64_base(x, i->Rn);
    transfer(x, i, a64_add_imm(x, IR_I64, base, (int64_t)i->imm12 << i->size), 0);
    return true;
}

bool a64_ldst_vec_imm(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    ir_ref base = a64_base(x, i->Rn);
    transfer_vec(x, i, a64_add_imm(x, IR_I64, base, (int64_t)i->imm12 << vec_size(i)));
    return true;
}

bool a64_ldst_unscaled(struct a64_trans *x, const struct a64_insn *i)
{
    transfer(x, i, a64_add_imm(x, IR_I64, a64_base(x, i->Rn), i->imm9), 0);
    return true;
}

bool a64_ldst_vec_unscaled(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    transfer_vec(x, i, a64_add_imm(x, IR_I64, a64_base(x, i->Rn), i->imm9));
    return true;
}

/* LDAPUR and STLUR. */
bool a64_ldst_ordered(struct a64_trans *x, const struct a64_insn *i)
{
    transfer(x, i, a64_add_imm(x, IR_I64, a64_base(x, i->Rn), i->imm9), IR_MEM_ALIGN);
    if (i->opc == OPC_STORE)
        a64_release(x);
    return true;
}

/* As EL0 would, from EL1 (and from EL2 where it has an EL0 of its own: the MMU index says so). */
bool a64_ldst_user(struct a64_trans *x, const struct a64_insn *i)
{
    const bool as_user = a64_el(x) && a64_el(x) < 3 && !(x->mode & MODE_UAO);
    transfer(x, i, a64_add_imm(x, IR_I64, a64_base(x, i->Rn), i->imm9), as_user ? ARM_MEM_USER : 0);
    return true;
}

bool a64_ldst_post(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref base = a64_base(x, i->Rn);
    transfer(x, i, base, 0);
    a64_put_sp(x, i->Rn, true, a64_add_imm(x, IR_I64, base, i->imm9));
    return true;
}

bool a64_ldst_pre(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref addr = a64_add_imm(x, IR_I64, a64_base(x, i->Rn), i->imm9);
    transfer(x, i, addr, 0);
    a64_put_sp(x, i->Rn, true, addr);
    return true;
}

bool a64_ldst_vec_post(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    ir_ref base = a64_base(x, i->Rn);
    transfer_vec(x, i, base);
    a64_put_sp(x, i->Rn, true, a64_add_imm(x, IR_I64, base, i->imm9));
    return true;
}

bool a64_ldst_vec_pre(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    ir_ref addr = a64_add_imm(x, IR_I64, a64_base(x, i->Rn), i->imm9);
    transfer_vec(x, i, addr);
    a64_put_sp(x, i->Rn, true, addr);
    return true;
}

static ir_ref indexed(struct a64_trans *x, const struct a64_insn *i, unsigned scale)
{
    struct ir_region *r = x->ir;
    ir_ref base = a64_base(x, i->Rn), index = a64_extended(x, i->Rm, true, i->option);
    if (!i->S)
        scale = 0;
    if (scale <= 3)
        return ir_emit(r, IR_LEA, IR_I64, scale, base, index, 0, 0, 0);
    return ir_op2(r, IR_ADD, IR_I64, base, ir_op2(r, IR_SHL, IR_I64, index, ir_i32(r, scale)));
}

bool a64_ldst_reg(struct a64_trans *x, const struct a64_insn *i)
{
    transfer(x, i, indexed(x, i, i->size), 0);
    return true;
}

bool a64_ldst_vec_reg(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    transfer_vec(x, i, indexed(x, i, vec_size(i)));
    return true;
}

/* ---- literals -----------------------------------------------------------------------------------
 */

static ir_ref literal(struct a64_trans *x, const struct a64_insn *i)
{
    return a64_pc(x, x->start + (int64_t)i->imm19 * 4);
}

bool a64_ldr_lit32(struct a64_trans *x, const struct a64_insn *i)
{
    a64_put(x, i->Rt, true, a64_load(x, IR_I64, literal(x, i), 2, 0));
    return true;
}

bool a64_ldr_lit64(struct a64_trans *x, const struct a64_insn *i)
{
    a64_put(x, i->Rt, true, a64_load(x, IR_I64, literal(x, i), 3, 0));
    return true;
}

bool a64_ldrsw_lit(struct a64_trans *x, const struct a64_insn *i)
{
    a64_put(x, i->Rt, true, a64_load(x, IR_I64, literal(x, i), 2, IR_MEM_SIGN));
    return true;
}

bool a64_ldr_lit_vec(struct a64_trans *x, const struct a64_insn *i)
{
    if (a64_check_fp(x))
        a64_put_vec(x, i->Rt, a64_load_vec(x, literal(x, i), i->opc + 2u));
    return true;
}

/* ---- pairs --------------------------------------------------------------------------------------
 */

enum { PAIR_POST = 1, PAIR_PRE = 3 };

/* The address of a pair's first register; *base: what the base register becomes, 0: it stays. */
static ir_ref pair_address(struct a64_trans *x, const struct a64_insn *i, unsigned scale,
                           ir_ref *base)
{
    ir_ref old = a64_base(x, i->Rn),
           moved = a64_add_imm(x, IR_I64, old, (int64_t)((uint64_t)(int64_t)i->imm7 << scale));
    *base = i->type == PAIR_POST || i->type == PAIR_PRE ? moved : 0;
    return i->type == PAIR_POST ? old : moved;
}

static void put_base(struct a64_trans *x, const struct a64_insn *i, ir_ref base)
{
    if (base)
        a64_put_sp(x, i->Rn, true, base);
}

bool a64_ldp(struct a64_trans *x, const struct a64_insn *i)
{
    const unsigned size = i->opc & 2 ? 3 : 2, attr = i->opc & 1 ? IR_MEM_SIGN : 0;
    ir_ref base, addr = pair_address(x, i, size, &base);
    ir_ref a = a64_load(x, IR_I64, addr, size, attr);
    ir_ref b = a64_load(x, IR_I64, a64_add_imm(x, IR_I64, addr, 1 << size), size, attr);
    a64_put(x, i->Rt, true, a);
    a64_put(x, i->Rt2, true, b);
    put_base(x, i, base);
    return true;
}

bool a64_stp(struct a64_trans *x, const struct a64_insn *i)
{
    const unsigned size = i->opc & 2 ? 3 : 2;
    ir_ref base, addr = pair_address(x, i, size, &base);
    a64_store(x, addr, a64_reg(x, i->Rt, size == 3), size, 0);
    a64_store(x, a64_add_imm(x, IR_I64, addr, 1 << size), a64_reg(x, i->Rt2, size == 3), size, 0);
    put_base(x, i, base);
    return true;
}

bool a64_ldp_vec(struct a64_trans *x, const struct a64_insn *i)
{
    const unsigned size = i->opc + 2u;
    if (!a64_check_fp(x))
        return true;
    ir_ref base, addr = pair_address(x, i, size, &base);
    ir_ref a = a64_load_vec(x, addr, size);
    ir_ref b = a64_load_vec(x, a64_add_imm(x, IR_I64, addr, 1 << size), size);
    a64_put_vec(x, i->Rt, a);
    a64_put_vec(x, i->Rt2, b);
    put_base(x, i, base);
    return true;
}

bool a64_stp_vec(struct a64_trans *x, const struct a64_insn *i)
{
    const unsigned size = i->opc + 2u;
    if (!a64_check_fp(x))
        return true;
    ir_ref base, addr = pair_address(x, i, size, &base);
    a64_store_vec(x, addr, a64_vec(x, i->Rt), size);
    a64_store_vec(x, a64_add_imm(x, IR_I64, addr, 1 << size), a64_vec(x, i->Rt2), size);
    put_base(x, i, base);
    return true;
}

/* ---- authenticated
 * -------------------------------------------------------------------------------- */

bool a64_ldra(struct a64_trans *x, const struct a64_insn *i)
{
    /* S is the sign of an offset of ten bits, scaled by 8 */
    const int64_t offset = ((int64_t)i->simm9 - (i->S ? 512 : 0)) * 8;
    ir_ref base =
        a64_authenticate(x, a64_base(x, i->Rn), ir_i64(x->ir, 0), i->M ? ARM_KEY_DB : ARM_KEY_DA);
    ir_ref addr = a64_add_imm(x, IR_I64, base, offset);
    ir_ref v = a64_load(x, IR_I64, addr, 3, 0);
    if (i->W)
        a64_put_sp(x, i->Rn, true, addr);
    a64_put(x, i->Rt, true, v);
    return true;
}
