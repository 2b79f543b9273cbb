/*
 * The translation loop of A32 and T32, conditional execution, and how their regions end. See
 * translate32.h; the loop's frame is translate.c's.
 */
#include "tcg/arm/translate32.h"

#include <string.h>

#include "core/util/range.h"
#include "tcg/ir/eval.h"

enum {
    PAGE = 4096,
    IR_MARGIN = 900, /* room that one instruction's translation never exceeds */
    IT_INSNS = 4,    /* the most instructions of an IT block */
};

/* ---- PSTATE.IT --------------------------------------------------------------------------------
 */

/* Does the region's own mode word say that it begins inside an IT block? Exits that do not look at
 * the mode lead to code of the same one. */
static bool began_in_it(const struct a64_trans *x)
{
    return x->mode >> MODE_IT_SHIFT & 0xff;
}

static void store_it(struct a64_trans *x, unsigned it)
{
    if (x->it_stored == it)
        return;
    struct ir_region *r = x->ir;
    ir_ref p = ir_emit(r, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, offsetof(struct arm_regs, pstate));
    p = a32_op2(x, IR_AND, p, a32_i32(x, ~(uint32_t)(ARM_IT_LOW | ARM_IT_HIGH)));
    if (it)
        p = a32_op2(x, IR_OR, p, a32_i32(x, arm_it_bits(it)));
    ir_emit(r, IR_STENV, IR_VOID, IR_W32, p, 0, 0, 0, offsetof(struct arm_regs, pstate));
    x->it_stored = (uint8_t)it;
}

/* For what may fault from here on. */
static void note_it(struct a64_trans *x, unsigned it)
{
    if (began_in_it(x)) {
        store_it(x, it);
    } else if (x->it_noted != it) {
        ir_emit(x->ir, IR_STENV, IR_VOID, IR_W8, a32_i32(x, it), 0, 0, 0,
                (uint64_t)(int64_t)TCG_ENV_OFFSET(insn_it));
        x->it_noted = (uint8_t)it;
    }
}

bool a32_in_steps(const struct a64_trans *x)
{
    return a64_one_by_one(x) || began_in_it(x);
}

/* ---- conditions -------------------------------------------------------------------------------
 */

static unsigned insn_bytes(uint16_t first)
{
    return first >> 11 >= 0x1d ? 4 : 2;
}

/* What condition `other` is where `cond` does not hold: 1, 0, or -1, either. */
static int implied(unsigned cond, unsigned other)
{
    unsigned seen = 0;
    for (unsigned nzcv = 0; nzcv < 16; nzcv++) {
        const uint32_t fl = (nzcv & 8 ? IR_FL_SF : 0) | (nzcv & 4 ? IR_FL_ZF : 0) |
                            (nzcv & 2 ? 0 : IR_FL_CF) | (nzcv & 1 ? IR_FL_OF : 0);
        if (!ir_eval_cc(a64_cc(cond), fl))
            seen |= 1u << ir_eval_cc(a64_cc(other), fl);
    }
    return seen == 3 ? -1 : (int)seen >> 1;
}

/* Comparisons by a condition come before a branch by the same: where they are left out it is known
 * where that leads. */
static void follow_branch(struct a64_trans *x, int64_t *rel)
{
    const int64_t at = *rel - x->t->rel_base;
    uint16_t half[2];
    unsigned cond;
    int64_t offset;
    if (at < 0 || at > PAGE - (int64_t)sizeof half)
        return;
    memcpy(half, x->t->page + at, sizeof half);
    if (!t32_conditional_branch(half, &cond, &offset))
        return;
    const unsigned bytes = insn_bytes(half[0]);
    const int holds = implied(x->cond, cond);
    if (holds < 0)
        return;
    x->seen = MAX(x->seen, (uint32_t)at + bytes);
    *rel += holds ? 4 + offset : (int64_t)bytes;
}

/* Where to go on when the condition does not hold; false: not to where an exit can lead. */
static bool skip_target(struct a64_trans *x, int64_t *rel)
{
    unsigned it = arm_it_next(x->it);
    *rel = x->next;
    if (a32_in_steps(x))
        return false;
    /* What is left of the block stays out as well when its conditions are the same. */
    for (; it; it = arm_it_next(it)) {
        int64_t at = *rel - x->t->rel_base;
        uint16_t first;
        if (it >> 4 != x->cond || at < 0 || at > PAGE - 2)
            return false;
        memcpy(&first, x->t->page + at, sizeof first);
        *rel += insn_bytes(first);
    }
    if (x->t32 && !(x->mode & (MODE_ICOUNT | MODE_BREAKPOINTS)))
        follow_branch(x, rel);
    return true;
}

