/*
 * PrimeCell UART.
 *
 * Specification: PrimeCell UART (PL011) Technical Reference Manual, Arm DDI 0183. Revision r1p3,
 * whose FIFOs have 16 places. Output is never lost: what the chardev does not take stays in the
 * transmit FIFO, which the guest sees filling up as it would with a slow line; otherwise a
 * character leaves at once. Like the 16550 here it works at any line speed, and whether the guest
 * has enabled it or not: programs exist that take the UART as they find it.
 */
#include "hw/char/pl011.h"

#include "core/chardev/chardev.h"
#include "core/clock/clock.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/primecell.h"

enum {
    UARTDR = 0x000,
    UARTRSR = 0x004, /* ECR on write */
    UARTFR = 0x018,
    UARTILPR = 0x020,
    UARTIBRD = 0x024,
    UARTFBRD = 0x028,
    UARTLCR_H = 0x02c,
    UARTCR = 0x030,
    UARTIFLS = 0x034,
    UARTIMSC = 0x038,
    UARTRIS = 0x03c,
    UARTMIS = 0x040,
    UARTICR = 0x044,
    UARTDMACR = 0x048,
};
enum {
    DR_BREAK = 1 << 10,
    DR_OVERRUN = 1 << 11,
    DR_ERROR_SHIFT = 8, /* to RSR */
    DR_MAX = 0xfff,
    RSR_OVERRUN = 1 << 3,
    RSR_CHARACTER = 7, /* FE, PE, BE: of the character read last */
    RSR_MAX = 15,
    FR_CTS = 1 << 0,
    FR_DSR = 1 << 1,
    FR_DCD = 1 << 2,
    FR_BUSY = 1 << 3,
    FR_RXFE = 1 << 4,
    FR_TXFF = 1 << 5,
    FR_RXFF = 1 << 6,
    FR_TXFE = 1 << 7,
    FR_RI = 1 << 8,
    FR_MODEM = FR_CTS | FR_DSR | FR_DCD | FR_RI,
    LCR_BRK = 1 << 0,
    LCR_PEN = 1 << 1,
    LCR_STP2 = 1 << 3,
    LCR_FEN = 1 << 4,
    LCR_WLEN_SHIFT = 5,
    CR_LBE = 1 << 7,
    CR_DTR = 1 << 10,
    CR_RTS = 1 << 11,
    CR_OUT1 = 1 << 12,
    CR_OUT2 = 1 << 13,
    CR_RESET = 0x300, /* transmitter and receiver enabled */
    CR_WRITABLE = 0xff87,
    IFLS_RESET = 0x12, /* half full, half empty */
    IFLS_WRITABLE = 0x3f,
};
/* Of UARTIMSC, UARTRIS, UARTMIS and UARTICR. */
enum {
    INT_RI = 1 << 0,
    INT_CTS = 1 << 1,
    INT_DCD = 1 << 2,
    INT_DSR = 1 << 3,
    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RT = 1 << 6,
    INT_BE = 1 << 9,
    INT_OE = 1 << 10,
    INT_ALL = 0x7ff,
};
enum { FIFO_SIZE = 16, TIMEOUT_BITS = 32, CLOCKS_A_BIT = 16, IBRD_USUAL = 13 };
#define NS_PER_SECOND UINT64_C(1000000000)

/* Characters at which the receive FIFO interrupts, and the transmit FIFO as it empties. */
static const uint8_t levels[8] = {2, 4, 8, 12, 14, 14, 14, 14};

struct pl011 {
    struct device dev;
    struct pl011_config cfg;
    bool attached;
    struct mem_region region;

    uint32_t cr, lcr, ifls, imsc, ris, ibrd, fbrd, ilpr, dmacr;
    uint32_t modem; /* FR's bits of the modem inputs */
    uint8_t rsr;
    bool overrun;           /* a character was lost since the last one that found room */
    uint16_t rx[FIFO_SIZE]; /* as UARTDR has them */
    uint8_t rx_head, rx_count;
    uint8_t tx[FIFO_SIZE];
    uint8_t tx_head, tx_count;
    bool irq_level;
    struct timer timeout;
};

static unsigned capacity(const struct pl011 *s)
{
    return s->lcr & LCR_FEN ? FIFO_SIZE : 1;
}
static unsigned rx_trigger(const struct pl011 *s)
{
    return s->lcr & LCR_FEN ? levels[s->ifls >> 3 & 7] : 1;
}
/* At this many characters or fewer the transmitter asks for more. */
static unsigned tx_trigger(const struct pl011 *s)
{
    return s->lcr & LCR_FEN ? levels[s->ifls & 7] : 0;
}
static bool loops_back(const struct pl011 *s)
{
    return s->cr & CR_LBE;
}

