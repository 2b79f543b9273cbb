/* The table of interrupt routes of a machine in the kernel: see routes.c. Without interrupt
 * controllers in the kernel there is none, and vm->routes is NULL. */
#ifndef ACCEL_KVM_ROUTES_H
#define ACCEL_KVM_ROUTES_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

struct kvm_vm;

bool kvm_routes_init(struct kvm_vm *vm);
void kvm_routes_free(struct kvm_vm *vm);
/* Changes of the table, which the kernel has with the next commit. A pin is one more of its GSI's,
 * a message is all that the GSI raises. False: no room. */
bool kvm_route_pin(struct kvm_vm *vm, uint32_t gsi, uint32_t chip, uint32_t pin);
bool kvm_route_message(struct kvm_vm *vm, uint32_t gsi, const struct kvm_msi *msi);
void kvm_route_remove(struct kvm_vm *vm, uint32_t gsi);
/* The first GSI from there on that has no route, or false and 0. */
bool kvm_route_free_gsi(struct kvm_vm *vm, uint32_t first, uint32_t *gsi);
/* False: the kernel refuses the table, as the log says; it has the one from before. */
bool kvm_routes_commit(struct kvm_vm *vm);

#endif
