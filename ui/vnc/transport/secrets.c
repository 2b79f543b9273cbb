/* A VNC server's password: see secrets.h. Nothing here takes longer or shorter for what was guessed
 * right. */
#include "ui/vnc/transport/secrets.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "core/crypto/nettle_library.h"
#include "core/util/error.h"
#include "core/util/range.h"

/* A text as it is compared: with its length, and zeros behind it. */
struct secret {
    uint8_t len;
    uint8_t text[VNC_SECRET_MAX];
};

struct vnc_secrets {
    struct nettle_library nettle;
    bool has_user;
    struct secret user;

    pthread_mutex_t lock; /* the rest */
    bool has_password;
    struct secret password;
    int64_t expires;
};

static bool secret_set(struct secret *s, const void *text, size_t len)
{
    if (len > VNC_SECRET_MAX)
        return false;
    memset(s, 0, sizeof *s);
    s->len = (uint8_t)len;
    if (len)
        memcpy(s->text, text, len);
    return true;
}

/* The time does not tell how much of it is equal. */
static bool same(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *p = a, *q = b;
    uint8_t difference = 0;

    for (size_t i = 0; i < len; i++)
        difference |= p[i] ^ q[i];
    return difference == 0;
}

struct vnc_secrets *vnc_secrets_new(const char *what, const char *user, struct vemu_error **errp)
{
    struct vnc_secrets *s = calloc(1, sizeof *s);

    if (!s) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", what);
        return NULL;
    }
    if (user && !secret_set(&s->user, user, strlen(user))) {
        error_set(errp, VEMU_ERROR_INVALID, "%s: the user's name is longer than %d bytes", what,
                  VNC_SECRET_MAX);
        free(s);
        return NULL;
    }
    if (!nettle_library_open(&s->nettle, what, errp)) {
        free(s);
        return NULL;
    }
    s->has_user = user != NULL;
    s->expires = VNC_EXPIRES_NEVER;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void vnc_secrets_free(struct vnc_secrets *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    nettle_library_close(&s->nettle);
    explicit_bzero(s, sizeof *s);
    free(s);
}

bool vnc_secrets_has_user(const struct vnc_secrets *s)
{
    return s->has_user;
}

bool vnc_secrets_set_password(struct vnc_secrets *s, const char *password, size_t len)
{
    bool ok;

    pthread_mutex_lock(&s->lock);
    ok = secret_set(&s->password, password, password ? len : 0);
    if (ok)
        s->has_password = s->password.len != 0;
    pthread_mutex_unlock(&s->lock);
    return ok;
}

void vnc_secrets_set_expiry(struct vnc_secrets *s, int64_t when)
{
    pthread_mutex_lock(&s->lock);
    s->expires = when;
    pthread_mutex_unlock(&s->lock);
}

/* The password now. False: there is none that may be used; *password is some text all the same, so
 * that the caller goes on as with one. */
static bool current(struct vnc_secrets *s, struct secret *password)
{
    struct timespec now;
    bool valid;

    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&s->lock);
    *password = s->password;
    valid = s->has_password && now.tv_sec < s->expires;
    pthread_mutex_unlock(&s->lock);
    return valid;
}

bool vnc_secrets_challenge(uint8_t challenge[VNC_CHALLENGE_SIZE])
{
    size_t got = 0;

    while (got < VNC_CHALLENGE_SIZE) {
        ssize_t n = getrandom(challenge + got, VNC_CHALLENGE_SIZE - got, 0);
        if (n < 0 && errno != EINTR)
            return false;
        got += n > 0 ? (size_t)n : 0;
    }
    return true;
}

#if CONFIG_NETTLE
/* What the protocol makes of a password: its bytes, each with the bits the other way round, are a
 * DES key. */
static void expected_answer(const struct nettle_library *nettle, const struct secret *password,
                            const uint8_t *challenge, uint8_t *answer)
{
    struct des_ctx des;
    uint8_t key[VNC_PASSWORD_USED];

    for (unsigned i = 0; i < sizeof key; i++) {
        key[i] = 0;
        for (unsigned bit = 0; bit < 8; bit++)
            key[i] |= (uint8_t)((password->text[i] >> bit & 1) << (7 - bit));
    }
    nettle->des_set_key(&des, key); /* says which keys are weak, and takes them */
    nettle->des_encrypt(&des, VNC_CHALLENGE_SIZE, answer, challenge);
    explicit_bzero(&des, sizeof des);
    explicit_bzero(key, sizeof key);
}
#else
static void expected_answer(const struct nettle_library *nettle, const struct secret *password,
                            const uint8_t *challenge, uint8_t *answer)
{
    (void)nettle, (void)password;
    memcpy(answer, challenge, VNC_CHALLENGE_SIZE); /* not reached: there are no secrets then */
}
#endif

bool vnc_secrets_check_answer(struct vnc_secrets *s, const uint8_t challenge[VNC_CHALLENGE_SIZE],
                              const uint8_t answer[VNC_CHALLENGE_SIZE])
{
    uint8_t expected[VNC_CHALLENGE_SIZE];
    struct secret password;
    bool valid = current(s, &password), right;

    expected_answer(&s->nettle, &password, challenge, expected);
    right = same(expected, answer, sizeof expected);
    explicit_bzero(&password, sizeof password);
    explicit_bzero(expected, sizeof expected);
    return valid & right;
}

bool vnc_secrets_check_plain(struct vnc_secrets *s, const uint8_t *user, size_t user_len,
                             const uint8_t *password, size_t password_len)
{
    struct secret name, given, real;
    bool valid = current(s, &real), known, right;

    if (!secret_set(&name, user, user_len) || !secret_set(&given, password, password_len))
        return false;
    known = same(&name, &s->user, sizeof name) | !s->has_user;
    right = same(&given, &real, sizeof given);
    explicit_bzero(&given, sizeof given);
    explicit_bzero(&real, sizeof real);
    return valid & known & right;
}
