/*
 * virtio input devices: see virtio_input.h.
 *
 * Events go to the guest as they come, a group at a time. When the driver has no buffers for a
 * group, the device remembers what the guest was not told (keys that changed, motion that adds up,
 * the last position) and tells it as one group when there are buffers again: nothing piles up, and
 * no key hangs. Input is routed here from the driver's first buffers until the reset, so that
 * before that the devices that firmware knows have it.
 */
#include "hw/input/virtio_input.h"

#include <linux/input-event-codes.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/input/input.h"
#include "core/input/keys.h"
#include "core/util/endian.h"
#include "core/util/range.h"

enum { EVENTS, STATUS, QUEUES, QUEUE_SIZE = 64, EVENT_SIZE = 8 };
/* struct virtio_input_config: offsets, selectors. */
enum { SELECT = 0, SUBSEL = 1, SIZE = 2, DATA = 8, DATA_SIZE = 128, CONFIG_SIZE = 136 };
enum {
    CFG_ID_NAME = 0x01,
    CFG_ID_SERIAL = 0x02,
    CFG_ID_DEVIDS = 0x03,
    CFG_EV_BITS = 0x11,
    CFG_ABS_INFO = 0x12,
};
enum { BUS_VIRTUAL = 0x06, VENDOR = 0x1af4, VERSION = 1 };
enum { GROUP_MOST = 32, KEY_BYTES = KEY_CNT / 8, REL_AXES = 4, ABS_AXES = 2 };

static const uint16_t rel_codes[REL_AXES] = {REL_X, REL_Y, REL_WHEEL, REL_HWHEEL};
static const uint16_t buttons[] = {BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA};

/* What one of the three is. */
struct model {
    const char *name;
    uint16_t product;
    unsigned takes;
};

struct virtio_input {
    struct virtio v;
    char *serial; /* property */
    const struct model *model;

    struct input_sink sink;
    bool in_use;                          /* the sink is the router's */
    struct input_event group[GROUP_MOST]; /* empty between two groups */
    unsigned count;

    uint8_t leds;            /* INPUT_LED_* */
    bool behind;             /* the guest was not told everything: */
    uint8_t now[KEY_BYTES];  /* bit per KEY_*: what is down */
    uint8_t told[KEY_BYTES]; /* and what the guest knows of */
    uint32_t rel[REL_AXES];  /* two's complement */
    uint32_t abs[ABS_AXES];
    uint8_t abs_changed; /* bit per axis */
};

static struct virtio_input *from_virtio(struct virtio *v)
{
    return container_of(v, struct virtio_input, v);
}

static bool get_bit(const uint8_t *map, unsigned n)
{
    return map[n / 8] >> n % 8 & 1;
}
static void put_bit(uint8_t *map, unsigned n, bool on)
{
    const uint8_t bit = (uint8_t)(1 << n % 8);
    map[n / 8] = on ? map[n / 8] | bit : map[n / 8] & (uint8_t)~bit;
}

/* ---- configuration --------------------------------------------------------------------------- */

static unsigned put_text(uint8_t *to, const char *text)
{
    const size_t len = text ? strlen(text) : 0;
    memcpy(to, text ? text : "", MIN(len, (size_t)DATA_SIZE));
    return (unsigned)MIN(len, (size_t)DATA_SIZE);
}

/* Bit per code of an event type; returns the bytes up to the last that is not zero. */
static unsigned put_codes(const struct model *model, uint8_t type, uint8_t *to)
{
    unsigned size = DATA_SIZE;

    if (type == EV_KEY && model->takes & INPUT_TAKES_KEYS) {
        for (uint16_t key = 1; key < KEY_CNT; key++)
            if (key_name(key) || key_to_scan_set1(key) || key_to_usage(key))
                put_bit(to, key, true);
    } else if (type == EV_KEY) {
        for (unsigned n = 0; n < ARRAY_SIZE(buttons); n++)
            put_bit(to, buttons[n], true);
    } else if (type == EV_REL && model->takes & INPUT_TAKES_BUTTONS) {
        for (unsigned n = model->takes & INPUT_TAKES_REL ? 0 : 2; n < REL_AXES; n++)
            put_bit(to, rel_codes[n], true);
    } else if (type == EV_ABS && model->takes & INPUT_TAKES_ABS) {
        put_bit(to, ABS_X, true);
        put_bit(to, ABS_Y, true);
    } else if (type == EV_LED && model->takes & INPUT_TAKES_KEYS) {
        put_bit(to, LED_NUML, true);
        put_bit(to, LED_CAPSL, true);
        put_bit(to, LED_SCROLLL, true);
    } else if (type == EV_REP && model->takes & INPUT_TAKES_KEYS) {
        return 1; /* the guest repeats keys: no codes, but the type is there */
    }
    while (size && !to[size - 1])
        size--;
    return size;
}

