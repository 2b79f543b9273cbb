#include "tests/device/board_machine.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/still_accel.h"

bool board_machine_try(struct vemu_machine *m, const struct board_class *cls,
                       const struct board_config *cfg, struct vemu_error **err)
{
    memset(m, 0, sizeof *m);
    cr_assert(machine_init(m, err));
    m->accel = &still_accel;
    m->ram_size = cfg->ram_size;
    clock_set_manual(m->clocks, true);
    clock_set_running(m->clocks, true);
    machine_lock(m);
    bool ok = cls->create(m, cls, cfg, err);
    ok = ok && machine_reset(m, err);
    machine_unlock(m);
    if (!ok)
        machine_destroy(m);
    return ok;
}

void board_machine(struct vemu_machine *m, const struct board_class *cls,
                   const struct board_config *cfg)
{
    struct vemu_error *err = NULL;
    bool ok = board_machine_try(m, cls, cfg, &err);
    cr_assert(ok, "%s", err ? vemu_error_message(err) : "");
}

char *temp_file(const void *data, size_t len)
{
    char *path = strdup("/tmp/vemu-test-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, data, len), (ssize_t)len);
    close(fd);
    return path;
}
