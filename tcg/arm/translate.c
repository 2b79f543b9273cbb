/*
 * The translation loop of A64: words -> decoded instructions -> IR, one region at a time, and how
 * regions end.
 *
 * A region is straight-line code up to an unconditional jump, an instruction that changes mode,
 * mappings or the deliverability of interrupts, the end of the page or max_insns. Code bytes are
 * only read from the page copies in struct tcg_translation.
 */
#include "tcg/arm/translate.h"

#include <string.h>

#include "tcg/exits.h"

enum {
    PAGE = 4096,
    /* Room that the longest translation of one instruction never exceeds. */
    IR_MARGIN = 700,
};

/* ---- how regions end ------------------------------------------------------------------------ */

bool a64_one_by_one(const struct a64_trans *x)
{
    return x->t->single || x->mode & (MODE_STEP | MODE_SS);
}

ir_ref a64_add_imm(struct a64_trans *x, enum ir_type type, ir_ref a, int64_t n)
{
    if (!n)
        return a;
    if (n == (int32_t)n)
        return ir_emit(x->ir, IR_LEA, type, 0, a, 0, 0, 0, (uint64_t)n);
    return ir_op2(x->ir, IR_ADD, type, a, ir_const(x->ir, type, (uint64_t)n));
}

ir_ref a64_pc(struct a64_trans *x, int64_t rel)
{
    return a64_add_imm(x, IR_I64, ir_get(x->ir, SLOT_PCB), rel);
}

/* Go on at PCB + rel: out of the region, or within it. */
static void exit_rel(struct a64_trans *x, int64_t rel)
{
    tcg_exit(x->t, x->start, rel);
    x->done = true;
}

void a64_end_dyn_pc_set(struct a64_trans *x, bool poll)
{
    ir_emit(x->ir, IR_EXIT_DYN, IR_VOID, poll || a64_one_by_one(x), 0, 0, 0, 0, 0);
    x->done = true;
}

static void end_dyn_at(struct a64_trans *x, ir_ref pc, bool poll)
{
    ir_put(x->ir, SLOT_PC, pc);
    a64_end_dyn_pc_set(x, poll);
}

void a64_end_dyn(struct a64_trans *x, bool poll)
{
    end_dyn_at(x, a64_pc(x, x->next), poll);
}

void a64_end_next(struct a64_trans *x)
{
    if (a64_one_by_one(x))
        a64_end_dyn(x, true);
    else
        exit_rel(x, x->next);
}

void a64_end_poll(struct a64_trans *x)
{
    if (a64_one_by_one(x) || x->mode & MODE_ICOUNT) {
        a64_end_dyn(x, true);
        return;
    }
    ir_emit(x->ir, IR_EXIT, IR_VOID, tcg_exit_flags(x->t, x->start, x->next) | IR_EXIT_POLL, 0, 0,
            0, 0, (uint64_t)x->next);
    x->done = true;
}

void a64_raise_if(struct a64_trans *x, ir_ref nonzero, uint64_t trap)
{
    ir_emit(x->ir, IR_TRAPNZ, IR_VOID, 0, nonzero, 0, 0, 0, trap);
}

void a64_raise(struct a64_trans *x, uint64_t trap)
{
    a64_raise_if(x, ir_i32(x->ir, 1), trap);
    exit_rel(x, x->next);
}

void a64_undefined(struct a64_trans *x)
{
    a64_raise(x, ARM_TRAP(ARM_EC_UNKNOWN, 0));
}

bool a64_check_fp(struct a64_trans *x)
{
    unsigned el = (unsigned)(x->mode & MODE_FP_TRAP) / (MODE_FP_TRAP & -MODE_FP_TRAP);
    if (el) /* ISS: CV is 1, COND is 14 */
        a64_raise(x, ARM_TRAP(ARM_EC_FP, 0x1e00000) | ARM_TRAP_TO(el));
    return !el;
}

/* ---- branches ------------------------------------------------------------------------------- */

void a64_jump_to(struct a64_trans *x, ir_ref target)
{
    if (a64_one_by_one(x)) {
        end_dyn_at(x, target, true);
        return;
    }
    ir_emit(x->ir, IR_EXIT_IND, IR_VOID, 0, target, 0, 0, 0, 0);
    x->done = true;
}

void a64_return_to(struct a64_trans *x, ir_ref target)
{
    x->t->ends = TCG_ENDS_RETURN;
    if (!a64_one_by_one(x) && tcg_exit_return(x->t, x->start, target))
        x->done = true;
    else
        a64_jump_to(x, target);
}

void a64_jump_rel(struct a64_trans *x, int64_t rel)
{
    if (a64_one_by_one(x))
        end_dyn_at(x, a64_pc(x, rel), true);
    else
        exit_rel(x, rel);
}

void a64_branch_if(struct a64_trans *x, ir_ref fl, enum ir_cc cc, ir_ref nonzero, int64_t rel)
{
    struct ir_region *r = x->ir;
    if (a64_one_by_one(x)) {
        ir_ref a = a64_pc(x, rel), b = a64_pc(x, x->next);
        end_dyn_at(x,
                   fl ? ir_emit(r, IR_SELCC, IR_I64, cc, a, b, fl, 0, 0)
                      : ir_op3(r, IR_SELNZ, IR_I64, a, b, nonzero),
                   true);
        return;
    }
    tcg_exit_either(x->t, x->start, fl, cc, nonzero, rel, x->next);
    x->done = true;
}

