/*
 * virtio-blk: see virtio_blk.h.
 *
 * Data goes between the image and guest memory without a copy: a request's buffers are mapped, and
 * given to the block layer as they are (core/memory/dma_list.h).
 *
 * A request that failed and is to be repeated (werror=stop) is not kept: its first descriptor is
 * noted in `again`, and its chain, which the driver does not own, is walked afresh when the machine
 * goes on. So it is part of a saved state as well.
 */
#include "hw/block/virtio_blk.h"

#include <stdlib.h>
#include <string.h>
#include "core/block/drive.h"
#include "core/device/machine.h"
#include "core/memory/dma_list.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/block/disk_props.h"
#include "hw/pci/pci_boot.h"
#include "hw/virtio/virtio_device.h"

enum { SECTOR = 512 };
/* Feature bits. */
enum {
    BLK_F_SEG_MAX = 2,
    BLK_F_GEOMETRY = 4,
    BLK_F_RO = 5,
    BLK_F_BLK_SIZE = 6,
    BLK_F_FLUSH = 9,
    BLK_F_TOPOLOGY = 10,
    BLK_F_CONFIG_WCE = 11,
    BLK_F_MQ = 12,
    BLK_F_DISCARD = 13,
    BLK_F_WRITE_ZEROES = 14,
};
/* struct virtio_blk_config */
enum {
    CONFIG_CAPACITY = 0,
    CONFIG_SEG_MAX = 12,
    CONFIG_CYLINDERS = 16,
    CONFIG_HEADS = 18,
    CONFIG_SECTORS = 19,
    CONFIG_BLK_SIZE = 20,
    CONFIG_PHYSICAL_BLOCK_EXP = 24,
    CONFIG_MIN_IO_SIZE = 26,
    CONFIG_OPT_IO_SIZE = 28,
    CONFIG_WRITEBACK = 32,
    CONFIG_NUM_QUEUES = 34,
    CONFIG_MAX_DISCARD_SECTORS = 36,
    CONFIG_MAX_DISCARD_SEG = 40,
    CONFIG_DISCARD_ALIGNMENT = 44,
    CONFIG_MAX_WRITE_ZEROES_SECTORS = 48,
    CONFIG_MAX_WRITE_ZEROES_SEG = 52,
    CONFIG_WRITE_ZEROES_MAY_UNMAP = 56,
    CONFIG_SIZE = 60,
};
enum {
    BLK_T_IN = 0,
    BLK_T_OUT = 1,
    BLK_T_FLUSH = 4,
    BLK_T_GET_ID = 8,
    BLK_T_DISCARD = 11,
    BLK_T_WRITE_ZEROES = 13,
    BLK_T_BARRIER = 1u << 31, /* legacy; ignored, as nobody ever offered it */
};
enum { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };
enum {
    HEADER_SIZE = 16, /* type, reserved, sector */
    RANGE_SIZE = 16,  /* of discards and the like: sector, count, flags */
    RANGE_UNMAP = 1,
    ID_SIZE = 20,
    RANGE_SECTORS_MAX = (1 << 22) - 1,
};

struct blk_props {
    struct drive *drive;
    uint16_t num_queues, queue_size;
    char *serial;
    bool discard, write_zeroes, config_wce, seg_max_adjust;
    int write_cache; /* enum virtio_pci_choice: auto, on, off */
    int rerror, werror;
    uint32_t logical_block_size, physical_block_size, min_io_size, opt_io_size;
    uint32_t max_discard_sectors, max_write_zeroes_sectors;
    uint32_t cyls, heads, secs;
    struct boot_target boot;
};

struct virtio_blk {
    struct virtio v;
    struct blk_props props;
    unsigned in_flight;
    bool resetting;      /* completions tell nobody */
    unsigned plug_depth; /* completions are signalled together at the end */
    uint64_t to_signal;  /* queues with something new, by number */
    /* Requests to begin again, by queue and first descriptor. */
    uint8_t again[VIRTIO_QUEUES_MAX][VIRTQ_SIZE_MAX / 8];
    bool any_again;
};

