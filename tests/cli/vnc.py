"""VNC servers as the command line and the control socket have them."""
import array
import json
import os
import socket
import struct
import subprocess

from qmp_client import Client, Schema
from qmp_machine import QMP, SPIN, Machine, rom, run, vemu


def read(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError(data)
        data += more
    return data


def handshake(s, security=1):
    """Up to the security type, or to the end of ServerInit when it needs no password."""
    s.settimeout(30)
    assert read(s, 12) == b"RFB 003.008\n"
    s.sendall(b"RFB 003.008\n")
    assert read(s, 2) == bytes([1, security])
    s.sendall(bytes([security]))
    if security != 1:
        return None
    assert read(s, 4) == bytes(4)
    s.sendall(b"\1")
    width, height = struct.unpack(">HH", read(s, 4))
    read(s, 16)
    name = read(s, struct.unpack(">I", read(s, 4))[0])
    return width, height, name


def pass_fd(client, sock, name):
    message = {"execute": "getfd", "arguments": {"fdname": name}, "id": "fd"}
    client.sock.sendmsg([json.dumps(message).encode() + b"\r\n"],
                        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))])
    assert client.reply()["return"] == {}


def display_vnc_listens_on_loopback_and_tells_where():
    with Machine("-display", "vnc", "-name", "web1", *QMP) as m:
        qmp = Client("m.sock")
        v = qmp.ask("query-vnc")
        assert v["enabled"] and v["host"] == "127.0.0.1" and v["family"] == "ipv4", v
        assert v["auth"] == "none" and v["clients"] == []
        told = m.process.stderr.readline().decode()
        assert told.endswith("127.0.0.1:%s\n" % v["service"]), told
        with socket.create_connection((v["host"], int(v["service"]))) as s:
            assert handshake(s)[2] == b"web1"
            client = qmp.ask("query-vnc")["clients"][0]
            assert client["service"] == str(s.getsockname()[1]) and not client["websocket"], client
            for name in "VNC_CONNECTED", "VNC_INITIALIZED":
                data = qmp.event(name)["data"]
                assert data["server"]["service"] == v["service"], data
                assert data["client"]["service"] == client["service"], data
        assert qmp.event("VNC_DISCONNECTED")["data"]["client"]["service"] == client["service"]


def nothing_listens_unless_asked():
    with Machine(*QMP):
        qmp = Client("m.sock")
        assert qmp.ask("query-vnc") == {"enabled": False}
        assert qmp.ask("query-vnc-servers") == []
        assert qmp.refused("set_password", protocol="vnc", password="x") == "DeviceNotActive"


def replies_agree_with_the_schema():
    with Machine("-vnc", "unix:a.vnc,id=a", "-vnc", "vnc=unix:b.vnc,id=b,audiodev=x", *QMP):
        qmp = Client("m.sock")
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("a.vnc")
            handshake(s)
            schema = Schema(qmp.ask("query-qmp-schema"))
            for command in "query-vnc", "query-vnc-servers":
                returns = schema.entries["command", command]["ret-type"]
                schema.check(returns, qmp.ask(command), command)
            servers = qmp.ask("query-vnc-servers")
            assert [x["id"] for x in servers] == ["a", "b"]
            assert servers[0]["server"][0]["family"] == "unix"
            assert servers[0]["server"][0]["host"] == "a.vnc"
            assert len(servers[0]["clients"]) == 1 and servers[1]["clients"] == []


def viewers_are_handed_over():
    with Machine("-vnc", "none,id=default", *QMP):
        qmp = Client("m.sock")
        ours, theirs = socket.socketpair()
        pass_fd(qmp, theirs, "viewer")
        theirs.close()
        assert qmp.ask("add_client", protocol="vnc", fdname="viewer", skipauth=True) == {}
        handshake(ours)
        assert qmp.event("VNC_CONNECTED")["data"]["client"]["family"] == "unix"
        assert qmp.refused("add_client", protocol="vnc", fdname="viewer") == "GenericError"
        assert qmp.refused("add_client", protocol="spice", fdname="viewer") == "GenericError"


def passwords_are_set_and_expire():
    with Machine("-vnc", "unix:p.vnc,password=on", *QMP) as m:
        if m.process.poll() is not None:  # built without the library for it
            assert b"nettle" in m.process.stderr.read()
            return
        qmp = Client("m.sock")
        assert qmp.ask("query-vnc")["auth"] == "vnc"
        assert qmp.ask("set_password", protocol="vnc", password="secret12", connected="keep") == {}
        for time in "never", "now", "+10", "1900000000":
            assert qmp.ask("expire_password", protocol="vnc", time=time) == {}
        assert qmp.refused("expire_password", protocol="vnc", time="later") == "GenericError"
        assert qmp.ask("change-vnc-password", password="") == {}
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("p.vnc")
            handshake(s, security=2)
            s.sendall(read(s, 16))
            assert read(s, 4) == b"\0\0\0\1"


