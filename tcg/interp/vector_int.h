/*
 * Parts of the vector interpreter: a vector as an array of lanes, and the functions that
 * vector.c chooses from. Lane 0 is the least significant; hosts are little-endian.
 */
#ifndef TCG_INTERP_VECTOR_INT_H
#define TCG_INTERP_VECTOR_INT_H

#include "tcg/interp/vector.h"

union lanes {
    struct x86_vec vec;
    uint8_t u8[16];
    int8_t s8[16];
    uint16_t u16[8];
    int16_t s16[8];
    uint32_t u32[4];
    int32_t s32[4];
    uint64_t u64[2];
    int64_t s64[2];
};

static inline uint64_t lane_get(const union lanes *v, unsigned width, unsigned n)
{
    switch (width) {
    case IR_W8:
        return v->u8[n];
    case IR_W16:
        return v->u16[n];
    case IR_W32:
        return v->u32[n];
    default:
        return v->u64[n];
    }
}

static inline int64_t lane_get_signed(const union lanes *v, unsigned width, unsigned n)
{
    switch (width) {
    case IR_W8:
        return v->s8[n];
    case IR_W16:
        return v->s16[n];
    case IR_W32:
        return v->s32[n];
    default:
        return v->s64[n];
    }
}

static inline void lane_set(union lanes *v, unsigned width, unsigned n, uint64_t x)
{
    switch (width) {
    case IR_W8:
        v->u8[n] = (uint8_t)x;
        break;
    case IR_W16:
        v->u16[n] = (uint16_t)x;
        break;
    case IR_W32:
        v->u32[n] = (uint32_t)x;
        break;
    default:
        v->u64[n] = x;
        break;
    }
}

/* V_* ops that treat every lane alike (vector_int.c), that move lanes about (vector_move.c), the
 * cryptographic ones (vector_crypto.c), and VF_* ops (vector_fp.c). false: none of theirs. */
bool vector_lanewise(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                     union lanes *r);
bool vector_across(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                   union lanes *r);
bool vector_move(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                 const union lanes *c, uint64_t x, union lanes *r);
bool vector_crypto(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                   const union lanes *c, union lanes *r);
bool vector_fp(const struct ir_insn *i, const union lanes *a, const union lanes *b,
               const union lanes *c, uint64_t x, uint32_t *mxcsr, union lanes *r);

/* VA_* ops but VA_TOI (vector_arm_fp.c), which is the second function, and FL_FCMP's packed flags.
 */
bool vector_arm_fp(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                   const union lanes *c, uint64_t x, uint32_t *mxcsr, union lanes *r);
uint64_t vector_arm_fp_to_int(const struct ir_insn *i, const union lanes *a, uint32_t *mxcsr);
uint32_t vector_arm_fp_flags(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                             uint32_t *mxcsr);

/* VF_DP of both halves at once: exceptions of one end the other, too. */
void vector_dot_product_wide(const struct ir_insn *i, const struct x86_vec256 v[2], uint32_t *mxcsr,
                             struct x86_vec256 *r);
/* VF_STOI: lane 0 as an integer; FL_COMIS: packed flags. */
uint64_t vector_fp_to_int(const struct ir_insn *i, const union lanes *a, uint32_t *mxcsr);
uint32_t vector_fp_compare_flags(const struct ir_insn *i, const union lanes *a,
                                 const union lanes *b, uint32_t *mxcsr);

#endif
