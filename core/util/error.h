/*
 * Errors: a code and one sentence.
 *
 * A function that can fail takes `struct vemu_error **errp` as its last parameter and returns
 * false, NULL or a negative value on failure. errp may be NULL (the caller does not want the
 * sentence). On entry *errp must be NULL; on failure it owns a new error, freed with
 * vemu_error_free(). The sentence names the option or file, the value seen and what would be right;
 * it has no newline. Thread contract: no shared state; callable from any thread.
 */
#ifndef CORE_UTIL_ERROR_H
#define CORE_UTIL_ERROR_H

#include <stdarg.h>
#include <vemu/error.h>

/* Set *errp (if errp is not NULL) to a new error; returns false so `return error_set(...)` reads
 * well. */
bool error_set(struct vemu_error **errp, enum vemu_error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool error_set_v(struct vemu_error **errp, enum vemu_error_code code, const char *fmt, va_list ap);
/* As error_set with ": <strerror(err)>" appended; the code is derived from err. */
bool error_set_errno(struct vemu_error **errp, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Prefix the sentence of *errp, for context ("device lapic: ..."). */
void error_prefix(struct vemu_error **errp, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