def run_gives_viewers_a_pointer_that_has_a_place():
    for options, there in ((["--display", "vnc"], True), (["--display", "vnc=unix:t.vnc"], True),
                           (["--vnc", "none,id=a"], True),
                           (["--display", "none"], False), (["--display", "vnc", "--nodefaults"], False)):
        start = ["run", "--bios", rom("rom", SPIN), "--memory", "4M", "--serial", "null"]
        with Machine(*options, *QMP, start=start, program=os.path.join(os.path.dirname(vemu), "vemu")):
            # There is USB for more exactly where there is a tablet.
            r = Client("m.sock").call("device_add", driver="usb-mouse", id="more")
            assert ("return" in r) == there, (options, r)


def mistakes_name_the_option():
    for options, words in ((["-vnc", "nonsense"], ["-vnc", "HOST:N"]),
                           (["-vnc", "127.0.0.1:1,passwd=on"], ["-vnc", "passwd", "password"]),
                           (["-display", "gtk"], ["-display", "gtk", "vnc"]),
                           (["-vnc", "none,id=a", "-vnc", "none,id=a"], ["-vnc", "id=a"]),
                           (["-vnc", "none,id=a,display=x"], ["-vnc"]),
                           (["-clipboard", "yes"], ["-clipboard 'yes'", "on, off or auto"]),
                           (["-clipboard", "on", "-M", "none"], ["-clipboard", "none"]),
                           (["-chardev", "qemu-vdagent,id=a,clipboard=2"], ["clipboard", "on"]),
                           (["-k", "xx/yy", "-vnc", "none,id=a"], ["-k", "xx/yy"])):
        p = subprocess.run([vemu, "-M", "pc", "-m", "4M", "-serial", "null", *options],
                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        said = p.stderr.decode()
        assert p.returncode == 1 and said.count("\n") == 1, said
        for word in words:
            assert word in said, (options, said)


def viewers_press_buttons_where_they_may():
    with Machine("-vnc", "unix:w.vnc,power-control=on", *QMP):
        qmp = Client("m.sock")
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("w.vnc")
            handshake(s)
            s.sendall(struct.pack(">BxHi", 2, 1, -309))
            assert read(s, 4) == bytes((250, 0, 1, 1))
            s.sendall(bytes((250, 0, 1, 2)))
            qmp.event("POWERDOWN")
            s.sendall(bytes((250, 0, 1, 4)))
            assert qmp.event("RESET")["data"] == {"guest": False, "reason": "host-ui"}
            s.sendall(bytes((250, 0, 1, 3)))
            assert read(s, 4) == bytes((250, 0, 1, 0))


def a_viewer_that_listens_is_called():
    with socket.socket() as waiting:
        waiting.bind(("127.0.0.1", 0))
        waiting.listen()
        with Machine("-vnc", "127.0.0.1:%d,reverse=on" % waiting.getsockname()[1], *QMP):
            s, _ = waiting.accept()
            with s:
                handshake(s)
            qmp = Client("m.sock")
            assert qmp.ask("query-vnc-servers")[0]["server"] == []


def started(*options):
    """The back ends of a machine as `vemu run` makes it."""
    with Machine(*options, *QMP, start=("run", "--memory", "16M", "--serial", "null"),
                 program=os.path.join(os.path.dirname(vemu), "vemu")):
        return [c["label"] for c in Client("m.sock").ask("query-chardev")]


def a_screen_brings_the_clipboard_along():
    screen = ("--vnc", "unix:c.vnc")
    ours = ("--chardev", "qemu-vdagent,id=mine", "--device", "virtio-serial-pci",
            "--device", "virtserialport,chardev=mine,name=com.redhat.spice.0")
    assert "vemu-agent" in started(*screen)
    assert "vemu-agent" in started(*screen, "--machine", "q35", "--device", "virtio-serial-pci")
    assert "vemu-agent" in started("--clipboard", "on")
    assert "vemu-agent" not in started()
    assert "vemu-agent" not in started("--display", "none")
    assert "vemu-agent" not in started(*screen, "--clipboard", "off")
    assert "vemu-agent" not in started(*screen, "--no-defaults")
    assert "vemu-agent" not in started(*screen, *ours)
    with Machine("-vnc", "unix:c.vnc", *QMP):
        assert "vemu-agent" not in [c["label"] for c in Client("m.sock").ask("query-chardev")]


run("vnc", [display_vnc_listens_on_loopback_and_tells_where, nothing_listens_unless_asked,
            replies_agree_with_the_schema, viewers_are_handed_over, passwords_are_set_and_expire,
            run_gives_viewers_a_pointer_that_has_a_place,
            viewers_press_buttons_where_they_may, a_viewer_that_listens_is_called,
            a_screen_brings_the_clipboard_along, mistakes_name_the_option])
