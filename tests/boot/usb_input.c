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
#include "tests/boot/guest.h"

static int count, failed;
static const char *board;

static bool tap(bool ok, const char *what)
{
    printf("%sok %d - usb, %s: %s\n", ok ? "" : "not ", ++count, board, what);
    failed += !ok;
    fflush(stdout);
    return ok;
}

static struct vemu_machine *make(const char *guests)
{
    char options[256];

    snprintf(options, sizeof options,
             "-M %s -no-reboot -device qemu-xhci,id=xhci -device usb-hub,bus=xhci.0,port=1 "
             "-device usb-kbd,bus=xhci.0,port=1.3 -usbdevice mouse",
             board);
    return guest_machine(guests, "initrd-usb", "console=ttyS0 quiet demo=usb devices=5", options);
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
    return guest_until(m, line, 20);
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
    guest_forget();
    if (ok)
        return fresh;
    vemu_machine_destroy(fresh);
    return NULL;
}

static void try(const char *name, const char *guests)
{
    struct vemu_machine *m;

    board = name;
    m = make(guests);
    if (m && !vemu_machine_start(m, NULL)) {
        vemu_machine_destroy(m);
        m = NULL;
    }
    tap(guest_until(m, "USB device 1-1 0409:55aa 480 ", 120), "a hub is found");
    tap(guest_until(m, "USB device 1-1.3 0627:0001 480 USB Keyboard", 20),
        "and a keyboard behind it");
    tap(guest_until(m, "USB device 1-2 0627:0001 480 USB Mouse", 20), "and a mouse");
    bool ready = tap(guest_until(m, "USB ready", 30), "with events from both");
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
    tap(ready && plug_tablet(m) && guest_until(m, "USB input Tablet", 30) &&
            passes(m, "Tablet", EV_ABS, ABS_X, 12345) &&
            passes(m, "Tablet", EV_ABS, ABS_Y, INPUT_ABS_MAX) &&
            passes(m, "Tablet", EV_KEY, BTN_LEFT, 1) && passes(m, "Tablet", EV_KEY, BTN_LEFT, 0),
        "a tablet that is plugged in tells where it is");
    if (ready) {
        send(m, EV_KEY, KEY_ESC, 1);
        send(m, EV_KEY, KEY_ESC, 0);
    }
    tap(ready && guest_until(m, "vemu-init: done", 30), "and the guest ends by a key");
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
