/* 82540EM: EEPROM and PHY, descriptors of both directions, filters, interrupts, hostile drivers. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/net/net.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/net/e1000.h"
#include "hw/net/e1000_internal.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/piix.h"
#include "tests/device/device_test.h"

#define BAR UINT64_C(0xe0000000)
enum {
    RAM = 4 << 20,
    TX_RING = 0x10000,
    RX_RING = 0x20000,
    TX_BUFFERS = 0x100000,
    RX_BUFFERS = 0x200000,
    RING = 16, /* descriptors */
    DEVFN = 3 << 3,
    EOP = 1,
    IC = 4,
    TSE = 4,
    RS = 8,
    DEXT = 0x20,
    VLE = 0x40,
    DATA = 1 << 20,
};

static struct vemu_machine m;
static struct mem_region ram_region;
static struct ram_block *ram;
static struct line_probe isa[16];
static struct e1000 *dev;
static int peer;

static const uint8_t own[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t broadcast[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static uint32_t rd(unsigned reg)
{
    return read32(&m, BAR + reg);
}
static void wr(unsigned reg, uint32_t value)
{
    write32(&m, BAR + reg, value);
}
static int irq(void)
{
    int level = 0;
    for (unsigned i = 0; i < 16; i++)
        level |= isa[i].level;
    return level;
}

static struct device *plug(struct vemu_machine *machine, struct pci_bus *bus)
{
    struct vemu_error *err = NULL;
    struct device *d = made(device_new(machine, &e1000_class, NULL, &err), err);
    struct e1000 *s = (struct e1000 *)d;
    s->pci.bus = bus;
    s->pci.devfn = DEVFN;
    cr_assert(device_set_prop(d, "netdev", "n0", &err));
    cr_assert(device_realize(d, &err), "%s", err ? vemu_error_message(err) : "");
    return d;
}

static struct pci_bus *make_bus(struct vemu_machine *machine, struct line_probe *lines)
{
    struct vemu_error *err = NULL;
    struct pci_host_config host = {.q35 = false};
    struct device *h = made(pci_host_create(machine, &host, &err), err);
    struct piix3_config piix = {.host = h, .routed = true};
    for (unsigned i = 0; i < 16; i++) {
        lines[i] = (struct line_probe){0};
        piix.isa[i] = line_probe(&lines[i]);
    }
    made(piix3_create(machine, &piix, &err), err);
    return pci_host_bus(h);
}

/* A back end n0; returns its other end. */
static int make_netdev(struct vemu_machine *machine)
{
    struct vemu_error *err = NULL;
    char spec[64];
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    snprintf(spec, sizeof spec, "stream,id=n0,addr.type=fd,addr.str=%d", fds[0]);
    cr_assert(netdev_new(machine, NULL, spec, &err), "%s", err ? vemu_error_message(err) : "");
    close(fds[0]);
    return fds[1];
}

/* The driver's part: rings of RING descriptors, receive buffers of 2 KiB, all but one given. */
static void start(void)
{
    wr(E1000_TDBAL, TX_RING);
    wr(E1000_TDLEN, RING * 16);
    wr(E1000_TDH, 0);
    wr(E1000_TDT, 0);
    wr(E1000_TCTL, TCTL_EN);
    for (unsigned i = 0; i < RING; i++) {
        memset(ram->host + RX_RING + 16 * i, 0, 16);
        store_le64(ram->host + RX_RING + 16 * i, RX_BUFFERS + 2048 * i);
    }
    wr(E1000_RDBAL, RX_RING);
    wr(E1000_RDLEN, RING * 16);
    wr(E1000_RDH, 0);
    wr(E1000_RDT, RING - 1);
    wr(E1000_RCTL, RCTL_EN | RCTL_BAM);
}

static void setup(void)
{
    struct vemu_error *err = NULL;

    test_machine_init(&m);
    ram = ram_block_new(&m.rams, "ram", RAM, false, &err);
    cr_assert(ram);
    mem_region_init_ram(&ram_region, "ram", ram, 0, RAM);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), 0, &ram_region, 0);
    peer = make_netdev(&m);
    dev = (struct e1000 *)plug(&m, make_bus(&m, isa));
    machine_reset(&m, NULL);
    pci_config_write(&dev->pci, PCI_BASE_ADDRESS_0, (uint32_t)BAR, 4);
    pci_config_write(&dev->pci, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    machine_unlock(&m);
    for (unsigned i = 0; i < 5; i++)
        loop_iterate(m.loop, 0);
    start();
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(e1000, .init = setup, .fini = teardown);

/* ---- identity -------------------------------------------------------------------------------- */

Test(e1000, eeprom_holds_address_and_a_right_sum)
{
    uint16_t sum = 0;

    for (unsigned i = 0; i < 64; i++) {
        wr(E1000_EERD, i << 8 | 1);
        uint32_t v = rd(E1000_EERD);
        cr_assert(v & 0x10);
        sum = (uint16_t)(sum + (v >> 16));
        if (i < 3)
            cr_expect_eq(v >> 16, load_le16(own + 2 * i));
    }
    cr_expect_eq(sum, 0xbaba);
    wr(E1000_EERD, 0xff << 8 | 1);
    cr_expect_eq(rd(E1000_EERD) >> 16, 0);
}

static uint16_t bit_bang(unsigned address)
{
    unsigned command = 6u << 6 | address;
    uint16_t value = 0;

    wr(E1000_EECD, 0x40);
    cr_expect(rd(E1000_EECD) & 0x80, "granted");
    wr(E1000_EECD, 0x42);
    for (int i = 8; i >= 0; i--) {
        uint32_t di = command >> i & 1 ? 4 : 0;
        wr(E1000_EECD, 0x42 | di);
        wr(E1000_EECD, 0x43 | di);
    }
    for (unsigned i = 0; i < 16; i++) {
        wr(E1000_EECD, 0x42);
        wr(E1000_EECD, 0x43);
        value = (uint16_t)(value << 1 | (rd(E1000_EECD) >> 3 & 1));
    }
    wr(E1000_EECD, 0);
    return value;
}

Test(e1000, eeprom_is_read_bit_by_bit_as_well)
{
    for (unsigned i = 0; i < 64; i++) {
        wr(E1000_EERD, i << 8 | 1);
        cr_expect_eq(bit_bang(i), rd(E1000_EERD) >> 16, "word %u", i);
    }
}

Test(e1000, phy_answers_at_its_address_only)
{
    wr(E1000_MDIC, 2u << 26 | 1 << 21 | 2 << 16);
    cr_expect_eq(rd(E1000_MDIC) & 0x1000ffff, 0x10000141);
    wr(E1000_MDIC, 2u << 26 | 2 << 21 | 2 << 16);
    cr_expect(rd(E1000_MDIC) & 1 << 30);
    wr(E1000_MDIC, 2u << 26 | 1 << 21 | 1 << 16);
    cr_expect(rd(E1000_MDIC) & 4, "link");
    wr(E1000_MDIC, 1u << 26 | 1 << 21 | 2 << 16 | 0xffff);
    wr(E1000_MDIC, 2u << 26 | 1 << 21 | 2 << 16);
    cr_expect_eq(rd(E1000_MDIC) & 0xffff, 0x0141, "the identifier is not written");
}

Test(e1000, cable_shows_in_status_and_interrupts)
{
    wr(E1000_IMS, ICR_LSC);
    cr_expect(rd(E1000_STATUS) & STATUS_LU);
    machine_lock(&m);
    netdev_set_link(dev->nd, false);
    machine_unlock(&m);
    loop_iterate(m.loop, 0);
    cr_expect(!(rd(E1000_STATUS) & STATUS_LU));
    cr_expect(irq());
    cr_expect_eq(rd(E1000_ICR), ICR_LSC);
    cr_expect(!irq());
}

/* ---- transmission ---------------------------------------------------------------------------- */

static unsigned tx_at;

static void descriptor(uint64_t addr, uint32_t low, uint32_t high)
{
    uint8_t *d = ram->host + TX_RING + 16 * (tx_at % RING);
    store_le64(d, addr);
    store_le32(d + 8, low);
    store_le32(d + 12, high);
    tx_at++;
}

static void legacy(uint32_t len, uint8_t command)
{
    descriptor(TX_BUFFERS, len | (uint32_t)command << 24, 0);
}

static void kick(void)
{
    wr(E1000_TDT, tx_at % RING);
}

/* The next frame at the other end; 0: none. */
static uint32_t frame(uint8_t *f)
{
    uint8_t length[4];
    if (recv(peer, length, 4, MSG_DONTWAIT) != 4)
        return 0;
    uint32_t len = load_be32(length);
    cr_assert_leq(len, NET_FRAME_MAX);
    cr_assert_eq(recv(peer, f, len, MSG_WAITALL), (ssize_t)len);
    return len;
}

static void fill_frame(uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        ram->host[TX_BUFFERS + i] = (uint8_t)(i * 3 + 1);
    ram->host[TX_BUFFERS] = 2;
}

static uint8_t f[NET_FRAME_MAX];

Test(e1000, a_legacy_frame_goes_out_and_is_marked_done)
{
    fill_frame(100);
    legacy(60, 0);
    descriptor(TX_BUFFERS + 60, 40 | (EOP | RS) << 24, 0);
    wr(E1000_IMS, ICR_TXDW);
    kick();
    cr_assert_eq(frame(f), 100);
    cr_expect_eq(memcmp(f, ram->host + TX_BUFFERS, 100), 0);
    cr_expect_eq(ram->host[TX_RING + 12] & 1, 0, "nobody asked for its status");
    cr_expect_eq(ram->host[TX_RING + 16 + 12] & 1, 1);
    cr_expect_eq(rd(E1000_TDH), 2);
    cr_expect(irq());
    cr_expect_eq(rd(E1000_ICR), ICR_TXDW | ICR_TXQE);
    cr_expect_eq(rd(E1000_ICR), 0);
    cr_expect(!irq());
    cr_expect_eq(rd(E1000_GPTC), 1);
    cr_expect_eq(rd(E1000_GPTC), 0, "reading clears");
    cr_expect_eq(rd(E1000_GOTCL), 104);
}

Test(e1000, nothing_goes_out_while_transmission_is_off_or_the_bus_is_not_mastered)
{
    fill_frame(64);
    wr(E1000_TCTL, 0);
    legacy(64, EOP);
    kick();
    cr_expect_eq(frame(f), 0);
    wr(E1000_TCTL, TCTL_EN);
    cr_expect_eq(frame(f), 64);
    machine_lock(&m);
    pci_config_write(&dev->pci, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    machine_unlock(&m);
    legacy(64, EOP);
    kick();
    cr_expect_eq(frame(f), 0);
}

static uint32_t sum16(const uint8_t *p, uint32_t len, uint32_t sum)
{
    for (uint32_t i = 0; i < len; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* An IPv4 TCP frame as a driver leaves it: no IP length and sum, the pseudo header's in TCP. */
static uint32_t tcp_frame(uint32_t payload, bool segmented)
{
    uint8_t *d = ram->host + TX_BUFFERS, *ip = d + 14, *tcp = ip + 20;
    uint32_t len = 54 + payload;

    fill_frame(len);
    store_be16(d + 12, 0x0800);
    memset(ip, 0, 40);
    ip[0] = 0x45;
    ip[8] = 64;
    ip[9] = 6;
    store_be16(ip + 2, segmented ? 0 : (uint16_t)(len - 14));
    memcpy(ip + 12, "\x0a\0\2\x0f\x0a\0\2\2", 8);
    store_be32(tcp + 4, 1000);
    tcp[12] = 0x50;
    tcp[13] = 0x18;
    store_be16(tcp + 16, (uint16_t)sum16(ip + 12, 8, 6 + (segmented ? 0 : 20 + payload)));
    return len;
}

static void assert_right(const uint8_t *d, uint32_t len)
{
    cr_assert_eq(load_be16(d + 16), len - 14);
    cr_assert_eq(sum16(d + 14, 20, 0), 0xffff, "IP");
    cr_assert_eq(sum16(d + 34, len - 34, sum16(d + 26, 8, 6 + len - 34)), 0xffff, "TCP");
}

static void context(uint8_t command, uint32_t payload, uint16_t mss)
{
    uint8_t *d = ram->host + TX_RING + 16 * (tx_at++ % RING);
    const uint8_t c[16] = {14, 24, 33, 0, 34, 50, 0, 0};
    memcpy(d, c, 16);
    store_le32(d + 8, payload | (uint32_t)(command | DEXT) << 24);
    d[13] = 54;
    store_le16(d + 14, mss);
}

static void data(uint64_t addr, uint32_t len, uint8_t command)
{
    descriptor(addr, len | DATA | (uint32_t)(command | DEXT) << 24, 3 << 8);
}

Test(e1000, checksums_are_inserted_where_the_context_says)
{
    uint32_t len = tcp_frame(101, false);

    context(3, 0, 0);
    data(TX_BUFFERS, 54, 0);
    data(TX_BUFFERS + 54, len - 54, EOP | RS);
    kick();
    cr_assert_eq(frame(f), len);
    assert_right(f, len);
    cr_expect_eq(memcmp(f + 54, ram->host + TX_BUFFERS + 54, len - 54), 0);
}

Test(e1000, a_large_segment_becomes_frames)
{
    uint32_t len = tcp_frame(5000, true), sequence = 1000;

    context(3 | TSE, 5000, 1460);
    data(TX_BUFFERS, 54, TSE);
    data(TX_BUFFERS + 54, len - 54, TSE | EOP | RS);
    kick();
    for (unsigned i = 0; i < 4; i++) {
        uint32_t n = frame(f);
        cr_assert_eq(n, 54 + (i < 3 ? 1460u : 620u));
        assert_right(f, n);
        cr_expect_eq(load_be32(f + 38), sequence);
        sequence += 1460;
    }
    cr_expect_eq(frame(f), 0);
}

Test(e1000, a_vlan_tag_is_inserted_and_the_sum_still_right)
{
    uint32_t len = tcp_frame(100, false);

    wr(E1000_CTRL, rd(E1000_CTRL) | CTRL_VME);
    context(3, 0, 0);
    descriptor(TX_BUFFERS, len | DATA | (uint32_t)(DEXT | EOP | VLE) << 24, 3 << 8 | 0x2064u << 16);
    kick();
    cr_assert_eq(frame(f), len + 4);
    cr_expect_eq(load_be16(f + 12), 0x8100);
    cr_expect_eq(load_be16(f + 14), 0x2064);
    memmove(f + 12, f + 16, len - 12);
    assert_right(f, len);
}

Test(e1000, a_busy_back_end_stops_the_ring_and_loses_nothing)
{
    unsigned sent = 0, came = 0;

    fill_frame(1500);
    while (sent < 2000) {
        store_le32(ram->host + TX_BUFFERS + 100, sent);
        legacy(1500, EOP);
        kick();
        sent++;
        if (rd(E1000_TDH) != tx_at % RING)
            break;
    }
    cr_assert_lt(sent, 2000);
    store_le32(ram->host + TX_BUFFERS + 100, 0xffffffff);
    for (unsigned idle = 0; idle < 50; idle++) {
        while (frame(f)) {
            cr_assert_eq(load_le32(f + 100), came);
            came++;
            idle = 0;
        }
        loop_iterate(m.loop, 0);
    }
    cr_expect_eq(came, sent);
    cr_expect_eq(rd(E1000_TDH), tx_at % RING);
}

/* ---- reception ------------------------------------------------------------------------------- */

static void arrives(const uint8_t *destination, uint32_t len)
{
    static uint8_t out[4 + NET_FRAME_MAX];

    store_be32(out, len);
    for (uint32_t i = 0; i < len; i++)
        out[4 + i] = (uint8_t)(i * 5);
    memcpy(out + 4, destination, 6);
    cr_assert_eq(write(peer, out, 4 + len), (ssize_t)(4 + len));
    for (unsigned i = 0; i < 10; i++)
        loop_iterate(m.loop, 0);
}

static const uint8_t *rx(unsigned n)
{
    return ram->host + RX_RING + 16 * n;
}

Test(e1000, a_frame_comes_in_padded_and_with_room_for_its_fcs)
{
    wr(E1000_IMS, ICR_RXT0);
    arrives(own, 40);
    cr_expect_eq(rd(E1000_RDH), 1);
    cr_expect_eq(rx(0)[12] & 3, 3, "done, end of packet");
    cr_expect_eq(load_le16(rx(0) + 8), 64);
    cr_expect_eq(memcmp(ram->host + RX_BUFFERS, own, 6), 0);
    cr_expect_eq(ram->host[RX_BUFFERS + 39], (uint8_t)(39 * 5));
    cr_expect_eq(ram->host[RX_BUFFERS + 40], 0);
    cr_expect(irq());
    cr_expect_eq(rd(E1000_ICR) & ICR_RXT0, ICR_RXT0);
    cr_expect_eq(rd(E1000_GPRC), 1);
    wr(E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC);
    arrives(own, 100);
    cr_expect_eq(load_le16(rx(1) + 8), 100);
}

Test(e1000, addresses_are_filtered)
{
    static const uint8_t other[] = {0x52, 0x54, 0, 0x12, 0x34, 0x57},
                         group[] = {1, 0, 0x5e, 0, 0, 0xfb};
    unsigned hash = (load_le16(group + 4) >> 4) & 0xfff;

    arrives(other, 64);
    arrives(group, 64);
    cr_expect_eq(rd(E1000_RDH), 0);
    arrives(broadcast, 64);
    cr_expect_eq(rd(E1000_RDH), 1);
    wr(E1000_MTA + 4 * (hash >> 5), 1u << (hash & 31));
    arrives(group, 64);
    cr_expect_eq(rd(E1000_RDH), 2);
    cr_expect(rx(1)[12] & 0x80, "by hash only");
    wr(E1000_RAL + 8, load_le32(other));
    wr(E1000_RAL + 12, load_le16(other + 4));
    arrives(other, 64);
    cr_expect_eq(rd(E1000_RDH), 2, "not valid");
    wr(E1000_RAL + 12, load_le16(other + 4) | 1u << 31);
    arrives(other, 64);
    cr_expect_eq(rd(E1000_RDH), 3);
    wr(E1000_RAL + 12, 0);
    wr(E1000_RCTL, RCTL_EN | RCTL_UPE);
    arrives(other, 64);
    cr_expect_eq(rd(E1000_RDH), 4);
    arrives(broadcast, 64);
    cr_expect_eq(rd(E1000_RDH), 4, "not without BAM");
    wr(E1000_RCTL, 0);
    arrives(own, 64);
    cr_expect_eq(rd(E1000_RDH), 4);
}

Test(e1000, a_long_frame_takes_several_buffers)
{
    wr(E1000_RCTL, RCTL_EN | RCTL_LPE | 3 << RCTL_BSIZE_SHIFT); /* 256 bytes */
    arrives(own, 600);
    cr_expect_eq(rd(E1000_RDH), 3);
    cr_expect_eq(rx(0)[12] & 3, 1);
    cr_expect_eq(rx(2)[12] & 3, 3);
    cr_expect_eq(load_le16(rx(0) + 8), 256);
    cr_expect_eq(load_le16(rx(2) + 8), 600 + 4 - 512);
    cr_expect_eq(ram->host[RX_BUFFERS + 2048 + 5], (uint8_t)((256 + 5) * 5));
    wr(E1000_RCTL, RCTL_EN);
    arrives(own, 1600);
    cr_expect_eq(rd(E1000_RDH), 3, "longer than a frame without LPE");
    cr_expect_eq(rd(E1000_ROC), 1);
}

Test(e1000, frames_wait_for_descriptors)
{
    wr(E1000_RDT, 1);
    arrives(own, 64);
    arrives(own, 65);
    cr_expect_eq(rd(E1000_RDH), 1);
    wr(E1000_RDT, 3);
    for (unsigned i = 0; i < 5; i++)
        loop_iterate(m.loop, 0);
    cr_expect_eq(rd(E1000_RDH), 2);
    cr_expect_eq(load_le16(rx(1) + 8), 69);
}

Test(e1000, vlan_tags_are_taken_off_and_filtered)
{
    static uint8_t tagged[6 + 6 + 4];
    uint8_t out[4 + 80] = {0, 0, 0, 80};

    memcpy(tagged, own, 6);
    memcpy(out + 4, own, 6);
    store_be16(out + 4 + 12, 0x8100);
    store_be16(out + 4 + 14, 0x0123);
    store_be16(out + 4 + 16, 0x0800);
    wr(E1000_CTRL, rd(E1000_CTRL) | CTRL_VME);
    cr_assert_eq(write(peer, out, sizeof out), (ssize_t)sizeof out);
    for (unsigned i = 0; i < 10; i++)
        loop_iterate(m.loop, 0);
    cr_expect_eq(rd(E1000_RDH), 1);
    cr_expect(rx(0)[12] & 8);
    cr_expect_eq(load_le16(rx(0) + 14), 0x0123);
    cr_expect_eq(load_be16(ram->host + RX_BUFFERS + 12), 0x0800);
    cr_expect_eq(load_le16(rx(0) + 8), 80);
    wr(E1000_RCTL, RCTL_EN | RCTL_VFE);
    cr_assert_eq(write(peer, out, sizeof out), (ssize_t)sizeof out);
    for (unsigned i = 0; i < 10; i++)
        loop_iterate(m.loop, 0);
    cr_expect_eq(rd(E1000_RDH), 1, "not in VFTA");
    wr(E1000_VFTA + 4 * (0x123 >> 5), 1u << (0x123 & 31));
    cr_assert_eq(write(peer, out, sizeof out), (ssize_t)sizeof out);
    for (unsigned i = 0; i < 10; i++)
        loop_iterate(m.loop, 0);
    cr_expect_eq(rd(E1000_RDH), 2);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

Test(e1000, itr_keeps_interrupts_apart)
{
    wr(E1000_ITR, 1000); /* 256 us */
    wr(E1000_IMS, ICR_RXT0);
    arrives(own, 64);
    cr_expect(irq());
    rd(E1000_ICR);
    arrives(own, 64);
    cr_expect(!irq());
    step(&m, 255000);
    cr_expect(!irq());
    step(&m, 2000);
    cr_expect(irq());
}

Test(e1000, causes_are_set_masked_and_cleared)
{
    wr(E1000_ICS, ICR_RXO | ICR_LSC);
    cr_expect(!irq());
    wr(E1000_IMS, ICR_LSC);
    cr_expect(irq());
    wr(E1000_IMC, ICR_LSC);
    cr_expect(!irq());
    wr(E1000_IMS, ICR_LSC);
    wr(E1000_ICR, ICR_LSC);
    cr_expect(!irq());
    cr_expect_eq(rd(E1000_ICR), ICR_RXO);
}

/* ---- hostile drivers ------------------------------------------------------------------------- */

Test(e1000, rings_out_of_range_end)
{
    static const uint32_t bad[][3] = {
        {0, 0, 5}, {16 * 8, 0xffff, 3}, {16 * 8, 3, 0xffff}, {0xfff80, 7, 6}};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        memset(ram->host + TX_RING, 0, 4096);
        wr(E1000_TDLEN, bad[i][0]);
        wr(E1000_TDH, bad[i][1]);
        wr(E1000_TDT, bad[i][2]);
        wr(E1000_RDLEN, bad[i][0]);
        wr(E1000_RDH, bad[i][1]);
        wr(E1000_RDT, bad[i][2]);
        arrives(own, 64);
    }
    cr_expect_eq(frame(f), 0);
}

Test(e1000, rings_in_its_own_registers_or_nowhere_do_no_harm)
{
    wr(E1000_TDBAL, (uint32_t)BAR);
    wr(E1000_TDT, 5);
    wr(E1000_TDBAH, 0xffffffff);
    wr(E1000_TDBAL, 0xfffffff0);
    wr(E1000_TDT, 9);
    wr(E1000_RDBAL, (uint32_t)BAR);
    arrives(own, 64);
    /* a buffer that is the device's tail register */
    wr(E1000_RDBAL, RX_RING);
    wr(E1000_RDH, 0);
    store_le64(ram->host + RX_RING, BAR + E1000_TDT);
    arrives(own, 64);
    cr_expect_eq(frame(f), 0);
}

Test(e1000, nonsense_in_descriptors_does_no_harm)
{
    uint32_t len = tcp_frame(100, false);

    /* sums outside of the frame */
    descriptor(TX_BUFFERS, 64 | 0xffu << 16 | (uint32_t)(EOP | IC) << 24, 0xff << 8);
    kick();
    cr_expect_eq(frame(f), 64);
    /* a header longer than the frame, an MSS of 0, sums over nothing */
    context(3 | TSE, 0xfffff, 0);
    data(TX_BUFFERS, len, TSE | EOP);
    kick();
    cr_expect_eq(frame(f), len);
    /* segmentation of what is no TCP */
    fill_frame(2000);
    context(3 | TSE, 1000, 100);
    data(TX_BUFFERS, 2000, TSE | EOP);
    kick();
    cr_expect_eq(frame(f), 0);
    /* frames without end, an unknown type, one longer than the longest */
    descriptor(TX_BUFFERS, 5 << 20 | (uint32_t)DEXT << 24, 0);
    data(TX_BUFFERS, 0xfffff, 0);
    data(TX_BUFFERS, 0xfffff, EOP);
    kick();
    cr_expect_eq(frame(f), 0);
    /* and the next one is right again */
    fill_frame(64);
    legacy(64, EOP);
    kick();
    cr_expect_eq(frame(f), 64);
}

/* ---- state ----------------------------------------------------------------------------------- */

static void poke(struct vemu_machine *machine)
{
    write32(machine, BAR + E1000_TDT, 3);
    write32(machine, BAR + E1000_RDT, 3);
    write32(machine, BAR + E1000_EECD, 0x43);
    read32(machine, BAR + E1000_ICR);
}

Test(e1000, state_survives_and_damage_is_refused_or_harmless)
{
    static struct vemu_machine other;
    static struct line_probe lines[16];

    fill_frame(100);
    legacy(50, 0); /* half a frame */
    kick();
    wr(E1000_IMS, ICR_TXDW);
    test_machine_init(&other);
    machine_lock(&other);
    make_netdev(&other);
    struct device *fresh = plug(&other, make_bus(&other, lines));
    machine_reset(&other, NULL);
    machine_unlock(&other);
    assert_round_trip(&dev->pci.dev, fresh);
    fuzz_state(&dev->pci.dev, fresh, 300, poke);
    machine_destroy(&other);
}

Test(e1000, reset_is_the_power_on_state)
{
    fill_frame(100);
    legacy(50, 0);
    kick();
    wr(E1000_IMS, ICR_TXDW);
    wr(E1000_CTRL, CTRL_RST);
    cr_expect_eq(rd(E1000_IMS), 0);
    cr_expect_eq(rd(E1000_RCTL), 0);
    cr_expect_eq(rd(E1000_RAL), load_le32(own));
    cr_expect_eq(rd(E1000_RAL + 4), load_le16(own + 4) | 1u << 31);
    cr_expect_eq(dev->tx_len, 0);
}
