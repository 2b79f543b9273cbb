/* The commands of ATA devices: which there are, their arguments, and those that move no disk data.
 */
#include <string.h>
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"

enum { UNC_ADDRESS = 0xf };
/* SET FEATURES */
enum {
    FEATURE_WRITE_CACHE_ON = 0x02,
    FEATURE_TRANSFER_MODE = 0x03,
    FEATURE_APM_ON = 0x05,
    FEATURE_LOOK_AHEAD_OFF = 0x55,
    FEATURE_REVERT_OFF = 0x66,
    FEATURE_WRITE_CACHE_OFF = 0x82,
    FEATURE_APM_OFF = 0x85,
    FEATURE_LOOK_AHEAD_ON = 0xaa,
    FEATURE_REVERT_ON = 0xcc,
};
enum { MODE_NONE = 0xff };
enum { POWER_STANDBY = 0x00, POWER_IDLE = 0x80, POWER_ACTIVE = 0xff };

/* ---- addresses ------------------------------------------------------------------------------- */

uint64_t ata_lba48(const struct ata_taskfile *tf)
{
    return (uint64_t)(tf->lba_high >> 8) << 40 | (uint64_t)(tf->lba_mid >> 8) << 32 |
           (uint64_t)(tf->lba_low >> 8) << 24 | (uint64_t)(tf->lba_high & 0xff) << 16 |
           (uint64_t)(tf->lba_mid & 0xff) << 8 | (tf->lba_low & 0xff);
}

void ata_set_lba48(struct ata_taskfile *tf, uint64_t lba)
{
    tf->lba_low = (uint16_t)((lba & 0xff) | (lba >> 24 & 0xff) << 8);
    tf->lba_mid = (uint16_t)((lba >> 8 & 0xff) | (lba >> 32 & 0xff) << 8);
    tf->lba_high = (uint16_t)((lba >> 16 & 0xff) | (lba >> 40 & 0xff) << 8);
}

/* Cylinder, head and sector by the current translation; UINT64_MAX: there is no such place. */
static uint64_t chs_address(const struct ata_device *d, const struct ata_taskfile *tf)
{
    uint32_t cylinder = (tf->lba_mid & 0xffu) | (tf->lba_high & 0xffu) << 8;
    uint32_t head = tf->device & 0xf, sector = tf->lba_low & 0xff;

    if (!sector || sector > d->track_sectors || head >= d->heads)
        return UINT64_MAX;
    return ((uint64_t)cylinder * d->heads + head) * d->track_sectors + sector - 1;
}

/* Where the command begins, and how many sectors it is for. False: not all of them are there. */
static bool take_address(struct ata_device *d, bool ext)
{
    const struct ata_taskfile *tf = &d->cmd;

    if (ext) {
        d->lba = ata_lba48(tf);
        d->left = tf->count ? tf->count : 65536;
    } else {
        d->lba = tf->device & ATA_DEVICE_LBA
                     ? (ata_lba48(tf) & 0xffffff) | (uint64_t)(tf->device & UNC_ADDRESS) << 24
                     : chs_address(d, tf);
        d->left = tf->count & 0xff ? tf->count & 0xff : 256;
    }
    if (range_fits(d->lba, d->left, d->sectors))
        return true;
    ata_complete(d, ATA_ERROR_IDNF, true);
    return false;
}

unsigned ata_write_flags(const struct ata_device *d, bool fua)
{
    return fua || !d->write_cache ? VEMU_BLOCK_FUA : 0;
}

/* ---- data ------------------------------------------------------------------------------------ */

/* What a row of the table says of a transfer. */
enum {
    EXT = 1 << 0,
    DMA = 1 << 1,
    WRITE = 1 << 2,
    MULTIPLE = 1 << 3,
    PACKET_TOO = 1 << 4, /* packet devices have it as well */
    PACKET_ONLY = 1 << 5,
};

