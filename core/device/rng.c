/* Sources of random numbers: see rng.h. */
#include "core/device/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "core/device/machine.h"
#include "core/util/error.h"

struct rng {
    struct list node; /* in the machine's list */
    struct vemu_machine *machine;
    char *id;
    int fd; /* -1: the host's generator */
    bool watched, exhausted;
    void (*ready)(void *opaque); /* NULL: nobody uses it */
    void *opaque;
};

struct rng *rng_find(struct vemu_machine *m, const char *id)
{
    list_for_each(r, &m->rngs, struct rng, node)
    {
        if (strcmp(r->id, id) == 0)
            return r;
    }
    return NULL;
}

const char *rng_id(const struct rng *r)
{
    return r->id;
}

static void rng_free(struct rng *r)
{
    if (r->fd >= 0)
        close(r->fd);
    list_remove(&r->node);
    free(r->id);
    free(r);
}

struct rng *rng_new(struct vemu_machine *m, const char *id, const char *filename,
                    struct vemu_error **errp)
{
    struct rng *r;

    if (rng_find(m, id)) {
        error_set(errp, VEMU_ERROR_INVALID, "the id '%s' is taken; give each its own", id);
        return NULL;
    }
    r = calloc(1, sizeof *r);
    if (!r || !(r->id = strdup(id))) {
        free(r);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    list_init(&r->node);
    r->machine = m;
    r->fd = filename ? open(filename, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (filename && r->fd < 0) {
        error_set_errno(errp, errno, "cannot open '%s'", filename);
        rng_free(r);
        return NULL;
    }
    list_add_tail(&m->rngs, &r->node);
    return r;
}

bool rng_remove(struct vemu_machine *m, const char *id)
{
    struct rng *r = rng_find(m, id);

    if (r && r->ready)
        return false;
    if (r)
        rng_free(r);
    return true;
}

void rng_free_all(struct vemu_machine *m)
{
    list_for_each_safe(r, &m->rngs, struct rng, node) rng_free(r);
}

bool rng_attach(struct rng *r, void (*ready)(void *opaque), void *opaque, struct vemu_error **errp)
{
    if (r->ready)
        return error_set(errp, VEMU_ERROR_STATE,
                         "object '%s' is used by another device already: each needs its own",
                         r->id);
    r->ready = ready;
    r->opaque = opaque;
    return true;
}

static void watch(struct rng *r, bool on);

void rng_detach(struct rng *r)
{
    watch(r, false);
    r->ready = NULL;
}

static void file_ready(void *opaque, int fd, unsigned events)
{
    struct rng *r = opaque;

    (void)fd, (void)events;
    watch(r, false);
    r->ready(r->opaque);
}

static void watch(struct rng *r, bool on)
{
    if (on && !r->watched)
        r->watched = loop_fd_set(r->machine->loop, r->fd, LOOP_READ, file_ready, r, NULL);
    else if (!on && r->watched)
        loop_fd_remove(r->machine->loop, r->fd), r->watched = false;
}

static size_t from_host(void *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = getrandom((char *)buf + done, len - done, 0);
        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    return done;
}

size_t rng_read(struct rng *r, void *buf, size_t len)
{
    size_t done = 0;
    ssize_t n = 0;

    if (!r || r->fd < 0)
        return from_host(buf, len);
    while (done < len && !r->exhausted) {
        n = read(r->fd, (char *)buf + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (done == len || r->exhausted)
        return done;
    /* The end of a file does not go away; a FIFO without a writer has more to come. */
    if (n == 0 && lseek(r->fd, 0, SEEK_CUR) >= 0) {
        log_msg(&r->machine->log, LOG_WARN, "object %s: there are no more bytes in its file",
                r->id);
        r->exhausted = true;
    } else {
        watch(r, true);
    }
    return done;
}
