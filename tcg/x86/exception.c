/*
 * Exceptions and interrupts: raising, delivery through the IDT in every mode, double and triple
 * faults, and the events that a vCPU takes between instructions. SDM vol. 3, chapters "Interrupt
 * and Exception Handling", "8086 Emulation" and "Debug".
 *
 * Delivery is restartable: registers are committed after the last access that can fault. What was
 * pushed before a fault lies below the stack pointer and does not count.
 */
#include <string.h>

#include "tcg/x86/sys.h"

/* ---- raising
 * --------------------------------------------------------------------------------------------- */

static bool has_error_code(unsigned vector)
{
    return vector == X86_DF || (vector >= X86_TS && vector <= X86_PF) || vector == X86_AC;
}

void x86_raise_error(struct tcg_cpu *tc, enum x86_vector vector, uint32_t error)
{
    tc->exc_vector = (uint8_t)vector;
    tc->exc_has_error = true;
    tc->exc_error = error;
    tc->exc_addr = 0;
    tc->exc_next_rip_delta = 0;
    tc->status = TCG_EXCEPTION;
}

void x86_raise(struct tcg_cpu *tc, enum x86_vector vector)
{
    x86_raise_error(tc, vector, 0);
    tc->exc_has_error = has_error_code(vector);
}

/* A software interrupt: exc_error (no error code is pushed) says which kind, plus 1. */
static void raise_soft(struct tcg_cpu *tc, unsigned vector, uint64_t length, enum x86_soft_int kind)
{
    x86_raise_error(tc, (enum x86_vector)vector, 1 + kind);
    tc->exc_has_error = false;
    tc->exc_next_rip_delta = length;
}

uint64_t x86_helper_int_sw(void *env, uint64_t vector, uint64_t length, uint64_t kind, uint64_t d)
{
    (void)d;
    raise_soft(tcg_cpu_of(env), (uint8_t)vector, length, (enum x86_soft_int)kind);
    return 0;
}

uint64_t x86_helper_into(void *env, uint64_t length, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    (void)b, (void)c, (void)d;
    if (tc->fl & IR_FL_OF)
        raise_soft(tc, X86_OF, length, X86_INT_O);
    return 0;
}

/* ---- RFLAGS
 * ---------------------------------------------------------------------------------------------- */

/* All but OF: IR_FL has them 8 bits higher. */
enum { LOW_FLAGS = X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_AF | X86_FLAG_ZF | X86_FLAG_SF };

uint64_t x86_flags_of_packed(uint32_t packed)
{
    return (packed >> 8 & LOW_FLAGS) | (packed & IR_FL_OF ? X86_FLAG_OF : 0);
}

uint32_t x86_packed_of_flags(uint64_t rflags)
{
    return (uint32_t)(rflags & LOW_FLAGS) << 8 | (rflags & X86_FLAG_OF ? IR_FL_OF : 0);
}

uint64_t x86_get_rflags(struct tcg_cpu *tc)
{
    uint64_t v = x86_regs_of(tc)->rflags & ~(uint64_t)X86_FLAGS_ARITH;
    return v | X86_FLAG_1 | x86_flags_of_packed(tc->fl);
}

void x86_set_rflags(struct tcg_cpu *tc, uint64_t rflags)
{
    tc->fl = x86_packed_of_flags(rflags);
    x86_regs_of(tc)->rflags = rflags | X86_FLAG_1;
}

/* ---- delivery: what every mode shares
 * ---------------------------------------------------------------------- */

/* Error code of a fault that concerns IDT entry `vector`. */
static uint32_t idt_error(const struct x86_event *ev)
{
    return ev->vector * 8u + 2 + (ev->kind != X86_EVENT_SOFT || ev->soft == X86_INT_1);
}
static unsigned ext_bit(const struct x86_event *ev)
{
    return ev->kind != X86_EVENT_SOFT || ev->soft == X86_INT_1;
}
/* Must the gate's DPL allow the present level? Only for INT n, INT3 and INTO. */
static bool checks_privilege(const struct x86_event *ev)
{
    return ev->kind == X86_EVENT_SOFT && ev->soft != X86_INT_1;
}