struct blk_request {
    struct vemu_block_request req;
    struct virtio_blk *s;
    struct virtq *q;
    uint64_t status_addr;
    uint32_t in_bytes; /* of all buffers to write, the status byte among them */
    uint16_t head;
    struct dma_list data;
};

static struct virtio_blk *from_virtio(struct virtio *v)
{
    return container_of(v, struct virtio_blk, v);
}

static uint64_t capacity(const struct virtio_blk *s)
{
    return load_le64(s->v.config + CONFIG_CAPACITY);
}

/* ---- completion ------------------------------------------------------------------------------ */

static void signal_queues(struct virtio_blk *s)
{
    uint64_t queues = s->to_signal;

    s->to_signal = 0;
    for (; queues; queues &= queues - 1)
        virtq_signal(&s->v.queues[__builtin_ctzll(queues)]);
}

static void finish_element(struct virtio_blk *s, struct virtq *q, uint16_t head,
                           uint64_t status_addr, uint32_t in_bytes, uint8_t status)
{
    virtio_dma_write(&s->v, status_addr, &status, 1);
    virtq_push(q, head, in_bytes);
    s->to_signal |= UINT64_C(1) << q->index;
    if (!s->plug_depth)
        signal_queues(s);
}

static void free_request(struct blk_request *r)
{
    dma_list_free(&r->data);
    free(r);
}

static void request_done(struct vemu_block_request *req)
{
    struct blk_request *r = container_of(req, struct blk_request, req);
    struct virtio_blk *s = r->s;
    bool write = req->op != VEMU_BLOCK_READ;
    uint8_t status = BLK_S_OK;

    s->in_flight--;
    if (!write)
        dma_list_deliver(&r->data); /* what has nowhere to go is lost, as on a bus */
    if (req->error && !s->resetting) {
        enum drive_on_error what =
            drive_error(s->props.drive, s->props.rerror, s->props.werror, write, req->error);
        if (what == DRIVE_STOP) {
            s->again[r->q->index][r->head / 8] |= (uint8_t)(1u << r->head % 8);
            s->any_again = true;
            free_request(r);
            return;
        }
        status = what == DRIVE_IGNORE ? BLK_S_OK : BLK_S_IOERR;
    }
    /* The driver that is resetting the device has taken all elements back. */
    if (!s->resetting)
        finish_element(s, r->q, r->head, r->status_addr, r->in_bytes, status);
    free_request(r);
}

static void submit(struct blk_request *r, enum vemu_block_op op, uint64_t offset, uint64_t bytes)
{
    struct virtio_blk *s = r->s;
    bool changes = op == VEMU_BLOCK_WRITE || op == VEMU_BLOCK_WRITE_ZEROES;

    r->req.op = op;
    r->req.offset = offset;
    r->req.bytes = bytes;
    r->req.iov = r->data.iov;
    r->req.iov_count = r->data.count;
    r->req.done = request_done;
    if (changes && !s->v.config[CONFIG_WRITEBACK])
        r->req.flags |= VEMU_BLOCK_FUA;
    s->in_flight++;
    vemu_block_submit(s->props.drive->block, &r->req);
}

/* ---- a request's parts ----------------------------------------------------------------------- */

/* The bytes [offset, offset + bytes) of the buffers, as vectors. */
static bool map_data(struct dma_list *list, const struct virtq_buffer *b, unsigned count,
                     uint64_t offset, uint64_t bytes)
{
    for (unsigned i = 0; i < count && bytes; i++) {
        if (offset >= b[i].len) {
            offset -= b[i].len;
            continue;
        }
        uint64_t n = MIN(bytes, b[i].len - offset);
        if (!dma_list_add(list, b[i].addr + offset, n))
            return false;
        bytes -= n;
        offset = 0;
    }
    return true;
}

