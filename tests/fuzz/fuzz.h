/* What a fuzz target of this directory is: one function, called with any bytes, by libFuzzer or by
 * driver.c. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A rule was broken: ends the process, which is how a fuzzer notices. */
static inline void fuzz_fail(const char *what)
{
    fprintf(stderr, "# %s\n", what);
    abort();
}

#endif
