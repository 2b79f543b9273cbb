/*
 * Disk images: raw files, host block devices and qcow2, alone or as a chain of backing files.
 *
 * A context owns what requests run on: an io_uring where the host has one, worker threads
 * otherwise and for what must wait. A `struct vemu_block` is an opened image, the top of its chain.
 * Requests are asynchronous: vemu_block_submit() never waits and never calls `done`; completions
 * are delivered by vemu_block_context_dispatch(), which whoever polls vemu_block_context_fd()
 * calls. The calls that return a result directly (vemu_block_read() and so on) submit and wait.
 *
 * Thread contract: a context and its images belong to one thread or one lock of the caller's; calls
 * on different contexts are independent. Workers are the context's own: they are started when first
 * needed, take no signals, call nothing of the embedder's, and have ended when
 * vemu_block_context_free() returns.
 *
 * An image file is hostile input: what it says is bounded and checked, and damage is an error.
 */
#ifndef VEMU_BLOCK_H
#define VEMU_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <vemu/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vemu_block_context;
struct vemu_block;

/* ---- contexts -------------------------------------------------------------------------------- */

enum vemu_block_aio {
    VEMU_BLOCK_AIO_AUTO,    /* io_uring when it works, else workers */
    VEMU_BLOCK_AIO_THREADS, /* workers only */
    VEMU_BLOCK_AIO_URING,   /* io_uring, or an error */
};

struct vemu_block_context_options {
    size_t size; /* sizeof the struct, for growth */
    enum vemu_block_aio aio;
    unsigned workers; /* most threads at a time; 0: 8 */
};

/* options may be NULL. */
struct vemu_block_context *vemu_block_context_new(const struct vemu_block_context_options *options,
                                                  struct vemu_error **errp);
/* All images must be closed. Ends the workers; NULL is allowed. */
void vemu_block_context_free(struct vemu_block_context *ctx);
/* Readable when vemu_block_context_dispatch has something to do. */
int vemu_block_context_fd(struct vemu_block_context *ctx);
/* Calls `done` of what has completed; does not wait. */
void vemu_block_context_dispatch(struct vemu_block_context *ctx);
/* Waits until something completed, then dispatches. With nothing under way it returns at once. */
void vemu_block_context_wait(struct vemu_block_context *ctx);
/* Between plug and unplug (which nest) submitted requests are gathered and handed over at once. */
void vemu_block_plug(struct vemu_block_context *ctx);
void vemu_block_unplug(struct vemu_block_context *ctx);
/* "io_uring" or "threads". */
const char *vemu_block_context_aio(const struct vemu_block_context *ctx);

/* ---- images ---------------------------------------------------------------------------------- */

enum vemu_block_cache {
    VEMU_BLOCK_WRITEBACK,    /* the host's page cache; durable after a flush */
    VEMU_BLOCK_WRITETHROUGH, /* durable when the write completes */
    VEMU_BLOCK_NONE,         /* without the page cache (O_DIRECT); durable after a flush */
    VEMU_BLOCK_DIRECTSYNC,   /* without the page cache, durable when the write completes */
    VEMU_BLOCK_UNSAFE,       /* flushes are ignored */
};
/* "writeback", "none", ...; false when there is no such mode. */
bool vemu_block_cache_parse(const char *name, enum vemu_block_cache *cache);

enum {
    VEMU_BLOCK_FORCE_SHARE = 1 << 0, /* read although somebody else may be writing */
    VEMU_BLOCK_NO_BACKING = 1 << 1,  /* leave the backing file closed: unallocated reads as zeros */
    VEMU_BLOCK_AS_FOUND = 1 << 2,    /* for check: open a damaged image, repair nothing by itself */
};

struct vemu_block_options {
    size_t size;        /* sizeof the struct */
    const char *format; /* "raw", "qcow2"; NULL: found out by looking */
    enum vemu_block_cache cache;
    unsigned flags;
    unsigned writable;       /* this many images from the top of the chain may be written */
    const char *snapshot;    /* ID or name of the internal snapshot to read; NULL: the disk */
    uint64_t l2_cache_bytes; /* bounds qcow2's cache of mapping tables; 0: 32 MiB */
};

/* options may be NULL: read only, format found out. NULL and the error on failure. */
struct vemu_block *vemu_block_open(struct vemu_block_context *ctx, const char *filename,
                                   const struct vemu_block_options *options,
                                   struct vemu_error **errp);
/* Waits for what is under way, writes metadata back, closes the chain. False when that failed: the
 * image is closed all the same, and *errp tells what may be missing. NULL is allowed. */