struct header {
    uint32_t type;
    uint64_t sector;
    uint64_t status_addr;
    uint64_t data_bytes;
};

static struct blk_request *new_request(struct virtio_blk *s, struct virtq *q,
                                       const struct virtq_element *e, const struct header *h)
{
    struct blk_request *r = malloc(sizeof *r);

    if (!r)
        return NULL;
    r->req = (struct vemu_block_request){0};
    r->s = s;
    r->q = q;
    r->head = e->head;
    r->status_addr = h->status_addr;
    r->in_bytes = (uint32_t)MIN(e->in_bytes, UINT32_MAX);
    dma_list_init(&r->data, s->v.dev, h->type == BLK_T_IN);
    return r;
}

/* ---- kinds of requests ----------------------------------------------------------------------- */

/* They return the status of a request that is done, or UNDER_WAY. */
enum { UNDER_WAY = -1 };

static bool in_range(const struct virtio_blk *s, uint64_t sector, uint64_t bytes)
{
    return bytes % SECTOR == 0 && range_fits(sector, bytes / SECTOR, capacity(s)) &&
           !(sector * SECTOR % s->props.logical_block_size) &&
           !(bytes % s->props.logical_block_size);
}

static int start_transfer(struct virtio_blk *s, struct virtq *q, const struct virtq_element *e,
                          const struct header *h)
{
    bool read = h->type == BLK_T_IN;
    const struct virtq_buffer *b = e->buffers + (read ? e->out : 0);
    unsigned buffers = read ? e->in : e->out;
    uint64_t offset = read ? 0 : HEADER_SIZE;
    struct blk_request *r;

    if (!in_range(s, h->sector, h->data_bytes) || (!read && s->props.drive->read_only))
        return BLK_S_IOERR;
    r = new_request(s, q, e, h);
    if (!r)
        return BLK_S_IOERR;
    if (!map_data(&r->data, b, buffers, offset, h->data_bytes)) {
        free_request(r);
        return BLK_S_IOERR;
    }
    submit(r, read ? VEMU_BLOCK_READ : VEMU_BLOCK_WRITE, h->sector * SECTOR, h->data_bytes);
    return UNDER_WAY;
}

static int start_flush(struct virtio_blk *s, struct virtq *q, const struct virtq_element *e,
                       const struct header *h)
{
    struct blk_request *r = new_request(s, q, e, h);

    if (!r)
        return BLK_S_IOERR;
    submit(r, VEMU_BLOCK_FLUSH, 0, 0);
    return UNDER_WAY;
}

static int get_id(struct virtio_blk *s, const struct virtq_element *e, const struct header *h)
{
    uint8_t id[ID_SIZE] = {0};

    if (s->props.serial)
        memcpy(id, s->props.serial, strnlen(s->props.serial, ID_SIZE));
    return virtq_scatter(&s->v, e->buffers + e->out, e->in, 0, id,
                         (uint32_t)MIN(h->data_bytes, ID_SIZE))
               ? BLK_S_OK
               : BLK_S_IOERR;
}

static int start_range(struct virtio_blk *s, struct virtq *q, const struct virtq_element *e,
                       const struct header *h)
{
    bool zero = h->type == BLK_T_WRITE_ZEROES;
    uint8_t range[RANGE_SIZE];
    uint64_t sector, bytes;
    uint32_t count, flags;
    struct blk_request *r;

    if (!virtio_has(&s->v, zero ? BLK_F_WRITE_ZEROES : BLK_F_DISCARD))
        return BLK_S_UNSUPP;
    if (s->props.drive->read_only)
        return BLK_S_IOERR;
    /* max_discard_seg is 1. */
    if (h->data_bytes != RANGE_SIZE ||
        !virtq_gather(&s->v, e->buffers, e->out, HEADER_SIZE, range, sizeof range))
        return BLK_S_UNSUPP;
    sector = load_le64(range);
    count = load_le32(range + 8);
    flags = load_le32(range + 12);
    bytes = (uint64_t)count * SECTOR;
    if (flags & ~(zero ? (uint32_t)RANGE_UNMAP : 0))
        return BLK_S_UNSUPP;
    if (!in_range(s, sector, bytes) ||
        count > (zero ? s->props.max_write_zeroes_sectors : s->props.max_discard_sectors))
        return BLK_S_IOERR;
    if (!zero && !s->props.drive->discard)
        return BLK_S_OK; /* a hint that nobody wants to hear */
    r = new_request(s, q, e, h);
    if (!r)
        return BLK_S_IOERR;
    if (zero && (flags & RANGE_UNMAP) && s->props.drive->discard)
        r->req.flags |= VEMU_BLOCK_MAY_UNMAP;
    submit(r, zero ? VEMU_BLOCK_WRITE_ZEROES : VEMU_BLOCK_DISCARD, sector * SECTOR, bytes);
    return UNDER_WAY;
}