static uint64_t pushed_flags(struct tcg_cpu *tc, const struct x86_event *ev)
{
    uint64_t flags = x86_get_rflags(tc);
    return ev->push_rf ? flags | X86_FLAG_RF : flags;
}

/* After delivery: the shadow and what the interrupted instruction left pending are gone. */
static void delivered(struct tcg_cpu *tc, const struct x86_event *ev)
{
    struct x86_regs *r = x86_regs_of(tc);
    r->sti_shadow = 0;
    r->halted = 0;
    tc->vcpu->halted = false;
    tc->step_pending = 0;
    if (ev->kind == X86_EVENT_NMI)
        r->nmi_masked = 1;
    x86_level_changed(tc);
}

static bool deliver_real(struct tcg_cpu *tc, const struct x86_event *ev)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (ev->vector * 4u + 3 > r->idtr.limit) {
        x86_raise_error(tc, X86_GP, idt_error(ev));
        return false;
    }
    uint64_t entry = tcg_load(tc, (r->idtr.base + ev->vector * 4u) & 0xffffffff, 4, X86_MEM_SYSTEM);
    struct x86_stack s;
    x86_stack_init(&s, tc);
    x86_stack_push(&s, 2, pushed_flags(tc, ev));
    x86_stack_push(&s, 2, r->seg[X86_CS].selector);
    x86_stack_push(&s, 2, ev->return_rip);
    if (tcg_faulted(tc))
        return false;
    x86_set_sp(r, s.sp, s.mask);
    x86_set_real_segment(r, X86_CS, (uint16_t)(entry >> 16));
    r->rip = entry & 0xffff;
    r->rflags &= ~(uint64_t)(X86_FLAG_IF | X86_FLAG_TF | X86_FLAG_AC | X86_FLAG_RF);
    delivered(tc, ev);
    return true;
}

/* INT n in V86 mode with CR4.VME: does the redirection bitmap send it to the 8086 program's own
 * handler? *done: delivered (or faulted: status). */
static bool v86_redirect(struct tcg_cpu *tc, const struct x86_event *ev, bool *done)
{
    struct x86_regs *r = x86_regs_of(tc);
    *done = true;
    uint64_t io_base = tcg_load(tc, r->tr.base + 102, 2, X86_MEM_SYSTEM);
    if (tcg_faulted(tc))
        return false;
    uint64_t at = io_base - 32 + ev->vector / 8;
    if (io_base < 32 || at > r->tr.limit) {
        x86_raise_error(tc, X86_GP, 0);
        return false;
    }
    uint64_t byte = tcg_load(tc, r->tr.base + at, 1, X86_MEM_SYSTEM);
    if (tcg_faulted(tc))
        return false;
    if (byte >> (ev->vector & 7) & 1) {
        *done = false; /* through the IDT */
        return true;
    }
    uint64_t entry = tcg_load(tc, ev->vector * 4u, 4, x86_mem_attr(tc, 3));
    uint64_t flags = x86_get_rflags(tc), clear = X86_FLAG_TF;
    if (x86_iopl(r) == 3) {
        clear |= X86_FLAG_IF;
    } else {
        flags = (flags & ~(uint64_t)X86_FLAG_IF) | X86_FLAG_IOPL;
        flags |= flags & X86_FLAG_VIF ? X86_FLAG_IF : 0;
        clear |= X86_FLAG_VIF;
    }
    struct x86_stack s;
    x86_stack_init(&s, tc);
    x86_stack_push(&s, 2, flags);
    x86_stack_push(&s, 2, r->seg[X86_CS].selector);
    x86_stack_push(&s, 2, ev->return_rip);
    if (tcg_faulted(tc))
        return false;
    x86_set_sp(r, s.sp, s.mask);
    x86_set_real_segment(r, X86_CS, (uint16_t)(entry >> 16));
    r->rip = entry & 0xffff;
    r->rflags &= ~(clear | X86_FLAG_RF | X86_FLAG_NT);
    delivered(tc, ev);
    return true;
}

