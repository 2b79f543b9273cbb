/*
 * Places inside a region that are reached from several others. At a label every slot is where the
 * region's homes say, and what leads there brings it home like an exit does.
 *
 * The flags are not packed for it when that can be avoided: around a loop they are the result of
 * the comparison at its end, which nobody looks at unless the loop is left or faults before the
 * next flags are made. So the label says how they could be computed from the values that the slots
 * have there (an FL insn behind it that is never executed), and a mark in memory overrules it for
 * who comes another way, with the flags in packed form.
 */
#include "tcg/host/x86_64/cg.h"

#include "core/util/range.h"

/* ---- what is known of the flags ----------------------------------------------------------- */

uint32_t labels_segment_end(const struct cg *g, uint32_t n)
{
    if (!g->second_tier) /* has no labels */
        return g->r->count;
    while (++n < g->r->count && g->r->insns[n].op != IR_LABEL)
        ;
    return n;
}

static bool is_flags_get(const struct cg *g, const struct ir_insn *i)
{
    return i->op == IR_GET && i->aux == g->tm->arch->slot_flags;
}

static bool is_flags_put(const struct cg *g, const struct ir_insn *i)
{
    return i->op == IR_PUT && i->aux == g->tm->arch->slot_flags;
}

static bool call_uses_flags(const struct cg *g, const struct ir_insn *i)
{
    unsigned group = g->r->slots[g->tm->arch->slot_flags].group;
    if (i->op != IR_CALL)
        return false;
    const struct ir_helper *h = &g->r->helpers[i->imm];
    return (h->reads | h->writes) >> group & 1;
}

/* Does anyone but shifts by a constant, which overwrite them all, take the flags of GET n? */
static bool flags_are_used(const struct cg *g, uint32_t n, uint32_t end)
{
    for (uint32_t m = n + 1; m < end; m++) {
        const struct ir_insn *i = &g->r->insns[m];
        ir_ref args[4];
        unsigned count, k = ir_args(i, args);
        while (k--)
            if (args[k] == n && !fl_constant_shift(g, i, &count))
                return true;
    }
    return false;
}

/* What comes first behind the label: an overwriting PUT (dead), only looks that a recipe serves,
 * or a use. */
static enum label_flags look_behind(const struct cg *g, const struct cg_label *l)
{
    enum label_flags seen =
        l->insn && g->r->insns[l->insn].d ? LABEL_FLAGS_RECIPE : LABEL_FLAGS_DEAD;
    uint32_t end = labels_segment_end(g, l->insn);
    unsigned to;
    for (uint32_t n = l->insn + 1; n < end; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        if ((is_flags_get(g, i) && flags_are_used(g, n, end)) || call_uses_flags(g, i))
            return LABEL_FLAGS_PACKED;
        if (is_flags_put(g, i))
            return seen;
        if (ir_branches(i, &to)) {
            if (g->labels[to].flags != LABEL_FLAGS_DEAD)
                seen = LABEL_FLAGS_RECIPE;
        } else if (ir_may_fault(i, g->r) || ir_ends(i) || i->op == IR_BRCC || i->op == IR_BRNZ ||
                   i->op == IR_EXPECT) {
            seen = LABEL_FLAGS_RECIPE;
        }
    }
    return seen;
}

/* The slot whose value at n this is, or -1. */
static int slot_with(const struct cg *g, uint32_t v)
{
    for (unsigned s = 0; s < g->r->slot_count; s++)
        if (g->r->slots[s].name && g->cur[s] == v && s != g->tm->arch->slot_flags)
            return (int)s;
    return -1;
}

struct operand {
    int slot; /* -1: the constant, -2: none */
    uint64_t imm;
    uint8_t type;
};
struct recipe {
    uint8_t op, aux;
    bool from_result;
    struct operand a, b;
};

static bool same_recipe(const struct recipe *x, const struct recipe *y)
{
    return x->op == y->op && x->aux == y->aux && x->from_result == y->from_result &&
           x->a.slot == y->a.slot && x->a.imm == y->a.imm && x->b.slot == y->b.slot &&
           x->b.imm == y->b.imm;
}

static bool operand_of(const struct cg *g, uint32_t v, struct operand *o)
{
    int32_t imm;
    *o = (struct operand){.slot = -2};
    if (!v)
        return true;
    if (v < IR_MAX_INSNS && g->r->insns[v].op == IR_CONST) {
        o->slot = -1;
        o->imm = g->r->insns[v].imm;
        o->type = g->r->insns[v].type;
        return cg_imm32(g, (ir_ref)v, &imm);
    }
    o->slot = slot_with(g, v);
    return o->slot >= 0 && g->r->slots[o->slot].type == IR_I64;
}

