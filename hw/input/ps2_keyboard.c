/*
 * A PS/2 keyboard of 101 and more keys: scan code sets 1, 2 and 3, typematic keys, lamps.
 *
 * Specification: IBM PS/2 Hardware Interface Technical Reference, chapter "Keyboards"; the codes
 * are the table of core/input. Make and break codes that make up for Num Lock and Shift around
 * cursor keys are left out: the prefix of these keys tells them apart, and who looks at prefixes
 * drops the others.
 *
 * The keyboard knows what is down and what it told the guest: a release that found the buffer full
 * is told as soon as there is room, so that no key hangs in a guest that was not listening.
 */
#include "hw/input/ps2.h"

#include <string.h>
#include "core/device/device.h"
#include "core/device/machine.h"
#include "core/input/keys.h"
#include "core/util/range.h"

enum {
    CMD_SET_LEDS = 0xed,
    CMD_ECHO = 0xee,
    CMD_SCAN_SET = 0xf0,
    CMD_ALL_TYPEMATIC = 0xf7,
    CMD_ALL_MAKE_BREAK = 0xf8,
    CMD_ALL_MAKE = 0xf9,
    CMD_ALL_TYPEMATIC_MAKE_BREAK = 0xfa,
    CMD_KEY_TYPEMATIC = 0xfb,
    CMD_KEY_MAKE_BREAK = 0xfc,
    CMD_KEY_MAKE = 0xfd,
};
enum { LED_SCROLL = 1, LED_NUM = 2, LED_CAPS = 4 };
enum { PREFIX = 0xe0, PREFIX_PAUSE = 0xe1, BREAK = 0xf0, CODES_MOST = 8, RATE_DEFAULT = 0x2b };

static bool get_bit(const uint8_t *map, unsigned n)
{
    return map[n / 8] >> n % 8 & 1;
}
static void put_bit(uint8_t *map, unsigned n, bool on)
{
    const uint8_t bit = (uint8_t)(1 << n % 8);
    map[n / 8] = on ? map[n / 8] | bit : map[n / 8] & (uint8_t)~bit;
}

/* ---- codes ----------------------------------------------------------------------------------- */

struct codes {
    uint8_t byte[CODES_MOST];
    unsigned count;
};

static void add(struct codes *c, uint8_t byte)
{
    c->byte[c->count++] = byte;
}

static void add_key(struct codes *c, unsigned set, uint16_t code, bool down)
{
    if (code > 0xff)
        add(c, (uint8_t)(code >> 8));
    if (set == 2 && !down)
        add(c, BREAK);
    add(c, (uint8_t)(set == 1 && !down ? code | 0x80 : code));
}

static bool is_down(const struct ps2_keyboard *k, uint16_t left, uint16_t right)
{
    return get_bit(k->told, left) || get_bit(k->told, right);
}

/* Print Screen is System Request with Alt, and brings a Shift along unless one is down, or Ctrl. */
static void add_print(const struct ps2_keyboard *k, struct codes *c, bool down)
{
    const uint16_t shift = k->set == 1 ? 0xe02a : 0xe012, print = k->set == 1 ? 0xe037 : 0xe07c;

    if (is_down(k, KEY_LEFTALT, KEY_RIGHTALT)) {
        add_key(c, k->set, k->set == 1 ? 0x54 : 0x84, down);
        return;
    }
    const bool alone =
        !is_down(k, KEY_LEFTCTRL, KEY_RIGHTCTRL) && !is_down(k, KEY_LEFTSHIFT, KEY_RIGHTSHIFT);
    if (alone && down)
        add_key(c, k->set, shift, true);
    add_key(c, k->set, print, down);
    if (alone && !down)
        add_key(c, k->set, shift, false);
}

