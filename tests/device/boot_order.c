/* The boot order as firmware reads it: CMOS RAM for a BIOS, the file "bootorder" for both kinds. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/device/boot_target.h"
#include "core/util/endian.h"
#include "hw/net/e1000.h"
#include "hw/pci/pci_boot.h"
#include "hw/pci/pci_testdev.h"
#include "hw/x86/boards.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

struct fixture {
    struct vemu_machine m;
    const struct board_class *cls;
    char *rom;
    struct boot_target targets[4];
};

static void set_up_kernel(struct fixture *f, const struct board_class *cls, const char *order,
                          const char *once, bool strict, const char *kernel)
{
    static uint8_t rom[65536];
    struct board_config cfg = {.kernel = kernel,
                               .ram_size = 64 << 20,
                               .cpus = 1,
                               .boot_order = order,
                               .boot_once = once,
                               .boot_strict = strict};
    memset(f, 0, sizeof *f);
    cfg.bios = f->rom = temp_file(rom, sizeof rom);
    f->cls = cls;
    board_machine(&f->m, cls, &cfg);
}

/* order, once, strict as -boot has them. */
static void set_up(struct fixture *f, const struct board_class *cls, const char *order,
                   const char *once, bool strict)
{
    set_up_kernel(f, cls, order, once, strict, NULL);
}

static void tear_down(struct fixture *f)
{
    machine_destroy(&f->m);
    unlink(f->rom);
    free(f->rom);
}

static struct device *plug(struct fixture *f, const struct device_class *cls, const char *addr,
                           const char *index, struct vemu_error **err)
{
    struct device *dev = made(device_new(&f->m, cls, NULL, err), *err);
    cr_assert(device_set_prop(dev, "addr", addr, err));
    cr_assert(!index || device_set_prop(dev, "bootindex", index, err));
    machine_lock(&f->m);
    bool ok = f->cls->plug(&f->m, dev, err);
    if (!ok)
        device_free(dev);
    machine_unlock(&f->m);
    return ok ? dev : NULL;
}

/* A device of this kind, by the name that its place in the file shall have. */
static void target(struct fixture *f, unsigned n, enum boot_medium kind, const char *path,
                   uint32_t index)
{
    struct vemu_error *err = NULL;
    struct device *dev = list_entry(f->m.devices.next, struct device, node);
    f->targets[n].index = index;
    cr_assert(boot_target_add(&f->targets[n], dev, kind, path, &err));
}

static void reset(struct fixture *f)
{
    machine_lock(&f->m);
    cr_assert(machine_reset(&f->m, NULL));
    machine_unlock(&f->m);
}

/* A file as firmware finds it, in at most `room` bytes; its length, 0 when there is none. */
static uint32_t read_file(struct fixture *f, const char *name, void *data, uint32_t room)
{
    uint8_t entry[64], count[4];
    out16(&f->m, 0x510, 0x19);
    for (unsigned i = 0; i < 4; i++)
        count[i] = in8(&f->m, 0x511);
    for (unsigned n = 0; n < load_be32(count); n++) {
        for (unsigned i = 0; i < 64; i++)
            entry[i] = in8(&f->m, 0x511);
        if (strcmp((char *)entry + 8, name))
            continue;
        uint32_t len = load_be32(entry);
        cr_assert_lt(len, room);
        out16(&f->m, 0x510, load_be16(entry + 4));
        for (uint32_t i = 0; i < len; i++)
            ((uint8_t *)data)[i] = in8(&f->m, 0x511);
        return len;
    }
    return 0;
}

/* The order, with lines ended by ';'. */
static const char *order_file(struct fixture *f)
{
    static char text[1024];
    memset(text, 0, sizeof text);
    uint32_t len = read_file(f, "bootorder", text, sizeof text);
    cr_expect(!len || strlen(text) == len - 1, "ended by one zero");
    for (char *p = text; *p; p++)
        *p = *p == '\n' ? ';' : *p;
    return text;
}

static unsigned cmos(struct fixture *f, uint8_t index)
{
    out8(&f->m, 0x70, index);
    return in8(&f->m, 0x71);
}

