/*
 * Guest memory and port accesses from C: the slow path of compiled code, the interpreter, and
 * helpers.
 *
 * A fault sets tc->status and returns. An access that must not complete inside a running block (a
 * store into translated code, a watchpoint, an atomic that needs the machine to itself) sets
 * TCG_REEXECUTE unless the block is a re-executed single instruction.
 */
#include <string.h>

#include "core/util/range.h"
#include "tcg/host_fp.h"
#include "tcg/icount.h"
#include "tcg/inject.h"
#include "tcg/machine.h"
#include "tcg/mmu/host_atomic.h"
#include "tcg/mmu/refill.h"
#include "tcg/mmu/tables.h"
#include "tcg/mmu/tlb.h"

static void io_begin(struct tcg_cpu *tc)
{
    tcg_spin_ends(&tc->spin);
    tc->counters.io_accesses++;
    if (tc->tm->icount)
        icount_show(tc);
    host_fp_leave_code(tc);
}

static void io_end(struct tcg_cpu *tc)
{
    host_fp_enter_code(tc);
    /* Counted: an event that it brought about, or a request to stop, is due before what follows. */
    if (tc->tm->icount)
        __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
    /* The access may have changed the memory map: this vCPU sees that at once. */
    if (__atomic_load_n((uint32_t *)&tc->requests, __ATOMIC_RELAXED) & TCG_REQUEST_FLUSH)
        tlb_flush_all(tc);
}

static uint64_t io_load(struct tcg_cpu *tc, uint64_t paddr, unsigned size)
{
    uint64_t value = 0;
    io_begin(tc);
    mem_read(tc->memory, paddr, size, &value);
    io_end(tc);
    return value;
}

static void io_store(struct tcg_cpu *tc, uint64_t paddr, unsigned size, uint64_t value)
{
    io_begin(tc);
    mem_write(tc->memory, paddr, size, value);
    io_end(tc);
}

uint64_t tcg_in(struct tcg_cpu *tc, uint16_t port, unsigned size)
{
    uint64_t value = 0;
    io_begin(tc);
    mem_read(tc->vcpu->machine->io, port, size, &value);
    io_end(tc);
    return value & mask_bits(8 * size);
}

void tcg_out(struct tcg_cpu *tc, uint16_t port, unsigned size, uint64_t value)
{
    io_begin(tc);
    mem_write(tc->vcpu->machine->io, port, size, value & mask_bits(8 * size));
    io_end(tc);
}

/* What the fast table knows of plain RAM within a page, or NULL. */
static uint8_t *fast_host(const struct tcg_ctx *ctx, uint64_t addr, unsigned size, bool write)
{
    const struct tlb_fast *f = (write ? ctx->wr : ctx->rd) + tlb_index(addr);
    if (f->tag != ((addr + size - 1) & ~(MEM_PAGE_SIZE - 1)))
        return NULL;
    return (uint8_t *)(uintptr_t)(addr + f->addend); /* NOLINT: guest to host address */
}

/* Leave the block and run this instruction alone; true when it already does. */
static bool must_be_single(struct tcg_cpu *tc)
{
    if (tc->single_insn)
        return true;
    tc->status = TCG_REEXECUTE;
    return false;
}

/* May the access reach a device now? With counted time only from an instruction that ends its
 * block. */
static bool io_allowed(struct tcg_cpu *tc)
{
    return !tc->tm->icount || !tc->in_block || must_be_single(tc);
}

static bool check_watch(struct tcg_cpu *tc, uint64_t addr, unsigned size, bool write)
{
    struct tcg_mmu *mmu = tc->mmu;
    for (unsigned n = 0; n < mmu->watch_count; n++) {
        struct tcg_watch *w = &mmu->watches[n];
        if ((write ? w->on_write : w->on_read) && range_overlaps(addr, size, w->addr, w->len)) {
            if (!must_be_single(tc))
                return false;
            if (w->guest_dr && tc->arch->watch_hit)
                tc->arch->watch_hit(tc, w->guest_dr - 1u, addr, write);
            else
                tc->watch_hit = w;
        }
    }
    return !tcg_faulted(tc);
}

/* By the view that the TLB's entries are of. */
static struct ram_block *ram_of(struct tcg_cpu *tc, uint64_t paddr, uint64_t *offset)
{
    const struct tlb_ram *range = tlb_ram_at(tc, paddr);
    if (!range)
        return NULL;
    *offset = range->offset + (paddr - range->start);
    return range->ram;
}

