/* The configuration tree: nodes, lookups and the public calls that read and write it. */
#include "libvemu/config.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/opts.h"
#include "libvemu/text.h"

enum { QUOTE_MAX = 80 };

/* ---- nodes ----------------------------------------------------------------------------------- */

static void node_free(struct config_node *node)
{
    if (!node)
        return;
    list_for_each_safe(child, &node->children, struct config_node, sibling)
    {
        list_remove(&child->sibling);
        node_free(child);
    }
    free(node->key);
    free(node->value);
    free(node->origin);
    free(node);
}

static struct config_node *node_new(const char *key, const char *value, const char *origin)
{
    struct config_node *node = calloc(1, sizeof *node);

    if (!node)
        return NULL;
    list_init(&node->sibling);
    list_init(&node->children);
    node->key = strdup(key);
    node->value = value ? strdup(value) : NULL;
    node->origin = strdup(origin);
    if (!node->key || (value && !node->value) || !node->origin) {
        node_free(node);
        return NULL;
    }
    return node;
}

static struct config_node *node_clone(const struct config_node *from)
{
    struct config_node *node = node_new(from->key, from->value, from->origin);

    if (!node)
        return NULL;
    list_for_each(child, &from->children, struct config_node, sibling)
    {
        struct config_node *copy = node_clone(child);
        if (!copy) {
            node_free(node);
            return NULL;
        }
        list_add_tail(&node->children, &copy->sibling);
    }
    return node;
}

static struct config_node *find_in(const struct list *nodes, const char *key, size_t len)
{
    list_for_each(node, nodes, struct config_node, sibling)
    {
        if (strlen(node->key) == len && memcmp(node->key, key, len) == 0)
            return node;
    }
    return NULL;
}

/* Put a node in the place of the one of the same key, or at the end. */
static void replace_in(struct list *nodes, struct config_node *node)
{
    struct config_node *old = find_in(nodes, node->key, strlen(node->key));

    list_add_tail(nodes, &node->sibling);
    if (old) {
        list_remove(&old->sibling);
        node_free(old);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

const struct config_node *config_child(const struct config_node *node, const char *key)
{
    return node ? find_in(&node->children, key, strlen(key)) : NULL;
}

const char *config_child_value(const struct config_node *node, const char *key)
{
    const struct config_node *child = config_child(node, key);

    return child ? child->value : NULL;
}

const struct config_node *config_find(const struct vemu_config *cfg, const char *path)
{
    const char *dot = strchr(path, '.');
    const struct config_node *node =
        find_in(&cfg->nodes, path, dot ? (size_t)(dot - path) : strlen(path));

    return dot ? config_child(node, dot + 1) : node;
}

const char *config_value(const struct vemu_config *cfg, const char *path, const char *fallback)
{
    const struct config_node *node = config_find(cfg, path);

    return node && node->value ? node->value : fallback;
}

bool config_flag(const struct vemu_config *cfg, const char *key, bool fallback)
{
    const char *value = config_value(cfg, key, NULL);
    bool on = fallback;

    if (value)
        bool_parse(value, &on);
    return on;
}

const char *config_origin(const struct vemu_config *cfg, const char *path)
{
    const struct config_node *node = config_find(cfg, path);

    return node ? node->origin : path;
}

unsigned config_count(const struct vemu_config *cfg, const char *key)
{
    unsigned n = 0;

    config_for_each(node, cfg, key) n++;
    return n;
}

static bool is_in(const char *const *names, const char *name)
{
    while (names && *names && strcmp(*names, name) != 0)
        names++;
    return names && *names;
}

char *config_node_text(const struct config_node *node, const char *implied, const char *const *skip)
{
    struct text t = {0};

    text_add(&t, "%s", "");
    list_for_each(child, &node->children, struct config_node, sibling)
    {
        if (is_in(skip, child->key))
            continue;
        bool first = !t.len;
        if (!first)
            text_add(&t, ",");
        if (!first || strcmp(child->key, implied) != 0)
            text_add(&t, "%s=", child->key);
        for (const char *p = child->value; *p; p++) {
            if (*p == ',')
                text_add(&t, ",");
            text_add(&t, "%c", *p);
        }
    }
    return t.data;
}

/* ---- writing --------------------------------------------------------------------------------- */

void config_ask(struct vemu_config *cfg, enum config_question question, const char *arg)
{
    if (cfg->question != QUESTION_NONE)
        return;
    cfg->question = question;
    cfg->question_arg = arg ? strdup(arg) : NULL;
}

void config_clear(struct vemu_config *cfg, const char *key)
{
    list_for_each_safe(node, &cfg->nodes, struct config_node, sibling)
    {
        if (strcmp(node->key, key) == 0) {
            list_remove(&node->sibling);
            node_free(node);
        }
    }
}

static bool unknown_key(const char *key, struct vemu_error **errp)
{
    struct text_closest closest;

    text_closest_init(&closest, key);
    for (const struct config_key *k = config_keys; k->name; k++)
        text_closest_try(&closest, k->name);
    if (closest.best)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "'%.*s' is not a configuration key; did you mean '%s'?", QUOTE_MAX, key,
                         closest.best);
    return error_set(errp, VEMU_ERROR_INVALID, "'%.*s' is not a configuration key", QUOTE_MAX, key);
}

static bool check_props(const struct config_key *k, const char *origin, const struct opts *opts,
                        struct vemu_error **errp)
{
    for (unsigned i = 0; k->props && i < opts->count; i++) {
        struct text_closest closest;
        bool known = false;

        text_closest_init(&closest, opts->items[i].key);
        for (const char *const *p = k->props; *p; p++) {
            known |= strcmp(*p, opts->items[i].key) == 0;
            text_closest_try(&closest, *p);
        }
        if (!known && closest.best)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s: '%.*s' is not one of its properties; did you mean '%s'?", origin,
                             QUOTE_MAX, opts->items[i].key, closest.best);
        if (!known) {
            struct text list = {0};
            for (const char *const *p = k->props; *p; p++)
                text_add(&list, "%s%s", p == k->props ? "" : ", ", *p);
            error_set(errp, VEMU_ERROR_INVALID, "%s: '%.*s' is not one of its properties: %s",
                      origin, QUOTE_MAX, opts->items[i].key, list.data ? list.data : "");
            free(list.data);
            return false;
        }
    }
    return true;
}

