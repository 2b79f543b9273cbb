/* ICH9 LPC interface bridge. Intel I/O Controller Hub 9 data sheet, chapter "LPC Interface Bridge
 * Registers". */
#include "hw/pci/ich9.h"

#include <string.h>

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/misc/apm.h"
#include "hw/misc/tco.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/pirq.h"

enum {
    LPC_PMBASE = 0x40,
    LPC_ACPI_CNTL = 0x44,
    ACPI_CNTL_EN = 1 << 7,
    LPC_PIRQA = 0x60, /* A-D; E-H follow at 0x68 */
    LPC_PIRQE = 0x68,
    LPC_GEN_PMCON_1 = 0xa0,
    GEN_PMCON_1_SMI_LOCK = 1 << 4,
    LPC_GEN_PMCON_2 = 0xa2,
    LPC_GEN_PMCON_3 = 0xa4,
    LPC_RCBA = 0xf0,
    RCBA_EN = 1 << 0,
};
/* Power management registers that are not ACPI's, by their offset in the I/O block. */
enum {
    PMIO_SMI_EN = 0x30,
    SMI_EN_GBL = 1 << 0,
    SMI_EN_APMC = 1 << 5,
    SMI_EN_TCO = 1 << 13,
    PMIO_SMI_STS = 0x34,
    SMI_STS_APM = 1 << 5,
    SMI_STS_TCO = 1 << 13,
    PMIO_TCO = 0x60,
};
/* Chipset configuration registers, from RCBA. */
enum { RCRB_SIZE = 0x4000, RCRB_GCS = 0x3410, GCS_NO_REBOOT = 1 << 5 };

struct ich9_lpc {
    struct pci_device pci;
    struct pirq_router router;
    struct acpi_pm acpi;
    struct apm apm;
    struct tco tco;
    struct mem_region rcrb;
    uint8_t chip[RCRB_SIZE]; /* chipset configuration: kept for software; GCS is acted on */
    uint32_t smi_en, smi_sts;
    struct irq sci, smi;
    bool enabled, no_smm;
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

/* ---- SMI, TCO -------------------------------------------------------------------------------- */

/* status: a bit of SMI_STS, whose enable is the same bit of SMI_EN. */
static void raise_smi(struct ich9_lpc *s, uint32_t status)
{
    s->smi_sts |= status;
    if ((s->smi_en & SMI_EN_GBL) && (s->smi_en & status))
        irq_pulse(&s->smi);
}

static void apm_command(void *opaque, uint8_t value)
{
    struct ich9_lpc *s = opaque;
    if (value == APM_ACPI_ENABLE || value == APM_ACPI_DISABLE)
        acpi_pm_set_acpi_mode(&s->acpi, value == APM_ACPI_ENABLE);
    raise_smi(s, SMI_STS_APM);
}

static void tco_timeout(void *opaque)
{
    raise_smi(opaque, SMI_STS_TCO);
}

static bool tco_may_reset(void *opaque)
{
    const struct ich9_lpc *s = opaque;
    return !(s->chip[RCRB_GCS] & GCS_NO_REBOOT);
}

static uint8_t read_other(void *opaque, uint64_t offset)
{
    struct ich9_lpc *s = opaque;
    if (offset >= PMIO_SMI_EN && offset < PMIO_SMI_EN + 4)
        return (uint8_t)(s->smi_en >> 8 * (offset & 3));
    if (offset >= PMIO_SMI_STS && offset < PMIO_SMI_STS + 4)
        return (uint8_t)(s->smi_sts >> 8 * (offset & 3));
    return offset >= PMIO_TCO ? tco_read(&s->tco, (unsigned)(offset - PMIO_TCO)) : 0;
}

static void write_other(void *opaque, uint64_t offset, uint8_t value)
{
    struct ich9_lpc *s = opaque;
    unsigned shift = 8 * (offset & 3);
    if (offset >= PMIO_SMI_EN && offset < PMIO_SMI_EN + 4) {
        uint32_t fixed = s->pci.config[LPC_GEN_PMCON_1] & GEN_PMCON_1_SMI_LOCK ? SMI_EN_GBL : 0;
        uint32_t now = (s->smi_en & ~(0xffu << shift)) | (uint32_t)value << shift;
        s->smi_en = (now & ~fixed) | (s->smi_en & fixed);
    } else if (offset >= PMIO_SMI_STS && offset < PMIO_SMI_STS + 4) {
        s->smi_sts &= ~((uint32_t)value << shift);
    } else if (offset >= PMIO_TCO) {
        tco_write(&s->tco, (unsigned)(offset - PMIO_TCO), value);
    }
}

/* ---- chipset configuration registers --------------------------------------------------------- */

static uint64_t rcrb_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct ich9_lpc *s = opaque;
    return load_le(s->chip + offset, size);
}

static void rcrb_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ich9_lpc *s = opaque;
    store_le(s->chip + offset, value, size);
}

static const struct mem_ops rcrb_ops = {
    .read = rcrb_read, .write = rcrb_write, .min_size = 1, .max_size = 4};

