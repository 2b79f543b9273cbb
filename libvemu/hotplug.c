/* Devices that come and go while the machine runs: see hotplug.h. */
#include "libvemu/hotplug.h"

#include "core/util/error.h"
#include "hw/board.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"

bool hotplug_add(struct lib_machine *lm, const char *text, struct vemu_error **errp)
{
    const struct config_node *node = config_add(lm->config, "device", text, "device_add", errp);
    bool ok;

    if (!node)
        return false;
    ok = check_device(node, errp);
    if (ok) {
        machine_lock(&lm->m);
        ok = build_described(lm, node, true, errp);
        machine_unlock(&lm->m);
        if (!ok)
            error_prefix(errp, "%s: ", node->origin);
    }
    /* A device needs its description no more; another one may have its id when it is gone. */
    config_remove(lm->config, node);
    return ok;
}

bool hotplug_remove(struct lib_machine *lm, struct device *dev, struct vemu_error **errp)
{
    if (lm->board->unplug)
        return lm->board->unplug(&lm->m, dev, errp);
    return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "machine type '%s' takes and gives no devices while it runs", lm->board->name);
}
