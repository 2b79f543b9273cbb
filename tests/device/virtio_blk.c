/* virtio-blk over PCI, without a vCPU: identity, both interfaces, requests, hostile rings, errors.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "core/device/event.h"
#include "core/util/endian.h"
#include "hw/block/virtio_blk.h"
#include "hw/pci/host_x86.h"
#include "hw/virtio/virtio.h"
#include "tests/device/virtio_driver.h"

#define MIB (UINT64_C(1) << 20)
#define V1 VIRTIO_BIT(VIRTIO_F_VERSION_1)
#define INDIRECT VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define EVENT VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define FLUSH VIRTIO_BIT(9)
#define WCE VIRTIO_BIT(11)
#define DISCARD VIRTIO_BIT(13)
#define ZEROES VIRTIO_BIT(14)
enum { IN, OUT, T_FLUSH = 4, GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { HEADER = VT_BUFFERS, STATUS = VT_BUFFERS + 0x100, DATA = VT_BUFFERS + 0x1000 };

static void set_up(struct vt *t, const char *props)
{
    vt_machine(t, "raw", MIB);
    vt_plug(t, &virtio_blk_pci_class.device, props);
}

static void header(struct vt *t, uint32_t type, uint64_t sector)
{
    write32(&t->m, HEADER, type);
    write32(&t->m, HEADER + 4, 0);
    write64(&t->m, HEADER + 8, sector);
    write8(&t->m, STATUS, 0xee);
}

/* header, data, status as descriptors 0, 1, 2 of queue 0; not yet available */
static void chain(struct vt *t, uint32_t type, uint64_t sector, uint64_t data, uint32_t len)
{
    header(t, type, sector);
    vt_desc(t, 0, 0, HEADER, 16, VT_NEXT, len ? 1 : 2);
    vt_desc(t, 0, 1, data, len, (uint16_t)(VT_NEXT | (type & 1 ? 0 : VT_WRITE)), 2);
    vt_desc(t, 0, 2, STATUS, 1, VT_WRITE, 0);
}

static uint8_t request(struct vt *t, uint32_t type, uint64_t sector, uint64_t data, uint32_t len)
{
    uint16_t used = vt_used_index(t, 0);
    chain(t, type, sector, data, len);
    vt_avail(t, 0, 0);
    vt_kick(t, 0);
    vt_wait(t);
    cr_expect_eq(vt_used_index(t, 0), (uint16_t)(used + 1), "one element is used");
    return read8(&t->m, STATUS);
}

static void fill(struct vt *t, uint64_t at, uint32_t len, uint32_t seed)
{
    for (uint32_t i = 0; i < len; i += 4)
        write32(&t->m, at + i, seed + i * 2654435761u);
}
static void expect_filled(struct vt *t, uint64_t at, uint32_t len, uint32_t seed)
{
    for (uint32_t i = 0; i < len; i += 4)
        cr_assert_eq(read32(&t->m, at + i), seed + i * 2654435761u, "at %u", i);
}
static bool broken(struct vt *t)
{
    return read8(&t->m, VT_COMMON + 0x14) & VIRTIO_STATUS_NEEDS_RESET;
}

/* ---- identity -------------------------------------------------------------------------------- */

Test(virtio_blk, identity_is_the_one_that_drivers_know)
{
    static const struct {
        const struct device_class *cls;
        const char *props;
        uint32_t id, class_revision, subsystem;
    } kinds[] = {
        {&virtio_blk_pci_class.device, "drive=disk", 0x10011af4, 0x01000000, 0x00021af4},
        {&virtio_blk_pci_class.device, "drive=disk,disable-legacy=on", 0x10421af4, 0x01000001,
         0x11001af4},
        {&virtio_blk_pci_class.device, "drive=disk,disable-modern=on", 0x10011af4, 0x01000000,
         0x00021af4},
        {&virtio_blk_pci_transitional_class.device, "drive=disk", 0x10011af4, 0x01000000,
         0x00021af4},
        {&virtio_blk_pci_non_transitional_class.device, "drive=disk", 0x10421af4, 0x01000001,
         0x11001af4},
    };
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct vt t;
        vt_machine(&t, "raw", MIB);
        vt_plug(&t, kinds[i].cls, kinds[i].props);
        cr_expect_eq(vt_config_read(&t, 0), kinds[i].id, "kind %u", i);
        cr_expect_eq(vt_config_read(&t, 8), kinds[i].class_revision, "kind %u", i);
        cr_expect_eq(vt_config_read(&t, 0x2c), kinds[i].subsystem, "kind %u", i);
        vt_free(&t);
    }
}

Test(virtio_blk, capabilities_name_the_parts_of_bar_4)
{
    struct vt t;
    unsigned seen = 0;
    set_up(&t, "drive=disk");
    for (unsigned at = vt_config_read(&t, 0x34) & 0xff, n = 0; at && n < 16; n++) {
        uint32_t head = vt_config_read(&t, at);
        if ((head & 0xff) == 9) {
            unsigned type = head >> 24;
            seen |= 1u << type;
            if (type >= 1 && type <= 4) {
                static const uint32_t offsets[] = {0, 0, 0x3000, 0x1000, 0x2000};
                cr_expect_eq(vt_config_read(&t, at + 4) & 0xff, 4);
                cr_expect_eq(vt_config_read(&t, at + 8), offsets[type]);
                cr_expect_eq(vt_config_read(&t, at + 12), 0x1000);
            }
            if (type == 2)
                cr_expect_eq(vt_config_read(&t, at + 16), 4);
        }
        at = head >> 8 & 0xff;
    }
    cr_expect_eq(seen, 0x3e, "types 1 to 5");
    vt_free(&t);
}

