/*
 * Guest memory: region tree -> flat view.
 *
 * A mem_space (system memory, or x86 port I/O) has a root container region. Regions are RAM, ROM
 * (reads as RAM, writes ignored), MMIO (callbacks), containers and aliases; overlaps are resolved
 * by priority (higher wins), then by later addition. The tree is changed with the machine lock held
 * between mem_transaction_begin/commit (nestable; a lone change commits at once); commit renders a
 * new immutable flat view and publishes it. Readers take no lock: they bracket use of a view with
 * mem_view_enter/leave (RCU-style; an old view is freed when no reader can hold it).
 *
 * MMIO accesses are normalised to what the region declares before the device sees them: a wider
 * access is split, a narrower one widened for reads (shifted out) or rejected, unaligned ones split
 * to bytes, unless the region accepts them.
 *
 * All addresses and sizes are in bytes; a region may be at most 2^63 bytes.
 */
#ifndef CORE_MEMORY_MEMORY_H
#define CORE_MEMORY_MEMORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/util/list.h"

struct vemu_error;
struct device;
struct mem_space;

/* ---- RAM ------------------------------------------------------------------------------------ */

enum mem_dirty_client { MEM_DIRTY_DISPLAY, MEM_DIRTY_MIGRATION, MEM_DIRTY_CLIENTS };
#define MEM_PAGE_BITS 12
#define MEM_PAGE_SIZE (UINT64_C(1) << MEM_PAGE_BITS)
#define MEM_HUGE_BITS 21
#define MEM_HUGE_SIZE                                                                              \
    (UINT64_C(1) << MEM_HUGE_BITS) /* of the host's huge pages, where it has any */

/* Host memory behind RAM or ROM regions. */
struct ram_block {
    struct list node; /* in the machine's list */
    char *name;
    uint32_t id;    /* unique in the machine and never reused; part of the translator's block key */
    int fd;         /* memfd; -1 for blocks without one */
    uint8_t *host;  /* page aligned */
    uint64_t size;  /* bytes, page multiple */
    bool read_only; /* ROM: guest writes are ignored */
    uint64_t
        *dirty[MEM_DIRTY_CLIENTS]; /* a bit a page while that client logs, else NULL: dirty.h */
    bool logged;                   /* one of them does */
    struct list log_node;          /* the accelerator's, while logged: of the blocks that are */
    void *tcg;                     /* the translator's per-page table; owned by tcg/ */
    uint8_t *heat; /* the accelerator's, a byte for each whole MEM_HUGE_SIZE: how much there is to
                      gain by ram_block_make_huge() */
};

struct ram_list {
    struct list blocks;
    uint32_t next_id;
    void (*block_freed)(void *opaque,
                        struct ram_block *block); /* the accelerator's hook; may be NULL */
    const struct ram_dirty_ops *dirty_ops;        /* likewise; see dirty.h */
    bool stores_unseen; /* vCPUs store to memory without a trace: to dirty logs every page is dirty
                           all the time */
    void *opaque;       /* of both */
};

void ram_list_init(struct ram_list *rams);
/* size is rounded up to pages; memory is zero and lazily populated. */
struct ram_block *ram_block_new(struct ram_list *rams, const char *name, uint64_t size,
                                bool read_only, struct vemu_error **errp);
void ram_block_free(struct ram_list *rams, struct ram_block *block);
struct ram_block *ram_block_find(struct ram_list *rams, const char *name);
/*
 * Huge pages of the host. in_use: was nearly all of the MEM_HUGE_SIZE bytes at an offset (a
 * multiple) touched, so that resident memory grows by an eighth of it at most? make_huge: have the
 * host put such pieces together; one call for pieces side by side is much cheaper than several. May
 * take milliseconds a piece; false: not all of it was done. Any thread; no lock is needed: whoever
 * accesses the bytes waits.
 */