bool vemu_block_close(struct vemu_block *block, struct vemu_error **errp);

uint64_t vemu_block_size(const struct vemu_block *block);
/* The next image of the chain, or NULL. It is closed with the one above. */
struct vemu_block *vemu_block_backing(struct vemu_block *block);

struct vemu_block_snapshot {
    const char *id, *name;
    uint64_t vm_state_size, disk_size;
    int64_t date_s;
    uint32_t date_ns;
    uint64_t vm_clock_ns;
    uint64_t icount; /* ~0: none */
};

struct vemu_block_info {
    const char *filename, *format;
    uint64_t virtual_size;
    uint64_t disk_size;                /* what the file occupies on the host */
    uint64_t file_length;              /* its length */
    uint32_t cluster_size;             /* 0: the format has none */
    const char *backing_filename;      /* as the image has it, or NULL */
    const char *full_backing_filename; /* as it is opened */
    const char *backing_format;        /* or NULL */
    bool dirty, corrupt, lazy_refcounts, compressed_zstd;
    unsigned version, refcount_bits; /* qcow2 */
    const struct vemu_block_snapshot *snapshots;
    unsigned snapshot_count;
};
/* Pointers in *info are the image's, valid until the next call on it. */
void vemu_block_info(struct vemu_block *block, struct vemu_block_info *info);

/* Requests that were completed since the image was opened. */
struct vemu_block_stats {
    uint64_t rd_bytes, rd_operations, wr_bytes, wr_operations;
    uint64_t unmap_bytes, unmap_operations, flush_operations;
    uint64_t failed_rd_operations, failed_wr_operations;
    uint64_t failed_unmap_operations, failed_flush_operations;
    uint64_t wr_highest_offset; /* end of the last byte that was written */
};
/* The image's own counters, which go on. */
const struct vemu_block_stats *vemu_block_stats(const struct vemu_block *block);

/* ---- requests -------------------------------------------------------------------------------- */

enum vemu_block_op {
    VEMU_BLOCK_READ,
    VEMU_BLOCK_WRITE,
    VEMU_BLOCK_WRITE_ZEROES,
    VEMU_BLOCK_DISCARD, /* the range need not be kept; it may read as anything older or zeros */
    VEMU_BLOCK_FLUSH,   /* what completed before is durable when this completes */
};

enum {
    VEMU_BLOCK_FUA = 1 << 0,        /* durable when it completes */
    VEMU_BLOCK_MAY_UNMAP = 1 << 1,  /* write zeroes: space may be given back */
    VEMU_BLOCK_COMPRESSED = 1 << 2, /* write: whole clusters, kept compressed */
};

struct vemu_block_request {
    enum vemu_block_op op;
    unsigned flags;
    uint64_t offset, bytes;  /* flush: both unused */
    const struct iovec *iov; /* read, write: `bytes` in all; kept by the caller until done */
    unsigned iov_count;
    void (*done)(struct vemu_block_request *req);
    void *opaque;
    int error; /* at `done`: 0 or an errno value */

    struct vemu_block_job { /* the library's */
        struct vemu_block_job *next;
        void (*run)(struct vemu_block_job *job);
        void (*complete)(struct vemu_block_job *job);
        struct vemu_block *block;
        uint64_t host_offset;
        int result;
        unsigned char state, epoch;
    } job;
};

void vemu_block_submit(struct vemu_block *block, struct vemu_block_request *req);
/* Takes back a request that nobody works on yet; its `done` is called with ECANCELED. False: too
 * late, it completes as usual. */
bool vemu_block_cancel(struct vemu_block_request *req);
/* Waits until no request of this image is under way; `done` is called for each. */
void vemu_block_drain(struct vemu_block *block);

/* Submit and wait. */
bool vemu_block_read(struct vemu_block *block, uint64_t offset, void *buf, size_t bytes,
                     struct vemu_error **errp);
bool vemu_block_write(struct vemu_block *block, uint64_t offset, const void *buf, size_t bytes,
                      unsigned flags, struct vemu_error **errp);
bool vemu_block_write_zeroes(struct vemu_block *block, uint64_t offset, uint64_t bytes,
                             unsigned flags, struct vemu_error **errp);
bool vemu_block_discard(struct vemu_block *block, uint64_t offset, uint64_t bytes,
                        struct vemu_error **errp);
bool vemu_block_flush(struct vemu_block *block, struct vemu_error **errp);

/* ---- what is where --------------------------------------------------------------------------- */

