/*
 * A port of an AHCI adapter: its registers, the command list, the frames that a device would send
 * (Serial ATA AHCI 1.3.1, chapters "Port Registers" and "System Memory Structures").
 *
 * Headers, tables and region descriptors are copied when they are needed, and belong to a hostile
 * guest each time. One command that is not queued runs at a time, queued ones up to 32; nothing is
 * taken from the list while a command of the other kind is under way.
 */
#include <string.h>
#include "core/block/drive.h"
#include "core/block/sg.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/ata/ahci_internal.h"
#include "hw/ata/ata_regs.h"

enum {
    PX_CLB = 0x00,
    PX_CLBU = 0x04,
    PX_FB = 0x08,
    PX_FBU = 0x0c,
    PX_IS = 0x10,
    PX_IE = 0x14,
    PX_CMD = 0x18,
    PX_TFD = 0x20,
    PX_SIG = 0x24,
    PX_SSTS = 0x28,
    PX_SCTL = 0x2c,
    PX_SERR = 0x30,
    PX_SACT = 0x34,
    PX_CI = 0x38,
};
enum {
    IS_DHR = 1 << 0, /* device to host register frame */
    IS_PS = 1 << 1,  /* PIO setup frame */
    IS_DS = 1 << 2,  /* DMA setup frame */
    IS_SDB = 1 << 3, /* set device bits frame */
    IS_PC = 1 << 6,  /* port connect change: PxSERR.DIAG.X */
    IS_PRC = 1 << 22,
    IS_OF = 1 << 24,
    IS_HBF = 1 << 29,
    IS_TFE = 1 << 30,
    IS_WRITE_CLEAR = 0x7f00002f | 1 << 23,
    IE_MASK = 0x7dc0007f,
};
enum {
    CMD_ST = 1 << 0,
    CMD_SUD = 1 << 1,
    CMD_POD = 1 << 2,
    CMD_CLO = 1 << 3,
    CMD_FRE = 1 << 4,
    CMD_CCS_SHIFT = 8,
    CMD_FR = 1 << 14,
    CMD_CR = 1 << 15,
    CMD_ATAPI = 1 << 24,
};
#define CMD_WRITABLE (CMD_ST | CMD_FRE | CMD_ATAPI | 1u << 25 | 1u << 26 | 1u << 27)
#define CMD_ICC (0xfu << 28)
enum { SSTS_PRESENT = 0x3, SSTS_GEN3 = 0x30, SSTS_ACTIVE = 0x100 };
enum { SCTL_DET = 0xf, SCTL_MASK = 0xfff };
enum { SERR_DIAG_X = 1 << 26 };
#define SIG_ATA 0x00000101u
#define SIG_ATAPI 0xeb140101u
/* Command header */
enum {
    HEADER_SIZE = 32,
    HEADER_CFL = 0x1f,
    HEADER_ATAPI = 1 << 5,
    HEADER_RESET = 1 << 8,
    HEADER_CLEAR_BUSY = 1 << 10,
    HEADER_PRDBC = 4,
};
/* Command table */
enum { TABLE_ACMD = 0x40, TABLE_PRDT = 0x80, PRD_SIZE = 16, PRD_CHUNK = 32 };
enum { PRD_COUNT_MASK = (1 << 22) - 1 };
/* Frames, and their places in the receive area */
enum { FIS_H2D = 0x27, FIS_D2H = 0x34, FIS_SDB = 0xa1, FIS_PIO_SETUP = 0x5f };
enum {
    FIS_SIZE = 20,
    FIS_SDB_SIZE = 8,
    FIS_COMMAND = 0x80,
    FIS_INTERRUPT = 0x40,
    FIS_TO_HOST = 0x20
};
enum { RX_PIO_SETUP = 0x20, RX_D2H = 0x40, RX_SDB = 0x58 };

static struct ahci_port *port_of(struct ata_slot *slot)
{
    return slot->opaque;
}

static struct ata_device *device_on(const struct ahci_port *p)
{
    return p->slot.dev;
}

static bool link_is_up(const struct ahci_port *p)
{
    return (p->ssts & SCTL_DET) == SSTS_PRESENT;
}

