/*
 * Random sequences of A64 instructions that run to their end: rows of the decoder's tables with
 * random fields, where loads and stores stay within the data, branches go forward and loops count.
 */
#ifndef TESTS_ORACLE_ARM_SEQUENCE_H
#define TESTS_ORACLE_ARM_SEQUENCE_H

#include <stdbool.h>
#include <string.h>

#include "tests/oracle/arm/rows.h"
#include "tests/oracle/arm/state.h"

enum { FILL_TRIES = 200 };

struct sequence {
    uint64_t random;
    unsigned next_row; /* rows take turns */
    uint32_t words[ARM_MAX_WORDS];
    uint32_t count;
    unsigned over;       /* words to come that a branch skips */
    const char *section; /* of the tables, NULL: all */
    bool recorded;       /* leave out what the implementations that record may not have */
};

static unsigned get_field(const struct arm_row *row, uint32_t word, const char *name)
{
    return row_get(&a64_set, row, word, name);
}

static void set_field(const struct arm_row *row, uint32_t *word, const char *name, uint32_t v)
{
    row_put(&a64_set, row, word, name, v);
}

/* System state, other exception levels, keys that differ from run to run, and what leaves. */
static bool row_is_run(const struct arm_row *row)
{
    static const char *const left_out[] = {"svc",      "hvc",        "smc",         "brk",
                                           "hlt",      "udf",        "eret",        "eret_auth",
                                           "wfe",      "wfi",        "wfet",        "wfit",
                                           "sev",      "sevl",       "msr_reg",     "mrs",
                                           "sys",      "sysl",       "msr_imm",     "b",
                                           "bl",       "b_cond",     "cbz",         "tbz",
                                           "br",       "blr",        "ret",         "br_auth",
                                           "blr_auth", "ret_auth",   "br_auth_mod", "blr_auth_mod",
                                           "pauth",    "pauth_zero", "pauth_1716",  "pauth_lr",
                                           "xpac",     "xpaclri",    "pacga",       "ldra",
                                           "esb",      NULL};
    return row->function && !one_of(row->function, left_out);
}

/*
 * What an implementation that records may not have, or has wrong: QEMU 7.2 leaves a sign above the
 * halfword of FCVTZS Hd, Hn, #fbits, and takes a denormal that FZ flushes for a number that FJCVTZS
 * converts exactly.
 */
static bool row_may_be_recorded(const struct arm_row *row)
{
    static const char *const left_out[] = {"fp_s_fixed", "fp_jcvt", NULL};
    return row->feature != ARM_FEAT_CSSC && row->feature != ARM_FEAT_HBC &&
           !one_of(row->function, left_out);
}

static bool reserved_register(unsigned n)
{
    return n >= ARM_REG_COUNT && n <= ARM_REG_MOVING;
}

/* What is constrained unpredictable or undefined by its registers, and what would change registers
 * that have a purpose. */
static bool registers_are_good(const struct arm_row *row, uint32_t word)
{
    const unsigned rd = get_field(row, word, "Rd"), rt = get_field(row, word, "Rt"),
                   rt2 = get_field(row, word, "Rt2"), rs = get_field(row, word, "Rs"),
                   rn = get_field(row, word, "Rn");
    if (reserved_register(rd) || reserved_register(rt) || reserved_register(rt2) ||
        reserved_register(rs) || (rt == rt2 && row_field(&a64_set, row, "Rt2")))
        return false;
    if (!strncmp(row->function, "casp", 4) && (((rs | rt) & 1) || rs == 24 || rt == 24))
        return false; /* ... the register behind it */
    if (!strncmp(row->function, "stx", 3) && (rs == rt || rs == rt2 || rs == rn))
        return false;
    return true;
}

static bool is_memory(const struct arm_row *row)
{
    return !strncmp(row->section, "memory", 6) || strstr(row->section, "_memory");
}

/* Make an access one to the data. */
static void aim(struct sequence *s, const struct arm_row *row, uint32_t *word)
{
    static const char *const must_be_aligned[] = {"ldxr", "stxr",         "ldxp",   "stxp",
                                                  "cas",  "casp",         "atomic", "ldar",
                                                  "stlr", "ldst_ordered", NULL};
    const bool aligned = one_of(row->function, must_be_aligned);
    const uint32_t r = (uint32_t)arm_random(&s->random);
    set_field(row, word, "Rn", aligned ? ARM_REG_FIXED : ARM_REG_MOVING);
    set_field(row, word, "imm9", aligned ? (r & 15) << 4 : r % 127 - 63);
    set_field(row, word, "imm7", r % 15 - 7);
    set_field(row, word, "imm12", r & 31);
    if (!strstr(row->function, "post") || r & 1)
        set_field(row, word, "Rm", ARM_REG_INDEX);
    else
        set_field(row, word, "Rm", 31);
    if (s->count >= 4) /* words that are there already */
        set_field(row, word, "imm19", 0u - 4 - r % (s->count - 3));
}

