/* The machine `virt` without a processor that runs: map, device tree, wiring, the power key, what
 * its timers and firmware calls do. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "config.h"
#include "core/cpu/arm.h"
#include "core/device/machine_state.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "hw/arm/boards.h"
#include "hw/arm/dt.h"
#include "hw/arm/psci.h"
#include "hw/arm/virt.h"
#include "hw/display/virtio_gpu.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

#define MIB (UINT64_C(1) << 20)
#define GICD UINT64_C(0x08000000)
#define GICC UINT64_C(0x08010000)
#define UART UINT64_C(0x09000000)
#define GPIO UINT64_C(0x09030000)

static const struct board_option gic2[] = {{"gic-version", "2"}, {NULL, NULL}},
                                 gic3[] = {{"gic-version", "3"}, {NULL, NULL}};

static struct arm_regs *regs_of(struct vemu_machine *m, unsigned cpu)
{
    return m->vcpus[cpu]->regs;
}

/* GICv2: all interrupts of group 0 to vCPU 0, which takes every priority. */
static void open_gic(struct vemu_machine *m)
{
    write32(m, GICD, 1);
    write32(m, GICC + 4, 0xff);
    write32(m, GICC, 1);
}
static void enable(struct vemu_machine *m, unsigned intid)
{
    write32(m, GICD + 0x100 + intid / 32 * 4, 1u << intid % 32);
    if (intid >= 32)
        mem_write(m->memory, GICD + 0x800 + intid, 1, 1);
}
static bool interrupted(struct vemu_machine *m, unsigned cpu)
{
    return m->vcpus[cpu]->interrupt & CPU_INT_IRQ;
}

Test(arm_virt, is_made_with_either_gic_and_as_many_vcpus_as_that_has)
{
    static const struct {
        const struct board_option *options;
        unsigned cpus;
    } all[] = {{NULL, 1}, {NULL, 64}, {gic2, 8}, {gic3, 64}};
    for (unsigned n = 0; n < 4; n++) {
        struct vemu_machine m;
        struct board_config cfg = {
            .ram_size = 128 * MIB, .cpus = all[n].cpus, .options = all[n].options};
        board_machine(&m, &virt_board_class, &cfg);
        cr_expect_eq(m.vcpu_count, all[n].cpus);
        cr_expect_eq(regs_of(&m, 0)->pc, 0, "the reset vector is in flash");
        cr_expect_not(regs_of(&m, 0)->powered_off);
        cr_expect(all[n].cpus == 1 || regs_of(&m, 1)->powered_off);
        cr_expect_eq(read32(&m, UART + 0xfe0), 0x11);
        machine_destroy(&m);
    }
}

Test(arm_virt, what_does_not_fit_is_refused)
{
    static const struct board_option gic7[] = {{"gic-version", "7"}, {NULL, NULL}},
                                     low[] = {{"highmem", "off"}, {NULL, NULL}},
                                     el2[] = {{"virtualization", "on"}, {NULL, NULL}},
                                     el3[] = {{"secure", "on"}, {NULL, NULL}};
    static const struct {
        struct board_config cfg;
        const char *why;
    } bad[] = {
        {{.ram_size = 128 * MIB, .cpus = 9, .options = gic2}, "gic-version=3"},
        {{.ram_size = 128 * MIB, .cpus = 1, .cpu_model = "cortex-a57", .cpu_bits = 32}, "32-bit"},
        {{.ram_size = 128 * MIB, .cpus = 1, .cpu_model = "pentium"}, "not known"},
        {{.ram_size = 128 * MIB, .cpus = 1, .options = gic7}, "gic-version"},
        {{.ram_size = 4096 * MIB, .cpus = 1, .options = low}, "highmem=off"},
        {{.ram_size = 128 * MIB, .cpus = 1, .cpu_model = "cortex-a15", .options = el2},
         "virtualization=on"},
        {{.ram_size = 128 * MIB, .cpus = 1, .cpu_model = "cortex-a7", .options = el3}, "secure=on"},
    };
    for (unsigned n = 0; n < sizeof bad / sizeof *bad; n++) {
        struct vemu_machine m;
        struct vemu_error *err = NULL;
        cr_assert_not(board_machine_try(&m, &virt_board_class, &bad[n].cfg, &err));
        cr_expect(strstr(vemu_error_message(err), bad[n].why), "%s", vemu_error_message(err));
        vemu_error_free(err);
    }
}

