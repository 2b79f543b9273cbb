/*
 * Bytes that grow up to a limit, for messages that are put together before they are sent.
 *
 * A buffer that cannot grow, for its limit or for want of memory, has failed: it stays as it was,
 * takes nothing more, and says so until buffer_clear. Thread contract: one thread at a time.
 */
#ifndef CORE_UTIL_BUFFER_H
#define CORE_UTIL_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/util/endian.h"

/* All but limit zeroed before first use. */
struct buffer {
    uint8_t *data;
    size_t len, room;
    size_t limit; /* bytes that it may hold */
    bool failed;
};

/* Makes room for n more bytes and returns where they go, NULL when it has failed. They count with
 * buffer_add. */
uint8_t *buffer_reserve(struct buffer *b, size_t n);
/* n bytes, reserved and written, are part of it. */
static inline void buffer_add(struct buffer *b, size_t n)
{
    b->len += n;
}
/* n more bytes, for the caller to fill; NULL when it has failed. */
static inline uint8_t *buffer_append(struct buffer *b, size_t n)
{
    uint8_t *p = buffer_reserve(b, n);

    if (p)
        b->len += n;
    return p;
}
/* False when it has failed. */
bool buffer_put(struct buffer *b, const void *data, size_t n);
static inline bool buffer_put_u8(struct buffer *b, uint8_t v)
{
    return buffer_put(b, &v, 1);
}
static inline bool buffer_put_be16(struct buffer *b, uint16_t v)
{
    uint8_t bytes[2];

    store_be16(bytes, v);
    return buffer_put(b, bytes, sizeof bytes);
}
static inline bool buffer_put_be32(struct buffer *b, uint32_t v)
{
    uint8_t bytes[4];

    store_be32(bytes, v);
    return buffer_put(b, bytes, sizeof bytes);
}
/* Takes the first n bytes away. */
void buffer_consume(struct buffer *b, size_t n);
/* Empty and sound again; keeps its memory. */
static inline void buffer_clear(struct buffer *b)
{
    b->len = 0;
    b->failed = false;
}
/* Empty, without memory; may be used again. */
void buffer_free(struct buffer *b);

#endif
