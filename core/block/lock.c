/*
 * Locks on image files, by the convention that QEMU's programs follow, so that both see each other.
 *
 * Bytes of the file stand for permissions: byte 100 + n is read-locked by who uses permission n,
 * byte 200 + n by who does not let others have it. Locks belong to the open file description
 * (F_OFD_SETLK). Who opens takes its own first, then looks whether somebody's hinder: so of two
 * that come at the same time at least one notices.
 *
 * The kernel does not say who has such a lock. /proc/PID/fdinfo does, for processes that we may
 * look at.
 */
#define _GNU_SOURCE
#include "core/block/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "core/util/error.h"
#include "core/util/range.h"

enum { LOCK_USED = 100, LOCK_REFUSED = 200, LOCK_PERMS = 4, LOCK_TRIES = 40 };

static const char *const perm_names[LOCK_PERMS] = {"read", "write", "rewrite", "resize"};

/* Does this descriptor hold any lock? */
static bool has_lock(const char *path)
{
    char line[256];
    bool found = false;
    FILE *f = fopen(path, "re");

    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, "lock:", 5) == 0;
    if (f)
        fclose(f);
    return found;
}

/* Does process `pid` have the file open with a lock on it? `self`: skip this descriptor. */
static bool process_locks(const char *pid, const struct stat *st, int self)
{
    char path[64];
    bool found = false;
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%.16s/fd", pid);
    dir = opendir(path);
    while (dir && !found && (e = readdir(dir))) {
        struct stat other;
        if (e->d_name[0] == '.' || atoi(e->d_name) == self)
            continue;
        snprintf(path, sizeof path, "/proc/%.16s/fd/%.16s", pid, e->d_name);
        if (stat(path, &other) != 0 || other.st_dev != st->st_dev || other.st_ino != st->st_ino)
            continue;
        snprintf(path, sizeof path, "/proc/%.16s/fdinfo/%.16s", pid, e->d_name);
        found = has_lock(path);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* " (process 123, name)", or nothing when it cannot be seen. */
static void name_holder(int fd, char text[64])
{
    struct stat st;
    struct dirent *e;
    DIR *dir;
    char self[16];

    text[0] = 0;
    snprintf(self, sizeof self, "%d", (int)getpid());
    dir = fstat(fd, &st) == 0 ? opendir("/proc") : NULL;
    while (dir && !text[0] && (e = readdir(dir))) {
        char path[40], name[32] = "";
        if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
            !process_locks(e->d_name, &st, strcmp(e->d_name, self) == 0 ? fd : -1))
            continue;
        snprintf(path, sizeof path, "/proc/%.16s/comm", e->d_name);
        FILE *f = fopen(path, "re");
        if (f && fgets(name, sizeof name, f))
            name[strcspn(name, "\n")] = 0;
        if (f)
            fclose(f);
        snprintf(text, 64, " (process %.16s%s%s)", e->d_name, name[0] ? ", " : "", name);
    }
    if (dir)
        closedir(dir);
}

static int lock_byte(int fd, int command, short type, int byte)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    if (fcntl(fd, command, &lock) != 0)
        return errno;
    return command == F_OFD_GETLK && lock.l_type != F_UNLCK ? EAGAIN : 0;
}

/* Takes the locks and looks for others'. False: `what` says what somebody does with the file. */
static bool try_locks(int fd, unsigned held, unsigned refused, char what[64])
{
    for (int n = 0; n < LOCK_PERMS; n++) {
        int err = 0;
        if (held & 1u << n)
            err = lock_byte(fd, F_OFD_SETLK, F_RDLCK, LOCK_USED + n);
        if (!err && (refused & 1u << n))
            err = lock_byte(fd, F_OFD_SETLK, F_RDLCK, LOCK_REFUSED + n);
        if (err == EAGAIN || err == EACCES) {
            snprintf(what, 64, "keeps it locked as a whole");
            return false;
        }
        if (err)
            return true; /* no locks on this file system */
    }
    for (int n = 0; n < LOCK_PERMS; n++) {
        if ((held & 1u << n) && lock_byte(fd, F_OFD_GETLK, F_WRLCK, LOCK_REFUSED + n) == EAGAIN) {
            snprintf(what, 64, "lets nobody %s it", perm_names[n]);
            return false;
        }
        if ((refused & 1u << n) && lock_byte(fd, F_OFD_GETLK, F_WRLCK, LOCK_USED + n) == EAGAIN) {
            snprintf(what, 64, "may %s it", perm_names[n]);
            return false;
        }
    }
    return true;
}

bool image_lock(int fd, const char *filename, unsigned held, unsigned refused,
                struct vemu_error **errp)
{
    static const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    char what[64], holder[64] = "";

    /* A process that was killed with an io_uring leaves its files, and so its locks, to the kernel
     * for a moment. Nobody is seen to have them then, and it is worth while to wait. */
    for (int tries = 0; !try_locks(fd, held, refused, what); tries++) {
        name_holder(fd, holder);
        if (holder[0] || tries == LOCK_TRIES)
            return error_set(errp, VEMU_ERROR_STATE,
                             "'%s' is in use by somebody else%s, who %s; end that first, or read "
                             "with force-share (-U)",
                             filename, holder, what);
        nanosleep(&pause, NULL);
    }
    return true;
}
