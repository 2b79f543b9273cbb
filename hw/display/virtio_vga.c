/* A VGA that is virtio-gpu, too: see virtio_vga.h. */
#include "hw/display/virtio_vga.h"

#include "hw/display/vga_card.h"
#include "hw/display/virtio_gpu_internal.h"
#include "hw/pci/rom.h"

enum { REGISTERS_SIZE = 0x8000, VIRTIO_AT = REGISTERS_SIZE - VIRTIO_PCI_MODERN_SIZE };
enum { CLASS_VGA = 0x030000 };

struct virtio_vga {
    struct virtio_pci pci;
    struct virtio_gpu gpu;
    struct vga_card card;
    char *romfile; /* property */
    struct pci_rom rom;
    struct mem_region registers; /* BAR 2 */
};

/* ---- life ------------------------------------------------------------------------------------ */

static bool vga_init(struct virtio *v, struct device *dev, struct vemu_error **errp)
{
    struct virtio_vga *s = (struct virtio_vga *)dev;
    s->gpu.console = &vga_card_display_ops;
    s->gpu.console_opaque = &s->card;
    return gpu_init(v, dev, errp);
}

static const struct virtio_kind vga_kind = {
    .init = vga_init,
    .exit = gpu_exit,
    .post_load = gpu_post_load,
    .pci = {.class_code = CLASS_VGA, .msix_bar = 4, .modern_bar = 2, .modern_offset = VIRTIO_AT},
};

static void vga_unrealize(struct device *dev)
{
    struct virtio_vga *s = (struct virtio_vga *)dev;
    vga_card_remove(&s->card);
    virtio_pci_device_unrealize(dev);
    pci_rom_free(&s->pci.pci, &s->rom);
    vga_card_free(&s->card);
}

static bool vga_realize(struct device *dev, struct vemu_error **errp)
{
    struct virtio_vga *s = (struct virtio_vga *)dev;
    if (!virtio_pci_device_realize(dev, errp))
        return false;
    s->card.display = s->gpu.outputs[0].display;
    if (vga_card_add(&s->card, &s->pci.pci, errp) &&
        pci_rom_add(&s->pci.pci, &s->rom, s->romfile, errp)) {
        mem_region_init_container(&s->registers, "virtio-vga-registers", REGISTERS_SIZE);
        mem_region_add(&s->registers, 0, &s->card.mmio, 0);
        if (!s->pci.disable_modern)
            mem_region_add(&s->registers, VIRTIO_AT, &s->pci.modern, 0);
        pci_bar_add(&s->pci.pci, 2, PCI_BAR_MEM32, &s->registers);
        return true;
    }
    vga_unrealize(dev);
    return false;
}

static void reset(struct device *dev)
{
    struct virtio_vga *s = (struct virtio_vga *)dev;
    virtio_pci_device_reset(dev);
    vga_reset(&s->card.vga);
}

static bool post_load(struct device *dev, struct vemu_error **errp)
{
    struct virtio_vga *s = (struct virtio_vga *)dev;
    vga_post_load(&s->card.vga);
    return virtio_pci_device_post_load(dev, errp);
}

static const struct prop_desc props[] = {
    VIRTIO_PCI_PROPS(struct virtio_vga, pci),
    GPU_PROPS(struct virtio_vga),
    VGA_CARD_PROPS(struct virtio_vga, card),
    PROP(PROP_STRING, struct virtio_vga, romfile, "romfile", "vgabios-virtio.bin",
         "VGA BIOS; empty: none"),
    {0},
};

static const struct state_field state[] = {
    STATE_VIRTIO_PCI(struct virtio_vga, pci),
    STATE_VGA(struct virtio_vga, card.vga),
    GPU_STATE(struct virtio_vga),
    STATE_FIELDS_END,
};

const struct virtio_device_class virtio_vga_class = {
    .device = {.name = "virtio-vga",
               .help = "graphics by virtio, and a standard VGA until its driver is there",
               .size = sizeof(struct virtio_vga),
               .user_creatable = true,
               .bus = "pci",
               .props = props,
               .state = state,
               .state_version = 1,
               .realize = vga_realize,
               .unrealize = vga_unrealize,
               .reset = reset,
               .post_load = post_load},
    .kind = &vga_kind,
    .offset = offsetof(struct virtio_vga, gpu),
    .legacy = VIRTIO_PCI_ON,
};
