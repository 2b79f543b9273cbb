/*
 * SMART, as little as programs that ask for the health of a disk need, and the general purpose
 * logs: the directory and the log of queued errors (SATA, "Queued Error Log").
 */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"

enum {
    SMART_READ_DATA = 0xd0,
    SMART_READ_THRESHOLDS = 0xd1,
    SMART_AUTOSAVE = 0xd2,
    SMART_OFFLINE = 0xd4,
    SMART_READ_LOG = 0xd5,
    SMART_ENABLE = 0xd8,
    SMART_DISABLE = 0xd9,
    SMART_STATUS = 0xda,
};
enum { SMART_KEY_MID = 0x4f, SMART_KEY_HIGH = 0xc2 };
enum { LOG_DIRECTORY = 0x00, LOG_SUMMARY = 0x01, LOG_SELF_TEST = 0x06, LOG_QUEUE_ERROR = 0x10 };
enum { ATTRIBUTE_SIZE = 12 };

static void put_checksum(struct ata_device *d)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < ATA_SECTOR - 1; i++)
        sum = (uint8_t)(sum + d->buf[i]);
    d->buf[ATA_SECTOR - 1] = (uint8_t)-sum;
}

static void put_attribute(struct ata_device *d, unsigned n, uint8_t id, uint16_t flags, uint8_t raw)
{
    uint8_t *a = d->buf + 2 + n * ATTRIBUTE_SIZE;

    a[0] = id;
    store_le16(a + 1, flags);
    a[3] = a[4] = 100; /* value, worst */
    a[5] = raw;
}

/* Nothing was ever reallocated, and it was started once. */
static const struct {
    uint8_t id;
    uint16_t flags;
    uint8_t raw, threshold;
} attributes[] = {{5, 0x03, 0, 36}, {9, 0x03, 1, 0}, {12, 0x03, 1, 0}, {194, 0x02, 31, 0}};

static void read_data(struct ata_device *d)
{
    memset(d->buf, 0, ATA_SECTOR);
    store_le16(d->buf, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(attributes); i++)
        put_attribute(d, i, attributes[i].id, attributes[i].flags, attributes[i].raw);
    d->buf[362] = 0x02; /* off-line collection was completed */
    put_checksum(d);
}

static void read_thresholds(struct ata_device *d)
{
    memset(d->buf, 0, ATA_SECTOR);
    store_le16(d->buf, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(attributes); i++) {
        d->buf[2 + i * ATTRIBUTE_SIZE] = attributes[i].id;
        d->buf[3 + i * ATTRIBUTE_SIZE] = attributes[i].threshold;
    }
    put_checksum(d);
}

/* Empty logs. */
static bool read_smart_log(struct ata_device *d, uint8_t log)
{
    memset(d->buf, 0, ATA_SECTOR);
    switch (log) {
    case LOG_DIRECTORY:
        store_le16(d->buf, 1);
        d->buf[2 * LOG_SUMMARY] = d->buf[2 * LOG_SELF_TEST] = 1;
        return true;
    case LOG_SUMMARY:
        d->buf[0] = 1;
        break;
    case LOG_SELF_TEST:
        store_le16(d->buf, 1);
        break;
    default:
        return false;
    }
    put_checksum(d);
    return true;
}

void ata_smart(struct ata_device *d)
{
    uint8_t what = (uint8_t)d->cmd.feature;
    bool ok = (d->cmd.lba_mid & 0xff) == SMART_KEY_MID &&
              (d->cmd.lba_high & 0xff) == SMART_KEY_HIGH && (d->smart || what == SMART_ENABLE);
    bool data = true;

    d->dma = false;
    switch (ok ? what : 0) {
    case SMART_READ_DATA:
        read_data(d);
        break;
    case SMART_READ_THRESHOLDS:
        read_thresholds(d);
        break;
    case SMART_READ_LOG:
        ok = (d->cmd.count & 0xff) == 1 && read_smart_log(d, (uint8_t)d->cmd.lba_low);
        break;
    case SMART_ENABLE:
    case SMART_DISABLE:
        d->smart = what == SMART_ENABLE;
        data = false;
        break;
    case SMART_AUTOSAVE:
    case SMART_OFFLINE:
    case SMART_STATUS: /* the key unchanged: no threshold was exceeded */
        data = false;
        break;
    default:
        ok = false;
    }
    if (!ok || !data)
        ata_complete(d, ok ? 0 : ATA_ERROR_ABRT, true);
    else
        ata_send_buffer(d, ATA_SECTOR, ATA_SECTOR);
}

/* The task file of the failed command, its tag, and a check sum. */
static void queue_error_page(struct ata_device *d)
{
    const struct ata_queue_error *e = &d->queue_error;
    uint8_t *page = d->buf;

    page[0] = e->set ? e->tag : 0x80; /* or: it was not a queued command */
    page[2] = ATA_DRDY | ATA_ERR;
    page[3] = e->error;
    for (unsigned i = 0; i < 3; i++) {
        page[4 + i] = (uint8_t)(e->lba >> 8 * i);
        page[8 + i] = (uint8_t)(e->lba >> (24 + 8 * i));
    }
    page[7] = ATA_DEVICE_LBA;
    put_checksum(d);
}

void ata_read_log(struct ata_device *d)
{
    uint8_t log = (uint8_t)d->cmd.lba_low;
    uint16_t page = (uint16_t)((d->cmd.lba_mid & 0xff) | d->cmd.lba_mid >> 8 << 8);

    if (d->cmd.count != 1 || page || (log != LOG_DIRECTORY && log != LOG_QUEUE_ERROR)) {
        ata_complete(d, ATA_ERROR_ABRT, true);
        return;
    }
    memset(d->buf, 0, ATA_SECTOR);
    if (log == LOG_DIRECTORY) {
        store_le16(d->buf, 1);
        d->buf[2 * LOG_QUEUE_ERROR] = 1;
    } else {
        queue_error_page(d);
        d->queue_error.set = false;
    }
    ata_send_buffer(d, ATA_SECTOR, ATA_SECTOR);
}
