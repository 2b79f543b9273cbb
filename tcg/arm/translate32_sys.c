/* A32 and T32 system instructions: calls, hints, barriers, coprocessors 14 and 15. */
#include "tcg/arm/translate32.h"

bool a32_nop(struct a64_trans *x, const struct a32_insn *i)
{
    (void)x, (void)i;
    return true;
}

/* ---- exceptions
 * ---------------------------------------------------------------------------------- */

bool a32_udf(struct a64_trans *x, const struct a32_insn *i)
{
    (void)x, (void)i;
    return false;
}

/* HVC and SMC may be undefined yet. */
static bool call_up(struct a64_trans *x, unsigned helper, uint32_t imm)
{
    struct ir_region *r = x->ir;
    a32_must(x);
    a32_leave_it(x); /* the return is to behind it */
    a64_call_helper(x, helper, ir_i32(r, imm), a64_pc(x, x->next), 0, 0);
    a64_end_dyn_pc_set(x, false);
    return true;
}

bool a32_svc(struct a64_trans *x, const struct a32_insn *i)
{
    return call_up(x, HELPER_ID(svc32), i->imm24 & 0xffff);
}

bool a32_t_svc(struct a64_trans *x, const struct a32_insn *i)
{
    return call_up(x, HELPER_ID(svc32), i->imm8);
}

bool a32_hvc(struct a64_trans *x, const struct a32_insn *i)
{
    return a64_el(x) && call_up(x, HELPER_ID(hvc), (uint32_t)i->imm12 << 4 | i->imm4);
}

bool a32_t_hvc(struct a64_trans *x, const struct a32_insn *i)
{
    return a64_el(x) && call_up(x, HELPER_ID(hvc), (uint32_t)i->imm4 << 12 | i->imm12);
}

bool a32_smc(struct a64_trans *x, const struct a32_insn *i)
{
    return a64_el(x) && call_up(x, HELPER_ID(smc), i->imm4);
}

static bool breakpoint(struct a64_trans *x, uint32_t imm)
{
    x->conditional = false; /* whatever its condition */
    a32_may_fault(x);
    a64_raise(x, ARM_TRAP(ARM_EC_BKPT32, imm));
    return true;
}

bool a32_bkpt(struct a64_trans *x, const struct a32_insn *i)
{
    return breakpoint(x, (uint32_t)i->imm12 << 4 | i->imm4);
}

bool a32_t_bkpt(struct a64_trans *x, const struct a32_insn *i)
{
    return breakpoint(x, i->imm8);
}

/* ---- hints and barriers
 * --------------------------------------------------------------------------- */

bool a32_hint(struct a64_trans *x, const struct a32_insn *i)
{
    enum { HINT_YIELD = 1, HINT_WFE, HINT_WFI, HINT_SEV, HINT_SEVL };
    switch (i->hint) {
    case HINT_YIELD: /* how kernels spin */
        if (x->mode & (MODE_PARALLEL | MODE_ICOUNT))
            a32_helper(x, HELPER_ID(yield), 0, 0, 0, 0);
        return true;
    case HINT_WFE:
    case HINT_WFI:
        a32_may_fault(x);
        a32_leave_it(x);
        a64_call_helper(x, i->hint == HINT_WFE ? HELPER_ID(wfe) : HELPER_ID(wfi),
                        a64_pc(x, x->next), 0, 0, 0);
        a64_end_dyn_pc_set(x, true);
        return true;
    case HINT_SEV:
    case HINT_SEVL:
        a32_helper(x, HELPER_ID(sev), a32_i32(x, i->hint == HINT_SEVL), 0, 0, 0);
        return true;
    default:
        return true;
    }
}

bool a32_dmb(struct a64_trans *x, const struct a32_insn *i)
{
    (void)i;
    a32_must(x);
    a64_release(x);
    return true;
}

bool a32_dsb(struct a64_trans *x, const struct a32_insn *i)
{
    a32_may_fault(x);
    a64_wait_for_others(x);
    return a32_dmb(x, i);
}

bool a32_isb(struct a64_trans *x, const struct a32_insn *i)
{
    (void)i;
    if (!a64_el(x))
        return true;
    a32_helper(x, HELPER_ID(isb), 0, 0, 0, 0);
    a32_end_dyn(x, true);
    return true;
}

bool a32_sb(struct a64_trans *x, const struct a32_insn *i)
{
    return a32_nop(x, i);
}

/* ---- coprocessors
 * ------------------------------------------------------------------------------------ */

/* TPIDRURW, TPIDRURO and TPIDRPRW, which C libraries and kernels read all the time; those of EL1
 * where no EL2 can trap them. */
