/*
 * Leaving a block: snapshots (side-table data for the rare leave in the middle) and transitions
 * (code that brings everything to the block-boundary convention), both made from the same list of
 * places.
 */
#include "tcg/host/x86_64/cg.h"

#include "core/util/range.h"

static void add_place(struct cg *g, unsigned slot, unsigned kind, unsigned index)
{
    if (g->place_count >= CG_MAX_PLACES) {
        cg_fail(g, __func__);
        return;
    }
    g->places[g->place_count++] = (struct place){(uint8_t)slot, (uint8_t)kind, (uint16_t)index};
}

static unsigned add_const(struct cg *g, uint64_t v)
{
    for (unsigned k = g->const_count; k-- > 0 && g->const_count - k < 16;)
        if (g->consts[k] == v)
            return k;
    if (g->const_count >= ARRAY_SIZE(g->consts)) {
        cg_fail(g, __func__);
        return 0;
    }
    g->consts[g->const_count] = v;
    return g->const_count++;
}

static void value_place(struct cg *g, unsigned slot, uint32_t v)
{
    const struct ir_region *r = g->r;
    uint32_t whole = cg_high_of(g, v);
    if (g->reg[v] != NO_REG && cg_is_xmm(g, v))
        add_place(g, slot, PLACE_XMM,
                  (unsigned)g->reg[v] |
                      (v < IR_MAX_INSNS && !cg_is_wide(g, v) ? (unsigned)PLACE_UPPER_ZERO : 0u));
    else if (g->reg[v] != NO_REG)
        add_place(g, slot, PLACE_GPR, (unsigned)g->reg[v]);
    else if (cg_is_zero_vec(g, v))
        add_place(g, slot, PLACE_CONST, add_const(g, 0));
    else if (v < IR_MAX_INSNS && r->insns[v].op == IR_CONST)
        add_place(g, slot, PLACE_CONST, add_const(g, r->insns[v].imm));
    else if (g->spill[v] >= 0)
        add_place(g, slot, PLACE_SPILL, (unsigned)g->spill[v]);
    else if (g->mem[v] >= 0)
        add_place(g, slot, PLACE_SLOT, (unsigned)g->mem[v]);
    else if (whole && g->reg[whole] != NO_REG)
        add_place(g, slot, PLACE_XMM_HI, (unsigned)g->reg[whole]);
    else if (whole && g->spill[whole] >= 0)
        add_place(g, slot, PLACE_SPILL_HI, (unsigned)g->spill[whole]);
    else if (whole && g->mem[whole] >= 0)
        add_place(g, slot, PLACE_SLOT, (unsigned)g->upper[g->mem[whole]]);
    else
        cg_fail(g, __func__);
}

/* Flags that nobody computed: the operation and where its operands are. */
static void recipe_places(struct cg *g, unsigned slot, uint32_t v)
{
    const struct ir_insn *f = &g->r->insns[v];
    uint32_t operand[3];
    bool from_result;
    fl_recipe_operands(g, v, operand, &from_result);
    add_place(g, slot, PLACE_FLAGS,
              f->op | (unsigned)f->aux << 8 | (from_result ? PLACE_FROM_RESULT : 0u) |
                  (f->imm ? (unsigned)FL_LABEL_MARK(f->imm) << PLACE_MARK_SHIFT : 0u));
    for (unsigned k = 0; k < 3; k++) {
        uint64_t c;
        if (k == 1 && operand[k] && operand[k] < IR_MAX_INSNS &&
            ir_is_const(g->r, (ir_ref)operand[k], &c))
            add_place(g, PLACE_OPERAND, PLACE_CONST, add_const(g, c)); /* a shift's count must be */
        else if (operand[k])
            value_place(g, PLACE_OPERAND, operand[k]);
        else
            add_place(g, PLACE_OPERAND, PLACE_CONST, add_const(g, 0));
    }
}

/* Slots that may be elsewhere than `home` has them. */
static uint64_t away(const struct cg *g, const int8_t *home)
{
    return (home == g->outer_home ? g->touched | g->differ : g->touched) & ~g->unwanted;
}

/* Does the register that is the home of slot `low` and its upper half hold both? */
static bool pair_at_home(const struct cg *g, unsigned low)
{
    uint32_t l = g->cur[low], h = g->cur[g->upper[low]];
    if (!l || !h || g->reg[l] != g->home[low])
        return false;
    return cg_is_wide(g, l) ? cg_high_of(g, h) == l : l < IR_MAX_INSNS && cg_is_zero_vec(g, h);
}

