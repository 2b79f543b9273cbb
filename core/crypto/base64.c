/* Base64: see base64.h. */
#include "core/crypto/base64.h"

/* The six bits of a character; -1: it has none. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
    uint32_t bits = 0;
    unsigned count = 0, padding = 0; /* characters of this group of four */
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        int value = text[i] == '=' ? 0 : value_of(text[i]);
        if (is_space(text[i]))
            continue;
        /* Padding ends the text, and stands for one or two of the last four. */
        if (value < 0 || (padding && text[i] != '='))
            return false;
        padding += text[i] == '=';
        bits = bits << 6 | (uint32_t)value;
        if (++count < 4)
            continue;
        if (padding > 2 || (bits & ((1u << 8 * padding) - 1)))
            return false;
        for (unsigned byte = 0; byte < 3 - padding; byte++)
            out[n++] = (uint8_t)(bits >> (16 - 8 * byte));
        if (padding && count == 4)
            padding = 3; /* nothing may follow */
        bits = count = 0;
    }
    *out_len = n;
    return !count;
}
