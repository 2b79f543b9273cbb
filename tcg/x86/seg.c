/*
 * Segments: descriptors, loads of segment registers, checks of accesses, and the instructions that
 * look at descriptors. SDM vol. 3, chapters "Protected-Mode Memory Management" and "Protection".
 */
#include "tcg/mmu/refill.h"
#include "tcg/x86/sys.h"

/* ---- descriptors
 * --------------------------------------------------------------------------------------------- */

enum x86_desc_result x86_read_desc(struct tcg_cpu *tc, uint16_t selector, struct x86_desc *d)
{
    struct x86_regs *r = x86_regs_of(tc);
    uint64_t base = r->gdtr.base;
    uint32_t limit = r->gdtr.limit;
    if (selector & 4) {
        if (!(r->ldtr.attr & X86_SEG_P))
            return X86_DESC_LIMIT;
        base = r->ldtr.base;
        limit = r->ldtr.limit;
    }
    uint32_t offset = selector & 0xfff8u;
    if (offset + 7 > limit)
        return X86_DESC_LIMIT;
    d->addr = base + offset;
    if (!x86_is_long(r))
        d->addr &= 0xffffffff;
    uint64_t v = tcg_load(tc, d->addr, 8, X86_MEM_SYSTEM);
    if (tcg_faulted(tc))
        return X86_DESC_FAULT;
    d->lo = (uint32_t)v;
    d->hi = (uint32_t)(v >> 32);
    return X86_DESC_OK;
}

bool x86_need_desc(struct tcg_cpu *tc, uint16_t selector, struct x86_desc *d,
                   enum x86_vector vector, unsigned ext)
{
    enum x86_desc_result result = x86_read_desc(tc, selector, d);
    if (result == X86_DESC_LIMIT)
        x86_raise_error(tc, vector, (selector & ~3u) | ext);
    return result == X86_DESC_OK;
}

void x86_desc_to_segment(const struct x86_desc *d, uint16_t selector, struct x86_segment *s)
{
    s->selector = selector;
    s->base = (d->lo >> 16) | (d->hi & 0xff) << 16 | (d->hi & 0xff000000);
    s->attr = (uint16_t)(d->hi >> 8 & 0xf0ff);
    uint32_t limit = (d->lo & 0xffff) | (d->hi & 0xf0000);
    s->limit = s->attr & X86_SEG_G ? limit << 12 | 0xfff : limit;
}

bool x86_desc_set_accessed(struct tcg_cpu *tc, struct x86_desc *d)
{
    if (d->hi & 0x100)
        return true;
    d->hi |= 0x100;
    tcg_store(tc, d->addr + 5, 1, d->hi >> 8 & 0xff, X86_MEM_SYSTEM);
    return !tcg_faulted(tc);
}

void x86_set_null_segment(struct x86_regs *r, enum x86_seg seg, uint16_t selector)
{
    r->seg[seg] = (struct x86_segment){.selector = selector};
}

void x86_set_null_ss(struct x86_regs *r, uint16_t selector, unsigned cpl)
{
    r->seg[X86_SS] =
        (struct x86_segment){.selector = selector, .attr = (uint16_t)(cpl << X86_SEG_DPL_SHIFT)};
}

void x86_set_real_segment(struct x86_regs *r, enum x86_seg seg, uint16_t selector)
{
    struct x86_segment *s = &r->seg[seg];
    s->selector = selector;
    s->base = (uint32_t)selector << 4;
    if (x86_is_v86(r)) {
        s->limit = 0xffff;
        s->attr = 0xf3; /* present, DPL 3, data, writable, accessed */
    } else if (!(s->attr & X86_SEG_P)) {
        /* a null segment left from protected mode is usable again */
        s->limit = 0xffff;
        s->attr = 0x93;
    }
}

/* ---- loads
 * ------------------------------------------------------------------------------------------------------
 */

