/*
 * One random user-mode instruction, made from the decode tables.
 *
 * It comes with the moves that give its operands useful addresses and values; both together are an
 * item of a sequence (oracle_sequence.h).
 */
#ifndef TESTS_ORACLE_INSN_H
#define TESTS_ORACLE_INSN_H

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
    uint16_t pointers; /* most operands in memory are off one of these registers, whose values
                          translation does not know; 0: there is none */
    bool vectors;      /* mostly vector instructions, legacy and VEX-encoded mixed */
    unsigned full;     /* of them, after so many vector registers have got new values */
    bool x87;          /* mostly x87 instructions, as a rule such that the stack allows them */
    bool deep;         /* with many registers in use */
    bool quiet;     /* few instructions set flags, which so live on over branches and round loops */
    unsigned depth; /* of that stack */
    bool carries;   /* mostly additions and subtractions that take a carry */
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

/* What other makers' processors do otherwise: the pointers in an x87 environment; which of several
 * NaNs a sum of products is; SHA with an operand across its boundary; F3 90 with REX.B; 0F 0D of a
 * register; the flags of a VCVTPS2PH whose store faults. */
static bool row_differs_by_vendor(const struct x86_row *row)
{
    return (row->fn == tr_x87_env && row->arg == HELPER_ID(fstenv)) || strstr(row->name, "dpp") ||
           strncmp(row->name, "sha", 3) == 0 || strcmp(row->name, "pause") == 0 ||
           (row->map == MAP_0F && row->op == 0x0d) || strcmp(row->name, "vcvtps2ph") == 0;
}

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
    if (!host_is_intel() && row_differs_by_vendor(row))
        return false;
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

static unsigned free_reg(struct maker *m, unsigned avoid)
{
    unsigned reg;
    do
        reg = below(m->r, 16);
    while (reg == X86_RSP || reg == avoid || (m->pointers >> reg & 1));
    return reg;
}

static unsigned pointer_reg(struct maker *m)
{
    unsigned reg;
    do
        reg = 12 + below(m->r, 4);
    while (!(m->pointers >> reg & 1));
    return reg;
}

/* A field of what a pointer points to. */
static struct form field_form(struct maker *m, unsigned align)
{
    const unsigned reg = pointer_reg(m);
    struct form f = {.rex = 1, .has_sib = reg == 12, .a32 = percent(m->r, 8)};
    int32_t disp = (int32_t)below(m->r, percent(m->r, 80) ? 160 : 600) - 48;
    if (percent(m->r, 85))
        disp &= -(int32_t)align;
    f.disp = (uint32_t)disp;
    f.disp_size = disp == (int8_t)disp ? 1 : 4;
    f.modrm = (uint8_t)((f.disp_size == 1 ? 0x40 : 0x80) | (reg & 7));
    f.sib = 0x24;
    return f;
}

static struct form address_form(struct maker *m, struct item *pre, uint32_t address)
{
    struct random *r = m->r;
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
            const unsigned x = free_reg(m, X86_NO_REG), scale = below(r, 4), v = below(r, 64);
            put_mov(pre, x, v);
            f.rex = (uint8_t)((x >> 3) << 1);
            f.sib = (uint8_t)(scale << 6 | (x & 7) << 3 | 5);
            f.disp = target - (v << scale);
        }
        return f;
    }
    bool index = how >= 65;
    unsigned base = free_reg(m, X86_NO_REG), x = free_reg(m, base), scale = below(r, 4);
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

/* Is the register an operand, which it may write? */
static bool names_gpr(const struct x86_insn *d, unsigned reg)
{
    if (d->row->check >= CHECK_MMX || d->row->check == CHECK_X87)
        return false;
    for (unsigned k = 0; k < 2; k++)
        switch (d->row->ops[k]) {
        case OP_Gb:
        case OP_Gw:
        case OP_Gd:
        case OP_Gv:
        case OP_Gy:
            if (d->reg == reg)
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
            if (!d->mem && d->rm == reg)
                return true;
            break;
        case OP_By:
            if (d->vvvv == reg)
                return true;
            break;
        case OP_Zb:
        case OP_Zv:
            if (d->opreg == reg)
                return true;
            break;
        default:
            break;
        }
    return false;
}

/* A vector of indices that stay within the data: faults of a gather are not compared, since where
 * it stops is not. */
static struct form gather_form(struct maker *m, struct item *pre, const struct x86_row *row,
                               unsigned vexl)
{
    struct random *r = m->r;
    unsigned base = free_reg(m, X86_NO_REG), x = below(r, 16), bits = row->arg ? 64 : 32;
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

/* An x87 store whose invalid operation is unmasked stores nothing. Intel's processors do not look
 * at the address then; others' fault. */
static bool must_not_fault(const struct x86_row *row)
{
    return row->fn == tr_x87_store && !host_is_intel();
}

/* Rows whose memory operands must be at certain addresses. */
static bool field_fits(const struct x86_row *row)
{
    return row->fn != tr_ldmxcsr && row->fn != tr_fldcw && row->fn != tr_avx_maskload &&
           row->fn != tr_avx_maskstore && !must_not_fault(row);
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
    if (row->fn == tr_avx_maskload || row->fn == tr_avx_maskstore || must_not_fault(row))
        /* no fault: which of an element's bytes it reports is the processor's own affair */
        address = DATA_AT + below(r, DATA_RO * PAGE - 32);
    if (row->fn == tr_ldmxcsr)
        address = CONTROLS_AT + 4 * below(r, CONTROLS);
    if (row->fn == tr_fldcw && percent(r, 95))
        address = CONTROLS_AT + 4 * (CONTROLS + below(r, CONTROLS));
    struct form f = {0};
    if (mem) {
        if (row->fn == tr_avx_gather)
            f = gather_form(m, &pre, row, vexl);
        else if (m->pointers && size != 10 && field_fits(row) && percent(r, 70))
            f = field_form(m, align);
        else
            f = address_form(m, &pre, address);
        /* No register takes part, which may have become something else by then. */
        if (must_not_fault(row) && (f.gs || !(f.rip || (f.has_sib && f.sib == 0x25))))
            return false;
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
    if (!host_is_intel() && (row->fn == tr_shld || row->fn == tr_shrd) && row->ops[2] == OP_CL &&
        d.opsize == IR_W16 && d.mem && (d.base == X86_RCX || d.index == X86_RCX))
        return false; /* the count is part of an address: beyond 16 the result is undefined */
    if (row->fn != tr_push && names_gpr(&d, X86_RSP) && !percent(r, 4))
        return false;
    for (unsigned k = 12; k < 16; k++)
        if ((m->pointers >> k & 1) && names_gpr(&d, k) && !percent(r, 2))
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

#endif
