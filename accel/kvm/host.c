/* System calls: see host.h. */
#include "accel/kvm/host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int host_open(void *opaque, const char *path)
{
    (void)opaque;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void host_close(void *opaque, int fd)
{
    (void)opaque;
    close(fd);
}

static int host_ioctl(void *opaque, int fd, unsigned long request, uintptr_t arg)
{
    (void)opaque;
    int r = ioctl(fd, request, arg);
    return r < 0 ? -errno : r;
}

static void *host_map(void *opaque, int fd, size_t offset, size_t len)
{
    (void)opaque;
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    return at == MAP_FAILED ? NULL : at;
}

static void host_unmap(void *opaque, void *at, size_t len)
{
    (void)opaque;
    munmap(at, len);
}

const struct kvm_host *kvm_linux_host(void)
{
    static const struct kvm_host host = {.open = host_open,
                                         .close = host_close,
                                         .ioctl = host_ioctl,
                                         .map = host_map,
                                         .unmap = host_unmap};
    return &host;
}
