/* virtio-serial without a vCPU: control messages, data both ways, flow control, hostile drivers;
 * and the agent of a guest at a port. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/chardev/backend.h"
#include "core/device/event.h"
#include "core/device/machine.h"
#include "core/device/machine_state.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/char/virtio_serial.h"
#include "hw/char/virtio_serial_internal.h"
#include "tests/device/virtio_driver.h"
#include "tests/vdagent_guest.h"

#define V1 VIRTIO_BIT(VIRTIO_F_VERSION_1)
#define MULTIPORT VIRTIO_BIT(1)
enum { RX0, TX0, CONTROL_RX, CONTROL_TX, RX1, TX1, QUEUES };
enum { BUFFER = VT_BUFFERS };
enum { READY, ADD, REMOVE, PORT_READY, CONSOLE, RESIZE, OPEN, NAME };

struct port_spec {
    const struct device_class *cls;
    const char *id; /* of the back end */
    const char *props[5];
};

static int peer; /* the other end of the back end "c1" */

static struct device *plug_port(struct vt *t, const struct port_spec *spec,
                                struct vemu_error **errp)
{
    struct device *dev = device_new(&t->m, spec->cls, NULL, errp);
    cr_assert(dev);
    if (spec->id)
        cr_assert(device_set_prop(dev, "chardev", spec->id, errp));
    for (const char *const *p = spec->props; *p; p += 2)
        cr_assert(device_set_prop(dev, p[0], p[1], errp));
    if (device_realize(dev, errp))
        return dev;
    device_free(dev);
    return NULL;
}

static const struct port_spec console = {&virtconsole_class, "c0", {NULL}};
static const struct port_spec channel = {&virtserialport_class, "c1", {"name", "test.port"}};

/* A device with a console on a ring buffer and a channel on that back end. */
static void set_up_on(struct vt *t, const char *spec)
{
    struct vemu_error *err = NULL;
    vt_machine(t, NULL, 0);
    machine_lock(&t->m);
    cr_assert(chardev_new(&t->m, "c0", "ringbuf", &err));
    cr_assert(chardev_new(&t->m, "c1", spec, &err), "%s", err ? vemu_error_message(err) : "");
    machine_unlock(&t->m);
    vt_plug(t, &virtio_serial_pci_class.device, "");
    machine_lock(&t->m);
    cr_assert(plug_port(t, &console, &err), "%s", err ? vemu_error_message(err) : "");
    cr_assert(plug_port(t, &channel, &err), "%s", err ? vemu_error_message(err) : "");
    machine_unlock(&t->m);
    loop_iterate(t->m.loop, 0); /* the back ends say that they are open */
}

/* The channel on a socket pair. */
static void set_up(struct vt *t)
{
    char spec[32];
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[1];
    snprintf(spec, sizeof spec, "fd:%d", fds[0]);
    set_up_on(t, spec);
    close(fds[0]);
}

static void tear_down(struct vt *t)
{
    close(peer);
    vt_free(t);
}

static uint64_t buffer(unsigned q, unsigned n)
{
    return BUFFER + 0x10000 * (q * VT_QUEUE_SIZE + n) / 4;
}
/* Buffers to receive into, descriptors 0 to count - 1. */
static void offer(struct vt *t, unsigned q, unsigned count, uint32_t len)
{
    for (unsigned n = 0; n < count; n++) {
        vt_desc(t, q, n, buffer(q, n), len, VT_WRITE, 0);
        vt_avail(t, q, (uint16_t)n);
    }
    vt_kick(t, q);
}
static void transmit(struct vt *t, unsigned q, unsigned n, uint32_t len)
{
    vt_desc(t, q, n, buffer(q, n), len, 0, 0);
    vt_avail(t, q, (uint16_t)n);
    vt_kick(t, q);
}
static void control(struct vt *t, uint32_t id, uint16_t event, uint16_t value)
{
    write32(&t->m, buffer(CONTROL_TX, 0), id);
    write32(&t->m, buffer(CONTROL_TX, 0) + 4, event | (uint32_t)value << 16);
    transmit(t, CONTROL_TX, 0, 8);
}
static void expect_message(struct vt *t, unsigned n, uint32_t id, uint32_t event, uint32_t value)
{
    cr_assert_gt(vt_used_index(t, CONTROL_RX), n, "message %u", n);
    cr_expect_eq(read32(&t->m, buffer(CONTROL_RX, n)), id, "message %u", n);
    cr_expect_eq(read32(&t->m, buffer(CONTROL_RX, n) + 4), event | value << 16, "message %u", n);
}
static void start(struct vt *t)
{
    cr_assert(vt_start(t, V1 | MULTIPORT, QUEUES, true));
    offer(t, CONTROL_RX, 12, 64);
    control(t, UINT32_MAX, READY, 1);
    control(t, 0, PORT_READY, 1);
    control(t, 1, PORT_READY, 1);
    control(t, 1, OPEN, 1);
}
static void rounds(struct vt *t)
{
    for (unsigned i = 0; i < 4; i++)
        loop_iterate(t->m.loop, 0);
}

