/*
 * Standard input and output, or another pair of descriptors. They are shared with the program and
 * often with the shell: no flag of theirs is changed. A terminal is raw while a front end is
 * attached, and gets its mode back on detaching, freeing, or from a crash handler.
 *
 * The escape key: Ctrl-A and one more key. It is looked for as the input is read, before the front
 * end's pace holds anything up; from a terminal everything is read at all times for that, and what
 * the guest has no room for is dropped, as the terminal itself would.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "core/chardev/backend.h"
#include "core/device/machine.h"

struct stdio {
    struct fdio io;
    int in_fd; /* the terminal, if it is one */
    bool tty, signals, escaping;
    struct termios saved;
    _Atomic bool raw;
    _Atomic bool released; /* restored from outside: stays so until a front end comes anew */
};

/* tcsetattr from a background process stops it with SIGTTOU unless that is blocked. All functions
 * used are async-signal-safe. */
static void set_mode(int fd, const struct termios *mode)
{
    sigset_t set, old;
    int err = errno;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    tcsetattr(fd, TCSANOW, mode);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = err;
}

static void make_raw(struct stdio *s)
{
    /* A background process leaves the terminal to whom it belongs. */
    if (!s->tty || atomic_load(&s->raw) || atomic_load(&s->released) ||
        tcgetpgrp(s->in_fd) != getpgrp())
        return;
    struct termios mode = s->saved;
    mode.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    /* Output processing stays: the program's own lines on this terminal need it. */
    mode.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
    if (!s->signals)
        mode.c_lflag &= ~(tcflag_t)ISIG;
    mode.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
    mode.c_cflag |= CS8;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    /* First the flag: a crash handler in between restores once too often, never once too little. */
    atomic_store(&s->raw, true);
    set_mode(s->in_fd, &mode);
}

void chardev_stdio_restore(struct chardev *chr)
{
    struct stdio *s = chr->priv;
    atomic_store(&s->released, true);
    if (atomic_exchange(&s->raw, false))
        set_mode(s->in_fd, &s->saved);
}

static void stdio_received(struct chardev *chr, uint8_t *data, size_t len)
{
    struct stdio *s = chr->priv;

    if (chr->escape)
        chardev_take_escapes(chr, &s->escaping, data, len, chardev_input);
    else
        chardev_input(chr, data, len);
}

static void stdio_gone(struct chardev *chr, bool output, int err)
{
    struct stdio *s = chr->priv;
    if (output)
        chardev_warn(chr, "output: %s; further output is dropped", strerror(err));
    /* Input that ends (a pipe, a file, /dev/null) is nothing to tell the guest. */
    fdio_detach(&s->io, !output, output);
}

static bool stdio_open(struct chardev *chr, struct opts *opts, const char *what,
                       struct vemu_error **errp)
{
    uint64_t in = STDIN_FILENO, out = STDOUT_FILENO;
    bool signals = true;

    if (!opts_get_bool(opts, what, "signal", &signals, errp) ||
        !opts_get_number(opts, what, "in", 0, INT_MAX, &in, errp) ||
        !opts_get_number(opts, what, "out", 0, INT_MAX, &out, errp))
        return false;
    list_for_each(other, &chr->machine->chardevs, struct chardev, node)
    {
        if (other->backend == &chardev_stdio && ((struct stdio *)other->priv)->in_fd == (int)in)
            return error_set(errp, VEMU_ERROR_STATE,
                             "%s: chardev %s has standard input already; use it for one thing only",
                             what, other->id);
    }
    struct stdio *s = calloc(1, sizeof *s);
    if (!s || !fdio_init(&s->io, chr, NULL)) {
        free(s);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", what);
    }
    s->io.received = stdio_received;
    s->io.gone = stdio_gone;
    s->in_fd = (int)in;
    s->signals = signals;
    s->tty = isatty((int)in) && tcgetattr((int)in, &s->saved) == 0;
    chr->priv = s;
    chr->opened = true;
    fdio_attach(&s->io, (int)in, (int)out, true);
    return true;
}

static void stdio_close(struct chardev *chr)
{
    struct stdio *s = chr->priv;
    fdio_destroy(&s->io);
    chardev_stdio_restore(chr);
    free(s);
}

static size_t stdio_write(struct chardev *chr, const uint8_t *data, size_t len)
{
    struct stdio *s = chr->priv;
    return fdio_write(&s->io, data, len);
}

static void stdio_input_changed(struct chardev *chr)
{
    struct stdio *s = chr->priv;
    if (chr->fe) {
        make_raw(s);
    } else {
        chardev_stdio_restore(chr);
        atomic_store(&s->released, false);
    }
    s->io.read_always = s->tty && chr->escape && chr->fe;
    fdio_update(&s->io);
}

const struct chardev_backend chardev_stdio = {
    .open = stdio_open,
    .close = stdio_close,
    .write = stdio_write,
    .input_changed = stdio_input_changed,
};