/* "-device CLASS,help", "-machine q35,help", "-cpu help". */
static bool is_question(struct vemu_config *cfg, const struct config_key *k,
                        const struct opts *opts)
{
    const char *first = opts->count ? opts->items[0].value : "";

    if (k->question == QUESTION_NONE)
        return false;
    if (strcmp(first, "help") == 0 || strcmp(first, "?") == 0) {
        config_ask(cfg, k->question, NULL);
        return true;
    }
    for (unsigned i = 0; i < opts->count; i++) {
        if (!opts->items[i].flag ||
            (strcmp(opts->items[i].key, "help") != 0 && strcmp(opts->items[i].key, "?") != 0))
            continue;
        if (k->question == QUESTION_DEVICES && i > 0)
            config_ask(cfg, QUESTION_DEVICE_PROPS, first);
        else if (k->question == QUESTION_MACHINES)
            config_ask(cfg, QUESTION_MACHINE_PROPS,
                       strcmp(opts->items[0].key, "type") == 0 ? first : NULL);
        else
            config_ask(cfg, k->question, NULL);
        return true;
    }
    return false;
}

static bool set_prop(struct config_node *node, const struct config_key *k, const char *key,
                     const char *value, const char *origin, struct vemu_error **errp)
{
    struct config_node *child = node_new(key, value, origin);

    if (!child)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    if (is_in(k->repeated, key))
        list_add_tail(&node->children, &child->sibling);
    else
        replace_in(&node->children, child);
    return true;
}

/* -machine accel=kvm:tcg is another spelling of -accel kvm -accel tcg. */
static bool move_accel(struct vemu_config *cfg, const char *value, const char *origin,
                       struct vemu_error **errp)
{
    char *names = strdup(value), *rest = names, *name;
    bool ok = names != NULL || error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");

    config_clear(cfg, "accel");
    while (ok && (name = strsep(&rest, ":")))
        ok = config_set(cfg, "accel", name, origin, true, errp);
    free(names);
    return ok;
}

