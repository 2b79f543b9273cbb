/*
 * The translation loop: bytes -> decoded instructions -> IR, one region at a time, and how regions
 * end.
 *
 * A region is straight-line code up to an unconditional jump, an instruction that changes mode,
 * mappings or the deliverability of interrupts, the end of the page or max_insns. Code bytes are
 * only read from the page copies in struct tcg_translation. An instruction that straddles two pages
 * is a region of its own.
 */
#include "tcg/x86/translate.h"
#include "tcg/x86/translate_int.h"

#include <string.h>
#include "core/util/range.h"
#include "tcg/exits.h"

enum {
    PAGE = 4096,
    /* Room that the longest translation of one instruction (ENTER 31 with limit checks) never
       exceeds. */
    IR_MARGIN = 700,
};

/* ---- how regions end ------------------------------------------------------------------------ */

/* Every instruction ends with a look at events: re-execution, traps, interrupt shadow. */
bool x86_one_by_one(const struct x86_trans *x)
{
    return x->t->single || x->after_sti || x->mode & (MODE_TF | MODE_STEP | MODE_STI_SHADOW);
}

static ir_ref pc_at(struct x86_trans *x, int64_t rel)
{
    ir_ref pc = x86_add_imm(x, IR_I64, ir_get(x->ir, SLOT_PCB), rel);
    return x86_wrap(x, x86_code64(x) ? IR_W64 : IR_W32, pc);
}

ir_ref x86_next_rip(struct x86_trans *x)
{
    return pc_at(x, x->next);
}

ir_ref x86_this_rip(struct x86_trans *x)
{
    return pc_at(x, x->start);
}

/* Go on at PCB + rel: out of the region, or within it. */
static void exit_rel(struct x86_trans *x, int64_t rel)
{
    tcg_exit(x->t, x->start, rel);
    x->done = true;
}

static void exit_dyn(struct x86_trans *x, bool poll)
{
    ir_emit(x->ir, IR_EXIT_DYN, IR_VOID, poll || x86_one_by_one(x), 0, 0, 0, 0, 0);
    x->done = true;
}

void x86_end_dyn_rip_set(struct x86_trans *x, bool poll)
{
    exit_dyn(x, poll);
}

void x86_end_dyn_at(struct x86_trans *x, ir_ref rip, bool poll)
{
    ir_put(x->ir, SLOT_RIP, rip);
    exit_dyn(x, poll);
}

void x86_end_dyn(struct x86_trans *x, bool poll)
{
    x86_end_dyn_at(x, x86_next_rip(x), poll);
}

void x86_end_next(struct x86_trans *x)
{
    if (x86_one_by_one(x))
        x86_end_dyn(x, true);
    else
        exit_rel(x, x->next);
}

void x86_end_again_if(struct x86_trans *x, ir_ref nonzero)
{
    struct ir_region *r = x->ir;
    /* Counted: how much of the budget an iteration leaves is for the next block's entry to see. */
    if (x86_one_by_one(x) || x->mode & MODE_ICOUNT) {
        ir_ref rip = ir_op3(r, IR_SELNZ, IR_I64, x86_this_rip(x), x86_next_rip(x), nonzero);
        x86_end_dyn_at(x, rip, true);
        return;
    }
    ir_emit(r, IR_BRNZ, IR_VOID, 0, nonzero, 0, 0, (ir_ref)tcg_exit_flags(x->t, x->start, x->start),
            (uint64_t)x->start);
}

void x86_tr_raise_imm(struct x86_trans *x, uint64_t imm)
{
    ir_emit(x->ir, IR_TRAPNZ, IR_VOID, 0, ir_i32(x->ir, 1), 0, 0, 0, imm);
    exit_rel(x, x->next);
}

void x86_tr_raise(struct x86_trans *x, enum x86_vector vector)
{
    x86_tr_raise_imm(x, X86_TRAP(vector));
}

void x86_tr_raise_error(struct x86_trans *x, enum x86_vector vector, uint32_t error)
{
    x86_tr_raise_imm(x, X86_TRAP_ERROR(vector, error));
}

/* ---- near branches -------------------------------------------------------------------------- */

/* CS limit against `last` (i64): #GP(0) beyond it. */
static void check_cs_limit(struct x86_trans *x, ir_ref last)
{
    struct ir_region *r = x->ir;
    if (x->mode & (MODE_FLAT_CS | MODE_CODE64))
        return;
    ir_ref limit =
        ir_emit(r, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, offsetof(struct x86_regs, seg[X86_CS].limit));
    ir_ref beyond =
        ir_emit(r, IR_SETC, IR_I32, IR_CC_A, last, ir_zext(r, IR_I64, limit, IR_W32), 0, 0, IR_I64);
    ir_emit(r, IR_TRAPNZ, IR_VOID, 0, beyond, 0, 0, 0, X86_TRAP_ERROR(X86_GP, 0));
}

