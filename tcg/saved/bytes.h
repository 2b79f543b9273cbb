/*
 * Bytes written to a growing buffer, and read back within bounds. Little-endian, nothing aligned.
 * Failures are remembered: only the end need be checked.
 *
 * Thread contract: none of its own; a buffer belongs to whoever made it.
 */
#ifndef TCG_SAVED_BYTES_H
#define TCG_SAVED_BYTES_H

#include <stdbool.h>
#include <stdlib.h>

#include "core/util/endian.h"

struct bytes {
    uint8_t *data; /* free() */
    size_t len, room;
    bool failed; /* no memory */
};

/* Room for n more bytes, or NULL. Valid until the next call. */
static inline uint8_t *bytes_add(struct bytes *b, size_t n)
{
    if (!b->failed && b->room - b->len < n) {
        size_t room = b->room ? 2 * b->room : 4096;
        while (room - b->len < n)
            room *= 2;
        uint8_t *bigger = realloc(b->data, room);
        if (bigger) {
            b->data = bigger;
            b->room = room;
        }
        b->failed = !bigger;
    }
    if (b->failed)
        return NULL;
    b->len += n;
    return b->data + b->len - n;
}

static inline void bytes_put(struct bytes *b, const void *from, size_t n)
{
    uint8_t *to = bytes_add(b, n);
    if (to && n)
        memcpy(to, from, n);
}

/* size bytes of an integer. */
static inline void bytes_put_le(struct bytes *b, uint64_t v, unsigned size)
{
    uint8_t *to = bytes_add(b, size);
    if (to)
        store_le(to, v, size);
}

struct bytes_reader {
    const uint8_t *p, *end;
    bool bad; /* more was asked for than there is */
};

/* The next n bytes, or NULL. */
static inline const uint8_t *bytes_get(struct bytes_reader *r, size_t n)
{
    if (r->bad || (size_t)(r->end - r->p) < n) {
        r->bad = true;
        return NULL;
    }
    r->p += n;
    return r->p - n;
}

static inline uint64_t bytes_get_le(struct bytes_reader *r, unsigned size)
{
    const uint8_t *p = bytes_get(r, size);
    return p ? load_le(p, size) : 0;
}

#endif
