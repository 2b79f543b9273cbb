/* How translated instructions end a region: see exits.h. */
#include "tcg/exits.h"

unsigned tcg_exit_flags(const struct tcg_translation *t, int64_t start, int64_t rel)
{
    /* A region of several blocks may have gone back on its way to an exit that goes forward. */
    return (rel <= start || t->node ? IR_EXIT_POLL : 0u) |
           (rel < 0 || rel >= (int64_t)MEM_PAGE_SIZE ? IR_EXIT_CROSS : 0u);
}

void tcg_exit(struct tcg_translation *t, int64_t start, int64_t rel)
{
    const struct tcg_edge *edge = tcg_edge_to(t, rel);
    if (!edge)
        ir_emit(t->ir, IR_EXIT, IR_VOID, tcg_exit_flags(t, start, rel), 0, 0, 0, 0, (uint64_t)rel);
    else if (edge->kind == TCG_EDGE_LABEL)
        ir_emit(t->ir, IR_JMP, IR_VOID, edge->label, 0, 0, 0, 0, (uint64_t)rel);
}

bool tcg_runs_on_to(const struct tcg_translation *t, int64_t rel)
{
    const struct tcg_edge *edge = tcg_edge_to(t, rel);
    return edge && edge->kind == TCG_EDGE_NEXT;
}

void tcg_exit_if(struct tcg_translation *t, int64_t start, ir_ref fl, unsigned cc, ir_ref nonzero,
                 int64_t rel)
{
    const struct tcg_edge *edge = tcg_edge_to(t, rel);
    ir_ref flags = edge ? IR_EXIT_LABEL : (ir_ref)tcg_exit_flags(t, start, rel),
           label = edge ? edge->label : 0;
    if (fl)
        ir_emit(t->ir, IR_BRCC, IR_VOID, cc, fl, 0, label, flags, (uint64_t)rel);
    else
        ir_emit(t->ir, IR_BRNZ, IR_VOID, 0, nonzero, 0, label, flags, (uint64_t)rel);
}

void tcg_exit_either(struct tcg_translation *t, int64_t start, ir_ref fl, unsigned cc,
                     ir_ref nonzero, int64_t rel, int64_t next)
{
    struct ir_region *r = t->ir;
    if (!tcg_runs_on_to(t, rel)) {
        tcg_exit_if(t, start, fl, cc, nonzero, rel);
        tcg_exit(t, start, next);
        return;
    }
    if (!tcg_runs_on_to(t, next)) {
        if (!fl)
            nonzero = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, nonzero,
                              ir_const(r, r->insns[nonzero].type, 0), 0, 0, r->insns[nonzero].type);
        tcg_exit_if(t, start, fl, cc ^ 1, nonzero, next);
    }
    tcg_exit(t, start, rel);
}

bool tcg_exit_return(struct tcg_translation *t, int64_t start, ir_ref target)
{
    const struct tcg_node *node = t->node;
    if (!node || !node->returns)
        return false;
    ir_emit(t->ir, IR_EXPECT, IR_VOID, 0, target, 0, 0, 0, (uint64_t)node->edges[0].rel);
    tcg_exit(t, start, node->edges[0].rel);
    return true;
}
