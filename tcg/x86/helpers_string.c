/*
 * Repeated string instructions. Work goes in runs: as many elements as lie on one page of each
 * operand, moved with the host's bulk operations when both pages are plain memory, element by
 * element otherwise. RCX, RSI and RDI (and the flags) are committed once, at the end of the chunk,
 * with exact values: a fault after the first element ends the chunk in front of the faulting one,
 * and running the instruction again raises it. SDM vol. 2, REP and the instructions' own pages;
 * vol. 1, chapter "Programming with general-purpose instructions".
 */
#include "tcg/x86/helpers.h"

#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"
#include "tcg/x86/raise.h"

enum {
    PAGE = 4096,
    CHUNK_BYTES =
        64 * 1024, /* then other things get a look-in: interrupts are polled between chunks */
};

/* One operand: an index register over a segment. */
struct string_ptr {
    unsigned reg, seg;
    bool write;
    uint64_t offset; /* present index, wrapped */
    uint64_t linear;
    uint8_t *host; /* the low end of the run, or NULL */
};

struct string_op {
    struct tcg_cpu *tc;
    struct x86_regs *regs;
    unsigned w, size;
    uint64_t mask; /* of the address size */
    bool down, ne, one;
    uint64_t count, done;
    uint64_t budget; /* iterations this chunk may do */
};

static void begin(struct string_op *s, void *env, uint64_t how)
{
    s->tc = tcg_cpu_of(env);
    s->regs = env;
    s->w = X86_REP_SIZE(how);
    s->size = 1u << s->w;
    s->mask = mask_bits(8u << X86_REP_ADDRSIZE(how));
    s->down = s->regs->rflags & X86_FLAG_DF;
    s->ne = X86_REP_NE(how);
    s->one = X86_REP_ONE(how);
    s->count = s->regs->gpr[X86_RCX] & s->mask;
    s->done = 0;
    s->budget = s->one ? 1 : CHUNK_BYTES >> s->w;
    if (s->tc->tm->icount) {
        /* The block has taken one instruction for the first iteration. An access to a device has
         * run the instruction alone: one iteration each time, whose access is at its own index. */
        uint64_t left = s->tc->single_insn ? 1 : 1 + (uint64_t)MAX(s->tc->budget, 0);
        s->budget = MIN(s->budget, left);
    }
}

static struct string_ptr source(const struct string_op *s, uint64_t how)
{
    return (struct string_ptr){
        .reg = X86_RSI, .seg = X86_REP_SEG(how), .offset = s->regs->gpr[X86_RSI] & s->mask};
}

static struct string_ptr destination(const struct string_op *s, bool write)
{
    return (struct string_ptr){
        .reg = X86_RDI, .seg = X86_ES, .write = write, .offset = s->regs->gpr[X86_RDI] & s->mask};
}

static uint64_t left(const struct string_op *s)
{
    return s->count - s->done;
}

/* At least one iteration each time, so that the instruction gets on whatever is asked meanwhile. */
static bool more_wanted(const struct string_op *s)
{
    if (!s->done)
        return s->count != 0;
    return s->done < s->count && s->done < s->budget && !s->tc->watch_hit &&
           !__atomic_load_n(&s->tc->exit_request, __ATOMIC_RELAXED);
}

/* What would fault is left to the element that does. */
static void forget_fault(struct string_op *s)
{
    s->tc->status = TCG_OK;
    s->tc->want_exclusive = false;
}

/* Linear address of the element range whose lowest offset is `offset`. false: status says why. */
static bool linear(struct string_op *s, const struct string_ptr *p, uint64_t offset, uint64_t len,
                   uint64_t *out)
{
    uint64_t mode = s->tc->mode;
    if (mode & MODE_CODE64) {
        *out = p->seg >= X86_FS ? s->regs->seg[p->seg].base + offset : offset;
        return true;
    }
    if (mode & MODE_FLAT_DATA && (p->seg == X86_DS || p->seg == X86_ES || p->seg == X86_SS)) {
        *out = offset;
        return true;
    }
    *out = x86_helper_seg_check(s->regs, p->seg, offset, len, p->write);
    return !tcg_faulted(s->tc);
}

/*
 * How many elements from here on lie on one page of p (0: the first one straddles), at most `max`;
 * sets p->host for the run when it is plain memory.
 */
