/* The accelerator's table on arm64 hosts. */
#include "accel/kvm/internal.h"
#include "accel/kvm/kvm.h"

static const struct accel kvm_accel_table = {
    .name = "kvm",
    .machine_init = kvm_accel_machine_init,
    .machine_destroy = kvm_accel_machine_destroy,
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
    .gic = &kvm_arch_gic,
};

enum cpu_arch kvm_guest_arch(void)
{
    return ARCH_ARM;
}

const struct accel *kvm_accel(void)
{
    return &kvm_accel_table;
}
