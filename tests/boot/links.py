#!/usr/bin/env python3
"""What the other end of a network may be: tests of links.sh, each a guest or two whose script comes in an
archive behind the network initrd. Prints TAP.

usage: links.py [TEST...]   by default those that need nothing but Linux and root
"""
import fcntl
import hashlib
import http.server
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ["VEMU_BUILD"]
GUESTS = os.environ["VEMU_GUESTS"]
EMULATOR = os.environ.get("EMULATOR", os.path.join(BUILD, "vemu-system-x86_64"))
PEER = "qemu-system-x86_64"
LOGS = os.path.join(BUILD, "tests/logs/boot")
SECONDS = 240
number = 0


def report(what, good, log=""):
    global number
    number += 1
    print("%s %d - %s" % ("ok" if good else "not ok", number, what), flush=True)
    if not good:
        for line in log.splitlines()[-40:]:
            print("# " + line)


def skip(what, why):
    global number
    number += 1
    print("ok %d - %s # SKIP %s" % (number, what, why), flush=True)


def checksum(data):
    return hashlib.sha256(data).hexdigest()


class Guest:
    """A machine that runs a script with its network drivers loaded; ends by itself."""

    def __init__(self, name, script, options, files=(), fds=(), emulator=EMULATOR):
        self.directory = tempfile.mkdtemp()
        path = os.path.join(self.directory, "script")
        with open(path, "w") as f:
            f.write(". /network-up\n" + script)
        added = os.path.join(self.directory, "added")
        subprocess.check_call([os.path.join(BUILD, "tools/mkinitramfs"), added, "f:network=" + path,
                               *files])
        initrd = os.path.join(self.directory, "initrd")
        with open(initrd, "wb") as out:
            for part in (os.path.join(GUESTS, "amd64/initrd-network"), added):
                with open(part, "rb") as f:
                    shutil.copyfileobj(f, out)
                out.write(bytes(-out.tell() % 4))
        self.log_path = os.path.join(LOGS, "links-%s.log" % name)
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [emulator, "-nographic", "-no-reboot", "-m", "256M",
                 "-kernel", os.path.join(GUESTS, "amd64/vmlinuz"), "-initrd", initrd,
                 "-append", "console=ttyS0 panic=-1 quiet demo=network", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=fds)

    def log(self):
        with open(self.log_path, "rb") as f:
            return f.read().decode("utf-8", "replace").replace("\r", "")

    def said(self):
        return {line[4:].strip() for line in self.log().splitlines() if line.startswith("NET ")}

    def end(self):
        """What it said, once it is over."""
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            pass
        self.kill()
        return self.said()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Server(http.server.ThreadingHTTPServer):
    """Serves `data`, and keeps what was put."""
    daemon_threads = True

    def __init__(self, address, data):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.data = data
        self.received = b""
        super().__init__((address, 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.data)))
        self.end_headers()
        self.wfile.write(self.server.data)

    def log_message(self, *args):
        pass


def sink(address):
    """A listener, and the list that what it receives is put into."""
    listener = socket.create_server((address, 0))
    got = []

    def take():
        peer, _ = listener.accept()
        parts = []
        while True:
            part = peer.recv(1 << 16)
            if not part:
                break
            parts.append(part)
        got.append(b"".join(parts))
        peer.close()
    threading.Thread(target=take, daemon=True).start()
    return listener, got


# ---- the user network ------------------------------------------------------------------------------

def frames_of(path):
    """The frames of a capture, as bytes; an exception when it is not one."""
    with open(path, "rb") as f:
        data = f.read()
    magic, major, minor, _, _, snap, link = struct.unpack_from("<IHHIIII", data)
    if (magic, major, minor, link) != (0xA1B23C4D, 2, 4, 1):
        raise ValueError("not a capture of Ethernet in nanoseconds")
    at, frames, last = 24, [], 0
    while at < len(data):
        seconds, ns, kept, length = struct.unpack_from("<IIII", data, at)
        if ns >= 10**9 or kept > length or kept > snap or seconds * 10**9 + ns < last:
            raise ValueError("a record of no sense at %d" % at)
        last = seconds * 10**9 + ns
        frames.append(data[at + 16:at + 16 + kept])
        at += 16 + kept
    return frames


