"""A Linux guest's CD-ROM drive gets another disc by the control socket; the guest locks its tray
while a disc is mounted, is asked for it, and ejects it."""
import os
import subprocess

from guest import Guest, run

MODULES = ("scsi_common scsi_mod libata libahci ahci ata_piix cdrom sr_mod isofs")


def disc(name, size):
    os.makedirs(name + ".dir", exist_ok=True)
    with open(name + ".dir/name", "w") as f:
        f.write("this is %s\n" % name)
    with open(name + ".dir/random", "wb") as f:
        f.write(os.urandom(size))
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-R", "-o", name + ".iso",
                    name + ".dir"], check=True, stderr=subprocess.DEVNULL)
    return name + ".iso"


def sum_of(name):
    return subprocess.run(["sha256sum", name + ".dir/random"], check=True, capture_output=True,
                          text=True).stdout.split()[0]


def mounts(g, name):
    g.sh("mount -t iso9660 -o ro /dev/sr0 /mnt", 90)
    assert "this is " + name in g.sh("cat /mnt/name")
    assert sum_of(name) in g.sh("sha256sum /mnt/random")


def moved(g):
    return g.qmp.event("DEVICE_TRAY_MOVED")["data"]["tray-open"]


def on(board):
    guest = []

    def boots():
        disc("one", 1 << 20)
        disc("two", 2 << 20)
        guest.append(Guest("media-" + board, "-M", board, "-cdrom", "one.iso",
                           initrds=("initrd-disk",), modules=MODULES))
        g = guest[-1]
        g.sh("mkdir -p /mnt")
        g.wait_for("[ -b /dev/sr0 ]")
        g.drive, = [b["device"] for b in g.qmp.ask("query-block") if b["removable"]]
        # As an installed system has it: the kernel looks for events by itself.
        g.sh("echo 500 >/sys/block/sr0/events_poll_msecs")

    def a_mounted_disc_is_locked():
        g = guest[-1]
        mounts(g, "one")
        assert [b["locked"] for b in g.qmp.ask("query-block") if b["removable"]] == [True]
        assert g.qmp.refused("eject", device=g.drive) == "GenericError"
        g.qmp.ask("blockdev-open-tray", device=g.drive)
        assert g.qmp.refused("blockdev-change-medium", device=g.drive, filename="two.iso") == \
            "GenericError"
        assert "this is one" in g.sh("cat /mnt/name")

    def the_guest_ejects_it():
        g = guest[-1]
        # The kernel opens the tray when the last user of the disc has gone.
        g.sh("cd /proc/sys/dev/cdrom; echo 1 >autoeject; umount /mnt; echo 0 >autoeject; cd")
        assert moved(g) is True
        assert [(b["locked"], b["tray_open"]) for b in g.qmp.ask("query-block")
                if b["removable"]] == [(False, True)]

    def another_disc_is_there():
        g = guest[-1]
        g.qmp.ask("blockdev-change-medium", device=g.drive, filename="two.iso")
        assert moved(g) is False
        mounts(g, "two")
        assert g.sh("cat /sys/block/sr0/size").split()[0] == \
            str(os.path.getsize("two.iso") // 512)
        g.sh("umount /mnt")

    def and_the_first_again_without_the_guest_doing_anything():
        g = guest[-1]
        g.qmp.ask("blockdev-change-medium", device=g.drive, filename="one.iso")
        mounts(g, "one")

    def a_disc_that_is_taken_by_force_is_missed():
        g = guest[-1]
        g.qmp.ask("eject", device=g.drive, force=True)
        g.sh("echo 3 >/proc/sys/vm/drop_caches; ! cat /mnt/random >/dev/null 2>&1; umount /mnt")
        g.sh("! mount -t iso9660 -o ro /dev/sr0 /mnt 2>/dev/null")
        g.end()

    steps = [boots, a_mounted_disc_is_locked, the_guest_ejects_it, another_disc_is_there,
             and_the_first_again_without_the_guest_doing_anything,
             a_disc_that_is_taken_by_force_is_missed]
    for f in steps:
        f.__name__ = board + "_" + f.__name__
    return steps


run("media", on("pc") + on("q35"))
