/* Advanced SIMD of A32 and T32: operations on lanes of two and three registers, by A64's words of
 * the same operation. Fields of these: Q 30, U 29, size 23:22. */
#include "tcg/arm/translate32_vec.h"

enum {
    SAME = 0x0e200400,        /* opcode 15:11 */
    SCALAR_SAME = 0x5e200400, /* ... of one doubleword */
    DIFFERENT = 0x0e200000,   /* opcode 15:12 */
    ELEMENT = 0x0f000000,     /* opcode 15:12 */
    RDMA = 0x2e008400,
};

static uint32_t word_of(uint32_t word, unsigned q, unsigned u, unsigned size)
{
    return word | (uint32_t)q << 30 | (uint32_t)u << 29 | (uint32_t)size << 22;
}
static unsigned opcode_of(const struct a32_insn *i)
{
    return (unsigned)i->opc << 1 | i->o1;
}
static struct a32_vec operands(const struct a32_insn *i)
{
    const unsigned kind = a32_simd_kind(i);
    return (struct a32_vec){
        .d = a32_simd_d(i, kind), .n = a32_simd_n(i, kind), .m = a32_simd_m(i, kind)};
}

/* ---- three registers of the same length --------------------------------------------------------
 */

/* Of doublewords A64 has one as a scalar. */
static uint32_t same_word(const struct a32_insn *i)
{
    const uint32_t op = (uint32_t)opcode_of(i) << 11;
    if (i->size == 3 && !i->Q)
        return word_of(SCALAR_SAME | op, 0, i->U, 3);
    return word_of(SAME | op, i->Q, i->U, i->size);
}

bool a32_v_same(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = operands(i);
    return a32_vec_run(x, &v, same_word(i));
}

/* size is a part of the operation. */
bool a32_v_logical(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = operands(i);
    return a32_vec_run(x, &v, word_of(SAME | 3 << 11, i->Q, i->U, i->size));
}

/* What is shifted is the second operand. */
bool a32_v_shift(struct a64_trans *x, const struct a32_insn *i)
{
    struct a32_vec v = operands(i);
    const struct a32_operand count = v.n;
    v.n = v.m;
    v.m = count;
    return a32_vec_run(x, &v, same_word(i));
}

bool a32_v_rdma(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = operands(i);
    const uint32_t subtract = i->opc == 12 ? 1u << 11 : 0;
    return a32_vec_run(x, &v, word_of(RDMA | subtract, i->Q, 1, i->size));
}

static bool same_fp(struct a64_trans *x, const struct a32_insn *i, uint32_t word)
{
    struct a32_vec v = operands(i);
    v.standard = true;
    return a32_vec_run(x, &v, word);
}

bool a32_v_same_fp(struct a64_trans *x, const struct a32_insn *i)
{
    return same_fp(x, i, word_of(SAME | (uint32_t)opcode_of(i) << 11, i->Q, i->U, i->size));
}

/* VMAXNM, VMINNM */
bool a32_v_number_v(struct a64_trans *x, const struct a32_insn *i)
{
    return same_fp(x, i, word_of(SAME | 0x18 << 11, i->Q, 0, i->size));
}

/* d + n * m, or - with `subtract`, in two steps. */
static void multiply_add(struct a64_trans *x, const struct fp *f, const struct a32_vec *v, ir_ref b,
                         bool subtract)
{
    ir_ref product = fp_2(f, IR_AFP_MUL, a32_vec_get(x, v->n), b);
    a32_vec_put(x, v->d,
                fp_2(f, subtract ? IR_AFP_SUB : IR_AFP_ADD, a32_vec_get(x, v->d), product));
}

static bool misplaced(const struct a32_insn *i, bool d, bool n, bool m)
{
    return i->Q && ((d && i->Vd & 1) || (n && i->Vn & 1) || (m && i->Vm & 1));
}

bool a32_v_multiply_fp(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = operands(i);
    if (misplaced(i, true, true, true))
        return false;
    if (!a32_vec_begin(x))
        return true;
    const uint64_t mode = a32_standard_begin(x);
    const struct fp f = fp_of(x, IR_W32, fp_shape(i->Q));
    multiply_add(x, &f, &v, a32_vec_get(x, v.m), i->size & 2);
    a32_standard_end(x, mode);
    return true;
}

/* Lanes of a that are infinite where b's are 0 or, as they count here, denormal. */
static ir_ref infinite_by_zero(const struct fp *f, ir_ref a, ir_ref b)
{
    ir_ref inf = ir_emit(f->r, IR_VCONST, IR_V128, 0, 0, 0, 0, 0, UINT64_C(0x7f8000007f800000));
    ir_ref is_inf = fp_v2(f, IR_V_CMPEQ, IR_W32, fp_abs(f, a), inf, 0);
    ir_ref is_zero = fp_v2(f, IR_V_CMPEQ, IR_W32, fp_v2(f, IR_V_AND, 0, b, inf, 0), fp_zero(f), 0);
    return fp_v2(f, IR_V_AND, 0, is_inf, is_zero, 0);
}

/* VRECPS, VRSQRTS: 2 - a * b and (3 - a * b) / 2 in steps that are rounded each, 0 for the product
 * of infinity and 0. */
