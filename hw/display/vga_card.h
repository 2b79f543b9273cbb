/*
 * What a PCI function that is a VGA has: the registers (vga.h) at the legacy ports and window, at
 * the display interface's ports, and as a page of a BAR; its memory, which is BAR 0. Used by the
 * standard VGA and by virtio-vga; bochs-display has the display interface and memory alone. Machine
 * lock held.
 */
#ifndef HW_DISPLAY_VGA_CARD_H
#define HW_DISPLAY_VGA_CARD_H

#include "core/clock/clock.h"
#include "core/device/machine.h"
#include "core/display/display.h"
#include "hw/display/edid.h"
#include "hw/display/shown.h"
#include "hw/display/vga.h"
#include "hw/display/vga_draw.h"
#include "hw/pci/pci.h"

enum { VGA_CARD_MMIO = 0x1000 /* bytes of the registers' page */ };

/* What the display's surface shows, so that a look at a screen that stands still is short. */
struct vga_shown {
    struct vga_mode mode;
    struct vga_phase phase;
    bool any;    /* of these, not zeros */
    bool blinks; /* some of it may: it was not seen yet that nothing does */
    struct shown pages;
};

struct vga_card {
    uint64_t memory_mib; /* property */
    struct vga vga;
    struct display *display; /* the owner's, for vga_card_display_ops */
    struct vga_shown shown;
    size_t edid_len; /* what the registers' page starts with; 0: nothing */
    uint8_t edid[EDID_MAX];
    struct pci_device *pci;
    struct ram_block *ram;
    /* mmio: the owner puts it at the beginning of BAR 2 */
    struct mem_region linear, mmio, window, ports, vbe_ports;
    uint32_t line[LINES_WIDTH + 64]; /* while drawing */
};

#define VGA_CARD_PROPS(type_, member_)                                                             \
    PROP(PROP_U64, type_, member_.memory_mib, "vgamem_mb", "16", "memory in MiB", .min = 1,        \
         .max = 256)

/* In realize, after pci_device_init. On failure the owner calls the two below. */
bool vga_card_add(struct vga_card *s, struct pci_device *pci, struct vemu_error **errp);
/* Before and after pci_device_exit. */
void vga_card_remove(struct vga_card *s);
void vga_card_free(struct vga_card *s);

static inline int64_t vga_card_now(const struct vga_card *s)
{
    return clock_now(device_clocks(&s->pci->dev), VCLOCK_VIRTUAL);
}

/* opaque: the card. refresh and text alone. */
extern const struct display_ops vga_card_display_ops;

/* A function that is nothing but such a card has this monitor. */
struct vga_monitor {
    bool edid; /* properties */
    uint32_t xres, yres;
};
#define VGA_MONITOR_PROPS(type_, member_)                                                          \
    PROP(PROP_BOOL, type_, member_.edid, "edid", "on", "describe the monitor by EDID"),            \
        PROP(PROP_U32, type_, member_.xres, "xres", "1280", "the monitor's preferred width",       \
             .min = 64, .max = EDID_TIMING_MAX),                                                   \
        PROP(PROP_U32, type_, member_.yres, "yres", "800", "the monitor's preferred height",       \
             .min = 64, .max = EDID_TIMING_MAX)
/* Makes the display, last in realize. The owner frees it. */
bool vga_card_add_monitor(struct vga_card *s, const struct vga_monitor *monitor,
                          struct vemu_error **errp);

#endif
