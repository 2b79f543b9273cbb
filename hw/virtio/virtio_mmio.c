/* Virtio over MMIO: see virtio_mmio.h. */
#include "hw/virtio/virtio_mmio.h"

#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"

enum {
    REG_MAGIC = 0x000,
    REG_VERSION = 0x004,
    REG_DEVICE_ID = 0x008,
    REG_VENDOR_ID = 0x00c,
    REG_DEVICE_FEATURES = 0x010,
    REG_DEVICE_FEATURES_SEL = 0x014,
    REG_DRIVER_FEATURES = 0x020,
    REG_DRIVER_FEATURES_SEL = 0x024,
    REG_QUEUE_SEL = 0x030,
    REG_QUEUE_NUM_MAX = 0x034,
    REG_QUEUE_NUM = 0x038,
    REG_QUEUE_READY = 0x044,
    REG_QUEUE_NOTIFY = 0x050,
    REG_INTERRUPT_STATUS = 0x060,
    REG_INTERRUPT_ACK = 0x064,
    REG_STATUS = 0x070,
    REG_QUEUE_DESC_LOW = 0x080,
    REG_QUEUE_DESC_HIGH = 0x084,
    REG_QUEUE_DRIVER_LOW = 0x090,
    REG_QUEUE_DRIVER_HIGH = 0x094,
    REG_QUEUE_DEVICE_LOW = 0x0a0,
    REG_QUEUE_DEVICE_HIGH = 0x0a4,
    REG_SHM_LEN_LOW = 0x0b0,
    REG_SHM_BASE_HIGH = 0x0bc,
    REG_CONFIG_GENERATION = 0x0fc,
    REG_CONFIG = 0x100,
};
/* "virt", "QEMU": the vendor that drivers and their users know. */
enum { MAGIC = 0x74726976, VERSION = 2, VENDOR = 0x554d4551 };

/* ---- interrupts ------------------------------------------------------------------------------ */

static void update_irq(struct virtio_mmio *s)
{
    irq_set(&s->slots->irqs[s->slot], s->v->isr != 0);
}

static void interrupt(struct virtio *v, struct virtq *q)
{
    (void)q;
    update_irq(container_of(v->dev, struct virtio_mmio, dev));
}

static struct mem_region *place_doorbell(struct virtio *v, const struct virtq *q,
                                         struct mem_doorbell *at)
{
    struct virtio_mmio *s = container_of(v->dev, struct virtio_mmio, dev);

    at->size = 4;
    at->match = true;
    at->value = q->index;
    at->offset = REG_QUEUE_NOTIFY;
    return &s->region;
}

const struct virtio_transport virtio_mmio_transport = {.interrupt = interrupt,
                                                       .place_doorbell = place_doorbell};

/* ---- registers ------------------------------------------------------------------------------- */

static struct virtq *selected(struct virtio_mmio *s)
{
    return s->queue_select < s->v->queue_count ? &s->v->queues[s->queue_select] : NULL;
}

static uint32_t half(uint64_t value, uint32_t select)
{
    return select < 2 ? (uint32_t)(value >> 32 * select) : 0;
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct virtio_mmio *s = opaque;
    const struct virtq *q = selected(s);

    if (offset >= REG_CONFIG)
        return virtio_config_read(s->v, (uint32_t)offset - REG_CONFIG, size);
    if (size != 4)
        return 0;
    switch (offset) {
    case REG_MAGIC:
        return MAGIC;
    case REG_VERSION:
        return VERSION;
    case REG_DEVICE_ID:
        return s->v->cls->id;
    case REG_VENDOR_ID:
        return VENDOR;
    case REG_DEVICE_FEATURES:
        return half(virtio_offered(s->v, false), s->device_feature_select);
    case REG_QUEUE_NUM_MAX:
        return q ? q->size_max : 0;
    case REG_QUEUE_READY:
        return q && q->enabled;
    case REG_INTERRUPT_STATUS:
        return s->v->isr;
    case REG_STATUS:
        return s->v->status;
    case REG_CONFIG_GENERATION:
        return s->v->generation;
    default:
        /* Shared memory regions, of which there are none, have a length of all ones. */
        return offset >= REG_SHM_LEN_LOW && offset <= REG_SHM_BASE_HIGH ? UINT32_MAX : 0;
    }
}

