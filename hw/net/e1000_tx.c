/*
 * Transmission: legacy, context and data descriptors, checksum insertion, TCP segmentation, VLAN
 * tags. Software Developer's Manual, chapter "Transmit Descriptor Ring Structure" and neighbours.
 *
 * Descriptors are copied before they are read. What a descriptor asks for outside of its frame is
 * not done; a frame longer than the largest is dropped at its end.
 */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/log.h"
#include "core/util/range.h"
#include "hw/net/e1000_internal.h"

enum {
    CMD_EOP = 1 << 0,
    CMD_IC = 1 << 2,  /* legacy: insert a checksum */
    CMD_TSE = 1 << 2, /* data, context: segmentation */
    CMD_RS = 1 << 3,
    CMD_RPS = 1 << 4,
    CMD_DEXT = 1 << 5,
    CMD_VLE = 1 << 6,
    STA_DD = 1 << 0,
    DTYP_CONTEXT = 0,
    DTYP_DATA = 1,
    TUCMD_TCP = 1 << 0,
    TUCMD_IP = 1 << 1,
    POPTS_IXSM = 1 << 0,
    POPTS_TXSM = 1 << 1,
    STATUS_AT = 12, /* byte of a descriptor */
    CONTEXT_CHECKSUM = 0,
    CONTEXT_SEGMENT = 1,
};

static void take_context(struct e1000 *s, const uint8_t *d)
{
    uint32_t word2 = load_le32(d + 8);
    struct e1000_context c = {.ipcss = d[0],
                              .ipcso = d[1],
                              .ipcse = load_le16(d + 2),
                              .tucss = d[4],
                              .tucso = d[5],
                              .tucse = load_le16(d + 6),
                              .paylen = word2 & 0xfffff,
                              .tucmd = (uint8_t)(word2 >> 24),
                              .hdrlen = d[13],
                              .mss = load_le16(d + 14)};

    s->context[c.tucmd & CMD_TSE ? CONTEXT_SEGMENT : CONTEXT_CHECKSUM] = c;
}

/* The sum of bytes start to end (inclusive; 0: the frame's last), at `at`. */
static void insert_checksum(struct e1000 *s, uint32_t start, uint32_t at, uint32_t end)
{
    uint32_t last = end ? end + 1 : s->tx_len;

    last = MIN(last, s->tx_len);
    if (start >= last || !range_fits(at, 2, s->tx_len)) {
        guest_error(&s->pci, "e1000: a checksum outside of its frame (from %u to %u, at %u)", start,
                    last, at);
        return;
    }
    uint16_t sum = net_sum_finish(net_sum(s->tx_frame + start, last - start, 0));
    memcpy(s->tx_frame + at, &sum, sizeof sum);
}

/* The pseudo header's sum is there without the length, as the header is for many frames. */
static void add_length(struct e1000 *s, const struct e1000_context *c)
{
    uint8_t len[2];
    uint16_t begun;

    if (!range_fits(c->tucso, 2, s->tx_len))
        return;
    store_be16(len, (uint16_t)(s->tx_len - c->tucss));
    memcpy(&begun, s->tx_frame + c->tucso, sizeof begun);
    begun = (uint16_t)~net_sum_finish(net_sum(len, sizeof len, begun));
    memcpy(s->tx_frame + c->tucso, &begun, sizeof begun);
}

/* Lengths are 0 in a header that stands for many frames: who takes the segment whole wants them. */
static void describe_segment(struct e1000 *s, const struct e1000_context *c)
{
    bool v4 = c->tucmd & TUCMD_IP;

    if (v4 && range_fits(c->ipcss, 20, s->tx_len)) {
        store_be16(s->tx_frame + c->ipcss + 2, (uint16_t)(s->tx_len - c->ipcss));
        if (range_fits(c->ipcso, 2, s->tx_len))
            store_be16(s->tx_frame + c->ipcso, 0);
        insert_checksum(s, c->ipcss, c->ipcso, c->ipcse);
    } else if (!v4 && range_fits(c->ipcss, 40, s->tx_len)) {
        store_be16(s->tx_frame + c->ipcss + 4, (uint16_t)(s->tx_len - c->ipcss - 40));
    }
    add_length(s, c);
    s->tx_gso = v4 ? NET_GSO_TCP4 : NET_GSO_TCP6;
    s->tx_gso_size = c->mss;
    e1000_count(s, E1000_TSCTC, 1);
}

