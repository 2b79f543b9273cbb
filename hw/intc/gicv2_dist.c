/* GICv2's distributor: IHI 0048, chapter "Programmers' Model". */
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/intc/gicv2_internal.h"

enum {
    GICD_CTLR = 0x000,
    GICD_TYPER = 0x004,
    GICD_IIDR = 0x008,
    GICD_SGIR = 0xf00,
    GICD_CPENDSGIR = 0xf10,
    GICD_SPENDSGIR = 0xf20,
    GICD_ID = 0xfd0,
    IIDR = 0x0200043b, /* Arm, product 2 */
    PART = 0x390,
    TYPER_CPUS_SHIFT = 5,
    TYPER_SECURITY = 1 << 10,
    SGIR_NSATT = 1 << 15,
};

/* Who asks, and what he may see of each bank. */
struct access {
    unsigned cpu;
    bool nonsecure;
};

static struct access access_now(const struct gicv2 *s)
{
    return (struct access){.cpu = gicv2_accessing_cpu(s),
                           .nonsecure = s->cfg.security && !gic_access_is_secure()};
}

static struct gic_view view_of(const struct gic_bank *b, struct access a)
{
    return (struct gic_view){.mask = a.nonsecure ? b->group : UINT32_MAX, .nonsecure = a.nonsecure};
}

/* ---- target lists, SGIs ---------------------------------------------------------------------- */

static uint8_t read_target(const struct gicv2 *s, struct access a, unsigned intid)
{
    const struct gic_bank *b = &s->spi[intid / GIC_BANK - (intid >= GIC_BANK)];

    if (s->cfg.cpu_count == 1)
        return 0; /* a uniprocessor has no target lists */
    if (intid < GIC_INTERNAL)
        return (uint8_t)(1u << a.cpu); /* how software learns its own number */
    if (!(view_of(b, a).mask >> intid % GIC_BANK & 1))
        return 0;
    return s->targets[intid / GIC_BANK - 1][intid % GIC_BANK];
}

static void write_target(struct gicv2 *s, struct access a, unsigned intid, uint8_t value)
{
    unsigned bank = intid / GIC_BANK, n = intid % GIC_BANK;

    if (s->cfg.cpu_count == 1 || !bank || !(view_of(&s->spi[bank - 1], a).mask >> n & 1))
        return;
    s->targets[bank - 1][n] = value & (uint8_t)mask_bits(s->cfg.cpu_count);
}

static void send_sgi(struct gicv2 *s, struct access a, uint32_t value)
{
    unsigned sgi = value & 15;
    uint32_t list = value >> 16 & 0xff;

    switch (value >> 24 & 3) {
    case 1: /* all others */
        list = 0xffu & ~(1u << a.cpu);
        break;
    case 2:
        list = 1u << a.cpu;
        break;
    case 3: /* reserved */
        return;
    }
    for (unsigned i = 0; i < s->cfg.cpu_count; i++) {
        struct gicv2_cpu *c = &s->cpu[i];
        bool group1 = c->bank.group >> sgi & 1;
        if (!(list >> i & 1))
            continue;
        /* Secure software says of which group it means the SGI; the other has group 1 alone. */
        if (s->cfg.security && group1 != (a.nonsecure || value & SGIR_NSATT))
            continue;
        c->sgi_source[sgi] |= (uint8_t)(1u << a.cpu);
        c->bank.latch |= 1u << sgi;
        gicv2_update(s, i);
    }
}

static uint8_t read_sgi_source(const struct gicv2 *s, struct access a, unsigned sgi)
{
    const struct gicv2_cpu *c = &s->cpu[a.cpu];
    return view_of(&c->bank, a).mask >> sgi & 1 ? c->sgi_source[sgi] : 0;
}

static void write_sgi_source(struct gicv2 *s, struct access a, unsigned sgi, uint8_t value,
                             bool set)
{
    struct gicv2_cpu *c = &s->cpu[a.cpu];

    if (!(view_of(&c->bank, a).mask >> sgi & 1))
        return;
    value &= (uint8_t)mask_bits(s->cfg.cpu_count);
    c->sgi_source[sgi] = set ? c->sgi_source[sgi] | value : c->sgi_source[sgi] & (uint8_t)~value;
    c->bank.latch = c->sgi_source[sgi] ? c->bank.latch | 1u << sgi : c->bank.latch & ~(1u << sgi);
}

/* ---- registers by word ----------------------------------------------------------------------- */

static uint32_t typer(const struct gicv2 *s)
{
    return (s->banks - 1) | (s->cfg.cpu_count - 1) << TYPER_CPUS_SHIFT |
           (s->cfg.security ? TYPER_SECURITY : 0);
}