static void set_address(uint64_t *part, uint64_t offset, uint32_t value)
{
    unsigned shift = offset & 4 ? 32 : 0;

    *part = (*part & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

static void queue_write(struct virtio_mmio *s, uint64_t offset, uint32_t value)
{
    struct virtq *q = selected(s);

    /* A queue that is in use changes by a reset of the device only. */
    if (!q || q->enabled)
        return;
    switch (offset) {
    case REG_QUEUE_NUM:
        if (value && value <= q->size_max && !(value & (value - 1)))
            q->size = (uint16_t)value;
        else
            guest_error(s, "%s: queue %u cannot have size %u", s->dev.cls->name, q->index, value);
        break;
    case REG_QUEUE_READY:
        if (value & 1)
            virtq_enable(q);
        break;
    case REG_QUEUE_DESC_LOW:
    case REG_QUEUE_DESC_HIGH:
        set_address(&q->desc, offset, value);
        break;
    case REG_QUEUE_DRIVER_LOW:
    case REG_QUEUE_DRIVER_HIGH:
        set_address(&q->driver, offset, value);
        break;
    case REG_QUEUE_DEVICE_LOW:
    case REG_QUEUE_DEVICE_HIGH:
        set_address(&q->device, offset, value);
        break;
    default:
        guest_error(s, "%s: write to read-only register 0x%x", s->dev.cls->name, (unsigned)offset);
    }
}

static void reset_virtio(struct virtio_mmio *s)
{
    virtio_reset(s->v);
    s->device_feature_select = s->driver_feature_select = 0;
    s->queue_select = 0;
    update_irq(s);
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct virtio_mmio *s = opaque;
    uint32_t v = (uint32_t)value;

    if (offset >= REG_CONFIG) {
        virtio_config_write(s->v, (uint32_t)offset - REG_CONFIG, v, size);
        return;
    }
    if (size != 4) {
        guest_error(s, "%s: write of %u bytes to register 0x%x", s->dev.cls->name, size,
                    (unsigned)offset);
        return;
    }
    switch (offset) {
    case REG_DEVICE_FEATURES_SEL:
        s->device_feature_select = v;
        break;
    case REG_DRIVER_FEATURES_SEL:
        s->driver_feature_select = v;
        break;
    case REG_DRIVER_FEATURES:
        virtio_set_features(s->v, s->driver_feature_select, v, false);
        break;
    case REG_QUEUE_SEL:
        s->queue_select = v;
        break;
    case REG_QUEUE_NOTIFY:
        virtio_notify_queue(s->v, v);
        break;
    case REG_INTERRUPT_ACK:
        s->v->isr &= (uint8_t)~v;
        update_irq(s);
        break;
    case REG_STATUS:
        if (v & 0xff)
            virtio_set_status(s->v, (uint8_t)v);
        else
            reset_virtio(s);
        break;
    default:
        queue_write(s, offset, v);
    }
}

static const struct mem_ops mmio_ops = {
    .read = mmio_read, .write = mmio_write, .min_size = 1, .max_size = 4};

/* ---- slots ----------------------------------------------------------------------------------- */

static uint64_t empty_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque;
    (void)size;
    switch (offset % VIRTIO_MMIO_SIZE) {
    case REG_MAGIC:
        return MAGIC;
    case REG_VERSION:
        return VERSION;
    default:
        return 0; /* device ID 0: nothing is here */
    }
}

static void empty_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)opaque;
    (void)offset;
    (void)value;
    (void)size;
}

static const struct mem_ops empty_ops = {
    .read = empty_read, .write = empty_write, .min_size = 1, .max_size = 4};

void virtio_mmio_slots_init(struct virtio_mmio_slots *slots, struct mem_region *parent,
                            uint64_t base, unsigned count)
{
    slots->base = base;
    slots->count = count;
    mem_region_init_io(&slots->empty, "virtio-mmio", (uint64_t)VIRTIO_MMIO_SIZE * count, &empty_ops,
                       slots, NULL);
    mem_region_add(parent, base, &slots->empty, 0);
}

void virtio_mmio_slots_exit(struct virtio_mmio_slots *slots)
{
    if (slots->base)
        mem_region_remove(&slots->empty);
}

/* ---- life ------------------------------------------------------------------------------------ */

bool virtio_mmio_init(struct virtio_mmio *s, struct virtio *v, struct vemu_error **errp)
{
    struct virtio_mmio_slots *slots = s->slots;
    unsigned slot, taken = 0;

    if (!slots || !slots->base)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "this machine has no virtio-mmio slots; use the device's PCI form");
    do
        slot = slots->from_last ? slots->count - 1 - taken : taken;
    while (slots->devices[slot] && ++taken < slots->count);
    if (taken == slots->count)
        return error_set(errp, VEMU_ERROR_INVALID, "all %u virtio-mmio slots are taken",
                         slots->count);
    s->v = v;
    s->slot = slot;
    v->transport = &virtio_mmio_transport;
    slots->devices[slot] = &s->dev;
    mem_region_init_io(&s->region, "virtio-mmio-device", VIRTIO_MMIO_SIZE, &mmio_ops, s, &s->dev);
    mem_region_add(mem_space_root(device_memory(&s->dev)),
                   slots->base + (uint64_t)slot * VIRTIO_MMIO_SIZE, &s->region, 1);
    return true;
}

void virtio_mmio_exit(struct virtio_mmio *s)
{
    mem_region_remove(&s->region);
    s->v->isr = 0;
    update_irq(s);
    s->slots->devices[s->slot] = NULL;
}

void virtio_mmio_reset(struct virtio_mmio *s)
{
    reset_virtio(s);
}

bool virtio_mmio_post_load(struct virtio_mmio *s, struct vemu_error **errp)
{
    if (!virtio_post_load(s->v, errp))
        return false;
    update_irq(s);
    return true;
}

const struct state_field virtio_mmio_state[] = {
    STATE_INT(struct virtio_mmio, device_feature_select),
    STATE_INT(struct virtio_mmio, driver_feature_select),
    STATE_INT(struct virtio_mmio, queue_select),
    STATE_FIELDS_END,
};