Test(virtio_blk, registers_are_reached_through_configuration_space_too)
{
    struct vt t;
    unsigned at;
    set_up(&t, "drive=disk");
    for (at = vt_config_read(&t, 0x34) & 0xff; at; at = vt_config_read(&t, at) >> 8 & 0xff) {
        if ((vt_config_read(&t, at) & 0xff) == 9 && vt_config_read(&t, at) >> 24 == 5)
            break;
    }
    cr_assert(at);
    vt_config_write(&t, at + 4, 4);
    vt_config_write(&t, at + 8, 0x2000); /* the disk's capacity */
    vt_config_write(&t, at + 12, 4);
    cr_expect_eq(vt_config_read(&t, at + 16), MIB / 512);
    vt_config_write(&t, at + 8, 0x14); /* device status */
    vt_config_write(&t, at + 12, 1);
    vt_config_write(&t, at + 16, 1);
    cr_expect_eq(read8(&t.m, VT_COMMON + 0x14), 1);
    /* Nonsense is ignored. */
    static const uint32_t bad[][3] = {{4, 0x4000, 4}, {4, 0xfffffffc, 4}, {4, 0, 3}, {4, 1, 4},
                                      {1, 0, 4},      {0, 0, 4},          {4, 0, 0}, {7, 0, 1}};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        vt_config_write(&t, at + 4, bad[i][0]);
        vt_config_write(&t, at + 8, bad[i][1]);
        vt_config_write(&t, at + 12, bad[i][2]);
        vt_config_write(&t, at + 16, 0);
        vt_config_read(&t, at + 16);
        cr_expect_eq(read8(&t.m, VT_COMMON + 0x14), 1);
    }
    vt_free(&t);
}

Test(virtio_blk, configuration_space_describes_the_disk)
{
    struct vt t;
    set_up(&t, "drive=disk,num-queues=3,queue-size=64,logical_block_size=512,physical_block_size="
               "4096,min_io_size=4096,opt_io_size=65536");
    cr_expect_eq(read64(&t.m, VT_CONFIG), MIB / 512);
    cr_expect_eq(read32(&t.m, VT_CONFIG + 12), 62, "segments");
    cr_expect_eq(read32(&t.m, VT_CONFIG + 20), 512);
    cr_expect_eq(read8(&t.m, VT_CONFIG + 24), 3);
    cr_expect_eq(read16(&t.m, VT_CONFIG + 26), 8);
    cr_expect_eq(read32(&t.m, VT_CONFIG + 28), 128);
    cr_expect_eq(read8(&t.m, VT_CONFIG + 32), 1, "write cache");
    cr_expect_eq(read16(&t.m, VT_CONFIG + 34), 3);
    cr_expect_eq(read16(&t.m, VT_COMMON + 0x12), 3);
    cr_expect_eq(read32(&t.m, VT_CONFIG + 60), 0xffffffff, "beyond the end");
    vt_free(&t);
}

/* ---- negotiation ----------------------------------------------------------------------------- */

Test(virtio_blk, features_that_were_not_offered_are_refused)
{
    struct vt t;
    set_up(&t, "drive=disk,event_idx=off");
    uint64_t offered = vt_features(&t);
    cr_expect(offered & V1);
    cr_expect(offered & INDIRECT);
    cr_expect_not(offered & EVENT);
    cr_expect_not(offered & VIRTIO_BIT(27), "legacy bits are not shown to modern drivers");
    cr_expect_not(vt_start(&t, V1 | EVENT, 1, false));
    cr_expect_not(vt_start(&t, INDIRECT, 1, false), "without VERSION_1");
    cr_expect(vt_start(&t, V1 | INDIRECT, 1, false));
    /* Settled: a later write changes nothing. */
    write32(&t.m, VT_COMMON + 8, 0);
    write32(&t.m, VT_COMMON + 0xc, 0);
    cr_expect_eq(read32(&t.m, VT_COMMON + 0xc), (uint32_t)INDIRECT);
    vt_free(&t);
}

Test(virtio_blk, queue_sizes_and_vectors_are_checked)
{
    struct vt t;
    set_up(&t, "drive=disk,num-queues=1");
    write16(&t.m, VT_COMMON + 0x16, 0);
    cr_expect_eq(read16(&t.m, VT_COMMON + 0x18), 256);
    static const uint16_t bad[] = {0, 3, 255, 512, 0xffff};
    for (unsigned i = 0; i < 5; i++) {
        write16(&t.m, VT_COMMON + 0x18, bad[i]);
        cr_expect_eq(read16(&t.m, VT_COMMON + 0x18), 256);
    }
    write16(&t.m, VT_COMMON + 0x1a, 2);
    cr_expect_eq(read16(&t.m, VT_COMMON + 0x1a), 0xffff, "there are two vectors");
    write16(&t.m, VT_COMMON + 0x1a, 1);
    cr_expect_eq(read16(&t.m, VT_COMMON + 0x1a), 1);
    write16(&t.m, VT_COMMON + 0x16, 1);
    cr_expect_eq(read16(&t.m, VT_COMMON + 0x18), 0, "no such queue");
    write16(&t.m, VT_COMMON + 0x16, 0xffff);
    write16(&t.m, VT_COMMON + 0x1c, 1);
    vt_free(&t);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void write_and_read(const char *format)
{
    struct vt t;
    vt_machine(&t, format, 4 * MIB);
    vt_plug(&t, &virtio_blk_pci_class.device, "drive=disk");
    cr_assert(vt_start(&t, V1 | FLUSH | INDIRECT, 1, true));
    fill(&t, DATA, 65536, 7);
    cr_expect_eq(request(&t, OUT, 10, DATA, 65536), 0);
    cr_expect_eq(t.messages, 1);
    cr_expect_eq(t.last_data, 0x41);
    cr_expect_eq(read32(&t.m, VT_USED(0) + 4), 0, "the head");
    cr_expect_eq(read32(&t.m, VT_USED(0) + 8), 1, "a status byte was written");
    cr_expect_eq(request(&t, IN, 12, DATA + 0x20000, 512), 0);
    cr_expect_eq(read32(&t.m, VT_USED(0) + 16), 513);
    for (uint32_t i = 0; i < 512; i += 4)
        cr_assert_eq(read32(&t.m, DATA + 0x20000 + i), 7 + (1024 + i) * 2654435761u);
    cr_expect_eq(request(&t, T_FLUSH, 0, 0, 0), 0);
    cr_expect_eq(t.messages, 3);
    vt_free(&t);
}
Test(virtio_blk, what_was_written_is_read_raw)
{
    write_and_read("raw");
}
Test(virtio_blk, what_was_written_is_read_qcow2)
{
    write_and_read("qcow2");
}

Test(virtio_blk, any_layout_of_buffers_will_do)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1, 1, true));
    /* Header in three pieces, the last together with data; an empty buffer between. */
    header(&t, OUT, 4);
    fill(&t, DATA, 1024, 3);
    for (unsigned i = 0; i < 8; i++)
        write8(&t.m, DATA - 8 + i, read8(&t.m, HEADER + 8 + i));
    vt_desc(&t, 0, 0, HEADER, 3, VT_NEXT, 5);
    vt_desc(&t, 0, 5, HEADER + 3, 5, VT_NEXT, 1);
    vt_desc(&t, 0, 1, 0x12345678, 0, VT_NEXT, 6);
    vt_desc(&t, 0, 6, DATA - 8, 8 + 1000, VT_NEXT, 7);
    vt_desc(&t, 0, 7, DATA + 1000, 24, VT_NEXT, 2);
    vt_desc(&t, 0, 2, STATUS, 1, VT_WRITE, 0);
    vt_avail(&t, 0, 0);
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect_eq(read8(&t.m, STATUS), 0);
    /* Data and status in one buffer. */
    header(&t, IN, 4);
    vt_desc(&t, 0, 0, HEADER, 16, VT_NEXT, 1);
    vt_desc(&t, 0, 1, DATA + 0x8000, 1025, VT_WRITE, 0);
    write8(&t.m, DATA + 0x8000 + 1024, 0xee);
    vt_avail(&t, 0, 0);
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect_eq(read8(&t.m, DATA + 0x8000 + 1024), 0);
    expect_filled(&t, DATA + 0x8000, 1024, 3);
    vt_free(&t);
}