Test(virtio_serial, ports_are_announced)
{
    struct vt t;
    set_up(&t);
    cr_expect_eq(vt_config_read(&t, 0), 0x10031af4);
    cr_expect_eq(read32(&t.m, VT_CONFIG + 4), 31);
    cr_expect_eq(read16(&t.m, VT_COMMON + 0x12), 64);
    start(&t);
    cr_expect_eq(vt_used_index(&t, CONTROL_RX), 6);
    expect_message(&t, 0, 0, ADD, 1);
    expect_message(&t, 1, 1, ADD, 1);
    expect_message(&t, 2, 0, CONSOLE, 1);
    expect_message(&t, 3, 0, OPEN, 1);
    expect_message(&t, 4, 1, NAME, 1);
    cr_expect_eq(read32(&t.m, VT_USED(CONTROL_RX) + 4 + 8 * 4 + 4), 8 + 9, "the name's length");
    cr_expect_eq(read64(&t.m, buffer(CONTROL_RX, 4) + 8), UINT64_C(0x726f702e74736574));
    expect_message(&t, 5, 1, OPEN, 1);
    tear_down(&t);
}

Test(virtio_serial, messages_wait_for_buffers)
{
    struct vt t;
    set_up(&t);
    cr_assert(vt_start(&t, V1 | MULTIPORT, QUEUES, true));
    control(&t, UINT32_MAX, READY, 1);
    control(&t, 1, PORT_READY, 1);
    cr_expect_eq(vt_used_index(&t, CONTROL_RX), 0);
    offer(&t, CONTROL_RX, 1, 64);
    cr_expect_eq(vt_used_index(&t, CONTROL_RX), 1);
    offer(&t, CONTROL_RX, 12, 64);
    cr_expect_eq(vt_used_index(&t, CONTROL_RX), 4);
    close(peer);
    rounds(&t);
    cr_expect_eq(vt_used_index(&t, CONTROL_RX), 5, "the other end is gone");
    tear_down(&t);
}

Test(virtio_serial, a_driver_with_the_event_index_is_asked_to_notify)
{
    static const unsigned queues[] = {CONTROL_TX, TX1, RX1, CONTROL_RX};
    static const unsigned expected[] = {7, 2, 0, 12};
    struct vt t;
    set_up(&t);
    cr_assert(vt_start(&t, V1 | MULTIPORT | VIRTIO_BIT(VIRTIO_F_EVENT_IDX), QUEUES, true));
    offer(&t, CONTROL_RX, 12, 64);
    control(&t, UINT32_MAX, READY, 1);
    for (unsigned i = 0; i < 3; i++)
        control(&t, 1, PORT_READY, 1);
    for (unsigned i = 0; i < 3; i++)
        control(&t, 0, PORT_READY, 1); /* twelve messages, and one without a buffer */
    transmit(&t, TX1, 0, 2);
    transmit(&t, TX1, 1, 2);
    for (unsigned i = 0; i < ARRAY_SIZE(queues); i++) {
        cr_expect_eq(read16(&t.m, VT_USED(queues[i]) + 4 + 8 * VT_QUEUE_SIZE), expected[i],
                     "queue %u", queues[i]);
    }
    tear_down(&t);
}

