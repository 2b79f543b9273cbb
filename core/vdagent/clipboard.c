/* The guest's clipboard as a peer of the machine's: see internal.h. */
#include <stdlib.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/util/range.h"
#include "core/vdagent/internal.h"

static struct vdagent *from_peer(struct clipboard_peer *p)
{
    return container_of(p, struct vdagent, peer);
}

/* ---- from the machine's side ----------------------------------------------------------------- */

static void grabbed(struct clipboard_peer *p)
{
    struct vdagent *v = from_peer(p);

    v->grab = true;
    v->release = v->ask = false;
    vdagent_news(v);
}

static void released(struct clipboard_peer *p)
{
    struct vdagent *v = from_peer(p);

    v->grab = false;
    v->release = v->told_grab;
    vdagent_news(v);
}

static void wanted(struct clipboard_peer *p)
{
    struct vdagent *v = from_peer(p);

    v->ask = true;
    vdagent_news(v);
}

static void set_text(struct vdagent *v, const char *text, size_t len)
{
    free(v->text);
    v->text = len ? malloc(len) : NULL;
    v->text_len = len;
    if (v->text)
        memcpy(v->text, text, len);
    else
        v->no_text |= 1u << VD_SELECTION_CLIPBOARD;
}

static void data(struct clipboard_peer *p, const char *text, size_t len)
{
    struct vdagent *v = from_peer(p);

    set_text(v, text, len);
    vdagent_news(v);
}

/* ---- from the guest -------------------------------------------------------------------------- */

/* Selections other than the clipboard are read past: the machine has none of them. */
static bool take_selection(const struct vdagent *v, const uint8_t **body, size_t *len,
                           uint8_t *selection)
{
    *selection = VD_SELECTION_CLIPBOARD;
    if (!vdagent_can(v, VD_AGENT_CAP_CLIPBOARD_SELECTION))
        return true;
    if (*len < 4)
        return false;
    *selection = (*body)[0];
    *body += 4;
    *len -= 4;
    return true;
}

static bool take_u32(const uint8_t **body, size_t *len, uint32_t *value)
{
    if (*len < 4)
        return false;
    *value = load_le32(*body);
    *body += 4;
    *len -= 4;
    return true;
}

/* When both sides grab at the same moment, both with the same number, ours stands. */
static bool is_timely(struct vdagent *v, uint32_t serial)
{
    if ((int32_t)(serial - v->serial) < 0)
        return false;
    v->serial = serial + 1;
    return true;
}

void vdagent_take_grab(struct vdagent *v, const uint8_t *body, size_t len)
{
    uint32_t serial = v->serial, type;
    uint8_t selection;
    bool text = false;

    if (!v->joined || !take_selection(v, &body, &len, &selection) ||
        selection != VD_SELECTION_CLIPBOARD)
        return;
    if (vdagent_can(v, VD_AGENT_CAP_CLIPBOARD_GRAB_SERIAL) &&
        (!take_u32(&body, &len, &serial) || !is_timely(v, serial)))
        return;
    while (take_u32(&body, &len, &type))
        text |= type == VD_AGENT_CLIPBOARD_UTF8_TEXT;
    v->grab = v->release = v->ask = v->told_grab = false;
    if (text)
        clipboard_grab(&v->peer);
    else
        clipboard_release(&v->peer); /* what it had is gone, and pictures are nothing to us */
}

void vdagent_take_release(struct vdagent *v, const uint8_t *body, size_t len)
{
    uint8_t selection;

    if (v->joined && take_selection(v, &body, &len, &selection) &&
        selection == VD_SELECTION_CLIPBOARD)
        clipboard_release(&v->peer);
}

void vdagent_take_request(struct vdagent *v, const uint8_t *body, size_t len)
{
    uint8_t selection;
    uint32_t type;

    if (!v->joined || !take_selection(v, &body, &len, &selection) ||
        !take_u32(&body, &len, &type) || selection >= VD_SELECTIONS)
        return;
    if (selection == VD_SELECTION_CLIPBOARD && type == VD_AGENT_CLIPBOARD_UTF8_TEXT) {
        clipboard_request(&v->peer);
        return;
    }
    v->no_text |= (uint8_t)(1u << selection);
    vdagent_news(v);
}

void vdagent_take_clipboard(struct vdagent *v, uint8_t *body, size_t len, bool whole)
{
    const uint8_t *p = body;
    uint8_t selection;
    uint32_t type;

    if (!v->joined || !take_selection(v, &p, &len, &selection) || !take_u32(&p, &len, &type) ||
        selection != VD_SELECTION_CLIPBOARD)
        return;
    char *text = (char *)body + (p - body);
    if (type != VD_AGENT_CLIPBOARD_UTF8_TEXT || !whole)
        len = 0;
    while (len && !text[len - 1])
        len--;
    if (vdagent_can(v, VD_AGENT_CAP_GUEST_LINEEND_CRLF))
        len = clipboard_from_crlf(text, len);
    clipboard_answer(&v->peer, text, len);
}

