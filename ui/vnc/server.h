/*
 * A VNC server: RFB 3.3, 3.7 and 3.8 for one display of a machine. A machine may have several, a
 * process any number.
 *
 * Each server has a thread for its sockets (server.c) and, while it has viewers, a few for encoding
 * (pool.h). Its lock is never held while the machine lock is waited for, so that nothing a viewer
 * does keeps the guest waiting: what needs the machine lock is done by the server's thread between
 * two rounds of its loop. A viewer that is slow has one update under way and one under construction
 * at most; what it has not seen is a region, not a queue.
 *
 * Thread contract: any thread, without the machine lock. vnc_server_free: nobody else is calling.
 */
#ifndef UI_VNC_SERVER_H
#define UI_VNC_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include "ui/vnc/transport/stream.h"

struct vemu_error;
struct vemu_machine;
struct vnc_server;

enum { VNC_PORT = 5900, VNC_CLIENTS_MAX = 256, VNC_NAME_MAX = 128 };

enum vnc_share {
    VNC_SHARE_ALLOW_EXCLUSIVE, /* who wants to be alone sends the others away */
    VNC_SHARE_FORCE_SHARED,    /* who wants to be alone is refused */
    VNC_SHARE_IGNORE,          /* what they want is not looked at */
};

/* What viewers may ask for, where the machine lets them. */
enum vnc_power { VNC_POWER_BUTTON, VNC_POWER_RESET };

struct vnc_tls_creds;

struct vnc_config {
    const char *id;     /* what commands call it; "default" */
    const char *origin; /* the option, for sentences */
    /* "HOST:N" (port 5900 + N, ":N" is all of this host's addresses), "tcp:HOST:PORT", "unix:PATH",
     * "fd:N" (a socket that listens), "none" (no socket: viewers come by vnc_server_add_client). */
    const char *address;
    /* Instead of waiting there the server connects to a viewer that does; HOST:N is a port then. */
    bool reverse;
    /* One more, where browsers alone are served: "tcp:HOST:PORT", or "on" for the address' host and
     * port 5700 + N; NULL: none. Browsers are served at the address, too, unless it is unix. */
    const char *websocket;
    unsigned to; /* further N that may be taken when one is in use, up to that one; 0: none */
    bool password;
    const char *username; /* with password: viewers say that name, too; NULL: they are not asked */
    const struct vnc_tls_creds *creds; /* viewers get TLS; NULL: none */
    bool lossless;                     /* JPEG is not sent, whoever asks for it */
    bool fixed;                        /* levels do not follow the connection's speed */
    unsigned connections;              /* viewers at a time; 0: VNC_CLIENTS_MAX */
    unsigned handshake_ms;             /* for a peer to show who it is; 0: 30000 */
    enum vnc_share share;
    unsigned key_delay_ms; /* between two keys of a viewer */
    bool lock_key_sync;    /* the guest's Caps Lock and Num Lock follow the viewer's */
    /* Called by the server's thread with its lock held; false: that cannot be. NULL: viewers may
     * not. */
    bool (*power)(void *opaque, enum vnc_power what);
    void *power_opaque;
    const char *layout;        /* of the guest's keyboard, as -k; NULL: en-us */
    const char *layout_origin; /* the option, for sentences */
    const char *display;       /* id of the graphics device, NULL: the first display */
    unsigned head;
    const char *name; /* of the desktop */
};

/* Listens and starts its thread. */
struct vnc_server *vnc_server_new(struct vemu_machine *m, const struct vnc_config *cfg,
                                  struct vemu_error **errp);
/* Every viewer goes. NULL is allowed. */
void vnc_server_free(struct vnc_server *s);

const char *vnc_server_id(const struct vnc_server *s);
/* text NULL: nobody gets in; empty: likewise. Sets the error when the server has password=off. */
bool vnc_server_set_password(struct vnc_server *s, const char *text, struct vemu_error **errp);
/* until: seconds of the epoch; INT64_MAX: for ever. */
void vnc_server_expire_password(struct vnc_server *s, int64_t until);
/* Viewers that came by the password that was changed are sent away. */
void vnc_server_disconnect(struct vnc_server *s);
/* A connected stream socket, the server's from here on; on failure it stays the caller's. */
bool vnc_server_add_client(struct vnc_server *s, int fd, bool skip_auth, struct vemu_error **errp);
/* Other sockets to listen on instead of vnc_config.address', in its words; those for browsers alone
 * stay. On failure the old ones do. */
bool vnc_server_listen(struct vnc_server *s, const char *const *addresses, unsigned count,
                       struct vemu_error **errp);
/* Other credentials for who comes from now on; of no effect when there were none. */
void vnc_server_set_creds(struct vnc_server *s, const struct vnc_tls_creds *creds);

/* What commands tell of it. */
struct vnc_listener_info {
    struct vnc_address address;
    bool websocket;
    const char *auth; /* as vnc_info.auth */
};
struct vnc_client_info {
    struct vnc_address address;
    bool websocket, shared;
    char x509_dname[256]; /* empty: none */
};
enum { VNC_LISTENERS_MAX = 8 };
struct vnc_info {
    const char *id;
    const char *auth;    /* "none", "vnc", "vencrypt+x509+vnc", ... */
    const char *display; /* as configured; NULL: the first */
    unsigned listener_count, client_count;
    struct vnc_listener_info listeners[VNC_LISTENERS_MAX];
    struct vnc_client_info *clients; /* freed by the caller */
};
void vnc_server_info(struct vnc_server *s, struct vnc_info *info);
/* Where it listens first, for people: "127.0.0.1:5900", a path; false: nowhere. */
bool vnc_server_address(struct vnc_server *s, char *text, unsigned room);

#endif
