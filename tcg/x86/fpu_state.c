/*
 * FPU state in memory: FLDENV, FNSAVE and their kin in all four formats, FXSAVE, XSAVE, MXCSR. SDM
 * vol. 1, chapters "Programming with the x87 FPU" and "Managing State Using the XSAVE Feature Set".
 */
#include <string.h>

#include "core/util/endian.h"
#include "core/util/range.h"
#include "tcg/x86/fpu.h"

static void gp0(struct tcg_cpu *tc)
{
    x86_raise_error(tc, X86_GP, 0);
}

/* An area that may cross pages; plain RAM within one page is copied at once. */
static bool load_area(struct tcg_cpu *tc, uint64_t addr, void *buf, unsigned len)
{
    if ((addr & (MEM_PAGE_SIZE - 1)) + len <= MEM_PAGE_SIZE) {
        const void *host = tcg_host_ptr(tc, addr, TCG_READ, 0);
        if (host) {
            memcpy(buf, host, len);
            return true;
        }
    }
    if (!tcg_faulted(tc))
        tcg_load_bytes(tc, addr, buf, len, 0);
    return !tcg_faulted(tc);
}

static bool store_area(struct tcg_cpu *tc, uint64_t addr, const void *buf, unsigned len)
{
    if ((addr & (MEM_PAGE_SIZE - 1)) + len <= MEM_PAGE_SIZE) {
        void *host = tcg_host_ptr(tc, addr, TCG_WRITE, 0);
        if (host) {
            memcpy(host, buf, len);
            return true;
        }
    }
    if (!tcg_faulted(tc))
        tcg_store_bytes(tc, addr, buf, len, 0);
    return !tcg_faulted(tc);
}

static void state_loaded(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (fpu_zero_selectors(x86_model_of(tc)))
        r->fcs = r->fds = 0;
    x86_fcw_changed(tc);
}

/* ---- environment
 * -------------------------------------------------------------------------------------------------
 */

static uint16_t full_tags(const struct x86_regs *r)
{
    unsigned tags = 0;
    for (unsigned n = 0; n < 8; n++)
        tags |= fpu_full_tag(r, n) << (2 * n);
    return (uint16_t)tags;
}

/* Seven fields: dwords with unused upper halves of ones, or words. Returns the length. */
static unsigned put_env(const struct x86_regs *r, uint8_t *buf, unsigned format)
{
    uint32_t f[7] = {0xffff0000u | r->fcw, 0xffff0000u | r->fsw, 0xffff0000u | full_tags(r)};
    if (format & X87_FORMAT_REAL) {
        uint32_t ip = ((uint32_t)r->fcs << 4) + (uint32_t)r->fip,
                 dp = ((uint32_t)r->fds << 4) + (uint32_t)r->fdp;
        f[3] = 0xffff0000u | (ip & 0xffff);
        f[4] = (ip >> 16 & 0xffff) << 12 | r->fop;
        f[5] = 0xffff0000u | (dp & 0xffff);
        f[6] = (dp >> 16 & 0xffff) << 12;
    } else {
        f[3] = (uint32_t)r->fip;
        f[4] = r->fcs | (uint32_t)r->fop << 16;
        f[5] = (uint32_t)r->fdp;
        f[6] = 0xffff0000u | r->fds;
    }
    const unsigned size = format & X87_FORMAT_32 ? 4 : 2;
    for (unsigned i = 0; i < 7; i++)
        store_le(buf + i * size, f[i], size);
    return 7 * size;
}

static void get_env(struct x86_regs *r, const uint8_t *buf, unsigned format)
{
    uint32_t f[7];
    const bool wide = format & X87_FORMAT_32;
    for (unsigned i = 0; i < 7; i++)
        f[i] = (uint32_t)load_le(buf + i * (wide ? 4 : 2), wide ? 4 : 2);
    r->fcw = (uint16_t)((f[0] & 0x1f3f) | 0x40);
    r->fsw = (uint16_t)f[1];
    r->ftw = 0;
    for (unsigned n = 0; n < 8; n++)
        r->ftw |= (uint8_t)((f[2] >> (2 * n) & 3) != 3 ? 1u << n : 0);
    if (format & X87_FORMAT_REAL) {
        r->fip = (f[3] & 0xffff) | (f[4] >> 12 & (wide ? 0xffff : 0xf)) << 16;
        r->fop = f[4] & 0x7ff;
        r->fdp = (f[5] & 0xffff) | (f[6] >> 12 & (wide ? 0xffff : 0xf)) << 16;
        r->fcs = r->fds = 0;
    } else {
        r->fip = f[3];
        r->fcs = (uint16_t)f[4];
        r->fop = wide ? f[4] >> 16 & 0x7ff : r->fop;
        r->fdp = f[5];
        r->fds = (uint16_t)f[6];
    }
    fpu_update_es(r);
}

