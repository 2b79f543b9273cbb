/*
 * What a VNC server tells browsers: the page's files, the upgrade to WebSocket, and who is let in.
 * Made once by the server, constant from then on but for its credentials, and safe to use from any
 * thread while nobody changes those; it outlives every entry (entry.h) that has it.
 *
 * A page of another site must not get at a server that listens on loopback, by a name of its own
 * that leads here (Host) or by connecting from its own page (Origin). So without a password only
 * names are answered that nobody else can have: addresses, localhost, the host's own name, and the
 * one the server was told to listen on.
 */
#ifndef UI_VNC_TRANSPORT_WEB_H
#define UI_VNC_TRANSPORT_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request;
struct vemu_error;
struct vnc_tls_creds;
struct vnc_web;

struct vnc_web_config {
    const char *what; /* the option, for sentences */
    /* With credentials nothing is served but over TLS, which needs X.509 for browsers. Whoever made
     * it keeps them. */
    const struct vnc_tls_creds *creds;
    const char *name; /* that the server listens on, as the user gave it; NULL: none. Copied */
    bool any_name;    /* viewers have to show who they are, so that the name does not matter */
};

/* NULL and the error: libnettle is not there, or memory is short. */
struct vnc_web *vnc_web_new(const struct vnc_web_config *cfg, struct vemu_error **errp);
void vnc_web_free(struct vnc_web *web);
/* The credentials for TLS that browsers know; NULL: none. */
const struct vnc_tls_creds *vnc_web_creds(const struct vnc_web *web);
/* Others from now on. */
void vnc_web_set_creds(struct vnc_web *web, const struct vnc_tls_creds *creds);

/* An answer: head, then body. */
struct web_answer {
    char head[1536];
    size_t head_len;
    char text[320]; /* where the body is when it is not a file's */
    const uint8_t *body;
    size_t body_len;
    bool keep_alive;
    bool upgrade;      /* WebSocket follows */
    char problem[192]; /* for the log, of what somebody should know about; empty: nothing */
};

/* status: of http_parse when it refused (r is not used then), else 0. secure: it came over TLS. */
void vnc_web_answer(const struct vnc_web *web, const struct http_request *r, int status,
                    bool secure, struct web_answer *a);

#endif
