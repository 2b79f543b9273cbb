/* Packet commands of ide-cd without a vCPU, by PIO and DMA; the answers' lengths; the tray. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/block/medium.h"
#include "core/device/event.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "tests/device/ata_driver.h"

enum { PRDT = 0x180000, BUF = 0x200000, BLOCKS = AT_DISK / 2048 };

static void set_up(struct vt *t, const char *props)
{
    static const uint8_t ready[12];
    at_machine(t, &piix3_ide_class);
    at_plug(t, &ide_cd_class, props);
    at_start(t);
    /* The unit attention of power-on. */
    cr_expect_eq(ide_packet(t, ready, 0, 0), 0x41);
    cr_expect_eq(in8(&t->m, 0x1f1) >> 4, 6);
}

/* Data of a command: the number of bytes that came, over all DRQ blocks of at most limit bytes. */
static unsigned fetch(struct vt *t, const uint8_t *cdb, uint16_t limit, uint8_t *buf, unsigned room)
{
    unsigned got = 0;
    uint8_t status = ide_packet(t, cdb, limit, 0);
    while (status & 8) {
        unsigned n = in8(&t->m, 0x1f4) | in8(&t->m, 0x1f5) << 8;
        cr_assert(n && n <= (limit ? limit : 0xfffe), "%u bytes of at most %u", n, limit);
        cr_assert_eq(in8(&t->m, 0x1f2), 2, "to the host");
        cr_assert(got + ((n + 1) & ~1u) <= room);
        ide_read_data(t, buf + got, n);
        got += n;
        status = ide_status(t);
    }
    cr_expect_eq(in8(&t->m, 0x1f2), 3, "status phase");
    cr_expect_eq(status, 0x40);
    return got;
}

/* Sense key << 16 | ASC << 8 | ASCQ. */
static uint32_t sense(struct vt *t)
{
    static const uint8_t cdb[12] = {0x03, 0, 0, 0, 18};
    uint8_t buf[18];
    cr_expect_eq(fetch(t, cdb, 18, buf, sizeof buf), 18);
    cr_expect_eq(buf[0], 0x70);
    return (uint32_t)buf[2] << 16 | buf[12] << 8 | buf[13];
}

static void expect_block(const uint8_t *buf, uint32_t block)
{
    for (unsigned s = 0; s < 4; s++)
        for (unsigned i = 0; i < 512; i += 4)
            cr_assert_eq(load_le32(buf + 512 * s + i), 4 * block + s + i * 65536);
}

Test(atapi, signature_and_identify_tell_it_from_a_disk)
{
    struct vt t;
    uint8_t id[512];
    at_machine(&t, &piix3_ide_class);
    at_plug(&t, &ide_cd_class, "drive=disk");
    at_start(&t);
    cr_expect_eq(in8(&t.m, 0x1f7), 0, "not ready before a command");
    cr_expect_eq(in8(&t.m, 0x1f4), 0x14);
    cr_expect_eq(in8(&t.m, 0x1f5), 0xeb);
    out8(&t.m, 0x1f4, 0);
    ide_command(&t, 0, ATA_CMD_IDENTIFY, 0, 0);
    cr_expect_eq(ide_status(&t), 0x41);
    cr_expect_eq(in8(&t.m, 0x1f4), 0x14, "the signature again");
    ide_command(&t, 0, ATA_CMD_IDENTIFY_PACKET, 0, 0);
    cr_expect_eq(ide_status(&t), 0x48);
    ide_read_data(&t, id, 512);
    cr_expect_eq(load_le16(id), 0x85c0);
    cr_expect_eq(load_le16(id + 98) & 0x100, 0x100, "DMA");
    ide_command(&t, 0, ATA_CMD_READ, 0, 1);
    cr_expect_eq(ide_status(&t), 0x41, "no sectors");
    vt_free(&t);
}

