"""Runs the command on a pseudo terminal and ends it in every way; prints TAP."""
import os, pty, resource, select, signal, sys, tempfile, termios, time

vemu = os.path.abspath(sys.argv[1])
count = failed = 0


def tap(ok, what, why=""):
    global count, failed
    count += 1
    failed += not ok
    print("%sok %d - %s" % ("" if ok else "not ", count, what))
    if not ok:
        print("# " + repr(why))
    sys.stdout.flush()


# 16-bit code: echo what comes in on the serial port.
#   mov dx,0x3fd; in al,dx; test al,1; jz -5; mov dx,0x3f8; in al,dx; out dx,al; jmp 0
code = bytes.fromhex("bafd03 ec a801 74fb baf803 ec ee ebf1".replace(" ", ""))
rom = bytearray(65536)
rom[: len(code)] = code
rom[0xFFF0:0xFFF3] = b"\xe9\x0d\x00"
rom_file = tempfile.NamedTemporaryFile(suffix=".rom")
rom_file.write(rom)
rom_file.flush()


class Run:
    def __init__(self, *options):
        self.fd, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.pid = os.fork()
        if self.pid == 0:
            os.login_tty(slave)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.execv(vemu, [vemu, "run", "--bios", rom_file.name, "--memory", "4M", *options])
        os.close(slave)
        self.text = b""

    def read(self, want=None, seconds=10):
        end = time.time() + seconds
        while time.time() < end and (want is None or want not in self.text):
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    got = os.read(self.fd, 4096)
                except OSError:
                    break
                if not got:
                    break
                self.text += got
        return want is None or want in self.text

    def type(self, text):
        os.write(self.fd, text)

    def raw(self, seconds=10):
        end = time.time() + seconds
        while time.time() < end:
            if not termios.tcgetattr(self.fd)[3] & termios.ICANON:
                return True
            time.sleep(0.02)
        return False

    def restored(self):
        now = termios.tcgetattr(self.fd)
        return now[:4] == self.before[:4]

    def wait(self, options=0):
        end = time.time() + 10
        while time.time() < end:
            self.read(seconds=0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG | options)
            if pid:
                return status
        os.kill(self.pid, signal.SIGKILL)
        return os.waitpid(self.pid, 0)[1]


run = Run()
tap(run.read(b"Ctrl-A x leaves"), "the way out is told", run.text)
tap(run.raw(), "the terminal is the guest's while it runs")
run.type(b"a")
tap(run.read(b"a\n", 0) or run.read(b"a"), "keys reach the guest", run.text)
run.text = b""
run.type(b"\x03")
tap(run.read(b"\x03"), "Ctrl-C is the guest's", run.text)
run.text = b""
run.type(b"\x01h")
tap(run.read(b"leave"), "Ctrl-A h shows the keys", run.text)
run.text = b""
run.type(b"\x01\x01")
tap(run.read(b"\x01"), "Ctrl-A Ctrl-A sends one Ctrl-A", run.text)
os.kill(run.pid, signal.SIGTSTP)
status = run.wait(os.WUNTRACED)
tap(os.WIFSTOPPED(status) and run.restored(), "a stopped command gives the terminal back", status)
os.kill(run.pid, signal.SIGCONT)
tap(run.raw(), "and takes it again when it is continued")
run.type(b"\x01x")
status = run.wait()
tap(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, "Ctrl-A x leaves with status 0", status)
tap(run.restored(), "the mode is as before")

for name in ("TERM", "INT", "HUP", "QUIT"):
    run = Run()
    run.raw()
    os.kill(run.pid, getattr(signal, "SIG" + name))
    status = run.wait()
    tap(os.WIFSIGNALED(status) and os.WTERMSIG(status) == getattr(signal, "SIG" + name),
        "SIG%s ends it by that signal" % name, status)
    tap(run.restored(), "SIG%s: the mode is as before" % name)

for name in ("SEGV", "ABRT", "BUS"):
    run = Run()
    run.raw()
    os.kill(run.pid, getattr(signal, "SIG" + name))
    status = run.wait()
    tap(os.WIFSIGNALED(status) and run.restored(), "a crash (SIG%s) puts the mode back" % name, status)

run = Run("--device", "isa-debug-exit,iobase=nonsense")
status = run.wait()
tap(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1 and run.restored(),
    "a mistake leaves the mode alone", run.text)
print("1..%d" % count)
sys.exit(failed != 0)
