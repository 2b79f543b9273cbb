/* What PC firmware works with in the chipset: PAM, SMRAM and TSEG, APM ports, SMI enables, chipset
 * configuration registers, the TCO watchdog. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/cpu/cpu.h"
#include "core/util/endian.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/ich9.h"
#include "hw/x86/boards.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

#define MIB (UINT64_C(1) << 20)
enum { HOST = 0, LPC = 0x1f << 11, PIIX4 = 1 << 11 | 3 << 8 };

struct fixture {
    struct vemu_machine m;
    char *rom;
};

/* A board that starts a ROM of 256 KiB, whose dwords count from 0. */
static void set_up(struct fixture *f, const struct board_class *cls)
{
    size_t len = 256 << 10;
    uint8_t *rom = malloc(len);
    for (size_t i = 0; i < len; i += 4)
        store_le32(rom + i, (uint32_t)i);
    f->rom = temp_file(rom, len);
    free(rom);
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 2, .bios = f->rom};
    board_machine(&f->m, cls, &cfg);
}

static void tear_down(struct fixture *f)
{
    machine_destroy(&f->m);
    unlink(f->rom);
    free(f->rom);
}

static void select_reg(struct vemu_machine *m, unsigned function, unsigned reg)
{
    out32(m, 0xcf8, 0x80000000u | function | (reg & 0xfc));
}
static uint8_t config8(struct vemu_machine *m, unsigned function, unsigned reg)
{
    select_reg(m, function, reg);
    return in8(m, (uint16_t)(0xcfc + (reg & 3)));
}
static void set_config8(struct vemu_machine *m, unsigned function, unsigned reg, uint8_t value)
{
    select_reg(m, function, reg);
    out8(m, (uint16_t)(0xcfc + (reg & 3)), value);
}
static void set_config32(struct vemu_machine *m, unsigned function, unsigned reg, uint32_t value)
{
    select_reg(m, function, reg);
    out32(m, 0xcfc, value);
}
static void reset(struct vemu_machine *m)
{
    machine_lock(m);
    machine_reset(m, NULL);
    machine_unlock(m);
}
/* As a processor in system management mode reads and writes. */
static uint32_t smm_read32(struct vemu_machine *m, uint64_t addr)
{
    uint64_t v;
    mem_read(m->smm_memory, addr, 4, &v);
    return (uint32_t)v;
}

/* ---- PAM ------------------------------------------------------------------------------------- */

/* Each segment by itself: nibble of its register, first address, size. */
static void check_segment(struct vemu_machine *m, unsigned reg, unsigned shift, uint32_t at,
                          uint32_t size)
{
    const uint32_t bus = read32(m, at), end = at + size - 4;
    const uint8_t keep = config8(m, HOST, reg);
    uint8_t others = keep & (uint8_t) ~(3 << shift);

    set_config8(m, HOST, reg, others | (uint8_t)(3 << shift)); /* RAM */
    write32(m, at, 0x11111111);
    write32(m, end, 0x22222222);
    cr_expect_eq(read32(m, at), 0x11111111, "%x", at);
    set_config8(m, HOST, reg, others | (uint8_t)(1 << shift)); /* reads only */
    write32(m, at, 0x33333333);
    cr_expect_eq(read32(m, at), 0x11111111, "%x: write-protected", at);
    set_config8(m, HOST, reg, others | (uint8_t)(2 << shift)); /* writes only */
    write32(m, at, 0x44444444);
    cr_expect_eq(read32(m, at), bus, "%x: reads come from the bus", at);
    set_config8(m, HOST, reg, others);
    write32(m, at, 0x55555555);
    cr_expect_eq(read32(m, at), bus, "%x: all of it is the bus", at);
    set_config8(m, HOST, reg, others | (uint8_t)(3 << shift));
    cr_expect_eq(read32(m, at), 0x44444444, "%x: what was written went to RAM", at);
    cr_expect_eq(read32(m, end), 0x22222222);
    set_config8(m, HOST, reg, others);
}

static void check_pam(const struct board_class *cls, unsigned pam0)
{
    struct fixture f;
    set_up(&f, cls);
    cr_expect_eq(read32(&f.m, 0xf0000), 192 << 10, "the ROM's end lies below 1 MiB");
    check_segment(&f.m, pam0, 4, 0xf0000, 0x10000);
    for (unsigned n = 0; n < 12; n++)
        check_segment(&f.m, pam0 + 1 + n / 2, n & 1 ? 4 : 0, 0xc0000 + n * 0x4000, 0x4000);
    /* Neighbours are independent. */
    set_config8(&f.m, HOST, pam0 + 6, 0x30);
    write32(&f.m, 0xec000, 1);
    cr_expect_eq(read32(&f.m, 0xec000), 1);
    cr_expect_eq(read32(&f.m, 0xe8000), (128 + 32) << 10);
    set_config8(&f.m, HOST, pam0, 0xff);
    cr_expect_eq(config8(&f.m, HOST, pam0), 0x30, "reserved bits stay clear");
    reset(&f.m);
    cr_expect_eq(config8(&f.m, HOST, pam0), 0);
    cr_expect_eq(read32(&f.m, 0xffff0), (256 << 10) - 16, "reset brings the ROM back");
    tear_down(&f);
}

