"""Parts of a running machine that come and go, as management programs do it, and what stays behind
when they cannot: nothing."""
import array
import json
import os
import socket
import subprocess

from qmp_client import Client
from qmp_machine import QMP, SPIN, Machine, rom, run, vemu

img = os.path.join(os.path.dirname(vemu), "vemu-img")


def image(name, *options, size="4M", format="qcow2"):
    if os.path.exists(name):
        os.unlink(name)
    subprocess.run([img, "create", "-q", "-f", format, *options, name, size], check=True)
    return name


def storage(node, file, **more):
    return {"driver": "file", "filename": file, "node-name": node, "auto-read-only": True,
            "discard": "unmap", **more}


def nodes(c):
    return {n["node-name"]: n for n in c.ask("query-named-block-nodes", flat=True)}


def is_free(file):
    """Whether somebody else may write to the image."""
    return subprocess.run([img, "resize", file, "+64K"], capture_output=True).returncode == 0


# ---- block nodes ---------------------------------------------------------------------------------

def block_nodes_are_added_and_removed_as_libvirt_does():
    image("a.qcow2")
    with Machine(*QMP) as m:
        c = Client("m.sock")
        c.ask("blockdev-add", **storage("a-storage", "a.qcow2"))
        assert is_free("a.qcow2"), "a file that nobody uses yet is not taken"
        c.ask("blockdev-add", **{"node-name": "a-format", "read-only": False, "driver": "qcow2",
                                 "file": "a-storage", "backing": None})
        assert not is_free("a.qcow2")
        n = nodes(c)
        assert set(n) == {"a-storage", "a-format"}, n
        assert n["a-format"]["drv"] == "qcow2" and n["a-storage"]["drv"] == "file"
        assert n["a-format"]["image"]["virtual-size"] == (4 << 20) + (64 << 10)
        assert n["a-format"]["image"]["format-specific"]["data"]["compat"] == "1.1"
        assert c.ask("query-block") == [], "nothing shows it to the guest"
        r = c.call("blockdev-del", **{"node-name": "a-storage"})
        assert "in use by node 'a-format'" in r["error"]["desc"], r
        c.ask("blockdev-del", **{"node-name": "a-format"})
        assert is_free("a.qcow2")
        c.ask("blockdev-del", **{"node-name": "a-storage"})
        assert nodes(c) == {}


def a_backing_chain_is_taken_apart_from_the_top():
    image("base.qcow2")
    image("top.qcow2", "-b", "base.qcow2", "-F", "qcow2")
    with Machine(*QMP) as m:
        c = Client("m.sock")
        for node, file, backing in (("base", "base.qcow2", None), ("top", "top.qcow2", "base")):
            c.ask("blockdev-add", **storage(node + "-storage", file))
            c.ask("blockdev-add", **{"node-name": node, "driver": "qcow2", "backing": backing,
                                     "file": node + "-storage", "read-only": node == "base"})
        assert nodes(c)["top"]["backing_file_depth"] == 1
        deep = {n["node-name"]: n for n in c.ask("query-named-block-nodes")}
        assert deep["top"]["image"]["backing-image"]["filename"] == "base.qcow2"
        r = c.call("blockdev-del", **{"node-name": "base"})
        assert "in use by node 'top'" in r["error"]["desc"], r
        c.ask("blockdev-del", **{"node-name": "top"})
        assert nodes(c)["base"]["backing_file_depth"] == 0
        # It is a node like any other again: the next overlay may have it.
        c.ask("blockdev-add", **{"node-name": "top", "driver": "qcow2", "backing": "base",
                                 "file": "top-storage"})
        for node in ("top", "base", "top-storage", "base-storage"):
            c.ask("blockdev-del", **{"node-name": node})
        assert nodes(c) == {} and is_free("base.qcow2")


