/* ide-hd and ide-cd: properties, life, state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"
#include "hw/block/disk_props.h"
#include "hw/pci/pci_boot.h"

enum { AUTO, ON, OFF };
static const char *const on_off_auto[] = {"auto", "on", "off", NULL};
enum { TRANSLATION_AUTO, TRANSLATION_NONE, TRANSLATION_LBA };
static const char *const translations[] = {"auto", "none", "lba", NULL};
enum { GEOMETRY_CYLINDERS = 16383, GEOMETRY_HEADS = 16, GEOMETRY_SECTORS = 63 };

bool ata_is_packet(const struct ata_device *d)
{
    return d->dev.cls == &ide_cd_class;
}

bool ata_is_device(const struct device *dev)
{
    return dev->cls == &ide_hd_class || dev->cls == &ide_cd_class;
}

bool ata_wants_packet(const struct ata_device *d)
{
    return d->phase == ATA_PACKET;
}

bool ata_may_take(const struct ata_device *d)
{
    return !(d->regs.status & (ATA_BSY | ATA_DRQ));
}

struct ata_registers *ata_registers(struct ata_device *d)
{
    return &d->regs;
}

const struct ata_slot *ata_slot_of(const struct device *dev)
{
    return ((const struct ata_device *)dev)->slot;
}

/* ---- geometry -------------------------------------------------------------------------------- */

static bool set_geometry(struct ata_device *d, struct vemu_error **errp)
{
    const struct ata_props *p = &d->p;
    uint64_t cylinders;

    d->default_heads = p->heads ? p->heads : GEOMETRY_HEADS;
    d->default_sectors = p->sectors ? p->sectors : GEOMETRY_SECTORS;
    cylinders = d->sectors / (d->default_heads * d->default_sectors);
    d->default_cylinders =
        p->cylinders ? p->cylinders : (uint32_t)MIN(MAX(cylinders, 2), GEOMETRY_CYLINDERS);
    if (d->default_cylinders > 65535 || d->default_heads > 16 || d->default_sectors > 255)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "cyls=%u, heads=%u and secs=%u must be at most 65535, 16 and 255",
                         p->cylinders, p->heads, p->sectors);
    return true;
}

bool ata_geometry(const struct device *dev, struct ata_geometry *g)
{
    const struct ata_device *d = (const struct ata_device *)dev;

    if (dev->cls != &ide_hd_class)
        return false;
    *g = (struct ata_geometry){.cylinders = d->default_cylinders,
                               .heads = d->default_heads,
                               .sectors = d->default_sectors};
    /* What fits the BIOS interface of old needs none. */
    g->lba_translation = d->p.translation == TRANSLATION_AUTO ? g->cylinders > 1024
                                                              : d->p.translation == TRANSLATION_LBA;
    return true;
}

void ata_disconnect(struct ata_slot *slot)
{
    struct ata_device *d = slot->dev;

    if (!d)
        return;
    ata_abort(d);
    boot_target_remove(&d->p.boot);
    d->slot = NULL;
    slot->dev = NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* A disk says so when it is identified the next time: ATA has nothing to announce it by. The
 * geometry of old stays. */
static void resized(void *opaque)
{
    struct ata_device *d = opaque;

    d->sectors = vemu_block_size(d->p.drive->block) / ATA_SECTOR;
    if (ata_is_packet(d) && !d->tray_open)
        d->attention = ASC_MEDIUM_CHANGED;
}

static const struct drive_ops drive_ops = {.resume = ata_resume, .resized = resized};

static bool check_props(struct ata_device *d, struct vemu_error **errp)
{
    struct ata_props *p = &d->p;
    const struct {
        const char *name, *text;
        size_t max;
    } texts[] = {{"serial", p->serial, ATA_STRING_SERIAL},
                 {"model", p->model, ATA_STRING_MODEL},
                 {"ver", p->version, ATA_STRING_FIRMWARE}};

    for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i].text && strlen(texts[i].text) > texts[i].max)
            return error_set(errp, VEMU_ERROR_INVALID, "%s=%.80s is longer than %zu characters",
                             texts[i].name, texts[i].text, texts[i].max);
    }
    if (p->logical_block_size != ATA_SECTOR || !is_power_of_two(p->physical_block_size) ||
        p->physical_block_size < ATA_SECTOR)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "logical_block_size=%u must be 512 for this device, and "
                         "physical_block_size=%u a power of two that is not smaller",
                         p->logical_block_size, p->physical_block_size);
    return true;
}

