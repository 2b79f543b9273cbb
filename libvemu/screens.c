/* From options to what shows the screen: see screens.h. */
#include "libvemu/screens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto/secret.h"
#include "core/display/display.h"
#include "core/util/error.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "hw/board.h"
#include "libvemu/config.h"
#include "libvemu/credentials.h"
#include "libvemu/machine.h"
#include "libvemu/windows.h"
#include "ui/vnc/server.h"

enum { QUOTE_MAX = 80, DISPLAY_N_MAX = 65535 - VNC_PORT, HEAD_MAX = 63, KEY_DELAY_MAX = 10000 };

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

/* What other servers have and this one has not; `only`: the value that it takes all the same. */
static const struct {
    const char *key, *only, *why;
} missing[] = {
    {"sasl", "off", "use password-secret= and username= with tls-creds="},
    {"sasl-authz", NULL, "there is no SASL"},
    {"tls-authz", NULL, "whoever has a certificate of ca-cert.pem gets in"},
    {"acl", "off", "whoever has a certificate of ca-cert.pem gets in"},
};

static bool check_missing(const char *origin, struct opts *props, struct vemu_error **errp)
{
    for (unsigned i = 0; i < ARRAY_SIZE(missing); i++) {
        const char *value = opts_get(props, missing[i].key);
        bool on = true;
        if (!value || (missing[i].only && strcmp(value, missing[i].only) == 0) ||
            (missing[i].only && bool_parse(value, &on) && !on))
            continue;
        return error_set(errp, VEMU_ERROR_UNSUPPORTED, "%s: %s=%.*s is not available: %s", origin,
                         missing[i].key, QUOTE_MAX, value, missing[i].why);
    }
    return true;
}

/* "on", "off", a port, or HOST:PORT. */
static bool check_websocket(const char *origin, const char *text, struct vemu_error **errp)
{
    const char *port = text && strrchr(text, ':') ? strrchr(text, ':') + 1 : text;
    bool on;

    return !text || bool_parse(text, &on) ||
           (*port >= '1' && *port <= '9' && strspn(port, "0123456789") == strlen(port) &&
            strtoul(port, NULL, 10) <= 65535) ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "%s: websocket '%.*s': want on, off, a port or HOST:PORT", origin, QUOTE_MAX,
                     text);
}

static bool check_password(const char *origin, struct opts *props, struct vemu_error **errp)
{
    const char *secret = opts_get(props, "password-secret"), *user = opts_get(props, "username");
    bool password = secret != NULL;

    if (!opts_get_bool(props, origin, "password", &password, errp))
        return false;
    if (secret && !password)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: password-secret= is a password, but password=off says that there is "
                         "none",
                         origin);
    if (user && (!password || !opts_get(props, "tls-creds")))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: username= needs a password (password-secret= or password=on) and "
                         "tls-creds=, since names are said over TLS only",
                         origin);
    return true;
}

/* A viewer is called: where, and with nothing that is for those who come. */
static bool check_reverse(const char *origin, struct opts *props, struct vemu_error **errp)
{
    const char *address = opts_get(props, "vnc");
    bool reverse = false;

    if (!opts_get_bool(props, origin, "reverse", &reverse, errp) || !reverse)
        return !reverse;
    if (!address)
        address = opts_get(props, "address");
    if (!address || strcmp(address, "none") == 0 || strncmp(address, "fd:", 3) == 0)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: reverse=on calls a viewer that listens: give HOST:PORT or unix:PATH "
                         "first",
                         origin);
    if (opts_get(props, "websocket") || opts_get(props, "to"))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: reverse=on listens nowhere, so leave websocket= and to= out", origin);
    return true;
}

