/*
 * Between the files of an ATA device: its struct, the ways a command moves data, and what the
 * groups of commands offer one another.
 *
 * A command that is not queued goes through phases. IDLE: BSY and DRQ are clear. PIO_IN, PIO_OUT,
 * PACKET: a block of the buffer is the host's to read or write. DMA_WAIT: the controller's engine
 * does not run yet. BUSY: a disk request is under way, `step` says which. AGAIN: that request
 * failed and is made again when the machine goes on (rerror, werror=stop).
 */
#ifndef HW_ATA_ATA_INTERNAL_H
#define HW_ATA_ATA_INTERNAL_H

#include <sys/uio.h>
#include "core/block/drive.h"
#include "core/device/boot_target.h"
#include "core/state/state.h"
#include "hw/ata/ata.h"
#include "hw/ata/ata_regs.h"

enum ata_phase {
    ATA_IDLE,
    ATA_PIO_IN,
    ATA_PIO_OUT,
    ATA_PACKET,
    ATA_DMA_WAIT,
    ATA_BUSY,
    ATA_AGAIN,
    ATA_PHASES
};

/* Disk requests of commands that are not queued. */
enum ata_step {
    ATA_STEP_NONE,
    ATA_STEP_READ_BLOCK,  /* disk to buffer */
    ATA_STEP_WRITE_BLOCK, /* buffer to disk */
    ATA_STEP_DMA,         /* between disk and guest memory */
    ATA_STEP_FLUSH,
    ATA_STEP_TRIM, /* the range at `pos` of the buffer */
    ATA_STEPS
};

enum {
    ATA_BUFFER = 8192,
    ATA_MULTIPLE_MAX = 16, /* sectors of a DRQ block */
    ATA_TRIM_BLOCKS = 8,   /* most blocks of ranges in one command */
    ATA_TRIM_RANGE = 8,    /* bytes of each */
    ATA_STRING_SERIAL = 20,
    ATA_STRING_FIRMWARE = 8,
    ATA_STRING_MODEL = 40,
    ATA_CDB = 12,
    ATA_DRIVE_NAME = 80,
};

struct ata_props {
    struct drive *drive;
    char *bus;
    uint32_t unit;
    char *serial, *model, *version;
    uint32_t cylinders, heads, sectors;
    int translation;
    uint64_t wwn;
    int write_cache; /* auto, on, off */
    int rerror, werror;
    uint32_t logical_block_size, physical_block_size;
    uint16_t rotation_rate;
    struct boot_target boot;
};

struct ata_request {
    struct vemu_block_request req;
    struct ata_device *d;
    struct dma_list sg;
    struct iovec iov; /* when it is the buffer */
    uint8_t tag;
};

/* The log of a failed queued command. */
struct ata_queue_error {
    bool set; /* until it is read: every other command is refused */
    uint8_t tag, error;
    uint64_t lba;
};

/* As GET EVENT STATUS NOTIFICATION numbers them. */
enum ata_media_event {
    MEDIA_NO_CHANGE,
    MEDIA_EJECT_REQUEST,
    MEDIA_NEW,
    MEDIA_REMOVAL,
    MEDIA_EVENTS
};

struct ata_sense {
    uint8_t key, asc, ascq;
};

struct ata_device {
    struct device dev;
    struct ata_props p;
    struct ata_slot *slot;
    char drive_name[ATA_DRIVE_NAME]; /* of the -drive that it was made with; "": none */
    char serial[ATA_STRING_SERIAL + 1];
    uint64_t sectors; /* of 512 bytes */
    uint32_t default_cylinders, default_heads, default_sectors;

    /* registers and the command */
    struct ata_registers regs;
    struct ata_taskfile cmd;
    uint8_t phase, step;

    /* its data */
    bool from_disk;      /* else the buffer is all of it */
    bool dma;            /* by DMA */
    uint64_t lba;        /* next sector, or block of a CD */
    uint32_t left;       /* how many are still to come */
    uint64_t dma_offset; /* bytes that were transferred */
    uint32_t block;      /* bytes of a DRQ block */
    uint32_t pos, drq_end, len;
    uint8_t buf[ATA_BUFFER];

    /* what software has set */
    uint8_t multiple;                        /* sectors of READ MULTIPLE; 0: not allowed */
    uint8_t pio_mode, mwdma_mode, udma_mode; /* 0xff: not this one */
    uint8_t heads, track_sectors;            /* current translation */
    uint16_t cylinders;
    bool write_cache, look_ahead, smart;
    uint8_t power; /* as CHECK POWER MODE tells */

    /* queued commands */
    uint32_t queued, again; /* by tag: under way, to be made again */
    struct ata_taskfile queue[ATA_QUEUE_DEPTH];
    struct ata_queue_error queue_error;

    /* packet devices */
    uint8_t cdb[16];
    struct ata_sense sense;
    uint8_t attention; /* additional sense code of a pending unit attention; 0: none */
    bool tray_open, tray_locked;
    uint8_t media_event; /* enum ata_media_event: what is to be told next */
    uint8_t raw_header;  /* READ CD: parts of a sector that are wanted; 0: user data alone */

