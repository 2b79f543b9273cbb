/* One conversation: bytes to messages, messages to commands, replies to bytes. See internal.h. */
#include <stdlib.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/monitor/internal.h"
#include "core/util/range.h"

/* ---- life ------------------------------------------------------------------------------------ */

struct qmp_session *session_new(struct qmp *q, const struct qmp_transport *transport)
{
    struct qmp_session *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->qmp = q;
    s->transport = transport;
    s->fd = -1;
    list_add_tail(&q->sessions, &s->node);
    return s;
}

void session_free(struct qmp_session *s)
{
    list_remove(&s->node);
    session_close_fds(s);
    free(s->in);
    free(s->out);
    free(s);
}

void session_close(struct qmp_session *s)
{
    s->connected = s->negotiated = s->given_up = s->skip_line = false;
    s->in_start = s->in_len = s->out_len = 0;
    s->frame = (struct json_frame){0};
    session_close_fds(s);
}

void session_open(struct qmp_session *s)
{
    json_t *greeting = json_pack("{s:{s:o,s:[]}}", "QMP", "version",
                                 qmp_version_value(s->qmp->schema), "capabilities");
    size_t len;
    char *text = session_format(greeting, s->pretty, &len);

    session_close(s);
    s->connected = true;
    if (text)
        session_send_text(s, text, len);
    free(text);
    json_decref(greeting);
}

/* ---- input ----------------------------------------------------------------------------------- */

size_t session_room(const struct qmp_session *s)
{
    return s->connected ? QMP_MESSAGE_MAX - s->in_len : 0;
}

static bool reserve(char **buf, size_t *room, size_t wanted)
{
    size_t size = *room ? *room : 1024;
    char *bigger;

    while (size < wanted)
        size *= 2;
    if (size == *room)
        return true;
    bigger = realloc(*buf, size);
    if (!bigger)
        return false;
    *buf = bigger;
    *room = size;
    return true;
}

void session_receive(struct qmp_session *s, const char *data, size_t len)
{
    /* What was taken leaves the front only now: a message costs no move of those behind it. */
    if (s->in_start) {
        memmove(s->in, s->in + s->in_start, s->in_len);
        s->in_start = 0;
    }
    len = MIN(len, session_room(s));
    if (!reserve(&s->in, &s->in_room, s->in_len + len))
        return;
    memcpy(s->in + s->in_len, data, len);
    s->in_len += len;
    s->qmp->work = true;
}

static void drop_input(struct qmp_session *s, size_t len)
{
    s->in_start += len;
    s->in_len -= len;
    s->frame = (struct json_frame){0};
}

static void skip_rest_of_line(struct qmp_session *s)
{
    const char *line = memchr(s->in + s->in_start, '\n', s->in_len);

    s->skip_line = !line;
    drop_input(s, line ? (size_t)(line + 1 - (s->in + s->in_start)) : s->in_len);
}

bool session_ready(const struct qmp_session *s)
{
    return s->connected && !s->given_up && s->in_len && s->out_len < QMP_OUTPUT_PAUSE;
}

enum session_take session_take(struct qmp_session *s, char **text, size_t *len, const char **wrong)
{
    size_t end;

    if (s->skip_line)
        skip_rest_of_line(s);
    switch (json_frame_scan(&s->frame, s->in + s->in_start, s->in_len, &end)) {
    case JSON_FRAME_TEXT:
        *len = end - s->frame.start;
        *text = malloc(*len + 1);
        if (*text) {
            memcpy(*text, s->in + s->in_start + s->frame.start, *len);
            (*text)[*len] = 0;
        }
        drop_input(s, end);
        *wrong = "out of memory";
        return *text ? SESSION_MESSAGE : SESSION_REFUSED;
    case JSON_FRAME_BAD:
        drop_input(s, end);
        *wrong = "this is not JSON, or is nested too deeply; what came with it was dropped";
        return SESSION_REFUSED;
    case JSON_FRAME_MORE:
        break;
    }
    if (s->in_len < QMP_MESSAGE_MAX)
        return SESSION_NOTHING;
    drop_input(s, s->in_len);
    s->skip_line = true;
    *wrong = "the message has more than a mebibyte; it was dropped";
    return SESSION_REFUSED;
}

/* ---- output ---------------------------------------------------------------------------------- */

char *session_format(const json_t *value, bool pretty, size_t *len)
{
    char *text = value ? json_dumps(value, pretty ? JSON_INDENT(4) : 0) : NULL, *line;

    if (!text)
        return NULL;
    *len = strlen(text) + 2;
    line = realloc(text, *len + 1);
    if (!line) {
        free(text);
        return NULL;
    }
    memcpy(line + *len - 2, "\r\n", 3);
    return line;
}

void session_flush(struct qmp_session *s)
{
    size_t n;

    if (!s->out_len)
        return;
    n = s->transport->write(s, s->out, s->out_len);
    s->out_len -= n;
    memmove(s->out, s->out + n, s->out_len);
    if (s->out_len < QMP_OUTPUT_PAUSE && s->in_len)
        s->qmp->work = true;
}

