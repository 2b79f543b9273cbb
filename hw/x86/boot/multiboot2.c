/* Multiboot2 Specification version 2.0: OS image format, i386 machine state, boot information. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/x86/boot/boot.h"

#define HEADER_MAGIC 0xe85250d6u
#define BOOT_MAGIC 0x36d76289u
enum { HEADER_SEARCH = 32768, HEADER_SIZE = 16, ARCH_I386 = 0 };
enum {
    HTAG_END = 0,
    HTAG_INFORMATION_REQUEST = 1,
    HTAG_ADDRESS = 2,
    HTAG_ENTRY = 3,
    HTAG_CONSOLE_FLAGS = 4,
    HTAG_FRAMEBUFFER = 5,
    HTAG_MODULE_ALIGN = 6,
    HTAG_EFI_BS = 7,
    HTAG_ENTRY_EFI32 = 8,
    HTAG_ENTRY_EFI64 = 9,
    HTAG_RELOCATABLE = 10,
    HTAG_OPTIONAL = 1, /* flag */
};
enum {
    ITAG_END = 0,
    ITAG_CMDLINE = 1,
    ITAG_LOADER_NAME = 2,
    ITAG_MODULE = 3,
    ITAG_BASIC_MEMORY = 4,
    ITAG_MEMORY_MAP = 6,
    ITAG_ACPI_OLD = 14,
    ITAG_ACPI_NEW = 15,
};

/* What the header asks for. */
struct request {
    size_t address_tag; /* offset of the address tag's fields; 0: none */
    bool has_entry;
    uint32_t entry;
};

static long find_header(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + HEADER_SIZE <= MIN(len, (size_t)HEADER_SEARCH); i += 8) {
        const uint8_t *h = data + i;
        if (load_le32(h) == HEADER_MAGIC &&
            !(uint32_t)(HEADER_MAGIC + load_le32(h + 4) + load_le32(h + 8) + load_le32(h + 12)))
            return (long)i;
    }
    return -1;
}

bool multiboot2_is(const uint8_t *data, size_t len)
{
    return find_header(data, len) >= 0;
}

static bool truncated(const struct x86_boot *boot, struct vemu_error **errp)
{
    return error_set(errp, VEMU_ERROR_FORMAT,
                     "-kernel %s is truncated or malformed inside its multiboot2 header",
                     boot->image.kernel_path);
}

static bool parse_header(const struct x86_boot *boot, size_t at, struct request *req,
                         struct vemu_error **errp)
{
    const uint8_t *data = boot->image.kernel;
    uint32_t length = load_le32(data + at + 8);

    if (load_le32(data + at + 4) != ARCH_I386)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-kernel %s: multiboot2 architecture %u; 0 (i386) is expected",
                         boot->image.kernel_path, load_le32(data + at + 4));
    if (!range_fits(at, length, boot->image.kernel_len))
        return truncated(boot, errp);
    for (uint64_t off = at + HEADER_SIZE, end = at + length;;) {
        if (off > end || end - off < 8)
            return truncated(boot, errp);
        unsigned type = load_le16(data + off), flags = load_le16(data + off + 2);
        uint64_t size = load_le32(data + off + 4);
        if (size < 8 || size > end - off)
            return truncated(boot, errp);
        switch (type) {
        case HTAG_END:
            return true;
        case HTAG_ADDRESS:
            if (size < 24)
                return truncated(boot, errp);
            req->address_tag = off + 8;
            break;
        case HTAG_ENTRY:
            if (size < 12)
                return truncated(boot, errp);
            req->has_entry = true;
            req->entry = load_le32(data + off + 8);
            break;
        case HTAG_INFORMATION_REQUEST:
        case HTAG_CONSOLE_FLAGS:
        case HTAG_FRAMEBUFFER:  /* a preference */
        case HTAG_MODULE_ALIGN: /* modules are page aligned anyway */
        case HTAG_EFI_BS:       /* for loads by EFI firmware only */
        case HTAG_ENTRY_EFI32:
        case HTAG_ENTRY_EFI64:
        case HTAG_RELOCATABLE: /* the image is loaded where it was linked */
            break;
        default:
            if (!(flags & HTAG_OPTIONAL))
                return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                                 "-kernel %s requires multiboot2 header tag %u, which this loader "
                                 "does not know",
                                 boot->image.kernel_path, type);
        }
        off += align_up(size, 8);
    }
}

