"""A machine whose first serial port is talked to; for scripts that drive an installed system."""
import os, re, select, subprocess, time


class Machine:
    def __init__(self, command, log):
        self.log = open(log, "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.text = b""  # what was not matched yet
        self.started = time.monotonic()

    def send(self, text):
        os.write(self.process.stdin.fileno(), text.encode())

    def until(self, pattern, seconds):
        """The match, or None: it ended or took too long. What comes before it is forgotten."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern.encode(), self.text, re.S)
            if found:
                self.text = self.text[found.end():]
                return found
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            got = os.read(self.process.stdout.fileno(), 65536)
            if not got:
                return None
            self.log.write(got)
            self.log.flush()
            self.text += got

    def shell(self, command, seconds=60):
        """Output of a command at a prompt; None: it did not come back, or failed."""
        self.send("%s; echo STATUS=$?=\n" % command)
        found = self.until(r"\n(.*?)STATUS=(\d+)=\r?\n", seconds)
        if not found or found.group(2) != b"0":
            return None
        return found.group(1).decode("latin1").replace("\r", "").strip()

    def ended(self, seconds):
        """The status when it ends by itself, else None and it is killed."""
        self.until("never shown", seconds)
        try:
            return self.process.wait(1)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def seconds(self):
        return time.monotonic() - self.started


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def ok(self, what, good, why=""):
        self.n += 1
        print("%sok %d - %s" % ("" if good else "not ", self.n, what), flush=True)
        if not good:
            self.failed += 1
            for line in why.splitlines()[-20:]:
                print("# " + line, flush=True)
        return good

    def done(self):
        print("1..%d" % self.n)
        return 1 if self.failed else 0