ir_ref x86_branch_target(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref pc = x86_add_imm(x, IR_I64, ir_get(x->ir, SLOT_PCB), x->next + i->imm);
    return x86_wrap(x, i->opsize, pc);
}

void x86_check_target(struct x86_trans *x, ir_ref target)
{
    check_cs_limit(x, target);
}

void x86_jump_to(struct x86_trans *x, ir_ref target)
{
    if (x86_one_by_one(x)) {
        x86_end_dyn_at(x, target, true);
        return;
    }
    ir_emit(x->ir, IR_EXIT_IND, IR_VOID, 0, target, 0, 0, 0, 0);
    x->done = true;
}

void x86_return_to(struct x86_trans *x, ir_ref target)
{
    x->t->ends = TCG_ENDS_RETURN;
    if (!x86_one_by_one(x) && tcg_exit_return(x->t, x->start, target))
        x->done = true;
    else
        x86_jump_to(x, target);
}

/* May PCB + rel differ from the target wrapped to 32 bits? Judged where the region is translated:
 * only a branch across the end of the 4 GiB space could change its mind when the same bytes run at
 * another address. */
static bool wraps32(const struct x86_trans *x, int64_t rel)
{
    return x->t->pc - x->t->page_offset - (uint64_t)x->t->rel_base + (uint64_t)rel > UINT32_MAX;
}

/* A displacement of 2 GiB less a few bytes, from the page's start: exits hold 32 bits. */
static bool out_of_reach(int64_t rel)
{
    return rel != (int32_t)rel;
}

void x86_jump_rel(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    int64_t rel = x->next + i->imm;
    ir_ref target = x86_branch_target(x, i);

    if (x86_one_by_one(x) || out_of_reach(rel) || (i->opsize == IR_W32 && wraps32(x, rel))) {
        x86_jump_to(x, target);
    } else if (i->opsize == IR_W16) {
        ir_ref pc = x86_add_imm(x, IR_I64, ir_get(r, SLOT_PCB), rel);
        ir_ref in_range = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, pc, target, 0, 0, IR_I64);
        ir_emit(r, IR_BRNZ, IR_VOID, 0, in_range, 0, 0, (ir_ref)tcg_exit_flags(x->t, x->start, rel),
                (uint64_t)rel);
        x86_jump_to(x, target);
    } else {
        exit_rel(x, rel);
    }
}

static ir_ref select_target(struct x86_trans *x, const struct x86_insn *i, ir_ref fl, unsigned cc,
                            ir_ref nonzero)
{
    ir_ref a = x86_branch_target(x, i), b = x86_next_rip(x);
    return fl ? ir_emit(x->ir, IR_SELCC, IR_I64, cc, a, b, fl, 0, 0)
              : ir_op3(x->ir, IR_SELNZ, IR_I64, a, b, nonzero);
}

void x86_check_branch(struct x86_trans *x, const struct x86_insn *i, ir_ref fl, unsigned cc,
                      ir_ref nonzero)
{
    if (!(x->mode & (MODE_FLAT_CS | MODE_CODE64)))
        check_cs_limit(x, select_target(x, i, fl, cc, nonzero));
}