Test(atapi, reads_by_pio_in_blocks_of_any_limit)
{
    static const uint16_t limits[] = {0, 2048, 4096, 10000, 512, 0xffff, 30, 3, 1};
    static uint8_t buf[7 * 2048 + 2];
    struct vt t;
    set_up(&t, "drive=disk");
    for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        static const uint8_t cdb[12] = {0x28, 0, 0, 0, 0, 21, 0, 0, 7};
        memset(buf, 0, sizeof buf);
        uint16_t limit = limits[i] == 1 ? 2 : limits[i];
        cr_expect_eq(fetch(&t, cdb, limit, buf, sizeof buf), 7 * 2048, "limit %u", limit);
        for (unsigned n = 0; n < 7; n++)
            expect_block(buf + 2048 * n, 21 + n);
    }
    vt_free(&t);
}

Test(atapi, reads_by_dma)
{
    static const uint8_t cdb[12] = {0xa8, 0, 0, 0, 0, 100, 0, 0, 0, 5};
    uint8_t buf[5 * 2048];
    struct vt t;
    set_up(&t, "drive=disk");
    write32(&t.m, PRDT, BUF);
    write32(&t.m, PRDT + 4, 5 * 2048 | 1u << 31);
    out32(&t.m, AT_BUS_MASTER + 4, PRDT);
    ide_packet(&t, cdb, 0, 1);
    out8(&t.m, AT_BUS_MASTER + 2, 6);
    out8(&t.m, AT_BUS_MASTER, 9);
    cr_expect_eq(ide_status(&t), 0x40);
    cr_expect_eq(in8(&t.m, AT_BUS_MASTER + 2), 4);
    for (unsigned i = 0; i < sizeof buf; i++)
        buf[i] = read8(&t.m, BUF + i);
    for (unsigned n = 0; n < 5; n++)
        expect_block(buf + 2048 * n, 100 + n);
    /* An answer that is made up goes the same way; memory for a part of it gets that. */
    static const uint8_t inquiry[12] = {0x12, 0, 0, 0, 96};
    write32(&t.m, PRDT + 4, 16 | 1u << 31);
    write32(&t.m, BUF + 16, 0x11223344);
    out8(&t.m, AT_BUS_MASTER, 0);
    ide_packet(&t, inquiry, 0, 1);
    out8(&t.m, AT_BUS_MASTER, 9);
    cr_expect_eq(ide_status(&t), 0x40);
    cr_expect_eq(read8(&t.m, BUF), 5);
    cr_expect_eq(read32(&t.m, BUF + 16), 0x11223344);
    vt_free(&t);
}

Test(atapi, addresses_are_checked)
{
    static const struct {
        uint32_t lba, count;
        bool ok;
    } cases[] = {{BLOCKS - 1, 1, true},
                 {BLOCKS - 1, 2, false},
                 {BLOCKS, 0, true},
                 {BLOCKS, 1, false},
                 {UINT32_MAX, 1, false},
                 {0, UINT32_MAX, false},
                 {UINT32_MAX, UINT32_MAX, false}};
    uint8_t buf[2048];
    struct vt t;
    set_up(&t, "drive=disk");
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t cdb[12] = {0xa8};
        store_be32(cdb + 2, cases[i].lba);
        store_be32(cdb + 6, cases[i].count);
        if (cases[i].ok) {
            cr_expect_eq(fetch(&t, cdb, 2048, buf, sizeof buf), cases[i].count * 2048);
        } else {
            cr_expect_eq(ide_packet(&t, cdb, 2048, 0), 0x41, "case %u", i);
            cr_expect_eq(sense(&t), 0x052100, "case %u", i);
        }
    }
    vt_free(&t);
}

