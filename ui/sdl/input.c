/* Keys, pointer and hotkeys of the windows. Scan codes are USB usages, so that layouts are the
 * guest's affair. */
#include <config.h>
#if CONFIG_SDL2
#include "core/device/machine.h"
#include "core/input/keys.h"
#include "core/util/range.h"
#include "ui/sdl/internal.h"

void sdl_input_init(struct sdl *s)
{
    for (uint16_t key = 1; key < KEY_CNT; key++)
        if (key_to_usage(key))
            s->keys[key_to_usage(key)] = key;
}

static void pointer_changed(struct input_watcher *w)
{
    sdl_wake(container_of(w, struct sdl, input_watcher), WAKE_POINTER, 0);
}

void sdl_input_start(struct sdl *s)
{
    s->input_watcher.changed = pointer_changed;
    machine_lock(s->m);
    input_watch(s->m, &s->input_watcher);
    machine_unlock(s->m);
}

void sdl_input_stop(struct sdl *s)
{
    machine_lock(s->m);
    input_unwatch(&s->input_watcher);
    machine_unlock(s->m);
    input_release_all(s->m);
}

/* ---- grabbing -------------------------------------------------------------------------------- */

static void grab(struct sdl *s, struct sdl_window *w)
{
    sdl_input_ungrab(s);
    s->grabbed = w;
    s->lib.SetWindowGrab(w->window, SDL_TRUE);
    if (!input_is_absolute(s->m))
        s->lib.SetRelativeMouseMode(SDL_TRUE);
    sdl_window_show_pointer(w);
    sdl_window_set_title(w);
}

void sdl_input_ungrab(struct sdl *s)
{
    struct sdl_window *w = s->grabbed;

    if (!w)
        return;
    s->grabbed = NULL;
    s->lib.SetRelativeMouseMode(SDL_FALSE);
    s->lib.SetWindowGrab(w->window, SDL_FALSE);
    sdl_window_show_pointer(w);
    sdl_window_set_title(w);
}

/* Text is asked for only where it is wanted: an input method would take keys that are the guest's.
 */
void sdl_input_focus(struct sdl *s, struct sdl_window *w)
{
    sdl_input_ungrab(s);
    if (w->console)
        s->lib.StartTextInput();
    else
        s->lib.StopTextInput();
}

