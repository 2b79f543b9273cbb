"""quickstart.sh on a pseudo terminal, as a newcomer sees it; prints TAP tests 3 and 4."""
import os, pty, select, sys, termios, time

fd, slave = pty.openpty()
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.login_tty(slave)
    os.execvp("sh", ["sh", "quickstart.sh"])
text = b""


def read_until(want, seconds):
    global text
    end = time.time() + seconds
    while time.time() < end:
        if want and want in text:
            return True
        if select.select([fd], [], [], 0.1)[0]:
            try:
                got = os.read(fd, 4096)
            except OSError:
                got = b""
            if not got:
                break
            text += got
        elif not want and os.waitpid(pid, os.WNOHANG)[0]:
            break
    return False


told = read_until(b"Ctrl-A x", 120)
shell = read_until(b"# ", 60) and read_until(b"vemu:", 60)
os.write(fd, b"echo $((40 + 2))-is-it\r")
answered = read_until(b"42-is-it", 20)
os.write(fd, b"exit\r")
end, status = time.time() + 30, None
while time.time() < end and status is None:
    read_until(b"\0none\0", 0.2)
    done, code = os.waitpid(pid, os.WNOHANG)
    if done:
        status = code
if status is None:
    os.kill(pid, 15)
good = told and shell and answered and status == 0
print("%sok 3 - with a terminal it ends in a shell, and exit powers off" % ("" if good else "not "))
if not good:
    print("# told %s, shell %s, answered %s, status %s" % (told, shell, answered, status))
    for line in text.decode("latin1").splitlines()[-8:]:
        print("# | " + line)
same = termios.tcgetattr(slave)[:4] == before[:4]
print("%sok 4 - the terminal is as before" % ("" if same else "not "))
sys.exit(not (good and same))
