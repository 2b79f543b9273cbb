"""A small viewer: RFB's handshakes with every security type that servers here offer, over any
socket, and WebSocket for what browsers do."""
import base64
import os
import socket
import ssl
import struct
import subprocess

NONE, VNC, VENCRYPT = 1, 2, 19
SUBTYPES = {"plain": 256, "tls-none": 257, "tls-vnc": 258, "tls-plain": 259, "x509-none": 260,
            "x509-vnc": 261, "x509-plain": 262}


class Refused(Exception):
    """The server said that it will not."""


def read(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError(data)
        data += more
    return data


def openssl(*args, data=b""):
    p = subprocess.run(["openssl", *args], input=data, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60)
    assert p.returncode == 0, p.stderr
    return p.stdout


def des_answer(password, challenge):
    """DES with the password as key, the bits of each byte the other way round."""
    key = bytes(int("{:08b}".format(b)[::-1], 2) for b in password.encode()[:8].ljust(8, b"\0"))
    return openssl("enc", "-des-ecb", "-K", key.hex(), "-nopad", "-provider", "legacy",
                   "-provider", "default", data=challenge)


def tls_context(anonymous=False, ca=None, cert=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
    if ca:
        context.load_verify_locations(ca)
    if cert:
        context.load_cert_chain(cert + "-cert.pem", cert + "-key.pem")
    if anonymous:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ADH:AECDH:@SECLEVEL=0")
    return context


class Viewer:
    """Connected and let in once it is made; reads and writes by .s."""

    def __init__(self, s, minor=8, subtype=None, user="", password="", context=None, shared=True):
        s.settimeout(60)
        self.s = s
        self.types = self.subtypes = None
        assert read(s, 12) == b"RFB 003.008\n"
        s.sendall(b"RFB 003.%03d\n" % minor)
        security = self.security(minor)
        if security == VNC:
            self.answer(password)
        elif security == VENCRYPT:
            self.vencrypt(subtype, user, password, context)
        if security != NONE or minor >= 8:
            self.result(minor)
        self.s.sendall(b"\1" if shared else b"\0")
        self.width, self.height = struct.unpack(">HH", read(self.s, 4))
        read(self.s, 16)
        self.name = read(self.s, struct.unpack(">I", read(self.s, 4))[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def reason(self):
        raise Refused(read(self.s, struct.unpack(">I", read(self.s, 4))[0]).decode())

    def security(self, minor):
        if minor == 3:
            security = struct.unpack(">I", read(self.s, 4))[0]
            if not security:
                self.reason()
            return security
        self.types = list(read(self.s, read(self.s, 1)[0]))
        if not self.types:
            self.reason()
        self.s.sendall(bytes([self.types[0]]))
        return self.types[0]

    def answer(self, password):
        self.s.sendall(des_answer(password, read(self.s, 16)))

    def vencrypt(self, subtype, user, password, context):
        assert read(self.s, 2) == b"\0\2"
        self.s.sendall(b"\0\2")
        assert read(self.s, 1) == b"\0"
        count = read(self.s, 1)[0]
        self.subtypes = struct.unpack(">%dI" % count, read(self.s, 4 * count))
        wanted = SUBTYPES[subtype] if subtype else self.subtypes[0]
        self.s.sendall(struct.pack(">I", wanted))
        if wanted != SUBTYPES["plain"]:
            if read(self.s, 1) != b"\1":
                raise Refused("sub type")
            anonymous = wanted <= SUBTYPES["tls-plain"]
            self.s = (context or tls_context(anonymous)).wrap_socket(self.s)
        if wanted in (258, 261):
            self.answer(password)
        elif wanted in (256, 259, 262):
            self.s.sendall(struct.pack(">II", len(user), len(password)) + user.encode() +
                           password.encode())

    def result(self, minor):
        if struct.unpack(">I", read(self.s, 4))[0]:
            if minor >= 8:
                self.reason()
            raise Refused("")

    def picture(self):
        """Asks for all of it, raw; returns the number of pixels that came."""
        return self.pixels()[0]

    def pixels(self):
        """Likewise: their number, and the whole picture in the server's own format."""
        self.s.sendall(struct.pack(">BxHi", 2, 1, 0))
        self.s.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))
        pixels, whole = 0, bytearray(self.width * self.height * 4)
        while pixels < self.width * self.height:
            kind, count = struct.unpack(">BxH", read(self.s, 4))
            assert kind == 0, kind
            for _ in range(count):
                x, y, w, h, encoding = struct.unpack(">HHHHi", read(self.s, 12))
                assert encoding == 0, encoding
                data = read(self.s, w * h * 4)
                for row in range(h):
                    at = ((y + row) * self.width + x) * 4
                    whole[at:at + w * 4] = data[row * w * 4:(row + 1) * w * 4]
                pixels += w * h
            if pixels < self.width * self.height:
                self.s.sendall(struct.pack(">BBHHHH", 3, 1, 0, 0, self.width, self.height))
        return pixels, bytes(whole)

    def type(self, keysym):
        for down in (1, 0):
            self.s.sendall(struct.pack(">BBxxI", 4, down, keysym))


class WebSocket:
    """The bytes of binary messages, as a socket has them (RFC 6455)."""

    def __init__(self, s, host, path="/rfb", scheme="https"):
        self.s = s
        self.rest = b""
        key = base64.b64encode(os.urandom(16)).decode()
        s.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s://%s\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Protocol: binary\r\n\r\n" %
                   (path, host, scheme, host, key)).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += read(s, 1)
        assert head.startswith(b"HTTP/1.1 101 "), head

    def settimeout(self, seconds):
        self.s.settimeout(seconds)

    def close(self):
        self.s.close()

    def sendall(self, data):
        mask = os.urandom(4)
        assert len(data) < 126
        self.s.sendall(bytes([0x82, 0x80 | len(data)]) + mask +
                       bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def recv(self, n):
        while not self.rest:
            opcode, length = read(self.s, 2)
            if length == 126:
                length = struct.unpack(">H", read(self.s, 2))[0]
            elif length == 127:
                length = struct.unpack(">Q", read(self.s, 8))[0]
            body = read(self.s, length)
            if opcode & 15 == 8:
                return b""
            if opcode & 15 in (0, 2):
                self.rest = body
        data, self.rest = self.rest[:n], self.rest[n:]
        return data


def make_certificates(dir, names=("server",)):
    """An authority, and a certificate that it vouches for for each name, as QEMU's files are
    called."""
    os.makedirs(dir, exist_ok=True)
    ca, key = dir + "/ca-cert.pem", dir + "/ca-key.pem"
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new, "-keyout", key, "-out", ca, "-days", "2", "-subj",
            "/CN=authority")
    with open(dir + "/names", "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in names:
        file = dir + "/" + name
        openssl("req", *new, "-keyout", file + "-key.pem", "-out", file + ".csr", "-subj",
                "/O=vemu tests/CN=" + name)
        openssl("x509", "-req", "-in", file + ".csr", "-CA", ca, "-CAkey", key, "-CAcreateserial",
                "-days", "2", "-extfile", dir + "/names", "-out", file + "-cert.pem")
        os.unlink(file + ".csr")
