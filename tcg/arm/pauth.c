/* Pointer authentication: how codes are computed, put into pointers and checked. */
#include "tcg/arm/pauth.h"

#include "core/cpu/arm.h"
#include "tcg/arm/helpers.h"
#include "tcg/cpu.h"

/* ---- QARMA5 ------------------------------------------------------------------------------------
 */

/* Cells have 4 bits, cell 0 is the lowest. Written out, for pointers are signed at each call. */
#define CELL(v, n) ((v) >> 4 * (n)&15)
#define ROW(v, row, f, a, b, c, d)                                                                 \
    ((f(v, a) | f(v, b) << 4 | f(v, c) << 8 | f(v, d) << 12) << 16 * (row))
/* Cell n becomes cell `from` n. */
#define PERMUTE(v, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)                                 \
    (ROW(v, 0, CELL, a, b, c, d) | ROW(v, 1, CELL, e, f, g, h) | ROW(v, 2, CELL, i, j, k, l) |     \
     ROW(v, 3, CELL, m, n, o, p))
#define BOX(v, n) ((uint64_t)box[CELL(v, n)])

static uint64_t shuffle(uint64_t v)
{
    return PERMUTE(v, 13, 6, 11, 0, 7, 12, 1, 10, 8, 3, 14, 5, 2, 9, 4, 15);
}

static uint64_t shuffle_back(uint64_t v)
{
    return PERMUTE(v, 3, 6, 12, 9, 14, 11, 1, 4, 8, 13, 7, 2, 5, 0, 10, 15);
}

static uint64_t tweak(uint64_t v)
{
    return PERMUTE(v, 4, 5, 6, 7, 11, 2, 3, 8, 12, 13, 14, 15, 0, 1, 10, 9);
}

static uint64_t tweak_back(uint64_t v)
{
    return PERMUTE(v, 12, 13, 5, 6, 0, 1, 2, 3, 7, 15, 14, 4, 8, 9, 10, 11);
}

static uint64_t substitute(uint64_t v, const uint8_t box[16])
{
    return ROW(v, 0, BOX, 0, 1, 2, 3) | ROW(v, 1, BOX, 4, 5, 6, 7) | ROW(v, 2, BOX, 8, 9, 10, 11) |
           ROW(v, 3, BOX, 12, 13, 14, 15);
}

static const uint8_t box_forward[16] = {11, 6, 8, 15, 12, 0, 9, 14, 3, 7, 4, 5, 13, 2, 1, 10};
static const uint8_t box_inverse[16] = {5, 14, 13, 8, 10, 11, 1, 9, 2, 6, 15, 0, 4, 12, 7, 3};
/* Cells that are turned, as results of `tweak` and as operands of its inverse: 2, 4, 7, 11, 12, 14
 * and 15. */
#define TURNED UINT64_C(0xff0ff000f00f0f00)
/* The lowest bit of each cell. */
#define ONES UINT64_C(0x1111111111111111)

static uint64_t turn(uint64_t v, bool back)
{
    const uint64_t turned = back ? (v << 1 & ~ONES) | ((v >> 3 ^ v) & ONES)
                                 : (v >> 1 & 7 * ONES) | ((v ^ v >> 1) & ONES) << 3;
    return (v & ~TURNED) | (turned & TURNED);
}

static uint64_t rotate(uint64_t v, unsigned by)
{
    return v >> by | v << (64 - by);
}

/* The columns times the matrix of rotations by (0, 1, 2, 1): rows have 16 bits, row n of the result
 * has the three others. */
static uint64_t mix(uint64_t v)
{
    const uint64_t next = rotate(v, 16) ^ rotate(v, 48), far = rotate(v, 32);
    return ((next << 1 & ~ONES) | (next >> 3 & ONES)) ^
           ((far << 2 & 12 * ONES) | (far >> 2 & 3 * ONES));
}

enum { ROUNDS = 5 };

uint64_t arm_qarma5(uint64_t data, uint64_t modifier, const uint64_t key[2])
{
    static const uint64_t round[ROUNDS] = {
        0, UINT64_C(0x13198a2e03707344), UINT64_C(0xa4093822299f31d0), UINT64_C(0x082efa98ec4e6c89),
        UINT64_C(0x452821e638d01377)};
    const uint64_t alpha = UINT64_C(0xc0ac29b7c97c50dd);
    const uint64_t outer = key[1], core = key[0], other = (outer >> 1 | outer << 63) ^ outer >> 63;
    uint64_t v = data ^ outer, t = modifier;

    for (unsigned k = 0; k < ROUNDS; k++) {
        v ^= core ^ t ^ round[k];
        if (k)
            v = mix(shuffle(v));
        v = substitute(v, box_forward);
        t = turn(tweak(t), false);
    }
    v = substitute(mix(shuffle(v ^ other ^ t)), box_forward);
    v = core ^ mix(shuffle(v));
    v = substitute(shuffle_back(v), box_inverse);
    v = shuffle_back(mix(v)) ^ outer ^ t;
    for (unsigned k = ROUNDS; k--;) {
        v = substitute(v, box_inverse);
        if (k)
            v = shuffle_back(mix(v));
        t = tweak_back(turn(t, true));
        v ^= core ^ t ^ round[k] ^ alpha;
    }
    return v ^ other;
}