void a64_leave_if(struct a64_trans *x, ir_ref fl, enum ir_cc cc, int64_t rel)
{
    /* Right behind there is no label to go to: not as a region of several blocks. */
    if (tcg_runs_on_to(x->t, rel))
        x->ir->overflow = true;
    else
        tcg_exit_if(x->t, x->start, fl, cc, 0, rel);
}

/* ---- the loop ------------------------------------------------------------------------------- */

void a64_before_insn(struct a64_trans *x)
{
    if (x->mode & MODE_SS)
        ir_emit(x->ir, IR_STENV, IR_VOID, IR_W8, ir_i32(x->ir, 1), 0, 0, 0,
                (uint64_t)(int64_t)TCG_ENV_OFFSET(step_pending));
    if (x->mode & MODE_BREAKPOINTS)
        a64_call_helper(x, HELPER_ID(breakpoint), a64_pc(x, x->start), 0, 0, 0);
}

enum {
    ACCEPT_BR = 1 << ARM_BTYPE_BR_16,
    ACCEPT_BLR = 1 << ARM_BTYPE_BLR,
    ACCEPT_BR_ANY = 1 << ARM_BTYPE_BR
};

/* Which BTYPEs an instruction is a target for, a bit each; *keeps: it leaves BTYPE as it is, and is
 * one for all. */
static unsigned accepted(const struct a64_trans *x, uint32_t word, bool *keeps)
{
    const unsigned calls = ACCEPT_BR | ACCEPT_BLR, all = calls | ACCEPT_BR_ANY;
    *keeps = false;
    switch (word) {
    case 0xd503233f: /* PACIASP */
    case 0xd503237f: /* PACIBSP */
        return x->mode & MODE_BT ? calls : all;
    case 0xd503241f: /* BTI */
        return 0;
    case 0xd503245f: /* BTI c */
        return calls;
    case 0xd503249f: /* BTI j */
        return ACCEPT_BR | ACCEPT_BR_ANY;
    case 0xd50324df: /* BTI jc */
        return all;
    default: /* BRK, HLT */
        *keeps = (word & 0xffe0001f) == 0xd4200000 || (word & 0xffe0001f) == 0xd4400000;
        return 0;
    }
}

/* The region's first instruction: the only one that finds a BTYPE. */
static void check_target(struct a64_trans *x, uint32_t word)
{
    struct ir_region *r = x->ir;
    const uint64_t at = (uint64_t)(int64_t)TCG_ENV_OFFSET(arm_btype);
    bool keeps;
    const unsigned accept = accepted(x, word, &keeps);
    if (keeps)
        return;
    ir_ref v = ir_emit(r, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, at), bad = v;
    if (accept == (ACCEPT_BR | ACCEPT_BLR)) /* 3 or 4 is not */
        bad = ir_op2(r, IR_AND, IR_I32, a64_add_imm(x, IR_I32, v, 1), ir_i32(r, 4));
    else if (accept == (ACCEPT_BR | ACCEPT_BR_ANY)) /* 2 is not */
        bad = ir_op2(r, IR_AND, IR_I32, ir_op2(r, IR_SHR, IR_I32, v, ir_i32(r, 1)),
                     ir_op2(r, IR_XOR, IR_I32, v, ir_i32(r, 1)));
    if (accept != (ACCEPT_BR | ACCEPT_BLR | ACCEPT_BR_ANY))
        a64_raise_if(x, bad, ARM_TRAP_TARGET | accept);
    if (accept)
        ir_emit(r, IR_STENV, IR_VOID, IR_W32, ir_i32(r, 0), 0, 0, 0, at);
}

static void translate_insn(struct a64_trans *x, uint32_t word, bool first)
{
    struct a64_insn i;
    x->clock = false;
    ir_insn(x->ir, x->start, 4);
    if (x->start & 3) {
        a64_raise(x, ARM_TRAP(ARM_EC_PC_ALIGN, 0));
        return;
    }
    a64_before_insn(x);
    if (x->mode & MODE_ILLEGAL) {
        a64_raise(x, ARM_TRAP(ARM_EC_ILLEGAL, 0));
        return;
    }
    if (first && x->mode & MODE_BTI)
        check_target(x, word);
    if (!a64_decode(word, &i) || !a64_has(x, a64_set.rows[i.row].feature) || !a64_call(x, &i))
        a64_undefined(x);
}

static uint32_t fetch(const struct tcg_translation *t, uint32_t at)
{
    uint32_t word;
    memcpy(&word, t->page + at, sizeof word);
    return word;
}

void a64_translate(struct tcg_translation *t)
{
    struct a64_trans x = {.t = t, .ir = t->ir, .mode = t->mode};
    unsigned max = a64_one_by_one(&x) ? 1 : t->max_insns;
    uint32_t at = t->page_offset;

    if (t->tc && t->tc->vcpu)
        x.model = t->tc->vcpu->model;
    for (unsigned n = 0; !x.done; n++) {
        /* A PC that is not aligned faults without a look at memory. */
        if (n && (n >= max || at >= PAGE || t->ir->count > IR_MAX_INSNS - IR_MARGIN)) {
            a64_end_next(&x);
            break;
        }
        x.start = t->rel_base + at;
        x.next = x.start + 4;
        translate_insn(&x, at & 3 ? 0 : fetch(t, at), n == 0);
        at += 4;
        if (x.clock && x.mode & MODE_ICOUNT && !x.done)
            a64_end_dyn(&x, true); /* the count is exact at the end of a block only */
    }
    t->len = at - t->page_offset;
}
