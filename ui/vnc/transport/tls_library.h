/*
 * gnutls, opened when the first credentials are loaded. The header is gnutls' own; the functions
 * are called through this table. Private to ui/vnc/transport.
 */
#ifndef UI_VNC_TRANSPORT_TLS_LIBRARY_H
#define UI_VNC_TRANSPORT_TLS_LIBRARY_H

#include <stdbool.h>
#include "config.h"

#if CONFIG_GNUTLS
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

struct vemu_error;

/* Each function by its name without "gnutls_"; the type is the header's. */
#define TLS_FUNCTIONS(F)                                                                           \
    F(init)                                                                                        \
    F(deinit)                                                                                      \
    F(strerror)                                                                                    \
    F(error_is_fatal)                                                                              \
    F(priority_init)                                                                               \
    F(priority_deinit)                                                                             \
    F(priority_set)                                                                                \
    F(credentials_set)                                                                             \
    F(anon_allocate_server_credentials)                                                            \
    F(anon_free_server_credentials)                                                                \
    F(anon_set_server_known_dh_params)                                                             \
    F(certificate_allocate_credentials)                                                            \
    F(certificate_free_credentials)                                                                \
    F(certificate_set_known_dh_params)                                                             \
    F(certificate_set_x509_trust_file)                                                             \
    F(certificate_set_x509_crl_file)                                                               \
    F(certificate_set_x509_key_file2)                                                              \
    F(certificate_server_set_request)                                                              \
    F(certificate_get_peers)                                                                       \
    F(session_set_verify_cert)                                                                     \
    F(handshake)                                                                                   \
    F(handshake_set_max_packet_length)                                                             \
    F(alert_send_appropriate)                                                                      \
    F(record_send)                                                                                 \
    F(record_recv)                                                                                 \
    F(record_check_pending)                                                                        \
    F(record_get_direction)                                                                        \
    F(bye)                                                                                         \
    F(transport_set_ptr)                                                                           \
    F(transport_set_errno)                                                                         \
    F(transport_set_pull_function)                                                                 \
    F(transport_set_vec_push_function)                                                             \
    F(x509_crt_init)                                                                               \
    F(x509_crt_deinit)                                                                             \
    F(x509_crt_import)                                                                             \
    F(x509_crt_get_dn)

struct tls_library {
    void *handle;
#define TLS_POINTER(name) __typeof__(&gnutls_##name) name;
    TLS_FUNCTIONS(TLS_POINTER)
#undef TLS_POINTER
};

/* what: the option for the sentence. False: it is not there, or too old. */
bool tls_library_open(struct tls_library *lib, const char *what, struct vemu_error **errp);
void tls_library_close(struct tls_library *lib);
#endif

#endif
