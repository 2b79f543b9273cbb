/* Queues of the NVMe controller: see nvme_internal.h. */
#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/block/nvme_internal.h"

enum { CQE_RESULT = 0, CQE_SQ_HEAD = 8, CQE_SQ_ID = 10, CQE_COMMAND = 12 };

/* ---- completion queues ----------------------------------------------------------------------- */

uint32_t nvme_cq_used(const struct nvme_cq *cq)
{
    return cq->tail >= cq->head ? (uint32_t)(cq->tail - cq->head) : cq->size - cq->head + cq->tail;
}

bool nvme_cq_room(const struct nvme_cq *cq)
{
    /* A full queue has one entry less than its size. */
    return cq->size && nvme_cq_used(cq) + cq->owed < cq->size - 1;
}

void nvme_complete(struct nvme *s, const struct nvme_cmd *cmd, unsigned status, uint32_t result)
{
    const struct nvme_sq *sq = &s->sq[cmd->sqid];
    uint16_t cqid = sq->cqid;
    struct nvme_cq *cq = &s->cq[cqid];
    uint64_t at = cq->base + NVME_CQE_SIZE * (uint64_t)cq->tail;
    uint8_t cqe[NVME_CQE_SIZE] = {0};

    if (!nvme_running(s) || !cq->size)
        return;
    if (status) {
        nvme_log_error(s, cmd, status);
        status |= NVME_MORE;
    }
    store_le32(cqe + CQE_RESULT, result);
    store_le16(cqe + CQE_SQ_HEAD, sq->head);
    store_le16(cqe + CQE_SQ_ID, cmd->sqid);
    store_le32(cqe + CQE_COMMAND, cmd->cid | status << 17 | (uint32_t)cq->phase << 16);
    /* The phase tag is what the driver looks at: it comes last. */
    bool ok = pci_dma_write(&s->pci, at, cqe, CQE_COMMAND) == MEM_OK;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    ok = ok && pci_dma_write(&s->pci, at + CQE_COMMAND, cqe + CQE_COMMAND, 4) == MEM_OK;
    if (!ok) {
        nvme_fatal(s, "cannot write to completion queue", cqid);
        return;
    }
    if (++cq->tail == cq->size) {
        cq->tail = 0;
        cq->phase = !cq->phase;
    }
    s->to_signal[cqid / 64] |= UINT64_C(1) << cqid % 64;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static struct nvme_cmd parse(const uint8_t sqe[NVME_SQE_SIZE], uint16_t sqid)
{
    struct nvme_cmd cmd = {
        .opcode = sqe[0],
        .flags = sqe[1],
        .cid = load_le16(sqe + 2),
        .sqid = sqid,
        .nsid = load_le32(sqe + 4),
        .dptr = {load_le64(sqe + 24), load_le64(sqe + 32)},
    };

    for (unsigned n = 0; n < ARRAY_SIZE(cmd.cdw); n++)
        cmd.cdw[n] = load_le32(sqe + 40 + 4 * n);
    return cmd;
}

void nvme_slots_init(struct nvme *s)
{
    s->free_slot = NVME_SLOTS;
    for (unsigned n = 0; n < NVME_QUEUES_MAX; n++)
        s->cq[n].owed = 0;
    for (unsigned n = NVME_SLOTS; n-- > 0;) {
        struct nvme_slot *slot = &s->slots[n];
        slot->s = s;
        dma_list_init(&slot->data, &s->pci.dev, false);
        if (slot->state != NVME_SLOT_FREE) {
            slot->cmd = parse(slot->sqe, slot->sqid);
            s->cq[s->sq[slot->sqid].cqid].owed++;
            continue;
        }
        slot->next_free = s->free_slot;
        s->free_slot = (uint16_t)n;
    }
}

static struct nvme_slot *take_slot(struct nvme *s, unsigned sqid, const uint8_t *sqe)
{
    struct nvme_slot *slot = &s->slots[s->free_slot];

    s->free_slot = slot->next_free;
    slot->state = NVME_SLOT_UNDER_WAY;
    slot->aborted = false;
    slot->sqid = (uint16_t)sqid;
    memcpy(slot->sqe, sqe, NVME_SQE_SIZE);
    s->cq[s->sq[sqid].cqid].owed++;
    return slot;
}

void nvme_slot_drop(struct nvme_slot *slot)
{
    dma_list_free(&slot->data);
    free(slot->buf);
    slot->buf = NULL;
}

void nvme_slot_done(struct nvme_slot *slot, unsigned status)
{
    struct nvme *s = slot->s;

    nvme_slot_drop(slot);
    memset(slot->sqe, 0, sizeof slot->sqe);
    slot->state = NVME_SLOT_FREE;
    slot->sqid = 0;
    slot->next_free = s->free_slot;
    s->free_slot = (uint16_t)(slot - s->slots);
    /* The driver that is resetting the controller has forgotten all commands. */
    if (s->resetting)
        return;
    s->cq[s->sq[slot->cmd.sqid].cqid].owed--;
    nvme_complete(s, &slot->cmd, status, 0);
}

/* ---- submission queues ----------------------------------------------------------------------- */

static void start_slot(struct nvme_slot *slot)
{
    unsigned status;

    slot->cmd = parse(slot->sqe, slot->sqid);
    status = nvme_io_command(slot->s, slot);
    if (status != NVME_UNDER_WAY)
        nvme_slot_done(slot, status);
}

static void run_admin(struct nvme *s, const uint8_t *sqe)
{
    struct nvme_cmd cmd = parse(sqe, 0);
    uint32_t result = 0;
    unsigned status = nvme_admin_command(s, &cmd, &result);

    if (status != NVME_UNDER_WAY)
        nvme_complete(s, &cmd, status, result);
}

/* Takes what it may of a submission queue. */
static void run_sq(struct nvme *s, unsigned id)
{
    struct nvme_sq *sq = &s->sq[id];
    uint8_t sqe[NVME_SQE_SIZE];

    while (nvme_running(s) && sq->size && sq->head != sq->tail) {
        struct nvme_cq *cq = &s->cq[sq->cqid];
        if (!nvme_cq_room(cq)) {
            cq->blocked = true;
            return;
        }
        if (id && s->free_slot == NVME_SLOTS) {
            s->starved = true;
            return;
        }
        if (pci_dma_read(&s->pci, sq->base + NVME_SQE_SIZE * (uint64_t)sq->head, sqe, sizeof sqe) !=
            MEM_OK) {
            nvme_fatal(s, "cannot read submission queue", id);
            return;
        }
        sq->head = sq->head + 1u == sq->size ? 0 : (uint16_t)(sq->head + 1);
        if (id)
            start_slot(take_slot(s, id, sqe));
        else
            run_admin(s, sqe);
    }
}

/* All of them in turn, beginning with the one after which slots were short the last time. */
static void run_all(struct nvme *s)
{
    unsigned first = s->next_sq;

    s->starved = false;
    for (unsigned n = 0; n < NVME_QUEUES_MAX && !s->starved; n++) {
        s->next_sq = (uint16_t)((first + n) % NVME_QUEUES_MAX);
        run_sq(s, s->next_sq);
    }
}

static void begin_batch(struct nvme *s)
{
    s->plug_depth++;
    vemu_block_plug(s->pci.dev.machine->block);
}

static void end_batch(struct nvme *s)
{
    struct vemu_block_context *block = s->pci.dev.machine->block;

    vemu_block_unplug(block);
    /* What the host's page cache had is here already: the driver need not wait for the main loop.
     */
    vemu_block_context_dispatch(block);
    while (s->plug_depth == 1 && s->starved && s->free_slot != NVME_SLOTS) {
        vemu_block_plug(block);
        run_all(s);
        vemu_block_unplug(block);
        vemu_block_context_dispatch(block);
    }
    if (!--s->plug_depth)
        nvme_signal(s);
}

void nvme_sq_moved(struct nvme *s, unsigned id)
{
    begin_batch(s);
    run_sq(s, id);
    end_batch(s);
}

void nvme_cq_moved(struct nvme *s, unsigned id)
{
    struct nvme_cq *cq = &s->cq[id];

    begin_batch(s);
    if (!id)
        nvme_events_post(s);
    if (cq->blocked) {
        cq->blocked = false;
        for (unsigned n = 0; n < NVME_QUEUES_MAX; n++) {
            if (s->sq[n].size && s->sq[n].cqid == id)
                run_sq(s, n);
        }
    }
    end_batch(s);
}

void nvme_go_on(struct nvme *s)
{
    struct vemu_block_context *block = s->pci.dev.machine->block;

    if (s->plug_depth)
        return;
    if (s->starved) {
        s->plug_depth++;
        vemu_block_plug(block);
        run_all(s);
        vemu_block_unplug(block);
        s->plug_depth--;
    }
    nvme_signal(s);
}

void nvme_run_all(struct nvme *s)
{
    begin_batch(s);
    run_all(s);
    end_batch(s);
}

void nvme_resume(void *opaque)
{
    struct nvme *s = opaque;

    begin_batch(s);
    for (unsigned n = 0; n < NVME_SLOTS && nvme_running(s); n++) {
        struct nvme_slot *slot = &s->slots[n];
        if (slot->state != NVME_SLOT_AGAIN)
            continue;
        slot->state = NVME_SLOT_UNDER_WAY;
        start_slot(slot);
    }
    end_batch(s);
}