bool a32_v_step(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = operands(i);
    const bool root = i->size & 2;
    if (misplaced(i, true, true, true))
        return false;
    if (!a32_vec_begin(x))
        return true;
    const uint64_t mode = a32_standard_begin(x);
    const struct fp f = fp_of(x, IR_W32, fp_shape(i->Q));
    ir_ref a = a32_vec_get(x, v.n), b = a32_vec_get(x, v.m);
    ir_ref none = fp_v2(&f, IR_V_OR, 0, infinite_by_zero(&f, a, b), infinite_by_zero(&f, b, a), 0);
    ir_ref product = fp_2(&f, IR_AFP_MULX, a, b);
    product = fp_v2(&f, IR_V_ANDN, 0, none, product, 0);
    const uint64_t from = root ? UINT64_C(0x4040000040400000) : UINT64_C(0x4000000040000000);
    ir_ref r = fp_2(&f, IR_AFP_SUB, ir_emit(f.r, IR_VCONST, IR_V128, 0, 0, 0, 0, 0, from), product);
    if (root)
        r = fp_2(&f, IR_AFP_MUL, r,
                 ir_emit(f.r, IR_VCONST, IR_V128, 0, 0, 0, 0, 0, UINT64_C(0x3f0000003f000000)));
    a32_vec_put(x, v.d, r);
    a32_standard_end(x, mode);
    return true;
}

/* ---- three registers of different lengths ------------------------------------------------------
 */

static bool different(struct a64_trans *x, const struct a32_insn *i, unsigned d, unsigned n,
                      unsigned m, unsigned size)
{
    const struct a32_vec v = {.d = a32_simd_d(i, d), .n = a32_simd_n(i, n), .m = a32_simd_m(i, m)};
    return a32_vec_run(x, &v, word_of(DIFFERENT | (uint32_t)i->opc << 12, 0, i->U, size));
}

bool a32_v_long(struct a64_trans *x, const struct a32_insn *i)
{
    const bool poly64 = i->opc == 14 && i->size == 2;
    return different(x, i, A32_Q, A32_D, A32_D, poly64 ? 3 : i->size);
}
bool a32_v_wide(struct a64_trans *x, const struct a32_insn *i)
{
    return different(x, i, A32_Q, A32_Q, A32_D, i->size);
}
bool a32_v_high(struct a64_trans *x, const struct a32_insn *i)
{
    return different(x, i, A32_D, A32_Q, A32_Q, i->size);
}

/* ---- two registers and a scalar ----------------------------------------------------------------
 */

/* The scalar: a lane of a Q register. */
static uint32_t element(const struct a32_insn *i)
{
    const bool half = i->size == 1;
    const unsigned d = half ? i->Vm & 7u : i->Vm, in_d = half ? i->M << 1 | i->Vm >> 3 : i->M;
    const unsigned lane = in_d + (d & 1u) * (half ? 4u : 2u), at = half ? lane : lane << 1;
    return (uint32_t)(at >> 2 & 1) << 11 | (uint32_t)(at >> 1 & 1) << 21 |
           (uint32_t)(at & 1) << 20 | (uint32_t)(d / 2) << 16;
}

static bool by_element(struct a64_trans *x, const struct a32_insn *i, const struct a32_vec *v,
                       unsigned opcode, unsigned q, unsigned u)
{
    return a32_vec_run(x, v, word_of(ELEMENT | opcode << 12 | element(i), q, u, i->size));
}

bool a32_v_element(struct a64_trans *x, const struct a32_insn *i)
{
    struct a32_vec v = operands(i);
    v.m.kind = A32_NONE;
    switch (i->opc) {
    case 14: /* VQRDMLAH */
        return by_element(x, i, &v, 13, i->Q, 1);
    case 15: /* VQRDMLSH, VMLA, VMLS */
    case 0:
    case 4:
        return by_element(x, i, &v, i->opc, i->Q, 1);
    default:
        return by_element(x, i, &v, i->opc, i->Q, 0);
    }
}

bool a32_v_element_long(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = {.d = a32_simd_d(i, A32_Q), .n = a32_simd_n(i, A32_D)};
    return by_element(x, i, &v, i->opc, 0, i->U);
}

bool a32_v_element_fp(struct a64_trans *x, const struct a32_insn *i)
{
    struct a32_vec v = operands(i);
    v.m.kind = A32_NONE;
    v.standard = true;
    if (i->opc == 9)
        return by_element(x, i, &v, i->opc, i->Q, 0);
    if (misplaced(i, true, true, false))
        return false;
    if (!a32_vec_begin(x))
        return true;
    const uint64_t mode = a32_standard_begin(x);
    const struct fp f = fp_of(x, IR_W32, fp_shape(i->Q));
    multiply_add(x, &f, &v, fp_broadcast(&f, a64_vec(x, i->Vm / 2u), (i->Vm & 1u) << 1 | i->M),
                 i->opc == 5);
    a32_standard_end(x, mode);
    return true;
}

/* ---- dot products ------------------------------------------------------------------------------
 */

bool a32_v_dot(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = operands(i);
    return a32_vec_run(x, &v, word_of(0x0e009400, i->Q, i->U, i->size));
}

bool a32_v_dot_element(struct a64_trans *x, const struct a32_insn *i)
{
    struct a32_vec v = operands(i);
    v.m.kind = A32_NONE;
    return by_element(x, i, &v, 14, i->Q, i->U);
}

/* ---- SHA ---------------------------------------------------------------------------------------
 */

bool a32_v_sha(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = operands(i);
    return a32_vec_run(x, &v, 0x5e000000 | (uint32_t)(i->U << 2 | i->size) << 12);
}
