/*
 * A32 and T32 instructions about PSTATE and the modes: status registers, CPS, banked registers,
 * exception returns, RFE, SRS, and multiple loads and stores of user registers. The mode is part of
 * the mode word: which bank a register is of is known here.
 */
#include "tcg/arm/translate32.h"

static unsigned mode_of(const struct a64_trans *x)
{
    return ARM_AARCH32 | (unsigned)(x->mode >> MODE_M_SHIFT & 15);
}

static ir_ref env32(struct a64_trans *x, size_t offset)
{
    return ir_emit(x->ir, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, offset);
}

static void put_env32(struct a64_trans *x, size_t offset, ir_ref v)
{
    ir_emit(x->ir, IR_STENV, IR_VOID, IR_W32, v, 0, 0, 0, offset);
}

/* USR and SYS have no SPSR. */
static bool has_spsr(const struct a64_trans *x)
{
    return arm_bank_of(mode_of(x)) != ARM_BANK_USR;
}

static ir_ref spsr(struct a64_trans *x)
{
    return env32(x, arm_spsr_offset(arm_bank_of(mode_of(x))));
}

/* ---- CPSR and SPSR -----------------------------------------------------------------------------
 */

/* EL0 sees the flags, Q, GE, E and the mode, EL1 the masks and PAN as well; IT, T and J read as 0.
 */
bool a32_mrs(struct a64_trans *x, const struct a32_insn *i)
{
    uint32_t mask = (uint32_t)ARM_Q | 0xfu << ARM_GE_SHIFT | ARM_E | ARM_MODE;
    if (i->Rd == A32_PC || (i->R && !has_spsr(x)))
        return false;
    if (i->R) {
        a32_put(x, i->Rd, spsr(x));
        return true;
    }
    if (a64_el(x))
        mask |= ARM_A | ARM_I | ARM_F | ARM_PAN;
    ir_ref v = a32_op2(x, IR_AND, a32_pstate(x), a32_i32(x, mask));
    a32_put(x, i->Rd, a32_op2(x, IR_OR, v, a64_nzcv(x)));
    return true;
}

/* Bits of CPSR other than the flags, and what follows: the mode word is the same. */
static void put_masks(struct a64_trans *x, uint32_t bits, ir_ref v)
{
    a32_put_pstate(x, bits, v);
    a64_call_helper(x, HELPER_ID(unmask), 0, 0, 0, 0);
    a32_end_poll(x);
}

/* Through the helper: the mode, or the order of data, may be another afterwards. */
static void put_by_helper(struct a64_trans *x, uint32_t bits, ir_ref v)
{
    a32_must(x);
    a32_leave_it(x);
    a64_call_helper(x, HELPER_ID(write_cpsr), v, a32_i32(x, bits), 0, 0);
    a64_end_dyn(x, true);
}

/* What instructions of EL1 write besides the flags: mostly the masks alone. What changes the mode
 * word is for the instruction by itself. */
static void put_cpsr(struct a64_trans *x, uint32_t bits, ir_ref v)
{
    const uint32_t in_mode = bits & (ARM_MODE | ARM_E);
    const uint32_t now = mode_of(x) | (x->mode & MODE_BIG ? ARM_E : 0u);
    if (in_mode) {
        if (a32_in_steps(x)) {
            put_by_helper(x, bits, v);
            return;
        }
        a32_may_fault(x);
        ir_ref other = a32_op2(x, IR_XOR, v, a32_i32(x, now));
        a64_raise_if(x, a32_op2(x, IR_AND, other, a32_i32(x, in_mode)), ARM_TRAP_ALONE);
    }
    if (bits & ARM_N)
        a64_put_nzcv(x, v);
    put_masks(x, bits & ~(uint32_t)(ARM_N | ARM_Z | ARM_C | ARM_V | ARM_MODE | ARM_E), v);
}

/* Bytes of a status register by MSR's mask. */
static uint32_t status_bytes(unsigned mask)
{
    return (mask & 1 ? 0xffu : 0) | (mask & 2 ? 0xff00u : 0) | (mask & 4 ? 0xff0000u : 0) |
           (mask & 8 ? 0xff000000u : 0);
}