/* A store to RAM whose tag has flags: code. All within one page. */
static void flagged_store(struct tcg_cpu *tc, struct tlb_entry *e, uint64_t addr, const void *data,
                          unsigned size)
{
    void *host = (void *)(uintptr_t)(addr + e->addend); /* NOLINT: guest to host address */
    struct tcg_machine *tm = tc->tm;
    uint64_t offset;
    struct ram_block *ram = ram_of(tc, tlb_physical(e, addr), &offset);
    if (!ram)
        return; /* the map changed under us; a real bus would have dropped it too */
    if (!(e->write & TLB_CODE)) {
        ram_store(host, data, size);
        return;
    }
    /* Under the lock nobody is reading these bytes for a translation. */
    pthread_mutex_lock(&tm->code_lock);
    struct tcg_page *page = cache_page(ram, offset);
    if (page && page->table)
        tables_written(tm, page, offset, size);
    if (!page || (!page->lines && !page->table)) {
        if (page)
            __atomic_store_n(&page->code, false, __ATOMIC_SEQ_CST); /* data again */
        ram_store(host, data, size);
    } else {
        /* What this block is made of changes with the next instruction: it must end here. */
        enum cache_hit hit = cache_hits(tc, page, offset, size);
        if (hit != CACHE_HIT_RUNNING || must_be_single(tc)) {
            ram_store(host, data, size);
            if (hit != CACHE_MISS)
                cache_invalidate(tm, ram, offset, size);
        }
    }
    pthread_mutex_unlock(&tm->code_lock);
}

/* One access within a page. */
static uint64_t load_in_page(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t addr, unsigned size)
{
    struct tlb_entry *e = tlb_lookup(tc, ctx, addr, TCG_READ);
    if (!e)
        return 0;
    if ((e->read & TLB_WATCH) && !check_watch(tc, addr, size, false))
        return 0;
    if (e->read & TLB_IO)
        return !io_allowed(tc) ? 0 : io_load(tc, tlb_physical(e, addr), size);
    return ram_load((void *)(uintptr_t)(addr + e->addend), size); /* NOLINT */
}

static void store_in_page(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t addr, unsigned size,
                          uint64_t value)
{
    struct tlb_entry *e = tlb_lookup(tc, ctx, addr, TCG_WRITE);
    if (!e)
        return;
    if ((e->write & TLB_WATCH) && !check_watch(tc, addr, size, true))
        return;
    if (e->write & TLB_IO) {
        if (io_allowed(tc))
            io_store(tc, tlb_physical(e, addr), size, value);
    } else if (e->write & TLB_FLAGS)
        flagged_store(tc, e, addr, &value, size);
    else
        ram_store((void *)(uintptr_t)(addr + e->addend), &value, size); /* NOLINT */
}

/* May a store from addr to the end of the page, or to `end`, not complete in this block? */
static bool ends_block(struct tcg_cpu *tc, const struct tlb_entry *e, uint64_t addr, uint64_t end)
{
    uint64_t offset, room = MEM_PAGE_SIZE - (addr & (MEM_PAGE_SIZE - 1));
    struct ram_block *ram = ram_of(tc, tlb_physical(e, addr), &offset);
    if ((e->write & TLB_WATCH) || !ram)
        return true;
    pthread_mutex_lock(&tc->tm->code_lock);
    const struct tcg_page *page = cache_page(ram, offset);
    bool hit = page && cache_hits(tc, page, offset, MIN(end - addr, room)) == CACHE_HIT_RUNNING;
    pthread_mutex_unlock(&tc->tm->code_lock);
    return hit;
}

static bool crosses_page(uint64_t addr, unsigned size)
{
    return (addr & (MEM_PAGE_SIZE - 1)) + size > MEM_PAGE_SIZE;
}

static bool misaligned(struct tcg_cpu *tc, uint64_t addr, unsigned size, unsigned attr, bool write)
{
    if ((attr & IR_MEM_ALIGN) && (addr & (size - 1))) {
        tc->arch->raise_alignment(tc, addr, write);
        return true;
    }
    return false;
}

uint64_t tcg_load(struct tcg_cpu *tc, uint64_t addr, unsigned size, unsigned attr)
{
    struct tcg_ctx *ctx = tcg_ctx_for_attr(tc, attr);
    /* A read that a write follows must be writable: it goes by the stores' table. */
    const void *host = fast_host(ctx, addr, size, attr & IR_MEM_RMW);
    uint64_t v = 0;

    if (misaligned(tc, addr, size, attr, attr & IR_MEM_RMW))
        return 0;
    if (host)
        return ram_load(host, size);
    if (tc->tm->inject)
        inject_at_access(tc);
    host = tlb_refill(tc, ctx, addr, size, attr & IR_MEM_RMW ? TCG_WRITE : TCG_READ);
    if (host)
        return ram_load(host, size);
    tc->counters.tlb_slow++;
    if ((attr & IR_MEM_RMW) && !tcg_probe(tc, addr, size, TCG_WRITE, attr))
        return 0;
    if (!crosses_page(addr, size))
        return load_in_page(tc, ctx, addr, size);
    /* Both pages must be readable before a device on the first is touched. */
    if (!tcg_probe(tc, addr, size, TCG_READ, attr))
        return 0;
    for (unsigned n = 0; n < size; n++) {
        uint64_t byte = load_in_page(tc, ctx, addr + n, 1);
        if (tcg_faulted(tc))
            return 0;
        v |= (byte & 0xff) << (8 * n);
    }
    return v;
}

