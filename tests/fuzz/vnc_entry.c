/*
 * Hostile strangers: what comes in front of RFB's messages. A VNC server listens on loopback and on
 * a path, with a password or not, a name, TLS, certificates; strangers come each way and say what
 * they like: versions, security types, VeNCrypt, TLS with a certificate or without, HTTP. The
 * input's first byte says what the server is. Then steps, each a byte that says what and a byte of
 * argument; what takes long to find by chance (a handshake of TLS, the answer to a challenge) a
 * step does. Nothing may crash or hang, and the next one who comes must still be greeted.
 */
#include <config.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/vnc_machine.h"

#if CONFIG_GNUTLS && CONFIG_NETTLE
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <nettle/des.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "tests/vnc_certs.h"
#include "ui/vnc/transport/auth.h"
#include "ui/vnc/transport/tls.h"

/* The first byte: the lowest two bits are the credentials. */
enum { PASSWORD = 4, NAMED = 8, PLACES = 16, ALONE = 32, HASTY = 64 };
enum {
    CONNECT,   /* how; to the place of the one that is least recent */
    PICK,      /* goes on with that one */
    SEND,      /* length */
    SEND_MANY, /* the next of that length, as often as the argument says */
    WORD,      /* one of `words` */
    READ,      /* what there is */
    TLS,       /* the peer's handshake: by certificates or not, showing whose */
    ANSWER,    /* to the last 16 bytes; bit 0: wrongly; 2: in a frame */
    PLAIN,     /* the name (bit 0: a wrong one) and the password (bit 1; 2: in a frame) */
    WAIT,      /* until a silent one has been taken for a viewer's */
    CHANGE,    /* of the password */
    LISTEN,    /* elsewhere */
    RENEW,     /* other credentials */
    HANG_UP,
    STEP_COUNT
};
enum { STEPS_MAX = 96, MANY_MAX = 32, WAITS_MAX = 2, PEERS = 4, PATIENCE_US = 2000 };
#define SECRET "sesame"
#define USER "ali"

struct peer {
    int fd;
    gnutls_session_t tls; /* NULL: not yet */
    uint8_t last[16];     /* what it read last */
};

struct party {
    struct vnc_machine *vm;
    struct peer peers[PEERS];
    struct peer *p; /* who acts */
    unsigned coming, waits;
};

/* ---- for the whole process ------------------------------------------------------------------- */

static char dir[] = "/tmp/vemu-fuzz-entry-XXXXXX";
static char place[64]; /* "unix:..." */
static struct vnc_tls_creds *creds[4];
static gnutls_anon_client_credentials_t anon;
static gnutls_certificate_credentials_t shown[3]; /* nothing, the viewer's, the stranger's */

