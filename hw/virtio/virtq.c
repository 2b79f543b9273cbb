/* Split rings: see virtq.h. */
#include "hw/virtio/virtq.h"

#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/virtio/virtio.h"

enum { DESC_SIZE = 16, DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum { AVAIL_FLAGS = 0, AVAIL_INDEX = 2, AVAIL_RING = 4, AVAIL_NO_INTERRUPT = 1 };
enum { USED_FLAGS = 0, USED_INDEX = 2, USED_RING = 4, USED_ELEMENT = 8, USED_NO_NOTIFY = 1 };

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

static struct desc parse_desc(const uint8_t *p)
{
    return (struct desc){.addr = load_le64(p),
                         .len = load_le32(p + 8),
                         .flags = load_le16(p + 12),
                         .next = load_le16(p + 14)};
}

/* ---- ring memory ----------------------------------------------------------------------------- */

static bool read16(struct virtq *q, uint64_t addr, uint16_t *value)
{
    uint8_t bytes[2];

    if (!virtio_dma_read(q->v, addr, bytes, sizeof bytes))
        return false;
    *value = load_le16(bytes);
    return true;
}

static void write16(struct virtq *q, uint64_t addr, uint16_t value)
{
    uint8_t bytes[2];

    store_le16(bytes, value);
    virtio_dma_write(q->v, addr, bytes, sizeof bytes);
}

/* Behind the available ring: up to where the driver wants no interrupts. */
static uint64_t used_event(const struct virtq *q)
{
    return q->driver + AVAIL_RING + 2 * (uint64_t)q->size;
}

/* Behind the used ring: up to where the device wants no notifications. */
static uint64_t avail_event(const struct virtq *q)
{
    return q->device + USED_RING + USED_ELEMENT * (uint64_t)q->size;
}

static enum virtq_result broken(struct virtq *q, const char *what, unsigned value)
{
    virtio_break(q->v, "queue %u: %s %u", q->index, what, value);
    return VIRTQ_BROKEN;
}

/* ---- popping --------------------------------------------------------------------------------- */

struct walk {
    struct virtq *q;
    struct virtq_element *e;
    struct virtq_buffer *buffers;
    uint64_t table;      /* of descriptors, in guest memory */
    const uint8_t *copy; /* of an indirect table; NULL: descriptors are read one at a time */
    unsigned entries, steps;
};

/* Adds one buffer; false: against the rules. */
static bool add_buffer(struct walk *w, const struct desc *d)
{
    struct virtq_element *e = w->e;

    if (!(d->flags & DESC_WRITE) && e->in) {
        broken(w->q, "a buffer to read follows one to write, number", e->out + e->in);
        return false;
    }
    /* Of no use, but harmless. */
    if (!d->len)
        return true;
    if (e->out + e->in >= VIRTQ_CHAIN_MAX) {
        broken(w->q, "a chain is longer than", VIRTQ_CHAIN_MAX);
        return false;
    }
    w->buffers[e->out + e->in] = (struct virtq_buffer){d->addr, d->len};
    if (d->flags & DESC_WRITE) {
        e->in++;
        e->in_bytes += d->len;
    } else {
        e->out++;
        e->out_bytes += d->len;
    }
    return true;
}

/* Copies in the table that an indirect descriptor names; what follows is read from the copy. */
static bool enter_indirect(struct walk *w, const struct desc *d)
{
    struct virtq_scratch *scratch = w->q->v->scratch;

    if (w->copy || (d->flags & DESC_NEXT) || !virtio_has(w->q->v, VIRTIO_F_INDIRECT_DESC)) {
        broken(w->q, "an indirect descriptor is out of place, flags", d->flags);
        return false;
    }
    if (!d->len || d->len % DESC_SIZE || d->len > sizeof scratch->table) {
        broken(w->q, "an indirect table has a length of", d->len);
        return false;
    }
    if (!virtio_dma_read(w->q->v, d->addr, scratch->table, d->len)) {
        broken(w->q, "an indirect table is not in memory, length", d->len);
        return false;
    }
    w->copy = scratch->table;
    w->entries = d->len / DESC_SIZE;
    w->steps = 0;
    return true;
}

static bool read_desc(struct walk *w, unsigned n, struct desc *d)
{
    uint8_t bytes[DESC_SIZE];

    if (n >= w->entries) {
        broken(w->q, "there is no descriptor", n);
        return false;
    }
    /* Each descriptor is in a chain once: more steps than there are of them are a loop. */
    if (w->steps++ >= w->entries) {
        broken(w->q, "a chain is a loop, at descriptor", n);
        return false;
    }
    if (w->copy) {
        *d = parse_desc(w->copy + DESC_SIZE * n);
        return true;
    }
    if (!virtio_dma_read(w->q->v, w->table + DESC_SIZE * (uint64_t)n, bytes, sizeof bytes)) {
        broken(w->q, "the descriptor table is not in memory, descriptor", n);
        return false;
    }
    *d = parse_desc(bytes);
    return true;
}

static bool walk_chain(struct virtq *q, uint16_t head, struct virtq_element *e)
{
    struct virtq_buffer *buffers = q->v->scratch->buffers;
    struct walk w = {.q = q, .e = e, .buffers = buffers, .table = q->desc, .entries = q->size};
    unsigned n = head;
    struct desc d;

    *e = (struct virtq_element){.head = head, .buffers = buffers};
    for (;;) {
        if (!read_desc(&w, n, &d))
            return false;
        if (d.flags & DESC_INDIRECT) {
            if (!enter_indirect(&w, &d))
                return false;
            n = 0;
            continue;
        }
        if (!add_buffer(&w, &d))
            return false;
        if (!(d.flags & DESC_NEXT))
            return true;
        n = d.next;
    }
}

/* How many elements the driver has made available; negative: the device is broken or may not look.
 */
static int available(struct virtq *q)
{
    uint16_t index, count;

    if (!q->enabled || q->v->broken || !virtio_may_dma(q->v))
        return -1;
    if (!read16(q, q->driver + AVAIL_INDEX, &index)) {
        broken(q, "the available ring is not in memory, size", q->size);
        return -1;
    }
    count = (uint16_t)(index - q->next_avail);
    if (count > q->size) {
        broken(q, "the available index moved by", count);
        return -1;
    }
    return count;
}

bool virtq_is_empty(struct virtq *q)
{
    return available(q) <= 0;
}

enum virtq_result virtq_pop(struct virtq *q, struct virtq_element *e)
{
    int count = available(q);
    uint16_t head;

