/*
 * Base64 back to bytes (RFC 4648, the usual alphabet), with padding; white space is passed over. No
 * shared state; any thread.
 */
#ifndef CORE_CRYPTO_BASE64_H
#define CORE_CRYPTO_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room that the bytes of len characters need at most. */
#define BASE64_DECODED_MAX(len) (((len) + 3) / 4 * 3)

/* Into out, which has room for BASE64_DECODED_MAX(len) bytes; out may be text itself. False: text
 * is not base64, and what is in out means nothing. */
bool base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len);

#endif
