/*
 * Types, objects and their properties, as a tree of paths. What has a name of the user's is in
 * /machine/peripheral; vCPUs, then the other devices, are /machine/unattached/device[N].
 */
#include "libvemu/qmp/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "core/util/size.h"
#include "hw/board.h"
#include "libvemu/arch.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"

enum { TYPE_SIZE = 96 };

/* ---- types ----------------------------------------------------------------------------------- */

static void add_type(json_t *list, const char *implements, const char *parent, const char *fmt,
                     const char *name)
{
    char type[TYPE_SIZE];

    if (implements && strcmp(implements, parent) != 0 && strcmp(implements, "object") != 0)
        return;
    snprintf(type, sizeof type, fmt, name);
    json_array_append_new(list, json_pack("{s:s,s:s}", "name", type, "parent", parent));
}

QMP_COMMAND(qmp_qom_list_types)
{
    const char *implements = json_string_value(json_object_get(args, "implements"));
    const struct arch_desc *arch = arch_of(((struct lib_machine *)opaque)->config);
    json_t *list = json_array();

    (void)err;
    add_type(list, implements, "accel", "%s-accel", "tcg");
    add_type(list, implements, "accel", "%s-accel", "qtest");
    arch_for_each_board(b, arch, board_classes)
        add_type(list, implements, "machine", "%s-machine", (*b)->name);
    for (const char *const *name = arch->cpu_models(); *name; name++) {
        char type[TYPE_SIZE];
        snprintf(type, sizeof type, "%s-%s", *name, arch->cpu_suffix);
        add_type(list, implements, "cpu", "%s", type);
    }
    for (const struct device_class *const *c = device_classes; *c; c++)
        add_type(list, implements, "device", "%s", (*c)->name);
    return list;
}

static const char *prop_type_name(const struct prop_desc *p)
{
    switch (p->type) {
    case PROP_BOOL:
        return "bool";
    case PROP_U8:
        return "uint8";
    case PROP_U16:
        return "uint16";
    case PROP_U32:
        return "uint32";
    case PROP_U64:
        return "uint64";
    case PROP_SIZE:
        return "size";
    default:
        return "str";
    }
}

/* Text of a property as the JSON value of its type. */
static json_t *prop_value(const struct prop_desc *p, const char *text)
{
    uint64_t number;

    switch (p->type) {
    case PROP_BOOL:
        return json_boolean(strcmp(text, "on") == 0);
    case PROP_U8:
    case PROP_U16:
    case PROP_U32:
    case PROP_U64:
    case PROP_SIZE:
        return size_parse(text, 1, &number) ? json_integer((json_int_t)number) : qmp_string(text);
    default:
        return qmp_string(text);
    }
}

static json_t *property(const char *name, const char *type, const char *description)
{
    json_t *entry = json_pack("{s:s,s:s}", "name", name, "type", type);

    if (description)
        json_object_set_new(entry, "description", json_string(description));
    return entry;
}

static json_t *table_properties(const struct prop_desc *props)
{
    json_t *list = json_array();

    for (const struct prop_desc *p = props; p && p->name; p++) {
        json_t *entry = property(p->name, prop_type_name(p), p->help);
        if (p->default_value)
            json_object_set_new(entry, "default-value", prop_value(p, p->default_value));
        json_array_append_new(list, entry);
    }
    return list;
}

/* Properties that are not in a device's table: they are read only, and made when they are asked
 * for. */
static const struct {
    const char *name, *type, *help;
    json_t *(*get)(struct device *dev); /* NULL: this device has none such */
} made_properties[] = {
    {"guest-stats", "guest statistics", "what the guest told of its memory", balloon_guest_stats},
};

static void add_made_properties(json_t *list, struct device *dev)
{
    for (unsigned i = 0; i < ARRAY_SIZE(made_properties); i++) {
        json_t *value = made_properties[i].get(dev);
        if (value)
            json_array_append_new(list, property(made_properties[i].name, made_properties[i].type,
                                                 made_properties[i].help));
        json_decref(value);
    }
}

static json_t *made_property(struct device *dev, const char *name)
{
    for (unsigned i = 0; dev && i < ARRAY_SIZE(made_properties); i++) {
        if (strcmp(made_properties[i].name, name) == 0)
            return made_properties[i].get(dev);
    }
    return NULL;
}

static const struct device_class *class_find(const char *name)
{
    for (const struct device_class *const *c = device_classes; *c; c++) {
        if (strcmp((*c)->name, name) == 0)
            return *c;
    }
    return NULL;
}

QMP_COMMAND(qmp_device_list_properties)
{
    const char *name = json_string_value(json_object_get(args, "typename"));
    const struct device_class *cls = class_find(name);

    (void)opaque;
    if (!cls)
        return qmp_fail(err, QMP_DEVICE_NOT_FOUND, "there is no device type '%.80s'", name);
    return table_properties(cls->props);
}