uint64_t x86_helper_fstenv(void *env, uint64_t addr, uint64_t format, uint64_t kind, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    uint8_t buf[28 + 80];
    UNUSED(d);
    unsigned len = put_env(r, buf, (unsigned)format);
    if (kind == X87_STATE)
        for (unsigned i = 0; i < 8; i++, len += 10)
            memcpy(buf + len, &r->fpr[fpu_phys(r, i)], 10);
    if (!store_area(tc, addr, buf, len))
        return 0;
    if (kind == X87_STATE) {
        fpu_end_pending(tc);
        fpu_init(r);
    } else {
        r->fcw |= FCW_MASKS;
        fpu_update_es(r);
    }
    x86_fcw_changed(tc);
    return 0;
}

uint64_t x86_helper_fldenv(void *env, uint64_t addr, uint64_t format, uint64_t kind, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    uint8_t buf[28 + 80];
    UNUSED(d);
    const unsigned head = format & X87_FORMAT_32 ? 28 : 14;
    if (!fpu_check_pending(tc) || !load_area(tc, addr, buf, head + (kind == X87_STATE ? 80 : 0)))
        return 0;
    get_env(r, buf, (unsigned)format);
    state_loaded(tc);
    if (kind == X87_STATE)
        for (unsigned i = 0; i < 8; i++)
            memcpy(&r->fpr[fpu_phys(r, i)], buf + head + 10 * i, 10);
    return 0;
}

/* ---- MXCSR
 * ---------------------------------------------------------------------------------------------------------
 */

static uint32_t get_mxcsr(struct tcg_cpu *tc)
{
    return (x86_regs_of(tc)->mxcsr & ~(uint32_t)X86_MXCSR_FLAGS) |
           (tc->guest_mxcsr & X86_MXCSR_FLAGS);
}

static void set_mxcsr(struct tcg_cpu *tc, uint32_t value)
{
    x86_regs_of(tc)->mxcsr = value;
    x86_mxcsr_changed(tc);
}

uint64_t x86_helper_ldmxcsr(void *env, uint64_t value, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(b, c, d);
    if ((uint32_t)value & ~(uint32_t)X86_MXCSR_VALID)
        gp0(tc);
    else
        set_mxcsr(tc, (uint32_t)value);
    return 0;
}

/* ---- the FXSAVE area: x87 and SSE
 * --------------------------------------------------------------------------------------- */

enum {
    FX_FCW = 0,
    FX_FSW = 2,
    FX_FTW = 4,
    FX_FOP = 6,
    FX_FIP = 8,
    FX_FCS = 12,
    FX_FDP = 16,
    FX_FDS = 20,
    FX_MXCSR = 24,
    FX_MXCSR_MASK = 28,
    FX_ST = 32,
    FX_XMM = 160,
    FX_END = 416, /* of what is written; the area has 512 bytes */
    XS_BV = 512,
    XS_COMP_BV = 520,
};
#define XCOMP_COMPACT (UINT64_C(1) << 63)

static unsigned xmm_count(const struct x86_regs *r)
{
    return x86_is_code64(r) ? 16 : 8;
}

/* One half of the vector registers. */
static void put_vectors(const struct x86_regs *r, unsigned half, uint8_t *area, unsigned count)
{
    for (unsigned n = 0; n < count; n++)
        memcpy(area + 16 * n, &r->vec[n].half[half], 16);
}

/* area NULL: they become zero. */
static void get_vectors(struct x86_regs *r, unsigned half, const uint8_t *area, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        if (area)
            memcpy(&r->vec[n].half[half], area + 16 * n, 16);
        else
            r->vec[n].half[half] = (struct x86_vec){{0, 0}};
    }
}