/* Halves that share a home are listed both or not at all. */
static uint64_t with_other_halves(const struct cg *g, uint64_t slots)
{
    cg_for_each_slot(s, g->wide_homes)
    {
        uint64_t both = UINT64_C(1) << s | UINT64_C(1) << g->upper[s];
        if (slots & both)
            slots = pair_at_home(g, s) ? slots & ~both : slots | both;
    }
    return slots;
}

/* See to it that the slot's value is not only in another slot's memory. false: nothing to do. */
static bool reach(struct cg *g, unsigned s, bool spill)
{
    uint32_t v = g->cur[s], locked = g->gpr_locked, xlocked = g->xmm_locked;
    if (!v || g->last[v] < g->n || g->reg[v] != NO_REG || g->spill[v] >= 0)
        return false;
    bool late = v < IR_MAX_INSNS && (g->r->insns[v].op == IR_CONST || g->recipe[v]);
    if (late || cg_slot_in_memory(g, s) || cg_is_zero_vec(g, v))
        return false;
    uint32_t whole = cg_high_of(g, v);
    if (whole && (g->reg[whole] != NO_REG || g->spill[whole] >= 0))
        return false;
    v = whole ? whole : v;
    if (cg_is_xmm(g, v))
        cg_xmm(g, (ir_ref)v);
    else
        cg_gpr(g, (ir_ref)v);
    if (spill)
        cg_spill(g, v);
    g->gpr_locked = locked;
    g->xmm_locked = xlocked;
    return true;
}

void exit_leave_slot_memory(struct cg *g, const int8_t *homes)
{
    uint32_t locked = g->gpr_locked, xlocked = g->xmm_locked;
    uint64_t slots = away(g, homes);
    bool again = false;
    cg_for_each_slot(s, slots) again |= reach(g, s, false);
    /* When there are not enough registers, one that lost its register again is spilled. */
    while (again) {
        again = false;
        cg_for_each_slot(s, slots) again |= reach(g, s, true);
    }
    g->gpr_locked = locked;
    g->xmm_locked = xlocked;
}

static bool same_places(const struct place *a, const struct place *b, unsigned count)
{
    while (count && a->slot == b->slot && a->kind == b->kind && a->index == b->index) {
        a++;
        b++;
        count--;
    }
    return !count;
}

/* Accesses in a row often have the same list: one will do. */
static void share_places(struct cg *g, uint16_t *first, uint16_t count)
{
    uint32_t earlier = g->last_places;
    if (earlier + count <= *first && same_places(&g->places[earlier], &g->places[*first], count)) {
        g->place_count = *first;
        *first = (uint16_t)earlier;
    }
    g->last_places = *first;
}

/* Is the slot one of two halves that have one home? */
static bool shares_home(const struct cg *g, unsigned s)
{
    return g->wide_homes &&
           ((g->wide_homes >> s & 1) || (g->lower[s] >= 0 && (g->wide_homes >> g->lower[s] & 1)));
}

void exit_places(struct cg *g, const int8_t *homes, uint16_t *first, uint16_t *count)
{
    uint64_t slots = away(g, homes);
    *first = (uint16_t)g->place_count;
    if (homes == g->home && g->wide_homes)
        slots = with_other_halves(g, slots);
    for (; slots; slots &= slots - 1) {
        unsigned s = (unsigned)__builtin_ctzll(slots);
        int home = homes[s];
        uint32_t v = g->cur[s];
        if (home == NO_REG && cg_slot_in_memory(g, s))
            continue;
        if (v && g->last[v] < g->n)
            continue; /* overwritten before anyone looks */
        if (home != NO_REG && v && g->reg[v] == home && !(homes == g->home && shares_home(g, s)))
            continue;
        if (!v)
            add_place(g, s, PLACE_SLOT, s); /* homed, but a helper wrote it in memory */
        else if (v < IR_MAX_INSNS && g->recipe[v])
            recipe_places(g, s, v);
        else
            value_place(g, s, v);
    }
    *count = (uint16_t)(g->place_count - *first);
    share_places(g, first, *count);
}

void exit_places_with_flags(struct cg *g, const int8_t *homes, uint16_t *first, uint16_t *count)
{
    uint32_t v = g->cur[g->tm->arch->slot_flags];
    if (v && v < IR_MAX_INSNS && g->recipe[v])
        cg_take(g, RAX);
    exit_leave_slot_memory(g, homes);
    exit_places(g, homes, first, count);
}

