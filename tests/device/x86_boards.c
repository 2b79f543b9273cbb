/* Whole boards: wiring of interrupts, A20, what boots without firmware find, -bios, bad options. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/cpu/x86_tsc.h"
#include "core/device/machine_state.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "hw/misc/pc_testdev.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_testdev.h"
#include "hw/x86/boards.h"
#include "hw/x86/x86_common.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

#define MIB (UINT64_C(1) << 20)
static const struct board_class *const boards[] = {&pc_board_class, &q35_board_class,
                                                   &microvm_board_class};

static uint8_t flat_kernel[4096];
/* A multiboot image: the least that boots. */
static char *kernel_file(void)
{
    uint8_t *h = flat_kernel;
    store_le32(h, 0x1badb002);
    store_le32(h + 4, 0x10000);
    store_le32(h + 8, (uint32_t) - (0x1badb002 + 0x10000));
    store_le32(h + 12, 0x100000);
    store_le32(h + 16, 0x100000);
    store_le32(h + 28, 0x100020);
    return temp_file(flat_kernel, sizeof flat_kernel);
}

Test(x86_boards, every_board_is_made_reset_and_destroyed_with_1_and_64_cpus)
{
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned cpus = 1; cpus <= 64; cpus += 63) {
            struct vemu_machine m;
            struct board_config cfg = {.ram_size = 128 * MIB, .cpus = cpus};
            board_machine(&m, boards[i], &cfg);
            cr_expect_eq(m.vcpu_count, cpus);
            cr_expect_eq(((struct x86_regs *)m.vcpus[0]->regs)->rip, 0xfff0);
            cr_expect(cpus == 1 || m.vcpus[1]->wait_for_sipi);
            cr_expect_not(m.vcpus[0]->wait_for_sipi);
            machine_destroy(&m);
        }
    }
}

Test(x86_boards, pit_interrupt_reaches_the_bootstrap_processor_through_the_8259)
{
    struct vemu_machine m;
    char *kernel = kernel_file();
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1, .kernel = kernel};
    board_machine(&m, &pc_board_class, &cfg);
    out8(&m, 0x20, 0x11);
    out8(&m, 0x21, 0x20);
    out8(&m, 0x21, 0x04);
    out8(&m, 0x21, 0x01);
    out8(&m, 0x21, 0xfe);
    out8(&m, 0x43, 0x34);
    out8(&m, 0x40, 0);
    out8(&m, 0x40, 0x10);
    step(&m, 10000000);
    cr_expect(m.vcpus[0]->interrupt & (CPU_INT_HARD | CPU_INT_POLL));
    machine_lock(&m);
    cr_expect_eq(m.vcpus[0]->intc_ops->acknowledge(m.vcpus[0]->intc), 0x20);
    machine_unlock(&m);
    machine_destroy(&m);
    unlink(kernel);
    free(kernel);
}

Test(x86_boards, a20_gate_moves_every_vcpu)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 2};
    board_machine(&m, &pc_board_class, &cfg);
    struct x86_regs *r0 = m.vcpus[0]->regs, *r1 = m.vcpus[1]->regs;
    cr_expect_eq(r0->a20_off, 0);
    out8(&m, 0x92, 0);
    cr_expect_eq(r0->a20_off, 1);
    cr_expect_eq(r1->a20_off, 1);
    cr_expect(m.vcpus[1]->interrupt & CPU_INT_POLL);
    out8(&m, 0x92, 2);
    cr_expect_eq(r0->a20_off, 0);
    machine_destroy(&m);
}

Test(x86_boards, bios_is_mapped_below_4g_and_1m_and_is_not_writable)
{
    struct vemu_machine m;
    size_t len = 256 << 10;
    uint8_t *rom = malloc(len);
    for (size_t i = 0; i < len; i += 4)
        store_le32(rom + i, (uint32_t)i);
    char *path = temp_file(rom, len);
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1, .bios = path};
    board_machine(&m, &pc_board_class, &cfg);
    cr_expect_eq(read32(&m, 0xfffffff0), len - 16);
    cr_expect_eq(read32(&m, 0xfffc0000), 0);
    cr_expect_eq(read32(&m, 0xffff0), len - 16);
    cr_expect_eq(read32(&m, 0xe0000), 128 << 10);
    write32(&m, 0xffff0, 0);
    cr_expect_eq(read32(&m, 0xffff0), len - 16);
    cr_expect_eq(((struct x86_regs *)m.vcpus[0]->regs)->seg[X86_CS].base, 0xffff0000);
    machine_destroy(&m);

    unlink(path);
    struct vemu_error *err = NULL;
    cr_expect_not(board_machine_try(&m, &pc_board_class, &cfg, &err));
    cr_expect(strstr(vemu_error_message(err), path));
    vemu_error_free(err);
    free(path);

    path = temp_file(rom, 1000);
    cfg.bios = path;
    err = NULL;
    cr_expect_not(board_machine_try(&m, &pc_board_class, &cfg, &err));
    cr_expect(strstr(vemu_error_message(err), "multiple of 4096"));
    vemu_error_free(err);
    unlink(path);
    free(path);
    free(rom);
}

