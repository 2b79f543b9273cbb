/* virtio-rng without a vCPU: its sources, the limit, hostile drivers. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/device/rng.h"
#include "hw/misc/virtio_rng.h"
#include "hw/pci/host_x86.h"
#include "tests/device/virtio_driver.h"

#define V1 VIRTIO_BIT(VIRTIO_F_VERSION_1)
enum { BUFFER = VT_BUFFERS, MS = 1000000 };

static void set_up(struct vt *t, const char *props)
{
    vt_machine(t, NULL, 0);
    vt_plug(t, &virtio_rng_pci_class.device, props);
    cr_assert(vt_start(t, V1, 1, true));
}

/* A buffer of that length as descriptor n. */
static void ask(struct vt *t, unsigned n, uint32_t len)
{
    vt_desc(t, 0, n, BUFFER + 0x10000 * n, len, VT_WRITE, 0);
    vt_avail(t, 0, (uint16_t)n);
    vt_kick(t, 0);
}
/* What the nth answer says was written. */
static uint32_t answered(struct vt *t, unsigned n)
{
    return read32(&t->m, VT_USED(0) + 4 + 8 * n + 4);
}
static void pass(struct vt *t, int64_t ns)
{
    machine_lock(&t->m);
    step(&t->m, ns);
    machine_unlock(&t->m);
}

Test(virtio_rng, gives_numbers_of_the_host)
{
    struct vt t;
    unsigned zeros = 0;
    set_up(&t, "");
    cr_expect_eq(vt_config_read(&t, 0), 0x10051af4);
    cr_expect_eq(vt_config_read(&t, 0x2c) >> 16, 4);
    ask(&t, 0, 4096);
    cr_expect_eq(vt_used_index(&t, 0), 1);
    cr_expect_eq(answered(&t, 0), 4096);
    cr_expect_eq(t.messages, 1);
    for (unsigned i = 0; i < 4096; i += 8)
        zeros += !read64(&t.m, BUFFER + i);
    cr_expect_lt(zeros, 2, "8 bytes of zeros come once in 2^64");
    cr_expect_eq(read64(&t.m, BUFFER + 4096), 0, "no more than asked for");
    ask(&t, 1, 3 << 20);
    cr_expect_eq(answered(&t, 1), 65536, "a driver that wants much asks again");
    vt_free(&t);
}

Test(virtio_rng, gives_what_is_in_a_file_and_waits_for_more)
{
    char path[] = "/tmp/vemu-rng-XXXXXX";
    struct vemu_error *err = NULL;
    struct vt t;
    cr_assert(mkdtemp(path));
    char fifo[64];
    snprintf(fifo, sizeof fifo, "%s/fifo", path);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    vt_machine(&t, NULL, 0);
    machine_lock(&t.m);
    cr_assert(rng_new(&t.m, "r", fifo, &err));
    cr_expect_not(rng_new(&t.m, "r", NULL, NULL), "the id is taken");
    cr_expect_not(rng_new(&t.m, "q", "/tmp/does/not/exist", &err));
    cr_expect(err && strstr(vemu_error_message(err), "cannot open '/tmp/does/not/exist'"));
    vemu_error_free(err);
    machine_unlock(&t.m);
    vt_plug(&t, &virtio_rng_pci_class.device, "rng=r");
    cr_assert(vt_start(&t, V1, 1, true));
    int fd = open(fifo, O_WRONLY);
    ask(&t, 0, 64);
    ask(&t, 1, 64);
    cr_expect_eq(vt_used_index(&t, 0), 0, "there is nothing yet");
    cr_assert_eq(write(fd, "0123456789", 10), 10);
    loop_iterate(t.m.loop, 0);
    cr_expect_eq(vt_used_index(&t, 0), 1, "what there is");
    cr_expect_eq(answered(&t, 0), 10);
    cr_expect_eq(read64(&t.m, BUFFER), UINT64_C(0x3736353433323130));
    cr_assert_eq(write(fd, "abc", 3), 3);
    loop_iterate(t.m.loop, 0);
    cr_expect_eq(answered(&t, 1), 3);
    close(fd);
    vt_free(&t);
    unlink(fifo);
    rmdir(path);
}

Test(virtio_rng, the_end_of_a_file_is_the_end)
{
    char path[] = "/tmp/vemu-rng-XXXXXX";
    struct vt t;
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "12345678", 8), 8);
    vt_machine(&t, NULL, 0);
    machine_lock(&t.m);
    cr_assert(rng_new(&t.m, "r", path, NULL));
    machine_unlock(&t.m);
    vt_plug(&t, &virtio_rng_pci_class.device, "rng=r");
    cr_assert(vt_start(&t, V1, 1, true));
    ask(&t, 0, 64);
    cr_expect_eq(answered(&t, 0), 8);
    ask(&t, 1, 64);
    for (unsigned i = 0; i < 3; i++)
        loop_iterate(t.m.loop, 0);
    cr_expect_eq(vt_used_index(&t, 0), 1);
    close(fd);
    unlink(path);
    vt_free(&t);
}

