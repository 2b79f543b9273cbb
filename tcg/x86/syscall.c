/*
 * Fast system calls (SYSCALL, SYSENTER and their returns) and the instructions that wait. SDM vol.
 * 2; the legacy and compatibility forms of SYSCALL, which only AMD processors have: AMD APM vol. 3.
 */
#include <sched.h>

#include "tcg/spin.h"
#include "tcg/x86/sys.h"

enum { CODE64 = X86_FLAT_CODE64, CODE32 = X86_FLAT_CODE32, DATA32 = X86_FLAT_DATA32 };

static struct x86_segment flat(uint64_t selector, unsigned attr, unsigned dpl)
{
    return (struct x86_segment){.limit = 0xffffffff,
                                .selector = (uint16_t)selector,
                                .attr = (uint16_t)(attr | dpl << X86_SEG_DPL_SHIFT)};
}

static void enter(struct tcg_cpu *tc, uint64_t cs, uint64_t ss, bool code64, unsigned cpl)
{
    struct x86_regs *r = x86_regs_of(tc);
    r->seg[X86_CS] = flat(cs, code64 ? CODE64 : CODE32, cpl);
    r->seg[X86_SS] = flat(ss, DATA32, cpl);
    x86_level_changed(tc);
}

static void ud(struct tcg_cpu *tc)
{
    x86_raise(tc, X86_UD);
}
static void gp0(struct tcg_cpu *tc)
{
    x86_raise_error(tc, X86_GP, 0);
}
static bool is_amd(const struct tcg_cpu *tc)
{
    return x86_model_of(tc)->vendor[0] == 'A';
}

uint64_t x86_helper_syscall(void *env, uint64_t next, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(b, c, d);
    const bool code64 = x86_is_code64(r);
    if (!(r->efer & X86_EFER_SCE) || !x86_is_protected(r) || (!code64 && !is_amd(tc))) {
        ud(tc);
        return 0;
    }
    const uint64_t selector = r->star >> 32 & 0xfffc,
                   flags = x86_get_rflags(tc) & ~(uint64_t)X86_FLAG_RF;
    if (x86_is_long(r)) {
        r->gpr[X86_RCX] = code64 ? next : next & 0xffffffff;
        r->gpr[X86_R11] = flags;
        x86_set_rflags(tc, flags & ~r->sfmask);
        r->rip = code64 ? r->lstar : r->cstar;
        enter(tc, selector, selector + 8, true, 0);
    } else {
        r->gpr[X86_RCX] = next & 0xffffffff;
        x86_set_rflags(tc, flags & ~(uint64_t)(X86_FLAG_IF | X86_FLAG_VM));
        r->rip = r->star & 0xffffffff;
        enter(tc, selector, selector + 8, false, 0);
    }
    /* the trap flag counts as the call has left it */
    if (!(r->rflags & X86_FLAG_TF))
        tc->step_pending &= (uint8_t)~X86_PENDING_STEP;
    return 0;
}

uint64_t x86_helper_sysret(void *env, uint64_t opsize, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(b, c, d);
    const bool code64 = x86_is_code64(r);
    if (!(r->efer & X86_EFER_SCE) || !x86_is_protected(r) || (!code64 && !is_amd(tc))) {
        ud(tc);
        return 0;
    }
    const bool to64 = code64 && opsize == 8;
    if (x86_cpl(r) != 0 || (to64 && !x86_canonical(r, r->gpr[X86_RCX]))) {
        gp0(tc);
        return 0;
    }
    const uint64_t selector = r->star >> 48;
    if (x86_is_long(r))
        x86_load_flags(tc, r->gpr[X86_R11], 0x3c7fd5);
    else
        x86_set_rflags(tc, x86_get_rflags(tc) | X86_FLAG_IF);
    r->rip = to64 ? r->gpr[X86_RCX] : r->gpr[X86_RCX] & 0xffffffff;
    /* unlike IRET, restoring TF traps at once, before the next instruction */
    if (r->rflags & X86_FLAG_TF)
        tc->step_pending |= X86_PENDING_STEP;
    enter(tc, (to64 ? selector + 16 : selector) | 3, (selector + 8) | 3, to64, 3);
    return 0;
}

uint64_t x86_helper_sysenter(void *env, uint64_t next, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(next, b, c, d);
    if (!(r->cr0 & X86_CR0_PE) || !(r->sysenter_cs & 0xfffc)) {
        gp0(tc);
        return 0;
    }
    const bool lm = x86_is_long(r);
    const uint64_t selector = r->sysenter_cs & 0xfffc;
    x86_set_rflags(tc, x86_get_rflags(tc) & ~(uint64_t)(X86_FLAG_VM | X86_FLAG_IF | X86_FLAG_RF));
    r->gpr[X86_RSP] = lm ? r->sysenter_esp : r->sysenter_esp & 0xffffffff;
    r->rip = lm ? r->sysenter_eip : r->sysenter_eip & 0xffffffff;
    enter(tc, selector, selector + 8, lm, 0);
    return 0;
}

uint64_t x86_helper_sysexit(void *env, uint64_t opsize, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(b, c, d);
    const bool to64 = opsize == 8 && x86_is_long(r);
    bool bad = !(r->cr0 & X86_CR0_PE) || !(r->sysenter_cs & 0xfffc) || x86_cpl(r) != 0;
    if (to64)
        bad = bad || !x86_canonical(r, r->gpr[X86_RCX]) || !x86_canonical(r, r->gpr[X86_RDX]);
    if (bad) {
        gp0(tc);
        return 0;
    }
    const uint64_t selector = (r->sysenter_cs & 0xfffc) + (to64 ? 32 : 16),
                   mask = x86_size_mask(to64 ? 8 : 4);
    r->rip = r->gpr[X86_RDX] & mask;
    r->gpr[X86_RSP] = r->gpr[X86_RCX] & mask;
    enter(tc, selector | 3, (selector + 8) | 3, to64, 3);
    return 0;
}

/* ---- waiting
 * --------------------------------------------------------------------------------------------------
 */

uint64_t x86_helper_hlt(void *env, uint64_t next, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(b, c, d);
    if (!x86_need_cpl0(tc))
        return 0;
    r->halted = 1; /* take_events leaves the run loop, which must be reached */
    __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
    r->rip = next;
    return 0;
}

uint64_t x86_helper_monitor(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(a, b, c, d);
    if ((uint32_t)((struct x86_regs *)env)->gpr[X86_RCX])
        gp0(tc);
    return 0;
}

/* MWAIT may wake for any reason: it gives the processor away and goes on. */
uint64_t x86_helper_mwait(void *env, uint64_t next, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(b, c, d);
    if ((uint32_t)r->gpr[X86_RCX] & ~1u) {
        gp0(tc);
        return 0;
    }
    sched_yield();
    r->rip = next;
    return 0;
}

uint64_t x86_helper_pause(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    tcg_spin(tcg_cpu_of(env));
    return 0;
}
