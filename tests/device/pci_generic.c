/* The generic PCI Express host: configuration window, BAR windows, lines, who sends a message. */
#include <criterion/criterion.h>
#include "core/util/error.h"
#include "hw/pci/host_generic.h"
#include "hw/pci/msi.h"
#include "hw/pci/root_port.h"
#include "tests/device/device_test.h"

#define ECAM UINT64_C(0x3f000000)
#define MMIO UINT64_C(0x10000000)
#define MMIO_HIGH UINT64_C(0x8000000000)
#define PIO UINT64_C(0x3eff0000)

struct card {
    struct pci_device pci;
    struct mem_region mem, io, wide;
};

static uint64_t card_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)size;
    return 0x1000 + offset;
}
static const struct mem_ops card_ops = {.read = card_read, .min_size = 1, .max_size = 4};

static bool card_realize(struct device *dev, struct vemu_error **errp)
{
    struct card *s = (struct card *)dev;
    static const struct pci_ident ident = {
        .vendor = 0x1234, .device = 0x5678, .class_code = 0xff0000, .interrupt_pin = 1};
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    mem_region_init_io(&s->mem, "mem", 4096, &card_ops, s, dev);
    mem_region_init_io(&s->io, "io", 256, &card_ops, s, dev);
    mem_region_init_io(&s->wide, "wide", 4096, &card_ops, s, dev);
    pci_bar_add(&s->pci, 0, PCI_BAR_MEM32, &s->mem);
    pci_bar_add(&s->pci, 1, PCI_BAR_IO, &s->io);
    pci_bar_add(&s->pci, 2, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &s->wide);
    return pci_msi_add(&s->pci, 1, false);
}
static void card_unrealize(struct device *dev)
{
    pci_device_exit((struct pci_device *)dev);
}
static const struct device_class card_class = {.name = "card",
                                               .size = sizeof(struct card),
                                               .bus = "pci",
                                               .realize = card_realize,
                                               .unrealize = card_unrealize};

static struct vemu_machine m;
static struct device *host;
static struct line_probe lines[GENERIC_PCI_LINES];
static uint32_t requester, message;

static bool catch_message(void *opaque, uint16_t who, uint64_t addr, uint32_t data)
{
    (void)opaque, (void)addr;
    requester = who;
    message = data;
    return true;
}

