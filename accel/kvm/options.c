/* -accel kvm,KEY=VALUE: see kvm.h. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/kvm.h"
#include "core/util/range.h"

enum { QUOTE_MAX = 64 };

/* Each checks the value and, with a machine, sets it. */
static bool set_irqchip(struct kvm_vm *vm, const char *value, struct vemu_error **errp)
{
    static const char *const names[] = {
        [IRQCHIP_OFF] = "off", [IRQCHIP_SPLIT] = "split", [IRQCHIP_ON] = "on"};

    for (unsigned mode = 0; mode < ARRAY_SIZE(names); mode++) {
        if (strcmp(value, names[mode]) != 0)
            continue;
        if (vm) {
            vm->irqchip = mode;
            vm->irqchip_asked = true;
        }
        return true;
    }
    return error_set(errp, VEMU_ERROR_INVALID,
                     "-accel kvm: kernel-irqchip='%.*s' should be on, split or off", QUOTE_MAX,
                     value);
}

static bool set_pit(struct kvm_vm *vm, const char *value, struct vemu_error **errp)
{
    bool on = strcmp(value, "on") == 0;

    if (!on && strcmp(value, "off") != 0)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-accel kvm: kernel-pit='%.*s' should be on or off", QUOTE_MAX, value);
    if (vm)
        vm->pit_wanted = on;
    return true;
}

static bool set_kick_signal(struct kvm_vm *vm, const char *value, struct vemu_error **errp)
{
    char *end;
    long n = strtol(value, &end, 10);

    if (!*value || *end || n < SIGRTMIN || n > SIGRTMAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-accel kvm: kick-signal='%.*s' should be a real-time signal, %d to %d",
                         QUOTE_MAX, value, SIGRTMIN, SIGRTMAX);
    if (vm)
        vm->kick_signal = (int)n;
    return true;
}

/* As QEMU has it: entries for each vCPU, a power of two; 0: bitmaps. */
static bool set_dirty_ring(struct kvm_vm *vm, const char *value, struct vemu_error **errp)
{
    enum { LEAST = 1024, MOST = 65536 };
    char *end;
    unsigned long n = strtoul(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end || (n && (n < LEAST || n > MOST)) || n & (n - 1))
        return error_set(
            errp, VEMU_ERROR_INVALID,
            "-accel kvm: dirty-ring-size='%.*s' should be a power of two from %d to %d "
            "entries, or 0",
            QUOTE_MAX, value, LEAST, MOST);
    if (vm)
        vm->dirty_entries = (uint32_t)n;
    return true;
}

bool kvm_set_option(struct vemu_machine *m, const char *key, const char *value,
                    struct vemu_error **errp)
{
    static const struct {
        const char *key;
        bool (*set)(struct kvm_vm *vm, const char *value, struct vemu_error **errp);
    } options[] = {
        {"dirty-ring-size", set_dirty_ring},
        {"kernel-irqchip", set_irqchip},
        {"kernel-pit", set_pit},
        {"kick-signal", set_kick_signal},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(options); i++)
        if (strcmp(key, options[i].key) == 0)
            return options[i].set(m ? kvm_vm_of(m) : NULL, value, errp);
    return error_set(errp, VEMU_ERROR_INVALID,
                     "-accel kvm: no option '%.*s'; there are kernel-irqchip, kernel-pit, "
                     "dirty-ring-size and kick-signal",
                     QUOTE_MAX, key);
}
