/* Virtio over PCI: see virtio_pci.h. */
#include "hw/virtio/virtio_pci.h"

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"

/* Legacy registers, in BAR 0. Configuration space follows, behind the two vectors with MSI-X. */
enum {
    LEGACY_HOST_FEATURES = 0,
    LEGACY_GUEST_FEATURES = 4,
    LEGACY_QUEUE_PFN = 8,
    LEGACY_QUEUE_NUM = 12,
    LEGACY_QUEUE_SEL = 14,
    LEGACY_QUEUE_NOTIFY = 16,
    LEGACY_STATUS = 18,
    LEGACY_ISR = 19,
    LEGACY_CONFIG_VECTOR = 20,
    LEGACY_QUEUE_VECTOR = 22,
    LEGACY_CONFIG = 20,
    LEGACY_CONFIG_MSIX = 24,
    LEGACY_PAGE = 4096, /* unit of queue addresses */
};
/* Parts of the modern registers. */
enum {
    MODERN_COMMON = 0x0000,
    MODERN_ISR = 0x1000,
    MODERN_CONFIG = 0x2000,
    MODERN_NOTIFY = 0x3000,
    MODERN_PART = 0x1000,
    MODERN_BAR = 4,
    MSIX_BAR = 1,
    NOTIFY_MULTIPLIER = 4,
};
/* struct virtio_pci_common_cfg */
enum {
    COMMON_DEVICE_FEATURE_SELECT = 0x00,
    COMMON_DEVICE_FEATURE = 0x04,
    COMMON_DRIVER_FEATURE_SELECT = 0x08,
    COMMON_DRIVER_FEATURE = 0x0c,
    COMMON_CONFIG_VECTOR = 0x10,
    COMMON_NUM_QUEUES = 0x12,
    COMMON_STATUS = 0x14,
    COMMON_GENERATION = 0x15,
    COMMON_QUEUE_SELECT = 0x16,
    COMMON_QUEUE_SIZE = 0x18,
    COMMON_QUEUE_VECTOR = 0x1a,
    COMMON_QUEUE_ENABLE = 0x1c,
    COMMON_QUEUE_NOTIFY_OFF = 0x1e,
    COMMON_QUEUE_DESC = 0x20,
    COMMON_QUEUE_DRIVER = 0x28,
    COMMON_QUEUE_DEVICE = 0x30,
    COMMON_SIZE = 0x38,
};
/* struct virtio_pci_cap and its types. */
enum {
    CAP_VENDOR = 0x09,
    CAP_LENGTH = 2,
    CAP_TYPE = 3,
    CAP_BAR = 4,
    CAP_OFFSET = 8,
    CAP_PART_LENGTH = 12,
    CAP_SIZE = 16,
    CAP_EXTRA = 16, /* notify: the multiplier; PCI access: the data */
    CAP_SIZE_EXTRA = 20,
    CAP_COMMON = 1,
    CAP_NOTIFY = 2,
    CAP_ISR = 3,
    CAP_DEVICE = 4,
    CAP_PCI_ACCESS = 5,
};
enum { MODERN_DEVICE_ID = 0x1040, MODERN_REVISION = 1, MODERN_SUBSYSTEM = 0x1100 };

const char *const virtio_pci_choices[] = {"auto", "on", "off", NULL};

static struct virtio_pci *from_virtio(const struct virtio *v)
{
    return container_of(v->dev, struct virtio_pci, pci.dev);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static void interrupt(struct virtio *v, struct virtq *q)
{
    struct virtio_pci *s = from_virtio(v);
    uint16_t vector = q ? q->vector : v->config_vector;

    if (!pci_msix_enabled(&s->pci))
        pci_set_intx(&s->pci, 1);
    else if (vector != VIRTIO_NO_VECTOR)
        pci_msix_notify(&s->pci, vector);
}

static bool may_dma(const struct virtio *v)
{
    return pci_may_dma(&from_virtio(v)->pci);
}

static struct mem_region *place_doorbell(struct virtio *v, const struct virtq *q,
                                         struct mem_doorbell *at)
{
    struct virtio_pci *s = from_virtio(v);
    bool modern = virtio_has(v, VIRTIO_F_VERSION_1);

