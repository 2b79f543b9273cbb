/* APM control and status ports; see apm.h. */
#include "hw/misc/apm.h"

#include "hw/misc/isa_port.h"

enum { APMC, APMS, APM_PORTS };

const struct state_field apm_state[] = {
    STATE_INT(struct apm, control),
    STATE_INT(struct apm, status),
    STATE_FIELDS_END,
};

static uint64_t apm_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct apm *apm = opaque;
    (void)size;
    return offset == APMC ? apm->control : apm->status;
}

static void apm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct apm *apm = opaque;
    (void)size;
    if (offset == APMS) {
        apm->status = (uint8_t)value;
        return;
    }
    apm->control = (uint8_t)value;
    apm->command(apm->opaque, apm->control);
}

static const struct mem_ops apm_ops = {
    .read = apm_read, .write = apm_write, .min_size = 1, .max_size = 1};

bool apm_init(struct apm *apm, struct device *dev, void (*command)(void *opaque, uint8_t value),
              void *opaque, struct vemu_error **errp)
{
    apm->command = command;
    apm->opaque = opaque;
    return isa_port_add(dev, &apm->region, "apm", APM_BASE, APM_PORTS, &apm_ops, apm, errp);
}

void apm_exit(struct apm *apm)
{
    mem_region_remove(&apm->region);
}

void apm_reset(struct apm *apm)
{
    apm->control = apm->status = 0;
}
