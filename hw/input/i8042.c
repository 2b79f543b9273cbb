/*
 * 8042 keyboard controller of the PS/2 kind (two serial ports), with a keyboard and a mouse that
 * answer their commands, so that guests find what they look for.
 *
 * Specification: IBM PS/2 Hardware Interface Technical Reference, chapters "Keyboard and Auxiliary
 * Device Controller", "Keyboards" and the mouse's command set. Serial transfer times are not
 * modelled: an answer stands in the output buffer at once.
 */
#include "hw/input/i8042.h"

#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/isa_port.h"

enum {
    STATUS_OBF = 1 << 0,
    STATUS_SYSTEM = 1 << 2,
    STATUS_COMMAND = 1 << 3, /* the last write was to the command port */
    STATUS_UNLOCKED = 1 << 4,
    STATUS_AUX = 1 << 5,
};
enum {
    CB_KEYBOARD_IRQ = 1 << 0,
    CB_AUX_IRQ = 1 << 1,
    CB_SYSTEM = 1 << 2,
    CB_KEYBOARD_OFF = 1 << 4,
    CB_AUX_OFF = 1 << 5,
    CB_TRANSLATE = 1 << 6,
};
enum { OUTPUT_NOT_RESET = 1 << 0, OUTPUT_A20 = 1 << 1, OUTPUT_OBF = 1 << 4, OUTPUT_AUX = 1 << 5 };
enum { RAM_SIZE = 32, INPUT_PORT = 0x80 /* keyboard not locked */ };
/* Controller commands. */
enum {
    CMD_READ_RAM = 0x20,
    CMD_WRITE_RAM = 0x60,
    CMD_TEST_PASSWORD = 0xa4,
    CMD_AUX_OFF = 0xa7,
    CMD_AUX_ON = 0xa8,
    CMD_TEST_AUX = 0xa9,
    CMD_SELF_TEST = 0xaa,
    CMD_TEST_KEYBOARD = 0xab,
    CMD_KEYBOARD_OFF = 0xad,
    CMD_KEYBOARD_ON = 0xae,
    CMD_READ_INPUT = 0xc0,
    CMD_READ_OUTPUT = 0xd0,
    CMD_WRITE_OUTPUT = 0xd1,
    CMD_WRITE_KEYBOARD_BUFFER = 0xd2,
    CMD_WRITE_AUX_BUFFER = 0xd3,
    CMD_WRITE_AUX = 0xd4,
    CMD_A20_OFF = 0xdd,
    CMD_A20_ON = 0xdf,
    CMD_READ_TEST = 0xe0,
    CMD_PULSE = 0xf0,
    NO_PASSWORD = 0xf1,
    SELF_TEST_OK = 0x55,
};
/* Device answers and commands. */
enum {
    DEV_ACK = 0xfa,
    DEV_RESEND = 0xfe,
    DEV_BAT_OK = 0xaa,
    KBD_SET_LEDS = 0xed,
    KBD_ECHO = 0xee,
    KBD_SCAN_SET = 0xf0,
    MOUSE_SCALE_1 = 0xe6,
    MOUSE_SCALE_2 = 0xe7,
    MOUSE_RESOLUTION = 0xe8,
    MOUSE_STATUS = 0xe9,
    MOUSE_STREAM = 0xea,
    MOUSE_READ = 0xeb,
    MOUSE_WRAP_OFF = 0xec,
    MOUSE_WRAP = 0xee,
    MOUSE_REMOTE = 0xf0,
    DEV_IDENTIFY = 0xf2,
    DEV_RATE = 0xf3,
    DEV_ENABLE = 0xf4,
    DEV_DISABLE = 0xf5,
    DEV_DEFAULTS = 0xf6,
    DEV_RESET = 0xff,
};
enum { QUEUE_SIZE = 32 };
enum source { FROM_CONTROLLER, FROM_KEYBOARD, FROM_AUX, SOURCES };