bool ata_attach_drive(struct ata_device *d, struct vemu_error **errp)
{
    struct drive *drive = d->p.drive;

    if (!drive)
        return ata_is_packet(d) || disk_has_drive(drive, errp);
    d->sectors = drive->block ? vemu_block_size(drive->block) / ATA_SECTOR : 0;
    if (drive->block && !d->sectors && !ata_is_packet(d))
        return error_set(errp, VEMU_ERROR_INVALID, "drive '%s' has no sectors", drive->id);
    return drive_attach(drive, &d->dev, &drive_ops, d, errp);
}

/* Firmware finds it below its controller: a channel and a unit, or a port. */
static bool announce(struct ata_device *d, struct vemu_error **errp)
{
    const struct ata_slot *slot = d->slot;
    const struct pci_device *pci = (const struct pci_device *)slot->controller;
    char unit[32];

    if (slot->queues)
        snprintf(unit, sizeof unit, "/drive@%x/disk@0", slot->index);
    else
        snprintf(unit, sizeof unit, "/drive@%x/disk@%x", slot->index / 2, slot->index % 2);
    return pci_boot_target_add(&d->p.boot, &d->dev, pci, ata_is_packet(d) ? BOOT_CDROM : BOOT_DISK,
                               unit, errp);
}

static void detach(struct ata_device *d)
{
    boot_target_remove(&d->p.boot);
    if (d->p.drive)
        drive_detach(d->p.drive);
    if (d->slot)
        d->slot->dev = NULL;
}

static bool ata_realize(struct device *dev, struct vemu_error **errp)
{
    struct ata_device *d = (struct ata_device *)dev;

    if (!d->slot)
        return error_set(errp, VEMU_ERROR_INVALID, "this machine has no IDE or AHCI controller");
    if (!check_props(d, errp) || !ata_attach_drive(d, errp)) {
        d->slot->dev = NULL;
        return false;
    }
    if (d->p.drive && !d->p.drive->is_node)
        snprintf(d->drive_name, sizeof d->drive_name, "%s", d->p.drive->id);
    if (d->p.serial)
        snprintf(d->serial, sizeof d->serial, "%s", d->p.serial);
    else
        snprintf(d->serial, sizeof d->serial, "VM%05u", d->dev.instance + 1);
    if ((!ata_is_packet(d) && !set_geometry(d, errp)) || !announce(d, errp)) {
        detach(d);
        return false;
    }
    for (unsigned i = 0; i < ATA_QUEUE_DEPTH; i++)
        d->requests[i].d = d;
    return true;
}

static void ata_unrealize(struct device *dev)
{
    struct ata_device *d = (struct ata_device *)dev;

    ata_abort(d);
    detach(d);
}

static void ata_device_reset(struct device *dev)
{
    struct ata_device *d = (struct ata_device *)dev;

    d->write_cache =
        d->p.write_cache == AUTO ? !d->p.drive || d->p.drive->write_cache : d->p.write_cache == ON;
    ata_reset(d, true);
    d->regs.tf.device = 0;
}

