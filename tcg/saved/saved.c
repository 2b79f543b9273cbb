/* Taking saved translations, and saving them. See saved.h. */
#include "tcg/saved/saved.h"

#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util/range.h"
#include "tcg/perfmap.h"
#include "tcg/saved/file.h"

enum {
    MAX_PAGES = TCG_MAX_GUARDS + 1,
    MAX_PARTS = 128,
    MAX_EXITS = IR_MAX_INSNS / 8,
    HASHED = 8,           /* bytes of code that an entry is found by, at most */
    MAX_PAGE_WRITES = 64, /* stores into the code of a page before it is not worth saving */
};

/* Why an entry with the right first bytes was not taken. */
enum refusal { OTHER_BYTES, OTHER_PAGES, DAMAGED, NO_ROOM, REFUSALS };

struct saved {
    struct saved_context context;
    int dir;
    struct saved_file *file; /* NULL: nothing was saved yet */
    int last;                /* block taken, or -1 */
    /* under code_lock */
    uint64_t blocks, regions, insns, host_bytes, missed, load_ns;
    uint64_t refused[REFUSALS];
};

/* ---- the context ---------------------------------------------------------------------------- */

static int find_build_id(struct dl_phdr_info *info, size_t size, void *opaque)
{
    struct saved_context *c = opaque;
    uintptr_t here = (uintptr_t)&find_build_id;
    bool mine = false;
    (void)size;
    for (unsigned n = 0; n < info->dlpi_phnum; n++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[n];
        mine |= p->p_type == PT_LOAD && here - (info->dlpi_addr + p->p_vaddr) < p->p_memsz;
    }
    for (unsigned n = 0; mine && n < info->dlpi_phnum; n++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[n];
        const uint8_t *at = (const uint8_t *)(info->dlpi_addr + p->p_vaddr);
        for (size_t left = p->p_memsz; p->p_type == PT_NOTE && left >= sizeof(ElfW(Nhdr));) {
            ElfW(Nhdr) note;
            memcpy(&note, at, sizeof note);
            size_t name = align_up(note.n_namesz, 4), desc = align_up(note.n_descsz, 4);
            if (name + desc > left - sizeof note)
                break;
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz <= 64 &&
                !memcmp(at + sizeof note, "GNU", 4)) {
                memcpy(c->bytes, at + sizeof note + name, note.n_descsz);
                c->len = note.n_descsz;
                return 1;
            }
            at += sizeof note + name + desc;
            left -= sizeof note + name + desc;
        }
    }
    return mine;
}

/* What else than bytes and mode a translation depends on. false: this build can not be told from
 * another. */
static bool make_context(const struct tcg_machine *tm, const struct tcg_cpu *tc,
                         struct saved_context *c)
{
    c->len = 0;
    dl_iterate_phdr(find_build_id, c);
    if (!c->len)
        return false;
    c->bytes[c->len++] = (uint8_t)tm->max_insns;
    c->len += tm->backend->describe(tm, c->bytes + c->len);
    size_t processor = tm->arch->describe(tc, c->bytes + c->len, SAVED_CONTEXT_MAX - c->len);
    c->len += processor;
    return processor != 0;
}

/* ---- entries -------------------------------------------------------------------------------- */

/* key_len, then what the entry is found and told by: mode ... code; then what it is. */
struct entry {
    uint64_t mode;
    uint32_t offset, len;
    uint8_t tier, ends;
    unsigned page_count, part_count, exit_count, guest_insns, longest;
    int32_t delta[MAX_PAGES];
    struct {
        uint8_t page;
        uint16_t lo, hi;
        const uint8_t *code;
    } parts[MAX_PARTS];
    struct bytes_reader exits, payload;
};

enum { EXIT_SIZE = 5 };

static uint64_t code_hash(uint64_t mode, uint32_t offset, const uint8_t *code, unsigned len)
{
    mode &= ~TCG_MODE_ALIAS; /* where the page is mapped, which is of this run */
    return saved_hash(mode ^ (uint64_t)offset << 44, code, len);
}

/* Regions are few, and looked for around every block: they have hashes of their own. */
static uint64_t key_hash(unsigned tier, uint64_t hash)
{
    return (hash & ~UINT64_C(1)) | (tier > 1);
}

