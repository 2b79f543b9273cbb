/*
 * Where a device of the command line goes. Channels and ports have names: ide.0, ide.1 ... of the
 * machine's own controller, and ID.0, ID.1 ... of one that was given an id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/ata/ahci.h"
#include "hw/ata/ata_internal.h"
#include "hw/ata/piix_ide.h"

enum { UNIT_ANY = UINT32_MAX };

/* NULL: there is no such place. */
static struct ata_slot *slot_at(struct device *dev, unsigned bus, unsigned unit)
{
    if (dev->cls == &piix3_ide_class || dev->cls == &piix4_ide_class)
        return piix_ide_slot(dev, bus, unit);
    if (dev->cls == &ahci_class || dev->cls == &ich9_ahci_class)
        return unit ? NULL : ahci_slot(dev, bus);
    return NULL;
}

/* Is "NAME.N" a channel of this controller? Those without an id are called ide, and counted. */
static bool bus_matches(const struct device *dev, unsigned *nameless, const char *name,
                        unsigned *bus)
{
    const char *dot = strrchr(name, '.'), *own = dev->id ? dev->id : "ide";
    char *end;
    unsigned long n;

    if (!dot || (size_t)(dot - name) != strlen(own) || memcmp(name, own, strlen(own)) != 0)
        return false;
    n = strtoul(dot + 1, &end, 10);
    if (end == dot + 1 || *end || n > UINT8_MAX)
        return false;
    if (!dev->id) {
        unsigned first = *nameless;
        while (slot_at((struct device *)dev, *nameless - first, 0))
            ++*nameless;
        if (n < first || n >= *nameless)
            return false;
        n -= first;
    }
    *bus = (unsigned)n;
    return true;
}

/* The first free place of a channel, or the one that was asked for. */
static struct ata_slot *free_slot(struct device *dev, unsigned bus, uint32_t unit)
{
    for (unsigned u = unit == UNIT_ANY ? 0 : unit;; u++) {
        struct ata_slot *slot = slot_at(dev, bus, u);
        if (!slot || !slot->dev || unit != UNIT_ANY)
            return slot;
    }
}

static struct ata_slot *find_named(struct vemu_machine *m, const struct ata_props *p)
{
    unsigned nameless = 0, bus;

    list_for_each(dev, &m->devices, struct device, node)
    {
        if (slot_at(dev, 0, 0) && bus_matches(dev, &nameless, p->bus, &bus))
            return slot_at(dev, bus, 0) ? free_slot(dev, bus, p->unit) : NULL;
    }
    return NULL;
}

static struct ata_slot *find_any(struct vemu_machine *m, uint32_t unit)
{
    list_for_each(dev, &m->devices, struct device, node)
    {
        for (unsigned bus = 0; slot_at(dev, bus, 0); bus++) {
            struct ata_slot *slot = free_slot(dev, bus, unit);
            if (slot && !slot->dev)
                return slot;
        }
    }
    return NULL;
}

bool ata_plug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    struct ata_device *d = (struct ata_device *)dev;
    struct ata_slot *slot = d->p.bus ? find_named(m, &d->p) : find_any(m, d->p.unit);

    if (!slot && d->p.bus)
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "device %s: bus=%.80s names no free place of an IDE or AHCI controller; "
                         "ide.0 is the machine's first, and ID.0 one with id=ID",
                         dev->cls->name, d->p.bus);
    if (!slot)
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "device %s: there is no IDE or AHCI controller with a free place; add one "
                         "with -device ahci,id=ahci",
                         dev->cls->name);
    if (slot->dev)
        return error_set(errp, VEMU_ERROR_STATE, "device %s: unit=%u of bus=%.80s is taken",
                         dev->cls->name, d->p.unit, d->p.bus ? d->p.bus : "");
    slot->dev = d;
    d->slot = slot;
    return true;
}
