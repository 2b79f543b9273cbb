/* What the files of ui/sdl share. All of it is the window thread's unless it says otherwise. */
#ifndef UI_SDL_INTERNAL_H
#define UI_SDL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include "core/display/clipboard.h"
#include "core/display/display.h"
#include "core/input/input.h"
#include "ui/sdl/library.h"
#include "ui/sdl/sdl.h"

enum { SDL_USAGES = 256 };

/* Kinds of the event that other threads push: event.user.code. */
enum {
    WAKE_NEWS,      /* user.windowID: of a window's display */
    WAKE_CLIPBOARD, /* struct sdl.clipboard has something to do */
    WAKE_POINTER,   /* the guest's pointer became relative or absolute */
    WAKE_STOP,
};

struct sdl_window {
    struct sdl *sdl;
    unsigned index;
    struct display_watcher watcher;
    _Atomic bool gone; /* the display is */
    bool console;      /* it is one, and takes text */

    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    SDL_Cursor *cursor; /* the guest's; NULL: none */
    uint32_t *pixels;   /* a copy of the surface, without gaps */
    int width, height;  /* of it */
    bool full_screen;
    bool asked; /* the guest was asked for the window's size */
};

/* The desktop's clipboard as a peer of the machine's. */
struct sdl_clipboard {
    struct clipboard_peer peer;
    pthread_mutex_t lock; /* a leaf; guards the members down to the blank line */
    char *text;           /* the guest's, for the desktop; NULL: nothing new */
    bool wanted;          /* the desktop's text is */

    char *set; /* what was put there last: its event is our own doing */
};

struct sdl {
    struct sdl_library lib;
    struct vemu_machine *m;
    struct sdl_config cfg;
    char *name;
    pthread_t thread;
    Uint32 wake; /* type of pushed events */

    struct sdl_window windows[DISPLAYS_MAX];
    unsigned count;

    struct sdl_window *grabbed; /* has keyboard and pointer for itself */
    struct sdl_window *pointed; /* the pointer is over it */
    struct input_watcher input_watcher;
    bool hotkey;               /* keys of one are still down: they are not the guest's */
    uint16_t keys[SDL_USAGES]; /* KEY_* by scan code, which is a USB usage */
    struct sdl_clipboard clipboard;

    /* for sdl_start, until it returns */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int started; /* 1: windows are there; -1: error */
    struct vemu_error *error;
};

/* window.c. False with the error set. */
bool sdl_window_open(struct sdl *s, struct display *d, struct vemu_error **errp);
/* Another display in the same window: the nth of the machine. False: there is none, or no other. */
bool sdl_window_show(struct sdl_window *w, unsigned n);
void sdl_window_close(struct sdl_window *w);
/* Takes what is new of the display and draws. */
void sdl_window_update(struct sdl_window *w);
/* Draws what it has. */
void sdl_window_draw(struct sdl_window *w);
void sdl_window_set_full_screen(struct sdl_window *w, bool on);
/* As large as the guest's picture. */
void sdl_window_fit(struct sdl_window *w);
/* Somebody gave it another size. */
void sdl_window_resized(struct sdl_window *w);
void sdl_window_set_title(struct sdl_window *w);
/* The part of the window that shows the picture; the rest is black. */
SDL_Rect sdl_window_picture(struct sdl_window *w);

/* The desktop's pointer over this window: the guest's shape, or none where it draws its own. */
void sdl_window_show_pointer(struct sdl_window *w);

/* input.c */
void sdl_input_init(struct sdl *s);
void sdl_input_start(struct sdl *s);
void sdl_input_stop(struct sdl *s);
/* WAKE_POINTER. */
void sdl_input_pointer_changed(struct sdl *s);
void sdl_input_event(struct sdl *s, struct sdl_window *w, const SDL_Event *e);
void sdl_input_ungrab(struct sdl *s);
/* This window has the keyboard, or shows another display: is it one that takes text? */
void sdl_input_focus(struct sdl *s, struct sdl_window *w);
/* "Ctrl-Alt", as the title says it. */
const char *sdl_input_mod_name(const struct sdl *s);

/* console.c: what is typed at a window that shows a console. */
void sdl_console_key(struct sdl *s, struct sdl_window *w, const SDL_KeyboardEvent *e);
void sdl_console_text(struct sdl *s, struct sdl_window *w, const char *text);

/* clipboard.c */
void sdl_clipboard_start(struct sdl *s);
void sdl_clipboard_stop(struct sdl *s);
/* The desktop's clipboard changed. */
void sdl_clipboard_changed(struct sdl *s);
/* WAKE_CLIPBOARD. */
void sdl_clipboard_work(struct sdl *s);

/* sdl.c: any thread. */
void sdl_wake(struct sdl *s, int what, unsigned window);

#endif