static uint64_t run_length(struct string_op *s, struct string_ptr *p, uint64_t max)
{
    uint64_t first;
    p->host = NULL;
    if (!linear(s, p, p->offset, s->size, &first))
        return 0;
    uint64_t in_page = first & (PAGE - 1), after = s->mask - p->offset, n, to_wrap;
    if (in_page + s->size > PAGE || after < s->size - 1)
        return 0;
    n = s->down ? (in_page >> s->w) + 1 : (PAGE - in_page) >> s->w;
    /* the index must not wrap inside the run */
    to_wrap = (s->down ? p->offset : after - (s->size - 1)) >> s->w;
    n = MIN(n, max);
    return n - 1 <= to_wrap ? n : to_wrap + 1;
}

static void find_host(struct string_op *s, struct string_ptr *p, uint64_t n)
{
    uint64_t low = s->down ? p->offset - (n - 1) * s->size : p->offset, address;
    if (!linear(s, p, low, n * s->size, &address)) {
        forget_fault(s);
        return;
    }
    /* What level 1 knows is plain memory; the run lies on one page. */
    const struct tlb_fast *f = (p->write ? s->tc->ctx->wr : s->tc->ctx->rd) + tlb_index(address);
    if (f->tag == align_down(address, MEM_PAGE_SIZE)) {
        p->host = (uint8_t *)(uintptr_t)(address + f->addend); /* NOLINT: guest to host address */
        return;
    }
    p->host = tcg_host_ptr(s->tc, address, p->write ? TCG_WRITE : TCG_READ, 0);
    if (tcg_faulted(s->tc)) {
        forget_fault(s);
        p->host = NULL;
    }
}

/* Elements of a run as bulk memory at p->host; 0: one element the slow way. b may be NULL. */
static uint64_t prepare_run(struct string_op *s, struct string_ptr *a, struct string_ptr *b)
{
    uint64_t n = MIN(left(s), s->budget - s->done);
    n = run_length(s, a, n);
    if (n && b)
        n = run_length(s, b, n);
    if (tcg_faulted(s->tc)) {
        forget_fault(s);
        return 0;
    }
    if (n < 2)
        return 0;
    find_host(s, a, n);
    if (!a->host)
        return 0;
    if (b) {
        find_host(s, b, n);
        if (!b->host)
            return 0;
    }
    return n;
}

static void advance(const struct string_op *s, struct string_ptr *p, uint64_t n)
{
    uint64_t by = n * s->size;
    p->offset = (s->down ? p->offset - by : p->offset + by) & s->mask;
}

static bool element_address(struct string_op *s, struct string_ptr *p)
{
    return linear(s, p, p->offset, s->size, &p->linear);
}

static uint64_t load(struct string_op *s, struct string_ptr *p)
{
    return element_address(s, p) ? tcg_load(s->tc, p->linear, s->size, 0) : 0;
}

static void store(struct string_op *s, struct string_ptr *p, uint64_t v)
{
    if (element_address(s, p))
        tcg_store(s->tc, p->linear, s->size, v, 0);
}

static void commit_register(const struct string_op *s, unsigned reg, uint64_t v)
{
    uint64_t *r = &s->regs->gpr[reg];
    /* a 32-bit write clears the upper half, a 16-bit one keeps the rest */
    *r = s->mask == 0xffff ? (*r & ~UINT64_C(0xffff)) | v : v;
}

/* The end of a chunk: registers, and whether to come back. stop: the condition of REPE/REPNE ended
 * it. */
static uint64_t finish(struct string_op *s, const struct string_ptr *a, const struct string_ptr *b,
                       bool stop)
{
    if (tcg_faulted(s->tc)) {
        if (!s->done)
            return 0;
        forget_fault(s);
    }
    if (s->done) {
        if (s->tc->tm->icount)
            s->tc->budget -= (int32_t)(s->done - 1);
        commit_register(s, X86_RCX, left(s));
        commit_register(s, a->reg, a->offset);
        if (b)
            commit_register(s, b->reg, b->offset);
    }
    return !stop && left(s) != 0;
}

/* ---- the usual short one ------------------------------------------------------------------------
 *
 * Most repeated moves go upwards, end on the page they begin on, and find the pages in level 1:
 * kernels copy their users' structures so. What they take is looked at once.
 */

static bool is_usual(const struct string_op *s, uint64_t how)
{
    const uint64_t mode = s->tc->mode;
    const bool flat = mode & MODE_CODE64
                          ? s->mask == ~UINT64_C(0) && X86_REP_SEG(how) < X86_FS
                          : mode & MODE_FLAT_DATA && s->mask == 0xffffffff &&
                                (X86_REP_SEG(how) == X86_DS || X86_REP_SEG(how) == X86_ES);
    return flat && !s->down && !s->one && !s->tc->tm->icount &&
           s->count - 1 < (uint64_t)PAGE >> s->w;
}

