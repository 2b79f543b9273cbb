/*
 * A hostile driver of the xHCI host controller, with a hub, a keyboard, a mouse and a tablet, and
 * people who type, plug and pull. The target's own operations, chosen by their low nibble; the high
 * nibble is an argument:
 *
 *   0      start the controller, with 1 to 4 segments of the event ring
 *   1      enable a slot and address the device of a port: port u8, route u16
 *   2      a command: type u8, slot and endpoint u16, address u16, status u32
 *   3      a TRB for a transfer: slot u8, endpoint u8, type u8, flags, address, length u16
 *   4      a doorbell: slot u8, target u16
 *   5      events are taken
 *   6      a control transfer, slot by the argument: setup, data length u16
 *   7      configure an endpoint: slot u8, endpoint u8, type u8, packet size u16
 *   8      input: type u8, code u16, value u16
 *   9      a port register, port by the argument: value u32
 *   10     plug or pull: kind u8, where u8
 *   11     save, damage, load: which u8
 *   12     reset the machine
 *   13     an interrupter's register: value u32
 *   14     a word of a context, ring or table: address u16, value u32
 */
#include "core/input/input.h"
#include "hw/usb/hid.h"
#include "hw/usb/hub.h"
#include "hw/usb/xhci_internal.h"
#include "tests/fuzz/device.h"

#define BAR UINT64_C(0xe0000000)
enum {
    DCBAA = 0x1000,
    COMMANDS = 0x2000,
    ERST = 0x3000,
    EVENTS = 0x4000,
    INPUT_CONTEXT = 0x6000,
    CONTEXTS = 0x10000,
    TRANSFERS = 0x20000,
    DATA = 0x80000,
    SLOTS = 8,
    RING = 64,
    EVENT_TRBS = 64,
};

struct target {
    struct fuzz_machine f;
    unsigned command, at[SLOTS + 1][32];
    bool command_cycle, cycle[SLOTS + 1][32];
    unsigned segments;
};

static void put(struct target *t, uint64_t addr, uint64_t value, unsigned size)
{
    mem_write(t->f.m.memory, addr, size, value);
}

static uint32_t ring_at(unsigned slot, unsigned dci)
{
    return TRANSFERS + 0x400 * (slot * 32 + dci);
}

static void trb(struct target *t, uint32_t at, uint64_t parameter, uint32_t status,
                uint32_t control)
{
    uint8_t *p = t->f.ram->host + at;
    store_le64(p, parameter);
    store_le32(p + 8, status);
    store_le32(p + 12, control);
}

static void append(struct target *t, uint32_t base, unsigned *at, bool *cycle, uint64_t parameter,
                   uint32_t status, uint32_t control)
{
    trb(t, base + 16 * *at, parameter, status, (control & ~1u) | *cycle);
    if (++*at == RING - 1) {
        trb(t, base + 16 * *at, base, 0,
            TRB_LINK << 10 | TRB_TOGGLE_CYCLE | (control & TRB_CHAIN) | *cycle);
        *at = 0;
        *cycle = !*cycle;
    }
}

static void command(struct target *t, uint64_t parameter, uint32_t status, uint32_t control)
{
    append(t, COMMANDS, &t->command, &t->command_cycle, parameter, status, control);
    put(t, BAR + 0x2000, 0, 4);
}

static void transfer(struct target *t, unsigned slot, unsigned dci, uint64_t parameter,
                     uint32_t status, uint32_t control)
{
    append(t, ring_at(slot, dci), &t->at[slot][dci], &t->cycle[slot][dci], parameter, status,
           control);
}

static void doorbell(struct target *t, unsigned slot, uint32_t target)
{
    put(t, BAR + 0x2000 + 4 * slot, target, 4);
}

static void new_ring(struct target *t, unsigned slot, unsigned dci)
{
    memset(t->f.ram->host + ring_at(slot, dci), 0, 16 * RING);
    t->at[slot][dci] = 0;
    t->cycle[slot][dci] = true;
}

