/*
 * TLS for streams, by gnutls: the server's credentials, and the layer that is TLS over any stream.
 *
 * Credentials are made once, are not changed afterwards, and may be used by any number of threads.
 * They are counted: whoever keeps them, as streams do, has them until it frees them. A stream is as
 * stream.h says.
 */
#ifndef UI_VNC_TRANSPORT_TLS_H
#define UI_VNC_TRANSPORT_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct vemu_error;
struct vnc_stream;
struct vnc_tls_creds;

/* What -object tls-creds-anon and tls-creds-x509 say. The strings are only used during the call. */
struct vnc_tls_config {
    const char *what; /* the option, for sentences */
    bool x509;        /* else anonymous: nobody proves who he is */
    const char
        *dir; /* x509: has server-cert.pem, server-key.pem, ca-cert.pem, perhaps ca-crl.pem */
    bool verify_peer;         /* x509: viewers need a certificate that ca-cert.pem vouches for */
    const char *priority;     /* gnutls' priority string; NULL: its usual one */
    const char *key_password; /* of an encrypted server-key.pem; NULL: none */
};

/* NULL and the error: gnutls is not there, or a file is missing or wrong, which the sentence names.
 */
struct vnc_tls_creds *vnc_tls_creds_new(const struct vnc_tls_config *cfg, struct vemu_error **errp);
/* One more user of them; NULL is allowed. Returns the same. */
const struct vnc_tls_creds *vnc_tls_creds_ref(const struct vnc_tls_creds *creds);
/* One less; the last one frees them. NULL is allowed. */
void vnc_tls_creds_free(const struct vnc_tls_creds *creds);
bool vnc_tls_creds_is_x509(const struct vnc_tls_creds *creds);

/*
 * TLS on top of below, which it then owns; the handshake goes on with each read, write or flush.
 * How long it may take is the caller's to say; what a peer may send for it is bounded here. NULL
 * and the error: below is still the caller's.
 */
struct vnc_stream *vnc_tls_new(struct vnc_stream *below, const struct vnc_tls_creds *creds,
                               struct vemu_error **errp);
/* Is the handshake done? Only for a stream that vnc_tls_new made. */
bool vnc_tls_is_established(const struct vnc_stream *s);
/* The subject of the peer's certificate into buf, for any stack of streams; false: there is no TLS
 * in it, the peer showed none, or is not that far yet. */
bool vnc_tls_peer_name(const struct vnc_stream *s, char *buf, size_t len);

#endif
