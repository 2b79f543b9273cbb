/* Where log lines go: warnings to standard error, `-d` lines there or into the file of -D. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

struct logfile {
    FILE *out; /* NULL: standard error */
    char *path;
    bool created, written;
};

struct logfile *logfile_open(const char *path)
{
    struct logfile *log = calloc(1, sizeof *log);
    int fd, saved;

    if (!log || !path)
        return log;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    log->created = fd >= 0;
    if (fd < 0 && errno == EEXIST)
        fd = open(path, O_WRONLY | O_CLOEXEC);
    log->path = strdup(path);
    if (fd >= 0 && log->path)
        log->out = fdopen(fd, "w");
    if (log->out) {
        setvbuf(log->out, NULL, _IOLBF, 1 << 16);
        return log;
    }
    saved = errno;
    if (fd >= 0)
        close(fd);
    if (log->created)
        unlink(path);
    free(log->path);
    free(log);
    errno = saved;
    return NULL;
}

void logfile_line(void *opaque, enum vemu_log_category category, const char *line)
{
    struct logfile *log = opaque;

    if (category == VEMU_LOG_WARNING) {
        fprintf(stderr, "vemu: %s\n", line);
        return;
    }
    if (log->out && !log->written) {
        log->written = true;
        /* Fails, harmlessly, on a pipe or device. */
        if (ftruncate(fileno(log->out), 0) != 0)
            clearerr(log->out);
    }
    fprintf(log->out ? log->out : stderr, "%s\n", line);
}

void logfile_close(struct logfile *log, bool discard)
{
    if (!log)
        return;
    if (log->out)
        fclose(log->out);
    if (log->created && discard)
        unlink(log->path);
    free(log->path);
    free(log);
}
