/* Which blocks make a region, and in which order. See plan.h. */
#include "tcg/tier2/plan.h"

#include <string.h>

#include "core/util/range.h"

const struct plan_page *plan_page(const struct plan *p, int32_t delta)
{
    for (unsigned n = 0; n < p->page_count; n++)
        if (p->pages[n].delta == delta)
            return &p->pages[n];
    return NULL;
}

/* Does the region's page `delta` hold this one? It is taken in while there is room. */
static bool take_page(struct plan *p, int32_t delta, struct tcg_page *page)
{
    const struct plan_page *known = plan_page(p, delta);
    if (known)
        return known->page == page;
    if (p->page_count == PLAN_MAX_PAGES)
        return false;
    p->pages[p->page_count].page = page;
    p->pages[p->page_count++].delta = delta;
    return true;
}

static bool take_pages(struct plan *p, const struct tcg_block *b, int32_t delta)
{
    if (!take_page(p, delta, b->page))
        return false;
    for (unsigned n = 0; n < b->guard_count; n++)
        if (!take_page(p, delta + block_guard(b, n)->delta, block_guard(b, n)->page))
            return false;
    return true;
}

/* The node of the block in that context, made if there is room; -1: none. */
static int node_for(struct plan *p, struct tcg_block *b, int32_t delta, unsigned calls,
                    const int64_t *return_to, unsigned max_nodes)
{
    for (unsigned n = 0; n < p->node_count; n++) {
        const struct plan_node *k = &p->nodes[n];
        if (k->block == b && k->delta == delta && k->calls == calls &&
            !memcmp(k->return_to, return_to, calls * sizeof *return_to))
            return (int)n;
    }
    if (delta > PLAN_MAX_DISTANCE || delta < -PLAN_MAX_DISTANCE || p->node_count >= max_nodes ||
        p->insns + b->guest_insns > PLAN_MAX_INSNS || !take_pages(p, b, delta))
        return -1;
    struct plan_node *k = &p->nodes[p->node_count];
    memset(k, 0, sizeof *k);
    k->block = b;
    k->mode = b->mode;
    k->offset = b->offset;
    k->len = b->len;
    k->guest_insns = b->guest_insns;
    k->straddles = b->guard_count != 0;
    k->delta = delta;
    k->calls = calls;
    memcpy(k->return_to, return_to, calls * sizeof *return_to);
    k->label = -1;
    p->insns += b->guest_insns;
    return (int)p->node_count++;
}

/* The block of the first tier that an exit leads to: one that a region took the place of serves
 * too. */
static struct tcg_block *first_tier(const struct tcg_machine *tm, struct tcg_block *b)
{
    if (b && b->tier == 2)
        b = cache_block_at(&tm->cache, b->first_tier);
    return b && !b->dead && b->page ? b : NULL;
}

static int32_t page_delta(int64_t rel)
{
    return (int32_t)(rel >> MEM_PAGE_BITS);
}

/* What the node's exits lead to becomes nodes in turn. */
static void expand(struct plan *p, struct tcg_machine *tm, unsigned n, unsigned max_nodes)
{
    struct plan_node *k = &p->nodes[n];
    struct tcg_block *b = k->block;
    int64_t base = (int64_t)k->delta * (int64_t)MEM_PAGE_SIZE;

    if (b->ends == TCG_ENDS_RETURN && k->calls) {
        int64_t rel = k->return_to[k->calls - 1];
        const struct plan_page *page = plan_page(p, page_delta(rel));
        struct tcg_block *to =
            page ? first_tier(tm, cache_find(tm, page->page, (uint32_t)(rel & (MEM_PAGE_SIZE - 1)),
                                             b->mode, NULL))
                 : NULL;
        int node =
            to ? node_for(p, to, page_delta(rel), k->calls - 1, k->return_to, max_nodes) : -1;
        if (node < 0)
            return;
        k->returns = true;
        k->edges[k->edge_count++] = (struct plan_edge){.rel = rel, .to = node};
        return;
    }
    for (unsigned x = 0; x < b->exit_count && k->edge_count < ARRAY_SIZE(k->edges); x++) {
        int64_t rel = base + block_exit(b, x)->target;
        int64_t return_to[PLAN_MAX_CALLS];
        struct tcg_block *to = first_tier(tm, cache_linked(&tm->cache, block_exit(b, x)));
        unsigned calls = k->calls;
        int node = -1;
        memcpy(return_to, k->return_to, sizeof return_to);
        if (b->ends == TCG_ENDS_CALL) {
            if (calls == PLAN_MAX_CALLS)
                to = NULL;
            else
                return_to[calls++] = base + b->offset + b->len;
        }
        if (to && to->mode == b->mode)
            node = node_for(p, to, page_delta(rel), calls, return_to, max_nodes);
        if (node >= 0)
            k->edges[k->edge_count++] = (struct plan_edge){.rel = rel, .to = node};
    }
}

/* ---- loops ---------------------------------------------------------------------------------- */

typedef uint64_t node_set;
_Static_assert(PLAN_MAX_NODES <= 64, "nodes fit a set");

