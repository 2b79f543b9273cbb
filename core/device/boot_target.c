/* What firmware can boot from; see boot_target.h. */
#include "core/device/boot_target.h"

#include <stdio.h>
#include <string.h>

#include "core/device/machine.h"

bool boot_target_add(struct boot_target *t, struct device *dev, enum boot_medium kind,
                     const char *path, struct vemu_error **errp)
{
    list_for_each(other, &dev->machine->boot_targets, struct boot_target, node)
    {
        if (t->index != BOOT_INDEX_NONE && other->index == t->index)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "bootindex=%u is %s%s%s's already; give each device one of "
                             "its own",
                             t->index, other->dev->cls->name, other->dev->id ? " " : "",
                             other->dev->id ? other->dev->id : "");
    }
    if (snprintf(t->path, sizeof t->path, "%s", path) >= (int)sizeof t->path)
        return error_set(errp, VEMU_ERROR_INVALID, "its place '%s' is too long a path for firmware",
                         path);
    t->kind = kind;
    t->dev = dev;
    list_add_tail(&dev->machine->boot_targets, &t->node);
    return true;
}

void boot_target_remove(struct boot_target *t)
{
    if (!t->dev)
        return;
    list_remove(&t->node);
    t->dev = NULL;
}
