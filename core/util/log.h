/*
 * Logging of one machine. Lines go through the embedder's callback; the library never prints.
 * Categories are those of `-d`. guest_error and unimp lines are rate limited (64 a second).
 * Thread contract: callable from any thread; the sink callback is serialised by the log's lock.
 */
#ifndef CORE_UTIL_LOG_H
#define CORE_UTIL_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_category {
    LOG_IN_ASM = 1u << 0,
    LOG_IR = 1u << 1,
    LOG_OUT_ASM = 1u << 2,
    LOG_EXEC = 1u << 3,
    LOG_INT = 1u << 4,
    LOG_MMU = 1u << 5,
    LOG_GUEST_ERROR = 1u << 6,
    LOG_UNIMP = 1u << 7,
    LOG_WARN = 1u << 31, /* always on: things the user should know */
};

typedef void (*log_sink_fn)(void *opaque, enum log_category category, const char *line);

struct log {
    _Atomic uint32_t mask; /* enabled categories */
    log_sink_fn sink;
    void *opaque;
    struct log_private *priv;
};

bool log_init(struct log *log, log_sink_fn sink, void *opaque);
void log_destroy(struct log *log);
/* "in_asm,int" -> mask; on an unknown name returns false and sets the error. "help" is not handled
 * here. */
struct vemu_error;
bool log_parse_mask(const char *items, uint32_t *mask, struct vemu_error **errp);
void log_write(struct log *log, enum log_category category, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a message about one thing of a kind: `kind 'name': message`. */
void log_write_about(struct log *log, enum log_category category, const char *kind,
                     const char *name, const char *fmt, va_list ap)
    __attribute__((format(printf, 5, 0)));

static inline bool log_enabled(const struct log *log, enum log_category category)
{
    return (__atomic_load_n((const uint32_t *)&log->mask, __ATOMIC_RELAXED) & category) != 0;
}
#define log_msg(log, category, ...)                                                                \
    do {                                                                                           \
        if (log_enabled((log), (category)))                                                        \
            log_write((log), (category), __VA_ARGS__);                                             \
    } while (0)

#endif
