/* The POST diagnostic port; see post_port.h. */
#include "hw/misc/post_port.h"

#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/isa_port.h"

struct post_port {
    struct device dev;
    struct post_port_config cfg;
    uint8_t value;
    struct mem_region region;
};

static uint64_t post_read(void *opaque, uint64_t offset, unsigned size)
{
    struct post_port *s = opaque;
    (void)offset;
    (void)size;
    return s->value;
}

static void post_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct post_port *s = opaque;
    (void)offset;
    (void)size;
    s->value = (uint8_t)value;
}

static const struct mem_ops post_ops = {
    .read = post_read, .write = post_write, .min_size = 1, .max_size = 1};

static void post_reset(struct device *dev)
{
    container_of(dev, struct post_port, dev)->value = 0;
}

static void post_unrealize(struct device *dev)
{
    mem_region_remove(&container_of(dev, struct post_port, dev)->region);
}

static bool post_realize(struct device *dev, struct vemu_error **errp)
{
    struct post_port *s = container_of(dev, struct post_port, dev);
    return isa_port_add(dev, &s->region, "post-port", s->cfg.port, 1, &post_ops, s, errp);
}

static const struct state_field post_state[] = {
    STATE_INT(struct post_port, value),
    STATE_FIELDS_END,
};

const struct device_class post_port_class = {
    .name = "post-port",
    .help = "POST diagnostic port",
    .size = sizeof(struct post_port),
    .state = post_state,
    .state_version = 1,
    .realize = post_realize,
    .unrealize = post_unrealize,
    .reset = post_reset,
};

struct device *post_port_create(struct vemu_machine *m, const struct post_port_config *cfg,
                                struct vemu_error **errp)
{
    struct device *dev = device_new(m, &post_port_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct post_port, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
