"""The monitor for people: what it says, how it is reached, and what lines do."""
import os
import pty
import re
import select
import socket
import subprocess
import time
import tty

from qmp_client import Client
from qmp_machine import Machine, QMP, rom, run, vemu

PROMPT = b"(vemu) "
SERVER = "unix:%s,server=on,wait=off"


class Terminal:
    """Somebody at a terminal, who knows what to wait for."""

    def __init__(self, fd):
        self.fd, self.got = fd, b""

    def until(self, what, seconds=120):
        end = time.time() + seconds
        while what not in self.got:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.time()))
            data = os.read(self.fd, 65536) if ready else b""
            if not data:
                raise AssertionError("no %r in %r" % (what, self.got))
            self.got += data
        at = self.got.index(what) + len(what)
        said, self.got = self.got[:at], self.got[at:]
        return said

    def type(self, text):
        os.write(self.fd, text)

    def ask(self, line):
        """What the monitor says to a line, without the echo and the next prompt."""
        self.type(line.encode() + b"\r")
        echo = self.until(line.encode() + b"\r\n")
        return self.until(PROMPT)[:-len(PROMPT)].decode() if echo else None


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    for tries in range(200):
        try:
            s.connect(path)
            break
        except (ConnectionRefusedError, FileNotFoundError):
            time.sleep(0.02)
    s.setblocking(True)
    connect.kept.append(s)
    return Terminal(s.fileno())


connect.kept = []


def monitor(path="mon"):
    t = connect(path)
    t.until(PROMPT)
    return t


def with_monitor(*options):
    if os.path.exists("mon"):
        os.unlink("mon")
    return Machine("-monitor", SERVER % "mon", *options, wait="mon")


def greets_and_does_what_it_is_told():
    with with_monitor(*QMP) as m:
        t = connect("mon")
        assert b"monitor: help lists what there is\r\n" in t.until(PROMPT)
        assert t.ask("info status") == "VM status: running\r\n"
        assert t.ask("stop") == ""
        assert t.ask("info status") == "VM status: paused\r\n"
        qmp = Client("m.sock")
        assert qmp.ask("query-status")["status"] == "paused"
        assert t.ask("c") == "" and qmp.event("RESUME")
        assert t.ask("system_reset") == "" and qmp.event("RESET")
        assert t.ask("") == ""
        assert "is it 'system_reset'?" in t.ask("system_rest")
        assert t.ask("# nothing") == ""
        t.type(b"quit\r")
        assert m.status() == 0


def help_and_info_tell_what_there_is():
    with with_monitor():
        t = monitor()
        lines = t.ask("help").split("\r\n")[:-1]
        names = [re.split(r"[ |]", line)[0] for line in lines]
        assert len(names) == len(set(names)) > 30, names
        for line in lines:
            assert " -- " in line and len(line) < 120, line
        assert t.ask("?") == "\r\n".join(lines) + "\r\n"
        assert t.ask("help x").startswith("x /FORMAT ADDRESS -- ")
        subjects = [line.split()[1] for line in t.ask("info").split("\r\n")[:-1]]
        for subject in subjects:
            said = t.ask("info " + subject)
            assert not said.startswith("Error") or subject == "balloon", (subject, said)
        assert "nothing to know of 'everything'" in t.ask("info everything")
        t.type(b"info vers\t\r")
        assert b"8." in t.until(PROMPT)


def stopped_in_the_loop(t):
    """Its processor may not have come that far yet, on a host that is busy. The registers."""
    for _ in range(1000):
        t.ask("stop")
        registers = dict(w.split("=") for w in t.ask("info registers").split() if "=" in w)
        if int(registers["CS_BASE"], 16) + int(registers["RIP"], 16) in (0xf0000, 0xffff0000):
            return registers
        t.ask("cont")
        time.sleep(0.01)
    raise AssertionError(registers)


