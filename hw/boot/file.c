/*
 * The files of a direct boot. A reset writes them to the guest's memory again, but resets are rare
 * and files large: between them only the descriptor is kept. So a file that was replaced meanwhile
 * is of no concern; one that was written to is no more what the machine was started with, and the
 * reset fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/boot/image.h"

/* All of it, or an errno. */
static int read_all(int fd, uint8_t *to, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, to + done, len - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? errno : EIO;
        done += (size_t)n;
    }
    return 0;
}

static int open_file(const char *option, const char *path, uint64_t limit, struct stat *st,
                     struct vemu_error **errp)
{
    /* O_NONBLOCK: a FIFO must be refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, st))
        error_set_errno(errp, errno, "%s %s cannot be opened", option, path);
    else if (!S_ISREG(st->st_mode))
        error_set(errp, VEMU_ERROR_INVALID, "%s %s is not a regular file", option, path);
    else if (!st->st_size)
        error_set(errp, VEMU_ERROR_FORMAT, "%s %s is empty", option, path);
    else if ((uint64_t)st->st_size > limit)
        error_set(errp, VEMU_ERROR_INVALID,
                  "%s %s of %lld bytes does not fit into the %llu bytes of memory there are for it "
                  "(see -m)",
                  option, path, (long long)st->st_size, (unsigned long long)limit);
    else
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool boot_file_read(const char *option, const char *path, uint64_t limit, uint8_t **data,
                    size_t *len, struct vemu_error **errp)
{
    struct stat st;
    int fd = open_file(option, path, limit, &st, errp);
    *data = NULL;
    if (fd < 0)
        return false;
    *len = (size_t)st.st_size;
    *data = malloc(*len);
    int err = *data ? read_all(fd, *data, *len) : ENOMEM;
    close(fd);
    if (!err)
        return true;
    free(*data);
    *data = NULL;
    return error_set_errno(errp, err, "%s %s cannot be read", option, path);
}

/* ---- kept open --------------------------------------------------------------------------------
 */

/* Mapped rather than allocated, so that dropping it gives the memory back. */
static bool load(struct boot_file *f, struct vemu_error **errp)
{
    void *room = mmap(NULL, f->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int err = room == MAP_FAILED ? ENOMEM : read_all(f->fd, room, f->len);
    if (err) {
        if (room != MAP_FAILED)
            munmap(room, f->len);
        return error_set_errno(errp, err, "%s cannot be read", f->name);
    }
    f->data = room;
    return true;
}

static void drop(struct boot_file *f)
{
    if (f->data)
        munmap(f->data, f->len);
    f->data = NULL;
}

static void boot_file_free(struct boot_file *f)
{
    drop(f);
    close(f->fd);
    free(f->name);
    free(f);
}

struct boot_file *boot_file_open(struct boot_image *image, const char *option, const char *path,
                                 uint64_t limit, struct vemu_error **errp)
{
    struct boot_file *f = calloc(1, sizeof *f);
    struct stat st;
    if (!f || asprintf(&f->name, "%s %s", option, path) < 0) {
        free(f);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for %s %s", option, path);
        return NULL;
    }
    f->fd = open_file(option, path, limit, &st, errp);
    if (f->fd < 0) {
        free(f->name);
        free(f);
        return NULL;
    }
    f->len = (size_t)st.st_size;
    f->modified = st.st_mtim;
    if (!load(f, errp)) {
        boot_file_free(f);
        return NULL;
    }
    list_add_tail(&image->files, &f->node);
    return f;
}

static bool as_it_was(const struct boot_file *f)
{
    struct stat st;
    return !fstat(f->fd, &st) && (uint64_t)st.st_size == f->len &&
           st.st_mtim.tv_sec == f->modified.tv_sec && st.st_mtim.tv_nsec == f->modified.tv_nsec;
}

bool boot_files_load(struct boot_image *image, struct vemu_error **errp)
{
    list_for_each(f, &image->files, struct boot_file, node)
    {
        if (f->data)
            continue;
        if (as_it_was(f) && !load(f, errp))
            return false;
        if (!as_it_was(f)) /* also while it was read */
            return error_set(errp, VEMU_ERROR_IO,
                             "%s was written to since the machine was made: a reset needs it as it "
                             "was then",
                             f->name);
    }
    return true;
}

void boot_files_drop(struct boot_image *image)
{
    list_for_each(f, &image->files, struct boot_file, node) drop(f);
}

void boot_files_free(struct boot_image *image)
{
    list_for_each_safe(f, &image->files, struct boot_file, node) boot_file_free(f);
}
