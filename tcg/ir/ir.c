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

unsigned ir_args(const struct ir_insn *i, ir_ref out[4])
{
    const char *kinds = ir_ops[i->op].args;
    const ir_ref args[4] = {i->a, i->b, i->c, i->d};
    unsigned n = 0;
    for (unsigned k = 0; k < 4 && kinds[k] != '-'; k++)
        if (args[k] && !(i->op == IR_ST && k == 2)) /* names the load of a pair, not its value */
            out[n++] = args[k];
    return n;
}

bool ir_may_fault(const struct ir_insn *i, const struct ir_region *r)
{
    switch (i->op) {
    case IR_LD:
    case IR_ST:
    case IR_XCHG:
    case IR_FETCH_ADD:
    case IR_FETCH_AND:
    case IR_FETCH_OR:
    case IR_FETCH_XOR:
    case IR_CMPXCHG:
    case IR_TRAPNZ:
    case IR_TRAPCC:
    case IR_X87_LD:
    case IR_X87_ST:
        return true;
    case IR_CALL:
        return (r->helpers[i->imm].flags & HELPER_FAULT) != 0;
    default:
        return false;
    }
}

bool ir_has_side_effect(const struct ir_insn *i, const struct ir_region *r)
{
    switch (i->op) {
    case IR_PUT:
    case IR_STENV:
    case IR_INSN:
    case IR_FENCE:
    case IR_BRCC:
    case IR_BRNZ:
    case IR_EXIT:
    case IR_EXIT_IND:
    case IR_EXIT_DYN:
    case IR_LABEL:
    case IR_JMP:
    case IR_EXPECT:
    case IR_FL_COMIS: /* floating point sets sticky exception flags even when the result is dead */
        return true;
    case IR_CALL: {
        const struct ir_helper *h = &r->helpers[i->imm];
        return h->writes || h->flags || h->result == IR_VOID;
    }
    default:
        return (i->op >= IR_VF_ADD && i->op <= IR_VF_STOI) ||
               (i->op >= IR_X87_BEGIN && i->op <= IR_X87_LDCW) || ir_may_fault(i, r);
    }
}

/* Pure: same arguments give the same value anywhere in the region. */
static bool is_pure(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_NOP:
    case IR_GET:
    case IR_PUT:
    case IR_LDENV:
    case IR_STENV:
    case IR_INSN:
    case IR_LD:
    case IR_ST:
    case IR_XCHG:
    case IR_FETCH_ADD:
    case IR_FETCH_AND:
    case IR_FETCH_OR:
    case IR_FETCH_XOR:
    case IR_CMPXCHG:
    case IR_FENCE:
    case IR_CALL:
    case IR_TRAPNZ:
    case IR_TRAPCC:
    case IR_BRCC:
    case IR_BRNZ:
    case IR_EXIT:
    case IR_EXIT_IND:
    case IR_EXIT_DYN:
    case IR_LABEL:
    case IR_JMP:
    case IR_EXPECT:
    case IR_UMULX: /* IR_HI must follow its producer directly */
    case IR_SMULX:
    case IR_UDIVX:
    case IR_SDIVX:
    case IR_HI:
        return false;
    default:
        return i->op < IR_X87_BEGIN || i->op > IR_X87_LDCW;
    }
}