static void put_x87(const struct x86_regs *r, uint8_t *area, bool rexw)
{
    store_le16(area + FX_FCW, r->fcw);
    store_le16(area + FX_FSW, r->fsw);
    store_le16(area + FX_FTW, r->ftw);
    store_le16(area + FX_FOP, r->fop);
    store_le64(area + FX_FIP, r->fip);
    store_le64(area + FX_FDP, r->fdp);
    if (!rexw) {
        store_le32(area + FX_FCS, r->fcs);
        store_le32(area + FX_FDS, r->fds);
    }
    for (unsigned i = 0; i < 8; i++) {
        memset(area + FX_ST + 16 * i + 10, 0, 6);
        memcpy(area + FX_ST + 16 * i, &r->fpr[fpu_phys(r, i)], 10);
    }
}

static void get_x87(struct x86_regs *r, const uint8_t *area, bool rexw)
{
    r->fcw = (uint16_t)((load_le16(area + FX_FCW) & 0x1f3f) | 0x40);
    r->fsw = load_le16(area + FX_FSW);
    r->ftw = area[FX_FTW];
    r->fop = load_le16(area + FX_FOP) & 0x7ff;
    r->fip = load_le64(area + FX_FIP);
    r->fdp = load_le64(area + FX_FDP);
    r->fcs = r->fds = 0;
    if (!rexw) {
        r->fip &= 0xffffffff;
        r->fdp &= 0xffffffff;
        r->fcs = load_le16(area + FX_FCS);
        r->fds = load_le16(area + FX_FDS);
    }
    for (unsigned i = 0; i < 8; i++)
        memcpy(&r->fpr[fpu_phys(r, i)], area + FX_ST + 16 * i, 10);
    fpu_update_es(r);
}

static bool misaligned(struct tcg_cpu *tc, uint64_t addr, unsigned align)
{
    if (!(addr & (align - 1)))
        return false;
    gp0(tc);
    return true;
}

uint64_t x86_helper_fxsave(void *env, uint64_t addr, uint64_t rexw, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    uint8_t area[FX_END];
    UNUSED(c, d);
    if (misaligned(tc, addr, 16))
        return 0;
    /* without CR4.OSFXSR the XMM part need not be stored; without 64-bit code only half of it
     * exists */
    const unsigned count = xmm_count(r), len = FX_XMM + 16 * count;
    put_x87(r, area, rexw);
    store_le32(area + FX_MXCSR, get_mxcsr(tc));
    store_le32(area + FX_MXCSR_MASK, X86_MXCSR_VALID);
    put_vectors(r, 0, area + FX_XMM, count);
    store_area(tc, addr, area, len);
    return 0;
}

uint64_t x86_helper_fxrstor(void *env, uint64_t addr, uint64_t rexw, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    uint8_t area[FX_END];
    UNUSED(c, d);
    const unsigned count = xmm_count(r);
    if (misaligned(tc, addr, 16) || !load_area(tc, addr, area, FX_XMM + 16 * count))
        return 0;
    if (load_le32(area + FX_MXCSR) & ~(uint32_t)X86_MXCSR_VALID) {
        gp0(tc);
        return 0;
    }
    get_x87(r, area, rexw);
    state_loaded(tc);
    get_vectors(r, 0, area + FX_XMM, count);
    set_mxcsr(tc, load_le32(area + FX_MXCSR));
    return 0;
}

/* ---- XSAVE
 * ------------------------------------------------------------------------------------------------------------------
 */

/* XINUSE: upper halves that are all zero are in their initial state; of x87 and SSE that is not
 * tracked. */
uint64_t x86_xinuse(const struct x86_regs *r)
{
    uint64_t any = 0;
    for (unsigned n = 0; n < 16; n++)
        any |= r->vec[n].half[1].u64[0] | r->vec[n].half[1].u64[1];
    return X86_XCR0_X87 | X86_XCR0_SSE | (any ? X86_XCR0_AVX : 0u) | (r->pkru ? X86_XCR0_PKRU : 0u);
}

/* The components asked for in EDX:EAX that XCR0 allows. */
static uint64_t requested(const struct x86_regs *r)
{
    return ((uint32_t)r->gpr[X86_RAX] | r->gpr[X86_RDX] << 32) & r->xcr0;
}

