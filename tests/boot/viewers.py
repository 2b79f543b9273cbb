"""Viewers that people use, each with each authentication that it knows, under an X server of their
own: TigerVNC's, gtk-vnc's gvncviewer, and the page of the server itself in Chromium. A viewer has
to be let in and to show the guest's picture, pixel for pixel. Prints TAP; what each showed stays as
pictures in the given directory.

usage: viewers.py EMULATOR DIRECTORY [WORD...], which shows only what has all of the words in its
name"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
import rfb  # noqa: E402
from qmp_client import Client  # noqa: E402

WAIT = int(os.environ.get("VIEWER_WAIT", 60))
USER, PASSWORD = "ann", "opensesame"
SERVERS = {
    "none": "",
    "vnc": "password-secret=pw",
    "tls-none": "tls-creds=anon",
    "tls-vnc": "tls-creds=anon,password-secret=pw",
    "tls-plain": "tls-creds=anon,password-secret=pw,username=" + USER,
    "x509-none": "tls-creds=x509",
    "x509-vnc": "tls-creds=x509,password-secret=pw",
    "x509-plain": "tls-creds=x509,password-secret=pw,username=" + USER,
}
TIGER = {"none": "None", "vnc": "VncAuth", "tls-none": "TLSNone", "tls-vnc": "TLSVnc",
         "tls-plain": "TLSPlain", "x509-none": "X509None", "x509-vnc": "X509Vnc",
         "x509-plain": "X509Plain"}


def until(what, condition):
    """Waits for it to be true, and returns what it said."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError("in vain: " + what)


def quiet(*args, **kwargs):
    return subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True, **kwargs)


def stop(process):
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start_x():
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1024x24",
                               "-nolisten", "tcp"], pass_fds=(write,), stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True)
    os.close(write)
    with os.fdopen(read) as pipe:
        os.environ["DISPLAY"] = ":" + pipe.readline().strip()
    return server


