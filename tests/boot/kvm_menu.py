"""SeaBIOS' boot menu by VNC: its picture under KVM is that under the translator. Prints one TAP line.

usage: kvm_menu.py NUMBER DIRECTORY    with VEMU_BUILD and VEMU_SRC set
"""
import os
import socket
import subprocess
import sys
import time

sys.path.append(os.path.join(os.environ["VEMU_SRC"], "tests", "cli"))
import rfb

ESCAPE = 0xff1b
SECONDS = 80
LOOKS = 5  # the cursor blinks


def wait_for(log, text):
    """Until the firmware has said it on its debug port."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with open(log, "rb") as f:
            if text in f.read():
                return
        time.sleep(0.2)
    sys.exit(f"{log}: {text.decode()} did not come")


def viewer(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return rfb.Viewer(s)


def look(path):
    """Size and colours; the fourth byte of a pixel is nothing."""
    time.sleep(0.2)
    with viewer(path) as v:
        data = v.pixels()[1]
        return v.width, v.height, data[0::4] + data[1::4] + data[2::4]


def menu(accel, folder):
    log, display = os.path.join(folder, "menu." + accel), os.path.join(folder, "vnc." + accel)
    disks = []
    for n in range(2):
        disks += ["-drive", f"file={folder}/disk.{accel}.{n},format=raw,if=ide"]
        with open(f"{folder}/disk.{accel}.{n}", "wb") as f:
            f.truncate(1 << 20)
    open(log, "wb").close()
    with subprocess.Popen(
            [os.environ["VEMU_BUILD"] + "/vemu-system-x86_64", "-accel", accel, "-m", "128", "-nodefaults", "-vga", "std",
             "-display", "none", "-boot", "menu=on", "-vnc", "unix:" + display, "-chardev",
             f"file,id=debug,path={log}", "-device", "isa-debugcon,iobase=0x402,chardev=debug"] + disks,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as vemu:
        try:
            wait_for(log, b"Press ESC for boot menu")
            with viewer(display) as v:
                v.type(ESCAPE)
                wait_for(log, b"Select boot device")
            time.sleep(1)  # the rest of the menu
            return {look(display) for _ in range(LOOKS)}
        finally:
            vemu.kill()


def main():
    number, folder = sys.argv[1:]
    kvm, tcg = menu("kvm", folder), menu("tcg", folder)
    same = kvm & tcg
    lit = max((len(data) - data.count(0) for _, _, data in same), default=0)
    ok = lit > 5000
    print(f"{'ok' if ok else 'not ok'} {number} - SeaBIOS' boot menu by VNC is the same picture as under tcg")
    if not ok:
        print(f"# {len(same)} of {len(kvm)} and {len(tcg)} pictures are the same, {lit} bytes of colour")


main()
