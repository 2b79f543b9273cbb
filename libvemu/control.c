/* Monitors as the configuration asks for them: see control.h. */
#include "libvemu/control.h"

#include <config.h> /* the one that configure writes */
#include "core/chardev/chardev.h"
#include "core/device/event.h"
#include "core/util/error.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"

#if CONFIG_JANSSON

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/monitor/qmp.h"
#include "libvemu/hmp/hmp.h"
#include "libvemu/qmp/commands.h"

static bool is_on(const struct config_node *node, const char *key)
{
    const char *value = config_child_value(node, key);

    return value && strcmp(value, "on") == 0;
}

static bool wants(const char *text)
{
    return strcmp(text, "none") != 0;
}

/* -monitor auto: a console beside the guest's screen, where there are monitors. */
static bool is_auto(const struct config_node *node)
{
    return strcmp(node->key, "monitor") == 0 && strcmp(node->value, "auto") == 0;
}

/* A monitor for people; with the back end's other users it shares it. */
static bool add_human(struct lib_machine *lm, struct chardev *chr, const char *id,
                      struct vemu_error **errp)
{
    struct chardev *port = chardev_port(chr, id, errp);

    return port && qmp_add_human(lm->qmp, port, &hmp_monitor, errp);
}

/* -mon chardev=ID[,mode=control|readline] */
static bool add_mon(struct lib_machine *lm, const struct config_node *node,
                    struct vemu_error **errp)
{
    const char *id = config_child_value(node, "chardev"), *mode = config_child_value(node, "mode");
    struct chardev *chr = chardev_find(&lm->m, id);

    if (!chr)
        return error_set(errp, VEMU_ERROR_NOT_FOUND, "%s: there is no -chardev with id=%s",
                         node->origin, id);
    if (!mode || strcmp(mode, "control") != 0)
        return add_human(lm, chr, NULL, errp);
    chr = chardev_port(chr, NULL, errp);
    return chr && qmp_add_chardev(lm->qmp, chr, is_on(node, "pretty"), errp);
}

/* -qmp BACKEND, -monitor BACKEND: a back end and a monitor on it in one. */
static bool add_with_backend(struct lib_machine *lm, const struct config_node *node, const char *id,
                             struct vemu_error **errp)
{
    const bool human = strcmp(node->key, "monitor") == 0;
    struct chardev *chr;

    if (human && strncmp(node->value, "chardev:", 8) == 0) {
        chr = chardev_find(&lm->m, node->value + 8);
        if (!chr)
            return error_set(errp, VEMU_ERROR_NOT_FOUND, "%s: there is no -chardev with id=%s",
                             node->origin, node->value + 8);
        return add_human(lm, chr, NULL, errp);
    }
    chr = chardev_new(&lm->m, id, is_auto(node) ? "vc" : node->value, errp);
    if (chr && (human ? add_human(lm, chr, NULL, errp)
                      : qmp_add_chardev(lm->qmp, chr, strcmp(node->key, "qmp-pretty") == 0, errp)))
        return true;
    error_prefix(errp, "%s: ", node->origin);
    return false;
}

/* Those that serial ports share their back ends with: build.c. */
static bool add_shared(struct lib_machine *lm, struct vemu_error **errp)
{
    struct chardev *chr;
    unsigned n = 0;
    char id[32];

    config_for_each(node, lm->config, "serial")
    {
        snprintf(id, sizeof id, BUILD_SHARED_SERIAL, n++);
        chr = chardev_find(&lm->m, id);
        if (chr && !add_human(lm, chr, NULL, errp))
            return false;
    }
    return true;
}

/* One that brings its back end along. */
static bool is_monitor(const struct config_node *node)
{
    static const char *const keys[] = {"qmp", "qmp-pretty", "monitor"};

    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(node->key, keys[i]) == 0)
            return wants(node->value);
    }
    return false;
}

