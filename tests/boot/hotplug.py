"""Plugs devices into a Linux guest and takes them away again, by the control socket, and asks the
guest's shell what it sees."""
import atexit
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from qmp_client import Client
from qmp_machine import run, vemu

guests = os.path.join(os.environ["VEMU_GUESTS"], "amd64")
logs = os.path.join(os.path.dirname(vemu), "tests/logs/boot")
MODULES = ("virtio virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci "
           "virtio_blk e1000")
BAD = re.compile(rb"BUG:|WARNING:|Oops|soft lockup|rcu.*stall|Call Trace")


class Guest:
    """Its shell on a serial port, and the machine's control socket."""

    def __init__(self, name, *options):
        initrd = b"".join(open(os.path.join(guests, i), "rb").read()
                          for i in ("initrd-disk", "initrd-network"))
        with open("initrd", "wb") as f:
            f.write(initrd)
        for old in ("tty", "qmp"):
            if os.path.exists(old):
                os.unlink(old)
        os.makedirs(logs, exist_ok=True)
        self.log = open(os.path.join(logs, name + ".log"), "wb")
        self.process = subprocess.Popen(
            [vemu, "-m", "256M", "-smp", "2", "-nodefaults", "-no-reboot", "-kernel",
             os.path.join(guests, "vmlinuz"), "-initrd", "initrd", "-append",
             "console=ttyS0 panic=-1 quiet", "-serial", "unix:tty,server=on,wait=off", "-qmp",
             "unix:qmp,server=on,wait=off", "-display", "none", *options],
            stdin=subprocess.DEVNULL)
        atexit.register(self.process.kill)
        for _ in range(500):
            if os.path.exists("qmp") and os.path.exists("tty"):
                break
            time.sleep(0.02)
        self.tty = socket.socket(socket.AF_UNIX)
        self.tty.connect("tty")
        self.tty.settimeout(1)
        self.seen = b""
        self.qmp = Client("qmp")
        self.until(rb"vemu:\S*# ", 120)
        self.sh("for m in %s; do insmod /mod/$m.ko 2>/dev/null; done; true" % MODULES)

    def until(self, pattern, seconds=60):
        end = time.time() + seconds
        while not re.search(pattern, self.seen):
            assert time.time() < end, "no %r in %r" % (pattern, self.seen[-2000:])
            try:
                more = self.tty.recv(65536)
            except TimeoutError:
                continue
            assert more, "the guest is gone: %r" % self.seen[-2000:]
            self.log.write(more)
            self.log.flush()
            self.seen += more
        assert not BAD.search(self.seen), self.seen[-4000:]

    def sh(self, command, seconds=60):
        """What the command says; it must succeed."""
        self.seen = b""
        # What the shell echoes has neither of the two words.
        self.tty.sendall(b"echo sta''rt=; " + command.encode() + b"; echo status=$?=\n")
        self.until(rb"status=\d+=\r?\n", seconds)
        said = re.search(r"start=\r?\n(.*)status=(\d+)=", self.seen.decode(errors="replace"), re.S)
        assert said.group(2) == "0", (command, said.group(1))
        return said.group(1)

    def wait_for(self, test, seconds=30):
        self.sh("n=0; until %s; do sleep 0.1; n=$((n+1)); [ $n -lt %d ] || break; done; %s" %
                (test, 10 * seconds, test), seconds + 30)

    def end(self):
        self.tty.sendall(b"poweroff -f\n")
        assert self.process.wait(timeout=60) == 0


def image(name):
    with open(name, "wb") as f:
        f.truncate(32 << 20)
        f.write(b"this is %s " % name.encode())
    return name


def add_disk(g, id, bus):
    g.qmp.ask("blockdev-add", **{"driver": "file", "filename": image(id + ".raw"),
                                 "node-name": id + "-storage"})
    g.qmp.ask("blockdev-add", **{"driver": "raw", "node-name": id + "-format",
                                 "file": id + "-storage"})
    g.qmp.ask("device_add", driver="virtio-blk-pci", drive=id + "-format", id=id, **bus)


def remove(g, id):
    g.qmp.ask("device_del", id=id)
    assert g.qmp.event("DEVICE_DELETED")["data"] == \
        {"device": id, "path": "/machine/peripheral/" + id}


def remove_disk(g, id):
    remove(g, id)
    g.qmp.ask("blockdev-del", **{"node-name": id + "-format"})
    g.qmp.ask("blockdev-del", **{"node-name": id + "-storage"})


