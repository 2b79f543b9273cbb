/*
 * What a control protocol offers, as constant tables: types, commands, events. Arguments are
 * checked against them, introspection and the documentation are made from them. The tables stand in
 * one file (libvemu/qmp/schema.c); this module knows none of them.
 *
 * Const data, no shared state: any thread.
 */
#ifndef CORE_MONITOR_SCHEMA_H
#define CORE_MONITOR_SCHEMA_H

#include <stdbool.h>
#include <jansson.h>

struct vemu_error;

enum qmp_kind {
    QMP_KIND_STR,
    QMP_KIND_INT,
    QMP_KIND_NUMBER,
    QMP_KIND_BOOL,
    QMP_KIND_ANY,
    QMP_KIND_ENUM,
    QMP_KIND_OBJECT,
    QMP_KIND_ARRAY,
};

struct qmp_type;

struct qmp_member {
    const char *name;
    const struct qmp_type *type;
    bool optional;
    const char *doc;
};

struct qmp_type {
    const char *name;
    enum qmp_kind kind;
    const char *const *values;        /* an enumeration's, ended by NULL */
    const struct qmp_member *members; /* an object's, ended by a NULL name */
    bool open; /* an object: further members are allowed, and checked by who takes them */
    const struct qmp_type *element; /* an array's */
    const char *doc;
};

/* The types that JSON has. */
extern const struct qmp_type qmp_str, qmp_int, qmp_number, qmp_bool, qmp_any;
extern const struct qmp_type qmp_str_list;

enum qmp_class {
    QMP_GENERIC_ERROR,
    QMP_COMMAND_NOT_FOUND,
    QMP_DEVICE_NOT_FOUND,
    QMP_DEVICE_NOT_ACTIVE,
    QMP_KVM_MISSING_CAP,
};
struct qmp_error {
    enum qmp_class class;
    char text[512];
};

struct qmp_command {
    const char *name;
    /* Runs it: returns the new value to return, {} where `returns` is NULL, or NULL with the error
     * set. args is an object that agrees with `arguments`. */
    json_t *(*run)(void *opaque, json_t *args, struct qmp_error *err);
    const struct qmp_type *arguments; /* NULL: none */
    const struct qmp_type *returns;   /* NULL: an empty object */
    const char *const *features;      /* ended by NULL; may be NULL */
    const char *doc;
};

struct qmp_event {
    const char *name;
    const struct qmp_type *data; /* NULL: none */
    const char *doc;
};

struct qmp_schema {
    unsigned major, minor, micro; /* what clients compare */
    const char *package;
    const struct qmp_command *commands; /* ended by a NULL name */
    const struct qmp_event *events;     /* ended by a NULL name */
};

const struct qmp_command *qmp_command_find(const struct qmp_schema *schema, const char *name);
const struct qmp_event *qmp_event_find(const struct qmp_schema *schema, const char *name);

/* Does value agree with the type? `what` names it in the sentence: "argument", then the path. */
bool qmp_check(const struct qmp_type *type, const json_t *value, const char *what,
               struct qmp_error *err);

/* For query-version and the greeting; query-commands; query-qmp-schema. NULL: no memory. */
json_t *qmp_version_value(const struct qmp_schema *schema);
json_t *qmp_commands_value(const struct qmp_schema *schema);
json_t *qmp_introspect(const struct qmp_schema *schema);

/* Set the error; returns NULL, so that `return qmp_fail(...)` reads well. */
void *qmp_fail(struct qmp_error *err, enum qmp_class class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a sentence of the library's; frees it. */
void *qmp_fail_with(struct qmp_error *err, enum qmp_class class, struct vemu_error *error);
const char *qmp_class_name(enum qmp_class class);

/* Text that need not be UTF-8 (names of files, of argument vectors) as a JSON string. */
json_t *qmp_string(const char *text);

#endif
