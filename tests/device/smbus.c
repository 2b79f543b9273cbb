/* SMBus host controllers of PIIX4 and ICH9: where they are, and what a command to nobody ends with.
 */
#include <criterion/criterion.h>
#include "core/device/machine.h"
#include "hw/x86/boards.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

#define MIB (UINT64_C(1) << 20)
enum { PIIX4 = 1 << 11 | 3 << 8, ICH9_SMBUS = 0x1f << 11 | 3 << 8, BASE = 0xb100 };
enum { STS = BASE, CNT = BASE + 2, ADDRESS = BASE + 4, BLOCK = BASE + 7, AUX_CTL = BASE + 0xd };
enum { DEV_ERR = 4, FAILED = 0x10, IN_USE = 0x40 };

static void set_config(struct vemu_machine *m, unsigned function, unsigned reg, unsigned size,
                       uint32_t value)
{
    out32(m, 0xcf8, 0x80000000u | function | (reg & 0xfc));
    if (size == 1)
        out8(m, (uint16_t)(0xcfc + (reg & 3)), (uint8_t)value);
    else
        out32(m, 0xcfc, value);
}

/* As firmware places it. */
static void set_up(struct vemu_machine *m, bool q35)
{
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1};

    board_machine(m, q35 ? &q35_board_class : &pc_board_class, &cfg);
    if (q35) {
        set_config(m, ICH9_SMBUS, 0x20, 4, BASE);
        set_config(m, ICH9_SMBUS, 0x40, 1, 1);
        set_config(m, ICH9_SMBUS, 0x04, 4, 1);
    } else {
        set_config(m, PIIX4, 0x90, 4, BASE | 1);
        set_config(m, PIIX4, 0xd2, 1, 9);
    }
}

Test(smbus, a_command_finds_nobody_at_any_address)
{
    for (unsigned q35 = 0; q35 < 2; q35++) {
        struct vemu_machine m;
        set_up(&m, q35);
        for (unsigned address = 0; address < 128; address++) {
            out8(&m, ADDRESS, (uint8_t)(address << 1 | 1));
            cr_expect_eq(in8(&m, STS) & ~IN_USE, 0);
            out8(&m, CNT, 0x48); /* START, byte data */
            cr_expect_eq(in8(&m, CNT), 0x08, "START reads clear");
            cr_expect_eq(in8(&m, STS) & ~IN_USE, DEV_ERR, "address %x", address);
            out8(&m, STS, 0xff);
        }
        out8(&m, CNT, 2);
        cr_expect_eq(in8(&m, STS) & ~IN_USE, FAILED, "a killed command failed");
        machine_destroy(&m);
    }
}

Test(smbus, block_data_is_read_back_from_its_first_byte)
{
    for (unsigned q35 = 0; q35 < 2; q35++) {
        struct vemu_machine m;
        set_up(&m, q35);
        if (q35)
            out8(&m, AUX_CTL, 2);
        in8(&m, CNT);
        for (unsigned n = 0; n < 33; n++)
            out8(&m, BLOCK, (uint8_t)(n + 1));
        in8(&m, CNT);
        cr_expect_eq(in8(&m, BLOCK), 33, "the 33rd byte went round");
        for (unsigned n = 1; n < 32; n++)
            cr_expect_eq(in8(&m, BLOCK), n + 1);
        if (q35) {
            out8(&m, AUX_CTL, 0);
            out8(&m, BLOCK, 7);
            cr_expect_eq(in8(&m, BLOCK), 7);
            cr_expect_eq(in8(&m, BLOCK), 7, "one byte without the buffer");
        }
        machine_destroy(&m);
    }
}

Test(smbus, the_ich_has_a_semaphore_that_reads_take)
{
    struct vemu_machine m;
    set_up(&m, true);
    cr_expect_eq(in8(&m, STS), 0, "taken by this read");
    cr_expect_eq(in8(&m, STS), IN_USE);
    out8(&m, STS, IN_USE);
    cr_expect_eq(in8(&m, STS), 0);
    machine_destroy(&m);
    set_up(&m, false);
    in8(&m, STS);
    cr_expect_eq(in8(&m, STS), 0, "the PIIX4 has none");
    machine_destroy(&m);
}

/* Whether IRQ 9 stands in the first 8259's, or the second's, request register. */
static bool irq9(struct vemu_machine *m)
{
    out8(m, 0xa0, 0x0a);
    return in8(m, 0xa0) & 2;
}

Test(smbus, the_piix4_interrupts_by_irq_9_while_an_event_is_set)
{
    struct vemu_machine m;
    set_up(&m, false);
    out8(&m, 0x4d1, 2); /* level */
    out8(&m, CNT, 0x48);
    cr_expect_not(irq9(&m), "not asked for");
    out8(&m, STS, 0xff);
    out8(&m, CNT, 0x49);
    cr_expect(irq9(&m));
    out8(&m, STS, DEV_ERR);
    cr_expect_not(irq9(&m));
    machine_destroy(&m);
}

Test(smbus, the_ich_interrupts_by_intb)
{
    struct vemu_machine m;
    set_up(&m, true);
    out32(&m, 0xcf8, 0x80000000u | ICH9_SMBUS | 0x3c);
    cr_expect_eq(in8(&m, 0xcfd), 2);
    out8(&m, CNT, 0x49);
    out32(&m, 0xcf8, 0x80000000u | ICH9_SMBUS | 0x04);
    cr_expect(in16(&m, 0xcfe) & 8);
    out8(&m, STS, DEV_ERR);
    cr_expect_not(in16(&m, 0xcfe) & 8);
    machine_destroy(&m);
}

Test(smbus, the_ports_are_there_only_while_the_controller_is_on)
{
    for (unsigned q35 = 0; q35 < 2; q35++) {
        struct vemu_machine m;
        set_up(&m, q35);
        out8(&m, ADDRESS, 0x55);
        cr_expect_eq(in8(&m, ADDRESS), 0x55);
        if (q35)
            set_config(&m, ICH9_SMBUS, 0x40, 1, 0);
        else
            set_config(&m, PIIX4, 0xd2, 1, 8);
        cr_expect_eq(in8(&m, ADDRESS), 0xff);
        machine_destroy(&m);
    }
}
