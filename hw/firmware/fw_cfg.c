/* fw_cfg; see fw_cfg.h. */
#include "hw/firmware/fw_cfg.h"

#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/range.h"

enum { PORT_SELECTOR = 0, PORT_DATA = 1, PORT_DMA = 4, PORTS = 12 };
enum { MMIO_DATA = 0, MMIO_SELECTOR = 8, MMIO_DMA = 16 };
enum { DMA_HIGH = 0, DMA_LOW = 4, DMA_REGISTER = 8 };
enum { KEY_WRITE = 0x4000, KEY_ARCH = 0x8000, KEY_INVALID = 0xffff };
enum { ID_TRADITIONAL = 1, ID_DMA = 2 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };
enum { DMA_CHUNK = 4096, DIR_ENTRY = 8 + FW_CFG_FILE_NAME };
#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) /* "QEMU CFG" */

struct item {
    const uint8_t *data;
    uint8_t *owned;
    uint32_t len;
    void (*update)(void *opaque); /* before it is read from its start */
    uint8_t *writable;            /* data, when the guest may write it */
    void (*written)(void *opaque);
    void *opaque;
};

struct fw_cfg {
    struct device dev;
    struct fw_cfg_config cfg;
    struct mem_region region;
    struct item items[FW_CFG_KEYS + FW_CFG_ARCH_KEYS];
    uint8_t directory[4 + FW_CFG_FILE_SLOTS * DIR_ENTRY];
    unsigned files;
    uint16_t selected;
    uint32_t offset; /* next byte of the selected item */
    uint64_t dma_address;
};

static struct item *find_item(struct fw_cfg *s, uint16_t key)
{
    key &= (uint16_t)~KEY_WRITE;
    if (key & KEY_ARCH) {
        key &= (uint16_t)~KEY_ARCH;
        return key < FW_CFG_ARCH_KEYS ? &s->items[FW_CFG_KEYS + key] : NULL;
    }
    return key < FW_CFG_KEYS ? &s->items[key] : NULL;
}

static void select_item(struct fw_cfg *s, uint16_t key)
{
    const struct item *item = find_item(s, key);
    s->selected = key;
    s->offset = 0;
    if (item && item->update)
        item->update(item->opaque);
}

/* What is left of the selected item; *data: where it starts. */
static uint32_t remaining(struct fw_cfg *s, const uint8_t **data)
{
    const struct item *item = find_item(s, s->selected);
    if (!item || s->offset >= item->len)
        return 0;
    *data = item->data + s->offset;
    return item->len - s->offset;
}

/* ---- DMA ------------------------------------------------------------------------------------- */

/* Items end where they end: bytes beyond read as zero, and a length of 4 GiB costs no more than
 * the fill of guest memory it names. */
static bool dma_read_item(struct fw_cfg *s, uint64_t address, uint32_t len)
{
    struct mem_space *memory = device_memory(&s->dev);
    const uint8_t *data = NULL;
    uint32_t have = MIN(remaining(s, &data), len);

    if (have && dma_write(memory, &s->dev, address, data, have) != MEM_OK)
        return false;
    s->offset += have;
    address += have;
    for (uint32_t left = len - have; left;) {
        uint32_t n = MIN(left, (uint32_t)DMA_CHUNK);
        /* Stops at the first address that is no memory, so a hostile length ends soon. */
        if (dma_fill(memory, &s->dev, address, 0, n) != MEM_OK)
            return false;
        address += n;
        left -= n;
    }
    return true;
}

/* All of it, or nothing: what does not fit in the item is refused. */
static bool dma_write_item(struct fw_cfg *s, uint64_t address, uint32_t len)
{
    const struct item *item = find_item(s, s->selected);
    const uint8_t *data;

    if (!item || !item->writable || len > remaining(s, &data) ||
        dma_read(device_memory(&s->dev), &s->dev, address, item->writable + s->offset, len) !=
            MEM_OK)
        return false;
    s->offset += len;
    item->written(item->opaque);
    return true;
}