/* Where PKRU is: behind AVX in the compact form, when that is in it. */
static uint64_t pkru_offset(bool compact, uint64_t components)
{
    if (!compact)
        return X86_XSAVE_PKRU;
    return X86_XSAVE_HEADER_END + (components & X86_XCR0_AVX ? X86_XSAVE_AVX_SIZE : 0);
}

/* What XSAVE writes of the legacy region and of AVX's, into the area itself or a copy that has
 * zeros elsewhere. init: components of which nothing is written (they are in their initial state).
 */
static void fill_area(struct tcg_cpu *tc, uint8_t *area, uint64_t what, uint64_t init, bool rexw)
{
    const struct x86_regs *r = x86_regs_of(tc);
    const unsigned count = xmm_count(r);
    if (what & X86_XCR0_X87)
        put_x87(r, area, rexw);
    if (what & (X86_XCR0_SSE | X86_XCR0_AVX)) {
        store_le32(area + FX_MXCSR, get_mxcsr(tc));
        store_le32(area + FX_MXCSR_MASK, X86_MXCSR_VALID);
    }
    if (what & X86_XCR0_SSE)
        put_vectors(r, 0, area + FX_XMM, count);
    if (what & ~init & X86_XCR0_AVX)
        put_vectors(r, 1, area + X86_XSAVE_HEADER_END, count);
}

/* The parts of a copy, which the area may have only these bytes of. */
static bool store_parts(struct tcg_cpu *tc, uint64_t addr, const uint8_t *area, uint64_t what,
                        uint64_t init)
{
    const unsigned count = xmm_count(x86_regs_of(tc));
    bool ok = true;
    if (what & X86_XCR0_X87)
        ok =
            store_area(tc, addr, area, FX_MXCSR) && store_area(tc, addr + FX_ST, area + FX_ST, 128);
    if (ok && (what & (X86_XCR0_SSE | X86_XCR0_AVX)))
        ok = store_area(tc, addr + FX_MXCSR, area + FX_MXCSR, 8);
    if (ok && (what & X86_XCR0_SSE))
        ok = store_area(tc, addr + FX_XMM, area + FX_XMM, 16 * count);
    if (ok && (what & ~init & X86_XCR0_AVX))
        ok = store_area(tc, addr + X86_XSAVE_HEADER_END, area + X86_XSAVE_HEADER_END, 16 * count);
    return ok;
}

uint64_t x86_helper_xsave(void *env, uint64_t addr, uint64_t rexw, uint64_t kind, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(d);
    if (misaligned(tc, addr, 64))
        return 0;
    const uint64_t what = requested(r);
    const unsigned len =
        X86_XSAVE_HEADER_END + (what & X86_XCR0_AVX ? (unsigned)X86_XSAVE_AVX_SIZE : 0);
    /* all that may be written is probed first; then the parts are stored */
    uint8_t *known = tcg_known_ptr(tc, addr, len, true, 0);
    if (!known && !tcg_probe(tc, addr, len, TCG_WRITE, 0))
        return 0;
    const bool compact = kind == XSAVE_COMPACT;
    const uint64_t pkru = addr + pkru_offset(compact, what);
    if ((what & X86_XCR0_PKRU) && !tcg_probe(tc, pkru, X86_XSAVE_PKRU_SIZE, TCG_WRITE, 0))
        return 0;
    uint64_t bv = compact ? 0 : tcg_load(tc, addr + XS_BV, 8, 0);
    if (tcg_faulted(tc))
        return 0;
    const uint64_t in_use = what & x86_xinuse(r), init = kind == XSAVE_PLAIN ? 0 : what & ~in_use;
    bv = (bv & ~what) | in_use;
    if (known) {
        fill_area(tc, known, what, init, rexw);
    } else {
        uint8_t area[X86_XSAVE_HEADER_END + X86_XSAVE_AVX_SIZE] = {0};
        fill_area(tc, area, what, init, rexw);
        if (!store_parts(tc, addr, area, what, init))
            return 0;
    }
    if (what & ~init & X86_XCR0_PKRU) {
        tcg_store(tc, pkru, X86_XSAVE_PKRU_SIZE, r->pkru, 0);
        if (tcg_faulted(tc))
            return 0;
    }
    tcg_store(tc, addr + XS_BV, 8, bv, 0);
    if (compact && !tcg_faulted(tc))
        tcg_store(tc, addr + XS_COMP_BV, 8, what | XCOMP_COMPACT, 0);
    return 0;
}

