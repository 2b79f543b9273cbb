/* An IDE channel: see ide_channel.h. */
#include "hw/ata/ide_channel.h"

#include <string.h>
#include "core/block/drive.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/ata/ata_regs.h"
#include "hw/pci/pci.h"

enum {
    REG_DATA,
    REG_ERROR, /* feature */
    REG_COUNT,
    REG_LBA_LOW,
    REG_LBA_MID,
    REG_LBA_HIGH,
    REG_DEVICE,
    REG_STATUS, /* command */
};
enum { BM_COMMAND = 0, BM_STATUS = 2, BM_TABLE = 4 };
enum { BM_START = 1 << 0, BM_TO_MEMORY = 1 << 3 };
enum {
    BM_ACTIVE = 1 << 0,
    BM_ERROR = 1 << 1,
    BM_INTERRUPT = 1 << 2,
    BM_DRIVES = 3 << 5, /* can do DMA: set by firmware for drivers */
};
/* Physical region descriptors: address, 16-bit count, end of table. A table is 64 KiB at most. */
enum { PRD_SIZE = 8, PRD_MAX = 65536 / PRD_SIZE };
#define PRD_END (UINT32_C(1) << 31)
/* Nobody drives the lines: D7 is pulled down. */
enum { FLOATING = 0x7f };

static struct ata_device *selected(const struct ide_channel *c)
{
    return c->slots[c->select].dev;
}

static struct ide_channel *channel_of(struct ata_slot *slot)
{
    return slot->opaque;
}

static unsigned unit_of(const struct ata_slot *slot)
{
    const struct ide_channel *c = slot->opaque;
    return slot == &c->slots[1];
}

/* ---- interrupt ------------------------------------------------------------------------------- */

static void update_irq(struct ide_channel *c)
{
    irq_set(&c->irq, c->intrq[c->select] && !(c->device_control & ATA_CONTROL_NIEN));
}

static void raise_intrq(struct ata_slot *slot)
{
    struct ide_channel *c = channel_of(slot);

    c->intrq[unit_of(slot)] = 1;
    /* The engine notes the edge, if there is one. */
    if (unit_of(slot) == c->select && !(c->device_control & ATA_CONTROL_NIEN))
        c->bm_status |= BM_INTERRUPT;
    update_irq(c);
}

static void clear_intrq(struct ide_channel *c, unsigned unit)
{
    c->intrq[unit] = 0;
    update_irq(c);
}

/* ---- the device's side ----------------------------------------------------------------------- */

static bool pio_ready(struct ata_slot *slot, bool to_host, bool interrupt)
{
    (void)to_host;
    if (interrupt)
        raise_intrq(slot);
    return false;
}

static void dma_ready(struct ata_slot *slot)
{
    struct ide_channel *c = channel_of(slot);

    if (c->bm_command & BM_START && c->bm_status & BM_ACTIVE && unit_of(slot) == c->select)
        ata_dma_go(slot->dev);
}

struct prd_walk {
    struct dma_list *sg;
    uint64_t skip, left;
};

/* One descriptor; false: that was all. */
static bool take_prd(struct prd_walk *w, const uint8_t *prd, bool *ok)
{
    uint32_t addr = load_le32(prd) & ~1u, flags = load_le32(prd + 4);
    uint64_t len = flags & 0xfffe ? flags & 0xfffe : 65536;
    uint64_t skipped = MIN(w->skip, len), use = MIN(len - skipped, w->left);

    w->skip -= skipped;
    w->left -= use;
    *ok = !use || dma_list_add(w->sg, addr + skipped, use);
    return *ok && w->left && !(flags & PRD_END);
}

static bool dma_map_table(struct ata_slot *slot, unsigned tag, uint64_t offset, uint64_t bytes,
                          struct dma_list *sg)
{
    struct ide_channel *c = channel_of(slot);
    struct prd_walk w = {.sg = sg, .skip = offset, .left = bytes};
    uint8_t prd[PRD_SIZE];
    bool ok = true;

