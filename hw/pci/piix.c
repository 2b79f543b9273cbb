/* PIIX3 ISA bridge and PIIX4 power management. Intel 82371SB and 82371AB data sheets. */
#include "hw/pci/piix.h"

#include <string.h>

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/misc/apm.h"
#include "hw/misc/smbus_host.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/pirq.h"

enum { PIIX3_PIRQRCA = 0x60, PIIX3_PIRQS = 4 };
enum {
    PIIX4_PMBA = 0x40,
    PIIX4_DEVACTB = 0x58,
    DEVACTB_APMC_EN = 1 << 25,
    PIIX4_PMREGMISC = 0x80,
    PMREGMISC_PMIOSE = 1,
    PIIX4_SMBBA = 0x90,
    PIIX4_SMBHSTCFG = 0xd2,
    SMBHSTCFG_HST_EN = 1 << 0,
    SMBHSTCFG_INTRSEL = 7 << 1,
    SMBHSTCFG_INTRSEL_IRQ9 = 4 << 1,
};
/* Power management registers that are not ACPI's, by their offset in the I/O block. */
enum {
    PMIO_GLBSTS = 0x18,
    GLBSTS_APM_STS = 1 << 5,
    GLBSTS_MASK = 0x7d,
    PMIO_OTHER_FIRST = 0x10, /* PCNTRL */
    PMIO_OTHER_END = 0x38,
    PMIO_GLBCTL = 0x28,
    GLBCTL_SMI_EN = 1 << 0,
};

struct piix3 {
    struct pci_device pci;
    struct pirq_router router;
    bool routed;
};

struct piix4_pm {
    struct pci_device pci;
    struct acpi_pm acpi;
    struct apm apm;
    struct smbus_host smbus;
    uint8_t other[PMIO_OTHER_END - PMIO_OTHER_FIRST];
    struct irq sci, smi, smbus_irq;
    bool enabled, no_smm;
};

/* ---- PIIX3 ----------------------------------------------------------------------------------- */

/* INTA of slot 1 is PIRQA (the bridge's own slot), and each further slot turns by one. */
static unsigned piix3_map_irq(void *opaque, const struct pci_device *pci, unsigned pin)
{
    (void)opaque;
    return (pin + (pci->devfn >> 3) - 1) & 3;
}

static void piix3_set_irq(void *opaque, unsigned line, int level)
{
    pirq_set_line(&((struct piix3 *)opaque)->router, line, level);
}

static const struct pci_bus_ops piix3_bus_ops = {.map_irq = piix3_map_irq,
                                                 .set_irq = piix3_set_irq};

static void piix3_config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct piix3 *s = (struct piix3 *)pci;
    if (!range_overlaps(offset, size, PIIX3_PIRQRCA, PIIX3_PIRQS))
        return;
    for (unsigned i = 0; i < PIIX3_PIRQS; i++)
        pirq_set_route(&s->router, i, pci->config[PIIX3_PIRQRCA + i]);
}