/* ---- frames to the host ---------------------------------------------------------------------- */

static void raise_bits(struct ahci_port *p, uint32_t bits)
{
    p->is |= bits;
    ahci_update(p->s);
}

static void receive(struct ahci_port *p, unsigned place, const uint8_t *frame, unsigned len)
{
    if (p->cmd & CMD_FRE && pci_dma_write(&p->s->pci, p->fis + place, frame, len) != MEM_OK)
        guest_error(&p->s->pci, "ahci: port %u: no memory for frames at 0x%llx", p->n,
                    (unsigned long long)p->fis);
}

static void set_tfd(struct ahci_port *p)
{
    const struct ata_registers *r = ata_registers(device_on(p));

    p->tfd = r->status | (uint32_t)r->error << 8;
}

/* Task file, status and error, as register and PIO setup frames have them. */
static void fill_frame(struct ahci_port *p, uint8_t frame[FIS_SIZE], uint8_t type)
{
    const struct ata_registers *r = ata_registers(device_on(p));
    const struct ata_taskfile *tf = &r->tf;

    memset(frame, 0, FIS_SIZE);
    frame[0] = type;
    frame[2] = r->status;
    frame[3] = r->error;
    frame[4] = (uint8_t)tf->lba_low;
    frame[5] = (uint8_t)tf->lba_mid;
    frame[6] = (uint8_t)tf->lba_high;
    frame[7] = tf->device;
    frame[8] = (uint8_t)(tf->lba_low >> 8);
    frame[9] = (uint8_t)(tf->lba_mid >> 8);
    frame[10] = (uint8_t)(tf->lba_high >> 8);
    store_le16(frame + 12, tf->count);
}

static void send_d2h(struct ahci_port *p, bool interrupt)
{
    const struct ata_registers *r = ata_registers(device_on(p));
    uint8_t frame[FIS_SIZE];
    uint32_t bits = r->status & ATA_ERR ? IS_TFE : 0;

    fill_frame(p, frame, FIS_D2H);
    frame[1] = interrupt ? FIS_INTERRUPT : 0;
    receive(p, RX_D2H, frame, sizeof frame);
    set_tfd(p);
    raise_bits(p, bits | (interrupt ? IS_DHR : 0));
}

static void send_pio_setup(struct ahci_port *p, bool to_host, bool interrupt, uint32_t bytes)
{
    uint8_t frame[FIS_SIZE];

    fill_frame(p, frame, FIS_PIO_SETUP);
    frame[1] = (uint8_t)((to_host ? FIS_TO_HOST : 0) | (interrupt ? FIS_INTERRUPT : 0));
    /* The status when the block has gone: of the last one of a read that is the final one. */
    frame[15] = to_host ? ATA_DRDY | ATA_DSC : ATA_BSY;
    store_le16(frame + 16, (uint16_t)bytes);
    receive(p, RX_PIO_SETUP, frame, sizeof frame);
    set_tfd(p);
    if (interrupt)
        raise_bits(p, IS_PS);
}

/* Queued commands that ended; the error bit goes with them. */
static void send_sdb(struct ahci_port *p, uint32_t done)
{
    const struct ata_registers *r = ata_registers(device_on(p));
    uint8_t frame[FIS_SDB_SIZE] = {FIS_SDB, FIS_INTERRUPT, 0, r->error};

    frame[2] = r->status & 0x77;
    store_le32(frame + 4, done);
    receive(p, RX_SDB, frame, sizeof frame);
    p->sact &= ~done;
    p->tfd = (p->tfd & 0xffff0088u) | (r->status & 0x77u) | (uint32_t)r->error << 8;
    raise_bits(p, IS_SDB | (r->status & ATA_ERR ? IS_TFE : 0));
}

/* ---- commands -------------------------------------------------------------------------------- */

struct header {
    uint32_t flags;
    uint64_t table;
};

static bool read_header(struct ahci_port *p, unsigned slot, struct header *h)
{
    uint8_t raw[HEADER_SIZE];

    if (pci_dma_read(&p->s->pci, p->list + slot * HEADER_SIZE, raw, sizeof raw) != MEM_OK)
        return false;
    h->flags = load_le32(raw);
    h->table = load_le64(raw + 8) & ~UINT64_C(0x7f);
    return true;
}