void exit_snapshot(struct cg *g, uint16_t first, uint16_t count, int64_t pc, unsigned rest,
                   unsigned x87)
{
    uint32_t ret = (uint32_t)(g->e.p - g->e.start);
    if (g->snapshot_count >= ARRAY_SIZE(g->snapshots) || ret > SNAPSHOT_MAX_RET) {
        cg_fail(g, __func__);
        return;
    }
    g->snapshots[g->snapshot_count++] = (struct snapshot){.pc = (int32_t)pc,
                                                          .ret = ret & SNAPSHOT_MAX_RET,
                                                          .x87 = x87 & 0xfff,
                                                          .first = first & 0x7fff,
                                                          .count = count & SNAPSHOT_MAX_PLACES,
                                                          .rest = rest & SNAPSHOT_MAX_REST};
}

/* ---- transitions
 * -------------------------------------------------------------------------------------------- */

static void store_from_register(struct cg *g, const struct place *p)
{
    const struct ir_slot *s = &g->r->slots[p->slot];
    g->state_stores++;
    if (p->kind == PLACE_XMM) {
        emit_vex_rm(&g->e, V_MOVDQU_STORE, p->index & 15, NO_REG, mem_at(ENV, s->offset));
    } else if (p->kind == PLACE_XMM_HI) {
        emit_vex_rm(&g->e, V_EXTRACT128, p->index, NO_REG, mem_at(ENV, s->offset));
        emit_u8(&g->e, 1);
    } else
        emit_store(&g->e, s->type == IR_I64 ? 8 : 4, p->index, mem_at(ENV, s->offset));
}

static void move(struct cg *g, bool xmm, int to, int from)
{
    if (xmm)
        emit_vex_rr(&g->e, V_MOVAPS | (g->wide_homes ? OPC_L : 0u), to, NO_REG, from);
    else
        emit_mov(&g->e, true, to, from);
}

/* By a register that is free, which is nobody's home: an exchange instruction has each of the two
 * wait for the other. */
static void exchange(struct cg *g, bool xmm, int a, int b)
{
    int free = xmm ? SCRATCH_XMM : RCX;
    move(g, xmm, free, a);
    move(g, xmm, a, b);
    move(g, xmm, b, free);
}

/* Only cycles are left: one exchange, and what it did to the others. */
static void break_cycle(struct cg *g, bool xmm, int8_t *from, uint32_t *pending)
{
    int to = __builtin_ctz(*pending), src = from[to];
    exchange(g, xmm, to, src);
    *pending &= *pending - 1;
    for (uint32_t m = *pending; m; m &= m - 1) {
        int k = __builtin_ctz(m);
        if (from[k] == to)
            from[k] = (int8_t)src;
        else if (from[k] == src)
            from[k] = (int8_t)to;
        if (from[k] == k)
            *pending &= ~(1u << k);
    }
}

/* Moves between registers into homes, any order, cycles by exchange; from[home] = source register,
 * for the homes in `pending`. */
static void parallel_moves(struct cg *g, bool xmm, int8_t *from, uint32_t pending)
{
    while (pending) {
        uint8_t readers[16] = {0}; /* of a register, other than itself */
        bool moved = false;
        for (uint32_t m = pending; m; m &= m - 1)
            readers[from[__builtin_ctz(m)]] += from[__builtin_ctz(m)] != __builtin_ctz(m);
        for (uint32_t m = pending; m; m &= m - 1) {
            int to = __builtin_ctz(m);
            if (readers[to])
                continue;
            move(g, xmm, to, from[to]);
            readers[from[to]] -= from[to] != to;
            pending &= ~(1u << to);
            moved = true;
        }
        if (!moved)
            break_cycle(g, xmm, from, &pending);
    }
}

static struct host_mem place_mem(const struct cg *g, const struct place *p)
{
    struct host_mem m = p->kind == PLACE_SLOT ? cg_slot_mem(g, p->index) : cg_spill_mem(p->index);
    m.disp += p->kind == PLACE_SPILL_HI ? 16 : 0;
    return m;
}

/* RCX and SCRATCH_XMM are free once the moves are done; RAX keeps the target of an indirect exit.
 */
