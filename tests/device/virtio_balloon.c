/* virtio-balloon without a vCPU: pages that go back to the host, statistics, hostile drivers. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "core/device/event.h"
#include "core/util/range.h"
#include "hw/pci/host_x86.h"
#include "hw/virtio/virtio_balloon.h"
#include "tests/device/virtio_driver.h"

#define V1 VIRTIO_BIT(VIRTIO_F_VERSION_1)
#define STATS VIRTIO_BIT(1)
#define OOM VIRTIO_BIT(2)
#define POISON VIRTIO_BIT(4)
#define REPORTING VIRTIO_BIT(5)
enum { INFLATE, DEFLATE, STATS_QUEUE };
enum { LIST = VT_BUFFERS, PAGES = VT_BUFFERS + 0x100000, PAGE = 4096 };
#define SECOND INT64_C(1000000000)
/* num_pages, actual, poison_val */
#define NUM_PAGES VT_CONFIG
#define ACTUAL (VT_CONFIG + 4)
#define POISON_VALUE (VT_CONFIG + 12)

static void set_up(struct vt *t, const char *props)
{
    vt_machine(t, NULL, 0);
    t->m.ram_size = VT_RAM;
    vt_plug(t, &virtio_balloon_pci_class.device, props);
    if (sysconf(_SC_PAGESIZE) != PAGE)
        cr_skip_test("pages of the host are larger");
}

static struct virtio_balloon *balloon(struct vt *t)
{
    return virtio_balloon_of(t->dev);
}

/* The nth page from PAGES on takes memory of the host. */
static bool is_there(struct vt *t, unsigned n)
{
    struct ram_block *ram = ram_block_find(&t->m.rams, "ram");
    unsigned char used;

    cr_assert_eq(mincore(ram->host + PAGES + n * PAGE, PAGE, &used), 0);
    return used & 1;
}

static void fill(struct vt *t, unsigned pages)
{
    machine_lock(&t->m);
    dma_fill(t->m.memory, NULL, PAGES, 0x55, pages * (uint64_t)PAGE);
    machine_unlock(&t->m);
}

/* `count` page numbers from the list as one element. */
static void send(struct vt *t, unsigned queue, const uint32_t *numbers, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        write32(&t->m, LIST + 4 * i, numbers[i]);
    vt_desc(t, queue, 0, LIST, 4 * count, 0, 0);
    vt_avail(t, queue, 0);
    vt_kick(t, queue);
}

static void pass(struct vt *t, int64_t ns)
{
    machine_lock(&t->m);
    step(&t->m, ns);
    machine_unlock(&t->m);
}

/* What the next event says; -1: there is none. */
static int64_t change(struct vt *t)
{
    struct machine_event *e = machine_take_event(&t->m);
    int64_t actual = -1;

    if (e) {
        cr_expect_str_eq(e->name, "BALLOON_CHANGE");
        cr_expect_str_eq(e->items[0].key, "actual");
        actual = e->items[0].number;
        machine_event_free(e);
    }
    return actual;
}

Test(virtio_balloon, offers_what_it_is_told_to)
{
    struct vt t;
    set_up(&t, "");
    cr_expect_eq(vt_config_read(&t, 0), 0x10021af4);
    cr_expect_eq(vt_config_read(&t, 0x2c) >> 16, 5);
    cr_expect_eq(vt_features(&t) & 0x3f, STATS | POISON);
    cr_expect_eq(read16(&t.m, VT_COMMON + 0x12), 3);
    vt_free(&t);
    set_up(&t, "must-tell-host=on,deflate-on-oom=on,page-poison=off,free-page-reporting=on,"
               "disable-legacy=on");
    cr_expect_eq(vt_config_read(&t, 0), 0x10451af4);
    cr_expect_eq(vt_features(&t) & 0x3f, 1 | STATS | OOM | REPORTING);
    vt_free(&t);
}

