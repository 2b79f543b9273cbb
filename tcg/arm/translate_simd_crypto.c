/*
 * AES, SHA1, SHA256, SHA512, SHA3, SM3 and SM4. The host's instructions for AES and SHA compute the
 * same functions in another arrangement: keys are added at the end of a round rather than at its
 * start, words are in the opposite order, constants are part of the operation.
 */
#include "tcg/arm/simd.h"

static struct simd begin(struct a64_trans *x, const struct a64_insn *i)
{
    return simd_begin(x, i, IR_W32, IR_W128);
}

static ir_ref rotate_left(struct simd *s, unsigned w, ir_ref a, unsigned n)
{
    if (!n)
        return a;
    return v_or(s, v_imm(s, IR_V_SHLI, w, a, n), v_imm(s, IR_V_SHRI, w, a, simd_bits(w) - n));
}

/* ---- AES
 * -------------------------------------------------------------------------------------------- */

bool a64_aese(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref v = v_xor(&s, simd_old(&s), simd_reg(&s, i->Rn));
    simd_put(&s, v_op(&s, IR_V_AESENCLAST, 0, v, v_zero(&s)));
    return true;
}

bool a64_aesd(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref v = v_xor(&s, simd_old(&s), simd_reg(&s, i->Rn));
    simd_put(&s, v_op(&s, IR_V_AESDECLAST, 0, v, v_zero(&s)));
    return true;
}

/* The host mixes columns within a round alone: the rest of it is undone first (and cancelled
 * against an AESE just before: see ir_fold()). */
bool a64_aesmc(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref zero = v_zero(&s);
    ir_ref v = v_op(&s, IR_V_AESDECLAST, 0, simd_reg(&s, i->Rn), zero);
    simd_put(&s, v_op(&s, IR_V_AESENC, 0, v, zero));
    return true;
}

bool a64_aesimc(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    simd_put(&s, ir_emit(s.r, IR_V_AESIMC, IR_V128, 0, simd_reg(&s, i->Rn), 0, 0, 0, 0));
    return true;
}

/* ---- SHA1
 * ------------------------------------------------------------------------------------------- */

enum { REVERSED = 0x1b }; /* SHUFD: words in the opposite order */

static ir_ref reversed(struct simd *s, ir_ref a)
{
    return v_imm(s, IR_V_SHUFD, 0, a, REVERSED);
}

/* SHA1C, SHA1P, SHA1M: opcode 0, 1, 2. The host adds the constant of the round's kind itself: it is
 * taken off what the guest has added. */
bool a64_sha1_rounds(struct a64_trans *x, const struct a64_insn *i)
{
    static const uint32_t constants[3] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc};
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    unsigned kind = i->opcode;
    ir_ref e = ir_emit(s.r, IR_V_LOW, IR_V128, IR_W32, simd_reg(&s, i->Rn), 0, 0, 0, 0);
    ir_ref w = v_sub(&s, IR_W32, simd_reg(&s, i->Rm), v_dup(&s, IR_W32, constants[kind]));
    w = reversed(&s, v_add(&s, IR_W32, w, e));
    ir_ref v = ir_emit(s.r, IR_V_SHA1RNDS4, IR_V128, 0, reversed(&s, simd_old(&s)), w, 0, 0, kind);
    simd_put(&s, reversed(&s, v));
    return true;
}

bool a64_sha1h(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    s.keep = IR_W32;
    simd_put(&s, rotate_left(&s, IR_W32, simd_reg(&s, i->Rn), 30));
    return true;
}

bool a64_sha1su0(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref d = simd_old(&s), n = simd_reg(&s, i->Rn), m = simd_reg(&s, i->Rm);
    simd_put(&s, v_xor(&s, v_xor(&s, v_op_imm(&s, IR_V_ALIGN, 0, n, d, 8), d), m));
    return true;
}

/* The last word depends on the first one's result. */
bool a64_sha1su1(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref t = v_xor(&s, simd_old(&s), v_down(&s, simd_reg(&s, i->Rn), 4));
    ir_ref first = v_imm(&s, IR_V_SHLB, 0, t, 12);
    simd_put(&s, v_xor(&s, rotate_left(&s, IR_W32, t, 1), rotate_left(&s, IR_W32, first, 2)));
    return true;
}

/* ---- SHA256
 * ----------------------------------------------------------------------------------------- */

