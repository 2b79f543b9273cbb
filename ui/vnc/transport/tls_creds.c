/* The server's TLS credentials: see tls.h. */
#include "ui/vnc/transport/tls_creds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/util/error.h"
#include "ui/vnc/transport/tls.h"

#if CONFIG_GNUTLS
enum { PATH_LENGTH_MAX = 4096 };

/* The sentence for a call of gnutls that failed. */
static bool refuse(const struct vnc_tls_creds *creds, struct vemu_error **errp, const char *what,
                   const char *problem, int code)
{
    return error_set(errp, VEMU_ERROR_INVALID, "%s: %s: %s", what, problem,
                     creds->lib.strerror(code));
}

/* path: room for PATH_LENGTH_MAX. False: the file is not there; the error is set if it must be. */
static bool find_file(const struct vnc_tls_config *cfg, const char *name, bool needed, char *path,
                      struct vemu_error **errp)
{
    int n = snprintf(path, PATH_LENGTH_MAX, "%s/%s", cfg->dir, name);

    if (n < 0 || n >= PATH_LENGTH_MAX) {
        if (needed)
            error_set(errp, VEMU_ERROR_INVALID, "%s: dir= is too long", cfg->what);
        return false;
    }
    if (access(path, R_OK) == 0)
        return true;
    if (needed)
        error_set_errno(errp, errno, "%s: cannot read '%s'", cfg->what, path);
    return false;
}

static bool load_authority(struct vnc_tls_creds *creds, const struct vnc_tls_config *cfg,
                           struct vemu_error **errp)
{
    char path[PATH_LENGTH_MAX];
    int n;

    /* Without it nobody could be verified; a server that verifies nobody needs none. */
    if (!find_file(cfg, "ca-cert.pem", cfg->verify_peer, path, errp))
        return !cfg->verify_peer;
    n = creds->lib.certificate_set_x509_trust_file(creds->x509, path, GNUTLS_X509_FMT_PEM);
    if (n <= 0)
        return refuse(creds, errp, cfg->what, path, n ? n : GNUTLS_E_NO_CERTIFICATE_FOUND);
    if (!find_file(cfg, "ca-crl.pem", false, path, NULL))
        return true;
    n = creds->lib.certificate_set_x509_crl_file(creds->x509, path, GNUTLS_X509_FMT_PEM);
    return n >= 0 || refuse(creds, errp, cfg->what, path, n);
}

static bool load_x509(struct vnc_tls_creds *creds, const struct vnc_tls_config *cfg,
                      struct vemu_error **errp)
{
    char cert[PATH_LENGTH_MAX], key[PATH_LENGTH_MAX];
    int n = creds->lib.certificate_allocate_credentials(&creds->x509);

    if (n < 0)
        return refuse(creds, errp, cfg->what, "credentials", n);
    if (!load_authority(creds, cfg, errp) || !find_file(cfg, "server-cert.pem", true, cert, errp) ||
        !find_file(cfg, "server-key.pem", true, key, errp))
        return false;
    n = creds->lib.certificate_set_x509_key_file2(creds->x509, cert, key, GNUTLS_X509_FMT_PEM,
                                                  cfg->key_password, 0);
    if (n < 0)
        return refuse(creds, errp, cfg->what, key, n);
    creds->lib.certificate_set_known_dh_params(creds->x509, GNUTLS_SEC_PARAM_MEDIUM);
    return true;
}

static bool load_anonymous(struct vnc_tls_creds *creds, const struct vnc_tls_config *cfg,
                           struct vemu_error **errp)
{
    int n = creds->lib.anon_allocate_server_credentials(&creds->anon);

    if (n < 0)
        return refuse(creds, errp, cfg->what, "credentials", n);
    creds->lib.anon_set_server_known_dh_params(creds->anon, GNUTLS_SEC_PARAM_MEDIUM);
    return true;
}

static bool load_priority(struct vnc_tls_creds *creds, const struct vnc_tls_config *cfg,
                          struct vemu_error **errp)
{
    /* TLS 1.3 has no anonymous key exchange, so that one is negotiated as 1.2. */
    static const char anonymous[] = ":+ANON-ECDH:+ANON-DH";
    const char *usual = cfg->priority ? cfg->priority : "NORMAL", *wrong = NULL;
    char text[512];
    int n = snprintf(text, sizeof text, "%s%s", usual, cfg->x509 ? "" : anonymous);

    if (n < 0 || n >= (int)sizeof text)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: priority= is too long", cfg->what);
    n = creds->lib.priority_init(&creds->priority, text, &wrong);
    return n >= 0 ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "%s: priority=%.100s is not a priority string of gnutls", cfg->what, usual);
}

struct vnc_tls_creds *vnc_tls_creds_new(const struct vnc_tls_config *cfg, struct vemu_error **errp)
{
    struct vnc_tls_creds *creds = calloc(1, sizeof *creds);

    if (!creds) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", cfg->what);
        return NULL;
    }
    atomic_init(&creds->users, 1);
    creds->verify_peer = cfg->x509 && cfg->verify_peer;
    if (!tls_library_open(&creds->lib, cfg->what, errp)) {
        free(creds);
        return NULL;
    }
    if (!load_priority(creds, cfg, errp) ||
        !(cfg->x509 ? load_x509 : load_anonymous)(creds, cfg, errp)) {
        vnc_tls_creds_free(creds);
        return NULL;
    }
    return creds;
}

const struct vnc_tls_creds *vnc_tls_creds_ref(const struct vnc_tls_creds *creds)
{
    if (creds)
        atomic_fetch_add(&((struct vnc_tls_creds *)creds)->users, 1);
    return creds;
}

void vnc_tls_creds_free(const struct vnc_tls_creds *kept)
{
    struct vnc_tls_creds *creds = (struct vnc_tls_creds *)kept;

    if (!creds || atomic_fetch_sub(&creds->users, 1) > 1)
        return;
    if (creds->x509)
        creds->lib.certificate_free_credentials(creds->x509);
    if (creds->anon)
        creds->lib.anon_free_server_credentials(creds->anon);
    if (creds->priority)
        creds->lib.priority_deinit(creds->priority);
    tls_library_close(&creds->lib);
    free(creds);
}

bool vnc_tls_creds_is_x509(const struct vnc_tls_creds *creds)
{
    return creds->x509 != NULL;
}
#else
struct vnc_tls_creds *vnc_tls_creds_new(const struct vnc_tls_config *cfg, struct vemu_error **errp)
{
    error_set(errp, VEMU_ERROR_UNSUPPORTED,
              "%s: this build has no TLS; install libgnutls28-dev and configure again", cfg->what);
    return NULL;
}

const struct vnc_tls_creds *vnc_tls_creds_ref(const struct vnc_tls_creds *creds)
{
    return creds;
}

void vnc_tls_creds_free(const struct vnc_tls_creds *creds)
{
    (void)creds;
}

bool vnc_tls_creds_is_x509(const struct vnc_tls_creds *creds)
{
    (void)creds;
    return false;
}
#endif
