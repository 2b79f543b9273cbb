/*
 * Random sequences of A32 or T32 instructions: rows of the decoder's tables with random fields, so
 * that most run to their end. What does not (the interpreter says) is not used.
 */
#ifndef TESTS_ORACLE_ARM_SEQUENCE32_H
#define TESTS_ORACLE_ARM_SEQUENCE32_H

#include <stdbool.h>
#include <string.h>

#include "tests/oracle/arm/rows.h"
#include "tests/oracle/arm/state.h"

enum { ARM32_TRIES = 100, ARM32_STRIDE = 7919 };

struct sequence32 {
    const struct arm_set *set;
    uint64_t random;
    unsigned next_row;
    uint16_t halves[2 * ARM_MAX_WORDS];
    uint32_t count; /* of halves */
};

static inline uint32_t random32(struct sequence32 *s)
{
    return (uint32_t)arm_random(&s->random);
}

/* Of a field whose bits the row fixes nothing changes. */
static inline void set32(const struct sequence32 *s, const struct arm_row *row, uint32_t *word,
                         const char *name, uint32_t v)
{
    const struct arm_field *f = row_field(s->set, row, name);
    if (f && !(row->mask & field_mask(f)))
        row_put(s->set, row, word, name, v);
}

static inline unsigned get32(const struct sequence32 *s, const struct arm_row *row, uint32_t word,
                             const char *name)
{
    return row_get(s->set, row, word, name);
}

/* What leaves, waits, or is not EL0's. */
static inline bool runs32(const struct arm_row *row)
{
    static const char *const left_out[] = {
        "svc",     "t_svc",    "bkpt",     "t_bkpt", "udf",           "hint",    "mcr",
        "mcrr",    "t_mcrr",   "nop",      "b_imm",  "bl_imm",        "blx_imm", "bx",
        "blx_reg", "t_mrrc",   "setend",   "t_b",    "t_ldr_lit",     "t_bl",    "t_blx",
        "t_cbz",   "t_b_cond", "t_b_wide", "t_tbb",  "t_b_cond_wide", "t_it",    NULL};
    return row->function && !one_of(row->function, left_out);
}

static inline bool reserved32(unsigned n)
{
    return (n >= ARM32_REG_MOVING && n <= ARM32_REG_FIXED) || n == 13 || n == 15;
}

static inline bool is_memory32(const struct arm_row *row)
{
    static const char *const parts[] = {"ld", "st", "lda", "stl", NULL};
    const char *f = row->function + (!strncmp(row->function, "t_", 2) ? 2 : 0);
    if (!strncmp(f, "v", 1))
        return strstr(f, "ldst") != NULL;
    for (unsigned k = 0; parts[k]; k++)
        if (!strncmp(f, parts[k], strlen(parts[k])))
            return true;
    return false;
}

/* Make an access one to the data. */
static inline void aim32(struct sequence32 *s, const struct arm_row *row, uint32_t *word)
{
    const uint32_t r = random32(s);
    const bool wback = get32(s, row, *word, "W") == 1 || get32(s, row, *word, "P") == 0;
    const bool aligned =
        strstr(row->function, "ex") || strstr(row->function, "lda") || strstr(row->function, "stl");
    set32(s, row, word, "Rn", aligned ? ARM32_REG_FIXED : r & 1 ? 13 : ARM32_REG_MOVING);
    set32(s, row, word, "Rm", ARM32_REG_INDEX);
    if (strstr(row->name, "lit")) { /* what stands there already */
        set32(s, row, word, "U", 0);
        set32(s, row, word, "imm12", 8 | (r >> 8 & 7));
    }
    set32(s, row, word, "type", 0);
    set32(s, row, word, "imm5", r >> 8 & 3);
    if (wback) {
        set32(s, row, word, "imm12", r >> 8 & 31);
        set32(s, row, word, "imm8", r >> 8 & 15);
        set32(s, row, word, "immH", 0);
    }
}

static inline bool good32(struct sequence32 *s, const struct arm_row *row, uint32_t word)
{
    static const char *const written[] = {"Rd", "RdLo", "RdHi", NULL};
    static const char *const read_too[] = {"Rn", "Rm", "Ra", "Rs", NULL};
    const unsigned rt = get32(s, row, word, "Rt"), rt2 = get32(s, row, word, "Rt2"),
                   list = get32(s, row, word, "list"), rd = get32(s, row, word, "Rd");
    if (!strcmp(row->function, "v_msr")) /* flags alone: vectors of VFP are not what is tested */
        return rt == ARM32_REG_INDEX;
    if (!strcmp(row->function, "v_permute") && /* both results in one register */
        get32(s, row, word, "Vd") == get32(s, row, word, "Vm") &&
        get32(s, row, word, "D") == get32(s, row, word, "M"))
        return false;
    if (!strcmp(row->function, "vldst_multiple") && get32(s, row, word, "imm8") > 32)
        return false;
    const bool high = row_field(s->set, row, "D") && !strncmp(row->function, "t_", 2);
    for (unsigned k = 0; written[k]; k++)
        if (reserved32(get32(s, row, word, written[k])))
            return false;
    if (high && reserved32(get32(s, row, word, "D") << 3 | rd))
        return false;
    if (rt != ~0u &&
        (reserved32(rt) || (rt2 != ~0u && reserved32(rt2)) || (rt2 == ~0u && reserved32(rt + 1))))
        return false;
    if (list != ~0u && (list & 0xa0e0))
        return false;
    if (!is_memory32(row)) /* what reads PC or SP is unpredictable as a rule */
        for (unsigned k = 0; read_too[k]; k++)
            if (get32(s, row, word, read_too[k]) == 15 || get32(s, row, word, read_too[k]) == 13)
                return false;
    /* halves of a product in one register; a status register that is the value or the base's */
    return rd == ~0u || rt == ~0u || (rd != rt && rd != rt2);
}