Test(virtio_balloon, the_guest_is_asked_and_tells)
{
    struct vt t;
    set_up(&t, "");
    machine_lock(&t.m);
    virtio_balloon_set_target(balloon(&t), VT_RAM - 10 * PAGE);
    machine_unlock(&t.m);
    cr_expect_eq(read8(&t.m, VT_ISR), 0, "nobody is there to be told");
    cr_assert(vt_start(&t, V1, 2, true));
    cr_expect_eq(read32(&t.m, NUM_PAGES), 10);
    machine_lock(&t.m);
    virtio_balloon_set_target(balloon(&t), VT_RAM - 20 * PAGE);
    machine_unlock(&t.m);
    cr_expect_eq(t.messages, 1);
    cr_expect_eq(t.last_data, 0x40);
    cr_expect_eq(read32(&t.m, NUM_PAGES), 20);
    write32(&t.m, NUM_PAGES, 3);
    cr_expect_eq(read32(&t.m, NUM_PAGES), 20, "the driver does not set it");
    cr_expect_eq(change(&t), -1);
    write32(&t.m, ACTUAL, 15);
    cr_expect_eq(virtio_balloon_actual(balloon(&t)), VT_RAM - 15 * PAGE);
    cr_expect_eq(change(&t), VT_RAM - 15 * PAGE);
    /* The steps that follow at once are told in one. */
    write32(&t.m, ACTUAL, 16);
    write32(&t.m, ACTUAL, 20);
    cr_expect_eq(change(&t), -1);
    pass(&t, SECOND + 1);
    cr_expect_eq(change(&t), VT_RAM - 20 * PAGE);
    cr_expect_eq(change(&t), -1);
    pass(&t, SECOND + 1);
    /* As drivers of the legacy interface write it. */
    for (unsigned i = 0; i < 4; i++)
        write8(&t.m, ACTUAL + i, (uint8_t)(0x0102 >> 8 * i));
    cr_expect_eq(change(&t), VT_RAM - 0x102 * PAGE);
    cr_expect_eq(change(&t), -1);
    /* All of it at most. */
    pass(&t, SECOND + 1);
    write32(&t.m, ACTUAL, UINT32_MAX);
    cr_expect_eq(virtio_balloon_actual(balloon(&t)), 0);
    cr_expect_eq(change(&t), 0);
    machine_lock(&t.m);
    virtio_balloon_set_target(balloon(&t), 1);
    machine_unlock(&t.m);
    cr_expect_eq(read32(&t.m, NUM_PAGES), VT_RAM / PAGE - 1);
    machine_lock(&t.m);
    virtio_balloon_set_target(balloon(&t), UINT64_MAX);
    machine_unlock(&t.m);
    cr_expect_eq(read32(&t.m, NUM_PAGES), 0);
    vt_free(&t);
}

Test(virtio_balloon, pages_go_back_to_the_host)
{
    const uint32_t first = PAGES / PAGE;
    /* Up, down, one twice, one by itself, and what is no memory. */
    const uint32_t numbers[] = {first + 1, first + 2, first + 3,  first + 8,     first + 7,
                                first + 6, first + 6, first + 12, VT_RAM / PAGE, UINT32_MAX};
    const unsigned gone[] = {1, 2, 3, 6, 7, 8, 12};
    struct vt t;
    set_up(&t, "");
    cr_assert(vt_start(&t, V1, 2, true));
    fill(&t, 16);
    send(&t, INFLATE, numbers, 10);
    cr_expect_eq(vt_used_index(&t, INFLATE), 1);
    cr_expect_eq(t.messages, 1);
    for (unsigned n = 0, i = 0; n < 16; n++) {
        bool is_gone = i < 7 && gone[i] == n;
        i += is_gone;
        cr_expect_eq(is_there(&t, n), !is_gone, "page %u", n);
    }
    cr_expect_eq(read32(&t.m, PAGES), 0x55555555);
    cr_expect_eq(read32(&t.m, PAGES + PAGE), 0, "they are zeros");
    /* Out of the balloon again: there is nothing to do for the device. */
    send(&t, DEFLATE, numbers, 3);
    cr_expect_eq(vt_used_index(&t, DEFLATE), 1);
    write32(&t.m, PAGES + 2 * PAGE, 1);
    cr_expect(is_there(&t, 2));
    vt_free(&t);
}

Test(virtio_balloon, a_long_list_is_taken_in_parts)
{
    struct vt t;
    set_up(&t, "");
    cr_assert(vt_start(&t, V1, 2, true));
    fill(&t, 16);
    /* 1,500 numbers over two descriptors, the second of which ends within a number. */
    for (unsigned i = 0; i < 1500; i++)
        write32(&t.m, LIST + 4 * i, PAGES / PAGE + (i >= 1490 ? i - 1490 : 15));
    vt_desc(&t, INFLATE, 0, LIST, 3001, VT_NEXT, 1);
    vt_desc(&t, INFLATE, 1, LIST + 3001, 3000 - 1 - 4 + 2, 0, 0);
    vt_avail(&t, INFLATE, 0);
    vt_kick(&t, INFLATE);
    cr_expect_eq(vt_used_index(&t, INFLATE), 1);
    cr_expect_not(is_there(&t, 15));
    cr_expect_not(is_there(&t, 8));
    cr_expect(is_there(&t, 9), "its number is not whole");
    cr_expect(is_there(&t, 10));
    vt_free(&t);
}