Test(x86_boards, board_options_take_effect_and_unknown_ones_are_refused)
{
    struct vemu_machine m;
    struct board_option options[] = {{"hpet", "off"}, {NULL, NULL}};
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1, .options = options};
    board_machine(&m, &pc_board_class, &cfg);
    cr_expect_eq(read32(&m, 0xfed00000), 0xffffffff);
    machine_destroy(&m);
    options[0] = (struct board_option){"hpte", "off"};
    struct vemu_error *err = NULL;
    cr_expect_not(board_machine_try(&m, &pc_board_class, &cfg, &err));
    vemu_error_free(err);
    options[0] = (struct board_option){"hpet", "maybe"};
    err = NULL;
    cr_expect_not(board_machine_try(&m, &pc_board_class, &cfg, &err));
    vemu_error_free(err);
}

static unsigned sum(struct vemu_machine *m, uint64_t at, size_t len)
{
    unsigned total = 0;
    while (len--) {
        uint64_t v = 0;
        mem_read(m->memory, at++, 1, &v);
        total += (unsigned)v;
    }
    return total & 0xff;
}

Test(x86_boards, mp_tables_are_found_and_sum_to_zero)
{
    char *kernel = kernel_file();
    for (unsigned i = 0; i < 3; i++) {
        struct vemu_machine m;
        struct board_option options[] = {{"acpi", "off"}, {NULL, NULL}};
        struct board_config cfg = {
            .ram_size = 64 * MIB, .cpus = 4, .kernel = kernel, .options = options};
        board_machine(&m, boards[i], &cfg);
        uint64_t at = 0xf0000;
        while (at < 0x100000 && read32(&m, at) != 0x5f504d5f)
            at += 16;
        cr_assert_lt(at, 0x100000);
        cr_expect_eq(sum(&m, at, 16), 0);
        uint64_t table = read32(&m, at + 4);
        cr_expect_eq(read32(&m, table), 0x504d4350);
        cr_expect_eq(sum(&m, table, read32(&m, table + 4) & 0xffff), 0);
        cr_expect_neq(read32(&m, 0xf0000), 0x20445352); /* no RSDP */
        machine_destroy(&m);
    }
    unlink(kernel);
    free(kernel);
}

Test(x86_boards, q35_has_ecam_and_pc_has_none)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 4096 * MIB, .cpus = 1};
    board_machine(&m, &q35_board_class, &cfg);
    cr_expect_eq(read32(&m, 0xb0000000), 0x29c08086);
    cr_expect_eq(read32(&m, 0xb0000000 + (0x1fu << 15)), 0x29188086);
    machine_destroy(&m);
    board_machine(&m, &pc_board_class, &cfg);
    cr_expect_eq(read32(&m, 0xb0000000), 0);
    machine_destroy(&m);
}

Test(x86_boards, fw_cfg_knows_memory_and_processors)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 3};
    board_machine(&m, &pc_board_class, &cfg);
    out16(&m, 0x510, 3);
    uint64_t ram = 0;
    for (unsigned i = 0; i < 8; i++)
        ram |= (uint64_t)in8(&m, 0x511) << 8 * i;
    cr_expect_eq(ram, 64 * MIB);
    out16(&m, 0x510, 5);
    cr_expect_eq(in8(&m, 0x511), 3);
    machine_destroy(&m);
}

Test(x86_boards, power_button_is_there_when_acpi_is)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1};
    for (unsigned i = 0; i < 3; i++) {
        board_machine(&m, boards[i], &cfg);
        machine_lock(&m);
        cr_expect(x86_power_button(&m));
        machine_unlock(&m);
        machine_destroy(&m);
    }
}

