/* A window that shows a display: its picture, size, pointer shape. */
#include <config.h>
#if CONFIG_SDL2
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "ui/sdl/internal.h"

/* ---- watching -------------------------------------------------------------------------------- */

static void display_ready(struct display_watcher *watcher)
{
    struct sdl_window *w = container_of(watcher, struct sdl_window, watcher);
    sdl_wake(w->sdl, WAKE_NEWS, w->index);
}

static void display_gone(struct display_watcher *watcher)
{
    struct sdl_window *w = container_of(watcher, struct sdl_window, watcher);
    w->gone = true;
    sdl_wake(w->sdl, WAKE_NEWS, w->index);
}

static const struct display_watcher_ops watcher_ops = {.ready = display_ready,
                                                       .gone = display_gone};

/* ---- picture --------------------------------------------------------------------------------- */

SDL_Rect sdl_window_picture(struct sdl_window *w)
{
    SDL_Rect r = {0, 0, 0, 0};
    int width = 0, height = 0;

    w->sdl->lib.GetRendererOutputSize(w->renderer, &width, &height);
    if (!w->width || !w->height)
        return r;
    /* As large as fits, with the picture's proportions. */
    r.w = width;
    r.h = (int)((int64_t)width * w->height / w->width);
    if (r.h > height) {
        r.h = height;
        r.w = (int)((int64_t)height * w->width / w->height);
    }
    r.w = MAX(r.w, 1);
    r.h = MAX(r.h, 1);
    r.x = (width - r.w) / 2;
    r.y = (height - r.h) / 2;
    return r;
}

void sdl_window_draw(struct sdl_window *w)
{
    const struct sdl_library *lib = &w->sdl->lib;
    const SDL_Rect to = sdl_window_picture(w);

    lib->RenderClear(w->renderer);
    if (w->texture)
        lib->RenderCopy(w->renderer, w->texture, NULL, &to);
    lib->RenderPresent(w->renderer);
}

/* Room for a picture of that size; without it the window stays black. */
static void set_picture(struct sdl_window *w, int width, int height)
{
    const struct sdl_library *lib = &w->sdl->lib;

    if (w->texture)
        lib->DestroyTexture(w->texture);
    free(w->pixels);
    w->width = width;
    w->height = height;
    w->pixels = calloc((size_t)width * (size_t)height, sizeof *w->pixels);
    w->texture = lib->CreateTexture(w->renderer, SDL_PIXELFORMAT_RGB888,
                                    SDL_TEXTUREACCESS_STREAMING, width, height);
}

/* Display locked: no longer than copying takes. */
static void copy(struct sdl_window *w, struct display *d, const pixman_box32_t *box)
{
    const uint32_t *from = display_pixels(d);
    const size_t stride = display_stride(d) / sizeof *from;

    for (int y = box->y1; y < box->y2; y++)
        memcpy(w->pixels + (size_t)y * (size_t)w->width + box->x1,
               from + (size_t)y * stride + box->x1, (size_t)(box->x2 - box->x1) * sizeof *from);
}

static void upload(struct sdl_window *w, const pixman_box32_t *box)
{
    const SDL_Rect r = {box->x1, box->y1, box->x2 - box->x1, box->y2 - box->y1};

    w->sdl->lib.UpdateTexture(w->texture, &r,
                              w->pixels + (size_t)box->y1 * (size_t)w->width + box->x1,
                              w->width * (int)sizeof *w->pixels);
}

/* ---- pointer --------------------------------------------------------------------------------- */

/* Display locked. The shape's pixels, for the caller to free; NULL: there is none. */
static uint32_t *copy_cursor(struct display *d, struct display_cursor *cursor)
{
    *cursor = display_cursor(d);
    const size_t size = (size_t)cursor->width * cursor->height * sizeof(uint32_t);
    uint32_t *pixels = size ? malloc(size) : NULL;

    if (pixels)
        memcpy(pixels, cursor->pixels, size);
    return pixels;
}

static void set_cursor(struct sdl_window *w, const struct display_cursor *cursor, uint32_t *pixels)
{
    const struct sdl_library *lib = &w->sdl->lib;
    SDL_Cursor *old = w->cursor;
    SDL_Surface *surface =
        pixels
            ? lib->CreateRGBSurfaceFrom(pixels, (int)cursor->width, (int)cursor->height, 32,
                                        (int)cursor->width * 4, 0xff0000, 0xff00, 0xff, 0xff000000)
            : NULL;

    w->cursor =
        surface ? lib->CreateColorCursor(surface, (int)cursor->hot_x, (int)cursor->hot_y) : NULL;
    if (w->sdl->pointed == w)
        sdl_window_show_pointer(w);
    lib->FreeSurface(surface);
    if (old)
        lib->FreeCursor(old);
}

void sdl_window_show_pointer(struct sdl_window *w)
{
    struct sdl *s = w->sdl;
    const bool guests = !w->console && (input_is_absolute(s->m) || s->grabbed == w);

    if (guests && w->cursor)
        s->lib.SetCursor(w->cursor);
    else
        s->lib.SetCursor(s->lib.GetDefaultCursor());
    s->lib.ShowCursor(!guests || w->cursor || s->cfg.show_cursor ? SDL_ENABLE : SDL_DISABLE);
}

/* ---- news ------------------------------------------------------------------------------------ */

