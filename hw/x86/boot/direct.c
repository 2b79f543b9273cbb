/* Reading the files of a direct boot and choosing the loader by content. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "hw/x86/boot/boot.h"

bool boot_file_read(const char *option, const char *path, uint64_t limit, uint8_t **data,
                    size_t *len, struct vemu_error **errp)
{
    struct stat st;
    uint8_t *buf = NULL;
    /* O_NONBLOCK: a FIFO must be refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        int err = errno;
        if (fd >= 0)
            close(fd);
        return error_set_errno(errp, err, "%s %s cannot be opened", option, path);
    }
    if (!S_ISREG(st.st_mode)) {
        error_set(errp, VEMU_ERROR_INVALID, "%s %s is not a regular file", option, path);
    } else if (!st.st_size) {
        error_set(errp, VEMU_ERROR_FORMAT, "%s %s is empty", option, path);
    } else if ((uint64_t)st.st_size > limit) {
        error_set(errp, VEMU_ERROR_INVALID,
                  "%s %s of %lld bytes does not fit into the %llu bytes of memory there are for it "
                  "(see -m)",
                  option, path, (long long)st.st_size, (unsigned long long)limit);
    } else if (!(buf = malloc((size_t)st.st_size))) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory to read %s %s of %lld bytes", option, path,
                  (long long)st.st_size);
    } else {
        size_t done = 0, want = (size_t)st.st_size;
        while (done < want) {
            ssize_t n = read(fd, buf + done, want - done);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0) {
                error_set_errno(errp, n ? errno : EIO, "%s %s cannot be read", option, path);
                free(buf);
                buf = NULL;
                break;
            }
            done += (size_t)n;
        }
        *len = want;
    }
    close(fd);
    *data = buf;
    return buf != NULL;
}

static bool load_kernel(struct x86_boot *boot, struct vemu_error **errp)
{
    const uint8_t *data = boot->kernel;
    size_t len = boot->kernel_len;
    uint32_t entry;

    if (bzimage_is(data, len))
        return bzimage_load(boot, errp);
    /* An image may carry several headers: the richer protocol goes first. */
    if (multiboot2_is(data, len))
        return multiboot2_load(boot, errp);
    if (multiboot_is(data, len))
        return multiboot_load(boot, errp);
    if (elf_is(data, len)) {
        if (elf_find_pvh(data, len, &entry))
            return pvh_load(boot, errp);
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s is an ELF file without a PVH entry note or multiboot header; "
                         "a bzImage or a kernel built with CONFIG_PVH is expected",
                         boot->kernel_path);
    }
    return error_set(errp, VEMU_ERROR_FORMAT,
                     "-kernel %s is not a kernel: neither a bzImage nor an ELF file with a PVH "
                     "note nor a multiboot image",
                     boot->kernel_path);
}

bool x86_boot_load(struct x86_boot *boot, const char *kernel, const char *initrd,
                   const char *append, struct vemu_error **errp)
{
    /* What fits at most: memory above 1 MiB. */
    uint64_t limit = boot->low_top - BOOT_HIGH_START;
    boot->kernel_path = kernel;
    boot->initrd_path = initrd;
    boot->cmdline = strdup(append ? append : "");
    if (!boot->cmdline)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the command line");
    bool ok = boot_file_read("-kernel", kernel, limit, &boot->kernel, &boot->kernel_len, errp) &&
              load_kernel(boot, errp);
    boot->kernel_path = boot->initrd_path = NULL;
    return ok;
}
