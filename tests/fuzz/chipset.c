/*
 * Hostile guests at the chipset: a PC without vCPUs that run, whose ports, memory and configuration
 * space are read and written as the input says, with time going on and resets in between. The first
 * byte chooses the machine; then come records of eight bytes. No input may crash or hang.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vemu/block.h>

#include "core/chardev/chardev.h"
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/display/display.h"
#include "core/input/input.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/board.h"
#include "hw/x86/boards.h"
#include "tests/fuzz/fuzz.h"
#include "tests/still_accel.h"

enum { RAM = 32 << 20, FLASH = 64 << 10, RECORD = 8, RECORDS_MOST = 4000 };

/* ---- records --------------------------------------------------------------------------------- */

/* Where there is something: the record's address is an offset from one of these. */
static const uint16_t ports[] = {0x000, 0x020, 0x040, 0x060, 0x070, 0x080, 0x092, 0x0a0,
                                 0x0b2, 0x0c0, 0x1ce, 0x3b0, 0x3c0, 0x3d0, 0x4d0, 0x510,
                                 0x600, 0x620, 0x660, 0xcf8, 0x0f0, 0x3f8, 0xb100};
static const uint32_t places[] = {0x00000000, 0x000a0000, 0x000b8000, 0x000c0000, 0x000f0000,
                                  0x01000000, 0xb0000000, 0xfd000000, 0xfebf0000, 0xfec00000,
                                  0xfed00000, 0xfed1c000, 0xfee00000, 0xffff0000};
static const uint16_t functions[] = {0, 1 << 11, 1 << 11 | 3 << 8, 2 << 11, 0x1f << 11};

static void config(struct vemu_machine *m, const uint8_t *r)
{
    uint32_t address = 0x80000000u | functions[r[1] % ARRAY_SIZE(functions)] | (r[2] & 0xfc);
    mem_write(m->io, 0xcf8, 4, address);
    mem_write(m->io, 0xcfc + (r[2] & 3 & (r[3] & 1 ? 3u : 0u)), r[3] & 1 ? 1 : 4, load_le32(r + 4));
}

static void step(struct vemu_machine *m, const uint8_t *r)
{
    machine_lock(m);
    clock_step(m->clocks, (int64_t)(load_le32(r + 1) >> (r[5] & 15)) + 1);
    machine_unlock(m);
    machine_take_requests(m);
}

/* What a processor does with its interrupt controller, without the machine lock. */
static void as_cpu(struct vemu_machine *m, const uint8_t *r)
{
    struct vcpu *cpu = m->vcpus[r[2] & 1];
    uint32_t msr = r[3] == 0 ? 0x1b : r[3] == 1 ? 0x6e0 : 0x800 + r[3];
    uint64_t value;

    vcpu_set_current(cpu);
    if (r[2] & 2)
        cpu->intc_ops->acknowledge(cpu->intc);
    if (r[2] & 4)
        cpu->intc_ops->set_tpr(cpu->intc, cpu->intc_ops->get_tpr(cpu->intc) ^ r[4]);
    if (r[2] & 8)
        cpu->intc_ops->write_msr(cpu->intc, msr, load_le32(r + 4) | (uint64_t)(r[2] & 0xf0) << 28);
    else
        cpu->intc_ops->read_msr(cpu->intc, msr, &value);
    if (r[1] & 0x80)
        cpu->intc_ops->init(cpu->intc);
}

static void others(struct vemu_machine *m, struct chardev *serial, const uint8_t *r)
{
    machine_lock(m);
    if (r[1] & 1)
        machine_reset(m, NULL);
    if (r[1] & 4)
        chardev_inject(serial, r + 2, 1 + (r[1] >> 4) % 6);
    machine_unlock(m);
    if (r[7] & 0x80) {
        const struct input_event e = {
            .type = r[7] & 3, .code = load_le16(r + 2), .value = r[4] - 1};
        input_send(m, NULL, &e, 1);
    }
    if (r[1] & 2)
        as_cpu(m, r);
    if (r[1] & 8)
        loop_iterate(m->loop, 0);
}

static void run(struct vemu_machine *m, struct chardev *serial, const uint8_t *r)
{
    static const uint8_t sizes[] = {1, 2, 4, 8};
    unsigned size = sizes[r[0] >> 4 & 3];
    uint16_t port = (uint16_t)(ports[r[1] % ARRAY_SIZE(ports)] + (r[2] & 31));
    uint64_t place = places[r[1] % ARRAY_SIZE(places)] + (load_le16(r + 2) << (r[0] >> 6)), v;
    char text[200];
    switch (r[0] & 15) {
    case 0 ... 3:
        mem_write(m->io, port, MIN(size, 4u), load_le32(r + 4));
        break;
    case 4:
        mem_read(m->io, port, MIN(size, 4u), &v);
        break;
    case 5 ... 7:
        mem_write(m->memory, place, size, load_le32(r + 4));
        break;
    case 8:
        mem_read(m->memory, place, size, &v);
        break;
    case 9 ... 11:
        config(m, r);
        break;
    case 12:
        mem_read(m->smm_memory, place, size, &v);
        break;
    case 13:
        step(m, r);
        break;
    case 14:
        machine_lock(m);
        if (display_nth(m, 0)) {
            display_text(display_nth(m, 0), text, r[1]);
            display_refresh(display_nth(m, 0));
        }
        machine_unlock(m);
        break;
    default:
        others(m, serial, r);
        break;
    }
}

static struct vemu_block *flash_image(struct vemu_block_context *ctx, int *fd)
{
    char path[40];
    struct vemu_block_options options = {.size = sizeof options, .format = "raw", .writable = 1};
    *fd = memfd_create("flash", 0);
    if (*fd < 0 || ftruncate(*fd, FLASH))
        return NULL;
    snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
    return vemu_block_open(ctx, path, &options, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vemu_machine *m = calloc(1, sizeof *m);
    struct vemu_block_context *ctx = vemu_block_context_new(NULL, NULL);
    int fd = -1;
    struct vemu_block *flash = ctx ? flash_image(ctx, &fd) : NULL;
    const struct board_class *cls = size && data[0] & 1 ? &q35_board_class : &pc_board_class;
    struct board_config cfg = {.ram_size = RAM,
                               .cpus = 2,
                               .vga = size && data[0] & 2,
                               .rtc_virtual = true,
                               .rtc_start = 1};

    struct chardev *serial;

    cfg.pflash[0] = (struct board_pflash){.block = flash, .origin = "flash"};
    if (!flash || !machine_init(m, NULL))
        fuzz_fail("no memory for a machine");
    m->accel = &still_accel;
    m->ram_size = RAM;
    clock_set_manual(m->clocks, true);
    clock_set_running(m->clocks, true);
    cfg.serial[0] = serial = chardev_new(m, NULL, "ringbuf,size=4K", NULL);
    if (!serial)
        fuzz_fail("no serial port");
    machine_lock(m);
    struct vemu_error *err = NULL;
    if (!cls->create(m, cls, &cfg, &err))
        fuzz_fail(vemu_error_message(err));
    machine_reset(m, NULL);
    machine_unlock(m);
    for (size_t at = 1, n = 0; at + RECORD <= size && n < RECORDS_MOST; at += RECORD, n++)
        run(m, serial, data + at);
    vcpu_set_current(NULL);
    machine_destroy(m);
    vemu_block_close(flash, NULL);
    vemu_block_context_free(ctx);
    close(fd);
    free(m);
    return 0;
}
