/* AHCI without a vCPU: registers, commands by PIO, DMA and queues, errors, hostile lists. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "hw/pci/msi.h"
#include "tests/device/ata_driver.h"

static struct device *set_up(struct vt *t, const char *props)
{
    at_machine(t, &ich9_ahci_class);
    struct device *disk = at_plug(t, &ide_hd_class, props);
    at_start(t);
    ah_start(t);
    return disk;
}

static uint32_t word(struct vt *t, uint32_t at)
{
    return read32(&t->m, AH_DATA + at);
}

static void expect_sectors(struct vt *t, uint32_t at, uint32_t first, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++)
        for (uint32_t i = 0; i < 512; i += 4)
            cr_assert_eq(word(t, at + 512 * n + i), first + n + i * 65536, "sector %u", first + n);
}

static struct ah_command dma(uint8_t command, uint64_t lba, uint16_t count)
{
    bool write = command == ATA_CMD_WRITE_DMA_EXT || command == ATA_CMD_WRITE_FPDMA;
    return (struct ah_command){.command = command,
                               .lba = lba,
                               .count = count,
                               .data = AH_DATA,
                               .len = count * 512u,
                               .flags = write ? 1 << 6 : 0};
}

/* ---- registers ------------------------------------------------------------------------------- */

Test(ahci, adapter_and_port_are_as_the_specification_has_them)
{
    struct vt t;
    at_machine(&t, &ich9_ahci_class);
    at_plug(&t, &ide_hd_class, "drive=disk");
    at_start(&t);
    cr_expect_eq(vt_config_read(&t, 0), 0x29228086);
    cr_expect_eq(vt_config_read(&t, 8) >> 8, 0x010601);
    uint32_t cap = ah_read(&t, 0);
    cr_expect_eq(cap & 0x1f, 5);
    cr_expect_eq(cap >> 8 & 0x1f, 31);
    cr_expect(cap >> 30 & 1, "queues");
    cr_expect(cap >> 31, "64-bit addresses");
    cr_expect_eq(ah_read(&t, 0x0c), 0x3f);
    cr_expect_eq(ah_read(&t, 0x10), 0x10300);
    cr_expect_eq(ah_read(&t, AH_SSTS), 0x133);
    cr_expect_eq(ah_read(&t, AH_SIG), 0x101);
    cr_expect_eq(ah_read(&t, AH_TFD), 0x150);
    cr_expect_eq(ah_read(&t, AH_SSTS + 0x80), 0, "nothing on port 1");
    cr_expect_eq(ah_read(&t, AH_TFD + 0x80), 0x7f);
    cr_expect_eq(ah_read(&t, 0x400), 0, "no port 6");
    ah_write(&t, 0x400, 1);
    ah_write(&t, 0x100, 0x12345678);
    cr_expect_eq(ah_read(&t, 0x100), 0x12345400);
    cr_expect_eq(read8(&t.m, AT_ABAR + 0x101), 0x54);
    out32(&t.m, AT_INDEX_DATA + 0x10, 0x100);
    cr_expect_eq(in32(&t.m, AT_INDEX_DATA + 0x14), 0x12345400, "by index and data");
    ah_write(&t, 0x04, 1);
    cr_expect_eq(ah_read(&t, 0x04), 0x80000000u, "reset is over");
    vt_free(&t);
}

Test(ahci, comreset_finds_the_device_again)
{
    struct vt t;
    set_up(&t, "drive=disk");
    ah_write(&t, AH_CMD, 1 << 4);
    ah_write(&t, AH_SCTL, 1);
    cr_expect_eq(ah_read(&t, AH_SSTS), 0);
    cr_expect_eq(ah_read(&t, AH_TFD), 0x7f);
    write32(&t.m, AH_FIS + 0x40, 0);
    ah_write(&t, AH_SCTL, 0);
    cr_expect_eq(ah_read(&t, AH_SSTS), 0x133);
    cr_expect_eq(ah_read(&t, AH_SIG), 0x101);
    cr_expect_eq(read32(&t.m, AH_FIS + 0x40), 0x01500034, "the first frame");
    cr_expect(ah_read(&t, AH_PIS) & 1 << 6, "a change of the connection");
    ah_write(&t, AH_SERR, 1 << 26);
    cr_expect(!(ah_read(&t, AH_PIS) & 1 << 6));
    vt_free(&t);
}