Test(boot_order, without_a_choice_there_is_no_file_and_cmos_has_the_usual_order)
{
    struct fixture f;
    set_up(&f, &pc_board_class, NULL, NULL, false);
    target(&f, 0, BOOT_DISK, "/disk", BOOT_INDEX_NONE);
    reset(&f);
    cr_expect_str_eq(order_file(&f), "");
    cr_expect_eq(cmos(&f, 0x3d), 0x12, "disk, then floppy");
    cr_expect_eq(cmos(&f, 0x38), 0x30, "then CD-ROM, and floppies need a signature");
    tear_down(&f);
}

Test(boot_order, indexes_come_in_their_order)
{
    struct fixture f;
    set_up(&f, &pc_board_class, NULL, NULL, false);
    target(&f, 0, BOOT_DISK, "/second", 7);
    target(&f, 1, BOOT_NETWORK, "/first", 0);
    target(&f, 2, BOOT_DISK, "/none", BOOT_INDEX_NONE);
    target(&f, 3, BOOT_CDROM, "/third", BOOT_INDEX_NONE - 1);
    reset(&f);
    cr_expect_str_eq(order_file(&f), "/first;/second;/third");
    tear_down(&f);
}

Test(boot_order, letters_list_all_devices_after_those_with_an_index)
{
    struct fixture f;
    set_up(&f, &q35_board_class, "dn", NULL, false);
    target(&f, 0, BOOT_DISK, "/disk1", BOOT_INDEX_NONE);
    target(&f, 1, BOOT_NETWORK, "/net", BOOT_INDEX_NONE);
    target(&f, 2, BOOT_DISK, "/disk2", 3);
    target(&f, 3, BOOT_CDROM, "/cd", BOOT_INDEX_NONE);
    reset(&f);
    cr_expect_str_eq(order_file(&f), "/disk2;/cd;/net;/disk1");
    cr_expect_eq(cmos(&f, 0x3d), 0x43, "CD-ROM, then network");
    cr_expect_eq(cmos(&f, 0x38), 0);
    tear_down(&f);
}

Test(boot_order, strict_lists_what_was_chosen_and_stops_there)
{
    struct fixture f;
    set_up(&f, &pc_board_class, "d", NULL, true);
    target(&f, 0, BOOT_DISK, "/disk", BOOT_INDEX_NONE);
    target(&f, 1, BOOT_CDROM, "/cd", BOOT_INDEX_NONE);
    reset(&f);
    cr_expect_str_eq(order_file(&f), "/cd;HALT");
    tear_down(&f);
}

Test(boot_order, once_is_until_the_first_reset)
{
    struct fixture f;
    set_up(&f, &pc_board_class, "c", "n", true);
    target(&f, 0, BOOT_DISK, "/disk", BOOT_INDEX_NONE);
    target(&f, 1, BOOT_NETWORK, "/net", BOOT_INDEX_NONE);
    reset(&f);
    cr_expect_str_eq(order_file(&f), "/net;HALT");
    cr_expect_eq(cmos(&f, 0x3d), 0x04);
    f.m.run_state = RUN_STATE_RUNNING;
    reset(&f);
    cr_expect_str_eq(order_file(&f), "/disk;HALT");
    cr_expect_eq(cmos(&f, 0x3d), 0x02);
    tear_down(&f);
}

Test(boot_order, once_alone_leaves_an_empty_file)
{
    struct fixture f;
    set_up(&f, &pc_board_class, NULL, "n", false);
    target(&f, 0, BOOT_NETWORK, "/net", BOOT_INDEX_NONE);
    reset(&f);
    cr_expect_str_eq(order_file(&f), "/net");
    f.m.run_state = RUN_STATE_RUNNING;
    reset(&f);
    cr_expect_str_eq(order_file(&f), "");
    cr_expect_eq(cmos(&f, 0x3d), 0x12);
    tear_down(&f);
}

