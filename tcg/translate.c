/*
 * From the PC of a vCPU to a block. A page becomes code in an exclusive section (every vCPU's TLB
 * then sends stores to it the slow way), and only then are its bytes read, under code_lock: stores
 * by vCPUs and DMA take that lock before or after they touch a code page, so what is inserted is
 * what is in memory.
 */
#include "tcg/translate.h"

#include <string.h>
#include <time.h>

#include "core/util/range.h"
#include "tcg/disas.h"
#include "tcg/inject.h"
#include "tcg/mmu/tlb.h"
#include "tcg/perfmap.h"
#include "tcg/saved/saved.h"

bool tcg_find_code(struct tcg_cpu *tc, uint64_t vaddr, struct code_place *out)
{
    struct tlb_entry *e = tlb_lookup(tc, tc->ctx, vaddr, TCG_FETCH);
    if (!e)
        return false;
    out->ram = NULL;
    out->paddr = tlb_physical(e, vaddr);
    if (!(e->info & (TLB_INFO_RAM | TLB_INFO_ROM)))
        return true;
    const struct tlb_ram *range = tlb_ram_at(tc, out->paddr);
    if (range) {
        out->ram = range->ram;
        out->offset = range->offset + (out->paddr - range->start);
    }
    return true;
}

struct tcg_page *tcg_protect_page(struct tcg_cpu *tc, const struct code_place *place)
{
    struct tcg_machine *tm = tc->tm;
    struct tcg_page *page = cache_page_make(tm, place->ram, place->offset);
    if (!page || page->code)
        return page;
    pthread_mutex_unlock(&tm->code_lock);
    if (tm->parallel)
        tcg_exclusive_begin(tm, tc);
    pthread_mutex_lock(&tm->code_lock);
    if (!page->code) {
        const uint8_t *host = place->ram->host + align_down(place->offset, MEM_PAGE_SIZE);
        (void)__atomic_exchange_n(&page->code, true, __ATOMIC_SEQ_CST);
        for (unsigned n = 0; n < tm->m->vcpu_count; n++)
            tlb_protect_host_page(tcg_cpu_of_vcpu(tm->m->vcpus[n]), host);
    }
    if (tm->parallel)
        tcg_exclusive_end(tm, tc);
    return page;
}

/* What tcg_translation is for the front end, plus what the core keeps for fetching. */
struct translation {
    struct tcg_translation t;
    struct code_place second;
    bool second_wanted; /* the second page must be protected, or read from the bus, first: start
                           over */
    struct tcg_page *page2;
};

bool tcg_fetch_next_page(struct tcg_translation *t)
{
    struct translation *x = container_of(t, struct translation, t);
    struct tcg_cpu *tc = t->tc;
    if (t->page2)
        return true;
    uint64_t vaddr = tc->arch->code_address(tc, t->pc);
    uint64_t next = align_down(vaddr, MEM_PAGE_SIZE) + MEM_PAGE_SIZE;
    if (!tcg_find_code(tc, next & tc->arch->code_mask(tc), &x->second)) {
        if (t->ir->guest_insns) /* the fault is the next block's, if control gets there */
            tc->status = TCG_OK;
        return false;
    }
    if (!x->second.ram) {
        if (t->ir->guest_insns)
            return false;
        if (tc->fetch_second != x->second.paddr) {
            x->second_wanted = true;
            return false;
        }
        t->page2 = tc->fetch_buffer;
        return true;
    }
    x->page2 = cache_page(x->second.ram, x->second.offset);
    if (!x->page2 || !x->page2->code) {
        x->second_wanted = true;
        return false;
    }
    t->page2 = x->second.ram->host + align_down(x->second.offset, MEM_PAGE_SIZE);
    return true;
}

