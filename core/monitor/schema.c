/* Tables of a control protocol: finding, checking, describing. See schema.h. */
#include "core/monitor/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"

/* Types refer to each other by pointers; what is described at once has an end. */
enum { TYPES_MAX = 256, PATH_SIZE = 160, QUOTE_MAX = 60 };

const struct qmp_type qmp_str = {.name = "str", .kind = QMP_KIND_STR};
const struct qmp_type qmp_int = {.name = "int", .kind = QMP_KIND_INT};
const struct qmp_type qmp_number = {.name = "number", .kind = QMP_KIND_NUMBER};
const struct qmp_type qmp_bool = {.name = "bool", .kind = QMP_KIND_BOOL};
const struct qmp_type qmp_any = {.name = "any", .kind = QMP_KIND_ANY};
const struct qmp_type qmp_str_list = {.name = "[str]", .kind = QMP_KIND_ARRAY, .element = &qmp_str};

static const struct qmp_type empty = {.name = "q_empty", .kind = QMP_KIND_OBJECT};

/* ---- errors ---------------------------------------------------------------------------------- */

const char *qmp_class_name(enum qmp_class class)
{
    static const char *const names[] = {
        [QMP_GENERIC_ERROR] = "GenericError",      [QMP_COMMAND_NOT_FOUND] = "CommandNotFound",
        [QMP_DEVICE_NOT_FOUND] = "DeviceNotFound", [QMP_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
        [QMP_KVM_MISSING_CAP] = "KVMMissingCap",
    };

    return names[class];
}

void *qmp_fail(struct qmp_error *err, enum qmp_class class, const char *fmt, ...)
{
    va_list ap;

    err->class = class;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    return NULL;
}

void *qmp_fail_with(struct qmp_error *err, enum qmp_class class, struct vemu_error *error)
{
    qmp_fail(err, class, "%s", error ? vemu_error_message(error) : "it did not succeed");
    vemu_error_free(error);
    return NULL;
}

json_t *qmp_string(const char *text)
{
    json_t *value = json_string(text);
    char *copy;

    if (value || !(copy = strdup(text)))
        return value;
    for (char *p = copy; *p; p++) {
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    }
    value = json_string(copy);
    free(copy);
    return value;
}

/* ---- finding --------------------------------------------------------------------------------- */

const struct qmp_command *qmp_command_find(const struct qmp_schema *schema, const char *name)
{
    for (const struct qmp_command *c = schema->commands; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

const struct qmp_event *qmp_event_find(const struct qmp_schema *schema, const char *name)
{
    for (const struct qmp_event *e = schema->events; e->name; e++) {
        if (strcmp(e->name, name) == 0)
            return e;
    }
    return NULL;
}

/* ---- checking -------------------------------------------------------------------------------- */

static const char *const wanted[] = {
    [QMP_KIND_STR] = "a string",     [QMP_KIND_INT] = "a whole number",
    [QMP_KIND_NUMBER] = "a number",  [QMP_KIND_BOOL] = "true or false",
    [QMP_KIND_ANY] = "a value",      [QMP_KIND_ENUM] = "a string",
    [QMP_KIND_OBJECT] = "an object", [QMP_KIND_ARRAY] = "an array",
};

static bool kind_fits(enum qmp_kind kind, const json_t *value)
{
    switch (kind) {
    case QMP_KIND_STR:
    case QMP_KIND_ENUM:
        return json_is_string(value);
    case QMP_KIND_INT:
        return json_is_integer(value);
    case QMP_KIND_NUMBER:
        return json_is_number(value);
    case QMP_KIND_BOOL:
        return json_is_boolean(value);
    case QMP_KIND_OBJECT:
        return json_is_object(value);
    case QMP_KIND_ARRAY:
        return json_is_array(value);
    case QMP_KIND_ANY:
        break;
    }
    return true;
}

static bool check_enum(const struct qmp_type *type, const json_t *value, const char *what,
                       const char *path, struct qmp_error *err)
{
    const char *seen = json_string_value(value);
    char list[256] = "";

    for (const char *const *v = type->values; *v; v++) {
        size_t len = strlen(list);
        if (strcmp(*v, seen) == 0)
            return true;
        snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", *v);
    }
    qmp_fail(err, QMP_GENERIC_ERROR, "%s '%s' is '%.*s', but must be one of %s", what, path,
             QUOTE_MAX, seen, list);
    return false;
}

static bool check_at(const struct qmp_type *type, const json_t *value, const char *what,
                     const char *path, struct qmp_error *err);

static const struct qmp_member *member_find(const struct qmp_type *type, const char *name)
{
    for (const struct qmp_member *m = type->members; m && m->name; m++) {
        if (strcmp(m->name, name) == 0)
            return m;
    }
    return NULL;
}

static void step(char below[PATH_SIZE], const char *path, const char *name)
{
    snprintf(below, PATH_SIZE, "%s%s%.*s", path, *path ? "." : "", QUOTE_MAX, name);
}

static bool check_object(const struct qmp_type *type, const json_t *value, const char *what,
                         const char *path, struct qmp_error *err)
{
    char below[PATH_SIZE];
    const char *key;
    json_t *item;

    for (const struct qmp_member *m = type->members; m && m->name; m++) {
        json_t *given = json_object_get(value, m->name);
        step(below, path, m->name);
        if (!given && !m->optional) {
            qmp_fail(err, QMP_GENERIC_ERROR, "%s '%s' is missing: it must be %s", what, below,
                     wanted[m->type->kind]);
            return false;
        }
        if (given && !check_at(m->type, given, what, below, err))
            return false;
    }
    if (type->open)
        return true;
    json_object_foreach((json_t *)value, key, item)
    {
        if (!member_find(type, key)) {
            step(below, path, key);
            qmp_fail(err, QMP_GENERIC_ERROR, "%s '%s' is not known here", what, below);
            return false;
        }
    }
    return true;
}

static bool check_at(const struct qmp_type *type, const json_t *value, const char *what,
                     const char *path, struct qmp_error *err)
{
    if (!kind_fits(type->kind, value)) {
        qmp_fail(err, QMP_GENERIC_ERROR, "%s%s%s%s must be %s", what, *path ? " '" : "", path,
                 *path ? "'" : "", wanted[type->kind]);
        return false;
    }
    if (type->kind == QMP_KIND_ENUM)
        return check_enum(type, value, what, path, err);
    if (type->kind == QMP_KIND_OBJECT)
        return check_object(type, value, what, path, err);
    for (size_t i = 0; type->kind == QMP_KIND_ARRAY && i < json_array_size(value); i++) {
        char below[PATH_SIZE];
        snprintf(below, sizeof below, "%.*s[%zu]", PATH_SIZE - 24, path, i);
        if (!check_at(type->element, json_array_get(value, i), what, below, err))
            return false;
    }
    return true;
}

bool qmp_check(const struct qmp_type *type, const json_t *value, const char *what,
               struct qmp_error *err)
{
    return check_at(type ? type : &empty, value, what, "", err);
}

/* ---- describing ------------------------------------------------------------------------------ */

json_t *qmp_version_value(const struct qmp_schema *schema)
{
    return json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "micro", (int)schema->micro, "minor",
                     (int)schema->minor, "major", (int)schema->major, "package", schema->package);
}

json_t *qmp_commands_value(const struct qmp_schema *schema)
{
    json_t *list = json_array();

    for (const struct qmp_command *c = schema->commands; c->name; c++)
        json_array_append_new(list, json_pack("{s:s}", "name", c->name));
    return list;
}

/* Types in the order they were first met, each once. */
struct introspection {
    json_t *list;
    const struct qmp_type *seen[TYPES_MAX];
    unsigned count;
};

static void note_type(struct introspection *in, const struct qmp_type *type)
{
    for (unsigned i = 0; i < in->count; i++) {
        if (in->seen[i] == type)
            return;
    }
    if (in->count < TYPES_MAX)
        in->seen[in->count++] = type;
}

static json_t *name_list(const char *const *names)
{
    json_t *list = json_array();

    for (; names && *names; names++)
        json_array_append_new(list, json_string(*names));
    return list;
}

static json_t *describe_object(struct introspection *in, const struct qmp_type *type)
{
    json_t *members = json_array();

    for (const struct qmp_member *m = type->members; m && m->name; m++) {
        json_t *entry = json_pack("{s:s,s:s}", "name", m->name, "type", m->type->name);
        /* "default" of null: it may be left out. */
        if (m->optional)
            json_object_set_new(entry, "default", json_null());
        json_array_append_new(members, entry);
        note_type(in, m->type);
    }
    return json_pack("{s:s,s:s,s:o}", "name", type->name, "meta-type", "object", "members",
                     members);
}

static json_t *describe_type(struct introspection *in, const struct qmp_type *type)
{
    static const char *const json_types[] = {
        [QMP_KIND_STR] = "string",   [QMP_KIND_INT] = "int",   [QMP_KIND_NUMBER] = "number",
        [QMP_KIND_BOOL] = "boolean", [QMP_KIND_ANY] = "value",
    };

    switch (type->kind) {
    case QMP_KIND_OBJECT:
        return describe_object(in, type);
    case QMP_KIND_ENUM:
        return json_pack("{s:s,s:s,s:o}", "name", type->name, "meta-type", "enum", "values",
                         name_list(type->values));
    case QMP_KIND_ARRAY:
        note_type(in, type->element);
        return json_pack("{s:s,s:s,s:s}", "name", type->name, "meta-type", "array", "element-type",
                         type->element->name);
    default:
        return json_pack("{s:s,s:s,s:s}", "name", type->name, "meta-type", "builtin", "json-type",
                         json_types[type->kind]);
    }
}

json_t *qmp_introspect(const struct qmp_schema *schema)
{
    struct introspection in = {.list = json_array()};

    for (const struct qmp_command *c = schema->commands; c->name; c++) {
        const struct qmp_type *arguments = c->arguments ? c->arguments : &empty;
        const struct qmp_type *returns = c->returns ? c->returns : &empty;
        json_t *entry = json_pack("{s:s,s:s,s:s,s:s}", "name", c->name, "meta-type", "command",
                                  "arg-type", arguments->name, "ret-type", returns->name);
        if (c->features)
            json_object_set_new(entry, "features", name_list(c->features));
        json_array_append_new(in.list, entry);
        note_type(&in, arguments);
        note_type(&in, returns);
    }
    for (const struct qmp_event *e = schema->events; e->name; e++) {
        const struct qmp_type *data = e->data ? e->data : &empty;
        json_array_append_new(in.list, json_pack("{s:s,s:s,s:s}", "name", e->name, "meta-type",
                                                 "event", "arg-type", data->name));
        note_type(&in, data);
    }
    for (unsigned i = 0; i < in.count; i++)
        json_array_append_new(in.list, describe_type(&in, in.seen[i]));
    return in.list;
}
