/* Features of the NVMe controller, and the asynchronous events that some of them switch on. */
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/block/nvme_internal.h"

enum {
    FEATURE_ARBITRATION = 0x01,
    FEATURE_POWER = 0x02,
    FEATURE_TEMPERATURE = 0x04,
    FEATURE_ERROR_RECOVERY = 0x05,
    FEATURE_WRITE_CACHE = 0x06,
    FEATURE_QUEUES = 0x07,
    FEATURE_COALESCING = 0x08,
    FEATURE_VECTOR = 0x09,
    FEATURE_WRITE_ATOMICITY = 0x0a,
    FEATURE_ASYNC_EVENTS = 0x0b,
    FEATURE_TIMESTAMP = 0x0e,
};
enum { SELECT_CURRENT, SELECT_DEFAULT, SELECT_SAVED, SELECT_CAPABILITIES };
enum { CAPABILITY_CHANGEABLE = 1 << 2, CAPABILITY_OF_NAMESPACE = 1 << 1 };
enum { SAVE = 1u << 31 };                           /* dword 10 of Set Features */
enum { THRESHOLD_UNDER = 1 << 20 };                 /* dword 11 */
enum { TIMESTAMP_SIZE = 8, TIMESTAMP_WAS_SET = 2 }; /* bits of byte 6 */
enum { EVENTS_TEMPERATURE = 1 << 1, EVENTS_NAMESPACE = 1 << 8 };
enum { NS_PER_MS = 1000000 };

static uint64_t now_ns(const struct nvme *s)
{
    return (uint64_t)clock_now(s->pci.dev.machine->clocks, VCLOCK_VIRTUAL);
}

/* What a feature is after a reset, but for those with data or several parts. */
static void set_defaults(const struct nvme *s, struct nvme_features *f)
{
    uint32_t pairs = s->props.max_ioqpairs - 1u;

    *f = (struct nvme_features){
        .arbitration = 7, /* no limit to a burst */
        .queues = pairs | pairs << 16,
        .write_cache = true,
        .over_temperature = NVME_TEMPERATURE_WARNING,
        .timestamp_ns = now_ns(s),
    };
}

void nvme_features_reset(struct nvme *s)
{
    set_defaults(s, &s->features);
}

/* ---- events ---------------------------------------------------------------------------------- */

unsigned nvme_event_request(struct nvme *s, const struct nvme_cmd *cmd)
{
    if (s->aer_count > s->props.aerl) /* counted from 0 */
        return NVME_AER_LIMIT_EXCEEDED | NVME_DNR;
    s->aers[s->aer_count++] = cmd->cid;
    nvme_events_post(s);
    return NVME_UNDER_WAY;
}

static void complete_request(struct nvme *s, unsigned n, unsigned status, uint32_t result)
{
    struct nvme_cmd cmd = {.cid = s->aers[n]};

    s->aer_count--;
    memmove(s->aers + n, s->aers + n + 1, (s->aer_count - n) * sizeof s->aers[0]);
    s->aers[s->aer_count] = 0;
    nvme_complete(s, &cmd, status, result);
}

bool nvme_event_abort(struct nvme *s, uint16_t cid)
{
    for (unsigned n = 0; n < s->aer_count; n++) {
        if (s->aers[n] != cid || !nvme_cq_room(&s->cq[0]))
            continue;
        complete_request(s, n, NVME_ABORT_REQUESTED | NVME_DNR, 0);
        return true;
    }
    return false;
}

void nvme_events_post(struct nvme *s)
{
    for (unsigned type = 0; type < NVME_EVENT_TYPES; type++) {
        uint8_t bit = (uint8_t)(1u << type);
        if (!(s->events & bit) || (s->events_told & bit) || !s->aer_count ||
            !nvme_cq_room(&s->cq[0]))
            continue;
        s->events &= (uint8_t)~bit;
        s->events_told |= bit;
        complete_request(s, 0, NVME_SUCCESS, s->event_results[type]);
    }
}

void nvme_event(struct nvme *s, unsigned type, unsigned info, unsigned log_page)
{
    s->events |= (uint8_t)(1u << type);
    s->event_results[type] = type | info << 8 | log_page << 16;
    nvme_events_post(s);
}

void nvme_event_clear(struct nvme *s, unsigned type)
{
    s->events_told &= (uint8_t) ~(1u << type);
    nvme_events_post(s);
}

