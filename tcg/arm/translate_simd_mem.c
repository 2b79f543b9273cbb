/* Advanced SIMD: loads and stores of one to four registers, element by element, LD1 to ST4. */
#include "tcg/arm/simd.h"

#include <string.h>

struct access {
    struct simd s;
    ir_ref base;
    unsigned rt, n;     /* registers: from rt on, wrapping round */
    unsigned lane_size; /* log2 of an element's bytes */
    bool write;
};

static unsigned reg(const struct access *a, unsigned k)
{
    return (a->rt + k) & 31;
}

static ir_ref at(struct access *a, unsigned offset)
{
    return a64_add_imm(a->s.x, IR_I64, a->base, offset);
}

/* What is unaligned is so by its elements, however much is accessed at once. */
static void check_alignment(struct access *a)
{
    unsigned attr = a64_mem(a->s.x, a->lane_size);
    if (attr & IR_MEM_ALIGN && a->lane_size)
        ir_ld(a->s.r, IR_I64, a->base, attr | (a->write ? IR_MEM_RMW : 0u));
}

/* Elements of big-endian data. */
static ir_ref swap(struct access *a, ir_ref v)
{
    if (!(a->s.x->mode & MODE_BIG) || !a->lane_size)
        return v;
    uint64_t flip = simd_replicate(IR_W8, (1u << a->lane_size) - 1);
    ir_ref order = v_const128(&a->s, 0x0706050403020100 ^ flip, 0x0f0e0d0c0b0a0908 ^ flip);
    return v_op(&a->s, IR_V_SHUFB, 0, v, order);
}

/* 8 (size 3) or 16 bytes (4) */
static ir_ref load(struct access *a, unsigned offset, unsigned size)
{
    unsigned attr = a64_mem(a->s.x, size) & ~(unsigned)IR_MEM_ALIGN;
    return swap(a, ir_ld(a->s.r, IR_V128, at(a, offset), attr));
}
static void store(struct access *a, unsigned offset, unsigned size, ir_ref v)
{
    unsigned attr = a64_mem(a->s.x, size) & ~(unsigned)IR_MEM_ALIGN;
    ir_st(a->s.r, at(a, offset), swap(a, v), 0, attr);
}

/* ---- three elements in turn
 * ---------------------------------------------------------------------- */

/*
 * Element k of register j is number 3k + j in memory, which is looked at 16 bytes at a time: lane p
 * of piece r. For each j no two of its elements have the same p: what is to come out is first
 * brought together from the pieces, lane by lane, and then put in order; and the other way round.
 */
struct thirds {
    uint8_t order[3][16];   /* [j]: for each byte of the register the byte of what was brought
                               together; 0x80: none */
    uint8_t inverse[3][16]; /* [j]: for each byte of the latter the register's */
    uint8_t from[3][3][16]; /* [j][r]: 0xff for bytes that are in piece r */
};

static void thirds_init(struct thirds *t, unsigned lane_size, bool full)
{
    unsigned lanes = 16u >> lane_size, bytes = 1u << lane_size;
    memset(t->order, 0x80, sizeof t->order);
    memset(t->inverse, 0x80, sizeof t->inverse);
    memset(t->from, 0, sizeof t->from);
    for (unsigned j = 0; j < 3; j++) {
        for (unsigned k = 0; k < (full ? lanes : lanes / 2); k++) {
            unsigned number = 3 * k + j, r = number / lanes, p = number % lanes;
            for (unsigned b = 0; b < bytes; b++) {
                t->order[j][k * bytes + b] = (uint8_t)(p * bytes + b);
                t->inverse[j][p * bytes + b] = (uint8_t)(k * bytes + b);
                t->from[j][r][p * bytes + b] = 0xff;
            }
        }
    }
}

static ir_ref bytes_const(struct simd *s, const uint8_t bytes[16])
{
    uint64_t v[2];
    memcpy(v, bytes, sizeof v);
    return v_const128(s, v[0], v[1]);
}

/* a, with bytes from b where the mask has ones. */
static ir_ref merge(struct access *a, ir_ref v, ir_ref with, const uint8_t mask[16])
{
    unsigned lanes = 0;
    for (unsigned n = 0; n < 8; n++)
        lanes |= (mask[2 * n] & 1u) << n;
    if (a->lane_size)
        return v_op_imm(&a->s, IR_V_BLENDI, IR_W16, v, with, lanes);
    return v_select(&a->s, bytes_const(&a->s, mask), with, v);
}

static ir_ref put_in_order(struct access *a, ir_ref v, const uint8_t order[16])
{
    return v_op(&a->s, IR_V_SHUFB, 0, v, bytes_const(&a->s, order));
}

