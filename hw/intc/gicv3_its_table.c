/* The ITS's tables in the guest's memory. See gicv3_its.h. */
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/intc/gicv3_its_internal.h"

enum {
    BASER_SIZE = 0xff, /* pages less one */
    BASER_PAGE_SHIFT = 8,
};
#define BASER_ADDRESS UINT64_C(0xfffffffff000)
#define LEVEL1_ADDRESS UINT64_C(0xffffffffff000)

static bool read_entry(struct gicv3_its *s, uint64_t addr, uint64_t *entry)
{
    uint8_t bytes[ITS_ENTRY];

    if (dma_read(device_memory(&s->dev), &s->dev, addr, bytes, sizeof bytes) != MEM_OK)
        return false;
    *entry = load_le64(bytes);
    return true;
}

static bool write_entry(struct gicv3_its *s, uint64_t addr, uint64_t entry)
{
    uint8_t bytes[ITS_ENTRY];

    store_le64(bytes, entry);
    return dma_write(device_memory(&s->dev), &s->dev, addr, bytes, sizeof bytes) == MEM_OK;
}

static uint64_t page_size(uint64_t baser)
{
    static const uint32_t sizes[] = {4 << 10, 16 << 10, 64 << 10, 64 << 10};
    return sizes[baser >> BASER_PAGE_SHIFT & 3];
}

static uint64_t table_address(uint64_t baser)
{
    uint64_t addr = baser & BASER_ADDRESS, page = page_size(baser);

    /* Of 64 KiB pages bits 15-12 are the upper ones of a 52-bit address. */
    if (page == 64 << 10)
        addr |= (addr >> 12 & 15) << 48;
    return align_down(addr, page);
}

/* Where the entry of that number is. */
static bool locate(struct gicv3_its *s, enum its_table table, uint32_t id, uint64_t *addr)
{
    uint64_t baser = s->baser[table], page = page_size(baser), per_page = page / ITS_ENTRY;
    uint64_t entries = ((baser & BASER_SIZE) + 1) * per_page, base = table_address(baser), level1;

    if (!(baser & ITS_VALID))
        return false;
    if (!(baser & ITS_BASER_INDIRECT)) {
        *addr = base + (uint64_t)id * ITS_ENTRY;
        return id < entries;
    }
    if (id / per_page >= entries || !read_entry(s, base + id / per_page * ITS_ENTRY, &level1) ||
        !(level1 & ITS_VALID))
        return false;
    *addr = align_down(level1 & LEVEL1_ADDRESS, page) + id % per_page * ITS_ENTRY;
    return true;
}

bool its_write_entry(struct gicv3_its *s, enum its_table table, uint32_t id, uint64_t entry)
{
    uint64_t addr;
    return locate(s, table, id, &addr) && write_entry(s, addr, entry);
}

bool its_read_device(struct gicv3_its *s, uint32_t id, struct its_device *device)
{
    uint64_t addr, entry;

    if (id >> ITS_DEVICE_BITS || !locate(s, ITS_DEVICES, id, &addr) ||
        !read_entry(s, addr, &entry) || !(entry & ITS_VALID))
        return false;
    *device = (struct its_device){.itt = entry & ITS_ITT_ADDRESS,
                                  .events = 2u << MIN(entry & 0x1f, ITS_EVENT_BITS - 1u)};
    return true;
}

bool its_read_event(struct gicv3_its *s, const struct its_device *device, uint32_t id,
                    struct its_event *event)
{
    uint64_t entry;

    if (id >= device->events || !read_entry(s, device->itt + (uint64_t)id * ITS_ENTRY, &entry) ||
        !(entry & ITS_VALID) || !gicv3_is_lpi(entry & 0xffff))
        return false;
    *event = (struct its_event){.intid = (uint16_t)entry, .collection = (uint16_t)(entry >> 16)};
    return true;
}

bool its_write_event(struct gicv3_its *s, const struct its_device *device, uint32_t id,
                     uint64_t entry)
{
    return id < device->events && write_entry(s, device->itt + (uint64_t)id * ITS_ENTRY, entry);
}

struct gicv3_cpu *its_read_collection(struct gicv3_its *s, uint32_t id)
{
    uint64_t addr, entry;

    if (!locate(s, ITS_COLLECTIONS, id, &addr) || !read_entry(s, addr, &entry) ||
        !(entry & ITS_VALID) || (entry & 0xffff) >= s->gic->cfg.cpu_count)
        return NULL;
    return &s->gic->cpu[entry & 0xffff];
}

bool its_translate(struct gicv3_its *s, uint32_t device_id, uint32_t event_id, bool pending)
{
    struct its_device device;
    struct its_event event;
    struct gicv3_cpu *target;

    if (!(s->ctlr & ITS_CTLR_ENABLED) || !its_read_device(s, device_id, &device) ||
        !its_read_event(s, &device, event_id, &event))
        return false;
    target = its_read_collection(s, event.collection);
    if (!target)
        return false;
    gicv3_lpi_set(target, event.intid, pending);
    return true;
}
