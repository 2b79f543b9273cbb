/*
 * Disks and network devices of a running machine. A part is a back end and a device, both with the
 * name that the user gives or that is found for it; when the second cannot be made the first goes
 * again.
 */
#include <config.h>
#if CONFIG_JANSSON
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "cli/ctl_parts.h"

enum { ID_SIZE = 64, GUEST_PATIENCE_S = 10 };

static int fail_of(const char *name, const struct control *c)
{
    return cli_fail("machine '%s': %s", name, c->why);
}

/* ---- options --------------------------------------------------------------------------------- */

/* "WORD,KEY=VALUE,..." as an object, the first word under `first`; ",," is a comma. What may come
 * several times becomes an array. */
static json_t *parse_options(const char *first, const char *text)
{
    static const char repeated[] = " hostfwd guestfwd ";
    json_t *options = json_object();
    char *copy = strdup(text), *item = copy;
    bool start = true;

    while (copy && item) {
        char *next = NULL, *equals, word[40], *from = item, *to = item;
        for (; *from; from++) {
            if (*from == ',' && from[1] != ',') {
                next = from + 1;
                break;
            }
            from += *from == ',';
            *to++ = *from;
        }
        *to = 0;
        equals = strchr(item, '=');
        if (start || !equals) {
            json_object_set_new(options, start ? first : item, json_string(start ? item : "on"));
        } else {
            *equals = 0;
            snprintf(word, sizeof word, " %.30s ", item);
            if (strstr(repeated, word)) {
                if (!json_object_get(options, item))
                    json_object_set_new(options, item, json_array());
                json_array_append_new(json_object_get(options, item),
                                      json_pack("{s:s}", "str", equals + 1));
            } else {
                json_object_set_new(options, item, json_string(equals + 1));
            }
        }
        start = false;
        item = next;
    }
    free(copy);
    return options;
}

/* Moves an option from one object to another, if it is there. */
static void move(json_t *from, const char *key, json_t *to)
{
    json_t *value = json_object_get(from, key);

    if (!value)
        return;
    json_object_set(to, key, value);
    json_object_del(from, key);
}

/* The id that was given, taken out of the options, or the first that no device has. */
static bool choose_id(struct control *c, json_t *options, const char *kind, char id[ID_SIZE])
{
    const char *given = json_string_value(json_object_get(options, "id"));
    json_t *list, *entry;
    bool taken = true;
    size_t i;

    if (given) {
        snprintf(id, ID_SIZE, "%s", given);
        json_object_del(options, "id");
        return true;
    }
    list = control_ask(c, "qom-list", json_pack("{s:s}", "path", "/machine/peripheral"));
    for (unsigned n = 0; list && taken; n++) {
        snprintf(id, ID_SIZE, "%s%u", kind, n);
        taken = false;
        json_array_foreach(list, i, entry)
        {
            const char *other = json_string_value(json_object_get(entry, "name"));
            taken |= other && strcmp(other, id) == 0;
        }
    }
    json_decref(list);
    return list != NULL;
}

/* ---- coming and going ------------------------------------------------------------------------ */

static bool ask(struct control *c, const char *command, json_t *arguments)
{
    json_t *value = control_ask(c, command, arguments);

    json_decref(value);
    return value != NULL;
}

/* Back end, then device; `undo` takes the back end away by its name in `key`. */
static int add_part(struct control *c, const char *name, const char *add, json_t *backend,
                    json_t *device, const char *undo, const char *key, const char *id)
{
    char why[sizeof c->why];

    if (!ask(c, add, backend)) {
        json_decref(device);
        return fail_of(name, c);
    }
    if (ask(c, "device_add", device)) {
        printf("%s\n", id);
        return 0;
    }
    memcpy(why, c->why, sizeof why);
    ask(c, undo, json_pack("{s:s}", key, id));
    memcpy(c->why, why, sizeof why);
    return fail_of(name, c);
}

