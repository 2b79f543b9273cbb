#!/usr/bin/env python3
"""An installed Debian with Xfce (debian_image.sh) is used as a person uses it, through TigerVNC's viewer
and through the page in Chromium: the pointer moves and clicks, text is typed into a terminal, windows
are dragged, the screen is resized, text is copied and pasted. What came of it is asked of the guest over its serial port.

    desktop.py IMAGE.qcow2 DIR [viewer] [page]      prints TAP; leaves pictures in DIR, to be looked at

VGA names another display, MEMORY another amount.
"""
import os
import re
import shutil
import subprocess
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
sys.path.append(os.path.join(here, "..", "cli"))
import browser
from qmp_client import Client
from terminal import Machine, Tap
from hands import Page, Tiger, quiet

build = os.environ.get("VEMU_BUILD", ".")
vga = os.environ.get("VGA", "virtio")
PATIENCE = int(os.environ.get("PATIENCE", "300"))
TEXT = "The quick brown fox: ~!@#$%^&*()_+-=[]{};'|,./<>? 0123456789 jumps OVER"


class Desktop:
    """The guest, a root shell on its serial port, and the machine's control socket."""

    def __init__(self, image, dir):
        self.dir = dir
        top, self.qmp_path = os.path.join(dir, "top.qcow2"), os.path.join(dir, "qmp")
        for old in (top, self.qmp_path):
            if os.path.exists(old):
                os.unlink(old)
        subprocess.run([build + "/vemu-img", "create", "-q", "-f", "qcow2", "-b", os.path.abspath(image),
                        "-F", "qcow2", top], check=True)
        self.machine = Machine(
            [build + "/vemu", "run", "-m", os.environ.get("MEMORY", "1G"), "-smp", "2", top, "-name", "Debian",
             "--display", "vnc=127.0.0.1:0,to=99", "-vga", vga,
             "-serial", "stdio", "-qmp", "unix:%s,server=on,wait=off" % self.qmp_path],
            os.path.join(dir, "serial.log"))

    def start(self):
        m = self.machine
        if not m.until("debian login:", PATIENCE):
            return False
        m.send("root\n")
        m.until("Password:", 60)
        m.send("vemu\n")
        m.until("# ", 60)
        m.send("PS1=; stty -echo; dmesg -n 1\n")
        self.qmp = Client(self.qmp_path)
        found = self.qmp.ask("query-vnc")
        self.address = "%s::%s" % (found["host"], found["service"])
        return m.shell("sleep 1; cd /") is not None

    def shell(self, command):
        return self.machine.shell(command, 60)

    def user(self, command):
        """In the desktop's session."""
        return self.shell("su user -c 'DISPLAY=:0 XAUTHORITY=/home/user/.Xauthority %s' 2>&1" % command)

    def wait(self, test, seconds=60):
        """Until the function returns something."""
        end = time.monotonic() + seconds
        while True:
            found = test()
            if found or time.monotonic() > end:
                return found
            time.sleep(0.5)

    def settled(self):
        """The desktop is drawn, both panels, and nothing moves any more: two pictures are the same."""
        def still():
            a = self.picture("still")
            time.sleep(3)
            return a == self.picture("still")
        return self.wait(lambda: len(self.windows("Xfce4-panel")) == 2, PATIENCE) and \
            self.wait(lambda: self.colours() > 100, PATIENCE) and self.wait(still, PATIENCE)

    def colours(self):
        self.picture("colours")
        return int(quiet("identify", "-format", "%k", os.path.join(self.dir, "colours.png")))

    def picture(self, name):
        path = os.path.join(self.dir, name + ".png")
        self.qmp.ask("screendump", filename=path, format="png")
        return open(path, "rb").read()

    def size(self):
        return png_size(self.picture("size"))

    def windows(self, kind):
        """Of that class, as {id: (x, y, width, height)}; the place is of what the program draws."""
        said = self.user("xwininfo -root -tree") or ""
        found = {}
        for id, w, h, x, y in re.findall(r"(0x[0-9a-f]+) \"[^\n]*\(\"[^\n]*\" \"%s\"\)\s+(\d+)x(\d+)\S+\s+"
                                         r"\+(-?\d+)\+(-?\d+)" % kind, said):
            if int(w) > 100 and int(h) > 20:
                found[id] = int(x), int(y), int(w), int(h)
        return found

    def active(self):
        """The window that has the keys."""
        found = re.search(r"0x[0-9a-f]+", self.user("xprop -root _NET_ACTIVE_WINDOW") or "")
        return int(found.group(), 16) if found else 0


