/* PCI functions that come and go while a board runs: registers, events, what is refused, root ports
 * and what is behind them, requests under way. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/device/event.h"
#include "core/util/endian.h"
#include "core/util/opts.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/block/virtio_blk.h"
#include "hw/misc/debug_exit.h"
#include "hw/net/e1000.h"
#include "hw/pci/pci_testdev.h"
#include "hw/pci/root_port.h"
#include "hw/x86/boards.h"
#include "hw/x86/x86_common.h"
#include "tests/device/board_machine.h"
#include "tests/device/virtio_driver.h"

#define MIB (UINT64_C(1) << 20)
#define WINDOW UINT64_C(0xe0000000)
enum { GPE_PC = 0x60c, GPE_Q35 = 0x620, NOBODY = -1 };

static void pc(struct vemu_machine *m)
{
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1};
    board_machine(m, &pc_board_class, &cfg);
}

/* With root ports pci.1 and pci.2 in slot 2. */
static void q35(struct vemu_machine *m)
{
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1};
    struct vemu_error *err = NULL;
    board_machine(m, &q35_board_class, &cfg);
    machine_lock(m);
    for (unsigned n = 0; n < 2; n++) {
        struct device *dev = device_new(m, &pcie_root_port_class, n ? "pci.2" : "pci.1", &err);
        cr_assert(device_set_prop(dev, "addr", n ? "0x2.0x1" : "0x2", &err));
        cr_assert(q35_board_class.plug(m, dev, &err), "%s", err ? vemu_error_message(err) : "");
    }
    cr_assert(machine_reset(m, &err));
    machine_unlock(m);
}

/* As device_add does it. */
static struct device *add(struct vemu_machine *m, const struct device_class *cls, const char *id,
                          const char *props, struct vemu_error **err)
{
    const struct board_class *board =
        strcmp(((struct x86_board *)m->board)->name, "pc") ? &q35_board_class : &pc_board_class;
    struct opts opts;
    bool ok = true;
    cr_assert(opts_parse(&opts, "test", NULL, props, err));
    machine_lock(m);
    struct device *dev = device_new(m, cls, id, err);
    for (unsigned i = 0; dev && ok && i < opts.count; i++)
        ok = device_set_prop(dev, opts.items[i].key, opts.items[i].value, err);
    ok = dev && ok && board->hotplug(m, dev, err);
    if (!ok)
        device_free(dev);
    machine_unlock(m);
    opts_free(&opts);
    return ok ? dev : NULL;
}

static struct device *added(struct vemu_machine *m, const struct device_class *cls, const char *id,
                            const char *props)
{
    struct vemu_error *err = NULL;
    struct device *dev = add(m, cls, id, props, &err);
    cr_assert(dev, "%s", err ? vemu_error_message(err) : "");
    return dev;
}

static void ask_for(struct vemu_machine *m, struct device *dev)
{
    struct vemu_error *err = NULL;
    machine_lock(m);
    cr_assert(pc_board_class.unplug(m, dev, &err), "%s", err ? vemu_error_message(err) : "");
    machine_unlock(m);
}

/* What the owner of the machine does between two rounds of its loop. */
static void settle(struct vemu_machine *m)
{
    if (!(machine_take_requests(m) & 1u << MACHINE_REQUEST_UNPLUG))
        return;
    machine_lock(m);
    machine_free_unplugged(m);
    machine_unlock(m);
}

static void expect_deleted(struct vemu_machine *m, const char *id)
{
    struct machine_event *e = machine_take_event(m);
    cr_assert_not_null(e);
    cr_expect_str_eq(e->name, "DEVICE_DELETED");
    cr_assert_eq(e->count, 2);
    cr_expect_str_eq(e->items[0].text, id);
    cr_expect_str_eq(e->items[1].key, "path");
    machine_event_free(e);
}

static unsigned devices(struct vemu_machine *m)
{
    unsigned n = 0;
    list_for_each(dev, &m->devices, struct device, node) n++;
    return n;
}

