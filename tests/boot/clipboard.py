"""An agent in a Linux guest, played by its shell, and a viewer: text is copied both ways, the viewer's
size arrives, and an agent that is started again begins anew."""
import os
import socket
import struct

from guest import VIRTIO, Guest, run

ANNOUNCE, MONITORS, CLIPBOARD, GRAB, REQUEST, RELEASE = 6, 2, 4, 7, 8, 9
CAPS = 1 << 1 | 1 << 5 | 1 << 6 | 1 << 16  # sizes; text by demand, with selections
LONG = "".join("%07d\n" % n for n in range(1200))


class Agent:
    """What the guest's shell writes to the port and reads from it."""

    def __init__(self, guest):
        self.guest = guest

    def open(self):
        self.guest.sh("for p in /sys/class/virtio-ports/*; do"
                      " [ $(cat $p/name) = com.redhat.spice.0 ] && port=/dev/${p##*/}; done; exec 3<>$port")

    def close(self):
        self.guest.sh("exec 3>&-")

    def say(self, kind, body):
        message = struct.pack("<IIIIQI", 1, 20 + len(body), 1, kind, 0, len(body)) + body
        for at in range(0, len(message), 200):
            octal = "".join("\\%03o" % b for b in message[at:at + 200])
            self.guest.sh("printf '%s' >&3" % octal)

    def read(self, n):
        said = self.guest.sh("dd bs=1 count=%d <&3 2>/dev/null | od -An -v -tx1" % n)
        data = bytes.fromhex("".join(said.split()))
        assert len(data) == n, (n, said)
        return data

    def hear(self, kind):
        """The body of the next message, which is of that kind."""
        message = b""
        while len(message) < 20 or len(message) < 20 + struct.unpack("<I", message[16:20])[0]:
            port, size = struct.unpack("<II", self.read(8))
            assert port in (1, 2) and 0 < size <= 2048, (port, size)
            message += self.read(size)
        protocol, got, _, size = struct.unpack("<IIQI", message[:20])
        assert (protocol, got, size) == (1, kind, len(message) - 20), (got, message)
        return message[20:]

    def begin(self):
        self.open()
        request, caps = struct.unpack("<II", self.hear(ANNOUNCE))
        assert request == 1 and caps & 3 << 5 == 3 << 5, (request, caps)
        self.say(ANNOUNCE, struct.pack("<II", 0, CAPS))


class Viewer:
    """One that knows plain text alone."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(60)
        self.s.connect(path)
        assert self.read(12) == b"RFB 003.008\n"
        self.s.sendall(b"RFB 003.008\n")
        assert self.read(2) == b"\1\1"
        self.s.sendall(b"\1")
        assert self.read(4) == bytes(4)
        self.s.sendall(b"\1")
        self.read(20)
        self.read(struct.unpack(">I", self.read(4))[0])

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            assert more, "the server left"
            data += more
        return data

    def copy(self, text):
        self.s.sendall(struct.pack(">B3xI", 6, len(text)) + text)

    def pasted(self):
        kind, size = struct.unpack(">B3xI", self.read(8))
        assert kind == 3, kind
        return self.read(size)

    def resize(self, width, height):
        self.s.sendall(struct.pack(">BxHHBxIHHHHI", 251, width, height, 1, 0, 0, 0, width, height, 0))


guest = Guest("clipboard", "-vga", "std", "-vnc", "unix:viewers", "-clipboard", "on",
              initrds=("initrd-virtio",), modules=VIRTIO + " virtio_console")
agent = Agent(guest)
viewer = Viewer("viewers")


def text_of_the_guest_reaches_a_viewer():
    agent.begin()
    assert any(c["filename"] == "qemu-vdagent" and c["frontend-open"] for c in guest.qmp.ask("query-chardev"))
    for text in "of the gu\xe9st", "again\n":
        agent.say(GRAB, struct.pack("<II", 0, 1))
        assert agent.hear(REQUEST) == struct.pack("<II", 0, 1)
        agent.say(CLIPBOARD, struct.pack("<II", 0, 1) + text.encode())
        assert viewer.pasted() == text.encode("latin-1")


def text_of_a_viewer_reaches_the_guest():
    for text in b"of the vi\xe9wer", LONG.encode():
        viewer.copy(text)
        assert agent.hear(GRAB) == struct.pack("<II", 0, 1)
        agent.say(REQUEST, struct.pack("<II", 0, 1))
        body = agent.hear(CLIPBOARD)
        assert body[:8] == struct.pack("<II", 0, 1)
        assert body[8:].decode() == text.decode("latin-1")


def a_viewer_s_size_reaches_the_guest():
    viewer.resize(1000, 700)
    count, _, height, width, depth = struct.unpack("<IIIII", agent.hear(MONITORS)[:20])
    assert (count, width, height, depth) == (1, 1000, 700, 32)


def an_agent_that_is_started_again_begins_anew():
    viewer.copy(b"before")
    agent.close()
    assert not any(c["filename"] == "qemu-vdagent" and c["frontend-open"] for c in guest.qmp.ask("query-chardev"))
    agent.begin()
    assert agent.hear(GRAB) == struct.pack("<II", 0, 1)
    agent.say(RELEASE, struct.pack("<I", 0))
    guest.end()


run("clipboard", [text_of_the_guest_reaches_a_viewer, text_of_a_viewer_reaches_the_guest,
                  a_viewer_s_size_reaches_the_guest, an_agent_that_is_started_again_begins_anew])