/* Of so many bytes, how many the hash is of. */
static unsigned hashed(unsigned len)
{
    return len >= HASHED ? HASHED : len >= 4 ? 4 : len >= 2 ? 2 : 1;
}

static bool parse(const uint8_t *data, size_t size, struct entry *e)
{
    struct bytes_reader r = {.p = data, .end = data + size};
    bytes_get_le(&r, 4);
    e->mode = bytes_get_le(&r, 8);
    e->offset = (uint32_t)bytes_get_le(&r, 2);
    e->tier = (uint8_t)bytes_get_le(&r, 1);
    e->page_count = (unsigned)bytes_get_le(&r, 1);
    e->part_count = (unsigned)bytes_get_le(&r, 2);
    if (r.bad || e->tier < 1 || e->tier > 2 || e->page_count < 1 || e->page_count > MAX_PAGES ||
        e->part_count < 1 || e->part_count > MAX_PARTS ||
        e->mode & (TCG_MODE_SINGLE | TCG_MODE_ALIAS))
        return false;
    e->delta[0] = 0;
    for (unsigned n = 1; n < e->page_count; n++)
        e->delta[n] = (int32_t)bytes_get_le(&r, 4);
    for (unsigned n = 0; n < e->part_count; n++) {
        e->parts[n].page = (uint8_t)bytes_get_le(&r, 1);
        e->parts[n].lo = (uint16_t)bytes_get_le(&r, 2);
        e->parts[n].hi = (uint16_t)bytes_get_le(&r, 2);
        if (e->parts[n].page >= e->page_count || e->parts[n].lo >= e->parts[n].hi ||
            e->parts[n].hi > MEM_PAGE_SIZE)
            return false;
    }
    for (unsigned n = 0; n < e->part_count; n++)
        e->parts[n].code = bytes_get(&r, (size_t)(e->parts[n].hi - e->parts[n].lo));
    e->ends = (uint8_t)bytes_get_le(&r, 1);
    e->guest_insns = (unsigned)bytes_get_le(&r, 2);
    e->longest = (unsigned)bytes_get_le(&r, 2);
    e->exit_count = (unsigned)bytes_get_le(&r, 2);
    e->len = (uint32_t)bytes_get_le(&r, 4);
    if (r.bad || e->parts[0].page || e->parts[0].lo != e->offset || e->exit_count > MAX_EXITS ||
        e->ends > TCG_ENDS_RETURN)
        return false;
    e->exits = (struct bytes_reader){.p = r.p};
    e->exits.end = bytes_get(&r, e->exit_count * EXIT_SIZE) ? r.p : NULL;
    e->payload = r;
    return !r.bad;
}

/* ---- does memory hold it? ------------------------------------------------------------------- */

static bool same_bytes(const struct entry *e, unsigned page, const uint8_t *host)
{
    for (unsigned n = 0; n < e->part_count; n++)
        if (e->parts[n].page == page && memcmp(host + e->parts[n].lo, e->parts[n].code,
                                               (size_t)(e->parts[n].hi - e->parts[n].lo)) != 0)
            return false;
    return true;
}

static const uint8_t *page_bytes(const struct tcg_page *page)
{
    return page->ram->host + page->offset;
}

/* The exits lead to where the PC can be, as they did where the block was made: none wraps. */
static bool exits_in_range(struct tcg_cpu *tc, const struct saved_want *want, const struct entry *e)
{
    struct bytes_reader r = e->exits;
    uint64_t mask = tc->arch->code_mask(tc), pcb = want->pc - e->offset;
    for (unsigned n = 0; n < e->exit_count; n++) {
        uint64_t to = pcb + (uint64_t)(int64_t)(int32_t)bytes_get_le(&r, 4);
        bytes_get_le(&r, 1);
        if ((to & mask) != to)
            return false;
    }
    return true;
}

/* The pages that the entry's parts are in, all of them code; REFUSALS: they are there. *dropped:
 * code_lock was, to make one of them code. */
