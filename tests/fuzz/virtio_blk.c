/*
 * A hostile driver of virtio-blk: the input is a program of register accesses, ring contents and
 * doorbells for a disk on a PCI bus. Nothing it does may crash, hang or touch memory that is not
 * the guest's.
 *
 *   byte 0          what the device is like (struct kind below)
 *   then            an operation, its low nibble the kind and its high nibble an argument, followed
 *                   by what it takes
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/block/drive.h"
#include "core/device/machine.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/block/virtio_blk.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/pci.h"
#include "tests/fuzz/fuzz.h"
#include "tests/still_accel.h"

enum { RAM = 1 << 20, IMAGE = 256 << 10, STEPS_MOST = 2000, DEVFN = PCI_DEVFN(4, 0) };
enum { LEGACY = 0xc000, MSIX = 0xe0001000u, MODERN = 0xe0004000u };
/* Queue n at 0x1000 * (4 n + 4): descriptors, available ring, used ring. Buffers from 0x40000. */
enum { QUEUES = 4, QUEUE_SIZE = 16, BUFFERS = 0x40000 };

struct input {
    const uint8_t *data;
    size_t left;
};

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint64_t)(in->left ? *in->data : 0) << 8 * i;
        if (in->left)
            in->data++, in->left--;
    }
    return v;
}

/* ---- the machine ----------------------------------------------------------------------------- */

struct rig {
    struct vemu_machine m;
    struct mem_region ram;
    struct device *host, *dev;
    uint16_t avail[QUEUES];
    int fd;
};

static bool swallow_msi(void *opaque, uint16_t requester, uint64_t addr, uint32_t data)
{
    (void)requester;
    (void)opaque;
    (void)data;
    return addr >> 20 == 0xfee;
}
static unsigned map_irq(void *opaque, const struct pci_device *pci, unsigned pin)
{
    (void)opaque;
    (void)pci;
    return pin;
}
static void set_irq(void *opaque, unsigned line, int level)
{
    (void)opaque;
    (void)line;
    (void)level;
}
static const struct pci_bus_ops bus_ops = {.map_irq = map_irq, .set_irq = set_irq};

static void need(bool ok, const char *what)
{
    if (!ok)
        fuzz_fail(what);
}

static void make_drive(struct rig *r, unsigned kind)
{
    static const enum drive_on_error policies[] = {DRIVE_REPORT, DRIVE_IGNORE, DRIVE_STOP,
                                                   DRIVE_ENOSPC};
    struct drive_config cfg = {.id = "disk", .format = "raw"};
    char path[64];

    r->fd = memfd_create("disk", MFD_CLOEXEC);
    need(r->fd >= 0 && ftruncate(r->fd, IMAGE) == 0, "an image cannot be made");
    snprintf(path, sizeof path, "/proc/self/fd/%d", r->fd);
    cfg.filename = path;
    cfg.read_only = kind & 1;
    cfg.discard = kind & 2;
    cfg.cache = kind & 4 ? VEMU_BLOCK_WRITETHROUGH : VEMU_BLOCK_WRITEBACK;
    cfg.rerror = cfg.werror = policies[kind >> 3 & 3];
    need(drive_new(&r->m, &cfg, NULL) != NULL, "a drive cannot be made");
}

static void config_write(struct rig *r, uint32_t reg, uint32_t value, unsigned size)
{
    machine_lock(&r->m);
    pci_bus_config_write(pci_host_bus(r->host), DEVFN, reg, value, size);
    machine_unlock(&r->m);
}

static void place(struct rig *r)
{
    config_write(r, 0x10, LEGACY, 4);
    config_write(r, 0x14, MSIX, 4);
    config_write(r, 0x20, MODERN, 4);
    config_write(r, 0x24, 0, 4);
    config_write(r, PCI_COMMAND, 7, 2);
}

static void set_up(struct rig *r, unsigned kind)
{
    static const struct device_class *const classes[] = {
        &virtio_blk_pci_class.device, &virtio_blk_pci_non_transitional_class.device};
    struct ram_block *ram;

    memset(r, 0, sizeof *r);
    need(machine_init(&r->m, NULL), "a machine cannot be made");
    r->m.io = mem_space_new("io", 0x10000, &r->m.lock, NULL);
    r->m.accel = &still_accel;
    ram = ram_block_new(&r->m.rams, "ram", RAM, false, NULL);
    need(r->m.io && ram, "no memory");
    mem_region_init_ram(&r->ram, "ram", ram, 0, RAM);
    machine_lock(&r->m);
    mem_region_add(mem_space_root(r->m.memory), 0, &r->ram, 0);
    struct pci_host_config host = {.ops = &bus_ops};
    r->host = pci_host_create(&r->m, &host, NULL);
    need(r->host != NULL, "no PCI host");
    pci_bus_set_msi(pci_host_bus(r->host), swallow_msi, NULL);
    make_drive(r, kind);
    r->dev = device_new(&r->m, classes[kind >> 5 & 1], NULL, NULL);
    need(r->dev && device_set_prop(r->dev, "drive", "disk", NULL) &&
             device_set_prop(r->dev, "num-queues", "3", NULL) &&
             (!(kind & 0x40) || device_set_prop(r->dev, "vectors", "0", NULL)),
         "no device");
    struct pci_device *pci = (struct pci_device *)r->dev;
    pci->bus = pci_host_bus(r->host);
    pci->devfn = DEVFN;
    need(device_realize(r->dev, NULL), "the device is not realized");
    machine_reset(&r->m, NULL);
    machine_unlock(&r->m);
    place(r);
}

