/*
 * I/O commands of the NVMe controller: NVM Express Base Specification 1.4, chapter "NVM Command
 * Set". Data goes between the image and guest memory without a copy, but for Compare.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/block/sg.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/block/nvme_internal.h"

enum { SECTOR = 512 };
enum { RW_FUA = 1 << 30, ZEROES_DEALLOCATE = 1 << 25 }; /* dword 12 */
enum { DSM_DEALLOCATE = 1 << 2 };                       /* dword 11 */
enum { DSM_RANGE_SIZE = 16, DSM_RANGE_BLOCKS = 4, DSM_RANGE_LBA = 8, DSM_RANGES_MAX = 256 };
enum { FLAGS_FUSED = 3 };

/* ---- completion ------------------------------------------------------------------------------ */

static unsigned status_of(int error, bool write)
{
    switch (error) {
    case ENOSPC:
        return NVME_CAPACITY_EXCEEDED;
    case ECANCELED:
        return NVME_ABORT_REQUESTED;
    default:
        return write ? NVME_WRITE_FAULT : NVME_UNRECOVERED_READ;
    }
}

static bool submit_range(struct nvme_slot *slot);

static void count(struct nvme *s, const struct vemu_block_request *req)
{
    struct nvme_counters *c = &s->counters;

    if (req->op == VEMU_BLOCK_WRITE) {
        c->sectors_written += req->bytes / SECTOR;
        c->writes++;
    } else if (req->op == VEMU_BLOCK_READ) {
        c->sectors_read += req->bytes / SECTOR;
        c->reads++;
    }
    if (req->error && req->error != ENOSPC && req->error != ECANCELED)
        c->media_errors++;
}

/* What the disk has against what the guest has. */
static unsigned compare(struct nvme_slot *slot)
{
    const uint8_t *p = slot->buf;

    for (unsigned i = 0; i < slot->data.count; i++) {
        const struct iovec *v = &slot->data.iov[i];
        if (memcmp(p, v->iov_base, v->iov_len) != 0)
            return NVME_COMPARE_FAILURE | NVME_DNR;
        p += v->iov_len;
    }
    return NVME_SUCCESS;
}

static unsigned ended_badly(struct nvme_slot *slot, bool write)
{
    struct nvme *s = slot->s;
    int error = slot->req.error;

    if (slot->aborted)
        return NVME_ABORT_REQUESTED | NVME_DNR;
    switch (drive_error(s->props.drive, s->props.rerror, s->props.werror, write, error)) {
    case DRIVE_STOP:
        return NVME_UNDER_WAY;
    case DRIVE_IGNORE:
        return NVME_SUCCESS;
    default:
        return status_of(error, write);
    }
}

static void request_done(struct vemu_block_request *req)
{
    struct nvme_slot *slot = container_of(req, struct nvme_slot, req);
    struct nvme *s = slot->s;
    bool write = req->op != VEMU_BLOCK_READ, delivered = true;
    unsigned status = NVME_SUCCESS;

    s->in_flight--;
    /* Memory was written, whatever else happened. */
    if (slot->data.to_guest)
        delivered = dma_list_deliver(&slot->data);
    if (!s->resetting) {
        count(s, req);
        if (!req->error && submit_range(slot))
            return;
        if (req->error)
            status = ended_badly(slot, write);
        else if (!delivered)
            status = NVME_DATA_TRANSFER_ERROR;
        else if (slot->cmd.opcode == NVME_COMPARE)
            status = compare(slot);
    }
    if (status == NVME_UNDER_WAY) {
        /* Begun again when the machine goes on. */
        nvme_slot_drop(slot);
        slot->state = NVME_SLOT_AGAIN;
    } else {
        nvme_slot_done(slot, status);
    }
    nvme_go_on(s);
}

static unsigned submit(struct nvme_slot *slot, enum vemu_block_op op, uint64_t offset,
                       uint64_t bytes, unsigned flags)
{
    struct nvme *s = slot->s;
    bool compare = slot->cmd.opcode == NVME_COMPARE;

    slot->disk = (struct iovec){slot->buf, bytes};
    slot->req = (struct vemu_block_request){.op = op,
                                            .flags = flags,
                                            .offset = offset,
                                            .bytes = bytes,
                                            .iov = compare ? &slot->disk : slot->data.iov,
                                            .iov_count = compare ? 1 : slot->data.count,
                                            .done = request_done};
    if ((op == VEMU_BLOCK_WRITE || op == VEMU_BLOCK_WRITE_ZEROES) && !nvme_write_cache(s))
        slot->req.flags |= VEMU_BLOCK_FUA;
    s->in_flight++;
    vemu_block_submit(s->props.drive->block, &slot->req);
    return NVME_UNDER_WAY;
}

/* ---- commands -------------------------------------------------------------------------------- */

struct extent {
    uint64_t offset, bytes;
};

/* The blocks that dwords 10 to 12 name; false: there are no such blocks. */
static bool extent(const struct nvme *s, const struct nvme_cmd *cmd, struct extent *e)
{
    uint64_t lba = cmd->cdw[0] | (uint64_t)cmd->cdw[1] << 32, blocks = (cmd->cdw[2] & 0xffff) + 1;

    if (!range_fits(lba, blocks, s->blocks))
        return false;
    e->offset = lba * s->props.logical_block_size;
    e->bytes = blocks * s->props.logical_block_size;
    return true;
}