Test(chipset, pam_segments_of_the_i440fx_are_ram_for_reads_and_writes_as_asked)
{
    check_pam(&pc_board_class, 0x59);
}
Test(chipset, pam_segments_of_the_q35_are_ram_for_reads_and_writes_as_asked)
{
    check_pam(&q35_board_class, 0x90);
}

/* ---- SMRAM ----------------------------------------------------------------------------------- */

static void check_smram(const struct board_class *cls, unsigned reg)
{
    struct fixture f;
    set_up(&f, cls);
    struct vemu_machine *m = &f.m;
    cr_expect_eq(config8(m, HOST, reg), 0x02);
    cr_expect_eq(read32(m, 0xa8000), UINT32_MAX);
    set_config8(m, HOST, reg, 0x4a); /* D_OPEN, G_SMRAME */
    write32(m, 0xa8000, 0x12345678);
    cr_expect_eq(read32(m, 0xa8000), 0x12345678);
    set_config8(m, HOST, reg, 0x0a);
    cr_expect_eq(read32(m, 0xa8000), UINT32_MAX, "closed");
    write32(m, 0xa8000, 0);
    cr_expect_eq(smm_read32(m, 0xa8000), 0x12345678);
    cr_expect_eq(smm_read32(m, 0xfffffff0), (256 << 10) - 16, "everything else is the same");
    set_config8(m, HOST, reg, 0x02);
    cr_expect_eq(smm_read32(m, 0xa8000), UINT32_MAX, "without G_SMRAME there is none");
    set_config8(m, HOST, reg, 0x5a); /* D_LCK with D_OPEN */
    cr_expect_eq(config8(m, HOST, reg), 0x1a, "the lock closes");
    set_config8(m, HOST, reg, 0x42);
    cr_expect_eq(config8(m, HOST, reg), 0x1a, "and holds");
    cr_expect_eq(read32(m, 0xa8000), UINT32_MAX);
    cr_expect_eq(smm_read32(m, 0xa8000), 0x12345678);
    reset(m);
    cr_expect_eq(config8(m, HOST, reg), 0x02);
    set_config8(m, HOST, reg, 0x4a);
    cr_expect_eq(config8(m, HOST, reg), 0x4a, "until reset");
    tear_down(&f);
}

Test(chipset, smram_of_the_i440fx_opens_closes_and_locks)
{
    check_smram(&pc_board_class, 0x72);
}
Test(chipset, smram_of_the_q35_opens_closes_and_locks)
{
    check_smram(&q35_board_class, 0x9d);
}

Test(chipset, tseg_is_hidden_from_all_but_smm_in_each_size)
{
    static const unsigned mib[] = {1, 2, 8, 16};
    struct fixture f;
    set_up(&f, &q35_board_class);
    struct vemu_machine *m = &f.m;
    set_config8(m, HOST, 0x50, 0xff);
    set_config8(m, HOST, 0x51, 0xff);
    cr_expect_eq(config8(m, HOST, 0x50), 16, "the extended size, to who asks");
    cr_expect_eq(config8(m, HOST, 0x51), 0);
    set_config8(m, HOST, 0x9d, 0x0a);
    for (unsigned n = 0; n < 4; n++) {
        uint64_t at = (64 - mib[n]) * MIB;
        write32(m, at - 4, n);
        write32(m, at, 0x1000 + n);
        set_config8(m, HOST, 0x9e, (uint8_t)(n << 1 | 1));
        cr_expect_eq(read32(m, at - 4), n);
        cr_expect_eq(read32(m, at), UINT32_MAX, "%u MiB", mib[n]);
        write32(m, at, 5);
        cr_expect_eq(smm_read32(m, at), 0x1000 + n);
        set_config8(m, HOST, 0x9e, 0);
        cr_expect_eq(read32(m, at), 0x1000 + n);
    }
    /* Firmware's notes of where it is. OVMF finds TSEG by the byte at AFH. */
    for (unsigned reg = 0xa7; reg <= 0xaf; reg += 4)
        set_config8(m, HOST, reg, (uint8_t)reg);
    set_config8(m, HOST, 0xb1, 0xf0);
    set_config8(m, HOST, 0x9e, 1);
    set_config8(m, HOST, 0x9d, 0x1a);
    set_config8(m, HOST, 0x9e, 0);
    cr_expect_eq(config8(m, HOST, 0x9e), 0x39, "locked");
    for (unsigned reg = 0xa7; reg <= 0xaf; reg += 4) {
        set_config8(m, HOST, reg, 0);
        cr_expect_eq(config8(m, HOST, reg), reg);
    }
    set_config8(m, HOST, 0xb1, 0);
    cr_expect_eq(config8(m, HOST, 0xb1), 0xf0);
    tear_down(&f);
}

