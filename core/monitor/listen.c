/* A listening unix socket and the sessions of its clients. Everything on the loop's thread with the
 * machine lock held, or before and after the loop runs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/device/machine.h"
#include "core/monitor/internal.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "core/util/recv_fds.h"

/* Leaving clients get this long, together, to take what they were sent. */
enum { LINGER_MS = 200, BACKLOG = 8 };

static void client_ready(void *opaque, int fd, unsigned events);

/* ---- one client ------------------------------------------------------------------------------ */

static void drop_client(struct qmp_session *s)
{
    loop_fd_remove(s->qmp->m->loop, s->fd);
    close(s->fd);
    s->qmp->clients--;
    session_free(s);
}

/* What does not take commands is not read either: the kernel makes its peer wait. */
static bool watch(struct qmp_session *s)
{
    bool read = session_room(s) && !s->ended && s->out_len < QMP_OUTPUT_PAUSE;

    return loop_fd_set(s->qmp->m->loop, s->fd,
                       (read ? LOOP_READ : 0) | (s->out_len ? LOOP_WRITE : 0), client_ready, s,
                       NULL);
}

static size_t client_write(struct qmp_session *s, const char *data, size_t len)
{
    ssize_t n = send(s->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    /* One that is gone shows in the watch. */
    if (n < (ssize_t)len)
        loop_fd_set(s->qmp->m->loop, s->fd, LOOP_WRITE, client_ready, s, NULL);
    return n > 0 ? (size_t)n : 0;
}

/* A peer that only closed its writing end has been served when nothing is left to run or send. */
static bool served(const struct qmp_session *s)
{
    return s->ended && !s->out_len && !session_ready(s);
}

static void client_idle(struct qmp_session *s)
{
    if (s->ended && !s->out_len)
        drop_client(s);
    else
        watch(s);
}

/* The watch then sees the end. */
static void client_give_up(struct qmp_session *s)
{
    shutdown(s->fd, SHUT_RDWR);
}

static const struct qmp_transport client_transport = {
    .write = client_write,
    .idle = client_idle,
    .give_up = client_give_up,
};

static void client_ready(void *opaque, int fd, unsigned events)
{
    struct qmp_session *s = opaque;
    char buf[16384];
    ssize_t n = 1;

    if (events & LOOP_WRITE)
        session_flush(s);
    if (events & (LOOP_READ | LOOP_HUP)) {
        size_t room = MIN(session_room(s), sizeof buf);
        /* Without room only the end is looked for. */
        struct recv_fds fds = {.count = 0};
        n = room ? recv_with_fds(fd, buf, room, &fds) : recv(fd, buf, 1, MSG_DONTWAIT | MSG_PEEK);
        for (unsigned i = 0; i < fds.count; i++)
            session_add_fd(s, fds.fd[i]);
        if (n > 0 && room)
            session_receive(s, buf, (size_t)n);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            n = 1;
    }
    if (n == 0 && s->in_len && !(events & LOOP_HUP)) {
        s->ended = s->qmp->work = true;
        n = 1;
    }
    if (n <= 0 || s->given_up || served(s) || !watch(s))
        drop_client(s);
}

/* ---- coming ---------------------------------------------------------------------------------- */

/* Somebody who connected and says nothing makes room for somebody new. */
static bool make_room(struct qmp *q)
{
    if (q->clients < QMP_CLIENTS_MAX)
        return true;
    list_for_each(s, &q->sessions, struct qmp_session, node)
    {
        if (s->fd >= 0 && !s->negotiated) {
            drop_client(s);
            return true;
        }
    }
    return false;
}

static void client_waits(void *opaque, int fd, unsigned events)
{
    struct qmp *q = opaque;
    struct qmp_session *s;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (client < 0)
        return;
    s = make_room(q) ? session_new(q, &client_transport) : NULL;
    if (!s) {
        close(client);
        return;
    }
    s->fd = client;
    q->clients++;
    session_open(s);
    if (!watch(s))
        drop_client(s);
}

bool qmp_listen(struct qmp *q, const char *path, const char *what, struct vemu_error **errp)
{
    bool ok;

    if (!unix_listen(&q->listener, path, 0600, BACKLOG, what, errp))
        return false;
    /* A client may have gone again by the time it is accepted. */
    fcntl(q->listener.fd, F_SETFL, fcntl(q->listener.fd, F_GETFL) | O_NONBLOCK);
    machine_lock(q->m);
    ok = loop_fd_set(q->m->loop, q->listener.fd, LOOP_READ, client_waits, q, errp);
    machine_unlock(q->m);
    return ok;
}

/* ---- the end --------------------------------------------------------------------------------- */

void listen_free_clients(struct qmp *q)
{
    int left = LINGER_MS;

    list_for_each_safe(s, &q->sessions, struct qmp_session, node)
    {
        if (s->fd < 0)
            continue;
        session_flush(s);
        while (s->out_len && !s->given_up && left > 0) {
            struct pollfd p = {.fd = s->fd, .events = POLLOUT};
            if (poll(&p, 1, 10) > 0 && p.revents & (POLLHUP | POLLERR))
                break;
            left -= 10;
            session_flush(s);
        }
        drop_client(s);
    }
    if (q->listener.fd >= 0)
        loop_fd_remove(q->m->loop, q->listener.fd);
    unix_unlisten(&q->listener);
}
