/* The PCI function of the xHCI host controller, its life and its saved state: see xhci_internal.h.
 */
#include "hw/usb/xhci.h"

#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/usb/xhci_internal.h"

enum { DEVICE_ID = 0x000d, CLASS_XHCI = 0x0c0330, REVISION = 1, MSI_VECTORS = 16 };
enum { CONFIG_SBRN = 0x60, CONFIG_FLADJ = 0x61, SBRN_USB3 = 0x30, FLADJ_DEFAULT = 0x20 };

static struct xhci *from_dev(struct device *dev)
{
    return container_of(dev, struct xhci, pci.dev);
}

struct usb_bus *xhci_bus(struct device *dev)
{
    return (dev->cls == &qemu_xhci_class || dev->cls == &nec_usb_xhci_class) && dev->realized
               ? &from_dev(dev)->bus
               : NULL;
}

/* ---- memory ---------------------------------------------------------------------------------- */

void xhci_fail(struct xhci *s, uint32_t status, const char *what)
{
    guest_error(&s->pci, "xhci: %s; the controller stops", what);
    s->usbsts |= status | USBSTS_HCH;
    s->usbcmd &= ~(uint32_t)USBCMD_RS;
    s->command_running = false;
}

bool xhci_read(struct xhci *s, uint64_t addr, void *buf, uint32_t len)
{
    if (pci_dma_read(&s->pci, addr, buf, len) == MEM_OK)
        return true;
    memset(buf, 0, len);
    xhci_fail(s, USBSTS_HSE, "memory cannot be read");
    return false;
}

bool xhci_write(struct xhci *s, uint64_t addr, const void *buf, uint32_t len)
{
    if (pci_dma_write(&s->pci, addr, buf, len) == MEM_OK)
        return true;
    xhci_fail(s, USBSTS_HSE, "memory cannot be written");
    return false;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void mfindex_wrapped(void *opaque)
{
    struct xhci *s = opaque;

    if (xhci_running(s) && xhci_event_room(s, 0, 1))
        xhci_event(s, 0, 0, (uint32_t)CC_SUCCESS << 24, TRB_MFINDEX_WRAP << TRB_TYPE_SHIFT, true);
    xhci_arm_mfindex(s);
}

void xhci_reset_controller(struct xhci *s)
{
    s->usbcmd = s->dnctrl = s->config = 0;
    s->usbsts = USBSTS_HCH;
    s->dcbaap = s->crcr = 0;
    s->command_running = s->starved = false;
    s->commands = (struct xhci_ring){0};
    s->mfindex_start = clock_now(device_clocks(&s->pci.dev), VCLOCK_VIRTUAL);
    timer_cancel(&s->mfindex_wrap);
    timer_cancel(&s->microframe);
    xhci_interrupters_reset(s);
    xhci_slots_reset(s);
    xhci_ports_reset(s);
}

/* Bus mastering may be on again, or messages off. */
static void config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct xhci *s = container_of(pci, struct xhci, pci);

    if (size > 4) /* a reset or a load, which do what there is to be done */
        return;
    xhci_update_interrupts(s);
    if (range_overlaps(offset, size, PCI_COMMAND, 2) && xhci_running(s)) {
        xhci_run_commands(s);
        xhci_run_all_endpoints(s);
    }
}

static bool add_pci_parts(struct xhci *s, struct vemu_error **errp)
{
    struct device *dev = &s->pci.dev;

    mem_region_init_container(&s->bar, "xhci", XHCI_BAR_SIZE);
    mem_region_init_io(&s->regs, "xhci-registers", XHCI_REGS_SIZE, &xhci_ops, s, dev);
    mem_region_add(&s->bar, 0, &s->regs, 0);
    if (!pci_msix_add(&s->pci, &s->msix, s->interrupter_count, 0, XHCI_MSIX) ||
        !pci_msi_add(&s->pci, MSI_VECTORS, false))
        return error_set(errp, VEMU_ERROR_INVALID, "xhci: no room for MSI and MSI-X");
    mem_region_add(&s->bar, XHCI_MSIX, &s->msix.region, 0);
    s->pci.config[CONFIG_SBRN] = SBRN_USB3;
    s->pci.config[CONFIG_FLADJ] = FLADJ_DEFAULT;
    s->pci.wmask[CONFIG_FLADJ] = 0x3f;
    pci_bar_add(&s->pci, 0, PCI_BAR_MEM64, &s->bar);
    s->pci.config_written = config_written;
    return true;
}

