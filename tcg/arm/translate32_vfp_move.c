/* VFP of A32 and T32: moves between registers of both kinds, FPSCR, loads and stores. */
#include "tcg/arm/translate32_vec.h"

static struct a32_operand single(unsigned n)
{
    return (struct a32_operand){A32_S, (uint8_t)n};
}
static struct a32_operand dword(unsigned n)
{
    return (struct a32_operand){A32_D, (uint8_t)n};
}
static ir_ref lane(struct a64_trans *x, enum ir_type type, unsigned w, ir_ref v, unsigned n)
{
    return ir_emit(x->ir, IR_V_LANE, type, w, v, 0, 0, 0, n);
}
static ir_ref from(struct a64_trans *x, enum ir_width w, ir_ref v)
{
    return ir_emit(x->ir, IR_V_FROM, IR_V128, w, v, 0, 0, 0, 0);
}

/* ---- moves -------------------------------------------------------------------------------------
 */

bool a32_v_core_single(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_operand s = single(a32_number(A32_S, i->Vn, i->N));
    if (i->Rt == A32_PC)
        return false;
    if (!a32_vec_begin(x))
        return true;
    if (i->L)
        a32_put(x, i->Rt, lane(x, IR_I32, IR_W32, a32_vec_get(x, s), 0));
    else
        a32_vec_put(x, s, from(x, IR_W32, a32_reg(x, i->Rt)));
    return true;
}

/* Two S registers that follow each other, or a D register. */
bool a32_v_core_pair(struct a64_trans *x, const struct a32_insn *i)
{
    struct ir_region *r = x->ir;
    const unsigned n = a32_number(i->dbl ? A32_D : A32_S, i->Vm, i->M);
    if (i->Rt == A32_PC || i->Rt2 == A32_PC || (i->L && i->Rt == i->Rt2) || (!i->dbl && n == 31))
        return false;
    if (!a32_vec_begin(x))
        return true;
    if (i->L) {
        ir_ref low = a32_vec_get(x, i->dbl ? dword(n) : single(n));
        ir_ref a = lane(x, IR_I32, IR_W32, low, 0);
        ir_ref b = i->dbl ? lane(x, IR_I32, IR_W32, low, 1)
                          : lane(x, IR_I32, IR_W32, a32_vec_get(x, single(n + 1)), 0);
        a32_put(x, i->Rt, a);
        a32_put(x, i->Rt2, b);
    } else if (i->dbl) {
        ir_ref v = ir_emit(r, IR_DEPOSIT, IR_I64, 0, a32_zext64(x, a32_reg(x, i->Rt)),
                           a32_zext64(x, a32_reg(x, i->Rt2)), 0, 0, 32 | 32 << 8);
        a32_vec_put(x, dword(n), from(x, IR_W64, v));
    } else {
        a32_vec_put(x, single(n), from(x, IR_W32, a32_reg(x, i->Rt)));
        a32_vec_put(x, single(n + 1), from(x, IR_W32, a32_reg(x, i->Rt2)));
    }
    return true;
}

/* Width and number of a lane of a D register by opc1:opc2; false: there is no such one. */
static bool lane_of(const struct a32_insn *i, unsigned *w, unsigned *n)
{
    const unsigned opc = (unsigned)i->opc1 << 2 | i->opc2;
    *w = opc & 8 ? IR_W8 : opc & 1 ? IR_W16 : IR_W32;
    *n = (opc & 7) >> *w;
    return *w != IR_W32 || !(opc & 2);
}

bool a32_v_to_lane(struct a64_trans *x, const struct a32_insn *i)
{
    const unsigned d = a32_number(A32_D, i->Vn, i->N);
    unsigned w, n;
    if (!lane_of(i, &w, &n) || i->Rt == A32_PC)
        return false;
    if (!a32_vec_begin(x))
        return true;
    n += (d & 1) * (8u >> w);
    a64_put_vec(
        x, d / 2,
        ir_emit(x->ir, IR_V_INS, IR_V128, w, a64_vec(x, d / 2), a32_reg(x, i->Rt), 0, 0, n));
    return true;
}

