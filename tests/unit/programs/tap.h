/* The few lines that a test program without criterion needs to print TAP. */
#ifndef TESTS_UNIT_PROGRAMS_TAP_H
#define TESTS_UNIT_PROGRAMS_TAP_H

#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

static inline bool tap(bool ok, const char *what)
{
    printf("%sok %d - %s\n", ok ? "" : "not ", ++tap_count, what);
    tap_failed += !ok;
    return ok;
}

static inline int tap_end(void)
{
    printf("1..%d\n", tap_count);
    fflush(stdout);
    return tap_failed != 0;
}

#endif