static bool load_addresses(struct x86_boot *boot, size_t at, size_t tag, struct elf_image *image,
                           struct vemu_error **errp)
{
    const uint8_t *t = boot->image.kernel + tag;
    struct multiboot_addresses a = {.kind = "multiboot2",
                                    .header = load_le32(t),
                                    .load = load_le32(t + 4),
                                    .load_end = load_le32(t + 8),
                                    .bss_end = load_le32(t + 12)};
    /* load address -1: the file from its first byte on. */
    if (a.load == UINT32_MAX)
        a.load = a.header - MIN(at, a.header);
    *image = (struct elf_image){0};
    return multiboot_place(boot, &a, at, image, errp);
}

/* ---- boot information ------------------------------------------------------------------------ */

struct info {
    uint8_t *data;
    size_t len, cap;
};

/* Opens a tag with size bytes after its type and size fields; the bytes are zero. */
static uint8_t *add_tag(struct info *info, uint32_t type, size_t size)
{
    uint8_t *tag = info->data + info->len;
    store_le32(tag, type);
    store_le32(tag + 4, (uint32_t)(8 + size));
    info->len += (size_t)align_up(8 + size, 8);
    return tag + 8;
}

static void add_string_tag(struct info *info, uint32_t type, const char *text)
{
    memcpy(add_tag(info, type, strlen(text) + 1), text, strlen(text));
}

static size_t info_room(const struct x86_boot *boot, const struct boot_modules *mods)
{
    size_t room = 1024 + strlen(boot->image.cmdline) + E820_MAX * 24;
    for (unsigned i = 0; i < mods->count; i++)
        room += 32 + strlen(mods->item[i].args);
    return room;
}

static bool make_info(struct x86_boot *boot, const struct boot_modules *mods,
                      struct vemu_error **errp)
{
    struct info info = {.len = 8, .cap = info_room(boot, mods)};
    uint8_t *p;

    info.data = calloc(1, info.cap);
    if (!info.data)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the boot information");
    add_string_tag(&info, ITAG_CMDLINE, boot->image.cmdline);
    add_string_tag(&info, ITAG_LOADER_NAME, "vemu");
    for (unsigned i = 0; i < mods->count; i++) {
        const struct boot_module *mod = &mods->item[i];
        p = add_tag(&info, ITAG_MODULE, 8 + strlen(mod->args) + 1);
        store_le32(p, mod->start);
        store_le32(p + 4, mod->end);
        memcpy(p + 8, mod->args, strlen(mod->args));
    }
    p = add_tag(&info, ITAG_BASIC_MEMORY, 8);
    store_le32(p, BOOT_EBDA >> 10);
    store_le32(p + 4, (uint32_t)((boot->low_top - BOOT_HIGH_START) >> 10));
    p = add_tag(&info, ITAG_MEMORY_MAP, 8 + 24 * boot->e820_count);
    store_le32(p, 24);
    for (unsigned i = 0; i < boot->e820_count; i++) {
        store_le64(p + 8 + 24 * i, boot->e820[i].addr);
        store_le64(p + 8 + 24 * i + 8, boot->e820[i].size);
        store_le32(p + 8 + 24 * i + 16, boot->e820[i].type);
    }
    if (boot->rsdp_copy) {
        memcpy(add_tag(&info, ITAG_ACPI_OLD, 20), boot->rsdp_copy, 20);
        memcpy(add_tag(&info, ITAG_ACPI_NEW, 36), boot->rsdp_copy, 36);
    }
    add_tag(&info, ITAG_END, 0);
    store_le32(info.data, (uint32_t)info.len);
    boot->entry.rbx = boot_add_low(boot, "multiboot2 information", info.data, info.len, 8, errp);
    free(info.data);
    return boot->entry.rbx != 0;
}

bool multiboot2_load(struct x86_boot *boot, struct vemu_error **errp)
{
    size_t at = (size_t)find_header(boot->image.kernel, boot->image.kernel_len);
    struct request req = {0};
    struct elf_image image = {0};
    struct boot_modules mods;

    if (!parse_header(boot, at, &req, errp))
        return false;
    if (req.address_tag) {
        if (!req.has_entry)
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "-kernel %s has a multiboot2 address tag but no entry address tag",
                             boot->image.kernel_path);
        if (!load_addresses(boot, at, req.address_tag, &image, errp))
            return false;
    } else if (!elf_is(boot->image.kernel, boot->image.kernel_len)) {
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s has a multiboot2 header without load addresses, but is no ELF "
                         "file",
                         boot->image.kernel_path);
    } else if (!elf_load(&boot->image, &x86_elf_wanted, &image, errp)) {
        return false;
    }

    bool ok = boot_modules_load(boot, image.high, &mods, errp) && make_info(boot, &mods, errp);
    boot_modules_free(&mods);
    boot->entry.kind = BOOT_FLAT32;
    boot->entry.rip = req.has_entry ? req.entry : (uint32_t)image.entry;
    boot->entry.rax = BOOT_MAGIC;
    return ok && boot_make_tables(boot, errp);
}
