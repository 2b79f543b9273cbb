/*
 * One back end for several front ends: each has a port, which is a back end to it. What they write
 * goes out as it comes; what comes in is for the port that has the focus. Ctrl-A c hands the focus
 * on, Ctrl-A b is a break, Ctrl-A twice is one Ctrl-A, and other keys are the escape's of
 * chardev_set_escape. Standard input looks for them as it reads (stdio.c), for others it is done
 * here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chardev/backend.h"
#include "core/device/machine.h"
#include "core/util/range.h"

enum { MUX_PORTS = 4 };

/* Freed with the last of them: back ends go in any order. */
struct chardev_mux {
    struct chardev *base, *ports[MUX_PORTS]; /* NULL: gone */
    unsigned count, focus;
    bool escaping;
    void (*escape)(void *opaque, int key);
    void *escape_opaque;
};

/* ---- from the back end ----------------------------------------------------------------------- */

static struct chardev *focused(const struct chardev_mux *mux)
{
    return mux->ports[mux->focus];
}

/* What nobody is there for is lost; the keys that hand the focus on are not held up by it. */
static size_t can_receive(void *opaque)
{
    const struct chardev *port = focused(opaque);

    return port && port->fe ? chardev_input_room(port) : CHARDEV_INPUT_SIZE;
}

static void to_focused(struct chardev *base, const uint8_t *data, size_t len)
{
    if (len && focused(base->mux))
        chardev_input(focused(base->mux), data, len);
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct chardev_mux *mux = opaque;
    uint8_t copy[CHARDEV_INPUT_SIZE];

    len = MIN(len, sizeof copy);
    memcpy(copy, data, len);
    if (mux->base->backend != &chardev_stdio)
        chardev_take_escapes(mux->base, &mux->escaping, copy, len, to_focused);
    else
        to_focused(mux->base, copy, len);
}

static void writable(void *opaque)
{
    struct chardev_mux *mux = opaque;

    for (unsigned i = 0; i < mux->count; i++) {
        if (mux->ports[i])
            chardev_room(mux->ports[i]);
    }
}

static void event(void *opaque, enum chardev_event what)
{
    struct chardev_mux *mux = opaque;

    if (what == CHARDEV_BREAK && focused(mux))
        chardev_break(focused(mux));
    for (unsigned i = 0; i < mux->count && what != CHARDEV_BREAK; i++) {
        if (mux->ports[i])
            chardev_set_opened(mux->ports[i], what == CHARDEV_OPENED);
    }
}

static const struct chardev_frontend frontend = {
    .can_receive = can_receive,
    .receive = receive,
    .writable = writable,
    .event = event,
};

static void key_pressed(void *opaque, int key)
{
    struct chardev_mux *mux = opaque;

    if (key != 'c') {
        if (mux->escape)
            mux->escape(mux->escape_opaque, key);
        return;
    }
    if (focused(mux))
        chardev_set_focus(focused(mux), false);
    do
        mux->focus = (mux->focus + 1) % mux->count;
    while (!focused(mux));
    chardev_set_focus(focused(mux), true);
}

/* ---- ports ----------------------------------------------------------------------------------- */

static void mux_free_if_unused(struct chardev_mux *mux)
{
    bool used = mux->base;

    for (unsigned i = 0; i < mux->count; i++)
        used |= mux->ports[i] != NULL;
    if (!used)
        free(mux);
}

static void port_close(struct chardev *chr)
{
    struct chardev_mux *mux = chr->mux;

    for (unsigned i = 0; i < mux->count; i++) {
        if (mux->ports[i] == chr)
            mux->ports[i] = NULL;
    }
    mux_free_if_unused(mux);
}

static size_t port_write(struct chardev *chr, const uint8_t *data, size_t len)
{
    return chr->mux->base ? chardev_write(chr->mux->base, data, len) : len;
}

static void port_input_changed(struct chardev *chr)
{
    if (chr->mux->base && chr->focused)
        chardev_accept_input(chr->mux->base);
}

const struct chardev_backend chardev_mux_port = {
    .close = port_close,
    .write = port_write,
    .input_changed = port_input_changed,
};

static struct chardev_mux *mux_new(struct chardev *base, struct vemu_error **errp)
{
    struct chardev_mux *mux = calloc(1, sizeof *mux);

    if (!mux) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "chardev %s: out of memory", base->id);
        return NULL;
    }
    mux->base = base;
    if (!chardev_attach(base, &frontend, mux, errp)) {
        free(mux);
        return NULL;
    }
    mux->escape = base->escape;
    mux->escape_opaque = base->escape_opaque;
    chardev_set_escape(base, key_pressed, mux);
    return mux;
}

struct chardev *chardev_port(struct chardev *chr, const char *id, struct vemu_error **errp)
{
    struct chardev_mux *mux = chr->mux;
    struct chardev *port;
    char own[96];

    if (!chr->muxed)
        return chr;
    if (!mux && !(mux = mux_new(chr, errp)))
        return NULL;
    chr->mux = mux;
    if (mux->count == MUX_PORTS) {
        error_set(errp, VEMU_ERROR_STATE, "chardev %s: mux=on serves at most %d devices", chr->id,
                  MUX_PORTS);
        return NULL;
    }
    snprintf(own, sizeof own, "%.80s-port%u", chr->id, mux->count);
    port = chardev_make(chr->machine, id ? id : own, &chardev_mux_port, errp);
    if (!port)
        return NULL;
    port->mux = mux;
    port->opened = chr->opened;
    chardev_set_focus(port, mux->count == mux->focus);
    mux->ports[mux->count++] = port;
    return port;
}

void chardev_mux_base_gone(struct chardev *base)
{
    base->mux->base = NULL;
    mux_free_if_unused(base->mux);
}

bool chardev_mux_set_escape(struct chardev *chr, void (*fn)(void *opaque, int key), void *opaque)
{
    if (!chr->mux)
        return false;
    chr->mux->escape = fn;
    chr->mux->escape_opaque = opaque;
    return true;
}

struct chardev *chardev_mux_base(const struct chardev *port)
{
    return port->mux->base;
}