def a_node_that_cannot_be_leaves_nothing():
    image("b.qcow2")
    image("c.qcow2")
    with open("junk", "wb") as f:
        f.write(b"no image" * 1000)
    with Machine(*QMP) as m:
        c = Client("m.sock")
        c.ask("blockdev-add", **storage("there", "b.qcow2"))
        before = nodes(c)
        inner = {"driver": "file", "filename": "b.qcow2"}
        for options, said in (
                (storage("there", "c.qcow2"), "taken"),
                (storage("x", "nowhere"), "nowhere"),
                ({"driver": "qcow2", "node-name": "x", "file": "nowhere"}, "nowhere"),
                ({"driver": "qcow2", "node-name": "x", "file": {"driver": "file",
                                                                "filename": "junk"}}, "junk"),
                ({"driver": "qcow2", "node-name": "x", "file": inner, "no-such": 1}, "no-such"),
                ({"driver": "qcow2", "node-name": "x", "file": inner, "cache": {"direct": "x"}},
                 "cache.direct"),
                # The inner node is opened first, and is gone with the outer one.
                ({"driver": "qcow2", "node-name": "x", "file": {"driver": "file",
                                                                "filename": "junk"},
                  "backing": {"driver": "qcow2", "file": {"driver": "file",
                                                          "filename": "c.qcow2"}}}, "junk")):
            r = c.call("blockdev-add", **options)
            assert r["error"]["class"] == "GenericError" and said in r["error"]["desc"], r
            assert nodes(c) == before, (options, nodes(c))
        assert is_free("c.qcow2")
        for wrong in ({"driver": "nbd", "node-name": "x"}, {"driver": "file"}, {"node-name": "x"}):
            assert c.refused("blockdev-add", **wrong) == "GenericError"
        assert c.refused("blockdev-del", **{"node-name": "x"}) == "GenericError"


def a_disk_of_the_machine_is_told_and_kept():
    image("d.raw", format="raw")
    with Machine(*QMP, "-blockdev", '{"driver":"file","filename":"d.raw","node-name":"d-storage"}',
                 "-blockdev", '{"driver":"raw","node-name":"d","file":"d-storage"}',
                 "-device", "virtio-blk-pci,drive=d,id=disk0", "-drive",
                 "file=%s,if=none,id=spare,format=qcow2" % image("e.qcow2")) as m:
        c = Client("m.sock")
        blocks = {b["inserted"]["node-name"]: b for b in c.ask("query-block")}
        assert set(blocks) == {"d", "#spare"}, blocks
        assert blocks["d"]["qdev"] == "/machine/peripheral/disk0/virtio-backend"
        assert blocks["d"]["device"] == "" and blocks["#spare"]["device"] == "spare"
        assert blocks["d"]["io-status"] == "ok" and "qdev" not in blocks["#spare"]
        r = c.call("blockdev-del", **{"node-name": "d"})
        assert "in use by device virtio-blk-pci disk0" in r["error"]["desc"], r
        stats = c.ask("query-blockstats")
        assert {s.get("qdev") for s in stats} == {blocks["d"]["qdev"], None}
        assert all(s["stats"]["rd_bytes"] == 0 for s in stats)
        assert {s["node-name"] for s in c.ask("query-blockstats", **{"query-nodes": True})} == \
            {"d-storage", "d", "#spare"}


