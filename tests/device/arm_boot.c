/* Direct boot of Arm kernels: where each kind goes, what it finds, and bad files. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "config.h"
#include "core/cpu/arm.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "hw/arm/boards.h"
#include "hw/arm/dt.h"
#include "hw/arm/virt.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

#define MIB (UINT64_C(1) << 20)
#define RAM UINT64_C(0x40000000)

#if CONFIG_FDT
static uint8_t image[8192];

static void make_image(uint64_t text_offset, uint64_t size)
{
    memset(image, 0, sizeof image);
    store_le32(image, 0x14000010);
    store_le64(image + 8, text_offset);
    store_le64(image + 16, size);
    store_le64(image + 24, 10);
    memcpy(image + 56, "ARM\x64", 4);
    memcpy(image + 4096, "kernel", 6);
}

static void start(struct vemu_machine *m, struct board_config *cfg)
{
    if (!cfg->ram_size)
        cfg->ram_size = 256 * MIB;
    cfg->cpus = cfg->cpus ? cfg->cpus : 2;
    board_machine(m, &virt_board_class, cfg);
}

/* The tree in memory, opened. */
static struct dt *tree_of(struct vemu_machine *m, uint64_t addr)
{
    struct vemu_error *err = NULL;
    uint8_t head[8];
    dma_read(m->memory, NULL, addr, head, sizeof head);
    cr_assert_eq(load_be32(head), 0xd00dfeed);
    uint32_t len = load_be32(head + 4);
    cr_assert(len < MIB);
    uint8_t *blob = malloc(len);
    dma_read(m->memory, NULL, addr, blob, len);
    struct dt *dt = dt_open("tree", blob, len, &err);
    cr_assert(dt, "%s", err ? vemu_error_message(err) : "");
    free(blob);
    return dt;
}

static const struct arm_regs *regs(struct vemu_machine *m)
{
    return m->vcpus[0]->regs;
}

Test(arm_boot, image_starts_at_its_offset_with_the_tree_in_x0)
{
    struct vemu_machine m;
    char text[8] = "";
    make_image(0, 3 * MIB);
    char *kernel = temp_file(image, sizeof image), *initrd = temp_file("initrd!", 7);
    struct board_config cfg = {
        .kernel = kernel, .initrd = initrd, .append = "console=ttyAMA0", .cpus = 2};
    start(&m, &cfg);
    cr_expect_eq(regs(&m)->pc, RAM + 2 * MIB);
    cr_expect_eq(arm_el(regs(&m)), 1);
    cr_expect_eq(regs(&m)->x[1], 0);
    dma_read(m.memory, NULL, RAM + 2 * MIB + 4096, text, 6);
    cr_expect_str_eq(text, "kernel");
    dma_read(m.memory, NULL, RAM + 128 * MIB, text, 7);
    cr_expect_str_eq(text, "initrd!");
    cr_expect_eq(regs(&m)->x[0] % (2 * MIB), 0);
    struct dt *dt = tree_of(&m, regs(&m)->x[0]);
    static const char *const there[][2] = {
        {"/chosen", "bootargs"},          {"/chosen", "linux,initrd-start"},
        {"/chosen", "kaslr-seed"},        {"/memory@40000000", "reg"},
        {"/cpus/cpu@1", "enable-method"}, {"/pl011@9000000", "clocks"},
        {"/intc@8000000", "reg"},         {"/pcie@10000000", "interrupt-map"},
        {"/timer", "interrupts"},         {"/psci", "method"},
        {"/fw-cfg@9020000", "reg"},       {"/virtio_mmio@a003e00", "interrupts"},
        {"/gpio-keys/poweroff", "gpios"}};
    for (unsigned n = 0; n < ARRAY_SIZE(there); n++)
        cr_expect(dt_has(dt, there[n][0], there[n][1]), "%s %s", there[n][0], there[n][1]);
    dt_free(dt);
    machine_destroy(&m);
    unlink(kernel);
    unlink(initrd);
    free(kernel);
    free(initrd);
}

