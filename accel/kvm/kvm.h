/*
 * The KVM accelerator: the host's processor runs the guest, by the kernel's KVM API
 * (Documentation/virt/kvm/api.rst, whose section numbers are cited where something follows them).
 */
#ifndef ACCEL_KVM_KVM_H
#define ACCEL_KVM_KVM_H

#include <stdbool.h>

#include "core/cpu/cpu.h"

struct kvm_host;
struct vemu_error;
struct vemu_machine;

/* What guests run: the host's own architecture. */
enum cpu_arch kvm_guest_arch(void);
/* The accelerator's table; machine_init opens /dev/kvm. */
const struct accel *kvm_accel(void);
/* Can machines be made here? Else the error says what is in the way and what to do about it. */
bool kvm_probe(const struct kvm_host *host, struct vemu_error **errp);
/* machine_init with another kernel, for tests. */
bool kvm_machine_init(struct vemu_machine *m, const struct kvm_host *host,
                      struct vemu_error **errp);
/* With its options set, before its devices are made: the kernel's interrupt controllers. */
bool kvm_machine_ready(struct vemu_machine *m, struct vemu_error **errp);
/* Options of -accel kvm, checked before there is a machine and set before its vCPUs are made. m
 * NULL: only the check. */
bool kvm_set_option(struct vemu_machine *m, const char *key, const char *value,
                    struct vemu_error **errp);

#endif