bool ram_block_in_use(const struct ram_block *block, uint64_t offset);
bool ram_block_make_huge(const struct ram_block *block, uint64_t offset, uint64_t len);
/* Gives the host's pages that lie wholly in [offset, offset+len) back to the host; they read as
 * zeros from then on, and take memory again when they are touched. Returns how many bytes that is.
 * Whoever calls this tells of it as of any other write (dma_discard does). */
uint64_t ram_block_discard(struct ram_block *block, uint64_t offset, uint64_t len);

/* ---- regions -------------------------------------------------------------------------------- */

enum mem_result { MEM_OK = 0, MEM_ERROR = 1 /* nothing there, refused size, or re-entrant DMA */ };

struct mem_ops {
    /* offset is relative to the region. size is 1, 2, 4 or 8 and within [min_size, max_size]. */
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, uint64_t value, unsigned size);
    uint8_t min_size, max_size; /* 0 means 1 and 4; the bus splits or widens to fit */
    bool unaligned;             /* the device handles unaligned offsets itself */
    bool unlocked; /* callbacks have their own locking: called without the machine lock */
};

enum mem_kind { MEM_CONTAINER, MEM_RAM, MEM_ROM, MEM_MMIO, MEM_ALIAS };

struct mem_region {
    const char *name;
    enum mem_kind kind;
    uint64_t size;
    /* RAM, ROM */
    struct ram_block *ram;
    uint64_t ram_offset;
    /* MMIO (also: writes to a ROM region with ops go to ops->write, as flash does) */
    const struct mem_ops *ops;
    void *opaque;
    struct device *owner; /* for the DMA re-entrancy guard; may be NULL */
    /* ALIAS */
    struct mem_region *target;
    uint64_t target_offset;
    /* place in the tree; managed by mem_region_add/remove/set_* */
    struct mem_space *space; /* a root's, or where the region was first visible */
    struct mem_region *parent;
    uint64_t addr;
    int priority;
    bool enabled;
    struct list children, sibling;
    struct list aliases, alias_node; /* aliases in some tree that show this region */
    struct list doorbells;           /* core/memory/doorbell.h */
    const struct mem_posted *posted; /* core/memory/posted.h */
};

void mem_region_init_container(struct mem_region *r, const char *name, uint64_t size);
void mem_region_init_ram(struct mem_region *r, const char *name, struct ram_block *ram,
                         uint64_t ram_offset, uint64_t size);
void mem_region_init_rom(struct mem_region *r, const char *name, struct ram_block *ram,
                         uint64_t ram_offset, uint64_t size);
void mem_region_init_io(struct mem_region *r, const char *name, uint64_t size,
                        const struct mem_ops *ops, void *opaque, struct device *owner);
void mem_region_init_alias(struct mem_region *r, const char *name, struct mem_region *target,
                           uint64_t target_offset, uint64_t size);
/* Moves r when it is in a tree already. An addition that would close a cycle (over parents and
 * aliases) is refused: r->parent stays NULL. A region must be removed before its memory is freed.
 */
void mem_region_add(struct mem_region *parent, uint64_t addr, struct mem_region *r, int priority);
void mem_region_remove(struct mem_region *r); /* idempotent */
void mem_region_set_address(struct mem_region *r, uint64_t addr);
void mem_region_set_enabled(struct mem_region *r, bool enabled);

/* ---- spaces and views ------------------------------------------------------------------------ */

/* One piece of the flat view: [start, start+size) is `region` from region_offset on. */
struct mem_range {
    uint64_t start, size;
    struct mem_region *region; /* never a container or alias */
    uint64_t region_offset;
};

struct mem_view {
    uint64_t generation; /* counts commits of this space, from 1 */
    uint32_t count;
    struct mem_range *ranges; /* sorted, disjoint */
};

/* Told after a new view is published (machine lock held): the accelerator's memory_changed. */
typedef void (*mem_changed_fn)(void *opaque, struct mem_space *space);

struct mem_space *mem_space_new(const char *name, uint64_t size, pthread_mutex_t *machine_lock,
                                struct vemu_error **errp);
/* Another view of the same machine: size, lock and hooks (listener, ram_written) as `other` has
 * them. */
