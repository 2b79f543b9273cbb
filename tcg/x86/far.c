/*
 * Far jumps, calls and returns: directly, through call gates (16, 32 and 64 bits), to tasks, and
 * IRET in every mode. SDM vol. 2 (JMP, CALL, RET, IRET) and vol. 3, chapters "Protection" and "8086
 * Emulation".
 */
#include "tcg/x86/sys.h"

static bool gp(struct tcg_cpu *tc, uint32_t selector)
{
    x86_raise_error(tc, X86_GP, selector & ~3u);
    return false;
}

static bool not_present(struct tcg_cpu *tc, uint32_t selector)
{
    x86_raise_error(tc, X86_NP, selector & ~3u);
    return false;
}

void x86_load_flags(struct tcg_cpu *tc, uint64_t image, uint64_t mask)
{
    uint64_t flags = (x86_get_rflags(tc) & ~mask) | (image & mask);
    /* RF matters only for execute breakpoints: without one it must not linger until the next event
     */
    if ((flags & X86_FLAG_RF) && !(tc->mode & MODE_BREAKPOINTS))
        flags &= ~(uint64_t)X86_FLAG_RF;
    x86_set_rflags(tc, flags);
}

/* ---- targets
 * -------------------------------------------------------------------------------------------------
 */

/* A code descriptor that JMP or CALL without a gate may enter; the level stays. */
static bool direct_target(struct tcg_cpu *tc, uint16_t selector, struct x86_desc *d,
                          struct x86_segment *cs)
{
    struct x86_regs *r = x86_regs_of(tc);
    const unsigned cpl = x86_cpl(r), dpl = x86_desc_dpl(d), rpl = selector & 3;
    if (x86_desc_conforming(d) ? dpl > cpl : rpl > cpl || dpl != cpl)
        return gp(tc, selector);
    if (x86_is_long(r) && (d->hi >> 21 & 3) == 3) /* L and D */
        return gp(tc, selector);
    if (!x86_desc_present(d))
        return not_present(tc, selector);
    if (!x86_desc_set_accessed(tc, d))
        return false;
    x86_desc_to_segment(d, selector, cs);
    if (!x86_is_long(r))
        cs->attr &= (uint16_t)~X86_SEG_L;
    return true;
}

struct call_gate {
    uint16_t selector;
    uint64_t offset;
    unsigned size; /* of pushes: 2, 4, 8 */
    unsigned params;
    struct x86_segment cs;
    unsigned cpl; /* level of the target */
};

/* The gate's own checks, then those of its target. */
static bool read_call_gate(struct tcg_cpu *tc, uint16_t selector, const struct x86_desc *d,
                           bool jump, struct call_gate *g)
{
    struct x86_regs *r = x86_regs_of(tc);
    const unsigned cpl = x86_cpl(r), gate_dpl = x86_desc_dpl(d);
    const bool lm = x86_is_long(r);
    if (gate_dpl < cpl || gate_dpl < (selector & 3u))
        return gp(tc, selector);
    if (!x86_desc_present(d))
        return not_present(tc, selector);
    g->size = lm ? 8 : x86_desc_type(d) & 8 ? 4 : 2;
    g->selector = (uint16_t)(d->lo >> 16);
    g->offset = (d->lo & 0xffff) | (g->size == 2 ? 0 : d->hi & 0xffff0000);
    g->params = lm ? 0 : d->hi & 31;
    if (lm) {
        uint64_t high = tcg_load(tc, d->addr + 8, 8, X86_MEM_SYSTEM);
        if (tcg_faulted(tc))
            return false;
        if (high >> 40 & 0x1f)
            return gp(tc, selector);
        g->offset |= high << 32;
    }
    if (!(g->selector & ~3u))
        return gp(tc, 0);
    struct x86_desc code;
    if (!x86_need_desc(tc, g->selector, &code, X86_GP, 0))
        return false;
    const unsigned dpl = x86_desc_dpl(&code);
    bool bad = !x86_desc_code(&code) || dpl > cpl;
    bad = bad || (jump && !x86_desc_conforming(&code) && dpl != cpl);
    bad = bad || (lm && (code.hi >> 21 & 3) != 1);
    if (bad)
        return gp(tc, g->selector);
    if (!x86_desc_present(&code))
        return not_present(tc, g->selector);
    if (!x86_desc_set_accessed(tc, &code))
        return false;
    x86_desc_to_segment(&code, g->selector, &g->cs);
    g->cpl = x86_desc_conforming(&code) ? cpl : dpl;
    return true;
}

