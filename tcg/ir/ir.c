/*
 * Builder of the intermediate representation: appends, tracks slots, finishes a region. Folding is
 * in fold.c.
 */
#include "tcg/ir/ir.h"
#include "tcg/ir/fold.h"

#include <string.h>

const struct ir_op_info ir_ops[IR_OP_COUNT] = {
#define X(name, res, args, doc) [IR_##name] = {#name, res, args},
    IR_OPS(X)
#undef X
};

void ir_region_init(struct ir_region *r, struct ir_insn *storage, const struct ir_slot *slots,
                    uint32_t slot_count, const struct ir_helper *helpers, uint32_t helper_count)
{
    memset(r, 0, sizeof *r);
    r->insns = storage;
    r->count = 1;
    r->slots = slots;
    r->slot_count = slot_count;
    r->helpers = helpers;
    r->helper_count = helper_count;
    memset(&storage[0], 0, sizeof storage[0]);
}

/* Word by word, from registers. */
static inline void unpack(struct ir_insn *i, uint64_t head, uint64_t rest, uint64_t imm)
{
    uint8_t *to = (uint8_t *)i;
    memcpy(to, &head, 8);
    memcpy(to + 8, &rest, 8);
    memcpy(to + 16, &imm, 8);
}

static unsigned hash_insn(uint64_t head, uint64_t rest, uint64_t imm)
{
    uint64_t h = head ^ (imm * 0xc2b2ae3d27d4eb4fu + rest);
    h *= 0x9e3779b97f4a7c15u; /* every field counts in the top bits, small constants too */
    return (unsigned)(h >> 56);
}

static uint64_t word(const struct ir_insn *i, unsigned k)
{
    uint64_t w;
    memcpy(&w, (const uint8_t *)i + 8 * k, sizeof w);
    return w;
}

ir_ref ir_append(struct ir_region *r, uint64_t head, uint64_t rest, uint64_t imm)
{
    if (__builtin_expect(r->count >= IR_MAX_INSNS, 0)) {
        r->overflow = true;
        return 1;
    }
    unpack(&r->insns[r->count], head, rest, imm);
    return (ir_ref)r->count++;
}

ir_ref ir_append_pure(struct ir_region *r, uint64_t head, uint64_t rest, uint64_t imm)
{
    unsigned h = hash_insn(head, rest, imm);
    ir_ref old = r->cse[h];
    const struct ir_insn *i = &r->insns[old];
    if (old && old < r->count && word(i, 0) == head && word(i, 2) == imm && word(i, 1) == rest)
        return old;
    if (__builtin_expect(r->count >= IR_MAX_INSNS, 0)) {
        r->overflow = true;
        return 1;
    }
    unpack(&r->insns[r->count], head, rest, imm);
    r->cse[h] = (ir_ref)r->count;
    return (ir_ref)r->count++;
}

static ir_ref append_insn(struct ir_region *r, const struct ir_insn *i)
{
    const struct ir_words w = ir_pack(i->op, i->type, i->aux, i->a, i->b, i->c, i->d, i->imm);
    return ir_traits[i->op] & IR_TRAIT_PURE ? ir_append_pure(r, w.head, w.rest, w.imm)
                                            : ir_append(r, w.head, w.rest, w.imm);
}

ir_ref ir_append_folded(struct ir_region *r, uint64_t head, uint64_t rest, uint64_t imm)
{
    struct ir_insn i;
    unpack(&i, head, rest, imm);
    ir_ref known = ir_fold(r, &i);
    return known ? known : append_insn(r, &i);
}

ir_ref ir_emit_any(struct ir_region *r, enum ir_op op, enum ir_type type, unsigned aux, ir_ref a,
                   ir_ref b, ir_ref c, ir_ref d, uint64_t imm)
{
    return ir_emit_known(r, op, type, aux, a, b, c, d, imm);
}

ir_ref ir_const(struct ir_region *r, enum ir_type type, uint64_t value)
{
    return ir_append_pure(r, IR_CONST | (uint64_t)type << 8, 0,
                          type == IR_I32 ? (uint32_t)value : value);
}

ir_ref ir_get(struct ir_region *r, unsigned slot)
{
    if (!r->slot_value[slot])
        r->slot_value[slot] =
            ir_append(r, IR_GET | (uint64_t)r->slots[slot].type << 8 | (uint64_t)slot << 16, 0, 0);
    return r->slot_value[slot];
}

void ir_put(struct ir_region *r, unsigned slot, ir_ref v)
{
    if (r->slot_value[slot] == v)
        return;
    ir_append(r, IR_PUT | (uint64_t)slot << 16 | (uint64_t)v << 32, 0, 0);
    r->slot_value[slot] = v;
}

