/*
 * Hostile viewers: bytes to a VNC server, while its machine draws, changes sizes and pointers, and
 * copies text. The input's first byte says how far the handshake is done for it (bit 0: the
 * version, 1: all of it), whether a password is asked for (2), and whether there is a text console
 * besides (5). Then steps: a byte that says
 * what, a byte or two of arguments, and for what is sent its bytes. Nothing may crash or hang, and
 * who only listens must still be served in the end.
 */
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/display/clipboard.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vnc_machine.h"

enum { VERSION_DONE = 1, ALL_DONE = 2, PASSWORD = 4, CONSOLE = 32 };
enum {
    SEND,        /* length */
    SEND_MANY,   /* the next of that length, as often as the argument says */
    READ,        /* all there is; bit 0: waits for something, as news of a display takes a while */
    DRAW,        /* seed */
    SCROLL,      /* rows */
    RESIZE,      /* size */
    CURSOR,      /* size */
    LAMPS,       /* which */
    COPY,        /* the guest has text; how long */
    PASTE,       /* the guest wants text */
    COMPANION,   /* a second viewer comes, with a byte of ClientInit */
    REFUSE_KIND, /* the pointer is relative from now on, or absolute */
    PAINT,       /* how many colours, or what else (`paint`), and where */
    STEP_COUNT
};
enum { STEPS_MAX = 64, PATIENCE_US = 3000, NEWS_MS = 8, MANY_MAX = 64 };

struct guest {
    struct clipboard_peer peer;
    size_t len;
};

static void ignore_peer(struct clipboard_peer *p)
{
    (void)p;
}

static void answer(struct clipboard_peer *p)
{
    static char text[CLIPBOARD_MAX + 256];

    memset(text, '\n', sizeof text);
    clipboard_answer(p, text, ((struct guest *)p)->len);
}

static void take(struct clipboard_peer *p, const char *text, size_t len)
{
    (void)p;
    if (len && (!clipboard_is_text(text, len) || len > CLIPBOARD_MAX))
        fuzz_fail("the guest was given what is no text");
}

static const struct clipboard_ops guest_ops = {ignore_peer, ignore_peer, answer, take};

/* Until the server has read what was sent, or does not want to. */
static void settle(int fd)
{
    for (int us = 0; us < PATIENCE_US; us += 50) {
        int left = 0;
        if (ioctl(fd, SIOCOUTQ, &left) < 0 || left == 0)
            break;
        usleep(50);
    }
    usleep(100);
}

static void drain(int fd)
{
    static char buf[1 << 16];

    while (recv(fd, buf, sizeof buf, MSG_DONTWAIT) > 0)
        ;
}

static void put(int fd, const uint8_t *data, size_t len)
{
    (void)!send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    settle(fd);
}

static int connect_viewer(struct vnc_machine *vm)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        fuzz_fail("no sockets");
    if (!vnc_server_add_client(vm->server, pair[0], false, NULL))
        close(pair[0]);
    return pair[1];
}

static void begin(int fd, unsigned how, uint8_t init)
{
    if (how & (VERSION_DONE | ALL_DONE))
        put(fd, (const uint8_t *)"RFB 003.008\n", 12);
    if (how & ALL_DONE) {
        const uint8_t rest[2] = {1, init};
        put(fd, rest, 2);
        settle(fd);
    }
}

static void scroll(struct vnc_machine *vm, uint32_t rows)
{
    display_lock(vm->d);
    uint32_t height = display_height(vm->d), stride = display_stride(vm->d) / 4;
    uint32_t *p = display_pixels(vm->d);
    rows %= height;
    memmove(p, p + (size_t)rows * stride, (size_t)(height - rows) * stride * 4);
    display_damage(vm->d, 0, 0, display_width(vm->d), height);
    display_unlock(vm->d);
}

static uint32_t colour_of(unsigned kind, uint32_t x, uint32_t y)
{
    uint32_t noise = (x * 2654435761u ^ y * 40503u) * 2246822519u;

    switch (kind) {
    case 6: /* a photograph */
        return (x & 0xff) << 16 | (y & 0xff) << 8 | ((x + y) & 0xff);
    case 7:
        return noise >> 8;
    default: /* so many colours, in runs that grow with them */
        return (noise >> 13) % (1u << kind) * 0x010307;
    }
}

/* A rectangle of what encodings tell apart, among it rows of letters that do not touch. */
static void paint(struct vnc_machine *vm, unsigned n)
{
    display_lock(vm->d);
    uint32_t width = display_width(vm->d), height = display_height(vm->d);
    uint32_t stride = display_stride(vm->d) / 4, *pixels = display_pixels(vm->d);
    uint32_t left = (n >> 3 & 3) * width / 8, gap = n & 0x20 ? 32 : 1;
    unsigned kind = n & 7;
    for (uint32_t y = n >> 6; y < height; y++) {
        for (uint32_t x = left; x < width; x++)
            pixels[(size_t)y * stride + x] = colour_of(kind, kind < 6 ? x / 3 : x, y);
    }
    for (uint32_t x = left; x < width; x += gap == 1 ? width : 2 * gap)
        display_damage(vm->d, x, n >> 6, gap == 1 ? width : gap, height);
    display_unlock(vm->d);
}

