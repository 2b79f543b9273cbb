/* PCI functions: configuration space, BARs, capabilities, INTx; host bridges. */
#include <criterion/criterion.h>
#include "core/util/endian.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/pci.h"
#include "hw/pci/piix.h"
#include "tests/device/device_test.h"

struct probe_device {
    struct pci_device pci;
    struct mem_region bar0, bar1, bar2;
    uint64_t last;
};

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque;
    (void)size;
    return 0x55aa0000 + offset;
}
static void bar_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)offset;
    (void)size;
    ((struct probe_device *)opaque)->last = value;
}
static const struct mem_ops bar_ops = {
    .read = bar_read, .write = bar_write, .min_size = 1, .max_size = 4};

static bool probe_realize(struct device *dev, struct vemu_error **errp)
{
    struct probe_device *s = (struct probe_device *)dev;
    static const struct pci_ident ident = {.vendor = 0x1b36,
                                           .device = 0x0005,
                                           .class_code = 0xff0000,
                                           .subsystem_vendor = 0x1af4,
                                           .subsystem = 0x1100,
                                           .interrupt_pin = 1};
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    mem_region_init_io(&s->bar0, "bar0", 4096, &bar_ops, s, dev);
    mem_region_init_io(&s->bar1, "bar1", 256, &bar_ops, s, dev);
    mem_region_init_io(&s->bar2, "bar2", UINT64_C(1) << 20, &bar_ops, s, dev);
    pci_bar_add(&s->pci, 0, PCI_BAR_MEM32, &s->bar0);
    pci_bar_add(&s->pci, 1, PCI_BAR_IO, &s->bar1);
    pci_bar_add(&s->pci, 2, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &s->bar2);
    cr_expect_eq(pci_add_capability(&s->pci, PCI_CAP_ID_PM, 8), 0x40);
    cr_expect_eq(pci_add_capability(&s->pci, PCI_CAP_ID_MSI, 14), 0x48);
    return true;
}
static void probe_unrealize(struct device *dev)
{
    pci_device_exit((struct pci_device *)dev);
}
static void probe_reset(struct device *dev)
{
    pci_device_reset((struct pci_device *)dev);
}
static bool probe_post_load(struct device *dev, struct vemu_error **errp)
{
    return pci_device_post_load((struct pci_device *)dev, errp);
}
static const struct prop_desc probe_props[] = {PCI_PROPS(struct probe_device, pci), {0}};
static const struct state_field probe_state[] = {STATE_PCI(struct probe_device, pci),
                                                 STATE_FIELDS_END};
static const struct device_class probe_class = {.name = "probe",
                                                .size = sizeof(struct probe_device),
                                                .bus = "pci",
                                                .props = probe_props,
                                                .state = probe_state,
                                                .state_version = 1,
                                                .realize = probe_realize,
                                                .unrealize = probe_unrealize,
                                                .reset = probe_reset,
                                                .post_load = probe_post_load};

struct fixture {
    struct vemu_machine m;
    struct device *host;
    struct probe_device *dev;
    struct line_probe isa[16];
};

static struct probe_device *plug(struct fixture *f, const char *addr)
{
    struct vemu_error *err = NULL;
    struct device *dev = made(device_new(&f->m, &probe_class, NULL, &err), err);
    struct probe_device *s = (struct probe_device *)dev;
    s->pci.bus = pci_host_bus(f->host);
    s->pci.devfn = PCI_DEVFN_ANY;
    if (addr)
        cr_assert(device_set_prop(dev, "addr", addr, &err));
    cr_assert(device_realize(dev, &err), "%s", err ? vemu_error_message(err) : "");
    return s;
}

static void set_up(struct fixture *f, bool q35)
{
    struct vemu_error *err = NULL;
    test_machine_init(&f->m);
    struct pci_host_config host = {.q35 = q35, .ecam_enabled = q35};
    f->host = made(pci_host_create(&f->m, &host, &err), err);
    struct piix3_config piix = {.host = f->host, .routed = true};
    for (unsigned i = 0; i < 16; i++) {
        f->isa[i] = (struct line_probe){0};
        piix.isa[i] = line_probe(&f->isa[i]);
    }
    made(piix3_create(&f->m, &piix, &err), err);
    f->dev = plug(f, "5");
    machine_lock(&f->m);
    machine_reset(&f->m, NULL);
    machine_unlock(&f->m);
}

static void tear_down(struct fixture *f)
{
    machine_destroy(&f->m);
}

static void address(struct fixture *f, unsigned devfn, unsigned reg)
{
    out32(&f->m, 0xcf8, 0x80000000u | devfn << 8 | (reg & 0xfc));
}
static uint32_t config_read(struct fixture *f, unsigned devfn, unsigned reg)
{
    address(f, devfn, reg);
    return in32(&f->m, 0xcfc);
}
static void config_write(struct fixture *f, unsigned devfn, unsigned reg, uint32_t value)
{
    address(f, devfn, reg);
    out32(&f->m, 0xcfc, value);
}
enum { PROBE = PCI_DEVFN(5, 0) };

