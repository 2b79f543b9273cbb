/*
 * Direct boot of Arm kernels; see boot.h. "Booting AArch64 Linux" and "Booting ARM Linux" in the
 * kernel's documentation have the headers and the protocol. Where things go in memory is as users
 * of other emulators know it.
 */
#include "hw/arm/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/block/codec.h"
#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/device/rng.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/arm/dt.h"
#include "hw/boot/elf.h"
#include "hw/boot/foreign.h"

#define MIB(n) ((uint64_t)(n) << 20)

enum { EM_ARM = 40, EM_AARCH64 = 183, ELF_CLASS = 4, ELF_CLASS64 = 2 };
/* arm64 Image */
enum {
    IMAGE_TEXT_OFFSET = 8,
    IMAGE_SIZE = 16,
    IMAGE_FLAGS = 24,
    IMAGE_MAGIC = 56,
    IMAGE_HEADER = 64,
    IMAGE_OLD_OFFSET = 0x80000, /* of those without a size */
    IMAGE_BIG_ENDIAN = 1,
};
/* 32-bit zImage */
enum { ZIMAGE_MAGIC = 0x24, ZIMAGE_HEADER = 0x30, ZIMAGE_OFFSET = 0x10000 };
#define ZIMAGE_MAGIC_VALUE UINT32_C(0x016f2818)
/* An EFI application that decompresses an Image: "MZ", "zimg" at 4, place and size of what is
 * compressed, the kind at 24. */
enum { ZBOOT_MAGIC = 4, ZBOOT_OFFSET = 8, ZBOOT_SIZE = 12, ZBOOT_KIND = 24, ZBOOT_HEADER = 64 };
/* gzip: RFC 1952 */
enum {
    GZIP_HEADER = 10,
    GZIP_TRAILER = 8,
    GZIP_HCRC = 2,
    GZIP_EXTRA = 4,
    GZIP_NAME = 8,
    GZIP_COMMENT = 16
};
enum { DTB_ALIGN64 = 2 << 20, DTB_ALIGN32 = 4096, SEED_MAX = 32 };

void arm_boot_init(struct arm_boot *boot, uint64_t ram_base, uint64_t ram_size)
{
    *boot = (struct arm_boot){.ram_base = ram_base, .ram_size = ram_size};
    boot_image_init(&boot->image);
    boot->image.ram[0] = (struct boot_range){ram_base, ram_size};
    boot->image.ram_ranges = 1;
}

void arm_boot_free(struct arm_boot *boot)
{
    boot_image_free(&boot->image);
}

static uint64_t ram_end(const struct arm_boot *boot)
{
    return boot->ram_base + boot->ram_size;
}

/* ---- gzip ------------------------------------------------------------------------------------ */

static bool gzip_is(const uint8_t *data, size_t len)
{
    return len > GZIP_HEADER + GZIP_TRAILER && data[0] == 0x1f && data[1] == 0x8b && data[2] == 8;
}

/* Where the compressed stream starts; 0: the header is longer than the file. */
static size_t gzip_start(const uint8_t *data, size_t len)
{
    size_t at = GZIP_HEADER, end = len - GZIP_TRAILER;
    unsigned flags = data[3];

    if (flags & GZIP_EXTRA)
        at += at + 2 <= end ? 2 + (size_t)load_le16(data + at) : end;
    for (unsigned text = GZIP_NAME; text <= GZIP_COMMENT; text <<= 1) {
        if (!(flags & text))
            continue;
        const uint8_t *zero = at < end ? memchr(data + at, 0, end - at) : NULL;
        at = zero ? (size_t)(zero - data) + 1 : end;
    }
    if (flags & GZIP_HCRC)
        at += 2;
    return at < end ? at : 0;
}

/* What is compressed at data becomes the kernel; *owned: its memory. */
static bool gunzip(struct arm_boot *boot, const uint8_t *data, size_t len, uint8_t **owned,
                   struct vemu_error **errp)
{
    const char *path = boot->image.kernel_path, *why = NULL;
    size_t start = gzip_start(data, len), size = load_le32(data + len - 4);
    int error = 0;

