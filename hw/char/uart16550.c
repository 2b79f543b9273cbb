/*
 * 16550A UART.
 *
 * Specification: National Semiconductor PC16550D data sheet. Output is never lost: what the
 * chardev does not take stays in the transmit FIFO, THRE stays low, and the guest waits as it would
 * for a slow line. Without back-pressure a byte leaves at once, as guests do not depend on the
 * line's speed and their users like it quick; the receive timeout is kept because drivers need it.
 */
#include "hw/char/uart16550.h"

#include "core/chardev/chardev.h"
#include "core/clock/clock.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/isa_port.h"

enum {
    REG_DATA = 0, /* RBR and THR; DLL with DLAB */
    REG_IER = 1,  /* DLM with DLAB */
    REG_IIR = 2,  /* FCR on write */
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_MSR = 6,
    REG_SCR = 7,
    REGISTERS = 8,
};
enum {
    IER_RX = 1 << 0,
    IER_THRE = 1 << 1,
    IER_LINE = 1 << 2,
    IER_MODEM = 1 << 3,
    IER_WRITABLE = 15,
    IIR_NONE = 1,
    IIR_MODEM = 0,
    IIR_THRE = 2,
    IIR_RX = 4,
    IIR_LINE = 6,
    IIR_TIMEOUT = 12,
    IIR_FIFOS = 0xc0,
    FCR_ENABLE = 1 << 0,
    FCR_CLEAR_RX = 1 << 1,
    FCR_CLEAR_TX = 1 << 2,
    FCR_TRIGGER_SHIFT = 6,
    FCR_KEPT = 0xc9, /* enable, DMA mode, trigger level */
    LCR_WORD = 3,
    LCR_STOP = 1 << 2,
    LCR_PARITY = 1 << 3,
    LCR_BREAK = 1 << 6,
    LCR_DLAB = 1 << 7,
    MCR_DTR = 1 << 0,
    MCR_RTS = 1 << 1,
    MCR_OUT1 = 1 << 2,
    MCR_OUT2 = 1 << 3,
    MCR_LOOP = 1 << 4,
    MCR_WRITABLE = 0x1f,
    LSR_DR = 1 << 0,
    LSR_OE = 1 << 1,
    LSR_BI = 1 << 4,
    LSR_ERRORS = 0x1e,
    LSR_THRE = 1 << 5,
    LSR_TEMT = 1 << 6,
    LSR_FIFO_ERROR = 1 << 7,
    MSR_DCTS = 1 << 0,
    MSR_TERI = 1 << 2,
    MSR_DELTAS = 15,
    MSR_CTS = 1 << 4,
    MSR_DSR = 1 << 5,
    MSR_RI = 1 << 6,
    MSR_DCD = 1 << 7,
};

enum { FIFO_SIZE = 16 };
#define CLOCK_HZ UINT64_C(1843200)
#define NS_PER_SECOND UINT64_C(1000000000)

static const uint8_t trigger_levels[4] = {1, 4, 8, 14};

struct fifo {
    uint8_t data[FIFO_SIZE];
    uint8_t head, count;
};

struct uart {
    struct device dev;
    struct uart16550_config cfg;
    uint8_t index;       /* property */
    uint64_t iobase;     /* property */
    uint8_t irq_number;  /* property */
    struct chardev *chr; /* property */
    bool attached;

    uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
    uint16_t divisor;
    bool thre_pending;    /* the THRE interrupt: set by emptying, cleared by reading IIR */
    bool timeout_pending; /* characters sat in the receive FIFO for four character times */
    bool irq_level;
    uint16_t break_at; /* bit n set: the n-th byte of the receive FIFO is a break */
    struct fifo rx, tx;
    struct timer timeout;
    struct mem_region region;
};

