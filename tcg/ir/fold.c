/*
 * Fold-on-build: an insn about to be appended is replaced by a constant or an existing value, or
 * rewritten into a cheaper form. Rules are small and local; what needs a view of the whole region
 * is a pass in tcg/opt.
 */
#include "tcg/ir/fold.h"

#include "core/util/range.h"
#include "tcg/ir/arm_fp.h"

static uint64_t width_mask(enum ir_type t)
{
    return t == IR_I32 ? 0xffffffffu : ~UINT64_C(0);
}

static uint64_t sign_extend(uint64_t v, unsigned bits)
{
    return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}

bool ir_eval_setc(unsigned cc, enum ir_type type, uint64_t a, uint64_t b)
{
    if (type == IR_I32) {
        a = (uint32_t)a;
        b = (uint32_t)b;
    }
    int64_t sa = type == IR_I32 ? (int32_t)a : (int64_t)a,
            sb = type == IR_I32 ? (int32_t)b : (int64_t)b;
    bool r;
    switch (cc & ~1u) {
    case IR_CC_B:
        r = a < b;
        break;
    case IR_CC_E:
        r = a == b;
        break;
    case IR_CC_BE:
        r = a <= b;
        break;
    case IR_CC_L:
        r = sa < sb;
        break;
    case IR_CC_LE:
        r = sa <= sb;
        break;
    default:
        r = false;
        break;
    }
    return r ^ (cc & 1);
}

static bool commutes(unsigned op)
{
    return op == IR_ADD || op == IR_AND || op == IR_OR || op == IR_XOR || op == IR_MUL;
}

static bool eval2(unsigned op, enum ir_type t, uint64_t a, uint64_t b, uint64_t *out)
{
    unsigned bits = t == IR_I32 ? 32 : 64, n = (unsigned)b & (bits - 1);
    uint64_t m = width_mask(t);
    a &= m;
    switch (op) {
    case IR_ADD:
        *out = a + b;
        break;
    case IR_SUB:
        *out = a - b;
        break;
    case IR_MUL:
        *out = a * b;
        break;
    case IR_AND:
        *out = a & b;
        break;
    case IR_OR:
        *out = a | b;
        break;
    case IR_XOR:
        *out = a ^ b;
        break;
    case IR_ANDN:
        *out = ~a & b;
        break;
    case IR_SHL:
        *out = a << n;
        break;
    case IR_SHR:
        *out = a >> n;
        break;
    case IR_SAR:
        *out = (uint64_t)((int64_t)sign_extend(a, bits) >> n);
        break;
    case IR_ROL:
        *out = n ? a << n | a >> (bits - n) : a;
        break;
    case IR_ROR:
        *out = n ? a >> n | a << (bits - n) : a;
        break;
    default:
        return false;
    }
    *out &= m;
    return true;
}

/* Value known to have no bits above `bits`? */
static bool fits_unsigned(const struct ir_region *r, ir_ref v, unsigned bits)
{
    const struct ir_insn *i = &r->insns[v];
    switch (i->op) {
    case IR_CONST:
        return i->imm <= mask_bits(bits);
    case IR_ZEXT:
        return (8u << i->aux) <= bits;
    case IR_EXTRACT:
        return (i->imm >> 8 & 0xff) <= bits;
    case IR_LD:
        return i->type <= IR_I64 && !(i->imm & IR_MEM_SIGN) &&
               (8u << (i->imm & IR_MEM_SIZE)) <= bits;
    case IR_SETC:
    case IR_SETCC:
        return bits >= 1;
    case IR_AND: {
        const struct ir_insn *b = &r->insns[i->b];
        return b->op == IR_CONST && b->imm <= mask_bits(bits);
    }
    default:
        return false;
    }
}

