/*
 * Character back ends: the table of them, their option text, and the front end's side. See
 * chardev.h; the back ends' side is backend.h.
 *
 * Front ends are called from the loop's thread only. What other threads cause (input injected by
 * the embedder, a UART that has room again) arms `kick`, a timer that is due at once: unlike a
 * queued call it needs no memory and is gone when it is cancelled.
 */
#include "core/chardev/chardev.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/chardev/backend.h"
#include "core/device/machine.h"
#include "core/util/range.h"

enum { CTRL_A = 1 };

/* ---- to the front end ------------------------------------------------------------------------ */

static void kick(struct chardev *chr)
{
    timer_set(&chr->kick, 0);
}

static void input_changed(struct chardev *chr)
{
    if (chr->backend->input_changed)
        chr->backend->input_changed(chr);
}

static void tell(struct chardev *chr, enum chardev_event event)
{
    if (chr->fe && chr->fe->event)
        chr->fe->event(chr->fe_opaque, event);
}

static void tell_events(struct chardev *chr)
{
    if (!chr->fe)
        return;
    if (chr->opened_told != chr->opened) {
        chr->opened_told = chr->opened;
        tell(chr, chr->opened ? CHARDEV_OPENED : CHARDEV_CLOSED);
    }
    if (chr->focus_pending && chr->opened) {
        chr->focus_pending = false;
        if (chr->fe->wants_focus)
            tell(chr, CHARDEV_FOCUS);
    }
    if (chr->break_pending && !chr->input_len) {
        chr->break_pending = false;
        tell(chr, CHARDEV_BREAK);
    }
}

/* Hands on as much input as the front end takes. */
static void deliver(struct chardev *chr)
{
    tell_events(chr);
    while (chr->input_len && chr->fe) {
        uint8_t piece[256];
        /* Asked once: a guest that adds buffers meanwhile changes the answer. */
        size_t room = chr->fe->can_receive(chr->fe_opaque);
        size_t n = MIN(MIN(room, chr->input_len), sizeof piece);
        if (!n)
            break;
        /* Taken out before the call: the front end may write, which may come back as input. */
        memcpy(piece, chr->input, n);
        chr->input_len -= n;
        memmove(chr->input, chr->input + n, chr->input_len);
        chr->fe->receive(chr->fe_opaque, piece, n);
    }
    tell_events(chr);
    input_changed(chr);
}

static void kicked(void *opaque)
{
    struct chardev *chr = opaque;
    deliver(chr);
    if (chr->room && chr->fe) {
        chr->room = false;
        if (chr->fe->writable)
            chr->fe->writable(chr->fe_opaque);
    }
}

/* ---- from the back end ----------------------------------------------------------------------- */

size_t chardev_input_room(const struct chardev *chr)
{
    return chr->fe ? sizeof chr->input - chr->input_len : 0;
}

static size_t put_input(struct chardev *chr, const uint8_t *data, size_t len)
{
    size_t n = MIN(len, sizeof chr->input - chr->input_len);
    memcpy(chr->input + chr->input_len, data, n);
    chr->input_len += n;
    return n;
}

void chardev_input(struct chardev *chr, const uint8_t *data, size_t len)
{
    put_input(chr, data, len);
    deliver(chr);
}

void chardev_input_fd(struct chardev *chr, int fd)
{
    if (chr->fe && chr->fe->receive_fd)
        chr->fe->receive_fd(chr->fe_opaque, fd);
    else
        close(fd);
}

void chardev_take_escapes(struct chardev *chr, bool *escaping, uint8_t *data, size_t len,
                          void (*input)(struct chardev *chr, const uint8_t *data, size_t len))
{
    size_t kept = 0;

    for (size_t i = 0; i < len; i++) {
        bool escaped = *escaping;
        *escaping = !escaped && data[i] == CTRL_A;
        if (*escaping)
            continue;
        if (!escaped || data[i] == CTRL_A) {
            data[kept++] = data[i];
            continue;
        }
        input(chr, data, kept);
        kept = 0;
        if (data[i] == 'b')
            chardev_break(chr);
        else if (chr->escape)
            chr->escape(chr->escape_opaque, data[i]);
    }
    input(chr, data, kept);
}

