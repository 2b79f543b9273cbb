/*
 * A pseudo terminal. The kernel says on the master side that nobody has the terminal open, but not
 * when somebody opens it: while it is closed a timer looks, and so does every write, so that no
 * output is lost after the opening.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>
#include "core/chardev/backend.h"
#include "core/device/machine.h"

#define LOOK_INTERVAL_NS INT64_C(200000000)

struct pty {
    struct fdio io;
    struct timer look;
};

static void look_later(struct pty *p)
{
    timer_set(&p->look, clock_now(p->look.clocks, VCLOCK_HOST) + LOOK_INTERVAL_NS);
}

static void pty_gone(struct chardev *chr, bool output, int err)
{
    struct pty *p = chr->priv;
    (void)output, (void)err;
    p->io.output_len = 0;
    p->io.idle = true;
    fdio_update(&p->io);
    chardev_set_opened(chr, false);
    look_later(p);
}

/* Is the terminal open? Leaves the idle state if it is. */
static bool look(struct chardev *chr)
{
    struct pty *p = chr->priv;
    struct pollfd pfd = {.fd = p->io.in.fd, .events = POLLIN | POLLOUT};
    if (!p->io.idle)
        return true;
    if (poll(&pfd, 1, 0) < 0 || (pfd.revents & (POLLHUP | POLLERR)))
        return false;
    p->io.idle = false;
    timer_cancel(&p->look);
    chardev_set_opened(chr, true);
    fdio_update(&p->io);
    return true;
}

static void look_timer(void *opaque)
{
    struct chardev *chr = opaque;
    if (!look(chr))
        look_later(chr->priv);
}

/* A terminal pair whose slave has been opened and closed once: before that the master does not tell
 * that nobody is there. Returns the master, or -1 with errno set. */
static int make_pair(char *name, size_t size)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    int slave = -1, err;
    if (fd < 0)
        return -1;
    if (grantpt(fd) == 0 && unlockpt(fd) == 0 && (err = ptsname_r(fd, name, size)) == 0)
        slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios mode;
    if (slave >= 0 && tcgetattr(slave, &mode) == 0) {
        cfmakeraw(&mode);
        if (tcsetattr(slave, TCSANOW, &mode) == 0) {
            close(slave);
            return fd;
        }
    }
    err = errno;
    if (slave >= 0)
        close(slave);
    close(fd);
    errno = err;
    return -1;
}

static bool pty_open(struct chardev *chr, struct opts *opts, const char *what,
                     struct vemu_error **errp)
{
    char name[64];
    (void)opts;
    struct pty *p = calloc(1, sizeof *p);
    if (!p || !fdio_init(&p->io, chr, NULL)) {
        free(p);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", what);
    }
    int fd = make_pair(name, sizeof name);
    if (fd < 0 || !chardev_set_path(chr, name)) {
        error_set_errno(errp, errno, "%s: cannot make a pseudo terminal", what);
        if (fd >= 0)
            close(fd);
        fdio_destroy(&p->io);
        free(p);
        return false;
    }
    p->io.gone = pty_gone;
    p->io.idle = true;
    chr->priv = p;
    timer_init(&p->look, chr->machine->clocks, VCLOCK_HOST, look_timer, chr);
    fdio_attach(&p->io, fd, fd, false);
    look_later(p);
    return true;
}

static void pty_close(struct chardev *chr)
{
    struct pty *p = chr->priv;
    timer_cancel(&p->look);
    fdio_destroy(&p->io);
    free(p);
}

static size_t pty_write(struct chardev *chr, const uint8_t *data, size_t len)
{
    struct pty *p = chr->priv;
    return look(chr) ? fdio_write(&p->io, data, len) : len;
}

static void pty_input_changed(struct chardev *chr)
{
    struct pty *p = chr->priv;
    fdio_update(&p->io);
}

const struct chardev_backend chardev_pty = {
    .open = pty_open,
    .close = pty_close,
    .write = pty_write,
    .input_changed = pty_input_changed,
};
