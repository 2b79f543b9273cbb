/*
 * Authentication of a viewer: everything between the security type that it chose and the
 * SecurityResult, which is the caller's to send. None, VNC's challenge, and VeNCrypt 0.2 with TLS
 * in between.
 *
 * Owned by the client it is for, and used by its thread. It reads from the stream no more than it
 * needs, writes its replies, and puts TLS on top of the stream when the viewer chose so. Every
 * message has a fixed or a bounded length. There are no timers in it: the caller says how long a
 * viewer may take.
 */
#ifndef UI_VNC_TRANSPORT_AUTH_H
#define UI_VNC_TRANSPORT_AUTH_H

#include <stdbool.h>
#include <stdint.h>

struct vnc_auth;
struct vnc_secrets;
struct vnc_stream;
struct vnc_tls_creds;

/* Security types (RFC 6143, section 7.1.2, and its registry). */
enum vnc_security { VNC_SECURITY_NONE = 1, VNC_SECURITY_VNC = 2, VNC_SECURITY_VENCRYPT = 19 };

/* What a server asks of its viewers. The secrets outlive every vnc_auth. */
struct vnc_auth_policy {
    struct vnc_secrets *secrets;       /* NULL: no password */
    const struct vnc_tls_creds *creds; /* NULL: no TLS */
};

/*
 * The security type to offer (there is one), for a stream that is over TLS already (`secure`), as a
 * browser's by https, or not. A viewer of RFB 3.3 gets it as it is; it does not know
 * VNC_SECURITY_VENCRYPT and has to be refused.
 */
enum vnc_security vnc_auth_security(const struct vnc_auth_policy *policy, bool secure);
/* The words of query-vnc for it: "none", "vnc", "vencrypt+tls+none", "vencrypt+x509+vnc", ... */
const char *vnc_auth_policy_name(const struct vnc_auth_policy *policy, bool secure);

/* The viewer chose what vnc_auth_security said. NULL: out of memory. The policy is copied. */
struct vnc_auth *vnc_auth_new(const struct vnc_auth_policy *policy, bool secure);
void vnc_auth_free(struct vnc_auth *auth);

enum vnc_auth_result {
    VNC_AUTH_WAIT,    /* call again when the stream is ready for vnc_auth_wants */
    VNC_AUTH_PASSED,  /* send SecurityResult: OK */
    VNC_AUTH_REFUSED, /* send SecurityResult: failed, with vnc_auth_reason, and close */
    VNC_AUTH_OVER     /* close: the stream is over, or what came makes no sense (vnc_auth_reason) */
};
/* Goes on as far as it can. *s is the topmost stream, and another one once TLS is there. */
enum vnc_auth_result vnc_auth_step(struct vnc_auth *auth, struct vnc_stream **s);
/* VNC_STREAM_READ or VNC_STREAM_WRITE, for vnc_stream_events. */
unsigned vnc_auth_wants(const struct vnc_auth *auth);
/* A sentence for the log and the viewer. */
const char *vnc_auth_reason(const struct vnc_auth *auth);
/* What the viewer chose, as vnc_auth_policy_name says it; valid once passed. */
const char *vnc_auth_name(const struct vnc_auth *auth);

#endif
