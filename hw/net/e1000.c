/*
 * Intel 82540EM Gigabit Ethernet controller: registers, interrupts, wiring.
 *
 * PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual (317453). Legacy
 * receive descriptors; all transmit descriptors; no flash, no wake-up, no flow control on a link
 * that never jams. Interrupt moderation is ITR; the other delays count as 0.
 */
#include "hw/net/e1000.h"

#include <string.h>
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/log.h"
#include "core/util/range.h"
#include "hw/net/e1000_internal.h"

enum {
    DEVICE_82540EM = 0x100e,
    REVISION = 3,
    CLASS_ETHERNET = 0x020000,
    MMIO_SIZE = 128 << 10,
    IO_SIZE = 64,
    IO_ADDRESS = 0,
    IO_DATA = 4,
    ITR_UNIT_NS = 256,
};

#define BOOT_ROM "efi-e1000.rom"

/* ---- interrupts ------------------------------------------------------------------------------ */

static void update_irq(struct e1000 *s)
{
    bool level = s->icr & *e1000_reg(s, E1000_IMS);

    if (level && !s->pci.intx_level) {
        uint32_t interval = *e1000_reg(s, E1000_ITR);
        struct clock_set *clocks = device_clocks(&s->pci.dev);
        if (timer_pending(&s->throttle))
            return; /* when it expires */
        if (interval)
            timer_set(&s->throttle,
                      clock_now(clocks, VCLOCK_VIRTUAL) + (int64_t)interval * ITR_UNIT_NS);
    }
    pci_set_intx(&s->pci, level);
}

static void throttle_expired(void *opaque)
{
    update_irq(opaque);
}

void e1000_interrupt(struct e1000 *s, uint32_t causes)
{
    s->icr |= causes & ICR_ALL;
    update_irq(s);
}

/* ---- counters -------------------------------------------------------------------------------- */

void e1000_count(struct e1000 *s, uint32_t counter, uint64_t n)
{
    /* These four have 64 bits. */
    bool wide = counter == E1000_GORCL || counter == E1000_GOTCL || counter == E1000_TORL ||
                counter == E1000_TOTL;
    uint32_t *low = e1000_reg(s, counter);
    uint64_t value = *low + (wide ? (uint64_t)low[1] << 32 : 0),
             limit = wide ? UINT64_MAX : UINT32_MAX;

    value = n > limit - value ? limit : value + n;
    *low = (uint32_t)value;
    if (wide)
        low[1] = (uint32_t)(value >> 32);
}

