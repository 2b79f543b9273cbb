/*
 * Checks of the TLB that hold across labels. Code in a loop goes by the same few pointers again and
 * again, a structure's or a table's, which change seldom. Such a slot has a *kept check*: the
 * addend of the page that the bytes around it lie in is noted in memory, where it is found again
 * behind labels, until the slot changes. 0: nothing is known. That is so at first, when the bytes
 * are in two pages, and once C was called, which may have changed the TLB.
 *
 * What is noted is right, or 0, at the labels that say so (cg_label.kept): those behind which an
 * access asks for it before the slot changes, and to which it is brought from somewhere. What leads
 * there with another pointer in the slot makes it 0. Elsewhere it is garbage, and who needs the
 * check makes it.
 */
#include "tcg/host/x86_64/access.h"

#include "core/util/range.h"

enum { KEPT_SPAN = 256 /* as shared checks, but for what a whole region does */ };

_Static_assert(TCG_KEPT_PAGES <= 8, "kept checks fit a mask");

struct host_mem keep_mem(unsigned number)
{
    return mem_at(ENV, TCG_ENV_OFFSET(page_kept) + 8 * (int)number);
}

/* ---- what could be kept --------------------------------------------------------------------- */

/* What is found about a slot. */
struct pointer {
    uint32_t changes, uses, stores; /* in accesses; weights go by the depth of loops */
    int32_t lo, hi;                 /* hi == lo: nothing yet */
    bool narrow;
    int32_t gain; /* in instructions of the host */
};

/* Slots by their bits. */
struct plan {
    struct pointer p[IR_MAX_SLOTS];
    uint64_t made[IR_MAX_LABELS];  /* some way to the label brings the check */
    uint64_t asked[IR_MAX_LABELS]; /* and someone behind it asks for it, before the slot changes */
};

static uint32_t weight_of(unsigned depth)
{
    return 1u << 3 * MIN(depth, 4u);
}

static uint64_t bit(unsigned slot)
{
    return UINT64_C(1) << slot;
}

/* Slots' values, as they are at a label and as the insn makes them. Returns the slots that change.
 */
static uint64_t follow(struct cg *g, uint32_t n)
{
    const struct ir_insn *i = &g->r->insns[n];
    uint64_t changed = 0;
    if (i->op == IR_LABEL) {
        memset(g->cur, 0, sizeof g->cur);
        for (unsigned s = 0; s < g->r->slot_count; s++)
            if (g->r->slots[s].name)
                g->cur[s] = (uint16_t)(IR_MAX_INSNS + s);
    } else if (i->op == IR_GET && !g->cur[i->aux]) {
        g->cur[i->aux] = (uint16_t)n;
    } else if (i->op == IR_PUT) {
        changed = g->cur[i->aux] == g->id[i->a] ? 0 : bit(i->aux);
        g->cur[i->aux] = g->id[i->a];
    } else if (i->op == IR_CALL) {
        changed = cg_slots(g, g->r->helpers[i->imm].writes);
        cg_for_each_slot(s, changed) g->cur[s] = 0;
    }
    return changed;
}

static bool is_access(const struct ir_insn *i)
{
    return (i->op == IR_LD || i->op == IR_ST) && !(i->imm & IR_MEM_IDX);
}

static bool writes(const struct ir_insn *i)
{
    return i->op == IR_ST || (i->imm & IR_MEM_RMW);
}

static int32_t end_of(const struct ir_insn *i, const struct address *a)
{
    return a->disp + (1 << (i->imm & IR_MEM_SIZE));
}

/* The slot that the address of an access is relative to, the one that changes least; -1: none. */
static int pointer_of(const struct cg *g, const struct plan *p, const struct address *a)
{
    int best = -1;
    for (unsigned s = 0; s < g->r->slot_count; s++)
        if (g->r->slots[s].name && g->r->slots[s].type == IR_I64 && g->cur[s] == a->base &&
            (best < 0 || p->p[s].changes < p->p[best].changes))
            best = (int)s;
    return best;
}

static void count_changes(struct cg *g, struct plan *p)
{
    uint32_t each = 1;
    for (uint32_t n = 1; n < g->r->count; n++) {
        if (g->r->insns[n].op == IR_LABEL)
            each = weight_of(g->r->insns[n].b);
        cg_for_each_slot(s, follow(g, n)) p->p[s].changes += each;
    }
}

/* Accesses in loops of that depth. The deepest come first: what is done less often does not get in
 * their way. */
static void count_uses(struct cg *g, struct plan *plan, unsigned wanted)
{
    unsigned depth = 0;
    for (uint32_t n = 1; n < g->r->count; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        if (i->op == IR_LABEL)
            depth = MIN(i->b, 4u);
        follow(g, n);
        if (depth != wanted || !is_access(i))
            continue;
        const struct address a = share_split(g, i->a);
        const int s = pointer_of(g, plan, &a);
        if (s < 0)
            continue;
        struct pointer *p = &plan->p[s];
        const bool first = p->lo == p->hi;
        const int32_t lo = first ? a.disp : MIN(p->lo, a.disp);
        const int32_t hi = first ? end_of(i, &a) : MAX(p->hi, end_of(i, &a));
        if ((!first && a.narrow != p->narrow) || hi - lo > KEPT_SPAN)
            continue;
        p->lo = lo;
        p->hi = hi;
        p->narrow = a.narrow;
        p->stores += writes(i) ? weight_of(depth) : 0;
        p->uses += weight_of(depth);
    }
}

static bool for_stores(const struct pointer *p)
{
    return 4 * p->stores >= p->uses;
}

