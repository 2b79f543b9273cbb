"""The window of -display sdl, used as a person would, with a stock kernel in it."""
import os
import struct

import desk
from desk import comes
from guest import VIRTIO, Guest, run
from qmp_client import Closed

desk.start()
# By a BIOS, so that the kernel finds a text mode.
guest = Guest("window", "-display", "sdl", "-vga", "std", "-bios", "bios-256k.bin", "-name",
              "test machine", "-device", "virtio-tablet-pci", "-serial", "vc", initrds=["initrd", "initrd-input"],
              modules=VIRTIO + " evdev virtio_input", reboot=True)
window = desk.Window("test machine")


def dump(**what):
    guest.qmp.ask("screendump", filename=os.path.abspath("dump.ppm"), **what)
    with open("dump.ppm", "rb") as f:
        return desk.pixels_of(f.read())


def shows_the_same(**what):
    # The text mode's cursor blinks. A picture without anything in it would tell nothing.
    return comes(lambda: (seen := window.picture()) == dump(**what) and any(seen[2]))


def start_shell(tty):
    guest.sh("(setsid sh </dev/%s >/dev/%s 2>&1 &)" % (tty, tty))
    # What comes before it edits a line is lost.
    guest.wait_for("stty -F /dev/%s -a | grep -q -- -icanon" % tty)


def the_window_shows_what_a_screendump_does():
    guest.sh("printf '\\033[2J\\033[HHello \\033[31mred\\033[0m' >/dev/tty1")
    shows_the_same()
    desk.keep("window")


def typed_keys_arrive():
    start_shell("tty1")
    window.type("echo Typed-here >/tmp/typed")
    window.key("Return")
    guest.wait_for("grep -qsx Typed-here /tmp/typed")


def the_pointer_arrives():
    guest.sh("for d in /sys/class/input/event*; do grep -q tablet $d/device/name && break; done; "
             "(cat /dev/input/${d##*/} >/tmp/moved &); sleep 1")
    width, height, _ = window.picture()
    window.point(width // 2, height // 2)
    window.point(width - 1, 0)
    window.point(0, height - 1)
    desk.do("click", 1)
    guest.wait_for("[ $(wc -c </tmp/moved) -ge 288 ]")
    words = guest.sh("od -An -v -tx1 /tmp/moved").split()
    data = bytes(int(w, 16) for w in words)
    events = [e[2:] for e in struct.iter_unpack("<qqHHi", data[:len(data) // 24 * 24])]
    for event in (3, 0, 0x7fff), (3, 1, 0), (3, 0, 0), (3, 1, 0x7fff), (1, 0x110, 1), (1, 0x110, 0):
        assert event in events, (event, events)


def a_larger_window_scales_the_picture():
    width, height, _ = window.picture()
    desk.do("windowsize", "--sync", window.id, width + width // 4, height + height // 4)
    comes(lambda: window.picture()[:2] == (width + width // 4, height + height // 4))
    window.key("ctrl+alt+u")
    shows_the_same()


def full_screen_fills_the_desktop_and_goes_back():
    window.key("ctrl+alt+f")
    comes(lambda: (seen := window.picture())[:2] == (desk.WIDTH, desk.HEIGHT) and any(seen[2]))
    desk.keep("full-screen")
    window.key("ctrl+alt+f")
    shows_the_same()


def the_grab_has_a_hint_in_the_title():
    assert window.title() == "test machine"
    window.key("ctrl+alt+g")
    comes(lambda: "Ctrl-Alt-G" in window.title())
    desk.keep("grabbed")
    window.key("ctrl+alt+g")
    comes(lambda: window.title() == "test machine")


def a_key_switches_to_the_serial_console():
    start_shell("ttyS1")
    window.key("ctrl+alt+2")
    comes(lambda: window.title() == "test machine: serial1")
    window.type("echo 'Serial-{a}|~' >/tmp/serial; ls -l /")
    window.key("Return")
    guest.wait_for("grep -qsx 'Serial-{a}|~' /tmp/serial")
    shows_the_same(device="serial1")
    desk.keep("serial")


def keys_that_are_no_text_arrive_there():
    window.key("Up", "Home")
    window.type(": ")
    window.key("End")
    window.type(" | tail -1 >/tmp/moved-there")
    window.key("Return")
    guest.wait_for("[ -f /tmp/moved-there ]")
    window.type("no such program ")
    window.key("ctrl+u")
    window.type("echo >/tmp/erased")
    window.key("Return")
    guest.wait_for("[ -f /tmp/erased ]")


def what_left_the_console_is_looked_back_at():
    window.type("seq 60; echo >/tmp/counted")
    window.key("Return")
    guest.wait_for("[ -f /tmp/counted ]")
    before = shows_the_same(device="serial1") and window.picture()
    window.key("shift+Prior", "shift+Prior")
    comes(lambda: window.picture() != before)
    desk.keep("looked-back")
    window.key("shift+Next", "shift+Next")
    comes(lambda: window.picture() == before)


def and_back_to_the_screen():
    window.key("ctrl+alt+1")
    comes(lambda: window.title() == "test machine")
    shows_the_same()


def the_reset_key_resets():
    window.key("ctrl+alt+shift+r")
    assert guest.qmp.event("RESET")["data"] == {"guest": False, "reason": "host-ui"}
    guest.seen = b""
    guest.until(rb"vemu:\S*# ", 120)


def closing_the_window_ends_the_machine():
    window.key("alt+F4")
    assert guest.qmp.event("SHUTDOWN")["data"] == {"guest": False, "reason": "host-ui"}
    try:
        while True:
            guest.qmp.message()
    except Closed:
        pass
    assert guest.process.wait(timeout=60) == 0


run("window", [the_window_shows_what_a_screendump_does, typed_keys_arrive, the_pointer_arrives,
               a_larger_window_scales_the_picture, full_screen_fills_the_desktop_and_goes_back,
               the_grab_has_a_hint_in_the_title,
               a_key_switches_to_the_serial_console, keys_that_are_no_text_arrive_there,
               what_left_the_console_is_looked_back_at, and_back_to_the_screen,
               the_reset_key_resets,
               closing_the_window_ends_the_machine])
