/* The one reading of a hexadecimal digit. */
#ifndef CORE_UTIL_HEX_H
#define CORE_UTIL_HEX_H

/* 0 to 15; -1: c is none. Either case. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

#endif
