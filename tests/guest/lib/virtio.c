/* See virtio.h. */
#include "lib/virtio.h"

enum {
    PCI_ADDRESS = 0xcf8,
    PCI_DATA = 0xcfc,
    PCI_COMMAND = 0x04,
    PCI_BAR = 0x10,
    PCI_CAPABILITIES = 0x34,
    COMMAND_MEMORY_MASTER = 6,
    CAP_MSIX = 0x11,
    CAP_VENDOR = 0x09,
    MSIX_ENABLE = 1 << 15, /* in the upper half of the first register */
    MSIX_MASKED = 1,
    MSIX_CONTROL = 3, /* word of an entry */
};
/* struct virtio_pci_cap: type, BAR and offset; section 4.1.4 */
enum { CAP_TYPE_SHIFT = 24, TYPE_COMMON = 1, TYPE_NOTIFY = 2, TYPE_ISR = 3, CAP_STEP = 16 };
/* struct virtio_pci_common_cfg, section 4.1.4.3 */
enum {
    DRIVER_FEATURE_SELECT = 8,
    DRIVER_FEATURE = 12,
    DEVICE_STATUS = 20,
    QUEUE_SELECT = 22,
    QUEUE_SIZE = 24,
    QUEUE_VECTOR = 26,
    QUEUE_ENABLE = 28,
    QUEUE_NOTIFY_OFF = 30,
    QUEUE_DESC = 32,
    QUEUE_DRIVER = 40,
    QUEUE_DEVICE = 48,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, VERSION_1 = 1 /* bit 32 */ };
enum { DESC_WRITE = 2, NO_VECTOR = 0xffff };

struct virtio_ring {
    struct {
        u64 addr;
        u32 size;
        u16 flags, next;
    } desc[VIRTIO_RING];
    struct {
        u16 flags, index, ring[VIRTIO_RING], event;
    } avail;
    struct {
        u16 flags;
        volatile u16 index;
        struct {
            u32 id, size;
        } ring[VIRTIO_RING];
    } used __attribute__((aligned(4)));
};

/* ---- PCI ------------------------------------------------------------------------------------- */

static void pci_select(unsigned slot, unsigned reg)
{
    asm volatile("outl %0,%1" ::"a"(0x80000000u | slot << 11 | (reg & 0xfc)),
                 "Nd"((u16)PCI_ADDRESS));
}

static u32 pci_read(unsigned slot, unsigned reg)
{
    u32 v;
    pci_select(slot, reg);
    asm volatile("inl %1,%0" : "=a"(v) : "Nd"((u16)PCI_DATA));
    return v;
}

static void pci_write(unsigned slot, unsigned reg, u32 v)
{
    pci_select(slot, reg);
    asm volatile("outl %0,%1" ::"a"(v), "Nd"((u16)PCI_DATA));
}

/* Below 4 GiB, as firmware puts it for a machine this small. */
static volatile u8 *bar(const struct virtio *v, unsigned index)
{
    return (volatile u8 *)(ul)(pci_read(v->slot, PCI_BAR + 4 * index) & ~15u);
}

static void take_capability(struct virtio *v, unsigned cap)
{
    u32 head = pci_read(v->slot, cap);

    if ((head & 0xff) == CAP_MSIX) {
        u32 table = pci_read(v->slot, cap + 4);
        v->msix_cap = cap;
        v->msix_table = (volatile u32 *)(bar(v, table & 7) + (table & ~7u));
    } else if ((head & 0xff) == CAP_VENDOR) {
        unsigned type = head >> CAP_TYPE_SHIFT;
        volatile u8 **part = type == TYPE_COMMON   ? &v->common
                             : type == TYPE_NOTIFY ? &v->notify
                             : type == TYPE_ISR    ? &v->isr
                                                   : NULL;
        if (!part || *part) /* the first of a type is the preferred one */
            return;
        *part = bar(v, pci_read(v->slot, cap + 4) & 0xff) + pci_read(v->slot, cap + 8);
        if (type == TYPE_NOTIFY)
            v->notify_step = pci_read(v->slot, cap + CAP_STEP);
    }
}

bool virtio_find(struct virtio *v, u16 device_id)
{
    u32 id = (u32)device_id << 16 | 0x1af4;

    memset(v, 0, sizeof *v);
    while (v->slot < 32 && pci_read(v->slot, 0) != id)
        v->slot++;
    if (v->slot == 32)
        return false;
    unsigned cap = pci_read(v->slot, PCI_CAPABILITIES) & 0xfc;
    for (unsigned n = 0; cap && n < 48; n++) {
        take_capability(v, cap);
        cap = pci_read(v->slot, cap) >> 8 & 0xfc;
    }
    pci_write(v->slot, PCI_COMMAND,
              (pci_read(v->slot, PCI_COMMAND) & 0xffff) | COMMAND_MEMORY_MASTER);
    return v->common && v->notify && v->isr;
}

