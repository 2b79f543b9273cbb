/* KVM on arm64 hosts: what its files share. */
#ifndef ACCEL_KVM_ARM64_ARM_H
#define ACCEL_KVM_ARM64_ARM_H

#include <stdbool.h>
#include <stdint.h>

struct arm_cpu_model;
struct irqchip_gic;
struct kvm_cpu;
struct kvm_vm;
struct vemu_error;
struct vemu_machine;

/* Per machine. */
struct kvm_arm {
    uint32_t target; /* of KVM_ARM_PREFERRED_TARGET */
    uint32_t preferred[7];
    int breakpoints, watchpoints; /* debug registers that a debugger can have */
    bool has_mp_state, has_inject_dabt, has_user_irq;
    int gic, its; /* descriptors of the kernel's interrupt controllers, or -1 */
    bool is_gicv3;
};

struct kvm_arm *kvm_arm_of(const struct kvm_vm *vm);

/* vm.c */
bool kvm_arm_host(struct vemu_machine *m, struct arm_cpu_model *model, struct vemu_error **errp);

/* vgic.c */
void kvm_arm_gic_close(struct kvm_vm *vm);

/* vcpu.c: one register, by section 4.68. */
bool kvm_arm_get_one(const struct kvm_cpu *k, uint64_t id, void *value);
bool kvm_arm_set_one(const struct kvm_cpu *k, uint64_t id, const void *value);

#endif