void tcg_store(struct tcg_cpu *tc, uint64_t addr, unsigned size, uint64_t value, unsigned attr)
{
    struct tcg_ctx *ctx = tcg_ctx_for_attr(tc, attr);
    void *host = fast_host(ctx, addr, size, true);

    if (misaligned(tc, addr, size, attr, true))
        return;
    if (host) {
        ram_store(host, &value, size);
        return;
    }
    if (tc->tm->inject)
        inject_at_access(tc);
    host = tlb_refill(tc, ctx, addr, size, TCG_WRITE);
    if (host) {
        ram_store(host, &value, size);
        return;
    }
    tc->counters.tlb_slow++;
    if (!crosses_page(addr, size)) {
        store_in_page(tc, ctx, addr, size, value);
        return;
    }
    uint8_t bytes[8];
    memcpy(bytes, &value, 8);
    tcg_store_bytes(tc, addr, bytes, size, attr);
}

bool tcg_probe(struct tcg_cpu *tc, uint64_t addr, unsigned len, enum tcg_access access,
               unsigned attr)
{
    struct tcg_ctx *ctx = tcg_ctx_for_attr(tc, attr);
    uint64_t last = addr + len - 1;
    /* An address range that leaves the canonical half faults as such before any page does. */
    if ((~addr & last) >> 47 & 1 && !tlb_lookup(tc, ctx, align_down(last, MEM_PAGE_SIZE), access))
        return false;
    for (uint64_t page = align_down(addr, MEM_PAGE_SIZE);; page += MEM_PAGE_SIZE) {
        const bool known = access != TCG_FETCH && fast_host(ctx, page, 1, access == TCG_WRITE);
        if (!known &&
            !tlb_lookup(tc, ctx, page == align_down(addr, MEM_PAGE_SIZE) ? addr : page, access))
            return false;
        if (page == align_down(last, MEM_PAGE_SIZE))
            return true;
    }
}

/* The largest access of up to 8 bytes that does not go beyond len. */
static unsigned piece_of(unsigned len)
{
    return len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1;
}

static void copy_from_ram(uint8_t *out, const uint8_t *host, unsigned len)
{
    while (len) {
        const unsigned n = piece_of(len);
        const uint64_t v = ram_load(host, n);
        memcpy(out, &v, n);
        out += n;
        host += n;
        len -= n;
    }
}

static void copy_to_ram(uint8_t *host, const uint8_t *in, unsigned len)
{
    while (len) {
        const unsigned n = piece_of(len);
        ram_store(host, in, n);
        in += n;
        host += n;
        len -= n;
    }
}

void tcg_load_bytes(struct tcg_cpu *tc, uint64_t addr, void *buf, unsigned len, unsigned attr)
{
    uint8_t *out = buf;
    if (misaligned(tc, addr, len, attr, false))
        return;
    const uint8_t *host = fast_host(tcg_ctx_for_attr(tc, attr), addr, len, attr & IR_MEM_RMW);
    if (host) {
        copy_from_ram(out, host, len);
        return;
    }
    if (crosses_page(addr, len) && !tcg_probe(tc, addr, len, TCG_READ, attr))
        return;
    while (len && !tcg_faulted(tc)) {
        const unsigned n = piece_of(len);
        uint64_t v = tcg_load(tc, addr, n, attr & ~(unsigned)IR_MEM_ALIGN);
        memcpy(out, &v, n);
        out += n;
        addr += n;
        len -= n;
    }
}

void tcg_store_bytes(struct tcg_cpu *tc, uint64_t addr, const void *buf, unsigned len,
                     unsigned attr)
{
    const uint8_t *in = buf;
    struct tcg_ctx *ctx = tcg_ctx_for_attr(tc, attr);
    if (misaligned(tc, addr, len, attr, true))
        return;
    uint8_t *host = fast_host(ctx, addr, len, true);
    if (host) {
        copy_to_ram(host, in, len);
        return;
    }
    if (!tcg_probe(tc, addr, len, TCG_WRITE, attr))
        return;
    /* A part that must run alone says so before anything is written. */
    const uint64_t end = addr + len;
    for (uint64_t p = addr;;) {
        struct tlb_entry *e = tlb_lookup(tc, ctx, p, TCG_WRITE);
        if (!e)
            return;
        if ((e->write & (TLB_CODE | TLB_WATCH)) && ends_block(tc, e, p, end) && !must_be_single(tc))
            return;
        if (align_down(p, MEM_PAGE_SIZE) == align_down(addr + len - 1, MEM_PAGE_SIZE))
            break;
        p = align_down(p, MEM_PAGE_SIZE) + MEM_PAGE_SIZE;
    }
    while (len) {
        const uint64_t room = MEM_PAGE_SIZE - (addr & (MEM_PAGE_SIZE - 1));
        unsigned n = (unsigned)MIN(len, room);
        if ((host = fast_host(ctx, addr, n, true)) != NULL) {
            copy_to_ram(host, in, n);
        } else {
            uint64_t v = 0;
            n = piece_of(n);
            memcpy(&v, in, n);
            store_in_page(tc, ctx, addr, n, v);
        }
        in += n;
        addr += n;
        len -= n;
    }
}

