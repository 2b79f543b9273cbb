/* Chords: keys that somebody wants pressed and held, one after the other; see input.h. */
#include "core/input/input.h"

#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/input/internal.h"
#include "core/util/error.h"
#include "core/util/range.h"

/* Between two chords, so that a guest that looks only now and then sees the keys up. */
enum { PAUSE_NS = 5000000 };

struct chord {
    struct list node;
    uint16_t keys[INPUT_CHORD_KEYS];
    unsigned count;
    int64_t hold_ns;
};

static struct chord *first(const struct input_chords *c)
{
    return list_entry(c->waiting.next, struct chord, node);
}

/* As one group, in order, or the reverse for going up. */
static void send(struct input_chords *c, const struct chord *chord, bool down)
{
    struct input_event events[INPUT_CHORD_KEYS];

    for (unsigned n = 0; n < chord->count; n++)
        events[n] = (struct input_event){
            .type = EV_KEY, .code = chord->keys[down ? n : chord->count - 1 - n], .value = down};
    input_send(c->machine, NULL, events, chord->count);
}

static void arm(struct input_chords *c, int64_t ns)
{
    timer_set(&c->timer, clock_now(c->timer.clocks, VCLOCK_VIRTUAL) + ns);
}

static void press(struct input_chords *c)
{
    send(c, first(c), true);
    c->down = true;
    arm(c, first(c)->hold_ns);
}

static void due(void *opaque)
{
    struct input_chords *c = opaque;

    if (!c->down) {
        press(c);
        return;
    }
    struct chord *done = first(c);
    send(c, done, false);
    c->down = false;
    c->count--;
    list_remove(&done->node);
    free(done);
    if (c->count)
        arm(c, PAUSE_NS);
}

unsigned input_chords_room(struct vemu_machine *m)
{
    return INPUT_CHORDS_MAX - input_chords_of(m)->count;
}

bool input_send_chord(struct vemu_machine *m, const uint16_t *keys, unsigned count, int64_t hold_ns,
                      struct vemu_error **errp)
{
    struct input_chords *c = input_chords_of(m);

    if (count > INPUT_CHORD_KEYS)
        return error_set(errp, VEMU_ERROR_INVALID, "%u keys at once are too many: at most %d",
                         count, INPUT_CHORD_KEYS);
    if (c->count == INPUT_CHORDS_MAX)
        return error_set(errp, VEMU_ERROR_STATE,
                         "%d presses wait for the guest's time to pass: try again later",
                         INPUT_CHORDS_MAX);
    struct chord *chord = calloc(1, sizeof *chord);
    if (!chord)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for a key");
    memcpy(chord->keys, keys, count * sizeof *keys);
    chord->count = count;
    chord->hold_ns = hold_ns;
    list_add_tail(&c->waiting, &chord->node);
    if (!c->count++)
        press(c);
    return true;
}

void input_chords_init(struct input_chords *c, struct vemu_machine *m)
{
    c->machine = m;
    list_init(&c->waiting);
    timer_init(&c->timer, m->clocks, VCLOCK_VIRTUAL, due, c);
}

void input_chords_free(struct input_chords *c)
{
    timer_cancel(&c->timer);
    list_for_each_safe(chord, &c->waiting, struct chord, node) free(chord);
}
