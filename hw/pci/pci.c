/*
 * The generic part of PCI functions: header, write masks, BAR decoding, capabilities, INTx.
 * PCI Local Bus Specification 3.0, chapter 6.
 */
#include "hw/pci/pci.h"

#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/pci/msi.h"

const struct state_field pci_device_state[] = {
    STATE_BUFFER(struct pci_device, config),
    STATE_INT(struct pci_device, intx_level, .max = 1),
    STATE_FIELDS_END,
};

bool pci_is_device(const struct device *dev)
{
    return dev->cls->bus && strcmp(dev->cls->bus, "pci") == 0;
}

void pci_bus_init(struct pci_bus *bus, struct vemu_machine *m, struct mem_region *mem,
                  struct mem_region *io, const struct pci_bus_ops *ops, void *opaque)
{
    *bus = (struct pci_bus){
        .machine = m, .mem = mem, .io = io, .ops = ops, .opaque = opaque, .slots = PCI_SLOTS};
}

void pci_bus_init_behind(struct pci_bus *bus, struct pci_device *bridge, const char *name,
                         struct mem_region *mem, struct mem_region *io)
{
    *bus = (struct pci_bus){.machine = bridge->dev.machine,
                            .mem = mem,
                            .io = io,
                            .name = name,
                            .bridge = bridge,
                            .slots = 1,
                            .ports_from_0 = bridge->bus->ports_from_0,
                            .express = bridge->bus->express,
                            .send_msi = bridge->bus->send_msi,
                            .msi_opaque = bridge->bus->msi_opaque};
    bridge->secondary = bus;
}

struct pci_bus *pci_bus_find(struct pci_bus *root, unsigned number)
{
    struct pci_bus *bus = root;
    unsigned at = 0;

    while (bus && at != number) {
        struct pci_bus *next = NULL;
        for (unsigned i = 0; !next && i < ARRAY_SIZE(bus->functions); i++) {
            const struct pci_device *pci = bus->functions[i];
            if (!pci || !pci->secondary)
                continue;
            unsigned first = pci->config[PCI_SECONDARY_BUS];
            /* Number 0 is the root's: a bridge that has it was not set up. */
            if (first && number >= first && number <= pci->config[PCI_SUBORDINATE_BUS]) {
                next = pci->secondary;
                at = first;
            }
        }
        bus = next;
    }
    return bus;
}

uint16_t pci_requester(const struct pci_device *pci)
{
    const struct pci_device *bridge = pci->bus->bridge;
    unsigned bus = bridge ? bridge->config[PCI_SECONDARY_BUS] : 0;
    return (uint16_t)(bus << 8 | (pci->devfn & 0xff));
}

void pci_bus_set_msi(struct pci_bus *bus, pci_msi_fn send, void *opaque)
{
    bus->send_msi = send;
    bus->msi_opaque = opaque;
}

/* ---- INTx ------------------------------------------------------------------------------------ */

