/* Commands that write guest memory into files. */
#include "libvemu/qmp/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/cpu/cpu.h"
#include "core/cpu/debug.h"
#include "core/memory/memory.h"
#include "core/util/range.h"
#include "libvemu/machine.h"

enum { PIECE = 64 << 10 };

/* vcpu NULL: physical addresses. */
static bool read_piece(struct lib_machine *lm, struct vcpu *vcpu, uint64_t addr, void *buf,
                       size_t len)
{
    bool ok;

    machine_lock(&lm->m);
    ok = vcpu ? cpu_debug_read(vcpu, addr, buf, len)
              : dma_read(lm->m.memory, NULL, addr, buf, len) == MEM_OK;
    machine_unlock(&lm->m);
    return ok;
}

bool qmp_write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static void *save_range(struct lib_machine *lm, struct vcpu *vcpu, int fd, json_t *args,
                        struct qmp_error *err)
{
    uint64_t addr = (uint64_t)json_integer_value(json_object_get(args, "val"));
    uint64_t left = (uint64_t)json_integer_value(json_object_get(args, "size"));
    char buf[PIECE];

    while (left) {
        size_t n = MIN(left, sizeof buf);
        if (!read_piece(lm, vcpu, addr, buf, n))
            return qmp_fail(err, QMP_GENERIC_ERROR,
                            "the %zu bytes at address 0x%llx are not all memory", n,
                            (unsigned long long)addr);
        if (!qmp_write_all(fd, buf, n))
            return qmp_fail(err, QMP_GENERIC_ERROR, "cannot write '%.100s': %s",
                            json_string_value(json_object_get(args, "filename")), strerror(errno));
        addr += n;
        left -= n;
    }
    return json_object();
}

static json_t *save(struct lib_machine *lm, struct vcpu *vcpu, json_t *args, struct qmp_error *err)
{
    const char *path = json_string_value(json_object_get(args, "filename"));
    json_t *result;
    int fd;

    if (json_integer_value(json_object_get(args, "val")) < 0 ||
        json_integer_value(json_object_get(args, "size")) < 0)
        return qmp_fail(err, QMP_GENERIC_ERROR, "val and size must not be negative");
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return qmp_fail(err, QMP_GENERIC_ERROR, "cannot make '%.100s': %s", path, strerror(errno));
    result = save_range(lm, vcpu, fd, args, err);
    if (close(fd) != 0 && result) {
        json_decref(result);
        return qmp_fail(err, QMP_GENERIC_ERROR, "cannot write '%.100s': %s", path, strerror(errno));
    }
    return result;
}

QMP_COMMAND(qmp_pmemsave)
{
    return save(opaque, NULL, args, err);
}

/* Page tables are those of a vCPU that stands still. */
QMP_COMMAND(qmp_memsave)
{
    json_int_t index = json_integer_value(json_object_get(args, "cpu-index"));
    struct lib_machine *lm = opaque;
    enum run_state state = run_state(lm);
    json_t *result;
    bool ran;

    if (index < 0 || index >= lm->m.vcpu_count)
        return qmp_fail(err, QMP_GENERIC_ERROR, "there is no vCPU %lld; the machine has %u",
                        (long long)index, lm->m.vcpu_count);
    ran = run_halt(lm, state == RUN_STATE_RUNNING ? RUN_STATE_PAUSED : state);
    result = save(lm, lm->m.vcpus[index], args, err);
    if (ran)
        run_go(lm);
    return result;
}
