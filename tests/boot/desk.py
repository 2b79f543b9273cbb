"""A desktop of the test's own (Xvfb, openbox) and hands on it (xdotool, ImageMagick's import)."""
import atexit
import os
import subprocess
import time

WIDTH, HEIGHT = 1280, 1024


def start():
    """The programs that are started from here on see it."""
    r, w = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(w), "-screen", "0", "%dx%dx24" % (WIDTH, HEIGHT), "-nolisten",
         "tcp"], pass_fds=[w], stderr=subprocess.DEVNULL)
    atexit.register(server.kill)
    os.close(w)
    number = b""
    while not number.endswith(b"\n"):
        more = os.read(r, 16)
        assert more, "Xvfb did not start"
        number += more
    os.close(r)
    os.environ["DISPLAY"] = ":" + number.decode().strip()
    # Neither a graphics card nor another desktop has to do with it.
    os.environ["SDL_RENDER_DRIVER"] = "software"
    os.environ.pop("WAYLAND_DISPLAY", None)
    manager = subprocess.Popen(["openbox", "--sm-disable"], stderr=subprocess.DEVNULL)
    atexit.register(manager.kill)
    # A window that comes before the manager is ready does not get the focus.
    comes(lambda: subprocess.run(["xdotool", "get_num_desktops"],
                                 capture_output=True).returncode == 0)


def do(*words):
    return subprocess.run(["xdotool", *map(str, words)], check=True, capture_output=True,
                          timeout=60).stdout.decode()


def comes(test, seconds=120):
    """What test says, once it says something."""
    end = time.monotonic() + seconds
    while not (got := test()):
        assert time.monotonic() < end, "waited %d s for nothing" % seconds
        time.sleep(0.1)
    return got


def pixels_of(data):
    """Width, height and RGB bytes of a PPM."""
    words, at = [], 0
    while len(words) < 4:
        end = at
        while data[end:end + 1] not in b" \n\t":
            end += 1
        words.append(data[at:end])
        at = end + 1
    assert words[0] == b"P6" and words[3] == b"255", words
    return int(words[1]), int(words[2]), data[at:]


def picture(window="root"):
    return pixels_of(subprocess.run(
        ["import", "-silent", "-window", str(window), "-depth", "8", "ppm:-"], check=True,
        capture_output=True, timeout=60).stdout)


def keep(name, window="root"):
    """For people to look at."""
    where = os.environ.get("VEMU_TEST_PICTURES")
    if where:
        subprocess.run(["import", "-silent", "-window", str(window),
                        os.path.join(where, name + ".png")], check=True)


class Window:
    def __init__(self, name):
        self.id = comes(lambda: subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", name],
            capture_output=True).stdout.split()[-1:])[0].decode()
        do("windowmove", self.id, 40, 40)
        self.focus()

    def focus(self):
        comes(lambda: subprocess.run(["xdotool", "windowactivate", "--sync", self.id],
                                     capture_output=True, timeout=60).returncode == 0)

    def key(self, *keys):
        do("key", "--clearmodifiers", *keys)

    def type(self, text):
        do("type", "--delay", 30, text)

    def point(self, x, y):
        do("mousemove", "--window", self.id, x, y)

    def title(self):
        return do("getwindowname", self.id).strip()

    def picture(self):
        return picture(self.id)