Test(ahci, software_reset_takes_two_frames)
{
    struct vt t;
    set_up(&t, "drive=disk");
    struct ah_command c = {.command = 0, .flags = 1 << 8 | 1 << 10};
    ah_prepare(&t, 0, &c);
    write32(&t.m, AH_TABLES, 0x27);
    write32(&t.m, AH_TABLES + 12, 4u << 24);
    ah_write(&t, AH_CI, 1);
    cr_expect_eq(ah_read(&t, AH_CI), 0);
    write32(&t.m, AH_TABLES + 12, 0);
    ah_write(&t, AH_CI, 1);
    cr_expect_eq(ah_read(&t, AH_TFD), 0x150);
    cr_expect_eq(read32(&t.m, AH_FIS + 0x40), 0x01500034);
    vt_free(&t);
}

/* ---- commands -------------------------------------------------------------------------------- */

Test(ahci, identify_comes_by_pio_and_knows_of_queues)
{
    struct vt t;
    set_up(&t, "drive=disk");
    struct ah_command c = {.command = ATA_CMD_IDENTIFY, .data = AH_DATA, .len = 512};
    cr_expect_eq(ah_run(&t, &c), 0x50);
    cr_expect_eq(ah_read(&t, AH_CI), 0);
    cr_expect_eq(ah_read(&t, AH_PIS) & 3, 2, "a PIO setup frame, no other");
    cr_expect_eq(read8(&t.m, AH_FIS + 0x20), 0x5f);
    cr_expect_eq(read8(&t.m, AH_FIS + 0x2f), 0x50, "the status at the end");
    cr_expect_eq(read16(&t.m, AH_FIS + 0x30), 512);
    cr_expect_eq(read32(&t.m, AH_LIST + 4), 512, "PRDBC");
    cr_expect_eq(word(&t, 150) & 0x1f, 31, "queue depth");
    cr_expect(word(&t, 152) & 1 << 8);
    vt_free(&t);
}

Test(ahci, another_size_shows_when_the_disk_is_identified)
{
    struct vt t;
    set_up(&t, "drive=disk");
    struct ah_command end = dma(ATA_CMD_READ_DMA_EXT, AT_DISK / 512, 1);
    machine_lock(&t.m);
    cr_assert(drive_resize(drive_find(&t.m, "disk"), 2 * AT_DISK, NULL));
    machine_unlock(&t.m);
    struct ah_command c = {.command = ATA_CMD_IDENTIFY, .data = AH_DATA, .len = 512};
    cr_expect_eq(ah_run(&t, &c), 0x50);
    cr_expect_eq(word(&t, 200) | (uint32_t)word(&t, 202) << 16, 2 * AT_DISK / 512);
    cr_expect_eq(ah_run(&t, &end), 0x50);
    machine_lock(&t.m);
    cr_assert(drive_resize(drive_find(&t.m, "disk"), AT_DISK, NULL));
    machine_unlock(&t.m);
    cr_expect_eq(ah_run(&t, &end), 0x51 | ATA_ERROR_IDNF << 8);
    vt_free(&t);
}

Test(ahci, dma_goes_through_region_descriptors)
{
    struct vt t;
    set_up(&t, "drive=disk");
    struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 40, 8);
    c.flags = 2u << 16; /* three in all */
    ah_prepare(&t, 0, &c);
    static const uint32_t parts[][2] = {
        {AH_DATA, 1022}, {AH_DATA + 1022, 2}, {AH_DATA + 1024, 3072}};
    for (unsigned i = 0; i < 3; i++) {
        write64(&t.m, AH_TABLES + 0x80 + 16 * i, parts[i][0]);
        write32(&t.m, AH_TABLES + 0x8c + 16 * i, parts[i][1] - 1);
    }
    ah_write(&t, AH_CI, 1);
    vt_wait(&t);
    cr_expect_eq(ah_read(&t, AH_CI), 0);
    cr_expect_eq(ah_read(&t, AH_TFD), 0x50);
    cr_expect_eq(ah_read(&t, AH_PIS) & 3, 1, "a register frame");
    cr_expect_eq(read32(&t.m, AH_LIST + 4), 4096);
    expect_sectors(&t, 0, 40, 8);
    c = dma(ATA_CMD_WRITE_DMA_EXT, 400, 8);
    cr_expect_eq(ah_run(&t, &c), 0x50);
    for (unsigned i = 0; i < 4096; i += 8)
        write64(&t.m, AH_DATA + i, 0);
    c = dma(ATA_CMD_READ_DMA_EXT, 400, 8);
    cr_expect_eq(ah_run(&t, &c), 0x50);
    expect_sectors(&t, 0, 40, 8);
    vt_free(&t);
}

