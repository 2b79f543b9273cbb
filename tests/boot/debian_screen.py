#!/usr/bin/env python3
"""An installed Debian (debian_image.sh) by `vemu run IMAGE --display vnc` and no further option: its boot menu
is on the screen, somebody logs in there through TigerVNC's viewer, and it is switched off by its button. What
came of it is asked of the guest over its serial port.

    debian_screen.py IMAGE.qcow2 DIR       prints TAP; leaves pictures in DIR, to be looked at

ARCH=arm64 says what the image is for.
"""
import os
import subprocess
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
from desktop import png_size, same
from hands import Tiger
from terminal import Machine, Tap

vemu = os.path.abspath(os.environ.get("VEMU_BUILD", ".") + "/vemu")
arch = os.environ.get("ARCH", "amd64")
PATIENCE = int(os.environ.get("PATIENCE", "600"))


class Screen:
    """The machine as it comes, and what `vemu ctl` says of it."""

    def __init__(self, image, dir):
        self.dir = dir
        top = os.path.join(dir, "screen.qcow2")
        subprocess.run([vemu + "-img", "create", "-q", "-f", "qcow2", "-b", os.path.abspath(image),
                        "-F", "qcow2", top], check=True)
        os.environ["XDG_RUNTIME_DIR"] = dir
        os.chmod(dir, 0o700)
        self.machine = Machine([vemu, "run"] + (["--arch", arch] if arch != "amd64" else []) +
                               [top, "--display", "vnc"], os.path.join(dir, "serial.log"))
        self.shell = self.machine.shell

    def ctl(self, *words):
        return subprocess.run([vemu, "ctl", "screen.qcow2", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def picture(self, name):
        path = os.path.join(self.dir, name + ".png")
        said = self.ctl("screenshot", path)
        assert said.returncode == 0, said.stdout
        return open(path, "rb").read()


def typed_in(viewer, screen):
    """The terminal and the user of what is typed."""
    viewer.type("\n")
    time.sleep(2)
    viewer.type("root\n")
    time.sleep(8)
    viewer.type("vemu\n")
    time.sleep(8)
    viewer.type("tty >/tmp/typed; id -un >>/tmp/typed; uname -srm >>/tmp/typed; clear; lscpu; lsblk\n")
    return screen.shell("for n in $(seq 30); do grep -q Linux /tmp/typed && break; sleep 1; done 2>/dev/null; "
                        "cat /tmp/typed", 60)


def pointed(viewer, screen):
    """How many positions the guest's tablet told of while the viewer's pointer clicked here and there."""
    screen.shell("node=$(sed -n '/Tablet/,/Handlers/s/.*\\(event[0-9]*\\).*/\\1/p' /proc/bus/input/devices); "
                 "(cat /dev/input/$node >/tmp/pointed &)")
    for n in range(4):
        viewer.click(200 + 100 * n, 200 + 50 * n)
        time.sleep(0.5)
    # struct input_event: type 3, an absolute position, code 0, across.
    found = screen.shell("sleep 1; od -An -v -tx2 -w24 /tmp/pointed | grep -c '0003 0000 .... ....$'")
    return int(found or 0)


def use(tap, screen, address):
    tail = lambda: open(os.path.join(screen.dir, "serial.log"), errors="replace").read()[-1500:]
    m = screen.machine
    if not tap.ok("GRUB shows its menu", m.until("GNU GRUB", PATIENCE), tail()):
        return
    time.sleep(1)
    grub = screen.picture("grub")
    good = m.until("debian login:", PATIENCE)
    if not tap.ok("login at the serial port (after %d s)" % m.seconds(), good, tail()):
        return
    m.send("root\n")
    m.until("Password:", 60)
    m.send("vemu\n")
    m.until("# ", 60)
    m.send("PS1=; stty -echo; dmesg -n 1\n")
    screen.shell("sleep 1")
    tap.ok("the menu was on the screen", png_size(grub)[0] >= 640 and len(grub) > 1000)
    viewer = Tiger(address, os.path.join(screen.dir, "viewer.log"))
    try:
        if not tap.ok("a viewer comes in", viewer.connected()):
            return
        viewer.look(os.path.join(screen.dir, "login.png"))
        got = typed_in(viewer, screen)
        tap.ok("somebody logs in at the screen", got and got.startswith("/dev/tty1\nroot\nLinux "), str(got))
        screen.shell("printf '\\033[?25l' >/dev/tty1")  # a picture with a blinking cursor has no end
        time.sleep(2)
        viewer.look(os.path.join(screen.dir, "shell.png"))
        why = same(screen, viewer, os.path.join(screen.dir, "shown.png"))
        tap.ok("the viewer shows it to the pixel", why is None, why or "")
        found = pointed(viewer, screen)
        # The first click may be for the viewer's own window.
        tap.ok("the pointer is a tablet that follows", found >= 3, "%d positions" % found)
    finally:
        viewer.close()
    said = screen.ctl("powerdown")
    tap.ok("its button switches it off", said.returncode == 0 and m.ended(180) == 0, tail())


def main():
    tap = Tap()
    image, dir = sys.argv[1:3]
    os.makedirs(dir, exist_ok=True)
    screen = Screen(image, os.path.abspath(dir))
    try:
        found = screen.machine.until(r"shown by VNC at (\S+?):(\d+)", 60)
        if tap.ok("it says where its screen is", found):
            use(tap, screen, "%s::%s" % tuple(g.decode() for g in found.groups()))
    finally:
        screen.machine.kill()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
