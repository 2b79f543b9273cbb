/*
 * Windows on the desktop of who started the machine, one for each display: SDL2.
 *
 * A thread of its own makes the windows, waits for their events and draws: SDL wants all of that on
 * one thread, and none of the machine's has time to wait for a desktop. It sleeps in SDL's wait for
 * events; displays wake it by an event (struct display_watcher), and while nothing changes nothing
 * runs. SDL's video is one for the process, so one machine of a process at a time has windows, and
 * an embedder that uses SDL's video itself cannot have any.
 *
 * Locks: sdl_start and sdl_stop without the machine lock, which the thread takes for moments. It
 * holds none of SDL's locks then, and pushing an event, which takes one, waits for nobody.
 */
#ifndef UI_SDL_SDL_H
#define UI_SDL_SDL_H

#include <stdbool.h>

struct sdl;
struct vemu_error;
struct vemu_machine;

/* The keys that make another key a hotkey. */
enum sdl_grab_mod { SDL_GRAB_LCTRL_LALT, SDL_GRAB_LSHIFT_LCTRL_LALT, SDL_GRAB_RCTRL };

struct sdl_config {
    const char *name; /* of the machine, for titles; NULL: "vemu" */
    bool full_screen;
    bool show_cursor; /* the desktop's pointer, where the guest draws one as well */
    enum sdl_grab_mod grab_mod;
    /* On the windows' thread, no lock held: somebody closed a window (NULL: it stays open), or
     * asked for a reset. */
    void (*closed)(void *opaque);
    void (*reset)(void *opaque);
    void *opaque;
};

/* Windows for all displays that there are. Fails without a desktop. */
struct sdl *sdl_start(struct vemu_machine *m, const struct sdl_config *cfg,
                      struct vemu_error **errp);
/* NULL is allowed. Before the machine goes. */
void sdl_stop(struct sdl *s);

#endif