Test(virtio_blk, indirect_descriptors_are_followed)
{
    struct vt t;
    uint64_t table = VT_BUFFERS + 0x200;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1 | INDIRECT, 1, true));
    fill(&t, DATA, 2048, 11);
    header(&t, OUT, 0);
    for (unsigned i = 0; i < 6; i++) {
        uint64_t addr = i == 0   ? (uint64_t)HEADER
                        : i == 5 ? (uint64_t)STATUS
                                 : DATA + 512 * (i - 1);
        write64(&t.m, table + 16 * i, addr);
        write32(&t.m, table + 16 * i + 8, i == 0 ? 16 : i == 5 ? 1 : 512);
        write16(&t.m, table + 16 * i + 12, i == 5 ? VT_WRITE : VT_NEXT);
        write16(&t.m, table + 16 * i + 14, (uint16_t)(i + 1));
    }
    vt_desc(&t, 0, 9, table, 6 * 16, VT_INDIRECT, 0);
    vt_avail(&t, 0, 9);
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect_eq(read8(&t.m, STATUS), 0);
    cr_expect_eq(read32(&t.m, VT_USED(0) + 4), 9);
    cr_expect_eq(request(&t, IN, 0, DATA + 0x8000, 2048), 0);
    expect_filled(&t, DATA + 0x8000, 2048, 11);
    vt_free(&t);
}

Test(virtio_blk, what_the_disk_does_not_have_is_an_error)
{
    struct vt t;
    set_up(&t, "drive=disk,logical_block_size=1024,physical_block_size=4096");
    cr_assert(vt_start(&t, V1 | DISCARD | ZEROES, 1, true));
    cr_expect_eq(request(&t, IN, MIB / 512, DATA, 1024), 1);
    cr_expect_eq(request(&t, IN, MIB / 512 - 2, DATA, 2048), 1);
    cr_expect_eq(request(&t, IN, UINT64_MAX, DATA, 1024), 1);
    cr_expect_eq(request(&t, OUT, UINT64_MAX / 512 + 1, DATA, 1024), 1);
    cr_expect_eq(request(&t, IN, 0, DATA, 1000), 1, "not whole blocks");
    cr_expect_eq(request(&t, IN, 1, DATA, 1024), 1, "between blocks");
    cr_expect_eq(request(&t, IN, MIB / 512 - 2, DATA, 1024), 0);
    cr_expect_eq(request(&t, 2, 0, DATA, 1024), 2, "an unknown type");
    cr_expect_eq(request(&t, 0x7ffffffe, 0, 0, 0), 2);
    /* Ranges: sector, count, flags. */
    static const struct {
        uint32_t type, sector, count, flags, len;
        uint8_t status;
    } ranges[] = {
        {T_DISCARD, 0, 16, 0, 16, 0},   {T_DISCARD, 0, 16, 1, 16, 2},
        {T_DISCARD, 2047, 2, 0, 16, 1}, {T_DISCARD, 0, 0xffffffff, 0, 16, 1},
        {T_DISCARD, 0, 16, 0, 15, 2},   {T_DISCARD, 0, 16, 0, 32, 2},
        {T_ZEROES, 0, 16, 1, 16, 0},    {T_ZEROES, 0, 16, 2, 16, 2},
        {T_ZEROES, 2046, 4, 0, 16, 1},
    };
    for (unsigned i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        write64(&t.m, DATA, ranges[i].sector);
        write32(&t.m, DATA + 8, ranges[i].count);
        write32(&t.m, DATA + 12, ranges[i].flags);
        cr_expect_eq(request(&t, ranges[i].type, 0, DATA, ranges[i].len), ranges[i].status,
                     "range %u", i);
    }
    cr_expect_not(broken(&t));
    vt_free(&t);
}

