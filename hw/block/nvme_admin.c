/* Admin commands of the NVMe controller, but for Identify, log pages and features. */
#include <string.h>
#include "core/util/range.h"
#include "hw/block/nvme_internal.h"

enum {
    ADMIN_DELETE_SQ = 0x00,
    ADMIN_CREATE_SQ = 0x01,
    ADMIN_GET_LOG_PAGE = 0x02,
    ADMIN_DELETE_CQ = 0x04,
    ADMIN_CREATE_CQ = 0x05,
    ADMIN_IDENTIFY = 0x06,
    ADMIN_ABORT = 0x08,
    ADMIN_SET_FEATURES = 0x09,
    ADMIN_GET_FEATURES = 0x0a,
    ADMIN_ASYNC_EVENT = 0x0c,
};
enum { QUEUE_CONTIGUOUS = 1 << 0, QUEUE_INTERRUPTS = 1 << 1 };
enum { FLAGS_FUSED = 3, FLAGS_PSDT = 0xc0 };

/* ---- queues ---------------------------------------------------------------------------------- */

static bool is_io_queue(const struct nvme *s, unsigned id)
{
    return id && id <= s->props.max_ioqpairs;
}

/* What both kinds of queues have: identifier, size and place; 0, or what is wrong. */
static unsigned check_queue(const struct nvme *s, const struct nvme_cmd *cmd, bool exists)
{
    uint32_t id = cmd->cdw[0] & 0xffff, last = cmd->cdw[0] >> 16;

    if (!is_io_queue(s, id) || exists)
        return NVME_INVALID_QUEUE_ID | NVME_DNR;
    if (!last || last >= NVME_ENTRIES_MAX)
        return NVME_INVALID_QUEUE_SIZE | NVME_DNR;
    if (!(cmd->cdw[1] & QUEUE_CONTIGUOUS))
        return NVME_INVALID_FIELD | NVME_DNR;
    if (cmd->dptr[0] & (nvme_page_size(s) - 1))
        return NVME_INVALID_PRP_OFFSET | NVME_DNR;
    return NVME_SUCCESS;
}

static unsigned create_cq(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    uint32_t id = cmd->cdw[0] & 0xffff, vector = cmd->cdw[1] >> 16;
    unsigned status = check_queue(s, cmd, id < NVME_QUEUES_MAX && s->cq[id].size);

    (void)result;
    if (status)
        return status;
    if (vector >= nvme_vectors(s))
        return NVME_INVALID_VECTOR | NVME_DNR;
    if ((s->cc >> 20 & 15) != 4) /* CC.IOCQES: 16 bytes */
        return NVME_INVALID_FIELD | NVME_DNR;
    s->cq[id] = (struct nvme_cq){.base = cmd->dptr[0],
                                 .size = (cmd->cdw[0] >> 16) + 1,
                                 .vector = (uint16_t)vector,
                                 .phase = true,
                                 .interrupts = cmd->cdw[1] & QUEUE_INTERRUPTS};
    return NVME_SUCCESS;
}

static unsigned create_sq(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    uint32_t id = cmd->cdw[0] & 0xffff, cqid = cmd->cdw[1] >> 16;
    unsigned status = check_queue(s, cmd, id < NVME_QUEUES_MAX && s->sq[id].size);

    (void)result;
    if (status)
        return status;
    if (!is_io_queue(s, cqid) || !s->cq[cqid].size)
        return NVME_INVALID_CQ | NVME_DNR;
    if ((s->cc >> 16 & 15) != 6) /* CC.IOSQES: 64 bytes */
        return NVME_INVALID_FIELD | NVME_DNR;
    s->sq[id] = (struct nvme_sq){
        .base = cmd->dptr[0], .size = (cmd->cdw[0] >> 16) + 1, .cqid = (uint16_t)cqid};
    return NVME_SUCCESS;
}