static bool write_spsr(struct a64_trans *x, uint32_t bits, ir_ref v)
{
    const size_t at = arm_spsr_offset(arm_bank_of(mode_of(x)));
    if (!has_spsr(x))
        return false;
    a32_must(x);
    ir_ref old = a32_op2(x, IR_AND, spsr(x), a32_i32(x, ~bits));
    put_env32(x, at, a32_op2(x, IR_OR, old, a32_op2(x, IR_AND, v, a32_i32(x, bits))));
    return true;
}

static bool write_status(struct a64_trans *x, const struct a32_insn *i, ir_ref v)
{
    const uint32_t flags = (uint32_t)ARM_N | ARM_Z | ARM_C | ARM_V;
    uint32_t bits = status_bytes(i->mask);
    if (i->R)
        return write_spsr(x, bits, v);
    /* What there is to be written, of which EL0 has the flags, Q and GE. */
    bits &= flags | ARM_Q | 0xfu << ARM_GE_SHIFT |
            (a64_el(x) ? (uint32_t)ARM_E | ARM_A | ARM_I | ARM_F | ARM_MODE : 0);
    if (a64_el(x) && a64_has(x, ARM_FEAT_PAN))
        bits |= status_bytes(i->mask) & ARM_PAN;
    a32_must(x);
    if (bits & ARM_PAN) {
        put_by_helper(x, bits, v);
    } else if (bits & (ARM_E | ARM_A | ARM_I | ARM_F | ARM_MODE)) {
        put_cpsr(x, bits, v);
    } else {
        if (bits & flags)
            a64_put_nzcv(x, v);
        if (bits & ~flags)
            a32_put_pstate(x, bits & ~flags, v);
    }
    return true;
}

bool a32_msr_reg(struct a64_trans *x, const struct a32_insn *i)
{
    return i->Rn != A32_PC && write_status(x, i, a32_reg(x, i->Rn));
}

bool a32_msr_imm(struct a64_trans *x, const struct a32_insn *i)
{
    ir_ref carry, v = a32_expand_imm(x, i->imm12, &carry);
    return write_status(x, i, v);
}

bool a32_setend(struct a64_trans *x, const struct a32_insn *i)
{
    if (x->it)
        return false;
    a32_helper(x, HELPER_ID(setend), a32_i32(x, i->E), 0, 0, 0);
    a32_end_dyn(x, false);
    return true;
}

bool a32_setpan(struct a64_trans *x, const struct a32_insn *i)
{
    if (x->it)
        return false;
    if (a64_el(x))
        put_by_helper(x, ARM_PAN, a32_i32(x, i->imm1 ? (uint32_t)ARM_PAN : 0));
    return true;
}

/* CPS: masks on or off, and a mode where there is one. */
static bool change_state(struct a64_trans *x, const struct a32_insn *i, bool enable, bool disable,
                         bool to_mode, unsigned mode)
{
    const uint32_t masks =
        (i->A ? (uint32_t)ARM_A : 0) | (i->I ? (uint32_t)ARM_I : 0) | (i->F ? (uint32_t)ARM_F : 0);
    const uint32_t bits = (enable || disable ? masks : 0) | (to_mode ? (uint32_t)ARM_MODE : 0);
    ir_ref v = a32_i32(x, (disable ? masks : 0) | (to_mode ? mode : 0));
    if (!a64_el(x) || !bits)
        return true;
    if (to_mode && (mode != mode_of(x) || a32_in_steps(x)))
        put_by_helper(x, bits, v);
    else if (enable)
        put_masks(x, masks, v);
    else if (disable)
        a32_put_pstate(x, masks, v);
    return true;
}

bool a32_cps(struct a64_trans *x, const struct a32_insn *i)
{
    return change_state(x, i, i->imod == 2, i->imod == 3, i->M, i->mode);
}

