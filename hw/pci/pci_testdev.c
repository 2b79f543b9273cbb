/*
 * pci-testdev: counts writes, for bare-metal guests that check and time memory and port accesses.
 *
 * BAR 0 is 4 KiB of memory, BAR 1 is 256 ports; each starts with the same header, all little-endian
 * (the pci-testdev interface as published for this device ID):
 *
 *   0x00  u8   test    a written number selects a test and clears the count
 *   0x01  u8   width   of the test's writes: 1, 2 or 4 bytes; 0: there is no such test
 *   0x04  u32  offset  in this BAR to write to
 *   0x08  u32  data    to write
 *   0x0c  u32  count   of writes of that width at that offset that were seen
 *   0x10  name of the test, ended by a 0 byte
 *
 * The published tests differ in how the host is notified; here every write comes to the device.
 */
#include "hw/pci/pci_testdev.h"

#include <string.h>
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/pci/pci.h"

enum { TESTDEV_DEVICE_ID = 0x0005, CLASS_OTHER = 0x00ff00 };
enum { MEMORY, PORTS, BARS, MEMORY_SIZE = 4096, PORTS_SIZE = 256 };
enum {
    REG_TEST = 0x00,
    REG_WIDTH = 0x01,
    REG_OFFSET = 0x04,
    REG_DATA = 0x08,
    REG_COUNT = 0x0c,
    REG_NAME = 0x10,
    HEADER_SIZE = 0x40,
    TEST_OFFSET = HEADER_SIZE,
    TEST_DATA = 0xfa,
    NO_TEST = 0xff,
};

struct test {
    const char *names[BARS];
    uint8_t width;
    bool match_data;
};
static const struct test tests[] = {
    {{"mmio-no-eventfd", "portio-no-eventfd"}, 1, false},
    {{"mmio-wildcard-eventfd", "portio-wildcard-eventfd"}, 1, false},
    {{"mmio-datamatch-eventfd", "portio-datamatch-eventfd"}, 1, true},
};

struct bar {
    struct pci_testdev *owner;
    uint8_t index;
    uint8_t selected; /* index into tests, or NO_TEST */
    uint32_t count;
    struct mem_region region;
};

struct pci_testdev {
    struct pci_device pci;
    struct bar bars[BARS];
};

static uint64_t testdev_read(void *opaque, uint64_t offset, unsigned size)
{
    struct bar *b = opaque;
    uint8_t header[HEADER_SIZE] = {0};

    if (!range_fits(offset, size, HEADER_SIZE))
        return 0;
    if (b->selected < ARRAY_SIZE(tests)) {
        const struct test *t = &tests[b->selected];
        header[REG_TEST] = b->selected;
        header[REG_WIDTH] = t->width;
        store_le32(header + REG_OFFSET, TEST_OFFSET);
        store_le32(header + REG_DATA, TEST_DATA);
        store_le32(header + REG_COUNT, b->count);
        strncpy((char *)header + REG_NAME, t->names[b->index], HEADER_SIZE - REG_NAME - 1);
    }
    return load_le(header + offset, size);
}

static void testdev_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct bar *b = opaque;

    if (offset == REG_TEST) {
        b->selected = value < ARRAY_SIZE(tests) ? (uint8_t)value : NO_TEST;
        b->count = 0;
        return;
    }
    if (offset != TEST_OFFSET || b->selected >= ARRAY_SIZE(tests))
        return;
    const struct test *t = &tests[b->selected];
    if (size == t->width && (!t->match_data || value == TEST_DATA))
        b->count++;
}

static const struct mem_ops testdev_ops = {
    .read = testdev_read, .write = testdev_write, .min_size = 1, .max_size = 4};

static struct pci_testdev *from_dev(struct device *dev)
{
    return container_of(dev, struct pci_testdev, pci.dev);
}

static void testdev_reset(struct device *dev)
{
    struct pci_testdev *s = from_dev(dev);

    pci_device_reset(&s->pci);
    for (unsigned i = 0; i < BARS; i++) {
        s->bars[i].selected = NO_TEST;
        s->bars[i].count = 0;
    }
}

static void testdev_unrealize(struct device *dev)
{
    pci_device_exit(&from_dev(dev)->pci);
}

static bool testdev_realize(struct device *dev, struct vemu_error **errp)
{
    static const struct pci_ident ident = {
        .vendor = PCI_VENDOR_REDHAT,
        .device = TESTDEV_DEVICE_ID,
        .subsystem_vendor = PCI_VENDOR_VIRTIO,
        .subsystem = 0x1100,
        .class_code = CLASS_OTHER,
    };
    static const struct {
        const char *name;
        uint64_t size;
        uint8_t flags;
    } layout[BARS] = {{"pci-testdev-memory", MEMORY_SIZE, PCI_BAR_MEM32},
                      {"pci-testdev-ports", PORTS_SIZE, PCI_BAR_IO}};
    struct pci_testdev *s = from_dev(dev);

    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    for (unsigned i = 0; i < BARS; i++) {
        struct bar *b = &s->bars[i];
        b->owner = s;
        b->index = (uint8_t)i;
        b->selected = NO_TEST;
        mem_region_init_io(&b->region, layout[i].name, layout[i].size, &testdev_ops, b, dev);
        pci_bar_add(&s->pci, i, layout[i].flags, &b->region);
    }
    return true;
}

static bool testdev_post_load(struct device *dev, struct vemu_error **errp)
{
    return pci_device_post_load(&from_dev(dev)->pci, errp);
}

static const struct prop_desc testdev_props[] = {
    PCI_PROPS(struct pci_testdev, pci),
    {0},
};
static const struct state_field bar_state[] = {
    STATE_INT(struct bar, selected),
    STATE_INT(struct bar, count),
    STATE_FIELDS_END,
};
static const struct state_field testdev_state[] = {
    STATE_PCI(struct pci_testdev, pci),
    STATE_ARRAY_OF(struct pci_testdev, bars, bar_state),
    STATE_FIELDS_END,
};

const struct device_class pci_testdev_class = {
    .name = "pci-testdev",
    .help = "PCI function that counts writes, for bare-metal test guests",
    .size = sizeof(struct pci_testdev),
    .user_creatable = true,
    .bus = "pci",
    .props = testdev_props,
    .state = testdev_state,
    .state_version = 1,
    .realize = testdev_realize,
    .unrealize = testdev_unrealize,
    .reset = testdev_reset,
    .post_load = testdev_post_load,
};