void chardev_set_opened(struct chardev *chr, bool opened)
{
    chr->opened = opened;
    chr->focus_pending = opened && chr->focused;
    kick(chr);
}

void chardev_set_focus(struct chardev *port, bool focused)
{
    port->focused = port->focus_pending = focused;
    kick(port);
}

void chardev_break(struct chardev *chr)
{
    chr->break_pending = true;
    kick(chr);
}

void chardev_room(struct chardev *chr)
{
    if (!chr->short_write)
        return;
    chr->short_write = false;
    chr->room = true;
    kick(chr);
}

bool chardev_set_path(struct chardev *chr, const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return false;
    free(chr->path);
    chr->path = copy;
    return true;
}

void chardev_warn(struct chardev *chr, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_write_about(&chr->machine->log, LOG_WARN, "chardev", chr->id, fmt, ap);
    va_end(ap);
}

/* ---- option text ----------------------------------------------------------------------------- */

struct backend_name {
    const char *name;
    /* The item that the text after "name:" is; NULL: there is no such form. */
    const char *after_colon;
    const struct chardev_backend *backend;
    const char *known; /* its items */
};

static const struct backend_name backend_names[] = {
    {"null", NULL, &chardev_null, "id"},
    {"stdio", NULL, &chardev_stdio, "id, signal, in, out, mux"},
    {"file", "path", &chardev_file, "id, path, append"},
    {"fd", "fd", &chardev_fd, "id, fd, mux"},
    {"pty", NULL, &chardev_pty, "id, mux"},
    {"unix", "path", &chardev_socket, "id, path, server, wait, nowait, mux"},
    {"tcp", "address", &chardev_socket, "id, address, host, port, server, wait, nowait, mux"},
    {"socket", NULL, &chardev_socket, "id, path, host, port, fd, server, wait, nowait, mux"},
    {"ringbuf", NULL, &chardev_ringbuf, "id, size"},
    {"vc", "size", &chardev_vc, "id, size, width, height, cols, rows, mux"},
    {"qemu-vdagent", NULL, &chardev_vdagent, "id, name, clipboard, mouse"},
};

static const struct backend_name *find_backend(const char *name, size_t len)
{
    for (unsigned i = 0; i < ARRAY_SIZE(backend_names); i++)
        if (strlen(backend_names[i].name) == len && !memcmp(backend_names[i].name, name, len))
            return &backend_names[i];
    return NULL;
}

/* "name", "name,items" or "name:first,items" -> the back end and its items. */
static const struct backend_name *parse_spec(struct opts *opts, const char *spec, char *what,
                                             size_t what_size, struct vemu_error **errp)
{
    size_t len = strcspn(spec, ":,");
    const struct backend_name *name = find_backend(spec, len);
    bool ok;

    if (!name || (spec[len] == ':' && !name->after_colon)) {
        error_set(errp, VEMU_ERROR_INVALID,
                  "chardev '%.80s': no such back end; there are null, stdio, file:PATH, fd:N, pty, "
                  "unix:PATH, tcp:HOST:PORT, socket, ringbuf, vc and qemu-vdagent",
                  spec);
        return NULL;
    }
    snprintf(what, what_size, "chardev %s", name->name);
    if (spec[len] == ':') {
        /* As an item of its own: what follows may hold any character, "=" as well. */
        size_t size = strlen(name->after_colon) + strlen(spec) + 2;
        char *text = malloc(size);
        if (!text) {
            error_set(errp, VEMU_ERROR_NO_MEMORY, "chardev: out of memory");
            return NULL;
        }
        snprintf(text, size, "%s=%s", name->after_colon, spec + len + 1);
        ok = opts_parse(opts, what, NULL, text, errp);
        free(text);
    } else if (spec[len] == ',') {
        ok = opts_parse(opts, what, NULL, spec + len + 1, errp);
    } else {
        ok = true;
    }
    return ok ? name : NULL;
}

