/*
 * What the decoders of Arm instruction sets know, as data. tools/arm-decode.c makes a set's rows,
 * decision tree and struct PREFIX_insn of its .def files when the library is built (gen/a64.h and
 * gen/a64.c in the build directory). The form of the files:
 *
 *     # comment
 *     NAME bits... | FEATURE | function | constraints...
 *
 * NAME is the encoding's, its mnemonic up to the first underscore in capitals. The bits are those
 * of the Arm ARM's encoding diagram from the top one on, in parts:
 *     0110      fixed; x and X: does not matter ("(0)" and "(1)" of the manual)
 *     Rn:5      a field of so many bits (1 without a number); imm19:s19: a signed one
 *     op=01     fixed bits that are a field as well, for functions that do several encodings
 * FEATURE is one of enum arm_feature without ARM_FEAT_, BASE: always there. The function is
 * SET_NAME(); "-": known, not implemented, and so undefined. Constraints are all true of a word
 * that is the row's: FIELD==n, FIELD!=n, FIELD<n, FIELD>n, FIELD&n (a bit of n is set), and `first`
 * or `last`: tried before or after the rows that have the same words. Otherwise two rows that share
 * a word are an error when the library is built.
 *
 * Thread contract: constant data.
 */
#ifndef TCG_ARM_DECODE_H
#define TCG_ARM_DECODE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/cpu/arm_feature.h"

struct arm_field {
    const char *name;
    uint8_t low, width;
    bool is_signed;
};

struct arm_row {
    const char *name;
    const char *function; /* NULL: not implemented */
    const char *section;  /* the .def file's name without its ending */
    uint32_t mask, value;
    uint32_t ones;        /* bits that do not matter and ought to be 1 */
    uint16_t feature;     /* enum arm_feature */
    uint16_t first_field; /* in arm_set.fields */
    uint8_t field_count;
};

/* One instruction set. */
struct arm_set {
    const char *name;
    const struct arm_row *rows;
    const struct arm_field *fields;
    unsigned row_count;
    /* The row of a word, ~0u: none. */
    unsigned (*find)(uint32_t word);
};

extern const struct arm_set a64_set, a32_set, t32_set;

/* "NAME field=value ..." or "(undefined)". */
void arm_format(const struct arm_set *set, uint32_t word, char *buf, unsigned size);

#endif