def xdotool(*args):
    p = subprocess.run(["xdotool", *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return p.stdout.decode().split() if p.returncode == 0 else []


def enter(window, fields):
    """Types into a window's fields, of which the first has the focus."""
    xdotool("windowactivate", "--sync", window)
    time.sleep(0.5)
    for i, text in enumerate(fields):
        if i:
            xdotool("key", "Tab")
        xdotool("type", "--delay", "40", text)
    xdotool("key", "Return")


def fields_of(name):
    return [] if name.endswith("none") else [USER, PASSWORD] if name.endswith("plain") \
        else [PASSWORD]


# ---- viewers ------------------------------------------------------------------------------------

def tiger(name, port, _):
    with open("passwd", "wb") as f:
        f.write(subprocess.run(["tigervncpasswd", "-f"], input=PASSWORD[:8].encode(),
                               stdout=subprocess.PIPE, check=True).stdout)
    env = dict(os.environ, VNC_USERNAME=USER, VNC_PASSWORD=PASSWORD)
    return quiet("xtigervncviewer", "-SecurityTypes", TIGER[name], "-X509CA=pki/ca-cert.pem",
                 "-AlertOnFatalError=0", "-ReconnectOnError=0", "-AutoSelect=0",
                 "-NoJPEG", "localhost::%d" % port, env=env)


def gtk(name, port, _):
    os.makedirs("home/.pki/CA", exist_ok=True)
    shutil.copy("pki/ca-cert.pem", "home/.pki/CA/cacert.pem")
    # It looks for the authority in the home of the account, whatever HOME says: give it another one.
    viewer = quiet("unshare", "--map-root-user", "--mount", "sh", "-c",
                   'mount --bind home /root && exec gvncviewer "localhost:$0"', str(port - 5900))
    fields = fields_of(name)
    if fields:
        # It prefers Plain, which a server without a name offers second, to VNC's challenge.
        fields = fields if name == "vnc" else [USER, PASSWORD]
        window = until("a window that asks", lambda: xdotool("search", "--onlyvisible", "--name",
                                                             "[Aa]uthentication"))
        enter(window[0], fields)
    return viewer


def chromium(name, port, connected):
    scheme = "https" if name.startswith("x509") else "http"
    viewer = quiet("chromium", "--no-sandbox", "--user-data-dir=" + tempfile.mkdtemp(dir="."),
                   "--ignore-certificate-errors", "--no-first-run", "--disable-gpu",
                   "--window-size=720,800", "--window-position=0,0",
                   "--app=%s://localhost:%d/" % (scheme, port))
    if fields_of(name):
        window = until("the page", lambda: xdotool("search", "--onlyvisible", "--class",
                                                   "[Cc]hromium"))
        until("the page's connection", connected)
        time.sleep(3)  # it shows its form
        enter(window[-1], fields_of(name))
    return viewer


VIEWERS = {"TigerVNC": (tiger, list(SERVERS)), "gvncviewer": (gtk, list(SERVERS)),
           "Chromium": (chromium, [n for n in SERVERS if not n.startswith("tls")])}


# ---- pictures -----------------------------------------------------------------------------------

def parse(ppm):
    """Rows of a PPM."""
    head = ppm.split(b"\n", 3)
    width, height = (int(n) for n in head[1].split())
    return [head[3][y * width * 3:(y + 1) * width * 3] for y in range(height)]


def screen():
    return parse(subprocess.run(["import", "-window", "root", "-depth", "8", "ppm:-"],
                                stdout=subprocess.PIPE, check=True).stdout)


def shows(guest):
    """Is the guest's picture somewhere on the screen?"""
    rows = screen()
    # Begin with a row that has something in it.
    y0 = max(range(len(guest)), key=lambda y: len(set(guest[y][i:i + 3]
                                                      for i in range(0, len(guest[y]), 3))) * 1000 +
             len(guest[y].strip(b"\0")))
    for y in range(y0, len(rows)):
        x = rows[y].find(guest[y0])
        while x >= 0:
            if all(rows[y - y0 + i][x:x + len(guest[i])] == guest[i]
                   for i in range(len(guest)) if y - y0 + i < len(rows)):
                return True
            x = rows[y].find(guest[y0], x + 1)
    return False


# ---- proofs -------------------------------------------------------------------------------------

def prove(qmp, viewer, name, port, out):
    def connected():
        servers = {s["id"]: s for s in qmp.ask("query-vnc-servers")}
        return servers[name]["clients"]
    process = VIEWERS[viewer][0](name, port, connected)
    try:
        until("a connection", connected)
        qmp.ask("screendump", filename=os.path.abspath("guest.ppm"))
        with open("guest.ppm", "rb") as f:
            guest = parse(f.read())
        until("the guest's picture", lambda: shows(guest))
    finally:
        subprocess.run(["import", "-window", "root",
                        os.path.join(out, "%s-%s.png" % (viewer, name))], check=False)
        stop(process)


def main():
    vemu, out, words = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3:]
    os.makedirs(out, exist_ok=True)
    proofs = [(v, n) for v, (_, names) in VIEWERS.items() for n in names
              if all(w in (v, n) for w in words)]
    print("1..%d" % len(proofs))
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        rfb.make_certificates("pki")
        options = ["-object", "secret,id=pw,data=" + PASSWORD, "-object", "tls-creds-anon,id=anon",
                   "-object", "tls-creds-x509,id=x509,dir=pki,verify-peer=off"]
        for name, more in SERVERS.items():
            options += ["-vnc", "localhost:10,to=200,id=%s%s" % (name, "," + more if more else "")]
        x = start_x()
        manager = quiet("openbox")
        emulator = quiet(vemu, "-M", "q35", "-m", "64M", "-serial", "null", *options, "-qmp",
                         "unix:m.sock,server=on,wait=off")
        try:
            until("the emulator", lambda: os.path.exists("m.sock"))
            qmp = Client("m.sock")
            ports = {s["id"]: int(s["server"][0]["service"]) for s in qmp.ask("query-vnc-servers")}
            time.sleep(5)  # the firmware has said all that it has to say
            qmp.ask("stop")
            for i, (viewer, name) in enumerate(proofs):
                try:
                    prove(qmp, viewer, name, ports[name], out)
                    print("ok %d - %s: %s" % (i + 1, viewer, name), flush=True)
                except AssertionError as e:
                    print("not ok %d - %s: %s # %s" % (i + 1, viewer, name, e), flush=True)
        finally:
            for process in emulator, manager, x:
                stop(process)


main()