Test(arm_virt, lines_of_devices_reach_a_processor)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 128 * MIB, .cpus = 1, .options = gic2};
    board_machine(&m, &virt_board_class, &cfg);
    open_gic(&m);
    enable(&m, 32 + VIRT_SPI_UART);
    write32(&m, UART + 0x38, 1 << 5);
    write32(&m, UART, 'x');
    cr_expect(interrupted(&m, 0));
    cr_expect_eq(read32(&m, GICC + 12), 32 + VIRT_SPI_UART);
    write32(&m, UART + 0x44, 1 << 5);
    write32(&m, GICC + 16, 32 + VIRT_SPI_UART);
    cr_expect_not(interrupted(&m, 0));
    machine_destroy(&m);
}

Test(arm_virt, timers_interrupt_when_they_are_due)
{
    static const struct {
        enum arm_timer which;
        unsigned intid;
    } timers[] = {{ARM_TIMER_VIRT, 27}, {ARM_TIMER_PHYS, 30}};
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 128 * MIB, .cpus = 2, .options = gic2};
    board_machine(&m, &virt_board_class, &cfg);
    open_gic(&m);
    const struct arm_cpu_model *model = m.vcpus[0]->model;
    for (unsigned n = 0; n < 2; n++) {
        struct arm_timer_regs *t = &regs_of(&m, 0)->timer[timers[n].which];
        const struct arm_board_ops *ops = m.vcpus[0]->arm_board_ops;
        enable(&m, timers[n].intid);
        t->cval = arm_counter(m.vcpus[0]) + model->cntfrq / 1000;
        t->ctl = 1;
        ops->timer_changed(m.vcpus[0], timers[n].which, m.vcpus[0]->arm_board);
        step(&m, 999000);
        cr_expect_not(interrupted(&m, 0));
        step(&m, 2000);
        cr_expect(interrupted(&m, 0));
        cr_expect_not(interrupted(&m, 1), "it is the vCPU's own");
        t->ctl = 3;
        ops->timer_changed(m.vcpus[0], timers[n].which, m.vcpus[0]->arm_board);
        cr_expect_not(interrupted(&m, 0), "masked");
        t->ctl = 0;
    }
    machine_destroy(&m);
}

/* Saved between the two: the controller's state has the line low, and no deadline is left. */
Test(arm_virt, a_timer_that_was_due_and_not_seen_to_interrupts_after_a_load)
{
    struct vemu_machine from, to;
    struct board_config cfg = {.ram_size = 16 * MIB, .cpus = 1, .options = gic2};
    struct state_writer *w = state_writer_new();
    const void *data;
    size_t len;

    board_machine(&from, &virt_board_class, &cfg);
    open_gic(&from);
    enable(&from, 27);
    regs_of(&from, 0)->timer[ARM_TIMER_VIRT] = (struct arm_timer_regs){.ctl = 1};
    cr_assert(machine_save(&from, w, NULL) && state_writer_finish(w, &data, &len));
    cr_expect_not(interrupted(&from, 0), "nobody was told");

    board_machine(&to, &virt_board_class, &cfg);
    for (int loads = 0; loads < 2; loads++) { /* whatever the machine was before */
        cr_assert(machine_load(&to, data, len, NULL));
        cr_expect(interrupted(&to, 0));
    }
    state_writer_free(w);
    machine_destroy(&from);
    machine_destroy(&to);
}

