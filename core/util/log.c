/* Log lines to the embedder's sink, rate limited where a guest controls how many: see log.h. */
#define _GNU_SOURCE
#include "core/util/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/util/error.h"
#include "core/util/range.h"

enum { LOG_LINES_A_SECOND = 64, LOG_LINE_MAX = 1024 };

struct rate_limit {
    enum log_category category;
    time_t second;
    unsigned lines, dropped;
};

struct log_private {
    pthread_mutex_t lock;
    struct rate_limit limits[2];
};

static const struct {
    const char *name;
    enum log_category category;
} log_names[] = {
    {"in_asm", LOG_IN_ASM},   {"ir", LOG_IR},
    {"out_asm", LOG_OUT_ASM}, {"exec", LOG_EXEC},
    {"int", LOG_INT},         {"mmu", LOG_MMU},
    {"unimp", LOG_UNIMP},     {"guest_error", LOG_GUEST_ERROR},
};

bool log_init(struct log *log, log_sink_fn sink, void *opaque)
{
    struct log_private *priv = calloc(1, sizeof *priv);

    memset(log, 0, sizeof *log);
    if (!priv)
        return false;
    if (pthread_mutex_init(&priv->lock, NULL) != 0) {
        free(priv);
        return false;
    }
    priv->limits[0].category = LOG_GUEST_ERROR;
    priv->limits[1].category = LOG_UNIMP;
    log->mask = LOG_WARN;
    log->sink = sink;
    log->opaque = opaque;
    log->priv = priv;
    return true;
}

/* Say how much a limiter swallowed. Lock held. */
static void report_dropped(struct log *log, struct rate_limit *limit)
{
    char line[64];

    if (!limit->dropped)
        return;
    snprintf(line, sizeof line, "%u lines dropped", limit->dropped);
    limit->dropped = 0;
    if (log->sink)
        log->sink(log->opaque, limit->category, line);
}

void log_destroy(struct log *log)
{
    struct log_private *priv = log->priv;

    if (!priv)
        return;
    pthread_mutex_lock(&priv->lock);
    for (size_t i = 0; i < ARRAY_SIZE(priv->limits); i++)
        report_dropped(log, &priv->limits[i]);
    pthread_mutex_unlock(&priv->lock);
    pthread_mutex_destroy(&priv->lock);
    free(priv);
    log->priv = NULL;
    log->sink = NULL;
}

bool log_parse_mask(const char *items, uint32_t *mask, struct vemu_error **errp)
{
    uint32_t result = 0;

    for (const char *p = items;;) {
        size_t len = strcspn(p, ","), i;

        for (i = 0; i < ARRAY_SIZE(log_names); i++) {
            if (strlen(log_names[i].name) == len && memcmp(log_names[i].name, p, len) == 0)
                break;
        }
        if (i == ARRAY_SIZE(log_names)) {
            return error_set(errp, VEMU_ERROR_INVALID,
                             "log item '%.*s' is not known: use in_asm, ir, out_asm, exec, int, "
                             "mmu, guest_error, unimp, separated by commas",
                             (int)MIN(len, 64), p);
        }
        result |= log_names[i].category;
        if (!p[len])
            break;
        p += len + 1;
    }
    *mask = result;
    return true;
}

/* May this line pass? A new second first tells what the last one swallowed. Lock held. */
static bool rate_limit_pass(struct log *log, struct rate_limit *limit)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec != limit->second) {
        limit->second = now.tv_sec;
        limit->lines = 0;
        report_dropped(log, limit);
    }
    if (limit->lines < LOG_LINES_A_SECOND) {
        limit->lines++;
        return true;
    }
    limit->dropped++;
    return false;
}

void log_write(struct log *log, enum log_category category, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    struct log_private *priv = log->priv;
    va_list ap;
    int len;

    if (!priv)
        return;
    va_start(ap, fmt);
    len = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (len < 0)
        return;
    len = MIN(len, LOG_LINE_MAX - 1);
    while (len > 0 && line[len - 1] == '\n')
        line[--len] = 0;

    pthread_mutex_lock(&priv->lock);
    for (size_t i = 0; i < ARRAY_SIZE(priv->limits); i++) {
        if (priv->limits[i].category == category && !rate_limit_pass(log, &priv->limits[i])) {
            pthread_mutex_unlock(&priv->lock);
            return;
        }
    }
    if (log->sink)
        log->sink(log->opaque, category, line);
    pthread_mutex_unlock(&priv->lock);
}

void log_write_about(struct log *log, enum log_category category, const char *kind,
                     const char *name, const char *fmt, va_list ap)
{
    char text[LOG_LINE_MAX];

    if (!log_enabled(log, category))
        return;
    vsnprintf(text, sizeof text, fmt, ap);
    log_write(log, category, "%s '%s': %s", kind, name, text);
}
