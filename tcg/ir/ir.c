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

/* clang-format off */
#define IN(op, first, last) ((op) >= IR_##first && (op) <= IR_##last)
#define MEMORY(op) (IN(op, LD, CMPXCHG) || (op) == IR_X87_LD || (op) == IR_X87_ST)
#define FAULTS(op) (MEMORY(op) || IN(op, TRAPNZ, TRAPCC))
#define LEAVES(op) IN(op, BRCC, EXIT_DYN)
#define X87(op) IN(op, X87_BEGIN, X87_LDCW)
/* Floating point sets sticky exception flags even when the result is dead. */
#define EFFECT(op) ((op) == IR_PUT || (op) == IR_STENV || (op) == IR_INSN || (op) == IR_FENCE || \
                    (op) == IR_FL_COMIS || IN(op, VF_ADD, VF_STOI) || X87(op) || LEAVES(op) ||   \
                    FAULTS(op))
/* HI must follow its producer directly. */
#define IMPURE(op) (IN(op, NOP, NOP) || IN(op, GET, INSN) || IN(op, UMULX, HI) || MEMORY(op) ||  \
                    IN(op, FENCE, EXIT_DYN) || X87(op))
#define FOLDS(op) (IN(op, ADD, SUB) || (op) == IR_MUL || IN(op, AND, ROR) || IN(op, LEA, EXTRACT) || \
                   IN(op, ADC, SBB) || IN(op, SETC, SELNZ) || (op) == IR_FL_ADC ||               \
                   IN(op, FL_SBB, FL_SBB) || IN(op, FL_INC, FL_ROR) || (op) == IR_FL_SETCO ||    \
                   IN(op, FL_FROM, FL_PACK) || IN(op, V_LO, V_JOIN) || (op) == IR_V_AND ||       \
                   (op) == IR_V_OR || (op) == IR_V_XOR)
#define VALUE(c) ((c) != '-' && (c) != 'r')
#define ARGS(op, kinds) (VALUE(kinds[0]) + VALUE(kinds[1]) + VALUE(kinds[2]) + VALUE(kinds[3]) + \
                         ((op) == IR_HI))
