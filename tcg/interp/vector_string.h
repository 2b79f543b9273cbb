/* The SSE4.2 string comparison. Pure; any thread. */
#ifndef TCG_INTERP_VECTOR_STRING_H
#define TCG_INTERP_VECTOR_STRING_H

#include "core/cpu/x86.h"
#include "tcg/ir/ir.h"

/*
 * IntRes2 of SDM vol. 1: a bit for each element of operand[1]. imm: the instruction's immediate;
 * lengths: two explicit lengths, NULL: up to the first zero element. *flags: packed as ir.h says;
 * *count: elements of a register.
 */
unsigned vector_string_compare(const struct x86_vec operand[2], unsigned imm,
                               const uint64_t *lengths, uint32_t *flags, unsigned *count);
/* The index forms: ECX in the low half, packed flags in the high one. */
uint64_t vector_string_index(const struct x86_vec operand[2], unsigned imm,
                             const uint64_t *lengths);

#endif
