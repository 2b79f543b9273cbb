/*
 * LPIs: message-signalled interrupts of an ITS. Which are enabled and how urgent each is stands in
 * a table in the guest's memory that all redistributors share; it is read when LPIs are enabled and
 * where the guest says that it changed. What is pending is kept here, and goes from and to a
 * redistributor's table in memory when its LPIs are switched on and off.
 *
 * IHI 0069, chapter on LPIs.
 */
#include <stdlib.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/util/bitmap.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/intc/gicv3_internal.h"

enum { CONFIG_ENABLED = 1, CONFIG_PRIORITY = 0xfc };
enum { PENDING_FIRST = GICV3_LPI_FIRST / 8, PENDING_BYTES = GICV3_LPIS / 8 };
#define TABLE_ADDRESS UINT64_C(0xffffffffff000)
#define PENDING_ADDRESS UINT64_C(0xfffffffff0000)
#define PENDBASER_PTZ (UINT64_C(1) << 62)
enum { PROPBASER_ID_BITS = 0x1f };

bool gicv3_lpi_alloc(struct gicv3 *s, struct vemu_error **errp)
{
    s->lpi_config = calloc(GICV3_LPIS, 1);
    for (unsigned i = 0; i < s->cfg.cpu_count; i++)
        s->cpu[i].lpi_pending = calloc(GICV3_LPI_WORDS, sizeof *s->cpu[i].lpi_pending);
    for (unsigned i = 0; i < s->cfg.cpu_count; i++) {
        if (s->lpi_config && s->cpu[i].lpi_pending)
            continue;
        gicv3_lpi_free(s);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for its LPIs");
    }
    return true;
}

void gicv3_lpi_free(struct gicv3 *s)
{
    free(s->lpi_config);
    s->lpi_config = NULL;
    for (unsigned i = 0; i < GICV3_CPUS_MAX; i++) {
        free(s->cpu[i].lpi_pending);
        s->cpu[i].lpi_pending = NULL;
    }
}

void gicv3_lpi_clear(struct gicv3_cpu *c)
{
    if (c->lpi_pending)
        memset(c->lpi_pending, 0, GICV3_LPI_WORDS * sizeof *c->lpi_pending);
    memset(c->lpi_summary, 0, sizeof c->lpi_summary);
    c->lpi = (struct gicv3_pending){.intid = GIC_INTID_NONE, .priority = GIC_IDLE_PRIORITY};
    c->lpi_stale = false;
}

/* ---- what is pending ------------------------------------------------------------------------- */

static bool is_on(const struct gicv3_cpu *c)
{
    return c->lpi_pending && c->ctlr & GICR_CTLR_ENABLE_LPIS;
}

static void mark(struct gicv3_cpu *c, unsigned lpi, bool pending)
{
    if (pending)
        bitmap_set(c->lpi_pending, lpi);
    else
        bitmap_clear(c->lpi_pending, lpi);
    if (c->lpi_pending[lpi / 64])
        bitmap_set(c->lpi_summary, lpi / 64);
    else
        bitmap_clear(c->lpi_summary, lpi / 64);
}

/* Of equal priorities the lowest INTID comes first. */
static void consider(struct gicv3_cpu *c, unsigned lpi)
{
    uint8_t config = c->gic->lpi_config[lpi], priority = config & GIC_PRIORITY_MASK;
    uint32_t intid = GICV3_LPI_FIRST + lpi;

    if (config & CONFIG_ENABLED &&
        (priority < c->lpi.priority || (priority == c->lpi.priority && intid < c->lpi.intid)))
        c->lpi = (struct gicv3_pending){.intid = intid, .priority = priority, .group = GICV3_G1NS};
}

void gicv3_lpi_choose(struct gicv3_cpu *c)
{
    c->lpi = (struct gicv3_pending){.intid = GIC_INTID_NONE, .priority = GIC_IDLE_PRIORITY};
    c->lpi_stale = false;
    if (!is_on(c))
        return;
    for (uint64_t w = bitmap_find_next(c->lpi_summary, GICV3_LPI_WORDS, 0); w < GICV3_LPI_WORDS;
         w = bitmap_find_next(c->lpi_summary, GICV3_LPI_WORDS, w + 1)) {
        for (uint64_t bits = c->lpi_pending[w]; bits; bits &= bits - 1)
            consider(c, (unsigned)(w * 64) + (unsigned)__builtin_ctzll(bits));
    }
}

void gicv3_lpi_settle(struct gicv3 *s)
{
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->cfg.cpu_count; i++) {
        if (s->cpu[i].lpi_stale)
            gicv3_update(&s->cpu[i]);
    }
    pthread_mutex_unlock(&s->lock);
}