struct queue {
    uint8_t data[QUEUE_SIZE];
    uint8_t aux; /* the controller's: what it puts in the buffer is marked as from the mouse */
    uint8_t head, count;
};

struct i8042 {
    struct device dev;
    struct i8042_config cfg;
    uint8_t status;        /* SYSTEM and COMMAND; the rest is derived */
    uint8_t ram[RAM_SIZE]; /* byte 0 is the command byte */
    uint8_t output_port;
    uint8_t pending; /* controller command that waits for its data byte, or 0 */
    uint8_t buffer;  /* the output buffer */
    bool full, from_aux;
    bool keyboard_irq_level, aux_irq_level;
    struct queue queue[SOURCES];

    uint8_t kbd_command; /* keyboard command that waits for its argument, or 0 */
    uint8_t kbd_leds, kbd_scan_set, kbd_rate, kbd_last;
    bool kbd_enabled;
    uint8_t mouse_command;
    uint8_t mouse_rate, mouse_resolution, mouse_last;
    bool mouse_enabled, mouse_scale_2, mouse_remote, mouse_wrap;

    struct mem_region data_region, command_region;
};

/* ---- output buffer --------------------------------------------------------------------------- */

static bool put(struct i8042 *s, enum source from, uint8_t byte)
{
    struct queue *q = &s->queue[from];
    if (q->count == QUEUE_SIZE)
        return false;
    q->data[(q->head + q->count++) % QUEUE_SIZE] = byte;
    return true;
}

static void update(struct i8042 *s)
{
    if (!s->full) {
        static const uint8_t off[SOURCES] = {0, CB_KEYBOARD_OFF, CB_AUX_OFF};
        for (unsigned from = 0; from < SOURCES; from++) {
            struct queue *q = &s->queue[from];
            if (!q->count || s->ram[0] & off[from])
                continue;
            s->buffer = q->data[q->head];
            q->head = (q->head + 1) % QUEUE_SIZE;
            q->count--;
            s->full = true;
            s->from_aux = from == FROM_AUX || (from == FROM_CONTROLLER && q->aux);
            if (!q->count)
                q->aux = 0;
            break;
        }
    }
    bool keyboard = s->full && !s->from_aux && s->ram[0] & CB_KEYBOARD_IRQ;
    bool aux = s->full && s->from_aux && s->ram[0] & CB_AUX_IRQ;
    if (keyboard != s->keyboard_irq_level) {
        s->keyboard_irq_level = keyboard;
        irq_set(&s->cfg.keyboard_irq, keyboard);
    }
    if (aux != s->aux_irq_level) {
        s->aux_irq_level = aux;
        irq_set(&s->cfg.aux_irq, aux);
    }
}

static void answer(struct i8042 *s, uint8_t byte)
{
    /* A controller command throws away what its own earlier ones left. */
    s->queue[FROM_CONTROLLER] = (struct queue){0};
    put(s, FROM_CONTROLLER, byte);
}

/* ---- keyboard -------------------------------------------------------------------------------- */

static void keyboard_defaults(struct i8042 *s)
{
    s->kbd_command = s->kbd_leds = 0;
    s->kbd_scan_set = 2;
    s->kbd_rate = 0x2b;
    s->kbd_enabled = true;
}

static void keyboard_send(struct i8042 *s, uint8_t byte)
{
    if (put(s, FROM_KEYBOARD, byte))
        s->kbd_last = byte;
}

static void keyboard_argument(struct i8042 *s, uint8_t value)
{
    uint8_t command = s->kbd_command;

    s->kbd_command = 0;
    keyboard_send(s, DEV_ACK);
    if (command == KBD_SET_LEDS)
        s->kbd_leds = value & 7;
    else if (command == DEV_RATE)
        s->kbd_rate = value & 0x7f;
    else if (value == 0)
        keyboard_send(s, s->kbd_scan_set);
    else if (value <= 3)
        s->kbd_scan_set = value;
}

