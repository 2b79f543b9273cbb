/*
 * Linux/x86 boot protocol: "The Linux/x86 Boot Protocol" in the kernel's documentation
 * (Documentation/x86/boot.rst), real-mode header, 32-bit and 64-bit boot protocol; the zero page
 * (Documentation/x86/zero-page.rst).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/x86/boot/boot.h"

/* Offsets in the kernel file and, the same, in the zero page. */
enum {
    HDR_START = 0x1f1,
    SETUP_SECTS = 0x1f1,
    SYSSIZE = 0x1f4,
    VID_MODE = 0x1fa,
    BOOT_FLAG = 0x1fe,
    HDR_JUMP = 0x201, /* displacement byte of the jump: the header's end */
    HDR_MAGIC = 0x202,
    HDR_VERSION = 0x206,
    TYPE_OF_LOADER = 0x210,
    LOADFLAGS = 0x211,
    CODE32_START = 0x214,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    HEAP_END_PTR = 0x224,
    CMD_LINE_PTR = 0x228,
    INITRD_ADDR_MAX = 0x22c,
    XLOADFLAGS = 0x236,
    CMDLINE_SIZE = 0x238,
    SETUP_DATA = 0x250,
    PREF_ADDRESS = 0x258,
    INIT_SIZE = 0x260,
    HDR_LIMIT = 0x290, /* the zero page's room for the header */
    SECTOR = 512,
};
/* Offsets in the zero page only. */
enum {
    ZP_ACPI_RSDP = 0x70,
    ZP_EXT_RAMDISK_IMAGE = 0xc0,
    ZP_EXT_RAMDISK_SIZE = 0xc4,
    ZP_EXT_CMD_LINE_PTR = 0xc8,
    ZP_ALT_MEM_K = 0x1e0,
    ZP_E820_ENTRIES = 0x1e8,
    ZP_E820_TABLE = 0x2d0,
    ZP_SIZE = 4096,
};
enum { LOADED_HIGH = 1, CAN_USE_HEAP = 0x80 };
enum { XLF_KERNEL_64 = 1, XLF_CAN_BE_LOADED_ABOVE_4G = 2 };
enum {
    ENTRY64_OFFSET = 0x200,
    LOADER_OTHER = 0xff,
    VGA_NORMAL = 0xffff,
    VGA_EXTENDED = 0xfffe,
    VGA_ASK = 0xfffd
};

bool bzimage_is(const uint8_t *data, size_t len)
{
    return len > HDR_VERSION + 2 && load_le16(data + BOOT_FLAG) == 0xaa55 &&
           !memcmp(data + HDR_MAGIC, "HdrS", 4);
}

/* "Special Command Line Options": the last vga= counts; the kernel itself does not look at it. */
void bzimage_set_video_mode(uint8_t *setup, size_t len, const char *cmdline)
{
    static const struct {
        const char *name;
        uint16_t mode;
    } names[] = {{"normal", VGA_NORMAL}, {"ext", VGA_EXTENDED}, {"ask", VGA_ASK}};
    const char *value = NULL;
    char *end;

    for (const char *at = cmdline; (at = strstr(at, "vga=")); at += 4) {
        if (at == cmdline || at[-1] == ' ')
            value = at + 4;
    }
    if (!value || !range_fits(VID_MODE, 2, len))
        return;
    size_t n = strcspn(value, " ");
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (n == strlen(names[i].name) && memcmp(value, names[i].name, n) == 0)
            store_le16(setup + VID_MODE, names[i].mode);
    }
    unsigned long mode = strtoul(value, &end, 0);
    if (n && end == value + n && *value != '-' && mode <= UINT16_MAX)
        store_le16(setup + VID_MODE, (uint16_t)mode);
}

/* A header field, 0 where the protocol version or the file does not reach. */
static uint32_t field(const struct x86_boot *boot, unsigned offset, unsigned size, uint16_t since)
{
    if (load_le16(boot->image.kernel + HDR_VERSION) < since ||
        !range_fits(offset, size, boot->image.kernel_len))
        return 0;
    return (uint32_t)load_le(boot->image.kernel + offset, size);
}

static bool check(const struct x86_boot *boot, size_t *setup_len, struct vemu_error **errp)
{
    const uint8_t *k = boot->image.kernel;
    unsigned sects = k[SETUP_SECTS] ? k[SETUP_SECTS] : 4;
    uint16_t version = load_le16(k + HDR_VERSION);
    uint64_t need = (sects + 1u) * UINT64_C(512) + load_le32(k + SYSSIZE) * UINT64_C(16);

    if (version < 0x202 || !(field(boot, LOADFLAGS, 1, 0x200) & LOADED_HIGH))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-kernel %s: boot protocol %u.%02u or a zImage; a bzImage with protocol "
                         "2.02 or later is expected",
                         boot->image.kernel_path, version >> 8, version & 0xff);
    *setup_len = (sects + 1) * SECTOR;
    /* The header counts paragraphs of 16 bytes; not every file is filled up to the last one. */
    if (boot->image.kernel_len + 15 < need || boot->image.kernel_len <= *setup_len + ENTRY64_OFFSET)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s is truncated: its header speaks of %llu bytes, the file has "
                         "%zu",
                         boot->image.kernel_path, (unsigned long long)need, boot->image.kernel_len);
    size_t cmdline_max = field(boot, CMDLINE_SIZE, 4, 0x206);
    if (!cmdline_max)
        cmdline_max = 255;
    if (strlen(boot->image.cmdline) > cmdline_max)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-append of %zu characters is longer than the %zu that -kernel %s takes",
                         strlen(boot->image.cmdline), cmdline_max, boot->image.kernel_path);
    return true;
}

