/* GICv3's distributor: IHI 0069, chapter "Programmers' Model", GICD registers. */
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/intc/gicv3_internal.h"

enum {
    GICD_CTLR = 0x000,
    GICD_TYPER = 0x004,
    GICD_IIDR = 0x008,
    GICD_SETSPI_NSR = 0x040,
    GICD_CLRSPI_NSR = 0x048,
    GICD_SETSPI_SR = 0x050,
    GICD_CLRSPI_SR = 0x058,
    GICD_IROUTER = 0x6000, /* by INTID */
    GICD_IROUTER_END = GICD_IROUTER + 8 * GIC_SPI_LIMIT,
    GICD_ID = 0xffd0,
};
enum {
    TYPER_SECURITY = 1 << 10,
    TYPER_MBIS = 1 << 16, /* SETSPI and CLRSPI */
    TYPER_LPIS = 1 << 17,
    TYPER_ID_BITS_SHIFT = 19,
    TYPER_A3V = 1 << 24,
};
/* GICD_CTLR as non-secure software sees it, and as all do when there is one security state. */
enum {
    CTLR_NS_GRP1A = 1 << 1,
    CTLR_NS_ARE = 1 << 4,
    CTLR_ONE_WRITABLE = GICD_CTLR_GRP0 | GICD_CTLR_GRP1NS,
    CTLR_SECURE_WRITABLE = GICD_CTLR_GRP0 | GICD_CTLR_GRP1NS | GICD_CTLR_GRP1S,
};
#define IROUTER_WRITABLE UINT64_C(0xff80ffffff)

static uint32_t read_ctlr(const struct gicv3 *s, bool nonsecure)
{
    if (nonsecure)
        return CTLR_NS_ARE | (s->ctlr & GICD_CTLR_GRP1NS ? CTLR_NS_GRP1A : 0);
    if (gicv3_one_state(s))
        return (s->ctlr & CTLR_ONE_WRITABLE) | CTLR_NS_ARE | GICD_CTLR_DS;
    return s->ctlr;
}

static void write_ctlr(struct gicv3 *s, bool nonsecure, uint32_t value)
{
    if (nonsecure) {
        s->ctlr = (s->ctlr & ~(uint32_t)GICD_CTLR_GRP1NS) |
                  (value & CTLR_NS_GRP1A ? GICD_CTLR_GRP1NS : 0);
    } else if (gicv3_one_state(s)) {
        s->ctlr = (s->ctlr & ~(uint32_t)CTLR_ONE_WRITABLE) | (value & CTLR_ONE_WRITABLE);
    } else {
        s->ctlr = (s->ctlr & ~(uint32_t)CTLR_SECURE_WRITABLE) | (value & CTLR_SECURE_WRITABLE);
        /* Secure software may give its half up, until the next reset. */
        if (value & GICD_CTLR_DS)
            s->ctlr = (s->ctlr & ~(uint32_t)GICD_CTLR_GRP1S) | GICD_CTLR_DS;
    }
    gicv3_update_all(s);
}

static uint32_t typer(const struct gicv3 *s)
{
    return (s->banks - 1) | (s->cfg.security && !gicv3_one_state(s) ? TYPER_SECURITY : 0) |
           TYPER_MBIS | (s->cfg.lpis ? TYPER_LPIS : 0) |
           (GICV3_ID_BITS - 1) << TYPER_ID_BITS_SHIFT | TYPER_A3V;
}

/* ---- SPIs ------------------------------------------------------------------------------------ */

static bool spi_visible(const struct gicv3 *s, bool nonsecure, unsigned intid)
{
    return intid >= GIC_INTERNAL && intid < GIC_SPI_LIMIT && intid / GIC_BANK < s->banks &&
           (!nonsecure || s->spi[intid / GIC_BANK - 1].group >> intid % GIC_BANK & 1);
}

/* A message that sets or clears the pending state, by SETSPI and CLRSPI. */
static void message(struct gicv3 *s, bool nonsecure, uint32_t value, bool set)
{
    unsigned intid = value & 0x1fff;

    if (!spi_visible(s, nonsecure, intid)) {
        guest_error(s, "gicv3: a message for INTID %u, which is no SPI of its sender's", intid);
        return;
    }
    gic_bank_write(&s->spi[intid / GIC_BANK - 1], (struct gic_view){.mask = UINT32_MAX},
                   set ? GICD_ISPENDR : GICD_ICPENDR, 0, UINT32_C(1) << intid % GIC_BANK);
    gicv3_update_intid(&s->cpu[0], intid);
}