static int remove_part(struct control *c, const char *name, const char *id, const char *undo,
                       const char *key)
{
    if (!ask(c, "device_del", json_pack("{s:s}", "id", id)))
        return fail_of(name, c);
    if (!control_wait_event(c, "DEVICE_DELETED", "device", id, GUEST_PATIENCE_S))
        return cli_fail("machine '%s': the guest has not let '%s' go within %d s; it may do so "
                        "later, or never",
                        name, id, GUEST_PATIENCE_S);
    return ask(c, undo, json_pack("{s:s}", key, id)) ? 0 : fail_of(name, c);
}

/* ---- disks ----------------------------------------------------------------------------------- */

/* By what it begins with. */
static const char *format_of(const char *path)
{
    char magic[4] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool qcow2 = fd >= 0 && read(fd, magic, 4) == 4 && memcmp(magic, "QFI\xfb", 4) == 0;

    if (fd >= 0)
        close(fd);
    return qcow2 ? "qcow2" : "raw";
}

static int disk_add(struct control *c, const char *name, const char *text)
{
    json_t *options = parse_options("file", text), *device, *backend;
    const char *file = json_string_value(json_object_get(options, "file"));
    char id[ID_SIZE], *path = file && *file ? realpath(file, NULL) : NULL;
    int status;

    if (!path || access(path, F_OK) != 0) {
        status = cli_fail("'%s' is not there: make it with vemu-img create", file ? file : "");
    } else if (!choose_id(c, options, "disk", id)) {
        status = fail_of(name, c);
    } else {
        const char *format = json_string_value(json_object_get(options, "format"));
        device = json_pack("{s:s,s:s,s:s}", "driver", "virtio-blk-pci", "drive", id, "id", id);
        move(options, "serial", device);
        move(options, "bus", device);
        move(options, "addr", device);
        backend = json_pack("{s:s,s:s,s:{s:s,s:s}}", "driver", format ? format : format_of(path),
                            "node-name", id, "file", "driver", "file", "filename", path);
        json_object_del(options, "file");
        json_object_del(options, "format");
        json_object_update_missing(backend, options);
        status =
            add_part(c, name, "blockdev-add", backend, device, "blockdev-del", "node-name", id);
    }
    free(path);
    json_decref(options);
    return status;
}

static int disk_list(struct control *c, const char *name)
{
    json_t *list = control_ask(c, "query-block", NULL), *entry;
    size_t i;

    if (!list)
        return fail_of(name, c);
    json_array_foreach(list, i, entry)
    {
        json_t *inserted = json_object_get(entry, "inserted"),
               *image = json_object_get(inserted, "image");
        const char *node = json_string_value(json_object_get(inserted, "node-name"));
        const char *file = json_string_value(json_object_get(image, "filename"));
        const char *drv = json_string_value(json_object_get(inserted, "drv"));
        printf("%-20s %-8s %14lld %s\n", node ? node : "", drv ? drv : "",
               (long long)json_integer_value(json_object_get(image, "virtual-size")),
               file ? file : "");
    }
    json_decref(list);
    return 0;
}

int ctl_disk(struct control *c, const char *name, int argc, const char *const *argv)
{
    if (argc == 1 && strcmp(argv[0], "list") == 0)
        return disk_list(c, name);
    if (argc == 2 && strcmp(argv[0], "add") == 0)
        return disk_add(c, name, argv[1]);
    if (argc == 2 && strcmp(argv[0], "remove") == 0)
        return remove_part(c, name, argv[1], "blockdev-del", "node-name");
    return cli_fail("use it as: vemu ctl %s %s", name, CTL_DISK_USAGE);
}

/* ---- media ----------------------------------------------------------------------------------- */

/* The place of the drive of that name, id or place; without one, of the only drive whose medium can
 * be changed. The caller frees it; NULL: c->why says why. */