Test(virtio_serial, bytes_go_both_ways)
{
    struct vt t;
    char got[16] = "";
    set_up(&t);
    start(&t);
    write64(&t.m, buffer(TX1, 3), UINT64_C(0x6f6c6c6568)); /* hello */
    transmit(&t, TX1, 3, 5);
    cr_expect_eq(read(peer, got, sizeof got), 5);
    cr_expect_str_eq(got, "hello");
    cr_expect_eq(vt_used_index(&t, TX1), 1);
    cr_assert_eq(write(peer, "0123456789", 10), 10);
    rounds(&t);
    cr_expect_eq(vt_used_index(&t, RX1), 0, "no buffer yet");
    offer(&t, RX1, 3, 4);
    rounds(&t);
    cr_expect_eq(vt_used_index(&t, RX1), 3, "split over buffers");
    cr_expect_eq(read32(&t.m, buffer(RX1, 0)), 0x33323130);
    cr_expect_eq(read16(&t.m, buffer(RX1, 2)), 0x3938);
    cr_expect_eq(read32(&t.m, VT_USED(RX1) + 4 + 8 * 2 + 4), 2);
    /* The console writes to its ring buffer. */
    write16(&t.m, buffer(TX0, 0), 0x6968);
    transmit(&t, TX0, 0, 2);
    cr_expect_eq(chardev_ring_read(chardev_find(&t.m, "c0"), (uint8_t *)got, sizeof got), 2);
    cr_expect_eq(got[0], 'h');
    /* One character before there are queues. */
    write32(&t.m, VT_CONFIG + 8, '!');
    cr_expect_eq(chardev_ring_read(chardev_find(&t.m, "c0"), (uint8_t *)got, sizeof got), 1);
    cr_expect_eq(got[0], '!');
    tear_down(&t);
}

Test(virtio_serial, nothing_is_lost_when_the_other_end_is_slow)
{
    enum { ALL = 15 * 65536 };
    static uint8_t got[ALL];
    struct vt t;
    size_t sum = 0;
    set_up(&t);
    start(&t);
    for (unsigned n = 0; n < 15; n++) {
        for (unsigned i = 0; i < 65536; i += 4)
            write32(&t.m, BUFFER + 0x10000 * n + i, n * 65536 + i);
        vt_desc(&t, TX1, n, BUFFER + 0x10000 * n, 65536, 0, 0);
        vt_avail(&t, TX1, (uint16_t)n);
    }
    vt_kick(&t, TX1);
    cr_expect_lt(vt_used_index(&t, TX1), 15, "held back");
    for (unsigned tries = 0; sum < ALL && tries < 10000; tries++) {
        ssize_t n = read(peer, got + sum, 10000);
        sum += n > 0 ? (size_t)n : 0;
        loop_iterate(t.m.loop, 0);
    }
    cr_expect_eq(sum, ALL);
    cr_expect_eq(vt_used_index(&t, TX1), 15);
    for (uint32_t i = 0; i < ALL; i += 4)
        cr_assert_eq(memcmp(got + i, &i, 4), 0, "at %u", i);
    tear_down(&t);
}

Test(virtio_serial, a_closed_port_holds_input_back)
{
    struct vt t;
    set_up(&t);
    start(&t);
    control(&t, 1, OPEN, 0);
    offer(&t, RX1, 4, 64);
    cr_assert_eq(write(peer, "abcd", 4), 4);
    rounds(&t);
    cr_expect_eq(vt_used_index(&t, RX1), 0);
    control(&t, 1, OPEN, 1);
    rounds(&t);
    cr_expect_eq(vt_used_index(&t, RX1), 1);
    tear_down(&t);
}

Test(virtio_serial, a_driver_of_one_port_has_the_first)
{
    struct vt t;
    set_up(&t);
    cr_assert(vt_start(&t, V1, 2, true));
    offer(&t, RX0, 2, 16);
    machine_lock(&t.m);
    chardev_inject(chardev_find(&t.m, "c0"), (const uint8_t *)"xy", 2);
    machine_unlock(&t.m);
    rounds(&t);
    cr_expect_eq(vt_used_index(&t, RX0), 1);
    cr_expect_eq(read16(&t.m, buffer(RX0, 0)), 0x7978);
    tear_down(&t);
}

Test(virtio_serial, ports_come_and_go)
{
    struct vt t;
    struct vemu_error *err = NULL;
    static const struct port_spec more = {&virtserialport_class, NULL, {"nr", "7"}};
    set_up(&t);
    start(&t);
    machine_lock(&t.m);
    struct device *dev = plug_port(&t, &more, &err);
    cr_assert(dev);
    machine_unlock(&t.m);
    expect_message(&t, 6, 7, ADD, 1);
    machine_lock(&t.m);
    device_free(dev);
    machine_unlock(&t.m);
    expect_message(&t, 7, 7, REMOVE, 1);
    tear_down(&t);
}

