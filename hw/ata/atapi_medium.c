/* What a CD-ROM drive tells of its medium: an image of one data track, in one session (MMC-5). */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"

enum { LEAD_OUT = 0xaa, DATA_TRACK = 0x14 };

void atapi_read_capacity(struct ata_device *d)
{
    store_be32(d->buf, (uint32_t)MIN(atapi_blocks(d) - 1, UINT64_C(0xffffffff)));
    store_be32(d->buf + 4, ATA_CD_BLOCK);
    atapi_reply(d, 8, 8);
}

/* ---- TOC ------------------------------------------------------------------------------------- */

static uint32_t put_track(const struct ata_device *d, uint8_t *at, uint8_t track, bool msf)
{
    at[0] = 0;
    at[1] = DATA_TRACK;
    at[2] = track;
    at[3] = 0;
    atapi_put_address(at + 4, track == LEAD_OUT ? atapi_blocks(d) : 0, msf);
    return 8;
}

/* Every point of the lead-in; addresses by minute, second and frame always. */
static uint32_t put_full_toc(const struct ata_device *d, uint8_t *at)
{
    static const uint8_t points[] = {0xa0, 0xa1, 0xa2, 1};
    uint8_t address[4];

    for (unsigned i = 0; i < ARRAY_SIZE(points); i++, at += 11) {
        memset(at, 0, 11);
        at[0] = 1; /* session */
        at[1] = DATA_TRACK;
        at[3] = points[i];
        if (points[i] == 0xa0 || points[i] == 0xa1) { /* first and last track */
            at[8] = 1;
            continue;
        }
        atapi_put_address(address, points[i] == 0xa2 ? atapi_blocks(d) : 0, true);
        memcpy(at + 8, address + 1, 3);
    }
    return 11 * ARRAY_SIZE(points);
}

void atapi_read_toc(struct ata_device *d)
{
    bool msf = d->cdb[1] & 2;
    uint8_t format = d->cdb[2] & 0xf, track = d->cdb[6], *b = d->buf;
    uint32_t len = 4;

    if (!format) /* where drivers of old have it */
        format = d->cdb[9] >> 6;
    b[2] = b[3] = 1; /* first and last track, or session */
    if (format > 2 || (format == 0 && track > 1 && track != LEAD_OUT)) {
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    if (format == 2) {
        len += put_full_toc(d, b + len);
    } else {
        if (format == 1 || track <= 1)
            len += put_track(d, b + len, 1, msf);
        if (format == 0)
            len += put_track(d, b + len, LEAD_OUT, msf);
    }
    store_be16(b, (uint16_t)(len - 2));
    atapi_reply(d, len, load_be16(d->cdb + 7));
}

/* ---- disc, track, sub-channel ---------------------------------------------------------------- */

void atapi_read_disc_information(struct ata_device *d)
{
    uint8_t *b = d->buf;

    if (d->cdb[1] & 7) {
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    memset(b, 0, 34);
    store_be16(b, 32);
    b[2] = 0x0e; /* complete */
    b[3] = b[4] = b[5] = b[6] = 1;
    b[7] = 0x20;             /* unrestricted use */
    memset(b + 16, 0xff, 8); /* nothing can be added */
    atapi_reply(d, 34, load_be16(d->cdb + 7));
}

void atapi_read_track_information(struct ata_device *d)
{
    uint8_t *b = d->buf;
    uint32_t what = load_be32(d->cdb + 2);
    bool ok = (d->cdb[1] & 3) == 0 ? what < atapi_blocks(d) : what <= 1;

    if (!ok) {
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    memset(b, 0, 36);
    store_be16(b, 34);
    b[2] = b[3] = 1;
    b[5] = 4; /* data, uninterrupted */
    b[6] = 1; /* mode 1 */
    store_be32(b + 24, (uint32_t)atapi_blocks(d));
    atapi_reply(d, 36, load_be16(d->cdb + 7));
}

void atapi_read_subchannel(struct ata_device *d)
{
    uint8_t *b = d->buf;
    bool wanted = d->cdb[2] & 0x40;

    if (wanted && d->cdb[3] != 1) {
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    memset(b, 0, 16);
    b[1] = 0x15; /* no audio is being played */
    if (wanted) {
        store_be16(b + 2, 12);
        b[4] = 1;
        b[5] = DATA_TRACK;
        b[6] = b[7] = 1;
    }
    atapi_reply(d, wanted ? 16 : 4, load_be16(d->cdb + 7));
}

/* ---- DVD ------------------------------------------------------------------------------------- */

static uint32_t put_physical_format(const struct ata_device *d, uint8_t *at)
{
    uint64_t last = atapi_blocks(d) - 1;

    memset(at, 0, 2048);
    at[0] = 0x01; /* DVD-ROM, version 1 */
    at[1] = 0x0f; /* 120 mm, any rate */
    at[2] = 0x01; /* one layer, embossed */
    store_be32(at + 4, 0x30000);
    store_be32(at + 8, (uint32_t)(0x30000 + MIN(last, UINT64_C(0xfcffff))));
    return 2048;
}

void atapi_read_dvd_structure(struct ata_device *d)
{
    uint32_t len = 4;

    memset(d->buf, 0, len);
    switch (d->cdb[7]) {
    case 0x00:
        len += put_physical_format(d, d->buf + len);
        break;
    case 0x01: /* copyright: none */
        memset(d->buf + len, 0, 4);
        len += 4;
        break;
    case 0xff: { /* what there is */
        static const uint8_t list[] = {0x00, 0x40, 0x08, 0x04, 0x01, 0x40,
                                       0x00, 0x08, 0xff, 0x40, 0x00, 0x10};
        memcpy(d->buf + len, list, sizeof list);
        len += sizeof list;
        break;
    }
    default:
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    store_be16(d->buf, (uint16_t)(len - 2));
    atapi_reply(d, len, load_be16(d->cdb + 8));
}
