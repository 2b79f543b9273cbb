/*
 * Vector integer operations: those that treat every lane alike, and those that combine
 * neighbouring lanes. Intel SDM vol. 2, the instruction named at each operation in tcg/ir/ir.h.
 */
#include "tcg/interp/vector_int.h"

#include "core/util/range.h"

static int64_t saturate_signed(int64_t v, unsigned bits)
{
    int64_t max = (int64_t)mask_bits(bits - 1);
    return v > max ? max : v < -max - 1 ? -max - 1 : v;
}

static uint64_t saturate_unsigned(int64_t v, unsigned bits)
{
    int64_t max = (int64_t)mask_bits(bits);
    return (uint64_t)(v > max ? max : v < 0 ? 0 : v);
}

/* One lane: unsigned and signed views of both operands. The result is cut to the lane. */
static bool lane_op(enum ir_op op, unsigned bits, uint64_t ua, uint64_t ub, int64_t sa, int64_t sb,
                    uint64_t *r)
{
    switch (op) {
    case IR_V_AND:
        *r = ua & ub;
        break;
    case IR_V_OR:
        *r = ua | ub;
        break;
    case IR_V_XOR:
        *r = ua ^ ub;
        break;
    case IR_V_ANDN:
        *r = ~ua & ub;
        break;
    case IR_V_ADD:
        *r = ua + ub;
        break;
    case IR_V_SUB:
        *r = ua - ub;
        break;
    case IR_V_ADDS:
        *r = (uint64_t)saturate_signed(sa + sb, bits);
        break;
    case IR_V_SUBS:
        *r = (uint64_t)saturate_signed(sa - sb, bits);
        break;
    case IR_V_ADDUS:
        *r = saturate_unsigned((int64_t)(ua + ub), bits);
        break;
    case IR_V_SUBUS:
        *r = saturate_unsigned((int64_t)(ua - ub), bits);
        break;
    case IR_V_MULLO:
        *r = ua * ub;
        break;
    case IR_V_MULHI:
        *r = (uint64_t)(sa * sb) >> bits;
        break;
    case IR_V_MULHIU:
        *r = ua * ub >> bits;
        break;
    case IR_V_MULHRS:
        *r = (uint64_t)(((sa * sb >> 14) + 1) >> 1);
        break;
    case IR_V_AVG:
        *r = (ua + ub + 1) >> 1;
        break;
    case IR_V_MIN:
        *r = sa < sb ? ua : ub;
        break;
    case IR_V_MAX:
        *r = sa > sb ? ua : ub;
        break;
    case IR_V_MINU:
        *r = ua < ub ? ua : ub;
        break;
    case IR_V_MAXU:
        *r = ua > ub ? ua : ub;
        break;
    case IR_V_CMPEQ:
        *r = ua == ub ? ~UINT64_C(0) : 0;
        break;
    case IR_V_CMPGT:
        *r = sa > sb ? ~UINT64_C(0) : 0;
        break;
    case IR_V_ABS:
        *r = sa < 0 ? 0 - ua : ua;
        break;
    case IR_V_SIGN:
        *r = sb < 0 ? 0 - ua : sb ? ua : 0;
        break;
    default:
        return false;
    }
    return true;
}

/* Of lane n. */
static bool shift_count(const struct ir_insn *i, const union lanes *b, unsigned n, uint64_t *count)
{
    switch (i->op) {
    case IR_V_SHLV:
    case IR_V_SHRV:
    case IR_V_SARV:
        *count = lane_get(b, i->aux, n);
        return true;
    case IR_V_SHL:
    case IR_V_SHR:
    case IR_V_SAR:
        *count = b->u64[0];
        return true;
    case IR_V_SHLI:
    case IR_V_SHRI:
    case IR_V_SARI:
        *count = i->imm;
        return true;
    default:
        return false;
    }
}

static uint64_t shift_lane(enum ir_op op, unsigned bits, uint64_t u, int64_t s, uint64_t count)
{
    if (op == IR_V_SAR || op == IR_V_SARI || op == IR_V_SARV)
        return (uint64_t)(s >> (count >= bits ? bits - 1 : (unsigned)count));
    if (count >= bits)
        return 0;
    return op == IR_V_SHL || op == IR_V_SHLI || op == IR_V_SHLV ? u << count : u >> count;
}

