/* A machine of Arm vCPUs: what KVM wants once. */
#include <stdlib.h>
#include <string.h>

#include "accel/kvm/arm64/arm.h"
#include "accel/kvm/internal.h"

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
