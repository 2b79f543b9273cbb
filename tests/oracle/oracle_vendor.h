/*
 * Where processors of the one architecture differ by their maker, and the translator does as
 * Intel's do: what the host cannot confirm is not compared.
 */
#ifndef TESTS_ORACLE_VENDOR_H
#define TESTS_ORACLE_VENDOR_H

#include <cpuid.h>
#include <stdbool.h>

static inline bool host_is_intel(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(0, &a, &b, &c, &d) && b == signature_INTEL_ebx && c == signature_INTEL_ecx &&
           d == signature_INTEL_edx;
}

/* AMD's note the last instruction's places and opcode only when an exception is pending (AMD64
 * Architecture Programmer's Manual, volume 2, chapter on x87 context). */
static inline bool host_keeps_x87_pointers(void)
{
    return host_is_intel();
}

#endif
