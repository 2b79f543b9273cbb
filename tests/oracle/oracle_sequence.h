/*
 * Random sequences of user-mode instructions, made from the decode tables.
 *
 * A sequence is a list of items that can be dropped one by one: an instruction with the moves that
 * give its operands useful addresses, or a branch to another item. Branches lead forward, but for
 * loops that count down in memory. Flags that an instruction leaves undefined are followed to the
 * end: nothing may read them, and at the end they are not compared.
 */
#ifndef TESTS_ORACLE_SEQUENCE_H
#define TESTS_ORACLE_SEQUENCE_H

#include "core/util/range.h"
#include "tcg/x86/decode.h"
#include "tcg/x86/helpers.h"
#include "tcg/x86/slots.h"
#include "tcg/x86/translate_avx.h"
#include "tcg/x86/translate_x87.h"
#include "tests/oracle/oracle_x87.h"
#include "tests/oracle/oracle_state.h"

enum {
    ITEMS = 96,
    ITEM_BYTES = 96,
    SEQUENCE_BYTES = 2 * PAGE,
    MODE = MODE_CODE64 | MODE_LONG | MODE_PROTECTED | MODE_FLAT_CS | MODE_CR4_OSFXSR |
           MODE_CR4_OSXSAVE | MODE_XCR0_AVX | 3
};

struct item {
    uint8_t bytes[ITEM_BYTES];
    uint8_t len;
    bool off; /* dropped */
    uint8_t insn_at;
    bool crossing; /* its operand is in two pages */
    /* a displacement relative to the byte `rel_end` that leads to item `to` */
    uint8_t rel_at, rel_size, rel_end;
    bool jump, always; /* `to` may come next; must */
    unsigned to;
    /* one that leads to an address in memory */
    uint8_t rip_at, rip_end;
    uint32_t rip_to;
    uint16_t fl_read, fl_write, fl_undef;
};

struct sequence {
    struct item items[ITEMS + 1];
    unsigned count;
    uint64_t start; /* address */
    /* made by sequence_emit */
    uint8_t code[SEQUENCE_BYTES];
    unsigned len, at[ITEMS + 1];
    uint16_t undefined[ITEMS + 1]; /* flags before the item */
};

/* The rows of all tables in one list, and how often they were run. */
struct rows {
    const struct x86_row **row;
    unsigned count;
    struct reach {
        bool wanted;
        unsigned long reg, mem, crossing;
    } * reach;
    const uint32_t *features;
};

struct maker {
    struct random *r;
    struct rows *rows;
    struct sequence *s;
    unsigned counter; /* next loop counter */
    unsigned next_row;
    bool
        focused; /* most operands are these registers: values go from one instruction to the next */
    uint8_t focus[3];
    bool vectors;   /* mostly vector instructions, legacy and VEX-encoded mixed */
    unsigned full;  /* of them, after so many vector registers have got new values */
    bool x87;       /* mostly x87 instructions, as a rule such that the stack allows them */
    bool deep;      /* with many registers in use */
    unsigned depth; /* of that stack */
};

/* ---- bytes -------------------------------------------------------------------------------------
 */

static void put(struct item *i, const void *bytes, unsigned n)
{
    if (i->len + n > ITEM_BYTES)
        abort();
    memcpy(i->bytes + i->len, bytes, n);
    i->len = (uint8_t)(i->len + n);
}
static void put8(struct item *i, unsigned v)
{
    uint8_t b = (uint8_t)v;
    put(i, &b, 1);
}
static void put32(struct item *i, uint32_t v)
{
    put(i, &v, 4);
}

static void put_mov(struct item *i, unsigned reg, uint64_t v)
{
    if (v == (uint32_t)v) {
        if (reg & 8)
            put8(i, 0x41);
        put8(i, 0xb8 | (reg & 7));
        put32(i, (uint32_t)v);
    } else {
        put8(i, 0x48 | (reg >> 3));
        put8(i, 0xb8 | (reg & 7));
        put(i, &v, 8);
    }
}

/* ---- flags -------------------------------------------------------------------------------------
 */

static uint16_t cc_reads(unsigned cc)
{
    static const uint16_t reads[8] = {FL_O, FL_C, FL_Z,        FL_C | FL_Z,
                                      FL_S, FL_P, FL_S | FL_O, FL_S | FL_O | FL_Z};
    return reads[cc >> 1 & 7];
}

static void insn_flags(const struct x86_insn *d, struct item *i)
{
    const struct x86_row *row = d->row;
    i->fl_read = row->fl_read;
    i->fl_write = row->fl_write;
    i->fl_undef = row->fl_undef;
    if (row->fn == tr_jcc || row->fn == tr_cmov || row->fn == tr_setcc)
        i->fl_read = cc_reads(d->cc);
    if ((row->fn == tr_cmps || row->fn == tr_scas) && d->rep)
        i->fl_write = 0; /* a count of 0 leaves them */
    bool shift = row->fn == tr_shift, twice = row->fn == tr_shld || row->fn == tr_shrd;
    if (!shift && !twice)
        return;
    unsigned last = row->ops[shift ? 1 : 2];
    unsigned count = last == OP_I1 ? 1 : (unsigned)d->imm & (d->opsize == IR_W64 ? 63 : 31);
    bool rotate = shift && row->arg <= SHIFT_RCR;
    if (last == OP_CL || count != 1)
        i->fl_undef |= FL_O;
    if (!rotate)
        i->fl_undef |= FL_A;
    if (!rotate && shift && d->opsize <= IR_W16 && (last == OP_CL || count >= 8u << d->opsize))
        i->fl_undef |= FL_C;
    if (last == OP_CL)
        i->fl_write = 0;
    else if (!count)
        i->fl_write = i->fl_undef = 0;
    i->fl_write &= (uint16_t)~i->fl_undef;
}

