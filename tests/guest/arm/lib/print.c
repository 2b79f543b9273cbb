/* Output of test programs of either width: guest.h is that of the program's. The PL011 is where the
 * machine virt has it. */
#include "lib/guest.h"

#include <stdarg.h>

static void put_char(char c)
{
    volatile u32 *uart = (u32 *)0x09000000ul;
    while (uart[6] & 1 << 5) /* FR.TXFF */
        ;
    uart[0] = (u8)c;
}

static void put_number(unsigned long v, unsigned base)
{
    char buf[24];
    int n = 0;
    do {
        buf[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    while (n)
        put_char(buf[--n]);
}

/* Knows %s, %u, %x and the last two with l. */
void print(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put_char(*fmt);
            continue;
        }
        bool wide = *++fmt == 'l';
        fmt += wide;
        if (*fmt == 's') {
            for (const char *s = va_arg(ap, const char *); *s; s++)
                put_char(*s);
        } else {
            put_number(wide ? va_arg(ap, unsigned long) : va_arg(ap, u32), *fmt == 'x' ? 16 : 10);
        }
    }
    va_end(ap);
}
