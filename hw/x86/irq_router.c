/* ISA interrupt lines; see irq_router.h. */
#include "hw/x86/irq_router.h"

#include "core/state/state.h"
#include "hw/create.h"

struct irq_router;
struct source {
    struct irq_router *router;
    uint8_t bit;
};

struct irq_router {
    struct device dev;
    struct irq_router_config cfg;
    struct source sources[X86_IRQ_SOURCES];
    uint8_t level[ISA_IRQS]; /* bit per source */
};

static void drive(void *opaque, unsigned n, int level)
{
    struct source *source = opaque;
    struct irq_router *s = source->router;
    if (level)
        s->level[n] |= source->bit;
    else
        s->level[n] &= (uint8_t)~source->bit;
    /* Always passed on, also unchanged: receivers know an edge from a level. */
    irq_set(&s->cfg.pic[n], s->level[n] != 0);
    irq_set(&s->cfg.ioapic[n], s->level[n] != 0);
}

struct irq irq_router_line(struct device *dev, enum x86_irq_source source, unsigned n)
{
    struct irq_router *s = (struct irq_router *)dev;
    if (n >= ISA_IRQS)
        return (struct irq){0};
    return (struct irq){.fn = drive, .opaque = &s->sources[source], .n = n};
}

static bool router_realize(struct device *dev, struct vemu_error **errp)
{
    struct irq_router *s = (struct irq_router *)dev;
    (void)errp;
    for (unsigned i = 0; i < X86_IRQ_SOURCES; i++)
        s->sources[i] = (struct source){.router = s, .bit = (uint8_t)(1u << i)};
    return true;
}

static void router_reset(struct device *dev)
{
    struct irq_router *s = (struct irq_router *)dev;
    for (unsigned n = 0; n < ISA_IRQS; n++) {
        s->level[n] = 0;
        irq_set(&s->cfg.pic[n], 0);
        irq_set(&s->cfg.ioapic[n], 0);
    }
}

static const struct state_field router_state[] = {
    STATE_INT_ARRAY(struct irq_router, level, .max = (1 << X86_IRQ_SOURCES) - 1),
    STATE_FIELDS_END,
};

const struct device_class irq_router_class = {
    .name = "isa-irq-router",
    .help = "ISA interrupt lines to 8259 and I/O APIC inputs",
    .size = sizeof(struct irq_router),
    .state = router_state,
    .state_version = 1,
    .realize = router_realize,
    .reset = router_reset,
};

struct device *irq_router_create(struct vemu_machine *m, const struct irq_router_config *cfg,
                                 struct vemu_error **errp)
{
    struct irq_router *s = (struct irq_router *)device_new(m, &irq_router_class, NULL, errp);
    if (!s)
        return NULL;
    s->cfg = *cfg;
    return device_realize_or_free(&s->dev, errp);
}