def a_medium_is_changed_as_libvirt_does():
    for name in ("a.iso", "b.iso"):
        image(name, format="raw")
    with Machine(*QMP, "-nodefaults", "-blockdev",
                 '{"driver":"file","filename":"a.iso","node-name":"a-storage","read-only":true}',
                 "-blockdev", '{"node-name":"a","read-only":true,"driver":"raw","file":"a-storage"}',
                 "-device", "ide-cd,bus=ide.0,unit=0,drive=a,id=ide0-0-0") as m:
        c = Client("m.sock")
        id = {"id": "ide0-0-0"}

        def tray():
            b, = c.ask("query-block")
            assert b["removable"] and not b["locked"] and b["qdev"] == "ide0-0-0", b
            return b["tray_open"], b.get("inserted", {}).get("node-name")

        def moved():
            d = c.event("DEVICE_TRAY_MOVED")["data"]
            assert d["device"] == "" and d["id"] == "ide0-0-0", d
            return d["tray-open"]

        assert tray() == (False, "a")
        assert c.refused("blockdev-remove-medium", **id) == "GenericError"
        c.ask("blockdev-open-tray", force=False, **id)
        assert moved() is True and tray() == (True, "a")
        c.ask("blockdev-open-tray", **id)
        assert c.refused("blockdev-del", node_name="a") == "GenericError"
        c.ask("blockdev-remove-medium", **id)
        c.ask("blockdev-remove-medium", **id)
        assert tray() == (True, None)
        c.ask("blockdev-del", node_name="a")
        c.ask("blockdev-del", node_name="a-storage")
        c.ask("blockdev-add", driver="file", filename="b.iso", node_name="b-storage")
        c.ask("blockdev-add", driver="raw", read_only=True, node_name="b", file="b-storage")
        assert c.refused("blockdev-insert-medium", node_name="nothing", **id) == "GenericError"
        c.ask("blockdev-insert-medium", node_name="b", **id)
        assert c.refused("blockdev-insert-medium", node_name="b", **id) == "GenericError"
        c.ask("blockdev-close-tray", **id)
        assert moved() is False and tray() == (False, "b")
        # In one step, by file; the node that was there stays the client's.
        assert c.refused("blockdev-change-medium", filename="none.iso", **id) == "GenericError"
        assert tray() == (False, "b")
        c.ask("blockdev-change-medium", filename="a.iso", format="raw", **id)
        assert (moved(), moved()) == (True, False)
        assert tray()[1].startswith("#")
        c.ask("blockdev-del", node_name="b")
        c.ask("eject", **id)
        assert moved() is True and tray() == (True, None)
        assert not [n for n in c.ask("query-named-block-nodes") if n["node-name"].startswith("#")]
        for command in ("eject", "blockdev-open-tray"):
            assert c.refused(command, id="nothing") == "DeviceNotFound"
            assert c.refused(command, device="nothing") == "DeviceNotFound"
            assert c.refused(command, id="/machine/unattached/device[1]") == "GenericError"
            assert c.refused(command) == "GenericError"


def a_cdrom_has_the_name_of_its_drive():
    for name in ("a.iso", "b.iso"):
        image(name, format="raw")
    with Machine(*QMP, "-cdrom", "a.iso") as m:
        c = Client("m.sock")
        name = [b for b in c.ask("query-block") if b["removable"]][0]["device"]
        c.ask("eject", device=name)
        b, = [b for b in c.ask("query-block") if b["removable"]]
        assert b["device"] == name and "inserted" not in b and b["tray_open"], b
        assert is_free("a.iso")
        c.ask("blockdev-change-medium", device=name, filename="b.iso")
        b, = [b for b in c.ask("query-block") if b["removable"]]
        assert b["device"] == name and b["inserted"]["file"].endswith("b.iso"), b
        # Again by its place, as people's tools do.
        c.ask("eject", id=b["qdev"])
        assert is_free("b.iso")


def firmware_is_in_block_nodes():
    rom("code.fd", SPIN)
    image("vars.fd", size="64K", format="raw")
    flash = []
    for n, (file, ro) in enumerate((("code.fd", True), ("vars.fd", False))):
        flash += ["-blockdev", json.dumps(storage("pflash%d-storage" % n, file)), "-blockdev",
                  json.dumps({"node-name": "pflash%d-format" % n, "read-only": ro,
                              "driver": "raw", "file": "pflash%d-storage" % n})]
    units = "pflash0=pflash0-format,pflash1=pflash1-format"
    with Machine(*QMP, *flash, "-machine", "pc," + units, start=("-nodefaults", "-m", "4M")) as m:
        c = Client("m.sock")
        assert c.ask("query-status")["running"]
        c.ask("pmemsave", val=0xffff0000, size=65536, filename="top")
        assert open("top", "rb").read() == open("code.fd", "rb").read()
        for node in ("pflash1-format", "pflash1-storage"):
            assert c.refused("blockdev-del", **{"node-name": node}) == "GenericError"
        assert c.refused("device_add", driver="virtio-blk-pci", drive="pflash1-format") == \
            "GenericError"
        assert c.refused("block_resize", **{"node-name": "pflash1-format", "size": 1 << 20}) == \
            "GenericError"
        assert not is_free("vars.fd") and nodes(c)["pflash0-format"]["ro"]
    for units, said in (("pflash0=nowhere", "there is no block node 'nowhere'"),
                        ("pflash1=pflash1-format", "flash unit 1 is below unit 0"),
                        ("pflash0=pflash0-format,pflash1=pflash0-format", "in use already")):
        with Machine(*flash, "-machine", "pc," + units, wait="",
                     start=("-nodefaults", "-m", "4M")) as m:
            assert m.status() == 1
            text = m.process.stderr.read().decode()
            assert said in text and text.count("\n") == 1, text