static bool piix3_realize(struct device *dev, struct vemu_error **errp)
{
    struct piix3 *s = (struct piix3 *)dev;
    static const uint8_t as_firmware[PIIX3_PIRQS] = {10, 10, 11, 11};
    static const struct pci_ident ident = {.vendor = PCI_VENDOR_INTEL,
                                           .device = 0x7000,
                                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                                           .subsystem = 0x1100,
                                           .class_code = 0x060100};
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    for (unsigned i = 0; i < PIIX3_PIRQS; i++) {
        s->pci.wmask[PIIX3_PIRQRCA + i] = PIRQ_REG_MASK;
        s->pci.config[PIIX3_PIRQRCA + i] = s->routed ? as_firmware[i] : PIRQ_DISABLED;
        s->router.reg[i] = PIRQ_DISABLED;
    }
    for (unsigned i = PIIX3_PIRQS; i < PCI_IRQ_LINES; i++)
        s->router.reg[i] = PIRQ_DISABLED;
    /* The bridge positively decodes ISA: I/O, memory and mastering are always on. */
    s->pci.config[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    s->pci.config_written = piix3_config_written;
    s->router.bus = s->pci.bus;
    return true;
}

static void pci_function_unrealize(struct device *dev)
{
    pci_device_exit((struct pci_device *)dev);
}

static void piix3_reset(struct device *dev)
{
    pci_device_reset((struct pci_device *)dev);
}

static bool piix3_post_load(struct device *dev, struct vemu_error **errp)
{
    struct piix3 *s = (struct piix3 *)dev;
    for (unsigned i = 0; i < PIIX3_PIRQS; i++)
        s->router.reg[i] = s->pci.config[PIIX3_PIRQRCA + i] & PIRQ_REG_MASK;
    pirq_post_load(&s->router);
    return pci_device_post_load(&s->pci, errp);
}

static const struct state_field piix3_state[] = {
    STATE_PCI(struct piix3, pci),
    STATE_FIELDS_END,
};

const struct device_class piix3_class = {
    .name = "PIIX3",
    .help = "82371SB ISA bridge function",
    .size = sizeof(struct piix3),
    .bus = "pci",
    .state = piix3_state,
    .state_version = 1,
    .realize = piix3_realize,
    .unrealize = pci_function_unrealize,
    .reset = piix3_reset,
    .post_load = piix3_post_load,
};

struct device *piix3_create(struct vemu_machine *m, const struct piix3_config *cfg,
                            struct vemu_error **errp)
{
    struct piix3 *s = (struct piix3 *)device_new(m, &piix3_class, NULL, errp);
    if (!s)
        return NULL;
    s->pci.bus = pci_host_bus(cfg->host);
    s->pci.devfn = PCI_DEVFN(1, 0);
    s->routed = cfg->routed;
    for (unsigned i = 0; i < 16; i++)
        s->router.isa[i] = cfg->isa[i];
    if (!device_realize(&s->pci.dev, errp)) {
        device_free(&s->pci.dev);
        return NULL;
    }
    pci_host_set_ops(cfg->host, &piix3_bus_ops, s);
    return &s->pci.dev;
}

/* ---- PIIX4 power management ------------------------------------------------------------------ */

static void piix4_update_base(struct piix4_pm *s)
{
    uint16_t base = load_le16(s->pci.config + PIIX4_PMBA) & 0xffc0;
    mem_region_remove(&s->acpi.region);
    if ((s->pci.config[PIIX4_PMREGMISC] & PMREGMISC_PMIOSE) && base)
        mem_region_add(mem_space_root(s->pci.dev.machine->io), base, &s->acpi.region, 0);
}

/* By IRQ 9, or as an SMI when the condition comes up. */
static void piix4_smbus_interrupt(void *opaque, int level)
{
    struct piix4_pm *s = opaque;
    unsigned by = s->pci.config[PIIX4_SMBHSTCFG] & SMBHSTCFG_INTRSEL;

    irq_set(&s->smbus_irq, level && by == SMBHSTCFG_INTRSEL_IRQ9);
    if (level && !by)
        irq_pulse(&s->smi);
}

static void piix4_update_smbus(struct piix4_pm *s)
{
    uint16_t base = load_le16(s->pci.config + PIIX4_SMBBA) & 0xfff0;

    mem_region_remove(&s->smbus.region);
    if ((s->pci.config[PIIX4_SMBHSTCFG] & SMBHSTCFG_HST_EN) && base)
        mem_region_add(mem_space_root(s->pci.dev.machine->io), base, &s->smbus.region, 0);
}

static void piix4_config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    if (range_overlaps(offset, size, PIIX4_SMBBA, 4) ||
        range_overlaps(offset, size, PIIX4_SMBHSTCFG, 1))
        piix4_update_smbus((struct piix4_pm *)pci);
    if (range_overlaps(offset, size, PIIX4_PMBA, 4) ||
        range_overlaps(offset, size, PIIX4_PMREGMISC, 1))
        piix4_update_base((struct piix4_pm *)pci);
}

static uint8_t *other_reg(struct piix4_pm *s, uint64_t offset)
{
    return offset >= PMIO_OTHER_FIRST && offset < PMIO_OTHER_END
               ? &s->other[offset - PMIO_OTHER_FIRST]
               : NULL;
}

static uint8_t piix4_read_other(void *opaque, uint64_t offset)
{
    const uint8_t *reg = other_reg(opaque, offset);
    return reg ? *reg : 0;
}

static void piix4_write_other(void *opaque, uint64_t offset, uint8_t value)
{
    uint8_t *reg = other_reg(opaque, offset);
    if (!reg)
        return;
    if (offset >= PMIO_GLBSTS && offset < PMIO_GLBSTS + 8) /* and DEVSTS: a written 1 clears */
        *reg &= (uint8_t)~value;
    else
        *reg = value;
}

static void piix4_apm_command(void *opaque, uint8_t value)
{
    struct piix4_pm *s = opaque;
    if (value == APM_ACPI_ENABLE || value == APM_ACPI_DISABLE)
        acpi_pm_set_acpi_mode(&s->acpi, value == APM_ACPI_ENABLE);
    if (!(load_le32(s->pci.config + PIIX4_DEVACTB) & DEVACTB_APMC_EN))
        return;
    *other_reg(s, PMIO_GLBSTS) |= GLBSTS_APM_STS;
    if (*other_reg(s, PMIO_GLBCTL) & GLBCTL_SMI_EN)
        irq_pulse(&s->smi);
}

static void piix4_unrealize(struct device *dev)
{
    struct piix4_pm *s = (struct piix4_pm *)dev;
    apm_exit(&s->apm);
    smbus_host_exit(&s->smbus);
    acpi_pm_exit(&s->acpi);
    pci_device_exit(&s->pci);
}

