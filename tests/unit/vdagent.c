/* core/vdagent: an agent in the guest, at its best and at its worst. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/util/error.h"
#include "tests/vdagent_guest.h"

/* ---- a viewer -------------------------------------------------------------------------------- */

struct viewer {
    struct clipboard_peer p;
    const char *text; /* what it has */
    size_t len;
    unsigned grabbed, released, wanted, answers;
    struct buffer got;
};

static void on_grabbed(struct clipboard_peer *p)
{
    ((struct viewer *)p)->grabbed++;
}

static void on_released(struct clipboard_peer *p)
{
    ((struct viewer *)p)->released++;
}

static void on_wanted(struct clipboard_peer *p)
{
    struct viewer *v = (struct viewer *)p;

    v->wanted++;
    if (v->text)
        clipboard_answer(p, v->text, v->len);
}

static void on_data(struct clipboard_peer *p, const char *text, size_t len)
{
    struct viewer *v = (struct viewer *)p;

    v->answers++;
    buffer_clear(&v->got);
    v->got.limit = GUEST_STREAM_MAX;
    if (len)
        buffer_put(&v->got, text, len);
}

static const struct clipboard_ops viewer_ops = {
    .grabbed = on_grabbed, .released = on_released, .wanted = on_wanted, .data = on_data};

/* ---- the scene ------------------------------------------------------------------------------- */

static struct vemu_machine m;
static struct viewer viewer;
static struct vdagent *agent;
static struct guest_reader guest;
static struct guest_message message;
static unsigned told;

static void news(void *opaque)
{
    (void)opaque;
    told++;
}

static struct vdagent *make(bool mouse)
{
    const struct vdagent_config cfg = {.clipboard = true, .mouse = mouse, .news = news};
    struct vdagent *v = vdagent_new(&m, &cfg);

    cr_assert(v);
    return v;
}

static void setup(void)
{
    cr_assert(machine_init(&m, NULL));
    machine_lock(&m);
    viewer = (struct viewer){.p.ops = &viewer_ops};
    clipboard_join(&m, &viewer.p);
    agent = make(false);
}

static void teardown(void)
{
    vdagent_free(agent);
    clipboard_leave(&viewer.p);
    buffer_free(&viewer.got);
    guest_reader_free(&guest);
    machine_unlock(&m);
    machine_destroy(&m);
}
TestSuite(vdagent, .init = setup, .fini = teardown);

/* The guest reads all there is, in pieces of 100 bytes. */
static void read_all(void)
{
    uint8_t bytes[100];
    size_t n;

    while ((n = vdagent_take(agent, bytes, sizeof bytes)))
        guest_read(&guest, bytes, n);
}

static bool next(void)
{
    read_all();
    bool any = guest_next(&guest, &message);
    cr_assert_not(guest.broken);
    return any;
}

