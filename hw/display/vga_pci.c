/* The standard VGA as a PCI function; see vga_pci.h. */
#include "hw/display/vga_pci.h"

#include "hw/display/vga_card.h"
#include "hw/pci/rom.h"

struct vga_pci {
    struct pci_device pci;
    struct vga_card card;
    struct vga_monitor monitor; /* properties */
    char *romfile;              /* property */
    struct pci_rom rom;
};

/* ---- life ------------------------------------------------------------------------------------ */

static void vga_unrealize(struct device *dev)
{
    struct vga_pci *s = (struct vga_pci *)dev;
    display_free(s->card.display);
    s->card.display = NULL;
    vga_card_remove(&s->card);
    pci_device_exit(&s->pci);
    pci_rom_free(&s->pci, &s->rom);
    vga_card_free(&s->card);
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
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    if (vga_card_add(&s->card, &s->pci, errp) && pci_rom_add(&s->pci, &s->rom, s->romfile, errp) &&
        vga_card_add_monitor(&s->card, &s->monitor, errp)) {
        pci_bar_add(&s->pci, 2, PCI_BAR_MEM32, &s->card.mmio);
        return true;
    }
    vga_unrealize(dev);
    return false;
}

static void reset(struct device *dev)
{
    struct vga_pci *s = (struct vga_pci *)dev;
    pci_device_reset(&s->pci);
    vga_reset(&s->card.vga);
}

static bool post_load(struct device *dev, struct vemu_error **errp)
{
    struct vga_pci *s = (struct vga_pci *)dev;
    vga_post_load(&s->card.vga);
    return pci_device_post_load(&s->pci, errp);
}

static const struct prop_desc vga_props[] = {
    PCI_PROPS(struct vga_pci, pci),
    VGA_CARD_PROPS(struct vga_pci, card),
    VGA_MONITOR_PROPS(struct vga_pci, monitor),
    PROP(PROP_STRING, struct vga_pci, romfile, "romfile", "vgabios-stdvga.bin",
         "VGA BIOS; empty: none"),
    {0},
};

static const struct state_field vga_pci_state[] = {
    STATE_PCI(struct vga_pci, pci),
    STATE_VGA(struct vga_pci, card.vga),
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