/* What -vnc and -display vnc have in common. */
static bool check_vnc_props(const char *origin, struct opts *props, struct vemu_error **errp)
{
    const char *share = opts_get(props, "share");
    bool flag;
    uint64_t n;

    opts_get(props, "id");
    opts_get(props, "display");
    opts_get(props, "tls-creds");
    opts_get(props, "audiodev"); /* there is no sound yet: the one it names is none */
    if (share && share_number(share) < 0)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: share '%.*s': want allow-exclusive, force-shared or ignore", origin,
                         QUOTE_MAX, share);
    return check_password(origin, props, errp) && check_missing(origin, props, errp) &&
           check_websocket(origin, opts_get(props, "websocket"), errp) &&
           check_reverse(origin, props, errp) &&
           opts_get_bool(props, origin, "power-control", &flag, errp) &&
           opts_get_bool(props, origin, "lock-key-sync", &flag, errp) &&
           opts_get_number(props, origin, "key-delay-ms", 0, KEY_DELAY_MAX, &n, errp) &&
           opts_get_bool(props, origin, "lossy", &flag, errp) &&
           opts_get_bool(props, origin, "non-adaptive", &flag, errp) &&
           opts_get_number(props, origin, "to", 0, DISPLAY_N_MAX, &n, errp) &&
           opts_get_number(props, origin, "head", 0, HEAD_MAX, &n, errp) &&
           opts_get_number(props, origin, "connections", 1, VNC_CLIENTS_MAX, &n, errp) &&
           opts_check_used(props, origin,
                           "id, to, password, password-secret, username, tls-creds, websocket, "
                           "share, reverse, power-control, lock-key-sync, key-delay-ms, "
                           "connections, lossy, non-adaptive, display, head and audiodev",
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

/* none with an id is a server that viewers are handed to. */
static bool is_server(const struct config_node *vnc)
{
    return strcmp(address_of(vnc), "none") != 0 || config_child_value(vnc, "id");
}

bool screens_wanted(const struct vemu_config *cfg)
{
    config_for_each(node, cfg, "vnc")
    {
        if (is_server(node))
            return true;
    }
    return is_display_vnc(config_find(cfg, "display")) || windows_wanted(cfg);
}

static unsigned number(const struct config_node *node, const char *key, unsigned fallback)
{
    const char *text = config_child_value(node, key);

    return text ? (unsigned)strtoul(text, NULL, 0) : fallback;
}

static bool flag(const struct config_node *node, const char *key, bool fallback)
{
    const char *text = config_child_value(node, key);
    bool on = fallback;

    if (text)
        bool_parse(text, &on);
    return on;
}

static const char *id_of(const struct config_node *node)
{
    const char *id = config_child_value(node, "id");

    return id ? id : "default";
}

static bool is_host_n(const char *address)
{
    return strncmp(address, "unix:", 5) != 0 && strncmp(address, "fd:", 3) != 0 &&
           strcmp(address, "none") != 0;
}

/* What websocket= says in the server's words, into text if need be; NULL: nothing. */
static const char *websocket_of(const struct config_node *node, const char *address, char *text,
                                size_t room)
{
    const char *value = config_child_value(node, "websocket"),
               *colon = is_host_n(address) ? strrchr(address, ':') : NULL;
    bool on;

    if (!value)
        return NULL;
    if (bool_parse(value, &on))
        return on ? "on" : NULL;
    if (strchr(value, ':'))
        snprintf(text, room, "tcp:%s", value);
    else
        snprintf(text, room, "tcp:%.*s:%s", colon ? (int)(colon - address) : 0, address, value);
    return text;
}

/* Everything that the server is refused for is known by now but where it listens. */
static bool start_vnc(struct lib_machine *lm, const struct config_node *node,
                      struct vnc_config *cfg, struct vemu_error **errp)
{
    const char *creds = config_child_value(node, "tls-creds"),
               *password = config_child_value(node, "password-secret");
    const struct secret_bytes *secret = NULL;
    struct vnc_server *s;
    size_t len;

    if (cfg->websocket && strncmp(cfg->websocket, "tcp:", 4) == 0 &&
        !strchr(config_child_value(node, "websocket"), ':') && !is_host_n(cfg->address))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: websocket=%.*s needs a host, since the address has none: HOST:%.*s",
                         node->origin, QUOTE_MAX, cfg->websocket + 5, QUOTE_MAX,
                         cfg->websocket + 5);
    if (creds && !(cfg->creds = credentials_tls(lm, creds, node->origin, errp)))
        return false;
    if (password && !(secret = credentials_secret(lm, password, node->origin, errp)))
        return false;
    /* A file's last line has an end, which nobody types. */
    len = secret ? secret->len - (secret->len && secret->data[secret->len - 1] == '\n') : 0;
    if (secret && (!len || memchr(secret->data, 0, len)))
        return error_set(errp, VEMU_ERROR_INVALID, "%s: password-secret=%.*s is no text",
                         node->origin, QUOTE_MAX, password);
    s = lm->vncs[lm->vnc_count] = vnc_server_new(&lm->m, cfg, errp);
    if (!s)
        return false;
    lm->vnc_count++;
    if (!secret)
        return true;
    char *text = strndup((const char *)secret->data, len);
    bool ok = text ? vnc_server_set_password(s, text, errp)
                   : error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", node->origin);
    if (text)
        explicit_bzero(text, len);
    free(text);
    return ok;
}

