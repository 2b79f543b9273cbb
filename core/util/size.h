/* Numbers and sizes as users write them: "123", "0x1f", "512M", "1.5G". No shared state. */
#ifndef CORE_UTIL_SIZE_H
#define CORE_UTIL_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal, or hexadecimal after 0x. The whole text must be the number; no sign, no blanks. */
bool number_parse(const char *text, uint64_t *value);

/*
 * A size in bytes: a number with an optional suffix B, K, M, G, T, P or E (powers of 1024, either
 * case, optionally followed by "iB" or "B"), and optionally a decimal fraction. `unit` is what a
 * number without a suffix counts in (1 for bytes, 1 << 20 for -m). False when it is not a size,
 * does not fit 64 bits, or is no whole number of bytes.
 */
bool size_parse(const char *text, uint64_t unit, uint64_t *bytes);

enum { SIZE_TEXT = 24 };
/* The shortest exact form: 536870912 -> "512M", 1000 -> "1000". Parsed back with unit 1 it is the
 * same. */
void size_format(uint64_t bytes, char text[SIZE_TEXT]);

#endif
