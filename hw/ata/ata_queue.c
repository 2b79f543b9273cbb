/*
 * Queued commands (SATA native command queueing): up to 32 READ and WRITE FPDMA at a time, in
 * whatever order the host's disk completes them. One that fails ends the queue: the others are
 * aborted silently, and nothing but the log of the error (or a reset) is taken until it was read.
 */
#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"

static bool is_write(const struct ata_taskfile *tf)
{
    return tf->command == ATA_CMD_WRITE_FPDMA;
}

/* The count is where others have the feature. */
static uint32_t queued_sectors(const struct ata_taskfile *tf)
{
    return tf->feature ? tf->feature : 65536;
}

static void fail(struct ata_device *d, unsigned tag, uint8_t error)
{
    d->queue_error = (struct ata_queue_error){
        .set = true, .tag = (uint8_t)tag, .error = error, .lba = ata_lba48(&d->queue[tag])};
    d->queued &= ~(1u << tag);
    d->regs.status = ATA_DRDY | ATA_DSC | ATA_ERR;
    d->regs.error = error;
    d->slot->ops->queued_done(d->slot, tag);
    /* What is still under way ends without a word. */
    d->queued = d->again = 0;
}

static void request_done(struct vemu_block_request *req)
{
    struct ata_request *r = container_of(req, struct ata_request, req);
    struct ata_device *d = r->d;
    bool write = req->op != VEMU_BLOCK_READ, ok = true;
    int error = req->error;

    d->in_flight--;
    if (!write && !error)
        ok = dma_list_deliver(&r->sg);
    dma_list_free(&r->sg);
    if (d->aborting || !(d->queued & 1u << r->tag))
        return;
    if (error) {
        enum drive_on_error what = drive_error(d->p.drive, d->p.rerror, d->p.werror, write, error);
        if (what == DRIVE_STOP) {
            d->again |= 1u << r->tag;
            return;
        }
        if (what == DRIVE_IGNORE)
            error = 0;
    }
    d->slot->ops->dma_done(d->slot, r->tag, error ? 0 : req->bytes, !error);
    if (error || !ok) {
        fail(d, r->tag, error && !write ? ATA_ERROR_UNC : ATA_ERROR_ABRT);
        return;
    }
    d->queued &= ~(1u << r->tag);
    d->regs.status = ATA_DRDY | ATA_DSC;
    d->regs.error = 0;
    d->slot->ops->queued_done(d->slot, r->tag);
}

static void start(struct ata_device *d, unsigned tag)
{
    const struct ata_taskfile *tf = &d->queue[tag];
    struct ata_request *r = &d->requests[tag];
    uint64_t lba = ata_lba48(tf), bytes = (uint64_t)queued_sectors(tf) * ATA_SECTOR;
    bool write = is_write(tf);

    if (write && d->p.drive->read_only) {
        fail(d, tag, ATA_ERROR_ABRT);
        return;
    }
    if (!range_fits(lba, bytes / ATA_SECTOR, d->sectors)) {
        fail(d, tag, ATA_ERROR_IDNF);
        return;
    }
    dma_list_init(&r->sg, d->slot->controller, !write);
    if (!d->slot->ops->dma_map(d->slot, tag, 0, bytes, &r->sg) || r->sg.bytes < bytes) {
        dma_list_free(&r->sg);
        fail(d, tag, ATA_ERROR_ABRT);
        return;
    }
    r->d = d;
    r->tag = (uint8_t)tag;
    r->req = (struct vemu_block_request){
        .op = write ? VEMU_BLOCK_WRITE : VEMU_BLOCK_READ,
        .offset = lba * ATA_SECTOR,
        .bytes = bytes,
        .iov = r->sg.iov,
        .iov_count = r->sg.count,
        .flags = write ? ata_write_flags(d, tf->device & ATA_DEVICE_FUA) : 0,
        .done = request_done,
    };
    d->in_flight++;
    vemu_block_submit(d->p.drive->block, &r->req);
}

void ata_command_queued(struct ata_device *d, const struct ata_taskfile *tf, unsigned tag)
{
    d->queue[tag] = *tf;
    d->regs.status = ATA_DRDY | ATA_DSC;
    d->regs.error = 0;
    if (d->queue_error.set) {
        d->regs.status |= ATA_ERR;
        d->regs.error = ATA_ERROR_ABRT;
        d->slot->ops->queued_done(d->slot, tag);
        return;
    }
    if (d->queued & 1u << tag) { /* Serial ATA, "Command Queueing": a tag in use ends the queue */
        fail(d, tag, ATA_ERROR_ABRT);
        return;
    }
    d->queued |= 1u << tag;
    d->slot->ops->queued(d->slot, tag);
    start(d, tag);
}

void ata_queue_resume(struct ata_device *d)
{
    uint32_t again = d->again;

    d->again = 0;
    for (; again & d->queued; again &= again - 1) /* one that fails ends all */
        start(d, (unsigned)__builtin_ctz(again));
}

void ata_queue_forget(struct ata_device *d)
{
    d->queued = d->again = 0;
}