void e1000_count_size(struct e1000 *s, uint32_t first, uint32_t len)
{
    static const uint16_t limits[] = {64, 127, 255, 511, 1023};
    unsigned i = 0;

    while (i < ARRAY_SIZE(limits) && len > limits[i])
        i++;
    e1000_count(s, first + 4 * i, 1);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* Registers that keep what is written, and the bits that do. */
static const struct {
    uint16_t first, last;
    uint32_t mask;
} plain[] = {
    {E1000_CTRL_EXT, E1000_CTRL_EXT, UINT32_MAX},
    {E1000_FCAL, E1000_FCAL, UINT32_MAX},
    {E1000_FCAH, E1000_FCAH, 0xffff},
    {E1000_FCT, E1000_FCT, 0xffff},
    {E1000_VET, E1000_VET, 0xffff},
    {E1000_ITR, E1000_ITR, 0xffff},
    {E1000_RCTL, E1000_RCTL, UINT32_MAX},
    {E1000_FCTTV, E1000_FCTTV, 0xffff},
    {E1000_TXCW, E1000_TXCW, UINT32_MAX},
    {E1000_TCTL, E1000_TCTL, UINT32_MAX},
    {E1000_TIPG, E1000_TIPG, UINT32_MAX},
    {E1000_AIT, E1000_AIT, 0xffff},
    {E1000_LEDCTL, E1000_LEDCTL, UINT32_MAX},
    {E1000_PBA, E1000_PBA, 0xffff},
    {E1000_FCRTL, E1000_FCRTL, 0x8000fff8},
    {E1000_FCRTH, E1000_FCRTH, 0x0000fff8},
    {E1000_RDBAL, E1000_RDBAL, 0xfffffff0},
    {E1000_RDBAH, E1000_RDBAH, UINT32_MAX},
    {E1000_RDLEN, E1000_RDLEN, 0x000fff80},
    {E1000_RDH, E1000_RDH, 0xffff},
    {E1000_RDT, E1000_RDT, 0xffff},
    {E1000_RDTR, E1000_RDTR, 0xffff},
    {E1000_RXDCTL, E1000_RXDCTL, UINT32_MAX},
    {E1000_RADV, E1000_RADV, 0xffff},
    {E1000_RSRPD, E1000_RSRPD, 0x0fff},
    {E1000_TDBAL, E1000_TDBAL, 0xfffffff0},
    {E1000_TDBAH, E1000_TDBAH, UINT32_MAX},
    {E1000_TDLEN, E1000_TDLEN, 0x000fff80},
    {E1000_TDH, E1000_TDH, 0xffff},
    {E1000_TDT, E1000_TDT, 0xffff},
    {E1000_TIDV, E1000_TIDV, 0xffff},
    {E1000_TXDCTL, E1000_TXDCTL, UINT32_MAX},
    {E1000_TADV, E1000_TADV, 0xffff},
    {E1000_TSPMT, E1000_TSPMT, UINT32_MAX},
    {E1000_RXCSUM, E1000_RXCSUM, 0x07ff},
    {E1000_MTA, E1000_MTA + 4 * 127, UINT32_MAX},
    {E1000_RAL, E1000_RAL + 4 * 31, UINT32_MAX},
    {E1000_VFTA, E1000_VFTA + 4 * 127, UINT32_MAX},
    {E1000_WUC, E1000_WUC, UINT32_MAX},
    {E1000_WUFC, E1000_WUFC, UINT32_MAX},
    {E1000_MANC, E1000_MANC, UINT32_MAX},
};

static void soft_reset(struct e1000 *s)
{
    bool up = s->nd && netdev_link(s->nd);

    memset(s->regs, 0, sizeof s->regs);
    s->icr = s->io_address = 0;
    s->ee_bits = s->ee_do = 0;
    s->ee_command = s->ee_out = 0;
    memset(s->context, 0, sizeof s->context);
    s->tx_segment = s->tx_options = s->tx_legacy_css = s->tx_legacy_cso = s->tx_vlan = 0;
    s->tx_bad = s->tx_blocked = s->tx_gso = s->tx_needs_csum = 0;
    s->tx_special = s->tx_gso_size = s->tx_csum_start = s->tx_csum_offset = 0;
    s->tx_len = 0;
    timer_cancel(&s->throttle);
    timer_cancel(&s->resume);
    *e1000_reg(s, E1000_CTRL) = CTRL_FD | CTRL_SPEED_1000 | CTRL_ASDE;
    *e1000_reg(s, E1000_STATUS) =
        STATUS_FD | STATUS_SPEED_1000 | STATUS_ASDV_1000 | (up ? STATUS_LU : 0u);
    *e1000_reg(s, E1000_VET) = 0x8100;
    *e1000_reg(s, E1000_LEDCTL) = 0x07068302;
    *e1000_reg(s, E1000_PBA) = 0x00100030;
    *e1000_reg(s, E1000_RAL) = load_le32(s->mac);
    *e1000_reg(s, E1000_RAL + 4) = load_le16(s->mac + 4) | UINT32_C(1) << 31;
    e1000_phy_reset(s);
    if (s->nd)
        netdev_purge(s->nd);
    update_irq(s);
}

static uint32_t register_read(struct e1000 *s, uint32_t offset)
{
    uint32_t value = *e1000_reg(s, offset);

    switch (offset) {
    case E1000_ICR:
        value = s->icr;
        s->icr = 0;
        update_irq(s);
        return value;
    case E1000_ICS:
        return s->icr;
    case E1000_EECD:
        return e1000_eecd_read(s);
    default:
        break;
    }
    if (offset >= E1000_STATS && offset < E1000_STATS_END)
        *e1000_reg(s, offset) = 0;
    return value;
}

/* What a plain register does besides keeping its value. */
static void register_written(struct e1000 *s, uint32_t offset)
{
    switch (offset) {
    case E1000_TDT:
    case E1000_TCTL:
        e1000_transmit(s);
        break;
    case E1000_RDT:
    case E1000_RCTL:
        if (s->nd)
            netdev_accept(s->nd);
        break;
    default:
        break;
    }
}

static void control_write(struct e1000 *s, uint32_t value)
{
    if (value & CTRL_RST) {
        soft_reset(s);
        return;
    }
    *e1000_reg(s, E1000_CTRL) = value & ~(CTRL_RST | CTRL_PHY_RST);
    if (value & CTRL_PHY_RST)
        e1000_phy_reset(s);
}

static void register_write(struct e1000 *s, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case E1000_CTRL:
        control_write(s, value);
        return;
    case E1000_EECD:
        e1000_eecd_write(s, value);
        return;
    case E1000_EERD:
        e1000_eerd_write(s, value);
        return;
    case E1000_MDIC:
        e1000_mdic_write(s, value);
        return;
    case E1000_ICR:
        s->icr &= ~value;
        update_irq(s);
        return;
    case E1000_ICS:
        e1000_interrupt(s, value);
        return;
    case E1000_IMS:
        *e1000_reg(s, E1000_IMS) |= value & ICR_ALL;
        update_irq(s);
        return;
    case E1000_IMC:
        *e1000_reg(s, E1000_IMS) &= ~value;
        update_irq(s);
        return;
    default:
        break;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(plain); i++) {
        if (offset >= plain[i].first && offset <= plain[i].last) {
            *e1000_reg(s, offset) = value & plain[i].mask;
            register_written(s, offset);
            return;
        }
    }
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return offset < E1000_REGISTERS_END ? register_read(opaque, (uint32_t)offset) : 0;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)size;
    if (offset < E1000_REGISTERS_END)
        register_write(opaque, (uint32_t)offset, (uint32_t)value);
}