/* JMP or CALL to a TSS or task gate. */
static bool far_task(struct tcg_cpu *tc, uint16_t selector, struct x86_desc *d, bool call,
                     uint64_t next)
{
    struct x86_regs *r = x86_regs_of(tc);
    const unsigned dpl = x86_desc_dpl(d);
    if (dpl < x86_cpl(r) || dpl < (selector & 3u))
        return gp(tc, selector);
    if (x86_desc_type(d) == 5) {
        if (!x86_desc_present(d))
            return not_present(tc, selector);
        selector = (uint16_t)(d->lo >> 16);
        if (selector & 4)
            return gp(tc, selector);
        if (!x86_need_desc(tc, selector, d, X86_GP, 0))
            return false;
        if (x86_desc_s(d) || (x86_desc_type(d) & 7) != 1)
            return gp(tc, selector);
    }
    if (x86_desc_type(d) & 2) /* busy */
        return gp(tc, selector);
    if (!x86_desc_present(d))
        return not_present(tc, selector);
    return x86_task_switch(tc, selector, d, call ? X86_TASK_CALL : X86_TASK_JMP, next, false, 0, 0);
}

enum { TASK_TYPES = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 9 | 1 << 11, GATE_TYPES = 1 << 4 | 1 << 12 };

/* ---- JMP
 * -------------------------------------------------------------------------------------------------------
 */

uint64_t x86_helper_far_jmp(void *env, uint64_t sel, uint64_t offset, uint64_t opsize,
                            uint64_t next)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    const uint16_t selector = (uint16_t)sel;
    offset &= x86_size_mask((unsigned)opsize);
    if (!x86_is_protected(r)) {
        if (offset > r->seg[X86_CS].limit) {
            x86_raise_error(tc, X86_GP, 0);
            return 0;
        }
        x86_set_real_segment(r, X86_CS, selector);
        r->rip = offset;
        x86_level_changed(tc);
        return 0;
    }
    if (!(selector & ~3u)) {
        gp(tc, 0);
        return 0;
    }
    struct x86_desc d;
    struct x86_segment cs;
    if (!x86_need_desc(tc, selector, &d, X86_GP, 0))
        return 0;
    if (x86_desc_s(&d)) {
        if (!x86_desc_code(&d)) {
            gp(tc, selector);
            return 0;
        }
        if (!direct_target(tc, selector, &d, &cs) || !x86_check_code_offset(tc, &cs, offset))
            return 0;
        x86_commit_cs(r, &cs, x86_cpl(r));
        r->rip = offset;
        x86_level_changed(tc);
        return 0;
    }
    const unsigned type = x86_desc_type(&d);
    if (!x86_is_long(r) && (TASK_TYPES >> type & 1)) {
        far_task(tc, selector, &d, false, next & 0xffffffff);
        return 0;
    }
    if (!(GATE_TYPES >> type & 1) || (x86_is_long(r) && type != 12)) {
        gp(tc, selector);
        return 0;
    }
    struct call_gate g;
    if (!read_call_gate(tc, selector, &d, true, &g) || !x86_check_code_offset(tc, &g.cs, g.offset))
        return 0;
    x86_commit_cs(r, &g.cs, x86_cpl(r));
    r->rip = g.offset;
    x86_level_changed(tc);
    return 0;
}

/* ---- CALL
 * --------------------------------------------------------------------------------------------------------
 */

/* To the same level: CS and return address on the present stack. */
static void call_same(struct tcg_cpu *tc, const struct x86_segment *cs, uint64_t offset,
                      unsigned size, uint64_t next)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct x86_stack s;
    x86_stack_init(&s, tc);
    x86_stack_push(&s, size, r->seg[X86_CS].selector);
    x86_stack_push(&s, size, next);
    if (tcg_faulted(tc) || !x86_check_code_offset(tc, cs, offset))
        return;
    x86_set_sp(r, s.sp, s.mask);
    x86_commit_cs(r, cs, x86_cpl(r));
    r->rip = offset;
    x86_level_changed(tc);
}

