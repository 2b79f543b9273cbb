/* Requests of HTTP/1.1: see http.h. */
#include "ui/vnc/transport/http.h"

#include <string.h>
#include <strings.h>

#include "core/util/range.h"

/* A piece of the request, which is not ended by a zero. */
struct text {
    const char *p;
    size_t len;
};

static bool is(struct text t, const char *what)
{
    return t.len == strlen(what) && strncasecmp(t.p, what, t.len) == 0;
}

static bool copy(char *to, size_t size, struct text t)
{
    if (t.len >= size)
        return false;
    memcpy(to, t.p, t.len);
    to[t.len] = 0;
    return true;
}

/* Up to the next `end`, and on behind it; all that is left when there is none. */
static struct text cut(struct text *rest, char end)
{
    const char *at = memchr(rest->p, end, rest->len);
    struct text t = {rest->p, at ? (size_t)(at - rest->p) : rest->len};
    size_t gone = t.len + (at != NULL);

    rest->p += gone;
    rest->len -= gone;
    return t;
}

static struct text trim(struct text t)
{
    while (t.len && (t.p[0] == ' ' || t.p[0] == '\t'))
        t.p++, t.len--;
    while (t.len && (t.p[t.len - 1] == ' ' || t.p[t.len - 1] == '\t'))
        t.len--;
    return t;
}

/* RFC 9110, section 5.6.2. */
static bool is_token(struct text t)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < t.len; i++) {
        char c = t.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c && strchr(marks, c))))
            return false;
    }
    return t.len > 0;
}

static bool is_printable(struct text t, bool spaces)
{
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.p[i];
        if (c == 0x7f || (c < 0x21 && !(spaces && (c == ' ' || c == '\t'))))
            return false;
    }
    return true;
}

/* Is `what` a member of the list? Parameters behind ';' do not count, except that q=0 takes it out.
 */
static bool list_has(struct text list, const char *what)
{
    while (list.len) {
        struct text parameters = cut(&list, ','), item = trim(cut(&parameters, ';'));
        struct text q = trim(parameters);
        if (is(item, what))
            return !(is(q, "q=0") || is(q, "q=0.0") || is(q, "q=0.00") || is(q, "q=0.000"));
    }
    return false;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static int once(char *to, size_t size, struct text value)
{
    if (to[0] || !value.len)
        return -HTTP_BAD_REQUEST;
    return copy(to, size, value) ? 0 : -HTTP_HEAD_TOO_LARGE;
}

static int host_field(struct http_request *r, struct text value)
{
    return once(r->host, sizeof r->host, value);
}

static int origin_field(struct http_request *r, struct text value)
{
    return once(r->origin, sizeof r->origin, value);
}

static int connection_field(struct http_request *r, struct text value)
{
    r->upgrade |= list_has(value, "upgrade");
    if (list_has(value, "close"))
        r->keep_alive = false;
    return 0;
}

static int upgrade_field(struct http_request *r, struct text value)
{
    r->websocket |= list_has(value, "websocket");
    return 0;
}

static int key_field(struct http_request *r, struct text value)
{
    if (value.len != HTTP_KEY_LENGTH)
        return -HTTP_BAD_REQUEST;
    return once(r->key, sizeof r->key, value);
}

static int version_field(struct http_request *r, struct text value)
{
    r->version_13 = is(value, "13");
    return 0;
}

static int protocol_field(struct http_request *r, struct text value)
{
    r->binary |= list_has(value, "binary");
    return 0;
}

static int encoding_field(struct http_request *r, struct text value)
{
    r->gzip |= list_has(value, "gzip");
    return 0;
}

static int etag_field(struct http_request *r, struct text value)
{
    copy(r->etag, sizeof r->etag, value); /* another one than ours: as if not given */
    return 0;
}

static int length_field(struct http_request *r, struct text value)
{
    (void)r;
    return is(value, "0") ? 0 : -HTTP_TOO_LARGE;
}

static int transfer_field(struct http_request *r, struct text value)
{
    (void)r, (void)value;
    return -HTTP_NOT_IMPLEMENTED;
}

static const struct {
    const char *name;
    int (*take)(struct http_request *r, struct text value);
} fields[] = {
    {"Host", host_field},
    {"Origin", origin_field},
    {"Connection", connection_field},
    {"Upgrade", upgrade_field},
    {"Sec-WebSocket-Key", key_field},
    {"Sec-WebSocket-Version", version_field},
    {"Sec-WebSocket-Protocol", protocol_field},
    {"Accept-Encoding", encoding_field},
    {"If-None-Match", etag_field},
    {"Content-Length", length_field},
    {"Transfer-Encoding", transfer_field},
};

static int parse_field(struct http_request *r, struct text line)
{
    struct text value = line, name = cut(&value, ':');

    /* Lines that go on with a space are not folded any more (RFC 9112, section 5.2). */
    if (name.len == line.len || !is_token(name) || !is_printable(value, true))
        return -HTTP_BAD_REQUEST;
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
        if (is(name, fields[i].name))
            return fields[i].take(r, trim(value));
    }
    return 0;
}

