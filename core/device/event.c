/* Events of devices and back ends on their way to management programs: see event.h. */
#include "core/device/event.h"

#include <stdlib.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/util/range.h"

void machine_event(struct vemu_machine *m, const char *name, const struct event_item *items,
                   unsigned count)
{
    struct machine_event *e = calloc(1, sizeof *e);
    bool full;

    if (!e)
        return;
    e->name = name;
    for (unsigned i = 0; i < MIN(count, EVENT_ITEMS_MAX); i++) {
        struct event_item item = items[i];
        if (item.kind == EVENT_STR && (!item.text || !(item.text = strdup(item.text))))
            continue;
        e->items[e->count++] = item;
    }
    pthread_mutex_lock(&m->request_lock);
    full = m->event_count >= EVENTS_MAX;
    if (!full) {
        list_add_tail(&m->events, &e->node);
        m->event_count++;
    }
    pthread_mutex_unlock(&m->request_lock);
    if (full)
        machine_event_free(e);
    loop_wake(m->loop);
}

bool machine_has_event(struct vemu_machine *m)
{
    bool has;

    pthread_mutex_lock(&m->request_lock);
    has = m->event_count != 0;
    pthread_mutex_unlock(&m->request_lock);
    return has;
}

struct machine_event *machine_take_event(struct vemu_machine *m)
{
    struct machine_event *e = NULL;

    pthread_mutex_lock(&m->request_lock);
    if (!list_empty(&m->events)) {
        e = list_entry(m->events.next, struct machine_event, node);
        list_remove(&e->node);
        m->event_count--;
    }
    pthread_mutex_unlock(&m->request_lock);
    return e;
}

void machine_event_free(struct machine_event *e)
{
    if (!e)
        return;
    for (unsigned i = 0; i < e->count; i++) {
        if (e->items[i].kind == EVENT_STR)
            free((char *)e->items[i].text);
    }
    free(e);
}
