"""The control socket as management programs use it: order, classes of errors, shapes, events."""
import os
import socket
import subprocess
import struct
import time

from png import png_pixels
from qmp_client import Client, Closed, Schema
from qmp_machine import QMP, SPIN, Machine, rom, run, vemu

# PIIX4's PM registers to 0x600, as firmware does, then SLP_EN into PM1_CNT.
POWER_OFF = bytes.fromhex(
    "baf80c 66b8400b0080 66ef bafc0c 66b801060000 66ef"  # PMBA
    "baf80c 66b8800b0080 66ef bafc0c b001ee"  # PMREGMISC
    "ba0406 b80020 ef ebfe")
RESET_ONCE = b"\xe4\x71\xb0\xfe\xe6\x64\xeb\xfe"  # mov al, 0xfe; out 0x64, al


def probes_in_the_order_of_management_programs():
    with Machine(*QMP, "-S", "-nodefaults") as m:
        c = Client("m.sock", negotiate=False)
        assert set(c.greeting) == {"QMP"}, c.greeting
        assert c.greeting["QMP"]["capabilities"] == [], c.greeting
        c.ask("qmp_capabilities")
        v = c.ask("query-version")
        assert (v["qemu"]["major"], v["qemu"]["minor"]) >= (7, 2) and v["package"], v
        assert c.ask("query-target") == {"arch": "x86_64"}
        schema = Schema(c.ask("query-qmp-schema"))
        names = [x["name"] for x in c.ask("query-commands")]
        assert sorted(names) == sorted(schema.commands())
        assert c.ask("query-kvm") == {"enabled": False, "present": False}
        types = [t["name"] for t in c.ask("qom-list-types")]
        assert "tcg-accel" in types and "isa-serial" in types
        assert c.refused("device-list-properties", typename="usb-nothing") == "DeviceNotFound"
        props = c.ask("device-list-properties", typename="isa-debug-exit")
        assert {"name": "iobase", "type": "uint64"}.items() <= props[0].items(), props
        for t in ("memory-backend-file", "none-machine", "max-x86_64-cpu"):
            assert isinstance(c.ask("qom-list-properties", typename=t), list)
        machines = {x.get("alias", x["name"]): x for x in c.ask("query-machines")}
        assert machines["pc"]["name"].startswith("pc-i440fx-")
        assert machines["q35"]["name"].startswith("pc-q35-")
        assert machines["pc"]["is-default"] and "is-default" not in machines["q35"]
        cpus = {x["typename"] for x in c.ask("query-cpu-definitions")}
        assert machines["pc"]["default-cpu-type"] in cpus
        assert c.refused("query-tpm-models") == "CommandNotFound"
        options = {o["option"]: o["parameters"] for o in c.ask("query-command-line-options")}
        assert "hpet" in [p["name"] for p in options["machine"]]
        assert c.ask("query-migrate-capabilities") == []
        c.close()


