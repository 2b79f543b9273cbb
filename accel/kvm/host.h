/*
 * The kernel's side of KVM as a table of functions, so that tests can put their own kernel behind
 * the accelerator. All of them answer as system calls do, with the error as a negative number:
 * -ENOENT. Any thread.
 */
#ifndef ACCEL_KVM_HOST_H
#define ACCEL_KVM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvm_host {
    int (*open)(void *opaque, const char *path);
    void (*close)(void *opaque, int fd);
    /* arg: a number or a pointer, as the request has it. */
    int (*ioctl)(void *opaque, int fd, unsigned long request, uintptr_t arg);
    /* Shared, readable and writable; NULL on failure. */
    void *(*map)(void *opaque, int fd, size_t offset, size_t len);
    void (*unmap)(void *opaque, void *at, size_t len);
    void *opaque;
};

/* Linux. */
const struct kvm_host *kvm_linux_host(void);

#endif
