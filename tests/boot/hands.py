"""Two ways to a guest's screen, with the same hands: TigerVNC's viewer on an X server without a
screen, and the page in a browser. Points are of the guest's picture."""
import base64
import os
import subprocess
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(here, "..", "cli"))
from browser import Browser

KEY = 0.03  # a quick typist; a Linux guest drops what it has no room for


def quiet(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                          timeout=60, **more).stdout.decode()


class Tiger:
    """xtigervncviewer as it comes, under openbox on an Xvfb of its own."""
    name = "TigerVNC"

    def __init__(self, address, log):
        self.log = open(log, "ab")
        read, write = os.pipe()
        self.children = [subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "1700x1100x24", "-nolisten", "tcp"],
            stdout=self.log, stderr=self.log, pass_fds=[write])]
        os.close(write)
        with os.fdopen(read) as f:  # to the line's end, or the server ends
            number = f.readline().strip()
        assert number, "Xvfb does not start"
        self.env = dict(os.environ, DISPLAY=":" + number, HOME=os.path.dirname(os.path.abspath(log)))
        for command in (["openbox"], ["xtigervncviewer", "-AlertOnFatalError=0", address]):
            self.children.append(subprocess.Popen(command, env=self.env, stdout=self.log,
                                                  stderr=self.log, stdin=subprocess.DEVNULL))
        self.window = None

    def tool(self, *words):
        return quiet("xdotool", *map(str, words), env=self.env)

    def connected(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.children[-1].poll() is None:
            try:
                # The machine's name is in the title once there is a picture.
                self.window = self.tool("search", "--onlyvisible", "--name", "TigerVNC$").split()[-1]
                self.tool("windowmove", self.window, 40, 40)
                self.tool("windowactivate", "--sync", self.window)
                return True
            except (subprocess.SubprocessError, IndexError):
                time.sleep(0.2)
        return False

    def move(self, x, y):
        self.tool("mousemove", "--window", self.window, x, y)

    def click(self, x, y, button="left", count=1):
        self.move(x, y)
        self.tool("click", "--repeat", count, "--delay", 60, {"left": 1, "middle": 2, "right": 3}[button])

    def drag(self, points):
        self.move(*points[0])
        self.tool("mousedown", 1)
        for p in points[1:]:
            self.move(*p)
            time.sleep(0.05)
        self.tool("mouseup", 1)

    def type(self, text):
        for line in text.splitlines(True):
            self.tool("type", "--delay", int(KEY * 1000), line.rstrip("\n"))
            if line.endswith("\n"):
                self.tool("key", "Return")

    def chord(self, *names):
        names = [{"Control": "ctrl", "Shift": "shift", "Alt": "alt"}.get(n, n) for n in names]
        self.tool("key", "+".join(names))

    def resize(self, width, height):
        """The size the guest's screen should get, and did not have before."""
        self.tool("windowsize", "--sync", self.window, width, height)
        words = self.tool("getwindowgeometry", "--shell", self.window)
        found = dict(line.split("=") for line in words.split())
        return int(found["WIDTH"]), int(found["HEIGHT"])

    def copied(self):
        """What this computer's clipboard has."""
        try:
            return quiet("xclip", "-selection", "clipboard", "-o", env=self.env)
        except subprocess.SubprocessError:
            return ""

    def copy(self, text):
        # It stays, to answer who pastes.
        p = subprocess.Popen(["xclip", "-selection", "clipboard", "-i", "-loops", "0"], env=self.env,
                             stdin=subprocess.PIPE, stdout=self.log, stderr=self.log)
        p.communicate(text.encode(), timeout=60)
        # Viewers look at the clipboard as they get the focus.
        self.tool("windowfocus", "--sync", self.tool("search", "--name", ".*").split()[0])
        self.tool("windowactivate", "--sync", self.window)

    def look(self, path):
        """All of it, for people."""
        quiet("import", "-window", "root", path, env=self.env)

    def picture(self, path):
        """The guest's picture alone, as it is shown."""
        quiet("import", "-window", self.window, "-depth", "8", "PNG24:" + path, env=self.env)

    def close(self):
        for p in reversed(self.children):
            p.terminate()
            p.wait()
        self.log.close()


class Page:
    """The page of the same port, in Chromium, at the machine's own pixels."""
    name = "the page"

    def __init__(self, address, log):
        self.browser = Browser(log, 1500, 1000)
        self.browser.grant("clipboardReadWrite", "clipboardSanitizedWrite")
        host, port = address.split("::")
        self.browser.goto("http://%s:%s/" % (host, port))

    def connected(self, seconds=60):
        return self.browser.until(
            "document.getElementById('status')?.textContent === 'Connected.'", seconds) and \
            self.set_size("actual")

    def set_size(self, value):
        self.browser.eval("(() => { const s = document.getElementById('size'); s.value = '%s';"
                          "s.dispatchEvent(new Event('change')); })()" % value)
        return True

    def place(self):
        return self.browser.eval("(() => { const c = document.querySelector('#screen canvas'), "
                                 "r = c.getBoundingClientRect(); return [r.x, r.y, c.width, c.height]; })()")

    def at(self, x, y):
        left, top, _, _ = self.place()
        return left + x, top + y

    def move(self, x, y):
        self.browser.move(*self.at(x, y))

    def click(self, x, y, button="left", count=1):
        self.browser.click(*self.at(x, y), button, count)

    def drag(self, points):
        self.browser.drag([self.at(*p) for p in points])

    def type(self, text):
        self.browser.type(text, KEY)

    def chord(self, *names):
        self.browser.chord(*names)

    def resize(self, width, height):
        self.set_size("resize")
        self.browser.size(width + 20, height + 60)
        time.sleep(0.5)
        return tuple(self.browser.eval("(s => [s.clientWidth, s.clientHeight])(document.getElementById('screen'))"))

    def copied(self):
        return self.browser.eval("navigator.clipboard.readText()")

    def copy(self, text):
        self.browser.eval("navigator.clipboard.writeText(%s)" % repr(text))
        self.browser.press("clipboard")
        time.sleep(0.5)
        self.browser.press("clip-read")
        time.sleep(0.5)
        self.browser.press("clipboard")

    def look(self, path):
        self.browser.picture(path)

    def picture(self, path):
        data = self.browser.eval("document.querySelector('#screen canvas').toDataURL()")
        raw = base64.b64decode(data.split(",")[1])
        # Without its transparency, of which there is none.
        subprocess.run(["convert", "-", "-alpha", "off", "PNG24:" + path], input=raw, check=True)

    def close(self):
        self.browser.close()