/* ---- which rows --------------------------------------------------------------------------------
 */

/* What cannot be compared: it leaves user mode, depends on the machine, or would change what the
 * oracle itself stands on. Guest tests and unit tests hold these. */
static bool row_wanted(const struct x86_row *row)
{
    static x86_translate_fn *const no[] = {tr_int,
                                           tr_into,
                                           tr_syscall,
                                           tr_sysret,
                                           tr_far_direct,
                                           tr_far_indirect,
                                           tr_far_ret,
                                           tr_iret,
                                           tr_mov_to_sreg,
                                           tr_pop_sreg,
                                           tr_load_far_pointer,
                                           tr_lar_lsl,
                                           tr_verr_verw,
                                           tr_sldt_str,
                                           tr_sgdt_sidt,
                                           tr_smsw,
                                           tr_xcr,
                                           tr_fx_state,
                                           tr_rsm,
                                           tr_helper_ud_cpl,
                                           tr_in,
                                           tr_out,
                                           tr_ins,
                                           tr_outs,
                                           tr_rdpid,
                                           tr_rdrand,
                                           tr_rdtsc};
    if ((row->select >> 16 & 1u << 10) && !(row->select & 1u << 10))
        return false; /* NOT64 */
    for (unsigned k = 0; k < sizeof no / sizeof *no; k++)
        if (row->fn == no[k])
            return false;
    if (row->fn == tr_helper && row->arg != HELPER_ID(pause))
        return (row->flags & I_CPL0) && row->arg != HELPER_ID(cache_control);
    if ((row->fn == tr_rd_segbase || row->fn == tr_wr_segbase) && row->arg == X86_FS)
        return false; /* the C library's */
    return true;
}

static bool row_ends(const struct x86_row *row)
{
    return (row->flags & I_CPL0) || row->fn == tr_ud || row->fn == tr_cli ||
           row->fn == tr_helper_dyn1;
}

static bool row_branches(const struct x86_row *row)
{
    return row->fn == tr_jcc || row->fn == tr_jmp || row->fn == tr_call || row->fn == tr_loop ||
           row->fn == tr_jcxz || row->fn == tr_jmp_ind || row->fn == tr_call_ind ||
           row->fn == tr_ret;
}

static bool has_feature(const struct rows *rows, unsigned f)
{
    return !f || (rows->features[(f >> 5) - 1] >> (f & 31) & 1);
}

static bool rows_init(struct rows *rows, const uint32_t *features)
{
    rows->count = 0;
    for (unsigned t = 0; x86_tables[t]; t++)
        rows->count += x86_tables[t]->count;
    rows->row = calloc(rows->count, sizeof *rows->row);
    rows->reach = calloc(rows->count, sizeof *rows->reach);
    rows->features = features;
    if (!rows->row || !rows->reach)
        return false;
    for (unsigned t = 0, n = 0; x86_tables[t]; t++)
        for (unsigned k = 0; k < x86_tables[t]->count; k++, n++) {
            rows->row[n] = &x86_tables[t]->rows[k];
            rows->reach[n].wanted =
                has_feature(rows, rows->row[n]->feature) && row_wanted(rows->row[n]);
        }
    return true;
}

static struct reach *rows_reach(struct rows *rows, const struct x86_row *row)
{
    for (unsigned t = 0, n = 0; x86_tables[t]; n += x86_tables[t]->count, t++)
        if (row >= x86_tables[t]->rows && row < x86_tables[t]->rows + x86_tables[t]->count)
            return &rows->reach[n + (unsigned)(row - x86_tables[t]->rows)];
    return NULL;
}

/* Bytes that the memory operand has. */
static unsigned operand_bytes(const struct x86_insn *d)
{
    for (unsigned k = 0; k < 4; k++) {
        switch (d->row->ops[k]) {
        case OP_Eb:
        case OP_Mb:
        case OP_Wb:
            return 1;
        case OP_Ew:
        case OP_Mw:
        case OP_Ww:
        case OP_Mi16:
            return 2;
        case OP_Ed:
        case OP_Md:
        case OP_Wd:
        case OP_Qd:
        case OP_Mf32:
        case OP_Mi32:
            return 4;
        case OP_Eq:
        case OP_Mq:
        case OP_Wq:
        case OP_Qq:
        case OP_Mf64:
        case OP_Mi64:
            return 8;
        case OP_Ev:
        case OP_Mv:
            return 1u << d->opsize;
        case OP_Ey:
        case OP_My:
            return d->rex & 8 ? 8 : 4;
        case OP_Mf80:
        case OP_Mbcd:
            return 10;
        case OP_Wx:
        case OP_Mx:
            return 16u << d->vexl;
        case OP_Wdq:
        case OP_Mdq:
            return 16;
        case OP_Wh:
            return 8u << d->vexl;
        case OP_Wf:
            return 4u << d->vexl;
        case OP_We:
            return 2u << d->vexl;
        default:
            break;
        }
    }
    return 1;
}

/* ---- one instruction ---------------------------------------------------------------------------
 */

static uint32_t data_address(struct random *r, unsigned size, unsigned align)
{
    unsigned last = DATA_PAGES * PAGE - size;
    unsigned p = below(r, 1000), cross = 1 + below(r, size > 1 ? size - 1 : 1);
    if (p < 300 && size > 1 && percent(r, 100 / align))
        return DATA_AT + PAGE * (1 + below(r, 2)) - cross;
    if (p > 975)
        return DATA_AT + (DATA_RO * PAGE + below(r, PAGE - size)) / align * align;
    if (p > 970)
        return DATA_AT + DATA_RO * PAGE - cross;
    if (p > 966)
        return DATA_AT + last + below(r, 64);
    /* mostly a small window, so that what was stored is loaded again */
    unsigned span = percent(r, 60) ? 256 : DATA_RO * PAGE - 32;
    unsigned at = below(r, span) + (percent(r, 50) ? PAGE - 128 : 0);
    if (percent(r, 85))
        at = at / align * align;
    else if (align == 1 && percent(r, 50))
        at &= ~15u;
    return DATA_AT + (at > DATA_RO * PAGE - 32 ? 0 : at);
}