bool a32_v_from_lane(struct a64_trans *x, const struct a32_insn *i)
{
    const unsigned d = a32_number(A32_D, i->Vn, i->N);
    unsigned w, n;
    if (!lane_of(i, &w, &n) || i->Rt == A32_PC || (i->U && w == IR_W32))
        return false;
    if (!a32_vec_begin(x))
        return true;
    ir_ref v = lane(x, IR_I32, w, a64_vec(x, d / 2), n + (d & 1) * (8u >> w));
    a32_put(x, i->Rt, i->U || w == IR_W32 ? v : ir_sext(x->ir, IR_I32, v, (enum ir_width)w));
    return true;
}

bool a32_v_dup_core(struct a64_trans *x, const struct a32_insn *i)
{
    const unsigned w = i->B ? IR_W8 : i->E ? IR_W16 : IR_W32;
    const struct a32_operand d = {i->Q ? A32_Q : A32_D, a32_number(A32_D, i->Vn, i->N)};
    if ((i->B && i->E) || (i->Q && d.n & 1) || i->Rt == A32_PC)
        return false;
    if (!a32_vec_begin(x))
        return true;
    a32_vec_put(
        x, d,
        ir_emit(x->ir, IR_V_BCAST, IR_V128, w, from(x, IR_W32, a32_reg(x, i->Rt)), 0, 0, 0, 0));
    return true;
}

/* ---- FPSCR -------------------------------------------------------------------------------------
 */

enum { FPSID, FPSCR, MVFR2 = 5, MVFR1, MVFR0, FPEXC };

bool a32_v_mrs(struct a64_trans *x, const struct a32_insn *i)
{
    if (i->reg != FPSCR) {
        const bool known = i->reg == FPSID || i->reg == FPEXC || i->reg == MVFR0 ||
                           i->reg == MVFR1 || (i->reg == MVFR2 && a64_has(x, ARM_FEAT_A32_V8));
        if (!a64_el(x) || !known || i->Rt == A32_PC)
            return false;
        a32_put(x, i->Rt, a32_helper(x, HELPER_ID(fp_read), a32_i32(x, i->reg), 0, 0, 0));
        return true;
    }
    if (!a32_vec_begin(x))
        return true;
    if (i->Rt == A32_PC) /* the flags */
        a64_put_nzcv(
            x, ir_emit(x->ir, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, offsetof(struct arm_regs, fpsr)));
    else
        a32_put(x, i->Rt, a64_call_helper(x, HELPER_ID(fpscr_read), 0, 0, 0, 0));
    return true;
}

bool a32_v_msr(struct a64_trans *x, const struct a32_insn *i)
{
    if (i->Rt == A32_PC)
        return false;
    if (i->reg != FPSCR) {
        if (!a64_el(x) || (i->reg != FPSID && i->reg != FPEXC))
            return false;
        a32_helper(x, HELPER_ID(fp_write), a32_i32(x, i->reg), a32_zext64(x, a32_reg(x, i->Rt)), 0,
                   0);
        a32_end_dyn(x, false);
        return true;
    }
    if (!a32_vec_begin(x))
        return true;
    a64_call_helper(x, HELPER_ID(fpscr_write), a32_zext64(x, a32_reg(x, i->Rt)), 0, 0, 0);
    a32_end_dyn(x, false);
    return true;
}

/* ---- loads and stores --------------------------------------------------------------------------
 */

