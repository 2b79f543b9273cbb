/*
 * A hostile driver of IDE disks and CDs: programs (tests/fuzz/device.h) of port accesses on both
 * channels and the bus-master engine, with whole commands, packets and bursts of data as operations
 * of its own.
 *
 *   byte 0   the first disk (tests/fuzz/disk.h); byte 1 the CD, or 0x80: it is empty
 */
#include "core/block/medium.h"
#include "hw/ata/ata.h"
#include "hw/ata/piix_ide.h"
#include "tests/fuzz/disk.h"

enum { BUS_MASTER = 0xc100, PRDT = 0x8000, BURST_MOST = 1100 };
enum {
    COMMAND,
    PACKET,
    READ_DATA,
    WRITE_DATA,
    TABLE,
    ENGINE,
    SETTLE,
    RELOAD,
    CUT,
    RESET,
    TRAY,
    OWN_OPS
};

static const struct fuzz_window windows[] = {
    {true, 0x1f0, 8}, {true, 0x3f6, 1}, {true, 0x170, 8}, {true, 0x376, 1}, {true, BUS_MASTER, 16}};

struct rig {
    struct fuzz_machine f;
    struct device *devices[3];
    int fd[2];
};

static void port_write(struct rig *r, uint16_t port, unsigned size, uint32_t value)
{
    mem_write(r->f.m.io, port, size, value);
}

static uint16_t channel_port(unsigned unit)
{
    return unit & 2 ? 0x170 : 0x1f0;
}

/* unit, registers, command */
static void give_command(struct rig *r, struct fuzz_input *in)
{
    unsigned unit = (unsigned)fuzz_take(in, 1);
    uint16_t port = channel_port(unit);

    port_write(r, port + 6u, 1, (uint32_t)fuzz_take(in, 1) | (unit & 1) << 4);
    for (uint16_t reg = 1; reg < 6; reg++) {
        uint32_t value = (uint32_t)fuzz_take(in, 2);
        port_write(r, port + reg, 1, value >> 8);
        port_write(r, port + reg, 1, value);
    }
    port_write(r, port + 7u, 1, (uint32_t)fuzz_take(in, 1));
}

/* unit, features, limit, 12 bytes */
static void give_packet(struct rig *r, struct fuzz_input *in)
{
    unsigned unit = (unsigned)fuzz_take(in, 1);
    uint16_t port = channel_port(unit);

    port_write(r, port + 6u, 1, (unit & 1) << 4);
    port_write(r, port + 1u, 1, (uint32_t)fuzz_take(in, 1));
    port_write(r, port + 4u, 1, (uint32_t)fuzz_take(in, 1));
    port_write(r, port + 5u, 1, (uint32_t)fuzz_take(in, 1));
    port_write(r, port + 7u, 1, 0xa0);
    for (unsigned i = 0; i < 6; i++)
        port_write(r, port, 2, (uint32_t)fuzz_take(in, 2));
}

/* unit, how many words */
static void burst(struct rig *r, struct fuzz_input *in, bool write)
{
    uint16_t port = channel_port((unsigned)fuzz_take(in, 1));
    unsigned n = (unsigned)fuzz_take(in, 2) % BURST_MOST, size = 2u << (n & 1);
    uint64_t value;

    for (unsigned i = 0; i < n; i++) {
        if (write)
            port_write(r, port, size, i * 0x10001);
        else
            mem_read(r->f.m.io, port, size, &value);
    }
}

/* How many, then address and length each; the address' top byte chooses the place. */
static void put_table(struct rig *r, struct fuzz_input *in)
{
    for (unsigned n = (unsigned)fuzz_take(in, 1) % 8, i = 0; i <= n; i++) {
        uint32_t addr = (uint32_t)fuzz_take(in, 4), len = (uint32_t)fuzz_take(in, 2);
        if (addr >> 30)
            addr %= FUZZ_RAM;
        store_le32(r->f.ram->host + PRDT + 8 * i, addr);
        store_le32(r->f.ram->host + PRDT + 8 * i + 4, len | (i == n ? 1u << 31 : 0));
    }
}

