/*
 * The configuration tree inside the library: what the public calls build and build.c turns into a
 * machine. A node remembers how the user wrote it ("-m", "--memory"), so that a sentence about it
 * names that, however late the mistake is found.
 *
 * Three shapes of keys: a scalar is a node with a value ("kernel"); a key with properties is a node
 * with children, the first word of its text being the implied one ("machine": type, hpet, ...); a
 * list is any number of nodes of the same key ("device", "serial"). Owned by struct vemu_config;
 * one thread at a time.
 */
#ifndef LIBVEMU_CONFIG_H
#define LIBVEMU_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <vemu/config.h>
#include "core/util/list.h"

struct opts;

struct config_node {
    struct list sibling;  /* in the parent's children */
    struct list children; /* properties, in the order given */
    char *key;
    char *value;  /* NULL for a node with properties */
    char *origin; /* the option as the user wrote it */
};

enum config_question {
    QUESTION_NONE,
    QUESTION_OPTIONS,
    QUESTION_VERSION,
    QUESTION_MACHINES,
    QUESTION_MACHINE_PROPS, /* arg: the board, NULL: the default one */
    QUESTION_CPUS,
    QUESTION_ACCELS,
    QUESTION_DEVICES,
    QUESTION_DEVICE_PROPS, /* arg: the class */
    QUESTION_CHARDEVS,
    QUESTION_NETDEVS,
    QUESTION_LOG_ITEMS,
};

struct vemu_config {
    struct list nodes;
    enum config_question question; /* the first one asked */
    char *question_arg;
    char *answer;
};

enum config_shape { CONFIG_SCALAR, CONFIG_FLAG, CONFIG_PROPS, CONFIG_LIST, CONFIG_PROPS_LIST };

struct config_key {
    const char *name;
    enum config_shape shape;
    const char *implied;           /* the key of the first word of a PROPS text */
    const char *const *props;      /* properties allowed, NULL-terminated; NULL: checked later */
    const char *const *repeated;   /* properties that may be given several times, or NULL */
    enum config_question question; /* what the value "help" asks for */
    const char *metavar, *example; /* "SIZE", "512M" */
    /* Refuses malformed text; NULL: any. props is NULL for a scalar. */
    bool (*check)(const char *origin, const char *text, struct opts *props,
                  struct vemu_error **errp);
    const char *help;
};

/* keys.c; ended by a NULL name */
extern const struct config_key config_keys[];
const struct config_key *config_key_find(const char *name);

/* Set or append, with the option's spelling for sentences. */
bool config_set(struct vemu_config *cfg, const char *key, const char *value, const char *origin,
                bool append, struct vemu_error **errp);
/* One more node of a list, of a machine that runs: NULL when it is refused. */
const struct config_node *config_add(struct vemu_config *cfg, const char *key, const char *value,
                                     const char *origin, struct vemu_error **errp);
/* Take that one away. */
void config_remove(struct vemu_config *cfg, const struct config_node *node);
void config_ask(struct vemu_config *cfg, enum config_question question, const char *arg);
/* Drop every node of a key. */
void config_clear(struct vemu_config *cfg, const char *key);

/* The node of a key, or of one property "machine.hpet"; NULL when not set. For lists: the first. */
const struct config_node *config_find(const struct vemu_config *cfg, const char *path);
const struct config_node *config_child(const struct config_node *node, const char *key);
const char *config_child_value(const struct config_node *node, const char *key);
/* The value at path, or fallback. */
const char *config_value(const struct vemu_config *cfg, const char *path, const char *fallback);
/* Is the flag on? fallback when it is not set. */
bool config_flag(const struct vemu_config *cfg, const char *key, bool fallback);
/* How the user spelled the option that set path; the path itself when it is not set. */
const char *config_origin(const struct vemu_config *cfg, const char *path);
unsigned config_count(const struct vemu_config *cfg, const char *key);

#define config_for_each(var, cfg, name)                                                            \
    list_for_each(var, &(cfg)->nodes, struct config_node,                                          \
                  sibling) if (strcmp(var->key, (name)) == 0)

/* help.c: the text that answers cfg's question; NULL: no memory. */
char *config_answer_text(const struct vemu_config *cfg, enum vemu_config_style style);
/* Memory text of -m to bytes; unit MiB. */
bool config_memory_parse(const char *text, unsigned long long *bytes);
/* Number of vCPUs that an smp node asks for; 1 for NULL. The node passed its check. */
unsigned config_smp_cpus(const struct config_node *smp);
/* The base of -rtc: start is Unix time, 0 for the host's. */
bool config_rtc_parse(const char *base, bool *localtime, long long *start);
/* "first,key=value,..." of a node with properties, without those in `skip` (ended by NULL, or
 * NULL), as opts_parse takes it; NULL: no memory. Freed by the caller. */
char *config_node_text(const struct config_node *node, const char *implied,
                       const char *const *skip);

#endif
