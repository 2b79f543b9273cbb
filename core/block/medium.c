/* Devices whose medium can be changed: see medium.h. */
#include "core/block/medium.h"

#include <stdio.h>
#include "core/device/event.h"
#include "core/device/machine.h"
#include "core/util/range.h"

void medium_tray_moved(struct device *dev)
{
    struct medium_state state;
    char path[128];

    dev->cls->medium->get(dev, &state);
    snprintf(path, sizeof path, "/machine/unattached/%.80s", dev->cls->name);
    const struct event_item items[] = {EVENT_TEXT("device", state.name),
                                       EVENT_TEXT("id", dev->id ? dev->id : path),
                                       EVENT_FLAG("tray-open", state.open)};
    machine_event(dev->machine, "DEVICE_TRAY_MOVED", items, ARRAY_SIZE(items));
}
