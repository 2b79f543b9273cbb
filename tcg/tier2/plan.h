/*
 * The plan of a region: which blocks of the first tier belong to it, in which order they are
 * translated, and where each of their exits goes on.
 *
 * A node is a block in a context of calls: what a call inside the region leads to is taken in as if
 * it stood there, and its return is expected to come back behind the call.
 */
#ifndef TCG_TIER2_PLAN_H
#define TCG_TIER2_PLAN_H

#include "tcg/machine.h"

enum {
    PLAN_MAX_NODES = 48,
    PLAN_MAX_INSNS = 400,        /* guest instructions */
    PLAN_MAX_CALLS = 3,          /* nested calls taken in */
    PLAN_MAX_DISTANCE = 1 << 16, /* pages: exits are told with 32 bits */
    PLAN_MAX_PAGES = TCG_MAX_GUARDS + 1,
};

struct plan_edge {
    int64_t rel; /* PC minus PCB of the region */
    int to;      /* node, or -1: leaves the region */
};

struct plan_node {
    struct tcg_block *block; /* only under code_lock and in the era of the plan: a flush frees it */
    /* what the block was when it was planned */
    uint64_t mode;
    uint32_t offset, len;
    uint16_t guest_insns;
    bool straddles;
    int32_t delta; /* page minus the head's page */
    unsigned calls;
    int64_t return_to[PLAN_MAX_CALLS]; /* innermost last */
    struct plan_edge edges[3];
    unsigned edge_count;
    bool returns; /* edges[0] is where its return is expected to lead */
    /* the order of translation */
    int label; /* -1: reached only from the node before it */
    bool poll;
    unsigned depth; /* of loops */
};

struct plan_page {
    struct tcg_page *page;
    int32_t delta;
    uint8_t bytes[MEM_PAGE_SIZE]; /* as they were when it was planned */
};

struct plan {
    struct plan_node nodes[PLAN_MAX_NODES];
    unsigned node_count;
    unsigned order[PLAN_MAX_NODES]; /* kept nodes as they are translated; order[0] is the head */
    unsigned order_count, label_count, insns;
    struct plan_page pages[PLAN_MAX_PAGES];
    unsigned page_count;
};

/* The page at that distance from the head's, NULL: none of the region's. */
const struct plan_page *plan_page(const struct plan *p, int32_t delta);
/* Plan around head with at most max_nodes nodes. code_lock held. */
void plan_make(struct plan *p, struct tcg_machine *tm, struct tcg_block *head, unsigned max_nodes);

#endif
