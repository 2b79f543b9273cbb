/*
 * A PS/2 mouse: three buttons, and after the sequences of sample rates that drivers know, a wheel
 * (device ID 3) and two more buttons (ID 4).
 *
 * Specification: IBM PS/2 Hardware Interface Technical Reference, chapter "Mouse"; the wheel as
 * Microsoft's "Hardware Design Guide" and drivers have it. The resolution is only remembered: a
 * count is what the sender said, whatever the guest takes a millimetre to be.
 *
 * A packet is sent when something changed, motion no more often than the sample rate says, a button
 * at once. What the guest does not read adds up until the last packet is gone.
 */
#include "hw/input/ps2.h"

#include "core/device/device.h"
#include "core/device/machine.h"
#include "core/util/range.h"

enum {
    CMD_SCALE_1 = 0xe6,
    CMD_SCALE_2 = 0xe7,
    CMD_RESOLUTION = 0xe8,
    CMD_STATUS = 0xe9,
    CMD_STREAM = 0xea,
    CMD_READ = 0xeb,
    CMD_WRAP_OFF = 0xec,
    CMD_WRAP = 0xee,
    CMD_REMOTE = 0xf0,
};
enum {
    LEFT = 1 << 0,
    RIGHT = 1 << 1,
    MIDDLE = 1 << 2,
    SIDE = 1 << 3,
    EXTRA = 1 << 4,
    BUTTONS = 0x1f,
};
enum {
    PACKET_ALWAYS = 1 << 3,
    PACKET_X_SIGN = 1 << 4,
    PACKET_Y_SIGN = 1 << 5,
    PACKET_X_OVERFLOW = 1 << 6,
    PACKET_Y_OVERFLOW = 1 << 7,
    PACKET_MOST = 4,
};
enum { ID_PLAIN = 0, ID_WHEEL = 3, ID_FIVE_BUTTONS = 4 };
/* How far a driver is in a sequence of sample rates: 200, then 100 or 200, then 80. */
enum { KNOCK_NONE, KNOCK_200, KNOCK_200_100, KNOCK_200_200 };
enum { COUNT_MIN = -256, COUNT_MAX = 255, COUNTED_MOST = 1 << 20 };

/* ---- packets --------------------------------------------------------------------------------- */

static int32_t clamp(int32_t v, int32_t min, int32_t max)
{
    return MAX(min, MIN(v, max));
}

/* 2:1 scaling, of what is streamed only. */
static int32_t scaled(const struct ps2_mouse *s, int32_t count)
{
    static const uint8_t small[] = {0, 1, 1, 3, 6, 9};
    const int32_t size = count < 0 ? -count : count;
    const int32_t to = size < (int32_t)ARRAY_SIZE(small) ? small[size] : 2 * size;

    if (!s->scale_2 || s->remote)
        return count;
    return count < 0 ? -to : to;
}

/* As much of what was counted as fits into a packet: streamed, the rest is for the next; asked for,
 * the packet says that there was more. */
static int32_t take_count(const struct ps2_mouse *s, int32_t *count, bool *overflow)
{
    const int32_t part = clamp(*count, COUNT_MIN / 2, COUNT_MAX / 2);
    int32_t value;

    if (s->remote) {
        value = clamp(*count, COUNT_MIN, COUNT_MAX);
        *overflow = value != *count;
        *count = 0;
        return value;
    }
    *overflow = false;
    *count -= part;
    return scaled(s, part);
}

static void put_packet(struct ps2_mouse *s, struct ps2_queue *q)
{
    bool x_overflow, y_overflow;
    const int32_t x = take_count(s, &s->x, &x_overflow), y = take_count(s, &s->y, &y_overflow);

    ps2_put(q,
            (uint8_t)((s->buttons & (LEFT | RIGHT | MIDDLE)) | PACKET_ALWAYS |
                      (x < 0 ? PACKET_X_SIGN : 0) | (y < 0 ? PACKET_Y_SIGN : 0) |
                      (x_overflow ? PACKET_X_OVERFLOW : 0) | (y_overflow ? PACKET_Y_OVERFLOW : 0)));
    ps2_put(q, (uint8_t)x);
    ps2_put(q, (uint8_t)y);
    if (s->id == ID_PLAIN) {
        s->wheel = 0;
    } else {
        /* One notch each: drivers of either ID understand it. */
        const int32_t z = clamp(s->wheel, -1, 1);
        s->wheel -= z;
        ps2_put(q, s->id == ID_WHEEL ? (uint8_t)z
                                     : (uint8_t)((z & 15) | (s->buttons & (SIDE | EXTRA)) << 1));
    }
    s->told = s->buttons;
}

