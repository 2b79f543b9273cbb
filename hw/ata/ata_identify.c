/* IDENTIFY DEVICE and IDENTIFY PACKET DEVICE: ATA8-ACS, the command's table of words. */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"

enum {
    W_GENERAL = 0,
    W_CYLINDERS = 1,
    W_HEADS = 3,
    W_TRACK_SECTORS = 6,
    W_SERIAL = 10,
    W_BUFFER_SIZE = 21,
    W_FIRMWARE = 23,
    W_MODEL = 27,
    W_MULTIPLE_MAX = 47,
    W_DWORD_IO = 48,
    W_CAPABILITIES = 49,
    W_CAPABILITIES_2 = 50,
    W_PIO_TIMING = 51,
    W_VALID = 53,
    W_CURRENT_CYLINDERS = 54,
    W_CURRENT_CAPACITY = 57,
    W_MULTIPLE = 59,
    W_SECTORS_28 = 60,
    W_MWDMA = 63,
    W_PIO_MODES = 64,
    W_CYCLE_TIMES = 65, /* to 68 */
    W_QUEUE_DEPTH = 75,
    W_SATA = 76,
    W_MAJOR = 80,
    W_MINOR = 81,
    W_SUPPORTED = 82, /* to 84 */
    W_ENABLED = 85,   /* to 87 */
    W_UDMA = 88,
    W_HARDWARE_RESET = 93,
    W_SECTORS_48 = 100,
    W_TRIM_BLOCKS = 105,
    W_SECTOR_SIZE = 106,
    W_WWN = 108,
    W_ROTATION = 217,
    W_DATA_SET_MANAGEMENT = 169,
    W_TRANSPORT = 222,
    W_INTEGRITY = 255,
};
/* Word 82 and its copy in 85. */
enum {
    SUPPORTS_SMART = 1 << 0,
    SUPPORTS_POWER = 1 << 3,
    SUPPORTS_PACKET = 1 << 4,
    SUPPORTS_WRITE_CACHE = 1 << 5,
    SUPPORTS_LOOK_AHEAD = 1 << 6,
    SUPPORTS_DEVICE_RESET = 1 << 9,
    SUPPORTS_BUFFERS = 1 << 12 | 1 << 13,
    SUPPORTS_NOP = 1 << 14,
};
/* Word 83, 86. */
enum { SUPPORTS_48BIT = 1 << 10, SUPPORTS_FLUSH = 1 << 12, SUPPORTS_FLUSH_EXT = 1 << 13 };
/* Word 84, 87. */
enum { SUPPORTS_LOGS = 1 << 5, SUPPORTS_FUA = 1 << 6, SUPPORTS_WWN = 1 << 8 };
enum { FIXED_ONE = 1 << 14 }; /* of words that say so themselves */

static void put(struct ata_device *d, unsigned word, unsigned value)
{
    store_le16(d->buf + 2 * word, (uint16_t)value);
}

static void put32(struct ata_device *d, unsigned word, uint32_t value)
{
    store_le32(d->buf + 2 * word, value);
}

/* Text has the first character of each pair in the word's upper byte, and is filled with spaces. */
static void put_text(struct ata_device *d, unsigned word, const char *text, unsigned len)
{
    size_t have = strlen(text);

    for (unsigned i = 0; i < len; i++)
        d->buf[2 * word + (i ^ 1)] = (uint8_t)(i < have ? text[i] : ' ');
}

static void put_modes(struct ata_device *d)
{
    put(d, W_MWDMA, 0x07u | (d->mwdma_mode <= 2 ? 0x100u << d->mwdma_mode : 0));
    put(d, W_UDMA, 0x3fu | (d->udma_mode <= 5 ? 0x100u << d->udma_mode : 0));
    put(d, W_PIO_MODES, 3);
    for (unsigned i = 0; i < 4; i++)
        put(d, W_CYCLE_TIMES + i, 120);
    put(d, W_VALID, 7);
    put(d, W_DWORD_IO, 1);
    put(d, W_PIO_TIMING, 0x200);
    put(d, W_PIO_TIMING + 1, 0x200);
    /* On a cable with a device 0 that passed; SATA has nothing to say there. */
    put(d, W_HARDWARE_RESET, d->slot->queues ? 0 : FIXED_ONE | 0x2001);
}

static void put_sata(struct ata_device *d)
{
    if (!d->slot->queues)
        return;
    put(d, W_SATA, 0x000e | (ata_is_packet(d) ? 0 : 1 << 8)); /* three speeds, queueing */
    if (!ata_is_packet(d))
        put(d, W_QUEUE_DEPTH, ATA_QUEUE_DEPTH - 1);
    put(d, W_TRANSPORT, 0x1020); /* serial, SATA 2.6 */
}