/* Where all events were taken. */
static void take_events(struct target *t, unsigned arg)
{
    const struct xhci *s = (const struct xhci *)t->f.pci;
    const struct xhci_interrupter *i = &s->interrupters[0];
    uint64_t at = i->segment_count ? i->segments[i->segment].base + 16 * (uint64_t)i->index : 0;
    put(t, BAR + 0x1038, at | (arg & 1 ? 0 : ERDP_EHB), 8);
}

static void start(struct target *t, unsigned arg)
{
    t->segments = 1 + (arg & 3);
    t->command = 0;
    t->command_cycle = true;
    memset(t->f.ram->host + DCBAA, 0, INPUT_CONTEXT - DCBAA);
    for (unsigned slot = 1; slot <= SLOTS; slot++)
        store_le64(t->f.ram->host + DCBAA + 8 * slot, CONTEXTS + 0x1000 * slot);
    for (unsigned n = 0; n < t->segments; n++) {
        store_le64(t->f.ram->host + ERST + 16 * n, EVENTS + 0x400 * n);
        store_le32(t->f.ram->host + ERST + 16 * n + 8, arg & 4 ? 16 : EVENT_TRBS);
    }
    put(t, BAR + 0x40, USBCMD_HCRST, 4);
    put(t, BAR + 0x78, SLOTS, 4);
    put(t, BAR + 0x70, DCBAA, 8);
    put(t, BAR + 0x58, COMMANDS | CRCR_RCS, 8);
    put(t, BAR + 0x1028, t->segments, 4);
    put(t, BAR + 0x1038, EVENTS, 8);
    put(t, BAR + 0x1030, ERST, 8);
    put(t, BAR + 0x1024, arg & 8 ? 4000 : 0, 4);
    put(t, BAR + 0x1020, IMAN_IE, 4);
    put(t, BAR + 0x40, USBCMD_RS | USBCMD_INTE | (arg & 8 ? (unsigned)USBCMD_EWE : 0), 4);
}

static void input_context(struct target *t, uint32_t drop, uint32_t add, unsigned port,
                          uint32_t route)
{
    uint8_t *p = t->f.ram->host + INPUT_CONTEXT;
    memset(p, 0, 33 * 32);
    store_le32(p, drop);
    store_le32(p + 4, add);
    store_le32(p + 32, route | 3u << 20 | 3u << 27);
    store_le32(p + 36, port << 16);
}

static void input_endpoint(struct target *t, unsigned slot, unsigned dci, unsigned type,
                           unsigned max_packet)
{
    uint8_t *p = t->f.ram->host + INPUT_CONTEXT + 32 + 32 * dci;
    new_ring(t, slot, dci);
    store_le32(p + 4, 3 << 1 | type << 3 | max_packet << 16);
    store_le64(p + 8, ring_at(slot, dci) | 1);
}

static void address(struct target *t, struct fuzz_input *in, unsigned arg)
{
    unsigned port = (unsigned)fuzz_take(in, 1), slot = 0;
    uint32_t route = (uint32_t)fuzz_take(in, 2);
    const struct xhci *s = (const struct xhci *)t->f.pci;

    if (!route && port >= 1 && port <= 8)
        put(t, BAR + 0x440 + 16 * (port - 1), 1 << 9 | 1 << 4, 4);
    command(t, 0, 0, TRB_ENABLE_SLOT << 10);
    for (unsigned n = 0; n < SLOTS; n++)
        slot = s->slots[n].enabled && s->slots[n].state == SLOT_ENABLED ? n + 1 : slot;
    input_context(t, 0, 3, port, route);
    input_endpoint(t, slot, 1, ENDPOINT_CONTROL, 64);
    command(t, INPUT_CONTEXT, 0,
            TRB_ADDRESS_DEVICE << 10 | slot << 24 | (arg & 1 ? (unsigned)TRB_BSR : 0));
}

/* Mostly memory, sometimes registers or nowhere. */
static uint64_t place(struct fuzz_input *in)
{
    uint16_t v = (uint16_t)fuzz_take(in, 2);

    switch (v >> 12) {
    case 0:
        return BAR + (v & 0xfff) * 4u;
    case 1:
        return UINT64_MAX - (v & 0xfff);
    case 2:
        return FUZZ_RAM - 0x800 + (v & 0xfff);
    case 3:
        return TRANSFERS + (v & 0xfff) * 64u;
    case 4:
        return (v & 0xfff) * 16u;
    default:
        return DATA + (v & 0xfff) * 16u;
    }
}

