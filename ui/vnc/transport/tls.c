/* TLS over a stream: see tls.h. */
#include "ui/vnc/transport/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "ui/vnc/transport/stream.h"
#include "ui/vnc/transport/tls_creds.h"

#if CONFIG_GNUTLS
enum {
    RECORD_MAX = 16384,             /* bytes of plain text in a record (RFC 8446, section 5.1) */
    HANDSHAKE_MESSAGE_MAX = 65536,  /* a chain of certificates fits */
    HANDSHAKE_BYTES_MAX = 4 * 65536 /* all that a peer may send before the handshake is done */
};

struct tls_stream {
    struct vnc_stream s;
    const struct vnc_tls_creds *creds;
    gnutls_session_t session;
    bool established;
    size_t handshake_bytes;
    bool held; /* gnutls has a record that the stream below did not take whole */
    /* Records are made of several small pieces. */
    uint8_t record[RECORD_MAX];
};

static ssize_t pull(gnutls_transport_ptr_t opaque, void *data, size_t len)
{
    struct tls_stream *t = opaque;
    ssize_t n = vnc_stream_read(t->s.below, data, len);

    if (n == VNC_STREAM_WAIT) {
        t->creds->lib.transport_set_errno(t->session, EAGAIN);
        return -1;
    }
    if (n < 0)
        return 0;
    if (!t->established && (t->handshake_bytes += (size_t)n) > HANDSHAKE_BYTES_MAX) {
        vnc_stream_fail(&t->s, "the TLS handshake is longer than %d bytes", HANDSHAKE_BYTES_MAX);
        t->creds->lib.transport_set_errno(t->session, EIO);
        return -1;
    }
    return n;
}

static ssize_t push(gnutls_transport_ptr_t opaque, const giovec_t *iov, int count)
{
    struct tls_stream *t = opaque;
    /* giovec_t is struct iovec by another name. */
    ssize_t n = vnc_stream_write(t->s.below, (const struct iovec *)iov,
                                 (unsigned)MIN(count, (int)VNC_STREAM_IOV_MAX));

    _Static_assert(sizeof(giovec_t) == sizeof(struct iovec), "the same");
    if (n > 0)
        return n;
    t->creds->lib.transport_set_errno(t->session, n == VNC_STREAM_WAIT ? EAGAIN : EPIPE);
    return -1;
}

/* What a call of gnutls that gave no bytes means. */
static ssize_t no_bytes(struct tls_stream *t, ssize_t code, const char *what)
{
    const struct tls_library *lib = &t->creds->lib;

    if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED)
        return VNC_STREAM_WAIT;
    if (t->s.below->over)
        return vnc_stream_fail(&t->s, NULL);
    /* What a viewer that does not say goodbye leaves behind. */
    if (t->established && (code == 0 || code == GNUTLS_E_PREMATURE_TERMINATION))
        return vnc_stream_fail(&t->s, NULL);
    return vnc_stream_fail(&t->s, "%s: %s", what, lib->strerror((int)code));
}

static bool handshake(struct tls_stream *t)
{
    int code;

    if (t->established)
        return true;
    code = t->creds->lib.handshake(t->session);
    if (code == GNUTLS_E_SUCCESS) {
        t->established = true;
        return true;
    }
    /* An alert to us that ends nothing, for example "no certificate": go on. */
    if (!t->creds->lib.error_is_fatal(code))
        return false;
    if (!t->s.over)
        t->creds->lib.alert_send_appropriate(t->session, code);
    no_bytes(t, code, "the TLS handshake failed");
    return false;
}

static ssize_t tls_read(struct vnc_stream *s, void *data, size_t len)
{
    struct tls_stream *t = (struct tls_stream *)s;
    ssize_t n;

    if (!handshake(t))
        return s->over ? VNC_STREAM_OVER : VNC_STREAM_WAIT;
    n = t->creds->lib.record_recv(t->session, data, len);
    if (n > 0)
        return n;
    if (n == GNUTLS_E_REHANDSHAKE)
        return vnc_stream_fail(s, "the peer wants another TLS handshake");
    return no_bytes(t, n, "reading over TLS");
}

static bool tls_flush(struct vnc_stream *s)
{
    struct tls_stream *t = (struct tls_stream *)s;
    ssize_t n;

    if (!handshake(t))
        return false;
    if (t->held) {
        n = t->creds->lib.record_send(t->session, NULL, 0);
        if (n < 0) {
            no_bytes(t, n, "writing over TLS");
            return false;
        }
        t->held = false;
    }
    return vnc_stream_flush(s->below);
}

/* The next record's bytes: straight from the caller's piece when it fills one, else gathered. */
static size_t next_record(struct tls_stream *t, const struct iovec *iov, unsigned count,
                          size_t done, const void **data)
{
    size_t len = 0;

    for (; count && done >= iov->iov_len; iov++, count--)
        done -= iov->iov_len;
    if (count && iov->iov_len - done >= RECORD_MAX) {
        *data = (const uint8_t *)iov->iov_base + done;
        return RECORD_MAX;
    }
    for (; count && len < RECORD_MAX; iov++, count--, done = 0) {
        size_t n = MIN(iov->iov_len - done, RECORD_MAX - len);
        memcpy(t->record + len, (const uint8_t *)iov->iov_base + done, n);
        len += n;
    }
    *data = t->record;
    return len;
}

