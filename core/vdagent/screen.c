/* The sizes that viewers ask for, and the pointer, by way of the agent: see internal.h. */
#include "core/util/range.h"
#include "core/vdagent/internal.h"

enum { DEPTH = 32, WHEEL_MAX = 16 /* clicks at once */ };

/* ---- sizes ----------------------------------------------------------------------------------- */

static void resize(struct display_helper *h, struct display *d, uint32_t width, uint32_t height)
{
    struct vdagent *v = container_of(h, struct vdagent, helper);
    const int n = display_index(d);

    if (n < 0 || n >= HEADS_MAX)
        return;
    v->heads[n].asked = true;
    v->heads[n].width = width;
    v->heads[n].height = height;
    v->monitors = true;
    vdagent_news(v);
}

/* Consoles, which come last, are nothing that the guest knows. */
static struct display *nth(const struct vdagent *v, unsigned n)
{
    struct display *d = display_nth(v->m, n);

    return d && !display_is_console(d) ? d : NULL;
}

static void current_size(struct display *d, uint32_t *width, uint32_t *height)
{
    display_lock(d);
    *width = display_width(d);
    *height = display_height(d);
    display_unlock(d);
}

/* All of them each time, side by side: what nobody asked for is as it is. */
static void send_monitors(struct vdagent *v)
{
    const bool position = vdagent_can(v, VD_AGENT_CAP_MONITORS_CONFIG_POSITION);
    unsigned count = 0;
    uint32_t x = 0;
    struct display *d;

    while (count < HEADS_MAX && nth(v, count))
        count++;
    sender_begin(&v->out, VDP_CLIENT_PORT, VD_AGENT_MONITORS_CONFIG, 8 + count * VD_MONITOR_SIZE);
    sender_put_u32(&v->out, count);
    sender_put_u32(&v->out, position ? VD_MONITORS_USE_POS : 0);
    for (unsigned n = 0; n < count && (d = nth(v, n)); n++) {
        uint32_t width = v->heads[n].width, height = v->heads[n].height;
        const bool off = !width || !height;
        if (!v->heads[n].asked || (off && !vdagent_can(v, VD_AGENT_CAP_SPARSE_MONITORS_CONFIG)))
            current_size(d, &width, &height);
        sender_put_u32(&v->out, height);
        sender_put_u32(&v->out, width);
        sender_put_u32(&v->out, DEPTH);
        sender_put_u32(&v->out, x);
        sender_put_u32(&v->out, 0);
        x += width;
    }
}

/* ---- the pointer ----------------------------------------------------------------------------- */

/* A state that differs in its place alone takes the one before it along; when the guest does not
 * read, what it reads last is right. */
static void add(struct vdagent *v, const struct vdagent_mouse_state *s)
{
    struct vdagent_mouse_state *last = v->mouse_count ? &v->mouse[v->mouse_count - 1] : NULL;

    if (last &&
        (v->mouse_count == MOUSE_STATES || (last->buttons == s->buttons && last->head == s->head)))
        *last = *s;
    else
        v->mouse[v->mouse_count++] = *s;
    v->pressed = s->buttons;
}

/* spice-vdagent makes its pointer anew when the guest's screen has another size, and tells the new
 * one a coordinate only once it differs from the one before. So that a click does not land at the
 * left or upper edge, both coordinates differ before it. */
static void nudge(struct vdagent *v, struct vdagent_mouse_state s)
{
    s.buttons = 0;
    s.x += s.x ? UINT32_MAX : 1;
    s.y += s.y ? UINT32_MAX : 1;
    add(v, &s);
}

static void push(struct vdagent_head *head, uint8_t buttons)
{
    struct vdagent *v = head->v;
    struct vdagent_mouse_state s = {.buttons = buttons, .head = (uint8_t)(head - v->heads)};
    uint32_t size[2];
    struct display *d = nth(v, s.head);

    if (!d)
        return;
    current_size(d, &size[0], &size[1]);
    s.x = (uint32_t)((uint64_t)head->position[0] * (size[0] - 1) / INPUT_ABS_MAX);
    s.y = (uint32_t)((uint64_t)head->position[1] * (size[1] - 1) / INPUT_ABS_MAX);
    if (buttons & VD_BUTTONS && !v->pressed)
        nudge(v, s);
    add(v, &s);
}