bool vector_lanewise(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                     union lanes *r)
{
    bool bitwise = i->op == IR_V_AND || i->op == IR_V_OR || i->op == IR_V_XOR || i->op == IR_V_ANDN;
    unsigned w = bitwise ? IR_W64 : i->aux, bits = 8u << w;
    uint64_t v, count = 0;

    for (unsigned n = 0; n < 16u >> w; n++) {
        uint64_t ua = lane_get(a, w, n);
        int64_t sa = lane_get_signed(a, w, n);
        if (shift_count(i, b, n, &count))
            v = shift_lane(i->op, bits, ua, sa, count);
        else if (!lane_op(i->op, bits, ua, lane_get(b, w, n), sa, lane_get_signed(b, w, n), &v))
            return false;
        lane_set(r, w, n, v);
    }
    return true;
}

/* ---- neighbours ----------------------------------------------------------------------------- */

/* Pairs of lanes of a, then of b. */
static void horizontal(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                       union lanes *r)
{
    unsigned w = i->aux, half = 8u >> w;
    for (unsigned n = 0; n < 2 * half; n++) {
        const union lanes *s = n < half ? a : b;
        unsigned k = 2 * (n % half);
        int64_t x = lane_get_signed(s, w, k), y = lane_get_signed(s, w, k + 1);
        int64_t v = i->op == IR_V_HADD || i->op == IR_V_HADDS ? x + y : x - y;
        if (i->op == IR_V_HADDS || i->op == IR_V_HSUBS)
            v = saturate_signed(v, 8u << w);
        lane_set(r, w, n, (uint64_t)v);
    }
}

static unsigned distance(unsigned x, unsigned y)
{
    return x > y ? x - y : y - x;
}

static void sum_of_differences(const union lanes *a, const union lanes *b, union lanes *r)
{
    for (unsigned q = 0; q < 2; q++) {
        r->u64[q] = 0;
        for (unsigned n = 8 * q; n < 8 * q + 8; n++)
            r->u64[q] += distance(a->u8[n], b->u8[n]);
    }
}

/* MPSADBW: four bytes of b against eight positions in a. */
static void multiple_differences(const union lanes *a, const union lanes *b, unsigned imm,
                                 union lanes *r)
{
    unsigned from_a = imm & 4 ? 4 : 0, from_b = 4 * (imm & 3);
    for (unsigned n = 0; n < 8; n++) {
        unsigned sum = 0;
        for (unsigned k = 0; k < 4; k++)
            sum += distance(a->u8[from_a + n + k], b->u8[from_b + k]);
        r->u16[n] = (uint16_t)sum;
    }
}

static void minimum_position(const union lanes *a, union lanes *r)
{
    unsigned at = 0;
    for (unsigned n = 1; n < 8; n++)
        if (a->u16[n] < a->u16[at])
            at = n;
    r->u64[0] = a->u16[at] | at << 16;
    r->u64[1] = 0;
}

/* Products of even doublewords, and sums of two products. */
static void products(enum ir_op op, const union lanes *a, const union lanes *b, union lanes *r)
{
    for (unsigned n = 0; n < 2; n++) {
        if (op == IR_V_MULU)
            r->u64[n] = (uint64_t)a->u32[2 * n] * b->u32[2 * n];
        else if (op == IR_V_MULS)
            r->s64[n] = (int64_t)a->s32[2 * n] * b->s32[2 * n];
    }
    if (op == IR_V_MADD)
        for (unsigned n = 0; n < 4; n++)
            r->u32[n] = (uint32_t)(a->s16[2 * n] * b->s16[2 * n]) +
                        (uint32_t)(a->s16[2 * n + 1] * b->s16[2 * n + 1]);
    if (op == IR_V_MADDUBS)
        for (unsigned n = 0; n < 8; n++)
            r->s16[n] = (int16_t)saturate_signed(
                a->u8[2 * n] * b->s8[2 * n] + a->u8[2 * n + 1] * b->s8[2 * n + 1], 16);
}

bool vector_across(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                   union lanes *r)
{
    switch (i->op) {
    case IR_V_HADD:
    case IR_V_HSUB:
    case IR_V_HADDS:
    case IR_V_HSUBS:
        horizontal(i, a, b, r);
        return true;
    case IR_V_MULU:
    case IR_V_MULS:
    case IR_V_MADD:
    case IR_V_MADDUBS:
        products(i->op, a, b, r);
        return true;
    case IR_V_SAD:
        sum_of_differences(a, b, r);
        return true;
    case IR_V_MPSAD:
        multiple_differences(a, b, (unsigned)i->imm, r);
        return true;
    case IR_V_HMINPOS:
        minimum_position(a, r);
        return true;
    default:
        return false;
    }
}
