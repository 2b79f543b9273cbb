/* The generic timer's outputs, and the performance monitors'; see arm_timer.h. */
#include "hw/timer/arm_timer.h"

#include <pthread.h>
#include <stdlib.h>
#include "core/clock/clock.h"
#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"
#include "core/util/range.h"
#include "hw/create.h"

struct output {
    struct vcpu *cpu;
    enum arm_timer which;
    pthread_mutex_t lock; /* looking at the registers and telling the line is one thing */
    struct irq line;
    bool level;
    struct timer timer;
};

struct arm_timer_device {
    struct device dev;
    struct vcpu *const *cpus;
    unsigned cpu_count;
    struct output *outputs; /* ARM_OUTPUT_COUNT for each vCPU */
};

static struct arm_timer_device *from_dev(struct device *dev)
{
    return container_of(dev, struct arm_timer_device, dev);
}

/* again: the line is told its level even if it was told already. */
static void update(struct output *o, bool again)
{
    int64_t deadline;

    pthread_mutex_lock(&o->lock);
    bool level = arm_timer_output(o->cpu, o->which, &deadline);
    if (again || level != o->level) {
        o->level = level;
        irq_set(&o->line, level);
    }
    if (!level && deadline != INT64_MAX)
        timer_set(&o->timer, deadline);
    else
        timer_cancel(&o->timer);
    pthread_mutex_unlock(&o->lock);
}

static void due(void *opaque)
{
    update(opaque, false);
}

static struct output *output_of(struct device *dev, unsigned cpu, enum arm_timer which)
{
    return &from_dev(dev)->outputs[cpu * ARM_OUTPUT_COUNT + which];
}

void arm_timer_connect(struct device *dev, unsigned cpu, enum arm_timer which, struct irq line)
{
    output_of(dev, cpu, which)->line = line;
}

void arm_timer_update(struct device *dev, unsigned cpu, enum arm_timer which)
{
    struct output *o = output_of(dev, cpu, which);
    if (o->line.fn)
        update(o, false);
}

/* The registers are reset after this, and the vCPU says so. The controller's inputs start low. */
static void arm_timer_reset(struct device *dev)
{
    struct arm_timer_device *s = from_dev(dev);
    for (unsigned n = 0; n < s->cpu_count * ARM_OUTPUT_COUNT; n++) {
        struct output *o = &s->outputs[n];
        pthread_mutex_lock(&o->lock);
        timer_cancel(&o->timer);
        o->level = false;
        irq_set(&o->line, 0);
        pthread_mutex_unlock(&o->lock);
    }
}

static bool arm_timer_realize(struct device *dev, struct vemu_error **errp)
{
    struct arm_timer_device *s = from_dev(dev);

    s->outputs = calloc((size_t)s->cpu_count * ARM_OUTPUT_COUNT, sizeof *s->outputs);
    if (!s->outputs)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the timers of %u vCPUs",
                         s->cpu_count);
    for (unsigned n = 0; n < s->cpu_count * ARM_OUTPUT_COUNT; n++) {
        struct output *o = &s->outputs[n];
        o->cpu = s->cpus[n / ARM_OUTPUT_COUNT];
        o->which = (enum arm_timer)(n % ARM_OUTPUT_COUNT);
        pthread_mutex_init(&o->lock, NULL);
        timer_init(&o->timer, device_clocks(dev), VCLOCK_VIRTUAL, due, o);
    }
    return true;
}

static void arm_timer_unrealize(struct device *dev)
{
    struct arm_timer_device *s = from_dev(dev);
    for (unsigned n = 0; n < s->cpu_count * ARM_OUTPUT_COUNT; n++) {
        timer_cancel(&s->outputs[n].timer);
        pthread_mutex_destroy(&s->outputs[n].lock);
    }
    free(s->outputs);
    s->outputs = NULL;
}

/* All of it follows from the vCPUs' registers. A timer may have been due when the state was saved
 * and its line not raised yet, so that the controller's state has it low. */
static bool arm_timer_post_load(struct device *dev, struct vemu_error **errp)
{
    struct arm_timer_device *s = from_dev(dev);
    (void)errp;
    for (unsigned n = 0; n < s->cpu_count * ARM_OUTPUT_COUNT; n++)
        if (s->outputs[n].line.fn)
            update(&s->outputs[n], true);
    return true;
}

const struct device_class arm_timer_class = {
    .name = "arm-timer",
    .help = "outputs of the generic timers",
    .size = sizeof(struct arm_timer_device),
    .realize = arm_timer_realize,
    .unrealize = arm_timer_unrealize,
    .reset = arm_timer_reset,
    .post_load = arm_timer_post_load,
};

struct device *arm_timer_create(struct vemu_machine *m, struct vcpu *const *cpus,
                                unsigned cpu_count, struct vemu_error **errp)
{
    struct device *dev = device_new(m, &arm_timer_class, NULL, errp);
    if (!dev)
        return NULL;
    from_dev(dev)->cpus = cpus;
    from_dev(dev)->cpu_count = cpu_count;
    return device_realize_or_free(dev, errp);
}