void *tcg_host_ptr(struct tcg_cpu *tc, uint64_t addr, enum tcg_access access, unsigned attr)
{
    struct tcg_ctx *ctx = tcg_ctx_for_attr(tc, attr);
    void *known = access == TCG_FETCH ? NULL : fast_host(ctx, addr, 1, access == TCG_WRITE);
    if (known)
        return known;
    struct tlb_entry *e = tlb_lookup(tc, ctx, addr, access);
    if (!e || ((access == TCG_WRITE ? e->write : e->read) & TLB_FLAGS))
        return NULL;
    return (void *)(uintptr_t)(addr + e->addend); /* NOLINT */
}

void *tcg_known_ptr(struct tcg_cpu *tc, uint64_t addr, unsigned len, bool write, unsigned attr)
{
    return fast_host(tcg_ctx_for_attr(tc, attr), addr, len, write);
}

static uint64_t combine(enum tcg_atomic op, uint64_t old, uint64_t value, uint64_t expected,
                        unsigned size)
{
    switch (op) {
    case TCG_XCHG:
        return value;
    case TCG_ADD:
        return old + value;
    case TCG_AND:
        return old & value;
    case TCG_OR:
        return old | value;
    case TCG_XOR:
        return old ^ value;
    case TCG_ADC:
        return old + value + (expected & 1);
    case TCG_SBB:
        return old - value - (expected & 1);
    case TCG_NEG:
        return 0 - old;
    default:
        return (old ^ expected) & mask_bits(8 * size) ? old : value;
    }
}

/* Plain RAM for an atomic, or NULL: faulted, or (*plain_ok) to be done by load and store, alone. */
static void *atomic_host(struct tcg_cpu *tc, uint64_t addr, unsigned size, unsigned attr,
                         bool *alone)
{
    *alone = false;
    if (misaligned(tc, addr, size, attr, true))
        return NULL;
    void *known = fast_host(tcg_ctx_for_attr(tc, attr), addr, size, true);
    if (known && host_atomic_covers(known, size))
        return known;
    if (!tcg_probe(tc, addr, size, TCG_WRITE, attr))
        return NULL;
    if (!crosses_page(addr, size)) {
        void *host = tcg_host_ptr(tc, addr, TCG_WRITE, attr);
        if (host && host_atomic_covers(host, size))
            return host;
    }
    if (tc->tm->parallel && !tc->exclusive_insn) {
        tc->want_exclusive = true;
        tc->status = TCG_REEXECUTE;
        return NULL;
    }
    *alone = true;
    return NULL;
}

uint64_t tcg_atomic(struct tcg_cpu *tc, uint64_t addr, unsigned size, enum tcg_atomic op,
                    uint64_t value, uint64_t expected, unsigned attr)
{
    bool alone;
    uint64_t old = 0;
    void *host = atomic_host(tc, addr, size, attr, &alone);
    if (host) {
        old = ram_load(host, size);
        while (!host_cmpxchg(host, size, &old, combine(op, old, value, expected, size)))
            ;
        return old;
    }
    if (!alone)
        return 0;
    old = tcg_load(tc, addr, size, attr);
    if (!tcg_faulted(tc))
        tcg_store(tc, addr, size, combine(op, old, value, expected, size), attr);
    return old;
}

bool tcg_cmpxchg16(struct tcg_cpu *tc, uint64_t addr, uint64_t io[2], const uint64_t desired[2],
                   unsigned attr)
{
    bool alone;
    void *host = atomic_host(tc, addr, 16, attr, &alone);
    if (host)
        return host_cmpxchg16(host, io, desired);
    if (!alone)
        return false;
    uint64_t old[2];
    tcg_load_bytes(tc, addr, old, 16, attr);
    if (tcg_faulted(tc))
        return false;
    const bool ok = old[0] == io[0] && old[1] == io[1];
    tcg_store_bytes(tc, addr, ok ? desired : old, 16, attr);
    memcpy(io, old, 16);
    return ok;
}