/* Where the last byte of the buffers to write is. */
static uint64_t last_byte(const struct virtq_element *e)
{
    const struct virtq_buffer *b = &e->buffers[e->out + e->in - 1];

    return b->addr + b->len - 1;
}

/* False: the device is broken. */
static bool start_request(struct virtio_blk *s, struct virtq *q, const struct virtq_element *e)
{
    uint8_t raw[HEADER_SIZE];
    struct header h;
    int status;

    if (!e->in_bytes || !virtq_gather(&s->v, e->buffers, e->out, 0, raw, sizeof raw)) {
        virtio_break(&s->v, "queue %u: a request without %s", q->index,
                     e->in_bytes ? "a header" : "a place for its status");
        return false;
    }
    h.type = load_le32(raw) & ~(uint32_t)BLK_T_BARRIER;
    h.sector = load_le64(raw + 8);
    h.status_addr = last_byte(e);
    h.data_bytes = h.type & BLK_T_OUT ? e->out_bytes - HEADER_SIZE : e->in_bytes - 1;
    switch (h.type) {
    case BLK_T_IN:
    case BLK_T_OUT:
        status = start_transfer(s, q, e, &h);
        break;
    case BLK_T_FLUSH:
        status = start_flush(s, q, e, &h);
        break;
    case BLK_T_GET_ID:
        status = get_id(s, e, &h);
        break;
    case BLK_T_DISCARD:
    case BLK_T_WRITE_ZEROES:
        status = start_range(s, q, e, &h);
        break;
    default:
        status = BLK_S_UNSUPP;
    }
    if (status != UNDER_WAY)
        finish_element(s, q, e->head, h.status_addr, (uint32_t)MIN(e->in_bytes, UINT32_MAX),
                       (uint8_t)status);
    return true;
}

/* ---- queues ---------------------------------------------------------------------------------- */

/* Submissions between these go to the host together, and so do interrupts. */
static void begin_batch(struct virtio_blk *s)
{
    s->plug_depth++;
    vemu_block_plug(s->v.dev->machine->block);
}

static void end_batch(struct virtio_blk *s)
{
    vemu_block_unplug(s->v.dev->machine->block);
    /* What the host's page cache had is here already: the driver need not wait for the main loop.
     */
    vemu_block_context_dispatch(s->v.dev->machine->block);
    if (!--s->plug_depth)
        signal_queues(s);
}

static void queue_notified(struct virtio *v, struct virtq *q)
{
    struct virtio_blk *s = from_virtio(v);
    enum virtq_result result = VIRTQ_EMPTY;
    struct virtq_element e;

    begin_batch(s);
    do {
        virtq_want_notify(q, false);
        while ((result = virtq_pop(q, &e)) == VIRTQ_POPPED) {
            if (!start_request(s, q, &e))
                break;
        }
        virtq_want_notify(q, true);
    } while (!v->broken && !virtq_is_empty(q));
    end_batch(s);
}

/* ---- errors that stop the machine ------------------------------------------------------------ */

