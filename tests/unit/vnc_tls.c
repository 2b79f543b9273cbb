/* ui/vnc/transport: TLS, passwords and the security types, against a viewer's side by gnutls
 * itself. */
#include <config.h>
#if CONFIG_GNUTLS && CONFIG_NETTLE
#include <criterion/criterion.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <nettle/des.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <vemu/error.h>

#include "core/util/endian.h"
#include "tests/vnc_certs.h"
#include "ui/vnc/transport/auth.h"
#include "ui/vnc/transport/secrets.h"
#include "ui/vnc/transport/stream.h"
#include "ui/vnc/transport/tls.h"

enum { ROUNDS = 2000 };

static char dir[] = "/tmp/vemu-vnc-tls-XXXXXX";
static struct vnc_stream *s;
static int peer;

/* The viewer's side. */
static gnutls_session_t viewer;
static gnutls_anon_client_credentials_t anon;
static gnutls_certificate_credentials_t x509;
static bool shaken;

static void set_up(void)
{
    int fds[2];

    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    s = vnc_stream_new(fds[0], NULL);
    peer = fds[1];
}

static void tear_down(void)
{
    char command[64];

    vnc_stream_close(s);
    if (viewer)
        gnutls_deinit(viewer);
    close(peer);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(vnc_tls, .init = set_up, .fini = tear_down);
TestSuite(vnc_auth, .init = set_up, .fini = tear_down);

/* who: whose certificate the viewer shows; NULL: none. */
static void viewer_start(bool by_x509, const char *who)
{
    char cert[64], key[64];

    gnutls_init(&viewer, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    if (by_x509) {
        gnutls_certificate_allocate_credentials(&x509);
        if (who) {
            snprintf(cert, sizeof cert, "%s/%s-cert.pem", dir, who);
            snprintf(key, sizeof key, "%s/%s-key.pem", dir, who);
            cr_assert_geq(
                gnutls_certificate_set_x509_key_file(x509, cert, key, GNUTLS_X509_FMT_PEM), 0);
        }
        gnutls_set_default_priority(viewer);
        gnutls_credentials_set(viewer, GNUTLS_CRD_CERTIFICATE, x509);
    } else {
        gnutls_anon_allocate_client_credentials(&anon);
        gnutls_priority_set_direct(viewer, "NORMAL:-VERS-TLS1.3:+ANON-ECDH:+ANON-DH", NULL);
        gnutls_credentials_set(viewer, GNUTLS_CRD_ANON, anon);
    }
    gnutls_transport_set_int(viewer, peer);
}

static void viewer_go_on(void)
{
    if (!shaken)
        shaken = gnutls_handshake(viewer) == GNUTLS_E_SUCCESS;
}

static struct vnc_tls_creds *make_creds(bool by_x509, bool verify_peer, struct vemu_error **errp)
{
    struct vnc_tls_config cfg = {
        .what = "-object tls", .x509 = by_x509, .dir = dir, .verify_peer = verify_peer};

    return vnc_tls_creds_new(&cfg, errp);
}

static struct vnc_tls_creds *good_creds(bool by_x509, bool verify_peer)
{
    struct vemu_error *err = NULL;
    struct vnc_tls_creds *creds;

    if (by_x509)
        vnc_certs_make(dir);
    creds = make_creds(by_x509, verify_peer, &err);
    cr_assert_not_null(creds, "%s", err ? vemu_error_message(err) : "");
    return creds;
}

static void tls_on_top(const struct vnc_tls_creds *creds)
{
    struct vnc_stream *t = vnc_tls_new(s, creds, NULL);

    cr_assert_not_null(t);
    s = t;
}

/* Until both are done, or the server gave up. */
static bool shake_hands(void)
{
    for (int i = 0; i < ROUNDS && !vnc_stream_is_over(s); i++) {
        viewer_go_on();
        vnc_stream_flush(s);
        if (shaken && vnc_tls_is_established(s))
            return true;
    }
    return false;
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static void check_transfer(void)
{
    enum { BIG = 300000 };
    static char big[BIG], got[BIG];
    struct iovec iov[3] = {{"RFB ", 4}, {"003", 3}, {big, BIG - 7}};
    size_t sent = 0, len = 0;
    char buf[64];
    ssize_t n;

    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), VNC_STREAM_WAIT);
    cr_assert_eq(gnutls_record_send(viewer, "hello", 5), 5);
    cr_assert_eq(vnc_stream_read(s, buf, 3), 3);
    cr_assert(vnc_stream_pending(s)); /* the socket has nothing any more */
    cr_assert_eq(vnc_stream_read(s, buf + 3, 8), 2);
    cr_assert_eq(memcmp(buf, "hello", 5), 0);

    for (size_t i = 0; i < BIG - 7; i++)
        big[i] = (char)(i * 7 + i / 251);
    for (int i = 0; i < ROUNDS && len < BIG; i++) {
        if (sent < BIG) {
            struct iovec rest = {big + sent - 7, BIG - sent};
            n = sent ? vnc_stream_write(s, &rest, 1) : vnc_stream_write(s, iov, 3);
            cr_assert_geq(n, 0);
            sent += (size_t)n;
        } else {
            vnc_stream_flush(s);
        }
        while (len < BIG && (n = gnutls_record_recv(viewer, got + len, BIG - len)) > 0)
            len += (size_t)n;
    }
    cr_assert_eq(len, BIG);
    cr_assert_eq(memcmp(got, "RFB 003", 7), 0);
    cr_assert_eq(memcmp(got + 7, big, BIG - 7), 0);
}

Test(vnc_tls, anonymous_credentials_carry_bytes_both_ways)
{
    struct vnc_tls_creds *creds = good_creds(false, false);
    char name[64];

    tls_on_top(creds);
    viewer_start(false, NULL);
    cr_assert(shake_hands());
    cr_assert_not(vnc_tls_peer_name(s, name, sizeof name));
    check_transfer();
    gnutls_bye(viewer, GNUTLS_SHUT_WR);
    cr_assert_eq(vnc_stream_read(s, name, sizeof name), VNC_STREAM_OVER);
    cr_assert_str_eq(vnc_stream_reason(s), "the peer closed the connection");
    vnc_stream_close(s);
    s = NULL;
    vnc_tls_creds_free(creds);
}

Test(vnc_tls, a_certificate_carries_bytes_both_ways)
{
    struct vnc_tls_creds *creds = good_creds(true, false);

    tls_on_top(creds);
    viewer_start(true, NULL);
    cr_assert(shake_hands());
    check_transfer();
    vnc_stream_close(s);
    s = NULL;
    vnc_tls_creds_free(creds);
}

Test(vnc_tls, a_viewer_with_a_certificate_is_known_by_its_name)
{
    struct vnc_tls_creds *creds = good_creds(true, true);
    char name[64];

    tls_on_top(creds);
    viewer_start(true, "viewer");
    cr_assert(shake_hands(), "%s", vnc_stream_reason(s));
    cr_assert(vnc_tls_peer_name(s, name, sizeof name));
    cr_assert_str_eq(name, "CN=viewer");
    vnc_stream_close(s);
    s = NULL;
    vnc_tls_creds_free(creds);
}

static void check_refused_viewer(const char *who)
{
    struct vnc_tls_creds *creds = good_creds(true, true);

    tls_on_top(creds);
    viewer_start(true, who);
    for (int i = 0; i < ROUNDS && !vnc_stream_is_over(s); i++) {
        viewer_go_on();
        vnc_stream_flush(s);
    }
    cr_assert(vnc_stream_is_over(s));
    cr_assert_not(vnc_tls_is_established(s));
    cr_assert_not_null(strstr(vnc_stream_reason(s), "the TLS handshake failed"));
    vnc_stream_close(s);
    s = NULL;
    vnc_tls_creds_free(creds);
}

Test(vnc_tls, a_viewer_without_a_certificate_is_refused_when_one_is_needed)
{
    check_refused_viewer(NULL);
}

Test(vnc_tls, a_viewer_that_nobody_vouches_for_is_refused)
{
    check_refused_viewer("stranger");
}

Test(vnc_tls, what_is_not_tls_ends_the_stream)
{
    struct vnc_tls_creds *creds = good_creds(false, false);
    char buf[8];

    tls_on_top(creds);
    cr_assert_eq(write(peer, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), VNC_STREAM_OVER);
    cr_assert_not_null(strstr(vnc_stream_reason(s), "the TLS handshake failed"));
    vnc_stream_close(s);
    s = NULL;
    vnc_tls_creds_free(creds);
}

Test(vnc_tls, an_endless_handshake_ends_the_stream)
{
    /* Warning alerts are read and forgotten, so nothing else would end this. */
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 1, 0x5a};
    struct vnc_tls_creds *creds = good_creds(false, false);
    size_t sent = 0;

    tls_on_top(creds);
    while (!vnc_stream_is_over(s) && sent < 4 << 20) {
        ssize_t n = send(peer, alert, sizeof alert, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        vnc_stream_flush(s);
    }
    cr_assert(vnc_stream_is_over(s));
    cr_assert_lt(sent, 1 << 20);
    vnc_stream_close(s);
    s = NULL;
    vnc_tls_creds_free(creds);
}

Test(vnc_tls, missing_and_wrong_files_are_named)
{
    struct vemu_error *err = NULL;
    char path[64], stranger[64];

    cr_assert_null(make_creds(true, true, &err));
    cr_assert_not_null(strstr(vemu_error_message(err), "ca-cert.pem"));
    vemu_error_free(err), err = NULL;
    vnc_certs_make(dir);
    snprintf(path, sizeof path, "%s/server-key.pem", dir);
    unlink(path);
    cr_assert_null(make_creds(true, true, &err));
    cr_assert_not_null(strstr(vemu_error_message(err), "server-key.pem"));
    vemu_error_free(err), err = NULL;
    snprintf(stranger, sizeof stranger, "%s/stranger-key.pem", dir);
    cr_assert_eq(rename(stranger, path), 0);
    cr_assert_null(make_creds(true, true, &err));
    cr_assert_not_null(strstr(vemu_error_message(err), "server-key.pem"));
    vemu_error_free(err);
}

Test(vnc_tls, an_encrypted_key_needs_its_password)
{
    struct vnc_tls_config cfg = {.what = "-object tls", .x509 = true, .dir = dir};
    struct vemu_error *err = NULL;
    struct vnc_tls_creds *creds;

    vnc_certs_make(dir);
    vnc_certs_encrypt_key(dir, "open sesame");
    cfg.key_password = "wrong";
    cr_assert_null(vnc_tls_creds_new(&cfg, &err));
    cr_assert_not_null(strstr(vemu_error_message(err), "server-key.pem"));
    vemu_error_free(err);
    cfg.key_password = "open sesame";
    creds = vnc_tls_creds_new(&cfg, NULL);
    cr_assert_not_null(creds);
    vnc_tls_creds_free(creds);
}

Test(vnc_tls, a_wrong_priority_string_is_refused)
{
    struct vnc_tls_config cfg = {.what = "-object tls", .priority = "NICE"};
    struct vemu_error *err = NULL;

    cr_assert_null(vnc_tls_creds_new(&cfg, &err));
    cr_assert_not_null(strstr(vemu_error_message(err), "priority=NICE"));
    vemu_error_free(err);
}

/* ---- passwords ------------------------------------------------------------------------------- */

/* A viewer's answer, computed another way than the server does. */
static void answer(const char *password, const uint8_t *challenge, uint8_t *out)
{
    uint8_t key[8] = {0};
    struct des_ctx des;

    for (unsigned i = 0; i < 8 && password[i]; i++) {
        uint8_t b = (uint8_t)password[i];
        b = (uint8_t)((b & 0xf0) >> 4 | (b & 0x0f) << 4);
        b = (uint8_t)((b & 0xcc) >> 2 | (b & 0x33) << 2);
        key[i] = (uint8_t)((b & 0xaa) >> 1 | (b & 0x55) << 1);
    }
    nettle_des_set_key(&des, key);
    nettle_des_encrypt(&des, 16, out, challenge);
}

static struct vnc_secrets *secrets(const char *user, const char *password)
{
    struct vnc_secrets *p = vnc_secrets_new("-vnc", user, NULL);

    cr_assert_not_null(p);
    cr_assert(vnc_secrets_set_password(p, password, password ? strlen(password) : 0));
    return p;
}

static bool answers(struct vnc_secrets *p, const char *password)
{
    uint8_t challenge[16], out[16];

    cr_assert(vnc_secrets_challenge(challenge));
    answer(password, challenge, out);
    return vnc_secrets_check_answer(p, challenge, out);
}

Test(vnc_secrets, an_answer_depends_on_eight_characters)
{
    struct vnc_secrets *p = secrets(NULL, "secretpassword");

    cr_assert(answers(p, "secretpassword"));
    cr_assert(answers(p, "secretpa"));
    cr_assert_not(answers(p, "secretp"));
    cr_assert_not(answers(p, "Secretpassword"));
    cr_assert_not(answers(p, ""));
    vnc_secrets_free(p);
}

Test(vnc_secrets, known_vector_of_a_challenge)
{
    /* "password" with its bits the other way round is 0e86ceceeef64e26; DES of zeros with that key,
     * as openssl's des-ecb says. */
    static const uint8_t challenge[16] = {0};
    static const uint8_t expected[16] = {0xff, 0x97, 0x50, 0x2e, 0x94, 0x22, 0xf0, 0x89,
                                         0xff, 0x97, 0x50, 0x2e, 0x94, 0x22, 0xf0, 0x89};
    struct vnc_secrets *p = secrets(NULL, "password");

    cr_assert(vnc_secrets_check_answer(p, challenge, expected));
    vnc_secrets_free(p);
}

Test(vnc_secrets, without_a_password_every_attempt_fails)
{
    struct vnc_secrets *p = secrets(NULL, NULL);

    cr_assert_not(answers(p, ""));
    cr_assert_not(vnc_secrets_check_plain(p, NULL, 0, NULL, 0));
    cr_assert(vnc_secrets_set_password(p, "now", 3));
    cr_assert(answers(p, "now"));
    cr_assert(vnc_secrets_set_password(p, NULL, 0));
    cr_assert_not(answers(p, "now"));
    vnc_secrets_free(p);
}

Test(vnc_secrets, a_password_ends_when_it_expires)
{
    struct vnc_secrets *p = secrets(NULL, "word");
    int64_t now = time(NULL);

    vnc_secrets_set_expiry(p, now + 100);
    cr_assert(answers(p, "word"));
    vnc_secrets_set_expiry(p, now);
    cr_assert_not(answers(p, "word"));
    cr_assert_not(vnc_secrets_check_plain(p, NULL, 0, (const uint8_t *)"word", 4));
    vnc_secrets_set_expiry(p, VNC_EXPIRES_NEVER);
    cr_assert(answers(p, "word"));
    vnc_secrets_free(p);
}

static bool plain(struct vnc_secrets *p, const char *user, const char *password)
{
    return vnc_secrets_check_plain(p, (const uint8_t *)user, strlen(user),
                                   (const uint8_t *)password, strlen(password));
}

Test(vnc_secrets, plain_compares_all_of_the_password_and_the_name_if_there_is_one)
{
    struct vnc_secrets *any = secrets(NULL, "secretpassword"), *one = secrets("ann", "secret");

    cr_assert(plain(any, "whoever", "secretpassword"));
    cr_assert_not(plain(any, "whoever", "secretpa"));
    cr_assert(plain(one, "ann", "secret"));
    cr_assert_not(plain(one, "bob", "secret"));
    cr_assert_not(plain(one, "ann", "secret "));
    cr_assert_not(plain(one, "", "secret"));
    cr_assert(vnc_secrets_has_user(one) && !vnc_secrets_has_user(any));
    vnc_secrets_free(any);
    vnc_secrets_free(one);
}

Test(vnc_secrets, what_is_too_long_is_refused)
{
    struct vnc_secrets *p = secrets(NULL, "old");
    char text[300];

    memset(text, 'x', sizeof text);
    cr_assert_not(vnc_secrets_set_password(p, text, 256));
    cr_assert(answers(p, "old"));
    cr_assert(vnc_secrets_set_password(p, text, 255));
    text[256] = 0;
    cr_assert_null(vnc_secrets_new("-vnc", text, NULL));
    vnc_secrets_free(p);
}

Test(vnc_secrets, no_two_challenges_are_equal)
{
    uint8_t a[16], b[16];

    cr_assert(vnc_secrets_challenge(a) && vnc_secrets_challenge(b));
    cr_assert_neq(memcmp(a, b, 16), 0);
}

/* ---- security types -------------------------------------------------------------------------- */

static struct vnc_auth *auth;
static enum vnc_auth_result result;

/* Both sides go on until the viewer has `want` bytes or the server is done. */
static size_t viewer_reads(uint8_t *buf, size_t want)
{
    size_t len = 0;

    for (int i = 0; i < ROUNDS && len < want; i++) {
        ssize_t n;
        if (result == VNC_AUTH_WAIT)
            result = vnc_auth_step(auth, &s);
        if (viewer && !shaken) {
            viewer_go_on();
            continue;
        }
        n = viewer ? gnutls_record_recv(viewer, buf + len, want - len)
                   : read(peer, buf + len, want - len);
        if (n > 0)
            len += (size_t)n;
        else if (result != VNC_AUTH_WAIT)
            break;
    }
    return len;
}

static void viewer_writes(const void *data, size_t len)
{
    ssize_t n = viewer ? gnutls_record_send(viewer, data, len) : write(peer, data, len);

    cr_assert_eq(n, (ssize_t)len);
    if (result == VNC_AUTH_WAIT)
        result = vnc_auth_step(auth, &s);
}

static void start(struct vnc_auth_policy policy, bool secure)
{
    auth = vnc_auth_new(&policy, secure);
    cr_assert_not_null(auth);
    result = vnc_auth_step(auth, &s);
}

/* VeNCrypt up to the sub types; returns how many there are. */
static unsigned vencrypt_subtypes(uint32_t *types)
{
    static const uint8_t version[2] = {0, 2};
    uint8_t buf[64];

    cr_assert_eq(viewer_reads(buf, 2), 2);
    cr_assert(buf[0] == 0 && buf[1] == 2);
    viewer_writes(version, 2);
    cr_assert_eq(viewer_reads(buf, 2), 2);
    cr_assert_eq(buf[0], 0);
    cr_assert_eq(viewer_reads(buf + 2, buf[1] * 4u), buf[1] * 4u);
    for (unsigned i = 0; i < buf[1]; i++)
        types[i] = load_be32(buf + 2 + i * 4);
    return buf[1];
}

static void vencrypt_choose(uint32_t type, bool by_x509, const char *who)
{
    uint8_t buf[4];

    store_be32(buf, type);
    viewer_writes(buf, 4);
    cr_assert_eq(viewer_reads(buf, 1), 1);
    cr_assert_eq(buf[0], 1);
    viewer_start(by_x509, who);
}

static void say_plain(const char *user, const char *password)
{
    uint8_t buf[128];
    size_t n = strlen(user), m = strlen(password);

    for (int i = 0; i < ROUNDS && !shaken; i++) {
        viewer_go_on();
        result = vnc_auth_step(auth, &s);
    }
    store_be32(buf, (uint32_t)n);
    store_be32(buf + 4, (uint32_t)m);
    memcpy(buf + 8, user, n);
    memcpy(buf + 8 + n, password, m);
    viewer_writes(buf, 8 + n + m);
}

static void say_answer(const char *password)
{
    uint8_t challenge[16], out[16];

    cr_assert_eq(viewer_reads(challenge, 16), 16);
    answer(password, challenge, out);
    viewer_writes(out, 7); /* comes in pieces */
    cr_assert_eq(result, VNC_AUTH_WAIT);
    viewer_writes(out + 7, 9);
}

static void finish(struct vnc_auth_policy policy)
{
    vnc_auth_free(auth);
    vnc_stream_close(s);
    s = NULL;
    vnc_secrets_free(policy.secrets);
    vnc_tls_creds_free((struct vnc_tls_creds *)policy.creds);
}

Test(vnc_auth, none_asks_nothing)
{
    struct vnc_auth_policy policy = {0};

    cr_assert_eq(vnc_auth_security(&policy, false), VNC_SECURITY_NONE);
    cr_assert_str_eq(vnc_auth_policy_name(&policy, false), "none");
    start(policy, false);
    cr_assert_eq(result, VNC_AUTH_PASSED);
    cr_assert_str_eq(vnc_auth_name(auth), "none");
    finish(policy);
}

Test(vnc_auth, vnc_asks_for_the_password)
{
    struct vnc_auth_policy policy = {.secrets = secrets(NULL, "pass")};

    cr_assert_eq(vnc_auth_security(&policy, false), VNC_SECURITY_VNC);
    start(policy, false);
    say_answer("pass");
    cr_assert_eq(result, VNC_AUTH_PASSED);
    cr_assert_str_eq(vnc_auth_name(auth), "vnc");
    finish(policy);
}

Test(vnc_auth, a_wrong_password_is_refused_with_a_sentence)
{
    struct vnc_auth_policy policy = {.secrets = secrets(NULL, "pass")};

    start(policy, false);
    say_answer("past");
    cr_assert_eq(result, VNC_AUTH_REFUSED);
    cr_assert_str_eq(vnc_auth_reason(auth), "the password is wrong, or not valid any more");
    finish(policy);
}

Test(vnc_auth, vencrypt_with_tls_alone)
{
    struct vnc_auth_policy policy = {.creds = good_creds(false, false)};
    uint32_t types[4];

    cr_assert_eq(vnc_auth_security(&policy, false), VNC_SECURITY_VENCRYPT);
    cr_assert_eq(vnc_auth_security(&policy, true), VNC_SECURITY_NONE);
    start(policy, false);
    cr_assert_eq(vencrypt_subtypes(types), 1);
    cr_assert_eq(types[0], 257);
    vencrypt_choose(257, false, NULL);
    for (int i = 0; i < ROUNDS && result == VNC_AUTH_WAIT; i++) {
        viewer_go_on();
        result = vnc_auth_step(auth, &s);
    }
    cr_assert_eq(result, VNC_AUTH_PASSED);
    cr_assert_str_eq(vnc_auth_name(auth), "vencrypt+tls+none");
    viewer_go_on();
    check_transfer();
    finish(policy);
}

Test(vnc_auth, vencrypt_with_a_certificate_and_the_password)
{
    struct vnc_auth_policy policy = {.creds = good_creds(true, false),
                                     .secrets = secrets(NULL, "pass")};
    uint32_t types[4];

    start(policy, false);
    cr_assert_eq(vencrypt_subtypes(types), 2);
    cr_assert_eq(types[0], 261);
    cr_assert_eq(types[1], 262);
    vencrypt_choose(261, true, NULL);
    say_answer("pass");
    cr_assert_eq(result, VNC_AUTH_PASSED);
    cr_assert_str_eq(vnc_auth_name(auth), "vencrypt+x509+vnc");
    finish(policy);
}

Test(vnc_auth, vencrypt_plain_needs_the_name_when_there_is_one)
{
    struct vnc_auth_policy policy = {.creds = good_creds(false, false),
                                     .secrets = secrets("ann", "a longer password")};
    uint32_t types[4];

    cr_assert_str_eq(vnc_auth_policy_name(&policy, false), "vencrypt+tls+plain");
    start(policy, false);
    cr_assert_eq(vencrypt_subtypes(types), 1);
    cr_assert_eq(types[0], 259);
    vencrypt_choose(259, false, NULL);
    say_plain("ann", "a longer password");
    cr_assert_eq(result, VNC_AUTH_PASSED);
    finish(policy);
}

Test(vnc_auth, vencrypt_plain_refuses_a_wrong_name)
{
    struct vnc_auth_policy policy = {.creds = good_creds(false, false),
                                     .secrets = secrets("ann", "pass")};
    uint32_t types[4];

    start(policy, false);
    vencrypt_subtypes(types);
    vencrypt_choose(259, false, NULL);
    say_plain("bob", "pass");
    cr_assert_eq(result, VNC_AUTH_REFUSED);
    finish(policy);
}

Test(vnc_auth, plain_over_a_connection_that_is_safe_already)
{
    static const uint8_t plain_type[4] = {0, 0, 1, 0};
    struct vnc_auth_policy policy = {.secrets = secrets("ann", "pass")};
    uint32_t types[4];

    cr_assert_eq(vnc_auth_security(&policy, true), VNC_SECURITY_VENCRYPT);
    cr_assert_eq(vnc_auth_security(&policy, false), VNC_SECURITY_VNC); /* never in the clear */
    start(policy, true);
    cr_assert_eq(vencrypt_subtypes(types), 1);
    cr_assert_eq(types[0], 256);
    viewer_writes(plain_type, 4);
    shaken = true;
    say_plain("ann", "pass");
    cr_assert_eq(result, VNC_AUTH_PASSED);
    finish(policy);
}

static void check_nonsense(uint32_t subtype, uint8_t minor)
{
    struct vnc_auth_policy policy = {.creds = good_creds(false, false)};
    uint8_t buf[8] = {0, minor};

    start(policy, false);
    cr_assert_eq(viewer_reads(buf + 2, 2), 2);
    viewer_writes(buf, 2);
    if (minor == 2) {
        store_be32(buf, subtype);
        viewer_writes(buf, 4);
    }
    cr_assert_eq(result, VNC_AUTH_OVER);
    cr_assert_neq(vnc_auth_reason(auth)[0], 0);
    finish(policy);
}

Test(vnc_auth, another_version_of_vencrypt_is_refused)
{
    check_nonsense(0, 1);
}

Test(vnc_auth, a_sub_type_that_was_not_offered_is_refused)
{
    check_nonsense(256, 2); /* Plain without TLS */
}

Test(vnc_auth, a_name_of_four_gigabytes_is_refused_before_it_is_read)
{
    static const uint8_t lengths[8] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1};
    struct vnc_auth_policy policy = {.creds = good_creds(false, false),
                                     .secrets = secrets("ann", "pass")};
    uint32_t types[4];

    start(policy, false);
    vencrypt_subtypes(types);
    vencrypt_choose(259, false, NULL);
    for (int i = 0; i < ROUNDS && !shaken; i++) {
        viewer_go_on();
        result = vnc_auth_step(auth, &s);
    }
    viewer_writes(lengths, 8);
    cr_assert_eq(result, VNC_AUTH_OVER);
    cr_assert_not_null(strstr(vnc_auth_reason(auth), "too long"));
    finish(policy);
}

Test(vnc_auth, a_viewer_that_leaves_is_told_as_that)
{
    struct vnc_auth_policy policy = {.secrets = secrets(NULL, "pass")};

    start(policy, false);
    shutdown(peer, SHUT_WR);
    result = vnc_auth_step(auth, &s);
    cr_assert_eq(result, VNC_AUTH_OVER);
    cr_assert_str_eq(vnc_auth_reason(auth), "the peer closed the connection");
    finish(policy);
}
#endif
