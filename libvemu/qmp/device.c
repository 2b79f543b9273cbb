/* Commands about devices that come and go. */
#include "libvemu/qmp/commands.h"

#include <stdlib.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/util/error.h"
#include "libvemu/hotplug.h"
#include "libvemu/machine.h"

QMP_COMMAND(qmp_device_add)
{
    struct vemu_error *error = NULL;
    char *text = json_dumps(args, 0);
    bool ok = text ? hotplug_add(opaque, text, &error)
                   : error_set(&error, VEMU_ERROR_NO_MEMORY, "out of memory");

    free(text);
    return ok ? json_object() : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

QMP_COMMAND(qmp_device_del)
{
    static const char place[] = "/machine/peripheral/";
    const char *id = json_string_value(json_object_get(args, "id"));
    struct lib_machine *lm = opaque;
    struct vemu_error *error = NULL;
    bool ok = false;

    if (strncmp(id, place, sizeof place - 1) == 0)
        id += sizeof place - 1;
    machine_lock(&lm->m);
    struct device *dev = qom_device(lm, id);
    ok = dev && hotplug_remove(lm, dev, &error);
    machine_unlock(&lm->m);
    if (!dev)
        return qmp_fail(err, QMP_DEVICE_NOT_FOUND, "there is no device '%.80s'", id);
    return ok ? json_object() : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}
