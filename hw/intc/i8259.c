/*
 * Two 8259A programmable interrupt controllers as the PC/AT wires them, and the edge/level control
 * registers of the EISA and PCI chip sets.
 *
 * Specification: Intel 8259A data sheet (231468). Where it leaves freedom, this is what PC software
 * knows: an edge that was seen stays requested until it is acknowledged even when the line drops.
 */
#include "hw/intc/i8259.h"

#include "core/cpu/cpu.h"
#include "core/cpu/irqchip.h"
#include "core/device/irq_tap.h"
#include "core/device/machine.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/isa_port.h"

enum { MASTER, SLAVE, CHIPS, LINES = 8, CASCADE = 2, SPURIOUS = 7 };

/* A write with A0 = 0 is told apart by bits 4 and 3. */
enum {
    ICW1 = 1 << 4,
    ICW1_IC4 = 1 << 0,
    ICW1_SNGL = 1 << 1,
    ICW1_LTIM = 1 << 3,
    ICW1_MEANT = ICW1_IC4 | ICW1_SNGL | ICW1_LTIM,
    OCW3 = 1 << 3,
    OCW3_RIS = 1 << 0,
    OCW3_RR = 1 << 1,
    OCW3_POLL = 1 << 2,
    OCW3_SMM = 1 << 5,
    OCW3_ESMM = 1 << 6,
    OCW2_EOI = 1 << 5,
    OCW2_SL = 1 << 6,
    OCW2_R = 1 << 7,
    ICW4_AEOI = 1 << 1,
    ICW4_SFNM = 1 << 4,
    ICW4_MEANT = ICW4_AEOI | ICW4_SFNM,
    POLL_REQUEST = 1 << 7,
};
/* Where the initialisation sequence stands: the word that the next write with A0 = 1 is. */
enum init_step { INIT_DONE, INIT_ICW2, INIT_ICW3, INIT_ICW4, INIT_NEVER };

/* Lines that chip sets keep edge triggered: timer, keyboard, cascade; RTC and coprocessor. */
static const uint8_t elcr_writable[CHIPS] = {0xf8, 0xde};

struct chip {
    struct i8259 *pair;
    uint8_t which;
    uint8_t lines; /* levels of the inputs */
    uint8_t irr, isr, imr;
    uint8_t elcr;
    uint8_t lowest;      /* the input with the lowest priority */
    uint8_t vector_base; /* ICW2 bits 7-3 */
    uint8_t icw1, icw3, icw4;
    uint8_t init_step;
    bool read_isr, poll, special_mask, rotate_aeoi;
    struct mem_region region;
};

struct i8259 {
    struct device dev;
    struct i8259_config cfg;
    struct chip chip[CHIPS];
    bool intr; /* level of the INTR output */
    struct mem_region elcr_region;
};

static uint8_t level_mask(const struct chip *c)
{
    return c->icw1 & ICW1_LTIM ? 0xff : c->elcr;
}

/* The highest-priority line in bits, which is not empty. */
static unsigned highest(const struct chip *c, uint8_t bits)
{
    unsigned first = (c->lowest + 1) & 7;
    unsigned rotated = (bits >> first | bits << (LINES - first)) & 0xff;
    return (first + (unsigned)__builtin_ctz(rotated | 0x100)) & 7;
}
static unsigned rank(const struct chip *c, unsigned line)
{
    return (line - c->lowest - 1) & 7;
}

/* The line whose request goes out now, or -1. */
static int pending_line(const struct chip *c)
{
    uint8_t requests = c->irr & (uint8_t)~c->imr, in_service = c->isr;

    if (c->init_step != INIT_DONE || !requests)
        return -1;
    if (c->special_mask)
        in_service &= (uint8_t)~c->imr;
    unsigned line = highest(c, requests);
    /* Special fully nested mode: a slave in service does not hold off its own better requests. */
    if (c->which == MASTER && c->icw4 & ICW4_SFNM && line == CASCADE)
        in_service &= (uint8_t) ~(1u << CASCADE);
    if (in_service && rank(c, highest(c, in_service)) <= rank(c, line))
        return -1;
    return (int)line;
}

static void set_line(struct chip *c, unsigned line, int level)
{
    uint8_t bit = (uint8_t)(1u << line);

    if (level_mask(c) & bit)
        c->irr = level ? c->irr | bit : c->irr & (uint8_t)~bit;
    else if (level && !(c->lines & bit))
        c->irr |= bit;
    c->lines = level ? c->lines | bit : c->lines & (uint8_t)~bit;
}

static void update(struct i8259 *s)
{
    set_line(&s->chip[MASTER], CASCADE, pending_line(&s->chip[SLAVE]) >= 0);
    bool intr = pending_line(&s->chip[MASTER]) >= 0;
    if (intr != s->intr) {
        s->intr = intr;
        irq_set(&s->cfg.intr, intr);
    }
}

