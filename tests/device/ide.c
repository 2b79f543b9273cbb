/* IDE without a vCPU: registers, PIO, the bus-master engine, what hostile software does. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "tests/device/ata_driver.h"

enum { PRDT = 0x180000, BUF = 0x200000 };

static struct device *set_up(struct vt *t, const char *props)
{
    at_machine(t, &piix3_ide_class);
    struct device *disk = at_plug(t, &ide_hd_class, props);
    at_start(t);
    return disk;
}

static void expect_sector(const uint8_t *buf, uint32_t n)
{
    for (unsigned i = 0; i < 512; i += 4)
        cr_assert_eq(load_le32(buf + i), n + i * 65536, "sector %u at %u: %x", n, i,
                     load_le32(buf + i));
}

static void put_sector(uint8_t *buf, uint32_t n)
{
    for (unsigned i = 0; i < 512; i += 4)
        store_le32(buf + i, n + i * 65536);
}

static void expect_on_disk(struct vt *t, uint32_t at, uint32_t n)
{
    uint8_t buf[512];
    FILE *f = fopen(t->path, "rb");
    cr_assert(f && !fseek(f, at * 512L, SEEK_SET) && fread(buf, 512, 1, f) == 1);
    fclose(f);
    expect_sector(buf, n);
}

/* ---- identity -------------------------------------------------------------------------------- */

Test(ide, function_has_the_legacy_interface_with_a_bus_master)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_expect_eq(vt_config_read(&t, 0), 0x70108086);
    cr_expect_eq(vt_config_read(&t, 8) >> 8, 0x010180);
    cr_expect_eq(vt_config_read(&t, 0x40), 0x80008000, "both channels are decoded");
    vt_config_write(&t, 0x40, 0x80000000);
    cr_expect_eq(in8(&t.m, 0x1f7), 0xff, "and not any more");
    vt_config_write(&t, 0x40, 0x80008000);
    cr_expect_eq(in8(&t.m, 0x1f7), 0x50);
    vt_free(&t);
}

Test(ide, identify_tells_size_model_and_modes)
{
    struct vt t;
    uint8_t id[512], sum = 0;
    set_up(&t, "drive=disk,serial=S123,model=My disk,ver=7,wwn=0x5001122334455667");
    ide_command(&t, 0, ATA_CMD_IDENTIFY, 0, 0);
    cr_expect_eq(ide_status(&t), 0x58);
    cr_expect_eq(t.isa[14].level, 1);
    cr_expect_eq(in8(&t.m, 0x1f7), 0x58);
    cr_expect_eq(t.isa[14].level, 0, "reading the status takes the interrupt back");
    ide_read_data(&t, id, 512);
    cr_expect_eq(ide_status(&t), 0x50);
    cr_expect_eq(t.isa[14].rises, 1, "one for the only block");
    cr_expect_eq(load_le32(id + 120), AT_DISK / 512);
    cr_expect_eq(load_le64(id + 200), AT_DISK / 512);
    cr_expect(memcmp(id + 20, "1S32", 4) == 0, "bytes are swapped in each word");
    cr_expect(memcmp(id + 54, "yMd si k", 8) == 0);
    cr_expect_eq(load_le16(id + 98) & 0x300, 0x300, "LBA and DMA");
    cr_expect_eq(load_le16(id + 176) & 0x3f, 0x3f, "Ultra DMA 0 to 5");
    cr_expect_eq(load_le16(id + 216), 0x5001);
    cr_expect_eq(load_le16(id + 152), 0, "no SATA here");
    for (unsigned i = 0; i < 512; i++)
        sum = (uint8_t)(sum + id[i]);
    cr_expect_eq(id[510], 0xa5);
    cr_expect_eq(sum, 0);
    vt_free(&t);
}

Test(ide, places_without_a_device_float_or_read_zero)
{
    struct vt t;
    set_up(&t, "drive=disk");
    out8(&t.m, 0x1f6, 0xb0);
    cr_expect_eq(in8(&t.m, 0x1f7), 0, "device 0 answers for device 1");
    out8(&t.m, 0x1f7, ATA_CMD_IDENTIFY);
    cr_expect_eq(in8(&t.m, 0x1f7), 0, "a command to nobody");
    cr_expect_eq(in8(&t.m, 0x177), 0x7f, "nobody on the second channel");
    cr_expect_eq(in8(&t.m, 0x172), 0x7f);
    cr_expect_eq(in16(&t.m, 0x170), 0);
    out8(&t.m, 0x177, ATA_CMD_IDENTIFY);
    out8(&t.m, 0x376, 4);
    out8(&t.m, 0x376, 0);
    vt_free(&t);
}