static struct device *create(struct vemu_machine *machine)
{
    struct vemu_error *err = NULL;
    struct pci_generic_config cfg = {.ecam = {ECAM, 16 << 20},
                                     .mmio = {MMIO, 0x2eff0000},
                                     .mmio_high = {MMIO_HIGH, UINT64_C(512) << 30},
                                     .pio_base = PIO};
    for (unsigned n = 0; n < GENERIC_PCI_LINES; n++)
        cfg.irqs[n] = line_probe(&lines[n]);
    return made(pci_generic_host_create(machine, &cfg, &err), err);
}
static void setup(void)
{
    test_machine_init(&m);
    host = create(&m);
    pci_bus_set_msi(pci_generic_host_bus(host), catch_message, NULL);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(pci_generic, .init = setup, .fini = teardown);

static struct card *plug(struct pci_bus *bus, unsigned slot)
{
    struct vemu_error *err = NULL;
    struct device *dev = made(device_new(&m, &card_class, NULL, &err), err);
    ((struct pci_device *)dev)->bus = bus;
    ((struct pci_device *)dev)->devfn = PCI_DEVFN(slot, 0);
    cr_assert(device_realize(dev, &err), "%s", err ? vemu_error_message(err) : "");
    return (struct card *)dev;
}
static uint64_t config(unsigned bus, unsigned slot, unsigned reg)
{
    return ECAM + ((uint64_t)bus << 20) + (slot << 15) + reg;
}

Test(pci_generic, the_host_is_function_0)
{
    cr_expect_eq(read32(&m, config(0, 0, 0)), 0x00081b36);
    cr_expect_eq(read32(&m, config(0, 0, 8)) >> 8, 0x060000);
    cr_expect_eq(read32(&m, config(0, 1, 0)), 0xffffffff, "an empty slot");
    cr_expect_eq(read32(&m, config(1, 0, 0)), 0xffffffff, "no such bus");
}

Test(pci_generic, bars_are_seen_in_their_windows)
{
    plug(pci_generic_host_bus(host), 1);
    write32(&m, config(0, 1, 0x10), 0x20000000);
    write32(&m, config(0, 1, 0x14), 0x1000);
    write32(&m, config(0, 1, 0x18), 0);
    write32(&m, config(0, 1, 0x1c), (uint32_t)(MMIO_HIGH >> 32));
    cr_expect_eq(read32(&m, UINT64_C(0x20000010)), 0xffffffff, "not decoded yet");
    write32(&m, config(0, 1, 4), 7);
    cr_expect_eq(read32(&m, UINT64_C(0x20000010)), 0x1010);
    cr_expect_eq(read32(&m, PIO + 0x1020), 0x1020);
    cr_expect_eq(read32(&m, MMIO_HIGH + 0x30), 0x1030);
    write32(&m, config(0, 1, 0x10), 0x08000000);
    cr_expect_eq(read32(&m, UINT64_C(0x08000010)), 0xffffffff, "outside of every window");
}

/* UEFI firmware places the first one there. */
Test(pci_generic, ports_may_begin_at_0)
{
    plug(pci_generic_host_bus(host), 1);
    write32(&m, config(0, 1, 0x14), 0);
    cr_expect_eq(read32(&m, PIO + 0x20), 0xffffffff, "not decoded yet");
    write32(&m, config(0, 1, 4), 1);
    cr_expect_eq(read32(&m, PIO + 0x20), 0x1020);
    write32(&m, config(0, 1, 4), 7);
    cr_expect_eq(read32(&m, UINT64_C(0x20)), 0xffffffff, "memory may not");
}

Test(pci_generic, slots_take_the_four_lines_in_turn)
{
    for (unsigned slot = 1; slot < 6; slot++) {
        struct card *card = plug(pci_generic_host_bus(host), slot);
        machine_lock(&m);
        pci_set_intx(&card->pci, 1);
        for (unsigned n = 0; n < GENERIC_PCI_LINES; n++)
            cr_expect_eq(lines[n].level, n == slot % 4, "slot %u, line %u", slot, n);
        pci_set_intx(&card->pci, 0);
        machine_unlock(&m);
    }
}

Test(pci_generic, a_message_says_who_sends_it)
{
    struct vemu_error *err = NULL;
    struct card *card = plug(pci_generic_host_bus(host), 3);
    struct device *port = made(device_new(&m, &pcie_root_port_class, "rp", &err), err);
    ((struct pci_device *)port)->bus = pci_generic_host_bus(host);
    ((struct pci_device *)port)->devfn = PCI_DEVFN(4, 0);
    cr_assert(device_realize(port, &err));
    write32(&m, config(0, 4, 0x18), 0x00020200); /* buses 0, 2, 2 */
    write32(&m, config(0, 4, 4), 7);
    struct card *behind = plug(pcie_find_bus(pci_generic_host_bus(host), "rp", &err), 0);
    cr_expect_null(pcie_find_bus(pci_generic_host_bus(host), "nowhere", &err));
    vemu_error_free(err);

    struct card *const cards[] = {card, behind};
    const uint64_t base[] = {config(0, 3, 0), config(2, 0, 0)};
    const uint16_t expected[] = {3 << 3, 2 << 8};
    for (unsigned n = 0; n < 2; n++) {
        unsigned cap = cards[n]->pci.msi_cap;
        write32(&m, base[n] + 4, 6);
        write32(&m, base[n] + cap + 4, 0x08080040);
        write32(&m, base[n] + cap + 12, 0x77 + n);
        write32(&m, base[n] + cap, read32(&m, base[n] + cap) | 1 << 16);
        machine_lock(&m);
        pci_msi_notify(&cards[n]->pci, 0);
        machine_unlock(&m);
        cr_expect_eq(requester, expected[n]);
        cr_expect_eq(message, 0x77 + n);
    }
}

Test(pci_generic, state_round_trip_drives_the_lines_again)
{
    struct vemu_machine other;
    struct card *card = plug(pci_generic_host_bus(host), 2);
    machine_lock(&m);
    pci_set_intx(&card->pci, 1);
    machine_unlock(&m);
    test_machine_init(&other);
    struct device *fresh = create(&other);
    lines[2].level = 0;
    assert_round_trip(host, fresh);
    cr_expect_eq(lines[2].level, 1);
    machine_destroy(&other);
}