Test(pci, config_ports_find_functions_and_absent_ones_read_all_ones)
{
    struct fixture f;
    set_up(&f, false);
    cr_expect_eq(config_read(&f, 0, 0), 0x12378086);
    cr_expect_eq(config_read(&f, PCI_DEVFN(1, 0), 0), 0x70008086);
    cr_expect_eq(config_read(&f, PROBE, 0), 0x00051b36);
    cr_expect_eq(config_read(&f, PCI_DEVFN(9, 0), 0), 0xffffffff);
    address(&f, PROBE, 0);
    cr_expect_eq(in16(&f.m, 0xcfe), 0x0005);
    cr_expect_eq(in8(&f.m, 0xcfd), 0x1b);
    out32(&f.m, 0xcf8, 0x00002800); /* enable bit clear */
    cr_expect_eq(in32(&f.m, 0xcfc), 0xffffffff);
    out32(&f.m, 0xcf8, 0x80010000 | PROBE << 8); /* bus 1 */
    cr_expect_eq(in32(&f.m, 0xcfc), 0xffffffff);
    tear_down(&f);
}

Test(pci, identity_is_read_only_and_bar_sizes_show_by_writing_ones)
{
    struct fixture f;
    set_up(&f, false);
    config_write(&f, PROBE, 0, 0);
    config_write(&f, PROBE, 8, 0xffffffff);
    cr_expect_eq(config_read(&f, PROBE, 0), 0x00051b36);
    cr_expect_eq(config_read(&f, PROBE, 8), 0xff000000);
    for (unsigned bar = 0; bar < 6; bar++)
        config_write(&f, PROBE, 0x10 + 4 * bar, 0xffffffff);
    cr_expect_eq(config_read(&f, PROBE, 0x10), 0xfffff000);
    cr_expect_eq(config_read(&f, PROBE, 0x14), 0xffffff01);
    cr_expect_eq(config_read(&f, PROBE, 0x18), 0xfff0000c);
    cr_expect_eq(config_read(&f, PROBE, 0x1c), 0xffffffff);
    cr_expect_eq(config_read(&f, PROBE, 0x20), 0);
    tear_down(&f);
}

