/*
 * A machine for tests of the VNC server: one display without a device, a keyboard and a pointer
 * that remember, a thread that runs its loop; and a viewer that speaks RFB over a socket, reading
 * nothing that it is not told to. Every wait ends after some seconds: then the test fails.
 */
#ifndef TESTS_VNC_MACHINE_H
#define TESTS_VNC_MACHINE_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/device/machine.h"
#include "core/display/display.h"
#include "core/input/input.h"
#include "core/util/endian.h"
#include "ui/vnc/server.h"

enum { VM_WIDTH = 320, VM_HEIGHT = 200, VM_WAIT_MS = 10000, VM_EVENTS_MAX = 256 };

struct vnc_machine {
    struct vemu_machine m;
    struct display *d;
    struct vnc_server *server;
    struct input_sink sink;
    pthread_t thread;
    atomic_bool stop;
    /* machine lock */
    uint32_t wanted_width, wanted_height;
    struct input_event events[VM_EVENTS_MAX];
    unsigned event_count;
    unsigned lines;
    char last_line[256];
};

static void vm_resize(void *opaque, uint32_t width, uint32_t height)
{
    struct vnc_machine *vm = opaque;

    vm->wanted_width = width;
    vm->wanted_height = height;
    display_set_size(vm->d, width, height);
}
static const struct display_ops vm_display_ops = {.resize = vm_resize};

static void vm_event(void *opaque, const struct input_event *e)
{
    struct vnc_machine *vm = opaque;

    if (vm->event_count < VM_EVENTS_MAX)
        vm->events[vm->event_count++] = *e;
}
static void vm_sync(void *opaque)
{
    (void)opaque;
}
static const struct input_sink_ops vm_sink_ops = {.event = vm_event, .sync = vm_sync};

static void vm_log(void *opaque, enum log_category category, const char *line)
{
    struct vnc_machine *vm = opaque;

    (void)category;
    vm->lines++;
    snprintf(vm->last_line, sizeof vm->last_line, "%s", line);
}

static void *vm_loop(void *opaque)
{
    struct vnc_machine *vm = opaque;

    while (!atomic_load(&vm->stop))
        loop_iterate(vm->m.loop, -1);
    return NULL;
}

/* cfg NULL: no password, no socket. NULL: it failed. */
static inline struct vnc_machine *vm_new(const struct vnc_config *cfg)
{
    struct vnc_config plain = {.id = "default", .origin = "-vnc", .address = "none"};
    struct vnc_machine *vm = calloc(1, sizeof *vm);

    if (!vm || !machine_init(&vm->m, NULL))
        abort();
    vm->m.log.sink = vm_log;
    vm->m.log.opaque = vm;
    machine_lock(&vm->m);
    vm->d = display_new(&vm->m, NULL, 0, &vm_display_ops, vm, NULL);
    vm->sink = (struct input_sink){.ops = &vm_sink_ops,
                                   .opaque = vm,
                                   .takes = INPUT_TAKES_KEYS | INPUT_TAKES_BUTTONS |
                                            INPUT_TAKES_REL | INPUT_TAKES_ABS};
    if (!vm->d || !display_set_size(vm->d, VM_WIDTH, VM_HEIGHT) ||
        !input_sink_add(&vm->m, &vm->sink, NULL))
        abort();
    machine_unlock(&vm->m);
    pthread_create(&vm->thread, NULL, vm_loop, vm);
    vm->server = vnc_server_new(&vm->m, cfg ? cfg : &plain, NULL);
    return vm;
}

static inline void vm_free(struct vnc_machine *vm)
{
    vnc_server_free(vm->server);
    atomic_store(&vm->stop, true);
    loop_wake(vm->m.loop);
    pthread_join(vm->thread, NULL);
    machine_lock(&vm->m);
    input_sink_remove(&vm->sink);
    display_free(vm->d);
    machine_unlock(&vm->m);
    machine_destroy(&vm->m);
    free(vm);
}