QMP_COMMAND(qmp_qom_list_properties)
{
    const char *name = json_string_value(json_object_get(args, "typename"));
    const struct device_class *cls = class_find(name);
    char type[TYPE_SIZE];

    (void)opaque, (void)err;
    for (const struct board_class *const *b = board_classes; !cls && *b; b++) {
        snprintf(type, sizeof type, "%s-machine", (*b)->name);
        if (strcmp(type, name) == 0)
            return table_properties((*b)->props);
    }
    return table_properties(cls ? cls->props : NULL);
}

/* ---- paths ----------------------------------------------------------------------------------- */

enum node_kind {
    NODE_NONE,
    NODE_ROOT,
    NODE_MACHINE,
    NODE_NAMED,
    NODE_UNNAMED,
    NODE_CPU,
    NODE_DEVICE
};

struct qom_node {
    enum node_kind kind;
    struct device *dev;
};

/* Device n of /machine/unattached, after the vCPUs. */
static struct device *unnamed_device(struct lib_machine *lm, unsigned long n)
{
    list_for_each(dev, &lm->m.devices, struct device, node)
    {
        if (!dev->id && n-- == 0)
            return dev;
    }
    return NULL;
}

struct device *qom_device(struct lib_machine *lm, const char *id)
{
    list_for_each(dev, &lm->m.devices, struct device, node)
    {
        if (dev->id && strcmp(dev->id, id) == 0)
            return dev;
    }
    return NULL;
}

void qom_path(struct lib_machine *lm, const struct device *dev, char *path, size_t len)
{
    unsigned n = lm->m.vcpu_count;

    if (dev->id) {
        snprintf(path, len, "/machine/peripheral/%s", dev->id);
        return;
    }
    list_for_each(other, &lm->m.devices, struct device, node)
    {
        if (other == dev)
            break;
        n += !other->id;
    }
    snprintf(path, len, "/machine/unattached/device[%u]", n);
}

static struct qom_node unnamed_node(struct lib_machine *lm, const char *text)
{
    struct qom_node node = {NODE_NONE, NULL};
    unsigned long n;
    char *end;

    if (*text < '0' || *text > '9')
        return node;
    n = strtoul(text, &end, 10);
    if (strcmp(end, "]") != 0)
        return node;
    if (n < lm->m.vcpu_count)
        node.kind = NODE_CPU;
    else if ((node.dev = unnamed_device(lm, n - lm->m.vcpu_count)))
        node.kind = NODE_DEVICE;
    return node;
}

/* Machine lock held, as for everything that looks at devices. */
static struct qom_node find_node(struct lib_machine *lm, const char *path)
{
    static const char named[] = "/machine/peripheral/", unnamed[] = "/machine/unattached/device[";
    struct qom_node node = {NODE_NONE, NULL};

    if (strcmp(path, "/") == 0)
        node.kind = NODE_ROOT;
    else if (strcmp(path, "/machine") == 0)
        node.kind = NODE_MACHINE;
    else if (strcmp(path, "/machine/peripheral") == 0)
        node.kind = NODE_NAMED;
    else if (strcmp(path, "/machine/unattached") == 0)
        node.kind = NODE_UNNAMED;
    else if (strncmp(path, unnamed, sizeof unnamed - 1) == 0)
        node = unnamed_node(lm, path + sizeof unnamed - 1);
    else if (strncmp(path, named, sizeof named - 1) == 0 &&
             (node.dev = qom_device(lm, path + sizeof named - 1)))
        node.kind = NODE_DEVICE;
    return node;
}

struct device *qom_find_device(struct lib_machine *lm, const char *id_or_path)
{
    return *id_or_path == '/' ? find_node(lm, id_or_path).dev : qom_device(lm, id_or_path);
}

static const char *node_type(struct lib_machine *lm, const struct qom_node *node,
                             char type[TYPE_SIZE])
{
    const struct arch_desc *arch = arch_of(lm->config);
    const char *model = config_value(lm->config, "cpu", arch_default_cpu(arch, lm->board));

    switch (node->kind) {
    case NODE_MACHINE:
        snprintf(type, TYPE_SIZE, "%s-machine", lm->board->name);
        break;
    case NODE_CPU:
        snprintf(type, TYPE_SIZE, "%.*s-%s", (int)strcspn(model, ","), model, arch->cpu_suffix);
        break;
    case NODE_DEVICE:
        snprintf(type, TYPE_SIZE, "%s", node->dev->cls->name);
        break;
    default:
        snprintf(type, TYPE_SIZE, "container");
        break;
    }
    return type;
}

static void add_child(json_t *list, const char *name, const char *type)
{
    char child[TYPE_SIZE + 8];

    snprintf(child, sizeof child, "child<%s>", type);
    json_array_append_new(list, property(name, child, NULL));
}

