"""Who gets into a VNC server, and over what."""
import os
import select
import shutil
import socket
import ssl
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor

import rfb
from qmp_client import Client, Schema
from qmp_machine import QMP, Machine, run, vemu
from rfb import SUBTYPES, Refused, Viewer, WebSocket

make = rfb.make_certificates
make("pki", ("server", "viewer"))
make("other", ("server", "viewer"))
X509 = "tls-creds-x509,endpoint=server,verify-peer=off,dir=pki,id="
PASSWORD = ("-object", "secret,id=pw,data=opensesame")

# The server's options, and what query-vnc-servers says of it.
SERVERS = {
    "none": ("", ("none", None)),
    "vnc": ("password-secret=pw", ("vnc", None)),
    "tls-none": ("tls-creds=anon", ("vencrypt", "tls-none")),
    "tls-vnc": ("tls-creds=anon,password-secret=pw", ("vencrypt", "tls-vnc")),
    "tls-plain": ("tls-creds=anon,password-secret=pw,username=ann", ("vencrypt", "tls-plain")),
    "x509-none": ("tls-creds=x509", ("vencrypt", "x509-none")),
    "x509-vnc": ("tls-creds=x509,password-secret=pw", ("vencrypt", "x509-vnc")),
    "x509-plain": ("tls-creds=x509,password-secret=pw,username=ann", ("vencrypt", "x509-plain")),
}


def all_servers():
    options = ["-object", X509 + "x509", "-object", "tls-creds-anon,id=anon,endpoint=server",
               *PASSWORD]
    for name, (more, _) in SERVERS.items():
        options += ["-vnc", "unix:%s.vnc,id=%s%s" % (name, name, "," + more if more else "")]
    return Machine(*options, *QMP)


def unix(name):
    s = socket.socket(socket.AF_UNIX)
    s.connect(name + ".vnc")
    return s


def tcp(qmp, websocket=False):
    for server in qmp.ask("query-vnc-servers")[0]["server"]:
        if server["websocket"] == websocket:
            return socket.create_connection((server["host"], int(server["service"])), 60)
    raise AssertionError("no such server")


def refused(s, **kwargs):
    try:
        Viewer(s, **kwargs)
    except (Refused, EOFError, ConnectionError, ssl.SSLError) as e:
        return e
    raise AssertionError("it was let in")


def each_authentication_lets_in_who_knows():
    with all_servers():
        Client("m.sock")
        for name in SERVERS:
            with Viewer(unix(name), user="ann", password="opensesame") as v:
                assert v.picture() == v.width * v.height, name
                if v.subtypes:
                    assert v.subtypes[0] == SUBTYPES[name], (name, v.subtypes)


def each_authentication_keeps_out_who_does_not():
    tries = [(name, "ann", "open") for name in SERVERS if not name.endswith("none")]
    tries += [(name, "eve", "opensesame") for name in SERVERS if name.endswith("plain")]
    with all_servers(), ThreadPoolExecutor(len(tries)) as pool:
        Client("m.sock")
        # At once, since the answer to each takes its time.
        for name, why in pool.map(lambda t: (t[0], refused(unix(t[0]), user=t[1], password=t[2])),
                                  tries):
            assert "is wrong" in str(why), (name, why)
        # A way in that was not offered is none.
        refused(unix("x509-plain"), subtype="x509-none")
        refused(unix("tls-vnc"), subtype="x509-vnc", password="opensesame")


