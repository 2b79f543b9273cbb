/* Host memory of a machine: memfd blocks, populated as the guest touches them. */
#define _GNU_SOURCE
#include "core/memory/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/util/error.h"
#include "core/util/range.h"

/* Since Linux 6.1; C libraries learnt of it later. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

enum { HUGE_PAGES = MEM_HUGE_SIZE / MEM_PAGE_SIZE, HUGE_UNUSED_MAX = HUGE_PAGES / 8 };

void ram_list_init(struct ram_list *rams)
{
    memset(rams, 0, sizeof *rams);
    list_init(&rams->blocks);
    rams->next_id = 1;
}

/* Map fd at an address aligned to `align`: reserve more, map over the aligned part, give back the
 * rest. */
static uint8_t *map_aligned(int fd, uint64_t size, uint64_t align)
{
    uint64_t reserved = size + align, head;
    uint8_t *base, *host;

    base = mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    head = align_up((uintptr_t)base, align) - (uintptr_t)base;
    host = mmap(base + head, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED,
                fd, 0);
    if (host == MAP_FAILED) {
        int err = errno;
        munmap(base, reserved);
        errno = err;
        return NULL;
    }
    if (head)
        munmap(base, head);
    if (align > head)
        munmap(host + size, align - head);
    return host;
}

struct ram_block *ram_block_new(struct ram_list *rams, const char *name, uint64_t size,
                                bool read_only, struct vemu_error **errp)
{
    struct ram_block_private *priv;
    struct ram_block *block;

    if (!size || size > UINT64_C(1) << 52) {
        error_set(errp, VEMU_ERROR_INVALID, "memory '%s' of %llu bytes: must be 1 byte to 4 PiB",
                  name, (unsigned long long)size);
        return NULL;
    }
    if (ram_block_find(rams, name)) {
        error_set(errp, VEMU_ERROR_INVALID, "memory '%s' exists already: names must differ", name);
        return NULL;
    }
    size = align_up(size, MEM_PAGE_SIZE);
    priv = calloc(1, sizeof *priv);
    if (!priv || !(priv->block.name = strdup(name)) ||
        !(priv->block.heat = calloc(1, (size >> MEM_HUGE_BITS) + 1))) {
        if (priv)
            free(priv->block.name);
        free(priv);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    block = &priv->block;
    block->size = size;
    block->read_only = read_only;
    /* The name shows up in /proc/PID/maps; the kernel takes 249 bytes. */
    block->fd = strlen(name) < 200 ? memfd_create(name, MFD_CLOEXEC)
                                   : memfd_create("guest-memory", MFD_CLOEXEC);
    if (block->fd >= 0 && ftruncate(block->fd, (off_t)block->size) == 0) {
        /* Aligned so that the host can back it by huge pages. They are not asked for in advance: a
         * sparse guest's resident memory would grow by one for each page touched. */
        block->host = map_aligned(block->fd, block->size,
                                  block->size >= MEM_HUGE_SIZE ? MEM_HUGE_SIZE : MEM_PAGE_SIZE);
    }
    if (!block->host) {
        error_set_errno(errp, errno, "cannot allocate %llu bytes for memory '%s'",
                        (unsigned long long)block->size, name);
        if (block->fd >= 0)
            close(block->fd);
        free(block->heat);
        free(block->name);
        free(priv);
        return NULL;
    }
    block->id = rams->next_id++;
    list_add_tail(&rams->blocks, &block->node);
    return block;
}

void ram_block_free(struct ram_list *rams, struct ram_block *block)
{
    struct ram_block_private *priv;

    if (!block)
        return;
    priv = ram_block_private(block);
    if (rams->block_freed)
        rams->block_freed(rams->opaque, block);
    list_remove(&block->node);
    munmap(block->host, block->size);
    close(block->fd);
    for (unsigned i = 0; i < MEM_DIRTY_CLIENTS; i++) {
        free(priv->logs[i].dirty);
        free(priv->logs[i].unsettled);
    }
    free(block->heat);
    free(block->name);
    free(priv);
}

struct ram_block *ram_block_find(struct ram_list *rams, const char *name)
{
    list_for_each(block, &rams->blocks, struct ram_block, node)
    {
        if (strcmp(block->name, name) == 0)
            return block;
    }
    return NULL;
}

bool ram_block_in_use(const struct ram_block *block, uint64_t offset)
{
    unsigned char used[HUGE_PAGES];
    unsigned unused = 0;

    if (!range_fits(offset, MEM_HUGE_SIZE, block->size) ||
        mincore(block->host + offset, MEM_HUGE_SIZE, used))
        return false;
    for (unsigned n = 0; n < HUGE_PAGES; n++)
        unused += !(used[n] & 1);
    return unused <= HUGE_UNUSED_MAX;
}

bool ram_block_make_huge(const struct ram_block *block, uint64_t offset, uint64_t len)
{
    return range_fits(offset, len, block->size) &&
           !madvise(block->host + offset, len, MADV_COLLAPSE);
}

uint64_t ram_block_discard(struct ram_block *block, uint64_t offset, uint64_t len)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), start, end;

    if (block->read_only || !range_fits(offset, len, block->size))
        return 0;
    start = align_up(offset, page);
    end = align_down(offset + len, page);
    /* The block is a file, so that "don't need" would keep it: a hole is what frees memory. */
    if (start >= end || madvise(block->host + start, end - start, MADV_REMOVE))
        return 0;
    return end - start;
}
