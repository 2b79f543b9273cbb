/* The accelerator's table on x86-64 hosts. */
#include "accel/kvm/internal.h"
#include "accel/kvm/kvm.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/util/log.h"

/* Asked by boards whose chipset has it. */
static bool has_smm(struct vemu_machine *m)
{
    const struct kvm_vm *vm = kvm_vm_of(m);

    if (!vm->has_smm)
        log_msg(
            &m->log, LOG_WARN,
            "kvm: this kernel lacks KVM_CAP_X86_SMM: firmware has no system management mode and "
            "nothing of it is protected");
    return vm->has_smm;
}

static const struct accel kvm_accel_table = {
    .name = "kvm",
    .machine_init = kvm_accel_machine_init,
    .machine_destroy = kvm_accel_machine_destroy,
    .x86_features = kvm_x86_features,
    .x86_model = kvm_x86_model,
    .x86_scale_tsc = kvm_x86_scale_tsc,
    .has_smm = has_smm,
    .vcpu_init = kvm_accel_vcpu_init,
    .vcpu_destroy = kvm_vcpu_destroy,
    .vcpu_reset = kvm_accel_outside_change,
    .vcpu_run = kvm_vcpu_run,
    .vcpu_kick = kvm_kick,
    .get_state = kvm_accel_get_state,
    .put_state = kvm_accel_outside_change,
    .before_resume = kvm_accel_before_resume,
    .flush_posted = kvm_posted_flush,
    .debug_changed = kvm_accel_debug_changed,
    .debug_room = kvm_accel_debug_room,
    .irqchip = &kvm_arch_irqchip,
};

enum cpu_arch kvm_guest_arch(void)
{
    return ARCH_X86;
}

const struct accel *kvm_accel(void)
{
    return &kvm_accel_table;
}
