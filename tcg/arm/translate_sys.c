/*
 * A64 system instructions. Registers and operations are the helpers' in general (system registers:
 * helpers_sys.h); what kernels and C libraries use all the time is done in place where nothing
 * traps.
 */
#include "tcg/arm/sysreg.h"
#include "tcg/arm/translate.h"

static ir_ref env(struct a64_trans *x, size_t offset)
{
    return ir_emit(x->ir, IR_LDENV, IR_I64, 0, 0, 0, 0, 0, offset);
}

static void put_env(struct a64_trans *x, size_t offset, ir_ref v)
{
    ir_emit(x->ir, IR_STENV, IR_VOID, IR_W64, v, 0, 0, 0, offset);
}

/* ---- exceptions
 * ---------------------------------------------------------------------------------- */

bool a64_udf(struct a64_trans *x, const struct a64_insn *i)
{
    (void)x, (void)i;
    return false;
}

static bool call_up(struct a64_trans *x, const struct a64_insn *i, unsigned helper)
{
    a64_call_helper(x, helper, ir_i32(x->ir, i->imm16), a64_pc(x, x->next), 0, 0);
    a64_end_dyn_pc_set(x, false);
    return true;
}

bool a64_svc(struct a64_trans *x, const struct a64_insn *i)
{
    return call_up(x, i, HELPER_ID(svc));
}

bool a64_hvc(struct a64_trans *x, const struct a64_insn *i)
{
    return a64_el(x) && call_up(x, i, HELPER_ID(hvc));
}

bool a64_smc(struct a64_trans *x, const struct a64_insn *i)
{
    return a64_el(x) && call_up(x, i, HELPER_ID(smc));
}

bool a64_brk(struct a64_trans *x, const struct a64_insn *i)
{
    a64_raise(x, ARM_TRAP(ARM_EC_BRK64, i->imm16));
    return true;
}

/* Halting debug is never enabled. */
bool a64_hlt(struct a64_trans *x, const struct a64_insn *i)
{
    return a64_udf(x, i);
}

static bool exception_return(struct a64_trans *x, ir_ref target)
{
    a64_call_helper(x, HELPER_ID(eret), target, 0, 0, 0);
    a64_end_dyn_pc_set(x, true);
    return true;
}

bool a64_eret(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    return a64_el(x) && exception_return(x, env(x, offsetof(struct arm_regs, elr[a64_el(x)])));
}

bool a64_eret_auth(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_el(x))
        return false;
    ir_ref elr = env(x, offsetof(struct arm_regs, elr[a64_el(x)]));
    return exception_return(
        x, a64_authenticate(x, elr, a64_reg_sp(x, 31, true), i->M ? ARM_KEY_IB : ARM_KEY_IA));
}

/* ---- hints and barriers
 * ----------------------------------------------------------------------------- */

bool a64_nop(struct a64_trans *x, const struct a64_insn *i)
{
    (void)x, (void)i;
    return true;
}

/* How kernels spin. */
bool a64_yield(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    if (x->mode & (MODE_PARALLEL | MODE_ICOUNT))
        a64_call_helper(x, HELPER_ID(yield), 0, 0, 0, 0);
    return true;
}

bool a64_esb(struct a64_trans *x, const struct a64_insn *i)
{
    return a64_nop(x, i);
}

static bool wait(struct a64_trans *x, unsigned helper, ir_ref timeout, ir_ref event)
{
    a64_call_helper(x, helper, a64_pc(x, x->next), timeout, event, 0);
    a64_end_dyn_pc_set(x, true);
    return true;
}

bool a64_wfe(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    return wait(x, HELPER_ID(wfe), 0, 0);
}

bool a64_wfi(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    return wait(x, HELPER_ID(wfi), 0, 0);
}

bool a64_wfet(struct a64_trans *x, const struct a64_insn *i)
{
    return wait(x, HELPER_ID(wfxt), a64_reg(x, i->Rd, true), ir_i32(x->ir, 1));
}

bool a64_wfit(struct a64_trans *x, const struct a64_insn *i)
{
    return wait(x, HELPER_ID(wfxt), a64_reg(x, i->Rd, true), ir_i32(x->ir, 0));
}

bool a64_sev(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    a64_call_helper(x, HELPER_ID(sev), ir_i32(x->ir, 0), 0, 0, 0);
    return true;
}

bool a64_sevl(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    a64_call_helper(x, HELPER_ID(sev), ir_i32(x->ir, 1), 0, 0, 0);
    return true;
}

/* Loads against loads, and stores against stores, the host orders itself: CRm 1:0 is 1 or 2. */
static bool barrier(struct a64_trans *x, const struct a64_insn *i)
{
    if ((i->CRm & 3) == 3 || !(i->CRm & 3))
        ir_emit(x->ir, IR_FENCE, IR_VOID, 0, 0, 0, 0, 0, 0);
    return true;
}

