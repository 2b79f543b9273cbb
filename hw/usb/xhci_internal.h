/*
 * Between the parts of the xHCI host controller. Private to hw/usb/xhci*.c.
 *
 *   xhci.c           PCI function, life, saved state
 *   xhci_regs.c      capability, operational, runtime and doorbell registers
 *   xhci_port.c      port registers and what happens in ports
 *   xhci_event.c     event rings, interrupts and their moderation
 *   xhci_ring.c      rings that the driver fills
 *   xhci_command.c   the command ring, slots
 *   xhci_context.c   commands that go by an input context
 *   xhci_transfer.c  endpoints and their transfers
 *
 * Everything happens in the access that asks for it. What cannot be done yet stays in its ring: an
 * endpoint whose device answers NAK waits for usb_ready(); commands and transfers whose events have
 * no room wait for the driver to take some (`starved`); an endpoint that has had its share waits
 * for the next microframe (`later`). So a saved state is registers, contexts and places in rings.
 *
 * What the guest gives is copied, then looked at: each TRB, context and table entry is read once.
 */
#ifndef HW_USB_XHCI_INTERNAL_H
#define HW_USB_XHCI_INTERNAL_H

#include "core/clock/clock.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci.h"
#include "hw/usb/usb.h"
#include "hw/usb/xhci.h"

enum {
    XHCI_SLOTS_MAX = 64,
    XHCI_INTERRUPTERS_MAX = 16,
    XHCI_PORTS_MAX = 2 * USB_ROOT_PORTS_MAX,
    XHCI_SEGMENTS_LOG2 = 4, /* of an event ring */
    XHCI_SEGMENTS_MAX = 1 << XHCI_SEGMENTS_LOG2,
    XHCI_ENDPOINTS = 31, /* of a slot; index: device context index less one */
    XHCI_TD_TRBS_MAX = 1024,
    XHCI_TRB_SIZE = 16,
    XHCI_CONTEXT_SIZE = 32,
    XHCI_MICROFRAME_NS = 125000,
    XHCI_MAX_PACKET = 1024,
};

enum {
    USBCMD_RS = 1 << 0,
    USBCMD_HCRST = 1 << 1,
    USBCMD_INTE = 1 << 2,
    USBCMD_HSEE = 1 << 3,
    USBCMD_CSS = 1 << 8,
    USBCMD_CRS = 1 << 9,
    USBCMD_EWE = 1 << 10,
    USBCMD_KEPT = USBCMD_RS | USBCMD_INTE | USBCMD_HSEE | USBCMD_EWE,
};
enum {
    USBSTS_HCH = 1 << 0,
    USBSTS_HSE = 1 << 2,
    USBSTS_EINT = 1 << 3,
    USBSTS_PCD = 1 << 4,
    USBSTS_SRE = 1 << 10,
    USBSTS_HCE = 1 << 12,
    USBSTS_W1C = USBSTS_HSE | USBSTS_EINT | USBSTS_PCD | USBSTS_SRE,
};
enum { CRCR_RCS = 1 << 0, CRCR_CS = 1 << 1, CRCR_CA = 1 << 2, CRCR_CRR = 1 << 3 };
enum { IMAN_IP = 1 << 0, IMAN_IE = 1 << 1, ERDP_EHB = 1 << 3 };

