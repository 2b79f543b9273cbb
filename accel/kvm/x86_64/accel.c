/* The accelerator's table on x86-64 hosts. */
#include "accel/kvm/internal.h"
#include "accel/kvm/kvm.h"
#include "accel/kvm/x86_64/x86.h"

/* Asked by boards whose chipset has it. */
static bool has_smm(struct vemu_machine *m)
{
    const struct kvm_vm *vm = kvm_vm_of(m);

    kvm_lacks(vm, vm->has_smm, "KVM_CAP_X86_SMM",
              "firmware has no system management mode and nothing of it is protected");
    return vm->has_smm;
}

const struct accel kvm_arch_accel = {
    KVM_ACCEL_MEMBERS,          .x86_features = kvm_x86_features,
    .x86_model = kvm_x86_model, .x86_scale_tsc = kvm_x86_scale_tsc,
    .has_smm = has_smm,         .irqchip = &kvm_arch_irqchip,
};

enum cpu_arch kvm_guest_arch(void)
{
    return ARCH_X86;
}
