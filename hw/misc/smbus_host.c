/* SMBus host controller; see smbus_host.h. */
#include "hw/misc/smbus_host.h"

#include <string.h>

enum {
    HST_STS = 0x00,
    HST_CNT = 0x02,
    HST_BLOCK_DB = 0x07,
    ICH_RCV_SLVA = 0x09,
    ICH_AUX_CTL = 0x0d,
    ICH_SMLINK_PINS = 0x0e,
    ICH_SMBUS_PINS = 0x0f,
};
enum {
    STS_DEV_ERR = 1 << 2,
    STS_FAILED = 1 << 4,
    STS_EVENTS = 0x9e, /* INTR, DEV_ERR, BUS_ERR, FAILED, byte done: a written 1 clears */
    STS_IN_USE = 1 << 6,
    CNT_INTREN = 1 << 0,
    CNT_KILL = 1 << 1,
    CNT_START = 1 << 6,
    AUX_CTL_BUFFER = 1 << 1,
    RCV_SLVA_RESET = 0x44,
    PINS_IDLE = 0x07, /* clock and data are high, the clock is not held */
};

const struct state_field smbus_host_state[] = {
    STATE_BUFFER(struct smbus_host, reg),
    STATE_BUFFER(struct smbus_host, block),
    STATE_INT(struct smbus_host, block_at, .max = SMBUS_BLOCK_MAX - 1),
    STATE_FLAG(struct smbus_host, interrupting),
    STATE_FIELDS_END,
};

static void update(struct smbus_host *s)
{
    bool on = (s->reg[HST_CNT] & CNT_INTREN) && (s->reg[HST_STS] & STS_EVENTS);

    if (on == s->interrupting)
        return;
    s->interrupting = on;
    s->interrupt(s->opaque, on);
}

/* The PIIX4 always has its block buffer, the ICH behind a bit; without it the register is one byte.
 */
static uint8_t *block_byte(struct smbus_host *s)
{
    if (s->ich && !(s->reg[ICH_AUX_CTL] & AUX_CTL_BUFFER))
        return &s->reg[HST_BLOCK_DB];
    uint8_t *byte = &s->block[s->block_at];
    s->block_at = (s->block_at + 1) % SMBUS_BLOCK_MAX;
    return byte;
}

static uint64_t smbus_read(void *opaque, uint64_t offset, unsigned size)
{
    struct smbus_host *s = opaque;
    uint8_t value = s->reg[offset];

    (void)size;
    switch (offset) {
    case HST_STS:
        /* A semaphore: whoever reads it clear has it, until a 1 is written. */
        if (s->ich)
            s->reg[HST_STS] |= STS_IN_USE;
        break;
    case HST_CNT:
        s->block_at = 0;
        break;
    case HST_BLOCK_DB:
        return *block_byte(s);
    default:
        break;
    }
    return value;
}

static void control(struct smbus_host *s, uint8_t value)
{
    s->reg[HST_CNT] = value & (uint8_t)~CNT_START;
    if (value & CNT_KILL)
        s->reg[HST_STS] |= STS_FAILED;
    else if (value & CNT_START)
        s->reg[HST_STS] |= STS_DEV_ERR; /* nobody acknowledges the address */
}

static void smbus_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct smbus_host *s = opaque;
    uint8_t byte = (uint8_t)value;

    (void)size;
    switch (offset) {
    case HST_STS:
        s->reg[HST_STS] &= (uint8_t)~byte;
        break;
    case HST_CNT:
        control(s, byte);
        break;
    case HST_BLOCK_DB:
        *block_byte(s) = byte;
        break;
    case ICH_SMLINK_PINS:
    case ICH_SMBUS_PINS:
        if (!s->ich)
            s->reg[offset] = byte;
        break;
    default:
        s->reg[offset] = byte;
        break;
    }
    update(s);
}

static const struct mem_ops smbus_ops = {
    .read = smbus_read, .write = smbus_write, .min_size = 1, .max_size = 1};

void smbus_host_init(struct smbus_host *s, struct device *dev, bool ich,
                     void (*interrupt)(void *opaque, int level), void *opaque)
{
    s->ich = ich;
    s->interrupt = interrupt;
    s->opaque = opaque;
    mem_region_init_io(&s->region, "smbus", ich ? SMBUS_ICH_PORTS : SMBUS_PIIX4_PORTS, &smbus_ops,
                       s, dev);
}

void smbus_host_exit(struct smbus_host *s)
{
    mem_region_remove(&s->region);
}

void smbus_host_reset(struct smbus_host *s)
{
    memset(s->reg, 0, sizeof s->reg);
    memset(s->block, 0, sizeof s->block);
    s->block_at = 0;
    if (s->ich) {
        s->reg[ICH_RCV_SLVA] = RCV_SLVA_RESET;
        s->reg[ICH_SMLINK_PINS] = s->reg[ICH_SMBUS_PINS] = PINS_IDLE;
    }
    update(s);
}