struct gate {
    uint32_t lo, hi, upper; /* upper: bits 63:32 of the offset in long mode */
    unsigned type;
    bool trap; /* IF stays */
    uint16_t selector;
};

/* The gate of this event, checked for privilege and presence. */
static bool read_gate(struct tcg_cpu *tc, const struct x86_event *ev, struct gate *g)
{
    struct x86_regs *r = x86_regs_of(tc);
    const bool lm = x86_is_long(r);
    const unsigned size = lm ? 16 : 8;
    if ((ev->vector + 1u) * size - 1 > r->idtr.limit) {
        x86_raise_error(tc, X86_GP, idt_error(ev));
        return false;
    }
    uint64_t addr = r->idtr.base + ev->vector * size;
    uint64_t low = tcg_load(tc, lm ? addr : addr & 0xffffffff, 8, X86_MEM_SYSTEM);
    uint64_t high = lm ? tcg_load(tc, addr + 8, 8, X86_MEM_SYSTEM) : 0;
    if (tcg_faulted(tc))
        return false;
    g->lo = (uint32_t)low;
    g->hi = (uint32_t)(low >> 32);
    g->upper = (uint32_t)high;
    g->type = g->hi >> 8 & 0x1f;
    g->selector = (uint16_t)(g->lo >> 16);
    g->trap = g->type & 1;
    /* types: task gate 5, 16-bit 6 and 7, 32-bit 14 and 15; only the last two in long mode */
    bool known =
        g->type == 14 || g->type == 15 || (!lm && (g->type == 5 || g->type == 6 || g->type == 7));
    if (!known || (checks_privilege(ev) && (g->hi >> 13 & 3) < x86_cpl(r))) {
        x86_raise_error(tc, X86_GP, idt_error(ev));
        return false;
    }
    if (!(g->hi >> 15 & 1)) {
        x86_raise_error(tc, X86_NP, idt_error(ev));
        return false;
    }
    return true;
}

static bool task_gate(struct tcg_cpu *tc, const struct x86_event *ev, const struct gate *g)
{
    struct x86_desc d;
    const unsigned ext = ext_bit(ev);
    if (g->selector & 4) {
        x86_raise_error(tc, X86_GP, (g->selector & ~3u) | ext);
        return false;
    }
    if (!x86_need_desc(tc, g->selector, &d, X86_GP, ext))
        return false;
    unsigned type = x86_desc_type(&d);
    if (x86_desc_s(&d) || (type != 1 && type != 9)) {
        x86_raise_error(tc, X86_GP, (g->selector & ~3u) | ext);
        return false;
    }
    if (!x86_desc_present(&d)) {
        x86_raise_error(tc, X86_NP, (g->selector & ~3u) | ext);
        return false;
    }
    struct x86_regs *r = x86_regs_of(tc);
    uint64_t flags = r->rflags;
    if (ev->push_rf)
        r->rflags |= X86_FLAG_RF; /* saved with the old task */
    if (!x86_task_switch(tc, g->selector, &d, X86_TASK_EVENT, ev->return_rip, ev->has_error,
                         ev->error, ext)) {
        if (!x86_is_v86(r) || (flags & X86_FLAG_VM))
            r->rflags = (r->rflags & ~(uint64_t)X86_FLAG_RF) | (flags & X86_FLAG_RF);
        return false;
    }
    if (ev->kind == X86_EVENT_NMI)
        r->nmi_masked = 1;
    r->halted = 0;
    tc->vcpu->halted = false;
    return true;
}