static void host_bus_error(struct ahci_port *p)
{
    p->stopped = true;
    raise_bits(p, IS_HBF);
}

static void take_frame(const uint8_t *frame, struct ata_taskfile *tf)
{
    tf->command = frame[2];
    tf->feature = (uint16_t)(frame[3] | frame[11] << 8);
    tf->lba_low = (uint16_t)(frame[4] | frame[8] << 8);
    tf->lba_mid = (uint16_t)(frame[5] | frame[9] << 8);
    tf->lba_high = (uint16_t)(frame[6] | frame[10] << 8);
    tf->device = frame[7];
    tf->count = load_le16(frame + 12);
}

/* A frame that changes device control: SRST goes up, then down. */
static void control_frame(struct ahci_port *p, unsigned slot, const uint8_t *frame, uint32_t flags)
{
    bool reset = frame[15] & ATA_CONTROL_SRST;

    p->ci &= ~(1u << slot);
    if (reset && !p->soft_reset) {
        ata_reset(device_on(p), false);
        p->tfd = flags & HEADER_CLEAR_BUSY ? ATA_DRDY : ATA_BSY;
    } else if (!reset && p->soft_reset) {
        p->sig = ata_is_packet(device_on(p)) ? SIG_ATAPI : SIG_ATA;
        send_d2h(p, false);
    }
    p->soft_reset = reset;
}

static bool is_queued(uint8_t command)
{
    return command == ATA_CMD_READ_FPDMA || command == ATA_CMD_WRITE_FPDMA;
}

static uint32_t queued_slots(const struct ahci_port *p)
{
    return p->sact & ~p->ci;
}

/* False: it has to wait for others. */
static bool issue(struct ahci_port *p, unsigned slot)
{
    struct ata_device *d = device_on(p);
    uint8_t frame[FIS_SIZE];
    struct ata_taskfile tf;
    struct header h;

    if (!read_header(p, slot, &h) ||
        pci_dma_read(&p->s->pci, h.table, frame, sizeof frame) != MEM_OK) {
        host_bus_error(p);
        return false;
    }
    if (frame[0] != FIS_H2D || (h.flags & HEADER_CFL) < FIS_SIZE / 4) {
        guest_error(&p->s->pci, "ahci: port %u: command %u is no register frame", p->n, slot);
        p->ci &= ~(1u << slot);
        return true;
    }
    if (!(frame[1] & FIS_COMMAND)) {
        control_frame(p, slot, frame, h.flags);
        return true;
    }
    take_frame(frame, &tf);
    p->cmd = (p->cmd & ~(0x1fu << CMD_CCS_SHIFT)) | slot << CMD_CCS_SHIFT;
    if (is_queued(tf.command) && !ata_is_packet(d)) {
        /* Its tag is its slot: software has to see to that. */
        p->ci &= ~(1u << slot);
        ata_command_queued(d, &tf, slot);
        return true;
    }
    if (queued_slots(p))
        return false;
    p->current = (uint8_t)slot;
    p->moved = 0;
    p->tfd |= ATA_BSY;
    ata_command(d, &tf);
    return true;
}

/* Takes what the list has, as far as the device can take it, from the slot after the last one. */
static void run(struct ahci_port *p)
{
    unsigned first = (p->cmd >> CMD_CCS_SHIFT & 0x1f) + 1;

    if (p->running) /* what completes at once */
        return;
    p->running = true;
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        unsigned slot = (first + i) % AHCI_SLOTS;
        if (p->current != AHCI_NO_SLOT || p->stopped || !(p->cmd & CMD_ST) || !device_on(p) ||
            !link_is_up(p))
            break;
        if (p->ci & 1u << slot && !issue(p, slot))
            break;
    }
    p->running = false;
}

/* From an access of the guest: submissions go to the host together, and what its page cache had is
 * here when the access ends. */
static void run_batch(struct ahci_port *p)
{
    struct vemu_block_context *block = p->s->pci.dev.machine->block;

    if (block)
        vemu_block_plug(block);
    run(p);
    if (block) {
        vemu_block_unplug(block);
        vemu_block_context_dispatch(block);
    }
}

