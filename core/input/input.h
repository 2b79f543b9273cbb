/*
 * The input router: keys, buttons, motion from whoever has a keyboard and a pointer (VNC, a window,
 * the control socket, the embedder) to the device that the guest listens to. Events are those of
 * Linux (linux/input-event-codes.h): EV_KEY with KEY_* and BTN_*, EV_REL with REL_X, REL_Y,
 * REL_WHEEL and REL_HWHEEL, EV_ABS with ABS_X and ABS_Y from 0 to INPUT_ABS_MAX over the display.
 *
 * Senders hand in groups of events from any thread, with any lock: they are queued, bounded, and
 * given to devices on the machine's loop. Of several sinks that take a kind of event, the one that
 * was made or activated last gets it; a key or button goes up at the sink where it went down, and
 * wheels go where buttons go. A device whose guest has to start it adds its sink when that
 * happened, and removes it when the guest resets it: until then keys are for the one before.
 * Absolute motion on a machine whose pointer is relative becomes the difference to the last one.
 *
 * Locks: functions marked M with the machine lock held.
 */
#ifndef CORE_INPUT_INPUT_H
#define CORE_INPUT_INPUT_H

#include <linux/input-event-codes.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/util/list.h"

struct device;
struct display;
struct input_router;
struct vemu_error;
struct vemu_machine;

enum { INPUT_ABS_MAX = 0x7fff };

struct input_event {
    uint16_t type, code; /* EV_KEY, EV_REL, EV_ABS */
    int32_t value;       /* EV_KEY: 1 down, 0 up; EV_REL: counts; EV_ABS: position */
};

/* The machine's own; on a machine that was made, never NULL. */
struct input_router *input_router_new(struct vemu_machine *m, struct vemu_error **errp);
void input_router_free(struct input_router *r);

/* ---- devices --------------------------------------------------------------------------------- */

enum { INPUT_TAKES_KEYS = 1, INPUT_TAKES_BUTTONS = 2, INPUT_TAKES_REL = 4, INPUT_TAKES_ABS = 8 };
enum { INPUT_LED_NUM = 1, INPUT_LED_CAPS = 2, INPUT_LED_SCROLL = 4 };

struct input_sink_ops {
    /* M. Events of one group, then sync. Keys and buttons only ever change: devices or guests
     * repeat by themselves. Neither adds nor removes sinks. */
    void (*event)(void *opaque, const struct input_event *e);
    void (*sync)(void *opaque);
};
struct input_sink {
    const struct input_sink_ops *ops;
    void *opaque;
    struct device *dev;
    unsigned takes;          /* INPUT_TAKES_* */
    struct display *display; /* whose pointer or keyboard it is; NULL: of any */
    bool alone;              /* nothing else gets what is for that display */
    /* core/input's */
    struct list node;
    struct input_router *router;
    unsigned leds;
};

/* M. The caller set the members above "core/input's"; the sink is the first to be asked from now
 * on. */
bool input_sink_add(struct vemu_machine *m, struct input_sink *sink, struct vemu_error **errp);
/* M. What is held down there is forgotten. A sink that was never added: nothing happens. */
void input_sink_remove(struct input_sink *sink);
/* M. The guest began to use it: it comes before the others. */
void input_sink_activate(struct input_sink *sink);
/* M. The guest set its lamps: INPUT_LED_*. */
void input_sink_leds(struct input_sink *sink, unsigned leds);

/* ---- senders --------------------------------------------------------------------------------- */

/* One group: a sync follows. display: where a pointer is, NULL: the first. What the queue has no
 * room for is dropped, motion first; keys and buttons that are down never stay down for that. */
void input_send(struct vemu_machine *m, struct display *display, const struct input_event *events,
                unsigned count);
/* The same; what comes after it waits so long, which gives slow guests time for each key. */
void input_send_paced(struct vemu_machine *m, struct display *display,
                      const struct input_event *events, unsigned count, int64_t pause_ns);
static inline void input_send_key(struct vemu_machine *m, uint16_t code, bool down)
{
    const struct input_event e = {.type = EV_KEY, .code = code, .value = down};
    input_send(m, NULL, &e, 1);
}
enum { INPUT_CHORD_KEYS = 16, INPUT_CHORDS_MAX = 4096 };
/* M. Keys go down together, and up after hold_ns of the guest's time; after the chords before. */
bool input_send_chord(struct vemu_machine *m, const uint16_t *keys, unsigned count, int64_t hold_ns,
                      struct vemu_error **errp);
/* M. How many more may wait. */
unsigned input_chords_room(struct vemu_machine *m);
/* All that this machine's senders hold down goes up: a viewer left, a window lost the focus. */
void input_release_all(struct vemu_machine *m);
/* Does the first pointer take absolute positions? */
bool input_is_absolute(struct vemu_machine *m);
unsigned input_leds(struct vemu_machine *m);

/* Who wants to know when lamps or the kind of pointer change. */
struct input_watcher {
    /* M, on any thread. */
    void (*changed)(struct input_watcher *w);
    struct list node;
};
/* M. */
void input_watch(struct vemu_machine *m, struct input_watcher *w);
void input_unwatch(struct input_watcher *w);

#endif