/* The flags at an edge, as the slots' values there tell them. */
static bool recipe_at(struct cg *g, struct recipe *out)
{
    uint32_t v = g->cur[g->tm->arch->slot_flags], operands[3];
    if (!v || v >= IR_MAX_INSNS || g->r->insns[v].type != IR_FL || g->r->insns[v].op == IR_GET)
        return false;
    const struct ir_insn *f = &g->r->insns[v];
    if (!fl_in_host(f) || f->op == IR_FL_CMC || f->op == IR_FL_COMIS || f->op == IR_FL_FCMP ||
        f->op == IR_FL_PTEST || f->op == IR_X87_COMI)
        return false; /* of another label, whose mark may say otherwise, or not computable late */
    fl_recipe_operands(g, v, operands, &out->from_result);
    if (!operands[0] || operands[2] || (out->from_result && f->aux < IR_W32))
        return false;
    out->op = f->op;
    out->aux = f->aux;
    return operand_of(g, operands[0], &out->a) && operand_of(g, operands[1], &out->b);
}

static ir_ref put_operand(struct cg *g, uint32_t *n, const struct operand *o)
{
    if (o->slot == -2)
        return 0;
    struct ir_insn *i = &g->r->insns[++*n];
    *i = o->slot >= 0 ? (struct ir_insn){.op = IR_GET, .type = IR_I64, .aux = (uint8_t)o->slot}
                      : (struct ir_insn){.op = IR_CONST, .type = o->type, .imm = o->imm};
    return (ir_ref)*n;
}

/* Behind the label: the insns that say it. */
static void set_recipe(struct cg *g, struct cg_label *l, const struct recipe *recipe)
{
    uint32_t n = l->insn;
    ir_ref a = put_operand(g, &n, &recipe->a), b = put_operand(g, &n, &recipe->b);
    l->mark = (uint8_t)++g->marks;
    l->recipe = (ir_ref)++n;
    g->r->insns[n] = (struct ir_insn){
        .op = recipe->op,
        .type = IR_FL,
        .aux = recipe->aux,
        .a = a,
        .b = b,
        .imm = FL_LABEL | l->mark | (recipe->from_result ? FL_LABEL_FROM_RESULT : 0u),
    };
    g->r->insns[n + 1] =
        (struct ir_insn){.op = IR_PUT, .aux = (uint8_t)g->tm->arch->slot_flags, .a = (ir_ref)n};
}

/* An edge to a label that could do with a recipe: the first that has one proposes it; those that
 * have the same need not pack (b of the branch). */
static void see_edge(struct cg *g, struct ir_insn *i, struct cg_label *l, struct recipe *of_label)
{
    struct recipe here;
    i->b = 0;
    if (l->flags != LABEL_FLAGS_RECIPE || !recipe_at(g, &here))
        return;
    if (!l->recipe) {
        if (g->marks + 1 >= ARRAY_SIZE(((struct tcg_cpu *)0)->label_flags))
            return;
        *of_label = here;
        set_recipe(g, l, &here);
    }
    i->b = same_recipe(&here, of_label);
}

/* Follow the slots' values through a segment. backward: only edges that lead back. */
static void see_segment(struct cg *g, uint32_t from, uint32_t to, bool backward,
                        struct recipe *recipes)
{
    unsigned label;
    memset(g->fused + from, 0, (to - from) * sizeof g->fused[0]);
    memset(g->cur, 0, sizeof g->cur);
    for (unsigned s = 0; s < g->r->slot_count; s++)
        if (g->r->slots[s].name)
            g->cur[s] = (uint16_t)(IR_MAX_INSNS + s);
    for (uint32_t n = from; n < to; n++) {
        struct ir_insn *i = &g->r->insns[n];
        if (i->op == IR_NOP)
            continue;
        cg_assign_id(g, n);
        fl_fuse(g, n);
        if (i->op == IR_GET) {
            if (g->cur[i->aux])
                g->id[n] = g->cur[i->aux];
            else
                g->cur[i->aux] = (uint16_t)n;
        } else if (i->op == IR_PUT) {
            g->cur[i->aux] = g->id[i->a];
        } else if (i->op == IR_CALL) {
            cg_for_each_slot(s, cg_slots(g, g->r->helpers[i->imm].writes)) g->cur[s] = 0;
        } else if (ir_branches(i, &label)) {
            struct cg_label *l = &g->labels[label];
            if ((l->insn <= n) == backward)
                see_edge(g, i, l, &recipes[label]);
        }
    }
}

