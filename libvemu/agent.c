/* An agent in the guest by one key: see agent.h. */
#include "libvemu/agent.h"

#include <string.h>

#include "core/chardev/chardev.h"
#include "core/device/machine.h"
#include "core/util/error.h"
#include "hw/board.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"
#include "libvemu/screens.h"

enum { QUOTE_MAX = 80 };

/* The name that agents look for, and ours of what leads to it. */
static const char port_name[] = "com.redhat.spice.0";
#define ID "vemu-agent"

bool agent_check(const char *origin, const char *text, struct opts *props, struct vemu_error **errp)
{
    (void)props;
    return strcmp(text, "on") == 0 || strcmp(text, "off") == 0 || strcmp(text, "auto") == 0 ||
           error_set(errp, VEMU_ERROR_INVALID, "%s '%.*s': want on, off or auto", origin, QUOTE_MAX,
                     text);
}

/* Who describes such a port has decided what is behind it. */
static bool has_port(const struct vemu_config *cfg)
{
    config_for_each(node, cfg, "device")
    {
        const char *name = config_child_value(node, "name");
        if (name && strcmp(name, port_name) == 0)
            return true;
    }
    return false;
}

static bool is_wanted(const struct lib_machine *lm)
{
    const char *value = config_value(lm->config, "clipboard", "off");

    if (strcmp(value, "auto") == 0)
        return lm->board->virtio_serial && screens_wanted(lm->config) &&
               config_flag(lm->config, "defaults", true) && !has_port(lm->config);
    return strcmp(value, "on") == 0 && !has_port(lm->config);
}

struct described {
    const char *class, *id;
    const char *props[4][2]; /* ended by NULL */
};

static bool plug(struct lib_machine *lm, const struct described *d, struct vemu_error **errp)
{
    struct device *dev = build_new_device(lm, d->class, d->id, errp);
    bool ok = dev != NULL;

    for (unsigned i = 0; ok && d->props[i][0]; i++)
        ok = device_set_prop(dev, d->props[i][0], d->props[i][1], errp);
    ok = ok && build_plug(lm, dev, errp);
    if (dev && !ok)
        device_free(dev);
    return ok;
}

bool agent_build(struct lib_machine *lm, struct vemu_error **errp)
{
    const struct described controller = {lm->board->virtio_serial, ID, {{NULL}}};
    static const struct described port = {
        "virtserialport", NULL, {{"bus", ID ".0"}, {"chardev", ID}, {"name", port_name}}};
    bool ok;

    if (!is_wanted(lm))
        return true;
    if (!controller.class) {
        error_set(errp, VEMU_ERROR_INVALID,
                  "%s: machine type '%s' has no place for the port that the guest's agent needs",
                  config_origin(lm->config, "clipboard"), lm->board->name);
        return false;
    }
    machine_lock(&lm->m);
    ok = chardev_new(&lm->m, ID, "qemu-vdagent,clipboard=on", errp) &&
         plug(lm, &controller, errp) && plug(lm, &port, errp);
    machine_unlock(&lm->m);
    if (!ok)
        error_prefix(errp, "%s: ", config_origin(lm->config, "clipboard"));
    return ok;
}