static void load_thirds(struct access *a, ir_ref out[4])
{
    bool full = a->s.keep == IR_W128;
    struct thirds t;
    ir_ref piece[3] = {load(a, 0, 4), load(a, 16, full ? 4 : 3), 0};
    if (full)
        piece[2] = load(a, 32, 4);
    thirds_init(&t, a->lane_size, full);
    for (unsigned j = 0; j < 3; j++) {
        ir_ref v = merge(a, piece[0], piece[1], t.from[j][1]);
        if (full)
            v = merge(a, v, piece[2], t.from[j][2]);
        out[j] = put_in_order(a, v, t.order[j]);
    }
}

static void store_thirds(struct access *a, const ir_ref in[4])
{
    bool full = a->s.keep == IR_W128;
    struct thirds t;
    ir_ref v[3];
    thirds_init(&t, a->lane_size, full);
    for (unsigned j = 0; j < 3; j++)
        v[j] = put_in_order(a, in[j], t.inverse[j]);
    for (unsigned r = 0; r < (full ? 3u : 2u); r++) {
        ir_ref piece = merge(a, merge(a, v[0], v[1], t.from[1][r]), v[2], t.from[2][r]);
        store(a, 16 * r, !full && r ? 3 : 4, piece);
    }
}

/* ---- two and four elements in turn
 * ----------------------------------------------------------------- */

static void load_halves(struct access *a, ir_ref out[4])
{
    unsigned w = a->lane_size;
    ir_ref p0 = load(a, 0, 4), p1 = a->s.keep == IR_W128 ? load(a, 16, 4) : p0;
    out[0] = v_even(&a->s, w, p0, p1);
    out[1] = v_odd(&a->s, w, p0, p1);
}

static void load_quarters(struct access *a, ir_ref out[4])
{
    unsigned w = a->lane_size;
    bool full = a->s.keep == IR_W128;
    ir_ref p[4];
    for (unsigned k = 0; k < (full ? 4u : 2u); k++)
        p[k] = load(a, 16 * k, 4);
    ir_ref even0 = v_even(&a->s, w, p[0], p[1]), odd0 = v_odd(&a->s, w, p[0], p[1]);
    ir_ref even1 = full ? v_even(&a->s, w, p[2], p[3]) : even0,
           odd1 = full ? v_odd(&a->s, w, p[2], p[3]) : odd0;
    out[0] = v_even(&a->s, w, even0, even1);
    out[1] = v_even(&a->s, w, odd0, odd1);
    out[2] = v_odd(&a->s, w, even0, even1);
    out[3] = v_odd(&a->s, w, odd0, odd1);
}

static ir_ref zip(struct access *a, ir_ref v, ir_ref with, bool high)
{
    return high ? v_op(&a->s, IR_V_UNPKH, a->lane_size, v, with)
                : v_op(&a->s, IR_V_UNPKL, a->lane_size, v, with);
}

static void store_halves(struct access *a, const ir_ref in[4])
{
    store(a, 0, 4, zip(a, in[0], in[1], false));
    if (a->s.keep == IR_W128)
        store(a, 16, 4, zip(a, in[0], in[1], true));
}

static void store_quarters(struct access *a, const ir_ref in[4])
{
    unsigned halves = a->s.keep == IR_W128 ? 2 : 1;
    for (unsigned high = 0; high < halves; high++) {
        ir_ref even = zip(a, in[0], in[2], high), odd = zip(a, in[1], in[3], high);
        store(a, 32 * high, 4, zip(a, even, odd, false));
        store(a, 32 * high + 16, 4, zip(a, even, odd, true));
    }
}

/* ---- multiple structures
 * ---------------------------------------------------------------------------- */

static void load_plain(struct access *a, ir_ref out[4])
{
    unsigned size = a->s.keep == IR_W128 ? 4 : 3;
    for (unsigned k = 0; k < a->n; k++)
        out[k] = load(a, k << size, size);
}

static void store_plain(struct access *a, const ir_ref in[4])
{
    unsigned size = a->s.keep == IR_W128 ? 4 : 3;
    for (unsigned k = 0; k < a->n; k++)
        store(a, k << size, size, in[k]);
}

/* Registers, and elements in turn. */
static void shape(unsigned opcode, unsigned *n, unsigned *turns)
{
    static const struct {
        uint8_t n, turns;
    } shapes[16] = {[0] = {4, 4}, [2] = {4, 1}, [4] = {3, 3}, [6] = {3, 1},
                    [7] = {1, 1}, [8] = {2, 2}, [10] = {2, 1}};
    *n = shapes[opcode & 15].n;
    *turns = shapes[opcode & 15].turns;
}

static void write_back(struct access *a, const struct a64_insn *i, unsigned bytes)
{
    struct a64_trans *x = a->s.x;
    a64_put_sp(x, i->Rn, true,
               i->Rm == 31 ? at(a, bytes)
                           : ir_op2(x->ir, IR_ADD, IR_I64, a->base, a64_reg(x, i->Rm, true)));
}

