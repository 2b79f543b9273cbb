"""Machines for tests of the control protocol, in a directory of their own, and the runner of such
tests. The program is the first argument."""
import os
import subprocess
import sys
import tempfile
import time
import traceback

vemu = os.path.abspath(sys.argv[1])
dir = tempfile.TemporaryDirectory()
os.chdir(dir.name)

# 16-bit code at 0 of the ROM; the processor starts at 0xfff0 with a jump there.
SPIN = b"\xeb\xfe"


def rom(name, code):
    with open(name, "wb") as f:
        f.write(code.ljust(0xfff0, b"\x90") + b"\xe9\x0d\x00".ljust(16, b"\x90"))
    return name


class Machine:
    def __init__(self, *options, code=SPIN, wait="m.sock", pass_fds=(), start=None,
                 program=vemu):
        if wait == "m.sock" and os.path.exists(wait):
            os.unlink(wait)
        self.process = subprocess.Popen(
            [program, *(start or ("-bios", rom("rom", code), "-m", "4M", "-serial", "null")), *options],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=pass_fds)
        for _ in range(600):
            if not wait or os.path.exists(wait) or self.process.poll() is not None:
                break
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def status(self):
        return self.process.wait(timeout=60)


QMP = ("-qmp", "unix:m.sock,server=on,wait=off")


def run(area, tests):
    failed = 0
    print("1..%d" % len(tests))
    for i, test in enumerate(tests):
        name = "%s: %s" % (area, test.__name__.replace("_", " "))
        try:
            test()
            print("ok %d - %s" % (i + 1, name), flush=True)
        except Exception:
            failed = 1
            print("not ok %d - %s" % (i + 1, name), flush=True)
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()))
    sys.exit(failed)