Test(virtio_blk, zeros_are_written_and_ids_told)
{
    struct vt t;
    set_up(&t, "drive=disk,serial=abcdefghij0123456789");
    cr_assert(vt_start(&t, V1 | ZEROES, 1, true));
    fill(&t, DATA, 4096, 5);
    cr_expect_eq(request(&t, OUT, 0, DATA, 4096), 0);
    write64(&t.m, DATA + 0x8000, 1);
    write32(&t.m, DATA + 0x8008, 2);
    write32(&t.m, DATA + 0x800c, 0);
    cr_expect_eq(request(&t, T_ZEROES, 0, DATA + 0x8000, 16), 0);
    cr_expect_eq(request(&t, IN, 0, DATA + 0x10000, 4096), 0);
    expect_filled(&t, DATA + 0x10000, 512, 5);
    for (unsigned i = 512; i < 1536; i += 4)
        cr_assert_eq(read32(&t.m, DATA + 0x10000 + i), 0);
    cr_expect_eq(read32(&t.m, DATA + 0x10000 + 1536), 5 + 1536 * 2654435761u);
    cr_expect_eq(request(&t, GET_ID, 0, DATA, 20), 0);
    cr_expect_eq(read32(&t.m, DATA), 0x64636261);
    cr_expect_eq(read32(&t.m, DATA + 16), 0x39383736);
    cr_expect_eq(request(&t, T_DISCARD, 0, DATA, 16), 2, "discard was not taken");
    vt_free(&t);
}

Test(virtio_blk, queues_are_served_independently)
{
    struct vt t;
    set_up(&t, "drive=disk,num-queues=2");
    cr_assert(vt_start(&t, V1 | VIRTIO_BIT(12), 2, true));
    header(&t, IN, 0);
    for (unsigned q = 0; q < 2; q++) {
        vt_desc(&t, q, 0, HEADER, 16, VT_NEXT, 1);
        vt_desc(&t, q, 1, DATA + 0x1000 * q, 512, VT_NEXT | VT_WRITE, 2);
        vt_desc(&t, q, 2, STATUS + q, 1, VT_WRITE, 0);
        vt_avail(&t, q, 0);
    }
    vt_kick(&t, 1);
    vt_wait(&t);
    cr_expect_eq(vt_used_index(&t, 0), 0);
    cr_expect_eq(vt_used_index(&t, 1), 1);
    cr_expect_eq(t.last_data, 0x42);
    vt_kick(&t, 7); /* there is no such queue */
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect_eq(vt_used_index(&t, 0), 1);
    cr_expect_eq(t.last_data, 0x41);
    vt_free(&t);
}

Test(virtio_blk, many_requests_at_once_all_come_back)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1, 1, true));
    header(&t, IN, 0);
    for (unsigned round = 0; round < 100; round++) {
        for (uint16_t i = 0; i < 5; i++) {
            vt_desc(&t, 0, 3 * i, HEADER, 16, VT_NEXT, (uint16_t)(3 * i + 1));
            vt_desc(&t, 0, 3 * i + 1u, DATA + 0x1000 * i, 4096, VT_NEXT | VT_WRITE,
                    (uint16_t)(3 * i + 2));
            vt_desc(&t, 0, 3 * i + 2u, STATUS + i, 1, VT_WRITE, 0);
            vt_avail(&t, 0, (uint16_t)(3 * i));
        }
        vt_kick(&t, 0);
        vt_wait(&t);
        cr_assert_eq(vt_used_index(&t, 0), 5 * (round + 1));
    }
    cr_expect_leq(t.messages, 500);
    cr_expect_not(broken(&t));
    vt_free(&t);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

Test(virtio_blk, without_msix_intx_stays_up_until_the_status_is_read)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1, 1, false));
    cr_expect_eq(request(&t, IN, 0, DATA, 512), 0);
    cr_expect_eq(t.messages, 0);
    cr_expect_eq(t.isa[11].level, 1, "slot 4, INTA: PIRQD");
    cr_expect_eq(read8(&t.m, VT_ISR), 1);
    cr_expect_eq(t.isa[11].level, 0);
    cr_expect_eq(read8(&t.m, VT_ISR), 0);
    vt_free(&t);
}

Test(virtio_blk, the_event_index_says_when_to_interrupt)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1 | EVENT, 1, true));
    request(&t, IN, 0, DATA, 512);
    cr_expect_eq(t.messages, 1, "the first time");
    write16(&t.m, VT_AVAIL(0) + 4 + 2 * VT_QUEUE_SIZE, 3); /* used_event */
    request(&t, IN, 0, DATA, 512);
    request(&t, IN, 0, DATA, 512);
    cr_expect_eq(t.messages, 1);
    request(&t, IN, 0, DATA, 512);
    cr_expect_eq(t.messages, 2, "the used index went past the event");
    cr_expect_eq(read16(&t.m, VT_USED(0) + 4 + 8 * VT_QUEUE_SIZE), 4, "avail_event");
    vt_free(&t);
}

Test(virtio_blk, without_the_event_index_the_flag_decides)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1, 1, true));
    write16(&t.m, VT_AVAIL(0), 1);
    request(&t, IN, 0, DATA, 512);
    cr_expect_eq(t.messages, 0);
    write16(&t.m, VT_AVAIL(0), 0);
    request(&t, IN, 0, DATA, 512);
    cr_expect_eq(t.messages, 1);
    cr_expect_eq(read16(&t.m, VT_USED(0)), 0, "notifications are wanted again");
    vt_free(&t);
}

/* ---- legacy ---------------------------------------------------------------------------------- */

static void legacy_request(struct vt *t, unsigned n)
{
    /* Queue of 256 entries at page 0x200: available ring at 0x201000, used ring at 0x202000. */
    enum { RING = 0x200000, AVAIL = 0x201000, USED = 0x202000 };
    header(t, IN, 0);
    for (unsigned i = 0; i < 3; i++) {
        static const uint32_t addr[] = {HEADER, DATA, STATUS}, len[] = {16, 512, 1},
                              flags[] = {VT_NEXT, VT_NEXT | VT_WRITE, VT_WRITE};
        write64(&t->m, RING + 16 * i, addr[i]);
        write32(&t->m, RING + 16 * i + 8, len[i]);
        write16(&t->m, RING + 16 * i + 12, (uint16_t)flags[i]);
        write16(&t->m, RING + 16 * i + 14, (uint16_t)(i + 1));
    }
    write16(&t->m, AVAIL + 4 + 2 * n, 0);
    write16(&t->m, AVAIL + 2, (uint16_t)(n + 1));
    out16(&t->m, VT_LEGACY + 16, 0);
    vt_wait(t);
    cr_expect_eq(read16(&t->m, USED + 2), n + 1);
    cr_expect_eq(read8(&t->m, STATUS), 0);
}