/* Part of an area to be restored: where it is, or a copy of it. What decides is read once, for
 * another processor may be writing. NULL: faulted. */
static const uint8_t *find_area(struct tcg_cpu *tc, uint64_t addr, uint8_t *copy, unsigned len)
{
    const uint8_t *known = tcg_known_ptr(tc, addr, len, false, 0);
    return known ? known : load_area(tc, addr, copy, len) ? copy : NULL;
}

/* The header in its standard or compact form; false: #GP. */
static bool valid_header(struct tcg_cpu *tc, const uint8_t *area, uint64_t bv, uint64_t comp)
{
    const struct x86_regs *r = x86_regs_of(tc);
    static const uint8_t zero[48];
    if (bv & ~r->xcr0)
        return false;
    if (comp & XCOMP_COMPACT) {
        if (!x86_has(x86_model_of(tc), X86_FEAT_D_1_EAX, 1u << 1))
            return false;
        if ((comp & ~XCOMP_COMPACT & ~r->xcr0) || (bv & ~comp))
            return false;
        return !memcmp(area + XS_COMP_BV + 8, zero, 48);
    }
    return !comp && !memcmp(area + XS_COMP_BV + 8, zero, 8);
}

uint64_t x86_helper_xrstor(void *env, uint64_t addr, uint64_t rexw, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    uint8_t copy[X86_XSAVE_HEADER_END + X86_XSAVE_AVX_SIZE];
    const uint8_t *area, *upper = NULL;
    UNUSED(c, d);
    const uint64_t what = requested(r);
    const unsigned count = xmm_count(r);
    if (misaligned(tc, addr, 64) || !(area = find_area(tc, addr, copy, X86_XSAVE_HEADER_END)))
        return 0;
    const uint64_t bv = load_le64(area + XS_BV), comp = load_le64(area + XS_COMP_BV);
    const uint32_t new_mxcsr = load_le32(area + FX_MXCSR);
    if (!valid_header(tc, area, bv, comp)) {
        gp0(tc);
        return 0;
    }
    const bool compact = comp & XCOMP_COMPACT;
    const uint64_t load = what & bv, init = what & ~bv;
    if ((load & X86_XCR0_AVX) && !(upper = find_area(tc, addr + X86_XSAVE_HEADER_END,
                                                     copy + X86_XSAVE_HEADER_END, 16 * count)))
        return 0;
    uint64_t pkru = 0;
    if (load & X86_XCR0_PKRU) {
        pkru = tcg_load(tc, addr + pkru_offset(compact, comp), 4, 0);
        if (tcg_faulted(tc))
            return 0;
    }
    /* the standard form loads MXCSR whenever SSE or AVX is asked for, the compact one with SSE's
     * state */
    bool mxcsr = compact ? (load & X86_XCR0_SSE) != 0 : (what & (X86_XCR0_SSE | X86_XCR0_AVX)) != 0;
    if (mxcsr && (new_mxcsr & ~(uint32_t)X86_MXCSR_VALID)) {
        gp0(tc);
        return 0;
    }
    if (load & X86_XCR0_X87) {
        get_x87(r, area, rexw);
    } else if (init & X86_XCR0_X87) {
        fpu_init(r);
        memset(r->fpr, 0, sizeof r->fpr);
    }
    state_loaded(tc);
    if (what & X86_XCR0_SSE)
        get_vectors(r, 0, load & X86_XCR0_SSE ? area + FX_XMM : NULL, count);
    if (what & X86_XCR0_AVX)
        get_vectors(r, 1, upper, count);
    if (what & X86_XCR0_PKRU)
        x86_set_pkru(tc, (uint32_t)pkru);
    if (mxcsr)
        set_mxcsr(tc, new_mxcsr);
    else if (compact && (init & X86_XCR0_SSE))
        set_mxcsr(tc, X86_MXCSR_MASKS);
    return 0;
}