static bool seg_fault(struct tcg_cpu *tc, enum x86_vector vector, uint32_t selector, unsigned ext)
{
    x86_raise_error(tc, vector, (selector & ~3u) | ext);
    return false;
}

bool x86_prepare_segment(struct tcg_cpu *tc, enum x86_seg seg, uint16_t selector, unsigned cpl,
                         enum x86_vector vector, unsigned ext, struct x86_segment *out)
{
    struct x86_regs *r = x86_regs_of(tc);
    const unsigned rpl = selector & 3;
    if (!(selector & ~3u)) {
        if (seg == X86_SS) {
            if (!x86_is_code64(r) || cpl == 3 || rpl != cpl)
                return seg_fault(tc, vector, 0, ext);
            *out = (struct x86_segment){.selector = selector,
                                        .attr = (uint16_t)(cpl << X86_SEG_DPL_SHIFT)};
        } else {
            *out = (struct x86_segment){.selector = selector};
        }
        return true;
    }
    struct x86_desc d;
    if (!x86_need_desc(tc, selector, &d, vector, ext))
        return false;
    const unsigned type = x86_desc_type(&d), dpl = x86_desc_dpl(&d);
    if (seg == X86_SS) {
        /* writable data of exactly this level */
        if (!x86_desc_s(&d) || (type & 0xa) != 2 || rpl != cpl || dpl != cpl)
            return seg_fault(tc, vector, selector, ext);
    } else {
        if (!x86_desc_s(&d) || (type & 0xa) == 8) /* system, or execute-only code */
            return seg_fault(tc, vector, selector, ext);
        if ((type & 0xc) != 0xc && (rpl > dpl || cpl > dpl)) /* all but conforming code */
            return seg_fault(tc, vector, selector, ext);
    }
    if (!x86_desc_present(&d))
        return seg_fault(tc, seg == X86_SS ? X86_SS_FAULT : X86_NP, selector, ext);
    if (!x86_desc_set_accessed(tc, &d))
        return false;
    x86_desc_to_segment(&d, selector, out);
    return true;
}

bool x86_prepare_inner_ss(struct tcg_cpu *tc, uint16_t selector, unsigned cpl, unsigned ext,
                          struct x86_segment *out)
{
    if (!(selector & ~3u))
        return seg_fault(tc, X86_TS, 0, ext);
    struct x86_desc d;
    if (!x86_need_desc(tc, selector, &d, X86_TS, ext))
        return false;
    if ((selector & 3u) != cpl || x86_desc_dpl(&d) != cpl || !x86_desc_s(&d) ||
        (x86_desc_type(&d) & 0xa) != 2)
        return seg_fault(tc, X86_TS, selector, ext);
    if (!x86_desc_present(&d))
        return seg_fault(tc, X86_SS_FAULT, selector, ext);
    if (!x86_desc_set_accessed(tc, &d))
        return false;
    x86_desc_to_segment(&d, selector, out);
    return true;
}

bool x86_tss_stack(struct tcg_cpu *tc, unsigned cpl, unsigned ext, uint16_t *ss, uint32_t *esp)
{
    struct x86_regs *r = x86_regs_of(tc);
    const bool wide = r->tr.attr & 8;
    const unsigned size = wide ? 4 : 2;
    uint32_t offset = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
    if (offset + 2 * size - 1 > r->tr.limit)
        return seg_fault(tc, X86_TS, r->tr.selector, ext);
    *esp = (uint32_t)tcg_load(tc, r->tr.base + offset, size, X86_MEM_SYSTEM);
    *ss = (uint16_t)tcg_load(tc, r->tr.base + offset + size, 2, X86_MEM_SYSTEM);
    return !tcg_faulted(tc);
}