static void keyboard_write(struct i8042 *s, uint8_t value)
{
    if (s->kbd_command && value < KBD_SET_LEDS) {
        keyboard_argument(s, value);
        return;
    }
    s->kbd_command = 0;
    switch (value) {
    case KBD_SET_LEDS:
    case KBD_SCAN_SET:
    case DEV_RATE:
        s->kbd_command = value;
        keyboard_send(s, DEV_ACK);
        break;
    case KBD_ECHO:
        keyboard_send(s, KBD_ECHO);
        break;
    case DEV_IDENTIFY:
        keyboard_send(s, DEV_ACK);
        keyboard_send(s, 0xab);
        /* 0x83; the controller translates it like a scan code. */
        keyboard_send(s, s->ram[0] & CB_TRANSLATE ? 0x41 : 0x83);
        break;
    case DEV_ENABLE:
        s->kbd_enabled = true;
        keyboard_send(s, DEV_ACK);
        break;
    case DEV_DISABLE:
        keyboard_defaults(s);
        s->kbd_enabled = false;
        keyboard_send(s, DEV_ACK);
        break;
    case DEV_DEFAULTS:
        keyboard_defaults(s);
        keyboard_send(s, DEV_ACK);
        break;
    case DEV_RESEND:
        put(s, FROM_KEYBOARD, s->kbd_last);
        break;
    case DEV_RESET:
        keyboard_defaults(s);
        s->queue[FROM_KEYBOARD] = (struct queue){0};
        keyboard_send(s, DEV_ACK);
        keyboard_send(s, DEV_BAT_OK);
        break;
    default: /* 0xf7-0xfd set key types of scan set 3, which only changes what keys send */
        keyboard_send(s, value >= 0xf7 ? DEV_ACK : DEV_RESEND);
    }
}

unsigned i8042_put_keyboard(struct device *dev, const uint8_t *codes, unsigned count)
{
    struct i8042 *s = container_of(dev, struct i8042, dev);
    unsigned taken = 0;

    if (!s->kbd_enabled)
        return count; /* a disabled keyboard does not scan */
    /* All or nothing: half a key's codes would be another key. */
    if (count <= (unsigned)(QUEUE_SIZE - s->queue[FROM_KEYBOARD].count))
        while (taken < count)
            keyboard_send(s, codes[taken++]);
    update(s);
    return taken;
}

/* ---- mouse ----------------------------------------------------------------------------------- */

static void mouse_defaults(struct i8042 *s)
{
    s->mouse_command = 0;
    s->mouse_rate = 100;
    s->mouse_resolution = 2;
    s->mouse_enabled = s->mouse_scale_2 = s->mouse_remote = s->mouse_wrap = false;
}

static void mouse_send(struct i8042 *s, uint8_t byte)
{
    if (put(s, FROM_AUX, byte))
        s->mouse_last = byte;
}

static void mouse_reset(struct i8042 *s)
{
    mouse_defaults(s);
    s->queue[FROM_AUX] = (struct queue){0};
    mouse_send(s, DEV_ACK);
    mouse_send(s, DEV_BAT_OK);
    mouse_send(s, 0x00); /* device ID: a plain mouse */
}

