/* The host's processor as guests see it. Built and tested on all hosts. */
#ifndef ACCEL_KVM_ARM64_MODEL_H
#define ACCEL_KVM_ARM64_MODEL_H

#include <stdbool.h>

struct arm_cpu_model;
struct kvm_arm_one_reg;

/* By the registers of a vCPU that is not used otherwise. False: it is no A64 processor. cntfrq and
 * dczid are the caller's. */
bool kvm_arm_read_model(const struct kvm_arm_one_reg *one, struct arm_cpu_model *model);

#endif
