/* What is typed at a window that shows a console: text as the desktop's layout and input method
 * have it, and keys that are none. */
#include <config.h>
#if CONFIG_SDL2
#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"
#include "ui/sdl/internal.h"

static void type(struct sdl *s, struct sdl_window *w, const struct display_typed *typed)
{
    machine_lock(s->m);
    if (!w->gone)
        display_type(w->watcher.display, typed);
    machine_unlock(s->m);
}

/* AltGr is a part of the layout. */
static unsigned modifiers(SDL_Keymod mod)
{
    return (mod & KMOD_SHIFT ? DISPLAY_SHIFT : 0u) | (mod & KMOD_LALT ? DISPLAY_ALT : 0u) |
           (mod & KMOD_CTRL ? DISPLAY_CTRL : 0u);
}

/* The keypad without Num Lock, with which it is text. */
static uint16_t keypad(uint16_t key, SDL_Keymod mod)
{
    static const struct {
        uint16_t key, moves;
    } keys[] = {{KEY_KP7, KEY_HOME},    {KEY_KP8, KEY_UP},       {KEY_KP9, KEY_PAGEUP},
                {KEY_KP4, KEY_LEFT},    {KEY_KP6, KEY_RIGHT},    {KEY_KP1, KEY_END},
                {KEY_KP2, KEY_DOWN},    {KEY_KP3, KEY_PAGEDOWN}, {KEY_KP0, KEY_INSERT},
                {KEY_KPDOT, KEY_DELETE}};

    for (unsigned n = 0; n < ARRAY_SIZE(keys); n++)
        if (keys[n].key == key)
            return mod & KMOD_NUM ? 0 : keys[n].moves;
    return key;
}

void sdl_console_key(struct sdl *s, struct sdl_window *w, const SDL_KeyboardEvent *e)
{
    const unsigned mods = modifiers((SDL_Keymod)e->keysym.mod);
    const unsigned code = (unsigned)e->keysym.scancode;
    const SDL_Keycode sym = e->keysym.sym;

    if (sym >= ' ' && sym < SDLK_DELETE) {
        const char c = (char)sym;
        const struct display_typed typed = {.text = &c, .len = 1, .mods = mods};
        if (mods & (DISPLAY_CTRL | DISPLAY_ALT)) /* else it comes as text */
            type(s, w, &typed);
        return;
    }
    const uint16_t key = code < SDL_USAGES ? keypad(s->keys[code], (SDL_Keymod)e->keysym.mod) : 0;
    const struct display_typed typed = {.key = key, .mods = mods};
    if (key)
        type(s, w, &typed);
}

void sdl_console_text(struct sdl *s, struct sdl_window *w, const char *text)
{
    const struct display_typed typed = {.text = text, .len = strlen(text)};

    if (!(modifiers(s->lib.GetModState()) & (DISPLAY_CTRL | DISPLAY_ALT)) && !s->hotkey)
        type(s, w, &typed);
}
#endif
