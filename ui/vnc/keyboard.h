/*
 * Keys of viewers. One that knows scan codes says which key it was; any other says what the key
 * stands for (an X11 keysym), and the layout of the guest's keyboard (-k) tells which key that is
 * and what else has to be held, or let go, for it.
 *
 * A layout is constant once it is made: any thread. Keys that are held belong to their client's
 * thread.
 */
#ifndef UI_VNC_KEYBOARD_H
#define UI_VNC_KEYBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/input/input.h"

struct vemu_error;
struct vemu_machine;

/* What a keysym takes. */
struct keyboard_key {
    uint16_t code;     /* KEY_* */
    uint8_t level;     /* KEYBOARD_SHIFT and KEYBOARD_ALTGR */
    bool any_level;    /* the key means the same with and without shift */
    bool alphabetical; /* caps lock works like shift */
};
enum { KEYBOARD_SHIFT = 1, KEYBOARD_ALTGR = 2 };

struct keyboard_layout;

/* name: as -k; NULL: en-us, which is built in. The others come from the host's keyboard data. */
struct keyboard_layout *keyboard_layout_new(const char *name, const char *origin,
                                            struct vemu_error **errp);
void keyboard_layout_free(struct keyboard_layout *layout);
/* False: the keyboard has no such key. */
bool keyboard_find(const struct keyboard_layout *layout, uint32_t keysym, struct keyboard_key *key);

/* Between keyboard.c and layout.c: a list of keysyms in the making. */
struct keyboard_entry {
    uint32_t keysym;
    struct keyboard_key key;
};
struct keyboard_layout {
    struct keyboard_entry *entries; /* by keysym; of several for one the first counts */
    size_t count, room;
};
/* False: no memory. */
bool keyboard_add(struct keyboard_layout *layout, uint32_t keysym, struct keyboard_key key);
/* layout.c: adds what the host's data says. */
bool keyboard_add_host(struct keyboard_layout *layout, const char *name, const char *origin,
                       struct vemu_error **errp);

enum { VNC_KEYS_HELD_MAX = 32 };
struct vnc_keys {
    uint8_t down[(KEY_MAX + 8) / 8];
    /* What a keysym's release belongs to: modifiers may have changed meanwhile. */
    struct {
        uint32_t keysym;
        uint16_t code;
    } held[VNC_KEYS_HELD_MAX];
    unsigned held_count;
    int64_t pause_ns; /* after each key that goes down or up */
    unsigned locked;  /* INPUT_LED_*: pressed for the viewer, and the guest's lamps are as before */
    unsigned lamps;   /* then */
};

void keys_code(struct vemu_machine *m, struct vnc_keys *keys, uint16_t code, bool down);
/* Returns false for a keysym that the layout does not have. */
bool keys_symbol(struct vemu_machine *m, const struct keyboard_layout *layout,
                 struct vnc_keys *keys, uint32_t keysym, bool down);
/* The guest's Caps Lock (caps) and Num Lock as they are at the viewer's keyboard, as far as the
 * keysym of a key that goes down there tells. A guest without lamps is told once. */
void keys_sync_locks(struct vemu_machine *m, struct vnc_keys *keys, uint32_t keysym, bool caps);
/* All that is down goes up. */
void keys_release(struct vemu_machine *m, struct vnc_keys *keys);

#endif