static void acknowledge_line(struct chip *c, unsigned line)
{
    uint8_t bit = (uint8_t)(1u << line);

    if (!(c->icw4 & ICW4_AEOI))
        c->isr |= bit;
    else if (c->rotate_aeoi)
        c->lowest = (uint8_t)line;
    if (!(level_mask(c) & bit))
        c->irr &= (uint8_t)~bit;
    /* The slave's INT output falls during INTA, so that its next request is an edge again. */
    if (c->which == SLAVE)
        set_line(&c->pair->chip[MASTER], CASCADE, 0);
}

int i8259_acknowledge(void *opaque)
{
    struct i8259 *s = opaque;
    struct chip *c = &s->chip[MASTER];
    int line = pending_line(c);

    if (line >= 0)
        acknowledge_line(c, (unsigned)line);
    if (line == CASCADE && !(c->icw1 & ICW1_SNGL)) {
        c = &s->chip[SLAVE];
        line = pending_line(c);
        if (line >= 0)
            acknowledge_line(c, (unsigned)line);
    }
    int vector = c->vector_base | (line >= 0 ? line : SPURIOUS);
    update(s);
    return vector;
}

static bool in_kernel(const struct i8259 *s)
{
    return s->dev.machine->irqchip == IRQCHIP_ON;
}

static void input(void *opaque, unsigned n, int level)
{
    struct i8259 *s = opaque;
    if (n == CASCADE)
        return;
    if (in_kernel(s)) {
        struct chip *c = &s->chip[n / LINES];
        uint8_t bit = (uint8_t)(1u << n % LINES);
        if (!(c->lines & bit) == !level)
            return;
        c->lines ^= bit;
        s->dev.machine->accel->irqchip->set_line(s->dev.machine, IRQCHIP_GSI_PIC + n, level);
        return;
    }
    set_line(&s->chip[n / LINES], n % LINES, level != 0);
    update(s);
}

struct irq i8259_input(struct device *dev, unsigned pin)
{
    struct i8259 *s = container_of(dev, struct i8259, dev);
    return irq_input(dev, pin < CHIPS * LINES ? input : NULL, s, pin);
}

/* ---- registers ------------------------------------------------------------------------------- */

static void write_icw1(struct chip *c, uint8_t value)
{
    c->icw1 = value & ICW1_MEANT;
    c->imr = c->isr = c->icw3 = c->icw4 = 0;
    c->irr = c->lines & level_mask(c); /* the edge sense circuit is reset */
    c->lowest = LINES - 1;
    c->special_mask = c->read_isr = c->poll = c->rotate_aeoi = false;
    c->init_step = INIT_ICW2;
}

static void write_ocw2(struct chip *c, uint8_t value)
{
    unsigned line = value & 7;
    bool specific = value & OCW2_SL, rotate = value & OCW2_R;

    if (!(value & OCW2_EOI)) {
        if (specific && rotate)
            c->lowest = (uint8_t)line; /* set priority */
        else if (!specific)
            c->rotate_aeoi = rotate;
        return;
    }
    if (!specific) {
        /* Special mask mode: a masked in-service bit is not cleared by a non-specific EOI. */
        uint8_t in_service = c->special_mask ? c->isr & (uint8_t)~c->imr : c->isr;
        if (!in_service)
            return;
        line = highest(c, in_service);
    }
    c->isr &= (uint8_t) ~(1u << line);
    if (rotate)
        c->lowest = (uint8_t)line;
}

static void write_ocw3(struct chip *c, uint8_t value)
{
    c->poll = value & OCW3_POLL;
    if (value & OCW3_RR)
        c->read_isr = value & OCW3_RIS;
    if (value & OCW3_ESMM)
        c->special_mask = value & OCW3_SMM;
}

static void write_data(struct chip *c, uint8_t value)
{
    switch (c->init_step) {
    case INIT_ICW2:
        c->vector_base = value & 0xf8;
        c->init_step = !(c->icw1 & ICW1_SNGL) ? INIT_ICW3
                       : c->icw1 & ICW1_IC4   ? INIT_ICW4
                                              : INIT_DONE;
        break;
    case INIT_ICW3:
        c->icw3 = value;
        c->init_step = c->icw1 & ICW1_IC4 ? INIT_ICW4 : INIT_DONE;
        break;
    case INIT_ICW4:
        c->icw4 = value & ICW4_MEANT;
        c->init_step = INIT_DONE;
        break;
    default:
        c->imr = value;
    }
}