    (void)tag;
    for (unsigned n = 0; n < PRD_MAX; n++) {
        if (pci_dma_read(c->pci, c->bm_table + (uint64_t)n * PRD_SIZE, prd, sizeof prd) != MEM_OK)
            return false;
        if (!take_prd(&w, prd, &ok))
            return ok;
    }
    return true;
}

static void dma_done(struct ata_slot *slot, unsigned tag, uint64_t bytes, bool ok)
{
    struct ide_channel *c = channel_of(slot);

    (void)tag;
    (void)bytes;
    c->bm_status &= (uint8_t)~BM_ACTIVE;
    if (!ok)
        c->bm_status |= BM_ERROR;
}

static void complete(struct ata_slot *slot, bool interrupt)
{
    if (interrupt)
        raise_intrq(slot);
}

static const struct ata_host_ops host_ops = {
    .pio_ready = pio_ready,
    .dma_ready = dma_ready,
    .dma_map = dma_map_table,
    .dma_done = dma_done,
    .complete = complete,
};

/* ---- what completes at once ------------------------------------------------------------------ */

/* What the host's page cache had is here when the guest's access ends. */
static void dispatch(struct ide_channel *c)
{
    struct vemu_machine *m = c->pci->dev.machine;

    if (m->block)
        vemu_block_context_dispatch(m->block);
}

/* ---- data ------------------------------------------------------------------------------------ */

static uint64_t read_data(struct ide_channel *c, unsigned size)
{
    struct ata_device *d = selected(c);
    uint64_t value = 0;
    uint8_t *data;
    uint32_t len;
    bool to_host;

    data = d ? ata_pio_block(d, &len, &to_host) : NULL;
    if (!data || !to_host)
        return 0;
    uint32_t n = MIN(size, len);
    value = load_le(data, n);
    ata_pio_moved(d, n);
    if (n == len) {
        ata_pio_continue(d);
        dispatch(c);
    }
    return value;
}

static void write_data(struct ide_channel *c, uint64_t value, unsigned size)
{
    struct ata_device *d = selected(c);
    uint8_t *data;
    uint32_t len;
    bool to_host;

    data = d ? ata_pio_block(d, &len, &to_host) : NULL;
    if (!data || to_host)
        return;
    uint32_t n = MIN(size, len);
    store_le(data, value, n);
    ata_pio_moved(d, n);
    if (n == len) {
        ata_pio_continue(d);
        dispatch(c);
    }
}

/* ---- command block --------------------------------------------------------------------------- */

static uint8_t read_status(struct ide_channel *c)
{
    struct ata_device *d = selected(c);

    if (d)
        return ata_registers(d)->status;
    /* Device 0 answers for a device 1 that is not there. */
    return c->slots[!c->select].dev ? 0 : FLOATING;
}

static uint8_t read_register(struct ide_channel *c, unsigned reg)
{
    struct ata_device *d = selected(c);
    unsigned shift = c->device_control & ATA_CONTROL_HOB ? 8 : 0;
    const struct ata_registers *r;

    if (reg == REG_STATUS) {
        clear_intrq(c, c->select);
        return read_status(c);
    }
    if (!d)
        d = c->slots[!c->select].dev;
    if (!d)
        return FLOATING;
    r = ata_registers(d);
    switch (reg) {
    case REG_ERROR:
        return r->error;
    case REG_COUNT:
        return (uint8_t)(r->tf.count >> shift);
    case REG_LBA_LOW:
        return (uint8_t)(r->tf.lba_low >> shift);
    case REG_LBA_MID:
        return (uint8_t)(r->tf.lba_mid >> shift);
    case REG_LBA_HIGH:
        return (uint8_t)(r->tf.lba_high >> shift);
    case REG_DEVICE:
        return (uint8_t)((r->tf.device & ~ATA_DEVICE_SELECT) | 0xa0 |
                         (c->select ? ATA_DEVICE_SELECT : 0));
    default:
        return FLOATING;
    }
}

