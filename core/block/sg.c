/* Scatter-gather lists: see sg.h. */
#include "core/block/sg.h"

#include <string.h>

#include "core/util/range.h"

/* The vector in front, less what is behind; skips empty ones. */
static bool front(struct sg *sg, struct iovec *v)
{
    while (sg->count) {
        if (sg->iov->iov_len > sg->skip) {
            v->iov_base = (uint8_t *)sg->iov->iov_base + sg->skip;
            v->iov_len = sg->iov->iov_len - sg->skip;
            return true;
        }
        sg->skip -= sg->iov->iov_len;
        sg->iov++;
        sg->count--;
    }
    return false;
}

/* The next piece of at most `bytes`, past which the list is moved. */
static bool take(struct sg *sg, uint64_t bytes, struct iovec *v)
{
    if (!bytes || !front(sg, v))
        return false;
    v->iov_len = MIN(v->iov_len, bytes);
    sg->skip += v->iov_len;
    return true;
}

uint64_t sg_bytes(struct sg sg, uint64_t limit)
{
    uint64_t sum = 0;
    struct iovec v;

    while (take(&sg, limit - sum, &v))
        sum += v.iov_len;
    return sum;
}

void sg_advance(struct sg *sg, uint64_t bytes)
{
    struct iovec v;

    while (take(sg, bytes, &v))
        bytes -= v.iov_len;
}

void sg_read(struct sg sg, void *buf, size_t bytes)
{
    struct iovec v;

    for (uint8_t *p = buf; take(&sg, bytes, &v); p += v.iov_len, bytes -= v.iov_len)
        memcpy(p, v.iov_base, v.iov_len);
}

void sg_write(struct sg sg, const void *buf, size_t bytes)
{
    struct iovec v;

    for (const uint8_t *p = buf; take(&sg, bytes, &v); p += v.iov_len, bytes -= v.iov_len)
        memcpy(v.iov_base, p, v.iov_len);
}

void sg_zero(struct sg sg, uint64_t bytes)
{
    struct iovec v;

    for (; take(&sg, bytes, &v); bytes -= v.iov_len)
        memset(v.iov_base, 0, v.iov_len);
}

unsigned sg_vectors(struct sg sg, uint64_t bytes, struct iovec *out, unsigned max,
                    uint64_t *covered)
{
    unsigned n = 0;

    *covered = 0;
    while (n < max && take(&sg, bytes - *covered, &out[n]))
        *covered += out[n++].iov_len;
    return n;
}
