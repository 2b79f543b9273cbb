/*
 * Devices that come and go under a hostile guest: a PC, or a Q35 with two root ports, whose
 * hot-plug registers, configuration space and memory are used as the input says, while functions
 * are plugged in, asked for, ejected and freed. The first byte chooses the machine; then come
 * records of eight bytes. No input may crash or hang, and in the end only what the board is made of
 * is left.
 */
#include <stdlib.h>
#include <string.h>

#include "core/device/event.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/net/e1000.h"
#include "hw/pci/pci_testdev.h"
#include "hw/pci/root_port.h"
#include "hw/x86/boards.h"
#include "tests/fuzz/fuzz.h"
#include "tests/still_accel.h"

enum { RAM = 4 << 20, RECORD = 8, RECORDS_MOST = 1000, PLUGGED_MOST = 40, WINDOW = 0xe0000000 };

struct state {
    struct vemu_machine m;
    const struct board_class *board;
    bool q35;
    unsigned base, plugged;
};

static unsigned count_devices(struct vemu_machine *m)
{
    unsigned n = 0;
    list_for_each(dev, &m->devices, struct device, node) n++;
    return n;
}

/* ---- records --------------------------------------------------------------------------------- */

static void plug(struct state *s, const uint8_t *r)
{
    static const struct device_class *const classes[] = {&pci_testdev_class, &e1000_class,
                                                         &pcie_root_port_class};
    static const char *const buses[] = {"pci.0", "pcie.0", "pci.1", "pci.2", "nowhere"};
    static const char *const places[] = {"0", "3", "3.1", "1f.7", "2", "1"};
    struct device *dev;

    if (s->plugged >= PLUGGED_MOST)
        return;
    machine_lock(&s->m);
    dev = device_new(&s->m, classes[r[1] % ARRAY_SIZE(classes)], NULL, NULL);
    if (r[2] & 1)
        device_set_prop(dev, "bus", buses[r[3] % ARRAY_SIZE(buses)], NULL);
    if (r[2] & 2)
        device_set_prop(dev, "addr", places[r[4] % ARRAY_SIZE(places)], NULL);
    if (s->board->hotplug(&s->m, dev, NULL))
        s->plugged++;
    else
        device_free(dev);
    machine_unlock(&s->m);
}

static void ask_for(struct state *s, const uint8_t *r)
{
    unsigned n = r[1];

    machine_lock(&s->m);
    list_for_each(dev, &s->m.devices, struct device, node)
    {
        if (n-- == 0) {
            s->board->unplug(&s->m, dev, NULL);
            break;
        }
    }
    machine_unlock(&s->m);
}

static void settle(struct state *s)
{
    struct machine_event *e;

    machine_take_requests(&s->m);
    machine_lock(&s->m);
    machine_free_unplugged(&s->m);
    machine_unlock(&s->m);
    while ((e = machine_take_event(&s->m))) {
        s->plugged--;
        machine_event_free(e);
    }
}

static void config(struct state *s, const uint8_t *r)
{
    static const uint8_t functions[] = {0, 8, 0x10, 0x11, 0x18, 0x19, 0x20, 0xfa};
    uint32_t address = 0x80000000u | (uint32_t)(r[3] & 7) << 16 |
                       (uint32_t)functions[r[1] % ARRAY_SIZE(functions)] << 8 | (r[2] & 0xfc);

    mem_write(s->m.io, 0xcf8, 4, address);
    mem_write(s->m.io, 0xcfc, 4, load_le32(r + 4));
}

static void run(struct state *s, const uint8_t *r)
{
    uint16_t port =
        (uint16_t)((s->q35 ? ACPI_HOTPLUG_BASE_Q35 : ACPI_HOTPLUG_BASE_PC) + (r[1] & 0x1c));
    uint64_t place = WINDOW + ((uint64_t)load_le16(r + 2) << (r[1] & 15)), v;

    switch (r[0] % 11) {
    case 0:
        plug(s, r);
        break;
    case 1:
        ask_for(s, r);
        break;
    case 2:
        settle(s);
        break;
    case 3:
        mem_write(s->m.io, port, 4, load_le32(r + 4));
        break;
    case 4:
        mem_read(s->m.io, port, 1u << (r[2] & 1 ? 0 : 2), &v);
        break;
    case 5:
    case 6:
        config(s, r);
        break;
    case 7:
        mem_write(s->m.memory, place, 4, load_le32(r + 4));
        break;
    case 8:
        mem_read(s->m.memory, place, 4, &v);
        break;
    case 9:
        machine_lock(&s->m);
        clock_step(s->m.clocks, load_le32(r + 4));
        machine_unlock(&s->m);
        loop_iterate(s->m.loop, 0);
        break;
    default:
        machine_lock(&s->m);
        machine_reset(&s->m, NULL);
        machine_unlock(&s->m);
        break;
    }
}

static void make(struct state *s)
{
    struct board_config cfg = {.ram_size = RAM, .cpus = 1, .rtc_virtual = true, .rtc_start = 1};

    s->board = s->q35 ? &q35_board_class : &pc_board_class;
    if (!machine_init(&s->m, NULL))
        fuzz_fail("no memory for a machine");
    s->m.accel = &still_accel;
    s->m.ram_size = RAM;
    clock_set_manual(s->m.clocks, true);
    clock_set_running(s->m.clocks, true);
    machine_lock(&s->m);
    if (!s->board->create(&s->m, s->board, &cfg, NULL))
        fuzz_fail("the board could not be made");
    for (unsigned n = 0; s->q35 && n < 2; n++) {
        struct device *dev = device_new(&s->m, &pcie_root_port_class, n ? "pci.2" : "pci.1", NULL);
        if (!device_set_prop(dev, "addr", n ? "2.1" : "2.0", NULL) ||
            !s->board->plug(&s->m, dev, NULL))
            fuzz_fail("no root port");
    }
    machine_reset(&s->m, NULL);
    machine_unlock(&s->m);
    s->base = count_devices(&s->m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct state *s = calloc(1, sizeof *s);

    s->q35 = size && data[0] & 1;
    make(s);
    for (size_t at = 1, n = 0; at + RECORD <= size && n < RECORDS_MOST; at += RECORD, n++)
        run(s, data + at);
    settle(s);
    if (count_devices(&s->m) != s->base + s->plugged)
        fuzz_fail("a device too many, or too few");
    machine_destroy(&s->m);
    free(s);
    return 0;
}
