/*
 * The 82540EM's PHY behind MDIC (IEEE 802.3 clause 22 registers, and the 88E1011's own), and its
 * EEPROM, a 93C46 of 64 words that is read through EERD or bit by bit through EECD.
 */
#include "hw/net/e1000_internal.h"

#include "core/util/endian.h"
#include "core/util/log.h"

enum {
    PHY_CTRL = 0,
    PHY_STATUS = 1,
    PHY_ID1 = 2,
    PHY_ID2 = 3,
    PHY_AUTONEG_ADV = 4,
    PHY_LP_ABILITY = 5,
    PHY_AUTONEG_EXP = 6,
    PHY_1000T_CTRL = 9,
    PHY_1000T_STATUS = 10,
    PHY_EXT_STATUS = 15,
    M88_SPEC_CTRL = 16,
    M88_SPEC_STATUS = 17,
    M88_INT_ENABLE = 18,
    M88_INT_STATUS = 19,
    M88_EXT_SPEC_CTRL = 20,
    M88_RX_ERRORS = 21,
    M88_PAGE = 29,
    M88_PAGE_DATA = 30,
};
enum {
    PHY_CTRL_RESET = 1 << 15,
    PHY_CTRL_AUTONEG = 1 << 12,
    PHY_CTRL_RESTART = 1 << 9,
    PHY_STATUS_LINK = 1 << 2,
    PHY_STATUS_COMPLETE = 1 << 5,
    M88_STATUS_LINK = 1 << 10,
    PHY_ADDRESS = 1,
};
enum {
    MDIC_REG_SHIFT = 16,
    MDIC_PHY_SHIFT = 21,
    MDIC_OP_WRITE = 1 << 26,
    MDIC_OP_READ = 2 << 26,
    MDIC_OP_MASK = 3 << 26,
    MDIC_READY = 1 << 28,
    MDIC_INTERRUPT = 1 << 29,
    MDIC_ERROR = 1 << 30,
};

/* Values after reset: 10 to 1000 Mbit/s, full duplex, agreed with a partner that can do the same.
 */
static const uint16_t phy_initial[E1000_PHY_REGISTERS] = {
    [PHY_CTRL] = 0x1140,          [PHY_STATUS] = 0x7949,      [PHY_ID1] = 0x0141,
    [PHY_ID2] = 0x0c20,           [PHY_AUTONEG_ADV] = 0x0de1, [PHY_LP_ABILITY] = 0x45e1,
    [PHY_AUTONEG_EXP] = 0x0007,   [PHY_1000T_CTRL] = 0x0e00,  [PHY_1000T_STATUS] = 0x3c00,
    [PHY_EXT_STATUS] = 0x3000,    [M88_SPEC_CTRL] = 0x0360,   [M88_SPEC_STATUS] = 0xa804,
    [M88_EXT_SPEC_CTRL] = 0x0d60,
};
/* The bits that software writes. */
static const uint16_t phy_writable[E1000_PHY_REGISTERS] = {
    [PHY_CTRL] = 0x3dc0,      [PHY_AUTONEG_ADV] = 0xbfff, [PHY_1000T_CTRL] = 0xff00,
    [M88_SPEC_CTRL] = 0xffff, [M88_INT_ENABLE] = 0xffff,  [M88_EXT_SPEC_CTRL] = 0xffff,
    [M88_PAGE] = 0xffff,      [M88_PAGE_DATA] = 0xffff,
};

void e1000_phy_link(struct e1000 *s, bool up)
{
    s->phy[PHY_STATUS] &= (uint16_t) ~(PHY_STATUS_LINK | PHY_STATUS_COMPLETE);
    s->phy[M88_SPEC_STATUS] &= (uint16_t)~M88_STATUS_LINK;
    if (up) {
        s->phy[PHY_STATUS] |= PHY_STATUS_LINK | PHY_STATUS_COMPLETE;
        s->phy[M88_SPEC_STATUS] |= M88_STATUS_LINK;
    }
}

void e1000_phy_reset(struct e1000 *s)
{
    for (unsigned i = 0; i < E1000_PHY_REGISTERS; i++)
        s->phy[i] = phy_initial[i];
    e1000_phy_link(s, s->nd && netdev_link(s->nd));
}

static void phy_write(struct e1000 *s, unsigned reg, uint16_t value)
{
    if (reg == PHY_CTRL && value & PHY_CTRL_RESET) {
        e1000_phy_reset(s);
        return;
    }
    s->phy[reg] = (uint16_t)((s->phy[reg] & ~phy_writable[reg]) | (value & phy_writable[reg]));
    if (reg == PHY_CTRL && value & PHY_CTRL_RESTART && value & PHY_CTRL_AUTONEG) {
        e1000_phy_link(s, s->nd && netdev_link(s->nd));
        e1000_interrupt(s, ICR_LSC);
    }
}