/* Where every way brings the flags that the recipe says, there is no mark to look at or to clear:
 * not at the head, which is entered with any. */
static void drop_marks(struct cg *g)
{
    uint64_t marked = UINT64_C(1) << g->r->insns[1].aux;
    unsigned to;
    for (uint32_t n = 1; n < g->r->count; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        if (ir_branches(i, &to) && !i->b)
            marked |= UINT64_C(1) << to;
    }
    for (unsigned k = 0; k < IR_MAX_LABELS; k++) {
        struct cg_label *l = &g->labels[k];
        if (!l->recipe || marked >> k & 1)
            continue;
        l->mark = 0;
        g->r->insns[l->recipe].imm &= ~(uint64_t)FL_LABEL_MARK(~0u);
    }
}

void labels_plan(struct cg *g)
{
    struct recipe recipes[IR_MAX_LABELS];
    memset(g->labels, 0, sizeof g->labels);
    memset(recipes, 0, sizeof recipes);
    g->fixup_count = g->marks = 0;
    g->poll_site = 0;
    for (uint32_t n = 1; n < g->r->count; n++)
        if (g->r->insns[n].op == IR_LABEL)
            g->labels[g->r->insns[n].aux].insn = n;
    /* From dead upwards until nothing changes. */
    for (bool changed = true; changed;) {
        changed = false;
        for (unsigned k = 0; k < IR_MAX_LABELS; k++) {
            struct cg_label *l = &g->labels[k];
            enum label_flags f = l->insn ? look_behind(g, l) : LABEL_FLAGS_DEAD;
            changed |= f != l->flags;
            l->flags = (uint8_t)f;
        }
    }
    /* What leads back is what matters: it proposes first. */
    for (int backward = 1; backward >= 0; backward--)
        for (uint32_t n = 1, end; n < g->r->count; n = end) {
            end = labels_segment_end(g, n);
            see_segment(g, n, end, backward, recipes);
        }
    for (unsigned k = 0; k < IR_MAX_LABELS; k++)
        if (g->labels[k].flags == LABEL_FLAGS_RECIPE && !g->labels[k].recipe)
            g->labels[k].flags = LABEL_FLAGS_PACKED;
    drop_marks(g);
}

/* ---- code ----------------------------------------------------------------------------------- */

static struct host_mem mark_mem(const struct cg_label *l)
{
    return mem_at(ENV, TCG_ENV_OFFSET(label_flags) + 4 * l->mark);
}

/* What a transition to the label need not bring home, and whether the flags go to its mark. */
static bool flags_to_mark(struct cg *g, const struct cg_label *l, bool matches)
{
    uint64_t flags = UINT64_C(1) << g->tm->arch->slot_flags;
    g->unwanted =
        l->flags == LABEL_FLAGS_DEAD || (l->flags == LABEL_FLAGS_RECIPE && matches) ? flags : 0;
    return l->flags == LABEL_FLAGS_RECIPE && !matches;
}

static void set_mark(struct cg *g, const struct cg_label *l)
{
    int home = g->home[g->tm->arch->slot_flags];
    emit_rr(&g->e, 0xba | MAP_0F, 5, home); /* bts, 31 */
    emit_u8(&g->e, 31);
    emit_store(&g->e, 4, home, mark_mem(l));
}

static void clear_mark(struct cg *g, const struct cg_label *l)
{
    if (l->flags == LABEL_FLAGS_RECIPE && l->mark)
        emit_store_imm(&g->e, false, mark_mem(l), 0);
}

static void jump_to(struct cg *g, unsigned label, int cc)
{
    struct cg_label *l = &g->labels[label];
    uint8_t *disp = cc < 0 ? emit_jmp(&g->e) : emit_jcc(&g->e, (unsigned)cc);
    if (l->at) {
        emit_patch(disp, g->e.start + l->at);
        return;
    }
    if (g->fixup_count >= ARRAY_SIZE(g->fixups)) {
        cg_fail(g, __func__);
        return;
    }
    g->fixups[g->fixup_count].disp = disp;
    g->fixups[g->fixup_count++].label = (uint8_t)label;
}

void labels_patch(struct cg *g)
{
    for (uint32_t k = 0; k < g->fixup_count; k++) {
        struct cg_label *l = &g->labels[g->fixups[k].label];
        if (!l->at)
            cg_fail(g, __func__);
        emit_patch(g->fixups[k].disp, g->e.start + l->at);
    }
}

