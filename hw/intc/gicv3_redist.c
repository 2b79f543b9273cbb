/* GICv3's redistributors: IHI 0069, chapter "Programmers' Model", GICR registers. */
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/intc/gicv3_internal.h"

/* The first frame; the second, for SGIs and PPIs, follows after 64 KiB. */
enum {
    GICR_CTLR = 0x00,
    GICR_IIDR = 0x04,
    GICR_TYPER = 0x08,
    GICR_TYPER_HIGH = 0x0c,
    GICR_WAKER = 0x14,
    GICR_PROPBASER = 0x70,
    GICR_PENDBASER = 0x78,
    GICR_ID = 0xffd0,
    SGI_FRAME = 0x10000,
};
enum { CTLR_CES = 1 << 1 /* EnableLPIs may be cleared */ };
enum {
    TYPER_PLPIS = 1 << 0,
    TYPER_LAST = 1 << 4,
    TYPER_NUMBER_SHIFT = 8,
};
#define PROPBASER_WRITABLE UINT64_C(0x070fffffffffff9f)
#define PENDBASER_WRITABLE UINT64_C(0x470fffffffff0f80)
#define PENDBASER_PTZ (UINT64_C(1) << 62)

static bool is_last_of_region(const struct gicv3_frame *f, const struct gicv3_cpu *c)
{
    for (unsigned i = 0; i < GICV3_REGIONS_MAX; i++) {
        const struct gicv3_frame *other = &c->gic->frame[i];
        if (other != f && other->gic && other->first == c->index + 1)
            return true;
    }
    return c->index + 1 == c->gic->cfg.cpu_count;
}

static uint32_t read_first_frame(const struct gicv3_frame *f, const struct gicv3_cpu *c,
                                 uint32_t offset, bool nonsecure)
{
    bool lpis = c->gic->cfg.lpis;

    switch (offset) {
    case GICR_CTLR:
        return c->ctlr | (lpis ? CTLR_CES : 0);
    case GICR_IIDR:
        return GICV3_IIDR;
    case GICR_TYPER:
        return (lpis ? TYPER_PLPIS : 0) | (is_last_of_region(f, c) ? TYPER_LAST : 0) |
               c->index << TYPER_NUMBER_SHIFT;
    case GICR_TYPER_HIGH: /* Aff3 to Aff0, packed */
        return (uint32_t)(c->affinity >> 8 & 0xff000000) | (uint32_t)(c->affinity & 0xffffff);
    case GICR_WAKER:
        return nonsecure ? 0 : c->waker;
    case GICR_PROPBASER:
    case GICR_PROPBASER + 4:
        return (uint32_t)(c->propbaser >> (offset & 4) * 8);
    case GICR_PENDBASER:
    case GICR_PENDBASER + 4: /* PTZ is write-only */
        return (uint32_t)((c->pendbaser & ~PENDBASER_PTZ) >> (offset & 4) * 8);
    }
    return offset >= GICR_ID ? gic_id_register(offset, GICV3_PART_REDIST, 3) : 0;
}

static uint64_t with_half(uint64_t old, uint32_t offset, uint32_t value)
{
    return offset & 4 ? (old & UINT32_MAX) | (uint64_t)value << 32
                      : (old & ~(uint64_t)UINT32_MAX) | value;
}

static void write_waker(struct gicv3_cpu *c, uint32_t value)
{
    /* Falling asleep takes no time. */
    c->waker = value & GICR_WAKER_SLEEP ? GICR_WAKER_SLEEP | GICR_WAKER_ASLEEP : 0;
    gicv3_update_all(c->gic); /* SPIs that anybody may take move on */
}

static void write_first_frame(struct gicv3_cpu *c, uint32_t offset, uint32_t value, bool nonsecure)
{
    bool fixed = c->ctlr & GICR_CTLR_ENABLE_LPIS || !c->gic->cfg.lpis;

    switch (offset) {
    case GICR_WAKER:
        if (!nonsecure)
            write_waker(c, value);
        break;
    case GICR_PROPBASER:
    case GICR_PROPBASER + 4:
        if (!fixed)
            c->propbaser = with_half(c->propbaser, offset, value) & PROPBASER_WRITABLE;
        break;
    case GICR_PENDBASER:
    case GICR_PENDBASER + 4:
        if (!fixed)
            c->pendbaser = with_half(c->pendbaser, offset, value) & PENDBASER_WRITABLE;
        break;
    }
}

/* ---- SGIs and PPIs --------------------------------------------------------------------------- */

/* The place in bank 0, if the register has one there. */
static bool sgi_place(uint32_t offset, struct gic_place *p)
{
    return gic_place(offset, p) && !p->bank && p->block != GICD_ITARGETSR;
}

static void write_sgi_frame(struct gicv3_cpu *c, uint32_t offset, uint32_t value, bool nonsecure)
{
    struct gic_view view = gicv3_view(&c->bank, nonsecure);
    struct gic_place p;

    if (!sgi_place(offset, &p) || (p.block == GICD_ICFGR && !p.word)) /* SGIs are edges */
        return;
    gic_bank_write(&c->bank, view, p.block, p.word, value);
    gicv3_update(c);
}

/* ---- accesses -------------------------------------------------------------------------------- */

static struct gicv3_cpu *addressed(const struct gicv3_frame *f, uint64_t offset)
{
    return &f->gic->cpu[f->first + offset / GICV3_REDIST_SIZE];
}

static uint64_t redist_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct gicv3_frame *f = opaque;
    struct gicv3_cpu *c = addressed(f, offset);
    uint32_t at = offset % GICV3_REDIST_SIZE & ~3u, value = 0;
    struct gic_place p;
    bool nonsecure;
    (void)size;

    pthread_mutex_lock(&f->gic->lock);
    nonsecure = gicv3_nonsecure_access(f->gic);
    if (at < SGI_FRAME)
        value = read_first_frame(f, c, at, nonsecure);
    else if (sgi_place(at - SGI_FRAME, &p))
        value = gic_bank_read(&c->bank, gicv3_view(&c->bank, nonsecure), p.block, p.word);
    pthread_mutex_unlock(&f->gic->lock);
    return value >> 8 * (offset & 3);
}

static void redist_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const struct gicv3_frame *f = opaque;
    struct gicv3_cpu *c = addressed(f, offset);
    uint32_t at = offset % GICV3_REDIST_SIZE, priority = at - SGI_FRAME - GICD_IPRIORITYR;
    bool nonsecure;

    if (at == GICR_CTLR && size == 4) { /* reads tables: without the GIC's lock */
        if (f->gic->cfg.lpis)
            gicv3_lpi_enable(c, value & GICR_CTLR_ENABLE_LPIS);
        return;
    }
    pthread_mutex_lock(&f->gic->lock);
    nonsecure = gicv3_nonsecure_access(f->gic);
    if (at < SGI_FRAME && size == 4) {
        write_first_frame(c, at, (uint32_t)value, nonsecure);
    } else if (size == 4) {
        write_sgi_frame(c, at - SGI_FRAME, (uint32_t)value, nonsecure);
    } else if (at >= SGI_FRAME && range_fits(priority, size, GIC_BANK)) { /* takes bytes, too */
        for (unsigned i = 0; i < size; i++)
            gic_priority_write(&c->bank, gicv3_view(&c->bank, nonsecure), priority + i,
                               (uint8_t)(value >> 8 * i));
        gicv3_update(c);
    }
    pthread_mutex_unlock(&f->gic->lock);
}

const struct mem_ops gicv3_redist_ops = {
    .read = redist_read, .write = redist_write, .min_size = 1, .max_size = 4};