/* ---- the device's side ----------------------------------------------------------------------- */

struct prd_walk {
    struct dma_list *sg;
    uint64_t skip, left;
};

static bool take_prd(struct prd_walk *w, const uint8_t *prd)
{
    uint64_t addr = load_le64(prd) & ~UINT64_C(1),
             len = (load_le32(prd + 12) & PRD_COUNT_MASK) + UINT64_C(1);
    uint64_t skipped = MIN(w->skip, len), use = MIN(len - skipped, w->left);

    w->skip -= skipped;
    w->left -= use;
    return !use || dma_list_add(w->sg, addr + skipped, use);
}

static bool map_table(struct ata_slot *slot, unsigned tag, uint64_t offset, uint64_t bytes,
                      struct dma_list *sg)
{
    struct ahci_port *p = port_of(slot);
    struct prd_walk w = {.sg = sg, .skip = offset, .left = bytes};
    uint8_t prds[PRD_CHUNK * PRD_SIZE];
    struct header h;

    if (!read_header(p, p->current == AHCI_NO_SLOT ? tag : p->current, &h))
        return false;
    for (unsigned n = 0, all = h.flags >> 16; n < all && w.left; n += PRD_CHUNK) {
        unsigned count = MIN(all - n, (unsigned)PRD_CHUNK);
        if (pci_dma_read(&p->s->pci, h.table + TABLE_PRDT + (uint64_t)n * PRD_SIZE, prds,
                         count * PRD_SIZE) != MEM_OK)
            return false;
        for (unsigned i = 0; i < count && w.left; i++) {
            if (!take_prd(&w, prds + i * PRD_SIZE))
                return false;
        }
    }
    if (w.left)
        raise_bits(p, IS_OF);
    return true;
}

static void count_bytes(struct ahci_port *p, uint32_t bytes)
{
    uint8_t raw[4];

    store_le32(raw, bytes);
    if (p->current != AHCI_NO_SLOT)
        pci_dma_write(&p->s->pci, p->list + p->current * (uint64_t)HEADER_SIZE + HEADER_PRDBC, raw,
                      sizeof raw);
}

/* The packet of a command is in its table. */
static void fetch_packet(struct ahci_port *p, uint8_t *data, uint32_t len)
{
    struct header h;

    memset(data, 0, len);
    if (p->current == AHCI_NO_SLOT || !read_header(p, p->current, &h) ||
        pci_dma_read(&p->s->pci, h.table + TABLE_ACMD, data, len) != MEM_OK)
        guest_error(&p->s->pci, "ahci: port %u: there is no packet", p->n);
}

static void move_block(struct ahci_port *p, uint8_t *data, uint32_t len, bool to_host)
{
    struct dma_list sg;

    dma_list_init(&sg, &p->s->pci.dev, to_host);
    if (map_table(&p->slot, 0, p->moved, len, &sg)) {
        struct sg vectors = {sg.iov, sg.count, 0};
        uint32_t n = (uint32_t)MIN(len, sg.bytes);
        if (to_host)
            sg_write(vectors, data, n);
        else
            sg_read(vectors, data, n);
        if (to_host)
            dma_list_deliver(&sg);
        p->moved += n;
    }
    dma_list_free(&sg);
    count_bytes(p, p->moved);
}

static bool pio_ready(struct ata_slot *slot, bool to_host, bool interrupt)
{
    struct ahci_port *p = port_of(slot);
    struct ata_device *d = device_on(p);
    uint32_t len;
    uint8_t *data = ata_pio_block(d, &len, &to_host);

    if (!data)
        return false;
    send_pio_setup(p, to_host, interrupt, len);
    if (ata_wants_packet(d))
        fetch_packet(p, data, len);
    else
        move_block(p, data, len, to_host);
    ata_pio_moved(d, len);
    return true;
}

static void dma_ready(struct ata_slot *slot)
{
    ata_dma_go(slot->dev);
}

static void dma_done(struct ata_slot *slot, unsigned tag, uint64_t bytes, bool ok)
{
    struct ahci_port *p = port_of(slot);

    (void)tag;
    (void)ok;
    count_bytes(p, (uint32_t)bytes);
}