/* What goes together: a phase, its step, and places in the buffer. */
static bool ata_post_load(struct device *dev, struct vemu_error **errp)
{
    struct ata_device *d = (struct ata_device *)dev;
    bool block = d->phase == ATA_PIO_IN || d->phase == ATA_PIO_OUT || d->phase == ATA_PACKET;

    if (d->phase == ATA_BUSY || d->pos > d->drq_end || d->drq_end > d->len ||
        (d->phase == ATA_AGAIN) != (d->step != ATA_STEP_NONE) || (block && d->pos == d->drq_end) ||
        (d->phase != ATA_IDLE && !d->block) ||
        (!ata_is_packet(d) && (d->phase == ATA_PACKET || d->raw_header)) ||
        (d->raw_header && !atapi_block_bytes(d)) || (d->again & ~d->queued) ||
        d->again != d->queued || (d->step == ATA_STEP_DMA && !d->dma)) {
        ata_abort(d);
        return error_set(errp, VEMU_ERROR_FORMAT, "saved state of %s: a command that cannot be",
                         dev->cls->name);
    }
    return true;
}

#define ATA_PROPS(version_, model_)                                                                \
    PROP(PROP_DRIVE, struct ata_device, p.drive, "drive", NULL, "the disk's image"),               \
        PROP(PROP_STRING, struct ata_device, p.bus, "bus", NULL,                                   \
             "channel or port, such as ide.0 or ID.0 of a controller with that id; else the "      \
             "first with room"),                                                                   \
        PROP(PROP_U32, struct ata_device, p.unit, "unit", "4294967295",                            \
             "0 or 1 on that channel; 4294967295: the first that is free"),                        \
        PROP(PROP_STRING, struct ata_device, p.serial, "serial", NULL,                             \
             "serial number, up to 20 characters"),                                                \
        PROP(PROP_STRING, struct ata_device, p.model, "model", model_,                             \
             "model, up to 40 characters"),                                                        \
        PROP(PROP_STRING, struct ata_device, p.version, "ver", version_,                           \
             "firmware revision, up to 8 characters"),                                             \
        PROP(PROP_U64, struct ata_device, p.wwn, "wwn", "0", "world wide name; 0: none"),          \
        PROP(PROP_ENUM, struct ata_device, p.write_cache, "write-cache", "auto",                   \
             "write cache; auto: as the drive's cache mode says", .enum_names = on_off_auto),      \
        PROP(PROP_ENUM, struct ata_device, p.rerror, "rerror", "auto", "what a failed read does",  \
             .enum_names = drive_on_error_names),                                                  \
        PROP(PROP_ENUM, struct ata_device, p.werror, "werror", "auto", "what a failed write does", \
             .enum_names = drive_on_error_names),                                                  \
        PROP(PROP_U32, struct ata_device, p.logical_block_size, "logical_block_size", "512",       \
             "bytes of a sector: 512"),                                                            \
        PROP(PROP_U32, struct ata_device, p.physical_block_size, "physical_block_size", "512",     \
             "bytes that the disk writes at once", .min = 512, .max = 32768),                      \
        BOOT_PROPS(struct ata_device, p.boot)

static const struct prop_desc hd_props[] = {
    ATA_PROPS("1.0", "VEMU HARDDISK"),
    PROP(PROP_U32, struct ata_device, p.cylinders, "cyls", "0", "cylinders; 0: by size",
         .max = 65535),
    PROP(PROP_U32, struct ata_device, p.heads, "heads", "0", "heads; 0: 16", .max = 16),
    PROP(PROP_U32, struct ata_device, p.sectors, "secs", "0", "sectors a track; 0: 63", .max = 255),
    PROP(PROP_ENUM, struct ata_device, p.translation, "bios-chs-trans", "auto",
         "how the BIOS shows the geometry", .enum_names = translations),
    PROP(PROP_U16, struct ata_device, p.rotation_rate, "rotation_rate", "0",
         "revolutions a minute; 1: a solid state disk, 0: not told"),
    {0},
};
static const struct prop_desc cd_props[] = {
    ATA_PROPS("1.0", "VEMU DVD-ROM"),
    {0},
};

