/*
 * The coprocessor error logic of a PC's chip set (Intel ICH data sheet, register COPROC_ERR): FERR#
 * latches IRQ 13; a write to port F0 releases it and asserts IGNNE#, under which the processor goes
 * on without another interrupt, until FERR# goes away.
 */
#include "hw/misc/ferr.h"

#include "core/device/machine.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/isa_port.h"

struct ferr {
    struct device dev;
    struct ferr_config cfg;
    uint8_t pending, ignne;
    struct mem_region region;
};

void ferr_set(void *dev, bool active)
{
    struct ferr *s = container_of((struct device *)dev, struct ferr, dev);
    machine_lock(s->dev.machine);
    if (!active)
        s->ignne = 0;
    else if (!s->ignne)
        s->pending = 1;
    irq_set(&s->cfg.irq, s->pending);
    machine_unlock(s->dev.machine);
}

static uint64_t ferr_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0xff;
}

static void ferr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ferr *s = opaque;
    (void)offset, (void)value, (void)size;
    if (s->pending)
        s->ignne = 1;
    s->pending = 0;
    irq_set(&s->cfg.irq, 0);
}

static const struct mem_ops ferr_ops = {
    .read = ferr_read, .write = ferr_write, .min_size = 1, .max_size = 1};

static void ferr_reset(struct device *dev)
{
    struct ferr *s = container_of(dev, struct ferr, dev);
    s->pending = s->ignne = 0;
    irq_set(&s->cfg.irq, 0);
}

static void ferr_unrealize(struct device *dev)
{
    mem_region_remove(&container_of(dev, struct ferr, dev)->region);
}

static bool ferr_realize(struct device *dev, struct vemu_error **errp)
{
    struct ferr *s = container_of(dev, struct ferr, dev);
    return isa_port_add(dev, &s->region, "ferr", s->cfg.port, 1, &ferr_ops, s, errp);
}

static const struct state_field ferr_state[] = {
    STATE_INT(struct ferr, pending, .max = 1),
    STATE_INT(struct ferr, ignne, .max = 1),
    STATE_FIELDS_END,
};

const struct device_class ferr_class = {
    .name = "ferr",
    .help = "x87 errors as IRQ 13 (port F0)",
    .size = sizeof(struct ferr),
    .state = ferr_state,
    .state_version = 1,
    .realize = ferr_realize,
    .unrealize = ferr_unrealize,
    .reset = ferr_reset,
};

struct device *ferr_create(struct vemu_machine *m, const struct ferr_config *cfg,
                           struct vemu_error **errp)
{
    struct device *dev = device_new(m, &ferr_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct ferr, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