/* ---- the device ------------------------------------------------------------------------------ */

static void put8(const struct virtio *v, unsigned reg, u8 value)
{
    v->common[reg] = value;
}
static void put16(const struct virtio *v, unsigned reg, u16 value)
{
    *(volatile u16 *)(v->common + reg) = value;
}
static u16 get16(const struct virtio *v, unsigned reg)
{
    return *(volatile u16 *)(v->common + reg);
}
static void put32(const struct virtio *v, unsigned reg, u32 value)
{
    *(volatile u32 *)(v->common + reg) = value;
}
static void put_address(const struct virtio *v, unsigned reg, const volatile void *p)
{
    put32(v, reg, (u32)(ul)p);
    put32(v, reg + 4, 0);
}

void virtio_stop(struct virtio *v)
{
    put8(v, DEVICE_STATUS, 0);
    while (v->common[DEVICE_STATUS]) /* section 4.1.4.3.2: until it is done */
        ;
}

static void msix_switch(const struct virtio *v, bool on)
{
    u32 head = pci_read(v->slot, v->msix_cap);

    pci_write(v->slot, v->msix_cap,
              on ? head | (u32)MSIX_ENABLE << 16 : head & ~((u32)MSIX_ENABLE << 16));
}

void virtio_message_set(struct virtio *v, u8 vector)
{
    v->msix_table[0] = 0xfee00000; /* APIC ID 0 */
    v->msix_table[1] = 0;
    v->msix_table[2] = vector;
}

void virtio_message_mask(struct virtio *v, bool masked)
{
    v->msix_table[MSIX_CONTROL] = masked ? MSIX_MASKED : 0;
}

bool virtio_message_pending(struct virtio *v)
{
    u32 pba = pci_read(v->slot, v->msix_cap + 8);

    /* In words of 32 bits, or 64: others are not allowed. */
    return *(volatile u32 *)(bar(v, pba & 7) + (pba & ~7u)) & 1;
}

bool virtio_start(struct virtio *v, u8 vector)
{
    virtio_stop(v);
    if (vector && !v->msix_table)
        return false;
    if (v->msix_table)
        msix_switch(v, vector);
    if (vector) {
        virtio_message_set(v, vector);
        virtio_message_mask(v, false);
    }
    put8(v, DEVICE_STATUS, ACKNOWLEDGE | DRIVER);
    put32(v, DRIVER_FEATURE_SELECT, 0);
    put32(v, DRIVER_FEATURE, 0);
    put32(v, DRIVER_FEATURE_SELECT, 1);
    put32(v, DRIVER_FEATURE, VERSION_1);
    put8(v, DEVICE_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
    put16(v, QUEUE_SELECT, 0);
    if (!(v->common[DEVICE_STATUS] & FEATURES_OK))
        return false;
    if (get16(v, QUEUE_SIZE) < VIRTIO_RING)
        return false;
    put16(v, QUEUE_SIZE, VIRTIO_RING);
    v->ring = page_alloc();
    v->sent = 0;
    put16(v, QUEUE_VECTOR, vector ? 0 : NO_VECTOR);
    put_address(v, QUEUE_DESC, &v->ring->desc);
    put_address(v, QUEUE_DRIVER, &v->ring->avail);
    put_address(v, QUEUE_DEVICE, &v->ring->used);
    v->doorbell = (volatile u16 *)(v->notify + get16(v, QUEUE_NOTIFY_OFF) * v->notify_step);
    put16(v, QUEUE_ENABLE, 1);
    put8(v, DEVICE_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    return true;
}

/* ---- the queue ------------------------------------------------------------------------------- */

void virtio_send(struct virtio *v, void *buffer, u32 size)
{
    struct virtio_ring *r = v->ring;
    u16 n = v->sent % VIRTIO_RING;

    r->desc[n].addr = (ul)buffer;
    r->desc[n].size = size;
    r->desc[n].flags = DESC_WRITE;
    r->avail.ring[n] = n;
    barrier(); /* this processor's stores are seen in their order */
    *(volatile u16 *)&r->avail.index = ++v->sent;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

u16 virtio_answered(const struct virtio *v)
{
    return v->ring->used.index;
}

u32 virtio_answer_size(const struct virtio *v, u16 number)
{
    barrier();
    return v->ring->used.ring[number % VIRTIO_RING].size;
}
