/* A descriptor that the caller has: a pipe end, a socket, a terminal. It is duplicated, so the
 * caller may close its own at any time; what can be done with it is what it was opened for. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/chardev/backend.h"

struct fd_backend {
    struct fdio io;
    int fd; /* the duplicate */
};

static void fd_gone(struct chardev *chr, bool output, int err)
{
    struct fd_backend *b = chr->priv;
    if (err)
        chardev_warn(chr, "%s descriptor failed: %s", output ? "output" : "input", strerror(err));
    fdio_detach(&b->io, !output, output);
    chardev_set_opened(chr, b->io.in.fd >= 0 || b->io.out.fd >= 0);
}

static bool fd_open(struct chardev *chr, struct opts *opts, const char *what,
                    struct vemu_error **errp)
{
    uint64_t number = UINT64_MAX;
    if (!opts_get_number(opts, what, "fd", 0, INT_MAX, &number, errp))
        return false;
    if (number == UINT64_MAX)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: the number is missing: write fd:N", what);
    int flags = fcntl((int)number, F_GETFL);
    int fd = flags < 0 ? -1 : fcntl((int)number, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return error_set_errno(errp, errno, "%s: fd=%d cannot be used", what, (int)number);

    struct fd_backend *b = calloc(1, sizeof *b);
    if (!b || !fdio_init(&b->io, chr, NULL)) {
        free(b);
        close(fd);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", what);
    }
    b->fd = fd;
    b->io.gone = fd_gone;
    chr->priv = b;
    int access = flags & O_ACCMODE;
    fdio_attach(&b->io, access == O_WRONLY ? -1 : fd, access == O_RDONLY ? -1 : fd, true);
    chr->opened = true;
    return true;
}

static void fd_close(struct chardev *chr)
{
    struct fd_backend *b = chr->priv;
    fdio_destroy(&b->io);
    close(b->fd);
    free(b);
}

static size_t fd_write(struct chardev *chr, const uint8_t *data, size_t len)
{
    struct fd_backend *b = chr->priv;
    return fdio_write(&b->io, data, len);
}

static void fd_input_changed(struct chardev *chr)
{
    struct fd_backend *b = chr->priv;
    fdio_update(&b->io);
}

const struct chardev_backend chardev_fd = {
    .open = fd_open,
    .close = fd_close,
    .write = fd_write,
    .input_changed = fd_input_changed,
};
