/*
 * Hostile agents: what a guest may send to the host's end of the SPICE agent's protocol, while
 * viewers copy, paste, ask for sizes and move the pointer, and machines are saved and loaded.
 * Steps: a byte that says what, then its arguments. What the guest reads must be as strict agents
 * want it, what viewers get must be text, and nothing may cost more memory than one message.
 */
#include <string.h>

#include "core/device/machine.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vdagent_guest.h"

enum {
    RAW,      /* length, bytes as they are */
    MESSAGE,  /* type, length, body, in one chunk */
    CHUNKS,   /* the same, and how long chunks are */
    FLOOD,    /* type; a body of KiB */
    READ,     /* bytes */
    OPEN,     /* or close it */
    COPY,     /* a viewer has text; how long */
    RELEASE,  /* or none any more */
    PASTE,    /* a viewer wants text */
    RESIZE,   /* display, size */
    POINT,    /* display, position, button */
    TRANSFER, /* state to another agent, a byte of it damaged */
    STEP_COUNT
};
enum { STEPS_MAX = 400, BODY_MAX = 255, UNSENT = 100 };

struct scene {
    struct vemu_machine m;
    struct clipboard_peer viewer;
    size_t len; /* of the viewer's text */
    struct vdagent *v;
    struct vdagent_config cfg;
    bool open;
    struct guest_reader guest;
};

static void ignore_peer(struct clipboard_peer *p)
{
    (void)p;
}

static void wanted(struct clipboard_peer *p)
{
    static char text[CLIPBOARD_MAX + 256];
    struct scene *s = container_of(p, struct scene, viewer);

    memset(text, '\n', sizeof text);
    clipboard_answer(p, text, s->len);
}

static void data(struct clipboard_peer *p, const char *text, size_t len)
{
    (void)p;
    if (len && (len > CLIPBOARD_MAX || !clipboard_is_text(text, len)))
        fuzz_fail("a viewer was given what is no text");
}

static const struct clipboard_ops viewer_ops = {ignore_peer, ignore_peer, wanted, data};

static void news(void *opaque)
{
    (void)opaque;
}

/* ---- input ----------------------------------------------------------------------------------- */

struct input {
    const uint8_t *p;
    size_t left;
};

static unsigned take(struct input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->p++;
}

