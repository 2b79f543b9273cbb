/*
 * Certificates made at test time: an authority, a server and a viewer that it vouches for, and a
 * viewer that nobody does, as PEM files in a directory of their own.
 */
#ifndef TESTS_VNC_CERTS_H
#define TESTS_VNC_CERTS_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CERTS_PEM_MAX = 8192 };

static inline void certs_must(int result)
{
    if (result < 0)
        abort();
}

static inline void certs_write(const char *dir, const char *who, const char *kind,
                               const gnutls_datum_t *pem)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s-%s.pem", dir, who, kind);
    f = fopen(path, "w");
    certs_must(f ? 0 : -1);
    certs_must(fwrite(pem->data, 1, pem->size, f) == pem->size ? 0 : -1);
    fclose(f);
}

static inline gnutls_x509_privkey_t certs_make_key(const char *dir, const char *who)
{
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;

    certs_must(gnutls_x509_privkey_init(&key));
    certs_must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                            GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    certs_must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem));
    certs_write(dir, who, "key", &pem);
    gnutls_free(pem.data);
    return key;
}

static inline gnutls_x509_crt_t certs_make_one(const char *dir, const char *who, unsigned serial,
                                               gnutls_x509_privkey_t key, gnutls_x509_crt_t issuer,
                                               gnutls_x509_privkey_t issuer_key)
{
    unsigned char number = (unsigned char)serial;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;

    certs_must(gnutls_x509_crt_init(&crt));
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, &number, 1);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 86400);
    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, who, (unsigned)strlen(who));
    gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                         GNUTLS_FSAN_APPEND);
    gnutls_x509_crt_set_key(crt, key);
    gnutls_x509_crt_set_basic_constraints(crt, !issuer, -1);
    gnutls_x509_crt_set_key_usage(crt,
                                  issuer ? GNUTLS_KEY_DIGITAL_SIGNATURE : GNUTLS_KEY_KEY_CERT_SIGN);
    certs_must(gnutls_x509_crt_sign2(crt, issuer ? issuer : crt, issuer_key, GNUTLS_DIG_SHA256, 0));
    certs_must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem));
    certs_write(dir, who, "cert", &pem);
    gnutls_free(pem.data);
    return crt;
}

/* Writes ca-cert.pem, server-cert.pem, server-key.pem, viewer-cert.pem, viewer-key.pem,
 * stranger-cert.pem and stranger-key.pem into dir. */
static inline void vnc_certs_make(const char *dir)
{
    static const char *const vouched[] = {"server", "viewer"};
    gnutls_x509_privkey_t ca_key = certs_make_key(dir, "ca"), key;
    gnutls_x509_crt_t ca = certs_make_one(dir, "ca", 1, ca_key, NULL, ca_key);

    for (unsigned i = 0; i < 2; i++) {
        key = certs_make_key(dir, vouched[i]);
        gnutls_x509_crt_deinit(certs_make_one(dir, vouched[i], 2 + i, key, ca, ca_key));
        gnutls_x509_privkey_deinit(key);
    }
    key = certs_make_key(dir, "stranger");
    gnutls_x509_crt_deinit(certs_make_one(dir, "stranger", 4, key, NULL, key));
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_privkey_deinit(ca_key);
}

/* The same server-key.pem, encrypted with that password. */
static inline void vnc_certs_encrypt_key(const char *dir, const char *password)
{
    static char pem[CERTS_PEM_MAX];
    gnutls_x509_privkey_t key;
    gnutls_datum_t text = {.data = (unsigned char *)pem};
    size_t len = sizeof pem;
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/server-key.pem", dir);
    f = fopen(path, "r");
    certs_must(f ? 0 : -1);
    text.size = (unsigned)fread(pem, 1, sizeof pem, f);
    fclose(f);
    certs_must(gnutls_x509_privkey_init(&key));
    certs_must(gnutls_x509_privkey_import(key, &text, GNUTLS_X509_FMT_PEM));
    certs_must(gnutls_x509_privkey_export_pkcs8(key, GNUTLS_X509_FMT_PEM, password,
                                                GNUTLS_PKCS_PBES2_AES_256, pem, &len));
    text.size = (unsigned)len;
    certs_write(dir, "server", "key", &text);
    gnutls_x509_privkey_deinit(key);
}
#endif