void nvme_namespace_changed(struct nvme *s)
{
    s->namespace_changed = true;
    if (s->features.async_events & EVENTS_NAMESPACE)
        nvme_event(s, NVME_EVENT_NOTICE, NVME_NOTICE_NAMESPACE, NVME_LOG_CHANGED_NAMESPACES);
}

/* ---- features that are one word -------------------------------------------------------------- */

static bool get_word(const struct nvme_features *f, uint8_t id, uint32_t cdw11, uint32_t *value)
{
    unsigned vector = cdw11 & 0xffff;

    switch (id) {
    case FEATURE_ARBITRATION:
        *value = f->arbitration;
        return true;
    case FEATURE_POWER:
        *value = f->power;
        return true;
    case FEATURE_TEMPERATURE:
        *value = cdw11 & THRESHOLD_UNDER ? f->under_temperature : f->over_temperature;
        return true;
    case FEATURE_ERROR_RECOVERY:
        *value = f->error_recovery;
        return true;
    case FEATURE_WRITE_CACHE:
        *value = f->write_cache;
        return true;
    case FEATURE_QUEUES:
        *value = f->queues;
        return true;
    case FEATURE_COALESCING:
        *value = f->coalescing;
        return true;
    case FEATURE_VECTOR:
        *value = vector | (f->no_coalescing[vector / 8] >> vector % 8 & 1u) << 16;
        return true;
    case FEATURE_WRITE_ATOMICITY:
        *value = f->write_atomicity;
        return true;
    case FEATURE_ASYNC_EVENTS:
        *value = f->async_events;
        return true;
    default:
        return false;
    }
}

/* Of the one sensor there is, the composite temperature. */
static bool is_temperature(uint32_t cdw11)
{
    return !(cdw11 >> 16 & 15) && (cdw11 >> 20 & 3) <= 1;
}

static unsigned set_temperature(struct nvme *s, uint32_t cdw11)
{
    struct nvme_features *f = &s->features;

    if ((cdw11 >> 16 & 15) == 15) /* all sensors */
        cdw11 &= ~(UINT32_C(15) << 16);
    if (!is_temperature(cdw11))
        return NVME_INVALID_FIELD | NVME_DNR;
    if (cdw11 & THRESHOLD_UNDER)
        f->under_temperature = (uint16_t)cdw11;
    else
        f->over_temperature = (uint16_t)cdw11;
    if (nvme_temperature_warning(s) && (f->async_events & EVENTS_TEMPERATURE))
        nvme_event(s, NVME_EVENT_SMART, NVME_SMART_TEMPERATURE, NVME_LOG_SMART);
    return NVME_SUCCESS;
}

/* Both counts are from 0. Only before the first queue. */
static unsigned set_queues(struct nvme *s, uint32_t cdw11, uint32_t *result)
{
    uint32_t most = s->props.max_ioqpairs - 1u, sqs = cdw11 & 0xffff, cqs = cdw11 >> 16;

    if (sqs == 0xffff || cqs == 0xffff)
        return NVME_INVALID_FIELD | NVME_DNR;
    for (unsigned n = 1; n < NVME_QUEUES_MAX; n++) {
        if (s->cq[n].size)
            return NVME_COMMAND_SEQUENCE_ERROR | NVME_DNR;
    }
    s->features.queues = MIN(sqs, most) | MIN(cqs, most) << 16;
    *result = s->features.queues;
    return NVME_SUCCESS;
}

static unsigned set_write_cache(struct nvme *s, bool on)
{
    /* What the cache has is to be durable when there is none. */
    if (s->features.write_cache && !on && !vemu_block_flush(s->props.drive->block, NULL))
        return NVME_INTERNAL_ERROR;
    s->features.write_cache = on;
    return NVME_SUCCESS;
}

static unsigned set_vector(struct nvme *s, uint32_t cdw11)
{
    unsigned vector = cdw11 & 0xffff;
    uint8_t bit = (uint8_t)(1u << vector % 8);

    if (vector >= nvme_vectors(s))
        return NVME_INVALID_FIELD | NVME_DNR;
    s->features.no_coalescing[vector / 8] &= (uint8_t)~bit;
    if (cdw11 >> 16 & 1)
        s->features.no_coalescing[vector / 8] |= bit;
    return NVME_SUCCESS;
}

/* ---- time ------------------------------------------------------------------------------------ */

