/* Vector operations that move lanes about: packing, unpacking, shuffles, blends, insertions. Intel
 * SDM vol. 2, the instruction named at each operation in tcg/ir/ir.h. */
#include "tcg/interp/vector_int.h"

#include "core/util/range.h"

static void pack(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                 union lanes *r)
{
    unsigned w = i->aux, half = 16u >> w;
    int64_t max = (int64_t)mask_bits((4u << w) - (i->op == IR_V_PACKS));
    int64_t min = i->op == IR_V_PACKS ? -max - 1 : 0;
    for (unsigned n = 0; n < 2 * half; n++) {
        int64_t v = lane_get_signed(n < half ? a : b, w, n % half);
        lane_set(r, w - 1, n, (uint64_t)(v > max ? max : v < min ? min : v));
    }
}

static void interleave(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                       union lanes *r)
{
    unsigned w = i->aux, half = 8u >> w, from = i->op == IR_V_UNPKH ? half : 0;
    for (unsigned n = 0; n < half; n++) {
        lane_set(r, w, 2 * n, lane_get(a, w, from + n));
        lane_set(r, w, 2 * n + 1, lane_get(b, w, from + n));
    }
}

/* (high:low) >> bytes, the low 16 of it. */
static void shift_bytes(const union lanes *high, const union lanes *low, uint64_t bytes,
                        union lanes *r)
{
    for (unsigned n = 0; n < 16; n++) {
        uint64_t from = bytes < 32 ? n + bytes : 32;
        r->u8[n] = from < 16 ? low->u8[from] : from < 32 ? high->u8[from - 16] : 0;
    }
}

static void shift_left_bytes(const union lanes *a, uint64_t bytes, union lanes *r)
{
    for (unsigned n = 0; n < 16; n++)
        r->u8[n] = n >= bytes ? a->u8[n - bytes] : 0;
}

static void shuffle_bytes(const union lanes *a, const union lanes *b, union lanes *r)
{
    for (unsigned n = 0; n < 16; n++)
        r->u8[n] = b->u8[n] & 0x80 ? 0 : a->u8[b->u8[n] & 15];
}

static void shuffle_imm(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                        union lanes *r)
{
    unsigned imm = (unsigned)i->imm;
    *r = *a;
    switch (i->op) {
    case IR_V_SHUFD:
        for (unsigned n = 0; n < 4; n++)
            r->u32[n] = a->u32[imm >> 2 * n & 3];
        break;
    case IR_V_SHUFLW:
        for (unsigned n = 0; n < 4; n++)
            r->u16[n] = a->u16[imm >> 2 * n & 3];
        break;
    case IR_V_SHUFHW:
        for (unsigned n = 0; n < 4; n++)
            r->u16[4 + n] = a->u16[4 + (imm >> 2 * n & 3)];
        break;
    default: /* SHUFPS, SHUFPD: lower half of the result from a, upper from b */
        if (i->aux == IR_W32) {
            for (unsigned n = 0; n < 4; n++)
                r->u32[n] = (n < 2 ? a : b)->u32[imm >> 2 * n & 3];
        } else {
            r->u64[0] = a->u64[imm & 1];
            r->u64[1] = b->u64[imm >> 1 & 1];
        }
        break;
    }
}

static void widen(const struct ir_insn *i, const union lanes *a, union lanes *r)
{
    unsigned to = (unsigned)i->imm & 3;
    for (unsigned n = 0; n < 16u >> to; n++)
        lane_set(r, to, n,
                 i->op == IR_V_MOVSX ? (uint64_t)lane_get_signed(a, i->aux, n)
                                     : lane_get(a, i->aux, n));
}

static void blend(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                  const union lanes *c, union lanes *r)
{
    unsigned w = i->aux;
    for (unsigned n = 0; n < 16u >> w; n++) {
        bool take_b = i->op == IR_V_BLENDI ? i->imm >> n & 1 : lane_get_signed(c, w, n) < 0;
        lane_set(r, w, n, lane_get(take_b ? b : a, w, n));
    }
}

static void insert_ps(unsigned imm, const union lanes *a, const union lanes *b, union lanes *r)
{
    uint32_t v = b->u32[imm >> 6 & 3];
    *r = *a;
    r->u32[imm >> 4 & 3] = v;
    for (unsigned n = 0; n < 4; n++)
        if (imm >> n & 1)
            r->u32[n] = 0;
}

static void duplicate(const struct ir_insn *i, const union lanes *a, union lanes *r)
{
    if (i->aux == IR_W64) {
        r->u64[0] = r->u64[1] = a->u64[0];
        return;
    }
    for (unsigned n = 0; n < 4; n++)
        r->u32[n] = a->u32[(n & 2) | (i->imm & 1)];
}

/* The lane number is in bits 1:0, of 64-bit lanes in bit 1. */
static void permute_in_half(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                            union lanes *r)
{
    for (unsigned n = 0; n < 16u >> i->aux; n++) {
        uint64_t which = lane_get(b, i->aux, n);
        lane_set(r, i->aux, n, lane_get(a, i->aux, i->aux == IR_W64 ? which >> 1 & 1 : which & 3));
    }
}

bool vector_move(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                 const union lanes *c, uint64_t x, union lanes *r)
{
    static const union lanes zero;
    switch (i->op) {
    case IR_VCONST:
        r->u64[0] = r->u64[1] = i->imm;
        break;
    case IR_V_FROM:
        *r = zero;
        lane_set(r, i->aux, 0, x);
        break;
    case IR_V_INS:
        *r = *a;
        lane_set(r, i->aux, (unsigned)i->imm & ((16u >> i->aux) - 1), x);
        break;
    case IR_V_MOVLANE:
        *r = *a;
        lane_set(r, i->aux, 0, lane_get(b, i->aux, 0));
        break;
    case IR_V_LOW:
        *r = zero;
        lane_set(r, i->aux, 0, lane_get(a, i->aux, 0));
        break;
    case IR_V_SHLB:
        shift_left_bytes(a, i->imm, r);
        break;
    case IR_V_SHRB:
        shift_bytes(&zero, a, i->imm, r);
        break;
    case IR_V_ALIGN:
        shift_bytes(a, b, i->imm, r);
        break;
    case IR_V_PACKS:
    case IR_V_PACKUS:
        pack(i, a, b, r);
        break;
    case IR_V_UNPKL:
    case IR_V_UNPKH:
        interleave(i, a, b, r);
        break;
    case IR_V_SHUFB:
        shuffle_bytes(a, b, r);
        break;
    case IR_V_SHUFD:
    case IR_V_SHUFLW:
    case IR_V_SHUFHW:
    case IR_V_SHUFPS:
        shuffle_imm(i, a, b, r);
        break;
    case IR_V_MOVSX:
    case IR_V_MOVZX:
        widen(i, a, r);
        break;
    case IR_V_BLENDV:
    case IR_V_BLENDI:
        blend(i, a, b, c, r);
        break;
    case IR_V_INSERTPS:
        insert_ps((unsigned)i->imm, a, b, r);
        break;
    case IR_V_MOVDUP:
        duplicate(i, a, r);
        break;
    case IR_V_PERMIL:
        permute_in_half(i, a, b, r);
        break;
    case IR_V_BCAST:
        for (unsigned n = 0; n < 16; n++)
            r->u8[n] = a->u8[n & ((1u << i->aux) - 1)];
        break;
    default:
        return false;
    }
    return true;
}
