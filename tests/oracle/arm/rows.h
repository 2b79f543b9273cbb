/* Rows of the decoder's tables as random words are made of them: fields by name. */
#ifndef TESTS_ORACLE_ARM_ROWS_H
#define TESTS_ORACLE_ARM_ROWS_H

#include <stdbool.h>
#include <string.h>

#include "tcg/arm/decode.h"

static inline bool one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(name, *list))
            return true;
    return false;
}

static inline const struct arm_field *row_field(const struct arm_set *set,
                                                const struct arm_row *row, const char *name)
{
    for (unsigned k = 0; k < row->field_count; k++) {
        const struct arm_field *f = &set->fields[row->first_field + k];
        if (!strcmp(f->name, name))
            return f;
    }
    return NULL;
}

static inline uint32_t field_mask(const struct arm_field *f)
{
    return (f->width == 32 ? UINT32_MAX : (1u << f->width) - 1) << f->low;
}

/* ~0u: the row has no such field. */
static inline unsigned row_get(const struct arm_set *set, const struct arm_row *row, uint32_t word,
                               const char *name)
{
    const struct arm_field *f = row_field(set, row, name);
    return f ? (word & field_mask(f)) >> f->low : ~0u;
}

static inline void row_put(const struct arm_set *set, const struct arm_row *row, uint32_t *word,
                           const char *name, uint32_t v)
{
    const struct arm_field *f = row_field(set, row, name);
    if (f)
        *word = (*word & ~field_mask(f)) | (v << f->low & field_mask(f));
}

#endif