static void mouse_write(struct i8042 *s, uint8_t value)
{
    if (s->mouse_command) {
        if (s->mouse_command == DEV_RATE)
            s->mouse_rate = value;
        else
            s->mouse_resolution = value & 3;
        s->mouse_command = 0;
        mouse_send(s, DEV_ACK);
        return;
    }
    if (s->mouse_wrap && value != MOUSE_WRAP_OFF && value != DEV_RESET) {
        mouse_send(s, value);
        return;
    }
    if (value == DEV_RESET) {
        mouse_reset(s);
        return;
    }
    if (value == DEV_RESEND) {
        put(s, FROM_AUX, s->mouse_last);
        return;
    }
    if ((value < MOUSE_SCALE_1 || value > DEV_DEFAULTS) || value == 0xed || value == 0xef ||
        value == 0xf1) {
        mouse_send(s, DEV_RESEND);
        return;
    }
    mouse_send(s, DEV_ACK);
    switch (value) {
    case MOUSE_SCALE_1:
    case MOUSE_SCALE_2:
        s->mouse_scale_2 = value == MOUSE_SCALE_2;
        break;
    case MOUSE_RESOLUTION:
    case DEV_RATE:
        s->mouse_command = value;
        break;
    case MOUSE_STATUS:
        mouse_send(s,
                   (uint8_t)(s->mouse_remote << 6 | s->mouse_enabled << 5 | s->mouse_scale_2 << 4));
        mouse_send(s, s->mouse_resolution);
        mouse_send(s, s->mouse_rate);
        break;
    case MOUSE_READ: /* a packet without movement */
        mouse_send(s, 0x08);
        mouse_send(s, 0);
        mouse_send(s, 0);
        break;
    case MOUSE_STREAM:
    case MOUSE_REMOTE:
        s->mouse_remote = value == MOUSE_REMOTE;
        break;
    case MOUSE_WRAP_OFF:
    case MOUSE_WRAP:
        s->mouse_wrap = value == MOUSE_WRAP;
        break;
    case DEV_IDENTIFY:
        mouse_send(s, 0x00);
        break;
    case DEV_ENABLE:
    case DEV_DISABLE:
        s->mouse_enabled = value == DEV_ENABLE;
        break;
    case DEV_DEFAULTS:
        mouse_defaults(s);
        break;
    }
}

/* ---- controller ------------------------------------------------------------------------------ */

static void write_output_port(struct i8042 *s, uint8_t value)
{
    s->output_port = value;
    irq_set(&s->cfg.a20, value & OUTPUT_A20 ? 1 : 0);
    if (!(value & OUTPUT_NOT_RESET))
        device_request(&s->dev, MACHINE_REQUEST_RESET, 0);
}

static void write_command(struct i8042 *s, uint8_t value)
{
    s->pending = 0;
    if (value >= CMD_READ_RAM && value < CMD_READ_RAM + RAM_SIZE) {
        answer(s, s->ram[value % RAM_SIZE]);
        return;
    }
    if (value >= CMD_WRITE_RAM && value < CMD_WRITE_RAM + RAM_SIZE) {
        s->pending = value;
        return;
    }
    if (value >= CMD_PULSE) {
        /* Bits 0-3 that are 0 are pulsed low for 6 us: bit 0 is the processor's reset. Pulsing A20
         * for that long is nothing software can notice. */
        if (!(value & OUTPUT_NOT_RESET))
            device_request(&s->dev, MACHINE_REQUEST_RESET, 0);
        return;
    }
    switch (value) {
    case CMD_TEST_PASSWORD:
        answer(s, NO_PASSWORD);
        break;
    case CMD_AUX_OFF:
        s->ram[0] |= CB_AUX_OFF;
        break;
    case CMD_AUX_ON:
        s->ram[0] &= (uint8_t)~CB_AUX_OFF;
        break;
    case CMD_TEST_AUX:
    case CMD_TEST_KEYBOARD:
        answer(s, 0x00);
        break;
    case CMD_SELF_TEST:
        s->status |= STATUS_SYSTEM;
        s->full = false;
        answer(s, SELF_TEST_OK);
        break;
    case CMD_KEYBOARD_OFF:
        s->ram[0] |= CB_KEYBOARD_OFF;
        break;
    case CMD_KEYBOARD_ON:
        s->ram[0] &= (uint8_t)~CB_KEYBOARD_OFF;
        break;
    case CMD_READ_INPUT:
        answer(s, INPUT_PORT);
        break;
    case CMD_READ_OUTPUT:
        answer(s, (uint8_t)(s->output_port | (s->full && !s->from_aux ? OUTPUT_OBF : 0) |
                            (s->full && s->from_aux ? OUTPUT_AUX : 0)));
        break;
    case CMD_WRITE_OUTPUT:
    case CMD_WRITE_KEYBOARD_BUFFER:
    case CMD_WRITE_AUX_BUFFER:
    case CMD_WRITE_AUX:
        s->pending = value;
        break;
    case CMD_A20_OFF:
        write_output_port(s, s->output_port & (uint8_t)~OUTPUT_A20);
        break;
    case CMD_A20_ON:
        write_output_port(s, s->output_port | OUTPUT_A20);
        break;
    case CMD_READ_TEST:
        answer(s, 0x00);
        break;
    }
}

