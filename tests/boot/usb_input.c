/*
 * Keys, relative and absolute motion on their way into a stock kernel by USB: sent to the input
 * router, read by the guest from /dev/input/event*. A hub with the keyboard behind it, a tablet
 * that is plugged in while the machine runs, a machine saved and loaded between two keys. Prints
 * TAP.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vemu/vemu.h>
#include "core/device/machine.h"
#include "core/input/input.h"
#include "hw/board.h"
#include "libvemu/machine.h"

static int count, failed;
static const char *board;

static bool tap(bool ok, const char *what)
{
    printf("%sok %d - usb, %s: %s\n", ok ? "" : "not ", ++count, board, what);
    failed += !ok;
    fflush(stdout);
    return ok;
}

/* What the guest wrote, from the last match on. */
static char text[1 << 16];
static size_t have, seen;

/* Reads the console until `wanted` was seen; false: not within so many seconds. */
static bool until(struct vemu_machine *m, const char *wanted, int seconds)
{
    memmove(text, text + seen, have - seen + 1);
    have -= seen;
    seen = 0;
    for (int tries = 0; m && tries < seconds * 10; tries++) {
        const char *at = strstr(text, wanted);

        if (at) {
            seen = (size_t)(at - text) + strlen(wanted);
            return true;
        }
        if (have == sizeof text - 1)
            have = 0;
        have += vemu_console_read(m, NULL, text + have, sizeof text - 1 - have, 100);
        text[have] = 0;
    }
    printf("# no \"%s\" within %d s after: %s\n", wanted, seconds,
           have > 200 ? text + have - 200 : text);
    return false;
}

static struct vemu_machine *make(const char *guests)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    struct vemu_machine *m = NULL;
    char path[4096];

    snprintf(path, sizeof path, "%s/amd64/vmlinuz", guests);
    if (vemu_config_parse(cfg,
                          "-m 256M -append 'console=ttyS0 quiet demo=usb devices=5' -no-reboot "
                          "-device qemu-xhci,id=xhci -device usb-hub,bus=xhci.0,port=1 "
                          "-device usb-kbd,bus=xhci.0,port=1.3 -usbdevice mouse",
                          &err) &&
        vemu_config_set(cfg, "machine", board, &err) &&
        vemu_config_set(cfg, "kernel", path, &err)) {
        snprintf(path, sizeof path, "%s/amd64/initrd-usb", guests);
        if (vemu_config_set(cfg, "initrd", path, &err))
            m = vemu_machine_create(cfg, NULL, &err);
    }
    if (m && !vemu_machine_realize(m, &err)) {
        vemu_machine_destroy(m);
        m = NULL;
    }
    if (!m)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    vemu_config_free(cfg);
    return m;
}

static void send(struct vemu_machine *m, uint16_t type, uint16_t code, int32_t value)
{
    const struct input_event e = {.type = type, .code = code, .value = value};
    input_send(m, NULL, &e, 1);
}

/* Sent, and seen by the guest under that name. */
static bool passes(struct vemu_machine *m, const char *name, uint16_t type, uint16_t code,
                   int32_t value)
{
    char line[80];

    snprintf(line, sizeof line, "USB event %s %u %u %d\r\n", name, type, code, value);
    send(m, type, code, value);
    return until(m, line, 20);
}

static bool plug_tablet(struct vemu_machine *m)
{
    struct lib_machine *lm = lib_of(m);
    struct vemu_error *err = NULL;

    machine_lock(m);
    struct device *dev = build_new_device(lm, "usb-tablet", "tablet", &err);
    bool ok = dev && lm->board->hotplug(m, dev, &err);
    machine_unlock(m);
    if (!ok)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    return ok;
}

static struct vemu_machine *reload(struct vemu_machine *m, const char *guests)
{
    struct vemu_machine *fresh = make(guests);
    struct vemu_error *err = NULL;
    int fd = memfd_create("state", 0);
    bool ok = fresh && vemu_machine_pause(m, NULL) && vemu_machine_save(m, fd, &err) &&
              lseek(fd, 0, SEEK_SET) == 0 && vemu_machine_load(fresh, fd, &err) &&
              vemu_machine_start(fresh, &err);

    if (err)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    close(fd);
    vemu_machine_destroy(m);
    have = seen = text[0] = 0;
    if (ok)
        return fresh;
    vemu_machine_destroy(fresh);
    return NULL;
}

static void try(const char *name, const char *guests)
{
    struct vemu_machine *m;

    board = name;
    have = seen = text[0] = 0;
    m = make(guests);
    if (m && !vemu_machine_start(m, NULL)) {
        vemu_machine_destroy(m);
        m = NULL;
    }
    tap(until(m, "USB device 1-1 0409:55aa 480 ", 120), "a hub is found");
    tap(until(m, "USB device 1-1.3 0627:0001 480 USB Keyboard", 20), "and a keyboard behind it");
    tap(until(m, "USB device 1-2 0627:0001 480 USB Mouse", 20), "and a mouse");
    bool ready = tap(until(m, "USB ready", 30), "with events from both");
    tap(ready && passes(m, "Keyboard", EV_KEY, KEY_A, 1) &&
            passes(m, "Keyboard", EV_KEY, KEY_A, 0) &&
            passes(m, "Keyboard", EV_KEY, KEY_RIGHTCTRL, 1) &&
            passes(m, "Keyboard", EV_KEY, KEY_RIGHTCTRL, 0),
        "keys go down and up");
    tap(ready && passes(m, "Mouse", EV_REL, REL_X, -7) && passes(m, "Mouse", EV_REL, REL_Y, 100) &&
            passes(m, "Mouse", EV_REL, REL_WHEEL, -1) &&
            passes(m, "Mouse", EV_REL, REL_HWHEEL, 1) && passes(m, "Mouse", EV_KEY, BTN_SIDE, 1) &&
            passes(m, "Mouse", EV_KEY, BTN_SIDE, 0),
        "the mouse moves, turns its wheels and clicks");
    m = ready ? reload(m, guests) : m;
    ready = ready && m;
    tap(ready && passes(m, "Keyboard", EV_KEY, KEY_B, 1) && passes(m, "Keyboard", EV_KEY, KEY_B, 0),
        "a machine loaded from its state takes keys");
    tap(ready && plug_tablet(m) && until(m, "USB input Tablet", 30) &&
            passes(m, "Tablet", EV_ABS, ABS_X, 12345) &&
            passes(m, "Tablet", EV_ABS, ABS_Y, INPUT_ABS_MAX) &&
            passes(m, "Tablet", EV_KEY, BTN_LEFT, 1) && passes(m, "Tablet", EV_KEY, BTN_LEFT, 0),
        "a tablet that is plugged in tells where it is");
    if (ready) {
        send(m, EV_KEY, KEY_ESC, 1);
        send(m, EV_KEY, KEY_ESC, 0);
    }
    tap(ready && until(m, "vemu-init: done", 30), "and the guest ends by a key");
    vemu_machine_destroy(m);
}

int main(void)
{
    const char *guests = getenv("VEMU_GUESTS");

    printf("1..18\n");
    try("pc", guests ? guests : "guest");
    try("q35", guests ? guests : "guest");
    return failed != 0;
}