#define expect_next(type_, ...)                                                                    \
    do {                                                                                           \
        const uint32_t words_[] = {__VA_ARGS__};                                                   \
        cr_assert(next(), "no message, but " #type_);                                              \
        cr_assert_eq(message.type, type_, "type %u", message.type);                                \
        cr_assert_eq(message.size, sizeof words_);                                                 \
        for (size_t w_ = 0; w_ < sizeof words_ / 4; w_++)                                          \
            cr_expect_eq(load_le32(message.body + 4 * w_), words_[w_], "word %zu: %#x", w_,        \
                         load_le32(message.body + 4 * w_));                                        \
    } while (0)

static void hear(struct buffer *out)
{
    vdagent_receive(agent, out->data, out->len);
    buffer_free(out);
}

#define say(...)                                                                                   \
    do {                                                                                           \
        struct buffer out_ = {0};                                                                  \
        GUEST_SAY(&out_, __VA_ARGS__);                                                             \
        hear(&out_);                                                                               \
    } while (0)

static void say_text(const char *text, size_t len)
{
    struct buffer out = {0};

    guest_say_text(&out, text, len);
    hear(&out);
}

static void open_with(uint32_t caps)
{
    vdagent_set_open(agent, true);
    cr_assert(next());
    cr_assert_eq(message.type, VD_AGENT_ANNOUNCE_CAPABILITIES);
    say(VD_AGENT_ANNOUNCE_CAPABILITIES, 0, caps);
}

static void grab(struct viewer *v, const char *text)
{
    v->text = text;
    v->len = text ? strlen(text) : 0;
    clipboard_grab(&v->p);
}

/* ---- capabilities ---------------------------------------------------------------------------- */

Test(vdagent, who_opens_is_told_and_asked_what_it_can_do)
{
    cr_expect_not(next());
    vdagent_set_open(agent, true);
    cr_expect_gt(told, 0);
    expect_next(VD_AGENT_ANNOUNCE_CAPABILITIES, 1,
                VD_AGENT_CAP_MONITORS_CONFIG | VD_AGENT_CAP_REPLY |
                    VD_AGENT_CAP_MONITORS_CONFIG_POSITION | VD_AGENT_CAP_CLIPBOARD_BY_DEMAND |
                    VD_AGENT_CAP_CLIPBOARD_SELECTION | VD_AGENT_CAP_CLIPBOARD_NO_RELEASE_ON_REGRAB |
                    VD_AGENT_CAP_CLIPBOARD_GRAB_SERIAL);
    cr_expect_eq(message.port, VDP_CLIENT_PORT);
    cr_expect_not(next());
}

Test(vdagent, who_asks_is_answered_and_nothing_else_is_said_before_it_answers)
{
    grab(&viewer, "early");
    vdagent_set_open(agent, true);
    cr_assert(next());
    say(VD_AGENT_ANNOUNCE_CAPABILITIES, 1, GUEST_CAPS);
    cr_assert(next());
    cr_expect_eq(message.type, VD_AGENT_ANNOUNCE_CAPABILITIES);
    cr_expect_eq(load_le32(message.body), 0, "an answer asks nothing");
    cr_expect_not(next());
    say(VD_AGENT_ANNOUNCE_CAPABILITIES, 0, GUEST_CAPS);
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
}

Test(vdagent, an_agent_that_starts_anew_behind_an_open_port_is_told_everything_again)
{
    grab(&viewer, "text");
    open_with(GUEST_CAPS);
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    say(VD_AGENT_ANNOUNCE_CAPABILITIES, 1, GUEST_CAPS);
    cr_assert(next());
    cr_expect_eq(message.type, VD_AGENT_ANNOUNCE_CAPABILITIES);
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
}

Test(vdagent, a_clipboard_that_is_off_is_not_offered_and_not_used)
{
    const struct vdagent_config cfg = {.news = news};
    vdagent_free(agent);
    agent = vdagent_new(&m, &cfg);
    vdagent_set_open(agent, true);
    expect_next(VD_AGENT_ANNOUNCE_CAPABILITIES, 1,
                VD_AGENT_CAP_MONITORS_CONFIG | VD_AGENT_CAP_REPLY |
                    VD_AGENT_CAP_MONITORS_CONFIG_POSITION);
    say(VD_AGENT_ANNOUNCE_CAPABILITIES, 0, GUEST_CAPS);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    cr_expect_eq(viewer.grabbed, 0);
    grab(&viewer, "text");
    cr_expect_not(next());
}

Test(vdagent, an_agent_that_gives_text_unasked_gets_none)
{
    open_with(GUEST_CAPS & ~VD_AGENT_CAP_CLIPBOARD_BY_DEMAND);
    grab(&viewer, "text");
    cr_expect_not(next());
    say_text("pushed", 6);
    cr_expect_eq(viewer.answers, 0);
}

/* ---- text ------------------------------------------------------------------------------------ */

Test(vdagent, text_of_the_guest_goes_to_who_asks_for_it)
{
    open_with(GUEST_CAPS);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 2, 1); /* a picture, or as text */
    cr_expect_eq(viewer.grabbed, 1);
    cr_expect_not(next(), "nobody asked");
    clipboard_request(&viewer.p);
    expect_next(VD_AGENT_CLIPBOARD_REQUEST, 0, 1);
    say_text("gr\xc3\xbc\xc3\x9f dich\n", 11);
    cr_expect_eq(viewer.answers, 1);
    cr_expect_eq(viewer.got.len, 11);
    cr_expect_arr_eq(viewer.got.data, "gr\xc3\xbc\xc3\x9f dich\n", 11);
}

Test(vdagent, text_of_a_viewer_goes_to_a_guest_that_asks_for_it)
{
    open_with(GUEST_CAPS);
    grab(&viewer, "hello");
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    cr_expect_eq(viewer.wanted, 0);
    say(VD_AGENT_CLIPBOARD_REQUEST, 0, 1);
    cr_assert(next());
    cr_expect_eq(message.type, VD_AGENT_CLIPBOARD);
    cr_assert_eq(message.size, 8 + 5);
    cr_expect_eq(load_le32(message.body), 0);
    cr_expect_eq(load_le32(message.body + 4), 1);
    cr_expect_arr_eq(message.body + 8, "hello", 5);
}