static ssize_t tls_write(struct vnc_stream *s, const struct iovec *iov, unsigned count)
{
    struct tls_stream *t = (struct tls_stream *)s;
    const void *data;
    size_t done = 0, len;
    ssize_t n;

    while (tls_flush(s) && (len = next_record(t, iov, count, done, &data))) {
        n = t->creds->lib.record_send(t->session, data, len);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) {
            /* It is encrypted and kept by gnutls, so that these bytes are taken. */
            t->held = true;
            done += len;
        } else {
            no_bytes(t, n, "writing over TLS");
        }
    }
    return s->over ? VNC_STREAM_OVER : (ssize_t)done;
}

static unsigned tls_events(const struct vnc_stream *s, unsigned wanted)
{
    const struct tls_stream *t = (const struct tls_stream *)s;

    if (!t->established)
        wanted =
            t->creds->lib.record_get_direction(t->session) ? VNC_STREAM_WRITE : VNC_STREAM_READ;
    else if (t->held)
        wanted |= VNC_STREAM_WRITE;
    return vnc_stream_events(s->below, wanted);
}

static bool tls_pending(const struct vnc_stream *s)
{
    const struct tls_stream *t = (const struct tls_stream *)s;

    return t->creds->lib.record_check_pending(t->session) > 0 || vnc_stream_pending(s->below);
}

static void tls_close(struct vnc_stream *s)
{
    struct tls_stream *t = (struct tls_stream *)s;

    if (t->established && !s->over && tls_flush(s))
        t->creds->lib.bye(t->session, GNUTLS_SHUT_WR);
    t->creds->lib.deinit(t->session);
    vnc_tls_creds_free(t->creds);
    explicit_bzero(t->record, sizeof t->record);
    free(t);
}

static const struct vnc_stream_ops tls_ops = {
    .read = tls_read,
    .write = tls_write,
    .flush = tls_flush,
    .events = tls_events,
    .pending = tls_pending,
    .close = tls_close,
};

static int set_up(struct tls_stream *t)
{
    const struct tls_library *lib = &t->creds->lib;
    bool x509 = t->creds->x509 != NULL;
    int code = lib->priority_set(t->session, t->creds->priority);

    if (code >= 0)
        code = lib->credentials_set(t->session, x509 ? GNUTLS_CRD_CERTIFICATE : GNUTLS_CRD_ANON,
                                    x509 ? (void *)t->creds->x509 : (void *)t->creds->anon);
    if (code < 0)
        return code;
    if (t->creds->verify_peer) {
        lib->certificate_server_set_request(t->session, GNUTLS_CERT_REQUIRE);
        lib->session_set_verify_cert(t->session, NULL, 0);
    }
    lib->handshake_set_max_packet_length(t->session, HANDSHAKE_MESSAGE_MAX);
    lib->transport_set_ptr(t->session, t);
    lib->transport_set_pull_function(t->session, pull);
    lib->transport_set_vec_push_function(t->session, push);
    return 0;
}

struct vnc_stream *vnc_tls_new(struct vnc_stream *below, const struct vnc_tls_creds *creds,
                               struct vemu_error **errp)
{
    const struct tls_library *lib = &creds->lib;
    struct tls_stream *t = calloc(1, sizeof *t);
    int code;

    if (!t) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory for a TLS connection");
        return NULL;
    }
    t->creds = creds;
    t->s.ops = &tls_ops;
    /* NO_SIGNAL is about gnutls' own writing, which is not used; the socket's sends raise none. */
    code = lib->init(&t->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    if (code >= 0 && (code = set_up(t)) < 0)
        lib->deinit(t->session);
    if (code < 0) {
        free(t);
        error_set(errp, VEMU_ERROR_IO, "a TLS connection cannot be made: %s", lib->strerror(code));
        return NULL;
    }
    vnc_tls_creds_ref(creds);
    t->s.below = below;
    return &t->s;
}

bool vnc_tls_is_established(const struct vnc_stream *s)
{
    return ((const struct tls_stream *)s)->established;
}

bool vnc_tls_peer_name(const struct vnc_stream *s, char *buf, size_t len)
{
    const gnutls_datum_t *certificates;
    const struct tls_library *lib;
    const struct tls_stream *t;
    gnutls_x509_crt_t certificate;
    unsigned count = 0;
    bool ok;

    while (s && s->ops != &tls_ops)
        s = s->below;
    if (!s)
        return false;
    t = (const struct tls_stream *)s;
    lib = &t->creds->lib;
    if (!t->established || !t->creds->x509 ||
        !(certificates = lib->certificate_get_peers(t->session, &count)) || !count ||
        lib->x509_crt_init(&certificate) < 0)
        return false;
    ok = lib->x509_crt_import(certificate, &certificates[0], GNUTLS_X509_FMT_DER) >= 0 &&
         lib->x509_crt_get_dn(certificate, buf, &len) >= 0;
    lib->x509_crt_deinit(certificate);
    return ok;
}
#else
struct vnc_stream *vnc_tls_new(struct vnc_stream *below, const struct vnc_tls_creds *creds,
                               struct vemu_error **errp)
{
    (void)below, (void)creds;
    error_set(errp, VEMU_ERROR_UNSUPPORTED, "this build has no TLS");
    return NULL;
}

bool vnc_tls_is_established(const struct vnc_stream *s)
{
    (void)s;
    return false;
}

bool vnc_tls_peer_name(const struct vnc_stream *s, char *buf, size_t len)
{
    (void)s, (void)buf, (void)len;
    return false;
}
#endif