Test(arm_boot, a_reset_writes_everything_again)
{
    struct vemu_machine m;
    make_image(0x80000, MIB);
    char *kernel = temp_file(image, sizeof image);
    struct board_config cfg = {.kernel = kernel};
    start(&m, &cfg);
    uint64_t dtb = regs(&m)->x[0];
    cr_expect_eq(regs(&m)->pc, RAM + 0x80000);
    write32(&m, RAM + 0x80000, 0);
    write32(&m, dtb, 0);
    ((struct arm_regs *)m.vcpus[0]->regs)->pc = 0;
    machine_lock(&m);
    cr_assert(machine_reset(&m, NULL));
    machine_unlock(&m);
    cr_expect_eq(read32(&m, RAM + 0x80000), 0x14000010);
    cr_expect_eq(read32(&m, dtb), 0xedfe0dd0);
    cr_expect_eq(regs(&m)->pc, RAM + 0x80000);
    machine_destroy(&m);
    unlink(kernel);
    free(kernel);
}

Test(arm_boot, with_el2_a_kernel_starts_there)
{
    static const struct board_option el2[] = {{"virtualization", "on"}, {NULL, NULL}};
    struct vemu_machine m;
    make_image(0, MIB);
    char *kernel = temp_file(image, sizeof image);
    struct board_config cfg = {.kernel = kernel, .options = el2};
    start(&m, &cfg);
    cr_expect_eq(arm_el(regs(&m)), 2);
    machine_destroy(&m);
    unlink(kernel);
    free(kernel);
}

Test(arm_boot, zimage_starts_near_the_bottom_with_the_tree_in_r2)
{
    struct vemu_machine m;
    memset(image, 0, sizeof image);
    store_le32(image + 0x24, 0x016f2818);
    char *kernel = temp_file(image, sizeof image);
    struct board_config cfg = {.kernel = kernel, .cpu_model = "cortex-a15", .cpu_bits = 32};
    start(&m, &cfg);
    cr_expect_eq(regs(&m)->pc, RAM + 0x10000);
    cr_expect_eq((uint32_t)regs(&m)->x[1], 0xffffffff);
    dt_free(tree_of(&m, regs(&m)->x[2]));
    machine_destroy(&m);
    unlink(kernel);
    free(kernel);
}

Test(arm_boot, what_is_no_kernel_is_code_to_a_32_bit_processor)
{
    struct vemu_machine m;
    memset(image, 0, sizeof image);
    store_le32(image, 0xe3a00001); /* mov r0, #1 */
    char *kernel = temp_file(image, sizeof image);
    struct board_config cfg = {.kernel = kernel, .cpu_model = "cortex-a7", .cpu_bits = 32};
    start(&m, &cfg);
    cr_expect_eq(regs(&m)->pc, RAM + 0x10000);
    cr_expect_eq(read32(&m, RAM + 0x10000), 0xe3a00001);
    cr_expect_eq(regs(&m)->pstate & (ARM_MODE | ARM_T | ARM_A | ARM_I | ARM_F),
                 (unsigned)(ARM_MODE_SVC | ARM_A | ARM_I | ARM_F));
    cr_expect(arm_regs_check(regs(&m), m.vcpus[0]->model, NULL));
    machine_destroy(&m);
    unlink(kernel);
    free(kernel);
}