void labels_branch(struct cg *g, unsigned cc, unsigned label)
{
    struct cg_label *l = &g->labels[label];
    bool matches = g->r->insns[g->n].b;
    uint16_t first, count;
    bool mark = flags_to_mark(g, l, matches);
    const uint8_t stale = keep_stale(g, l);

    exit_places_with_flags(g, g->home, &first, &count);
    if (!count && !mark && !x87_pending(&g->x87)) {
        /* Nobody looks at the mark before the label is reached again: flags that it says do not
         * match. So clearing it does no harm when the branch is not taken. */
        clear_mark(g, l);
        keep_forget(g, stale); /* likewise: they are not right on either way */
        jump_to(g, label, (int)cc);
    } else {
        struct stub *s = cg_stub(g, STUB_EDGE, emit_jcc(&g->e, cc));
        s->site = (uint16_t)label;
        s->imm = mark;
        s->stale = stale;
        s->first = first;
        s->count = count;
    }
    g->unwanted = 0;
}

static void edge(struct cg *g, unsigned label, bool mark, uint8_t stale, uint16_t first,
                 uint16_t count, unsigned x87)
{
    struct cg_label *l = &g->labels[label];
    exit_transition(g, g->home, first, count, x87);
    keep_forget(g, stale);
    if (mark)
        set_mark(g, l);
    else
        clear_mark(g, l);
}

void labels_jump(struct cg *g, unsigned label)
{
    uint16_t first, count;
    bool mark = flags_to_mark(g, &g->labels[label], g->r->insns[g->n].b);
    exit_places_with_flags(g, g->home, &first, &count);
    edge(g, label, mark, keep_stale(g, &g->labels[label]), first, count, x87_record(g));
    g->unwanted = 0;
    uint32_t next = g->n + 1;
    while (next < g->r->count && g->r->insns[next].op == IR_NOP)
        next++;
    if (next < g->r->count && g->labels[label].insn == next)
        return; /* it comes right here */
    jump_to(g, label, -1);
}

void labels_stub(struct cg *g, struct stub *s)
{
    emit_patch(s->jump, g->e.p);
    if (s->kind == STUB_EDGE) {
        edge(g, s->site, s->imm, s->stale, s->first, s->count, s->x87);
        jump_to(g, s->site, -1);
        return;
    }
    exit_transition(g, g->outer_home, s->first, s->count, s->x87);
    exit_link_call(g, block_exit(g->block, s->site), false);
}

void labels_prologue(struct cg *g)
{
    struct cg_label *l = &g->labels[g->r->insns[1].aux];
    uint16_t first, count;

    /* As at a block boundary, everything needed. */
    for (unsigned s = 0; s < IR_MAX_SLOTS; s++)
        g->last[IR_MAX_INSNS + s] = UINT16_MAX;
    g->n = 0;
    cg_start(g, true);
    g->touched = g->differ;
    /* What is in memory and has no home stays; what has a home here and none outside is loaded;
     * the other way round it is stored. */
    exit_places(g, g->home, &first, &count);
    exit_transition(g, g->home, first, count, 0);
    if (l->flags == LABEL_FLAGS_RECIPE)
        set_mark(g, l);
    keep_forget(g, l->kept);
    access_page_slots(g);
}

void labels_bind(struct cg *g, const struct ir_insn *i)
{
    struct cg_label *l = &g->labels[i->aux];
    l->at = (uint32_t)(g->e.p - g->e.start);
    g->kept_valid = l->kept;
    g->depth = i->b;
    g->poll_site = i->d ? (uint16_t)(g->exits_seen++ + 1) : 0;
    g->poll_label = i->aux;
}

void labels_poll(struct cg *g)
{
    uint16_t first, count;
    exit_places_with_flags(g, g->outer_home, &first, &count);
    emit_rm(&g->e, 0x83, 7, mem_at(ENV, TCG_ENV_OFFSET(exit_request)));
    emit_u8(&g->e, 0);
    fl_clobber(g);
    uint8_t *jumps[] = {emit_jcc(&g->e, CC_NE), budget_poll(g, g->poll_label)};
    for (unsigned k = 0; k < ARRAY_SIZE(jumps) && jumps[k]; k++) {
        struct stub *s = cg_stub(g, STUB_POLL, jumps[k]);
        s->site = (uint16_t)(g->poll_site - 1);
        s->first = first;
        s->count = count;
    }
    g->poll_site = 0;
}
