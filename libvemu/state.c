/* vemu_machine_save and _load: the core's stream to and from a file descriptor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/device/machine_state.h"
#include "core/state/state.h"
#include "core/util/error.h"
#include "libvemu/machine.h"

/* Room for everything but RAM, which is at most as large as it is. */
#define STATE_OVERHEAD_MAX (UINT64_C(256) << 20)

/* With `control` held: saved and loaded state is that of a machine that stands still. */
static bool need_stopped(struct lib_machine *lm, const char *what, struct vemu_error **errp)
{
    if (!lm->realized)
        return error_set(errp, VEMU_ERROR_STATE, "%s: the machine is not realized yet", what);
    if (run_state(lm) == RUN_STATE_RUNNING)
        return error_set(errp, VEMU_ERROR_STATE, "%s: the machine runs; pause it first", what);
    return true;
}

static bool write_all(int fd, const uint8_t *data, size_t len, struct vemu_error **errp)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set_errno(errp, n < 0 ? errno : EIO, "cannot write the saved state");
        data += n;
        len -= (size_t)n;
    }
    return true;
}

bool vemu_machine_save(struct vemu_machine *m, int fd, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);
    struct state_writer *w = state_writer_new();
    const void *data;
    size_t len;
    bool ok;

    if (!w)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    pthread_mutex_lock(&lm->control);
    ok = need_stopped(lm, "save", errp);
    if (ok) {
        machine_lock(m);
        ok = machine_save(m, w, errp);
        machine_unlock(m);
    }
    pthread_mutex_unlock(&lm->control);
    if (ok && !state_writer_finish(w, &data, &len))
        ok = error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory for the saved state");
    ok = ok && write_all(fd, data, len, errp);
    state_writer_free(w);
    return ok;
}

/* Everything up to the end of fd; NULL: error set. */
static uint8_t *read_all(int fd, uint64_t limit, size_t *len, struct vemu_error **errp)
{
    size_t room = 1 << 20;
    uint8_t *data = malloc(room), *larger;

    *len = 0;
    while (data) {
        ssize_t n = read(fd, data + *len, room - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            error_set_errno(errp, errno, "cannot read the saved state");
            break;
        }
        if (n == 0)
            return data;
        *len += (size_t)n;
        if (*len > limit) {
            error_set(errp, VEMU_ERROR_FORMAT,
                      "the saved state is larger than that of this machine can be");
            break;
        }
        if (*len < room)
            continue;
        larger = realloc(data, room * 2);
        if (!larger) {
            error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory for the saved state");
            break;
        }
        data = larger;
        room *= 2;
    }
    if (!data)
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory for the saved state");
    free(data);
    return NULL;
}

bool vemu_machine_load(struct vemu_machine *m, int fd, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);
    uint8_t *data;
    size_t len;
    bool ok;

    data = read_all(fd, m->ram_size + STATE_OVERHEAD_MAX, &len, errp);
    if (!data)
        return false;
    pthread_mutex_lock(&lm->control);
    ok = need_stopped(lm, "load", errp);
    if (ok) {
        machine_lock(m);
        ok = machine_load(m, data, len, errp);
        machine_unlock(m);
        /* What the machine was asked for belongs to the state that is gone. */
        machine_take_requests(m);
        run_loaded(lm);
    }
    pthread_mutex_unlock(&lm->control);
    free(data);
    return ok;
}