static void chip_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct chip *c = opaque;
    (void)size;

    if (offset)
        write_data(c, (uint8_t)value);
    else if (value & ICW1)
        write_icw1(c, (uint8_t)value);
    else if (value & OCW3)
        write_ocw3(c, (uint8_t)value);
    else
        write_ocw2(c, (uint8_t)value);
    update(c->pair);
}

static uint64_t chip_read(void *opaque, uint64_t offset, unsigned size)
{
    struct chip *c = opaque;
    (void)size;

    if (c->poll) {
        /* The read after a poll command is the acknowledge, at either address. */
        int line = pending_line(c);
        c->poll = false;
        if (line < 0)
            return 0;
        acknowledge_line(c, (unsigned)line);
        update(c->pair);
        return POLL_REQUEST | (unsigned)line;
    }
    return offset ? c->imr : c->read_isr ? c->isr : c->irr;
}

static uint64_t elcr_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8259 *s = opaque;
    (void)size;
    return s->chip[offset].elcr;
}

/* ---- in the kernel --------------------------------------------------------------------------- */

/* ICW1 and ICW3 but for what follows from them are not kept there: level-triggered as a whole and
 * without a slave is nothing that a PC is. */
static void put_to_kernel(struct i8259 *s)
{
    for (unsigned i = 0; i < CHIPS; i++) {
        const struct chip *c = &s->chip[i];
        struct irqchip_pic k = {
            .lines = c->lines,
            .irr = c->irr,
            .isr = c->isr,
            .imr = c->imr,
            .elcr = c->elcr,
            .lowest = c->lowest,
            .vector_base = c->vector_base,
            .next_icw = c->init_step == INIT_ICW2   ? 2
                        : c->init_step == INIT_ICW3 ? 3
                        : c->init_step == INIT_ICW4 ? 4
                                                    : 0,
            .icw4_follows = c->icw1 & ICW1_IC4,
            .auto_eoi = c->icw4 & ICW4_AEOI,
            .rotate_auto_eoi = c->rotate_aeoi,
            .fully_nested = c->icw4 & ICW4_SFNM,
            .special_mask = c->special_mask,
            .read_isr = c->read_isr,
            .poll = c->poll,
        };
        s->dev.machine->accel->irqchip->put_pic(s->dev.machine, i, &k);
    }
}

static void get_from_kernel(struct i8259 *s)
{
    static const uint8_t steps[] = {[2] = INIT_ICW2, [3] = INIT_ICW3, [4] = INIT_ICW4};

    for (unsigned i = 0; i < CHIPS; i++) {
        struct chip *c = &s->chip[i];
        struct irqchip_pic k;
        if (!s->dev.machine->accel->irqchip->get_pic(s->dev.machine, i, &k))
            return;
        c->irr = k.irr;
        c->isr = k.isr;
        c->imr = k.imr;
        c->elcr = k.elcr & elcr_writable[i];
        c->lowest = k.lowest;
        c->vector_base = k.vector_base;
        /* The kernel's cannot tell one that was never initialised by anything but its vectors. */
        c->init_step = k.next_icw >= 2 && k.next_icw <= 4 ? steps[k.next_icw]
                       : k.vector_base                    ? INIT_DONE
                                                          : INIT_NEVER;
        c->icw1 = k.icw4_follows ? ICW1_IC4 : 0;
        c->icw4 = (k.auto_eoi ? ICW4_AEOI : 0) | (k.fully_nested ? ICW4_SFNM : 0);
        c->icw3 = i == MASTER ? 1 << CASCADE : CASCADE;
        c->rotate_aeoi = k.rotate_auto_eoi;
        c->special_mask = k.special_mask;
        c->read_isr = k.read_isr;
        c->poll = k.poll;
    }
    /* The line between the two, and the output. */
    set_line(&s->chip[MASTER], CASCADE, pending_line(&s->chip[SLAVE]) >= 0);
    s->intr = pending_line(&s->chip[MASTER]) >= 0;
}

static void i8259_pre_save(struct device *dev)
{
    struct i8259 *s = container_of(dev, struct i8259, dev);

    if (in_kernel(s))
        get_from_kernel(s);
}

static void elcr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8259 *s = opaque;
    struct chip *c = &s->chip[offset];
    (void)size;

    uint8_t now = (uint8_t)value & elcr_writable[offset];
    uint8_t changed = now & (uint8_t)~c->elcr;
    c->elcr = now;
    c->irr = (c->irr & (uint8_t)~changed) | (c->lines & changed);
    update(s);
}

void i8259_set_elcr(struct device *dev, uint16_t lines)
{
    struct i8259 *s = container_of(dev, struct i8259, dev);

    for (unsigned i = 0; i < CHIPS; i++)
        elcr_write(s, i, lines >> i * LINES & 0xff, 1);
    if (in_kernel(s))
        put_to_kernel(s);
}