static node_set successors(const struct plan *p, unsigned n)
{
    node_set s = 0;
    for (unsigned e = 0; e < p->nodes[n].edge_count; e++)
        s |= (node_set)1 << p->nodes[n].edges[e].to;
    return s;
}

/* The nodes from which `to` can be reached without going through `without`. */
static node_set reaching(const struct plan *p, node_set to, node_set without)
{
    node_set set = to, before;
    do {
        before = set;
        for (unsigned n = 0; n < p->node_count; n++)
            if (!(without >> n & 1) && successors(p, n) & set)
                set |= (node_set)1 << n;
    } while (set != before);
    return set;
}

static void drop_edges(struct plan *p, node_set keep)
{
    for (unsigned n = 0; n < p->node_count; n++) {
        struct plan_node *k = &p->nodes[n];
        unsigned kept = 0;
        for (unsigned e = 0; e < k->edge_count; e++)
            if (keep >> k->edges[e].to & 1)
                k->edges[kept++] = k->edges[e];
        k->edge_count = kept;
        k->returns &= kept != 0;
    }
}

/* Depth-first: every edge to a node that is still open closes a loop. There is one in every cycle,
 * so polling where they lead is enough. */
struct walk {
    struct plan *p;
    node_set open, seen;
};

static void find_loops(struct walk *w, unsigned n)
{
    struct plan_node *k = &w->p->nodes[n];
    w->open |= (node_set)1 << n;
    w->seen |= (node_set)1 << n;
    for (unsigned e = 0; e < k->edge_count; e++) {
        unsigned to = (unsigned)k->edges[e].to;
        if (w->open >> to & 1) {
            w->p->nodes[to].poll = true;
            node_set body = reaching(w->p, (node_set)1 << n, (node_set)1 << to) | (node_set)1 << to;
            for (unsigned m = 0; m < w->p->node_count; m++)
                w->p->nodes[m].depth += body >> m & 1;
        } else if (!(w->seen >> to & 1)) {
            find_loops(w, to);
        }
    }
    w->open &= ~((node_set)1 << n);
}

/* ---- order ---------------------------------------------------------------------------------- */

/* The successor to translate next: deepest in loops first, which keeps a loop together; else the
 * one the block falls through to, which is its last exit. */
static int next_node(const struct plan *p, unsigned n, node_set done)
{
    const struct plan_node *k = &p->nodes[n];
    int best = -1;
    for (unsigned e = 0; e < k->edge_count; e++) {
        int to = k->edges[e].to;
        if (!(done >> to & 1) && (best < 0 || p->nodes[to].depth >= p->nodes[best].depth))
            best = to;
    }
    return best;
}

static void put_in_order(struct plan *p)
{
    node_set done = 0;
    p->order_count = 0;
    for (int n = 0; n >= 0;) {
        p->order[p->order_count++] = (unsigned)n;
        done |= (node_set)1 << n;
        n = next_node(p, (unsigned)n, done);
        /* the chain ends: the latest node with an exit not yet followed starts another */
        for (unsigned k = p->order_count; n < 0 && k-- > 0;)
            n = next_node(p, p->order[k], done);
    }
}

static void place_labels(struct plan *p)
{
    unsigned at[PLAN_MAX_NODES] = {0}, from[PLAN_MAX_NODES] = {0};
    bool wanted[PLAN_MAX_NODES] = {true}; /* the head is entered from outside */
    for (unsigned k = 0; k < p->order_count; k++)
        at[p->order[k]] = k;
    for (unsigned k = 0; k < p->order_count; k++) {
        const struct plan_node *n = &p->nodes[p->order[k]];
        for (unsigned e = 0; e < n->edge_count; e++) {
            unsigned to = (unsigned)n->edges[e].to;
            if (at[to] != k + 1 || from[to]++ || p->nodes[to].poll)
                wanted[to] = true;
        }
    }
    p->label_count = 0;
    for (unsigned k = 0; k < p->order_count; k++)
        if (wanted[p->order[k]])
            p->nodes[p->order[k]].label = (int)p->label_count++;
}

void plan_make(struct plan *p, struct tcg_machine *tm, struct tcg_block *head, unsigned max_nodes)
{
    const int64_t none[PLAN_MAX_CALLS] = {0};
    p->node_count = p->page_count = p->insns = 0;
    node_for(p, head, 0, 0, none, 1);
    for (unsigned n = 0; n < p->node_count; n++) /* breadth first: near the head before far */
        expand(p, tm, n, max_nodes);
    /* When the head is in a loop, what does not lead back to it is not part of the region. */
    node_set back = reaching(p, 1, 0);
    for (unsigned n = 0; n < p->node_count; n++)
        if (successors(p, n) & 1) {
            drop_edges(p, back);
            break;
        }
    struct walk w = {.p = p};
    find_loops(&w, 0);
    put_in_order(p);
    place_labels(p);
    for (unsigned n = 0; n < p->page_count; n++)
        memcpy(p->pages[n].bytes, p->pages[n].page->ram->host + p->pages[n].page->offset,
               MEM_PAGE_SIZE);
}
