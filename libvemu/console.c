/* Consoles of the public API: ring buffers that can be waited for, and input. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/chardev/chardev.h"
#include "core/util/error.h"
#include "libvemu/machine.h"

struct console {
    struct list node;
    struct lib_machine *lm;
    struct chardev *chr;
    /* guarded by console_lock */
    void (*notify)(void *opaque);
    void *opaque;
};

void console_init(struct lib_machine *lm)
{
    list_init(&lm->consoles);
    pthread_mutex_init(&lm->console_lock, NULL);
    pthread_cond_init(&lm->console_cond, NULL);
}

void console_free(struct lib_machine *lm)
{
    list_for_each_safe(con, &lm->consoles, struct console, node)
    {
        list_remove(&con->node);
        free(con);
    }
    pthread_cond_destroy(&lm->console_cond);
    pthread_mutex_destroy(&lm->console_lock);
}

void console_wake(struct lib_machine *lm)
{
    pthread_mutex_lock(&lm->console_lock);
    pthread_cond_broadcast(&lm->console_cond);
    pthread_mutex_unlock(&lm->console_lock);
}

static void ring_filled(void *opaque)
{
    struct console *con = opaque;
    void (*notify)(void *opaque);
    void *notify_opaque;

    pthread_mutex_lock(&con->lm->console_lock);
    notify = con->notify;
    notify_opaque = con->opaque;
    pthread_cond_broadcast(&con->lm->console_cond);
    pthread_mutex_unlock(&con->lm->console_lock);
    if (notify)
        notify(notify_opaque);
}

bool console_watch(struct lib_machine *lm, struct chardev *chr, struct vemu_error **errp)
{
    struct console *con = calloc(1, sizeof *con);

    if (!con)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    con->lm = lm;
    con->chr = chr;
    list_add_tail(&lm->consoles, &con->node);
    machine_lock(&lm->m);
    chardev_ring_notify(chr, ring_filled, con);
    machine_unlock(&lm->m);
    return true;
}

/* The console of a character device, NULL: of the first serial port. */
static struct console *find(struct lib_machine *lm, const char *id)
{
    list_for_each(con, &lm->consoles, struct console, node)
    {
        if (strcmp(chardev_id(con->chr), id ? id : "serial0") == 0)
            return con;
    }
    return NULL;
}

static bool is_done(struct lib_machine *lm)
{
    bool done;

    pthread_mutex_lock(&lm->m.request_lock);
    done = lm->done != VEMU_EXIT_TIMEOUT;
    pthread_mutex_unlock(&lm->m.request_lock);
    return done;
}

static struct timespec deadline(int timeout_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

size_t vemu_console_read(struct vemu_machine *m, const char *chardev, void *buf, size_t len,
                         int timeout_ms)
{
    struct lib_machine *lm = lib_of(m);
    struct console *con = find(lm, chardev);
    struct timespec until = deadline(timeout_ms > 0 ? timeout_ms : 0);
    size_t n;
    int err = 0;

    if (!con || !len)
        return 0;
    pthread_mutex_lock(&lm->console_lock);
    for (;;) {
        /* Done is looked at first: whatever the guest wrote before is then in the ring. */
        bool done = is_done(lm);
        n = chardev_ring_read(con->chr, buf, len);
        if (n || done || timeout_ms == 0 || err == ETIMEDOUT)
            break;
        err = timeout_ms < 0 ? pthread_cond_wait(&lm->console_cond, &lm->console_lock)
                             : pthread_cond_timedwait(&lm->console_cond, &lm->console_lock, &until);
    }
    pthread_mutex_unlock(&lm->console_lock);
    return n;
}

size_t vemu_console_write(struct vemu_machine *m, const char *chardev, const void *buf, size_t len)
{
    struct console *con = find(lib_of(m), chardev);
    size_t n;

    if (!con)
        return 0;
    machine_lock(m);
    n = chardev_inject(con->chr, buf, len);
    machine_unlock(m);
    return n;
}

static struct console *find_or_error(struct vemu_machine *m, const char *id,
                                     struct vemu_error **errp)
{
    struct console *con = find(lib_of(m), id);

    if (!con)
        error_set(errp, VEMU_ERROR_NOT_FOUND, "there is no character device '%s'",
                  id ? id : "serial0");
    return con;
}

bool vemu_console_set_notify(struct vemu_machine *m, const char *chardev, void (*fn)(void *opaque),
                             void *opaque, struct vemu_error **errp)
{
    struct console *con = find_or_error(m, chardev, errp);

    if (!con)
        return false;
    pthread_mutex_lock(&con->lm->console_lock);
    con->notify = fn;
    con->opaque = opaque;
    pthread_mutex_unlock(&con->lm->console_lock);
    return true;
}

void vemu_console_set_escape(struct vemu_machine *m, void (*fn)(void *opaque, int key),
                             void *opaque)
{
    struct lib_machine *lm = lib_of(m);

    machine_lock(m);
    list_for_each(con, &lm->consoles, struct console, node)
        chardev_set_escape(con->chr, fn, opaque);
    machine_unlock(m);
}
