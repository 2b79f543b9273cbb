/* The user network's configuration. Private to core/net. */
#ifndef CORE_NET_USER_H
#define CORE_NET_USER_H

#include "core/net/slirp_library.h"

#if CONFIG_SLIRP
#include "core/util/opts.h"

/* One rule from option text. */
struct user_forward {
    bool udp;
    struct sockaddr_storage host, guest;
    socklen_t host_len, guest_len;
};
/* "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT"; a guest address left out is guest's. */
bool user_parse_hostfwd(const char *text, const char *what, struct in_addr guest,
                        struct user_forward *rule, struct vemu_error **errp);

struct user_guest_forward {
    struct in_addr addr;
    int port;
    const char *target; /* in text: a character back end's id, or "cmd:COMMAND" */
};
/* "[tcp]:ADDR:PORT-TARGET" */
bool user_parse_guestfwd(const char *text, const char *what, struct user_guest_forward *rule,
                         struct vemu_error **errp);

enum { USER_SEARCH_MAX = 16 };

/* Fills in cfg but for what only libslirp's caller knows; strings are those of opts. search has
 * USER_SEARCH_MAX + 1 pointers. */
bool user_parse_config(struct opts *opts, const char *what, SlirpConfig *cfg, const char **search,
                       struct vemu_error **errp);
#endif

#endif