/* A guest starts its tablet long after somebody clicked. */
void sdl_input_pointer_changed(struct sdl *s)
{
    if (s->grabbed)
        s->lib.SetRelativeMouseMode(input_is_absolute(s->m) ? SDL_FALSE : SDL_TRUE);
    if (s->pointed)
        sdl_window_show_pointer(s->pointed);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void send_ctrl_alt_delete(struct sdl *s)
{
    static const uint16_t keys[] = {KEY_LEFTCTRL, KEY_LEFTALT, KEY_DELETE};

    machine_lock(s->m);
    input_send_chord(s->m, keys, ARRAY_SIZE(keys), 50000000, NULL);
    machine_unlock(s->m);
}

static const struct {
    SDL_Keymod keys; /* all of them are down */
    const char *name;
} grab_mods[] = {
    [SDL_GRAB_LCTRL_LALT] = {KMOD_LCTRL | KMOD_LALT, "Ctrl-Alt"},
    [SDL_GRAB_LSHIFT_LCTRL_LALT] = {KMOD_LSHIFT | KMOD_LCTRL | KMOD_LALT, "Ctrl-Alt-Shift"},
    [SDL_GRAB_RCTRL] = {KMOD_RCTRL, "Right-Ctrl"},
};

const char *sdl_input_mod_name(const struct sdl *s)
{
    return grab_mods[s->cfg.grab_mod].name;
}

/* A key while those of grab_mod are down. */
static bool run_hotkey(struct sdl *s, struct sdl_window *w, SDL_Scancode code, bool shift)
{
    switch (code) {
    case SDL_SCANCODE_F:
    case SDL_SCANCODE_G:
    case SDL_SCANCODE_U:
    case SDL_SCANCODE_END:
        break;
    case SDL_SCANCODE_R:
        if (shift)
            break;
        return false;
    default:
        if (code < SDL_SCANCODE_1 || code > SDL_SCANCODE_9 ||
            !sdl_window_show(w, (unsigned)(code - SDL_SCANCODE_1)))
            return false;
    }
    /* The guest saw Ctrl and Alt go down. */
    input_release_all(s->m);
    s->hotkey = true;
    if (code == SDL_SCANCODE_F) {
        sdl_window_set_full_screen(w, !w->full_screen);
    } else if (code == SDL_SCANCODE_G) {
        if (s->grabbed == w)
            sdl_input_ungrab(s);
        else if (!w->console)
            grab(s, w);
    } else if (code == SDL_SCANCODE_U) {
        w->asked = false;
        sdl_window_fit(w);
    } else if (code == SDL_SCANCODE_END) {
        send_ctrl_alt_delete(s);
    } else if (code == SDL_SCANCODE_R && s->cfg.reset) {
        s->cfg.reset(s->cfg.opaque);
    }
    return true;
}

static void key(struct sdl *s, struct sdl_window *w, const SDL_KeyboardEvent *e)
{
    const unsigned code = (unsigned)e->keysym.scancode;
    const bool down = e->type == SDL_KEYDOWN;
    const SDL_Keymod mod = s->lib.GetModState(), wanted = grab_mods[s->cfg.grab_mod].keys;

    if (e->repeat && !w->console)
        return; /* the guest or its keyboard repeats */
    if (!(mod & (KMOD_CTRL | KMOD_ALT)))
        s->hotkey = false;
    if (down && !e->repeat && (mod & wanted) == wanted &&
        run_hotkey(s, w, e->keysym.scancode, mod & KMOD_SHIFT))
        return;
    if (w->console) {
        if (down && !s->hotkey)
            sdl_console_key(s, w, e);
        return;
    }
    if (code < SDL_USAGES && s->keys[code] && !(down && s->hotkey))
        input_send_key(s->m, s->keys[code], down);
}

/* ---- pointer --------------------------------------------------------------------------------- */

static int32_t position(int at, int start, int size)
{
    const int inside = MAX(0, MIN(at - start, size - 1));
    return size > 1 ? (int32_t)((int64_t)inside * INPUT_ABS_MAX / (size - 1)) : 0;
}

static void motion(struct sdl *s, struct sdl_window *w, const SDL_MouseMotionEvent *e)
{
    if (input_is_absolute(s->m)) {
        const SDL_Rect r = sdl_window_picture(w);
        int width, height, out_width = 0, out_height = 0;
        /* Events count in the window's units, which need not be the pixels that are drawn. */
        s->lib.GetWindowSize(w->window, &width, &height);
        s->lib.GetRendererOutputSize(w->renderer, &out_width, &out_height);
        const int x = (int)((int64_t)e->x * out_width / MAX(width, 1));
        const int y = (int)((int64_t)e->y * out_height / MAX(height, 1));
        const struct input_event events[] = {
            {.type = EV_ABS, .code = ABS_X, .value = position(x, r.x, r.w)},
            {.type = EV_ABS, .code = ABS_Y, .value = position(y, r.y, r.h)}};
        input_send(s->m, w->watcher.display, events, 2);
    } else if (s->grabbed == w) {
        const struct input_event events[] = {{.type = EV_REL, .code = REL_X, .value = e->xrel},
                                             {.type = EV_REL, .code = REL_Y, .value = e->yrel}};
        input_send(s->m, w->watcher.display, events, 2);
    }
}

static void button(struct sdl *s, struct sdl_window *w, const SDL_MouseButtonEvent *e)
{
    static const uint16_t codes[] = {[SDL_BUTTON_LEFT] = BTN_LEFT,
                                     [SDL_BUTTON_MIDDLE] = BTN_MIDDLE,
                                     [SDL_BUTTON_RIGHT] = BTN_RIGHT,
                                     [SDL_BUTTON_X1] = BTN_SIDE,
                                     [SDL_BUTTON_X2] = BTN_EXTRA};
    const bool down = e->type == SDL_MOUSEBUTTONDOWN;

    /* The click that gives a relative pointer to the guest is not the guest's. */
    if (down && !s->grabbed && !input_is_absolute(s->m)) {
        grab(s, w);
        return;
    }
    if (e->button < ARRAY_SIZE(codes) && codes[e->button]) {
        const struct input_event event = {.type = EV_KEY, .code = codes[e->button], .value = down};
        input_send(s->m, w->watcher.display, &event, 1);
    }
}

static void wheel(struct sdl *s, struct sdl_window *w, const SDL_MouseWheelEvent *e)
{
    const struct input_event events[] = {{.type = EV_REL, .code = REL_WHEEL, .value = e->y},
                                         {.type = EV_REL, .code = REL_HWHEEL, .value = e->x}};

    if (e->y)
        input_send(s->m, w->watcher.display, &events[0], 1);
    if (e->x)
        input_send(s->m, w->watcher.display, &events[1], 1);
}

void sdl_input_event(struct sdl *s, struct sdl_window *w, const SDL_Event *e)
{
    switch (e->type) {
    case SDL_KEYDOWN:
    case SDL_KEYUP:
        key(s, w, &e->key);
        break;
    case SDL_TEXTINPUT:
        if (w->console)
            sdl_console_text(s, w, e->text.text);
        break;
    case SDL_MOUSEMOTION:
        if (!w->console)
            motion(s, w, &e->motion);
        break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
        if (!w->console)
            button(s, w, &e->button);
        break;
    case SDL_MOUSEWHEEL:
        wheel(s, w, &e->wheel);
        break;
    }
    machine_lock(s->m);
    if (!w->gone)
        display_hurry(w->watcher.display);
    machine_unlock(s->m);
}
#endif
