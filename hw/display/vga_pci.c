/* The standard VGA as a PCI function; see vga_pci.h. */
#include "hw/display/vga_pci.h"

#include <stdio.h>

#include "core/clock/clock.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/misc/isa_port.h"
#include "hw/pci/pci.h"
#include "hw/pci/rom.h"

enum { PORT_VBE = 0x1ce, VBE_PORTS = 4 }; /* index at 1CEH, data at 1CFH and at 1D0H */
/* BAR 2. */
enum { MMIO_SIZE = 0x1000, MMIO_PORTS = 0x400, MMIO_VBE = 0x500, MMIO_VBE_END = 0x516 };

struct vga_pci {
    struct pci_device pci;
    struct vga vga;
    uint64_t memory_size; /* property, MiB */
    char *romfile;        /* property */
    struct ram_block *ram;
    struct pci_rom rom;
    struct mem_region linear, mmio, window, ports, vbe_ports;
};

/* ---- what the registers need ----------------------------------------------------------------- */

static int64_t now(void *opaque)
{
    struct vga_pci *s = opaque;
    return clock_now(device_clocks(&s->pci.dev), VCLOCK_VIRTUAL);
}

static void written(void *opaque, uint32_t offset, uint32_t len)
{
    struct vga_pci *s = opaque;
    ram_block_mark_dirty(s->ram, offset, len);
}

/* ---- ports, window, BAR 2 -------------------------------------------------------------------- */

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga_pci *s = opaque;
    (void)size;
    return vga_port_read(&s->vga, (unsigned)offset);
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct vga_pci *s = opaque;
    (void)size;
    vga_port_write(&s->vga, (unsigned)offset, (uint8_t)value);
}

static const struct mem_ops ports_ops = {
    .read = ports_read, .write = ports_write, .min_size = 1, .max_size = 1};

static uint64_t vbe_ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga_pci *s = opaque;
    if (size != 2)
        return UINT64_MAX;
    return offset ? vbe_read(&s->vga, s->vga.vbe_index) : s->vga.vbe_index;
}

static void vbe_ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct vga_pci *s = opaque;
    if (size != 2)
        return;
    if (offset)
        vbe_write(&s->vga, s->vga.vbe_index, (uint16_t)value);
    else
        s->vga.vbe_index = (uint16_t)value;
}

/* Word registers at consecutive addresses: accesses stay as they are made. */
static const struct mem_ops vbe_ports_ops = {.read = vbe_ports_read,
                                             .write = vbe_ports_write,
                                             .min_size = 1,
                                             .max_size = 2,
                                             .unaligned = true};

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga_pci *s = opaque;
    (void)size;
    return vga_window_read(&s->vga, (uint32_t)offset);
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct vga_pci *s = opaque;
    (void)size;
    vga_window_write(&s->vga, (uint32_t)offset, (uint8_t)value);
}

static const struct mem_ops window_ops = {
    .read = window_read, .write = window_write, .min_size = 1, .max_size = 1};

/* The ports from 3C0H on, and the display interface's registers as words. */
static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga_pci *s = opaque;
    if (offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20) {
        uint64_t value = 0;
        for (unsigned i = 0; i < size; i++)
            value |= (uint64_t)vga_port_read(&s->vga, (unsigned)(offset - MMIO_PORTS + 0x10 + i))
                     << 8 * i;
        return value;
    }
    if (offset >= MMIO_VBE && offset < MMIO_VBE_END && size == 2)
        return vbe_read(&s->vga, (unsigned)(offset - MMIO_VBE) / 2);
    return UINT64_MAX;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct vga_pci *s = opaque;
    if (offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20) {
        for (unsigned i = 0; i < size; i++)
            vga_port_write(&s->vga, (unsigned)(offset - MMIO_PORTS + 0x10 + i),
                           (uint8_t)(value >> 8 * i));
    } else if (offset >= MMIO_VBE && offset < MMIO_VBE_END && size == 2) {
        vbe_write(&s->vga, (unsigned)(offset - MMIO_VBE) / 2, (uint16_t)value);
    }
}

static const struct mem_ops mmio_ops = {
    .read = mmio_read, .write = mmio_write, .min_size = 1, .max_size = 2};

/* ---- life ------------------------------------------------------------------------------------ */

static void vga_unrealize(struct device *dev)
{
    struct vga_pci *s = (struct vga_pci *)dev;
    mem_region_remove(&s->window);
    mem_region_remove(&s->ports);
    mem_region_remove(&s->vbe_ports);
    pci_device_exit(&s->pci);
    pci_rom_free(&s->pci, &s->rom);
    if (s->ram)
        ram_block_free(&dev->machine->rams, s->ram);
    s->ram = NULL;
}