static enum refusal find_pages(struct tcg_cpu *tc, const struct saved_want *want,
                               const struct entry *e, struct tcg_page *pages[MAX_PAGES],
                               bool *dropped)
{
    uint64_t mask = tc->arch->code_mask(tc), base = align_down(want->vaddr, MEM_PAGE_SIZE);
    pages[0] = want->page;
    if (!same_bytes(e, 0, page_bytes(want->page)))
        return OTHER_BYTES;
    if (!exits_in_range(tc, want, e))
        return OTHER_PAGES;
    for (unsigned n = 1; n < e->page_count; n++) {
        struct code_place place;
        uint64_t there = base + (uint64_t)((int64_t)e->delta[n] * (int64_t)MEM_PAGE_SIZE);
        if (!tcg_find_code(tc, there & mask, &place)) {
            tc->status = TCG_OK; /* control may never get there: no fault of the guest's */
            return OTHER_PAGES;
        }
        if (!place.ram)
            return OTHER_PAGES;
        if (!same_bytes(e, n, place.ram->host + align_down(place.offset, MEM_PAGE_SIZE)))
            return OTHER_BYTES;
        pages[n] = cache_page(place.ram, place.offset);
        if (!pages[n] || !pages[n]->code) {
            pages[n] = tcg_protect_page(tc, &place);
            *dropped = true;
        }
        if (!pages[n])
            return NO_ROOM;
    }
    /* Bytes count that were compared while nobody could change them. */
    for (unsigned n = 0; *dropped && n < e->page_count; n++)
        if (!pages[n]->code || !same_bytes(e, n, page_bytes(pages[n])))
            return OTHER_BYTES;
    return REFUSALS;
}

/* ---- taking one ----------------------------------------------------------------------------- */

static unsigned count_crossings(const struct entry *e)
{
    struct bytes_reader r = e->exits;
    unsigned count = 0;
    for (unsigned n = 0; n < e->exit_count; n++) {
        bytes_get_le(&r, 4);
        count += (bytes_get_le(&r, 1) & IR_EXIT_CROSS) != 0;
    }
    return count;
}

static void describe_exits(struct tcg_machine *tm, struct tcg_block *b, const struct entry *e)
{
    struct bytes_reader r = e->exits;
    unsigned crossings = 0;
    for (unsigned n = 0; n < e->exit_count; n++) {
        struct tcg_exit_site *x = block_exit(b, n);
        x->target = (int32_t)bytes_get_le(&r, 4);
        x->flags = (uint8_t)bytes_get_le(&r, 1);
        if (x->flags & IR_EXIT_CROSS)
            block_cross(b, n, crossings++, ++tm->cache.next_link_id);
    }
}

static void describe_parts(struct tcg_machine *tm, struct tcg_block *b, const struct entry *e,
                           struct tcg_page *const pages[MAX_PAGES])
{
    for (unsigned n = 0; n < e->part_count; n++)
        *block_part(b, n) = (struct tcg_part){.lo = e->parts[n].lo & 0x1fff,
                                              .hi = e->parts[n].hi & 0x1fff,
                                              .page = e->parts[n].page & 7};
    for (unsigned n = 0; n < b->guard_count; n++)
        *block_guard(b, n) = (struct tcg_guard){
            .page = pages[n + 1], .delta = e->delta[n + 1], .id = ++tm->cache.next_link_id};
}

/* REFUSALS: done. */
static enum refusal load(struct tcg_machine *tm, const struct entry *e, uint64_t mode,
                         struct tcg_page *const pages[MAX_PAGES], struct tcg_block **out)
{
    struct bytes_reader payload = e->payload;
    const struct block_shape shape = {.exits = e->exit_count,
                                      .crossings = count_crossings(e),
                                      .guards = e->page_count - 1,
                                      .parts = e->part_count};
    struct tcg_block *b = cache_block(tm, &shape);
    if (!b)
        return NO_ROOM;
    b->page = pages[0];
    b->offset = (uint16_t)e->offset;
    b->len = (uint16_t)e->len;
    b->mode = mode;
    b->tier = e->tier & 3;
    b->ends = e->ends & 7;
    b->queued = e->tier > 1;
    b->guest_insns = (uint16_t)e->guest_insns;
    b->longest = (uint16_t)e->longest;
    describe_exits(tm, b, e);
    describe_parts(tm, b, e, pages);
    enum tcg_compiled done = tm->backend->load(tm, b, &payload);
    if (done != TCG_COMPILED)
        return done == TCG_CODE_FULL ? NO_ROOM : DAMAGED;
    *out = b;
    return REFUSALS;
}

