/* What a CD-ROM drive tells of itself: INQUIRY, mode pages, features, events (SPC-3, MMC-5). */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"

enum { TYPE_CD = 5, PROFILE_CD_ROM = 0x08, PROFILE_DVD_ROM = 0x10 };
enum { CD_BLOCKS_MAX = 80 * 60 * 75 }; /* of the longest usual disc; what is larger is a DVD */

static void put_text(uint8_t *at, const char *text, size_t len)
{
    size_t have = strlen(text);

    memset(at, ' ', len);
    memcpy(at, text, MIN(have, len));
}

/* ---- INQUIRY --------------------------------------------------------------------------------- */

static uint32_t vital_page(struct ata_device *d, uint8_t page)
{
    static const uint8_t pages[] = {0x00, 0x80, 0x83};
    size_t serial = strlen(d->serial);
    uint8_t *b = d->buf;

    memset(b, 0, 64);
    b[0] = TYPE_CD;
    b[1] = page;
    switch (page) {
    case 0x00:
        memcpy(b + 4, pages, sizeof pages);
        b[3] = sizeof pages;
        break;
    case 0x80:
        memcpy(b + 4, d->serial, serial);
        b[3] = (uint8_t)serial;
        break;
    case 0x83: /* one designator: text, of the vendor's choice */
        b[4] = 2;
        b[7] = (uint8_t)serial;
        memcpy(b + 8, d->serial, serial);
        b[3] = (uint8_t)(4 + serial);
        break;
    default:
        return 0;
    }
    return 4u + b[3];
}

void atapi_inquiry(struct ata_device *d)
{
    uint8_t *b = d->buf;
    uint32_t len = 36, allowed = load_be16(d->cdb + 3);

    if (d->cdb[1] & 1) {
        len = vital_page(d, d->cdb[2]);
    } else if (d->cdb[2]) {
        len = 0;
    } else {
        memset(b, 0, len);
        b[0] = TYPE_CD;
        b[1] = 0x80; /* removable */
        b[2] = 5;    /* SPC-3 */
        b[3] = 0x32; /* by ATAPI */
        b[4] = (uint8_t)(len - 5);
        put_text(b + 8, "VEMU", 8);
        put_text(b + 16, d->p.model, 16);
        put_text(b + 32, d->p.version, 4);
    }
    if (len)
        atapi_reply(d, len, allowed);
    else
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
}

/* ---- mode pages ------------------------------------------------------------------------------ */

static uint32_t error_recovery_page(struct ata_device *d, uint8_t *p)
{
    (void)d;
    memset(p, 0, 12);
    p[0] = 0x01;
    p[1] = 10;
    p[3] = 5; /* retries */
    return 12;
}

static uint32_t capabilities_page(struct ata_device *d, uint8_t *p)
{
    memset(p, 0, 22);
    p[0] = 0x2a;
    p[1] = 20;
    p[2] = 0x3b; /* reads CD-R, CD-RW, method 2, DVD-ROM, DVD-R */
    p[4] = 0x70; /* mode 2, several sessions */
    p[5] = 0x00; /* no audio */
    /* A tray that can be locked and opened by command. */
    p[6] = (uint8_t)(0x29 | (d->tray_locked ? 2 : 0));
    store_be16(p + 8, 706 * 4); /* kB/s */
    store_be16(p + 12, 512);    /* KiB of buffer */
    store_be16(p + 14, 706 * 4);
    return 22;
}

static const struct {
    uint8_t page;
    uint32_t (*put)(struct ata_device *d, uint8_t *p);
} mode_pages[] = {{0x01, error_recovery_page}, {0x2a, capabilities_page}};

void atapi_mode_sense(struct ata_device *d)
{
    bool six = d->cdb[0] == 0x1a;
    uint8_t page = d->cdb[2] & 0x3f, control = d->cdb[2] >> 6, *b = d->buf;
    uint32_t header = six ? 4 : 8, len = header;

    memset(b, 0, header);
    for (unsigned i = 0; i < ARRAY_SIZE(mode_pages); i++) {
        if (page != mode_pages[i].page && page != 0x3f)
            continue;
        uint32_t n = mode_pages[i].put(d, b + len);
        if (control == 1) /* nothing can be changed */
            memset(b + len + 2, 0, n - 2);
        len += n;
    }
    if (len == header || control == 3) {
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, control == 3 ? 0x39 : ASC_INVALID_FIELD, 0);
        return;
    }
    if (six)
        b[0] = (uint8_t)(len - 1);
    else
        store_be16(b, (uint16_t)(len - 2));
    atapi_reply(d, len, six ? d->cdb[4] : load_be16(d->cdb + 7));
}

