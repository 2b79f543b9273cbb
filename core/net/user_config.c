/* Option text of the user network. Defaults are the addresses that guests and scripts know:
 * 10.0.2.0/24 with the host at .2, DNS at .3, leases from .15 on; fec0::/64 with ::2 and ::3. */
#include "core/net/user.h"

#if CONFIG_SLIRP
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "core/util/error.h"
#include "core/util/range.h"
#include "core/util/size.h"

enum {
    QUOTE_MAX = 80,
    HOST_NUMBER = 2,
    DNS_NUMBER = 3,
    DHCP_NUMBER = 15,
    MTU_MIN = 576,
    MTU_MAX = 65521,
};

static bool bad(const char *what, const char *key, const char *text, const char *right,
                struct vemu_error **errp)
{
    return error_set(errp, VEMU_ERROR_INVALID, "%s: %s='%.*s' must be %s", what, key, QUOTE_MAX,
                     text, right);
}

/* "10.0.2.0/24", "10.0.2.0/255.255.255.0", or an address alone with its class' mask. */
static bool parse_net(const char *text, struct in_addr *net, struct in_addr *mask)
{
    char address[INET_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    uint64_t bits;

    if (len >= sizeof address)
        return false;
    memcpy(address, text, len);
    address[len] = 0;
    if (inet_pton(AF_INET, address, net) != 1)
        return false;
    uint32_t a = ntohl(net->s_addr);
    if (!slash)
        bits = a >> 31 == 0 ? 8 : a >> 30 == 2 ? 16 : 24;
    else if (number_parse(slash + 1, &bits)) {
        if (bits < 8 || bits > 29)
            return false;
    } else {
        if (inet_pton(AF_INET, slash + 1, mask) != 1)
            return false;
        uint32_t m = ntohl(mask->s_addr);
        bits = (unsigned)__builtin_popcount(m);
        if (bits < 8 || bits > 29 || m != UINT32_MAX << (32 - bits))
            return false;
    }
    mask->s_addr = htonl(UINT32_MAX << (32 - bits));
    net->s_addr &= mask->s_addr;
    return true;
}

/* An address in the network, by default the one with this number. */
static bool host_in_net(struct opts *opts, const char *what, const char *key,
                        const SlirpConfig *cfg, uint32_t number, struct in_addr *addr,
                        struct vemu_error **errp)
{
    const char *text = opts_get(opts, key);

    addr->s_addr = cfg->vnetwork.s_addr | htonl(number & ~ntohl(cfg->vnetmask.s_addr));
    if (!text)
        return true;
    if (inet_pton(AF_INET, text, addr) != 1)
        return bad(what, key, text, "an IPv4 address, such as 10.0.2.2", errp);
    if ((addr->s_addr & cfg->vnetmask.s_addr) != cfg->vnetwork.s_addr)
        return bad(what, key, text, "an address in the network that net= gives", errp);
    return true;
}

static bool parse_ipv4(struct opts *opts, const char *what, SlirpConfig *cfg,
                       struct vemu_error **errp)
{
    const char *net = opts_get(opts, "net");

    if (!parse_net(net ? net : "10.0.2.0/24", &cfg->vnetwork, &cfg->vnetmask))
        return bad(what, "net", net, "a network of 8 to 29 bits, such as 10.0.2.0/24", errp);
    if (!host_in_net(opts, what, "host", cfg, HOST_NUMBER, &cfg->vhost, errp) ||
        !host_in_net(opts, what, "dns", cfg, DNS_NUMBER, &cfg->vnameserver, errp) ||
        !host_in_net(opts, what, "dhcpstart", cfg, DHCP_NUMBER, &cfg->vdhcp_start, errp))
        return false;
    if (cfg->vhost.s_addr == cfg->vnameserver.s_addr)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: host= and dns= are the same address; each needs one of its own",
                         what);
    return true;
}