static void call_inner_legacy(struct tcg_cpu *tc, const struct call_gate *g, uint64_t next)
{
    struct x86_regs *r = x86_regs_of(tc);
    uint16_t ss_selector;
    uint32_t esp;
    struct x86_segment ss;
    if (!x86_tss_stack(tc, g->cpl, 0, &ss_selector, &esp) ||
        !x86_prepare_inner_ss(tc, ss_selector, g->cpl, 0, &ss))
        return;
    struct x86_stack old, s = {.tc = tc,
                               .base = ss.base,
                               .mask = ss.attr & X86_SEG_DB ? 0xffffffff : 0xffff,
                               .sp = esp,
                               .seg = &ss,
                               .error = ss_selector & ~3u,
                               .attr = x86_mem_attr(tc, g->cpl)};
    uint64_t params[31];
    x86_stack_init(&old, tc);
    for (unsigned i = 0; i < g->params; i++)
        params[i] = x86_stack_pop(&old, g->size);
    x86_stack_push(&s, g->size, r->seg[X86_SS].selector);
    x86_stack_push(&s, g->size, r->gpr[X86_RSP]);
    for (unsigned i = g->params; i-- > 0;)
        x86_stack_push(&s, g->size, params[i]);
    x86_stack_push(&s, g->size, r->seg[X86_CS].selector);
    x86_stack_push(&s, g->size, next);
    if (tcg_faulted(tc) || !x86_check_code_offset(tc, &g->cs, g->offset))
        return;
    r->seg[X86_SS] = ss;
    x86_commit_cs(r, &g->cs, g->cpl);
    x86_set_sp(r, s.sp, s.mask);
    r->rip = g->offset;
    x86_level_changed(tc);
}

static void call_inner_long(struct tcg_cpu *tc, const struct call_gate *g, uint64_t next)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct x86_stack s = {.tc = tc, .mask = ~UINT64_C(0), .attr = x86_mem_attr(tc, g->cpl)};
    if (!x86_tss_rsp(tc, g->cpl, 0, &s.sp))
        return;
    x86_stack_push(&s, 8, r->seg[X86_SS].selector);
    x86_stack_push(&s, 8, r->gpr[X86_RSP]);
    x86_stack_push(&s, 8, r->seg[X86_CS].selector);
    x86_stack_push(&s, 8, next);
    if (tcg_faulted(tc) || !x86_check_code_offset(tc, &g->cs, g->offset))
        return;
    x86_set_null_ss(r, (uint16_t)g->cpl, g->cpl);
    x86_commit_cs(r, &g->cs, g->cpl);
    r->gpr[X86_RSP] = s.sp;
    r->rip = g->offset;
    x86_level_changed(tc);
}

/* A call gate to the same level in long mode pushes 8 bytes on what is a 64-bit stack from now on.
 */
static void call_gate_same(struct tcg_cpu *tc, const struct call_gate *g, uint64_t next)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (g->size != 8) {
        call_same(tc, &g->cs, g->offset, g->size, next);
        return;
    }
    struct x86_stack s = {.tc = tc,
                          .mask = ~UINT64_C(0),
                          .sp = r->gpr[X86_RSP],
                          .attr = x86_mem_attr(tc, x86_cpl(r))};
    x86_stack_push(&s, 8, r->seg[X86_CS].selector);
    x86_stack_push(&s, 8, next);
    if (tcg_faulted(tc) || !x86_check_code_offset(tc, &g->cs, g->offset))
        return;
    r->gpr[X86_RSP] = s.sp;
    x86_commit_cs(r, &g->cs, x86_cpl(r));
    r->rip = g->offset;
    x86_level_changed(tc);
}

static void call_real(struct tcg_cpu *tc, uint16_t selector, uint64_t offset, unsigned size,
                      uint64_t next)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct x86_stack s;
    x86_stack_init(&s, tc);
    x86_stack_push(&s, size, r->seg[X86_CS].selector);
    x86_stack_push(&s, size, next);
    if (tcg_faulted(tc))
        return;
    if (offset > r->seg[X86_CS].limit) {
        x86_raise_error(tc, X86_GP, 0);
        return;
    }
    x86_set_sp(r, s.sp, s.mask);
    x86_set_real_segment(r, X86_CS, selector);
    r->rip = offset;
    x86_level_changed(tc);
}

