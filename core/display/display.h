/*
 * What a machine shows: its displays (one for each output of a graphics device), their surfaces and
 * pointer shapes; and who watches them: the VNC server, a window, a picture taken, the embedder.
 *
 * A device draws into the display's surface, which is a pixman image in memory of this process and
 * never guest memory: what a guest writes meanwhile tears nothing. It draws only when its refresh
 * is called, and reports what it changed. Each watcher has a damage region of its own, which grows
 * until the watcher takes it, at its own pace.
 *
 * Pace: nobody watches, nothing is drawn. A watcher that can make use of news says display_want();
 * the machine's loop then refreshes the display: soon after input or change, ever less often while
 * nothing changes (display_hurry brings the pace back), and tells the watcher once there is
 * something to take.
 *
 * Locks: the machine lock for functions marked M; each display has a leaf lock for its surface,
 * cursor and damage (display_lock), which is held for no longer than pixels take to draw or copy.
 * What is not marked is called from any thread, with the machine lock or without, and takes the
 * leaf lock itself unless it says "display locked".
 */
#ifndef CORE_DISPLAY_DISPLAY_H
#define CORE_DISPLAY_DISPLAY_H

#include <pixman.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/util/list.h"

struct device;
struct display;
struct vemu_error;
struct vemu_machine;

enum {
    DISPLAY_SIZE_MAX = 8192,  /* pixels, either way */
    DISPLAY_CURSOR_MAX = 512, /* pixels, either way */
    DISPLAYS_MAX = 64,        /* in one machine */
};

/* Keys that are held while another is typed. */
enum { DISPLAY_SHIFT = 1, DISPLAY_ALT = 2, DISPLAY_CTRL = 4 };

/* What a person typed at a console: text (UTF-8, as the person's layout has it; with Ctrl or Alt,
 * one ASCII character), or a key that is no text. */
struct display_typed {
    const char *text;
    size_t len;
    uint16_t key; /* KEY_*; 0: text */
    unsigned mods;
};

struct display_rect {
    uint32_t x, y, width, height; /* pixels */
};

/* A pointer's shape. */
struct display_cursor {
    uint32_t width, height; /* pixels; 0: there is none */
    uint32_t hot_x, hot_y;  /* inside it */
    const uint32_t *pixels; /* width * height, rows without gaps: ARGB, alpha not multiplied in */
};

/* ---- devices --------------------------------------------------------------------------------- */

/* All M. */
struct display_ops {
    /* Bring the surface up to date: draw what changed since the last call and display_damage() it.
     * all: whatever is known of the surface, draw the whole of it. NULL: the device draws when its
     * guest says so. */
    void (*refresh)(void *opaque, bool all);
    /* A viewer would like the output to have this size (0, 0: to be off); whether and when the
     * guest follows is its own affair. NULL: it cannot. */
    void (*resize)(void *opaque, uint32_t width, uint32_t height);
    /* The screen of a text mode as lines of UTF-8, as snprintf: returns the length wanted; 0: it
     * shows graphics or nothing. NULL: never text. */
    size_t (*text)(void *opaque, char *buf, size_t len);
    /* A console, at which people type; NULL: what is typed while it is shown is for the guest's
     * keyboard. Consoles come after the displays of graphics devices. */
    void (*type)(void *opaque, const struct display_typed *typed);
};

/* M. A display of the machine, last of its kind in order; head counts the device's outputs from 0.
 * dev NULL: none. */
struct display *display_new(struct vemu_machine *m, struct device *dev, unsigned head,
                            const struct display_ops *ops, void *opaque, struct vemu_error **errp);
/* M. Watchers are told (gone) and taken off first. NULL is allowed. */
void display_free(struct display *d);
/* M. The name of one that no device has. False: no memory. */
bool display_set_id(struct display *d, const char *id);
/* M. A new surface of this size, black, all of it damage; 0, 0: the output is off, and watchers
 * see a surface of the last size, black. The same size as before: nothing happens. False, with the
 * old one kept, when the size is past DISPLAY_SIZE_MAX or memory is short. */
bool display_set_size(struct display *d, uint32_t width, uint32_t height);
/* Display locked. The surface, to draw into: PIXMAN_x8r8g8b8, rows of display_stride() bytes. Valid
 * until the lock is let go or display_set_size. */