/* -d in_asm: the guest code of a region that was just translated. */
static void log_code(struct tcg_cpu *tc, const struct translation *x, uint64_t mode, uint64_t pc)
{
    struct tcg_machine *tm = tc->tm;
    struct log *log = &tm->m->log;
    unsigned bits = tm->arch->code_bits(mode);
    uint64_t address = tm->arch->code_address(tc, pc);
    uint32_t offset = x->t.page_offset, first = MIN(x->t.len, (uint32_t)MEM_PAGE_SIZE - offset);
    uint8_t code[MEM_PAGE_SIZE + sizeof tc->fetch_buffer];

    if (!tm->disas)
        tm->disas = disas_open();
    memcpy(code, x->t.page + offset, first);
    if (x->t.page2)
        memcpy(code + first, x->t.page2, MIN(x->t.len - first, sizeof tc->fetch_buffer));
    log_write(log, LOG_IN_ASM,
              "IN: cpu %u pc 0x%llx mode 0x%llx (%u-bit): %u instructions, %u bytes",
              tc->vcpu->index, (unsigned long long)pc, (unsigned long long)mode, bits,
              tm->region->guest_insns, x->t.len);
    disas_code(tm->disas, log, LOG_IN_ASM, tm->arch->cpu, bits, address, code, x->t.len,
               tm->arch->format_insn);
}

/* Which bytes the block was made from, and what is to be checked at its entry. */
static void describe_parts(struct tcg_machine *tm, struct tcg_block *b, struct tcg_page *page2)
{
    uint32_t end = (uint32_t)b->offset + b->len;
    block_part(b, 0)->lo = b->offset & 0x1fff;
    block_part(b, 0)->hi = MIN(end, (uint32_t)MEM_PAGE_SIZE) & 0x1fff;
    if (!page2)
        return;
    block_part(b, 1)->hi = (end - (uint32_t)MEM_PAGE_SIZE) & 0x1fff;
    block_part(b, 1)->page = 1;
    *block_guard(b, 0) =
        (struct tcg_guard){.page = page2, .delta = 1, .id = ++tm->cache.next_link_id};
}

/* The bytes that were translated. */
static bool make_origin(struct tcg_machine *tm, struct tcg_block *b, const struct translation *x)
{
    const struct tcg_part *part = block_part(b, 0);
    uint32_t first = (uint32_t)(part->hi - part->lo);
    if (!tm->keep_origins || x->t.single || !x->t.len || (b->part_count == 1 && first != x->t.len))
        return true;
    if (!cache_origin(tm, b))
        return false;
    uint8_t *bytes = cache_origin_of(&tm->cache, b)->bytes;
    memcpy(bytes, x->t.page + x->t.page_offset, first);
    if (b->part_count > 1)
        memcpy(bytes + first, x->t.page2, x->t.len - first);
    return true;
}

static struct tcg_block *make_block(struct tcg_cpu *tc, const struct translation *x,
                                    struct tcg_page *page, uint32_t offset, uint64_t mode,
                                    uint64_t pc, bool *too_big)
{
    struct tcg_machine *tm = tc->tm;
    struct ir_region *r = tm->region;
    char why[160];

    ir_finish(r);
    if (tm->verify && !ir_verify(r, why, sizeof why)) {
        tcg_internal_error(tc, "the translation of the code at 0x%llx is not valid: %s",
                           (unsigned long long)pc, why);
        return NULL;
    }
    const struct block_shape shape = {.exits = r->exit_count,
                                      .crossings = r->cross_count,
                                      .guards = page && x->page2,
                                      .parts = page ? x->page2 ? 2 : 1 : 0};
    struct tcg_block *b = cache_block(tm, &shape);
    if (!b)
        return NULL;
    b->page = page;
    b->tier = 1;
    b->offset = (uint16_t)offset;
    b->len = (uint16_t)x->t.len;
    b->mode = mode;
    b->guest_insns = b->longest = (uint16_t)r->guest_insns;
    b->ends = x->t.ends & 7;
    block_describe_exits(b, r, &tm->cache.next_link_id);
    if (page)
        describe_parts(tm, b, x->page2);
    if (page && !make_origin(tm, b, x))
        return NULL;
    if (log_enabled(&tm->m->log, LOG_IN_ASM))
        log_code(tc, x, mode, pc);
    tcg_log_region(tm, r, r->guest_pc);
    enum tcg_compiled done = tm->backend->compile(tm, b, r);
    *too_big = done == TCG_TOO_BIG;
    if (done != TCG_COMPILED)
        return NULL;
    if (log_enabled(&tm->m->log, LOG_OUT_ASM) && tm->backend->disassemble)
        tm->backend->disassemble(tm, b);
    if (tm->perfmap)
        perfmap_block(tm, b, pc);
    return b;
}

