/*
 * Between the files of the 82540EM. Names and numbers: PCI/PCI-X Family of Gigabit Ethernet
 * Controllers Software Developer's Manual (317453), chapter "Register Descriptions".
 * Private to hw/net/e1000*.c.
 */
#ifndef HW_NET_E1000_INTERNAL_H
#define HW_NET_E1000_INTERNAL_H

#include "core/clock/clock.h"
#include "core/memory/memory.h"
#include "core/net/net.h"
#include "hw/pci/pci_boot.h"
#include "hw/pci/rom.h"

enum e1000_register {
    E1000_CTRL = 0x0000,
    E1000_STATUS = 0x0008,
    E1000_EECD = 0x0010,
    E1000_EERD = 0x0014,
    E1000_CTRL_EXT = 0x0018,
    E1000_MDIC = 0x0020,
    E1000_FCAL = 0x0028,
    E1000_FCAH = 0x002c,
    E1000_FCT = 0x0030,
    E1000_VET = 0x0038,
    E1000_ICR = 0x00c0,
    E1000_ITR = 0x00c4,
    E1000_ICS = 0x00c8,
    E1000_IMS = 0x00d0,
    E1000_IMC = 0x00d8,
    E1000_RCTL = 0x0100,
    E1000_FCTTV = 0x0170,
    E1000_TXCW = 0x0178,
    E1000_RXCW = 0x0180,
    E1000_TCTL = 0x0400,
    E1000_TIPG = 0x0410,
    E1000_AIT = 0x0458,
    E1000_LEDCTL = 0x0e00,
    E1000_PBA = 0x1000,
    E1000_FCRTL = 0x2160,
    E1000_FCRTH = 0x2168,
    E1000_RDBAL = 0x2800,
    E1000_RDBAH = 0x2804,
    E1000_RDLEN = 0x2808,
    E1000_RDH = 0x2810,
    E1000_RDT = 0x2818,
    E1000_RDTR = 0x2820,
    E1000_RXDCTL = 0x2828,
    E1000_RADV = 0x282c,
    E1000_RSRPD = 0x2c00,
    E1000_TDBAL = 0x3800,
    E1000_TDBAH = 0x3804,
    E1000_TDLEN = 0x3808,
    E1000_TDH = 0x3810,
    E1000_TDT = 0x3818,
    E1000_TIDV = 0x3820,
    E1000_TXDCTL = 0x3828,
    E1000_TADV = 0x382c,
    E1000_TSPMT = 0x3830,
    E1000_STATS = 0x4000, /* 64 counters that reading clears */
    E1000_MPC = 0x4010,
    E1000_PRC64 = 0x405c,
    E1000_GPRC = 0x4074,
    E1000_BPRC = 0x4078,
    E1000_MPRC = 0x407c,
    E1000_GPTC = 0x4080,
    E1000_GORCL = 0x4088,
    E1000_GOTCL = 0x4090,
    E1000_RNBC = 0x40a0,
    E1000_RUC = 0x40a4,
    E1000_ROC = 0x40ac,
    E1000_TORL = 0x40c0,
    E1000_TOTL = 0x40c8,
    E1000_TPR = 0x40d0,
    E1000_TPT = 0x40d4,
    E1000_PTC64 = 0x40d8,
    E1000_MPTC = 0x40f0,
    E1000_BPTC = 0x40f4,
    E1000_TSCTC = 0x40f8,
    E1000_TSCTFC = 0x40fc,
    E1000_STATS_END = 0x4100,
    E1000_RXCSUM = 0x5000,
    E1000_MTA = 0x5200,  /* 128 */
    E1000_RAL = 0x5400,  /* 16 pairs of RAL and RAH */
    E1000_VFTA = 0x5600, /* 128 */
    E1000_WUC = 0x5800,
    E1000_WUFC = 0x5808,
    E1000_WUS = 0x5810,
    E1000_MANC = 0x5820,
    E1000_REGISTERS_END = 0x6000,
};

enum {
    CTRL_FD = 1 << 0,
    CTRL_ASDE = 1 << 5,
    CTRL_SLU = 1 << 6,
    CTRL_SPEED_1000 = 2 << 8,
    CTRL_RST = 1 << 26,
    CTRL_VME = 1 << 30,
    STATUS_FD = 1 << 0,
    STATUS_LU = 1 << 1,
    STATUS_SPEED_1000 = 2 << 6,
    STATUS_ASDV_1000 = 2 << 8,
};
#define CTRL_PHY_RST (UINT32_C(1) << 31)

enum {
    ICR_TXDW = 1 << 0,
    ICR_TXQE = 1 << 1,
    ICR_LSC = 1 << 2,
    ICR_RXDMT0 = 1 << 4,
    ICR_RXO = 1 << 6,
    ICR_RXT0 = 1 << 7,
    ICR_MDAC = 1 << 9,
    ICR_TXD_LOW = 1 << 15,
    ICR_ALL = 0x1ffff,
};

