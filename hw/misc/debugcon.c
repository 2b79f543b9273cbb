/*
 * isa-debugcon: the one-port debug console that firmware prints to; see debugcon.h. There is no
 * flow control towards the guest, so what the chardev does not take at once waits in a buffer, and
 * only what does not fit there is lost.
 */
#include "hw/misc/debugcon.h"

#include "core/chardev/chardev.h"
#include "core/memory/memory.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/isa_port.h"

enum { BUFFER_SIZE = 4096 };

struct debugcon {
    struct device dev;
    uint64_t iobase;     /* property */
    uint32_t readback;   /* property */
    struct chardev *chr; /* property */
    bool attached;
    uint32_t pending; /* bytes in buffer */
    uint8_t buffer[BUFFER_SIZE];
    struct mem_region region;
};

static void flush(struct debugcon *s)
{
    size_t taken = chardev_write(s->chr, s->buffer, s->pending);
    taken = MIN(taken, s->pending);
    s->pending -= (uint32_t)taken;
    for (uint32_t i = 0; i < s->pending && taken; i++)
        s->buffer[i] = s->buffer[i + taken];
}

static uint64_t debugcon_read(void *opaque, uint64_t offset, unsigned size)
{
    struct debugcon *s = opaque;
    (void)offset;
    (void)size;
    return s->readback;
}

static void debugcon_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct debugcon *s = opaque;
    (void)offset;
    (void)size;
    if (!s->chr)
        return;
    if (s->pending < BUFFER_SIZE)
        s->buffer[s->pending++] = (uint8_t)value;
    flush(s);
}

static const struct mem_ops debugcon_ops = {
    .read = debugcon_read, .write = debugcon_write, .min_size = 1, .max_size = 1};

static size_t can_receive(void *opaque)
{
    (void)opaque;
    return BUFFER_SIZE; /* input goes nowhere: the guest has no way to read it */
}
static void receive(void *opaque, const uint8_t *data, size_t len)
{
    (void)opaque;
    (void)data;
    (void)len;
}
static void writable(void *opaque)
{
    struct debugcon *s = opaque;
    if (s->pending)
        flush(s);
}
static const struct chardev_frontend frontend = {
    .can_receive = can_receive, .receive = receive, .writable = writable};

static void debugcon_unrealize(struct device *dev)
{
    struct debugcon *s = container_of(dev, struct debugcon, dev);
    mem_region_remove(&s->region);
    if (s->attached)
        chardev_attach(s->chr, NULL, NULL, NULL);
    s->attached = false;
}

static bool debugcon_realize(struct device *dev, struct vemu_error **errp)
{
    struct debugcon *s = container_of(dev, struct debugcon, dev);

    if (!isa_port_add_overlay(dev, &s->region, "isa-debugcon", s->iobase, 1, &debugcon_ops, s,
                              errp))
        return false;
    if (s->chr && !chardev_attach(s->chr, &frontend, s, errp)) {
        mem_region_remove(&s->region);
        return false;
    }
    s->attached = s->chr != NULL;
    return true;
}

static const struct prop_desc debugcon_props[] = {
    PROP(PROP_U64, struct debugcon, iobase, "iobase", "0xe9", "I/O port"),
    PROP(PROP_U32, struct debugcon, readback, "readback", "0xe9", "what the port reads as"),
    PROP(PROP_CHARDEV, struct debugcon, chr, "chardev", NULL, "character device it prints to"),
    {0},
};

const struct device_class debugcon_class = {
    .name = "isa-debugcon",
    .help = "port whose written bytes go to a character device",
    .size = sizeof(struct debugcon),
    .user_creatable = true,
    .bus = "isa",
    .props = debugcon_props,
    .realize = debugcon_realize,
    .unrealize = debugcon_unrealize,
};

struct device *debugcon_create(struct vemu_machine *m, const struct debugcon_config *cfg,
                               struct vemu_error **errp)
{
    struct device *dev = device_new(m, &debugcon_class, NULL, errp);
    if (!dev)
        return NULL;
    struct debugcon *s = container_of(dev, struct debugcon, dev);
    if (cfg->iobase)
        s->iobase = cfg->iobase;
    s->chr = cfg->chr;
    return device_realize_or_free(dev, errp);
}
