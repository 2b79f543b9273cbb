/* Output on COM1 and port 0xe9, TAP lines, start and end. */
#include <stdarg.h>
#include "lib/internal.h"

void cpu_main(unsigned cpu);

static unsigned tests, failures, complaints;

static void put_char(char c)
{
    outb(0xe9, (u8)c);
    for (unsigned n = 0; n < 100000 && !(inb(0x3f8 + 5) & 0x20); n++)
        ;
    outb(0x3f8, (u8)c);
}

static void put_number(u64 v, unsigned base, bool negative, int width, bool zero)
{
    char buf[24];
    int n = 0;
    if (base == 10) {
        u32 w = (u32)v; /* decimal numbers are small; no 64-bit division in 32-bit code */
        do {
            buf[n++] = (char)('0' + w % 10);
            w /= 10;
        } while (w);
    } else {
        do {
            buf[n++] = "0123456789abcdef"[v & 15];
            v >>= 4;
        } while (v);
    }
    if (negative)
        buf[n++] = '-';
    while (n < width && n < (int)sizeof buf)
        buf[n++] = zero ? '0' : ' ';
    while (n)
        put_char(buf[--n]);
}

static void vprint(const char *fmt, va_list ap)
{
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put_char(*fmt);
            continue;
        }
        bool zero = fmt[1] == '0';
        int width = 0, longs = 0;
        while (*++fmt >= '0' && *fmt <= '9')
            width = width * 10 + (*fmt - '0');
        for (; *fmt == 'l'; fmt++)
            longs++;
        if (*fmt == 's') {
            for (const char *s = va_arg(ap, const char *); *s; s++)
                put_char(*s);
        } else if (*fmt == 'c') {
            put_char((char)va_arg(ap, int));
        } else if (*fmt == '%') {
            put_char('%');
        } else {
            u64 v;
            bool negative = false;
            if (*fmt == 'd') {
                long s = longs ? va_arg(ap, long) : va_arg(ap, int);
                negative = s < 0;
                v = (ul)(negative ? -s : s);
            } else {
                v = longs >= 2   ? va_arg(ap, unsigned long long)
                    : longs == 1 ? va_arg(ap, ul)
                                 : va_arg(ap, unsigned);
            }
            put_number(v, *fmt == 'x' ? 16 : 10, negative, width, zero);
        }
    }
}

void print(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vprint(fmt, ap);
    va_end(ap);
}

static bool report(bool cond, const char *fmt, va_list ap)
{
    tests++;
    failures += !cond;
    print("%s %u - ", cond ? "ok" : "not ok", tests);
    vprint(fmt, ap);
    print("\n");
    return cond;
}

bool ok(bool cond, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(cond, fmt, ap);
    va_end(ap);
    return cond;
}

void skip(const char *name, const char *why)
{
    print("ok %u - %s # SKIP %s\n", ++tests, name, why);
}

void complain(const char *fmt, ...)
{
    va_list ap;
    if (++complaints > 8)
        return; /* the first few tell enough */
    va_start(ap, fmt);
    print("# ");
    vprint(fmt, ap);
    print("\n");
    va_end(ap);
}

bool equal(const char *what, u64 got, u64 want)
{
    if (got != want)
        complain("%s is %llx, expected %llx", what, (unsigned long long)got,
                 (unsigned long long)want);
    return got == want;
}

bool check(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool good = report(!complaints, fmt, ap);
    va_end(ap);
    complaints = 0;
    return good;
}

static void leave(u8 code)
{
    /* isa-debug-exit ends the emulator with status code * 2 + 1. */
    outb(0x501, code);
    for (;;)
        asm volatile("cli; hlt");
}

void finish(void)
{
    print("1..%u\n", tests);
    leave(failures ? 1 : 0);
    for (;;)
        ;
}

void bail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print("Bail out! ");
    vprint(fmt, ap);
    print("\n");
    va_end(ap);
    leave(2);
    for (;;)
        ;
}

void cpu_main(unsigned cpu)
{
    if (cpu) /* numbered in the order of arrival; tables go by APIC id */
        cpu = cpu_index();
    cpu_tables(&cpus[cpu]);
    if (cpu)
        smp_idle(cpu);
    outb(0x3f8 + 3, 3);
    pic_init(0xffff);
    test_main();
    finish();
}
