/* What several commands of vemu-img need. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/img/img.h"

struct vemu_block_context *img_context(unsigned workers)
{
    struct vemu_block_context_options o = {.size = sizeof o, .workers = workers};
    const char *aio = getenv("VEMU_IMG_AIO");
    struct vemu_error *err = NULL;
    struct vemu_block_context *ctx;

    if (aio && strcmp(aio, "threads") == 0)
        o.aio = VEMU_BLOCK_AIO_THREADS;
    else if (aio && strcmp(aio, "io_uring") == 0)
        o.aio = VEMU_BLOCK_AIO_URING;
    ctx = vemu_block_context_new(&o, &err);
    if (!ctx)
        img_error(err, 1);
    return ctx;
}

bool img_parse_output(const char *text, bool *json)
{
    *json = strcmp(text, "json") == 0;
    if (*json || strcmp(text, "human") == 0)
        return true;
    img_fail("--output '%s': use human or json", text);
    return false;
}

bool img_parse_size(const char *option, const char *text, uint64_t *bytes)
{
    if (vemu_block_size_parse(text, bytes) && *bytes <= INT64_MAX)
        return true;
    img_fail("%s '%s': use a size such as 512M or 20G below 8 EiB", option, text);
    return false;
}

bool img_parse_count(const char *option, const char *text, uint64_t min, uint64_t max,
                     unsigned *value)
{
    uint64_t v;

    if (vemu_block_size_parse(text, &v) && v >= min && v <= max) {
        *value = (unsigned)v;
        return true;
    }
    img_fail("%s '%s': use a number from %llu to %llu", option, text, (unsigned long long)min,
             (unsigned long long)max);
    return false;
}

bool img_arguments(const char *command, int argc, char **argv, int count, const char *names)
{
    if (argc - optind == count)
        return true;
    if (argc - optind > count)
        img_fail("%s: '%s' is one argument too many, behind %s", command, argv[optind + count],
                 names);
    else
        img_fail("%s: %s has to be given; \"vemu-img %s --help\" shows how", command, names,
                 command);
    return false;
}

bool img_parse_cache(const char *option, const char *text, enum vemu_block_cache *cache)
{
    if (vemu_block_cache_parse(text, cache))
        return true;
    img_fail("%s '%s': use writeback, writethrough, none, directsync or unsafe", option, text);
    return false;
}

const char *img_size_text(uint64_t bytes, char text[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)bytes;
    unsigned u = 0;

    while (v > 999.5 && units[u + 1]) {
        v /= 1024;
        u++;
    }
    snprintf(text, 32, "%0.3g %s", v, units[u]);
    return text;
}

bool img_is_zero(const void *buf, size_t bytes)
{
    const uint8_t *p = buf;

    /* The first bytes tell of most data; the rest compares with itself, shifted. */
    for (size_t i = 0; i < 16 && i < bytes; i++) {
        if (p[i])
            return false;
    }
    return bytes <= 16 || memcmp(p, p + 16, bytes - 16) == 0;
}

bool img_join_options(char **all, const char *more)
{
    size_t len = *all ? strlen(*all) : 0, room = len + strlen(more) + 2;
    char *joined = realloc(*all, room);

    if (!joined)
        return false;
    snprintf(joined + len, room - len, "%s%s", len ? "," : "", more);
    *all = joined;
    return true;
}

void img_print_snapshots(const struct vemu_block_info *info)
{
    static const char row[] = "%-9s %-16s %8s%20s%13s%11s\n";

    if (!info->snapshot_count)
        return;
    puts("Snapshot list:");
    printf(row, "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT");
    for (unsigned i = 0; i < info->snapshot_count; i++) {
        const struct vemu_block_snapshot *s = &info->snapshots[i];
        char size[32], date[32] = "", icount[24] = "", vm_clock[32];
        uint64_t ms = s->vm_clock_ns / 1000000;
        time_t when = (time_t)s->date_s;
        struct tm tm;
        if (localtime_r(&when, &tm))
            strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
        if (s->icount != UINT64_MAX)
            snprintf(icount, sizeof icount, "%llu", (unsigned long long)s->icount);
        snprintf(vm_clock, sizeof vm_clock, "%02llu:%02u:%02u.%03u",
                 (unsigned long long)(ms / 3600000), (unsigned)(ms / 60000 % 60),
                 (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
        printf(row, s->id, s->name, img_size_text(s->vm_state_size, size), date, vm_clock, icount);
    }
}

void img_progress_add(struct img_progress *p, uint64_t bytes)
{
    int now;

    p->done += bytes;
    if (!p->on)
        return;
    now = p->total ? (int)((double)p->done / (double)p->total * 10000) : 10000;
    if (now == p->shown && p->done)
        return;
    p->shown = now;
    printf("    (%d.%02d/100%%)\r", now / 100, now % 100);
    fflush(stdout);
}

void img_progress_end(struct img_progress *p)
{
    if (p->on) {
        printf("    (100.00/100%%)\n");
        fflush(stdout);
    }
}