/* The colour of a pixel of the test picture number `seed`: no two rows and no two pictures agree.
 */
static inline uint32_t vm_colour(unsigned seed, uint32_t x, uint32_t y)
{
    uint32_t v = (x / 5 + seed * 7919u) * 2654435761u ^ (y + 1) * 40503u * (seed + 1);

    return (v ^ v >> 15) & 0xffffff;
}

/* Draws that picture into a rectangle of the display. */
static inline void vm_draw(struct vnc_machine *vm, unsigned seed, uint32_t x, uint32_t y,
                           uint32_t width, uint32_t height)
{
    display_lock(vm->d);
    uint32_t *pixels = display_pixels(vm->d);
    for (uint32_t py = y; py < y + height; py++) {
        for (uint32_t px = x; px < x + width; px++)
            pixels[py * display_stride(vm->d) / 4 + px] = vm_colour(seed, px, py);
    }
    display_damage(vm->d, x, y, width, height);
    display_unlock(vm->d);
}

static inline unsigned vm_events(struct vnc_machine *vm, struct input_event *events)
{
    machine_lock(&vm->m);
    unsigned n = vm->event_count;
    memcpy(events, vm->events, n * sizeof *events);
    machine_unlock(&vm->m);
    return n;
}

/* Waits for that many events; false: they did not come. */
static inline bool vm_wait_events(struct vnc_machine *vm, unsigned count)
{
    for (int ms = 0; ms < VM_WAIT_MS; ms += 2) {
        machine_lock(&vm->m);
        bool there = vm->event_count >= count;
        machine_unlock(&vm->m);
        if (there)
            return true;
        usleep(2000);
    }
    return false;
}

/* ---- a viewer -------------------------------------------------------------------------------- */

struct viewer {
    int fd;
    uint32_t width, height;
    uint32_t *pixels; /* what it was sent */
    bool slowly;      /* sends one byte at a time */
    /* of the last update */
    unsigned rects, copies, sizes, cursors, size_why, size_status;
    uint64_t drawn; /* pixels */
    struct display_rect last;
    uint8_t cursor[64 * 64 * 4];
    uint32_t leds, absolute;
};

static inline void v_connect(struct viewer *v, struct vnc_machine *vm)
{
    int pair[2];

    memset(v, 0, sizeof *v);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
        !vnc_server_add_client(vm->server, pair[0], false, NULL))
        abort();
    v->fd = pair[1];
}

static inline void v_close(struct viewer *v)
{
    close(v->fd);
    free(v->pixels);
    v->pixels = NULL;
}

static inline bool v_send(struct viewer *v, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len;) {
        ssize_t n = send(v->fd, p + i, v->slowly ? 1 : len - i, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        i += (size_t)n;
        if (v->slowly)
            usleep(50);
    }
    return true;
}