static void update_irq(struct pl011 *s)
{
    bool level = s->ris & s->imsc;
    if (level != s->irq_level) {
        s->irq_level = level;
        irq_set(&s->cfg.irq, level);
    }
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* The timeout interrupt tells of characters that wait without more of them coming: 32 bit times.
 * A guest that has set no speed gets that of 115200 baud. */
static void restart_timeout(struct pl011 *s)
{
    uint64_t divisor = s->ibrd ? (uint64_t)s->ibrd * 64 + s->fbrd : IBRD_USUAL * 64;
    uint64_t clocks = TIMEOUT_BITS * CLOCKS_A_BIT * divisor / 64;

    if (s->rx_count && s->lcr & LCR_FEN)
        timer_set(&s->timeout, clock_now(s->timeout.clocks, VCLOCK_VIRTUAL) +
                                   (int64_t)(clocks * NS_PER_SECOND / PL011_CLOCK_HZ));
    else
        timer_cancel(&s->timeout);
}

static void timeout_expired(void *opaque)
{
    struct pl011 *s = opaque;
    if (s->rx_count)
        s->ris |= INT_RT;
    update_irq(s);
}

static void receive(struct pl011 *s, uint16_t character)
{
    if (s->rx_count >= capacity(s)) {
        s->overrun = true;
        s->rsr |= RSR_OVERRUN;
        s->ris |= INT_OE;
        return;
    }
    if (s->overrun)
        character |= DR_OVERRUN;
    s->overrun = false;
    s->rx[(s->rx_head + s->rx_count++) % FIFO_SIZE] = character;
    if (character & DR_BREAK)
        s->ris |= INT_BE;
    if (s->rx_count >= rx_trigger(s))
        s->ris |= INT_RX;
}

static uint32_t read_data(struct pl011 *s)
{
    if (!s->rx_count)
        return 0;
    uint16_t character = s->rx[s->rx_head];
    s->rx_head = (s->rx_head + 1) % FIFO_SIZE;
    s->rx_count--;
    s->rsr = (uint8_t)((s->rsr & RSR_OVERRUN) | (character >> DR_ERROR_SHIFT & RSR_CHARACTER));
    if (s->rx_count < rx_trigger(s))
        s->ris &= ~(uint32_t)INT_RX;
    if (!s->rx_count)
        s->ris &= ~(uint32_t)INT_RT;
    restart_timeout(s);
    update_irq(s);
    if (s->cfg.chr && !loops_back(s))
        chardev_accept_input(s->cfg.chr);
    return character;
}

static size_t chr_can_receive(void *opaque)
{
    struct pl011 *s = opaque;
    return loops_back(s) ? 0 : capacity(s) - MIN(capacity(s), s->rx_count);
}

static void chr_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct pl011 *s = opaque;
    for (size_t i = 0; i < len; i++)
        receive(s, data[i]);
    restart_timeout(s);
    update_irq(s);
}