    /* not saved */
    struct ata_request requests[ATA_QUEUE_DEPTH];
    unsigned in_flight;
    bool aborting;
};

static inline bool ata_has_medium(const struct ata_device *d)
{
    return d->p.drive != NULL;
}

/* ---- transfers (ata_transfer.c) -------------------------------------------------------------- */

/* The command is over. error: bits of the error register, 0: it went well. */
void ata_complete(struct ata_device *d, uint8_t error, bool interrupt);
/* The first `len` bytes of the buffer go to the host, in DRQ blocks of `block` bytes or by DMA. */
void ata_send_buffer(struct ata_device *d, uint32_t len, uint32_t block);
/* `len` bytes come from the host to the buffer, then ata_data_received is called. */
void ata_receive_buffer(struct ata_device *d, uint32_t len, uint32_t block);
/* d->lba, d->left and d->dma are set: sectors (or CD blocks) go to the host, or come. */
void ata_read_disk(struct ata_device *d);
void ata_write_disk(struct ata_device *d);
void ata_begin_step(struct ata_device *d, enum ata_step step);
void ata_resume(void *opaque); /* of struct drive_ops */
/* A disk request of a command that is not queued. */
void ata_submit(struct ata_device *d, enum vemu_block_op op, uint64_t offset, uint64_t bytes,
                unsigned flags);
bool ata_writes(const struct ata_device *d); /* the direction of the command's data */

/* ---- commands -------------------------------------------------------------------------------- */

void ata_data_received(struct ata_device *d);
void ata_set_signature(struct ata_device *d);
/* The 48-bit address of a task file. */
uint64_t ata_lba48(const struct ata_taskfile *tf);
unsigned ata_write_flags(const struct ata_device *d, bool fua);
void ata_set_lba48(struct ata_taskfile *tf, uint64_t lba);

/* ata_identify.c: 512 bytes into the buffer. */
void ata_fill_identify(struct ata_device *d);
/* ata_log.c */
void ata_smart(struct ata_device *d);
void ata_read_log(struct ata_device *d);
/* ata_queue.c */
void ata_queue_resume(struct ata_device *d);
void ata_queue_forget(struct ata_device *d);
/* ata_trim.c */
void ata_trim_step(struct ata_device *d);

/* ---- packet devices -------------------------------------------------------------------------- */

/* The host writes a packet to the buffer, then atapi_execute is called. */
void ata_receive_packet(struct ata_device *d);
uint32_t atapi_block_bytes(const struct ata_device *d); /* of one block as it goes to the host */
void atapi_begin(struct ata_device *d);                 /* the PACKET command */
void atapi_execute(struct ata_device *d);               /* its packet is in the buffer */
void atapi_data_received(struct ata_device *d);
void atapi_expand(struct ata_device *d, uint32_t blocks); /* READ CD: user data to whole sectors */
/* A disk error; or 0: the command went well. */
void atapi_finish(struct ata_device *d, int error);
void atapi_reset(struct ata_device *d, bool hard);
/* atapi_tray.c */
void atapi_move_tray(struct ata_device *d, bool open);
struct medium_ops;
extern const struct medium_ops atapi_medium_ops;
/* ata_device.c: d->p.drive becomes the device's. */
bool ata_attach_drive(struct ata_device *d, struct vemu_error **errp);

enum {
    SENSE_NOT_READY = 2,
    SENSE_MEDIUM_ERROR = 3,
    SENSE_ILLEGAL_REQUEST = 5,
    SENSE_UNIT_ATTENTION = 6,
};
enum {
    ASC_UNRECOVERED_READ = 0x11,
    ASC_INVALID_COMMAND = 0x20,
    ASC_OUT_OF_RANGE = 0x21,
    ASC_INVALID_FIELD = 0x24,
    ASC_MEDIUM_CHANGED = 0x28,
    ASC_POWER_ON = 0x29,
    ASC_NO_MEDIUM = 0x3a,
    ASC_REMOVAL_PREVENTED = 0x53,
};
/* The command failed. */
void atapi_fail(struct ata_device *d, uint8_t key, uint8_t asc, uint8_t ascq);
/* `len` bytes of the buffer, or as many as the packet allows, go to the host. */
void atapi_reply(struct ata_device *d, uint32_t len, uint32_t allowed);
uint64_t atapi_blocks(const struct ata_device *d); /* of the medium; 0: there is none */
void atapi_put_address(uint8_t *at, uint64_t block, bool msf);

/* Commands that tell of the device and its medium (atapi_info.c). */
void atapi_inquiry(struct ata_device *d);
void atapi_mode_sense(struct ata_device *d);
void atapi_mode_select(struct ata_device *d);
void atapi_get_configuration(struct ata_device *d);
void atapi_get_event(struct ata_device *d);
void atapi_mechanism_status(struct ata_device *d);
/* atapi_medium.c */
void atapi_read_toc(struct ata_device *d);
void atapi_read_capacity(struct ata_device *d);
void atapi_read_disc_information(struct ata_device *d);
void atapi_read_track_information(struct ata_device *d);
void atapi_read_subchannel(struct ata_device *d);
void atapi_read_dvd_structure(struct ata_device *d);

#endif