static void late_place(struct cg *g, const struct place *p, int home)
{
    const struct ir_slot *s = &g->r->slots[p->slot];
    struct host_mem to = mem_at(ENV, s->offset);
    bool constant = p->kind == PLACE_CONST;
    uint64_t c = constant ? g->consts[p->index] : 0;
    int reg = home != NO_REG ? home : s->type == IR_V128 ? SCRATCH_XMM : RCX;

    g->state_stores += home == NO_REG;
    if (constant && s->type != IR_V128 && home == NO_REG && (int64_t)c == (int32_t)c) {
        emit_store_imm(&g->e, s->type == IR_I64, to, (int32_t)c);
        return;
    }
    if (constant && s->type == IR_V128)
        emit_vex_rr(&g->e, V_PXOR, reg, reg, reg);
    else if (constant)
        emit_mov_imm(&g->e, reg, c);
    else if (s->type == IR_V128)
        emit_vex_rm(&g->e, V_MOVDQU_LOAD, reg, NO_REG, place_mem(g, p));
    else
        emit_load(&g->e, s->type == IR_I64, reg, place_mem(g, p));
    if (home != NO_REG)
        g->state_loads += !constant;
    else if (s->type == IR_V128)
        emit_vex_rm(&g->e, V_MOVDQU_STORE, reg, NO_REG, to);
    else
        emit_store(&g->e, s->type == IR_I64 ? 8 : 4, reg, to);
}

static bool in_register(const struct place *p)
{
    return p->kind == PLACE_GPR || p->kind == PLACE_XMM || p->kind == PLACE_XMM_HI;
}

static bool zero_vector(const struct cg *g, const struct place *p)
{
    return p->kind == PLACE_CONST && g->r->slots[p->slot].type == IR_V128;
}

static const struct place *find_slot(const struct place *p, const struct place *end, int slot)
{
    while (p < end && p->slot != slot)
        p++;
    return p < end ? p : NULL;
}

/* The place of the upper half of q's slot; NULL: it is not listed, or the slot has none. */
static const struct place *upper_place(const struct cg *g, const struct place *q,
                                       const struct place *end)
{
    int up = q->slot == PLACE_OPERAND ? -1 : g->upper[q->slot];
    return up < 0 ? NULL : find_slot(q, end, up);
}

/* q and the place of the slot's upper half are one register. */
static bool one_register(const struct cg *g, const struct place *q, const struct place *h)
{
    return q->kind == PLACE_XMM && h &&
           ((h->kind == PLACE_XMM_HI && h->index == (q->index & 15)) ||
            (zero_vector(g, h) && q->index & PLACE_UPPER_ZERO));
}

/* Both halves of q's slot in one store. */
static void store_both_halves(struct cg *g, const struct place *q)
{
    g->state_stores++;
    emit_vex_rm(&g->e, V_MOVDQU_STORE | OPC_L, q->index & 15, NO_REG,
                mem_at(ENV, g->r->slots[q->slot].offset));
}

/* Comes last. */
static void store_zeros(struct cg *g, const int8_t *homes, const struct place *p,
                        const struct place *end)
{
    uint64_t stored = 0;
    bool ready = false;
    for (const struct place *q = p; q < end; q++) {
        if (q->slot == PLACE_OPERAND || homes[q->slot] != NO_REG || !zero_vector(g, q) ||
            stored >> q->slot & 1)
            continue;
        const struct place *low = g->lower[q->slot] < 0 ? NULL : find_slot(p, q, g->lower[q->slot]);
        if (low && one_register(g, low, q))
            continue; /* went with it */
        const struct place *h = upper_place(g, q, end);
        bool both = h && zero_vector(g, h);
        if (!ready)
            emit_vex_rr(&g->e, V_PXOR, SCRATCH_XMM, SCRATCH_XMM, SCRATCH_XMM);
        ready = true;
        g->state_stores++;
        emit_vex_rm(&g->e, V_MOVDQU_STORE | (both ? OPC_L : 0u), SCRATCH_XMM, NO_REG,
                    mem_at(ENV, g->r->slots[q->slot].offset));
        if (both)
            stored |= UINT64_C(1) << h->slot;
    }
}

/* ---- homes of both halves */

static bool is_wide_home(const struct cg *g, const int8_t *homes, int slot)
{
    return homes == g->home && slot >= 0 && slot < IR_MAX_SLOTS && (g->wide_homes >> slot & 1);
}

/* Is q one of the two places of a register that is the home of both? */
static bool of_wide_home(const struct cg *g, const int8_t *homes, const struct place *q)
{
    return q->slot != PLACE_OPERAND &&
           (is_wide_home(g, homes, q->slot) || is_wide_home(g, homes, g->lower[q->slot]));
}

/*
 * Both halves come home together in the register of the lower one, l: the upper one, h, is put into
 * it first. Nobody else may look at that register.
 */
