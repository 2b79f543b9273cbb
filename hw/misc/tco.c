/* TCO watchdog; see tco.h. */
#include "hw/misc/tco.h"

#include <string.h>

#include "core/util/endian.h"
#include "core/util/range.h"

enum {
    TCO_RLD = 0x00, /* read: the count; written: reload */
    TCO1_STS = 0x04,
    TCO2_STS = 0x06,
    TCO1_CNT = 0x08,
    TCO2_CNT = 0x0a,
    TCO_MESSAGE = 0x0c, /* two bytes, and TCO_WDCNT */
    TCO_SW_IRQ_GEN = 0x10,
    TCO_TMR = 0x12,
};
enum {
    STS1_TIMEOUT = 1 << 3,
    STS2_SECOND_TO = 1 << 1,
    STS2_BOOT = 1 << 2,
    CNT1_HALT = 1 << 11,
    CNT1_LOCK = 1 << 12,
    CNT1_MASK = 0x1b00, /* TCO_LOCK, TCO_TMR_HLT, NMI2SMI_EN, NMI_NOW */
    TMR_MASK = 0x3ff,
    TMR_RESET = 4,
    SW_IRQ_GEN_RESET = 0x03,
};
#define TICK_NS INT64_C(600000000)

const struct state_field tco_state[] = {
    STATE_DEADLINE(struct tco, timer),
    STATE_BUFFER(struct tco, reg),
    STATE_INT(struct tco, held, .max = TMR_MASK),
    STATE_FLAG(struct tco, expired_once),
    STATE_FIELDS_END,
};

static int64_t now(const struct tco *t)
{
    return clock_now(device_clocks(t->dev), VCLOCK_VIRTUAL);
}

static bool halted(const struct tco *t)
{
    return load_le16(t->reg + TCO1_CNT) & CNT1_HALT;
}

static uint16_t count(const struct tco *t)
{
    if (halted(t) || !timer_pending(&t->timer))
        return t->held;
    int64_t left = timer_deadline(&t->timer) - now(t);
    return (uint16_t)MIN((MAX(left, 0) + TICK_NS - 1) / TICK_NS, (int64_t)TMR_MASK);
}

static void run_from(struct tco *t, uint16_t ticks)
{
    t->held = ticks;
    if (halted(t))
        timer_cancel(&t->timer);
    else
        timer_set(&t->timer, now(t) + ticks * TICK_NS);
}

static void reload(struct tco *t)
{
    uint16_t ticks = load_le16(t->reg + TCO_TMR) & TMR_MASK;
    t->expired_once = false;
    run_from(t, MAX(ticks, 1));
}

static void set_bits(uint8_t *reg, uint16_t bits)
{
    store_le16(reg, load_le16(reg) | bits);
}

static void expired(void *opaque)
{
    struct tco *t = opaque;
    bool second = t->expired_once;
    if (!second) {
        reload(t);
        t->expired_once = true;
        set_bits(t->reg + TCO1_STS, STS1_TIMEOUT);
        t->timeout(t->opaque);
        return;
    }
    set_bits(t->reg + TCO2_STS, STS2_SECOND_TO);
    reload(t);
    if (t->may_reset(t->opaque)) {
        set_bits(t->reg + TCO2_STS, STS2_BOOT);
        device_request(t->dev, MACHINE_REQUEST_RESET, 0);
    }
}

uint8_t tco_read(struct tco *t, unsigned offset)
{
    if (offset < TCO_RLD + 2)
        return (uint8_t)(count(t) >> 8 * offset);
    return offset < TCO_SIZE ? t->reg[offset] : 0;
}

static void write_control(struct tco *t, unsigned offset, uint8_t value)
{
    uint16_t old = load_le16(t->reg + TCO1_CNT), ticks = count(t);
    t->reg[offset] = value & (uint8_t)(CNT1_MASK >> 8 * (offset - TCO1_CNT));
    if (old & CNT1_LOCK)
        set_bits(t->reg + TCO1_CNT, CNT1_LOCK); /* until reset */
    if ((old ^ load_le16(t->reg + TCO1_CNT)) & CNT1_HALT)
        run_from(t, ticks);
}

void tco_write(struct tco *t, unsigned offset, uint8_t value)
{
    switch (offset) {
    case TCO_RLD:
        reload(t);
        break;
    case TCO1_STS:
    case TCO1_STS + 1:
    case TCO2_STS:
    case TCO2_STS + 1:
        t->reg[offset] &= (uint8_t)~value;
        break;
    case TCO1_CNT:
    case TCO1_CNT + 1:
        write_control(t, offset, value);
        break;
    case TCO_TMR:
    case TCO_TMR + 1:
        t->reg[offset] = value & (uint8_t)(TMR_MASK >> 8 * (offset - TCO_TMR));
        break;
    case 0x02 ... 0x03: /* TCO_DAT_IN, TCO_DAT_OUT */
    case TCO2_CNT ... TCO_SW_IRQ_GEN:
        t->reg[offset] = value;
        break;
    default:
        break;
    }
}

void tco_init(struct tco *t, struct device *dev, void (*timeout)(void *opaque),
              bool (*may_reset)(void *opaque), void *opaque)
{
    t->dev = dev;
    t->timeout = timeout;
    t->may_reset = may_reset;
    t->opaque = opaque;
    timer_init(&t->timer, device_clocks(dev), VCLOCK_VIRTUAL, expired, t);
}

void tco_exit(struct tco *t)
{
    timer_cancel(&t->timer);
}

void tco_reset(struct tco *t)
{
    /* What tells the next boot that the last one was ended by the watchdog stays. */
    uint8_t second = t->reg[TCO2_STS] & (STS2_SECOND_TO | STS2_BOOT);
    memset(t->reg, 0, sizeof t->reg);
    t->reg[TCO2_STS] = second & STS2_BOOT ? second : 0;
    store_le16(t->reg + TCO_TMR, TMR_RESET);
    t->reg[TCO_SW_IRQ_GEN] = SW_IRQ_GEN_RESET;
    /* Halted, as firmware would leave it: what nobody reloads must not reset the machine. */
    store_le16(t->reg + TCO1_CNT, CNT1_HALT);
    t->expired_once = false;
    run_from(t, TMR_RESET);
}
