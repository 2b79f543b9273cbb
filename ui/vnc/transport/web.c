/* What a VNC server tells browsers: see web.h. */
#include "ui/vnc/transport/web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/crypto/nettle_library.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "ui/vnc/page/page.h"
#include "ui/vnc/transport/http.h"
#include "ui/vnc/transport/tls.h"

enum { ACCEPT_LENGTH = 28 }; /* 20 bytes in base64 */

struct vnc_web {
    struct nettle_library nettle;
    const struct vnc_tls_creds *creds;
    bool any_name;
    char name[256]; /* empty: none */
    char own[256];  /* the host's */
};

/* Where the socket of the page is; noVNC's own page uses the second. */
static const char *const socket_paths[] = {"/rfb", "/websockify"};

/* Nothing but this server's own files is loaded, run, or connected to; images are also what RFB
 * brought. */
static const char always[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

/* ---- who is let in --------------------------------------------------------------------------- */

/* The name without its port, in lower case and without brackets; false: it makes no sense. */
static bool host_name(const char *host, char *name, size_t size)
{
    const char *end = host[0] == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    const char *port;
    size_t len;

    if (!end)
        return false;
    port = end + (*end == ']');
    if (port[0] && (port[0] != ':' || strspn(port + 1, "0123456789") != strlen(port + 1)))
        return false;
    host += host[0] == '[';
    len = (size_t)(end - host);
    if (!len || len >= size)
        return false;
    for (size_t i = 0; i < len; i++)
        name[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + 32 : host[i]);
    name[len] = 0;
    if (name[len - 1] == '.') /* the root of the DNS, said aloud */
        name[len - 1] = 0;
    return true;
}

static bool is_below(const char *name, const char *domain)
{
    size_t n = strlen(name), d = strlen(domain);

    return n > d && name[n - d - 1] == '.' && strcmp(name + n - d, domain) == 0;
}

/* A name that a stranger cannot have lead here. */
static bool is_ours(const struct vnc_web *web, const char *host)
{
    size_t own = strlen(web->own);
    struct in6_addr address;
    char name[256];

    if (!host_name(host, name, sizeof name))
        return false;
    return web->any_name || inet_pton(AF_INET, name, &address) == 1 ||
           inet_pton(AF_INET6, name, &address) == 1 || strcmp(name, "localhost") == 0 ||
           is_below(name, "localhost") || (web->name[0] && strcasecmp(name, web->name) == 0) ||
           (own && strncasecmp(name, web->own, own) == 0 && (!name[own] || name[own] == '.'));
}

/* The origin of a page that came from `host`, whether over TLS or a proxy that does that. */
static bool is_from(const char *origin, const char *host)
{
    bool https = strncasecmp(origin, "https://", 8) == 0;
    const char *usual = https ? ":443" : ":80";
    size_t n, h = strlen(host), u = strlen(usual);

    if (!https && strncasecmp(origin, "http://", 7) != 0)
        return false;
    origin += https ? 8 : 7;
    n = strlen(origin);
    /* Either may leave the usual port out. */
    if (n > u && strcmp(origin + n - u, usual) == 0)
        n -= u;
    if (h > u && strcmp(host + h - u, usual) == 0)
        h -= u;
    return n == h && strncasecmp(origin, host, n) == 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void head(struct web_answer *a, const char *fmt, ...)
{
    size_t room = sizeof a->head - a->head_len;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(a->head + a->head_len, room, fmt, ap);
    va_end(ap);
    /* Never cut: what goes into it is bounded, and the bounds add up to less than there is. */
    a->head_len += n > 0 ? MIN((size_t)n, room - 1) : 0;
}

static void start(struct web_answer *a, enum http_status status)
{
    head(a, "HTTP/1.1 %d %s\r\nServer: vemu\r\n%s", status, http_status_text(status), always);
    if (!a->keep_alive)
        head(a, "Connection: close\r\n");
}

__attribute__((format(printf, 3, 4))) static void say(struct web_answer *a, enum http_status status,
                                                      const char *fmt, ...)
{
    int n = snprintf(a->text, sizeof a->text, "%d %s\n\n", status, http_status_text(status));
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(a->text + n, sizeof a->text - (size_t)n, fmt, ap);
    va_end(ap);
    a->body = (const uint8_t *)a->text;
    a->body_len = strlen(a->text);
    start(a, status);
    head(a,
         "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"
         "Content-Length: %zu\r\n",
         a->body_len);
}

static void serve_file(const struct http_request *r, struct web_answer *a)
{
    const struct vnc_page_file *file =
        vnc_page_find(strcmp(r->path, "/") ? r->path : "/index.html");

    if (!file) {
        say(a, HTTP_NOT_FOUND, "There is nothing of that name here. The viewer is at /\n");
        return;
    }
    if (file->gzip && !r->gzip) {
        say(a, HTTP_NOT_ACCEPTABLE,
            "This file is kept compressed: ask for it with Accept-Encoding: gzip "
            "(curl --compressed)\n");
        return;
    }
    if (strcmp(r->etag, file->etag) == 0) {
        start(a, HTTP_NOT_MODIFIED);
        head(a, "ETag: %s\r\nCache-Control: no-cache\r\n", file->etag);
        return;
    }
    a->body = file->data;
    a->body_len = (size_t)(file->end - file->data);
    start(a, HTTP_OK);
    head(a, "Content-Type: %s\r\nETag: %s\r\nCache-Control: no-cache\r\nContent-Length: %zu\r\n%s",
         file->type, file->etag, a->body_len,
         file->gzip ? "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n" : "");
}

#if CONFIG_NETTLE
/* RFC 6455, section 4.2.2. */
static void accept_key(const struct nettle_library *nettle, const char *key, char *out)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t digest[SHA1_DIGEST_SIZE];
    struct sha1_ctx sha1;

    nettle->sha1_init(&sha1);
    nettle->sha1_update(&sha1, HTTP_KEY_LENGTH, (const uint8_t *)key);
    nettle->sha1_update(&sha1, sizeof guid - 1, (const uint8_t *)guid);
    nettle->sha1_digest(&sha1, sizeof digest, digest);
    nettle->base64_encode_raw(out, sizeof digest, digest);
    out[ACCEPT_LENGTH] = 0;
}
#else
static void accept_key(const struct nettle_library *nettle, const char *key, char *out)
{
    (void)nettle, (void)key;
    out[0] = 0; /* not reached: there is no vnc_web without it */
}
#endif

static void upgrade(const struct vnc_web *web, const struct http_request *r, struct web_answer *a)
{
    char key[ACCEPT_LENGTH + 1];

    if (r->origin[0] && !is_from(r->origin, r->host)) {
        a->keep_alive = false;
        snprintf(a->problem, sizeof a->problem, "a page of %.80s wanted to connect, and may not",
                 r->origin);
        say(a, HTTP_FORBIDDEN, "Pages of other sites may not connect to this screen.\n");
        return;
    }
    if (!r->version_13 || !r->upgrade || !r->websocket) {
        start(a, HTTP_UPGRADE_REQUIRED);
        head(a, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n");
        return;
    }
    if (!r->key[0]) {
        a->keep_alive = false;
        say(a, HTTP_BAD_REQUEST, "There is no Sec-WebSocket-Key.\n");
        return;
    }
    accept_key(&web->nettle, r->key, key);
    head(a,
         "HTTP/1.1 101 %s\r\nServer: vemu\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: %s\r\n%s",
         http_status_text(HTTP_SWITCHING_PROTOCOLS), key,
         r->binary ? "Sec-WebSocket-Protocol: binary\r\n" : "");
    a->upgrade = true;
}

static bool is_socket(const char *path)
{
    for (unsigned i = 0; i < ARRAY_SIZE(socket_paths); i++) {
        if (strcmp(path, socket_paths[i]) == 0)
            return true;
    }
    return false;
}

/* Somebody came without TLS, and the server wants it. */
static void send_to_tls(const struct vnc_web *web, const struct http_request *r,
                        struct web_answer *a)
{
    a->keep_alive = false;
    if (!vnc_tls_creds_is_x509(web->creds)) {
        say(a, HTTP_FORBIDDEN,
            "This screen is shown over TLS with anonymous credentials, which browsers do not "
            "know. Use a VNC viewer, or give the server X.509 credentials.\n");
        return;
    }
    say(a, HTTP_MOVED, "This screen is shown over TLS: https://%.120s%.80s\n", r->host, r->path);
    head(a, "Location: https://%s%s\r\n", r->host, r->path);
}

static void answer(const struct vnc_web *web, const struct http_request *r, bool secure,
                   struct web_answer *a)
{
    if (!r->host[0]) {
        a->keep_alive = false;
        say(a, HTTP_BAD_REQUEST, "The request names no host.\n");
    } else if (!is_ours(web, r->host)) {
        a->keep_alive = false;
        snprintf(a->problem, sizeof a->problem,
                 "a browser asked for the host %.80s, which is not a name of this one", r->host);
        say(a, HTTP_MISDIRECTED,
            "This server does not know the name '%.80s'. Open it by its address, or as "
            "localhost.\n",
            r->host);
    } else if (r->method == HTTP_OTHER) {
        a->keep_alive = false;
        say(a, HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.\n");
        head(a, "Allow: GET, HEAD\r\n");
    } else if (web->creds && !secure) {
        send_to_tls(web, r, a);
    } else if (is_socket(r->path) && r->method == HTTP_GET) {
        upgrade(web, r, a);
    } else {
        serve_file(r, a);
    }
}

void vnc_web_answer(const struct vnc_web *web, const struct http_request *r, int status,
                    bool secure, struct web_answer *a)
{
    a->head_len = 0;
    a->body = NULL;
    a->body_len = 0;
    a->upgrade = false;
    a->problem[0] = 0;
    a->keep_alive = status == 0 && r->keep_alive;
    if (status) {
        snprintf(a->problem, sizeof a->problem, "a request of HTTP was refused: %s",
                 http_status_text((enum http_status)status));
        say(a, (enum http_status)status, "This request is not one that can be answered here.\n");
    } else {
        answer(web, r, secure, a);
        if (r->method == HTTP_HEAD)
            a->body_len = 0;
    }
    head(a, "\r\n");
}

/* ---- life ------------------------------------------------------------------------------------ */

struct vnc_web *vnc_web_new(const struct vnc_web_config *cfg, struct vemu_error **errp)
{
    struct vnc_web *web = calloc(1, sizeof *web);

    if (!web) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", cfg->what);
        return NULL;
    }
    if (!nettle_library_open(&web->nettle, cfg->what, errp)) {
        free(web);
        return NULL;
    }
    web->creds = cfg->creds;
    web->any_name = cfg->any_name;
    snprintf(web->name, sizeof web->name, "%s", cfg->name ? cfg->name : "");
    if (gethostname(web->own, sizeof web->own - 1) != 0)
        web->own[0] = 0;
    return web;
}

void vnc_web_free(struct vnc_web *web)
{
    if (!web)
        return;
    nettle_library_close(&web->nettle);
    free(web);
}

const struct vnc_tls_creds *vnc_web_creds(const struct vnc_web *web)
{
    return web->creds && vnc_tls_creds_is_x509(web->creds) ? web->creds : NULL;
}

void vnc_web_set_creds(struct vnc_web *web, const struct vnc_tls_creds *creds)
{
    web->creds = creds;
}