static void put_geometry(struct ata_device *d)
{
    uint32_t capacity = (uint32_t)d->cylinders * d->heads * d->track_sectors;

    put(d, W_CYLINDERS, d->default_cylinders);
    put(d, W_HEADS, d->default_heads);
    put(d, W_TRACK_SECTORS, d->default_sectors);
    put(d, W_CURRENT_CYLINDERS, d->cylinders);
    put(d, W_CURRENT_CYLINDERS + 1, d->heads);
    put(d, W_CURRENT_CYLINDERS + 2, d->track_sectors);
    put32(d, W_CURRENT_CAPACITY, capacity);
    put32(d, W_SECTORS_28, (uint32_t)MIN(d->sectors, UINT64_C(0xfffffff)));
    store_le64(d->buf + 2 * W_SECTORS_48, d->sectors);
}

static void put_features(struct ata_device *d)
{
    unsigned wwn = d->p.wwn ? SUPPORTS_WWN : 0;
    unsigned logs = FIXED_ONE | SUPPORTS_LOGS | SUPPORTS_FUA | wwn;
    unsigned always = SUPPORTS_POWER | SUPPORTS_BUFFERS | SUPPORTS_NOP;

    put(d, W_SUPPORTED, always | SUPPORTS_SMART | SUPPORTS_WRITE_CACHE | SUPPORTS_LOOK_AHEAD);
    put(d, W_SUPPORTED + 1, FIXED_ONE | SUPPORTS_48BIT | SUPPORTS_FLUSH | SUPPORTS_FLUSH_EXT);
    put(d, W_SUPPORTED + 2, logs);
    put(d, W_ENABLED,
        always | (d->smart ? SUPPORTS_SMART : 0) | (d->write_cache ? SUPPORTS_WRITE_CACHE : 0) |
            (d->look_ahead ? SUPPORTS_LOOK_AHEAD : 0));
    put(d, W_ENABLED + 1, SUPPORTS_48BIT | SUPPORTS_FLUSH | SUPPORTS_FLUSH_EXT);
    put(d, W_ENABLED + 2, logs);
    for (unsigned i = 0; wwn && i < 4; i++)
        put(d, W_WWN + i, (unsigned)(d->p.wwn >> (48 - 16 * i)) & 0xffff);
}

static void fill_disk(struct ata_device *d)
{
    uint32_t physical = d->p.physical_block_size / ATA_SECTOR;

    put(d, W_GENERAL, 0x0040); /* fixed */
    put_geometry(d);
    put(d, W_MULTIPLE_MAX, 0x8000 | ATA_MULTIPLE_MAX);
    put(d, W_CAPABILITIES, 0x0f00); /* LBA, DMA, IORDY */
    put(d, W_CAPABILITIES_2, FIXED_ONE);
    put(d, W_MULTIPLE, d->multiple ? 0x100u | d->multiple : 0);
    put_features(d);
    if (physical > 1)
        put(d, W_SECTOR_SIZE, FIXED_ONE | 1 << 13 | (unsigned)__builtin_ctz(physical));
    if (!d->p.drive->read_only) {
        put(d, W_TRIM_BLOCKS, ATA_TRIM_BLOCKS);
        put(d, W_DATA_SET_MANAGEMENT, 1);
    }
    put(d, W_ROTATION, d->p.rotation_rate);
}

static void fill_packet(struct ata_device *d)
{
    unsigned features = SUPPORTS_POWER | SUPPORTS_PACKET | SUPPORTS_DEVICE_RESET | SUPPORTS_NOP;

    /* A CD-ROM, removable, DRQ within 50 us, packets of 12 bytes. */
    put(d, W_GENERAL, 0x85c0);
    put(d, W_CAPABILITIES, 0x0f00);
    put(d, W_SUPPORTED, features);
    put(d, W_SUPPORTED + 1, FIXED_ONE);
    put(d, W_SUPPORTED + 2, FIXED_ONE | (d->p.wwn ? SUPPORTS_WWN : 0));
    put(d, W_ENABLED, features);
    put(d, W_ENABLED + 2, FIXED_ONE | (d->p.wwn ? SUPPORTS_WWN : 0));
    for (unsigned i = 0; d->p.wwn && i < 4; i++)
        put(d, W_WWN + i, (unsigned)(d->p.wwn >> (48 - 16 * i)) & 0xffff);
}

void ata_fill_identify(struct ata_device *d)
{
    uint8_t sum = 0xa5;

    memset(d->buf, 0, ATA_SECTOR);
    if (ata_is_packet(d))
        fill_packet(d);
    else
        fill_disk(d);
    put_text(d, W_SERIAL, d->serial, ATA_STRING_SERIAL);
    put_text(d, W_FIRMWARE, d->p.version, ATA_STRING_FIRMWARE);
    put_text(d, W_MODEL, d->p.model, ATA_STRING_MODEL);
    put_modes(d);
    put_sata(d);
    put(d, W_MAJOR, 0x01f0); /* ATA-4 to ATA8-ACS */
    d->buf[2 * W_INTEGRITY] = 0xa5;
    for (unsigned i = 0; i < ATA_SECTOR - 1; i++)
        sum = (uint8_t)(sum + (i == 2 * W_INTEGRITY ? 0 : d->buf[i]));
    d->buf[2 * W_INTEGRITY + 1] = (uint8_t)-sum;
}