Test(atapi, raw_sectors_have_their_headers)
{
    static const uint8_t cdb[12] = {0xbe, 0, 0, 0, 0, 30, 0, 0, 4, 0xf8};
    static const uint8_t data_only[12] = {0xbe, 0, 0, 0, 0, 30, 0, 0, 4, 0x10};
    static const uint8_t nothing[12] = {0xbe, 0, 0, 0, 0, 30, 0, 0, 4, 0};
    static const uint8_t channel[12] = {0xbe, 0, 0, 0, 0, 30, 0, 0, 4, 0x10, 1};
    static const uint8_t headers[12] = {0xbe, 0, 0, 0, 0, 30, 0, 0, 100, 0x20};
    static const uint8_t msf[12] = {0xb9, 0, 0, 0, 2, 30, 0, 2, 32, 0x10};
    static uint8_t buf[4 * 2352];
    struct vt t;
    set_up(&t, "drive=disk");
    cr_expect_eq(fetch(&t, cdb, 4000, buf, sizeof buf), 4 * 2352);
    for (unsigned n = 0; n < 4; n++) {
        const uint8_t *s = buf + 2352 * n;
        cr_expect(s[0] == 0 && s[1] == 0xff && s[10] == 0xff && s[11] == 0);
        cr_expect(s[12] == 0x00 && s[13] == 0x02 && s[14] == 0x30 + n && s[15] == 1,
                  "address 0:2:%x", s[14]);
        expect_block(s + 16, 30 + n);
    }
    cr_expect_eq(fetch(&t, data_only, 0, buf, sizeof buf), 4 * 2048);
    expect_block(buf + 3 * 2048, 33);
    cr_expect_eq(fetch(&t, nothing, 0, buf, sizeof buf), 0);
    cr_expect_eq(ide_packet(&t, channel, 0, 0), 0x41);
    cr_expect_eq(fetch(&t, msf, 0, buf, sizeof buf), 2 * 2048);
    expect_block(buf, 30);
    /* Headers alone: what is read is larger than what is sent. */
    cr_expect_eq(fetch(&t, headers, 4000, buf, sizeof buf), 100 * 4);
    for (unsigned n = 0; n < 100; n += 33)
        cr_expect_eq(buf[4 * n + 2], (30 + n) % 75 / 10 << 4 | (30 + n) % 75 % 10, "block %u", n);
    /* By DMA, in as many pieces as it takes. */
    write32(&t.m, PRDT, BUF);
    write32(&t.m, PRDT + 4, (4 * 2352) | 1u << 31);
    out32(&t.m, AT_BUS_MASTER + 4, PRDT);
    ide_packet(&t, cdb, 0, 1);
    out8(&t.m, AT_BUS_MASTER + 2, 6);
    out8(&t.m, AT_BUS_MASTER, 9);
    cr_expect_eq(ide_status(&t), 0x40);
    for (unsigned i = 0; i < sizeof buf; i++)
        buf[i] = read8(&t.m, BUF + i);
    expect_block(buf + 3 * 2352 + 16, 33);
    vt_free(&t);
}

Test(atapi, answers_end_where_the_packet_allows)
{
    static const struct {
        uint8_t cdb[12];
        unsigned len, at; /* of the whole answer; where the packet has the allowed length */
    } cases[] = {
        {{0x12}, 36, 3},          {{0x12, 1, 0x80}, 11, 3}, {{0x12, 1, 0}, 7, 3},
        {{0x5a, 0, 0x3f}, 42, 7}, {{0x5a, 0, 0x2a}, 30, 7}, {{0x43}, 20, 7},
        {{0x43, 0, 1}, 12, 7},    {{0x43, 2, 2}, 48, 7},    {{0x4a, 1, 0, 0, 0x10}, 8, 7},
        {{0x51}, 34, 7},          {{0x52, 0}, 36, 7},       {{0x42, 2, 0x40, 1}, 16, 7},
        {{0xbd}, 8, 8},           {{0xad}, 2052, 8},        {{0x46}, 84, 7},
    };
    static uint8_t buf[65536];
    struct vt t;
    set_up(&t, "drive=disk");
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t cdb[12];
        memcpy(cdb, cases[i].cdb, 12);
        store_be16(cdb + cases[i].at, 0xffff);
        cr_expect_eq(fetch(&t, cdb, 0, buf, sizeof buf), cases[i].len, "command %02x, case %u",
                     cdb[0], i);
        static const uint16_t allowed[] = {0, 1, 5, 7};
        for (unsigned k = 0; k < 4; k++) {
            store_be16(cdb + cases[i].at, allowed[k]);
            cr_expect_eq(fetch(&t, cdb, 0, buf, sizeof buf), allowed[k], "command %02x", cdb[0]);
        }
    }
    vt_free(&t);
}