Test(ahci, commands_of_many_slots_run_one_after_the_other)
{
    struct vt t;
    set_up(&t, "drive=disk");
    for (unsigned slot = 0; slot < 32; slot++) {
        struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 10 * slot, 2);
        c.data += 1024 * slot;
        ah_prepare(&t, slot, &c);
    }
    ah_write(&t, AH_CI, UINT32_MAX);
    vt_wait(&t);
    cr_expect_eq(ah_read(&t, AH_CI), 0);
    for (unsigned slot = 0; slot < 32; slot++)
        expect_sectors(&t, 1024 * slot, 10 * slot, 2);
    vt_free(&t);
}

static struct ah_command fpdma(uint8_t command, uint64_t lba, uint16_t sectors, unsigned slot)
{
    struct ah_command c = dma(command, lba, sectors);
    c.feature = sectors;
    c.count = (uint16_t)(slot << 3);
    c.data += 4096 * slot;
    return c;
}

Test(ahci, thirty_two_queued_commands_are_under_way_together)
{
    struct vt t;
    set_up(&t, "drive=disk");
    for (unsigned slot = 0; slot < 32; slot++) {
        struct ah_command c = fpdma(ATA_CMD_READ_FPDMA, 40 * slot, 8, slot);
        ah_prepare(&t, slot, &c);
    }
    ah_write(&t, AH_SACT, UINT32_MAX);
    ah_write(&t, AH_CI, UINT32_MAX);
    cr_expect_eq(ah_read(&t, AH_CI), 0, "all are taken at once");
    vt_wait(&t);
    cr_expect_eq(ah_read(&t, AH_SACT), 0);
    cr_expect_eq(ah_read(&t, AH_TFD), 0x50);
    cr_expect(ah_read(&t, AH_PIS) & 1 << 3, "set device bits");
    cr_expect_eq(read8(&t.m, AH_FIS + 0x58), 0xa1);
    for (unsigned slot = 0; slot < 32; slot++)
        expect_sectors(&t, 4096 * slot, 40 * slot, 8);
    vt_free(&t);
}