static ir_ref fold_binary(struct ir_region *r, struct ir_insn *i)
{
    uint64_t va, vb, v, m = width_mask(i->type);
    if (commutes(i->op) && ir_is_const(r, i->a, &va) && !ir_is_const(r, i->b, &vb)) {
        ir_ref t = i->a;
        i->a = i->b;
        i->b = t;
    }
    bool ca = ir_is_const(r, i->a, &va), cb = ir_is_const(r, i->b, &vb);
    if (ca && cb && eval2(i->op, i->type, va, vb, &v))
        return ir_const(r, i->type, v);
    if (i->a == i->b) {
        if (i->op == IR_SUB || i->op == IR_XOR)
            return ir_const(r, i->type, 0);
        if (i->op == IR_AND || i->op == IR_OR)
            return i->a;
    }
    if (!cb)
        return 0;
    vb &= m;
    switch (i->op) {
    case IR_SUB:
        if (!vb)
            return i->a;
        i->op = IR_ADD; /* one form for adding a constant */
        vb = (0 - vb) & m;
        i->b = ir_const(r, i->type, vb);
        /* fall through */
    case IR_ADD: {
        if (!vb)
            return i->a;
        const struct ir_insn *x = &r->insns[i->a];
        uint64_t c;
        if (x->op == IR_ADD && ir_is_const(r, x->b, &c)) {
            i->a = x->a;
            vb = (vb + c) & m;
            if (!vb)
                return i->a;
            i->b = ir_const(r, i->type, vb);
        }
        return 0;
    }
    case IR_OR:
    case IR_XOR:
        return vb ? 0 : i->a;
    case IR_AND:
        return !vb ? i->b : vb == m ? i->a : 0;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROL:
    case IR_ROR:
        return vb & (i->type == IR_I32 ? 31 : 63) ? 0 : i->a;
    case IR_MUL:
        return vb == 1 ? i->a : 0;
    default:
        return 0;
    }
}

static ir_ref fold_extend(struct ir_region *r, struct ir_insn *i)
{
    unsigned bits = 8u << i->aux;
    uint64_t v;
    if (ir_is_const(r, i->a, &v))
        return ir_const(r, i->type, i->op == IR_ZEXT ? v & mask_bits(bits) : sign_extend(v, bits));
    const struct ir_insn *x = &r->insns[i->a];
    /* Extending what was truncated from, or extended at, at least this width looks through it. */
    if ((x->op == IR_TRUNC && bits <= 32) ||
        ((x->op == IR_ZEXT || x->op == IR_SEXT) && (8u << x->aux) >= bits)) {
        i->a = x->a;
        x = &r->insns[i->a];
    }
    if (i->op == IR_ZEXT && x->type == i->type && fits_unsigned(r, i->a, bits))
        return i->a;
    return 0;
}

static ir_ref fold_trunc(struct ir_region *r, struct ir_insn *i)
{
    uint64_t v;
    if (ir_is_const(r, i->a, &v))
        return ir_const(r, IR_I32, v);
    const struct ir_insn *x = &r->insns[i->a];
    if ((x->op == IR_ZEXT || x->op == IR_SEXT) && x->aux == IR_W32 && r->insns[x->a].type == IR_I32)
        return x->a;
    return 0;
}

static ir_ref fold_lea(struct ir_region *r, struct ir_insn *i)
{
    uint64_t v;
    if (i->b && ir_is_const(r, i->b, &v)) {
        int64_t imm = (int64_t)i->imm + (int64_t)(v << i->aux);
        if (imm == (int32_t)imm) {
            i->b = 0;
            i->aux = 0;
            i->imm = (uint64_t)imm;
        }
    }
    if (i->b)
        return 0;
    i->op = IR_ADD; /* LEA with no index is an addition; ADD folds further */
    i->aux = 0;
    v = i->imm & width_mask(i->type);
    i->imm = 0;
    i->b = ir_const(r, i->type, v);
    return fold_binary(r, i);
}

static ir_ref fold_bits(struct ir_region *r, struct ir_insn *i)
{
    unsigned pos = i->imm & 0xff, len = i->imm >> 8 & 0xff, bits = i->type == IR_I32 ? 32 : 64;
    uint64_t va, vb;
    if (i->op == IR_EXTRACT) {
        if (ir_is_const(r, i->a, &va))
            return ir_const(r, i->type, va >> pos & mask_bits(len));
        if (pos == 0 && (len == 8 || len == 16 || len == 32)) {
            i->op = IR_ZEXT;
            i->aux = len == 8 ? IR_W8 : len == 16 ? IR_W16 : IR_W32;
            i->imm = 0;
            return fold_extend(r, i);
        }
        return 0;
    }
    if (pos == 0 && len >= bits && r->insns[i->b].type == i->type)
        return i->b;
    if (ir_is_const(r, i->a, &va) && ir_is_const(r, i->b, &vb)) {
        uint64_t m = mask_bits(len) << pos;
        return ir_const(r, i->type, (va & ~m) | (vb << pos & m));
    }
    return 0;
}

