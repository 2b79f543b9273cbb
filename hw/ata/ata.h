/*
 * ATA and ATAPI devices (ide-hd, ide-cd) and the places of controllers that they are put into.
 *
 * A device is a task file and what its commands do (ATA8-ACS, MMC-5); how registers and data come
 * to it is the controller's: ports and a bus-master engine (piix_ide.h), or frames in memory
 * (ahci.h). The two sides meet in struct ata_slot: the controller calls ata_*, the device calls the
 * slot's ops. Disk transfers are asynchronous (core/block/drive.h); nothing is under way while
 * vCPUs are paused. Machine lock held throughout.
 */
#ifndef HW_ATA_ATA_H
#define HW_ATA_ATA_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"
#include "core/memory/dma_list.h"

struct ata_device;
struct ata_slot;

enum { ATA_QUEUE_DEPTH = 32 };

/* A command as it is given: 16-bit registers have what was written before in the upper byte. */
struct ata_taskfile {
    uint16_t feature, count, lba_low, lba_mid, lba_high;
    uint8_t device, command;
};

/* What the device tells and asks the controller. `tag` is 0 but for queued commands. */
struct ata_host_ops {
    /* A block of PIO data is in the buffer, or has room there; with interrupt: and the host waits
     * for that. True: the controller has moved the block on the spot (ata_pio_block). */
    bool (*pio_ready)(struct ata_slot *slot, bool to_host, bool interrupt);
    /* The device waits to transfer by DMA: the controller calls ata_dma_go, now or later. */
    void (*dma_ready)(struct ata_slot *slot);
    /* Adds the guest's memory for the bytes [offset, offset + bytes) of the command's data, or for
     * as many as there are. False: the description of it cannot be read, or used. */
    bool (*dma_map)(struct ata_slot *slot, unsigned tag, uint64_t offset, uint64_t bytes,
                    struct dma_list *sg);
    /* The data phase is over. */
    void (*dma_done)(struct ata_slot *slot, unsigned tag, uint64_t bytes, bool ok);
    /* Status and registers are final. */
    void (*complete)(struct ata_slot *slot, bool interrupt);
    /* Queued commands: taken; and ended, with ATA_ERR in the device's status when it failed. */
    void (*queued)(struct ata_slot *slot, unsigned tag);
    void (*queued_done)(struct ata_slot *slot, unsigned tag);
};

struct ata_slot {
    const struct ata_host_ops *ops;
    struct device *controller; /* masters the bus */
    void *opaque;
    unsigned index;         /* of the channel or port */
    struct ata_device *dev; /* NULL: nothing is connected */
    bool queues;            /* the controller can queue commands */
};

/* ---- the controller's side ------------------------------------------------------------------- */

/* Power-on or COMRESET (hard), SRST, or the device's own command. Waits for what is under way. */
void ata_reset(struct ata_device *d, bool hard);
/* Forgets what is under way, telling nobody; waits for it. Registers stay. */
void ata_abort(struct ata_device *d);
/* The controller goes away under it. */
void ata_disconnect(struct ata_slot *slot);
/* Waits for what is under way; it completes as usual. */
void ata_drain(struct ata_device *d);
/* A command. Only while the device is neither busy nor wants data, but for DEVICE RESET. */
void ata_command(struct ata_device *d, const struct ata_taskfile *tf);
/* A queued one; tag < ATA_QUEUE_DEPTH and not in use. */
void ata_command_queued(struct ata_device *d, const struct ata_taskfile *tf, unsigned tag);
/* The DMA engine runs. */
void ata_dma_go(struct ata_device *d);
/* The data block that is ready, or has room: *len bytes are left of it. NULL: none. */
uint8_t *ata_pio_block(struct ata_device *d, uint32_t *len, bool *to_host);
/* `len` bytes of it were moved. */
void ata_pio_moved(struct ata_device *d, uint32_t len);
/* For controllers that answer pio_ready with false: what the moved block leads to. */
void ata_pio_continue(struct ata_device *d);

bool ata_is_packet(const struct ata_device *d);
bool ata_waits_for_dma(const struct ata_device *d);
bool ata_wants_packet(const struct ata_device *d); /* the PIO block is a packet */
bool ata_may_take(const struct ata_device *d);     /* BSY and DRQ are clear */

/* Registers as the host reads them. */
struct ata_registers {
    struct ata_taskfile tf; /* feature: unused */
    uint8_t status, error;
};
struct ata_registers *ata_registers(struct ata_device *d);

/* ---- the devices ----------------------------------------------------------------------------- */

extern const struct device_class ide_hd_class;
extern const struct device_class ide_cd_class;

/* What BIOSes want to know of a hard disk. */
struct ata_geometry {
    uint32_t cylinders, heads, sectors;
    bool lba_translation;
};
bool ata_is_device(const struct device *dev);
bool ata_geometry(const struct device *dev, struct ata_geometry *geometry);
/* Where it was put; NULL: not yet. */
const struct ata_slot *ata_slot_of(const struct device *dev);

/* Puts an ide-hd or ide-cd into a controller of the machine, by its properties bus and unit, before
 * it is realized. */
bool ata_plug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp);

#endif