static bool joins(const struct cg *g, const struct place *l, const struct place *h,
                  const struct place *p, const struct place *end)
{
    if (!l || !h || l->kind != PLACE_XMM || one_register(g, l, h) || h->kind == PLACE_FLAGS)
        return false;
    const int reg = l->index & 15;
    for (const struct place *q = p; q < end; q++)
        if (q != l && (q->kind == PLACE_XMM || q->kind == PLACE_XMM_HI) && (q->index & 15) == reg)
            return false;
    for (unsigned s = 0; s < g->r->slot_count; s++) /* what is not listed is at home */
        if (g->home[s] == reg && g->r->slots[s].type == IR_V128 && !find_slot(p, end, (int)s))
            return false;
    return true;
}

static void join(struct cg *g, const struct place *l, const struct place *h)
{
    const int reg = l->index & 15;
    switch (h->kind) {
    case PLACE_CONST: /* zero */
        emit_vex_rr(&g->e, V_MOVAPS, reg, NO_REG, reg);
        return;
    case PLACE_XMM:
        emit_vex_rr(&g->e, V_INSERT128, reg, reg, h->index & 15);
        emit_u8(&g->e, 1);
        return;
    case PLACE_XMM_HI:
        emit_vex_rr(&g->e, V_BLEND32 | OPC_L, reg, reg, h->index);
        emit_u8(&g->e, 0xf0);
        return;
    default:
        emit_vex_rm(&g->e, V_INSERT128, reg, reg, place_mem(g, h));
        emit_u8(&g->e, 1);
        g->state_loads += h->kind == PLACE_SLOT;
    }
}

/* Both halves come home in one load (or from nothing): *m is where from. */
static bool wide_load(const struct cg *g, const struct place *q, const struct place *h,
                      struct host_mem *m, uint32_t *op)
{
    if (!h)
        return false;
    bool zeros = zero_vector(g, h);
    *op = V_MOVDQU_LOAD | (zeros ? 0 : OPC_L);
    if (q->kind == PLACE_SPILL && (zeros || (h->kind == PLACE_SPILL_HI && h->index == q->index))) {
        *m = cg_spill_mem(q->index);
        return true;
    }
    if (q->kind == PLACE_SLOT &&
        (zeros || (h->kind == PLACE_SLOT && h->index == g->upper[q->index]))) {
        *m = cg_slot_mem(g, q->index);
        return true;
    }
    return false;
}

/* What neither a move nor a load does goes through the slots' memory: this half is stored. */
static bool by_memory(const struct cg *g, const struct place *q, const struct place *p,
                      const struct place *end)
{
    struct host_mem m;
    uint32_t op;
    int low = g->upper[q->slot] >= 0 ? q->slot : g->lower[q->slot];
    const struct place *l = find_slot(p, end, low), *h = find_slot(p, end, g->upper[low]);
    bool zero = l && h && zero_vector(g, l) && zero_vector(g, h);
    return !l || !(zero || one_register(g, l, h) || joins(g, l, h, p, end) ||
                   wide_load(g, l, h, &m, &op));
}

static void half_to_memory(struct cg *g, const struct place *q)
{
    if (!q || in_register(q) || (q->kind == PLACE_SLOT && q->index == q->slot))
        return;
    if (q->kind == PLACE_CONST)
        emit_vex_rr(&g->e, V_PXOR, SCRATCH_XMM, SCRATCH_XMM, SCRATCH_XMM);
    else
        emit_vex_rm(&g->e, V_MOVDQU_LOAD, SCRATCH_XMM, NO_REG, place_mem(g, q));
    emit_vex_rm(&g->e, V_MOVDQU_STORE, SCRATCH_XMM, NO_REG, cg_slot_mem(g, q->slot));
}

/* The second half of the transition: pairs that were not moves. */
static void wide_homes_late(struct cg *g, const int8_t *homes, const struct place *p,
                            const struct place *end)
{
    uint64_t done = 0;
    for (const struct place *q = p; q < end; q++) {
        struct host_mem m;
        uint32_t op;
        if (!of_wide_home(g, homes, q))
            continue;
        int low = g->upper[q->slot] >= 0 ? q->slot : g->lower[q->slot], home = homes[low];
        const struct place *l = find_slot(p, end, low), *h = find_slot(p, end, g->upper[low]);
        if (done >> low & 1 || (l && one_register(g, l, h)) || joins(g, l, h, p, end))
            continue;
        done |= UINT64_C(1) << low;
        g->state_loads++;
        if (l && h && zero_vector(g, l) && zero_vector(g, h))
            emit_vex_rr(&g->e, V_PXOR, home, home, home);
        else if (l && wide_load(g, l, h, &m, &op))
            emit_vex_rm(&g->e, op, home, NO_REG, m);
        else {
            half_to_memory(g, l);
            half_to_memory(g, h);
            emit_vex_rm(&g->e, V_MOVDQU_LOAD | OPC_L, home, NO_REG, cg_slot_mem(g, (unsigned)low));
        }
    }
}

