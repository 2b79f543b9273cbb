/*
 * Hostile guests and files at the Arm board: `virt` without vCPUs that run, whose memory is read
 * and written as the input says, with firmware calls, timers, keys, characters and resets in
 * between. The first byte chooses the machine. With its top bit set the rest is a kernel instead,
 * or with the next one a device tree. No input may crash or hang.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/chardev/chardev.h"
#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/arm/boards.h"
#include "hw/arm/virt.h"
#include "hw/board.h"
#include "tests/fuzz/fuzz.h"
#include "tests/still_accel.h"

enum { RAM = 32 << 20, RECORD = 8, RECORDS_MOST = 4000, CPUS = 2 };
enum { AS_KERNEL = 0x80, AS_TREE = 0x40 };

/* ---- records --------------------------------------------------------------------------------- */

/* The record's address is an offset from one of these. */
static const enum virt_region places[] = {VIRT_UART,      VIRT_UART2,    VIRT_RTC,   VIRT_FW_CFG,
                                          VIRT_GPIO,      VIRT_GED,      VIRT_FLASH, VIRT_PCIE_MMIO,
                                          VIRT_PCIE_ECAM, VIRT_PCIE_PIO, VIRT_VIRTIO};

static uint64_t address(const uint8_t *r)
{
    unsigned n = r[1] % (ARRAY_SIZE(places) + 1);
    return (n ? virt_map[places[n - 1]].base : VIRT_RAM_BASE) + load_le16(r + 2);
}

static void firmware_call(struct vemu_machine *m, const uint8_t *r)
{
    static const uint32_t functions[] = {0x84000000, 0x80000000, 0xc4000000, 0x86000000};
    struct vcpu *cpu = m->vcpus[r[1] % CPUS];
    uint64_t x[18] = {functions[r[2] & 3] + (r[3] & 31), r[4], load_le32(r + 4), r[7]};

    cpu->arm_board_ops->firmware_call(cpu, x, cpu->arm_board);
    if (cpu->interrupt & CPU_INT_START) {
        cpu_clear_interrupt(cpu, CPU_INT_START);
        arm_cpu_start(cpu);
    }
}

static void set_timer(struct vemu_machine *m, const uint8_t *r)
{
    struct vcpu *cpu = m->vcpus[r[1] % CPUS];
    enum arm_timer which = r[2] % ARM_TIMER_COUNT;
    struct arm_regs *regs = cpu->regs;

    regs->timer[which].ctl = r[3] & 3;
    regs->timer[which].cval = (uint64_t)load_le32(r + 4) << (r[3] >> 2);
    cpu->arm_board_ops->timer_changed(cpu, which, cpu->arm_board);
}

static void run(struct vemu_machine *m, struct chardev *serial, const uint8_t *r)
{
    enum { WRITE, READ, WIDE, STEP, CALL, TIMER, TYPE, KEY, RESET, KINDS };
    uint64_t value;

    switch (r[0] % KINDS) {
    case WRITE:
        mem_write(m->memory, address(r), 1u << (r[0] >> 6), load_le32(r + 4));
        break;
    case READ:
        mem_read(m->memory, address(r), 1u << (r[0] >> 6), &value);
        break;
    case WIDE: /* in the rest of the window, too */
        mem_write(m->memory, address(r) + ((uint64_t)r[4] << 16), 4, load_le32(r + 4));
        break;
    case STEP:
        machine_lock(m);
        clock_step(m->clocks, (int64_t)(load_le32(r + 1) >> (r[5] & 15)) + 1);
        machine_unlock(m);
        machine_take_requests(m);
        break;
    case CALL:
        firmware_call(m, r);
        break;
    case TIMER:
        set_timer(m, r);
        break;
    case TYPE:
        machine_lock(m);
        chardev_inject(serial, r + 1, RECORD - 1);
        machine_unlock(m);
        loop_iterate(m->loop, 0);
        break;
    case KEY:
        machine_lock(m);
        virt_board_class.power_button(m);
        machine_unlock(m);
        break;
    case RESET:
        machine_lock(m);
        machine_reset(m, NULL);
        machine_unlock(m);
        break;
    }
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void make_file(char path[40], int *fd, const uint8_t *data, size_t size)
{
    *fd = memfd_create("file", 0);
    if (*fd < 0 || write(*fd, data, size) != (ssize_t)size)
        fuzz_fail("no memory for a file");
    snprintf(path, 40, "/proc/self/fd/%d", *fd);
}

/* The least that boots: an Image of nothing. */
static const uint8_t image[128] = {[8] = 0, [16] = 128, [24] = 10, [56] = 'A', 'R', 'M', 0x64};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vemu_machine *m = calloc(1, sizeof *m);
    unsigned kind = size ? data[0] : 0;
    const bool is_32bit = kind & 8; /* these have EL1 and EL0 alone */
    const struct board_option options[] = {{"gic-version", kind & 1 ? "3" : "2"},
                                           {"virtualization", kind & 2 && !is_32bit ? "on" : "off"},
                                           {"highmem", kind & 4 ? "on" : "off"},
                                           {"dtb-randomness", "off"},
                                           {NULL, NULL}};
    struct board_config cfg = {.ram_size = RAM,
                               .cpus = CPUS,
                               .options = options,
                               .cpu_model = is_32bit ? "cortex-a15" : "cortex-a57",
                               .rtc_virtual = true,
                               .rtc_start = 1};
    char kernel[40], tree[40];
    int kernel_fd = -1, tree_fd = -1;
    struct vemu_error *err = NULL;
    const bool file = kind & AS_KERNEL && size > 1;

    if (!machine_init(m, NULL))
        fuzz_fail("no memory for a machine");
    m->accel = &still_accel;
    m->ram_size = RAM;
    clock_set_manual(m->clocks, true);
    clock_set_running(m->clocks, true);
    if (file) {
        const bool is_tree = kind & AS_TREE;
        make_file(kernel, &kernel_fd, is_tree ? image : data + 1,
                  is_tree ? sizeof image : size - 1);
        cfg.kernel = kernel;
        if (is_tree) {
            make_file(tree, &tree_fd, data + 1, size - 1);
            cfg.dtb = tree;
        }
    }
    struct chardev *serial = chardev_new(m, NULL, "ringbuf,size=4K", NULL);
    struct chardev *other = chardev_new(m, NULL, "ringbuf,size=4K", NULL);
    if (!serial || !other)
        fuzz_fail("no serial port");
    cfg.serial[0] = serial;
    cfg.serial[1] = other;
    machine_lock(m);
    bool ok = virt_board_class.create(m, &virt_board_class, &cfg, &err);
    if (!ok && (!file || !err))
        fuzz_fail(err ? vemu_error_message(err) : "no machine, and no error");
    vemu_error_free(err);
    if (ok && !machine_reset(m, NULL))
        fuzz_fail("a machine that was made is not reset");
    machine_unlock(m);
    for (size_t at = 1, n = 0; ok && !file && at + RECORD <= size && n < RECORDS_MOST;
         at += RECORD, n++)
        run(m, serial, data + at);
    machine_destroy(m);
    if (kernel_fd >= 0)
        close(kernel_fd);
    if (tree_fd >= 0)
        close(tree_fd);
    free(m);
    return 0;
}
