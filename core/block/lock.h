/* Locks on image files: see lock.c. Thread contract: none shared. */
#ifndef CORE_BLOCK_LOCK_H
#define CORE_BLOCK_LOCK_H

#include <stdbool.h>

struct vemu_error;

enum {
    IMAGE_PERM_READ = 1 << 0, /* reads consistent data */
    IMAGE_PERM_WRITE = 1 << 1,
    IMAGE_PERM_WRITE_UNCHANGED = 1 << 2,
    IMAGE_PERM_RESIZE = 1 << 3,
};

/* Takes locks that say: this descriptor uses `held`, and nobody else may have `refused`. They go
 * with the open file description. A file system without locks is no error. */
bool image_lock(int fd, const char *filename, unsigned held, unsigned refused,
                struct vemu_error **errp);

#endif