static uint32_t read_word(struct gicv2 *s, struct access a, uint32_t offset)
{
    struct gic_place p;
    const struct gic_bank *b;

    switch (offset) {
    case GICD_CTLR:
        return a.nonsecure ? s->ctlr >> 1 & 1 : s->ctlr;
    case GICD_TYPER:
        return typer(s);
    case GICD_IIDR:
        return IIDR;
    }
    if (offset >= GICD_ID)
        return gic_id_register(offset, PART, 2);
    if (!gic_place(offset, &p) || p.bank >= s->banks)
        return 0;
    b = gicv2_bank(s, a.cpu, p.bank);
    /* Without two security states there are two groups all the same. */
    return p.block == GICD_IGRPMODR ? 0 : gic_bank_read(b, view_of(b, a), p.block, p.word);
}

static void write_ctlr(struct gicv2 *s, struct access a, uint32_t value)
{
    if (a.nonsecure)
        s->ctlr = (s->ctlr & ~(uint32_t)GICD_ENABLE_GRP1) | (value & 1 ? GICD_ENABLE_GRP1 : 0);
    else
        s->ctlr = value & (GICD_ENABLE_GRP0 | GICD_ENABLE_GRP1);
    gicv2_update_all(s);
}

static void write_bank(struct gicv2 *s, struct access a, struct gic_place p, uint32_t value)
{
    struct gic_bank *b = gicv2_bank(s, a.cpu, p.bank);
    struct gic_view view = view_of(b, a);

    /* SGIs are always enabled and edges, and pending by who sent them. */
    if (!p.bank && p.block != GICD_IGROUPR && p.block != GICD_IPRIORITYR)
        view.mask &= p.block == GICD_ISACTIVER || p.block == GICD_ICACTIVER ? UINT32_MAX : ~0xffffu;
    gic_bank_write(b, view, p.block, p.word, value);
    if (p.bank)
        gicv2_update_all(s);
    else
        gicv2_update(s, a.cpu);
}

static void write_word(struct gicv2 *s, struct access a, uint32_t offset, uint32_t value)
{
    struct gic_place p;

    if (offset == GICD_CTLR)
        write_ctlr(s, a, value);
    else if (offset == GICD_SGIR)
        send_sgi(s, a, value);
    else if (gic_place(offset, &p) && p.bank < s->banks && p.block != GICD_IGRPMODR)
        write_bank(s, a, p, value);
}

/* ---- registers by byte ----------------------------------------------------------------------- */

/* What takes accesses of a byte. */
static bool is_bytes(uint32_t offset)
{
    return range_contains(GICD_IPRIORITYR, GICD_ICFGR - GICD_IPRIORITYR, offset) ||
           range_contains(GICD_CPENDSGIR, 32, offset);
}

static uint8_t read_byte(struct gicv2 *s, struct access a, uint32_t offset)
{
    unsigned intid = offset & 0x3ff;
    struct gic_bank *b;

    if (offset >= GICD_CPENDSGIR)
        return read_sgi_source(s, a, offset & 15);
    if (intid / GIC_BANK >= s->banks || intid >= GIC_SPI_LIMIT)
        return 0;
    if (offset >= GICD_ITARGETSR)
        return read_target(s, a, intid);
    b = gicv2_bank(s, a.cpu, intid / GIC_BANK);
    return gic_priority_read(b, view_of(b, a), intid % GIC_BANK);
}

static void write_byte(struct gicv2 *s, struct access a, uint32_t offset, uint8_t value)
{
    unsigned intid = offset & 0x3ff;
    struct gic_bank *b;

    if (offset >= GICD_CPENDSGIR) {
        write_sgi_source(s, a, offset & 15, value, offset >= GICD_SPENDSGIR);
        return;
    }
    if (intid / GIC_BANK >= s->banks || intid >= GIC_SPI_LIMIT)
        return;
    if (offset >= GICD_ITARGETSR) {
        write_target(s, a, intid, value);
        return;
    }
    b = gicv2_bank(s, a.cpu, intid / GIC_BANK);
    gic_priority_write(b, view_of(b, a), intid % GIC_BANK, value);
}

static uint64_t dist_read(void *opaque, uint64_t offset, unsigned size)
{
    struct gicv2 *s = opaque;
    uint32_t value = 0;

    pthread_mutex_lock(&s->lock);
    struct access a = access_now(s);
    if (is_bytes((uint32_t)offset)) {
        for (unsigned i = 0; i < size; i++)
            value |= (uint32_t)read_byte(s, a, (uint32_t)offset + i) << 8 * i;
    } else {
        value = read_word(s, a, (uint32_t)offset & ~3u) >> 8 * (offset & 3);
    }
    pthread_mutex_unlock(&s->lock);
    return value;
}

static void dist_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gicv2 *s = opaque;

    pthread_mutex_lock(&s->lock);
    struct access a = access_now(s);
    if (is_bytes((uint32_t)offset)) {
        for (unsigned i = 0; i < size; i++)
            write_byte(s, a, (uint32_t)offset + i, (uint8_t)(value >> 8 * i));
        gicv2_update_all(s);
    } else if (size == 4) {
        write_word(s, a, (uint32_t)offset, (uint32_t)value);
    }
    pthread_mutex_unlock(&s->lock);
}

const struct mem_ops gicv2_dist_ops = {
    .read = dist_read, .write = dist_write, .min_size = 1, .max_size = 4, .unlocked = true};