Test(arm_virt, counters_interrupt_when_they_overflow)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 128 * MIB, .cpus = 2, .options = gic2};
    board_machine(&m, &virt_board_class, &cfg);
    open_gic(&m);
    struct arm_regs *r = regs_of(&m, 0);
    const struct arm_board_ops *ops = m.vcpus[0]->arm_board_ops;
    enable(&m, 23);
    r->pmccntr_base = clock_now(m.clocks, VCLOCK_VIRTUAL);
    r->pmevtyper[0] = ARM_PMU_EVENT_CYCLES;
    r->pmevcntr[0] = (uint32_t)-1000000;
    r->pmcnten = r->pminten = 1;
    r->pmcr = ARM_PMCR_E;
    ops->timer_changed(m.vcpus[0], ARM_OUTPUT_PMU, m.vcpus[0]->arm_board);
    step(&m, 999000);
    cr_expect_not(interrupted(&m, 0));
    step(&m, 2000);
    cr_expect(interrupted(&m, 0));
    cr_expect_not(interrupted(&m, 1), "it is the vCPU's own");
    arm_pmu_collect(r, clock_now(m.clocks, VCLOCK_VIRTUAL));
    r->pmovs = 0;
    ops->timer_changed(m.vcpus[0], ARM_OUTPUT_PMU, m.vcpus[0]->arm_board);
    cr_expect_not(interrupted(&m, 0), "the overflow was cleared");
    machine_destroy(&m);
}

Test(arm_virt, the_power_button_is_a_key_on_a_gpio_line)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 128 * MIB, .cpus = 1, .options = gic2};
    board_machine(&m, &virt_board_class, &cfg);
    open_gic(&m);
    enable(&m, 32 + VIRT_SPI_GPIO);
    write32(&m, GPIO + 0x408, 8);
    write32(&m, GPIO + 0x410, 8);
    machine_lock(&m);
    cr_expect(virt_board_class.power_button(&m));
    machine_unlock(&m);
    cr_expect(interrupted(&m, 0));
    cr_expect_eq(read32(&m, GPIO + 0x3fc), 8);
    machine_destroy(&m);
}

Test(arm_virt, firmware_is_in_flash_and_finds_the_tree_at_the_bottom_of_memory)
{
#if CONFIG_FDT
    struct vemu_machine m;
    uint8_t *rom = calloc(1, 2 * MIB);
    store_le32(rom, 0x14000400);
    store_le32(rom + 2 * MIB - 4, 0x12345678);
    char *path = temp_file(rom, 2 * MIB), *kernel = temp_file("kernel", 6);
    struct board_config cfg = {
        .ram_size = 128 * MIB, .cpus = 1, .bios = path, .kernel = kernel, .append = "quiet"};
    board_machine(&m, &virt_board_class, &cfg);
    cr_expect_eq(regs_of(&m, 0)->pc, 0);
    cr_expect_eq(read32(&m, 0), 0x14000400);
    cr_expect_eq(read32(&m, 2 * MIB - 4), 0x12345678);
    cr_expect_eq(read32(&m, VIRT_RAM_BASE), 0xedfe0dd0);
    write32(&m, 0x04000000, 0x00900090);
    cr_expect_eq(read32(&m, 0x04000000), 0x00890089, "the variables' flash is there, too");
    mem_write(m.memory, 0x09020008, 2, __builtin_bswap16(0x08)); /* kernel size */
    cr_expect_eq(read32(&m, 0x09020000), 6);
    mem_write(m.memory, 0x09020008, 2, __builtin_bswap16(0x15)); /* command line */
    uint64_t v;
    mem_read(m.memory, 0x09020000, 1, &v);
    cr_expect_eq(v, 'q');
    machine_destroy(&m);
    unlink(path);
    unlink(kernel);
    free(path);
    free(kernel);
    free(rom);
#endif
}

