/* Error objects of the public API. */
#ifndef VEMU_ERROR_H
#define VEMU_ERROR_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vemu_error_code {
    VEMU_ERROR_NONE = 0,
    VEMU_ERROR_INVALID,   /* a bad option, property or argument */
    VEMU_ERROR_NOT_FOUND, /* a file, device class or object that does not exist */
    VEMU_ERROR_NO_MEMORY,
    VEMU_ERROR_IO,          /* the host refused a file or socket operation */
    VEMU_ERROR_FORMAT,      /* a kernel, image or saved state that is not what it should be */
    VEMU_ERROR_STATE,       /* the call is not allowed in the machine's present state */
    VEMU_ERROR_UNSUPPORTED, /* known, but not available in this build or on this host */
};

struct vemu_error;

/* The sentence, without newline; valid until the error is freed. */
const char *vemu_error_message(const struct vemu_error *err);
enum vemu_error_code vemu_error_code(const struct vemu_error *err);
/* Frees err; NULL is allowed. */
void vemu_error_free(struct vemu_error *err);

#ifdef __cplusplus
}
#endif
#endif
