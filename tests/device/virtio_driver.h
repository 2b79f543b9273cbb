/*
 * A virtio-pci driver by hand, for device tests: a machine with RAM and a PCI bus, one virtio
 * function on it, and queues in guest memory at fixed places that a test may also spoil.
 */
#ifndef TESTS_DEVICE_VIRTIO_DRIVER_H
#define TESTS_DEVICE_VIRTIO_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include "core/block/drive.h"
#include "hw/pci/pci.h"
#include "tests/device/device_test.h"

enum {
    VT_DEVFN = PCI_DEVFN(4, 0),
    VT_RAM = 4 << 20,
    VT_QUEUE_SIZE = 16,
    VT_BUFFERS = 0x100000, /* free for tests, up to VT_RAM */
    VT_LEGACY = 0xc000,    /* where BARs are put */
};
#define VT_MSIX UINT64_C(0xe0001000)
#define VT_MODERN UINT64_C(0xe0004000)
#define VT_COMMON VT_MODERN
#define VT_ISR (VT_MODERN + 0x1000)
#define VT_CONFIG (VT_MODERN + 0x2000)
#define VT_NOTIFY (VT_MODERN + 0x3000)
/* Queue n: descriptors, available ring, used ring. */
#define VT_DESC(n) (0x10000u + 0x4000u * (n))
#define VT_AVAIL(n) (VT_DESC(n) + 0x1000u)
#define VT_USED(n) (VT_DESC(n) + 0x2000u)

struct vt {
    struct vemu_machine m;
    struct device *host, *dev;
    struct pci_device *pci;
    struct mem_region ram;
    struct line_probe isa[16];
    unsigned messages; /* MSI-X */
    uint32_t last_data;
    uint16_t avail[8]; /* the driver's next index, by queue */
    char path[64];     /* of the image */
};

/* Machine, and an image of `size` bytes (0: none) as the drive "disk". */
void vt_machine(struct vt *t, const char *format, uint64_t size);
/* A device of that class with properties "k=v,k=v"; BARs are placed and enabled, MSI-X vector n has
 * the data 0x40 + n. */
void vt_plug(struct vt *t, const struct device_class *cls, const char *props);
void vt_free(struct vt *t);

uint32_t vt_config_read(struct vt *t, unsigned reg);
void vt_config_write(struct vt *t, unsigned reg, uint32_t value);
uint8_t read8(struct vemu_machine *m, uint64_t addr);
uint16_t read16(struct vemu_machine *m, uint64_t addr);
void write8(struct vemu_machine *m, uint64_t addr, uint8_t value);
void write16(struct vemu_machine *m, uint64_t addr, uint16_t value);

uint64_t vt_features(struct vt *t);
/* Takes these features and sets queues 0 .. count-1 up, each with its own vector (n + 1) when msix
 * is on. False: the device refused the features. */
bool vt_start(struct vt *t, uint64_t features, unsigned queues, bool msix);
enum { VT_NEXT = 1, VT_WRITE = 2, VT_INDIRECT = 4 };
void vt_desc(struct vt *t, unsigned queue, unsigned n, uint64_t addr, uint32_t len, uint16_t flags,
             uint16_t next);
/* Makes a head available without telling; then the doorbell. */
void vt_avail(struct vt *t, unsigned queue, uint16_t head);
void vt_kick(struct vt *t, unsigned queue);
/* Until nothing is under way. */
void vt_wait(struct vt *t);
/* Requests that stopped the machine are made again, until nothing is under way. */
void vt_resume(struct vt *t);
/* The host writes no file beyond: what is written there fails, until another limit. */
void vt_limit_file_size(rlim_t bytes);
uint16_t vt_used_index(struct vt *t, unsigned queue);

#endif