Test(chipset, smram_survives_save_and_load)
{
    struct vemu_machine a, b;
    struct vemu_error *err = NULL;
    struct device *host[2];
    struct vemu_machine *ms[] = {&a, &b};
    for (unsigned n = 0; n < 2; n++) {
        test_machine_init(ms[n]);
        struct ram_block *ram = ram_block_new(&ms[n]->rams, "ram", 32 * MIB, false, &err);
        struct pci_host_config cfg = {.q35 = true, .ram = ram, .low_end = 32 * MIB};
        host[n] = made(pci_host_create(ms[n], &cfg, &err), err);
        reset(ms[n]);
    }
    set_config8(&a, HOST, 0x9e, 1);
    set_config8(&a, HOST, 0x9d, 0x1a);
    set_config8(&a, HOST, 0x90, 0x30);
    struct device *fa = &pci_host_bus(host[0])->functions[0]->dev,
                  *fb = &pci_host_bus(host[1])->functions[0]->dev;
    assert_round_trip(fa, fb);
    cr_expect_eq(read32(&b, 31 * MIB), UINT32_MAX);
    set_config8(&b, HOST, 0x9d, 0x02);
    cr_expect_eq(config8(&b, HOST, 0x9d), 0x1a, "the lock was loaded, too");
    write32(&b, 0xf0000, 7);
    cr_expect_eq(read32(&b, 0xf0000), 7);
    machine_destroy(&a);
    machine_destroy(&b);
}

/* ---- SMI ------------------------------------------------------------------------------------- */

static bool smi_pending(struct vemu_machine *m, unsigned cpu)
{
    bool is = m->vcpus[cpu]->interrupt & CPU_INT_SMI;
    cpu_clear_interrupt(m->vcpus[cpu], CPU_INT_SMI);
    return is;
}

Test(chipset, apm_control_makes_an_smi_only_where_the_piix4_lets_it)
{
    struct fixture f;
    set_up(&f, &pc_board_class);
    struct vemu_machine *m = &f.m;
    set_config32(m, PIIX4, 0x40, 0x601);
    set_config8(m, PIIX4, 0x80, 1);
    out8(m, 0xb3, 0x5a);
    out8(m, 0xb2, 0x12);
    cr_expect_eq(in8(m, 0xb2), 0x12);
    cr_expect_eq(in8(m, 0xb3), 0x5a);
    cr_expect_not(smi_pending(m, 0));
    set_config32(m, PIIX4, 0x58, 1 << 25);
    out8(m, 0xb2, 0);
    cr_expect_not(smi_pending(m, 0), "SMI_EN is clear");
    cr_expect_eq(in8(m, 0x618) & 0x20, 0x20, "but the status tells");
    out8(m, 0x618, 0x20);
    cr_expect_eq(in8(m, 0x618) & 0x20, 0);
    out32(m, 0x628, 1);
    out8(m, 0xb2, 0);
    cr_expect(smi_pending(m, 0));
    cr_expect_not(smi_pending(m, 1));
    vcpu_set_current(m->vcpus[1]);
    out8(m, 0xb2, 0);
    vcpu_set_current(NULL);
    cr_expect(smi_pending(m, 1), "it is the writer's");
    cr_expect_not(smi_pending(m, 0));
    tear_down(&f);
}

static void ich9_pm(struct vemu_machine *m)
{
    set_config32(m, LPC, 0x40, 0x601);
    set_config8(m, LPC, 0x44, 0x80);
}

Test(chipset, apm_control_makes_an_smi_only_where_the_ich9_lets_it)
{
    struct fixture f;
    set_up(&f, &q35_board_class);
    struct vemu_machine *m = &f.m;
    ich9_pm(m);
    out32(m, 0x630, 0x20);
    out8(m, 0xb2, 0);
    cr_expect_not(smi_pending(m, 0));
    cr_expect_eq(in32(m, 0x634), 0x20);
    out32(m, 0x634, 0x20);
    cr_expect_eq(in32(m, 0x634), 0);
    out32(m, 0x630, 0x21);
    out8(m, 0xb2, 0);
    cr_expect(smi_pending(m, 0));
    set_config8(m, LPC, 0xa0, 0x10); /* SMI_LOCK */
    out32(m, 0x630, 0);
    cr_expect_eq(in32(m, 0x630), 1, "GBL_SMI_EN is locked");
    set_config8(m, LPC, 0xa0, 0);
    cr_expect_eq(config8(m, LPC, 0xa0) & 0x10, 0x10);
    reset(m);
    cr_expect_eq(config8(m, LPC, 0xa0) & 0x10, 0);
    tear_down(&f);
}