/* ModRM, SIB and displacement for an address; moves in front (pre) set the registers. */
struct form {
    uint8_t rex, modrm, sib, disp_size;
    bool has_sib, rip, gs, a32;
    uint32_t disp;
};

static unsigned free_reg(struct random *r, unsigned avoid)
{
    unsigned reg;
    do
        reg = below(r, 16);
    while (reg == X86_RSP || reg == avoid);
    return reg;
}

static struct form address_form(struct random *r, struct item *pre, uint32_t address)
{
    struct form f = {0};
    unsigned how = below(r, 100);
    f.gs = percent(r, 4);
    f.a32 = percent(r, 6);
    uint32_t target = address - (f.gs ? GS_AT : 0);
    if (how < 20) {
        f.modrm = 5;
        f.rip = true;
        f.disp = target;
        f.disp_size = 4;
        return f;
    }
    if (how < 35) {
        f.modrm = 4;
        f.has_sib = true;
        f.sib = 0x25;
        f.disp = target;
        f.disp_size = 4;
        if (how >= 29) { /* a scaled index alone */
            const unsigned x = free_reg(r, X86_NO_REG), scale = below(r, 4), v = below(r, 64);
            put_mov(pre, x, v);
            f.rex = (uint8_t)((x >> 3) << 1);
            f.sib = (uint8_t)(scale << 6 | (x & 7) << 3 | 5);
            f.disp = target - (v << scale);
        }
        return f;
    }
    bool index = how >= 65;
    unsigned base = free_reg(r, X86_NO_REG), x = free_reg(r, base), scale = below(r, 4);
    uint64_t xv = index ? percent(r, 90) ? below(r, 64) : (uint64_t)-5 : 0;
    f.disp_size = (base & 7) == X86_RBP || percent(r, 60) ? (percent(r, 70) ? 1 : 4) : 0;
    int32_t disp = f.disp_size == 1   ? (int8_t)rnd(r)
                   : f.disp_size == 4 ? (int32_t)below(r, 0x20000) - 0x10000
                                      : 0;
    f.disp = (uint32_t)disp;
    uint64_t bv = (uint64_t)target - (uint64_t)(int64_t)disp - (xv << scale);
    if (f.a32 && percent(r, 50))
        bv = (uint32_t)bv | rnd(r) << 32;
    if (!percent(r, 1))
        put_mov(pre, base, bv);
    if (index)
        put_mov(pre, x, xv);
    f.rex = (uint8_t)((base >> 3) | (index ? (x >> 3) << 1 : 0));
    f.modrm = (uint8_t)((f.disp_size == 1   ? 0x40
                         : f.disp_size == 4 ? 0x80
                                            : 0) |
                        (index || (base & 7) == X86_RSP ? 4 : base & 7));
    f.has_sib = index || (base & 7) == X86_RSP;
    f.sib = (uint8_t)(scale << 6 | (index ? x & 7 : 4) << 3 | (base & 7));
    return f;
}

/* mov reg, [one of the numbers at boundaries] */
static void put_special(struct item *i, unsigned reg, unsigned which)
{
    put8(i, 0x48 | (reg >> 3) << 2);
    put8(i, 0x8b);
    put8(i, (reg & 7) << 3 | 4);
    put8(i, 0x25);
    put32(i, SPECIALS_AT + 8 * which);
}