    /* Drivers write the queue's number, of 16 bits, in either interface; in the modern one each
     * queue has a register of its own. */
    at->size = 2;
    at->match = !modern;
    at->value = q->index;
    at->offset =
        modern ? MODERN_NOTIFY + (uint64_t)q->index * NOTIFY_MULTIPLIER : LEGACY_QUEUE_NOTIFY;
    return modern ? &s->modern : &s->legacy;
}

const struct virtio_transport virtio_pci_transport = {
    .interrupt = interrupt, .may_dma = may_dma, .place_doorbell = place_doorbell};

static uint8_t take_isr(struct virtio_pci *s)
{
    uint8_t isr = s->v->isr;

    s->v->isr = 0;
    pci_set_intx(&s->pci, 0);
    return isr;
}

/* A vector that is not there reads back as none: so drivers see that they cannot have it. */
static uint16_t usable_vector(const struct virtio_pci *s, uint32_t vector)
{
    return vector < s->msix.vectors ? (uint16_t)vector : VIRTIO_NO_VECTOR;
}

/* ---- what both interfaces do ----------------------------------------------------------------- */

static struct virtq *selected(struct virtio_pci *s)
{
    return s->queue_select < s->v->queue_count ? &s->v->queues[s->queue_select] : NULL;
}

static void reset_virtio(struct virtio_pci *s)
{
    virtio_reset(s->v);
    s->device_feature_select = s->driver_feature_select = 0;
    s->queue_select = 0;
    pci_set_intx(&s->pci, 0);
}

static void set_status(struct virtio_pci *s, uint8_t status)
{
    if (status)
        virtio_set_status(s->v, status);
    else
        reset_virtio(s);
}

/* ---- legacy ---------------------------------------------------------------------------------- */

static uint32_t legacy_config_offset(const struct virtio_pci *s)
{
    return pci_msix_enabled(&s->pci) ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG;
}

static uint64_t legacy_read(void *opaque, uint64_t offset, unsigned size)
{
    struct virtio_pci *s = opaque;
    struct virtq *q = selected(s);

    if (offset >= legacy_config_offset(s))
        return virtio_config_read(s->v, (uint32_t)offset - legacy_config_offset(s), size);
    switch (offset) {
    case LEGACY_HOST_FEATURES:
        return virtio_offered(s->v, true);
    case LEGACY_GUEST_FEATURES:
        return (uint32_t)s->v->guest_features;
    case LEGACY_QUEUE_PFN:
        return q && q->enabled ? q->desc / LEGACY_PAGE : 0;
    case LEGACY_QUEUE_NUM:
        return q ? q->size : 0;
    case LEGACY_QUEUE_SEL:
        return s->queue_select;
    case LEGACY_STATUS:
        return s->v->status;
    case LEGACY_ISR:
        return take_isr(s);
    case LEGACY_CONFIG_VECTOR:
        return s->v->config_vector;
    case LEGACY_QUEUE_VECTOR:
        return q ? q->vector : VIRTIO_NO_VECTOR;
    default:
        return mask_bits(8 * size);
    }
}

static void legacy_set_status(struct virtio_pci *s, uint8_t status)
{
    /* Old drivers do not switch bus mastering on, and were never stopped by that. */
    if ((status & VIRTIO_STATUS_DRIVER_OK) && !may_dma(s->v))
        s->pci.config[PCI_COMMAND] |= PCI_COMMAND_MASTER;
    set_status(s, status & (uint8_t)~VIRTIO_STATUS_FEATURES_OK);
}

static void legacy_set_pfn(struct virtio_pci *s, uint32_t pfn)
{
    struct virtq *q = selected(s);

    if (!pfn) {
        reset_virtio(s);
    } else if (q && !q->enabled) {
        virtq_set_legacy(q, (uint64_t)pfn * LEGACY_PAGE, LEGACY_PAGE);
        virtq_enable(q);
    }
}

static void legacy_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct virtio_pci *s = opaque;
    struct virtq *q = selected(s);

