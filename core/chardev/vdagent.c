/*
 * The other end of an agent in the guest: core/vdagent as a back end. What the agent's front end
 * has no room for stays there: bytes are fetched only when they can be held here.
 */
#include "core/chardev/backend.h"
#include "core/util/range.h"
#include "core/vdagent/vdagent.h"

static void fetch(void *opaque)
{
    struct chardev *chr = opaque;
    uint8_t bytes[512];
    size_t n;

    while ((n = vdagent_take(chr->priv, bytes, MIN(chardev_input_room(chr), sizeof bytes))))
        chardev_inject(chr, bytes, n);
}

static bool vdagent_open(struct chardev *chr, struct opts *opts, const char *what,
                         struct vemu_error **errp)
{
    struct vdagent_config cfg = {.mouse = true, .news = fetch, .opaque = chr};

    if (!opts_get_bool(opts, what, "clipboard", &cfg.clipboard, errp) ||
        !opts_get_bool(opts, what, "mouse", &cfg.mouse, errp))
        return false;
    chr->priv = vdagent_new(chr->machine, &cfg);
    if (!chr->priv)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", what);
    chr->opened = true;
    return true;
}

static void vdagent_close(struct chardev *chr)
{
    vdagent_free(chr->priv);
}

static size_t vdagent_write(struct chardev *chr, const uint8_t *data, size_t len)
{
    vdagent_receive(chr->priv, data, len);
    return len;
}

static void vdagent_input_changed(struct chardev *chr)
{
    /* Whoever opens next is not to get the rest of a message. */
    if (!chr->listening)
        chr->input_len = 0;
    vdagent_set_open(chr->priv, chr->listening);
    fetch(chr);
}

static uint64_t vdagent_size(const struct chardev *chr)
{
    return vdagent_state_size(chr->priv, chr->input_len);
}

static void vdagent_save(const struct chardev *chr, uint8_t *out)
{
    vdagent_state_save(chr->priv, chr->input, chr->input_len, out);
}

static bool vdagent_load(struct chardev *chr, const uint8_t *in, uint64_t len,
                         struct vemu_error **errp)
{
    return vdagent_state_load(chr->priv, in, len, errp);
}

const struct chardev_backend chardev_vdagent = {
    .open = vdagent_open,
    .close = vdagent_close,
    .write = vdagent_write,
    .input_changed = vdagent_input_changed,
    .talk_size = vdagent_size,
    .talk_save = vdagent_save,
    .talk_load = vdagent_load,
};
