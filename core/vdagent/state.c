/*
 * What goes with a saved machine: see vdagent.h. In order: flags; the chunk that is being received;
 * for each port its message's header, how much is to come, and the beginning that there is; what
 * the guest has not been given of the last message.
 */
#include <string.h>

#include "core/device/machine.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "core/vdagent/internal.h"

enum { HAD_TEXT = 1, TOLD_GRAB = 2 };
enum {
    CHUNK_STATE = VD_CHUNK_HEADER + 8,
    PORT_STATE = VD_MESSAGE_HEADER + 12, /* before the body */
    FIXED_STATE = 4 + CHUNK_STATE + 2 * PORT_STATE + 4,
    UNSENT_MAX = 4096,
};

/* ---- save ------------------------------------------------------------------------------------ */

uint64_t vdagent_state_size(const struct vdagent *v, size_t unsent_len)
{
    return FIXED_STATE + v->in.port[0].body.len + v->in.port[1].body.len + unsent_len +
           (v->out.out.len - v->out.taken);
}

static void put(uint8_t **out, const void *data, size_t len)
{
    if (len)
        memcpy(*out, data, len);
    *out += len;
}

static void put_u32(uint8_t **out, uint32_t value)
{
    store_le32(*out, value);
    *out += 4;
}

void vdagent_state_save(const struct vdagent *v, const uint8_t *unsent, size_t unsent_len,
                        uint8_t *out)
{
    const size_t rest = v->out.out.len - v->out.taken;
    const bool has_text = v->had_text || (v->joined && v->m->clipboard_owner == &v->peer);

    put_u32(&out, (has_text ? HAD_TEXT : 0u) | (v->told_grab ? TOLD_GRAB : 0u));
    put(&out, v->in.chunk, sizeof v->in.chunk);
    put_u32(&out, v->in.chunk_len);
    put_u32(&out, v->in.chunk_left);
    for (unsigned i = 0; i < ARRAY_SIZE(v->in.port); i++) {
        const struct vdagent_incoming *p = &v->in.port[i];
        put(&out, p->header, sizeof p->header);
        put_u32(&out, p->header_len);
        put_u32(&out, p->left);
        put_u32(&out, (uint32_t)p->body.len);
        put(&out, p->body.data, p->body.len);
    }
    put_u32(&out, (uint32_t)(unsent_len + rest));
    put(&out, unsent, unsent_len);
    if (rest)
        put(&out, v->out.out.data + v->out.taken, rest);
}

/* ---- load ------------------------------------------------------------------------------------ */

struct loader {
    const uint8_t *in;
    uint64_t left;
    bool bad;
};

/* NULL: there are not so many. */
static const uint8_t *take(struct loader *l, uint64_t len)
{
    const uint8_t *p = l->in;

    if (l->bad || len > l->left) {
        l->bad = true;
        return NULL;
    }
    l->in += len;
    l->left -= len;
    return p;
}

static uint32_t take_u32(struct loader *l, uint32_t max)
{
    const uint8_t *p = take(l, 4);
    const uint32_t value = p ? load_le32(p) : 0;

    if (value > max)
        l->bad = true;
    return l->bad ? 0 : value;
}

static void take_bytes(struct loader *l, void *to, size_t len)
{
    const uint8_t *p = take(l, len);

    if (p)
        memcpy(to, p, len);
}

static void load_incoming(struct loader *l, struct vdagent_incoming *p)
{
    take_bytes(l, p->header, sizeof p->header);
    p->header_len = take_u32(l, VD_MESSAGE_HEADER);
    p->left = take_u32(l, UINT32_MAX);
    const size_t useful = p->header_len == VD_MESSAGE_HEADER ? receiver_limit(p->header) : 0;
    const uint32_t len = take_u32(l, (uint32_t)useful);
    const uint8_t *body = take(l, len);

    p->body.limit = useful;
    if (body && len && !buffer_put(&p->body, body, len))
        l->bad = true;
}

bool vdagent_state_load(struct vdagent *v, const uint8_t *in, uint64_t len,
                        struct vemu_error **errp)
{
    struct loader l = {.in = in, .left = len};
    struct vdagent_receiver r = {0};
    const uint32_t flags = take_u32(&l, HAD_TEXT | TOLD_GRAB);

    take_bytes(&l, r.chunk, sizeof r.chunk);
    r.chunk_len = take_u32(&l, VD_CHUNK_HEADER);
    r.chunk_left = take_u32(&l, UINT32_MAX);
    for (unsigned i = 0; i < ARRAY_SIZE(r.port); i++)
        load_incoming(&l, &r.port[i]);
    const uint32_t rest = take_u32(&l, SENDER_MAX + UNSENT_MAX);
    const uint8_t *bytes = take(&l, rest);

    if (l.bad || l.left) {
        receiver_reset(&r);
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state: what is under way to and from the spice agent is malformed");
    }
    if (!v) {
        receiver_reset(&r);
        return true;
    }
    vdagent_set_open(v, false);
    receiver_reset(&v->in);
    sender_reset(&v->out);
    v->in = r;
    if (rest && !buffer_put(&v->out.out, bytes, rest))
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    v->had_text = flags & HAD_TEXT;
    v->told_grab = flags & TOLD_GRAB;
    v->loaded = true;
    return true;
}
