/*
 * The guest's end of the SPICE agent protocol by hand, as strict about what it reads as the
 * program in Debian is: chunks of at most 2048 bytes, each with bytes of one message.
 */
#ifndef TESTS_VDAGENT_GUEST_H
#define TESTS_VDAGENT_GUEST_H

#include <stdlib.h>
#include <string.h>

#include "core/util/buffer.h"
#include "core/util/range.h"
#include "core/vdagent/internal.h"

enum { GUEST_STREAM_MAX = 8 << 20 };
enum {
    GUEST_CLIPBOARD = 1u << 3,
    GUEST_CAPS = VD_AGENT_CAP_MOUSE_STATE | VD_AGENT_CAP_MONITORS_CONFIG | VD_AGENT_CAP_REPLY |
                 GUEST_CLIPBOARD | VD_AGENT_CAP_CLIPBOARD_BY_DEMAND |
                 VD_AGENT_CAP_CLIPBOARD_SELECTION | VD_AGENT_CAP_SPARSE_MONITORS_CONFIG |
                 1u << 8 /* lines end with LF */ | VD_AGENT_CAP_MONITORS_CONFIG_POSITION |
                 VD_AGENT_CAP_CLIPBOARD_NO_RELEASE_ON_REGRAB,
};

/* A message that the guest got. */
struct guest_message {
    uint32_t port, type;
    size_t size;
    const uint8_t *body; /* until the next one is taken */
};

/* What came so far, and where the next message begins; the last one without its chunks. */
struct guest_reader {
    struct buffer stream, message;
    size_t at;
    bool broken; /* no agent would read on */
};

static inline void guest_reader_free(struct guest_reader *r)
{
    buffer_free(&r->stream);
    buffer_free(&r->message);
}

static inline void guest_read(struct guest_reader *r, const void *data, size_t len)
{
    r->stream.limit = GUEST_STREAM_MAX;
    if (len)
        buffer_put(&r->stream, data, len);
}

/* False: no more whole messages. */
static inline bool guest_next(struct guest_reader *r, struct guest_message *m)
{
    size_t at = r->at, all = VD_MESSAGE_HEADER;

    buffer_clear(&r->message);
    r->message.limit = GUEST_STREAM_MAX;
    while (r->message.len < all) {
        if (r->stream.len - at < VD_CHUNK_HEADER)
            return false;
        const uint32_t port = load_le32(r->stream.data + at),
                       size = load_le32(r->stream.data + at + 4);
        if ((port != VDP_CLIENT_PORT && port != VDP_SERVER_PORT) || !size || size > 2048 ||
            (r->message.len && port != m->port)) {
            r->broken = true;
            return false;
        }
        at += VD_CHUNK_HEADER;
        if (r->stream.len - at < size)
            return false;
        m->port = port;
        buffer_put(&r->message, r->stream.data + at, size);
        at += size;
        if (r->message.len >= VD_MESSAGE_HEADER)
            all = VD_MESSAGE_HEADER + load_le32(r->message.data + VD_MESSAGE_SIZE);
    }
    if (r->message.len != all || load_le32(r->message.data) != VD_AGENT_PROTOCOL) {
        r->broken = true;
        return false;
    }
    r->at = at;
    m->type = load_le32(r->message.data + VD_MESSAGE_TYPE);
    m->size = all - VD_MESSAGE_HEADER;
    m->body = r->message.data + VD_MESSAGE_HEADER;
    return true;
}

/* Appends a message, in chunks of at most that many bytes. */
static inline void guest_say_in_chunks(struct buffer *out, uint32_t port, uint32_t type,
                                       const void *body, size_t size, size_t chunk)
{
    uint8_t *all = calloc(1, VD_MESSAGE_HEADER + size);

    out->limit = GUEST_STREAM_MAX;
    store_le32(all, VD_AGENT_PROTOCOL);
    store_le32(all + VD_MESSAGE_TYPE, type);
    store_le32(all + VD_MESSAGE_SIZE, (uint32_t)size);
    if (size)
        memcpy(all + VD_MESSAGE_HEADER, body, size);
    for (size_t at = 0; at < VD_MESSAGE_HEADER + size; at += chunk) {
        const size_t n = MIN(chunk, VD_MESSAGE_HEADER + size - at);
        uint8_t header[VD_CHUNK_HEADER];
        store_le32(header, port);
        store_le32(header + 4, (uint32_t)n);
        buffer_put(out, header, sizeof header);
        buffer_put(out, all + at, n);
    }
    free(all);
}

/* All of it in one chunk, as agents do. */
static inline void guest_say(struct buffer *out, uint32_t type, const void *body, size_t size)
{
    guest_say_in_chunks(out, VDP_CLIENT_PORT, type, body, size, VD_MESSAGE_HEADER + size);
}

/* A message of numbers. */
#define GUEST_SAY(out, type, ...)                                                                  \
    do {                                                                                           \
        const uint32_t words_[] = {__VA_ARGS__};                                                   \
        uint8_t bytes_[sizeof words_];                                                             \
        for (size_t w_ = 0; w_ < sizeof words_ / 4; w_++)                                          \
            store_le32(bytes_ + 4 * w_, words_[w_]);                                               \
        guest_say(out, type, bytes_, sizeof bytes_);                                               \
    } while (0)

/* Its capabilities; request: it wants to know ours. */
static inline void guest_announce(struct buffer *out, bool request, uint32_t caps)
{
    GUEST_SAY(out, VD_AGENT_ANNOUNCE_CAPABILITIES, request, caps);
}

/* Text of the clipboard, when selections were agreed on. */
static inline void guest_say_text(struct buffer *out, const char *text, size_t len)
{
    uint8_t *body = calloc(1, CLIPBOARD_HEADER + len);

    store_le32(body + 4, VD_AGENT_CLIPBOARD_UTF8_TEXT);
    if (len)
        memcpy(body + CLIPBOARD_HEADER, text, len);
    guest_say(out, VD_AGENT_CLIPBOARD, body, CLIPBOARD_HEADER + len);
    free(body);
}

#endif