static bool add_monitors(struct lib_machine *lm, struct vemu_error **errp)
{
    const char *path = config_value(lm->config, "control", "none");
    unsigned n = 0;
    char id[32];

    config_for_each(node, lm->config, "mon")
    {
        if (!add_mon(lm, node, errp))
            return false;
    }
    if (!add_shared(lm, errp))
        return false;
    list_for_each(node, &lm->config->nodes, struct config_node, sibling)
    {
        if (!is_monitor(node))
            continue;
        snprintf(id, sizeof id, "compat_monitor%u", n++);
        if (!add_with_backend(lm, node, id, errp))
            return false;
    }
    return !wants(path) || qmp_listen(lm->qmp, path, config_origin(lm->config, "control"), errp);
}

static bool any_wanted(const struct vemu_config *c)
{
    list_for_each(node, &c->nodes, struct config_node, sibling)
    {
        if (is_monitor(node) || strcmp(node->key, "mon") == 0 ||
            (strcmp(node->key, "serial") == 0 && strncmp(node->value, "mon:", 4) == 0))
            return true;
    }
    return wants(config_value(c, "control", "none"));
}

bool control_build(struct lib_machine *lm, struct vemu_error **errp)
{
    if (!any_wanted(lm->config))
        return true;
    lm->qmp = qmp_new(&lm->m, &qmp_schema, lm);
    if (!lm->qmp)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    return add_monitors(lm, errp);
}

void control_free(struct lib_machine *lm)
{
    qmp_free(lm->qmp);
    lm->qmp = NULL;
}

bool control_pending(struct lib_machine *lm)
{
    return machine_has_event(&lm->m) || (lm->qmp && qmp_pending(lm->qmp));
}

/* The object that a key with a dot goes into; *key: the rest of it. */
static json_t *event_part(json_t *data, const char **key)
{
    size_t len = strcspn(*key, ".");
    char name[32];
    json_t *part;

    if (!(*key)[len] || len >= sizeof name)
        return data;
    memcpy(name, *key, len);
    name[len] = 0;
    *key += len + 1;
    part = json_object_get(data, name);
    if (!part && json_object_set_new(data, name, part = json_object()) != 0)
        return data;
    return part;
}

static json_t *event_data(const struct machine_event *e)
{
    json_t *data = json_object();

    for (unsigned i = 0; i < e->count; i++) {
        const struct event_item *item = &e->items[i];
        json_t *value = item->kind == EVENT_STR    ? qmp_string(item->text)
                        : item->kind == EVENT_BOOL ? json_boolean(item->number)
                                                   : json_integer(item->number);
        const char *key = item->key;
        json_t *part = event_part(data, &key);
        json_object_set_new(part, key, value);
    }
    return data;
}

/* What devices have to tell; told to nobody where there is no monitor. */
static void pass_events(struct lib_machine *lm)
{
    struct machine_event *e;

    while ((e = machine_take_event(&lm->m))) {
        if (lm->qmp)
            qmp_event(lm->qmp, e->name, event_data(e));
        machine_event_free(e);
    }
}

void control_process(struct lib_machine *lm)
{
    pass_events(lm);
    if (lm->qmp)
        qmp_process(lm->qmp);
}

void control_event(struct lib_machine *lm, enum control_event what, enum control_cause cause)
{
    if (lm->qmp)
        qmp_event(lm->qmp, commands_event_name(what), commands_event_data(what, cause));
}

#else

#include <string.h>

bool control_build(struct lib_machine *lm, struct vemu_error **errp)
{
    static const char *const keys[] = {"control", "mon", "qmp", "qmp-pretty", "monitor"};

    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct config_node *node = config_find(lm->config, keys[i]);
        if (node && !(node->value &&
                      (strcmp(node->value, "none") == 0 || strcmp(node->value, "auto") == 0)))
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "%s is not part of this build (configure found no libjansson-dev)",
                             node->origin);
    }
    return true;
}

void control_free(struct lib_machine *lm)
{
    (void)lm;
}

bool control_pending(struct lib_machine *lm)
{
    return machine_has_event(&lm->m);
}

void control_process(struct lib_machine *lm)
{
    struct machine_event *e;

    while ((e = machine_take_event(&lm->m)))
        machine_event_free(e);
}

void control_event(struct lib_machine *lm, enum control_event what, enum control_cause cause)
{
    (void)lm, (void)what, (void)cause;
}

#endif
