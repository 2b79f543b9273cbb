/*
 * Packet commands of a CD-ROM drive (MMC-5, SPC-3): the PACKET command, sense data, reading, the
 * tray.
 */
#include <errno.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"

enum {
    FEATURE_DMA = 1 << 0,
    FEATURE_OVERLAP = 1 << 1,
    LIMIT_MAX = 0xfffe, /* bytes of a DRQ block */
    READ_BLOCKS_MAX = 65535,
    CDB_READ_10 = 0x28,
    CDB_READ_CD_MSF = 0xb9,
    MSF_OFFSET = 150, /* blocks before the first one */
    BLOCKS_PER_SECOND = 75,
};
/* READ CD: what of a sector */
enum { CD_SYNC = 0x80, CD_HEADER = 0x20, CD_USER = 0x10, CD_EDC = 0x08, CD_PARTS = 0xb8 };
enum { SYNC_BYTES = 12, HEADER_BYTES = 4, EDC_BYTES = 288 };

/* ---- the end --------------------------------------------------------------------------------- */

static void end(struct ata_device *d, uint8_t error)
{
    d->regs.tf.count = ATA_REASON_COD | ATA_REASON_IO;
    ata_complete(d, error, true);
}

void atapi_fail(struct ata_device *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
    d->sense = (struct ata_sense){key, asc, ascq};
    end(d, (uint8_t)(key << 4 | ATA_ERROR_ABRT));
}

void atapi_finish(struct ata_device *d, int error)
{
    if (error)
        atapi_fail(d, SENSE_MEDIUM_ERROR, ASC_UNRECOVERED_READ, 0);
    else
        end(d, 0);
}

void atapi_reply(struct ata_device *d, uint32_t len, uint32_t allowed)
{
    len = MIN(len, allowed);
    if (len)
        ata_send_buffer(d, len, d->block);
    else
        end(d, 0);
}

