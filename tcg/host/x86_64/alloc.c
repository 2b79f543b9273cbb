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

void cg_need(struct cg *g, uint32_t value, uint32_t at)
{
    if (value && g->last[value] < at)
        g->last[value] = (uint16_t)at;
}

/* Points where the state of slots is looked at; groups: which slots. */
static uint64_t observed_groups(const struct cg *g, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_BRCC:
    case IR_BRNZ:
    case IR_EXIT:
    case IR_EXIT_IND:
    case IR_EXIT_DYN:
        return HELPER_ALL_GROUPS;
    case IR_CALL:
        if (!(g->r->helpers[i->imm].flags & HELPER_FAULT))
            return g->r->helpers[i->imm].reads | g->r->helpers[i->imm].writes;
        return HELPER_ALL_GROUPS;
    default:
        return ir_may_fault(i, g->r) ? HELPER_ALL_GROUPS : 0;
    }
}

bool cg_is_alias(const struct ir_region *r, uint32_t n)
{
    const struct ir_insn *i = &r->insns[n];
    return i->op == IR_TRUNC || i->op == IR_FL_PACK ||
           (i->op == IR_ZEXT && i->type == IR_I64 && i->aux == IR_W32 && zero_extended(r, i->a));
}

/* The value that insn n stands for: conversions that need no code share their argument's. In order.
 */
void cg_assign_id(struct cg *g, uint32_t n)
{
    g->id[n] = cg_is_alias(g->r, n) ? g->id[g->r->insns[n].a] : (ir_ref)n;
}

void cg_init(struct cg *g, struct tcg_machine *tm)
{
    const struct tcg_arch *arch = tm->arch;
    memset(g, 0, sizeof *g);
    g->tm = tm;
    memset(g->home, NO_REG, sizeof g->home);
    memset(g->home_slot, -1, sizeof g->home_slot);
    for (unsigned s = 0; s < arch->slot_count; s++) {
        if (!arch->slots[s].name)
            continue;
        g->group_slots[arch->slots[s].group] |= UINT64_C(1) << s;
        g->home[s] = (int8_t)target_home(arch, s);
        if (g->home[s] != NO_REG) {
            g->homed |= UINT64_C(1) << s;
            g->home_slot[g->home[s]] = (int8_t)s;
        }
    }
}

uint64_t cg_slots(const struct cg *g, uint64_t groups)
{
    uint64_t slots = 0;
    for (; groups; groups &= groups - 1)
        slots |= g->group_slots[__builtin_ctzll(groups)];
    return slots;
}

/* The state a block starts in: homes in their registers, everything else in memory. */
static void start_state(struct cg *g)
{
    memset(g->cur, 0, sizeof g->cur);
    cg_for_each_slot(s, g->homed) g->cur[s] = (uint16_t)(IR_MAX_INSNS + s);
}

static void prepare_call(struct cg *g, uint32_t n, const struct ir_helper *h, uint32_t *put_at)
{
    cg_for_each_slot(s, cg_slots(g, h->writes))
    {
        cg_need(g, g->cur[s], n);
        g->cur[s] = 0;
        put_at[s] = n;
    }
}

/* Leaves or calls with the flags, so that they must exist. */
static bool wants_flags(const struct cg *g, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_BRCC:
    case IR_BRNZ:
    case IR_EXIT:
    case IR_EXIT_IND:
    case IR_EXIT_DYN:
        return true;
    case IR_CALL: {
        const struct ir_helper *h = &g->r->helpers[i->imm];
        return (h->reads | h->writes) >> g->r->slots[g->tm->arch->slot_flags].group & 1;
    }
    default:
        return false;
    }
}