Test(atapi, medium_is_described)
{
    static const uint8_t capacity[12] = {0x25}, toc[12] = {0x43, 0, 0, 0, 0, 0, 0, 0, 20},
                         msf[12] = {0x43, 2, 0, 0, 0, 0, 0xaa, 0, 20},
                         config[12] = {0x46, 2, 0, 0, 0, 0, 0, 0, 16};
    uint8_t buf[64];
    struct vt t;
    set_up(&t, "drive=disk");
    cr_expect_eq(fetch(&t, capacity, 0, buf, sizeof buf), 8);
    cr_expect_eq(load_be32(buf), BLOCKS - 1);
    cr_expect_eq(load_be32(buf + 4), 2048);
    cr_expect_eq(fetch(&t, toc, 0, buf, sizeof buf), 20);
    cr_expect_eq(buf[6], 1);
    cr_expect_eq(buf[14], 0xaa);
    cr_expect_eq(load_be32(buf + 16), BLOCKS);
    cr_expect_eq(fetch(&t, msf, 0, buf, sizeof buf), 12);
    cr_expect_eq(load_be32(buf + 8), (BLOCKS + 150) / 75 << 8 | (BLOCKS + 150) % 75);
    cr_expect_eq(fetch(&t, config, 0, buf, sizeof buf), 16);
    cr_expect_eq(load_be16(buf + 6), 8, "a CD, by its size");
    vt_free(&t);
}

Test(atapi, tray_opens_unless_it_is_locked)
{
    static const uint8_t ready[12], lock[12] = {0x1e, 0, 0, 0, 1}, unlock[12] = {0x1e},
                                    eject[12] = {0x1b, 0, 0, 0, 2}, load[12] = {0x1b, 0, 0, 0, 3},
                                    event[12] = {0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8};
    uint8_t buf[8];
    struct vt t;
    set_up(&t, "drive=disk");
    cr_expect_eq(ide_packet(&t, ready, 0, 0), 0x40);
    ide_packet(&t, lock, 0, 0);
    cr_expect_eq(ide_packet(&t, eject, 0, 0), 0x41);
    cr_expect_eq(sense(&t), 0x055302);
    ide_packet(&t, unlock, 0, 0);
    cr_expect_eq(ide_packet(&t, eject, 0, 0), 0x40);
    cr_expect_eq(ide_packet(&t, ready, 0, 0), 0x41);
    cr_expect_eq(sense(&t), 0x023a02);
    fetch(&t, event, 0, buf, sizeof buf);
    cr_expect_eq(buf[5], 1, "open, without a medium");
    cr_expect_eq(ide_packet(&t, load, 0, 0), 0x40);
    fetch(&t, event, 0, buf, sizeof buf);
    cr_expect_eq(buf[4], 2, "a new medium");
    cr_expect_eq(ide_packet(&t, ready, 0, 0), 0x41);
    cr_expect_eq(sense(&t), 0x062800);
    cr_expect_eq(ide_packet(&t, ready, 0, 0), 0x40);
    vt_free(&t);
}

