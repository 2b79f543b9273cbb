/* Claiming x86 ports; see isa_port.h. */
#include "hw/misc/isa_port.h"

#include <inttypes.h>
#include "core/util/range.h"

enum { PORT_SPACE = 0x10000, PRIORITY_NORMAL = 0, PRIORITY_OVERLAY = 1 };

static bool add(struct device *dev, struct mem_region *r, const char *name, uint64_t base,
                uint64_t count, const struct mem_ops *ops, void *opaque, int priority,
                struct vemu_error **errp)
{
    struct mem_space *io = device_io(dev);

    if (!io)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED, "it needs a machine with x86 I/O ports");
    if (!count || !range_fits(base, count, PORT_SPACE))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "ports 0x%" PRIx64 "+%" PRIu64 " do not fit; the last port is 0xffff",
                         base, count);
    mem_region_init_io(r, name, count, ops, opaque, dev);
    mem_region_add(mem_space_root(io), base, r, priority);
    return true;
}

bool isa_port_add(struct device *dev, struct mem_region *r, const char *name, uint64_t base,
                  uint64_t count, const struct mem_ops *ops, void *opaque, struct vemu_error **errp)
{
    return add(dev, r, name, base, count, ops, opaque, PRIORITY_NORMAL, errp);
}

bool isa_port_add_overlay(struct device *dev, struct mem_region *r, const char *name, uint64_t base,
                          uint64_t count, const struct mem_ops *ops, void *opaque,
                          struct vemu_error **errp)
{
    return add(dev, r, name, base, count, ops, opaque, PRIORITY_OVERLAY, errp);
}