Test(virtio_rng, a_period_has_only_so_many_bytes)
{
    struct vt t;
    set_up(&t, "max-bytes=100,period=50");
    ask(&t, 0, 64);
    ask(&t, 1, 64);
    ask(&t, 2, 64);
    cr_expect_eq(vt_used_index(&t, 0), 2);
    cr_expect_eq(answered(&t, 0), 64);
    cr_expect_eq(answered(&t, 1), 36, "the rest of the quota");
    pass(&t, 49 * MS);
    cr_expect_eq(vt_used_index(&t, 0), 2);
    pass(&t, 2 * MS);
    cr_expect_eq(vt_used_index(&t, 0), 3);
    cr_expect_eq(answered(&t, 2), 64);
    /* A quiet period is not saved up. */
    pass(&t, 500 * MS);
    ask(&t, 0, 300);
    ask(&t, 1, 10);
    cr_expect_eq(answered(&t, 3), 100);
    cr_expect_eq(vt_used_index(&t, 0), 4);
    vt_free(&t);
}

Test(virtio_rng, a_driver_with_the_event_index_is_asked_to_notify)
{
    struct vt t;
    set_up(&t, "");
    cr_assert(vt_start(&t, V1 | VIRTIO_BIT(VIRTIO_F_EVENT_IDX), 1, true));
    for (unsigned i = 1; i < 4; i++) {
        ask(&t, 0, 64);
        cr_expect_eq(read16(&t.m, VT_USED(0) + 4 + 8 * 8), i, "of the next one; the queue has 8");
    }
    vt_free(&t);
}

Test(virtio_rng, hostile_buffers_do_no_harm)
{
    struct vt t;
    set_up(&t, "");
    vt_desc(&t, 0, 0, BUFFER, 64, 0, 0); /* nothing to write to */
    vt_avail(&t, 0, 0);
    vt_desc(&t, 0, 1, VT_COMMON, 64, VT_WRITE, 0); /* the own registers */
    vt_avail(&t, 0, 1);
    vt_desc(&t, 0, 2, UINT64_C(0xffffffffffffffc0), 128, VT_WRITE, 0);
    vt_avail(&t, 0, 2);
    vt_kick(&t, 0);
    cr_expect_eq(vt_used_index(&t, 0), 3);
    cr_expect_eq(answered(&t, 0), 0);
    cr_expect_eq(read8(&t.m, VT_COMMON + 0x14), 15);
    vt_desc(&t, 0, 3, BUFFER, 64, VT_WRITE | VT_NEXT, 3);
    vt_avail(&t, 0, 3);
    vt_kick(&t, 0);
    cr_expect(read8(&t.m, VT_COMMON + 0x14) & VIRTIO_STATUS_NEEDS_RESET);
    cr_assert(vt_start(&t, V1, 1, true));
    ask(&t, 0, 64);
    cr_expect_eq(answered(&t, 0), 64);
    vt_free(&t);
}

Test(virtio_rng, sources_are_named_and_used_once)
{
    struct vemu_error *err = NULL;
    struct vt t;
    vt_machine(&t, NULL, 0);
    machine_lock(&t.m);
    rng_new(&t.m, "r", NULL, NULL);
    machine_unlock(&t.m);
    vt_plug(&t, &virtio_rng_pci_class.device, "rng=r");
    machine_lock(&t.m);
    static const char *const names[][2] = {{"r", "another device"}, {"x", "id of an -object"}};
    for (unsigned i = 0; i < 2; i++) {
        struct device *dev = made(device_new(&t.m, &virtio_rng_pci_class.device, NULL, &err), err);
        ((struct pci_device *)dev)->bus = pci_host_bus(t.host);
        cr_assert(device_set_prop(dev, "rng", names[i][0], NULL));
        cr_expect_not(device_realize(dev, &err));
        cr_expect(err && strstr(vemu_error_message(err), names[i][1]), "%s",
                  err ? vemu_error_message(err) : "");
        vemu_error_free(err);
        err = NULL;
        device_free(dev);
    }
    machine_unlock(&t.m);
    vt_free(&t);
}

static void poke(struct vemu_machine *m)
{
    write16(m, VT_NOTIFY, 0);
    machine_lock(m);
    step(m, 100 * MS);
    machine_unlock(m);
}

Test(virtio_rng, state_survives_a_round_trip_and_damage)
{
    struct vt f, g;
    set_up(&f, "max-bytes=100,period=50");
    set_up(&g, "max-bytes=100,period=50");
    ask(&f, 0, 90);
    ask(&f, 1, 64);
    ask(&f, 2, 64);
    assert_round_trip(f.dev, g.dev);
    for (unsigned at = 0x10000; at < 0x14000; at += 8)
        write64(&g.m, at, read64(&f.m, at));
    cr_expect_eq(vt_used_index(&g, 0), 2);
    pass(&g, 51 * MS);
    cr_expect_eq(vt_used_index(&g, 0), 3);
    cr_expect_eq(answered(&g, 2), 64);
    fuzz_state(f.dev, g.dev, 300, poke);
    vt_free(&f);
    vt_free(&g);
}