    if (!start || !size)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s is cut off: its gzip header or "
                         "length is not there",
                         path);
    if (size > boot->ram_size)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s has %zu bytes when it is decompressed, which do not fit into "
                         "the machine's memory (see -m)",
                         path, size);
    struct codec *codec = codec_new();
    *owned = codec ? malloc(size) : NULL;
    if (!*owned)
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory to decompress -kernel %s", path);
    else if ((error = codec_available(codec, CODEC_DEFLATE, &why)) != 0)
        error_set(errp, VEMU_ERROR_UNSUPPORTED, "-kernel %s: %s", path, why);
    else if ((error = codec_decompress(codec, CODEC_DEFLATE, data + start, len - start, *owned,
                                       size)) != 0)
        error_set(errp, VEMU_ERROR_FORMAT, "-kernel %s cannot be decompressed: it is damaged",
                  path);
    codec_free(codec);
    if (!*owned || error) {
        free(*owned);
        *owned = NULL;
        return false;
    }
    boot->image.kernel = *owned;
    boot->image.kernel_len = size;
    return true;
}

static bool zboot_is(const uint8_t *data, size_t len)
{
    return len > ZBOOT_HEADER && !memcmp(data, "MZ", 2) && !memcmp(data + ZBOOT_MAGIC, "zimg", 4);
}

/* A compressed kernel is decompressed first. */
static bool decompress(struct arm_boot *boot, uint8_t **owned, struct vemu_error **errp)
{
    const uint8_t *data = boot->image.kernel;
    size_t len = boot->image.kernel_len;

    *owned = NULL;
    if (gzip_is(data, len))
        return gunzip(boot, data, len, owned, errp);
    if (!zboot_is(data, len))
        return true;
    uint64_t at = load_le32(data + ZBOOT_OFFSET), size = load_le32(data + ZBOOT_SIZE);
    if (!range_fits(at, size, len) || !gzip_is(data + at, (size_t)size))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-kernel %s is an EFI application whose kernel is compressed as '%.8s'; "
                         "gzip is what can be started without firmware",
                         boot->image.kernel_path, (const char *)data + ZBOOT_KIND);
    return gunzip(boot, data + at, (size_t)size, owned, errp);
}

/* ---- kernels --------------------------------------------------------------------------------- */

unsigned arm_kernel_bits(const uint8_t *data, size_t len)
{
    if (len >= IMAGE_HEADER && !memcmp(data + IMAGE_MAGIC, "ARM\x64", 4))
        return 64;
    return len >= ZIMAGE_HEADER && load_le32(data + ZIMAGE_MAGIC) == ZIMAGE_MAGIC_VALUE ? 32 : 0;
}

static bool add_kernel(struct arm_boot *boot, uint64_t addr, uint64_t size, uint8_t *owned,
                       struct vemu_error **errp)
{
    char subject[512];
    snprintf(subject, sizeof subject, "-kernel %s", boot->image.kernel_path);
    boot->entry = addr;
    return boot_add(&boot->image, subject, "kernel", addr, size, boot->image.kernel,
                    boot->image.kernel_len, owned, errp);
}

static bool load_image(struct arm_boot *boot, uint8_t *owned, struct vemu_error **errp)
{
    const uint8_t *k = boot->image.kernel;
    uint64_t offset = load_le64(k + IMAGE_TEXT_OFFSET), size = load_le64(k + IMAGE_SIZE);

    if (load_le64(k + IMAGE_FLAGS) & IMAGE_BIG_ENDIAN && size) {
        free(owned);
        return error_set(errp, VEMU_ERROR_UNSUPPORTED, "-kernel %s is a big-endian kernel",
                         boot->image.kernel_path);
    }
    if (!size)
        offset = IMAGE_OLD_OFFSET;
    /* The tree, and what firmware would keep there, has the first 2 MiB. */
    if (offset < 4096)
        offset += MIB(2);
    boot->aarch64 = true;
    if (size > boot->ram_size || offset > boot->ram_size)
        size = offset = boot->ram_size; /* does not fit: boot_add says so */
    return add_kernel(boot, boot->ram_base + offset, MAX(size, boot->image.kernel_len), owned,
                      errp);
}

static bool load_elf(struct arm_boot *boot, struct vemu_error **errp)
{
    static const struct elf_wanted wanted = {{EM_AARCH64, EM_ARM}, "an Arm kernel"};
    struct elf_image elf;
    if (!elf_load(&boot->image, &wanted, &elf, errp))
        return false;
    boot->entry = elf.entry;
    boot->aarch64 = elf.machine == EM_AARCH64;
    return true;
}

