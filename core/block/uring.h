/*
 * io_uring, opened when first used: absent from the build, from the system or from the kernel, it
 * is simply not there. One ring a context; calls come from the context's owner.
 */
#ifndef CORE_BLOCK_URING_H
#define CORE_BLOCK_URING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct uring;

/* event_fd is signalled with each completion. NULL when there is none; *why is then a constant text
 * that says what is missing. */
struct uring *uring_open(int event_fd, const char **why);
void uring_close(struct uring *ring);
/* Adds a transfer or a flush; false when the ring is full. Nothing starts before uring_submit. */
bool uring_transfer(struct uring *ring, void *tag, bool write, int fd, const struct iovec *iov,
                    unsigned count, uint64_t offset, bool fua);
bool uring_fsync(struct uring *ring, void *tag, int fd);
void uring_submit(struct uring *ring);
/* Takes one completion: its tag, and the result as from a system call. NULL: no more. */
void *uring_reap(struct uring *ring, int *result);

#endif