Test(vdagent, the_longest_text_goes_both_ways)
{
    static char text[CLIPBOARD_MAX + 1];
    memset(text, '\n', CLIPBOARD_MAX);
    open_with(GUEST_CAPS);
    grab(&viewer, text);
    cr_assert(next());
    say(VD_AGENT_CLIPBOARD_REQUEST, 0, 1);
    cr_assert(next());
    cr_expect_eq(message.size, 8 + CLIPBOARD_MAX);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    clipboard_request(&viewer.p);
    say_text(text, CLIPBOARD_MAX);
    cr_expect_eq(viewer.got.len, CLIPBOARD_MAX);
}

Test(vdagent, text_that_is_too_long_or_none_is_no_text)
{
    static char text[2 * CLIPBOARD_MAX + 100];
    memset(text, 'x', sizeof text);
    open_with(GUEST_CAPS);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    for (size_t len = CLIPBOARD_MAX + 1; len < sizeof text; len += CLIPBOARD_MAX) {
        clipboard_request(&viewer.p);
        viewer.got.len = 1;
        say_text(text, len);
        cr_expect_eq(viewer.got.len, 0, "%zu bytes", len);
    }
    clipboard_request(&viewer.p);
    say_text("\xff\xfe", 2);
    cr_expect_eq(viewer.answers, 3);
    cr_expect_eq(viewer.got.len, 0);
    clipboard_request(&viewer.p);
    say(VD_AGENT_CLIPBOARD, 0, 0);
    cr_expect_eq(viewer.answers, 4, "none, and said so");
    cr_expect_eq(agent->in.port[0].body.room, 0, "nothing is kept of it");
    clipboard_request(&viewer.p);
    say_text("still there", 11);
    cr_expect_eq(viewer.got.len, 11);
}

Test(vdagent, a_guest_that_can_is_told_how_much_is_taken)
{
    open_with(GUEST_CAPS | VD_AGENT_CAP_MAX_CLIPBOARD);
    expect_next(VD_AGENT_MAX_CLIPBOARD, CLIPBOARD_MAX);
}

Test(vdagent, lines_end_as_the_guest_has_them)
{
    open_with(GUEST_CAPS | VD_AGENT_CAP_GUEST_LINEEND_CRLF);
    grab(&viewer, "one\ntwo\n");
    cr_assert(next());
    say(VD_AGENT_CLIPBOARD_REQUEST, 0, 1);
    cr_assert(next());
    cr_assert_eq(message.size, 8 + 10);
    cr_expect_arr_eq(message.body + 8, "one\r\ntwo\r\n", 10);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    clipboard_request(&viewer.p);
    say_text("three\r\nfour\rend\r\0", 17);
    cr_expect_eq(viewer.got.len, 15);
    cr_expect_arr_eq(viewer.got.data, "three\nfour\rend\r", 15);
}

Test(vdagent, who_has_no_text_any_more_says_so)
{
    open_with(GUEST_CAPS);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    say(VD_AGENT_CLIPBOARD_RELEASE, 0);
    cr_expect_eq(viewer.released, 1);
    grab(&viewer, "mine");
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    clipboard_release(&viewer.p);
    expect_next(VD_AGENT_CLIPBOARD_RELEASE, 0);
    say(VD_AGENT_CLIPBOARD_REQUEST, 0, 1);
    expect_next(VD_AGENT_CLIPBOARD, 0, 0);
    grab(&viewer, "mine");
    clipboard_release(&viewer.p);
    cr_expect_not(next(), "what was not told is not taken back");
}

Test(vdagent, a_new_owner_is_told_without_a_release)
{
    open_with(GUEST_CAPS);
    grab(&viewer, "one");
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    grab(&viewer, "two");
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    cr_expect_not(next());
}

Test(vdagent, who_waits_gets_none_when_the_guest_leaves)
{
    open_with(GUEST_CAPS);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    clipboard_request(&viewer.p);
    vdagent_set_open(agent, false);
    cr_expect_eq(viewer.answers, 1);
    cr_expect_eq(viewer.released, 1);
    cr_expect_not(m.clipboard_owner);
    cr_expect_not(next());
}

Test(vdagent, pictures_take_the_clipboard_from_text)
{
    open_with(GUEST_CAPS);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 2, 3);
    cr_expect_eq(viewer.released, 1);
    grab(&viewer, "text");
    cr_assert(next());
    say(VD_AGENT_CLIPBOARD_REQUEST, 0, 2);
    expect_next(VD_AGENT_CLIPBOARD, 0, 0);
    cr_expect_eq(viewer.wanted, 0);
}