static bool load_kernel(struct arm_boot *boot, const struct arm_cpu_model *model,
                        struct vemu_error **errp)
{
    static const char *const own[2] = {"aarch64", "arm"};
    uint8_t *owned;
    if (!decompress(boot, &owned, errp))
        return false;
    const uint8_t *data = boot->image.kernel;
    size_t len = boot->image.kernel_len;

    unsigned bits = arm_kernel_bits(data, len);

    if (bits == 64)
        return load_image(boot, owned, errp);
    if (bits == 32)
        return add_kernel(boot, boot->ram_base + ZIMAGE_OFFSET, len, owned, errp);
    if (!owned && boot_kernel_is_foreign(&boot->image, own, errp))
        return false;
    if (!owned && elf_is(data, len))
        return load_elf(boot, errp);
    /* What a processor of 32 bits is given besides is code that starts with its first byte. */
    if (!model->aarch64)
        return add_kernel(boot, boot->ram_base + ZIMAGE_OFFSET, len, owned, errp);
    free(owned);
    return error_set(errp, VEMU_ERROR_FORMAT,
                     "-kernel %s is not an Arm kernel: neither an arm64 Image (which may be "
                     "compressed with gzip) nor a 32-bit zImage nor an ELF file",
                     boot->image.kernel_path);
}

static bool check_processor(const struct arm_boot *boot, const struct arm_cpu_model *model,
                            struct vemu_error **errp)
{
    if (boot->aarch64 && !model->aarch64)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-kernel %s is a 64-bit kernel, but -cpu %s is a 32-bit processor; use "
                         "cortex-a57 or max",
                         boot->image.kernel_path, model->name);
    if (!boot->aarch64 && model->aarch64)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-kernel %s is a 32-bit kernel; on a 64-bit processor such as %s that is "
                         "not available yet: use -cpu cortex-a15",
                         boot->image.kernel_path, model->name);
    return true;
}

/* ---- initrd and tree ------------------------------------------------------------------------- */

/* Half of memory away from its start, but no further than 128 MiB: out of the way of a kernel that
 * decompresses itself, and within what a 32-bit one maps first. */
static uint64_t initrd_start(const struct arm_boot *boot)
{
    return boot->ram_base + MIN(boot->ram_size / 2, MIB(128));
}

static bool place_initrd(struct arm_boot *boot, uint64_t *start, uint64_t *end,
                         struct vemu_error **errp)
{
    const char *path = boot->image.initrd_path;
    char subject[512];
    *start = *end = 0;
    if (!path)
        return true;
    const struct boot_file *file =
        boot_file_open(&boot->image, "-initrd", path, boot->ram_size, errp);
    if (!file)
        return false;
    *start = boot_place_up(&boot->image, initrd_start(boot), ram_end(boot), file->len, 4096);
    if (!*start)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-initrd %s of %zu bytes does not fit into the machine's memory beside "
                         "the kernel (see -m)",
                         path, file->len);
    *end = *start + file->len;
    snprintf(subject, sizeof subject, "-initrd %s", path);
    return boot_add(&boot->image, subject, "initrd", *start, file->len, file->data, file->len, NULL,
                    errp);
}

static void set_u64(struct dt *dt, const char *path, const char *prop, uint64_t value)
{
    uint8_t bytes[8];
    store_be64(bytes, value);
    dt_set(dt, path, prop, bytes, sizeof bytes);
}

static void set_text(struct dt *dt, const char *path, const char *prop, const char *text)
{
    dt_set(dt, path, prop, text, strlen(text) + 1);
}

/* A user's tree may know nothing of this machine's memory. Two cells of each kind are what the
 * board has; a tree with others has its memory, too. */
static void set_memory(const struct arm_boot *boot, struct dt *dt)
{
    char path[32];
    uint8_t reg[16];

    snprintf(path, sizeof path, "/memory@%llx", (unsigned long long)boot->ram_base);
    if (dt_has(dt, path, "reg") || dt_has(dt, "/memory", "reg"))
        return;
    set_text(dt, path, "device_type", "memory");
    store_be64(reg, boot->ram_base);
    store_be64(reg + 8, boot->ram_size);
    dt_set(dt, path, "reg", reg, sizeof reg);
}

static struct dt *open_tree(const struct arm_boot_config *cfg, uint8_t *tree,
                            struct vemu_error **errp)
{
    uint8_t *data = NULL;
    size_t len;
    char subject[512];