uint64_t arm_pac_hash(uint64_t data, uint64_t modifier, const uint64_t key[2])
{
    unsigned __int128 p = (unsigned __int128)(data ^ key[0]) * ((modifier ^ key[1]) | 1);
    uint64_t v = (uint64_t)p ^ (uint64_t)(p >> 64) ^ modifier;
    v *= UINT64_C(0x9e3779b97f4a7c15);
    v ^= v >> 29;
    v = (v ^ key[1]) * UINT64_C(0xbf58476d1ce4e5b9);
    return v ^ v >> 32;
}

/* ---- pointers
 * ------------------------------------------------------------------------------------ */

enum {
    TCR_T1SZ_SHIFT = 16,
    TCR_TBI = 20, /* of regimes with one range of addresses */
    TCR_TBID = 29,
    TCR_TBI0 = 37,
    TCR_TBID0 = 51,
    UPPER = 55, /* the bit that says which range */
    HCR_E2H = 34,
    HCR_TGE = 27,
};

struct regime {
    uint64_t tcr;
    bool two; /* ranges of addresses */
};

static struct regime regime_of(const struct arm_regs *r)
{
    const unsigned el = arm_el(r);
    const bool e2h = r->hcr >> HCR_E2H & 1, tge = r->hcr >> HCR_TGE & 1;
    if (el == 1 || (el == 0 && !(e2h && tge)))
        return (struct regime){r->tcr[1], true};
    return (struct regime){r->tcr[el == 3 ? 3 : 2], el != 3 && e2h};
}

static bool top_byte_ignored(const struct regime *g, bool upper, bool data)
{
    const unsigned tbi = g->two ? TCR_TBI0 + upper : TCR_TBI,
                   tbid = g->two ? TCR_TBID0 + upper : TCR_TBID;
    return g->tcr >> tbi & 1 && (data || !(g->tcr >> tbid & 1));
}

static struct arm_pac_layout layout_of(const struct regime *g, bool upper, bool data)
{
    unsigned size = (unsigned)(g->tcr >> (g->two && upper ? TCR_T1SZ_SHIFT : 0)) & 63;
    size = size < 12 ? 12 : size > 39 ? 39 : size;
    return (struct arm_pac_layout){64 - size, top_byte_ignored(g, upper, data)};
}

/* The bits of a code, bit 55 not among them. */
static uint64_t code_bits(const struct arm_pac_layout *l)
{
    uint64_t bits = (UINT64_C(1) << UPPER) - (UINT64_C(1) << l->bottom);
    return l->tbi ? bits : bits | UINT64_C(0xff) << 56;
}

/* The pointer with its code's bits, and bit 55, as the range has them. */
static uint64_t extended(const struct arm_pac_layout *l, uint64_t p, bool upper)
{
    const uint64_t bits = code_bits(l) | UINT64_C(1) << UPPER;
    return upper ? p | bits : p & ~bits;
}

static uint64_t compute(struct tcg_cpu *tc, uint64_t data, uint64_t modifier, unsigned key)
{
    const struct arm_cpu_model *model = tc->vcpu ? tc->vcpu->model : NULL;
    const uint64_t *k = ((const struct arm_regs *)tcg_env(tc))->pauth[key];
    return model && model->qarma5 ? arm_qarma5(data, modifier, k) : arm_pac_hash(data, modifier, k);
}

enum { KEY_IB = 1, KEY_DA = 2, KEY_GA = 4 };

uint64_t arm_helper_pac(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const struct regime g = regime_of(env);
    const bool data = c >= KEY_DA;
    (void)d;
    bool by_55 = top_byte_ignored(&g, false, data) || (g.two && top_byte_ignored(&g, true, data));
    const bool upper = a >> (by_55 ? UPPER : 63) & 1;
    const struct arm_pac_layout l = layout_of(&g, upper, data);
    const uint64_t bits = code_bits(&l), all = bits | UINT64_C(1) << UPPER;
    uint64_t code = compute(tcg_cpu_of(env), extended(&l, a, upper), b, (unsigned)c);
    if ((a & all) && (a & all) != all) /* was no address: make sure that it does not become one */
        code ^= UINT64_C(1) << (l.tbi ? 54 : 62);
    return (extended(&l, a, upper) & ~bits) | (code & bits);
}

uint64_t arm_helper_aut(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const struct regime g = regime_of(env);
    const bool upper = a >> UPPER & 1;
    const struct arm_pac_layout l = layout_of(&g, upper, c >= KEY_DA);
    const uint64_t pointer = extended(&l, a, upper);
    (void)d;
    if (!((compute(tcg_cpu_of(env), pointer, b, (unsigned)c) ^ a) & code_bits(&l)))
        return pointer;
    const unsigned at = l.tbi ? 53 : 61;
    const uint64_t error = c & KEY_IB ? 2 : 1;
    return (pointer & ~(UINT64_C(3) << at)) | error << at;
}

uint64_t arm_helper_xpac(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const struct regime g = regime_of(env);
    const bool upper = a >> UPPER & 1;
    const struct arm_pac_layout l = layout_of(&g, upper, b & 1);
    (void)c, (void)d;
    return extended(&l, a, upper);
}

uint64_t arm_helper_pacga(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)c, (void)d;
    return compute(tcg_cpu_of(env), a, b, KEY_GA) & ~UINT64_C(0xffffffff);
}
