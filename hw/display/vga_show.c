/*
 * A card on its display: what of the screen has to be drawn at a look. The dirty log of the memory
 * tells which lines may have changed, the registers whether all have, and the time what blinks.
 */
#include <string.h>

#include "core/util/range.h"
#include "hw/display/vga_card.h"

/* The clocks of guest and displays go at one rate, but not by the same counter: a look for what
 * blinks comes so much after its time, not before. */
#define LATE_NS INT64_C(1000000)

static void damage(void *opaque, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    display_damage(opaque, x, y, width, height);
}

static bool draw(struct vga_card *s, const struct vga_mode *mode, struct vga_phase phase,
                 const struct vga_part *part)
{
    display_lock(s->display);
    struct lines_target target = {.pixels = display_pixels(s->display),
                                  .stride = display_stride(s->display) / 4,
                                  .line = s->line,
                                  .damage = damage,
                                  .opaque = s->display};
    bool changed = vga_draw(&s->vga, mode, phase, &target, part);
    display_unlock(s->display);
    return changed;
}

/* What was drawn blinks by itself; the guest has drawn nothing. */
static void blinked_only(struct vga_card *s, int64_t now)
{
    display_lock(s->display);
    display_blinked(s->display, vga_phase_left(now) + LATE_NS);
    display_unlock(s->display);
}

static void refresh(void *opaque, bool all)
{
    struct vga_card *s = opaque;
    struct vga_shown *w = &s->shown;
    int64_t now = vga_card_now(s);
    struct vga_phase phase = vga_phase(now);
    struct vga_mode mode;
    uint32_t first, count;

    machine_flush_posted(s->pci->dev.machine);
    vga_mode(&s->vga, &mode);
    if (!display_set_size(s->display, mode.width, mode.height))
        return;
    bool other = all || !w->any || memcmp(&mode, &w->mode, sizeof mode) != 0;
    memcpy(&w->mode, &mode, sizeof mode); /* gaps between members, too */
    bool cursor = mode.kind == VGA_TEXT && mode.cursor && phase.cursor_off != w->phase.cursor_off;
    bool blinked = mode.blinks && phase.hidden != w->phase.hidden;
    bool dirty = false;
    w->phase = phase;
    w->any = true;
    if (mode.kind == VGA_OFF || (mode.kind == VGA_BLANK && !other))
        return;
    vga_pages(&s->vga, &mode, &first, &count);
    if (mode.kind != VGA_BLANK)
        dirty = shown_look(&w->pages, first, count);
    w->blinks |= other || dirty;
    blinked &= w->blinks;
    if (!other && !dirty && !cursor && !blinked)
        return;
    struct vga_part part = {
        .dirty = other ? NULL : w->pages.dirty, .cursor = cursor, .changed = w->pages.changed};
    struct vga_phase before = {.cursor_off = phase.cursor_off, .hidden = phase.hidden ^ blinked};
    if (other || dirty || cursor)
        draw(s, &mode, before, &part);
    /* By itself, to see whether anything does blink. */
    if (blinked)
        w->blinks = draw(s, &mode, phase, &(struct vga_part){.changed = w->pages.changed});
    if (dirty)
        shown_clean(&w->pages, first, count);
    else if (!other)
        blinked_only(s, now);
}

static size_t text(void *opaque, char *buf, size_t len)
{
    const struct vga_card *s = opaque;
    machine_flush_posted(s->pci->dev.machine);
    return vga_text(&s->vga, buf, len);
}

const struct display_ops vga_card_display_ops = {.refresh = refresh, .text = text};

bool vga_card_add_monitor(struct vga_card *s, const struct vga_monitor *monitor,
                          struct vemu_error **errp)
{
    struct device *dev = &s->pci->dev;
    struct edid_config edid = {.width = monitor->xres, .height = monitor->yres, .serial = 1};
    if (monitor->edid)
        s->edid_len = edid_make(&edid, s->edid);
    s->display = display_new(dev->machine, dev, 0, &vga_card_display_ops, s, errp);
    return s->display != NULL;
}
