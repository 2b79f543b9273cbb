/*
 * pc-testdev: ports and memory that bare-metal guests test emulation with.
 *
 *   0xe0-0xe3         a 32-bit latch for port accesses of every size
 *   0xe4-0xe7         a write of a guest-physical address asks to forget cached mappings of that
 *                     page; nothing here caches any, so it is accepted and ignored
 *   0x2000-0x2017     one interrupt line a port: bit 0 is its level
 *   0xff000000 + 64K  memory that only works as a device, for tests of instruction emulation
 */
#include "hw/misc/pc_testdev.h"

#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/misc/isa_port.h"

enum { LATCH_PORT = 0xe0, FLUSH_PORT = 0xe4, LINE_PORT = 0x2000, MEMORY_SIZE = 0x10000 };
#define MEMORY_BASE UINT64_C(0xff000000)

struct pc_testdev {
    struct device dev;
    struct irq line[PC_TESTDEV_LINES];
    uint8_t level[PC_TESTDEV_LINES];
    uint8_t latch[4];
    uint8_t memory[MEMORY_SIZE];
    struct mem_region latch_region, flush_region, line_region, memory_region;
};

static uint64_t latch_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pc_testdev *s = opaque;
    return range_fits(offset, size, sizeof s->latch) ? load_le(s->latch + offset, size) : 0;
}
static void latch_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pc_testdev *s = opaque;
    if (range_fits(offset, size, sizeof s->latch))
        store_le(s->latch + offset, value, size);
}

static uint64_t flush_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque;
    (void)offset;
    (void)size;
    return 0;
}
static void flush_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)opaque;
    (void)offset;
    (void)value;
    (void)size;
}

static uint64_t line_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pc_testdev *s = opaque;
    (void)size;
    return s->level[offset];
}
static void line_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pc_testdev *s = opaque;
    (void)size;
    s->level[offset] = value & 1;
    irq_set(&s->line[offset], value & 1);
}

static uint64_t memory_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pc_testdev *s = opaque;
    return range_fits(offset, size, MEMORY_SIZE) ? load_le(s->memory + offset, size) : 0;
}
static void memory_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pc_testdev *s = opaque;
    if (range_fits(offset, size, MEMORY_SIZE))
        store_le(s->memory + offset, value, size);
}

static const struct mem_ops latch_ops = {
    .read = latch_read, .write = latch_write, .min_size = 1, .max_size = 4, .unaligned = true};
static const struct mem_ops flush_ops = {
    .read = flush_read, .write = flush_write, .min_size = 1, .max_size = 4, .unaligned = true};
static const struct mem_ops line_ops = {
    .read = line_read, .write = line_write, .min_size = 1, .max_size = 1};
static const struct mem_ops memory_ops = {
    .read = memory_read, .write = memory_write, .min_size = 1, .max_size = 8, .unaligned = true};

void pc_testdev_connect(struct device *dev, unsigned n, struct irq line)
{
    struct pc_testdev *s = container_of(dev, struct pc_testdev, dev);
    if (n < PC_TESTDEV_LINES)
        s->line[n] = line;
}

static void pc_testdev_reset(struct device *dev)
{
    struct pc_testdev *s = container_of(dev, struct pc_testdev, dev);
    for (unsigned i = 0; i < PC_TESTDEV_LINES; i++) {
        /* Lines are shared with real devices: lower only what was raised from here. */
        if (s->level[i])
            irq_set(&s->line[i], 0);
        s->level[i] = 0;
    }
    memset(s->latch, 0, sizeof s->latch);
    memset(s->memory, 0, sizeof s->memory);
}

static void pc_testdev_unrealize(struct device *dev)
{
    struct pc_testdev *s = container_of(dev, struct pc_testdev, dev);
    mem_region_remove(&s->latch_region);
    mem_region_remove(&s->flush_region);
    mem_region_remove(&s->line_region);
    mem_region_remove(&s->memory_region);
}

static bool pc_testdev_realize(struct device *dev, struct vemu_error **errp)
{
    struct pc_testdev *s = container_of(dev, struct pc_testdev, dev);

    if (!isa_port_add_overlay(dev, &s->latch_region, "pc-testdev-latch", LATCH_PORT, 4, &latch_ops,
                              s, errp))
        return false;
    if (!isa_port_add_overlay(dev, &s->flush_region, "pc-testdev-flush", FLUSH_PORT, 4, &flush_ops,
                              s, errp))
        goto fail_latch;
    if (!isa_port_add_overlay(dev, &s->line_region, "pc-testdev-lines", LINE_PORT, PC_TESTDEV_LINES,
                              &line_ops, s, errp))
        goto fail_flush;
    mem_region_init_io(&s->memory_region, "pc-testdev-memory", MEMORY_SIZE, &memory_ops, s, dev);
    mem_region_add(mem_space_root(device_memory(dev)), MEMORY_BASE, &s->memory_region, 1);
    return true;

fail_flush:
    mem_region_remove(&s->flush_region);
fail_latch:
    mem_region_remove(&s->latch_region);
    return false;
}

static const struct state_field pc_testdev_state[] = {
    STATE_INT_ARRAY(struct pc_testdev, level, .max = 1),
    STATE_BUFFER(struct pc_testdev, latch),
    STATE_BUFFER(struct pc_testdev, memory),
    STATE_FIELDS_END,
};

const struct device_class pc_testdev_class = {
    .name = "pc-testdev",
    .help = "ports, memory and interrupt lines for bare-metal test guests",
    .size = sizeof(struct pc_testdev),
    .user_creatable = true,
    .bus = "isa",
    .state = pc_testdev_state,
    .state_version = 1,
    .realize = pc_testdev_realize,
    .unrealize = pc_testdev_unrealize,
    .reset = pc_testdev_reset,
};
