/*
 * A hostile driver of virtio-blk, with a disk that may fail. The first byte says what the device
 * and its image are like.
 */
#define _GNU_SOURCE
#include "hw/block/virtio_blk.h"
#include "tests/fuzz/disk.h"
#include "tests/fuzz/virtio.h"

/* One queue more than there are. */
enum { QUEUES = 4 };

struct disk {
    struct fuzz_virtio v;
    int fd;
};

/* A request that is right but for its numbers: header, data, status. */
static void request(struct fuzz_virtio *t, struct fuzz_input *in, unsigned q)
{
    uint64_t head = FV_BUFFERS + 0x1000 * q, table = head + 0x100;
    uint32_t type = (uint32_t)fuzz_take(in, 1), sector = (uint32_t)fuzz_take(in, 2);
    uint32_t len = (uint32_t)fuzz_take(in, 2) * 16;
    uint64_t data = fv_address(in);
    const bool indirect = type & 0x40;

    type &= 0x3f;
    fv_put(t, head, type, 4);
    fv_put(t, head + 8, sector == 0xffff ? UINT64_MAX : sector, 8);
    if (type == 11 || type == 13) { /* a range */
        data = head + 0x800;
        len = 16;
        fv_put(t, data, sector, 8);
        fv_put(t, data + 8, fuzz_take(in, 1), 4);
        fv_put(t, data + 12, fuzz_take(in, 1) & 3, 4);
    }
    const struct {
        uint64_t addr;
        uint32_t len;
        uint16_t flags, next;
    } parts[] = {{head, 16, 1, 1}, {data, len, type & 1 ? 1 : 3, 2}, {head + 0x40, 1, 2, 0}};
    for (unsigned n = 0; n < ARRAY_SIZE(parts); n++) {
        const uint64_t at = table + 16 * n;
        if (!indirect) {
            fv_desc(t, q, n, parts[n].addr, parts[n].len, parts[n].flags, parts[n].next);
            continue;
        }
        fv_put(t, at, parts[n].addr, 8);
        fv_put(t, at + 8, parts[n].len, 4);
        fv_put(t, at + 12, parts[n].flags, 2);
        fv_put(t, at + 14, parts[n].next, 2);
    }
    if (indirect)
        fv_desc(t, q, 5, table, 48, 4, 0);
    fv_available(t, q, indirect ? 5 : 0);
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct disk *d = (struct disk *)f;
    struct fuzz_virtio *t = &d->v;
    const unsigned op = (unsigned)fuzz_take(in, 1), arg = op >> 4, q = arg % QUEUES;

    if ((op & 15) == 14)
        fuzz_disk_settle(f, false); /* a state is of a device at rest */
    if (fv_own(t, in, op & 15, q))
        return;
    switch (op & 15) {
    case 0:
        fv_start(t, (uint32_t)fuzz_take(in, 4), arg);
        break;
    case 1:
        request(t, in, q);
        break;
    case 2:
    case 3:
        fuzz_disk_settle(f, op & 1);
        break;
    case 4:
        fuzz_disk_cut(d->fd, !(arg & 1));
        break;
    case 13:
        machine_lock(&f->m);
        machine_reset(&f->m, NULL);
        machine_unlock(&f->m);
        fv_place(t);
        break;
    default:
        fv_put(t, fv_address(in), fuzz_take(in, 4), 4);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct device_class *const classes[] = {
        &virtio_blk_pci_class.device, &virtio_blk_pci_non_transitional_class.device};
    const char *props[] = {"drive", "disk", "num-queues", "3", NULL, "0", NULL};
    struct fuzz_input in = {data, size, 0};
    struct disk t = {.fd = -1};
    struct fuzz_virtio *v = &t.v;
    const unsigned kind = (unsigned)fuzz_take(&in, 1);

    if (kind & 0x40)
        props[4] = "vectors";
    fuzz_machine_init(&v->f);
    machine_lock(&v->f.m);
    pci_bus_set_msi(v->f.bus, fv_swallow_msi, NULL);
    t.fd = fuzz_disk(&v->f, "disk", kind);
    v->queues = QUEUES - 1;
    v->dev = &fuzz_plug_with(&v->f, classes[kind >> 5 & 1], props)->dev;
    machine_reset(&v->f.m, NULL);
    machine_unlock(&v->f.m);
    fv_place(v);
    v->f.windows = fv_windows;
    v->f.window_count = ARRAY_SIZE(fv_windows);
    v->f.own = own;
    fuzz_run(&v->f, &in);
    fuzz_disk_settle(&v->f, false);
    machine_destroy(&v->f.m);
    close(t.fd);
    return 0;
}
