/*
 * Counted execution (tcg/icount.h): code that takes instructions off the budget before they are
 * executed, and is not entered when the budget does not cover it.
 *
 * A block of the first tier charges for all of it at its entry. A region charges for a segment,
 * from one place where control may leave the straight line to the next, at its start; it looks
 * whether the budget covers the longest way to the next look where it is entered and at each label
 * that something leads back to. Snapshots say how many instructions of the segment were not
 * executed.
 */
#include "tcg/host/x86_64/cg.h"

#include <string.h>

#include "core/util/range.h"

static bool counts(const struct cg *g)
{
    return g->tm->icount != NULL;
}

static struct host_mem budget_mem(void)
{
    return mem_at(ENV, TCG_ENV_OFFSET(budget));
}

/* Control may leave the straight line behind it. */
static bool ends_segment(const struct ir_insn *i)
{
    return i->op == IR_LABEL || i->op == IR_BRCC || i->op == IR_BRNZ || i->op == IR_EXPECT ||
           ir_ends(i);
}

uint32_t budget_segment_insns(const struct cg *g, uint32_t n)
{
    uint32_t insns = 0;
    for (; n < g->r->count && !ends_segment(&g->r->insns[n]); n++)
        insns += g->r->insns[n].op == IR_INSN;
    return insns;
}

/* Changes EFLAGS. */
static void charge(struct cg *g, uint32_t insns)
{
    g->rest = (uint16_t)(insns + 1); /* until the next instruction starts */
    if (!insns)
        return;
    emit_rm(&g->e, 0x81, 5, budget_mem());
    emit_u32(&g->e, insns);
    fl_clobber(g);
}

static uint8_t *look(struct cg *g, unsigned wanted)
{
    emit_rm(&g->e, 0x81, 7, budget_mem());
    emit_u32(&g->e, wanted);
    return emit_jcc(&g->e, CC_L);
}

static bool label_polls(const struct cg *g, unsigned label)
{
    return g->r->insns[g->labels[label].insn].d != 0;
}

/* Backwards, with what is known of labels so far. true: more is known now. */
static bool lengthen(struct cg *g)
{
    unsigned way = 0, label;
    bool longer = false;
    for (uint32_t n = g->r->count; n-- > 1;) {
        const struct ir_insn *i = &g->r->insns[n];
        if (ir_ends(i))
            way = 0;
        if (ir_branches(i, &label) && !label_polls(g, label))
            way = MAX(way, (unsigned)g->longest[label]);
        way += i->op == IR_INSN;
        if (i->op != IR_LABEL)
            continue;
        longer |= way > g->longest[i->aux];
        g->longest[i->aux] = (uint16_t)way;
        if (i->d)
            way = 0;
    }
    return longer;
}

/* Every cycle meets a look, so there is a longest way from each label. */
static void find_longest(struct cg *g)
{
    memset(g->longest, 0, sizeof g->longest);
    for (unsigned k = 0; k < IR_MAX_LABELS && lengthen(g); k++)
        ;
}

void budget_enter(struct cg *g)
{
    struct tcg_block *b = g->block;
    if (!counts(g))
        return;
    g->charge_label = false;
    if (g->second_tier) {
        find_longest(g);
        b->longest = g->longest[g->r->insns[1].aux];
    }
    /* Single instructions, and what is made for one use, are entered by the run loop only, which
     * has looked. */
    if (b->page && !(b->mode & TCG_MODE_SINGLE))
        emit_patch(look(g, b->longest), g->e.start - 5);
    if (!g->second_tier)
        charge(g, b->guest_insns);
}

uint8_t *budget_poll(struct cg *g, unsigned label)
{
    return counts(g) ? look(g, g->longest[label]) : NULL;
}

void budget_behind(struct cg *g, const struct ir_insn *i)
{
    if (!ends_segment(i))
        return;
    if (i->op == IR_LABEL) /* behind its poll, which comes with the first instruction */
        g->charge_label = true;
    else if (!ir_ends(i))
        charge(g, budget_segment_insns(g, g->n + 1));
}

void budget_insn(struct cg *g)
{
    if (!counts(g))
        return;
    if (g->charge_label)
        charge(g, budget_segment_insns(g, g->n));
    g->charge_label = false;
    g->rest--;
}
