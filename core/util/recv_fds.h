/*
 * Bytes from a socket, and the descriptors that came with them (SCM_RIGHTS, unix(7)). No state.
 */
#ifndef CORE_UTIL_RECV_FDS_H
#define CORE_UTIL_RECV_FDS_H

#include <stddef.h>
#include <sys/types.h>

enum { RECV_FDS_MAX = 16 };

struct recv_fds {
    int fd[RECV_FDS_MAX]; /* close-on-exec; the caller's */
    unsigned count;
};

/* As recv with MSG_DONTWAIT. */
ssize_t recv_with_fds(int sock, void *buf, size_t len, struct recv_fds *fds);

#endif
