/*
 * Requests of HTTP/1.1 as a browser sends them (RFC 9112): one pure function that makes a request
 * of the bytes that have come, with every length bounded. What is not needed to serve a page and to
 * upgrade to WebSocket is refused, bodies above all. No state; any thread.
 */
#ifndef UI_VNC_TRANSPORT_HTTP_H
#define UI_VNC_TRANSPORT_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum {
    HTTP_REQUEST_MAX = 8192, /* bytes of a request's head */
    HTTP_FIELDS_MAX = 64,
    HTTP_PATH_MAX = 256,
    HTTP_NAME_MAX = 264, /* a host's name with its port, or an origin */
    HTTP_KEY_LENGTH = 24 /* of Sec-WebSocket-Key: 16 bytes in base64 */
};

enum http_status {
    HTTP_SWITCHING_PROTOCOLS = 101,
    HTTP_OK = 200,
    HTTP_MOVED = 308,
    HTTP_NOT_MODIFIED = 304,
    HTTP_BAD_REQUEST = 400,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_METHOD_NOT_ALLOWED = 405,
    HTTP_NOT_ACCEPTABLE = 406,
    HTTP_TOO_LARGE = 413,
    HTTP_PATH_TOO_LONG = 414,
    HTTP_MISDIRECTED = 421,
    HTTP_UPGRADE_REQUIRED = 426,
    HTTP_HEAD_TOO_LARGE = 431,
    HTTP_NOT_IMPLEMENTED = 501,
    HTTP_VERSION_NOT_SUPPORTED = 505,
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_OTHER };

struct http_request {
    enum http_method method;
    char path[HTTP_PATH_MAX]; /* without the query; not decoded: no file here has a name that needs
                                 it */
    char host[HTTP_NAME_MAX]; /* empty: none */
    char origin[HTTP_NAME_MAX]; /* empty: none */
    char etag[64];              /* of If-None-Match, when it is one only */
    char key[HTTP_KEY_LENGTH + 1];
    bool keep_alive;
    bool gzip;               /* is accepted */
    bool upgrade, websocket; /* Connection: upgrade; Upgrade: websocket */
    bool version_13;         /* Sec-WebSocket-Version */
    bool binary;             /* is among the protocols that the peer offers */
};

/*
 * The request at the start of data. Returns the length of its head; 0: it is not whole yet, and may
 * still become a request; negative: the status to refuse it with (-400, ...). *r is zeroed first.
 */
int http_parse(const char *data, size_t len, struct http_request *r);

/* "" for a status that is not of http_status. */
const char *http_status_text(enum http_status status);

#endif