    if (!cfg->dtb)
        return dt_open("the board's tree", tree, load_be32(tree + 4), errp);
    if (!boot_file_read("-dtb", cfg->dtb, DT_SIZE_MAX / 2, &data, &len, errp))
        return NULL;
    snprintf(subject, sizeof subject, "-dtb %s", cfg->dtb);
    struct dt *dt = dt_open(subject, data, len, errp);
    free(data);
    return dt;
}

/* After the initrd, or where that would be. The kernel maps 2 MiB of it at first. */
static uint64_t place_tree(const struct arm_boot *boot, uint64_t len)
{
    uint64_t align = boot->aarch64 ? DTB_ALIGN64 : DTB_ALIGN32;
    uint64_t at = boot_place_up(&boot->image, initrd_start(boot), ram_end(boot), len, align);
    return at ? at : boot_place_up(&boot->image, boot->ram_base, ram_end(boot), len, 4096);
}

static bool add_tree(struct arm_boot *boot, const struct arm_boot_config *cfg, uint64_t initrd,
                     uint64_t initrd_end, struct vemu_error **errp)
{
    uint8_t *blob;
    uint32_t len;
    struct dt *dt = open_tree(cfg, cfg->tree, errp);
    if (!dt)
        return false;
    set_memory(boot, dt);
    if (boot->image.cmdline && *boot->image.cmdline)
        set_text(dt, "/chosen", "bootargs", boot->image.cmdline);
    if (initrd) {
        set_u64(dt, "/chosen", "linux,initrd-start", initrd);
        set_u64(dt, "/chosen", "linux,initrd-end", initrd_end);
    }
    if (!dt_finish(dt, &blob, &len, errp))
        return false;
    boot->dtb_address = boot->firmware ? boot->ram_base : place_tree(boot, len);
    if (!boot->dtb_address) {
        free(blob);
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-kernel %s: the device tree of %u bytes does not fit into memory beside "
                         "it (see -m)",
                         boot->image.kernel_path, len);
    }
    if (!boot_add(&boot->image, "-kernel", "device tree", boot->dtb_address, len, blob, len, blob,
                  errp))
        return false;
    boot->dtb = blob;
    return true;
}

static bool load_all(struct arm_boot *boot, const struct arm_boot_config *cfg,
                     struct vemu_error **errp)
{
    uint64_t initrd, initrd_end;
    bool ok = boot_image_begin(&boot->image, cfg->kernel, cfg->initrd, cfg->append, boot->ram_size,
                               errp) &&
              load_kernel(boot, cfg->model, errp) && check_processor(boot, cfg->model, errp) &&
              place_initrd(boot, &initrd, &initrd_end, errp) &&
              add_tree(boot, cfg, initrd, initrd_end, errp);
    boot_image_end(&boot->image);
    return ok;
}

bool arm_boot_load(struct arm_boot *boot, const struct arm_boot_config *cfg,
                   struct vemu_error **errp)
{
    boot->firmware = !cfg->kernel;
    bool ok = boot->firmware ? add_tree(boot, cfg, 0, 0, errp) : load_all(boot, cfg, errp);
    free(cfg->tree);
    return ok;
}

/* ---- starting -------------------------------------------------------------------------------- */

static void renew_seeds(struct arm_boot *boot)
{
    static const struct {
        const char *prop;
        size_t len;
    } seeds[] = {{"rng-seed", SEED_MAX}, {"kaslr-seed", 8}};
    uint8_t bytes[SEED_MAX];

    for (unsigned n = 0; n < ARRAY_SIZE(seeds); n++)
        if (rng_read(NULL, bytes, seeds[n].len) == seeds[n].len)
            dt_replace(boot->dtb, "/chosen", seeds[n].prop, bytes, seeds[n].len);
}

bool arm_boot_apply(struct arm_boot *boot, struct vcpu *cpu, bool randomness,
                    struct vemu_error **errp)
{
    const struct arm_cpu_model *model = cpu->model;
    struct arm_regs *r = cpu->regs;

    if (randomness)
        renew_seeds(boot);
    if (!boot_image_write(&boot->image, cpu->machine, errp))
        return false;
    if (boot->firmware)
        return true;
    arm_regs_enter(r, model, model->has_el2 ? 2 : 1);
    r->pc = boot->entry;
    memset(r->x, 0, sizeof r->x);
    if (boot->aarch64) {
        r->x[0] = boot->dtb_address;
    } else {
        r->x[1] = UINT32_MAX; /* the tree says what machine it is */
        r->x[2] = boot->dtb_address;
    }
    return true;
}
