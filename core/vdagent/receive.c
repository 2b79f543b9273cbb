/* Chunks to messages to what they say: see internal.h. */
#include <string.h>

#include "core/device/machine.h"
#include "core/util/range.h"
#include "core/vdagent/internal.h"

enum { GRAB_MAX = 8 + 4 * 64 };

/* How much of a message is of use; of a kind that is not here: nothing. */
size_t receiver_limit(const uint8_t header[VD_MESSAGE_HEADER])
{
    switch (load_le32(header + VD_MESSAGE_TYPE)) {
    case VD_AGENT_ANNOUNCE_CAPABILITIES:
    case VD_AGENT_CLIPBOARD_REQUEST:
    case VD_AGENT_REPLY:
        return 8;
    case VD_AGENT_CLIPBOARD_GRAB:
        return GRAB_MAX;
    case VD_AGENT_CLIPBOARD_RELEASE:
        return 4;
    case VD_AGENT_CLIPBOARD:
        return CLIPBOARD_HEADER + TEXT_MAX;
    default:
        return 0;
    }
}

static void take_reply(struct vdagent *v, const uint8_t *body, size_t len)
{
    if (len == 8 && load_le32(body + 4) != 1)
        log_msg(&v->m->log, LOG_GUEST_ERROR, "spice agent: message %u was of no success",
                load_le32(body));
}

static void take_message(struct vdagent *v, const struct vdagent_incoming *p)
{
    const uint32_t type = load_le32(p->header + VD_MESSAGE_TYPE),
                   size = load_le32(p->header + VD_MESSAGE_SIZE);
    uint8_t *body = p->body.data;
    const size_t len = p->body.len;

    if (load_le32(p->header) != VD_AGENT_PROTOCOL)
        return;
    switch (type) {
    case VD_AGENT_ANNOUNCE_CAPABILITIES:
        if (len >= 4)
            vdagent_announced(v, load_le32(body) != 0, len >= 8 ? load_le32(body + 4) : 0);
        break;
    case VD_AGENT_REPLY:
        take_reply(v, body, len);
        break;
    case VD_AGENT_CLIPBOARD_GRAB:
        vdagent_take_grab(v, body, len);
        break;
    case VD_AGENT_CLIPBOARD_REQUEST:
        vdagent_take_request(v, body, len);
        break;
    case VD_AGENT_CLIPBOARD_RELEASE:
        vdagent_take_release(v, body, len);
        break;
    case VD_AGENT_CLIPBOARD:
        vdagent_take_clipboard(v, body, len, len == size);
        break;
    default:
        log_msg(&v->m->log, LOG_UNIMP, "spice agent: message of type %u, %u bytes", type, size);
    }
}

static void message_done(struct vdagent *v, struct vdagent_incoming *p)
{
    take_message(v, p);
    p->header_len = 0;
    buffer_free(&p->body);
}

/* Bytes of messages, of which chunks need not know the ends. */
static void receive_messages(struct vdagent *v, struct vdagent_incoming *p, const uint8_t *data,
                             size_t len)
{
    while (len) {
        size_t n;
        if (p->header_len < VD_MESSAGE_HEADER) {
            n = MIN(len, VD_MESSAGE_HEADER - p->header_len);
            memcpy(p->header + p->header_len, data, n);
            p->header_len += (uint32_t)n;
            if (p->header_len == VD_MESSAGE_HEADER) {
                p->left = load_le32(p->header + VD_MESSAGE_SIZE);
                p->body.limit = receiver_limit(p->header);
            }
        } else {
            /* Memory comes with the bytes, not with the promise of them. */
            n = MIN(len, p->left);
            const size_t kept = MIN(n, p->body.limit - p->body.len);
            if (kept)
                buffer_put(&p->body, data, kept);
            p->left -= (uint32_t)n;
        }
        data += n;
        len -= n;
        if (p->header_len == VD_MESSAGE_HEADER && !p->left)
            message_done(v, p);
    }
}

void vdagent_receive(struct vdagent *v, const uint8_t *data, size_t len)
{
    struct vdagent_receiver *in = &v->in;

    while (len && v->open) {
        size_t n;
        if (in->chunk_len < VD_CHUNK_HEADER) {
            n = MIN(len, VD_CHUNK_HEADER - in->chunk_len);
            memcpy(in->chunk + in->chunk_len, data, n);
            in->chunk_len += (uint32_t)n;
            if (in->chunk_len == VD_CHUNK_HEADER)
                in->chunk_left = load_le32(in->chunk + 4);
        } else {
            const uint32_t port = load_le32(in->chunk);
            n = MIN(len, in->chunk_left);
            in->chunk_left -= (uint32_t)n;
            if (port == VDP_CLIENT_PORT || port == VDP_SERVER_PORT)
                receive_messages(v, &in->port[port - VDP_CLIENT_PORT], data, n);
        }
        data += n;
        len -= n;
        if (in->chunk_len == VD_CHUNK_HEADER && !in->chunk_left)
            in->chunk_len = 0;
    }
}

void receiver_reset(struct vdagent_receiver *in)
{
    for (unsigned i = 0; i < ARRAY_SIZE(in->port); i++)
        buffer_free(&in->port[i].body);
    *in = (struct vdagent_receiver){0};
}
