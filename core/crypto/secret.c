/* Keys and passwords from options: see secret.h. */
#include "core/crypto/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crypto/base64.h"
#include "core/crypto/nettle_library.h"
#include "core/util/error.h"

void secret_free(struct secret_bytes *s)
{
    if (s->data) {
        explicit_bzero(s->data, SECRET_SIZE_MAX + 2);
        free(s->data);
    }
    *s = (struct secret_bytes){0};
}

/* Bytes of the file into the SECRET_SIZE_MAX + 1 that data has room for; negative: errno is set. */
static ssize_t read_all(const char *file, uint8_t *data)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC), err;
    size_t len = 0;
    ssize_t n = fd < 0 ? -1 : 1;

    while (n > 0 && len <= SECRET_SIZE_MAX) {
        n = read(fd, data + len, SECRET_SIZE_MAX + 1 - len);
        if (n > 0)
            len += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    err = errno;
    if (fd >= 0)
        close(fd);
    errno = err;
    return n < 0 ? -1 : (ssize_t)len;
}

static bool take_text(struct secret_bytes *s, const struct secret_config *cfg,
                      struct vemu_error **errp)
{
    ssize_t n = (ssize_t)(cfg->data ? strlen(cfg->data) : 0);

    s->data = malloc(SECRET_SIZE_MAX + 2);
    if (!s->data)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", cfg->what);
    if (cfg->data && n <= SECRET_SIZE_MAX)
        memcpy(s->data, cfg->data, (size_t)n);
    else if (!cfg->data)
        n = read_all(cfg->file, s->data);
    if (n < 0)
        return error_set_errno(errp, errno, "%s: cannot read '%s'", cfg->what, cfg->file);
    if (n > SECRET_SIZE_MAX)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: a secret has at most %d bytes", cfg->what,
                         SECRET_SIZE_MAX);
    s->len = (size_t)n;
    s->data[s->len] = 0;
    return true;
}

#if CONFIG_NETTLE
/* In place. The last byte says how many are padding (as PKCS #7 has it). */
static bool decrypt_with(const struct nettle_library *nettle, struct secret_bytes *s,
                         const struct secret_config *cfg, uint8_t *iv, struct vemu_error **errp)
{
    struct aes256_ctx aes;
    unsigned padding;

    nettle->aes256_set_decrypt_key(&aes, cfg->key->data);
    nettle->cbc_decrypt(&aes, (nettle_cipher_func *)nettle->aes256_decrypt, AES_BLOCK_SIZE, iv,
                        s->len, s->data, s->data);
    explicit_bzero(&aes, sizeof aes);
    padding = s->data[s->len - 1];
    if (!padding || padding > AES_BLOCK_SIZE)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: what it decrypts to makes no sense; is keyid= the key, and iv= the "
                         "vector, that it was encrypted with?",
                         cfg->what);
    explicit_bzero(s->data + s->len - padding, padding);
    s->len -= padding;
    return true;
}
#else
static bool decrypt_with(const struct nettle_library *nettle, struct secret_bytes *s,
                         const struct secret_config *cfg, uint8_t *iv, struct vemu_error **errp)
{
    (void)nettle, (void)s, (void)iv; /* not reached: the library does not open */
    return error_set(errp, VEMU_ERROR_UNSUPPORTED, "%s: there is no libnettle", cfg->what);
}
#endif

static bool decrypt(struct secret_bytes *s, const struct secret_config *cfg,
                    struct vemu_error **errp)
{
    struct nettle_library nettle = {0};
    uint8_t iv[BASE64_DECODED_MAX(2 * SECRET_IV_SIZE)];
    size_t iv_len = 0, text_len = cfg->iv ? strlen(cfg->iv) : 0;
    bool ok;

    if (cfg->key->len != SECRET_KEY_SIZE)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: keyid= names %zu bytes, but a key has %d",
                         cfg->what, cfg->key->len, SECRET_KEY_SIZE);
    if (text_len > 2 * SECRET_IV_SIZE || !text_len ||
        !base64_decode(cfg->iv, text_len, iv, &iv_len) || iv_len != SECRET_IV_SIZE)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: with keyid= goes iv=, which must be %d bytes in base64", cfg->what,
                         SECRET_IV_SIZE);
    if (!s->len || s->len % SECRET_IV_SIZE)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: %zu bytes are not what AES makes of something: want a multiple of %d",
                         cfg->what, s->len, SECRET_IV_SIZE);
    if (!nettle_library_open(&nettle, cfg->what, errp))
        return false;
    ok = decrypt_with(&nettle, s, cfg, iv, errp);
    nettle_library_close(&nettle);
    return ok;
}

bool secret_load(struct secret_bytes *s, const struct secret_config *cfg, struct vemu_error **errp)
{
    bool ok = take_text(s, cfg, errp);

    if (ok && cfg->base64 && !base64_decode((char *)s->data, s->len, s->data, &s->len))
        ok = error_set(errp, VEMU_ERROR_INVALID, "%s: with format=base64 it must be base64",
                       cfg->what);
    if (ok && cfg->key)
        ok = decrypt(s, cfg, errp);
    if (ok)
        s->data[s->len] = 0;
    else
        secret_free(s);
    return ok;
}