static void write_data(struct i8042 *s, uint8_t value)
{
    uint8_t command = s->pending;

    s->pending = 0;
    if (command >= CMD_WRITE_RAM && command < CMD_WRITE_RAM + RAM_SIZE) {
        s->ram[command % RAM_SIZE] = value;
        if (command == CMD_WRITE_RAM)
            s->status =
                value & CB_SYSTEM ? s->status | STATUS_SYSTEM : s->status & (uint8_t)~STATUS_SYSTEM;
        return;
    }
    switch (command) {
    case CMD_WRITE_OUTPUT:
        write_output_port(s, value);
        break;
    case CMD_WRITE_KEYBOARD_BUFFER:
        answer(s, value);
        break;
    case CMD_WRITE_AUX_BUFFER:
        answer(s, value);
        s->queue[FROM_CONTROLLER].aux = 1;
        break;
    case CMD_WRITE_AUX:
        mouse_write(s, value);
        break;
    default:
        /* Talking to the keyboard enables its interface. */
        s->ram[0] &= (uint8_t)~CB_KEYBOARD_OFF;
        keyboard_write(s, value);
    }
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8042 *s = opaque;
    uint8_t v = s->buffer;
    (void)offset;
    (void)size;
    /* The line falls between two bytes, so that each is an edge. */
    s->full = false;
    irq_set(&s->cfg.keyboard_irq, 0);
    irq_set(&s->cfg.aux_irq, 0);
    s->keyboard_irq_level = s->aux_irq_level = false;
    update(s);
    return v;
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8042 *s = opaque;
    (void)offset;
    (void)size;
    s->status &= (uint8_t)~STATUS_COMMAND;
    write_data(s, (uint8_t)value);
    update(s);
}

static uint64_t command_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8042 *s = opaque;
    (void)offset;
    (void)size;
    return s->status | STATUS_UNLOCKED | (s->full ? STATUS_OBF : 0) |
           (s->full && s->from_aux ? STATUS_AUX : 0);
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8042 *s = opaque;
    (void)offset;
    (void)size;
    s->status |= STATUS_COMMAND;
    write_command(s, (uint8_t)value);
    update(s);
}

static const struct mem_ops data_ops = {
    .read = data_read, .write = data_write, .min_size = 1, .max_size = 1};
static const struct mem_ops command_ops = {
    .read = command_read, .write = command_write, .min_size = 1, .max_size = 1};

/* ---- life ------------------------------------------------------------------------------------ */

static void i8042_reset(struct device *dev)
{
    struct i8042 *s = container_of(dev, struct i8042, dev);

    for (unsigned i = 0; i < SOURCES; i++)
        s->queue[i] = (struct queue){0};
    for (unsigned i = 0; i < RAM_SIZE; i++)
        s->ram[i] = 0;
    s->ram[0] = CB_KEYBOARD_IRQ | CB_AUX_IRQ;
    s->status = s->pending = s->buffer = 0;
    s->full = s->from_aux = s->keyboard_irq_level = s->aux_irq_level = false;
    s->output_port = OUTPUT_NOT_RESET | OUTPUT_A20;
    s->kbd_last = s->mouse_last = 0;
    keyboard_defaults(s);
    mouse_defaults(s);
    irq_set(&s->cfg.keyboard_irq, 0);
    irq_set(&s->cfg.aux_irq, 0);
    irq_set(&s->cfg.a20, 1);
}