uint32_t *display_pixels(struct display *d);
/* Display locked. The rectangle, clipped to the surface, was drawn. */
void display_damage(struct display *d, uint32_t x, uint32_t y, uint32_t width, uint32_t height);
/* Display locked, from within refresh: all that it drew (a cursor, characters) blinks by the clock
 * alone, and does so again in left_ns. */
void display_blinked(struct display *d, int64_t left_ns);
/* Its pixels are copied; NULL: the guest draws the pointer itself. A shape past the limits counts
 * as none. */
void display_set_cursor(struct display *d, const struct display_cursor *cursor);
/* Where the guest put the pointer (its hot spot); may lie outside. */
void display_move_cursor(struct display *d, int32_t x, int32_t y, bool visible);

/* ---- watchers -------------------------------------------------------------------------------- */

struct display_watcher;
struct display_watcher_ops {
    /* M, on the loop's thread: there is something to take, after a display_want; quick, for the
     * guest waits meanwhile: signal a thread, or copy. Said once for each want. */
    void (*ready)(struct display_watcher *w);
    /* M. The display goes away; the watcher is off it already. */
    void (*gone)(struct display_watcher *w);
};

/* Embedded in the watcher; zeroed but for ops before display_watch. The rest is core/display's. */
struct display_watcher {
    const struct display_watcher_ops *ops;
    struct display *display;
    struct list node;
    pixman_region32_t damage;
    bool wants, due, resized, cursor_changed, cursor_moved;
};

/* What changed since the last take. */
struct display_news {
    pixman_region32_t damage; /* in surface coordinates; the caller initialises it and clears it */
    bool resized;             /* the surface is another one; all of it is damage */
    bool cursor_changed, cursor_moved;
};

/* M. The whole surface is the first damage. */
void display_watch(struct display *d, struct display_watcher *w);
/* M. ready is not called any more after it. A watcher of no display: nothing happens. */
void display_unwatch(struct display_watcher *w);
/* Tell the watcher (ready) once there is something to take; at once when there is. */
void display_want(struct display_watcher *w);
/* Input came or a viewer joined: look again soon. */
void display_hurry(struct display *d);
/* M. Refresh now, whoever watches, for a picture to be taken. */
void display_refresh(struct display *d);

void display_lock(struct display *d);
void display_unlock(struct display *d);
/* Display locked, so that damage and pixels belong together. False: nothing new. */
bool display_take(struct display_watcher *w, struct display_news *news);
/* Display locked. */
uint32_t display_width(const struct display *d);
uint32_t display_height(const struct display *d);
uint32_t display_stride(const struct display *d); /* bytes */
/* Display locked: as long as that. width 0: the guest draws its pointer itself. */
struct display_cursor display_cursor(const struct display *d);
/* Display locked. False: not visible. */
bool display_cursor_position(const struct display *d, int32_t *x, int32_t *y);

/* ---- finding one ----------------------------------------------------------------------------- */

/* M. In order of making; NULL: there are no more. */
struct display *display_nth(struct vemu_machine *m, unsigned n);
/* M. device: id of a device or of a console, or NULL for the first display; sets the error when
 * there is none. */
struct display *display_find(struct vemu_machine *m, const char *device, unsigned head,
                             struct vemu_error **errp);
/* M. -1: not one of this machine. */
int display_index(const struct display *d);
/* Who else can give displays another size: a program in the guest. Owned by who embeds it; zeroed
 * but for resize before it is added. */
struct display_helper {
    /* M. As in display_ops, of any display of the guest's. */
    void (*resize)(struct display_helper *h, struct display *d, uint32_t width, uint32_t height);
    struct list node;
    struct vemu_machine *m; /* NULL: not added */
};
/* M. */
void display_helper_add(struct vemu_machine *m, struct display_helper *h);
/* M. One that was never added: nothing happens. */
void display_helper_remove(struct display_helper *h);

/* See display_ops and display_helper: now, or no more a moment later. */
bool display_can_resize(const struct display *d);
/* M. Both are told. */
void display_resize(struct display *d, uint32_t width, uint32_t height);
size_t display_text(struct display *d, char *buf, size_t len);
bool display_is_console(const struct display *d);
/* Of one that is none: nothing happens. */
void display_type(struct display *d, const struct display_typed *typed);
/* M. Its device's id, or its own; NULL: none. */
const char *display_id(const struct display *d);

#endif