static unsigned get_timestamp(struct nvme *s, const struct nvme_cmd *cmd)
{
    const struct nvme_features *f = &s->features;
    uint64_t now = now_ns(s);
    uint8_t data[TIMESTAMP_SIZE];

    /* 48 bits of milliseconds. */
    store_le64(data, (f->timestamp + (now - f->timestamp_ns) / NS_PER_MS) & mask_bits(48));
    data[6] = f->timestamp_set ? TIMESTAMP_WAS_SET : 0;
    return nvme_to_host(s, cmd, data, sizeof data);
}

static unsigned set_timestamp(struct nvme *s, const struct nvme_cmd *cmd)
{
    struct nvme_features *f = &s->features;
    uint8_t data[TIMESTAMP_SIZE];
    unsigned status = nvme_from_host(s, cmd, data, sizeof data);

    if (status)
        return status;
    f->timestamp = load_le64(data) & mask_bits(48);
    f->timestamp_ns = now_ns(s);
    f->timestamp_set = true;
    return NVME_SUCCESS;
}

/* ---- commands -------------------------------------------------------------------------------- */

static uint32_t capabilities(uint8_t id)
{
    return CAPABILITY_CHANGEABLE | (id == FEATURE_ERROR_RECOVERY ? CAPABILITY_OF_NAMESPACE : 0u);
}

static unsigned check_namespace(const struct nvme_cmd *cmd, bool all)
{
    if ((cmd->cdw[0] & 0xff) != FEATURE_ERROR_RECOVERY || cmd->nsid == NVME_NSID ||
        (all && cmd->nsid == NVME_NSID_ALL))
        return NVME_SUCCESS;
    return NVME_INVALID_NAMESPACE | NVME_DNR;
}

unsigned nvme_get_features(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    uint8_t id = (uint8_t)cmd->cdw[0], select = cmd->cdw[0] >> 8 & 7;
    struct nvme_features defaults;
    unsigned status = check_namespace(cmd, false);
    uint32_t value;

    set_defaults(s, &defaults);
    if (status)
        return status;
    if ((id == FEATURE_TEMPERATURE && !is_temperature(cmd->cdw[1])) ||
        (id == FEATURE_VECTOR && (cmd->cdw[1] & 0xffff) >= nvme_vectors(s)) ||
        select > SELECT_CAPABILITIES ||
        (id != FEATURE_TIMESTAMP && !get_word(&defaults, id, cmd->cdw[1], &value)))
        return NVME_INVALID_FIELD | NVME_DNR;
    if (select == SELECT_CAPABILITIES) {
        *result = capabilities(id);
        return NVME_SUCCESS;
    }
    if (id == FEATURE_TIMESTAMP)
        return get_timestamp(s, cmd);
    /* Nothing is saved, so what is saved are the defaults. */
    get_word(select == SELECT_CURRENT ? &s->features : &defaults, id, cmd->cdw[1], result);
    return NVME_SUCCESS;
}

unsigned nvme_set_features(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result)
{
    struct nvme_features *f = &s->features;
    uint32_t value = cmd->cdw[1];
    unsigned status = check_namespace(cmd, true);

    if (status)
        return status;
    if (cmd->cdw[0] & SAVE)
        return NVME_NOT_SAVEABLE | NVME_DNR;
    switch (cmd->cdw[0] & 0xff) {
    case FEATURE_ARBITRATION:
        f->arbitration = value;
        break;
    case FEATURE_POWER:
        if (value & 0x1f) /* there is one power state */
            return NVME_INVALID_FIELD | NVME_DNR;
        f->power = value & 0xff;
        break;
    case FEATURE_TEMPERATURE:
        return set_temperature(s, value);
    case FEATURE_ERROR_RECOVERY:
        f->error_recovery = value & 0xffff;
        break;
    case FEATURE_WRITE_CACHE:
        return set_write_cache(s, value & 1);
    case FEATURE_QUEUES:
        return set_queues(s, value, result);
    case FEATURE_COALESCING: /* recommendations */
        f->coalescing = value & 0xffff;
        break;
    case FEATURE_VECTOR:
        return set_vector(s, value);
    case FEATURE_WRITE_ATOMICITY:
        f->write_atomicity = value & 1;
        break;
    case FEATURE_ASYNC_EVENTS:
        f->async_events = value;
        break;
    case FEATURE_TIMESTAMP:
        return set_timestamp(s, cmd);
    default:
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return NVME_SUCCESS;
}