    if (offset >= legacy_config_offset(s)) {
        virtio_config_write(s->v, (uint32_t)offset - legacy_config_offset(s), (uint32_t)value,
                            size);
        return;
    }
    switch (offset) {
    case LEGACY_GUEST_FEATURES:
        virtio_set_features(s->v, 0, (uint32_t)value, true);
        break;
    case LEGACY_QUEUE_PFN:
        legacy_set_pfn(s, (uint32_t)value);
        break;
    case LEGACY_QUEUE_SEL:
        s->queue_select = (uint16_t)value;
        break;
    case LEGACY_QUEUE_NOTIFY:
        virtio_notify_queue(s->v, (unsigned)value);
        break;
    case LEGACY_STATUS:
        legacy_set_status(s, (uint8_t)value);
        break;
    case LEGACY_CONFIG_VECTOR:
        s->v->config_vector = usable_vector(s, (uint32_t)value);
        break;
    case LEGACY_QUEUE_VECTOR:
        if (q)
            q->vector = usable_vector(s, (uint32_t)value);
        break;
    default:
        guest_error(&s->pci, "%s: write to read-only register 0x%x", s->pci.dev.cls->name,
                    (unsigned)offset);
    }
}

static const struct mem_ops legacy_ops = {
    .read = legacy_read, .write = legacy_write, .min_size = 1, .max_size = 4, .unaligned = true};

/* ---- modern ---------------------------------------------------------------------------------- */

static uint32_t common_read(struct virtio_pci *s, uint32_t offset, unsigned size)
{
    const struct virtio *v = s->v;
    const struct virtq *q = selected(s);
    uint64_t offered = virtio_offered(v, false);
    uint8_t regs[COMMON_SIZE] = {0};

    if (!range_fits(offset, size, sizeof regs))
        return 0;
    store_le32(regs + COMMON_DEVICE_FEATURE_SELECT, s->device_feature_select);
    if (s->device_feature_select < 2)
        store_le32(regs + COMMON_DEVICE_FEATURE,
                   (uint32_t)(offered >> 32 * s->device_feature_select));
    store_le32(regs + COMMON_DRIVER_FEATURE_SELECT, s->driver_feature_select);
    if (s->driver_feature_select < 2)
        store_le32(regs + COMMON_DRIVER_FEATURE,
                   (uint32_t)(v->guest_features >> 32 * s->driver_feature_select));
    store_le16(regs + COMMON_CONFIG_VECTOR, v->config_vector);
    store_le16(regs + COMMON_NUM_QUEUES, (uint16_t)v->queue_count);
    regs[COMMON_STATUS] = v->status;
    regs[COMMON_GENERATION] = v->generation;
    store_le16(regs + COMMON_QUEUE_SELECT, s->queue_select);
    if (q) {
        store_le16(regs + COMMON_QUEUE_SIZE, q->size);
        store_le16(regs + COMMON_QUEUE_VECTOR, q->vector);
        store_le16(regs + COMMON_QUEUE_ENABLE, q->enabled);
        store_le16(regs + COMMON_QUEUE_NOTIFY_OFF, q->index);
        store_le64(regs + COMMON_QUEUE_DESC, q->desc);
        store_le64(regs + COMMON_QUEUE_DRIVER, q->driver);
        store_le64(regs + COMMON_QUEUE_DEVICE, q->device);
    }
    return (uint32_t)load_le(regs + offset, size);
}