static bool parse_ipv6(struct opts *opts, const char *what, SlirpConfig *cfg,
                       struct vemu_error **errp)
{
    const char *net = opts_get(opts, "ipv6-net"), *host = opts_get(opts, "ipv6-host"),
               *dns = opts_get(opts, "ipv6-dns");
    const char *slash = net ? strchr(net, '/') : NULL;
    char prefix[INET6_ADDRSTRLEN] = "fec0::";
    uint64_t bits = 64;

    if (net) {
        size_t len = slash ? (size_t)(slash - net) : strlen(net);
        if (len >= sizeof prefix || (slash && !number_parse(slash + 1, &bits)) || bits > 126)
            return bad(what, "ipv6-net", net, "a prefix, such as fec0::/64", errp);
        memcpy(prefix, net, len);
        prefix[len] = 0;
    }
    if (inet_pton(AF_INET6, prefix, &cfg->vprefix_addr6) != 1)
        return bad(what, "ipv6-net", net, "a prefix, such as fec0::/64", errp);
    cfg->vprefix_len = (uint8_t)bits;
    cfg->vhost6 = cfg->vnameserver6 = cfg->vprefix_addr6;
    cfg->vhost6.s6_addr[15] |= HOST_NUMBER;
    cfg->vnameserver6.s6_addr[15] |= DNS_NUMBER;
    if (host && inet_pton(AF_INET6, host, &cfg->vhost6) != 1)
        return bad(what, "ipv6-host", host, "an IPv6 address, such as fec0::2", errp);
    if (dns && inet_pton(AF_INET6, dns, &cfg->vnameserver6) != 1)
        return bad(what, "ipv6-dns", dns, "an IPv6 address, such as fec0::3", errp);
    return true;
}

static bool parse_names(struct opts *opts, const char *what, SlirpConfig *cfg, const char **search,
                        struct vemu_error **errp)
{
    unsigned n = 0;
    struct stat st;

    cfg->vhostname = opts_get(opts, "hostname");
    cfg->vdomainname = opts_get(opts, "domainname");
    cfg->tftp_path = opts_get(opts, "tftp");
    cfg->bootfile = opts_get(opts, "bootfile");
    cfg->tftp_server_name = opts_get(opts, "tftp-server-name");
    for (unsigned i = 0; i < opts->count; i++) {
        if (strcmp(opts->items[i].key, "dnssearch") != 0)
            continue;
        opts->items[i].used = true;
        if (n == USER_SEARCH_MAX)
            return error_set(errp, VEMU_ERROR_INVALID, "%s: dnssearch= more than %d times", what,
                             USER_SEARCH_MAX);
        search[n++] = opts->items[i].value;
    }
    search[n] = NULL;
    cfg->vdnssearch = n ? search : NULL;
    /* What goes into DHCP and TFTP answers has that much room there. */
    if (cfg->vhostname && strlen(cfg->vhostname) > 32)
        return bad(what, "hostname", cfg->vhostname, "at most 32 characters", errp);
    if (cfg->vdomainname && strlen(cfg->vdomainname) > 254)
        return bad(what, "domainname", cfg->vdomainname, "at most 254 characters", errp);
    if (cfg->bootfile && strlen(cfg->bootfile) > 127)
        return bad(what, "bootfile", cfg->bootfile, "at most 127 characters", errp);
    if (cfg->tftp_server_name && strlen(cfg->tftp_server_name) > 254)
        return bad(what, "tftp-server-name", cfg->tftp_server_name, "at most 254 characters", errp);
    if (cfg->tftp_path && (stat(cfg->tftp_path, &st) || !S_ISDIR(st.st_mode)))
        return bad(what, "tftp", cfg->tftp_path, "a directory", errp);
    return true;
}

bool user_parse_config(struct opts *opts, const char *what, SlirpConfig *cfg, const char **search,
                       struct vemu_error **errp)
{
    bool restricted = false, v4 = true, v6 = true;
    uint64_t mtu = 0;

