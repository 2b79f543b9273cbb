/*
 * What management programs are told of by devices and back ends: a device is gone, a disk failed, a
 * tray moved. Whoever notices makes an event, in any thread, with the machine lock or without; it
 * is kept until the owner of the loop passes it on between two rounds, in the order of making. Of
 * more than EVENTS_MAX that nobody took, the newest are dropped: a guest can make many.
 */
#ifndef CORE_DEVICE_EVENT_H
#define CORE_DEVICE_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include "core/util/list.h"

struct vemu_machine;

enum { EVENTS_MAX = 1024, EVENT_ITEMS_MAX = 12 };

enum event_kind { EVENT_STR, EVENT_BOOL, EVENT_INT };

struct event_item {
    const char *key; /* lives as long as the program; "a.b" is b in an object a */
    enum event_kind kind;
    const char *text; /* EVENT_STR; NULL: the item is left out */
    int64_t number;   /* the others */
};
#define EVENT_TEXT(key_, text_)                                                                    \
    {                                                                                              \
        .key = (key_), .kind = EVENT_STR, .text = (text_)                                          \
    }
#define EVENT_FLAG(key_, flag_)                                                                    \
    {                                                                                              \
        .key = (key_), .kind = EVENT_BOOL, .number = (flag_)                                       \
    }
#define EVENT_NUMBER(key_, number_)                                                                \
    {                                                                                              \
        .key = (key_), .kind = EVENT_INT, .number = (number_)                                      \
    }

struct machine_event {
    struct list node;
    const char *name;
    unsigned count;
    struct event_item items[EVENT_ITEMS_MAX]; /* texts are the event's */
};

/* name: as the control protocol calls it; lives as long as the program. Texts are copied. */
void machine_event(struct vemu_machine *m, const char *name, const struct event_item *items,
                   unsigned count);
/* Is there one to take? Any thread. */
bool machine_has_event(struct vemu_machine *m);
/* The oldest, for the caller to free; NULL: none. */
struct machine_event *machine_take_event(struct vemu_machine *m);
void machine_event_free(struct machine_event *e);

#endif