Test(ahci, packets_come_from_the_command_table)
{
    static const uint8_t ready[12], read[12] = {0x28, 0, 0, 0, 0, 9, 0, 0, 2};
    struct vt t;
    at_machine(&t, &ich9_ahci_class);
    at_plug(&t, &ide_cd_class, "drive=disk");
    at_start(&t);
    cr_expect_eq(ah_read(&t, AH_SIG), 0xeb140101);
    ah_start(&t);
    struct ah_command c = {.command = ATA_CMD_PACKET, .cdb = ready};
    cr_expect_eq(ah_run(&t, &c), 0x6441, "a unit attention");
    cr_expect_eq(ah_read(&t, AH_CI), 1, "the command that failed stays");
    cr_expect(ah_read(&t, AH_PIS) & 1 << 30);
    ah_start(&t);
    for (unsigned by_dma = 0; by_dma < 2; by_dma++) {
        c = (struct ah_command){.command = ATA_CMD_PACKET,
                                .cdb = read,
                                .feature = (uint16_t)by_dma,
                                .lba = 2048 << 8,
                                .data = AH_DATA + 8192 * by_dma,
                                .len = 4096};
        cr_expect_eq(ah_run(&t, &c), 0x40);
        cr_expect_eq(read32(&t.m, AH_LIST + 4), 4096);
        expect_sectors(&t, 8192 * by_dma, 36, 8);
    }
    vt_free(&t);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

Test(ahci, interrupts_are_levels_or_messages)
{
    struct vt t;
    set_up(&t, "drive=disk");
    struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 0, 1);
    ah_run(&t, &c);
    cr_expect_eq(ah_read(&t, 0x08), 1);
    /* INTA of slot 4 */
    unsigned raised = 0;
    for (unsigned i = 0; i < 16; i++)
        raised += t.isa[i].level;
    cr_expect_eq(raised, 1);
    ah_write(&t, 0x08, 1);
    cr_expect_eq(ah_read(&t, 0x08), 1, "the port still asks");
    ah_write(&t, AH_PIS, 1);
    ah_write(&t, 0x08, 1);
    cr_expect_eq(ah_read(&t, 0x08), 0);
    for (unsigned i = 0; i < 16; i++)
        cr_expect_eq(t.isa[i].level, 0);
    unsigned cap = t.pci->msi_cap;
    vt_config_write(&t, cap + 4, 0xfee00000);
    bool wide = vt_config_read(&t, cap) >> 23 & 1;
    vt_config_write(&t, cap + (wide ? 12 : 8), 0x55);
    vt_config_write(&t, cap, vt_config_read(&t, cap) | 1 << 16);
    t.messages = 0;
    ah_run(&t, &c);
    cr_expect_eq(t.messages, 1);
    cr_expect_eq(t.last_data & 0xff, 0x55);
    ah_run(&t, &c);
    cr_expect_eq(t.messages, 1, "one for all until it is acknowledged");
    ah_write(&t, 0x08, 1);
    cr_expect_eq(t.messages, 2, "the port was not");
    ah_write(&t, AH_PIE, 0);
    ah_write(&t, 0x08, 1);
    ah_write(&t, AH_PIS, UINT32_MAX);
    ah_run(&t, &c);
    cr_expect_eq(t.messages, 2);
    vt_free(&t);
}

/* ---- errors ---------------------------------------------------------------------------------- */

Test(ahci, failed_command_stops_the_port_until_it_is_started_again)
{
    struct vt t;
    set_up(&t, "drive=disk");
    struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 2048, 1);
    ah_prepare(&t, 5, &c);
    ah_write(&t, AH_CI, 1 << 5);
    vt_wait(&t);
    cr_expect_eq(ah_read(&t, AH_TFD), 0x1051);
    cr_expect(ah_read(&t, AH_PIS) & 1 << 30);
    cr_expect_eq(ah_read(&t, AH_CI), 1 << 5);
    c = dma(ATA_CMD_READ_DMA_EXT, 3, 1);
    ah_run(&t, &c);
    cr_expect_eq(ah_read(&t, AH_CI), 1 << 5 | 1, "nothing is taken");
    ah_write(&t, AH_CMD, 1 << 4);
    cr_expect_eq(ah_read(&t, AH_CI), 0);
    ah_write(&t, AH_CMD, 1 << 4 | 1);
    cr_expect_eq(ah_run(&t, &c), 0x50);
    expect_sectors(&t, 0, 3, 1);
    vt_free(&t);
}

