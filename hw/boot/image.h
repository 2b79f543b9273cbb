/*
 * What a direct boot writes into RAM: a list of blobs made of files and of what a loader makes
 * itself. The loaders of each architecture share it (hw/x86/boot, hw/arm/boot.c).
 *
 * The list is made once, when the board is created, and written on every machine reset, so a guest
 * that overwrote its kernel starts afresh. Files are hostile: every offset, size and address in
 * them is checked, and what is wrong with one is said in a sentence that names it. Used before the
 * machine runs and, boot_image_write, with the machine lock held and vCPUs paused.
 */
#ifndef HW_BOOT_IMAGE_H
#define HW_BOOT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include "core/util/error.h"
#include "core/util/list.h"

struct vemu_machine;

/* A file that blobs are made of. */
struct boot_file {
    struct list node;
    int fd;
    char *name;    /* for error sentences: option and path */
    uint8_t *data; /* NULL: read again when it is wanted */
    size_t len;
    struct timespec modified;
};

/* One piece of guest memory. */
struct boot_blob {
    struct list node;
    const char *name; /* for error sentences; static */
    uint64_t addr, size;
    const uint8_t *data;          /* the first len bytes; NULL when len is 0, or */
    const struct boot_file *file; /* they are in a file, at an offset */
    size_t file_offset, len;
    bool reserved;  /* not written: room that the kernel needs for itself */
    uint8_t *owned; /* freed with the blob */
};

struct boot_range {
    uint64_t addr, size;
};
enum { BOOT_RAM_RANGES = 3 };

struct boot_image {
    struct list blobs, files;
    struct boot_range ram[BOOT_RAM_RANGES]; /* where blobs may lie; the first ones are for errors */
    unsigned ram_ranges;
    const char *kernel_path, *initrd_path; /* the config's; valid while loading */
    const uint8_t *kernel;                 /* of a file; valid while loading */
    size_t kernel_len;
    char *cmdline; /* never NULL after boot_image_begin */
};

void boot_image_init(struct boot_image *image);
void boot_image_free(struct boot_image *image);
/* Takes note of what -kernel, -initrd and -append say and opens the kernel, of at most limit bytes;
 * boot_image_end forgets what is valid while loading only, also after a failure. */
bool boot_image_begin(struct boot_image *image, const char *kernel, const char *initrd,
                      const char *append, uint64_t limit, struct vemu_error **errp);
void boot_image_end(struct boot_image *image);
/* Write the blobs to RAM. false: a file is not what it was when it was loaded, or can not be read
 * again; nothing was written. */
bool boot_image_write(struct boot_image *image, struct vemu_machine *m, struct vemu_error **errp);

/* Is [addr, addr+size) RAM that the guest may use? */
bool boot_in_ram(const struct boot_image *image, uint64_t addr, uint64_t size);
/*
 * Add size bytes at addr: len from data (of a file, if it lies there), the rest zero. Fails when it
 * is not in RAM or overlaps another blob; the sentence starts with `subject` ("-kernel vmlinux:
 * segment 2"). With owned, data is freed with the list, also on failure.
 */
bool boot_add(struct boot_image *image, const char *subject, const char *name, uint64_t addr,
              uint64_t size, const uint8_t *data, size_t len, uint8_t *owned,
              struct vemu_error **errp);
bool boot_reserve(struct boot_image *image, const char *subject, const char *name, uint64_t addr,
                  uint64_t size, struct vemu_error **errp);
/* Lowest free place of size bytes from start on that ends at or below end, and the highest; 0:
 * none. */
uint64_t boot_place_up(const struct boot_image *image, uint64_t start, uint64_t end, uint64_t size,
                       uint64_t align);
uint64_t boot_place_down(const struct boot_image *image, uint64_t start, uint64_t end,
                         uint64_t size, uint64_t align);

/* Whole file; option names it in sentences ("-kernel"). limit: largest size that makes sense. */
bool boot_file_read(const char *option, const char *path, uint64_t limit, uint8_t **data,
                    size_t *len, struct vemu_error **errp);
/* The same to make blobs of: the image owns it. Its data is there until the blobs were written. */
struct boot_file *boot_file_open(struct boot_image *image, const char *option, const char *path,
                                 uint64_t limit, struct vemu_error **errp);
/* Data of all files; and their memory given back. */
bool boot_files_load(struct boot_image *image, struct vemu_error **errp);
void boot_files_drop(struct boot_image *image);
void boot_files_free(struct boot_image *image);

#endif
