/* What a machine is made of, as it comes and goes: devices, disks, networks, objects, memory. */
#include "libvemu/hmp/hmp.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/opts.h"
#include "core/util/size.h"
#include "libvemu/machine.h"

/* Option text, TYPE,key=value..., as the arguments of a command; NULL: the error is said. */
static json_t *from_options(struct hmp *h, const char *text, const char *first)
{
    struct vemu_error *err = NULL;
    struct opts opts = {0};
    json_t *args;

    text += strspn(text, " \t");
    if (!*text) {
        hmp_usage(h);
        return NULL;
    }
    if (!opts_parse(&opts, h->name, first, text, &err)) {
        hmp_error(h, "%s", vemu_error_message(err));
        vemu_error_free(err);
        return NULL;
    }
    args = json_object();
    for (unsigned i = 0; i < opts.count; i++)
        json_object_set_new(args, opts.items[i].key, qmp_string(opts.items[i].value));
    opts_free(&opts);
    return args;
}

static void add(struct hmp *h, const char *command, const char *text, const char *first)
{
    json_t *args = from_options(h, text, first);

    if (args)
        hmp_do(h, command, args);
}

static void remove_by_id(struct hmp *h, const char *command, char *args)
{
    const char *id = hmp_word(&args);

    if (id)
        hmp_do(h, command, json_pack("{s:s}", "id", id));
    else
        hmp_usage(h);
}

static void run_device_add(struct hmp *h, char *args)
{
    add(h, "device_add", args, "driver");
}

static void run_device_del(struct hmp *h, char *args)
{
    remove_by_id(h, "device_del", args);
}

static void run_netdev_add(struct hmp *h, char *args)
{
    add(h, "netdev_add", args, "type");
}

static void run_netdev_del(struct hmp *h, char *args)
{
    remove_by_id(h, "netdev_del", args);
}

static void run_object_add(struct hmp *h, char *args)
{
    add(h, "object-add", args, "qom-type");
}

static void run_object_del(struct hmp *h, char *args)
{
    remove_by_id(h, "object-del", args);
}

static void run_set_link(struct hmp *h, char *args)
{
    const char *name = hmp_word(&args), *state = hmp_word(&args);
    bool up;

    if (!state || !bool_parse(state, &up))
        hmp_usage(h);
    else
        hmp_do(h, "set_link", json_pack("{s:s,s:b}", "name", name, "up", up));
}

/* ---- disks and media ------------------------------------------------------------------------- */

/* People name a tray by the -drive that it was made with, or by the device's own id. */
static bool is_drive(struct hmp *h, const char *name)
{
    json_t *list = hmp_call(h, "query-block", NULL), *entry;
    bool found = false;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        found |= strcmp(hmp_text(entry, "device"), name) == 0;
    }
    json_decref(list);
    return found;
}

static json_t *tray(struct hmp *h, const char *name, bool force)
{
    return json_pack("{s:s,s:b}", is_drive(h, name) ? "device" : "id", name, "force", force);
}

static void run_eject(struct hmp *h, char *args)
{
    const bool force = hmp_flag(&args, 'f');
    const char *name = hmp_word(&args);

    if (name)
        hmp_do(h, "eject", tray(h, name, force));
    else
        hmp_usage(h);
}

/* change vnc password PASSWORD, or a medium. */
static void run_change(struct hmp *h, char *args)
{
    const bool force = hmp_flag(&args, 'f');
    const char *name = hmp_word(&args), *file = hmp_word(&args), *format = hmp_word(&args),
               *mode = hmp_word(&args);

    if (!file) {
        hmp_usage(h);
    } else if (strcmp(name, "vnc") == 0) {
        if (format && (strcmp(file, "password") == 0 || strcmp(file, "passwd") == 0))
            hmp_do(h, "change-vnc-password", json_pack("{s:s}", "password", format));
        else
            hmp_error(h, "of a VNC server the password can be changed: change vnc password TEXT");
    } else {
        json_t *call = tray(h, name, force);
        json_object_set_new(call, "filename", qmp_string(file));
        if (format)
            json_object_set_new(call, "format", qmp_string(format));
        if (mode)
            json_object_set_new(call, "read-only-mode", qmp_string(mode));
        hmp_do(h, "blockdev-change-medium", call);
    }
}

/* A number without a suffix is mebibytes. */
static bool size_of(struct hmp *h, const char *text, uint64_t *size)
{
    if (size_parse(text, 1 << 20, size))
        return true;
    hmp_error(h, "'%.80s' is no size: want a number of mebibytes, or one with B, K, M, G or T",
              text);
    return false;
}

static void run_block_resize(struct hmp *h, char *args)
{
    const char *name = hmp_word(&args), *text = hmp_word(&args);
    uint64_t size;

    if (!text)
        hmp_usage(h);
    else if (size_of(h, text, &size))
        hmp_do(h, "block_resize",
               json_pack("{s:s,s:I}", is_drive(h, name) ? "device" : "node-name", name, "size",
                         (json_int_t)size));
}

static void run_balloon(struct hmp *h, char *args)
{
    const char *text = hmp_word(&args);
    uint64_t size;

    if (!text)
        hmp_usage(h);
    else if (size_of(h, text, &size))
        hmp_do(h, "balloon", json_pack("{s:I}", "value", (json_int_t)size));
}

const struct hmp_command hmp_parts[] = {
    {"device_add", NULL, "DRIVER[,PROPERTY=VALUE...]", "plug a device in", run_device_add},
    {"device_del", NULL, "ID", "ask the guest to let a device go", run_device_del},
    {"netdev_add", NULL, "TYPE,id=ID[,KEY=VALUE...]", "make a network back end", run_netdev_add},
    {"netdev_del", NULL, "ID", "take it away", run_netdev_del},
    {"set_link", NULL, "ID on|off", "plug a network cable in, or pull it", run_set_link},
    {"object_add", NULL, "TYPE,id=ID[,KEY=VALUE...]", "make an object", run_object_add},
    {"object_del", NULL, "ID", "take it away", run_object_del},
    {"eject", NULL, "[-f] DRIVE", "take a medium out", run_eject},
    {"change", NULL, "[-f] DRIVE FILE [FORMAT] | vnc password TEXT", "put another medium in",
     run_change},
    {"block_resize", NULL, "DRIVE SIZE", "give an image another size", run_block_resize},
    {"balloon", NULL, "SIZE", "how much memory the guest is to have", run_balloon},
    {.name = NULL},
};