def test_user():
    """IPv6, tftp, guestfwd of both kinds, restrict and a capture, in one guest with two cards."""
    data = os.urandom(3 << 20)
    directory = tempfile.mkdtemp()
    with open(os.path.join(directory, "file"), "wb") as f:
        f.write(data[:500001])
    try:
        six = Server("::1", data)
    except OSError:
        six = None
    four = Server("127.0.0.1", data)
    pcap, path = os.path.join(directory, "pcap"), os.path.join(directory, "socket")

    def answer():
        peer, _ = listener.accept()
        peer.sendall(peer.recv(100).upper())
        keep.append(peer)
    keep = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    threading.Thread(target=answer, daemon=True).start()
    g = Guest("user", """
lease eth0
lease eth1
tftp -g -r file -l /tmp/file 10.0.2.2 && echo "NET tftp $(sum </tmp/file)"
echo "NET command $(echo hello | nc 10.0.2.100 7)"
echo "NET chardev $( (echo hello; sleep 2) | timeout 4 nc 10.0.2.101 8 | head -n 1)"
echo "NET restricted command $(echo hello | nc 10.0.3.100 7)"
timeout 3 wget -q -O /dev/null http://10.0.3.2:%d/ && echo "NET not restricted"
i=0
while ! ping6 -c 1 -W 1 fec0::2 >/dev/null 2>&1 && [ $i -lt 20 ]; do i=$((i + 1)); done
[ $i -lt 20 ] && echo "NET ping6"
echo "NET six $(wget -q -O - http://[fec0::2]:%d/ | sum)"
""" % (four.server_port, six.server_port if six else 0),
              ["-netdev", "user,id=n,tftp=%s,guestfwd=tcp:10.0.2.100:7-cmd:cat,"
               "guestfwd=tcp:10.0.2.101:8-chardev:c" % directory,
               "-chardev", "socket,id=c,path=" + path, "-device", "virtio-net-pci,netdev=n",
               "-netdev", "user,id=r,net=10.0.3.0/24,ipv6=off,restrict=on,guestfwd=tcp:10.0.3.100:7-cmd:cat",
               "-device", "virtio-net-pci,netdev=r",
               "-object", "filter-dump,id=f,netdev=n,file=" + pcap])
    said = g.end()
    log = g.log()
    report("two cards have a lease each",
           {"lease 10.0.2.15 10.0.2.2 10.0.2.3", "lease 10.0.3.15"} <= said, log)
    report("a file comes by tftp", "tftp " + checksum(data[:500001]) in said, log)
    report("guestfwd to a command", "command hello" in said, log)
    report("guestfwd to a character back end", "chardev HELLO" in said, log)
    report("a restricted network has what is forwarded", "restricted command hello" in said, log)
    report("a restricted network has nothing else", "not restricted" not in said and
           "restricted command hello" in said, log)
    if six:
        report("the host answers over IPv6", "ping6" in said, log)
        report("a file comes over IPv6", "six " + checksum(data) in said, log)
    else:
        skip("a file comes over IPv6", "no ::1 here")
    try:
        frames = frames_of(pcap)
        types = {f[12:14] for f in frames}
        report("the capture has frames of ARP, IPv4 and IPv6",
               {b"\x08\x06", b"\x08\x00", b"\x86\xdd"} <= types)
        if shutil.which("tcpdump"):
            shown = subprocess.run(["tcpdump", "-n", "-r", pcap], capture_output=True)
            report("tcpdump reads it", shown.returncode == 0 and
                   len(shown.stdout.splitlines()) >= len(frames), shown.stderr.decode())
        else:
            skip("tcpdump reads it", "no tcpdump")
    except (OSError, ValueError) as e:
        report("the capture can be read", False, str(e))
    shutil.rmtree(directory)


# ---- tap -------------------------------------------------------------------------------------------