/* ---- PIO ------------------------------------------------------------------------------------- */

Test(ide, read_sectors_interrupts_for_each_and_write_after_each)
{
    struct vt t;
    uint8_t buf[512];
    set_up(&t, "drive=disk");
    ide_command(&t, 0, ATA_CMD_READ, 10, 3);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(ide_status(&t), 0x58);
        cr_expect_eq(t.isa[14].rises, i + 1);
        in8(&t.m, 0x1f7);
        ide_read_data(&t, buf, 512);
        expect_sector(buf, 10 + i);
    }
    cr_expect_eq(ide_status(&t), 0x50);
    cr_expect_eq(t.isa[14].rises, 3);

    ide_command(&t, 0, ATA_CMD_WRITE, 20, 2);
    cr_expect_eq(ide_status(&t), 0x58);
    cr_expect_eq(t.isa[14].rises, 3, "the first block is asked for by the status alone");
    for (unsigned i = 0; i < 2; i++) {
        put_sector(buf, 1000 + i);
        ide_write_data(&t, buf, 512);
        cr_expect_eq(ide_status(&t), i ? 0x50 : 0x58);
        cr_expect_eq(t.isa[14].rises, 4 + i);
        in8(&t.m, 0x1f7);
    }
    expect_on_disk(&t, 20, 1000);
    expect_on_disk(&t, 21, 1001);
    expect_on_disk(&t, 22, 22);
    vt_free(&t);
}

Test(ide, data_port_takes_double_words)
{
    struct vt t;
    set_up(&t, "drive=disk");
    ide_command(&t, 0, ATA_CMD_READ, 7, 1);
    cr_assert_eq(ide_status(&t), 0x58);
    for (unsigned i = 0; i < 512; i += 4)
        cr_assert_eq(in32(&t.m, 0x1f0), 7 + i * 65536);
    cr_expect_eq(ide_status(&t), 0x50);
    cr_expect_eq(in32(&t.m, 0x1f0), 0, "there is no more");
    vt_free(&t);
}

Test(ide, multiple_moves_its_blocks_and_the_rest)
{
    struct vt t;
    uint8_t buf[4 * 512];
    set_up(&t, "drive=disk");
    ide_command(&t, 0, ATA_CMD_SET_MULTIPLE, 0, 3);
    cr_expect_eq(ide_status(&t), 0x51, "not a power of two");
    ide_command(&t, 0, ATA_CMD_SET_MULTIPLE, 0, 32);
    cr_expect_eq(ide_status(&t), 0x51, "more than IDENTIFY says");
    ide_command(&t, 0, ATA_CMD_SET_MULTIPLE, 0, 4);
    cr_expect_eq(ide_status(&t), 0x50);
    unsigned before = t.isa[14].rises;
    ide_command(&t, 0, ATA_CMD_READ_MULTIPLE, 100, 6);
    cr_assert_eq(ide_status(&t), 0x58);
    in8(&t.m, 0x1f7);
    ide_read_data(&t, buf, 4 * 512);
    for (unsigned i = 0; i < 4; i++)
        expect_sector(buf + 512 * i, 100 + i);
    cr_assert_eq(ide_status(&t), 0x58);
    in8(&t.m, 0x1f7);
    ide_read_data(&t, buf, 2 * 512);
    expect_sector(buf + 512, 105);
    cr_expect_eq(ide_status(&t), 0x50);
    cr_expect_eq(t.isa[14].rises - before, 2, "one for each block");
    ide_command(&t, 0, ATA_CMD_SET_MULTIPLE, 0, 0);
    ide_command(&t, 0, ATA_CMD_READ_MULTIPLE, 100, 1);
    cr_expect_eq(ide_status(&t), 0x51, "switched off");
    vt_free(&t);
}

/* ---- addresses ------------------------------------------------------------------------------- */

