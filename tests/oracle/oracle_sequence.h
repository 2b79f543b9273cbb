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

#include "tests/oracle/oracle_insn.h"

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
    unsigned to = n + 1 + below(r, percent(r, 70) ? 3 : 8), reg = free_reg(m, X86_NO_REG);
    bool near = to <= n + 3;
    to = MIN(to, count);
    switch (below(r, m->quiet ? 22 : 14)) {
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
        if (m->quiet) /* often to where others lead back to, too */
            back += (n + 4 - back % 4) % 4;
        put8(i, 0x83);
        put8(i, 0x2c);
        put8(i, 0x25);
        put32(i, CTRL_AT + 4 * m->counter++);
        put8(i, 1);
        if (percent(r, m->quiet ? 80 : 50)) { /* jle over; add, sub or cmp reg,reg; jmp back: flags
                                 that only registers tell go round the loop */
            static const uint8_t ops[] = {0x01, 0x29, 0x39};
            unsigned a = free_reg(m, X86_NO_REG), b = free_reg(m, X86_NO_REG);
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

static bool row_carries(const struct x86_row *row)
{
    return row->fn == tr_adx || row->fn == tr_mulx || row->fn == tr_inc || row->fn == tr_dec ||
           (row->fn == tr_alu && (row->arg == ALU_ADC || row->arg == ALU_SBB));
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
        if (m->quiet && (row->fl_write || row->fl_undef) && !percent(m->r, 3))
            continue;
        if (m->carries && !row_carries(row) && percent(m->r, 90))
            continue;
        if (m->x87 && row->check == CHECK_X87)
            return row;
        if (m->x87 && percent(m->r, 85))
            continue;
        if (!m->vectors && (row->check != CHECK_NONE || row->fn == tr_nop) && percent(m->r, 55))
            continue; /* more of the integer instructions */
        if (common && !row_common(row))
            continue;
        if (row_ends(row) && !percent(m->r, 14))
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

/* A pointer goes on: lea reg,[reg + disp8] */
static void make_step(struct maker *m, struct item *i)
{
    unsigned reg = pointer_reg(m);
    put8(i, 0x4d);
    put8(i, 0x8d);
    put8(i, 0x40 | (reg & 7) << 3 | (reg & 7));
    if (reg == 12)
        put8(i, 0x24);
    put8(i, below(m->r, 256) & (percent(m->r, 70) ? 0xe0 : 0xff));
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
        branches = percent(r, 50);
    }
    m->pointers = percent(r, 35) ? (uint16_t)(1u << 12 << below(r, 4)) : 0;
    if (m->pointers && percent(r, 40))
        m->pointers |= (uint16_t)(below(r, 16) << 12);
    m->x87 = !m->vectors && percent(r, 18);
    m->deep = percent(r, 30);
    m->quiet = branches && percent(r, 20);
    m->carries = !m->vectors && !m->x87 && count % 8 == 1;
    for (unsigned k = 0; k < 3; k++)
        m->focus[k] = (uint8_t)free_reg(m, X86_NO_REG);
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
        else if (m->pointers && percent(r, 4))
            make_step(m, &i);
        else if (m->quiet && percent(r, 12))
            make_definer(r, &i);
        else if (branches && percent(r, m->x87 ? 6 : m->quiet ? 20 : 12))
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
