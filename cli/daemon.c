/*
 * Going to the background, and the file with the process' number. Whoever starts the command gets
 * its exit status: 0 once the machine is made and its sockets are there, else as it ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

/* ---- background ------------------------------------------------------------------------------ */

/* The process that was started: stays until the other one is ready or gone. */
static int wait_for(pid_t child, int ready)
{
    char byte;
    ssize_t n;
    int status;

    do
        n = read(ready, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        return 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

bool daemon_start(int *tell, int *status)
{
    int ends[2];
    pid_t child;

    *status = 1;
    if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
        cli_fail("-daemonize: %s", strerror(errno));
        return false;
    }
    if (child > 0) {
        close(ends[1]);
        *status = wait_for(child, ends[0]);
        return false;
    }
    close(ends[0]);
    setsid();
    *tell = ends[1];
    return true;
}

void daemon_ready(int tell)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    ssize_t n;

    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    /* No file system is kept from being unmounted. */
    if (chdir("/") == 0 && tell >= 0) {
        n = write(tell, "", 1);
        (void)n;
    }
    if (tell >= 0)
        close(tell);
}

/* ---- the process' number --------------------------------------------------------------------- */

char *pidfile_write(const char *path)
{
    char *absolute = realpath(path, NULL), text[32];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
    bool ok = fd >= 0 && write(fd, text, (size_t)n) == n;

    if (fd >= 0 && close(fd) != 0)
        ok = false;
    if (ok && !absolute)
        absolute = realpath(path, NULL);
    if (ok && absolute)
        return absolute;
    cli_fail("-pidfile: cannot write '%s': %s", path, strerror(errno));
    free(absolute);
    return NULL;
}

void pidfile_remove(char *path)
{
    if (path)
        unlink(path);
    free(path);
}