Test(ide, extended_commands_take_what_was_written_before)
{
    struct vt t;
    uint8_t buf[512];
    set_up(&t, "drive=disk");
    static const uint8_t regs[][3] = {{2, 0, 1}, {3, 0, 0x34}, {4, 0, 0x02}, {5, 0, 0}};
    out8(&t.m, 0x1f6, 0x40);
    for (unsigned i = 0; i < 4; i++) {
        out8(&t.m, (uint16_t)(0x1f0 + regs[i][0]), regs[i][1]);
        out8(&t.m, (uint16_t)(0x1f0 + regs[i][0]), regs[i][2]);
    }
    out8(&t.m, 0x1f7, ATA_CMD_READ_EXT);
    cr_assert_eq(ide_status(&t), 0x58);
    ide_read_data(&t, buf, 512);
    expect_sector(buf, 0x234);
    out8(&t.m, 0x1f3, 0x12);
    out8(&t.m, 0x1f3, 0x34);
    out8(&t.m, 0x3f6, 0x80);
    cr_expect_eq(in8(&t.m, 0x1f3), 0x12, "HOB shows what was written before");
    out8(&t.m, 0x1f4, 0);
    cr_expect_eq(in8(&t.m, 0x1f3), 0x34, "a write of any register takes HOB back");
    /* 48 bits of address that are not there. */
    out8(&t.m, 0x1f5, 0xff);
    out8(&t.m, 0x1f5, 0);
    out8(&t.m, 0x1f7, ATA_CMD_READ_EXT);
    cr_expect_eq(ide_status(&t), 0x51);
    cr_expect_eq(in8(&t.m, 0x1f1), ATA_ERROR_IDNF);
    vt_free(&t);
}

Test(ide, addresses_are_checked_to_the_last_sector)
{
    static const struct {
        uint32_t lba;
        uint8_t count;
        bool ok;
    } cases[] = {{2047, 1, true},  {2048, 1, false},      {2047, 2, false},     {1792, 0, true},
                 {1793, 0, false}, {0xfffffff, 1, false}, {0xfffffff, 0, false}};
    struct vt t;
    set_up(&t, "drive=disk");
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ide_command(&t, 0, ATA_CMD_VERIFY, cases[i].lba, cases[i].count);
        cr_expect_eq(ide_status(&t), cases[i].ok ? 0x50 : 0x51, "case %u", i);
        cr_expect_eq(in8(&t.m, 0x1f1), cases[i].ok ? 0 : ATA_ERROR_IDNF, "case %u", i);
    }
    vt_free(&t);
}

Test(ide, cylinders_heads_and_sectors_follow_the_geometry)
{
    struct vt t;
    uint8_t buf[512];
    set_up(&t, "drive=disk");
    out8(&t.m, 0x1f6, 0xa3); /* heads 4 */
    out8(&t.m, 0x1f2, 8);
    out8(&t.m, 0x1f7, ATA_CMD_INIT_PARAMETERS);
    cr_expect_eq(ide_status(&t), 0x50);
    static const struct {
        uint8_t head, sector;
        uint16_t cylinder;
        uint32_t lba;
    } cases[] = {{0, 1, 0, 0},
                 {3, 8, 0, 31},
                 {1, 2, 5, 5 * 32 + 9},
                 {0, 0, 0, UINT32_MAX},
                 {4, 1, 0, UINT32_MAX},
                 {0, 9, 0, UINT32_MAX},
                 {0, 1, 0xffff, UINT32_MAX}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        out8(&t.m, 0x1f6, (uint8_t)(0xa0 | cases[i].head));
        out8(&t.m, 0x1f2, 1);
        out8(&t.m, 0x1f3, cases[i].sector);
        out8(&t.m, 0x1f4, (uint8_t)cases[i].cylinder);
        out8(&t.m, 0x1f5, (uint8_t)(cases[i].cylinder >> 8));
        out8(&t.m, 0x1f7, ATA_CMD_READ);
        if (cases[i].lba == UINT32_MAX) {
            cr_expect_eq(ide_status(&t), 0x51, "case %u", i);
        } else {
            cr_assert_eq(ide_status(&t), 0x58, "case %u", i);
            ide_read_data(&t, buf, 512);
            expect_sector(buf, cases[i].lba);
        }
    }
    out8(&t.m, 0x1f6, 0xaf);
    out8(&t.m, 0x1f2, 0);
    out8(&t.m, 0x1f7, ATA_CMD_INIT_PARAMETERS);
    cr_expect_eq(ide_status(&t), 0x51, "tracks without sectors");
    vt_free(&t);
}

/* ---- bus master ------------------------------------------------------------------------------ */

static void put_prd(struct vt *t, unsigned n, uint32_t addr, uint32_t len, bool last)
{
    write32(&t->m, PRDT + 8 * n, addr);
    write32(&t->m, PRDT + 8 * n + 4, (len & 0xffff) | (last ? 1u << 31 : 0));
}