/* ---- the request line ------------------------------------------------------------------------ */

static bool starts_with(struct text *t, const char *prefix)
{
    size_t len = strlen(prefix);

    if (t->len < len || strncasecmp(t->p, prefix, len) != 0)
        return false;
    t->p += len;
    t->len -= len;
    return true;
}

static int parse_target(struct http_request *r, struct text target)
{
    if (starts_with(&target, "http://") || starts_with(&target, "https://")) {
        const char *slash = memchr(target.p, '/', target.len);
        target.len -= slash ? (size_t)(slash - target.p) : target.len;
        target.p = slash ? slash : target.p;
    }
    target = cut(&target, '?');
    if (!target.len || target.p[0] != '/' || memchr(target.p, '#', target.len))
        return -HTTP_BAD_REQUEST;
    return copy(r->path, sizeof r->path, target) ? 0 : -HTTP_PATH_TOO_LONG;
}

static int parse_first_line(struct http_request *r, struct text line)
{
    struct text rest = line, method = cut(&rest, ' '), target = cut(&rest, ' ');

    if (!is_token(method) || !is_printable(target, false) || !is_printable(rest, false))
        return -HTTP_BAD_REQUEST;
    if (rest.len != 8 || memcmp(rest.p, "HTTP/", 5) != 0)
        return -HTTP_BAD_REQUEST;
    if (rest.p[5] != '1' || rest.p[6] != '.' || rest.p[7] < '0' || rest.p[7] > '9')
        return -HTTP_VERSION_NOT_SUPPORTED;
    r->keep_alive = rest.p[7] != '0';
    /* Methods are told apart by case. */
    r->method = method.len == 3 && memcmp(method.p, "GET", 3) == 0    ? HTTP_GET
                : method.len == 4 && memcmp(method.p, "HEAD", 4) == 0 ? HTTP_HEAD
                                                                      : HTTP_OTHER;
    return parse_target(r, target);
}

/* The next line, without its CR LF. False: it is not whole, or has a CR elsewhere; *bad tells
 * which. */
static bool next_line(struct text *rest, struct text *line, bool *bad)
{
    const char *end = memchr(rest->p, '\n', rest->len);

    *bad = false;
    if (!end)
        return false;
    *line = cut(rest, '\n');
    if (!line->len || line->p[line->len - 1] != '\r' || memchr(line->p, '\r', line->len - 1)) {
        *bad = true;
        return false;
    }
    line->len--;
    return true;
}

int http_parse(const char *data, size_t len, struct http_request *r)
{
    struct text rest = {data, MIN(len, HTTP_REQUEST_MAX)}, line;
    unsigned count = 0;
    int status;
    bool bad;

    memset(r, 0, sizeof *r);
    if (!next_line(&rest, &line, &bad))
        return bad ? -HTTP_BAD_REQUEST : len >= HTTP_REQUEST_MAX ? -HTTP_PATH_TOO_LONG : 0;
    status = parse_first_line(r, line);
    while (status == 0) {
        if (!next_line(&rest, &line, &bad))
            return bad ? -HTTP_BAD_REQUEST : len >= HTTP_REQUEST_MAX ? -HTTP_HEAD_TOO_LARGE : 0;
        if (!line.len)
            return (int)(rest.p - data);
        status = ++count > HTTP_FIELDS_MAX ? -HTTP_HEAD_TOO_LARGE : parse_field(r, line);
    }
    return status;
}

const char *http_status_text(enum http_status status)
{
    static const struct {
        enum http_status status;
        const char *text;
    } texts[] = {
        {HTTP_SWITCHING_PROTOCOLS, "Switching Protocols"},
        {HTTP_OK, "OK"},
        {HTTP_MOVED, "Permanent Redirect"},
        {HTTP_NOT_MODIFIED, "Not Modified"},
        {HTTP_BAD_REQUEST, "Bad Request"},
        {HTTP_FORBIDDEN, "Forbidden"},
        {HTTP_NOT_FOUND, "Not Found"},
        {HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed"},
        {HTTP_NOT_ACCEPTABLE, "Not Acceptable"},
        {HTTP_TOO_LARGE, "Content Too Large"},
        {HTTP_PATH_TOO_LONG, "URI Too Long"},
        {HTTP_MISDIRECTED, "Misdirected Request"},
        {HTTP_UPGRADE_REQUIRED, "Upgrade Required"},
        {HTTP_HEAD_TOO_LARGE, "Request Header Fields Too Large"},
        {HTTP_NOT_IMPLEMENTED, "Not Implemented"},
        {HTTP_VERSION_NOT_SUPPORTED, "HTTP Version Not Supported"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    return "";
}