/* The tray moves, or its medium is put in or taken out, or the disk gets another size. */
static void use_tray(struct rig *r, unsigned how)
{
    const struct medium_ops *ops = r->devices[2]->cls->medium;
    struct drive *cd = drive_find(&r->f.m, "cd"), *disk = drive_find(&r->f.m, "disk");

    machine_lock(&r->f.m);
    switch (how & 7) {
    case 0:
    case 1:
        ops->move(r->devices[2], how & 1);
        break;
    case 2:
        ops->ask(r->devices[2]);
        break;
    case 3:
    case 4:
        ops->put(r->devices[2], NULL, NULL);
        break;
    case 5:
        if (cd)
            ops->put(r->devices[2], cd, NULL);
        break;
    default:
        drive_resize(how & 1 && cd ? cd : disk, (how >> 3) * 4096, NULL);
        break;
    }
    machine_unlock(&r->f.m);
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct rig *r = container_of(f, struct rig, f);
    unsigned op = (unsigned)fuzz_take(in, 1);

    switch (op % OWN_OPS) {
    case COMMAND:
        give_command(r, in);
        break;
    case PACKET:
        give_packet(r, in);
        break;
    case READ_DATA:
    case WRITE_DATA:
        burst(r, in, op % OWN_OPS == WRITE_DATA);
        break;
    case TABLE:
        put_table(r, in);
        break;
    case ENGINE: {
        uint16_t port = (uint16_t)(BUS_MASTER + (fuzz_take(in, 1) & 1) * 8);
        port_write(r, port + 4u, 4, PRDT);
        port_write(r, port + 2u, 1, 6);
        port_write(r, port, 1, (uint32_t)fuzz_take(in, 1));
        break;
    }
    case SETTLE:
        fuzz_disk_settle(f, fuzz_take(in, 1) & 1);
        break;
    case RELOAD:
        fuzz_disk_reload(f, r->devices[fuzz_take(in, 1) % ARRAY_SIZE(r->devices)], in);
        break;
    case TRAY:
        use_tray(r, (unsigned)fuzz_take(in, 1));
        break;
    case CUT: {
        unsigned how = (unsigned)fuzz_take(in, 1);
        fuzz_disk_cut(r->fd[how & 1], how & 2);
        break;
    }
    default:
        machine_lock(&f->m);
        machine_reset(&f->m, NULL);
        machine_unlock(&f->m);
        break;
    }
}

static struct device *plug(struct rig *r, const struct device_class *cls, const char *drive,
                           const char *bus)
{
    struct device *dev = device_new(&r->f.m, cls, NULL, NULL);

    if (!dev || (drive && !device_set_prop(dev, "drive", drive, NULL)) ||
        !device_set_prop(dev, "bus", bus, NULL) || !ata_plug(&r->f.m, dev, NULL) ||
        !device_realize(dev, NULL))
        fuzz_fail("no disk");
    return dev;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size, 0};
    struct rig r = {.fd = {-1, -1}};
    unsigned disk = (unsigned)fuzz_take(&in, 1), cd = (unsigned)fuzz_take(&in, 1);

    fuzz_machine_init(&r.f);
    r.f.windows = windows;
    r.f.window_count = ARRAY_SIZE(windows);
    r.f.own = own;
    machine_lock(&r.f.m);
    r.fd[0] = fuzz_disk(&r.f, "disk", disk);
    if (!(cd & 0x80))
        r.fd[1] = fuzz_disk(&r.f, "cd", cd | 1);
    r.devices[0] = &fuzz_plug(&r.f, &piix4_ide_class, NULL, NULL)->dev;
    r.devices[1] = plug(&r, &ide_hd_class, "disk", "ide.0");
    r.devices[2] = plug(&r, &ide_cd_class, cd & 0x80 ? NULL : "cd", cd & 0x40 ? "ide.0" : "ide.1");
    machine_reset(&r.f.m, NULL);
    pci_config_write(r.f.pci, 0x20, BUS_MASTER, 4);
    pci_config_write(r.f.pci, PCI_COMMAND, 7, 2);
    machine_unlock(&r.f.m);
    fuzz_run(&r.f, &in);
    fuzz_disk_settle(&r.f, false);
    machine_lock(&r.f.m);
    mem_region_remove(&r.f.ram_region);
    machine_unlock(&r.f.m);
    machine_destroy(&r.f.m);
    close(r.fd[0]);
    if (r.fd[1] >= 0)
        close(r.fd[1]);
    return 0;
}