/* The registers that an instruction uses without naming them. */
static void set_implicit(struct random *r, struct item *i, const struct x86_insn *d)
{
    const struct x86_row *row = d->row;
    if (row->fn == tr_movs || row->fn == tr_stos || row->fn == tr_lods || row->fn == tr_scas ||
        row->fn == tr_cmps) {
        put_mov(i, X86_RSI, DATA_AT + PAGE - 600 + below(r, 1200) - (d->seg == X86_GS ? GS_AT : 0));
        put_mov(i, X86_RDI, DATA_AT + PAGE - 600 + below(r, 2 * PAGE));
        if (d->rep)
            put_mov(i, X86_RCX, below(r, percent(r, 80) ? 70 : 1000));
    } else if (row->fn == tr_xlat) {
        put_mov(i, X86_RBX, DATA_AT + below(r, 2 * PAGE));
    } else if (row->fn == tr_maskmov) {
        /* no fault: what it leaves and reports then is the processor's own affair */
        put_mov(i, X86_RDI, DATA_AT + below(r, DATA_RO * PAGE - 16));
    } else if (row->fn == tr_bt && d->mem && row->ops[1] == OP_Gv && d->reg != X86_RSP) {
        put_mov(i, d->reg, (uint64_t)((int64_t)below(r, 600) - 100));
    } else if ((row->fn == tr_div || row->fn == tr_idiv) && percent(r, 40)) {
        /* near overflow: operands that translation does not know */
        bool least = percent(r, 40); /* divided by 1 or -1 */
        put_special(i, X86_RAX,
                    !least                ? below(r, SPECIALS)
                    : d->opsize == IR_W64 ? SPECIAL_MIN64
                                          : SPECIAL_MIN32);
        put_special(i, X86_RDX, below(r, 7));
        if (!d->mem && d->rm != X86_RSP)
            put_special(i, d->rm, least ? 1 + below(r, 2) : below(r, SPECIALS));
        if (percent(r, 40))
            put(i, "\x48\x99", 2); /* cqo */
        else if (percent(r, 40))
            put8(i, 0x99); /* cdq */
    } else if ((row->fn == tr_div || row->fn == tr_idiv) && percent(r, 80)) {
        put_mov(i, X86_RDX, percent(r, 70) ? 0 : below(r, 1000));
        if (percent(r, 30))
            put_mov(i, X86_RAX, below(r, 2000));
    } else if ((row->fn == tr_shld || row->fn == tr_shrd) && row->ops[2] == OP_CL) {
        put_mov(i, X86_RCX, below(r, d->opsize == IR_W16 ? 16 : 64));
    } else if (row->fn == tr_shift && row->ops[1] == OP_CL && percent(r, 50)) {
        put_mov(i, X86_RCX, below(r, 40));
    } else if (row->fn == tr_leave || row->fn == tr_enter) {
        put_mov(i, X86_RBP, STACK_AT + PAGE + 8 * below(r, 100));
    } else if ((row->fn == tr_pcmpstr || row->fn == tr_avx_pcmpstr) && percent(r, 60)) {
        put_mov(i, X86_RAX, (uint64_t)((int64_t)below(r, 40) - 20));
        put_mov(i, X86_RDX, (uint64_t)((int64_t)below(r, 40) - 20));
    } else if ((row->fn == tr_bzhi || row->fn == tr_bextr) && d->vvvv != X86_RSP &&
               percent(r, 70)) {
        unsigned width = 8u << d->opsize, n = percent(r, 30) ? width : below(r, width + 8);
        if (percent(r, 20))
            n = 128 + below(r, 16);
        put_mov(i, d->vvvv, row->fn == tr_bzhi ? n : below(r, width + 4) | n << 8);
    } else if (row->fn == tr_wr_segbase) {
        put_mov(i, d->rm, percent(r, 90) ? (uint64_t)GS_AT + below(r, 32) : rnd_int(r));
    } else if (row->fn == tr_popf) {
        uint32_t flags = (uint32_t)(rnd(r) & (X86_FLAGS_ARITH | X86_FLAG_DF)) | 2;
        put8(i, 0x68);
        put32(i, flags);
    }
}

static bool writes_rsp(const struct x86_insn *d)
{
    if (d->row->fn == tr_push || d->row->check >= CHECK_MMX || d->row->check == CHECK_X87)
        return false;
    for (unsigned k = 0; k < 2; k++)
        switch (d->row->ops[k]) {
        case OP_Gb:
        case OP_Gw:
        case OP_Gd:
        case OP_Gv:
        case OP_Gy:
            if (d->reg == X86_RSP)
                return true;
            break;
        case OP_Eb:
        case OP_Ew:
        case OP_Ed:
        case OP_Ev:
        case OP_Ey:
        case OP_Rd:
        case OP_Ry:
        case OP_Rv:
            if (!d->mem && d->rm == X86_RSP)
                return true;
            break;
        case OP_By:
            if (d->vvvv == X86_RSP)
                return true;
            break;
        case OP_Zb:
        case OP_Zv:
            if (d->opreg == X86_RSP)
                return true;
            break;
        default:
            break;
        }
    return false;
}

/* A vector of indices that stay within the data: faults of a gather are not compared, since where
 * it stops is not. */
static struct form gather_form(struct random *r, struct item *pre, const struct x86_row *row,
                               unsigned vexl)
{
    unsigned base = free_reg(r, X86_NO_REG), x = below(r, 16), bits = row->arg ? 64 : 32;
    struct form f = {.has_sib = true, .modrm = 0x84, .disp_size = 4};
    int32_t disp = (int32_t)below(r, 0x20000) - 0x10000;
    f.disp = (uint32_t)disp;
    put_mov(pre, base, (uint64_t)DATA_AT + below(r, 2 * PAGE) - (uint64_t)(int64_t)disp);
    /* vpsrld or vpsrlq x, x, bits - 9 */
    put8(pre, 0xc4);
    put8(pre, 0xe1 & ~((x & 8) << 2));
    put8(pre, (~x & 15) << 3 | vexl << 2 | 1);
    put8(pre, row->arg ? 0x73 : 0x72);
    put8(pre, 0xd0 | (x & 7));
    put8(pre, bits - 9);
    f.rex = (uint8_t)((base >> 3) | (x >> 3) << 1);
    f.sib = (uint8_t)(below(r, 4) << 6 | (x & 7) << 3 | (base & 7));
    return f;
}

static bool uses_vvvv(const struct x86_row *row)
{
    for (unsigned k = 0; k < 3; k++)
        if (row->ops[k] == OP_Hx || row->ops[k] == OP_Hdq || row->ops[k] == OP_By)
            return true;
    return false;
}

static void put_vex(struct item *i, const struct x86_row *row, unsigned rex, unsigned l,
                    unsigned vvvv, unsigned pp)
{
    unsigned map = row->map - MAP_V0F + 1, low = (~vvvv & 15) << 3 | l << 2 | pp;
    if (map == 1 && !(rex & 11)) {
        put8(i, 0xc5);
        put8(i, (rex & 4 ? 0 : 0x80) | low);
        return;
    }
    put8(i, 0xc4);
    put8(i, (~rex & 7) << 5 | map);
    put8(i, (rex & 8) << 4 | low);
}