/* A word of the row as assemblers write it. */
static inline bool fill32(struct sequence32 *s, unsigned n, uint32_t *word)
{
    const struct arm_row *row = &s->set->rows[n];
    uint32_t fields = 0;
    for (unsigned k = 0; k < row->field_count; k++)
        fields |= field_mask(&s->set->fields[row->first_field + k]);
    for (unsigned k = 0; k < ARM32_TRIES; k++) {
        *word = row->value | row->ones | (random32(s) & fields & ~row->mask);
        if (random32(s) & 3)
            set32(s, row, word, "cond", 14);
        if (is_memory32(row))
            aim32(s, row, word);
        if (s->set->find(*word) == n && good32(s, row, *word))
            return true;
    }
    return false;
}

static inline void append32(struct sequence32 *s, bool t32, uint32_t word)
{
    if (!t32) {
        s->halves[s->count++] = (uint16_t)word;
        s->halves[s->count++] = (uint16_t)(word >> 16);
        return;
    }
    s->halves[s->count++] = (uint16_t)(word >> 16);
    if (word >> 27 >= 0x1d)
        s->halves[s->count++] = (uint16_t)word;
}

/* VFP and Advanced SIMD are in A32's tables alone. */
static inline bool in_a32_alone(const struct arm_row *row)
{
    return !strncmp(row->section, "vfp", 3) || !strncmp(row->section, "simd", 4);
}

/* ... their words as T32 has them. */
static inline uint32_t as_t32(uint32_t word)
{
    if (word >> 25 == 0x79)
        return 0xef000000 | (word >> 24 & 1) << 28 | (word & 0xffffff);
    return word >> 24 == 0xf4 ? 0xf9000000 | (word & 0xffffff) : word;
}

static inline bool pick_shared32(struct sequence32 *s, uint32_t *word)
{
    struct sequence32 of = *s;
    bool found = false;
    of.set = &a32_set;
    for (unsigned k = 0; k < of.set->row_count && !found; k++) {
        const unsigned n = random32(&of) % of.set->row_count;
        const struct arm_row *row = &of.set->rows[n];
        found = in_a32_alone(row) && runs32(row) && fill32(&of, n, word);
        if (found && row_field(of.set, row, "cond"))
            *word = (*word & 0x0fffffff) | 0xe0000000;
    }
    s->random = of.random;
    *word = as_t32(*word);
    return found;
}

static inline bool pick32(struct sequence32 *s, uint32_t *word)
{
    if (s->set == &t32_set && random32(s) & 1)
        return pick_shared32(s, word);
    for (unsigned k = 0; k < s->set->row_count; k++) {
        s->next_row = (s->next_row + ARM32_STRIDE) % s->set->row_count;
        if (runs32(&s->set->rows[s->next_row]) && fill32(s, s->next_row, word))
            return true;
    }
    return false;
}

static inline void generate32(struct sequence32 *s, bool t32)
{
    const unsigned length = 3 + random32(s) % 10;
    unsigned in_block = 0;
    s->count = 0;
    for (unsigned k = 0; k < length; k++) {
        uint32_t word;
        const uint32_t r = random32(s);
        if (t32 && !in_block && !(r & 7)) { /* IT */
            append32(s, true, 0xbf000000 | (r >> 12) % 14 << 20 | (1 + (r >> 8) % 15) << 16);
            in_block = 4;
        }
        if (!pick32(s, &word))
            continue;
        if (!in_block && !(r & 0x700)) { /* a branch over it */
            const uint32_t bytes = t32 && word >> 27 < 0x1d ? 2 : 4, cond = r >> 12 & 15;
            if (t32 && cond < 14)
                append32(s, true, (0xd000 | cond << 8 | (bytes - 2) / 2) << 16);
            else if (!t32 && cond < 15)
                append32(s, false, cond << 28 | 0x0a000000);
        }
        append32(s, t32, word);
        in_block -= in_block ? 1 : 0;
    }
    if (t32 && s->count & 1)
        s->halves[s->count++] = 0xbf00; /* NOP */
}

#endif