static uint32_t config_read(struct vemu_machine *m, unsigned bus, unsigned devfn, unsigned reg)
{
    out32(m, 0xcf8, 0x80000000u | bus << 16 | devfn << 8 | (reg & 0xfc));
    return in32(m, 0xcfc);
}
static void config_write(struct vemu_machine *m, unsigned bus, unsigned devfn, unsigned reg,
                         uint32_t value)
{
    out32(m, 0xcf8, 0x80000000u | bus << 16 | devfn << 8 | (reg & 0xfc));
    out32(m, 0xcfc, value);
}

/* ---- registers ------------------------------------------------------------------------------- */

Test(hotplug, a_plugged_function_is_announced_and_answers)
{
    struct vemu_machine m;
    pc(&m);
    cr_expect_eq(config_read(&m, 0, PCI_DEVFN(5, 0), 0), UINT32_MAX);
    cr_expect_not(in8(&m, GPE_PC) & 2);
    added(&m, &pci_testdev_class, "t", "addr=5");
    cr_expect(in8(&m, GPE_PC) & 2, "general-purpose event 1");
    cr_expect_eq(in32(&m, 0xae00), 1u << 5);
    cr_expect_eq(in32(&m, 0xae00), 0, "reading clears it");
    cr_expect_eq(in32(&m, 0xae04), 0);
    cr_expect_eq(config_read(&m, 0, PCI_DEVFN(5, 0), 0), 0x00051b36);
    cr_expect_eq(config_read(&m, 0, PCI_DEVFN(5, 0), PCI_COMMAND) & 0xffff, 0, "as after power-on");
    machine_destroy(&m);
}

Test(hotplug, an_ejected_function_is_gone_at_once_and_freed_later)
{
    struct vemu_machine m;
    pc(&m);
    unsigned before = devices(&m);
    struct device *dev = added(&m, &pci_testdev_class, "t", "addr=5");
    unsigned devfn = PCI_DEVFN(5, 0);
    config_write(&m, 0, devfn, 0x10, (uint32_t)WINDOW);
    config_write(&m, 0, devfn, PCI_COMMAND, PCI_COMMAND_MEMORY);
    write32(&m, WINDOW, 0);
    cr_expect_neq(read32(&m, WINDOW + 4), UINT32_MAX, "its registers");
    ask_for(&m, dev);
    cr_expect_eq(in32(&m, 0xae04), 1u << 5);
    cr_expect_eq(in32(&m, 0xae04), 1u << 5, "until it is ejected");
    cr_expect_eq(config_read(&m, 0, devfn, 0), 0x00051b36, "the guest decides");
    out32(&m, 0xae08, 1u << 5);
    cr_expect_eq(config_read(&m, 0, devfn, 0), UINT32_MAX);
    cr_expect_eq(read32(&m, WINDOW), UINT32_MAX);
    cr_expect_eq(in32(&m, 0xae04), 0);
    cr_expect_not(machine_has_event(&m));
    /* A reset before it is freed leaves it alone. */
    machine_lock(&m);
    cr_expect(machine_reset(&m, NULL));
    machine_unlock(&m);
    settle(&m);
    expect_deleted(&m, "t");
    cr_expect_eq(devices(&m), before);
    /* Place and id are free. */
    added(&m, &pci_testdev_class, "t", "addr=5");
    machine_destroy(&m);
}

