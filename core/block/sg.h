/*
 * Scatter-gather lists: a place in an array of iovecs. Copies are cheap; the vectors are the
 * caller's. No shared state.
 */
#ifndef CORE_BLOCK_SG_H
#define CORE_BLOCK_SG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct sg {
    const struct iovec *iov;
    unsigned count;
    size_t skip; /* bytes of the first vector that are already behind */
};

/* One plain buffer; `vector` is the caller's storage for it. */
static inline struct sg sg_of(struct iovec *vector, const void *buf, size_t bytes)
{
    *vector = (struct iovec){(void *)buf, bytes};
    return (struct sg){vector, 1, 0};
}
/* The bytes that the list has room for, up to `limit`. */
uint64_t sg_bytes(struct sg sg, uint64_t limit);
/* Moves `bytes` further. */
void sg_advance(struct sg *sg, uint64_t bytes);
/* Copies from and to the place the list is at; it does not move. */
void sg_read(struct sg sg, void *buf, size_t bytes);
void sg_write(struct sg sg, const void *buf, size_t bytes);
void sg_zero(struct sg sg, uint64_t bytes);
/* The first `bytes` as at most `max` vectors; returns how many, and in *covered how far they go. */
unsigned sg_vectors(struct sg sg, uint64_t bytes, struct iovec *out, unsigned max,
                    uint64_t *covered);

#endif
