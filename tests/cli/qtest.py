"""Conversations in the text protocol of device tests: qtest.txt has what a test says and what it is
answered. usage: qtest.py PROGRAM NAME [--peer] [--write]

--peer: the distribution's emulator, which is built without that accelerator: its processors stay
stopped instead, and conversations that step the clock are left out. --write prints what PROGRAM
answers, for looking at it."""
import os
import socket
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))


def sections():
    """[name, options, [(command, [answer line, ...])]]"""
    found = []
    for line in open(os.path.join(here, "qtest.txt")):
        line = line.rstrip("\n")
        if line.startswith("== "):
            name, _, options = line[3:].partition(" | ")
            found.append([name, options.split(), []])
        elif line.startswith("> "):
            found[-1][2].append((line[2:], []))
        elif line.startswith("< "):
            found[-1][2][-1][1].append(line[2:])
    return found


class Machine:
    """The program connects to the test, as it does for test suites written for it."""

    def __init__(self, program, accel, options, dir):
        path = os.path.join(dir, "sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(60)
        self.process = subprocess.Popen(
            [program, "-M", "pc", "-m", "16M", "-display", "none", "-qtest",
             "unix:" + path, "-qtest-log", "/dev/null", "-nodefaults", *accel, *options],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            self.sock = listener.accept()[0]
        except socket.timeout:
            self.process.kill()
            raise AssertionError(self.process.stderr.read())
        self.sock.settimeout(60)
        self.file = self.sock.makefile("rw", newline="\n")
        listener.close()
        os.unlink(path)

    def ask(self, command):
        self.file.write(command + "\n")
        self.file.flush()
        said = []
        while True:
            line = self.file.readline()
            if not line:
                return said + ["(gone)"]
            said.append(line.rstrip("\n"))
            if not line.startswith("IRQ "):
                return said

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def main():
    program, name = sys.argv[1:3]
    write, peer = "--write" in sys.argv, "--peer" in sys.argv
    accel = ["-accel", "tcg", "-S"] if peer else ["-accel", "qtest"]
    all = [s for s in sections()
           if not peer or not (s[0].startswith("vemu: ") or any(c.startswith("clock_") for c, _ in s[2]))]
    if not write:
        print("1..%d" % len(all))
    failed = 0
    for i, (title, options, talk) in enumerate(all):
        wrong = []
        with tempfile.TemporaryDirectory() as dir:
            m = Machine(program, accel, options, dir)
            if write:
                print("\n== " + title + (" | " + " ".join(options) if options else ""))
            for command, want in talk:
                said = m.ask(command)
                if write:
                    print("> " + command)
                    print("".join("< " + line + "\n" for line in said), end="")
                elif said != want:
                    wrong.append("%s: %s, wanted %s" % (command, said, want))
            m.end()
        if not write:
            print("%s %d - %s: %s" % ("not ok" if wrong else "ok", i + 1, name, title), flush=True)
            print("".join("# " + w + "\n" for w in wrong[:12]), end="")
            failed |= bool(wrong)
    sys.exit(failed)


main()