Test(hotplug, ejecting_what_is_not_there_or_not_a_slot_does_nothing)
{
    struct vemu_machine m;
    pc(&m);
    added(&m, &pci_testdev_class, "t", "addr=5");
    unsigned before = devices(&m);
    out32(&m, 0xae08, ~(1u << 5));
    cr_expect_eq(config_read(&m, 0, 0, 0), 0x12378086, "the host bridge stays");
    cr_expect_eq(config_read(&m, 0, PCI_DEVFN(1, 0), 0), 0x70008086);
    /* Buses that are not there. */
    for (unsigned n = 1; n < 600; n += 7) {
        out32(&m, 0xae10, n);
        cr_expect_eq(in32(&m, 0xae10), n);
        cr_expect_eq(in32(&m, 0xae00), 0);
        cr_expect_eq(in32(&m, 0xae0c), 0);
        out32(&m, 0xae08, UINT32_MAX);
    }
    out32(&m, 0xae10, UINT32_MAX);
    out32(&m, 0xae08, UINT32_MAX);
    settle(&m);
    cr_expect_eq(devices(&m), before);
    out32(&m, 0xae10, 0);
    cr_expect_eq(in32(&m, 0xae0c) & 3, 0, "the chipset cannot be removed");
    cr_expect_eq(in32(&m, 0xae0c) >> 5 & 1, 1);
    /* All of a slot's functions go together. */
    added(&m, &pci_testdev_class, "a", "addr=6.0,multifunction=on");
    added(&m, &pci_testdev_class, "b", "addr=6.3");
    out32(&m, 0xae08, 1u << 6);
    settle(&m);
    expect_deleted(&m, "a");
    expect_deleted(&m, "b");
    machine_destroy(&m);
}

Test(hotplug, a_reset_takes_what_was_asked_for)
{
    struct vemu_machine m;
    pc(&m);
    ask_for(&m, added(&m, &pci_testdev_class, "t", "addr=5"));
    added(&m, &pci_testdev_class, "u", "addr=6");
    machine_lock(&m);
    cr_expect(machine_reset(&m, NULL));
    machine_unlock(&m);
    settle(&m);
    expect_deleted(&m, "t");
    cr_expect_not(machine_has_event(&m));
    cr_expect_eq(config_read(&m, 0, PCI_DEVFN(6, 0), 0), 0x00051b36);
    cr_expect_eq(in32(&m, 0xae00), 0, "found like everything else");
    machine_destroy(&m);
}

/* ---- what is refused ------------------------------------------------------------------------- */

Test(hotplug, what_is_refused_leaves_nothing)
{
    static const struct {
        const struct device_class *cls;
        const char *props, *said;
    } tries[] = {
        {&pci_testdev_class, "addr=5", "already taken"},
        {&pci_testdev_class, "addr=1.7", "stays as it is"},
        {&pci_testdev_class, "addr=20", "not a PCI address"},
        {&pci_testdev_class, "bus=pci.9", "no such PCI bus"},
        {&virtio_blk_pci_class.device, "addr=7", "drive"},
        {&debug_exit_class, "iobase=0x600", "only PCI devices"},
        {&pcie_root_port_class, "addr=7", "root bus of a PCI Express machine"},
    };
    struct vemu_machine m;
    pc(&m);
    added(&m, &pci_testdev_class, "t", "addr=5");
    unsigned before = devices(&m);
    in32(&m, 0xae00);
    for (unsigned i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        struct vemu_error *err = NULL;
        cr_expect_null(add(&m, tries[i].cls, "x", tries[i].props, &err));
        cr_assert(err, "try %u", i);
        cr_expect(strstr(vemu_error_message(err), tries[i].said), "try %u: %s", i,
                  vemu_error_message(err));
        vemu_error_free(err);
        cr_expect_eq(devices(&m), before);
        cr_expect_eq(in32(&m, 0xae00), 0);
        cr_expect_eq(config_read(&m, 0, PCI_DEVFN(7, 0), 0), UINT32_MAX);
        cr_expect_eq(config_read(&m, 0, PCI_DEVFN(1, 7), 0), UINT32_MAX);
    }
    /* What the board is made of cannot be taken. */
    list_for_each(dev, &m.devices, struct device, node)
    {
        struct vemu_error *err = NULL;
        if (dev->id)
            continue;
        machine_lock(&m);
        cr_expect_not(pc_board_class.unplug(&m, dev, &err));
        machine_unlock(&m);
        vemu_error_free(err);
    }
    machine_destroy(&m);
}