static uint8_t run_dma(struct vt *t, bool write)
{
    out32(&t->m, AT_BUS_MASTER + 4, PRDT);
    out8(&t->m, AT_BUS_MASTER + 2, 6);
    out8(&t->m, AT_BUS_MASTER, write ? 1 : 9);
    vt_wait(t);
    return in8(&t->m, AT_BUS_MASTER + 2);
}

Test(ide, dma_reads_and_writes_through_any_split_of_memory)
{
    struct vt t;
    uint8_t buf[4096];
    set_up(&t, "drive=disk");
    put_prd(&t, 0, BUF + 2, 1022, false);
    put_prd(&t, 1, BUF + 0x5000, 512, false);
    put_prd(&t, 2, BUF + 0x10000, 2562, true);
    ide_command(&t, 0, ATA_CMD_READ_DMA, 40, 8);
    cr_expect_eq(t.isa[14].rises, 0, "it waits for the engine");
    cr_expect_eq(run_dma(&t, false), 4, "interrupt, not active");
    cr_expect_eq(t.isa[14].rises, 1);
    cr_expect_eq(ide_status(&t), 0x50);
    for (unsigned i = 0; i < 4096; i++)
        buf[i] = read8(&t.m, i < 1022   ? BUF + 2 + i
                             : i < 1534 ? BUF + 0x5000 + i - 1022
                                        : BUF + 0x10000 + i - 1534);
    for (unsigned i = 0; i < 8; i++)
        expect_sector(buf + 512 * i, 40 + i);
    /* The same memory to another place; the engine runs before the command comes. */
    out8(&t.m, AT_BUS_MASTER, 0);
    out32(&t.m, AT_BUS_MASTER + 4, PRDT);
    out8(&t.m, AT_BUS_MASTER + 2, 6);
    out8(&t.m, AT_BUS_MASTER, 1);
    cr_expect_eq(in8(&t.m, AT_BUS_MASTER + 2), 1);
    ide_command(&t, 0, ATA_CMD_WRITE_DMA, 80, 8);
    vt_wait(&t);
    cr_expect_eq(in8(&t.m, AT_BUS_MASTER + 2), 4);
    for (unsigned i = 0; i < 8; i++)
        expect_on_disk(&t, 80 + i, 40 + i);
    vt_free(&t);
}