/* One half of a queue's address; only before it is enabled. */
static void set_address(struct virtq *q, uint32_t offset, uint32_t value)
{
    uint64_t *const parts[] = {&q->desc, &q->driver, &q->device};
    uint64_t *part = parts[(offset - COMMON_QUEUE_DESC) / 8];
    unsigned shift = offset & 4 ? 32 : 0;

    if (!q->enabled)
        *part = (*part & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

static void queue_write(struct virtio_pci *s, uint32_t offset, uint32_t value)
{
    struct virtq *q = selected(s);

    if (!q)
        return;
    switch (offset) {
    case COMMON_QUEUE_SIZE:
        if (!q->enabled && value && value <= q->size_max && !(value & (value - 1)))
            q->size = (uint16_t)value;
        else
            guest_error(&s->pci, "%s: queue %u cannot have size %u", s->pci.dev.cls->name, q->index,
                        value);
        break;
    case COMMON_QUEUE_VECTOR:
        q->vector = usable_vector(s, value);
        break;
    case COMMON_QUEUE_ENABLE:
        /* 0 is not for drivers: only a reset disables a queue. */
        if (value == 1 && !q->enabled)
            virtq_enable(q);
        break;
    default:
        set_address(q, offset, value);
    }
}

static void common_write(struct virtio_pci *s, uint32_t offset, uint32_t value, unsigned size)
{
    static const uint8_t sizes[COMMON_SIZE] = {
        [COMMON_DEVICE_FEATURE_SELECT] = 4,
        [COMMON_DRIVER_FEATURE_SELECT] = 4,
        [COMMON_DRIVER_FEATURE] = 4,
        [COMMON_CONFIG_VECTOR] = 2,
        [COMMON_STATUS] = 1,
        [COMMON_QUEUE_SELECT] = 2,
        [COMMON_QUEUE_SIZE] = 2,
        [COMMON_QUEUE_VECTOR] = 2,
        [COMMON_QUEUE_ENABLE] = 2,
        [COMMON_QUEUE_DESC] = 4,
        [COMMON_QUEUE_DESC + 4] = 4,
        [COMMON_QUEUE_DRIVER] = 4,
        [COMMON_QUEUE_DRIVER + 4] = 4,
        [COMMON_QUEUE_DEVICE] = 4,
        [COMMON_QUEUE_DEVICE + 4] = 4,
    };

    if (offset >= COMMON_SIZE || sizes[offset] != size) {
        guest_error(&s->pci, "%s: write of %u bytes to 0x%x of the common configuration",
                    s->pci.dev.cls->name, size, offset);
        return;
    }
    switch (offset) {
    case COMMON_DEVICE_FEATURE_SELECT:
        s->device_feature_select = value;
        break;
    case COMMON_DRIVER_FEATURE_SELECT:
        s->driver_feature_select = value;
        break;
    case COMMON_DRIVER_FEATURE:
        virtio_set_features(s->v, s->driver_feature_select, value, false);
        break;
    case COMMON_CONFIG_VECTOR:
        s->v->config_vector = usable_vector(s, value);
        break;
    case COMMON_STATUS:
        set_status(s, (uint8_t)value);
        break;
    case COMMON_QUEUE_SELECT:
        s->queue_select = (uint16_t)value;
        break;
    default:
        queue_write(s, offset, value);
    }
}

static uint64_t modern_read(void *opaque, uint64_t offset, unsigned size)
{
    struct virtio_pci *s = opaque;
    uint32_t in_part = (uint32_t)offset % MODERN_PART;

    switch (offset - in_part) {
    case MODERN_COMMON:
        return common_read(s, in_part, size);
    case MODERN_ISR:
        return in_part ? 0 : take_isr(s);
    case MODERN_CONFIG:
        return virtio_config_read(s->v, in_part, size);
    default:
        return 0;
    }
}

static void modern_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct virtio_pci *s = opaque;
    uint32_t in_part = (uint32_t)offset % MODERN_PART;

    switch (offset - in_part) {
    case MODERN_COMMON:
        common_write(s, in_part, (uint32_t)value, size);
        break;
    case MODERN_CONFIG:
        virtio_config_write(s->v, in_part, (uint32_t)value, size);
        break;
    case MODERN_NOTIFY:
        virtio_notify_queue(s->v, in_part / NOTIFY_MULTIPLIER);
        break;
    default:
        break;
    }
}

static const struct mem_ops modern_ops = {
    .read = modern_read, .write = modern_write, .min_size = 1, .max_size = 4};

/* ---- access through configuration space ------------------------------------------------------ */

/* What the capability points at now; false: nothing that can be accessed. */
static bool cfg_target(const struct virtio_pci *s, uint32_t *offset, uint32_t *length)
{
    const uint8_t *cap = s->pci.config + s->cfg_cap;

    *offset = load_le32(cap + CAP_OFFSET);
    *length = load_le32(cap + CAP_PART_LENGTH);
    if (cap[CAP_BAR] != s->modern_bar || *offset < s->modern_offset)
        return false;
    *offset -= s->modern_offset;
    return (*length == 1 || *length == 2 || *length == 4) && *offset % *length == 0 &&
           range_fits(*offset, *length, VIRTIO_PCI_MODERN_SIZE);
}

static bool touches_cfg_data(const struct virtio_pci *s, uint32_t offset, uint32_t size)
{
    /* A reset and a load come as one large write. */
    return s->cfg_cap && size <= 4 && range_overlaps(offset, size, s->cfg_cap + CAP_EXTRA, 4);
}

static void config_read(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct virtio_pci *s = (struct virtio_pci *)pci;
    uint32_t target, length;

    if (touches_cfg_data(s, offset, size) && cfg_target(s, &target, &length))
        store_le(pci->config + s->cfg_cap + CAP_EXTRA, modern_read(s, target, length), length);
}

static void config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct virtio_pci *s = (struct virtio_pci *)pci;
    uint32_t target, length;

    if (touches_cfg_data(s, offset, size) && cfg_target(s, &target, &length))
        modern_write(s, target, load_le(pci->config + s->cfg_cap + CAP_EXTRA, length), length);
}

