/* Delays for who guesses passwords. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/util/range.h"
#include "ui/vnc/guesses.h"

#define SECOND INT64_C(1000000000)

static struct vnc_address from(const char *host)
{
    struct vnc_address a = {.family = strchr(host, ':') ? "ipv6" : "ipv4"};

    snprintf(a.host, sizeof a.host, "%s", host);
    return a;
}

static int64_t tell(struct vnc_guesses *g, const char *host, bool right, int64_t now)
{
    const struct vnc_address a = from(host);

    return vnc_guesses_tell(g, &a, right, now);
}

Test(vnc_guesses, who_is_right_does_not_wait)
{
    struct vnc_guesses g = {0};

    for (int64_t now = 0; now < 10; now++)
        cr_assert_eq(tell(&g, "192.0.2.1", true, now), now);
}

Test(vnc_guesses, each_wrong_one_costs_more)
{
    static const int64_t delays[] = {1, 2, 4, 8, 16, 16, 16};
    struct vnc_guesses g = {0};
    int64_t now = 5 * SECOND;

    for (unsigned i = 0; i < ARRAY_SIZE(delays); i++) {
        int64_t when = tell(&g, "192.0.2.1", false, now);
        cr_assert_eq(when, now + delays[i] * SECOND, "%u", i);
        now = when;
    }
    cr_assert_eq(tell(&g, "192.0.2.1", true, now), now);
    cr_assert_eq(tell(&g, "192.0.2.1", false, now), now + SECOND, "a right one starts anew");
}

Test(vnc_guesses, many_at_once_are_no_faster)
{
    struct vnc_guesses g = {0};
    int64_t first = tell(&g, "192.0.2.1", false, 0), second = tell(&g, "192.0.2.1", false, 0);

    cr_assert_eq(first, SECOND);
    cr_assert_eq(second, 3 * SECOND);
    cr_assert_eq(tell(&g, "192.0.2.1", true, 0), second, "nor is the right one told before");
    cr_assert_eq(tell(&g, "192.0.2.2", true, 0), 0, "others do not wait");
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_leq(tell(&g, "192.0.2.1", false, 0), 20 * SECOND, "a handshake has no more time");
}

Test(vnc_guesses, network_of_ipv6_is_one_host)
{
    struct vnc_guesses g = {0};

    tell(&g, "2001:db8:1:2::1", false, 0);
    cr_assert_eq(tell(&g, "2001:db8:1:2:ffff::7", true, 0), SECOND);
    cr_assert_eq(tell(&g, "2001:db8:1:3::1", true, 0), 0);
}

Test(vnc_guesses, table_is_bounded_and_forgets)
{
    struct vnc_guesses g = {0};
    char host[32];

    for (unsigned i = 0; i < 10 * VNC_GUESSES_HOSTS; i++) {
        snprintf(host, sizeof host, "10.0.%u.%u", i / 256, i % 256);
        cr_assert_gt(tell(&g, host, false, 0), 0);
    }
    cr_assert_gt(tell(&g, "10.9.9.9", true, 0), 0, "who has no room shares");
    cr_assert_eq(tell(&g, "10.9.9.9", true, 1000 * SECOND), 1000 * SECOND);
    cr_assert_eq(tell(&g, "10.9.9.9", false, 1000 * SECOND), 1001 * SECOND);
}