Test(atapi, drive_without_a_medium_says_so)
{
    static const uint8_t ready[12], read[12] = {0x28, 0, 0, 0, 0, 0, 0, 0, 1}, unknown[12] = {0xf7},
                                    select[12] = {0x55, 0x10, 0, 0, 0, 0, 0, 0, 16};
    static const uint8_t page[16] = {0};
    struct vt t;
    set_up(&t, "");
    cr_expect_eq(ide_packet(&t, ready, 0, 0), 0x41);
    cr_expect_eq(sense(&t), 0x023a01);
    cr_expect_eq(ide_packet(&t, read, 0, 0), 0x41);
    cr_expect_eq(ide_packet(&t, unknown, 0, 0), 0x41);
    cr_expect_eq(sense(&t), 0x052000);
    cr_expect_eq(sense(&t), 0, "sense is told once");
    cr_expect_eq(ide_packet(&t, select, 0, 0), 0x48, "mode pages are taken");
    ide_write_data(&t, page, 16);
    cr_expect_eq(ide_status(&t), 0x40);
    vt_free(&t);
}

/* ---- from outside ---------------------------------------------------------------------------- */

static struct device *drive_dev;

static struct medium_state tray(void)
{
    struct medium_state state;
    drive_dev->cls->medium->get(drive_dev, &state);
    return state;
}
static void move_tray(struct vt *t, bool open)
{
    machine_lock(&t->m);
    drive_dev->cls->medium->move(drive_dev, open);
    machine_unlock(&t->m);
}
static bool put(struct vt *t, const char *id)
{
    machine_lock(&t->m);
    bool ok = drive_dev->cls->medium->put(drive_dev, id ? drive_find(&t->m, id) : NULL, NULL);
    machine_unlock(&t->m);
    return ok;
}
/* The next event about the medium, and its state << 8. */
static unsigned media_event(struct vt *t)
{
    static const uint8_t cdb[12] = {0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8};
    uint8_t buf[8];
    cr_expect_eq(fetch(t, cdb, 0, buf, sizeof buf), 8);
    return buf[4] | buf[5] << 8;
}
/* Another image, of 300 blocks whose words are all 0x1234. */
static void make_other(struct vt *t, char path[32])
{
    static uint16_t words[1024];
    strcpy(path, "/tmp/vemu-test-XXXXXX");
    int fd = mkstemp(path);
    for (unsigned i = 0; i < 1024; i++)
        words[i] = 0x1234;
    for (unsigned n = 0; n < 300; n++)
        cr_assert_eq(write(fd, words, 2048), 2048);
    close(fd);
    struct drive_config cfg = {
        .id = "other", .filename = path, .format = "raw", .read_only = true, .node = true};
    machine_lock(&t->m);
    cr_assert(drive_new(&t->m, &cfg, NULL));
    machine_unlock(&t->m);
}
static void set_up_cd(struct vt *t)
{
    set_up(t, "drive=disk");
    list_for_each(dev, &t->m.devices, struct device, node)
    {
        if (dev->cls == &ide_cd_class)
            drive_dev = dev;
    }
    cr_expect_str_eq(tray().name, "disk");
}
/* What the next event tells: the tray's way, -1 when there is none. */
static int moved(struct vt *t)
{
    struct machine_event *e = machine_take_event(&t->m);
    int open = -1;
    if (e) {
        cr_expect_str_eq(e->name, "DEVICE_TRAY_MOVED");
        cr_expect_str_eq(e->items[0].text, "disk");
        open = e->items[2].number != 0;
        machine_event_free(e);
    }
    return open;
}