/* ---- life ------------------------------------------------------------------------------------ */

static uint8_t add_cap(struct virtio_pci *s, uint8_t type, uint32_t offset, uint32_t length)
{
    bool extra = type == CAP_NOTIFY || type == CAP_PCI_ACCESS;
    uint8_t size = extra ? CAP_SIZE_EXTRA : CAP_SIZE;
    uint8_t at = pci_add_capability(&s->pci, CAP_VENDOR, size);
    uint8_t *cap = s->pci.config + at;

    if (!at)
        return 0;
    cap[CAP_LENGTH] = size;
    cap[CAP_TYPE] = type;
    cap[CAP_BAR] = type == CAP_PCI_ACCESS ? 0 : s->modern_bar;
    store_le32(cap + CAP_OFFSET, type == CAP_PCI_ACCESS ? 0 : s->modern_offset + offset);
    store_le32(cap + CAP_PART_LENGTH, length);
    if (type == CAP_NOTIFY)
        store_le32(cap + CAP_EXTRA, NOTIFY_MULTIPLIER);
    if (type == CAP_PCI_ACCESS) {
        uint8_t *wmask = s->pci.wmask + at;
        wmask[CAP_BAR] = 0xff;
        store_le32(wmask + CAP_OFFSET, UINT32_MAX);
        store_le32(wmask + CAP_PART_LENGTH, UINT32_MAX);
        store_le32(wmask + CAP_EXTRA, UINT32_MAX);
    }
    return at;
}

