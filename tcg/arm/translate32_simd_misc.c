/* Advanced SIMD of A32 and T32: shifts by an immediate, immediates, one register, permutations,
 * tables; by A64's words of the same operation. */
#include "tcg/arm/simd.h"
#include "tcg/arm/translate32_vec.h"

static struct a32_vec from_m(const struct a32_insn *i, unsigned d, unsigned m)
{
    return (struct a32_vec){.d = a32_simd_d(i, d), .n = a32_simd_m(i, m)};
}
static struct a32_vec same_length(const struct a32_insn *i)
{
    return from_m(i, a32_simd_kind(i), a32_simd_kind(i));
}

/* ---- shifts ------------------------------------------------------------------------------------
 */

/* L:imm6 is immh:immb. */
static uint32_t shift_word(const struct a32_insn *i, unsigned opcode, unsigned q)
{
    const bool scalar = i->L && !q;
    return (scalar ? 0x5f000400 : 0x0f000400) | (uint32_t)q << 30 | (uint32_t)i->U << 29 |
           (uint32_t)i->L << 22 | (uint32_t)i->imm6 << 16 | (uint32_t)opcode << 11;
}

bool a32_v_shift_imm(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = same_length(i);
    return a32_vec_run(x, &v, shift_word(i, (unsigned)i->opc << 1, i->Q));
}
/* Q rounds. */
bool a32_v_shift_narrow(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = from_m(i, A32_D, A32_Q);
    return a32_vec_run(x, &v, shift_word(i, (unsigned)i->opc << 1 | i->Q, 0));
}
bool a32_v_shift_long(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = from_m(i, A32_Q, A32_D);
    return a32_vec_run(x, &v, shift_word(i, 0x14, 0));
}
/* Between floating point and fixed point. */
bool a32_v_fixed(struct a64_trans *x, const struct a32_insn *i)
{
    struct a32_vec v = same_length(i);
    v.standard = true;
    return a32_vec_run(x, &v, shift_word(i, i->opc & 1 ? 0x1f : 0x1c, i->Q));
}

bool a32_v_modified(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = {.d = a32_simd_d(i, a32_simd_kind(i))};
    return a32_vec_run(x, &v,
                       0x0f000400 | (uint32_t)i->Q << 30 | (uint32_t)i->op << 29 |
                           (uint32_t)(i->i << 2 | i->imm3 >> 1) << 16 | (uint32_t)i->cmode << 12 |
                           (uint32_t)((i->imm3 & 1) << 4 | i->imm4) << 5);
}

/* ---- one register ------------------------------------------------------------------------------
 */

enum { ONE = 0x0e200800 }; /* U 29, size 23:22, opcode 16:12 */

static uint32_t one_word(unsigned q, unsigned u, unsigned size, unsigned opcode)
{
    return (uint32_t)ONE | (uint32_t)q << 30 | (uint32_t)u << 29 | (uint32_t)size << 22 |
           (uint32_t)opcode << 12;
}

/* opcode of A64, U in bit 5; by opc1:opc2. */
enum { U = 32 };
bool a32_v_misc(struct a64_trans *x, const struct a32_insn *i)
{
    static const uint8_t ops[4][16] = {
        {0, U, 1, 0, 2, U | 2, 0, 0, 4, U | 4, 5, U | 5, 6, U | 6, 7, U | 7},
        {8, U | 8, 9, U | 9, 10, 0, 11, U | 11},
        {0},
        {[8] = 0x1c, [9] = U | 0x1c},
    };
    const struct a32_vec v = same_length(i);
    const unsigned op = ops[i->opc1 & 3][i->opc2 & 15];
    return a32_vec_run(x, &v, one_word(i->Q, op >> 5, i->size, op & 31));
}

/* `a` of A64, the upper bit of size, in bit 6. */
enum { A = 64 };
bool a32_v_misc_fp(struct a64_trans *x, const struct a32_insn *i)
{
    static const uint8_t ops[4][16] = {
        {0},
        {[8] = A | 12, A | U | 12, A | 13, A | U | 13, A | 14, 0, A | 15, A | U | 15},
        {[8] = 24, U | 25, U | 24, A | 25, 0, 25, 0, A | 24},
        {28, U | 28, 26, U | 26, A | 26, A | U | 26, 27, U | 27, 0, 0, A | 29, A | U | 29, 29,
         U | 29, A | 27, A | U | 27},
    };
    struct a32_vec v = same_length(i);
    const unsigned op = ops[i->opc1 & 3][i->opc2 & 15];
    v.standard = (op & 31) != 15; /* not signs */
    return a32_vec_run(x, &v, one_word(i->Q, op >> 5 & 1, op >> 5 & 2, op & 31));
}

/* VMOVN, VQMOVUN (Q); VQMOVN, unsigned with Q. */
bool a32_v_narrow(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = from_m(i, A32_D, A32_Q);
    return a32_vec_run(x, &v, one_word(0, i->Q, i->size, i->opc2 & 1 ? 0x14 : 0x12));
}
bool a32_v_shift_max(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = from_m(i, A32_Q, A32_D);
    return a32_vec_run(x, &v, one_word(0, 1, i->size, 0x13));
}
/* To and from half precision. */
bool a32_v_half(struct a64_trans *x, const struct a32_insn *i)
{
    const bool widen = i->opc2 & 2;
    struct a32_vec v = widen ? from_m(i, A32_Q, A32_D) : from_m(i, A32_D, A32_Q);
    v.standard = true;
    return a32_vec_run(x, &v, one_word(0, 0, 0, widen ? 0x17 : 0x16));
}

