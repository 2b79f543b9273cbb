/*
 * 8042 keyboard controller of the PS/2 kind: two serial ports, with a keyboard and a mouse.
 *
 * Specification: IBM PS/2 Hardware Interface Technical Reference, chapter "Keyboard and Auxiliary
 * Device Controller". The devices are in ps2_keyboard.c and ps2_mouse.c.
 */
#include "hw/input/i8042.h"

#include "core/device/machine.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/input/ps2.h"
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
enum { SET2_BREAK = 0xf0 };
struct i8042 {
    struct device dev;
    struct i8042_config cfg;
    uint8_t status;        /* SYSTEM and COMMAND; the rest is derived */
    uint8_t ram[RAM_SIZE]; /* byte 0 is the command byte */
    uint8_t output_port;
    uint8_t pending; /* controller command that waits for its data byte, or 0 */
    uint8_t buffer;  /* the output buffer */
    bool full, from_aux;
    uint8_t answer; /* of a controller command */
    bool answered, answer_from_aux;
    bool released; /* translation: a break code's first byte came */
    bool keyboard_irq_level, aux_irq_level;
    struct ps2_keyboard keyboard;
    struct ps2_mouse mouse;

    struct mem_region data_region, command_region;
};

/* ---- output buffer --------------------------------------------------------------------------- */

/* What a key's code of set 2 is in set 1. */
static uint8_t translated(uint8_t code)
{
    static const uint8_t table[] = {
        0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29,
        0x59, 0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11,
        0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14,
        0x13, 0x06, 0x5d, 0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24,
        0x16, 0x08, 0x09, 0x5f, 0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35,
        0x26, 0x27, 0x19, 0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36,
        0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c,
        0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
        0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54, 0x80, 0x81, 0x82, 0x41, 0x54};
    return code < ARRAY_SIZE(table) ? table[code] : code;
}

/* Everything that comes from the keyboard is translated, answers too. */
static bool take_keyboard(struct i8042 *s, uint8_t *byte)
{
    while (ps2_keyboard_read(&s->keyboard, byte)) {
        if (!(s->ram[0] & CB_TRANSLATE)) {
            s->released = false;
            return true;
        }
        if (*byte == SET2_BREAK) {
            s->released = true;
            continue;
        }
        *byte = (uint8_t)(translated(*byte) | (s->released ? 0x80 : 0));
        s->released = false;
        return true;
    }
    return false;
}

static void fill(struct i8042 *s)
{
    s->full = true;
    if (s->answered) {
        s->buffer = s->answer;
        s->from_aux = s->answer_from_aux;
        s->answered = false;
    } else if (!(s->ram[0] & CB_KEYBOARD_OFF) && take_keyboard(s, &s->buffer)) {
        s->from_aux = false;
    } else if (!(s->ram[0] & CB_AUX_OFF) && ps2_mouse_read(&s->mouse, &s->buffer)) {
        s->from_aux = true;
    } else {
        s->full = false;
    }
}

static void update(struct i8042 *s)
{
    if (!s->full)
        fill(s);
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

static void port_filled(void *dev)
{
    update(container_of(dev, struct i8042, dev));
}

/* A controller command throws away what its own earlier ones left. */
static void answer(struct i8042 *s, uint8_t byte)
{
    s->answer = byte;
    s->answered = true;
    s->answer_from_aux = false;
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
        s->answer_from_aux = true;
        break;
    case CMD_WRITE_AUX:
        ps2_mouse_write(&s->mouse, value);
        break;
    default:
        /* Talking to the keyboard enables its interface. */
        s->ram[0] &= (uint8_t)~CB_KEYBOARD_OFF;
        ps2_keyboard_write(&s->keyboard, value);
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

    for (unsigned i = 0; i < RAM_SIZE; i++)
        s->ram[i] = 0;
    s->ram[0] = CB_KEYBOARD_IRQ | CB_AUX_IRQ;
    s->status = s->pending = s->buffer = s->answer = 0;
    s->full = s->from_aux = s->keyboard_irq_level = s->aux_irq_level = false;
    s->answered = s->answer_from_aux = s->released = false;
    s->output_port = OUTPUT_NOT_RESET | OUTPUT_A20;
    /* Kernels that a loader starts expect what firmware did: scan codes of set 1. */
    if (s->cfg.board && !dev->machine->starts_firmware) {
        s->ram[0] |= CB_SYSTEM | CB_TRANSLATE;
        s->status |= STATUS_SYSTEM;
    }
    ps2_keyboard_reset(&s->keyboard);
    ps2_mouse_reset(&s->mouse);
    irq_set(&s->cfg.keyboard_irq, 0);
    irq_set(&s->cfg.aux_irq, 0);
    irq_set(&s->cfg.a20, 1);
}

static void i8042_unrealize(struct device *dev)
{
    struct i8042 *s = container_of(dev, struct i8042, dev);
    ps2_keyboard_end(&s->keyboard);
    ps2_mouse_end(&s->mouse);
    mem_region_remove(&s->data_region);
    mem_region_remove(&s->command_region);
}

static bool i8042_realize(struct device *dev, struct vemu_error **errp)
{
    struct i8042 *s = container_of(dev, struct i8042, dev);

    if (!isa_port_add(dev, &s->data_region, "i8042-data", s->cfg.data_port, 1, &data_ops, s, errp))
        return false;
    if (!isa_port_add(dev, &s->command_region, "i8042-command", s->cfg.command_port, 1,
                      &command_ops, s, errp))
        goto no_command;
    if (!ps2_keyboard_init(&s->keyboard, dev, port_filled, errp))
        goto no_keyboard;
    if (!ps2_mouse_init(&s->mouse, dev, port_filled, errp))
        goto no_mouse;
    i8042_reset(dev);
    return true;

no_mouse:
    ps2_keyboard_end(&s->keyboard);
no_keyboard:
    mem_region_remove(&s->command_region);
no_command:
    mem_region_remove(&s->data_region);
    return false;
}

static bool i8042_post_load(struct device *dev, struct vemu_error **errp)
{
    struct i8042 *s = container_of(dev, struct i8042, dev);
    (void)errp;
    irq_set(&s->cfg.keyboard_irq, s->keyboard_irq_level);
    irq_set(&s->cfg.aux_irq, s->aux_irq_level);
    ps2_keyboard_loaded(&s->keyboard);
    return true;
}

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
    STATE_INT(struct i8042, answer),
    STATE_FLAG(struct i8042, answered),
    STATE_FLAG(struct i8042, answer_from_aux),
    STATE_FLAG(struct i8042, released),
    STATE_NESTED(struct i8042, keyboard, ps2_keyboard_state),
    STATE_NESTED(struct i8042, mouse, ps2_mouse_state),
    STATE_FIELDS_END,
};

const struct device_class i8042_class = {
    .name = "i8042",
    .help = "PS/2 keyboard controller with keyboard and mouse",
    .size = sizeof(struct i8042),
    .state = i8042_state,
    .state_version = 2,
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