static void expect_event(struct vt *t, bool open)
{
    struct machine_event *e = machine_take_event(&t->m);
    cr_assert(e);
    cr_expect_str_eq(e->name, "VSERPORT_CHANGE");
    cr_assert_eq(e->count, 2);
    cr_expect_str_eq(e->items[0].text, "channel0");
    cr_expect_eq(e->items[1].number, open);
    machine_event_free(e);
}

Test(virtio_serial, programs_that_come_and_go_are_told_of)
{
    struct vt t;
    set_up(&t);
    machine_lock(&t.m);
    struct device *dev = device_new(&t.m, &virtserialport_class, "channel0", NULL);
    cr_assert(device_set_prop(dev, "nr", "3", NULL) && device_realize(dev, NULL));
    machine_unlock(&t.m);
    start(&t); /* opens a port that has no id */
    cr_expect_not(machine_has_event(&t.m));
    control(&t, 3, OPEN, 1);
    control(&t, 3, OPEN, 1);
    expect_event(&t, true);
    control(&t, 3, OPEN, 0);
    expect_event(&t, false);
    control(&t, 3, OPEN, 1);
    expect_event(&t, true);
    machine_lock(&t.m);
    cr_assert(machine_reset(&t.m, NULL));
    machine_unlock(&t.m);
    expect_event(&t, false);
    cr_expect_not(machine_has_event(&t.m));
    tear_down(&t);
}

Test(virtio_serial, ports_that_cannot_be_are_one_sentence)
{
    static const struct {
        struct port_spec spec;
        const char *text;
    } bad[] = {
        {{&virtserialport_class, NULL, {"nr", "31"}}, "below max_ports=31"},
        {{&virtserialport_class, NULL, {"nr", "1"}}, "free port number"},
        {{&virtserialport_class, NULL, {"nr", "0"}}, "free port number"},
        {{&virtserialport_class, "c0", {NULL}}, "in use"},
        {{&virtserialport_class, NULL, {"bus", "other.0"}}, "no virtio-serial device with the bus"},
    };
    struct vt t;
    struct vemu_error *err = NULL;
    set_up(&t);
    machine_lock(&t.m);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        cr_expect_not(plug_port(&t, &bad[i].spec, &err), "case %u", i);
        cr_expect(err && strstr(vemu_error_message(err), bad[i].text), "%s",
                  err ? vemu_error_message(err) : "");
        vemu_error_free(err);
        err = NULL;
    }
    machine_unlock(&t.m);
    tear_down(&t);
    vt_machine(&t, NULL, 0);
    machine_lock(&t.m);
    static const struct port_spec lone = {&virtserialport_class, NULL, {NULL}};
    cr_expect_not(plug_port(&t, &lone, &err));
    cr_expect(err && strstr(vemu_error_message(err), "-device virtio-serial-pci before it"));
    vemu_error_free(err);
    machine_unlock(&t.m);
    vt_free(&t);
}

Test(virtio_serial, hostile_messages_do_no_harm)
{
    static const uint32_t ids[] = {0, 1, 2, 30, 31, 32, 0x7fffffff, UINT32_MAX};
    struct vt t;
    set_up(&t);
    start(&t);
    for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
        for (uint16_t event = 0; event < 10; event++)
            control(&t, ids[i], event, 1);
    }
    transmit(&t, CONTROL_TX, 1, 7); /* too short */
    transmit(&t, CONTROL_TX, 1, 0x7fffffff);
    vt_desc(&t, TX1, 0, VT_COMMON, 64, 0, 0); /* the own registers, as data */
    vt_avail(&t, TX1, 0);
    vt_kick(&t, TX1);
    cr_expect_eq(vt_used_index(&t, TX1), 1);
    vt_desc(&t, TX1, 1, BUFFER, 0xffffffff, 0, 0);
    vt_avail(&t, TX1, 1);
    vt_kick(&t, TX1);
    offer(&t, RX1, 2, 0); /* buffers without room */
    cr_expect_eq(read8(&t.m, VT_COMMON + 0x14) & 15, 15);
    tear_down(&t);
}

static void poke(struct vemu_machine *m)
{
    for (unsigned q = 0; q < QUEUES; q++)
        write16(m, VT_NOTIFY + 4 * q, (uint16_t)q);
}

Test(virtio_serial, state_survives_a_round_trip_and_damage)
{
    struct vt f, g;
    set_up(&g);
    close(peer);
    set_up(&f);
    start(&f);
    assert_round_trip(f.dev, g.dev);
    fuzz_state(f.dev, g.dev, 300, poke);
    vt_free(&g);
    tear_down(&f);
}