/* The names and numbers of the PCI bus binding; functions other than 0 follow a comma. */
Test(boot_order, pci_functions_are_named_by_class_or_by_their_ids)
{
    struct fixture f;
    struct vemu_error *err = NULL;
    set_up(&f, &pc_board_class, NULL, NULL, false);
    cr_assert(plug(&f, &e1000_class, "1e.2", "5", &err));
    struct device *other = plug(&f, &pci_testdev_class, "5", NULL, &err);
    cr_assert(other);
    f.targets[0].index = 6;
    cr_assert(pci_boot_target_add(&f.targets[0], other, (struct pci_device *)other, BOOT_DISK,
                                  "/unit@3", &err));
    reset(&f);
    cr_expect_str_eq(order_file(&f), "/pci@i0cf8/ethernet@1e,2/ethernet-phy@0;"
                                     "/pci@i0cf8/pci1b36,5@5/unit@3");
    tear_down(&f);
}

Test(boot_order, an_index_is_given_once_and_is_free_again_with_its_device)
{
    struct fixture f;
    struct vemu_error *err = NULL;
    set_up(&f, &q35_board_class, NULL, NULL, false);
    struct device *first = plug(&f, &e1000_class, "5", "2", &err);
    cr_assert(first);
    cr_expect_null(plug(&f, &e1000_class, "6", "2", &err));
    cr_expect_str_eq(
        vemu_error_message(err),
        "device e1000: bootindex=2 is e1000's already; give each device one of its own");
    vemu_error_free(err);
    err = NULL;
    machine_lock(&f.m);
    device_free(first);
    machine_unlock(&f.m);
    cr_expect(plug(&f, &e1000_class, "6", "2", &err));
    tear_down(&f);
}

static bool sums_to_zero(const uint8_t *p, size_t len)
{
    uint8_t sum = 0;
    while (len--)
        sum = (uint8_t)(sum + *p++);
    return !sum;
}

/* A BIOS runs the option ROM that takes -kernel from fw_cfg, whatever the order of the devices. */
Test(boot_order, a_kernel_is_started_by_a_rom_that_comes_first)
{
    static uint8_t image[8192];
    struct fixture f;
    uint8_t rom[4096];
    image[0x1f1] = 4;
    store_le16(image + 0x1fe, 0xaa55);
    memcpy(image + 0x202, "HdrS\x0f\x02", 6);
    char *kernel = temp_file(image, sizeof image);
    set_up_kernel(&f, &pc_board_class, "c", NULL, false, kernel);
    target(&f, 0, BOOT_DISK, "/disk", 0);
    reset(&f);
    cr_expect_str_eq(order_file(&f), "/rom@genroms/linuxboot.bin;/disk");
    uint32_t len = read_file(&f, "genroms/linuxboot.bin", rom, sizeof rom);
#if defined(__x86_64__) || defined(__i386__)
    cr_assert_eq(len, rom[2] * 512u);
    cr_expect_eq(load_le16(rom), 0xaa55);
    cr_expect(sums_to_zero(rom, len));
    const uint8_t *pnp = rom + load_le16(rom + 0x1a);
    cr_expect_eq(memcmp(pnp, "$PnP\1\2", 6), 0);
    cr_expect(sums_to_zero(pnp, 32));
    cr_expect_eq(pnp[0x15] & 4, 4, "may be booted from");
    cr_expect_eq(load_le16(pnp + 0x16), 0, "but is no disk");
    cr_expect_lt(load_le16(pnp + 0x1a), len);
#else
    cr_expect_eq(len, 0);
#endif
    tear_down(&f);
    unlink(kernel);
    free(kernel);
}

Test(boot_order, a_kernel_that_a_rom_has_no_room_for_is_refused)
{
    static uint8_t image[80 * 512];
    struct vemu_error *err = NULL;
    struct vemu_machine m;
    image[0x1f1] = 64;
    store_le16(image + 0x1fe, 0xaa55);
    memcpy(image + 0x202, "HdrS\x0f\x02", 6);
    char *kernel = temp_file(image, sizeof image);
    struct board_config cfg = {.ram_size = 64 << 20, .cpus = 1, .kernel = kernel, .bios = kernel};
    cr_expect_not(board_machine_try(&m, &pc_board_class, &cfg, &err));
    cr_expect(strstr(vemu_error_message(err), "its setup code has 33280 bytes; 32768 is the most"));
    vemu_error_free(err);
    unlink(kernel);
    free(kernel);
}
