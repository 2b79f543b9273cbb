/* The tray of a CD-ROM drive: moved by the guest's commands, and from outside (MMC-5). */
#include <stdio.h>
#include "core/block/medium.h"
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"

/* The guest learns of it by the event that it polls for, and by a unit attention. */
static void medium_came(struct ata_device *d)
{
    d->attention = ASC_MEDIUM_CHANGED;
    d->media_event = MEDIA_NEW;
}

void atapi_move_tray(struct ata_device *d, bool open)
{
    if (d->tray_open == open)
        return;
    d->tray_open = open;
    if (!open && ata_has_medium(d))
        medium_came(d);
    else if (open && ata_has_medium(d))
        d->media_event = MEDIA_REMOVAL;
    medium_tray_moved(&d->dev);
}

static void get(const struct device *dev, struct medium_state *state)
{
    const struct ata_device *d = (const struct ata_device *)dev;

    *state = (struct medium_state){
        .open = d->tray_open, .locked = d->tray_locked, .drive = d->p.drive, .name = d->drive_name};
}

static void move(struct device *dev, bool open)
{
    atapi_move_tray((struct ata_device *)dev, open);
}

static void ask(struct device *dev)
{
    struct ata_device *d = (struct ata_device *)dev;

    if (!d->tray_open)
        d->media_event = MEDIA_EJECT_REQUEST;
}

/* Requests that are under way finish; a command that wants more of the medium does not find it. */
static void take_out(struct ata_device *d)
{
    drive_detach(d->p.drive);
    d->p.drive = NULL;
    d->sectors = 0;
    if (d->phase == ATA_AGAIN)
        ata_begin_step(d, (enum ata_step)d->step);
}

static bool put(struct device *dev, struct drive *drive, struct vemu_error **errp)
{
    struct ata_device *d = (struct ata_device *)dev;

    if (d->p.drive && drive)
        return error_set(errp, VEMU_ERROR_STATE, "there is a medium already; take it out first");
    if (!drive) {
        if (d->p.drive)
            take_out(d);
        return true;
    }
    d->p.drive = drive;
    if (ata_attach_drive(d, errp))
        return true;
    d->p.drive = NULL;
    return false;
}

const struct medium_ops atapi_medium_ops = {.get = get, .move = move, .ask = ask, .put = put};
