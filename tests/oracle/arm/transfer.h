/* Jobs and results between a runner, which has no C library, and its descriptors; system_call() is
 * the runner's own. */
#ifndef TESTS_ORACLE_ARM_TRANSFER_H
#define TESTS_ORACLE_ARM_TRANSFER_H

static long system_call(long n, long a, long b, long c, long d, long e, long f);

/* All of it, or 0. call: that of reading or writing. */
static int transfer(long call, long fd, void *buf, unsigned long len)
{
    char *p = buf;
    while (len) {
        long n = system_call(call, fd, (long)p, (long)len, 0, 0, 0);
        if (n <= 0)
            return 0;
        p += n;
        len -= (unsigned long)n;
    }
    return 1;
}

#endif
