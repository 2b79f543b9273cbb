/* The ITS: registers and life. Specification: Arm IHI 0069, chapter on the ITS. See gicv3_its.h. */
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/intc/gicv3_its_internal.h"

enum {
    GITS_CTLR = 0x0000,
    GITS_IIDR = 0x0004,
    GITS_TYPER = 0x0008,
    GITS_CBASER = 0x0080,
    GITS_CWRITER = 0x0088,
    GITS_CREADR = 0x0090,
    GITS_BASER = 0x0100, /* eight of them, by eight bytes */
    GITS_BASER_END = 0x0140,
    GITS_ID = 0xffd0,
    GITS_TRANSLATER = 0x10040,
};
#define CTLR_QUIESCENT (UINT32_C(1) << 31)
#define TYPER                                                                                      \
    (UINT64_C(1) /* physical LPIs */ | (ITS_ENTRY - 1) << 4 | (ITS_EVENT_BITS - 1) << 8 |          \
     (ITS_DEVICE_BITS - 1) << 13)
#define CBASER_WRITABLE UINT64_C(0xb8effffffffffcff)
enum { CWRITER_RETRY = 1, CREADR_STALLED = 1 };
#define OFFSET_MASK UINT64_C(0xfffe0) /* of CWRITER and CREADR */
/* BASER: all but the type and the size of an entry, which say what the table is. */
#define BASER_WRITABLE UINT64_C(0xf8e0ffffffffffff)
enum { BASER_TYPE_SHIFT = 56, BASER_ENTRY_SHIFT = 48 };

#define BASER_OF(type)                                                                             \
    (UINT64_C(type) << BASER_TYPE_SHIFT | (uint64_t)(ITS_ENTRY - 1) << BASER_ENTRY_SHIFT)
static const uint64_t baser_fixed[ITS_TABLES] = {
    [ITS_DEVICES] = BASER_OF(1),
    [ITS_COLLECTIONS] = BASER_OF(4),
};

static uint64_t baser_value(unsigned table, uint64_t value)
{
    value &= BASER_WRITABLE;
    if (table == ITS_COLLECTIONS)
        value &= ~ITS_BASER_INDIRECT;
    return value | baser_fixed[table];
}

static struct gicv3_its *its_from(struct device *dev)
{
    return container_of(dev, struct gicv3_its, dev);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* The 64-bit register that holds the offset, as one; what is not there is 0. */
static uint64_t read_register(const struct gicv3_its *s, uint32_t offset)
{
    switch (offset) {
    case GITS_CTLR:
        return (s->ctlr | (s->ctlr & ITS_CTLR_ENABLED ? 0 : CTLR_QUIESCENT)) | (uint64_t)GICV3_IIDR
                                                                                   << 32;
    case GITS_TYPER:
        return TYPER;
    case GITS_CBASER:
        return s->cbaser;
    case GITS_CWRITER:
        return s->cwriter;
    case GITS_CREADR:
        return s->creadr;
    }
    if (range_contains(GITS_BASER, ITS_TABLES * 8, offset))
        return s->baser[(offset - GITS_BASER) / 8];
    return 0;
}

static uint64_t its_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct gicv3_its *s = opaque;

    if (range_contains(GITS_ID, 0x10000 - GITS_ID, offset))
        return gic_id_register((uint32_t)offset, GICV3_PART_ITS, 3);
    offset &= size == 8 ? ~UINT64_C(0) : ~UINT64_C(3);
    return read_register(s, (uint32_t)offset & ~7u) >> (offset & 4) * 8;
}

static void write_register(struct gicv3_its *s, uint32_t offset, uint64_t value)
{
    bool enabled = s->ctlr & ITS_CTLR_ENABLED;

    switch (offset) {
    case GITS_CTLR:
        s->ctlr = (uint32_t)value & ITS_CTLR_ENABLED;
        its_run_commands(s);
        return;
    case GITS_CBASER:
        if (enabled)
            return;
        s->cbaser = value & CBASER_WRITABLE;
        s->creadr = 0;
        return;
    case GITS_CWRITER:
        s->cwriter = value & OFFSET_MASK;
        if (value & CWRITER_RETRY)
            s->creadr &= ~(uint64_t)CREADR_STALLED;
        its_run_commands(s);
        return;
    }
    if (!enabled && range_contains(GITS_BASER, ITS_TABLES * 8, offset)) {
        unsigned table = (offset - GITS_BASER) / 8;
        s->baser[table] = baser_value(table, value);
    }
}

