/* How the host's CPUs are taken: see cpus.h. */
#include "core/util/cpus.h"

#include <stdio.h>
#include <unistd.h>

unsigned cpus_wanted(const char *loadavg)
{
    unsigned wanted;

    return sscanf(loadavg, "%*s %*s %*s %u/", &wanted) == 1 ? wanted : 0;
}

bool cpus_are_short(void)
{
    FILE *f = fopen("/proc/loadavg", "re");
    char text[128];
    bool known;

    if (!f)
        return false;
    known = fgets(text, sizeof text, f) != NULL;
    fclose(f);
    return known && cpus_wanted(text) > (unsigned long)sysconf(_SC_NPROCESSORS_ONLN);
}