/* The handler's code segment and the level it runs at. */
static bool handler_cs(struct tcg_cpu *tc, const struct x86_event *ev, const struct gate *g,
                       struct x86_segment *cs, unsigned *new_cpl)
{
    struct x86_regs *r = x86_regs_of(tc);
    const unsigned cpl = x86_cpl(r), ext = ext_bit(ev);
    struct x86_desc d;
    if (!(g->selector & ~3u)) {
        x86_raise_error(tc, X86_GP, ext);
        return false;
    }
    if (!x86_need_desc(tc, g->selector, &d, X86_GP, ext))
        return false;
    uint32_t error = (g->selector & ~3u) | ext;
    unsigned dpl = x86_desc_dpl(&d);
    bool bad = !x86_desc_code(&d) || dpl > cpl;
    if (x86_is_long(r)) /* 64-bit code: L set, D clear */
        bad = bad || (d.hi >> 21 & 3) != 1;
    if (bad) {
        x86_raise_error(tc, X86_GP, error);
        return false;
    }
    if (!x86_desc_present(&d)) {
        x86_raise_error(tc, X86_NP, error);
        return false;
    }
    *new_cpl = x86_desc_conforming(&d) ? cpl : dpl;
    if (x86_is_v86(r) && *new_cpl != 0) {
        x86_raise_error(tc, X86_GP, error);
        return false;
    }
    if (!x86_desc_set_accessed(tc, &d))
        return false;
    x86_desc_to_segment(&d, g->selector, cs);
    return true;
}

static void enter_handler(struct tcg_cpu *tc, const struct gate *g, const struct x86_segment *cs,
                          unsigned cpl, uint64_t rip)
{
    struct x86_regs *r = x86_regs_of(tc);
    x86_commit_cs(r, cs, cpl);
    r->rip = rip;
    r->rflags &= ~(uint64_t)(X86_FLAG_TF | X86_FLAG_VM | X86_FLAG_RF | X86_FLAG_NT);
    if (!g->trap)
        r->rflags &= ~(uint64_t)X86_FLAG_IF;
}

static bool deliver_protected(struct tcg_cpu *tc, const struct x86_event *ev)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct gate g;
    if (!read_gate(tc, ev, &g))
        return false;
    if (g.type == 5)
        return task_gate(tc, ev, &g);
    struct x86_segment cs, ss;
    unsigned cpl;
    if (!handler_cs(tc, ev, &g, &cs, &cpl))
        return false;
    const unsigned size = g.type & 8 ? 4 : 2, ext = ext_bit(ev);
    const bool v86 = x86_is_v86(r), inner = cpl < x86_cpl(r);
    uint64_t rip = (g.lo & 0xffff) | (size == 4 ? g.hi & 0xffff0000 : 0);
    struct x86_stack s;
    if (inner) {
        uint16_t ss_selector;
        uint32_t esp;
        if (!x86_tss_stack(tc, cpl, ext, &ss_selector, &esp) ||
            !x86_prepare_inner_ss(tc, ss_selector, cpl, ext, &ss))
            return false;
        s = (struct x86_stack){.tc = tc,
                               .base = ss.base,
                               .mask = ss.attr & X86_SEG_DB ? 0xffffffff : 0xffff,
                               .sp = esp,
                               .seg = &ss,
                               .error = (ss_selector & ~3u) | ext,
                               .attr = x86_mem_attr(tc, cpl)};
        if (v86) {
            x86_stack_push(&s, size, r->seg[X86_GS].selector);
            x86_stack_push(&s, size, r->seg[X86_FS].selector);
            x86_stack_push(&s, size, r->seg[X86_DS].selector);
            x86_stack_push(&s, size, r->seg[X86_ES].selector);
        }
        x86_stack_push(&s, size, r->seg[X86_SS].selector);
        x86_stack_push(&s, size, r->gpr[X86_RSP]);
    } else {
        x86_stack_init(&s, tc);
        s.error = ext;
    }
    x86_stack_push(&s, size, pushed_flags(tc, ev));
    x86_stack_push(&s, size, r->seg[X86_CS].selector);
    x86_stack_push(&s, size, ev->return_rip);
    if (ev->has_error)
        x86_stack_push(&s, size, ev->error);
    if (tcg_faulted(tc) || !x86_check_code_offset(tc, &cs, rip))
        return false;

    if (inner) {
        if (v86) {
            x86_set_null_segment(r, X86_GS, 0);
            x86_set_null_segment(r, X86_FS, 0);
            x86_set_null_segment(r, X86_DS, 0);
            x86_set_null_segment(r, X86_ES, 0);
        }
        r->seg[X86_SS] = ss;
    }
    enter_handler(tc, &g, &cs, cpl, rip);
    x86_set_sp(r, s.sp, s.mask);
    delivered(tc, ev);
    return true;
}