bool ata_writes(const struct ata_device *d)
{
    switch (d->cmd.command) {
    case ATA_CMD_WRITE:
    case ATA_CMD_WRITE_NO_RETRY:
    case ATA_CMD_WRITE_EXT:
    case ATA_CMD_WRITE_DMA:
    case ATA_CMD_WRITE_DMA_NO_RETRY:
    case ATA_CMD_WRITE_DMA_EXT:
    case ATA_CMD_WRITE_DMA_FUA_EXT:
    case ATA_CMD_WRITE_MULTIPLE:
    case ATA_CMD_WRITE_MULTIPLE_EXT:
    case ATA_CMD_WRITE_MULTIPLE_FUA_EXT:
    case ATA_CMD_WRITE_BUFFER:
    case ATA_CMD_DATA_SET_MANAGEMENT:
        return true;
    case ATA_CMD_PACKET:
        return d->cdb[0] == 0x15 || d->cdb[0] == 0x55; /* MODE SELECT */
    default:
        return false;
    }
}

static void transfer(struct ata_device *d, unsigned flags)
{
    if ((flags & MULTIPLE) && !d->multiple) {
        ata_complete(d, ATA_ERROR_ABRT, true);
        return;
    }
    if ((flags & WRITE) && d->p.drive->read_only) {
        ata_complete(d, ATA_ERROR_ABRT, true);
        return;
    }
    if (!take_address(d, flags & EXT))
        return;
    d->dma = flags & DMA;
    d->block = flags & MULTIPLE ? d->multiple * (uint32_t)ATA_SECTOR : ATA_SECTOR;
    if (flags & WRITE)
        ata_write_disk(d);
    else
        ata_read_disk(d);
}

static void verify(struct ata_device *d, unsigned flags)
{
    if (take_address(d, flags & EXT))
        ata_complete(d, 0, true);
}

static void buffer(struct ata_device *d, unsigned flags)
{
    d->dma = false;
    if (flags & WRITE)
        ata_receive_buffer(d, ATA_SECTOR, ATA_SECTOR);
    else
        ata_send_buffer(d, ATA_SECTOR, ATA_SECTOR);
}

static void data_set_management(struct ata_device *d, unsigned flags)
{
    (void)flags;
    if (!(d->cmd.feature & 1) || d->p.drive->read_only || !d->cmd.count ||
        d->cmd.count > ATA_TRIM_BLOCKS) {
        ata_complete(d, ATA_ERROR_ABRT, true);
        return;
    }
    d->dma = true;
    ata_receive_buffer(d, d->cmd.count * (uint32_t)ATA_SECTOR, ATA_SECTOR);
}

void ata_data_received(struct ata_device *d)
{
    if (ata_is_packet(d)) {
        atapi_data_received(d);
    } else if (d->cmd.command == ATA_CMD_DATA_SET_MANAGEMENT) {
        d->pos = 0;
        ata_begin_step(d, ATA_STEP_TRIM);
    } else {
        ata_complete(d, 0, true);
    }
}

/* ---- without data ---------------------------------------------------------------------------- */

static void succeed(struct ata_device *d, unsigned flags)
{
    (void)flags;
    ata_complete(d, 0, true);
}

static void refuse(struct ata_device *d, unsigned flags)
{
    (void)flags;
    ata_complete(d, ATA_ERROR_ABRT, true);
}

static void flush(struct ata_device *d, unsigned flags)
{
    (void)flags;
    if (d->p.drive->read_only)
        ata_complete(d, 0, true);
    else
        ata_begin_step(d, ATA_STEP_FLUSH);
}

static void identify(struct ata_device *d, unsigned flags)
{
    bool packet_command = flags & PACKET_ONLY;

    if (packet_command != ata_is_packet(d)) {
        /* This is how software finds out which of the two it is. */
        if (!packet_command)
            ata_set_signature(d);
        ata_complete(d, ATA_ERROR_ABRT, true);
        return;
    }
    d->dma = false;
    ata_fill_identify(d);
    ata_send_buffer(d, ATA_SECTOR, ATA_SECTOR);
}

static void init_parameters(struct ata_device *d, unsigned flags)
{
    uint32_t heads = (d->cmd.device & 0xfu) + 1, sectors = d->cmd.count & 0xff;
    uint64_t cylinders = sectors ? d->sectors / (heads * sectors) : 0;

    (void)flags;
    if (!cylinders) {
        ata_complete(d, ATA_ERROR_ABRT, true);
        return;
    }
    d->heads = (uint8_t)heads;
    d->track_sectors = (uint8_t)sectors;
    d->cylinders = (uint16_t)MIN(cylinders, 65535);
    ata_complete(d, 0, true);
}