def images_get_another_size():
    image("f.qcow2")
    with Machine(*QMP, "-drive", "file=f.qcow2,if=none,id=f,format=qcow2") as m:
        c = Client("m.sock")
        c.ask("block_resize", device="f", size=8 << 20)
        assert nodes(c)["#f"]["image"]["virtual-size"] == 8 << 20
        assert c.refused("block_resize", device="g", size=1) == "DeviceNotFound"
        assert c.refused("block_resize", size=1) == "GenericError"
        assert c.refused("block_resize", device="f", size=-1) == "GenericError"
        assert c.refused("block_resize", device="f", size=1 << 62) == "GenericError"
        assert nodes(c)["#f"]["image"]["virtual-size"] == 8 << 20
    info = subprocess.run([img, "info", "f.qcow2"], capture_output=True, check=True).stdout
    assert b"8 MiB" in info, info


# ---- devices -------------------------------------------------------------------------------------

def everything(c):
    return [c.ask("qom-list", path="/machine/" + p) for p in ("unattached", "peripheral")]


def a_device_goes_when_the_guest_lets_it_go():
    with Machine(*QMP) as m:
        c = Client("m.sock")
        before = everything(c)
        c.ask("blockdev-add", **storage("s", image("g.raw", format="raw")))
        c.ask("device_add", driver="virtio-blk-pci", drive="s", id="disk1", addr="0x7")
        assert c.ask("query-block")[0]["qdev"] == "/machine/peripheral/disk1/virtio-backend"
        assert not is_free("g.raw")
        assert c.refused("device_add", driver="pci-testdev", id="disk1") == "GenericError"
        # This guest answers nothing, but a reset is one.
        for id in ("disk1", "/machine/peripheral/disk1"):
            c.ask("device_del", id=id)
        assert c.ask("qom-list", path="/machine/peripheral")
        assert c.refused("blockdev-del", **{"node-name": "s"}) == "GenericError"
        c.ask("system_reset")
        assert c.event("DEVICE_DELETED")["data"] == \
            {"device": "disk1", "path": "/machine/peripheral/disk1"}
        c.ask("blockdev-del", **{"node-name": "s"})
        assert everything(c) == before and is_free("g.raw")
        assert c.refused("device_del", id="disk1") == "DeviceNotFound"


def a_device_that_cannot_be_leaves_nothing():
    image("h.raw", format="raw")
    for options in (("-M", "pc"), ("-M", "pc,acpi=off"), ("-M", "q35"), ("-M", "microvm")):
        with Machine(*QMP, *options) as m:
            c = Client("m.sock")
            c.ask("blockdev-add", **storage("s", "h.raw"))
            before = everything(c)
            wrong = [{"driver": "no-such-device"}, {"driver": "mch"}, {},
                     {"driver": "isa-debug-exit"}, {"driver": "pci-testdev", "no-such": 1},
                     {"driver": "pci-testdev", "bus": "nowhere"},
                     {"driver": "virtio-blk-pci", "drive": "nothing"},
                     {"driver": "virtio-blk-pci", "drive": "s", "num-queues": 0},
                     {"driver": "e1000", "netdev": "nothing"},
                     {"driver": "pci-testdev", "addr": "0"}]
            if options[1] != "pc":
                wrong += [{"driver": "pci-testdev"},
                          {"driver": "virtio-blk-pci", "drive": "s", "id": "d"}]
            for w in wrong:
                assert c.refused("device_add", **w) == "GenericError", w
                assert everything(c) == before, w
            assert is_free("h.raw")
            c.ask("blockdev-del", **{"node-name": "s"})


