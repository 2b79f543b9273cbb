/* A generic PCI Express host; see host_generic.h. */
#include "hw/pci/host_generic.h"

#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/pci/ecam.h"

enum { PIO_SIZE = 0x10000, DEVICE_GENERIC_ROOT = 0x0008 };

struct generic_host {
    struct device dev;
    struct pci_generic_config cfg;
    struct pci_bus bus;
    /* BARs are placed in containers with the bus' addresses; the windows show parts of them. */
    struct mem_region mem, io, ecam, mmio, mmio_high, pio;
};

struct generic_root {
    struct pci_device pci;
};

/* ---- the host -------------------------------------------------------------------------------- */

static unsigned map_irq(void *opaque, const struct pci_device *pci, unsigned pin)
{
    (void)opaque;
    return ((pci->devfn >> 3) + pin) % GENERIC_PCI_LINES;
}

static void set_line(void *opaque, unsigned line, int level)
{
    struct generic_host *host = opaque;
    if (line < GENERIC_PCI_LINES)
        irq_set(&host->cfg.irqs[line], level);
}

static const struct pci_bus_ops bus_ops = {.map_irq = map_irq, .set_irq = set_line};

static void add_window(struct generic_host *host, struct mem_region *region, const char *name,
                       struct mem_region *of, uint64_t offset,
                       const struct pci_generic_window *window)
{
    if (!window->size)
        return;
    mem_region_init_alias(region, name, of, offset, window->size);
    mem_region_add(mem_space_root(host->dev.machine->memory), window->base, region, 0);
}

static void host_unrealize(struct device *dev)
{
    struct generic_host *host = container_of(dev, struct generic_host, dev);
    struct mem_region *regions[] = {&host->pio, &host->mmio_high, &host->mmio, &host->ecam};
    for (unsigned n = 0; n < ARRAY_SIZE(regions); n++)
        if (regions[n]->parent)
            mem_region_remove(regions[n]);
}

static bool host_realize(struct device *dev, struct vemu_error **errp)
{
    struct generic_host *host = container_of(dev, struct generic_host, dev);
    const struct pci_generic_config *cfg = &host->cfg;
    const struct pci_generic_window pio = {cfg->pio_base, PIO_SIZE};
    (void)errp;

    mem_region_init_container(&host->mem, "pci-memory", UINT64_C(1) << 52);
    mem_region_init_container(&host->io, "pci-io", PIO_SIZE);
    pci_bus_init(&host->bus, dev->machine, &host->mem, &host->io, &bus_ops, host);
    host->bus.ports_from_0 = true;
    host->bus.express = true;
    host->bus.name = "pcie.0";
    pci_ecam_init(&host->ecam, &host->bus, cfg->ecam.size, dev);
    mem_region_add(mem_space_root(dev->machine->memory), cfg->ecam.base, &host->ecam, 0);
    add_window(host, &host->mmio, "pci-mmio", &host->mem, cfg->mmio.base, &cfg->mmio);
    add_window(host, &host->mmio_high, "pci-mmio-high", &host->mem, cfg->mmio_high.base,
               &cfg->mmio_high);
    add_window(host, &host->pio, "pci-pio", &host->io, 0, &pio);
    return true;
}

static bool host_post_load(struct device *dev, struct vemu_error **errp)
{
    struct generic_host *host = container_of(dev, struct generic_host, dev);
    (void)errp;
    for (unsigned n = 0; n < GENERIC_PCI_LINES; n++)
        irq_set(&host->cfg.irqs[n], host->bus.line_level[n]);
    return true;
}

static const struct state_field host_state[] = {
    STATE_INT_ARRAY(struct generic_host, bus.line_level, .max = 1),
    STATE_FIELDS_END,
};

const struct device_class pci_generic_host_class = {
    .name = "gpex-pcihost",
    .help = "generic PCI Express host",
    .size = sizeof(struct generic_host),
    .state = host_state,
    .state_version = 1,
    .realize = host_realize,
    .unrealize = host_unrealize,
    .post_load = host_post_load,
};

/* ---- function 0:0.0 -------------------------------------------------------------------------- */

static bool root_realize(struct device *dev, struct vemu_error **errp)
{
    static const struct pci_ident ident = {.vendor = PCI_VENDOR_REDHAT,
                                           .device = DEVICE_GENERIC_ROOT,
                                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                                           .subsystem = 0x1100,
                                           .class_code = 0x060000};
    return pci_device_init((struct pci_device *)dev, &ident, errp);
}

static void root_unrealize(struct device *dev)
{
    pci_device_exit((struct pci_device *)dev);
}

static void root_reset(struct device *dev)
{
    pci_device_reset((struct pci_device *)dev);
}

static bool root_post_load(struct device *dev, struct vemu_error **errp)
{
    return pci_device_post_load((struct pci_device *)dev, errp);
}

static const struct state_field root_state[] = {
    STATE_PCI(struct generic_root, pci),
    STATE_FIELDS_END,
};

const struct device_class pci_generic_root_class = {
    .name = "gpex-root",
    .help = "function of a generic PCI Express host",
    .size = sizeof(struct generic_root),
    .bus = "pci",
    .state = root_state,
    .state_version = 1,
    .realize = root_realize,
    .unrealize = root_unrealize,
    .reset = root_reset,
    .post_load = root_post_load,
};

/* ---- making ---------------------------------------------------------------------------------- */

struct device *pci_generic_host_create(struct vemu_machine *m, const struct pci_generic_config *cfg,
                                       struct vemu_error **errp)
{
    struct device *dev = device_new(m, &pci_generic_host_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct generic_host, dev)->cfg = *cfg;
    dev = device_realize_or_free(dev, errp);
    struct device *root = dev ? device_new(m, &pci_generic_root_class, NULL, errp) : NULL;
    if (!root)
        return NULL;
    ((struct pci_device *)root)->bus = pci_generic_host_bus(dev);
    ((struct pci_device *)root)->devfn = PCI_DEVFN(0, 0);
    return device_realize_or_free(root, errp) ? dev : NULL;
}

struct pci_bus *pci_generic_host_bus(struct device *dev)
{
    return &container_of(dev, struct generic_host, dev)->bus;
}
