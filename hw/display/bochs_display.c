/* Linear modes alone; see bochs_display.h. */
#include "hw/display/bochs_display.h"

#include "hw/display/vga_card.h"

struct bochs_display {
    struct pci_device pci;
    struct vga_card card;
    struct vga_monitor monitor; /* properties */
    uint64_t memory;
};

static void unrealize(struct device *dev)
{
    struct bochs_display *s = (struct bochs_display *)dev;
    display_free(s->card.display);
    s->card.display = NULL;
    vga_card_remove(&s->card);
    pci_device_exit(&s->pci);
    vga_card_free(&s->card);
}

static bool realize(struct device *dev, struct vemu_error **errp)
{
    struct bochs_display *s = (struct bochs_display *)dev;
    static const struct pci_ident ident = {.vendor = 0x1234,
                                           .device = 0x1111,
                                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                                           .subsystem = 0x1100,
                                           .class_code = 0x038000,
                                           .revision = 2};
    s->card.vga.linear_only = true;
    s->card.memory_mib = s->memory >> 20;
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    if (vga_card_add(&s->card, &s->pci, errp) &&
        vga_card_add_monitor(&s->card, &s->monitor, errp)) {
        pci_bar_add(&s->pci, 2, PCI_BAR_MEM32, &s->card.mmio);
        return true;
    }
    unrealize(dev);
    return false;
}

static void reset(struct device *dev)
{
    struct bochs_display *s = (struct bochs_display *)dev;
    pci_device_reset(&s->pci);
    vga_reset(&s->card.vga);
}

static bool post_load(struct device *dev, struct vemu_error **errp)
{
    struct bochs_display *s = (struct bochs_display *)dev;
    vga_post_load(&s->card.vga);
    return pci_device_post_load(&s->pci, errp);
}

static const struct prop_desc props[] = {
    PCI_PROPS(struct bochs_display, pci),
    PROP(PROP_SIZE, struct bochs_display, memory, "vgamem", "16M", "memory; a power of two, in MiB",
         .min = 1 << 20, .max = 256 << 20),
    VGA_MONITOR_PROPS(struct bochs_display, monitor),
    {0},
};

static const struct state_field state[] = {
    STATE_PCI(struct bochs_display, pci),
    STATE_VGA(struct bochs_display, card.vga),
    STATE_FIELDS_END,
};

const struct device_class bochs_display_class = {
    .name = "bochs-display",
    .help = "linear modes without a VGA",
    .size = sizeof(struct bochs_display),
    .user_creatable = true,
    .bus = "pci",
    .props = props,
    .state = state,
    .state_version = 1,
    .realize = realize,
    .unrealize = unrealize,
    .reset = reset,
    .post_load = post_load,
};
