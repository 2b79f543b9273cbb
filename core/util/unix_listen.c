/* See unix_listen.h. */
#include "core/util/unix_listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/error.h"

/* Is the name a socket that nobody has open any more? Asked with a socket of another type: the
 * kernel refuses it in either case, with another error, and a living server notices nothing. */
static bool is_stale(const struct sockaddr_un *addr)
{
    struct stat st;
    if (lstat(addr->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused =
        connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static bool bind_name(struct unix_listener *l, const struct sockaddr_un *addr)
{
    struct stat st;
    int done = bind(l->fd, (const struct sockaddr *)addr, sizeof *addr);

    if (done < 0 && errno == EADDRINUSE) {
        if (is_stale(addr) && unlink(addr->sun_path) == 0)
            done = bind(l->fd, (const struct sockaddr *)addr, sizeof *addr);
        else
            errno = EADDRINUSE;
    }
    if (done == 0 && lstat(addr->sun_path, &st) == 0) {
        l->bound = *addr;
        l->dev = st.st_dev;
        l->ino = st.st_ino;
        l->made = st.st_mtim;
    }
    return done == 0;
}

bool unix_listen(struct unix_listener *l, const char *path, mode_t mode, int backlog,
                 const char *what, struct vemu_error **errp)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    *l = (struct unix_listener){.fd = -1};
    if (!*path || strlen(path) >= sizeof addr.sun_path)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: path=%.120s must have 1 to %zu characters",
                         what, path, sizeof addr.sun_path - 1);
    strcpy(addr.sun_path, path);
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* The file takes over the socket's own mode, so there is no moment at which it is open to
     * others. */
    if (l->fd >= 0 && (!mode || fchmod(l->fd, mode) == 0) && bind_name(l, &addr) &&
        listen(l->fd, backlog) == 0)
        return true;
    error_set_errno(errp, errno, "%s: path=%s: cannot listen there", what, path);
    unix_unlisten(l);
    return false;
}

void unix_unlisten(struct unix_listener *l)
{
    struct stat st;

    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    /* Only our own socket: somebody may have put another one there. */
    if (l->bound.sun_family && lstat(l->bound.sun_path, &st) == 0 && st.st_dev == l->dev &&
        st.st_ino == l->ino && st.st_mtim.tv_sec == l->made.tv_sec &&
        st.st_mtim.tv_nsec == l->made.tv_nsec)
        unlink(l->bound.sun_path);
    l->bound.sun_family = 0;
}