Test(atapi, medium_is_changed_from_outside)
{
    static const uint8_t ready[12], capacity[12] = {0x25},
                                    read[12] = {0x28, 0, 0, 0, 0, 7, 0, 0, 1};
    static uint8_t buf[2050];
    char path[32];
    struct vt t;
    set_up_cd(&t);
    make_other(&t, path);
    cr_expect_eq(media_event(&t), 0x202, "the one that was there at power-on");
    cr_expect_eq(ide_packet(&t, ready, 0, 0), 0x40);
    move_tray(&t, true);
    cr_expect_eq(moved(&t), 1);
    cr_expect_eq(ide_packet(&t, ready, 0, 0), 0x41);
    cr_expect_eq(sense(&t), 0x023a02);
    cr_expect_eq(media_event(&t), 0x103, "the medium goes");
    cr_expect_eq(media_event(&t), 0x100, "told once");
    cr_expect_not(put(&t, "other"), "there is one");
    cr_expect(put(&t, NULL));
    cr_expect(put(&t, NULL), "nothing is there");
    cr_expect_null(tray().drive);
    cr_expect_null(drive_find(&t.m, "disk")->dev);
    move_tray(&t, false);
    move_tray(&t, false);
    cr_expect_eq(moved(&t), 0);
    cr_expect_eq(moved(&t), -1, "it was closed already");
    cr_expect_eq(ide_packet(&t, ready, 0, 0), 0x41);
    cr_expect_eq(sense(&t), 0x023a01);
    cr_expect_eq(media_event(&t), 0);
    move_tray(&t, true);
    cr_expect(put(&t, "other"));
    cr_expect_eq(media_event(&t), 0x100);
    move_tray(&t, false);
    cr_expect_eq(media_event(&t), 0x202);
    cr_expect_eq(ide_packet(&t, read, 0, 0), 0x41, "nobody reads another disc unawares");
    cr_expect_eq(sense(&t), 0x062800);
    fetch(&t, capacity, 0, buf, 8);
    cr_expect_eq(load_be32(buf), 299);
    cr_expect_eq(fetch(&t, read, 0, buf, sizeof buf), 2048);
    cr_expect_eq(load_le32(buf), 0x12341234);
    vt_free(&t);
    unlink(path);
}

Test(atapi, a_button_asks_the_guest_that_locked_the_tray)
{
    static const uint8_t lock[12] = {0x1e, 0, 0, 0, 1}, unlock[12] = {0x1e},
                         eject[12] = {0x1b, 0, 0, 0, 2}, load[12] = {0x1b, 0, 0, 0, 3};
    struct vt t;
    set_up_cd(&t);
    media_event(&t);
    ide_packet(&t, lock, 0, 0);
    cr_expect(tray().locked);
    machine_lock(&t.m);
    drive_dev->cls->medium->ask(drive_dev);
    machine_unlock(&t.m);
    cr_expect_not(tray().open);
    cr_expect_eq(media_event(&t), 0x201);
    ide_packet(&t, unlock, 0, 0);
    cr_expect_not(tray().locked);
    cr_expect_eq(moved(&t), -1);
    cr_expect_eq(ide_packet(&t, eject, 0, 0), 0x40);
    cr_expect(tray().open);
    cr_expect_eq(moved(&t), 1);
    ide_packet(&t, eject, 0, 0);
    cr_expect_eq(moved(&t), -1);
    ide_packet(&t, load, 0, 0);
    cr_expect_eq(moved(&t), 0);
    /* By force, whatever the guest wants. */
    ide_packet(&t, lock, 0, 0);
    move_tray(&t, true);
    cr_expect(tray().open);
    vt_free(&t);
}

