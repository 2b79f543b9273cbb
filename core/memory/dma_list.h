/*
 * Guest memory as host vectors, for transfers that somebody else does while the guest runs on (the
 * block layer). RAM is used in place. What is not RAM (a device's registers, ROM that is to be
 * written) goes through memory of the list's own, by dma_read and dma_write, which refuse what must
 * not be.
 *
 * A list belongs to one transfer and must not be moved: init, add, the transfer, deliver, free.
 * Machine lock held.
 */
#ifndef CORE_MEMORY_DMA_LIST_H
#define CORE_MEMORY_DMA_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "core/memory/memory.h"

enum {
    DMA_LIST_SMALL = 8,           /* vectors that need no memory besides the list */
    DMA_LIST_BOUNCE_MAX = 1 << 20 /* bytes of a list that are not RAM */
};

struct dma_list_piece {
    struct dma_piece map; /* ram NULL: not RAM, host is memory of the list's own */
    uint64_t addr;        /* where the guest has it */
};

struct dma_list {
    struct device *dev; /* masters the bus */
    bool to_guest;
    unsigned count, room;
    uint64_t bytes, bounce_bytes;
    struct iovec *iov; /* count of them, `bytes` in all */
    struct dma_list_piece *pieces;
    struct iovec small_iov[DMA_LIST_SMALL];
    struct dma_list_piece small_pieces[DMA_LIST_SMALL];
};

void dma_list_init(struct dma_list *l, struct device *dev, bool to_guest);
/* Appends [addr, addr + len); bytes that are not in RAM are read now. False: there is nothing to be
 * read, or too much that is not RAM, or no host memory. */
bool dma_list_add(struct dma_list *l, uint64_t addr, uint64_t len);
/* to_guest: the vectors are filled, the guest gets them. False: some of them had nowhere to go. */
bool dma_list_deliver(struct dma_list *l);
void dma_list_free(struct dma_list *l);

#endif
