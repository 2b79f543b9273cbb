/*
 * AHCI adapter: its own registers, interrupts, PCI (Serial ATA AHCI 1.3.1; Intel ICH9 data sheet,
 * chapter "SATA Controller Registers (D31:F2)").
 */
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/ata/ahci_internal.h"
#include "hw/create.h"
#include "hw/pci/msi.h"

enum {
    HBA_CAP = 0x00,
    HBA_GHC = 0x04,
    HBA_IS = 0x08,
    HBA_PI = 0x0c,
    HBA_VS = 0x10,
};
#define CAP_S64A (1u << 31)
#define GHC_AE (1u << 31)
enum {
    CAP_NCQ = 1 << 30,
    CAP_CLO = 1 << 24,
    CAP_GEN3 = 3 << 20,
    CAP_AHCI_ONLY = 1 << 18,
    CAP_PMD = 1 << 15, /* PIO of several blocks */
    CAP_SLOTS = (AHCI_SLOTS - 1) << 8,
};
enum { GHC_HR = 1 << 0, GHC_IE = 1 << 1 };
enum { VERSION_1_3 = 0x00010300 };
enum { INDEX_BAR = 4, REGISTERS_BAR = 5, REGISTERS_SIZE = 4096, INDEX_SIZE = 32 };
enum { INDEX = 0x10, DATA = 0x14 };
/* The capability that tells where the index/data pair is. */
enum { PCI_CAP_ID_SATA = 0x12, SATA_CAP_SIZE = 8, SATA_CAP_REVISION = 0x10 };

/* ---- interrupts ------------------------------------------------------------------------------ */

/* A message goes out for each port that begins to ask. */
void ahci_update(struct ahci *s)
{
    uint32_t old = s->is;

    for (unsigned n = 0; n < AHCI_PORTS; n++)
        s->is |= ahci_port_interrupts(&s->ports[n]) ? 1u << n : 0;
    bool on = s->ghc & GHC_IE && s->is;
    if (pci_msi_enabled(&s->pci)) {
        if (on && s->is & ~old)
            pci_msi_notify(&s->pci, 0);
    }
    pci_set_intx(&s->pci, on);
}

/* ---- registers ------------------------------------------------------------------------------- */

static void reset_hba(struct ahci *s, bool power_on)
{
    s->ghc = GHC_AE;
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        ahci_port_reset(&s->ports[n], power_on);
    s->is = 0;
    ahci_update(s);
}

static uint32_t read_register(struct ahci *s, uint32_t offset)
{
    if (offset >= AHCI_PORT_BASE) {
        uint32_t n = (offset - AHCI_PORT_BASE) / AHCI_PORT_SIZE;
        return n < AHCI_PORTS ? ahci_port_read(&s->ports[n], offset % AHCI_PORT_SIZE) : 0;
    }
    switch (offset) {
    case HBA_CAP:
        return CAP_S64A | CAP_NCQ | CAP_CLO | CAP_GEN3 | CAP_AHCI_ONLY | CAP_PMD | CAP_SLOTS |
               (AHCI_PORTS - 1);
    case HBA_GHC:
        return s->ghc;
    case HBA_IS:
        return s->is;
    case HBA_PI:
        return (1u << AHCI_PORTS) - 1;
    case HBA_VS:
        return VERSION_1_3;
    default:
        return 0;
    }
}

static void write_register(struct ahci *s, uint32_t offset, uint32_t value)
{
    if (offset >= AHCI_PORT_BASE) {
        uint32_t n = (offset - AHCI_PORT_BASE) / AHCI_PORT_SIZE;
        if (n < AHCI_PORTS)
            ahci_port_write(&s->ports[n], offset % AHCI_PORT_SIZE, value);
        return;
    }
    switch (offset) {
    case HBA_GHC:
        if (value & GHC_HR) {
            reset_hba(s, false);
            break;
        }
        s->ghc = GHC_AE | (value & GHC_IE);
        ahci_update(s);
        break;
    case HBA_IS:
        s->is &= ~value;
        ahci_update(s);
        break;
    default:
        break;
    }
}

/* Narrow accesses are rare: they are made on the whole register. */
static uint64_t registers_read(void *opaque, uint64_t offset, unsigned size)
{
    uint32_t value = read_register(opaque, (uint32_t)offset & ~3u);

    return value >> 8 * (offset & 3) & mask_bits(8 * size);
}

static void registers_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    unsigned shift = 8 * (offset & 3);

    /* The other bytes as zeros: registers that are cleared by ones keep them. */
    (void)size;
    write_register(opaque, (uint32_t)offset & ~3u, (uint32_t)value << shift);
}

static const struct mem_ops registers_ops = {
    .read = registers_read, .write = registers_write, .min_size = 1, .max_size = 4};