bool a32_t_cps(struct a64_trans *x, const struct a32_insn *i)
{
    return change_state(x, i, !i->im, i->im, false, 0);
}

/* ---- registers of other modes ------------------------------------------------------------------
 */

/* Where R8 to R14 of USR are while this mode is in use; their slots when they are in use. */
static bool user_waits(const struct a64_trans *x, unsigned n, size_t *at)
{
    const enum arm_bank bank = arm_bank_of(mode_of(x));
    if (n < 8 || (n < 13 && bank != ARM_BANK_FIQ) || bank == ARM_BANK_USR)
        return false;
    *at = n < 13   ? offsetof(struct arm_regs, usr_r8) + (n - 8) * sizeof(uint32_t)
          : n < 14 ? offsetof(struct arm_regs, banked_r13[ARM_BANK_USR])
                   : offsetof(struct arm_regs, banked_r14[ARM_BANK_USR]);
    return true;
}

ir_ref a32_user_reg(struct a64_trans *x, unsigned n)
{
    size_t at;
    return user_waits(x, n, &at) ? env32(x, at) : a32_reg(x, n);
}

void a32_put_user(struct a64_trans *x, unsigned n, ir_ref v)
{
    size_t at;
    if (user_waits(x, n, &at))
        put_env32(x, at, v);
    else
        a32_put(x, n, v);
}

bool a32_has_user_bank(const struct a64_trans *x)
{
    return has_spsr(x);
}

/*
 * The register that SYSm of MRS and MSR (banked register) names; false: there is none, or it is not
 * one of another mode. Arm ARM, section F5, "MRS (banked register)".
 */
static bool banked(const struct a64_trans *x, const struct a32_insn *i, size_t *at)
{
    static const uint8_t by_pair[] = {ARM_BANK_IRQ, ARM_BANK_SVC, ARM_BANK_ABT, ARM_BANK_UND};
    const unsigned sysm = (unsigned)i->m << 4 | i->m1;
    const enum arm_bank now = arm_bank_of(mode_of(x));
    enum arm_bank bank;
    unsigned n; /* the register, 15: SPSR */

    if (sysm >= 0x18) /* MON's and HYP's */
        return false;
    if (sysm >= 0x10) {
        bank = (enum arm_bank)by_pair[(sysm & 7) >> 1];
        n = i->R ? 15 : 14 - (sysm & 1);
        if (i->R && (sysm & 1))
            return false;
    } else {
        bank = sysm & 8 ? ARM_BANK_FIQ : ARM_BANK_USR;
        n = 8 + (sysm & 7);
        if (i->R) {
            if (sysm != 0xe)
                return false;
            n = 15;
        } else if (n == 15) {
            return false;
        }
    }
    if (!a64_el(x) || bank == now)
        return false;
    if (n == 15)
        *at = arm_spsr_offset(bank);
    else if (n >= 13)
        *at = (n == 13 ? offsetof(struct arm_regs, banked_r13)
                       : offsetof(struct arm_regs, banked_r14)) +
              bank * sizeof(uint32_t);
    else if (bank == ARM_BANK_FIQ)
        *at = offsetof(struct arm_regs, fiq_r8) + (n - 8) * sizeof(uint32_t);
    else if (now == ARM_BANK_FIQ)
        *at = offsetof(struct arm_regs, usr_r8) + (n - 8) * sizeof(uint32_t);
    else
        return false;
    return true;
}

bool a32_mrs_banked(struct a64_trans *x, const struct a32_insn *i)
{
    size_t at;
    if (i->Rd == A32_PC || !banked(x, i, &at))
        return false;
    a32_put(x, i->Rd, env32(x, at));
    return true;
}

bool a32_msr_banked(struct a64_trans *x, const struct a32_insn *i)
{
    size_t at;
    if (i->Rn == A32_PC || !banked(x, i, &at))
        return false;
    a32_must(x);
    put_env32(x, at, a32_reg(x, i->Rn));
    return true;
}

/* ---- exception returns -------------------------------------------------------------------------
 */