uint64_t atapi_blocks(const struct ata_device *d)
{
    return ata_has_medium(d) && !d->tray_open ? d->sectors / (ATA_CD_BLOCK / ATA_SECTOR) : 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

uint32_t atapi_block_bytes(const struct ata_device *d)
{
    uint8_t parts = d->raw_header;

    return parts ? (parts & CD_SYNC ? SYNC_BYTES : 0u) + (parts & CD_HEADER ? HEADER_BYTES : 0u) +
                       (parts & CD_USER ? ATA_CD_BLOCK : 0u) + (parts & CD_EDC ? EDC_BYTES : 0u)
                 : ATA_CD_BLOCK;
}

static uint8_t bcd(uint64_t v)
{
    return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

void atapi_put_address(uint8_t *at, uint64_t block, bool msf)
{
    if (!msf) {
        store_be32(at, (uint32_t)block);
        return;
    }
    block += MSF_OFFSET;
    at[0] = 0;
    at[1] = (uint8_t)(block / BLOCKS_PER_SECOND / 60);
    at[2] = (uint8_t)(block / BLOCKS_PER_SECOND % 60);
    at[3] = (uint8_t)(block % BLOCKS_PER_SECOND);
}

/* A sector of mode 1 around the user data of a block; its error correction is left out. */
static void expand_block(const struct ata_device *d, uint8_t *to, const uint8_t *user, uint64_t lba)
{
    uint8_t parts = d->raw_header;
    uint64_t frame = lba + MSF_OFFSET;

    if (parts & CD_SYNC) {
        memset(to, 0xff, SYNC_BYTES);
        to[0] = to[SYNC_BYTES - 1] = 0;
        to += SYNC_BYTES;
    }
    if (parts & CD_HEADER) {
        to[0] = bcd(frame / BLOCKS_PER_SECOND / 60);
        to[1] = bcd(frame / BLOCKS_PER_SECOND % 60);
        to[2] = bcd(frame % BLOCKS_PER_SECOND);
        to[3] = 1;
        to += HEADER_BYTES;
    }
    if (parts & CD_USER) {
        memcpy(to, user, ATA_CD_BLOCK);
        to += ATA_CD_BLOCK;
    }
    if (parts & CD_EDC)
        memset(to, 0, EDC_BYTES);
}

void atapi_expand(struct ata_device *d, uint32_t blocks)
{
    uint8_t user[ATA_BUFFER];
    uint32_t bytes = atapi_block_bytes(d);

    memcpy(user, d->buf, blocks * (size_t)ATA_CD_BLOCK);
    for (uint32_t i = 0; i < blocks; i++)
        expand_block(d, d->buf + i * bytes, user + i * (size_t)ATA_CD_BLOCK, d->lba - blocks + i);
    d->len = blocks * bytes;
}

static void read_blocks(struct ata_device *d, uint64_t lba, uint32_t count)
{
    if (!range_fits(lba, count, atapi_blocks(d))) {
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_OUT_OF_RANGE, 0);
    } else if (count > READ_BLOCKS_MAX) {
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
    } else if (!count) {
        end(d, 0);
    } else {
        d->lba = lba;
        d->left = count;
        ata_read_disk(d);
    }
}

static void read_data(struct ata_device *d)
{
    read_blocks(d, load_be32(d->cdb + 2),
                d->cdb[0] == CDB_READ_10 ? load_be16(d->cdb + 7) : load_be32(d->cdb + 6));
}

static uint64_t msf_block(const uint8_t *msf)
{
    uint64_t frame = (msf[0] * UINT64_C(60) + msf[1]) * BLOCKS_PER_SECOND + msf[2];

    return frame >= MSF_OFFSET ? frame - MSF_OFFSET : UINT64_MAX;
}

static void read_cd(struct ata_device *d)
{
    uint64_t lba = load_be32(d->cdb + 2), last;
    uint32_t count = (uint32_t)d->cdb[6] << 16 | load_be16(d->cdb + 7);
    uint8_t parts = d->cdb[9] & CD_PARTS;

    if (d->cdb[0] == CDB_READ_CD_MSF) {
        lba = msf_block(d->cdb + 3);
        last = msf_block(d->cdb + 6);
        count = last >= lba && last != UINT64_MAX ? (uint32_t)(last - lba) : 0;
    }
    if (d->cdb[10] & 7) { /* there is no sub-channel in an image */
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    d->raw_header = parts == CD_USER ? 0 : parts;
    read_blocks(d, lba, parts ? count : 0);
}

/* ---- state of the drive ---------------------------------------------------------------------- */

static void succeed(struct ata_device *d)
{
    end(d, 0);
}

static void seek(struct ata_device *d)
{
    if (load_be32(d->cdb + 2) < atapi_blocks(d))
        end(d, 0);
    else
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_OUT_OF_RANGE, 0);
}

static void request_sense(struct ata_device *d)
{
    memset(d->buf, 0, 18);
    if (!d->sense.key && d->attention) {
        d->sense = (struct ata_sense){SENSE_UNIT_ATTENTION, d->attention, 0};
        d->attention = 0;
    }
    d->buf[0] = 0x70;
    d->buf[2] = d->sense.key;
    d->buf[7] = 10;
    d->buf[12] = d->sense.asc;
    d->buf[13] = d->sense.ascq;
    d->sense = (struct ata_sense){0};
    atapi_reply(d, 18, d->cdb[4]);
}

static void start_stop(struct ata_device *d)
{
    bool load_eject = d->cdb[4] & 2, start = d->cdb[4] & 1;

    if (d->cdb[4] >> 4 || !load_eject) { /* power conditions, the motor */
        end(d, 0);
        return;
    }
    if (!start && !d->tray_open && d->tray_locked) {
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_REMOVAL_PREVENTED, 2);
        return;
    }
    atapi_move_tray(d, !start);
    end(d, 0);
}

static void prevent_removal(struct ata_device *d)
{
    d->tray_locked = d->cdb[4] & 1;
    end(d, 0);
}

/* ---- the table ------------------------------------------------------------------------------- */