/* ---- root ports ------------------------------------------------------------------------------ */

/* Bus 3 behind pci.1, with a memory window of 2 MiB and an I/O window of 4 KiB. */
static void set_up_port(struct vemu_machine *m)
{
    unsigned port = PCI_DEVFN(2, 0);
    config_write(m, 0, port, PCI_PRIMARY_BUS, 0x00030300);
    config_write(m, 0, port, 0x1c, 0xf0d0);     /* I/O: none (base above limit) */
    config_write(m, 0, port, 0x20, 0xe010e000); /* WINDOW, 2 MiB */
    config_write(m, 0, port, 0x24, 0x0000fff0); /* prefetchable: none */
    config_write(m, 0, port, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER);
}

Test(hotplug, configuration_cycles_go_to_the_bus_of_their_number)
{
    struct vemu_machine m;
    q35(&m);
    added(&m, &pci_testdev_class, "t", "bus=pci.1");
    cr_expect_eq(config_read(&m, 0, PCI_DEVFN(2, 0), 0), 0x000c1b36);
    cr_expect_eq(config_read(&m, 0, PCI_DEVFN(2, 0), PCI_CACHE_LINE_SIZE) >> 16 & 0x7f, 1,
                 "a bridge");
    cr_expect_eq(config_read(&m, 3, 0, 0), UINT32_MAX, "nobody has that number yet");
    set_up_port(&m);
    cr_expect_eq(config_read(&m, 3, 0, 0), 0x00051b36);
    cr_expect_eq(config_read(&m, 3, PCI_DEVFN(1, 0), 0), UINT32_MAX);
    cr_expect_eq(config_read(&m, 4, 0, 0), UINT32_MAX);
    cr_expect_eq(read32(&m, UINT64_C(0xb0000000) + (3 << 20)), 0x00051b36, "by ECAM, too");
    cr_expect_eq(read32(&m, UINT64_C(0xb0000000) + (255u << 20)), UINT32_MAX);
    machine_destroy(&m);
}

Test(hotplug, windows_show_what_is_behind)
{
    struct vemu_machine m;
    q35(&m);
    added(&m, &pci_testdev_class, "t", "bus=pci.1");
    set_up_port(&m);
    config_write(&m, 3, 0, 0x10, (uint32_t)WINDOW + 0x10000);
    config_write(&m, 3, 0, PCI_COMMAND, PCI_COMMAND_MEMORY);
    write32(&m, WINDOW + 0x10000, 0);
    uint32_t seen = read32(&m, WINDOW + 0x10004);
    cr_expect_neq(seen, UINT32_MAX);
    config_write(&m, 3, 0, 0x10, (uint32_t)WINDOW + 0x400000);
    cr_expect_eq(read32(&m, WINDOW + 0x400004), UINT32_MAX, "outside of the window");
    config_write(&m, 0, PCI_DEVFN(2, 0), 0x20, 0xe050e040);
    cr_expect_eq(read32(&m, WINDOW + 0x400004), seen, "the window moved there");
    config_write(&m, 0, PCI_DEVFN(2, 0), PCI_COMMAND, 0);
    cr_expect_eq(read32(&m, WINDOW + 0x400004), UINT32_MAX);
    /* Windows of any kind, also backwards and beyond the end, break nothing. */
    for (unsigned reg = 0x1c; reg < 0x34; reg += 4) {
        for (unsigned n = 0; n < 64; n++) {
            config_write(&m, 0, PCI_DEVFN(2, 0), reg, n * 0x9e3779b9u);
            config_write(&m, 0, PCI_DEVFN(2, 0), PCI_COMMAND, n & 7);
        }
    }
    machine_destroy(&m);
}

