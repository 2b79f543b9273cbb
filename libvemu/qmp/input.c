/* Commands about keys and pointers. */
#include "libvemu/qmp/commands.h"

#include <string.h>

#include "core/display/display.h"
#include "core/input/input.h"
#include "core/input/keys.h"
#include "core/util/range.h"
#include "libvemu/machine.h"

enum { HOLD_MS = 100, HOLD_MS_MAX = 3600 * 1000, EVENTS_MOST = 512 };

/* By InputButton; a wheel's notch is a button that goes down and up. */
const char *const qmp_input_buttons[] = {"left",        "middle", "right", "wheel-up",
                                         "wheel-down",  "side",   "extra", "wheel-left",
                                         "wheel-right", NULL};
static const struct {
    uint16_t type, code;
    int32_t value; /* of a notch */
} buttons[] = {
    {EV_KEY, BTN_LEFT, 0},  {EV_KEY, BTN_MIDDLE, 0},  {EV_KEY, BTN_RIGHT, 0},
    {EV_REL, REL_WHEEL, 1}, {EV_REL, REL_WHEEL, -1},  {EV_KEY, BTN_SIDE, 0},
    {EV_KEY, BTN_EXTRA, 0}, {EV_REL, REL_HWHEEL, -1}, {EV_REL, REL_HWHEEL, 1},
};

/* {"type": "qcode", "data": NAME} or {"type": "number", "data": NUMBER}; 0 with the error set. */
static uint16_t key_of(const json_t *value, struct qmp_error *err)
{
    const bool number = !strcmp(json_string_value(json_object_get(value, "type")), "number");
    const json_t *data = json_object_get(value, "data");
    uint16_t key = 0;

    if (number && json_is_integer(data)) {
        const json_int_t n = json_integer_value(data);
        key = n >= 0 && n <= UINT16_MAX ? key_from_number((uint16_t)n) : 0;
        if (!key)
            qmp_fail(err, QMP_GENERIC_ERROR, "there is no key with the number %lld", (long long)n);
    } else if (!number && json_is_string(data)) {
        key = key_from_name(json_string_value(data));
        if (!key)
            qmp_fail(err, QMP_GENERIC_ERROR, "there is no key called '%.40s'",
                     json_string_value(data));
    } else {
        qmp_fail(err, QMP_GENERIC_ERROR, "'data' of a key is %s",
                 number ? "a number" : "the name of a key");
    }
    return key;
}

QMP_COMMAND(qmp_send_key)
{
    const json_t *keys = json_object_get(args, "keys"), *hold = json_object_get(args, "hold-time");
    const json_int_t ms = hold ? json_integer_value(hold) : HOLD_MS;
    uint16_t codes[INPUT_CHORD_KEYS];
    struct lib_machine *lm = opaque;
    struct vemu_error *error = NULL;
    const size_t count = json_array_size(keys);

    if (count > INPUT_CHORD_KEYS)
        return qmp_fail(err, QMP_GENERIC_ERROR, "%zu keys at once are too many: at most %d", count,
                        INPUT_CHORD_KEYS);
    if (ms < 0 || ms > HOLD_MS_MAX)
        return qmp_fail(err, QMP_GENERIC_ERROR, "hold-time is from 0 to %d ms", HOLD_MS_MAX);
    for (size_t n = 0; n < count; n++)
        if (!(codes[n] = key_of(json_array_get(keys, n), err)))
            return NULL;
    machine_lock(&lm->m);
    const bool ok =
        !count || input_send_chord(&lm->m, codes, (unsigned)count, ms * 1000000, &error);
    machine_unlock(&lm->m);
    return ok ? json_object() : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

/* ---- input-send-event ------------------------------------------------------------------------ */

static const char *text(const json_t *data, const char *name)
{
    const char *value = json_string_value(json_object_get(data, name));
    return value ? value : "";
}

static bool wrong(struct qmp_error *err, const char *type, const char *members)
{
    qmp_fail(err, QMP_GENERIC_ERROR, "an event of type '%s' has data with %s", type, members);
    return false;
}

static bool key_event(const json_t *data, struct input_event *e, struct qmp_error *err)
{
    const json_t *key = json_object_get(data, "key"), *down = json_object_get(data, "down");

    if (!json_is_boolean(down) || !json_is_string(json_object_get(key, "type")))
        return wrong(err, "key", "'down' and 'key'");
    *e =
        (struct input_event){.type = EV_KEY, .code = key_of(key, err), .value = json_is_true(down)};
    return e->code;
}

static bool button_event(const json_t *data, struct input_event *e, struct qmp_error *err)
{
    const json_t *down = json_object_get(data, "down");
    const char *name = text(data, "button");

    for (unsigned n = 0; json_is_boolean(down) && n < ARRAY_SIZE(buttons); n++) {
        if (strcmp(name, qmp_input_buttons[n]))
            continue;
        const int32_t value = buttons[n].type == EV_KEY ? 1 : buttons[n].value;
        *e = (struct input_event){.type = buttons[n].type,
                                  .code = buttons[n].code,
                                  .value = json_is_true(down) ? value : 0};
        return true;
    }
    return wrong(err, "btn", "'down' and 'button', one that InputButton lists");
}

static bool motion_event(const json_t *data, const char *type, struct input_event *e,
                         struct qmp_error *err)
{
    const json_t *value = json_object_get(data, "value");
    const char *axis = text(data, "axis");
    const bool absolute = !strcmp(type, "abs");
    const uint16_t code = !strcmp(axis, "y");

    if (!json_is_integer(value) || (strcmp(axis, "x") && strcmp(axis, "y")))
        return wrong(err, type, "'axis', x or y, and 'value', a number");
    const json_int_t v = json_integer_value(value);
    *e = (struct input_event){.type = absolute ? EV_ABS : EV_REL,
                              .code = code,
                              .value = (int32_t)MAX(INT32_MIN, MIN(v, (json_int_t)INT32_MAX))};
    return true;
}

static bool event_of(const json_t *value, struct input_event *e, struct qmp_error *err)
{
    const char *type = text(value, "type");
    const json_t *data = json_object_get(value, "data");

    if (!strcmp(type, "key"))
        return key_event(data, e, err);
    return !strcmp(type, "btn") ? button_event(data, e, err) : motion_event(data, type, e, err);
}

QMP_COMMAND(qmp_input_send_event)
{
    const char *device = json_string_value(json_object_get(args, "device"));
    const json_int_t head = json_integer_value(json_object_get(args, "head"));
    const json_t *list = json_object_get(args, "events");
    const size_t count = json_array_size(list);
    struct input_event events[EVENTS_MOST];
    struct lib_machine *lm = opaque;
    struct vemu_error *error = NULL;
    struct display *display = NULL;

    if (count > EVENTS_MOST)
        return qmp_fail(err, QMP_GENERIC_ERROR, "%zu events at once are too many: at most %d",
                        count, EVENTS_MOST);
    for (size_t n = 0; n < count; n++)
        if (!event_of(json_array_get(list, n), &events[n], err))
            return NULL;
    if (device) {
        machine_lock(&lm->m);
        if (head >= 0 && head < DISPLAYS_MAX)
            display = display_find(&lm->m, device, (unsigned)head, &error);
        machine_unlock(&lm->m);
        if (error)
            return qmp_fail_with(err, QMP_GENERIC_ERROR, error);
        if (!display)
            return qmp_fail(err, QMP_GENERIC_ERROR, "'%.60s' has no head %lld", device,
                            (long long)head);
    }
    input_send(&lm->m, display, events, (unsigned)count);
    return json_object();
}