uint64_t tcg_thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What reading the clock twice takes by itself: a good part of what a small block does. */
static uint64_t reading_ns(void)
{
    uint64_t least = UINT64_MAX;
    for (unsigned k = 0; k < 100; k++) {
        uint64_t t = tcg_thread_ns();
        least = MIN(least, tcg_thread_ns() - t);
    }
    return least;
}

uint64_t tcg_ns_since(struct tcg_machine *tm, uint64_t from)
{
    uint64_t ns = tcg_thread_ns() - from;
    if (!tm->reading_ns)
        tm->reading_ns = reading_ns();
    return ns > tm->reading_ns ? ns - tm->reading_ns : 0;
}

/* code_lock held. NULL: *full: out of code memory; *wanted: `second` must be made available first;
 * or status is set. */
static struct tcg_block *translate(struct tcg_cpu *tc, const struct code_place *place,
                                   struct tcg_page *page, uint64_t pc, uint64_t mode, bool single,
                                   bool *full, struct code_place *second, bool *wanted)
{
    struct tcg_machine *tm = tc->tm;
    uint64_t from = tm->count ? tcg_thread_ns() : 0;
    uint32_t offset = (uint32_t)(place->paddr & (MEM_PAGE_SIZE - 1));
    struct translation x = {
        .t = {.tc = tc,
              .ir = tm->region,
              .pc = pc,
              .mode = mode & ~(TCG_MODE_SINGLE | TCG_MODE_ALIAS | TCG_MODE_EXACT),
              .page_offset = offset,
              .max_insns = single ? 1 : tm->max_insns,
              .single = single},
    };
    struct tcg_block *b;

    if (tm->inject)
        x.t.max_insns = inject_insns(tc, x.t.max_insns);
    x.t.page =
        place->ram ? place->ram->host + align_down(place->offset, MEM_PAGE_SIZE) : tc->fetch_page;
    do {
        bool too_big = false;
        ir_region_init(tm->region, tm->ir_storage, tm->arch->slots, tm->arch->slot_count,
                       tm->arch->helpers, tm->arch->helper_count);
        tm->region->guest_pc = pc;
        tm->region->single = single;
        x.t.len = 0;
        x.t.ends = TCG_ENDS_OTHER;
        tm->arch->translate(&x.t);
        if (x.second_wanted) {
            *second = x.second;
            *wanted = true;
            return NULL;
        }
        if (tcg_faulted(tc))
            return NULL;
        b = NULL;
        if (!tm->region->overflow)
            b = make_block(tc, &x, page, offset, mode, pc, &too_big);
        if (b || tcg_faulted(tc))
            break;
        if (!tm->region->overflow && !too_big) {
            *full = true;
            return NULL;
        }
        if (x.t.max_insns == 1) {
            tcg_internal_error(
                tc, "the instruction at 0x%llx is over a limit of the %s back end (%s)",
                (unsigned long long)pc, tm->backend->name, too_big ? tm->compile_limit : "IR size");
            return NULL;
        }
        log_msg(&tm->m->log, LOG_OUT_ASM,
                "region at 0x%llx with %u instructions: over a limit (%s), trying fewer",
                (unsigned long long)pc, tm->region->guest_insns,
                too_big ? tm->compile_limit : "IR size");
        x.t.max_insns = tm->region->guest_insns > 1 ? tm->region->guest_insns / 2 : 1;
    } while (true);
    if (!b)
        return NULL;
    if (page)
        cache_insert(tm, b);
    tm->counters.blocks++;
    tm->counters.guest_insns += b->guest_insns;
    tm->counters.guest_bytes += b->len;
    tm->counters.host_bytes += b->code_size;
    tm->counters.ir_insns += tm->region->count;
    if (tm->count)
        tm->counters.translate_ns += tcg_ns_since(tm, from);
    return b;
}