enum xhci_trb_type {
    TRB_NORMAL = 1,
    TRB_SETUP,
    TRB_DATA,
    TRB_STATUS,
    TRB_ISOCH,
    TRB_LINK,
    TRB_EVENT_DATA,
    TRB_NO_OP,
    TRB_ENABLE_SLOT,
    TRB_DISABLE_SLOT,
    TRB_ADDRESS_DEVICE,
    TRB_CONFIGURE_ENDPOINT,
    TRB_EVALUATE_CONTEXT,
    TRB_RESET_ENDPOINT,
    TRB_STOP_ENDPOINT,
    TRB_SET_TR_DEQUEUE,
    TRB_RESET_DEVICE,
    TRB_GET_PORT_BANDWIDTH = 21,
    TRB_NO_OP_COMMAND = 23,
    TRB_TRANSFER_EVENT = 32,
    TRB_COMMAND_COMPLETION,
    TRB_PORT_STATUS_CHANGE,
    TRB_MFINDEX_WRAP = 39,
};
/* The control word of a TRB. */
enum {
    TRB_CYCLE = 1 << 0,
    TRB_TOGGLE_CYCLE = 1 << 1, /* link */
    TRB_ISP = 1 << 2,
    TRB_EVENT_IS_DATA = 1 << 2, /* transfer event */
    TRB_CHAIN = 1 << 4,
    TRB_IOC = 1 << 5,
    TRB_IDT = 1 << 6,
    TRB_BSR = 1 << 9,         /* Address Device: do not send SET_ADDRESS */
    TRB_DECONFIGURE = 1 << 9, /* Configure Endpoint */
    TRB_BEI = 1 << 9,         /* no interrupt for the event */
    TRB_TYPE_SHIFT = 10,
    TRB_DIR_IN = 1 << 16,
};

enum xhci_completion {
    CC_SUCCESS = 1,
    CC_DATA_BUFFER_ERROR = 2,
    CC_BABBLE = 3,
    CC_TRANSACTION_ERROR = 4,
    CC_TRB_ERROR = 5,
    CC_STALL = 6,
    CC_BANDWIDTH_ERROR = 8,
    CC_NO_SLOTS = 9,
    CC_SLOT_NOT_ENABLED = 11,
    CC_ENDPOINT_NOT_ENABLED = 12,
    CC_SHORT_PACKET = 13,
    CC_PARAMETER_ERROR = 17,
    CC_CONTEXT_STATE_ERROR = 19,
    CC_COMMAND_RING_STOPPED = 24,
    CC_STOPPED = 26,
};

struct xhci_trb {
    uint64_t parameter;
    uint32_t status, control;
    uint64_t addr; /* where it was read */
};
static inline enum xhci_trb_type xhci_trb_type(const struct xhci_trb *trb)
{
    return (enum xhci_trb_type)(trb->control >> TRB_TYPE_SHIFT & 63);
}

/* What the driver fills: commands, transfers. */
struct xhci_ring {
    uint64_t dequeue;
    bool cycle;
};

/* ---- slots ----------------------------------------------------------------------------------- */

enum xhci_endpoint_state {
    ENDPOINT_DISABLED,
    ENDPOINT_RUNNING,
    ENDPOINT_HALTED,
    ENDPOINT_STOPPED,
    ENDPOINT_ERROR,
};
enum {
    ENDPOINT_ISOCH_OUT = 1,
    ENDPOINT_CONTROL = 4,
    ENDPOINT_ISOCH_IN = 5,
    ENDPOINT_TYPE_IN = 4, /* bit; control has it, too */
};
enum xhci_control_stage { STAGE_SETUP, STAGE_DATA, STAGE_STATUS }; /* what is awaited */

struct xhci_endpoint {
    uint8_t state;     /* enum xhci_endpoint_state */
    uint32_t words[2]; /* of its context, as the driver gave them: type, sizes */
    struct xhci_ring ring;
    uint32_t done; /* bytes moved of the transfer at ring.dequeue */
};

enum xhci_slot_state { SLOT_ENABLED, SLOT_DEFAULT, SLOT_ADDRESSED, SLOT_CONFIGURED };

struct xhci_slot {
    bool enabled;
    uint8_t state;     /* enum xhci_slot_state */
    uint32_t words[3]; /* of its context, as the driver gave them */
    uint64_t context;  /* the device context's address */
    bool has_device;
    /* of endpoint 0 */
    uint8_t stage; /* enum xhci_control_stage */
    uint8_t setup[USB_SETUP_SIZE];

    uint32_t pending; /* endpoints to be looked at: a bit for each index */
    uint32_t later;   /* the same, in the next microframe */
    struct xhci_endpoint endpoints[XHCI_ENDPOINTS];

