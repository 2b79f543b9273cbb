/* Commands about networks: back ends that come and go, cables, and descriptors for them. */
#include "libvemu/qmp/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/monitor/qmp.h"
#include "core/net/net.h"
#include "core/util/error.h"
#include "libvemu/machine.h"
#include "libvemu/networks.h"

/* ---- descriptors ----------------------------------------------------------------------------- */

QMP_COMMAND(qmp_getfd)
{
    const char *name = json_string_value(json_object_get(args, "fdname"));
    struct lib_machine *lm = opaque;
    struct vemu_error *error = NULL;
    int fd;

    if (!*name || isdigit((unsigned char)*name))
        return qmp_fail(err, QMP_GENERIC_ERROR,
                        "argument 'fdname' is '%.60s', but a number would be taken for the "
                        "descriptor itself: begin it with a letter",
                        name);
    fd = qmp_take_fd(lm->qmp);
    if (fd < 0)
        return qmp_fail(err, QMP_GENERIC_ERROR,
                        "no descriptor came with the message: pass one by SCM_RIGHTS");
    if (qmp_name_fd(lm->qmp, name, fd, &error))
        return json_object();
    close(fd);
    return qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

QMP_COMMAND(qmp_closefd)
{
    const char *name = json_string_value(json_object_get(args, "fdname"));
    struct lib_machine *lm = opaque;

    if (qmp_close_fd(lm->qmp, name))
        return json_object();
    return qmp_fail(err, QMP_GENERIC_ERROR, "there is no descriptor '%.60s'", name);
}

/* ---- back ends ------------------------------------------------------------------------------- */

/* "fd" may be the name of a descriptor that getfd got: then it stands for its number, and the
 * descriptor is used up. *fd: to be closed afterwards. */
static bool name_to_fd(struct lib_machine *lm, json_t *args, int *fd, struct qmp_error *err)
{
    const char *name = json_string_value(json_object_get(args, "fd"));
    char number[16];

    *fd = -1;
    if (!name || isdigit((unsigned char)*name))
        return true;
    *fd = qmp_take_named_fd(lm->qmp, name);
    if (*fd < 0) {
        qmp_fail(err, QMP_GENERIC_ERROR, "there is no descriptor '%.60s': pass it with getfd",
                 name);
        return false;
    }
    snprintf(number, sizeof number, "%d", *fd);
    json_object_set_new(args, "fd", json_string(number));
    return true;
}

QMP_COMMAND(qmp_netdev_add)
{
    struct lib_machine *lm = opaque;
    struct vemu_error *error = NULL;
    char *text;
    bool ok;
    int fd;

    if (!name_to_fd(lm, args, &fd, err))
        return NULL;
    text = json_dumps(args, 0);
    ok = text ? networks_add_netdev(lm, text, &error)
              : error_set(&error, VEMU_ERROR_NO_MEMORY, "out of memory");
    free(text);
    if (fd >= 0)
        close(fd);
    return ok ? json_object() : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

QMP_COMMAND(qmp_netdev_del)
{
    const char *id = json_string_value(json_object_get(args, "id"));
    struct lib_machine *lm = opaque;
    struct vemu_error *error = NULL;

    if (!networks_has_netdev(lm, id))
        return qmp_fail(err, QMP_DEVICE_NOT_FOUND, "there is no network back end '%.80s'", id);
    return networks_remove_netdev(lm, id, &error) ? json_object()
                                                  : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

/* ---- cables ---------------------------------------------------------------------------------- */

/* By the back end's name, or the device's. Machine lock held. */
static struct netdev *find_netdev(struct lib_machine *lm, const char *name)
{
    struct netdev *nd = netdev_find(&lm->m, name);
    struct device *dev = nd ? NULL : qom_device(lm, name);

    for (const struct prop_desc *p = dev ? dev->cls->props : NULL; p && p->name; p++) {
        if (p->type == PROP_NETDEV)
            nd = *(struct netdev **)(void *)((char *)dev + p->offset);
    }
    return nd;
}

QMP_COMMAND(qmp_set_link)
{
    const char *name = json_string_value(json_object_get(args, "name"));
    struct lib_machine *lm = opaque;
    struct netdev *nd;

    machine_lock(&lm->m);
    nd = find_netdev(lm, name);
    if (nd)
        netdev_set_link(nd, json_is_true(json_object_get(args, "up")));
    machine_unlock(&lm->m);
    if (nd)
        return json_object();
    return qmp_fail(err, QMP_DEVICE_NOT_FOUND,
                    "there is no network device or back end '%.80s', or nothing behind it", name);
}
