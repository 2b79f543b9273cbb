/* The sessions of a machine: running their commands, telling them of events; and sessions on
 * character back ends. See qmp.h. */
#include "core/monitor/qmp.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/chardev/chardev.h"
#include "core/device/machine.h"
#include "core/monitor/internal.h"
#include "core/util/error.h"

/* Commands of one session between two rounds of the main loop. */
enum { COMMANDS_A_ROUND = 16 };

/* ---- on a character back end; machine lock held ---------------------------------------------- */

static size_t chardev_session_write(struct qmp_session *s, const char *data, size_t len)
{
    return chardev_write(s->chr, (const uint8_t *)data, len);
}

static void chardev_session_idle(struct qmp_session *s)
{
    chardev_accept_input(s->chr);
}

/* A back end cannot be told to hang up: the session is mute until its peer has. */
static void chardev_session_give_up(struct qmp_session *s)
{
    log_msg(&s->qmp->m->log, LOG_WARN,
            "the client of monitor '%s' does not read: it gets no more until it connects again",
            chardev_id(s->chr));
}

static const struct qmp_transport chardev_transport = {
    .write = chardev_session_write,
    .idle = chardev_session_idle,
    .give_up = chardev_session_give_up,
};

static size_t can_receive(void *opaque)
{
    return session_room(opaque);
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    session_receive(opaque, (const char *)data, len);
}

static void receive_fd(void *opaque, int fd)
{
    session_add_fd(opaque, fd);
}

static void writable(void *opaque)
{
    session_flush(opaque);
}

static void event(void *opaque, enum chardev_event what)
{
    if (what == CHARDEV_OPENED)
        session_open(opaque);
    else if (what == CHARDEV_CLOSED)
        session_close(opaque);
}

static const struct chardev_frontend frontend = {
    .can_receive = can_receive,
    .receive = receive,
    .receive_fd = receive_fd,
    .writable = writable,
    .event = event,
};

bool qmp_add_chardev(struct qmp *q, struct chardev *chr, bool pretty, struct vemu_error **errp)
{
    struct qmp_session *s;
    bool ok;

    machine_lock(q->m);
    s = session_new(q, &chardev_transport);
    ok = s || error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    if (s) {
        s->chr = chr;
        s->pretty = pretty;
        ok = chardev_attach(chr, &frontend, s, errp);
        if (!ok)
            session_free(s);
    }
    machine_unlock(q->m);
    return ok;
}

/* ---- running commands ------------------------------------------------------------------------ */

bool qmp_pending(const struct qmp *q)
{
    return q->work;
}

/* One message of the session; false: none can run now, and the session may be gone. */
static bool run_one(struct qmp_session *s)
{
    enum session_take took = SESSION_NOTHING;
    struct vemu_machine *m = s->qmp->m;
    const char *wrong = NULL;
    char *text = NULL;
    size_t len = 0;

    machine_lock(m);
    if (session_ready(s))
        took = session_take(s, &text, &len, &wrong);
    if (took == SESSION_NOTHING && s->connected)
        s->transport->idle(s);
    machine_unlock(m);
    if (took == SESSION_MESSAGE)
        session_run(s, text, len);
    else if (took == SESSION_REFUSED)
        session_refuse(s, wrong);
    free(text);
    return took != SESSION_NOTHING;
}

/* Sessions come and go on the loop's thread only, which this is. */
void qmp_process(struct qmp *q)
{
    bool more = false;

    q->work = false;
    list_for_each_safe(s, &q->sessions, struct qmp_session, node)
    {
        unsigned n = 0;
        while (n < COMMANDS_A_ROUND && run_one(s))
            n++;
        more |= n == COMMANDS_A_ROUND;
    }
    for (struct list *node = q->humans.next; node != &q->humans; node = node->next)
        more |= human_process((struct qmp_human *)node);
    if (more) {
        q->work = true;
        loop_wake(q->m->loop);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

void qmp_event(struct qmp *q, const char *name, json_t *data)
{
    struct timespec now;
    json_t *value;
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    value = json_pack("{s:{s:I,s:I},s:s}", "timestamp", "seconds", (json_int_t)now.tv_sec,
                      "microseconds", (json_int_t)(now.tv_nsec / 1000), "event", name);
    if (data)
        json_object_set_new(value, "data", data);
    machine_lock(q->m);
    list_for_each(s, &q->sessions, struct qmp_session, node)
    {
        char *text = s->negotiated ? session_format(value, s->pretty, &len) : NULL;
        if (text)
            session_send_text(s, text, len);
        free(text);
    }
    machine_unlock(q->m);
    json_decref(value);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct qmp *qmp_new(struct vemu_machine *m, const struct qmp_schema *schema, void *opaque)
{
    struct qmp *q = calloc(1, sizeof *q);

    if (!q)
        return NULL;
    q->m = m;
    q->schema = schema;
    q->opaque = opaque;
    q->listener.fd = -1;
    list_init(&q->sessions);
    list_init(&q->humans);
    list_init(&q->named_fds);
    return q;
}

void qmp_free(struct qmp *q)
{
    if (!q)
        return;
    machine_lock(q->m);
    listen_free_clients(q);
    list_for_each_safe(s, &q->sessions, struct qmp_session, node)
    {
        session_flush(s);
        chardev_attach(s->chr, NULL, NULL, NULL);
        session_free(s);
    }
    while (!list_empty(&q->humans))
        human_free((struct qmp_human *)q->humans.next);
    machine_unlock(q->m);
    fds_free_named(q);
    free(q);
}
