/*
 * coverage-arm [FILE]
 * coverage-arm --words SET, --rows
 *
 * Writes docs/coverage-arm.md: every encoding that the Arm decoders know, from their own tables
 * (tcg/arm/decode.h), and the features of each processor, so that the page cannot say more than
 * there is. Linked with the library's
 * objects; `make docs-coverage` runs it, tests/checks compares. --words: a few words of each
 * encoding of the set instead, "WORD PART NAME" a line, with the operands' extremes among them:
 * what tests/checks/check-arm-decoder.sh compares with another decoder.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/cpu/arm.h"
#include "core/util/range.h"
#include "tcg/arm/decode.h"

static const char *const feature_names[ARM_FEAT_COUNT] = {[ARM_FEAT_BASE] = "",
#define X(name) [ARM_FEAT_##name] = #name,
                                                          ARM_FEATURES(X)
#undef X
};

/* ---- the page ------------------------------------------------------------------------------- */

static const struct arm_field *field_at(const struct arm_set *set, const struct arm_row *row,
                                        unsigned bit)
{
    for (unsigned k = 0; k < row->field_count; k++) {
        const struct arm_field *f = &set->fields[row->first_field + k];
        if (bit >= f->low && bit < f->low + f->width)
            return f;
    }
    return NULL;
}

/* From the top bit on: fixed bits as they are, fields by name and width. */
static void print_bits(FILE *out, const struct arm_set *set, const struct arm_row *row)
{
    bool space = false;
    for (int bit = 31; bit >= 0; bit--) {
        const struct arm_field *f = field_at(set, row, (unsigned)bit);
        if (row->mask >> bit & 1) {
            fprintf(out, "%s%u", space ? " " : "", row->value >> bit & 1);
            space = false;
        } else if (!f) {
            fprintf(out, "%sx", space ? " " : "");
            space = false;
        } else {
            fprintf(out, "%s%s", bit == 31 ? "" : " ", f->name);
            if (f->width > 1)
                fprintf(out, ":%u", f->width);
            bit = f->low;
            space = true;
        }
    }
}

static void print_section(FILE *out, const struct arm_set *set, const char *section)
{
    fprintf(out,
            "\n## %s: %s\n\n"
            "| encoding | bits | FEAT_ | translated |\n"
            "|----------|------|-------|------------|\n",
            set->name, section);
    for (unsigned n = 0; n < set->row_count; n++) {
        const struct arm_row *row = &set->rows[n];
        if (strcmp(row->section, section) != 0)
            continue;
        fprintf(out, "| %s | `", row->name);
        print_bits(out, set, row);
        fprintf(out, "` | %s | %s |\n", feature_names[row->feature], row->function ? "yes" : "no");
    }
}

/* The section's first row? */
static bool begins(const struct arm_set *set, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        if (!strcmp(set->rows[k].section, set->rows[n].section))
            return false;
    return true;
}

static void print_counts(FILE *out, const struct arm_set *set)
{
    unsigned all = 0, translated = 0;
    for (unsigned n = 0; n < set->row_count; n++) {
        unsigned count = 0, done = 0;
        if (!begins(set, n))
            continue;
        for (unsigned k = n; k < set->row_count; k++) {
            if (strcmp(set->rows[k].section, set->rows[n].section) != 0)
                continue;
            count++;
            done += set->rows[k].function != NULL;
        }
        fprintf(out, "| %s | %s | %u | %u |\n", set->name, set->rows[n].section, count, done);
        all += count;
        translated += done;
    }
    fprintf(out, "| %s | all | %u | %u |\n", set->name, all, translated);
}

static const char intro[] =
    "# Arm instructions that are translated\n"
    "\n"
    "Generated from the decode tables by `make docs-coverage`; do not edit. A row is an encoding "
    "of\n"
    "the Arm Architecture Reference Manual: its bits from 31 on, where a name with a width is a "
    "field\n"
    "and x does not matter. An encoding is UNDEFINED for a guest whose CPU model lacks the "
    "feature\n"
    "(FEAT_ and the name in the third column), and where the last column says no. T32 encodings "
    "of\n"
    "16 bits are the upper half of a word.\n"
    "\n";