/* What a register points to, as far as the instruction goes; NULL: not of the usual kind. */
static uint8_t *usual_span(const struct string_op *s, unsigned reg, bool write)
{
    return tcg_known_ptr(s->tc, s->regs->gpr[reg] & s->mask, (unsigned)(s->count << s->w), write,
                         0);
}

static uint64_t usual_done(const struct string_op *s, bool source)
{
    uint64_t *gpr = s->regs->gpr;
    const uint64_t bytes = s->count << s->w;
    if (source)
        gpr[X86_RSI] = (gpr[X86_RSI] + bytes) & s->mask;
    gpr[X86_RDI] = (gpr[X86_RDI] + bytes) & s->mask;
    gpr[X86_RCX] = 0;
    return 0;
}

/* ---- MOVS ---------------------------------------------------------------------------------------
 */

/* Element order matters when the destination lies a short way ahead: a value written is read again.
 */
static void copy_run(const struct string_op *s, uint8_t *d, const uint8_t *f, uint64_t n)
{
    uint64_t bytes = n * s->size;
    uint64_t ahead = s->down ? (uint64_t)(f - d) : (uint64_t)(d - f);
    if (ahead >= bytes || !ahead) {
        memmove(d, f, bytes);
        return;
    }
    if (s->size == 1 && ahead == 1 && !s->down) {
        memset(d, *f, bytes);
        return;
    }
    for (uint64_t k = 0; k < n; k++) {
        uint64_t at = (s->down ? n - 1 - k : k) * s->size;
        store_le(d + at, load_le(f + at, s->size), s->size);
    }
}

uint64_t x86_helper_rep_movs(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct string_op s;
    begin(&s, env, how);
    if (is_usual(&s, how)) {
        const uint8_t *f = usual_span(&s, X86_RSI, false);
        uint8_t *t = f ? usual_span(&s, X86_RDI, true) : NULL;
        if (t) {
            copy_run(&s, t, f, s.count);
            return usual_done(&s, true);
        }
    }
    struct string_ptr from = source(&s, how), to = destination(&s, true);

    while (more_wanted(&s)) {
        uint64_t n = prepare_run(&s, &from, &to);
        if (n) {
            copy_run(&s, to.host, from.host, n);
        } else {
            uint64_t v = load(&s, &from);
            if (!tcg_faulted(s.tc))
                store(&s, &to, v);
            if (tcg_faulted(s.tc))
                break;
            n = 1;
        }
        advance(&s, &from, n);
        advance(&s, &to, n);
        s.done += n;
    }
    return finish(&s, &from, &to, false);
}

/* ---- STOS, LODS
 * ---------------------------------------------------------------------------------- */

static void fill_run(const struct string_op *s, uint8_t *d, uint64_t v, uint64_t n)
{
    uint8_t low = (uint8_t)v;
    uint64_t same = low * UINT64_C(0x0101010101010101);
    if (!((v ^ same) & mask_bits(8 * s->size))) {
        memset(d, low, n * s->size);
        return;
    }
    for (uint64_t k = 0; k < n; k++)
        store_le(d + k * s->size, v, s->size);
}

uint64_t x86_helper_rep_stos(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct string_op s;
    begin(&s, env, how);
    uint64_t v = s.regs->gpr[X86_RAX];
    uint8_t *usual = is_usual(&s, how) ? usual_span(&s, X86_RDI, true) : NULL;
    if (usual) {
        fill_run(&s, usual, v, s.count);
        return usual_done(&s, false);
    }
    struct string_ptr to = destination(&s, true);

    while (more_wanted(&s)) {
        uint64_t n = prepare_run(&s, &to, NULL);
        if (n) {
            fill_run(&s, to.host, v, n);
        } else {
            store(&s, &to, v);
            if (tcg_faulted(s.tc))
                break;
            n = 1;
        }
        advance(&s, &to, n);
        s.done += n;
    }
    return finish(&s, &to, NULL, false);
}

static void put_accumulator(const struct string_op *s, uint64_t v)
{
    uint64_t *rax = &s->regs->gpr[X86_RAX], m = mask_bits(8 * s->size);
    *rax = s->size == 4 ? (uint32_t)v : (*rax & ~m) | (v & m);
}

uint64_t x86_helper_rep_lods(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct string_op s;
    begin(&s, env, how);
    struct string_ptr from = source(&s, how);
    uint64_t v = 0;

    while (more_wanted(&s)) {
        uint64_t n = prepare_run(&s, &from, NULL);
        if (n) { /* plain memory: only the last one shows */
            v = load_le(from.host + (s.down ? 0 : (n - 1) * s.size), s.size);
        } else {
            uint64_t e = load(&s, &from);
            if (tcg_faulted(s.tc))
                break;
            v = e;
            n = 1;
        }
        advance(&s, &from, n);
        s.done += n;
    }
    uint64_t more = finish(&s, &from, NULL, false);
    if (s.done)
        put_accumulator(&s, v);
    return more;
}