/* One instruction of this row into *out, or false: another try may do. */
static bool make_insn(struct maker *m, const struct x86_row *row, struct item *out)
{
    struct random *r = m->r;
    struct item pre = {0}, body = {0};
    unsigned mask = row->select >> 16, want = row->select & 0xffff;
    bool integer = row->check == CHECK_NONE;
    unsigned mandatory = mask & 3 ? want & 3 : 0;
    bool mem = mask >> 2 & 1 ? !(want >> 2 & 1) : percent(r, 50);
    unsigned reg = mask >> 3 & 1 ? want >> 3 & 7 : below(r, 8);
    unsigned rm = mask >> 6 & 1 ? want >> 6 & 7 : below(r, 8);
    uint8_t rex = percent(r, 55) ? (uint8_t)(0x40 | below(r, 16)) : 0;
    bool p66 = mandatory == 1 || (integer && mandatory && percent(r, 20)) ||
               (integer && !(mask & 3) && percent(r, 22));
    if (mask >> 11 & 3) { /* the form depends on the operand size */
        unsigned w = want >> 11 & 3;
        p66 = w == IR_W16;
        rex = (uint8_t)(w == IR_W64 ? rex | 0x48 : rex & ~8);
    }
    if (mask >> 9 & 1)
        rex = (uint8_t)(want >> 9 & 1 ? rex | 0x48 : rex & ~8);
    if (mask >> 14 & 1)
        rex = (uint8_t)(rex & ~1);
    if (m->focused && row->check != CHECK_X87 && percent(r, 85)) {
        unsigned f1 = m->focus[below(r, 3)], f2 = m->focus[below(r, 3)];
        if (!(mask >> 3 & 1)) {
            reg = f1 & 7;
            rex = (uint8_t)(f1 & 8 ? rex | 0x44 : rex & ~4);
        }
        if (!(mask >> 6 & 1) && !(mask >> 14 & 1)) {
            rm = f2 & 7;
            rex = (uint8_t)(f2 & 8 ? rex | 0x41 : rex & ~1);
        }
    }
    bool vex = row->map >= MAP_V0F;
    unsigned vvvv =
        uses_vvvv(row) ? m->focused && percent(r, 85) ? m->focus[below(r, 3)] : below(r, 16) : 0;
    unsigned vexl = !vex ? 0 : mask >> 15 & 1 ? want >> 15 & 1 : below(r, 2);
    if (vex)
        p66 = false;
    bool lock = (row->flags & I_LOCK) && percent(r, 25);
    mem |= lock && !(mask >> 2 & 1);

    unsigned size = 8, align = 1;
    struct x86_insn probe = {.row = row, .opsize = IR_W64, .rex = 8};
    probe.vexl = row->flags & I_LIG ? 0 : (uint8_t)vexl;
    size = operand_bytes(&probe);
    if (row->check == CHECK_SSE && size == 16 && !(row->arg2 & SSE_UNALIGNED))
        align = 16;
    if (row->fn == tr_cmpxchg16b)
        align = 16;
    if ((row->fn == tr_avx_mov || row->fn == tr_avx_mov_store) && !(row->arg2 & SSE_UNALIGNED))
        align = size;
    uint32_t address = data_address(r, size, align);
    if (size == 10) /* in two parts: the first may be stored when the second faults */
        address = DATA_AT + (percent(r, 40) ? PAGE - below(r, 10) : below(r, 2 * PAGE));
    if (row->fn == tr_avx_maskload || row->fn == tr_avx_maskstore)
        /* no fault: which of an element's bytes it reports is the processor's own affair */
        address = DATA_AT + below(r, DATA_RO * PAGE - 32);
    if (row->fn == tr_ldmxcsr)
        address = CONTROLS_AT + 4 * below(r, CONTROLS);
    if (row->fn == tr_fldcw && percent(r, 95))
        address = CONTROLS_AT + 4 * (CONTROLS + below(r, CONTROLS));
    struct form f = {0};
    if (mem) {
        f = row->fn == tr_avx_gather ? gather_form(r, &pre, row, vexl)
                                     : address_form(r, &pre, address);
        rex = (uint8_t)((rex & ~3) | f.rex);
        if (rex)
            rex |= 0x40;
    }
    if (f.gs)
        put8(&body, 0x65);
    if (f.a32)
        put8(&body, 0x67);
    if (lock)
        put8(&body, 0xf0);
    if ((row->flags & I_REP) && percent(r, 55))
        put8(&body, percent(r, 50) ? 0xf3 : 0xf2);
    if (mask >> 13 & 1)
        put8(&body, 0xf3);
    if (p66 && !vex)
        put8(&body, 0x66);
    if (mandatory > 1 && !vex)
        put8(&body, mandatory == 2 ? 0xf3 : 0xf2);
    if (rex && !vex)
        put8(&body, rex);
    if (vex) {
        put_vex(&body, row, rex, vexl, vvvv, mandatory);
    } else if (row->map != MAP_1) {
        put8(&body, 0x0f);
    }
    if (row->map == MAP_0F38 || row->map == MAP_0F3A)
        put8(&body, row->map == MAP_0F38 ? 0x38 : 0x3a);
    put8(&body, row->op + below(r, row->last - row->op + 1u));
    if (row->fn == tr_mov_offset) {
        uint64_t to = address - (f.gs ? GS_AT : 0);
        put(&body, &to, f.a32 ? 4 : 8);
    } else {
        unsigned modrm_at = body.len;
        put8(&body, mem ? f.modrm | reg << 3 : 0xc0 | reg << 3 | rm);
        struct x86_insn d;
        /* without ModRM these bytes are the immediate */
        struct item probe_item = body;
        for (unsigned k = 0; k < 10; k++)
            put8(&probe_item, 0);
        if (x86_decode(&d, probe_item.bytes, probe_item.len, MODE, m->rows->features) ==
                X86_DECODE_OK &&
            !d.has_modrm) {
            body.len = (uint8_t)modrm_at;
            f = (struct form){0};
            pre.len = 0;
            mem = false;
        }
        if (f.has_sib)
            put8(&body, f.sib);
        if (f.disp_size) {
            body.rip_at = body.len;
            put(&body, &f.disp, f.disp_size);
        }
        uint64_t imm = rnd_int(r);
        if (row->fn == tr_enter)
            imm = below(r, 200) | (percent(r, 40) ? below(r, 34) << 16 : 0);
        if (row->fn == tr_shld || row->fn == tr_shrd)
            imm = below(r, p66 && !(rex & 8) ? 16 : 64);
        put(&body, &imm, 8);
    }
    struct x86_insn d;
    if (x86_decode(&d, body.bytes, body.len, MODE, m->rows->features) != X86_DECODE_OK ||
        d.row != row)
        return false;
    body.len = d.len;
    if (!d.mem) /* MOV to and from CR and DR takes any ModRM for a register */
        f.rip = false;
    if (row->fn == tr_bswap && d.opsize == IR_W16)
        return false; /* undefined */
    if (writes_rsp(&d) && !percent(r, 4))
        return false;
    insn_flags(&d, &body);
    uint8_t before = pre.len;
    set_implicit(r, &pre, &d);
    if (before && d.mem && pre.len != before && !percent(r, 3)) {
        /* a register that both need: the address comes last, if that leaves the other whole */
        struct item swapped = {0};
        set_implicit(r, &swapped, &d);
        put(&swapped, pre.bytes, before);
        if (row->fn != tr_popf)
            memcpy(pre.bytes, swapped.bytes, pre.len = swapped.len);
    }
    *out = pre;
    out->insn_at = pre.len;
    out->crossing = d.mem && (address & (PAGE - 1)) + operand_bytes(&d) > PAGE;
    put(out, body.bytes, body.len);
    out->fl_read = body.fl_read;
    out->fl_write = body.fl_write;
    out->fl_undef = body.fl_undef;
    if (f.rip) {
        out->rip_at = (uint8_t)(pre.len + body.rip_at);
        out->rip_end = out->len;
        out->rip_to = f.disp;
    }
    return true;
}