void cg_prepare(struct cg *g)
{
    struct ir_region *r = g->r;
    uint32_t count = r->count, point = 0;    /* last insn that looked at every slot */
    uint32_t slot_point[IR_MAX_SLOTS] = {0}; /* or at this one */
    uint32_t put_at[IR_MAX_SLOTS] = {0};
    uint32_t hard_point =
        0; /* last insn that wants the flags themselves, and not only if it faults */
    unsigned flags = g->tm->arch->slot_flags;

    /* only what this region uses: insns, and the home values behind IR_MAX_INSNS */
    struct {
        uint32_t from, to;
    } used[2] = {{0, count}, {IR_MAX_INSNS, CG_VALUES}};
    for (unsigned k = 0; k < 2; k++) {
        uint32_t from = used[k].from, len = used[k].to - from;
        memset(g->last + from, 0, len * sizeof g->last[0]);
        memset(g->reg + from, NO_REG, len);
        memset(g->spill + from, -1, len);
        memset(g->mem + from, -1, len * sizeof g->mem[0]);
        memset(g->hint + from, NO_REG, len);
    }
    memset(g->packed, 0, count);
    memset(g->soft, 0, count * sizeof g->soft[0]);
    memset(g->recipe, 0, count);
    memset(g->fused, 0, count * sizeof g->fused[0]);
    memset(g->deferred, 0, count);
    memset(g->gpr, 0, sizeof g->gpr);
    memset(g->xmm, 0, sizeof g->xmm);
    memset(g->slot_owner, 0, sizeof g->slot_owner);
    g->gpr_locked = g->xmm_locked = 0;
    g->gpr_used = g->xmm_used = 0;
    g->touched = 0;
    g->spill_used = 0;
    g->host_flags = 0;
    g->exits_seen = 0;
    g->stub_count = g->snapshot_count = g->place_count = g->const_count = 0;
    g->state_loads = g->state_stores = 0;
    start_state(g);
    cg_for_each_slot(s, g->homed)
    {
        g->reg[IR_MAX_INSNS + s] = g->home[s];
        g->gpr[g->home[s]] = (uint16_t)(IR_MAX_INSNS + s);
        g->gpr_used |= 1u << g->home[s];
    }

    for (uint32_t n = 1; n < count; n++) {
        struct ir_insn *i = &r->insns[n];
        ir_ref args[4];
        if (i->op == IR_NOP)
            continue;
        cg_assign_id(g, n);
        unsigned k = g->fused[n] ? 0 : ir_args(i, args);
        while (k--)
            cg_need(g, g->id[args[k]], n);
        fl_fuse(g, n);
        if (i->op == IR_GET) {
            if (g->cur[i->aux])
                g->id[n] = g->cur[i->aux];
            else
                g->cur[i->aux] = (uint16_t)n;
            continue;
        }
        if (i->op == IR_PUT) {
            unsigned s = i->aux;
            uint32_t looked = slot_point[s] > point ? slot_point[s] : point, old = g->cur[s];
            bool only_faults = s == flags && old && old < IR_MAX_INSNS && hard_point <= put_at[s];
            if (looked > put_at[s] && only_faults)
                g->soft[old] = (uint16_t)looked;
            else if (looked > put_at[s])
                cg_need(g, old, looked);
            g->cur[s] = g->id[i->a];
            put_at[s] = n;
            if (g->home[s] != NO_REG && g->cur[s] < IR_MAX_INSNS)
                g->hint[g->cur[s]] = g->home[s];
            continue;
        }
        uint64_t groups = observed_groups(g, i);
        if (wants_flags(g, i))
            hard_point = n;
        if (groups == HELPER_ALL_GROUPS)
            point = n;
        else if (groups)
            cg_for_each_slot(s, cg_slots(g, groups)) slot_point[s] = n;
        if (i->op == IR_CALL)
            prepare_call(g, n, &r->helpers[i->imm], put_at);
    }
    for (unsigned s = 0; s < r->slot_count; s++)
        cg_need(g, g->cur[s], count - 1);
    /* Flags that anyone looks at exist in packed form, unless snapshots can do with a recipe. */
    for (uint32_t n = 1; n < count; n++) {
        if (r->insns[n].type != IR_FL)
            continue;
        g->recipe[n] = !g->last[n] && g->soft[n] && fl_recipe(g, n, g->soft[n]);
        cg_need(g, n, g->soft[n]);
        g->packed[n] = g->last[n] && !g->recipe[n];
    }
    /* Hints pass back through conversions. */
    for (uint32_t n = count - 1; n >= 1; n--) {
        struct ir_insn *i = &r->insns[n];
        if (g->hint[n] != NO_REG && (i->op == IR_ZEXT || i->op == IR_SEXT || i->op == IR_DEPOSIT) &&
            g->hint[g->id[i->a]] == NO_REG && g->id[i->a] < IR_MAX_INSNS)
            g->hint[g->id[i->a]] = g->hint[n];
    }
    start_state(g); /* cur[] was used for the simulation */
}

