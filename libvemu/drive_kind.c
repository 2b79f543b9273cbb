/* Kinds of drives: see drive_kind.h. */
#include "libvemu/drive_kind.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "core/util/size.h"
#include "hw/board.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"

enum { PLACES = 64, CDROM_INDEX = 2 };

const char *const drive_kind_short_keys[] = {"hda", "hdb", "hdc", "hdd", "cdrom", NULL};

/* Index of a short option; PLACES: it is none. */
static unsigned short_index(const struct config_node *node)
{
    for (unsigned i = 0; drive_kind_short_keys[i]; i++) {
        if (strcmp(drive_kind_short_keys[i], node->key) == 0)
            return i < 4 ? i : CDROM_INDEX;
    }
    return PLACES;
}

const char *drive_kind_file(const struct config_node *node)
{
    return node->value ? node->value : config_child_value(node, "file");
}

bool drive_kind_is_cd(const struct config_node *node)
{
    const char *media = config_child_value(node, "media");

    return strcmp(node->key, "cdrom") == 0 || (media && strcmp(media, "cdrom") == 0);
}

const char *drive_kind_interface(const struct lib_machine *lm, const struct config_node *node)
{
    const char *interface = config_child_value(node, "if");

    if (short_index(node) < PLACES)
        return "ide";
    if (strcmp(node->key, "drive") == 0)
        return interface ? interface : lm->board->ide_units ? "ide" : "virtio";
    return "virtio";
}

/* The index that a drive asks for; PLACES: any, false: it is no number in range. */
static bool wanted_index(const struct lib_machine *lm, const struct config_node *node,
                         unsigned *index, struct vemu_error **errp)
{
    const char *text = config_child_value(node, "index"), *unit = config_child_value(node, "unit"),
               *bus = config_child_value(node, "bus");
    uint64_t n = PLACES, u = 0, b = 0;

    *index = short_index(node);
    if (*index < PLACES || (!text && !unit && !bus))
        return true;
    if (text ? !number_parse(text, &n)
             : (unit && !number_parse(unit, &u)) || (bus && !number_parse(bus, &b)) ||
                   u >= lm->board->ide_units || b >= PLACES)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: index=%s, bus=%s or unit=%s is no place of an IDE disk", node->origin,
                         text ? text : "", bus ? bus : "", unit ? unit : "");
    if (!text)
        n = b * lm->board->ide_units + u;
    if (n >= PLACES)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: index=%s must be less than %d",
                         node->origin, text, PLACES);
    *index = (unsigned)n;
    return true;
}

/* Who says a place has it; the others take what is left, in order. */
static bool find_index(const struct lib_machine *lm, const struct config_node *wanted,
                       unsigned *found, struct vemu_error **errp)
{
    uint64_t taken = 0;
    unsigned index;

    for (unsigned pass = 0; pass < 2; pass++) {
        list_for_each(node, &lm->config->nodes, struct config_node, sibling)
        {
            if ((strcmp(node->key, "drive") != 0 && short_index(node) == PLACES) ||
                strcmp(drive_kind_interface(lm, node), "ide") != 0)
                continue;
            if (!wanted_index(lm, node, &index, errp))
                return false;
            if ((index == PLACES) != (pass == 1))
                continue;
            if (index == PLACES)
                index = ~taken ? (unsigned)__builtin_ctzll(~taken) : PLACES - 1;
            if (taken >> index & 1)
                return error_set(errp, VEMU_ERROR_INVALID,
                                 "%s: another drive has index %u already; give each its own",
                                 node->origin, index);
            taken |= UINT64_C(1) << index;
            if (node == wanted)
                *found = index;
        }
    }
    return true;
}

bool drive_kind_place(const struct lib_machine *lm, const struct config_node *node,
                      char bus[DRIVE_PLACE_TEXT], char unit[DRIVE_PLACE_TEXT],
                      struct vemu_error **errp)
{
    unsigned units = lm->board->ide_units, index = 0;

    if (!units)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s: machine %s has no IDE controller; use if=virtio", node->origin,
                         lm->board->name);
    if (!find_index(lm, node, &index, errp))
        return false;
    snprintf(bus, DRIVE_PLACE_TEXT, "ide.%u", index / units);
    snprintf(unit, DRIVE_PLACE_TEXT, "%u", index % units);
    return true;
}