static unsigned delete_sq(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    uint32_t id = cmd->cdw[0] & 0xffff;

    (void)result;
    if (!is_io_queue(s, id) || !s->sq[id].size)
        return NVME_INVALID_QUEUE_ID | NVME_DNR;
    /* What is under way ends, what was to be repeated is given up. */
    if (s->in_flight)
        vemu_block_drain(s->props.drive->block);
    for (unsigned n = 0; n < NVME_SLOTS; n++) {
        if (s->slots[n].state == NVME_SLOT_AGAIN && s->slots[n].sqid == id)
            nvme_slot_done(&s->slots[n], NVME_ABORTED_SQ_DELETION);
    }
    s->sq[id] = (struct nvme_sq){0};
    return NVME_SUCCESS;
}

static unsigned delete_cq(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    uint32_t id = cmd->cdw[0] & 0xffff;

    (void)result;
    if (!is_io_queue(s, id) || !s->cq[id].size)
        return NVME_INVALID_QUEUE_ID | NVME_DNR;
    for (unsigned n = 1; n < NVME_QUEUES_MAX; n++) {
        if (s->sq[n].size && s->sq[n].cqid == id)
            return NVME_INVALID_QUEUE_DELETION | NVME_DNR;
    }
    s->cq[id] = (struct nvme_cq){0};
    return NVME_SUCCESS;
}

/* ---- Abort ----------------------------------------------------------------------------------- */

static bool abort_slot(struct nvme *s, struct nvme_slot *slot)
{
    switch (slot->state) {
    case NVME_SLOT_AGAIN:
        nvme_slot_done(slot, NVME_ABORT_REQUESTED | NVME_DNR);
        return true;
    case NVME_SLOT_UNDER_WAY:
        slot->aborted = vemu_block_cancel(&slot->req);
        return slot->aborted;
    default:
        (void)s;
        return false;
    }
}

/* Best effort: bit 0 of the result says that the command was not taken back. */
static unsigned abort_command(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    uint16_t sqid = (uint16_t)cmd->cdw[0], cid = (uint16_t)(cmd->cdw[0] >> 16);

    *result = 1;
    if (!sqid) {
        *result = !nvme_event_abort(s, cid);
        return NVME_SUCCESS;
    }
    for (unsigned n = 0; n < NVME_SLOTS; n++) {
        struct nvme_slot *slot = &s->slots[n];
        if (slot->state != NVME_SLOT_FREE && slot->sqid == sqid && slot->cmd.cid == cid)
            *result = !abort_slot(s, slot);
    }
    return NVME_SUCCESS;
}

/* ---- all ------------------------------------------------------------------------------------- */

static unsigned identify(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    (void)result;
    return nvme_identify(s, cmd);
}

static unsigned get_log_page(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    (void)result;
    return nvme_get_log_page(s, cmd);
}

static unsigned event_request(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    (void)result;
    return nvme_event_request(s, cmd);
}

static const struct admin_command {
    uint8_t opcode;
    unsigned (*run)(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result);
} commands[] = {
    {ADMIN_DELETE_SQ, delete_sq},
    {ADMIN_CREATE_SQ, create_sq},
    {ADMIN_GET_LOG_PAGE, get_log_page},
    {ADMIN_DELETE_CQ, delete_cq},
    {ADMIN_CREATE_CQ, create_cq},
    {ADMIN_IDENTIFY, identify},
    {ADMIN_ABORT, abort_command},
    {ADMIN_SET_FEATURES, nvme_set_features},
    {ADMIN_GET_FEATURES, nvme_get_features},
    {ADMIN_ASYNC_EVENT, event_request},
};

static const struct admin_command *find(uint8_t opcode)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].opcode == opcode)
            return &commands[i];
    }
    return NULL;
}

bool nvme_admin_supports(uint8_t opcode)
{
    return find(opcode);
}

unsigned nvme_admin_command(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    const struct admin_command *c = find(cmd->opcode);

    if (!c)
        return NVME_INVALID_OPCODE | NVME_DNR;
    if (cmd->flags & (FLAGS_FUSED | FLAGS_PSDT))
        return NVME_INVALID_FIELD | NVME_DNR;
    return c->run(s, cmd, result);
}
