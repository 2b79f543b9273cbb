/* Secrets and TLS credentials: see credentials.h. */
#include "libvemu/credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crypto/secret.h"
#include "core/util/error.h"
#include "core/util/opts.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"
#include "libvemu/objects.h"
#include "ui/vnc/transport/tls.h"

enum { QUOTE_MAX = 80 };

struct credential {
    struct list node;
    const struct config_node *config;
    struct secret_bytes secret;      /* of a secret */
    const struct vnc_tls_creds *tls; /* of credentials */
};

static const char *id_of(const struct config_node *node)
{
    return config_child_value(node, "id");
}

/* ---- checks ---------------------------------------------------------------------------------- */

bool credentials_check_secret(const struct config_node *node, struct vemu_error **errp)
{
    const char *file = config_child_value(node, "file"),
               *format = config_child_value(node, "format");

    if (!file == !config_child_value(node, "data"))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: a secret needs file=FILE or data=TEXT, and not both", node->origin);
    if (format && strcmp(format, "raw") != 0 && strcmp(format, "base64") != 0)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: format '%.*s': want raw or base64",
                         node->origin, QUOTE_MAX, format);
    if (!config_child_value(node, "keyid") != !config_child_value(node, "iv"))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: keyid=, the secret that this one is encrypted with, and iv= go "
                         "together",
                         node->origin);
    return !file || access(file, R_OK) == 0 ||
           error_set_errno(errp, errno, "%s: cannot read '%s'", node->origin, file);
}

bool credentials_check_tls(const struct config_node *node, struct vemu_error **errp)
{
    const char *endpoint = config_child_value(node, "endpoint"),
               *verify = config_child_value(node, "verify-peer");
    bool flag;

    if (endpoint && strcmp(endpoint, "server") != 0)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s: endpoint '%.*s' is not available: only servers have TLS; use server",
                         node->origin, QUOTE_MAX, endpoint);
    if (verify && !bool_parse(verify, &flag))
        return error_set(errp, VEMU_ERROR_INVALID, "%s: verify-peer is '%.*s': want on or off",
                         node->origin, QUOTE_MAX, verify);
    return !objects_is(node, "tls-creds-x509") || config_child_value(node, "dir") ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "%s: dir= is missing: the directory of server-cert.pem, server-key.pem and "
                     "ca-cert.pem",
                     node->origin);
}

/* ---- finding --------------------------------------------------------------------------------- */

static struct credential *find(struct lib_machine *lm, const char *id, bool tls)
{
    list_for_each(c, &lm->credentials, struct credential, node)
    {
        if (strcmp(id_of(c->config), id) == 0 && tls == (c->tls != NULL))
            return c;
    }
    return NULL;
}

const struct secret_bytes *credentials_secret(struct lib_machine *lm, const char *id,
                                              const char *what, struct vemu_error **errp)
{
    struct credential *c = find(lm, id, false);

    if (!c)
        error_set(errp, VEMU_ERROR_NOT_FOUND, "%s: there is no -object secret with id=%.*s before",
                  what, QUOTE_MAX, id);
    return c ? &c->secret : NULL;
}

const struct vnc_tls_creds *credentials_tls(struct lib_machine *lm, const char *id,
                                            const char *what, struct vemu_error **errp)
{
    struct credential *c = find(lm, id, true);

    if (!c)
        error_set(errp, VEMU_ERROR_NOT_FOUND,
                  "%s: there is no -object tls-creds-x509 or tls-creds-anon with id=%.*s", what,
                  QUOTE_MAX, id);
    return c ? c->tls : NULL;
}

/* ---- making ---------------------------------------------------------------------------------- */

static struct credential *add(struct lib_machine *lm, const struct config_node *node,
                              struct vemu_error **errp)
{
    struct credential *c = calloc(1, sizeof *c);

    if (!c) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", node->origin);
        return NULL;
    }
    c->config = node;
    list_add_tail(&lm->credentials, &c->node);
    return c;
}

static void drop(struct credential *c)
{
    list_remove(&c->node);
    secret_free(&c->secret);
    vnc_tls_creds_free(c->tls);
    free(c);
}

bool credentials_add_secret(struct lib_machine *lm, const struct config_node *node,
                            struct vemu_error **errp)
{
    const char *format = config_child_value(node, "format"),
               *keyid = config_child_value(node, "keyid");
    struct secret_config cfg = {.what = node->origin,
                                .data = config_child_value(node, "data"),
                                .file = config_child_value(node, "file"),
                                .base64 = format && strcmp(format, "base64") == 0,
                                .iv = config_child_value(node, "iv")};
    struct secret_bytes secret = {0};
    struct credential *c;

    if (keyid && !(cfg.key = credentials_secret(lm, keyid, node->origin, errp)))
        return false;
    if (!secret_load(&secret, &cfg, errp))
        return false;
    c = add(lm, node, errp);
    if (c)
        c->secret = secret;
    else
        secret_free(&secret);
    return c != NULL;
}

static const struct vnc_tls_creds *load_tls(struct lib_machine *lm, const struct config_node *node,
                                            struct vemu_error **errp)
{
    const char *verify = config_child_value(node, "verify-peer"),
               *password = config_child_value(node, "passwordid");
    struct vnc_tls_config cfg = {.what = node->origin,
                                 .x509 = objects_is(node, "tls-creds-x509"),
                                 .dir = config_child_value(node, "dir"),
                                 .verify_peer = true,
                                 .priority = config_child_value(node, "priority")};

    if (verify)
        bool_parse(verify, &cfg.verify_peer);
    if (password) {
        const struct secret_bytes *secret = credentials_secret(lm, password, node->origin, errp);
        if (!secret)
            return NULL;
        cfg.key_password = (const char *)secret->data;
    }
    return vnc_tls_creds_new(&cfg, errp);
}

bool credentials_add_tls(struct lib_machine *lm, const struct config_node *node,
                         struct vemu_error **errp)
{
    const struct vnc_tls_creds *tls = load_tls(lm, node, errp);
    struct credential *c = tls ? add(lm, node, errp) : NULL;

    if (c)
        c->tls = tls;
    else
        vnc_tls_creds_free(tls);
    return c != NULL;
}

bool credentials_reload(struct lib_machine *lm, const char *id, struct vemu_error **errp)
{
    struct credential *c = find(lm, id, true);
    const struct vnc_tls_creds *tls = c ? load_tls(lm, c->config, errp) : NULL;

    if (!c)
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "there are no credentials with id=%.*s any more", QUOTE_MAX, id);
    if (!tls)
        return false;
    vnc_tls_creds_free(c->tls);
    c->tls = tls;
    return true;
}

bool credentials_remove(struct lib_machine *lm, const struct config_node *node,
                        struct vemu_error **errp)
{
    list_for_each_safe(c, &lm->credentials, struct credential, node)
    {
        if (c->config != node)
            continue;
        if (c->tls && screens_use_credentials(lm, id_of(node)))
            return error_set(errp, VEMU_ERROR_STATE, "object '%.*s' is in use by a VNC server",
                             QUOTE_MAX, id_of(node));
        drop(c);
    }
    return true;
}

void credentials_free(struct lib_machine *lm)
{
    list_for_each_safe(c, &lm->credentials, struct credential, node) drop(c);
}