/* ---- to the guest ---------------------------------------------------------------------------- */

static void begin(struct vdagent *v, uint32_t type, unsigned selection, size_t size)
{
    const uint8_t bytes[4] = {(uint8_t)selection};
    const bool has_selection = vdagent_can(v, VD_AGENT_CAP_CLIPBOARD_SELECTION);

    sender_begin(&v->out, VDP_CLIENT_PORT, type, size + (has_selection ? sizeof bytes : 0));
    if (has_selection)
        sender_put(&v->out, bytes, sizeof bytes);
}

static void send_grab(struct vdagent *v)
{
    const bool serial = vdagent_can(v, VD_AGENT_CAP_CLIPBOARD_GRAB_SERIAL);

    begin(v, VD_AGENT_CLIPBOARD_GRAB, VD_SELECTION_CLIPBOARD, serial ? 8 : 4);
    if (serial)
        sender_put_u32(&v->out, v->serial++);
    sender_put_u32(&v->out, VD_AGENT_CLIPBOARD_UTF8_TEXT);
    v->told_grab = true;
}

static void send_no_text(struct vdagent *v)
{
    const unsigned selection = (unsigned)__builtin_ctz(v->no_text);

    v->no_text &= (uint8_t)(v->no_text - 1);
    begin(v, VD_AGENT_CLIPBOARD, selection, 4);
    sender_put_u32(&v->out, VD_AGENT_CLIPBOARD_NONE);
}

static void send_text(struct vdagent *v)
{
    char *text = v->text;
    size_t len = v->text_len;

    v->text = NULL;
    if (vdagent_can(v, VD_AGENT_CAP_GUEST_LINEEND_CRLF)) {
        char *longer = malloc(2 * len);
        len = longer ? clipboard_to_crlf(text, len, longer) : 0;
        free(text);
        text = longer;
    }
    begin(v, VD_AGENT_CLIPBOARD, VD_SELECTION_CLIPBOARD, 4 + len);
    sender_put_u32(&v->out, len ? VD_AGENT_CLIPBOARD_UTF8_TEXT : VD_AGENT_CLIPBOARD_NONE);
    sender_put(&v->out, text, len);
    free(text);
    if (v->out.out.failed) /* a short answer has room */
        v->no_text |= 1u << VD_SELECTION_CLIPBOARD;
}

bool vdagent_send_clipboard(struct vdagent *v)
{
    if (v->limit) {
        v->limit = false;
        sender_begin(&v->out, VDP_CLIENT_PORT, VD_AGENT_MAX_CLIPBOARD, 4);
        sender_put_u32(&v->out, CLIPBOARD_MAX);
    } else if (v->release) {
        v->release = v->told_grab = false;
        begin(v, VD_AGENT_CLIPBOARD_RELEASE, VD_SELECTION_CLIPBOARD, 0);
    } else if (v->grab) {
        v->grab = false;
        send_grab(v);
    } else if (v->no_text) {
        send_no_text(v);
    } else if (v->text) {
        send_text(v);
    } else if (v->ask) {
        v->ask = false;
        begin(v, VD_AGENT_CLIPBOARD_REQUEST, VD_SELECTION_CLIPBOARD, 4);
        sender_put_u32(&v->out, VD_AGENT_CLIPBOARD_UTF8_TEXT);
    } else {
        return false;
    }
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

void vdagent_clipboard_start(struct vdagent *v)
{
    static const struct clipboard_ops ops = {
        .grabbed = grabbed, .released = released, .wanted = wanted, .data = data};

    v->serial = 0;
    if (!v->cfg.clipboard || !vdagent_can(v, VD_AGENT_CAP_CLIPBOARD_BY_DEMAND))
        return;
    v->limit = vdagent_can(v, VD_AGENT_CAP_MAX_CLIPBOARD);
    v->peer.ops = &ops;
    clipboard_join(v->m, &v->peer);
    v->joined = true;
    if (v->m->clipboard_owner)
        return;
    v->release = v->told_grab; /* by one who has not come along */
    if (v->had_text)
        clipboard_grab(&v->peer);
}

void vdagent_clipboard_stop(struct vdagent *v)
{
    if (v->joined)
        clipboard_leave(&v->peer);
    v->joined = v->grab = v->release = v->ask = v->limit = false;
    v->no_text = 0;
    free(v->text);
    v->text = NULL;
}
