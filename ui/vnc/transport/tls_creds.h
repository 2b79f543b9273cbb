/* What TLS credentials are made of. Private to ui/vnc/transport; see tls.h. */
#ifndef UI_VNC_TRANSPORT_TLS_CREDS_H
#define UI_VNC_TRANSPORT_TLS_CREDS_H

#include <stdatomic.h>
#include "ui/vnc/transport/tls_library.h"

#if CONFIG_GNUTLS
struct vnc_tls_creds {
    atomic_uint users;
    struct tls_library lib;
    gnutls_priority_t priority;
    gnutls_anon_server_credentials_t anon; /* one of the two */
    gnutls_certificate_credentials_t x509;
    bool verify_peer;
};
#endif

#endif