Test(pci, bars_are_decoded_only_when_enabled_and_follow_moves)
{
    struct fixture f;
    set_up(&f, false);
    config_write(&f, PROBE, 0x10, 0xe0000000);
    config_write(&f, PROBE, 0x14, 0xc000);
    config_write(&f, PROBE, 0x18, 0x00000000);
    config_write(&f, PROBE, 0x1c, 0x2); /* 8 GiB */
    cr_expect_eq(read32(&f.m, 0xe0000010), 0xffffffff);
    config_write(&f, PROBE, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
    cr_expect_eq(read32(&f.m, 0xe0000010), 0x55aa0010);
    cr_expect_eq(in32(&f.m, 0xc004), 0x55aa0004);
    cr_expect_eq(read32(&f.m, UINT64_C(0x200000020)), 0x55aa0020);
    write32(&f.m, 0xe0000000, 7);
    cr_expect_eq(f.dev->last, 7);
    config_write(&f, PROBE, 0x10, 0xe1000000);
    cr_expect_eq(read32(&f.m, 0xe0000010), 0xffffffff);
    cr_expect_eq(read32(&f.m, 0xe1000010), 0x55aa0010);
    config_write(&f, PROBE, PCI_COMMAND, PCI_COMMAND_IO);
    cr_expect_eq(read32(&f.m, 0xe1000010), 0xffffffff);
    machine_lock(&f.m);
    machine_reset(&f.m, NULL);
    machine_unlock(&f.m);
    cr_expect_eq(in32(&f.m, 0xc004), 0xffffffff);
    cr_expect_eq(config_read(&f, PROBE, 0x14), 1);
    tear_down(&f);
}

Test(pci, capabilities_are_linked_from_the_newest)
{
    struct fixture f;
    set_up(&f, false);
    cr_expect_eq(config_read(&f, PROBE, PCI_CAPABILITY_LIST) & 0xff, 0x48);
    cr_expect_eq(config_read(&f, PROBE, 0x48) & 0xffff, 0x4005);
    cr_expect_eq(config_read(&f, PROBE, 0x40) & 0xffff, 0x0001);
    cr_expect(config_read(&f, PROBE, PCI_COMMAND) >> 16 & PCI_STATUS_CAP_LIST);
    tear_down(&f);
}

Test(pci, intx_goes_through_pirq_routing_and_intx_disable)
{
    struct fixture f;
    set_up(&f, false);
    /* INTA of slot 5: PIRQA, routed to 10. */
    pci_set_intx(&f.dev->pci, 1);
    cr_expect_eq(f.isa[10].level, 1);
    cr_expect(config_read(&f, PROBE, PCI_COMMAND) >> 16 & PCI_STATUS_INTERRUPT);
    config_write(&f, PROBE, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
    cr_expect_eq(f.isa[10].level, 0);
    config_write(&f, PROBE, PCI_COMMAND, 0);
    cr_expect_eq(f.isa[10].level, 1);
    address(&f, PCI_DEVFN(1, 0), 0x60);
    out8(&f.m, 0xcfc, 5);
    cr_expect_eq(f.isa[10].level, 0);
    cr_expect_eq(f.isa[5].level, 1);
    out8(&f.m, 0xcfc, 0x80);
    cr_expect_eq(f.isa[5].level, 0);
    out8(&f.m, 0xcfc, 8); /* the RTC's: not routable */
    cr_expect_eq(f.isa[8].level, 0);
    tear_down(&f);
}

Test(pci, functions_that_share_a_line_hold_it_until_the_last_lets_go)
{
    struct fixture f;
    set_up(&f, false);
    struct probe_device *other = plug(&f, "9.0"); /* also PIRQA */
    pci_set_intx(&f.dev->pci, 1);
    pci_set_intx(&other->pci, 1);
    pci_set_intx(&f.dev->pci, 0);
    cr_expect_eq(f.isa[10].level, 1);
    pci_set_intx(&other->pci, 0);
    cr_expect_eq(f.isa[10].level, 0);
    tear_down(&f);
}

Test(pci, ecam_reaches_functions_and_moves_with_pciexbar)
{
    struct fixture f;
    set_up(&f, true);
    cr_expect_eq(read32(&f.m, Q35_ECAM_BASE), 0x29c08086);
    cr_expect_eq(read32(&f.m, Q35_ECAM_BASE + (PROBE << 12)), 0x00051b36);
    cr_expect_eq(read32(&f.m, Q35_ECAM_BASE + (PROBE << 12) + 0x100), 0);
    cr_expect_eq(read32(&f.m, Q35_ECAM_BASE + (1 << 20)), 0xffffffff);
    config_write(&f, 0, 0x60, 0xe0000001);
    cr_expect_eq(read32(&f.m, 0xe0000000), 0x29c08086);
    cr_expect_eq(read32(&f.m, Q35_ECAM_BASE), 0xffffffff);
    config_write(&f, 0, 0x60, 0);
    cr_expect_eq(read32(&f.m, 0xe0000000), 0xffffffff);
    tear_down(&f);
}

Test(pci, reset_control_register_resets_the_machine)
{
    struct fixture f;
    set_up(&f, false);
    out8(&f.m, 0xcf9, 2);
    cr_expect_eq(f.m.pending_requests, 0);
    cr_expect_eq(in8(&f.m, 0xcf9), 2);
    out8(&f.m, 0xcf9, 6);
    cr_expect(f.m.pending_requests & 1u << MACHINE_REQUEST_RESET);
    tear_down(&f);
}

Test(pci, a_taken_or_impossible_address_is_one_sentence)
{
    static const char *const bad[] = {"5", "20", "1.8", "x", "-1", "1.", "1.0x"};
    struct fixture f;
    set_up(&f, false);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct vemu_error *err = NULL;
        struct device *dev = made(device_new(&f.m, &probe_class, NULL, &err), err);
        struct pci_device *pci = (struct pci_device *)dev;
        pci->bus = pci_host_bus(f.host);
        cr_assert(device_set_prop(dev, "addr", bad[i], &err));
        cr_expect_not(device_realize(dev, &err), "%s", bad[i]);
        cr_expect(err && !strchr(vemu_error_message(err), '\n'));
        vemu_error_free(err);
        device_free(dev);
    }
    tear_down(&f);
}

static void poke(struct vemu_machine *m)
{
    for (unsigned reg = 0; reg < 0x100; reg += 4) {
        out32(m, 0xcf8, 0x80000000u | (unsigned)PROBE << 8 | reg);
        out32(m, 0xcfc, ~in32(m, 0xcfc));
    }
}

Test(pci, state_survives_a_round_trip_and_damage)
{
    struct fixture f, g;
    set_up(&f, false);
    set_up(&g, false);
    config_write(&f, PROBE, 0x10, 0xe0000000);
    config_write(&f, PROBE, PCI_COMMAND, PCI_COMMAND_MEMORY);
    assert_round_trip(&f.dev->pci.dev, &g.dev->pci.dev);
    cr_expect_eq(read32(&g.m, 0xe0000010), 0x55aa0010);
    fuzz_state(&f.dev->pci.dev, &g.dev->pci.dev, 200, poke);
    tear_down(&f);
    tear_down(&g);
}
