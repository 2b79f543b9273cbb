/*
 * How the data of commands that are not queued moves: in DRQ blocks through the buffer (PIO), or
 * between disk and guest memory (DMA). Each disk request is one step; a step that fails and is to
 * be repeated is begun afresh from the device's saved fields.
 */
#include <errno.h>
#include <string.h>
#include "core/block/sg.h"
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"

static uint32_t unit_bytes(const struct ata_device *d)
{
    return ata_is_packet(d) ? ATA_CD_BLOCK : ATA_SECTOR;
}

/* ---- the end of a command -------------------------------------------------------------------- */

void ata_complete(struct ata_device *d, uint8_t error, bool interrupt)
{
    d->phase = ATA_IDLE;
    d->step = ATA_STEP_NONE;
    d->regs.status = (uint8_t)(ATA_DRDY | (ata_is_packet(d) ? 0 : ATA_DSC) | (error ? ATA_ERR : 0));
    d->regs.error = error;
    d->slot->ops->complete(d->slot, interrupt);
}

/* A transfer came to its end; error: 0 or an errno value. */
static void finish(struct ata_device *d, int error, bool interrupt)
{
    if (ata_is_packet(d)) {
        atapi_finish(d, error);
        return;
    }
    if (error) {
        /* Where it failed: the first sector that is not known to be done. */
        ata_set_lba48(&d->regs.tf, d->lba);
        ata_complete(d, ata_writes(d) ? ATA_ERROR_ABRT : ATA_ERROR_UNC, true);
        return;
    }
    ata_complete(d, 0, interrupt);
}

/* ---- PIO ------------------------------------------------------------------------------------- */

/* Shows the next DRQ block; true: the controller has moved it already. */
static bool present(struct ata_device *d, bool to_host, bool interrupt)
{
    d->drq_end = (uint32_t)MIN((uint64_t)d->pos + d->block, d->len);
    d->phase = to_host ? ATA_PIO_IN : ATA_PIO_OUT;
    d->step = ATA_STEP_NONE;
    d->regs.status = (uint8_t)(ATA_DRDY | ATA_DRQ | (ata_is_packet(d) ? 0 : ATA_DSC));
    d->regs.error = 0;
    if (ata_is_packet(d)) {
        uint32_t bytes = d->drq_end - d->pos;
        d->regs.tf.count = to_host ? ATA_REASON_IO : 0;
        d->regs.tf.lba_mid = (uint8_t)bytes;
        d->regs.tf.lba_high = (uint8_t)(bytes >> 8);
    }
    return d->slot->ops->pio_ready(d->slot, to_host, interrupt);
}

static void offer(struct ata_device *d, bool to_host, bool interrupt)
{
    if (present(d, to_host, interrupt))
        ata_pio_continue(d);
}

/* The first block that the host is to write comes without an interrupt: it looks at the status. */
static void want_block(struct ata_device *d, bool interrupt)
{
    d->pos = 0;
    d->len = (uint32_t)MIN((uint64_t)d->left * ATA_SECTOR, d->block);
    offer(d, false, interrupt);
}

/* After a block was moved; true: the next one was as well. */
static bool step_pio(struct ata_device *d)
{
    bool to_host = d->phase == ATA_PIO_IN;

    if (d->phase == ATA_PACKET) {
        d->phase = ATA_BUSY;
        d->regs.status = ATA_BSY;
        atapi_execute(d);
        return false;
    }
    if (d->pos < d->len)
        return present(d, to_host, true);
    d->regs.status = ATA_BSY;
    if (!to_host && d->from_disk)
        ata_begin_step(d, ATA_STEP_WRITE_BLOCK);
    else if (!to_host)
        ata_data_received(d);
    else if (d->from_disk && d->left)
        ata_begin_step(d, ATA_STEP_READ_BLOCK);
    else
        finish(d, 0, false);
    return false;
}

void ata_pio_continue(struct ata_device *d)
{
    while (step_pio(d))
        ;
}