bool x86_tss_rsp(struct tcg_cpu *tc, unsigned n, unsigned ext, uint64_t *rsp)
{
    struct x86_regs *r = x86_regs_of(tc);
    uint32_t offset = 4 + 8 * n;
    if (offset + 7 > r->tr.limit)
        return seg_fault(tc, X86_TS, r->tr.selector, ext);
    *rsp = tcg_load(tc, r->tr.base + offset, 8, X86_MEM_SYSTEM);
    return !tcg_faulted(tc);
}

void x86_drop_inner_segments(struct x86_regs *r, unsigned cpl)
{
    static const enum x86_seg which[] = {X86_ES, X86_DS, X86_FS, X86_GS};
    for (unsigned i = 0; i < 4; i++) {
        struct x86_segment *s = &r->seg[which[i]];
        bool conforming = (s->attr & (X86_SEG_S | 0xc)) == (X86_SEG_S | 0xc);
        if ((s->attr & X86_SEG_P) && !conforming &&
            (unsigned)(s->attr & X86_SEG_DPL) >> X86_SEG_DPL_SHIFT < cpl)
            x86_set_null_segment(r, which[i], 0);
    }
}

bool x86_check_code_offset(struct tcg_cpu *tc, const struct x86_segment *cs, uint64_t offset)
{
    struct x86_regs *r = x86_regs_of(tc);
    bool ok =
        x86_is_long(r) && (cs->attr & X86_SEG_L) ? x86_canonical(r, offset) : offset <= cs->limit;
    if (!ok)
        x86_raise_error(tc, X86_GP, 0);
    return ok;
}

void x86_commit_cs(struct x86_regs *r, const struct x86_segment *cs, unsigned cpl)
{
    r->seg[X86_CS] = *cs;
    r->seg[X86_CS].selector = (uint16_t)((cs->selector & ~3u) | cpl);
    /* SS.DPL is CPL, always */
    r->seg[X86_SS].attr =
        (uint16_t)((r->seg[X86_SS].attr & ~X86_SEG_DPL) | cpl << X86_SEG_DPL_SHIFT);
}

uint64_t x86_helper_load_seg(void *env, uint64_t seg, uint64_t selector, uint64_t mov, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(d);
    if (x86_is_protected(r)) {
        struct x86_segment s;
        if (!x86_prepare_segment(tc, (enum x86_seg)seg, (uint16_t)selector, x86_cpl(r), X86_GP, 0,
                                 &s))
            return 0;
        /* FS and GS keep bases beyond 4 GiB only until loaded; a null selector clears the base */
        r->seg[seg] = s;
    } else {
        x86_set_real_segment(r, (enum x86_seg)seg, (uint16_t)selector);
    }
    if (seg == X86_SS && mov && !(tc->mode & MODE_STI_SHADOW))
        r->sti_shadow = 2;
    if (!x86_is_code64(r) || seg == X86_SS)
        x86_level_changed(tc);
    return 0;
}

/* ---- access checks
 * ------------------------------------------------------------------------------------------------
 */

static bool access_allowed(const struct x86_regs *r, const struct x86_segment *s, uint32_t offset,
                           uint32_t last, bool write)
{
    if (last < offset) /* wraps: allowed only where the whole address space is inside */
        return s->limit == 0xffffffff && (s->attr & X86_SEG_P);
    if (!x86_is_protected(r))
        return last <= s->limit;
    const unsigned type = s->attr & X86_SEG_TYPE;
    if (!(s->attr & X86_SEG_P))
        return false;
    if (type & 8) {
        if (write || !(type & 2))
            return false;
    } else {
        if (write && !(type & 2))
            return false;
        if (type & 4) /* expand down */
            return offset > s->limit && last <= (s->attr & X86_SEG_DB ? 0xffffffff : 0xffff);
    }
    return last <= s->limit;
}