static void set_multiple(struct ata_device *d, unsigned flags)
{
    unsigned n = d->cmd.count & 0xff;

    (void)flags;
    if (n > ATA_MULTIPLE_MAX || (n & (n - 1))) {
        ata_complete(d, ATA_ERROR_ABRT, true);
        return;
    }
    d->multiple = (uint8_t)n;
    ata_complete(d, 0, true);
}

static void read_native_max(struct ata_device *d, unsigned flags)
{
    uint64_t last = MAX(d->sectors, 1) - 1;

    if (flags & EXT) {
        ata_set_lba48(&d->regs.tf, last);
    } else {
        last = MIN(last, UINT64_C(0xfffffff));
        ata_set_lba48(&d->regs.tf, last & 0xffffff);
        d->regs.tf.device =
            (uint8_t)((d->regs.tf.device & ~UNC_ADDRESS) | (last >> 24 & UNC_ADDRESS));
    }
    ata_complete(d, 0, true);
}

static void power(struct ata_device *d, unsigned flags)
{
    (void)flags;
    switch (d->cmd.command) {
    case ATA_CMD_CHECK_POWER:
        d->regs.tf.count = d->power;
        break;
    case ATA_CMD_STANDBY:
    case ATA_CMD_STANDBY_IMMEDIATE:
    case ATA_CMD_SLEEP:
        /* What is not on the platters by now would be lost. */
        d->power = POWER_STANDBY;
        if (!ata_is_packet(d) && !d->p.drive->read_only) {
            ata_begin_step(d, ATA_STEP_FLUSH);
            return;
        }
        break;
    default:
        d->power = POWER_IDLE;
    }
    ata_complete(d, 0, true);
}

static bool set_transfer_mode(struct ata_device *d, uint8_t value)
{
    unsigned mode = value & 7;

    switch (value >> 3) {
    case 0: /* the default of PIO */
    case 1: /* PIO with flow control */
        if (mode > 4)
            return false;
        d->pio_mode = (uint8_t)mode;
        return true;
    case 4:
        if (mode > 2)
            return false;
        d->mwdma_mode = (uint8_t)mode;
        d->udma_mode = MODE_NONE;
        return true;
    case 8:
        if (mode > 5)
            return false;
        d->udma_mode = (uint8_t)mode;
        d->mwdma_mode = MODE_NONE;
        return true;
    default:
        return false;
    }
}

static void set_features(struct ata_device *d, unsigned flags)
{
    bool ok = true;

    (void)flags;
    switch (d->cmd.feature & 0xff) {
    case FEATURE_WRITE_CACHE_ON:
        d->write_cache = true;
        break;
    case FEATURE_WRITE_CACHE_OFF:
        d->write_cache = false;
        if (!ata_is_packet(d) && !d->p.drive->read_only) {
            ata_begin_step(d, ATA_STEP_FLUSH);
            return;
        }
        break;
    case FEATURE_TRANSFER_MODE:
        ok = set_transfer_mode(d, (uint8_t)d->cmd.count);
        break;
    case FEATURE_LOOK_AHEAD_ON:
    case FEATURE_LOOK_AHEAD_OFF:
        d->look_ahead = (d->cmd.feature & 0xff) == FEATURE_LOOK_AHEAD_ON;
        break;
    case FEATURE_REVERT_ON:
    case FEATURE_REVERT_OFF:
    case FEATURE_APM_ON:
    case FEATURE_APM_OFF:
        break;
    default:
        ok = false;
    }
    ata_complete(d, ok ? 0 : ATA_ERROR_ABRT, true);
}

static void diagnostic(struct ata_device *d, unsigned flags)
{
    (void)flags;
    ata_set_signature(d);
    d->phase = ATA_IDLE;
    d->regs.status = ata_is_packet(d) ? 0 : ATA_DRDY | ATA_DSC;
    d->regs.error = ATA_DIAGNOSTIC_OK;
    d->slot->ops->complete(d->slot, true);
}

