/* Drives: see drive.h. */
#define _GNU_SOURCE
#include "core/block/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/block/block.h"
#include "core/device/machine.h"
#include "core/util/error.h"

const char *const drive_on_error_names[] = {"report", "ignore", "stop", "enospc", "auto", NULL};

struct drive *drive_find(struct vemu_machine *m, const char *id)
{
    list_for_each(d, &m->drives, struct drive, node)
    {
        if (strcmp(d->id, id) == 0)
            return d;
    }
    return NULL;
}

/* ---- the context ----------------------------------------------------------------------------- */

/* Made with the first drive; what the first one says of aio is for all. */
static bool need_context(struct vemu_machine *m, const char *aio, struct vemu_error **errp)
{
    struct vemu_block_context_options options = {.size = sizeof options};

    if (m->block)
        return true;
    if (aio && strcmp(aio, "threads") == 0)
        options.aio = VEMU_BLOCK_AIO_THREADS;
    else if (aio && strcmp(aio, "io_uring") == 0)
        options.aio = VEMU_BLOCK_AIO_URING;
    m->block = vemu_block_context_new(&options, errp);
    if (m->block && block_context_attach(m->block, m->loop, errp))
        return true;
    vemu_block_context_free(m->block);
    m->block = NULL;
    return false;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* An empty image on top of the one at filename, in a file that has no name any more. */
static struct vemu_block *open_snapshot(struct vemu_machine *m, const struct drive_config *cfg,
                                        struct vemu_block_options *options,
                                        struct vemu_error **errp)
{
    const char *dir = getenv("TMPDIR");
    char path[PATH_MAX], *full = realpath(cfg->filename, NULL);
    struct vemu_block_create_options create = {.size = sizeof create,
                                               .format = "qcow2",
                                               .virtual_size = VEMU_BLOCK_SIZE_OF_BACKING,
                                               .backing_filename = full,
                                               .backing_format = cfg->format};
    struct vemu_block *block = NULL;
    int fd;

    if (!full) {
        error_set_errno(errp, errno, "cannot open '%s'", cfg->filename);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/vemu-XXXXXX", dir ? dir : "/var/tmp");
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(errp, errno, "cannot make the temporary file '%s' for snapshot=on", path);
    } else {
        close(fd);
        options->format = "qcow2";
        options->writable = 1;
        options->cache = VEMU_BLOCK_UNSAFE; /* nobody will read it after a crash */
        if (vemu_block_create(m->block, path, &create, errp))
            block = vemu_block_open(m->block, path, options, errp);
        unlink(path);
    }
    free(full);
    return block;
}

/* The image, with a drive of another name adopted as its backing file if the configuration says so.
 */
static struct vemu_block *open_image(struct vemu_machine *m, const struct drive_config *cfg,
                                     struct vemu_error **errp)
{
    struct vemu_block_options options = {.size = sizeof options,
                                         .format = cfg->format,
                                         .cache = cfg->cache,
                                         .writable = cfg->read_only ? 0 : 1};
    struct drive *below = NULL;
    struct vemu_block *block;

    if (cfg->no_backing || cfg->backing)
        options.flags |= VEMU_BLOCK_NO_BACKING;
    if (cfg->backing) {
        below = drive_find(m, cfg->backing);
        if (!below || !below->block || below->dev) {
            error_set(errp, VEMU_ERROR_NOT_FOUND,
                      "backing '%s' must be a block node that nothing uses yet", cfg->backing);
            return NULL;
        }
    }
    if (cfg->snapshot)
        return open_snapshot(m, cfg, &options, errp);
    block = vemu_block_open(m->block, cfg->filename, &options, errp);
    if (block && below && !block_adopt_backing(block, below->block, errp)) {
        vemu_block_close(block, NULL);
        return NULL;
    }
    if (block && below)
        below->block = NULL; /* it goes with the image above */
    return block;
}

static void drive_free(struct drive *d)
{
    struct vemu_error *err = NULL;

    if (!vemu_block_close(d->block, &err))
        log_msg(&d->machine->log, LOG_WARN, "drive %s: %s", d->id, vemu_error_message(err));
    vemu_error_free(err);
    list_remove(&d->node);
    free(d->id);
    free(d);
}

struct drive *drive_new(struct vemu_machine *m, const struct drive_config *cfg,
                        struct vemu_error **errp)
{
    struct drive *d;

    if (drive_find(m, cfg->id)) {
        error_set(errp, VEMU_ERROR_INVALID, "the id '%s' is taken; give each its own", cfg->id);
        return NULL;
    }
    if (!need_context(m, cfg->aio, errp))
        return NULL;
    d = calloc(1, sizeof *d);
    if (!d || !(d->id = strdup(cfg->id))) {
        free(d);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    list_init(&d->node);
    d->machine = m;
    d->read_only = cfg->read_only;
    d->write_cache = cfg->cache != VEMU_BLOCK_WRITETHROUGH && cfg->cache != VEMU_BLOCK_DIRECTSYNC;
    d->discard = cfg->discard;
    d->rerror = cfg->rerror;
    d->werror = cfg->werror;
    d->block = open_image(m, cfg, errp);
    if (!d->block) {
        drive_free(d);
        return NULL;
    }
    list_add_tail(&m->drives, &d->node);
    return d;
}

/* ---- use ------------------------------------------------------------------------------------- */

bool drive_attach(struct drive *d, struct device *dev, const struct drive_ops *ops, void *opaque,
                  struct vemu_error **errp)
{
    if (!d->block)
        return error_set(errp, VEMU_ERROR_STATE, "drive '%s' is the backing file of another one",
                         d->id);
    if (d->dev)
        return error_set(errp, VEMU_ERROR_STATE,
                         "drive '%s' is used by a %s already: each device needs its own", d->id,
                         d->dev->cls->name);
    d->dev = dev;
    d->ops = ops;
    d->opaque = opaque;
    return true;
}

void drive_detach(struct drive *d)
{
    vemu_block_drain(d->block);
    d->dev = NULL;
    d->ops = NULL;
}

void drive_drain_all(struct vemu_machine *m)
{
    list_for_each(d, &m->drives, struct drive, node)
    {
        if (d->block)
            vemu_block_drain(d->block);
    }
}

void drive_resume_all(struct vemu_machine *m)
{
    list_for_each(d, &m->drives, struct drive, node)
    {
        if (d->ops && d->ops->resume)
            d->ops->resume(d->opaque);
    }
}

void drive_free_all(struct vemu_machine *m)
{
    list_for_each_safe(d, &m->drives, struct drive, node) drive_free(d);
    if (!m->block)
        return;
    block_context_detach(m->block, m->loop);
    vemu_block_context_free(m->block);
    m->block = NULL;
}

enum drive_on_error drive_error(struct drive *d, enum drive_on_error policy, bool write, int error)
{
    if (policy == DRIVE_AUTO)
        policy = write ? d->werror : d->rerror;
    if (policy == DRIVE_ENOSPC)
        policy = error == ENOSPC ? DRIVE_STOP : DRIVE_REPORT;
    log_msg(&d->machine->log, LOG_WARN, "drive %s: a %s failed: %s%s", d->id,
            write ? "write" : "read", strerror(error),
            policy == DRIVE_STOP ? "; the machine is paused" : "");
    if (policy == DRIVE_STOP)
        machine_request(d->machine, MACHINE_REQUEST_PAUSE, 0);
    return policy;
}