uint64_t x86_helper_far_call(void *env, uint64_t sel, uint64_t offset, uint64_t opsize,
                             uint64_t next)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    const uint16_t selector = (uint16_t)sel;
    const unsigned size = (unsigned)opsize;
    offset &= x86_size_mask(size);
    if (!x86_is_code64(r))
        next &= r->seg[X86_CS].attr & X86_SEG_DB ? 0xffffffff : 0xffff;
    if (!x86_is_protected(r)) {
        call_real(tc, selector, offset, size, next);
        return 0;
    }
    if (!(selector & ~3u)) {
        gp(tc, 0);
        return 0;
    }
    struct x86_desc d;
    if (!x86_need_desc(tc, selector, &d, X86_GP, 0))
        return 0;
    if (x86_desc_s(&d)) {
        struct x86_segment cs;
        if (!x86_desc_code(&d))
            gp(tc, selector);
        else if (direct_target(tc, selector, &d, &cs))
            call_same(tc, &cs, offset, size, next);
        return 0;
    }
    const unsigned type = x86_desc_type(&d);
    if (!x86_is_long(r) && (TASK_TYPES >> type & 1)) {
        far_task(tc, selector, &d, true, next);
        return 0;
    }
    struct call_gate g;
    if (!(GATE_TYPES >> type & 1) || (x86_is_long(r) && type != 12))
        gp(tc, selector);
    else if (!read_call_gate(tc, selector, &d, false, &g))
        return 0;
    else if (g.cpl == x86_cpl(r))
        call_gate_same(tc, &g, next);
    else if (g.size == 8)
        call_inner_long(tc, &g, next);
    else
        call_inner_legacy(tc, &g, next);
    return 0;
}

/* ---- RET and IRET: what they share
 * ------------------------------------------------------------------------------------ */

/* The code segment returned to; its RPL is the new level. */
static bool return_cs(struct tcg_cpu *tc, uint16_t selector, struct x86_segment *cs)
{
    struct x86_regs *r = x86_regs_of(tc);
    const unsigned rpl = selector & 3;
    struct x86_desc d;
    if (!(selector & ~3u))
        return gp(tc, 0);
    if (!x86_need_desc(tc, selector, &d, X86_GP, 0))
        return false;
    const unsigned dpl = x86_desc_dpl(&d);
    bool bad = !x86_desc_code(&d) || rpl < x86_cpl(r);
    bad = bad || (x86_desc_conforming(&d) ? dpl > rpl : dpl != rpl);
    bad = bad || (x86_is_long(r) && (d.hi >> 21 & 3) == 3);
    if (bad)
        return gp(tc, selector);
    if (!x86_desc_present(&d))
        return not_present(tc, selector);
    if (!x86_desc_set_accessed(tc, &d))
        return false;
    x86_desc_to_segment(&d, selector, cs);
    if (!x86_is_long(r))
        cs->attr &= (uint16_t)~X86_SEG_L;
    return true;
}

/* The stack segment that goes with it. */
static bool return_ss(struct tcg_cpu *tc, uint16_t selector, const struct x86_segment *cs,
                      unsigned cpl, struct x86_segment *ss)
{
    if (!(selector & ~3u)) {
        /* null is good for 64-bit code below level 3 */
        if (!(x86_is_long(x86_regs_of(tc)) && (cs->attr & X86_SEG_L)) || cpl == 3 ||
            (selector & 3u) != cpl)
            return gp(tc, 0);
        *ss = (struct x86_segment){.selector = selector,
                                   .attr = (uint16_t)(cpl << X86_SEG_DPL_SHIFT)};
        return true;
    }
    return x86_prepare_segment(tc, X86_SS, selector, cpl, X86_GP, 0, ss);
}

static uint64_t new_stack_mask(const struct x86_regs *r, const struct x86_segment *cs,
                               const struct x86_segment *ss)
{
    if (x86_is_long(r) && (cs->attr & X86_SEG_L))
        return ~UINT64_C(0);
    return ss->attr & X86_SEG_DB ? 0xffffffff : 0xffff;
}

/* ---- RET
 * ---------------------------------------------------------------------------------------------------------------
 */