static void complete(struct ata_slot *slot, bool interrupt)
{
    struct ahci_port *p = port_of(slot);
    bool failed = ata_registers(slot->dev)->status & ATA_ERR;

    /* The last block of a read took the final status with it. */
    if (interrupt || failed)
        send_d2h(p, interrupt);
    else
        set_tfd(p);
    if (failed) {
        p->stopped = true; /* the command stays in PxCI */
        return;
    }
    if (p->current != AHCI_NO_SLOT)
        p->ci &= ~(1u << p->current);
    p->current = AHCI_NO_SLOT;
    run(p);
}

static void queued(struct ata_slot *slot, unsigned tag)
{
    (void)tag;
    send_d2h(port_of(slot), false);
}

static void queued_done(struct ata_slot *slot, unsigned tag)
{
    struct ahci_port *p = port_of(slot);
    bool failed = ata_registers(slot->dev)->status & ATA_ERR;

    /* Which one failed is in the log; PxSACT keeps all that were not done. */
    send_sdb(p, failed ? 0 : 1u << tag);
    if (failed)
        p->stopped = true;
    else
        run(p);
}

static const struct ata_host_ops host_ops = {
    .pio_ready = pio_ready,
    .dma_ready = dma_ready,
    .dma_map = map_table,
    .dma_done = dma_done,
    .complete = complete,
    .queued = queued,
    .queued_done = queued_done,
};

/* ---- registers ------------------------------------------------------------------------------- */

static void stop(struct ahci_port *p)
{
    if (device_on(p))
        ata_abort(device_on(p));
    p->ci = p->sact = 0;
    p->current = AHCI_NO_SLOT;
    p->stopped = false;
    p->cmd &= ~(uint32_t)(CMD_CR | 0x1fu << CMD_CCS_SHIFT);
}

/* The device's first frame, after it was found. */
static void link_up(struct ahci_port *p)
{
    struct ata_device *d = device_on(p);

    if (!d) {
        p->ssts = 0;
        p->tfd = 0x7f;
        return;
    }
    ata_reset(d, true);
    p->ssts = SSTS_PRESENT | SSTS_GEN3 | SSTS_ACTIVE;
    p->serr |= SERR_DIAG_X;
    p->sig = ata_is_packet(d) ? SIG_ATAPI : SIG_ATA;
    send_d2h(p, false);
}

static void write_sctl(struct ahci_port *p, uint32_t value)
{
    uint32_t old = p->sctl & SCTL_DET, now = value & SCTL_DET;

    p->sctl = value & SCTL_MASK;
    if (now == old)
        return;
    if (now) { /* COMRESET goes on, or the interface is off */
        if (device_on(p))
            ata_abort(device_on(p));
        p->current = AHCI_NO_SLOT;
        p->stopped = p->soft_reset = false;
        p->ssts = now == 4 ? 4 : 0;
        p->tfd = 0x7f;
        p->sig = UINT32_MAX;
    } else {
        link_up(p);
    }
}

static void write_cmd(struct ahci_port *p, uint32_t value)
{
    uint32_t old = p->cmd;

    p->cmd = (old & ~CMD_WRITABLE) | (value & CMD_WRITABLE);
    /* CLO makes a start possible after a device that stayed busy. */
    if (value & CMD_CLO)
        p->tfd &= ~(uint32_t)(ATA_BSY | ATA_DRQ);
    if (p->cmd & CMD_FRE)
        p->cmd |= CMD_FR;
    else
        p->cmd &= ~(uint32_t)CMD_FR;
    if (~old & p->cmd & CMD_ST) {
        p->cmd |= CMD_CR;
        run_batch(p);
    } else if (old & ~p->cmd & CMD_ST) {
        stop(p);
    }
}

static uint32_t status(const struct ahci_port *p)
{
    return p->is | (p->serr & SERR_DIAG_X ? IS_PC : 0);
}

bool ahci_port_interrupts(const struct ahci_port *p)
{
    return status(p) & p->ie;
}