/* Refuses unknown items before anything is opened: a mistake leaves no file behind. */
static bool check_items(struct opts *opts, const struct backend_name *name, const char *what,
                        struct vemu_error **errp)
{
    char key[16];
    for (const char *p = name->known; *p; p += strspn(p, ", ")) {
        size_t len = strcspn(p, ",");
        snprintf(key, sizeof key, "%.*s", (int)len, p);
        opts_get(opts, key);
        p += len;
    }
    return opts_check_used(opts, what, name->known, errp);
}

/* ---- life ------------------------------------------------------------------------------------ */

static char *make_id(struct vemu_machine *m)
{
    char text[32];
    for (unsigned n = 0;; n++) {
        snprintf(text, sizeof text, "chardev%u", n);
        if (!chardev_find(m, text))
            return strdup(text);
    }
}

static bool set_id(struct chardev *chr, struct vemu_machine *m, const char *id,
                   struct vemu_error **errp)
{
    if (id && chardev_find(m, id))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "chardev id=%.80s: there is one of this id already", id);
    chr->id = id ? strdup(id) : make_id(m);
    return chr->id || error_set(errp, VEMU_ERROR_NO_MEMORY, "chardev: out of memory");
}

/* Not listed yet. */
static struct chardev *allocate(struct vemu_machine *m, const char *id,
                                const struct chardev_backend *backend, struct vemu_error **errp)
{
    struct chardev *chr = calloc(1, sizeof *chr);

    if (!chr) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "chardev: out of memory");
        return NULL;
    }
    chr->machine = m;
    chr->backend = backend;
    if (!set_id(chr, m, id, errp)) {
        free(chr);
        return NULL;
    }
    timer_init(&chr->kick, m->clocks, VCLOCK_HOST, kicked, chr);
    return chr;
}

static void release(struct chardev *chr)
{
    timer_cancel(&chr->kick);
    free(chr->path);
    free(chr->id);
    free(chr);
}

struct chardev *chardev_make(struct vemu_machine *m, const char *id,
                             const struct chardev_backend *backend, struct vemu_error **errp)
{
    struct chardev *chr = allocate(m, id, backend, errp);

    if (chr)
        list_add_tail(&m->chardevs, &chr->node);
    return chr;
}

struct chardev *chardev_new(struct vemu_machine *m, const char *id, const char *spec,
                            struct vemu_error **errp)
{
    struct opts opts = {0};
    char what[32];
    const struct backend_name *name = parse_spec(&opts, spec, what, sizeof what, errp);
    struct chardev *chr = NULL;

    if (name && check_items(&opts, name, what, errp))
        chr = allocate(m, id ? id : opts_get(&opts, "id"), name->backend, errp);
    if (chr && (!opts_get_bool(&opts, what, "mux", &chr->muxed, errp) ||
                !chr->backend->open(chr, &opts, what, errp))) {
        release(chr);
        chr = NULL;
    }
    opts_free(&opts);
    if (chr)
        list_add_tail(&m->chardevs, &chr->node);
    return chr;
}

struct chardev *chardev_find(struct vemu_machine *m, const char *id)
{
    list_for_each(chr, &m->chardevs, struct chardev, node)
    {
        if (!strcmp(chr->id, id))
            return chr;
    }
    return NULL;
}

struct chardev *chardev_next(struct vemu_machine *m, const struct chardev *prev)
{
    const struct list *next = prev ? prev->node.next : m->chardevs.next;

    return next == &m->chardevs ? NULL : list_entry(next, struct chardev, node);
}

bool chardev_is_port(const struct chardev *chr)
{
    return chr->backend == &chardev_mux_port;
}