/* A word of the row; false: none was found. */
static bool fill(struct sequence *s, unsigned n, uint32_t *word)
{
    const struct arm_row *row = &a64_set.rows[n];
    for (unsigned k = 0; k < FILL_TRIES; k++) {
        *word = row->value | ((uint32_t)arm_random(&s->random) & ~row->mask);
        /* what does not matter is as assemblers write it */
        for (unsigned bit = 0; bit < 32; bit++) {
            bool in_field = false;
            for (unsigned f = 0; f < row->field_count; f++) {
                const struct arm_field *d = &a64_set.fields[row->first_field + f];
                in_field |= bit >= d->low && bit < (unsigned)d->low + d->width;
            }
            if (!in_field && !(row->mask >> bit & 1))
                *word |= 1u << bit;
        }
        if (is_memory(row))
            aim(s, row, word);
        if (a64_set.find(*word) == n && registers_are_good(row, *word))
            return true;
    }
    return false;
}

/* An exclusive store to where the load at the end of the sequence read from, of the same size: what
 * others do is unpredictable. */
static void add_exclusive_store(struct sequence *s)
{
    const uint32_t load = s->words[s->count - 1];
    const unsigned rt = 8 + (arm_random(&s->random) & 7), rs = arm_random(&s->random) & 7;
    /* L is bit 22, Rs 20:16, Rt 4:0; Rt2 stays, which may be Rs */
    if ((load >> 10 & 31) != rs)
        s->words[s->count++] = (load & ~0x005f001fu) | rs << 16 | rt;
}

enum { STRIDE = 7919 }; /* a prime: neighbours in the tables do not meet */

static void add_row(struct sequence *s)
{
    static const char *const stores[] = {"stxr", "stxp", NULL}, *const loads[] = {"ldxr", "ldxp",
                                                                                  NULL};
    for (unsigned k = 0; k < a64_set.row_count; k++) {
        s->next_row += s->section ? (unsigned)arm_random(&s->random) : (unsigned)STRIDE;
        s->next_row %= a64_set.row_count;
        const struct arm_row *row = &a64_set.rows[s->next_row];
        uint32_t word;
        if (!row_is_run(row) || (s->section && strcmp(row->section, s->section)) ||
            (s->recorded && !row_may_be_recorded(row)) || one_of(row->function, stores) ||
            (strstr(row->function, "_lit") && s->count < 4) ||
            (one_of(row->function, loads) && s->over)) /* its store would go without it */
            continue;
        if (fill(s, s->next_row, &word)) {
            s->words[s->count++] = word;
            if (one_of(row->function, loads))
                add_exclusive_store(s);
        }
        return;
    }
}

/* A branch over `skip` words. */
static uint32_t branch(struct sequence *s, unsigned skip)
{
    const uint32_t r = (uint32_t)arm_random(&s->random), to = skip + 1, reg = r >> 8 & 15;
    switch (r & 7) {
    case 0:
        return 0x14000000 | to; /* B */
    case 1:
        return 0x34000000 | (r & 0x81000000) | to << 5 | reg; /* CBZ, CBNZ */
    case 2:
        return 0x36000000 | (r & 0x81f80000) | to << 5 | reg; /* TBZ, TBNZ */
    default:
        return 0x54000000 | to << 5 | (r >> 12 & 15); /* B.cond */
    }
}

static inline void generate(struct sequence *s)
{
    const uint32_t r = (uint32_t)arm_random(&s->random);
    const unsigned length = 4 + (r & 15), loops = r >> 8 & 3 ? 0 : 2 + (r >> 12 & 7);
    unsigned top = 0;
    s->count = s->over = 0;
    if (loops) {
        s->words[s->count++] = 0xd2800000 | loops << 5 | ARM_REG_COUNT; /* MOVZ */
        top = s->count;
    }
    while (s->count < length) {
        const uint32_t at = s->count;
        if (!s->over && at + 5 < length && !(arm_random(&s->random) & 3)) {
            s->over = 1 + arm_random(&s->random) % 3;
            s->words[s->count++] = branch(s, s->over);
            continue;
        }
        add_row(s);
        s->over -= s->over ? 1 : 0;
        if (s->count == at)
            s->words[s->count++] = 0xd503201f; /* NOP */
    }
    if (loops) {
        s->words[s->count++] = 0xd1000400 | ARM_REG_COUNT << 5 | ARM_REG_COUNT; /* SUB 1 */
        uint32_t back = top - s->count;
        s->words[s->count++] = 0xb5000000 | (back & 0x7ffff) << 5 | ARM_REG_COUNT; /* CBNZ */
    }
}

#endif