static void report(struct vt *t, unsigned queue)
{
    vt_desc(t, queue, 0, PAGES, 2 * PAGE, VT_WRITE | VT_NEXT, 1);
    vt_desc(t, queue, 1, PAGES + 4 * PAGE, PAGE, VT_WRITE, 0);
    vt_avail(t, queue, 0);
    vt_kick(t, queue);
    cr_expect_eq(vt_used_index(t, queue), 1);
}

Test(virtio_balloon, free_pages_go_back_too)
{
    struct vt t;
    /* Drivers count the queues that are there, or go by the number that the specification says. */
    const struct {
        uint64_t features;
        unsigned queue;
    } ways[] = {{V1 | REPORTING, 2}, {V1 | REPORTING | STATS, 3}, {V1 | REPORTING | STATS, 4}};
    set_up(&t, "free-page-reporting=on");
    for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
        cr_assert(vt_start(&t, ways[i].features, 5, true));
        fill(&t, 6);
        report(&t, ways[i].queue);
        for (unsigned n = 0; n < 6; n++)
            cr_expect_eq(is_there(&t, n), n != 0 && n != 1 && n != 4, "page %u", n);
    }
    /* Not where the driver wants to find what it wrote there. */
    cr_assert(vt_start(&t, V1 | REPORTING | POISON, 3, true));
    fill(&t, 6);
    write32(&t.m, POISON_VALUE, 0x55555555);
    report(&t, 2);
    cr_expect(is_there(&t, 0));
    write32(&t.m, POISON_VALUE, 0);
    vt_desc(&t, 2, 0, PAGES, PAGE, VT_WRITE, 0);
    vt_avail(&t, 2, 0);
    vt_kick(&t, 2);
    cr_expect_not(is_there(&t, 0));
    /* Who did not take the feature does not report. */
    cr_assert(vt_start(&t, V1, 5, true));
    vt_avail(&t, 3, 0);
    vt_kick(&t, 3);
    cr_expect_eq(vt_used_index(&t, 3), 0);
    write32(&t.m, POISON_VALUE, 1);
    cr_expect_eq(read32(&t.m, POISON_VALUE), 0, "nor does it say so");
    vt_free(&t);
}

static void put_stat(struct vt *t, unsigned n, uint16_t tag, uint64_t value)
{
    write16(&t->m, LIST + 10 * n, tag);
    for (unsigned i = 0; i < 8; i++)
        write8(&t->m, LIST + 10 * n + 2 + i, (uint8_t)(value >> 8 * i));
}

static void send_stats(struct vt *t, unsigned bytes)
{
    vt_desc(t, STATS_QUEUE, 0, LIST, bytes, 0, 0);
    vt_avail(t, STATS_QUEUE, 0);
    vt_kick(t, STATS_QUEUE);
}

