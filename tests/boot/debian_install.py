#!/usr/bin/env python3
"""A system is installed from within a guest: an installed Debian (debian_image.sh) is started with an
empty second disk, fetches Debian through the user network and e1000 from the mirror of this host,
installs it on that disk with debootstrap, and the disk is started by itself.

    debian_install.py IMAGE.qcow2 DIR [bios|uefi]     DIR/installed-bios.qcow2; prints TAP

EMULATOR names another emulator to compare with.
"""
import os, subprocess, sys, tempfile
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
from terminal import Machine, Tap

build = os.environ.get("VEMU_BUILD", ".")
emulator = os.environ.get("EMULATOR", build + "/vemu-system-x86_64")
FIRMWARE = {"bios": "-M pc -bios bios-256k.bin", "uefi": "-M q35 -bios OVMF.fd"}
GRUB = {"bios": "grub-pc", "uefi": "grub-efi-amd64"}
TARGET = {"bios": "i386-pc /dev/vdb", "uefi": "x86_64-efi --efi-directory=/boot/efi --removable --no-nvram"}
PATIENCE = 3600 * int(os.environ.get("INSTALL_HOURS", "2"))
QUIET = "DEBIAN_FRONTEND=noninteractive"

# What is done in the guest, as {what it is: command}. A BIOS boot partition or an ESP, and ext4.
STEPS = {
    "the mirror is found": "apt-get -q update",
    "tools are fetched": QUIET + " apt-get -q -y install --no-install-recommends debootstrap fdisk dosfstools",
    "the disk is partitioned": r"printf 'label: gpt\nsize=64MiB, type=@TYPE@\ntype=linux\n' | sfdisk -q /dev/vdb && "
                               "udevadm settle && mkfs.ext4 -q -L new /dev/vdb2 && mkfs.vfat /dev/vdb1 && "
                               "mount /dev/vdb2 /mnt",
    "the system is fetched and installed": "debootstrap --variant=minbase --include=linux-image-amd64,systemd-sysv,"
                                           "initramfs-tools,@GRUB@ bookworm /mnt @MIRROR@",
    "it is set up": "echo installed >/mnt/etc/hostname && echo root:vemu | chroot /mnt chpasswd && "
                    "echo LABEL=new / ext4 defaults 0 1 >/mnt/etc/fstab && "
                    "for d in dev proc sys; do mount --rbind /$d /mnt/$d || exit 1; done",
    "GRUB is installed": "mkdir -p /mnt/boot/efi && { [ @GRUB@ = grub-pc ] || mount /dev/vdb1 /mnt/boot/efi; } && "
                         "echo 'GRUB_CMDLINE_LINUX=console=ttyS0' >>/mnt/etc/default/grub && "
                         "echo 'GRUB_TERMINAL=serial' >>/mnt/etc/default/grub && "
                         "chroot /mnt grub-install --target=@TARGET@ && chroot /mnt update-grub",
    # What is mounted below (/sys, in use by the system that installs) goes when nobody uses it.
    "it is written out": "sync && umount -R --lazy /mnt && sync",
}
TYPE = {"bios": "21686148-6449-6E6F-744E-656564454649", "uefi": "uefi"}


def tail(log):
    return open(log, errors="replace").read()[-1500:]


def start(name, log, *more):
    return Machine([emulator, "-m", "1G", "-smp", "2", "-display", "none", "-serial", "stdio", "-no-reboot"] +
                   FIRMWARE[name].split() + list(more), log)


def log_in(m, host):
    if not m.until(host + " login:", 900):
        return False
    m.send("root\n")
    m.until("Password:", 60)
    m.send("vemu\n")
    if not m.until("# ", 60):
        return False
    m.send("PS1=; stty -echo; dmesg -n 1\n")
    return m.shell("sleep 1; cd /") is not None


def install(tap, name, image, disk, mirror, dir):
    log = os.path.join(os.environ.get("BOOT_LOGS", dir), "install-%s.log" % name)
    top = os.path.join(dir, "top.qcow2")
    subprocess.run([build + "/vemu-img", "create", "-q", "-f", "qcow2", "-b", os.path.abspath(image), "-F",
                    "qcow2", top], check=True)
    subprocess.run([build + "/vemu-img", "create", "-q", "-f", "qcow2", disk, "20G"], check=True)
    m = start(name, log, "-drive", "file=%s,if=virtio,format=qcow2" % top, "-drive",
              "file=%s,if=virtio,format=qcow2" % disk, "-netdev", "user,id=n", "-device", "e1000,netdev=n")
    try:
        if not tap.ok(name + ": the system that installs is up", log_in(m, "debian"), tail(log)):
            return False
        for what, command in STEPS.items():
            for key, value in (("GRUB", GRUB[name]), ("TARGET", TARGET[name]), ("TYPE", TYPE[name]),
                               ("MIRROR", mirror)):
                command = command.replace("@%s@" % key, value)
            good = m.shell(command, PATIENCE) is not None
            if not tap.ok("%s: %s (after %d s)" % (name, what, m.seconds()), good, tail(log)):
                return False
        m.send("poweroff\n")
        return tap.ok(name + ": switched off", m.ended(300) == 0, tail(log))
    finally:
        m.kill()


def boot(tap, name, disk, dir):
    log = os.path.join(os.environ.get("BOOT_LOGS", dir), "installed-%s.log" % name)
    m = start(name, log, "-drive", "file=%s,if=virtio,format=qcow2" % disk)
    try:
        good = log_in(m, "installed")
        tap.ok("%s: what was installed starts to a login (after %d s)" % (name, m.seconds()), good, tail(log))
        m.send("poweroff\n")
        tap.ok(name + ": and switches off", m.ended(300) == 0, tail(log))
    finally:
        m.kill()


def main():
    tap = Tap()
    mirror = subprocess.run(["sh", "-c", ". %s/debian.sh; debian_mirror" % here], stdout=subprocess.PIPE)
    for name in sys.argv[3:] or ["bios"]:
        disk = os.path.join(sys.argv[2], "installed-%s.qcow2" % name)
        with tempfile.TemporaryDirectory() as dir:
            if install(tap, name, sys.argv[1], disk, mirror.stdout.decode().strip(), dir):
                boot(tap, name, disk, dir)
        good = subprocess.run([build + "/vemu-img", "check", "-q", disk]).returncode == 0
        tap.ok(name + ": the image is sound", good)
    return tap.done()


sys.exit(main())