    if (count <= 0)
        return count < 0 && q->v->broken ? VIRTQ_BROKEN : VIRTQ_EMPTY;
    if (q->in_use >= q->size)
        return broken(q, "more elements are available than there are descriptors, which are",
                      q->size);
    /* The index was read before what it stands for. */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!read16(q, q->driver + AVAIL_RING + 2 * (uint64_t)(q->next_avail & (q->size - 1)), &head))
        return broken(q, "the available ring is not in memory, size", q->size);
    if (head >= q->size)
        return broken(q, "there is no descriptor", head);
    if (!walk_chain(q, head, e))
        return VIRTQ_BROKEN;
    q->next_avail++;
    q->in_use++;
    return VIRTQ_POPPED;
}

enum virtq_result virtq_pop_or_ask(struct virtq *q, struct virtq_element *e)
{
    enum virtq_result result = virtq_pop(q, e);

    if (result != VIRTQ_EMPTY)
        return result;
    /* What came before the driver saw the wish is found here. */
    virtq_want_notify(q, true);
    return virtq_pop(q, e);
}

enum virtq_result virtq_pop_again(struct virtq *q, uint16_t head, struct virtq_element *e)
{
    if (!q->enabled || q->v->broken || head >= q->size)
        return VIRTQ_EMPTY;
    return walk_chain(q, head, e) ? VIRTQ_POPPED : VIRTQ_BROKEN;
}

void virtq_unpop(struct virtq *q, unsigned count)
{
    /* A transfer may have reached a register that reset the device. */
    if (!q->enabled || q->in_use < count)
        return;
    q->next_avail = (uint16_t)(q->next_avail - count);
    q->in_use = (uint16_t)(q->in_use - count);
}

/* ---- buffers --------------------------------------------------------------------------------- */

struct span {
    const struct virtq_buffer *b;
    unsigned count;
    uint64_t offset;
    uint32_t left;
};

/* The next part of a span that is in one buffer; false: none is left, or no buffer. */
static bool next_part(struct span *s, uint64_t *addr, uint32_t *len)
{
    for (; s->count && s->offset >= s->b->len; s->b++, s->count--)
        s->offset -= s->b->len;
    if (!s->count || !s->left)
        return false;
    *addr = s->b->addr + s->offset;
    *len = (uint32_t)MIN(s->left, s->b->len - s->offset);
    s->offset += *len;
    s->left -= *len;
    return true;
}

bool virtq_gather(struct virtio *v, const struct virtq_buffer *b, unsigned count, uint64_t offset,
                  void *out, uint32_t len)
{
    struct span s = {b, count, offset, len};
    uint8_t *p = out;
    uint64_t addr;

    for (uint32_t n; next_part(&s, &addr, &n); p += n) {
        if (!virtio_dma_read(v, addr, p, n))
            return false;
    }
    return !s.left;
}