static void reset_chip(struct ich9_lpc *s)
{
    /* Interrupt pins and routes of the integrated functions, D31IP to D25IR: INTA of each, and pins
     * A-D to PIRQA-D. */
    static const struct {
        uint16_t offset;
        uint32_t value;
    } resets[] = {{0x3100, 0x00042210}, {0x3108, 0x10004321}, {0x310c, 0x00214321},
                  {0x3110, 0x00000001}, {0x3114, 0x30000321}, {0x3118, 0x00000001},
                  {0x3140, 0x32103210}, {0x3144, 0x32103210}, {0x3146, 0x32103210},
                  {0x3148, 0x32103210}, {0x314c, 0x32103210}, {0x3150, 0x32103210}};
    memset(s->chip, 0, sizeof s->chip);
    for (unsigned n = 0; n < ARRAY_SIZE(resets); n++)
        store_le32(s->chip + resets[n].offset, resets[n].value);
    s->chip[RCRB_GCS] = GCS_NO_REBOOT; /* as the strap on the speaker pin has it */
}

static void update_rcrb(struct ich9_lpc *s)
{
    uint32_t reg = load_le32(s->pci.config + LPC_RCBA);
    mem_region_remove(&s->rcrb);
    if (reg & RCBA_EN)
        mem_region_add(mem_space_root(s->pci.dev.machine->memory), reg & 0xffffc000, &s->rcrb, 0);
}

/* ---- configuration --------------------------------------------------------------------------- */

static void ich9_config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct ich9_lpc *s = (struct ich9_lpc *)pci;
    if (range_overlaps(offset, size, LPC_PMBASE, 8))
        update_base(s);
    if (range_overlaps(offset, size, LPC_RCBA, 4))
        update_rcrb(s);
    /* SMI_LOCK stays set until reset. */
    s->pci.wmask[LPC_GEN_PMCON_1] =
        s->pci.config[LPC_GEN_PMCON_1] & GEN_PMCON_1_SMI_LOCK ? 0xa7 : 0xb7;
    if (range_overlaps(offset, size, LPC_PIRQA, 12))
        for (unsigned i = 0; i < PCI_IRQ_LINES; i++)
            pirq_set_route(&s->router, i, pci->config[pirq_reg(i)]);
}

static void ich9_unrealize(struct device *dev)
{
    struct ich9_lpc *s = (struct ich9_lpc *)dev;
    apm_exit(&s->apm);
    tco_exit(&s->tco);
    mem_region_remove(&s->rcrb);
    acpi_pm_exit(&s->acpi);
    pci_device_exit(&s->pci);
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
    s->pci.wmask[LPC_GEN_PMCON_1 + 1] = 0x1c;
    store_le16(s->pci.wmask + LPC_GEN_PMCON_2, 0x00ff);
    store_le16(s->pci.wmask + LPC_GEN_PMCON_3, 0xffff);
    store_le32(s->pci.wmask + LPC_RCBA, 0xffffc001);
    s->pci.config_written = ich9_config_written;
    s->router.bus = s->pci.bus;
    struct acpi_pm_config pm = {.dev = dev,
                                .sci = s->sci,
                                .size = ICH9_PM_SIZE,
                                .gpe_offset = ICH9_GPE_OFFSET,
                                .gpe_bytes = ICH9_GPE_BYTES,
                                .s5_type = ICH9_S5_TYPE,
                                .sci_enabled = s->enabled,
                                .read_other = read_other,
                                .write_other = write_other,
                                .opaque = s};
    acpi_pm_init(&s->acpi, &pm);
    tco_init(&s->tco, dev, tco_timeout, tco_may_reset, s);
    mem_region_init_io(&s->rcrb, "rcrb", RCRB_SIZE, &rcrb_ops, s, dev);
    if (apm_init(&s->apm, dev, apm_command, s, errp))
        return true;
    ich9_unrealize(dev);
    return false;
}

static void ich9_reset(struct device *dev)
{
    struct ich9_lpc *s = (struct ich9_lpc *)dev;
    pci_device_reset(&s->pci);
    acpi_pm_reset(&s->acpi);
    apm_reset(&s->apm);
    tco_reset(&s->tco);
    reset_chip(s);
    s->smi_en = s->no_smm ? SMI_EN_APMC : 0;
    s->smi_sts = 0;
}

static void ich9_pre_save(struct device *dev)
{
    acpi_pm_pre_save(&((struct ich9_lpc *)dev)->acpi);
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
    STATE_PCI(struct ich9_lpc, pci),     STATE_ACPI_PM(struct ich9_lpc, acpi),
    STATE_APM(struct ich9_lpc, apm),     STATE_TCO(struct ich9_lpc, tco),
    STATE_BUFFER(struct ich9_lpc, chip), STATE_INT(struct ich9_lpc, smi_en),
    STATE_INT(struct ich9_lpc, smi_sts), STATE_FIELDS_END,
};

const struct device_class ich9_lpc_class = {
    .name = "ICH9-LPC",
    .help = "ICH9 LPC bridge function",
    .size = sizeof(struct ich9_lpc),
    .bus = "pci",
    .state = ich9_state,
    .state_version = 2,
    .realize = ich9_realize,
    .unrealize = ich9_unrealize,
    .reset = ich9_reset,
    .post_load = ich9_post_load,
    .pre_save = ich9_pre_save,
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
    s->smi = cfg->smi;
    s->no_smm = cfg->no_smm;
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
