/* From a plan to code. See build.h. */
#include "tcg/tier2/build.h"

#include <string.h>

#include "core/util/range.h"
#include "tcg/inject.h"
#include "tcg/perfmap.h"
#include "tcg/translate.h"

static void node_edges(const struct plan *p, unsigned k, struct tcg_node *out)
{
    const struct plan_node *n = &p->nodes[p->order[k]];
    out->edge_count = n->edge_count;
    out->returns = n->returns;
    for (unsigned e = 0; e < n->edge_count; e++) {
        const struct plan_node *to = &p->nodes[n->edges[e].to];
        out->edges[e].rel = n->edges[e].rel;
        out->edges[e].kind = to->label < 0 ? TCG_EDGE_NEXT : TCG_EDGE_LABEL;
        out->edges[e].label = (uint8_t)(to->label < 0 ? 0 : to->label);
    }
}

static bool translate(struct tier2_build *b, struct tcg_cpu *tc, uint64_t pcb,
                      enum tier2_refusal *why)
{
    const struct plan *p = &b->plan;
    struct tcg_machine *tm = b->tm;
    struct ir_region *r = &b->region;

    ir_region_init(r, b->insns, tm->arch->slots, tm->arch->slot_count, tm->arch->helpers,
                   tm->arch->helper_count);
    for (unsigned k = 0; k < p->order_count; k++) {
        const struct plan_node *n = &p->nodes[p->order[k]];
        const struct plan_page *page = plan_page(p, n->delta), *next = plan_page(p, n->delta + 1);
        struct tcg_node node;
        uint32_t before = r->guest_insns;
        bool ended = k && ir_ends(&r->insns[r->count - 1]);
        if (n->label < 0 && ended) {
            *why = TIER2_CONTROL;
            return false;
        }
        if (n->label >= 0) {
            if (k && !ended) {
                *why = TIER2_CONTROL;
                return false;
            }
            ir_label(r, (unsigned)n->label, (int64_t)n->delta * (int64_t)MEM_PAGE_SIZE + n->offset,
                     n->poll, n->depth);
        }
        node_edges(p, k, &node);
        struct tcg_translation t = {
            .tc = tc,
            .ir = r,
            .rel_base = (int64_t)n->delta * (int64_t)MEM_PAGE_SIZE,
            .mode = n->mode & ~TCG_MODE_ALIAS,
            .page_offset = n->offset,
            .max_insns = n->guest_insns,
            .page = page->bytes,
            .page2 = n->straddles && next ? next->bytes : NULL,
            .node = &node,
        };
        t.pc = pcb + (uint64_t)t.rel_base + t.page_offset;
        tm->arch->translate(&t);
        if (r->overflow) {
            *why = TIER2_TOO_BIG;
            return false;
        }
        if (r->guest_insns - before != n->guest_insns || t.len != n->len) {
            *why = TIER2_GONE; /* other bytes than those of the block */
            return false;
        }
    }
    if (!ir_ends(&r->insns[r->count - 1])) {
        *why = TIER2_CONTROL;
        return false;
    }
    return true;
}

/* The block that is to be emitted, into b->made. */
static bool describe(struct tier2_build *b)
{
    const struct plan_node *head = &b->plan.nodes[0];
    const struct ir_region *r = &b->region;
    const struct block_shape shape = {
        .exits = r->exit_count, .crossings = r->cross_count, .guards = b->plan.page_count - 1};
    struct tcg_block *out = (struct tcg_block *)b->made;
    uint32_t ids = 0;
    unsigned guards = 0;
    if (r->exit_count > BUILD_MAX_EXITS)
        return false;
    block_make(out, &shape);
    out->page = plan_page(&b->plan, 0)->page;
    out->offset = (uint16_t)head->offset;
    out->len = (uint16_t)head->len;
    out->mode = head->mode;
    out->tier = 2;
    out->queued = true;
    out->guest_insns = (uint16_t)r->guest_insns;
    block_describe_exits(out, r, &ids);
    for (unsigned n = 0; n < b->plan.page_count; n++) {
        const struct plan_page *page = &b->plan.pages[n];
        if (page->delta)
            *block_guard(out, guards++) =
                (struct tcg_guard){.page = page->page, .delta = page->delta, .id = ++ids};
    }
    pthread_mutex_lock(&b->tm->code_lock);
    uint32_t first = b->tm->cache.next_link_id;
    b->tm->cache.next_link_id += ids;
    pthread_mutex_unlock(&b->tm->code_lock);
    for (unsigned n = 0; n < out->exit_count; n++)
        if (block_exit(out, n)->crossing)
            exit_crossing(block_exit(out, n))->link_id += first;
    for (unsigned n = 0; n < out->guard_count; n++)
        block_guard(out, n)->id += first;
    return true;
}

/* One page may be mapped at two places of the region: is it at an earlier one? */
static bool page_twice(const struct plan *p, unsigned g)
{
    for (unsigned h = 0; h < g; h++)
        if (p->pages[h].page == p->pages[g].page)
            return true;
    return false;
}

/* The parts of all nodes, those of one page together (cache_remove goes by that). to: where to, or
 * NULL: count. The plan's pages are numbered as a block's are: its first, then the guards'. */
static unsigned copy_parts(const struct plan *p, struct tcg_block *to)
{
    unsigned count = 0;
    for (unsigned g = 0; g < p->page_count; g++) {
        for (unsigned k = 0; k < p->order_count && !page_twice(p, g); k++) {
            const struct tcg_block *from = p->nodes[p->order[k]].block;
            for (unsigned n = 0; n < from->part_count; n++) {
                const struct tcg_part *part = block_part(from, n);
                if (block_page(from, part->page) != p->pages[g].page)
                    continue;
                if (to) {
                    *block_part(to, count) = *part;
                    block_part(to, count)->page = g & 7;
                }
                count++;
            }
        }
    }
    return count;
}