/* False: the connection ended, or nothing came in time. */
static inline bool v_read(struct viewer *v, void *data, size_t len)
{
    uint8_t *p = data;

    while (len) {
        struct pollfd pfd = {.fd = v->fd, .events = POLLIN};
        ssize_t n = poll(&pfd, 1, VM_WAIT_MS) > 0 ? recv(v->fd, p, len, 0) : 0;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* Has the server closed the connection, whatever it sent before? */
static inline bool v_closed(struct viewer *v)
{
    char byte[4096];

    for (;;) {
        struct pollfd pfd = {.fd = v->fd, .events = POLLIN};
        if (poll(&pfd, 1, VM_WAIT_MS) <= 0)
            return false;
        if (recv(v->fd, byte, sizeof byte, 0) <= 0)
            return true;
    }
}

/* Through the handshake of RFB 3.minor without a password, up to ServerInit. */
static inline bool v_init(struct viewer *v, unsigned minor, bool shared)
{
    uint8_t data[64], types[2];
    char version[13];

    snprintf(version, sizeof version, "RFB 003.%03u\n", minor);
    if (!v_read(v, data, 12) || memcmp(data, "RFB 003.008\n", 12) != 0 || !v_send(v, version, 12))
        return false;
    if (minor < 7) {
        if (!v_read(v, data, 4) || load_be32(data) != 1)
            return false;
    } else if (!v_read(v, types, 2) || types[0] != 1 || types[1] != 1 || !v_send(v, "\1", 1) ||
               (minor >= 8 && (!v_read(v, data, 4) || load_be32(data) != 0))) {
        return false;
    }
    if (!v_send(v, shared ? "\1" : "\0", 1) || !v_read(v, data, 24))
        return false;
    v->width = load_be16(data);
    v->height = load_be16(data + 2);
    size_t name = load_be32(data + 20);
    v->pixels = calloc((size_t)v->width * v->height, sizeof *v->pixels);
    return name < sizeof data && v_read(v, data, name);
}

static inline bool v_encodings(struct viewer *v, const int32_t *list, unsigned n)
{
    uint8_t message[4 + 4 * 64] = {2};

    store_be16(message + 2, (uint16_t)n);
    for (unsigned i = 0; i < n; i++)
        store_be32(message + 4 + 4 * i, (uint32_t)list[i]);
    return v_send(v, message, 4 + 4 * n);
}
#define V_ENCODINGS(v, ...)                                                                        \
    v_encodings(v, (const int32_t[]){__VA_ARGS__},                                                 \
                sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static inline bool v_request_area(struct viewer *v, bool incremental, uint16_t x, uint16_t y,
                                  uint16_t width, uint16_t height)
{
    uint8_t message[10] = {3, incremental};

    store_be16(message + 2, x);
    store_be16(message + 4, y);
    store_be16(message + 6, width);
    store_be16(message + 8, height);
    return v_send(v, message, sizeof message);
}
static inline bool v_request(struct viewer *v, bool incremental)
{
    return v_request_area(v, incremental, 0, 0, (uint16_t)v->width, (uint16_t)v->height);
}

static inline bool v_key(struct viewer *v, uint32_t keysym, bool down)
{
    uint8_t message[8] = {4, down};

    store_be32(message + 4, keysym);
    return v_send(v, message, sizeof message);
}
static inline bool v_scan(struct viewer *v, uint32_t keysym, uint32_t number, bool down)
{
    uint8_t message[12] = {255, 0, 0, down};

    store_be32(message + 4, keysym);
    store_be32(message + 8, number);
    return v_send(v, message, sizeof message);
}
static inline bool v_pointer(struct viewer *v, uint8_t mask, uint16_t x, uint16_t y)
{
    uint8_t message[6] = {5, mask};

    store_be16(message + 2, x);
    store_be16(message + 4, y);
    return v_send(v, message, sizeof message);
}

static inline bool v_take_raw(struct viewer *v, const struct display_rect *r)
{
    for (uint32_t y = r->y; y < r->y + r->height; y++) {
        uint32_t *row = v->pixels + (size_t)y * v->width + r->x;
        if (r->x + r->width > v->width || y >= v->height || !v_read(v, row, r->width * 4))
            return false;
        for (uint32_t x = 0; x < r->width; x++)
            row[x] &= 0xffffff;
    }
    v->drawn += (uint64_t)r->width * r->height;
    return true;
}

static inline bool v_take_copy(struct viewer *v, const struct display_rect *r)
{
    uint8_t from[4];
    uint32_t *copy = malloc((size_t)r->width * r->height * sizeof *copy);

    if (!v_read(v, from, 4))
        return false;
    for (uint32_t y = 0; y < r->height; y++)
        memcpy(copy + y * r->width,
               v->pixels + (size_t)(load_be16(from + 2) + y) * v->width + load_be16(from),
               r->width * 4);
    for (uint32_t y = 0; y < r->height; y++)
        memcpy(v->pixels + (size_t)(r->y + y) * v->width + r->x, copy + y * r->width, r->width * 4);
    free(copy);
    v->copies++;
    return true;
}

static inline bool v_take_size(struct viewer *v, const struct display_rect *r, bool extended)
{
    uint8_t screens[4 + 16];

    /* There are viewers to whom a screen of number 0 is none. */
    if (extended &&
        (!v_read(v, screens, sizeof screens) || screens[0] != 1 || !load_be32(screens + 4)))
        return false;
    if (extended) {
        v->size_why = r->x;
        v->size_status = r->y;
    }
    v->sizes++;
    v->width = r->width;
    v->height = r->height;
    free(v->pixels);
    v->pixels = calloc((size_t)v->width * v->height, sizeof *v->pixels);
    return true;
}

static inline bool v_take_rect(struct viewer *v, const struct display_rect *r, int32_t encoding)
{
    size_t n = (size_t)r->width * r->height;
    uint8_t data[64];

    switch (encoding) {
    case 0:
        return v_take_raw(v, r);
    case 1:
        return v_take_copy(v, r);
    case -223:
        return v_take_size(v, r, false);
    case -308:
        return v_take_size(v, r, true);
    case -314:
        v->cursors++;
        return v_read(v, data, 4) && load_be32(data) == 0 && n * 4 <= sizeof v->cursor &&
               v_read(v, v->cursor, n * 4);
    case -239:
        v->cursors++;
        n = n * 4 + (r->width + 7) / 8 * r->height;
        return n <= sizeof v->cursor && v_read(v, v->cursor, n);
    case -261:
        v->leds = 0;
        return v_read(v, data, 1) && (v->leds = data[0], true);
    case -257:
        v->absolute = r->x;
        return true;
    case -307:
        return v_read(v, data, 4) && load_be32(data) < sizeof data &&
               v_read(v, data, load_be32(data));
    case -232:
    case -258:
        return true;
    }
    return false;
}

/* Text that the machine's side copied; its first four bytes were read. */
static inline bool v_skip_text(struct viewer *v)
{
    uint8_t data[64];
    size_t len;

    if (!v_read(v, data, 4))
        return false;
    for (len = load_be32(data); len; len -= len < sizeof data ? len : sizeof data) {
        if (!v_read(v, data, len < sizeof data ? len : sizeof data))
            return false;
    }
    return true;
}

/* One FramebufferUpdate, with raw pixels, copies and pseudo-encodings; text before it is passed
 * over. */
static inline bool v_update(struct viewer *v)
{
    uint8_t head[12];

    v->rects = v->copies = v->sizes = v->cursors = 0;
    v->drawn = 0;
    do {
        if (!v_read(v, head, 4))
            return false;
    } while (head[0] == 3 && v_skip_text(v));
    if (head[0] != 0)
        return false;
    v->rects = load_be16(head + 2);
    for (unsigned i = 0; i < v->rects; i++) {
        if (!v_read(v, head, 12))
            return false;
        v->last = (struct display_rect){load_be16(head), load_be16(head + 2), load_be16(head + 4),
                                        load_be16(head + 6)};
        if (!v_take_rect(v, &v->last, (int32_t)load_be32(head + 8)))
            return false;
    }
    return true;
}

/* Is what it shows what the display shows? */
static inline bool v_same(struct viewer *v, struct vnc_machine *vm)
{
    bool same;

    display_lock(vm->d);
    same = v->width == display_width(vm->d) && v->height == display_height(vm->d);
    for (uint32_t y = 0; same && y < v->height; y++) {
        const uint32_t *row = display_pixels(vm->d) + (size_t)y * display_stride(vm->d) / 4;
        for (uint32_t x = 0; same && x < v->width; x++)
            same = (row[x] & 0xffffff) == v->pixels[(size_t)y * v->width + x];
    }
    display_unlock(vm->d);
    return same;
}

/* Asks for updates until it shows what the display shows. */
static inline bool v_catch_up(struct viewer *v, struct vnc_machine *vm)
{
    for (unsigned n = 0; n < 100; n++) {
        if (v_same(v, vm))
            return true;
        if (!v_request(v, true) || !v_update(v))
            return false;
    }
    return false;
}

#endif