Test(hotplug, a_bridge_resets_and_keeps_from_mastering_what_is_behind)
{
    struct vemu_machine m;
    uint8_t word[4];
    q35(&m);
    struct pci_device *pci = (struct pci_device *)added(&m, &pci_testdev_class, "t", "bus=pci.1");
    set_up_port(&m);
    config_write(&m, 3, 0, PCI_COMMAND, PCI_COMMAND_MASTER);
    machine_lock(&m);
    cr_expect_eq(pci_dma_read(pci, 0x1000, word, 4), MEM_OK);
    machine_unlock(&m);
    config_write(&m, 0, PCI_DEVFN(2, 0), PCI_COMMAND, PCI_COMMAND_MEMORY);
    machine_lock(&m);
    cr_expect_eq(pci_dma_read(pci, 0x1000, word, 4), MEM_ERROR);
    machine_unlock(&m);
    config_write(&m, 3, 0, 0x3c, 0x0b);
    config_write(&m, 0, PCI_DEVFN(2, 0), 0x3c, 0x00400000);
    cr_expect_eq(config_read(&m, 3, 0, 0x3c) & 0xff, 0, "reset behind the bridge");
    machine_destroy(&m);
}

Test(hotplug, pins_behind_a_port_reach_the_line_of_the_port)
{
    struct vemu_machine m;
    q35(&m);
    struct pci_device *pci = (struct pci_device *)added(&m, &e1000_class, "n", "bus=pci.2");
    struct pci_bus *root = ((struct x86_board *)m.board)->pci;
    struct pci_device *port = root->functions[PCI_DEVFN(2, 1)];
    machine_lock(&m);
    unsigned line = root->ops->map_irq(root->opaque, port, 0);
    pci_set_intx(pci, 1);
    cr_expect_eq(root->line_level[line], 1);
    pci_device_unplug(pci);
    cr_expect_eq(root->line_level[line], 0, "who is gone asserts nothing");
    machine_unlock(&m);
    settle(&m);
    machine_destroy(&m);
}

Test(hotplug, slots_of_root_ports_are_filled_and_emptied)
{
    struct vemu_machine m;
    struct vemu_error *err = NULL;
    q35(&m);
    unsigned before = devices(&m);
    uint8_t cap = config_read(&m, 0, PCI_DEVFN(2, 1), 0x34) & 0xff;
    cr_expect_eq(config_read(&m, 0, PCI_DEVFN(2, 1), cap) & 0xff, PCI_CAP_ID_EXP);
    cr_expect_not(config_read(&m, 0, PCI_DEVFN(2, 1), cap + 0x18) >> 22 & 1, "nothing is present");
    cr_expect_null(add(&m, &pci_testdev_class, "x", "bus=pcie.0", &err));
    vemu_error_free(err);
    err = NULL;
    struct device *dev = added(&m, &pci_testdev_class, "t", "bus=pci.2,addr=0x0");
    cr_expect(config_read(&m, 0, PCI_DEVFN(2, 1), cap + 0x18) >> 22 & 1);
    cr_expect_null(add(&m, &pci_testdev_class, "x", "bus=pci.2", &err));
    cr_expect(strstr(vemu_error_message(err), "the slot of bus 'pci.2' is taken"), "%s",
              vemu_error_message(err));
    vemu_error_free(err);
    err = NULL;
    cr_expect_null(add(&m, &pci_testdev_class, "x", "bus=pci.1,addr=3", &err));
    cr_expect(strstr(vemu_error_message(err), "slot 0 alone"));
    vemu_error_free(err);
    err = NULL;
    cr_expect(in8(&m, GPE_Q35) & 2);
    out32(&m, 0xcc0 + 0x10, 1);
    cr_expect_eq(in32(&m, 0xcc0), 0);
    out32(&m, 0xcc0 + 0x10, 2);
    cr_expect_eq(in32(&m, 0xcc0), 1);
    ask_for(&m, dev);
    cr_expect_eq(in32(&m, 0xcc4), 1);
    out32(&m, 0xcc8, 1);
    settle(&m);
    expect_deleted(&m, "t");
    cr_expect_eq(devices(&m), before);
    /* Who does not say where gets what is free. */
    added(&m, &pci_testdev_class, "a", "");
    added(&m, &pci_testdev_class, "b", "");
    cr_expect_null(add(&m, &pci_testdev_class, "c", "", &err));
    cr_expect(strstr(vemu_error_message(err), "no free slot"));
    vemu_error_free(err);
    machine_destroy(&m);
}

