/* The gdb stub's packets: framing, numbers, and what a hostile peer may send. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/gdb/rsp.h"

static enum rsp_event feed(struct rsp *rsp, const char *text)
{
    size_t used;
    enum rsp_event event = rsp_feed(rsp, (const uint8_t *)text, strlen(text), &used);

    cr_assert(event == RSP_NOTHING || used <= strlen(text));
    return event;
}

Test(gdb, packet_is_complete_with_its_checksum)
{
    struct rsp rsp;

    rsp_init(&rsp);
    cr_assert_eq(feed(&rsp, "+$qC#"), RSP_NOTHING);
    cr_assert_eq(feed(&rsp, "b4"), RSP_PACKET);
    cr_assert_str_eq(rsp.packet, "qC");
    cr_assert_eq(feed(&rsp, "$qC#b5"), RSP_BAD);
    cr_assert_eq(feed(&rsp, "$qC#zz"), RSP_BAD);
    cr_assert_eq(feed(&rsp, "\003"), RSP_INTERRUPT);
    cr_assert_eq(feed(&rsp, "-"), RSP_NAK);
    cr_assert_eq(feed(&rsp, "noise+"), RSP_NOTHING);
}

Test(gdb, escapes_are_undone_and_made)
{
    static struct rsp_reply reply;
    char frame[64];
    struct rsp rsp;
    size_t n;

    reply_binary(&reply, "a#$}*b", 6);
    n = rsp_frame(reply.data, reply.len, frame);
    frame[n] = 0;
    rsp_init(&rsp);
    cr_assert_eq(feed(&rsp, frame), RSP_PACKET);
    cr_assert_eq(rsp.len, 6);
    cr_assert(memcmp(rsp.packet, "a#$}*b", 6) == 0);
}

Test(gdb, packet_that_is_too_long_is_refused_whole)
{
    struct rsp rsp;
    size_t used, len = RSP_PACKET_MAX + 100;
    uint8_t *data = malloc(len);

    memset(data, 'a', len);
    data[0] = '$';
    rsp_init(&rsp);
    cr_assert_eq(rsp_feed(&rsp, data, len, &used), RSP_NOTHING);
    cr_assert_eq(feed(&rsp, "#00"), RSP_BAD);
    cr_assert_eq(feed(&rsp, "$g#67"), RSP_PACKET);
    free(data);
}

Test(gdb, numbers_do_not_overflow)
{
    const char *p = "ffffffffffffffff,";
    uint64_t v;

    cr_assert(hex_number(&p, &v));
    cr_assert_eq(v, UINT64_MAX);
    cr_assert(take_char(&p, ','));
    p = "1ffffffffffffffff";
    cr_assert(!hex_number(&p, &v));
    p = "x";
    cr_assert(!hex_number(&p, &v));
}

Test(gdb, bytes_need_all_their_digits)
{
    uint8_t bytes[2];
    const char *p = "12fF";

    cr_assert(hex_bytes(&p, bytes, 2));
    cr_assert_eq(bytes[1], 0xff);
    p = "12f";
    cr_assert(!hex_bytes(&p, bytes, 2));
    p = "";
    cr_assert(!hex_bytes(&p, bytes, 1));
}

Test(gdb, reply_that_does_not_fit_says_so)
{
    static struct rsp_reply reply;
    static uint8_t bytes[RSP_PACKET_MAX];

    reply_hex(&reply, bytes, sizeof bytes);
    cr_assert(reply.overflow);
    cr_assert_eq(reply.len, 0);
}
