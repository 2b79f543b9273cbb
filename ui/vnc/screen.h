/*
 * What viewers are shown: a copy of the display's pixels and its pointer's shape, brought up to
 * date when the display has news. News are compared with what is there already, so that what a
 * guest draws again as it was costs nothing, and searched for text that scrolled.
 *
 * The server's thread writes, under `lock` held for writing; it reads without. Encoders copy out of
 * it with `lock` held for reading. The display's own lock is held for as long as damaged pixels
 * take to copy.
 */
#ifndef UI_VNC_SCREEN_H
#define UI_VNC_SCREEN_H

#include <pixman.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/display/display.h"

enum { SCREEN_TILE = 16 }; /* pixels: changes are found in squares of that size */

/* The rectangle at (x, y) is what was at (from_x, from_y) before. */
struct screen_copy {
    uint32_t x, y, width, height, from_x, from_y;
};

struct screen_cursor {
    uint32_t width, height, hot_x, hot_y; /* width 0: the guest draws it itself */
    uint32_t *pixels;                     /* ARGB, alpha not multiplied in */
    int32_t x, y;                         /* of the hot spot */
    bool visible;
};

struct vnc_screen {
    pthread_rwlock_t lock;
    bool valid; /* there is a picture */
    uint32_t width, height;
    /* Rows without gaps. What is new is put into staging first; between two takes they are equal,
     * since a changed square is looked at whole. */
    uint32_t *pixels, *staging;
    unsigned generation; /* counts sizes */
    unsigned sequence;   /* counts takes, from 1 */
    struct screen_cursor cursor;
    uint8_t *dirty; /* a byte a tile */
};

struct screen_changes {
    bool resized, cursor_changed, cursor_moved;
    unsigned sequence;        /* the screen's, since then */
    pixman_region32_t damage; /* all that changed */
    bool copied;
    struct screen_copy copy;
    pixman_region32_t rest; /* what changed besides what the copy explains */
    /* the squares that the pointer left and came to */
    struct pixman_box32 cursor_before, cursor_after;
};

void screen_init(struct vnc_screen *screen);
void screen_free(struct vnc_screen *screen);
/* Black, of this size: there is no display. */
bool screen_blank(struct vnc_screen *screen, uint32_t width, uint32_t height);
/* Nobody watches: what it has is not the display's any more. */
void screen_forget(struct vnc_screen *screen);
/* No changes; freed with screen_changes_free. */
void screen_changes_init(struct screen_changes *changes);
void screen_changes_free(struct screen_changes *changes);
/* Takes what the watcher's display has into *changes, which are none before. False: nothing new, or
 * no memory. */
bool screen_capture(struct vnc_screen *screen, struct display *d, struct display_watcher *w,
                    struct screen_changes *changes);
/* Where the pointer's picture is, clipped; empty when it is not visible. */
struct pixman_box32 screen_cursor_box(const struct vnc_screen *screen);

/* The comparing and searching, for tests: `new` against the screen's pixels within `region`; both
 * regions of changes are filled. */
void screen_compare(struct vnc_screen *screen, const uint32_t *new, const pixman_region32_t *region,
                    struct screen_changes *changes);

#endif