Test(virtio_blk, the_legacy_interface_works)
{
    struct vt t;
    set_up(&t, "drive=disk,num-queues=1");
    vt_config_write(&t, PCI_COMMAND, PCI_COMMAND_IO);
    cr_expect(in32(&t.m, VT_LEGACY) & 1u << 27, "any layout");
    out8(&t.m, VT_LEGACY + 18, 3);
    out32(&t.m, VT_LEGACY + 4, 0);
    cr_expect_eq(in16(&t.m, VT_LEGACY + 12), 256);
    out16(&t.m, VT_LEGACY + 14, 0);
    cr_expect_eq(in32(&t.m, VT_LEGACY + 8), 0);
    out32(&t.m, VT_LEGACY + 8, 0x200);
    cr_expect_eq(in32(&t.m, VT_LEGACY + 8), 0x200);
    out8(&t.m, VT_LEGACY + 18, 7);
    cr_expect(vt_config_read(&t, PCI_COMMAND) & PCI_COMMAND_MASTER, "switched on for old drivers");
    vt_config_write(&t, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    legacy_request(&t, 0);
    cr_expect_eq(t.isa[11].level, 1);
    cr_expect_eq(in8(&t.m, VT_LEGACY + 19), 1);
    cr_expect_eq(t.isa[11].level, 0);
    cr_expect_eq(in32(&t.m, VT_LEGACY + 20), MIB / 512);
    vt_config_write(&t, t.pci->msix_cap, 1u << 31);
    cr_expect_eq(in32(&t.m, VT_LEGACY + 24), MIB / 512, "behind the vectors");
    out16(&t.m, VT_LEGACY + 22, 1);
    cr_expect_eq(in16(&t.m, VT_LEGACY + 22), 1);
    legacy_request(&t, 1);
    cr_expect_eq(t.messages, 1);
    out32(&t.m, VT_LEGACY + 8, 0);
    cr_expect_eq(in8(&t.m, VT_LEGACY + 18), 0, "queue address 0 resets");
    vt_free(&t);
}

/* ---- hostile drivers ------------------------------------------------------------------------- */

/* Puts one available descriptor chain that breaks a rule; the device stops, and works again after
 * the reset. */
static void expect_break(struct vt *t, const char *what)
{
    unsigned messages = t->messages;
    vt_kick(t, 0);
    vt_wait(t);
    cr_expect(broken(t), "%s", what);
    cr_expect_gt(t->messages, messages, "%s: the driver is told", what);
    cr_expect_eq(vt_used_index(t, 0), 0, "%s", what);
    vt_kick(t, 0);
    write8(&t->m, VT_COMMON + 0x14, 15);
    cr_expect(broken(t), "%s: until the reset", what);
    cr_assert(vt_start(t, V1 | INDIRECT | EVENT, 1, true), "%s", what);
    cr_expect_eq(request(t, IN, 0, DATA, 512), 0, "%s: usable again", what);
    cr_assert(vt_start(t, V1 | INDIRECT | EVENT, 1, true));
}

Test(virtio_blk, broken_rings_break_the_device_and_nothing_else)
{
    struct vt t;
    uint64_t table = VT_BUFFERS + 0x200;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1 | INDIRECT | EVENT, 1, true));

    chain(&t, IN, 0, DATA, 512);
    vt_desc(&t, 0, 1, DATA, 512, VT_NEXT | VT_WRITE, 1);
    vt_avail(&t, 0, 0);
    expect_break(&t, "a descriptor that follows itself");

    chain(&t, IN, 0, DATA, 512);
    vt_desc(&t, 0, 2, STATUS, 1, VT_WRITE | VT_NEXT, 1);
    vt_avail(&t, 0, 0);
    expect_break(&t, "a loop of two");

    vt_avail(&t, 0, VT_QUEUE_SIZE);
    expect_break(&t, "a head out of range");

    chain(&t, IN, 0, DATA, 512);
    vt_desc(&t, 0, 1, DATA, 512, VT_NEXT | VT_WRITE, 0xffff);
    vt_avail(&t, 0, 0);
    expect_break(&t, "a next descriptor out of range");

    write16(&t.m, VT_AVAIL(0) + 2, VT_QUEUE_SIZE + 1);
    expect_break(&t, "an index that moved too far");

    chain(&t, IN, 0, DATA, 512);
    vt_desc(&t, 0, 0, STATUS, 1, VT_NEXT | VT_WRITE, 1);
    vt_desc(&t, 0, 1, HEADER, 16, 0, 0);
    vt_avail(&t, 0, 0);
    expect_break(&t, "to read after to write");

    chain(&t, IN, 0, DATA, 512);
    vt_desc(&t, 0, 0, HEADER, 15, VT_NEXT, 2);
    vt_avail(&t, 0, 0);
    expect_break(&t, "a short header");

    vt_desc(&t, 0, 0, HEADER, 16, 0, 0);
    vt_avail(&t, 0, 0);
    expect_break(&t, "no place for the status");

    vt_desc(&t, 0, 0, HEADER, 0, 0, 0);
    vt_avail(&t, 0, 0);
    expect_break(&t, "nothing but an empty buffer");

    static const uint32_t lengths[] = {0, 15, 17, 0x4010, 0xfffffff0};
    for (unsigned i = 0; i < 5; i++) {
        vt_desc(&t, 0, 0, table, lengths[i], VT_INDIRECT, 0);
        vt_avail(&t, 0, 0);
        expect_break(&t, "an indirect table of a bad length");
    }
    vt_desc(&t, 0, 0, UINT64_C(0xffffffffffffff00), 16, VT_INDIRECT, 0);
    vt_avail(&t, 0, 0);
    expect_break(&t, "an indirect table that is nowhere");

    write64(&t.m, table, table);
    write32(&t.m, table + 8, 16);
    write16(&t.m, table + 12, VT_INDIRECT);
    vt_desc(&t, 0, 0, table, 16, VT_INDIRECT, 0);
    vt_avail(&t, 0, 0);
    expect_break(&t, "an indirect table in an indirect table");

    write64(&t.m, table, HEADER);
    write16(&t.m, table + 12, VT_NEXT);
    write16(&t.m, table + 14, 0);
    vt_desc(&t, 0, 0, table, 16, VT_INDIRECT, 0);
    vt_avail(&t, 0, 0);
    expect_break(&t, "a loop in an indirect table");

    vt_desc(&t, 0, 0, table, 16, VT_INDIRECT | VT_NEXT, 1);
    vt_avail(&t, 0, 0);
    expect_break(&t, "an indirect descriptor with a next one");
    vt_free(&t);
}