Test(atapi, a_command_ends_when_its_medium_goes)
{
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 7, 0, 0, 100}, ready[12];
    static uint8_t buf[2048];
    struct vt t;
    set_up_cd(&t);
    /* Between two blocks of PIO, */
    cr_expect_eq(ide_packet(&t, read, 2048, 0), 0x48);
    move_tray(&t, true);
    cr_expect(put(&t, NULL));
    ide_read_data(&t, buf, 2048);
    expect_block(buf, 7);
    cr_expect_eq(ide_status(&t), 0x41);
    cr_expect_eq(sense(&t), 0x023a02);
    /* before the engine of DMA runs, */
    cr_expect(put(&t, "disk"));
    move_tray(&t, false);
    ide_packet(&t, ready, 0, 0);
    write32(&t.m, PRDT, BUF);
    write32(&t.m, PRDT + 4, 0x8000 | 1u << 31);
    out32(&t.m, AT_BUS_MASTER + 4, PRDT);
    ide_packet(&t, read, 0, 1);
    move_tray(&t, true);
    cr_expect(put(&t, NULL));
    out8(&t.m, AT_BUS_MASTER + 2, 6);
    out8(&t.m, AT_BUS_MASTER, 9);
    cr_expect_eq(ide_status(&t), 0x41);
    cr_expect_eq(sense(&t), 0x023a02);
    out8(&t.m, AT_BUS_MASTER, 0);
    /* and where a smaller one took its place. */
    cr_expect(put(&t, "disk"));
    move_tray(&t, false);
    ide_packet(&t, ready, 0, 0);
    cr_expect_eq(ide_packet(&t, read, 2048, 0), 0x48);
    move_tray(&t, true);
    cr_expect(put(&t, NULL));
    char path[32];
    make_other(&t, path);
    cr_assert_eq(truncate(path, 2048 * 8), 0);
    cr_expect(put(&t, "other"));
    move_tray(&t, false);
    ide_read_data(&t, buf, 2048);
    cr_expect(ide_status(&t) == 0x41 || ide_status(&t) == 0x48);
    vt_free(&t);
    unlink(path);
}

Test(atapi, device_reset_ends_a_command_that_wants_data)
{
    static const uint8_t cdb[12] = {0x28, 0, 0, 0, 0, 0, 0, 0, 1};
    struct vt t;
    set_up(&t, "drive=disk");
    cr_expect_eq(ide_packet(&t, cdb, 2048, 0), 0x48);
    out8(&t.m, 0x1f7, ATA_CMD_DEVICE_RESET);
    cr_expect_eq(ide_status(&t), 0);
    cr_expect_eq(in8(&t.m, 0x1f5), 0xeb);
    vt_free(&t);
}

static void poke(struct vemu_machine *m)
{
    static const uint8_t cdb[12] = {0xbe, 0, 0, 0, 0, 30, 0, 0, 4, 0xf8};
    for (unsigned i = 0; i < 3000; i++)
        in32(m, 0x1f0);
    out8(m, 0x1f7, 0xa0);
    for (unsigned i = 0; i < 12; i += 2)
        out16(m, 0x1f0, load_le16(cdb + i));
    machine_lock(m);
    drive_drain_all(m);
    drive_resume_all(m);
    drive_drain_all(m);
    machine_unlock(m);
    for (unsigned i = 0; i < 600; i++)
        in32(m, 0x1f0);
}

Test(atapi, state_holds_a_packet_command_in_the_middle)
{
    static const uint8_t cdb[12] = {0x28, 0, 0, 0, 0, 21, 0, 0, 7};
    struct vt a, b;
    uint8_t buf[2048];
    at_machine(&a, &piix3_ide_class);
    at_machine(&b, &piix3_ide_class);
    struct device *cd = at_plug(&a, &ide_cd_class, "drive=disk");
    struct device *other = at_plug(&b, &ide_cd_class, "drive=disk");
    at_start(&a);
    at_start(&b);
    ide_packet(&a, cdb, 2048, 0); /* the unit attention */
    cr_expect_eq(ide_packet(&a, cdb, 2048, 0), 0x48);
    ide_read_data(&a, buf, 1000);
    assert_round_trip(cd, other);
    ide_read_data(&b, buf + 1000, 1048);
    expect_block(buf, 21);
    for (unsigned n = 1; n < 7; n++) {
        cr_assert_eq(ide_status(&b), 0x48);
        ide_read_data(&b, buf, 2048);
        expect_block(buf, 21 + n);
    }
    cr_expect_eq(ide_status(&b), 0x40);
    fuzz_state(cd, other, 2000, poke);
    vt_free(&a);
    vt_free(&b);
}