    struct usb_device *dev; /* NULL: there is none any more */
};
static inline unsigned xhci_slot_root_port(const struct xhci_slot *slot)
{
    return slot->words[1] >> 16 & 0xff;
}
static inline unsigned xhci_endpoint_type(const struct xhci_endpoint *ep)
{
    return ep->words[1] >> 3 & 7;
}
static inline uint32_t xhci_endpoint_max_packet(const struct xhci_endpoint *ep)
{
    return ep->words[1] >> 16;
}

/* ---- event rings ----------------------------------------------------------------------------- */

struct xhci_segment {
    uint64_t base;
    uint32_t size; /* TRBs */
};

struct xhci_interrupter {
    uint32_t iman, imod, erstsz;
    uint64_t erstba, erdp;
    /* the ring, as the table was when its address was written */
    struct xhci_segment segments[XHCI_SEGMENTS_MAX];
    uint8_t segment_count; /* 0: there is none */
    uint8_t segment;       /* where the next event goes */
    uint32_t index;
    bool cycle;

    bool wanted;      /* there are events that the driver was not interrupted for */
    uint64_t next_ns; /* no interrupt before that */
    struct timer moderation;

    struct xhci *s;
    uint8_t number;
};

struct xhci_port {
    uint32_t portsc, portpmsc;
    bool event_owed; /* a status change that no event told of */
    bool usb3;
    struct usb_port *usb;
};

/* ---- the controller -------------------------------------------------------------------------- */

struct xhci {
    struct pci_device pci;
    struct pci_msix msix;
    /* properties */
    uint32_t p2, p3, interrupter_count, slot_count;

    struct usb_bus bus;
    struct xhci_port ports[XHCI_PORTS_MAX]; /* those of USB 2, then those of USB 3 */
    unsigned port_count;

    uint32_t usbcmd, usbsts, dnctrl, config;
    uint64_t dcbaap, crcr;
    uint32_t legacy; /* who owns the controller: USBLEGSUP */
    bool command_running;
    struct xhci_ring commands;
    int64_t mfindex_start; /* virtual time of microframe 0 */
    struct timer mfindex_wrap;
    struct timer microframe; /* endpoints that are to go on */
    bool starved;            /* something waits for room in an event ring */
    struct xhci_interrupter interrupters[XHCI_INTERRUPTERS_MAX];
    struct xhci_slot slots[XHCI_SLOTS_MAX];

    bool busy;                            /* endpoints are being looked at */
    bool wanted;                          /* an endpoint is pending */
    struct xhci_trb td[XHCI_TD_TRBS_MAX]; /* the transfer that is looked at */
    uint8_t data[UINT16_MAX];             /* of a control transfer */

    struct mem_region bar, regs;
};

static inline bool xhci_running(const struct xhci *s)
{
    return !(s->usbsts & (USBSTS_HCH | USBSTS_HSE | USBSTS_HCE)) && pci_may_dma(&s->pci);
}
/* NULL: there is no such slot, or it is not enabled. */
static inline struct xhci_slot *xhci_slot(struct xhci *s, unsigned id)
{
    return id >= 1 && id <= s->slot_count && s->slots[id - 1].enabled ? &s->slots[id - 1] : NULL;
}
static inline unsigned xhci_slot_id(const struct xhci *s, const struct xhci_slot *slot)
{
    return (unsigned)(slot - s->slots) + 1;
}

/* xhci.c */
/* To the state after HCRST. */
void xhci_reset_controller(struct xhci *s);
/* DMA that stops the controller when it fails: a host system error. */
bool xhci_read(struct xhci *s, uint64_t addr, void *buf, uint32_t len);
bool xhci_write(struct xhci *s, uint64_t addr, const void *buf, uint32_t len);
/* What the driver did leaves no way on but a reset. */
void xhci_fail(struct xhci *s, uint32_t status, const char *what);

/* xhci_regs.c */
extern const struct mem_ops xhci_ops;
enum { XHCI_REGS_SIZE = 0x3000, XHCI_MSIX = 0x3000, XHCI_BAR_SIZE = 0x4000 };
enum { XHCI_LEGACY_OWNERS = 1 << 16 | 1 << 24 };
void xhci_arm_mfindex(struct xhci *s);