/* Features of AArch32 alone are named A32_... . */
static void print_features(FILE *out, const struct arm_cpu_model *model, bool a32)
{
    for (unsigned k = 0; k < ARM_FEAT_COUNT; k++) {
        const bool of_a32 = !strncmp(feature_names[k], "A32_", 4);
        if (*feature_names[k] && of_a32 == a32 && arm_has(model, (enum arm_feature)k))
            fprintf(out, " %s", feature_names[k] + (of_a32 ? 4 : 0));
    }
}

/* What each processor shows, without options. */
static void print_models(FILE *out)
{
    fputs("\n## Processors\n\n"
          "| -cpu | FEAT_ | of AArch32 |\n|------|-------|------------|\n",
          out);
    for (const char *const *name = arm_cpu_model_names(); *name; name++) {
        struct arm_cpu_model model;
        if (!arm_cpu_model_parse(&model, *name, 64, NULL))
            continue;
        fprintf(out, "| %s |", *name);
        print_features(out, &model, false);
        fputs(" |", out);
        print_features(out, &model, true);
        fputs(" |\n", out);
    }
}

static const struct arm_set *const sets[] = {&a64_set, &a32_set, &t32_set};
enum { SET_COUNT = sizeof sets / sizeof sets[0] };

static int write_page(const char *path)
{
    FILE *out = path ? fopen(path, "w") : stdout;
    if (!out) {
        fprintf(stderr, "coverage-arm: cannot write %s: %s\n", path, strerror(errno));
        return 1;
    }
    fputs(intro, out);
    fputs("| set | part | encodings | translated |\n|-----|------|----------:|-----------:|\n",
          out);
    for (unsigned k = 0; k < SET_COUNT; k++)
        print_counts(out, sets[k]);
    print_models(out);
    for (unsigned k = 0; k < SET_COUNT; k++)
        for (unsigned n = 0; n < sets[k]->row_count; n++)
            if (begins(sets[k], n))
                print_section(out, sets[k], sets[k]->rows[n].section);
    if (fflush(out) != 0 || ferror(out) || (path && fclose(out) != 0)) {
        fprintf(stderr, "coverage-arm: writing %s: %s\n", path ? path : "standard output",
                strerror(errno));
        return 1;
    }
    return 0;
}

/* ---- words ---------------------------------------------------------------------------------- */

/* All bits that are in no field. */
static uint32_t outside(const struct arm_set *set, const struct arm_row *row)
{
    uint32_t bits = 0;
    for (unsigned bit = 0; bit < 32; bit++)
        if (!field_at(set, row, bit))
            bits |= UINT32_C(1) << bit;
    return bits;
}

/* The operands' bits of a row's words: extremes, among them those of words whose condition is
 * always, then chance. */
static const uint32_t extremes[] = {0, 0xe0000000, UINT32_MAX, 0xefffffff};
enum { EXTREMES = sizeof extremes / sizeof extremes[0] };

static void print_words(const struct arm_set *set)
{
    uint32_t random = 1;
    for (unsigned n = 0; n < set->row_count; n++) {
        const struct arm_row *row = &set->rows[n];
        /* what does not matter is as assemblers write it: all 1 in A64 */
        const uint32_t ones = set == &a64_set ? outside(set, row) & ~row->mask : row->ones;
        const uint32_t operands = ~(row->mask | outside(set, row));
        uint32_t last = 0;
        unsigned found = 0;
        for (unsigned k = 0; k < 4000 && found < 6; k++) {
            uint32_t fill = k < EXTREMES ? extremes[k] : random;
            uint32_t word = row->value | (fill & operands) | ones;
            random = random * 1664525 + 1013904223;
            random ^= random >> 15;
            if (set->find(word) != n || (k && k < EXTREMES && word == last))
                continue;
            printf("%08x %s %s\n", word, row->section, row->name);
            last = word;
            found++;
        }
        if (!found)
            printf("none %s %s\n", row->section, row->name);
    }
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "--words")) {
        for (unsigned k = 0; k < SET_COUNT; k++)
            if (!strcmp(argv[2], sets[k]->name))
                print_words(sets[k]);
        return fflush(stdout) != 0;
    }
    if (argc > 1 && !strcmp(argv[1], "--rows")) {
        for (unsigned k = 0; k < a64_set.row_count; k++)
            printf("%08x %08x %s %s\n", a64_set.rows[k].mask, a64_set.rows[k].value,
                   a64_set.rows[k].name, a64_set.rows[k].function ? a64_set.rows[k].function : "-");
        return fflush(stdout) != 0;
    }
    return write_page(argc > 1 ? argv[1] : NULL);
}