static const struct mem_ops chip_ops = {
    .read = chip_read, .write = chip_write, .min_size = 1, .max_size = 1};
static const struct mem_ops elcr_ops = {
    .read = elcr_read, .write = elcr_write, .min_size = 1, .max_size = 1};

/* ---- life ------------------------------------------------------------------------------------ */

static void i8259_reset(struct device *dev)
{
    struct i8259 *s = container_of(dev, struct i8259, dev);

    for (unsigned i = 0; i < CHIPS; i++) {
        struct chip *c = &s->chip[i];
        /* The inputs keep their levels: they belong to whoever drives them. */
        c->irr = c->isr = c->imr = c->elcr = c->vector_base = 0;
        c->icw1 = c->icw3 = c->icw4 = 0;
        c->lowest = LINES - 1;
        c->init_step = INIT_NEVER; /* delivers nothing before it is initialised */
        c->read_isr = c->poll = c->special_mask = c->rotate_aeoi = false;
    }
    s->intr = false;
    irq_set(&s->cfg.intr, 0);
    if (in_kernel(s))
        put_to_kernel(s);
}

static void i8259_unrealize(struct device *dev)
{
    struct i8259 *s = container_of(dev, struct i8259, dev);
    if (in_kernel(s))
        return;
    mem_region_remove(&s->chip[MASTER].region);
    mem_region_remove(&s->chip[SLAVE].region);
    if (s->cfg.elcr_base)
        mem_region_remove(&s->elcr_region);
}

static bool i8259_realize(struct device *dev, struct vemu_error **errp)
{
    struct i8259 *s = container_of(dev, struct i8259, dev);

    for (unsigned i = 0; i < CHIPS; i++) {
        s->chip[i].pair = s;
        s->chip[i].which = (uint8_t)i;
    }
    if (in_kernel(s)) {
        s->cfg.intr = (struct irq){0}; /* the kernel's has its own */
        i8259_reset(dev);
        return true;
    }
    if (!isa_port_add(dev, &s->chip[MASTER].region, "pic-master", s->cfg.master_base, 2, &chip_ops,
                      &s->chip[MASTER], errp))
        return false;
    if (!isa_port_add(dev, &s->chip[SLAVE].region, "pic-slave", s->cfg.slave_base, 2, &chip_ops,
                      &s->chip[SLAVE], errp))
        goto fail_master;
    if (s->cfg.elcr_base &&
        !isa_port_add(dev, &s->elcr_region, "elcr", s->cfg.elcr_base, CHIPS, &elcr_ops, s, errp))
        goto fail_slave;
    i8259_reset(dev);
    return true;

fail_slave:
    mem_region_remove(&s->chip[SLAVE].region);
fail_master:
    mem_region_remove(&s->chip[MASTER].region);
    return false;
}

static bool i8259_post_load(struct device *dev, struct vemu_error **errp)
{
    struct i8259 *s = container_of(dev, struct i8259, dev);
    (void)errp;
    if (in_kernel(s))
        put_to_kernel(s);
    else
        irq_set(&s->cfg.intr, s->intr);
    return true;
}

static const struct state_field chip_state[] = {
    STATE_INT(struct chip, lines),
    STATE_INT(struct chip, irr),
    STATE_INT(struct chip, isr),
    STATE_INT(struct chip, imr),
    STATE_INT(struct chip, elcr),
    STATE_INT(struct chip, lowest, .max = LINES - 1),
    STATE_INT(struct chip, vector_base, .max = 0xf8),
    STATE_INT(struct chip, icw1),
    STATE_INT(struct chip, icw3),
    STATE_INT(struct chip, icw4),
    STATE_INT(struct chip, init_step, .max = INIT_NEVER),
    STATE_FLAG(struct chip, read_isr),
    STATE_FLAG(struct chip, poll),
    STATE_FLAG(struct chip, special_mask),
    STATE_FLAG(struct chip, rotate_aeoi),
    STATE_FIELDS_END,
};
static const struct state_field i8259_state[] = {
    STATE_ARRAY_OF(struct i8259, chip, chip_state),
    STATE_FLAG(struct i8259, intr),
    STATE_FIELDS_END,
};

const struct device_class i8259_class = {
    .name = "i8259",
    .help = "pair of 8259A interrupt controllers",
    .size = sizeof(struct i8259),
    .state = i8259_state,
    .state_version = 1,
    .realize = i8259_realize,
    .unrealize = i8259_unrealize,
    .reset = i8259_reset,
    .post_load = i8259_post_load,
    .pre_save = i8259_pre_save,
};

struct device *i8259_create(struct vemu_machine *m, const struct i8259_config *cfg,
                            struct vemu_error **errp)
{
    struct device *dev = device_new(m, &i8259_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct i8259, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