def memory_and_registers_are_looked_into():
    with with_monitor():
        t = monitor()
        registers = stopped_in_the_loop(t)
        # The ROM: a jump at the top, filled up with nops, a loop at the start.
        assert t.ask("xp/4xb 0xf0000") == "00000000000f0000: 0xeb 0xfe 0x90 0x90\r\n"
        assert t.ask("xp/2xh 0xf0000") == "00000000000f0000: 0xfeeb 0x9090\r\n"
        assert t.ask("xp/1dw 0xf0000 + 4") == "00000000000f0004: -1869574000\r\n"
        assert t.ask("xp/5xg 0xf0002").count("\r\n") == 3
        assert t.ask("x/2xb $cs_base + $rip").endswith(": 0xeb 0xfe\r\n")
        assert t.ask("print $pc") == "0x%x\r\n" % int(registers["RIP"], 16)
        assert t.ask("p/d (2 + 3) * 4 - 0x10 / 2") == "12\r\n"
        assert t.ask("p/x ~0 & 0xff ^ 0xf") == "0xf0\r\n"
        assert t.ask("p/c 65") == "'A'\r\n"
        assert t.ask("gva2gpa 0x1234") == "gpa: 0x1234\r\n"
        for line, why in (("p 1 / 0", "division"), ("p (1", "')'"), ("p $nothing", "register"),
                          ("p 1 2", "operator"), ("p " + "(" * 100, "deep"), ("p", "usage"),
                          ("xp/0x 0", "count"), ("xp/4z 0", "format"), ("x", "usage"),
                          ("xp 0xffffffff00000000", "no memory"), ("cpu 1", "no vCPU 1")):
            said = t.ask(line)
            assert said.count("Error: ") == 1 and why in said, (line, said)
        assert t.ask("pmemsave 0xf0000 16 \"a file\"") == ""
        with open("a file", "rb") as f:
            assert f.read() == b"\xeb\xfe" + b"\x90" * 14


def parts_come_and_go():
    with open("cd.raw", "wb") as f:
        f.write(bytes(1 << 20))
    with with_monitor("-device", "ide-cd,id=cd0", "-nic", "user,id=net0", *QMP):
        t, qmp = monitor(), Client("m.sock")
        assert "cd0: [not inserted]" in t.ask("info block")
        assert t.ask("change cd0 cd.raw raw") == ""
        assert "cd.raw (raw, read-only)" in t.ask("info block cd0")
        assert t.ask("eject cd0") == ""
        assert "[not inserted]" in t.ask("info block cd0")
        assert "Error" in t.ask("eject nothing") and "Error" in t.ask("info block nothing")
        assert t.ask("netdev_add user,id=n2,net=10.9.0.0/24") == ""
        assert "n2: no device, link up" in t.ask("info network")
        assert t.ask("device_add e1000,id=nic2,netdev=n2") == ""
        assert "id \"nic2\"" in t.ask("info pci") and "netdev = n2" in t.ask("info qtree")
        assert t.ask("set_link n2 off") == "" and "n2: link down" in t.ask("info network")
        assert "usage: set_link" in t.ask("set_link n2 half")
        assert "Error" in t.ask("netdev_del n2")
        assert t.ask("object_add secret,id=s,data=x") == "" and t.ask("object_del s") == ""
        assert "Error" in t.ask("object_del s")
        assert "Error" in t.ask("device_add nothing") and "usage" in t.ask("device_add")
        assert [c["label"] for c in qmp.ask("query-chardev")].count("compat_monitor0") == 1


def keys_and_pictures_work():
    with with_monitor("-vga", "std", "-vnc", "none,id=v,password=on"):
        t = monitor()
        assert t.ask("sendkey ctrl-alt-delete") == ""
        assert t.ask("sendkey ctrl-minus 50") == "" and t.ask("sendkey 0x1e") == ""
        assert "Error" in t.ask("sendkey nothing") and "usage" in t.ask("sendkey")
        assert t.ask("mouse_move 5 -5") == "" and t.ask("mouse_button 1") == ""
        assert t.ask("screendump shot.ppm") == "" and t.ask("screendump -f png shot.png") == ""
        assert open("shot.ppm", "rb").read(2) == b"P6"
        assert open("shot.png", "rb").read(4) == b"\x89PNG"
        assert t.ask("change vnc password secret") == ""
        assert t.ask("set_password vnc other -d v keep") == ""
        assert t.ask("expire_password vnc never") == ""


def a_line_is_edited():
    with with_monitor():
        t = monitor()
        t.type(b"info nonsense\x17name\x01\x05\r")
        assert t.until(PROMPT)
        assert t.ask("stop") == ""
        t.type(b"\x1b[A\x1b[A")  # twice back
        t.until(b"info name")
        t.type(b"\r")
        t.until(PROMPT)
        t.type(b"info status\x03info uuid\r")
        assert b"VM status" not in t.until(b"00000000-0000")
        t.until(PROMPT)
        t.type(b"info name\rinfo name\r" * 50)  # faster than lines run
        for _ in range(100):
            t.until(PROMPT)


