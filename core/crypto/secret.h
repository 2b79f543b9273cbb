/*
 * What -object secret says, as bytes: a key or a password, given as text or in a file, plain or in
 * base64, perhaps encrypted with another secret (AES-256 in CBC mode), so that it may stand where
 * others can read it. No shared state; the owner's thread.
 */
#ifndef CORE_CRYPTO_SECRET_H
#define CORE_CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vemu_error;

enum {
    SECRET_SIZE_MAX = 64 << 10, /* bytes of a file or a text */
    SECRET_KEY_SIZE = 32,       /* of a secret that others are encrypted with */
    SECRET_IV_SIZE = 16,
};

struct secret_bytes {
    uint8_t *data; /* a zero follows them; NULL: none */
    size_t len;
};

/* The strings are only used during the call. */
struct secret_config {
    const char *what;               /* the option, for sentences */
    const char *data, *file;        /* one of the two */
    bool base64;                    /* else raw */
    const struct secret_bytes *key; /* that it is encrypted with; NULL: it is not */
    const char *iv;                 /* with key: the initial vector in base64 */
};

/* *s is nothing before. False: the error is set, and *s is still nothing. */
bool secret_load(struct secret_bytes *s, const struct secret_config *cfg, struct vemu_error **errp);
/* Wipes and frees them; nothing is allowed. */
void secret_free(struct secret_bytes *s);

#endif