Test(arm_virt, there_is_a_screen_where_somebody_looks)
{
    static const struct {
        enum board_vga vga;
        bool serial_console, screen;
    } all[] = {{BOARD_VGA_NONE, false, false},
               {BOARD_VGA_STD, true, false},
               {BOARD_VGA_STD, false, true},
               {BOARD_VGA_VIRTIO, true, true}};
    for (unsigned n = 0; n < 4; n++) {
        struct vemu_machine m;
        struct board_config cfg = {.ram_size = 128 * MIB,
                                   .cpus = 1,
                                   .vga = all[n].vga,
                                   .serial_console = all[n].serial_console};
        bool found = false;
        board_machine(&m, &virt_board_class, &cfg);
        list_for_each(dev, &m.devices, struct device, node)
        {
            found |= dev->cls == &virtio_gpu_pci_class.device;
        }
        cr_expect_eq(found, all[n].screen, "case %u", n);
        machine_destroy(&m);
    }
}

Test(arm_virt, every_device_survives_a_state_round_trip)
{
    for (unsigned n = 0; n < 2; n++) {
        struct vemu_machine a, b;
        struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 2, .options = n ? gic3 : gic2};
        board_machine(&a, &virt_board_class, &cfg);
        board_machine(&b, &virt_board_class, &cfg);
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

/* ---- firmware calls -------------------------------------------------------------------------- */

static uint64_t call(struct vemu_machine *m, unsigned cpu, uint64_t fn, uint64_t a, uint64_t b,
                     uint64_t c)
{
    uint64_t x[18] = {fn, a, b, c};
    cr_assert(
        m->vcpus[cpu]->arm_board_ops->firmware_call(m->vcpus[cpu], x, m->vcpus[cpu]->arm_board));
    return x[0];
}

Test(arm_virt, psci_turns_processors_on_and_off)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 128 * MIB, .cpus = 3};
    board_machine(&m, &virt_board_class, &cfg);
    cr_expect_eq(m.vcpus[0]->arm_board_ops->conduit, ARM_CONDUIT_HVC);
    cr_expect_eq(call(&m, 0, 0x84000000, 0, 0, 0), 0x10001);
    cr_expect_eq(call(&m, 0, 0xc4000004, 1, 0, 0), 1, "off");
    cr_expect_eq(call(&m, 0, 0xc4000003, 1, 0x40200000, 77), 0);
    cr_expect(m.vcpus[1]->interrupt & CPU_INT_START);
    cr_expect_eq(m.vcpus[1]->start.pc, 0x40200000);
    cr_expect_eq(m.vcpus[1]->start.arg, 77);
    cr_expect_eq(call(&m, 0, 0xc4000004, 1, 0, 0), 2, "on its way");
    cr_expect_eq((int64_t)call(&m, 0, 0xc4000003, 1, 0x40200000, 0), -5);
    cpu_clear_interrupt(m.vcpus[1], CPU_INT_START);
    arm_cpu_start(m.vcpus[1]);
    cr_expect_eq(regs_of(&m, 1)->pc, 0x40200000);
    cr_expect_eq(regs_of(&m, 1)->x[0], 77);
    cr_expect_not(m.vcpus[1]->halted);
    cr_expect_eq(call(&m, 0, 0xc4000004, 1, 0, 0), 0);
    cr_expect_eq((int64_t)call(&m, 0, 0xc4000003, 1, 0x40200000, 0), -4);
    cr_expect_eq((int64_t)call(&m, 0, 0xc4000003, 0x7f, 0x40200000, 0), -2, "no such processor");
    cr_expect_eq((int64_t)call(&m, 0, 0xc4000003, 2, 0x40200001, 0), -9, "no place for code");
    call(&m, 1, 0x84000002, 0, 0, 0);
    cr_expect(m.vcpus[1]->halted);
    cr_expect_eq(call(&m, 0, 0x84000004, UINT64_C(0xdead00000001), 0, 0), 1, "32-bit arguments");
    machine_destroy(&m);
}

