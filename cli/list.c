/* `vemu list`: the user's running machines. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#if CONFIG_JANSSON
#include "cli/control.h"

enum { PATIENCE_MS = 1000 };

/* Seconds since the process was started, from the system's table; -1: it is gone. */
static long long uptime_of(pid_t pid)
{
    char path[64], text[1024] = "", *p;
    unsigned long long start = 0;
    struct timespec now;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (!f)
        return -1;
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    /* Field 22; the second is the name in brackets and may hold anything. */
    p = strrchr(text, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    if (!p || sscanf(p, "%llu", &start) != 1)
        return -1;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (long long)now.tv_sec - (long long)(start / (unsigned long)sysconf(_SC_CLK_TCK));
}

static const char *text_of(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : fallback;
}

static json_t *describe(const char *name, const char *path)
{
    struct control c;
    bool open = control_open(&c, path, PATIENCE_MS);
    json_t *status = open ? control_ask(&c, "query-status", NULL) : NULL;
    json_t *accel = status ? control_ask(&c, "query-accelerators", NULL) : NULL;
    json_t *entry = json_pack("{s:s,s:i,s:s,s:s,s:I,s:s}", "name", name, "pid", (int)c.pid, "state",
                              text_of(status, "status", "not responding"), "accelerator",
                              text_of(accel, "enabled", "-"), "uptime",
                              (json_int_t)uptime_of(c.pid), "socket", path);

    json_decref(status);
    json_decref(accel);
    control_close(&c);
    return entry;
}

/* 3661 -> "1:01:01", with days in front when there are some. */
static const char *duration(long long s, char text[40])
{
    if (s < 0)
        return "-";
    if (s >= 86400)
        snprintf(text, 40, "%lldd %lld:%02lld:%02lld", s / 86400, s / 3600 % 24, s / 60 % 60,
                 s % 60);
    else
        snprintf(text, 40, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    return text;
}

static void print_table(const json_t *list)
{
    char text[40];
    json_t *m;
    size_t i;

    printf("%-24s %8s  %-14s %-5s  %s\n", "NAME", "PID", "STATE", "ACCEL", "UPTIME");
    json_array_foreach(list, i, m)
    {
        printf("%-24s %8lld  %-14s %-5s  %s\n", text_of(m, "name", ""),
               (long long)json_integer_value(json_object_get(m, "pid")), text_of(m, "state", ""),
               text_of(m, "accelerator", ""),
               duration(json_integer_value(json_object_get(m, "uptime")), text));
    }
}

int cli_list(int argc, const char *const *argv)
{
    char dir[RUNDIR_PATH], path[RUNDIR_PATH], **names = NULL;
    const char *output = NULL;
    bool json = false;
    json_t *list;
    int count;

    if (argc >= 1 && strncmp(argv[0], "--output=", 9) == 0)
        output = argv[0] + 9, argc -= 1;
    else if (argc >= 2 && strcmp(argv[0], "--output") == 0)
        output = argv[1], argc -= 2;
    if (argc || (output && strcmp(output, "json") != 0 && strcmp(output, "human") != 0))
        return cli_fail("list takes --output human or --output json, and nothing else");
    json = output && strcmp(output, "json") == 0;
    list = json_array();
    count = rundir_find(dir) ? rundir_names(dir, &names) : 0;
    for (int i = 0; i < count; i++) {
        if (rundir_socket(path, dir, names[i]))
            json_array_append_new(list, describe(names[i], path));
    }
    rundir_free_names(names, count);
    if (json) {
        json_dumpf(list, stdout, JSON_INDENT(4));
        putchar('\n');
    } else {
        print_table(list);
    }
    json_decref(list);
    return 0;
}
#else
int cli_list(int argc, const char *const *argv)
{
    (void)argc, (void)argv;
    return cli_fail("list is not part of this build (configure found no libjansson-dev)");
}
#endif