static void chr_event(void *opaque, enum chardev_event event)
{
    struct pl011 *s = opaque;
    if (event == CHARDEV_BREAK && !loops_back(s)) {
        receive(s, DR_BREAK);
        restart_timeout(s);
        update_irq(s);
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

static void transmit(struct pl011 *s)
{
    unsigned before = s->tx_count;

    while (s->tx_count) {
        unsigned run = MIN((unsigned)s->tx_count, FIFO_SIZE - (unsigned)s->tx_head);
        size_t taken = s->cfg.chr ? chardev_write(s->cfg.chr, s->tx + s->tx_head, run) : run;
        taken = MIN(taken, run);
        s->tx_head = (uint8_t)((s->tx_head + taken) % FIFO_SIZE);
        s->tx_count -= (uint8_t)taken;
        if (!taken)
            break; /* `writable` goes on */
    }
    if (s->tx_count < before && s->tx_count <= tx_trigger(s))
        s->ris |= INT_TX;
}

static void chr_writable(void *opaque)
{
    struct pl011 *s = opaque;
    transmit(s);
    update_irq(s);
}

static void write_data(struct pl011 *s, uint8_t byte)
{
    if (loops_back(s)) {
        receive(s, byte);
        restart_timeout(s);
        s->ris |= INT_TX;
        update_irq(s);
        return;
    }
    /* The manual leaves open what a character to a full FIFO does: it is lost. */
    if (s->tx_count < capacity(s))
        s->tx[(s->tx_head + s->tx_count++) % FIFO_SIZE] = byte;
    if (s->tx_count > tx_trigger(s))
        s->ris &= ~(uint32_t)INT_TX;
    transmit(s);
    update_irq(s);
}

static const struct chardev_frontend frontend = {
    .can_receive = chr_can_receive,
    .receive = chr_receive,
    .writable = chr_writable,
    .event = chr_event,
};

/* ---- registers ------------------------------------------------------------------------------- */

/* The modem inputs: looped back from the outputs, or a line that is always ready. */
static void update_modem(struct pl011 *s)
{
    static const struct {
        uint32_t output, input, interrupt;
    } lines[] = {{CR_DTR, FR_DSR, INT_DSR},
                 {CR_RTS, FR_CTS, INT_CTS},
                 {CR_OUT1, FR_DCD, INT_DCD},
                 {CR_OUT2, FR_RI, INT_RI}};
    uint32_t in = s->cfg.chr ? FR_CTS | FR_DSR | FR_DCD : 0;

    if (loops_back(s)) {
        in = 0;
        for (unsigned n = 0; n < ARRAY_SIZE(lines); n++)
            in |= s->cr & lines[n].output ? lines[n].input : 0;
    }
    for (unsigned n = 0; n < ARRAY_SIZE(lines); n++)
        s->ris |= (in ^ s->modem) & lines[n].input ? lines[n].interrupt : 0;
    s->modem = in;
}

static uint32_t read_flags(const struct pl011 *s)
{
    uint32_t flags = s->modem;

    if (!s->rx_count)
        flags |= FR_RXFE;
    if (s->rx_count >= capacity(s))
        flags |= FR_RXFF;
    if (!s->tx_count)
        flags |= FR_TXFE;
    else
        flags |= FR_BUSY;
    if (s->tx_count >= capacity(s))
        flags |= FR_TXFF;
    return flags;
}

static void write_line_control(struct pl011 *s, uint32_t value)
{
    bool began_break = value & LCR_BRK && !(s->lcr & LCR_BRK);

    if ((value ^ s->lcr) & LCR_FEN) { /* the FIFOs begin anew; what is on its way out stays */
        s->rx_count = 0;
        s->ris &= ~(uint32_t)(INT_RX | INT_RT);
    }
    s->lcr = value;
    if (began_break && loops_back(s))
        receive(s, DR_BREAK);
    restart_timeout(s);
    if (s->cfg.chr && !loops_back(s))
        chardev_accept_input(s->cfg.chr);
}

static void write_control(struct pl011 *s, uint32_t value)
{
    bool left_loop = loops_back(s) && !(value & CR_LBE);

    s->cr = value & CR_WRITABLE;
    update_modem(s);
    if (left_loop && s->cfg.chr)
        chardev_accept_input(s->cfg.chr);
}

static uint64_t pl011_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pl011 *s = opaque;
    unsigned shift = 8 * (offset & 3);
    (void)size;

    switch (offset & ~UINT64_C(3)) {
    case UARTDR:
        return shift ? 0 : read_data(s);
    case UARTRSR:
        return (uint32_t)s->rsr >> shift;
    case UARTFR:
        return read_flags(s) >> shift;
    case UARTILPR:
        return s->ilpr >> shift;
    case UARTIBRD:
        return s->ibrd >> shift;
    case UARTFBRD:
        return s->fbrd >> shift;
    case UARTLCR_H:
        return s->lcr >> shift;
    case UARTCR:
        return s->cr >> shift;
    case UARTIFLS:
        return s->ifls >> shift;
    case UARTIMSC:
        return s->imsc >> shift;
    case UARTRIS:
        return s->ris >> shift;
    case UARTMIS:
        return (s->ris & s->imsc) >> shift;
    case UARTDMACR:
        return s->dmacr >> shift;
    default:
        return primecell_id(offset, UINT32_C(0x00141011));
    }
}

static void pl011_write(void *opaque, uint64_t offset, uint64_t value64, unsigned size)
{
    struct pl011 *s = opaque;
    uint32_t value = (uint32_t)value64;
    (void)size;

    switch (offset) {
    case UARTDR:
        write_data(s, (uint8_t)value);
        return;
    case UARTRSR:
        s->rsr = 0;
        return;
    case UARTILPR:
        s->ilpr = value & 0xff;
        return;
    case UARTIBRD:
        s->ibrd = value & 0xffff;
        return;
    case UARTFBRD:
        s->fbrd = value & 0x3f;
        return;
    case UARTLCR_H:
        write_line_control(s, value & 0xff);
        break;
    case UARTCR:
        write_control(s, value);
        break;
    case UARTIFLS:
        s->ifls = value & IFLS_WRITABLE;
        break;
    case UARTIMSC:
        s->imsc = value & INT_ALL;
        break;
    case UARTICR:
        s->ris &= ~value;
        break;
    case UARTDMACR:
        s->dmacr = value & 7; /* there is no DMA controller beside it */
        return;
    default:
        return;
    }
    update_irq(s);
}

static const struct mem_ops pl011_ops = {
    .read = pl011_read, .write = pl011_write, .min_size = 1, .max_size = 4};

/* ---- life ------------------------------------------------------------------------------------ */

static void pl011_reset(struct device *dev)
{
    struct pl011 *s = container_of(dev, struct pl011, dev);

    s->cr = CR_RESET;
    s->ifls = IFLS_RESET;
    s->lcr = s->imsc = s->ibrd = s->fbrd = s->ilpr = s->dmacr = 0;
    s->rsr = 0;
    s->overrun = false;
    s->rx_head = s->rx_count = 0;
    /* Bytes that the back end has not taken yet are the guest's last words: they stay. */
    if (!s->tx_count)
        s->tx_head = 0;
    update_modem(s);
    s->ris = 0;
    timer_cancel(&s->timeout);
    s->irq_level = false;
    irq_set(&s->cfg.irq, 0);
    if (s->cfg.chr)
        chardev_accept_input(s->cfg.chr);
}

static void pl011_unrealize(struct device *dev)
{
    struct pl011 *s = container_of(dev, struct pl011, dev);
    timer_cancel(&s->timeout);
    mem_region_remove(&s->region);
    if (s->attached)
        chardev_attach(s->cfg.chr, NULL, NULL, NULL);
    s->attached = false;
}

static bool pl011_realize(struct device *dev, struct vemu_error **errp)
{
    struct pl011 *s = container_of(dev, struct pl011, dev);

    timer_init(&s->timeout, device_clocks(dev), VCLOCK_VIRTUAL, timeout_expired, s);
    if (s->cfg.chr && !chardev_attach(s->cfg.chr, &frontend, s, errp))
        return false;
    s->attached = s->cfg.chr != NULL;
    mem_region_init_io(&s->region, "pl011", PL011_SIZE, &pl011_ops, s, dev);
    mem_region_add(mem_space_root(device_memory(dev)), s->cfg.base, &s->region, 0);
    pl011_reset(dev);
    return true;
}

static bool pl011_post_load(struct device *dev, struct vemu_error **errp)
{
    struct pl011 *s = container_of(dev, struct pl011, dev);
    (void)errp;
    irq_set(&s->cfg.irq, s->irq_level);
    if (s->cfg.chr)
        chardev_accept_input(s->cfg.chr);
    return true;
}

static const struct state_field pl011_state[] = {
    STATE_INT(struct pl011, cr, .max = CR_WRITABLE),
    STATE_INT(struct pl011, lcr, .max = 0xff),
    STATE_INT(struct pl011, ifls, .max = IFLS_WRITABLE),
    STATE_INT(struct pl011, imsc, .max = INT_ALL),
    STATE_INT(struct pl011, ris, .max = INT_ALL),
    STATE_INT(struct pl011, ibrd, .max = 0xffff),
    STATE_INT(struct pl011, fbrd, .max = 0x3f),
    STATE_INT(struct pl011, ilpr, .max = 0xff),
    STATE_INT(struct pl011, dmacr, .max = 7),
    STATE_INT(struct pl011, modem, .max = FR_MODEM),
    STATE_INT(struct pl011, rsr, .max = RSR_MAX),
    STATE_FLAG(struct pl011, overrun),
    STATE_INT_ARRAY(struct pl011, rx, .max = DR_MAX),
    STATE_INT(struct pl011, rx_head, .max = FIFO_SIZE - 1),
    STATE_INT(struct pl011, rx_count, .max = FIFO_SIZE),
    STATE_BUFFER(struct pl011, tx),
    STATE_INT(struct pl011, tx_head, .max = FIFO_SIZE - 1),
    STATE_INT(struct pl011, tx_count, .max = FIFO_SIZE),
    STATE_FLAG(struct pl011, irq_level),
    STATE_DEADLINE(struct pl011, timeout),
    STATE_FIELDS_END,
};

const struct device_class pl011_class = {
    .name = "pl011",
    .help = "PL011 UART",
    .size = sizeof(struct pl011),
    .state = pl011_state,
    .state_version = 1,
    .realize = pl011_realize,
    .unrealize = pl011_unrealize,
    .reset = pl011_reset,
    .post_load = pl011_post_load,
};

struct device *pl011_create(struct vemu_machine *m, const struct pl011_config *cfg,
                            struct vemu_error **errp)
{
    struct device *dev = device_new(m, &pl011_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct pl011, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