/* kept_of: the slots and 1. */
static void assign(struct cg *g, const struct plan *plan)
{
    for (uint32_t n = 1; n < g->r->count; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        follow(g, n);
        g->kept_of[n] = 0;
        if (!is_access(i))
            continue;
        const struct address a = share_split(g, i->a);
        const int s = pointer_of(g, plan, &a);
        const struct pointer *p = &plan->p[MAX(s, 0)];
        if (s >= 0 && p->uses && a.narrow == p->narrow && a.disp >= p->lo &&
            end_of(i, &a) <= p->hi && (for_stores(p) || !writes(i)))
            g->kept_of[n] = (uint8_t)(s + 1);
    }
}

/* ---- where it is known ---------------------------------------------------------------------- */

/* true: more than before. */
static bool bring(struct cg *g, struct plan *p)
{
    uint64_t here = 0;
    bool more = false;
    unsigned to;
    for (uint32_t n = 1; n < g->r->count; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        if (i->op == IR_LABEL)
            here = p->made[i->aux];
        here &= ~follow(g, n);
        if (g->kept_of[n])
            here |= bit(g->kept_of[n] - 1u);
        if (ir_branches(i, &to)) {
            more |= (here & ~p->made[to]) != 0;
            p->made[to] |= here;
        }
    }
    return more;
}

/* true: more than before. */
static bool ask(struct cg *g, struct plan *p)
{
    uint64_t open = 0; /* neither asked for nor lost since the label */
    bool more = false;
    unsigned label = 0, to;
    for (uint32_t n = 1; n < g->r->count; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        uint64_t asked = 0;
        if (i->op == IR_LABEL) {
            label = i->aux;
            open = p->made[label];
        }
        open &= ~follow(g, n);
        if (g->kept_of[n])
            asked = bit(g->kept_of[n] - 1u) & open;
        else if (ir_branches(i, &to))
            asked = p->asked[to] & open;
        more |= (asked & ~p->asked[label]) != 0;
        p->asked[label] |= asked;
        if (g->kept_of[n])
            open &= ~asked;
    }
    return more;
}

/* ---- what is worth it ----------------------------------------------------------------------- */

static void weigh(struct cg *g, struct plan *p)
{
    enum { CHECK = 4 /* what asking saves */ };
    uint64_t valid = 0, seen = 0; /* seen: checked in this segment */
    int32_t each = 1;
    unsigned to;
    for (uint32_t n = 1; n < g->r->count; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        if (i->op == IR_LABEL) {
            valid = p->asked[i->aux];
            seen = 0;
            each = (int32_t)weight_of(i->b);
        }
        const uint64_t lost = follow(g, n);
        valid &= ~lost;
        seen &= ~lost;
        if (g->kept_of[n] && !(seen >> (g->kept_of[n] - 1) & 1)) {
            const unsigned s = g->kept_of[n] - 1u;
            p->p[s].gain += valid >> s & 1 ? CHECK * each : -each;
            valid |= bit(s);
            seen |= bit(s);
        }
        if (ir_branches(i, &to))
            cg_for_each_slot(s, p->asked[to] & ~valid) p->p[s].gain -= each;
    }
}

static void choose(struct cg *g, struct plan *plan)
{
    uint8_t number[IR_MAX_SLOTS] = {0};
    while (g->kept_count < TCG_KEPT_PAGES) {
        unsigned best = 0;
        for (unsigned s = 1; s < g->r->slot_count; s++)
            if (plan->p[s].gain > plan->p[best].gain)
                best = s;
        struct pointer *p = &plan->p[best];
        if (p->gain <= 0)
            break;
        p->gain = 0;
        g->kept[g->kept_count] = (struct cg_kept){
            .slot = (uint8_t)best,
            .at = {.lo = p->lo, .hi = p->hi, .write = for_stores(p), .narrow = p->narrow},
        };
        for (unsigned k = 0; k < IR_MAX_LABELS; k++)
            g->labels[k].kept |= (uint8_t)((plan->asked[k] >> best & 1) << g->kept_count);
        number[best] = (uint8_t)++g->kept_count;
    }
    for (uint32_t n = 1; n < g->r->count; n++)
        if (g->kept_of[n])
            g->kept_of[n] = number[g->kept_of[n] - 1];
}

void keep_plan(struct cg *g)
{
    struct plan p = {0};
    count_changes(g, &p);
    for (unsigned depth = 4; depth; depth--)
        count_uses(g, &p, depth);
    assign(g, &p);
    while (bring(g, &p))
        ;
    while (ask(g, &p))
        ;
    weigh(g, &p);
    choose(g, &p);
}

/* ---- code ----------------------------------------------------------------------------------- */

void keep_lose(struct cg *g, uint64_t slots)
{
    for (unsigned k = 0; g->kept_valid && k < g->kept_count; k++)
        if (slots & bit(g->kept[k].slot))
            g->kept_valid &= (uint8_t) ~(1u << k);
}

uint8_t keep_stale(const struct cg *g, const struct cg_label *l)
{
    return l->kept & (uint8_t)~g->kept_valid;
}

void keep_forget(struct cg *g, uint8_t stale)
{
    for (; stale; stale &= (uint8_t)(stale - 1))
        emit_store_imm(&g->e, true, keep_mem((unsigned)__builtin_ctz(stale)), 0);
}

bool keep_wanted(const struct cg *g)
{
    const unsigned number = g->kept_of[g->n], slot = g->kept[number - 1].slot;
    for (uint32_t n = g->n + 1; n < g->segment_end; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        unsigned to;
        if ((i->op == IR_PUT && i->aux == slot) ||
            (i->op == IR_CALL && cg_slots(g, g->r->helpers[i->imm].writes) >> slot & 1))
            return false;
        if (ir_branches(i, &to) && g->labels[to].kept >> (number - 1) & 1)
            return true;
    }
    return false;
}