/* A property that may be repeated is an array in JSON: hostfwd.0.str and hostfwd.1.str, or
 * dnssearch.0, are what hostfwd=...,hostfwd=... says. */
static void fold_arrays(const struct config_key *k, struct opts *opts)
{
    for (unsigned i = 0; i < opts->count; i++) {
        char *dot = strchr(opts->items[i].key, '.');
        size_t digits = dot ? strspn(dot + 1, "0123456789") : 0;
        if (!digits || (dot[1 + digits] && strcmp(dot + 1 + digits, ".str") != 0))
            continue;
        *dot = 0;
        if (!is_in(k->repeated, opts->items[i].key))
            *dot = '.';
    }
}

static bool set_props(struct vemu_config *cfg, const struct config_key *k, const struct opts *opts,
                      const char *origin, struct vemu_error **errp)
{
    bool list = k->shape == CONFIG_PROPS_LIST;
    struct config_node *node = list ? NULL : find_in(&cfg->nodes, k->name, strlen(k->name));

    if (!node) {
        node = node_new(k->name, NULL, origin);
        if (!node)
            return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        list_add_tail(&cfg->nodes, &node->sibling);
    }
    for (unsigned i = 0; i < opts->count; i++) {
        if (strcmp(k->name, "machine") == 0 && strcmp(opts->items[i].key, "accel") == 0) {
            if (!move_accel(cfg, opts->items[i].value, origin, errp))
                return false;
        } else if (!set_prop(node, k, opts->items[i].key, opts->items[i].value, origin, errp)) {
            return false;
        }
    }
    return true;
}

static bool set_text(struct vemu_config *cfg, const struct config_key *k, const char *value,
                     const char *origin, struct vemu_error **errp)
{
    struct opts opts;
    bool ok;

    if (*value == '{' ? !opts_parse_json(&opts, origin, value, errp)
                      : !opts_parse(&opts, origin, k->implied, value, errp))
        return false;
    if (*value == '{')
        fold_arrays(k, &opts);
    if (!opts.count) {
        opts_free(&opts);
        return error_set(errp, VEMU_ERROR_INVALID, "%s needs a value: %s, such as %s", origin,
                         k->metavar, k->example);
    }
    ok = is_question(cfg, k, &opts) || (check_props(k, origin, &opts, errp) &&
                                        (!k->check || k->check(origin, value, &opts, errp)) &&
                                        set_props(cfg, k, &opts, origin, errp));
    opts_free(&opts);
    return ok;
}

static bool set_scalar(struct vemu_config *cfg, const struct config_key *k, const char *value,
                       const char *origin, struct vemu_error **errp)
{
    struct config_node *node;
    bool on;

    if (k->question != QUESTION_NONE && (strcmp(value, "help") == 0 || strcmp(value, "?") == 0)) {
        config_ask(cfg, k->question, NULL);
        return true;
    }
    if (k->shape == CONFIG_FLAG && !bool_parse(value, &on))
        return error_set(errp, VEMU_ERROR_INVALID, "%s: '%.*s' is neither on nor off", origin,
                         QUOTE_MAX, value);
    /* An empty command line for the kernel, or no name, is a choice; an empty file name is not. */
    if (!*value && k->example)
        return error_set(errp, VEMU_ERROR_INVALID, "%s needs a value: %s, such as %s", origin,
                         k->metavar, k->example);
    if (k->check && !k->check(origin, value, NULL, errp))
        return false;
    node = node_new(k->name, value, origin);
    if (!node)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    if (k->shape == CONFIG_LIST)
        list_add_tail(&cfg->nodes, &node->sibling);
    else
        replace_in(&cfg->nodes, node);
    return true;
}

/* "machine.hpet": one property, given the checks the whole text would get. */
static bool set_one_prop(struct vemu_config *cfg, const struct config_key *k, const char *prop,
                         const char *value, const char *origin, struct vemu_error **errp)
{
    struct opt item = {.key = (char *)prop, .value = (char *)value};
    struct opts opts = {.items = &item, .count = 1};

    return check_props(k, origin, &opts, errp) &&
           (!k->check || k->check(origin, value, &opts, errp)) &&
           set_props(cfg, k, &opts, origin, errp);
}