def disks_come_and_go(g, bus):
    assert g.sh("ls /sys/block | grep -c vd || true").strip() == "0"
    for id in ("disk1", "disk2"):
        add_disk(g, id, bus)
        g.wait_for("[ -b /dev/vda ]")
        assert "this is %s.raw" % id in g.sh("head -c 20 /dev/vda; echo")
        g.sh("dd if=/dev/zero of=/dev/vda bs=64k count=16 conv=fsync 2>/dev/null")
        g.qmp.ask("block_resize", **{"node-name": id + "-format", "size": 48 << 20})
        g.wait_for("[ $(cat /sys/block/vda/size) = %d ]" % ((48 << 20) // 512))
        remove_disk(g, id)
        g.wait_for("[ ! -e /sys/block/vda ]")
    assert os.path.getsize("disk2.raw") == 48 << 20


def disks_go_while_they_are_written(g, bus):
    for n in range(4):
        add_disk(g, "busy%d" % n, bus)
        g.wait_for("[ -b /dev/vda ]")
        g.sh("(while dd if=/dev/zero of=/dev/vda bs=256k oflag=direct 2>/dev/null; do :; done; "
             "dd if=/dev/vda of=/dev/null iflag=direct 2>/dev/null) & "
             "(while dd if=/dev/vda of=/dev/null bs=4k iflag=direct 2>/dev/null; do :; done) & "
             "sleep 0.3")
        stats = {s["node-name"]: s["stats"] for s in g.qmp.ask("query-blockstats")}
        assert stats["busy%d-format" % n]["wr_operations"] > 0, stats
        remove_disk(g, "busy%d" % n)
        g.wait_for("[ ! -e /sys/block/vda ]")
    g.sh("wait")


def network_devices_come_and_go(g, bus):
    for n in range(3):
        g.qmp.ask("netdev_add", type="socket", id="net%d" % n, listen="127.0.0.1:0")
        g.qmp.ask("device_add", driver="e1000", netdev="net%d" % n, id="nic%d" % n,
                  mac="52:54:00:aa:bb:%02x" % n, **bus)
        g.wait_for("[ -e /sys/class/net/eth0 ]")
        assert "52:54:00:aa:bb:%02x" % n in g.sh("cat /sys/class/net/eth0/address")
        g.sh("ifconfig eth0 10.9.9.1 up && ping -c 1 -W 1 10.9.9.2 >/dev/null; true")
        g.qmp.ask("set_link", name="nic%d" % n, up=False)
        g.wait_for("[ $(cat /sys/class/net/eth0/carrier) = 0 ]")
        # It is sending when it goes.
        g.sh("arp -s 10.9.9.2 52:54:00:00:00:01; "
             "(ping -f -c 100000 10.9.9.2 >/dev/null 2>&1) & sleep 0.2")
        remove(g, "nic%d" % n)
        g.qmp.ask("netdev_del", id="net%d" % n)
        g.wait_for("[ ! -e /sys/class/net/eth0 ]")
        g.sh("killall ping 2>/dev/null; wait; true")


def the_rest_goes_on(g):
    assert g.qmp.ask("query-status")["status"] == "running"
    assert g.qmp.ask("query-block") == []
    assert g.sh("ls /sys/block | grep -c vd || true").strip() == "0"
    g.end()


def on(board, options, bus):
    """The steps as tests, on one boot."""
    guest = []

    def boots():
        guest.append(Guest("hotplug-" + board, *options))

    def step(f, *args):
        def test():
            f(guest[0], *args)
        test.__name__ = "%s_%s" % (board, f.__name__)
        return test

    boots.__name__ = board + "_boots"
    return [boots, step(disks_come_and_go, bus), step(disks_go_while_they_are_written, bus),
            step(network_devices_come_and_go, bus), step(the_rest_goes_on)]


ports = [o for n in (1, 2) for o in
         ("-device", '{"driver":"pcie-root-port","port":%d,"chassis":%d,"id":"pci.%d","bus":"pcie.0",'
          '"addr":"0x2.0x%d"%s}' % (15 + n, n, n, n - 1, ',"multifunction":true' if n == 1 else ""))]
run("hotplug", on("pc", ("-M", "pc"), {}) + on("q35", ("-M", "q35", *ports), {"bus": "pci.2"}))
