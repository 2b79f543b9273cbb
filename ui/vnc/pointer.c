/* PointerEvents: positions, or distances for a client that was told to send those; buttons and
 * wheels. See internal.h. */
#include "core/util/range.h"
#include "ui/vnc/internal.h"

enum { RELATIVE_ZERO = 0x7fff };

/* Of the button mask (RFB 7.5.5); the wheel's two ways are buttons that go down and up. */
static const uint16_t buttons[] = {BTN_LEFT, BTN_MIDDLE, BTN_RIGHT};
static const struct {
    uint16_t code;
    int8_t value;
} wheels[] = {{REL_WHEEL, 1}, {REL_WHEEL, -1}, {REL_HWHEEL, -1}, {REL_HWHEEL, 1}};

static int32_t scale(uint32_t v, uint32_t size)
{
    return size > 1 ? (int32_t)((uint64_t)MIN(v, size - 1) * INPUT_ABS_MAX / (size - 1)) : 0;
}

static unsigned add_buttons(struct vnc_client *c, unsigned mask, struct input_event *e)
{
    unsigned changed = mask ^ c->buttons, n = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(buttons); i++) {
        if (changed >> i & 1)
            e[n++] = (struct input_event){EV_KEY, buttons[i], mask >> i & 1};
    }
    for (unsigned i = 0; i < ARRAY_SIZE(wheels); i++) {
        unsigned bit = ARRAY_SIZE(buttons) + i;
        if (changed >> bit & 1 && mask >> bit & 1)
            e[n++] = (struct input_event){EV_REL, wheels[i].code, wheels[i].value};
    }
    c->buttons = mask;
    return n;
}

void pointer_event(struct vnc_client *c, unsigned mask, uint32_t x, uint32_t y)
{
    struct vnc_server *s = c->s;
    struct input_event e[2 + ARRAY_SIZE(buttons) + ARRAY_SIZE(wheels)];
    unsigned n = 0;

    if (!s->absolute && c->features & FEATURE_POINTER_MOTION_CHANGE) {
        if (x != RELATIVE_ZERO)
            e[n++] = (struct input_event){EV_REL, REL_X, (int32_t)x - RELATIVE_ZERO};
        if (y != RELATIVE_ZERO)
            e[n++] = (struct input_event){EV_REL, REL_Y, (int32_t)y - RELATIVE_ZERO};
    } else if (!c->has_position || (int32_t)x != c->last_x || (int32_t)y != c->last_y) {
        e[n++] = (struct input_event){EV_ABS, ABS_X, scale(x, s->screen.width)};
        e[n++] = (struct input_event){EV_ABS, ABS_Y, scale(y, s->screen.height)};
        c->has_position = true;
        c->last_x = (int32_t)x;
        c->last_y = (int32_t)y;
    }
    n += add_buttons(c, mask, e + n);
    if (n)
        input_send(s->m, s->display, e, n);
}

void pointer_release(struct vnc_client *c)
{
    struct input_event e[ARRAY_SIZE(buttons) + ARRAY_SIZE(wheels)];
    unsigned n = add_buttons(c, 0, e);

    if (n)
        input_send(c->s->m, c->s->display, e, n);
}