/* Words are aligned, whatever SCTLR says; in memory a D register is two of them. */
static ir_ref load(struct a64_trans *x, ir_ref addr, bool dbl)
{
    const unsigned attr = IR_MEM_ALIGN;
    struct ir_region *r = x->ir;
    if (!dbl)
        return from(x, IR_W32, a64_load(x, IR_I32, a32_address(x, addr), 2, attr));
    ir_ref low = a64_load(x, IR_I32, a32_address(x, addr), 2, attr);
    ir_ref high = a64_load(x, IR_I32, a32_address(x, a64_add_imm(x, IR_I32, addr, 4)), 2, attr);
    const bool big = x->mode & MODE_BIG;
    return from(x, IR_W64,
                ir_emit(r, IR_DEPOSIT, IR_I64, 0, a32_zext64(x, big ? high : low),
                        a32_zext64(x, big ? low : high), 0, 0, 32 | 32 << 8));
}

static void store(struct a64_trans *x, ir_ref addr, ir_ref v, bool dbl)
{
    const unsigned big = x->mode & MODE_BIG ? 1 : 0;
    if (!dbl) {
        a64_store(x, a32_address(x, addr), lane(x, IR_I32, IR_W32, v, 0), 2, IR_MEM_ALIGN);
        return;
    }
    a64_store(x, a32_address(x, addr), lane(x, IR_I32, IR_W32, v, big), 2, IR_MEM_ALIGN);
    a64_store(x, a32_address(x, a64_add_imm(x, IR_I32, addr, 4)), lane(x, IR_I32, IR_W32, v, !big),
              2, IR_MEM_ALIGN);
}

/* `count` registers from d on; all are read before one is written. */
static void transfer(struct a64_trans *x, struct a32_operand d, unsigned count, ir_ref addr,
                     bool in, ir_ref loaded[32])
{
    const bool dbl = d.kind == A32_D;
    for (unsigned k = 0; k < count; k++) {
        const struct a32_operand o = {d.kind, (uint8_t)(d.n + k)};
        ir_ref at = a64_add_imm(x, IR_I32, addr, (int64_t)k * (dbl ? 8 : 4));
        if (in)
            loaded[k] = load(x, at, dbl);
        else
            store(x, at, a32_vec_get(x, o), dbl);
    }
}

static struct a32_operand first_of(const struct a32_insn *i)
{
    const unsigned kind = i->dbl ? A32_D : A32_S;
    return (struct a32_operand){(uint8_t)kind, a32_number(kind, i->Vd, i->D)};
}

static ir_ref base_of(struct a64_trans *x, unsigned rn)
{
    return rn == A32_PC ? ir_trunc(x->ir, a64_pc(x, a32_pc_rel(x) & ~INT64_C(3))) : a32_reg(x, rn);
}

bool a32_vldst(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_operand d = first_of(i);
    const int64_t off = (i->U ? 4 : -4) * (int64_t)i->imm8;
    ir_ref v[32];
    a32_may_fault(x);
    if (!a32_vec_begin(x))
        return true;
    transfer(x, d, 1, a64_add_imm(x, IR_I32, base_of(x, i->Rn), off), i->L, v);
    if (i->L)
        a32_vec_put(x, d, v[0]);
    return true;
}

/* VLDM, VSTM, VPUSH, VPOP; with an odd number of words of D registers one is skipped (FLDMX). */
bool a32_vldst_multiple(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_operand d = first_of(i);
    const unsigned count = i->dbl ? i->imm8 / 2 : i->imm8;
    const int64_t bytes = 4 * (int64_t)i->imm8;
    ir_ref v[32];
    if (!count || d.n + count > 32 || (i->dbl && count > 16) ||
        (i->Rn == A32_PC && (i->W || x->t32)))
        return false;
    a32_may_fault(x);
    if (!a32_vec_begin(x))
        return true;
    ir_ref base = base_of(x, i->Rn);
    transfer(x, d, count, i->U ? base : a64_add_imm(x, IR_I32, base, -bytes), i->L, v);
    for (unsigned k = 0; i->L && k < count; k++)
        a32_vec_put(x, (struct a32_operand){d.kind, (uint8_t)(d.n + k)}, v[k]);
    if (i->W)
        a32_put(x, i->Rn, a64_add_imm(x, IR_I32, base, i->U ? bytes : -bytes));
    return true;
}