static void dma_run(struct fw_cfg *s)
{
    struct mem_space *memory = device_memory(&s->dev);
    uint64_t at = s->dma_address;
    uint8_t desc[16], status[4];
    s->dma_address = 0;

    if (dma_read(memory, &s->dev, at, desc, sizeof desc) != MEM_OK) {
        guest_error(s, "fw_cfg: DMA descriptor at 0x%llx is not in memory", (unsigned long long)at);
        return;
    }
    uint32_t control = load_be32(desc), len = load_be32(desc + 4);
    uint64_t address = load_be64(desc + 8);
    bool ok = true;

    if (control & DMA_SELECT)
        select_item(s, (uint16_t)(control >> 16));
    if (control & DMA_READ) {
        ok = dma_read_item(s, address, len);
    } else if (control & DMA_WRITE) {
        ok = dma_write_item(s, address, len);
    } else if (control & DMA_SKIP) {
        const uint8_t *data;
        s->offset += MIN(remaining(s, &data), len);
    }
    store_be32(status, ok ? 0 : DMA_ERROR);
    dma_write(memory, &s->dev, at, status, sizeof status);
}

/* ---- registers ------------------------------------------------------------------------------- */

static uint8_t next_byte(struct fw_cfg *s)
{
    const uint8_t *data;
    uint8_t value = remaining(s, &data) ? *data : 0;
    s->offset += remaining(s, &data) != 0;
    return value;
}

/* The DMA register reads as a signature, so that guests can probe for it. offset: in the register.
 */
static uint64_t dma_register_read(uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    for (unsigned n = 0; n < size; n++)
        value |= (DMA_SIGNATURE >> 8 * (DMA_REGISTER - 1 - offset - n) & 0xff) << 8 * n;
    return value;
}

static void dma_register_write(struct fw_cfg *s, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset == DMA_HIGH && size == 8) {
        s->dma_address = __builtin_bswap64(value);
        dma_run(s);
    } else if (offset == DMA_HIGH && size == 4) {
        s->dma_address = (uint64_t)__builtin_bswap32((uint32_t)value) << 32;
    } else if (offset == DMA_LOW && size == 4) {
        s->dma_address |= __builtin_bswap32((uint32_t)value);
        dma_run(s);
    }
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct fw_cfg *s = opaque;
    if (offset == PORT_DATA && size == 1)
        return next_byte(s);
    return offset >= PORT_DMA ? dma_register_read(offset - PORT_DMA, size) : 0;
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct fw_cfg *s = opaque;
    if (offset == PORT_SELECTOR && size == 2)
        select_item(s, (uint16_t)value);
    else if (offset >= PORT_DMA)
        dma_register_write(s, offset - PORT_DMA, value, size);
}

static const struct mem_ops ports_ops = {
    .read = ports_read, .write = ports_write, .min_size = 1, .max_size = 4};

/* Of data, the first byte is the one at the lowest address, however many are read. */
static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct fw_cfg *s = opaque;
    uint64_t value = 0;
    if (offset >= MMIO_DMA)
        return dma_register_read(offset - MMIO_DMA, size);
    for (unsigned n = 0; offset == MMIO_DATA && n < size; n++)
        value |= (uint64_t)next_byte(s) << 8 * n;
    return value;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct fw_cfg *s = opaque;
    if (offset == MMIO_SELECTOR && size == 2)
        select_item(s, __builtin_bswap16((uint16_t)value));
    else if (offset >= MMIO_DMA)
        dma_register_write(s, offset - MMIO_DMA, value, size);
}

static const struct mem_ops mmio_ops = {
    .read = mmio_read, .write = mmio_write, .min_size = 1, .max_size = 8};

/* ---- contents -------------------------------------------------------------------------------- */

static bool set_item(struct fw_cfg *s, uint16_t key, const uint8_t *data, size_t len,
                     uint8_t *owned, struct vemu_error **errp)
{
    struct item *item = find_item(s, key);
    if (!item || len > UINT32_MAX) {
        free(owned);
        return error_set(errp, VEMU_ERROR_INVALID,
                         "fw_cfg: key 0x%x with %zu bytes is not possible", key, len);
    }
    free(item->owned);
    *item = (struct item){.data = data, .owned = owned, .len = (uint32_t)len};
    return true;
}

bool fw_cfg_set_static(struct device *dev, uint16_t key, const void *data, size_t len,
                       struct vemu_error **errp)
{
    return set_item((struct fw_cfg *)dev, key, data, len, NULL, errp);
}