static void i8042_unrealize(struct device *dev)
{
    struct i8042 *s = container_of(dev, struct i8042, dev);
    mem_region_remove(&s->data_region);
    mem_region_remove(&s->command_region);
}

static bool i8042_realize(struct device *dev, struct vemu_error **errp)
{
    struct i8042 *s = container_of(dev, struct i8042, dev);

    if (!isa_port_add(dev, &s->data_region, "i8042-data", s->cfg.data_port, 1, &data_ops, s, errp))
        return false;
    if (!isa_port_add(dev, &s->command_region, "i8042-command", s->cfg.command_port, 1,
                      &command_ops, s, errp)) {
        mem_region_remove(&s->data_region);
        return false;
    }
    i8042_reset(dev);
    return true;
}

static bool i8042_post_load(struct device *dev, struct vemu_error **errp)
{
    struct i8042 *s = container_of(dev, struct i8042, dev);
    (void)errp;
    irq_set(&s->cfg.keyboard_irq, s->keyboard_irq_level);
    irq_set(&s->cfg.aux_irq, s->aux_irq_level);
    return true;
}

static const struct state_field queue_state[] = {
    STATE_BUFFER(struct queue, data),
    STATE_INT(struct queue, aux, .max = 1),
    STATE_INT(struct queue, head, .max = QUEUE_SIZE - 1),
    STATE_INT(struct queue, count, .max = QUEUE_SIZE),
    STATE_FIELDS_END,
};
static const struct state_field i8042_state[] = {
    STATE_INT(struct i8042, status),
    STATE_BUFFER(struct i8042, ram),
    STATE_INT(struct i8042, output_port),
    STATE_INT(struct i8042, pending),
    STATE_INT(struct i8042, buffer),
    STATE_FLAG(struct i8042, full),
    STATE_FLAG(struct i8042, from_aux),
    STATE_FLAG(struct i8042, keyboard_irq_level),
    STATE_FLAG(struct i8042, aux_irq_level),
    STATE_ARRAY_OF(struct i8042, queue, queue_state),
    STATE_INT(struct i8042, kbd_command),
    STATE_INT(struct i8042, kbd_leds, .max = 7),
    STATE_INT(struct i8042, kbd_scan_set, .max = 3),
    STATE_INT(struct i8042, kbd_rate, .max = 0x7f),
    STATE_INT(struct i8042, kbd_last),
    STATE_FLAG(struct i8042, kbd_enabled),
    STATE_INT(struct i8042, mouse_command),
    STATE_INT(struct i8042, mouse_rate),
    STATE_INT(struct i8042, mouse_resolution, .max = 3),
    STATE_INT(struct i8042, mouse_last),
    STATE_FLAG(struct i8042, mouse_enabled),
    STATE_FLAG(struct i8042, mouse_scale_2),
    STATE_FLAG(struct i8042, mouse_remote),
    STATE_FLAG(struct i8042, mouse_wrap),
    STATE_FIELDS_END,
};

const struct device_class i8042_class = {
    .name = "i8042",
    .help = "PS/2 keyboard controller with keyboard and mouse",
    .size = sizeof(struct i8042),
    .state = i8042_state,
    .state_version = 1,
    .realize = i8042_realize,
    .unrealize = i8042_unrealize,
    .reset = i8042_reset,
    .post_load = i8042_post_load,
};

struct device *i8042_create(struct vemu_machine *m, const struct i8042_config *cfg,
                            struct vemu_error **errp)
{
    struct device *dev = device_new(m, &i8042_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct i8042, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