static void give_command(struct ide_channel *c, unsigned unit, uint8_t command)
{
    struct ata_device *d = c->slots[unit].dev;

    if (!d || (!ata_may_take(d) && !(command == ATA_CMD_DEVICE_RESET && ata_is_packet(d))))
        return;
    clear_intrq(c, unit);
    struct ata_taskfile tf = ata_registers(d)->tf;
    tf.command = command;
    ata_command(d, &tf);
}

static void write_command(struct ide_channel *c, uint8_t command)
{
    if (command == ATA_CMD_DIAGNOSTIC) { /* both; device 0 tells the result */
        give_command(c, 1, command);
        c->intrq[1] = 0;
        c->select = 0;
        give_command(c, 0, command);
    } else {
        give_command(c, c->select, command);
    }
    dispatch(c);
}

static void push(uint16_t *reg, uint8_t value)
{
    *reg = (uint16_t)(*reg << 8 | value);
}

/* Both devices see what is written. */
static void write_device_register(struct ata_device *d, unsigned reg, uint8_t value)
{
    struct ata_taskfile *tf = &ata_registers(d)->tf;

    if (!ata_may_take(d))
        return;
    switch (reg) {
    case REG_ERROR:
        push(&tf->feature, value);
        break;
    case REG_COUNT:
        push(&tf->count, value);
        break;
    case REG_LBA_LOW:
        push(&tf->lba_low, value);
        break;
    case REG_LBA_MID:
        push(&tf->lba_mid, value);
        break;
    case REG_LBA_HIGH:
        push(&tf->lba_high, value);
        break;
    default:
        tf->device = value;
    }
}

static void write_register(struct ide_channel *c, unsigned reg, uint8_t value)
{
    c->device_control &= (uint8_t)~ATA_CONTROL_HOB;
    if (reg == REG_STATUS) {
        if (!(c->device_control & ATA_CONTROL_SRST))
            write_command(c, value);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (c->slots[i].dev)
            write_device_register(c->slots[i].dev, reg, value);
    }
    if (reg == REG_DEVICE) {
        c->select = value & ATA_DEVICE_SELECT ? 1 : 0;
        update_irq(c);
    }
}

static uint64_t command_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ide_channel *c = opaque;
    uint64_t value = 0;

    if (offset == REG_DATA)
        return read_data(c, size);
    for (unsigned i = 0; i < size && offset + i < IDE_COMMAND_PORTS; i++)
        value |= (uint64_t)read_register(c, (unsigned)offset + i) << 8 * i;
    return value;
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ide_channel *c = opaque;

    if (offset == REG_DATA) {
        write_data(c, value, size);
        return;
    }
    for (unsigned i = 0; i < size && offset + i < IDE_COMMAND_PORTS; i++)
        write_register(c, (unsigned)offset + i, (uint8_t)(value >> 8 * i));
}

static const struct mem_ops command_ops = {
    .read = command_read, .write = command_write, .min_size = 1, .max_size = 4};

/* ---- control block --------------------------------------------------------------------------- */

static uint64_t control_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)offset;
    (void)size;
    return read_status(opaque);
}

static void soft_reset(struct ide_channel *c)
{
    for (unsigned i = 0; i < 2; i++) {
        if (c->slots[i].dev)
            ata_reset(c->slots[i].dev, false);
        c->intrq[i] = 0;
    }
    c->select = 0;
    c->bm_status &= (uint8_t)~BM_ACTIVE;
}

static void control_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ide_channel *c = opaque;
    uint8_t old = c->device_control;

    (void)offset;
    (void)size;
    c->device_control = (uint8_t)value;
    if (~old & value & ATA_CONTROL_SRST) {
        soft_reset(c);
        for (unsigned i = 0; i < 2; i++) {
            if (c->slots[i].dev)
                ata_registers(c->slots[i].dev)->status = ATA_BSY;
        }
    } else if (old & ~value & ATA_CONTROL_SRST) {
        soft_reset(c);
    }
    update_irq(c);
}