/* Configuration space is below 4 GiB, for kernels without LPAE; 40 bits of addresses are there. */
Test(arm_boot, a_32_bit_processor_is_described_as_one)
{
    static const struct board_option low[] = {{"highmem", "off"}, {NULL, NULL}};
    memset(image, 0, sizeof image);
    store_le32(image + 0x24, 0x016f2818);
    char *kernel = temp_file(image, sizeof image);
    for (unsigned n = 0; n < 2; n++) {
        struct vemu_machine m;
        struct board_config cfg = {
            .kernel = kernel, .cpu_model = "cortex-a15", .cpu_bits = 32, .options = n ? low : NULL};
        start(&m, &cfg);
        struct virt_board *b = m.board;
        struct dt *dt = tree_of(&m, regs(&m)->x[2]);
        cr_expect_eq(b->pci_config.ecam.base, 0x3f000000);
        cr_expect_eq(b->pci_config.mmio_high.base, n ? 0 : UINT64_C(0x8000000000));
        cr_expect(dt_has(dt, "/cpus/cpu@1", "enable-method"));
        cr_expect(dt_has(dt, "/psci", "method"));
        cr_expect_not(dt_has(dt, "/pmu", "compatible"));
        dt_free(dt);
        machine_destroy(&m);
    }
    unlink(kernel);
    free(kernel);
}

/* One loadable segment. */
static void make_elf(uint16_t machine, uint64_t paddr, uint64_t entry)
{
    memset(image, 0, sizeof image);
    memcpy(image, "\177ELF\2\1\1", 7);
    store_le16(image + 16, 2);
    store_le16(image + 18, machine);
    store_le64(image + 24, entry);
    store_le64(image + 32, 64);
    store_le16(image + 54, 56);
    store_le16(image + 56, 1);
    uint8_t *p = image + 64;
    store_le32(p, 1);
    store_le64(p + 8, 4096);
    store_le64(p + 24, paddr);
    store_le64(p + 32, 16);
    store_le64(p + 40, 64);
}

Test(arm_boot, elf_segments_go_to_their_addresses)
{
    struct vemu_machine m;
    make_elf(183, RAM + 0x1000, RAM + 0x1004);
    store_le32(image + 4096, 0xd503201f);
    char *kernel = temp_file(image, sizeof image);
    struct board_config cfg = {.kernel = kernel};
    start(&m, &cfg);
    cr_expect_eq(regs(&m)->pc, RAM + 0x1004);
    cr_expect_eq(read32(&m, RAM + 0x1000), 0xd503201f);
    dt_free(tree_of(&m, regs(&m)->x[0]));
    machine_destroy(&m);
    unlink(kernel);
    free(kernel);
}

/* gzip of an Image as `gzip -n` makes it, but stored: RFC 1951, section "Non-compressed blocks". */
static size_t make_gzip(uint8_t *out)
{
    static const uint8_t head[] = {0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3, 'I', 'm', 0};
    size_t n = sizeof head;
    memcpy(out, head, n);
    out[n] = 1;
    store_le16(out + n + 1, sizeof image);
    store_le16(out + n + 3, (uint16_t) ~sizeof image);
    memcpy(out + n + 5, image, sizeof image);
    n += 5 + sizeof image;
    store_le32(out + n, 0);
    store_le32(out + n + 4, sizeof image);
    return n + 8;
}

Test(arm_boot, a_compressed_image_is_decompressed)
{
    struct vemu_machine m;
    uint8_t packed[sizeof image + 256], zboot[sizeof packed + 128] = "MZ";
    make_image(0, MIB);
    size_t len = make_gzip(packed);
    memcpy(zboot + 4, "zimg", 4);
    store_le32(zboot + 8, 128);
    store_le32(zboot + 12, (uint32_t)len);
    memcpy(zboot + 24, "gzip", 4);
    memcpy(zboot + 128, packed, len);
    char *const kernels[] = {temp_file(packed, len), temp_file(zboot, 128 + len)};
    for (unsigned n = 0; n < 2; n++) {
        struct board_config cfg = {.kernel = kernels[n]};
        char text[8] = "";
        start(&m, &cfg);
        cr_expect_eq(regs(&m)->pc, RAM + 2 * MIB);
        dma_read(m.memory, NULL, RAM + 2 * MIB + 4096, text, 6);
        cr_expect_str_eq(text, "kernel");
        machine_destroy(&m);
        unlink(kernels[n]);
        free(kernels[n]);
    }
}