static void add_children(struct lib_machine *lm, const struct qom_node *node, json_t *list)
{
    const struct qom_node machine = {NODE_MACHINE, NULL}, cpu = {NODE_CPU, NULL};
    char type[TYPE_SIZE], name[32];
    unsigned n = 0;

    switch (node->kind) {
    case NODE_ROOT:
        add_child(list, "machine", node_type(lm, &machine, type));
        break;
    case NODE_MACHINE:
        add_child(list, "peripheral", "container");
        add_child(list, "unattached", "container");
        break;
    case NODE_UNNAMED:
        for (; n < lm->m.vcpu_count; n++) {
            snprintf(name, sizeof name, "device[%u]", n);
            add_child(list, name, node_type(lm, &cpu, type));
        }
        /* fall through */
    case NODE_NAMED:
        list_for_each(dev, &lm->m.devices, struct device, node)
        {
            if (!dev->id != (node->kind == NODE_UNNAMED))
                continue;
            snprintf(name, sizeof name, "device[%u]", n++);
            add_child(list, dev->id ? dev->id : name, dev->cls->name);
        }
        break;
    default:
        break;
    }
}

static void *no_node(struct qmp_error *err, const char *path)
{
    return qmp_fail(err, QMP_DEVICE_NOT_FOUND, "there is nothing at '%.100s'", path);
}

QMP_COMMAND(qmp_qom_list)
{
    const char *path = json_string_value(json_object_get(args, "path"));
    struct lib_machine *lm = opaque;
    json_t *list = NULL;

    machine_lock(&lm->m);
    struct qom_node node = find_node(lm, path);
    if (node.kind != NODE_NONE) {
        list = node.dev ? table_properties(node.dev->cls->props) : json_array();
        /* Of what only holds others clients look at the children alone. */
        if (node.kind == NODE_DEVICE || node.kind == NODE_CPU || node.kind == NODE_MACHINE)
            json_array_insert_new(list, 0, property("type", "string", NULL));
        if (node.dev)
            add_made_properties(list, node.dev);
        add_children(lm, &node, list);
    }
    machine_unlock(&lm->m);
    return list ? list : no_node(err, path);
}

static json_t *get_property(struct lib_machine *lm, const char *path, const char *name,
                            struct qmp_error *err)
{
    struct qom_node node = find_node(lm, path);
    const struct prop_desc *p;
    struct vemu_error *error = NULL;
    char text[512];
    json_t *made;

    if (node.kind == NODE_NONE)
        return no_node(err, path);
    if (strcmp(name, "type") == 0)
        return json_string(node_type(lm, &node, text));
    made = made_property(node.dev, name);
    if (made)
        return made;
    p = node.dev ? device_class_prop(node.dev->cls, name) : NULL;
    if (!p)
        return qmp_fail(err, QMP_GENERIC_ERROR, "'%.100s' has no property '%.60s'", path, name);
    if (!device_get_prop(node.dev, name, text, sizeof text, &error))
        return qmp_fail_with(err, QMP_GENERIC_ERROR, error);
    return prop_value(p, text);
}

QMP_COMMAND(qmp_qom_get)
{
    struct lib_machine *lm = opaque;
    json_t *value;

    machine_lock(&lm->m);
    value = get_property(lm, json_string_value(json_object_get(args, "path")),
                         json_string_value(json_object_get(args, "property")), err);
    machine_unlock(&lm->m);
    return value;
}

/* As -device would have it. False: no property has such a value. */
static bool value_text(const json_t *value, char text[512])
{
    if (json_is_string(value))
        snprintf(text, 512, "%s", json_string_value(value));
    else if (json_is_boolean(value))
        snprintf(text, 512, "%s", json_is_true(value) ? "on" : "off");
    else if (json_is_integer(value))
        snprintf(text, 512, "%lld", (long long)json_integer_value(value));
    else
        return false;
    return !json_is_string(value) || json_string_length(value) < 512;
}

static bool set_property(struct lib_machine *lm, const json_t *args, struct qmp_error *err)
{
    const char *path = json_string_value(json_object_get(args, "path"));
    const char *name = json_string_value(json_object_get(args, "property"));
    struct qom_node node = find_node(lm, path);
    const struct prop_desc *p = node.dev ? device_class_prop(node.dev->cls, name) : NULL;
    struct vemu_error *error = NULL;
    char text[512];

    if (node.kind == NODE_NONE)
        return no_node(err, path);
    if (!p || !p->live)
        return qmp_fail(err, QMP_GENERIC_ERROR,
                        p ? "property '%.60s' of '%.100s' cannot be set while it is in use"
                          : "there is no property '%.60s' of '%.100s' that could be set",
                        name, path);
    if (!value_text(json_object_get(args, "value"), text))
        return qmp_fail(err, QMP_GENERIC_ERROR,
                        "argument 'value' must be a string, a number or a boolean");
    return device_set_prop(node.dev, name, text, &error) ||
           qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

QMP_COMMAND(qmp_qom_set)
{
    struct lib_machine *lm = opaque;
    bool ok;

    machine_lock(&lm->m);
    ok = set_property(lm, args, err);
    machine_unlock(&lm->m);
    return ok ? json_object() : NULL;
}
