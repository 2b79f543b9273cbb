/* Port 92, POST port, isa-debug-exit, isa-debugcon, pc-testdev, pci-testdev. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/chardev/chardev.h"
#include "core/util/error.h"
#include "hw/misc/debug_exit.h"
#include "hw/misc/debugcon.h"
#include "hw/misc/ferr.h"
#include "hw/misc/pc_testdev.h"
#include "hw/misc/port92.h"
#include "hw/misc/post_port.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_testdev.h"
#include "tests/device/device_test.h"

static struct vemu_machine m;

static void setup(void)
{
    test_machine_init(&m);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(small_devices, .init = setup, .fini = teardown);

static struct device *user_device(struct vemu_machine *machine, const struct device_class *cls)
{
    struct vemu_error *err = NULL;
    struct device *dev = made(device_new(machine, cls, NULL, &err), err);
    cr_assert(device_realize(dev, &err), "%s", err ? vemu_error_message(err) : "");
    return dev;
}

Test(small_devices, port92_moves_a20_and_resets_on_a_rising_bit)
{
    struct vemu_error *err = NULL;
    struct line_probe a20 = {0};
    struct port92_config cfg = {.port = 0x92, .a20 = line_probe(&a20)};
    struct device *dev = made(port92_create(&m, &cfg, &err), err);
    cr_expect_eq(a20.level, 1);
    cr_expect_eq(in8(&m, 0x92), 2);
    out8(&m, 0x92, 0);
    cr_expect_eq(a20.level, 0);
    out8(&m, 0x92, 0xfe);
    cr_expect_eq(in8(&m, 0x92), 2);
    cr_expect_eq(m.pending_requests, 0);
    out8(&m, 0x92, 3);
    cr_expect_eq(m.pending_requests, 1u << MACHINE_REQUEST_RESET);

    struct vemu_machine other;
    test_machine_init(&other);
    assert_round_trip(dev, made(port92_create(&other, &cfg, &err), err));
    machine_destroy(&other);
}

Test(small_devices, ferr_latches_its_line_until_port_f0_is_written)
{
    struct vemu_error *err = NULL;
    struct line_probe irq = {0};
    struct ferr_config cfg = {.port = 0xf0, .irq = line_probe(&irq)};
    struct device *dev = made(ferr_create(&m, &cfg, &err), err);
    ferr_set(dev, true);
    cr_expect_eq(irq.level, 1);
    ferr_set(dev, false);
    cr_expect_eq(irq.level, 1, "latched");
    ferr_set(dev, true);
    out8(&m, 0xf0, 0);
    cr_expect_eq(irq.level, 0);
    ferr_set(dev, true);
    cr_expect_eq(irq.level, 0, "IGNNE#");
    ferr_set(dev, false);
    ferr_set(dev, true);
    cr_expect_eq(irq.level, 1, "another error");

    struct vemu_machine other;
    test_machine_init(&other);
    assert_round_trip(dev, made(ferr_create(&other, &cfg, &err), err));
    machine_destroy(&other);
}

Test(small_devices, post_port_takes_any_byte)
{
    struct vemu_error *err = NULL;
    struct post_port_config cfg = {.port = 0x80};
    struct device *dev = made(post_port_create(&m, &cfg, &err), err);
    out8(&m, 0x80, 0x42);
    cr_expect_eq(in8(&m, 0x80), 0x42);

    struct vemu_machine other;
    test_machine_init(&other);
    assert_round_trip(dev, made(post_port_create(&other, &cfg, &err), err));
    machine_destroy(&other);
}

Test(small_devices, debug_exit_ends_with_an_odd_status)
{
    user_device(&m, &debug_exit_class);
    cr_expect_eq(in8(&m, 0x501), 0);
    out8(&m, 0x501, 0x10);
    cr_expect_eq(m.pending_requests, 1u << MACHINE_REQUEST_EXIT);
    cr_expect_eq(m.exit_status, 0x21);
}

Test(small_devices, debug_exit_where_it_is_told)
{
    struct vemu_error *err = NULL;
    struct device *dev = made(device_new(&m, &debug_exit_class, NULL, &err), err);
    cr_assert(device_set_prop(dev, "iobase", "0xf4", &err));
    cr_assert(device_set_prop(dev, "iosize", "4", &err));
    cr_assert(device_realize(dev, &err));
    out32(&m, 0xf4, 0xffffffff);
    cr_expect_eq(m.exit_status, INT32_MAX);
}

Test(small_devices, debug_exit_beyond_the_last_port_is_refused)
{
    struct vemu_error *err = NULL;
    struct device *dev = made(device_new(&m, &debug_exit_class, NULL, &err), err);
    cr_assert(device_set_prop(dev, "iobase", "0xffff", &err));
    cr_expect_not(device_realize(dev, &err));
    cr_expect(strstr(vemu_error_message(err), "0xffff"));
    vemu_error_free(err);
}

Test(small_devices, debugcon_prints_and_reads_back)
{
    struct vemu_error *err = NULL;
    uint8_t buf[8];
    struct chardev *chr = chardev_new(&m, NULL, "ringbuf", &err);
    cr_assert(chr);
    struct debugcon_config cfg = {.chr = chr};
    made(debugcon_create(&m, &cfg, &err), err);
    cr_expect_eq(in8(&m, 0xe9), 0xe9);
    out8(&m, 0xe9, 'o');
    out8(&m, 0xe9, 'k');
    cr_expect_eq(chardev_ring_read(chr, buf, sizeof buf), 2);
    cr_expect_arr_eq(buf, "ok", 2);
}

Test(small_devices, pc_testdev_latch_lines_and_memory)
{
    struct vemu_error *err = NULL;
    struct line_probe line = {0};
    struct device *dev = made(device_new(&m, &pc_testdev_class, NULL, &err), err);
    pc_testdev_connect(dev, 14, line_probe(&line));
    cr_assert(device_realize(dev, &err));
    out32(&m, 0xe0, 0x12345678);
    cr_expect_eq(in8(&m, 0xe1), 0x56);
    out16(&m, 0xe2, 0xabcd);
    cr_expect_eq(in32(&m, 0xe0), 0xabcd5678);
    out8(&m, 0x200e, 1);
    cr_expect_eq(line.level, 1);
    out8(&m, 0x200e, 0);
    cr_expect_eq(line.level, 0);
    write64(&m, 0xff000ffc, UINT64_C(0x1122334455667788));
    cr_expect_eq(read32(&m, 0xff001000), 0x11223344);
    cr_expect_eq(read64(&m, 0xff000ffc), UINT64_C(0x1122334455667788));
    write32(&m, 0xff00fffc, 5);
    cr_expect_eq(read32(&m, 0xff00fffc), 5);

    struct vemu_machine other;
    test_machine_init(&other);
    assert_round_trip(dev, user_device(&other, &pc_testdev_class));
    machine_destroy(&other);
}

static struct pci_device *pci_testdev(struct vemu_machine *machine, struct pci_bus *bus)
{
    struct vemu_error *err = NULL;
    pci_bus_init(bus, machine, mem_space_root(machine->memory), mem_space_root(machine->io), NULL,
                 NULL);
    struct pci_device *pci =
        (struct pci_device *)made(device_new(machine, &pci_testdev_class, NULL, &err), err);
    pci->bus = bus;
    pci->devfn = PCI_DEVFN_ANY;
    cr_assert(device_realize(&pci->dev, &err), "%s", err ? vemu_error_message(err) : "");
    return pci;
}

Test(small_devices, pci_testdev_counts_matching_writes)
{
    enum { MEM = 0xe0000000, IO = 0xc000 };
    static struct pci_bus bus;
    struct pci_device *pci = pci_testdev(&m, &bus);
    cr_expect_eq(pci_config_read(pci, 0, 4), 0x00051b36);
    pci_config_write(pci, PCI_BASE_ADDRESS_0, MEM, 4);
    pci_config_write(pci, PCI_BASE_ADDRESS_0 + 4, IO, 4);
    pci_config_write(pci, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);

    mem_write(m.memory, MEM, 1, 2);
    uint64_t width = 0;
    mem_read(m.memory, MEM + 1, 1, &width);
    cr_expect_eq(width, 1);
    uint32_t offset = read32(&m, MEM + 4), data = read32(&m, MEM + 8);
    mem_write(m.memory, MEM + offset, 1, data);
    mem_write(m.memory, MEM + offset, 1, data ^ 1);
    mem_write(m.memory, MEM + offset, 2, data);
    cr_expect_eq(read32(&m, MEM + 12), 1, "data has to match in this test");

    out8(&m, IO, 0);
    out8(&m, (uint16_t)(IO + in32(&m, IO + 4)), 1);
    out8(&m, (uint16_t)(IO + in32(&m, IO + 4)), 2);
    cr_expect_eq(in32(&m, IO + 12), 2);
    out8(&m, IO, 200);
    cr_expect_eq(in8(&m, IO + 1), 0, "no such test");

    static struct pci_bus other_bus;
    struct vemu_machine other;
    test_machine_init(&other);
    assert_round_trip(&pci->dev, &pci_testdev(&other, &other_bus)->dev);
    machine_destroy(&other);
}
