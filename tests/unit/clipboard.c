/* core/display/clipboard: who has text, who gets it. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/display/clipboard.h"

struct peer {
    struct clipboard_peer p;
    const char *text; /* what it answers with at once; NULL: later */
    unsigned grabbed, released, wanted, answers;
    char got[32];
};

static struct peer *peer_of(struct clipboard_peer *p)
{
    return (struct peer *)p;
}

static void grabbed(struct clipboard_peer *p)
{
    peer_of(p)->grabbed++;
}

static void released(struct clipboard_peer *p)
{
    peer_of(p)->released++;
}

static void wanted(struct clipboard_peer *p)
{
    peer_of(p)->wanted++;
    if (peer_of(p)->text)
        clipboard_answer(p, peer_of(p)->text, strlen(peer_of(p)->text));
}

static void data(struct clipboard_peer *p, const char *text, size_t len)
{
    struct peer *peer = peer_of(p);

    peer->answers++;
    cr_assert_lt(len, sizeof peer->got);
    if (len)
        memcpy(peer->got, text, len);
    peer->got[len] = 0;
}

static const struct clipboard_ops ops = {
    .grabbed = grabbed, .released = released, .wanted = wanted, .data = data};

static struct vemu_machine m;
static struct peer guest, viewer, window;

static void join(struct peer *p, const char *text)
{
    *p = (struct peer){.p = {.ops = &ops}, .text = text};
    clipboard_join(&m, &p->p);
}

static void setup(void)
{
    cr_assert(machine_init(&m, NULL));
    machine_lock(&m);
    join(&guest, "from the guest");
    join(&viewer, NULL);
    join(&window, NULL);
}

static void teardown(void)
{
    clipboard_leave(&window.p);
    clipboard_leave(&viewer.p);
    clipboard_leave(&guest.p);
    machine_unlock(&m);
    machine_destroy(&m);
}
TestSuite(clipboard, .init = setup, .fini = teardown);

Test(clipboard, text_goes_over_when_it_is_asked_for)
{
    clipboard_grab(&guest.p);
    cr_assert_eq(viewer.grabbed + window.grabbed, 2);
    cr_assert_eq(guest.grabbed + guest.wanted, 0);
    clipboard_request(&viewer.p);
    cr_assert_str_eq(viewer.got, "from the guest");
    cr_assert_eq(window.answers, 0);
}

Test(clipboard, without_text_the_answer_is_empty)
{
    clipboard_request(&viewer.p);
    cr_assert_eq(viewer.answers, 1);
    clipboard_grab(&guest.p);
    clipboard_request(&guest.p); /* its own */
    cr_assert_eq(guest.answers, 1);
    cr_assert_str_eq(guest.got, "");
}

Test(clipboard, who_waits_gets_the_new_owners_text)
{
    clipboard_grab(&viewer.p);
    clipboard_request(&window.p);
    clipboard_request(&window.p);
    cr_assert_eq(viewer.wanted, 1);
    clipboard_grab(&guest.p);
    cr_assert_str_eq(window.got, "from the guest");
    clipboard_answer(&viewer.p, "late", 4);
    cr_assert_eq(window.answers, 1);
}

Test(clipboard, owner_that_leaves_takes_its_text_along)
{
    clipboard_grab(&viewer.p);
    clipboard_request(&window.p);
    clipboard_leave(&viewer.p);
    cr_assert_eq(window.answers, 1);
    cr_assert_str_eq(window.got, "");
    cr_assert_eq(window.released, 1);
    clipboard_leave(&viewer.p);
}

Test(clipboard, who_joins_late_learns_that_there_is_text)
{
    clipboard_grab(&guest.p);
    clipboard_leave(&viewer.p);
    join(&viewer, NULL);
    cr_assert_eq(viewer.grabbed, 1);
}

Test(clipboard, what_is_no_text_goes_as_none)
{
    static char large[CLIPBOARD_MAX + 1];

    memset(large, 'x', sizeof large);
    clipboard_grab(&viewer.p);
    clipboard_request(&window.p);
    clipboard_answer(&viewer.p, large, sizeof large);
    cr_assert_eq(window.answers, 1);
    cr_assert_str_eq(window.got, "");
    clipboard_request(&window.p);
    clipboard_answer(&viewer.p, "a\xff", 2);
    cr_assert_eq(window.answers, 2);
    cr_assert_str_eq(window.got, "");
}

Test(clipboard, text_is_well_formed_utf8)
{
    static const char *const good[] = {
        "", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",         "\xc0\x80",         "\xc3",
                                      "\xe0\x80\x80", "\xed\xa0\x80",     "\xe2\x82",
                                      "\xff",         "\xf4\x90\x80\x80", "\xf0\x80\x80\x80"};

    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_assert(clipboard_is_text(good[i], strlen(good[i])), "good %u", i);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert(!clipboard_is_text(bad[i], strlen(bad[i])), "bad %u", i);
    cr_assert(!clipboard_is_text("a\0b", 3));
}