Test(vdagent, other_selections_are_answered_with_none)
{
    open_with(GUEST_CAPS);
    grab(&viewer, "text");
    cr_assert(next());
    say(VD_AGENT_CLIPBOARD_GRAB, 1, 1);
    say(VD_AGENT_CLIPBOARD_RELEASE, 2);
    cr_expect_eq(m.clipboard_owner, &viewer.p);
    say(VD_AGENT_CLIPBOARD_REQUEST, 1, 1);
    say(VD_AGENT_CLIPBOARD_REQUEST, 2, 1);
    say(VD_AGENT_CLIPBOARD_REQUEST, 255, 1);
    expect_next(VD_AGENT_CLIPBOARD, 1, 0);
    expect_next(VD_AGENT_CLIPBOARD, 2, 0);
    cr_expect_not(next());
}

Test(vdagent, an_agent_without_selections_has_one_clipboard)
{
    open_with(GUEST_CAPS & ~VD_AGENT_CAP_CLIPBOARD_SELECTION);
    grab(&viewer, "x");
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 1);
    say(VD_AGENT_CLIPBOARD_REQUEST, 1);
    cr_assert(next());
    cr_assert_eq(message.size, 4 + 1);
    cr_expect_eq(message.body[4], 'x');
    say(VD_AGENT_CLIPBOARD_GRAB, 1);
    clipboard_request(&viewer.p);
    expect_next(VD_AGENT_CLIPBOARD_REQUEST, 1);
    say(VD_AGENT_CLIPBOARD, 1, 0x64636261);
    cr_expect_eq(viewer.got.len, 4);
    say(VD_AGENT_CLIPBOARD_RELEASE, 0);
    cr_expect_eq(viewer.released, 1);
}

Test(vdagent, of_two_grabs_at_once_ours_stands)
{
    open_with(GUEST_CAPS | VD_AGENT_CAP_CLIPBOARD_GRAB_SERIAL);
    grab(&viewer, "ours");
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 0, 0, 1);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 0, 1);
    cr_expect_eq(m.clipboard_owner, &viewer.p, "it was sent before ours was read");
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1, 1);
    cr_expect_eq(viewer.grabbed, 1);
    grab(&viewer, "ours again");
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 0, 2, 1);
    say(VD_AGENT_ANNOUNCE_CAPABILITIES, 1, GUEST_CAPS | VD_AGENT_CAP_CLIPBOARD_GRAB_SERIAL);
    cr_assert(next());
    expect_next(VD_AGENT_CLIPBOARD_GRAB, 0, 0, 1);
}

/* ---- the stream ------------------------------------------------------------------------------ */

/* A conversation of the guest's side; the viewer asks for its text in between. */
static void write_conversation(struct buffer *out)
{
    static const uint8_t grab_text[8] = {0, 0, 0, 0, 1};

    guest_announce(out, false, GUEST_CAPS);
    guest_say_in_chunks(out, VDP_SERVER_PORT, 99, "unknown", 7, 9);
    guest_say_in_chunks(out, VDP_CLIENT_PORT, VD_AGENT_CLIPBOARD_GRAB, grab_text, 8, 1);
    guest_say_text(out, "in one piece", 12);
    guest_say_in_chunks(out, 7, VD_AGENT_CLIPBOARD_RELEASE, grab_text, 4, 24);
    GUEST_SAY(out, VD_AGENT_REPLY, VD_AGENT_MONITORS_CONFIG, 2);
}

static void expect_conversation(size_t split)
{
    cr_expect_eq(viewer.grabbed, 1, "split at %zu", split);
    cr_expect_eq(viewer.answers, 1, "split at %zu", split);
    cr_expect_eq(viewer.got.len, 12, "split at %zu", split);
    cr_expect_eq(viewer.released, 0, "split at %zu", split);
}

static void ask(struct clipboard_peer *p)
{
    on_grabbed(p);
    clipboard_request(p);
}

Test(vdagent, where_the_stream_is_split_does_not_matter)
{
    static const struct clipboard_ops eager = {
        .grabbed = ask, .released = on_released, .wanted = on_wanted, .data = on_data};
    struct buffer out = {0};

    write_conversation(&out);
    viewer.p.ops = &eager;
    for (size_t split = 0; split <= out.len; split++) {
        vdagent_set_open(agent, false);
        viewer.grabbed = viewer.released = viewer.answers = 0;
        vdagent_set_open(agent, true);
        vdagent_receive(agent, out.data, split);
        vdagent_receive(agent, out.data + split, out.len - split);
        expect_conversation(split);
    }
    vdagent_set_open(agent, false);
    viewer.grabbed = viewer.released = viewer.answers = 0;
    vdagent_set_open(agent, true);
    for (size_t i = 0; i < out.len; i++)
        vdagent_receive(agent, out.data + i, 1);
    expect_conversation(1);
    buffer_free(&out);
}