static void show_config(struct virtio_input *s)
{
    uint8_t *const c = s->v.config, *const data = c + DATA;
    unsigned size = 0;

    memset(c + SIZE, 0, CONFIG_SIZE - SIZE);
    switch (c[SELECT]) {
    case CFG_ID_NAME:
        size = c[SUBSEL] ? 0 : put_text(data, s->model->name);
        break;
    case CFG_ID_SERIAL:
        size = c[SUBSEL] ? 0 : put_text(data, s->serial);
        break;
    case CFG_ID_DEVIDS:
        if (c[SUBSEL])
            break;
        store_le16(data, BUS_VIRTUAL);
        store_le16(data + 2, VENDOR);
        store_le16(data + 4, s->model->product);
        store_le16(data + 6, VERSION);
        size = 8;
        break;
    case CFG_EV_BITS:
        size = put_codes(s->model, c[SUBSEL], data);
        break;
    case CFG_ABS_INFO: /* least, largest, fuzz, flat, resolution */
        if (!(s->model->takes & INPUT_TAKES_ABS) || c[SUBSEL] > ABS_Y)
            break;
        store_le32(data + 4, INPUT_ABS_MAX);
        size = 20;
        break;
    }
    c[SIZE] = (uint8_t)size;
}

static void config_written(struct virtio *v, uint32_t offset, uint32_t value, unsigned size)
{
    for (unsigned n = 0; n < size; n++)
        if (offset + n <= SUBSEL)
            v->config[offset + n] = (uint8_t)(value >> 8 * n);
    show_config(from_virtio(v));
}

/* ---- to the guest ---------------------------------------------------------------------------- */

/* Events and the end of their group, all of them or none. */
static bool put_group(struct virtio_input *s, const struct input_event *events, unsigned count)
{
    struct virtq *q = &s->v.queues[EVENTS];
    struct virtq_used used[GROUP_MOST + 1];

    for (unsigned n = 0; n <= count; n++) {
        struct virtq_element e;
        uint8_t bytes[EVENT_SIZE] = {0}; /* EV_SYN, SYN_REPORT */
        const enum virtq_result result = virtq_pop_or_ask(q, &e);
        if (result != VIRTQ_POPPED) {
            if (result == VIRTQ_EMPTY && n)
                virtq_unpop(q, n);
            return false;
        }
        if (n < count) {
            store_le16(bytes, events[n].type);
            store_le16(bytes + 2, events[n].code);
            store_le32(bytes + 4, (uint32_t)events[n].value);
        }
        if (e.in_bytes < EVENT_SIZE ||
            !virtq_scatter(&s->v, e.buffers + e.out, e.in, 0, bytes, 8)) {
            virtio_break(&s->v, "%s: a buffer for events has %llu bytes to write",
                         s->v.dev->cls->name, (unsigned long long)e.in_bytes);
            return false;
        }
        used[n] = (struct virtq_used){.head = e.head, .written = EVENT_SIZE};
    }
    virtq_push_all(q, used, count + 1);
    virtq_signal(q);
    return true;
}

static unsigned rel_axis(uint16_t code)
{
    unsigned n = 0;
    while (rel_codes[n] != code)
        n++;
    return n;
}

/* What the guest is not told now is for later. */
static void remember(struct virtio_input *s, const struct input_event *e)
{
    if (e->type == EV_REL) {
        s->rel[rel_axis(e->code)] += (uint32_t)e->value;
    } else if (e->type == EV_ABS) {
        s->abs[e->code] = (uint32_t)e->value;
        s->abs_changed |= (uint8_t)(1 << e->code);
    }
    s->behind = true;
}

static void add(struct virtio_input *s, uint16_t type, uint16_t code, uint32_t value)
{
    s->group[s->count++] =
        (struct input_event){.type = type, .code = code, .value = (int32_t)value};
}

/* As much of what was remembered as fits into a group. */
static void collect(struct virtio_input *s)
{
    s->count = 0;
    for (unsigned n = 0; n < REL_AXES; n++)
        if (s->rel[n])
            add(s, EV_REL, rel_codes[n], s->rel[n]);
    for (uint16_t n = 0; n < ABS_AXES; n++)
        if (s->abs_changed >> n & 1)
            add(s, EV_ABS, n, s->abs[n]);
    for (uint16_t key = 0; key < KEY_CNT && s->count < GROUP_MOST; key++)
        if (get_bit(s->now, key) != get_bit(s->told, key))
            add(s, EV_KEY, key, get_bit(s->now, key));
}

