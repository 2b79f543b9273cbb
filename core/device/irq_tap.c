/* See irq_tap.h. */
#include "core/device/irq_tap.h"

#include <stdlib.h>

#include "core/device/machine.h"

static void pass_on(void *opaque, unsigned n, int level)
{
    struct irq_tap *tap = opaque;

    (void)n;
    irq_set(&tap->line, level);
    if (tap->level == level)
        return;
    tap->level = level;
    if (tap->taps->moved)
        tap->taps->moved(tap->taps->opaque, tap, level);
}

struct irq_tap *irq_tap_find(struct irq_taps *taps, const struct device *dev, unsigned n)
{
    list_for_each(tap, &taps->list, struct irq_tap, node)
    {
        if (tap->dev == dev && tap->line.n == n)
            return tap;
    }
    return NULL;
}

struct irq irq_input(struct device *dev, irq_fn fn, void *opaque, unsigned n)
{
    struct irq_taps *taps = dev->machine->irq_taps;
    struct irq line = {.fn = fn, .opaque = opaque, .n = n};
    struct irq_tap *tap;

    if (!taps || !fn)
        return line;
    tap = irq_tap_find(taps, dev, n);
    if (!tap) {
        tap = calloc(1, sizeof *tap);
        if (!tap)
            return line;
        tap->dev = dev;
        tap->line = line;
        tap->taps = taps;
        list_add_tail(&taps->list, &tap->node);
    }
    return (struct irq){.fn = pass_on, .opaque = tap, .n = n};
}

struct irq_taps *irq_taps_new(void)
{
    struct irq_taps *taps = calloc(1, sizeof *taps);

    if (taps)
        list_init(&taps->list);
    return taps;
}

void irq_taps_free(struct irq_taps *taps)
{
    if (!taps)
        return;
    list_for_each_safe(tap, &taps->list, struct irq_tap, node)
    {
        list_remove(&tap->node);
        free(tap);
    }
    free(taps);
}
