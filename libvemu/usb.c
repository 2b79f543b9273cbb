/* The short spellings of USB: see usb.h. */
#include "libvemu/usb.h"

#include <string.h>

#include "core/device/machine.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "hw/board.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"
#include "libvemu/screens.h"

static const struct {
    const char *name, *driver;
} names[] = {
    {"keyboard", "usb-kbd"}, {"mouse", "usb-mouse"}, {"tablet", "usb-tablet"}, {"hub", "usb-hub"}};
static const char controller[] = "qemu-xhci";

static const char *driver_of(const char *name)
{
    for (unsigned n = 0; n < ARRAY_SIZE(names); n++) {
        if (strcmp(names[n].name, name) == 0)
            return names[n].driver;
    }
    return NULL;
}

bool usb_check_device(const char *origin, const char *text, struct opts *props,
                      struct vemu_error **errp)
{
    (void)props;
    return driver_of(text) || strcmp(text, "auto") == 0 ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "%s: '%.80s' is not a USB device; there are keyboard, mouse, tablet, hub and "
                     "auto",
                     origin, text);
}

static bool is_auto(const struct config_node *node)
{
    return strcmp(node->value, "auto") == 0;
}

/* What a node of -usbdevice comes to; NULL: nothing. Where the screen is shown to somebody, the
 * pointer has to be where theirs is, which a PS/2 mouse cannot say. Boards without PCI have no
 * place for the controller. */
static const char *meant_by(const struct lib_machine *lm, const struct config_node *node)
{
    const char *on_pci = lm->board->virtio_serial ? strstr(lm->board->virtio_serial, "-pci") : NULL;

    if (!is_auto(node))
        return driver_of(node->value);
    return on_pci && screens_wanted(lm->config) ? "usb-tablet" : NULL;
}

static bool any_meant(const struct lib_machine *lm)
{
    config_for_each(node, lm->config, "usbdevice")
    {
        if (meant_by(lm, node))
            return true;
    }
    return false;
}

static bool is_asked_for(const struct lib_machine *lm)
{
    return config_flag(lm->config, "usb", false) || any_meant(lm) ||
           strcmp(config_value(lm->config, "machine.usb", "off"), "on") == 0;
}

static bool has_controller(const struct vemu_config *cfg)
{
    config_for_each(node, cfg, "device")
    {
        const char *driver = config_child_value(node, "driver");
        if (driver && (strcmp(driver, controller) == 0 || strcmp(driver, "nec-usb-xhci") == 0))
            return true;
    }
    return false;
}

static bool build(struct lib_machine *lm, const char *driver, const char *origin,
                  struct vemu_error **errp)
{
    struct device *dev;
    bool ok;

    machine_lock(&lm->m);
    dev = build_new_device(lm, driver, NULL, errp);
    ok = dev && build_plug(lm, dev, errp);
    if (dev && !ok)
        device_free(dev);
    machine_unlock(&lm->m);
    if (!ok)
        error_prefix(errp, "%s: ", origin);
    return ok;
}

bool usb_build_controller(struct lib_machine *lm, struct vemu_error **errp)
{
    const struct vemu_config *cfg = lm->config;
    const char *key = config_flag(cfg, "usb", false)  ? "usb"
                      : config_find(cfg, "usbdevice") ? "usbdevice"
                                                      : "machine.usb";

    if (!is_asked_for(lm) || has_controller(cfg))
        return true;
    return build(lm, controller, config_origin(cfg, key), errp);
}

bool usb_build_devices(struct lib_machine *lm, struct vemu_error **errp)
{
    config_for_each(node, lm->config, "usbdevice")
    {
        const char *driver = meant_by(lm, node);
        if (!driver)
            continue;
        if (is_auto(node) && lm->board->needs_keyboard && !build(lm, "usb-kbd", node->origin, errp))
            return false;
        if (!build(lm, driver, node->origin, errp))
            return false;
    }
    return true;
}