bool exit_computes_flags(const struct cg *g, uint16_t first, uint16_t count)
{
    for (unsigned k = 0; k < count; k++)
        if (g->places[first + k].kind == PLACE_FLAGS)
            return true;
    return false;
}

/* dst op operand, at a width of `size` bytes. */
static void operand_op(struct cg *g, unsigned size, uint32_t op, int group, const struct place *p)
{
    if (p->kind == PLACE_GPR) {
        emit_alu(&g->e, size, op, RAX, p->index);
    } else if (p->kind == PLACE_CONST) {
        uint64_t c = g->consts[p->index];
        emit_alu_imm(&g->e, size, group, RAX,
                     size == 1   ? (int8_t)c
                     : size == 2 ? (int16_t)c
                                 : (int32_t)c);
    } else if (size == 1) {
        emit_rm(&g->e, (op - 1) | OPC_BYTE, RAX, place_mem(g, p));
    } else {
        emit_rm(&g->e, op | (size == 2 ? PP_66 : w_bit(size == 8)), RAX, place_mem(g, p));
    }
}

/* reg := the operand; keeps EFLAGS. */
static void operand_to(struct cg *g, int reg, const struct place *p)
{
    if (p->kind == PLACE_GPR)
        emit_mov(&g->e, true, reg, p->index);
    else if (p->kind == PLACE_CONST)
        emit_mov_imm(&g->e, reg, g->consts[p->index]);
    else
        emit_load(&g->e, p->kind == PLACE_SPILL || g->r->slots[p->index].type == IR_I64, reg,
                  place_mem(g, p));
}

/* RAX shifted by a count that may be 0, which leaves the old flags. p: the recipe. RCX, which may
 * hold any of the operands or what goes home later, is as it was. */
static void shift_by_cl(struct cg *g, unsigned size, int group, const struct place *p)
{
    struct emit *e = &g->e;
    emit_store(e, 8, RAX, cg_scratch_mem(0));
    emit_store(e, 8, RCX, cg_scratch_mem(1));
    operand_to(g, RAX, &p[3]);
    fl_emit_unpack(e);
    operand_to(g, RCX, &p[2]);
    emit_load(e, true, RAX, cg_scratch_mem(0));
    emit_shift_cl(e, size, group, RAX);
    emit_load(e, true, RCX, cg_scratch_mem(1));
}

/* RAX := flags in packed form, by the recipe at p. */
static void compute_flags(struct cg *g, const struct place *p)
{
    struct emit *e = &g->e;
    unsigned op = p->index & 0xff, size = 1u << (p->index >> 8 & 7), mark = p->index >> 12;
    bool from_result = p->index & PLACE_FROM_RESULT;
    const struct place *a = &p[1], *b = &p[2], *old = &p[3];
    uint8_t *marked = NULL;

    if (mark) {
        emit_load(e, false, RAX, mem_at(ENV, TCG_ENV_OFFSET(label_flags) + 4 * (int)mark));
        emit_alu(e, 4, X_TEST, RAX, RAX);
        marked = emit_jcc(e, CC_NE);
    }
    operand_to(g, RAX, a);
    switch (op) {
    case IR_FL_ADD:
    case IR_FL_CMC:
        if (from_result)
            operand_op(g, size, X_SUB, G_SUB, b);
        operand_op(g, size, X_ADD, G_ADD, b);
        if (op == IR_FL_CMC)
            emit_u8(e, 0xf5); /* cmc */
        break;
    case IR_FL_SUB:
        if (from_result)
            operand_op(g, size, X_ADD, G_ADD, b);
        operand_op(g, size, X_CMP, G_CMP, b);
        break;
    case IR_FL_LOGIC:
        emit_alu(e, size, X_TEST, RAX, RAX);
        break;
    case IR_FL_INC:
    case IR_FL_DEC: {
        bool inc = op == IR_FL_INC;
        emit_alu_imm(e, size, inc ? G_SUB : G_ADD, RAX, 1);
        if (old->kind == PLACE_GPR)
            emit_rr(e, 0xba | MAP_0F, 4, old->index); /* bt, 8 */
        else if (old->kind == PLACE_CONST)
            cg_fail(g, __func__);
        else
            emit_rm(e, 0xba | MAP_0F, 4, place_mem(g, old));
        emit_u8(e, 8);
        emit_rr(e, size == 1 ? 0xfe | OPC_BYTE : 0xff | (size == 2 ? PP_66 : w_bit(size == 8)),
                inc ? 0 : 1, RAX);
        break;
    }
    case IR_FL_SETCO: /* CF << 8 | OF, and all other bits of the old flags */
        emit_shift_imm(e, 4, G_SHL, RAX, 8);
        operand_op(g, 4, X_OR, G_OR, b);
        operand_op(g, 4, X_XOR, G_XOR, old);
        emit_alu_imm(e, 4, G_AND, RAX, IR_FL_CF | IR_FL_OF);
        operand_op(g, 4, X_XOR, G_XOR, old);
        return; /* in packed form already; has no mark */
    default: {
        int group = op == IR_FL_SHL ? G_SHL : op == IR_FL_SHR ? G_SHR : G_SAR;
        if (b->kind == PLACE_CONST)
            emit_shift_imm(e, size, group, RAX, (unsigned)g->consts[b->index] & 63);
        else
            shift_by_cl(g, size, group, p);
        break;
    }
    }
    emit_rr(e, X_SETCC | CC_O, 0, RAX);
    emit_u8(e, 0x9f); /* lahf */
    if (marked)
        emit_patch(marked, e->p);
}

