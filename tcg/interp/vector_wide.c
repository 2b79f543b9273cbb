/*
 * Vector operations on 256 bits: most act on each half as on 128 bits; here is what does not, and
 * what changes between the two widths.
 */
#include "tcg/interp/vector.h"
#include "tcg/interp/vector_int.h"

#include <string.h>

/* The immediate's part for one half: bits that choose for each lane go on in the second one. */
static struct ir_insn half_insn(const struct ir_insn *i, unsigned half)
{
    struct ir_insn r = *i;
    r.type = IR_V128;
    if (half && i->op == IR_V_BLENDI && i->aux != IR_W16)
        r.imm >>= i->aux == IR_W32 ? 4 : 2;
    if (half && i->op == IR_V_SHUFPS && i->aux == IR_W64)
        r.imm >>= 2;
    if (half && i->op == IR_V_MPSAD)
        r.imm >>= 3;
    return r;
}

/* Operations whose operand is narrower than the result: bytes of it that one half takes. */
static unsigned narrow_bytes(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_V_MOVSX:
    case IR_V_MOVZX:
        return 16u >> (i->imm - i->aux);
    case IR_VF_FROMI32:
        return i->aux == IR_W64 ? 8 : 16;
    case IR_VF_CVT:
        return 8;
    case IR_VF_FROMH:
        return 8;
    default:
        return 16;
    }
}

static struct x86_vec from_byte(const struct x86_vec *v, unsigned byte)
{
    uint8_t bytes[32] = {0};
    struct x86_vec r;
    memcpy(bytes, v, 16);
    memcpy(&r, bytes + byte, 16);
    return r;
}

static void by_halves(const struct ir_insn *i, const struct x86_vec256 v[3], uint32_t *mxcsr,
                      struct x86_vec256 *r)
{
    uint32_t before = *mxcsr;
    bool shift = i->op == IR_V_SHL || i->op == IR_V_SHR || i->op == IR_V_SAR;
    unsigned narrow = narrow_bytes(i);
    for (unsigned h = 0; h < 2; h++) {
        struct ir_insn insn = half_insn(i, h);
        uint32_t flags = before;
        struct x86_vec a = narrow < 16 ? from_byte(&v[0].half[0], narrow * h) : v[0].half[h];
        r->half[h] = interp_vector(&insn, a, v[1].half[shift ? 0 : h], v[2].half[h], 0, &flags);
        *mxcsr |= flags;
    }
}

/* A v128 of two halves' results, which fill their low 64 bits. */
static void narrow_halves(const struct ir_insn *i, const struct x86_vec256 v[3], uint32_t *mxcsr,
                          struct x86_vec256 *r)
{
    for (unsigned h = 0; h < 2; h++) {
        struct x86_vec part = interp_vector(i, v[0].half[h], v[1].half[h], v[2].half[h], 0, mxcsr);
        r->half[0].u64[h] = part.u64[0];
    }
}

static void permute_quarters(unsigned imm, const struct x86_vec256 *a, struct x86_vec256 *r)
{
    for (unsigned n = 0; n < 4; n++) {
        unsigned from = imm >> 2 * n & 3;
        r->half[n / 2].u64[n % 2] = a->half[from / 2].u64[from % 2];
    }
}

static void permute_lanes(const struct x86_vec256 *index, const struct x86_vec256 *a,
                          struct x86_vec256 *r)
{
    uint32_t from[8], n[8], to[8];
    memcpy(from, a, sizeof from);
    memcpy(n, index, sizeof n);
    for (unsigned k = 0; k < 8; k++)
        to[k] = from[n[k] & 7];
    memcpy(r, to, sizeof to);
}

static void permute_halves(unsigned imm, const struct x86_vec256 v[3], struct x86_vec256 *r)
{
    for (unsigned h = 0; h < 2; h++) {
        unsigned how = imm >> 4 * h;
        r->half[h] = how & 8 ? (struct x86_vec){{0, 0}} : v[how >> 1 & 1].half[how & 1];
    }
}

/* true: the operation is one of those between halves. */
static bool across_halves(const struct ir_insn *i, const struct x86_vec256 v[3],
                          struct x86_vec256 *r)
{
    switch (i->op) {
    case IR_V_LO:
        r->half[0] = v[0].half[0];
        return true;
    case IR_V_HI:
        r->half[0] = v[0].half[1];
        return true;
    case IR_V_JOIN:
        r->half[0] = v[0].half[0];
        r->half[1] = v[1].half[0];
        return true;
    case IR_V_INSH:
        *r = v[0];
        r->half[i->imm & 1] = v[1].half[0];
        return true;
    case IR_V_PERMQ:
        permute_quarters((unsigned)i->imm, &v[0], r);
        return true;
    case IR_V_PERMD:
        permute_lanes(&v[0], &v[1], r);
        return true;
    case IR_V_PERM2:
        permute_halves((unsigned)i->imm, v, r);
        return true;
    default:
        return false;
    }
}

void interp_vector_any(const struct ir_insn *i, bool wide, const struct x86_vec256 v[3], uint64_t x,
                       uint32_t *mxcsr, struct x86_vec256 *r)
{
    struct x86_vec256 out = {0};
    if (i->op == IR_V_BCAST && i->type == IR_V256)
        out.half[1] = out.half[0] =
            interp_vector(i, v[0].half[0], v[1].half[0], v[2].half[0], x, mxcsr);
    else if (across_halves(i, v, &out))
        ;
    else if (i->type == IR_V256 && i->op == IR_VF_DP)
        vector_dot_product_wide(i, v, mxcsr, &out);
    else if (i->type == IR_V256)
        by_halves(i, v, mxcsr, &out);
    else if (wide)
        narrow_halves(i, v, mxcsr, &out);
    else
        out.half[0] = interp_vector(i, v[0].half[0], v[1].half[0], v[2].half[0], x, mxcsr);
    *r = out;
}

uint64_t interp_vector_any_to_int(const struct ir_insn *i, const struct x86_vec256 v[2],
                                  uint32_t *mxcsr)
{
    uint64_t low = interp_vector_to_int(i, v[0].half[0], v[1].half[0], mxcsr);
    uint64_t high = interp_vector_to_int(i, v[0].half[1], v[1].half[1], mxcsr);
    return i->op == IR_FL_PTEST ? low & high : low | high << (16 >> i->aux);
}
