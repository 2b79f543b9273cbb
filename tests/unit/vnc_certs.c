/* Certificates made at test time: see vnc_certs.h. */
#include <config.h>
#if CONFIG_GNUTLS
#include <criterion/criterion.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <time.h>

#include "tests/unit/vnc_certs.h"

enum { PEM_MAX = 8192 };

static void write_file(const char *dir, const char *who, const char *kind,
                       const gnutls_datum_t *pem)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s-%s.pem", dir, who, kind);
    f = fopen(path, "w");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(pem->data, 1, pem->size, f), pem->size);
    fclose(f);
}

static gnutls_x509_privkey_t make_key(const char *dir, const char *who)
{
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;

    cr_assert_geq(gnutls_x509_privkey_init(&key), 0);
    cr_assert_geq(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                               GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                  0);
    cr_assert_geq(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file(dir, who, "key", &pem);
    gnutls_free(pem.data);
    return key;
}

static gnutls_x509_crt_t make_certificate(const char *dir, const char *who, unsigned serial,
                                          gnutls_x509_privkey_t key, gnutls_x509_crt_t issuer,
                                          gnutls_x509_privkey_t issuer_key)
{
    unsigned char number = (unsigned char)serial;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;

    cr_assert_geq(gnutls_x509_crt_init(&crt), 0);
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
    cr_assert_geq(
        gnutls_x509_crt_sign2(crt, issuer ? issuer : crt, issuer_key, GNUTLS_DIG_SHA256, 0), 0);
    cr_assert_geq(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file(dir, who, "cert", &pem);
    gnutls_free(pem.data);
    return crt;
}

void vnc_certs_make(const char *dir)
{
    static const char *const vouched[] = {"server", "viewer"};
    gnutls_x509_privkey_t ca_key = make_key(dir, "ca"), key;
    gnutls_x509_crt_t ca = make_certificate(dir, "ca", 1, ca_key, NULL, ca_key);

    for (unsigned i = 0; i < 2; i++) {
        key = make_key(dir, vouched[i]);
        gnutls_x509_crt_deinit(make_certificate(dir, vouched[i], 2 + i, key, ca, ca_key));
        gnutls_x509_privkey_deinit(key);
    }
    key = make_key(dir, "stranger");
    gnutls_x509_crt_deinit(make_certificate(dir, "stranger", 4, key, NULL, key));
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_privkey_deinit(ca_key);
}

void vnc_certs_encrypt_key(const char *dir, const char *password)
{
    static char pem[PEM_MAX];
    gnutls_x509_privkey_t key;
    gnutls_datum_t text = {.data = (unsigned char *)pem};
    size_t len = sizeof pem;
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/server-key.pem", dir);
    f = fopen(path, "r");
    cr_assert_not_null(f);
    text.size = (unsigned)fread(pem, 1, sizeof pem, f);
    fclose(f);
    cr_assert_geq(gnutls_x509_privkey_init(&key), 0);
    cr_assert_geq(gnutls_x509_privkey_import(key, &text, GNUTLS_X509_FMT_PEM), 0);
    cr_assert_geq(gnutls_x509_privkey_export_pkcs8(key, GNUTLS_X509_FMT_PEM, password,
                                                   GNUTLS_PKCS_PBES2_AES_256, pem, &len),
                  0);
    text.size = (unsigned)len;
    write_file(dir, "server", "key", &text);
    gnutls_x509_privkey_deinit(key);
}
#endif