/* A half of what was put together from halves. */
static ir_ref fold_half(struct ir_region *r, struct ir_insn *i)
{
    unsigned half = i->op == IR_V_HI;
    for (;;) {
        const struct ir_insn *x = &r->insns[i->a];
        if (x->op == IR_V_JOIN)
            return half ? x->b : x->a;
        if (x->op == IR_VCONST) {
            i->op = IR_VCONST;
            i->a = 0;
            i->imm = x->imm;
            return 0;
        }
        if (x->op != IR_V_INSH)
            return 0;
        if ((x->imm & 1) == half)
            return x->b;
        i->a = x->a;
    }
}

static ir_ref fold_join(struct ir_region *r, struct ir_insn *i)
{
    const struct ir_insn *low = &r->insns[i->a], *high = &r->insns[i->b];
    if (low->op == IR_VCONST && high->op == IR_VCONST && low->imm == high->imm) {
        i->op = IR_VCONST;
        i->a = i->b = 0;
        i->imm = low->imm;
        return 0;
    }
    if (high->op != IR_V_HI)
        return 0;
    if (low->op == IR_V_LO && low->a == high->a)
        return low->a;
    i->op = IR_V_INSH; /* the low half is new */
    i->b = i->a;
    i->a = high->a;
    i->imm = 0;
    return 0;
}

static unsigned low_bytes_within(const struct ir_region *r, ir_ref v, unsigned depth);

/* Of what a VA_* operation gives. */
static unsigned arm_fp_bytes(const struct ir_insn *i)
{
    unsigned w = i->op == IR_VA_1 && ir_afp_op(i->imm) == IR_AFP_CVT ? ir_afp_to(i->imm) : i->aux;
    switch (ir_afp_shape(i->imm)) {
    case IR_AFP_SCALAR:
        return 1u << w;
    case IR_AFP_HALF:
        return 8;
    default:
        return w < i->aux ? 16u >> (i->aux - w) : 16;
    }
}

static unsigned bitwise_bytes(const struct ir_region *r, const struct ir_insn *i, unsigned depth)
{
    unsigned a = low_bytes_within(r, i->a, depth), b = low_bytes_within(r, i->b, depth);
    return i->op == IR_V_AND ? MIN(a, b) : MAX(a, b);
}

static unsigned low_bytes_within(const struct ir_region *r, ir_ref v, unsigned depth)
{
    const struct ir_insn *i = &r->insns[v];
    switch (i->op) {
    case IR_VCONST:
        return i->imm ? 16 : 0;
    case IR_V_FROM:
    case IR_V_LOW:
        return 1u << i->aux;
    case IR_LD:
        return 1u << (i->imm & IR_MEM_SIZE);
    case IR_V_SHRB:
        return i->imm < 16 ? 16 - (unsigned)i->imm : 0;
    case IR_VA_1:
    case IR_VA_2:
    case IR_VA_3:
    case IR_VA_FROMI:
        return arm_fp_bytes(i);
    case IR_V_AND:
    case IR_V_OR:
    case IR_V_XOR:
        return depth ? bitwise_bytes(r, i, depth - 1) : 16;
    default:
        return 16;
    }
}

enum { LOOK_DEPTH = 4 };

unsigned ir_low_bytes(const struct ir_region *r, ir_ref v)
{
    return low_bytes_within(r, v, LOOK_DEPTH);
}

static ir_ref fold_low(struct ir_region *r, struct ir_insn *i)
{
    if (ir_low_bytes(r, i->a) <= 1u << i->aux)
        return i->a;
    if (r->insns[i->a].op == IR_V_LOW)
        i->a = r->insns[i->a].a;
    return 0;
}

static bool is_zero_vec(const struct ir_region *r, ir_ref v)
{
    return r->insns[v].op == IR_VCONST && !r->insns[v].imm;
}

