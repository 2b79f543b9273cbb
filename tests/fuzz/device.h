/*
 * What fuzz targets of devices share: a machine without vCPUs, with a little RAM and a PCI bus, and
 * an interpreter of programs, which are the input: register accesses, DMA memory, configuration
 * space, time. A target adds its own operations.
 *
 *   byte 0   operation, modulo FUZZ_OPS
 *   WRITE    window, size, offset u16, value u32: a device's memory or ports
 *   READ     window, size, offset u16
 *   RAM      address u24, length u8, bytes
 *   CONFIG   offset u8, value u32
 *   STEP     microseconds u16
 *   LOOP     one round of the main loop
 *   OWN      the target's, which takes what it wants
 *
 * All little-endian; a program that ends early reads zeros.
 */
#ifndef TESTS_FUZZ_DEVICE_H
#define TESTS_FUZZ_DEVICE_H

#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/memory/dirty.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/pci.h"
#include "tests/fuzz/fuzz.h"
#include "tests/still_accel.h"

enum { FUZZ_RAM = 1 << 20, FUZZ_DEVFN = 3 << 3, FUZZ_OPERATIONS_MOST = 4096 };
enum fuzz_op {
    FUZZ_WRITE,
    FUZZ_READ,
    FUZZ_PUT,
    FUZZ_CONFIG,
    FUZZ_STEP,
    FUZZ_LOOP,
    FUZZ_OWN,
    FUZZ_OPS
};

struct fuzz_input {
    const uint8_t *data;
    size_t size, at;
};

struct fuzz_window {
    bool ports;
    uint64_t base;
    uint32_t size;
};

struct fuzz_machine {
    struct vemu_machine m;
    struct mem_region ram_region;
    struct ram_block *ram;
    struct device *host;
    struct pci_bus *bus;    /* its first one */
    struct pci_device *pci; /* the one that is poked */
    const struct fuzz_window *windows;
    unsigned window_count;
    /* the target's own operation */
    void (*own)(struct fuzz_machine *f, struct fuzz_input *in);
};

static inline uint64_t fuzz_take(struct fuzz_input *in, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++, in->at++)
        v |= in->at < in->size ? (uint64_t)in->data[in->at] << 8 * i : 0;
    return v;
}

static inline void fuzz_machine_init(struct fuzz_machine *f)
{
    struct pci_host_config host = {.q35 = false};
    memset(f, 0, sizeof *f);
    if (!machine_init(&f->m, NULL))
        fuzz_fail("no machine");
    f->m.accel = &still_accel;
    f->m.io = mem_space_new("io", 0x10000, &f->m.lock, NULL);
    f->ram = ram_block_new(&f->m.rams, "ram", FUZZ_RAM, false, NULL);
    if (!f->m.io || !f->ram)
        fuzz_fail("no memory");
    clock_set_manual(f->m.clocks, true);
    clock_set_running(f->m.clocks, true);
    mem_region_init_ram(&f->ram_region, "ram", f->ram, 0, FUZZ_RAM);
    machine_lock(&f->m);
    mem_region_add(mem_space_root(f->m.memory), 0, &f->ram_region, 0);
    f->host = pci_host_create(&f->m, &host, NULL);
    if (!f->host)
        fuzz_fail("no host bridge");
    f->bus = pci_host_bus(f->host);
    machine_unlock(&f->m);
}

/* A PCI device, realized, with properties as name and value in turn, ended by NULL. Machine lock
 * held; before machine_reset. */
static inline struct pci_device *
fuzz_plug_with(struct fuzz_machine *f, const struct device_class *cls, const char *const *props)
{
    struct device *dev = device_new(&f->m, cls, NULL, NULL);
    struct pci_device *pci = (struct pci_device *)dev;
    if (!dev)
        fuzz_fail("no device");
    for (; *props; props += 2) {
        if (!device_set_prop(dev, props[0], props[1], NULL))
            fuzz_fail("a property cannot be set");
    }
    pci->bus = f->bus;
    pci->devfn = FUZZ_DEVFN;
    if (!device_realize(dev, NULL))
        fuzz_fail("the device is not realized");
    return f->pci = pci;
}

