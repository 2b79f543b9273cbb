/* Firmware in flash; see flash.h. */
#include "libvemu/flash.h"

#include <stdlib.h>
#include <string.h>
#include <vemu/block.h>

#include "core/block/drive.h"
#include "core/util/error.h"
#include "core/util/firmware.h"
#include "core/util/opts.h"
#include "core/util/size.h"
#include "core/util/range.h"
#include "hw/board.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"

bool flash_is_drive(const struct config_node *node)
{
    const char *interface = config_child_value(node, "if");
    return strcmp(node->key, "drive") == 0 && interface && strcmp(interface, "pflash") == 0;
}

bool flash_is_unit(const char *key)
{
    return strcmp(key, "pflash0") == 0 || strcmp(key, "pflash1") == 0;
}

static bool is_flash(const struct config_node *node)
{
    return strcmp(node->key, "pflash") == 0 || flash_is_drive(node);
}

/* The nodes of the units; false: there is no such unit, or it is taken. */
static bool find_units(const struct vemu_config *cfg, const struct config_node *unit[BOARD_PFLASH],
                       struct vemu_error **errp)
{
    unsigned next = 0;
    for (unsigned n = 0; n < BOARD_PFLASH; n++)
        unit[n] = NULL;
    list_for_each(node, &cfg->nodes, struct config_node, sibling)
    {
        if (!is_flash(node))
            continue;
        const char *text = config_child_value(node, "unit");
        uint64_t n = next;
        if (text && !number_parse(text, &n))
            n = BOARD_PFLASH;
        if (n >= BOARD_PFLASH || unit[n])
            return error_set(
                errp, VEMU_ERROR_INVALID,
                "%s: there is no free flash unit for '%s'; a machine has two, 0 for the "
                "firmware's code and 1 for its variables",
                node->origin, config_child_value(node, "file"));
        unit[n] = node;
        next = (unsigned)n + 1;
    }
    for (unsigned n = 0; n < BOARD_PFLASH; n++) {
        const struct config_node *node =
            config_find(cfg, n ? "machine.pflash1" : "machine.pflash0");
        if (node && unit[n])
            return error_set(errp, VEMU_ERROR_INVALID, "%s: flash unit %u is that of %s already",
                             node->origin, n, unit[n]->origin);
        if (node)
            unit[n] = node;
    }
    return true;
}

bool flash_wanted(const struct vemu_config *cfg)
{
    list_for_each(node, &cfg->nodes, struct config_node, sibling)
    {
        if (is_flash(node))
            return true;
    }
    return config_find(cfg, "machine.pflash0") || config_find(cfg, "machine.pflash1");
}

bool flash_check(const struct vemu_config *cfg, struct vemu_error **errp)
{
    const struct config_node *unit[BOARD_PFLASH];
    if (!find_units(cfg, unit, errp))
        return false;
    for (unsigned n = 0; n < BOARD_PFLASH; n++) {
        if (unit[n] && !unit[n]->value && !config_child_value(unit[n], "file"))
            return error_set(errp, VEMU_ERROR_INVALID, "%s needs an image: file=FILE",
                             unit[n]->origin);
    }
    if (unit[1] && !unit[0])
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: flash unit 1 is below unit 0, which is missing: the firmware's code",
                         unit[1]->origin);
    if (unit[0] && config_value(cfg, "bios", NULL))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: the firmware is in flash already; leave out %s", unit[0]->origin,
                         config_origin(cfg, "bios"));
    return true;
}

/* A block node: the image is opened for the flash alone, as its node says. */
static bool open_node(struct lib_machine *lm, const struct config_node *node, unsigned n,
                      struct board_pflash *out, struct vemu_error **errp)
{
    machine_lock(&lm->m);
    struct drive *d = drive_find(&lm->m, node->value);
    bool ok =
        d ? drive_lend(d, errp)
          : error_set(errp, VEMU_ERROR_NOT_FOUND, "there is no block node '%.80s'", node->value);
    machine_unlock(&lm->m);
    struct vemu_block_options options = {.size = sizeof options};
    if (ok) {
        options.format = d->config.format;
        options.writable = !d->config.read_only;
        lm->flash[n] = vemu_block_open(lm->flash_context, d->config.filename, &options, errp);
    }
    if (!lm->flash[n]) {
        error_prefix(errp, "%s: %s: ", node->origin, node->key);
        return false;
    }
    *out = (struct board_pflash){
        .block = lm->flash[n], .read_only = d->config.read_only, .origin = node->origin};
    return true;
}

static bool open_unit(struct lib_machine *lm, const struct config_node *node, unsigned n,
                      struct board_pflash *out, struct vemu_error **errp)
{
    if (node->value)
        return open_node(lm, node, n, out, errp);
    bool read_only = false;
    const char *text = config_child_value(node, "readonly");
    if (!text)
        text = config_child_value(node, "read-only");
    const char *format = config_child_value(node, "format");
    if (text && !bool_parse(text, &read_only))
        return error_set(errp, VEMU_ERROR_INVALID, "%s: readonly=%s, expected on or off",
                         node->origin, text);
    struct vemu_block_options options = {
        .size = sizeof options, .format = format ? format : "raw", .writable = !read_only};
    char *path = firmware_find(node->origin, config_child_value(node, "file"),
                               (const char *const *)lm->m.firmware_dirs, errp);
    if (!path)
        return false;
    lm->flash[n] = vemu_block_open(lm->flash_context, path, &options, errp);
    free(path);
    if (!lm->flash[n]) {
        error_prefix(errp, "%s: ", node->origin);
        return false;
    }
    *out = (struct board_pflash){
        .block = lm->flash[n], .read_only = read_only, .origin = node->origin};
    return true;
}

bool flash_open(struct lib_machine *lm, struct board_config *cfg, struct vemu_error **errp)
{
    const struct config_node *unit[BOARD_PFLASH];
    struct vemu_block_context_options one = {.size = sizeof one, .workers = 1};
    if (!flash_wanted(lm->config))
        return true;
    if (!find_units(lm->config, unit, errp))
        return false;
    lm->flash_context = vemu_block_context_new(&one, errp);
    if (!lm->flash_context)
        return false;
    for (unsigned n = 0; n < BOARD_PFLASH; n++) {
        if (unit[n] && !open_unit(lm, unit[n], n, &cfg->pflash[n], errp))
            return false;
    }
    return true;
}

void flash_close(struct lib_machine *lm)
{
    for (unsigned n = 0; n < BOARD_PFLASH; n++) {
        vemu_block_close(lm->flash[n], NULL);
        lm->flash[n] = NULL;
    }
    vemu_block_context_free(lm->flash_context);
    lm->flash_context = NULL;
}
