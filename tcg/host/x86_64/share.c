/*
 * One check for several accesses: those of a segment whose addresses differ by constants only (the
 * fields of a structure, a stack frame) mostly lie in one page. The first of them checks for all,
 * that the range they cover is in one page and the TLB has it; what it finds, the addend, is a
 * value of its own, in a register as others are. 0: nothing is known, each access goes by a routine
 * that checks for it alone. That is so when the range crosses a page, and once C was called on the
 * way, which may have changed the TLB: every slow access sets it (access_stub_code). What calls C
 * in any case ends the sharing, and a poll ends the segment.
 */
#include "tcg/host/x86_64/access.h"

#include "core/util/range.h"

enum {
    /* A structure crosses a page the more often the larger it is, and is slow then. */
    MAX_SPAN = 512,
    MAX_OPEN = 8, /* shared checks that a further access may join */
};

struct open_check {
    struct address at; /* of the first */
    int32_t lo, hi;
    uint32_t first, last;
    uint8_t number; /* of the check and 1, 0: there is only one access yet */
    bool write;
    bool kept; /* what it is for is fixed (keep.c) */
};

struct plan {
    struct open_check open[MAX_OPEN]; /* used last first */
    unsigned count;
    uint32_t branch; /* the last insn that may leave */
};

struct address share_split(const struct cg *g, ir_ref v)
{
    const struct ir_insn *insns = g->r->insns, *i = &insns[v];
    struct address a = {.base = g->id[v]};
    uint64_t c;
    if (i->op == IR_ZEXT && i->aux == IR_W32) {
        a.narrow = true;
        a.base = g->id[i->a];
        i = &insns[i->a];
    }
    if (i->op == IR_ADD && ir_is_const(g->r, i->b, &c) && (a.narrow || (int64_t)c == (int32_t)c) &&
        (int32_t)c > INT32_MIN / 2 && (int32_t)c < INT32_MAX / 2) {
        a.base = g->id[i->a];
        a.disp = (int32_t)c;
    }
    return a;
}

/* The insn that makes a value, or NULL. */
static const struct ir_insn *maker(const struct cg *g, uint32_t value)
{
    return value < IR_MAX_INSNS ? &g->r->insns[value] : NULL;
}

/*
 * The address of an access; one whose base is a sum of registers by these. What the region keeps is
 * kept about the sum. A sum of 32 bits that was extended is another one than that of the whole
 * registers, which have the same numbers.
 */
static struct address address_of(const struct cg *g, uint32_t n)
{
    struct address a = share_split(g, g->r->insns[n].a);
    const struct ir_insn *i = maker(g, a.base);
    uint64_t c;
    int64_t disp;
    if (g->kept_of[n] || !i || (i->op != IR_LEA && i->op != IR_ADD) || !i->b ||
        (i->op == IR_ADD && ir_is_const(g->r, i->b, &c)) || (!a.narrow && i->type != IR_I64))
        return a;
    disp = a.disp + (i->op == IR_LEA ? (int64_t)(int32_t)i->imm : 0);
    if (disp <= INT32_MIN / 2 || disp >= INT32_MAX / 2)
        return a;
    a.disp = (int32_t)disp;
    a.base = g->id[i->a];
    a.index = g->id[i->b];
    a.scale = i->op == IR_LEA ? (uint8_t)i->aux : 0;
    if (!a.scale && a.base > a.index) {
        const uint32_t base = a.base;
        a.base = a.index;
        a.index = base;
    }
    return a;
}

static bool same_base(const struct address *a, const struct address *b)
{
    return a->base == b->base && a->index == b->index && a->scale == b->scale &&
           a->narrow == b->narrow;
}

/* Can what is open check for this access, too? */
static bool joins(const struct plan *p, const struct open_check *o, const struct address *a,
                  int32_t size, bool write)
{
    if (!same_base(&o->at, a))
        return false;
    if (o->kept)
        return a->disp >= o->lo && a->disp + size <= o->hi && (o->write || !write);
    /* A store behind a branch may never come: it cannot make the loads before it check for it. */
    if (write && !o->write && p->branch > o->first)
        return false;
    return MAX(o->hi, a->disp + size) - MIN(o->lo, a->disp) <= MAX_SPAN;
}

static void give_number(struct cg *g, struct open_check *o)
{
    if (o->number || g->share_count == CG_SHARES)
        return;
    o->number = (uint8_t)++g->share_count;
    g->share_of[o->first] = o->number;
    g->shares[o->number - 1] = (struct cg_share){.first = o->first, .disp = o->at.disp};
}

/* The first access of the segment by a kept check: it is for all that the region keeps it for. */
static void open_kept(struct cg *g, struct open_check *o)
{
    const struct span *at;
    if (!g->kept_of[o->first])
        return;
    give_number(g, o);
    if (!o->number)
        return;
    at = &g->kept[g->kept_of[o->first] - 1].at;
    o->kept = true;
    o->lo = at->lo;
    o->hi = at->hi;
    o->write = at->write;
}

