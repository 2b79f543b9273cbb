/*
 * Hardware task switches with 16- and 32-bit TSSs. SDM vol. 3, chapter "Task Management".
 *
 * Everything that can fault in the old task is read and probed first. After the commit point faults
 * belong to the new task: they are delivered here, so that the caller only sees a switch that
 * happened.
 */
#include "tcg/x86/sys.h"

/* TSS contents in neutral form. */
struct task_state {
    uint32_t cr3, eip, eflags, gpr[8];
    uint16_t seg[6], ldt;
    bool trap;
};

/* Offsets: 16-bit TSS: IP 14, FLAGS 16, registers 18, ES CS SS DS 34, LDT 42. 32-bit: CR3 28, EIP
 * 32, EFLAGS 36, registers 40, ES..GS 72, LDT 96, T 100. */
enum { TSS16_MIN = 0x2b, TSS32_MIN = 0x67 };

static bool read_state(struct tcg_cpu *tc, uint64_t base, bool wide, struct task_state *t)
{
    const unsigned size = wide ? 4 : 2;
    *t = (struct task_state){.cr3 = 0};
    if (wide)
        t->cr3 = (uint32_t)tcg_load(tc, base + 28, 4, X86_MEM_SYSTEM);
    t->eip = (uint32_t)tcg_load(tc, base + (wide ? 32 : 14), size, X86_MEM_SYSTEM);
    t->eflags = (uint32_t)tcg_load(tc, base + (wide ? 36 : 16), size, X86_MEM_SYSTEM);
    for (unsigned i = 0; i < 8 && !tcg_faulted(tc); i++)
        t->gpr[i] =
            (uint32_t)tcg_load(tc, base + (wide ? 40 + 4 * i : 18 + 2 * i), size, X86_MEM_SYSTEM);
    for (unsigned i = 0; i < (wide ? 6 : 4) && !tcg_faulted(tc); i++)
        t->seg[i] =
            (uint16_t)tcg_load(tc, base + (wide ? 72 + 4 * i : 34 + 2 * i), 2, X86_MEM_SYSTEM);
    if (tcg_faulted(tc))
        return false;
    t->ldt = (uint16_t)tcg_load(tc, base + (wide ? 96 : 42), 2, X86_MEM_SYSTEM);
    if (wide && !tcg_faulted(tc))
        t->trap = tcg_load(tc, base + 100, 2, X86_MEM_SYSTEM) & 1;
    return !tcg_faulted(tc);
}

static void save_state(struct tcg_cpu *tc, uint64_t base, bool wide, uint64_t eip, uint64_t eflags)
{
    struct x86_regs *r = x86_regs_of(tc);
    const unsigned size = wide ? 4 : 2;
    tcg_store(tc, base + (wide ? 32 : 14), size, eip & x86_size_mask(size), X86_MEM_SYSTEM);
    tcg_store(tc, base + (wide ? 36 : 16), size, eflags & x86_size_mask(size), X86_MEM_SYSTEM);
    for (unsigned i = 0; i < 8; i++)
        tcg_store(tc, base + (wide ? 40 + 4 * i : 18 + 2 * i), size,
                  r->gpr[i] & x86_size_mask(size), X86_MEM_SYSTEM);
    for (unsigned i = 0; i < (wide ? 6 : 4); i++)
        tcg_store(tc, base + (wide ? 72 + 4 * i : 34 + 2 * i), 2, r->seg[i].selector,
                  X86_MEM_SYSTEM);
}

/* Type byte of the descriptor of `selector` in the GDT: set or clear the busy bit. */
static void set_busy(struct tcg_cpu *tc, uint16_t selector, bool busy)
{
    struct x86_regs *r = x86_regs_of(tc);
    uint64_t addr = (r->gdtr.base + (selector & 0xfff8u) + 5) & 0xffffffff;
    uint64_t byte = tcg_load(tc, addr, 1, X86_MEM_SYSTEM);
    if (!tcg_faulted(tc))
        tcg_store(tc, addr, 1, busy ? byte | 2 : byte & ~UINT64_C(2), X86_MEM_SYSTEM);
}