uint64_t x86_helper_seg_check(void *env, uint64_t seg, uint64_t offset, uint64_t size,
                              uint64_t access)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    const struct x86_segment *s = &r->seg[seg];
    uint32_t first = (uint32_t)offset, last = first + (uint32_t)(size ? size - 1 : 0);
    if (!access_allowed(r, s, first, last, access != 0))
        x86_raise_error(tc, seg == X86_SS ? X86_SS_FAULT : X86_GP, 0);
    return (s->base + first) & 0xffffffff;
}

/* ---- stacks
 * ---------------------------------------------------------------------------------------------------------
 */

void x86_stack_init(struct x86_stack *s, struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    const bool code64 = x86_is_code64(r);
    s->tc = tc;
    s->mask = x86_stack_mask(r);
    s->base = code64 ? 0 : r->seg[X86_SS].base;
    s->seg = code64 ? NULL : &r->seg[X86_SS];
    s->sp = r->gpr[X86_RSP];
    s->error = 0;
    s->attr = x86_mem_attr(tc, x86_cpl(r));
    s->frame_len = 0;
}

void x86_stack_frame(struct x86_stack *s, uint64_t at, unsigned len, bool write)
{
    s->frame = tcg_known_ptr(s->tc, at, len, write, s->attr);
    s->frame_at = at;
    s->frame_len = s->frame ? len : 0;
}

/* In the frame that was looked up, or NULL. */
static uint8_t *in_frame(const struct x86_stack *s, uint64_t sp, unsigned size)
{
    const uint64_t offset = sp - s->frame_at;
    return offset < s->frame_len && s->frame_len - offset >= size ? s->frame + offset : NULL;
}

static bool stack_address(struct x86_stack *s, uint64_t offset, unsigned size, bool write,
                          uint64_t *addr)
{
    struct x86_regs *r = x86_regs_of(s->tc);
    if (tcg_faulted(s->tc))
        return false;
    offset &= s->mask;
    *addr = s->base + offset;
    if (!s->seg) {
        if (!x86_canonical(r, offset) || !x86_canonical(r, offset + size - 1)) {
            x86_raise_error(s->tc, X86_SS_FAULT, s->error);
            return false;
        }
        return true;
    }
    *addr &= 0xffffffff;
    if (!access_allowed(r, s->seg, (uint32_t)offset, (uint32_t)offset + size - 1, write)) {
        x86_raise_error(s->tc, X86_SS_FAULT, s->error);
        return false;
    }
    return true;
}

void x86_stack_push(struct x86_stack *s, unsigned size, uint64_t value)
{
    uint64_t addr, sp = s->sp - size;
    uint8_t *host = in_frame(s, sp, size);
    if (host) {
        ram_store(host, &value, size);
        s->sp = sp;
        return;
    }
    if (!stack_address(s, sp, size, true, &addr))
        return;
    tcg_store(s->tc, addr, size, value & x86_size_mask(size), s->attr);
    s->sp = sp;
}

uint64_t x86_stack_pop(struct x86_stack *s, unsigned size)
{
    uint64_t addr, v = 0;
    const uint8_t *host = in_frame(s, s->sp, size);
    if (host)
        v = ram_load(host, size);
    else if (stack_address(s, s->sp, size, false, &addr))
        v = tcg_load(s->tc, addr, size, s->attr);
    s->sp += size;
    return v;
}

/* ---- instructions on descriptors and tables
 * --------------------------------------------------------------------------- */

/* LLDT, LTR: a system descriptor of the GDT, 16 bytes in long mode. */
static bool load_system(struct tcg_cpu *tc, uint16_t selector, struct x86_desc *d, uint64_t *base)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (selector & 4)
        return seg_fault(tc, X86_GP, selector, 0);
    if (!x86_need_desc(tc, selector, d, X86_GP, 0))
        return false;
    *base = (d->lo >> 16) | (d->hi & 0xff) << 16 | (d->hi & 0xff000000);
    if (!x86_is_long(r))
        return true;
    if ((selector & 0xfff8u) + 15 > r->gdtr.limit)
        return seg_fault(tc, X86_GP, selector, 0);
    uint64_t high = tcg_load(tc, d->addr + 8, 8, X86_MEM_SYSTEM);
    if (tcg_faulted(tc))
        return false;
    *base |= high << 32;
    if (high >> 40 & 0x1f) /* the second half has a type field of its own, which is 0 */
        return seg_fault(tc, X86_GP, selector, 0);
    return true;
}

