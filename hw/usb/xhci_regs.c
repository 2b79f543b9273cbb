/*
 * Capability, operational, runtime and doorbell registers. xHCI 1.1, chapter "Register Interface".
 *
 *   0x0000 capability, 0x0040 operational, 0x0440 ports, 0x0700 extended capabilities,
 *   0x1000 runtime, 0x2000 doorbells
 */
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/usb/xhci_internal.h"

enum {
    OPERATIONAL = 0x40,
    PORTS = OPERATIONAL + 0x400,
    PORT_SIZE = 0x10,
    EXTENDED = 0x700,
    RUNTIME = 0x1000,
    INTERRUPTERS = RUNTIME + 0x20,
    INTERRUPTER_SIZE = 0x20,
    DOORBELLS = 0x2000,
};
enum {
    CAP_CAPLENGTH = 0x00,
    CAP_HCSPARAMS1 = 0x04,
    CAP_HCSPARAMS2 = 0x08,
    CAP_HCCPARAMS1 = 0x10,
    CAP_DBOFF = 0x14,
    CAP_RTSOFF = 0x18,
    HCIVERSION = 0x0110,
    HCC_AC64 = 1 << 0,
    SCHEDULING_THRESHOLD = 15, /* microframes: nothing is fetched ahead */
};
enum {
    REG_USBCMD = OPERATIONAL + 0x00,
    REG_USBSTS = OPERATIONAL + 0x04,
    REG_PAGESIZE = OPERATIONAL + 0x08,
    REG_DNCTRL = OPERATIONAL + 0x14,
    REG_CRCR = OPERATIONAL + 0x18,
    REG_DCBAAP = OPERATIONAL + 0x30,
    REG_CONFIG = OPERATIONAL + 0x38,
};
enum { EXTENDED_LEGACY = 1, EXTENDED_PROTOCOL = 2 };
enum {
    LEGACY = EXTENDED,
    PROTOCOL2 = EXTENDED + 0x10,
    PROTOCOL3 = EXTENDED + 0x20,
    EXTENDED_END = EXTENDED + 0x30,
};
enum { MFINDEX_BITS = 14, PROTOCOL_NAME = 0x20425355 /* "USB " */ };

/* ---- capabilities ---------------------------------------------------------------------------- */

static uint32_t read_capability(const struct xhci *s, uint64_t offset)
{
    switch (offset) {
    case CAP_CAPLENGTH:
        return OPERATIONAL | HCIVERSION << 16;
    case CAP_HCSPARAMS1:
        return s->slot_count | s->interrupter_count << 8 | s->port_count << 24;
    case CAP_HCSPARAMS2:
        return SCHEDULING_THRESHOLD | XHCI_SEGMENTS_LOG2 << 4;
    case CAP_HCCPARAMS1:
        return HCC_AC64 | (EXTENDED / 4) << 16;
    case CAP_DBOFF:
        return DOORBELLS;
    case CAP_RTSOFF:
        return RUNTIME;
    default:
        return 0;
    }
}

static uint32_t read_protocol(const struct xhci *s, bool usb3, unsigned reg)
{
    unsigned count = usb3 ? s->p3 : s->p2, first = usb3 ? s->p2 + 1 : 1;

    switch (reg) {
    case 0x0: {
        unsigned next = usb3 ? 0 : (PROTOCOL3 - PROTOCOL2) / 4;
        return EXTENDED_PROTOCOL | next << 8 | (usb3 ? 3u : 2u) << 24;
    }
    case 0x4:
        return PROTOCOL_NAME;
    case 0x8:
        return count ? first | count << 8 : 0;
    default:
        return 0;
    }
}

static uint32_t read_extended(const struct xhci *s, uint64_t offset)
{
    if (offset == LEGACY)
        return EXTENDED_LEGACY | (PROTOCOL2 - LEGACY) / 4 << 8 | s->legacy;
    if (offset >= PROTOCOL3)
        return read_protocol(s, true, (unsigned)(offset - PROTOCOL3));
    if (offset >= PROTOCOL2)
        return read_protocol(s, false, (unsigned)(offset - PROTOCOL2));
    return 0; /* there are no SMIs */
}

/* ---- microframes ----------------------------------------------------------------------------- */

static int64_t microframe(struct xhci *s)
{
    int64_t now = clock_now(device_clocks(&s->pci.dev), VCLOCK_VIRTUAL);

    return (now - s->mfindex_start) / XHCI_MICROFRAME_NS;
}

void xhci_arm_mfindex(struct xhci *s)
{
    int64_t next = ((microframe(s) >> MFINDEX_BITS) + 1) << MFINDEX_BITS;

    if (xhci_running(s) && (s->usbcmd & USBCMD_EWE))
        timer_set(&s->mfindex_wrap, s->mfindex_start + next * XHCI_MICROFRAME_NS);
    else
        timer_cancel(&s->mfindex_wrap);
}

/* ---- operational registers ------------------------------------------------------------------- */

static void run(struct xhci *s)
{
    s->usbsts &= ~(uint32_t)USBSTS_HCH;
    xhci_ports_tell(s);
    xhci_run_all_endpoints(s);
}

static void halt(struct xhci *s)
{
    s->usbsts |= USBSTS_HCH;
    s->command_running = false;
}