static bool deliver_long(struct tcg_cpu *tc, const struct x86_event *ev)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct gate g;
    if (!read_gate(tc, ev, &g))
        return false;
    struct x86_segment cs;
    unsigned cpl;
    if (!handler_cs(tc, ev, &g, &cs, &cpl))
        return false;
    const unsigned ist = g.hi & 7, ext = ext_bit(ev);
    const bool inner = cpl < x86_cpl(r);
    uint64_t rip = (g.lo & 0xffff) | (g.hi & 0xffff0000) | (uint64_t)g.upper << 32;
    struct x86_stack s = {
        .tc = tc, .mask = ~UINT64_C(0), .error = ext, .attr = x86_mem_attr(tc, cpl)};
    if (ist || inner) {
        if (!x86_tss_rsp(tc, ist ? ist + 3 : cpl, ext, &s.sp))
            return false;
    } else {
        s.sp = r->gpr[X86_RSP];
    }
    if (!x86_canonical(r, s.sp)) {
        x86_raise_error(tc, X86_SS_FAULT, ext);
        return false;
    }
    s.sp &= ~UINT64_C(15);
    const unsigned len = ev->has_error ? 48 : 40;
    x86_stack_frame(&s, s.sp - len, len, true);
    x86_stack_push(&s, 8, r->seg[X86_SS].selector);
    x86_stack_push(&s, 8, r->gpr[X86_RSP]);
    x86_stack_push(&s, 8, pushed_flags(tc, ev));
    x86_stack_push(&s, 8, r->seg[X86_CS].selector);
    x86_stack_push(&s, 8, ev->return_rip);
    if (ev->has_error)
        x86_stack_push(&s, 8, ev->error);
    if (tcg_faulted(tc) || !x86_check_code_offset(tc, &cs, rip))
        return false;

    if (inner)
        x86_set_null_ss(r, (uint16_t)cpl, cpl);
    enter_handler(tc, &g, &cs, cpl, rip);
    r->gpr[X86_RSP] = s.sp;
    delivered(tc, ev);
    return true;
}

static bool deliver_once(struct tcg_cpu *tc, const struct x86_event *ev)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (!(r->cr0 & X86_CR0_PE))
        return deliver_real(tc, ev);
    if (x86_is_v86(r) && ev->kind == X86_EVENT_SOFT && ev->soft == X86_INT_N) {
        bool done = false, ok = true;
        if (r->cr4 & X86_CR4_VME)
            ok = v86_redirect(tc, ev, &done);
        if (done)
            return ok;
        if (x86_iopl(r) < 3) {
            x86_raise_error(tc, X86_GP, 0);
            return false;
        }
    }
    return x86_is_long(r) ? deliver_long(tc, ev) : deliver_protected(tc, ev);
}

/* ---- double and triple faults
 * -------------------------------------------------------------------------------- */

static bool contributory(unsigned vector)
{
    return vector == X86_DE || (vector >= X86_TS && vector <= X86_GP);
}

void x86_note_debug(struct x86_regs *r, uint64_t dr6_bits)
{
    r->dr[6] = (r->dr[6] & ~UINT64_C(15)) | dr6_bits;
    r->dr[7] &= ~UINT64_C(0x2000); /* GD */
}