static struct device *plugged(struct vemu_machine *m, const struct board_class *cls,
                              const struct device_class *dev_class)
{
    struct vemu_error *err = NULL;
    machine_lock(m);
    struct device *dev = made(device_new(m, dev_class, NULL, &err), err);
    cr_assert(cls->plug(m, dev, &err), "%s", err ? vemu_error_message(err) : "");
    machine_unlock(m);
    return dev;
}

Test(x86_boards, a_plugged_pci_function_gets_a_slot_and_boots_find_its_bars_assigned)
{
    for (unsigned i = 0; i < 2; i++) {
        struct vemu_machine m;
        char *kernel = kernel_file();
        struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1, .kernel = kernel};
        board_machine(&m, boards[i], &cfg);
        struct pci_device *pci = (struct pci_device *)plugged(&m, boards[i], &pci_testdev_class);
        cr_expect_neq(pci->devfn, 0);
        machine_lock(&m);
        machine_reset(&m, NULL);
        machine_unlock(&m);
        unsigned bars = 0;
        for (unsigned n = 0; n < PCI_BARS; n++) {
            if (!pci->bars[n].region)
                continue;
            bars++;
            cr_expect(pci->bars[n].mapped, "%s BAR %u", boards[i]->name, n);
        }
        cr_expect_geq(bars, 2);
        machine_destroy(&m);
        unlink(kernel);
        free(kernel);
    }
}

Test(x86_boards, a_pci_function_on_a_board_without_pci_is_one_sentence)
{
    struct vemu_machine m;
    struct vemu_error *err = NULL;
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1};
    board_machine(&m, &microvm_board_class, &cfg);
    machine_lock(&m);
    struct device *dev = made(device_new(&m, &pci_testdev_class, NULL, &err), err);
    cr_expect_not(x86_plug(&m, dev, &err));
    cr_expect(strstr(vemu_error_message(err), "no PCI bus"));
    vemu_error_free(err);
    device_free(dev);
    machine_unlock(&m);
    machine_destroy(&m);
}

Test(x86_boards, test_lines_reach_the_8259)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1};
    board_machine(&m, &pc_board_class, &cfg);
    plugged(&m, &pc_board_class, &pc_testdev_class);
    out8(&m, 0x2005, 1);
    out8(&m, 0x20, 0x0a); /* OCW3: read the request register */
    cr_expect(in8(&m, 0x20) & 1 << 5);
    out8(&m, 0x2005, 0);
    machine_destroy(&m);
}

Test(x86_boards, every_device_of_a_board_survives_a_state_round_trip)
{
    for (unsigned i = 0; i < 3; i++) {
        struct vemu_machine a, b;
        struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 2};
        board_machine(&a, boards[i], &cfg);
        board_machine(&b, boards[i], &cfg);
        struct list *node = b.devices.next;
        list_for_each(dev, &a.devices, struct device, node)
        {
            struct device *twin = list_entry(node, struct device, node);
            cr_assert_eq(dev->cls, twin->cls);
            if (dev->cls->state)
                assert_round_trip(dev, twin);
            node = node->next;
        }
        machine_destroy(&a);
        machine_destroy(&b);
    }
}

Test(x86_boards, a_tsc_of_another_speed_goes_on_from_its_value)
{
    struct vemu_machine from, to;
    struct board_config cfg = {.ram_size = 16 * MIB, .cpus = 1};
    struct x86_cpu_model slow = {.tsc_hz = 1000000000}, fast = {.tsc_hz = 2445406000};
    const void *data;
    size_t len;

    board_machine(&from, &microvm_board_class, &cfg);
    board_machine(&to, &microvm_board_class, &cfg);
    from.vcpus[0]->model = &slow;
    to.vcpus[0]->model = &fast;
    ((struct x86_regs *)from.vcpus[0]->regs)->tsc_offset = 0x123456789abc;
    step(&from, 123456789);
    uint64_t was = x86_tsc_now(from.vcpus[0]);
    cr_expect_eq(was, 0x123456789abc + 123456789);

    struct state_writer *w = state_writer_new();
    cr_assert(machine_save(&from, w, NULL) && state_writer_finish(w, &data, &len));
    cr_assert(machine_load(&to, data, len, NULL));
    cr_expect_eq(x86_tsc_now(to.vcpus[0]), was);
    step(&to, 1000000000);
    cr_expect_eq(x86_tsc_now(to.vcpus[0]) - was, 2445406000);

    state_writer_free(w);
    machine_destroy(&from);
    machine_destroy(&to);
}