# ---- networks ------------------------------------------------------------------------------------

def send_with_fd(c, name, fd, **arguments):
    c.count += 1
    text = '{"execute": "%s", "arguments": {"fdname": "%s"}, "id": "libvirt-%d"}\r\n' % (
        name, arguments["fdname"], c.count)
    c.sock.sendmsg([text.encode()],
                   [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    return c.reply()


def descriptors_arrive_with_messages():
    for options in (QMP, ("-control", "m.sock")):
        with Machine(*options) as m:
            c = Client("m.sock")
            ours, theirs = socket.socketpair()
            assert send_with_fd(c, "getfd", theirs.fileno(), fdname="tap0")["return"] == {}
            theirs.close()
            c.ask("netdev_add", type="socket", id="net1", fd="tap0")
            # It was used up, and belongs to the back end now.
            r = c.call("netdev_add", type="socket", id="net2", fd="tap0")
            assert "no descriptor 'tap0'" in r["error"]["desc"], r
            assert c.refused("netdev_add", type="socket", id="net1", fd="9") == "GenericError"
            c.ask("netdev_del", id="net1")
            ours.settimeout(60)
            assert ours.recv(1) == b"", "the other end is closed"
            assert c.refused("netdev_del", id="net1") == "DeviceNotFound"
            assert c.refused("getfd", fdname="x") == "GenericError"
            assert send_with_fd(c, "getfd", ours.fileno(), fdname="1")["error"]
            assert send_with_fd(c, "getfd", ours.fileno(), fdname="b")["return"] == {}
            c.ask("closefd", fdname="b")
            assert c.refused("closefd", fdname="b") == "GenericError"
            before = len(os.listdir("/proc/%d/fd" % m.process.pid))
            for _ in range(100):
                assert send_with_fd(c, "query-status", ours.fileno(), fdname="x")["error"]
            assert len(os.listdir("/proc/%d/fd" % m.process.pid)) <= before + 16
            c.close()
            c = Client("m.sock")
            assert c.refused("getfd", fdname="y") == "GenericError", "they went with their client"


def network_back_ends_come_and_go():
    with Machine(*QMP, "-netdev", "socket,id=net0,listen=127.0.0.1:0", "-device",
                 "e1000,netdev=net0,id=nic0") as m:
        c = Client("m.sock")
        r = c.call("netdev_del", id="net0")
        assert "in use by a device" in r["error"]["desc"], r
        for name in ("net0", "nic0"):
            for up in (False, True):
                c.ask("set_link", name=name, up=up)
        assert c.refused("set_link", name="nic1", up=True) == "DeviceNotFound"
        assert c.refused("netdev_add", type="socket", id="net0", listen=":0") == "GenericError"
        assert c.refused("netdev_add", type="carrier-pigeon", id="net1") == "GenericError"
        assert c.refused("netdev_add", type="socket", id="net1", nothing=1) == "GenericError"
        # Nothing is left of what was refused: the name is free.
        c.ask("netdev_add", type="socket", id="net1", listen="127.0.0.1:0")
        c.ask("netdev_del", id="net1")


def forwarded_ports_are_an_array():
    with Machine(*QMP) as m:
        c = Client("m.sock")
        r = c.call("netdev_add", type="user", id="u", hostfwd=[{"str": "tcp:127.0.0.1:x-:22"}])
        if "libslirp" in r.get("error", {}).get("desc", ""):
            return
        assert "127.0.0.1:x" in r["error"]["desc"], r
        c.ask("netdev_add", type="user", id="u",
              hostfwd=[{"str": "tcp:127.0.0.1:0-:22"}, {"str": "tcp:127.0.0.1:0-:23"}])
        c.ask("netdev_del", id="u")


run("parts", [f for n, f in list(globals().items()) if getattr(f, "__module__", "") == "__main__"
              and n not in ("image", "storage", "nodes", "is_free", "send_with_fd",
                        "everything")])
