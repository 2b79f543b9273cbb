/* BMI1, BMI2 and ADX: operand size is 32 or 64 bits (VEX.W). See table_bmi.c. */
#include "tcg/x86/translate_int.h"

static ir_ref setc(struct x86_trans *x, enum ir_cc cc, enum ir_type t, ir_ref a, uint64_t b)
{
    return ir_emit(x->ir, IR_SETC, IR_I32, cc, a, ir_const(x->ir, t, b), 0, 0, t);
}

/* Flags of a result with a carry of its own; OF is 0. */
static void put_flags(struct x86_trans *x, const struct x86_insn *i, ir_ref v, ir_ref cf)
{
    ir_ref fl = ir_fl(x->ir, IR_FL_LOGIC, i->opsize, v, 0, 0, 0);
    x86_put_flags(x, cf ? ir_fl(x->ir, IR_FL_SETCF, IR_W32, cf, fl, 0, 0) : fl);
}

static ir_ref get_vvvv(struct x86_trans *x, const struct x86_insn *i)
{
    return x86_get_gpr(x, i->vvvv, i->opsize);
}

void tr_andn(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = x86_load_rm(x, i, i->opsize);
    ir_ref v = ir_op2(x->ir, IR_ANDN, x86_type(i->opsize), get_vvvv(x, i), src);
    x86_put_gpr(x, i->reg, i->opsize, v);
    put_flags(x, i, v, 0);
}

/* BLSR 1, BLSMSK 2, BLSI 3: what is done with the lowest set bit. */
void tr_bls(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    enum ir_type t = x86_type(i->opsize);
    ir_ref src = x86_load_rm(x, i, i->opsize), v;
    ir_ref cf = setc(x, i->row->arg == 3 ? IR_CC_NE : IR_CC_E, t, src, 0);
    if (i->row->arg == 3)
        v = ir_op2(r, IR_AND, t, ir_op1(r, IR_NEG, t, src), src);
    else
        v = ir_op2(r, i->row->arg == 1 ? IR_AND : IR_XOR, t, x86_add_imm(x, t, src, -1), src);
    x86_put_gpr(x, i->vvvv, i->opsize, v);
    put_flags(x, i, v, cf);
}

/* The low n bits of v; n (i32) below the operand's width. */
static ir_ref low_bits(struct x86_trans *x, enum ir_type t, ir_ref v, ir_ref n)
{
    struct ir_region *r = x->ir;
    ir_ref one = ir_op2(r, IR_SHL, t, ir_const(r, t, 1), n);
    return ir_op2(r, IR_AND, t, v, x86_add_imm(x, t, one, -1));
}

void tr_bzhi(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    enum ir_type t = x86_type(i->opsize);
    ir_ref src = x86_load_rm(x, i, i->opsize);
    ir_ref n = ir_zext(r, IR_I32, x86_get_gpr(x, i->vvvv, IR_W32), IR_W8);
    ir_ref all = setc(x, IR_CC_AE, IR_I32, n, x86_bits(i->opsize));
    ir_ref v = ir_op3(r, IR_SELNZ, t, src, low_bits(x, t, src, n), all);
    x86_put_gpr(x, i->reg, i->opsize, v);
    put_flags(x, i, v, all);
}

/* Start in bits 7:0 of the second source, length in 15:8. */
void tr_bextr(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    enum ir_type t = x86_type(i->opsize);
    ir_ref src = x86_load_rm(x, i, i->opsize);
    ir_ref control = x86_get_gpr(x, i->vvvv, IR_W32);
    ir_ref start = ir_zext(r, IR_I32, control, IR_W8);
    ir_ref len = ir_emit(r, IR_EXTRACT, IR_I32, 0, control, 0, 0, 0, 8 | 8 << 8);
    ir_ref inside = setc(x, IR_CC_B, IR_I32, start, x86_bits(i->opsize));
    ir_ref all = setc(x, IR_CC_AE, IR_I32, len, x86_bits(i->opsize));
    ir_ref v = ir_op3(r, IR_SELNZ, t, ir_op2(r, IR_SHR, t, src, start), ir_const(r, t, 0), inside);
    v = ir_op3(r, IR_SELNZ, t, v, low_bits(x, t, v, len), all);
    x86_put_gpr(x, i->reg, i->opsize, v);
    put_flags(x, i, v, 0);
}

void tr_pdep_pext(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref mask = x86_load_rm(x, i, i->opsize);
    x86_put_gpr(x, i->reg, i->opsize,
                ir_op2(x->ir, i->row->arg, x86_type(i->opsize), get_vvvv(x, i), mask));
}

/* High half to ModRM.reg, low half to VEX.vvvv; the high one counts when they are the same. */
void tr_mulx(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    ir_ref a = x86_load_rm(x, i, w), b = x86_get_gpr(x, X86_RDX, w), lo, hi;
    if (w == IR_W64) {
        lo = ir_op2(r, IR_UMULX, IR_I64, a, b);
        hi = ir_op1(r, IR_HI, IR_I64, lo);
    } else {
        lo = ir_op2(r, IR_MUL, IR_I64, ir_zext(r, IR_I64, a, w), ir_zext(r, IR_I64, b, w));
        hi = ir_op2(r, IR_SHR, IR_I64, lo, ir_i32(r, 32));
    }
    x86_put_gpr(x, i->vvvv, w, w == IR_W64 ? lo : ir_trunc(r, lo));
    x86_put_gpr(x, i->reg, w, w == IR_W64 ? hi : ir_trunc(r, hi));
}

/* Counts are taken modulo the operand's width, flags stay. */
void tr_shiftx(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref src = x86_load_rm(x, i, i->opsize), n = x86_get_gpr(x, i->vvvv, IR_W32);
    x86_put_gpr(x, i->reg, i->opsize, ir_op2(x->ir, i->row->arg, x86_type(i->opsize), src, n));
}

void tr_rorx(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref n = ir_i32(x->ir, (uint32_t)i->imm & (x86_bits(i->opsize) - 1));
    x86_put_gpr(x, i->reg, i->opsize,
                ir_op2(x->ir, IR_ROR, x86_type(i->opsize), x86_load_rm(x, i, i->opsize), n));
}

/* ADCX (arg 0) takes and gives CF, ADOX (1) OF, in an addition that leaves all other flags. The two
 * carries are values of their own, since such instructions come in long rows. */
void tr_adx(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    enum ir_type t = x86_type(w);
    bool adox = i->row->arg;
    ir_ref b = x86_load_rm(x, i, w), a = x86_get_gpr(x, i->reg, w), old = x86_get_flags(x);
    ir_ref cf = ir_emit(r, IR_SETCC, IR_I32, IR_CC_B, old, 0, 0, 0, 0);
    ir_ref of = ir_emit(r, IR_SETCC, IR_I32, IR_CC_O, old, 0, 0, 0, 0);
    ir_ref in = ir_fl(r, IR_FL_CO, IR_W32, adox ? of : cf, 0, 0, 0);
    ir_ref v = ir_op3(r, IR_ADC, t, a, b, in);
    ir_ref sum = ir_fl(r, IR_FL_ADC, w, a, b, in, 0);
    ir_ref carry = ir_emit(r, IR_SETCC, IR_I32, IR_CC_B, sum, 0, 0, 0, 0);
    x86_put_gpr(x, i->reg, w, v);
    x86_put_flags(x, ir_fl(r, IR_FL_SETCO, IR_W32, adox ? cf : carry, adox ? carry : of, old, 0));
}