Test(ahci, error_in_a_queue_is_told_by_the_log)
{
    struct vt t;
    set_up(&t, "drive=disk");
    struct ah_command good = fpdma(ATA_CMD_READ_FPDMA, 0, 8, 2), c;
    struct ah_command bad = fpdma(ATA_CMD_READ_FPDMA, 0x123456789abc, 8, 7);
    ah_prepare(&t, 2, &good);
    ah_prepare(&t, 7, &bad);
    ah_write(&t, AH_SACT, 1 << 2 | 1 << 7);
    ah_write(&t, AH_CI, 1 << 2 | 1 << 7);
    vt_wait(&t);
    cr_expect(ah_read(&t, AH_SACT) & 1 << 7);
    cr_expect_eq(ah_read(&t, AH_TFD) & 0xff01, 0x1001);
    cr_expect(ah_read(&t, AH_PIS) & 1 << 30);
    ah_start(&t);
    ah_write(&t, AH_CMD, 1 << 4);
    ah_write(&t, AH_CMD, 1 << 4 | 1);
    cr_expect_eq(ah_read(&t, AH_SACT), 0);
    c = dma(ATA_CMD_READ_DMA_EXT, 3, 1);
    cr_expect_eq(ah_run(&t, &c) & 0xff, 0x51, "the log comes first");
    ah_write(&t, AH_CMD, 1 << 4);
    ah_write(&t, AH_CMD, 1 << 4 | 1);
    struct ah_command log = {
        .command = ATA_CMD_READ_LOG_EXT, .lba = 0x10, .count = 1, .data = AH_DATA, .len = 512};
    cr_expect_eq(ah_run(&t, &log), 0x50);
    cr_expect_eq(word(&t, 0) & 0xff, 7, "its tag");
    cr_expect_eq(word(&t, 0) >> 24, ATA_ERROR_IDNF);
    cr_expect_eq(word(&t, 4) & 0xffffff, 0x789abc);
    cr_expect_eq(word(&t, 8) & 0xffffff, 0x123456);
    uint8_t sum = 0;
    for (unsigned i = 0; i < 512; i++)
        sum = (uint8_t)(sum + read8(&t.m, AH_DATA + i));
    cr_expect_eq(sum, 0);
    cr_expect_eq(ah_run(&t, &c), 0x50);
    vt_free(&t);
}

/* Its request may be under way, or be made again later. */
Test(ahci, tag_that_is_in_use_ends_the_queue)
{
    struct vt t;
    set_up(&t, "drive=disk,werror=stop");
    vt_limit_file_size(64 << 10);
    struct ah_command c = fpdma(ATA_CMD_WRITE_FPDMA, 128, 1, 3);
    ah_prepare(&t, 3, &c);
    ah_write(&t, AH_SACT, 1 << 3);
    ah_write(&t, AH_CI, 1 << 3);
    vt_wait(&t);
    cr_expect_eq(ah_read(&t, AH_SACT), 1 << 3, "it waits for the machine to go on");
    ah_write(&t, AH_CI, 1 << 3);
    cr_expect_eq(ah_read(&t, AH_TFD) & 0xff01, ATA_ERROR_ABRT << 8 | 1);
    cr_expect(ah_read(&t, AH_PIS) & 1 << 30);
    vt_limit_file_size(RLIM_INFINITY);
    vt_resume(&t);
    ah_start(&t);
    ah_write(&t, AH_CMD, 1 << 4);
    ah_write(&t, AH_CMD, 1 << 4 | 1);
    struct ah_command log = {
        .command = ATA_CMD_READ_LOG_EXT, .lba = 0x10, .count = 1, .data = AH_DATA, .len = 512};
    cr_expect_eq(ah_run(&t, &log), 0x50);
    cr_expect_eq(word(&t, 0) & 0xff, 3, "its tag");
    cr_expect_eq(word(&t, 0) >> 24, ATA_ERROR_ABRT);
    vt_free(&t);
}

Test(ahci, queued_commands_that_stopped_the_machine_are_saved_and_made_again)
{
    struct vt t, other;
    struct device *disk = set_up(&t, "drive=disk,werror=stop");
    struct device *copy = set_up(&other, "drive=disk,werror=stop");
    vt_limit_file_size(64 << 10);
    for (unsigned slot = 0; slot < 3; slot++) {
        struct ah_command c = fpdma(ATA_CMD_WRITE_FPDMA, 126 + slot, 1, slot);
        write32(&t.m, AH_DATA + 4096 * slot, 9000 + slot);
        ah_prepare(&t, slot, &c);
    }
    ah_write(&t, AH_SACT, 7);
    ah_write(&t, AH_CI, 7);
    vt_wait(&t);
    cr_expect_eq(ah_read(&t, AH_SACT), 1 << 2, "one of them is beyond");
    cr_expect(machine_take_requests(&t.m) & 1u << MACHINE_REQUEST_PAUSE);
    assert_round_trip(disk, copy);
    assert_round_trip(t.dev, other.dev);
    for (unsigned at = AH_LIST; at < AH_DATA + 3 * 4096; at += 8)
        write64(&other.m, at, read64(&t.m, at));
    vt_limit_file_size(RLIM_INFINITY);
    vt_resume(&other);
    cr_expect_eq(ah_read(&other, AH_SACT), 0);
    struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 128, 1);
    cr_expect_eq(ah_run(&other, &c), 0x50);
    cr_expect_eq(word(&other, 0), 9002);
    vt_free(&t);
    vt_free(&other);
}