uint64_t x86_helper_far_ret(void *env, uint64_t opsize, uint64_t release, uint64_t next, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    const unsigned size = (unsigned)opsize;
    UNUSED(next, d);
    struct x86_stack s;
    x86_stack_init(&s, tc);
    uint64_t rip = x86_stack_pop(&s, size);
    uint16_t selector = (uint16_t)x86_stack_pop(&s, size);
    if (tcg_faulted(tc))
        return 0;
    if (!x86_is_protected(r)) {
        if (rip > r->seg[X86_CS].limit) {
            gp(tc, 0);
            return 0;
        }
        x86_set_sp(r, s.sp + release, s.mask);
        x86_set_real_segment(r, X86_CS, selector);
        r->rip = rip;
        x86_level_changed(tc);
        return 0;
    }
    struct x86_segment cs, ss;
    if (!return_cs(tc, selector, &cs))
        return 0;
    const unsigned cpl = selector & 3;
    if (cpl == x86_cpl(r)) {
        if (!x86_check_code_offset(tc, &cs, rip))
            return 0;
        x86_set_sp(r, s.sp + release, s.mask);
        x86_commit_cs(r, &cs, cpl);
        r->rip = rip;
        x86_level_changed(tc);
        return 0;
    }
    s.sp += release;
    uint64_t sp = x86_stack_pop(&s, size);
    uint16_t ss_selector = (uint16_t)x86_stack_pop(&s, size);
    if (tcg_faulted(tc) || !return_ss(tc, ss_selector, &cs, cpl, &ss) ||
        !x86_check_code_offset(tc, &cs, rip))
        return 0;
    const uint64_t mask = new_stack_mask(r, &cs, &ss);
    r->seg[X86_SS] = ss;
    x86_commit_cs(r, &cs, cpl);
    x86_set_sp(r, sp + release, mask);
    x86_drop_inner_segments(r, cpl);
    r->rip = rip;
    x86_level_changed(tc);
    return 0;
}

/* ---- IRET
 * -------------------------------------------------------------------------------------------------------------------
 */

static void iret_done(struct tcg_cpu *tc)
{
    x86_regs_of(tc)->nmi_masked = 0;
    x86_level_changed(tc);
}

#define FLAGS_ALWAYS (X86_FLAGS_ARITH | X86_FLAG_TF | X86_FLAG_DF | X86_FLAG_NT)

/* Real mode, and V86 mode with the privilege for it. */
static void iret_real(struct tcg_cpu *tc, unsigned size)
{
    struct x86_regs *r = x86_regs_of(tc);
    const bool v86 = x86_is_v86(r);
    const bool vme = v86 && x86_iopl(r) < 3;
    if (vme && (!(r->cr4 & X86_CR4_VME) || size != 2)) {
        gp(tc, 0);
        return;
    }
    struct x86_stack s;
    x86_stack_init(&s, tc);
    uint64_t rip = x86_stack_pop(&s, size);
    uint16_t selector = (uint16_t)x86_stack_pop(&s, size);
    uint64_t flags = x86_stack_pop(&s, size);
    if (tcg_faulted(tc))
        return;
    uint64_t mask = FLAGS_ALWAYS;
    if (vme) {
        if (((flags & X86_FLAG_IF) && (r->rflags & X86_FLAG_VIP)) || (flags & X86_FLAG_TF)) {
            gp(tc, 0);
            return;
        }
        flags |= flags & X86_FLAG_IF ? X86_FLAG_VIF : 0;
        mask |= X86_FLAG_VIF;
    } else {
        mask |= X86_FLAG_IF | (v86 ? 0 : X86_FLAG_IOPL);
        mask |= size == 4 ? X86_FLAG_RF | X86_FLAG_AC | X86_FLAG_ID : 0;
    }
    if (rip > r->seg[X86_CS].limit) {
        gp(tc, 0);
        return;
    }
    x86_set_sp(r, s.sp, s.mask);
    x86_set_real_segment(r, X86_CS, selector);
    r->rip = rip;
    x86_load_flags(tc, flags, mask);
    iret_done(tc);
}

/* From level 0 into a V86 task: nine dwords are on the stack, three are popped already. */
static void iret_to_v86(struct tcg_cpu *tc, struct x86_stack *s, uint64_t rip, uint16_t selector,
                        uint64_t flags)
{
    static const enum x86_seg order[] = {X86_ES, X86_DS, X86_FS, X86_GS};
    struct x86_regs *r = x86_regs_of(tc);
    uint16_t segs[4];
    uint64_t esp = x86_stack_pop(s, 4);
    uint16_t ss = (uint16_t)x86_stack_pop(s, 4);
    for (unsigned i = 0; i < 4; i++)
        segs[i] = (uint16_t)x86_stack_pop(s, 4);
    if (tcg_faulted(tc))
        return;
    if (rip > 0xffff) {
        gp(tc, 0);
        return;
    }
    x86_load_flags(tc, flags, 0x3f7fd5);
    x86_set_real_segment(r, X86_CS, selector);
    x86_set_real_segment(r, X86_SS, ss);
    for (unsigned i = 0; i < 4; i++)
        x86_set_real_segment(r, order[i], segs[i]);
    r->gpr[X86_RSP] = esp;
    r->rip = rip;
    iret_done(tc);
}

