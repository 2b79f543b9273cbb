/* ISA DMA; see i8237.h. */
#include "hw/misc/i8237.h"

#include <string.h>

#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/isa_port.h"

enum { CHANNELS = 4, CONTROLLERS = 2, PAGE_BASE = 0x81, PAGE_PORTS = 15 };
/* Registers from 8 on; 0 to 7 are address and count of each channel in turn. */
enum {
    REG_STATUS = 8, /* written: command */
    REG_REQUEST = 9,
    REG_SINGLE_MASK = 10,
    REG_MODE = 11,
    REG_CLEAR_BYTE = 12,
    REG_MASTER_CLEAR = 13, /* read: temporary */
    REG_CLEAR_MASK = 14,
    REG_ALL_MASK = 15,
};
enum {
    COMMAND_DISABLE = 1 << 2,
    MODE_AUTO = 1 << 4,
    MODE_DECREMENT = 1 << 5,
    MODE_TYPE_SHIFT = 2,
    MODE_TYPE = 3 << MODE_TYPE_SHIFT,
    TYPE_VERIFY = 0,
    TYPE_WRITE = 1, /* to memory */
    TYPE_READ = 2,
    MODE_SELECT = 3 << 6,
    SELECT_CASCADE = 3 << 6,
};

struct channel {
    uint16_t base_address, base_count;
    uint16_t address, count; /* count is one less than what is left; 0xffff after the last */
    uint8_t mode;
};

struct controller {
    struct channel channel[CHANNELS];
    uint8_t command, mask, request, terminal; /* a bit a channel */
    uint8_t lines;                            /* request lines of devices */
    bool high;                                /* the next byte is a register's high one */
};

struct i8237 {
    struct device dev;
    struct controller controller[CONTROLLERS];
    uint8_t page[PAGE_PORTS];
    struct mem_region regions[CONTROLLERS], pages;
};

/* ---- registers ------------------------------------------------------------------------------- */

static uint8_t half(const struct controller *c, uint16_t value)
{
    return (uint8_t)(value >> (c->high ? 8 : 0));
}

static void set_half(const struct controller *c, uint16_t *reg, uint8_t value)
{
    *reg = c->high ? (uint16_t)((*reg & 0x00ff) | value << 8) : (uint16_t)((*reg & 0xff00) | value);
}

static void clear(struct controller *c)
{
    c->command = c->request = c->terminal = 0;
    c->mask = 0x0f;
    c->high = false;
}

static uint8_t controller_read(struct controller *c, unsigned reg)
{
    uint8_t value;
    if (reg < REG_STATUS) {
        const struct channel *ch = &c->channel[reg / 2];
        value = half(c, reg & 1 ? ch->count : ch->address);
        c->high = !c->high;
        return value;
    }
    switch (reg) {
    case REG_STATUS:
        value = (uint8_t)((c->request | c->lines) << 4 | c->terminal);
        c->terminal = 0;
        return value;
    case REG_ALL_MASK:
        return (uint8_t)(0xf0 | c->mask);
    default:
        return 0; /* the temporary register: memory to memory is not wired on a PC */
    }
}

static void controller_write(struct controller *c, unsigned reg, uint8_t value)
{
    if (reg < REG_STATUS) {
        struct channel *ch = &c->channel[reg / 2];
        set_half(c, reg & 1 ? &ch->base_count : &ch->base_address, value);
        set_half(c, reg & 1 ? &ch->count : &ch->address, value);
        c->high = !c->high;
        return;
    }
    uint8_t bit = (uint8_t)(1 << (value & 3));
    switch (reg) {
    case REG_STATUS:
        c->command = value;
        break;
    case REG_REQUEST:
        c->request = (uint8_t)(value & 4 ? c->request | bit : c->request & ~bit);
        break;
    case REG_SINGLE_MASK:
        c->mask = (uint8_t)(value & 4 ? c->mask | bit : c->mask & ~bit);
        break;
    case REG_MODE:
        c->channel[value & 3].mode = value & 0xfc;
        break;
    case REG_CLEAR_BYTE:
        c->high = false;
        break;
    case REG_MASTER_CLEAR:
        clear(c);
        break;
    case REG_CLEAR_MASK:
        c->mask = 0;
        break;
    default:
        c->mask = value & 0x0f;
        break;
    }
}

static uint64_t first_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8237 *s = opaque;
    (void)size;
    return controller_read(&s->controller[0], (unsigned)offset);
}
static void first_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8237 *s = opaque;
    (void)size;
    controller_write(&s->controller[0], (unsigned)offset, (uint8_t)value);
}
/* The second one's registers are two ports apart. */
static uint64_t second_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8237 *s = opaque;
    (void)size;
    return offset & 1 ? 0xff : controller_read(&s->controller[1], (unsigned)offset / 2);
}
static void second_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8237 *s = opaque;
    (void)size;
    if (!(offset & 1))
        controller_write(&s->controller[1], (unsigned)offset / 2, (uint8_t)value);
}
static uint64_t pages_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct i8237 *s = opaque;
    (void)size;
    return s->page[offset];
}
static void pages_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8237 *s = opaque;
    (void)size;
    s->page[offset] = (uint8_t)value;
}

static const struct mem_ops first_ops = {
    .read = first_read, .write = first_write, .min_size = 1, .max_size = 1};
static const struct mem_ops second_ops = {
    .read = second_read, .write = second_write, .min_size = 1, .max_size = 1};
static const struct mem_ops pages_ops = {
    .read = pages_read, .write = pages_write, .min_size = 1, .max_size = 1};

/* ---- transfers ------------------------------------------------------------------------------- */