/* ---- hostile lists --------------------------------------------------------------------------- */

Test(ahci, transfer_into_its_own_registers_is_refused)
{
    struct vt t;
    set_up(&t, "drive=disk");
    struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 0, 8);
    c.data = AT_ABAR;
    ah_run(&t, &c);
    cr_expect_eq(ah_read(&t, AH_PIE), 0x7dc0007f, "its registers are as they were");
    cr_expect_eq(ah_read(&t, AH_CI) & ~1u, 0);
    ah_start(&t);
    c = dma(ATA_CMD_WRITE_DMA_EXT, 0, 8);
    c.data = AT_ABAR;
    cr_expect_eq(ah_run(&t, &c), 0x451);
    /* Its list, its frames and its tables there. */
    ah_start(&t);
    ah_write(&t, 0x100, (uint32_t)AT_ABAR);
    ah_write(&t, AH_CI, 1);
    cr_expect(ah_read(&t, AH_PIS) & 1 << 29, "host bus fatal error");
    ah_start(&t);
    ah_write(&t, 0x108, (uint32_t)AT_ABAR);
    c = dma(ATA_CMD_READ_DMA_EXT, 1, 1);
    ah_run(&t, &c);
    expect_sectors(&t, 0, 1, 1);
    vt_free(&t);
}

Test(ahci, tables_that_are_too_short_or_nowhere_are_errors)
{
    struct vt t;
    set_up(&t, "drive=disk");
    struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 0, 8);
    c.len = 4094;
    cr_expect_eq(ah_run(&t, &c), 0x451);
    cr_expect(ah_read(&t, AH_PIS) & 1 << 24, "overflow");
    ah_start(&t);
    ah_write(&t, AH_CMD, 1 << 4);
    ah_write(&t, AH_CMD, 1 << 4 | 1);
    c.len = 0; /* no descriptors */
    cr_expect_eq(ah_run(&t, &c), 0x451);
    ah_start(&t);
    c = dma(ATA_CMD_READ_DMA_EXT, 0, 8);
    c.data = UINT64_C(0xfffffffffffff000);
    c.len = 1 << 22;
    cr_expect_eq(ah_run(&t, &c) & 0xff, 0x51);
    ah_start(&t);
    c = dma(ATA_CMD_READ_DMA_EXT, 0, 8);
    ah_prepare(&t, 0, &c);
    write64(&t.m, AH_LIST + 8, UINT64_C(0xffffffffffffff80));
    ah_write(&t, AH_CI, 1);
    cr_expect(ah_read(&t, AH_PIS) & 1 << 29);
    ah_start(&t);
    /* Many descriptors, each of two bytes, all in one place. */
    c = dma(ATA_CMD_READ_DMA_EXT, 0, 1);
    c.flags = 0xfffeu << 16;
    ah_prepare(&t, 0, &c);
    for (unsigned n = 0; n < 300; n++) {
        write64(&t.m, AH_TABLES + 0x80 + 16 * n, AH_DATA);
        write32(&t.m, AH_TABLES + 0x8c + 16 * n, 1);
    }
    ah_write(&t, AH_CI, 1);
    vt_wait(&t);
    cr_expect_eq(ah_read(&t, AH_TFD), 0x50);
    vt_free(&t);
}

Test(ahci, last_byte_of_the_address_space_is_no_memory)
{
    struct vt t;
    struct dma_list list;
    set_up(&t, "drive=disk");
    machine_lock(&t.m);
    dma_list_init(&list, t.dev, true);
    cr_assert(dma_list_add(&list, UINT64_MAX, 1));
    cr_expect(!dma_list_deliver(&list));
    dma_list_free(&list);
    machine_unlock(&t.m);
    vt_free(&t);
}