/* SHA256H, SHA256H2 (opcode 4, 5): four rounds, of which one result half is wanted. */
bool a64_sha256_rounds(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    bool second = i->opcode & 1;
    ir_ref abcd = second ? simd_reg(&s, i->Rn) : simd_old(&s);
    ir_ref efgh = second ? simd_old(&s) : simd_reg(&s, i->Rn), w = simd_reg(&s, i->Rm);
    ir_ref abef = v_op_imm(&s, IR_V_SHUFPS, IR_W32, efgh, abcd, 0x11);
    ir_ref cdgh = v_op_imm(&s, IR_V_SHUFPS, IR_W32, efgh, abcd, 0xbb);
    ir_ref two = ir_emit(s.r, IR_V_SHA256RNDS2, IR_V128, 0, cdgh, abef, w, 0, 0);
    ir_ref four = ir_emit(s.r, IR_V_SHA256RNDS2, IR_V128, 0, abef, two, v_down(&s, w, 8), 0, 0);
    simd_put(&s, v_op_imm(&s, IR_V_SHUFPS, IR_W32, four, two, second ? 0x11 : 0xbb));
    return true;
}

bool a64_sha256su0(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    simd_put(&s,
             ir_emit(s.r, IR_V_SHA256MSG1, IR_V128, 0, simd_old(&s), simd_reg(&s, i->Rn), 0, 0, 0));
    return true;
}

bool a64_sha256su1(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref n = simd_reg(&s, i->Rn), m = simd_reg(&s, i->Rm);
    ir_ref sum = v_add(&s, IR_W32, simd_old(&s), v_op_imm(&s, IR_V_ALIGN, 0, m, n, 4));
    simd_put(&s, ir_emit(s.r, IR_V_SHA256MSG2, IR_V128, 0, sum, m, 0, 0, 0));
    return true;
}

/* ---- SHA512
 * ----------------------------------------------------------------------------------------- */

static ir_ref lane(struct simd *s, ir_ref v, unsigned n)
{
    return ir_emit(s->r, IR_V_LANE, IR_I64, IR_W64, v, 0, 0, 0, n);
}
static ir_ref op64(struct simd *s, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(s->r, op, IR_I64, a, b);
}
static ir_ref from_lanes(struct simd *s, ir_ref low, ir_ref high)
{
    ir_ref v = ir_emit(s->r, IR_V_FROM, IR_V128, IR_W64, low, 0, 0, 0, 0);
    return ir_emit(s->r, IR_V_INS, IR_V128, IR_W64, v, high, 0, 0, 1);
}

/* Rotated to the right by each of three counts, and these combined. */
static ir_ref rotations(struct simd *s, ir_ref v, unsigned a, unsigned b, unsigned c)
{
    ir_ref x =
        op64(s, IR_XOR, op64(s, IR_ROR, v, ir_i32(s->r, a)), op64(s, IR_ROR, v, ir_i32(s->r, b)));
    return op64(s, IR_XOR, x, op64(s, IR_ROR, v, ir_i32(s->r, c)));
}
static ir_ref choose(struct simd *s, ir_ref m, ir_ref a, ir_ref b)
{
    return op64(s, IR_XOR, op64(s, IR_AND, m, a), op64(s, IR_ANDN, m, b));
}
static ir_ref majority(struct simd *s, ir_ref a, ir_ref b, ir_ref c)
{
    return op64(s, IR_XOR, op64(s, IR_AND, a, op64(s, IR_XOR, b, c)), op64(s, IR_AND, b, c));
}

/* SHA512H: two rounds' sums, the second of which has the first one's result in it. */
bool a64_sha512h(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref n = simd_reg(&s, i->Rn), m = simd_reg(&s, i->Rm), w = simd_old(&s);
    ir_ref n0 = lane(&s, n, 0), m1 = lane(&s, m, 1);
    ir_ref high =
        op64(&s, IR_ADD, choose(&s, m1, n0, lane(&s, n, 1)), rotations(&s, m1, 14, 18, 41));
    high = op64(&s, IR_ADD, high, lane(&s, w, 1));
    ir_ref e = op64(&s, IR_ADD, high, lane(&s, m, 0));
    ir_ref low = op64(&s, IR_ADD, choose(&s, e, m1, n0), rotations(&s, e, 14, 18, 41));
    simd_put(&s, from_lanes(&s, op64(&s, IR_ADD, low, lane(&s, w, 0)), high));
    return true;
}