static void see_access(struct cg *g, struct plan *p, uint32_t n)
{
    const struct ir_insn *i = &g->r->insns[n];
    int32_t size = 1 << (i->imm & IR_MEM_SIZE);
    bool write = i->op == IR_ST || (i->imm & IR_MEM_RMW);
    struct address a = address_of(g, n);
    unsigned k = 0;

    if (i->imm & IR_MEM_IDX)
        return;
    while (k < p->count && !joins(p, &p->open[k], &a, size, write))
        k++;
    struct open_check o = {.at = a, .lo = a.disp, .hi = a.disp + size, .first = n, .write = write};
    if (k < p->count) {
        o = p->open[k];
        give_number(g, &o);
    } else {
        k = MIN(k, MAX_OPEN - 1);
        p->count = MAX(p->count, k + 1);
        open_kept(g, &o);
    }
    memmove(p->open + 1, p->open, k * sizeof o);
    if (o.number) {
        struct cg_share *s = &g->shares[o.number - 1];
        o.lo = MIN(o.lo, a.disp);
        o.hi = MAX(o.hi, a.disp + size);
        o.write |= write;
        g->share_of[n] = o.number;
        if (o.kept) {
            const bool first = o.first == n;
            s->own_lo = first ? a.disp : MIN(s->own_lo, a.disp);
            s->own_hi = first ? a.disp + size : MAX(s->own_hi, a.disp + size);
            s->own_write |= write;
        }
        s->lo = o.lo;
        s->hi = o.hi;
        s->write = o.write;
        s->narrow = a.narrow;
        cg_need(g, cg_share_value(o.number), n);
    } else {
        g->kept_of[n] = 0; /* where there are no numbers left it looks its own page up */
    }
    p->open[0] = o;
}

/* Does the insn call C in any case? */
static bool calls(const struct ir_insn *i)
{
    return i->op == IR_CALL || (i->op >= IR_XCHG && i->op <= IR_CMPXCHG) ||
           (i->op >= IR_X87_BEGIN && i->op <= IR_X87_LDCW);
}

/*
 * What an access with a shared check is addressed relative to, and how far it is from there: where
 * base and displacement are added, the base; where registers are, the sum that the first access
 * has. 0: its own address.
 */
static ir_ref relative_to(const struct cg *g, uint32_t n, int32_t *disp)
{
    const struct ir_insn *insns = g->r->insns;
    const ir_ref sum = insns[n].a;
    const struct address a = address_of(g, n);
    if (a.narrow || !g->share_of[n])
        return 0;
    const struct address split = share_split(g, sum);
    if (split.disp) {
        *disp = split.disp;
        return insns[sum].a;
    }
    const uint32_t first = g->shares[g->share_of[n] - 1].first;
    const ir_ref from = insns[first].a;
    if (insns[sum].op != IR_LEA || !a.index || from == sum ||
        (insns[from].op != IR_LEA && insns[from].op != IR_ADD))
        return 0;
    const struct address at = address_of(g, first);
    /* The first one's register is of its whole address. */
    if (!same_base(&at, &a) || share_split(g, from).base != g->id[from])
        return 0;
    *disp = a.disp - at.disp;
    return from;
}

/* The address that only accesses with a shared check use is not computed: they go by another
 * register. */
static bool folds(const struct cg *g, uint32_t n, uint32_t users)
{
    const struct ir_insn *i = &g->r->insns[n];
    if ((i->op != IR_ADD && i->op != IR_LEA) || i->type != IR_I64 || !users || users != i->uses)
        return false;
    return !g->partner[n];
}

static void fold_addresses(struct cg *g, uint32_t from, uint32_t to)
{
    uint8_t users[IR_MAX_INSNS];
    memset(users + from, 0, to - from);
    for (uint32_t n = from; n < to; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        int32_t disp;
        if (!g->share_of[n] || users[i->a] == UINT8_MAX || !relative_to(g, n, &disp))
            continue;
        /* What must be aligned is tested for it in the register. */
        int32_t odd = i->imm & IR_MEM_ALIGN ? (1 << (i->imm & IR_MEM_SIZE)) - 1 : 0;
        users[i->a] += !(disp & odd);
    }
    for (uint32_t n = from; n < to; n++) {
        ir_ref sum = g->r->insns[n].a;
        int32_t disp;
        if (!g->share_of[n] || !folds(g, sum, users[sum]))
            continue;
        g->deferred[sum] = 1;
        cg_need(g, g->id[relative_to(g, n, &disp)], n);
    }
}

void share_plan(struct cg *g, uint32_t from, uint32_t to)
{
    struct plan p = {.count = 0};
    memset(g->share_of + from, 0, to - from);
    g->share_count = 0;
    for (uint32_t n = from; n < to; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        if (i->op == IR_LD || i->op == IR_ST)
            see_access(g, &p, n);
        else if (calls(i))
            p.count = 0;
        else if (i->op == IR_BRCC || i->op == IR_BRNZ || i->op == IR_EXPECT)
            p.branch = n;
    }
    if (g->share_count)
        fold_addresses(g, from, to);
}

int share_address(struct cg *g, ir_ref v, int32_t *disp)
{
    const enum ir_op op = (enum ir_op)g->r->insns[v].op;
    *disp = 0;
    if ((op != IR_ADD && op != IR_LEA) || !g->deferred[v])
        return cg_gpr(g, v);
    return cg_gpr(g, relative_to(g, g->n, disp));
}

bool share_tests_alignment(struct cg *g, unsigned attr)
{
    const unsigned bits = attr & IR_MEM_SIZE;
    if (!(attr & IR_MEM_ALIGN))
        return false;
    if (!g->share_of[g->n])
        return true;
    struct cg_share *s = &g->shares[g->share_of[g->n] - 1];
    const int32_t disp = address_of(g, g->n).disp;
    if (s->aligned >= bits && !((disp - s->aligned_disp) & ((1 << bits) - 1)))
        return false;
    s->aligned = (uint8_t)bits;
    s->aligned_disp = disp;
    return true;
}

void share_known(const struct cg *g, uint16_t *registers, uint64_t *spills)
{
    *registers = 0;
    *spills = 0;
    for (unsigned k = 1; k <= g->share_count; k++) {
        uint32_t v = cg_share_value(k);
        if (g->last[v] <= g->n)
            continue;
        if (g->reg[v] != NO_REG)
            *registers |= (uint16_t)(1u << g->reg[v]);
        if (g->spill[v] >= 0)
            *spills |= UINT64_C(1) << g->spill[v];
    }
}
