/*
 * Authentication: see auth.h. Each state reads a known number of bytes, and what to do with them is
 * one function, which may put a reply into `out` and names the next state.
 */
#include "ui/vnc/transport/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "ui/vnc/transport/secrets.h"
#include "ui/vnc/transport/stream.h"
#include "ui/vnc/transport/tls.h"

/* VeNCrypt's sub types. */
enum {
    VENCRYPT_PLAIN = 256,
    VENCRYPT_TLS_NONE,
    VENCRYPT_TLS_VNC,
    VENCRYPT_TLS_PLAIN,
    VENCRYPT_X509_NONE,
    VENCRYPT_X509_VNC,
    VENCRYPT_X509_PLAIN,
};
enum { VERSION_MAJOR = 0, VERSION_MINOR = 2 };
enum { SUBTYPES_MAX = 2 };

enum state {
    VERSION,   /* the viewer's version of VeNCrypt */
    SUBTYPE,   /* its choice */
    HANDSHAKE, /* of TLS */
    ANSWER,    /* to the challenge */
    LENGTHS,   /* of the name and the password */
    PLAIN,     /* those */
    PASSED,
    REFUSED,
    NONSENSE,
};

struct vnc_auth {
    struct vnc_auth_policy policy;
    bool secure;
    enum state state;
    uint32_t subtype; /* 0: not VeNCrypt */
    uint8_t challenge[VNC_CHALLENGE_SIZE];
    size_t wanted, got; /* bytes of `in` that the state needs, and that are there */
    uint8_t in[2 * VNC_SECRET_MAX];
    size_t user_len, password_len;
    size_t out_len, sent;
    uint8_t out[32];
    char reason[192];
};

static const struct {
    uint32_t subtype;
    const char *name;
} names[] = {
    {VENCRYPT_PLAIN, "vencrypt+plain"},           {VENCRYPT_TLS_NONE, "vencrypt+tls+none"},
    {VENCRYPT_TLS_VNC, "vencrypt+tls+vnc"},       {VENCRYPT_TLS_PLAIN, "vencrypt+tls+plain"},
    {VENCRYPT_X509_NONE, "vencrypt+x509+none"},   {VENCRYPT_X509_VNC, "vencrypt+x509+vnc"},
    {VENCRYPT_X509_PLAIN, "vencrypt+x509+plain"},
};

static const char *subtype_name(uint32_t subtype)
{
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].subtype == subtype)
            return names[i].name;
    }
    return "unknown";
}

/* ---- what is offered ------------------------------------------------------------------------- */

enum vnc_security vnc_auth_security(const struct vnc_auth_policy *policy, bool secure)
{
    if (policy->creds && !secure)
        return VNC_SECURITY_VENCRYPT;
    if (!policy->secrets)
        return VNC_SECURITY_NONE;
    /* Names are said in VeNCrypt only; without TLS they, and the passwords, would be there to read.
     */
    return secure && vnc_secrets_has_user(policy->secrets) ? VNC_SECURITY_VENCRYPT
                                                           : VNC_SECURITY_VNC;
}

/* VeNCrypt's sub types, the one to be preferred first. A viewer that is asked for a name by a
 * server that has none would only puzzle who sits there, so that comes second. */
static unsigned subtypes(const struct vnc_auth_policy *policy, bool secure, uint32_t *types)
{
    bool x509 = policy->creds && vnc_tls_creds_is_x509(policy->creds);

    if (secure) {
        types[0] = VENCRYPT_PLAIN;
        return 1;
    }
    if (!policy->secrets) {
        types[0] = x509 ? VENCRYPT_X509_NONE : VENCRYPT_TLS_NONE;
        return 1;
    }
    if (vnc_secrets_has_user(policy->secrets)) {
        types[0] = x509 ? VENCRYPT_X509_PLAIN : VENCRYPT_TLS_PLAIN;
        return 1;
    }
    types[0] = x509 ? VENCRYPT_X509_VNC : VENCRYPT_TLS_VNC;
    types[1] = x509 ? VENCRYPT_X509_PLAIN : VENCRYPT_TLS_PLAIN;
    return 2;
}

