/*
 * AES, SHA, carry-less multiplication and the operations of GF(2^8), by their definitions: FIPS 197
 * and 180-4, Intel SDM vol. 2, the instruction named at each operation in tcg/ir/ir.h. S-boxes are
 * computed, not looked up: no table depends on a key.
 */
#include "tcg/interp/vector_int.h"

#include <string.h>

/* ---- GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 ---------------------------------------------------
 */

static uint8_t gf_multiply(uint8_t a, uint8_t b)
{
    unsigned r = 0, x = a;
    for (unsigned k = 0; k < 8; k++) {
        r ^= (b >> k & 1) * x;
        x = x << 1 ^ (x >> 7) * 0x11b;
    }
    return (uint8_t)r;
}

/* a^254; 0 for 0. */
static uint8_t gf_inverse(uint8_t a)
{
    uint8_t r = 1, square = a;
    for (unsigned k = 1; k < 8; k++) {
        square = gf_multiply(square, square);
        r = gf_multiply(r, square);
    }
    return r;
}

/* GF2P8AFFINEQB: row n of the matrix is byte 7 - n. */
static uint8_t affine(uint64_t matrix, uint8_t v, uint8_t constant)
{
    unsigned r = 0;
    for (unsigned n = 0; n < 8; n++)
        r |= (unsigned)__builtin_parity((unsigned)(matrix >> (56 - 8 * n) & v)) << n;
    return (uint8_t)r ^ constant;
}

static void galois(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                   union lanes *r)
{
    for (unsigned n = 0; n < 16; n++) {
        uint8_t v = a->u8[n];
        if (i->op == IR_V_GFMUL)
            r->u8[n] = gf_multiply(v, b->u8[n]);
        else
            r->u8[n] =
                affine(b->u64[n / 8], i->op == IR_V_GFAFFINE ? v : gf_inverse(v), (uint8_t)i->imm);
    }
}

/* ---- AES ------------------------------------------------------------------------------------ */

static uint8_t rotate8(uint8_t v, unsigned n)
{
    return (uint8_t)(v << n | v >> (8 - n));
}

static uint8_t substitute(uint8_t v)
{
    v = gf_inverse(v);
    return v ^ rotate8(v, 1) ^ rotate8(v, 2) ^ rotate8(v, 3) ^ rotate8(v, 4) ^ 0x63;
}

static uint8_t substitute_back(uint8_t v)
{
    return gf_inverse(rotate8(v, 1) ^ rotate8(v, 3) ^ rotate8(v, 6) ^ 5);
}

/* Byte n is row n % 4 of column n / 4. */
static void mix_columns(const union lanes *a, const uint8_t factor[4], union lanes *r)
{
    for (unsigned n = 0; n < 16; n++) {
        uint8_t v = 0;
        for (unsigned k = 0; k < 4; k++)
            v ^= gf_multiply(factor[(k - n) & 3], a->u8[(n & ~3u) | k]);
        r->u8[n] = v;
    }
}

static const uint8_t mix[4] = {2, 3, 1, 1}, mix_back[4] = {14, 11, 13, 9};

static void aes_round(enum ir_op op, const union lanes *a, const union lanes *key, union lanes *r)
{
    bool forward = op == IR_V_AESENC || op == IR_V_AESENCLAST;
    bool last = op == IR_V_AESENCLAST || op == IR_V_AESDECLAST;
    union lanes t;
    for (unsigned n = 0; n < 16; n++) {
        unsigned row = n % 4, column = n / 4;
        unsigned from = 4 * ((forward ? column + row : column - row) & 3) + row;
        t.u8[n] = forward ? substitute(a->u8[from]) : substitute_back(a->u8[from]);
    }
    if (last)
        *r = t;
    else
        mix_columns(&t, forward ? mix : mix_back, r);
    r->u64[0] ^= key->u64[0];
    r->u64[1] ^= key->u64[1];
}

static uint32_t substitute_word(uint32_t v)
{
    uint32_t r = 0;
    for (unsigned n = 0; n < 32; n += 8)
        r |= (uint32_t)substitute((uint8_t)(v >> n)) << n;
    return r;
}

static void key_assist(const union lanes *a, unsigned imm, union lanes *r)
{
    for (unsigned n = 0; n < 4; n += 2) {
        uint32_t v = substitute_word(a->u32[n + 1]);
        r->u32[n] = v;
        r->u32[n + 1] = (v >> 8 | v << 24) ^ imm;
    }
}

/* ---- carry-less multiplication -------------------------------------------------------------- */

static void multiply_without_carry(uint64_t a, uint64_t b, union lanes *r)
{
    unsigned __int128 v = 0;
    for (unsigned k = 0; k < 64; k++)
        if (b >> k & 1)
            v ^= (unsigned __int128)a << k;
    r->u64[0] = (uint64_t)v;
    r->u64[1] = (uint64_t)(v >> 64);
}

/* ---- SHA ------------------------------------------------------------------------------------ */

