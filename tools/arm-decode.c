/*
 * arm-decode SET CONTEXT OUT FILE.def... [OTHER: FILE.def...]
 *
 * Makes OUT.h and OUT.c of tables of instruction encodings: struct SET_insn with every field, the
 * rows, and a decision tree over the words' bits. tcg/arm/decode.h has the form of the tables. The
 * files behind "OTHER:" are another set, OTHER, whose functions are the first one's.
 * Runs on the machine that builds.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ROWS = 4096,
    MAX_FIELDS = 12, /* of a row */
    MAX_NAMES = 256, /* of fields */
    MAX_RULES = 8,
    MAX_NODES = 16384,
    MAX_LEAVES = 32768,
    MAX_SETS = 2,
    NAME = 64,
};

struct field {
    char name[NAME];
    unsigned low, width;
    bool is_signed;
};

struct rule {
    unsigned field; /* of the row */
    char op[3];
    uint32_t value;
};

struct row {
    char name[NAME], function[NAME], feature[NAME], section[NAME];
    const char *file;
    unsigned line;
    uint32_t mask, value, ones;
    struct field fields[MAX_FIELDS];
    unsigned field_count;
    struct rule rules[MAX_RULES];
    unsigned rule_count;
    int order;
    unsigned set; /* in table.sets */
};

struct name {
    char name[NAME];
    unsigned width;
    bool is_signed;
};

static struct table {
    struct row rows[MAX_ROWS];
    unsigned row_count;
    struct name names[MAX_NAMES];
    unsigned name_count;
    struct {
        unsigned bit;
        int child[2]; /* a node; negative: ~index of a leaf */
    } nodes[MAX_NODES];
    unsigned node_count;
    uint16_t leaves[MAX_LEAVES]; /* rows + 1, 0 at the end of each leaf */
    unsigned leaf_count;
    struct {
        const char *name;
        unsigned first_row, row_count;
        int root;
    } sets[MAX_SETS];
    unsigned set_count;
} t;