Test(virtio_blk, indirect_descriptors_that_were_not_agreed_on_break_the_device)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1, 1, true));
    vt_desc(&t, 0, 0, VT_BUFFERS, 16, VT_INDIRECT, 0);
    vt_avail(&t, 0, 0);
    vt_kick(&t, 0);
    cr_expect(broken(&t));
    vt_free(&t);
}

Test(virtio_blk, heads_that_are_given_again_and_again_end_somewhere)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1, 1, true));
    chain(&t, IN, 0, DATA, 512);
    for (unsigned i = 0; i < 1000; i++)
        vt_avail(&t, 0, 0);
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect(broken(&t), "the index is too far ahead");
    vt_free(&t);
}

Test(virtio_blk, dma_to_the_own_registers_is_refused)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1 | INDIRECT, 1, true));
    /* Data to the doorbell, the status register and the MSI-X table. */
    cr_expect_eq(request(&t, IN, 0, VT_NOTIFY, 512), 0);
    cr_expect_eq(request(&t, IN, 0, VT_COMMON, 512), 0);
    cr_expect_eq(read8(&t.m, VT_COMMON + 0x14), 15, "no reset by DMA");
    cr_expect_eq(request(&t, IN, 0, VT_MSIX, 512), 0);
    cr_expect_eq(read32(&t.m, VT_MSIX + 8), 0x40);
    cr_expect_eq(request(&t, OUT, 0, VT_COMMON, 512), 1, "nothing there to be read");
    /* The header, the status byte, the rings themselves. */
    chain(&t, IN, 0, DATA, 512);
    vt_desc(&t, 0, 2, VT_COMMON + 0x14, 1, VT_WRITE, 0);
    vt_avail(&t, 0, 0);
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect_eq(read8(&t.m, VT_COMMON + 0x14), 15);
    chain(&t, IN, 0, DATA, 512);
    vt_desc(&t, 0, 0, VT_COMMON, 16, VT_NEXT, 1);
    vt_avail(&t, 0, 0);
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect(broken(&t), "a header that cannot be read");
    write8(&t.m, VT_COMMON + 0x14, 0);
    for (unsigned part = 0; part < 3; part++) {
        cr_assert(vt_start(&t, V1, 0, true));
        for (unsigned i = 0; i < 3; i++)
            write32(&t.m, VT_COMMON + 0x20 + 8 * i,
                    i == part ? (uint32_t)VT_COMMON : VT_DESC(0) + 0x1000 * i);
        write16(&t.m, VT_COMMON + 0x18, VT_QUEUE_SIZE);
        write16(&t.m, VT_COMMON + 0x1c, 1);
        t.avail[0] = 0;
        chain(&t, IN, 0, DATA, 512);
        vt_avail(&t, 0, 0);
        vt_kick(&t, 0);
        vt_wait(&t);
        cr_expect_eq(read8(&t.m, VT_COMMON + 0x14) & 15, 15);
        write8(&t.m, VT_COMMON + 0x14, 0);
    }
    vt_free(&t);
}

Test(virtio_blk, buffers_may_overlap_and_be_nowhere)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1, 1, true));
    header(&t, IN, 0);
    vt_desc(&t, 0, 0, HEADER, 16, VT_NEXT, 1);
    vt_desc(&t, 0, 1, DATA, 1024, VT_NEXT | VT_WRITE, 2);
    vt_desc(&t, 0, 2, DATA + 512, 1024, VT_NEXT | VT_WRITE, 3);
    vt_desc(&t, 0, 3, STATUS, 1, VT_WRITE, 0);
    vt_avail(&t, 0, 0);
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect_eq(read8(&t.m, STATUS), 0);
    cr_expect_eq(request(&t, IN, 0, VT_RAM - 256, 512), 0, "half of it is not memory");
    cr_expect_eq(request(&t, OUT, 0, VT_RAM - 256, 512), 1);
    cr_expect_eq(request(&t, IN, 0, UINT64_C(0xffffffffffffff00), 512), 0);
    cr_expect_eq(request(&t, OUT, 0, UINT64_C(0xffffffffffffff00), 512), 1);
    cr_expect_eq(request(&t, IN, 0, 0x400000, 1 << 20), 0, "a MiB of nothing");
    cr_expect_not(broken(&t));
    vt_free(&t);
}

