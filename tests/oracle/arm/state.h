/*
 * What a sequence of A64 instructions runs on, made of a seed: registers and one area of data. Used
 * by the oracle and, compiled for Arm without a C library, by runner.c.
 */
#ifndef TESTS_ORACLE_ARM_STATE_H
#define TESTS_ORACLE_ARM_STATE_H

#include <stdint.h>

#define ARM_CODE_AT UINT64_C(0x10000000)
#define ARM_DATA_AT UINT64_C(0x20000000)
enum {
    ARM_DATA_SIZE = 16384,
    ARM_MAX_WORDS = 64, /* of a sequence */
    /* Registers with a purpose, which sequences do not write. */
    ARM_REG_COUNT = 25,  /* a loop's counter (written by the loop alone) */
    ARM_REG_FIXED = 26,  /* ARM_DATA_AT + 4096 */
    ARM_REG_INDEX = 27,  /* small */
    ARM_REG_MOVING = 28, /* the middle of the data; loads and stores may move it */
    /* The same in A32 and T32, low so that instructions of 16 bits have them. */
    ARM32_REG_MOVING = 5,
    ARM32_REG_INDEX = 6,
    ARM32_REG_FIXED = 7,
};

struct arm_state {
    uint64_t x[31], sp, nzcv, fpcr, fpsr;
    uint64_t v[32][2];
};
/* What comes out. */
struct arm_result {
    struct arm_state state;
    uint64_t data; /* hash of the area */
};
/* What goes in: this, then the words. */
struct arm_job {
    uint32_t seed, count;
};

static inline uint64_t arm_random(uint64_t *s)
{
    uint64_t v = (*s += UINT64_C(0x9e3779b97f4a7c15));
    v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
    return v ^ v >> 31;
}

/* Often a number at the edge of something. */
static inline uint64_t arm_random_value(uint64_t *s)
{
    static const uint64_t edges[8] = {0,
                                      1,
                                      UINT64_MAX,
                                      UINT64_C(0x8000000000000000),
                                      UINT64_C(0x7fffffffffffffff),
                                      0x80000000,
                                      0x7fffffff,
                                      0xffffffff};
    uint64_t r = arm_random(s), v = arm_random(s);
    switch (r & 7) {
    case 0:
    case 1:
        return edges[r >> 8 & 7];
    case 2:
        return v & 0xff;
    case 3:
        return v & 0xffffffff;
    case 4:
        return edges[r >> 8 & 7] + (v & 7) - 3;
    default:
        return v;
    }
}

/* Integers of 8 to 64 bits, often at an edge. */
static inline uint64_t arm_random_elements(uint64_t *s)
{
    const unsigned bits = 8u << (arm_random(s) >> 62);
    const uint64_t top = UINT64_C(1) << (bits - 1), all = top | (top - 1);
    uint64_t v = 0;
    for (unsigned at = 0; at < 64; at += bits) {
        const uint64_t r = arm_random(s);
        const uint64_t edges[8] = {0, 1, all, top, top - 1, top + 1, r & 15, (0 - (r & 63)) & all};
        v |= (r >> 63 ? edges[r >> 60 & 7] : r & all) << at;
    }
    return v;
}

/* One lane of a vector register: an element of floating point at an edge, integers, or anything. */
static inline uint64_t arm_random_lane(uint64_t *s)
{
    static const uint32_t singles[8] = {0x00000000, 0x80000000, 0x3f800000, 0x7f800000,
                                        0x7fc00001, 0x7f800001, 0x00000001, 0xff7fffff};
    static const uint64_t doubles[8] = {0,
                                        UINT64_C(0x8000000000000000),
                                        UINT64_C(0x3ff0000000000000),
                                        UINT64_C(0x7ff0000000000000),
                                        UINT64_C(0x7ff8000000000001),
                                        UINT64_C(0xfff0000000000001),
                                        UINT64_C(0x0000000000000001),
                                        UINT64_C(0xffefffffffffffff)};
    uint64_t r = arm_random(s), v = arm_random(s);
    switch (r & 7) {
    case 0:
        return doubles[r >> 8 & 7];
    case 1:
        return singles[r >> 8 & 7] | (uint64_t)singles[r >> 16 & 7] << 32;
    case 2: /* of moderate size */
        return (v & UINT64_C(0x800fffffffffffff)) | (UINT64_C(0x3f0) + (r >> 8 & 31)) << 52;
    case 3:
        return (v & UINT64_C(0x807fffff807fffff)) |
               (UINT64_C(0x3f0000003f000000) + ((r >> 8 & 15) << 23) + ((r >> 16 & 15) << 55));
    case 4:
    case 5:
        return arm_random_elements(s);
    default:
        return v;
    }
}

static inline void arm_state_init(struct arm_state *s, uint32_t seed)
{
    uint64_t r = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    for (unsigned k = 0; k < 31; k++)
        s->x[k] = arm_random_value(&r);
    s->x[ARM_REG_COUNT] = 0;
    s->x[ARM_REG_FIXED] = ARM_DATA_AT + 4096;
    s->x[ARM_REG_INDEX] = arm_random(&r) & 63;
    s->x[ARM_REG_MOVING] = ARM_DATA_AT + ARM_DATA_SIZE / 2;
    s->sp = ARM_DATA_AT + 12288;
    s->nzcv = arm_random(&r) & 0xf0000000;
    s->fpsr = 0;
    for (unsigned k = 0; k < 64; k++)
        s->v[k / 2][k & 1] = arm_random_lane(&r);
    /* AHP, DN, FZ, the rounding mode, FZ16 in half of the cases */
    s->fpcr = arm_random(&r) & (r & 1 ? 0x07c80000 : 0);
}

/* Registers of AArch32: R0-R14 as x[0] to x[14], R13 as sp, too. */
static inline void arm_state_init32(struct arm_state *s, uint32_t seed)
{
    arm_state_init(s, seed);
    for (unsigned k = 0; k < 31; k++)
        s->x[k] = k < 15 ? (uint32_t)s->x[k] : 0;
    s->x[ARM32_REG_MOVING] = ARM_DATA_AT + ARM_DATA_SIZE / 2;
    s->x[ARM32_REG_INDEX] &= 60;
    s->x[ARM32_REG_FIXED] = ARM_DATA_AT + 4096;
    s->x[13] = s->sp;
    for (unsigned k = 32; k < 64; k++)
        s->v[k / 2][k & 1] = 0;
}

static inline void arm_data_init(uint64_t *data, uint32_t seed)
{
    uint64_t r = seed ^ UINT64_C(0xdadadada00000000);
    for (unsigned k = 0; k < ARM_DATA_SIZE / 8; k++)
        data[k] = k & 1 ? arm_random_lane(&r) : arm_random_value(&r);
}

static inline uint64_t arm_data_hash(const uint64_t *data)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (unsigned k = 0; k < ARM_DATA_SIZE / 8; k++) {
        h = (h ^ data[k]) * UINT64_C(0x100000001b3);
        h ^= h >> 29;
    }
    return h;
}

#endif
