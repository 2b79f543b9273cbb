/* What the files of core/display share; see display.h. */
#ifndef CORE_DISPLAY_INTERNAL_H
#define CORE_DISPLAY_INTERNAL_H

#include <pthread.h>
#include "core/clock/clock.h"
#include "core/display/display.h"
#include "core/display/pace.h"

enum {
    DISPLAY_FIRST_WIDTH = 640, /* of an output that was never on */
    DISPLAY_FIRST_HEIGHT = 480,
    DISPLAY_DAMAGE_RECTS = 512, /* in a region; more become the rectangle around them */
};

struct display {
    struct list node; /* in the machine's list */
    struct vemu_machine *machine;
    struct device *dev;
    char *id; /* of a console */
    unsigned head;
    const struct display_ops *ops;
    void *opaque;

    pthread_mutex_t lock; /* the rest; inside it, only the clocks' locks are taken */
    pixman_image_t *surface;
    bool off;
    struct display_cursor cursor; /* owns its pixels */
    int32_t cursor_x, cursor_y;
    bool cursor_visible;

    struct list watchers; /* struct display_watcher.node; changed with the machine lock as well */
    struct timer timer;   /* armed while a watcher waits for something that will come */
    struct pace pace;
    int64_t told;    /* when watchers were last told */
    bool refreshing; /* the device's refresh is under way */
    bool changed;    /* something was, since that began */
    bool blinked;    /* and that by the clock alone */
    bool known;      /* there were watchers since the device drew the whole surface */
};

/* All display locked. */
/* The whole surface was drawn, and is another one if `resized`. */
void display_changed_whole(struct display *d, bool resized);
/* Something became news while nobody is refreshing: watchers that want it will be told. */
void display_news_came(struct display *d);
/* Sets the timer to what the watchers wait for. */
void display_arm(struct display *d);
/* The timer's callback. */
void display_look(void *opaque);

#endif