static bool piix4_realize(struct device *dev, struct vemu_error **errp)
{
    struct piix4_pm *s = (struct piix4_pm *)dev;
    /* The SCI leaves by IRQ 9, which the function shows as INTA although no PIRQ carries it. */
    static const struct pci_ident ident = {.vendor = PCI_VENDOR_INTEL,
                                           .device = 0x7113,
                                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                                           .subsystem = 0x1100,
                                           .class_code = 0x068000,
                                           .revision = 3,
                                           .interrupt_pin = 1};
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    store_le32(s->pci.wmask + PIIX4_PMBA, 0xffc0);
    store_le32(s->pci.config + PIIX4_PMBA, (s->enabled ? PIIX4_PM_BASE : 0) | 1);
    store_le32(s->pci.wmask + PIIX4_DEVACTB, 0xffffffff);
    s->pci.wmask[PIIX4_PMREGMISC] = PMREGMISC_PMIOSE;
    store_le32(s->pci.config + PIIX4_SMBBA, (s->enabled ? PIIX4_SMBUS_BASE : 0) | 1);
    store_le32(s->pci.wmask + PIIX4_SMBBA, 0xfff0);
    s->pci.wmask[PIIX4_SMBHSTCFG] = SMBHSTCFG_HST_EN | SMBHSTCFG_INTRSEL;
    s->pci.config[PIIX4_SMBHSTCFG] = s->enabled ? SMBHSTCFG_HST_EN | SMBHSTCFG_INTRSEL_IRQ9 : 0;
    smbus_host_init(&s->smbus, dev, false, piix4_smbus_interrupt, s);
    s->pci.config[PIIX4_PMREGMISC] = s->enabled ? PMREGMISC_PMIOSE : 0;
    s->pci.config[PCI_INTERRUPT_LINE] = s->enabled ? 9 : 0;
    s->pci.config_written = piix4_config_written;
    struct acpi_pm_config pm = {.dev = dev,
                                .sci = s->sci,
                                .size = PIIX4_PM_SIZE,
                                .gpe_offset = PIIX4_GPE_OFFSET,
                                .gpe_bytes = PIIX4_GPE_BYTES,
                                .s5_type = PIIX4_S5_TYPE,
                                .sci_enabled = s->enabled,
                                .read_other = piix4_read_other,
                                .write_other = piix4_write_other,
                                .opaque = s};
    acpi_pm_init(&s->acpi, &pm);
    if (apm_init(&s->apm, dev, piix4_apm_command, s, errp))
        return true;
    piix4_unrealize(dev);
    return false;
}

static void piix4_reset(struct device *dev)
{
    struct piix4_pm *s = (struct piix4_pm *)dev;
    pci_device_reset(&s->pci);
    acpi_pm_reset(&s->acpi);
    smbus_host_reset(&s->smbus);
    apm_reset(&s->apm);
    memset(s->other, 0, sizeof s->other);
    if (s->no_smm)
        store_le32(s->pci.config + PIIX4_DEVACTB, DEVACTB_APMC_EN);
}

static void piix4_pre_save(struct device *dev)
{
    acpi_pm_pre_save(&((struct piix4_pm *)dev)->acpi);
}

static bool piix4_post_load(struct device *dev, struct vemu_error **errp)
{
    struct piix4_pm *s = (struct piix4_pm *)dev;
    acpi_pm_post_load(&s->acpi);
    return pci_device_post_load(&s->pci, errp);
}

static const struct state_field piix4_state[] = {
    STATE_PCI(struct piix4_pm, pci),      STATE_ACPI_PM(struct piix4_pm, acpi),
    STATE_APM(struct piix4_pm, apm),      STATE_SMBUS_HOST(struct piix4_pm, smbus),
    STATE_BUFFER(struct piix4_pm, other), STATE_FIELDS_END,
};

const struct device_class piix4_pm_class = {
    .name = "PIIX4_PM",
    .help = "82371AB power management function",
    .size = sizeof(struct piix4_pm),
    .bus = "pci",
    .state = piix4_state,
    .state_version = 3,
    .realize = piix4_realize,
    .unrealize = piix4_unrealize,
    .reset = piix4_reset,
    .post_load = piix4_post_load,
    .pre_save = piix4_pre_save,
};

struct device *piix4_pm_create(struct vemu_machine *m, const struct piix4_pm_config *cfg,
                               struct vemu_error **errp)
{
    struct piix4_pm *s = (struct piix4_pm *)device_new(m, &piix4_pm_class, NULL, errp);
    if (!s)
        return NULL;
    s->pci.bus = pci_host_bus(cfg->host);
    s->pci.devfn = PCI_DEVFN(1, 3);
    s->sci = cfg->sci;
    s->smi = cfg->smi;
    s->smbus_irq = cfg->smbus;
    s->enabled = cfg->enabled;
    s->no_smm = cfg->no_smm;
    if (!device_realize(&s->pci.dev, errp)) {
        device_free(&s->pci.dev);
        return NULL;
    }
    return &s->pci.dev;
}

struct acpi_pm *piix4_pm_acpi(struct device *dev)
{
    return &((struct piix4_pm *)dev)->acpi;
}