def the_machine_none_answers_what_is_asked_before_there_is_one():
    if os.path.exists("m.sock"):
        os.unlink("m.sock")
    r = subprocess.run([vemu, "-S", "-no-user-config", "-nodefaults", "-nographic", "-machine",
                        "none,accel=kvm:tcg", *QMP, "-pidfile", "m.pid", "-daemonize"],
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert r.returncode == 0, r
    # It listens and has written its number by the time the first process has ended.
    pid = int(open("m.pid").read())
    c = Client("m.sock")
    try:
        assert c.ask("query-cpus-fast") == [] and c.ask("query-block") == []
        assert c.ask("query-status") == {"running": False, "status": "prelaunch"}
        assert c.ask("qom-get", path="/machine", property="type") == "none-machine"
        names = [m["name"] for m in c.ask("query-machines")]
        assert len(set(names)) == len(names) and "none" in names
        assert c.refused("device_add", driver="pci-testdev") == "GenericError"
        assert c.refused("system_powerdown") == "GenericError"
        for name in ("cont", "stop", "system_reset"):
            c.ask(name)
    finally:
        os.kill(pid, 9)
    c.until_closed()


def an_arm_machine_answers_for_its_own_architecture():
    arm = vemu.replace("x86_64", "aarch64")
    # As management programs write it down.
    with Machine(*QMP, "-S", "-M", "virt-7.2,usb=off,gic-version=2,dump-guest-core=off,memory-backend=ram",
                 "-object", "memory-backend-ram,id=ram,size=64M", "-cpu", "cortex-a57", "-smp", "2",
                 "-device", "pcie-root-port,port=8,chassis=1,id=pci.1,bus=pcie.0,multifunction=on,addr=0x1",
                 "-device", "virtio-net-pci,bus=pci.1,addr=0x0", "-serial", "null",
                 start=("-bios", rom("rom", b"\0\0\0\x14"), "-nodefaults"), program=arm) as m:
        c = Client("m.sock")
        assert c.ask("query-target") == {"arch": "aarch64"}
        assert [x["target"] for x in c.ask("query-cpus-fast")] == ["aarch64"] * 2
        assert c.ask("query-memory-size-summary")["base-memory"] == 64 << 20
        machines = {x.get("alias", x["name"]): x for x in c.ask("query-machines")}
        assert set(machines) == {"virt", "none"}, machines
        assert machines["virt"]["name"].startswith("virt-")
        cpus = {x["typename"] for x in c.ask("query-cpu-definitions")}
        assert machines["virt"]["default-cpu-type"] in cpus and "max-arm-cpu" in cpus
        assert c.ask("qom-get", path="/machine", property="type") == "virt-machine"
        gics = c.ask("query-gic-capabilities")
        assert [(g["version"], g["emulated"], g["kernel"]) for g in gics] == \
            [(2, True, False), (3, True, False)], gics
        c.ask("cont")
        c.ask("system_powerdown")
        c.ask("quit")
        assert m.status() == 0
    with Machine(*QMP, "-S") as m:
        assert Client("m.sock").ask("query-gic-capabilities") == []


def machines_have_names_that_stay():
    for name, kind in (("pc-i440fx-7.2", "pc"), ("pc-q35-7.2", "q35")):
        with Machine(*QMP, "-S", "-M", name + ",usb=off,dump-guest-core=off", "-no-hpet",
                     "-overcommit", "mem-lock=off", "-msg", "timestamp=on", "-audiodev",
                     '{"id":"audio1","driver":"none"}', "-no-shutdown") as m:
            c = Client("m.sock")
            assert c.ask("qom-get", path="/machine", property="type") == kind + "-machine"
            devices = c.ask("qom-list", path="/machine/unattached")
            assert "child<hpet>" not in [d["type"] for d in devices]


def memory_and_secrets_are_objects():
    with open("key", "wb") as f:
        f.write(bytes(32))
    with Machine(*QMP, "-S", "-machine", "memory-backend=pc.ram", "-object",
                 '{"qom-type":"memory-backend-ram","id":"pc.ram","size":16777216}', "-object",
                 '{"qom-type":"secret","id":"masterKey0","format":"raw","file":"key"}',
                 start=("-bios", rom("rom", SPIN))) as m:
        c = Client("m.sock")
        assert c.ask("query-memory-size-summary")["base-memory"] == 16 << 20


def starts_in_the_order_of_management_programs():
    with Machine(*QMP, "-S", "-smp", "2", "-name", "guest=web1,debug-threads=on", "-uuid",
                 "12345678-1234-1234-1234-123456789abc", "-device", "isa-debug-exit,id=dbg") as m:
        c = Client("m.sock")
        c.ask("query-migrate-capabilities")
        c.ask("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        chardevs = {x["label"]: x for x in c.ask("query-chardev")}
        assert chardevs["compat_monitor0"]["filename"] == "unix:m.sock,server=on", chardevs
        assert all(x["frontend-open"] for x in chardevs.values())
        cpus = c.ask("query-cpus-fast")
        tasks = os.listdir("/proc/%d/task" % m.process.pid)
        assert [x["cpu-index"] for x in cpus] == [0, 1]
        assert all(str(x["thread-id"]) in tasks for x in cpus), (cpus, tasks)
        assert cpus[0]["thread-id"] != cpus[1]["thread-id"]
        assert len(c.ask("qom-list", path=cpus[0]["qom-path"])) < 4
        assert c.ask("qom-get", path=cpus[0]["qom-path"], property="type") == "qemu64-x86_64-cpu"
        assert c.ask("qom-list", path="/machine/peripheral") == \
            [{"name": "dbg", "type": "child<isa-debug-exit>"}]
        assert c.ask("qom-get", path="/machine/peripheral/dbg", property="iobase") == 0x501
        assert c.refused("qom-get", path="/machine/peripheral/dbg", property="x") == "GenericError"
        assert c.refused("qom-list", path="/machine/nowhere") == "DeviceNotFound"
        assert c.ask("query-status") == {"running": False, "status": "prelaunch"}
        c.ask("cont")
        c.event("RESUME")
        assert c.ask("query-status") == {"running": True, "status": "running"}
        assert c.ask("query-name") == {"name": "web1"}
        assert c.ask("query-uuid") == {"UUID": "12345678-1234-1234-1234-123456789abc"}
        assert c.ask("query-memory-size-summary")["base-memory"] == 4 << 20
        c.close()
        # A management program that was restarted connects anew, and negotiates anew.
        c = Client("m.sock", negotiate=False)
        assert c.refused("query-status") == "CommandNotFound"
        c.ask("qmp_capabilities")
        assert c.ask("query-status")["running"]


def keys_that_there_are_not_are_refused():
    with Machine(*QMP) as m:
        c = Client("m.sock")
        for keys in ([{"type": "qcode", "data": "nonsense"}], [{"type": "qcode", "data": 5}],
                     [{"type": "number", "data": "a"}], [{"type": "number", "data": 1 << 40}],
                     [{"type": "number", "data": -1}], [{"type": "qcode", "data": "a"}] * 17):
            assert c.refused("send-key", keys=keys) == "GenericError", keys
        key = {"type": "qcode", "data": "a"}
        assert c.refused("send-key", keys=[key], **{"hold-time": -1}) == "GenericError"
        for event in ({"type": "key", "data": {"down": True}}, {"type": "btn", "data": {"down": True}},
                      {"type": "rel", "data": {"axis": "x"}}, {"type": "abs", "data": {"value": 1}}):
            assert c.refused("input-send-event", events=[event]) == "GenericError", event
        event = {"type": "key", "data": {"down": True, "key": key}}
        assert c.refused("input-send-event", events=[event], device="none") == "GenericError"
        c.ask("input-send-event", events=[])
        c.ask("send-key", keys=[])


def every_reply_and_event_is_as_the_schema_says():
    open("cd.iso", "wb").truncate(1 << 20)
    with Machine(*QMP, "-device", "virtio-balloon-pci,id=balloon0", "-device",
                 "ide-cd,id=cd") as m:
        c = Client("m.sock")
        schema = Schema(c.ask("query-qmp-schema"))
        arguments = {
            "qom-list": {"path": "/machine/unattached"},
            "qom-get": {"path": "/machine", "property": "type"},
            "qom-set": {"path": "/machine/peripheral/balloon0",
                        "property": "guest-stats-polling-interval", "value": 5},
            "balloon": {"value": 2 << 20},
            "qom-list-properties": {"typename": "pc-machine"},
            "device-list-properties": {"typename": "isa-serial"},
            "send-key": {"keys": [{"type": "qcode", "data": "ctrl"}, {"type": "number", "data": 0xd3}],
                         "hold-time": 1},
            "input-send-event": {"events": [
                {"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "a"}}},
                {"type": "btn", "data": {"down": True, "button": "left"}},
                {"type": "rel", "data": {"axis": "x", "value": -5}},
                {"type": "abs", "data": {"axis": "y", "value": 32767}}]},
            "memsave": {"val": 0, "size": 4096, "filename": "out"},
            "pmemsave": {"val": 0, "size": 4096, "filename": "out"},
            "human-monitor-command": {"command_line": "info status"},
            "screendump": {"filename": "out"},
            "migrate-set-capabilities": {"capabilities": []},
            "blockdev-add": {"driver": "raw", "node-name": "disk", "file":
                             {"driver": "file", "filename": "disk.img"}},
            "blockdev-del": {"node-name": "disk"},
            "block_resize": {"node-name": "disk", "size": 2 << 20},
            "blockdev-open-tray": {"id": "cd"},
            "blockdev-close-tray": {"id": "cd"},
            "blockdev-change-medium": {"id": "cd", "filename": "cd.iso", "format": "raw"},
            "eject": {"id": "cd"},
            "netdev_add": {"type": "socket", "id": "net", "listen": "127.0.0.1:0"},
            "set_link": {"name": "net", "up": False},
            "netdev_del": {"id": "net"},
            "display-reload": {"type": "vnc"},
            "display-update": {"type": "vnc"},
            "object-add": {"qom-type": "secret", "id": "s", "data": "x"},
            "object-del": {"id": "s"},
            "device_add": {"driver": "pci-testdev", "id": "td"},
            "device_del": {"id": "td"},
        }
        open("disk.img", "wb").truncate(1 << 20)
        # What takes away comes last.
        for name in sorted(schema.commands(), key=lambda n: n.endswith("del")):
            # A descriptor, a state, a node or a password that is not there now.
            if name in ("quit", "qmp_capabilities", "system_reset", "getfd", "closefd",
                        "blockdev-insert-medium", "blockdev-remove-medium", "add_client",
                        "set_password", "change-vnc-password", "expire_password"):
                continue
            schema.reply(name, c.ask(name, **arguments.get(name, {})))
        for path in c.ask("qom-list", path="/machine/unattached"):
            path = "/machine/unattached/" + path["name"]
            listed = c.ask("qom-list", path=path)
            schema.reply("qom-list", listed)
            for p in listed:
                value = c.ask("qom-get", path=path, property=p["name"])
                kind = {"bool": bool, "str": str, "string": str}.get(p["type"], int)
                assert isinstance(value, kind), (path, p, value)
        for name in ("system_reset", "quit"):
            schema.reply(name, c.ask(name))
        seen = c.until_closed()
        for e in seen:
            schema.event(e)
        assert [e["event"] for e in seen] == \
            ["STOP", "RESUME", "POWERDOWN"] + ["DEVICE_TRAY_MOVED"] * 5 + \
            ["RESET", "DEVICE_TRAY_MOVED", "DEVICE_DELETED", "SHUTDOWN"], seen


def the_balloon_is_asked_and_asked_about():
    with Machine(*QMP) as m:
        c = Client("m.sock")
        assert c.refused("query-balloon") == "DeviceNotActive"
        assert c.refused("balloon", value=1 << 20) == "DeviceNotActive"
    with Machine(*QMP, "-device", "virtio-balloon-pci,id=balloon0") as m:
        c = Client("m.sock")
        path = "/machine/peripheral/balloon0"
        assert c.ask("query-balloon") == {"actual": 4 << 20}
        assert c.refused("balloon", value=0) == "GenericError"
        c.ask("balloon", value=1 << 20)
        assert c.ask("query-balloon") == {"actual": 4 << 20}  # there is no driver
        assert {"guest-stats", "guest-stats-polling-interval"} <= \
            {p["name"] for p in c.ask("qom-list", path=path)}
        c.ask("qom-set", path=path, property="guest-stats-polling-interval", value=7)
        assert c.ask("qom-get", path=path, property="guest-stats-polling-interval") == 7
        stats = c.ask("qom-get", path=path, property="guest-stats")
        assert stats["last-update"] == 0 and stats["stats"]["stat-total-memory"] == -1, stats
        for property, value in (("guest-stats-polling-interval", -1), ("deflate-on-oom", True),
                                ("guest-stats-polling-interval", [5]), ("guest-stats", 1),
                                ("nothing", 1)):
            assert c.refused("qom-set", path=path, property=property, value=value) == \
                "GenericError", property
        assert c.refused("qom-set", path="/machine/peripheral/x", property="a", value=1) == \
            "DeviceNotFound"
        assert c.refused("qom-get", path="/machine/peripheral", property="guest-stats") == \
            "GenericError"
        assert c.refused("device_add", driver="virtio-balloon-pci", id="second") == "GenericError"


def stop_and_cont_stop_and_continue():
    with Machine(*QMP) as m:
        c = Client("m.sock")
        c.ask("stop")
        c.event("STOP")
        assert c.ask("query-status") == {"running": False, "status": "paused"}
        c.ask("stop")
        c.ask("cont")
        c.event("RESUME")
        c.ask("cont")
        assert c.events == [], c.events
        c.ask("stop")
        c.ask("system_reset")
        e = c.event("RESET")
        assert e["data"] == {"guest": False, "reason": "host-qmp-system-reset"}, e
        assert c.ask("query-status") == {"running": False, "status": "paused"}


def quit_answers_then_ends():
    with Machine(*QMP) as m:
        c = Client("m.sock")
        c.send("quit")
        m1 = c.message()
        assert m1 == {"return": {}, "id": "libvirt-2"}, m1
        e = c.event("SHUTDOWN")
        assert e["data"] == {"guest": False, "reason": "host-qmp-quit"}, e
        c.until_closed()
        assert m.status() == 0
        assert not os.path.exists("m.sock")


def a_guest_that_powers_off_says_so():
    with Machine(*QMP, "-S", code=POWER_OFF) as m:
        c = Client("m.sock")
        c.ask("cont")
        e = c.event("SHUTDOWN")
        assert e["data"] == {"guest": True, "reason": "guest-shutdown"}, e
        c.until_closed()
        assert m.status() == 0


def no_shutdown_keeps_the_machine_for_a_fake_reboot():
    with Machine(*QMP, "-S", "-no-shutdown", code=POWER_OFF) as m:
        c = Client("m.sock")
        for _ in range(2):
            c.ask("cont")
            c.event("SHUTDOWN")
            c.event("STOP")
            assert c.ask("query-status") == {"running": False, "status": "shutdown"}
            assert c.refused("cont") == "GenericError"
            c.ask("system_reset")
            c.event("RESET")
        assert m.process.poll() is None


def a_guest_that_resets_says_so():
    with Machine(*QMP, "-S", code=RESET_ONCE) as m:
        c = Client("m.sock")
        c.ask("cont")
        e = c.event("RESET")
        assert e["data"] == {"guest": True, "reason": "guest-reset"}, e
        c.ask("stop")
        assert not c.ask("query-status")["running"]
    with Machine(*QMP, "-S", "-no-reboot", code=RESET_ONCE) as m:
        c = Client("m.sock")
        c.ask("cont")
        e = c.event("SHUTDOWN")
        assert e["data"] == {"guest": True, "reason": "guest-reset"}, e
        assert m.status() == 0


def a_signal_is_told():
    with Machine(*QMP) as m:
        c = Client("m.sock")
        m.process.terminate()
        e = c.event("SHUTDOWN")
        assert e["data"] == {"guest": False, "reason": "host-signal"}, e


def several_clients_share_the_control_socket():
    with Machine("-control", "m.sock") as m:
        assert os.stat("m.sock").st_mode & 0o777 == 0o600
        clients = [Client("m.sock") for _ in range(8)]
        clients[0].ask("stop")
        for c in clients:
            c.event("STOP")
            assert c.ask("query-status")["status"] == "paused"


def a_descriptor_that_listens_is_taken_over():
    s = socket.socket(socket.AF_UNIX)
    s.bind("given.sock")
    s.listen(1)
    with Machine("-chardev", "socket,id=mon0,fd=%d,server=on,wait=off" % s.fileno(), "-mon",
                 "chardev=mon0,id=monitor,mode=control", wait="given.sock",
                 pass_fds=(s.fileno(),)) as m:
        for _ in range(3):
            c = Client("given.sock")
            assert c.ask("query-status")["running"]
            c.close()
        c = Client("given.sock")
        c.ask("quit")
        assert m.status() == 0
    assert os.path.exists("given.sock"), "the name belongs to who made it"
    s.close()


def memory_is_saved():
    with Machine(*QMP) as m:
        c = Client("m.sock")
        c.ask("pmemsave", val=0xffff0000, size=65536, filename="phys")
        assert open("phys", "rb").read() == open("rom", "rb").read()
        c.ask("memsave", val=0xffff0000, size=16, filename="linear", cpu_index=0)
        assert open("linear", "rb").read() == open("rom", "rb").read()[:16]
        assert c.ask("query-status")["running"]
        assert c.events == [], c.events
        assert c.refused("pmemsave", val=-1, size=1, filename="no") == "GenericError"
        assert c.refused("memsave", val=0, size=1, filename="no", cpu_index=9) == "GenericError"
        assert c.refused("pmemsave", val=0, size=1, filename="/no/where") == "GenericError"
        assert not os.path.exists("no")


def pictures_of_the_screen_are_taken():
    vbe = lambda index, value: (b"\xba\xce\x01\xb8" + struct.pack("<H", index) + b"\xef\x42\xb8" +
                                struct.pack("<H", value) + b"\xef")
    code = (b"\xba\xc2\x03\xb0\x01\xee" +                       # colour
            vbe(1, 64) + vbe(2, 48) + vbe(3, 32) + vbe(4, 0x41) +
            b"\xba\xda\x03\xec\xba\xc0\x03\xb0\x20\xee" +         # the palette is in use
            b"\xb8\x00\xa0\x8e\xc0\xbf\x0c\x02" +                 # pixel 3 of line 2
            b"\x66\xb8\x56\x34\x12\x00\x66\xab" + SPIN)
    want = bytearray(64 * 48 * 3)
    want[(2 * 64 + 3) * 3:(2 * 64 + 4) * 3] = b"\x12\x34\x56"
    with Machine(*QMP, "-vga", "std", code=code) as m:
        c = Client("m.sock")
        for _ in range(200):
            c.ask("screendump", filename="screen.ppm")
            if open("screen.ppm", "rb").read().endswith(want):
                break
            time.sleep(0.02)
        assert open("screen.ppm", "rb").read() == b"P6\n64 48\n255\n" + want
        c.ask("screendump", filename="screen.png", format="png", head=0)
        assert png_pixels("screen.png") == (64, 48, want)
        assert c.ask("x-screen-text")["human-readable-text"] == ""
        assert c.refused("screendump", filename="no", head=1) == "GenericError"
        assert c.refused("screendump", filename="no", device="video9") == "GenericError"
        assert c.refused("screendump", filename="no", format="gif") == "GenericError"
        assert c.refused("screendump", filename="/no/where") == "GenericError"
        assert not os.path.exists("no")
    with Machine(*QMP, "-vga", "none") as m:
        assert Client("m.sock").refused("screendump", filename="no") == "GenericError"


def texts_for_people():
    with Machine(*QMP) as m:
        c = Client("m.sock")
        counters = c.ask("x-query-jit")["human-readable-text"]
        assert counters.startswith("accelerator: tcg\n")
        assert counters.endswith("saved translations       off\n"), counters
        hmp = lambda line: c.ask("human-monitor-command", command_line=line)
        assert hmp("info status") == "VM status: running\r\n"
        c.ask("stop")
        assert hmp("info status") == "VM status: paused\r\n"
        assert "accelerator: tcg\r\n" in hmp("info jit")
        assert "there is no command 'reboot'" in hmp("reboot")


def a_hostile_peer_does_not_stop_the_machine():
    with Machine("-control", "m.sock") as m:
        socks = []
        for junk in (b"", b"\xff" * 5000, b"{" * 100000, b"[" * 5, b'"' * 3000000, b"\0" * 3000000,
                     b'{"execute":"query-qmp-schema"}' * 20000):
            s = socket.socket(socket.AF_UNIX)
            s.connect("m.sock")
            s.setblocking(False)
            try:
                s.sendall(b'{"execute":"qmp_capabilities"}')
                s.sendall(junk)
            except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                pass
            socks.append(s)
        c = Client("m.sock")
        before = time.time()
        for _ in range(50):
            assert c.ask("query-status")["running"]
        assert time.time() - before < 20
        rss = int([x for x in open("/proc/%d/status" % m.process.pid) if "VmRSS" in x][0].split()[1])
        assert rss < 200 << 10, rss
        for s in socks:
            s.close()
        c.ask("quit")
        assert m.status() == 0


def monitors_need_a_sentence_when_they_are_wrong():
    for options, sentence in (
            (("-mon", "chardev=x,mode=control"), "there is no -chardev with id=x"),
            (("-mon", "mode=control"), "needs the back end to talk on"),
            (("-chardev", "null,id=a", "-mon", "chardev=a,mode=vi"), "mode 'vi'"),
            (("-chardev", "null,id=a", "-serial", "chardev:a", "-mon", "chardev=a,mode=control"),
             "in use already"),
            (("-control", "/no/where/sock"), "cannot listen there"),
            (("-sandbox", "on,obsolete=deny"), "system calls are not filtered"),
            (("-overcommit", "mem-lock=on"), "mem-lock=on is not available"),
            (("-msg", "timestamp=maybe"), "neither on nor off"),
            (("-audiodev", "alsa,id=a"), "the only one so far is none"),
            (("-object", "secret,id=s,file=nowhere"), "cannot read 'nowhere'"),
            (("-object", "secret,id=s"), "a secret needs file=FILE"),
            (("-object", "rose,id=s"), "'rose' is not known"),
            (("-object", "memory-backend-ram,id=r,size=0"), "is not a size"),
            (("-object", "memory-backend-ram,size=1M"), "has no id"),
            (("-M", "memory-backend=r"), "memory-backend-ram with id=r"),
            (("-M", "memory-backend=r", "-object", "memory-backend-ram,id=r,size=8M"),
             "is not the size of the memory backend"),
            (("-M", "none", "-device", "isa-debug-exit"), "takes no devices")):
        with Machine(*options, wait="") as m:
            assert m.status() == 1
            said = m.process.stderr.read().decode()
            assert sentence in said and said.count("\n") == 1, said


run("qmp", [f for f in list(globals().values()) if getattr(f, "__module__", "") == "__main__"])