uint32_t ahci_port_read(struct ahci_port *p, uint32_t offset)
{
    switch (offset) {
    case PX_CLB:
        return (uint32_t)p->list;
    case PX_CLBU:
        return (uint32_t)(p->list >> 32);
    case PX_FB:
        return (uint32_t)p->fis;
    case PX_FBU:
        return (uint32_t)(p->fis >> 32);
    case PX_IS:
        return status(p);
    case PX_IE:
        return p->ie;
    case PX_CMD:
        return p->cmd;
    case PX_TFD:
        return p->tfd;
    case PX_SIG:
        return p->sig;
    case PX_SSTS:
        return p->ssts;
    case PX_SCTL:
        return p->sctl;
    case PX_SERR:
        return p->serr;
    case PX_SACT:
        return p->sact;
    case PX_CI:
        return p->ci;
    default:
        return 0;
    }
}

static void set_low(uint64_t *reg, uint32_t value)
{
    *reg = (*reg & ~UINT64_C(0xffffffff)) | value;
}

static void set_high(uint64_t *reg, uint32_t value)
{
    *reg = (*reg & UINT64_C(0xffffffff)) | (uint64_t)value << 32;
}

void ahci_port_write(struct ahci_port *p, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case PX_CLB:
        set_low(&p->list, value & ~UINT32_C(0x3ff));
        break;
    case PX_CLBU:
        set_high(&p->list, value);
        break;
    case PX_FB:
        set_low(&p->fis, value & ~UINT32_C(0xff));
        break;
    case PX_FBU:
        set_high(&p->fis, value);
        break;
    case PX_IS:
        p->is &= ~(value & IS_WRITE_CLEAR);
        ahci_update(p->s);
        break;
    case PX_IE:
        p->ie = value & IE_MASK;
        ahci_update(p->s);
        break;
    case PX_CMD:
        write_cmd(p, value);
        break;
    case PX_SCTL:
        write_sctl(p, value);
        break;
    case PX_SERR:
        p->serr &= ~value;
        ahci_update(p->s);
        break;
    case PX_SACT:
        if (p->cmd & CMD_ST)
            p->sact |= value;
        break;
    case PX_CI:
        if (p->cmd & CMD_ST) {
            p->ci |= value;
            run_batch(p);
        }
        break;
    default:
        break;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void ahci_port_init(struct ahci_port *p, struct ahci *s, unsigned n)
{
    p->s = s;
    p->n = n;
    p->slot = (struct ata_slot){
        .ops = &host_ops, .controller = &s->pci.dev, .opaque = p, .index = n, .queues = true};
    p->current = AHCI_NO_SLOT;
}

void ahci_port_reset(struct ahci_port *p, bool power_on)
{
    stop(p);
    /* Where lists are stays over a reset of the adapter by software. */
    if (power_on)
        p->list = p->fis = 0;
    p->is = p->ie = p->serr = p->sctl = 0;
    p->soft_reset = false;
    p->sig = UINT32_MAX;
    p->cmd = CMD_SUD | CMD_POD;
    link_up(p);
}

bool ahci_port_post_load(struct ahci_port *p)
{
    p->list &= ~UINT64_C(0x3ff);
    p->fis &= ~UINT64_C(0xff);
    return p->current == AHCI_NO_SLOT || p->current < AHCI_SLOTS;
}

const struct state_field ahci_port_state[] = {
    STATE_INT(struct ahci_port, list),
    STATE_INT(struct ahci_port, fis),
    STATE_INT(struct ahci_port, is),
    STATE_INT(struct ahci_port, ie),
    STATE_INT(struct ahci_port, cmd),
    STATE_INT(struct ahci_port, tfd),
    STATE_INT(struct ahci_port, sig),
    STATE_INT(struct ahci_port, ssts),
    STATE_INT(struct ahci_port, sctl),
    STATE_INT(struct ahci_port, serr),
    STATE_INT(struct ahci_port, sact),
    STATE_INT(struct ahci_port, ci),
    STATE_INT(struct ahci_port, current),
    STATE_INT(struct ahci_port, moved),
    STATE_FLAG(struct ahci_port, stopped),
    STATE_FLAG(struct ahci_port, soft_reset),
    STATE_FIELDS_END,
};