/* Each connector has a port of either kind, as far as there are such. */
static void make_ports(struct xhci *s)
{
    enum { USB2 = 1 << USB_SPEED_LOW | 1 << USB_SPEED_FULL | 1 << USB_SPEED_HIGH };

    usb_bus_init(&s->bus, &s->pci.dev, MAX(s->p2, s->p3), &xhci_port_ops);
    s->bus.ready = xhci_bus_ready;
    s->bus.forget = xhci_bus_forget;
    for (unsigned n = 0; n < s->p2; n++) {
        s->ports[n] = (struct xhci_port){.usb = &s->bus.ports[n]};
        s->bus.ports[n].speeds |= USB2;
    }
    for (unsigned n = 0; n < s->p3; n++) {
        s->ports[s->p2 + n] = (struct xhci_port){.usb3 = true, .usb = &s->bus.ports[n]};
        s->bus.ports[n].speeds |= 1 << USB_SPEED_SUPER;
    }
    s->port_count = s->p2 + s->p3;
}

static bool xhci_realize(struct device *dev, struct vemu_error **errp)
{
    struct xhci *s = from_dev(dev);
    struct clock_set *clocks = device_clocks(dev);
    const struct pci_ident ident = {
        .vendor = PCI_VENDOR_REDHAT,
        .device = DEVICE_ID,
        .subsystem_vendor = PCI_VENDOR_VIRTIO,
        .subsystem = 0x1100,
        .class_code = CLASS_XHCI,
        .revision = REVISION,
        .interrupt_pin = 1,
    };

    if (!s->p2 && !s->p3)
        return error_set(errp, VEMU_ERROR_INVALID, "p2=0,p3=0: a controller needs a port");
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    if (!add_pci_parts(s, errp)) {
        pci_device_exit(&s->pci);
        return false;
    }
    make_ports(s);
    timer_init(&s->mfindex_wrap, clocks, VCLOCK_VIRTUAL, mfindex_wrapped, s);
    timer_init(&s->microframe, clocks, VCLOCK_VIRTUAL, xhci_next_microframe, s);
    for (unsigned n = 0; n < XHCI_INTERRUPTERS_MAX; n++) {
        s->interrupters[n].s = s;
        s->interrupters[n].number = (uint8_t)n;
        timer_init(&s->interrupters[n].moderation, clocks, VCLOCK_VIRTUAL, xhci_moderated,
                   &s->interrupters[n]);
    }
    s->usbsts = USBSTS_HCH;
    return true;
}

static void xhci_unrealize(struct device *dev)
{
    struct xhci *s = from_dev(dev);

    usb_bus_exit(&s->bus);
    xhci_reset_controller(s);
    pci_device_exit(&s->pci);
}

static void xhci_reset(struct device *dev)
{
    struct xhci *s = from_dev(dev);

    s->legacy = 0;
    xhci_reset_controller(s);
    pci_device_reset(&s->pci);
}

/* ---- state ----------------------------------------------------------------------------------- */

static bool check_slot(const struct xhci *s, unsigned n)
{
    const struct xhci_slot *slot = &s->slots[n];

    if (n >= s->slot_count && slot->enabled)
        return false;
    for (unsigned e = 0; e < XHCI_ENDPOINTS; e++) {
        const struct xhci_endpoint *ep = &slot->endpoints[e];
        uint32_t max_packet = xhci_endpoint_max_packet(ep);
        if (ep->state == ENDPOINT_DISABLED)
            continue;
        if (!slot->enabled || !max_packet || max_packet > XHCI_MAX_PACKET)
            return false;
    }
    return true;
}

static bool xhci_post_load(struct device *dev, struct vemu_error **errp)
{
    struct xhci *s = from_dev(dev);
    bool ok = xhci_interrupters_check(s) &&
              s->mfindex_start <= clock_now(device_clocks(dev), VCLOCK_VIRTUAL);

    for (unsigned n = 0; n < XHCI_SLOTS_MAX && ok; n++)
        ok = check_slot(s, n);
    if (!ok) {
        xhci_reset_controller(s);
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of %s: rings and contexts that it cannot have",
                         dev->cls->name);
    }
    for (unsigned n = 0; n < XHCI_SLOTS_MAX; n++) {
        struct xhci_slot *slot = &s->slots[n];
        slot->dev = slot->has_device ? xhci_find_device(s, slot) : NULL;
        slot->has_device = slot->dev != NULL;
    }
    s->wanted = true;
    xhci_ports_post_load(s);
    return pci_device_post_load(&s->pci, errp);
}

static const struct prop_desc xhci_props[] = {
    PCI_PROPS(struct xhci, pci),
    PROP(PROP_U32, struct xhci, p2, "p2", "4", "ports for devices of USB 2 and before",
         .max = USB_ROOT_PORTS_MAX),
    PROP(PROP_U32, struct xhci, p3, "p3", "4", "ports for devices of USB 3",
         .max = USB_ROOT_PORTS_MAX),
    PROP(PROP_U32, struct xhci, interrupter_count, "intrs", "16", "interrupters", .min = 1,
         .max = XHCI_INTERRUPTERS_MAX),
    PROP(PROP_U32, struct xhci, slot_count, "slots", "64", "device slots", .min = 1,
         .max = XHCI_SLOTS_MAX),
    {0},
};

