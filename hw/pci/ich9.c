/* ICH9 LPC interface bridge. Intel I/O Controller Hub 9 data sheet, chapter "LPC Interface Bridge
 * Registers". */
#include "hw/pci/ich9.h"

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/pirq.h"

enum {
    LPC_PMBASE = 0x40,
    LPC_ACPI_CNTL = 0x44,
    ACPI_CNTL_EN = 1 << 7,
    LPC_PIRQA = 0x60, /* A-D; E-H follow at 0x68 */
    LPC_PIRQE = 0x68,
};

struct ich9_lpc {
    struct pci_device pci;
    struct pirq_router router;
    struct acpi_pm acpi;
    struct irq sci;
    bool enabled;
};

static unsigned pirq_reg(unsigned line)
{
    return line < 4 ? LPC_PIRQA + line : LPC_PIRQE + line - 4;
}

/* Integrated functions (slots 25-31) use PIRQA-D by pin, as the DxxIR registers' reset values say;
 * external slots are turned over PIRQE-H. */
static unsigned ich9_map_irq(void *opaque, const struct pci_device *pci, unsigned pin)
{
    unsigned slot = pci->devfn >> 3;
    (void)opaque;
    return slot >= 25 ? pin : 4 + ((pin + slot) & 3);
}

static void ich9_set_irq(void *opaque, unsigned line, int level)
{
    pirq_set_line(&((struct ich9_lpc *)opaque)->router, line, level);
}

static const struct pci_bus_ops ich9_bus_ops = {.map_irq = ich9_map_irq, .set_irq = ich9_set_irq};

static void update_base(struct ich9_lpc *s)
{
    uint16_t base = load_le16(s->pci.config + LPC_PMBASE) & 0xff80;
    mem_region_remove(&s->acpi.region);
    if ((s->pci.config[LPC_ACPI_CNTL] & ACPI_CNTL_EN) && base)
        mem_region_add(mem_space_root(s->pci.dev.machine->io), base, &s->acpi.region, 0);
}

static void ich9_config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct ich9_lpc *s = (struct ich9_lpc *)pci;
    if (range_overlaps(offset, size, LPC_PMBASE, 8))
        update_base(s);
    if (range_overlaps(offset, size, LPC_PIRQA, 12))
        for (unsigned i = 0; i < PCI_IRQ_LINES; i++)
            pirq_set_route(&s->router, i, pci->config[pirq_reg(i)]);
}

static bool ich9_realize(struct device *dev, struct vemu_error **errp)
{
    struct ich9_lpc *s = (struct ich9_lpc *)dev;
    static const struct pci_ident ident = {.vendor = PCI_VENDOR_INTEL,
                                           .device = 0x2918,
                                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                                           .subsystem = 0x1100,
                                           .class_code = 0x060100,
                                           .revision = 2};
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    s->pci.config[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    s->pci.config[PCI_HEADER_TYPE] = 0x80;
    store_le32(s->pci.wmask + LPC_PMBASE, 0xff80);
    store_le32(s->pci.config + LPC_PMBASE, (s->enabled ? ICH9_PM_BASE : 0) | 1);
    s->pci.wmask[LPC_ACPI_CNTL] = ACPI_CNTL_EN;
    s->pci.config[LPC_ACPI_CNTL] = s->enabled ? ACPI_CNTL_EN : 0;
    for (unsigned i = 0; i < PCI_IRQ_LINES; i++) {
        s->pci.wmask[pirq_reg(i)] = PIRQ_REG_MASK;
        s->pci.config[pirq_reg(i)] = PIRQ_DISABLED;
        s->router.reg[i] = PIRQ_DISABLED;
    }
    s->pci.config_written = ich9_config_written;
    s->router.bus = s->pci.bus;
    struct acpi_pm_config pm = {.dev = dev,
                                .sci = s->sci,
                                .size = ICH9_PM_SIZE,
                                .gpe_offset = ICH9_GPE_OFFSET,
                                .gpe_bytes = ICH9_GPE_BYTES,
                                .s5_type = ICH9_S5_TYPE,
                                .sci_enabled = s->enabled};
    acpi_pm_init(&s->acpi, &pm);
    return true;
}

static void ich9_unrealize(struct device *dev)
{
    struct ich9_lpc *s = (struct ich9_lpc *)dev;
    acpi_pm_exit(&s->acpi);
    pci_device_exit(&s->pci);
}

static void ich9_reset(struct device *dev)
{
    struct ich9_lpc *s = (struct ich9_lpc *)dev;
    pci_device_reset(&s->pci);
    acpi_pm_reset(&s->acpi);
}

static bool ich9_post_load(struct device *dev, struct vemu_error **errp)
{
    struct ich9_lpc *s = (struct ich9_lpc *)dev;
    for (unsigned i = 0; i < PCI_IRQ_LINES; i++)
        s->router.reg[i] = s->pci.config[pirq_reg(i)] & PIRQ_REG_MASK;
    pirq_post_load(&s->router);
    acpi_pm_post_load(&s->acpi);
    return pci_device_post_load(&s->pci, errp);
}

static const struct state_field ich9_state[] = {
    STATE_PCI(struct ich9_lpc, pci),
    STATE_ACPI_PM(struct ich9_lpc, acpi),
    STATE_FIELDS_END,
};

const struct device_class ich9_lpc_class = {
    .name = "ICH9-LPC",
    .help = "ICH9 LPC bridge function",
    .size = sizeof(struct ich9_lpc),
    .bus = "pci",
    .state = ich9_state,
    .state_version = 1,
    .realize = ich9_realize,
    .unrealize = ich9_unrealize,
    .reset = ich9_reset,
    .post_load = ich9_post_load,
};

struct device *ich9_lpc_create(struct vemu_machine *m, const struct ich9_lpc_config *cfg,
                               struct vemu_error **errp)
{
    struct ich9_lpc *s = (struct ich9_lpc *)device_new(m, &ich9_lpc_class, NULL, errp);
    if (!s)
        return NULL;
    s->pci.bus = pci_host_bus(cfg->host);
    s->pci.devfn = PCI_DEVFN(0x1f, 0);
    s->sci = cfg->sci;
    s->enabled = cfg->enabled;
    for (unsigned i = 0; i < 16; i++)
        s->router.isa[i] = cfg->isa[i];
    for (unsigned i = 0; i < PCI_IRQ_LINES; i++)
        s->router.direct[i] = cfg->ioapic[i];
    if (!device_realize(&s->pci.dev, errp)) {
        device_free(&s->pci.dev);
        return NULL;
    }
    pci_host_set_ops(cfg->host, &ich9_bus_ops, s);
    return &s->pci.dev;
}

struct acpi_pm *ich9_lpc_acpi(struct device *dev)
{
    return &((struct ich9_lpc *)dev)->acpi;
}