static void any_command(struct target *t, struct fuzz_input *in)
{
    uint32_t type = (uint32_t)fuzz_take(in, 1) & 63, which = (uint32_t)fuzz_take(in, 2);
    uint64_t at = place(in);
    uint32_t status = (uint32_t)fuzz_take(in, 4);

    if (type == TRB_SET_TR_DEQUEUE && (which & 0x80)) /* where the driver is */
        at = (ring_at(which >> 8 & 7, which & 31) + 16 * t->at[which >> 8 & 7][which & 31]) |
             t->cycle[which >> 8 & 7][which & 31];
    command(t, at, status,
            type << 10 | which >> 8 << 24 | (which & 0x1f) << 16 | (which & 0x20) << 4);
}

static void any_trb(struct target *t, struct fuzz_input *in)
{
    unsigned slot = (unsigned)fuzz_take(in, 1) % (SLOTS + 1), dci = (unsigned)fuzz_take(in, 1) % 32;
    uint32_t type = (uint32_t)fuzz_take(in, 1) & 63, flags = (uint32_t)fuzz_take(in, 2) & 0x3fe;
    uint64_t at = place(in);
    uint32_t length = (uint32_t)fuzz_take(in, 2);

    transfer(t, slot, dci, at, (length & 0x1fff) | (length >> 13) << 22, type << 10 | flags);
}

static void control(struct target *t, struct fuzz_input *in, unsigned slot)
{
    uint64_t setup = fuzz_take(in, 8);
    uint32_t length = (uint32_t)fuzz_take(in, 2);

    slot %= SLOTS + 1;
    transfer(t, slot, 1, setup, 8, TRB_SETUP << 10 | TRB_IDT);
    if (length)
        transfer(t, slot, 1, DATA, length,
                 TRB_DATA << 10 | TRB_ISP | (setup & 0x80 ? (unsigned)TRB_DIR_IN : 0));
    transfer(t, slot, 1, 0, 0, TRB_STATUS << 10 | TRB_IOC);
    doorbell(t, slot, 1);
}

static void configure(struct target *t, struct fuzz_input *in, unsigned arg)
{
    unsigned slot = (unsigned)fuzz_take(in, 1) % (SLOTS + 1), dci = (unsigned)fuzz_take(in, 1) % 32;
    unsigned type = (unsigned)fuzz_take(in, 1) & 7, max_packet = (unsigned)fuzz_take(in, 2);

    input_context(t, arg & 1 ? 1u << dci : 0, arg & 2 ? 0 : 1 | 1u << dci, 1, 0);
    input_endpoint(t, slot, dci, type, max_packet);
    command(t, INPUT_CONTEXT, 0,
            TRB_CONFIGURE_ENDPOINT << 10 | slot << 24 | (arg & 4 ? (unsigned)TRB_DECONFIGURE : 0));
}

static void input(struct target *t, struct fuzz_input *in)
{
    struct input_event e = {.type = (uint16_t)(fuzz_take(in, 1) & 3)};
    e.code = (uint16_t)fuzz_take(in, 2);
    e.value = (int16_t)fuzz_take(in, 2);
    input_send(&t->f.m, NULL, &e, 1);
    loop_iterate(t->f.m.loop, 0);
}

static const struct usb_device_class *const kinds[] = {&usb_kbd_class, &usb_mouse_class,
                                                       &usb_tablet_class, &usb_hub_class};

static struct usb_device *plug(struct target *t, unsigned kind, const char *where)
{
    struct device *dev = device_new(&t->f.m, &kinds[kind % ARRAY_SIZE(kinds)]->device, NULL, NULL);
    if (!dev || (where && !device_set_prop(dev, "port", where, NULL)))
        fuzz_fail("no USB device");
    if (usb_plug(&t->f.m, dev, NULL) && device_realize(dev, NULL))
        return (struct usb_device *)dev;
    device_free(dev);
    return NULL;
}