uint64_t x86_helper_lldt(void *env, uint64_t sel, uint64_t b, uint64_t c, uint64_t e)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    const uint16_t selector = (uint16_t)sel;
    UNUSED(b, c, e);
    if (!x86_need_cpl0(tc))
        return 0;
    if (!(selector & ~3u)) {
        r->ldtr = (struct x86_segment){.selector = selector};
        return 0;
    }
    struct x86_desc d;
    uint64_t base;
    if (!load_system(tc, selector, &d, &base))
        return 0;
    if (x86_desc_s(&d) || x86_desc_type(&d) != 2) {
        seg_fault(tc, X86_GP, selector, 0);
    } else if (!x86_desc_present(&d)) {
        seg_fault(tc, X86_NP, selector, 0);
    } else if (!x86_canonical(r, base)) {
        seg_fault(tc, X86_GP, selector, 0);
    } else {
        x86_desc_to_segment(&d, selector, &r->ldtr);
        r->ldtr.base = base;
    }
    return 0;
}

uint64_t x86_helper_ltr(void *env, uint64_t sel, uint64_t b, uint64_t c, uint64_t e)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    const uint16_t selector = (uint16_t)sel;
    UNUSED(b, c, e);
    if (!x86_need_cpl0(tc))
        return 0;
    if (!(selector & ~3u)) {
        x86_raise_error(tc, X86_GP, 0);
        return 0;
    }
    struct x86_desc d;
    uint64_t base;
    if (!load_system(tc, selector, &d, &base))
        return 0;
    unsigned type = x86_desc_type(&d);
    if (x86_desc_s(&d) || (type != 9 && (type != 1 || x86_is_long(r))) || !x86_canonical(r, base)) {
        seg_fault(tc, X86_GP, selector, 0);
        return 0;
    }
    if (!x86_desc_present(&d)) {
        seg_fault(tc, X86_NP, selector, 0);
        return 0;
    }
    d.hi |= 0x200; /* busy */
    tcg_store(tc, d.addr + 5, 1, d.hi >> 8 & 0xff, X86_MEM_SYSTEM);
    if (tcg_faulted(tc))
        return 0;
    x86_desc_to_segment(&d, selector, &r->tr);
    r->tr.base = base;
    return 0;
}

static void load_table(struct tcg_cpu *tc, struct x86_table *t, uint64_t limit, uint64_t base)
{
    if (!x86_need_cpl0(tc))
        return;
    if (x86_is_code64(x86_regs_of(tc)) && !x86_canonical(x86_regs_of(tc), base)) {
        x86_raise_error(tc, X86_GP, 0);
        return;
    }
    t->limit = (uint16_t)limit;
    t->base = base;
}

uint64_t x86_helper_lgdt(void *env, uint64_t limit, uint64_t base, uint64_t c, uint64_t d)
{
    UNUSED(c, d);
    load_table(tcg_cpu_of(env), &((struct x86_regs *)env)->gdtr, limit, base);
    return 0;
}

uint64_t x86_helper_lidt(void *env, uint64_t limit, uint64_t base, uint64_t c, uint64_t d)
{
    UNUSED(c, d);
    load_table(tcg_cpu_of(env), &((struct x86_regs *)env)->idtr, limit, base);
    return 0;
}

static void set_zf(struct tcg_cpu *tc, bool zf)
{
    tc->fl = zf ? tc->fl | IR_FL_ZF : tc->fl & ~(uint32_t)IR_FL_ZF;
}

