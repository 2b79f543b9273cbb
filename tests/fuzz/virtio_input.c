/*
 * A hostile driver against a virtio keyboard, mouse or tablet (the first byte says which), with
 * somebody who types and moves meanwhile.
 */
#include "core/input/input.h"
#include "hw/input/virtio_input.h"
#include "tests/fuzz/virtio.h"

enum { QUEUES = 2, EVENTS = 0, STATUS = 1 };

static void type(struct fuzz_virtio *t, struct fuzz_input *in, unsigned count)
{
    struct input_event events[16];

    for (unsigned n = 0; n < count; n++) {
        const uint8_t what = (uint8_t)fuzz_take(in, 1), value = (uint8_t)fuzz_take(in, 1);
        events[n].type = (uint16_t)(1 + what % 3);
        events[n].code = events[n].type != EV_KEY ? what >> 2 & 15
                         : what & 0x80            ? (uint16_t)(BTN_LEFT + (what >> 2 & 7))
                                                  : value >> 1;
        events[n].value = events[n].type == EV_KEY ? value & 1 : value * 200 - 20000;
    }
    input_send(&t->f.m, NULL, events, count);
    loop_iterate(t->f.m.loop, 0);
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct fuzz_virtio *t = (struct fuzz_virtio *)f;
    const unsigned op = (unsigned)fuzz_take(in, 1), arg = op >> 4;

    if (fv_own(t, in, op & 15, arg % QUEUES))
        return;
    switch (op & 15) {
    case 0:
        fv_start(t, (uint32_t)fuzz_take(in, 4), arg);
        break;
    case 1:
    case 2: /* buffers for events */
        for (unsigned n = 0; n <= arg; n++) {
            fv_desc(t, EVENTS, n, FV_BUFFERS + 8 * n, 8, 2, 0);
            fv_available(t, EVENTS, (uint16_t)n);
        }
        fv_kick(t, EVENTS);
        break;
    case 3: /* lamps */
        fv_put(t, FV_BUFFERS + 0x800, fuzz_take(in, 1) & 3 ? 0x11 : fuzz_take(in, 1), 2);
        fv_put(t, FV_BUFFERS + 0x802, arg & 3, 2);
        fv_put(t, FV_BUFFERS + 0x804, arg >> 2, 4);
        fv_desc(t, STATUS, 0, FV_BUFFERS + 0x800, arg & 8 ? 8 : 7, 0, 0);
        fv_available(t, STATUS, 0);
        fv_kick(t, STATUS);
        break;
    case 4: /* what is asked of the configuration */
    case 5:
        fv_put(t, FV_MODERN + 0x2000, fuzz_take(in, 1), 1);
        fv_put(t, FV_MODERN + 0x2001, fuzz_take(in, 1), 1 + (arg & 1) * 3);
        break;
    case 13:
        machine_lock(&f->m);
        machine_reset(&f->m, NULL);
        machine_unlock(&f->m);
        fv_place(t);
        break;
    default:
        type(t, in, 1 + arg);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_device_class *const kinds[] = {
        &virtio_keyboard_pci_class, &virtio_mouse_pci_class, &virtio_tablet_pci_class};
    static const char *const props[] = {"serial", "fuzz", NULL};
    struct fuzz_input in = {data, size, 0};
    struct fuzz_virtio t;

    memset(&t, 0, sizeof t);
    fuzz_machine_init(&t.f);
    machine_lock(&t.f.m);
    pci_bus_set_msi(t.f.bus, fv_swallow_msi, NULL);
    t.queues = QUEUES;
    t.dev =
        &fuzz_plug_with(&t.f, &kinds[fuzz_take(&in, 1) % ARRAY_SIZE(kinds)]->device, props)->dev;
    machine_reset(&t.f.m, NULL);
    machine_unlock(&t.f.m);
    fv_place(&t);
    t.f.windows = fv_windows;
    t.f.window_count = ARRAY_SIZE(fv_windows);
    t.f.own = own;
    fuzz_run(&t.f, &in);
    machine_destroy(&t.f.m);
    return 0;
}
