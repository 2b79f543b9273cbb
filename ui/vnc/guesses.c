/* Delays for who guesses passwords: see guesses.h. */
#include "ui/vnc/guesses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/util/range.h"

#define SECOND INT64_C(1000000000)
/* The first wrong one costs a second, the next twice as much, up to 16. Nobody is told later than
 * within the time that a handshake has, however many attempts are under way. */
enum { DOUBLINGS_MAX = 4 };
#define LATEST (20 * SECOND)
/* So long after its last delay a host is forgotten. */
#define FORGET (300 * SECOND)

/* Who has an address of IPv6 has all of its network: the first half counts. */
static void name_host(const struct vnc_address *peer, char *name, size_t room)
{
    struct in6_addr a;

    if (strcmp(peer->family, "ipv6") == 0 && inet_pton(AF_INET6, peer->host, &a) == 1) {
        memset(a.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, &a, name, (socklen_t)room);
    } else if (strcmp(peer->family, "unix") == 0) {
        snprintf(name, room, "unix"); /* the path is ours, not the peer's */
    } else {
        snprintf(name, room, "%.*s", (int)room - 1, peer->host);
    }
}

/* fresh: make an entry if there is none. NULL: there is none. */
static struct vnc_guesser *find(struct vnc_guesses *g, const char *host, bool fresh, int64_t now)
{
    struct vnc_guesser *free = NULL;

    for (unsigned i = 0; i < VNC_GUESSES_HOSTS; i++) {
        struct vnc_guesser *h = &g->hosts[i];
        if (h->host[0] && now - h->next > FORGET)
            *h = (struct vnc_guesser){.wrong = 0};
        if (h->host[0] && strcmp(h->host, host) == 0)
            return h;
        if (!h->host[0] && !free)
            free = h;
    }
    if (!free)
        return &g->others;
    if (!fresh)
        return NULL;
    memcpy(free->host, host, strlen(host) + 1);
    return free;
}

int64_t vnc_guesses_tell(struct vnc_guesses *g, const struct vnc_address *peer, bool right,
                         int64_t now)
{
    struct vnc_guesser *h;
    char host[sizeof h->host];

    name_host(peer, host, sizeof host);
    if (!host[0])
        snprintf(host, sizeof host, "unknown");
    h = find(g, host, !right, now);
    if (!h)
        return now;
    if (right) {
        h->wrong = 0;
        return MAX(now, h->next);
    }
    h->next =
        MIN(MAX(now, h->next) + (SECOND << MIN(h->wrong, (unsigned)DOUBLINGS_MAX)), now + LATEST);
    h->wrong++;
    return h->next;
}