static bool intx_asserted(const struct pci_device *pci)
{
    return pci->intx_level && !(load_le16(pci->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE) &&
           !pci_msi_enabled(pci) && !pci_msix_enabled(pci);
}

/* The line that a function's pin drives. A bridge passes on pins of its slots in turn. */
static unsigned find_line(const struct pci_bus *root, const struct pci_device *pci)
{
    unsigned pin = (pci->config[PCI_INTERRUPT_PIN] - 1) & 3;

    for (; pci->bus->bridge; pci = pci->bus->bridge)
        pin = (pin + (pci->devfn >> 3)) & 3;
    return root->ops->map_irq(root->opaque, pci, pin) % PCI_IRQ_LINES;
}

static void collect_lines(const struct pci_bus *root, const struct pci_bus *bus,
                          uint8_t level[PCI_IRQ_LINES])
{
    for (unsigned i = 0; i < ARRAY_SIZE(bus->functions); i++) {
        const struct pci_device *pci = bus->functions[i];
        if (pci && intx_asserted(pci) && pci->config[PCI_INTERRUPT_PIN])
            level[find_line(root, pci)] = 1;
        if (pci && pci->secondary)
            collect_lines(root, pci->secondary, level);
    }
}

/* A line is the wired OR of its pins: computed afresh from the functions, so that no counts have to
 * be kept in step over resets, routing changes and loads. */
void pci_bus_update_irqs(struct pci_bus *bus, bool force)
{
    uint8_t level[PCI_IRQ_LINES] = {0};

    while (bus->bridge)
        bus = bus->bridge->bus;
    if (!bus->ops)
        return;
    collect_lines(bus, bus, level);
    for (unsigned i = 0; i < PCI_IRQ_LINES; i++) {
        if (level[i] != bus->line_level[i] || force) {
            bus->line_level[i] = level[i];
            bus->ops->set_irq(bus->opaque, i, level[i]);
        }
    }
}

void pci_set_intx(struct pci_device *pci, int level)
{
    level = level != 0;
    if (pci->intx_level == level)
        return;
    pci->intx_level = (uint8_t)level;
    uint16_t status = load_le16(pci->config + PCI_STATUS);
    store_le16(pci->config + PCI_STATUS,
               level ? status | PCI_STATUS_INTERRUPT : status & ~PCI_STATUS_INTERRUPT);
    if (pci->attached)
        pci_bus_update_irqs(pci->bus, false);
}

/* ---- BARs ------------------------------------------------------------------------------------ */

static unsigned bar_offset(unsigned index)
{
    return index == PCI_ROM_BAR ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * index;
}

/* Where the guest put the BAR; false: it is not decoded. */
static bool bar_address(const struct pci_device *pci, unsigned index, uint64_t *addr)
{
    const struct pci_bar *bar = &pci->bars[index];
    const uint8_t *reg = pci->config + bar_offset(index);
    uint16_t command = load_le16(pci->config + PCI_COMMAND);
    uint64_t limit;

    if (!(command & (bar->flags & PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
        return false;
    if (bar->flags & PCI_BAR_IO) {
        *addr = load_le32(reg) & ~UINT64_C(3);
        limit = UINT64_C(1) << 16;
    } else if (index == PCI_ROM_BAR) {
        if (!(reg[0] & 1))
            return false;
        *addr = load_le32(reg) & ~UINT64_C(0x7ff);
        limit = UINT64_C(1) << 32;
    } else if (bar->flags & PCI_BAR_MEM64) {
        *addr = load_le64(reg) & ~UINT64_C(15);
        limit = UINT64_C(1) << 52;
    } else {
        *addr = load_le32(reg) & ~UINT64_C(15);
        limit = UINT64_C(1) << 32;
    }
    /* Address 0 is what an unprogrammed BAR holds, and ports of the PC's own are there; a BAR at
     * the very end of its space is one in the middle of being sized. Neither is decoded. */
    return (*addr || (bar->flags & PCI_BAR_IO && pci->bus->ports_from_0)) &&
           range_fits(*addr, bar->size, limit - 1);
}

static void bar_unmap(struct pci_bar *bar)
{
    if (bar->mapped)
        mem_region_remove(bar->region);
    bar->mapped = false;
}

static void update_bars(struct pci_device *pci)
{
    for (unsigned i = 0; i <= PCI_ROM_BAR; i++) {
        struct pci_bar *bar = &pci->bars[i];
        uint64_t addr;
        if (!bar->region)
            continue;
        bool decoded = bar_address(pci, i, &addr);
        if (decoded == bar->mapped && (!decoded || bar->region->addr == addr))
            continue;
        bar_unmap(bar);
        if (decoded) {
            mem_region_add(bar->flags & PCI_BAR_IO ? pci->bus->io : pci->bus->mem, addr,
                           bar->region, 1);
            bar->mapped = true;
        }
    }
}

void pci_bar_add(struct pci_device *pci, unsigned index, uint8_t flags, struct mem_region *region)
{
    struct pci_bar *bar = &pci->bars[index];
    unsigned offset = bar_offset(index);
    uint64_t mask = ~(region->size - 1);

    *bar = (struct pci_bar){.region = region, .size = region->size, .flags = flags};
    if (index == PCI_ROM_BAR) {
        store_le32(pci->wmask + offset, ((uint32_t)mask & ~0x7ffu) | 1);
        return;
    }
    pci->config[offset] = flags;
    if (flags & PCI_BAR_MEM64)
        store_le64(pci->wmask + offset, mask & ~UINT64_C(15));
    else
        store_le32(pci->wmask + offset, (uint32_t)mask & ~(flags & PCI_BAR_IO ? 3u : 15u));
}

/* ---- capabilities ---------------------------------------------------------------------------- */

uint8_t pci_add_capability(struct pci_device *pci, uint8_t id, uint8_t size)
{
    uint32_t offset = (pci->cap_end + 3u) & ~3u;
    if (size < 2 || !range_fits(offset, size, PCI_CONFIG_SIZE))
        return 0;
    memset(pci->config + offset, 0, size);
    pci->config[offset] = id;
    pci->config[offset + 1] = pci->config[PCI_CAPABILITY_LIST];
    pci->config[PCI_CAPABILITY_LIST] = (uint8_t)offset;
    pci->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    /* 252 + 4 would wrap: 255 still leaves no room for another one. */
    pci->cap_end = (uint8_t)MIN(offset + size, 255u);
    return (uint8_t)offset;
}

/* ---- configuration space --------------------------------------------------------------------- */

static uint32_t config_limit(const struct pci_device *pci)
{
    return pci->bus->express ? PCI_EXP_CONFIG_SIZE : PCI_CONFIG_SIZE;
}

uint32_t pci_config_read(struct pci_device *pci, uint32_t offset, unsigned size)
{
    if (size > 4 || !range_fits(offset, size, config_limit(pci)))
        return UINT32_MAX;
    if (pci->config_read)
        pci->config_read(pci, offset, size);
    return (uint32_t)load_le(pci->config + offset, size);
}

void pci_config_write(struct pci_device *pci, uint32_t offset, uint32_t value, unsigned size)
{
    if (size > 4 || !range_fits(offset, size, config_limit(pci)))
        return;
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> 8 * i), wmask = pci->wmask[offset + i];
        uint8_t *reg = &pci->config[offset + i];
        *reg = (uint8_t)((*reg & ~wmask) | (byte & wmask));
        *reg &= (uint8_t) ~(byte & pci->w1c[offset + i]);
    }
    bool command = range_overlaps(offset, size, PCI_COMMAND, 2);
    if (command || range_overlaps(offset, size, PCI_BASE_ADDRESS_0, 4 * PCI_BARS) ||
        range_overlaps(offset, size, PCI_ROM_ADDRESS, 4))
        update_bars(pci);
    if (command)
        pci_bus_update_irqs(pci->bus, false);
    pci_msi_config_written(pci, offset, size);
    if (pci->config_written)
        pci->config_written(pci, offset, size);
}

uint32_t pci_bus_config_read(struct pci_bus *bus, uint16_t devfn, uint32_t offset, unsigned size)
{
    struct pci_device *pci = devfn < 256 ? bus->functions[devfn] : NULL;
    return pci ? pci_config_read(pci, offset, size) : (uint32_t)mask_bits(8 * size);
}

void pci_bus_config_write(struct pci_bus *bus, uint16_t devfn, uint32_t offset, uint32_t value,
                          unsigned size)
{
    struct pci_device *pci = devfn < 256 ? bus->functions[devfn] : NULL;
    if (pci)
        pci_config_write(pci, offset, value, size);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* "5", "1f.3": hexadecimal slot and function. */
static bool parse_addr(struct pci_device *pci, struct vemu_error **errp)
{
    char *end;
    unsigned long slot = strtoul(pci->addr, &end, 16), function = 0;
    bool ok = end != pci->addr && pci->addr[0] != '-';
    if (ok && *end == '.') {
        const char *text = end + 1;
        function = strtoul(text, &end, 16);
        ok = end != text && *text != '-';
    }
    if (ok && !*end && function <= 7 && slot < PCI_SLOTS && slot >= pci->bus->slots)
        return error_set(errp, VEMU_ERROR_INVALID, "device %s: addr=%s: bus '%s' has slot 0 alone",
                         pci->dev.cls->name, pci->addr, pci->bus->name ? pci->bus->name : "");
    if (!ok || *end || slot >= PCI_SLOTS || function > 7)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "device %s: addr=%s is not a PCI address; slot (0 to 1f) and function "
                         "(0 to 7) in hexadecimal are expected, as in 5.0",
                         pci->dev.cls->name, pci->addr);
    pci->devfn = (uint16_t)PCI_DEVFN(slot, function);
    return true;
}

static bool choose_slot(struct pci_device *pci, struct vemu_error **errp)
{
    for (unsigned slot = 0; slot < pci->bus->slots; slot++) {
        bool used = false;
        for (unsigned f = 0; f < 8; f++)
            used |= pci->bus->functions[PCI_DEVFN(slot, f)] != NULL;
        if (!used) {
            pci->devfn = (uint16_t)PCI_DEVFN(slot, 0);
            return true;
        }
    }
    if (pci->bus->slots == 1)
        return error_set(errp, VEMU_ERROR_INVALID, "device %s: the slot of bus '%s' is taken",
                         pci->dev.cls->name, pci->bus->name ? pci->bus->name : "");
    return error_set(errp, VEMU_ERROR_INVALID, "device %s: all %d slots of the PCI bus are taken",
                     pci->dev.cls->name, PCI_SLOTS);
}

bool pci_device_init(struct pci_device *pci, const struct pci_ident *ident,
                     struct vemu_error **errp)
{
    struct pci_bus *bus = pci->bus;
    if (!bus)
        return error_set(errp, VEMU_ERROR_INVALID, "device %s: this machine has no PCI bus",
                         pci->dev.cls->name);
    if (pci->addr && !parse_addr(pci, errp))
        return false;
    if (pci->devfn >= PCI_DEVFN_ANY && !choose_slot(pci, errp))
        return false;
    if (bus->functions[pci->devfn])
        return error_set(errp, VEMU_ERROR_INVALID,
                         "device %s: PCI address %x.%x is already taken by %s", pci->dev.cls->name,
                         pci->devfn >> 3, pci->devfn & 7,
                         bus->functions[pci->devfn]->dev.cls->name);

    uint8_t *config = pci->config, *wmask = pci->wmask;
    store_le16(config + PCI_VENDOR_ID, ident->vendor);
    store_le16(config + PCI_DEVICE_ID, ident->device);
    config[PCI_REVISION_ID] = ident->revision;
    config[PCI_CLASS_PROG] = (uint8_t)ident->class_code;
    store_le16(config + PCI_CLASS_DEVICE, (uint16_t)(ident->class_code >> 8));
    store_le16(config + PCI_SUBSYSTEM_VENDOR_ID, ident->subsystem_vendor);
    store_le16(config + PCI_SUBSYSTEM_ID, ident->subsystem);
    config[PCI_INTERRUPT_PIN] = ident->interrupt_pin;

    store_le16(wmask + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                        PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
                                        PCI_COMMAND_INTX_DISABLE);
    wmask[PCI_CACHE_LINE_SIZE] = 0xff;
    wmask[PCI_INTERRUPT_LINE] = 0xff;
    /* Parity, target and master abort: error bits that software clears. */
    store_le16(pci->w1c + PCI_STATUS, 0xf900);
    pci->cap_end = 0x40;

    if (pci->multifunction)
        config[PCI_HEADER_TYPE] |= 0x80;
    bus->functions[pci->devfn] = pci;
    pci->attached = true;
    /* Software looks at functions 1-7 only when function 0 says there are some. */
    for (unsigned f = 1; f < 8; f++) {
        struct pci_device *first = bus->functions[pci->devfn & ~7u];
        if (first && bus->functions[(pci->devfn & ~7u) | f]) {
            first->config[PCI_HEADER_TYPE] |= 0x80;
            first->reset_config[PCI_HEADER_TYPE] |= 0x80;
        }
    }
    return true;
}

void pci_device_exit(struct pci_device *pci)
{
    if (!pci->attached)
        return;
    for (unsigned i = 0; i <= PCI_ROM_BAR; i++)
        bar_unmap(&pci->bars[i]);
    pci_msi_exit(pci);
    pci_set_intx(pci, 0);
    pci->bus->functions[pci->devfn] = NULL;
    pci->attached = false;
}

void pci_device_unplug(struct pci_device *pci)
{
    if (pci->dev.cls->reset)
        pci->dev.cls->reset(&pci->dev);
    pci_device_exit(pci);
    device_unplug(&pci->dev);
}

void pci_device_reset(struct pci_device *pci)
{
    /* The first reset follows realize with nothing run between: what realize left behind is the
     * power-on state. */
    if (!pci->has_reset_config) {
        memcpy(pci->reset_config, pci->config, sizeof pci->config);
        pci->has_reset_config = true;
    }
    memcpy(pci->config, pci->reset_config, sizeof pci->config);
    pci->intx_level = 0;
    pci_msi_reset(pci);
    update_bars(pci);
    pci_bus_update_irqs(pci->bus, false);
    if (pci->config_written)
        pci->config_written(pci, 0, PCI_EXP_CONFIG_SIZE);
}

/* A saved state may only differ in what software or the device may change: the identity and every
 * bit that is neither writable nor status comes from this machine's own function. */
bool pci_device_post_load(struct pci_device *pci, struct vemu_error **errp)
{
    const uint8_t *now = pci->has_reset_config ? pci->reset_config : pci->config;
    if (load_le32(pci->config) != load_le32(now))
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of %s: PCI identity %04x:%04x, expected %04x:%04x",
                         pci->dev.cls->name, load_le16(pci->config), load_le16(pci->config + 2),
                         load_le16(now), load_le16(now + 2));
    for (unsigned i = 0; i < 0x40; i++) {
        uint8_t keep = (uint8_t) ~(pci->wmask[i] | pci->w1c[i]);
        if (i == PCI_STATUS)
            keep &= (uint8_t)~PCI_STATUS_INTERRUPT;
        pci->config[i] = (uint8_t)((pci->config[i] & ~keep) | (now[i] & keep));
    }
    pci_msi_post_load(pci);
    update_bars(pci);
    pci_bus_update_irqs(pci->bus, false);
    if (pci->config_written)
        pci->config_written(pci, 0, PCI_EXP_CONFIG_SIZE);
    return true;
}

/* ---- DMA ------------------------------------------------------------------------------------- */

bool pci_may_dma(const struct pci_device *pci)
{
    for (; pci; pci = pci->bus->bridge) {
        if (!(pci->config[PCI_COMMAND] & PCI_COMMAND_MASTER))
            return false;
    }
    return true;
}

static bool is_master(struct pci_device *pci)
{
    if (pci_may_dma(pci))
        return true;
    guest_error(pci, "%s: DMA while bus mastering is off", pci->dev.cls->name);
    return false;
}

enum mem_result pci_dma_read(struct pci_device *pci, uint64_t addr, void *buf, uint64_t len)
{
    if (!is_master(pci))
        return MEM_ERROR;
    return dma_read(device_memory(&pci->dev), &pci->dev, addr, buf, len);
}

enum mem_result pci_dma_write(struct pci_device *pci, uint64_t addr, const void *buf, uint64_t len)
{
    if (!is_master(pci))
        return MEM_ERROR;
    return dma_write(device_memory(&pci->dev), &pci->dev, addr, buf, len);
}
