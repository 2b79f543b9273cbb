/* The accelerator's table on arm64 hosts. */
#include "accel/kvm/internal.h"
#include "accel/kvm/kvm.h"

const struct accel kvm_arch_accel = {
    KVM_ACCEL_MEMBERS,
    .gic = &kvm_arch_gic,
};

enum cpu_arch kvm_guest_arch(void)
{
    return ARCH_ARM;
}
