/* Commands about VNC servers: who watches, passwords, viewers that somebody hands over. */
#include "libvemu/qmp/commands.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/monitor/qmp.h"
#include "core/util/error.h"
#include "libvemu/machine.h"
#include "ui/vnc/server.h"

static const char *text_of(json_t *args, const char *key)
{
    return json_string_value(json_object_get(args, key));
}

/* ---- queries --------------------------------------------------------------------------------- */

static json_t *address_value(const struct vnc_address *a, bool websocket)
{
    return json_pack("{s:s, s:s, s:s, s:b}", "host", a->host, "service", a->service, "family",
                     a->family, "websocket", websocket);
}

static json_t *clients_value(const struct vnc_info *info)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < info->client_count; i++) {
        const struct vnc_client_info *c = &info->clients[i];
        json_t *client = address_value(&c->address, c->websocket);
        if (c->x509_dname[0])
            json_object_set_new(client, "x509_dname", qmp_string(c->x509_dname));
        json_array_append_new(list, client);
    }
    return list;
}

QMP_COMMAND(qmp_query_vnc)
{
    struct vnc_server *s = screens_find_vnc(opaque, NULL);
    struct vnc_info info;
    json_t *value;

    (void)args, (void)err;
    if (!s)
        return json_pack("{s:b}", "enabled", 0);
    vnc_server_info(s, &info);
    value = json_pack("{s:b, s:s, s:o}", "enabled", 1, "auth", info.auth, "clients",
                      clients_value(&info));
    if (info.listener_count) {
        const struct vnc_address *a = &info.listeners[0].address;
        json_object_set_new(value, "host", qmp_string(a->host));
        json_object_set_new(value, "service", json_string(a->service));
        json_object_set_new(value, "family", json_string(a->family));
    }
    free(info.clients);
    return value;
}

/* The words for the server's security and, after "vencrypt+", for what is inside of it. */
static void set_auth(json_t *value, const char *auth)
{
    const char *inner = strncmp(auth, "vencrypt+", 9) == 0 ? auth + 9 : NULL;
    char name[16], *plus;

    json_object_set_new(value, "auth", json_string(inner ? "vencrypt" : auth));
    if (!inner)
        return;
    snprintf(name, sizeof name, "%s", inner);
    if ((plus = strchr(name, '+'))) /* tls-none */
        *plus = '-';
    json_object_set_new(value, "vencrypt", json_string(name));
}

QMP_COMMAND(qmp_query_vnc_servers)
{
    struct lib_machine *lm = opaque;
    json_t *list = json_array();

    (void)args, (void)err;
    for (unsigned i = 0; i < lm->vnc_count; i++) {
        struct vnc_info info;
        json_t *servers = json_array(), *value;
        vnc_server_info(lm->vncs[i], &info);
        for (unsigned n = 0; n < info.listener_count; n++) {
            json_t *server = address_value(&info.listeners[n].address, info.listeners[n].websocket);
            set_auth(server, info.listeners[n].auth);
            json_array_append_new(servers, server);
        }
        value = json_pack("{s:s, s:o, s:o}", "id", info.id, "server", servers, "clients",
                          clients_value(&info));
        set_auth(value, info.auth);
        if (info.display)
            json_object_set_new(value, "display", qmp_string(info.display));
        json_array_append_new(list, value);
        free(info.clients);
    }
    return list;
}

/* ---- passwords ------------------------------------------------------------------------------- */

static struct vnc_server *server_for(struct lib_machine *lm, json_t *args, struct qmp_error *err)
{
    const char *id = text_of(args, "display");
    struct vnc_server *s = screens_find_vnc(lm, id);

    if (s)
        return s;
    return id ? qmp_fail(err, QMP_GENERIC_ERROR, "there is no VNC server with id '%.60s'", id)
              : qmp_fail(err, QMP_DEVICE_NOT_ACTIVE,
                         "the machine has no VNC server: start it with -vnc or -display vnc");
}

QMP_COMMAND(qmp_set_password)
{
    struct vnc_server *s = server_for(opaque, args, err);
    const char *connected = text_of(args, "connected");
    struct vemu_error *error = NULL;

    if (!s)
        return NULL;
    if (connected && strcmp(connected, "fail") == 0) {
        struct vnc_info info;
        vnc_server_info(s, &info);
        free(info.clients);
        if (info.client_count)
            return qmp_fail(err, QMP_GENERIC_ERROR, "%u viewers are connected", info.client_count);
    }
    if (!vnc_server_set_password(s, text_of(args, "password"), &error))
        return qmp_fail_with(err, QMP_GENERIC_ERROR, error);
    if (connected && strcmp(connected, "disconnect") == 0)
        vnc_server_disconnect(s);
    return json_object();
}