static const struct mem_ops mmio_ops = {
    .read = mmio_read, .write = mmio_write, .min_size = 4, .max_size = 4};

static uint64_t io_read(void *opaque, uint64_t offset, unsigned size)
{
    struct e1000 *s = opaque;

    if (offset == IO_ADDRESS)
        return s->io_address;
    return offset == IO_DATA ? mmio_read(s, s->io_address & ~3u, size) : 0;
}

static void io_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct e1000 *s = opaque;

    if (offset == IO_ADDRESS)
        s->io_address = (uint32_t)value & (MMIO_SIZE - 1);
    else if (offset == IO_DATA)
        mmio_write(s, s->io_address & ~3u, value, size);
}

static const struct mem_ops io_ops = {
    .read = io_read, .write = io_write, .min_size = 4, .max_size = 4};

/* ---- wiring ---------------------------------------------------------------------------------- */

static void room(void *opaque)
{
    e1000_transmit(opaque);
}

static void link_changed(void *opaque, bool up)
{
    struct e1000 *s = opaque;

    *e1000_reg(s, E1000_STATUS) &= ~(uint32_t)STATUS_LU;
    *e1000_reg(s, E1000_STATUS) |= up ? STATUS_LU : 0u;
    e1000_phy_link(s, up);
    e1000_interrupt(s, ICR_LSC);
}

static const struct net_frontend frontend = {.can_receive = e1000_can_receive,
                                             .receive = e1000_receive,
                                             .room = room,
                                             .link_changed = link_changed};

static struct e1000 *from_dev(struct device *dev)
{
    return container_of(dev, struct e1000, pci.dev);
}

static void e1000_reset(struct device *dev)
{
    struct e1000 *s = from_dev(dev);

    pci_device_reset(&s->pci);
    soft_reset(s);
}

static void e1000_unrealize(struct device *dev)
{
    struct e1000 *s = from_dev(dev);

    timer_cancel(&s->throttle);
    timer_cancel(&s->resume);
    if (s->nd)
        netdev_detach(s->nd);
    boot_target_remove(&s->boot);
    pci_device_exit(&s->pci);
    pci_rom_free(&s->pci, &s->rom);
}

/* A driver that stopped bus mastering has no buffers; one that started it may have. */
static void config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct e1000 *s = container_of(pci, struct e1000, pci);

    if (s->nd && range_overlaps(offset, size, PCI_COMMAND, 2))
        netdev_accept(s->nd);
}

static bool e1000_realize(struct device *dev, struct vemu_error **errp)
{
    static const struct pci_ident ident = {
        .vendor = PCI_VENDOR_INTEL,
        .device = DEVICE_82540EM,
        .subsystem_vendor = PCI_VENDOR_VIRTIO,
        .subsystem = 0x1100,
        .class_code = CLASS_ETHERNET,
        .revision = REVISION,
        .interrupt_pin = 1,
    };
    struct e1000 *s = from_dev(dev);

    net_address_default(dev->machine, s->mac);
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    timer_init(&s->throttle, device_clocks(dev), VCLOCK_VIRTUAL, throttle_expired, s);
    timer_init(&s->resume, device_clocks(dev), VCLOCK_VIRTUAL, room, s);
    if (!pci_rom_add_usual(&s->pci, &s->rom, s->romfile, BOOT_ROM, &s->boot.missing, errp) ||
        !pci_boot_target_add(&s->boot, dev, &s->pci, BOOT_NETWORK, "/ethernet-phy@0", errp) ||
        (s->nd && !netdev_attach(s->nd, &frontend, s, errp))) {
        boot_target_remove(&s->boot);
        pci_device_exit(&s->pci);
        pci_rom_free(&s->pci, &s->rom);
        return false;
    }
    s->pci.config_written = config_written;
    mem_region_init_io(&s->mmio, "e1000-mmio", MMIO_SIZE, &mmio_ops, s, dev);
    mem_region_init_io(&s->io, "e1000-io", IO_SIZE, &io_ops, s, dev);
    pci_bar_add(&s->pci, 0, PCI_BAR_MEM32, &s->mmio);
    pci_bar_add(&s->pci, 1, PCI_BAR_IO, &s->io);
    e1000_eeprom_init(s);
    return true;
}