/* Pause, and Break with Ctrl: make and break codes at once, none when the key goes up. */
static void add_pause(const struct ps2_keyboard *k, struct codes *c, bool down)
{
    if (!down)
        return;
    const bool with_ctrl = is_down(k, KEY_LEFTCTRL, KEY_RIGHTCTRL);
    for (int make = 1; make >= 0; make--) {
        if (with_ctrl) {
            add_key(c, k->set, k->set == 1 ? 0xe046 : 0xe07e, make);
        } else {
            add_key(c, k->set, k->set == 1 ? 0xe11d : 0xe114, make);
            add_key(c, k->set, k->set == 1 ? 0x45 : 0x77, make);
        }
    }
}

static void add_codes(const struct ps2_keyboard *k, struct codes *c, uint16_t key, bool down)
{
    if (k->set == 3) {
        const uint8_t code = key_to_scan_set3(key);
        if (!code || (!down && get_bit(k->no_break, code)))
            return;
        if (!down)
            add(c, BREAK);
        add(c, code);
    } else if (key == KEY_SYSRQ) {
        add_print(k, c, down);
    } else if (key == KEY_PAUSE) {
        add_pause(k, c, down);
    } else if (key == KEY_HANGEUL || key == KEY_HANJA) {
        if (down) /* one code, whatever the set, and no break */
            add(c, (uint8_t)key_to_scan_set2(key));
    } else {
        const uint16_t code = k->set == 1 ? key_to_scan_set1(key) : key_to_scan_set2(key);
        if (code)
            add_key(c, k->set, code, down);
    }
}

/* All codes of a change or none: half a key's codes would be another key. */
static bool send(struct ps2_keyboard *k, uint16_t key, bool down)
{
    struct codes c = {.count = 0};

    add_codes(k, &c, key, down);
    if (c.count > ps2_room(&k->port.input))
        return false;
    for (unsigned n = 0; n < c.count; n++)
        ps2_put(&k->port.input, c.byte[n]);
    put_bit(k->told, key, down);
    return true;
}