static void tear_down(struct rig *r)
{
    machine_lock(&r->m);
    mem_region_remove(&r->ram);
    machine_unlock(&r->m);
    machine_destroy(&r->m);
    close(r->fd);
}

/* ---- operations ------------------------------------------------------------------------------ */

static void write_mem(struct rig *r, uint64_t addr, uint64_t value, unsigned size)
{
    mem_write(r->m.memory, addr, size, value);
}

/* As a driver that knows what it does. */
static void start(struct rig *r, unsigned features)
{
    uint64_t take_features = UINT64_C(1) << 32 | (uint64_t)(features & 1) << 28 |
                             (uint64_t)(features >> 1 & 1) << 29 | (uint64_t)(features >> 2) << 9;

    write_mem(r, MODERN + 0x14, 0, 1);
    write_mem(r, MODERN + 0x14, 3, 1);
    for (unsigned half = 0; half < 2; half++) {
        write_mem(r, MODERN + 8, half, 4);
        write_mem(r, MODERN + 0xc, take_features >> 32 * half & 0xffffffff, 4);
    }
    write_mem(r, MODERN + 0x14, 11, 1);
    for (unsigned n = 0; n < 3; n++) {
        uint32_t at = 0x1000 * (4 * n + 4);
        write_mem(r, MODERN + 0x16, n, 2);
        write_mem(r, MODERN + 0x18, QUEUE_SIZE, 2);
        write_mem(r, MODERN + 0x1a, n, 2);
        for (unsigned i = 0; i < 3; i++)
            write_mem(r, MODERN + 0x20 + 8 * i, at + 0x1000 * i, 4);
        write_mem(r, MODERN + 0x1c, 1, 2);
        r->avail[n] = 0;
    }
    write_mem(r, MODERN + 0x14, 15, 1);
}

/* Where a buffer of the input's choice is: mostly memory, sometimes registers or nowhere. */
static uint64_t address(struct input *in)
{
    uint16_t v = (uint16_t)take(in, 2);

    switch (v >> 12) {
    case 0:
        return MODERN + (v & 0xfff) * 4u;
    case 1:
        return MSIX + (v & 0xfff);
    case 2:
        return RAM - 0x800 + (v & 0xfff);
    case 3:
        return UINT64_MAX - (v & 0xfff);
    case 4:
        return 0x4000 + (v & 0xfff) * 8u; /* the rings */
    default:
        return BUFFERS + (v & 0xfff) * 32u;
    }
}

static void put_desc(struct rig *r, uint64_t at, uint64_t addr, uint32_t len, unsigned flags,
                     unsigned next)
{
    write_mem(r, at, addr, 8);
    write_mem(r, at + 8, len, 4);
    write_mem(r, at + 12, flags, 2);
    write_mem(r, at + 14, next, 2);
}

static void make_available(struct rig *r, unsigned q, uint16_t head)
{
    uint64_t avail = 0x1000 * (4 * q + 5);

    write_mem(r, avail + 4 + 2 * (r->avail[q] % QUEUE_SIZE), head, 2);
    write_mem(r, avail + 2, ++r->avail[q], 2);
}

/* A request that is right but for its numbers: header, data, status. */
static void request(struct rig *r, struct input *in, unsigned q)
{
    uint64_t ring = 0x1000 * (4 * q + 4), head = BUFFERS + 0x1000 * q;
    uint32_t type = (uint32_t)take(in, 1), sector = (uint32_t)take(in, 2);
    uint32_t len = (uint32_t)take(in, 2) * 16;
    uint64_t data = address(in);
    unsigned table = type & 0x40 ? 1 : 0;
    uint64_t at = table ? head + 0x100 : ring;

    type &= 0x3f;
    write_mem(r, head, type, 4);
    write_mem(r, head + 8, sector == 0xffff ? UINT64_MAX : sector, 8);
    if (type == 11 || type == 13) { /* a range */
        data = head + 0x800;
        len = 16;
        write_mem(r, data, sector, 8);
        write_mem(r, data + 8, take(in, 1), 4);
        write_mem(r, data + 12, take(in, 1) & 3, 4);
    }
    put_desc(r, at, head, 16, 1, 1);
    put_desc(r, at + 16, data, len, type & 1 ? 1 : 3, 2);
    put_desc(r, at + 32, head + 0x40, 1, 2, 0);
    if (table)
        put_desc(r, ring + 16 * 5, at, 48, 4, 0);
    make_available(r, q, table ? 5 : 0);
}