/* ---- SCAS, CMPS
 * ---------------------------------------------------------------------------------- */

/* Packed flags of a - b at the operand size. */
static uint32_t compare_flags(const struct string_op *s, uint64_t a, uint64_t b)
{
    unsigned top = 8 * s->size - 1;
    uint64_t m = mask_bits(8 * s->size);
    a &= m;
    b &= m;
    uint64_t r = (a - b) & m;
    return (((a ^ b) & (a ^ r)) >> top & 1 ? IR_FL_OF : 0u) | (a < b ? IR_FL_CF : 0u) |
           (__builtin_parity((unsigned)r & 0xff) ? 0u : (unsigned)IR_FL_PF) |
           ((a ^ b ^ r) & 0x10 ? IR_FL_AF : 0u) | (!r ? IR_FL_ZF : 0u) |
           (r >> top & 1 ? IR_FL_SF : 0u);
}

/* Elements of a run gone through until the condition ends it (included); the last pair compared in
 * v. */
static uint64_t scan_run(const struct string_op *s, const uint8_t *p, uint64_t acc, uint64_t n,
                         uint64_t *v, bool *stop)
{
    uint64_t m = mask_bits(8 * s->size), k = 0;
    acc &= m;
    if (s->size == 1 && s->ne && !s->down) {
        const uint8_t *hit = memchr(p, (int)acc, n);
        *stop = hit != NULL;
        k = hit ? (uint64_t)(hit - p) + 1 : n;
        *v = p[k - 1];
        return k;
    }
    do {
        uint64_t at = (s->down ? n - 1 - k : k) * s->size;
        *v = load_le(p + at, s->size);
        k++;
        *stop = (*v == acc) == s->ne;
    } while (!*stop && k < n);
    return k;
}

uint64_t x86_helper_rep_scas(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct string_op s;
    begin(&s, env, how);
    struct string_ptr at = destination(&s, false);
    uint64_t acc = s.regs->gpr[X86_RAX], v = 0, m = mask_bits(8 * s.size);
    bool stop = false;

    while (!stop && more_wanted(&s)) {
        uint64_t n = prepare_run(&s, &at, NULL);
        if (n) {
            n = scan_run(&s, at.host, acc, n, &v, &stop);
        } else {
            uint64_t e = load(&s, &at);
            if (tcg_faulted(s.tc))
                break;
            v = e;
            stop = (v == (acc & m)) == s.ne;
            n = 1;
        }
        advance(&s, &at, n);
        s.done += n;
    }
    uint64_t more = finish(&s, &at, NULL, stop);
    /* The flags come with the end: a fault on the way leaves those from before. */
    if (s.done && !more)
        s.tc->fl = compare_flags(&s, acc, v);
    return more;
}

static uint64_t compare_run(const struct string_op *s, const uint8_t *a, const uint8_t *b,
                            uint64_t n, uint64_t v[2], bool *stop)
{
    uint64_t k = 0;
    /* REPE upwards: whole words while they are equal */
    if (!s->ne && !s->down)
        while ((n - k) * s->size > 8 && load_le64(a + k * s->size) == load_le64(b + k * s->size))
            k += 8 / s->size;
    do {
        uint64_t at = (s->down ? n - 1 - k : k) * s->size;
        v[0] = load_le(a + at, s->size);
        v[1] = load_le(b + at, s->size);
        k++;
        *stop = (v[0] == v[1]) == s->ne;
    } while (!*stop && k < n);
    return k;
}

uint64_t x86_helper_rep_cmps(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct string_op s;
    begin(&s, env, how);
    struct string_ptr x = source(&s, how), y = destination(&s, false);
    uint64_t v[2] = {0, 0};
    bool stop = false;

    while (!stop && more_wanted(&s)) {
        uint64_t n = prepare_run(&s, &x, &y);
        if (n) {
            n = compare_run(&s, x.host, y.host, n, v, &stop);
        } else {
            uint64_t e = load(&s, &x), f = tcg_faulted(s.tc) ? 0 : load(&s, &y);
            if (tcg_faulted(s.tc))
                break;
            v[0] = e;
            v[1] = f;
            stop = (e == f) == s.ne;
            n = 1;
        }
        advance(&s, &x, n);
        advance(&s, &y, n);
        s.done += n;
    }
    uint64_t more = finish(&s, &x, &y, stop);
    if (s.done && !more)
        s.tc->fl = compare_flags(&s, v[0], v[1]);
    return more;
}