/* ---- branches ----------------------------------------------------------------------------------
 */

static void branch_to(struct item *i, unsigned to, unsigned size)
{
    i->rel_at = i->len;
    i->rel_size = (uint8_t)size;
    i->jump = true;
    i->to = to;
    put32(i, 0);
    i->len = (uint8_t)(i->rel_at + size);
    i->rel_end = i->len;
}

/* lea reg,[rip + to] */
static void put_lea(struct item *i, unsigned reg, unsigned to)
{
    put8(i, 0x48 | (reg >> 3) << 2);
    put8(i, 0x8d);
    put8(i, 5 | (reg & 7) << 3);
    branch_to(i, to, 4);
}

static void make_branch(struct maker *m, struct item *i, unsigned n, unsigned count)
{
    struct random *r = m->r;
    unsigned to = n + 1 + below(r, percent(r, 70) ? 3 : 8), reg = free_reg(r, X86_NO_REG);
    bool near = to <= n + 3;
    to = MIN(to, count);
    switch (below(r, 14)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: {
        unsigned cc = below(r, 16);
        i->fl_read = cc_reads(cc);
        if (near && percent(r, 50)) {
            put8(i, 0x70 | cc);
            branch_to(i, to, 1);
        } else {
            put8(i, 0x0f);
            put8(i, 0x80 | cc);
            branch_to(i, to, 4);
        }
        break;
    }
    case 5:
        put8(i, near ? 0xeb : 0xe9);
        branch_to(i, to, near ? 1 : 4);
        i->always = true;
        break;
    case 6: { /* loop, loope, loopne, jrcxz */
        unsigned op = below(r, 4);
        if (op < 3 && percent(r, 60))
            put_mov(i, X86_RCX, percent(r, 80) ? below(r, 3) : UINT64_C(1) << 32);
        if (percent(r, 20))
            put8(i, 0x67);
        put8(i, 0xe0 + op);
        i->fl_read = op < 2 ? FL_Z : 0;
        branch_to(i, MIN(n + 2, count), 1);
        break;
    }
    case 7:
        put8(i, 0xe8);
        branch_to(i, to, 4);
        i->always = true;
        break;
    case 8: /* ret, with and without operand */
        put_lea(i, reg, to);
        if (reg & 8)
            put8(i, 0x41);
        put8(i, 0x50 | (reg & 7));
        if (percent(r, 70)) {
            put8(i, 0xc3);
        } else {
            put8(i, 0xc2);
            put8(i, 8 * below(r, 3));
            put8(i, 0);
        }
        i->always = true;
        break;
    case 9:
    case 10: /* jmp reg, call reg */
        put_lea(i, reg, to);
        if (reg & 8)
            put8(i, 0x41);
        put8(i, 0xff);
        put8(i, 0xc0 | (percent(r, 50) ? 4 : 2) << 3 | (reg & 7));
        i->always = true;
        break;
    case 11: { /* jmp and call through memory */
        uint32_t at = DATA_AT + (percent(r, 30) ? PAGE - below(r, 9) : below(r, PAGE));
        uint8_t op = (uint8_t)((percent(r, 50) ? 4 : 2) << 3 | 4);
        put_lea(i, reg, to);
        put8(i, 0x48 | (reg >> 3) << 2);
        put8(i, 0x89);
        put8(i, (reg & 7) << 3 | 4);
        put8(i, 0x25);
        put32(i, at);
        put8(i, 0xff);
        put8(i, op);
        put8(i, 0x25);
        put32(i, at);
        i->always = true;
        break;
    }
    default: { /* sub dword [counter], 1; jg back */
        if (!n || m->counter >= COUNTERS)
            return;
        unsigned back = 1 + below(r, percent(r, 70) ? 4 : 20);
        put8(i, 0x83);
        put8(i, 0x2c);
        put8(i, 0x25);
        put32(i, CTRL_AT + 4 * m->counter++);
        put8(i, 1);
        if (percent(r, 50)) { /* jle over; add, sub or cmp reg,reg; jmp back: flags that only
                                 registers tell go round the loop */
            static const uint8_t ops[] = {0x01, 0x29, 0x39};
            unsigned a = free_reg(r, X86_NO_REG), b = free_reg(r, X86_NO_REG);
            put8(i, 0x7e);
            put8(i, 8);
            put8(i, 0x40 | (percent(r, 50) ? 8 : 0) | (b >> 3) << 2 | a >> 3);
            put8(i, ops[below(r, 3)]);
            put8(i, 0xc0 | (b & 7) << 3 | (a & 7));
            put8(i, 0xe9);
        } else {
            put8(i, 0x0f);
            put8(i, 0x8f);
        }
        branch_to(i, n > back ? n - back : 0, 4);
        i->fl_write = FL_ARITH;
        break;
    }
    }
}

