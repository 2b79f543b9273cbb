/*
 * What fuzz targets of virtio devices over PCI share beyond device.h: a driver that knows where its
 * queues are, and does with them what the input says.
 */
#ifndef TESTS_FUZZ_VIRTIO_H
#define TESTS_FUZZ_VIRTIO_H

#include <stdlib.h>
#include "core/state/state.h"
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

/* The device's state, saved, damaged at some places, loaded. */
static inline void fv_reload(struct fuzz_virtio *t, struct fuzz_input *in)
{
    const struct device_class *cls = t->dev->cls;
    struct state_writer *w = state_writer_new();
    struct state_section section;
    struct state_reader *reader;
    const void *data;
    size_t len;

    machine_lock(&t->f.m);
    if (w && state_save_section(w, cls->name, 0, cls->state_version, cls->state, t->dev) &&
        state_writer_finish(w, &data, &len)) {
        reader = state_reader_new(data, len, NULL);
        if (reader && state_reader_next(reader, &section, NULL)) {
            uint8_t *copy = malloc(section.len);
            if (!copy)
                fuzz_fail("no memory");
            memcpy(copy, section.data, section.len);
            for (unsigned n = (unsigned)fuzz_take(in, 1) % 4; n; n--) {
                size_t at = fuzz_take(in, 2) % section.len;
                copy[at] = (uint8_t)fuzz_take(in, 1);
            }
            section.data = copy;
            if (!state_load_section(&section, cls->state_version, cls->state, t->dev, NULL) ||
                !cls->post_load(t->dev, NULL))
                machine_reset(&t->f.m, NULL);
            free(copy);
        }
        state_reader_free(reader);
    }
    state_writer_free(w);
    machine_unlock(&t->f.m);
    fv_place(t);
}

static inline bool fv_swallow_msi(void *opaque, uint64_t addr, uint32_t data)
{
    (void)opaque;
    (void)data;
    return addr >> 20 == 0xfee;
}

#endif
