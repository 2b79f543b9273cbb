/*
 * PrimeCell GPIO. Specification: PrimeCell General Purpose Input/Output (PL061) Technical Reference
 * Manual, Arm DDI 0190. A line that is an input and connected to nothing is low.
 */
#include "hw/gpio/pl061.h"

#include "core/device/irq_tap.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/primecell.h"

enum {
    GPIODATA_END = 0x400, /* bits 9-2 of the address choose which lines are accessed */
    GPIODIR = 0x400,
    GPIOIS = 0x404,
    GPIOIBE = 0x408,
    GPIOIEV = 0x40c,
    GPIOIE = 0x410,
    GPIORIS = 0x414,
    GPIOMIS = 0x418,
    GPIOIC = 0x41c,
    GPIOAFSEL = 0x420,
};

struct pl061 {
    struct device dev;
    struct pl061_config cfg;
    struct mem_region region;
    uint8_t data; /* what was written */
    uint8_t dir, is, ibe, iev, ie, afsel;
    uint8_t edges;   /* that were detected and not cleared */
    uint8_t outside; /* levels of the inputs */
    uint8_t seen;    /* levels of the lines at the last look */
    uint8_t driven;  /* what the outputs were told */
};

/* Lines that are outputs show what was written to them. */
static uint8_t levels(const struct pl061 *s)
{
    return (uint8_t)((s->data & s->dir) | (s->outside & ~s->dir));
}

/* Raw interrupt status: a line either detects a level or an edge. */
static uint8_t raw_status(const struct pl061 *s)
{
    uint8_t active = (uint8_t) ~(levels(s) ^ s->iev);
    return (uint8_t)((active & s->is) | (s->edges & ~s->is));
}

static void update(struct pl061 *s)
{
    uint8_t now = levels(s), changed = now ^ s->seen;
    uint8_t wanted = s->ibe | (uint8_t) ~(now ^ s->iev), driven = s->data & s->dir;

    s->seen = now;
    s->edges |= changed & wanted & (uint8_t)~s->is;
    for (unsigned n = 0; n < PL061_LINES; n++)
        if ((driven ^ s->driven) >> n & 1)
            irq_set(&s->cfg.outputs[n], driven >> n & 1);
    s->driven = driven;
    irq_set(&s->cfg.irq, (raw_status(s) & s->ie) != 0);
}

static void input_changed(void *opaque, unsigned n, int level)
{
    struct pl061 *s = opaque;
    uint8_t bit = (uint8_t)(1u << n);
    s->outside = level ? s->outside | bit : s->outside & (uint8_t)~bit;
    update(s);
}

struct irq pl061_input(struct device *dev, unsigned n)
{
    return irq_input(dev, input_changed, container_of(dev, struct pl061, dev), n);
}

static uint64_t pl061_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pl061 *s = opaque;
    (void)size;

    if (offset < GPIODATA_END)
        return levels(s) & offset >> 2 & 0xff;
    switch (offset) {
    case GPIODIR:
        return s->dir;
    case GPIOIS:
        return s->is;
    case GPIOIBE:
        return s->ibe;
    case GPIOIEV:
        return s->iev;
    case GPIOIE:
        return s->ie;
    case GPIORIS:
        return raw_status(s);
    case GPIOMIS:
        return raw_status(s) & s->ie;
    case GPIOAFSEL:
        return s->afsel;
    default:
        return primecell_id(offset, UINT32_C(0x00041061));
    }
}

static void pl061_write(void *opaque, uint64_t offset, uint64_t value64, unsigned size)
{
    struct pl061 *s = opaque;
    uint8_t value = (uint8_t)value64, mask = (uint8_t)(offset >> 2);
    (void)size;

    if (offset < GPIODATA_END) {
        mask &= s->dir;
        s->data = (s->data & (uint8_t)~mask) | (value & mask);
        update(s);
        return;
    }
    switch (offset) {
    case GPIODIR:
        s->dir = value;
        break;
    case GPIOIS:
        s->is = value;
        break;
    case GPIOIBE:
        s->ibe = value;
        break;
    case GPIOIEV:
        s->iev = value;
        break;
    case GPIOIE:
        s->ie = value;
        break;
    case GPIOIC:
        s->edges &= (uint8_t)~value;
        break;
    case GPIOAFSEL:
        s->afsel = value; /* nothing else is behind the pins */
        break;
    default:
        return;
    }
    update(s);
}

static const struct mem_ops pl061_ops = {
    .read = pl061_read, .write = pl061_write, .min_size = 1, .max_size = 4};

static void pl061_reset(struct device *dev)
{
    struct pl061 *s = container_of(dev, struct pl061, dev);
    s->data = s->dir = s->is = s->ibe = s->iev = s->ie = s->afsel = 0;
    s->seen = levels(s);
    s->edges = 0;
    update(s);
}

static void pl061_unrealize(struct device *dev)
{
    mem_region_remove(&container_of(dev, struct pl061, dev)->region);
}

static bool pl061_realize(struct device *dev, struct vemu_error **errp)
{
    struct pl061 *s = container_of(dev, struct pl061, dev);
    (void)errp;
    mem_region_init_io(&s->region, "pl061", PL061_SIZE, &pl061_ops, s, dev);
    mem_region_add(mem_space_root(device_memory(dev)), s->cfg.base, &s->region, 0);
    return true;
}

/* Whoever drives an input tells it again. */
static bool pl061_post_load(struct device *dev, struct vemu_error **errp)
{
    struct pl061 *s = container_of(dev, struct pl061, dev);
    (void)errp;
    for (unsigned n = 0; n < PL061_LINES; n++)
        irq_set(&s->cfg.outputs[n], s->driven >> n & 1);
    irq_set(&s->cfg.irq, (raw_status(s) & s->ie) != 0);
    return true;
}

static const struct state_field pl061_state[] = {
    STATE_INT(struct pl061, data),    STATE_INT(struct pl061, dir),
    STATE_INT(struct pl061, is),      STATE_INT(struct pl061, ibe),
    STATE_INT(struct pl061, iev),     STATE_INT(struct pl061, ie),
    STATE_INT(struct pl061, afsel),   STATE_INT(struct pl061, edges),
    STATE_INT(struct pl061, outside), STATE_INT(struct pl061, seen),
    STATE_INT(struct pl061, driven),  STATE_FIELDS_END,
};

const struct device_class pl061_class = {
    .name = "pl061",
    .help = "PL061 GPIO controller",
    .size = sizeof(struct pl061),
    .state = pl061_state,
    .state_version = 1,
    .realize = pl061_realize,
    .unrealize = pl061_unrealize,
    .reset = pl061_reset,
    .post_load = pl061_post_load,
};

struct device *pl061_create(struct vemu_machine *m, const struct pl061_config *cfg,
                            struct vemu_error **errp)
{
    struct device *dev = device_new(m, &pl061_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct pl061, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