/* ---- sequences ---------------------------------------------------------------------------------
 */

/* What compilers use all the time, where passes and the back end have most of their cases. */
static bool row_common(const struct x86_row *row)
{
    return row->fn == tr_alu || row->fn == tr_movzx || row->fn == tr_movsx || row->fn == tr_cmov ||
           row->fn == tr_setcc || row->fn == tr_shift || row->fn == tr_inc || row->fn == tr_dec ||
           row->fn == tr_imul || row->fn == tr_lea || row->fn == tr_test || row->fn == tr_mov;
}

static const struct x86_row *choose_row(struct maker *m)
{
    struct rows *rows = m->rows;
    bool common = !m->vectors && percent(m->r, 30);
    for (;;) {
        unsigned n = below(m->r, rows->count);
        if (percent(m->r, 10)) { /* in turn, so that none is forgotten */
            m->next_row = (m->next_row + 1) % rows->count;
            n = m->next_row;
        }
        const struct x86_row *row = rows->row[n];
        if (!rows->reach[n].wanted || row_branches(row))
            continue;
        if (m->x87 && row->check == CHECK_X87)
            return row;
        if (m->x87 && percent(m->r, 85))
            continue;
        if (!m->vectors && (row->check != CHECK_NONE || row->fn == tr_nop) && percent(m->r, 55))
            continue; /* more of the integer instructions */
        if (common && !row_common(row))
            continue;
        if (row_ends(row) && !percent(m->r, 8))
            continue;
        if (m->vectors && row->check != CHECK_SSE && row->check != CHECK_AVX && percent(m->r, 90))
            continue;
        return row;
    }
}

/* The start of a sequence of x87 instructions: an empty stack, and a control word. */
static void make_x87_start(struct maker *m, struct item *i)
{
    put8(i, 0xdb); /* fninit */
    put8(i, 0xe3);
    m->depth = 0;
    if (percent(m->r, 60)) { /* fldcw [disp32] */
        put8(i, 0xd9);
        put8(i, 0x2c);
        put8(i, 0x25);
        put32(i, CONTROLS_AT + 4 * (CONTROLS + below(m->r, CONTROLS)));
    }
}

/* Follows the depth of the stack, where it is known. false: the instruction would find a register
 * empty or in use; some do, but not many, since nothing after it is what it might have been. */
static bool x87_fits(struct maker *m, const struct item *i)
{
    struct x86_insn d;
    struct x87_effect e;
    if (!m->x87 || x86_decode(&d, i->bytes + i->insn_at, i->len - i->insn_at, MODE,
                              m->rows->features) != X86_DECODE_OK)
        return true;
    if (d.row->check == CHECK_MMX || d.row->fn == tr_cvt_to_mmx || d.row->fn == tr_cvt_from_mmx)
        return percent(m->r, 5);
    if (d.row->check != CHECK_X87)
        return true;
    if (d.row->fn == tr_x87_plain && d.row->arg == HELPER_ID(fninit))
        return percent(m->r, 10); /* depth is a guess from here on */
    if ((d.row->fn != tr_x87_reg && d.row->fn != tr_x87_mem && d.row->fn != tr_x87_store) ||
        !x87_effect(&e, (d.op & 7u) << 8 | d.modrm))
        return percent(m->r, 30);
    if ((e.reads >> m->depth || (e.pushes && m->depth == 8)) && !percent(m->r, 2))
        return false;
    if (m->deep ? e.pops && m->depth < 7 && percent(m->r, 60)
                : e.pushes && m->depth > 4 && percent(m->r, 60))
        return false;
    m->depth = MIN(m->depth + e.pushes, 8u);
    m->depth += e.writes >> m->depth & 1; /* the one below the last */
    m->depth -= MIN(m->depth, (unsigned)e.pops);
    return true;
}

/* Something that defines all flags. */
static void make_definer(struct random *r, struct item *i)
{
    static const uint8_t ops[] = {0x39, 0x01, 0x29, 0x38};
    unsigned reg;
    do
        reg = below(r, 8);
    while (reg == X86_RSP);
    put8(i, ops[below(r, 4)]);
    put8(i, 0xc0 | below(r, 8) << 3 | reg);
    if (i->bytes[i->len - 2] == 0x38)
        i->bytes[i->len - 1] = (uint8_t)(0xc0 | below(r, 8) << 3 | below(r, 8));
    i->fl_write = FL_ARITH;
}

