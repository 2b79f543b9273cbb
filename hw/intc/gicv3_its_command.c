/*
 * The ITS's commands: 32 bytes each, in a ring in the guest's memory. IHI 0069, chapter on the ITS,
 * section on its commands. One that does not make sense is skipped, and said to be wrong in the
 * log.
 */
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/intc/gicv3_its_internal.h"

enum {
    CMD_MOVI = 0x01,
    CMD_INT = 0x03,
    CMD_CLEAR = 0x04,
    CMD_SYNC = 0x05,
    CMD_MAPD = 0x08,
    CMD_MAPC = 0x09,
    CMD_MAPTI = 0x0a,
    CMD_MAPI = 0x0b,
    CMD_INV = 0x0c,
    CMD_INVALL = 0x0d,
    CMD_MOVALL = 0x0e,
    CMD_DISCARD = 0x0f,
};
enum { COMMAND = 32, CBASER_SIZE = 0xff, CREADR_STALLED = 1 };
#define CBASER_ADDRESS UINT64_C(0xffffffffff000)

struct command {
    uint64_t word[4];
};
/* Operands that most of them have. */
static uint32_t device_id(const struct command *c)
{
    return (uint32_t)(c->word[0] >> 32);
}
static uint32_t event_id(const struct command *c)
{
    return (uint32_t)c->word[1];
}
static uint16_t collection_id(const struct command *c)
{
    return (uint16_t)c->word[2];
}
static bool is_valid(const struct command *c)
{
    return c->word[2] & ITS_VALID;
}

/* A redistributor is named by its processor's number. */
static struct gicv3_cpu *redistributor(struct gicv3_its *s, uint64_t word)
{
    uint64_t number = word >> 16 & UINT64_C(0xfffffffff);
    return number < s->gic->cfg.cpu_count ? &s->gic->cpu[number] : NULL;
}

static bool map_device(struct gicv3_its *s, const struct command *c)
{
    uint64_t size = c->word[1] & 0x1f;

    if (device_id(c) >> ITS_DEVICE_BITS || (is_valid(c) && size >= ITS_EVENT_BITS))
        return false;
    return its_write_entry(s, ITS_DEVICES, device_id(c),
                           is_valid(c) ? ITS_VALID | (c->word[2] & ITS_ITT_ADDRESS) | size : 0);
}

static bool map_collection(struct gicv3_its *s, const struct command *c)
{
    const struct gicv3_cpu *target = redistributor(s, c->word[2]);

    if (is_valid(c) && !target)
        return false;
    return its_write_entry(s, ITS_COLLECTIONS, collection_id(c),
                           is_valid(c) ? ITS_VALID | target->index : 0);
}

static bool map_event(struct gicv3_its *s, const struct command *c, uint32_t intid)
{
    struct its_device device;

    return gicv3_is_lpi(intid) && its_read_device(s, device_id(c), &device) &&
           its_write_event(s, &device, event_id(c),
                           ITS_VALID | (uint64_t)collection_id(c) << 16 | intid);
}

static bool find_event(struct gicv3_its *s, const struct command *c, struct its_device *device,
                       struct its_event *event)
{
    return its_read_device(s, device_id(c), device) &&
           its_read_event(s, device, event_id(c), event);
}

static bool move_event(struct gicv3_its *s, const struct command *c)
{
    struct its_device device;
    struct its_event event;
    struct gicv3_cpu *from, *to = its_read_collection(s, collection_id(c));

    if (!to || !find_event(s, c, &device, &event))
        return false;
    from = its_read_collection(s, event.collection);
    if (!from || !its_write_event(s, &device, event_id(c),
                                  ITS_VALID | (uint64_t)collection_id(c) << 16 | event.intid))
        return false;
    gicv3_lpi_move(from, to, event.intid);
    return true;
}

static bool discard(struct gicv3_its *s, const struct command *c)
{
    struct its_device device;
    struct its_event event;
    struct gicv3_cpu *target;

    if (!find_event(s, c, &device, &event))
        return false;
    target = its_read_collection(s, event.collection);
    if (target)
        gicv3_lpi_set(target, event.intid, false);
    return its_write_event(s, &device, event_id(c), 0);
}

static bool invalidate(struct gicv3_its *s, const struct command *c)
{
    struct its_device device;
    struct its_event event;

    if (!find_event(s, c, &device, &event))
        return false;
    gicv3_lpi_load_config(s->gic, event.intid, 1);
    return true;
}

static bool move_all(struct gicv3_its *s, const struct command *c)
{
    struct gicv3_cpu *from = redistributor(s, c->word[2]), *to = redistributor(s, c->word[3]);

    if (!from || !to)
        return false;
    gicv3_lpi_move_all(from, to);
    return true;
}

/* The whole table of LPIs is read again, once for all commands of a round that want it. */
static bool run(struct gicv3_its *s, const struct command *c, bool *reload)
{
    switch (c->word[0] & 0xff) {
    case CMD_MAPD:
        return map_device(s, c);
    case CMD_MAPC:
        return map_collection(s, c);
    case CMD_MAPTI:
        return map_event(s, c, (uint32_t)(c->word[1] >> 32));
    case CMD_MAPI:
        return map_event(s, c, event_id(c));
    case CMD_MOVI:
        return move_event(s, c);
    case CMD_MOVALL:
        return move_all(s, c);
    case CMD_INT:
        return its_translate(s, device_id(c), event_id(c), true);
    case CMD_CLEAR:
        return its_translate(s, device_id(c), event_id(c), false);
    case CMD_DISCARD:
        return discard(s, c);
    case CMD_INV:
        return invalidate(s, c);
    case CMD_INVALL:
        *reload = true;
        return its_read_collection(s, collection_id(c));
    case CMD_SYNC: /* nothing is ever under way */
        return redistributor(s, c->word[2]);
    }
    return false;
}

static bool fetch(struct gicv3_its *s, struct command *c)
{
    uint8_t bytes[COMMAND];

    if (dma_read(device_memory(&s->dev), &s->dev, (s->cbaser & CBASER_ADDRESS) + s->creadr, bytes,
                 sizeof bytes) != MEM_OK)
        return false;
    for (unsigned i = 0; i < 4; i++)
        c->word[i] = load_le64(bytes + 8 * i);
    return true;
}

void its_run_commands(struct gicv3_its *s)
{
    uint64_t size = ((s->cbaser & CBASER_SIZE) + 1) * 4096;
    struct command c;
    bool reload = false;

    if (!(s->ctlr & ITS_CTLR_ENABLED) || !(s->cbaser & ITS_VALID) || s->cwriter >= size ||
        s->creadr & CREADR_STALLED)
        return;
    /* No more than a ring full of them. */
    for (uint64_t n = 0; s->creadr != s->cwriter && n < size / COMMAND; n++) {
        if (!fetch(s, &c)) {
            guest_error(s, "gicv3-its: its command queue is not in memory");
            s->creadr |= CREADR_STALLED;
            break;
        }
        if (!run(s, &c, &reload))
            guest_error(s, "gicv3-its: command %#x for device %#x cannot be done",
                        (unsigned)c.word[0] & 0xff, device_id(&c));
        s->creadr = s->creadr + COMMAND >= size ? 0 : s->creadr + COMMAND;
    }
    if (reload)
        gicv3_lpi_load_config(s->gic, GICV3_LPI_FIRST, GICV3_LPIS);
    gicv3_lpi_settle(s->gic);
}
