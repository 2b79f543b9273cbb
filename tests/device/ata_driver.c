#include "tests/device/ata_driver.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/util/endian.h"
#include "core/util/opts.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/msi.h"

static void number_sectors(const char *path)
{
    int fd = open(path, O_RDWR);
    uint8_t sector[512];
    cr_assert(fd >= 0);
    for (uint32_t n = 0; n < AT_DISK / 512; n++) {
        for (unsigned i = 0; i < 512; i += 4)
            store_le32(sector + i, n + i * 65536);
        cr_assert_eq(pwrite(fd, sector, 512, n * 512L), 512);
    }
    close(fd);
}

struct device *at_plug(struct vt *t, const struct device_class *cls, const char *props)
{
    struct vemu_error *err = NULL;
    struct opts opts;
    machine_lock(&t->m);
    struct device *dev = made(device_new(&t->m, cls, NULL, &err), err);
    cr_assert(opts_parse(&opts, "test", NULL, props, &err));
    for (unsigned i = 0; i < opts.count; i++)
        cr_assert(device_set_prop(dev, opts.items[i].key, opts.items[i].value, &err), "%s",
                  err ? vemu_error_message(err) : "");
    opts_free(&opts);
    cr_assert(ata_plug(&t->m, dev, &err) && device_realize(dev, &err), "%s",
              err ? vemu_error_message(err) : "");
    machine_unlock(&t->m);
    return dev;
}

void at_machine(struct vt *t, const struct device_class *controller)
{
    vt_machine(t, "raw", AT_DISK);
    number_sectors(t->path);
    vt_plug(t, controller, "");
    if (controller == &piix3_ide_class || controller == &piix4_ide_class) {
        const struct irq irq[2] = {line_probe(&t->isa[14]), line_probe(&t->isa[15])};
        piix_ide_connect(t->dev, irq);
    }
}

void at_start(struct vt *t)
{
    machine_lock(&t->m);
    cr_assert(machine_reset(&t->m, NULL));
    machine_unlock(&t->m);
    if (t->dev->cls == &ahci_class || t->dev->cls == &ich9_ahci_class) {
        vt_config_write(t, 0x20, AT_INDEX_DATA);
        vt_config_write(t, 0x24, (uint32_t)AT_ABAR);
    } else {
        vt_config_write(t, 0x20, AT_BUS_MASTER);
    }
    vt_config_write(t, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* ---- IDE ------------------------------------------------------------------------------------- */

void ide_command(struct vt *t, unsigned unit, uint8_t command, uint32_t lba, uint8_t count)
{
    out8(&t->m, 0x1f6, (uint8_t)(0xe0 | unit << 4 | (lba >> 24 & 15)));
    out8(&t->m, 0x1f2, count);
    out8(&t->m, 0x1f3, (uint8_t)lba);
    out8(&t->m, 0x1f4, (uint8_t)(lba >> 8));
    out8(&t->m, 0x1f5, (uint8_t)(lba >> 16));
    out8(&t->m, 0x1f7, command);
}

uint8_t ide_status(struct vt *t)
{
    vt_wait(t);
    return in8(&t->m, 0x3f6);
}

void ide_read_data(struct vt *t, void *buf, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2)
        store_le16((uint8_t *)buf + i, in16(&t->m, 0x1f0));
}

void ide_write_data(struct vt *t, const void *buf, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2)
        out16(&t->m, 0x1f0, load_le16((const uint8_t *)buf + i));
}

uint8_t ide_packet(struct vt *t, const uint8_t *cdb, uint16_t limit, uint8_t features)
{
    out8(&t->m, 0x1f6, 0xa0);
    out8(&t->m, 0x1f1, features);
    out8(&t->m, 0x1f4, (uint8_t)limit);
    out8(&t->m, 0x1f5, (uint8_t)(limit >> 8));
    out8(&t->m, 0x1f7, 0xa0);
    cr_expect_eq(ide_status(t), 0x48, "it wants a packet");
    cr_expect_eq(in8(&t->m, 0x1f2), 1, "command phase");
    ide_write_data(t, cdb, 12);
    return ide_status(t);
}

/* ---- AHCI ------------------------------------------------------------------------------------ */

uint32_t ah_read(struct vt *t, uint32_t reg)
{
    return read32(&t->m, AT_ABAR + reg);
}
void ah_write(struct vt *t, uint32_t reg, uint32_t value)
{
    write32(&t->m, AT_ABAR + reg, value);
}

void ah_start(struct vt *t)
{
    ah_write(t, 0x100, AH_LIST);
    ah_write(t, 0x104, 0);
    ah_write(t, 0x108, AH_FIS);
    ah_write(t, 0x10c, 0);
    ah_write(t, AH_SERR, UINT32_MAX);
    ah_write(t, AH_PIS, UINT32_MAX);
    ah_write(t, AH_PIE, 0x7dc000ff);
    ah_write(t, 0x08, UINT32_MAX);
    ah_write(t, 0x04, 0x80000002);
    ah_write(t, AH_CMD, 1 << 4);
    ah_write(t, AH_CMD, 1 << 4 | 1);
}

void ah_prepare(struct vt *t, unsigned slot, const struct ah_command *c)
{
    uint64_t header = AH_LIST + slot * 32u, table = AH_TABLES + slot * 0x100u;
    uint8_t fis[20] = {0x27, 0x80, c->command, (uint8_t)c->feature};
    for (unsigned i = 0; i < 3; i++) {
        fis[4 + i] = (uint8_t)(c->lba >> 8 * i);
        fis[8 + i] = (uint8_t)(c->lba >> (24 + 8 * i));
    }
    fis[7] = c->device ? c->device : 0x40;
    fis[11] = (uint8_t)(c->feature >> 8);
    store_le16(fis + 12, c->count);
    for (unsigned i = 0; i < 20; i += 4)
        write32(&t->m, table + i, load_le32(fis + i));
    for (unsigned i = 0; c->cdb && i < 12; i += 4)
        write32(&t->m, table + 0x40 + i, load_le32(c->cdb + i));
    write64(&t->m, table + 0x80, c->data);
    write32(&t->m, table + 0x88, 0);
    write32(&t->m, table + 0x8c, c->len - 1);
    write32(&t->m, header, 5 | c->flags | (c->cdb ? 1 << 5 : 0) | (c->len ? 1u << 16 : 0));
    write32(&t->m, header + 4, 0);
    write64(&t->m, header + 8, table);
}

uint32_t ah_run(struct vt *t, const struct ah_command *c)
{
    ah_prepare(t, 0, c);
    ah_write(t, AH_CI, 1);
    vt_wait(t);
    return ah_read(t, AH_TFD);
}
