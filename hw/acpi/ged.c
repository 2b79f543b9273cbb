/* Generic event device; see ged.h. */
#include "hw/acpi/ged.h"

#include "core/device/machine.h"
#include "core/state/state.h"

enum {
    SLP_TYP_SHIFT = 2, /* SLEEP_CONTROL_REG: SLP_TYPx in bits 2-4, SLP_EN in bit 5 */
    SLP_EN = 1 << 5,
};

struct ged {
    struct device dev;
    struct ged_config cfg;
    struct mem_region region;
    uint32_t events;
};

static uint64_t ged_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ged *s = opaque;
    if (offset != GED_EVENTS || size != 4)
        return 0;
    uint32_t events = s->events;
    s->events = 0;
    irq_set(&s->cfg.irq, 0);
    return events;
}

static void ged_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ged *s = opaque;
    (void)size;
    if (offset == GED_SLEEP_CONTROL && (value & SLP_EN)) {
        if ((value >> SLP_TYP_SHIFT & 7) == GED_S5_TYPE)
            device_request(&s->dev, MACHINE_REQUEST_SHUTDOWN, 0);
    } else if (offset == GED_RESET && (value & 0xff) == GED_RESET_VALUE) {
        device_request(&s->dev, MACHINE_REQUEST_RESET, 0);
    }
}

static const struct mem_ops ged_ops = {
    .read = ged_read, .write = ged_write, .min_size = 1, .max_size = 4};

static bool ged_realize(struct device *dev, struct vemu_error **errp)
{
    struct ged *s = (struct ged *)dev;
    (void)errp;
    mem_region_init_io(&s->region, "acpi-ged", GED_SIZE, &ged_ops, s, dev);
    mem_region_add(mem_space_root(dev->machine->memory), s->cfg.base, &s->region, 0);
    return true;
}

static void ged_unrealize(struct device *dev)
{
    mem_region_remove(&((struct ged *)dev)->region);
}

static void ged_reset(struct device *dev)
{
    struct ged *s = (struct ged *)dev;
    s->events = 0;
    irq_set(&s->cfg.irq, 0);
}

static const struct state_field ged_state[] = {
    STATE_INT(struct ged, events, .max = GED_EVENT_POWER_BUTTON),
    STATE_FIELDS_END,
};

const struct device_class ged_class = {
    .name = "acpi-ged",
    .help = "ACPI generic event device with sleep and reset registers",
    .size = sizeof(struct ged),
    .state = ged_state,
    .state_version = 1,
    .realize = ged_realize,
    .unrealize = ged_unrealize,
    .reset = ged_reset,
};

struct device *ged_create(struct vemu_machine *m, const struct ged_config *cfg,
                          struct vemu_error **errp)
{
    struct ged *s = (struct ged *)device_new(m, &ged_class, NULL, errp);
    if (!s)
        return NULL;
    s->cfg = *cfg;
    if (!device_realize(&s->dev, errp)) {
        device_free(&s->dev);
        return NULL;
    }
    return &s->dev;
}

void ged_power_button(struct device *dev)
{
    struct ged *s = (struct ged *)dev;
    s->events |= GED_EVENT_POWER_BUTTON;
    irq_set(&s->cfg.irq, 1);
}