static void log_line(void *opaque, const char *text)
{
    struct tcg_machine *tm = opaque;
    log_write(&tm->m->log, LOG_IR, "%s", text);
}

void tcg_log_region(struct tcg_machine *tm, const struct ir_region *r, uint64_t pc)
{
    if (!log_enabled(&tm->m->log, LOG_IR))
        return;
    log_write(&tm->m->log, LOG_IR, "IR 0x%llx: %u instructions", (unsigned long long)pc,
              r->guest_insns);
    ir_print(r, log_line, tm);
}

void tcg_flush_code(struct tcg_cpu *tc)
{
    struct tcg_machine *tm = tc->tm;
    tcg_exclusive_begin(tm, tc);
    pthread_mutex_lock(&tm->code_lock);
    cache_flush(tm);
    pthread_mutex_unlock(&tm->code_lock);
    tcg_exclusive_end(tm, tc);
}

/* The block is right for this context: the pages it goes on to are those it was made from. Notes
 * that they were checked. */
static bool guards_ok(struct tcg_cpu *tc, const struct tcg_block *b, uint64_t vaddr)
{
    for (unsigned n = 0; n < b->guard_count; n++) {
        const struct tcg_guard *guard = block_guard(b, n);
        struct code_place place;
        uint64_t alias, there_alias;
        uint64_t there = align_down(vaddr, MEM_PAGE_SIZE) +
                         (uint64_t)((int64_t)guard->delta * (int64_t)MEM_PAGE_SIZE);
        there &= tc->arch->code_mask(tc);
        if (link_holds(tc->ctx, guard->id))
            continue;
        if (!tcg_find_code(tc, there, &place)) {
            if (b->tier == 2) /* control may never get there: no fault of the guest's */
                tc->status = TCG_OK;
            return false;
        }
        if (!place.ram || cache_page(place.ram, place.offset) != guard->page)
            return false;
        if (!tlb_note_way(tc, tc->ctx, vaddr, there, &alias, &there_alias) ||
            alias != (b->mode & TCG_MODE_ALIAS))
            return false;
        exec_link(tc->ctx, guard->id, vaddr, there);
    }
    return true;
}

static struct tcg_block *find(struct tcg_cpu *tc, const struct code_place *place, uint64_t vaddr,
                              uint64_t mode)
{
    struct tcg_page *page = place->ram ? cache_page(place->ram, place->offset) : NULL;
    uint32_t offset = (uint32_t)(place->paddr & (MEM_PAGE_SIZE - 1));
    struct tcg_block *b = page ? cache_find(tc->tm, page, offset, mode, NULL) : NULL;
    while (b && b->guard_count && !guards_ok(tc, b, vaddr)) {
        if (tcg_faulted(tc))
            return NULL;
        b = cache_find(tc->tm, page, offset, mode, b);
    }
    return b;
}

/* Code that is not in RAM or ROM is read from the bus, for one use. Devices take the machine lock:
 * not under code_lock. */
static void read_bus_code(struct tcg_cpu *tc, uint64_t paddr, uint8_t *out, unsigned room)
{
    for (unsigned n = 0; n < 16 && n < room; n++) {
        uint64_t v = 0;
        mem_read(tc->memory, paddr + n, 1, &v);
        out[n] = (uint8_t)v;
    }
}