static void clean_up(void)
{
    static const char *const files[] = {"ca-cert",       "ca-key",      "server-cert",
                                        "server-key",    "viewer-cert", "viewer-key",
                                        "stranger-cert", "stranger-key"};
    char path[96];

    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        snprintf(path, sizeof path, "%s/%s.pem", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
    for (unsigned i = 0; i < ARRAY_SIZE(creds); i++)
        vnc_tls_creds_free(creds[i]);
    gnutls_anon_free_client_credentials(anon);
    for (unsigned i = 0; i < ARRAY_SIZE(shown); i++)
        gnutls_certificate_free_credentials(shown[i]);
}

static void set_up(void)
{
    static const char *const who[] = {NULL, "viewer", "stranger"};
    char cert[96], key[96];

    if (!mkdtemp(dir))
        fuzz_fail("no directory");
    atexit(clean_up);
    snprintf(place, sizeof place, "unix:%s/vnc", dir);
    vnc_certs_make(dir);
    for (unsigned i = 1; i < ARRAY_SIZE(creds); i++) {
        const struct vnc_tls_config cfg = {
            .what = "-object tls", .x509 = i > 1, .dir = dir, .verify_peer = i > 2};
        creds[i] = vnc_tls_creds_new(&cfg, NULL);
        if (!creds[i])
            fuzz_fail("no credentials");
    }
    certs_must(gnutls_anon_allocate_client_credentials(&anon));
    for (unsigned i = 0; i < ARRAY_SIZE(shown); i++) {
        certs_must(gnutls_certificate_allocate_credentials(&shown[i]));
        snprintf(cert, sizeof cert, "%s/%s-cert.pem", dir, who[i] ? who[i] : "");
        snprintf(key, sizeof key, "%s/%s-key.pem", dir, who[i] ? who[i] : "");
        if (who[i])
            certs_must(
                gnutls_certificate_set_x509_key_file(shown[i], cert, key, GNUTLS_X509_FMT_PEM));
    }
}

/* ---- a peer ---------------------------------------------------------------------------------- */

static void peer_leave(struct peer *p)
{
    if (p->tls)
        gnutls_deinit(p->tls);
    if (p->fd >= 0)
        close(p->fd);
    *p = (struct peer){.fd = -1};
}

/* Until the server has read what was sent, or does not want to. */
static void settle(const struct peer *p)
{
    for (int us = 0; us < PATIENCE_US; us += 100) {
        int left = 0;
        usleep(100);
        if (ioctl(p->fd, SIOCOUTQ, &left) < 0 || left == 0)
            break;
    }
}

static void peer_send(struct peer *p, const void *data, size_t len)
{
    if (p->fd < 0 || !len)
        return;
    if (p->tls)
        gnutls_record_send(p->tls, data, len);
    else
        (void)!send(p->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    settle(p);
}

static ssize_t receive(struct peer *p, void *buf, size_t len)
{
    return p->tls ? gnutls_record_recv(p->tls, buf, len) : recv(p->fd, buf, len, MSG_DONTWAIT);
}

static void peer_read(struct peer *p)
{
    static uint8_t buf[16384];
    struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
    ssize_t n;

    if (p->fd < 0 || poll(&pfd, 1, PATIENCE_US / 1000) <= 0)
        return;
    while ((n = receive(p, buf, sizeof buf)) > 0) {
        size_t keep = MIN((size_t)n, sizeof p->last);
        memmove(p->last, p->last + keep, sizeof p->last - keep);
        memcpy(p->last + sizeof p->last - keep, buf + n - keep, keep);
    }
}

static void peer_tls(struct peer *p, unsigned how)
{
    int result = GNUTLS_E_AGAIN;

    if (p->fd < 0 || p->tls)
        return;
    certs_must(gnutls_init(&p->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL));
    if (how & 1) {
        gnutls_set_default_priority(p->tls);
        gnutls_credentials_set(p->tls, GNUTLS_CRD_CERTIFICATE,
                               shown[(how >> 1) % ARRAY_SIZE(shown)]);
    } else {
        gnutls_priority_set_direct(p->tls, "NORMAL:-VERS-TLS1.3:+ANON-ECDH:+ANON-DH", NULL);
        gnutls_credentials_set(p->tls, GNUTLS_CRD_ANON, anon);
    }
    gnutls_transport_set_int(p->tls, p->fd);
    for (unsigned turns = 0; turns < 50 && !gnutls_error_is_fatal(result); turns++) {
        struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
        result = gnutls_handshake(p->tls);
        if (result == GNUTLS_E_SUCCESS)
            return;
        poll(&pfd, 1, PATIENCE_US / 1000);
    }
    gnutls_deinit(p->tls); /* what it sends from now on is nonsense */
    p->tls = NULL;
}

/* As a browser's, or not: in a frame of WebSocket that is masked with zeros. */
static void peer_say(struct peer *p, bool framed, const void *data, uint8_t len)
{
    uint8_t frame[6 + 125] = {0x82, 0x80 | len};

    memcpy(frame + 6, data, len);
    if (framed)
        peer_send(p, frame, 6u + len);
    else
        peer_send(p, data, len);
}

/* RFC 6143, section 7.2.2: the password's bytes, each with its bits the other way round. */
static void peer_answer(struct peer *p, unsigned how)
{
    static const char password[8] = SECRET;
    struct des_ctx des;
    uint8_t key[8] = {0}, answer[16];

    for (unsigned i = 0; i < sizeof key; i++) {
        for (unsigned bit = 0; bit < 8; bit++)
            key[i] |= (uint8_t)((password[i] >> bit & 1) << (7 - bit));
    }
    des_set_key(&des, key);
    des_encrypt(&des, sizeof answer, answer, p->last);
    answer[0] ^= how & 1;
    peer_say(p, how & 4, answer, sizeof answer);
}

static void peer_plain(struct peer *p, unsigned how)
{
    uint8_t message[64];
    size_t at = 8;

    store_be32(message, sizeof USER - 1);
    store_be32(message + 4, sizeof SECRET - 1);
    memcpy(message + at, USER, sizeof USER - 1);
    message[at] ^= how & 1;
    at += sizeof USER - 1;
    memcpy(message + at, SECRET, sizeof SECRET - 1);
    message[at] ^= how >> 1 & 1;
    peer_say(p, how & 4, message, (uint8_t)(at + sizeof SECRET - 1));
}

#define WORD_OF(text)                                                                              \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
#define HOST_LINE "Host: localhost\r\n"
/* A frame of WebSocket's, masked with zeros. */
#define FRAME(len, text) "\x82" len "\0\0\0\0" text
static const struct {
    const char *text;
    size_t len;
} words[] = {
    WORD_OF("RFB 003.003\n"),
    WORD_OF("RFB 003.007\n"),
    WORD_OF("RFB 003.008\n"),
    WORD_OF("\1"),       /* 3: None; to be shared */
    WORD_OF("\2"),       /* VNC's challenge */
    WORD_OF("\23"),      /* VeNCrypt */
    WORD_OF("\0\2"),     /* 6: its version */
    WORD_OF("\0\0\1\0"), /* Plain */
    WORD_OF("\0\0\1\1"),
    WORD_OF("\0\0\1\2"),
    WORD_OF("\0\0\1\3"), /* 10: TLS, Plain */
    WORD_OF("\0\0\1\4"),
    WORD_OF("\0\0\1\5"),
    WORD_OF("\0\0\1\6"),             /* 13: X.509, Plain */
    WORD_OF("\3\0\0\0\0\0\1\0\1\0"), /* a picture, please */
    WORD_OF("GET / HTTP/1.1\r\n" HOST_LINE "\r\n"),
    WORD_OF("GET /rfb HTTP/1.1\r\n" HOST_LINE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
    WORD_OF(FRAME("\x8c", "RFB 003.008\n")), /* 17 */
    WORD_OF(FRAME("\x81", "\1")),
    WORD_OF(FRAME("\x81", "\23")),
    WORD_OF(FRAME("\x82", "\0\2")),
    WORD_OF(FRAME("\x84", "\0\0\1\0")),
    WORD_OF("\0"), /* 22: to be alone */
    WORD_OF("POST / HTTP/1.1\r\n" HOST_LINE "\r\n"),
    WORD_OF(FRAME("\x81", "\2")), /* 24 */
};

/* ---- the server ------------------------------------------------------------------------------ */

static int by_socket(struct vnc_machine *vm, bool known)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        fuzz_fail("no sockets");
    if (!vnc_server_add_client(vm->server, pair[0], known, NULL))
        close(pair[0]);
    return pair[1];
}

/* To the nth of the places where it listens; -1: there is none. */
static int by_listener(struct vnc_machine *vm, unsigned n)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct vnc_info info;
    int fd = -1, ok = -1;

    vnc_server_info(vm->server, &info);
    free(info.clients);
    if (n >= info.listener_count)
        return -1;
    const struct vnc_address *a = &info.listeners[n].address;
    if (strcmp(a->family, "unix") == 0) {
        snprintf(un.sun_path, sizeof un.sun_path, "%s", a->host);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        ok = connect(fd, (struct sockaddr *)&un, sizeof un);
    } else if (strcmp(a->family, "ipv4") == 0) {
        in.sin_port = htons((uint16_t)strtoul(a->service, NULL, 10));
        fd = socket(AF_INET, SOCK_STREAM, 0);
        ok = connect(fd, (struct sockaddr *)&in, sizeof in);
    }
    if (ok < 0 && fd >= 0)
        close(fd);
    return ok < 0 ? -1 : fd;
}

static void come(struct party *t, unsigned how)
{
    t->p = &t->peers[t->coming++ % PEERS];
    peer_leave(t->p);
    t->p->fd = how % 5 < 3 ? by_listener(t->vm, how % 5) : by_socket(t->vm, how % 5 == 4);
    if (t->p->fd >= 0) {
        fcntl(t->p->fd, F_SETFL, O_NONBLOCK);
        settle(t->p);
    }
}

static void change_password(struct vnc_server *s, unsigned how)
{
    switch (how % 6) {
    case 0:
        vnc_server_set_password(s, SECRET, NULL);
        break;
    case 1:
        vnc_server_set_password(s, "", NULL);
        break;
    case 2:
        vnc_server_expire_password(s, 1);
        break;
    case 3:
        vnc_server_expire_password(s, INT64_MAX);
        break;
    case 4:
        vnc_server_disconnect(s);
        break;
    case 5: {
        char text[300];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = 0;
        vnc_server_set_password(s, text, NULL);
        break;
    }
    }
}

/* None of these takes a port that somebody else might want. */
static void listen_elsewhere(struct vnc_server *s, unsigned how)
{
    const char *const addresses[] = {"tcp:127.0.0.1:0", place,     "none",  "fd:0",
                                     "[::1]:77777",     "nowhere", "unix:", "tcp:[::1]:0"};
    const char *two[] = {addresses[how % ARRAY_SIZE(addresses)],
                         addresses[how / ARRAY_SIZE(addresses) % ARRAY_SIZE(addresses)]};

    vnc_server_listen(s, two, 1 + (how >> 7), NULL);
}

static void greeted(struct vnc_machine *vm)
{
    struct viewer v = {.fd = -1};
    char version[12];

    for (unsigned tries = 0; v.fd < 0; tries++) {
        int pair[2];
        if (tries > VM_WAIT_MS)
            fuzz_fail("strangers that have left are never forgotten");
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
            fuzz_fail("no sockets");
        if (vnc_server_add_client(vm->server, pair[0], false, NULL)) {
            v.fd = pair[1];
        } else {
            close(pair[0]);
            close(pair[1]);
            usleep(1000);
        }
    }
    if (!v_read(&v, version, sizeof version) || memcmp(version, "RFB 003.008\n", sizeof version))
        fuzz_fail("the next one is not greeted");
    v_close(&v);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void act(struct party *t, unsigned step, unsigned n)
{
    struct vnc_server *s = t->vm->server;

    switch (step) {
    case CONNECT:
        come(t, n);
        break;
    case PICK:
        t->p = &t->peers[n % PEERS];
        break;
    case WORD:
        peer_send(t->p, words[n % ARRAY_SIZE(words)].text, words[n % ARRAY_SIZE(words)].len);
        break;
    case READ:
        peer_read(t->p);
        break;
    case TLS:
        peer_tls(t->p, n);
        break;
    case ANSWER:
        peer_answer(t->p, n);
        break;
    case PLAIN:
        peer_plain(t->p, n);
        break;
    case WAIT:
        if (t->waits++ < WAITS_MAX)
            usleep(60000);
        break;
    case CHANGE:
        change_password(s, n);
        break;
    case LISTEN:
        listen_elsewhere(s, n);
        break;
    case RENEW:
        vnc_server_set_creds(s, creds[n % ARRAY_SIZE(creds)]);
        break;
    case HANG_UP:
        if (t->p->fd >= 0)
            shutdown(t->p->fd, n & 1 ? SHUT_RDWR : SHUT_WR);
        break;
    }
}

static void run(struct party *t, const uint8_t *data, size_t size)
{
    for (size_t at = 0, steps = 0; at + 1 < size && steps < STEPS_MAX; steps++) {
        unsigned step = data[at] % STEP_COUNT, n = data[at + 1], times = 1;
        at += 2;
        if (step != SEND && step != SEND_MANY) {
            act(t, step, n);
            continue;
        }
        if (step == SEND_MANY) {
            times = n % MANY_MAX;
            n = at < size ? data[at++] : 0;
        }
        n = (unsigned)MIN(n, size - at);
        while (times--)
            peer_send(t->p, data + at, n);
        at += n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = size ? data[0] : 0;

    if (!place[0])
        set_up();
    const struct vnc_config cfg = {.id = "default",
                                   .origin = "-vnc",
                                   .address = how & PLACES ? place : "tcp:127.0.0.1:0",
                                   .websocket = "tcp:127.0.0.1:0",
                                   .creds = creds[how & 3],
                                   .password = (how & PASSWORD) != 0,
                                   .username = how & PASSWORD && how & NAMED ? USER : NULL,
                                   .connections = how & ALONE ? 1 : 0,
                                   .handshake_ms = how & HASTY ? 40 : 0};
    struct party t = {.vm = vm_new(&cfg)};

    if (!t.vm->server)
        fuzz_fail("no server");
    if (how & PASSWORD)
        vnc_server_set_password(t.vm->server, SECRET, NULL);
    for (unsigned i = 0; i < PEERS; i++)
        t.peers[i].fd = -1;
    t.p = &t.peers[0];
    if (size)
        run(&t, data + 1, size - 1);
    for (unsigned i = 0; i < PEERS; i++)
        peer_leave(&t.peers[i]);
    greeted(t.vm);
    vm_free(t.vm);
    return 0;
}
#else
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data, (void)size;
    return 0;
}
#endif