enum {
    VEMU_BLOCK_DATA = 1 << 0,    /* there is data to be read */
    VEMU_BLOCK_ZERO = 1 << 1,    /* reads as zeros */
    VEMU_BLOCK_OFFSET = 1 << 2,  /* `host_offset` is where it lies in the file `filename` */
    VEMU_BLOCK_PRESENT = 1 << 3, /* some image of the chain decides what is read here */
    VEMU_BLOCK_IS_COMPRESSED = 1 << 4,
};

struct vemu_block_status {
    uint64_t bytes; /* from the offset asked for, all in this state */
    unsigned flags;
    uint64_t host_offset;
    unsigned depth; /* 0: the image itself, 1: its backing file ... */
    const char *filename;
};
/* The state at offset, for at most `bytes` (not 0), looking through at most `layers` images of the
 * chain (0: all). */
bool vemu_block_status(struct vemu_block *block, uint64_t offset, uint64_t bytes, unsigned layers,
                       struct vemu_block_status *status, struct vemu_error **errp);

/* ---- images as a whole ----------------------------------------------------------------------- */

/* As a virtual_size: the backing file's. */
#define VEMU_BLOCK_SIZE_OF_BACKING UINT64_MAX

struct vemu_block_create_options {
    size_t size;        /* sizeof the struct */
    const char *format; /* NULL: raw */
    uint64_t virtual_size;
    const char *backing_filename, *backing_format; /* NULL: none */
    /* "cluster_size=64K,compat=1.1,preallocation=off,..." as -o takes it; NULL: nothing. The keys
     * size, backing_file and backing_fmt stand for the members above. */
    const char *options;
    bool trust_backing; /* do not look whether the backing file is there */
};
bool vemu_block_create(struct vemu_block_context *ctx, const char *filename,
                       const struct vemu_block_create_options *options, struct vemu_error **errp);
/* Options that a format knows, one "name=what it means" a line; NULL: no such format. */
const char *vemu_block_create_help(const char *format);

/* The path that `backing` of an image called `filename` stands for: relative names start from the
 * image's directory. malloc()ed; NULL and the error when it is not one that can be opened. */
char *vemu_block_backing_path(const char *filename, const char *backing, struct vemu_error **errp);

enum vemu_block_prealloc {
    VEMU_BLOCK_PREALLOC_OFF,
    VEMU_BLOCK_PREALLOC_METADATA,
    VEMU_BLOCK_PREALLOC_FALLOC,
    VEMU_BLOCK_PREALLOC_FULL,
};
bool vemu_block_prealloc_parse(const char *name, enum vemu_block_prealloc *prealloc);
/* "4096", "64K", "1.5G". */
bool vemu_block_size_parse(const char *text, uint64_t *bytes);
/* Nothing may be under way for these. */
bool vemu_block_resize(struct vemu_block *block, uint64_t size, enum vemu_block_prealloc prealloc,
                       struct vemu_error **errp);
bool vemu_block_snapshot_create(struct vemu_block *block, const char *name,
                                struct vemu_error **errp);
bool vemu_block_snapshot_apply(struct vemu_block *block, const char *id_or_name,
                               struct vemu_error **errp);
bool vemu_block_snapshot_delete(struct vemu_block *block, const char *id_or_name,
                                struct vemu_error **errp);
/* Names another backing file in the image's header (NULL: none); opens nothing. */
bool vemu_block_set_backing(struct vemu_block *block, const char *filename, const char *format,
                            struct vemu_error **errp);
/* Drops all that the image has allocated, so that it shows its backing file again. */
bool vemu_block_make_empty(struct vemu_block *block, struct vemu_error **errp);

enum vemu_block_repair { VEMU_BLOCK_REPAIR_NONE, VEMU_BLOCK_REPAIR_LEAKS, VEMU_BLOCK_REPAIR_ALL };

struct vemu_block_check {
    uint64_t corruptions, leaks, check_errors; /* still there */
    uint64_t corruptions_fixed, leaks_fixed;
    uint64_t image_end_offset;
    uint64_t total_clusters, allocated_clusters, fragmented_clusters, compressed_clusters;
    /* One sentence a finding, in order; may be NULL. */
    void (*finding)(void *opaque, const char *line);
    void *opaque;
};
/* The caller sets finding and opaque. False with VEMU_ERROR_UNSUPPORTED when the format has nothing
 * to check, with another code when the check could not be carried out. */
bool vemu_block_check(struct vemu_block *block, enum vemu_block_repair repair,
                      struct vemu_block_check *check, struct vemu_error **errp);

#ifdef __cplusplus
}
#endif
#endif
