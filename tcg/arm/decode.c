/* Text of instructions by the decoder's own tables. */
#include "tcg/arm/decode.h"

#include <stdio.h>

void arm_format(const struct arm_set *set, uint32_t word, char *buf, unsigned size)
{
    unsigned n = set->find(word);
    if (n == ~0u) {
        snprintf(buf, size, "(undefined)");
        return;
    }
    const struct arm_row *row = &set->rows[n];
    unsigned at = (unsigned)snprintf(buf, size, "%s", row->name);
    for (unsigned k = 0; k < row->field_count && at < size; k++) {
        const struct arm_field *f = &set->fields[row->first_field + k];
        uint32_t v = word << (32 - f->low - f->width);
        if (f->is_signed)
            at += (unsigned)snprintf(buf + at, size - at, " %s=%d", f->name,
                                     (int32_t)v >> (32 - f->width));
        else
            at += (unsigned)snprintf(buf + at, size - at, " %s=%u", f->name, v >> (32 - f->width));
    }
}
