/* From options to windows: see windows.h. */
#include "libvemu/windows.h"

#include <string.h>

#include "core/util/error.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"
#include "libvemu/screens.h"
#include "ui/sdl/sdl.h"

enum { QUOTE_MAX = 80 };

static const char *const switches[] = {"window-close", "show-cursor", "full-screen", "alt_grab",
                                       "ctrl_grab"};
static const char *const grab_mods[] = {
    [SDL_GRAB_LCTRL_LALT] = "lctrl-lalt",
    [SDL_GRAB_LSHIFT_LCTRL_LALT] = "lshift-lctrl-lalt",
    [SDL_GRAB_RCTRL] = "rctrl",
};

/* ---- checks ---------------------------------------------------------------------------------- */

static int grab_mod_number(const char *text)
{
    for (unsigned i = 0; i < ARRAY_SIZE(grab_mods); i++) {
        if (strcmp(grab_mods[i], text) == 0)
            return (int)i;
    }
    return -1;
}

/* Without looking: opts_get would mark the item as used. */
static bool has(const struct opts *props, const char *key)
{
    for (unsigned i = 0; i < props->count; i++) {
        if (strcmp(props->items[i].key, key) == 0)
            return true;
    }
    return false;
}

bool windows_meant(const struct opts *props)
{
    bool meant = has(props, "gl") || has(props, "grab-mod");

    for (unsigned i = 0; i < ARRAY_SIZE(switches); i++)
        meant |= has(props, switches[i]);
    for (unsigned i = 0; i < props->count; i++) {
        if (strcmp(props->items[i].key, "type") == 0)
            return strcmp(props->items[i].value, "sdl") == 0;
    }
    return meant;
}

bool windows_check(const char *origin, struct opts *props, struct vemu_error **errp)
{
    const char *mod = opts_get(props, "grab-mod"), *gl = opts_get(props, "gl");
    bool flag;

    opts_get(props, "type");
    for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
        if (!opts_get_bool(props, origin, switches[i], &flag, errp))
            return false;
    }
    if (mod && grab_mod_number(mod) < 0)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: grab-mod '%.*s': want lctrl-lalt, lshift-lctrl-lalt or rctrl", origin,
                         QUOTE_MAX, mod);
    if (gl && strcmp(gl, "off") != 0)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s: gl=%.*s is not available yet: guests draw in 2D; use gl=off", origin,
                         QUOTE_MAX, gl);
    return opts_check_used(props, origin,
                           "full-screen, window-close, show-cursor, grab-mod and gl=off", errp);
}

bool windows_wanted(const struct vemu_config *cfg)
{
    return strcmp(config_value(cfg, "display.type", "none"), "sdl") == 0;
}

bool windows_check_config(const struct vemu_config *cfg, struct vemu_error **errp)
{
    const struct config_node *display = config_find(cfg, "display");

    if (!display || config_child(display, "type") || config_child(display, "vnc"))
        return true;
    return error_set(errp, VEMU_ERROR_INVALID,
                     "%s is for a window, and there is none: add -display sdl", display->origin);
}

/* ---- what windows ask for -------------------------------------------------------------------- */

static void closed(void *opaque)
{
    screens_ask(opaque, SCREENS_QUIT);
}

static void reset(void *opaque)
{
    screens_ask(opaque, SCREENS_RESET);
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool flag(const struct config_node *display, const char *key, bool fallback)
{
    const char *value = config_child_value(display, key);

    if (value)
        bool_parse(value, &fallback);
    return fallback;
}

static enum sdl_grab_mod grab_mod(const struct config_node *display)
{
    const char *mod = config_child_value(display, "grab-mod");

    if (mod)
        return (enum sdl_grab_mod)grab_mod_number(mod);
    if (flag(display, "alt_grab", false))
        return SDL_GRAB_LSHIFT_LCTRL_LALT;
    return flag(display, "ctrl_grab", false) ? SDL_GRAB_RCTRL : SDL_GRAB_LCTRL_LALT;
}

bool windows_build(struct lib_machine *lm, struct vemu_error **errp)
{
    const struct config_node *display = config_find(lm->config, "display");

    if (!windows_wanted(lm->config))
        return true;
    const struct sdl_config cfg = {
        .name = config_value(lm->config, "name.guest", NULL),
        .full_screen = flag(display, "full-screen", false),
        .show_cursor = flag(display, "show-cursor", false),
        .grab_mod = grab_mod(display),
        .closed = flag(display, "window-close", true) ? closed : NULL,
        .reset = reset,
        .opaque = lm,
    };
    lm->sdl = sdl_start(&lm->m, &cfg, errp);
    if (!lm->sdl)
        error_prefix(errp, "%s: ", display->origin);
    return lm->sdl != NULL;
}

void windows_free(struct lib_machine *lm)
{
    sdl_stop(lm->sdl);
    lm->sdl = NULL;
}
