/* The map of translated code for profilers. See perfmap.h. */
#define _GNU_SOURCE
#include "tcg/perfmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/error.h"
#include "tcg/machine.h"

struct perfmap {
    int fd;
    bool first; /* of this process: the file was emptied, or made */
    bool used;  /* a block is named */
};

static void map_path(char *path, size_t size)
{
    snprintf(path, size, "/tmp/perf-%ld.map", (long)getpid());
}

bool perfmap_open(struct tcg_machine *tm, struct vemu_error **errp)
{
    char path[64];
    struct stat st;
    struct perfmap *map;

    if (tm->perfmap)
        return true;
    map_path(path, sizeof path);
    /* Anybody may make names in /tmp: no links are followed, and only a file of ours is used. */
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set(errp, VEMU_ERROR_IO, "perfmap: cannot write '%s': %s", path,
                         strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1) {
        close(fd);
        return error_set(errp, VEMU_ERROR_IO,
                         "perfmap: '%s' is there already and is not a plain file of this user; "
                         "remove it",
                         path);
    }
    /* Whoever has the file for itself is the first of this process. */
    bool first = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (first && ftruncate(fd, 0) != 0) {
        close(fd);
        return error_set(errp, VEMU_ERROR_IO, "perfmap: cannot empty '%s': %s", path,
                         strerror(errno));
    }
    flock(fd, LOCK_SH);
    map = malloc(sizeof *map);
    if (!map) {
        close(fd);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the map of translated code");
    }
    *map = (struct perfmap){.fd = fd, .first = first};
    tm->perfmap = map;
    return true;
}

void perfmap_close(struct tcg_machine *tm)
{
    char path[64];
    struct perfmap *map = tm->perfmap;
    if (!map)
        return;
    /* A machine that never ran leaves nothing behind, unless another uses the file. */
    map_path(path, sizeof path);
    if (map->first && !map->used && flock(map->fd, LOCK_EX | LOCK_NB) == 0)
        unlink(path);
    close(map->fd);
    free(map);
    tm->perfmap = NULL;
}

void perfmap_add(struct tcg_machine *tm, const void *code, size_t size, const char *name)
{
    /* One write a line, so that machines that share the file do not mix theirs; a full disk costs
     * names only. */
    if (tm->perfmap)
        dprintf(tm->perfmap->fd, "%llx %zx %s\n", (unsigned long long)(uintptr_t)code, size, name);
}

void perfmap_block(struct tcg_machine *tm, const struct tcg_block *b, uint64_t pc)
{
    char name[48];
    if (!tm->backend->disassemble) /* what the interpreter runs is no host code */
        return;
    snprintf(name, sizeof name, "%s_0x%llx", b->tier > 1 ? "region" : "guest",
             (unsigned long long)pc);
    perfmap_add(tm, b->code, b->code_size, name);
    tm->perfmap->used = true;
}
