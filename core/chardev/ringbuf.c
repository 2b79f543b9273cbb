/*
 * Ring buffer back end: keeps the newest output for chardev_ring_read. The guest is never held up:
 * what nobody takes out in time is overwritten. Input comes from chardev_inject. The ring has a
 * leaf lock of its own, so that any thread may read it.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "core/chardev/backend.h"
#include "core/util/range.h"

enum { RING_DEFAULT = 64 << 10, RING_MIN = 16, RING_MAX = 64 << 20 };

struct ring {
    pthread_mutex_t lock;
    uint64_t size, start, len;
    uint8_t *bytes;
    void (*notify)(void *opaque);
    void *notify_opaque;
};

static bool ring_open(struct chardev *chr, struct opts *opts, const char *what,
                      struct vemu_error **errp)
{
    uint64_t size = RING_DEFAULT;
    if (!opts_get_size(opts, what, "size", 1, &size, errp))
        return false;
    if (size < RING_MIN || size > RING_MAX || !is_power_of_two(size))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: size=%s must be a power of two from 16 to 64M", what,
                         opts_get(opts, "size"));
    struct ring *ring = calloc(1, sizeof *ring);
    uint8_t *bytes = malloc(size);
    if (!ring || !bytes) {
        free(ring);
        free(bytes);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", what);
    }
    pthread_mutex_init(&ring->lock, NULL);
    ring->size = size;
    ring->bytes = bytes;
    chr->priv = ring;
    chr->opened = true;
    return true;
}

static void ring_close(struct chardev *chr)
{
    struct ring *ring = chr->priv;
    pthread_mutex_destroy(&ring->lock);
    free(ring->bytes);
    free(ring);
}

static size_t ring_write(struct chardev *chr, const uint8_t *data, size_t len)
{
    struct ring *ring = chr->priv;

    pthread_mutex_lock(&ring->lock);
    /* Of a write larger than the ring only the end would stay. */
    size_t skip = len > ring->size ? len - ring->size : 0;
    for (size_t i = skip; i < len;) {
        uint64_t end = (ring->start + ring->len) & (ring->size - 1);
        size_t piece = MIN(len - i, ring->size - end);
        memcpy(ring->bytes + end, data + i, piece);
        ring->len += piece;
        i += piece;
        if (ring->len > ring->size) {
            ring->start = (ring->start + ring->len - ring->size) & (ring->size - 1);
            ring->len = ring->size;
        }
    }
    pthread_mutex_unlock(&ring->lock);
    if (ring->notify)
        ring->notify(ring->notify_opaque);
    return len;
}

size_t chardev_ring_read(struct chardev *chr, uint8_t *buf, size_t len)
{
    if (chr->backend != &chardev_ringbuf)
        return 0;
    struct ring *ring = chr->priv;

    pthread_mutex_lock(&ring->lock);
    size_t n = MIN(len, ring->len);
    for (size_t i = 0; i < n;) {
        size_t piece = MIN(n - i, ring->size - ring->start);
        memcpy(buf + i, ring->bytes + ring->start, piece);
        ring->start = (ring->start + piece) & (ring->size - 1);
        ring->len -= piece;
        i += piece;
    }
    pthread_mutex_unlock(&ring->lock);
    return n;
}

void chardev_ring_notify(struct chardev *chr, void (*fn)(void *opaque), void *opaque)
{
    if (chr->backend != &chardev_ringbuf)
        return;
    struct ring *ring = chr->priv;
    ring->notify = fn;
    ring->notify_opaque = opaque;
}

const struct chardev_backend chardev_ringbuf = {
    .open = ring_open,
    .close = ring_close,
    .write = ring_write,
};