static void begin(struct access *a, struct a64_trans *x, const struct a64_insn *i, bool write)
{
    enum ir_width keep = simd_shape(i);
    a->s = (struct simd){.x = x, .r = x->ir, .keep = keep, .count = keep};
    a->rt = i->Rt;
    a->write = write;
    a->base = a64_base(x, i->Rn);
}

static bool multiple(struct a64_trans *x, const struct a64_insn *i, bool post)
{
    static void (*const loads[])(struct access *, ir_ref *) = {NULL, load_plain, load_halves,
                                                               load_thirds, load_quarters};
    static void (*const stores[])(struct access *, const ir_ref *) = {
        NULL, store_plain, store_halves, store_thirds, store_quarters};
    struct access a = {.lane_size = i->size};
    unsigned turns;
    ir_ref v[4] = {0};
    if (!a64_check_fp(x))
        return true;
    shape(i->opcode, &a.n, &turns);
    begin(&a, x, i, !i->L);
    check_alignment(&a);
    if (i->L) {
        loads[turns](&a, v);
    } else {
        for (unsigned k = 0; k < a.n; k++)
            v[k] = a64_vec(x, reg(&a, k));
        stores[turns](&a, v);
    }
    for (unsigned k = 0; i->L && k < a.n; k++) {
        a.s.rd = reg(&a, k);
        simd_put(&a.s, v[k]);
    }
    if (post)
        write_back(&a, i, a.n << (i->Q ? 4 : 3));
    return true;
}

bool a64_ld_multiple(struct a64_trans *x, const struct a64_insn *i)
{
    return multiple(x, i, false);
}
bool a64_ld_multiple_post(struct a64_trans *x, const struct a64_insn *i)
{
    return multiple(x, i, true);
}

/* ---- single structures
 * ------------------------------------------------------------------------------- */

static ir_ref load_element(struct access *a, unsigned k)
{
    enum ir_type type = a->lane_size == 3 ? IR_I64 : IR_I32;
    return a64_load(a->s.x, type, at(a, k << a->lane_size), a->lane_size, 0);
}

static void replicate(struct access *a, ir_ref out[4])
{
    for (unsigned k = 0; k < a->n; k++) {
        ir_ref v = ir_emit(a->s.r, IR_V_FROM, IR_V128, a->lane_size == 3 ? IR_W64 : IR_W32,
                           load_element(a, k), 0, 0, 0, 0);
        out[k] = ir_emit(a->s.r, IR_V_BCAST, IR_V128, a->lane_size, v, 0, 0, 0, 0);
    }
}

static void load_lane(struct access *a, unsigned lane, ir_ref out[4])
{
    ir_ref element[4];
    for (unsigned k = 0; k < a->n; k++)
        element[k] = load_element(a, k);
    for (unsigned k = 0; k < a->n; k++)
        out[k] = ir_emit(a->s.r, IR_V_INS, IR_V128, a->lane_size, a64_vec(a->s.x, reg(a, k)),
                         element[k], 0, 0, lane);
}

static void store_lane(struct access *a, unsigned lane)
{
    for (unsigned k = 0; k < a->n; k++) {
        ir_ref v = ir_emit(a->s.r, IR_V_LANE, a->lane_size == 3 ? IR_I64 : IR_I32, a->lane_size,
                           a64_vec(a->s.x, reg(a, k)), 0, 0, 0, lane);
        a64_store(a->s.x, at(a, k << a->lane_size), v, a->lane_size, 0);
    }
}

/* Width and number of the lane in opcode<2:1>, Q, S and size. */
static void lane_of(const struct a64_insn *i, unsigned *lane_size, unsigned *lane)
{
    unsigned all = i->Q << 3 | i->S << 2 | i->size;
    *lane_size = i->opcode >> 1;
    if (*lane_size == 2 && i->size)
        *lane_size = 3;
    *lane = all >> *lane_size;
}

static bool single(struct a64_trans *x, const struct a64_insn *i, bool post)
{
    struct access a = {.n = ((i->opcode & 1) << 1 | i->R) + 1};
    bool all = i->opcode >> 1 == 3;
    unsigned lane = 0;
    ir_ref v[4] = {0};
    if (!a64_check_fp(x))
        return true;
    if (all)
        a.lane_size = i->size;
    else
        lane_of(i, &a.lane_size, &lane);
    begin(&a, x, i, !i->L);
    if (!all)
        a.s.keep = IR_W128;
    if (!i->L)
        store_lane(&a, lane);
    else if (all)
        replicate(&a, v);
    else
        load_lane(&a, lane, v);
    for (unsigned k = 0; i->L && k < a.n; k++) {
        a.s.rd = reg(&a, k);
        simd_put(&a.s, v[k]);
    }
    if (post)
        write_back(&a, i, a.n << a.lane_size);
    return true;
}

bool a64_ld_single(struct a64_trans *x, const struct a64_insn *i)
{
    return single(x, i, false);
}
bool a64_ld_single_post(struct a64_trans *x, const struct a64_insn *i)
{
    return single(x, i, true);
}