static const struct state_field port_state[] = {
    STATE_INT(struct xhci_port, portsc),
    STATE_INT(struct xhci_port, portpmsc, .max = 0x1ffff),
    STATE_FLAG(struct xhci_port, event_owed),
    STATE_FIELDS_END,
};
static const struct state_field segment_state[] = {
    STATE_INT(struct xhci_segment, base),
    STATE_INT(struct xhci_segment, size),
    STATE_FIELDS_END,
};
static const struct state_field interrupter_state[] = {
    STATE_INT(struct xhci_interrupter, iman, .max = IMAN_IP | IMAN_IE),
    STATE_INT(struct xhci_interrupter, imod, .max = 0xffff),
    STATE_INT(struct xhci_interrupter, erstsz, .max = 0xffff),
    STATE_INT(struct xhci_interrupter, erstba),
    STATE_INT(struct xhci_interrupter, erdp),
    STATE_ARRAY_OF(struct xhci_interrupter, segments, segment_state),
    STATE_INT(struct xhci_interrupter, segment_count, .max = XHCI_SEGMENTS_MAX),
    STATE_INT(struct xhci_interrupter, segment, .max = XHCI_SEGMENTS_MAX - 1),
    STATE_INT(struct xhci_interrupter, index),
    STATE_FLAG(struct xhci_interrupter, cycle),
    STATE_FLAG(struct xhci_interrupter, wanted),
    STATE_INT(struct xhci_interrupter, next_ns, .max = INT64_MAX),
    STATE_DEADLINE(struct xhci_interrupter, moderation),
    STATE_FIELDS_END,
};
static const struct state_field ring_state[] = {
    STATE_INT(struct xhci_ring, dequeue),
    STATE_FLAG(struct xhci_ring, cycle),
    STATE_FIELDS_END,
};
static const struct state_field endpoint_state[] = {
    STATE_INT(struct xhci_endpoint, state, .max = ENDPOINT_ERROR),
    STATE_INT_ARRAY(struct xhci_endpoint, words),
    STATE_NESTED(struct xhci_endpoint, ring, ring_state),
    STATE_INT(struct xhci_endpoint, done),
    STATE_FIELDS_END,
};
static const struct state_field slot_state[] = {
    STATE_FLAG(struct xhci_slot, enabled),
    STATE_INT(struct xhci_slot, state, .max = SLOT_CONFIGURED),
    STATE_INT_ARRAY(struct xhci_slot, words),
    STATE_INT(struct xhci_slot, context),
    STATE_FLAG(struct xhci_slot, has_device),
    STATE_INT(struct xhci_slot, stage, .max = STAGE_STATUS),
    STATE_BUFFER(struct xhci_slot, setup),
    STATE_INT(struct xhci_slot, pending, .max = INT32_MAX),
    STATE_INT(struct xhci_slot, later, .max = INT32_MAX),
    STATE_ARRAY_OF(struct xhci_slot, endpoints, endpoint_state),
    STATE_FIELDS_END,
};
static const struct state_field xhci_state[] = {
    STATE_PCI(struct xhci, pci),
    STATE_MSIX(struct xhci, msix),
    STATE_ARRAY_OF(struct xhci, ports, port_state),
    STATE_INT(struct xhci, usbcmd, .max = USBCMD_KEPT),
    STATE_INT(struct xhci, usbsts, .max = 0x1fff),
    STATE_INT(struct xhci, dnctrl, .max = 0xffff),
    STATE_INT(struct xhci, config, .max = 0xff),
    STATE_INT(struct xhci, dcbaap),
    STATE_INT(struct xhci, crcr),
    STATE_INT(struct xhci, legacy, .max = XHCI_LEGACY_OWNERS),
    STATE_FLAG(struct xhci, command_running),
    STATE_NESTED(struct xhci, commands, ring_state),
    STATE_INT(struct xhci, mfindex_start, .max = INT64_MAX),
    STATE_DEADLINE(struct xhci, mfindex_wrap),
    STATE_DEADLINE(struct xhci, microframe),
    STATE_FLAG(struct xhci, starved),
    STATE_ARRAY_OF(struct xhci, interrupters, interrupter_state),
    STATE_ARRAY_OF(struct xhci, slots, slot_state),
    STATE_FIELDS_END,
};

#define XHCI_CLASS(name_, help_)                                                                   \
    {                                                                                              \
        .name = (name_), .help = (help_), .size = sizeof(struct xhci), .user_creatable = true,     \
        .bus = "pci", .props = xhci_props, .state = xhci_state, .state_version = 1,                \
        .realize = xhci_realize, .unrealize = xhci_unrealize, .reset = xhci_reset,                 \
        .post_load = xhci_post_load                                                                \
    }
const struct device_class qemu_xhci_class = XHCI_CLASS("qemu-xhci", "USB 3 host controller");
const struct device_class nec_usb_xhci_class =
    XHCI_CLASS("nec-usb-xhci", "another name of qemu-xhci");