static char *find_changeable(struct control *c, const char *wanted)
{
    json_t *list = control_ask(c, "query-block", NULL), *entry;
    unsigned found = 0;
    char *place = NULL;
    size_t i;

    if (!list)
        return NULL;
    json_array_foreach(list, i, entry)
    {
        const char *device = json_string_value(json_object_get(entry, "device"));
        const char *qdev = json_string_value(json_object_get(entry, "qdev"));
        if (!json_is_true(json_object_get(entry, "removable")) || !qdev ||
            (wanted && strcmp(wanted, qdev) != 0 && !(device && strcmp(wanted, device) == 0)))
            continue;
        found++;
        free(place);
        place = strdup(qdev);
    }
    json_decref(list);
    if (found == 1)
        return place;
    free(place);
    snprintf(c->why, sizeof c->why, "%s%.80s%s",
             found
                 ? "there are several drives with media: name one of vemu ctl NAME qmp query-block"
                 : "there is no drive with a medium to be changed",
             wanted ? " called " : "", wanted ? wanted : "");
    return NULL;
}

static int change_medium(struct control *c, const char *name, const char *command,
                         const char *drive, const char *file, bool force)
{
    char *place = find_changeable(c, drive), *path = NULL;
    json_t *arguments;
    int status = 0;

    if (!place)
        return fail_of(name, c);
    arguments = json_pack("{s:s,s:b}", "id", place, "force", force);
    if (file) {
        path = realpath(file, NULL);
        json_object_set_new(arguments, "filename", json_string(path ? path : file));
        json_object_set_new(arguments, "format", json_string(format_of(file)));
    }
    if (!ask(c, command, arguments))
        status = fail_of(name, c);
    free(path);
    free(place);
    return status;
}

static bool take_force(int *argc, const char *const *argv)
{
    bool force = *argc && strcmp(argv[*argc - 1], "force") == 0;

    *argc -= force;
    return force;
}

int ctl_eject(struct control *c, const char *name, int argc, const char *const *argv)
{
    bool force = take_force(&argc, argv);

    if (argc > 1)
        return cli_fail("use it as: vemu ctl %s %s", name, CTL_EJECT_USAGE);
    return change_medium(c, name, "eject", argc ? argv[0] : NULL, NULL, force);
}

int ctl_change(struct control *c, const char *name, int argc, const char *const *argv)
{
    bool force = take_force(&argc, argv);

    if (argc < 1 || argc > 2)
        return cli_fail("use it as: vemu ctl %s %s", name, CTL_CHANGE_USAGE);
    return change_medium(c, name, "blockdev-change-medium", argc == 2 ? argv[0] : NULL,
                         argv[argc - 1], force);
}

/* ---- networks -------------------------------------------------------------------------------- */

static int net_add(struct control *c, const char *name, const char *text)
{
    json_t *backend = parse_options("type", text), *device;
    json_t *model = json_incref(json_object_get(backend, "model"));
    char id[ID_SIZE];
    int status;

    if (!choose_id(c, backend, "net", id)) {
        json_decref(backend);
        status = fail_of(name, c);
    } else {
        json_object_del(backend, "model");
        device = json_pack("{s:s,s:s}", "netdev", id, "id", id);
        json_object_set_new(device, "driver",
                            json_string(model ? json_string_value(model) : "e1000"));
        move(backend, "mac", device);
        move(backend, "bus", device);
        move(backend, "addr", device);
        json_object_set_new(backend, "id", json_string(id));
        status = add_part(c, name, "netdev_add", backend, device, "netdev_del", "id", id);
    }
    json_decref(model);
    return status;
}

int ctl_net(struct control *c, const char *name, int argc, const char *const *argv)
{
    if (argc == 2 && strcmp(argv[0], "add") == 0)
        return net_add(c, name, argv[1]);
    if (argc == 2 && strcmp(argv[0], "remove") == 0)
        return remove_part(c, name, argv[1], "netdev_del", "id");
    if (argc == 2 && (strcmp(argv[0], "on") == 0 || strcmp(argv[0], "off") == 0))
        return ask(c, "set_link",
                   json_pack("{s:s,s:b}", "name", argv[1], "up", strcmp(argv[0], "on") == 0))
                   ? 0
                   : fail_of(name, c);
    return cli_fail("use it as: vemu ctl %s %s", name, CTL_NET_USAGE);
}
#endif