static void write_usbcmd(struct xhci *s, uint32_t value)
{
    uint32_t old = s->usbcmd;

    if (value & USBCMD_HCRST) {
        xhci_reset_controller(s);
        return;
    }
    s->usbcmd = value & USBCMD_KEPT;
    /* Nothing is kept that is not in registers and memory; what was, tells the error. */
    if (value & USBCMD_CRS)
        s->usbsts |= USBSTS_SRE;
    if (~old & value & USBCMD_RS)
        run(s);
    else if (old & ~value & USBCMD_RS)
        halt(s);
    xhci_arm_mfindex(s);
    xhci_update_interrupts(s);
}

static void write_crcr(struct xhci *s, bool high, uint32_t value)
{
    if (s->command_running) {
        if (!high && (value & (CRCR_CS | CRCR_CA)))
            xhci_stop_commands(s);
        return;
    }
    if (high)
        s->crcr = (uint32_t)s->crcr | (uint64_t)value << 32;
    else
        s->crcr = (s->crcr & ~UINT64_C(0xffffffff)) | (value & ~UINT32_C(0x3e));
    s->commands.dequeue = s->crcr & ~UINT64_C(63);
    s->commands.cycle = s->crcr & CRCR_RCS;
}

static uint32_t read_operational(const struct xhci *s, uint64_t offset)
{
    switch (offset) {
    case REG_USBCMD:
        return s->usbcmd;
    case REG_USBSTS:
        return s->usbsts;
    case REG_PAGESIZE:
        return 1; /* 4 KiB */
    case REG_DNCTRL:
        return s->dnctrl;
    case REG_CRCR:
        return s->command_running ? CRCR_CRR : 0; /* the pointer reads as 0 */
    case REG_DCBAAP:
        return (uint32_t)s->dcbaap;
    case REG_DCBAAP + 4:
        return s->dcbaap >> 32;
    case REG_CONFIG:
        return s->config;
    default:
        return 0;
    }
}

static void write_operational(struct xhci *s, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case REG_USBCMD:
        write_usbcmd(s, value);
        break;
    case REG_USBSTS:
        s->usbsts &= ~(value & USBSTS_W1C);
        break;
    case REG_DNCTRL:
        s->dnctrl = value & 0xffff;
        break;
    case REG_CRCR:
    case REG_CRCR + 4:
        write_crcr(s, offset != REG_CRCR, value);
        break;
    case REG_DCBAAP:
        s->dcbaap = (s->dcbaap & ~UINT64_C(0xffffffff)) | (value & ~UINT32_C(63));
        break;
    case REG_DCBAAP + 4:
        s->dcbaap = (uint32_t)s->dcbaap | (uint64_t)value << 32;
        break;
    case REG_CONFIG:
        s->config = value & 0xff;
        break;
    default:
        guest_error(&s->pci, "xhci: write to register 0x%x, which is read-only", (unsigned)offset);
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

static uint64_t regs_read(void *opaque, uint64_t offset, unsigned size)
{
    struct xhci *s = opaque;

    (void)size;
    if (offset < OPERATIONAL)
        return read_capability(s, offset);
    if (offset < PORTS)
        return read_operational(s, offset);
    if (offset < PORTS + (uint64_t)PORT_SIZE * s->port_count)
        return xhci_port_read(s, (unsigned)(offset - PORTS) / PORT_SIZE, offset % PORT_SIZE);
    if (offset >= EXTENDED && offset < EXTENDED_END)
        return read_extended(s, offset);
    if (offset == RUNTIME)
        return (uint64_t)microframe(s) & mask_bits(MFINDEX_BITS);
    if (range_contains(INTERRUPTERS, (uint64_t)INTERRUPTER_SIZE * s->interrupter_count, offset))
        return xhci_interrupter_read(s, (unsigned)(offset - INTERRUPTERS) / INTERRUPTER_SIZE,
                                     offset % INTERRUPTER_SIZE);
    return 0;
}

static void regs_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct xhci *s = opaque;
    uint32_t word = (uint32_t)value;

    (void)size;
    if (offset >= OPERATIONAL && offset < PORTS)
        write_operational(s, offset, word);
    else if (range_contains(PORTS, (uint64_t)PORT_SIZE * s->port_count, offset))
        xhci_port_write(s, (unsigned)(offset - PORTS) / PORT_SIZE, offset % PORT_SIZE, word);
    else if (offset == LEGACY)
        s->legacy = word & XHCI_LEGACY_OWNERS;
    else if (offset == LEGACY + 4)
        ; /* which SMIs there shall be */
    else if (range_contains(INTERRUPTERS, (uint64_t)INTERRUPTER_SIZE * s->interrupter_count,
                            offset))
        xhci_interrupter_write(s, (unsigned)(offset - INTERRUPTERS) / INTERRUPTER_SIZE,
                               offset % INTERRUPTER_SIZE, word);
    else if (range_contains(DOORBELLS, 4 * (uint64_t)(s->slot_count + 1), offset))
        xhci_doorbell(s, (unsigned)(offset - DOORBELLS) / 4, word);
    else
        guest_error(&s->pci, "xhci: write to 0x%x, where nothing can be written", (unsigned)offset);
}

/* Wider accesses, to the 64-bit registers, come in two halves. */
const struct mem_ops xhci_ops = {
    .read = regs_read, .write = regs_write, .min_size = 4, .max_size = 4};
