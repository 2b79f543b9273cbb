/* Log pages of the NVMe controller. */
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/block/nvme_internal.h"

enum { RETAIN_EVENT = 1 << 15 }; /* dword 10 */
enum {
    ERROR_COUNT = 0,
    ERROR_SQID = 8,
    ERROR_CID = 10,
    ERROR_STATUS = 12,
    ERROR_PARAMETER = 14,
    ERROR_LBA = 16,
    ERROR_NSID = 24,
    ERROR_SIZE = 64,
};
enum {
    SMART_WARNING = 0,
    SMART_TEMPERATURE = 1,
    SMART_SPARE = 3,
    SMART_SPARE_THRESHOLD = 4,
    SMART_UNITS_READ = 32,
    SMART_UNITS_WRITTEN = 48,
    SMART_READS = 64,
    SMART_WRITES = 80,
    SMART_POWER_CYCLES = 112,
    SMART_POWER_ON_HOURS = 128,
    SMART_MEDIA_ERRORS = 160,
    SMART_ERROR_ENTRIES = 176,
    SMART_SIZE = 512,
};
enum { SMART_WARNING_TEMPERATURE = 1 << 1, SMART_UNIT = 1000 /* sectors */ };
enum { FIRMWARE_ACTIVE = 0, FIRMWARE_SLOT_1 = 8, FIRMWARE_SIZE = 512 };
enum { EFFECTS_IO = 1024, EFFECTS_SIZE = 4096, EFFECT_SUPPORTED = 1, EFFECT_CONTENT = 2 };
enum { CHANGED_SIZE = 4096, LOG_SIZE_MAX = 4096 };
#define NS_PER_HOUR UINT64_C(3600000000000)

void nvme_log_error(struct nvme *s, const struct nvme_cmd *cmd, unsigned status)
{
    struct nvme_counters *c = &s->counters;

    c->errors++;
    s->error_log[(c->errors - 1) % NVME_ERRORS] =
        (struct nvme_error_entry){.count = c->errors,
                                  .sqid = cmd->sqid,
                                  .cid = cmd->cid,
                                  .status = (uint16_t)((status | NVME_MORE) << 1),
                                  .lba = cmd->sqid ? cmd->cdw[0] | (uint64_t)cmd->cdw[1] << 32 : 0,
                                  .nsid = cmd->nsid};
}

static uint32_t error_log(const struct nvme *s, uint8_t *page)
{
    uint64_t errors = s->counters.errors;

    for (unsigned n = 0; n < MIN(errors, NVME_ERRORS); n++) {
        const struct nvme_error_entry *e = &s->error_log[(errors - 1 - n) % NVME_ERRORS];
        uint8_t *p = page + ERROR_SIZE * n;
        store_le64(p + ERROR_COUNT, e->count);
        store_le16(p + ERROR_SQID, e->sqid);
        store_le16(p + ERROR_CID, e->cid);
        store_le16(p + ERROR_STATUS, e->status);
        store_le16(p + ERROR_PARAMETER, UINT16_MAX); /* no field in particular */
        store_le64(p + ERROR_LBA, e->lba);
        store_le32(p + ERROR_NSID, e->nsid);
    }
    return ERROR_SIZE * NVME_ERRORS;
}

static uint32_t smart_log(const struct nvme *s, uint8_t *page)
{
    const struct nvme_counters *c = &s->counters;
    uint64_t ns = (uint64_t)clock_now(s->pci.dev.machine->clocks, VCLOCK_VIRTUAL);

    page[SMART_WARNING] = nvme_temperature_warning(s) ? SMART_WARNING_TEMPERATURE : 0;
    store_le16(page + SMART_TEMPERATURE, NVME_TEMPERATURE);
    page[SMART_SPARE] = 100;
    page[SMART_SPARE_THRESHOLD] = 10;
    /* Counted from the machine's start; rounded up. */
    store_le64(page + SMART_UNITS_READ, (c->sectors_read + SMART_UNIT - 1) / SMART_UNIT);
    store_le64(page + SMART_UNITS_WRITTEN, (c->sectors_written + SMART_UNIT - 1) / SMART_UNIT);
    store_le64(page + SMART_READS, c->reads);
    store_le64(page + SMART_WRITES, c->writes);
    store_le64(page + SMART_POWER_CYCLES, 1);
    store_le64(page + SMART_POWER_ON_HOURS, ns / NS_PER_HOUR);
    store_le64(page + SMART_MEDIA_ERRORS, c->media_errors);
    store_le64(page + SMART_ERROR_ENTRIES, c->errors);
    return SMART_SIZE;
}

static uint32_t firmware_log(uint8_t *page)
{
    page[FIRMWARE_ACTIVE] = 1;
    memcpy(page + FIRMWARE_SLOT_1, NVME_FIRMWARE, 8);
    return FIRMWARE_SIZE;
}

static uint32_t effects_log(uint8_t *page)
{
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        bool writes, io = nvme_io_supports((uint8_t)opcode, &writes);
        if (nvme_admin_supports((uint8_t)opcode))
            store_le32(page + 4 * opcode, EFFECT_SUPPORTED);
        if (io)
            store_le32(page + EFFECTS_IO + 4 * opcode,
                       EFFECT_SUPPORTED | (writes ? EFFECT_CONTENT : 0u));
    }
    return EFFECTS_SIZE;
}

/* The page with this identifier: its size, and the type of event that is cleared by reading it; 0:
 * there is none. */
static uint32_t make_page(struct nvme *s, uint8_t id, uint8_t page[LOG_SIZE_MAX], unsigned *type)
{
    *type = NVME_EVENT_NOTICE;
    switch (id) {
    case NVME_LOG_ERROR:
        *type = NVME_EVENT_ERROR;
        return error_log(s, page);
    case NVME_LOG_SMART:
        *type = NVME_EVENT_SMART;
        return smart_log(s, page);
    case NVME_LOG_FIRMWARE:
        return firmware_log(page);
    case NVME_LOG_CHANGED_NAMESPACES:
        store_le32(page, s->namespace_changed ? NVME_NSID : 0);
        return CHANGED_SIZE;
    case NVME_LOG_EFFECTS:
        return effects_log(page);
    default:
        return 0;
    }
}

unsigned nvme_get_log_page(struct nvme *s, const struct nvme_cmd *cmd)
{
    uint64_t dwords = (cmd->cdw[0] >> 16 | (uint64_t)(cmd->cdw[1] & 0xffff) << 16) + 1;
    uint64_t offset = cmd->cdw[2] | (uint64_t)cmd->cdw[3] << 32;
    uint8_t page[LOG_SIZE_MAX] = {0};
    unsigned type, status;
    uint32_t size = make_page(s, (uint8_t)cmd->cdw[0], page, &type);

    if (cmd->nsid && cmd->nsid != NVME_NSID && cmd->nsid != NVME_NSID_ALL)
        return NVME_INVALID_NAMESPACE | NVME_DNR;
    if (!size)
        return NVME_INVALID_LOG_PAGE | NVME_DNR;
    if (offset % 4 || offset > size)
        return NVME_INVALID_FIELD | NVME_DNR;
    status = nvme_to_host(s, cmd, page + offset, (uint32_t)MIN(4 * dwords, size - offset));
    if (!status && !(cmd->cdw[0] & RETAIN_EVENT)) {
        if ((cmd->cdw[0] & 0xff) == NVME_LOG_CHANGED_NAMESPACES)
            s->namespace_changed = false;
        nvme_event_clear(s, type);
    }
    return status;
}