static void access_register(struct input *in, struct mem_space *space, uint64_t base, uint32_t mask,
                            unsigned how)
{
    uint64_t addr = base + (take(in, 2) & mask), value;
    unsigned size = 1u << (how & 3);

    if (how & 4)
        mem_write(space, addr, size, take(in, size));
    else
        mem_read(space, addr, size, &value);
}

/* The device's state, saved, damaged at one place, loaded. */
static void reload(struct rig *r, struct input *in)
{
    const struct device_class *cls = r->dev->cls;
    struct state_writer *w = state_writer_new();
    struct state_section section;
    struct state_reader *reader;
    const void *data;
    size_t len;

    machine_lock(&r->m);
    drive_drain_all(&r->m);
    if (w && state_save_section(w, cls->name, 0, cls->state_version, cls->state, r->dev) &&
        state_writer_finish(w, &data, &len)) {
        reader = state_reader_new(data, len, NULL);
        if (reader && state_reader_next(reader, &section, NULL)) {
            uint8_t *copy = malloc(section.len);
            need(copy != NULL, "no memory");
            memcpy(copy, section.data, section.len);
            for (unsigned n = (unsigned)take(in, 1) % 4; n; n--) {
                size_t at = take(in, 2) % section.len;
                copy[at] = (uint8_t)take(in, 1);
            }
            section.data = copy;
            if (!state_load_section(&section, cls->state_version, cls->state, r->dev, NULL) ||
                !cls->post_load(r->dev, NULL))
                machine_reset(&r->m, NULL);
            free(copy);
        }
        state_reader_free(reader);
    }
    state_writer_free(w);
    machine_unlock(&r->m);
    place(r);
}

static void drain(struct rig *r)
{
    machine_lock(&r->m);
    drive_drain_all(&r->m);
    machine_unlock(&r->m);
}

static void step(struct rig *r, struct input *in)
{
    unsigned op = (unsigned)take(in, 1), arg = op >> 4, q = arg % QUEUES;

    switch (op & 15) {
    case 0:
        access_register(in, r->m.memory, MODERN, 0x3fff, arg);
        break;
    case 1:
        access_register(in, r->m.io, LEGACY, 0x7f, arg);
        break;
    case 2:
        access_register(in, r->m.memory, MSIX, 0xfff, arg);
        break;
    case 3:
        config_write(r, (uint32_t)take(in, 1), (uint32_t)take(in, 4), 1u << arg % 3);
        break;
    case 4:
        write_mem(r, address(in), take(in, 4), 4);
        break;
    case 5:
        start(r, arg | (unsigned)take(in, 1) << 4);
        break;
    case 6:
        request(r, in, q);
        break;
    case 7:
        put_desc(r, 0x1000 * (4 * q + 4) + 16 * (take(in, 1) % QUEUE_SIZE), address(in),
                 (uint32_t)take(in, 2), (unsigned)take(in, 1) & 7, (unsigned)take(in, 1) % 20);
        break;
    case 8:
        make_available(r, q, (uint16_t)take(in, 1) % (QUEUE_SIZE + 1));
        break;
    case 9:
    case 10:
        write_mem(r, MODERN + 0x3000 + 4 * q, q, 2);
        break;
    case 11:
        drain(r);
        break;
    case 12:
        machine_lock(&r->m);
        drive_drain_all(&r->m);
        drive_resume_all(&r->m);
        machine_unlock(&r->m);
        break;
    case 13:
        machine_lock(&r->m);
        machine_reset(&r->m, NULL);
        machine_unlock(&r->m);
        place(r);
        break;
    case 14:
        reload(r, in);
        break;
    case 15: { /* errors: the image is cut, or whole again */
        int ignored = ftruncate(r->fd, arg & 1 ? IMAGE : 4096);
        (void)ignored;
        break;
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct rig r;

    set_up(&r, (unsigned)take(&in, 1));
    for (unsigned n = 0; in.left && n < STEPS_MOST; n++)
        step(&r, &in);
    drain(&r);
    tear_down(&r);
    return 0;
}
