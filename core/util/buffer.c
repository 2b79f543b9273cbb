/* Bytes that grow up to a limit: see buffer.h. */
#include "core/util/buffer.h"

#include <stdlib.h>
#include "core/util/range.h"

enum { ROOM_MIN = 256 };

uint8_t *buffer_reserve(struct buffer *b, size_t n)
{
    size_t room;
    uint8_t *data;

    if (b->failed || !range_fits(b->len, n, b->limit)) {
        b->failed = true;
        return NULL;
    }
    if (b->data && n <= b->room - b->len)
        return b->data + b->len;
    room = MAX(b->len + n, MAX((size_t)ROOM_MIN, b->room + b->room / 2));
    room = MAX(MIN(room, b->limit), (size_t)1);
    data = realloc(b->data, room);
    if (!data) {
        b->failed = true;
        return NULL;
    }
    b->data = data;
    b->room = room;
    return data + b->len;
}

bool buffer_put(struct buffer *b, const void *data, size_t n)
{
    uint8_t *p = buffer_append(b, n);

    if (!p)
        return false;
    memcpy(p, data, n);
    return true;
}

void buffer_consume(struct buffer *b, size_t n)
{
    n = MIN(n, b->len);
    if (n < b->len)
        memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

void buffer_free(struct buffer *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->room = 0;
    b->failed = false;
}