void x86_branch_if(struct x86_trans *x, const struct x86_insn *i, ir_ref fl, unsigned cc,
                   ir_ref nonzero)
{
    int64_t rel = x->next + i->imm;

    if (x86_one_by_one(x) || i->opsize == IR_W16 || out_of_reach(rel) ||
        (i->opsize == IR_W32 && wraps32(x, rel))) {
        ir_ref rip = select_target(x, i, fl, cc, nonzero);
        x86_jump_to(x, rip);
        return;
    }
    tcg_exit_either(x->t, x->start, fl, cc, nonzero, rel, x->next);
    x->done = true;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void before_insn(struct x86_trans *x, unsigned len)
{
    struct ir_region *r = x->ir;
    if (x->mode & MODE_STI_SHADOW)
        ir_emit(r, IR_STENV, IR_VOID, IR_W8, ir_i32(r, 0), 0, 0, 0,
                offsetof(struct x86_regs, sti_shadow));
    if (x->mode & MODE_TF)
        ir_emit(r, IR_STENV, IR_VOID, IR_W8, ir_i32(r, 1), 0, 0, 0,
                (uint64_t)(int64_t)TCG_ENV_OFFSET(step_pending));
    if (x->mode & MODE_BREAKPOINTS)
        x86_call(x, HELPER_ID(breakpoint), x86_this_rip(x), 0, 0, 0);
    if (!(x->mode & (MODE_FLAT_CS | MODE_CODE64)))
        check_cs_limit(
            x,
            x86_wrap(x, IR_W32, x86_add_imm(x, IR_I64, ir_get(r, SLOT_PCB), x->start + len - 1)));
}

/* #UD and #NM by the control registers' FPU bits. Returns false when it raised. */
static bool check_fpu(struct x86_trans *x, enum x86_check check)
{
    uint64_t m = x->mode;
    bool ud = (check == CHECK_MMX || check == CHECK_SSE) && m & MODE_CR0_EM;
    if (check == CHECK_SSE && !(m & MODE_CR4_OSFXSR))
        ud = true;
    if (check == CHECK_AVX && (!(m & MODE_CR4_OSXSAVE) || !(m & MODE_XCR0_AVX)))
        ud = true;
    if (ud) {
        x86_tr_raise(x, X86_UD);
        return false;
    }
    bool nm = m & MODE_CR0_TS && (check != CHECK_WAIT || m & MODE_CR0_MP);
    if (check == CHECK_X87 && m & MODE_CR0_EM)
        nm = true;
    if (nm)
        x86_tr_raise(x, X86_NM);
    return !nm;
}

static void translate_insn(struct x86_trans *x, const struct x86_insn *i,
                           enum x86_decode_status status)
{
    x->ea = x->loaded = 0;
    x->clock = false;
    ir_insn(x->ir, x->start, i->len);
    before_insn(x, i->len);
    if (status == X86_DECODE_TOO_LONG) {
        x86_tr_raise_error(x, X86_GP, 0);
    } else if (status != X86_DECODE_OK) {
        x86_tr_raise(x, X86_UD);
    } else if (i->row->flags & I_CPL0 && x->mode & MODE_CPL) {
        x86_tr_raise_error(x, X86_GP, 0);
    } else if (i->row->check == CHECK_NONE || check_fpu(x, i->row->check)) {
        i->row->fn(x, i);
    }
}

static const uint32_t *model_features(const struct tcg_translation *t)
{
    const struct x86_cpu_model *model = t->tc && t->tc->vcpu ? t->tc->vcpu->model : NULL;
    return model ? model->features : NULL;
}

/* Decode at page offset `at`. Sets *straddles when bytes of the next page are needed; *end: stop
 * before it. */
static enum x86_decode_status fetch_insn(struct x86_trans *x, uint32_t at, struct x86_insn *i,
                                         bool *straddles, bool *end)
{
    struct tcg_translation *t = x->t;
    const uint32_t *features = model_features(t);
    uint32_t avail = PAGE - at;
    uint8_t bytes[X86_INSN_MAX];
    enum x86_decode_status status =
        x86_decode(i, t->page + at, MIN(avail, (uint32_t)X86_INSN_MAX), x->mode, features);

    *straddles = *end = false;
    if (status != X86_DECODE_MORE)
        return status;
    if (at != t->page_offset || !tcg_fetch_next_page(t)) {
        *end = true; /* it becomes the first of another region, or its fetch faults */
        return status;
    }
    *straddles = true;
    memcpy(bytes, t->page + at, avail);
    memcpy(bytes + avail, t->page2, sizeof bytes - avail);
    return x86_decode(i, bytes, sizeof bytes, x->mode, features);
}

void x86_translate(struct tcg_translation *t)
{
    struct x86_trans x = {.t = t, .ir = t->ir, .mode = t->mode};
    unsigned max = x86_one_by_one(&x) ? 1 : t->max_insns;
    uint32_t at = t->page_offset;

    for (unsigned n = 0; !x.done; n++) {
        struct x86_insn i;
        bool straddles, end = n && !x.after_sti &&
                              (n >= max || at >= PAGE || t->ir->count > IR_MAX_INSNS - IR_MARGIN);
        enum x86_decode_status status =
            end ? X86_DECODE_MORE : fetch_insn(&x, at, &i, &straddles, &end);
        if (end) {
            if (n)
                x86_end_next(&x);
            break;
        }
        bool last = straddles || x.after_sti;
        x.start = t->rel_base + at;
        x.next = x.start + i.len;
        translate_insn(&x, &i, status);
        at += i.len;
        if (x.clock && x.mode & MODE_ICOUNT && !x.done)
            x86_end_dyn(&x, true); /* the count is exact at the end of a block only */
        if (last && !x.done)
            x86_end_next(&x);
    }
    t->len = at - t->page_offset;
}
