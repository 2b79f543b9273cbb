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
#include "core/device/event.h"
#include "core/device/machine.h"
#include "core/util/error.h"
#include "core/util/range.h"

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

/* ---- opening --------------------------------------------------------------------------------- */

static bool drive_open(struct drive *d, bool parked, struct vemu_error **errp);

/* Whoever uses the drive next has its image opened in earnest. */
static bool make_ready(struct drive *d, struct vemu_error **errp)
{
    if (d->block && !d->parked)
        return true;
    vemu_block_close(d->block, NULL);
    d->block = NULL;
    return drive_open(d, false, errp);
}

/* The drive of another name that becomes the backing file. */
static struct drive *find_below(struct drive *d, struct vemu_error **errp)
{
    struct drive *below = drive_find(d->machine, d->config.backing);

    if (!below || below == d || below->above || below->dev || below->lent) {
        error_set(errp, VEMU_ERROR_NOT_FOUND,
                  "backing '%s' must be a block node that nothing uses yet", d->config.backing);
        return NULL;
    }
    return make_ready(below, errp) ? below : NULL;
}

static bool drive_open(struct drive *d, bool parked, struct vemu_error **errp)
{
    const struct drive_config *cfg = &d->config;
    struct vemu_block_options options = {.size = sizeof options,
                                         .format = cfg->format,
                                         .cache = cfg->cache,
                                         .writable = cfg->read_only || parked ? 0 : 1};
    struct drive *below = NULL;

    if (cfg->no_backing || cfg->backing)
        options.flags |= VEMU_BLOCK_NO_BACKING;
    if (parked)
        options.flags |= VEMU_BLOCK_FORCE_SHARE;
    if (cfg->backing && !(below = find_below(d, errp)))
        return false;
    d->block = cfg->snapshot ? open_snapshot(d->machine, cfg, &options, errp)
                             : vemu_block_open(d->machine->block, cfg->filename, &options, errp);
    if (!d->block)
        return false;
    d->parked = parked;
    if (below && !block_adopt_backing(d->block, below->block, errp)) {
        vemu_block_close(d->block, NULL);
        d->block = NULL;
        return false;
    }
    if (below)
        below->above = d;
    return true;
}

static void close_image(struct drive *d)
{
    struct vemu_error *err = NULL;

    if (!d->above && !vemu_block_close(d->block, &err))
        log_msg(&d->machine->log, LOG_WARN, "drive %s: %s", d->id, vemu_error_message(err));
    vemu_error_free(err);
    d->block = NULL;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void free_strings(struct drive *d)
{
    free(d->id);
    free((char *)d->config.filename);
    free((char *)d->config.format);
    free((char *)d->config.backing);
    free((char *)d->config.aio);
}

static bool copy_string(const char **text)
{
    return !*text || (*text = strdup(*text));
}

/* The configuration with strings of the drive's own. */
static bool copy_config(struct drive *d, const struct drive_config *cfg)
{
    bool ok = true;

    d->id = strdup(cfg->id);
    d->config = *cfg;
    d->config.id = d->id;
    ok &= copy_string(&d->config.filename);
    ok &= copy_string(&d->config.format);
    ok &= copy_string(&d->config.backing);
    ok &= copy_string(&d->config.aio);
    return ok && d->id;
}

static void drive_free(struct drive *d)
{
    list_remove(&d->node);
    free_strings(d);
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
    if (!d) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    list_init(&d->node);
    d->machine = m;
    d->is_node = cfg->node;
    d->read_only = cfg->read_only;
    d->write_cache = cfg->cache != VEMU_BLOCK_WRITETHROUGH && cfg->cache != VEMU_BLOCK_DIRECTSYNC;
    d->discard = cfg->discard;
    d->rerror = cfg->rerror;
    d->werror = cfg->werror;
    if (!copy_config(d, cfg)) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        drive_free(d);
        return NULL;
    }
    if (!drive_open(d, cfg->parked, errp)) {
        drive_free(d);
        return NULL;
    }
    list_add_tail(&m->drives, &d->node);
    return d;
}

/* Drives that were the backing file of one that is gone are open by themselves again; those that
 * were written inside of it go with it. */
static void release_below(struct vemu_machine *m, const struct drive *gone)
{
    struct drive *below = NULL;
    struct vemu_error *err = NULL;

    list_for_each(d, &m->drives, struct drive, node)
    {
        if (d->above == gone)
            below = d;
    }
    if (!below)
        return;
    below->above = NULL;
    below->block = NULL;
    if (strchr(below->id, '/')) {
        release_below(m, below);
        drive_free(below);
    } else if (!drive_open(below, below->config.parked, &err)) {
        log_msg(&m->log, LOG_WARN, "drive %s: %s", below->id, vemu_error_message(err));
        vemu_error_free(err);
    }
}

