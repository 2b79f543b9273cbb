/* A machine of Arm vCPUs: what KVM wants once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/kvm/arm64/arm.h"
#include "accel/kvm/arm64/model.h"
#include "accel/kvm/arm64/regs.h"
#include "accel/kvm/internal.h"
#include "core/cpu/arm.h"

struct kvm_arm *kvm_arm_of(const struct kvm_vm *vm)
{
    return vm->arch;
}

/* Section 4.2: the number of bits of guests' physical addresses; 0 is 40 of them. */
unsigned long kvm_arch_vm_type(const struct kvm_vm *vm)
{
    int bits = kvm_extension(vm, KVM_CAP_ARM_VM_IPA_SIZE);

    return bits > 0 ? KVM_VM_TYPE_ARM_IPA_SIZE((unsigned)bits) : 0;
}

bool kvm_arch_vm_init(struct kvm_vm *vm, struct vemu_error **errp)
{
    struct kvm_arm *a = calloc(1, sizeof *a);
    struct kvm_vcpu_init init;
    struct kvm_enable_cap nisv = {.cap = KVM_CAP_ARM_NISV_TO_USER};

    vm->arch = a;
    if (!a)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    a->gic = a->its = -1;
    if (!kvm_extension(vm, KVM_CAP_ONE_REG))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "kvm: this kernel's KVM lacks KVM_CAP_ONE_REG, without which no vCPU has "
                         "registers; use -accel tcg");
    int r = kvm_ioctl(vm, vm->fd, KVM_ARM_PREFERRED_TARGET, (uintptr_t)&init);
    if (r < 0)
        return error_set_errno(errp, -r, "kvm: this kernel runs no guest on this processor");
    a->target = init.target;
    memcpy(a->preferred, init.features, sizeof a->preferred);
    a->breakpoints = kvm_extension(vm, KVM_CAP_GUEST_DEBUG_HW_BPS);
    a->watchpoints = kvm_extension(vm, KVM_CAP_GUEST_DEBUG_HW_WPS);
    a->has_mp_state = kvm_extension(vm, KVM_CAP_MP_STATE);
    a->has_user_irq = kvm_extension(vm, KVM_CAP_ARM_USER_IRQ);
    a->has_inject_dabt = kvm_extension(vm, KVM_CAP_ARM_INJECT_EXT_DABT);
    vm->has_events = kvm_extension(vm, KVM_CAP_VCPU_EVENTS);
    kvm_lacks(vm, vm->has_events, "KVM_CAP_VCPU_EVENTS",
              "a machine that is paused may lose an error that is being delivered");
    kvm_lacks(vm, a->has_mp_state, "KVM_CAP_MP_STATE",
              "processors that are switched off are not told from others when a machine is saved");
    /* Without it the kernel ends the guest's access itself, with an error that says nothing. */
    if (kvm_extension(vm, KVM_CAP_ARM_NISV_TO_USER))
        kvm_ioctl(vm, vm->fd, KVM_ENABLE_CAP, (uintptr_t)&nisv);
    return true;
}

void kvm_arch_vm_destroy(struct kvm_vm *vm)
{
    kvm_arm_gic_close(vm);
    free(vm->arch);
    vm->arch = NULL;
}

/* The virtual counters of vCPUs that were put begin where they stood; nothing else runs on. */
void kvm_arch_after_pause(struct kvm_vm *vm)
{
    (void)vm;
}
void kvm_arch_before_resume(struct kvm_vm *vm)
{
    (void)vm;
}

/* ---- the processor that guests have -----------------------------------------------------------
 */

struct scratch {
    const struct kvm_vm *vm;
    int machine, vcpu;
};

static bool scratch_get(void *opaque, uint64_t id, void *value)
{
    const struct scratch *s = opaque;
    struct kvm_one_reg reg = {.id = id, .addr = (uintptr_t)value};

    return kvm_ioctl(s->vm, s->vcpu, KVM_GET_ONE_REG, (uintptr_t)&reg) >= 0;
}

/* A machine of its own: a vCPU of this one could not be made again. */
static int open_scratch(struct scratch *s)
{
    const struct kvm_vm *vm = s->vm;
    struct kvm_vcpu_init init = {.target = kvm_arm_of(vm)->target};

    memcpy(init.features, kvm_arm_of(vm)->preferred, sizeof init.features);
    s->machine = kvm_ioctl(vm, vm->kvm_fd, KVM_CREATE_VM, kvm_arch_vm_type(vm));
    if (s->machine < 0)
        return s->machine;
    s->vcpu = kvm_ioctl(vm, s->machine, KVM_CREATE_VCPU, 0);
    return s->vcpu < 0 ? s->vcpu : kvm_ioctl(vm, s->vcpu, KVM_ARM_VCPU_INIT, (uintptr_t)&init);
}

bool kvm_arm_host(struct vemu_machine *m, struct arm_cpu_model *model, struct vemu_error **errp)
{
    const struct kvm_vm *vm = kvm_vm_of(m);
    struct scratch s = {.vm = vm, .machine = -1, .vcpu = -1};
    const struct kvm_arm_one_reg one = {.get = scratch_get, .opaque = &s};
    int r = open_scratch(&s);
    bool ok = r >= 0 && kvm_arm_read_model(&one, model);

    if (s.vcpu >= 0)
        vm->host->close(vm->host->opaque, s.vcpu);
    if (s.machine >= 0)
        vm->host->close(vm->host->opaque, s.machine);
    if (!ok)
        return error_set_errno(errp, r < 0 ? -r : ENODEV,
                               "-cpu host: the kernel does not show the processor to guests");
#ifdef __aarch64__
    /* What no guest's registers tell, any program may read. */
    __asm__("mrs %0, cntfrq_el0" : "=r"(model->cntfrq));
    __asm__("mrs %0, dczid_el0" : "=r"(model->dczid));
#endif
    return true;
}
