/*
 * A hostile driver of an AHCI adapter with a disk and a CD: programs (tests/fuzz/device.h) of
 * register accesses, with whole commands in lists as operations of its own.
 *
 *   byte 0   the disk (tests/fuzz/disk.h); byte 1 the CD
 */
#include "hw/ata/ahci.h"
#include "hw/ata/ata.h"
#include "tests/fuzz/disk.h"

#define ABAR UINT64_C(0xe0000000)
enum { INDEX_DATA = 0xc100, LISTS = 0x10000, FRAMES = 0x12000, TABLES = 0x20000, TABLE = 0x200 };
enum { START, PREPARE, ISSUE, STOP, COMRESET, SETTLE, RELOAD, CUT, RESET, OWN_OPS };

static const struct fuzz_window windows[] = {
    {false, ABAR, 0x40}, {false, ABAR + 0x100, 0x200}, {true, INDEX_DATA, 32}, {false, ABAR, 4096}};

struct rig {
    struct fuzz_machine f;
    struct device *devices[3];
    int fd[2];
};

static void write_register(struct rig *r, unsigned port, uint32_t reg, uint32_t value)
{
    mem_write(r->f.m.memory, ABAR + 0x100 + 0x80 * port + reg, 4, value);
}

static void start(struct rig *r, unsigned port)
{
    write_register(r, port, 0x00, LISTS + 0x400 * port);
    write_register(r, port, 0x04, 0);
    write_register(r, port, 0x08, FRAMES + 0x100 * port);
    write_register(r, port, 0x0c, 0);
    write_register(r, port, 0x10, UINT32_MAX);
    write_register(r, port, 0x14, UINT32_MAX);
    mem_write(r->f.m.memory, ABAR + 4, 4, 0x80000002);
    write_register(r, port, 0x18, 0x10);
    write_register(r, port, 0x18, 0x11);
}

/* Where a region of the input's choice is: mostly memory, sometimes registers or nowhere. */
static uint64_t address(struct fuzz_input *in)
{
    uint32_t v = (uint32_t)fuzz_take(in, 3);

    switch (v >> 20 & 15) {
    case 0:
        return ABAR + (v & 0xffe);
    case 1:
        return UINT64_MAX - (v & 0xfff);
    case 2:
        return FUZZ_RAM - 0x800 + (v & 0xfff);
    case 3:
        return LISTS + (v & 0x1ffff);
    default:
        return v & 0xffffe;
    }
}

/* slot, flags of the header, frame, packet, regions */
static void prepare(struct rig *r, struct fuzz_input *in, unsigned port)
{
    unsigned slot = (unsigned)fuzz_take(in, 1) & 31, regions;
    uint8_t *header = r->f.ram->host + LISTS + 0x400 * port + 32 * slot;
    uint32_t at = TABLES + TABLE * ((port & 1) * 32 + slot), flags = (uint32_t)fuzz_take(in, 1);
    uint8_t *table = r->f.ram->host + at;

    memset(table, 0, TABLE);
    table[0] = flags & 0x80 ? (uint8_t)fuzz_take(in, 1) : 0x27;
    table[1] = flags & 0x40 ? 0 : 0x80;
    for (unsigned i = 2; i < 16; i++)
        table[i] = (uint8_t)fuzz_take(in, 1);
    for (unsigned i = 0; flags & 1 && i < 12; i++)
        table[0x40 + i] = (uint8_t)fuzz_take(in, 1);
    regions = (unsigned)fuzz_take(in, 1) % 16;
    for (unsigned i = 0; i < regions; i++) {
        store_le64(table + 0x80 + 16 * i, address(in));
        store_le32(table + 0x8c + 16 * i, (uint32_t)fuzz_take(in, 2) * 16 + 15);
    }
    store_le32(header, (flags & 2 ? 3u : 5u) | (flags & 1) << 5 | (flags & 4) << 8 |
                           (flags & 8 ? 0xffffu : regions) << 16);
    store_le64(header + 8, flags & 16 ? address(in) : at);
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct rig *r = container_of(f, struct rig, f);
    unsigned op = (unsigned)fuzz_take(in, 1), port = op >> 6;

    switch (op % 64 % OWN_OPS) {
    case START:
        start(r, port);
        break;
    case PREPARE:
        prepare(r, in, port);
        break;
    case ISSUE:
        write_register(r, port, 0x34, (uint32_t)fuzz_take(in, 4));
        write_register(r, port, 0x38, (uint32_t)fuzz_take(in, 4));
        break;
    case STOP:
        write_register(r, port, 0x18, (uint32_t)fuzz_take(in, 1) & ~1u);
        break;
    case COMRESET:
        write_register(r, port, 0x2c, 1);
        write_register(r, port, 0x2c, 0);
        break;
    case SETTLE:
        fuzz_disk_settle(f, fuzz_take(in, 1) & 1);
        break;
    case RELOAD:
        fuzz_disk_reload(f, r->devices[fuzz_take(in, 1) % ARRAY_SIZE(r->devices)], in);
        break;
    case CUT: {
        unsigned how = (unsigned)fuzz_take(in, 1);
        fuzz_disk_cut(r->fd[how & 1], how & 2);
        break;
    }
    default:
        machine_lock(&f->m);
        machine_reset(&f->m, NULL);
        pci_config_write(f->pci, 0x20, INDEX_DATA, 4);
        pci_config_write(f->pci, 0x24, (uint32_t)ABAR, 4);
        pci_config_write(f->pci, PCI_COMMAND, 7, 2);
        machine_unlock(&f->m);
        break;
    }
}

static struct device *plug(struct rig *r, const struct device_class *cls, const char *drive)
{
    struct device *dev = device_new(&r->f.m, cls, NULL, NULL);

    if (!dev || !device_set_prop(dev, "drive", drive, NULL) || !ata_plug(&r->f.m, dev, NULL) ||
        !device_realize(dev, NULL))
        fuzz_fail("no disk");
    return dev;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size, 0};
    struct rig r;

    fuzz_machine_init(&r.f);
    r.f.windows = windows;
    r.f.window_count = ARRAY_SIZE(windows);
    r.f.own = own;
    machine_lock(&r.f.m);
    r.fd[0] = fuzz_disk(&r.f, "disk", (unsigned)fuzz_take(&in, 1));
    r.fd[1] = fuzz_disk(&r.f, "cd", (unsigned)fuzz_take(&in, 1) | 1);
    r.devices[0] = &fuzz_plug(&r.f, &ahci_class, NULL, NULL)->dev;
    r.devices[1] = plug(&r, &ide_hd_class, "disk");
    r.devices[2] = plug(&r, &ide_cd_class, "cd");
    machine_reset(&r.f.m, NULL);
    pci_config_write(r.f.pci, 0x20, INDEX_DATA, 4);
    pci_config_write(r.f.pci, 0x24, (uint32_t)ABAR, 4);
    pci_config_write(r.f.pci, PCI_COMMAND, 7, 2);
    machine_unlock(&r.f.m);
    fuzz_run(&r.f, &in);
    fuzz_disk_settle(&r.f, false);
    machine_lock(&r.f.m);
    mem_region_remove(&r.f.ram_region);
    machine_unlock(&r.f.m);
    machine_destroy(&r.f.m);
    close(r.fd[0]);
    close(r.fd[1]);
    return 0;
}