void a32_must(struct a64_trans *x)
{
    if (!x->conditional)
        return;
    int64_t rel;
    const enum ir_cc cc = a64_cc(x->cond) ^ 1u;
    x->conditional = false;
    if (skip_target(x, &rel)) {
        note_it(x, 0);
        a64_leave_if(x, a64_flags(x), cc, rel);
    } else {
        note_it(x, x->it);
        ir_emit(x->ir, IR_TRAPCC, IR_VOID, cc, a64_flags(x), 0, 0, 0,
                ARM_TRAP_SKIP | (uint64_t)(x->next - x->start));
    }
}

void a32_may_fault(struct a64_trans *x)
{
    a32_must(x);
    a32_note_it(x);
}

void a32_note_it(struct a64_trans *x)
{
    note_it(x, x->it);
}

/* ---- registers and flags ----------------------------------------------------------------------
 */

void a32_put(struct a64_trans *x, unsigned n, ir_ref v)
{
    if (x->conditional)
        v = ir_emit(x->ir, IR_SELCC, IR_I32, a64_cc(x->cond), v, a32_reg(x, n), a64_flags(x), 0, 0);
    ir_put(x->ir, SLOT_X + n, a32_zext64(x, v));
}

void a32_put_result(struct a64_trans *x, unsigned n, ir_ref v)
{
    if (n != A32_PC)
        a32_put(x, n, v);
    else if (x->t32)
        a32_jump_to(x, a32_op2(x, IR_AND, v, a32_i32(x, ~UINT32_C(1))));
    else
        a32_jump_interworking(x, v, false);
}

void a32_put_flags(struct a64_trans *x, ir_ref fl)
{
    a32_must(x);
    a64_put_flags(x, fl);
}

ir_ref a32_carry(struct a64_trans *x)
{
    return ir_emit(x->ir, IR_SETCC, IR_I32, IR_CC_AE, a64_flags(x), 0, 0, 0, 0);
}

void a32_put_nzc(struct a64_trans *x, ir_ref result, ir_ref carry)
{
    struct ir_region *r = x->ir;
    a32_must(x);
    ir_ref old = a64_flags(x),
           borrow = carry ? a32_op2(x, IR_XOR, carry, a32_i32(x, 1))
                          : ir_emit(r, IR_SETCC, IR_I32, IR_CC_B, old, 0, 0, 0, 0);
    ir_ref overflow = ir_emit(r, IR_SETCC, IR_I32, IR_CC_O, old, 0, 0, 0, 0);
    ir_ref fl = ir_fl(r, IR_FL_LOGIC, IR_W32, result, 0, 0, 0);
    a64_put_flags(x, ir_fl(r, IR_FL_SETCO, IR_W32, borrow, overflow, fl, 0));
}

ir_ref a32_pstate(struct a64_trans *x)
{
    return ir_emit(x->ir, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, offsetof(struct arm_regs, pstate));
}

void a32_put_pstate(struct a64_trans *x, uint32_t mask, ir_ref v)
{
    a32_must(x);
    ir_ref old = a32_op2(x, IR_AND, a32_pstate(x), a32_i32(x, ~mask));
    v = a32_op2(x, IR_OR, old, a32_op2(x, IR_AND, v, a32_i32(x, mask)));
    ir_emit(x->ir, IR_STENV, IR_VOID, IR_W32, v, 0, 0, 0, offsetof(struct arm_regs, pstate));
}

void a32_put_q(struct a64_trans *x, ir_ref nonzero)
{
    ir_ref bit = ir_emit(x->ir, IR_SETC, IR_I32, IR_CC_NE, nonzero, a32_i32(x, 0), 0, 0, IR_I32);
    a32_must(x);
    ir_ref v = a32_op2(x, IR_OR, a32_pstate(x), a32_shift(x, IR_SHL, bit, 27));
    ir_emit(x->ir, IR_STENV, IR_VOID, IR_W32, v, 0, 0, 0, offsetof(struct arm_regs, pstate));
}

ir_ref a32_ge(struct a64_trans *x)
{
    return ir_emit(x->ir, IR_EXTRACT, IR_I32, 0, a32_pstate(x), 0, 0, 0, ARM_GE_SHIFT | 4 << 8);
}