Test(ahci, disk_survives_its_controller)
{
    struct vt t;
    struct device *disk = set_up(&t, "drive=disk");
    struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 0, 8);
    ah_prepare(&t, 0, &c);
    ah_write(&t, AH_CI, 1);
    machine_lock(&t.m);
    device_free(t.dev);
    cr_expect_null(ata_slot_of(disk));
    cr_assert(machine_reset(&t.m, NULL));
    drive_resume_all(&t.m);
    device_free(disk);
    machine_unlock(&t.m);
    vt_free(&t);
}

Test(ahci, frames_that_are_none_are_dropped)
{
    struct vt t;
    set_up(&t, "drive=disk");
    struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 5, 1);
    ah_prepare(&t, 0, &c);
    write8(&t.m, AH_TABLES, 0x34);
    ah_write(&t, AH_CI, 1);
    cr_expect_eq(ah_read(&t, AH_CI), 0);
    ah_prepare(&t, 0, &c);
    write32(&t.m, AH_LIST, 2 | 1u << 16); /* two words */
    ah_write(&t, AH_CI, 1);
    cr_expect_eq(ah_read(&t, AH_CI), 0);
    /* Queued commands and others at the same time: one kind waits for the other. */
    struct ah_command q = fpdma(ATA_CMD_READ_FPDMA, 50, 8, 1);
    ah_prepare(&t, 0, &c);
    ah_prepare(&t, 1, &q);
    ah_write(&t, AH_SACT, 2);
    ah_write(&t, AH_CI, 3);
    vt_wait(&t);
    cr_expect_eq(ah_read(&t, AH_CI) | ah_read(&t, AH_SACT), 0);
    expect_sectors(&t, 0, 5, 1);
    expect_sectors(&t, 4096, 50, 8);
    vt_free(&t);
}

Test(ahci, stop_and_reset_with_commands_under_way)
{
    struct vt t;
    set_up(&t, "drive=disk");
    for (unsigned round = 0; round < 30; round++) {
        for (unsigned slot = 0; slot < 32; slot++) {
            struct ah_command c = round & 1 ? fpdma(ATA_CMD_READ_FPDMA, slot, 8, slot)
                                            : dma(ATA_CMD_READ_DMA_EXT, slot, 8);
            ah_prepare(&t, slot, &c);
        }
        ah_write(&t, AH_SACT, round & 1 ? UINT32_MAX : 0);
        ah_write(&t, AH_CI, UINT32_MAX);
        if (round % 3 == 0)
            ah_write(&t, AH_CMD, 1 << 4);
        else if (round % 3 == 1)
            ah_write(&t, AH_SCTL, 1);
        else
            ah_write(&t, 0x04, 1);
        ah_write(&t, AH_SCTL, 0);
        ah_write(&t, AH_CMD, 0);
        ah_start(&t);
        cr_expect_eq(ah_read(&t, AH_CI) | ah_read(&t, AH_SACT), 0, "round %u", round);
    }
    vt_wait(&t);
    struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 3, 1);
    cr_expect_eq(ah_run(&t, &c), 0x50);
    vt_free(&t);
}

/* ---- state ----------------------------------------------------------------------------------- */

static void poke(struct vemu_machine *m)
{
    for (uint32_t at = 0; at < 0x180; at += 4)
        read32(m, AT_ABAR + at);
    write32(m, AT_ABAR + AH_CI, UINT32_MAX);
    machine_lock(m);
    drive_drain_all(m);
    drive_resume_all(m);
    drive_drain_all(m);
    machine_unlock(m);
    write32(m, AT_ABAR + AH_CMD, 0);
}

Test(ahci, state_survives_a_round_trip_and_damage)
{
    struct vt a, b;
    struct device *disk = set_up(&a, "drive=disk"), *other = set_up(&b, "drive=disk");
    struct ah_command c = dma(ATA_CMD_READ_DMA_EXT, 2048, 1);
    ah_run(&a, &c);
    assert_round_trip(disk, other);
    assert_round_trip(a.dev, b.dev);
    cr_expect_eq(ah_read(&b, AH_TFD), 0x1051);
    cr_expect_eq(ah_read(&b, AH_CI), 1);
    fuzz_state(a.dev, b.dev, 1000, poke);
    fuzz_state(disk, other, 1000, poke);
    vt_free(&a);
    vt_free(&b);
}
