/* The accelerator's table on arm64 hosts. */
#include "accel/kvm/arm64/arm.h"
#include "accel/kvm/internal.h"
#include "accel/kvm/kvm.h"

const struct accel kvm_arch_accel = {
    KVM_ACCEL_MEMBERS,
    .gic = &kvm_arch_gic,
    .arm_host = kvm_arm_host,
};

enum cpu_arch kvm_guest_arch(void)
{
    return ARCH_ARM;
}