static struct usb_device *nth(struct target *t, unsigned n)
{
    struct usb_device *found = NULL;
    list_for_each(dev, &t->f.m.devices, struct device, node)
    {
        if (usb_is_device(dev) && (!found || n-- > 0))
            found = (struct usb_device *)dev;
    }
    return found;
}

static void plug_or_pull(struct target *t, struct fuzz_input *in, unsigned arg)
{
    unsigned kind = (unsigned)fuzz_take(in, 1), where = (unsigned)fuzz_take(in, 1);

    machine_lock(&t->f.m);
    if (arg & 1) {
        struct usb_device *d = nth(t, where & 15);
        if (d)
            usb_unplug(d);
        machine_free_unplugged(&t->f.m);
    } else {
        char text[16];
        snprintf(text, sizeof text, where & 0x80 ? "%u.%u" : "%u", where & 7, where >> 3 & 15);
        plug(t, kind, arg & 2 ? NULL : text);
    }
    machine_unlock(&t->f.m);
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct target *t = (struct target *)f;
    unsigned op = (unsigned)fuzz_take(in, 1), arg = op >> 4;

    switch (op & 15) {
    case 0:
        start(t, arg);
        break;
    case 1:
        address(t, in, arg);
        break;
    case 2:
        any_command(t, in);
        break;
    case 3:
        any_trb(t, in);
        break;
    case 4: {
        unsigned slot = (unsigned)fuzz_take(in, 1);
        doorbell(t, slot % 70, (uint32_t)fuzz_take(in, 2));
        break;
    }
    case 5:
        take_events(t, arg);
        break;
    case 6:
        control(t, in, arg);
        break;
    case 7:
        configure(t, in, arg);
        break;
    case 8:
        input(t, in);
        break;
    case 9:
        put(t, BAR + 0x440 + 16 * arg, fuzz_take(in, 4), 4);
        break;
    case 10:
        plug_or_pull(t, in, arg);
        break;
    case 11: {
        unsigned which = (unsigned)fuzz_take(in, 1);
        struct usb_device *d = which & 1 ? nth(t, which >> 1) : NULL;
        if (d && !d->dev.cls->post_load)
            break;
        fuzz_reload(f, d ? &d->dev : &f->pci->dev, in);
        break;
    }
    case 12:
        machine_lock(&f->m);
        machine_reset(&f->m, NULL);
        pci_config_write(f->pci, PCI_BASE_ADDRESS_0, (uint32_t)BAR, 4);
        pci_config_write(f->pci, PCI_COMMAND, 6, 2);
        machine_unlock(&f->m);
        break;
    case 13:
        put(t, BAR + 0x1020 + 4 * (arg & 7) + 32 * (arg >> 3), fuzz_take(in, 4), 4);
        break;
    case 14: {
        uint32_t at = (uint32_t)fuzz_take(in, 2) * 4;
        store_le32(f->ram->host + at, (uint32_t)fuzz_take(in, 4));
        break;
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_window windows[] = {{false, BAR, 0x4000},
                                                 {false, BAR + 0x40, 0x40},
                                                 {false, BAR + 0x440, 0x80},
                                                 {false, BAR + 0x1000, 0x60},
                                                 {false, BAR + 0x3000, 0x40}};
    struct fuzz_input in = {data, size, 0};
    struct target t = {0};

    fuzz_machine_init(&t.f);
    machine_lock(&t.f.m);
    fuzz_plug(&t.f, &qemu_xhci_class, "p2", "6");
    plug(&t, 3, "1");
    plug(&t, 0, "1.1");
    plug(&t, 1, "2");
    plug(&t, 2, "3");
    plug(&t, 0, "4");
    machine_reset(&t.f.m, NULL);
    pci_config_write(t.f.pci, PCI_BASE_ADDRESS_0, (uint32_t)BAR, 4);
    pci_config_write(t.f.pci, PCI_COMMAND, 6, 2);
    machine_unlock(&t.f.m);
    t.f.windows = windows;
    t.f.window_count = ARRAY_SIZE(windows);
    t.f.own = own;
    fuzz_run(&t.f, &in);
    machine_destroy(&t.f.m);
    return 0;
}
