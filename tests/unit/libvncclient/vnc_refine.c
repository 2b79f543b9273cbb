/*
 * The live server and a viewer that takes JPEG (libvncclient): what it was sent so, and is quiet,
 * comes again as it is, and no more than that. Prints TAP.
 */
#include <rfb/rfbclient.h>

#include "config.h"
#include "tests/unit/programs/tap.h"
#include "tests/vnc_machine.h"

enum { WAIT_US = 100000, WAITS_MAX = 300, SIDE = 64 };

static uint64_t drawn; /* pixels */

static void got(rfbClient *c, int x, int y, int w, int h)
{
    (void)c, (void)x, (void)y;
    drawn += (uint64_t)w * (uint64_t)h;
}

/* What JPEG is for: many colours that change little from pixel to pixel. */
static void draw_photograph(struct vnc_machine *vm, unsigned seed, uint32_t x, uint32_t y,
                            uint32_t w, uint32_t h)
{
    display_lock(vm->d);
    uint32_t *pixels = display_pixels(vm->d);
    for (uint32_t py = y; py < y + h; py++) {
        for (uint32_t px = x; px < x + w; px++) {
            uint32_t noise = vm_colour(seed, px * 5, py) & 0x070707;
            pixels[py * display_stride(vm->d) / 4 + px] =
                ((px * 3 / 4 & 0xff) << 16 | (py & 0xff) << 8 | ((px + py) / 2 & 0xff)) ^ noise;
        }
    }
    display_damage(vm->d, x, y, w, h);
    display_unlock(vm->d);
}

static bool same(rfbClient *c, struct vnc_machine *vm)
{
    const uint32_t *theirs = (const uint32_t *)(void *)c->frameBuffer;
    bool equal = true;

    display_lock(vm->d);
    for (uint32_t y = 0; y < VM_HEIGHT; y++) {
        const uint32_t *ours = display_pixels(vm->d) + y * display_stride(vm->d) / 4;
        for (uint32_t x = 0; x < VM_WIDTH; x++)
            equal &= (theirs[y * VM_WIDTH + x] & 0xffffff) == (ours[x] & 0xffffff);
    }
    display_unlock(vm->d);
    return equal;
}

/* Takes messages until that many pixels came. False: they did not. */
static bool until_drawn(rfbClient *c, uint64_t pixels)
{
    for (unsigned i = 0; i < WAITS_MAX && drawn < pixels; i++) {
        int n = WaitForMessage(c, WAIT_US);
        if (n < 0 || (n > 0 && !HandleRFBServerMessage(c)))
            return false;
    }
    return drawn >= pixels;
}

static bool until_same(rfbClient *c, struct vnc_machine *vm)
{
    for (unsigned i = 0; i < WAITS_MAX && !same(c, vm); i++) {
        int n = WaitForMessage(c, WAIT_US);
        if (n < 0 || (n > 0 && !HandleRFBServerMessage(c)))
            return false;
    }
    return same(c, vm);
}

static rfbClient *visit(struct vnc_machine *vm)
{
    rfbClient *c = rfbGetClient(8, 3, 4);
    int pair[2];

    if (!c || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
        !vnc_server_add_client(vm->server, pair[0], false, NULL))
        abort();
    /* Pixels as the machine has them. */
    c->format.redShift = 16;
    c->format.greenShift = 8;
    c->format.blueShift = 0;
    c->appData.encodingsString = "tight copyrect";
    c->appData.enableJPEG = TRUE;
    c->appData.qualityLevel = 3;
    c->appData.useRemoteCursor = FALSE;
    c->GotFrameBufferUpdate = got;
    c->sock = pair[1];
    c->listenSpecified = TRUE; /* it is connected already */
    if (!rfbInitClient(c, NULL, NULL))
        abort();
    /* The screen's size comes first, and counts as an update of all of it. */
    drawn = 0;
    if (!until_drawn(c, VM_WIDTH * VM_HEIGHT))
        abort();
    drawn = 0;
    return c;
}

static void test_refined(const struct vnc_config *cfg)
{
    struct vnc_machine *vm = vm_new(cfg);
    const uint64_t all = VM_WIDTH * VM_HEIGHT;
    rfbClient *c;

    draw_photograph(vm, 1, 0, 0, VM_WIDTH, VM_HEIGHT);
    c = visit(vm);
    tap(until_drawn(c, all) && !same(c, vm), "a photograph comes as JPEG first");
    tap(until_same(c, vm), "once quiet it comes as it is");
    tap(drawn <= 2 * all, "each pixel at most once more");
    /* What was sharp stays so, and is not sent again; what changes comes twice. */
    drawn = 0;
    draw_photograph(vm, 2, SIDE, SIDE, SIDE, SIDE);
    tap(until_drawn(c, 1) && until_same(c, vm), "what changes is refined alone");
    tap(drawn <= 2 * 2 * SIDE * 2 * SIDE, "and nothing else is sent");
    close(c->sock);
    vm_free(vm);
}

static void test_lossless(void)
{
    const struct vnc_config cfg = {
        .id = "default", .origin = "-vnc", .address = "none", .lossless = true};
    struct vnc_machine *vm = vm_new(&cfg);
    rfbClient *c;

    draw_photograph(vm, 1, 0, 0, VM_WIDTH, VM_HEIGHT);
    c = visit(vm);
    tap(until_drawn(c, VM_WIDTH * VM_HEIGHT) && same(c, vm), "lossy=off: never as JPEG");
    close(c->sock);
    vm_free(vm);
}

int main(void)
{
    const struct vnc_config fixed = {
        .id = "default", .origin = "-vnc", .address = "none", .fixed = true};

    if (!CONFIG_TURBOJPEG)
        return printf("1..0 # SKIP built without libturbojpeg\n"), 77;
    rfbEnableClientLogging = FALSE;
    test_refined(NULL);
    test_refined(&fixed);
    test_lossless();
    return tap_end();
}