static bool moved(const struct ps2_mouse *s)
{
    return s->x || s->y || s->wheel;
}

/* What is to be told is told when it may. */
static bool make_packet(struct ps2_mouse *s)
{
    if (!s->enabled || s->remote || s->wrap)
        return false;
    const bool clicked = s->buttons != s->told;
    if (!clicked && (!moved(s) || s->port.input.count || timer_pending(&s->sample)))
        return false;
    if (ps2_room(&s->port.input) < PACKET_MOST)
        return false;
    put_packet(s, &s->port.input);
    timer_set(&s->sample,
              clock_now(s->sample.clocks, VCLOCK_VIRTUAL) + INT64_C(1000000000) / MAX(s->rate, 10));
    return true;
}

static void stream(void *opaque)
{
    struct ps2_mouse *s = opaque;
    if (make_packet(s))
        s->port.filled(s->port.opaque);
}

bool ps2_mouse_read(struct ps2_mouse *s, uint8_t *byte)
{
    const bool any = ps2_take(&s->port, byte);

    if (any && !s->port.input.count)
        make_packet(s);
    return any;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void count(int32_t *to, int64_t value)
{
    *to = (int32_t)MAX(-COUNTED_MOST, MIN(*to + value, (int64_t)COUNTED_MOST));
}

static uint8_t button(uint16_t code)
{
    switch (code) {
    case BTN_LEFT:
        return LEFT;
    case BTN_RIGHT:
        return RIGHT;
    case BTN_MIDDLE:
        return MIDDLE;
    case BTN_SIDE:
        return SIDE;
    case BTN_EXTRA:
        return EXTRA;
    default:
        return 0;
    }
}

static void mouse_event(void *opaque, const struct input_event *e)
{
    struct ps2_mouse *s = opaque;

    if (e->type == EV_KEY) {
        /* Two changes in one group are two packets, or a quick click would be none. */
        const uint8_t bit = button(e->code);
        if (s->buttons != s->told)
            make_packet(s);
        s->buttons = e->value ? s->buttons | bit : s->buttons & (uint8_t)~bit;
    } else if (!s->enabled) {
        return;
    } else if (e->code == REL_X) {
        count(&s->x, e->value);
    } else if (e->code == REL_Y) {
        count(&s->y, -(int64_t)e->value);
    } else if (e->code == REL_WHEEL) {
        count(&s->wheel, -(int64_t)e->value);
    }
}

/* ---- commands -------------------------------------------------------------------------------- */

/* What was counted and what waits to be read goes with most commands. */
static void forget(struct ps2_mouse *s)
{
    s->port.input = (struct ps2_queue){0};
    s->x = s->y = s->wheel = 0;
    s->told = s->buttons;
}

static void defaults(struct ps2_mouse *s)
{
    s->rate = 100;
    s->resolution = 2;
    s->enabled = s->scale_2 = s->remote = s->wrap = false;
    forget(s);
}

static void set_rate(struct ps2_mouse *s, uint8_t rate)
{
    static const struct {
        uint8_t at, rate, to;
    } steps[] = {
        {KNOCK_200, 100, KNOCK_200_100},
        {KNOCK_200, 200, KNOCK_200_200},
        {KNOCK_200_200, 200, KNOCK_200_200},
    };
    const uint8_t at = s->knock;

    s->rate = rate;
    if (rate == 80 && (at == KNOCK_200_100 || at == KNOCK_200_200))
        s->id = at == KNOCK_200_100 ? ID_WHEEL : ID_FIVE_BUTTONS;
    s->knock = rate == 200 ? KNOCK_200 : KNOCK_NONE;
    for (unsigned n = 0; n < ARRAY_SIZE(steps); n++)
        if (at == steps[n].at && rate == steps[n].rate)
            s->knock = steps[n].to;
}

static void argument(struct ps2_mouse *s, uint8_t value)
{
    if (s->port.command == PS2_RATE)
        set_rate(s, value);
    else
        s->resolution = value & 3;
    s->port.command = 0;
    ps2_answer(&s->port, PS2_ACK);
}

static void reset_command(struct ps2_mouse *s)
{
    ps2_port_reset(&s->port);
    defaults(s);
    s->id = ID_PLAIN;
    s->knock = KNOCK_NONE;
    ps2_answer(&s->port, PS2_ACK);
    ps2_answer(&s->port, PS2_BAT_OK);
    ps2_answer(&s->port, s->id);
}

static void answer_status(struct ps2_mouse *s)
{
    ps2_answer(&s->port, (uint8_t)(s->remote << 6 | s->enabled << 5 | s->scale_2 << 4 |
                                   (s->buttons & LEFT ? 4 : 0) | (s->buttons & MIDDLE ? 2 : 0) |
                                   (s->buttons & RIGHT ? 1 : 0)));
    ps2_answer(&s->port, s->resolution);
    ps2_answer(&s->port, s->rate);
}

static void answer_packet(struct ps2_mouse *s)
{
    if (ps2_room(&s->port.answers) >= PACKET_MOST)
        put_packet(s, &s->port.answers);
}

static bool is_command(uint8_t value)
{
    return value >= CMD_SCALE_1 && value <= PS2_DEFAULTS && value != 0xed && value != 0xef &&
           value != 0xf1;
}

static void run(struct ps2_mouse *s, uint8_t value)
{
    switch (value) {
    case CMD_SCALE_1:
    case CMD_SCALE_2:
        s->scale_2 = value == CMD_SCALE_2;
        break;
    case CMD_RESOLUTION:
    case PS2_RATE:
        s->port.command = value;
        break;
    case CMD_STATUS:
        answer_status(s);
        break;
    case CMD_READ:
        answer_packet(s);
        break;
    case CMD_STREAM:
    case CMD_REMOTE:
        s->remote = value == CMD_REMOTE;
        forget(s);
        break;
    case CMD_WRAP_OFF:
    case CMD_WRAP:
        s->wrap = value == CMD_WRAP;
        forget(s);
        break;
    case PS2_IDENTIFY:
        ps2_answer(&s->port, s->id);
        break;
    case PS2_ENABLE:
    case PS2_DISABLE:
        s->enabled = value == PS2_ENABLE;
        forget(s);
        break;
    case PS2_DEFAULTS:
        defaults(s);
        break;
    }
}

void ps2_mouse_write(struct ps2_mouse *s, uint8_t value)
{
    /* A packet that is being sent is given up: what it said is in the buttons' state and the next
     * counts. */
    s->port.input = (struct ps2_queue){0};
    if (value == PS2_RESET) {
        reset_command(s);
    } else if (s->port.command) {
        argument(s, value);
    } else if (s->wrap && value != CMD_WRAP_OFF) {
        ps2_answer(&s->port, value);
    } else if (value == PS2_RESEND) {
        ps2_answer(&s->port, s->port.last);
    } else if (!is_command(value)) {
        ps2_answer(&s->port, PS2_RESEND);
    } else {
        ps2_answer(&s->port, PS2_ACK);
        run(s, value);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void ps2_mouse_reset(struct ps2_mouse *s)
{
    ps2_port_reset(&s->port);
    s->port.last = 0;
    defaults(s);
    s->id = ID_PLAIN;
    s->knock = KNOCK_NONE;
    timer_cancel(&s->sample);
}

bool ps2_mouse_init(struct ps2_mouse *s, struct device *dev, void (*filled)(void *opaque),
                    struct vemu_error **errp)
{
    static const struct input_sink_ops ops = {.event = mouse_event, .sync = stream};

    s->port.filled = filled;
    s->port.opaque = dev;
    s->sink = (struct input_sink){
        .ops = &ops, .opaque = s, .dev = dev, .takes = INPUT_TAKES_BUTTONS | INPUT_TAKES_REL};
    timer_init(&s->sample, device_clocks(dev), VCLOCK_VIRTUAL, stream, s);
    return input_sink_add(dev->machine, &s->sink, errp);
}

void ps2_mouse_end(struct ps2_mouse *s)
{
    timer_cancel(&s->sample);
    input_sink_remove(&s->sink);
}

const struct state_field ps2_mouse_state[] = {
    STATE_NESTED(struct ps2_mouse, port, ps2_port_state),
    STATE_INT(struct ps2_mouse, id, .max = ID_FIVE_BUTTONS),
    STATE_INT(struct ps2_mouse, rate),
    STATE_INT(struct ps2_mouse, resolution, .max = 3),
    STATE_INT(struct ps2_mouse, knock, .max = KNOCK_200_200),
    STATE_FLAG(struct ps2_mouse, enabled),
    STATE_FLAG(struct ps2_mouse, scale_2),
    STATE_FLAG(struct ps2_mouse, remote),
    STATE_FLAG(struct ps2_mouse, wrap),
    STATE_INT(struct ps2_mouse, buttons, .max = BUTTONS),
    STATE_INT(struct ps2_mouse, told, .max = BUTTONS),
    STATE_INT(struct ps2_mouse, x),
    STATE_INT(struct ps2_mouse, y),
    STATE_INT(struct ps2_mouse, wheel),
    STATE_DEADLINE(struct ps2_mouse, sample),
    STATE_FIELDS_END,
};