/* The bytes of the parts, as they were when the region was planned. */
static bool copy_origin(struct tier2_build *b, struct tcg_block *to)
{
    if (!b->tm->keep_origins)
        return true;
    if (!cache_origin(b->tm, to))
        return false;
    uint8_t *out = cache_origin_of(&b->tm->cache, to)->bytes;
    for (unsigned n = 0; n < to->part_count; n++) {
        const struct tcg_part *part = block_part(to, n);
        memcpy(out, b->plan.pages[part->page].bytes + part->lo, (size_t)(part->hi - part->lo));
        out += part->hi - part->lo;
    }
    return true;
}

static bool sources_alive(const struct plan *p)
{
    for (unsigned k = 0; k < p->order_count; k++)
        if (p->nodes[p->order[k]].block->dead)
            return false;
    return true;
}

/* With what the back end found out about its exits. */
static void copy_made(const struct tcg_block *made, struct tcg_block *to)
{
    unsigned crossings = 0;
    to->page = made->page;
    to->offset = made->offset;
    to->len = made->len;
    to->mode = made->mode;
    to->tier = made->tier;
    to->queued = made->queued;
    to->guest_insns = made->guest_insns;
    to->longest = made->longest;
    to->code = made->code;
    to->code_size = made->code_size;
    for (unsigned n = 0; n < made->exit_count; n++) {
        struct tcg_exit_site *x = block_exit(to, n);
        *x = *block_exit(made, n);
        if (x->crossing)
            block_cross(to, n, crossings++, exit_crossing(block_exit(made, n))->link_id);
    }
    memcpy(block_guard(to, 0), block_guard(made, 0), made->guard_count * sizeof(struct tcg_guard));
}

/* code_lock held. */
static struct tcg_block *install(struct tier2_build *b, struct tcg_block *head,
                                 const struct tcg_block *made, enum tier2_refusal *why)
{
    struct tcg_machine *tm = b->tm;
    const struct block_shape shape = {.exits = made->exit_count,
                                      .crossings = b->region.cross_count,
                                      .guards = made->guard_count,
                                      .parts = copy_parts(&b->plan, NULL)};
    struct tcg_block *to = cache_block(tm, &shape);
    *why = TIER2_NO_MEMORY;
    if (!to)
        return NULL;
    copy_made(made, to);
    copy_parts(&b->plan, to);
    if (!copy_origin(b, to) || !tm->backend->keep_region(tm, to))
        return NULL;
    cache_replace(tm, head, to);
    return to;
}

static bool attempt(struct tier2_build *b, struct tcg_cpu *tc, struct tcg_block *head, uint64_t era,
                    uint64_t pcb, unsigned max_nodes, enum tier2_refusal *why)
{
    struct tcg_machine *tm = b->tm;
    struct tcg_block *made = (struct tcg_block *)b->made, *to = NULL;
    char text[160];

    pthread_mutex_lock(&tm->code_lock);
    *why = TIER2_GONE;
    /* By itself: vCPUs count in the byte beside it. */
    if (era != tm->cache.flush_count || __atomic_load_n(&head->dead, __ATOMIC_RELAXED) ||
        head->tier != 1) {
        pthread_mutex_unlock(&tm->code_lock);
        return false;
    }
    plan_make(&b->plan, tm, head, max_nodes);
    pthread_mutex_unlock(&tm->code_lock);

    if (!translate(b, tc, pcb, why))
        return false;
    ir_finish(&b->region);
    *why = TIER2_CONTROL;
    if (tm->verify && !ir_verify(&b->region, text, sizeof text)) {
        log_msg(&tm->m->log, LOG_WARN, "second tier: the region at 0x%llx is not valid: %s",
                (unsigned long long)(pcb + b->plan.nodes[0].offset), text);
        return false;
    }
    *why = TIER2_TOO_BIG;
    if (!describe(b))
        return false;
    tcg_log_region(tm, &b->region, pcb + b->plan.nodes[0].offset);
    enum tcg_compiled done = tm->backend->compile_region(tm, made, &b->region);
    if (done != TCG_COMPILED) {
        *why = done == TCG_TOO_BIG ? TIER2_TOO_BIG : TIER2_NO_MEMORY;
        return false;
    }

    pthread_mutex_lock(&tm->code_lock);
    *why = TIER2_GONE;
    if (era == tm->cache.flush_count && sources_alive(&b->plan))
        to = install(b, head, made, why);
    if (to && log_enabled(&tm->m->log, LOG_OUT_ASM) && tm->backend->disassemble)
        tm->backend->disassemble(tm, to);
    if (to && tm->perfmap)
        perfmap_block(tm, to, pcb + head->offset);
    pthread_mutex_unlock(&tm->code_lock);
    return to != NULL;
}

bool tier2_build(struct tier2_build *b, struct tcg_cpu *tc, struct tcg_block *head, uint64_t era,
                 uint64_t pcb, enum tier2_refusal *why)
{
    unsigned most = b->tm->inject ? inject_nodes(b->tm, PLAN_MAX_NODES) : PLAN_MAX_NODES;
    for (unsigned nodes = most; nodes; nodes /= 2) {
        if (attempt(b, tc, head, era, pcb, nodes, why))
            return true;
        if (*why != TIER2_TOO_BIG)
            return false;
    }
    return false;
}
