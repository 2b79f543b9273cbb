/*
 * A monitor for people on a character back end: lines in, texts out. Bytes are edited as they come,
 * by the loop's callbacks; the line that is complete waits until commands may run (qmp_process),
 * and what comes behind it until it has. See qmp.h.
 */
#include <stdlib.h>
#include <string.h>

#include "core/chardev/chardev.h"
#include "core/device/machine.h"
#include "core/monitor/editor.h"
#include "core/monitor/internal.h"
#include "core/util/buffer.h"
#include "core/util/error.h"
#include "core/util/range.h"

enum { INPUT_MAX = 4096, LINES_A_ROUND = 16 };

struct qmp_human {
    struct list node; /* in qmp.humans */
    struct qmp *qmp;
    const struct qmp_human_ops *ops;
    struct chardev *chr;
    struct editor editor;
    bool greeted, complete; /* complete: the editor's line is to be run */
    char in[INPUT_MAX];
    size_t in_len;
    struct buffer out;
};

/* ---- machine lock held ----------------------------------------------------------------------- */

static void flush(struct qmp_human *h)
{
    size_t n = h->out.len ? chardev_write(h->chr, h->out.data, h->out.len) : 0;

    buffer_consume(&h->out, n);
    if (!h->out.len)
        buffer_clear(&h->out);
    if (h->complete && h->out.len < QMP_OUTPUT_PAUSE)
        h->qmp->work = true;
}

/* Who does not read loses what is said, past a bound that no command's text comes near. */
static void say(void *opaque, const char *text, size_t len)
{
    struct qmp_human *h = opaque;

    if (len <= QMP_OUTPUT_MOST - h->out.len)
        buffer_put(&h->out, text, len);
}

static const char *candidate(void *opaque, const char *typed, unsigned n)
{
    struct qmp_human *h = opaque;

    return h->ops->candidate(h->qmp->opaque, typed, n);
}

static const struct editor_ops editor_ops = {.put = say, .candidate = candidate};

static void edit(struct qmp_human *h)
{
    size_t i = 0;

    while (i < h->in_len && !h->complete)
        h->complete = editor_byte(&h->editor, (uint8_t)h->in[i++]);
    h->in_len -= i;
    memmove(h->in, h->in + i, h->in_len);
    flush(h);
}

static size_t can_receive(void *opaque)
{
    const struct qmp_human *h = opaque;

    return h->out.len < QMP_OUTPUT_PAUSE ? sizeof h->in - h->in_len : 0;
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct qmp_human *h = opaque;

    len = MIN(len, sizeof h->in - h->in_len);
    memcpy(h->in + h->in_len, data, len);
    h->in_len += len;
    edit(h);
}

static void writable(void *opaque)
{
    struct qmp_human *h = opaque;

    flush(h);
    chardev_accept_input(h->chr);
}

static void greet(struct qmp_human *h)
{
    if (!h->greeted)
        say(h, h->ops->greeting, strlen(h->ops->greeting));
    h->greeted = true;
    say(h, "\r\n", 2);
    editor_show(&h->editor);
    flush(h);
}

static void event(void *opaque, enum chardev_event what)
{
    struct qmp_human *h = opaque;

    switch (what) {
    case CHARDEV_OPENED:
        editor_reset(&h->editor);
        h->greeted = h->complete = false;
        h->in_len = 0;
        buffer_free(&h->out);
        if (!chardev_is_port(h->chr))
            greet(h);
        break;
    case CHARDEV_FOCUS:
        greet(h);
        break;
    default:
        break;
    }
}

static const struct chardev_frontend frontend = {
    .can_receive = can_receive,
    .receive = receive,
    .writable = writable,
    .event = event,
    .wants_focus = true,
};

/* ---- running --------------------------------------------------------------------------------- */

/* Without the machine lock; false: there is nothing to run now. */
static bool run_one(struct qmp_human *h)
{
    struct vemu_machine *m = h->qmp->m;
    char *text;

    machine_lock(m);
    const bool runs = h->complete && h->out.len < QMP_OUTPUT_PAUSE;
    machine_unlock(m);
    if (!runs)
        return false;
    /* Nobody edits a line that is complete. */
    text = h->ops->run(h->qmp->opaque, h->editor.line);
    machine_lock(m);
    if (text)
        say(h, text, strlen(text));
    h->complete = false;
    editor_next(&h->editor);
    editor_show(&h->editor);
    edit(h);
    chardev_accept_input(h->chr);
    machine_unlock(m);
    free(text);
    return true;
}

bool human_process(struct qmp_human *h)
{
    unsigned n = 0;

    while (n < LINES_A_ROUND && run_one(h))
        n++;
    return n == LINES_A_ROUND;
}

/* ---- life ------------------------------------------------------------------------------------ */

bool qmp_add_human(struct qmp *q, struct chardev *chr, const struct qmp_human_ops *ops,
                   struct vemu_error **errp)
{
    struct qmp_human *h = calloc(1, sizeof *h);
    bool ok;

    if (!h)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    h->qmp = q;
    h->ops = ops;
    h->chr = chr;
    h->out.limit = QMP_OUTPUT_MOST;
    editor_init(&h->editor, ops->prompt, &editor_ops, h);
    machine_lock(q->m);
    ok = chardev_attach(chr, &frontend, h, errp);
    if (ok)
        list_add_tail(&q->humans, &h->node);
    machine_unlock(q->m);
    if (!ok) {
        editor_free(&h->editor);
        free(h);
    }
    return ok;
}

void human_free(struct qmp_human *h)
{
    flush(h);
    chardev_attach(h->chr, NULL, NULL, NULL);
    list_remove(&h->node);
    editor_free(&h->editor);
    buffer_free(&h->out);
    free(h);
}