/* The page register holds address bits 16 to 23; of words, bit 16 is the counter's. */
static uint64_t memory_address(const struct i8237 *s, unsigned channel)
{
    static const uint8_t port[8] = {0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a};
    uint16_t address = s->controller[channel / CHANNELS].channel[channel % CHANNELS].address;
    uint64_t page = s->page[port[channel] - PAGE_BASE];
    return channel < CHANNELS ? page << 16 | address : (page & 0xfe) << 16 | (uint64_t)address << 1;
}

static void move(struct i8237 *s, unsigned channel, bool to_memory, uint8_t *unit, uint32_t size)
{
    uint64_t at = memory_address(s, channel);
    if (to_memory)
        dma_write(device_memory(&s->dev), &s->dev, at, unit, size);
    else
        dma_read(device_memory(&s->dev), &s->dev, at, unit, size);
}

uint32_t i8237_transfer(struct device *dev, unsigned channel, bool to_memory, void *buf,
                        uint32_t len, bool *terminal)
{
    struct i8237 *s = (struct i8237 *)dev;
    struct controller *c = &s->controller[channel / CHANNELS % CONTROLLERS];
    struct channel *ch = &c->channel[channel % CHANNELS];
    const uint8_t bit = (uint8_t)(1 << channel % CHANNELS);
    const uint32_t size = channel < CHANNELS ? 1 : 2;
    const unsigned type = (ch->mode & MODE_TYPE) >> MODE_TYPE_SHIFT;
    uint32_t done = 0;

    *terminal = false;
    /* The first controller's requests go through channel 4 of the second. */
    bool off = (c->command & COMMAND_DISABLE) || (c->mask & bit) ||
               (ch->mode & MODE_SELECT) == SELECT_CASCADE;
    if (channel < CHANNELS)
        off |= (s->controller[1].command & COMMAND_DISABLE) || (s->controller[1].mask & 1);
    if (channel >= CHANNELS * CONTROLLERS || channel == CHANNELS || off ||
        (type != TYPE_VERIFY && type != (to_memory ? TYPE_WRITE : TYPE_READ)))
        return 0;
    while (len - done >= size && !*terminal) {
        if (type != TYPE_VERIFY)
            move(s, channel, to_memory, (uint8_t *)buf + done, size);
        done += size;
        ch->address = (uint16_t)(ch->address + (ch->mode & MODE_DECREMENT ? -1 : 1));
        *terminal = ch->count-- == 0;
    }
    if (*terminal) {
        c->terminal |= bit;
        c->request &= (uint8_t)~bit;
        if (ch->mode & MODE_AUTO) {
            ch->address = ch->base_address;
            ch->count = ch->base_count;
        } else {
            c->mask |= bit;
        }
    }
    return done;
}

void i8237_set_request(struct device *dev, unsigned channel, bool on)
{
    struct i8237 *s = (struct i8237 *)dev;
    struct controller *c = &s->controller[channel / CHANNELS % CONTROLLERS];
    uint8_t bit = (uint8_t)(1 << channel % CHANNELS);
    c->lines = (uint8_t)(on ? c->lines | bit : c->lines & ~bit);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void i8237_unrealize(struct device *dev)
{
    struct i8237 *s = (struct i8237 *)dev;
    mem_region_remove(&s->regions[0]);
    mem_region_remove(&s->regions[1]);
    mem_region_remove(&s->pages);
}

static bool i8237_realize(struct device *dev, struct vemu_error **errp)
{
    struct i8237 *s = (struct i8237 *)dev;
    if (isa_port_add(dev, &s->regions[0], "dma1", 0x00, 16, &first_ops, s, errp) &&
        isa_port_add(dev, &s->regions[1], "dma2", 0xc0, 32, &second_ops, s, errp) &&
        isa_port_add(dev, &s->pages, "dma-pages", PAGE_BASE, PAGE_PORTS, &pages_ops, s, errp))
        return true;
    i8237_unrealize(dev);
    return false;
}

static void i8237_reset(struct device *dev)
{
    struct i8237 *s = (struct i8237 *)dev;
    for (unsigned n = 0; n < CONTROLLERS; n++) {
        memset(s->controller[n].channel, 0, sizeof s->controller[n].channel);
        clear(&s->controller[n]);
    }
    memset(s->page, 0, sizeof s->page);
}

static const struct state_field channel_state[] = {
    STATE_INT(struct channel, base_address), STATE_INT(struct channel, base_count),
    STATE_INT(struct channel, address),      STATE_INT(struct channel, count),
    STATE_INT(struct channel, mode),         STATE_FIELDS_END,
};

static const struct state_field controller_state[] = {
    STATE_ARRAY_OF(struct controller, channel, channel_state),
    STATE_INT(struct controller, command),
    STATE_INT(struct controller, mask, .max = 15),
    STATE_INT(struct controller, request, .max = 15),
    STATE_INT(struct controller, terminal, .max = 15),
    STATE_INT(struct controller, lines, .max = 15),
    STATE_FLAG(struct controller, high),
    STATE_FIELDS_END,
};

static const struct state_field i8237_state[] = {
    STATE_ARRAY_OF(struct i8237, controller, controller_state),
    STATE_BUFFER(struct i8237, page),
    STATE_FIELDS_END,
};

const struct device_class i8237_class = {
    .name = "i8237",
    .help = "ISA DMA controllers",
    .size = sizeof(struct i8237),
    .state = i8237_state,
    .state_version = 1,
    .realize = i8237_realize,
    .unrealize = i8237_unrealize,
    .reset = i8237_reset,
};

struct device *i8237_create(struct vemu_machine *m, struct vemu_error **errp)
{
    struct device *dev = device_new(m, &i8237_class, NULL, errp);
    return dev ? device_realize_or_free(dev, errp) : NULL;
}