Test(virtio_blk, nothing_happens_while_bus_mastering_is_off)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1, 1, true));
    chain(&t, IN, 0, DATA, 512);
    vt_avail(&t, 0, 0);
    vt_config_write(&t, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect_eq(vt_used_index(&t, 0), 0);
    cr_expect_eq(read8(&t.m, STATUS), 0xee);
    cr_expect_not(broken(&t));
    vt_config_write(&t, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect_eq(vt_used_index(&t, 0), 1);
    vt_free(&t);
}

Test(virtio_blk, a_reset_waits_for_what_is_under_way_and_leaves_memory_alone)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1, 1, true));
    chain(&t, IN, 0, DATA, 512);
    vt_avail(&t, 0, 0);
    for (unsigned i = 0; i < 50; i++) {
        vt_kick(&t, 0);
        write8(&t.m, VT_COMMON + 0x14, 0);
        cr_expect_eq(read8(&t.m, VT_COMMON + 0x14), 0);
        write8(&t.m, DATA, 0x5a);
        write8(&t.m, STATUS, 0x5a);
        vt_wait(&t);
        cr_expect_eq(read8(&t.m, DATA), 0x5a);
        cr_expect_eq(read8(&t.m, STATUS), 0x5a);
        cr_assert(vt_start(&t, V1, 1, true));
        chain(&t, IN, 0, DATA, 512);
        vt_avail(&t, 0, 0);
    }
    vt_free(&t);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static const char *item_text(const struct machine_event *e, const char *key)
{
    for (unsigned i = 0; i < e->count; i++) {
        if (strcmp(e->items[i].key, key) == 0)
            return e->items[i].text;
    }
    return "";
}

static void expect_io_error(struct vemu_machine *m, const char *action)
{
    struct machine_event *e = machine_take_event(m);
    cr_assert_not_null(e);
    cr_expect_str_eq(e->name, "BLOCK_IO_ERROR");
    cr_expect_str_eq(item_text(e, "device"), "disk");
    cr_expect_str_eq(item_text(e, "operation"), "write");
    cr_expect_str_eq(item_text(e, "action"), action);
    machine_event_free(e);
}

Test(virtio_blk, a_new_size_is_told_to_the_driver)
{
    struct vt t;
    struct vemu_error *err = NULL;
    set_up(&t, "drive=disk");
    struct drive *d = drive_find(&t.m, "disk");
    cr_assert(vt_start(&t, V1, 1, true));
    uint32_t generation = read8(&t.m, VT_COMMON + 0x15);
    cr_expect_eq(read64(&t.m, VT_CONFIG), MIB / 512);
    machine_lock(&t.m);
    cr_assert(drive_resize(d, 3 * MIB, &err));
    machine_unlock(&t.m);
    cr_expect_eq(read64(&t.m, VT_CONFIG), 3 * MIB / 512);
    cr_expect_neq(read8(&t.m, VT_COMMON + 0x15), generation, "the generation says so");
    fill(&t, DATA, 512, 5);
    cr_expect_eq(request(&t, OUT, 3 * MIB / 512 - 1, DATA, 512), 0);
    machine_lock(&t.m);
    cr_assert(drive_resize(d, MIB, &err));
    machine_unlock(&t.m);
    cr_expect_eq(request(&t, OUT, 3 * MIB / 512 - 1, DATA, 512), 1, "it is gone");
    cr_expect_eq(request(&t, OUT, 0, DATA, 512), 0);
    vt_free(&t);
}

Test(virtio_blk, events_that_nobody_takes_are_bounded)
{
    struct vemu_machine m;
    struct machine_event *e;
    unsigned n = 0;
    test_machine_init(&m);
    for (int i = 0; i < EVENTS_MAX + 10; i++) {
        const struct event_item items[] = {EVENT_NUMBER("n", i), EVENT_TEXT("nothing", NULL)};
        machine_event(&m, "TEST", items, 2);
    }
    while ((e = machine_take_event(&m))) {
        cr_assert_eq(e->count, 1);
        cr_assert_eq(e->items[0].number, n++);
        machine_event_free(e);
    }
    cr_expect_eq(n, EVENTS_MAX);
    machine_event(&m, "LEFT", NULL, 0);
    machine_destroy(&m);
}

Test(virtio_blk, a_failed_write_is_reported_ignored_or_repeated_later)
{
    struct vt t;
    vt_machine(&t, "raw", 4 * MIB);
    vt_plug(&t, &virtio_blk_pci_class.device, "drive=disk,werror=report");
    cr_assert(vt_start(&t, V1, 1, true));
    fill(&t, DATA, 512, 9);
    vt_limit_file_size(MIB);
    cr_expect_eq(request(&t, OUT, 4096, DATA, 512), 1);
    expect_io_error(&t.m, "report");
    cr_expect_eq(request(&t, OUT, 0, DATA, 512), 0);
    cr_expect_not(machine_has_event(&t.m));
    const struct vemu_block_stats *s = vemu_block_stats(drive_find(&t.m, "disk")->block);
    cr_expect_eq(s->failed_wr_operations, 1);
    cr_expect_eq(s->wr_operations, 1);
    cr_expect_eq(s->wr_bytes, 512);
    cr_expect_eq(s->wr_highest_offset, 512);
    cr_expect_eq(request(&t, IN, 8, DATA, 1024), 0);
    cr_expect_eq(s->rd_bytes, 1024);
    vt_free(&t);

    vt_limit_file_size(RLIM_INFINITY);
    vt_machine(&t, "raw", 4 * MIB);
    vt_plug(&t, &virtio_blk_pci_class.device, "drive=disk,werror=ignore");
    cr_assert(vt_start(&t, V1, 1, true));
    vt_limit_file_size(MIB);
    cr_expect_eq(request(&t, OUT, 4096, DATA, 512), 0);
    vt_free(&t);

    vt_limit_file_size(RLIM_INFINITY);
    vt_machine(&t, "raw", 4 * MIB);
    vt_plug(&t, &virtio_blk_pci_class.device, "drive=disk,werror=stop");
    cr_assert(vt_start(&t, V1, 1, true));
    fill(&t, DATA, 512, 9);
    vt_limit_file_size(MIB);
    chain(&t, OUT, 4096, DATA, 512);
    vt_avail(&t, 0, 0);
    vt_kick(&t, 0);
    vt_wait(&t);
    cr_expect_eq(read8(&t.m, STATUS), 0xee, "not answered");
    cr_expect_eq(vt_used_index(&t, 0), 0);
    cr_expect(machine_take_requests(&t.m) & 1u << MACHINE_REQUEST_PAUSE);
    expect_io_error(&t.m, "stop");
    cr_expect_eq(drive_find(&t.m, "disk")->status, DRIVE_FAILED);
    /* A second try fails as well. */
    vt_resume(&t);
    cr_expect_eq(vt_used_index(&t, 0), 0);
    vt_limit_file_size(RLIM_INFINITY);
    vt_resume(&t);
    cr_expect_eq(vt_used_index(&t, 0), 1);
    cr_expect_eq(drive_find(&t.m, "disk")->status, DRIVE_FINE);
    cr_expect_eq(read8(&t.m, STATUS), 0);
    cr_expect_eq(request(&t, IN, 4096, DATA + 0x8000, 512), 0);
    expect_filled(&t, DATA + 0x8000, 512, 9);
    vt_free(&t);
}

