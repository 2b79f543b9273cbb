/* The command as a client of a machine's control socket. */
#define _GNU_SOURCE
#include <config.h>
#if CONFIG_JANSSON
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/control.h"

enum { LINE_MAX_BYTES = 8 << 20 };

static void because(struct control *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void because(struct control *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->why, sizeof c->why, fmt, ap);
    va_end(ap);
}

static bool send_all(struct control *c, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            because(c, "%s", n < 0 && errno == EAGAIN ? "it does not respond" : strerror(errno));
            return false;
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* The next line as JSON; NULL at the end or when it takes too long. */
static json_t *receive(struct control *c)
{
    char *end;

    while (!(end = c->len ? memchr(c->buf, '\n', c->len) : NULL)) {
        char *bigger = realloc(c->buf, c->len + 65536);
        ssize_t n;
        if (!bigger || c->len > LINE_MAX_BYTES) {
            free(bigger ? NULL : c->buf);
            c->buf = bigger;
            because(c, "it said too much");
            return NULL;
        }
        c->buf = bigger;
        n = recv(c->fd, c->buf + c->len, 65536, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            c->ended = n == 0 || errno == ECONNRESET;
            because(c, "%s", c->ended ? "it hung up" : "it does not respond");
            return NULL;
        }
        c->len += (size_t)n;
    }
    json_t *value = json_loadb(c->buf, (size_t)(end - c->buf), 0, NULL);
    c->len -= (size_t)(end + 1 - c->buf);
    memmove(c->buf, end + 1, c->len);
    if (!value)
        because(c, "it does not speak QMP");
    return value;
}

bool control_open(struct control *c, const char *path, int timeout_ms)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    struct ucred peer;
    socklen_t len = sizeof peer;
    json_t *greeting, *ready;

    *c = (struct control){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (strlen(path) >= sizeof addr.sun_path) {
        because(c, "the name is too long for a socket");
        return false;
    }
    strcpy(addr.sun_path, path);
    if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        connect(c->fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
        because(c, "%s", errno == EAGAIN ? "it does not respond" : strerror(errno));
        return false;
    }
    /* Of a connected socket: who listens. */
    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        c->pid = peer.pid;
    greeting = receive(c);
    if (greeting && !json_object_get(greeting, "QMP")) {
        because(c, "it does not speak QMP");
        json_decref(greeting);
        return false;
    }
    json_decref(greeting);
    ready = greeting ? control_ask(c, "qmp_capabilities", NULL) : NULL;
    json_decref(ready);
    return ready != NULL;
}

void control_close(struct control *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->buf);
    c->buf = NULL;
    c->fd = -1;
}

json_t *control_send(struct control *c, const json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT), *line = NULL;
    /* In one piece: the command is carried out at its last brace, and `quit` leaves nobody who
     * would take the end of the line. */
    int len = text ? asprintf(&line, "%s\r\n", text) : -1;
    bool sent = len >= 0 && send_all(c, line, (size_t)len);

    free(len >= 0 ? line : NULL);
    free(text);
    while (sent) {
        json_t *reply = receive(c);
        if (!reply || json_object_get(reply, "return") || json_object_get(reply, "error"))
            return reply;
        json_decref(reply); /* an event */
    }
    return NULL;
}

json_t *control_ask(struct control *c, const char *command, json_t *arguments)
{
    json_t *message = json_pack("{s:s}", "execute", command), *reply, *value;

    if (arguments)
        json_object_set_new(message, "arguments", arguments);
    reply = control_send(c, message);
    json_decref(message);
    value = json_incref(json_object_get(reply, "return"));
    if (reply && !value) {
        const char *desc =
            json_string_value(json_object_get(json_object_get(reply, "error"), "desc"));
        because(c, "%s", desc ? desc : "an error without a sentence");
    }
    json_decref(reply);
    return value;
}

static bool is_event(const json_t *message, const char *event, const char *key, const char *text)
{
    const char *name = json_string_value(json_object_get(message, "event"));
    const char *value = json_string_value(json_object_get(json_object_get(message, "data"), key));

    return name && value && strcmp(name, event) == 0 && strcmp(value, text) == 0;
}

bool control_wait_event(struct control *c, const char *event, const char *key, const char *text,
                        int seconds)
{
    time_t end = time(NULL) + seconds;
    bool found = false;

    while (!found && !c->ended) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        time_t left = end - time(NULL);
        json_t *message;
        if (left < 0 ||
            (!(c->len && memchr(c->buf, '\n', c->len)) && poll(&p, 1, (int)left * 1000) <= 0))
            break;
        message = receive(c);
        if (!message)
            break;
        found = is_event(message, event, key, text);
        json_decref(message);
    }
    return found;
}

bool control_wait_end(struct control *c)
{
    json_t *more;

    while ((more = receive(c)))
        json_decref(more);
    return c->ended;
}
#endif