void exit_transition(struct cg *g, const int8_t *homes, uint16_t first, uint16_t count,
                     unsigned x87)
{
    const struct place *p = g->places + first, *end = p + count;
    int8_t from[16], xmm_from[16];
    uint32_t moves = 0, xmm_moves = 0; /* homes that these are set for */
    for (const struct place *q = p; q < end; q++) {
        if (q->kind != PLACE_FLAGS)
            continue;
        compute_flags(g, q); /* its operands are still where the places say */
        if (homes[q->slot] != NO_REG) {
            from[homes[q->slot]] = RAX;
            moves |= 1u << homes[q->slot];
        } else {
            emit_store(&g->e, 4, RAX, cg_slot_mem(g, q->slot));
        }
    }
    for (const struct place *q = p; q < end; q++) {
        if (q->slot == PLACE_OPERAND || !in_register(q))
            continue;
        int home = homes[q->slot];
        const struct place *h = upper_place(g, q, end);
        const struct place *low = q->kind == PLACE_GPR || g->lower[q->slot] < 0
                                      ? NULL
                                      : find_slot(p, end, g->lower[q->slot]);
        if (of_wide_home(g, homes, q)) {
            const bool joined = joins(g, q, h, p, end);
            if (joined)
                join(g, q, h);
            if (joined || one_register(g, q, h)) {
                xmm_from[home] = (int8_t)(q->index & 15);
                xmm_moves |= 1u << home;
            } else if (by_memory(g, q, p, end) && !(low && one_register(g, low, q))) {
                store_from_register(g, q);
            }
            continue;
        }
        if (home == NO_REG && one_register(g, q, h)) {
            store_both_halves(g, q);
            continue;
        }
        if (home == NO_REG && low && one_register(g, low, q) && homes[low->slot] == NO_REG)
            continue; /* went with it */
        if (home == NO_REG || q->kind == PLACE_XMM_HI)
            store_from_register(g, q); /* an upper half comes home from memory */
        else if (q->kind == PLACE_XMM) {
            xmm_from[home] = (int8_t)(q->index & 15);
            xmm_moves |= 1u << home;
        } else {
            from[home] = (int8_t)q->index;
            moves |= 1u << home;
        }
    }
    parallel_moves(g, false, from, moves);
    parallel_moves(g, true, xmm_from, xmm_moves);
    for (const struct place *q = p; q < end; q++) {
        if (q->slot == PLACE_OPERAND || q->kind == PLACE_FLAGS)
            continue;
        int home = homes[q->slot];
        if (q->kind == PLACE_SLOT && q->index != q->slot)
            cg_fail(g, __func__); /* overwritten by now (exit_leave_slot_memory) */
        if (of_wide_home(g, homes, q) || (home == NO_REG && zero_vector(g, q)))
            continue;
        if (q->kind == PLACE_XMM_HI && home != NO_REG)
            emit_vex_rm(&g->e, V_MOVDQU_LOAD, home, NO_REG, cg_slot_mem(g, q->slot));
        if (in_register(q))
            continue;
        late_place(g, q, home);
    }
    wide_homes_late(g, homes, p, end);
    store_zeros(g, homes, p, end);
    x87_leave(g, x87);
}

/* ---- direct exits
 * ------------------------------------------------------------------------------------------- */

