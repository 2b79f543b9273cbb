/* -netdev, -nic and -object filter-dump: network back ends, and the devices of -nic. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/device/device.h"
#include "core/net/net.h"
#include "core/util/error.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "hw/board.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"
#include "libvemu/networks.h"
#include "libvemu/objects.h"

enum { QUOTE_MAX = 80, SNAP_LEN = 65536 };

/* The items of -nic that are the device's, not the back end's. */
static const char *const nic_device_keys[] = {"model",     "mac",     "addr", "id",
                                              "bootindex", "romfile", NULL};
static const char *const netdev_skip[] = {"id", NULL};

static bool is_none(const struct config_node *nic)
{
    const char *type = config_child_value(nic, "type");

    return type && strcmp(type, "none") == 0;
}

static bool make_netdev(struct lib_machine *lm, const char *id, char *spec, const char *origin,
                        struct vemu_error **errp)
{
    struct netdev *nd;

    if (!spec)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    machine_lock(&lm->m);
    nd = netdev_new(&lm->m, id, spec, errp);
    machine_unlock(&lm->m);
    free(spec);
    if (!nd)
        error_prefix(errp, "%s: ", origin);
    return nd != NULL;
}

static void nic_id(char text[16], unsigned n)
{
    snprintf(text, 16, "nic%u", n);
}

static bool build_filter(struct lib_machine *lm, const struct config_node *node,
                         struct vemu_error **errp)
{
    const char *id = config_child_value(node, "netdev"), *len = config_child_value(node, "maxlen");
    struct netdev *nd = netdev_find(&lm->m, id);
    bool ok;

    if (!nd)
        return error_set(errp, VEMU_ERROR_NOT_FOUND, "%s: there is no -netdev with id=%.*s",
                         node->origin, QUOTE_MAX, id);
    machine_lock(&lm->m);
    ok = netdev_capture(nd, config_child_value(node, "file"),
                        len ? (uint32_t)strtoul(len, NULL, 0) : SNAP_LEN, errp);
    machine_unlock(&lm->m);
    if (!ok)
        error_prefix(errp, "%s: ", node->origin);
    return ok;
}

bool networks_build(struct lib_machine *lm, struct vemu_error **errp)
{
    unsigned n = 0;

    config_for_each(node, lm->config, "netdev")
    {
        if (!make_netdev(lm, config_child_value(node, "id"),
                         config_node_text(node, "type", netdev_skip), node->origin, errp))
            return false;
    }
    config_for_each(node, lm->config, "nic")
    {
        char id[16], *spec;
        if (is_none(node))
            continue;
        nic_id(id, n++);
        spec = config_node_text(node, "type", nic_device_keys);
        if (!make_netdev(lm, id, spec, node->origin, errp))
            return false;
    }
    config_for_each(node, lm->config, "object")
    {
        if (objects_is(node, "filter-dump") && !build_filter(lm, node, errp))
            return false;
    }
    return true;
}

static bool build_nic(struct lib_machine *lm, const struct config_node *node, unsigned n,
                      struct vemu_error **errp)
{
    const char *model = config_child_value(node, "model");
    char netdev[16];
    struct device *dev;
    bool ok = true;

    nic_id(netdev, n);
    if (!model)
        model = lm->board->nic;
    if (strcmp(model, "virtio") == 0)
        model = lm->board->virtio_net;
    dev = build_new_device(lm, model, config_child_value(node, "id"), errp);
    if (!dev)
        return false;
    ok = device_set_prop(dev, "netdev", netdev, errp);
    for (unsigned i = 0; ok && nic_device_keys[i]; i++) {
        const char *key = nic_device_keys[i], *value = config_child_value(node, key);
        if (value && strcmp(key, "model") != 0 && strcmp(key, "id") != 0)
            ok = device_set_prop(dev, key, value, errp);
    }
    ok = ok && build_plug(lm, dev, errp);
    if (!ok)
        device_free(dev);
    return ok;
}

bool networks_build_devices(struct lib_machine *lm, struct vemu_error **errp)
{
    unsigned n = 0;

    config_for_each(node, lm->config, "nic")
    {
        bool ok;
        if (is_none(node))
            continue;
        machine_lock(&lm->m);
        ok = build_nic(lm, node, n++, errp);
        machine_unlock(&lm->m);
        if (!ok) {
            error_prefix(errp, "%s: ", node->origin);
            return false;
        }
    }
    return true;
}

/* ---- back ends that come and go -------------------------------------------------------------- */

bool networks_add_netdev(struct lib_machine *lm, const char *text, struct vemu_error **errp)
{
    const struct config_node *node = config_add(lm->config, "netdev", text, "netdev_add", errp);
    const char *id = config_child_value(node, "id");

    if (!node)
        return false;
    if (netdev_find(&lm->m, id))
        error_set(errp, VEMU_ERROR_STATE, "netdev_add: the id '%.*s' is taken; give each its own",
                  QUOTE_MAX, id);
    else if (make_netdev(lm, id, config_node_text(node, "type", netdev_skip), node->origin, errp))
        return true;
    config_remove(lm->config, node);
    return false;
}

bool networks_has_netdev(struct lib_machine *lm, const char *id)
{
    return netdev_find(&lm->m, id) != NULL;
}

bool networks_remove_netdev(struct lib_machine *lm, const char *id, struct vemu_error **errp)
{
    const struct config_node *found = NULL;
    bool ok;

    machine_lock(&lm->m);
    struct netdev *nd = netdev_find(&lm->m, id);
    ok = nd && !netdev_in_use(nd);
    if (ok)
        netdev_free(nd);
    machine_unlock(&lm->m);
    if (!ok)
        return error_set(errp, VEMU_ERROR_STATE,
                         "network back end '%.*s' is in use by a device: remove that first",
                         QUOTE_MAX, id);
    config_for_each(node, lm->config, "netdev")
    {
        if (strcmp(config_child_value(node, "id"), id) == 0)
            found = node;
    }
    if (found)
        config_remove(lm->config, found);
    return true;
}

/* ---- what can be seen from the text ---------------------------------------------------------- */

static bool check_nics(const struct vemu_config *cfg, struct vemu_error **errp)
{
    config_for_each(node, cfg, "nic")
    {
        const char *type = config_child_value(node, "type");
        if (!type || strcmp(type, "nic") == 0)
            return error_set(
                errp, VEMU_ERROR_INVALID,
                "%s needs a back end first, such as user or tap; it makes a device for "
                "it as well (model=)",
                node->origin);
        if (is_none(node) && config_count(cfg, "nic") > 1)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s none is given beside another; none means no network device at all",
                             node->origin);
    }
    return true;
}

bool networks_check(const struct vemu_config *cfg, struct vemu_error **errp)
{
    config_for_each(node, cfg, "netdev")
    {
        if (!config_child_value(node, "id"))
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s: '%.*s' has no id; add ,id=NAME so that a device can name it",
                             node->origin, QUOTE_MAX, config_child_value(node, "type"));
    }
    config_for_each(node, cfg, "object")
    {
        if (!objects_is(node, "filter-dump"))
            continue;
        if (!config_child_value(node, "netdev") || !config_child_value(node, "file"))
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s: filter-dump needs netdev=ID and file=FILE", node->origin);
    }
    return check_nics(cfg, errp);
}