/* A block for the place, made if nobody was faster. NULL: try again, or status is set. */
static struct tcg_block *find_or_translate(struct tcg_cpu *tc, const struct code_place *place,
                                           uint64_t pc, uint64_t vaddr, uint64_t mode, bool single)
{
    struct tcg_machine *tm = tc->tm;
    struct tcg_page *page = NULL;
    struct tcg_block *b = NULL;
    struct code_place second;
    bool full = false, wanted = false;

    if (!place->ram) {
        uint32_t offset = (uint32_t)(place->paddr & (MEM_PAGE_SIZE - 1));
        read_bus_code(tc, place->paddr, tc->fetch_page + offset,
                      (unsigned)(MEM_PAGE_SIZE - offset));
    }
    pthread_mutex_lock(&tm->code_lock);
    if (place->ram) {
        page = tcg_protect_page(tc, place);
        if (!page || !page->code) {
            pthread_mutex_unlock(&tm->code_lock);
            if (!page)
                tcg_internal_error(tc, "no memory for the record of a code page");
            return NULL;
        }
        if (tm->parallel) /* else nobody can have been faster */
            b = find(tc, place, vaddr, mode);
    }
    struct saved_want want = {.place = place, .page = page, .pc = pc, .vaddr = vaddr, .mode = mode};
    bool saved = page && !single && saved_asked(tm), again = false;
    if (!b && !tcg_faulted(tc) && saved)
        b = saved_block(tc, &want, &again);
    if (!b && !again && !tcg_faulted(tc)) {
        b = translate(tc, place, page, pc, mode, single || !place->ram, &full, &second, &wanted);
        if (wanted && second.ram)
            tcg_protect_page(tc, &second);
    }
    if (b && saved && b->tier == 1)
        b = saved_region(tc, &want, b);
    pthread_mutex_unlock(&tm->code_lock);
    if (wanted && !second.ram) {
        read_bus_code(tc, second.paddr, tc->fetch_buffer, sizeof tc->fetch_buffer);
        tc->fetch_second = second.paddr;
    }
    if (!b && full)
        tcg_flush_code(tc);
    if (b && b->guard_count && !guards_ok(tc, b, vaddr))
        return NULL;
    return b;
}

struct tcg_block *tcg_lookup(struct tcg_cpu *tc, uint64_t kind)
{
    uint64_t pc = tc->arch->get_pc(tc), vaddr = tc->arch->code_address(tc, pc);
    uint64_t mode = tc->mode | kind;
    struct code_place place;
    uint64_t alias;

    tc->counters.lookups++;
    struct tcg_page *page = tlb_code_page(tc, tc->ctx, vaddr);
    tc->fetch_second = ~UINT64_C(0);
    if (page && tlb_note_code(tc, tc->ctx, vaddr, &alias)) {
        const uint32_t offset = (uint32_t)(vaddr & (MEM_PAGE_SIZE - 1));
        struct tcg_block *b = cache_find(tc->tm, page, offset, mode | alias, NULL);
        tc->pcb = pc - offset;
        if (b && block_guards_hold(b, tc->ctx))
            return b;
        if (!b) { /* what page it is is known: new code in a page that has some */
            place = (struct code_place){page->ram, page->offset + offset, offset};
            b = find_or_translate(tc, &place, pc, vaddr, mode | alias, kind & TCG_MODE_SINGLE);
            if (b || tcg_faulted(tc))
                return tcg_faulted(tc) ? NULL : b;
        }
    }
    for (unsigned tries = 0; tries < 100; tries++) {
        if (!tcg_find_code(tc, vaddr, &place))
            return NULL;
        tc->pcb = pc - (place.paddr & (MEM_PAGE_SIZE - 1));
        if (!tlb_note_code(tc, tc->ctx, vaddr, &alias))
            continue;
        struct tcg_block *b = find(tc, &place, vaddr, mode | alias);
        if (!b && !tcg_faulted(tc))
            b = find_or_translate(tc, &place, pc, vaddr, mode | alias, kind & TCG_MODE_SINGLE);
        if (b || tcg_faulted(tc))
            return tcg_faulted(tc) ? NULL : b;
    }
    tcg_internal_error(tc, "the code at 0x%llx cannot be translated (code cache too small?)",
                       (unsigned long long)pc);
    return NULL;
}