static const struct mem_ops control_ops = {
    .read = control_read, .write = control_write, .min_size = 1, .max_size = 1};

/* ---- bus master ------------------------------------------------------------------------------ */

uint8_t ide_bus_master_read(struct ide_channel *c, unsigned offset)
{
    switch (offset) {
    case BM_COMMAND:
        return c->bm_command;
    case BM_STATUS:
        return c->bm_status;
    default:
        return offset >= BM_TABLE ? (uint8_t)(c->bm_table >> 8 * (offset - BM_TABLE)) : 0;
    }
}

static void write_bm_command(struct ide_channel *c, uint8_t value)
{
    struct ata_device *d = selected(c);
    uint8_t old = c->bm_command;

    c->bm_command = value & (BM_START | BM_TO_MEMORY);
    if (~old & value & BM_START) {
        c->bm_status |= BM_ACTIVE;
        if (d && ata_waits_for_dma(d))
            ata_dma_go(d);
        dispatch(c);
    } else if (old & ~value & BM_START) {
        /* Software may only stop what has ended, or gives the command up. */
        for (unsigned i = 0; i < 2; i++) {
            if (c->slots[i].dev && (c->bm_status & BM_ACTIVE) &&
                ata_registers(c->slots[i].dev)->status & ATA_BSY)
                ata_drain(c->slots[i].dev);
        }
        c->bm_status &= (uint8_t)~BM_ACTIVE;
    }
}

void ide_bus_master_write(struct ide_channel *c, unsigned offset, uint8_t value)
{
    unsigned shift = 8 * (offset - BM_TABLE);

    switch (offset) {
    case BM_COMMAND:
        write_bm_command(c, value);
        break;
    case BM_STATUS:
        c->bm_status = (uint8_t)((c->bm_status & ~BM_DRIVES) | (value & BM_DRIVES));
        c->bm_status &= (uint8_t) ~(value & (BM_ERROR | BM_INTERRUPT));
        break;
    default:
        if (offset >= BM_TABLE)
            c->bm_table = ((c->bm_table & ~(0xffu << shift)) | (uint32_t)value << shift) & ~3u;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void ide_channel_init(struct ide_channel *c, struct pci_device *pci, unsigned index)
{
    c->pci = pci;
    mem_region_init_io(&c->command, "ide-command", IDE_COMMAND_PORTS, &command_ops, c, &pci->dev);
    mem_region_init_io(&c->control, "ide-control", IDE_CONTROL_PORTS, &control_ops, c, &pci->dev);
    for (unsigned i = 0; i < 2; i++)
        c->slots[i] = (struct ata_slot){
            .ops = &host_ops, .controller = &pci->dev, .opaque = c, .index = 2 * index + i};
}

void ide_channel_reset(struct ide_channel *c)
{
    c->select = 0;
    c->device_control = 0;
    c->intrq[0] = c->intrq[1] = 0;
    c->bm_command = c->bm_status = 0;
    c->bm_table = 0;
    update_irq(c);
}

void ide_channel_post_load(struct ide_channel *c)
{
    c->bm_table &= ~3u;
    update_irq(c);
}

const struct state_field ide_channel_state[] = {
    STATE_INT(struct ide_channel, select, .max = 1),
    STATE_INT(struct ide_channel, device_control),
    STATE_INT_ARRAY(struct ide_channel, intrq, .max = 1),
    STATE_INT(struct ide_channel, bm_command, .max = BM_START | BM_TO_MEMORY),
    STATE_INT(struct ide_channel, bm_status, .max = 0x7f),
    STATE_INT(struct ide_channel, bm_table),
    STATE_FIELDS_END,
};