/* VEX.256.66.0F, all operands registers. */
static void put_ymm_insn(struct item *i, unsigned reg, unsigned v, unsigned rm, unsigned op)
{
    put8(i, 0xc4);
    put8(i, 0x41 | (reg & 8 ? 0 : 0x80) | (rm & 8 ? 0 : 0x20));
    put8(i, 0x05 | (~v & 15) << 3);
    put8(i, op);
    put8(i, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* VPADDB to YMM k from that and the next: values that all have to be kept. */
static void make_vector_start(struct item *i, unsigned k)
{
    put_ymm_insn(i, k, k, (k + 1) & 15, 0xfc);
}

/* VMOVDQA of all or the low half, VEXTRACTI128 of the high one: one value in two registers. */
static void make_vector_move(struct random *r, struct item *i)
{
    unsigned half = below(r, 3);
    put_ymm_insn(i, below(r, 16), 0, below(r, 16), half == 2 ? 0x39 : 0x6f);
    if (half == 1)
        i->bytes[2] &= 0xfb; /* L */
    if (half == 2) {
        i->bytes[1] |= 2; /* 0F3A */
        put8(i, 1);
    }
}

/* Lays the live items out at s->start. false: a flag that is undefined would be read, or a short
 * branch does not reach. */
static bool sequence_emit(struct sequence *s)
{
    uint16_t coming[ITEMS + 1] = {0}, undefined = 0;
    bool reached = true;
    s->len = 0;
    for (unsigned k = 0; k <= s->count; k++) {
        struct item *i = &s->items[k];
        s->at[k] = s->len;
        undefined = (uint16_t)((reached ? undefined : 0) | coming[k]);
        reached = true;
        s->undefined[k] = undefined;
        if (k == s->count)
            break;
        if (i->off)
            continue;
        if (i->fl_read & undefined)
            return false;
        if (s->len + i->len + 2 > sizeof s->code)
            return false;
        memcpy(s->code + s->len, i->bytes, i->len);
        s->len += i->len;
        undefined = (uint16_t)((undefined & ~i->fl_write) | i->fl_undef);
        if (i->jump && i->to > k)
            coming[i->to] |= undefined;
        if (i->always)
            reached = false;
    }
    s->code[s->len++] = 0x0f; /* ud2 ends every sequence */
    s->code[s->len++] = 0x0b;
    for (unsigned k = 0; k < s->count; k++) {
        struct item *i = &s->items[k];
        if (i->off)
            continue;
        if (i->jump) {
            int32_t rel = (int32_t)s->at[i->to] - (int32_t)(s->at[k] + i->rel_end);
            if (i->rel_size == 1 && rel != (int8_t)rel)
                return false;
            memcpy(s->code + s->at[k] + i->rel_at, &rel, i->rel_size);
        }
        if (i->rip_at) {
            int32_t rel = (int32_t)((uint64_t)i->rip_to - (s->start + s->at[k] + i->rip_end));
            memcpy(s->code + s->at[k] + i->rip_at, &rel, 4);
        }
    }
    return true;
}

static void sequence_make(struct maker *m, struct sequence *s)
{
    struct random *r = m->r;
    unsigned count = percent(r, 25) ? 1 + below(r, 4) : 1 + below(r, 64);
    bool branches = percent(r, 70);
    memset(s, 0, offsetof(struct sequence, code));
    m->counter = 0;
    m->s = s;
    m->focused = percent(r, 60);
    m->vectors = percent(r, 20);
    m->full = m->vectors && has_feature(m->rows, FEAT_AVX2) && percent(r, 40) ? 8 + below(r, 9) : 0;
    if (m->full) {
        count = 32 + below(r, 33);
        branches = false;
    }
    m->x87 = !m->vectors && percent(r, 18);
    m->deep = percent(r, 30);
    for (unsigned k = 0; k < 3; k++)
        m->focus[k] = (uint8_t)free_reg(r, X86_NO_REG);
    s->count = count;
    s->start = CODE_AT;
    for (unsigned k = 0; k < count;) {
        struct item i = {0};
        const struct x86_row *row = choose_row(m);
        if (m->x87 && !k)
            make_x87_start(m, &i);
        else if (k < m->full)
            make_vector_start(&i, k);
        else if (m->full && percent(r, 30))
            make_vector_move(r, &i);
        else if (branches && percent(r, m->x87 ? 6 : 12))
            make_branch(m, &i, k, count);
        else if (!make_insn(m, row, &i) || !x87_fits(m, &i))
            continue;
        if (!i.len)
            continue;
        s->items[k] = i;
        s->count = k + 1; /* what jumps beyond goes to the end for now */
        unsigned saved[ITEMS];
        for (unsigned n = 0; n <= k; n++) {
            saved[n] = s->items[n].to;
            s->items[n].to = MIN(saved[n], s->count);
        }
        bool good = sequence_emit(s);
        if (!good && i.fl_read && !percent(r, 40)) {
            s->items[k] = (struct item){0};
            make_definer(r, &s->items[k]);
            saved[k] = 0;
            good = sequence_emit(s);
        }
        for (unsigned n = 0; n <= k; n++)
            s->items[n].to = saved[n];
        if (good)
            k++;
    }
    s->count = count;
    /* A branch that does not reach or joins flags that are undefined becomes longer or goes. */
    for (unsigned k = count; !sequence_emit(s) && k-- > 0;)
        if (s->items[k].jump)
            s->items[k].off = true;
    /* Without a branch that went, undefined flags may come further: the rest goes from the end. */
    for (unsigned k = count; !sequence_emit(s) && k-- > 0;)
        s->items[k].off = true;
    unsigned spare =
        percent(r, 35) ? PAGE - below(r, MIN(s->len + 1, (unsigned)PAGE - 64)) : below(r, PAGE / 2);
    s->start = CODE_AT + spare;
    sequence_emit(s);
}

#endif