static void fail(const char *file, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));
static void fail(const char *file, unsigned line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s:%u: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

/* ---- reading ------------------------------------------------------------------------------- */

static void set_name(char *to, const char *from, size_t len, const struct row *r)
{
    if (!len || len >= NAME)
        fail(r->file, r->line, "a name of %zu characters; 1 to %d are allowed", len, NAME - 1);
    memcpy(to, from, len);
    to[len] = 0;
}

static void note_name(const struct field *f, const struct row *r)
{
    unsigned k = 0;
    while (k < t.name_count && strcmp(t.names[k].name, f->name))
        k++;
    if (k == MAX_NAMES)
        fail(r->file, r->line, "more than %d names of fields", MAX_NAMES);
    if (k == t.name_count) {
        strcpy(t.names[t.name_count].name, f->name);
        t.names[t.name_count++].is_signed = f->is_signed;
    }
    if (t.names[k].is_signed != f->is_signed)
        fail(r->file, r->line, "field %s is signed here or there, not both", f->name);
    if (t.names[k].width < f->width)
        t.names[k].width = f->width;
}

static void add_fixed(struct row *r, const char *bits, unsigned low)
{
    unsigned n = (unsigned)strlen(bits);
    for (unsigned k = 0; k < n; k++) {
        uint32_t bit = UINT32_C(1) << (low + n - 1 - k);
        if (bits[k] == 'X')
            r->ones |= bit;
        if (bits[k] == 'x' || bits[k] == 'X')
            continue;
        if (bits[k] != '0' && bits[k] != '1')
            fail(r->file, r->line, "\"%s\": bits are 0, 1, x or X", bits);
        r->mask |= bit;
        if (bits[k] == '1')
            r->value |= bit;
    }
}

/* One part of the bit string; *left bits of the word are still to come. */
static void add_part(struct row *r, const char *part, unsigned *left)
{
    const char *colon = strchr(part, ':'), *equals = strchr(part, '=');
    bool fixed = !colon && !equals &&
                 (isdigit((unsigned char)*part) || strspn(part, "01xX") == strlen(part));
    struct field f = {.width = 1};
    if (fixed) {
        f.width = (unsigned)strlen(part);
    } else if (equals) {
        f.width = (unsigned)strlen(equals + 1);
        set_name(f.name, part, (size_t)(equals - part), r);
    } else if (colon) {
        set_name(f.name, part, (size_t)(colon - part), r);
        f.is_signed = colon[1] == 's';
        f.width = (unsigned)strtoul(colon + 1 + f.is_signed, NULL, 10);
    } else {
        set_name(f.name, part, strlen(part), r);
    }
    if (!f.width || f.width > *left)
        fail(r->file, r->line, "\"%s\": %u bits, %u are left", part, f.width, *left);
    *left -= f.width;
    f.low = *left;
    if (fixed || equals)
        add_fixed(r, fixed ? part : equals + 1, f.low);
    if (fixed)
        return;
    if (r->field_count == MAX_FIELDS)
        fail(r->file, r->line, "more than %d fields", MAX_FIELDS);
    for (unsigned k = 0; k < r->field_count; k++)
        if (!strcmp(r->fields[k].name, f.name))
            fail(r->file, r->line, "field %s twice", f.name);
    r->fields[r->field_count++] = f;
    note_name(&f, r);
}

static void add_rule(struct row *r, const char *text)
{
    if (!strcmp(text, "first") || !strcmp(text, "last")) {
        r->order = *text == 'f' ? -1 : 1;
        return;
    }
    size_t len = strcspn(text, "=!<>&");
    size_t op = strspn(text + len, "=!<>&");
    struct rule *rule = &r->rules[r->rule_count];
    if (r->rule_count++ == MAX_RULES || !op || op > 2)
        fail(r->file, r->line, "constraint \"%s\" is not FIELD== != < > & NUMBER", text);
    memcpy(rule->op, text + len, op);
    rule->value = (uint32_t)strtoul(text + len + op, NULL, 0);
    for (rule->field = 0; rule->field < r->field_count; rule->field++)
        if (strlen(r->fields[rule->field].name) == len &&
            !memcmp(r->fields[rule->field].name, text, len))
            return;
    fail(r->file, r->line, "constraint \"%s\" names no field of the row", text);
}

static void read_row(struct row *r, char *text)
{
    char *column[4] = {text}, *save;
    unsigned n = 1, left = 32;
    for (char *p = text; *p; p++) {
        if (*p == '|' && n < 4) {
            *p = 0;
            column[n++] = p + 1;
        }
    }
    if (n < 3)
        fail(r->file, r->line, "NAME bits | FEATURE | function | constraints are wanted");
    char *token = strtok_r(column[0], " \t", &save);
    set_name(r->name, token, strlen(token), r);
    while ((token = strtok_r(NULL, " \t", &save)))
        add_part(r, token, &left);
    if (left)
        fail(r->file, r->line, "%s: %u bits are missing", r->name, left);
    if (!(token = strtok_r(column[1], " \t", &save)))
        fail(r->file, r->line, "%s: no feature", r->name);
    set_name(r->feature, token, strlen(token), r);
    if (!(token = strtok_r(column[2], " \t", &save)))
        fail(r->file, r->line, "%s: no function", r->name);
    set_name(r->function, token, strlen(token), r);
    for (token = n > 3 ? strtok_r(column[3], " \t", &save) : NULL; token;
         token = strtok_r(NULL, " \t", &save))
        add_rule(r, token);
}

static void read_file(const char *path)
{
    FILE *in = fopen(path, "r");
    char text[512];
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    if (!in)
        fail(path, 0, "%s", strerror(errno));
    for (unsigned line = 1; fgets(text, sizeof text, in); line++) {
        text[strcspn(text, "\n")] = 0;
        if (text[strspn(text, " \t")] == 0 || *text == '#')
            continue;
        if (t.row_count == MAX_ROWS)
            fail(path, line, "more than %d rows", MAX_ROWS);
        struct row *r = &t.rows[t.row_count++];
        r->file = path;
        r->line = line;
        r->set = t.set_count - 1;
        set_name(r->section, base, strcspn(base, "."), r);
        read_row(r, text);
    }
    fclose(in);
}

/* ---- overlaps ------------------------------------------------------------------------------ */

static uint32_t field_mask(const struct field *f)
{
    return (f->width == 32 ? UINT32_MAX : (UINT32_C(1) << f->width) - 1) << f->low;
}

static bool allowed(const struct row *r, uint32_t word)
{
    for (unsigned k = 0; k < r->rule_count; k++) {
        const struct rule *rule = &r->rules[k];
        const struct field *f = &r->fields[rule->field];
        uint32_t v = (word & field_mask(f)) >> f->low;
        bool ok = !strcmp(rule->op, "==")   ? v == rule->value
                  : !strcmp(rule->op, "!=") ? v != rule->value
                  : !strcmp(rule->op, "<")  ? v < rule->value
                  : !strcmp(rule->op, ">")  ? v > rule->value
                                            : (v & rule->value) != 0;
        if (!ok)
            return false;
    }
    return true;
}

static uint32_t rule_bits(const struct row *r)
{
    uint32_t bits = 0;
    for (unsigned k = 0; k < r->rule_count; k++)
        bits |= field_mask(&r->fields[r->rules[k].field]);
    return bits;
}

/* A word that both rows take, by trying every value of the bits that their constraints look at. */
static bool overlap(const struct row *a, const struct row *b, uint32_t *word)
{
    if ((a->value ^ b->value) & a->mask & b->mask)
        return false;
    uint32_t fixed = a->value | b->value,
             vary = (rule_bits(a) | rule_bits(b)) & ~(a->mask | b->mask);
    for (uint32_t v = 0;; v = (v - vary) & vary) {
        *word = fixed | v;
        if (allowed(a, *word) && allowed(b, *word))
            return true;
        if (v == vary)
            return false;
    }
}

static void check_rows(void)
{
    for (unsigned i = 0; i < t.row_count; i++) {
        for (unsigned k = 0; k < i; k++) {
            const struct row *a = &t.rows[k], *b = &t.rows[i];
            uint32_t word;
            if (a->set == b->set && !strcmp(a->name, b->name))
                fail(b->file, b->line, "%s stands at %s:%u as well", b->name, a->file, a->line);
            if (a->set == b->set && a->order == b->order && overlap(a, b, &word))
                fail(b->file, b->line, "%s and %s both take 0x%08x", b->name, a->name, word);
        }
    }
}

/* ---- the decision tree --------------------------------------------------------------------- */

static int by_order(const void *a, const void *b)
{
    const uint16_t *x = a, *y = b;
    int d = t.rows[*x].order - t.rows[*y].order;
    return d ? d : (int)*x - (int)*y;
}

static int add_leaf(uint16_t *rows, unsigned count)
{
    unsigned at = t.leaf_count;
    if (at + count + 1 > MAX_LEAVES)
        fail("arm-decode", 0, "more than %d leaves", MAX_LEAVES);
    qsort(rows, count, sizeof *rows, by_order);
    for (unsigned k = 0; k < count; k++)
        t.leaves[t.leaf_count++] = (uint16_t)(rows[k] + 1);
    t.leaves[t.leaf_count++] = 0;
    return ~(int)at;
}

/* The bit that leaves the fewest rows on its worse side; 32: none leaves fewer. */
static unsigned best_bit(const uint16_t *rows, unsigned count)
{
    unsigned best = 32, least = count, least_both = 2 * count;
    for (unsigned bit = 0; bit < 32; bit++) {
        unsigned side[2] = {0, 0};
        for (unsigned k = 0; k < count; k++) {
            const struct row *r = &t.rows[rows[k]];
            bool fixed = r->mask >> bit & 1;
            side[0] += !fixed || !(r->value >> bit & 1);
            side[1] += !fixed || r->value >> bit & 1;
        }
        unsigned worse = side[0] > side[1] ? side[0] : side[1], both = side[0] + side[1];
        if (worse < least || (worse == least && worse < count && both < least_both)) {
            best = bit;
            least = worse;
            least_both = both;
        }
    }
    return best;
}

static int add_node(uint16_t *rows, unsigned count)
{
    unsigned bit = count > 1 ? best_bit(rows, count) : 32;
    if (bit == 32)
        return add_leaf(rows, count);
    if (t.node_count == MAX_NODES)
        fail("arm-decode", 0, "more than %d nodes", MAX_NODES);
    unsigned node = t.node_count++;
    uint16_t *part = malloc(count * sizeof *part);
    if (!part)
        fail("arm-decode", 0, "no memory");
    t.nodes[node].bit = bit;
    for (unsigned side = 0; side < 2; side++) {
        unsigned n = 0;
        for (unsigned k = 0; k < count; k++) {
            const struct row *r = &t.rows[rows[k]];
            if (!(r->mask >> bit & 1) || (r->value >> bit & 1) == side)
                part[n++] = rows[k];
        }
        t.nodes[node].child[side] = add_node(part, n);
    }
    free(part);
    return (int)node;
}

/* ---- writing ------------------------------------------------------------------------------- */

static const char *type_of(const struct name *n)
{
    if (n->is_signed)
        return "int32_t";
    return n->width <= 8 ? "uint8_t" : n->width <= 16 ? "uint16_t" : "uint32_t";
}

static void print_upper(FILE *out, const char *s)
{
    for (; *s; s++)
        fputc(toupper((unsigned char)*s), out);
}

static bool has_function(const struct row *r)
{
    return strcmp(r->function, "-") != 0;
}

/* Is the row the first with its function? */
static bool first_user(unsigned row)
{
    for (unsigned k = 0; k < row; k++)
        if (!strcmp(t.rows[k].function, t.rows[row].function))
            return false;
    return has_function(&t.rows[row]);
}

static void write_header(FILE *out, const char *set, const char *context)
{
    fprintf(out,
            "/* Made by tools/arm-decode. */\n#pragma once\n#include <stdbool.h>\n"
            "#include <stdint.h>\nstruct %s_trans;\nstruct %s_insn {\n"
            "    uint32_t word;\n    uint16_t row; /* of %s_set.rows */\n",
            context, set, set);
    for (unsigned k = 0; k < t.name_count; k++)
        fprintf(out, "    %s %s;\n", type_of(&t.names[k]), t.names[k].name);
    fprintf(out, "};\nenum %s_row {\n", set);
    for (unsigned k = 0; k < t.row_count; k++) {
        fprintf(out, "    ");
        print_upper(out, t.sets[t.rows[k].set].name);
        fprintf(out, "_%s,\n", t.rows[k].name);
    }
    fprintf(out, "};\n");
    for (unsigned k = 0; k < t.set_count; k++)
        fprintf(out, "bool %s_decode(uint32_t word, struct %s_insn *i);\n", t.sets[k].name, set);
    fprintf(out, "bool %s_call(struct %s_trans *x, const struct %s_insn *i);\n", set, context, set);
    for (unsigned k = 0; k < t.row_count; k++)
        if (first_user(k))
            fprintf(out, "bool %s_%s(struct %s_trans *x, const struct %s_insn *i);\n", set,
                    t.rows[k].function, context, set);
}

static void write_rows(FILE *out)
{
    unsigned at = 0;
    fprintf(out, "static const struct arm_field fields[] = {\n");
    for (unsigned k = 0; k < t.row_count; k++)
        for (unsigned n = 0; n < t.rows[k].field_count; n++) {
            const struct field *f = &t.rows[k].fields[n];
            fprintf(out, "    {\"%s\", %u, %u, %d},\n", f->name, f->low, f->width, f->is_signed);
        }
    fprintf(out, "    {0}};\nstatic const struct arm_row rows[] = {\n");
    for (unsigned k = 0; k < t.row_count; k++) {
        const struct row *r = &t.rows[k];
        fprintf(out, "    {\"%s\", %s%s%s, \"%s\", 0x%08x, 0x%08x, 0x%08x, ARM_FEAT_%s, %u, %u},\n",
                r->name, has_function(r) ? "\"" : "", has_function(r) ? r->function : "NULL",
                has_function(r) ? "\"" : "", r->section, r->mask, r->value, r->ones, r->feature, at,
                r->field_count);
        at += r->field_count;
    }
    fprintf(out, "};\n");
    for (unsigned k = 0; k < t.set_count; k++)
        fprintf(out,
                "static unsigned find_%s(uint32_t word);\nconst struct arm_set %s_set = "
                "{\"%s\", rows + %u, fields, %u, find_%s};\n",
                t.sets[k].name, t.sets[k].name, t.sets[k].name, t.sets[k].first_row,
                t.sets[k].row_count, t.sets[k].name);
}

static void write_allowed(FILE *out)
{
    fprintf(out, "static bool allowed(unsigned row, uint32_t w)\n{\n    switch (row) {\n");
    for (unsigned k = 0; k < t.row_count; k++) {
        const struct row *r = &t.rows[k];
        if (!r->rule_count)
            continue;
        fprintf(out, "    case %u:\n        return ", k);
        for (unsigned n = 0; n < r->rule_count; n++) {
            const struct field *f = &r->fields[r->rules[n].field];
            fprintf(out, "%s((w >> %u & 0x%x) %s 0x%x)", n ? " && " : "", f->low,
                    field_mask(f) >> f->low, r->rules[n].op, r->rules[n].value);
        }
        fprintf(out, ";\n");
    }
    fprintf(out, "    default:\n        (void)w;\n        return true;\n    }\n}\n");
}

static void write_tree(FILE *out)
{
    fprintf(out, "static const struct {\n    uint8_t bit;\n    int16_t child[2];\n} nodes[] = {\n");
    for (unsigned k = 0; k < t.node_count; k++)
        fprintf(out, "    {%u, {%d, %d}},\n", t.nodes[k].bit, t.nodes[k].child[0],
                t.nodes[k].child[1]);
    fprintf(out, "    {0}};\nstatic const uint16_t leaves[] = {");
    for (unsigned k = 0; k < t.leaf_count; k++)
        fprintf(out, "%s%u,", k % 16 ? " " : "\n    ", t.leaves[k]);
    fprintf(out, "\n};\nstatic unsigned find_from(int at, uint32_t word)\n{\n"
                 "    while (at >= 0)\n        at = nodes[at].child[word >> nodes[at].bit & 1];\n"
                 "    for (const uint16_t *leaf = &leaves[~at]; *leaf; leaf++) {\n"
                 "        const struct arm_row *r = &rows[*leaf - 1];\n"
                 "        if ((word & r->mask) == r->value && allowed(*leaf - 1u, word))\n"
                 "            return *leaf - 1u;\n    }\n    return ~0u;\n}\n");
    for (unsigned k = 0; k < t.set_count; k++)
        fprintf(out,
                "static unsigned find_%s(uint32_t word)\n{\n"
                "    unsigned row = find_from(%d, word);\n"
                "    return row == ~0u ? row : row - %u;\n}\n",
                t.sets[k].name, t.sets[k].root, t.sets[k].first_row);
}

static void write_fields(FILE *out, const struct row *r)
{
    for (unsigned n = 0; n < r->field_count; n++) {
        const struct field *f = &r->fields[n];
        if (f->is_signed)
            fprintf(out, "        i->%s = (int32_t)(word << %u) >> %u;\n", f->name,
                    32 - f->low - f->width, 32 - f->width);
        else
            fprintf(out, "        i->%s = word >> %u & 0x%x;\n", f->name, f->low,
                    field_mask(f) >> f->low);
    }
}

static void write_decode(FILE *out, const char *set, const char *context)
{
    fprintf(out,
            "static bool decode(unsigned row, uint32_t word, struct %s_insn *i)\n{\n"
            "    *i = (struct %s_insn){.word = word, .row = (uint16_t)row};\n"
            "    switch (row) {\n",
            set, set);
    for (unsigned k = 0; k < t.row_count; k++) {
        fprintf(out, "    case %u: /* %s */\n", k, t.rows[k].name);
        write_fields(out, &t.rows[k]);
        fprintf(out, "        return true;\n");
    }
    fprintf(out, "    default:\n        return false;\n    }\n}\n");
    for (unsigned k = 0; k < t.set_count; k++)
        fprintf(out,
                "bool %s_decode(uint32_t word, struct %s_insn *i)\n{\n"
                "    return decode(find_from(%d, word), word, i);\n}\n",
                t.sets[k].name, set, t.sets[k].root);
    fprintf(out,
            "bool %s_call(struct %s_trans *x, const struct %s_insn *i)\n{\n"
            "    switch (i->row) {\n",
            set, context, set);
    for (unsigned k = 0; k < t.row_count; k++) {
        if (!first_user(k))
            continue;
        for (unsigned n = k; n < t.row_count; n++)
            if (!strcmp(t.rows[n].function, t.rows[k].function))
                fprintf(out, "    case %u:\n", n);
        fprintf(out, "        return %s_%s(x, i);\n", set, t.rows[k].function);
    }
    fprintf(out, "    default:\n        return false;\n    }\n}\n");
}

static FILE *create(const char *base, const char *ending, char *path, size_t size)
{
    snprintf(path, size, "%s.%s", base, ending);
    FILE *out = fopen(path, "w");
    if (!out)
        fail(path, 0, "%s", strerror(errno));
    return out;
}

static void finish(FILE *out, const char *path)
{
    if (ferror(out) | fclose(out))
        fail(path, 0, "%s", strerror(errno));
}

static void begin_set(const char *name, size_t len)
{
    if (t.set_count == MAX_SETS)
        fail("arm-decode", 0, "more than %d sets", MAX_SETS);
    t.sets[t.set_count].name = strndup(name, len);
    t.sets[t.set_count++].first_row = t.row_count;
}

static void make_tree(unsigned set)
{
    static uint16_t all[MAX_ROWS];
    unsigned n = 0;
    for (unsigned k = 0; k < t.row_count; k++)
        if (t.rows[k].set == set)
            all[n++] = (uint16_t)k;
    t.sets[set].row_count = n;
    t.sets[set].root = add_node(all, n);
}

int main(int argc, char **argv)
{
    char path[4096];
    if (argc < 5) {
        fprintf(stderr, "usage: arm-decode SET CONTEXT OUT FILE.def... [OTHER: FILE.def...]\n");
        return 2;
    }
    const char *set = argv[1], *context = argv[2], *base = argv[3];
    begin_set(set, strlen(set));
    for (int k = 4; k < argc; k++) {
        size_t len = strlen(argv[k]);
        if (len && argv[k][len - 1] == ':')
            begin_set(argv[k], len - 1);
        else
            read_file(argv[k]);
    }
    check_rows();
    for (unsigned k = 0; k < t.set_count; k++)
        make_tree(k);

    FILE *out = create(base, "h", path, sizeof path);
    write_header(out, set, context);
    finish(out, path);
    out = create(base, "c", path, sizeof path);
    fprintf(out,
            "/* Made by tools/arm-decode. */\n#include \"gen/%s.h\"\n#include <stddef.h>\n"
            "#include \"tcg/arm/decode.h\"\n",
            set);
    write_rows(out);
    write_allowed(out);
    write_tree(out);
    write_decode(out, set, context);
    finish(out, path);
    return 0;
}
