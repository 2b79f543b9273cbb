/* ICH9 SMBus function. Intel I/O Controller Hub 9 data sheet, chapter "SMBus Controller Registers
 * (D31:F3)". */
#include "hw/pci/ich9_smbus.h"

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "hw/create.h"
#include "hw/misc/smbus_host.h"

enum {
    SMBUS_HOSTC = 0x40,
    HOSTC_HST_EN = 1 << 0,
    HOSTC_SMI_EN = 1 << 1,
    HOSTC_WRITABLE = 0x0f,
    SMBUS_BAR = 4,
    SMBUS_PIN = 2, /* INTB, as D31IP has it */
};

struct ich9_smbus {
    struct pci_device pci;
    struct mem_region ports; /* the BAR: the controller is in it while it is enabled */
    struct smbus_host host;
    bool enabled;
};

/* Interrupts that are to be SMIs reach nobody: firmware that handles them has not been met. */
static void interrupt(void *opaque, int level)
{
    struct ich9_smbus *s = opaque;

    pci_set_intx(&s->pci, level && !(s->pci.config[SMBUS_HOSTC] & HOSTC_SMI_EN));
}

static void config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct ich9_smbus *s = (struct ich9_smbus *)pci;

    (void)offset;
    (void)size;
    mem_region_remove(&s->host.region);
    if (pci->config[SMBUS_HOSTC] & HOSTC_HST_EN)
        mem_region_add(&s->ports, 0, &s->host.region, 0);
    interrupt(s, s->host.interrupting);
}

static bool ich9_smbus_realize(struct device *dev, struct vemu_error **errp)
{
    struct ich9_smbus *s = (struct ich9_smbus *)dev;
    static const struct pci_ident ident = {.vendor = PCI_VENDOR_INTEL,
                                           .device = 0x2930,
                                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                                           .subsystem = 0x1100,
                                           .class_code = 0x0c0500,
                                           .revision = 2,
                                           .interrupt_pin = SMBUS_PIN};
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    mem_region_init_container(&s->ports, "ich9-smbus", SMBUS_ICH_PORTS);
    smbus_host_init(&s->host, dev, true, interrupt, s);
    pci_bar_add(&s->pci, SMBUS_BAR, PCI_BAR_IO, &s->ports);
    s->pci.wmask[SMBUS_HOSTC] = HOSTC_WRITABLE;
    s->pci.config[SMBUS_HOSTC] = s->enabled ? HOSTC_HST_EN : 0;
    s->pci.config_written = config_written;
    return true;
}

static void ich9_smbus_unrealize(struct device *dev)
{
    struct ich9_smbus *s = (struct ich9_smbus *)dev;

    smbus_host_exit(&s->host);
    pci_device_exit(&s->pci);
}

static void ich9_smbus_reset(struct device *dev)
{
    struct ich9_smbus *s = (struct ich9_smbus *)dev;

    smbus_host_reset(&s->host);
    pci_device_reset(&s->pci);
}

static bool ich9_smbus_post_load(struct device *dev, struct vemu_error **errp)
{
    return pci_device_post_load(&((struct ich9_smbus *)dev)->pci, errp);
}

static const struct state_field ich9_smbus_state[] = {
    STATE_PCI(struct ich9_smbus, pci),
    STATE_SMBUS_HOST(struct ich9_smbus, host),
    STATE_FIELDS_END,
};

const struct device_class ich9_smbus_class = {
    .name = "ICH9-SMB",
    .help = "ICH9 SMBus function",
    .size = sizeof(struct ich9_smbus),
    .bus = "pci",
    .state = ich9_smbus_state,
    .state_version = 1,
    .realize = ich9_smbus_realize,
    .unrealize = ich9_smbus_unrealize,
    .reset = ich9_smbus_reset,
    .post_load = ich9_smbus_post_load,
};

struct device *ich9_smbus_create(struct vemu_machine *m, struct pci_bus *bus, bool enabled,
                                 struct vemu_error **errp)
{
    struct ich9_smbus *s = (struct ich9_smbus *)device_new(m, &ich9_smbus_class, NULL, errp);

    if (!s)
        return NULL;
    s->pci.bus = bus;
    s->pci.devfn = PCI_DEVFN(0x1f, 3);
    s->enabled = enabled;
    return device_realize_or_free(&s->pci.dev, errp);
}