static void device_reset(struct ata_device *d, unsigned flags)
{
    (void)flags;
    ata_reset(d, false);
    d->slot->ops->complete(d->slot, false);
}

static void smart(struct ata_device *d, unsigned flags)
{
    (void)flags;
    ata_smart(d);
}

static void read_log(struct ata_device *d, unsigned flags)
{
    d->dma = flags & DMA;
    ata_read_log(d);
}

static void packet(struct ata_device *d, unsigned flags)
{
    (void)flags;
    atapi_begin(d);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct command {
    uint8_t first, last;
    void (*run)(struct ata_device *d, unsigned flags);
    unsigned flags;
} commands[] = {
    {ATA_CMD_NOP, ATA_CMD_NOP, refuse, PACKET_TOO},
    {ATA_CMD_DATA_SET_MANAGEMENT, ATA_CMD_DATA_SET_MANAGEMENT, data_set_management, 0},
    {ATA_CMD_DEVICE_RESET, ATA_CMD_DEVICE_RESET, device_reset, PACKET_ONLY},
    {ATA_CMD_RECALIBRATE, ATA_CMD_RECALIBRATE + 15, succeed, 0},
    {ATA_CMD_READ, ATA_CMD_READ_NO_RETRY, transfer, 0},
    {ATA_CMD_READ_EXT, ATA_CMD_READ_EXT, transfer, EXT},
    {ATA_CMD_READ_DMA_EXT, ATA_CMD_READ_DMA_EXT, transfer, EXT | DMA},
    {ATA_CMD_READ_NATIVE_MAX_EXT, ATA_CMD_READ_NATIVE_MAX_EXT, read_native_max, EXT},
    {ATA_CMD_READ_MULTIPLE_EXT, ATA_CMD_READ_MULTIPLE_EXT, transfer, EXT | MULTIPLE},
    {ATA_CMD_READ_LOG_EXT, ATA_CMD_READ_LOG_EXT, read_log, 0},
    {ATA_CMD_WRITE, ATA_CMD_WRITE_NO_RETRY, transfer, WRITE},
    {ATA_CMD_WRITE_EXT, ATA_CMD_WRITE_EXT, transfer, EXT | WRITE},
    {ATA_CMD_WRITE_DMA_EXT, ATA_CMD_WRITE_DMA_EXT, transfer, EXT | DMA | WRITE},
    {ATA_CMD_WRITE_MULTIPLE_EXT, ATA_CMD_WRITE_MULTIPLE_EXT, transfer, EXT | MULTIPLE | WRITE},
    {ATA_CMD_WRITE_DMA_FUA_EXT, ATA_CMD_WRITE_DMA_FUA_EXT, transfer, EXT | DMA | WRITE},
    {ATA_CMD_VERIFY, ATA_CMD_VERIFY_NO_RETRY, verify, 0},
    {ATA_CMD_VERIFY_EXT, ATA_CMD_VERIFY_EXT, verify, EXT},
    {ATA_CMD_READ_LOG_DMA_EXT, ATA_CMD_READ_LOG_DMA_EXT, read_log, DMA},
    {ATA_CMD_SEEK, ATA_CMD_SEEK + 15, succeed, 0},
    {ATA_CMD_DIAGNOSTIC, ATA_CMD_DIAGNOSTIC, diagnostic, PACKET_TOO},
    {ATA_CMD_INIT_PARAMETERS, ATA_CMD_INIT_PARAMETERS, init_parameters, 0},
    {ATA_CMD_PACKET, ATA_CMD_PACKET, packet, PACKET_ONLY},
    {ATA_CMD_IDENTIFY_PACKET, ATA_CMD_IDENTIFY_PACKET, identify, PACKET_TOO | PACKET_ONLY},
    {ATA_CMD_SMART, ATA_CMD_SMART, smart, 0},
    {ATA_CMD_READ_MULTIPLE, ATA_CMD_READ_MULTIPLE, transfer, MULTIPLE},
    {ATA_CMD_WRITE_MULTIPLE, ATA_CMD_WRITE_MULTIPLE, transfer, MULTIPLE | WRITE},
    {ATA_CMD_SET_MULTIPLE, ATA_CMD_SET_MULTIPLE, set_multiple, 0},
    {ATA_CMD_READ_DMA, ATA_CMD_READ_DMA_NO_RETRY, transfer, DMA},
    {ATA_CMD_WRITE_DMA, ATA_CMD_WRITE_DMA_NO_RETRY, transfer, DMA | WRITE},
    {ATA_CMD_WRITE_MULTIPLE_FUA_EXT, ATA_CMD_WRITE_MULTIPLE_FUA_EXT, transfer,
     EXT | MULTIPLE | WRITE},
    {ATA_CMD_STANDBY_IMMEDIATE, ATA_CMD_IDLE, power, PACKET_TOO},
    {ATA_CMD_READ_BUFFER, ATA_CMD_READ_BUFFER, buffer, 0},
    {ATA_CMD_CHECK_POWER, ATA_CMD_SLEEP, power, PACKET_TOO},
    {ATA_CMD_FLUSH, ATA_CMD_FLUSH, flush, 0},
    {ATA_CMD_WRITE_BUFFER, ATA_CMD_WRITE_BUFFER, buffer, WRITE},
    {ATA_CMD_FLUSH_EXT, ATA_CMD_FLUSH_EXT, flush, 0},
    {ATA_CMD_IDENTIFY, ATA_CMD_IDENTIFY, identify, PACKET_TOO},
    {ATA_CMD_SET_FEATURES, ATA_CMD_SET_FEATURES, set_features, PACKET_TOO},
    {ATA_CMD_READ_NATIVE_MAX, ATA_CMD_READ_NATIVE_MAX, read_native_max, 0},
};

static const struct command *find_command(const struct ata_device *d, uint8_t code)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        const struct command *c = &commands[i];
        bool known = ata_is_packet(d) ? c->flags & (PACKET_TOO | PACKET_ONLY)
                                      : c->flags & PACKET_TOO || !(c->flags & PACKET_ONLY);
        if (known && code >= c->first && code <= c->last)
            return c;
    }
    return NULL;
}