bool fw_cfg_set(struct device *dev, uint16_t key, const void *data, size_t len,
                struct vemu_error **errp)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for fw_cfg item 0x%x", key);
    if (len)
        memcpy(copy, data, len);
    return set_item((struct fw_cfg *)dev, key, copy, len, copy, errp);
}

bool fw_cfg_set_u16(struct device *dev, uint16_t key, uint16_t value, struct vemu_error **errp)
{
    return fw_cfg_set(dev, key, &value, sizeof value, errp);
}

bool fw_cfg_set_u32(struct device *dev, uint16_t key, uint32_t value, struct vemu_error **errp)
{
    return fw_cfg_set(dev, key, &value, sizeof value, errp);
}

bool fw_cfg_set_u64(struct device *dev, uint16_t key, uint64_t value, struct vemu_error **errp)
{
    return fw_cfg_set(dev, key, &value, sizeof value, errp);
}

/* The directory is kept sorted by name, as firmware may expect; keys stay as they were given out.
 */
static bool add_entry(struct fw_cfg *s, const char *name, size_t len, unsigned *at,
                      struct vemu_error **errp)
{
    *at = 0;

    if (!*name || strlen(name) >= FW_CFG_FILE_NAME)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "fw_cfg file name \"%s\" is not between 1 and %d characters long", name,
                         FW_CFG_FILE_NAME - 1);
    if (s->files == FW_CFG_FILE_SLOTS)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "fw_cfg has no room for file %s: all %d are taken", name,
                         FW_CFG_FILE_SLOTS);
    for (; *at < s->files; ++*at) {
        int order = strcmp(name, (char *)s->directory + 4 + *at * DIR_ENTRY + 8);
        if (!order)
            return error_set(errp, VEMU_ERROR_INVALID, "fw_cfg file %s is there already", name);
        if (order < 0)
            break;
    }
    return len <= UINT32_MAX ||
           error_set(errp, VEMU_ERROR_INVALID, "fw_cfg file %s has %zu bytes: too many", name, len);
}

/* Its data is set already. */
static bool list_file(struct fw_cfg *s, const char *name, size_t len, uint16_t key, unsigned at,
                      struct vemu_error **errp)
{
    uint8_t *entry = s->directory + 4 + at * DIR_ENTRY;
    memmove(entry + DIR_ENTRY, entry, (s->files - at) * DIR_ENTRY);
    memset(entry, 0, DIR_ENTRY);
    store_be32(entry, (uint32_t)len);
    store_be16(entry + 4, key);
    memcpy(entry + 8, name, strlen(name));
    store_be32(s->directory, ++s->files);
    return fw_cfg_set_static(&s->dev, FW_CFG_FILE_DIR, s->directory, 4 + s->files * DIR_ENTRY,
                             errp);
}

static uint16_t next_key(const struct fw_cfg *s)
{
    return (uint16_t)(FW_CFG_FILE_FIRST + s->files);
}

bool fw_cfg_add_file(struct device *dev, const char *name, const void *data, size_t len,
                     struct vemu_error **errp)
{
    struct fw_cfg *s = (struct fw_cfg *)dev;
    uint16_t key = next_key(s);
    unsigned at;
    return add_entry(s, name, len, &at, errp) && fw_cfg_set(dev, key, data, len, errp) &&
           list_file(s, name, len, key, at, errp);
}

/* The directory's entry of a file, or NULL. */
static uint8_t *find_entry(struct fw_cfg *s, const char *name)
{
    for (unsigned n = 0; n < s->files; n++) {
        uint8_t *entry = s->directory + 4 + n * DIR_ENTRY;
        if (strcmp((char *)entry + 8, name) == 0)
            return entry;
    }
    return NULL;
}

bool fw_cfg_has_file(struct device *dev, const char *name)
{
    return find_entry((struct fw_cfg *)dev, name) != NULL;
}

bool fw_cfg_put_file(struct device *dev, const char *name, const void *data, size_t len,
                     struct vemu_error **errp)
{
    uint8_t *entry = find_entry((struct fw_cfg *)dev, name);