/* ---- what people ask for at a screen --------------------------------------------------------- */

void screens_ask(struct lib_machine *lm, unsigned what)
{
    atomic_fetch_or(&lm->screens_asked, what);
    loop_wake(lm->m.loop);
}

bool screens_pending(struct lib_machine *lm)
{
    return atomic_load(&lm->screens_asked) != 0;
}

void screens_process(struct lib_machine *lm)
{
    const unsigned asked = atomic_exchange(&lm->screens_asked, 0);

    if (asked & SCREENS_POWER_BUTTON)
        run_powerdown(lm, NULL);
    if (asked & SCREENS_QUIT) {
        lm->quit_cause = CAUSE_HOST_UI;
        atomic_store(&lm->quit, true);
    } else if (asked & SCREENS_RESET && lm->m.no_reboot) {
        run_finish(lm, VEMU_EXIT_RESET, CAUSE_HOST_UI);
    } else if (asked & SCREENS_RESET) {
        run_reset(lm, CAUSE_HOST_UI, NULL);
    }
}

/* On a VNC server's thread. */
static bool power(void *opaque, enum vnc_power what)
{
    struct lib_machine *lm = opaque;

    if (what == VNC_POWER_BUTTON && !lm->board->power_button)
        return false;
    screens_ask(lm, what == VNC_POWER_BUTTON ? SCREENS_POWER_BUTTON : SCREENS_RESET);
    return true;
}

static bool add_vnc(struct lib_machine *lm, const struct config_node *node, const char *address,
                    unsigned to, struct vemu_error **errp)
{
    const char *share = config_child_value(node, "share");
    char websocket[300];
    struct vnc_config cfg = {
        .id = id_of(node),
        .origin = node->origin,
        .address = address,
        .to = number(node, "to", to),
        .websocket = websocket_of(node, address, websocket, sizeof websocket),
        .password = flag(node, "password", config_child_value(node, "password-secret") != NULL),
        .username = config_child_value(node, "username"),
        .lossless = !flag(node, "lossy", true),
        .fixed = flag(node, "non-adaptive", false),
        .connections = number(node, "connections", 0),
        .share = share ? (enum vnc_share)share_number(share) : VNC_SHARE_ALLOW_EXCLUSIVE,
        .reverse = flag(node, "reverse", false),
        .key_delay_ms = number(node, "key-delay-ms", 0),
        .lock_key_sync = flag(node, "lock-key-sync", true),
        .power = flag(node, "power-control", false) ? power : NULL,
        .power_opaque = lm,
        .layout = config_value(lm->config, "keyboard", NULL),
        .layout_origin = config_origin(lm->config, "keyboard"),
        .display = config_child_value(node, "display"),
        .head = number(node, "head", 0),
        .name = config_value(lm->config, "name.guest", NULL),
    };

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
    return start_vnc(lm, node, &cfg, errp);
}

bool screens_build(struct lib_machine *lm, struct vemu_error **errp)
{
    const struct config_node *display = config_find(lm->config, "display");

    config_for_each(node, lm->config, "vnc")
    {
        if (is_server(node) && !add_vnc(lm, node, address_of(node), 0, errp))
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

/* ---- credentials ----------------------------------------------------------------------------- */

/* The next server's description after `node`, NULL: the first, that names credentials, or NULL. */
static const char *credentials_of(const struct config_node *node)
{
    bool vnc = strcmp(node->key, "vnc") == 0 ||
               (strcmp(node->key, "display") == 0 && is_display_vnc(node));

    return vnc ? config_child_value(node, "tls-creds") : NULL;
}

bool screens_use_credentials(struct lib_machine *lm, const char *id)
{
    list_for_each(node, &lm->config->nodes, struct config_node, sibling)
    {
        const char *own = credentials_of(node);
        if (own && strcmp(own, id) == 0)
            return true;
    }
    return false;
}

bool screens_reload_credentials(struct lib_machine *lm, struct vemu_error **errp)
{
    unsigned n = 0;

    list_for_each(node, &lm->config->nodes, struct config_node, sibling)
    {
        const char *id = credentials_of(node);
        struct vnc_server *s = id ? screens_find_vnc(lm, id_of(node)) : NULL;
        if (!s)
            continue;
        if (!credentials_reload(lm, id, errp))
            return false;
        vnc_server_set_creds(s, credentials_tls(lm, id, "", NULL));
        n++;
    }
    return n || error_set(errp, VEMU_ERROR_STATE,
                          "no VNC server of the machine has TLS: start one with tls-creds=");
}

/* ---- finding --------------------------------------------------------------------------------- */

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