void ata_command(struct ata_device *d, const struct ata_taskfile *tf)
{
    const struct command *c = find_command(d, tf->command);

    if (d->in_flight) /* of a queue that failed */
        ata_abort(d);
    d->cmd = *tf;
    d->regs.tf = *tf;
    d->regs.error = 0;
    d->regs.status = ATA_BSY;
    d->phase = ATA_BUSY;
    d->raw_header = 0;
    if (d->power == POWER_STANDBY && tf->command != ATA_CMD_CHECK_POWER)
        d->power = POWER_ACTIVE;
    if (c && (!d->queue_error.set || c->run == read_log))
        c->run(d, c->flags);
    else
        ata_complete(d, ATA_ERROR_ABRT, true);
}

/* ---- reset ----------------------------------------------------------------------------------- */

void ata_set_signature(struct ata_device *d)
{
    struct ata_taskfile *tf = &d->regs.tf;

    tf->count = 1;
    tf->lba_low = 1;
    tf->lba_mid = ata_is_packet(d) ? 0x14 : 0;
    tf->lba_high = ata_is_packet(d) ? 0xeb : 0;
    tf->device &= ATA_DEVICE_SELECT;
}

void ata_reset(struct ata_device *d, bool hard)
{
    ata_abort(d);
    d->queue_error.set = false;
    if (hard) {
        d->multiple = ATA_MULTIPLE_MAX;
        d->pio_mode = 4;
        d->mwdma_mode = MODE_NONE;
        d->udma_mode = 5;
        d->heads = (uint8_t)d->default_heads;
        d->track_sectors = (uint8_t)d->default_sectors;
        d->cylinders = (uint16_t)d->default_cylinders;
        d->power = POWER_ACTIVE;
        d->look_ahead = d->smart = true;
    }
    if (ata_is_packet(d))
        atapi_reset(d, hard);
    ata_set_signature(d);
    /* A packet device shows DRDY only once it was given a command. */
    d->regs.status = ata_is_packet(d) ? 0 : ATA_DRDY | ATA_DSC;
    d->regs.error = ATA_DIAGNOSTIC_OK;
}
