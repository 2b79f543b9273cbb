/*
 * coverage-x86 [FILE]
 *
 * Writes docs/coverage-x86.md: every instruction form the x86 decoder knows, from the decode tables
 * themselves (tcg/x86/decode.h), so that the page cannot say more than there is. Linked with the
 * library's objects; `make docs-coverage` runs it, tests/checks/check-coverage.sh compares.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/cpu/x86.h"
#include "core/util/range.h"
#include "tcg/x86/decode.h"

enum { MAX_FEATURES = 64 };

struct feature {
    uint16_t feature; /* enum x86_row_feature */
    unsigned forms;
};

/* Leaf, subleaf and register of a feature word, in the order of enum x86_feature_word. */
static const char *const words[X86_FEAT_WORDS] = {
    [X86_FEAT_1_EDX] = "01H:EDX",
    [X86_FEAT_1_ECX] = "01H:ECX",
    [X86_FEAT_7_EBX] = "07H.0:EBX",
    [X86_FEAT_7_ECX] = "07H.0:ECX",
    [X86_FEAT_7_EDX] = "07H.0:EDX",
    [X86_FEAT_7_1_EAX] = "07H.1:EAX",
    [X86_FEAT_D_1_EAX] = "0DH.1:EAX",
    [X86_FEAT_8000_0001_EDX] = "80000001H:EDX",
    [X86_FEAT_8000_0001_ECX] = "80000001H:ECX",
    [X86_FEAT_8000_0007_EDX] = "80000007H:EDX",
    [X86_FEAT_8000_0008_EBX] = "80000008H:EBX",
    [X86_FEAT_6_EAX] = "06H:EAX",
};

static unsigned count_features(struct feature *list)
{
    unsigned count = 0;
    for (const struct x86_row_table *const *t = x86_tables; *t; t++) {
        for (unsigned n = 0; n < (*t)->count; n++) {
            uint16_t feature = (*t)->rows[n].feature;
            unsigned k = 0;
            while (k < count && list[k].feature != feature)
                k++;
            if (k == count && count < MAX_FEATURES)
                list[count++] = (struct feature){feature, 0};
            if (k < count)
                list[k].forms++;
        }
    }
    /* By CPUID bit; what needs none comes first. */
    for (unsigned a = 1; a < count; a++) {
        struct feature f = list[a];
        unsigned b = a;
        for (; b && list[b - 1].feature > f.feature; b--)
            list[b] = list[b - 1];
        list[b] = f;
    }
    return count;
}

static const char *title(uint16_t feature)
{
    return feature ? x86_feature_name(feature) : "no feature bit";
}

static void print_features(FILE *out, const struct feature *list, unsigned count)
{
    uint32_t offered[X86_FEAT_WORDS] = {0};
    unsigned forms = 0;

    x86_features_translator(offered);
    fputs("| feature | CPUID bit | offered by the translator | forms |\n"
          "|---------|-----------|---------------------------|------:|\n",
          out);
    for (unsigned n = 0; n < count; n++) {
        uint16_t f = list[n].feature;
        forms += list[n].forms;
        if (!f) {
            fprintf(out, "| %s | | always | %u |\n", title(f), list[n].forms);
            continue;
        }
        unsigned word = (f >> 5) - 1u, bit = f & 31;
        fprintf(out, "| %s | %s[%u] | %s | %u |\n", title(f),
                word < X86_FEAT_WORDS ? words[word] : "?", bit,
                word < X86_FEAT_WORDS && offered[word] >> bit & 1 ? "yes" : "no", list[n].forms);
    }
    fprintf(out, "| all | | | %u |\n", forms);
}

static void print_flags(FILE *out, uint16_t flags)
{
    static const struct {
        uint16_t bit;
        char name;
    } names[] = {{FL_O, 'O'}, {FL_S, 'S'}, {FL_Z, 'Z'}, {FL_A, 'A'},
                 {FL_P, 'P'}, {FL_C, 'C'}, {FL_D, 'D'}};
    fputs("| ", out);
    for (unsigned n = 0; n < ARRAY_SIZE(names); n++)
        if (flags & names[n].bit)
            fputc(names[n].name, out);
    fputc(' ', out);
}

static void print_notes(FILE *out, const struct x86_row *row)
{
    static const struct {
        uint16_t flag;
        const char *text;
    } notes[] = {
        {I_LOCK, "LOCK"},           {I_REP, "REP"},          {I_CPL0, "CPL 0"},
        {I_PROT, "protected mode"}, {I_END, "ends a block"},
    };
    const char *between = "";
    fputs("| ", out);
    for (unsigned n = 0; n < ARRAY_SIZE(notes); n++) {
        if (!(row->flags & notes[n].flag))
            continue;
        fprintf(out, "%s%s", between, notes[n].text);
        between = ", ";
    }
    fputs(" |\n", out);
}

static void print_rows(FILE *out, uint16_t feature)
{
    fprintf(out,
            "\n## %s\n\n"
            "| form | reads | writes | undefined | |\n"
            "|------|-------|--------|-----------|-|\n",
            feature ? title(feature) : "No feature bit");
    for (const struct x86_row_table *const *t = x86_tables; *t; t++) {
        for (unsigned n = 0; n < (*t)->count; n++) {
            const struct x86_row *row = &(*t)->rows[n];
            char text[128];
            if (row->feature != feature)
                continue;
            x86_row_format(row, text, sizeof text);
            fprintf(out, "| `%s` ", text);
            print_flags(out, row->fl_read);
            print_flags(out, row->fl_write);
            print_flags(out, row->fl_undef);
            print_notes(out, row);
        }
    }
}

static const char intro[] =
    "# x86 instructions that are translated\n"
    "\n"
    "Generated from the decode tables by `make docs-coverage`; do not edit. A form is a row: its\n"
    "mandatory prefix, opcode map and opcode, what else selects it (`/n`: ModRM.reg, `reg` and "
    "`mem`:\n"
    "ModRM.mod), the mnemonic (`@` is the condition in the opcode's low bits) and the operands in "
    "the\n"
    "letters of the opcode maps in the Intel SDM, volume 2. A later row of the same opcode wins. "
    "A\n"
    "form is #UD for a guest whose CPU model lacks the feature. The columns name the arithmetic "
    "flags\n"
    "(O S Z A P C) and D that the form reads, writes or leaves undefined.\n"
    "\n";

int main(int argc, char **argv)
{
    struct feature list[MAX_FEATURES];
    unsigned count = count_features(list);
    FILE *out = argc > 1 ? fopen(argv[1], "w") : stdout;

    if (!out) {
        fprintf(stderr, "coverage-x86: cannot write %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    fputs(intro, out);
    print_features(out, list, count);
    for (unsigned n = 0; n < count; n++)
        print_rows(out, list[n].feature);
    if (fflush(out) != 0 || ferror(out) || (argc > 1 && fclose(out) != 0)) {
        fprintf(stderr, "coverage-x86: writing %s: %s\n", argc > 1 ? argv[1] : "standard output",
                strerror(errno));
        return 1;
    }
    return 0;
}