/* Results of 32 bits, no functions of 64, and bit 0 of an address is T32. */
Test(arm_virt, psci_of_32_bit_processors)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 128 * MIB, .cpus = 2, .cpu_model = "cortex-a15"};
    board_machine(&m, &virt_board_class, &cfg);
    cr_expect_eq(call(&m, 0, 0x84000000, 0, 0, 0), 0x10001);
    cr_expect_eq(call(&m, 0, 0xc4000003, 1, 0x40200000, 0), 0xffffffff);
    cr_expect_eq(call(&m, 0, 0x84000003, 1, 0x40200002, 0), 0xfffffff7, "no place for code");
    cr_expect_eq(call(&m, 0, 0x84000003, 1, 0x40200001, 77), 0);
    cpu_clear_interrupt(m.vcpus[1], CPU_INT_START);
    arm_cpu_start(m.vcpus[1]);
    cr_expect_eq(regs_of(&m, 1)->pc, 0x40200000);
    cr_expect(regs_of(&m, 1)->pstate & ARM_T);
    cr_expect_eq(regs_of(&m, 1)->pstate & ARM_MODE, (unsigned)ARM_MODE_SVC);
    cr_expect_eq(regs_of(&m, 1)->x[0], 77);
    cr_expect_eq(call(&m, 0, 0x84000003, 1, 0x40200000, 0), 0xfffffffc, "it is on");
    machine_destroy(&m);
}

Test(arm_virt, psci_ends_and_resets_the_machine_and_knows_what_it_knows)
{
    struct vemu_machine m;
    struct board_config cfg = {.ram_size = 128 * MIB, .cpus = 1};
    board_machine(&m, &virt_board_class, &cfg);
    cr_expect_eq(call(&m, 0, 0x8400000a, 0xc4000003, 0, 0), 0);
    cr_expect_eq((int64_t)call(&m, 0, 0x8400000a, 0x84000010, 0, 0), -1);
    cr_expect_eq(call(&m, 0, 0x8400000a, 0x80000000, 0, 0), 0, "SMCCC_VERSION");
    cr_expect_eq(call(&m, 0, 0x80000000, 0, 0, 0), 0x10001);
    cr_expect_eq(call(&m, 0, 0x80000001, 0x80008000, 0, 0), 1, "no workaround is needed");
    cr_expect_eq((int64_t)call(&m, 0, 0x86000000, 0, 0, 0), -1);
    cr_expect_eq(call(&m, 0, 0x84000006, 0, 0, 0), 2);
    machine_take_requests(&m);
    call(&m, 0, 0xc4000012, 5, 0, 0);
    cr_expect_eq(machine_take_requests(&m), 0, "a kind of reset that is not known");
    call(&m, 0, 0x84000009, 0, 0, 0);
    cr_expect_eq(machine_take_requests(&m), 1u << MACHINE_REQUEST_RESET);
    call(&m, 0, 0x84000008, 0, 0, 0);
    cr_expect_eq(machine_take_requests(&m), 1u << MACHINE_REQUEST_SHUTDOWN);
    cr_expect(m.vcpus[0]->halted && regs_of(&m, 0)->powered_off, "it goes no further");
    machine_destroy(&m);
}

Test(arm_virt, the_conduit_depends_on_the_exception_levels)
{
    static const struct board_option el2[] = {{"virtualization", "on"}, {NULL, NULL}},
                                     el3[] = {{"secure", "on"}, {NULL, NULL}};
    const struct board_option *const options[] = {el2, el3};
    const enum arm_conduit conduits[] = {ARM_CONDUIT_SMC, ARM_CONDUIT_HVC};
    for (unsigned n = 0; n < 2; n++) {
        struct vemu_machine m;
        struct board_config cfg = {.ram_size = 128 * MIB, .cpus = 1, .options = options[n]};
        board_machine(&m, &virt_board_class, &cfg);
        const struct arm_cpu_model *model = m.vcpus[0]->model;
        cr_expect_eq(m.vcpus[0]->arm_board_ops->conduit, conduits[n]);
        cr_expect_eq(model->has_el2, n == 0);
        cr_expect_eq(model->has_el3, n == 1);
        machine_destroy(&m);
    }
}
