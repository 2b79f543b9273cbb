/* Guest memory and registers of the public API. */
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/cpu/debug.h"
#include "core/display/display.h"
#include "core/util/error.h"
#include "libvemu/machine.h"

enum { QUOTE_MAX = 80 };

/* ---- physical memory ------------------------------------------------------------------------- */

static bool nothing_there(uint64_t addr, size_t len, const char *what, struct vemu_error **errp)
{
    return error_set(errp, VEMU_ERROR_INVALID,
                     "%zu bytes at %s address 0x%llx are not all memory or devices", len, what,
                     (unsigned long long)addr);
}

bool vemu_memory_read(struct vemu_machine *m, uint64_t addr, void *buf, size_t len,
                      struct vemu_error **errp)
{
    bool ok;

    machine_lock(m);
    ok = dma_read(m->memory, NULL, addr, buf, len) == MEM_OK;
    machine_unlock(m);
    return ok || nothing_there(addr, len, "physical", errp);
}

bool vemu_memory_write(struct vemu_machine *m, uint64_t addr, const void *buf, size_t len,
                       struct vemu_error **errp)
{
    bool ok;

    machine_lock(m);
    ok = mem_write_rom(m->memory, addr, buf, len) == MEM_OK;
    machine_unlock(m);
    return ok || nothing_there(addr, len, "physical", errp);
}

/* ---- vCPUs ----------------------------------------------------------------------------------- */

unsigned vemu_cpu_count(struct vemu_machine *m)
{
    return m->vcpu_count;
}

/* With `control` held: the vCPU, when the machine stands still. */
static struct vcpu *standing_vcpu(struct vemu_machine *m, unsigned cpu, struct vemu_error **errp)
{
    if (cpu >= m->vcpu_count) {
        error_set(errp, VEMU_ERROR_NOT_FOUND, "there is no vCPU %u; the machine has %u", cpu,
                  m->vcpu_count);
        return NULL;
    }
    if (run_state(lib_of(m)) == RUN_STATE_RUNNING) {
        error_set(errp, VEMU_ERROR_STATE,
                  "the machine runs: pause it before looking into its vCPUs");
        return NULL;
    }
    return m->vcpus[cpu];
}

static bool cpu_memory(struct vemu_machine *m, unsigned cpu, uint64_t addr, void *out,
                       const void *in, size_t len, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);
    struct vcpu *vcpu;
    bool ok = false;

    pthread_mutex_lock(&lm->control);
    vcpu = standing_vcpu(m, cpu, errp);
    if (vcpu) {
        machine_lock(m);
        ok = out ? cpu_debug_read(vcpu, addr, out, len) : cpu_debug_write(vcpu, addr, in, len);
        machine_unlock(m);
        if (!ok)
            nothing_there(addr, len, "linear", errp);
    }
    pthread_mutex_unlock(&lm->control);
    return ok;
}

bool vemu_cpu_read_memory(struct vemu_machine *m, unsigned cpu, uint64_t addr, void *buf,
                          size_t len, struct vemu_error **errp)
{
    return cpu_memory(m, cpu, addr, buf, NULL, len, errp);
}

bool vemu_cpu_write_memory(struct vemu_machine *m, unsigned cpu, uint64_t addr, const void *buf,
                           size_t len, struct vemu_error **errp)
{
    return cpu_memory(m, cpu, addr, NULL, buf, len, errp);
}

static const struct cpu_register *find_register(struct vcpu *vcpu, const char *name,
                                                struct vemu_error **errp)
{
    const struct cpu_register *reg = cpu_register_find(vcpu->arch, name);

    if (!reg)
        error_set(errp, VEMU_ERROR_NOT_FOUND, "'%.*s' is not a register of this vCPU", QUOTE_MAX,
                  name);
    return reg;
}

bool vemu_cpu_read_register(struct vemu_machine *m, unsigned cpu, const char *name, void *buf,
                            size_t *size, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);
    const struct cpu_register *reg;
    struct vcpu *vcpu;
    bool ok = false;

    pthread_mutex_lock(&lm->control);
    vcpu = standing_vcpu(m, cpu, errp);
    reg = vcpu ? find_register(vcpu, name, errp) : NULL;
    if (reg && *size < reg->size)
        error_set(errp, VEMU_ERROR_INVALID, "register %s has %u bytes, but there is room for %zu",
                  reg->name, reg->size, *size);
    else if (reg) {
        machine_lock(m);
        cpu_register_read(vcpu, reg, buf);
        machine_unlock(m);
        *size = reg->size;
        ok = true;
    }
    pthread_mutex_unlock(&lm->control);
    return ok;
}

bool vemu_cpu_write_register(struct vemu_machine *m, unsigned cpu, const char *name,
                             const void *buf, size_t size, struct vemu_error **errp)
{
    struct lib_machine *lm = lib_of(m);
    const struct cpu_register *reg;
    struct vcpu *vcpu;
    bool ok = false;

    pthread_mutex_lock(&lm->control);
    vcpu = standing_vcpu(m, cpu, errp);
    reg = vcpu ? find_register(vcpu, name, errp) : NULL;
    if (reg && size != reg->size)
        error_set(errp, VEMU_ERROR_INVALID, "register %s has %u bytes, but %zu were given",
                  reg->name, reg->size, size);
    else if (reg) {
        machine_lock(m);
        ok = cpu_register_write(vcpu, reg, buf, errp);
        machine_unlock(m);
    }
    pthread_mutex_unlock(&lm->control);
    return ok;
}

size_t vemu_screen_text(struct vemu_machine *m, char *buf, size_t len)
{
    size_t used = 0;

    if (len)
        buf[0] = 0;
    machine_lock(m);
    struct display *d = display_nth(m, 0);
    if (d)
        used = display_text(d, buf, len);
    machine_unlock(m);
    return used;
}

const char *vemu_cpu_register_name(struct vemu_machine *m, unsigned n)
{
    const struct cpu_register *reg = m->vcpu_count ? cpu_register_at(m->vcpus[0]->arch, n) : NULL;

    return reg ? reg->name : NULL;
}
