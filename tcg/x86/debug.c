/*
 * Debug registers and breakpoints. SDM vol. 3, chapter "Debug, Branch Profile, TSC, and Resource
 * Monitoring Features". Data breakpoints are watched by the MMU, execute breakpoints by a helper at
 * each instruction while MODE_BREAKPOINTS is set.
 */
#include "core/util/range.h"
#include "tcg/mmu/tlb.h"
#include "tcg/x86/sys.h"

enum {
    DR6_BD = 1 << 13,
    DR6_WRITABLE = 0xe00f,
    DR7_GD = 1 << 13,
    DR7_WRITABLE = 0xffff23ff,
};
#define DR6_FIXED UINT64_C(0xffff0ff0)
#define DR7_FIXED UINT64_C(0x400)

enum kind { KIND_EXEC, KIND_WRITE, KIND_IO, KIND_ACCESS };

static bool enabled(const struct x86_regs *r, unsigned n)
{
    return r->dr[7] >> (2 * n) & 3;
}
static enum kind kind(const struct x86_regs *r, unsigned n)
{
    return (enum kind)(r->dr[7] >> (16 + 4 * n) & 3);
}
static unsigned length(const struct x86_regs *r, unsigned n)
{
    static const uint8_t bytes[] = {1, 2, 8, 4};
    return bytes[r->dr[7] >> (18 + 4 * n) & 3];
}

bool x86_exec_breakpoints(const struct x86_regs *r)
{
    for (unsigned n = 0; n < 4; n++)
        if (enabled(r, n) && kind(r, n) == KIND_EXEC)
            return true;
    return false;
}

void x86_update_watches(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    struct tcg_mmu *mmu = tc->mmu;
    unsigned kept = 0, before = mmu->watch_count;
    for (unsigned i = 0; i < mmu->watch_count; i++)
        if (!mmu->watches[i].guest_dr)
            mmu->watches[kept++] = mmu->watches[i];
    for (unsigned n = 0; n < 4 && kept < ARRAY_SIZE(mmu->watches); n++) {
        if (!enabled(r, n) || (kind(r, n) != KIND_WRITE && kind(r, n) != KIND_ACCESS))
            continue;
        uint64_t len = length(r, n), addr = r->dr[n] & ~(len - 1);
        if (!x86_is_long(r))
            addr &= 0xffffffff;
        mmu->watches[kept++] = (struct tcg_watch){.addr = addr,
                                                  .len = len,
                                                  .on_read = kind(r, n) == KIND_ACCESS,
                                                  .on_write = true,
                                                  .guest_dr = (uint8_t)(n + 1)};
    }
    mmu->watch_count = kept;
    if (kept || before)
        tlb_flush_all(tc);
}

void x86_watch_hit(struct tcg_cpu *tc, unsigned dr, uint64_t addr, bool write)
{
    UNUSED(addr, write); /* a trap: told after the instruction */
    tc->step_pending |= (uint8_t)(X86_PENDING_WATCH << dr);
}

void x86_io_breakpoint(struct tcg_cpu *tc, uint16_t port, unsigned size)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (!(r->cr4 & X86_CR4_DE) || !(r->dr[7] & 0xff))
        return;
    for (unsigned n = 0; n < 4; n++) {
        uint64_t len = length(r, n);
        if (enabled(r, n) && kind(r, n) == KIND_IO &&
            range_overlaps(port, size, r->dr[n] & ~(len - 1) & 0xffff, len))
            x86_watch_hit(tc, n, port, true);
    }
}

uint64_t x86_helper_breakpoint(void *env, uint64_t pc, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    struct vcpu *cpu = tc->vcpu;
    UNUSED(b, c, d);
    const uint64_t addr = tc->arch->code_address(tc, pc);
    for (unsigned i = 0; i < cpu->breakpoint_count; i++) {
        const struct cpu_breakpoint *bp = &cpu->breakpoints[i];
        if (bp->kind == CPU_BP_EXEC && bp->addr == addr) {
            cpu->debug_addr = addr;
            cpu->debug_hit = bp;
            tc->status = TCG_LEAVE;
            return 0;
        }
    }
    if (r->rflags & X86_FLAG_RF) { /* good for one instruction */
        r->rflags &= ~(uint64_t)X86_FLAG_RF;
        return 0;
    }
    uint64_t hit = 0;
    for (unsigned n = 0; n < 4; n++)
        if (enabled(r, n) && kind(r, n) == KIND_EXEC && r->dr[n] == addr)
            hit |= UINT64_C(1) << n;
    if (hit) {
        x86_raise(tc, X86_DB);
        tc->exc_addr = hit;
    }
    return 0;
}

/* DR4 and DR5 are DR6 and DR7, unless CR4.DE makes them undefined. -1: raised. */
static int real_number(struct tcg_cpu *tc, uint64_t n)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (!x86_need_cpl0(tc))
        return -1;
    if (n == 4 || n == 5) {
        if (r->cr4 & X86_CR4_DE) {
            x86_raise(tc, X86_UD);
            return -1;
        }
        n += 2;
    }
    if (r->dr[7] & DR7_GD) {
        x86_raise(tc, X86_DB);
        tc->exc_addr = DR6_BD;
        return -1;
    }
    return (int)(n & 7);
}

uint64_t x86_helper_mov_from_dr(void *env, uint64_t n, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(b, c, d);
    int number = real_number(tcg_cpu_of(env), n);
    return number < 0 ? 0 : ((struct x86_regs *)env)->dr[number];
}

uint64_t x86_helper_mov_to_dr(void *env, uint64_t n, uint64_t value, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(c, d);
    int number = real_number(tc, n);
    if (number < 0)
        return 0;
    if (number >= 6 && value >> 32) {
        x86_raise_error(tc, X86_GP, 0);
        return 0;
    }
    if (number == 6) {
        r->dr[6] = (value & DR6_WRITABLE) | DR6_FIXED;
        return 0;
    }
    r->dr[number] = number == 7 ? (value & DR7_WRITABLE) | DR7_FIXED : value;
    x86_update_watches(tc);
    tcg_mode_changed(tc);
    return 0;
}
