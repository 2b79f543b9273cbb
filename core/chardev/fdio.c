/* Descriptors behind a back end: see fdio.h. */
#define _GNU_SOURCE
#include "core/chardev/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include "core/chardev/backend.h"
#include "core/device/machine.h"
#include "core/loop/loop.h"
#include "core/util/range.h"
#include "core/util/recv_fds.h"

/* A terminal that polls as writable has room for at least this much in its driver's buffer. */
enum { TTY_WRITE_BOUND = 64 };
enum { FLUSH_MS = 200 };

static void fd_ready(void *opaque, int fd, unsigned events);

/* ---- one descriptor -------------------------------------------------------------------------- */

/*
 * A second, non-blocking open file description of the same pipe or terminal, or -1. Linux gives one
 * through /proc; permission for it may be lacking, so there is a way without as well. The master
 * side of a pseudo terminal must not be opened again: that would make a new pair.
 */
static int reopen(int fd, const struct stat *st, int access)
{
    char name[40];
    bool tty = S_ISCHR(st->st_mode) && isatty(fd) && st->st_rdev != makedev(5, 2);
    if (!tty && !S_ISFIFO(st->st_mode))
        return -1;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return open(name, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static struct fdio_end end_open(int fd, bool shared, int access)
{
    struct fdio_end end = {.fd = fd, .owned = !shared, .write_bound = SIZE_MAX};
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return end;
    end.socket = S_ISSOCK(st.st_mode);
    end.pipe = S_ISFIFO(st.st_mode);
    if (!shared) {
        int flags = fcntl(fd, F_GETFL);
        end.nonblocking = flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
    } else if (!end.socket) {
        int again = reopen(fd, &st, access);
        if (again >= 0) {
            end.fd = again;
            end.owned = end.nonblocking = true;
        }
    }
    if (end.pipe)
        end.write_bound = PIPE_BUF;
    else if (S_ISCHR(st.st_mode) && isatty(fd))
        end.write_bound = TTY_WRITE_BOUND;
    return end;
}

static bool fd_ready_now(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, 0) > 0;
}

static ssize_t end_read(struct fdio *io, void *buf, size_t len)
{
    const struct fdio_end *end = &io->in;

    if (end->socket) {
        struct recv_fds fds = {.count = 0};
        ssize_t n = recv_with_fds(end->fd, buf, len, &fds);
        for (unsigned i = 0; i < fds.count; i++)
            chardev_input_fd(io->chr, fds.fd[i]);
        return n;
    }
    if (!end->nonblocking && !fd_ready_now(end->fd, POLLIN)) {
        errno = EAGAIN;
        return -1;
    }
    return read(end->fd, buf, len);
}

/* write() to a pipe nobody reads raises SIGPIPE, which a library must neither take nor cause. */
static ssize_t write_without_sigpipe(int fd, const void *buf, size_t len)
{
    sigset_t pipe_set, old, pending;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    ssize_t n = write(fd, buf, len);
    int err = errno;
    if (n < 0 && err == EPIPE && !sigismember(&pending, SIGPIPE)) {
        struct timespec zero = {0};
        sigtimedwait(&pipe_set, NULL, &zero);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = err;
    return n;
}

static ssize_t end_write(const struct fdio_end *end, const void *buf, size_t len)
{
    if (end->socket)
        return send(end->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (!end->nonblocking) {
        if (!fd_ready_now(end->fd, POLLOUT)) {
            errno = EAGAIN;
            return -1;
        }
        len = MIN(len, end->write_bound);
    }
    return end->pipe ? write_without_sigpipe(end->fd, buf, len) : write(end->fd, buf, len);
}

/* ---- watches --------------------------------------------------------------------------------- */

static void end_watch(struct fdio *io, struct fdio_end *end, unsigned events)
{
    struct loop *loop = io->chr->machine->loop;
    if (events == end->watched)
        return;
    if (!events)
        /* Not kept for hang-ups: they last, and would wake the loop without end. */
        loop_fd_remove(loop, end->fd);
    else if (!loop_fd_set(loop, end->fd, events, fd_ready, io, NULL))
        events = 0;
    end->watched = events;
}

void fdio_update(struct fdio *io)
{
    unsigned in = 0, out = 0;
    if (io->in.fd >= 0 && !io->idle && (io->read_always || chardev_input_room(io->chr)))
        in = LOOP_READ;
    if (io->out.fd >= 0 && !io->idle && io->output_len)
        out = LOOP_WRITE;
    if (io->in.fd >= 0 && io->in.fd == io->out.fd) {
        end_watch(io, &io->in, in | out);
        return;
    }
    if (io->in.fd >= 0)
        end_watch(io, &io->in, in);
    if (io->out.fd >= 0)
        end_watch(io, &io->out, out);
}

/* ---- life ------------------------------------------------------------------------------------ */

bool fdio_init(struct fdio *io, struct chardev *chr, struct vemu_error **errp)
{
    io->chr = chr;
    io->in.fd = io->out.fd = -1;
    io->output = malloc(FDIO_OUTPUT_SIZE);
    return io->output || error_set(errp, VEMU_ERROR_NO_MEMORY, "chardev: out of memory");
}

void fdio_attach(struct fdio *io, int in_fd, int out_fd, bool shared)
{
    io->in = end_open(in_fd, shared, O_RDONLY);
    if (out_fd >= 0 && out_fd == in_fd && !shared) {
        io->out = io->in;
        io->out.owned = false;
    } else {
        io->out = end_open(out_fd, shared, O_WRONLY);
    }
    io->output_start = io->output_len = 0;
}

static void end_close(struct fdio *io, struct fdio_end *end)
{
    if (end->fd >= 0) {
        end_watch(io, end, 0);
        if (end->owned)
            close(end->fd);
    }
    *end = (struct fdio_end){.fd = -1};
}

void fdio_detach(struct fdio *io, bool in, bool out)
{
    /* One descriptor for both goes as a whole; its watch is with `in`. */
    if (io->in.fd >= 0 && io->in.fd == io->out.fd)
        in = out = true;
    if (out) {
        end_close(io, &io->out);
        io->output_start = io->output_len = 0;
    }
    if (in)
        end_close(io, &io->in);
}

/* ---- moving bytes ---------------------------------------------------------------------------- */

/* Sends what is held back. Returns 0, EAGAIN when some is left, or what went wrong. */
static int flush(struct fdio *io)
{
    while (io->output_len) {
        size_t piece = MIN(io->output_len, FDIO_OUTPUT_SIZE - io->output_start);
        ssize_t n = end_write(&io->out, io->output + io->output_start, piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EAGAIN;
        io->output_start = (io->output_start + (size_t)n) % FDIO_OUTPUT_SIZE;
        io->output_len -= (size_t)n;
    }
    return 0;
}

void fdio_destroy(struct fdio *io)
{
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (io->output_len && io->out.fd >= 0 && !io->idle && flush(io) == EAGAIN) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t spent =
            (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
        if (spent >= FLUSH_MS)
            break;
        struct pollfd p = {.fd = io->out.fd, .events = POLLOUT};
        poll(&p, 1, (int)(FLUSH_MS - spent));
    }
    fdio_detach(io, true, true);
    free(io->output);
    io->output = NULL;
}

size_t fdio_write(struct fdio *io, const uint8_t *data, size_t len)
{
    size_t taken = 0;

    if (io->out.fd < 0 || io->idle)
        return len;
    while (taken < len && !io->output_len) {
        ssize_t n = end_write(&io->out, data + taken, len - taken);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            io->gone(io->chr, true, errno);
            return len;
        }
        if (n <= 0)
            break;
        taken += (size_t)n;
    }
    while (taken < len && io->output_len < FDIO_OUTPUT_SIZE) {
        size_t end = (io->output_start + io->output_len) % FDIO_OUTPUT_SIZE;
        size_t room = MIN(FDIO_OUTPUT_SIZE - io->output_len, FDIO_OUTPUT_SIZE - end);
        size_t piece = MIN(room, len - taken);
        memcpy(io->output + end, data + taken, piece);
        io->output_len += piece;
        taken += piece;
    }
    fdio_update(io);
    return taken;
}

static void send_more(struct fdio *io)
{
    int err = flush(io);
    if (err && err != EAGAIN && err != EWOULDBLOCK)
        io->gone(io->chr, true, err);
}

static void receive_more(struct fdio *io)
{
    uint8_t buf[CHARDEV_INPUT_SIZE];
    size_t room = io->read_always ? sizeof buf : chardev_input_room(io->chr);
    if (!room)
        return;
    ssize_t n = end_read(io, buf, room);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0)
        io->gone(io->chr, false, n < 0 ? errno : 0);
    else if (io->received)
        io->received(io->chr, buf, (size_t)n);
    else
        chardev_input(io->chr, buf, (size_t)n);
}

static void fd_ready(void *opaque, int fd, unsigned events)
{
    struct fdio *io = opaque;
    /* A hang-up shows what it is in the read or write it lets through. Output first: reading may
     * find the end and drop it. */
    if (fd == io->out.fd && (events & (LOOP_WRITE | LOOP_HUP)) && io->output_len)
        send_more(io);
    if (fd == io->in.fd && (events & (LOOP_READ | LOOP_HUP)))
        receive_more(io);
    /* Also when the other end has gone: what comes now is dropped, and nobody shall wait for it. */
    if (io->output_len < FDIO_OUTPUT_SIZE)
        chardev_room(io->chr);
    fdio_update(io);
}
