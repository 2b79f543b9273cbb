/* From options to what shows the screen: see screens.h. */
#include "libvemu/screens.h"

#include <stdlib.h>
#include <string.h>

#include "core/display/display.h"
#include "core/util/error.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"
#include "libvemu/windows.h"
#include "ui/vnc/server.h"

enum { QUOTE_MAX = 80, DISPLAY_N_MAX = 65535 - VNC_PORT, HEAD_MAX = 63 };

/* Where -display vnc listens when it is not told where, and how far it looks for a free port. */
#define DEFAULT_ADDRESS "127.0.0.1:0"
enum { DEFAULT_TO = 99 };

static const char *const share_names[] = {"allow-exclusive", "force-shared", "ignore", NULL};

/* ---- checks ---------------------------------------------------------------------------------- */

static int share_number(const char *text)
{
    for (int i = 0; share_names[i]; i++) {
        if (strcmp(text, share_names[i]) == 0)
            return i;
    }
    return -1;
}

/* What -vnc and -display vnc have in common. */
static bool check_vnc_props(const char *origin, struct opts *props, struct vemu_error **errp)
{
    const char *share = opts_get(props, "share");
    bool flag;
    uint64_t n;

    opts_get(props, "id");
    opts_get(props, "display");
    opts_get(props, "audiodev"); /* there is no sound yet: the one it names is none */
    if (share && share_number(share) < 0)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: share '%.*s': want allow-exclusive, force-shared or ignore", origin,
                         QUOTE_MAX, share);
    return opts_get_bool(props, origin, "password", &flag, errp) &&
           opts_get_number(props, origin, "to", 0, DISPLAY_N_MAX, &n, errp) &&
           opts_get_number(props, origin, "head", 0, HEAD_MAX, &n, errp) &&
           opts_check_used(props, origin, "id, to, password, share, display, head and audiodev",
                           errp);
}

bool screens_check_vnc(const char *origin, const char *text, struct opts *props,
                       struct vemu_error **errp)
{
    (void)text;
    /* vnc=ADDRESS is what some programs write. */
    if (!opts_get(props, "address") && !opts_get(props, "vnc"))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s needs an address first: HOST:N, unix:PATH, fd:N or none", origin);
    return check_vnc_props(origin, props, errp);
}

bool screens_check_display(const char *origin, const char *text, struct opts *props,
                           struct vemu_error **errp)
{
    const char *type = opts_get(props, "type");

    (void)text;
    if (opts_get(props, "vnc") || (type && strcmp(type, "vnc") == 0))
        return check_vnc_props(origin, props, errp);
    if (windows_meant(props))
        return windows_check(origin, props, errp);
    if (!type || strcmp(type, "none") != 0)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s '%.*s' is not available; use none, vnc or sdl", origin, QUOTE_MAX,
                         type ? type : "");
    return opts_check_used(props, origin, "type", errp);
}

/* ---- making ---------------------------------------------------------------------------------- */

static const char *address_of(const struct config_node *node)
{
    const char *address = config_child_value(node, "vnc");

    return address ? address : config_child_value(node, "address");
}

static bool is_display_vnc(const struct config_node *display)
{
    const char *type = display ? config_child_value(display, "type") : NULL;

    return display && (config_child_value(display, "vnc") || (type && strcmp(type, "vnc") == 0));
}

bool screens_wanted(const struct vemu_config *cfg)
{
    config_for_each(node, cfg, "vnc")
    {
        if (strcmp(address_of(node), "none") != 0)
            return true;
    }
    return is_display_vnc(config_find(cfg, "display")) || windows_wanted(cfg);
}

static unsigned number(const struct config_node *node, const char *key, unsigned fallback)
{
    const char *text = config_child_value(node, key);

    return text ? (unsigned)strtoul(text, NULL, 0) : fallback;
}

static bool add_vnc(struct lib_machine *lm, const struct config_node *node, const char *address,
                    unsigned to, struct vemu_error **errp)
{
    const char *id = config_child_value(node, "id"), *share = config_child_value(node, "share"),
               *password = config_child_value(node, "password");
    struct vnc_config cfg = {
        .id = id ? id : "default",
        .origin = node->origin,
        .address = address,
        .to = number(node, "to", to),
        .share = share ? (enum vnc_share)share_number(share) : VNC_SHARE_ALLOW_EXCLUSIVE,
        .layout = config_value(lm->config, "keyboard", NULL),
        .layout_origin = config_origin(lm->config, "keyboard"),
        .display = config_child_value(node, "display"),
        .head = number(node, "head", 0),
        .name = config_value(lm->config, "name.guest", NULL),
    };

    if (password)
        bool_parse(password, &cfg.password);
    if (lm->vnc_count == SCREENS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: a machine has at most %d VNC servers",
                         node->origin, SCREENS_MAX);
    if (screens_find_vnc(lm, cfg.id) && lm->vnc_count)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: there is a VNC server with id=%.40s already; give this one another",
                         node->origin, cfg.id);
    if (cfg.display) {
        machine_lock(&lm->m);
        bool found = display_find(&lm->m, cfg.display, cfg.head, errp) != NULL;
        machine_unlock(&lm->m);
        if (!found) {
            error_prefix(errp, "%s: ", node->origin);
            return false;
        }
    }
    lm->vncs[lm->vnc_count] = vnc_server_new(&lm->m, &cfg, errp);
    return lm->vncs[lm->vnc_count] && ++lm->vnc_count;
}

bool screens_build(struct lib_machine *lm, struct vemu_error **errp)
{
    const struct config_node *display = config_find(lm->config, "display");

    config_for_each(node, lm->config, "vnc")
    {
        /* none with an id is a server that viewers are handed to. */
        if ((strcmp(address_of(node), "none") != 0 || config_child_value(node, "id")) &&
            !add_vnc(lm, node, address_of(node), 0, errp))
            return false;
    }
    if (windows_wanted(lm->config))
        return windows_build(lm, errp);
    if (!is_display_vnc(display) || lm->vnc_count)
        return true;
    const char *address = config_child_value(display, "vnc");
    return add_vnc(lm, display, address ? address : DEFAULT_ADDRESS, address ? 0 : DEFAULT_TO,
                   errp);
}

void screens_free(struct lib_machine *lm)
{
    windows_free(lm);
    while (lm->vnc_count)
        vnc_server_free(lm->vncs[--lm->vnc_count]);
}

struct vnc_server *screens_find_vnc(struct lib_machine *lm, const char *id)
{
    for (unsigned i = 0; i < lm->vnc_count; i++) {
        if (!id || strcmp(vnc_server_id(lm->vncs[i]), id) == 0)
            return lm->vncs[i];
    }
    return NULL;
}

char *vemu_machine_vnc_address(struct vemu_machine *m)
{
    struct vnc_server *s = screens_find_vnc(lib_of(m), NULL);
    char text[160];

    return s && vnc_server_address(s, text, sizeof text) ? strdup(text) : NULL;
}