/* ---- the agent's port ------------------------------------------------------------------------ */

struct viewer {
    struct clipboard_peer p;
    unsigned grabbed;
    char got[32];
};

static void viewer_grabbed(struct clipboard_peer *p)
{
    ((struct viewer *)p)->grabbed++;
    clipboard_request(p);
}
static void viewer_released(struct clipboard_peer *p)
{
    (void)p;
}
static void viewer_wanted(struct clipboard_peer *p)
{
    clipboard_answer(p, "of the viewer", 13);
}
static void viewer_data(struct clipboard_peer *p, const char *text, size_t len)
{
    snprintf(((struct viewer *)p)->got, 32, "%.*s", (int)len, text ? text : "");
}

static void set_up_agent(struct vt *t, struct viewer *v)
{
    static const struct clipboard_ops ops = {viewer_grabbed, viewer_released, viewer_wanted,
                                             viewer_data};
    set_up_on(t, "qemu-vdagent,clipboard=on,mouse=off,name=vdagent");
    *v = (struct viewer){.p.ops = &ops};
    machine_lock(&t->m);
    clipboard_join(&t->m, &v->p);
    machine_unlock(&t->m);
}

static void tear_down_agent(struct vt *t, struct viewer *v)
{
    machine_lock(&t->m);
    clipboard_leave(&v->p);
    machine_unlock(&t->m);
    vt_free(t);
}

/* What came since the last time, in buffers offered one after the other; the next message of it. */
struct agent_guest {
    struct guest_reader r;
    struct guest_message message;
    uint16_t seen;
};

static bool hear(struct vt *t, struct agent_guest *g)
{
    if (guest_next(&g->r, &g->message))
        return true;
    for (unsigned tries = 0; tries < 1000; tries++) {
        if (t->avail[RX1] == g->seen)
            offer(t, RX1, 1, 200);
        rounds(t);
        if (vt_used_index(t, RX1) == g->seen)
            return false;
        uint32_t n = read32(&t->m, VT_USED(RX1) + 4 + 8 * (g->seen % VT_QUEUE_SIZE) + 4);
        uint8_t bytes[200];
        g->seen++;
        cr_assert_leq(n, sizeof bytes);
        for (uint32_t i = 0; i < n; i++)
            bytes[i] = read8(&t->m, buffer(RX1, 0) + i);
        guest_read(&g->r, bytes, n);
        if (guest_next(&g->r, &g->message))
            return true;
        cr_assert_not(g->r.broken);
    }
    return false;
}

static void say(struct vt *t, struct buffer *out)
{
    for (size_t i = 0; i < out->len; i++)
        write8(&t->m, BUFFER + 0x80000 + i, out->data[i]);
    vt_desc(t, TX1, 5, BUFFER + 0x80000, (uint32_t)out->len, 0, 0);
    vt_avail(t, TX1, 5);
    vt_kick(t, TX1);
    buffer_free(out);
}

/* The guest shows itself, and has copied text. */
static void has_text(struct vt *t, struct buffer *out)
{
    guest_announce(out, false, GUEST_CAPS);
    GUEST_SAY(out, VD_AGENT_CLIPBOARD_GRAB, 0, 1);
    say(t, out);
}

static void expect_heard(struct vt *t, struct agent_guest *g, uint32_t type)
{
    cr_assert(hear(t, g), "no message %u", type);
    cr_expect_eq(g->message.type, type, "type %u", g->message.type);
}

Test(virtio_serial, an_agent_at_a_port_copies_text_both_ways)
{
    struct vt t;
    struct viewer v;
    struct agent_guest g = {0};
    struct buffer out = {0};
    set_up_agent(&t, &v);
    start(&t);
    expect_heard(&t, &g, VD_AGENT_ANNOUNCE_CAPABILITIES);
    has_text(&t, &out);
    cr_expect_eq(v.grabbed, 1);
    expect_heard(&t, &g, VD_AGENT_CLIPBOARD_REQUEST);
    guest_say_text(&out, "of the guest", 12);
    say(&t, &out);
    cr_expect_str_eq(v.got, "of the guest");
    machine_lock(&t.m);
    clipboard_grab(&v.p);
    machine_unlock(&t.m);
    expect_heard(&t, &g, VD_AGENT_CLIPBOARD_GRAB);
    GUEST_SAY(&out, VD_AGENT_CLIPBOARD_REQUEST, 0, 1);
    say(&t, &out);
    expect_heard(&t, &g, VD_AGENT_CLIPBOARD);
    cr_assert_eq(g.message.size, 8 + 13);
    cr_expect_arr_eq(g.message.body + 8, "of the viewer", 13);
    guest_reader_free(&g.r);
    tear_down_agent(&t, &v);
}

