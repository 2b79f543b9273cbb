/*
 * Where running machines are found: NAME.sock in a directory of the user's, $XDG_RUNTIME_DIR/vemu
 * or else /tmp/vemu-UID. Others could put a directory of that name into /tmp first, so it is only
 * used when it is the user's own and closed to others.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"

enum { SAME_NAME_MAX = 99, LOCK_TRIES = 20, LOCK_WAIT_US = 50000 };

/* ---- the directory --------------------------------------------------------------------------- */

static void directory_name(char path[RUNDIR_PATH])
{
    const char *base = getenv("XDG_RUNTIME_DIR");

    if (base && base[0] == '/' && strlen(base) + sizeof "/vemu" <= RUNDIR_PATH)
        snprintf(path, RUNDIR_PATH, "%s/vemu", base);
    else
        snprintf(path, RUNDIR_PATH, "/tmp/vemu-%u", (unsigned)geteuid());
}

/* NULL when it can be trusted, else what is wrong with it. */
static const char *wrong_with(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return strerror(errno);
    if (!S_ISDIR(st.st_mode))
        return "it is not a directory";
    if (st.st_uid != geteuid())
        return "it belongs to another user";
    if (st.st_mode & 077)
        return "others may enter it; its mode must be 0700";
    return NULL;
}

bool rundir_find(char path[RUNDIR_PATH])
{
    directory_name(path);
    return !wrong_with(path);
}

/* ---- sockets --------------------------------------------------------------------------------- */

bool rundir_socket(char path[RUNDIR_PATH], const char *dir, const char *name)
{
    struct sockaddr_un addr;
    int n = snprintf(path, RUNDIR_PATH, "%s/%s.sock", dir, name);

    return n > 0 && (size_t)n < sizeof addr.sun_path && n < RUNDIR_PATH;
}

/* Asked with a socket of another type, so that the machine notices nothing. */
static int probe(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

    strncpy(addr.sun_path, path, sizeof addr.sun_path - 1);
    err = fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return err;
}

bool rundir_alive(const char *path)
{
    int err = probe(path);

    return err != ENOENT && err != ECONNREFUSED;
}

static int is_socket(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".sock") == 0;
}

int rundir_names(const char *dir, char ***names)
{
    struct dirent **list;
    int n = scandir(dir, &list, is_socket, alphasort), kept = 0;

    *names = n > 0 ? calloc((size_t)n, sizeof **names) : NULL;
    for (int i = 0; i < n; i++) {
        char path[RUNDIR_PATH];
        list[i]->d_name[strlen(list[i]->d_name) - 5] = 0;
        if (*names && rundir_socket(path, dir, list[i]->d_name) && rundir_alive(path) &&
            ((*names)[kept] = strdup(list[i]->d_name)))
            kept++;
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return kept;
}

void rundir_free_names(char **names, int count)
{
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* ---- a place for a new machine --------------------------------------------------------------- */

/* What killed machines left behind. Under the lock: nobody is about to take one of the names. */
static void remove_stale(const char *dir)
{
    struct dirent **list;
    int n = scandir(dir, &list, is_socket, NULL);

    for (int i = 0; i < n; i++) {
        char path[RUNDIR_PATH];
        struct stat st;
        int len = snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
        if (len < (int)sizeof path && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
            probe(path) == ECONNREFUSED)
            unlink(path);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

/* A machine that waits for somebody while it is made holds the lock: that is not waited for. */
static int take_lock(const char *dir)
{
    char path[RUNDIR_PATH + 8];
    int fd;

    snprintf(path, sizeof path, "%s/.lock", dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            remove_stale(dir);
            return fd;
        }
        usleep(LOCK_WAIT_US);
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The last part of a file's name, without what names of files have and machines need not. */
static void name_from(char name[RUNDIR_NAME], const char *text)
{
    const char *slash = strrchr(text, '/');
    size_t n = 0;

    for (const char *p = slash ? slash + 1 : text; *p && n < RUNDIR_NAME - 4; p++) {
        bool plain = isalnum((unsigned char)*p) || (n && strchr("-_.", *p));
        if (plain || n)
            name[n++] = plain ? *p : '-';
    }
    name[n] = 0;
    if (!n)
        strcpy(name, "vm");
}

bool rundir_claim(struct rundir_place *place, const char *given, const char *image)
{
    char dir[RUNDIR_PATH], name[RUNDIR_NAME];
    const char *wrong;

    place->lock = -1;
    place->why[0] = 0;
    directory_name(dir);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        snprintf(place->why, sizeof place->why, "cannot make %s: %s", dir, strerror(errno));
        return false;
    }
    if ((wrong = wrong_with(dir))) {
        snprintf(place->why, sizeof place->why, "%s cannot be used: %s", dir, wrong);
        return false;
    }
    place->lock = take_lock(dir);
    name_from(name, given ? given : image ? image : "vm");
    for (int i = 1; i <= SAME_NAME_MAX; i++) {
        char full[RUNDIR_NAME + sizeof "-2147483648"];
        if (i == 1)
            snprintf(full, sizeof full, "%s", name);
        else
            snprintf(full, sizeof full, "%s-%d", name, i);
        if (!rundir_socket(place->path, dir, full))
            break;
        if (!rundir_alive(place->path))
            return true;
        if (given) {
            place->taken = true;
            snprintf(place->why, sizeof place->why,
                     "a machine '%s' is running already; give this one another name", full);
            break;
        }
    }
    if (!place->why[0])
        snprintf(place->why, sizeof place->why, "there is no free name like '%s' in %s", name, dir);
    rundir_release(place);
    return false;
}

void rundir_release(struct rundir_place *place)
{
    if (place->lock >= 0)
        close(place->lock);
    place->lock = -1;
}