void gicv3_lpi_acknowledge(struct gicv3_cpu *c, uint32_t intid)
{
    mark(c, intid - GICV3_LPI_FIRST, false);
    c->lpi_stale = true;
}

void gicv3_lpi_set(struct gicv3_cpu *c, uint32_t intid, bool pending)
{
    if (!gicv3_is_lpi(intid))
        return;
    pthread_mutex_lock(&c->gic->lock);
    if (is_on(c)) {
        mark(c, intid - GICV3_LPI_FIRST, pending);
        c->lpi_stale |= !pending;
        if (pending && !c->lpi_stale) {
            consider(c, intid - GICV3_LPI_FIRST);
            gicv3_update(c);
        }
    }
    pthread_mutex_unlock(&c->gic->lock);
}

void gicv3_lpi_move(struct gicv3_cpu *from, struct gicv3_cpu *to, uint32_t intid)
{
    unsigned lpi = intid - GICV3_LPI_FIRST;

    if (from == to || !gicv3_is_lpi(intid))
        return;
    pthread_mutex_lock(&from->gic->lock);
    if (is_on(from) && is_on(to) && bitmap_test(from->lpi_pending, lpi)) {
        mark(from, lpi, false);
        mark(to, lpi, true);
        from->lpi_stale = to->lpi_stale = true;
    }
    pthread_mutex_unlock(&from->gic->lock);
}

void gicv3_lpi_move_all(struct gicv3_cpu *from, struct gicv3_cpu *to)
{
    if (from == to)
        return;
    pthread_mutex_lock(&from->gic->lock);
    if (is_on(from) && is_on(to)) {
        for (uint64_t w = bitmap_find_next(from->lpi_summary, GICV3_LPI_WORDS, 0);
             w < GICV3_LPI_WORDS; w = bitmap_find_next(from->lpi_summary, GICV3_LPI_WORDS, w + 1)) {
            to->lpi_pending[w] |= from->lpi_pending[w];
            from->lpi_pending[w] = 0;
            bitmap_set(to->lpi_summary, w);
        }
        memset(from->lpi_summary, 0, sizeof from->lpi_summary);
        from->lpi_stale = to->lpi_stale = true;
    }
    pthread_mutex_unlock(&from->gic->lock);
}

/* ---- tables in the guest's memory ------------------------------------------------------------ */

/* A redistributor that has them on says where the table is; all say the same. */
static const struct gicv3_cpu *first_on(const struct gicv3 *s)
{
    for (unsigned i = 0; i < s->cfg.cpu_count; i++) {
        if (is_on(&s->cpu[i]))
            return &s->cpu[i];
    }
    return NULL;
}

/* How many LPIs there are, as the size of the table goes. */
static uint32_t lpi_count(uint64_t propbaser)
{
    unsigned bits = MIN((unsigned)(propbaser & PROPBASER_ID_BITS) + 1, (unsigned)GICV3_ID_BITS);
    return 1u << bits > GICV3_LPI_FIRST ? (1u << bits) - GICV3_LPI_FIRST : 0;
}

/* What is not in the table, or not in memory, is off. */
static void read_config(struct gicv3 *s, uint64_t propbaser, uint32_t lpi, uint32_t count,
                        uint8_t *config)
{
    uint32_t there = lpi_count(propbaser);

    memset(config, 0, count);
    if (lpi < there && dma_read(device_memory(&s->dev), &s->dev, (propbaser & TABLE_ADDRESS) + lpi,
                                config, MIN(count, there - lpi)) != MEM_OK)
        memset(config, 0, count);
}

static void take_config(struct gicv3 *s, uint64_t propbaser, uint32_t lpi, uint32_t count)
{
    uint8_t one, *config = count == 1 ? &one : malloc(count);

    if (!config)
        return;
    read_config(s, propbaser, lpi, count, config);
    pthread_mutex_lock(&s->lock);
    memcpy(s->lpi_config + lpi, config, count);
    for (unsigned i = 0; i < s->cfg.cpu_count; i++)
        s->cpu[i].lpi_stale = true;
    pthread_mutex_unlock(&s->lock);
    if (count > 1)
        free(config);
}

void gicv3_lpi_load_config(struct gicv3 *s, uint32_t first, uint32_t count)
{
    const struct gicv3_cpu *c = s->lpi_config ? first_on(s) : NULL;

    if (c && range_fits(first - GICV3_LPI_FIRST, count, GICV3_LPIS))
        take_config(s, c->propbaser, first - GICV3_LPI_FIRST, count);
}

