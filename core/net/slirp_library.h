/*
 * libslirp, opened when the first user network is made. The header is libslirp's own; the functions
 * are called through this table. Private to core/net.
 */
#ifndef CORE_NET_SLIRP_LIBRARY_H
#define CORE_NET_SLIRP_LIBRARY_H

#include <stdbool.h>
#include "config.h"

#if CONFIG_SLIRP
#include <slirp/libslirp.h>

struct vemu_error;

struct slirp_library {
    void *handle;
    Slirp *(*new)(const SlirpConfig *cfg, const SlirpCb *callbacks, void *opaque);
    void (*cleanup)(Slirp *slirp);
    void (*pollfds_fill)(Slirp *slirp, uint32_t *timeout, SlirpAddPollCb add_poll, void *opaque);
    void (*pollfds_poll)(Slirp *slirp, int select_error, SlirpGetREventsCb get_revents,
                         void *opaque);
    void (*input)(Slirp *slirp, const uint8_t *frame, int len);
    void (*handle_timer)(Slirp *slirp, SlirpTimerId id, void *cb_opaque);
    int (*add_hostxfwd)(Slirp *slirp, const struct sockaddr *host, socklen_t host_len,
                        const struct sockaddr *guest, socklen_t guest_len, int flags);
    int (*add_exec)(Slirp *slirp, const char *command, struct in_addr *guest, int port);
    int (*add_guestfwd)(Slirp *slirp, SlirpWriteCb write_cb, void *opaque, struct in_addr *guest,
                        int port);
    size_t (*socket_can_recv)(Slirp *slirp, struct in_addr guest, int port);
    void (*socket_recv)(Slirp *slirp, struct in_addr guest, int port, const uint8_t *buf, int size);
};

/* False: it is not there, or too old. */
bool slirp_library_open(struct slirp_library *lib, const char *what, struct vemu_error **errp);
void slirp_library_close(struct slirp_library *lib);
#endif

#endif