Test(vdagent, messages_to_both_ports_may_be_mixed)
{
    struct buffer a = {0}, b = {0}, mixed = {.limit = 4096};
    static const uint8_t grab_text[8] = {0, 0, 0, 0, 1};

    open_with(GUEST_CAPS);
    guest_say_in_chunks(&a, VDP_CLIENT_PORT, VD_AGENT_CLIPBOARD_GRAB, grab_text, 8, 7);
    guest_say_in_chunks(&b, VDP_SERVER_PORT, VD_AGENT_CLIPBOARD_RELEASE, grab_text, 4, 6);
    for (unsigned i = 0; i < 4; i++) {
        buffer_put(&mixed, a.data + 15 * i, 15);
        buffer_put(&mixed, b.data + 14 * i, 14);
    }
    hear(&mixed);
    cr_expect_eq(viewer.grabbed, 1);
    cr_expect_eq(viewer.released, 1);
    buffer_free(&a);
    buffer_free(&b);
}

Test(vdagent, chunks_need_not_end_where_messages_do)
{
    uint8_t header[VD_CHUNK_HEADER];
    struct buffer a = {0}, all = {.limit = 4096};

    open_with(GUEST_CAPS);
    GUEST_SAY(&a, VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    store_le32(header, VDP_CLIENT_PORT);
    store_le32(header + 4, (uint32_t)(2 * (a.len - VD_CHUNK_HEADER)));
    buffer_put(&all, header, sizeof header);
    for (unsigned i = 0; i < 2; i++)
        buffer_put(&all, a.data + VD_CHUNK_HEADER, a.len - VD_CHUNK_HEADER);
    hear(&all);
    cr_expect_eq(viewer.grabbed, 2);
    buffer_free(&a);
}

Test(vdagent, what_is_unknown_or_malformed_is_skipped)
{
    struct buffer out = {.limit = GUEST_STREAM_MAX};
    uint8_t empty[VD_CHUNK_HEADER] = {1};

    open_with(GUEST_CAPS);
    for (uint32_t type = 0; type < 24; type++) {
        if (type == VD_AGENT_ANNOUNCE_CAPABILITIES)
            continue;
        guest_say(&out, type, NULL, 0);
        guest_say(&out, type, "abc", 3);
        guest_say_in_chunks(&out, 0, type, "abcdefgh", 8, 28);
        guest_say_in_chunks(&out, UINT32_MAX, type, "abcdefgh", 8, 28);
    }
    buffer_put(&out, empty, sizeof empty);
    guest_say(&out, VD_AGENT_ANNOUNCE_CAPABILITIES, NULL, 0);
    GUEST_SAY(&out, VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    out.data[out.len - 28] = 2; /* another protocol */
    hear(&out);
    cr_expect_eq(viewer.grabbed, 0);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    cr_expect_eq(viewer.grabbed, 1, "and what follows is understood");
}

Test(vdagent, a_promise_of_bytes_costs_no_memory)
{
    uint8_t head[VD_CHUNK_HEADER + VD_MESSAGE_HEADER] = {0}, body[64] = {0};

    open_with(GUEST_CAPS);
    store_le32(head, VDP_CLIENT_PORT);
    store_le32(head + 4, UINT32_MAX);
    store_le32(head + 8, VD_AGENT_PROTOCOL);
    store_le32(head + 8 + VD_MESSAGE_TYPE, VD_AGENT_CLIPBOARD);
    store_le32(head + 8 + VD_MESSAGE_SIZE, UINT32_MAX);
    vdagent_receive(agent, head, sizeof head);
    vdagent_receive(agent, body, sizeof body);
    cr_expect_leq(agent->in.port[0].body.room, 256);
    for (unsigned i = 0; i < (16 << 20) / sizeof body; i++)
        vdagent_receive(agent, body, sizeof body);
    cr_expect_leq(agent->in.port[0].body.room, TEXT_MAX + CLIPBOARD_HEADER);
    vdagent_set_open(agent, false);
    open_with(GUEST_CAPS);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    cr_expect_eq(viewer.grabbed, 1, "who opens again starts anew");
}

Test(vdagent, a_guest_that_never_reads_costs_one_message)
{
    open_with(GUEST_CAPS);
    for (unsigned i = 0; i < 1000; i++) {
        grab(&viewer, "text");
        say(VD_AGENT_CLIPBOARD_REQUEST, 0, 1);
        say(VD_AGENT_CLIPBOARD_REQUEST, 1, 1);
        clipboard_release(&viewer.p);
        say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
        clipboard_request(&viewer.p);
    }
    cr_expect_leq(agent->out.out.room, 4096);
    grab(&viewer, "the last");
    unsigned messages = 0;
    while (next())
        messages++;
    cr_expect_leq(messages, 4);
}

/* ---- the screen ------------------------------------------------------------------------------ */

static const struct display_ops plain = {0};

static struct display *add_display(uint32_t width, uint32_t height)
{
    struct display *d = display_new(&m, NULL, 0, &plain, NULL, NULL);

    cr_assert(d);
    cr_assert(display_set_size(d, width, height));
    return d;
}

static void free_displays(void)
{
    struct display *d;

    while ((d = display_nth(&m, 0)))
        display_free(d);
}

Test(vdagent, sizes_that_viewers_ask_for_go_to_the_agent)
{
    struct display *a = add_display(640, 480), *b = add_display(800, 600);
    cr_expect_not(display_can_resize(a));
    open_with(GUEST_CAPS);
    cr_expect(display_can_resize(a));
    display_resize(b, 1000, 700);
    expect_next(VD_AGENT_MONITORS_CONFIG, 2, 1, 480, 640, 32, 0, 0, 700, 1000, 32, 640, 0);
    cr_expect_eq(message.port, VDP_CLIENT_PORT);
    display_resize(a, 100, 100);
    display_resize(a, 1200, 900);
    display_resize(b, 0, 0);
    expect_next(VD_AGENT_MONITORS_CONFIG, 2, 1, 900, 1200, 32, 0, 0, 0, 0, 32, 1200, 0);
    cr_expect_not(next(), "the last size is what matters");
    say(VD_AGENT_REPLY, VD_AGENT_MONITORS_CONFIG, 1);
    vdagent_set_open(agent, false);
    cr_expect_not(display_can_resize(a));
    free_displays();
}

Test(vdagent, an_agent_that_knows_less_is_told_less)
{
    struct display *a = add_display(640, 480);
    open_with(GUEST_CAPS &
              ~(VD_AGENT_CAP_SPARSE_MONITORS_CONFIG | VD_AGENT_CAP_MONITORS_CONFIG_POSITION));
    display_resize(a, 0, 0);
    expect_next(VD_AGENT_MONITORS_CONFIG, 1, 0, 480, 640, 32, 0, 0);
    vdagent_set_open(agent, false);
    open_with(GUEST_CAPS & ~VD_AGENT_CAP_MONITORS_CONFIG);
    cr_expect_not(display_can_resize(a));
    free_displays();
}

static void typed(void *opaque, const struct display_typed *what)
{
    (void)opaque;
    (void)what;
}

Test(vdagent, consoles_of_the_host_are_nothing_to_the_guest)
{
    static const struct display_ops console = {.type = typed};
    struct display *c = display_new(&m, NULL, 0, &console, NULL, NULL), *a = add_display(640, 480);
    open_with(GUEST_CAPS);
    cr_expect(display_can_resize(a));
    cr_expect_not(display_can_resize(c));
    display_resize(c, 100, 100);
    cr_expect_not(next());
    display_resize(a, 800, 600);
    expect_next(VD_AGENT_MONITORS_CONFIG, 1, 1, 600, 800, 32, 0, 0);
    free_displays();
}

/* ---- the pointer ----------------------------------------------------------------------------- */

static void expect_mouse(uint32_t x, uint32_t y, uint32_t buttons, uint8_t head)
{
    cr_assert(next());
    cr_assert_eq(message.type, VD_AGENT_MOUSE_STATE);
    cr_expect_eq(message.port, VDP_SERVER_PORT);
    cr_assert_eq(message.size, 13);
    cr_expect_eq(load_le32(message.body), x, "x %u", load_le32(message.body));
    cr_expect_eq(load_le32(message.body + 4), y, "y %u", load_le32(message.body + 4));
    cr_expect_eq(load_le32(message.body + 8), buttons, "buttons %#x", load_le32(message.body + 8));
    cr_expect_eq(message.body[12], head);
}

static void deliver(void)
{
    machine_unlock(&m);
    loop_iterate(m.loop, 0);
    machine_lock(&m);
}

static void point(struct display *d, int32_t x, int32_t y)
{
    const struct input_event e[] = {{EV_ABS, ABS_X, x}, {EV_ABS, ABS_Y, y}};

    input_send(&m, d, e, 2);
    deliver();
}

static void press(uint16_t type, uint16_t code, int32_t value)
{
    const struct input_event e = {type, code, value};

    input_send(&m, NULL, &e, 1);
    deliver();
}

static void start_pointing(void)
{
    vdagent_free(agent);
    agent = make(true);
    open_with(GUEST_CAPS);
    cr_assert(input_is_absolute(&m));
}

Test(vdagent, the_pointer_goes_through_the_agent_when_that_is_wanted)
{
    struct display *a = add_display(640, 480), *b = add_display(1001, 501);
    open_with(GUEST_CAPS);
    cr_expect_not(input_is_absolute(&m), "mouse=off");
    start_pointing();
    point(a, INPUT_ABS_MAX, 0);
    expect_mouse(639, 0, 0, 0);
    point(b, INPUT_ABS_MAX, INPUT_ABS_MAX);
    expect_mouse(1000, 500, 0, 1);
    point(a, 0, 0);
    press(EV_KEY, BTN_LEFT, 1);
    press(EV_KEY, BTN_RIGHT, 1);
    press(EV_KEY, BTN_LEFT, 0);
    press(EV_KEY, BTN_RIGHT, 0);
    expect_mouse(1, 1, 0, 0);
    expect_mouse(0, 0, VD_BUTTON_LEFT, 0);
    expect_mouse(0, 0, VD_BUTTON_LEFT | VD_BUTTON_RIGHT, 0);
    expect_mouse(0, 0, VD_BUTTON_RIGHT, 0);
    expect_mouse(0, 0, 0, 0);
    press(EV_REL, REL_WHEEL, -2);
    for (unsigned i = 0; i < 2; i++) {
        expect_mouse(0, 0, VD_BUTTON_DOWN, 0);
        expect_mouse(0, 0, 0, 0);
    }
    cr_expect_not(next());
    vdagent_set_open(agent, false);
    cr_expect_not(input_is_absolute(&m));
    free_displays();
}

Test(vdagent, a_guest_that_does_not_read_finds_the_pointer_where_it_is)
{
    struct display *a = add_display(101, 101);
    start_pointing();
    for (unsigned i = 0; i < 1000; i++) {
        point(a, 0, (int32_t)i);
        press(EV_KEY, BTN_LEFT, !(i & 1));
    }
    point(a, INPUT_ABS_MAX, INPUT_ABS_MAX);
    unsigned states = 0;
    uint32_t x = 0, y = 0;
    while (next()) {
        states++;
        x = load_le32(message.body);
        y = load_le32(message.body + 4);
    }
    cr_expect_leq(states, MOUSE_STATES);
    cr_expect(x == 100 && y == 100, "%u,%u", x, y);
    point(a, 0, 0);
    press(EV_KEY, BTN_LEFT, 1);
    expect_mouse(1, 1, 0, 0);
    expect_mouse(0, 0, VD_BUTTON_LEFT, 0);
    free_displays();
}

/* As spice-vdagent's daemon does: a coordinate that is the one before is not said again, and a new
 * device has none. */
struct uinput {
    int64_t last[2], device[2];
    uint32_t buttons;
};

static void uinput_read(struct uinput *u)
{
    while (next()) {
        cr_assert_eq(message.type, VD_AGENT_MOUSE_STATE);
        for (unsigned i = 0; i < 2; i++) {
            const int64_t at = load_le32(message.body + 4 * i);
            if (at != u->last[i])
                u->last[i] = u->device[i] = at;
        }
        u->buttons = load_le32(message.body + 8);
    }
}

Test(vdagent, a_click_lands_where_it_is_after_the_guest_made_its_pointer_anew)
{
    static const int32_t places[][2] = {
        {0, 0}, {INPUT_ABS_MAX, INPUT_ABS_MAX}, {INPUT_ABS_MAX / 2, 0}, {1000, INPUT_ABS_MAX / 3}};
    struct display *a = add_display(641, 481);
    struct uinput u = {.last = {-1, -1}};
    start_pointing();
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        const int64_t x = (int64_t)places[i][0] * 640 / INPUT_ABS_MAX,
                      y = (int64_t)places[i][1] * 480 / INPUT_ABS_MAX;
        point(a, places[i][0], places[i][1]);
        uinput_read(&u);
        u.device[0] = u.device[1] = -1;
        point(a, places[i][0], places[i][1]);
        press(EV_KEY, BTN_LEFT, 1);
        uinput_read(&u);
        cr_expect_eq(u.buttons, (uint32_t)VD_BUTTON_LEFT);
        cr_expect(u.device[0] == x && u.device[1] == y, "%d, %d", (int)u.device[0],
                  (int)u.device[1]);
        press(EV_KEY, BTN_LEFT, 0);
        uinput_read(&u);
        cr_expect_eq(u.buttons, 0u);
    }
    /* A drag, and a button pressed beside another, are as they are. */
    point(a, 0, 0);
    press(EV_KEY, BTN_LEFT, 1);
    uinput_read(&u);
    press(EV_KEY, BTN_RIGHT, 1);
    expect_mouse(0, 0, VD_BUTTON_LEFT | VD_BUTTON_RIGHT, 0);
    cr_expect_not(next());
    free_displays();
}

/* ---- saved machines -------------------------------------------------------------------------- */

static uint8_t *save(const uint8_t *unsent, size_t unsent_len, size_t *len)
{
    *len = (size_t)vdagent_state_size(agent, unsent_len);
    uint8_t *bytes = malloc(*len);

    cr_assert(bytes);
    vdagent_state_save(agent, unsent, unsent_len, bytes);
    return bytes;
}

/* Another machine's agent, with that state. */
static void load_into_another(const uint8_t *bytes, size_t len)
{
    vdagent_free(agent);
    agent = make(false);
    cr_assert(vdagent_state_load(agent, bytes, len, NULL));
    vdagent_set_open(agent, true);
}

Test(vdagent, a_loaded_machine_goes_on_in_the_middle_of_messages)
{
    static char text[5000];
    struct buffer out = {0};
    uint8_t fetched[700];
    size_t len;

    memset(text, 'a', sizeof text - 1);
    open_with(GUEST_CAPS);
    grab(&viewer, text);
    cr_assert(next());
    say(VD_AGENT_CLIPBOARD_REQUEST, 0, 1);
    /* Of what was fetched the guest got 300 bytes. */
    cr_assert_eq(vdagent_take(agent, fetched, sizeof fetched), sizeof fetched);
    guest_read(&guest, fetched, 300);
    GUEST_SAY(&out, VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    vdagent_receive(agent, out.data, out.len - 5);
    uint8_t *bytes = save(fetched + 300, sizeof fetched - 300, &len);
    load_into_another(bytes, len);
    free(bytes);
    cr_assert(next());
    cr_expect_eq(message.type, VD_AGENT_CLIPBOARD);
    cr_assert_eq(message.size, 8 + 4999);
    cr_expect_arr_eq(message.body + 8, text, 4999);
    cr_assert(next());
    cr_expect_eq(message.type, VD_AGENT_ANNOUNCE_CAPABILITIES);
    cr_expect_eq(load_le32(message.body), 1, "capabilities are exchanged again");
    vdagent_receive(agent, out.data + out.len - 5, 5);
    cr_expect_eq(viewer.grabbed, 0, "what came meanwhile is of the time before");
    say(VD_AGENT_ANNOUNCE_CAPABILITIES, 0, GUEST_CAPS);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    cr_expect_eq(viewer.grabbed, 1);
    buffer_free(&out);
}

Test(vdagent, who_had_text_has_it_in_a_loaded_machine)
{
    size_t len;

    open_with(GUEST_CAPS);
    say(VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    uint8_t *bytes = save(NULL, 0, &len);
    load_into_another(bytes, len);
    free(bytes);
    cr_expect_not(m.clipboard_owner);
    say(VD_AGENT_ANNOUNCE_CAPABILITIES, 0, GUEST_CAPS);
    cr_expect(m.clipboard_owner);
    grab(&viewer, "text");
    cr_assert(next());
    cr_assert(next());
    cr_assert_eq(message.type, VD_AGENT_CLIPBOARD_GRAB);
    bytes = save(NULL, 0, &len);
    clipboard_release(&viewer.p); /* this viewer is not there */
    load_into_another(bytes, len);
    free(bytes);
    cr_assert(next());
    say(VD_AGENT_ANNOUNCE_CAPABILITIES, 0, GUEST_CAPS);
    expect_next(VD_AGENT_CLIPBOARD_RELEASE, 0);
}

Test(vdagent, saved_state_that_is_none_is_refused)
{
    struct vemu_error *err = NULL;
    struct buffer out = {0};
    size_t len;

    open_with(GUEST_CAPS);
    guest_say_text(&out, "some text", 9);
    vdagent_receive(agent, out.data, out.len - 3);
    uint8_t *bytes = save((const uint8_t *)"unsent", 6, &len);
    cr_assert(vdagent_state_load(NULL, bytes, len, NULL));
    for (size_t n = 0; n < len; n++) {
        cr_expect_not(vdagent_state_load(agent, bytes, n, &err), "%zu bytes", n);
        cr_expect(err && strstr(vemu_error_message(err), "spice agent"));
        vemu_error_free(err);
        err = NULL;
    }
    /* Whatever it says: it is refused, or the agent goes on. */
    for (size_t n = 0; n < len; n++) {
        const uint8_t was = bytes[n];
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[n] = (uint8_t)(was ^ 1u << bit);
            if (!vdagent_state_load(agent, bytes, len, NULL))
                continue;
            vdagent_set_open(agent, true);
            vdagent_receive(agent, out.data, out.len);
            read_all();
            vdagent_set_open(agent, false);
            guest_reader_free(&guest);
            guest = (struct guest_reader){0};
        }
        bytes[n] = was;
    }
    free(bytes);
    buffer_free(&out);
}