static bool load_ldt(struct tcg_cpu *tc, uint16_t selector)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct x86_desc d;
    r->ldtr = (struct x86_segment){.selector = selector};
    if (!(selector & ~3u))
        return true;
    if ((selector & 4) || x86_read_desc(tc, selector, &d) != X86_DESC_OK || x86_desc_s(&d) ||
        x86_desc_type(&d) != 2 || !x86_desc_present(&d)) {
        if (!tcg_faulted(tc))
            x86_raise_error(tc, X86_TS, selector & ~3u);
        return false;
    }
    x86_desc_to_segment(&d, selector, &r->ldtr);
    return true;
}

static bool load_cs(struct tcg_cpu *tc, uint16_t selector)
{
    struct x86_regs *r = x86_regs_of(tc);
    const unsigned rpl = selector & 3;
    struct x86_desc d;
    enum x86_desc_result found = selector & ~3u ? x86_read_desc(tc, selector, &d) : X86_DESC_LIMIT;
    if (found == X86_DESC_FAULT)
        return false;
    unsigned dpl = found == X86_DESC_OK ? x86_desc_dpl(&d) : 0;
    if (found == X86_DESC_LIMIT || !x86_desc_code(&d) ||
        (x86_desc_conforming(&d) ? dpl > rpl : dpl != rpl)) {
        x86_raise_error(tc, X86_TS, selector & ~3u);
        return false;
    }
    if (!x86_desc_present(&d)) {
        x86_raise_error(tc, X86_NP, selector & ~3u);
        return false;
    }
    if (!x86_desc_set_accessed(tc, &d))
        return false;
    x86_desc_to_segment(&d, selector, &r->seg[X86_CS]);
    r->seg[X86_CS].attr &= (uint16_t)~X86_SEG_L;
    return true;
}

/* In the new task's context, after the commit point. */
static bool load_segments(struct tcg_cpu *tc, const struct task_state *t)
{
    static const enum x86_seg data[] = {X86_ES, X86_DS, X86_FS, X86_GS};
    struct x86_regs *r = x86_regs_of(tc);
    if (!load_ldt(tc, t->ldt))
        return false;
    if (x86_is_v86(r)) {
        for (unsigned i = 0; i < X86_SEG_COUNT; i++)
            x86_set_real_segment(r, (enum x86_seg)i, t->seg[i]);
        return true;
    }
    const unsigned cpl = t->seg[X86_CS] & 3;
    struct x86_segment s;
    if (!load_cs(tc, t->seg[X86_CS]) ||
        !x86_prepare_segment(tc, X86_SS, t->seg[X86_SS], cpl, X86_TS, 0, &s))
        return false;
    r->seg[X86_SS] = s;
    for (unsigned i = 0; i < 4; i++) {
        if (!x86_prepare_segment(tc, data[i], t->seg[data[i]], cpl, X86_TS, 0, &s))
            return false;
        r->seg[data[i]] = s;
    }
    return true;
}

static void commit(struct tcg_cpu *tc, uint16_t selector, const struct x86_desc *d,
                   const struct task_state *t)
{
    struct x86_regs *r = x86_regs_of(tc);
    const bool wide = x86_desc_type(d) & 8;
    x86_desc_to_segment(d, selector, &r->tr);
    r->tr.attr |= 2;
    r->cr0 |= X86_CR0_TS;
    if (wide && (r->cr0 & X86_CR0_PG))
        x86_set_cr3_task(tc, t->cr3);
    r->rip = t->eip;
    x86_set_rflags(tc, (t->eflags & 0x3f7fd5));
    for (unsigned i = 0; i < 8; i++)
        r->gpr[i] = wide ? t->gpr[i] : (r->gpr[i] & 0xffff0000) | t->gpr[i];
    for (unsigned i = 0; i < X86_SEG_COUNT; i++)
        x86_set_null_segment(r, (enum x86_seg)i, t->seg[i]);
    /* the level is CS.RPL from here on, 3 in V86 mode; faults in the new task need a code size to
     * run with */
    unsigned cpl = x86_is_v86(r) ? 3 : t->seg[X86_CS] & 3;
    x86_set_null_ss(r, t->seg[X86_SS], cpl);
    r->seg[X86_CS].attr = (uint16_t)(0x9b | cpl << X86_SEG_DPL_SHIFT | (wide ? X86_SEG_DB : 0));
    r->dr[7] &= ~UINT64_C(0x155); /* local breakpoints */
    x86_update_watches(tc);
}