static void set_cursor(struct vnc_machine *vm, unsigned size)
{
    uint32_t pixels[64 * 64];
    const struct display_cursor cursor = {size % 65, size % 61 + 1, size % 3, 0, pixels};

    memset(pixels, (int)size, sizeof pixels);
    display_set_cursor(vm->d, size % 65 && size ? &cursor : NULL);
    display_move_cursor(vm->d, (int32_t)size * 3 - 100, (int32_t)size - 20, size & 1);
}

static void with_machine(struct vnc_machine *vm, unsigned step, unsigned n, struct guest *g)
{
    machine_lock(&vm->m);
    switch (step) {
    case RESIZE:
        display_set_size(vm->d, n * 5, n * 3);
        break;
    case LAMPS:
        input_sink_leds(&vm->sink, n & 7);
        break;
    case COPY:
        g->len = n & 1 ? n : (size_t)CLIPBOARD_MAX + n - 128;
        clipboard_grab(&g->peer);
        break;
    case PASTE:
        clipboard_request(&g->peer);
        break;
    case REFUSE_KIND:
        input_sink_remove(&vm->sink);
        vm->sink.takes ^= INPUT_TAKES_ABS;
        input_sink_add(&vm->m, &vm->sink, NULL);
        break;
    }
    machine_unlock(&vm->m);
}

static bool power(void *opaque, enum vnc_power what)
{
    (void)opaque;
    return what == VNC_POWER_RESET;
}

static void typed(void *opaque, const struct display_typed *t)
{
    (void)opaque;
    if (t->len > 4 || (t->len && !clipboard_is_text(t->text, t->len)))
        fuzz_fail("what is typed is no character");
}

static struct display *make_console(struct vnc_machine *vm)
{
    static const struct display_ops ops = {.type = typed};

    machine_lock(&vm->m);
    struct display *d = display_new(&vm->m, NULL, 0, &ops, vm, NULL);
    if (!d || !display_set_size(d, 80, 32))
        fuzz_fail("no console");
    machine_unlock(&vm->m);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = size ? data[0] : 0;
    const struct vnc_config cfg = {.id = "default",
                                   .origin = "-vnc",
                                   .address = "none",
                                   .share = (enum vnc_share)((how >> 3 & 3) % 3),
                                   .lock_key_sync = true,
                                   .power = power,
                                   .password = (how & PASSWORD) != 0};
    struct vnc_machine *vm = vm_new(&cfg);
    struct guest g = {.peer = {.ops = &guest_ops}};
    struct display *console = NULL;
    int fd, companion = -1;

    if (!vm->server) { /* without the library for passwords */
        vm_free(vm);
        return 0;
    }
    machine_lock(&vm->m);
    clipboard_join(&vm->m, &g.peer);
    machine_unlock(&vm->m);
    if (how & CONSOLE)
        console = make_console(vm);
    vm_draw(vm, 1, 0, 0, VM_WIDTH, VM_HEIGHT);
    fd = connect_viewer(vm);
    begin(fd, how, 1);
    for (size_t at = 1, steps = 0; at + 1 < size && steps < STEPS_MAX; steps++) {
        unsigned step = data[at] % STEP_COUNT, n = data[at + 1], times = 1;
        at += 2;
        switch (step) {
        case SEND_MANY:
            times = n % MANY_MAX;
            n = at < size ? data[at++] : 0;
            /* fall through */
        case SEND:
            n = (unsigned)(n < size - at ? n : size - at);
            while (times--)
                put(fd, data + at, n);
            at += n;
            break;
        case READ:
            if (n & 1)
                poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, NEWS_MS);
            drain(fd);
            if (companion >= 0)
                drain(companion);
            break;
        case DRAW:
            display_lock(vm->d);
            n = n % 64;
            memset(display_pixels(vm->d), (int)n,
                   display_stride(vm->d) * (n % display_height(vm->d)));
            display_damage(vm->d, 0, 0, n * 8, n * 8);
            display_unlock(vm->d);
            break;
        case SCROLL:
            scroll(vm, n);
            break;
        case PAINT:
            paint(vm, n);
            break;
        case CURSOR:
            set_cursor(vm, n);
            break;
        case COMPANION:
            if (companion < 0) {
                companion = connect_viewer(vm);
                begin(companion, ALL_DONE, n & 1);
            }
            break;
        default:
            with_machine(vm, step, n, &g);
        }
        settle(fd);
    }
    close(fd);
    if (companion >= 0)
        close(companion);
    if (!(how & PASSWORD)) {
        struct viewer v;
        v_connect(&v, vm);
        if (!v_init(&v, 8, true) || !v_request(&v, false) || !v_update(&v))
            fuzz_fail("a well-behaved viewer is not served");
        v_close(&v);
    }
    machine_lock(&vm->m);
    clipboard_leave(&g.peer);
    display_free(console);
    machine_unlock(&vm->m);
    vm_free(vm);
    return 0;
}