bool config_set(struct vemu_config *cfg, const char *key, const char *value, const char *origin,
                bool append, struct vemu_error **errp)
{
    const char *dot = strchr(key, '.');
    char name[32];
    const struct config_key *k;
    bool list;

    if (!value)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: the value is NULL", origin);
    if (dot && (size_t)(dot - key) < sizeof name) {
        memcpy(name, key, (size_t)(dot - key));
        name[dot - key] = 0;
        k = config_key_find(name);
        if (k && k->shape == CONFIG_PROPS && dot[1] && !append)
            return set_one_prop(cfg, k, dot + 1, value, origin, errp);
    }
    k = config_key_find(key);
    if (!k)
        return unknown_key(key, errp);
    list = k->shape == CONFIG_LIST || k->shape == CONFIG_PROPS_LIST;
    if (append && !list)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "'%s' is not a list: set it instead of adding to it", key);
    if (list && !append)
        config_clear(cfg, key);
    return k->shape == CONFIG_PROPS || k->shape == CONFIG_PROPS_LIST
               ? set_text(cfg, k, value, origin, errp)
               : set_scalar(cfg, k, value, origin, errp);
}

const struct config_node *config_add(struct vemu_config *cfg, const char *key, const char *value,
                                     const char *origin, struct vemu_error **errp)
{
    const struct list *last = cfg->nodes.prev;

    if (!config_set(cfg, key, value, origin, true, errp))
        return NULL;
    if (cfg->nodes.prev != last)
        return list_entry(cfg->nodes.prev, struct config_node, sibling);
    error_set(errp, VEMU_ERROR_INVALID, "%s: '%.*s' is a question", origin, QUOTE_MAX, value);
    return NULL;
}

void config_remove(struct vemu_config *cfg, const struct config_node *node)
{
    list_for_each_safe(n, &cfg->nodes, struct config_node, sibling)
    {
        if (n == node) {
            list_remove(&n->sibling);
            node_free(n);
        }
    }
}

/* ---- public ---------------------------------------------------------------------------------- */

struct vemu_config *vemu_config_new(void)
{
    struct vemu_config *cfg = calloc(1, sizeof *cfg);

    if (cfg)
        list_init(&cfg->nodes);
    return cfg;
}

void vemu_config_free(struct vemu_config *cfg)
{
    if (!cfg)
        return;
    list_for_each_safe(node, &cfg->nodes, struct config_node, sibling)
    {
        list_remove(&node->sibling);
        node_free(node);
    }
    free(cfg->question_arg);
    free(cfg->answer);
    free(cfg);
}

struct vemu_config *vemu_config_clone(const struct vemu_config *from)
{
    struct vemu_config *cfg = vemu_config_new();

    if (!cfg)
        return NULL;
    list_for_each(node, &from->nodes, struct config_node, sibling)
    {
        struct config_node *copy = node_clone(node);
        if (!copy) {
            vemu_config_free(cfg);
            return NULL;
        }
        list_add_tail(&cfg->nodes, &copy->sibling);
    }
    return cfg;
}

bool vemu_config_set(struct vemu_config *cfg, const char *key, const char *value,
                     struct vemu_error **errp)
{
    return config_set(cfg, key, value, key, false, errp);
}

bool vemu_config_add(struct vemu_config *cfg, const char *key, const char *value,
                     struct vemu_error **errp)
{
    return config_set(cfg, key, value, key, true, errp);
}

const char *vemu_config_get(const struct vemu_config *cfg, const char *key)
{
    const struct config_key *k = config_key_find(key);
    const struct config_node *node;

    if (k && (k->shape == CONFIG_LIST || k->shape == CONFIG_PROPS_LIST))
        return NULL;
    node = config_find(cfg, key);
    if (node && !node->value && k && k->implied)
        return config_child_value(node, k->implied);
    return node ? node->value : NULL;
}

unsigned vemu_config_count(const struct vemu_config *cfg, const char *key)
{
    return config_count(cfg, key);
}

const char *vemu_config_answer(struct vemu_config *cfg, enum vemu_config_style style)
{
    if (cfg->question == QUESTION_NONE)
        return NULL;
    free(cfg->answer);
    cfg->answer = config_answer_text(cfg, style);
    return cfg->answer ? cfg->answer : "";
}

void vemu_string_free(char *string)
{
    free(string);
}