static bool thread_register(struct a64_trans *x, const struct a32_insn *i)
{
    size_t at;
    const bool kernel = a64_el(x) && x->model && !x->model->has_el2;
    if (i->coproc != 15 || i->opc1 || i->CRn != 13 || i->CRm || i->Rt == A32_PC)
        return false;
    if (i->opc2 == 2)
        at = offsetof(struct arm_regs, tpidr[0]);
    else if (i->opc2 == 3 && (i->L || kernel))
        at = offsetof(struct arm_regs, tpidrro);
    else if (i->opc2 == 4 && kernel)
        at = offsetof(struct arm_regs, tpidr[1]);
    else
        return false;
    if (i->L) {
        a32_put(x, i->Rt, ir_emit(x->ir, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, at));
    } else {
        a32_must(x);
        ir_emit(x->ir, IR_STENV, IR_VOID, IR_W32, a32_reg(x, i->Rt), 0, 0, 0, at);
    }
    return true;
}

/* CP15's barriers of ARMv6: ISB, DSB, DMB. */
static bool old_barrier(struct a64_trans *x, const struct a32_insn *i)
{
    if (i->coproc != 15 || i->L || i->opc1 || i->CRn != 7)
        return false;
    if (i->CRm == 5 && i->opc2 == 4)
        return a32_isb(x, i);
    if (i->CRm == 10 && i->opc2 == 4)
        return a32_dsb(x, i);
    return i->CRm == 10 && i->opc2 == 5 && a32_dmb(x, i);
}

/* A register as a trap's syndrome names it: see helpers_32.h. */
bool a32_mcr(struct a64_trans *x, const struct a32_insn *i)
{
    if (thread_register(x, i) || old_barrier(x, i))
        return true;
    ir_ref arg = a32_i32(x, ARM_CP_ARG(i->coproc, i->opc1, i->CRn, i->CRm, i->opc2, i->Rt, i->L));
    if (!i->L) {
        if (i->Rt == A32_PC)
            return false;
        a32_helper(x, HELPER_ID(mcr), arg, a32_zext64(x, a32_reg(x, i->Rt)), 0, 0);
        a32_end_dyn(x, true);
        return true;
    }
    ir_ref v = ir_trunc(x->ir, a32_helper(x, HELPER_ID(mrc), arg, 0, 0, 0));
    if (i->Rt == A32_PC)
        a64_put_nzcv(x, v);
    else
        a32_put(x, i->Rt, v);
    return true;
}

/* MCRR and MRRC. */
static bool double_register(struct a64_trans *x, const struct a32_insn *i, bool read)
{
    if (i->Rt == A32_PC || i->Rt2 == A32_PC)
        return false;
    ir_ref arg = a32_i32(x, ARM_CP_ARG_64(i->coproc, i->opc1, i->CRm, i->Rt, i->Rt2, read));
    if (read) {
        ir_ref v = a32_helper(x, HELPER_ID(mrc), arg, 0, 0, 0);
        a32_put(x, i->Rt, ir_trunc(x->ir, v));
        a32_put(x, i->Rt2, ir_trunc(x->ir, ir_op2(x->ir, IR_SHR, IR_I64, v, a32_i32(x, 32))));
        return true;
    }
    ir_ref v = ir_emit(x->ir, IR_DEPOSIT, IR_I64, 0, a32_zext64(x, a32_reg(x, i->Rt)),
                       a32_reg(x, i->Rt2), 0, 0, 32 | 32 << 8);
    a32_helper(x, HELPER_ID(mcr), arg, v, 0, 0);
    a32_end_dyn(x, true);
    return true;
}

bool a32_mcrr(struct a64_trans *x, const struct a32_insn *i)
{
    return double_register(x, i, i->L);
}

bool a32_t_mcrr(struct a64_trans *x, const struct a32_insn *i)
{
    return double_register(x, i, false);
}

bool a32_t_mrrc(struct a64_trans *x, const struct a32_insn *i)
{
    return double_register(x, i, true);
}

/* LDC and STC: of coprocessor 14 there is the debugger's channel, DBGDTRTXint and DBGDTRRXint. */
bool a32_ldc(struct a64_trans *x, const struct a32_insn *i)
{
    enum { CRD_CHANNEL = 5 };
    const int64_t off = (i->U ? 4 : -4) * (int64_t)i->imm8;
    if (i->CRd != CRD_CHANNEL || i->D || (!i->P && !i->U && !i->W) || (i->Rn == A32_PC && i->W))
        return false;
    ir_ref arg = a32_i32(x, ARM_CP_ARG(14, 0, 0, 5, 0, 0, !i->L));
    ir_ref base = i->Rn == A32_PC ? ir_trunc(x->ir, a64_pc(x, a32_pc_rel(x) & ~INT64_C(3)))
                                  : a32_reg(x, i->Rn);
    ir_ref sum = a64_add_imm(x, IR_I32, base, off), addr = a32_address(x, i->P ? sum : base);
    a32_may_fault(x);
    if (i->L)
        a32_helper(x, HELPER_ID(mcr), arg,
                   a32_zext64(x, a64_load(x, IR_I32, addr, 2, IR_MEM_ALIGN)), 0, 0);
    else
        a64_store(x, addr, ir_trunc(x->ir, a32_helper(x, HELPER_ID(mrc), arg, 0, 0, 0)), 2,
                  IR_MEM_ALIGN);
    if (i->W)
        a32_put(x, i->Rn, sum);
    a32_end_dyn(x, true);
    return true;
}
