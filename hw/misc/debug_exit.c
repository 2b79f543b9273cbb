/* isa-debug-exit: how bare-metal tests end the machine with a status; see debug_exit.h. */
#include "hw/misc/debug_exit.h"

#include "core/memory/memory.h"
#include "core/util/range.h"
#include "hw/misc/isa_port.h"

struct debug_exit {
    struct device dev;
    uint64_t iobase, iosize; /* properties */
    struct mem_region region;
};

static uint64_t debug_exit_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque;
    (void)offset;
    (void)size;
    return 0;
}

static void debug_exit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct debug_exit *s = opaque;
    (void)offset;
    (void)size;
    /* Odd, so that no value the guest writes looks like success. */
    device_request(&s->dev, MACHINE_REQUEST_EXIT, (int)((value << 1 | 1) & INT32_MAX));
}

static const struct mem_ops debug_exit_ops = {.read = debug_exit_read,
                                              .write = debug_exit_write,
                                              .min_size = 1,
                                              .max_size = 4,
                                              .unaligned = true};

static bool debug_exit_realize(struct device *dev, struct vemu_error **errp)
{
    struct debug_exit *s = container_of(dev, struct debug_exit, dev);
    return isa_port_add_overlay(dev, &s->region, "isa-debug-exit", s->iobase, s->iosize,
                                &debug_exit_ops, s, errp);
}

static void debug_exit_unrealize(struct device *dev)
{
    mem_region_remove(&container_of(dev, struct debug_exit, dev)->region);
}

static const struct prop_desc debug_exit_props[] = {
    PROP(PROP_U64, struct debug_exit, iobase, "iobase", "0x501", "first I/O port"),
    PROP(PROP_U64, struct debug_exit, iosize, "iosize", "2", "number of ports", .min = 1,
         .max = 0x10000),
    {0},
};

const struct device_class debug_exit_class = {
    .name = "isa-debug-exit",
    .help = "a written value v ends the machine with exit status (v << 1) | 1",
    .size = sizeof(struct debug_exit),
    .user_creatable = true,
    .bus = "isa",
    .props = debug_exit_props,
    .realize = debug_exit_realize,
    .unrealize = debug_exit_unrealize,
};
