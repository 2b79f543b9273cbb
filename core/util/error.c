/* Error objects: see error.h. */
#define _GNU_SOURCE
#include "core/util/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vemu_error {
    enum vemu_error_code code;
    char *message;
};

/* What stands in when there is no memory for an error; never freed, never written. */
static const struct vemu_error no_memory = {VEMU_ERROR_NO_MEMORY, (char *)"out of memory"};

const char *vemu_error_message(const struct vemu_error *err)
{
    return err ? err->message : "";
}

enum vemu_error_code vemu_error_code(const struct vemu_error *err)
{
    return err ? err->code : VEMU_ERROR_NONE;
}

void vemu_error_free(struct vemu_error *err)
{
    if (!err || err == &no_memory)
        return;
    free(err->message);
    free(err);
}

/* Messages often carry text of a guest or a file: keep them to one printable line. */
static void one_line(char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = ' ';
    }
}

/* Takes message (NULL: memory was short). */
static void error_take(struct vemu_error **errp, enum vemu_error_code code, char *message)
{
    struct vemu_error *err = message ? malloc(sizeof *err) : NULL;

    if (!err) {
        free(message);
        *errp = (struct vemu_error *)&no_memory;
        return;
    }
    one_line(message);
    err->code = code;
    err->message = message;
    *errp = err;
}

bool error_set_v(struct vemu_error **errp, enum vemu_error_code code, const char *fmt, va_list ap)
{
    char *message;

    /* The first error is the cause; one that follows from it would only hide it. */
    if (!errp || *errp)
        return false;
    if (vasprintf(&message, fmt, ap) < 0)
        message = NULL;
    error_take(errp, code, message);
    return false;
}

bool error_set(struct vemu_error **errp, enum vemu_error_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_set_v(errp, code, fmt, ap);
    va_end(ap);
    return false;
}

static enum vemu_error_code code_of_errno(int err)
{
    switch (err) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return VEMU_ERROR_NOT_FOUND;
    case ENOMEM:
        return VEMU_ERROR_NO_MEMORY;
    case EINVAL:
    case ENAMETOOLONG:
        return VEMU_ERROR_INVALID;
    case ENOSYS:
    case EOPNOTSUPP:
        return VEMU_ERROR_UNSUPPORTED;
    default:
        return VEMU_ERROR_IO;
    }
}

bool error_set_errno(struct vemu_error **errp, int err, const char *fmt, ...)
{
    va_list ap;
    char text[128];

    if (!errp || *errp)
        return false;
    va_start(ap, fmt);
    error_set_v(errp, code_of_errno(err), fmt, ap);
    va_end(ap);
    if (*errp != &no_memory) {
        char *joined;
        if (asprintf(&joined, "%s: %s", (*errp)->message, strerror_r(err, text, sizeof text)) >=
            0) {
            free((*errp)->message);
            (*errp)->message = joined;
        }
    }
    return false;
}

void error_prefix(struct vemu_error **errp, const char *fmt, ...)
{
    va_list ap;
    char *prefix, *joined;
    int n;

    if (!errp || !*errp || *errp == &no_memory)
        return;
    va_start(ap, fmt);
    n = vasprintf(&prefix, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    if (asprintf(&joined, "%s%s", prefix, (*errp)->message) >= 0) {
        one_line(joined);
        free((*errp)->message);
        (*errp)->message = joined;
    }
    free(prefix);
}