struct mem_space *mem_space_new_beside(const char *name, const struct mem_space *other,
                                       struct vemu_error **errp);
void mem_space_free(struct mem_space *space);
struct mem_region *mem_space_root(struct mem_space *space);
void mem_space_set_listener(struct mem_space *space, mem_changed_fn fn, void *opaque);
/* Between begin and commit changes of the tree are collected; the outermost commit publishes. */
void mem_transaction_begin(struct mem_space *space);
void mem_transaction_commit(struct mem_space *space);

/* RCU-style read side. enter returns the current view, valid until the matching leave on the same
 * thread; nesting is allowed. Cheap: one atomic store and load. Any thread may call it. */
const struct mem_view *mem_view_enter(struct mem_space *space, unsigned *token);
void mem_view_leave(struct mem_space *space, unsigned token);
/* The range that holds addr, or NULL. */
const struct mem_range *mem_view_find(const struct mem_view *view, uint64_t addr);

/* ---- access ---------------------------------------------------------------------------------- */

/* One access of 1, 2, 4 or 8 bytes as a CPU makes it (little-endian value). The machine lock is
 * taken inside when the region needs it; the caller must not hold it. Unassigned: reads all ones
 * and returns MEM_ERROR. */
enum mem_result mem_read(struct mem_space *space, uint64_t addr, unsigned size, uint64_t *value);
enum mem_result mem_write(struct mem_space *space, uint64_t addr, unsigned size, uint64_t value);
/* The same for a range already looked up; offset is within the region. For accelerators. */
enum mem_result mem_region_read(struct mem_region *r, uint64_t offset, unsigned size,
                                uint64_t *value);
enum mem_result mem_region_write(struct mem_region *r, uint64_t offset, unsigned size,
                                 uint64_t value);

/* DMA: any length; RAM is copied, MMIO accessed in its own sizes. Called with the machine lock
 * held. dev (may be NULL: loader, debugger) is the device that masters the bus: an access that
 * would enter dev's own MMIO callbacks again is refused (MEM_ERROR) and logged. Writes mark pages
 * dirty and drop translated code. */
enum mem_result dma_read(struct mem_space *space, struct device *dev, uint64_t addr, void *buf,
                         uint64_t len);
enum mem_result dma_write(struct mem_space *space, struct device *dev, uint64_t addr,
                          const void *buf, uint64_t len);
enum mem_result dma_fill(struct mem_space *space, struct device *dev, uint64_t addr, uint8_t byte,
                         uint64_t len);
/*
 * A piece of RAM as host memory, for transfers that somebody else does while the guest runs on (the
 * block layer). It stays valid as long as the machine has the RAM block. What was written to it is
 * told by dma_written, once the transfer is done.
 */
struct dma_piece {
    void *host;
    uint64_t len;
    struct ram_block *ram;
};
/* The piece at addr, at most len bytes long. False: no RAM (or, to write, ROM) is there; dma_read
 * and dma_write say what is. */
bool dma_map(struct mem_space *space, uint64_t addr, uint64_t len, bool write,
             struct dma_piece *piece);
void dma_written(struct mem_space *space, const struct dma_piece *piece);
/* The guest does without what is in [addr, addr+len) of its RAM: the memory goes back to the host
 * (ram_block_discard) and reads as zeros. What is not RAM stays as it is. Returns how many bytes
 * went back. */
uint64_t dma_discard(struct mem_space *space, uint64_t addr, uint64_t len);
/* Write that also reaches ROM, for loaders and debuggers. */
enum mem_result mem_write_rom(struct mem_space *space, uint64_t addr, const void *buf,
                              uint64_t len);

/* Hook for the accelerator: RAM at [offset, offset+len) of block was written by someone other than
 * compiled code (mem_write, DMA, debugger). Called after the write, with the machine lock held
 * (DMA) or not (mem_write). Set once at machine creation; may be NULL. */
void mem_space_set_ram_written(struct mem_space *space,
                               void (*fn)(void *opaque, struct ram_block *block, uint64_t offset,
                                          uint64_t len),
                               void *opaque);

#endif
