/* Commands that tell what this program is and what the machine is made of. */
#include "libvemu/qmp/commands.h"

#include <stdio.h>
#include <string.h>

#include "core/chardev/chardev.h"
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/util/range.h"
#include "hw/board.h"
#include "libvemu/arch.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"
#include "libvemu/options.h"

/* ---- the protocol ---------------------------------------------------------------------------- */

QMP_COMMAND(qmp_query_version)
{
    (void)opaque, (void)args, (void)err;
    return qmp_version_value(&qmp_schema);
}

QMP_COMMAND(qmp_query_commands)
{
    (void)opaque, (void)args, (void)err;
    return qmp_commands_value(&qmp_schema);
}

QMP_COMMAND(qmp_query_qmp_schema)
{
    (void)opaque, (void)args, (void)err;
    return qmp_introspect(&qmp_schema);
}

/* ---- the machine ----------------------------------------------------------------------------- */

QMP_COMMAND(qmp_query_name)
{
    struct lib_machine *lm = opaque;
    const char *name = config_value(lm->config, "name.guest", NULL);

    (void)args, (void)err;
    return name ? json_pack("{s:o}", "name", qmp_string(name)) : json_object();
}

QMP_COMMAND(qmp_query_uuid)
{
    struct lib_machine *lm = opaque;

    (void)args, (void)err;
    return json_pack("{s:s}", "UUID",
                     config_value(lm->config, "uuid", "00000000-0000-0000-0000-000000000000"));
}

QMP_COMMAND(qmp_query_kvm)
{
    const struct lib_machine *lm = opaque;
    bool enabled = strcmp(lm->accel->name, "kvm") == 0;

    (void)args, (void)err;
    return json_pack("{s:b,s:b}", "enabled", enabled, "present", enabled);
}

QMP_COMMAND(qmp_query_accelerators)
{
    struct lib_machine *lm = opaque;

    (void)args, (void)err;
    return json_pack("{s:s,s:[ss]}", "enabled", lm->accel->name, "present", "tcg", "qtest");
}

static const char *target_name(const struct lib_machine *lm)
{
    return arch_of(lm->config)->name;
}

QMP_COMMAND(qmp_query_target)
{
    (void)args, (void)err;
    return json_pack("{s:s}", "arch", target_name(opaque));
}

QMP_COMMAND(qmp_query_machines)
{
    const struct arch_desc *arch = arch_of(((struct lib_machine *)opaque)->config);
    json_t *list = json_array();

    (void)args, (void)err;
    arch_for_each_board(b, arch, board_classes)
    {
        const char *name = (*b)->versioned ? (*b)->versioned : (*b)->name;
        json_t *entry =
            json_pack("{s:s,s:i,s:b,s:b,s:b}", "name", name, "cpu-max", (int)(*b)->max_cpus,
                      "hotpluggable-cpus", 0, "numa-mem-supported", 0, "deprecated", 0);
        char type[64];

        if ((*b)->versioned)
            json_object_set_new(entry, "alias", json_string((*b)->name));
        snprintf(type, sizeof type, "%s-%s", arch_default_cpu(arch, *b), arch->cpu_suffix);
        if ((*b)->default_cpu)
            json_object_set_new(entry, "default-cpu-type", json_string(type));
        if (strcmp((*b)->name, arch->machine) == 0)
            json_object_set_new(entry, "is-default", json_true());
        json_array_append_new(list, entry);
    }
    return list;
}

/* Interrupt controllers of Arm machines; other guests have none of them. */
QMP_COMMAND(qmp_query_gic_capabilities)
{
    const struct lib_machine *lm = opaque;
    json_t *list = json_array();

    (void)args, (void)err;
    if (arch_of(lm->config)->arch != ARCH_ARM)
        return list;
    for (int version = 2; version <= 3; version++)
        json_array_append_new(
            list, json_pack("{s:i,s:b,s:b}", "version", version, "emulated", 1, "kernel", 0));
    return list;
}

QMP_COMMAND(qmp_query_cpu_definitions)
{
    const struct arch_desc *arch = arch_of(((struct lib_machine *)opaque)->config);
    json_t *list = json_array();

    (void)args, (void)err;
    for (const char *const *name = arch->cpu_models(); *name; name++) {
        char type[64];

        snprintf(type, sizeof type, "%s-%s", *name, arch->cpu_suffix);
        /* "max" is what this build can do: another one may do less. */
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:[],s:b,s:b,s:b}", "name", *name, "typename",
                                        type, "unavailable-features", "static", 0, "migration-safe",
                                        strcmp(*name, "max") != 0, "deprecated", 0));
    }
    return list;
}