/* EFLAGS.NT: back to the task that called. */
static void iret_task(struct tcg_cpu *tc, uint64_t next)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct x86_desc d;
    uint16_t selector = (uint16_t)tcg_load(tc, r->tr.base, 2, X86_MEM_SYSTEM);
    if (tcg_faulted(tc))
        return;
    if ((selector & 4) || !(selector & ~3u)) {
        x86_raise_error(tc, X86_TS, selector & ~3u);
        return;
    }
    if (!x86_need_desc(tc, selector, &d, X86_TS, 0))
        return;
    if (x86_desc_s(&d) || (x86_desc_type(&d) & 7) != 3) { /* must be a busy TSS */
        x86_raise_error(tc, X86_TS, selector & ~3u);
        return;
    }
    if (!x86_desc_present(&d)) {
        not_present(tc, selector);
        return;
    }
    if (x86_task_switch(tc, selector, &d, X86_TASK_IRET, next, false, 0, 0))
        r->nmi_masked = 0;
}

static uint64_t iret_flags_mask(const struct x86_regs *r, unsigned size)
{
    const unsigned cpl = x86_cpl(r);
    uint64_t mask = FLAGS_ALWAYS;
    if (size > 2)
        mask |= X86_FLAG_RF | X86_FLAG_AC | X86_FLAG_ID;
    if (cpl <= x86_iopl(r))
        mask |= X86_FLAG_IF;
    if (cpl == 0)
        mask |= X86_FLAG_IOPL | (size > 2 ? X86_FLAG_VIF | X86_FLAG_VIP : 0);
    return mask;
}

static void iret_protected(struct tcg_cpu *tc, unsigned size, uint64_t next)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (r->rflags & X86_FLAG_NT) {
        if (x86_is_long(r))
            gp(tc, 0);
        else
            iret_task(tc, next);
        return;
    }
    struct x86_stack s;
    x86_stack_init(&s, tc);
    if (!s.seg)
        x86_stack_frame(&s, s.sp, 5 * size, false);
    uint64_t rip = x86_stack_pop(&s, size);
    uint16_t selector = (uint16_t)x86_stack_pop(&s, size);
    uint64_t flags = x86_stack_pop(&s, size);
    if (tcg_faulted(tc))
        return;
    if ((flags & X86_FLAG_VM) && size == 4 && x86_cpl(r) == 0 && !x86_is_long(r)) {
        iret_to_v86(tc, &s, rip, selector, flags);
        return;
    }
    struct x86_segment cs, ss;
    if (!return_cs(tc, selector, &cs))
        return;
    const unsigned cpl = selector & 3, old_cpl = x86_cpl(r);
    const uint64_t mask = iret_flags_mask(r, size);
    if (cpl == old_cpl && !x86_is_code64(r)) {
        if (!x86_check_code_offset(tc, &cs, rip))
            return;
        x86_set_sp(r, s.sp, s.mask);
        x86_commit_cs(r, &cs, cpl);
    } else {
        uint64_t sp = x86_stack_pop(&s, size);
        uint16_t ss_selector = (uint16_t)x86_stack_pop(&s, size);
        if (tcg_faulted(tc) || !return_ss(tc, ss_selector, &cs, cpl, &ss) ||
            !x86_check_code_offset(tc, &cs, rip))
            return;
        const uint64_t sp_mask = new_stack_mask(r, &cs, &ss);
        r->seg[X86_SS] = ss;
        x86_commit_cs(r, &cs, cpl);
        x86_set_sp(r, sp, sp_mask);
        if (cpl != old_cpl)
            x86_drop_inner_segments(r, cpl);
    }
    r->rip = rip;
    x86_load_flags(tc, flags, mask);
    iret_done(tc);
}

uint64_t x86_helper_iret(void *env, uint64_t opsize, uint64_t next, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(c, d);
    if (x86_is_protected(env))
        iret_protected(tc, (unsigned)opsize, next);
    else
        iret_real(tc, (unsigned)opsize);
    return 0;
}