bool a64_sha512h2(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref m = simd_reg(&s, i->Rm), w = simd_old(&s);
    ir_ref m0 = lane(&s, m, 0), m1 = lane(&s, m, 1);
    ir_ref high = op64(&s, IR_ADD, majority(&s, lane(&s, simd_reg(&s, i->Rn), 0), m1, m0),
                       rotations(&s, m0, 28, 34, 39));
    high = op64(&s, IR_ADD, high, lane(&s, w, 1));
    ir_ref low = op64(&s, IR_ADD, majority(&s, high, m1, m0), rotations(&s, high, 28, 34, 39));
    simd_put(&s, from_lanes(&s, op64(&s, IR_ADD, low, lane(&s, w, 0)), high));
    return true;
}

/* Words of the schedule: two rotations and a shift to the right. */
static ir_ref schedule(struct simd *s, ir_ref v, unsigned a, unsigned b, unsigned shift)
{
    ir_ref x = v_xor(s, rotate_left(s, IR_W64, v, 64 - a), rotate_left(s, IR_W64, v, 64 - b));
    return v_xor(s, x, v_imm(s, IR_V_SHRI, IR_W64, v, shift));
}

bool a64_sha512su0(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref w = simd_old(&s), next = v_op_imm(&s, IR_V_ALIGN, 0, simd_reg(&s, i->Rn), w, 8);
    simd_put(&s, v_add(&s, IR_W64, w, schedule(&s, next, 1, 8, 7)));
    return true;
}

bool a64_sha512su1(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref sum = v_add(&s, IR_W64, simd_old(&s), simd_reg(&s, i->Rm));
    simd_put(&s, v_add(&s, IR_W64, sum, schedule(&s, simd_reg(&s, i->Rn), 19, 61, 6)));
    return true;
}

/* ---- SM3, SM4 in C
 * ------------------------------------------------------------------------------------ */

/* SM3TT1A, SM3TT1B, SM3TT2A, SM3TT2B: opcode 0 to 3 */
bool a64_sm3tt(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    simd_put(&s, simd_call(&s, HELPER_ID(simd_sm3tt), simd_reg(&s, i->Rn), simd_reg(&s, i->Rm),
                           simd_old(&s), i->opcode | i->imm2 << 2));
    return true;
}

/* The last lane of rol(rol(n[3], 12) + m[3] + a[3], 7), the rest 0. */
bool a64_sm3ss1(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref v = rotate_left(&s, IR_W32, simd_reg(&s, i->Rn), 12);
    v = v_add(&s, IR_W32, v, v_add(&s, IR_W32, simd_reg(&s, i->Rm), simd_reg(&s, i->Ra)));
    v = rotate_left(&s, IR_W32, v, 7);
    simd_put(&s, v_op_imm(&s, IR_V_BLENDI, IR_W32, v_zero(&s), v, 8));
    return true;
}

/* SM3PARTW1, SM3PARTW2: opcode 0, 1 */
bool a64_sm3partw(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    simd_put(&s, simd_call(&s, HELPER_ID(simd_sm3partw), simd_reg(&s, i->Rn), simd_reg(&s, i->Rm),
                           simd_old(&s), i->opcode & 1));
    return true;
}

/* SM4E: four rounds on the destination with the keys in n. SM4EKEY: of n with the constants in m.
 */
bool a64_sm4e(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    simd_put(&s, simd_call(&s, HELPER_ID(simd_sm4), simd_old(&s), simd_reg(&s, i->Rn), 0, 0));
    return true;
}
bool a64_sm4ekey(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    simd_put(&s,
             simd_call(&s, HELPER_ID(simd_sm4), simd_reg(&s, i->Rn), simd_reg(&s, i->Rm), 0, 1));
    return true;
}

/* ---- SHA3
 * -------------------------------------------------------------------------------------------- */

bool a64_eor3(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    simd_put(&s,
             v_xor(&s, v_xor(&s, simd_reg(&s, i->Rn), simd_reg(&s, i->Rm)), simd_reg(&s, i->Ra)));
    return true;
}

bool a64_bcax(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    simd_put(&s,
             v_xor(&s, simd_reg(&s, i->Rn), v_bic(&s, simd_reg(&s, i->Rm), simd_reg(&s, i->Ra))));
    return true;
}

bool a64_rax1(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    simd_put(&s, v_xor(&s, simd_reg(&s, i->Rn), rotate_left(&s, IR_W64, simd_reg(&s, i->Rm), 1)));
    return true;
}

bool a64_xar(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin(x, i);
    ir_ref v = v_xor(&s, simd_reg(&s, i->Rn), simd_reg(&s, i->Rm));
    simd_put(&s, rotate_left(&s, IR_W64, v, (64 - i->imm6) & 63));
    return true;
}