QMP_COMMAND(qmp_query_cpus_fast)
{
    struct lib_machine *lm = opaque;
    json_t *list = json_array();

    (void)args, (void)err;
    for (unsigned i = 0; i < lm->m.vcpu_count; i++) {
        char path[64];

        snprintf(path, sizeof path, "/machine/unattached/device[%u]", i);
        json_array_append_new(
            list, json_pack("{s:i,s:s,s:i,s:s}", "cpu-index", (int)i, "qom-path", path, "thread-id",
                            (int)vcpu_thread_id(lm->m.vcpus[i]), "target", target_name(lm)));
    }
    return list;
}

QMP_COMMAND(qmp_query_memory_size_summary)
{
    struct lib_machine *lm = opaque;

    (void)args, (void)err;
    return json_pack("{s:I,s:i}", "base-memory", (json_int_t)lm->m.ram_size, "plugged-memory", 0);
}

QMP_COMMAND(qmp_query_chardev)
{
    struct lib_machine *lm = opaque;
    struct chardev *chr = NULL;
    json_t *list = json_array();

    (void)args, (void)err;
    machine_lock(&lm->m);
    while ((chr = chardev_next(&lm->m, chr))) {
        char what[256];

        chardev_describe(chr, what, sizeof what);
        json_array_append_new(list, json_pack("{s:o,s:o,s:b}", "label", qmp_string(chardev_id(chr)),
                                              "filename", qmp_string(what), "frontend-open",
                                              chardev_in_use(chr)));
    }
    machine_unlock(&lm->m);
    return list;
}

/* ---- options --------------------------------------------------------------------------------- */

static json_t *parameter(const char *name, const char *type, const char *help)
{
    json_t *entry = json_pack("{s:s,s:s}", "name", name, "type", type);

    if (help)
        json_object_set_new(entry, "help", json_string(help));
    return entry;
}

static const char *parameter_type(enum prop_type type)
{
    switch (type) {
    case PROP_BOOL:
        return "boolean";
    case PROP_SIZE:
        return "size";
    case PROP_U8:
    case PROP_U16:
    case PROP_U32:
    case PROP_U64:
        return "number";
    default:
        return "string";
    }
}

static bool has(const json_t *parameters, const char *name)
{
    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *entry = json_array_get(parameters, i);
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0)
            return true;
    }
    return false;
}

/* The properties of every machine type: which of them has which is told by -machine TYPE,help. */
static void add_machine_parameters(json_t *parameters)
{
    json_array_append_new(parameters, parameter("type", "string", NULL));
    for (const struct board_class *const *b = board_classes; *b; b++) {
        for (const struct prop_desc *p = (*b)->props; p && p->name; p++) {
            if (!has(parameters, p->name))
                json_array_append_new(parameters,
                                      parameter(p->name, parameter_type(p->type), p->help));
        }
    }
}

QMP_COMMAND(qmp_query_command_line_options)
{
    const char *only = json_string_value(json_object_get(args, "option"));
    json_t *list = json_array();

    (void)opaque;
    for (const struct option_desc *o = option_table; o->help || o->key; o++) {
        const struct config_key *k = o->action == OPTION_SET ? config_key_find(o->key) : NULL;
        json_t *parameters;

        if (!k || !o->system || (k->shape != CONFIG_PROPS && k->shape != CONFIG_PROPS_LIST) ||
            (only && strcmp(only, k->name) != 0))
            continue;
        parameters = json_array();
        if (strcmp(k->name, "machine") == 0)
            add_machine_parameters(parameters);
        for (const char *const *p = k->props; p && *p; p++)
            json_array_append_new(parameters, parameter(*p, "string", NULL));
        json_array_append_new(list,
                              json_pack("{s:s,s:o}", "option", k->name, "parameters", parameters));
    }
    if (only && !json_array_size(list)) {
        json_decref(list);
        return qmp_fail(err, QMP_GENERIC_ERROR, "'%.60s' is no option that has properties", only);
    }
    return list;
}