static inline struct pci_device *fuzz_plug(struct fuzz_machine *f, const struct device_class *cls,
                                           const char *prop, const char *value)
{
    return fuzz_plug_with(f, cls, (const char *const[]){prop, value, NULL});
}

static inline void fuzz_access(struct fuzz_machine *f, struct fuzz_input *in, bool write)
{
    const struct fuzz_window *w = &f->windows[fuzz_take(in, 1) % f->window_count];
    unsigned size = 1u << (fuzz_take(in, 1) & 3);
    uint64_t addr = w->base + fuzz_take(in, 2) % w->size, value = write ? fuzz_take(in, 4) : 0;
    if (w->ports && size == 8)
        size = 4;
    if (write)
        mem_write(w->ports ? f->m.io : f->m.memory, addr, size, value);
    else
        mem_read(w->ports ? f->m.io : f->m.memory, addr, size, &value);
}

static inline void fuzz_put(struct fuzz_machine *f, struct fuzz_input *in)
{
    uint32_t addr = (uint32_t)fuzz_take(in, 3) % FUZZ_RAM, len = (uint32_t)fuzz_take(in, 1);
    for (uint32_t i = 0; i < len; i++)
        f->ram->host[(addr + i) % FUZZ_RAM] = (uint8_t)fuzz_take(in, 1);
    ram_block_mark_dirty(f->ram, addr, MIN(len, FUZZ_RAM - addr));
    ram_block_mark_dirty(f->ram, 0, len);
}

static inline void fuzz_step(struct fuzz_machine *f, int64_t ns)
{
    machine_lock(&f->m);
    clock_step(f->m.clocks, ns);
    machine_unlock(&f->m);
}

/* The device's state, saved, damaged at some places, loaded. What is refused leaves a machine that
 * is reset. */
static inline void fuzz_reload(struct fuzz_machine *f, struct device *dev, struct fuzz_input *in)
{
    const struct device_class *cls = dev->cls;
    struct state_writer *w = state_writer_new();
    struct state_section section;
    struct state_reader *reader;
    const void *data;
    size_t len;

    machine_lock(&f->m);
    if (w && state_save_section(w, cls->name, 0, cls->state_version, cls->state, dev) &&
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
            if (!state_load_section(&section, cls->state_version, cls->state, dev, NULL) ||
                (cls->post_load && !cls->post_load(dev, NULL)))
                machine_reset(&f->m, NULL);
            free(copy);
        }
        state_reader_free(reader);
    }
    state_writer_free(w);
    machine_unlock(&f->m);
}

static inline void fuzz_run(struct fuzz_machine *f, struct fuzz_input *in)
{
    for (unsigned n = 0; in->at < in->size && n < FUZZ_OPERATIONS_MOST; n++) {
        enum fuzz_op op = (enum fuzz_op)(fuzz_take(in, 1) % FUZZ_OPS);
        switch (op) {
        case FUZZ_WRITE:
        case FUZZ_READ:
            fuzz_access(f, in, op == FUZZ_WRITE);
            break;
        case FUZZ_PUT:
            fuzz_put(f, in);
            break;
        case FUZZ_CONFIG: {
            uint32_t offset = (uint32_t)fuzz_take(in, 1) & 0xfc, value = (uint32_t)fuzz_take(in, 4);
            machine_lock(&f->m);
            pci_config_write(f->pci, offset, value, 4);
            machine_unlock(&f->m);
            break;
        }
        case FUZZ_STEP:
            fuzz_step(f, (int64_t)fuzz_take(in, 2) * 1000);
            break;
        case FUZZ_LOOP:
            loop_iterate(f->m.loop, 0);
            break;
        default:
            if (f->own)
                f->own(f, in);
            break;
        }
    }
}

#endif
