#include "tests/device/xhci_driver.h"

#include <criterion/criterion.h>
#include <string.h>
#include "core/util/error.h"

uint32_t xt_read(struct xt *x, uint32_t reg)
{
    return read32(&x->t.m, XT_BAR + reg);
}
void xt_write(struct xt *x, uint32_t reg, uint32_t value)
{
    write32(&x->t.m, XT_BAR + reg, value);
}
void xt_write64(struct xt *x, uint32_t reg, uint64_t value)
{
    write64(&x->t.m, XT_BAR + reg, value);
}

void xt_plug(struct xt *x, const char *props)
{
    memset(x, 0, sizeof *x);
    vt_machine(&x->t, "raw", 0);
    vt_plug(&x->t, &qemu_xhci_class, props);
    vt_config_write(&x->t, 0x10, (uint32_t)XT_BAR);
    vt_config_write(&x->t, 0x14, 0);
    vt_config_write(&x->t, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    for (unsigned n = 0; n < 4; n++) {
        write64(&x->t.m, XT_BAR + 0x3000 + 16 * n, 0xfee00000);
        write32(&x->t.m, XT_BAR + 0x3000 + 16 * n + 8, 0x40 + n);
        write32(&x->t.m, XT_BAR + 0x3000 + 16 * n + 12, 0);
    }
}

void xt_free(struct xt *x)
{
    vt_free(&x->t);
}

struct usb_device *xt_usb(struct xt *x, const struct usb_device_class *cls, const char *port)
{
    struct vemu_error *err = NULL;
    machine_lock(&x->t.m);
    struct device *dev = made(device_new(&x->t.m, &cls->device, NULL, &err), err);
    if (port)
        cr_assert(device_set_prop(dev, "port", port, &err));
    bool ok = usb_plug(&x->t.m, dev, &err) && device_realize(dev, &err);
    cr_assert(ok, "%s", err ? vemu_error_message(err) : "");
    machine_unlock(&x->t.m);
    return (struct usb_device *)dev;
}

static void clear(struct xt *x, uint64_t at, uint32_t len)
{
    for (uint32_t n = 0; n < len; n += 8)
        write64(&x->t.m, at + n, 0);
}

void xt_start(struct xt *x)
{
    xt_write(x, XT_USBCMD, USBCMD_HCRST);
    cr_assert_eq(xt_read(x, XT_USBSTS), USBSTS_HCH);
    clear(x, XT_DCBAA, 0x10000);
    clear(x, XT_TRANSFERS(0, 0), 0x40000);
    x->commands = (struct xt_ring){0, true};
    x->event = 0;
    x->event_cycle = true;
    write64(&x->t.m, XT_ERST, XT_EVENTS);
    write64(&x->t.m, XT_ERST + 8, XT_RING);
    xt_write(x, XT_CONFIG, XT_SLOTS);
    xt_write64(x, XT_DCBAAP, XT_DCBAA);
    xt_write64(x, XT_CRCR, XT_COMMANDS | CRCR_RCS);
    xt_write(x, XT_ERSTSZ, 1);
    xt_write64(x, XT_ERDP, XT_EVENTS);
    xt_write64(x, XT_ERSTBA, XT_ERST);
    xt_write(x, XT_IMOD, 0);
    xt_write(x, XT_IMAN, IMAN_IE);
    for (unsigned n = 1; n <= XT_SLOTS; n++)
        write64(&x->t.m, XT_DCBAA + 8 * n, XT_CONTEXT(n));
    xt_write(x, XT_USBCMD, USBCMD_RS | USBCMD_INTE);
    cr_assert_eq(xt_read(x, XT_USBSTS) & USBSTS_HCH, 0);
}

void xt_trb(struct xt *x, uint64_t at, uint64_t parameter, uint32_t status, uint32_t control)
{
    write64(&x->t.m, at, parameter);
    write32(&x->t.m, at + 8, status);
    write32(&x->t.m, at + 12, control);
}

static uint64_t put(struct xt *x, struct xt_ring *r, uint64_t base, uint64_t parameter,
                    uint32_t status, uint32_t control)
{
    uint64_t at = base + 16 * r->at;
    xt_trb(x, at, parameter, status, control | r->cycle);
    if (++r->at == XT_RING - 1) {
        xt_trb(x, base + 16 * r->at, base, 0,
               TRB_LINK << 10 | TRB_TOGGLE_CYCLE | (control & TRB_CHAIN) | r->cycle);
        r->at = 0;
        r->cycle = !r->cycle;
    }
    return at;
}

uint64_t xt_put(struct xt *x, unsigned slot, unsigned dci, uint64_t parameter, uint32_t status,
                uint32_t control)
{
    return put(x, &x->transfers[slot][dci], XT_TRANSFERS(slot, dci), parameter, status, control);
}

void xt_ring(struct xt *x, unsigned slot, unsigned target)
{
    xt_write(x, XT_DOORBELLS + 4 * slot, target);
}

bool xt_event(struct xt *x)
{
    uint64_t at = XT_EVENTS + 16 * x->event;
    uint32_t control = read32(&x->t.m, at + 12);
    if ((control & 1) != x->event_cycle)
        return false;
    x->parameter = read64(&x->t.m, at);
    x->status = read32(&x->t.m, at + 8);
    x->control = control;
    if (++x->event == XT_RING) {
        x->event = 0;
        x->event_cycle = !x->event_cycle;
    }
    xt_write64(x, XT_ERDP, (XT_EVENTS + 16 * x->event) | ERDP_EHB);
    return true;
}

void xt_no_event(struct xt *x)
{
    cr_assert(!xt_event(x), "type %u code %u", xt_type(x), xt_code(x));
}

int xt_command(struct xt *x, uint64_t parameter, uint32_t status, uint32_t control)
{
    uint64_t at = put(x, &x->commands, XT_COMMANDS, parameter, status, control);
    xt_ring(x, 0, 0);
    while (xt_event(x)) {
        if (xt_type(x) == TRB_COMMAND_COMPLETION) {
            cr_expect_eq(x->parameter, at);
            return (int)xt_code(x);
        }
    }
    return -1;
}

void xt_input(struct xt *x, uint32_t drop, uint32_t add)
{
    clear(x, XT_INPUT, 33 * 32);
    write32(&x->t.m, XT_INPUT, drop);
    write32(&x->t.m, XT_INPUT + 4, add);
}

void xt_input_slot(struct xt *x, unsigned root_port, uint32_t route, unsigned entries)
{
    write32(&x->t.m, XT_INPUT + 32, route | 3u << 20 | entries << 27);
    write32(&x->t.m, XT_INPUT + 36, root_port << 16);
}

void xt_input_endpoint(struct xt *x, unsigned slot, unsigned dci, unsigned type,
                       unsigned max_packet)
{
    uint64_t at = XT_INPUT + 32 + 32 * dci;
    write32(&x->t.m, at + 4, 3 << 1 | type << 3 | max_packet << 16);
    write64(&x->t.m, at + 8, XT_TRANSFERS(slot, dci) | 1);
    clear(x, XT_TRANSFERS(slot, dci), 0x400);
    x->transfers[slot][dci] = (struct xt_ring){0, true};
}

unsigned xt_address(struct xt *x, unsigned root_port, uint32_t route)
{
    if (!route)
        xt_write(x, XT_PORTSC(root_port), 1 << 9 | 1 << 4);
    cr_assert_eq(xt_command(x, 0, 0, TRB_ENABLE_SLOT << 10), CC_SUCCESS);
    unsigned slot = x->control >> 24;
    xt_input(x, 0, 3);
    xt_input_slot(x, root_port, route, 1);
    xt_input_endpoint(x, slot, 1, ENDPOINT_CONTROL, 64);
    cr_assert_eq(xt_command(x, XT_INPUT, 0, xt_slot_command(TRB_ADDRESS_DEVICE, slot, 0)),
                 CC_SUCCESS);
    return slot;
}

int xt_control(struct xt *x, unsigned slot, uint8_t type, uint8_t request, uint16_t value,
               uint16_t index, uint16_t length)
{
    uint64_t setup = type | request << 8 | (uint64_t)value << 16 | (uint64_t)index << 32 |
                     (uint64_t)length << 48;
    bool in = type & USB_DIR_IN;
    int code = -1;
    xt_put(x, slot, 1, setup, 8, TRB_SETUP << 10 | TRB_IDT);
    if (length)
        xt_put(x, slot, 1, XT_DATA, length,
               TRB_DATA << 10 | TRB_ISP | (in ? (uint32_t)TRB_DIR_IN : 0));
    xt_put(x, slot, 1, 0, 0,
           TRB_STATUS << 10 | TRB_IOC | (in && length ? 0 : (uint32_t)TRB_DIR_IN));
    xt_ring(x, slot, 1);
    while (xt_event(x)) {
        if (xt_type(x) == TRB_TRANSFER_EVENT)
            code = (int)xt_code(x);
    }
    return code;
}

void xt_configure(struct xt *x, unsigned slot, unsigned max_packet)
{
    cr_assert_eq(xt_control(x, slot, 0, USB_REQ_SET_CONFIGURATION, 1, 0, 0), CC_SUCCESS);
    xt_input(x, 0, 1 | 1 << 3);
    xt_input_slot(x, 1, 0, 3);
    xt_input_endpoint(x, slot, 3, 7, max_packet);
    cr_assert_eq(xt_command(x, XT_INPUT, 0, xt_slot_command(TRB_CONFIGURE_ENDPOINT, slot, 0)),
                 CC_SUCCESS);
}