static void return_with(struct a64_trans *x, ir_ref pc, ir_ref status)
{
    a32_must(x);
    a64_call_helper(x, HELPER_ID(return32), pc, status, 0, 0);
    a64_end_dyn_pc_set(x, true);
}

bool a32_exception_return(struct a64_trans *x, ir_ref pc)
{
    if (!has_spsr(x))
        return false;
    return_with(x, pc, spsr(x));
    return true;
}

bool a32_subs_pc_lr(struct a64_trans *x, const struct a32_insn *i)
{
    return a32_exception_return(x, a64_add_imm(x, IR_I32, a32_reg(x, A32_LR), -(int64_t)i->imm8));
}

/* Below HYP it is MOVS PC, LR. */
bool a32_eret(struct a64_trans *x, const struct a32_insn *i)
{
    (void)i;
    return a32_exception_return(x, a32_reg(x, A32_LR));
}

/* Two words behind or below a base, as loads and stores of several registers have them: the lower
 * one, and the base afterwards. */
struct pair {
    ir_ref low, high, after;
};

static struct pair pair_at(struct a64_trans *x, ir_ref base, bool before, bool up)
{
    const int64_t from = up ? (before ? 4 : 0) : before ? -8 : -4;
    return (struct pair){.low = a32_address(x, a64_add_imm(x, IR_I32, base, from)),
                         .high = a32_address(x, a64_add_imm(x, IR_I32, base, from + 4)),
                         .after = a64_add_imm(x, IR_I32, base, up ? 8 : -8)};
}

static bool return_from(struct a64_trans *x, unsigned rn, bool before, bool up, bool wback)
{
    if (!a64_el(x) || rn == A32_PC)
        return false;
    a32_may_fault(x);
    const struct pair p = pair_at(x, a32_reg(x, rn), before, up);
    ir_ref pc = a64_load(x, IR_I32, p.low, 2, IR_MEM_ALIGN),
           status = a64_load(x, IR_I32, p.high, 2, IR_MEM_ALIGN);
    if (wback)
        a32_put(x, rn, p.after);
    return_with(x, pc, status);
    return true;
}

bool a32_rfe(struct a64_trans *x, const struct a32_insn *i)
{
    return return_from(x, i->Rn, i->P, i->U, i->W);
}

bool a32_t_rfe_db(struct a64_trans *x, const struct a32_insn *i)
{
    return return_from(x, i->Rn, true, false, i->W);
}

bool a32_t_rfe_ia(struct a64_trans *x, const struct a32_insn *i)
{
    return return_from(x, i->Rn, false, true, i->W);
}

/* LR and SPSR to the stack of a mode. */
static bool store_return_state(struct a64_trans *x, unsigned mode, bool before, bool up, bool wback)
{
    const enum arm_bank bank = arm_bank_of(mode);
    const size_t at = offsetof(struct arm_regs, banked_r13) + bank * sizeof(uint32_t);
    const bool own = bank == arm_bank_of(mode_of(x));
    if (!has_spsr(x) || !arm_mode_exists(mode))
        return false;
    a32_may_fault(x);
    const struct pair p = pair_at(x, own ? a32_reg(x, A32_SP) : env32(x, at), before, up);
    a64_store(x, p.low, a32_reg(x, A32_LR), 2, IR_MEM_ALIGN);
    a64_store(x, p.high, spsr(x), 2, IR_MEM_ALIGN);
    if (wback && own)
        a32_put(x, A32_SP, p.after);
    else if (wback)
        put_env32(x, at, p.after);
    return true;
}

bool a32_srs(struct a64_trans *x, const struct a32_insn *i)
{
    return store_return_state(x, i->mode, i->P, i->U, i->W);
}

bool a32_t_srs_db(struct a64_trans *x, const struct a32_insn *i)
{
    return store_return_state(x, i->mode, true, false, i->W);
}

bool a32_t_srs_ia(struct a64_trans *x, const struct a32_insn *i)
{
    return store_return_state(x, i->mode, false, true, i->W);
}