uint8_t *ata_pio_block(struct ata_device *d, uint32_t *len, bool *to_host)
{
    if (d->phase != ATA_PIO_IN && d->phase != ATA_PIO_OUT && d->phase != ATA_PACKET)
        return NULL;
    *to_host = d->phase == ATA_PIO_IN;
    *len = d->drq_end - d->pos;
    return d->buf + d->pos;
}

void ata_pio_moved(struct ata_device *d, uint32_t len)
{
    d->pos += MIN(len, d->drq_end - d->pos);
}

/* ---- DMA ------------------------------------------------------------------------------------- */

static void wait_for_dma(struct ata_device *d)
{
    d->phase = ATA_DMA_WAIT;
    d->regs.status = (uint8_t)(ATA_DRDY | ATA_DRQ | (ata_is_packet(d) ? 0 : ATA_DSC));
    if (ata_is_packet(d))
        d->regs.tf.count = ata_writes(d) ? 0 : ATA_REASON_IO;
    d->slot->ops->dma_ready(d->slot);
}

static bool map(struct ata_device *d, uint64_t bytes)
{
    struct dma_list *sg = &d->requests[0].sg;

    dma_list_init(sg, d->slot->controller, !ata_writes(d));
    return d->slot->ops->dma_map(d->slot, 0, d->dma_offset, bytes, sg);
}

static void dma_failed(struct ata_device *d)
{
    dma_list_free(&d->requests[0].sg);
    d->slot->ops->dma_done(d->slot, 0, d->dma_offset, false);
    if (ata_is_packet(d))
        atapi_finish(d, EIO);
    else
        ata_complete(d, ATA_ERROR_ABRT, true);
}

/* [pos, len) of the buffer; true: all of it was moved. */
static bool move_buffer(struct ata_device *d)
{
    struct dma_list *sg = &d->requests[0].sg;
    uint32_t bytes = d->len - d->pos;
    bool ok = map(d, bytes);

    if (ok && !sg->bytes)
        ok = !bytes;
    if (ok) {
        struct sg vectors = {sg->iov, sg->count, 0};
        bytes = (uint32_t)MIN(bytes, sg->bytes);
        if (sg->to_guest) {
            sg_write(vectors, d->buf + d->pos, bytes);
            ok = dma_list_deliver(sg);
        } else {
            sg_read(vectors, d->buf + d->pos, bytes);
        }
    }
    if (!ok) {
        dma_failed(d);
        return false;
    }
    d->dma_offset += bytes;
    d->pos += bytes;
    dma_list_free(sg);
    return true;
}

void ata_dma_go(struct ata_device *d)
{
    d->regs.status = ATA_BSY;
    d->phase = ATA_BUSY;
    if (d->from_disk && d->raw_header) {
        ata_begin_step(d, ATA_STEP_READ_BLOCK);
    } else if (d->from_disk) {
        ata_begin_step(d, ATA_STEP_DMA);
    } else if (move_buffer(d)) {
        d->slot->ops->dma_done(d->slot, 0, d->dma_offset, true);
        if (ata_writes(d))
            ata_data_received(d);
        else
            finish(d, 0, true);
    }
}

bool ata_waits_for_dma(const struct ata_device *d)
{
    return d->phase == ATA_DMA_WAIT;
}

/* ---- disk requests --------------------------------------------------------------------------- */

static void step_done(struct ata_device *d, int error);

static void request_done(struct vemu_block_request *req)
{
    struct ata_request *r = container_of(req, struct ata_request, req);
    struct ata_device *d = r->d;
    bool write = req->op != VEMU_BLOCK_READ;
    int error = req->error;
    /* Data for where there is no memory is lost. */
    bool delivered = !r->sg.to_guest || error || dma_list_deliver(&r->sg);

    d->in_flight--;
    dma_list_free(&r->sg);
    if (d->aborting)
        return;
    if (error) {
        enum drive_on_error what = drive_error(d->p.drive, d->p.rerror, d->p.werror, write, error);
        if (what == DRIVE_STOP) {
            d->phase = ATA_AGAIN;
            return;
        }
        if (what == DRIVE_IGNORE)
            error = 0;
    }
    step_done(d, delivered ? error : EIO);
}

