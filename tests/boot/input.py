"""Types and moves, once the guest says that it is ready: PATH of the control socket, the guest's log,
PROGRAM for `vemu ctl` or nothing. `abs`: the pointer takes positions."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from qmp_client import Client

path, log, vemu, kind = sys.argv[1:]
for _ in range(600):
    if os.path.exists(path) and os.path.exists(log) and b"INPUT ready" in open(log, "rb").read():
        break
    time.sleep(0.1)
c = Client(path)


def key(name, down):
    return {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}}


def button(name, down):
    return {"type": "btn", "data": {"down": down, "button": name}}


def move(axis, value):
    return {"type": kind, "data": {"axis": axis, "value": value}}


def send(*events):
    c.ask("input-send-event", events=list(events))
    time.sleep(0.05)


send(key("a", True))
send(key("a", False))
send(move("x", 100), move("y", 7))
send(move("x", 50), move("y", -7 if kind == "rel" else 20000))
send(button("left", True))
send(button("left", False))
send(button("wheel-up", True), button("wheel-up", False))
send(button("side", True))
send(button("side", False))
number = [{"type": "number", "data": n} for n in (0x1d, 0xd3)]
c.ask("send-key", keys=number, **{"hold-time": 10})
time.sleep(0.2)
c.close()
for words in (["type", "Q-"], ["send-key", "shift_r-kp_enter"]):
    subprocess.run([vemu, "ctl", path, *words], check=True)
    time.sleep(0.3)
c = Client(path)
c.ask("send-key", keys=[{"type": "qcode", "data": "f12"}], **{"hold-time": 10})
time.sleep(0.5)
