/* Keys, buttons and motion: the public API. */
#include <string.h>
#include <vemu/input.h>

#include "core/input/input.h"
#include "core/input/keys.h"
#include "core/util/error.h"
#include "libvemu/machine.h"

/* Long enough for a guest that polls, short enough for a page of text. */
enum { TYPE_MS = 20, BATCH = 64 };

static int64_t ns(unsigned ms)
{
    return ms * INT64_C(1000000);
}

void vemu_input_send(struct vemu_machine *m, const struct vemu_input_event *events, unsigned count)
{
    struct input_event batch[BATCH];

    while (count) {
        unsigned n = 0;
        for (; n < count && n < BATCH; n++)
            batch[n] = (struct input_event){
                .type = events[n].type, .code = events[n].code, .value = events[n].value};
        input_send(m, NULL, batch, n);
        events += n;
        count -= n;
    }
}

void vemu_input_release(struct vemu_machine *m)
{
    input_release_all(m);
}

bool vemu_input_press(struct vemu_machine *m, const uint16_t *keys, unsigned count,
                      unsigned hold_ms, struct vemu_error **errp)
{
    machine_lock(m);
    const bool ok = input_send_chord(m, keys, count, ns(hold_ms), errp);
    machine_unlock(m);
    return ok;
}

bool vemu_input_type(struct vemu_machine *m, const char *text, struct vemu_error **errp)
{
    uint16_t keys[2] = {KEY_LEFTSHIFT};
    const size_t len = strlen(text);
    bool shift, ok = true;

    for (size_t n = 0; n < len; n++)
        if (!key_from_char(text[n], &keys[1], &shift))
            return error_set(errp, VEMU_ERROR_INVALID,
                             "there is no key for character %zu (0x%02x): text is ASCII", n + 1,
                             (unsigned char)text[n]);
    if (len > INPUT_CHORDS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%zu characters are too many to type at once: at most %d", len,
                         INPUT_CHORDS_MAX);
    machine_lock(m);
    if (input_chords_room(m) < len)
        ok = error_set(errp, VEMU_ERROR_STATE,
                       "there is more being typed than leaves room for %zu characters: try again "
                       "later",
                       len);
    for (size_t n = 0; ok && n < len; n++) {
        key_from_char(text[n], &keys[1], &shift);
        ok = input_send_chord(m, shift ? keys : keys + 1, shift ? 2 : 1, ns(TYPE_MS), errp);
    }
    machine_unlock(m);
    return ok;
}

unsigned vemu_input_leds(struct vemu_machine *m)
{
    return input_leds(m);
}

bool vemu_input_is_absolute(struct vemu_machine *m)
{
    return input_is_absolute(m);
}

uint16_t vemu_key_from_name(const char *name)
{
    return key_from_name(name);
}

const char *vemu_key_name(uint16_t key)
{
    return key_name(key);
}

bool vemu_key_from_char(char c, uint16_t *key, bool *shift)
{
    return key_from_char(c, key, shift);
}
