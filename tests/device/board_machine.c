#include "tests/device/board_machine.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"

static bool cpu_init(struct vcpu *cpu, struct vemu_error **errp)
{
    (void)errp;
    cpu->regs = aligned_alloc(64, (sizeof(struct x86_regs) + 63) / 64 * 64);
    memset(cpu->regs, 0, sizeof(struct x86_regs));
    return true;
}
static void cpu_destroy(struct vcpu *cpu)
{
    free(cpu->regs);
}
static void cpu_kick(struct vcpu *cpu)
{
    (void)cpu;
}
static void features(struct vemu_machine *m, uint32_t *words)
{
    (void)m;
    memset(words, 0xff, X86_FEAT_WORDS * sizeof *words);
}
static const struct accel still_accel = {.name = "still",
                                         .x86_features = features,
                                         .vcpu_init = cpu_init,
                                         .vcpu_destroy = cpu_destroy,
                                         .vcpu_kick = cpu_kick};

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