bool a64_dmb(struct a64_trans *x, const struct a64_insn *i)
{
    return barrier(x, i);
}

/* What other processors were asked to invalidate they have, before it ends. */
void a64_wait_for_others(struct a64_trans *x)
{
    if (x->mode & MODE_PARALLEL)
        a64_raise_if(x,
                     ir_emit(x->ir, IR_LDENV, IR_I32, 0, 0, 0, 0, 0,
                             (uint64_t)(int64_t)TCG_ENV_OFFSET(barrier)),
                     ARM_TRAP_BARRIER);
    ir_emit(x->ir, IR_FENCE, IR_VOID, 0, 0, 0, 0, 0, 0);
}

bool a64_dsb(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    a64_wait_for_others(x);
    return true;
}

/* What else changes the context has ended its block; code that was stored to is not stale. */
bool a64_isb(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    if (!a64_el(x)) /* no table register is written there */
        return true;
    a64_call_helper(x, HELPER_ID(isb), 0, 0, 0, 0);
    a64_end_dyn(x, false);
    return true;
}

/* ---- PSTATE
 * ------------------------------------------------------------------------------------------- */

enum { DAIF = ARM_D | ARM_A | ARM_I | ARM_F };

/* Interrupts may have become deliverable: look, without leaving translated code for it. */
static void end_unmasked(struct a64_trans *x)
{
    a64_call_helper(x, HELPER_ID(unmask), 0, 0, 0, 0);
    a64_end_poll(x);
}

static void put_pstate(struct a64_trans *x, enum ir_op op, uint64_t n)
{
    struct ir_region *r = x->ir;
    ir_ref v = env(x, offsetof(struct arm_regs, pstate));
    put_env(x, offsetof(struct arm_regs, pstate),
            ir_emit(r, op, IR_I64, 0, v, ir_i64(r, n), 0, 0, 0));
}

static bool msr_helper(struct a64_trans *x, const struct a64_insn *i)
{
    a64_call_helper(x, HELPER_ID(msr_imm), ir_i32(x->ir, (unsigned)i->op1 << 3 | i->op2),
                    ir_i32(x->ir, i->CRm), 0, 0);
    a64_end_dyn(x, true);
    return true;
}

static bool may_trap(const struct a64_trans *x)
{
    return x->mode & (a64_el(x) ? MODE_SYS_TRAPS : MODE_USER_TRAPS);
}

enum { OP_DAIFSET = 3 << 3 | 6, OP_DAIFCLR = 3 << 3 | 7 };

bool a64_msr_imm(struct a64_trans *x, const struct a64_insn *i)
{
    const unsigned op = (unsigned)i->op1 << 3 | i->op2;
    const uint64_t bits = (uint64_t)i->CRm << 6;
    if ((op != OP_DAIFSET && op != OP_DAIFCLR) || !a64_el(x) || may_trap(x))
        return msr_helper(x, i);
    if (op == OP_DAIFSET) {
        put_pstate(x, IR_OR, bits);
    } else {
        put_pstate(x, IR_AND, ~bits);
        end_unmasked(x);
    }
    return true;
}

/* ---- system registers
 * ------------------------------------------------------------------------------------ */

enum {
    CURRENT_EL = ARM_SYSREG(3, 0, 4, 2, 2),
    NZCV = ARM_SYSREG(3, 3, 4, 2, 0),
    DAIF_REG = ARM_SYSREG(3, 3, 4, 2, 1),
    DCZID_EL0 = ARM_SYSREG(3, 3, 0, 0, 7),
    RNDR = ARM_SYSREG(3, 3, 2, 4, 0),
    RNDRRS = ARM_SYSREG(3, 3, 2, 4, 1),
    FPCR = ARM_SYSREG(3, 3, 4, 4, 0), /* libraries look at its rounding mode all the time */
};

static uint32_t register_of(const struct a64_insn *i)
{
    return ARM_SYSREG(2 + i->o0, i->op1, i->CRn, i->CRm, i->op2);
}

static ir_ref sys_arg(struct a64_trans *x, uint32_t reg, const struct a64_insn *i)
{
    return ir_i32(x->ir, ARM_SYS_ARG(reg, i->Rt));
}

/* The value of a register without a helper; 0: there is no such way. */
static ir_ref read_in_place(struct a64_trans *x, uint32_t reg)
{
    struct ir_region *r = x->ir;
    const struct arm_sysreg *s = arm_sysreg_inline(x->model, x->mode, reg, false);
    if (s)
        return env(x, s->offset);
    if (reg == NZCV)
        return ir_zext(r, IR_I64, a64_nzcv(x), IR_W32);
    if (reg == FPCR && a64_has(x, ARM_FEAT_FP) && !(x->mode & MODE_FP_TRAP))
        return env(x, offsetof(struct arm_regs, fpcr));
    if (!a64_el(x) || may_trap(x))
        return 0;
    switch (reg) {
    case DAIF_REG:
        return ir_op2(r, IR_AND, IR_I64, env(x, offsetof(struct arm_regs, pstate)),
                      ir_i64(r, DAIF));
    case CURRENT_EL:
        return ir_i64(r, (uint64_t)a64_el(x) << 2);
    case DCZID_EL0:
        return x->model ? ir_i64(r, x->model->dczid) : 0;
    default:
        return 0;
    }
}