static void its_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gicv3_its *s = opaque;
    uint32_t at = (uint32_t)offset & ~7u;

    if (offset == GITS_TRANSLATER) {
        guest_error(s, "gicv3-its: an interrupt message of nobody, for event %u", (unsigned)value);
        return;
    }
    if (size == 4) { /* a half: the other one stays */
        uint64_t old = read_register(s, at);
        value = offset & 4 ? (old & UINT32_MAX) | value << 32 : (old >> 32) << 32 | value;
        /* Of the two 32-bit registers in these words only one can be written. */
        if (at == GITS_CTLR && offset & 4)
            return;
    }
    write_register(s, at, value);
}

static const struct mem_ops its_ops = {
    .read = its_read, .write = its_write, .min_size = 4, .max_size = 8};

bool gicv3_its_send_msi(void *its, uint16_t requester, uint64_t addr, uint32_t data)
{
    struct gicv3_its *s = its_from(its);

    if (addr != s->cfg.base + GITS_TRANSLATER)
        return false;
    if (s->gic->in_kernel) {
        s->dev.machine->accel->gic->send_msi(s->dev.machine, requester, addr, data);
        return true;
    }
    if (!its_translate(s, requester, data, true))
        guest_error(s, "gicv3-its: nothing is mapped for event %u of device %#x", data, requester);
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void its_reset(struct device *dev)
{
    struct gicv3_its *s = its_from(dev);

    s->ctlr = 0;
    s->cbaser = s->cwriter = s->creadr = 0;
    for (unsigned i = 0; i < ITS_TABLES; i++)
        s->baser[i] = baser_fixed[i];
    s->kernel_tables = s->gic->in_kernel;
    if (s->gic->in_kernel)
        its_put_to_kernel(s);
}

static bool its_realize(struct device *dev, struct vemu_error **errp)
{
    struct gicv3_its *s = its_from(dev);

    if (!s->cfg.gic || !gicv3_from(s->cfg.gic)->cfg.lpis)
        return error_set(errp, VEMU_ERROR_INVALID, "it needs a GICv3 that has LPIs");
    s->gic = gicv3_from(s->cfg.gic);
    its_reset(dev);
    if (s->gic->in_kernel)
        return true;
    mem_region_init_io(&s->region, "gicv3-its", GICV3_ITS_SIZE, &its_ops, s, dev);
    mem_region_add(mem_space_root(device_memory(dev)), s->cfg.base, &s->region, 0);
    return true;
}

static void its_unrealize(struct device *dev)
{
    if (!its_from(dev)->gic->in_kernel)
        mem_region_remove(&its_from(dev)->region);
}

static void its_pre_save(struct device *dev)
{
    struct gicv3_its *s = its_from(dev);

    if (s->gic->in_kernel)
        its_get_from_kernel(s);
}

static bool its_post_load(struct device *dev, struct vemu_error **errp)
{
    struct gicv3_its *s = its_from(dev);

    if (s->kernel_tables != s->gic->in_kernel && s->ctlr & ITS_CTLR_ENABLED)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "saved state of arm-gicv3-its: its tables have the form of %s; a machine "
                         "that is to change between them needs its=off",
                         s->kernel_tables ? "kvm" : "tcg");
    s->kernel_tables = s->gic->in_kernel;
    s->cbaser &= CBASER_WRITABLE;
    s->cwriter &= OFFSET_MASK;
    s->creadr &= OFFSET_MASK | CREADR_STALLED;
    for (unsigned i = 0; i < ITS_TABLES; i++)
        s->baser[i] = baser_value(i, s->baser[i]);
    if (s->gic->in_kernel)
        its_put_to_kernel(s);
    return true;
}

static const struct state_field its_state[] = {
    STATE_INT(struct gicv3_its, ctlr, .max = ITS_CTLR_ENABLED),
    STATE_INT(struct gicv3_its, cbaser),
    STATE_INT(struct gicv3_its, cwriter),
    STATE_INT(struct gicv3_its, creadr),
    STATE_INT_ARRAY(struct gicv3_its, baser),
    STATE_FLAG(struct gicv3_its, kernel_tables),
    STATE_FIELDS_END,
};

const struct device_class gicv3_its_class = {
    .name = "arm-gicv3-its",
    .help = "interrupt translation service of a GICv3",
    .size = sizeof(struct gicv3_its),
    .state = its_state,
    .state_version = 2,
    .realize = its_realize,
    .unrealize = its_unrealize,
    .reset = its_reset,
    .post_load = its_post_load,
    .pre_save = its_pre_save,
};

struct device *gicv3_its_create(struct vemu_machine *m, const struct gicv3_its_config *cfg,
                                struct vemu_error **errp)
{
    struct device *dev = device_new(m, &gicv3_its_class, NULL, errp);
    if (!dev)
        return NULL;
    its_from(dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
