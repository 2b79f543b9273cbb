"""What a browser does at the port of a VNC server, done by hand: the page and its files by HTTP, on
connections some of which were opened long before they were needed, and RFB over WebSocket."""
import base64
import gzip
import hashlib
import os
import posixpath
import re
import socket
import struct
import time

from qmp_client import Client
from qmp_machine import QMP, Machine, run


class Browser:
    """One of its connections."""

    def __init__(self, address):
        self.s = socket.create_connection(address)
        self.s.settimeout(30)
        self.host = "%s:%d" % address
        self.data = b""

    def more(self):
        got = self.s.recv(65536)
        assert got, "the server hung up after %r" % self.data[:200]
        self.data += got

    def take(self, n):
        while len(self.data) < n:
            self.more()
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def ask(self, path, *headers):
        self.s.sendall("\r\n".join(["GET %s HTTP/1.1" % path, "Host: " + self.host, *headers, "", ""]).encode())
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        assert lines[0].startswith("HTTP/1.1 "), lines
        return int(lines[0].split()[1]), {k.lower(): v for k, v in (x.split(": ", 1) for x in lines[1:])}

    def file(self, path):
        status, fields = self.ask(path, "Accept-Encoding: gzip, br")
        assert status == 200, (path, status)
        body = self.take(int(fields["content-length"]))
        return (gzip.decompress(body) if fields.get("content-encoding") == "gzip" else body), fields

    def upgrade(self):
        key = base64.b64encode(os.urandom(16)).decode()
        status, fields = self.ask("/rfb", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                                  "Sec-WebSocket-Key: " + key, "Sec-WebSocket-Protocol: binary",
                                  "Origin: http://" + self.host)
        assert status == 101, (status, fields)
        # RFC 6455, 4.2.2
        proof = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert fields["sec-websocket-accept"] == base64.b64encode(proof).decode()
        self.frames = b""

    def say(self, data):
        """A binary frame, masked as a browser's are (RFC 6455, 5.2)."""
        mask = os.urandom(4)
        head = bytes([0x82, 0x80 | len(data)]) if len(data) < 126 else struct.pack(">BBH", 0x82, 0xfe, len(data))
        self.s.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def hear(self, n):
        while len(self.frames) < n:
            kind, size = self.take(2)
            assert kind == 0x82 and size < 128, (kind, size)
            if size == 126:
                size = struct.unpack(">H", self.take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.take(8))[0]
            self.frames += self.take(size)
        heard, self.frames = self.frames[:n], self.frames[n:]
        return heard


def where(qmp):
    v = qmp.ask("query-vnc")
    return v["host"], int(v["service"])


def imports(path, text):
    """The files that a module asks for."""
    found = re.findall(r"""(?m)^\s*(?:import|export|\})[^"';]*?\s?["']([./][^"']+\.js)["']""", text)
    found += re.findall(r"""import\(["'](/[^"']+)["']\)""", text)
    return [posixpath.normpath(posixpath.join(posixpath.dirname(path), x)) for x in found]


def page_and_all_that_it_asks_for_is_served():
    with Machine("-display", "vnc", *QMP):
        b = Browser(where(Client("m.sock")))
        text, fields = b.file("/")
        assert fields["content-type"].startswith("text/html")
        todo = re.findall(r'(?:src|href)="(/[^"]+)"', text.decode())
        assert "/page.js" in todo and "/page.css" in todo, todo
        there = b.ask("/viewer/core/rfb.js")
        b.take(int(there[1]["content-length"]))
        done = set()
        while todo:
            path = todo.pop()
            if path in done or (path.startswith("/viewer/") and there[0] == 404):  # a build that could not fetch it
                continue
            done.add(path)
            body, fields = b.file(path)
            kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
            assert fields["content-type"].startswith(kind.get(path.rsplit(".")[-1], "text/plain")), (path, fields)
            if path.endswith(".js"):
                todo += imports(path, body.decode())
        assert "/keys.js" in done and (there[0] == 404 or "/viewer/core/websock.js" in done), done


def connections_opened_early_are_no_viewers():
    with Machine("-display", "vnc", *QMP) as m:
        qmp = Client("m.sock")
        address = where(qmp)
        early = [Browser(address) for _ in range(3)]
        early[0].file("/")
        time.sleep(0.1)  # a viewer would have been greeted by now
        for b in early[1:]:
            assert b.file("/page.css")[1]["content-type"].startswith("text/css")
        assert qmp.ask("query-vnc")["clients"] == []
        # One that stays silent is a viewer after all.
        with socket.create_connection(address) as s:
            s.settimeout(30)
            assert s.recv(12, socket.MSG_WAITALL) == b"RFB 003.008\n"


def rfb_runs_in_websocket():
    with Machine("-display", "vnc", "-name", "web2", *QMP):
        qmp = Client("m.sock")
        b = Browser(where(qmp))
        b.file("/")
        b.upgrade()
        assert b.hear(12) == b"RFB 003.008\n"
        b.say(b"RFB 003.008\n")
        assert b.hear(2) == b"\1\1"
        b.say(b"\1")
        assert b.hear(4) == bytes(4)
        b.say(b"\1")
        width, height = struct.unpack(">HH", b.hear(4))
        b.hear(16)
        assert b.hear(struct.unpack(">I", b.hear(4))[0]) == b"web2"
        assert qmp.ask("query-vnc")["clients"][0]["websocket"] is True
        b.say(struct.pack(">BxHi", 2, 1, 0) + struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
        seen = 0
        while seen < width * height:
            kind, count = struct.unpack(">BxH", b.hear(4))
            assert kind == 0
            for _ in range(count):
                x, y, w, h, encoding = struct.unpack(">HHHHi", b.hear(12))
                assert encoding == 0 and x + w <= width and y + h <= height
                b.hear(4 * w * h)
                seen += w * h
            if seen < width * height:
                b.say(struct.pack(">BBHHHH", 3, 1, 0, 0, width, height))


def pages_of_others_get_no_rfb():
    with Machine("-display", "vnc", *QMP):
        b = Browser(where(Client("m.sock")))
        status, _ = b.ask("/rfb", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: binary",
                          "Origin: http://elsewhere.example")
        assert status == 403, status


run("page", [page_and_all_that_it_asks_for_is_served, connections_opened_early_are_no_viewers,
             rfb_runs_in_websocket, pages_of_others_get_no_rfb])
