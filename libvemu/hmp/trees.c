/* Devices, buses and memory, as they hang together: see trees.h. */
#include "libvemu/hmp/trees.h"

#include <inttypes.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/memory/memory.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/pci/pci.h"
#include "hw/usb/usb.h"
#include "libvemu/machine.h"

static bool is_on_bus(const struct device *dev, const char *bus)
{
    return dev->cls->bus && strcmp(dev->cls->bus, bus) == 0 && !dev->unplugged;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static const char *kind_of(const struct mem_region *r)
{
    static const char *const kinds[] = {[MEM_CONTAINER] = "container",
                                        [MEM_RAM] = "ram",
                                        [MEM_ROM] = "rom",
                                        [MEM_MMIO] = "i/o",
                                        [MEM_ALIAS] = "alias"};
    return kinds[r->kind];
}

/* The tree is the machine's own, and no deeper than its bridges. */
static void say_region(struct hmp *h, const struct mem_region *r, uint64_t base, unsigned depth)
{
    const uint64_t at = base + r->addr;

    hmp_say(h, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", (int)(2 * depth), "", at,
            at + r->size - 1, r->priority, kind_of(r), r->name);
    if (r->kind == MEM_ALIAS && r->target)
        hmp_say(h, " = %s @%016" PRIx64, r->target->name, r->target_offset);
    hmp_say(h, "%s\n", r->enabled ? "" : " [disabled]");
    list_for_each(child, &r->children, struct mem_region, sibling)
        say_region(h, child, at, depth + 1);
}

void info_mtree(struct hmp *h, char *args)
{
    struct vemu_machine *m = &h->lm->m;

    (void)args;
    machine_lock(m);
    hmp_say(h, "address-space: memory\n");
    say_region(h, mem_space_root(m->memory), 0, 1);
    if (m->io) {
        hmp_say(h, "\naddress-space: I/O\n");
        say_region(h, mem_space_root(m->io), 0, 1);
    }
    machine_unlock(m);
}

/* ---- PCI ------------------------------------------------------------------------------------- */

static const char *class_name(uint16_t class)
{
    static const struct {
        uint16_t class;
        const char *name;
    } names[] = {
        {0x0100, "SCSI controller"},
        {0x0101, "IDE controller"},
        {0x0106, "SATA controller"},
        {0x0108, "NVM controller"},
        {0x0200, "Ethernet controller"},
        {0x0300, "VGA controller"},
        {0x0380, "Display controller"},
        {0x0600, "Host bridge"},
        {0x0601, "ISA bridge"},
        {0x0604, "PCI bridge"},
        {0x0680, "Bridge"},
        {0x0c03, "USB controller"},
        {0x0c05, "SMBus"},
        {0x0780, "Communication controller"},
        {0x0900, "Keyboard"},
        {0x0980, "Input controller"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].class == class)
            return names[i].name;
    }
    return NULL;
}

static unsigned bus_number(const struct pci_device *pci)
{
    return pci->bus->bridge ? pci->bus->bridge->config[PCI_SECONDARY_BUS] : 0;
}

static void say_bar(struct hmp *h, const struct pci_device *pci, unsigned n)
{
    const struct pci_bar *bar = &pci->bars[n];
    const unsigned at = n < PCI_BARS ? PCI_BASE_ADDRESS_0 + 4 * n : PCI_ROM_ADDRESS;
    const uint32_t low = load_le32(pci->config + at);
    const bool io = n < PCI_BARS && low & 1, wide = n < PCI_BARS && !io && (low & 6) == 4;
    uint64_t addr = low & (io ? ~3u : n < PCI_BARS ? ~15u : ~0x7ffu);

    if (!bar->region)
        return;
    if (wide)
        addr |= (uint64_t)load_le32(pci->config + at + 4) << 32;
    hmp_say(h, "      BAR%u: %s at 0x%" PRIx64 " [0x%" PRIx64 "]%s.\n", n,
            io                ? "I/O"
            : n == PCI_BARS   ? "32 bit ROM"
            : wide && low & 8 ? "64 bit prefetchable memory"
            : wide            ? "64 bit memory"
            : low & 8         ? "32 bit prefetchable memory"
                              : "32 bit memory",
            addr, addr + bar->size - 1, bar->mapped ? "" : ", not mapped");
}

static void say_pci(struct hmp *h, const struct pci_device *pci)
{
    const uint16_t class = load_le16(pci->config + PCI_CLASS_DEVICE);
    const char *name = class_name(class);

    hmp_say(h, "  Bus %2u, device %3u, function %u:\n", bus_number(pci), pci->devfn >> 3,
            pci->devfn & 7);
    if (name)
        hmp_say(h, "    %s", name);
    else
        hmp_say(h, "    Class %04x", class);
    hmp_say(h, ": PCI device %04x:%04x (%s)\n", load_le16(pci->config), load_le16(pci->config + 2),
            pci->dev.cls->name);
    if (pci->config[PCI_INTERRUPT_PIN])
        hmp_say(h, "      IRQ %u, pin %c\n", pci->config[PCI_INTERRUPT_LINE],
                'A' + pci->config[PCI_INTERRUPT_PIN] - 1);
    for (unsigned n = 0; n <= PCI_BARS; n++)
        say_bar(h, pci, n);
    hmp_say(h, "      id \"%s\"\n", pci->dev.id ? pci->dev.id : "");
}

void info_pci(struct hmp *h, char *args)
{
    (void)args;
    machine_lock(&h->lm->m);
    list_for_each(dev, &h->lm->m.devices, struct device, node)
    {
        if (is_on_bus(dev, "pci") && ((struct pci_device *)dev)->bus)
            say_pci(h, (struct pci_device *)dev);
    }
    machine_unlock(&h->lm->m);
}

/* ---- USB ------------------------------------------------------------------------------------- */

void info_usb(struct hmp *h, char *args)
{
    (void)args;
    machine_lock(&h->lm->m);
    list_for_each(dev, &h->lm->m.devices, struct device, node)
    {
        const struct usb_device *usb = (struct usb_device *)dev;
        if (is_on_bus(dev, "usb") && usb->port)
            hmp_say(h, "  Device %u, Port %u%s, Product %s%s%s\n", usb->address, usb->port->number,
                    usb->port->hub ? " of a hub" : "", dev->cls->name, dev->id ? ", ID: " : "",
                    dev->id ? dev->id : "");
    }
    machine_unlock(&h->lm->m);
}

/* ---- all devices ----------------------------------------------------------------------------- */

static void say_device(struct hmp *h, struct device *dev)
{
    hmp_say(h, "dev: %s, id \"%s\"\n", dev->cls->name, dev->id ? dev->id : "");
    for (const struct prop_desc *p = dev->cls->props; p && p->name; p++) {
        char value[256];
        if (device_get_prop(dev, p->name, value, sizeof value, NULL))
            hmp_say(h, "  %s = %s\n", p->name, value);
    }
}

void info_qtree(struct hmp *h, char *args)
{
    (void)args;
    machine_lock(&h->lm->m);
    list_for_each(dev, &h->lm->m.devices, struct device, node) say_device(h, dev);
    machine_unlock(&h->lm->m);
}