void chardev_describe(const struct chardev *chr, char *buf, size_t len)
{
    const char *name = "unknown";

    if (chardev_is_port(chr) && chardev_mux_base(chr)) {
        chardev_describe(chardev_mux_base(chr), buf, len);
        return;
    }

    for (unsigned i = 0; i < ARRAY_SIZE(backend_names); i++) {
        if (backend_names[i].backend == chr->backend) {
            name = backend_names[i].name;
            break;
        }
    }
    if (chr->backend == &chardev_socket)
        snprintf(buf, len, "%s%s", chr->path ? chr->path : "disconnected",
                 chr->server ? ",server=on" : "");
    else if (chr->backend == &chardev_pty)
        snprintf(buf, len, "pty:%s", chr->path ? chr->path : "");
    else
        snprintf(buf, len, "%s", name);
}

const struct state_field *chardev_state(struct chardev *chr, uint32_t *version, void **obj)
{
    const struct chardev_backend *backend = chr->backend;

    if (!backend->fields)
        return NULL;
    *version = backend->state_version;
    *obj = backend->state(chr);
    return backend->fields;
}

void chardev_state_loaded(struct chardev *chr)
{
    chr->backend->loaded(chr);
}

bool chardev_in_use(const struct chardev *chr)
{
    return chr->listening;
}

const char *chardev_id(const struct chardev *chr)
{
    return chr->id;
}

const char *chardev_path(const struct chardev *chr)
{
    return chr->path;
}

void chardev_free(struct chardev *chr)
{
    if (!chr)
        return;
    chr->fe = NULL;
    chr->backend->close(chr);
    if (chr->mux && chr->muxed)
        chardev_mux_base_gone(chr);
    list_remove(&chr->node);
    release(chr);
}

void chardev_free_all(struct vemu_machine *m)
{
    while (!list_empty(&m->chardevs))
        chardev_free(list_entry(m->chardevs.next, struct chardev, node));
}

/* ---- the front end's side -------------------------------------------------------------------- */

bool chardev_attach(struct chardev *chr, const struct chardev_frontend *fe, void *opaque,
                    struct vemu_error **errp)
{
    if (fe && chr->fe)
        return error_set(errp, VEMU_ERROR_STATE,
                         "chardev %s is in use already: a back end serves one device", chr->id);
    chr->fe = fe;
    chr->fe_opaque = opaque;
    chr->opened_told = chr->short_write = chr->room = false;
    chr->listening = fe && !fe->tells_listening;
    input_changed(chr);
    if (fe)
        kick(chr);
    return true;
}

size_t chardev_write(struct chardev *chr, const uint8_t *data, size_t len)
{
    size_t n = len ? chr->backend->write(chr, data, len) : 0;
    if (n < len)
        chr->short_write = true;
    return n;
}

void chardev_accept_input(struct chardev *chr)
{
    /* Without held input the back end is reading, or has nothing to read. */
    if (chr->input_len)
        kick(chr);
}

void chardev_set_listening(struct chardev *chr, bool listening)
{
    if (chr->listening == listening)
        return;
    chr->listening = listening;
    input_changed(chr);
}

uint64_t chardev_talk_size(const struct chardev *chr)
{
    return chr->backend->talk_size ? chr->backend->talk_size(chr) : 0;
}

void chardev_talk_save(const struct chardev *chr, uint8_t *out)
{
    if (chr->backend->talk_save)
        chr->backend->talk_save(chr, out);
}

bool chardev_talk_load(struct chardev *chr, const uint8_t *in, uint64_t len,
                       struct vemu_error **errp)
{
    chardev_set_listening(chr, false);
    return !chr->backend->talk_load || chr->backend->talk_load(chr, in, len, errp);
}

size_t chardev_inject(struct chardev *chr, const uint8_t *data, size_t len)
{
    size_t n = put_input(chr, data, len);
    if (n)
        kick(chr);
    return n;
}

void chardev_set_escape(struct chardev *chr, void (*fn)(void *opaque, int key), void *opaque)
{
    if (chardev_mux_set_escape(chr, fn, opaque))
        return;
    chr->escape = fn;
    chr->escape_opaque = opaque;
    input_changed(chr);
}

void chardev_termios_restore(struct chardev *chr)
{
    if (chr && chr->backend == &chardev_stdio)
        chardev_stdio_restore(chr);
}