/* Inserts what the descriptors ask for, or notes what is left to the back end. Once a frame. */
static void describe(struct e1000 *s)
{
    const struct e1000_context *c = &s->context[s->tx_segment ? CONTEXT_SEGMENT : CONTEXT_CHECKSUM];
    bool checksum = s->tx_options & POPTS_TXSM;

    if (s->tx_legacy_cso) {
        insert_checksum(s, s->tx_legacy_css, s->tx_legacy_cso, 0);
        return;
    }
    if (s->tx_segment && s->tx_len > c->hdrlen && c->mss && c->tucmd & TUCMD_TCP) {
        describe_segment(s, c);
        checksum = true;
    } else if (s->tx_options & POPTS_IXSM) {
        insert_checksum(s, c->ipcss, c->ipcso, c->ipcse);
    }
    if (!checksum)
        return;
    if (!s->tx_gso && (c->tucse || c->tucso < c->tucss)) {
        insert_checksum(s, c->tucss, c->tucso, c->tucse);
        return;
    }
    s->tx_needs_csum = 1;
    s->tx_csum_start = c->tucss;
    s->tx_csum_offset = (uint16_t)(c->tucso - c->tucss);
}

static void insert_vlan(struct e1000 *s)
{
    enum { AT = 2 * NET_ADDRESS_SIZE };

    if (s->tx_len < NET_ETH_HEADER || s->tx_len + VLAN_TAG > sizeof s->tx_frame)
        return;
    memmove(s->tx_frame + AT + VLAN_TAG, s->tx_frame + AT, s->tx_len - AT);
    store_be16(s->tx_frame + AT, (uint16_t)*e1000_reg(s, E1000_VET));
    store_be16(s->tx_frame + AT + 2, s->tx_special);
    s->tx_len += VLAN_TAG;
    s->tx_csum_start = (uint16_t)(s->tx_csum_start + VLAN_TAG);
}

static void count_frame(struct e1000 *s)
{
    uint32_t len = s->tx_len + FCS;

    e1000_count(s, E1000_TPT, 1);
    e1000_count(s, E1000_GPTC, 1);
    e1000_count(s, E1000_TOTL, len);
    e1000_count(s, E1000_GOTCL, len);
    e1000_count_size(s, E1000_PTC64, len);
    if (s->tx_frame[0] & 1)
        e1000_count(s, s->tx_frame[0] == 0xff ? E1000_BPTC : E1000_MPTC, 1);
}

static void begin_frame(struct e1000 *s)
{
    s->tx_len = 0;
    s->tx_segment = s->tx_options = s->tx_vlan = s->tx_bad = 0;
    s->tx_legacy_css = s->tx_legacy_cso = 0;
    s->tx_gso = s->tx_needs_csum = s->tx_blocked = 0;
}

/* Sends the frame that is complete. False: the back end is busy. */
static bool end_frame(struct e1000 *s)
{
    if (!s->tx_blocked && !s->tx_bad) {
        describe(s);
        if (s->tx_vlan)
            insert_vlan(s);
    }
    struct net_packet p = {.data = s->tx_frame,
                           .len = s->tx_len,
                           .gso = (enum net_gso)s->tx_gso,
                           .gso_size = s->tx_gso_size,
                           .needs_csum = s->tx_needs_csum,
                           .csum_start = s->tx_csum_start,
                           .csum_offset = s->tx_csum_offset};
    if (!s->tx_bad && s->nd && !netdev_send(s->nd, &p)) {
        s->tx_blocked = 1;
        return false;
    }
    if (!s->tx_bad)
        count_frame(s);
    begin_frame(s);
    return true;
}

