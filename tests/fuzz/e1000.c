/* A hostile driver and a hostile network against the 82540EM. The target's own operation is a frame
 * that comes in: length u16, kind of destination u8, bytes made from both. */
#define _GNU_SOURCE
#include "hw/net/e1000.h"
#include <sys/socket.h>
#include <unistd.h>
#include "core/net/net.h"
#include "tests/fuzz/device.h"

#define MMIO UINT64_C(0xe0000000)
enum { PORTS = 0xc000, FRAME_MOST = 20000 };

struct target {
    struct fuzz_machine f;
    int peer;
};

static void drain(int fd)
{
    static uint8_t buf[65536];
    while (recv(fd, buf, sizeof buf, MSG_DONTWAIT) > 0) {
    }
}

static void frame_comes(struct fuzz_machine *f, struct fuzz_input *in)
{
    static const uint8_t own[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    static uint8_t out[4 + FRAME_MOST];
    struct target *t = (struct target *)f;
    uint32_t len = (uint32_t)fuzz_take(in, 2) % FRAME_MOST;
    unsigned kind = (unsigned)fuzz_take(in, 1);
    store_be32(out, len);
    for (uint32_t i = 0; i < len; i++)
        out[4 + i] = (uint8_t)(i * kind);
    if (kind & 1)
        memset(out + 4, 0xff, 6);
    else if (kind & 2)
        memcpy(out + 4, own, 6);
    if (kind & 4)
        store_be16(out + 4 + 12, 0x8100);
    else if (kind & 8)
        store_be16(out + 4 + 12, 0x0800);
    drain(t->peer);
    if (send(t->peer, out, 4 + len, MSG_DONTWAIT) < 0)
        return;
    loop_iterate(f->m.loop, 0);
    loop_iterate(f->m.loop, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_window windows[] = {
        {false, MMIO, 0x6000}, {true, PORTS, 64}, {false, MMIO, 0x20000}};
    struct fuzz_input in = {data, size, 0};
    struct target t;
    char spec[64];
    int fds[2];

    fuzz_machine_init(&t.f);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        fuzz_fail("no sockets");
    t.peer = fds[1];
    snprintf(spec, sizeof spec, "stream,id=n,addr.type=fd,addr.str=%d", fds[0]);
    machine_lock(&t.f.m);
    if (!netdev_new(&t.f.m, NULL, spec, NULL))
        fuzz_fail("no network");
    close(fds[0]);
    fuzz_plug(&t.f, &e1000_class, "netdev", "n");
    machine_reset(&t.f.m, NULL);
    pci_config_write(t.f.pci, PCI_BASE_ADDRESS_0, (uint32_t)MMIO, 4);
    pci_config_write(t.f.pci, PCI_BASE_ADDRESS_0 + 4, PORTS, 4);
    pci_config_write(t.f.pci, PCI_COMMAND, 7, 2);
    machine_unlock(&t.f.m);
    loop_iterate(t.f.m.loop, 0);
    t.f.windows = windows;
    t.f.window_count = ARRAY_SIZE(windows);
    t.f.own = frame_comes;
    fuzz_run(&t.f, &in);
    drain(t.peer);
    machine_destroy(&t.f.m);
    close(t.peer);
    return 0;
}