/* The pending exception of tcg_cpu as an event; rip is that of the instruction. */
static struct x86_event pending_event(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct x86_event ev = {
        .kind = X86_EVENT_EXCEPTION, .vector = tc->exc_vector, .return_rip = r->rip};
    if (tc->exc_next_rip_delta) {
        ev.kind = X86_EVENT_SOFT;
        ev.soft = (enum x86_soft_int)(tc->exc_error - 1);
        ev.return_rip += tc->exc_next_rip_delta;
        if (!x86_is_code64(r))
            ev.return_rip &= r->seg[X86_CS].attr & X86_SEG_DB ? 0xffffffff : 0xffff;
        return ev;
    }
    /* In real mode no error code is pushed. */
    ev.has_error = tc->exc_has_error && (r->cr0 & X86_CR0_PE);
    ev.error = tc->exc_error;
    if (ev.vector == X86_GP && tc->exc_addr && x86_is_stack_access(tc, tc->exc_addr))
        ev.vector = X86_SS_FAULT;
    /* Faults push RF; #DB here is the instruction breakpoint or DR access (a fault), traps come by
     * take_events. */
    ev.push_rf = ev.vector != X86_DB;
    return ev;
}

static const char *const event_names[] = {
    [X86_EVENT_EXCEPTION] = "exception",
    [X86_EVENT_SOFT] = "software interrupt",
    [X86_EVENT_EXTERNAL] = "hardware interrupt",
    [X86_EVENT_NMI] = "NMI",
};

static void log_event(struct tcg_cpu *tc, const struct x86_event *ev)
{
    const struct x86_regs *r = x86_regs_of(tc);
    log_msg(&tc->vcpu->machine->log, LOG_INT,
            "cpu %u: vector %02x %s, error %x at %04x:%016llx cpl %u rflags %llx cr2 %llx sp "
            "%04x:%016llx",
            tc->vcpu->index, ev->vector, event_names[ev->kind], ev->has_error ? ev->error : 0,
            r->seg[X86_CS].selector, (unsigned long long)r->rip, x86_cpl(r),
            (unsigned long long)r->rflags, (unsigned long long)r->cr2, r->seg[X86_SS].selector,
            (unsigned long long)r->gpr[X86_RSP]);
}

/* Deliver ev; what faults on the way is delivered in its place, or makes a double fault. false:
 * triple fault. */
static bool deliver(struct tcg_cpu *tc, struct x86_event ev)
{
    struct x86_regs *r = x86_regs_of(tc);
    bool single = tc->single_insn, ok;
    tc->single_insn = true; /* stores into code pages complete: this is no block */
    for (;;) {
        log_event(tc, &ev);
        tc->status = TCG_OK;
        ok = deliver_once(tc, &ev);
        if (ok)
            break;
        if (tc->status != TCG_EXCEPTION) /* leaving: an internal error; reported by the run loop */
            break;
        if (ev.kind == X86_EVENT_EXCEPTION && ev.vector == X86_DF)
            break;
        if (tc->exc_vector == X86_PF)
            r->cr2 = tc->exc_addr;
        struct x86_event next = {.kind = X86_EVENT_EXCEPTION,
                                 .vector = tc->exc_vector,
                                 .has_error = tc->exc_has_error && (r->cr0 & X86_CR0_PE),
                                 .error = tc->exc_error,
                                 .return_rip = r->rip, /* a task switch may have moved it */
                                 .push_rf = tc->exc_vector != X86_DB};
        bool first =
            ev.kind == X86_EVENT_EXCEPTION && (contributory(ev.vector) || ev.vector == X86_PF);
        bool second = contributory(next.vector) || (ev.vector == X86_PF && next.vector == X86_PF);
        if (first && second) {
            next.vector = X86_DF;
            next.has_error = (r->cr0 & X86_CR0_PE) != 0;
            next.error = 0;
            next.push_rf = false; /* an abort */
        }
        ev = next;
    }
    tc->single_insn = single;
    if (ok)
        tc->status = TCG_OK;
    return ok || tc->status == TCG_LEAVE;
}