/* The entry n, when it is what is wanted. *dropped: then only for what is there now. */
static struct tcg_block *take(struct tcg_cpu *tc, const struct saved_want *want, unsigned tier,
                              int n, bool *dropped)
{
    struct tcg_machine *tm = tc->tm;
    struct saved *s = tm->saved;
    struct tcg_page *pages[MAX_PAGES];
    struct tcg_block *b = NULL;
    struct entry e;
    uint32_t size;
    uint64_t era = tm->cache.flush_count;
    const uint8_t *data = saved_file_entry(s->file, n, &size);
    enum refusal why = DAMAGED;

    if (data && parse(data, size, &e)) {
        why = OTHER_BYTES;
        if (e.tier == tier && e.mode == (want->mode & ~TCG_MODE_ALIAS) &&
            e.offset == (want->place->paddr & (MEM_PAGE_SIZE - 1)))
            why = find_pages(tc, want, &e, pages, dropped);
        if (why == REFUSALS && *dropped && (tier == 1 || era != tm->cache.flush_count))
            return NULL;
        if (why == REFUSALS)
            why = load(tm, &e, want->mode, pages, &b);
    }
    if (why != REFUSALS) {
        s->refused[why]++;
        return NULL;
    }
    saved_file_use(s->file, n);
    s->last = tier == 1 ? n : s->last;
    s->insns += tier == 1 ? b->guest_insns : 0;
    s->host_bytes += b->code_size;
    s->blocks += tier == 1;
    s->regions += tier == 2;
    if (tm->perfmap)
        perfmap_block(tm, b, want->pc);
    return b;
}

_Static_assert(HASHED >> (SAVED_HASHES - 1) == 1, "one hash of each length");

static void hash_code(struct saved_want *want)
{
    uint32_t offset = (uint32_t)(want->place->paddr & (MEM_PAGE_SIZE - 1));
    const uint8_t *code = page_bytes(want->page) + offset;
    uint32_t room = (uint32_t)MEM_PAGE_SIZE - offset;
    for (unsigned len = HASHED; len; len /= 2)
        if (len <= room)
            want->hashes[want->hash_count++] = code_hash(want->mode, offset, code, len);
}

static struct tcg_block *look(struct tcg_cpu *tc, struct saved_want *want, unsigned tier,
                              bool *dropped)
{
    struct saved *s = tc->tm->saved;
    struct tcg_block *b = NULL;
    uint64_t hashes[SAVED_HASHES];
    int n;
    if (!s->file)
        return NULL;
    if (!want->hash_count)
        hash_code(want);
    const unsigned count = want->hash_count;
    for (unsigned k = 0; k < count; k++)
        hashes[k] = key_hash(tier, want->hashes[k]);
    n = tier == 1 ? saved_file_follow(s->file, s->last, hashes, count) : -1;
    if (n >= 0)
        b = take(tc, want, tier, n, dropped);
    for (unsigned k = 0; k < count && !b && !*dropped; k++)
        for (n = saved_file_find(s->file, hashes[k], -1); n >= 0 && !b && !*dropped;
             n = saved_file_find(s->file, hashes[k], n))
            b = take(tc, want, tier, n, dropped);
    return b;
}

struct tcg_block *saved_block(struct tcg_cpu *tc, struct saved_want *want, bool *again)
{
    struct tcg_machine *tm = tc->tm;
    uint64_t start = tm->count ? tcg_thread_ns() : 0;
    struct tcg_block *b = look(tc, want, 1, again);
    if (b)
        cache_insert(tm, b);
    else if (!*again)
        tm->saved->missed++;
    if (tm->count)
        tm->saved->load_ns += tcg_ns_since(tm, start);
    return b;
}

struct tcg_block *saved_region(struct tcg_cpu *tc, struct saved_want *want, struct tcg_block *head)
{
    struct tcg_machine *tm = tc->tm;
    uint64_t start = tm->count ? tcg_thread_ns() : 0, era = tm->cache.flush_count;
    bool dropped = false;
    if (!tm->tier2)
        return head;
    struct tcg_block *b = look(tc, want, 2, &dropped);
    if (dropped && (era != tm->cache.flush_count || head->dead ||
                    cache_find(tm, want->page, head->offset, head->mode, NULL) != head))
        return NULL;
    if (b)
        cache_replace(tm, head, b);
    if (tm->count)
        tm->saved->load_ns += tcg_ns_since(tm, start);
    return b ? b : head;
}