void session_send_text(struct qmp_session *s, const char *text, size_t len)
{
    if (!s->connected || s->given_up)
        return;
    if (len > QMP_OUTPUT_MOST - s->out_len || !reserve(&s->out, &s->out_room, s->out_len + len)) {
        s->given_up = true;
        s->transport->give_up(s);
        return;
    }
    memcpy(s->out + s->out_len, text, len);
    s->out_len += len;
    session_flush(s);
}

void session_reply(struct qmp_session *s, json_t *reply)
{
    static const char nothing[] =
        "{\"error\": {\"class\": \"GenericError\", \"desc\": \"out of memory\"}}\r\n";
    size_t len;
    char *text = session_format(reply, s->pretty, &len);

    json_decref(reply);
    machine_lock(s->qmp->m);
    session_send_text(s, text ? text : nothing, text ? len : sizeof nothing - 1);
    machine_unlock(s->qmp->m);
    free(text);
}

/* ---- commands -------------------------------------------------------------------------------- */

static json_t *error_value(const struct qmp_error *err)
{
    return json_pack("{s:{s:s,s:o}}", "error", "class", qmp_class_name(err->class), "desc",
                     qmp_string(err->text));
}

void session_refuse(struct qmp_session *s, const char *wrong)
{
    struct qmp_error err;

    qmp_fail(&err, QMP_GENERIC_ERROR, "%s", wrong);
    session_reply(s, error_value(&err));
}

/* No capability is offered, so none can be asked for. */
static json_t *negotiate(struct qmp_session *s, json_t *args, struct qmp_error *err)
{
    json_t *enable = json_object_get(args, "enable");

    if (json_array_size(enable))
        return qmp_fail(err, QMP_GENERIC_ERROR, "capability '%.40s' is not among those offered",
                        json_string_value(json_array_get(enable, 0)));
    s->negotiated = true;
    return json_object();
}

static json_t *run_command(struct qmp_session *s, const char *name, json_t *args,
                           struct qmp_error *err)
{
    const struct qmp_schema *schema = s->qmp->schema;
    bool negotiation = strcmp(name, "qmp_capabilities") == 0;
    const struct qmp_command *command = qmp_command_find(schema, name);

    if (!s->negotiated && !negotiation)
        return qmp_fail(err, QMP_COMMAND_NOT_FOUND,
                        "'%.80s' must wait: the first command is qmp_capabilities", name);
    if (s->negotiated && negotiation)
        return qmp_fail(err, QMP_COMMAND_NOT_FOUND,
                        "capabilities have been negotiated; qmp_capabilities is over");
    if (!command)
        return qmp_fail(err, QMP_COMMAND_NOT_FOUND, "there is no command '%.80s'", name);
    if (!qmp_check(command->arguments, args, "argument", err))
        return NULL;
    if (negotiation)
        return negotiate(s, args, err);
    s->qmp->current = s;
    json_t *result = command->run(s->qmp->opaque, args, err);
    s->qmp->current = NULL;
    return result;
}

/* {"execute": NAME, "arguments": {...}, "id": ANY} */
static json_t *run_message(struct qmp_session *s, const json_t *message, struct qmp_error *err)
{
    json_t *execute = json_object_get(message, "execute"), *args;
    json_t *given = json_object_get(message, "arguments"), *result;
    const char *key;
    json_t *item;

    json_object_foreach((json_t *)message, key, item)
    {
        if (strcmp(key, "execute") != 0 && strcmp(key, "arguments") != 0 && strcmp(key, "id") != 0)
            return qmp_fail(err, QMP_GENERIC_ERROR,
                            "a message has execute, arguments and id, but not '%.60s'", key);
    }
    if (!json_is_string(execute))
        return qmp_fail(err, QMP_GENERIC_ERROR,
                        "a message needs \"execute\" with the name of a command");
    if (given && !json_is_object(given))
        return qmp_fail(err, QMP_GENERIC_ERROR, "\"arguments\" must be an object");
    args = given ? json_incref(given) : json_object();
    result = run_command(s, json_string_value(execute), args, err);
    json_decref(args);
    return result;
}

void session_run(struct qmp_session *s, const char *text, size_t len)
{
    json_error_t where;
    json_t *message = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
    struct qmp_error err = {.text = ""};
    json_t *result = NULL, *id, *reply;

    if (!message)
        qmp_fail(&err, QMP_GENERIC_ERROR, "this is not JSON: %s", where.text);
    else if (!json_is_object(message))
        qmp_fail(&err, QMP_GENERIC_ERROR, "a message must be a JSON object");
    else
        result = run_message(s, message, &err);
    reply = result ? json_pack("{s:o}", "return", result) : error_value(&err);
    id = json_object_get(message, "id");
    if (id && reply)
        json_object_set(reply, "id", id);
    session_reply(s, reply);
    json_decref(message);
}