bool drive_lend(struct drive *d, struct vemu_error **errp)
{
    if (d->dev || d->above || d->lent || d->config.backing || d->config.snapshot)
        return error_set(errp, VEMU_ERROR_STATE, "node '%s' is in use already, or no plain image",
                         d->id);
    close_image(d);
    if (!drive_open(d, true, errp))
        return false;
    d->lent = true;
    return true;
}

bool drive_delete(struct drive *d, struct vemu_error **errp)
{
    if (d->lent)
        return error_set(errp, VEMU_ERROR_STATE, "node '%s' is in use as flash", d->id);
    if (d->dev)
        return error_set(errp, VEMU_ERROR_STATE, "node '%s' is in use by device %s%s%s", d->id,
                         d->dev->cls->name, d->dev->id ? " " : "", d->dev->id ? d->dev->id : "");
    if (d->above)
        return error_set(errp, VEMU_ERROR_STATE, "node '%s' is in use as the backing file of '%s'",
                         d->id, d->above->id);
    close_image(d);
    release_below(d->machine, d);
    drive_free(d);
    return true;
}

/* ---- use ------------------------------------------------------------------------------------- */

bool drive_attach(struct drive *d, struct device *dev, const struct drive_ops *ops, void *opaque,
                  struct vemu_error **errp)
{
    if (d->above)
        return error_set(errp, VEMU_ERROR_STATE, "drive '%s' is the backing file of another one",
                         d->id);
    if (d->lent)
        return error_set(errp, VEMU_ERROR_STATE, "drive '%s' is used as flash already", d->id);
    if (d->dev)
        return error_set(errp, VEMU_ERROR_STATE,
                         "drive '%s' is used by a %s already: each device needs its own", d->id,
                         d->dev->cls->name);
    if (!make_ready(d, errp))
        return false;
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

bool drive_resize(struct drive *d, uint64_t size, struct vemu_error **errp)
{
    if (d->above || d->lent)
        return error_set(errp, VEMU_ERROR_STATE,
                         "drive '%s' is the backing file of another one, or flash", d->id);
    if (!make_ready(d, errp))
        return false;
    vemu_block_drain(d->block);
    if (!vemu_block_resize(d->block, size, VEMU_BLOCK_PREALLOC_OFF, errp))
        return false;
    if (d->ops && d->ops->resized)
        d->ops->resized(d->opaque);
    return true;
}

void drive_drain_all(struct vemu_machine *m)
{
    list_for_each(d, &m->drives, struct drive, node)
    {
        if (d->block && !d->above)
            vemu_block_drain(d->block);
    }
}

void drive_resume_all(struct vemu_machine *m)
{
    list_for_each(d, &m->drives, struct drive, node)
    {
        d->status = DRIVE_FINE;
        if (d->ops && d->ops->resume)
            d->ops->resume(d->opaque);
    }
}

void drive_free_all(struct vemu_machine *m)
{
    list_for_each(d, &m->drives, struct drive, node) close_image(d);
    list_for_each_safe(d, &m->drives, struct drive, node) drive_free(d);
    if (!m->block)
        return;
    block_context_detach(m->block, m->loop);
    vemu_block_context_free(m->block);
    m->block = NULL;
}

static void tell_of_error(struct drive *d, enum drive_on_error policy, bool write, int error)
{
    const struct event_item items[] = {
        EVENT_TEXT("device", d->is_node ? "" : d->id),
        EVENT_TEXT("node-name", d->is_node ? d->id : NULL),
        EVENT_TEXT("operation", write ? "write" : "read"),
        EVENT_TEXT("action", drive_on_error_names[policy]),
        EVENT_FLAG("nospace", error == ENOSPC),
        EVENT_TEXT("reason", strerror(error)),
    };

    machine_event(d->machine, "BLOCK_IO_ERROR", items, ARRAY_SIZE(items));
}

enum drive_on_error drive_error(struct drive *d, int rerror, int werror, bool write, int error)
{
    enum drive_on_error policy = (enum drive_on_error)(write ? werror : rerror);

    if (policy == DRIVE_AUTO)
        policy = write ? d->werror : d->rerror;
    if (policy == DRIVE_ENOSPC)
        policy = error == ENOSPC ? DRIVE_STOP : DRIVE_REPORT;
    log_msg(&d->machine->log, LOG_WARN, "drive %s: a %s failed: %s%s", d->id,
            write ? "write" : "read", strerror(error),
            policy == DRIVE_STOP ? "; the machine is paused" : "");
    tell_of_error(d, policy, write, error);
    if (policy == DRIVE_STOP) {
        d->status = error == ENOSPC ? DRIVE_NO_SPACE : DRIVE_FAILED;
        machine_request(d->machine, MACHINE_REQUEST_PAUSE, 0);
    }
    return policy;
}
