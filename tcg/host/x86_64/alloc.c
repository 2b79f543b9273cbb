/*
 * Where each value is: one forward pass, with last uses found beforehand.
 *
 * A value may be in a register, in a spill place on the stack, in the memory of a slot, or be a
 * constant. Slots with a home start in their home register (as a value of their own: IR_MAX_INSNS +
 * slot), others in memory. An evicted value goes to its slot's memory when it is the slot's present
 * value (where the block end wants it, or at no harm), else to a spill place. Nothing here changes
 * EFLAGS.
 */
#include "tcg/host/x86_64/cg.h"

#include "core/util/range.h"

/* ---- preparation
 * ------------------------------------------------------------------------------------------ */

static bool zero_extended(const struct ir_region *r, ir_ref v)
{
    uint8_t op = r->insns[v].op;
    /* these may keep what was above in the register */
    return r->insns[v].type == IR_I32 && op != IR_TRUNC && op != IR_DEPOSIT && op != IR_FSHL &&
           op != IR_FSHR;
}

/* Points where the state of slots is looked at; groups: which slots. */
static uint64_t observed_groups(const struct cg *g, const struct ir_insn *i)
{
    if (i->op == IR_LABEL)
        return 0;
    if (i->op != IR_CALL || g->r->helpers[i->imm].flags & HELPER_FAULT)
        return HELPER_ALL_GROUPS;
    return g->r->helpers[i->imm].reads | g->r->helpers[i->imm].writes;
}

bool cg_is_alias(const struct ir_region *r, uint32_t n)
{
    const struct ir_insn *i = &r->insns[n];
    return i->op == IR_TRUNC || i->op == IR_FL_PACK || i->op == IR_V_LO ||
           (i->op == IR_ZEXT && i->type == IR_I64 && i->aux == IR_W32 && zero_extended(r, i->a));
}

/* The value that insn n stands for: conversions that need no code share their argument's. In order.
 */
void cg_assign_id(struct cg *g, uint32_t n)
{
    const struct ir_insn *i = &g->r->insns[n];
    bool same = cg_is_alias(g->r, n);
    /* The register of a v128 value is a v256 whose upper half is zero. */
    if (i->op == IR_V_JOIN)
        same = (cg_is_zero_vec(g, i->b) && g->id[i->a] < IR_MAX_INSNS &&
                !cg_is_wide(g, g->id[i->a])) ||
               (g->id[i->a] && cg_high_of(g, g->id[i->b]) == g->id[i->a]);
    g->id[n] = same ? g->id[i->a] : (ir_ref)n;
}

/* The registers that are homes within the region: what follows from home[]. */
static void index_homes(struct cg *g)
{
    memset(g->home_slot, -1, sizeof g->home_slot);
    memset(g->xmm_home_slot, -1, sizeof g->xmm_home_slot);
    g->homed = g->differ = g->wide_homes = 0;
    for (unsigned s = 0; s < g->tm->arch->slot_count; s++) {
        const struct ir_slot *slot = &g->tm->arch->slots[s];
        if (!slot->name)
            continue;
        if (g->home[s] != g->outer_home[s])
            g->differ |= UINT64_C(1) << s;
        if (g->home[s] == NO_REG)
            continue;
        g->homed |= UINT64_C(1) << s;
        if (g->lower[s] >= 0 && g->home[g->lower[s]] == g->home[s])
            g->wide_homes |= UINT64_C(1) << g->lower[s];
        else if (slot->type == IR_V128)
            g->xmm_home_slot[g->home[s]] = (int8_t)s;
        else
            g->home_slot[g->home[s]] = (int8_t)s;
    }
}

void cg_init(struct cg *g, struct tcg_machine *tm)
{
    const struct tcg_arch *arch = tm->arch;
    memset(g, 0, sizeof *g);
    g->tm = tm;
    memset(g->outer_home, NO_REG, sizeof g->outer_home);
    memset(g->upper, -1, sizeof g->upper);
    memset(g->lower, -1, sizeof g->lower);
    for (unsigned s = 0; s < arch->slot_count; s++) {
        if (!arch->slots[s].name)
            continue;
        g->group_slots[arch->slots[s].group] |= UINT64_C(1) << s;
        if (arch->slots[s].upper) {
            g->upper[s] = (int8_t)arch->slots[s].upper;
            g->lower[g->upper[s]] = (int8_t)s;
        }
        g->outer_home[s] = (int8_t)target_home(arch, s);
    }
    memcpy(g->home, g->outer_home, sizeof g->home);
    index_homes(g);
    memset(g->block_start.reg, NO_REG, sizeof g->block_start.reg);
    cg_for_each_slot(s, g->homed)
    {
        g->block_start.cur[s] = (uint16_t)(IR_MAX_INSNS + s);
        g->block_start.reg[s] = g->home[s];
        g->block_start.gpr[g->home[s]] = (uint16_t)(IR_MAX_INSNS + s);
    }
}

/* The most used slots of a class get its registers; one that keeps its home at block boundaries
 * needs no move there. */