static uint32_t rol(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}
static uint32_t ror(uint32_t v, unsigned n)
{
    return rol(v, 32 - n);
}

static uint32_t sha1_function(unsigned which, uint32_t b, uint32_t c, uint32_t d)
{
    switch (which) {
    case 0:
        return (b & c) ^ (~b & d);
    case 2:
        return (b & c) ^ (b & d) ^ (c & d);
    default:
        return b ^ c ^ d;
    }
}

static void sha1_rounds(const union lanes *a, const union lanes *w, unsigned which, union lanes *r)
{
    static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t s[5] = {a->u32[3], a->u32[2], a->u32[1], a->u32[0], 0};
    for (unsigned n = 0; n < 4; n++) {
        uint32_t next = sha1_function(which, s[1], s[2], s[3]) + rol(s[0], 5) + w->u32[3 - n] +
                        s[4] + constants[which];
        s[4] = s[3];
        s[3] = s[2];
        s[2] = rol(s[1], 30);
        s[1] = s[0];
        s[0] = next;
    }
    for (unsigned n = 0; n < 4; n++)
        r->u32[3 - n] = s[n];
}

static void sha1_message2(const union lanes *a, const union lanes *b, union lanes *r)
{
    r->u32[3] = rol(a->u32[3] ^ b->u32[2], 1);
    r->u32[2] = rol(a->u32[2] ^ b->u32[1], 1);
    r->u32[1] = rol(a->u32[1] ^ b->u32[0], 1);
    r->u32[0] = rol(a->u32[0] ^ r->u32[3], 1);
}

/* a: C D G H from the top lane down, b: A B E F; two words in c. */
static void sha256_rounds(const union lanes *a, const union lanes *b, const union lanes *c,
                          union lanes *r)
{
    uint32_t s[8] = {b->u32[3], b->u32[2], a->u32[3], a->u32[2],
                     b->u32[1], b->u32[0], a->u32[1], a->u32[0]};
    for (unsigned n = 0; n < 2; n++) {
        uint32_t e = s[4], x = s[0];
        uint32_t t =
            s[7] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + c->u32[n];
        uint32_t u =
            (ror(x, 2) ^ ror(x, 13) ^ ror(x, 22)) + ((x & s[1]) ^ (x & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t;
        s[0] = t + u;
    }
    r->u32[3] = s[0];
    r->u32[2] = s[1];
    r->u32[1] = s[4];
    r->u32[0] = s[5];
}

static void sha256_message1(const union lanes *a, const union lanes *b, union lanes *r)
{
    for (unsigned n = 0; n < 4; n++) {
        uint32_t v = n < 3 ? a->u32[n + 1] : b->u32[0];
        r->u32[n] = a->u32[n] + (ror(v, 7) ^ ror(v, 18) ^ v >> 3);
    }
}

static void sha256_message2(const union lanes *a, const union lanes *b, union lanes *r)
{
    for (unsigned n = 0; n < 4; n++) {
        uint32_t v = n < 2 ? b->u32[n + 2] : r->u32[n - 2];
        r->u32[n] = a->u32[n] + (ror(v, 17) ^ ror(v, 19) ^ v >> 10);
    }
}

static bool sha(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                const union lanes *c, union lanes *r)
{
    switch (i->op) {
    case IR_V_SHA1RNDS4:
        sha1_rounds(a, b, (unsigned)i->imm & 3, r);
        break;
    case IR_V_SHA1NEXTE:
        *r = *b;
        r->u32[3] += rol(a->u32[3], 30);
        break;
    case IR_V_SHA1MSG1:
        r->u64[1] = a->u64[1] ^ a->u64[0];
        r->u64[0] = a->u64[0] ^ b->u64[1];
        break;
    case IR_V_SHA1MSG2:
        sha1_message2(a, b, r);
        break;
    case IR_V_SHA256RNDS2:
        sha256_rounds(a, b, c, r);
        break;
    case IR_V_SHA256MSG1:
        sha256_message1(a, b, r);
        break;
    case IR_V_SHA256MSG2:
        sha256_message2(a, b, r);
        break;
    default:
        return false;
    }
    return true;
}

bool vector_crypto(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                   const union lanes *c, union lanes *r)
{
    switch (i->op) {
    case IR_V_AESENC:
    case IR_V_AESENCLAST:
    case IR_V_AESDEC:
    case IR_V_AESDECLAST:
        aes_round(i->op, a, b, r);
        break;
    case IR_V_AESIMC:
        mix_columns(a, mix_back, r);
        break;
    case IR_V_AESKEY:
        key_assist(a, (unsigned)i->imm & 0xff, r);
        break;
    case IR_V_CLMUL:
        multiply_without_carry(a->u64[i->imm & 1], b->u64[i->imm >> 4 & 1], r);
        break;
    case IR_V_GFMUL:
    case IR_V_GFAFFINE:
    case IR_V_GFAFFINEINV:
        galois(i, a, b, r);
        break;
    default:
        return sha(i, a, b, c, r);
    }
    return true;
}