Test(virtio_balloon, statistics_come_when_they_are_asked_for)
{
    uint64_t stats[BALLOON_STATS];
    struct vt t;
    set_up(&t, "guest-stats-polling-interval=5");
    cr_assert(vt_start(&t, V1 | STATS | VIRTIO_BIT(VIRTIO_F_EVENT_IDX), 3, true));
    cr_expect_eq(virtio_balloon_stats(balloon(&t), stats), 0);
    cr_expect_eq(stats[4], BALLOON_STAT_UNKNOWN);
    put_stat(&t, 0, 4, 1000);
    put_stat(&t, 1, 5, UINT64_C(0x123456789a));
    put_stat(&t, 2, 77, 1);
    put_stat(&t, 3, 7, 3);
    send_stats(&t, 35); /* the last one is not whole */
    cr_expect_eq(vt_used_index(&t, STATS_QUEUE), 0, "the buffer is kept until they are due");
    int64_t age = time(NULL) - virtio_balloon_stats(balloon(&t), stats);
    cr_expect(age >= 0 && age < 60);
    cr_expect_eq(stats[4], 1000);
    cr_expect_eq(stats[5], UINT64_C(0x123456789a));
    cr_expect_eq(stats[7], BALLOON_STAT_UNKNOWN);
    for (unsigned i = 1; i < 4; i++) {
        write16(&t.m, VT_AVAIL(STATS_QUEUE) + 4 + 2 * VT_QUEUE_SIZE, (uint16_t)(i - 1));
        pass(&t, 4 * SECOND);
        cr_expect_eq(vt_used_index(&t, STATS_QUEUE), i - 1);
        pass(&t, 1 * SECOND);
        cr_expect_eq(vt_used_index(&t, STATS_QUEUE), i);
        cr_expect_eq(t.messages, i);
        cr_expect_eq(read16(&t.m, VT_USED(STATS_QUEUE) + 4 + 8 * VT_QUEUE_SIZE), i,
                     "tell of the next");
        put_stat(&t, 0, 0, i);
        send_stats(&t, 10);
        virtio_balloon_stats(balloon(&t), stats);
        cr_expect_eq(stats[0], i);
        cr_expect_eq(stats[4], BALLOON_STAT_UNKNOWN, "it was not told this time");
    }
    /* The interval may be changed, and nobody asks. */
    machine_lock(&t.m);
    cr_assert(device_set_prop(t.dev, "guest-stats-polling-interval", "0", NULL));
    cr_assert_not(device_set_prop(t.dev, "deflate-on-oom", "on", NULL));
    machine_unlock(&t.m);
    pass(&t, 100 * SECOND);
    cr_expect_eq(vt_used_index(&t, STATS_QUEUE), 3);
    machine_lock(&t.m);
    cr_assert(device_set_prop(t.dev, "guest-stats-polling-interval", "1", NULL));
    machine_unlock(&t.m);
    pass(&t, 2 * SECOND);
    cr_expect_eq(vt_used_index(&t, STATS_QUEUE), 4);
    /* There is no buffer now: asking goes on, for when there is one. */
    pass(&t, 10 * SECOND);
    cr_expect_eq(vt_used_index(&t, STATS_QUEUE), 4);
    send_stats(&t, 10);
    pass(&t, 2 * SECOND);
    cr_expect_eq(vt_used_index(&t, STATS_QUEUE), 5);
    vt_free(&t);
}

Test(virtio_balloon, a_reset_takes_the_balloon_away_and_keeps_the_wish)
{
    uint64_t stats[BALLOON_STATS];
    struct vt t;
    set_up(&t, "");
    cr_assert(vt_start(&t, V1 | STATS | POISON, 3, true));
    machine_lock(&t.m);
    virtio_balloon_set_target(balloon(&t), VT_RAM / 2);
    machine_unlock(&t.m);
    write32(&t.m, ACTUAL, 5);
    write32(&t.m, POISON_VALUE, 5);
    put_stat(&t, 0, 0, 1);
    send_stats(&t, 10);
    cr_expect_eq(change(&t), VT_RAM - 5 * PAGE);
    machine_lock(&t.m);
    machine_reset(&t.m, NULL);
    machine_unlock(&t.m);
    cr_expect_eq(virtio_balloon_actual(balloon(&t)), VT_RAM);
    cr_expect_eq(virtio_balloon_stats(balloon(&t), stats), 0);
    pass(&t, 2 * SECOND);
    cr_expect_eq(change(&t), VT_RAM);
    vt_config_write(&t, 0x20, (uint32_t)VT_MODERN);
    vt_config_write(&t, PCI_COMMAND, 6);
    cr_expect_eq(read32(&t.m, NUM_PAGES), VT_RAM / 2 / PAGE);
    cr_expect_eq(read32(&t.m, POISON_VALUE), 0);
    vt_free(&t);
}

Test(virtio_balloon, there_is_one)
{
    struct vemu_error *err = NULL;
    struct vt t;
    set_up(&t, "");
    machine_lock(&t.m);
    cr_expect_eq(virtio_balloon_find(&t.m), balloon(&t));
    struct device *dev = made(device_new(&t.m, &virtio_balloon_pci_class.device, NULL, &err), err);
    ((struct pci_device *)dev)->bus = pci_host_bus(t.host);
    cr_expect_not(device_realize(dev, &err));
    cr_expect(err && strstr(vemu_error_message(err), "one balloon"));
    vemu_error_free(err);
    device_free(dev);
    device_free(t.dev);
    cr_expect_null(virtio_balloon_find(&t.m));
    machine_unlock(&t.m);
    vt_free(&t);
}

