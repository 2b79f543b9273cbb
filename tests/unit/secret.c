/* Base64, and what -object secret makes of texts and files. */
#include <config.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crypto/base64.h"
#include "core/crypto/secret.h"
#include "core/util/error.h"
#include "core/util/range.h"

Test(secret, base64_is_read_back)
{
    static const struct {
        const char *text, *bytes; /* bytes NULL: not base64 */
    } cases[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9v\nYmE=\n", "fooba"},
        {" Zm9v YmFy ", "foobar"},
        {"+/+/", "\xfb\xff\xbf"},
        {"Zg=", NULL},
        {"Zg", NULL},
        {"Z", NULL},
        {"Zg==Zg==", NULL},
        {"Zg==x", NULL},
        {"Z===", NULL},
        {"====", NULL},
        {"Zh==", NULL},
        {"Zm9=", NULL},
        {"Zm9v-", NULL},
        {"Zm\xc3\xa4v", NULL},
        {"Zg=g", NULL},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t out[BASE64_DECODED_MAX(64)];
        size_t len;
        bool ok = base64_decode(cases[i].text, strlen(cases[i].text), out, &len);
        cr_assert_eq(ok, cases[i].bytes != NULL, "%s", cases[i].text);
        if (ok)
            cr_assert(len == strlen(cases[i].bytes) && memcmp(out, cases[i].bytes, len) == 0, "%s",
                      cases[i].text);
    }
}

static bool load(struct secret_bytes *s, const char *data, bool base64,
                 const struct secret_bytes *key, const char *iv, struct vemu_error **err)
{
    const struct secret_config cfg = {
        .what = "-object", .data = data, .base64 = base64, .key = key, .iv = iv};

    return secret_load(s, &cfg, err);
}

Test(secret, text_and_files_are_taken_as_they_are)
{
    struct secret_config cfg = {.what = "-object", .data = "a secret"};
    char path[] = "/tmp/vemu-secret-XXXXXX", large[SECRET_SIZE_MAX + 1];
    int fd = mkstemp(path);
    struct vemu_error *err = NULL;
    struct secret_bytes s = {0};

    cr_assert(secret_load(&s, &cfg, NULL));
    cr_assert(s.len == 8 && strcmp((char *)s.data, "a secret") == 0);
    secret_free(&s);
    cr_assert_null(s.data);
    cfg = (struct secret_config){.what = "-object", .file = path};
    cr_assert_eq(write(fd, "\0of\nbytes\n", 10), 10);
    cr_assert(secret_load(&s, &cfg, NULL));
    cr_assert(s.len == 10 && memcmp(s.data, "\0of\nbytes\n", 11) == 0);
    secret_free(&s);
    memset(large, 'x', sizeof large);
    cr_assert_eq(pwrite(fd, large, sizeof large, 0), (ssize_t)sizeof large);
    cr_assert(!secret_load(&s, &cfg, &err));
    cr_assert(strstr(vemu_error_message(err), "at most") && !s.data);
    vemu_error_free(err);
    err = NULL;
    close(fd);
    unlink(path);
    cr_assert(!secret_load(&s, &cfg, &err));
    cr_assert(strstr(vemu_error_message(err), path));
    vemu_error_free(err);
}

/* "opensesame" by AES-256-CBC with the key 00 01 ... 1f and the vector 20 21 ... 2f, as another
 * program makes it. */
#define SEALED "9/QMS/WiapTuzDUG7xiEBQ=="
#define VECTOR "ICEiIyQlJicoKSorLC0uLw=="

#if CONFIG_NETTLE
Test(secret, encrypted_text_is_decrypted)
{
    uint8_t bytes[SECRET_KEY_SIZE];
    const struct secret_bytes key = {bytes, sizeof bytes};
    struct secret_bytes s = {0};
    struct vemu_error *err = NULL;

    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    cr_assert(load(&s, SEALED, true, &key, VECTOR, NULL));
    cr_assert(s.len == 10 && strcmp((char *)s.data, "opensesame") == 0);
    secret_free(&s);
    bytes[0] ^= 1; /* another key: what comes out has no padding */
    cr_assert(!load(&s, SEALED, true, &key, VECTOR, &err));
    cr_assert(strstr(vemu_error_message(err), "keyid=") && !s.data);
    vemu_error_free(err);
}
#endif

Test(secret, what_cannot_be_decrypted_is_refused)
{
    uint8_t bytes[SECRET_KEY_SIZE] = {0};
    const struct secret_bytes key = {bytes, sizeof bytes}, shorter = {bytes, sizeof bytes - 1};
    const struct {
        const char *data, *iv, *word;
        const struct secret_bytes *key;
        bool base64;
    } bad[] = {
        {SEALED, VECTOR, "key has 32", &shorter, true},
        {SEALED, NULL, "iv=", &key, true},
        {SEALED, "", "iv=", &key, true},
        {SEALED, "ICEi", "iv=", &key, true},
        {SEALED, "nonsense!", "iv=", &key, true},
        {"Zm9v", VECTOR, "multiple", &key, true},
        {"", VECTOR, "multiple", &key, false},
        {"no-base64", VECTOR, "base64", &key, true},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct secret_bytes s = {0};
        struct vemu_error *err = NULL;
        cr_assert(!load(&s, bad[i].data, bad[i].base64, bad[i].key, bad[i].iv, &err));
        cr_assert(strstr(vemu_error_message(err), bad[i].word), "%u: %s", i,
                  vemu_error_message(err));
        cr_assert_null(s.data);
        vemu_error_free(err);
    }
}
