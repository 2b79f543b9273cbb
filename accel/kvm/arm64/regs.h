/*
 * Registers of an Arm vCPU as the kernel has them, one by one (sections 4.68 KVM_SET_ONE_REG, 4.69
 * KVM_GET_ONE_REG), against struct arm_regs. Numbers and layouts are those of the kernel's
 * interface on any host, so that this file is built and tested on all of them.
 *
 * The kernel runs guests at EL1 and EL0: registers of EL2 and EL3 are not in it and stay as they
 * are. Thread contract: the vCPU's thread, or while it is paused.
 */
#ifndef ACCEL_KVM_ARM64_REGS_H
#define ACCEL_KVM_ARM64_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arm_regs;

/* A register's identifier: its size in bits 52 and up (2: 32 bits, 3: 64, 4: 128). */
#define KVM_ARM_REG(size_code, rest)                                                               \
    (UINT64_C(0x6000000000000000) | (uint64_t)(size_code) << 52 | (uint64_t)(rest))
#define KVM_ARM_CORE(size_code, word) KVM_ARM_REG(size_code, 0x10 << 16 | (word))
#define KVM_ARM_SYS(op0, op1, crn, crm, op2)                                                       \
    KVM_ARM_REG(3, 0x13 << 16 | (op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

static inline unsigned kvm_arm_reg_bytes(uint64_t id)
{
    return 1u << (id >> 52 & 15);
}

/* The virtual counter. The kernel's interface has it and the timer's comparator at each other's
 * encodings. */
#define KVM_ARM_TIMER_COUNT KVM_ARM_SYS(3, 3, 14, 3, 2)
#define KVM_ARM_PC KVM_ARM_CORE(3, 64)

/* How the kernel is reached. value: kvm_arm_reg_bytes() long. False: it does not know the register,
 * or not of this vCPU. */
struct kvm_arm_one_reg {
    bool (*get)(void *opaque, uint64_t id, void *value);
    bool (*set)(void *opaque, uint64_t id, const void *value);
    void *opaque;
};

/* All of them. False: one that each vCPU has was refused. counter: the machine's system counter
 * (arm_counter), which the virtual one is kept against. */
bool kvm_arm_get_regs(const struct kvm_arm_one_reg *one, struct arm_regs *r, uint64_t counter);
bool kvm_arm_put_regs(const struct kvm_arm_one_reg *one, const struct arm_regs *r,
                      uint64_t counter);

#endif
