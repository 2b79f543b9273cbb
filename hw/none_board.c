/* The machine `none`; see none_board.h. */
#include "hw/none_board.h"

#include "core/device/machine.h"

static bool none_create(struct vemu_machine *m, const struct board_class *cls,
                        const struct board_config *cfg, struct vemu_error **errp)
{
    (void)m, (void)cls;
    return !cfg->kernel ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "machine type 'none' has no processor that could run '%.80s'", cfg->kernel);
}

static bool none_plug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    (void)m;
    return error_set(errp, VEMU_ERROR_INVALID, "machine type 'none' takes no devices, such as '%s'",
                     dev->cls->name);
}

const struct board_class none_board_class = {
    .name = "none",
    .help = "nothing at all, to ask what there is",
    .arch = ARCH_X86,
    .max_cpus = 1,
    .max_ram = UINT64_MAX,
    .empty = true,
    .create = none_create,
    .plug = none_plug,
};