void ir_insn(struct ir_region *r, int64_t pc_minus_pcb, unsigned len)
{
    ir_append(r, IR_INSN | (uint64_t)len << 16, 0, (uint64_t)pc_minus_pcb);
    r->guest_insns++;
}

void ir_fp_sync(struct ir_region *r, bool load)
{
    ir_emit(r, IR_FPSYNC, IR_VOID, load, 0, 0, 0, 0, 0);
    if (load) /* what was computed before was rounded, and set flags, by what held before */
        memset(r->cse, 0, sizeof r->cse);
}

void ir_label(struct ir_region *r, unsigned number, int64_t pc_minus_pcb, bool poll, unsigned depth)
{
    const struct ir_insn i = {.op = IR_LABEL,
                              .aux = (uint8_t)number,
                              .b = (ir_ref)depth,
                              .d = poll ? IR_EXIT_POLL | IR_EXIT_STAY : 0,
                              .imm = (uint64_t)pc_minus_pcb};
    const struct ir_insn nop = {.op = IR_NOP};
    memset(r->slot_value, 0, sizeof r->slot_value);
    memset(r->cse, 0, sizeof r->cse);
    r->last_label = append_insn(r, &i);
    for (unsigned k = 0; k < IR_LABEL_ROOM; k++)
        append_insn(r, &nop);
}

ir_ref ir_call(struct ir_region *r, unsigned helper, ir_ref a, ir_ref b, ir_ref c, ir_ref d)
{
    const struct ir_helper *h = &r->helpers[helper];
    struct ir_insn i = {
        .op = IR_CALL, .type = h->result, .a = a, .b = b, .c = c, .d = d, .imm = helper};
    ir_ref ref = append_insn(r, &i);
    if (h->writes)
        for (unsigned s = 0; s < r->slot_count; s++)
            if (r->slots[s].name && (h->writes >> r->slots[s].group & 1))
                r->slot_value[s] = 0;
    return ref;
}

static uint64_t slots_of(const struct ir_region *r, uint64_t groups)
{
    uint64_t slots = 0;
    for (unsigned s = 0; s < r->slot_count; s++)
        if (groups >> r->slots[s].group & 1)
            slots |= UINT64_C(1) << s;
    return slots;
}

/* Slots that were PUT before the insn and that it looks at, so that the PUT must stay. */
static inline uint64_t looked_at(const struct ir_region *r, const struct ir_insn *i,
                                 unsigned traits)
{
    if (traits & (IR_TRAIT_FAULT | IR_TRAIT_LEAVE))
        return ~UINT64_C(0);
    if (i->op == IR_GET) /* the value from before the region, or after the helper that wrote it */
        return UINT64_C(1) << i->aux;
    if (i->op != IR_CALL)
        return 0;
    const struct ir_helper *h = &r->helpers[i->imm];
    if (h->flags & HELPER_FAULT)
        return ~UINT64_C(0);
    return slots_of(r, h->reads | h->writes);
}

static void use(struct ir_insn *insns, ir_ref v)
{
    insns[v].uses++; /* 4 times IR_MAX_INSNS fit */
}

void ir_finish(struct ir_region *r)
{
    struct ir_insn *const insns = r->insns;
    uint64_t overwritten = 0; /* slots that are PUT again later with nothing looking in between */

    for (uint32_t n = r->count - 1; n >= 1; n--) {
        struct ir_insn *i = &insns[n];
        const unsigned traits = ir_traits[i->op], args = traits & IR_TRAIT_ARGS;
        if (i->op == IR_PUT) {
            if (overwritten >> i->aux & 1) {
                i->op = IR_NOP;
                continue;
            }
            overwritten |= UINT64_C(1) << i->aux;
            use(insns, i->a);
            continue;
        }
        overwritten &= ~looked_at(r, i, traits);
        if (!(i->uses | (traits & IR_TRAIT_EFFECT)) && !ir_has_side_effect(i, r)) {
            /* An unused IR_HI leaves its producer alone; a dead producer keeps nothing alive. */
            i->op = IR_NOP;
            continue;
        }
        if (traits & IR_TRAIT_LEAVE && ir_exits(i)) {
            r->exit_count++;
            r->cross_count += (ir_exit_flags(i) & IR_EXIT_CROSS) != 0;
            r->first_exit = n;
        }
        /* An argument that is not there (0) is counted, too: how many there are is not foreseen. */
        use(insns, args > 0 ? i->a : 0);
        use(insns, args > 1 ? i->b : 0);
        if (__builtin_expect(args > 2, 0)) {
            use(insns, i->c);
            use(insns, args > 3 ? i->d : 0);
        }
    }
}
