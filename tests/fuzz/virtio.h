/*
 * What fuzz targets of virtio devices over PCI share beyond device.h: a driver that knows where its
 * queues are, and does with them what the input says.
 */
#ifndef TESTS_FUZZ_VIRTIO_H
#define TESTS_FUZZ_VIRTIO_H

#include "hw/virtio/virtio.h"
#include "tests/fuzz/device.h"

#define FV_MODERN UINT64_C(0xe0004000)
#define FV_MSIX UINT64_C(0xe0001000)
/* Queue n at 0x1000 * (4 n + 4): descriptors, available ring, used ring. */
enum { FV_LEGACY = 0xc000, FV_QUEUE_SIZE = 64, FV_QUEUES_MOST = 8, FV_BUFFERS = 0x40000 };

struct fuzz_virtio {
    struct fuzz_machine f;
    struct device *dev;
    unsigned queues;
    uint16_t avail[FV_QUEUES_MOST];
};

static const struct fuzz_window fv_windows[] = {{false, FV_MODERN, 0x4000},
                                                {true, FV_LEGACY, 64},
                                                {false, FV_MSIX, 0x1000},
                                                {false, FV_MODERN, 0x40}};

static inline void fv_put(struct fuzz_virtio *t, uint64_t addr, uint64_t value, unsigned size)
{
    mem_write(t->f.m.memory, addr, size, value);
}

static inline void fv_place(struct fuzz_virtio *t)
{
    machine_lock(&t->f.m);
    pci_config_write(t->f.pci, PCI_BASE_ADDRESS_0, FV_LEGACY, 4);
    pci_config_write(t->f.pci, PCI_BASE_ADDRESS_0 + 4, (uint32_t)FV_MSIX, 4);
    pci_config_write(t->f.pci, PCI_BASE_ADDRESS_0 + 16, (uint32_t)FV_MODERN, 4);
    pci_config_write(t->f.pci, PCI_BASE_ADDRESS_0 + 20, 0, 4);
    pci_config_write(t->f.pci, PCI_COMMAND, 7, 2);
    machine_unlock(&t->f.m);
}

static inline void fv_start(struct fuzz_virtio *t, uint32_t features, unsigned kind)
{
    fv_put(t, FV_MODERN + 0x14, 0, 1);
    fv_put(t, FV_MODERN + 0x14, 3, 1);
    for (unsigned half = 0; half < 2; half++) {
        fv_put(t, FV_MODERN + 8, half, 4);
        fv_put(t, FV_MODERN + 0xc, half ? 1 : features, 4);
    }
    fv_put(t, FV_MODERN + 0x14, 11, 1);
    for (unsigned n = 0; n < t->queues; n++) {
        uint32_t at = 0x1000 * (4 * n + 4);
        fv_put(t, FV_MODERN + 0x16, n, 2);
        fv_put(t, FV_MODERN + 0x18, kind & 1 ? 8 : FV_QUEUE_SIZE, 2);
        fv_put(t, FV_MODERN + 0x1a, n, 2);
        for (unsigned i = 0; i < 3; i++)
            fv_put(t, FV_MODERN + 0x20 + 8 * i, at + 0x1000 * i, 4);
        fv_put(t, FV_MODERN + 0x1c, 1, 2);
        fv_put(t, at + 0x1002, 0, 2);
        t->avail[n] = 0;
    }
    fv_put(t, FV_MODERN + 0x14, 15, 1);
}

/* Where a buffer of the input's choice is: mostly memory, sometimes registers or nowhere. */
static inline uint64_t fv_address(struct fuzz_input *in)
{
    uint16_t v = (uint16_t)fuzz_take(in, 2);

    switch (v >> 12) {
    case 0:
        return FV_MODERN + (v & 0xfff) * 4u;
    case 1:
        return FV_MSIX + (v & 0xfff);
    case 2:
        return FUZZ_RAM - 0x800 + (v & 0xfff);
    case 3:
        return UINT64_MAX - (v & 0xfff);
    case 4:
        return 0x4000 + (v & 0xfff) * 8u; /* the rings */
    default:
        return FV_BUFFERS + (v & 0xfff) * 32u;
    }
}

static inline void fv_desc(struct fuzz_virtio *t, unsigned q, unsigned n, uint64_t addr,
                           uint32_t len, unsigned flags, unsigned next)
{
    uint64_t at = 0x1000 * (4 * (uint64_t)q + 4) + 16 * (uint64_t)(n % FV_QUEUE_SIZE);

    fv_put(t, at, addr, 8);
    fv_put(t, at + 8, len, 4);
    fv_put(t, at + 12, flags, 2);
    fv_put(t, at + 14, next, 2);
}

static inline void fv_available(struct fuzz_virtio *t, unsigned q, uint16_t head)
{
    uint64_t ring = 0x1000 * (4 * (uint64_t)q + 5);

    fv_put(t, ring + 4 + 2 * (t->avail[q] % FV_QUEUE_SIZE), head, 2);
    fv_put(t, ring + 2, ++t->avail[q], 2);
}

static inline void fv_kick(struct fuzz_virtio *t, unsigned q)
{
    fv_put(t, FV_MODERN + 0x3000 + 4 * q, q, 2);
}

/* What every target does by the same numbers: queues that are spoilt or told of (10 to 12), and the
 * device's state (14). False: it is none of these. */
static inline bool fv_own(struct fuzz_virtio *t, struct fuzz_input *in, unsigned op, unsigned q)
{
    switch (op) {
    case 10:
        fv_desc(t, q, (unsigned)fuzz_take(in, 1), fv_address(in), (uint32_t)fuzz_take(in, 2),
                (unsigned)fuzz_take(in, 1) & 7, (unsigned)fuzz_take(in, 1) % (FV_QUEUE_SIZE + 2));
        return true;
    case 11:
        fv_available(t, q, (uint16_t)fuzz_take(in, 1) % (FV_QUEUE_SIZE + 1));
        return true;
    case 12:
        fv_kick(t, q);
        return true;
    case 14:
        fuzz_reload(&t->f, t->dev, in);
        fv_place(t);
        return true;
    default:
        return false;
    }
}

static inline bool fv_swallow_msi(void *opaque, uint16_t requester, uint64_t addr, uint32_t data)
{
    (void)requester;
    (void)opaque;
    (void)data;
    return addr >> 20 == 0xfee;
}

#endif
