/* Bytes as hex digits through the x86 decoder: what its tests share. */
#ifndef TESTS_UNIT_X86_DECODE_H
#define TESTS_UNIT_X86_DECODE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tcg/x86/decode.h"
#include "tcg/x86/slots.h"

#define CODE64 ((uint64_t)(MODE_CODE64 | MODE_LONG | MODE_PROTECTED))
#define CODE32 ((uint64_t)(MODE_CODE32 | MODE_PROTECTED))
#define CODE16 ((uint64_t)MODE_PROTECTED)

static inline uint64_t mode_of(unsigned bits)
{
    return bits == 64 ? CODE64 : bits == 32 ? CODE32 : CODE16;
}

static inline size_t from_hex(const char *hex, uint8_t *buf)
{
    size_t n = strlen(hex) / 2;
    for (size_t k = 0; k < n; k++) {
        unsigned v = 0;
        sscanf(hex + 2 * k, "%2x", &v);
        buf[k] = (uint8_t)v;
    }
    return n;
}

static inline enum x86_decode_status decode(struct x86_insn *i, uint64_t mode, const char *hex)
{
    uint8_t buf[32];
    size_t n = from_hex(hex, buf);
    return x86_decode(i, buf, n, mode, NULL);
}

#define expect(mode, hex, status)                                                                  \
    do {                                                                                           \
        struct x86_insn insn_;                                                                     \
        cr_expect_eq(decode(&insn_, mode, hex), status, "%s", hex);                                \
    } while (0)

static inline void expect_text(uint64_t mode, const char *hex, const char *text)
{
    struct x86_insn i;
    char buf[128] = "";
    cr_expect_eq(decode(&i, mode, hex), X86_DECODE_OK, "%s", hex);
    if (i.row)
        x86_insn_format(&i, 0x1000, buf, sizeof buf);
    cr_expect_str_eq(buf, text, "%s: '%s' is not '%s'", hex, buf, text);
}

#endif