void ata_submit(struct ata_device *d, enum vemu_block_op op, uint64_t offset, uint64_t bytes,
                unsigned flags)
{
    struct ata_request *r = &d->requests[0];

    d->phase = ATA_BUSY;
    d->regs.status = ATA_BSY;
    r->d = d;
    r->req = (struct vemu_block_request){
        .op = op, .flags = flags, .offset = offset, .bytes = bytes, .done = request_done};
    if (op == VEMU_BLOCK_READ || op == VEMU_BLOCK_WRITE) {
        r->req.iov = r->sg.count ? r->sg.iov : &r->iov;
        r->req.iov_count = r->sg.count ? r->sg.count : 1;
    }
    d->in_flight++;
    vemu_block_submit(d->p.drive->block, &r->req);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void read_block(struct ata_device *d)
{
    /* The buffer has blocks as they are read first, then as they are sent. */
    uint32_t room = d->raw_header ? ATA_BUFFER / MAX(atapi_block_bytes(d), unit_bytes(d))
                                  : MAX(MIN(d->block, ATA_BUFFER) / unit_bytes(d), 1u);
    uint32_t n = MIN(room, d->left);

    d->len = n * unit_bytes(d);
    d->pos = 0;
    d->requests[0].iov = (struct iovec){d->buf, d->len};
    ata_submit(d, VEMU_BLOCK_READ, d->lba * unit_bytes(d), d->len, 0);
}

static void write_block(struct ata_device *d)
{
    d->requests[0].iov = (struct iovec){d->buf, d->len};
    ata_submit(d, VEMU_BLOCK_WRITE, d->lba * ATA_SECTOR, d->len,
               ata_write_flags(d, d->cmd.command == ATA_CMD_WRITE_MULTIPLE_FUA_EXT));
}

static void whole_dma(struct ata_device *d)
{
    uint64_t unit = unit_bytes(d), bytes = d->left * unit;
    struct dma_list *sg = &d->requests[0].sg;

    /* With memory for less than all nothing is transferred. */
    if (!map(d, bytes) || sg->bytes < bytes) {
        dma_failed(d);
        return;
    }
    ata_submit(d, ata_writes(d) ? VEMU_BLOCK_WRITE : VEMU_BLOCK_READ, d->lba * unit, bytes,
               ata_writes(d) ? ata_write_flags(d, d->cmd.command == ATA_CMD_WRITE_DMA_FUA_EXT) : 0);
}

/* In the middle of a command the disk became smaller, the tray was opened, or the medium changed.
 */
static bool disk_has_ended(struct ata_device *d)
{
    if (range_fits(d->lba, d->left, ata_is_packet(d) ? atapi_blocks(d) : d->sectors))
        return false;
    if (d->dma) {
        dma_list_free(&d->requests[0].sg);
        d->slot->ops->dma_done(d->slot, 0, d->dma_offset, false);
    }
    if (ata_is_packet(d)) {
        atapi_fail(d, SENSE_NOT_READY, ASC_NO_MEDIUM, d->tray_open ? 2 : 1);
    } else {
        ata_set_lba48(&d->regs.tf, d->lba);
        ata_complete(d, ATA_ERROR_IDNF, true);
    }
    return true;
}

void ata_begin_step(struct ata_device *d, enum ata_step step)
{
    d->step = (uint8_t)step;
    if ((step == ATA_STEP_READ_BLOCK || step == ATA_STEP_WRITE_BLOCK || step == ATA_STEP_DMA) &&
        disk_has_ended(d))
        return;
    switch (step) {
    case ATA_STEP_READ_BLOCK:
        read_block(d);
        break;
    case ATA_STEP_WRITE_BLOCK:
        write_block(d);
        break;
    case ATA_STEP_DMA:
        whole_dma(d);
        break;
    case ATA_STEP_FLUSH:
        ata_submit(d, VEMU_BLOCK_FLUSH, 0, 0, 0);
        break;
    case ATA_STEP_TRIM:
        ata_trim_step(d);
        break;
    default:
        break;
    }
}

static void block_was_read(struct ata_device *d)
{
    uint32_t n = d->len / unit_bytes(d);

    d->lba += n;
    d->left -= MIN(n, d->left);
    if (d->raw_header)
        atapi_expand(d, n);
    if (!d->dma) {
        offer(d, true, true);
    } else if (move_buffer(d)) {
        if (d->left) {
            ata_begin_step(d, ATA_STEP_READ_BLOCK);
            return;
        }
        d->slot->ops->dma_done(d->slot, 0, d->dma_offset, true);
        finish(d, 0, true);
    }
}

static void block_was_written(struct ata_device *d)
{
    uint32_t n = d->len / ATA_SECTOR;

    d->lba += n;
    d->left -= MIN(n, d->left);
    if (d->left)
        want_block(d, true);
    else
        finish(d, 0, true);
}

static void step_done(struct ata_device *d, int error)
{
    enum ata_step step = (enum ata_step)d->step;
    uint64_t bytes = d->requests[0].req.bytes;

    if (step == ATA_STEP_DMA) {
        d->dma_offset += error ? 0 : bytes;
        d->slot->ops->dma_done(d->slot, 0, d->dma_offset, !error);
    } else if (error && d->dma && step == ATA_STEP_READ_BLOCK) {
        d->slot->ops->dma_done(d->slot, 0, d->dma_offset, false);
    }
    if (error) {
        finish(d, error, true);
        return;
    }
    switch (step) {
    case ATA_STEP_READ_BLOCK:
        block_was_read(d);
        break;
    case ATA_STEP_WRITE_BLOCK:
        block_was_written(d);
        break;
    case ATA_STEP_TRIM:
        d->pos += ATA_TRIM_RANGE;
        ata_begin_step(d, ATA_STEP_TRIM);
        break;
    default:
        finish(d, 0, true);
    }
}

/* ---- beginning ------------------------------------------------------------------------------- */

void ata_send_buffer(struct ata_device *d, uint32_t len, uint32_t block)
{
    d->from_disk = false;
    d->pos = 0;
    d->len = MIN(len, (uint32_t)ATA_BUFFER);
    d->block = block;
    d->dma_offset = 0;
    if (d->dma)
        wait_for_dma(d);
    else
        offer(d, true, true);
}

void ata_receive_buffer(struct ata_device *d, uint32_t len, uint32_t block)
{
    d->from_disk = false;
    d->pos = 0;
    d->len = MIN(len, (uint32_t)ATA_BUFFER);
    d->block = block;
    d->dma_offset = 0;
    if (d->dma)
        wait_for_dma(d);
    else
        offer(d, false, ata_is_packet(d));
}

void ata_receive_packet(struct ata_device *d)
{
    d->pos = 0;
    d->len = d->drq_end = ATA_CDB;
    d->phase = ATA_PACKET;
    d->regs.status = ATA_DRDY | ATA_DRQ;
    d->regs.tf.count = ATA_REASON_COD;
    if (d->slot->ops->pio_ready(d->slot, false, false))
        ata_pio_continue(d);
}

void ata_read_disk(struct ata_device *d)
{
    d->from_disk = true;
    d->dma_offset = 0;
    if (d->dma)
        wait_for_dma(d);
    else
        ata_begin_step(d, ATA_STEP_READ_BLOCK);
}

void ata_write_disk(struct ata_device *d)
{
    d->from_disk = true;
    d->dma_offset = 0;
    if (d->dma)
        wait_for_dma(d);
    else
        want_block(d, false);
}

/* ---- stopping and going on ------------------------------------------------------------------- */

void ata_drain(struct ata_device *d)
{
    if (d->in_flight)
        vemu_block_drain(d->p.drive->block);
}

void ata_abort(struct ata_device *d)
{
    d->aborting = true;
    ata_drain(d);
    d->aborting = false;
    d->phase = ATA_IDLE;
    d->step = ATA_STEP_NONE;
    ata_queue_forget(d);
}

void ata_resume(void *opaque)
{
    struct ata_device *d = opaque;

    ata_queue_resume(d);
    if (d->phase == ATA_AGAIN)
        ata_begin_step(d, (enum ata_step)d->step);
}