enum {
    RCTL_EN = 1 << 1,
    RCTL_SBP = 1 << 2,
    RCTL_UPE = 1 << 3,
    RCTL_MPE = 1 << 4,
    RCTL_LPE = 1 << 5,
    RCTL_RDMTS_SHIFT = 8,
    RCTL_MO_SHIFT = 12,
    RCTL_BAM = 1 << 15,
    RCTL_BSIZE_SHIFT = 16,
    RCTL_VFE = 1 << 18,
    RCTL_CFIEN = 1 << 19,
    RCTL_CFI = 1 << 20,
    RCTL_BSEX = 1 << 25,
    RCTL_SECRC = 1 << 26,
    TCTL_EN = 1 << 1,
    RXCSUM_IPOFL = 1 << 8,
    RXCSUM_TUOFL = 1 << 9,
};

enum {
    E1000_DESCRIPTOR = 16,
    E1000_EEPROM_WORDS = 64,
    E1000_PHY_REGISTERS = 32,
    VLAN_TAG = 4,
    FCS = 4,
};

/* The context of the last context descriptor of its kind. */
struct e1000_context {
    uint8_t ipcss, ipcso, tucss, tucso, hdrlen;
    uint16_t ipcse, tucse, mss;
    uint32_t paylen;
    uint8_t tucmd;
};

struct e1000 {
    struct pci_device pci;
    struct netdev *nd;             /* property */
    uint8_t mac[NET_ADDRESS_SIZE]; /* property */
    struct boot_target boot;       /* property */
    char *romfile;                 /* property */
    struct pci_rom rom;
    struct mem_region mmio, io;
    struct timer throttle; /* ITR: no interrupt before it expires */
    struct timer resume;   /* after a load: goes on with transmitting */
    bool transmitting;
    uint8_t rx_frame[NET_FRAME_MAX]; /* one that is stored otherwise than it came */

    uint32_t regs[E1000_REGISTERS_END / 4];
    uint32_t icr;
    uint32_t io_address;
    uint16_t phy[E1000_PHY_REGISTERS];
    uint16_t eeprom[E1000_EEPROM_WORDS];
    /* the serial interface of the EEPROM */
    uint8_t ee_bits; /* bits of the command seen so far */
    uint16_t ee_command;
    uint16_t ee_out; /* still to be shifted out, from bit 15 on */
    uint8_t ee_do;

    /* the frame being put together */
    struct e1000_context context[2]; /* checksum, segmentation */
    uint8_t tx_segment;              /* it is to be segmented */
    uint8_t tx_options;              /* POPTS of its first descriptor */
    uint8_t tx_legacy_css, tx_legacy_cso;
    uint8_t tx_vlan;
    uint16_t tx_special;
    uint8_t tx_bad;                /* too long: dropped at its end */
    uint8_t tx_blocked;            /* a frame that the back end did not take yet */
    uint8_t tx_gso, tx_needs_csum; /* as in struct net_packet, of a frame that waits */
    uint16_t tx_gso_size, tx_csum_start, tx_csum_offset;
    uint32_t tx_len;
    uint8_t tx_frame[NET_FRAME_MAX];
};

static inline uint32_t *e1000_reg(struct e1000 *s, uint32_t offset)
{
    return &s->regs[offset / 4];
}

/* Causes of an interrupt. */
void e1000_interrupt(struct e1000 *s, uint32_t causes);
/* Counters stop at their largest value. */
void e1000_count(struct e1000 *s, uint32_t counter, uint64_t n);
/* A frame of len bytes, with its FCS, for the counters by size that start at `first`. */
void e1000_count_size(struct e1000 *s, uint32_t first, uint32_t len);

/* ---- e1000_tx.c ------------------------------------------------------------------------------ */

/* Takes descriptors up to the tail, or until the back end is busy. */
void e1000_transmit(struct e1000 *s);

/* ---- e1000_rx.c ------------------------------------------------------------------------------ */

bool e1000_can_receive(void *opaque);
bool e1000_receive(void *opaque, const struct net_packet *packet);

/* ---- e1000_phy.c: the PHY and the EEPROM ----------------------------------------------------- */

void e1000_phy_reset(struct e1000 *s);
void e1000_phy_link(struct e1000 *s, bool up);
void e1000_mdic_write(struct e1000 *s, uint32_t value);
void e1000_eeprom_init(struct e1000 *s);
uint32_t e1000_eecd_read(struct e1000 *s);
void e1000_eecd_write(struct e1000 *s, uint32_t value);
void e1000_eerd_write(struct e1000 *s, uint32_t value);

#endif