/* xhci_port.c */
extern const struct usb_port_ops xhci_port_ops;
uint32_t xhci_port_read(struct xhci *s, unsigned port, unsigned reg);
void xhci_port_write(struct xhci *s, unsigned port, unsigned reg, uint32_t value);
void xhci_ports_reset(struct xhci *s);
/* What is plugged in is what it was, or not. */
void xhci_ports_post_load(struct xhci *s);
/* Tells of changes that there was no room for, or nobody to be told. */
void xhci_ports_tell(struct xhci *s);
/* The device that a slot context's route leads to. */
struct usb_device *xhci_find_device(struct xhci *s, const struct xhci_slot *slot);

/* xhci_event.c */
void xhci_interrupters_reset(struct xhci *s);
uint32_t xhci_interrupter_read(struct xhci *s, unsigned n, unsigned reg);
void xhci_interrupter_write(struct xhci *s, unsigned n, unsigned reg, uint32_t value);
/* Is there room for that many events? A ring that is empty takes what it can. If not: starved. */
bool xhci_event_room(struct xhci *s, unsigned interrupter, unsigned count);
/* type and flags are those of control, without the cycle bit. */
void xhci_event(struct xhci *s, unsigned interrupter, uint64_t parameter, uint32_t status,
                uint32_t control, bool interrupt);
/* Enables or messages may have changed: raises what is pending. */
void xhci_update_interrupts(struct xhci *s);
void xhci_moderated(void *opaque);
bool xhci_interrupters_check(const struct xhci *s);

/* xhci_ring.c */
enum xhci_fetch { RING_TRB, RING_EMPTY, RING_BAD };
/* The TRB at the ring's dequeue pointer, which moves over links and stays at the TRB. */
enum xhci_fetch xhci_ring_peek(struct xhci *s, struct xhci_ring *ring, struct xhci_trb *trb);
static inline void xhci_ring_next(struct xhci_ring *ring)
{
    ring->dequeue += XHCI_TRB_SIZE;
}

/* xhci_command.c */
void xhci_run_commands(struct xhci *s);
void xhci_stop_commands(struct xhci *s);
void xhci_slots_reset(struct xhci *s);
/* Their parts in guest memory. False: DMA failed. */
bool xhci_slot_write_context(struct xhci *s, const struct xhci_slot *slot);
bool xhci_endpoint_write_context(struct xhci *s, const struct xhci_slot *slot, unsigned index);

/* xhci_context.c: they return a completion code. */
enum xhci_completion xhci_address_device(struct xhci *s, struct xhci_slot *slot,
                                         const struct xhci_trb *trb);
enum xhci_completion xhci_configure_endpoints(struct xhci *s, struct xhci_slot *slot,
                                              const struct xhci_trb *trb);
enum xhci_completion xhci_evaluate_context(struct xhci *s, struct xhci_slot *slot,
                                           const struct xhci_trb *trb);
/* Endpoints but the control endpoint. */
void xhci_disable_endpoints(struct xhci_slot *slot);

/* xhci_transfer.c */
void xhci_endpoint_set_state(struct xhci *s, struct xhci_slot *slot, unsigned index,
                             enum xhci_endpoint_state state);
/* Tells of the transfer that does not go on, if there is one. */
void xhci_endpoint_stopped(struct xhci *s, struct xhci_slot *slot, unsigned index);
void xhci_doorbell(struct xhci *s, unsigned slot, uint32_t value);
/* Looks at endpoints that are pending. */
void xhci_run_endpoints(struct xhci *s);
void xhci_run_all_endpoints(struct xhci *s);
void xhci_next_microframe(void *opaque);
/* For the bus. */
void xhci_bus_ready(struct usb_bus *bus, struct usb_device *dev, unsigned endpoint);
void xhci_bus_forget(struct usb_bus *bus, struct usb_device *dev);

#endif