Test(virtio_blk, the_write_cache_follows_what_the_driver_takes)
{
    struct vt t;
    set_up(&t, "drive=disk");
    cr_assert(vt_start(&t, V1, 1, true));
    cr_expect_eq(read8(&t.m, VT_CONFIG + 32), 0, "a driver that does not flush");
    cr_assert(vt_start(&t, V1 | FLUSH, 1, true));
    cr_expect_eq(read8(&t.m, VT_CONFIG + 32), 1);
    write8(&t.m, VT_CONFIG + 32, 0);
    cr_expect_eq(read8(&t.m, VT_CONFIG + 32), 1, "not its to change");
    cr_assert(vt_start(&t, V1 | FLUSH | WCE, 1, true));
    write8(&t.m, VT_CONFIG + 32, 0);
    cr_expect_eq(read8(&t.m, VT_CONFIG + 32), 0);
    cr_expect_eq(request(&t, OUT, 0, DATA, 512), 0, "written through");
    vt_free(&t);
}

/* ---- configuration --------------------------------------------------------------------------- */

Test(virtio_blk, properties_that_cannot_be_are_one_sentence)
{
    static const char *const bad[][3] = {
        {"queue-size", "100", "power of two"},
        {"num-queues", "65", "from 1 to 64"},
        {"num-queues", "0", "from 1 to 64"},
        {"physical_block_size", "1000", "powers of two"},
        {"min_io_size", "100", "multiples"},
        {"serial", "012345678901234567890", "longer than 20"},
        {"vectors", "1000", "up to 128"},
    };
    struct vt t;
    vt_machine(&t, "raw", MIB);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct vemu_error *err = NULL;
        machine_lock(&t.m);
        struct device *dev = made(device_new(&t.m, &virtio_blk_pci_class.device, NULL, &err), err);
        ((struct pci_device *)dev)->bus = pci_host_bus(t.host);
        cr_assert(device_set_prop(dev, "drive", "disk", &err));
        cr_assert(device_set_prop(dev, bad[i][0], bad[i][1], &err), "%s",
                  err ? vemu_error_message(err) : "");
        cr_expect_not(device_realize(dev, &err), "%s=%s", bad[i][0], bad[i][1]);
        cr_expect(err && strstr(vemu_error_message(err), bad[i][2]), "%s",
                  err ? vemu_error_message(err) : "");
        vemu_error_free(err);
        device_free(dev);
        machine_unlock(&t.m);
    }
    struct vemu_error *err = NULL;
    machine_lock(&t.m);
    struct device *dev = made(device_new(&t.m, &virtio_blk_pci_class.device, NULL, &err), err);
    cr_expect_not(device_set_prop(dev, "drive", "disk1", &err));
    cr_expect(err && strstr(vemu_error_message(err), "-drive"));
    vemu_error_free(err);
    err = NULL;
    cr_expect_not(device_realize(dev, &err));
    cr_expect(err && strstr(vemu_error_message(err), "'drive' is missing"));
    vemu_error_free(err);
    device_free(dev);
    machine_unlock(&t.m);
    vt_plug(&t, &virtio_blk_pci_class.device, "drive=disk");
    err = NULL;
    machine_lock(&t.m);
    dev = made(device_new(&t.m, &virtio_blk_pci_class.device, NULL, &err), err);
    ((struct pci_device *)dev)->bus = pci_host_bus(t.host);
    cr_assert(device_set_prop(dev, "drive", "disk", &err));
    cr_expect_not(device_realize(dev, &err), "a drive has one device");
    vemu_error_free(err);
    device_free(dev);
    machine_unlock(&t.m);
    vt_free(&t);
}

/* ---- state ----------------------------------------------------------------------------------- */

static void poke(struct vemu_machine *m)
{
    for (unsigned q = 0; q < 4; q++)
        write16(m, VT_NOTIFY + 4 * q, (uint16_t)q);
    out16(m, VT_LEGACY + 16, 0);
    machine_lock(m);
    drive_resume_all(m);
    drive_drain_all(m);
    machine_unlock(m);
    for (unsigned at = 0; at < 0x40; at += 4)
        write32(m, VT_COMMON + at, ~read32(m, VT_COMMON + at));
}

Test(virtio_blk, state_survives_a_round_trip_and_damage)
{
    struct vt f, g;
    set_up(&f, "drive=disk,num-queues=2");
    set_up(&g, "drive=disk,num-queues=2");
    cr_assert(vt_start(&f, V1 | FLUSH | EVENT | INDIRECT, 2, true));
    cr_expect_eq(request(&f, OUT, 0, DATA, 512), 0);
    chain(&f, IN, 0, DATA, 512);
    vt_avail(&f, 0, 0);
    write16(&f.m, VT_AVAIL(0) + 4 + 2 * VT_QUEUE_SIZE, 1); /* interrupt after the next one */
    assert_round_trip(f.dev, g.dev);
    /* Memory comes with the machine. */
    for (unsigned at = 0x10000; at < VT_BUFFERS + 0x2000; at += 8)
        write64(&g.m, at, read64(&f.m, at));
    vt_kick(&g, 0);
    vt_wait(&g);
    cr_expect_eq(vt_used_index(&g, 0), 2);
    cr_expect_eq(read8(&g.m, STATUS), 0);
    cr_expect_eq(g.last_data, 0x41);
    fuzz_state(f.dev, g.dev, 500, poke);
    vt_free(&f);
    vt_free(&g);
}
