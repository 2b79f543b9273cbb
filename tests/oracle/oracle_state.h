/*
 * What the oracle compares: the state a sequence starts from and ends with, the memory it works on,
 * and random numbers. The same virtual addresses hold for the host and for guests.
 */
#ifndef TESTS_ORACLE_STATE_H
#define TESTS_ORACLE_STATE_H

#include <stdint.h>
#include <string.h>

#include "core/cpu/x86.h"

enum {
    PAGE = 4096,
    /* Read-write pages and a read-only one; nothing before and after. */
    DATA_AT = 0x20000000,
    DATA_PAGES = 4,
    DATA_RO = 3, /* number of the read-only page */
    /* Loop counters and control words: nothing random is written here. */
    CTRL_AT = 0x20010000,
    CTRL_PAGES = 1,
    STACK_AT = 0x20020000,
    STACK_PAGES = 2,
    CODE_AT = 0x40000000,
    CODE_PAGES = 3,
    GS_AT = DATA_AT + 0x40, /* base of GS */
    COUNTERS = 64,
    CONTROLS_AT = CTRL_AT + 4 * COUNTERS, /* MXCSR values, then FCW values, 4 bytes each */
    CONTROLS = 64,
    SPECIALS_AT = CONTROLS_AT + 8 * CONTROLS, /* numbers at boundaries, 8 bytes each */
    SPECIALS = 16,
    SPECIAL_MIN64 = 5, /* the order of the table in rnd_state */
    SPECIAL_MIN32 = 7,
    FLAGS_COMPARED = X86_FLAGS_ARITH | X86_FLAG_DF
};

struct memory {
    uint8_t data[DATA_PAGES * PAGE], ctrl[CTRL_PAGES * PAGE], stack[STACK_PAGES * PAGE];
};

/* x87 as FXSAVE has it, but x87 registers by physical number. */
struct cpu_state {
    uint64_t gpr[16], rip, flags, gs_base;
    uint16_t fcw, fsw;
    uint8_t ftw;
    uint64_t fip, fdp; /* of the last x87 instruction but control ones */
    uint16_t fop;
    uint32_t mxcsr;
    uint8_t fpr[8][10];
    struct x86_vec256 ymm[16];
    /* how it ended */
    unsigned vector, error;
    uint64_t addr; /* of a page fault */
};

struct random {
    uint64_t s;
};

