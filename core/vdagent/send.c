/* What is to be said to messages to chunks, when somebody fetches them: see internal.h. */
#include <string.h>

#include "core/util/range.h"
#include "core/vdagent/internal.h"

/* Memory for more than this is not kept between messages. */
enum { OUT_KEPT = 4096 };

void sender_reset(struct vdagent_sender *out)
{
    buffer_free(&out->out);
    *out = (struct vdagent_sender){.out.limit = SENDER_MAX};
}

void sender_put(struct vdagent_sender *out, const void *data, size_t len)
{
    const uint8_t *p = data;

    while (len) {
        if (!out->chunk_room) {
            uint8_t header[VD_CHUNK_HEADER];
            out->chunk_room = MIN(out->to_come, (uint32_t)VD_CHUNK_MAX);
            out->to_come -= out->chunk_room;
            store_le32(header, out->port);
            store_le32(header + 4, out->chunk_room);
            buffer_put(&out->out, header, sizeof header);
        }
        const size_t n = MIN(len, out->chunk_room);
        buffer_put(&out->out, p, n);
        out->chunk_room -= (uint32_t)n;
        p += n;
        len -= n;
    }
}

void sender_put_u32(struct vdagent_sender *out, uint32_t value)
{
    uint8_t bytes[4];

    store_le32(bytes, value);
    sender_put(out, bytes, sizeof bytes);
}

void sender_begin(struct vdagent_sender *out, uint32_t port, uint32_t type, size_t size)
{
    out->port = port;
    out->to_come = (uint32_t)(VD_MESSAGE_HEADER + size);
    out->chunk_room = 0;
    sender_put_u32(out, VD_AGENT_PROTOCOL);
    sender_put_u32(out, type);
    sender_put_u32(out, 0); /* opaque */
    sender_put_u32(out, 0);
    sender_put_u32(out, (uint32_t)size);
}

static bool send_announcement(struct vdagent *v)
{
    uint32_t caps =
        VD_AGENT_CAP_MONITORS_CONFIG | VD_AGENT_CAP_REPLY | VD_AGENT_CAP_MONITORS_CONFIG_POSITION;

    if (!v->announce)
        return false;
    if (v->cfg.clipboard)
        caps |= VD_AGENT_CAP_CLIPBOARD_BY_DEMAND | VD_AGENT_CAP_CLIPBOARD_SELECTION |
                VD_AGENT_CAP_CLIPBOARD_NO_RELEASE_ON_REGRAB | VD_AGENT_CAP_CLIPBOARD_GRAB_SERIAL;
    if (v->cfg.mouse)
        caps |= VD_AGENT_CAP_MOUSE_STATE;
    sender_begin(&v->out, VDP_CLIENT_PORT, VD_AGENT_ANNOUNCE_CAPABILITIES, 8);
    sender_put_u32(&v->out, v->announce_request);
    sender_put_u32(&v->out, caps);
    v->announce = v->announce_request = false;
    return true;
}

/* The next message, whole. */
static bool make_message(struct vdagent *v)
{
    if (v->out.out.room > OUT_KEPT)
        buffer_free(&v->out.out);
    buffer_clear(&v->out.out);
    v->out.taken = 0;
    return v->open && (send_announcement(v) ||
                       (v->ready && (vdagent_send_clipboard(v) || vdagent_send_screen(v))));
}

size_t vdagent_take(struct vdagent *v, uint8_t *buf, size_t len)
{
    struct vdagent_sender *out = &v->out;
    size_t done = 0;

    while (done < len) {
        if (out->taken == out->out.len && !make_message(v))
            break;
        if (out->out.failed) { /* there was no memory for it: it is left out */
            buffer_clear(&out->out);
            out->taken = 0;
            continue;
        }
        const size_t n = MIN(len - done, out->out.len - out->taken);
        memcpy(buf + done, out->out.data + out->taken, n);
        out->taken += n;
        done += n;
    }
    return done;
}
