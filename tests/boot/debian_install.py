#!/usr/bin/env python3
"""Debian's installer, unattended, from its first instruction to an installed system that is booted:

    debian_install.py DIR [bios|uefi]     DIR/installed-bios.qcow2; prints TAP

It is started by -kernel (package debian-installer-12-netboot-amd64); what it installs comes
through the user network from the mirror of this host.
EMULATOR names another emulator to compare with.
"""
import gzip, os, subprocess, sys, tempfile
from urllib.parse import urlparse
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
from terminal import Machine, Tap

build = os.environ.get("VEMU_BUILD", ".")
emulator = os.environ.get("EMULATOR", build + "/vemu-system-x86_64")
NETBOOT = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/"
FIRMWARE = {"bios": "-M pc -bios bios-256k.bin", "uefi": "-M q35 -bios OVMF.fd"}
HOURS = 3600 * int(os.environ.get("INSTALL_HOURS", "3"))

# What the installer says as it goes, for people who watch.
STEPS = ["Configuring the network", "Installing the base system", "Configuring apt", "Select and install software",
         "Installing GRUB boot loader", "Finishing the installation"]


def mirror():
    text = subprocess.run(["sh", "-c", ". %s/debian.sh; debian_mirror" % here], stdout=subprocess.PIPE).stdout
    url = urlparse(text.decode().strip())
    return url.netloc, url.path


def make_initrd(dir):
    """The installer's with the answers in it: a kernel takes archives one after the other."""
    host, directory = mirror()
    text = open(here + "/preseed.cfg").read()
    for key, value in (("HOST", host), ("DIRECTORY", directory), ("DISK", "/dev/vda")):
        text = text.replace("@%s@" % key, value)
    open(dir + "/preseed.cfg", "w").write(text)
    subprocess.run([build + "/tools/mkinitramfs", dir + "/more", "f:preseed.cfg=%s/preseed.cfg:644" % dir],
                   check=True)
    with open(dir + "/initrd", "wb") as out:
        out.write(open(NETBOOT + "initrd.gz", "rb").read())
        out.write(gzip.compress(open(dir + "/more", "rb").read()))
    return dir + "/initrd"


def install(tap, name, disk, dir):
    log = os.path.join(os.environ.get("BOOT_LOGS", dir), "install-%s.log" % name)
    subprocess.run([build + "/vemu-img", "create", "-q", "-f", "qcow2", disk, "6G"], check=True)
    m = Machine([emulator, "-m", "1G", "-smp", "2", "-display", "none", "-serial", "stdio", "-no-reboot",
                 "-kernel", NETBOOT + "linux", "-initrd", make_initrd(dir), "-append",
                 "auto=true priority=critical DEBIAN_FRONTEND=text console=ttyS0 --- console=ttyS0",
                 "-drive", "file=%s,if=virtio,format=qcow2" % disk, "-netdev", "user,id=n",
                 "-device", "e1000,netdev=n"] + FIRMWARE[name].split(), log)
    try:
        for step in STEPS:
            if not tap.ok("%s: %s (after %d s)" % (name, step, m.seconds()), m.until(step, HOURS),
                          open(log, errors="replace").read()[-1500:]):
                return False
        return tap.ok("%s: the installer switches off (after %d s)" % (name, m.seconds()),
                      m.ended(HOURS) == 0, open(log, errors="replace").read()[-1500:])
    finally:
        m.kill()


def boot(tap, name, disk, dir):
    log = os.path.join(os.environ.get("BOOT_LOGS", dir), "installed-%s.log" % name)
    m = Machine([emulator, "-m", "512M", "-smp", "2", "-display", "none", "-serial", "stdio", "-no-reboot",
                 "-drive", "file=%s,if=virtio,format=qcow2" % disk] + FIRMWARE[name].split(), log)
    try:
        good = m.until("installed login:", 600)
        if tap.ok("%s: what it installed boots to a login (after %d s)" % (name, m.seconds()), good,
                  open(log, errors="replace").read()[-1500:]):
            m.send("root\n")
            m.until("Password:", 60)
            m.send("vemu\n")
            m.until("# ", 60)
            m.send("poweroff\n")
            tap.ok(name + ": and switches off", m.ended(120) == 0)
    finally:
        m.kill()


def main():
    tap = Tap()
    for name in sys.argv[2:] or ["bios"]:
        disk = os.path.join(sys.argv[1], "installed-%s.qcow2" % name)
        with tempfile.TemporaryDirectory() as dir:
            if install(tap, name, disk, dir):
                boot(tap, name, disk, dir)
        good = subprocess.run([build + "/vemu-img", "check", "-q", disk]).returncode == 0
        tap.ok(name + ": the image is sound", good)
    return tap.done()


sys.exit(main())