/* ---- under way ------------------------------------------------------------------------------- */

Test(hotplug, a_disk_goes_with_requests_under_way_and_leaves_memory_alone)
{
    enum { REQUESTS = 5 };
    for (unsigned round = 0; round < 20; round++) {
        struct vt t;
        struct vemu_error *err = NULL;
        vt_machine(&t, round & 1 ? "qcow2" : "raw", MIB);
        vt_plug(&t, &virtio_blk_pci_class.device, "drive=disk");
        cr_assert(vt_start(&t, VIRTIO_BIT(VIRTIO_F_VERSION_1), 1, true));
        for (unsigned n = 0; n < REQUESTS; n++) {
            uint64_t at = VT_BUFFERS + n * 0x10000;
            write32(&t.m, at, n & 1); /* reads and writes */
            write64(&t.m, at + 8, n * 64);
            write8(&t.m, at + 0x100, 0xee);
            vt_desc(&t, 0, 3 * n, at, 16, VT_NEXT, (uint16_t)(3 * n + 1));
            vt_desc(&t, 0, 3 * n + 1, at + 0x1000, 32768,
                    (uint16_t)(VT_NEXT | (n & 1 ? 0 : VT_WRITE)), (uint16_t)(3 * n + 2));
            vt_desc(&t, 0, 3 * n + 2, at + 0x100, 1, VT_WRITE, 0);
            vt_avail(&t, 0, (uint16_t)(3 * n));
        }
        machine_lock(&t.m);
        vemu_block_plug(t.m.block);
        machine_unlock(&t.m);
        vt_kick(&t, 0);
        machine_lock(&t.m);
        vemu_block_unplug(t.m.block);
        uint16_t used = vt_used_index(&t, 0);
        pci_device_unplug(t.pci);
        cr_expect_eq(vt_used_index(&t, 0), used, "nothing completes after that");
        /* Whatever comes now finds what the guest has put there since. */
        memset(t.ram.ram->host + VT_BUFFERS, 0x5a, REQUESTS * 0x10000);
        machine_unlock(&t.m);
        vt_wait(&t);
        for (unsigned i = 0; i < REQUESTS * 0x10000; i += 8)
            cr_assert_eq(read64(&t.m, VT_BUFFERS + i), UINT64_C(0x5a5a5a5a5a5a5a5a));
        settle(&t.m);
        machine_lock(&t.m);
        struct drive *d = drive_find(&t.m, "disk");
        cr_expect_null(d->dev);
        cr_expect(drive_delete(d, &err));
        machine_unlock(&t.m);
        vt_free(&t);
    }
}

static void poke(struct vemu_machine *m)
{
    read32(m, WINDOW);
    config_read(m, 3, 0, 0);
    out32(m, 0xcc8, 1);
}

Test(hotplug, state_survives_a_round_trip)
{
    struct vemu_machine a, b;
    q35(&a);
    q35(&b);
    set_up_port(&a);
    assert_round_trip(((struct x86_board *)a.board)->pci_hotplug,
                      ((struct x86_board *)b.board)->pci_hotplug);
    struct pci_bus *from = ((struct x86_board *)a.board)->pci,
                   *to = ((struct x86_board *)b.board)->pci;
    assert_round_trip(&from->functions[PCI_DEVFN(2, 0)]->dev, &to->functions[PCI_DEVFN(2, 0)]->dev);
    fuzz_state(&from->functions[PCI_DEVFN(2, 0)]->dev, &to->functions[PCI_DEVFN(2, 0)]->dev, 200,
               poke);
    machine_destroy(&a);
    machine_destroy(&b);
}