static void resume_requests(void *opaque)
{
    struct virtio_blk *s = opaque;
    struct virtq_element e;

    if (!s->any_again)
        return;
    s->any_again = false;
    begin_batch(s);
    for (unsigned n = 0; n < s->v.queue_count; n++) {
        struct virtq *q = &s->v.queues[n];
        for (unsigned head = 0; head < VIRTQ_SIZE_MAX; head++) {
            uint8_t bit = (uint8_t)(1u << head % 8);
            if (!(s->again[n][head / 8] & bit))
                continue;
            s->again[n][head / 8] &= (uint8_t)~bit;
            if (virtq_pop_again(q, (uint16_t)head, &e) == VIRTQ_POPPED)
                start_request(s, q, &e);
        }
    }
    end_batch(s);
}

/* ---- the virtio side ------------------------------------------------------------------------- */

static void config_written(struct virtio *v, uint32_t offset, uint32_t value, unsigned size)
{
    if (offset == CONFIG_WRITEBACK && size == 1 && virtio_has(v, BLK_F_CONFIG_WCE))
        v->config[CONFIG_WRITEBACK] = value & 1;
}

static uint8_t initial_write_cache(const struct virtio_blk *s)
{
    return s->props.write_cache == VIRTIO_PCI_AUTO ? s->props.drive->write_cache
                                                   : s->props.write_cache == VIRTIO_PCI_ON;
}

/* A driver that will not flush must not find a cache. */
static void features_set(struct virtio *v)
{
    struct virtio_blk *s = from_virtio(v);

    if (!virtio_has(v, BLK_F_CONFIG_WCE))
        v->config[CONFIG_WRITEBACK] = virtio_has(v, BLK_F_FLUSH) && initial_write_cache(s);
}

static void reset_requests(struct virtio *v)
{
    struct virtio_blk *s = from_virtio(v);

    s->resetting = true;
    if (s->in_flight)
        vemu_block_drain(s->props.drive->block);
    s->resetting = false;
    s->to_signal = 0;
    memset(s->again, 0, sizeof s->again);
    s->any_again = false;
    v->config[CONFIG_WRITEBACK] = initial_write_cache(s);
}

static const struct virtio_class blk_virtio_class = {
    .id = VIRTIO_ID_BLOCK,
    .queue_notified = queue_notified,
    .config_written = config_written,
    .features_set = features_set,
    .reset = reset_requests,
};

/* ---- life ------------------------------------------------------------------------------------ */

static bool check_props(struct blk_props *p, struct vemu_error **errp)
{
    if (!disk_has_drive(p->drive, errp))
        return false;
    if (!is_power_of_two(p->queue_size) || p->queue_size < 4)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "queue-size=%u must be a power of two from 4 to %d", p->queue_size,
                         VIRTQ_SIZE_MAX);
    if (!disk_check_blocks(p->logical_block_size, &p->physical_block_size, errp))
        return false;
    if (p->min_io_size % p->logical_block_size || p->opt_io_size % p->logical_block_size ||
        p->min_io_size / p->logical_block_size > UINT16_MAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "min_io_size=%u and opt_io_size=%u must be multiples of "
                         "logical_block_size=%u, the first at most 65535 times",
                         p->min_io_size, p->opt_io_size, p->logical_block_size);
    if (p->serial && strlen(p->serial) > ID_SIZE)
        return error_set(errp, VEMU_ERROR_INVALID, "serial=%.80s is longer than %d characters",
                         p->serial, ID_SIZE);
    if (p->num_queues == UINT16_MAX)
        p->num_queues = 0; /* decided by blk_init */
    else if (!p->num_queues || p->num_queues > VIRTIO_QUEUES_MAX)
        return error_set(errp, VEMU_ERROR_INVALID, "num-queues=%u must be a number from 1 to %d",
                         p->num_queues, VIRTIO_QUEUES_MAX);
    return true;
}

/* Cylinders, heads and sectors: nobody uses them but boot loaders of old, which want no more than
 * 16383, 16 and 63. */