static bool whole(struct a64_trans *x, const struct a32_insn *i, uint32_t word)
{
    const struct a32_vec v = from_m(i, A32_Q, A32_Q);
    return a32_vec_run(x, &v, word);
}
bool a32_v_aes(struct a64_trans *x, const struct a32_insn *i)
{
    return whole(x, i, 0x4e284800 | (uint32_t)((i->opc2 & 1) << 1 | i->Q) << 12);
}
/* SHA1H, SHA1SU1, SHA256SU0 */
bool a32_v_sha_one(struct a64_trans *x, const struct a32_insn *i)
{
    return whole(x, i, 0x5e280800 | (i->opc1 == 1 ? 0 : i->Q ? 2u << 12 : 1u << 12));
}

/* ---- permutations ------------------------------------------------------------------------------
 */

static bool misplaced(const struct a32_insn *i, bool n)
{
    return i->Q && ((i->Vd | i->Vm | (n ? i->Vn : 0)) & 1);
}

bool a32_v_swap(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = same_length(i);
    if (misplaced(i, false))
        return false;
    if (!a32_vec_begin(x))
        return true;
    ir_ref a = a32_vec_get(x, v.d), b = a32_vec_get(x, v.n);
    a32_vec_put(x, v.d, b);
    a32_vec_put(x, v.n, a);
    return true;
}

/* VTRN, VUZP, VZIP: A64's first one to d, its second one to m. */
bool a32_v_permute(struct a64_trans *x, const struct a32_insn *i)
{
    static const uint8_t ops[] = {[1] = 2, [2] = 1, [3] = 3};
    const unsigned op = ops[i->opc2 & 3];
    struct a32_vec v = same_length(i);
    v.m = v.n;
    v.n = v.d;
    if (misplaced(i, false) || (op != 2 && i->size == 2 && !i->Q))
        return false;
    if (!a32_vec_begin(x))
        return true;
    const uint32_t word = 0x0e000800 | (uint32_t)i->Q << 30 | (uint32_t)i->size << 22 |
                          (a32_vec_fields(x, &v) & ~31u);
    if (!a32_as_a64(x, word | op << 12 | (A64_TEMP + 3)) ||
        !a32_as_a64(x, word | (op | 4) << 12 | (A64_TEMP + 4)))
        return false;
    ir_ref second = x->temp[4];
    a32_vec_put(x, v.d, x->temp[3]);
    a32_vec_put(x, v.m, second);
    return true;
}

bool a32_v_extract(struct a64_trans *x, const struct a32_insn *i)
{
    const unsigned kind = a32_simd_kind(i);
    const struct a32_vec v = {
        .d = a32_simd_d(i, kind), .n = a32_simd_n(i, kind), .m = a32_simd_m(i, kind)};
    return a32_vec_run(x, &v, 0x2e000000 | (uint32_t)i->Q << 30 | (uint32_t)i->imm4 << 11);
}

bool a32_v_dup(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = from_m(i, a32_simd_kind(i), A32_D);
    return a32_vec_run(x, &v, 0x0e000400 | (uint32_t)i->Q << 30 | (uint32_t)i->imm4 << 16);
}

/* VTBL, VTBX: the table's D registers in pairs. What lies beyond an odd one reads as 0 for VTBL,
 * and for VTBX such indices are made ones beyond everything. */
bool a32_v_table(struct a64_trans *x, const struct a32_insn *i)
{
    enum { TABLE = 4, INDEX = 2 };
    struct a32_vec v = {.d = a32_simd_d(i, A32_D), .m = a32_simd_m(i, A32_D)};
    struct a32_operand from = a32_simd_n(i, A32_D);
    const unsigned count = i->len + 1u;
    struct simd s = {.x = x, .r = x->ir, .w = IR_W8, .keep = IR_W64, .count = IR_W64};
    if (from.n + count > 32)
        return false;
    if (!a32_vec_begin(x))
        return true;
    const uint32_t fields = a32_vec_fields(x, &v);
    for (unsigned k = 0; k < count; k++, from.n++) {
        ir_ref part = a32_vec_get(x, from), *pair = &x->temp[TABLE + k / 2];
        *pair = k & 1 ? v_op(&s, IR_V_UNPKL, IR_W64, *pair, part)
                      : v_imm(&s, IR_V_LOW, IR_W64, part, 0);
    }
    if (i->op && count & 1) {
        ir_ref index = x->temp[INDEX], limit = v_dup(&s, IR_W8, 8 * count);
        ir_ref beyond = v_eq(&s, IR_W8, v_op(&s, IR_V_MAXU, IR_W8, index, limit), index);
        x->temp[INDEX] = v_or(&s, index, beyond);
    }
    if (!a32_as_a64(x, 0x0e000000 | fields | (uint32_t)(A64_TEMP + TABLE) << 5 |
                           (uint32_t)((count - 1) / 2) << 13 | (uint32_t)i->op << 12))
        return false;
    a32_vec_out(x, v.d, 0);
    return true;
}