def a_serial_port_shares_its_place():
    if os.path.exists("both"):
        os.unlink("both")
    with Machine("-serial", "mon:" + SERVER % "both", *QMP, wait="both",
                 start=("-bios", rom("rom", b"\xeb\xfe"), "-m", "4M")):
        t, qmp = connect("both"), Client("m.sock")
        t.type(b"G")  # for the guest
        t.type(b"\x01c")
        t.until(PROMPT)
        assert t.ask("i/b 0x3f8") == "portb[0x03f8] = 0x47\r\n"
        t.type(b"o/b 0x3f8 0x41\r")
        t.until(b"o/b 0x3f8 0x41\r\n")
        assert b"A" in t.until(PROMPT)  # the port's output comes all the same
        t.type(b"\x01cH\x01\x01\x01c")
        t.until(PROMPT)
        assert t.ask("i/b 0x3f8").endswith("0x48\r\n")
        assert t.ask("i/b 0x3f8").endswith("0x01\r\n")
        labels = [c["label"] for c in qmp.ask("query-chardev")]
        assert labels[:3] == ["serial0-base", "serial0", "serial0-base-port1"], labels


def the_command_has_it_at_its_terminal():
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    p = subprocess.Popen([vemu, "-bios", rom("rom", b"\xeb\xfe"), "-m", "4M"], stdin=theirs,
                         stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    t = Terminal(ours)
    time.sleep(0.1)
    try:
        t.type(b"\x01c")
        t.until(PROMPT)
        assert t.ask("info status") == "VM status: running\r\n"
        t.type(b"\x01c\x01cinfo name\r")
        t.until(PROMPT)
        t.until(PROMPT)
        t.type(b"quit\r")
        assert p.wait(timeout=60) == 0
    finally:
        p.kill()
        p.wait()
        p.stderr.close()
        os.close(ours)


def chardevs_are_shared_by_name():
    if os.path.exists("shared"):
        os.unlink("shared")
    with Machine("-chardev", "socket,path=shared,server=on,wait=off,id=a,mux=on", "-mon",
                 "chardev=a", "-mon", "chardev=a,mode=control", "-device",
                 "isa-debugcon,chardev=a,iobase=0xe9", "-serial", "chardev:a", wait="shared",
                 start=("-bios", rom("rom", b"\xeb\xfe"), "-m", "4M")):
        t = connect("shared")
        t.type(b"\x01c" * 10)  # all of them are there: round and round
        t.until(b'"QMP"')
        t.until(PROMPT)
        t.type(b"\x01c" * 4)
        t.until(PROMPT)


def the_control_protocol_has_it():
    with Machine(*QMP, "-smp", "2"):
        qmp = Client("m.sock")
        hmp = lambda line, **more: qmp.ask("human-monitor-command", command_line=line, **more)
        assert hmp("info status") == "VM status: running\r\n"
        qmp.ask("stop")
        assert hmp("info cpus").startswith("* CPU #0") and "* CPU #1" in hmp("info cpus", cpu_index=1)
        assert "CPU#1" in hmp("info registers", cpu_index=1)
        assert "CPU#1" not in hmp("info registers") and "CPU#1" in hmp("info registers -a")
        assert qmp.refused("human-monitor-command", command_line="help", cpu_index=2) == "GenericError"
        assert hmp("stop") == "" and hmp("") == "" and hmp("  \t ") == ""
        assert "Error: usage: cpu N" in hmp("cpu")


def mistakes_are_told():
    for options, words in ((["-monitor", "nonsense"], ["-monitor", "no such back end"]),
                           (["-monitor", "chardev:a"], ["-monitor", "id=a"]),
                           (["-mon", "chardev=a,mode=x"], ["-mon", "readline"]),
                           (["-serial", "mon:file:x"], ["-serial", "mux"]),
                           (["-monitor", "stdio", "-serial", "stdio"], ["standard input"])):
        p = subprocess.run([vemu, "-m", "4M", *options], stdin=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, timeout=60)
        said = p.stderr.decode()
        assert p.returncode == 1 and said.count("\n") == 1, (options, said)
        for word in words:
            assert word in said, (options, said)


run("monitor", [greets_and_does_what_it_is_told, help_and_info_tell_what_there_is,
                memory_and_registers_are_looked_into, parts_come_and_go, keys_and_pictures_work,
                a_line_is_edited, a_serial_port_shares_its_place,
                the_command_has_it_at_its_terminal, chardevs_are_shared_by_name,
                the_control_protocol_has_it, mistakes_are_told])
