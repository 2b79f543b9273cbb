/*
 * Instructions whose effect depends on IOPL, VME and PVI: flags, and port I/O with the TSS's
 * permission bitmap. SDM vol. 1, chapter "Input/Output"; vol. 2 (CLI, STI, PUSHF, POPF); vol. 3,
 * chapter "8086 Emulation".
 */
#include "core/util/range.h"
#include "tcg/x86/sys.h"

static void gp0(struct tcg_cpu *tc)
{
    x86_raise_error(tc, X86_GP, 0);
}

/* ---- flags
 * -----------------------------------------------------------------------------------------------------
 */

/* May the present code change IF itself? */
static bool owns_if(const struct x86_regs *r)
{
    if (!(r->cr0 & X86_CR0_PE))
        return true;
    return x86_iopl(r) >= x86_cpl(r); /* V86 mode has level 3 */
}
/* Does it change VIF instead? */
static bool owns_vif(const struct x86_regs *r)
{
    return x86_is_v86(r) ? (r->cr4 & X86_CR4_VME) != 0 : x86_cpl(r) == 3 && (r->cr4 & X86_CR4_PVI);
}

uint64_t x86_helper_cli(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct x86_regs *r = env;
    UNUSED(a, b, c, d);
    if (owns_if(r))
        r->rflags &= ~(uint64_t)X86_FLAG_IF;
    else if (owns_vif(r))
        r->rflags &= ~(uint64_t)X86_FLAG_VIF;
    else
        gp0(tcg_cpu_of(env));
    return 0;
}

uint64_t x86_helper_sti(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(a, b, c, d);
    if (owns_if(r)) {
        if (!(r->rflags & X86_FLAG_IF)) {
            r->rflags |= X86_FLAG_IF;
            r->sti_shadow = 1;
            x86_level_changed(tc);
        }
    } else if (owns_vif(r) && !(r->rflags & X86_FLAG_VIP)) {
        r->rflags |= X86_FLAG_VIF;
    } else {
        gp0(tc);
    }
    return 0;
}

uint64_t x86_helper_pushf(void *env, uint64_t opsize, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(b, c, d);
    uint64_t flags = x86_get_rflags(tc) & ~(uint64_t)(X86_FLAG_VM | X86_FLAG_RF);
    if (x86_is_v86(r) && x86_iopl(r) < 3) {
        if (!(r->cr4 & X86_CR4_VME) || opsize != 2) {
            gp0(tc);
            return 0;
        }
        flags &= ~(uint64_t)X86_FLAG_IF;
        flags |= X86_FLAG_IOPL | (flags & X86_FLAG_VIF ? X86_FLAG_IF : 0);
    }
    return flags & x86_size_mask((unsigned)opsize);
}

uint64_t x86_helper_popf(void *env, uint64_t value, uint64_t opsize, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(c, d);
    uint64_t mask = X86_FLAGS_ARITH | X86_FLAG_TF | X86_FLAG_DF | X86_FLAG_NT;
    if (opsize > 2)
        mask |= X86_FLAG_AC | X86_FLAG_ID | X86_FLAG_RF;
    if (x86_is_v86(r) && x86_iopl(r) < 3) {
        bool vip = (value & X86_FLAG_IF) && (r->rflags & X86_FLAG_VIP);
        if (!(r->cr4 & X86_CR4_VME) || opsize != 2 || vip || (value & X86_FLAG_TF)) {
            gp0(tc);
            return 0;
        }
        value |= value & X86_FLAG_IF ? X86_FLAG_VIF : 0;
        mask |= X86_FLAG_VIF;
    } else {
        if (owns_if(r))
            mask |= X86_FLAG_IF;
        if (x86_cpl(r) == 0)
            mask |= X86_FLAG_IOPL;
    }
    const uint64_t old = r->rflags;
    x86_load_flags(tc, value & ~(uint64_t)X86_FLAG_RF, mask);
    if (x86_mode_flags_differ(old, r->rflags))
        x86_level_changed(tc);
    return 0;
}

/* AC at level 0 is about nothing but the supervisor's access to user pages: what else the mode word
 * says stays. Kernels do this around each access to a user's memory. */
static void set_ac(struct tcg_cpu *tc, bool on)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (!x86_need_cpl0(tc))
        return;
    r->rflags = on ? r->rflags | X86_FLAG_AC : r->rflags & ~(uint64_t)X86_FLAG_AC;
    if (!(r->cr4 & X86_CR4_SMAP))
        return;
    if (on)
        tcg_mode_set(tc, tc->mode | MODE_SMAP_OFF, X86_MMU_KERNEL_NOSMAP);
    else
        tcg_mode_set(tc, tc->mode & ~(uint64_t)MODE_SMAP_OFF, X86_MMU_KERNEL);
}

uint64_t x86_helper_clac(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    set_ac(tcg_cpu_of(env), false);
    return 0;
}

uint64_t x86_helper_stac(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    set_ac(tcg_cpu_of(env), true);
    return 0;
}

/* ---- ports
 * -------------------------------------------------------------------------------------------------------
 */

bool x86_check_io(struct tcg_cpu *tc, uint16_t port, unsigned size)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (!(r->cr0 & X86_CR0_PE) || (!x86_is_v86(r) && x86_cpl(r) <= x86_iopl(r)))
        return true;
    /* a 32- or 64-bit TSS has the bitmap's offset at 102; two bytes are read, so that any port size
     * fits */
    bool wide = (r->tr.attr & X86_SEG_P) && (r->tr.attr & 0xd) == 9;
    if (wide && r->tr.limit >= 103) {
        uint64_t base = tcg_load(tc, r->tr.base + 102, 2, X86_MEM_SYSTEM);
        if (tcg_faulted(tc))
            return false;
        uint64_t at = base + port / 8u;
        if (at + 1 <= r->tr.limit) {
            uint64_t bits = tcg_load(tc, r->tr.base + at, 2, X86_MEM_SYSTEM);
            if (tcg_faulted(tc))
                return false;
            if (!(bits >> (port & 7) & mask_bits(size)))
                return true;
        }
    }
    gp0(tc);
    return false;
}

