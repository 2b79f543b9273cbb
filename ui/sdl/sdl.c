/* The thread of the windows: see sdl.h. */
#include <stddef.h>
#include "ui/sdl/sdl.h"

#include <config.h>
#include "core/util/error.h"
#if CONFIG_SDL2
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "ui/sdl/internal.h"

void sdl_wake(struct sdl *s, int what, unsigned window)
{
    SDL_Event e = {.user = {.type = s->wake, .windowID = window, .code = what}};
    s->lib.PushEvent(&e);
}

/* ---- events ---------------------------------------------------------------------------------- */

static struct sdl_window *window_of(struct sdl *s, Uint32 id)
{
    for (unsigned n = 0; n < s->count; n++)
        if (s->lib.GetWindowID(s->windows[n].window) == id)
            return &s->windows[n];
    return NULL;
}

static void window_event(struct sdl *s, const SDL_WindowEvent *e)
{
    struct sdl_window *w = window_of(s, e->windowID);

    if (!w)
        return;
    switch (e->event) {
    case SDL_WINDOWEVENT_EXPOSED:
        sdl_window_draw(w);
        break;
    case SDL_WINDOWEVENT_SIZE_CHANGED:
        sdl_window_resized(w);
        break;
    case SDL_WINDOWEVENT_ENTER:
        s->pointed = w;
        sdl_window_show_pointer(w);
        break;
    case SDL_WINDOWEVENT_LEAVE:
        s->pointed = NULL;
        break;
    case SDL_WINDOWEVENT_FOCUS_GAINED:
        sdl_input_focus(s, w);
        break;
    case SDL_WINDOWEVENT_FOCUS_LOST:
        /* Their going up will be told to others. */
        input_release_all(s->m);
        sdl_input_ungrab(s);
        break;
    case SDL_WINDOWEVENT_CLOSE:
        if (s->cfg.closed)
            s->cfg.closed(s->cfg.opaque);
        break;
    }
}

/* False: the end. */
static bool dispatch(struct sdl *s, const SDL_Event *e)
{
    struct sdl_window *w;

    if (e->type == s->wake) {
        if (e->user.code == WAKE_NEWS)
            sdl_window_update(&s->windows[e->user.windowID]);
        else if (e->user.code == WAKE_CLIPBOARD)
            sdl_clipboard_work(s);
        else if (e->user.code == WAKE_POINTER)
            sdl_input_pointer_changed(s);
        return e->user.code != WAKE_STOP;
    }
    switch (e->type) {
    case SDL_WINDOWEVENT:
        window_event(s, &e->window);
        break;
    case SDL_CLIPBOARDUPDATE:
        sdl_clipboard_changed(s);
        break;
    default: /* of those that are looked at, all have the window's number in the same place */
        if (e->type >= SDL_KEYDOWN && e->type <= SDL_MOUSEWHEEL &&
            (w = window_of(s, e->key.windowID)))
            sdl_input_event(s, w, e);
    }
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* One for each display of a graphics device; consoles are shown in their place, by a hotkey. */
static bool open_windows(struct sdl *s, struct vemu_error **errp)
{
    struct display *d;

    for (unsigned n = 0;; n++) {
        machine_lock(s->m);
        d = display_nth(s->m, n);
        if (d && n && display_is_console(d))
            d = NULL; /* those come last */
        machine_unlock(s->m);
        if (!d)
            break;
        if (!sdl_window_open(s, d, errp))
            return false;
    }
    if (!s->count)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "a window has nothing to show: the machine has no graphics device, and no "
                         "console (-serial vc)");
    return true;
}

/* Where it finds no desktop, SDL takes to drawing into memory, which nobody sees. */
static bool is_seen(const struct sdl *s)
{
    const char *driver = s->lib.GetCurrentVideoDriver(), *wanted = getenv("SDL_VIDEODRIVER");

    return (wanted && *wanted) ||
           (driver && strcmp(driver, "offscreen") != 0 && strcmp(driver, "dummy") != 0);
}

