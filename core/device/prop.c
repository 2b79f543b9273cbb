/* Properties: text to member and back, by the class' table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/block/drive.h"
#include "core/chardev/chardev.h"
#include "core/device/machine.h"
#include "core/device/prop.h"
#include "core/net/net.h"
#include "core/util/endian.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "core/util/size.h"

enum { QUOTE_MAX = 80, CHOICES_MAX = 512 };

static unsigned prop_size(enum prop_type type)
{
    switch (type) {
    case PROP_U8:
        return 1;
    case PROP_U16:
        return 2;
    case PROP_U32:
        return 4;
    default:
        return 8;
    }
}

static void prop_limits(const struct prop_desc *desc, uint64_t *min, uint64_t *max)
{
    *min = desc->min;
    *max = desc->max;
    if (!desc->min && !desc->max)
        *max = mask_bits(prop_size(desc->type) * 8);
}

static bool bad_value(const char *who, const struct prop_desc *desc, const char *value,
                      struct vemu_error **errp, const char *right)
{
    return error_set(errp, VEMU_ERROR_INVALID, "%s: property '%s' is '%.*s' but must be %s", who,
                     desc->name, QUOTE_MAX, value, right);
}

static bool set_integer(const char *who, const struct prop_desc *desc, void *member,
                        const char *value, struct vemu_error **errp)
{
    bool size = desc->type == PROP_SIZE;
    uint64_t v, min, max;
    char right[128], low[SIZE_TEXT], high[SIZE_TEXT];

    prop_limits(desc, &min, &max);
    if ((size ? size_parse(value, 1, &v) : number_parse(value, &v)) && v >= min && v <= max) {
        store_le(member, v, prop_size(desc->type));
        return true;
    }
    if (size && max == UINT64_MAX) {
        snprintf(right, sizeof right, "a size such as 64K, 512M or 8G");
    } else if (size) {
        size_format(min, low);
        size_format(max, high);
        snprintf(right, sizeof right, "a size from %s to %s", low, high);
    } else {
        snprintf(right, sizeof right, "a number from %" PRIu64 " to %" PRIu64 " (0x%" PRIx64 ")",
                 min, max, max);
    }
    return bad_value(who, desc, value, errp, right);
}

static bool set_enum(const char *who, const struct prop_desc *desc, void *member, const char *value,
                     struct vemu_error **errp)
{
    char right[CHOICES_MAX] = "one of ";
    size_t used = strlen(right);

    for (int i = 0; desc->enum_names[i]; i++) {
        if (strcmp(desc->enum_names[i], value) == 0) {
            memcpy(member, &i, sizeof i);
            return true;
        }
        if (used < sizeof right)
            used += (size_t)snprintf(right + used, sizeof right - used, "%s%s", i ? ", " : "",
                                     desc->enum_names[i]);
    }
    return bad_value(who, desc, value, errp, right);
}

static bool set_string(void *member, const char *value, struct vemu_error **errp)
{
    char *copy = strdup(value);
    char **string = member;

    if (!copy)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    free(*string);
    *string = copy;
    return true;
}

static bool set_chardev(struct vemu_machine *m, const char *who, const struct prop_desc *desc,
                        void *member, const char *value, struct vemu_error **errp)
{
    struct chardev *chr = m ? chardev_find(m, value) : NULL;

    if (!chr) {
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "%s: property '%s' is '%.*s' but must be the id of a character device of "
                         "this machine",
                         who, desc->name, QUOTE_MAX, value);
    }
    chr = chardev_port(chr, NULL, errp);
    if (chr)
        memcpy(member, &chr, sizeof chr);
    return chr != NULL;
}

static bool set_drive(struct vemu_machine *m, const char *who, const struct prop_desc *desc,
                      void *member, const char *value, struct vemu_error **errp)
{
    struct drive *drive = m ? drive_find(m, value) : NULL;

    if (!drive)
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "%s: property '%s' is '%.*s' but must be the id of a -drive or the node "
                         "name of a -blockdev",
                         who, desc->name, QUOTE_MAX, value);
    memcpy(member, &drive, sizeof drive);
    return true;
}

static bool set_netdev(struct vemu_machine *m, const char *who, const struct prop_desc *desc,
                       void *member, const char *value, struct vemu_error **errp)
{
    struct netdev *nd = m ? netdev_find(m, value) : NULL;

    if (!nd) {
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "%s: property '%s' is '%.*s' but must be the id of a -netdev of this "
                         "machine",
                         who, desc->name, QUOTE_MAX, value);
    }
    memcpy(member, &nd, sizeof nd);
    return true;
}

bool prop_set(const struct prop_desc *desc, struct vemu_machine *m, const char *who, void *obj,
              const char *value, struct vemu_error **errp)
{
    void *member = (char *)obj + desc->offset;

    switch (desc->type) {
    case PROP_BOOL:
        return bool_parse(value, member) || bad_value(who, desc, value, errp, "on or off");
    case PROP_STRING:
        return set_string(member, value, errp);
    case PROP_CHARDEV:
        return set_chardev(m, who, desc, member, value, errp);
    case PROP_DRIVE:
        return set_drive(m, who, desc, member, value, errp);
    case PROP_NETDEV:
        return set_netdev(m, who, desc, member, value, errp);
    case PROP_MAC:
        return net_address_parse(value, member) ||
               bad_value(who, desc, value, errp, "an Ethernet address, such as 52:54:00:12:34:56");
    case PROP_ENUM:
        return set_enum(who, desc, member, value, errp);
    default:
        return set_integer(who, desc, member, value, errp);
    }
}

void prop_get(const struct prop_desc *desc, const void *obj, char *buf, size_t len)
{
    const void *member = (const char *)obj + desc->offset;
    char size[SIZE_TEXT];
    const char *text = "";
    int choice;

    switch (desc->type) {
    case PROP_BOOL:
        text = *(const bool *)member ? "on" : "off";
        break;
    case PROP_STRING:
        text = *(char *const *)member;
        break;
    case PROP_CHARDEV: {
        struct chardev *chr = *(struct chardev *const *)member;
        text = chr ? chardev_id(chr) : "";
        break;
    }
    case PROP_DRIVE: {
        struct drive *drive = *(struct drive *const *)member;
        text = drive ? drive->id : "";
        break;
    }
    case PROP_NETDEV: {
        struct netdev *nd = *(struct netdev *const *)member;
        text = nd ? netdev_id(nd) : "";
        break;
    }
    case PROP_MAC: {
        const uint8_t *mac = member;
        snprintf(buf, len, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                 mac[5]);
        return;
    }
    case PROP_ENUM:
        memcpy(&choice, member, sizeof choice);
        text = desc->enum_names[choice];
        break;
    case PROP_SIZE:
        size_format(load_le64(member), size);
        text = size;
        break;
    default:
        snprintf(buf, len, "%" PRIu64, load_le(member, prop_size(desc->type)));
        return;
    }
    snprintf(buf, len, "%s", text ? text : "");
}

const struct prop_desc *prop_find(const struct prop_desc *props, const char *name)
{
    for (const struct prop_desc *desc = props; desc && desc->name; desc++) {
        if (strcmp(desc->name, name) == 0)
            return desc;
    }
    return NULL;
}

bool prop_unknown(const struct prop_desc *props, const char *who, const char *name,
                  struct vemu_error **errp)
{
    char known[CHOICES_MAX] = "";
    size_t used = 0;

    for (const struct prop_desc *desc = props; desc && desc->name && used < sizeof known; desc++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                                 desc->name);
    return error_set(errp, VEMU_ERROR_INVALID, "%s has no property '%.*s': %s%s", who, QUOTE_MAX,
                     name, used ? "it has " : "it has none at all", known);
}

bool prop_set_defaults(const struct prop_desc *props, struct vemu_machine *m, const char *who,
                       void *obj, struct vemu_error **errp)
{
    for (const struct prop_desc *desc = props; desc && desc->name; desc++) {
        if (desc->default_value && !prop_set(desc, m, who, obj, desc->default_value, errp))
            return false;
    }
    return true;
}

void prop_free_values(const struct prop_desc *props, void *obj)
{
    for (const struct prop_desc *desc = props; desc && desc->name; desc++) {
        if (desc->type == PROP_STRING) {
            char **string = (char **)(void *)((char *)obj + desc->offset);
            free(*string);
            *string = NULL;
        }
    }
}