const uint8_t ir_traits[IR_OP_COUNT] = {
#define X(name, res, args, doc)                                                                  \
    [IR_##name] = ARGS(IR_##name, args) | (FAULTS(IR_##name) ? IR_TRAIT_FAULT : 0) |             \
                  (LEAVES(IR_##name) ? IR_TRAIT_LEAVE : 0) |                                     \
                  (EFFECT(IR_##name) ? IR_TRAIT_EFFECT : 0) |                                    \
                  (IMPURE(IR_##name) ? 0 : IR_TRAIT_PURE) | (FOLDS(IR_##name) ? IR_TRAIT_FOLD : 0),
    IR_OPS(X)
#undef X
};
/* clang-format on */

static enum ir_type result_type(const struct ir_region *r, enum ir_op op, unsigned aux,
                                uint64_t imm, enum ir_type want)
{
    /* a type, or that the insn says it */
    enum { ANY = IR_TYPE_COUNT, VECTOR, OWN };
    static const uint8_t types[IR_OP_COUNT] = {
#define TYPE(c)                                                                                    \
    ((c) == '0'   ? IR_VOID                                                                        \
     : (c) == 'W' ? IR_I32                                                                         \
     : (c) == 'F' ? IR_FL                                                                          \
     : (c) == 'X' ? IR_V128                                                                        \
     : (c) == 'Y' ? IR_V256                                                                        \
     : (c) == 'V' ? VECTOR                                                                         \
     : (c) == '*' ? OWN                                                                            \
                  : ANY)
#define X(name, res, args, doc) [IR_##name] = TYPE(res),
        IR_OPS(X)
#undef X
    };
    unsigned type = types[op];
    if (type < ANY)
        return (enum ir_type)type;
    if (type == VECTOR)
        return want == IR_V256 ? IR_V256 : IR_V128;
    if (type == OWN && op == IR_GET)
        return r->slots[aux].type;
    if (type == OWN && op == IR_CALL)
        return r->helpers[imm].result;
    return want;
}

/*
 * An insn as it lies in memory, in words that were put together from its fields: it has just been
 * written field by field, and wider loads would wait for those stores.
 */
struct packed_insn {
    uint64_t head, rest, imm; /* op, type, aux, uses (0), a, b; c, d; imm */
};
_Static_assert(sizeof(struct packed_insn) == sizeof(struct ir_insn), "as it lies in memory");
_Static_assert(offsetof(struct ir_insn, a) == 4 && offsetof(struct ir_insn, c) == 8 &&
                   offsetof(struct ir_insn, imm) == 16 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "as pack() puts it together");

static struct packed_insn pack(unsigned op, unsigned type, unsigned aux, ir_ref a, ir_ref b,
                               ir_ref c, ir_ref d, uint64_t imm)
{
    return (struct packed_insn){.head = op | (uint64_t)type << 8 | (uint64_t)aux << 16 |
                                        (uint64_t)a << 32 | (uint64_t)b << 48,
                                .rest = c | (uint64_t)d << 16,
                                .imm = imm};
}

/* Word by word, from registers. */
static void unpack(struct ir_insn *i, const struct packed_insn *p)
{
    uint8_t *to = (uint8_t *)i;
    memcpy(to, &p->head, 8);
    memcpy(to + 8, &p->rest, 8);
    memcpy(to + 16, &p->imm, 8);
}

static unsigned hash_insn(const struct packed_insn *p)
{
    uint64_t h = p->head ^ (p->imm * 0xc2b2ae3d27d4eb4fu + p->rest);
    h *= 0x9e3779b97f4a7c15u; /* every field counts in the top bits, small constants too */
    return (unsigned)(h >> 56);
}

static uint64_t word(const struct ir_insn *i, unsigned k)
{
    uint64_t w;
    memcpy(&w, (const uint8_t *)i + 8 * k, sizeof w);
    return w;
}

static bool same_insn(const struct ir_insn *x, const struct packed_insn *y)
{
    return word(x, 0) == y->head && word(x, 1) == y->rest && word(x, 2) == y->imm;
}

static ir_ref append(struct ir_region *r, const struct packed_insn *p)
{
    unsigned h = 0;
    const bool pure = ir_traits[p->head & 0xff] & IR_TRAIT_PURE;
    if (pure) {
        h = hash_insn(p);
        ir_ref old = r->cse[h];
        if (old && old < r->count && same_insn(&r->insns[old], p))
            return old;
    }
    if (r->count >= IR_MAX_INSNS) {
        r->overflow = true;
        return 1;
    }
    ir_ref ref = (ir_ref)r->count++;
    unpack(&r->insns[ref], p);
    if (pure)
        r->cse[h] = ref;
    return ref;
}

static ir_ref append_insn(struct ir_region *r, const struct ir_insn *i)
{
    const struct packed_insn p = pack(i->op, i->type, i->aux, i->a, i->b, i->c, i->d, i->imm);
    return append(r, &p);
}

static ir_ref fold_and_append(struct ir_region *r, enum ir_op op, enum ir_type type, unsigned aux,
                              ir_ref a, ir_ref b, ir_ref c, ir_ref d, uint64_t imm)
{
    struct ir_insn i = {.op = (uint8_t)op,
                        .type = (uint8_t)type,
                        .aux = (uint8_t)aux,
                        .a = a,
                        .b = b,
                        .c = c,
                        .d = d,
                        .imm = imm};
    ir_ref known = ir_fold(r, &i);
    return known ? known : append_insn(r, &i);
}

ir_ref ir_emit(struct ir_region *r, enum ir_op op, enum ir_type type, unsigned aux, ir_ref a,
               ir_ref b, ir_ref c, ir_ref d, uint64_t imm)
{
    type = result_type(r, op, aux, imm, type);
    r->has_wide |= type == IR_V256;
    if (ir_traits[op] & IR_TRAIT_FOLD)
        return fold_and_append(r, op, type, aux, a, b, c, d, imm);
    const struct packed_insn p = pack(op, type, aux & 0xff, a, b, c, d, imm);
    return append(r, &p);
}

ir_ref ir_const(struct ir_region *r, enum ir_type type, uint64_t value)
{
    const struct packed_insn p =
        pack(IR_CONST, type, 0, 0, 0, 0, 0, type == IR_I32 ? (uint32_t)value : value);
    return append(r, &p);
}

ir_ref ir_get(struct ir_region *r, unsigned slot)
{
    if (!r->slot_value[slot]) {
        const struct packed_insn p = pack(IR_GET, r->slots[slot].type, slot, 0, 0, 0, 0, 0);
        r->slot_value[slot] = append(r, &p);
    }
    return r->slot_value[slot];
}

void ir_put(struct ir_region *r, unsigned slot, ir_ref v)
{
    if (r->slot_value[slot] == v)
        return;
    const struct packed_insn p = pack(IR_PUT, IR_VOID, slot, v, 0, 0, 0, 0);
    append(r, &p);
    r->slot_value[slot] = v;
}

void ir_insn(struct ir_region *r, int64_t pc_minus_pcb, unsigned len)
{
    const struct packed_insn p = pack(IR_INSN, IR_VOID, len, 0, 0, 0, 0, (uint64_t)pc_minus_pcb);
    append(r, &p);
    r->guest_insns++;
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
static uint64_t looked_at(const struct ir_region *r, const struct ir_insn *i)
{
    if (ir_may_fault(i, r) || ir_traits[i->op] & IR_TRAIT_LEAVE)
        return ~UINT64_C(0);
    if (i->op == IR_GET) /* the value from before the region, or after the helper that wrote it */
        return UINT64_C(1) << i->aux;
    if (i->op != IR_CALL)
        return 0;
    const struct ir_helper *h = &r->helpers[i->imm];
    return slots_of(r, h->reads | h->writes);
}

static void use(struct ir_insn *insns, ir_ref v)
{
    insns[v].uses = (uint8_t)(insns[v].uses + (insns[v].uses != UINT8_MAX));
}

void ir_finish(struct ir_region *r)
{
    struct ir_insn *const insns = r->insns;
    uint64_t overwritten = 0; /* slots that are PUT again later with nothing looking in between */

    for (uint32_t n = r->count - 1; n >= 1; n--) {
        struct ir_insn *i = &insns[n];
        unsigned traits = ir_traits[i->op], args = traits & IR_TRAIT_ARGS;
        if (i->op == IR_NOP)
            continue;
        if (i->op == IR_PUT) {
            if (overwritten >> i->aux & 1) {
                i->op = IR_NOP;
                continue;
            }
            overwritten |= UINT64_C(1) << i->aux;
            use(insns, i->a);
            continue;
        }
        if (overwritten)
            overwritten &= ~looked_at(r, i);
        if (!i->uses && !ir_has_side_effect(i, r)) {
            /* An unused IR_HI leaves its producer alone; a dead producer keeps nothing alive. */
            i->op = IR_NOP;
            continue;
        }
        if (traits & IR_TRAIT_LEAVE && ir_exits(i)) {
            r->exit_count++;
            r->cross_count += (ir_exit_flags(i) & IR_EXIT_CROSS) != 0;
            r->first_exit = n;
        }
        /* An argument that is not there (0) is counted, too. */
        if (args > 0)
            use(insns, i->a);
        if (args > 1)
            use(insns, i->b);
        if (args > 2)
            use(insns, i->c);
        if (args > 3)
            use(insns, i->d);
    }
}