/* x, where v is `op` of x with a key of zeros, else 0. */
static ir_ref keyless(const struct ir_region *r, ir_ref v, enum ir_op op)
{
    const struct ir_insn *i = &r->insns[v];
    return i->op == op && is_zero_vec(r, i->b) ? i->a : 0;
}

/*
 * AES rounds of guests whose instructions are the steps of a round: what is done and undone again
 * goes away. With keys of zeros a last round one way is the other way's inverse, and it followed by
 * the inverse of mixed columns is a whole round.
 */
static ir_ref fold_aes(struct ir_region *r, struct ir_insn *i)
{
    ir_ref v;
    if (i->op == IR_V_AESDECLAST)
        return is_zero_vec(r, i->b) ? keyless(r, i->a, IR_V_AESENCLAST) : 0;
    v = keyless(r, i->a, IR_V_AESDECLAST);
    if (i->op == IR_V_AESIMC && v) {
        i->op = IR_V_AESDEC;
        i->b = r->insns[i->a].b;
        i->a = v;
    }
    return 0;
}

/* A key that is added behind a round without one is the round's key. */
static ir_ref fold_round_key(struct ir_region *r, struct ir_insn *i)
{
    for (unsigned k = 0; k < 2; k++) {
        const struct ir_insn *x = &r->insns[k ? i->b : i->a];
        const ir_ref key = k ? i->a : i->b;
        bool round = x->op >= IR_V_AESENC && x->op <= IR_V_AESDECLAST;
        if (!round || x->type != i->type || !is_zero_vec(r, x->b))
            continue;
        i->op = x->op;
        i->aux = x->aux;
        i->a = x->a;
        i->b = key;
        return 0;
    }
    return 0;
}

static unsigned lane_number(uint64_t imm, unsigned n)
{
    return imm >> 2 * n & 3;
}

enum { LANES_AS_THEY_ARE = 0xe4 };

/* A shuffle of a shuffle is one. */
static ir_ref fold_shufd(struct ir_region *r, struct ir_insn *i)
{
    const struct ir_insn *x = &r->insns[i->a];
    if (x->op == IR_V_SHUFD) {
        unsigned imm = 0;
        for (unsigned n = 0; n < 4; n++)
            imm |= lane_number(x->imm, lane_number(i->imm, n)) << 2 * n;
        i->a = x->a;
        i->imm = imm;
    }
    return (i->imm & 0xff) == LANES_AS_THEY_ARE ? i->a : 0;
}

/* Two shuffles of the same values, put together so that one of the values comes out. */
static ir_ref fold_shufps(struct ir_region *r, struct ir_insn *i)
{
    const struct ir_insn *x = &r->insns[i->a], *y = &r->insns[i->b];
    if (i->aux != IR_W32 || x->op != IR_V_SHUFPS || y->op != IR_V_SHUFPS || x->aux != IR_W32 ||
        y->aux != IR_W32 || x->a != y->a || x->b != y->b)
        return 0;
    bool is_a = true, is_b = true;
    for (unsigned n = 0; n < 4; n++) {
        const unsigned from = lane_number(i->imm, n); /* in x for the low half, in y for the high */
        const bool same = lane_number((n < 2 ? x : y)->imm, from) == n;
        is_a &= same && from < 2;
        is_b &= same && from >= 2;
    }
    return is_a ? x->a : is_b ? x->b : 0;
}

/* Flags f for who looks at nothing but CF. */
static ir_ref carry_of(struct ir_region *r, ir_ref f)
{
    const struct ir_insn *x = &r->insns[f];
    return x->op == IR_FL_SETCF || x->op == IR_FL_SETCO ? ir_fl(r, IR_FL_CO, IR_W32, x->a, 0, 0, 0)
                                                        : f;
}

/* Additions and subtractions with a carry that was computed by itself. */
static ir_ref fold_carry_in(struct ir_region *r, struct ir_insn *i)
{
    uint64_t carry;
    i->c = carry_of(r, i->c);
    const struct ir_insn *x = &r->insns[i->c];
    if (x->op != IR_FL_CO || !ir_is_const(r, x->a, &carry) || carry & 1)
        return 0;
    i->c = 0;
    switch (i->op) {
    case IR_ADC:
    case IR_SBB:
        i->op = i->op == IR_ADC ? IR_ADD : IR_SUB;
        return fold_binary(r, i);
    default:
        i->op = i->op == IR_FL_ADC ? IR_FL_ADD : IR_FL_SUB;
        return 0;
    }
}