/* ---- saving --------------------------------------------------------------------------------- */

/* Which of the block's pages a part is in; -1: one is there twice, and what the region is made of
 * can not be told from its parts. */
static int page_index(const struct tcg_block *b, const struct tcg_page *page)
{
    int found = b->page == page ? 0 : -1;
    for (unsigned n = 0; n < b->guard_count; n++) {
        if (block_guard(b, n)->page != page)
            continue;
        if (found >= 0)
            return -1;
        found = (int)n + 1;
    }
    return found;
}

static struct tcg_page *part_page(const struct tcg_block *b, unsigned n)
{
    return block_page(b, block_part(b, n)->page);
}

static unsigned part_len(const struct tcg_block *b, unsigned n)
{
    return (unsigned)(block_part(b, n)->hi - block_part(b, n)->lo);
}

static bool seen_before(const struct tcg_block *b, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        if (part_page(b, k) == part_page(b, n) && block_part(b, k)->lo == block_part(b, n)->lo &&
            block_part(b, k)->hi == block_part(b, n)->hi)
            return true;
    return false;
}

static void put_key(struct bytes *out, const struct tcg_block *b, unsigned parts,
                    const uint8_t *code)
{
    bytes_put_le(out, b->mode & ~TCG_MODE_ALIAS, 8);
    bytes_put_le(out, b->offset, 2);
    bytes_put_le(out, b->tier, 1);
    bytes_put_le(out, b->guard_count + 1u, 1);
    bytes_put_le(out, parts, 2);
    for (unsigned n = 0; n < b->guard_count; n++)
        bytes_put_le(out, (uint32_t)block_guard(b, n)->delta, 4);
    for (unsigned n = 0; n < b->part_count; n++) {
        if (seen_before(b, n))
            continue;
        bytes_put_le(out, (unsigned)page_index(b, part_page(b, n)), 1);
        bytes_put_le(out, block_part(b, n)->lo, 2);
        bytes_put_le(out, block_part(b, n)->hi, 2);
    }
    for (unsigned n = 0; n < b->part_count; n++) {
        size_t len = part_len(b, n);
        if (!seen_before(b, n))
            bytes_put(out, code, len);
        code += len;
    }
}

static bool save_block(struct tcg_machine *tm, const struct tcg_block *b, struct saved_fresh *f)
{
    struct bytes *out = &f->data;
    const struct tcg_origin *origin = cache_origin_of(&tm->cache, b);
    unsigned parts = 0, first = b->part_count ? part_len(b, 0) : 0;
    size_t at = out->len;
    for (unsigned n = 0; n < b->part_count; n++) {
        if (page_index(b, part_page(b, n)) < 0)
            return true;
        parts += !seen_before(b, n);
    }
    if (!origin->code || !parts || parts > MAX_PARTS || b->page->writes > MAX_PAGE_WRITES ||
        part_page(b, 0) != b->page || block_part(b, 0)->lo != b->offset)
        return true;
    bytes_put_le(out, 0, 4);
    put_key(out, b, parts, origin->bytes);
    if (!out->failed)
        store_le32(out->data + at, (uint32_t)(out->len - at));
    bytes_put_le(out, b->ends, 1);
    bytes_put_le(out, b->guest_insns, 2);
    bytes_put_le(out, b->longest, 2);
    bytes_put_le(out, b->exit_count, 2);
    bytes_put_le(out, b->len, 4);
    for (unsigned n = 0; n < b->exit_count; n++) {
        bytes_put_le(out, (uint32_t)block_exit(b, n)->target, 4);
        bytes_put_le(out, block_exit(b, n)->flags, 1);
    }
    tm->backend->save(tm, b, out);
    unsigned len = hashed(first);
    const uint64_t hash = code_hash(b->mode, b->offset, origin->bytes, len);
    return saved_fresh_add(f, key_hash(b->tier, hash), at);
}

/* What was translated since the last flush, whether it is still there or not: regions first, and
 * what was made first before what came later. */
