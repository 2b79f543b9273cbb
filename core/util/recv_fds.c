/* Descriptors that come with bytes: see recv_fds.h. */
#include "core/util/recv_fds.h"

#include <string.h>
#include <sys/socket.h>

ssize_t recv_with_fds(int sock, void *buf, size_t len, struct recv_fds *fds)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * RECV_FDS_MAX)];
    } control;
    struct iovec iov = {buf, len};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof control.space};
    ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    fds->count = 0;
    if (n < 0)
        return n;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        /* What does not fit into the space was closed by the kernel. */
        unsigned count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds->fd + fds->count, CMSG_DATA(c), count * sizeof(int));
        fds->count += count;
    }
    return n;
}
