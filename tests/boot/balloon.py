"""A Linux guest is asked for memory by the control socket: it has less, and the host has it back."""
import re
import time

from guest import VIRTIO, Guest, run

MIB = 1 << 20
MEMORY = 256 * MIB
PATH = "/machine/peripheral/balloon0"
guest = []


def start(name, *options):
    guest.append(Guest("balloon-" + name, *options, initrds=("initrd-virtio",),
                       modules=VIRTIO + " virtio_balloon"))
    guest[-1].sh("mount -t tmpfs -o size=80% tmpfs /tmp")
    return guest[-1]


def resident(g):
    """Guest memory that the host gives: bytes of the process that are files in memory."""
    with open("/proc/%d/status" % g.process.pid) as f:
        return int(re.search(r"RssShmem:\s+(\d+) kB", f.read()).group(1)) << 10


def total(g):
    return int(g.sh("sed -n 's/^MemTotal: *//p' /proc/meminfo").split()[0]) << 10


def use(g, mib):
    """The guest uses memory and lets it go. What the host gave when it had it."""
    g.sh("dd if=/dev/zero of=/tmp/file bs=1M count=%d 2>/dev/null" % mib)
    host = resident(g)
    g.sh("rm /tmp/file")
    return host


def until(test, seconds=60):
    end = time.time() + seconds
    while not test():
        assert time.time() < end
        time.sleep(0.1)


def pc_the_guest_has_less_and_the_host_more():
    g = start("pc", "-M", "pc", "-device", "virtio-balloon-pci,id=balloon0")
    assert g.qmp.ask("query-balloon") == {"actual": MEMORY}
    use(g, 100)
    had, host_had = total(g), resident(g)
    assert host_had > 100 * MIB, host_had
    g.qmp.ask("balloon", value=MEMORY - 128 * MIB)
    seen = [g.qmp.event("BALLOON_CHANGE")["data"]["actual"]]
    while seen[-1] != MEMORY - 128 * MIB:
        seen.append(g.qmp.event("BALLOON_CHANGE")["data"]["actual"])
        assert seen[-1] < seen[-2], seen
    assert g.qmp.ask("query-balloon") == {"actual": MEMORY - 128 * MIB}
    assert total(g) == had - 128 * MIB, (had, total(g))
    assert resident(g) < host_had - 80 * MIB, (host_had, resident(g))


def pc_the_guest_tells_how_it_uses_its_memory():
    g = guest[-1]
    g.qmp.ask("qom-set", path=PATH, property="guest-stats-polling-interval", value=1)
    assert g.qmp.ask("qom-get", path=PATH, property="guest-stats-polling-interval") == 1

    def stats():
        return g.qmp.ask("qom-get", path=PATH, property="guest-stats")

    first = stats()["last-update"]
    until(lambda: stats()["last-update"] > first + 1)
    now = stats()["stats"]
    assert now["stat-total-memory"] == total(g), now
    assert 0 < now["stat-free-memory"] < now["stat-total-memory"], now
    assert now["stat-minor-faults"] > 0, now


def pc_it_takes_it_back():
    g = guest[-1]
    g.qmp.ask("balloon", value=MEMORY)
    until(lambda: g.qmp.ask("query-balloon") == {"actual": MEMORY})
    g.sh("dd if=/dev/urandom of=/tmp/a bs=1M count=20 2>/dev/null; "
         "for n in b c d e; do cp /tmp/a /tmp/$n && cmp /tmp/a /tmp/$n || break; done && "
         "[ $n = e ] && rm /tmp/?", 120)
    g.end()


def q35_free_memory_goes_back_by_itself():
    g = start("q35", "-M", "q35", "-device", "virtio-balloon-pci-non-transitional,id=balloon0,"
              "free-page-reporting=on,deflate-on-oom=on")
    # Bits of the features, the first one leftmost.
    features = g.sh("cat /sys/bus/virtio/devices/virtio0/features").split()[0]
    assert features[1:3] == "11" and features[5] == "1", features
    peak = use(g, 100)
    until(lambda: resident(g) < peak - 60 * MIB)
    assert g.qmp.ask("query-balloon") == {"actual": MEMORY}
    assert use(g, 100) > peak - 30 * MIB
    g.end()


def microvm_has_one_too():
    g = start("microvm", "-M", "microvm", "-device", "virtio-balloon-device,id=balloon0")
    g.sh("insmod /mod/virtio_mmio.ko")
    g.qmp.ask("balloon", value=MEMORY - 16 * MIB)
    until(lambda: g.qmp.ask("query-balloon") == {"actual": MEMORY - 16 * MIB})
    g.end()


run("balloon", [f for n, f in list(globals().items()) if n.startswith(("pc_", "q35_", "microvm_"))])
