/* A push-button; see gpio_key.h. */
#include "hw/gpio/gpio_key.h"

#include "core/clock/clock.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"

struct gpio_key {
    struct device dev;
    struct irq line;
    bool down;
    struct timer release;
};

static void set_key(struct gpio_key *s, bool down)
{
    s->down = down;
    irq_set(&s->line, down);
}

static void released(void *opaque)
{
    set_key(opaque, false);
}

void gpio_key_press(struct device *dev)
{
    struct gpio_key *s = container_of(dev, struct gpio_key, dev);
    set_key(s, true);
    timer_set(&s->release,
              clock_now(device_clocks(dev), VCLOCK_VIRTUAL) + GPIO_KEY_PRESS_MS * INT64_C(1000000));
}

static void gpio_key_reset(struct device *dev)
{
    struct gpio_key *s = container_of(dev, struct gpio_key, dev);
    timer_cancel(&s->release);
    set_key(s, false);
}

static bool gpio_key_realize(struct device *dev, struct vemu_error **errp)
{
    struct gpio_key *s = container_of(dev, struct gpio_key, dev);
    (void)errp;
    timer_init(&s->release, device_clocks(dev), VCLOCK_VIRTUAL, released, s);
    return true;
}

static void gpio_key_unrealize(struct device *dev)
{
    timer_cancel(&container_of(dev, struct gpio_key, dev)->release);
}

/* The controller's saved state has the level. */
static const struct state_field gpio_key_state[] = {
    STATE_FLAG(struct gpio_key, down),
    STATE_DEADLINE(struct gpio_key, release),
    STATE_FIELDS_END,
};

const struct device_class gpio_key_class = {
    .name = "gpio-key",
    .help = "push-button on a GPIO line",
    .size = sizeof(struct gpio_key),
    .state = gpio_key_state,
    .state_version = 1,
    .realize = gpio_key_realize,
    .unrealize = gpio_key_unrealize,
    .reset = gpio_key_reset,
};

struct device *gpio_key_create(struct vemu_machine *m, struct irq line, struct vemu_error **errp)
{
    struct device *dev = device_new(m, &gpio_key_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct gpio_key, dev)->line = line;
    return device_realize_or_free(dev, errp);
}
