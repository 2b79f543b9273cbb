"""Plugs devices into a Linux guest and takes them away again, by the control socket, and asks the
guest's shell what it sees."""
import os
import time

from guest import VIRTIO, Guest, run


def image(name):
    with open(name, "wb") as f:
        f.truncate(32 << 20)
        f.write(b"this is %s " % name.encode())
    return name


def add_disk(g, id, bus, driver="virtio-blk-pci", **more):
    g.qmp.ask("blockdev-add", **{"driver": "file", "filename": image(id + ".raw"),
                                 "node-name": id + "-storage"})
    g.qmp.ask("blockdev-add", **{"driver": "raw", "node-name": id + "-format",
                                 "file": id + "-storage"})
    g.qmp.ask("device_add", driver=driver, drive=id + "-format", id=id, **more, **bus)


# Who presses the button of a slot with registers of its own has five seconds to press it again; nobody
# waits for that more than once.
HASTE = "[ ! -e /sys/bus/pci/slots/2/power ] || echo 0 >/sys/bus/pci/slots/2/power"


def remove(g, id):
    g.qmp.ask("device_del", id=id)
    if id != "disk1":
        g.sh(HASTE)
    assert g.qmp.event("DEVICE_DELETED")["data"] == \
        {"device": id, "path": "/machine/peripheral/" + id}


def remove_disk(g, id):
    remove(g, id)
    g.qmp.ask("blockdev-del", **{"node-name": id + "-format"})
    g.qmp.ask("blockdev-del", **{"node-name": id + "-storage"})


def disks_come_and_go(g, bus):
    assert g.sh("ls /sys/block | grep -c vd || true").strip() == "0"
    for id in ("disk1", "disk2"):
        add_disk(g, id, bus)
        g.wait_for("[ -b /dev/vda ]")
        assert "this is %s.raw" % id in g.sh("head -c 20 /dev/vda; echo")
        g.sh("dd if=/dev/zero of=/dev/vda bs=64k count=16 conv=fsync 2>/dev/null")
        g.qmp.ask("block_resize", **{"node-name": id + "-format", "size": 48 << 20})
        g.wait_for("[ $(cat /sys/block/vda/size) = %d ]" % ((48 << 20) // 512))
        remove_disk(g, id)
        g.wait_for("[ ! -e /sys/block/vda ]")
    assert os.path.getsize("disk2.raw") == 48 << 20


def an_nvme_disk_tells_its_new_size(g, bus):
    add_disk(g, "nvme1", bus, driver="nvme", serial="one")
    g.wait_for("[ -b /dev/nvme0n1 ]")
    for size in (48 << 20, 40 << 20):
        g.qmp.ask("block_resize", **{"node-name": "nvme1-format", "size": size})
        g.wait_for("[ $(cat /sys/block/nvme0n1/size) = %d ]" % (size // 512))
    remove_disk(g, "nvme1")
    g.wait_for("[ ! -e /sys/block/nvme0n1 ]")


def disks_go_while_they_are_written(g, bus):
    for n in range(4):
        add_disk(g, "busy%d" % n, bus)
        g.wait_for("[ -b /dev/vda ]")
        g.sh("(while dd if=/dev/zero of=/dev/vda bs=256k oflag=direct 2>/dev/null; do :; done; "
             "dd if=/dev/vda of=/dev/null iflag=direct 2>/dev/null) & "
             "(while dd if=/dev/vda of=/dev/null bs=4k iflag=direct 2>/dev/null; do :; done) & "
             "sleep 0.3")
        writes = 0
        for _ in range(100):
            stats = {s["node-name"]: s["stats"] for s in g.qmp.ask("query-blockstats")}
            writes = stats["busy%d-format" % n]["wr_operations"]
            if writes:
                break
            time.sleep(0.1)
        assert writes, stats
        remove_disk(g, "busy%d" % n)
        g.wait_for("[ ! -e /sys/block/vda ]")
    g.sh("wait")


def network_devices_come_and_go(g, bus, driver):
    for n in range(3):
        g.qmp.ask("netdev_add", type="socket", id="net%d" % n, listen="127.0.0.1:0")
        g.qmp.ask("device_add", driver=driver, netdev="net%d" % n, id="nic%d" % n,
                  mac="52:54:00:aa:bb:%02x" % n, **bus)
        g.wait_for("[ -e /sys/class/net/eth0 ]")
        assert "52:54:00:aa:bb:%02x" % n in g.sh("cat /sys/class/net/eth0/address")
        g.sh("ifconfig eth0 10.9.9.1 up && ping -c 1 -W 1 10.9.9.2 >/dev/null; true")
        g.qmp.ask("set_link", name="nic%d" % n, up=False)
        g.wait_for("[ $(cat /sys/class/net/eth0/carrier) = 0 ]")
        # It is sending when it goes.
        g.sh("arp -s 10.9.9.2 52:54:00:00:00:01; "
             "(ping -f -c 100000 10.9.9.2 >/dev/null 2>&1) & sleep 0.2")
        remove(g, "nic%d" % n)
        g.qmp.ask("netdev_del", id="net%d" % n)
        g.wait_for("[ ! -e /sys/class/net/eth0 ]")
        g.sh("killall ping 2>/dev/null; wait; true")


def the_rest_goes_on(g):
    assert g.qmp.ask("query-status")["status"] == "running"
    assert g.qmp.ask("query-block") == []
    assert g.sh("ls /sys/block | grep -c vd || true").strip() == "0"
    g.end()


def on(board, options, bus, nic="e1000", **more):
    """The steps as tests, on one boot."""
    guest = []

    def boots():
        guest.append(Guest("hotplug-" + board, *options, initrds=("initrd-disk", "initrd-network"),
                           modules=VIRTIO + " virtio_blk e1000 failover net_failover virtio_net crc64 crc64-rocksoft "
                           "crct10dif_common crc-t10dif t10-pi nvme-core nvme", **more))

    def step(f, *args):
        def test():
            f(guest[0], *args)
        test.__name__ = "%s_%s" % (board, f.__name__)
        return test

    boots.__name__ = board + "_boots"
    return [boots, step(disks_come_and_go, bus),
            step(an_nvme_disk_tells_its_new_size, bus), step(disks_go_while_they_are_written, bus),
            step(network_devices_come_and_go, bus, nic), step(the_rest_goes_on)]


def root_ports(*places):
    return [o for n, place in enumerate(places, 1) for o in
            ("-device", '{"driver":"pcie-root-port","port":%d,"chassis":%d,"id":"pci.%d","bus":"pcie.0",'
             '"addr":"%s"%s}' % (15 + n, n, n, place, ',"multifunction":true' if place == "0x2.0x0" else ""))]


behind = {"bus": "pci.2"}
run("hotplug", on("pc", ("-M", "pc"), {}) + on("q35", ("-M", "q35", *root_ports("0x2.0x0", "0x2.0x1")), behind) +
    # Slots with registers of their own.
    on("virt", ("-M", "virt,gic-version=3", *root_ports("0x2.0x0", "0x2.0x1")), behind,
       nic="virtio-net-pci", arch="arm64"))