const char *vnc_auth_policy_name(const struct vnc_auth_policy *policy, bool secure)
{
    uint32_t types[SUBTYPES_MAX];

    switch (vnc_auth_security(policy, secure)) {
    case VNC_SECURITY_NONE:
        return "none";
    case VNC_SECURITY_VNC:
        return "vnc";
    case VNC_SECURITY_VENCRYPT:
        break;
    }
    subtypes(policy, secure, types);
    return subtype_name(types[0]);
}

const char *vnc_auth_name(const struct vnc_auth *auth)
{
    if (auth->subtype)
        return subtype_name(auth->subtype);
    return auth->policy.secrets ? "vnc" : "none";
}

/* ---- states ---------------------------------------------------------------------------------- */

static void enter(struct vnc_auth *a, enum state state, size_t wanted)
{
    a->state = state;
    a->wanted = wanted;
    a->got = 0;
}

static void nonsense(struct vnc_auth *a, const char *what, unsigned long value)
{
    snprintf(a->reason, sizeof a->reason, "VeNCrypt: %s (%lu)", what, value);
    enter(a, NONSENSE, 0);
}

static void say(struct vnc_auth *a, const void *data, size_t len)
{
    memcpy(a->out + a->out_len, data, len);
    a->out_len += len;
}

static void say_u8(struct vnc_auth *a, uint8_t v)
{
    say(a, &v, 1);
}

static void say_u32(struct vnc_auth *a, uint32_t v)
{
    store_be32(&v, v);
    say(a, &v, sizeof v);
}

static void challenge(struct vnc_auth *a)
{
    if (!vnc_secrets_challenge(a->challenge)) {
        snprintf(a->reason, sizeof a->reason, "this host has no random numbers");
        enter(a, REFUSED, 0);
        return;
    }
    say(a, a->challenge, sizeof a->challenge);
    enter(a, ANSWER, VNC_CHALLENGE_SIZE);
}

/* What the sub type asks once the connection is safe. */
static void after_handshake(struct vnc_auth *a)
{
    switch (a->subtype) {
    case VENCRYPT_TLS_NONE:
    case VENCRYPT_X509_NONE:
        enter(a, PASSED, 0);
        break;
    case VENCRYPT_TLS_VNC:
    case VENCRYPT_X509_VNC:
        challenge(a);
        break;
    default:
        enter(a, LENGTHS, 8);
        break;
    }
}

static void version_said(struct vnc_auth *a)
{
    uint32_t types[SUBTYPES_MAX];
    unsigned count = subtypes(&a->policy, a->secure, types);

    if (a->in[0] != VERSION_MAJOR || a->in[1] != VERSION_MINOR) {
        say_u8(a, 1);
        nonsense(a, "the viewer wants another version than 0.2", a->in[0] * 100ul + a->in[1]);
        return;
    }
    say_u8(a, 0);
    say_u8(a, (uint8_t)count);
    for (unsigned i = 0; i < count; i++)
        say_u32(a, types[i]);
    enter(a, SUBTYPE, 4);
}

static void subtype_said(struct vnc_auth *a)
{
    uint32_t types[SUBTYPES_MAX], chosen = load_be32(a->in);
    unsigned count = subtypes(&a->policy, a->secure, types), i = 0;

    while (i < count && types[i] != chosen)
        i++;
    if (i == count) {
        if (!a->secure)
            say_u8(a, 0);
        nonsense(a, "the viewer chose a sub type that was not offered", chosen);
        return;
    }
    a->subtype = chosen;
    if (a->secure) { /* Plain alone goes on without a word */
        after_handshake(a);
        return;
    }
    say_u8(a, 1);
    enter(a, HANDSHAKE, 0);
}

static void wrong(struct vnc_auth *a)
{
    snprintf(a->reason, sizeof a->reason, "%s is wrong, or not valid any more",
             vnc_secrets_has_user(a->policy.secrets) ? "the name or the password" : "the password");
    enter(a, REFUSED, 0);
}

static void answer_said(struct vnc_auth *a)
{
    if (vnc_secrets_check_answer(a->policy.secrets, a->challenge, a->in))
        enter(a, PASSED, 0);
    else
        wrong(a);
}

static void lengths_said(struct vnc_auth *a)
{
    uint32_t user = load_be32(a->in), password = load_be32(a->in + 4);

    if (user > VNC_SECRET_MAX || password > VNC_SECRET_MAX) {
        nonsense(a, "the viewer's name or password is too long", MAX(user, password));
        return;
    }
    a->user_len = user;
    a->password_len = password;
    enter(a, PLAIN, user + password);
}