Test(virtio_balloon, hostile_buffers_do_no_harm)
{
    uint64_t stats[BALLOON_STATS];
    struct vt t;
    set_up(&t, "free-page-reporting=on");
    cr_assert(vt_start(&t, V1 | STATS | REPORTING, 4, true));
    fill(&t, 2);
    vt_desc(&t, INFLATE, 0, VT_COMMON, 0x1000, 0, 0); /* numbers in the own registers */
    vt_avail(&t, INFLATE, 0);
    vt_desc(&t, INFLATE, 1, UINT64_C(0xffffffffffffffc0), 128, 0, 0);
    vt_avail(&t, INFLATE, 1);
    vt_desc(&t, INFLATE, 2, LIST, 3, 0, 0); /* no whole number */
    vt_avail(&t, INFLATE, 2);
    vt_desc(&t, INFLATE, 3, PAGES, PAGE, VT_WRITE, 0); /* the wrong direction */
    vt_avail(&t, INFLATE, 3);
    vt_desc(&t, INFLATE, 4, 0, UINT32_MAX, 0, 0); /* more than there is */
    vt_avail(&t, INFLATE, 4);
    vt_kick(&t, INFLATE);
    cr_expect_eq(vt_used_index(&t, INFLATE), 5);
    cr_expect(is_there(&t, 0));
    send_stats(&t, 0);
    virtio_balloon_stats(balloon(&t), stats);
    cr_expect_eq(stats[0], BALLOON_STAT_UNKNOWN);
    /* Registers are no pages, the end of addresses none either; buffers that overlap are fine. */
    vt_desc(&t, 3, 0, VT_MODERN, 0x4000, VT_WRITE | VT_NEXT, 1);
    vt_desc(&t, 3, 1, UINT64_C(0xfffffffffffff000), 0x2000, VT_WRITE | VT_NEXT, 2);
    vt_desc(&t, 3, 2, PAGES, 2 * PAGE, VT_WRITE | VT_NEXT, 3);
    vt_desc(&t, 3, 3, PAGES, 2 * PAGE, VT_WRITE, 0);
    vt_avail(&t, 3, 0);
    vt_kick(&t, 3);
    cr_expect_eq(vt_used_index(&t, 3), 1);
    cr_expect_not(is_there(&t, 0));
    cr_expect_eq(read8(&t.m, VT_COMMON + 0x14), 15);
    /* The page that the ring is in. */
    uint32_t ring = VT_DESC(INFLATE) / PAGE;
    send(&t, INFLATE, &ring, 1);
    cr_expect_eq(read32(&t.m, VT_DESC(INFLATE) + 8), 0);
    vt_desc(&t, INFLATE, 5, LIST, 8, VT_NEXT, 5);
    vt_avail(&t, INFLATE, 5);
    vt_kick(&t, INFLATE);
    cr_expect(read8(&t.m, VT_COMMON + 0x14) & VIRTIO_STATUS_NEEDS_RESET);
    vt_free(&t);
}

static void poke(struct vemu_machine *m)
{
    for (unsigned n = 0; n < 5; n++)
        write16(m, VT_NOTIFY + 4 * n, (uint16_t)n);
    write32(m, ACTUAL, 7);
    machine_lock(m);
    step(m, 2 * SECOND);
    machine_unlock(m);
}

Test(virtio_balloon, state_survives_a_round_trip_and_damage)
{
    struct vt f, g;
    set_up(&f, "guest-stats-polling-interval=5,free-page-reporting=on");
    set_up(&g, "guest-stats-polling-interval=5,free-page-reporting=on");
    cr_assert(vt_start(&f, V1 | STATS | POISON, 3, true));
    machine_lock(&f.m);
    virtio_balloon_set_target(balloon(&f), VT_RAM / 2);
    machine_unlock(&f.m);
    write32(&f.m, ACTUAL, 5);
    write32(&f.m, ACTUAL, 6);
    write32(&f.m, POISON_VALUE, 1);
    send_stats(&f, 10);
    assert_round_trip(f.dev, g.dev);
    for (unsigned at = 0x10000; at < 0x20000; at += 8)
        write64(&g.m, at, read64(&f.m, at));
    cr_expect_eq(virtio_balloon_actual(balloon(&g)), VT_RAM - 6 * PAGE);
    pass(&g, 6 * SECOND);
    cr_expect_eq(change(&g), VT_RAM - 6 * PAGE);
    cr_expect_eq(vt_used_index(&g, STATS_QUEUE), 1, "the buffer is still there");
    fuzz_state(f.dev, g.dev, 300, poke);
    vt_free(&f);
    vt_free(&g);
}