static void fill_geometry(struct virtio_blk *s, uint8_t *config)
{
    const struct blk_props *p = &s->props;
    uint32_t heads = p->heads ? p->heads : 16, sectors = p->secs ? p->secs : 63;
    uint64_t cylinders = capacity(s) / (heads * sectors);

    if (p->cyls)
        cylinders = p->cyls;
    store_le16(config + CONFIG_CYLINDERS, (uint16_t)MIN(MAX(cylinders, 2), 16383));
    config[CONFIG_HEADS] = (uint8_t)heads;
    config[CONFIG_SECTORS] = (uint8_t)sectors;
}

/* Whole blocks only. */
static void fill_capacity(struct virtio_blk *s)
{
    uint64_t bytes = vemu_block_size(s->props.drive->block);

    store_le64(s->v.config + CONFIG_CAPACITY,
               align_down(bytes, s->props.logical_block_size) / SECTOR);
}

static void resized(void *opaque)
{
    struct virtio_blk *s = opaque;

    fill_capacity(s);
    if (s->v.status & VIRTIO_STATUS_DRIVER_OK)
        virtio_config_changed(&s->v);
}

static const struct drive_ops drive_ops = {.resume = resume_requests, .resized = resized};

static void fill_config(struct virtio_blk *s)
{
    const struct blk_props *p = &s->props;
    uint8_t *config = s->v.config;
    uint32_t block = p->logical_block_size;

    fill_capacity(s);
    /* A header and a status byte take two descriptors of a chain. */
    store_le32(config + CONFIG_SEG_MAX, (p->seg_max_adjust ? p->queue_size : 128u) - 2);
    fill_geometry(s, config);
    store_le32(config + CONFIG_BLK_SIZE, block);
    config[CONFIG_PHYSICAL_BLOCK_EXP] = (uint8_t)__builtin_ctz(p->physical_block_size / block);
    store_le16(config + CONFIG_MIN_IO_SIZE, (uint16_t)(p->min_io_size / block));
    store_le32(config + CONFIG_OPT_IO_SIZE, p->opt_io_size / block);
    config[CONFIG_WRITEBACK] = initial_write_cache(s);
    store_le16(config + CONFIG_NUM_QUEUES, p->num_queues);
    store_le32(config + CONFIG_MAX_DISCARD_SECTORS, p->max_discard_sectors);
    store_le32(config + CONFIG_MAX_DISCARD_SEG, 1);
    store_le32(config + CONFIG_DISCARD_ALIGNMENT, block / SECTOR);
    store_le32(config + CONFIG_MAX_WRITE_ZEROES_SECTORS, p->max_write_zeroes_sectors);
    store_le32(config + CONFIG_MAX_WRITE_ZEROES_SEG, 1);
    config[CONFIG_WRITE_ZEROES_MAY_UNMAP] = 1;
}

static void offer_features(struct virtio_blk *s)
{
    const struct blk_props *p = &s->props;

    s->v.host_features |= VIRTIO_BIT(BLK_F_SEG_MAX) | VIRTIO_BIT(BLK_F_GEOMETRY) |
                          VIRTIO_BIT(BLK_F_BLK_SIZE) | VIRTIO_BIT(BLK_F_FLUSH) |
                          VIRTIO_BIT(BLK_F_TOPOLOGY);
    if (p->drive->read_only)
        s->v.host_features |= VIRTIO_BIT(BLK_F_RO);
    if (p->config_wce)
        s->v.host_features |= VIRTIO_BIT(BLK_F_CONFIG_WCE);
    if (p->num_queues > 1)
        s->v.host_features |= VIRTIO_BIT(BLK_F_MQ);
    if (p->discard)
        s->v.host_features |= VIRTIO_BIT(BLK_F_DISCARD);
    if (p->write_zeroes)
        s->v.host_features |= VIRTIO_BIT(BLK_F_WRITE_ZEROES);
}