    if (!opts_get_bool(opts, what, "restrict", &restricted, errp) ||
        !opts_get_bool(opts, what, "ipv4", &v4, errp) ||
        !opts_get_bool(opts, what, "ipv6", &v6, errp) ||
        !opts_get_number(opts, what, "mtu", MTU_MIN, MTU_MAX, &mtu, errp))
        return false;
    if (!v4 && !v6)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: ipv4=off and ipv6=off leave no network; use one of them", what);
    *cfg = (SlirpConfig){.version = 4,
                         .restricted = restricted,
                         .in_enabled = v4,
                         .in6_enabled = v6,
                         .if_mtu = mtu,
                         .if_mru = mtu};
    return parse_ipv4(opts, what, cfg, errp) && parse_ipv6(opts, what, cfg, errp) &&
           parse_names(opts, what, cfg, search, errp);
}

/* ---- forwarding ------------------------------------------------------------------------------ */

/* Takes "ADDR:PORT", "[V6ADDR]:PORT" or ":PORT" from *text up to `end`; *text goes behind it. */
static bool take_endpoint(const char **text, char end, const struct in_addr *fallback,
                          struct sockaddr_storage *out, socklen_t *len)
{
    const char *p = *text, *close = *p == '[' ? strchr(p, ']') : NULL;
    const char *colon = strchr(close ? close : p, ':');
    const char *stop = colon ? strchr(colon, end) : NULL; /* of NUL: the end of the text */
    char address[INET6_ADDRSTRLEN], number[8];
    const char *start = close ? p + 1 : p;
    size_t n = colon ? (size_t)((close ? close : colon) - start) : 0;
    uint64_t port;

    if (!colon || !stop || (close && close + 1 != colon) || n >= sizeof address ||
        (size_t)(stop - colon) > sizeof number)
        return false;
    memcpy(address, start, n);
    address[n] = 0;
    memcpy(number, colon + 1, (size_t)(stop - colon) - 1);
    number[stop - colon - 1] = 0;
    if (!number_parse(number, &port) || port > 65535)
        return false;
    memset(out, 0, sizeof *out);
    if (close) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        *len = sizeof *in6;
        if (inet_pton(AF_INET6, address, &in6->sin6_addr) != 1)
            return false;
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        in->sin_addr = *fallback;
        *len = sizeof *in;
        if (n && inet_pton(AF_INET, address, &in->sin_addr) != 1)
            return false;
    }
    *text = end ? stop + 1 : stop;
    return true;
}

/* "tcp:", "udp:" or ":" in front. */
static bool take_protocol(const char **text, bool *udp)
{
    static const char *const names[] = {":", "tcp:", "udp:"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(*text, names[i], len) == 0) {
            *udp = i == 2;
            *text += len;
            return true;
        }
    }
    return false;
}

bool user_parse_hostfwd(const char *text, const char *what, struct in_addr guest,
                        struct user_forward *rule, struct vemu_error **errp)
{
    static const struct in_addr any = {INADDR_ANY};
    const char *p = text;

    if (!take_protocol(&p, &rule->udp) ||
        !take_endpoint(&p, '-', &any, &rule->host, &rule->host_len) ||
        !take_endpoint(&p, 0, &guest, &rule->guest, &rule->guest_len) ||
        !((struct sockaddr_in *)&rule->guest)->sin_port)
        return bad(what, "hostfwd", text,
                   "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT, such as "
                   "tcp:127.0.0.1:2222-:22",
                   errp);
    return true;
}

bool user_parse_guestfwd(const char *text, const char *what, struct user_guest_forward *rule,
                         struct vemu_error **errp)
{
    static const struct in_addr none = {INADDR_ANY};
    struct sockaddr_storage at;
    socklen_t len;
    const char *p = text;
    bool udp;

    if (!take_protocol(&p, &udp) || udp || !take_endpoint(&p, '-', &none, &at, &len) ||
        at.ss_family != AF_INET || !*p)
        return bad(what, "guestfwd", text,
                   "[tcp]:ADDR:PORT-CHARDEV or [tcp]:ADDR:PORT-cmd:COMMAND, such as "
                   "tcp:10.0.2.100:80-cmd:/usr/bin/tool",
                   errp);
    const struct sockaddr_in *in = (const struct sockaddr_in *)&at;
    rule->addr = in->sin_addr;
    rule->port = ntohs(in->sin_port);
    rule->target = p;
    return true;
}
#endif
