/*
 * The SSE4.2 string comparison: SDM vol. 1, the SSE4.2 chapter. An operation of the IR for implicit
 * lengths (PCMPISTRI), and what helpers of the x86 front end use for the other forms.
 */
#include "tcg/interp/vector_string.h"

#include <string.h>

#include "core/util/range.h"

/* The immediate: bit 0 words (else bytes), bit 1 signed, bits 2-3 the aggregation, bits 4-5 the
 * polarity, bit 6 the last index (mask: whole elements). */
enum { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

struct string_pair {
    uint8_t bytes[2][16];
    unsigned count;  /* elements of a register: 16 or 8 */
    unsigned len[2]; /* valid ones */
    bool words, is_signed;
};

static int element(const struct string_pair *s, unsigned which, unsigned n)
{
    const uint8_t *p = s->bytes[which];
    unsigned v = s->words ? p[2 * n] | (unsigned)p[2 * n + 1] << 8 : p[n];
    if (s->is_signed)
        return s->words ? (int16_t)v : (int8_t)v;
    return (int)v;
}

static unsigned explicit_length(uint64_t v, unsigned count)
{
    uint64_t n = (int64_t)v < 0 ? 0 - v : v;
    return (unsigned)MIN(n, (uint64_t)count);
}

static unsigned implicit_length(const struct string_pair *s, unsigned which)
{
    unsigned n = 0;
    while (n < s->count && element(s, which, n))
        n++;
    return n;
}

/* First string: the set or the pairs of bounds; second: what is looked at, element n. */
static bool in_set(const struct string_pair *s, unsigned n, bool ranges)
{
    int v = element(s, 1, n);
    if (n >= s->len[1])
        return false;
    if (!ranges) {
        for (unsigned k = 0; k < s->len[0]; k++)
            if (element(s, 0, k) == v)
                return true;
        return false;
    }
    for (unsigned k = 0; k + 1 < s->len[0]; k += 2)
        if (v >= element(s, 0, k) && v <= element(s, 0, k + 1))
            return true;
    return false;
}

static bool same_at(const struct string_pair *s, unsigned n)
{
    bool valid0 = n < s->len[0], valid1 = n < s->len[1];
    return valid0 && valid1 ? element(s, 0, n) == element(s, 1, n) : valid0 == valid1;
}

/* Does the first string begin at element n of the second? What goes past the register's end counts
 * as found. */
static bool begins_at(const struct string_pair *s, unsigned n)
{
    for (unsigned k = 0; k < s->len[0] && n + k < s->count; k++)
        if (n + k >= s->len[1] || element(s, 0, k) != element(s, 1, n + k))
            return false;
    return true;
}

/* IntRes2: a bit for each element of the second string. */
static unsigned compare_strings(const struct string_pair *s, unsigned imm)
{
    unsigned r = 0, all = (1u << s->count) - 1;
    for (unsigned n = 0; n < s->count; n++) {
        bool yes;
        switch (imm >> 2 & 3) {
        case EQUAL_ANY:
            yes = in_set(s, n, false);
            break;
        case RANGES:
            yes = in_set(s, n, true);
            break;
        case EQUAL_EACH:
            yes = same_at(s, n);
            break;
        default:
            yes = begins_at(s, n);
            break;
        }
        r |= (unsigned)yes << n;
    }
    if (imm & 0x10)
        r ^= imm & 0x20 ? (1u << s->len[1]) - 1 : all;
    return r;
}

unsigned vector_string_compare(const struct x86_vec operand[2], unsigned imm,
                               const uint64_t *lengths, uint32_t *flags, unsigned *count)
{
    struct string_pair s = {.words = imm & 1, .is_signed = imm & 2, .count = imm & 1 ? 8 : 16};
    memcpy(s.bytes, operand, sizeof s.bytes);
    for (unsigned k = 0; k < 2; k++)
        s.len[k] = lengths ? explicit_length(lengths[k], s.count) : implicit_length(&s, k);
    unsigned r = compare_strings(&s, imm);
    *count = s.count;
    *flags = (r ? IR_FL_CF : 0) | (r & 1 ? IR_FL_OF : 0) | (s.len[0] < s.count ? IR_FL_SF : 0) |
             (s.len[1] < s.count ? IR_FL_ZF : 0);
    return r;
}

uint64_t vector_string_index(const struct x86_vec operand[2], unsigned imm, const uint64_t *lengths)
{
    uint32_t flags;
    unsigned count, index, r = vector_string_compare(operand, imm, lengths, &flags, &count);
    if (!r)
        index = count;
    else
        index = imm & 0x40 ? 31u - (unsigned)__builtin_clz(r) : (unsigned)__builtin_ctz(r);
    return index | (uint64_t)flags << 32;
}
