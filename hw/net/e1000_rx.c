/*
 * Reception: address and VLAN filters, legacy descriptors, checksum results. Software Developer's
 * Manual, chapters "Packet Address Filtering" and "Receive Data Storage".
 */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/log.h"
#include "core/util/range.h"
#include "hw/net/e1000_internal.h"

enum {
    STATUS_DD = 1 << 0,
    STATUS_EOP = 1 << 1,
    STATUS_IXSM = 1 << 2,
    STATUS_VP = 1 << 3,
    STATUS_TCPCS = 1 << 5,
    STATUS_IPCS = 1 << 6,
    STATUS_PIF = 1 << 7,
    ADDRESSES = 16,
    FRAME_MIN = 60,
    FRAME_MAX = 1518, /* without the FCS, with a VLAN tag */
    FRAME_MAX_LONG = 16384 - FCS,
    VLAN_AT = 2 * NET_ADDRESS_SIZE,
};
#define RAH_AV (UINT32_C(1) << 31)

static uint32_t ring_size(struct e1000 *s)
{
    return *e1000_reg(s, E1000_RDLEN) / E1000_DESCRIPTOR;
}

/* Descriptors that are the device's. */
static uint32_t available(struct e1000 *s)
{
    uint32_t head = *e1000_reg(s, E1000_RDH), tail = *e1000_reg(s, E1000_RDT), n = ring_size(s);

    if (head >= n || tail >= n)
        return 0;
    return tail >= head ? tail - head : n - head + tail;
}

static uint32_t buffer_size(struct e1000 *s)
{
    static const uint16_t sizes[2][4] = {{2048, 1024, 512, 256}, {2048, 16384, 8192, 4096}};
    uint32_t rctl = *e1000_reg(s, E1000_RCTL);

    return sizes[rctl & RCTL_BSEX ? 1 : 0][rctl >> RCTL_BSIZE_SHIFT & 3];
}

bool e1000_can_receive(void *opaque)
{
    struct e1000 *s = opaque;

    return *e1000_reg(s, E1000_RCTL) & RCTL_EN && available(s);
}

static bool multicast_passes(struct e1000 *s, const uint8_t *address)
{
    static const uint8_t shifts[4] = {4, 3, 2, 0};
    unsigned shift = shifts[*e1000_reg(s, E1000_RCTL) >> RCTL_MO_SHIFT & 3];
    unsigned hash = (unsigned)load_le16(address + 4) >> shift & 0xfff;

    return *e1000_reg(s, E1000_MTA + 4 * (hash >> 5)) >> (hash & 31) & 1;
}

static bool exact(struct e1000 *s, const uint8_t *address)
{
    for (unsigned i = 0; i < ADDRESSES; i++) {
        uint32_t low = *e1000_reg(s, E1000_RAL + 8 * i),
                 high = *e1000_reg(s, E1000_RAL + 8 * i + 4);
        if (high & RAH_AV && load_le32(address) == low && load_le16(address + 4) == (high & 0xffff))
            return true;
    }
    return false;
}

static bool vlan_passes(struct e1000 *s, const uint8_t *frame)
{
    uint16_t tag = load_be16(frame + VLAN_AT + 2);
    uint32_t rctl = *e1000_reg(s, E1000_RCTL);

    if (rctl & RCTL_CFIEN && !(tag >> 12 & 1) != !(rctl & RCTL_CFI))
        return false;
    return *e1000_reg(s, E1000_VFTA + 4 * (tag >> 5 & 127)) >> (tag & 31) & 1;
}

