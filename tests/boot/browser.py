"""A Chromium without a window, driven by the DevTools protocol over its pipe, as a user's hands would:
the mouse moves and presses, keys go down and up. What is looked at is the page's own picture."""
import atexit
import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import tempfile
import time

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Of the American keyboard: what shift makes of the other characters' keys.
SHIFTED = dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./"))
CODES = {"`": "Backquote", "-": "Minus", "=": "Equal", "[": "BracketLeft", "]": "BracketRight",
         "\\": "Backslash", ";": "Semicolon", "'": "Quote", ",": "Comma", ".": "Period", "/": "Slash",
         " ": "Space"}
NAMED = {"Enter": 13, "Tab": 9, "Escape": 27, "Backspace": 8, "Delete": 46, "ArrowUp": 38,
         "ArrowDown": 40, "ArrowLeft": 37, "ArrowRight": 39, "F1": 112, "F2": 113, "F12": 123}
MODIFIERS = {"Alt": ("AltLeft", 18, 1), "Control": ("ControlLeft", 17, 2),
             "Meta": ("MetaLeft", 91, 4), "Shift": ("ShiftLeft", 16, 8)}


class Browser:
    """log: where what it says goes. The page's size is the window's."""

    def __init__(self, log, width=1280, height=800):
        self.profile = tempfile.TemporaryDirectory(prefix="browser", ignore_cleanup_errors=True)
        theirs_in, self.write = os.pipe()
        self.read, theirs_out = os.pipe()
        self.log = open(log, "ab")
        say = self.log.fileno()
        # It reads from 3 and writes to 4; what is open here may have those numbers.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (theirs_in, theirs_out, say)]
        self.pid = os.posix_spawn(
            PROGRAM,
            [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             "--user-data-dir=" + self.profile.name, "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--ignore-certificate-errors", "--window-size=%d,%d" % (width, height), "about:blank"],
            os.environ, setsid=True,
            file_actions=[(os.POSIX_SPAWN_DUP2, ends[0], 3), (os.POSIX_SPAWN_DUP2, ends[1], 4),
                          (os.POSIX_SPAWN_DUP2, ends[2], 1), (os.POSIX_SPAWN_DUP2, ends[2], 2)])
        for fd in (theirs_in, theirs_out, *ends):
            os.close(fd)
        atexit.register(self.kill)
        self.buffer = b""
        self.count = itertools.count(1)
        self.events = []
        self.session = None
        target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=target["targetId"],
                                flatten=True)["sessionId"]
        self.ask("Page.enable")
        self.ask("Runtime.enable")
        self.ask("Log.enable")
        self.size(width, height)
        self.held = 0

    # ---- the protocol -------------------------------------------------------------------------

    def message(self, seconds):
        end = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.read], [], [], left)[0]:
                return None
            more = os.read(self.read, 1 << 20)
            if not more:
                raise EOFError("the browser is gone")
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def ask(self, method, everywhere=False, **params):
        n = next(self.count)
        m = {"id": n, "method": method, "params": params}
        if self.session and not everywhere:
            m["sessionId"] = self.session
        data = json.dumps(m).encode() + b"\0"
        while data:
            data = data[os.write(self.write, data):]
        while True:
            m = self.message(60)
            assert m, "no answer to " + method
            if m.get("id") == n:
                assert "error" not in m, (method, m["error"])
                return m["result"]
            self.events.append(m)

    def said(self):
        """What the page wrote to its console, and what went wrong in it."""
        lines = []
        while True:
            m = self.message(0)
            if not m:
                break
            self.events.append(m)
        for m in self.events:
            p = m.get("params", {})
            if m.get("method") == "Runtime.consoleAPICalled":
                lines.append(p["type"] + ": " + " ".join(str(a.get("value", a.get("description")))
                                                         for a in p["args"]))
            elif m.get("method") == "Runtime.exceptionThrown":
                lines.append("exception: " + json.dumps(p["exceptionDetails"]))
            elif m.get("method") == "Log.entryAdded":
                lines.append("%s: %s %s" % (p["entry"]["level"], p["entry"]["text"],
                                            p["entry"].get("url", "")))
        self.events = []
        return lines

    # ---- what a user does ---------------------------------------------------------------------

    def goto(self, url):
        self.ask("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def eval(self, text):
        r = self.ask("Runtime.evaluate", expression=text, awaitPromise=True, returnByValue=True,
                     userGesture=True)
        assert "exceptionDetails" not in r, (text, r["exceptionDetails"])
        return r["result"].get("value")

    def until(self, text, seconds=120):
        end = time.monotonic() + seconds
        while not self.eval(text):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def grant(self, *permissions):
        """What a user would be asked for."""
        self.ask("Browser.grantPermissions", permissions=list(permissions), everywhere=True)

    def size(self, width, height, scale=1):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=scale, mobile=False)

    def picture(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def mouse(self, kind, x, y, **more):
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, modifiers=self.held, **more)

    def move(self, x, y):
        self.mouse("mouseMoved", x, y)

    def click(self, x, y, button="left", count=1):
        self.move(x, y)
        for n in range(1, count + 1):
            self.mouse("mousePressed", x, y, button=button, clickCount=n)
            self.mouse("mouseReleased", x, y, button=button, clickCount=n)

    def drag(self, points):
        """Along the points with the left button down."""
        self.move(*points[0])
        self.mouse("mousePressed", *points[0], button="left", buttons=1, clickCount=1)
        for x, y in points[1:]:
            self.mouse("mouseMoved", x, y, button="left", buttons=1)
            time.sleep(0.02)
        self.mouse("mouseReleased", *points[-1], button="left", clickCount=1)

    def wheel(self, x, y, down):
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=down)

    def press(self, id):
        """A click on an element of the page."""
        x, y = self.eval("(() => { const r = document.getElementById('%s').getBoundingClientRect();"
                         "return [r.x + r.width / 2, r.y + r.height / 2]; })()" % id)
        self.click(x, y)

    def key_event(self, kind, key, code, number, **more):
        self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=code, modifiers=self.held,
                 windowsVirtualKeyCode=number, nativeVirtualKeyCode=number, **more)

    def down(self, name):
        code, number, bit = MODIFIERS[name]
        self.held |= bit
        self.key_event("keyDown", name, code, number)

    def up(self, name):
        code, number, bit = MODIFIERS[name]
        self.held &= ~bit
        self.key_event("keyUp", name, code, number)

    def key(self, key):
        """A key by its name, or a character."""
        if key in NAMED:
            text = {"text": "\r"} if key == "Enter" else {}
            self.key_event("keyDown", key, key, NAMED[key], **text)
            self.key_event("keyUp", key, key, NAMED[key])
            return
        plain = SHIFTED.get(key, key.lower())
        shift = plain != key and not self.held & 8
        code = CODES.get(plain) or ("Digit" if plain.isdigit() else "Key") + plain.upper()
        number = ord(plain.upper())
        if shift:
            self.down("Shift")
        self.key_event("keyDown", key, code, number, **({} if self.held & 7 else {"text": key}))
        self.key_event("keyUp", key, code, number)
        if shift:
            self.up("Shift")

    def chord(self, *names):
        for name in names[:-1]:
            self.down(name)
        self.key(names[-1])
        for name in reversed(names[:-1]):
            self.up(name)

    def type(self, text, pause=0):
        for c in text:
            self.key("Enter" if c == "\n" else c)
            time.sleep(pause)

    def kill(self):
        if self.pid:
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None

    def close(self):
        try:
            self.session = None
            self.ask("Browser.close")
            while self.message(10):
                pass
        except EOFError:
            pass
        self.kill()
        self.log.close()
        os.close(self.read)
        os.close(self.write)
        self.profile.cleanup()