/* Pending bits as a little-endian bitmap from or to memory. */
static bool move_pending(struct gicv3_cpu *c, uint8_t *bytes, bool write)
{
    struct device *dev = &c->gic->dev;
    uint64_t addr = (c->pendbaser & PENDING_ADDRESS) + PENDING_FIRST;
    uint64_t len = lpi_count(c->propbaser) / 8;

    return (write ? dma_write(device_memory(dev), dev, addr, bytes, len)
                  : dma_read(device_memory(dev), dev, addr, bytes, len)) == MEM_OK;
}

static void switch_on(struct gicv3_cpu *c, uint8_t *bytes)
{
    if (c->pendbaser & PENDBASER_PTZ || !move_pending(c, bytes, false))
        memset(bytes, 0, PENDING_BYTES);
    pthread_mutex_lock(&c->gic->lock);
    gicv3_lpi_clear(c);
    for (unsigned w = 0; w < GICV3_LPI_WORDS; w++) {
        c->lpi_pending[w] = load_le64(bytes + 8 * w);
        if (c->lpi_pending[w])
            bitmap_set(c->lpi_summary, w);
    }
    c->ctlr |= GICR_CTLR_ENABLE_LPIS;
    pthread_mutex_unlock(&c->gic->lock);
    take_config(c->gic, c->propbaser, 0, GICV3_LPIS);
    gicv3_lpi_settle(c->gic);
}

static void switch_off(struct gicv3_cpu *c, uint8_t *bytes)
{
    pthread_mutex_lock(&c->gic->lock);
    for (unsigned w = 0; w < GICV3_LPI_WORDS; w++)
        store_le64(bytes + 8 * w, c->lpi_pending[w]);
    c->ctlr &= (uint8_t)~GICR_CTLR_ENABLE_LPIS;
    gicv3_lpi_clear(c);
    gicv3_update(c);
    pthread_mutex_unlock(&c->gic->lock);
    move_pending(c, bytes, true);
}

void gicv3_lpi_enable(struct gicv3_cpu *c, bool on)
{
    uint8_t *bytes;

    if (on == is_on(c))
        return;
    bytes = calloc(1, PENDING_BYTES);
    if (!bytes)
        return; /* the bit reads back as it was */
    if (on)
        switch_on(c, bytes);
    else
        switch_off(c, bytes);
    free(bytes);
}

/* ---- saved state ----------------------------------------------------------------------------- */

/* A word for each that is pending: vCPU << 16 | INTID, in order. */
static const struct gicv3 *tail_owner(const void *obj)
{
    return ((const struct gicv3_cpu *)obj)[0].gic;
}

static uint64_t tail_size(const void *obj)
{
    const struct gicv3 *s = tail_owner(obj);
    uint64_t count = 0;

    for (unsigned i = 0; i < s->cfg.cpu_count; i++) {
        for (unsigned w = 0; s->lpi_config && w < GICV3_LPI_WORDS; w++)
            count += (unsigned)__builtin_popcountll(s->cpu[i].lpi_pending[w]);
    }
    return 4 * count;
}

static void tail_save(const void *obj, uint8_t *out)
{
    const struct gicv3 *s = tail_owner(obj);

    for (unsigned i = 0; s->lpi_config && i < s->cfg.cpu_count; i++) {
        for (uint64_t lpi = bitmap_find_next(s->cpu[i].lpi_pending, GICV3_LPIS, 0);
             lpi < GICV3_LPIS;
             lpi = bitmap_find_next(s->cpu[i].lpi_pending, GICV3_LPIS, lpi + 1), out += 4)
            store_le32(out, i << 16 | (uint32_t)(GICV3_LPI_FIRST + lpi));
    }
}

static bool tail_load(void *obj, const uint8_t *in, uint64_t len, struct vemu_error **errp)
{
    const struct gicv3 *s = obj ? tail_owner(obj) : NULL;
    struct gicv3_cpu *cpus = obj;

    for (unsigned i = 0; s && i < s->cfg.cpu_count; i++)
        gicv3_lpi_clear(&cpus[i]);
    for (uint64_t at = 0; at < len; at += 4) {
        uint32_t word = len - at < 4 ? 0 : load_le32(in + at), intid = word & 0xffff;
        bool there = gicv3_is_lpi(intid) && word >> 16 < GICV3_CPUS_MAX;
        if (!there || (s && (!s->lpi_config || word >> 16 >= s->cfg.cpu_count)))
            return error_set(errp, VEMU_ERROR_INVALID,
                             "it has INTID %u pending at processor %u: there is no such LPI", intid,
                             word >> 16);
        if (s)
            mark(&cpus[word >> 16], intid - GICV3_LPI_FIRST, true);
    }
    return true;
}

const struct state_tail gicv3_lpi_tail = {.size = tail_size, .save = tail_save, .load = tail_load};