Test(ide, dma_to_nowhere_is_an_error_that_the_driver_sees)
{
    struct vt t;
    set_up(&t, "drive=disk");
    static const struct {
        uint32_t addr, len, table;
        const char *what;
    } cases[] = {
        {BUF, 512, PRDT, "memory for half of it"},
        {0xf0000000, 1024, PRDT, "no memory at all"},
        {0xfffffffe, 1024, PRDT, "over the end of it"},
        {BUF, 1024, 0xf0000000, "no table"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_prd(&t, 0, cases[i].addr, cases[i].len, true);
        ide_command(&t, 0, ATA_CMD_WRITE_DMA, 5, 2);
        out32(&t.m, AT_BUS_MASTER + 4, cases[i].table);
        out8(&t.m, AT_BUS_MASTER + 2, 6);
        out8(&t.m, AT_BUS_MASTER, 1);
        vt_wait(&t);
        cr_expect_eq(ide_status(&t), 0x51, "%s", cases[i].what);
        cr_expect_eq(in8(&t.m, AT_BUS_MASTER + 2) & 3, 2, "%s", cases[i].what);
        out8(&t.m, AT_BUS_MASTER, 0);
        in8(&t.m, 0x1f7);
    }
    expect_on_disk(&t, 5, 5);
    /* A table without an end: the engine looks at 64 KiB of it. */
    for (unsigned n = 0; n < 8192; n++)
        put_prd(&t, n, 0, 2, false);
    out8(&t.m, 0x1f2, 1); /* 256 + 0 sectors: more than there is memory for */
    ide_command(&t, 0, ATA_CMD_READ_DMA, 0, 0);
    run_dma(&t, false);
    cr_expect_eq(ide_status(&t), 0x51);
    vt_free(&t);
}

Test(ide, without_bus_mastering_nothing_is_transferred)
{
    struct vt t;
    set_up(&t, "drive=disk");
    put_prd(&t, 0, BUF, 512, true);
    write32(&t.m, BUF, 0x12345678);
    vt_config_write(&t, PCI_COMMAND, PCI_COMMAND_IO);
    ide_command(&t, 0, ATA_CMD_READ_DMA, 9, 1);
    run_dma(&t, false);
    cr_expect_eq(ide_status(&t), 0x51);
    cr_expect_eq(read32(&t.m, BUF), 0x12345678);
    vt_free(&t);
}

/* ---- states ---------------------------------------------------------------------------------- */

Test(ide, soft_reset_leaves_the_signature_and_ends_the_command)
{
    struct vt t;
    set_up(&t, "drive=disk");
    ide_command(&t, 0, ATA_CMD_READ, 10, 3);
    cr_expect_eq(ide_status(&t), 0x58);
    out8(&t.m, 0x3f6, 4);
    cr_expect_eq(in8(&t.m, 0x3f6), 0x80);
    out8(&t.m, 0x1f7, ATA_CMD_IDENTIFY);
    cr_expect_eq(in8(&t.m, 0x3f6), 0x80, "no commands meanwhile");
    out8(&t.m, 0x3f6, 0);
    cr_expect_eq(in8(&t.m, 0x3f6), 0x50);
    cr_expect_eq(in8(&t.m, 0x1f1), 1);
    cr_expect_eq(in8(&t.m, 0x1f2), 1);
    cr_expect_eq(in8(&t.m, 0x1f3), 1);
    cr_expect_eq(in8(&t.m, 0x1f4), 0);
    cr_expect_eq(in8(&t.m, 0x1f5), 0);
    cr_expect_eq(t.isa[14].level, 0);
    vt_free(&t);
}

Test(ide, registers_and_commands_are_closed_while_data_is_wanted)
{
    struct vt t;
    uint8_t buf[512] = {0};
    set_up(&t, "drive=disk");
    ide_command(&t, 0, ATA_CMD_WRITE, 30, 1);
    out8(&t.m, 0x1f3, 99);
    out8(&t.m, 0x1f7, ATA_CMD_IDENTIFY);
    cr_expect_eq(in16(&t.m, 0x1f0), 0, "the wrong direction");
    put_sector(buf, 4711);
    ide_write_data(&t, buf, 512);
    cr_expect_eq(ide_status(&t), 0x50);
    expect_on_disk(&t, 30, 4711);
    expect_on_disk(&t, 99, 99);
    vt_free(&t);
}

Test(ide, nien_holds_the_interrupt_back)
{
    struct vt t;
    set_up(&t, "drive=disk");
    out8(&t.m, 0x3f6, 2);
    ide_command(&t, 0, ATA_CMD_IDENTIFY, 0, 0);
    cr_expect_eq(ide_status(&t), 0x58);
    cr_expect_eq(t.isa[14].rises, 0);
    out8(&t.m, 0x3f6, 0);
    cr_expect_eq(t.isa[14].level, 1);
    vt_free(&t);
}

Test(ide, unknown_commands_and_features_are_aborted)
{
    struct vt t;
    set_up(&t, "drive=disk");
    static const uint8_t unknown[] = {0x00, 0x03, 0x08, 0x60, 0xa0, 0xa1, 0xf1, 0xf5, 0xf9, 0xff};
    for (unsigned i = 0; i < sizeof unknown; i++) {
        ide_command(&t, 0, unknown[i], 0, 1);
        cr_expect_eq(ide_status(&t), 0x51, "command %02x", unknown[i]);
        cr_expect_eq(in8(&t.m, 0x1f1), ATA_ERROR_ABRT, "command %02x", unknown[i]);
    }
    out8(&t.m, 0x1f1, 0x99);
    ide_command(&t, 0, ATA_CMD_SET_FEATURES, 0, 0);
    cr_expect_eq(ide_status(&t), 0x51);
    out8(&t.m, 0x1f1, 0x03);
    ide_command(&t, 0, ATA_CMD_SET_FEATURES, 0, 0x42);
    cr_expect_eq(ide_status(&t), 0x50, "Ultra DMA 2");
    out8(&t.m, 0x1f1, 0x03);
    ide_command(&t, 0, ATA_CMD_SET_FEATURES, 0, 0x47);
    cr_expect_eq(ide_status(&t), 0x51, "Ultra DMA 7");
    vt_free(&t);
}

Test(ide, power_and_native_size)
{
    struct vt t;
    set_up(&t, "drive=disk");
    ide_command(&t, 0, ATA_CMD_CHECK_POWER, 0, 0);
    ide_status(&t);
    cr_expect_eq(in8(&t.m, 0x1f2), 0xff);
    ide_command(&t, 0, ATA_CMD_STANDBY_IMMEDIATE, 0, 0);
    cr_expect_eq(ide_status(&t), 0x50);
    ide_command(&t, 0, ATA_CMD_CHECK_POWER, 0, 0);
    ide_status(&t);
    cr_expect_eq(in8(&t.m, 0x1f2), 0);
    ide_command(&t, 0, ATA_CMD_READ_NATIVE_MAX, 0, 0);
    ide_status(&t);
    cr_expect_eq(in8(&t.m, 0x1f3), 0xff);
    cr_expect_eq(in8(&t.m, 0x1f4), 0x07);
    vt_free(&t);
}

static void resize(struct vt *t, uint64_t bytes)
{
    machine_lock(&t->m);
    cr_assert(drive_resize(drive_find(&t->m, "disk"), bytes, NULL));
    machine_unlock(&t->m);
}

static uint64_t identified_sectors(struct vt *t)
{
    uint8_t id[512];
    ide_command(t, 0, ATA_CMD_IDENTIFY, 0, 0);
    cr_expect_eq(ide_status(t), 0x58);
    ide_read_data(t, id, 512);
    cr_expect_eq(load_le32(id + 120), load_le64(id + 200));
    return load_le64(id + 200);
}

Test(ide, another_size_shows_when_the_disk_is_identified)
{
    uint8_t buf[512];
    struct vt t;
    set_up(&t, "drive=disk");
    cr_expect_eq(identified_sectors(&t), AT_DISK / 512);
    ide_command(&t, 0, ATA_CMD_READ, AT_DISK / 512, 1);
    cr_expect_eq(ide_status(&t), 0x51);
    resize(&t, 2 * AT_DISK);
    cr_expect_eq(identified_sectors(&t), 2 * AT_DISK / 512);
    ide_command(&t, 0, ATA_CMD_READ, AT_DISK / 512, 1);
    cr_expect_eq(ide_status(&t), 0x58);
    ide_read_data(&t, buf, 512);
    cr_expect_eq(load_le32(buf), 0);
    /* Smaller, under a command: it ends where the disk does now, reading */
    ide_command(&t, 0, ATA_CMD_READ, 100, 4);
    cr_expect_eq(ide_status(&t), 0x58);
    resize(&t, 102 * 512);
    ide_read_data(&t, buf, 512);
    expect_sector(buf, 100);
    cr_expect_eq(ide_status(&t), 0x51);
    cr_expect_eq(in8(&t.m, 0x1f1), ATA_ERROR_IDNF);
    /* and writing, */
    resize(&t, AT_DISK);
    ide_command(&t, 0, ATA_CMD_WRITE, 100, 4);
    cr_expect_eq(ide_status(&t), 0x58);
    resize(&t, 100 * 512);
    ide_write_data(&t, buf, 512);
    cr_expect_eq(ide_status(&t), 0x51);
    cr_expect_eq(in8(&t.m, 0x1f1), ATA_ERROR_IDNF);
    /* before the engine runs. */
    resize(&t, AT_DISK);
    write32(&t.m, PRDT, BUF);
    write32(&t.m, PRDT + 4, 2048 | 1u << 31);
    out32(&t.m, AT_BUS_MASTER + 4, PRDT);
    ide_command(&t, 0, ATA_CMD_READ_DMA, 100, 4);
    resize(&t, 100 * 512);
    out8(&t.m, AT_BUS_MASTER + 2, 6);
    out8(&t.m, AT_BUS_MASTER, 9);
    cr_expect_eq(ide_status(&t), 0x51);
    cr_expect_eq(in8(&t.m, 0x1f1), ATA_ERROR_IDNF);
    resize(&t, 0);
    cr_expect_eq(identified_sectors(&t), 0);
    vt_free(&t);
}

Test(ide, smart_is_healthy_and_wants_its_key)
{
    struct vt t;
    uint8_t buf[512], sum = 0;
    set_up(&t, "drive=disk");
    out8(&t.m, 0x1f1, 0xda);
    ide_command(&t, 0, ATA_CMD_SMART, 0xc24f00, 0);
    cr_expect_eq(ide_status(&t), 0x50);
    cr_expect_eq(in8(&t.m, 0x1f4), 0x4f, "no threshold was exceeded");
    cr_expect_eq(in8(&t.m, 0x1f5), 0xc2);
    out8(&t.m, 0x1f1, 0xd0);
    ide_command(&t, 0, ATA_CMD_SMART, 0xc24f00, 0);
    cr_assert_eq(ide_status(&t), 0x58);
    ide_read_data(&t, buf, 512);
    for (unsigned i = 0; i < 512; i++)
        sum = (uint8_t)(sum + buf[i]);
    cr_expect_eq(sum, 0);
    out8(&t.m, 0x1f1, 0xd0);
    ide_command(&t, 0, ATA_CMD_SMART, 0, 0);
    cr_expect_eq(ide_status(&t), 0x51);
    out8(&t.m, 0x1f1, 0xd9);
    ide_command(&t, 0, ATA_CMD_SMART, 0xc24f00, 0);
    cr_expect_eq(ide_status(&t), 0x50);
    out8(&t.m, 0x1f1, 0xda);
    ide_command(&t, 0, ATA_CMD_SMART, 0xc24f00, 0);
    cr_expect_eq(ide_status(&t), 0x51, "switched off");
    vt_free(&t);
}

/* ---- errors, trim ---------------------------------------------------------------------------- */

Test(ide, write_error_is_reported_or_ignored_as_the_policy_says)
{
    static const char *const props[] = {"drive=disk,werror=report", "drive=disk,werror=ignore"};
    for (unsigned i = 0; i < 2; i++) {
        struct vt t;
        uint8_t buf[512] = {0};
        set_up(&t, props[i]);
        vt_limit_file_size(64 << 10);
        ide_command(&t, 0, ATA_CMD_WRITE, 300, 1);
        ide_write_data(&t, buf, 512);
        cr_expect_eq(ide_status(&t), i ? 0x50 : 0x51);
        cr_expect_eq(in8(&t.m, 0x1f1), i ? 0 : ATA_ERROR_ABRT);
        cr_expect_eq(in8(&t.m, 0x1f3), 300 & 0xff, "where it happened");
        put_prd(&t, 0, BUF, 512, true);
        ide_command(&t, 0, ATA_CMD_WRITE_DMA, 300, 1);
        cr_expect_eq(run_dma(&t, true) & 7, i ? 4 : 6);
        cr_expect_eq(ide_status(&t), i ? 0x50 : 0x51);
        vt_limit_file_size(RLIM_INFINITY);
        vt_free(&t);
    }
}

Test(ide, command_that_stopped_the_machine_goes_on_where_it_was)
{
    struct vt t, other;
    uint8_t buf[512];
    struct device *disk = set_up(&t, "drive=disk,werror=stop");
    struct device *copy = set_up(&other, "drive=disk,werror=stop");
    vt_limit_file_size(64 << 10);
    /* In the middle of a PIO write. */
    ide_command(&t, 0, ATA_CMD_WRITE, 127, 2);
    put_sector(buf, 5001);
    ide_write_data(&t, buf, 512);
    cr_expect_eq(ide_status(&t), 0x58);
    put_sector(buf, 5002);
    ide_write_data(&t, buf, 512);
    cr_expect_eq(ide_status(&t), 0x80);
    cr_expect(machine_take_requests(&t.m) & 1u << MACHINE_REQUEST_PAUSE);
    vt_resume(&t);
    cr_expect_eq(ide_status(&t), 0x80, "it failed again");
    /* The saved state has the command, and its data. */
    assert_round_trip(disk, copy);
    vt_limit_file_size(RLIM_INFINITY);
    vt_resume(&t);
    cr_expect_eq(ide_status(&t), 0x50);
    expect_on_disk(&t, 127, 5001);
    expect_on_disk(&t, 128, 5002);
    vt_resume(&other);
    cr_expect_eq(ide_status(&other), 0x50);
    expect_on_disk(&other, 128, 5002);
    vt_free(&other);
    /* A DMA write. */
    vt_limit_file_size(64 << 10);
    put_prd(&t, 0, BUF, 1024, true);
    write32(&t.m, BUF, 77);
    ide_command(&t, 0, ATA_CMD_WRITE_DMA, 200, 2);
    cr_expect_eq(run_dma(&t, true) & 5, 1, "still active");
    vt_limit_file_size(RLIM_INFINITY);
    vt_resume(&t);
    cr_expect_eq(in8(&t.m, AT_BUS_MASTER + 2), 4);
    ide_command(&t, 0, ATA_CMD_READ, 200, 1);
    cr_assert_eq(ide_status(&t), 0x58);
    cr_expect_eq(in32(&t.m, 0x1f0), 77);
    /* A reset forgets it. */
    vt_limit_file_size(64 << 10);
    out8(&t.m, 0x3f6, 4);
    out8(&t.m, 0x3f6, 0);
    ide_command(&t, 0, ATA_CMD_WRITE, 300, 1);
    ide_write_data(&t, buf, 512);
    cr_expect_eq(ide_status(&t), 0x80);
    out8(&t.m, 0x3f6, 4);
    out8(&t.m, 0x3f6, 0);
    vt_limit_file_size(RLIM_INFINITY);
    vt_resume(&t);
    cr_expect_eq(ide_status(&t), 0x50);
    vt_free(&t);
}

static uint8_t trim(struct vt *t, uint8_t blocks)
{
    out8(&t->m, AT_BUS_MASTER, 0);
    out8(&t->m, 0x1f1, 1);
    out8(&t->m, 0x1f2, 0);
    ide_command(t, 0, ATA_CMD_DATA_SET_MANAGEMENT, 0, blocks);
    run_dma(t, true);
    return ide_status(t);
}

Test(ide, trim_gives_ranges_back_and_refuses_what_is_not_there)
{
    struct vt t;
    uint8_t buf[512];
    set_up(&t, "drive=disk");
    for (unsigned i = 0; i < 512; i += 8)
        write64(&t.m, BUF + i, 0);
    write64(&t.m, BUF, UINT64_C(8) << 48 | 256);       /* 4 KiB at 128 KiB */
    write64(&t.m, BUF + 8, UINT64_C(128) << 48 | 512); /* 64 KiB at 256 KiB */
    put_prd(&t, 0, BUF, 512, true);
    cr_expect_eq(trim(&t, 1), 0x50);
    ide_command(&t, 0, ATA_CMD_READ, 256, 1);
    cr_assert_eq(ide_status(&t), 0x58);
    ide_read_data(&t, buf, 512);
    for (unsigned i = 0; i < 512; i++)
        cr_assert_eq(buf[i], 0);
    expect_on_disk(&t, 255, 255);
    expect_on_disk(&t, 264, 264);
    expect_on_disk(&t, 640, 640);
    write64(&t.m, BUF, UINT64_C(2) << 48 | 2047);
    cr_expect_eq(trim(&t, 1), 0x51, "beyond the end");
    cr_expect_eq(trim(&t, 200), 0x51, "more than IDENTIFY says");
    vt_free(&t);
}

/* ---- state ----------------------------------------------------------------------------------- */

static void poke(struct vemu_machine *m)
{
    static const uint8_t commands[] = {0x20, 0x30, 0xec, 0xc8, 0xe7, 0xc4};
    for (unsigned i = 0; i < 600; i++)
        in16(m, 0x1f0);
    for (unsigned i = 0; i < 600; i++)
        out16(m, 0x1f0, (uint16_t)i);
    for (unsigned i = 0; i < sizeof commands; i++) {
        out8(m, 0x1f7, commands[i]);
        machine_lock(m);
        drive_drain_all(m);
        drive_resume_all(m);
        machine_unlock(m);
        in8(m, 0x1f7);
    }
}

Test(ide, state_holds_a_command_in_the_middle_of_its_data)
{
    struct vt a, b;
    uint8_t buf[512];
    struct device *disk = set_up(&a, "drive=disk"), *other = set_up(&b, "drive=disk");
    ide_command(&a, 0, ATA_CMD_READ, 10, 3);
    cr_assert_eq(ide_status(&a), 0x58);
    ide_read_data(&a, buf, 100);
    assert_round_trip(disk, other);
    assert_round_trip(a.dev, b.dev);
    cr_expect_eq(b.isa[14].level, 1);
    cr_expect_eq(in8(&b.m, 0x1f7), 0x58);
    ide_read_data(&b, buf + 100, 412);
    expect_sector(buf, 10);
    for (unsigned i = 1; i < 3; i++) {
        cr_assert_eq(ide_status(&b), 0x58);
        ide_read_data(&b, buf, 512);
        expect_sector(buf, 10 + i);
    }
    fuzz_state(disk, other, 3000, poke);
    fuzz_state(a.dev, b.dev, 1000, poke);
    vt_free(&a);
    vt_free(&b);
}

Test(ide, dma_command_waits_for_its_engine_over_a_save)
{
    struct vt a, b;
    struct device *disk = set_up(&a, "drive=disk"), *other = set_up(&b, "drive=disk");
    ide_command(&a, 0, ATA_CMD_READ_DMA, 77, 1);
    assert_round_trip(disk, other);
    assert_round_trip(a.dev, b.dev);
    vt_config_write(&b, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    put_prd(&b, 0, BUF, 512, true);
    cr_expect_eq(run_dma(&b, false), 4);
    cr_expect_eq(read32(&b.m, BUF), 77);
    vt_free(&a);
    vt_free(&b);
}