void atapi_mode_select(struct ata_device *d)
{
    uint32_t len = d->cdb[0] == 0x15 ? d->cdb[4] : load_be16(d->cdb + 7);

    if (len > ATA_BUFFER)
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
    else if (len)
        ata_receive_buffer(d, len, d->block);
    else
        atapi_finish(d, 0);
}

/* ---- features -------------------------------------------------------------------------------- */

static uint16_t profile(const struct ata_device *d)
{
    uint64_t blocks = atapi_blocks(d);

    return !blocks ? 0 : blocks > CD_BLOCKS_MAX ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
}

static const struct feature {
    uint16_t number;
    uint8_t flags; /* version, persistent, current */
    uint8_t len;
    uint16_t profile; /* current with this one; 0: as flags say */
    uint8_t data[8];
} features[] = {
    {0x0000, 0x03, 8, 0, {0, PROFILE_DVD_ROM, 0, 0, 0, PROFILE_CD_ROM, 0, 0}},
    {0x0001, 0x0b, 8, 0, {0, 0, 0, 2, 1, 0, 0, 0}}, /* core: by ATAPI, with device busy events */
    {0x0002, 0x07, 4, 0, {2, 0, 0, 0}},             /* morphing: operational changes */
    {0x0003, 0x03, 4, 0, {0x29, 0, 0, 0}},          /* a tray, locked and opened by command */
    {0x0010, 0x00, 8, 0xffff, {0, 0, 8, 0, 0, 16, 0, 0}}, /* random readable, blocks of 2048 */
    {0x001e, 0x08, 4, PROFILE_CD_ROM, {0}},
    {0x001f, 0x00, 4, PROFILE_DVD_ROM, {0}},
    {0x0100, 0x03, 0, 0, {0}}, /* power management */
    {0x0105, 0x03, 0, 0, {0}}, /* timeouts */
};

static uint32_t put_feature(const struct ata_device *d, uint8_t *at, const struct feature *f)
{
    uint16_t now = profile(d);
    bool current =
        f->flags & 1 || (f->profile && now && (f->profile == now || f->profile == 0xffff));

    store_be16(at, f->number);
    at[2] = (uint8_t)(f->flags | (current ? 1 : 0));
    at[3] = f->len;
    memcpy(at + 4, f->data, f->len);
    if (f->number == 0) { /* which of the profiles */
        at[6] = now == PROFILE_DVD_ROM;
        at[10] = now == PROFILE_CD_ROM;
    }
    return 4u + f->len;
}

void atapi_get_configuration(struct ata_device *d)
{
    uint8_t which = d->cdb[1] & 3;
    uint16_t first = load_be16(d->cdb + 2);
    uint32_t len = 8;

    if (which == 3) {
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    memset(d->buf, 0, len);
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        uint8_t *at = d->buf + len;
        if (features[i].number < first || (which == 2 && features[i].number != first))
            continue;
        uint32_t n = put_feature(d, at, &features[i]);
        if (which != 1 || at[2] & 1)
            len += n;
    }
    store_be32(d->buf, len - 4);
    store_be16(d->buf + 6, profile(d));
    atapi_reply(d, len, load_be16(d->cdb + 7));
}

/* ---- events ---------------------------------------------------------------------------------- */

enum { EVENT_MEDIA = 4, EVENT_NONE_AVAILABLE = 0x80 };

void atapi_get_event(struct ata_device *d)
{
    uint8_t *b = d->buf;
    uint32_t len = 4;

    if (!(d->cdb[1] & 1)) { /* the asynchronous way does not exist */
        atapi_fail(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    memset(b, 0, 8);
    b[3] = 1 << EVENT_MEDIA;
    if (d->cdb[4] & 1 << EVENT_MEDIA) {
        b[2] = EVENT_MEDIA;
        b[4] = d->media_event;
        b[5] = (uint8_t)((d->tray_open ? 1 : 0) | (atapi_blocks(d) ? 2 : 0));
        d->media_event = MEDIA_NO_CHANGE;
        len = 8;
    } else {
        b[2] = EVENT_NONE_AVAILABLE;
    }
    store_be16(b, (uint16_t)(len - 2));
    atapi_reply(d, len, load_be16(d->cdb + 7));
}

void atapi_mechanism_status(struct ata_device *d)
{
    memset(d->buf, 0, 8);
    d->buf[1] = d->tray_open ? 0x10 : 0;
    d->buf[5] = 1; /* slot */
    atapi_reply(d, 8, load_be16(d->cdb + 8));
}
