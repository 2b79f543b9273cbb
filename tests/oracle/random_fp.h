/* Random numbers, and floating-point operands that are often special. */
#ifndef TESTS_ORACLE_RANDOM_FP_H
#define TESTS_ORACLE_RANDOM_FP_H

#include <stdint.h>

#include "core/util/range.h"

static inline uint64_t random_next(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A floating-point value: special, or random with an exponent that is often near the middle. */
static inline uint64_t random_fp(uint64_t *seed, unsigned frac_bits, unsigned exp_bits)
{
    uint64_t v = random_next(seed), frac = v & mask_bits(frac_bits), max = mask_bits(exp_bits);
    uint64_t exp, bias = max >> 1, sign = v >> 63;
    switch (v >> 40 & 31) {
    case 0: /* NaN, quiet or signaling */
    case 1:
    case 2:
        exp = max;
        frac |= v >> 50 & 1;
        break;
    case 3:
    case 4:
        exp = max;
        frac = 0;
        break;
    case 5: /* denormal, of any size */
    case 6:
    case 7:
        exp = 0;
        frac >>= (v >> 50) % frac_bits;
        break;
    case 8:
    case 9:
        exp = 0;
        frac = 0;
        break;
    case 10: /* the ends of the normal numbers */
        exp = v >> 50 & 1 ? 1 : max - 1;
        frac = v >> 51 & 1 ? 0 : v >> 52 & 1 ? mask_bits(frac_bits) : frac;
        break;
    case 11:
    case 12: /* a power of two, and the numbers beside it */
        exp = bias + (v >> 50 & 63) - 32;
        frac = (0 - (v >> 57 & 1) + (v >> 58 & 1)) & mask_bits(frac_bits);
        break;
    case 13:
    case 14:
    case 15: /* near the limits of integers */
        exp = bias + (v >> 50 & 1 ? 31 : 63) - (v >> 51 & 1);
        frac = v >> 52 & 1 ? 0 : v >> 53 & 1 ? mask_bits(frac_bits) : frac;
        break;
    case 16:
    case 17:
    case 18:
    case 19: /* few fraction bits: ties and exact results */
        exp = bias + (v >> 50 & 31) - 8;
        frac &= ~mask_bits(frac_bits - 6);
        break;
    case 20:
    case 21:
    case 22:
    case 23:
    case 24:
    case 25:
        exp = bias + (v >> 50 & 7) - 4;
        break;
    case 26: /* results near the bottom */
        exp = 1 + (v >> 50 & 31);
        break;
    default:
        exp = (v >> 50) & max;
        break;
    }
    return sign << (frac_bits + exp_bits) | exp << frac_bits | frac;
}

#endif