Test(virtio_serial, an_agent_that_opens_again_gets_no_rest_of_a_message)
{
    struct vt t;
    struct viewer v;
    struct agent_guest g = {0};
    struct buffer out = {0};
    set_up_agent(&t, &v);
    machine_lock(&t.m);
    clipboard_grab(&v.p);
    machine_unlock(&t.m);
    start(&t);
    offer(&t, RX1, 1, 10); /* a part of the capabilities */
    rounds(&t);
    cr_expect_eq(vt_used_index(&t, RX1), 1);
    control(&t, 1, OPEN, 0);
    control(&t, 1, OPEN, 1);
    g.seen = 1;
    expect_heard(&t, &g, VD_AGENT_ANNOUNCE_CAPABILITIES);
    cr_expect_not(hear(&t, &g));
    guest_announce(&out, false, GUEST_CAPS);
    say(&t, &out);
    expect_heard(&t, &g, VD_AGENT_CLIPBOARD_GRAB);
    /* The driver starts anew. */
    cr_assert(vt_start(&t, V1 | MULTIPORT, QUEUES, true));
    cr_expect_not(chardev_find(&t.m, "c1")->listening);
    guest_reader_free(&g.r);
    tear_down_agent(&t, &v);
}

Test(virtio_serial, an_agent_is_gone_after_a_reset)
{
    struct vt t;
    struct viewer v;
    struct agent_guest g = {0};
    struct buffer out = {0};
    set_up_agent(&t, &v);
    start(&t);
    expect_heard(&t, &g, VD_AGENT_ANNOUNCE_CAPABILITIES);
    has_text(&t, &out);
    cr_assert(t.m.clipboard_owner);
    machine_lock(&t.m);
    cr_assert(machine_reset(&t.m, NULL));
    cr_expect_not(t.m.clipboard_owner);
    machine_unlock(&t.m);
    guest_reader_free(&g.r);
    tear_down_agent(&t, &v);
}

static void carry(struct vemu_machine *from, struct vemu_machine *to)
{
    struct state_writer *w = state_writer_new();
    struct vemu_error *err = NULL;
    const void *data;
    size_t len;
    machine_lock(from);
    cr_assert(machine_save(from, w, NULL) && state_writer_finish(w, &data, &len));
    machine_unlock(from);
    machine_lock(to);
    cr_assert(machine_load(to, data, len, &err), "%s", err ? vemu_error_message(err) : "");
    machine_unlock(to);
    state_writer_free(w);
}

static struct device *port_of(struct vt *t)
{
    return list_entry(t->m.devices.prev, struct device, node); /* made last */
}

Test(virtio_serial, an_agent_goes_on_in_a_loaded_machine)
{
    struct vt f, t;
    struct viewer v, w;
    struct agent_guest g = {0};
    struct buffer out = {0};
    set_up_agent(&f, &v);
    set_up_agent(&t, &w);
    start(&f);
    has_text(&f, &out);
    offer(&f, RX1, 1, 10);
    rounds(&f); /* most of the capabilities waits in the back end */
    cr_assert_eq(vt_used_index(&f, RX1), 1);
    for (unsigned i = 0; i < 10; i++)
        guest_read(&g.r, (uint8_t[]){read8(&f.m, buffer(RX1, 0) + i)}, 1);
    carry(&f.m, &t.m);
    memcpy(t.avail, f.avail, sizeof t.avail);
    g.seen = 1;
    expect_heard(&t, &g, VD_AGENT_ANNOUNCE_CAPABILITIES);
    expect_heard(&t, &g, VD_AGENT_CLIPBOARD_REQUEST);
    expect_heard(&t, &g, VD_AGENT_ANNOUNCE_CAPABILITIES);
    cr_expect_eq(w.grabbed, 0);
    guest_announce(&out, false, GUEST_CAPS);
    say(&t, &out);
    cr_expect_eq(w.grabbed, 1, "the guest has still text");
    fuzz_state(port_of(&t), port_of(&f), 300, poke);
    guest_reader_free(&g.r);
    tear_down_agent(&f, &v);
    tear_down_agent(&t, &w);
}