void e1000_mdic_write(struct e1000 *s, uint32_t value)
{
    unsigned reg = value >> MDIC_REG_SHIFT & 31;
    uint32_t result = value & ~(uint32_t)MDIC_ERROR;

    if ((value >> MDIC_PHY_SHIFT & 31) != PHY_ADDRESS) {
        result |= MDIC_ERROR; /* nobody there */
    } else if ((value & MDIC_OP_MASK) == MDIC_OP_READ) {
        result = (result & ~0xffffu) | s->phy[reg];
        if (reg == M88_INT_STATUS)
            s->phy[reg] = 0;
    } else if ((value & MDIC_OP_MASK) == MDIC_OP_WRITE) {
        phy_write(s, reg, (uint16_t)value);
    } else {
        result |= MDIC_ERROR;
    }
    *e1000_reg(s, E1000_MDIC) = result | MDIC_READY;
    if (value & MDIC_INTERRUPT)
        e1000_interrupt(s, ICR_MDAC);
}

/* ---- EEPROM ---------------------------------------------------------------------------------- */

enum {
    EE_CONTROL1 = 0x0a,
    EE_SUBSYSTEM_ID = 0x0b,
    EE_SUBSYSTEM_VENDOR = 0x0c,
    EE_DEVICE_ID = 0x0d,
    EE_VENDOR_ID = 0x0e,
    EE_CONTROL2 = 0x0f,
    EE_CHECKSUM = 0x3f,
    EE_SUM = 0xbaba,
};
enum {
    EECD_SK = 1 << 0,
    EECD_CS = 1 << 1,
    EECD_DI = 1 << 2,
    EECD_DO = 1 << 3,
    EECD_REQ = 1 << 6,
    EECD_GNT = 1 << 7,
    EECD_PRES = 1 << 8,
    EERD_START = 1 << 0,
    EERD_DONE = 1 << 4,
    EE_COMMAND_BITS = 9, /* start bit, two of operation, six of address */
    EE_OP_READ = 6,      /* start bit and operation */
};

void e1000_eeprom_init(struct e1000 *s)
{
    uint16_t sum = 0;

    for (unsigned i = 0; i < 3; i++)
        s->eeprom[i] = load_le16(s->mac + 2 * i);
    s->eeprom[EE_CONTROL1] = 0x640b; /* valid, IDs are loaded from here */
    s->eeprom[EE_SUBSYSTEM_ID] = load_le16(s->pci.config + PCI_SUBSYSTEM_ID);
    s->eeprom[EE_SUBSYSTEM_VENDOR] = load_le16(s->pci.config + PCI_SUBSYSTEM_VENDOR_ID);
    s->eeprom[EE_DEVICE_ID] = load_le16(s->pci.config + PCI_DEVICE_ID);
    s->eeprom[EE_VENDOR_ID] = load_le16(s->pci.config + PCI_VENDOR_ID);
    s->eeprom[EE_CONTROL2] = 0xb46c;
    for (unsigned i = 0; i < EE_CHECKSUM; i++)
        sum = (uint16_t)(sum + s->eeprom[i]);
    s->eeprom[EE_CHECKSUM] = (uint16_t)(EE_SUM - sum);
}

uint32_t e1000_eecd_read(struct e1000 *s)
{
    uint32_t value = *e1000_reg(s, E1000_EECD) & (EECD_SK | EECD_CS | EECD_DI | EECD_REQ);

    return value | EECD_PRES | (value & EECD_REQ ? EECD_GNT : 0u) | (s->ee_do ? EECD_DO : 0u);
}

/* A rising edge of the clock with the chip selected. */
static void clock_bit(struct e1000 *s, bool di)
{
    if (s->ee_bits == 0 && !di) /* the start bit is a 1 */
        return;
    if (s->ee_bits < EE_COMMAND_BITS) {
        s->ee_command = (uint16_t)(s->ee_command << 1 | di);
        if (++s->ee_bits == EE_COMMAND_BITS) {
            s->ee_do = 0; /* one 0 before the data */
            s->ee_out = s->ee_command >> 6 == EE_OP_READ ? s->eeprom[s->ee_command & 63] : 0;
        }
        return;
    }
    s->ee_do = s->ee_out >> 15;
    s->ee_out = (uint16_t)(s->ee_out << 1);
}

void e1000_eecd_write(struct e1000 *s, uint32_t value)
{
    uint32_t old = *e1000_reg(s, E1000_EECD);

    *e1000_reg(s, E1000_EECD) = value;
    if (!(value & EECD_CS)) {
        s->ee_bits = 0;
        s->ee_command = s->ee_out = 0;
        s->ee_do = 1; /* ready */
    } else if (value & ~old & EECD_SK) {
        clock_bit(s, value & EECD_DI);
    }
}

void e1000_eerd_write(struct e1000 *s, uint32_t value)
{
    uint32_t address = value >> 8 & 0xff;

    if (!(value & EERD_START))
        return;
    uint32_t data = address < E1000_EEPROM_WORDS ? s->eeprom[address] : 0;
    *e1000_reg(s, E1000_EERD) = data << 16 | address << 8 | EERD_DONE;
}