enum { NEEDS_MEDIUM = 1 << 0, ALWAYS = 1 << 1 /* also with a unit attention pending */ };

static const struct packet_command {
    uint8_t code;
    uint8_t flags;
    void (*run)(struct ata_device *d);
} packet_commands[] = {
    {0x00, NEEDS_MEDIUM, succeed}, /* TEST UNIT READY */
    {0x03, ALWAYS, request_sense},
    {0x12, ALWAYS, atapi_inquiry},
    {0x15, 0, atapi_mode_select},
    {0x1a, 0, atapi_mode_sense},
    {0x1b, 0, start_stop},
    {0x1e, 0, prevent_removal},
    {0x25, NEEDS_MEDIUM, atapi_read_capacity},
    {0x28, NEEDS_MEDIUM, read_data}, /* READ(10) */
    {0x2b, NEEDS_MEDIUM, seek},
    {0x42, NEEDS_MEDIUM, atapi_read_subchannel},
    {0x43, NEEDS_MEDIUM, atapi_read_toc},
    {0x46, ALWAYS, atapi_get_configuration},
    {0x4a, ALWAYS, atapi_get_event},
    {0x51, NEEDS_MEDIUM, atapi_read_disc_information},
    {0x52, NEEDS_MEDIUM, atapi_read_track_information},
    {0x55, 0, atapi_mode_select},
    {0x5a, 0, atapi_mode_sense},
    {0xa8, NEEDS_MEDIUM, read_data}, /* READ(12) */
    {0xad, NEEDS_MEDIUM, atapi_read_dvd_structure},
    {0xb9, NEEDS_MEDIUM, read_cd}, /* READ CD MSF */
    {0xbb, 0, succeed},            /* SET CD SPEED */
    {0xbd, 0, atapi_mechanism_status},
    {0xbe, NEEDS_MEDIUM, read_cd},
};

void atapi_execute(struct ata_device *d)
{
    const struct packet_command *c = NULL;

    memcpy(d->cdb, d->buf, ATA_CDB);
    for (unsigned i = 0; i < ARRAY_SIZE(packet_commands) && !c; i++) {
        if (packet_commands[i].code == d->cdb[0])
            c = &packet_commands[i];
    }
    if (d->attention && !(c && c->flags & ALWAYS)) {
        uint8_t asc = d->attention;
        d->attention = 0;
        atapi_fail(d, SENSE_UNIT_ATTENTION, asc, 0);
        return;
    }
    if (!c || c->run != request_sense)
        d->sense = (struct ata_sense){0};
    if (!c)
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_COMMAND, 0);
    else if (c->flags & NEEDS_MEDIUM && !atapi_blocks(d))
        atapi_fail(d, SENSE_NOT_READY, ASC_NO_MEDIUM, d->tray_open ? 2 : 1);
    else
        c->run(d);
}

void atapi_data_received(struct ata_device *d)
{
    end(d, 0); /* of MODE SELECT: nothing that it sets has an effect here */
}

void atapi_begin(struct ata_device *d)
{
    uint32_t limit = (d->cmd.lba_mid & 0xffu) | (d->cmd.lba_high & 0xffu) << 8;

    if (d->cmd.feature & FEATURE_OVERLAP) {
        ata_complete(d, ATA_ERROR_ABRT, true);
        return;
    }
    d->dma = d->cmd.feature & FEATURE_DMA;
    /* Blocks are of whole words, but for the last. */
    d->block =
        limit ? MIN(limit & LIMIT_MAX ? limit & LIMIT_MAX : 2u, (uint32_t)LIMIT_MAX) : LIMIT_MAX;
    memset(d->cdb, 0, sizeof d->cdb);
    ata_receive_packet(d);
}

void atapi_reset(struct ata_device *d, bool hard)
{
    d->sense = (struct ata_sense){0};
    d->tray_locked = false;
    if (hard)
        atapi_move_tray(d, false);
    d->attention = ASC_POWER_ON;
    if (hard)
        d->media_event = ata_has_medium(d) ? MEDIA_NEW : MEDIA_NO_CHANGE;
}