/* A jump whose displacement can be patched with one aligned store. */
static uint8_t *aligned_jump(struct cg *g, int cc)
{
    unsigned opcode_len = cc < 0 ? 1 : 2;
    emit_nop(&g->e, (unsigned)-((uintptr_t)g->e.p + opcode_len) & 3);
    return cc < 0 ? emit_jmp(&g->e) : emit_jcc(&g->e, (unsigned)cc);
}

static void site_jump(struct cg *g, unsigned site, int cc)
{
    struct tcg_exit_site *x = block_exit(g->block, site);
    uint8_t *disp = aligned_jump(g, cc);
    x->patch = (uint32_t)(disp - g->e.start);
    struct stub *s = cg_stub(g, STUB_EXIT, disp);
    s->site = (uint16_t)site;
    s->imm = 1; /* the jump that linking patches */
}

static void stub_jump(struct cg *g, unsigned site, unsigned cc)
{
    struct stub *s = cg_stub(g, STUB_EXIT, emit_jcc(&g->e, cc));
    s->site = (uint16_t)site;
    s->imm = 0;
}

void exit_direct(struct cg *g, unsigned site)
{
    struct tcg_exit_site *x = block_exit(g->block, site);
    if (x->flags & (IR_EXIT_POLL | IR_EXIT_CROSS)) {
        emit_rm(&g->e, 0x83, 7, mem_at(ENV, TCG_ENV_OFFSET(exit_request)));
        emit_u8(&g->e, 0);
        stub_jump(g, site, CC_NE);
    }
    if (x->flags & IR_EXIT_CROSS) {
        int64_t delta = x->target & ~(int64_t)(MEM_PAGE_SIZE - 1);
        uint32_t id = exit_crossing(x)->link_id;
        int32_t where = (int32_t)(offsetof(struct tcg_ctx, links) + 4 * (id % LINK_TABLE_SIZE));
        emit_rm(&g->e, 0x81, 7, mem_at(CTX, where));
        emit_u32(&g->e, id);
        cg_reloc(g, g->e.p - 8, RELOC_LINK, site);
        stub_jump(g, site, CC_NE);
        emit_rm(&g->e, 0x81 | OPC_W, 0, mem_at(ENV, TCG_ENV_OFFSET(pcb)));
        emit_u32(&g->e, (uint32_t)delta);
    }
    site_jump(g, site, -1);
}

void exit_branch(struct cg *g, unsigned cc, unsigned site)
{
    struct tcg_exit_site *x = block_exit(g->block, site);
    uint16_t first, count;
    exit_places_with_flags(g, g->outer_home, &first, &count);
    if (!count && !x->flags && !x87_pending(&g->x87)) {
        site_jump(g, site, (int)cc);
        return;
    }
    if (x->flags & IR_EXIT_POLL &&
        !g->second_tier) { /* a loop's back edge: taken as a rule, so it stays in line */
        uint8_t *skip = emit_jcc(&g->e, cc ^ 1);
        exit_transition(g, g->outer_home, first, count, x87_record(g));
        exit_direct(g, site);
        emit_patch(skip, g->e.p);
        return;
    }
    struct stub *s = cg_stub(g, STUB_EXIT, emit_jcc(&g->e, cc));
    s->site = (uint16_t)site;
    s->imm = 2; /* transition first */
    s->first = first;
    s->count = count;
}

/* The one call to the link thunk of a site: made by the first stub that needs it. */
void exit_link_call(struct cg *g, struct tcg_exit_site *x, bool after_guard)
{
    if (after_guard && (x->flags & IR_EXIT_CROSS)) {
        int64_t delta = x->target & ~(int64_t)(MEM_PAGE_SIZE - 1);
        emit_rm(&g->e, 0x81 | OPC_W, 5, mem_at(ENV, TCG_ENV_OFFSET(pcb)));
        emit_u32(&g->e, (uint32_t)delta);
    }
    if (x->ret) {
        emit_jmp_to(&g->e, g->e.start + x->ret - 5);
        return;
    }
    cg_call(g, THUNK_LINK);
    x->ret = (uint32_t)(g->e.p - g->e.start);
}

void exit_stub(struct cg *g, struct stub *s)
{
    struct tcg_exit_site *x = block_exit(g->block, s->site);
    emit_patch(s->jump, g->e.p);
    if (s->imm == 2) {
        exit_transition(g, g->outer_home, s->first, s->count, s->x87);
        exit_direct(g, s->site);
        return;
    }
    uint32_t at = (uint32_t)(g->e.p - g->e.start);
    exit_link_call(g, x, s->imm == 1);
    if (s->imm == 1 && !exit_set_unlinked(x, at))
        cg_fail(g, __func__);
}
