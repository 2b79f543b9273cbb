/* Which part of the vector interpreter executes an insn, and results that are no vectors. */
#include "tcg/interp/vector.h"
#include "tcg/interp/vector_string.h"

#include "core/util/range.h"
#include "tcg/interp/vector_int.h"

struct x86_vec interp_vector(const struct ir_insn *i, struct x86_vec a, struct x86_vec b,
                             struct x86_vec c, uint64_t x, uint32_t *mxcsr)
{
    union lanes la = {a}, lb = {b}, lc = {c}, r = {{{0, 0}}};
    if (!vector_lanewise(i, &la, &lb, &r) && !vector_across(i, &la, &lb, &r) &&
        !vector_move(i, &la, &lb, &lc, x, &r) && !vector_crypto(i, &la, &lb, &lc, &r) &&
        !vector_arm_fp(i, &la, &lb, &lc, x, mxcsr, &r))
        vector_fp(i, &la, &lb, &lc, x, mxcsr, &r);
    return r.vec;
}

static uint64_t top_bits(const union lanes *v, unsigned width)
{
    uint64_t r = 0;
    for (unsigned n = 0; n < 16u >> width; n++)
        r |= (lane_get(v, width, n) >> ((8u << width) - 1)) << n;
    return r;
}

static uint32_t test_flags(const union lanes *a, const union lanes *b)
{
    uint32_t fl = 0;
    if (!(a->u64[0] & b->u64[0]) && !(a->u64[1] & b->u64[1]))
        fl |= IR_FL_ZF;
    if (!(~a->u64[0] & b->u64[0]) && !(~a->u64[1] & b->u64[1]))
        fl |= IR_FL_CF;
    return fl;
}

uint64_t interp_vector_to_int(const struct ir_insn *i, struct x86_vec a, struct x86_vec b,
                              uint32_t *mxcsr)
{
    union lanes la = {a}, lb = {b};
    switch (i->op) {
    case IR_V_LANE:
        return lane_get(&la, i->aux, (unsigned)i->imm & ((16u >> i->aux) - 1));
    case IR_V_PCMPISTR: {
        const struct x86_vec operand[2] = {a, b};
        return vector_string_index(operand, (unsigned)i->imm, NULL);
    }
    case IR_V_MOVMSK:
        return top_bits(&la, i->aux);
    case IR_VF_STOI:
        return vector_fp_to_int(i, &la, mxcsr);
    case IR_VA_TOI:
        return vector_arm_fp_to_int(i, &la, mxcsr);
    case IR_FL_FCMP:
        return vector_arm_fp_flags(i, &la, &lb, mxcsr);
    case IR_FL_COMIS:
        return vector_fp_compare_flags(i, &la, &lb, mxcsr);
    case IR_FL_PTEST:
        return test_flags(&la, &lb);
    default:
        return 0;
    }
}