def png_size(data):
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def same(desktop, viewer, path):
    """None: the viewer shows the display's picture. Otherwise how they differ, while that stays the same."""
    mine, theirs = os.path.join(desktop.dir, "display.png"), path
    differ = "it never stood still"
    end = time.monotonic() + 60
    while time.monotonic() < end:
        before = desktop.picture("display")
        time.sleep(1)
        viewer.picture(theirs)
        if desktop.picture("display") != before:
            continue
        if png_size(before) != png_size(open(theirs, "rb").read()):
            differ = "another size"
            continue
        done = subprocess.run(["compare", "-metric", "AE", mine, theirs, "null:"], stderr=subprocess.PIPE)
        if done.returncode == 0 and done.stderr.split()[:1] == [b"0"]:
            return None
        differ = "%s pixels differ" % done.stderr.decode()
    return differ


def use(tap, desktop, viewer, name):
    """One viewer, from connecting to pasting."""
    pictures = iter(range(1, 100))

    def look(what):
        viewer.look(os.path.join(desktop.dir, "%s-%d-%s.png" % (name, next(pictures), what)))

    def ok(what, good, why=""):
        return tap.ok("%s: %s" % (viewer.name, what), good, str(why))

    if not ok("connects", viewer.connected()):
        return
    time.sleep(2)
    viewer.move(640, 400)
    look("desktop")
    why = same(desktop, viewer, os.path.join(desktop.dir, name + "-shown.png"))
    ok("shows what the display shows, to the pixel", why is None, why)

    # A terminal, by the launcher in the dock.
    width, height = desktop.size()
    started = time.monotonic()
    viewer.click(width // 2 - 73, height - 24)
    found = desktop.wait(lambda: desktop.windows("Xfce4-terminal"))
    if not ok("a click starts a terminal", found, desktop.user("xwininfo -root -tree")):
        look("no-terminal")
        return
    desktop.wait(lambda: desktop.shell("pgrep -u user bash"))
    time.sleep(3)
    id, (x, y, w, h) = next(iter(desktop.windows("Xfce4-terminal").items()))  # where it came to be
    viewer.click(x + w // 2, y + h // 2)
    desktop.wait(lambda: desktop.active() == int(id, 16), 20)
    desktop.shell("rm -f /tmp/typed /tmp/pasted")
    viewer.type("cat > /tmp/typed <<'END'\n%s\nEND\n" % TEXT)
    got = desktop.wait(lambda: desktop.shell("test -s /tmp/typed && cat /tmp/typed"), 20)
    ok("typed text arrives", got == TEXT, got)
    viewer.type("clear; ls --color=always -la /etc | head -n 18\n")
    time.sleep(2)
    viewer.move(40, 300)
    look("terminal")
    why = same(desktop, viewer, os.path.join(desktop.dir, name + "-shown.png"))
    ok("what scrolled is shown to the pixel", why is None, why)

    # The window is dragged by its title bar.
    viewer.drag([(x + w // 2, y - 12)] + [(x + w // 2 + 20 * n, y - 12 + 12 * n) for n in range(1, 11)])
    moved = desktop.wait(lambda: (desktop.windows("Xfce4-terminal").get(id) or (x, y)) != (x, y, w, h) and
                         desktop.windows("Xfce4-terminal")[id], 20)
    ok("a window is dragged as far as the pointer goes", moved and
       (moved[0] - x, moved[1] - y) == (200, 120), "%s after %s" % (moved, (x, y, w, h)))
    look("dragged")

    # The guest follows the viewer's size.
    for size in ((1100, 700), (1400, 900)):
        wanted = viewer.resize(*size)
        got = desktop.wait(lambda: desktop.size() == wanted and wanted, 20) or desktop.size()
        # A kernel without EDID has widths of 8 pixels.
        ok("the guest follows to %dx%d" % wanted, got[1] == wanted[1] and 0 <= wanted[0] - got[0] < 8,
           "%dx%d" % got)
        time.sleep(2)
        look("resized")
    why = same(desktop, viewer, os.path.join(desktop.dir, name + "-shown.png"))
    ok("the new size is shown to the pixel", why is None, why)

    # Text, both ways.
    text = "copied in the guest, \N{EURO SIGN} and all, %s" % name
    desktop.shell("printf %%s '%s' > /tmp/copy && chmod a+r /tmp/copy" % text)
    desktop.user("timeout 20 xclip -selection clipboard -i /tmp/copy")
    got = desktop.wait(lambda: viewer.copied() == text and text, 20) or viewer.copied()
    ok("what the guest copies can be pasted here", got == text, repr(got))
    text = "copied here for the guest, \N{EURO SIGN} too, %s" % name
    viewer.copy(text)
    wanted = text.encode().decode("latin1")  # as a serial port has it
    pasted = "timeout 5 xclip -selection clipboard -o"
    ok("what is copied here can be pasted in the guest",
       desktop.wait(lambda: desktop.user(pasted) == wanted, 20), desktop.user(pasted))
    place = desktop.windows("Xfce4-terminal").get(id)
    if place:
        def clicked():  # the first click may be for the viewer's own window
            viewer.click(place[0] + place[2] // 2, place[1] + place[3] // 2)
            return desktop.wait(lambda: desktop.active() == int(id, 16), 5)
        ok("a click gives a window the keys", desktop.wait(clicked, 15))
        viewer.type("clear; cat > /tmp/pasted\n")
        viewer.chord("Control", "Shift", "v")
        time.sleep(1)
        viewer.type("\n")
        look("pasted")
        viewer.chord("Control", "d")
    got = desktop.wait(lambda: desktop.shell("test -s /tmp/pasted && cat /tmp/pasted"), 10)
    ok("and is, by the terminal's keys", got == wanted, got)
    viewer.type("exit\n")
    desktop.wait(lambda: not desktop.windows("Xfce4-terminal"), 20)


def main():
    tap = Tap()
    image, dir = sys.argv[1:3]
    wanted = sys.argv[3:] or ["viewer", "page"]
    os.makedirs(dir, exist_ok=True)
    desktop = Desktop(image, dir)
    try:
        if not tap.ok("the guest starts", desktop.start()) or \
           not tap.ok("its desktop comes up", desktop.settled()):
            return tap.done()
        print("# the desktop after %d s" % desktop.machine.seconds())
        for name, make, needs in (("viewer", Tiger, ("xtigervncviewer", "Xvfb", "openbox", "xdotool", "import",
                                                     "xclip", "compare")),
                                  ("page", Page, (browser.PROGRAM or "chromium", "convert", "compare"))):
            missing = [p for p in needs if not shutil.which(p)]
            if name not in wanted:
                continue
            if missing:
                tap.ok("%s # SKIP no %s here" % (name, ", ".join(missing)), True)
                continue
            viewer = make(desktop.address, os.path.join(dir, name + ".log"))
            try:
                use(tap, desktop, viewer, name)
            finally:
                viewer.close()
        tap.ok("the guest goes on", desktop.shell("true") is not None)
        desktop.qmp.send("quit")
        desktop.machine.process.wait(60)
    finally:
        desktop.machine.kill()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
