#!/usr/bin/env python3
"""An installed Debian (debian_image.sh) from its disk to a login, written to, and switched off; the
host's tools then find the same in the image. Once for each firmware and kind of disk:

    debian_boot.py IMAGE.qcow2 [NAME...]     NAME: bios-virtio, uefi-virtio, ... ; prints TAP

EMULATOR names another emulator to compare with.
"""
import hashlib, os, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from terminal import Machine, Tap

build = os.environ.get("VEMU_BUILD", ".")
emulator = os.environ.get("EMULATOR", build + "/vemu-system-x86_64")
img = build + "/vemu-img"
patience = int(os.environ.get("PATIENCE", "600"))

# ata: IDE on pc, AHCI on q35.
DISKS = {"virtio": "-device virtio-blk-pci,drive=d", "nvme": "-device nvme,drive=d,serial=debian",
         "ata": "-device ide-hd,drive=d"}
FIRMWARE = {"bios": "-M pc", "bios35": "-M q35", "uefi": "-M q35 -bios OVMF.fd", "uefipc": "-M pc -bios OVMF.fd"}
READ = "cat boot/vmlinuz-* boot/initrd.img-* usr/bin/*grep usr/lib/x86_64-linux-gnu/libc.so.6 | sha256sum"
PARTITION_3 = 135168 * 512


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode == 0, done.stdout.decode("latin1")


def tail(log):
    return open(log, errors="replace").read()[-1500:]


def boot(tap, name, image, dir):
    firmware, disk = name.split("-")
    log = os.path.join(os.environ.get("BOOT_LOGS", dir), "debian-%s.log" % name)
    top = os.path.join(dir, name + ".qcow2")
    run(img, "create", "-q", "-f", "qcow2", "-b", os.path.abspath(image), "-F", "qcow2", top)
    m = Machine([emulator, "-m", "512M", "-smp", "2", "-display", "none", "-serial", "stdio",
                 "-no-reboot", "-drive", "file=%s,if=none,id=d" % top] +
                (FIRMWARE[firmware] + " " + DISKS[disk]).split(), log)
    try:
        if not tap.ok(name + ": GRUB shows its menu", m.until("GNU GRUB", patience), tail(log)):
            return
        grub = m.seconds()
        if not tap.ok(name + ": the kernel starts", m.until("Linux version", patience), tail(log)):
            return
        kernel = m.seconds()
        good = m.until("debian login:", patience)
        login = m.seconds()
        if not tap.ok("%s: login (GRUB after %.1f s, kernel %.1f, login %.1f)" %
                      (name, grub, kernel, login), good, tail(log)):
            return
        m.send("root\n")
        m.until("Password:", 60)
        m.send("vemu\n")
        good = m.until(r"root@debian:~# ", 60)
        m.send("PS1=; stty -echo; dmesg -n 1\n")
        time.sleep(1)
        if not tap.ok(name + ": a shell for root", good and m.shell("cd /") is not None, tail(log)):
            return
        sum = m.shell("head -c 20000000 /dev/urandom >/root/random && sync && sha256sum </root/random", 120)
        found = m.shell(READ, 300)
        esp = m.shell("echo written by the guest >/boot/efi/GUEST.TXT")
        tap.ok(name + ": files are written", sum and esp is not None, tail(log))
        want = run("sh", "-c", "cd %s/root && %s" % (os.path.dirname(os.path.abspath(image)), READ))[1]
        tap.ok(name + ": what was installed is read", found and found == want.strip(),
               "%s, not %s" % (found, want))
        m.send("poweroff\n")
        tap.ok(name + ": and it powers off", m.ended(120) == 0, tail(log))
    finally:
        m.kill()
    good, said = run(img, "check", top)
    tap.ok(name + ": the image is sound", good, said)
    flat = os.path.join(dir, name + ".raw")
    run(img, "convert", "-O", "raw", top, flat)
    system = os.path.join(dir, "system")
    run("dd", "if=" + flat, "of=" + system, "bs=1M", "iflag=skip_bytes", "skip=%d" % PARTITION_3, "conv=sparse")
    good, said = run("/usr/sbin/e2fsck", "-fn", system)
    tap.ok(name + ": so is its file system", good, said)
    run("/usr/sbin/debugfs", "-R", "dump /root/random %s/random" % dir, system)
    content = open(dir + "/random", "rb").read()
    tap.ok(name + ": the file has what the guest wrote", len(content) == 20000000 and
           sum and hashlib.sha256(content).hexdigest() == sum.split()[0])
    good, said = run("mtype", "-i", "%s@@%d" % (flat, 4096 * 512), "::GUEST.TXT")
    tap.ok(name + ": so has the EFI system partition", said == "written by the guest\n", said)
    for f in (top, flat, system):
        os.unlink(f)


def main():
    tap = Tap()
    names = sys.argv[2:] or ["%s-%s" % (f, d) for d in DISKS for f in FIRMWARE]
    with tempfile.TemporaryDirectory() as dir:
        for name in names:
            boot(tap, name, sys.argv[1], dir)
    return tap.done()


sys.exit(main())
