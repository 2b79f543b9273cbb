/*
 * The few functions of libnettle that VNC passwords, browsers and encrypted secrets need, found in
 * the library when first used. Its headers are nettle's own. No shared state; a table that was
 * opened may be used by any number of threads.
 */
#ifndef CORE_CRYPTO_NETTLE_LIBRARY_H
#define CORE_CRYPTO_NETTLE_LIBRARY_H

#include <stdbool.h>
#include "config.h"

struct vemu_error;

#if CONFIG_NETTLE
#include <nettle/aes.h>
#include <nettle/base64.h>
#include <nettle/cbc.h>
#include <nettle/des.h>
#include <nettle/sha1.h>

struct nettle_library {
    void *handle;
    __typeof__(&nettle_des_set_key) des_set_key;
    __typeof__(&nettle_des_encrypt) des_encrypt;
    __typeof__(&nettle_sha1_init) sha1_init;
    __typeof__(&nettle_sha1_update) sha1_update;
    __typeof__(&nettle_sha1_digest) sha1_digest;
    __typeof__(&nettle_base64_encode_raw) base64_encode_raw;
    __typeof__(&nettle_aes256_set_decrypt_key) aes256_set_decrypt_key;
    __typeof__(&nettle_aes256_decrypt) aes256_decrypt;
    __typeof__(&nettle_cbc_decrypt) cbc_decrypt;
};
#else
struct nettle_library {
    void *handle;
};
#endif

/* what: what needs it, for the sentence. False: it is not there. */
bool nettle_library_open(struct nettle_library *lib, const char *what, struct vemu_error **errp);
/* A zeroed struct is allowed. */
void nettle_library_close(struct nettle_library *lib);

#endif