static void refused(const void *data, size_t len, struct board_config cfg, const char *why)
{
    struct vemu_machine m;
    struct vemu_error *err = NULL;
    char *kernel = temp_file(data, len);
    cfg.kernel = kernel;
    cfg.cpus = 1;
    if (!cfg.ram_size)
        cfg.ram_size = 64 * MIB;
    cr_assert_not(board_machine_try(&m, &virt_board_class, &cfg, &err), "%s", why);
    cr_expect(strstr(vemu_error_message(err), why), "%s", vemu_error_message(err));
    vemu_error_free(err);
    unlink(kernel);
    free(kernel);
}

Test(arm_boot, bad_kernels_are_one_sentence)
{
    uint8_t packed[sizeof image + 256];
    refused("not a kernel at all, but long enough for one to be found in it............", 70,
            (struct board_config){0}, "is not an Arm kernel");
    make_image(0, 4096 * MIB);
    refused(image, sizeof image, (struct board_config){0}, "usable memory");
    make_image(UINT64_MAX - 100, MIB);
    refused(image, sizeof image, (struct board_config){0}, "usable memory");
    make_image(0, UINT64_MAX);
    refused(image, sizeof image, (struct board_config){0}, "usable memory");
    make_image(0, MIB);
    refused(image, sizeof image, (struct board_config){.cpu_model = "cortex-a15"}, "64-bit kernel");
    store_le64(image + 24, 1);
    refused(image, sizeof image, (struct board_config){0}, "big-endian");
    make_elf(62, RAM, RAM);
    refused(image, sizeof image, (struct board_config){0},
            "is a kernel for x86_64, and this machine is for aarch64");
    make_elf(243, RAM, RAM);
    refused(image, sizeof image, (struct board_config){0}, "an Arm kernel is expected");
    make_elf(183, 0x1000, 0x1000);
    refused(image, sizeof image, (struct board_config){0}, "usable memory");
    make_image(0, MIB);
    size_t len = make_gzip(packed);
    refused(packed, len - 4000, (struct board_config){0}, "");
    store_le32(packed + len - 4, 0x7fffffff);
    refused(packed, len, (struct board_config){0}, "do not fit");
    memset(image, 0, sizeof image);
    store_le32(image + 0x24, 0x016f2818);
    refused(image, sizeof image, (struct board_config){0}, "32-bit kernel");
}

Test(arm_boot, a_tree_of_the_users_gets_command_line_and_memory)
{
    struct vemu_machine m;
    struct vemu_error *err = NULL;
    uint8_t *blob;
    uint32_t len;
    struct dt *dt = dt_new(&err);
    dt_begin(dt, "");
    dt_string(dt, "compatible", "mine");
    dt_u32(dt, "#address-cells", 2);
    dt_u32(dt, "#size-cells", 2);
    dt_end(dt);
    cr_assert(dt_finish(dt, &blob, &len, &err));
    make_image(0, MIB);
    char *kernel = temp_file(image, sizeof image), *path = temp_file(blob, len);
    struct board_config cfg = {.kernel = kernel, .dtb = path, .append = "quiet"};
    start(&m, &cfg);
    dt = tree_of(&m, regs(&m)->x[0]);
    cr_expect(dt_has(dt, "/chosen", "bootargs"));
    cr_expect(dt_has(dt, "/memory@40000000", "reg"));
    cr_expect_not(dt_has(dt, "/psci", "method"));
    dt_free(dt);
    machine_destroy(&m);

    /* Damaged ones are refused, or at least harmless. */
    for (uint32_t at = 0; at < len; at++) {
        uint8_t was = blob[at];
        blob[at] ^= 0xff;
        unlink(path);
        free(path);
        path = temp_file(blob, len);
        cfg.dtb = path;
        cfg.ram_size = 64 * MIB;
        err = NULL;
        if (board_machine_try(&m, &virt_board_class, &cfg, &err))
            machine_destroy(&m);
        vemu_error_free(err);
        blob[at] = was;
    }
    unlink(path);
    unlink(kernel);
    free(path);
    free(kernel);
    free(blob);
}
#endif
