/* Which firmware a machine starts with: -bios, else the board's own when no kernel is started
 * directly. */
#include <stdlib.h>
#include <string.h>

#include "accel/qtest/qtest.h"
#include "core/util/error.h"
#include "core/util/firmware.h"
#include "hw/board.h"
#include "libvemu/arch.h"
#include "libvemu/config.h"
#include "libvemu/flash.h"
#include "libvemu/machine.h"

/* -L, in the order given. */
static bool take_dirs(struct lib_machine *lm, struct vemu_error **errp)
{
    unsigned n = 0;

    machine_free_firmware_dirs(&lm->m);
    lm->m.firmware_dirs =
        calloc(config_count(lm->config, "firmware-dir") + 1, sizeof *lm->m.firmware_dirs);
    if (!lm->m.firmware_dirs)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    config_for_each(node, lm->config, "firmware-dir")
    {
        if (!(lm->m.firmware_dirs[n++] = strdup(node->value)))
            return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    }
    return true;
}

bool check_firmware(struct lib_machine *lm, struct vemu_error **errp)
{
    const char *name = config_value(lm->config, "bios", NULL), *origin = "-bios";

    free(lm->bios);
    lm->bios = NULL;
    if (!take_dirs(lm, errp))
        return false;
    if (!flash_check(lm->config, errp))
        return false;
    if (flash_wanted(lm->config) || lm->board->empty)
        return true;
    if (name) {
        origin = config_origin(lm->config, "bios");
    } else if (!config_value(lm->config, "kernel", NULL)) {
        name = arch_default_firmware(arch_of(lm->config), lm->board);
        origin = "without a kernel the machine starts firmware";
    }
    if (!name && !config_value(lm->config, "kernel", NULL) && lm->accel != qtest_accel())
        return error_set(errp, VEMU_ERROR_INVALID,
                         "there is nothing to start: machine type '%s' has no firmware of its own; "
                         "give a kernel with kernel=FILE or -kernel FILE",
                         lm->board->name);
    if (!name || strcmp(name, "none") == 0)
        return true;
    lm->bios = firmware_find(origin, name, (const char *const *)lm->m.firmware_dirs, errp);
    return lm->bios != NULL;
}