static bool e1000_post_load(struct device *dev, struct vemu_error **errp)
{
    struct e1000 *s = from_dev(dev);

    if (!pci_device_post_load(&s->pci, errp))
        return false;
    bool up = s->nd && netdev_link(s->nd);
    if (up != !!(*e1000_reg(s, E1000_STATUS) & STATUS_LU))
        link_changed(s, up);
    timer_set(&s->resume, 0);
    return true;
}

static const struct prop_desc e1000_props[] = {
    PCI_PROPS(struct e1000, pci),
    PROP(PROP_NETDEV, struct e1000, nd, "netdev", NULL, "network back end it is connected to"),
    PROP(PROP_MAC, struct e1000, mac, "mac", NULL, "Ethernet address"),
    BOOT_PROPS(struct e1000, boot),
    PROP(PROP_STRING, struct e1000, romfile, "romfile", NULL,
         "boot ROM that firmware runs (" BOOT_ROM " if it is installed); empty: none"),
    {0},
};

static const struct state_field context_state[] = {
    STATE_INT(struct e1000_context, ipcss),
    STATE_INT(struct e1000_context, ipcso),
    STATE_INT(struct e1000_context, ipcse),
    STATE_INT(struct e1000_context, tucss),
    STATE_INT(struct e1000_context, tucso),
    STATE_INT(struct e1000_context, tucse),
    STATE_INT(struct e1000_context, paylen),
    STATE_INT(struct e1000_context, tucmd),
    STATE_INT(struct e1000_context, hdrlen),
    STATE_INT(struct e1000_context, mss),
    STATE_FIELDS_END,
};
static const struct state_field e1000_state[] = {
    STATE_PCI(struct e1000, pci),
    STATE_INT_ARRAY(struct e1000, regs),
    STATE_INT(struct e1000, icr, .max = ICR_ALL),
    STATE_INT(struct e1000, io_address, .max = MMIO_SIZE - 1),
    STATE_INT_ARRAY(struct e1000, phy),
    STATE_INT(struct e1000, ee_bits, .max = 9),
    STATE_INT(struct e1000, ee_command),
    STATE_INT(struct e1000, ee_out),
    STATE_INT(struct e1000, ee_do, .max = 1),
    STATE_DEADLINE(struct e1000, throttle),
    STATE_ARRAY_OF(struct e1000, context, context_state),
    STATE_INT(struct e1000, tx_segment, .max = 1),
    STATE_INT(struct e1000, tx_options),
    STATE_INT(struct e1000, tx_legacy_css),
    STATE_INT(struct e1000, tx_legacy_cso),
    STATE_INT(struct e1000, tx_vlan, .max = 1),
    STATE_INT(struct e1000, tx_special),
    STATE_INT(struct e1000, tx_bad, .max = 1),
    STATE_INT(struct e1000, tx_blocked, .max = 1),
    STATE_INT(struct e1000, tx_gso, .max = NET_GSO_TCP6),
    STATE_INT(struct e1000, tx_needs_csum, .max = 1),
    STATE_INT(struct e1000, tx_gso_size),
    STATE_INT(struct e1000, tx_csum_start),
    STATE_INT(struct e1000, tx_csum_offset),
    STATE_INT(struct e1000, tx_len, .max = NET_FRAME_MAX),
    STATE_BUFFER(struct e1000, tx_frame),
    STATE_FIELDS_END,
};

const struct device_class e1000_class = {
    .name = "e1000",
    .help = "Intel 82540EM Gigabit Ethernet controller",
    .size = sizeof(struct e1000),
    .user_creatable = true,
    .bus = "pci",
    .props = e1000_props,
    .state = e1000_state,
    .state_version = 1,
    .realize = e1000_realize,
    .unrealize = e1000_unrealize,
    .reset = e1000_reset,
    .post_load = e1000_post_load,
};