static void plain_said(struct vnc_auth *a)
{
    bool right = vnc_secrets_check_plain(a->policy.secrets, a->in, a->user_len, a->in + a->user_len,
                                         a->password_len);

    explicit_bzero(a->in, sizeof a->in);
    if (right)
        enter(a, PASSED, 0);
    else
        wrong(a);
}

static void (*const said[])(struct vnc_auth *a) = {
    [VERSION] = version_said, [SUBTYPE] = subtype_said, [ANSWER] = answer_said,
    [LENGTHS] = lengths_said, [PLAIN] = plain_said,
};

/* ---- going on -------------------------------------------------------------------------------- */

static bool send_out(struct vnc_auth *a, struct vnc_stream *s)
{
    while (a->sent < a->out_len) {
        struct iovec iov = {.iov_base = a->out + a->sent, .iov_len = a->out_len - a->sent};
        ssize_t n = vnc_stream_write(s, &iov, 1);
        if (n <= 0)
            return false;
        a->sent += (size_t)n;
    }
    if (!vnc_stream_flush(s))
        return false;
    a->sent = a->out_len = 0;
    return true;
}

static bool start_tls(struct vnc_auth *a, struct vnc_stream **s)
{
    struct vemu_error *err = NULL;
    struct vnc_stream *tls = vnc_tls_new(*s, a->policy.creds, &err);

    if (!tls) {
        snprintf(a->reason, sizeof a->reason, "%s", vemu_error_message(err));
        vemu_error_free(err);
        enter(a, NONSENSE, 0);
        return false;
    }
    *s = tls;
    a->secure = true;
    return true;
}

/* False: nothing more for now. */
static bool go_on(struct vnc_auth *a, struct vnc_stream **s)
{
    if (a->state == HANDSHAKE) {
        if (!a->secure && !start_tls(a, s))
            return true;
        vnc_stream_flush(*s);
        if (!vnc_tls_is_established(*s))
            return false;
        after_handshake(a);
        return true;
    }
    while (a->got < a->wanted) {
        ssize_t n = vnc_stream_read(*s, a->in + a->got, a->wanted - a->got);
        if (n <= 0)
            return false;
        a->got += (size_t)n;
    }
    said[a->state](a);
    return true;
}

enum vnc_auth_result vnc_auth_step(struct vnc_auth *a, struct vnc_stream **s)
{
    for (;;) {
        if (!send_out(a, *s))
            break;
        switch (a->state) {
        case PASSED:
            return VNC_AUTH_PASSED;
        case REFUSED:
            return VNC_AUTH_REFUSED;
        case NONSENSE:
            return VNC_AUTH_OVER;
        default:
            break;
        }
        if (!go_on(a, s))
            break;
    }
    if (!vnc_stream_is_over(*s))
        return VNC_AUTH_WAIT;
    snprintf(a->reason, sizeof a->reason, "%s", vnc_stream_reason(*s));
    return VNC_AUTH_OVER;
}

unsigned vnc_auth_wants(const struct vnc_auth *a)
{
    return a->out_len ? VNC_STREAM_WRITE : VNC_STREAM_READ;
}

const char *vnc_auth_reason(const struct vnc_auth *a)
{
    return a->reason;
}

struct vnc_auth *vnc_auth_new(const struct vnc_auth_policy *policy, bool secure)
{
    static const uint8_t version[] = {VERSION_MAJOR, VERSION_MINOR};
    struct vnc_auth *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->policy = *policy;
    vnc_tls_creds_ref(policy->creds);
    a->secure = secure;
    switch (vnc_auth_security(policy, secure)) {
    case VNC_SECURITY_NONE:
        enter(a, PASSED, 0);
        break;
    case VNC_SECURITY_VNC:
        challenge(a);
        break;
    case VNC_SECURITY_VENCRYPT:
        say(a, version, sizeof version);
        enter(a, VERSION, sizeof version);
        break;
    }
    return a;
}

void vnc_auth_free(struct vnc_auth *a)
{
    if (!a)
        return;
    vnc_tls_creds_free(a->policy.creds);
    explicit_bzero(a, sizeof *a);
    free(a);
}