static void told(struct virtio_input *s)
{
    for (unsigned n = 0; n < s->count; n++)
        if (s->group[n].type == EV_KEY)
            put_bit(s->told, s->group[n].code, s->group[n].value);
    s->count = 0;
}

static void catch_up(struct virtio_input *s)
{
    while (s->behind) {
        collect(s);
        if (s->count && !put_group(s, s->group, s->count)) {
            s->count = 0;
            return;
        }
        s->behind = s->count;
        told(s);
        memset(s->rel, 0, sizeof s->rel);
        s->abs_changed = 0;
    }
}

static void sync(void *opaque)
{
    struct virtio_input *s = opaque;

    if (!s->behind && (!s->count || put_group(s, s->group, s->count))) {
        told(s);
        return;
    }
    for (unsigned n = 0; n < s->count; n++)
        remember(s, &s->group[n]);
    s->count = 0;
    catch_up(s);
}

static void event(void *opaque, const struct input_event *e)
{
    struct virtio_input *s = opaque;

    if (s->count == GROUP_MOST)
        sync(s);
    if (e->type == EV_KEY)
        put_bit(s->now, e->code, e->value);
    s->group[s->count++] = *e;
}

/* ---- from the guest -------------------------------------------------------------------------- */

static void set_led(struct virtio_input *s, const uint8_t *bytes)
{
    static const uint8_t bits[] = {
        [LED_NUML] = INPUT_LED_NUM, [LED_CAPSL] = INPUT_LED_CAPS, [LED_SCROLLL] = INPUT_LED_SCROLL};
    const uint16_t type = load_le16(bytes), code = load_le16(bytes + 2);

    if (type != EV_LED || code >= ARRAY_SIZE(bits) || !(s->model->takes & INPUT_TAKES_KEYS))
        return;
    s->leds = load_le32(bytes + 4) ? s->leds | bits[code] : s->leds & (uint8_t)~bits[code];
    input_sink_leds(&s->sink, s->leds);
}

static void take_status(struct virtio_input *s, struct virtq *q)
{
    struct virtq_element e;

    while (virtq_pop_or_ask(q, &e) == VIRTQ_POPPED) {
        uint8_t bytes[EVENT_SIZE];
        if (virtq_gather(&s->v, e.buffers, e.out, 0, bytes, EVENT_SIZE))
            set_led(s, bytes);
        virtq_push(q, e.head, 0);
        virtq_signal(q);
    }
}

static void use(struct virtio_input *s)
{
    s->in_use = input_sink_add(s->v.dev->machine, &s->sink, NULL);
    input_sink_leds(&s->sink, s->leds);
}

