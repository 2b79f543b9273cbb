/* Output into a file (or a device or FIFO by name). A write that fails, say on a full disk, is
 * reported once, and the output dropped from then on: the guest is not to stop over its log. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "core/chardev/backend.h"

static void file_gone(struct chardev *chr, bool output, int err)
{
    struct fdio *io = chr->priv;
    (void)output;
    chardev_warn(chr, "cannot write to %s: %s; further output is dropped", chr->path,
                 strerror(err));
    fdio_detach(io, true, true);
    chardev_set_opened(chr, false);
}

static bool file_open(struct chardev *chr, struct opts *opts, const char *what,
                      struct vemu_error **errp)
{
    const char *path = opts_get(opts, "path");
    bool append = false;

    if (!opts_get_bool(opts, what, "append", &append, errp))
        return false;
    if (!path || !*path)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: path= is missing: write file:PATH or file,path=PATH", what);
    struct fdio *io = calloc(1, sizeof *io);
    if (!io || !fdio_init(io, chr, NULL) || !chardev_set_path(chr, path)) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", what);
        goto fail;
    }
    io->gone = file_gone;
    chr->priv = io;
    /* O_NONBLOCK: a FIFO that nobody reads shall be an error, not a wait without end. */
    int fd =
        open(path,
             O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (append ? O_APPEND : O_TRUNC),
             0666);
    if (fd < 0) {
        error_set_errno(errp, errno, "%s: path=%s cannot be opened for writing", what, path);
        goto fail;
    }
    fdio_attach(io, -1, fd, false);
    chr->opened = true;
    return true;
fail:
    if (io)
        fdio_destroy(io);
    free(io);
    return false;
}

static void file_close(struct chardev *chr)
{
    fdio_destroy(chr->priv);
    free(chr->priv);
}

static size_t file_write(struct chardev *chr, const uint8_t *data, size_t len)
{
    return fdio_write(chr->priv, data, len);
}

const struct chardev_backend chardev_file = {
    .open = file_open,
    .close = file_close,
    .write = file_write,
};