def tap_descriptor(name):
    TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 2, 0x1000, 0x4000
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(),
                                           IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    return fd


def test_tap():
    """A bridge that vemu puts its interface into, and an interface that somebody else opened."""
    if not os.path.exists("/dev/net/tun") or not shutil.which("ip") or subprocess.call(
            ["unshare", "-n", "true"], stderr=subprocess.DEVNULL):
        skip("tap interfaces", "needs root, /dev/net/tun and ip")
        return
    if os.environ.get("LINKS_NAMESPACE") != "own":
        global number
        done = subprocess.run(["unshare", "-n", sys.executable, __file__, "tap"],
                              env=dict(os.environ, LINKS_NAMESPACE="own"), stdout=subprocess.PIPE)
        for line in done.stdout.decode().splitlines():
            w = line.split(" - ", 1)
            if len(w) == 2 and w[0].split()[-1].isdigit():
                number += 1
                line = "%s %d - %s" % (w[0].rsplit(" ", 1)[0], number, w[1])
            if not line.startswith("1.."):
                print(line)
        return
    try:
        fd = tap_descriptor("passed")
        for words in ("link add bridge type bridge", "link set bridge up",
                      "addr add 10.77.0.1/24 dev bridge", "link set passed up",
                      "addr add 10.78.0.1/24 dev passed"):
            subprocess.check_call(["ip", *words.split()])
    except (OSError, subprocess.CalledProcessError) as e:
        skip("tap interfaces", str(e))
        return
    data = os.urandom((24 << 20) + 7)
    servers = [Server("10.77.0.1", data), Server("10.78.0.1", data)]
    sinks = [sink("10.77.0.1"), sink("10.78.0.1")]
    script = "ifconfig eth0 10.77.0.2 up\nifconfig eth1 10.78.0.2 up\n"
    for i, net in enumerate(("10.77.0.1", "10.78.0.1")):
        script += """
wget -q -O /tmp/data http://%s:%d/ && echo "NET got %d $(sum </tmp/data)"
nc %s %d </tmp/data >/dev/null && echo "NET sent %d"
rm /tmp/data
""" % (net, servers[i].server_port, i, net, sinks[i][0].getsockname()[1], i)
    g = Guest("tap", script,
              ["-netdev", "tap,id=a,br=bridge", "-device", "virtio-net-pci,netdev=a",
               "-netdev", "tap,id=b,fd=%d" % fd, "-device", "virtio-net-pci,netdev=b"], fds=[fd])
    said = g.end()
    for i, what in enumerate(("a bridge", "a descriptor that was passed")):
        report("tap, %s: a file comes" % what, "got %d %s" % (i, checksum(data)) in said, g.log())
        report("tap, %s: and goes back" % what, "sent %d" % i in said and sinks[i][1] == [data],
               g.log())


# ---- streams between machines ----------------------------------------------------------------------

def wait_for_listener(address):
    """Until somebody listens at the path or port. It is looked up: a connection would be taken for
    the peer's."""
    if isinstance(address, int):
        table, place, state = "/proc/net/tcp", "0100007F:%04X" % address, " 0A "
    else:
        table, place, state = "/proc/net/unix", address, " 00010000 " # accepts connections
    for _ in range(300):
        with open(table, errors="replace") as f:
            if any(place in line.split() and state in line for line in f):
                return
        time.sleep(0.1)
    sys.exit("nobody listens at %s" % address)