def another_client_gets_in_by_each_that_it_knows():
    program = os.path.join(os.path.dirname(vemu), "tests/unit/libvncclient/vnc_connect")
    if not os.path.exists(program):  # built without libvncclient
        return
    with all_servers():
        Client("m.sock")
        for name in SERVERS:
            p = subprocess.run([program, name + ".vnc", "ann", "opensesame", "pki/ca-cert.pem"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
            assert p.returncode == 0, (name, p.stdout.decode())
        wrong = [program, "vnc.vnc", "ann", "open", "pki/ca-cert.pem"]
        assert subprocess.run(wrong, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=120).returncode == 1
        other = [program, "x509-none.vnc", "ann", "opensesame", "other/ca-cert.pem"]
        assert subprocess.run(other, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=120).returncode == 1, "it looks at certificates"


def guess(address, host, password):
    """Shows a password, and does not wait for what becomes of it."""
    s = socket.create_connection(address, 60, source_address=(host, 0))
    rfb.read(s, 12)
    s.sendall(b"RFB 003.008\n")
    assert rfb.read(s, 2) == b"\1\2"
    s.sendall(b"\2")
    s.sendall(rfb.des_answer(password, rfb.read(s, 16)))
    return s


def who_guesses_passwords_waits_and_nobody_else():
    with Machine(*PASSWORD, "-vnc", "127.0.0.1:0,to=99,password-secret=pw", *QMP):
        qmp = Client("m.sock")
        v = qmp.ask("query-vnc")
        address = (v["host"], int(v["service"]))
        wrong = [guess(address, "127.0.0.2", "guess%d" % i) for i in range(8)]
        right = guess(address, "127.0.0.2", "opensesame")
        # From elsewhere somebody comes who knows, and gets all of a picture meanwhile. That takes
        # less than the 20 seconds of the last ones.
        with Viewer(socket.create_connection(address, 60), password="opensesame") as viewer:
            assert viewer.picture()
        assert not select.select([wrong[-1], right], [], [], 0)[0]
        assert struct.unpack(">I", rfb.read(wrong[0], 4)) == (1,)
        for s in *wrong, right:
            s.close()


def peers_that_say_nothing_are_turned_away_at_last():
    with Machine("-vnc", "unix:s.vnc", *QMP) as m:
        Client("m.sock")
        peers = [unix("s") for _ in range(32)]
        for s in peers:
            assert rfb.read(s, 12) == b"RFB 003.008\n"
        with unix("s") as s:
            assert s.recv(1) == b""
        line = m.process.stderr.readline()
        assert b"handshake" in line and b"turned away" in line, line
        peers.pop().close()
        while True:  # until it has seen that that one is gone
            try:
                Viewer(unix("s")).s.close()
                break
            except (EOFError, ConnectionError):
                pass
        for s in peers:
            s.close()


def old_versions_know_what_they_know():
    with all_servers():
        Client("m.sock")
        for minor in 3, 7:
            for name in "none", "vnc":
                with Viewer(unix(name), minor=minor, password="opensesame") as v:
                    assert v.picture()
        with Viewer(unix("x509-vnc"), minor=7, password="opensesame") as v:
            assert v.picture()
        assert "RFB 3.3" in str(refused(unix("tls-none"), minor=3))
        refused(unix("vnc"), minor=3, password="open")


def queries_name_each_authentication():
    with all_servers():
        qmp = Client("m.sock")
        servers = qmp.ask("query-vnc-servers")
        schema = Schema(qmp.ask("query-qmp-schema"))
        schema.check(schema.entries["command", "query-vnc-servers"]["ret-type"], servers, "")
        got = {s["id"]: (s["auth"], s.get("vencrypt")) for s in servers}
        assert got == {name: want for name, (_, want) in SERVERS.items()}, got
        for s in servers:
            assert [(x["auth"], x.get("vencrypt")) for x in s["server"]] == [got[s["id"]]]


def secrets_come_from_files_encoded_and_encrypted():
    key, iv = os.urandom(32), os.urandom(16)
    with open("key", "wb") as f:
        f.write(key)
    with open("password", "w") as f:
        f.write("from file\n")
    sealed = rfb.base64.b64encode(rfb.openssl("enc", "-aes-256-cbc", "-K", key.hex(), "-iv",
                                              iv.hex(), data=b"sealed up")).decode()
    encoded = rfb.base64.b64encode(b"in base64").decode()
    iv = rfb.base64.b64encode(iv).decode()
    with Machine("-object", '{"qom-type":"secret","id":"master","format":"raw","file":"key"}',
                 "-object", '{"qom-type":"secret","id":"a","keyid":"master","iv":"%s",'
                 '"data":"%s","format":"base64"}' % (iv, sealed),
                 "-object", "secret,id=b,format=base64,data=" + encoded,
                 "-object", "secret,id=c,file=password", "-vnc", "unix:a.vnc,id=a,password-secret=a",
                 "-vnc", "unix:b.vnc,id=b,password-secret=b",
                 "-vnc", "unix:c.vnc,id=c,password-secret=c", *QMP):
        Client("m.sock")
        for name, password in ("a", "sealed up"), ("b", "in base64"), ("c", "from file"):
            Viewer(unix(name), password=password).s.close()


def a_key_that_is_encrypted_needs_its_password():
    os.makedirs("locked", exist_ok=True)
    for name in "ca-cert.pem", "server-cert.pem":
        shutil.copy("pki/" + name, "locked/" + name)
    rfb.openssl("pkcs8", "-topk8", "-in", "pki/server-key.pem", "-out", "locked/server-key.pem",
                "-passout", "pass:opensesame")
    creds = X509.replace("dir=pki", "dir=locked") + "x509"
    with Machine(*PASSWORD, "-object", creds + ",passwordid=pw", "-vnc",
                 "unix:k.vnc,tls-creds=x509", *QMP):
        Client("m.sock")
        Viewer(unix("k")).s.close()
    with Machine("-object", creds, wait="") as m:
        assert m.status() == 1 and b"server-key.pem" in m.process.stderr.read()


def viewers_show_certificates_where_that_is_asked():
    context = rfb.tls_context
    with Machine("-object", "tls-creds-x509,id=x509,dir=pki,endpoint=server", "-vnc",
                 "unix:v.vnc,tls-creds=x509", *QMP):
        qmp = Client("m.sock")
        refused(unix("v"), context=context())
        refused(unix("v"), context=context(cert="other/viewer"))
        with Viewer(unix("v"), context=context(ca="pki/ca-cert.pem", cert="pki/viewer")):
            client = qmp.ask("query-vnc")["clients"][-1]
            assert client["x509_dname"] == "O=vemu tests,CN=viewer", client
            while True:
                data = qmp.event("VNC_INITIALIZED")["data"]
                assert data["server"]["auth"] == "vencrypt+x509+none", data
                if "x509_dname" in data["client"]:
                    break


def browsers_come_by_tls_on_the_same_port():
    with Machine("-object", X509 + "x509", *PASSWORD, "-vnc",
                 "127.0.0.1:0,to=99,tls-creds=x509,password-secret=pw,websocket=on", *QMP):
        qmp = Client("m.sock")
        context = rfb.tls_context(ca="pki/ca-cert.pem")
        context.check_hostname = True
        ports = [tcp(qmp), tcp(qmp, websocket=True)]
        numbers = [s.getpeername()[1] for s in ports]
        assert numbers[0] - 5900 == numbers[1] - 5700, numbers
        for s, number in zip(ports, numbers):
            host = "localhost:%d" % number
            with context.wrap_socket(s, server_hostname="localhost") as page:
                page.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
                assert page.recv(4096).startswith(b"HTTP/1.1 200 "), number
            s = socket.create_connection(("127.0.0.1", number), 60)
            s = context.wrap_socket(s, server_hostname="localhost")
            with Viewer(WebSocket(s, host), password="opensesame") as v:
                assert v.types == [rfb.VNC] and v.picture()
                client = qmp.ask("query-vnc")["clients"][-1]
                assert client["websocket"] and client["service"] == str(s.getsockname()[1])
            # What is not over TLS is told where to go.
            with socket.create_connection(("127.0.0.1", number), 60) as s:
                s.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
                assert s.recv(4096).startswith(b"HTTP/1.1 308 "), number
        listeners = qmp.ask("query-vnc-servers")[0]["server"]
        assert [(x["websocket"], x["auth"], x.get("vencrypt")) for x in listeners] == \
            [(False, "vencrypt", "x509-vnc"), (True, "vnc", None)], listeners
        # Viewers of the usual kind still have their turn, but not where browsers alone are served.
        with Viewer(tcp(qmp), password="opensesame") as v:
            assert v.picture()
        with tcp(qmp, websocket=True) as s:
            s.sendall(b"RFB 003.008\n\r\n\r\n")
            assert not s.recv(100).startswith(b"RFB")


def names_are_asked_of_browsers_too():
    with Machine("-object", X509 + "x509", *PASSWORD, "-vnc",
                 "127.0.0.1:0,to=99,tls-creds=x509,password-secret=pw,username=ann", *QMP):
        qmp = Client("m.sock")
        s = tcp(qmp)
        host = "127.0.0.1:%d" % s.getpeername()[1]
        with Viewer(WebSocket(rfb.tls_context().wrap_socket(s), host), user="ann",
                    password="opensesame") as v:
            assert v.subtypes == (SUBTYPES["plain"],) and v.picture()


def seen(qmp):
    """The certificate that a viewer is shown."""
    with Viewer(tcp(qmp)) as v:
        return v.s.getpeercert(binary_form=True)


def certificates_are_read_again():
    shutil.copytree("pki", "live", dirs_exist_ok=True)
    with Machine("-object", X509.replace("pki", "live") + "x509", "-vnc",
                 "127.0.0.1:0,to=99,tls-creds=x509", *QMP):
        qmp = Client("m.sock")
        before = seen(qmp)
        with Viewer(tcp(qmp)) as stays:
            shutil.copytree("other", "live", dirs_exist_ok=True)
            assert seen(qmp) == before
            assert qmp.ask("display-reload", **{"type": "vnc", "tls-certs": True}) == {}
            after = seen(qmp)
            assert after != before
            assert stays.picture(), "who is there stays"
        with open("live/server-cert.pem", "w") as f:
            f.write("nonsense")
        assert qmp.refused("display-reload", **{"type": "vnc", "tls-certs": True}) == "GenericError"
        assert seen(qmp) == after, "what cannot be read changes nothing"


def addresses_change_while_viewers_stay():
    with Machine("-vnc", "127.0.0.1:0,to=99", *QMP):
        qmp = Client("m.sock")
        with Viewer(tcp(qmp)) as stays:
            here = qmp.ask("query-vnc-servers")[0]["server"][0]
            same = {"type": "inet", "host": "127.0.0.1", "port": here["service"]}
            other = {"type": "unix", "path": "moved.vnc"}
            assert qmp.ask("display-update", type="vnc", addresses=[same, other]) == {}
            for s in tcp(qmp), unix("moved"):
                Viewer(s).s.close()
            assert qmp.ask("display-update", type="vnc", addresses=[other]) == {}
            Viewer(unix("moved")).s.close()
            try:
                socket.create_connection(("127.0.0.1", int(here["service"]))).close()
                raise AssertionError("it listens still")
            except ConnectionRefusedError:
                pass
            bad = {"type": "unix", "path": "no/where"}
            assert qmp.refused("display-update", type="vnc",
                               addresses=[same, bad]) == "GenericError"
            Viewer(unix("moved")).s.close()
            assert stays.picture()
            assert qmp.ask("display-update", type="vnc", addresses=[]) == {}
            assert qmp.ask("query-vnc-servers")[0]["server"] == []
        assert not os.path.exists("moved.vnc")


def objects_come_and_go():
    with Machine("-object", X509 + "used", "-vnc", "unix:o.vnc,tls-creds=used", *QMP):
        qmp = Client("m.sock")

        def add(kind, id, **props):
            return dict(props, **{"qom-type": kind, "id": id})
        assert qmp.ask("object-add", **add("secret", "s", data="x")) == {}
        assert qmp.refused("object-add", **add("secret", "s", data="x")) == "GenericError"
        assert qmp.refused("object-add", **add("secret", "t", file="nowhere")) == "GenericError"
        assert qmp.ask("object-add", **add("tls-creds-x509", "c", dir="other")) == {}
        assert qmp.ask("object-add", **add("rng-builtin", "r")) == {}
        for id in "s", "c", "r":
            assert qmp.ask("object-del", id=id) == {}
            assert qmp.refused("object-del", id=id) == "GenericError"
        assert qmp.refused("object-del", id="used") == "GenericError"
        schema = Schema(qmp.ask("query-qmp-schema"))
        assert ("command", "object-add") in schema.entries


def mistakes_name_the_option():
    x509 = ["-object", X509 + "x"]
    vnc = lambda more: ["-vnc", "none,id=v," + more]  # noqa: E731
    for options, words in (
            (vnc("tls-creds=x"), ["-vnc", "tls-creds", "id=x"]),
            (vnc("password-secret=x"), ["-vnc", "secret", "id=x"]),
            (vnc("password=on,username=ann"), ["-vnc", "tls-creds="]),
            (x509 + vnc("tls-creds=x,username=ann"), ["-vnc", "password-secret="]),
            ([*PASSWORD] + vnc("password=off,password-secret=pw"), ["-vnc", "password=off"]),
            (vnc("sasl=on"), ["-vnc", "sasl=on"]), (vnc("reverse=on"), ["-vnc", "HOST:PORT"]),
            (["-vnc", "127.0.0.1:1,reverse=on"], ["-vnc", "127.0.0.1:1", "no viewer listens"]),
            (["-vnc", "127.0.0.1:1,reverse=on,to=5"], ["-vnc", "to="]),
            (vnc("power-control=x"), ["-vnc", "power-control"]),
            (vnc("key-delay-ms=-1"), ["-vnc", "key-delay-ms"]),
            (vnc("tls-authz=a"), ["-vnc", "tls-authz"]), (vnc("lossy=maybe"), ["-vnc", "lossy"]),
            (vnc("connections=0"), ["-vnc", "connections"]),
            (vnc("websocket=http"), ["-vnc", "websocket", "HOST:PORT"]),
            (vnc("websocket=on"), ["-vnc", "websocket=on", "HOST:PORT"]),
            (vnc("websocket=5700"), ["-vnc", "websocket=5700", "HOST:5700"]),
            (["-object", "tls-creds-x509,id=x"], ["-object", "dir="]),
            (["-object", "tls-creds-x509,id=x,dir=nowhere"], ["-object", "nowhere/ca-cert.pem"]),
            (["-object", "tls-creds-anon,id=x,endpoint=client"], ["-object", "endpoint", "server"]),
            (["-object", "tls-creds-anon,id=x,priority=SOME"], ["-object", "priority=SOME"]),
            (["-object", "tls-creds-anon,id=x,verify-peer=x"], ["-object", "verify-peer"]),
            (["-object", "secret,id=s,data=x,file=y"], ["-object", "not both"]),
            (["-object", "secret,id=s,data=x,format=hex"], ["-object", "base64"]),
            (["-object", "secret,id=s,data=$,format=base64"], ["-object", "base64"]),
            (["-object", "secret,id=s,data=x,keyid=k"], ["-object", "iv="]),
            (["-object", "secret,id=s,data=x,keyid=k,iv=x"], ["-object", "id=k"]),
            ([*PASSWORD, "-object", "secret,id=s,data=x,keyid=pw,iv=x"], ["-object", "32"])):
        p = subprocess.run([vemu, "-M", "pc", "-m", "4M", "-serial", "null", *options],
                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        said = p.stderr.decode()
        assert p.returncode == 1 and said.count("\n") == 1, (options, said)
        for word in words:
            assert word in said, (options, said)


run("vnc_auth", [f for f in list(globals().values()) if callable(f) and
                 getattr(f, "__module__", "") == "__main__" and not f.__code__.co_argcount and
                 f not in (all_servers,)])