static bool start_video(struct sdl *s, struct vemu_error **errp)
{
    if (s->lib.WasInit(SDL_INIT_VIDEO))
        return error_set(errp, VEMU_ERROR_STATE,
                         "SDL is in use by this process already, for another machine or by itself");
    s->lib.SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    s->lib.SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    s->lib.SetHint(SDL_HINT_VIDEO_MINIMIZE_ON_FOCUS_LOSS, "0");
    s->lib.SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
    s->lib.SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    if (s->lib.InitSubSystem(SDL_INIT_VIDEO))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "cannot open a window: %.200s; is there a desktop (DISPLAY or "
                         "WAYLAND_DISPLAY)?",
                         s->lib.GetError());
    if (!is_seen(s)) {
        s->lib.QuitSubSystem(SDL_INIT_VIDEO);
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "cannot open a window: there is no desktop; DISPLAY or WAYLAND_DISPLAY "
                         "says where it is");
    }
    s->wake = s->lib.RegisterEvents(1);
    return true;
}

static void close_windows(struct sdl *s)
{
    sdl_input_ungrab(s);
    while (s->count)
        sdl_window_close(&s->windows[--s->count]);
}

static void tell_started(struct sdl *s, int started)
{
    pthread_mutex_lock(&s->lock);
    s->started = started;
    pthread_cond_signal(&s->cond);
    pthread_mutex_unlock(&s->lock);
}

static void *window_thread(void *opaque)
{
    struct sdl *s = opaque;
    SDL_Event e;

    if (!start_video(s, &s->error)) {
        tell_started(s, -1);
        return NULL;
    }
    if (!open_windows(s, &s->error)) {
        close_windows(s);
        s->lib.QuitSubSystem(SDL_INIT_VIDEO);
        tell_started(s, -1);
        return NULL;
    }
    sdl_clipboard_start(s);
    sdl_input_start(s);
    for (unsigned n = 0; n < s->count; n++) {
        sdl_window_set_title(&s->windows[n]);
        if (s->cfg.full_screen)
            sdl_window_set_full_screen(&s->windows[n], true);
        sdl_window_update(&s->windows[n]);
    }
    tell_started(s, 1);
    while (s->lib.WaitEvent(&e) && dispatch(s, &e))
        ;
    sdl_input_stop(s);
    sdl_clipboard_stop(s);
    close_windows(s);
    s->lib.QuitSubSystem(SDL_INIT_VIDEO);
    return NULL;
}

static void free_sdl(struct sdl *s)
{
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->cond);
    sdl_library_close(&s->lib);
    free(s->name);
    free(s);
}

/* The embedder's signals are not for this thread, nor for those that SDL makes. */
static bool start_thread(struct sdl *s)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const bool ok = pthread_create(&s->thread, NULL, window_thread, s) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok;
}

struct sdl *sdl_start(struct vemu_machine *m, const struct sdl_config *cfg,
                      struct vemu_error **errp)
{
    struct sdl *s = calloc(1, sizeof *s);

    if (!s || !(s->name = strdup(cfg->name ? cfg->name : "vemu"))) {
        free(s);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for a window");
        return NULL;
    }
    s->m = m;
    s->cfg = *cfg;
    if (!sdl_library_open(&s->lib, errp)) {
        free(s->name);
        free(s);
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->cond, NULL);
    sdl_input_init(s);
    if (!start_thread(s)) {
        free_sdl(s);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no thread for a window");
        return NULL;
    }
    pthread_mutex_lock(&s->lock);
    while (!s->started)
        pthread_cond_wait(&s->cond, &s->lock);
    const bool ok = s->started > 0;
    pthread_mutex_unlock(&s->lock);
    if (ok)
        return s;
    pthread_join(s->thread, NULL);
    if (errp)
        *errp = s->error;
    else
        vemu_error_free(s->error);
    free_sdl(s);
    return NULL;
}

void sdl_stop(struct sdl *s)
{
    if (!s)
        return;
    sdl_wake(s, WAKE_STOP, 0);
    pthread_join(s->thread, NULL);
    free_sdl(s);
}
#else
struct sdl *sdl_start(struct vemu_machine *m, const struct sdl_config *cfg,
                      struct vemu_error **errp)
{
    (void)m, (void)cfg;
    error_set(errp, VEMU_ERROR_UNSUPPORTED,
              "windows are not part of this build (configure found no libsdl2-dev)");
    return NULL;
}

void sdl_stop(struct sdl *s)
{
    (void)s;
}
#endif