uint64_t x86_helper_in(void *env, uint64_t port, uint64_t size, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(c, d);
    if (!x86_check_io(tc, (uint16_t)port, (unsigned)size))
        return 0;
    x86_io_breakpoint(tc, (uint16_t)port, (unsigned)size);
    return tcg_in(tc, (uint16_t)port, (unsigned)size);
}

uint64_t x86_helper_out(void *env, uint64_t port, uint64_t size, uint64_t value, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(d);
    if (!x86_check_io(tc, (uint16_t)port, (unsigned)size))
        return 0;
    x86_io_breakpoint(tc, (uint16_t)port, (unsigned)size);
    tcg_out(tc, (uint16_t)port, (unsigned)size, value);
    return 0;
}

/* ---- INS and OUTS
 * --------------------------------------------------------------------------------------------------
 */

enum { STRING_CHUNK = 256 }; /* elements before interrupts are looked at */

/* Linear address of an element; false: raised. */
static bool string_address(struct tcg_cpu *tc, enum x86_seg seg, uint64_t offset, unsigned size,
                           bool write, uint64_t *addr)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (x86_is_code64(r)) {
        *addr = offset + (seg >= X86_FS ? r->seg[seg].base : 0);
        return true;
    }
    *addr = x86_helper_seg_check(r, seg, offset, size, write);
    return !tcg_faulted(tc);
}

static void add_index(struct x86_regs *r, enum x86_gpr reg, int64_t step, uint64_t mask)
{
    uint64_t v = (r->gpr[reg] + (uint64_t)step) & mask;
    r->gpr[reg] = mask == 0xffff ? (r->gpr[reg] & ~mask) | v : v;
}

static bool ins_one(struct tcg_cpu *tc, unsigned size, uint64_t mask)
{
    struct x86_regs *r = x86_regs_of(tc);
    const uint16_t port = (uint16_t)r->gpr[X86_RDX];
    uint64_t addr;
    if (!x86_check_io(tc, port, size) ||
        !string_address(tc, X86_ES, r->gpr[X86_RDI] & mask, size, true, &addr))
        return false;
    const unsigned attr = x86_mem_attr(tc, x86_cpl(r));
    /* the port must not be read for a store that will not happen, or happen twice */
    if (!tcg_probe(tc, addr, size, TCG_WRITE, attr))
        return false;
    const bool single = tc->single_insn;
    x86_io_breakpoint(tc, port, size);
    uint64_t value = tcg_in(tc, port, size);
    tc->single_insn = true;
    tcg_store(tc, addr, size, value, attr);
    tc->single_insn = single;
    if (tcg_faulted(tc))
        return false;
    add_index(r, X86_RDI, r->rflags & X86_FLAG_DF ? -(int64_t)size : (int64_t)size, mask);
    return true;
}

static bool outs_one(struct tcg_cpu *tc, unsigned size, uint64_t mask, enum x86_seg seg)
{
    struct x86_regs *r = x86_regs_of(tc);
    const uint16_t port = (uint16_t)r->gpr[X86_RDX];
    uint64_t addr;
    if (!x86_check_io(tc, port, size) ||
        !string_address(tc, seg, r->gpr[X86_RSI] & mask, size, false, &addr))
        return false;
    uint64_t value = tcg_load(tc, addr, size, x86_mem_attr(tc, x86_cpl(r)));
    if (tcg_faulted(tc))
        return false;
    x86_io_breakpoint(tc, port, size);
    tcg_out(tc, port, size, value);
    add_index(r, X86_RSI, r->rflags & X86_FLAG_DF ? -(int64_t)size : (int64_t)size, mask);
    return true;
}

static uint64_t io_string(struct tcg_cpu *tc, bool in, unsigned size, unsigned addr_size, bool rep,
                          enum x86_seg seg)
{
    struct x86_regs *r = x86_regs_of(tc);
    const uint64_t mask = x86_size_mask(addr_size);
    const unsigned chunk = tc->mode & (MODE_TF | MODE_ICOUNT) ? 1 : STRING_CHUNK;
    if (!rep) {
        if (in)
            ins_one(tc, size, mask);
        else
            outs_one(tc, size, mask, seg);
        return 0;
    }
    for (unsigned done = 0; r->gpr[X86_RCX] & mask; done++) {
        if (done == chunk)
            return 1;
        if (!(in ? ins_one(tc, size, mask) : outs_one(tc, size, mask, seg))) {
            /* elements were done: what stopped this one is met again at its own start */
            if (done)
                tc->status = TCG_OK;
            return 1;
        }
        add_index(r, X86_RCX, -1, mask);
    }
    return 0;
}

uint64_t x86_helper_ins(void *env, uint64_t size, uint64_t addr_size, uint64_t rep, uint64_t d)
{
    UNUSED(d);
    return io_string(tcg_cpu_of(env), true, (unsigned)size, (unsigned)addr_size, rep, X86_ES);
}

uint64_t x86_helper_outs(void *env, uint64_t size, uint64_t addr_size, uint64_t rep, uint64_t seg)
{
    return io_string(tcg_cpu_of(env), false, (unsigned)size, (unsigned)addr_size, rep,
                     (enum x86_seg)seg);
}
