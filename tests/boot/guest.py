"""A Linux guest with a shell on its serial port, and the machine's control socket beside it."""
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

# Its emulator's name, its serial port.
ARCHS = {"amd64": ("x86_64", "ttyS0"), "arm64": ("aarch64", "ttyAMA0")}
logs = os.path.join(os.path.dirname(vemu), "tests/logs/boot")
BAD = re.compile(rb"BUG:|WARNING:|Oops|soft lockup|rcu.*stall|Call Trace")
VIRTIO = "virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci"


class Guest:
    """Its shell on a serial port, and the machine's control socket."""

    def __init__(self, name, *options, initrds, modules, reboot=False, arch="amd64"):
        guests = os.path.join(os.environ["VEMU_GUESTS"], arch)
        system, console = ARCHS[arch]
        with open("initrd", "wb") as f:
            for i in initrds:
                f.write(open(os.path.join(guests, i), "rb").read())
        for old in ("tty", "qmp"):
            if os.path.exists(old):
                os.unlink(old)
        os.makedirs(logs, exist_ok=True)
        self.log = open(os.path.join(logs, name + ".log"), "wb")
        self.process = subprocess.Popen(
            [vemu.replace("-x86_64", "-" + system), "-m", "256M", "-smp", "2", "-nodefaults", *([] if reboot else ["-no-reboot"]),
             "-kernel", os.path.join(guests, "vmlinuz"), "-initrd", "initrd", "-append",
             "console=%s panic=-1 quiet" % console, "-serial", "unix:tty,server=on,wait=off", "-qmp",
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
        # Some need others that come later in the list.
        self.sh("for m in %s %s; do insmod /mod/$m.ko 2>/dev/null; done; true" %
                (modules, modules), 120)

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

    def wait_for(self, test, seconds=120):
        self.sh("n=0; until %s; do sleep 0.1; n=$((n+1)); [ $n -lt %d ] || break; done; %s" %
                (test, 10 * seconds, test), seconds + 30)

    def end(self):
        self.tty.sendall(b"poweroff -f\n")
        assert self.process.wait(timeout=60) == 0