void a32_put_ge(struct a64_trans *x, ir_ref v)
{
    a32_put_pstate(x, 0xfu << ARM_GE_SHIFT, a32_shift(x, IR_SHL, v, ARM_GE_SHIFT));
}

/* ---- memory -----------------------------------------------------------------------------------
 */

/* Unprivileged accesses are EL0's under the value of DACR that is in force. */
static unsigned in_force(const struct a64_trans *x, unsigned attr)
{
    return attr & IR_MEM_IDX && x->mode & MODE_PAN
               ? (attr & ~(unsigned)IR_MEM_IDX) | ARM_MEM_USER_PAN
               : attr;
}

/* The access of an instruction whose condition is not known yet: IR_LDCC, IR_STCC. */
static ir_ref if_it_holds(struct a64_trans *x, enum ir_op op, enum ir_type type, ir_ref addr,
                          ir_ref v, unsigned attr)
{
    a32_note_it(x);
    return ir_emit(x->ir, op, type, a64_cc(x->cond), addr, v, a64_flags(x), 0, attr);
}

ir_ref a32_load(struct a64_trans *x, ir_ref addr, unsigned size, unsigned attr)
{
    attr = in_force(x, attr);
    if (!x->conditional) {
        a32_note_it(x);
        return a64_load(x, IR_I32, addr, size, attr);
    }
    const bool swapped = x->mode & MODE_BIG && size;
    const unsigned sign = attr & IR_MEM_SIGN && size < 2 ? IR_MEM_SIGN : 0;
    attr = a64_mem(x, size) | (attr & ~(unsigned)IR_MEM_SIGN) | (swapped ? 0 : sign);
    ir_ref v = if_it_holds(x, IR_LDCC, IR_I32, addr, a32_i32(x, 0), attr);
    if (!swapped)
        return v;
    v = a64_in_order(x, v, size);
    return sign ? ir_sext(x->ir, IR_I32, v, (enum ir_width)size) : v;
}

void a32_load_register(struct a64_trans *x, unsigned n, ir_ref addr, unsigned size, unsigned attr,
                       unsigned rn, ir_ref wback)
{
    ir_ref v;
    if (x->conditional && !(attr & IR_MEM_SIGN) && !(x->mode & MODE_BIG && size)) {
        v = if_it_holds(x, IR_LDCC, IR_I64, addr, ir_get(x->ir, SLOT_X + n),
                        a64_mem(x, size) | in_force(x, attr));
        if (wback)
            a32_put(x, rn, wback);
        ir_put(x->ir, SLOT_X + n, v);
        return;
    }
    v = a32_load(x, addr, size, attr);
    if (wback)
        a32_put(x, rn, wback);
    a32_put(x, n, v);
}

void a32_store(struct a64_trans *x, ir_ref addr, ir_ref v, unsigned size, unsigned attr)
{
    attr = in_force(x, attr);
    if (x->conditional) {
        if_it_holds(x, IR_STCC, IR_VOID, addr, a64_in_order(x, v, size), a64_mem(x, size) | attr);
        return;
    }
    a32_note_it(x);
    a64_store(x, addr, v, size, attr);
}

/* ---- how regions end --------------------------------------------------------------------------
 */

/* PSTATE.IT as behind this instruction. */
void a32_leave_it(struct a64_trans *x)
{
    if (!began_in_it(x))
        note_it(x, 0);
    store_it(x, x->it_next);
}

/* The mode word that exits compare has PSTATE.IT in it, and that changes behind this instruction.
 */
static bool it_in_mode(const struct a64_trans *x)
{
    return began_in_it(x) || x->it_next;
}

void a32_end_dyn(struct a64_trans *x, bool poll)
{
    a32_must(x);
    a32_leave_it(x);
    if (it_in_mode(x) || x->it) /* also where the instruction's helper has made a mode word */
        a64_call_helper(x, HELPER_ID(state_changed), 0, 0, 0, 0);
    a64_end_dyn(x, poll);
}

void a32_end_poll(struct a64_trans *x)
{
    if (it_in_mode(x)) {
        a32_end_dyn(x, true);
        return;
    }
    a32_must(x);
    a32_leave_it(x);
    a64_end_poll(x);
}

/* The instruction is the last of the region, and falls through. */
static void end_next(struct a64_trans *x)
{
    a32_leave_it(x);
    if (it_in_mode(x)) {
        a64_call_helper(x, HELPER_ID(state_changed), 0, 0, 0, 0);
        a64_end_dyn(x, true);
    } else {
        a64_end_next(x);
    }
}