static bool init_modern(struct virtio_pci *s, const struct virtio_pci_ident *ident)
{
    s->modern_bar = ident->modern_bar ? ident->modern_bar : MODERN_BAR;
    s->modern_offset = ident->modern_offset;
    mem_region_init_io(&s->modern, "virtio-modern", VIRTIO_PCI_MODERN_SIZE, &modern_ops, s,
                       &s->pci.dev);
    if (!s->modern_offset)
        pci_bar_add(&s->pci, s->modern_bar, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &s->modern);
    s->cfg_cap = add_cap(s, CAP_PCI_ACCESS, 0, 0);
    s->pci.config_read = config_read;
    s->pci.config_written = config_written;
    return s->cfg_cap && add_cap(s, CAP_NOTIFY, MODERN_NOTIFY, MODERN_PART) &&
           add_cap(s, CAP_DEVICE, MODERN_CONFIG, MODERN_PART) &&
           add_cap(s, CAP_ISR, MODERN_ISR, MODERN_PART) &&
           add_cap(s, CAP_COMMON, MODERN_COMMON, MODERN_PART);
}

static void init_legacy(struct virtio_pci *s)
{
    uint64_t size = 16;

    while (size < LEGACY_CONFIG_MSIX + s->v->config_size)
        size *= 2;
    mem_region_init_io(&s->legacy, "virtio-legacy", size, &legacy_ops, s, &s->pci.dev);
    pci_bar_add(&s->pci, 0, PCI_BAR_IO, &s->legacy);
}

bool virtio_pci_init(struct virtio_pci *s, struct virtio *v, const struct virtio_pci_ident *ident,
                     struct vemu_error **errp)
{
    bool legacy = ident->legacy_device && s->disable_legacy != VIRTIO_PCI_ON, ok = true;
    struct pci_ident id = {.vendor = PCI_VENDOR_VIRTIO,
                           .device = legacy ? ident->legacy_device
                                            : (uint16_t)(MODERN_DEVICE_ID + v->cls->id),
                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                           .subsystem = legacy ? v->cls->id : MODERN_SUBSYSTEM,
                           .class_code = ident->class_code,
                           .revision = legacy ? 0 : MODERN_REVISION,
                           .interrupt_pin = 1};
    unsigned vectors = s->vectors;

    if (!legacy && s->disable_modern)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "disable-legacy=on and disable-modern=on leave no interface; use one of "
                         "the two");
    if (vectors == VIRTIO_PCI_VECTORS_AUTO)
        vectors = v->queue_count + 1;
    if (vectors > PCI_MSIX_VECTORS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "vectors=%u is more than there can be; use a number up to %d", vectors,
                         PCI_MSIX_VECTORS_MAX);
    s->v = v;
    v->transport = &virtio_pci_transport;
    if (s->disable_modern)
        v->host_features &= ~VIRTIO_BIT(VIRTIO_F_VERSION_1);
    if (!pci_device_init(&s->pci, &id, errp))
        return false;
    if (!s->disable_modern)
        ok = init_modern(s, ident);
    if (ok && vectors) {
        uint8_t bar = ident->msix_bar ? ident->msix_bar : MSIX_BAR;
        ok = pci_msix_add(&s->pci, &s->msix, vectors, bar, 0);
        if (ok)
            pci_bar_add(&s->pci, bar, PCI_BAR_MEM32, &s->msix.region);
        if (ok && s->irqfd)
            pci_msix_use_wires(&s->msix);
    }
    if (legacy)
        init_legacy(s);
    if (ok)
        return true;
    pci_device_exit(&s->pci);
    return error_set(errp, VEMU_ERROR_INVALID, "no room for its capabilities");
}

void virtio_pci_exit(struct virtio_pci *s)
{
    pci_device_exit(&s->pci);
}

void virtio_pci_reset(struct virtio_pci *s)
{
    reset_virtio(s);
    pci_device_reset(&s->pci);
}

bool virtio_pci_post_load(struct virtio_pci *s, struct vemu_error **errp)
{
    return pci_device_post_load(&s->pci, errp) && virtio_post_load(s->v, errp);
}

const struct state_field virtio_pci_state[] = {
    STATE_PCI(struct virtio_pci, pci),
    STATE_MSIX(struct virtio_pci, msix),
    STATE_INT(struct virtio_pci, device_feature_select),
    STATE_INT(struct virtio_pci, driver_feature_select),
    STATE_INT(struct virtio_pci, queue_select),
    STATE_FIELDS_END,
};