/* The blocks of a command that carries data, and its memory in slot->data. */
static unsigned map_extent(struct nvme *s, struct nvme_slot *slot, struct extent *e)
{
    if (!extent(s, &slot->cmd, e))
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    if (e->bytes > (uint64_t)NVME_PAGE_MIN << s->props.mdts)
        return NVME_INVALID_FIELD | NVME_DNR;
    return nvme_map(s, &slot->cmd, e->bytes, &slot->data);
}

static unsigned transfer(struct nvme *s, struct nvme_slot *slot)
{
    const struct nvme_cmd *cmd = &slot->cmd;
    bool read = cmd->opcode == NVME_READ;
    struct extent e;
    unsigned status = map_extent(s, slot, &e);

    if (status)
        return status;
    return submit(slot, read ? VEMU_BLOCK_READ : VEMU_BLOCK_WRITE, e.offset, e.bytes,
                  !read && (cmd->cdw[2] & RW_FUA) ? VEMU_BLOCK_FUA : 0);
}

static unsigned flush(struct nvme *s, struct nvme_slot *slot)
{
    (void)s;
    return submit(slot, VEMU_BLOCK_FLUSH, 0, 0, 0);
}

static unsigned write_zeroes(struct nvme *s, struct nvme_slot *slot)
{
    const struct nvme_cmd *cmd = &slot->cmd;
    struct extent e;

    if (!extent(s, cmd, &e))
        return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    bool unmap = (cmd->cdw[2] & ZEROES_DEALLOCATE) && s->props.drive->discard;
    return submit(slot, VEMU_BLOCK_WRITE_ZEROES, e.offset, e.bytes,
                  (cmd->cdw[2] & RW_FUA ? VEMU_BLOCK_FUA : 0u) |
                      (unmap ? VEMU_BLOCK_MAY_UNMAP : 0u));
}

static unsigned start_compare(struct nvme *s, struct nvme_slot *slot)
{
    struct extent e;
    unsigned status = map_extent(s, slot, &e);

    if (status)
        return status;
    slot->buf = malloc(e.bytes);
    if (!slot->buf)
        return NVME_INTERNAL_ERROR;
    return submit(slot, VEMU_BLOCK_READ, e.offset, e.bytes, 0);
}

/* The next range that has any blocks; false: there is none. Ranges were checked. */
static bool submit_range(struct nvme_slot *slot)
{
    uint32_t block = slot->s->props.logical_block_size;

    while (slot->range < slot->ranges) {
        const uint8_t *range = slot->buf + DSM_RANGE_SIZE * slot->range++;
        uint64_t blocks = load_le32(range + DSM_RANGE_BLOCKS);
        if (!blocks)
            continue;
        submit(slot, VEMU_BLOCK_DISCARD, load_le64(range + DSM_RANGE_LBA) * block, blocks * block,
               0);
        return true;
    }
    return false;
}

static unsigned dataset_management(struct nvme *s, struct nvme_slot *slot)
{
    const struct nvme_cmd *cmd = &slot->cmd;
    uint32_t ranges = (cmd->cdw[0] & 0xff) + 1;
    unsigned status;

    slot->buf = malloc(DSM_RANGE_SIZE * ranges);
    if (!slot->buf)
        return NVME_INTERNAL_ERROR;
    status = nvme_from_host(s, cmd, slot->buf, DSM_RANGE_SIZE * ranges);
    if (status)
        return status;
    for (uint32_t i = 0; i < ranges; i++) {
        const uint8_t *range = slot->buf + DSM_RANGE_SIZE * i;
        if (!range_fits(load_le64(range + DSM_RANGE_LBA), load_le32(range + DSM_RANGE_BLOCKS),
                        s->blocks))
            return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
    }
    /* The rest is hints, and discarding one that nobody wants to hear. */
    if (!(cmd->cdw[1] & DSM_DEALLOCATE) || !s->props.drive->discard)
        return NVME_SUCCESS;
    slot->range = 0;
    slot->ranges = ranges;
    return submit_range(slot) ? NVME_UNDER_WAY : NVME_SUCCESS;
}

static const struct io_command {
    uint8_t opcode;
    bool writes;
    unsigned (*start)(struct nvme *s, struct nvme_slot *slot);
} commands[] = {
    {NVME_FLUSH, false, flush},
    {NVME_WRITE, true, transfer},
    {NVME_READ, false, transfer},
    {NVME_COMPARE, false, start_compare},
    {NVME_WRITE_ZEROES, true, write_zeroes},
    {NVME_DATASET_MANAGEMENT, true, dataset_management},
};

static const struct io_command *find(uint8_t opcode)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].opcode == opcode)
            return &commands[i];
    }
    return NULL;
}

bool nvme_io_supports(uint8_t opcode, bool *writes)
{
    const struct io_command *c = find(opcode);

    *writes = c && c->writes;
    return c;
}

unsigned nvme_io_command(struct nvme *s, struct nvme_slot *slot)
{
    const struct nvme_cmd *cmd = &slot->cmd;
    const struct io_command *c = find(cmd->opcode);

    slot->range = slot->ranges = 0;
    dma_list_init(&slot->data, &s->pci.dev, cmd->opcode == NVME_READ);
    if (!c)
        return NVME_INVALID_OPCODE | NVME_DNR;
    if (cmd->flags & FLAGS_FUSED)
        return NVME_INVALID_FIELD | NVME_DNR;
    if (cmd->nsid != NVME_NSID && !(cmd->opcode == NVME_FLUSH && cmd->nsid == NVME_NSID_ALL))
        return NVME_INVALID_NAMESPACE | NVME_DNR;
    if (c->writes && s->props.drive->read_only)
        return NVME_WRITE_PROTECTED | NVME_DNR;
    return c->start(s, slot);
}