bool a64_mrs(struct a64_trans *x, const struct a64_insn *i)
{
    const uint32_t reg = register_of(i);
    ir_ref v = 0;
    if ((reg == RNDR || reg == RNDRRS) && a64_has(x, ARM_FEAT_RNG))
        v = a64_call_helper(x, HELPER_ID(rndr), 0, 0, 0, 0);
    else
        v = read_in_place(x, reg);
    if (!v)
        v = a64_call_helper(x, HELPER_ID(sysreg_read), sys_arg(x, reg, i), 0, 0, 0);
    a64_put(x, i->Rt, true, v);
    return true;
}

static bool write_in_place(struct a64_trans *x, uint32_t reg, ir_ref v)
{
    struct ir_region *r = x->ir;
    const size_t pstate = offsetof(struct arm_regs, pstate);
    const struct arm_sysreg *s = arm_sysreg_inline(x->model, x->mode, reg, true);
    if (s) {
        if (~s->mask)
            v = ir_op2(r, IR_AND, IR_I64, v, ir_i64(r, s->mask));
        put_env(x, s->offset, v);
        if (s->flags & SYS_LATER)
            ir_emit(r, IR_STENV, IR_VOID, IR_W32, ir_i32(r, 1), 0, 0, 0,
                    (uint64_t)(int64_t)TCG_ENV_OFFSET(root_later));
        return true;
    }
    if (reg == NZCV) {
        a64_put_nzcv(x, ir_trunc(r, v));
        return true;
    }
    if (reg != DAIF_REG || !a64_el(x) || may_trap(x))
        return false;
    ir_ref rest = ir_op2(r, IR_AND, IR_I64, env(x, pstate), ir_i64(r, ~(uint64_t)DAIF));
    v = ir_op2(r, IR_AND, IR_I64, v, ir_i64(r, DAIF));
    put_env(x, pstate, ir_op2(r, IR_OR, IR_I64, rest, v));
    end_unmasked(x);
    return true;
}

bool a64_msr_reg(struct a64_trans *x, const struct a64_insn *i)
{
    const uint32_t reg = register_of(i);
    ir_ref v = a64_reg(x, i->Rt, true);
    if (write_in_place(x, reg, v))
        return true;
    a64_call_helper(x, HELPER_ID(sysreg_write), sys_arg(x, reg, i), v, 0, 0);
    a64_end_dyn(x, true);
    return true;
}

/* ---- system operations
 * ------------------------------------------------------------------------------------ */

enum { DC_ZVA = ARM_SYSREG(1, 3, 7, 4, 1), TLBI_CRN = 8, TLBI_CRN_NXS = 9 };

/* Zeroes to the block around the address. */
static void zero_block(struct a64_trans *x, ir_ref addr, unsigned bytes)
{
    struct ir_region *r = x->ir;
    ir_ref at = ir_op2(r, IR_AND, IR_I64, addr, ir_i64(r, ~(uint64_t)(bytes - 1)));
    ir_ref zero = ir_emit(r, IR_VCONST, IR_V128, 0, 0, 0, 0, 0, 0);
    for (unsigned n = 0; n < bytes; n += 16)
        ir_st(r, a64_add_imm(x, IR_I64, at, n), zero, 0, IR_W128);
}

bool a64_sys(struct a64_trans *x, const struct a64_insn *i)
{
    const uint32_t reg = ARM_SYSREG(1, i->op1, i->CRn, i->CRm, i->op2);
    ir_ref v = a64_reg(x, i->Rt, true);
    if (reg == DC_ZVA && !may_trap(x) && x->model && (x->model->dczid & 31) <= 6) {
        zero_block(x, v, 4u << (x->model->dczid & 15));
        return true;
    }
    a64_call_helper(x, HELPER_ID(sys_op), sys_arg(x, reg, i), v, 0, 0);
    if (i->CRn == TLBI_CRN || i->CRn == TLBI_CRN_NXS) /* what code is mapped may be another */
        a64_end_dyn(x, true);
    return true;
}

bool a64_sysl(struct a64_trans *x, const struct a64_insn *i)
{
    const uint32_t reg = ARM_SYSREG(1, i->op1, i->CRn, i->CRm, i->op2);
    ir_ref v = a64_call_helper(x, HELPER_ID(sysl), sys_arg(x, reg, i), 0, 0, 0);
    a64_put(x, i->Rt, true, v);
    return true;
}
