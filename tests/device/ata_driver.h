/*
 * Drivers of IDE and AHCI controllers by hand, for device tests: a machine with RAM and a PCI bus
 * (virtio_driver.h), a controller on it, disks and CDs of it. What runs is waited for.
 */
#ifndef TESTS_DEVICE_ATA_DRIVER_H
#define TESTS_DEVICE_ATA_DRIVER_H

#include "hw/ata/ahci.h"
#include "hw/ata/ata.h"
#include "hw/ata/ata_regs.h"
#include "hw/ata/piix_ide.h"
#include "tests/device/virtio_driver.h"

enum { AT_BUS_MASTER = 0xc100, AT_INDEX_DATA = 0xc200, AT_DISK = 1 << 20 };
#define AT_ABAR UINT64_C(0xe0010000)

/* A controller of that class, with an id of its name and an image of AT_DISK bytes, where sector n
 * begins with the number n, as the drive "disk"; it is a raw file at t->path. */
void at_machine(struct vt *t, const struct device_class *controller);
/* The same with another "disk", as a CD. */
struct device *at_plug(struct vt *t, const struct device_class *cls, const char *props);
/* After all devices: reset, BARs placed, interrupts counted in t->messages (MSI) or t->isa. */
void at_start(struct vt *t);

/* ---- IDE, channel 0 or 1 --------------------------------------------------------------------- */

enum { IDE_DATA, IDE_ERROR, IDE_COUNT, IDE_LOW, IDE_MID, IDE_HIGH, IDE_DEVICE, IDE_STATUS };
static inline uint16_t ide_port(unsigned channel, unsigned reg)
{
    return (uint16_t)((channel ? 0x170 : 0x1f0) + reg);
}
/* Device register, then the others and the command; LBA of 28 bits. */
void ide_command(struct vt *t, unsigned unit, uint8_t command, uint32_t lba, uint8_t count);
/* Waits; the status by the register that leaves the interrupt alone. */
uint8_t ide_status(struct vt *t);
void ide_read_data(struct vt *t, void *buf, unsigned bytes);
void ide_write_data(struct vt *t, const void *buf, unsigned bytes);
/* A packet of 12 bytes; limit: of DRQ blocks; features bit 0: DMA. Returns the status. */
uint8_t ide_packet(struct vt *t, const uint8_t *cdb, uint16_t limit, uint8_t features);

/* ---- AHCI, port 0 ---------------------------------------------------------------------------- */

enum { AH_LIST = 0x100000, AH_FIS = 0x101000, AH_TABLES = 0x110000, AH_DATA = 0x200000 };
uint32_t ah_read(struct vt *t, uint32_t reg);
void ah_write(struct vt *t, uint32_t reg, uint32_t value);
enum {
    AH_PIS = 0x110,
    AH_PIE = 0x114,
    AH_CMD = 0x118,
    AH_TFD = 0x120,
    AH_SIG = 0x124,
    AH_SSTS = 0x128,
    AH_SCTL = 0x12c,
    AH_SERR = 0x130,
    AH_SACT = 0x134,
    AH_CI = 0x138,
};
/* Lists and receive area, interrupts, ST. */
void ah_start(struct vt *t);
struct ah_command {
    uint8_t command, device;
    uint16_t feature, count;
    uint64_t lba;
    uint64_t data;      /* address */
    uint32_t len;       /* in one region of that many bytes; 0: none */
    uint32_t flags;     /* of the header, besides the length of the frame */
    const uint8_t *cdb; /* NULL: none */
};
/* Writes the command into a slot, without issuing it. */
void ah_prepare(struct vt *t, unsigned slot, const struct ah_command *c);
/* Slot 0, issued and waited for; returns the task file (status, error << 8). */
uint32_t ah_run(struct vt *t, const struct ah_command *c);

#endif