static const uint8_t *take_bytes(struct input *in, size_t *len)
{
    const uint8_t *p = in->p;

    *len = MIN(*len, in->left);
    in->p += *len;
    in->left -= *len;
    return p;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void check_memory(const struct scene *s)
{
    for (unsigned i = 0; i < ARRAY_SIZE(s->v->in.port); i++) {
        if (s->v->in.port[i].body.room > CLIPBOARD_HEADER + TEXT_MAX)
            fuzz_fail("a message of the guest is kept beyond its limit");
    }
    if (s->v->out.out.room > SENDER_MAX + 8192)
        fuzz_fail("more than a message waits for the guest");
}

static void read_some(struct scene *s, size_t len)
{
    struct guest_message m;
    uint8_t bytes[4096];
    size_t n;

    while (len && (n = vdagent_take(s->v, bytes, MIN(len, sizeof bytes)))) {
        guest_read(&s->guest, bytes, n);
        len -= n;
    }
    while (guest_next(&s->guest, &m))
        ;
    if (s->guest.broken)
        fuzz_fail("no agent would read on");
    buffer_consume(&s->guest.stream, s->guest.at);
    s->guest.at = 0;
}

static void set_open(struct scene *s, bool open)
{
    if (s->open == open)
        return;
    s->open = open;
    vdagent_set_open(s->v, open);
    guest_reader_free(&s->guest);
    s->guest = (struct guest_reader){0};
}

static void say(struct scene *s, struct input *in, bool raw, bool chunks)
{
    const unsigned type = raw ? 0 : take(in) % 18;
    size_t len = take(in);
    const size_t chunk = chunks ? 1 + take(in) : VD_MESSAGE_HEADER + BODY_MAX;
    const uint8_t *body = take_bytes(in, &len);
    struct buffer out = {0};

    if (raw) {
        vdagent_receive(s->v, body, len);
        return;
    }
    guest_say_in_chunks(&out, VDP_CLIENT_PORT + (chunk & 1), type, body, len, chunk);
    vdagent_receive(s->v, out.data, out.len);
    buffer_free(&out);
}

static void flood(struct scene *s, unsigned type, unsigned size)
{
    static uint8_t body[4 << 20];
    struct buffer out = {0};

    memset(body, 'x', sizeof body);
    store_le32(body, 0);
    store_le32(body + 4, 1);
    guest_say(&out, type % 18, body, (size_t)size << 14);
    vdagent_receive(s->v, out.data, out.len);
    buffer_free(&out);
}

static void point(struct scene *s, unsigned head, unsigned at)
{
    const struct input_event e[] = {{EV_ABS, ABS_X, (int32_t)at << 7},
                                    {EV_ABS, ABS_Y, (int32_t)(255 - at) << 7},
                                    {EV_KEY, BTN_LEFT, at & 1},
                                    {EV_REL, REL_WHEEL, (int32_t)at - 128}};

    input_send(&s->m, display_nth(&s->m, head & 1), e, ARRAY_SIZE(e));
    machine_unlock(&s->m);
    loop_iterate(s->m.loop, 0);
    machine_lock(&s->m);
}

/* A part of what was fetched did not reach the guest. */
static void transfer(struct scene *s, unsigned at, unsigned value)
{
    uint8_t unsent[UNSENT];
    const size_t n = vdagent_take(s->v, unsent, sizeof unsent);
    const size_t len = (size_t)vdagent_state_size(s->v, n);
    uint8_t *bytes = malloc(len);
    bool sound = !value;

    vdagent_state_save(s->v, unsent, n, bytes);
    bytes[at * 3 % len] ^= (uint8_t)value;
    vdagent_free(s->v);
    s->v = vdagent_new(&s->m, &s->cfg);
    if (vdagent_state_load(NULL, bytes, len, NULL) != vdagent_state_load(s->v, bytes, len, NULL))
        fuzz_fail("what is checked is not what is loaded");
    vdagent_set_open(s->v, s->open);
    /* From damaged state on the guest may be told anything. */
    if (!sound) {
        vdagent_set_open(s->v, s->open = false);
        guest_reader_free(&s->guest);
        s->guest = (struct guest_reader){0};
    }
    free(bytes);
}

static void step(struct scene *s, struct input *in)
{
    unsigned what = take(in) % STEP_COUNT, a;

    switch (what) {
    case RAW:
    case MESSAGE:
    case CHUNKS:
        say(s, in, what == RAW, what == CHUNKS);
        break;
    case FLOOD:
        a = take(in);
        flood(s, a, take(in));
        break;
    case READ:
        read_some(s, take(in) * 16);
        break;
    case OPEN:
        set_open(s, take(in) & 1);
        break;
    case COPY:
        a = take(in);
        s->len = a & 1 ? a : (size_t)CLIPBOARD_MAX + a - 128;
        clipboard_grab(&s->viewer);
        break;
    case RELEASE:
        clipboard_release(&s->viewer);
        break;
    case PASTE:
        clipboard_request(&s->viewer);
        break;
    case RESIZE:
        a = take(in);
        display_resize(display_nth(&s->m, a & 1), take(in) * 9, a * 7);
        break;
    case POINT:
        a = take(in);
        point(s, a, take(in));
        break;
    case TRANSFER:
        a = take(in);
        transfer(s, a, take(in));
        break;
    }
    check_memory(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct display_ops plain = {0};
    struct scene s = {.viewer.ops = &viewer_ops};
    struct input in = {bytes, size};

    if (!machine_init(&s.m, NULL))
        return 0;
    machine_lock(&s.m);
    for (unsigned n = 0; n < 2; n++)
        display_new(&s.m, NULL, n, &plain, NULL, NULL);
    const unsigned how = take(&in);
    s.cfg = (struct vdagent_config){.clipboard = !(how & 1), .mouse = !(how & 2), .news = news};
    s.v = vdagent_new(&s.m, &s.cfg);
    clipboard_join(&s.m, &s.viewer);
    set_open(&s, true);
    for (unsigned n = 0; n < STEPS_MAX && in.left; n++)
        step(&s, &in);
    read_some(&s, SIZE_MAX);
    vdagent_free(s.v);
    clipboard_leave(&s.viewer);
    guest_reader_free(&s.guest);
    while (display_nth(&s.m, 0))
        display_free(display_nth(&s.m, 0));
    machine_unlock(&s.m);
    machine_destroy(&s.m);
    return 0;
}