static inline uint64_t rnd(struct random *r)
{
    uint64_t z = r->s += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
static inline unsigned below(struct random *r, unsigned n)
{
    return (unsigned)(rnd(r) >> 33) % n;
}
static inline bool percent(struct random *r, unsigned p)
{
    return below(r, 100) < p;
}

/* A number as programs and boundaries have them. */
static inline uint64_t rnd_int(struct random *r)
{
    switch (below(r, 10)) {
    case 0:
        return 0;
    case 1:
        return below(r, 70);
    case 2:
        return ~UINT64_C(0);
    case 3:
        return UINT64_C(1) << below(r, 64);
    case 4:
        return (UINT64_C(1) << below(r, 64)) - 1;
    case 5:
        return (uint64_t) - (int64_t)below(r, 300);
    case 6:
        return (uint32_t)rnd(r);
    case 7:
        return (uint64_t)(int64_t)(int32_t)rnd(r);
    default:
        return rnd(r);
    }
}

/* Bits of a float of `size` 4 or 8, half of them NaN, infinity, denormal or at a boundary. */
static inline uint64_t rnd_fp(struct random *r, unsigned size)
{
    unsigned frac = size == 4 ? 23 : 52, exps = size == 4 ? 255 : 2047;
    uint64_t m = rnd(r) & ((UINT64_C(1) << frac) - 1), sign = (rnd(r) & 1) << (8 * size - 1), e;
    if (percent(r, 30))
        m = 0;
    else if (percent(r, 20))
        m = UINT64_C(1) << below(r, frac);
    else if (percent(r, 10))
        m = (UINT64_C(1) << frac) - 1;
    switch (below(r, 10)) {
    case 0:
        e = exps; /* infinity, NaN */
        break;
    case 1:
        e = 0; /* zero, denormal */
        break;
    case 2:
        e = 1 + below(r, 3);
        break;
    case 3:
        e = exps - 1 - below(r, 3);
        break;
    case 4:
        e = below(r, exps);
        break;
    default:
        e = exps / 2 - 8 + below(r, 80); /* around 1, and the limits of integers */
        break;
    }
    return sign | e << frac | m;
}

static inline void rnd_bytes(struct random *r, void *buf, unsigned len)
{
    uint8_t *p = buf;
    for (unsigned k = 0; k < len; k += 8) {
        uint64_t v;
        switch (below(r, 4)) {
        case 0:
            v = rnd_fp(r, 8);
            break;
        case 1:
            v = rnd_fp(r, 4) | rnd_fp(r, 4) << 32;
            break;
        default:
            v = rnd_int(r);
            break;
        }
        memcpy(p + k, &v, len - k < 8 ? len - k : 8);
    }
}

static inline void rnd_x87(struct random *r, uint8_t *reg)
{
    uint64_t m = rnd(r) | UINT64_C(1) << 63;
    uint16_t e = (uint16_t)(0x3fff - 40 + below(r, 110));
    switch (below(r, 12)) {
    case 0:
        e = 0x7fff;
        m = percent(r, 50) ? UINT64_C(1) << 63 : m;
        break;
    case 1:
        e = 0;
        m &= ~(UINT64_C(1) << 63);
        break;
    case 2:
        e = 0;
        m = 0;
        break;
    case 3:
        e = (uint16_t)below(r, 0x7fff);
        break;
    case 4:
        e = (uint16_t)below(r, 0x8000); /* maybe a form that is not supported */
        m = rnd_int(r);
        break;
    case 5:
    case 6:
        m = UINT64_C(1) << 63;
        break;
    default:
        break;
    }
    e |= (uint16_t)(rnd(r) & 0x8000);
    memcpy(reg, &m, 8);
    memcpy(reg + 8, &e, 2);
}

static inline uint32_t rnd_mxcsr(struct random *r)
{
    uint32_t masks = percent(r, 85) ? 0x3f : below(r, 64);
    uint32_t sticky = percent(r, 60) ? 0 : below(r, 64);
    return masks << 7 | (percent(r, 50) ? below(r, 4) << 13 : 0) | (percent(r, 20) ? 1u << 15 : 0) |
           (percent(r, 20) ? 1u << 6 : 0) | sticky;
}

static inline uint16_t rnd_fcw(struct random *r)
{
    static const uint16_t precision[] = {0, 2, 3, 3};
    if (percent(r, 50))
        return 0x37f;
    return (uint16_t)(0x40 | (percent(r, 90) ? 0x3f : below(r, 64)) | precision[below(r, 4)] << 8 |
                      below(r, 4) << 10);
}

static inline void rnd_state(struct random *r, struct cpu_state *s, struct memory *m)
{
    memset(s, 0, sizeof *s);
    rnd_bytes(r, m->data, sizeof m->data);
    rnd_bytes(r, m->stack, sizeof m->stack);
    memset(m->ctrl, 0, sizeof m->ctrl);
    for (unsigned k = 0; k < COUNTERS; k++)
        m->ctrl[4 * k] = (uint8_t)(1 + below(r, 4));
    for (unsigned k = 0; k < CONTROLS; k++) {
        uint32_t mxcsr = rnd_mxcsr(r);
        uint16_t fcw = rnd_fcw(r);
        memcpy(m->ctrl + CONTROLS_AT - CTRL_AT + 4 * k, &mxcsr, 4);
        memcpy(m->ctrl + CONTROLS_AT - CTRL_AT + 4 * (CONTROLS + k), &fcw, 2);
    }
    static const int64_t specials[SPECIALS] = {
        0,         1,         -1,        2,      -2,   INT64_MIN, INT64_MAX,  INT32_MIN,
        INT32_MAX, INT16_MIN, INT16_MAX, 0x8000, 0x80, -0x80,     0x7fffffff, 0x80000000};
    memcpy(m->ctrl + SPECIALS_AT - CTRL_AT, specials, sizeof specials);
    for (unsigned k = 0; k < 16; k++)
        s->gpr[k] = percent(r, 25) ? DATA_AT + below(r, 3 * PAGE) : rnd_int(r);
    s->gpr[X86_RSP] =
        STACK_AT + PAGE - 0x400 + 8 * below(r, 128) + (percent(r, 10) ? below(r, 8) : 0);
    s->flags =
        X86_FLAG_1 | X86_FLAG_IF | (rnd(r) & X86_FLAGS_ARITH) | (percent(r, 25) ? X86_FLAG_DF : 0);
    s->gs_base = GS_AT;
    s->mxcsr = rnd_mxcsr(r);
    s->fcw = rnd_fcw(r);
    /* No unmasked exception pending: the kernel would not have left it like that. */
    s->fsw = (uint16_t)(below(r, 8) << 11 | (rnd(r) & 0x4700) | (rnd(r) & rnd(r) & s->fcw & 0x3f));
    s->ftw = percent(r, 50) ? 0xff : percent(r, 50) ? 0 : (uint8_t)rnd(r);
    for (unsigned k = 0; k < 8; k++)
        rnd_x87(r, s->fpr[k]);
    rnd_bytes(r, s->ymm, sizeof s->ymm);
    if (percent(r, 20)) /* as after VZEROUPPER */
        for (unsigned k = 0; k < 16; k++)
            s->ymm[k].half[1] = (struct x86_vec){{0, 0}};
}

/* To a structure, which often crosses a page; the third has none behind it that may be written. */
static inline uint64_t rnd_pointer(struct random *r)
{
    uint64_t p = DATA_AT + PAGE * (1 + below(r, percent(r, 15) ? 3 : 2));
    p = percent(r, 40) ? p - below(r, 300) : p - 1000 + below(r, 400);
    return percent(r, 80) ? p & ~UINT64_C(31) : p;
}

#endif