static enum ir_type result_type(const struct ir_region *r, const struct ir_insn *i,
                                enum ir_type want)
{
    switch (ir_ops[i->op].result) {
    case '0':
        return IR_VOID;
    case 'W':
        return IR_I32;
    case 'F':
        return IR_FL;
    case 'V':
        return want == IR_V256 ? IR_V256 : IR_V128;
    case 'X':
        return IR_V128;
    case 'Y':
        return IR_V256;
    case '*':
        if (i->op == IR_GET)
            return r->slots[i->aux].type;
        if (i->op == IR_CALL)
            return r->helpers[i->imm].result;
        return want;
    default:
        return want;
    }
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

static struct packed_insn pack(const struct ir_insn *i)
{
    return (struct packed_insn){.head = i->op | (uint64_t)i->type << 8 | (uint64_t)i->aux << 16 |
                                        (uint64_t)i->a << 32 | (uint64_t)i->b << 48,
                                .rest = i->c | (uint64_t)i->d << 16,
                                .imm = i->imm};
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

ir_ref ir_append(struct ir_region *r, const struct ir_insn *i)
{
    unsigned h = 0;
    bool pure = is_pure(i);
    struct packed_insn p = pack(i);
    if (pure) {
        h = hash_insn(&p);
        ir_ref old = r->cse[h];
        if (old && old < r->count && same_insn(&r->insns[old], &p))
            return old;
    }
    if (r->count >= IR_MAX_INSNS) {
        r->overflow = true;
        return 1;
    }
    ir_ref ref = (ir_ref)r->count++;
    unpack(&r->insns[ref], &p);
    if (pure)
        r->cse[h] = ref;
    return ref;
}

ir_ref ir_emit(struct ir_region *r, enum ir_op op, enum ir_type type, unsigned aux, ir_ref a,
               ir_ref b, ir_ref c, ir_ref d, uint64_t imm)
{
    struct ir_insn i = {
        .op = (uint8_t)op, .aux = (uint8_t)aux, .a = a, .b = b, .c = c, .d = d, .imm = imm};
    i.type = (uint8_t)result_type(r, &i, type);
    ir_ref known = ir_fold(r, &i);
    return known ? known : ir_append(r, &i);
}

ir_ref ir_const(struct ir_region *r, enum ir_type type, uint64_t value)
{
    struct ir_insn i = {
        .op = IR_CONST, .type = (uint8_t)type, .imm = type == IR_I32 ? (uint32_t)value : value};
    return ir_append(r, &i);
}

bool ir_is_const(const struct ir_region *r, ir_ref v, uint64_t *value)
{
    if (r->insns[v].op != IR_CONST)
        return false;
    *value = r->insns[v].imm;
    return true;
}

ir_ref ir_get(struct ir_region *r, unsigned slot)
{
    if (!r->slot_value[slot]) {
        struct ir_insn i = {.op = IR_GET, .type = r->slots[slot].type, .aux = (uint8_t)slot};
        r->slot_value[slot] = ir_append(r, &i);
    }
    return r->slot_value[slot];
}

void ir_put(struct ir_region *r, unsigned slot, ir_ref v)
{
    if (r->slot_value[slot] == v)
        return;
    struct ir_insn i = {.op = IR_PUT, .type = IR_VOID, .aux = (uint8_t)slot, .a = v};
    ir_append(r, &i);
    r->slot_value[slot] = v;
}

void ir_insn(struct ir_region *r, int64_t pc_minus_pcb, unsigned len)
{
    struct ir_insn i = {
        .op = IR_INSN, .type = IR_VOID, .aux = (uint8_t)len, .imm = (uint64_t)pc_minus_pcb};
    ir_append(r, &i);
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
    r->last_label = ir_append(r, &i);
    for (unsigned k = 0; k < IR_LABEL_ROOM; k++)
        ir_append(r, &nop);
}

ir_ref ir_call(struct ir_region *r, unsigned helper, ir_ref a, ir_ref b, ir_ref c, ir_ref d)
{
    const struct ir_helper *h = &r->helpers[helper];
    struct ir_insn i = {
        .op = IR_CALL, .type = h->result, .a = a, .b = b, .c = c, .d = d, .imm = helper};
    ir_ref ref = ir_append(r, &i);
    if (h->writes)
        for (unsigned s = 0; s < r->slot_count; s++)
            if (r->slots[s].name && (h->writes >> r->slots[s].group & 1))
                r->slot_value[s] = 0;
    return ref;
}

/* Does this insn look at slots that were PUT before it (so that the PUT must stay)? */
static bool observes_slots(const struct ir_insn *i, const struct ir_region *r, uint64_t *groups)
{
    if (ir_may_fault(i, r)) {
        *groups = HELPER_ALL_GROUPS;
        return true;
    }
    switch (i->op) {
    case IR_CALL:
        *groups = r->helpers[i->imm].reads | r->helpers[i->imm].writes;
        return *groups != 0;
    case IR_BRCC:
    case IR_BRNZ:
    case IR_EXIT:
    case IR_EXIT_IND:
    case IR_EXIT_DYN:
    case IR_LABEL:
    case IR_JMP:
    case IR_EXPECT:
        *groups = HELPER_ALL_GROUPS;
        return true;
    default:
        return false;
    }
}

static uint64_t slots_of(const struct ir_region *r, uint64_t groups)
{
    uint64_t slots = 0;
    if (groups == HELPER_ALL_GROUPS)
        return ~UINT64_C(0);
    for (unsigned s = 0; s < r->slot_count; s++)
        if (groups >> r->slots[s].group & 1)
            slots |= UINT64_C(1) << s;
    return slots;
}

void ir_finish(struct ir_region *r)
{
    uint64_t overwritten = 0; /* slots that are PUT again later with nothing looking in between */

    for (uint32_t n = 1; n < r->count; n++)
        r->insns[n].uses = 0;
    for (uint32_t n = r->count - 1; n >= 1; n--) {
        struct ir_insn *i = &r->insns[n];
        uint64_t groups;
        if (i->op == IR_NOP)
            continue;
        if (i->op == IR_PUT) {
            if (overwritten >> i->aux & 1) {
                i->op = IR_NOP;
                continue;
            }
            overwritten |= UINT64_C(1) << i->aux;
        } else if (observes_slots(i, r, &groups)) {
            if (overwritten)
                overwritten &= ~slots_of(r, groups);
        } else if (i->op == IR_GET) {
            /* reads the value from before the region, or after the helper that wrote it */
            overwritten &= ~(UINT64_C(1) << i->aux);
        }
        if (!i->uses && !ir_has_side_effect(i, r)) {
            /* An unused IR_HI leaves its producer alone; a dead producer keeps nothing alive. */
            i->op = IR_NOP;
            continue;
        }
        ir_ref args[4];
        unsigned count = ir_args(i, args);
        for (unsigned k = 0; k < count; k++)
            if (r->insns[args[k]].uses < 255)
                r->insns[args[k]].uses++;
    }
}