bool virtq_scatter(struct virtio *v, const struct virtq_buffer *b, unsigned count, uint64_t offset,
                   const void *in, uint32_t len)
{
    struct span s = {b, count, offset, len};
    const uint8_t *p = in;
    uint64_t addr;

    for (uint32_t n; next_part(&s, &addr, &n); p += n) {
        if (!virtio_dma_write(v, addr, p, n))
            return false;
    }
    return !s.left;
}

/* ---- pushing --------------------------------------------------------------------------------- */

void virtq_push_all(struct virtq *q, const struct virtq_used *used, unsigned count)
{
    uint8_t element[USED_ELEMENT];

    /* A transfer may have reached a register that reset the device. */
    if (!q->enabled || q->in_use < count)
        return;
    q->in_use = (uint16_t)(q->in_use - count);
    for (unsigned i = 0; i < count; i++) {
        uint16_t slot = (uint16_t)(q->next_used + i) & (q->size - 1);
        store_le32(element, used[i].head);
        store_le32(element + 4, used[i].written);
        virtio_dma_write(q->v, q->device + USED_RING + USED_ELEMENT * (uint64_t)slot, element,
                         sizeof element);
    }
    __atomic_thread_fence(__ATOMIC_RELEASE);
    q->next_used = (uint16_t)(q->next_used + count);
    write16(q, q->device + USED_INDEX, q->next_used);
}

void virtq_push(struct virtq *q, uint16_t head, uint32_t written)
{
    struct virtq_used used = {head, written};

    virtq_push_all(q, &used, 1);
}

static bool wants_interrupt(struct virtq *q)
{
    uint16_t old = q->signalled, event, flags;
    bool valid = q->signalled_valid;

    if (virtio_has(q->v, VIRTIO_F_NOTIFY_ON_EMPTY) && !q->in_use && virtq_is_empty(q))
        return true;
    if (!virtio_has(q->v, VIRTIO_F_EVENT_IDX))
        return read16(q, q->driver + AVAIL_FLAGS, &flags) && !(flags & AVAIL_NO_INTERRUPT);
    q->signalled = q->next_used;
    q->signalled_valid = true;
    /* Did next_used pass the event since the last time? (vring_need_event of the specification) */
    return !valid || (read16(q, used_event(q), &event) &&
                      (uint16_t)(q->next_used - event - 1) < (uint16_t)(q->next_used - old));
}

void virtq_signal(struct virtq *q)
{
    /* The driver may be about to look for the last time: it sees the used index, or its wish is
     * seen here. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (q->v->broken || !q->enabled || !wants_interrupt(q))
        return;
    q->v->isr |= VIRTIO_ISR_QUEUE;
    q->v->transport->interrupt(q->v, q);
}

void virtq_want_notify(struct virtq *q, bool on)
{
    if (!q->enabled || q->v->broken || !virtio_may_dma(q->v))
        return;
    if (!virtio_has(q->v, VIRTIO_F_EVENT_IDX))
        write16(q, q->device + USED_FLAGS, on ? 0 : USED_NO_NOTIFY);
    else if (on)
        write16(q, avail_event(q), q->next_avail);
    if (on)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* ---- life ------------------------------------------------------------------------------------ */

void virtq_reset(struct virtq *q)
{
    q->size = q->size_max;
    q->vector = VIRTIO_NO_VECTOR;
    q->enabled = false;
    q->desc = q->driver = q->device = 0;
    q->next_avail = q->next_used = q->in_use = q->signalled = 0;
    q->signalled_valid = false;
}

void virtq_enable(struct virtq *q)
{
    q->enabled = true;
    q->next_avail = q->next_used = q->in_use = q->signalled = 0;
    q->signalled_valid = false;
}

void virtq_set_legacy(struct virtq *q, uint64_t desc, uint32_t align)
{
    q->desc = desc;
    q->driver = desc + DESC_SIZE * (uint64_t)q->size;
    q->device = align_up(q->driver + AVAIL_RING + 2 * ((uint64_t)q->size + 1), align);
}

const struct state_field virtq_state[] = {
    STATE_INT(struct virtq, size, .max = VIRTQ_SIZE_MAX),
    STATE_INT(struct virtq, vector),
    STATE_FLAG(struct virtq, enabled),
    STATE_INT(struct virtq, desc),
    STATE_INT(struct virtq, driver),
    STATE_INT(struct virtq, device),
    STATE_INT(struct virtq, next_avail),
    STATE_INT(struct virtq, next_used),
    STATE_INT(struct virtq, in_use, .max = VIRTQ_SIZE_MAX),
    STATE_INT(struct virtq, signalled),
    STATE_FLAG(struct virtq, signalled_valid),
    STATE_FIELDS_END,
};

bool virtq_check(const struct virtq *q)
{
    bool sized = q->size <= q->size_max && is_power_of_two(q->size);

    return q->size_max ? sized && q->in_use <= q->size : !q->enabled && !q->in_use;
}