static uint64_t router(const struct gicv3 *s, bool nonsecure, unsigned intid)
{
    return spi_visible(s, nonsecure, intid) ? s->router[intid - GIC_INTERNAL] : 0;
}

static void write_router(struct gicv3 *s, bool nonsecure, unsigned intid, bool high, uint32_t value)
{
    uint64_t *r;

    if (!spi_visible(s, nonsecure, intid))
        return;
    r = &s->router[intid - GIC_INTERNAL];
    *r = high ? (*r & UINT32_MAX) | (uint64_t)value << 32 : (*r & ~(uint64_t)UINT32_MAX) | value;
    *r &= IROUTER_WRITABLE;
    gicv3_route(s, intid - GIC_INTERNAL);
    gicv3_update_all(s);
}

/* ---- registers ------------------------------------------------------------------------------- */

static uint32_t read_word(struct gicv3 *s, bool nonsecure, uint32_t offset)
{
    struct gic_place p;

    switch (offset) {
    case GICD_CTLR:
        return read_ctlr(s, nonsecure);
    case GICD_TYPER:
        return typer(s);
    case GICD_IIDR:
        return GICV3_IIDR;
    }
    if (range_contains(GICD_IROUTER, GICD_IROUTER_END - GICD_IROUTER, offset))
        return (uint32_t)(router(s, nonsecure, (offset - GICD_IROUTER) / 8) >> (offset & 4) * 8);
    if (offset >= GICD_ID)
        return gic_id_register(offset, GICV3_PART_DIST, 3);
    /* Bank 0 is the redistributors', and there are no target lists. */
    if (!gic_place(offset, &p) || !p.bank || p.bank >= s->banks || p.block == GICD_ITARGETSR)
        return 0;
    return gic_bank_read(&s->spi[p.bank - 1], gicv3_view(&s->spi[p.bank - 1], nonsecure), p.block,
                         p.word);
}

static void write_word(struct gicv3 *s, bool nonsecure, uint32_t offset, uint32_t value)
{
    struct gic_place p;

    switch (offset) {
    case GICD_CTLR:
        write_ctlr(s, nonsecure, value);
        return;
    case GICD_SETSPI_NSR:
    case GICD_CLRSPI_NSR:
        message(s, !gicv3_one_state(s), value, offset == GICD_SETSPI_NSR);
        return;
    case GICD_SETSPI_SR:
    case GICD_CLRSPI_SR:
        if (!nonsecure && !gicv3_one_state(s))
            message(s, false, value, offset == GICD_SETSPI_SR);
        return;
    }
    if (range_contains(GICD_IROUTER, GICD_IROUTER_END - GICD_IROUTER, offset)) {
        write_router(s, nonsecure, (offset - GICD_IROUTER) / 8, offset & 4, value);
        return;
    }
    if (!gic_place(offset, &p) || !p.bank || p.bank >= s->banks)
        return;
    gic_bank_write(&s->spi[p.bank - 1], gicv3_view(&s->spi[p.bank - 1], nonsecure), p.block, p.word,
                   value);
    gicv3_update_all(s);
}

static uint64_t dist_read(void *opaque, uint64_t offset, unsigned size)
{
    struct gicv3 *s = opaque;
    uint32_t value;
    (void)size;

    pthread_mutex_lock(&s->lock);
    value = read_word(s, gicv3_nonsecure_access(s), (uint32_t)offset & ~3u) >> 8 * (offset & 3);
    pthread_mutex_unlock(&s->lock);
    return value;
}

static void dist_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gicv3 *s = opaque;
    uint32_t at = (uint32_t)offset;
    bool nonsecure;

    pthread_mutex_lock(&s->lock);
    nonsecure = gicv3_nonsecure_access(s);
    if (size == 4) {
        write_word(s, nonsecure, at, (uint32_t)value);
    } else if (range_contains(GICD_IPRIORITYR, GIC_SPI_LIMIT, at)) { /* takes bytes, too */
        for (unsigned i = 0; i < size; i++, at++) {
            unsigned bank = (at - GICD_IPRIORITYR) / GIC_BANK;
            if (bank && bank < s->banks)
                gic_priority_write(&s->spi[bank - 1], gicv3_view(&s->spi[bank - 1], nonsecure),
                                   at % GIC_BANK, (uint8_t)(value >> 8 * i));
        }
        gicv3_update_all(s);
    } else if (size == 2 && (at & ~8u) == GICD_SETSPI_NSR) { /* a message may have 16 bits */
        write_word(s, nonsecure, at, (uint32_t)value);
    }
    pthread_mutex_unlock(&s->lock);
}

const struct mem_ops gicv3_dist_ops = {
    .read = dist_read, .write = dist_write, .min_size = 1, .max_size = 4};