static void fifo_put(struct fifo *f, uint8_t byte)
{
    f->data[(f->head + f->count++) % FIFO_SIZE] = byte;
}
static uint8_t fifo_get(struct fifo *f)
{
    uint8_t byte = f->data[f->head];
    f->head = (f->head + 1) % FIFO_SIZE;
    f->count--;
    return byte;
}
static unsigned capacity(const struct uart *s)
{
    return s->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static unsigned interrupt_id(const struct uart *s)
{
    unsigned trigger = s->fcr & FCR_ENABLE ? trigger_levels[s->fcr >> FCR_TRIGGER_SHIFT] : 1;

    if (s->ier & IER_LINE && s->lsr & LSR_ERRORS)
        return IIR_LINE;
    if (s->ier & IER_RX && s->rx.count >= trigger)
        return IIR_RX;
    if (s->ier & IER_RX && s->timeout_pending)
        return IIR_TIMEOUT;
    if (s->ier & IER_THRE && s->thre_pending)
        return IIR_THRE;
    if (s->ier & IER_MODEM && s->msr & MSR_DELTAS)
        return IIR_MODEM;
    return IIR_NONE;
}

static void update_irq(struct uart *s)
{
    /* OUT2 gates the interrupt on PC adapters; in loopback it is disconnected from its pin. Drivers
     * exist that never set it on motherboard UARTs, so it is not honoured here. */
    bool level = interrupt_id(s) != IIR_NONE;
    if (level != s->irq_level) {
        s->irq_level = level;
        irq_set(&s->cfg.irq, level);
    }
}

static uint64_t character_ns(const struct uart *s)
{
    unsigned half_bits =
        2 * (1 + 5 + (s->lcr & LCR_WORD) + !!(s->lcr & LCR_PARITY)) + (s->lcr & LCR_STOP ? 4 : 2);
    unsigned divisor = s->divisor ? s->divisor : 0x10000;
    return half_bits * (UINT64_C(8) * divisor) * NS_PER_SECOND / CLOCK_HZ;
}

/* Characters below the trigger level are announced after four character times without traffic. */
static void restart_timeout(struct uart *s)
{
    s->timeout_pending = false;
    if (s->rx.count && s->fcr & FCR_ENABLE)
        timer_set(&s->timeout,
                  clock_now(s->timeout.clocks, VCLOCK_VIRTUAL) + (int64_t)(4 * character_ns(s)));
    else
        timer_cancel(&s->timeout);
}

static void timeout_expired(void *opaque)
{
    struct uart *s = opaque;
    if (s->rx.count && s->fcr & FCR_ENABLE) {
        s->timeout_pending = true;
        update_irq(s);
    }
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void show_front_break(struct uart *s)
{
    if (s->break_at & 1)
        s->lsr |= LSR_BI;
}

static void receive_byte(struct uart *s, uint8_t byte, bool is_break)
{
    if (s->rx.count >= capacity(s)) {
        s->lsr |= LSR_OE;
        if (s->fcr & FCR_ENABLE)
            return; /* the FIFO is kept, the new character is lost */
        s->rx.count = 0;
        s->break_at = 0;
    }
    if (is_break)
        s->break_at |= (uint16_t)(1u << s->rx.count);
    fifo_put(&s->rx, byte);
    s->lsr |= LSR_DR;
    if (s->rx.count == 1)
        show_front_break(s);
}

static uint8_t read_data(struct uart *s)
{
    if (!s->rx.count)
        return 0;
    uint8_t byte = fifo_get(&s->rx);
    s->break_at >>= 1;
    if (s->rx.count)
        show_front_break(s);
    else
        s->lsr &= (uint8_t)~LSR_DR;
    restart_timeout(s);
    update_irq(s);
    if (s->chr && !(s->mcr & MCR_LOOP))
        chardev_accept_input(s->chr);
    return byte;
}

static size_t chr_can_receive(void *opaque)
{
    struct uart *s = opaque;
    /* In loopback the receiver is cut off from its pin: the back end keeps its bytes. */
    return s->mcr & MCR_LOOP ? 0 : capacity(s) - MIN(capacity(s), s->rx.count);
}

static void chr_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct uart *s = opaque;
    for (size_t i = 0; i < len; i++)
        receive_byte(s, data[i], false);
    restart_timeout(s);
    update_irq(s);
}

static void chr_event(void *opaque, enum chardev_event event)
{
    struct uart *s = opaque;
    if (event == CHARDEV_BREAK && !(s->mcr & MCR_LOOP)) {
        receive_byte(s, 0, true);
        restart_timeout(s);
        update_irq(s);
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

static void transmit(struct uart *s)
{
    while (s->tx.count) {
        unsigned run = MIN((unsigned)s->tx.count, FIFO_SIZE - (unsigned)s->tx.head);
        size_t taken = s->chr ? chardev_write(s->chr, s->tx.data + s->tx.head, run) : run;
        taken = MIN(taken, run);
        s->tx.head = (uint8_t)((s->tx.head + taken) % FIFO_SIZE);
        s->tx.count -= (uint8_t)taken;
        if (!taken)
            return; /* `writable` goes on */
    }
    if (!(s->lsr & LSR_THRE)) {
        s->lsr |= LSR_THRE | LSR_TEMT;
        s->thre_pending = true;
    }
}

static void chr_writable(void *opaque)
{
    struct uart *s = opaque;
    transmit(s);
    update_irq(s);
}

static void write_data(struct uart *s, uint8_t byte)
{
    if (s->mcr & MCR_LOOP) {
        /* Back to the receiver, past what may still wait for the back end. */
        receive_byte(s, byte, false);
        restart_timeout(s);
        s->thre_pending = s->lsr & LSR_THRE;
        update_irq(s);
        return;
    }
    /* The data sheet lets a character written to a full FIFO overwrite the last one. Holding on to
     * what is queued loses the same amount and keeps the order. */
    if (s->tx.count < capacity(s))
        fifo_put(&s->tx, byte);
    s->thre_pending = false;
    s->lsr &= (uint8_t) ~(LSR_THRE | LSR_TEMT);
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

/* The modem inputs: looped back from the modem outputs, or a line that is always ready. */
static void update_modem(struct uart *s)
{
    uint8_t in = MSR_CTS | MSR_DSR | MSR_DCD;

    if (s->mcr & MCR_LOOP)
        in = (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
             (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
    else if (!s->chr)
        in = 0;
    uint8_t changed = (s->msr ^ in) >> 4;
    /* TERI reports only the trailing edge of the ring indicator. */
    if (in & MSR_RI)
        changed &= (uint8_t)~MSR_TERI;
    s->msr = in | (s->msr & MSR_DELTAS) | changed;
}

static void write_fcr(struct uart *s, uint8_t value)
{
    bool toggled = (value ^ s->fcr) & FCR_ENABLE;

    /* The other bits are only taken together with the enable bit. */
    s->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
    if (toggled || (value & FCR_ENABLE && value & FCR_CLEAR_RX)) {
        s->rx.count = 0;
        s->break_at = 0;
        s->lsr &= (uint8_t) ~(LSR_DR | LSR_BI);
        restart_timeout(s);
        if (s->chr && !(s->mcr & MCR_LOOP))
            chardev_accept_input(s->chr);
    }
    /* What waits in the transmit FIFO does so only because the back end is slow: on the line it
     * would be gone by now. Clearing keeps it, and THRE stays low until it is out. */
    if ((toggled || (value & FCR_ENABLE && value & FCR_CLEAR_TX)) && !s->tx.count)
        s->thre_pending = true;
    update_irq(s);
}

static void uart_write(void *opaque, uint64_t offset, uint64_t value64, unsigned size)
{
    struct uart *s = opaque;
    uint8_t value = (uint8_t)value64;
    unsigned reg = (unsigned)(offset >> s->cfg.shift);
    (void)size;

    if (s->lcr & LCR_DLAB && reg <= REG_IER) {
        s->divisor = reg == REG_DATA ? (s->divisor & 0xff00) | value
                                     : (uint16_t)((s->divisor & 0xff) | value << 8);
        return;
    }
    switch (reg) {
    case REG_DATA:
        write_data(s, value);
        return;
    case REG_IER: {
        /* Enabling THRE while the transmitter is empty interrupts at once. */
        bool enabled_thre = value & IER_THRE && !(s->ier & IER_THRE);
        s->ier = value & IER_WRITABLE;
        if (enabled_thre && s->lsr & LSR_THRE)
            s->thre_pending = true;
        break;
    }
    case REG_IIR:
        write_fcr(s, value);
        return;
    case REG_LCR: {
        bool began_break = value & LCR_BREAK && !(s->lcr & LCR_BREAK);
        s->lcr = value;
        if (began_break && s->mcr & MCR_LOOP)
            receive_byte(s, 0, true);
        break;
    }
    case REG_MCR: {
        bool left_loop = s->mcr & MCR_LOOP && !(value & MCR_LOOP);
        s->mcr = value & MCR_WRITABLE;
        update_modem(s);
        if (left_loop && s->chr)
            chardev_accept_input(s->chr);
        break;
    }
    case REG_LSR: /* a factory test register */
        break;
    case REG_MSR:
        break;
    case REG_SCR:
        s->scr = value;
        break;
    }
    update_irq(s);
}

static uint64_t uart_read(void *opaque, uint64_t offset, unsigned size)
{
    struct uart *s = opaque;
    unsigned reg = (unsigned)(offset >> s->cfg.shift);
    uint8_t v;
    (void)size;

    switch (reg) {
    case REG_DATA:
        return s->lcr & LCR_DLAB ? s->divisor & 0xff : read_data(s);
    case REG_IER:
        return s->lcr & LCR_DLAB ? s->divisor >> 8 : s->ier;
    case REG_IIR: {
        unsigned id = interrupt_id(s);
        if (id == IIR_THRE) {
            s->thre_pending = false;
            update_irq(s);
        }
        return id | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
    }
    case REG_LCR:
        return s->lcr;
    case REG_MCR:
        return s->mcr;
    case REG_LSR:
        v = s->lsr | (s->fcr & FCR_ENABLE && s->break_at ? LSR_FIFO_ERROR : 0);
        s->lsr &= (uint8_t)~LSR_ERRORS;
        s->break_at &= (uint16_t)~1;
        update_irq(s);
        return v;
    case REG_MSR:
        v = s->msr;
        s->msr &= (uint8_t)~MSR_DELTAS;
        update_irq(s);
        return v;
    case REG_SCR:
        return s->scr;
    default:
        return 0xff;
    }
}

static const struct mem_ops uart_ops = {
    .read = uart_read, .write = uart_write, .min_size = 1, .max_size = 1};

/* ---- life ------------------------------------------------------------------------------------ */

static void uart_reset(struct device *dev)
{
    struct uart *s = container_of(dev, struct uart, dev);

    s->ier = s->fcr = s->lcr = s->mcr = s->scr = 0;
    s->divisor = 12; /* 9600 baud; the data sheet leaves it undefined */
    s->rx = (struct fifo){0};
    /* Bytes that the back end has not taken yet are the guest's last words: they stay. */
    if (!s->tx.count)
        s->tx = (struct fifo){0};
    s->lsr = s->tx.count ? 0 : LSR_THRE | LSR_TEMT;
    s->break_at = 0;
    s->thre_pending = s->timeout_pending = false;
    update_modem(s);
    s->msr &= (uint8_t)~MSR_DELTAS;
    timer_cancel(&s->timeout);
    s->irq_level = false;
    irq_set(&s->cfg.irq, 0);
    if (s->chr)
        chardev_accept_input(s->chr);
}

static void uart_unrealize(struct device *dev)
{
    struct uart *s = container_of(dev, struct uart, dev);
    timer_cancel(&s->timeout);
    mem_region_remove(&s->region);
    if (s->attached)
        chardev_attach(s->chr, NULL, NULL, NULL);
    s->attached = false;
}

/* Where a PC has its serial ports. */
static const struct {
    uint16_t port;
    uint8_t irq;
} com[] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

static bool uart_realize(struct device *dev, struct vemu_error **errp)
{
    struct uart *s = container_of(dev, struct uart, dev);

    if (!s->iobase && !s->cfg.mmio)
        s->iobase = com[s->index].port;
    uint64_t size = (uint64_t)REGISTERS << s->cfg.shift;

    timer_init(&s->timeout, device_clocks(dev), VCLOCK_VIRTUAL, timeout_expired, s);
    if (s->cfg.mmio) {
        mem_region_init_io(&s->region, "uart16550", size, &uart_ops, s, dev);
        mem_region_add(mem_space_root(device_memory(dev)), s->iobase, &s->region, 0);
    } else if (!isa_port_add(dev, &s->region, "uart16550", s->iobase, size, &uart_ops, s, errp)) {
        return false;
    }
    if (s->chr) {
        if (!chardev_attach(s->chr, &frontend, s, errp)) {
            mem_region_remove(&s->region);
            return false;
        }
        s->attached = true;
    }
    uart_reset(dev);
    return true;
}

static bool uart_post_load(struct device *dev, struct vemu_error **errp)
{
    struct uart *s = container_of(dev, struct uart, dev);
    (void)errp;
    irq_set(&s->cfg.irq, s->irq_level);
    if (s->chr)
        chardev_accept_input(s->chr);
    return true;
}

unsigned uart16550_irq_number(const struct device *dev)
{
    const struct uart *s = container_of(dev, const struct uart, dev);

    return s->irq_number ? s->irq_number : com[s->index].irq;
}

void uart16550_connect_irq(struct device *dev, struct irq irq)
{
    container_of(dev, struct uart, dev)->cfg.irq = irq;
}

static const struct prop_desc uart_props[] = {
    PROP(PROP_U8, struct uart, index, "index", "0", "which of COM1 to COM4 it is", .min = 0,
         .max = 3),
    PROP(PROP_U64, struct uart, iobase, "iobase", "0", "first I/O port; 0: that of its index"),
    PROP(PROP_U8, struct uart, irq_number, "irq", "0", "ISA interrupt; 0: that of its index",
         .min = 0, .max = 15),
    PROP(PROP_CHARDEV, struct uart, chr, "chardev", NULL, "character device it talks to"),
    {0},
};

static const struct state_field fifo_state[] = {
    STATE_BUFFER(struct fifo, data),
    STATE_INT(struct fifo, head, .max = FIFO_SIZE - 1),
    STATE_INT(struct fifo, count, .max = FIFO_SIZE),
    STATE_FIELDS_END,
};
#define STATE_FIFO(member_)                                                                        \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(struct uart, member_),          \
        .count = 1, .elem_size = sizeof(struct fifo), .fields = fifo_state                         \
    }
static const struct state_field uart_state[] = {
    STATE_INT(struct uart, ier, .max = IER_WRITABLE),
    STATE_INT(struct uart, fcr),
    STATE_INT(struct uart, lcr),
    STATE_INT(struct uart, mcr, .max = MCR_WRITABLE),
    STATE_INT(struct uart, lsr),
    STATE_INT(struct uart, msr),
    STATE_INT(struct uart, scr),
    STATE_INT(struct uart, divisor),
    STATE_INT(struct uart, break_at),
    STATE_FLAG(struct uart, thre_pending),
    STATE_FLAG(struct uart, timeout_pending),
    STATE_FLAG(struct uart, irq_level),
    STATE_FIFO(rx),
    STATE_FIFO(tx),
    STATE_DEADLINE(struct uart, timeout),
    STATE_FIELDS_END,
};

const struct device_class uart16550_class = {
    .name = "isa-serial",
    .help = "16550A serial port",
    .size = sizeof(struct uart),
    .user_creatable = true,
    .bus = "isa",
    .props = uart_props,
    .state = uart_state,
    .state_version = 1,
    .realize = uart_realize,
    .unrealize = uart_unrealize,
    .reset = uart_reset,
    .post_load = uart_post_load,
};

struct device *uart16550_create(struct vemu_machine *m, const struct uart16550_config *cfg,
                                struct vemu_error **errp)
{
    struct device *dev = device_new(m, &uart16550_class, NULL, errp);
    if (!dev)
        return NULL;
    struct uart *s = container_of(dev, struct uart, dev);
    s->cfg = *cfg;
    s->iobase = cfg->base;
    s->chr = cfg->chr;
    return device_realize_or_free(dev, errp);
}
