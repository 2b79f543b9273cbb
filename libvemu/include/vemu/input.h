/*
 * Keys, buttons and motion for the guest. Codes are those of Linux (linux/input-event-codes.h):
 * KEY_* and BTN_*, REL_*, ABS_*. They reach the keyboard or pointer that the guest uses: PS/2, USB
 * or virtio.
 *
 * Thread contract: any thread, and callbacks of the machine, between create and destroy.
 */
#ifndef VEMU_INPUT_H
#define VEMU_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vemu_machine;

/* Positions of a pointer (EV_ABS) go from 0 to this over the width and height of the display. */
#define VEMU_INPUT_ABS_MAX 0x7fff

struct vemu_input_event {
    uint16_t type; /* EV_KEY, EV_REL or EV_ABS */
    uint16_t code;
    int32_t value; /* EV_KEY: 1 down, 0 up; EV_REL: counts; EV_ABS: position */
};

/*
 * Events that belong together: both axes of a motion, a chord. Returns at once; the guest gets them
 * when the main loop comes by. What a guest does not take in time is bounded: motion is summed or
 * dropped, the release of a key never is.
 */
void vemu_input_send(struct vemu_machine *m, const struct vemu_input_event *events, unsigned count);
/* Everything that is down goes up. */
void vemu_input_release(struct vemu_machine *m);

/*
 * Keys (KEY_*, at most 16) that go down together and up after hold_ms of the guest's time; calls
 * follow each other. At most 4096 wait. Not from a callback of the machine.
 */
bool vemu_input_press(struct vemu_machine *m, const uint16_t *keys, unsigned count,
                      unsigned hold_ms, struct vemu_error **errp);
/* Text as somebody types it on a keyboard of the United States: printable ASCII, newline, tab. All
 * of it or none. Likewise. */
bool vemu_input_type(struct vemu_machine *m, const char *text, struct vemu_error **errp);

/* The keyboard's lamps as the guest set them. */
#define VEMU_INPUT_NUM_LOCK 1u
#define VEMU_INPUT_CAPS_LOCK 2u
#define VEMU_INPUT_SCROLL_LOCK 4u
unsigned vemu_input_leds(struct vemu_machine *m);
/* Does the guest's pointer take positions? Otherwise they are turned into motion. */
bool vemu_input_is_absolute(struct vemu_machine *m);

/* Constant tables. Keys by the names of the control protocol ("a", "ret", "ctrl"); 0: there is none
 * of that name. */
uint16_t vemu_key_from_name(const char *name);
/* NULL: it has none. */
const char *vemu_key_name(uint16_t key);
/* The key for a character, and whether Shift is held; false: there is none. */
bool vemu_key_from_char(char c, uint16_t *key, bool *shift);

#ifdef __cplusplus
}
#endif
#endif