bool x86_deliver_exception(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct x86_event ev = pending_event(tc);
    if (ev.kind == X86_EVENT_EXCEPTION) {
        if (ev.vector == X86_PF)
            r->cr2 = tc->exc_addr;
        if (ev.vector == X86_DB)
            x86_note_debug(r, tc->exc_addr);
    } else if (ev.soft == X86_INT_1) {
        r->dr[7] &= ~UINT64_C(0x2000);
    }
    tc->counters.exceptions++;
    if (deliver(tc, ev))
        return true;
    log_msg(&tc->vcpu->machine->log, LOG_GUEST_ERROR, "cpu %u: triple fault at %04x:%llx",
            tc->vcpu->index, r->seg[X86_CS].selector, (unsigned long long)r->rip);
    return false;
}

/* ---- events between instructions
 * ----------------------------------------------------------------------------- */

static enum tcg_event take(struct tcg_cpu *tc, const struct x86_event *ev)
{
    return deliver(tc, *ev) ? TCG_EVENT_DELIVERED : TCG_EVENT_SHUTDOWN;
}

/* After INIT: bootstrap processors start at the reset vector, the others wait for a start-up
 * message. */
static void take_init(struct tcg_cpu *tc)
{
    struct vcpu *cpu = tc->vcpu;
    struct x86_regs *r = x86_regs_of(tc);
    /* A start-up message that came after the INIT may be pending already (systems send the two back
     * to back) and counts; the local APIC took earlier ones back when the INIT came. */
    cpu_clear_interrupt(cpu, CPU_INT_INIT);
    log_msg(&cpu->machine->log, LOG_INT, "cpu %u: INIT at %04x:%016llx", cpu->index,
            r->seg[X86_CS].selector, (unsigned long long)r->rip);
    x86_regs_reset(r, true);
    if (cpu->intc_ops && cpu->intc_ops->init)
        cpu->intc_ops->init(cpu->intc);
    r->halted = 0;
    cpu->halted = cpu->wait_for_sipi = cpu->index != 0;
    tc->arch->reset(tc);
}

static void take_sipi(struct tcg_cpu *tc)
{
    struct vcpu *cpu = tc->vcpu;
    struct x86_regs *r = x86_regs_of(tc);
    cpu_clear_interrupt(cpu, CPU_INT_SIPI);
    cpu->wait_for_sipi = cpu->halted = false;
    r->halted = 0;
    x86_set_real_segment(r, X86_CS, (uint16_t)(cpu->sipi_vector << 8));
    log_msg(&cpu->machine->log, LOG_INT, "cpu %u: start-up message, to %04x:0000", cpu->index,
            r->seg[X86_CS].selector);
    r->rip = 0;
    tcg_mode_changed(tc);
}

/* #DB traps of the instruction that has completed: single step, task switch, data breakpoints. */
static bool take_debug_trap(struct tcg_cpu *tc, enum tcg_event *result)
{
    struct x86_regs *r = x86_regs_of(tc);
    unsigned pending = tc->step_pending;
    if (r->sti_shadow == 2) {
        /* after MOV SS a single step is lost, a data breakpoint waits for the next boundary */
        tc->step_pending &= (uint8_t)~X86_PENDING_STEP;
        return false;
    }
    tc->step_pending = 0;
    if (!pending)
        return false;
    uint64_t dr6 = pending / X86_PENDING_WATCH;
    dr6 |= pending & X86_PENDING_STEP ? 1u << 14 : 0;
    dr6 |= pending & X86_PENDING_TASK ? 1u << 15 : 0;
    x86_note_debug(r, dr6);
    struct x86_event ev = {.kind = X86_EVENT_EXCEPTION, .vector = X86_DB, .return_rip = r->rip};
    tc->counters.exceptions++;
    *result = take(tc, &ev);
    return true;
}

static enum tcg_event take_interrupt(struct tcg_cpu *tc)
{
    struct vcpu *cpu = tc->vcpu;
    struct x86_regs *r = x86_regs_of(tc);
    if (!cpu->intc_ops)
        return TCG_EVENT_NONE;
    machine_lock(cpu->machine);
    int vector = cpu->intc_ops->acknowledge(cpu->intc);
    machine_unlock(cpu->machine);
    if (vector < 0)
        return TCG_EVENT_NONE;
    struct x86_event ev = {
        .kind = X86_EVENT_EXTERNAL, .vector = (uint8_t)vector, .return_rip = r->rip};
    tc->counters.interrupts++;
    return take(tc, &ev);
}