static void choose_class(struct cg *g, uint32_t *weight, enum ir_type type, const int8_t *regs,
                         unsigned count)
{
    uint32_t chosen[IR_MAX_SLOTS], n = 0, used = 0;
    while (n < count) {
        unsigned best = IR_MAX_SLOTS;
        for (unsigned s = 0; s < g->r->slot_count; s++)
            if (weight[s] && g->r->slots[s].type == type &&
                (best == IR_MAX_SLOTS || weight[s] > weight[best]))
                best = s;
        if (best == IR_MAX_SLOTS)
            break;
        weight[best] = 0;
        chosen[n++] = best;
    }
    for (unsigned k = 0; k < n; k++) {
        if (g->outer_home[chosen[k]] == NO_REG)
            continue;
        g->home[chosen[k]] = g->outer_home[chosen[k]];
        used |= 1u << g->home[chosen[k]];
    }
    for (unsigned k = 0, next = 0; k < n; k++) {
        if (g->home[chosen[k]] != NO_REG)
            continue;
        while (used >> regs[next] & 1)
            next++;
        g->home[chosen[k]] = regs[next];
        used |= 1u << regs[next];
    }
}

void cg_choose_homes(struct cg *g)
{
    static const int8_t vectors[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    const struct ir_region *r = g->r;
    uint32_t weight[IR_MAX_SLOTS] = {0}, each = 1;
    uint64_t changed = 0;

    for (uint32_t n = 1; n < r->count; n++) {
        const struct ir_insn *i = &r->insns[n];
        if (i->op == IR_LABEL)
            each = 1u << 3 * (i->b < 4 ? i->b : 4);
        else if (i->op == IR_GET || i->op == IR_PUT)
            weight[i->aux] += each;
        if (i->op == IR_PUT)
            changed |= UINT64_C(1) << i->aux;
        if (i->op == IR_CALL)
            changed |= cg_slots(g, r->helpers[i->imm].writes);
    }
    g->clean = ~changed;
    weight[g->tm->arch->slot_pc] = 0; /* its memory is where exits pass a target on */
    memset(g->home, NO_REG, sizeof g->home);
    g->home[g->tm->arch->slot_flags] = FLAGS_HOME;
    choose_class(g, weight, IR_I64, target_homes, TARGET_HOMES);
    /* One register for both halves where the upper one plays a part. */
    uint64_t wide = 0;
    for (unsigned s = 0; s < r->slot_count; s++)
        if (g->upper[s] >= 0 && weight[g->upper[s]]) {
            weight[s] += weight[g->upper[s]];
            weight[g->upper[s]] = 0;
            wide |= UINT64_C(1) << s;
        }
    choose_class(g, weight, IR_V128, vectors, sizeof vectors);
    cg_for_each_slot(s, wide) g->home[g->upper[s]] = g->home[s];
    index_homes(g);
}

uint64_t cg_slots(const struct cg *g, uint64_t groups)
{
    uint64_t slots = 0;
    for (; groups; groups &= groups - 1)
        slots |= g->group_slots[__builtin_ctzll(groups)];
    return slots;
}

/* Slots' present values at the start of a segment, by the homes in force there. */
static void start_values(struct cg *g, const int8_t *home)
{
    if (!g->second_tier) {
        memcpy(g->cur, g->block_start.cur, sizeof g->cur);
        return;
    }
    memset(g->cur, 0, sizeof g->cur);
    for (uint64_t m = g->homed | g->differ; m; m &= m - 1) {
        unsigned s = (unsigned)__builtin_ctzll(m);
        g->cur[s] = home[s] != NO_REG ? (uint16_t)(IR_MAX_INSNS + s) : 0;
    }
}

void cg_start(struct cg *g, bool outer)
{
    const int8_t *home = outer ? g->outer_home : g->home;
    memset(g->xmm, 0, sizeof g->xmm);
    memset(g->slot_owner, 0, sizeof g->slot_owner);
    memset(g->spill + IR_MAX_INSNS, -1, IR_MAX_SLOTS);
    memset(g->mem + IR_MAX_INSNS, -1, IR_MAX_SLOTS * sizeof g->mem[0]);
    g->gpr_locked = g->xmm_locked = 0;
    g->xmm_used = 0;
    g->touched = 0;
    g->spill_used = 0;
    g->host_flags = 0;
    g->uppers_zero = false;
    g->x87 = (struct x87_state){0};
    start_values(g, home);
    if (!g->second_tier) {
        memcpy(g->gpr, g->block_start.gpr, sizeof g->gpr);
        memcpy(g->reg + IR_MAX_INSNS, g->block_start.reg, IR_MAX_SLOTS);
        return;
    }
    memset(g->gpr, 0, sizeof g->gpr);
    memset(g->reg + IR_MAX_INSNS, NO_REG, IR_MAX_SLOTS);
    cg_for_each_slot(s, g->homed | g->differ)
    {
        uint16_t v = g->cur[s];
        bool clean = g->clean >> s & 1;
        if (!v)
            continue;
        if (!clean && g->r->slots[s].type != IR_V128) {
            g->reg[v] = home[s];
            g->gpr[home[s]] = v;
            continue;
        }
        if (cg_high_of(g, v))
            continue;
        cg_bind(g, v, home[s]);
        if (cg_is_wide(g, v)) {
            clean = clean && (g->clean >> g->upper[s] & 1);
            g->slot_owner[g->upper[s]] = clean && !outer ? v : 0;
        }
        if (!outer && clean && g->outer_home[s] == NO_REG) {
            g->mem[v] = (int16_t)s;
            g->slot_owner[s] = v;
        }
    }
    g->touched = 0;
}

static void prepare_call(struct cg *g, uint32_t n, const struct ir_helper *h, uint16_t *put_at)
{
    cg_for_each_slot(s, cg_slots(g, h->writes))
    {
        cg_need(g, g->cur[s], n);
        g->cur[s] = 0;
        put_at[s] = (uint16_t)n;
    }
}

enum flags_look { FLAGS_NO, FLAGS_SOFT, FLAGS_HARD };

/* How an insn that looks at slots looks at the flags. Soft: a recipe will do, since only a fault
 * or an exit of the second tier, which computes them, wants them. */
static enum flags_look flags_look(const struct cg *g, const struct ir_insn *i)
{
    unsigned label;
    switch (i->op) {
    case IR_JMP:
    case IR_BRCC:
    case IR_BRNZ:
        if (ir_branches(i, &label)) /* b: the label's own recipe says it */
            return g->labels[label].flags == LABEL_FLAGS_DEAD || i->b ? FLAGS_NO : FLAGS_SOFT;
        return g->second_tier ? FLAGS_SOFT : FLAGS_HARD;
    case IR_EXIT:
    case IR_EXIT_IND:
    case IR_EXIT_MODE:
    case IR_EXIT_DYN:
    case IR_EXPECT:
        return g->second_tier ? FLAGS_SOFT : FLAGS_HARD;
    case IR_CALL: {
        const struct ir_helper *h = &g->r->helpers[i->imm];
        if ((h->reads | h->writes) >> g->r->slots[g->tm->arch->slot_flags].group & 1)
            return FLAGS_HARD;
        return h->flags & HELPER_FAULT ? FLAGS_SOFT : FLAGS_NO;
    }
    default:
        return FLAGS_SOFT;
    }
}

/* What cg_prepare has to do about an insn besides what all of them take. */
enum {
    DO_ALIAS = 1 << 0,     /* may stand for another value: cg_assign_id */
    DO_FLAG_ARGS = 1 << 1, /* flags go in, or come out and may come with another insn */
    DO_FUSE = 1 << 2,      /* flags may come with it */
    DO_CONVERT = 1 << 3,   /* passes on where its result is wanted */
    DO_LOOK = 1 << 4,      /* slots are looked at */
};
#define HAS_FLAGS(args)                                                                            \
    ((args)[0] == 'f' || (args)[1] == 'f' || (args)[2] == 'f' || (args)[3] == 'f')
#define LOOKS(op)                                                                                  \
    (((op) >= IR_LD && (op) <= IR_CMPXCHG) || (op) == IR_X87_LD || (op) == IR_X87_ST ||            \
     ((op) >= IR_TRAPNZ && (op) <= IR_EXIT_DYN) || (op) == IR_CALL)
static const uint8_t to_do[IR_OP_COUNT] = {
#define X(name, res, args, doc)                                                                    \
    [IR_##name] =                                                                                  \
        (IR_##name == IR_TRUNC || IR_##name == IR_FL_PACK || IR_##name == IR_V_LO ||               \
                 IR_##name == IR_ZEXT || IR_##name == IR_V_JOIN                                    \
             ? DO_ALIAS                                                                            \
             : 0) |                                                                                \
        (HAS_FLAGS(args) || (res) == 'F' ? DO_FLAG_ARGS : 0) |                                     \
        (IR_##name >= IR_ADD && IR_##name <= IR_SAR ? DO_FUSE : 0) |                               \
        (IR_##name == IR_ZEXT || IR_##name == IR_SEXT || IR_##name == IR_DEPOSIT ? DO_CONVERT      \
                                                                                 : 0) |            \
        (LOOKS(IR_##name) ? DO_LOOK : 0),
    IR_OPS(X)
#undef X
};

/* Between the insn that leaves flags in EFLAGS and one that tests them: emits moves at most. Other
 * flags are tested there, too. */
static bool keeps_host_flags(const struct cg *g, const struct ir_insn *i, uint32_t flags)
{
    unsigned label;
    switch (i->op) {
    case IR_NOP:
    case IR_CONST:
    case IR_GET:
    case IR_PUT:
    case IR_TRUNC:
    case IR_LEA:
        return true;
    case IR_SETCC:
        return g->id[i->a] == flags;
    case IR_SELCC:
        return g->id[i->c] == flags;
    case IR_ADD: /* LEA as well, where no flags come with it */
        return !g->partner[i - g->r->insns];
    case IR_STENV:
        return g->r->insns[i->a].op == IR_CONST && i->aux <= IR_W32;
    case IR_INSN:
        return !g->tm->count && !g->tm->icount;
    case IR_BRCC:
        return g->id[i->a] == flags && !g->tm->count && !g->tm->icount && !ir_branches(i, &label);
    default:
        return false;
    }
}

static bool tests_flags(const struct ir_insn *i)
{
    return i->op == IR_BRCC || i->op == IR_SETCC || i->op == IR_SELCC || i->op == IR_TRAPCC ||
           i->op == IR_FL_CMC || i->op == IR_FL_CCMP || i->op == IR_LDCC || i->op == IR_STCC;
}

/* What slots were looked at while a segment is prepared. */
struct looks {
    uint32_t point;             /* last insn that looked at every slot but the flags */
    uint32_t hard;              /* last insn that wants the flags themselves */
    uint16_t at[IR_MAX_SLOTS];  /* or at this one */
    uint16_t put[IR_MAX_SLOTS]; /* where its present value was PUT */
};

/* The slot's value up to here is needed as long as anyone looked at it. */
static void need_slot(struct cg *g, const struct looks *l, unsigned s)
{
    unsigned flags = g->tm->arch->slot_flags;
    uint32_t v = g->cur[s], looked = s != flags && l->point > l->at[s] ? l->point : l->at[s];
    if (!v || looked <= l->put[s])
        return;
    if (s == flags && v < IR_MAX_INSNS && l->hard <= l->put[s])
        g->soft[v] = (uint16_t)looked;
    else
        cg_need(g, v, looked);
}

/* Flags v are tested by insn n, right where they were made. */
static void test_directly(struct cg *g, uint32_t v, uint32_t n)
{
    const struct ir_insn *f = &g->r->insns[v];
    g->direct[v] = 1;
    if (f->op == IR_FL_FCMP) { /* it compares itself */
        cg_need(g, g->id[f->a], n);
        cg_need(g, g->id[f->b], n);
    }
}

/* An insn's arguments; flags that are tested right where they were made stay in EFLAGS. */
static void need_arguments(struct cg *g, uint32_t n, uint32_t in_host_flags)
{
    const struct ir_insn *i = &g->r->insns[n];
    ir_ref args[4];
    unsigned count, k = g->fused[n] ? 0 : ir_args(i, args);
    while (k--) {
        uint32_t v = g->id[args[k]];
        bool flags = g->r->insns[args[k]].type == IR_FL;
        ir_ref lone = flags ? fl_lone_carry(g, i, args[k]) : 0;
        if (flags && fl_constant_shift(g, i, &count))
            continue; /* every flag is overwritten */
        if (lone)
            cg_need(g, lone, n);
        else if (flags && tests_flags(i) && v == in_host_flags)
            test_directly(g, v, n);
        else
            cg_need(g, v, n);
    }
}

/* The same where none of them is flags. */
static void need_values(struct cg *g, uint32_t n)
{
    const struct ir_insn *i = &g->r->insns[n];
    switch (ir_traits[i->op] & IR_TRAIT_ARGS) {
    case 4:
        cg_need(g, g->id[i->d], n);
        /* fall through */
    case 3:
        cg_need(g, g->id[i->c], n);
        /* fall through */
    case 2:
        cg_need(g, g->id[i->b], n);
        /* fall through */
    case 1:
        cg_need(g, g->id[i->a], n);
        /* fall through */
    default:
        break;
    }
}

static void look(struct cg *g, struct looks *l, uint32_t n, uint64_t groups,
                 enum flags_look at_flags)
{
    unsigned flags = g->tm->arch->slot_flags;
    if (groups == HELPER_ALL_GROUPS)
        l->point = n;
    else if (groups)
        cg_for_each_slot(s, cg_slots(g, groups) & ~(UINT64_C(1) << flags)) l->at[s] = (uint16_t)n;
    if (!groups || at_flags == FLAGS_NO)
        return;
    l->at[flags] = (uint16_t)n;
    if (at_flags == FLAGS_HARD)
        l->hard = n;
}

/* A few values at a time as a rule: less than a call of memset takes. */
static void fill(void *at, size_t bytes, uint8_t with)
{
    const uint64_t word[2] = {with * UINT64_C(0x0101010101010101),
                              with * UINT64_C(0x0101010101010101)};
    uint8_t *p = at, *last = p + bytes - sizeof word;
    if (bytes < sizeof word) {
        memset(at, with, bytes);
        return;
    }
    for (; p < last; p += sizeof word)
        memcpy(p, word, sizeof word);
    memcpy(last, word, sizeof word);
}

static void clear_values(struct cg *g, uint32_t from, uint32_t count)
{
    fill(g->last + from, count * sizeof g->last[0], 0);
    fill(g->reg + from, count, (uint8_t)NO_REG);
    fill(g->spill + from, count, (uint8_t)-1);
    fill(g->mem + from, count * sizeof g->mem[0], (uint8_t)-1);
    fill(g->hint + from, count, (uint8_t)NO_REG);
}

/* Flags that anyone looks at exist in packed form, unless a recipe will do. */
static void prepare_flags(struct cg *g, uint32_t n)
{
    g->recipe[n] = !g->last[n] && g->soft[n] && fl_recipe(g, n, g->soft[n]);
    cg_need(g, n, g->soft[n]);
    g->packed[n] = g->last[n] && !g->recipe[n];
}

static void pass_hint_back(struct cg *g, uint32_t n)
{
    ir_ref from = g->id[g->r->insns[n].a];
    if (g->hint[n] != NO_REG && from < IR_MAX_INSNS && g->hint[from] == NO_REG)
        g->hint[from] = g->hint[n];
}

void cg_prepare(struct cg *g, uint32_t from, uint32_t to)
{
    struct ir_region *r = g->r;
    struct looks l = {0};
    uint32_t in_host_flags = 0; /* FL insn that EFLAGS will hold */
    bool poll = false;          /* the label's poll comes with the first guest instruction */
    ir_ref flags[IR_MAX_INSNS], conversions[IR_MAX_INSNS]; /* insns that need a second look */
    uint32_t flag_count = 0, conversion_count = 0;
    uint64_t slots = g->homed | g->differ; /* that may have a value */

    clear_values(g, from, to - from);
    clear_values(g, IR_MAX_INSNS, IR_MAX_SLOTS + (g->inline_access ? CG_SHARES : 0));
    fill(g->packed + from, to - from, 0);
    fill(g->direct + from, to - from, 0);
    fill(g->soft + from, (to - from) * sizeof g->soft[0], 0);
    fill(g->recipe + from, to - from, 0);
    fill(g->fused + from, (to - from) * sizeof g->fused[0], 0);
    fill(g->deferred + from, to - from, 0);
    fill(g->partner + from, to - from, 0);
    g->segment_end = to;
    start_values(g, g->home);

    for (uint32_t n = from; n < to; n++) {
        struct ir_insn *i = &r->insns[n];
        switch (i->op) {
        case IR_NOP:
            continue;
        case IR_CONST:
            g->id[n] = (ir_ref)n;
            continue;
        case IR_INSN:
            in_host_flags = g->tm->count || g->tm->icount ? 0 : in_host_flags;
            if (poll)
                look(g, &l, n, HELPER_ALL_GROUPS, FLAGS_SOFT);
            poll = false;
            continue;
        case IR_GET:
            if (!g->cur[i->aux])
                g->cur[i->aux] = (uint16_t)n;
            g->id[n] = g->cur[i->aux];
            slots |= UINT64_C(1) << i->aux;
            if (i->type == IR_FL)
                flags[flag_count++] = (ir_ref)n;
            continue;
        case IR_PUT: {
            unsigned s = i->aux;
            if (r->insns[i->a].type != IR_FL) /* flags are needed by who looks at the slot */
                cg_need(g, g->id[i->a], n);
            need_slot(g, &l, s);
            g->cur[s] = g->id[i->a];
            l.put[s] = (uint16_t)n;
            slots |= UINT64_C(1) << s;
            if (g->home[s] != NO_REG && g->cur[s] < IR_MAX_INSNS)
                g->hint[g->cur[s]] = g->home[s];
            continue;
        }
        case IR_TRUNC:
            g->id[n] = g->id[i->a];
            cg_need(g, g->id[n], n);
            continue;
        case IR_LABEL:
            poll = i->d != 0;
            break;
        default:
            break;
        }
        unsigned how = to_do[i->op];
        if (how & DO_ALIAS)
            cg_assign_id(g, n);
        else
            g->id[n] = (ir_ref)n;
        if (how & DO_FLAG_ARGS)
            need_arguments(g, n, in_host_flags);
        else
            need_values(g, n);
        if (how & DO_CONVERT)
            conversions[conversion_count++] = (ir_ref)n;
        if (how & DO_FUSE)
            fl_find_fused(g, n);
        if (i->type == IR_FL) {
            flags[flag_count++] = (ir_ref)n;
            in_host_flags = fl_in_host(i) ? n : 0;
        } else if (in_host_flags && !keeps_host_flags(g, i, in_host_flags) && !cg_is_alias(r, n) &&
                   !(tests_flags(i) && g->id[i->a] == in_host_flags)) {
            in_host_flags = 0;
        }
        if (!(how & DO_LOOK))
            continue;
        look(g, &l, n, observed_groups(g, i), flags_look(g, i));
        if (i->op == IR_CALL) {
            /* what it writes is looked at up to it, also by nobody: the stores come first */
            prepare_call(g, n, &r->helpers[i->imm], l.put);
        }
    }
    for (; slots; slots &= slots - 1)
        need_slot(g, &l, (unsigned)__builtin_ctzll(slots));
    for (uint32_t k = 0; k < flag_count; k++)
        prepare_flags(g, flags[k]);
    if (g->inline_access)
        share_plan(g, from, to);
    while (conversion_count)
        pass_hint_back(g, conversions[--conversion_count]);
}

/* ---- memory places
 * ------------------------------------------------------------------------------------------ */

static int spill_place(struct cg *g, uint32_t v)
{
    for (int k = 0; k < CG_SPILLS; k++) {
        if (!(g->spill_used >> k & 1) || g->last[g->spill_owner[k]] < g->n) {
            g->spill_used |= UINT64_C(1) << k;
            g->spill_owner[k] = (uint16_t)v;
            return k;
        }
    }
    cg_fail(g, __func__);
    return 0;
}

static bool is_const(const struct cg *g, uint32_t v)
{
    return v < IR_MAX_INSNS && g->r->insns[v].op == IR_CONST;
}

/* Can be had again without a place in memory. */
static bool is_remade(const struct cg *g, uint32_t v)
{
    return is_const(g, v) || cg_is_zero_vec(g, v) || cg_high_of(g, v);
}

/* Does value v rely on the memory of slot s? A v256 that is in memory is so with both halves. */
static bool in_slot(const struct cg *g, uint32_t v, int s)
{
    return g->mem[v] == s || (cg_is_wide(g, v) && g->mem[v] >= 0 && g->mem[v] == g->lower[s]);
}

bool cg_slot_in_memory(const struct cg *g, unsigned s)
{
    uint32_t v = g->cur[s], whole = v ? cg_high_of(g, v) : 0;
    return !v || g->mem[v] == (int)s || (whole && g->lower[s] >= 0 && g->mem[whole] == g->lower[s]);
}

static int slot_of_value(const struct cg *g, uint32_t v)
{
    cg_for_each_slot(s, g->touched | g->homed)
    {
        if (g->cur[s] == v)
            return (int)s;
    }
    return -1;
}

/* The memory of slot s is about to be overwritten: whoever relies on it must have another place. */
static void leave_slot_memory(struct cg *g, unsigned s, uint32_t except)
{
    uint32_t v = g->slot_owner[s];
    if (!v || v == except)
        return;
    g->slot_owner[s] = 0;
    if (!in_slot(g, v, (int)s))
        return;
    if (g->reg[v] == NO_REG && g->spill[v] < 0 && !is_remade(g, v) && g->last[v] >= g->n) {
        if (cg_is_xmm(g, v))
            cg_xmm(g, (ir_ref)v);
        else
            cg_gpr(g, (ir_ref)v);
    }
    g->mem[v] = -1;
}

void cg_store_slot(struct cg *g, unsigned s)
{
    uint32_t v = g->cur[s];
    const struct ir_slot *slot = &g->r->slots[s];
    if (cg_slot_in_memory(g, s))
        return;
    leave_slot_memory(g, s, v);
    g->state_stores++;
    if (slot->type == IR_V128) {
        emit_vex_rm(&g->e, V_MOVDQU_STORE, cg_xmm(g, (ir_ref)v), NO_REG, cg_slot_mem(g, s));
        if (cg_is_wide(g, v))
            return; /* one half of it */
    } else {
        int32_t imm;
        if (is_const(g, v) && cg_imm32(g, (ir_ref)v, &imm))
            emit_store_imm(&g->e, slot->type == IR_I64, cg_slot_mem(g, s), imm);
        else
            emit_store(&g->e, slot->type == IR_I64 ? 8 : 4, cg_gpr(g, (ir_ref)v),
                       cg_slot_mem(g, s));
    }
    g->mem[v] = (int16_t)s;
    g->slot_owner[s] = (uint16_t)v;
}

/* ---- registers
 * ------------------------------------------------------------------------------------------------
 */

/* A home register's content changes. */
static void touch_register(struct cg *g, bool xmm, int reg)
{
    int slot = xmm ? g->xmm_home_slot[reg] : g->home_slot[reg];
    if (slot >= 0)
        g->touched |= UINT64_C(1) << slot;
}

static void set_free(struct cg *g, bool xmm, int reg)
{
    uint32_t v = xmm ? g->xmm[reg] : g->gpr[reg];
    if (!v)
        return;
    g->reg[v] = NO_REG;
    if (xmm) {
        g->xmm[reg] = 0;
        g->xmm_used &= ~(1u << reg);
    } else {
        g->gpr[reg] = 0;
    }
    touch_register(g, xmm, reg);
}

static bool needed_later(const struct cg *g, uint32_t v)
{
    return g->last[v] >= g->n;
}

static bool only_in_slot(const struct cg *g, uint32_t v, int s)
{
    return in_slot(g, v, s) && g->reg[v] == NO_REG && g->spill[v] < 0 && needed_later(g, v);
}

/* Slot s's memory is value v's now. */
static void give_up_slot(struct cg *g, int s, uint32_t v)
{
    uint32_t owner = g->slot_owner[s];
    if (owner && owner != v && in_slot(g, owner, s))
        g->mem[owner] = -1;
    g->slot_owner[s] = (uint16_t)v;
}

/* The two slots whose present value is the v256 v: the lower one, or -1. */
static int slots_of_wide(const struct cg *g, uint32_t v)
{
    int s = slot_of_value(g, v), up = s >= 0 ? g->upper[s] : -1;
    if (up < 0 || cg_high_of(g, g->cur[up]) != v)
        return -1;
    uint32_t low = g->slot_owner[s], high = g->slot_owner[up];
    return (low && only_in_slot(g, low, s)) || (high && only_in_slot(g, high, up)) ? -1 : s;
}

void cg_spill(struct cg *g, uint32_t v)
{
    int k = spill_place(g, v);
    g->spill[v] = (int8_t)k;
    if (cg_is_xmm(g, v))
        emit_vex_rm(&g->e, V_MOVDQU_STORE | (cg_is_wide(g, v) ? OPC_L : 0u), g->reg[v], NO_REG,
                    cg_spill_mem(k));
    else
        emit_store(&g->e, 8, g->reg[v], cg_spill_mem(k));
}

static void evict_wide(struct cg *g, int reg)
{
    uint32_t v = g->xmm[reg];
    if (needed_later(g, v) && g->mem[v] < 0 && g->spill[v] < 0 && !is_remade(g, v)) {
        int s = slots_of_wide(g, v);
        if (s >= 0) {
            give_up_slot(g, s, v);
            give_up_slot(g, g->upper[s], v);
            g->mem[v] = (int16_t)s;
            g->state_stores++;
            emit_vex_rm(&g->e, V_MOVDQU_STORE | OPC_L, reg, NO_REG, cg_slot_mem(g, (unsigned)s));
        } else {
            cg_spill(g, v);
        }
    }
    set_free(g, true, reg);
}

/* Give a register's value another place in memory, then free the register. */
static void evict(struct cg *g, bool xmm, int reg)
{
    uint32_t v = xmm ? g->xmm[reg] : g->gpr[reg];
    if (v && cg_is_wide(g, v)) {
        evict_wide(g, reg);
        return;
    }
    if (v && needed_later(g, v) && g->mem[v] < 0 && g->spill[v] < 0 && !is_remade(g, v)) {
        int s = slot_of_value(g, v);
        /* Flags and 32-bit slots are stored narrow: only whole values go to slot memory. */
        if (s >= 0 && (g->r->slots[s].type == IR_I64 || g->r->slots[s].type == IR_V128 ||
                       g->r->slots[s].type == IR_FL)) {
            uint32_t owner = g->slot_owner[s];
            if (owner && owner != v && only_in_slot(g, owner, s))
                s = -1;
        } else {
            s = -1;
        }
        if (s >= 0) {
            give_up_slot(g, s, v);
            g->state_stores++;
            if (xmm)
                emit_vex_rm(&g->e, V_MOVDQU_STORE, reg, NO_REG, cg_slot_mem(g, (unsigned)s));
            else
                emit_store(&g->e, g->r->slots[s].type == IR_I64 ? 8 : 4, reg,
                           cg_slot_mem(g, (unsigned)s));
            g->mem[v] = (int16_t)s;
        } else {
            cg_spill(g, v);
        }
    }
    set_free(g, xmm, reg);
}

void cg_bind(struct cg *g, uint32_t value, int reg)
{
    bool xmm = cg_is_xmm(g, value);
    uint32_t old = xmm ? g->xmm[reg] : g->gpr[reg];
    if (old && old != value)
        g->reg[old] = NO_REG;
    g->reg[value] = (int8_t)reg;
    if (xmm) {
        g->xmm[reg] = (uint16_t)value;
        g->xmm_used |= 1u << reg;
    } else {
        g->gpr[reg] = (uint16_t)value;
    }
    touch_register(g, xmm, reg);
}

static bool gpr_is_free(const struct cg *g, int reg)
{
    return !(g->gpr_locked >> reg & 1) && (!g->gpr[reg] || !needed_later(g, g->gpr[reg]));
}

/* How bad it is to lose the value in reg. */
static int evict_cost(const struct cg *g, bool xmm, int reg)
{
    uint32_t v = xmm ? g->xmm[reg] : g->gpr[reg];
    int cost = 0;
    if (g->mem[v] < 0 && g->spill[v] < 0 && !is_remade(g, v))
        cost += 4; /* a store */
    if (cg_is_home_value(v))
        cost += 3; /* must come home at the end */
    else if (slot_of_value(g, v) >= 0 && g->home[slot_of_value(g, v)] == reg)
        cost += 3;
    int distance = (int)g->last[v] - (int)g->n;
    return cost * 8 - (distance > 31 ? 31 : distance);
}

static int pick_gpr(struct cg *g, int prefer)
{
    int best = NO_REG, best_cost = 1 << 20;
    if (prefer != NO_REG && gpr_is_free(g, prefer))
        best = prefer;
    for (unsigned k = 0; best == NO_REG && k < sizeof target_order; k++)
        if (gpr_is_free(g, target_order[k]))
            best = target_order[k];
    if (best != NO_REG) {
        set_free(g, false, best);
        return best;
    }
    for (unsigned k = 0; k < sizeof target_order; k++) {
        int reg = target_order[k];
        if (g->gpr_locked >> reg & 1)
            continue;
        int cost = evict_cost(g, false, reg);
        if (cost < best_cost) {
            best_cost = cost;
            best = reg;
        }
    }
    if (best == NO_REG) {
        cg_fail(g, __func__);
        return RAX;
    }
    evict(g, false, best);
    return best;
}

static bool xmm_is_free(const struct cg *g, int reg)
{
    return !(g->xmm_locked >> reg & 1) && (!g->xmm[reg] || !needed_later(g, g->xmm[reg]));
}

static int pick_xmm(struct cg *g, int prefer)
{
    int best = NO_REG, best_cost = 1 << 20;
    if (prefer != NO_REG && xmm_is_free(g, prefer))
        best = prefer;
    for (int home = 0; best == NO_REG && home < 2; home++) /* those that are nobody's home first */
        for (int reg = 15; best == NO_REG && reg >= 0; reg--)
            if ((g->xmm_home_slot[reg] >= 0) == home && xmm_is_free(g, reg))
                best = reg;
    if (best != NO_REG) {
        set_free(g, true, best);
        return best;
    }
    for (int reg = 0; reg < 16; reg++) {
        if (g->xmm_locked >> reg & 1)
            continue;
        int cost = evict_cost(g, true, reg);
        if (cost < best_cost) {
            best_cost = cost;
            best = reg;
        }
    }
    if (best == NO_REG) {
        cg_fail(g, __func__);
        return 0;
    }
    evict(g, true, best);
    return best;
}

int cg_temp(struct cg *g)
{
    int reg = pick_gpr(g, NO_REG);
    g->gpr_locked |= 1u << reg;
    return reg;
}

int cg_xmm_temp(struct cg *g)
{
    int reg = pick_xmm(g, NO_REG);
    g->xmm_locked |= 1u << reg;
    return reg;
}

int cg_scratch(struct cg *g)
{
    static const int8_t temporaries[] = {RDX, RAX, RCX};
    for (unsigned k = 0; k < sizeof temporaries; k++) {
        int reg = temporaries[k];
        if (!gpr_is_free(g, reg))
            continue;
        set_free(g, false, reg);
        g->gpr_locked |= 1u << reg;
        return reg;
    }
    return NO_REG;
}

void cg_take(struct cg *g, int reg)
{
    uint32_t v = g->gpr[reg];
    if (v && needed_later(g, v)) {
        g->gpr_locked |= 1u << reg;
        int to = NO_REG;
        for (unsigned k = 0; k < sizeof target_order && to == NO_REG; k++)
            if (gpr_is_free(g, target_order[k]))
                to = target_order[k];
        if (to != NO_REG) {
            set_free(g, false, to);
            emit_mov(&g->e, true, to, reg);
            set_free(g, false, reg);
            cg_bind(g, v, to);
        } else {
            evict(g, false, reg);
        }
    } else {
        set_free(g, false, reg);
    }
    g->gpr_locked |= 1u << reg;
}

int cg_gpr(struct cg *g, ir_ref ref)
{
    uint32_t v = cg_id(g, ref);
    int reg = g->reg[v];
    if (reg == NO_REG) {
        reg = pick_gpr(g, g->hint[v]);
        if (is_const(g, v)) {
            emit_mov_imm(&g->e, reg, g->r->insns[v].imm);
        } else if (g->spill[v] >= 0) {
            emit_load(&g->e, true, reg, cg_spill_mem(g->spill[v]));
        } else if (g->mem[v] >= 0) {
            emit_load(&g->e, g->r->slots[g->mem[v]].type == IR_I64, reg,
                      cg_slot_mem(g, (unsigned)g->mem[v]));
            g->state_loads++;
        } else {
            cg_fail(g, __func__);
        }
        cg_bind(g, v, reg);
    }
    g->gpr_locked |= 1u << reg;
    return reg;
}

/* A free register, not that of value v. */
static int pick_beside(struct cg *g, uint32_t v, int prefer)
{
    uint32_t locked = g->xmm_locked;
    if (v && g->reg[v] != NO_REG)
        g->xmm_locked |= 1u << g->reg[v];
    int reg = pick_xmm(g, prefer);
    g->xmm_locked = locked;
    return reg;
}

static void take_high_half(struct cg *g, int reg, uint32_t whole)
{
    struct host_mem m = {0};
    if (g->reg[whole] != NO_REG) {
        emit_vex_rr(&g->e, V_EXTRACT128, g->reg[whole], NO_REG, reg);
        emit_u8(&g->e, 1);
        return;
    }
    if (g->spill[whole] >= 0)
        m = cg_spill_mem(g->spill[whole]);
    else if (g->mem[whole] >= 0)
        m = cg_slot_mem(g, (unsigned)g->mem[whole]);
    else
        cg_fail(g, __func__);
    m.disp += 16;
    emit_vex_rm(&g->e, V_MOVDQU_LOAD, reg, NO_REG, m);
}

int cg_xmm(struct cg *g, ir_ref ref)
{
    uint32_t v = cg_id(g, ref);
    int reg = g->reg[v];
    if (reg == NO_REG) {
        uint32_t load = V_MOVDQU_LOAD | (cg_is_wide(g, v) ? OPC_L : 0u);
        reg = pick_beside(g, cg_high_of(g, v), g->hint[v]);
        if (g->spill[v] >= 0) {
            emit_vex_rm(&g->e, load, reg, NO_REG, cg_spill_mem(g->spill[v]));
        } else if (g->mem[v] >= 0) {
            emit_vex_rm(&g->e, load, reg, NO_REG, cg_slot_mem(g, (unsigned)g->mem[v]));
            g->state_loads++;
        } else if (cg_is_zero_vec(g, v)) {
            emit_vex_rr(&g->e, V_PXOR, reg, reg, reg);
        } else if (cg_high_of(g, v)) {
            take_high_half(g, reg, cg_high_of(g, v));
        } else {
            cg_fail(g, __func__);
        }
        cg_bind(g, v, reg);
    }
    g->xmm_locked |= 1u << reg;
    return reg;
}

bool cg_in_memory(const struct cg *g, ir_ref ref, struct host_mem *m)
{
    uint32_t v = cg_id(g, ref);
    if (g->reg[v] != NO_REG || !cg_dies(g, v))
        return false;
    if (g->spill[v] >= 0)
        *m = cg_spill_mem(g->spill[v]);
    else if (g->mem[v] >= 0)
        *m = cg_slot_mem(g, (unsigned)g->mem[v]);
    else
        return false;
    return true;
}

bool cg_imm32(const struct cg *g, ir_ref ref, int32_t *imm)
{
    uint32_t v = cg_id(g, ref);
    if (!is_const(g, v))
        return false;
    const struct ir_insn *i = &g->r->insns[v];
    *imm = (int32_t)i->imm;
    /* The type of the use decides: an i32 constant used at 64 bits is zero-extended. */
    return i->type == IR_I32 ? true : (int64_t)i->imm == (int32_t)i->imm;
}

/* The registers of `reuse` whose values die here. */
static uint32_t dying(const struct cg *g, const uint16_t *held, uint32_t reuse)
{
    uint32_t out = 0;
    for (uint32_t m = reuse; m; m &= m - 1) {
        int reg = __builtin_ctz(m);
        if (held[reg] && cg_dies(g, held[reg]))
            out |= 1u << reg;
    }
    return out;
}

int cg_pick_dst(struct cg *g, uint32_t reuse)
{
    int prefer = g->hint[g->n], reg;
    reuse = dying(g, g->gpr, reuse);
    g->gpr_locked &= ~reuse;
    /* The register where the value is wanted, else that of an argument that dies here. An occupant
     * that is needed up to this very insn stays on record until the result is bound. */
    if (prefer != NO_REG && !(g->gpr_locked >> prefer & 1) &&
        (!g->gpr[prefer] || cg_dies(g, g->gpr[prefer])))
        reg = prefer;
    else if (reuse)
        reg = __builtin_ctz(reuse);
    else
        reg = pick_gpr(g, NO_REG);
    g->gpr_locked |= 1u << reg;
    return reg;
}

int cg_pick_xmm_dst(struct cg *g, uint32_t reuse)
{
    int prefer = g->hint[g->n], reg;
    reuse = dying(g, g->xmm, reuse);
    if (prefer != NO_REG &&
        ((reuse >> prefer & 1) ||
         (!(g->xmm_locked >> prefer & 1) && (!g->xmm[prefer] || cg_dies(g, g->xmm[prefer])))))
        reg = prefer;
    else if (reuse)
        reg = __builtin_ctz(reuse);
    else
        reg = pick_xmm(g, NO_REG);
    g->xmm_locked |= 1u << reg;
    return reg;
}

int cg_dst(struct cg *g, uint32_t reuse)
{
    int reg = cg_pick_dst(g, reuse);
    cg_bind(g, g->n, reg);
    return reg;
}

int cg_xmm_dst(struct cg *g, uint32_t reuse)
{
    int reg = cg_pick_xmm_dst(g, reuse);
    cg_bind(g, g->n, reg);
    return reg;
}