static bool blk_init(struct virtio_blk *s, struct device *dev, struct vemu_error **errp)
{
    struct blk_props *p = &s->props;

    if (!check_props(p, errp))
        return false;
    /* A queue for each vCPU: each submits and takes completions on its own. */
    if (!p->num_queues)
        p->num_queues = (uint16_t)MIN(MAX(dev->machine->vcpu_count, 1u), VIRTIO_QUEUES_MAX);
    if (!drive_attach(p->drive, dev, &drive_ops, s, errp))
        return false;
    if (!virtio_init(&s->v, &blk_virtio_class, dev, p->num_queues, p->queue_size, CONFIG_SIZE,
                     errp)) {
        drive_detach(p->drive);
        return false;
    }
    fill_config(s);
    offer_features(s);
    return true;
}

static void blk_exit(struct virtio_blk *s)
{
    virtio_exit(&s->v);
    drive_detach(s->props.drive);
}

#define BLK_PROPS(type_, m_)                                                                       \
    VIRTIO_PROPS(type_, m_.v),                                                                     \
        PROP(PROP_DRIVE, type_, m_.props.drive, "drive", NULL, "the disk's image"),                \
        PROP(PROP_U16, type_, m_.props.num_queues, "num-queues", "65535",                          \
             "queues, up to 64; 65535: one for each vCPU"),                                        \
        PROP(PROP_U16, type_, m_.props.queue_size, "queue-size", "256",                            \
             "entries of a queue: a power of two", .min = 4, .max = VIRTQ_SIZE_MAX),               \
        PROP(PROP_STRING, type_, m_.props.serial, "serial", NULL,                                  \
             "serial number, up to 20 characters"),                                                \
        PROP(PROP_BOOL, type_, m_.props.discard, "discard", "on", "offer discard"),                \
        PROP(PROP_BOOL, type_, m_.props.write_zeroes, "write-zeroes", "on",                        \
             "offer writing zeros without data"),                                                  \
        PROP(PROP_BOOL, type_, m_.props.config_wce, "config-wce", "on",                            \
             "the guest may switch the write cache"),                                              \
        PROP(PROP_BOOL, type_, m_.props.seg_max_adjust, "seg-max-adjust", "on",                    \
             "segments of a request follow the queue's size"),                                     \
        PROP(PROP_ENUM, type_, m_.props.write_cache, "write-cache", "auto",                        \
             "write cache; auto: as the drive's cache mode says",                                  \
             .enum_names = virtio_pci_choices),                                                    \
        PROP(PROP_ENUM, type_, m_.props.rerror, "rerror", "auto", "what a failed read does",       \
             .enum_names = drive_on_error_names),                                                  \
        PROP(PROP_ENUM, type_, m_.props.werror, "werror", "auto", "what a failed write does",      \
             .enum_names = drive_on_error_names),                                                  \
        PROP(PROP_U32, type_, m_.props.logical_block_size, "logical_block_size", "512",            \
             "bytes that a transfer is a multiple of", .min = 512, .max = 32768),                  \
        PROP(PROP_U32, type_, m_.props.physical_block_size, "physical_block_size", "0",            \
             "bytes that the disk writes at once; 0: as the logical size", .min = 0,               \
             .max = 32768),                                                                        \
        PROP(PROP_U32, type_, m_.props.min_io_size, "min_io_size", "0",                            \
             "smallest size that transfers well"),                                                 \
        PROP(PROP_U32, type_, m_.props.opt_io_size, "opt_io_size", "0",                            \
             "size that transfers best"),                                                          \
        PROP(PROP_U32, type_, m_.props.max_discard_sectors, "max-discard-sectors", "4194303",      \
             "sectors of a discard", .min = 1, .max = RANGE_SECTORS_MAX),                          \
        PROP(PROP_U32, type_, m_.props.max_write_zeroes_sectors, "max-write-zeroes-sectors",       \
             "4194303", "sectors of a write of zeros", .min = 1, .max = RANGE_SECTORS_MAX),        \
        BOOT_PROPS(type_, m_.props.boot),                                                          \
        PROP(PROP_U32, type_, m_.props.cyls, "cyls", "0", "cylinders that are shown; 0: by size",  \
             .max = 16383),                                                                        \
        PROP(PROP_U32, type_, m_.props.heads, "heads", "0", "heads that are shown; 0: 16",         \
             .max = 255),                                                                          \
        PROP(PROP_U32, type_, m_.props.secs, "secs", "0", "sectors a track that are shown; 0: 63", \
             .max = 255)