static uint8_t button(uint16_t code)
{
    switch (code) {
    case BTN_LEFT:
        return VD_BUTTON_LEFT;
    case BTN_MIDDLE:
        return VD_BUTTON_MIDDLE;
    case BTN_RIGHT:
        return VD_BUTTON_RIGHT;
    case BTN_SIDE:
        return VD_BUTTON_SIDE;
    case BTN_EXTRA:
        return VD_BUTTON_EXTRA;
    default:
        return 0;
    }
}

/* A click of a button for each notch. */
static void wheel(struct vdagent_head *head, int32_t value)
{
    struct vdagent *v = head->v;
    const uint8_t bit = value > 0 ? VD_BUTTON_UP : VD_BUTTON_DOWN;
    const unsigned clicks = MIN(value > 0 ? (unsigned)value : 0u - (unsigned)value, WHEEL_MAX);

    for (unsigned n = 0; n < clicks; n++) {
        push(head, v->buttons | bit);
        push(head, v->buttons);
    }
}

static void event(void *opaque, const struct input_event *e)
{
    struct vdagent_head *head = opaque;
    struct vdagent *v = head->v;

    if (e->type == EV_ABS)
        head->position[e->code == ABS_Y] = e->value;
    else if (e->type == EV_KEY)
        v->buttons =
            (uint8_t)(e->value ? v->buttons | button(e->code) : v->buttons & ~button(e->code));
    else if (e->type == EV_REL && e->code == REL_WHEEL)
        wheel(head, e->value);
}

static void sync(void *opaque)
{
    struct vdagent_head *head = opaque;

    push(head, head->v->buttons);
    vdagent_news(head->v);
}

static void send_mouse(struct vdagent *v)
{
    const struct vdagent_mouse_state s = v->mouse[0];

    v->mouse_count--;
    memmove(v->mouse, v->mouse + 1, v->mouse_count * sizeof v->mouse[0]);
    sender_begin(&v->out, VDP_SERVER_PORT, VD_AGENT_MOUSE_STATE, 13);
    sender_put_u32(&v->out, s.x);
    sender_put_u32(&v->out, s.y);
    sender_put_u32(&v->out, s.buttons);
    sender_put(&v->out, &s.head, 1);
}

static void point(struct vdagent *v)
{
    static const struct input_sink_ops ops = {.event = event, .sync = sync};
    struct display *d;

    for (unsigned n = 0; n < HEADS_MAX && (d = nth(v, n)); n++) {
        struct vdagent_head *head = &v->heads[n];
        head->v = v;
        head->sink = (struct input_sink){.ops = &ops,
                                         .opaque = head,
                                         .takes = INPUT_TAKES_BUTTONS | INPUT_TAKES_ABS,
                                         .display = d};
        head->pointing = input_sink_add(v->m, &head->sink, NULL);
    }
}

/* ---- both ------------------------------------------------------------------------------------ */

bool vdagent_send_screen(struct vdagent *v)
{
    if (v->monitors) {
        v->monitors = false;
        send_monitors(v);
        return true;
    }
    if (v->mouse_count) {
        send_mouse(v);
        return true;
    }
    return false;
}

void vdagent_screen_start(struct vdagent *v)
{
    if (vdagent_can(v, VD_AGENT_CAP_MONITORS_CONFIG)) {
        v->helper.resize = resize;
        display_helper_add(v->m, &v->helper);
    }
    /* A device that takes positions is nearer to the guest. */
    if (v->cfg.mouse && vdagent_can(v, VD_AGENT_CAP_MOUSE_STATE) && !input_is_absolute(v->m))
        point(v);
}

void vdagent_screen_stop(struct vdagent *v)
{
    display_helper_remove(&v->helper);
    for (unsigned n = 0; n < HEADS_MAX; n++) {
        if (v->heads[n].pointing)
            input_sink_remove(&v->heads[n].sink);
        v->heads[n] = (struct vdagent_head){0};
    }
    v->monitors = false;
    v->mouse_count = 0;
    v->buttons = v->pressed = 0;
}
