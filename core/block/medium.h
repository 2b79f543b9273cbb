/*
 * Devices whose medium can be changed (CD-ROM drives): the tray and what is in it, as management
 * programs see and move them. A class that has one says so by `medium` in its struct device_class.
 * Machine lock held.
 */
#ifndef CORE_BLOCK_MEDIUM_H
#define CORE_BLOCK_MEDIUM_H

#include <stdbool.h>

struct device;
struct drive;
struct vemu_error;

struct medium_state {
    bool open, locked;   /* the tray; locked by the guest */
    struct drive *drive; /* what is in it; NULL: nothing */
    const char *name;    /* how clients know the device; "": by its own id */
};

struct medium_ops {
    void (*get)(const struct device *dev, struct medium_state *state);
    /* The tray moves, whatever the guest has locked; tells of it. */
    void (*move)(struct device *dev, bool open);
    /* Somebody presses the button: the guest is asked to let the medium go. */
    void (*ask)(struct device *dev);
    /* Puts a drive that nothing uses into the open tray, or takes what is there out (NULL). */
    bool (*put)(struct device *dev, struct drive *drive, struct vemu_error **errp);
};

/* For devices: the event DEVICE_TRAY_MOVED. */
void medium_tray_moved(struct device *dev);

#endif
