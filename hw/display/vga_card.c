/* The VGA of a PCI function: see vga_card.h. */
#include "hw/display/vga_card.h"

#include <stdio.h>

#include "core/device/machine.h"
#include "core/memory/dirty.h"
#include "core/memory/posted.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "hw/misc/isa_port.h"

enum { PORT_VBE = 0x1ce, VBE_PORTS = 4 }; /* index at 1CEH, data at 1CFH and at 1D0H */
/* BAR 2: EDID first. */
enum { MMIO_PORTS = 0x400, MMIO_VBE = 0x500, MMIO_VBE_END = 0x516 };

/* ---- what the registers need ----------------------------------------------------------------- */

static int64_t now(void *opaque)
{
    return vga_card_now(opaque);
}

static void written(void *opaque, uint32_t offset, uint32_t len)
{
    struct vga_card *s = opaque;
    ram_block_mark_dirty(s->ram, offset, len);
}

/* ---- ports, window, BAR 2 -------------------------------------------------------------------- */

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga_card *s = opaque;
    (void)size;
    return vga_port_read(&s->vga, (unsigned)offset);
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct vga_card *s = opaque;
    (void)size;
    vga_port_write(&s->vga, (unsigned)offset, (uint8_t)value);
}

static const struct mem_ops ports_ops = {
    .read = ports_read, .write = ports_write, .min_size = 1, .max_size = 1};

static uint64_t vbe_ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga_card *s = opaque;
    if (size != 2)
        return UINT64_MAX;
    return offset ? vbe_read(&s->vga, s->vga.vbe_index) : s->vga.vbe_index;
}

static void vbe_ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct vga_card *s = opaque;
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
    struct vga_card *s = opaque;
    (void)size;
    return vga_window_read(&s->vga, (uint32_t)offset);
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct vga_card *s = opaque;
    (void)size;
    vga_window_write(&s->vga, (uint32_t)offset, (uint8_t)value);
}

/* Nothing but pictures and reads shows what was written. */
static const struct mem_posted window_posted[] = {{0, VGA_WINDOW_SIZE}, {0, 0}};
static const struct mem_ops window_ops = {
    .read = window_read, .write = window_write, .min_size = 1, .max_size = 1};

/* The ports from 3C0H on, and the display interface's registers as words. */
static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga_card *s = opaque;
    if (offset < s->edid_len) {
        uint64_t value = 0;
        for (unsigned i = 0; i < size && offset + i < s->edid_len; i++)
            value |= (uint64_t)s->edid[offset + i] << 8 * i;
        return value;
    }
    if (!s->vga.linear_only && offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20) {
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
    struct vga_card *s = opaque;
    if (!s->vga.linear_only && offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20) {
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

void vga_card_remove(struct vga_card *s)
{
    if (s->vga.linear_only)
        return;
    mem_region_remove(&s->window);
    mem_region_remove(&s->ports);
    mem_region_remove(&s->vbe_ports);
}

void vga_card_free(struct vga_card *s)
{
    shown_end(&s->shown.pages);
    if (s->ram)
        ram_block_free(&s->pci->dev.machine->rams, s->ram);
    s->ram = NULL;
}

static bool add_regions(struct vga_card *s, struct vemu_error **errp)
{
    struct device *dev = &s->pci->dev;
    mem_region_init_ram(&s->linear, "vga-memory", s->ram, 0, s->vga.memory_size);
    mem_region_init_io(&s->mmio, "vga-mmio", VGA_CARD_MMIO, &mmio_ops, s, dev);
    pci_bar_add(s->pci, 0, PCI_BAR_MEM32 | PCI_BAR_PREFETCH, &s->linear);
    if (s->vga.linear_only)
        return true;
    mem_region_init_io(&s->window, "vga-window", VGA_WINDOW_SIZE, &window_ops, s, dev);
    mem_region_set_posted(&s->window, window_posted);
    mem_region_add(s->pci->bus->mem, VGA_WINDOW_BASE, &s->window, 1);
    return isa_port_add(dev, &s->ports, "vga", VGA_PORT_BASE, VGA_PORTS, &ports_ops, s, errp) &&
           isa_port_add(dev, &s->vbe_ports, "vbe", PORT_VBE, VBE_PORTS, &vbe_ports_ops, s, errp);
}

bool vga_card_add(struct vga_card *s, struct pci_device *pci, struct vemu_error **errp)
{
    char name[40];

    s->pci = pci;
    if (!is_power_of_two(s->memory_mib))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: vgamem_mb=%llu is not a power of two, such as 16", pci->dev.cls->name,
                         (unsigned long long)s->memory_mib);
    s->vga.memory_size = (uint32_t)s->memory_mib << 20;
    snprintf(name, sizeof name, "%.24s.%02x", pci->dev.cls->name, pci->devfn);
    s->ram = ram_block_new(&pci->dev.machine->rams, name, s->vga.memory_size, false, errp);
    if (!s->ram)
        return false;
    if (!shown_begin(&s->shown.pages, &pci->dev.machine->rams, s->ram))
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", pci->dev.cls->name);
    s->vga.memory = s->ram->host;
    s->vga.now = now;
    s->vga.written = written;
    s->vga.opaque = s;
    vga_reset(&s->vga);
    return add_regions(s, errp);
}