static void queue_notified(struct virtio *v, struct virtq *q)
{
    struct virtio_input *s = from_virtio(v);

    if (q->index == STATUS) {
        take_status(s, q);
        return;
    }
    if (!s->in_use)
        use(s);
    catch_up(s);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void reset(struct virtio *v)
{
    struct virtio_input *s = from_virtio(v);

    if (s->in_use)
        input_sink_remove(&s->sink);
    s->in_use = s->behind = false;
    s->count = s->leds = s->abs_changed = 0;
    memset(s->now, 0, sizeof s->now);
    memset(s->told, 0, sizeof s->told);
    memset(s->rel, 0, sizeof s->rel);
    v->config[SELECT] = v->config[SUBSEL] = 0;
    show_config(s);
}

static bool input_init(struct virtio *v, struct device *dev, const struct model *model,
                       struct vemu_error **errp)
{
    static const struct virtio_class cls = {
        .id = VIRTIO_ID_INPUT,
        .queue_notified = queue_notified,
        .config_written = config_written,
        .reset = reset,
    };
    static const struct input_sink_ops ops = {.event = event, .sync = sync};
    struct virtio_input *s = from_virtio(v);

    s->model = model;
    s->sink = (struct input_sink){.ops = &ops, .opaque = s, .dev = dev, .takes = model->takes};
    return virtio_init(v, &cls, dev, QUEUES, QUEUE_SIZE, CONFIG_SIZE, errp);
}

static bool input_post_load(struct virtio *v, struct vemu_error **errp)
{
    struct virtio_input *s = from_virtio(v);

    (void)errp;
    show_config(s);
    input_sink_remove(&s->sink);
    if (s->in_use)
        use(s);
    return true;
}

static bool keyboard_init(struct virtio *v, struct device *dev, struct vemu_error **errp)
{
    static const struct model keyboard = {"vemu virtio keyboard", 1, INPUT_TAKES_KEYS};
    return input_init(v, dev, &keyboard, errp);
}
static bool mouse_init(struct virtio *v, struct device *dev, struct vemu_error **errp)
{
    static const struct model mouse = {"vemu virtio mouse", 2,
                                       INPUT_TAKES_BUTTONS | INPUT_TAKES_REL};
    return input_init(v, dev, &mouse, errp);
}
static bool tablet_init(struct virtio *v, struct device *dev, struct vemu_error **errp)
{
    static const struct model tablet = {"vemu virtio tablet", 3,
                                        INPUT_TAKES_BUTTONS | INPUT_TAKES_ABS};
    return input_init(v, dev, &tablet, errp);
}

enum { CLASS_KEYBOARD = 0x090000, CLASS_MOUSE = 0x090200 };
static const struct virtio_kind keyboard_kind = {.init = keyboard_init,
                                                 .exit = virtio_exit,
                                                 .post_load = input_post_load,
                                                 .pci = {.class_code = CLASS_KEYBOARD}};
static const struct virtio_kind mouse_kind = {.init = mouse_init,
                                              .exit = virtio_exit,
                                              .post_load = input_post_load,
                                              .pci = {.class_code = CLASS_MOUSE}};
static const struct virtio_kind tablet_kind = {.init = tablet_init,
                                               .exit = virtio_exit,
                                               .post_load = input_post_load,
                                               .pci = {.class_code = CLASS_MOUSE}};

#define INPUT_PROPS(type_)                                                                         \
    VIRTIO_PROPS(type_, input.v), PROP(PROP_STRING, type_, input.serial, "serial", NULL,           \
                                       "serial number that the guest sees")
#define INPUT_STATE(type_)                                                                         \
    STATE_VIRTIO(type_, input.v), STATE_FLAG(type_, input.in_use),                                 \
        STATE_INT(type_, input.leds, .max = 7), STATE_FLAG(type_, input.behind),                   \
        STATE_BUFFER(type_, input.now), STATE_BUFFER(type_, input.told),                           \
        STATE_INT_ARRAY(type_, input.rel),                                                         \
        STATE_INT_ARRAY(type_, input.abs, .max = INPUT_ABS_MAX),                                   \
        STATE_INT(type_, input.abs_changed, .max = 3)

struct input_pci {
    struct virtio_pci pci;
    struct virtio_input input;
};
static const struct prop_desc pci_props[] = {
    VIRTIO_PCI_PROPS(struct input_pci, pci), INPUT_PROPS(struct input_pci), {0}};
static const struct state_field pci_state[] = {STATE_VIRTIO_PCI(struct input_pci, pci),
                                               INPUT_STATE(struct input_pci), STATE_FIELDS_END};
/* These came after the legacy interface. */
#define INPUT_PCI_DEVICE(name_, help_, kind_)                                                      \
    {                                                                                              \
        VIRTIO_PCI_DEVICE_OF(name_, help_, struct input_pci, input, kind_, pci_props, pci_state,   \
                             VIRTIO_PCI_ON)                                                        \
    }
const struct virtio_device_class virtio_keyboard_pci_class =
    INPUT_PCI_DEVICE("virtio-keyboard-pci", "keyboard by virtio", &keyboard_kind);
const struct virtio_device_class virtio_mouse_pci_class =
    INPUT_PCI_DEVICE("virtio-mouse-pci", "mouse by virtio", &mouse_kind);
const struct virtio_device_class virtio_tablet_pci_class = INPUT_PCI_DEVICE(
    "virtio-tablet-pci", "pointer with absolute positions by virtio", &tablet_kind);

struct input_mmio {
    struct virtio_mmio mmio;
    struct virtio_input input;
};
static const struct prop_desc mmio_props[] = {INPUT_PROPS(struct input_mmio), {0}};
static const struct state_field mmio_state[] = {STATE_VIRTIO_MMIO(struct input_mmio, mmio),
                                                INPUT_STATE(struct input_mmio), STATE_FIELDS_END};
#define INPUT_MMIO_DEVICE(name_, help_, kind_)                                                     \
    {                                                                                              \
        VIRTIO_MMIO_DEVICE(name_, help_ ", on a machine without PCI", struct input_mmio, input,    \
                           kind_, mmio_props, mmio_state)                                          \
    }
const struct virtio_device_class virtio_keyboard_device_class =
    INPUT_MMIO_DEVICE("virtio-keyboard-device", "keyboard by virtio", &keyboard_kind);
const struct virtio_device_class virtio_mouse_device_class =
    INPUT_MMIO_DEVICE("virtio-mouse-device", "mouse by virtio", &mouse_kind);
const struct virtio_device_class virtio_tablet_device_class = INPUT_MMIO_DEVICE(
    "virtio-tablet-device", "pointer with absolute positions by virtio", &tablet_kind);