/* The same registers for software without access to memory. */
static uint64_t index_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ahci *s = opaque;

    (void)size;
    if (offset == INDEX)
        return s->index;
    return offset == DATA ? read_register(s, s->index) : 0;
}

static void index_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ahci *s = opaque;

    (void)size;
    if (offset == INDEX)
        s->index = (uint32_t)value & (REGISTERS_SIZE - 4);
    else if (offset == DATA)
        write_register(s, s->index, (uint32_t)value);
}

static const struct mem_ops index_ops = {
    .read = index_read, .write = index_write, .min_size = 4, .max_size = 4};

/* ---- life ------------------------------------------------------------------------------------ */

static bool add_capabilities(struct ahci *s)
{
    uint8_t sata = pci_add_capability(&s->pci, PCI_CAP_ID_SATA, SATA_CAP_SIZE);

    if (!sata || !pci_msi_add(&s->pci, 1, false))
        return false;
    s->pci.config[sata + 2] = SATA_CAP_REVISION;
    /* BAR 4, from 10h on. */
    store_le32(s->pci.config + sata + 4, (INDEX / 4) << 4 | 8);
    return true;
}

static bool ahci_realize(struct device *dev, struct vemu_error **errp)
{
    struct ahci *s = (struct ahci *)dev;
    static const struct pci_ident ident = {.vendor = PCI_VENDOR_INTEL,
                                           .device = 0x2922,
                                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                                           .subsystem = 0x1100,
                                           .class_code = 0x010601,
                                           .revision = 2,
                                           .interrupt_pin = 1};

    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    if (!add_capabilities(s)) {
        pci_device_exit(&s->pci);
        return error_set(errp, VEMU_ERROR_INVALID, "no room for its capabilities");
    }
    s->pci.config[0x90] = 0x40; /* MAP: AHCI mode, for drivers that look */
    mem_region_init_io(&s->registers, "ahci", REGISTERS_SIZE, &registers_ops, s, dev);
    mem_region_init_io(&s->index_data, "ahci-index", INDEX_SIZE, &index_ops, s, dev);
    pci_bar_add(&s->pci, INDEX_BAR, PCI_BAR_IO, &s->index_data);
    pci_bar_add(&s->pci, REGISTERS_BAR, PCI_BAR_MEM32, &s->registers);
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        ahci_port_init(&s->ports[n], s, n);
    return true;
}

static void ahci_unrealize(struct device *dev)
{
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        ata_disconnect(ahci_slot(dev, n));
    pci_device_exit((struct pci_device *)dev);
}

static void ahci_reset(struct device *dev)
{
    struct ahci *s = (struct ahci *)dev;

    pci_device_reset(&s->pci);
    s->index = 0;
    reset_hba(s, true);
}

static bool ahci_post_load(struct device *dev, struct vemu_error **errp)
{
    struct ahci *s = (struct ahci *)dev;

    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        if (!ahci_port_post_load(&s->ports[n]))
            return error_set(errp, VEMU_ERROR_FORMAT, "saved state of %s: port %u is at no command",
                             dev->cls->name, n);
    }
    s->index &= REGISTERS_SIZE - 4;
    return pci_device_post_load(&s->pci, errp);
}

struct ata_slot *ahci_slot(struct device *dev, unsigned port)
{
    struct ahci *s = (struct ahci *)dev;

    return port < AHCI_PORTS ? &s->ports[port].slot : NULL;
}

struct device *ich9_ahci_create(struct vemu_machine *m, struct pci_bus *bus, uint16_t devfn,
                                struct vemu_error **errp)
{
    struct ahci *s = (struct ahci *)device_new(m, &ich9_ahci_class, NULL, errp);

    if (!s)
        return NULL;
    s->pci.bus = bus;
    s->pci.devfn = devfn;
    return device_realize_or_free(&s->pci.dev, errp);
}

static const struct prop_desc ahci_props[] = {
    PCI_PROPS(struct ahci, pci),
    {0},
};
static const struct state_field ahci_state[] = {
    STATE_PCI(struct ahci, pci),
    STATE_INT(struct ahci, ghc),
    STATE_INT(struct ahci, is),
    STATE_INT(struct ahci, index),
    STATE_ARRAY_OF(struct ahci, ports, ahci_port_state),
    STATE_FIELDS_END,
};

#define AHCI_CLASS(name_, help_)                                                                   \
    {                                                                                              \
        .name = (name_), .help = (help_), .size = sizeof(struct ahci), .user_creatable = true,     \
        .bus = "pci", .props = ahci_props, .state = ahci_state, .state_version = 1,                \
        .realize = ahci_realize, .unrealize = ahci_unrealize, .reset = ahci_reset,                 \
        .post_load = ahci_post_load                                                                \
    }

const struct device_class ahci_class = AHCI_CLASS("ahci", "SATA controller with six ports");
const struct device_class ich9_ahci_class =
    AHCI_CLASS("ich9-ahci", "SATA controller of the ICH9, with six ports");
