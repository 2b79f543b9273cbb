/* How the host's CPUs are taken. Any thread; nothing is kept. */
#ifndef CORE_UTIL_CPUS_H
#define CORE_UTIL_CPUS_H

#include <stdbool.h>

/* Do more threads of the host want to run at this moment than it has CPUs? Where the kernel does
 * not tell: no. */
bool cpus_are_short(void);
/* The number of them in the text of /proc/loadavg (proc(5)); 0: it is not such a text. */
unsigned cpus_wanted(const char *loadavg);

#endif
