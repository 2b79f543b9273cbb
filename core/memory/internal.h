/* What the files of core/memory share; nobody else includes it, except core/device/machine_state.c
 * for mem_space_ram_written. */
#ifndef CORE_MEMORY_INTERNAL_H
#define CORE_MEMORY_INTERNAL_H

#include "core/memory/memory.h"
#include "core/util/range.h"

/* A client's log (dirty.c). The bitmaps stay allocated when it is switched off, since a vCPU may be
 * about to set a bit. */
struct ram_log {
    uint64_t *dirty;     /* a bit a page, set by any thread */
    uint64_t *unsettled; /* made clean, but may have been stored to since, unseen; machine lock */
    uint64_t ticket;     /* of the latest of these */
    bool waiting;        /* the accelerator was not seen to have rearmed them */
};
struct ram_block_private {
    struct ram_block block;
    struct ram_log logs[MEM_DIRTY_CLIENTS];
};
static inline struct ram_block_private *ram_block_private(struct ram_block *block)
{
    return container_of(block, struct ram_block_private, block);
}

/* Nesting of containers and aliases that is rendered; deeper parts of a tree are not visible. */
enum { MEM_DEPTH_MAX = 64 };
#define MEM_SIZE_MAX (UINT64_C(1) << 63)

/* Readers in progress, counted by epoch. Slots are picked by thread so that vCPUs do not share a
 * cache line. */
enum { MEM_READER_SLOTS = 32 };
struct mem_reader_slot {
    _Atomic uint32_t active[2];
} __attribute__((aligned(64)));

/* A view with its ranges behind it. */
struct mem_view_node {
    struct mem_view view;
    struct mem_view_node *next; /* retired views */
    struct mem_range ranges[];
};

struct mem_space {
    struct mem_reader_slot readers[MEM_READER_SLOTS];
    struct mem_view_node *_Atomic current;
    _Atomic uint32_t epoch; /* 0 or 1: which counter new readers use */

    char *name;
    pthread_mutex_t *lock;
    struct mem_region root;
    mem_changed_fn changed;
    void *changed_opaque;
    void (*ram_written)(void *opaque, struct ram_block *block, uint64_t offset, uint64_t len);
    void *ram_written_opaque;

    /* machine lock */
    unsigned dma_depth; /* register accesses by DMA that are inside of one another */
    unsigned transaction_depth;
    bool pending;    /* something changed since the last render */
    bool structural; /* ... by add or remove: publish even if the ranges compare equal */
    struct mem_space *queue_next;
    bool queued;

    /* Retired views: `retired` wait for the next grace period, `leaving` for the present one, which
     * still has to see the counters in drain_mask of epoch drain_epoch at zero. */
    struct mem_view_node *retired, *leaving;
    uint32_t drain_mask, drain_epoch;
    bool drain_second;
};

/* flatview.c: render the tree; NULL when memory is short. generation is not filled in. */
struct mem_view_node *mem_render(struct mem_region *root, uint32_t count_hint);
/* Index of the first range that ends after addr (view->count: none). */
uint32_t mem_view_index(const struct mem_view *view, uint64_t addr);

/* space.c: the tree changed at r: every space that shows r renders again. */
void mem_space_tree_changed(struct mem_region *r, bool structural);
void mem_space_ram_written(struct mem_space *space, struct ram_block *block, uint64_t offset,
                           uint64_t len);

/* access.c: one normalised MMIO access (or write to a ROM with ops), machine lock held or not
 * needed. [offset, offset+size) is inside the region. */
enum mem_result mem_dispatch_read(struct mem_region *r, uint64_t offset, unsigned size,
                                  uint64_t *value);
enum mem_result mem_dispatch_write(struct mem_region *r, uint64_t offset, unsigned size,
                                   uint64_t value);
/* One naturally aligned access of 1, 2, 4 or 8 bytes is one load or store of the host. */
uint64_t mem_ram_load(const void *host, unsigned size);
void mem_ram_store(void *host, unsigned size, uint64_t value);

static inline bool mem_is_ram(const struct mem_region *r)
{
    return r->kind == MEM_RAM || r->kind == MEM_ROM;
}
static inline uint8_t *mem_host(const struct mem_region *r, uint64_t offset)
{
    return r->ram->host + r->ram_offset + offset;
}
static inline unsigned mem_min_size(const struct mem_ops *ops)
{
    return ops->min_size ? ops->min_size : 1;
}
static inline unsigned mem_max_size(const struct mem_ops *ops)
{
    unsigned max = ops->max_size ? ops->max_size : 4;

    return max < mem_min_size(ops) ? mem_min_size(ops) : max;
}

#endif
