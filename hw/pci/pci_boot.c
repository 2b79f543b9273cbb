/* PCI functions that firmware can boot from; see pci_boot.h. */
#include "hw/pci/pci_boot.h"

#include <stdio.h>
#include <string.h>

#include "core/util/endian.h"
#include "core/util/range.h"

/* Names that the PCI bus binding has for classes; others are named by their IDs. */
static const struct {
    uint16_t class;
    const char *name;
} names[] = {
    {0x0100, "scsi"}, {0x0101, "ide"},      {0x0102, "fdc"},
    {0x0104, "raid"}, {0x0200, "ethernet"}, {0x0300, "display"},
};

static void node_name(const struct pci_device *pci, char *buf, size_t len)
{
    uint16_t class = load_le16(pci->config + PCI_CLASS_DEVICE);

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].class == class) {
            snprintf(buf, len, "%s", names[i].name);
            return;
        }
    }
    snprintf(buf, len, "pci%x,%x", load_le16(pci->config + PCI_VENDOR_ID),
             load_le16(pci->config + PCI_DEVICE_ID));
}

/* "/NAME@SLOT,FUNCTION" of the function, behind that of the bridge that it is behind. */
static void add_path(const struct pci_device *pci, const char *name, char *path, size_t len)
{
    char function[8] = "";
    size_t at;

    if (pci->bus->bridge)
        add_path(pci->bus->bridge, "pci-bridge", path, len);
    at = strlen(path);
    if (pci->devfn & 7)
        snprintf(function, sizeof function, ",%x", pci->devfn & 7u);
    snprintf(path + at, len - at, "/%s@%x%s", name, pci->devfn >> 3, function);
}

bool pci_boot_target_add(struct boot_target *t, struct device *dev, const struct pci_device *pci,
                         enum boot_medium kind, const char *unit, struct vemu_error **errp)
{
    /* cf8: the ports of the host bridge. */
    char name[32], path[2 * BOOT_PATH_SIZE] = "/pci@i0cf8";

    node_name(pci, name, sizeof name);
    add_path(pci, name, path, sizeof path);
    snprintf(path + strlen(path), sizeof path - strlen(path), "%s", unit);
    return boot_target_add(t, dev, kind, path, errp);
}
