/* Helpers of cryptography: SHA512, SM3, SM4. Arm ARM, the instruction named; FIPS 180-4, GB/T
 * 32905, GB/T 32907. */
#include <string.h>

#include "tcg/arm/helpers.h"
#include "tcg/cpu.h"

static uint64_t ror64(uint64_t v, unsigned n)
{
    return v >> n | v << (64 - n);
}
static uint32_t rol32(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

/* ---- SHA512
 * ---------------------------------------------------------------------------------------- */

static uint64_t big_sigma1(uint64_t v)
{
    return ror64(v, 14) ^ ror64(v, 18) ^ ror64(v, 41);
}
static uint64_t big_sigma0(uint64_t v)
{
    return ror64(v, 28) ^ ror64(v, 34) ^ ror64(v, 39);
}
static uint64_t sigma1(uint64_t v)
{
    return ror64(v, 19) ^ ror64(v, 61) ^ v >> 6;
}
static uint64_t sigma0(uint64_t v)
{
    return ror64(v, 1) ^ ror64(v, 8) ^ v >> 7;
}
static uint64_t choose(uint64_t m, uint64_t a, uint64_t b)
{
    return (m & a) ^ (~m & b);
}
static uint64_t majority(uint64_t a, uint64_t b, uint64_t c)
{
    return (a & b) ^ (a & c) ^ (b & c);
}

uint64_t arm_helper_simd_sha512(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const uint64_t *n = tc->scratch + SIMD_ARG_A, *m = tc->scratch + SIMD_ARG_B,
                   *w = tc->scratch + SIMD_ARG_C;
    uint64_t *r = tc->scratch + SIMD_RESULT;
    switch (how) {
    case 0:
        r[1] = choose(m[1], n[0], n[1]) + big_sigma1(m[1]) + w[1];
        r[0] = choose(r[1] + m[0], m[1], n[0]) + big_sigma1(r[1] + m[0]) + w[0];
        break;
    case 1:
        r[1] = majority(n[0], m[1], m[0]) + big_sigma0(m[0]) + w[1];
        r[0] = majority(r[1], m[0], m[1]) + big_sigma0(r[1]) + w[0];
        break;
    case 2:
        for (unsigned k = 0; k < 2; k++)
            r[k] = w[k] + sigma1(n[k]) + m[k];
        break;
    default:
        r[0] = w[0] + sigma0(w[1]);
        r[1] = w[1] + sigma0(n[0]);
        break;
    }
    return 0;
}

/* ---- SM3
 * ------------------------------------------------------------------------------------------- */

static void words(const uint64_t *v, uint32_t w[4])
{
    memcpy(w, v, 16);
}

uint64_t arm_helper_simd_sm3tt(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct tcg_cpu *tc = tcg_cpu_of(env);
    uint32_t n[4], m[4], v[4];
    words(tc->scratch + SIMD_ARG_A, n);
    words(tc->scratch + SIMD_ARG_B, m);
    words(tc->scratch + SIMD_ARG_C, v);
    bool late = how & 1, second = how & 2; /* rounds from 16 on; TT2 */
    uint32_t t = v[3] ^ v[2] ^ v[1];
    if (late)
        t = second ? (v[3] & v[2]) | (~v[3] & v[1]) : (v[3] & v[1]) | (v[3] & v[2]) | (v[1] & v[2]);
    t += v[0] + m[how >> 2 & 3] + (second ? n[3] : n[3] ^ rol32(v[3], 12));
    if (second)
        t ^= rol32(t, 9) ^ rol32(t, 17);
    const uint32_t r[4] = {v[1], rol32(v[2], second ? 19 : 9), v[3], t};
    memcpy(tc->scratch + SIMD_RESULT, r, 16);
    return 0;
}

static uint32_t permute1(uint32_t v)
{
    return v ^ rol32(v, 15) ^ rol32(v, 23);
}

uint64_t arm_helper_simd_sm3partw(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct tcg_cpu *tc = tcg_cpu_of(env);
    uint32_t n[4], m[4], v[4], r[4];
    words(tc->scratch + SIMD_ARG_A, n);
    words(tc->scratch + SIMD_ARG_B, m);
    words(tc->scratch + SIMD_ARG_C, v);
    for (unsigned k = 0; k < 4; k++) {
        if (how)
            r[k] = v[k] ^ n[k] ^ rol32(m[k], 7);
        else
            r[k] = permute1(v[k] ^ n[k] ^ rol32(k < 3 ? m[k + 1] : r[0], 15));
    }
    if (how)
        r[3] ^= permute1(rol32(n[0] ^ rol32(m[0], 7), 15));
    memcpy(tc->scratch + SIMD_RESULT, r, 16);
    return 0;
}

/* ---- SM4
 * ------------------------------------------------------------------------------------------- */

/* x -> A(A(x)^-1) in GF(2^8) modulo 0x1f5, A being affine. */
/* clang-format off */
static const uint8_t sm4_box[256] = {
    0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05,
    0x2b, 0x67, 0x9a, 0x76, 0x2a, 0xbe, 0x04, 0xc3, 0xaa, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99,
    0x9c, 0x42, 0x50, 0xf4, 0x91, 0xef, 0x98, 0x7a, 0x33, 0x54, 0x0b, 0x43, 0xed, 0xcf, 0xac, 0x62,
    0xe4, 0xb3, 0x1c, 0xa9, 0xc9, 0x08, 0xe8, 0x95, 0x80, 0xdf, 0x94, 0xfa, 0x75, 0x8f, 0x3f, 0xa6,
    0x47, 0x07, 0xa7, 0xfc, 0xf3, 0x73, 0x17, 0xba, 0x83, 0x59, 0x3c, 0x19, 0xe6, 0x85, 0x4f, 0xa8,
    0x68, 0x6b, 0x81, 0xb2, 0x71, 0x64, 0xda, 0x8b, 0xf8, 0xeb, 0x0f, 0x4b, 0x70, 0x56, 0x9d, 0x35,
    0x1e, 0x24, 0x0e, 0x5e, 0x63, 0x58, 0xd1, 0xa2, 0x25, 0x22, 0x7c, 0x3b, 0x01, 0x21, 0x78, 0x87,
    0xd4, 0x00, 0x46, 0x57, 0x9f, 0xd3, 0x27, 0x52, 0x4c, 0x36, 0x02, 0xe7, 0xa0, 0xc4, 0xc8, 0x9e,
    0xea, 0xbf, 0x8a, 0xd2, 0x40, 0xc7, 0x38, 0xb5, 0xa3, 0xf7, 0xf2, 0xce, 0xf9, 0x61, 0x15, 0xa1,
    0xe0, 0xae, 0x5d, 0xa4, 0x9b, 0x34, 0x1a, 0x55, 0xad, 0x93, 0x32, 0x30, 0xf5, 0x8c, 0xb1, 0xe3,
    0x1d, 0xf6, 0xe2, 0x2e, 0x82, 0x66, 0xca, 0x60, 0xc0, 0x29, 0x23, 0xab, 0x0d, 0x53, 0x4e, 0x6f,
    0xd5, 0xdb, 0x37, 0x45, 0xde, 0xfd, 0x8e, 0x2f, 0x03, 0xff, 0x6a, 0x72, 0x6d, 0x6c, 0x5b, 0x51,
    0x8d, 0x1b, 0xaf, 0x92, 0xbb, 0xdd, 0xbc, 0x7f, 0x11, 0xd9, 0x5c, 0x41, 0x1f, 0x10, 0x5a, 0xd8,
    0x0a, 0xc1, 0x31, 0x88, 0xa5, 0xcd, 0x7b, 0xbd, 0x2d, 0x74, 0xd0, 0x12, 0xb8, 0xe5, 0xb4, 0xb0,
    0x89, 0x69, 0x97, 0x4a, 0x0c, 0x96, 0x77, 0x7e, 0x65, 0xb9, 0xf1, 0x09, 0xc5, 0x6e, 0xc6, 0x84,
    0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d, 0x20, 0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39, 0x48,
};
/* clang-format on */

static uint32_t substitute(uint32_t v)
{
    return (uint32_t)sm4_box[v & 0xff] | (uint32_t)sm4_box[v >> 8 & 0xff] << 8 |
           (uint32_t)sm4_box[v >> 16 & 0xff] << 16 | (uint32_t)sm4_box[v >> 24] << 24;
}

uint64_t arm_helper_simd_sm4(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct tcg_cpu *tc = tcg_cpu_of(env);
    uint32_t v[4], key[4];
    words(tc->scratch + SIMD_ARG_A, v);
    words(tc->scratch + SIMD_ARG_B, key);
    for (unsigned k = 0; k < 4; k++) {
        uint32_t t = substitute(v[3] ^ v[2] ^ v[1] ^ key[k]);
        if (how)
            t ^= rol32(t, 13) ^ rol32(t, 23);
        else
            t ^= rol32(t, 2) ^ rol32(t, 10) ^ rol32(t, 18) ^ rol32(t, 24);
        t ^= v[0];
        memmove(v, v + 1, 3 * sizeof v[0]);
        v[3] = t;
    }
    memcpy(tc->scratch + SIMD_RESULT, v, 16);
    return 0;
}