static const struct state_field ata_taskfile_state[] = {
    STATE_INT(struct ata_taskfile, feature),  STATE_INT(struct ata_taskfile, count),
    STATE_INT(struct ata_taskfile, lba_low),  STATE_INT(struct ata_taskfile, lba_mid),
    STATE_INT(struct ata_taskfile, lba_high), STATE_INT(struct ata_taskfile, device),
    STATE_INT(struct ata_taskfile, command),  STATE_FIELDS_END,
};
#define STATE_TASKFILE(member_)                                                                    \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(struct ata_device, member_),    \
        .count = 1, .elem_size = sizeof(struct ata_taskfile), .fields = ata_taskfile_state         \
    }
static const struct state_field ata_state[] = {
    STATE_TASKFILE(regs.tf),
    STATE_INT(struct ata_device, regs.status),
    STATE_INT(struct ata_device, regs.error),
    STATE_TASKFILE(cmd),
    STATE_INT(struct ata_device, phase, .max = ATA_PHASES - 1),
    STATE_INT(struct ata_device, step, .max = ATA_STEPS - 1),
    STATE_FLAG(struct ata_device, from_disk),
    STATE_FLAG(struct ata_device, dma),
    STATE_INT(struct ata_device, lba),
    STATE_INT(struct ata_device, left),
    STATE_INT(struct ata_device, dma_offset),
    STATE_INT(struct ata_device, block, .max = 65536),
    STATE_INT(struct ata_device, pos, .max = ATA_BUFFER),
    STATE_INT(struct ata_device, drq_end, .max = ATA_BUFFER),
    STATE_INT(struct ata_device, len, .max = ATA_BUFFER),
    STATE_BUFFER(struct ata_device, buf),
    STATE_INT(struct ata_device, multiple, .max = ATA_MULTIPLE_MAX),
    STATE_INT(struct ata_device, pio_mode),
    STATE_INT(struct ata_device, mwdma_mode),
    STATE_INT(struct ata_device, udma_mode),
    STATE_INT(struct ata_device, heads, .max = 16),
    STATE_INT(struct ata_device, track_sectors),
    STATE_INT(struct ata_device, cylinders),
    STATE_FLAG(struct ata_device, write_cache),
    STATE_FLAG(struct ata_device, look_ahead),
    STATE_FLAG(struct ata_device, smart),
    STATE_INT(struct ata_device, power),
    STATE_INT(struct ata_device, queued),
    STATE_INT(struct ata_device, again),
    STATE_ARRAY_OF(struct ata_device, queue, ata_taskfile_state),
    STATE_FLAG(struct ata_device, queue_error.set),
    STATE_INT(struct ata_device, queue_error.tag, .max = ATA_QUEUE_DEPTH - 1),
    STATE_INT(struct ata_device, queue_error.error),
    STATE_INT(struct ata_device, queue_error.lba),
    STATE_BUFFER(struct ata_device, cdb),
    STATE_INT(struct ata_device, sense.key, .max = 15),
    STATE_INT(struct ata_device, sense.asc),
    STATE_INT(struct ata_device, sense.ascq),
    STATE_INT(struct ata_device, attention),
    STATE_FLAG(struct ata_device, tray_open),
    STATE_FLAG(struct ata_device, tray_locked),
    STATE_INT(struct ata_device, media_event, .max = MEDIA_EVENTS - 1),
    STATE_INT(struct ata_device, raw_header),
    STATE_FIELDS_END,
};

#define ATA_CLASS(name_, help_, props_, ...)                                                       \
    {                                                                                              \
        .name = (name_), .help = (help_), .size = sizeof(struct ata_device),                       \
        .user_creatable = true, .bus = "ide", .props = (props_), .state = ata_state,               \
        .state_version = 2, .realize = ata_realize, .unrealize = ata_unrealize,                    \
        .reset = ata_device_reset, .post_load = ata_post_load, __VA_ARGS__                         \
    }

const struct device_class ide_hd_class = ATA_CLASS("ide-hd", "ATA hard disk", hd_props);
const struct device_class ide_cd_class =
    ATA_CLASS("ide-cd", "ATAPI CD-ROM drive", cd_props, .medium = &atapi_medium_ops);
