/* Commands about what -object makes. */
#include "libvemu/qmp/commands.h"

#include <stdlib.h>

#include "core/monitor/qmp.h"
#include "core/util/error.h"
#include "libvemu/machine.h"
#include "libvemu/objects.h"

QMP_COMMAND(qmp_object_add)
{
    struct vemu_error *error = NULL;
    char *text = json_dumps(args, 0);
    bool ok = text ? objects_add(opaque, text, &error)
                   : error_set(&error, VEMU_ERROR_NO_MEMORY, "out of memory");

    free(text);
    return ok ? json_object() : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

QMP_COMMAND(qmp_object_del)
{
    const char *id = json_string_value(json_object_get(args, "id"));
    struct vemu_error *error = NULL;

    return objects_remove(opaque, id, &error) ? json_object()
                                              : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}
