/* See ecam.h. Bus 27-20, devfn 19-12, register 11-0. */
#include "hw/pci/ecam.h"

#include "core/util/range.h"

static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_bus *bus = pci_bus_find(opaque, (unsigned)(offset >> 20));
    if (!bus)
        return mask_bits(8 * size);
    return pci_bus_config_read(bus, offset >> 12 & 0xff, offset & 0xfff, size);
}

static void ecam_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pci_bus *bus = pci_bus_find(opaque, (unsigned)(offset >> 20));
    if (bus)
        pci_bus_config_write(bus, offset >> 12 & 0xff, offset & 0xfff, (uint32_t)value, size);
}

static const struct mem_ops ecam_ops = {
    .read = ecam_read, .write = ecam_write, .min_size = 1, .max_size = 4};

void pci_ecam_init(struct mem_region *region, struct pci_bus *root, uint64_t size,
                   struct device *owner)
{
    mem_region_init_io(region, "pci-ecam", size, &ecam_ops, root, owner);
}