void sdl_window_update(struct sdl_window *w)
{
    struct display_news news = {0};
    struct display_cursor cursor;
    uint32_t *shape = NULL;
    struct display *d;

    machine_lock(w->sdl->m);
    d = w->gone ? NULL : w->watcher.display;
    if (!d) {
        machine_unlock(w->sdl->m);
        return;
    }
    pixman_region32_init(&news.damage);
    display_lock(d);
    const bool any = display_take(&w->watcher, &news);
    if (any) {
        const int width = (int)display_width(d), height = (int)display_height(d);
        if (news.resized || width != w->width || height != w->height)
            set_picture(w, width, height);
        int count = 0;
        const pixman_box32_t *boxes = pixman_region32_rectangles(&news.damage, &count);
        for (int n = 0; w->pixels && n < count; n++)
            copy(w, d, &boxes[n]);
        if (news.cursor_changed)
            shape = copy_cursor(d, &cursor);
    }
    display_unlock(d);
    machine_unlock(w->sdl->m);

    int count = 0;
    const pixman_box32_t *boxes = pixman_region32_rectangles(&news.damage, &count);
    for (int n = 0; w->pixels && w->texture && n < count; n++)
        upload(w, &boxes[n]);
    pixman_region32_fini(&news.damage);
    if (news.cursor_changed)
        set_cursor(w, &cursor, shape);
    free(shape);
    if (news.resized)
        sdl_window_fit(w);
    if (any)
        sdl_window_draw(w);
    machine_lock(w->sdl->m);
    if (!w->gone)
        display_want(&w->watcher);
    machine_unlock(w->sdl->m);
}

/* ---- size ------------------------------------------------------------------------------------ */

static bool has_own_size(struct sdl_window *w)
{
    return w->full_screen || w->sdl->lib.GetWindowFlags(w->window) & SDL_WINDOW_MAXIMIZED;
}

/* A guest that was asked and took another size keeps it, and the picture is scaled. */
void sdl_window_fit(struct sdl_window *w)
{
    int width, height;

    if (has_own_size(w) || w->asked) {
        w->asked = false;
        return;
    }
    w->sdl->lib.GetWindowSize(w->window, &width, &height);
    if (width != w->width || height != w->height)
        w->sdl->lib.SetWindowSize(w->window, w->width, w->height);
}

void sdl_window_resized(struct sdl_window *w)
{
    int width, height;

    w->sdl->lib.GetWindowSize(w->window, &width, &height);
    if (width == w->width && height == w->height)
        return; /* it was us, or it is what the guest has */
    machine_lock(w->sdl->m);
    if (!w->gone && display_can_resize(w->watcher.display)) {
        display_resize(w->watcher.display, (uint32_t)width, (uint32_t)height);
        w->asked = true;
    }
    machine_unlock(w->sdl->m);
    sdl_window_draw(w);
}

void sdl_window_set_full_screen(struct sdl_window *w, bool on)
{
    w->full_screen = on;
    w->sdl->lib.SetWindowFullscreen(w->window, on ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
    if (!on)
        sdl_window_fit(w);
}

/* ---- life ------------------------------------------------------------------------------------ */

void sdl_window_set_title(struct sdl_window *w)
{
    const struct sdl *s = w->sdl;
    char number[16] = "", hint[80], name[100] = "", title[400];

    machine_lock(s->m);
    if (w->console && !w->gone)
        snprintf(name, sizeof name, ": %.80s", display_id(w->watcher.display));
    machine_unlock(s->m);

    snprintf(hint, sizeof hint, " - %s-G lets keyboard and pointer go", sdl_input_mod_name(s));

    if (s->count > 1 && !w->console)
        snprintf(number, sizeof number, " (%u)", w->index + 1);
    snprintf(title, sizeof title, "%.200s%s%s%s", s->name, number, name,
             s->grabbed == w ? hint : "");
    s->lib.SetWindowTitle(w->window, title);
}

bool sdl_window_open(struct sdl *s, struct display *d, struct vemu_error **errp)
{
    struct sdl_window *w = &s->windows[s->count];
    const struct sdl_library *lib = &s->lib;

    w->sdl = s;
    w->index = s->count;
    display_lock(d);
    const int width = (int)display_width(d), height = (int)display_height(d);
    display_unlock(d);
    w->window = lib->CreateWindow(s->name, SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, width,
                                  height, SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (w->window)
        w->renderer = lib->CreateRenderer(w->window, -1, 0);
    if (!w->renderer) {
        error_set(errp, VEMU_ERROR_UNSUPPORTED, "cannot open a window: %.200s", lib->GetError());
        if (w->window)
            lib->DestroyWindow(w->window);
        return false;
    }
    s->count++;
    w->watcher.ops = &watcher_ops;
    machine_lock(s->m);
    w->console = display_is_console(d);
    display_watch(d, &w->watcher);
    machine_unlock(s->m);
    return true;
}

bool sdl_window_show(struct sdl_window *w, unsigned n)
{
    struct sdl *s = w->sdl;

    machine_lock(s->m);
    struct display *d = display_nth(s->m, 1) ? display_nth(s->m, n) : NULL;
    if (d) {
        display_unwatch(&w->watcher);
        w->gone = false;
        w->console = display_is_console(d);
        display_watch(d, &w->watcher);
    }
    machine_unlock(s->m);
    if (!d)
        return false;
    w->asked = false;
    sdl_input_focus(s, w);
    sdl_window_set_title(w);
    sdl_window_show_pointer(w);
    sdl_window_update(w);
    return true;
}

void sdl_window_close(struct sdl_window *w)
{
    const struct sdl_library *lib = &w->sdl->lib;

    machine_lock(w->sdl->m);
    if (!w->gone)
        display_unwatch(&w->watcher);
    machine_unlock(w->sdl->m);
    if (w->texture)
        lib->DestroyTexture(w->texture);
    if (w->cursor)
        lib->FreeCursor(w->cursor);
    lib->DestroyRenderer(w->renderer);
    lib->DestroyWindow(w->window);
    free(w->pixels);
}
#endif