bool x86_task_switch(struct tcg_cpu *tc, uint16_t selector, struct x86_desc *d,
                     enum x86_task_reason reason, uint64_t next_rip, bool has_error, uint32_t error,
                     unsigned ext)
{
    struct x86_regs *r = x86_regs_of(tc);
    const bool wide = x86_desc_type(d) & 8, old_wide = r->tr.attr & 8;
    struct x86_segment new_tr;
    x86_desc_to_segment(d, selector, &new_tr);
    if (new_tr.limit < (wide ? TSS32_MIN : TSS16_MIN)) {
        x86_raise_error(tc, X86_TS, (selector & ~3u) | ext);
        return false;
    }
    if (r->tr.limit < (old_wide ? TSS32_MIN : TSS16_MIN)) {
        x86_raise_error(tc, X86_TS, (r->tr.selector & ~3u) | ext);
        return false;
    }
    struct task_state t;
    const uint64_t gdt_old = (r->gdtr.base + (r->tr.selector & 0xfff8u) + 5) & 0xffffffff;
    if (!read_state(tc, new_tr.base, wide, &t) ||
        !tcg_probe(tc, new_tr.base, 2, TCG_WRITE, X86_MEM_SYSTEM) ||
        !tcg_probe(tc, r->tr.base, old_wide ? 104 : 44, TCG_WRITE, X86_MEM_SYSTEM) ||
        !tcg_probe(tc, gdt_old, 1, TCG_WRITE, X86_MEM_SYSTEM) ||
        !tcg_probe(tc, d->addr + 5, 1, TCG_WRITE, X86_MEM_SYSTEM))
        return false;

    const bool single = tc->single_insn;
    tc->single_insn = true; /* none of the stores below may stop half-way */
    uint64_t eflags = x86_get_rflags(tc);
    if (reason == X86_TASK_IRET)
        eflags &= ~(uint64_t)X86_FLAG_NT;
    save_state(tc, r->tr.base, old_wide, next_rip, eflags);
    if (reason == X86_TASK_JMP || reason == X86_TASK_IRET)
        set_busy(tc, r->tr.selector, false);
    if (reason == X86_TASK_CALL || reason == X86_TASK_EVENT) {
        tcg_store(tc, new_tr.base, 2, r->tr.selector, X86_MEM_SYSTEM);
        t.eflags |= X86_FLAG_NT;
    }
    if (reason != X86_TASK_IRET)
        set_busy(tc, selector, true);
    commit(tc, selector, d, &t);

    bool ok = load_segments(tc, &t);
    if (ok && has_error) {
        struct x86_stack s;
        x86_stack_init(&s, tc);
        s.error = ext;
        x86_stack_push(&s, wide ? 4 : 2, error);
        ok = !tcg_faulted(tc);
        if (ok)
            x86_set_sp(r, s.sp, s.mask);
    }
    if (ok && !x86_is_v86(r))
        ok = x86_check_code_offset(tc, &r->seg[X86_CS], r->rip);
    tcg_mode_changed(tc);
    tc->single_insn = single;
    tc->step_pending = t.trap ? X86_PENDING_TASK : 0;
    r->sti_shadow = 0;
    if (!ok && tc->status == TCG_EXCEPTION) {
        tc->exc_error |= ext;
        if (!x86_deliver_exception(
                tc)) /* a triple fault: seen again, and reported, by the run loop */
            x86_raise(tc, X86_DF);
    }
    return true;
}