QMP_COMMAND(qmp_change_vnc_password)
{
    return qmp_set_password(opaque, args, err);
}

/* "now", "never", "+SECONDS" from now, or seconds of the epoch. */
static bool parse_time(const char *text, int64_t *until)
{
    const char *digits = text + (*text == '+');
    char *end;
    long long n;

    if (strcmp(text, "never") == 0) {
        *until = INT64_MAX;
        return true;
    }
    *until = time(NULL);
    if (strcmp(text, "now") == 0)
        return true;
    errno = 0;
    n = *digits >= '0' && *digits <= '9' ? strtoll(digits, &end, 10) : -1;
    if (n < 0 || *end || errno)
        return false;
    return *text == '+' ? !__builtin_add_overflow(*until, n, until) : (*until = n, true);
}

QMP_COMMAND(qmp_expire_password)
{
    struct vnc_server *s = server_for(opaque, args, err);
    const char *text = text_of(args, "time");
    int64_t until;

    if (!s)
        return NULL;
    if (!parse_time(text, &until))
        return qmp_fail(err, QMP_GENERIC_ERROR,
                        "argument 'time' is '%.40s': want now, never, +SECONDS or seconds since "
                        "1970",
                        text);
    vnc_server_expire_password(s, until);
    return json_object();
}

/* ---- what it is made of ---------------------------------------------------------------------- */

QMP_COMMAND(qmp_display_reload)
{
    struct vemu_error *error = NULL;

    if (!json_is_true(json_object_get(args, "tls-certs")))
        return json_object();
    return screens_reload_credentials(opaque, &error)
               ? json_object()
               : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

/* A SocketAddress in the server's words. */
static bool place_of(json_t *address, char *text, size_t room, struct qmp_error *err)
{
    const char *type = text_of(address, "type"), *host = text_of(address, "host"),
               *port = text_of(address, "port"), *path = text_of(address, "path"),
               *fd = text_of(address, "str");
    int n = -1;

    if (strcmp(type, "inet") == 0 && host && port)
        n = snprintf(text, room, strchr(host, ':') ? "tcp:[%s]:%s" : "tcp:%s:%s", host, port);
    else if (strcmp(type, "unix") == 0 && path)
        n = snprintf(text, room, "unix:%s", path);
    else if (strcmp(type, "fd") == 0 && fd)
        n = snprintf(text, room, "fd:%s", fd);
    if (n > 0 && (size_t)n < room)
        return true;
    qmp_fail(err, QMP_GENERIC_ERROR,
             "argument 'addresses' has one of type '%.20s' that is too long or not whole: inet has "
             "host and port, unix a path, fd a descriptor's number as str",
             type);
    return false;
}

QMP_COMMAND(qmp_display_update)
{
    json_t *list = json_object_get(args, "addresses");
    struct vnc_server *s = screens_find_vnc(opaque, NULL);
    char places[VNC_LISTENERS_MAX][300];
    const char *addresses[VNC_LISTENERS_MAX];
    size_t n = json_array_size(list);
    struct vemu_error *error = NULL;

    if (!list)
        return json_object();
    if (!s)
        return qmp_fail(err, QMP_DEVICE_NOT_ACTIVE,
                        "the machine has no VNC server: start it with -vnc or -display vnc");
    if (n > VNC_LISTENERS_MAX)
        return qmp_fail(err, QMP_GENERIC_ERROR, "a server listens at %d addresses at most",
                        VNC_LISTENERS_MAX);
    for (size_t i = 0; i < n; i++) {
        addresses[i] = places[i];
        if (!place_of(json_array_get(list, i), places[i], sizeof places[i], err))
            return NULL;
    }
    return vnc_server_listen(s, addresses, (unsigned)n, &error)
               ? json_object()
               : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

/* ---- viewers --------------------------------------------------------------------------------- */

QMP_COMMAND(qmp_add_client)
{
    const char *protocol = text_of(args, "protocol"), *name = text_of(args, "fdname");
    struct lib_machine *lm = opaque;
    struct vnc_server *s;
    struct vemu_error *error = NULL;
    int fd;

    s = strcmp(protocol, "vnc") == 0 ? screens_find_vnc(lm, NULL) : screens_find_vnc(lm, protocol);
    if (!s)
        return qmp_fail(err, QMP_GENERIC_ERROR,
                        "argument 'protocol' is '%.60s', but there is no such server: want vnc, or "
                        "the id of a VNC server",
                        protocol);
    fd = qmp_take_named_fd(lm->qmp, name);
    if (fd < 0)
        return qmp_fail(err, QMP_GENERIC_ERROR,
                        "there is no descriptor '%.60s': pass it with getfd", name);
    if (vnc_server_add_client(s, fd, json_is_true(json_object_get(args, "skipauth")), &error))
        return json_object();
    close(fd);
    return qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}
