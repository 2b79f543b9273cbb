/* The blob list of direct boots; see image.h. */
#include "hw/boot/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"

void boot_image_init(struct boot_image *image)
{
    *image = (struct boot_image){0};
    list_init(&image->blobs);
    list_init(&image->files);
}

void boot_image_free(struct boot_image *image)
{
    if (!image->blobs.next)
        return;
    list_for_each_safe(blob, &image->blobs, struct boot_blob, node)
    {
        free(blob->owned);
        free(blob);
    }
    boot_files_free(image);
    free(image->cmdline);
    boot_image_init(image);
}

bool boot_image_begin(struct boot_image *image, const char *kernel, const char *initrd,
                      const char *append, uint64_t limit, struct vemu_error **errp)
{
    image->kernel_path = kernel;
    image->initrd_path = initrd;
    image->cmdline = strdup(append ? append : "");
    if (!image->cmdline)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the command line");
    const struct boot_file *file = boot_file_open(image, "-kernel", kernel, limit, errp);
    image->kernel = file ? file->data : NULL;
    image->kernel_len = file ? file->len : 0;
    return file != NULL;
}

void boot_image_end(struct boot_image *image)
{
    image->kernel_path = image->initrd_path = NULL;
    image->kernel = NULL;
}

/* ---- blobs ----------------------------------------------------------------------------------- */

bool boot_in_ram(const struct boot_image *image, uint64_t addr, uint64_t size)
{
    for (unsigned n = 0; n < image->ram_ranges; n++) {
        const struct boot_range *r = &image->ram[n];
        if (addr >= r->addr && range_fits(addr - r->addr, size, r->size))
            return true;
    }
    return false;
}

static const struct boot_blob *find_overlap(const struct boot_image *image, uint64_t addr,
                                            uint64_t size)
{
    list_for_each(blob, &image->blobs, struct boot_blob, node)
    {
        if (range_overlaps(addr, size, blob->addr, blob->size))
            return blob;
    }
    return NULL;
}

static void describe_ram(const struct boot_image *image, char *text, size_t room)
{
    size_t len = 0;
    text[0] = 0;
    for (unsigned n = 0; n < image->ram_ranges && len < room; n++) {
        const struct boot_range *r = &image->ram[n];
        if (r->size)
            len += (size_t)snprintf(text + len, room - len, "%s%s%llx to 0x%llx", n ? " and " : "",
                                    r->addr ? "0x" : "", (unsigned long long)r->addr,
                                    (unsigned long long)(r->addr + r->size));
    }
}

static struct boot_blob *add_blob(struct boot_image *image, const char *subject, const char *name,
                                  uint64_t addr, uint64_t size, struct vemu_error **errp)
{
    const struct boot_blob *other = find_overlap(image, addr, size);
    if (!boot_in_ram(image, addr, size)) {
        char ram[160];
        describe_ram(image, ram, sizeof ram);
        error_set(errp, VEMU_ERROR_FORMAT,
                  "%s: %s needs memory at 0x%llx, size 0x%llx, but the machine's usable memory is "
                  "%s",
                  subject, name, (unsigned long long)addr, (unsigned long long)size, ram);
        return NULL;
    }
    if (other) {
        error_set(errp, VEMU_ERROR_FORMAT,
                  "%s: %s at 0x%llx, size 0x%llx, overlaps the %s at 0x%llx, size 0x%llx", subject,
                  name, (unsigned long long)addr, (unsigned long long)size, other->name,
                  (unsigned long long)other->addr, (unsigned long long)other->size);
        return NULL;
    }
    struct boot_blob *blob = calloc(1, sizeof *blob);
    if (!blob) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: no memory for the %s", subject, name);
        return NULL;
    }
    blob->name = name;
    blob->addr = addr;
    blob->size = size;
    list_add_tail(&image->blobs, &blob->node);
    return blob;
}

bool boot_add(struct boot_image *image, const char *subject, const char *name, uint64_t addr,
              uint64_t size, const uint8_t *data, size_t len, uint8_t *owned,
              struct vemu_error **errp)
{
    struct boot_blob *blob = add_blob(image, subject, name, addr, size, errp);
    if (!blob) {
        free(owned);
        return false;
    }
    blob->data = data;
    blob->len = (size_t)MIN(len, size);
    blob->owned = owned;
    list_for_each(f, &image->files, struct boot_file, node)
    {
        if (len && data >= f->data && data < f->data + f->len) {
            blob->data = NULL;
            blob->file = f;
            blob->file_offset = (size_t)(data - f->data);
        }
    }
    return true;
}

bool boot_reserve(struct boot_image *image, const char *subject, const char *name, uint64_t addr,
                  uint64_t size, struct vemu_error **errp)
{
    struct boot_blob *blob = add_blob(image, subject, name, addr, size, errp);
    if (blob)
        blob->reserved = true;
    return blob != NULL;
}

bool boot_image_write(struct boot_image *image, struct vemu_machine *m, struct vemu_error **errp)
{
    if (!boot_files_load(image, errp))
        return false;
    list_for_each(blob, &image->blobs, struct boot_blob, node)
    {
        if (blob->reserved)
            continue;
        dma_write(m->memory, NULL, blob->addr,
                  blob->file ? blob->file->data + blob->file_offset : blob->data, blob->len);
        if (blob->size > blob->len)
            dma_fill(m->memory, NULL, blob->addr + blob->len, 0, blob->size - blob->len);
    }
    boot_files_drop(image);
    return true;
}

/* ---- placement ------------------------------------------------------------------------------- */

uint64_t boot_place_up(const struct boot_image *image, uint64_t start, uint64_t end, uint64_t size,
                       uint64_t align)
{
    for (uint64_t addr = align_up(start, align); range_fits(addr, size, end);) {
        const struct boot_blob *other = find_overlap(image, addr, size);
        if (!other)
            return addr;
        addr = align_up(other->addr + other->size, align);
    }
    return 0;
}

uint64_t boot_place_down(const struct boot_image *image, uint64_t start, uint64_t end,
                         uint64_t size, uint64_t align)
{
    while (end >= size) {
        uint64_t addr = align_down(end - size, align);
        if (addr < start)
            return 0;
        const struct boot_blob *other = find_overlap(image, addr, size);
        if (!other)
            return addr;
        end = other->addr;
    }
    return 0;
}