ir_ref a32_helper(struct a64_trans *x, unsigned helper, ir_ref a, ir_ref b, ir_ref c, ir_ref d)
{
    a32_may_fault(x);
    return a64_call_helper(x, helper, a, b, c, d);
}

void a32_jump_to(struct a64_trans *x, ir_ref target)
{
    a32_must(x);
    a32_leave_it(x);
    target = a32_zext64(x, target);
    if (began_in_it(x)) {
        ir_put(x->ir, SLOT_PC, target);
        a64_call_helper(x, HELPER_ID(state_changed), 0, 0, 0, 0);
        a64_end_dyn_pc_set(x, true);
    } else {
        a64_jump_to(x, target);
    }
}

/* The other set is for the instruction alone, which does not come back here. */
void a32_check_set(struct a64_trans *x, ir_ref target, bool often)
{
    a32_may_fault(x);
    x->set_checked = true;
    if (often || a32_in_steps(x))
        return;
    ir_ref bit = a32_op2(x, IR_AND, target, a32_i32(x, 1));
    a64_raise_if(x, x->t32 ? a32_op2(x, IR_XOR, bit, a32_i32(x, 1)) : bit, ARM_TRAP_ALONE);
}

/* The set that bit 0 says, by its mode word, which differs from this one in nothing else. */
static void leave_to_set(struct a64_trans *x, ir_ref target)
{
    struct ir_region *r = x->ir;
    const uint64_t others = x->mode & ~(uint64_t)MODE_T32;
    ir_ref bit = a32_op2(x, IR_AND, target, a32_i32(x, 1));
    ir_ref mode = ir_op2(r, IR_OR, IR_I64, ir_i64(r, others),
                         a32_zext64(x, a32_shift(x, IR_SHL, bit, __builtin_ctz(MODE_T32))));
    a32_leave_it(x);
    a32_put_pstate(x, ARM_T, a32_shift(x, IR_SHL, bit, __builtin_ctz(ARM_T)));
    ir_put(r, SLOT_PC, a32_zext64(x, a32_op2(x, IR_AND, target, a32_i32(x, ~UINT32_C(1)))));
    const bool second = x->mode & MODE_PAN; /* value of DACR */
    const unsigned index = a64_el(x) ? (second ? ARM_MMU_PRIV_PAN : ARM_MMU_PRIV)
                                     : (second ? ARM_MMU_USER_PAN : ARM_MMU_USER);
    ir_emit(r, IR_EXIT_MODE, IR_VOID, index << 1, mode, 0, 0, 0, 0);
    x->done = true;
}

void a32_jump_interworking(struct a64_trans *x, ir_ref target, bool often)
{
    struct ir_region *r = x->ir;
    if (!x->set_checked)
        a32_check_set(x, target, often);
    if (a32_in_steps(x)) {
        a32_leave_it(x);
        a64_call_helper(x, HELPER_ID(interwork), target, 0, 0, 0);
        a64_end_dyn_pc_set(x, true);
        return;
    }
    if (often) {
        leave_to_set(x, target);
        return;
    }
    a32_leave_it(x);
    target = a32_op2(x, IR_AND, target, a32_i32(x, x->t32 ? ~UINT32_C(1) : ~UINT32_C(3)));
    target = ir_zext(r, IR_I64, target, IR_W32);
    if (x->t->ends == TCG_ENDS_RETURN)
        a64_return_to(x, target);
    else
        a64_jump_to(x, target);
}

void a32_jump_rel(struct a64_trans *x, int64_t rel)
{
    a32_must(x);
    a32_leave_it(x);
    /* Across the end of the address space the sum wraps. */
    const uint64_t base = x->t->pc - x->t->page_offset - (uint64_t)x->t->rel_base;
    if (began_in_it(x) || base + (uint64_t)rel > UINT32_MAX)
        a32_jump_to(x, ir_trunc(x->ir, a64_pc(x, rel)));
    else
        a64_jump_rel(x, rel);
}

/* ---- the loop ---------------------------------------------------------------------------------
 */

/* The word of the instruction at page offset `at`, T32's of 16 bits in its upper half; false: a
 * part of it is in a page that cannot be had. */
static bool fetch(struct tcg_translation *t, bool t32, uint32_t at, uint32_t *word, unsigned *bytes)
{
    uint16_t half[2] = {0, 0};
    if (!t32) {
        memcpy(word, t->page + at, sizeof *word);
        *bytes = 4;
        return true;
    }
    memcpy(&half[0], t->page + at, sizeof half[0]);
    *bytes = insn_bytes(half[0]);
    if (*bytes == 4) {
        if (at + 4 <= PAGE)
            memcpy(&half[1], t->page + at + 2, sizeof half[1]);
        else if (at == t->page_offset && tcg_fetch_next_page(t))
            memcpy(&half[1], t->page2, sizeof half[1]);
        else
            return false;
    }
    *word = (uint32_t)half[0] << 16 | half[1];
    return true;
}