/* What another accelerator or a saved state left accepted but not delivered. */
static enum tcg_event take_saved(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct x86_event ev = {.kind = X86_EVENT_EXCEPTION,
                           .vector = r->pending_vector,
                           .has_error = r->pending_has_error,
                           .error = r->pending_error,
                           .return_rip = r->rip};
    if (ev.vector == X86_NMI)
        ev.kind = X86_EVENT_NMI;
    else if (ev.vector >= 32)
        ev.kind = X86_EVENT_EXTERNAL;
    else
        ev.push_rf = ev.vector != X86_DB;
    r->pending_valid = 0;
    return take(tc, &ev);
}

/* The events in the SDM's order of priority; TCG_EVENT_NONE: nothing to take. */
static enum tcg_event take_next(struct tcg_cpu *tc)
{
    struct vcpu *cpu = tc->vcpu;
    struct x86_regs *r = x86_regs_of(tc);
    uint32_t bits = __atomic_load_n((uint32_t *)&cpu->interrupt, __ATOMIC_ACQUIRE);
    enum tcg_event result;
    /* In system management mode INIT waits for RSM. */
    if ((bits & CPU_INT_INIT) && !r->smm) {
        take_init(tc);
        return TCG_EVENT_DELIVERED;
    }
    if (cpu->wait_for_sipi) {
        if (!(bits & CPU_INT_SIPI))
            return TCG_EVENT_HALT;
        take_sipi(tc);
        return TCG_EVENT_DELIVERED;
    }
    /* A SIPI nobody waits for is ignored; one that came since may follow an INIT that did too. */
    if (bits & (CPU_INT_SIPI | CPU_INT_POLL))
        cpu_clear_interrupt(cpu, bits & (CPU_INT_SIPI | CPU_INT_POLL));
    if (r->pending_valid)
        return take_saved(tc);
    /* One more is remembered while the processor is in system management mode. */
    if ((bits & CPU_INT_SMI) && !r->smm && !r->sti_shadow) {
        cpu_clear_interrupt(cpu, CPU_INT_SMI);
        tc->counters.interrupts++;
        x86_enter_smm(tc);
        return TCG_EVENT_DELIVERED;
    }
    if (tc->step_pending && take_debug_trap(tc, &result))
        return result;
    if ((bits & CPU_INT_NMI) && !r->nmi_masked && r->sti_shadow != 2) {
        struct x86_event ev = {.kind = X86_EVENT_NMI, .vector = X86_NMI, .return_rip = r->rip};
        cpu_clear_interrupt(cpu, CPU_INT_NMI);
        tc->counters.interrupts++;
        return take(tc, &ev);
    }
    if ((bits & (CPU_INT_HARD | CPU_INT_POLL)) && (r->rflags & X86_FLAG_IF) && !r->sti_shadow)
        return take_interrupt(tc);
    return TCG_EVENT_NONE;
}

enum tcg_event x86_take_events(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    /* the block that ran in the shadow cleared the field */
    if ((tc->mode & MODE_STI_SHADOW) && !r->sti_shadow)
        x86_level_changed(tc);
    /* The board moved the A20 gate: entries made since then went to the root of before. */
    if (__atomic_load_n(&r->a20_off, __ATOMIC_ACQUIRE) != !!(tc->mode & MODE_A20_OFF)) {
        tcg_mmu_flush(tc, false);
        tcg_mmu_set_root(tc, tc->arch->mmu_root(tc), false);
        tcg_mode_changed(tc);
    }
    enum tcg_event result = take_next(tc);
    if (result == TCG_EVENT_NONE && r->halted)
        result = TCG_EVENT_HALT;
    if (result == TCG_EVENT_HALT)
        tc->vcpu->halted = true;
    return result;
}