def pair(name, what, serves, fetches, address, emulator=EMULATOR):
    """One guest serves, the other, under `emulator`, fetches and sends. address: as
    wait_for_listener."""
    first = Guest(name + "-1", """
ifconfig eth0 10.9.0.1 up
mkdir /tmp/www
head -c 8000001 /dev/urandom >/tmp/www/data
echo "NET serves $(sum </tmp/www/data)"
httpd -p 80 -h /tmp/www
echo "NET back $(nc -l -p 7 | sum)"
""", ["-netdev", serves, "-device", "virtio-net-pci,netdev=n"])
    wait_for_listener(address)
    second = Guest(name + "-2", """
ifconfig eth0 10.9.0.2 up
i=0
while ! timeout 5 wget -q -O /tmp/data http://10.9.0.1/data && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.3; done
echo "NET got $(sum </tmp/data)"
nc 10.9.0.1 7 </tmp/data
""", ["-netdev", fetches, "-device", "virtio-net-pci,netdev=n,mac=52:54:00:12:34:99"],
                   emulator=emulator)
    got = {line.split()[-1] for line in second.end() if line.startswith("got ")}
    said = first.end()
    served = {line.split()[-1] for line in said if line.startswith("serves ")}
    back = {line.split()[-1] for line in said if line.startswith("back ")}
    log = first.log() + second.log()
    report(what + ": a file comes", served and got == served, log)
    report(what + ": and goes back", served and back == served, log)


def test_stream():
    directory = tempfile.mkdtemp()
    path = os.path.join(directory, "s")
    end = "stream,id=n,addr.type=unix,addr.path=" + path
    pair("stream", "stream between two machines", end + ",server=on", end, path)
    shutil.rmtree(directory)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def test_peer():
    if not shutil.which(PEER):
        skip("a machine of another emulator at the other end", "no " + PEER)
        return
    port = free_port()
    pair("peer", "socket, with another emulator's machine", "socket,id=n,listen=127.0.0.1:%d" % port,
         "socket,id=n,connect=127.0.0.1:%d" % port, port, PEER)


# ---- ssh -------------------------------------------------------------------------------------------

def test_ssh():
    root = os.path.join(GUESTS, "amd64/ssh")
    if not os.path.isdir(root) or not shutil.which("ssh"):
        skip("ssh into a guest", "needs ssh, and what fetch-ssh.sh gets")
        return
    directory = tempfile.mkdtemp()
    key = os.path.join(directory, "key")
    subprocess.check_call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
    files = ["d:root/.ssh", "f:root/.ssh/authorized_keys=%s.pub" % key, "d:etc", "d:etc/dropbear",
             "d:lib", "d:lib64", "d:lib/x86_64-linux-gnu", "d:usr", "d:usr/sbin"]
    for name in sorted(os.listdir(root)):
        place = {"dropbear": "usr/sbin/dropbear", "ld-linux-x86-64.so.2":
                 "lib64/ld-linux-x86-64.so.2"}.get(name, "lib/x86_64-linux-gnu/" + name)
        files.append("f:%s=%s" % (place, os.path.join(root, name)))
    port = free_port()
    g = Guest("ssh", """
lease eth0
echo root:x:0:0::/root:/bin/sh >/etc/passwd
chmod 700 /root /root/.ssh
mkdir -p /dev/pts /var/run && mount -t devpts devpts /dev/pts
dropbear -R -E -s -p 22
i=0
while [ ! -f /tmp/over ] && [ $i -lt 200 ]; do i=$((i + 1)); sleep 0.3; done
""", ["-netdev", "user,id=n,hostfwd=tcp:127.0.0.1:%d-:22" % port,
              "-device", "virtio-net-pci,netdev=n"], files=files)
    data = os.urandom((4 << 20) + 3)
    shown = b""
    for _ in range(60):
        run = subprocess.run(
            ["ssh", "-i", key, "-p", str(port), "-o", "StrictHostKeyChecking=no", "-o",
             "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR",
             "root@127.0.0.1", "cat >/tmp/data && cat /tmp/data && touch /tmp/over"],
            input=data, capture_output=True, timeout=SECONDS)
        shown = run.stdout
        if run.returncode == 0 or g.process.poll() is not None:
            break
    g.end()
    report("ssh into a guest, a file there and back", shown == data, g.log())
    shutil.rmtree(directory)


TESTS = {"user": test_user, "tap": test_tap, "stream": test_stream, "peer": test_peer,
         "ssh": test_ssh}

os.makedirs(LOGS, exist_ok=True)
for test in sys.argv[1:] or ["user", "tap", "stream"]:
    TESTS[test]()
print("1..%d" % number)
