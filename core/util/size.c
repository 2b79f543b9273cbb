/* Parsing of numbers and sizes: see size.h. */
#include "core/util/size.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/util/hex.h"

static const char suffixes[] = "BKMGTPE";

/* The number at *text, which is moved past it. */
static bool scan_number(const char **text, uint64_t *value, bool *hex)
{
    const char *p = *text;
    unsigned base = 10;
    uint64_t v = 0;

    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        base = 16;
        p += 2;
    }
    if ((unsigned)hex_digit(*p) >= base)
        return false;
    for (; (unsigned)hex_digit(*p) < base; p++) {
        if (__builtin_mul_overflow(v, base, &v) ||
            __builtin_add_overflow(v, (uint64_t)hex_digit(*p), &v))
            return false;
    }
    *text = p;
    *value = v;
    *hex = base == 16;
    return true;
}

bool number_parse(const char *text, uint64_t *value)
{
    uint64_t v;
    bool hex;

    if (!scan_number(&text, &v, &hex) || *text)
        return false;
    *value = v;
    return true;
}

/* ".5" of `unit`, exactly; *text is moved past the digits. */
static bool scan_fraction(const char **text, uint64_t *numerator, uint64_t *denominator)
{
    const char *p = *text + 1;

    *numerator = 0;
    *denominator = 1;
    if ((unsigned)hex_digit(*p) > 9)
        return false;
    for (; (unsigned)hex_digit(*p) <= 9; p++) {
        if (*denominator > UINT64_C(1000000000000000))
            return false;
        *numerator = *numerator * 10 + (uint64_t)hex_digit(*p);
        *denominator *= 10;
    }
    *text = p;
    return true;
}

bool size_parse(const char *text, uint64_t unit, uint64_t *bytes)
{
    uint64_t whole, numerator = 0, denominator = 1, result;
    unsigned __int128 part;
    bool hex;

    if (!scan_number(&text, &whole, &hex))
        return false;
    if (*text == '.' && (hex || !scan_fraction(&text, &numerator, &denominator)))
        return false;
    if (*text) {
        /* 'B' and 'E' are hexadecimal digits, so 0x1B is the number 27: scan_number took it. */
        const char *s = strchr(suffixes, *text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
        if (!s)
            return false;
        unit = UINT64_C(1) << (10 * (s - suffixes));
        text++;
        if (s != suffixes && *text && strcasecmp(text, "b") != 0 && strcasecmp(text, "ib") != 0)
            return false;
        if (s == suffixes && *text)
            return false;
    }
    part = (unsigned __int128)numerator * unit;
    if (part % denominator)
        return false;
    if (__builtin_mul_overflow(whole, unit, &result) ||
        __builtin_add_overflow(result, (uint64_t)(part / denominator), &result))
        return false;
    *bytes = result;
    return true;
}

void size_format(uint64_t bytes, char text[SIZE_TEXT])
{
    unsigned s = 0;

    while (bytes && bytes % 1024 == 0 && suffixes[s + 1]) {
        bytes /= 1024;
        s++;
    }
    if (s)
        snprintf(text, SIZE_TEXT, "%llu%c", (unsigned long long)bytes, suffixes[s]);
    else
        snprintf(text, SIZE_TEXT, "%llu", (unsigned long long)bytes);
}