static bool save_all(struct tcg_machine *tm, struct saved_fresh *f)
{
    struct tcg_origin *order = NULL;
    for (struct tcg_origin *o = tm->cache.origins, *next; o; o = next) {
        next = o->next;
        o->next = order;
        order = o;
    }
    tm->cache.origins = NULL;
    for (unsigned tier = 2; tier; tier--)
        for (struct tcg_origin *o = order; o && f->data.len < SAVED_FILE_MAX; o = o->next)
            if (o->block->tier == tier && !save_block(tm, o->block, f))
                return false;
    return true;
}

static void warn(struct tcg_machine *tm, const char *why)
{
    log_msg(&tm->m->log, LOG_WARN, "saved translations: %s", why);
}

static void write_file(struct tcg_machine *tm)
{
    struct saved *s = tm->saved;
    struct saved_fresh fresh = {0};
    char why[SAVED_WHY];
    if (!save_all(tm, &fresh))
        warn(tm, "no memory to save more");
    else if (fresh.items.len &&
             !saved_file_update(s->dir, &s->context, s->file, &fresh, SAVED_FILE_MAX, why))
        warn(tm, why);
    else if (!fresh.items.len && s->file)
        saved_file_touch(s->file);
    saved_fresh_free(&fresh);
}

/* ---- start, end, counters ------------------------------------------------------------------- */

static void forget(struct tcg_machine *tm)
{
    struct saved *s = tm->saved;
    saved_file_close(s->file);
    if (s->dir >= 0)
        close(s->dir);
    free(s);
    tm->saved = NULL;
    tm->keep_origins = false;
}

void saved_start(struct tcg_machine *tm, const struct tcg_cpu *tc)
{
    char why[SAVED_WHY] = "";
    if (tm->saved_mode == SAVED_OFF || tm->saved || tm->one_insn || !tm->backend->load)
        return;
    struct saved *s = calloc(1, sizeof *s);
    if (!s) {
        warn(tm, "no memory");
        return;
    }
    tm->saved = s;
    s->dir = s->last = -1;
    if (!make_context(tm, tc, &s->context)) {
        warn(tm, "this build has no build ID to know its own by (ld --build-id)");
        forget(tm);
        return;
    }
    s->dir = saved_dir_open(tm->saved_dir, tm->saved_mode == SAVED_READ_WRITE, why);
    enum saved_open r =
        s->dir < 0 ? SAVED_FAILED : saved_file_open(s->dir, &s->context, &s->file, why);
    if (why[0])
        warn(tm, why);
    /* A damaged file is replaced; one that is not ours stays where it is. */
    if (r == SAVED_FAILED || r == SAVED_REFUSED ||
        (tm->saved_mode == SAVED_READ && r != SAVED_OPEN))
        forget(tm);
    else
        tm->keep_origins = tm->saved_mode == SAVED_READ_WRITE;
}

void saved_stop(struct tcg_machine *tm)
{
    if (!tm->saved)
        return;
    if (tm->keep_origins)
        write_file(tm);
    forget(tm);
}

size_t saved_info(const struct tcg_machine *tm, char *buf, size_t len)
{
    const struct saved *s = tm->saved;
    if (!s)
        return (size_t)snprintf(buf, len, "saved translations       off\n");
    const struct tcg_counters *t = &tm->counters;
    double ns = t->guest_insns ? (double)t->translate_ns / (double)t->guest_insns : 0;
    double spared = ns * (double)s->insns;
    return (size_t)snprintf(
        buf, len,
        "saved translations       %" PRIu64 " blocks and %" PRIu64 " regions taken of %u, %" PRIu64
        " instructions; %.1f MB of host code\n"
        "not taken                %" PRIu64 " not there, %" PRIu64 " other bytes, %" PRIu64
        " other pages, %" PRIu64 " damaged, %" PRIu64 " memory\n"
        "taking (count=on)        %.1f ms, in place of %.1f ms of translation\n",
        s->blocks, s->regions, s->file ? saved_file_count(s->file) : 0, s->insns,
        (double)s->host_bytes / 1e6, s->missed, s->refused[OTHER_BYTES], s->refused[OTHER_PAGES],
        s->refused[DAMAGED], s->refused[NO_ROOM], (double)s->load_ns / 1e6, spared / 1e6);
}