/* CF and OF by themselves, where it is known how they came about. */
static ir_ref fold_setcc(struct ir_region *r, struct ir_insn *i)
{
    const struct ir_insn *x = &r->insns[i->a];
    if (i->aux != IR_CC_B && i->aux != IR_CC_O)
        return 0;
    switch (x->op) {
    case IR_FL_SETCO:
        return i->aux == IR_CC_B ? x->a : x->b;
    case IR_FL_LOGIC:
        return ir_i32(r, 0);
    case IR_FL_CO:
        return r->insns[x->a].type == IR_I32 && fits_unsigned(r, x->a, 1) ? x->a : 0;
    case IR_FL_INC:
    case IR_FL_DEC:
        if (i->aux == IR_CC_B)
            i->a = x->b;
        return 0;
    default:
        return 0;
    }
}

ir_ref ir_fold(struct ir_region *r, struct ir_insn *i)
{
    uint64_t va, vb;
    switch (i->op) {
    case IR_ADD:
    case IR_SUB:
    case IR_MUL:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_ANDN:
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROL:
    case IR_ROR:
        return fold_binary(r, i);
    case IR_ZEXT:
    case IR_SEXT:
        return fold_extend(r, i);
    case IR_TRUNC:
        return fold_trunc(r, i);
    case IR_LEA:
        return fold_lea(r, i);
    case IR_DEPOSIT:
    case IR_EXTRACT:
        return fold_bits(r, i);
    case IR_NOT:
        return ir_is_const(r, i->a, &va) ? ir_const(r, i->type, ~va) : 0;
    case IR_NEG:
        return ir_is_const(r, i->a, &va) ? ir_const(r, i->type, 0 - va) : 0;
    case IR_SETC:
        if (ir_is_const(r, i->a, &va) && ir_is_const(r, i->b, &vb))
            return ir_i32(r, ir_eval_setc(i->aux, (enum ir_type)i->imm, va, vb));
        return 0;
    case IR_SELNZ:
        if (ir_is_const(r, i->c, &va))
            return va ? i->a : i->b;
        return i->a == i->b ? i->a : 0;
    case IR_SELCC:
        return i->a == i->b ? i->a : 0;
    case IR_ADC:
    case IR_SBB:
    case IR_FL_ADC:
    case IR_FL_SBB:
        return fold_carry_in(r, i);
    case IR_FL_INC:
    case IR_FL_DEC:
        i->b = carry_of(r, i->b);
        return 0;
    case IR_SETCC:
        return fold_setcc(r, i);
    case IR_FL_SETCO:
        if (r->insns[i->c].op == IR_FL_SETCO)
            i->c = r->insns[i->c].c;
        return 0;
    case IR_FL_CMC:
        return r->insns[i->a].op == IR_FL_CMC ? r->insns[i->a].a : 0;
    case IR_FL_FROM:
        return r->insns[i->a].op == IR_FL_PACK ? r->insns[i->a].a : 0;
    case IR_FL_PACK:
        return r->insns[i->a].op == IR_FL_FROM ? r->insns[i->a].a : 0;
    case IR_FL_SHL:
    case IR_FL_SHR:
    case IR_FL_SAR:
    case IR_FL_ROL:
    case IR_FL_ROR:
        return ir_is_const(r, i->b, &vb) && !vb ? i->c : 0;
    case IR_V_XOR:
        if (i->a == i->b) {
            i->op = IR_VCONST;
            i->a = i->b = 0;
            i->imm = 0;
            return 0;
        }
        return fold_round_key(r, i);
    case IR_V_AESDECLAST:
    case IR_V_AESIMC:
        return fold_aes(r, i);
    case IR_V_SHUFD:
        return fold_shufd(r, i);
    case IR_V_SHUFPS:
        return fold_shufps(r, i);
    case IR_V_LO:
    case IR_V_HI:
        return fold_half(r, i);
    case IR_V_JOIN:
        return fold_join(r, i);
    case IR_V_LOW:
        return fold_low(r, i);
    case IR_V_AND:
    case IR_V_OR:
        return i->a == i->b ? i->a : 0;
    default:
        return 0;
    }
}
