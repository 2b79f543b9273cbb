/*
 * System control port A of the PS/2 and of PCI chip sets (Intel ICH data sheet, register PORT92).
 * Bit 1 drives A20; bit 0 going from 0 to 1 resets.
 */
#include "hw/misc/port92.h"

#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/isa_port.h"

enum { PORT92_RESET = 1 << 0, PORT92_A20 = 1 << 1, PORT92_WRITABLE = 3 };

struct port92 {
    struct device dev;
    struct port92_config cfg;
    uint8_t value;
    struct mem_region region;
};

static uint64_t port92_read(void *opaque, uint64_t offset, unsigned size)
{
    struct port92 *s = opaque;
    (void)offset;
    (void)size;
    return s->value;
}

static void port92_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct port92 *s = opaque;
    uint8_t old = s->value;
    (void)offset;
    (void)size;
    s->value = value & PORT92_WRITABLE;
    irq_set(&s->cfg.a20, s->value & PORT92_A20 ? 1 : 0);
    if (s->value & PORT92_RESET && !(old & PORT92_RESET))
        device_request(&s->dev, MACHINE_REQUEST_RESET, 0);
}

static const struct mem_ops port92_ops = {
    .read = port92_read, .write = port92_write, .min_size = 1, .max_size = 1};

static void port92_reset(struct device *dev)
{
    struct port92 *s = container_of(dev, struct port92, dev);
    s->value = PORT92_A20; /* as the machine comes up: A20 works */
    irq_set(&s->cfg.a20, 1);
}

static void port92_unrealize(struct device *dev)
{
    mem_region_remove(&container_of(dev, struct port92, dev)->region);
}

static bool port92_realize(struct device *dev, struct vemu_error **errp)
{
    struct port92 *s = container_of(dev, struct port92, dev);
    if (!isa_port_add(dev, &s->region, "port92", s->cfg.port, 1, &port92_ops, s, errp))
        return false;
    port92_reset(dev);
    return true;
}

static const struct state_field port92_state[] = {
    STATE_INT(struct port92, value, .max = PORT92_WRITABLE),
    STATE_FIELDS_END,
};

const struct device_class port92_class = {
    .name = "port92",
    .help = "system control port A: fast A20 gate and reset",
    .size = sizeof(struct port92),
    .state = port92_state,
    .state_version = 1,
    .realize = port92_realize,
    .unrealize = port92_unrealize,
    .reset = port92_reset,
};

struct device *port92_create(struct vemu_machine *m, const struct port92_config *cfg,
                             struct vemu_error **errp)
{
    struct device *dev = device_new(m, &port92_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct port92, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