/* The data of a descriptor. */
static void append(struct e1000 *s, uint64_t addr, uint32_t len)
{
    if (s->tx_bad || !range_fits(s->tx_len, len, sizeof s->tx_frame - VLAN_TAG)) {
        if (!s->tx_bad)
            guest_error(&s->pci, "e1000: a frame of more than %zu bytes",
                        sizeof s->tx_frame - VLAN_TAG);
        s->tx_bad = 1;
        return;
    }
    if (len && pci_dma_read(&s->pci, addr, s->tx_frame + s->tx_len, len) != MEM_OK) {
        guest_error(&s->pci, "e1000: transmit data at 0x%llx cannot be read",
                    (unsigned long long)addr);
        s->tx_bad = 1;
        return;
    }
    s->tx_len += len;
}

/* False: the frame that ended here could not be sent now. */
static bool take(struct e1000 *s, const uint8_t *d)
{
    uint32_t word2 = load_le32(d + 8);
    uint8_t command = (uint8_t)(word2 >> 24);
    bool first = !s->tx_len && !s->tx_bad;

    if (command & CMD_DEXT && (word2 >> 20 & 15) == DTYP_CONTEXT) {
        take_context(s, d);
        return true;
    }
    if (command & CMD_DEXT && (word2 >> 20 & 15) == DTYP_DATA) {
        if (first) {
            s->tx_options = d[13];
            s->tx_segment = command & CMD_TSE ? 1 : 0;
        }
        append(s, load_le64(d), word2 & 0xfffff);
    } else if (command & CMD_DEXT) {
        guest_error(&s->pci, "e1000: transmit descriptor of unknown type %u", word2 >> 20 & 15);
        return true;
    } else {
        append(s, load_le64(d), word2 & 0xffff);
        if (command & CMD_EOP && command & CMD_IC) {
            s->tx_legacy_css = d[13];
            s->tx_legacy_cso = d[10];
        }
    }
    if (!(command & CMD_EOP))
        return true;
    s->tx_vlan = command & CMD_VLE && *e1000_reg(s, E1000_CTRL) & CTRL_VME;
    s->tx_special = load_le16(d + 14);
    return end_frame(s);
}

/* Marks the descriptor as done. */
static uint32_t write_back(struct e1000 *s, uint64_t addr, const uint8_t *d)
{
    uint8_t status = d[STATUS_AT] | STA_DD;

    if (!(d[11] & (CMD_RS | CMD_RPS)))
        return 0;
    pci_dma_write(&s->pci, addr + STATUS_AT, &status, 1);
    return ICR_TXDW;
}

void e1000_transmit(struct e1000 *s)
{
    uint32_t *head = e1000_reg(s, E1000_TDH), *tail = e1000_reg(s, E1000_TDT);
    uint32_t count = *e1000_reg(s, E1000_TDLEN) / E1000_DESCRIPTOR, causes = 0;
    uint64_t base = (uint64_t)*e1000_reg(s, E1000_TDBAH) << 32 | *e1000_reg(s, E1000_TDBAL);

    if (s->transmitting || !(*e1000_reg(s, E1000_TCTL) & TCTL_EN))
        return;
    s->transmitting = true;
    /* Once around at the most: the tail is beyond the ring when it is never met. */
    for (uint32_t n = 0; n < count && *head != *tail && *head < count; n++) {
        uint8_t d[E1000_DESCRIPTOR];
        uint64_t addr = base + (uint64_t)*head * E1000_DESCRIPTOR;
        if (pci_dma_read(&s->pci, addr, d, sizeof d) != MEM_OK) {
            guest_error(&s->pci, "e1000: transmit descriptor at 0x%llx cannot be read",
                        (unsigned long long)addr);
            break;
        }
        if (!(s->tx_blocked ? end_frame(s) : take(s, d)))
            break;
        causes |= write_back(s, addr, d);
        *head = *head + 1 < count ? *head + 1 : 0;
        if (*head == *tail)
            causes |= ICR_TXQE;
    }
    s->transmitting = false;
    if (causes)
        e1000_interrupt(s, causes);
}