/* ---- memory places
 * ------------------------------------------------------------------------------------------ */

static int spill_place(struct cg *g, uint32_t v)
{
    for (int k = 0; k < CG_SPILLS; k++) {
        if (!(g->spill_used >> k & 1)) {
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
    if (g->mem[v] != (int)s)
        return;
    if (g->reg[v] == NO_REG && g->spill[v] < 0 && !is_const(g, v) && g->last[v] >= g->n) {
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
    if (!v || g->mem[v] == (int)s)
        return;
    leave_slot_memory(g, s, v);
    g->state_stores++;
    if (slot->type == IR_V128) {
        emit_vex_rm(&g->e, V_MOVDQU_STORE, cg_xmm(g, (ir_ref)v), NO_REG, cg_slot_mem(g, s));
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
static void touch_register(struct cg *g, int reg)
{
    if (g->home_slot[reg] >= 0)
        g->touched |= UINT64_C(1) << g->home_slot[reg];
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
        g->gpr_used &= ~(1u << reg);
        touch_register(g, reg);
    }
}

static bool needed_later(const struct cg *g, uint32_t v)
{
    return g->last[v] >= g->n;
}

/* Give a register's value another place in memory, then free the register. */
static void evict(struct cg *g, bool xmm, int reg)
{
    uint32_t v = xmm ? g->xmm[reg] : g->gpr[reg];
    if (v && needed_later(g, v) && g->mem[v] < 0 && g->spill[v] < 0 && !is_const(g, v)) {
        int s = slot_of_value(g, v);
        /* Flags and 32-bit slots are stored narrow: only whole values go to slot memory. */
        if (s >= 0 && (g->r->slots[s].type == IR_I64 || g->r->slots[s].type == IR_V128 ||
                       g->r->slots[s].type == IR_FL)) {
            uint32_t owner = g->slot_owner[s];
            bool in_use = owner && owner != v && g->mem[owner] == s && g->reg[owner] == NO_REG &&
                          g->spill[owner] < 0 && needed_later(g, owner);
            if (in_use)
                s = -1;
        } else {
            s = -1;
        }
        if (s >= 0) {
            if (g->slot_owner[s] && g->slot_owner[s] != v && g->mem[g->slot_owner[s]] == s)
                g->mem[g->slot_owner[s]] = -1;
            g->state_stores++;
            if (xmm)
                emit_vex_rm(&g->e, V_MOVDQU_STORE, reg, NO_REG, cg_slot_mem(g, (unsigned)s));
            else
                emit_store(&g->e, g->r->slots[s].type == IR_I64 ? 8 : 4, reg,
                           cg_slot_mem(g, (unsigned)s));
            g->mem[v] = (int16_t)s;
            g->slot_owner[s] = (uint16_t)v;
        } else {
            int k = spill_place(g, v);
            g->spill[v] = (int8_t)k;
            if (xmm)
                emit_vex_rm(&g->e, V_MOVDQU_STORE, reg, NO_REG, cg_spill_mem(k));
            else
                emit_store(&g->e, 8, reg, cg_spill_mem(k));
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
        g->gpr_used |= 1u << reg;
        touch_register(g, reg);
    }
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
    if (g->mem[v] < 0 && g->spill[v] < 0 && !is_const(g, v))
        cost += 4; /* a store */
    if (!xmm && v >= IR_MAX_INSNS)
        cost += 3; /* must come home at the end */
    else if (!xmm && slot_of_value(g, v) >= 0 && g->home[slot_of_value(g, v)] == reg)
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

static int pick_xmm(struct cg *g)
{
    int best = NO_REG, best_cost = 1 << 20;
    for (int reg = 0; reg < 16; reg++) {
        if (g->xmm_locked >> reg & 1)
            continue;
        if (!g->xmm[reg] || !needed_later(g, g->xmm[reg])) {
            set_free(g, true, reg);
            return reg;
        }
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
    int reg = pick_xmm(g);
    g->xmm_locked |= 1u << reg;
    return reg;
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

int cg_xmm(struct cg *g, ir_ref ref)
{
    uint32_t v = cg_id(g, ref);
    int reg = g->reg[v];
    if (reg == NO_REG) {
        reg = pick_xmm(g);
        if (g->spill[v] >= 0) {
            emit_vex_rm(&g->e, V_MOVDQU_LOAD, reg, NO_REG, cg_spill_mem(g->spill[v]));
        } else if (g->mem[v] >= 0) {
            emit_vex_rm(&g->e, V_MOVDQU_LOAD, reg, NO_REG, cg_slot_mem(g, (unsigned)g->mem[v]));
            g->state_loads++;
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

int cg_pick_dst(struct cg *g, uint32_t reuse)
{
    int prefer = g->hint[g->n], reg = NO_REG;
    for (int k = 0; k < 16; k++) {
        if ((reuse >> k & 1) && g->gpr[k] && cg_dies(g, g->gpr[k]))
            g->gpr_locked &= ~(1u << k);
        else
            reuse &= ~(1u << k);
    }
    /* The register where the value is wanted, else that of an argument that dies here. An occupant
     * that is needed up to this very insn stays on record until the result is bound. */
    if (prefer != NO_REG && !(g->gpr_locked >> prefer & 1) &&
        (!g->gpr[prefer] || cg_dies(g, g->gpr[prefer])))
        reg = prefer;
    for (int k = 0; reg == NO_REG && k < 16; k++)
        if (reuse >> k & 1)
            reg = k;
    if (reg == NO_REG)
        reg = pick_gpr(g, NO_REG);
    g->gpr_locked |= 1u << reg;
    return reg;
}

int cg_pick_xmm_dst(struct cg *g, uint32_t reuse)
{
    int reg = NO_REG;
    for (int k = 0; reg == NO_REG && k < 16; k++)
        if ((reuse >> k & 1) && g->xmm[k] && cg_dies(g, g->xmm[k]))
            reg = k;
    if (reg == NO_REG)
        reg = pick_xmm(g);
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

void cg_unlock_all(struct cg *g)
{
    g->gpr_locked = g->xmm_locked = 0;
}

void cg_expire(struct cg *g)
{
    for (int k = 0; g->spill_used && k < CG_SPILLS; k++)
        if ((g->spill_used >> k & 1) && g->last[g->spill_owner[k]] <= g->n)
            g->spill_used &= ~(UINT64_C(1) << k);
    for (uint32_t m = g->gpr_used; m; m &= m - 1) {
        int reg = __builtin_ctz(m);
        if (g->last[g->gpr[reg]] <= g->n)
            set_free(g, false, reg);
    }
    for (uint32_t m = g->xmm_used; m; m &= m - 1) {
        int reg = __builtin_ctz(m);
        if (g->last[g->xmm[reg]] <= g->n)
            set_free(g, true, reg);
    }
}
