/* Virtio over MMIO: slots, registers, one request, its interrupt. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/block/drive.h"
#include "hw/block/virtio_blk.h"
#include "hw/misc/virtio_rng.h"
#include "hw/virtio/virtio_mmio.h"
#include "tests/device/device_test.h"
#include "tests/device/virtio_driver.h"

enum { BASE = 0xfeb00000u, RAM = 1 << 20, RING = 0x10000, SLOTS = 8 };

struct rig {
    struct vemu_machine m;
    struct mem_region ram;
    struct virtio_mmio_slots slots;
    struct line_probe lines[SLOTS];
    struct device *dev;
    char path[40];
};

static struct device *plug(struct rig *r, const char *drive, struct vemu_error **errp)
{
    struct device *dev = made(device_new(&r->m, &virtio_blk_device_class.device, NULL, NULL), NULL);
    cr_assert(device_set_prop(dev, "drive", drive, NULL));
    ((struct virtio_mmio *)dev)->slots = &r->slots;
    if (device_realize(dev, errp))
        return dev;
    device_free(dev);
    return NULL;
}

static void set_up(struct rig *r)
{
    struct vemu_error *err = NULL;
    memset(r, 0, sizeof *r);
    test_machine_init(&r->m);
    struct ram_block *ram = ram_block_new(&r->m.rams, "ram", RAM, false, &err);
    mem_region_init_ram(&r->ram, "ram", ram, 0, RAM);
    strcpy(r->path, "/tmp/vemu-test-XXXXXX");
    int fd = mkstemp(r->path);
    cr_assert(fd >= 0 && ftruncate(fd, 1 << 20) == 0 && pwrite(fd, "sector 3", 8, 1536) == 8);
    close(fd);
    machine_lock(&r->m);
    mem_region_add(mem_space_root(r->m.memory), 0, &r->ram, 0);
    virtio_mmio_slots_init(&r->slots, mem_space_root(r->m.memory), BASE, SLOTS);
    for (unsigned n = 0; n < SLOTS; n++)
        r->slots.irqs[n] = line_probe(&r->lines[n]);
    struct drive_config cfg = {.id = "disk", .filename = r->path, .format = "raw"};
    cr_assert(drive_new(&r->m, &cfg, &err), "%s", err ? vemu_error_message(err) : "");
    r->dev = plug(r, "disk", &err);
    cr_assert(r->dev, "%s", err ? vemu_error_message(err) : "");
    machine_reset(&r->m, NULL);
    machine_unlock(&r->m);
}

static void tear_down(struct rig *r)
{
    machine_lock(&r->m);
    mem_region_remove(&r->ram);
    virtio_mmio_slots_exit(&r->slots);
    machine_unlock(&r->m);
    machine_destroy(&r->m);
    unlink(r->path);
}

static void start(struct rig *r)
{
    struct vemu_machine *m = &r->m;
    write32(m, BASE + 0x70, 0);
    write32(m, BASE + 0x70, 3);
    write32(m, BASE + 0x24, 1);
    write32(m, BASE + 0x20, 1);
    write32(m, BASE + 0x70, 11);
    cr_assert_eq(read32(m, BASE + 0x70), 11);
    write32(m, BASE + 0x30, 0);
    write32(m, BASE + 0x38, 8);
    write32(m, BASE + 0x80, RING);
    write32(m, BASE + 0x90, RING + 0x1000);
    write32(m, BASE + 0xa0, RING + 0x2000);
    write32(m, BASE + 0x44, 1);
    write32(m, BASE + 0x70, 15);
}

static void read_sector_3(struct rig *r)
{
    static const uint32_t addr[] = {0x20000, 0x21000, 0x20100}, len[] = {16, 512, 1},
                          flags[] = {1, 3, 2};
    struct vemu_machine *m = &r->m;
    for (unsigned i = 0; i < 3; i++) {
        write64(m, RING + 16 * i, addr[i]);
        write32(m, RING + 16 * i + 8, len[i]);
        write32(m, RING + 16 * i + 12, flags[i] | (i + 1) << 16);
    }
    write64(m, 0x20008, 3);
    write8(m, 0x20100, 0xee);
    write16(m, RING + 0x1002, 1);
    write32(m, BASE + 0x50, 0);
    machine_lock(m);
    drive_drain_all(m);
    machine_unlock(m);
}

Test(virtio_mmio, slots_without_a_device_have_the_id_0)
{
    struct rig r;
    set_up(&r);
    cr_expect_eq(read32(&r.m, BASE), 0x74726976);
    cr_expect_eq(read32(&r.m, BASE + 4), 2);
    cr_expect_eq(read32(&r.m, BASE + 8), 2);
    cr_expect_eq(read32(&r.m, BASE + 0xc), 0x554d4551);
    for (unsigned n = 1; n < SLOTS; n++) {
        cr_expect_eq(read32(&r.m, BASE + 0x200 * n), 0x74726976);
        cr_expect_eq(read32(&r.m, BASE + 0x200 * n + 8), 0);
    }
    tear_down(&r);
}

Test(virtio_mmio, a_board_may_have_its_last_slot_taken_first)
{
    struct rig r;
    struct vemu_error *err = NULL;
    set_up(&r);
    struct device *dev = made(device_new(&r.m, &virtio_rng_device_class.device, NULL, &err), err);
    ((struct virtio_mmio *)dev)->slots = &r.slots;
    r.slots.from_last = true;
    machine_lock(&r.m);
    cr_assert(device_realize(dev, &err), "%s", err ? vemu_error_message(err) : "");
    machine_unlock(&r.m);
    cr_expect_eq(read32(&r.m, BASE + 0x200 * (SLOTS - 1) + 8), 4);
    cr_expect_eq(read32(&r.m, BASE + 0x200 + 8), 0);
    tear_down(&r);
}

Test(virtio_mmio, a_request_is_served_and_its_interrupt_acknowledged)
{
    struct rig r;
    set_up(&r);
    start(&r);
    cr_expect_eq(read32(&r.m, BASE + 0x100), 2048, "capacity");
    cr_expect_eq(read32(&r.m, BASE + 0x44), 1);
    read_sector_3(&r);
    cr_expect_eq(read8(&r.m, 0x20100), 0);
    cr_expect_eq(read32(&r.m, 0x21000), 0x74636573);
    cr_expect_eq(r.lines[0].level, 1);
    cr_expect_eq(read32(&r.m, BASE + 0x60), 1);
    write32(&r.m, BASE + 0x64, 1);
    cr_expect_eq(r.lines[0].level, 0);
    cr_expect_eq(read32(&r.m, BASE + 0x60), 0);
    write32(&r.m, BASE + 0x70, 0);
    cr_expect_eq(read32(&r.m, BASE + 0x44), 0, "a reset disables the queue");
    tear_down(&r);
}

Test(virtio_mmio, nonsense_is_ignored)
{
    struct rig r;
    set_up(&r);
    write32(&r.m, BASE + 0x30, 77);
    cr_expect_eq(read32(&r.m, BASE + 0x34), 0);
    write32(&r.m, BASE + 0x44, 1);
    write32(&r.m, BASE + 0x30, 0);
    cr_expect_eq(read32(&r.m, BASE + 0x34), 256);
    write32(&r.m, BASE + 0x38, 3);
    write32(&r.m, BASE + 0x38, 0x10000);
    write32(&r.m, BASE + 0x50, 77);
    write8(&r.m, BASE + 0x70, 15);
    cr_expect_eq(read32(&r.m, BASE + 0x70), 0, "registers are accessed by words");
    cr_expect_eq(read32(&r.m, BASE + 0xb0), 0xffffffff, "no shared memory");
    write32(&r.m, BASE + 0x14, 9);
    cr_expect_eq(read32(&r.m, BASE + 0x10), 0);
    write32(&r.m, BASE, 0);
    tear_down(&r);
}

Test(virtio_mmio, a_machine_without_slots_or_with_none_left_says_so)
{
    struct rig r;
    struct vemu_error *err = NULL;
    set_up(&r);
    machine_lock(&r.m);
    struct drive_config cfg = {
        .id = "other", .filename = r.path, .format = "raw", .read_only = true};
    unlink(r.path);
    int fd = open(r.path, O_RDWR | O_CREAT, 0600);
    cr_assert(fd >= 0 && ftruncate(fd, 4096) == 0);
    close(fd);
    cr_assert(drive_new(&r.m, &cfg, &err), "%s", err ? vemu_error_message(err) : "");
    for (unsigned n = 1; n < SLOTS; n++)
        r.slots.devices[n] = r.dev;
    cr_expect_null(plug(&r, "other", &err));
    cr_expect(strstr(vemu_error_message(err), "all 8 virtio-mmio slots are taken"));
    vemu_error_free(err);
    err = NULL;
    uint64_t base = r.slots.base;
    r.slots.base = 0;
    cr_expect_null(plug(&r, "other", &err));
    cr_expect(strstr(vemu_error_message(err), "no virtio-mmio slots"));
    vemu_error_free(err);
    r.slots.base = base;
    machine_unlock(&r.m);
    tear_down(&r);
}

static void poke(struct vemu_machine *m)
{
    write32(m, BASE + 0x50, 0);
    for (unsigned at = 0; at < 0x110; at += 4)
        write32(m, BASE + at, ~read32(m, BASE + at));
}

Test(virtio_mmio, state_survives_a_round_trip_and_damage)
{
    struct rig f, g;
    set_up(&f);
    set_up(&g);
    start(&f);
    assert_round_trip(f.dev, g.dev);
    read_sector_3(&g);
    cr_expect_eq(read32(&g.m, 0x21000), 0x74636573);
    cr_expect_eq(g.lines[0].level, 1);
    fuzz_state(f.dev, g.dev, 200, poke);
    tear_down(&f);
    tear_down(&g);
}