static bool add_regions(struct vga_pci *s, struct vemu_error **errp)
{
    struct device *dev = &s->pci.dev;
    mem_region_init_ram(&s->linear, "vga-memory", s->ram, 0, s->vga.memory_size);
    mem_region_init_io(&s->mmio, "vga-mmio", MMIO_SIZE, &mmio_ops, s, dev);
    mem_region_init_io(&s->window, "vga-window", VGA_WINDOW_SIZE, &window_ops, s, dev);
    pci_bar_add(&s->pci, 0, PCI_BAR_MEM32 | PCI_BAR_PREFETCH, &s->linear);
    pci_bar_add(&s->pci, 2, PCI_BAR_MEM32, &s->mmio);
    mem_region_add(s->pci.bus->mem, VGA_WINDOW_BASE, &s->window, 1);
    return isa_port_add(dev, &s->ports, "vga", VGA_PORT_BASE, VGA_PORTS, &ports_ops, s, errp) &&
           isa_port_add(dev, &s->vbe_ports, "vbe", PORT_VBE, VBE_PORTS, &vbe_ports_ops, s, errp);
}

static bool vga_realize(struct device *dev, struct vemu_error **errp)
{
    struct vga_pci *s = (struct vga_pci *)dev;
    static const struct pci_ident ident = {.vendor = 0x1234,
                                           .device = 0x1111,
                                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                                           .subsystem = 0x1100,
                                           .class_code = 0x030000,
                                           .revision = 2};
    if (s->memory_size & (s->memory_size - 1))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "VGA: vgamem_mb=%llu is not a power of two, such as 16",
                         (unsigned long long)s->memory_size);
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    s->vga.memory_size = (uint32_t)s->memory_size << 20;
    char name[16];
    snprintf(name, sizeof name, "VGA.%02x", s->pci.devfn);
    s->ram = ram_block_new(&dev->machine->rams, name, s->vga.memory_size, false, errp);
    if (s->ram) {
        s->vga.memory = s->ram->host;
        s->vga.now = now;
        s->vga.written = written;
        s->vga.opaque = s;
    }
    if (s->ram && add_regions(s, errp) && pci_rom_add(&s->pci, &s->rom, s->romfile, errp)) {
        vga_reset(&s->vga);
        return true;
    }
    vga_unrealize(dev);
    return false;
}

static void reset(struct device *dev)
{
    struct vga_pci *s = (struct vga_pci *)dev;
    pci_device_reset(&s->pci);
    vga_reset(&s->vga);
}

static bool post_load(struct device *dev, struct vemu_error **errp)
{
    struct vga_pci *s = (struct vga_pci *)dev;
    vga_post_load(&s->vga);
    return pci_device_post_load(&s->pci, errp);
}

static const struct prop_desc vga_props[] = {
    PCI_PROPS(struct vga_pci, pci),
    PROP(PROP_U64, struct vga_pci, memory_size, "vgamem_mb", "16", "memory in MiB", .min = 1,
         .max = 256),
    PROP(PROP_STRING, struct vga_pci, romfile, "romfile", "vgabios-stdvga.bin",
         "VGA BIOS; empty: none"),
    {0},
};

static const struct state_field vga_pci_state[] = {
    STATE_PCI(struct vga_pci, pci),
    STATE_VGA(struct vga_pci, vga),
    STATE_FIELDS_END,
};

const struct device_class vga_pci_class = {
    .name = "VGA",
    .help = "standard VGA with linear modes",
    .size = sizeof(struct vga_pci),
    .user_creatable = true,
    .bus = "pci",
    .props = vga_props,
    .state = vga_pci_state,
    .state_version = 1,
    .realize = vga_realize,
    .unrealize = vga_unrealize,
    .reset = reset,
    .post_load = post_load,
};

struct device *vga_pci_create(struct vemu_machine *m, struct pci_bus *bus, uint16_t devfn,
                              struct vemu_error **errp)
{
    struct vga_pci *s = (struct vga_pci *)device_new(m, &vga_pci_class, NULL, errp);
    if (!s)
        return NULL;
    s->pci.bus = bus;
    s->pci.devfn = devfn;
    if (!device_realize(&s->pci.dev, errp)) {
        device_free(&s->pci.dev);
        return NULL;
    }
    return &s->pci.dev;
}

struct vga *vga_pci_registers(struct device *dev)
{
    return &((struct vga_pci *)dev)->vga;
}
