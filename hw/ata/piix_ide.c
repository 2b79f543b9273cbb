/* PIIX3 and PIIX4 IDE function: see piix_ide.h. */
#include "hw/ata/piix_ide.h"

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/ata/ide_channel.h"
#include "hw/create.h"

enum {
    IDETIM = 0x40,        /* a word for each channel */
    IDETIM_DECODE = 0x80, /* in its upper byte */
    SIDETIM = 0x44,
    UDMACTL = 0x48, /* PIIX4 */
    UDMATIM = 0x4a,
};
enum { BUS_MASTER_BAR = 4, BUS_MASTER_SIZE = 2 * IDE_BUS_MASTER_PORTS };

static const struct {
    uint16_t command, control;
} ports[PIIX_IDE_CHANNELS] = {{0x1f0, 0x3f6}, {0x170, 0x376}};

struct piix_ide {
    struct pci_device pci;
    struct ide_channel channels[PIIX_IDE_CHANNELS];
    struct mem_region bus_master;
};

static uint64_t bus_master_read(void *opaque, uint64_t offset, unsigned size)
{
    struct piix_ide *s = opaque;
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        unsigned at = (unsigned)offset + i;
        value |= (uint64_t)ide_bus_master_read(&s->channels[at / IDE_BUS_MASTER_PORTS],
                                               at % IDE_BUS_MASTER_PORTS)
                 << 8 * i;
    }
    return value;
}

static void bus_master_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct piix_ide *s = opaque;

    for (unsigned i = 0; i < size; i++) {
        unsigned at = (unsigned)offset + i;
        ide_bus_master_write(&s->channels[at / IDE_BUS_MASTER_PORTS], at % IDE_BUS_MASTER_PORTS,
                             (uint8_t)(value >> 8 * i));
    }
}

static const struct mem_ops bus_master_ops = {
    .read = bus_master_read, .write = bus_master_write, .min_size = 1, .max_size = 4};

/* The channels are decoded where I/O space is on and their timing register says so. */
static void config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct piix_ide *s = (struct piix_ide *)pci;
    struct mem_space *io = device_io(&pci->dev);

    if (!range_overlaps(offset, size, PCI_COMMAND, 2) && !range_overlaps(offset, size, IDETIM, 4))
        return;
    for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
        struct ide_channel *c = &s->channels[i];
        bool decoded = pci->config[IDETIM + 2 * i + 1] & IDETIM_DECODE &&
                       pci->config[PCI_COMMAND] & PCI_COMMAND_IO;
        if (decoded == (c->command.parent != NULL))
            continue;
        if (decoded) {
            mem_region_add(mem_space_root(io), ports[i].command, &c->command, 0);
            mem_region_add(mem_space_root(io), ports[i].control, &c->control, 0);
        } else {
            mem_region_remove(&c->command);
            mem_region_remove(&c->control);
        }
    }
}

static bool piix_realize(struct device *dev, struct vemu_error **errp)
{
    struct piix_ide *s = (struct piix_ide *)dev;
    bool piix4 = dev->cls == &piix4_ide_class;
    /* Legacy ports for both channels, bus master. */
    struct pci_ident ident = {.vendor = PCI_VENDOR_INTEL,
                              .device = piix4 ? 0x7111 : 0x7010,
                              .subsystem_vendor = PCI_VENDOR_VIRTIO,
                              .subsystem = 0x1100,
                              .class_code = 0x010180};

    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    store_le32(s->pci.wmask + IDETIM, 0xffffffff);
    s->pci.wmask[SIDETIM] = 0xff;
    if (piix4) {
        s->pci.wmask[UDMACTL] = 0x0f;
        store_le16(s->pci.wmask + UDMATIM, 0x3333);
    }
    /* As firmware leaves it; not every one of them thinks of this register. */
    for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
        s->pci.config[IDETIM + 2 * i + 1] = IDETIM_DECODE;
        ide_channel_init(&s->channels[i], &s->pci, i);
    }
    s->pci.config_written = config_written;
    mem_region_init_io(&s->bus_master, "ide-bus-master", BUS_MASTER_SIZE, &bus_master_ops, s, dev);
    pci_bar_add(&s->pci, BUS_MASTER_BAR, PCI_BAR_IO, &s->bus_master);
    return true;
}

static void piix_unrealize(struct device *dev)
{
    struct piix_ide *s = (struct piix_ide *)dev;

    for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++) {
        ata_disconnect(&s->channels[i].slots[0]);
        ata_disconnect(&s->channels[i].slots[1]);
        mem_region_remove(&s->channels[i].command);
        mem_region_remove(&s->channels[i].control);
    }
    pci_device_exit(&s->pci);
}

static void piix_reset(struct device *dev)
{
    struct piix_ide *s = (struct piix_ide *)dev;

    pci_device_reset(&s->pci);
    for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++)
        ide_channel_reset(&s->channels[i]);
}

static bool piix_post_load(struct device *dev, struct vemu_error **errp)
{
    struct piix_ide *s = (struct piix_ide *)dev;

    for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++)
        ide_channel_post_load(&s->channels[i]);
    return pci_device_post_load(&s->pci, errp);
}

void piix_ide_connect(struct device *dev, const struct irq irq[PIIX_IDE_CHANNELS])
{
    struct piix_ide *s = (struct piix_ide *)dev;

    for (unsigned i = 0; i < PIIX_IDE_CHANNELS; i++)
        s->channels[i].irq = irq[i];
}

struct ata_slot *piix_ide_slot(struct device *dev, unsigned channel, unsigned unit)
{
    struct piix_ide *s = (struct piix_ide *)dev;

    return channel < PIIX_IDE_CHANNELS && unit < 2 ? &s->channels[channel].slots[unit] : NULL;
}

struct device *piix3_ide_create(struct vemu_machine *m, struct pci_bus *bus, uint16_t devfn,
                                const struct irq irq[PIIX_IDE_CHANNELS], struct vemu_error **errp)
{
    struct piix_ide *s = (struct piix_ide *)device_new(m, &piix3_ide_class, NULL, errp);

    if (!s)
        return NULL;
    s->pci.bus = bus;
    s->pci.devfn = devfn;
    piix_ide_connect(&s->pci.dev, irq);
    return device_realize_or_free(&s->pci.dev, errp);
}

static const struct prop_desc piix_props[] = {
    PCI_PROPS(struct piix_ide, pci),
    {0},
};
static const struct state_field piix_state[] = {
    STATE_PCI(struct piix_ide, pci),
    STATE_IDE_CHANNELS(struct piix_ide, channels),
    STATE_FIELDS_END,
};

#define PIIX_IDE_CLASS(name_, help_)                                                               \
    {                                                                                              \
        .name = (name_), .help = (help_), .size = sizeof(struct piix_ide), .user_creatable = true, \
        .bus = "pci", .props = piix_props, .state = piix_state, .state_version = 1,                \
        .realize = piix_realize, .unrealize = piix_unrealize, .reset = piix_reset,                 \
        .post_load = piix_post_load                                                                \
    }

const struct device_class piix3_ide_class =
    PIIX_IDE_CLASS("piix3-ide", "IDE controller of the PIIX3");
const struct device_class piix4_ide_class =
    PIIX_IDE_CLASS("piix4-ide", "IDE controller of the PIIX4");
