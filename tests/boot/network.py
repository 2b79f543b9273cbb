#!/usr/bin/env python3
"""The host's side of tests/boot/networks.sh: a web server for /data, a listener one port above it, and
a client of the guest's web server, reached through a forwarded port.

usage: network.py DIRECTORY   writes DIRECTORY/port and DIRECTORY/forward, then DIRECTORY/received and
                              DIRECTORY/fetched; ends with its standard input
"""
import http.server
import os
import socket
import sys
import threading
import time
import urllib.request

directory = sys.argv[1]
serving = threading.Event()
with open(os.path.join(directory, "data"), "rb") as f:
    data = f.read()


def put(name, content):
    with open(os.path.join(directory, name + ".new"), "wb") as f:
        f.write(content)
    os.rename(os.path.join(directory, name + ".new"), os.path.join(directory, name))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/data":
            body = data
        elif self.path == "/serving":
            body = b"yes"
            serving.set()
        elif self.path == "/fetched" and os.path.exists(os.path.join(directory, "fetched")):
            body = b"yes"
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def listener():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return s


def two_ports():
    """A port that is free, with one above it that is."""
    while True:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        sink = listener()
        try:
            sink.bind(("127.0.0.1", server.server_port + 1))
            sink.listen(1)
            return server, sink
        except OSError:
            server.server_close()
            sink.close()


def receive(sink):
    while True:
        peer, _ = sink.accept()
        parts = []
        while True:
            part = peer.recv(1 << 16)
            if not part:
                break
            parts.append(part)
        put("received", b"".join(parts))
        peer.close()


def fetch(port):
    """Once the guest says that it serves: a connection before that is answered late."""
    serving.wait()
    while True:
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/data" % port, timeout=20) as r:
                put("fetched", r.read())
                return
        except OSError:
            time.sleep(0.2)


free = listener()
free.bind(("127.0.0.1", 0))
forward = free.getsockname()[1]
free.close()
server, sink = two_ports()
for target in (server.serve_forever, lambda: receive(sink), lambda: fetch(forward)):
    threading.Thread(target=target, daemon=True).start()
put("forward", b"%d" % forward)
put("port", b"%d" % server.server_port)
sys.stdin.read()
