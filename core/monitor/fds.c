/* Descriptors that peers pass with their messages, until a command takes them; and those that
 * commands keep under a name. See qmp.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/device/machine.h"
#include "core/monitor/internal.h"
#include "core/util/error.h"

struct named_fd {
    struct list node;
    int fd;
    char name[];
};

/* ---- a session's ----------------------------------------------------------------------------- */

void session_add_fd(struct qmp_session *s, int fd)
{
    if (s->fd_count < SESSION_FDS_MAX)
        s->fds[s->fd_count++] = fd;
    else
        close(fd);
}

void session_close_fds(struct qmp_session *s)
{
    while (s->fd_count)
        close(s->fds[--s->fd_count]);
}

int qmp_take_fd(struct qmp *q)
{
    struct qmp_session *s = q->current;
    int fd = -1;

    machine_lock(q->m);
    if (s && s->fd_count) {
        fd = s->fds[0];
        memmove(s->fds, s->fds + 1, --s->fd_count * sizeof s->fds[0]);
    }
    machine_unlock(q->m);
    return fd;
}

/* ---- named ones ------------------------------------------------------------------------------ */

static struct named_fd *find_fd(struct qmp *q, const char *name)
{
    list_for_each(f, &q->named_fds, struct named_fd, node)
    {
        if (strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

bool qmp_close_fd(struct qmp *q, const char *name)
{
    int fd = qmp_take_named_fd(q, name);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int qmp_take_named_fd(struct qmp *q, const char *name)
{
    struct named_fd *f = find_fd(q, name);
    int fd = f ? f->fd : -1;

    if (f) {
        list_remove(&f->node);
        q->named_count--;
        free(f);
    }
    return fd;
}

bool qmp_name_fd(struct qmp *q, const char *name, int fd, struct vemu_error **errp)
{
    struct named_fd *f;
    size_t len = strlen(name);

    qmp_close_fd(q, name);
    if (q->named_count >= QMP_NAMED_FDS_MAX)
        return error_set(errp, VEMU_ERROR_STATE, "%d descriptors are kept already: close some",
                         QMP_NAMED_FDS_MAX);
    f = malloc(sizeof *f + len + 1);
    if (!f)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    f->fd = fd;
    memcpy(f->name, name, len + 1);
    list_add_tail(&q->named_fds, &f->node);
    q->named_count++;
    return true;
}

void fds_free_named(struct qmp *q)
{
    list_for_each_safe(f, &q->named_fds, struct named_fd, node)
    {
        close(f->fd);
        list_remove(&f->node);
        free(f);
    }
}