/* ---- as devices ------------------------------------------------------------------------------ */

static bool kind_init(struct virtio *v, struct device *dev, struct vemu_error **errp)
{
    return blk_init(from_virtio(v), dev, errp);
}

static void kind_exit(struct virtio *v)
{
    blk_exit(from_virtio(v));
}

static bool kind_post_load(struct virtio *v, struct vemu_error **errp)
{
    (void)errp;
    from_virtio(v)->any_again = true; /* the next resume looks */
    return true;
}

static bool kind_pci_added(struct virtio *v, struct pci_device *pci, struct vemu_error **errp)
{
    return pci_boot_target_add(&from_virtio(v)->props.boot, v->dev, pci, BOOT_DISK, "/disk@0,0",
                               errp);
}

static void kind_pci_removed(struct virtio *v, struct pci_device *pci)
{
    (void)pci;
    boot_target_remove(&from_virtio(v)->props.boot);
}

static const struct virtio_kind blk_kind = {
    .init = kind_init,
    .exit = kind_exit,
    .post_load = kind_post_load,
    .pci = {.legacy_device = 0x1001, .class_code = 0x010000},
    .pci_added = kind_pci_added,
    .pci_removed = kind_pci_removed,
};

#define BLK_STATE(type_)                                                                           \
    STATE_VIRTIO(type_, blk.v), STATE_INT(type_, blk.v.config[CONFIG_WRITEBACK], .max = 1),        \
        STATE_BUFFER(type_, blk.again)

struct blk_pci {
    struct virtio_pci pci;
    struct virtio_blk blk;
};
static const struct prop_desc pci_props[] = {
    VIRTIO_PCI_PROPS(struct blk_pci, pci), BLK_PROPS(struct blk_pci, blk), {0}};
static const struct state_field pci_state[] = {STATE_VIRTIO_PCI(struct blk_pci, pci),
                                               BLK_STATE(struct blk_pci), STATE_FIELDS_END};
const struct virtio_device_class virtio_blk_pci_class = {VIRTIO_PCI_DEVICE(
    "virtio-blk-pci", "disk by virtio", struct blk_pci, blk, &blk_kind, pci_props, pci_state)};
const struct virtio_device_class virtio_blk_pci_transitional_class = {
    VIRTIO_PCI_DEVICE_TRANSITIONAL("virtio-blk-pci", struct blk_pci, blk, &blk_kind, pci_props,
                                   pci_state)};
const struct virtio_device_class virtio_blk_pci_non_transitional_class = {
    VIRTIO_PCI_DEVICE_NON_TRANSITIONAL("virtio-blk-pci", struct blk_pci, blk, &blk_kind, pci_props,
                                       pci_state)};

struct blk_mmio {
    struct virtio_mmio mmio;
    struct virtio_blk blk;
};
static const struct prop_desc mmio_props[] = {BLK_PROPS(struct blk_mmio, blk), {0}};
static const struct state_field mmio_state[] = {STATE_VIRTIO_MMIO(struct blk_mmio, mmio),
                                                BLK_STATE(struct blk_mmio), STATE_FIELDS_END};
const struct virtio_device_class virtio_blk_device_class = {
    VIRTIO_MMIO_DEVICE("virtio-blk-device", "disk by virtio, on a machine without PCI",
                       struct blk_mmio, blk, &blk_kind, mmio_props, mmio_state)};