/* Releases that had no room. */
static void catch_up(struct ps2_keyboard *k)
{
    if (!k->enabled)
        return;
    for (unsigned n = 0; n < PS2_MATRIX_BYTES; n++) {
        for (uint8_t left = k->told[n] & (uint8_t)~k->pressed[n]; left; left &= (uint8_t)(left - 1))
            if (!send(k, (uint16_t)(n * 8 + (unsigned)__builtin_ctz(left)), false))
                return;
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool repeats(const struct ps2_keyboard *k, uint16_t key)
{
    if (k->set == 3)
        return !get_bit(k->no_repeat, key_to_scan_set3(key));
    return key != KEY_PAUSE && key != KEY_HANGEUL && key != KEY_HANJA;
}

static void arm_repeat(struct ps2_keyboard *k, int64_t ns)
{
    timer_set(&k->repeat, clock_now(k->repeat.clocks, VCLOCK_VIRTUAL) + ns);
}

/* The delay is 250 ms times 1 to 4; the time between two codes (8 + A) * 2^B / 240 s. */
static int64_t delay_ns(const struct ps2_keyboard *k)
{
    return ((k->rate >> 5) + 1) * INT64_C(250000000);
}
static int64_t period_ns(const struct ps2_keyboard *k)
{
    return ((8 + (k->rate & 7)) << (k->rate >> 3 & 3)) * INT64_C(1000000000) / 240;
}

static void stop_repeat(struct ps2_keyboard *k)
{
    k->repeated = 0;
    timer_cancel(&k->repeat);
}

static void repeat_due(void *opaque)
{
    struct ps2_keyboard *k = opaque;

    /* A guest that does not keep up gets no backlog of repetitions. */
    if (k->repeated && k->enabled && !k->port.input.count && send(k, k->repeated, true))
        k->port.filled(k->port.opaque);
    if (k->repeated)
        arm_repeat(k, period_ns(k));
}

static void key_event(void *opaque, const struct input_event *e)
{
    struct ps2_keyboard *k = opaque;
    const bool down = e->value;

    put_bit(k->pressed, e->code, down);
    if (!down && k->repeated == e->code)
        stop_repeat(k);
    if (!k->enabled) /* it does not scan */
        return;
    if (down ? !send(k, e->code, true) : get_bit(k->told, e->code) && !send(k, e->code, false))
        return;
    if (down && repeats(k, e->code)) {
        k->repeated = e->code;
        arm_repeat(k, delay_ns(k));
    } else if (down) {
        stop_repeat(k);
    }
}

static void key_sync(void *opaque)
{
    struct ps2_keyboard *k = opaque;
    k->port.filled(k->port.opaque);
}

bool ps2_keyboard_read(struct ps2_keyboard *k, uint8_t *byte)
{
    const bool any = ps2_take(&k->port, byte);
    catch_up(k);
    return any;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* What keys do in set 3 until the guest says otherwise, by their codes: the rest repeats and has no
 * break code. */
static void default_kinds(struct ps2_keyboard *k)
{
    static const uint8_t make_break[] = {0x11, 0x12, 0x14, 0x19, 0x59};
    static const uint8_t make_only[] = {0x39, 0x58, 0x67, 0x6e, 0x65, 0x6f, 0x6d, 0x76, 0x6c, 0x6b,
                                        0x69, 0x77, 0x75, 0x73, 0x72, 0x70, 0x7e, 0x7d, 0x74, 0x7a,
                                        0x71, 0x84, 0x79, 0x08, 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f,
                                        0x37, 0x3f, 0x47, 0x4f, 0x56, 0x5e, 0x57, 0x5f, 0x62};

    memset(k->no_repeat, 0, sizeof k->no_repeat);
    memset(k->no_break, 0xff, sizeof k->no_break);
    for (unsigned n = 0; n < ARRAY_SIZE(make_break); n++) {
        put_bit(k->no_repeat, make_break[n], true);
        put_bit(k->no_break, make_break[n], false);
    }
    for (unsigned n = 0; n < ARRAY_SIZE(make_only); n++)
        put_bit(k->no_repeat, make_only[n], true);
}

/* What was told about keys is no more: the guest starts anew. */
static void forget(struct ps2_keyboard *k)
{
    k->port.input = (struct ps2_queue){0};
    memset(k->told, 0, sizeof k->told);
    stop_repeat(k);
}

static void set_leds(struct ps2_keyboard *k, uint8_t value)
{
    k->leds = value & (LED_SCROLL | LED_NUM | LED_CAPS);
    input_sink_leds(&k->sink, (k->leds & LED_SCROLL ? INPUT_LED_SCROLL : 0u) |
                                  (k->leds & LED_NUM ? INPUT_LED_NUM : 0u) |
                                  (k->leds & LED_CAPS ? INPUT_LED_CAPS : 0u));
}

static void defaults(struct ps2_keyboard *k)
{
    k->port.command = 0;
    k->set = 2;
    k->rate = RATE_DEFAULT;
    default_kinds(k);
    forget(k);
}

static void set_all(struct ps2_keyboard *k, uint8_t command)
{
    const bool repeat = command == CMD_ALL_TYPEMATIC || command == CMD_ALL_TYPEMATIC_MAKE_BREAK;
    const bool with_break =
        command == CMD_ALL_MAKE_BREAK || command == CMD_ALL_TYPEMATIC_MAKE_BREAK;

    memset(k->no_repeat, repeat ? 0 : 0xff, sizeof k->no_repeat);
    memset(k->no_break, with_break ? 0 : 0xff, sizeof k->no_break);
}

static void argument(struct ps2_keyboard *k, uint8_t value)
{
    const uint8_t command = k->port.command;

    switch (command) {
    case CMD_SET_LEDS:
        ps2_answer(&k->port, PS2_ACK);
        set_leds(k, value);
        break;
    case PS2_RATE:
        ps2_answer(&k->port, PS2_ACK);
        k->rate = value & 0x7f;
        break;
    case CMD_SCAN_SET:
        ps2_answer(&k->port, value <= 3 ? PS2_ACK : PS2_RESEND);
        if (!value) {
            ps2_answer(&k->port, k->set);
        } else if (value <= 3) {
            k->set = value;
            forget(k);
        }
        break;
    default: /* kinds of keys: as many codes as the guest likes, up to the next command */
        ps2_answer(&k->port, PS2_ACK);
        put_bit(k->no_repeat, value, command != CMD_KEY_TYPEMATIC);
        put_bit(k->no_break, value, command != CMD_KEY_MAKE_BREAK);
        return;
    }
    k->port.command = 0;
}

void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t value)
{
    if (k->port.command && value < CMD_SET_LEDS) {
        argument(k, value);
        return;
    }
    k->port.command = 0;
    switch (value) {
    case CMD_SET_LEDS:
    case CMD_SCAN_SET:
    case PS2_RATE:
    case CMD_KEY_TYPEMATIC:
    case CMD_KEY_MAKE_BREAK:
    case CMD_KEY_MAKE:
        k->port.command = value;
        ps2_answer(&k->port, PS2_ACK);
        break;
    case CMD_ECHO:
        ps2_answer(&k->port, CMD_ECHO);
        break;
    case PS2_IDENTIFY:
        ps2_answer(&k->port, PS2_ACK);
        ps2_answer(&k->port, 0xab);
        ps2_answer(&k->port, 0x83);
        break;
    case PS2_ENABLE:
        forget(k);
        k->enabled = true;
        ps2_answer(&k->port, PS2_ACK);
        break;
    case PS2_DISABLE:
    case PS2_DEFAULTS:
        defaults(k);
        k->enabled = value == PS2_DEFAULTS;
        ps2_answer(&k->port, PS2_ACK);
        break;
    case CMD_ALL_TYPEMATIC ... CMD_ALL_TYPEMATIC_MAKE_BREAK:
        set_all(k, value);
        ps2_answer(&k->port, PS2_ACK);
        break;
    case PS2_RESEND:
        ps2_answer(&k->port, k->port.last);
        break;
    case PS2_RESET:
        ps2_port_reset(&k->port);
        defaults(k);
        set_leds(k, 0);
        k->enabled = true;
        ps2_answer(&k->port, PS2_ACK);
        ps2_answer(&k->port, PS2_BAT_OK);
        break;
    default:
        ps2_answer(&k->port, PS2_RESEND);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    ps2_port_reset(&k->port);
    k->port.last = 0;
    defaults(k);
    set_leds(k, 0);
    k->enabled = true;
}

bool ps2_keyboard_init(struct ps2_keyboard *k, struct device *dev, void (*filled)(void *opaque),
                       struct vemu_error **errp)
{
    static const struct input_sink_ops ops = {.event = key_event, .sync = key_sync};

    k->port.filled = filled;
    k->port.opaque = dev;
    k->sink = (struct input_sink){.ops = &ops, .opaque = k, .dev = dev, .takes = INPUT_TAKES_KEYS};
    timer_init(&k->repeat, device_clocks(dev), VCLOCK_VIRTUAL, repeat_due, k);
    return input_sink_add(dev->machine, &k->sink, errp);
}

void ps2_keyboard_end(struct ps2_keyboard *k)
{
    timer_cancel(&k->repeat);
    input_sink_remove(&k->sink);
}

void ps2_keyboard_loaded(struct ps2_keyboard *k)
{
    set_leds(k, k->leds);
}

const struct state_field ps2_keyboard_state[] = {
    STATE_NESTED(struct ps2_keyboard, port, ps2_port_state),
    STATE_INT(struct ps2_keyboard, leds, .max = LED_SCROLL | LED_NUM | LED_CAPS),
    STATE_INT(struct ps2_keyboard, set, .max = 3),
    STATE_INT(struct ps2_keyboard, rate, .max = 0x7f),
    STATE_FLAG(struct ps2_keyboard, enabled),
    STATE_BUFFER(struct ps2_keyboard, pressed),
    STATE_BUFFER(struct ps2_keyboard, told),
    STATE_INT(struct ps2_keyboard, repeated, .max = PS2_KEYS - 1),
    STATE_DEADLINE(struct ps2_keyboard, repeat),
    STATE_BUFFER(struct ps2_keyboard, no_repeat),
    STATE_BUFFER(struct ps2_keyboard, no_break),
    STATE_FIELDS_END,
};