/* *inexact: only the multicast hash matched. */
static bool filter(struct e1000 *s, const uint8_t *frame, bool tagged, bool *inexact)
{
    static const uint8_t broadcast[NET_ADDRESS_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint32_t rctl = *e1000_reg(s, E1000_RCTL);

    *inexact = false;
    if (tagged && rctl & RCTL_VFE && !vlan_passes(s, frame))
        return false;
    if (exact(s, frame))
        return true;
    if (!(frame[0] & 1))
        return rctl & RCTL_UPE;
    if (memcmp(frame, broadcast, sizeof broadcast) == 0)
        return rctl & (RCTL_BAM | RCTL_MPE);
    *inexact = !(rctl & RCTL_MPE);
    return rctl & RCTL_MPE || multicast_passes(s, frame);
}

static void count_frame(struct e1000 *s, const uint8_t *frame, uint32_t len)
{
    e1000_count(s, E1000_TPR, 1);
    e1000_count(s, E1000_GPRC, 1);
    e1000_count(s, E1000_TORL, len);
    e1000_count(s, E1000_GORCL, len);
    e1000_count_size(s, E1000_PRC64, len);
    if (frame[0] & 1)
        e1000_count(s, frame[0] == 0xff ? E1000_BPRC : E1000_MPRC, 1);
}

/* What the descriptor says about checksums: of frames that were checked on the way, or made on this
 * host, that they are right; of others nothing. */
static uint8_t checksum_status(struct e1000 *s, const struct net_packet *p, bool tagged)
{
    uint32_t at = NET_ETH_HEADER + (tagged ? VLAN_TAG : 0), rxcsum = *e1000_reg(s, E1000_RXCSUM);

    if (!p->csum_valid || !range_fits(at, 20, p->len) || load_be16(p->data + at - 2) != 0x0800)
        return STATUS_IXSM;
    uint8_t protocol = p->data[at + 9];
    bool fragment = load_be16(p->data + at + 6) & 0x3fff;
    return (rxcsum & RXCSUM_IPOFL ? STATUS_IPCS : 0) |
           (rxcsum & RXCSUM_TUOFL && !fragment && (protocol == 6 || protocol == 17) ? STATUS_TCPCS
                                                                                    : 0);
}

/* Puts the frame into buffers; the ring has enough of them. */
static void store(struct e1000 *s, const uint8_t *frame, uint32_t len, uint8_t status,
                  uint16_t special)
{
    uint32_t *head = e1000_reg(s, E1000_RDH), size = buffer_size(s);
    uint64_t base = (uint64_t)*e1000_reg(s, E1000_RDBAH) << 32 | *e1000_reg(s, E1000_RDBAL);
    uint32_t total = len + (*e1000_reg(s, E1000_RCTL) & RCTL_SECRC ? 0 : FCS), at = 0;

    while (at < total) {
        uint64_t addr = base + (uint64_t)*head * E1000_DESCRIPTOR;
        uint32_t n = MIN(size, total - at), data = at < len ? MIN(n, len - at) : 0;
        static const uint8_t fcs[FCS] = {0}; /* drivers take it off unseen */
        uint8_t d[E1000_DESCRIPTOR];
        if (pci_dma_read(&s->pci, addr, d, sizeof d) != MEM_OK) {
            guest_error(&s->pci, "e1000: receive descriptor at 0x%llx cannot be read",
                        (unsigned long long)addr);
            return;
        }
        uint64_t buffer = load_le64(d);
        if (buffer &&
            ((data && pci_dma_write(&s->pci, buffer, frame + at, data) != MEM_OK) ||
             (n > data && pci_dma_write(&s->pci, buffer + data, fcs, n - data) != MEM_OK)))
            guest_error(&s->pci, "e1000: receive buffer at 0x%llx cannot be written",
                        (unsigned long long)buffer);
        at += n;
        store_le16(d + 8, (uint16_t)n);
        store_le16(d + 10, 0);
        d[12] = (uint8_t)(STATUS_DD | (at == total ? STATUS_EOP | status : status & STATUS_VP));
        d[13] = 0;
        store_le16(d + 14, special);
        pci_dma_write(&s->pci, addr + 8, d + 8, E1000_DESCRIPTOR - 8);
        *head = *head + 1 < ring_size(s) ? *head + 1 : 0;
    }
}

bool e1000_receive(void *opaque, const struct net_packet *p)
{
    struct e1000 *s = opaque;
    uint32_t rctl = *e1000_reg(s, E1000_RCTL);
    bool tagged = p->len >= NET_ETH_HEADER + VLAN_TAG &&
                  load_be16(p->data + VLAN_AT) == (*e1000_reg(s, E1000_VET) & 0xffff);
    bool inexact;
    uint16_t special = 0;
    uint8_t status;
    const uint8_t *frame = p->data;
    uint32_t len = p->len;

    if (!(rctl & RCTL_EN) || !filter(s, p->data, tagged, &inexact))
        return true;
    if (len > (rctl & RCTL_LPE ? FRAME_MAX_LONG : FRAME_MAX)) {
        e1000_count(s, E1000_ROC, 1);
        return true;
    }
    status = checksum_status(s, p, tagged) | (inexact ? STATUS_PIF : 0);
    if (tagged && *e1000_reg(s, E1000_CTRL) & CTRL_VME) {
        special = load_be16(frame + VLAN_AT + 2);
        len -= VLAN_TAG;
        memcpy(s->rx_frame, frame, VLAN_AT);
        memcpy(s->rx_frame + VLAN_AT, frame + VLAN_AT + VLAN_TAG, len - VLAN_AT);
        frame = s->rx_frame;
        status |= STATUS_VP;
    }
    if (len < FRAME_MIN) {
        if (frame != s->rx_frame)
            memcpy(s->rx_frame, frame, len);
        memset(s->rx_frame + len, 0, FRAME_MIN - len);
        frame = s->rx_frame;
        len = FRAME_MIN;
    }
    uint32_t needed = (len + FCS + buffer_size(s) - 1) / buffer_size(s);
    if (needed > available(s)) {
        e1000_count(s, E1000_MPC, 1);
        e1000_count(s, E1000_RNBC, 1);
        e1000_interrupt(s, ICR_RXO);
        return true;
    }
    store(s, frame, len, status, special);
    count_frame(s, p->data, p->len + FCS);
    uint32_t threshold = ring_size(s) >> (1 + (rctl >> RCTL_RDMTS_SHIFT & 3));
    e1000_interrupt(s, ICR_RXT0 | (available(s) <= threshold ? ICR_RXDMT0 : 0u));
    return true;
}
