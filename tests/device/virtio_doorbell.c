/* Virtio notifications that an accelerator takes while the vCPU goes on (core/device/doorbell.h): a
 * machine whose doorbells the test rings itself. */
#include <criterion/criterion.h>
#include <sys/eventfd.h>
#include "core/device/doorbell.h"
#include "hw/misc/virtio_rng.h"
#include "hw/virtio/virtio_device.h"
#include "tests/device/virtio_driver.h"

#define V1 VIRTIO_BIT(VIRTIO_F_VERSION_1)

static struct vt t;

static void set_up(const char *props, uint64_t features)
{
    vt_machine(&t, NULL, 0);
    t.m.rings_doorbells = true;
    vt_plug(&t, &virtio_rng_pci_class.device, props);
    cr_assert(vt_start(&t, features, 1, true));
}

static void lock_and(void (*what)(struct vemu_machine *m))
{
    machine_lock(&t.m);
    what(&t.m);
    machine_unlock(&t.m);
}

static void make_available(unsigned n)
{
    vt_desc(&t, 0, n, VT_BUFFERS + 0x1000 * n, 64, VT_WRITE, 0);
    vt_avail(&t, 0, (uint16_t)n);
}

/* As a vCPU's write does. */
static void ring(void)
{
    struct mem_doorbell_place place;
    cr_assert_eq(mem_doorbells_find(t.m.memory, &place, 1), 1);
    cr_assert_eq(place.addr, VT_NOTIFY);
    cr_assert_eq(place.bell->size, 2);
    cr_assert(!place.bell->match);
    cr_assert_eq(eventfd_write(place.bell->fd, 1), 0);
}

Test(virtio_doorbell, is_answered_on_the_loop)
{
    set_up("", V1);
    make_available(0);
    ring();
    cr_expect_eq(vt_used_index(&t, 0), 0);
    loop_iterate(t.m.loop, 0);
    cr_expect_eq(vt_used_index(&t, 0), 1);
    cr_expect_eq(t.messages, 1);
    vt_free(&t);
}

Test(virtio_doorbell, takes_writes_by_the_vcpu_as_well)
{
    set_up("", V1);
    make_available(0);
    vt_kick(&t, 0);
    cr_expect_eq(vt_used_index(&t, 0), 1);
    vt_free(&t);
}

Test(virtio_doorbell, is_answered_before_a_reset)
{
    set_up("", V1);
    make_available(0);
    ring();
    write8(&t.m, VT_COMMON + 0x14, 0);
    cr_expect_eq(vt_used_index(&t, 0), 1);
    cr_expect_eq(mem_doorbells_find(t.m.memory, NULL, 0), 0);
    cr_assert(vt_start(&t, V1, 1, true));
    cr_expect_eq(mem_doorbells_find(t.m.memory, NULL, 0), 1);
    vt_free(&t);
}

Test(virtio_doorbell, is_answered_when_everything_is_to_be_at_rest)
{
    set_up("", V1);
    make_available(0);
    ring();
    lock_and(doorbells_answer);
    cr_expect_eq(vt_used_index(&t, 0), 1);
    vt_free(&t);
}

Test(virtio_doorbell, is_at_a_port_for_a_legacy_driver)
{
    struct mem_doorbell_place place;
    struct virtio *v;
    vt_machine(&t, NULL, 0);
    t.m.rings_doorbells = true;
    vt_plug(&t, &virtio_rng_pci_class.device, "");
    v = virtio_device_of(t.dev);
    out16(&t.m, VT_LEGACY + 14, 0);
    out32(&t.m, VT_LEGACY + 8, VT_DESC(0) / 4096);
    out8(&t.m, VT_LEGACY + 18, 7);
    cr_assert(v->status & VIRTIO_STATUS_DRIVER_OK);
    cr_assert_eq(mem_doorbells_find(t.m.io, &place, 1), 1);
    cr_expect_eq(place.addr, VT_LEGACY + 16);
    cr_expect(place.bell->match && place.bell->value == 0);
    cr_expect_eq(mem_doorbells_find(t.m.memory, NULL, 0), 0);
    vt_free(&t);
}

Test(virtio_doorbell, is_none_if_it_was_not_wanted)
{
    set_up("ioeventfd=off", V1);
    cr_expect_eq(mem_doorbells_find(t.m.memory, NULL, 0), 0);
    vt_free(&t);
}

Test(virtio_doorbell, goes_with_its_device)
{
    set_up("", V1);
    make_available(0);
    ring();
    machine_lock(&t.m);
    device_free(t.dev);
    machine_unlock(&t.m);
    cr_expect(list_empty(&t.m.doorbells));
    cr_expect_eq(mem_doorbells_find(t.m.memory, NULL, 0), 0);
    loop_iterate(t.m.loop, 0);
    vt_free(&t);
}
