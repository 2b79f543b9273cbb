/*
 * Listening unix sockets with a name in the file system: one that a dead process left behind is
 * replaced, one that somebody listens on is not, and only the own name is removed in the end.
 * Thread contract: the owner's; no shared state but the file system.
 */
#ifndef CORE_UTIL_UNIX_LISTEN_H
#define CORE_UTIL_UNIX_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>
#include <time.h>

struct vemu_error;

struct unix_listener {
    int fd;                   /* -1: not open; close-on-exec */
    struct sockaddr_un bound; /* the name to remove in the end; sun_family 0: none */
    dev_t dev;                /* which file it was when it was made */
    ino_t ino;
    struct timespec made; /* inode numbers come back soon */
};

/* mode: of the file, 0: as the process' mask says. what: names the option in sentences. */
bool unix_listen(struct unix_listener *l, const char *path, mode_t mode, int backlog,
                 const char *what, struct vemu_error **errp);
/* Closes and removes the name, if it is still the own one. Allowed on a zeroed struct with fd -1.
 */
void unix_unlisten(struct unix_listener *l);

#endif