Test(chipset, acpi_mode_is_entered_and_left_by_the_smi_command_port)
{
    const struct board_class *const boards[] = {&pc_board_class, &q35_board_class};
    for (unsigned n = 0; n < 2; n++) {
        struct fixture f;
        set_up(&f, boards[n]);
        if (n) {
            ich9_pm(&f.m);
        } else {
            set_config32(&f.m, PIIX4, 0x40, 0x601);
            set_config8(&f.m, PIIX4, 0x80, 1);
        }
        cr_expect_eq(in16(&f.m, 0x604) & 1, 0);
        out8(&f.m, 0xb2, 0xf1);
        cr_expect_eq(in16(&f.m, 0x604) & 1, 1);
        out8(&f.m, 0xb2, 0xf0);
        cr_expect_eq(in16(&f.m, 0x604) & 1, 0);
        tear_down(&f);
    }
}

/* ---- RCBA, TCO ------------------------------------------------------------------------------- */

Test(chipset, configuration_registers_are_where_rcba_says)
{
    struct fixture f;
    set_up(&f, &q35_board_class);
    struct vemu_machine *m = &f.m;
    cr_expect_eq(read32(m, 0xfed1c000 + 0x3410), UINT32_MAX);
    set_config32(m, LPC, 0xf0, 0xfed1c001);
    cr_expect_eq(read32(m, 0xfed1c000 + 0x3410), 0x20, "NO_REBOOT");
    write32(m, 0xfed1c000 + 0x3140, 0x1234);
    cr_expect_eq(read32(m, 0xfed1c000 + 0x3140), 0x1234);
    set_config32(m, LPC, 0xf0, 0xfed1c000);
    cr_expect_eq(read32(m, 0xfed1c000 + 0x3140), UINT32_MAX);
    tear_down(&f);
}

#define TICK INT64_C(600000000)

Test(chipset, tco_makes_an_smi_first_and_resets_the_second_time)
{
    struct fixture f;
    set_up(&f, &q35_board_class);
    struct vemu_machine *m = &f.m;
    ich9_pm(m);
    set_config32(m, LPC, 0xf0, 0xfed1c001);
    out32(m, 0x630, 0x2001); /* TCO_EN, GBL_SMI_EN */
    step(m, 100 * TICK);
    cr_expect_eq(in16(m, 0x664), 0, "halted after reset");
    out16(m, 0x672, 10);
    out16(m, 0x668, 0); /* TCO_TMR_HLT off */
    out16(m, 0x660, 1);
    cr_expect_eq(in16(m, 0x660), 10);
    step(m, 4 * TICK);
    cr_expect_eq(in16(m, 0x660), 6);
    out16(m, 0x660, 1);
    step(m, 9 * TICK);
    cr_expect_eq(in16(m, 0x664), 0, "reloaded in time");
    step(m, TICK);
    cr_expect_eq(in16(m, 0x664), 8);
    cr_expect(smi_pending(m, 0));
    cr_expect_eq(in32(m, 0x634) & 0x2000, 0x2000);
    step(m, 10 * TICK);
    cr_expect_eq(in16(m, 0x666), 2, "the second expiry is seen");
    cr_expect_eq(machine_take_requests(m), 0, "NO_REBOOT is set");
    write32(m, 0xfed1c000 + 0x3410, 0);
    out16(m, 0x666, 2);
    out16(m, 0x660, 1);
    step(m, 20 * TICK);
    cr_expect_eq(machine_take_requests(m), 1u << MACHINE_REQUEST_RESET);
    reset(m);
    ich9_pm(m);
    cr_expect_eq(in16(m, 0x666), 6, "and the next boot is told");
    tear_down(&f);
}

Test(chipset, tco_can_be_stopped_until_it_is_locked)
{
    struct fixture f;
    set_up(&f, &q35_board_class);
    struct vemu_machine *m = &f.m;
    ich9_pm(m);
    out16(m, 0x672, 10);
    out16(m, 0x668, 0x1000); /* TCO_LOCK, running */
    out16(m, 0x660, 1);
    step(m, 3 * TICK);
    out16(m, 0x668, 0x800);
    cr_expect_eq(in16(m, 0x668), 0x1800, "the lock stays");
    cr_expect_eq(in16(m, 0x660), 7);
    step(m, 100 * TICK);
    cr_expect_eq(in16(m, 0x660), 7, "held");
    out16(m, 0x668, 0);
    step(m, 7 * TICK);
    cr_expect_eq(in16(m, 0x664), 8);
    tear_down(&f);
}