    if (!entry)
        return fw_cfg_add_file(dev, name, data, len, errp);
    if (!fw_cfg_set(dev, load_be16(entry + 4), data, len, errp))
        return false;
    store_be32(entry, (uint32_t)len);
    return true;
}

/* A file whose data are the caller's; NULL: there is none, *errp says why. */
static struct item *add_static_file(struct fw_cfg *s, const char *name, const void *data,
                                    size_t len, struct vemu_error **errp)
{
    uint16_t key = next_key(s);
    unsigned at;
    if (!add_entry(s, name, len, &at, errp) || !fw_cfg_set_static(&s->dev, key, data, len, errp) ||
        !list_file(s, name, len, key, at, errp))
        return NULL;
    return find_item(s, key);
}

bool fw_cfg_add_live_file(struct device *dev, const char *name, const void *data, size_t len,
                          void (*update)(void *opaque), void *opaque, struct vemu_error **errp)
{
    struct item *item = add_static_file((struct fw_cfg *)dev, name, data, len, errp);
    if (!item)
        return false;
    item->update = update;
    item->opaque = opaque;
    return true;
}

bool fw_cfg_add_writable_file(struct device *dev, const char *name, void *data, size_t len,
                              void (*written)(void *opaque), void *opaque, struct vemu_error **errp)
{
    struct item *item = add_static_file((struct fw_cfg *)dev, name, data, len, errp);
    if (!item)
        return false;
    item->writable = data;
    item->written = written;
    item->opaque = opaque;
    return true;
}

struct device *fw_cfg_find(struct vemu_machine *m)
{
    list_for_each(dev, &m->devices, struct device, node)
    {
        if (dev->cls == &fw_cfg_class)
            return dev;
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void free_items(struct fw_cfg *s)
{
    for (unsigned i = 0; i < ARRAY_SIZE(s->items); i++) {
        free(s->items[i].owned);
        s->items[i] = (struct item){0};
    }
}

static bool fw_cfg_realize(struct device *dev, struct vemu_error **errp)
{
    struct fw_cfg *s = (struct fw_cfg *)dev;
    if (!fw_cfg_set(dev, FW_CFG_SIGNATURE, "QEMU", 4, errp) ||
        !fw_cfg_set_u32(dev, FW_CFG_ID, ID_TRADITIONAL | ID_DMA, errp) ||
        !fw_cfg_set_static(dev, FW_CFG_FILE_DIR, s->directory, 4, errp)) {
        free_items(s);
        return false;
    }
    mem_region_init_io(&s->region, "fw-cfg", s->cfg.mmio ? FW_CFG_MMIO_SIZE : PORTS,
                       s->cfg.mmio ? &mmio_ops : &ports_ops, s, dev);
    mem_region_add(mem_space_root(s->cfg.mmio ? dev->machine->memory : dev->machine->io),
                   s->cfg.base, &s->region, 0);
    return true;
}

static void fw_cfg_unrealize(struct device *dev)
{
    struct fw_cfg *s = (struct fw_cfg *)dev;
    mem_region_remove(&s->region);
    free_items(s);
}

static void fw_cfg_reset(struct device *dev)
{
    struct fw_cfg *s = (struct fw_cfg *)dev;
    select_item(s, 0);
    s->dma_address = 0;
}

static const struct state_field fw_cfg_state[] = {
    STATE_INT(struct fw_cfg, selected),
    STATE_INT(struct fw_cfg, offset),
    STATE_INT(struct fw_cfg, dma_address),
    STATE_FIELDS_END,
};

const struct device_class fw_cfg_class = {
    .name = "fw_cfg",
    .help = "firmware configuration device",
    .size = sizeof(struct fw_cfg),
    .state = fw_cfg_state,
    .state_version = 1,
    .realize = fw_cfg_realize,
    .unrealize = fw_cfg_unrealize,
    .reset = fw_cfg_reset,
};

struct device *fw_cfg_create(struct vemu_machine *m, const struct fw_cfg_config *cfg,
                             struct vemu_error **errp)
{
    struct fw_cfg *s = (struct fw_cfg *)device_new(m, &fw_cfg_class, NULL, errp);
    if (!s)
        return NULL;
    s->cfg = *cfg;
    if (!device_realize(&s->dev, errp)) {
        device_free(&s->dev);
        return NULL;
    }
    return &s->dev;
}