static void set_condition(struct a64_trans *x, uint32_t word)
{
    unsigned cond = x->t32 ? (x->it ? x->it >> 4 : (unsigned)A32_ALWAYS) : word >> 28;
    x->cond = (uint8_t)cond;
    x->conditional = cond < A32_ALWAYS;
}

/* VFP and Advanced SIMD are in A32's tables alone. T32 has VFP's words as A32 has them, and those
 * of Advanced SIMD with other top bits. false: the word is of another kind. */
static bool as_a32(uint32_t *word)
{
    const unsigned top = *word >> 24, low = *word & 0xffffff;
    if ((top & 0xef) == 0xef) /* Advanced SIMD, data: U is bit 28 */
        *word = 0xf2000000 | (top >> 4 & 1) << 24 | low;
    else if (top == 0xf9 && !(low >> 20 & 1)) /* loads and stores of structures */
        *word = 0xf4000000 | low;
    else
        return (top & 0xec) == 0xec &&
               ((low >> 8 & 0xe) == 0xa || (top >= 0xfc && (low >> 8 & 0xf) == 0xd));
    return true;
}

static bool decode(const struct a64_trans *x, uint32_t word, struct a32_insn *i)
{
    return x->t32 && !as_a32(&word) ? t32_decode(word, i) : a32_decode(word, i);
}

static void translate_insn(struct a64_trans *x, uint32_t word)
{
    struct a32_insn i;
    x->clock = x->set_checked = false;
    ir_insn(x->ir, x->start, (unsigned)(x->next - x->start));
    set_condition(x, word);
    a64_before_insn(x);
    const bool known = decode(x, word, &i);
    if (x->mode & MODE_ILLEGAL) {
        a64_raise(x, ARM_TRAP(ARM_EC_ILLEGAL, 0));
    } else if (!known || !a64_has(x, a32_set.rows[i.row].feature) || !a32_call(x, &i)) {
        a32_may_fault(x);
        a64_undefined(x);
    }
}

/* A misaligned PC, which only a return to A32 can make. */
static void raise_misaligned(struct a64_trans *x)
{
    ir_insn(x->ir, x->start, 4);
    a64_raise(x, ARM_TRAP(ARM_EC_PC_ALIGN, 0));
}

void a32_translate(struct tcg_translation *t)
{
    struct a64_trans x = {
        .t = t, .ir = t->ir, .mode = t->mode, .aarch32 = true, .t32 = (t->mode & MODE_T32) != 0};
    const unsigned max = a64_one_by_one(&x) ? 1 : t->max_insns;
    uint32_t at = t->page_offset, word;
    unsigned bytes = 0;

    if (t->tc && t->tc->vcpu)
        x.model = t->tc->vcpu->model;
    x.it = x.it_stored = t->mode >> MODE_IT_SHIFT & 0xff;
    for (unsigned n = 0; !x.done; n++) {
        /* An IT block is not left in its middle if that can be helped. */
        const unsigned limit = max + (max > 1 && x.it ? (unsigned)IT_INSNS : 0);
        const bool end = n && (n >= limit || at >= PAGE || t->ir->count > IR_MAX_INSNS - IR_MARGIN);
        const bool aligned = x.t32 || !(at & 3);
        if (end || (aligned && !fetch(t, x.t32, at, &word, &bytes))) {
            if (!n)
                return; /* its fetch faults: the region stays empty */
            x.it_next = x.it;
            end_next(&x);
            break;
        }
        x.start = t->rel_base + at;
        if (!aligned) {
            raise_misaligned(&x);
            at += 4;
            break;
        }
        x.next = x.start + bytes;
        x.it_next = (uint8_t)arm_it_next(x.it);
        translate_insn(&x, word);
        x.conditional = false;
        at += bytes;
        if (!x.done &&
            (at > PAGE || (x.clock && x.mode & MODE_ICOUNT) || (began_in_it(&x) && !x.it_next)))
            end_next(&x);
        x.it = x.it_next;
        if (!x.it && !x.done)
            note_it(&x, 0);
    }
    t->len = MAX(at, x.seen) - t->page_offset;
}