/* The kernel's code at 1 MiB, and the memory it unpacks itself into before it reads the E820. */
static bool place_kernel(struct x86_boot *boot, size_t setup_len, struct vemu_error **errp)
{
    char subject[512];
    size_t len = boot->image.kernel_len - setup_len;
    uint64_t end = BOOT_HIGH_START + (uint64_t)len;
    uint64_t pref = field(boot, PREF_ADDRESS, 4, 0x20a) |
                    (uint64_t)field(boot, PREF_ADDRESS + 4, 4, 0x20a) << 32;
    uint64_t init_size = field(boot, INIT_SIZE, 4, 0x20a);

    snprintf(subject, sizeof subject, "-kernel %s", boot->image.kernel_path);
    if (!boot_add(&boot->image, subject, "kernel", BOOT_HIGH_START, len,
                  boot->image.kernel + setup_len, len, NULL, errp))
        return false;
    if (init_size && pref < BOOT_4G && pref + init_size > end)
        return boot_reserve(&boot->image, subject, "kernel's work space", end,
                            pref + init_size - end, errp);
    return true;
}

static bool place_initrd(struct x86_boot *boot, uint8_t *zero_page, struct vemu_error **errp)
{
    uint64_t most = boot->low_top + boot->above_size;
    uint64_t limit = field(boot, INITRD_ADDR_MAX, 4, 0x203);
    char subject[512];

    const struct boot_file *file =
        boot_file_open(&boot->image, "-initrd", boot->image.initrd_path, most, errp);
    if (!file)
        return false;
    uint64_t len = file->len;
    if (!limit)
        limit = 0x37ffffff;
    uint64_t addr = boot_place_high(boot, len, 4096, limit + 1);
    if (!addr && (field(boot, XLOADFLAGS, 2, 0x20c) & XLF_CAN_BE_LOADED_ABOVE_4G)) {
        addr = boot_place_high(boot, len, 4096, boot->low_top);
        if (!addr && len <= boot->above_size)
            addr = align_down(BOOT_4G + boot->above_size - len, 4096);
    }
    if (!addr)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-initrd %s of %llu bytes does not fit into the machine's memory beside "
                         "the kernel (see -m)",
                         boot->image.initrd_path, (unsigned long long)len);
    store_le32(zero_page + RAMDISK_IMAGE, (uint32_t)addr);
    store_le32(zero_page + ZP_EXT_RAMDISK_IMAGE, (uint32_t)(addr >> 32));
    store_le32(zero_page + RAMDISK_SIZE, (uint32_t)len);
    store_le32(zero_page + ZP_EXT_RAMDISK_SIZE, (uint32_t)(len >> 32));
    snprintf(subject, sizeof subject, "-initrd %s", boot->image.initrd_path);
    return boot_add(&boot->image, subject, "initrd", addr, len, file->data, file->len, NULL, errp);
}

static void fill_memory_map(const struct x86_boot *boot, uint8_t *zero_page)
{
    zero_page[ZP_E820_ENTRIES] = (uint8_t)boot->e820_count;
    for (unsigned i = 0; i < boot->e820_count; i++) {
        uint8_t *e = zero_page + ZP_E820_TABLE + 20 * i;
        store_le64(e, boot->e820[i].addr);
        store_le64(e + 8, boot->e820[i].size);
        store_le32(e + 16, boot->e820[i].type);
    }
    store_le32(zero_page + ZP_ALT_MEM_K, (uint32_t)((boot->low_top - BOOT_HIGH_START) >> 10));
}

bool bzimage_load(struct x86_boot *boot, struct vemu_error **errp)
{
    size_t setup_len = 0;
    uint8_t zero_page[ZP_SIZE] = {0};

    if (!check(boot, &setup_len, errp) || !place_kernel(boot, setup_len, errp))
        return false;
    bool entry64 = boot->long_mode && (field(boot, XLOADFLAGS, 2, 0x20c) & XLF_KERNEL_64);

    /* The header ends where its jump leads. */
    size_t header_end = MIN(HDR_MAGIC + (size_t)boot->image.kernel[HDR_JUMP], (size_t)HDR_LIMIT);
    header_end = MIN(header_end, boot->image.kernel_len);
    memcpy(zero_page + HDR_START, boot->image.kernel + HDR_START, header_end - HDR_START);
    zero_page[TYPE_OF_LOADER] = LOADER_OTHER;
    zero_page[LOADFLAGS] |= CAN_USE_HEAP;
    store_le16(zero_page + HEAP_END_PTR, 0xfe00);
    store_le16(zero_page + VID_MODE, VGA_NORMAL);
    store_le32(zero_page + CODE32_START, BOOT_HIGH_START);
    store_le32(zero_page + RAMDISK_IMAGE, 0);
    store_le32(zero_page + RAMDISK_SIZE, 0);
    store_le64(zero_page + SETUP_DATA, 0);
    store_le64(zero_page + ZP_ACPI_RSDP, boot->rsdp);
    fill_memory_map(boot, zero_page);

    uint64_t cmdline = boot_add_low(boot, "command line", boot->image.cmdline,
                                    strlen(boot->image.cmdline) + 1, 16, errp);
    if (!cmdline)
        return false;
    store_le32(zero_page + CMD_LINE_PTR, (uint32_t)cmdline);
    if (boot->image.initrd_path && !place_initrd(boot, zero_page, errp))
        return false;
    uint64_t at = boot_add_low(boot, "zero page", zero_page, sizeof zero_page, 4096, errp);
    if (!at)
        return false;

    boot->entry.kind = entry64 ? BOOT_LONG64 : BOOT_FLAT32;
    boot->entry.rip = BOOT_HIGH_START + (entry64 ? ENTRY64_OFFSET : 0);
    boot->entry.rsi = at;
    return boot_make_tables(boot, errp);
}
