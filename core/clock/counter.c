/* The host's cycle counter: see counter.h. */
#include "core/clock/counter.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The system tests what the processor claims: its counters may have been set apart, or stop. */
static bool system_trusts_it(void)
{
    char name[8] = "";
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                  O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, name, sizeof name - 1);
    close(fd);
    return n == 4 && !memcmp(name, "tsc\n", 4);
}

bool host_counter_usable(void)
{
    enum { LEAF_POWER = 0x80000007, INVARIANT_TSC = 1 << 8 };
    unsigned a, b, c, d;
    return __get_cpuid(LEAF_POWER, &a, &b, &c, &d) && (d & INVARIANT_TSC) && system_trusts_it();
}
#else
bool host_counter_usable(void)
{
    return false;
}
#endif
