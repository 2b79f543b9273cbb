#!/usr/bin/env python3
"""An installed Debian (debian_image.sh) from its disk to a login, written to, fetching a file, and switched
off; the host's tools then find the same in the image. Once for each firmware and kind of disk:

    debian_boot.py IMAGE.qcow2 [NAME...]     NAME: bios-virtio, uefi-virtio, ... ; prints TAP

ARCH=arm64 says what the image is for. EMULATOR names another emulator to compare with.
"""
import hashlib, http.server, os, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from terminal import Machine, Tap

build = os.environ.get("VEMU_BUILD", ".")
arch = os.environ.get("ARCH", "amd64")
emulator = os.environ.get("EMULATOR", build + "/vemu-system-" + {"amd64": "x86_64", "arm64": "aarch64"}[arch])
img = build + "/vemu-img"
patience = int(os.environ.get("PATIENCE", "600"))

DISKS = {"virtio": "-device virtio-blk-pci,drive=d", "nvme": "-device nvme,drive=d,serial=debian"}
if arch == "amd64":
    # ata: IDE on pc, AHCI on q35.
    DISKS["ata"] = "-device ide-hd,drive=d"
    FIRMWARE = {"bios": "-M pc", "bios35": "-M q35", "uefi": "-M q35 -bios OVMF.fd",
                "uefipc": "-M pc -bios OVMF.fd"}
else:
    FIRMWARE = {"uefi": "-M virt -bios QEMU_EFI.fd", "uefi3": "-M virt,gic-version=3 -bios QEMU_EFI.fd"}
READ = "readlink -f boot/vmlinuz-* boot/initrd.img-* usr/bin/*grep usr/lib/*-linux-gnu/libc.so.6"
ESP, SYSTEM = 4096 * 512, 135168 * 512


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode == 0, done.stdout.decode("latin1")


def tail(log):
    return open(log, errors="replace").read()[-1500:]


def served(dir, size):
    """The address and the digest of a file that the host serves."""
    data = os.urandom(size)
    with open(os.path.join(dir, "served"), "wb") as f:
        f.write(data)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=dir)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "http://10.0.2.2:%d/served" % server.server_port, hashlib.sha256(data).hexdigest()


def log_in(tap, name, m, log):
    if not tap.ok(name + ": GRUB shows its menu", m.until("GNU GRUB", patience), tail(log)):
        return False
    grub = m.seconds()
    if not tap.ok(name + ": the kernel starts", m.until("Linux version", patience), tail(log)):
        return False
    kernel = m.seconds()
    good = m.until("debian login:", patience)
    if not tap.ok("%s: login (GRUB after %.1f s, kernel %.1f, login %.1f)" %
                  (name, grub, kernel, m.seconds()), good, tail(log)):
        return False
    m.send("root\n")
    m.until("Password:", 60)
    m.send("vemu\n")
    good = m.until(r"root@debian:~# ", 60)
    m.send("PS1=; stty -echo; dmesg -n 1\n")
    time.sleep(1)
    return tap.ok(name + ": a shell for root", good and m.shell("cd /") is not None, tail(log))


def fetch(tap, name, m, dir, log):
    url, sum = served(dir, 8000000)
    lease = m.shell("for n in $(seq 120); do ip -4 addr | grep 10.0.2.15 && break; sleep 1; done", 150)
    tap.ok(name + ": the network card has its lease", lease and "10.0.2.15" in lease, tail(log))
    m.shell("/usr/lib/apt/apt-helper -o Acquire::http::Proxy::10.0.2.2=DIRECT download-file %s /root/fetched" % url, 120)
    got = m.shell("sha256sum </root/fetched")
    tap.ok(name + ": what is fetched is what was served", got and got.split()[0] == sum, tail(log))


def use(tap, name, m, system, dir, log):
    """What the guest has in the file it wrote."""
    sum = m.shell("head -c 20000000 /dev/urandom >/root/random && sync && sha256sum </root/random", 120)
    esp = m.shell("echo written by the guest >/boot/efi/GUEST.TXT")
    tap.ok(name + ": files are written", sum and esp is not None, tail(log))
    names = (m.shell("cd / && " + READ) or "").split()
    found = m.shell("cat %s | sha256sum" % " ".join(names), 300)
    want = hashlib.sha256()
    for n in names:
        run("/usr/sbin/debugfs", "-R", "dump %s %s/installed" % (n, dir), system)
        want.update(open(dir + "/installed", "rb").read())
    tap.ok(name + ": what was installed is read", len(names) > 4 and found and
           found.split()[0] == want.hexdigest(), "%s, not %s" % (found, want.hexdigest()))
    fetch(tap, name, m, dir, log)
    return sum


def system_of(image, dir, name):
    """The image without its format, and the file system in it."""
    flat, system = os.path.join(dir, name + ".raw"), os.path.join(dir, name + ".system")
    run(img, "convert", "-O", "raw", image, flat)
    run("dd", "if=" + flat, "of=" + system, "bs=1M", "iflag=skip_bytes", "skip=%d" % SYSTEM, "conv=sparse")
    return flat, system


def look_at(tap, name, top, sum, dir):
    """What the host's own tools say of it."""
    good, said = run(img, "check", top)
    tap.ok(name + ": the image is sound", good, said)
    flat, system = system_of(top, dir, name)
    good, said = run("/usr/sbin/e2fsck", "-fn", system)
    tap.ok(name + ": so is its file system", good, said)
    run("/usr/sbin/debugfs", "-R", "dump /root/random %s/random" % dir, system)
    content = open(dir + "/random", "rb").read()
    tap.ok(name + ": the file has what the guest wrote", len(content) == 20000000 and
           sum and hashlib.sha256(content).hexdigest() == sum.split()[0])
    good, said = run("mtype", "-i", "%s@@%d" % (flat, ESP), "::GUEST.TXT")
    tap.ok(name + ": so has the EFI system partition", said == "written by the guest\n", said)
    for f in (flat, system):
        os.unlink(f)


def boot(tap, name, image, system, dir):
    firmware, disk = name.split("-")
    log = os.path.join(os.environ.get("BOOT_LOGS", dir), "debian-%s.log" % name)
    top = os.path.join(dir, name + ".qcow2")
    run(img, "create", "-q", "-f", "qcow2", "-b", os.path.abspath(image), "-F", "qcow2", top)
    m = Machine([emulator, "-m", "512M", "-smp", "2", "-display", "none", "-serial", "stdio",
                 "-no-reboot", "-drive", "file=%s,if=none,id=d" % top, "-netdev", "user,id=n",
                 "-device", "virtio-net-pci,netdev=n"] +
                (FIRMWARE[firmware] + " " + DISKS[disk]).split(), log)
    try:
        if not log_in(tap, name, m, log):
            return
        sum = use(tap, name, m, system, dir, log)
        m.send("poweroff\n")
        tap.ok(name + ": and it powers off", m.ended(120) == 0, tail(log))
    finally:
        m.kill()
    look_at(tap, name, top, sum, dir)
    os.unlink(top)


def main():
    tap = Tap()
    names = sys.argv[2:] or ["%s-%s" % (f, d) for d in DISKS for f in FIRMWARE]
    with tempfile.TemporaryDirectory() as dir:
        system = system_of(sys.argv[1], dir, "installed")[1]
        for name in names:
            boot(tap, name, sys.argv[1], system, dir)
    return tap.done()


sys.exit(main())
