/*
 * The two devices at a PS/2 controller's serial ports: keyboard and mouse. Each has an output
 * buffer that the controller takes bytes from, and gets the commands that the guest writes. They
 * are members of the controller's struct. Everything with the machine lock held.
 *
 * Serial transfer times are not modelled. An answer comes before the key codes or packets that
 * wait, as a device that was interrupted to listen sends it.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include <stdbool.h>
#include <stdint.h>
#include "core/clock/clock.h"
#include "core/input/input.h"
#include "core/state/state.h"

enum {
    PS2_ACK = 0xfa,
    PS2_RESEND = 0xfe,
    PS2_BAT_OK = 0xaa,
    PS2_IDENTIFY = 0xf2,
    PS2_RATE = 0xf3,
    PS2_ENABLE = 0xf4,
    PS2_DISABLE = 0xf5,
    PS2_DEFAULTS = 0xf6,
    PS2_RESET = 0xff,
};

enum { PS2_QUEUE_SIZE = 64 };
struct ps2_queue {
    uint8_t data[PS2_QUEUE_SIZE];
    uint8_t head, count;
};
/* What a device sends to the controller. */
struct ps2_port {
    struct ps2_queue answers, input; /* answers go first */
    uint8_t last;                    /* byte that was sent */
    uint8_t command;                 /* waits for its argument, or 0 */
    /* There may be bytes to take. */
    void (*filled)(void *opaque);
    void *opaque;
};
extern const struct state_field ps2_port_state[];

static inline unsigned ps2_room(const struct ps2_queue *q)
{
    return PS2_QUEUE_SIZE - (unsigned)q->count;
}
/* There is room. */
static inline void ps2_put(struct ps2_queue *q, uint8_t byte)
{
    q->data[(q->head + q->count++) % PS2_QUEUE_SIZE] = byte;
}
/* What answers have no room for is lost: the guest sends commands and reads nothing. */
void ps2_answer(struct ps2_port *p, uint8_t byte);
/* Both queues empty, no command under way. */
void ps2_port_reset(struct ps2_port *p);
/* The next byte; false: there is none. */
bool ps2_take(struct ps2_port *p, uint8_t *byte);

/* ---- keyboard -------------------------------------------------------------------------------- */

enum { PS2_KEYS = KEY_CNT, PS2_MATRIX_BYTES = PS2_KEYS / 8, PS2_SET3_CODES = 256 };

struct ps2_keyboard {
    struct ps2_port port;
    struct input_sink sink;
    uint8_t leds, set, rate; /* as the guest sent them */
    bool enabled;
    uint8_t pressed[PS2_MATRIX_BYTES]; /* bit per KEY_*: what is down */
    uint8_t told[PS2_MATRIX_BYTES];    /* and what the guest believes to be down */
    uint16_t repeated;                 /* key that is held and repeats, or 0 */
    struct timer repeat;
    uint8_t no_repeat[PS2_SET3_CODES / 8], no_break[PS2_SET3_CODES / 8]; /* set 3: kinds of keys */
};
extern const struct state_field ps2_keyboard_state[];

/* dev: whose member it is; filled as in struct ps2_port. */
bool ps2_keyboard_init(struct ps2_keyboard *k, struct device *dev, void (*filled)(void *opaque),
                       struct vemu_error **errp);
void ps2_keyboard_end(struct ps2_keyboard *k);
void ps2_keyboard_reset(struct ps2_keyboard *k);
void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t value);
bool ps2_keyboard_read(struct ps2_keyboard *k, uint8_t *byte);
void ps2_keyboard_loaded(struct ps2_keyboard *k);

/* ---- mouse ----------------------------------------------------------------------------------- */

struct ps2_mouse {
    struct ps2_port port;
    struct input_sink sink;
    uint8_t id, rate, resolution;
    uint8_t knock; /* how far the guest is in asking for a wheel */
    bool enabled, scale_2, remote, wrap;
    uint8_t buttons, told; /* now, and as the last packet had them */
    int32_t x, y, wheel;   /* counted since the last packet; y upwards, wheel towards the user */
    struct timer sample;   /* pending: too early for the next packet of motion */
};
extern const struct state_field ps2_mouse_state[];

bool ps2_mouse_init(struct ps2_mouse *s, struct device *dev, void (*filled)(void *opaque),
                    struct vemu_error **errp);
void ps2_mouse_end(struct ps2_mouse *s);
void ps2_mouse_reset(struct ps2_mouse *s);
void ps2_mouse_write(struct ps2_mouse *s, uint8_t value);
bool ps2_mouse_read(struct ps2_mouse *s, uint8_t *byte);

#endif