/* The descriptor for LAR, LSL, VERR, VERW when it is visible from here; system: bit mask of the
 * system types that are valid, 0: none. */
static bool visible(struct tcg_cpu *tc, uint16_t selector, uint32_t system, struct x86_desc *d)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (!(selector & ~3u) || x86_read_desc(tc, selector, d) != X86_DESC_OK)
        return false;
    if (x86_desc_s(d)) {
        if (x86_desc_code(d) && x86_desc_conforming(d))
            return true;
    } else if (!(system >> x86_desc_type(d) & 1)) {
        return false;
    }
    unsigned dpl = x86_desc_dpl(d);
    return dpl >= x86_cpl(r) && dpl >= (selector & 3u);
}

/* Valid system types: LDT 2, TSS 1 3 9 11, gates 4 5 12 (LAR); long mode has 2, 9, 11, 12. */
enum {
    LAR_LEGACY = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 9 | 1 << 11 | 1 << 12,
    LAR_LONG = 1 << 2 | 1 << 9 | 1 << 11 | 1 << 12,
    LSL_LEGACY = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 9 | 1 << 11,
    LSL_LONG = 1 << 2 | 1 << 9 | 1 << 11,
};

uint64_t x86_helper_lar(void *env, uint64_t sel, uint64_t b, uint64_t c, uint64_t e)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_desc d = {0};
    UNUSED(b, c, e);
    bool ok = visible(tc, (uint16_t)sel, x86_is_long(env) ? LAR_LONG : LAR_LEGACY, &d);
    if (tcg_faulted(tc))
        return 0;
    set_zf(tc, ok);
    return d.hi & 0x00f0ff00;
}

uint64_t x86_helper_lsl(void *env, uint64_t sel, uint64_t b, uint64_t c, uint64_t e)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_desc d = {0};
    struct x86_segment s;
    UNUSED(b, c, e);
    bool ok = visible(tc, (uint16_t)sel, x86_is_long(env) ? LSL_LONG : LSL_LEGACY, &d);
    if (tcg_faulted(tc))
        return 0;
    set_zf(tc, ok);
    x86_desc_to_segment(&d, (uint16_t)sel, &s);
    return s.limit;
}

uint64_t x86_helper_verr(void *env, uint64_t sel, uint64_t b, uint64_t c, uint64_t e)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_desc d = {0};
    UNUSED(b, c, e);
    bool ok = visible(tc, (uint16_t)sel, 0, &d);
    if (!tcg_faulted(tc)) /* data, or readable code */
        set_zf(tc, ok && (x86_desc_type(&d) & 0xa) != 8);
    return 0;
}

uint64_t x86_helper_verw(void *env, uint64_t sel, uint64_t b, uint64_t c, uint64_t e)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_desc d = {0};
    UNUSED(b, c, e);
    bool ok = visible(tc, (uint16_t)sel, 0, &d);
    if (!tcg_faulted(tc))
        set_zf(tc, ok && (x86_desc_type(&d) & 0xa) == 2);
    return 0;
}

uint64_t x86_helper_arpl(void *env, uint64_t dest, uint64_t src, uint64_t c, uint64_t d)
{
    UNUSED(c, d);
    bool raise = (dest & 3) < (src & 3);
    set_zf(tcg_cpu_of(env), raise);
    return raise ? (dest & 0xfffc) | (src & 3) : dest & 0xffff;
}

/* ---- FS and GS bases
 * -----------------------------------------------------------------------------------------------------
 */

uint64_t x86_helper_wrsegbase(void *env, uint64_t seg, uint64_t value, uint64_t opsize, uint64_t d)
{
    struct x86_regs *r = env;
    UNUSED(d);
    value &= x86_size_mask((unsigned)opsize);
    if (!x86_canonical(r, value)) {
        x86_raise_error(tcg_cpu_of(env), X86_GP, 0);
        return 0;
    }
    r->seg[seg].base = value;
    return 0;
}
