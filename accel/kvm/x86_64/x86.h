/* KVM on x86 hosts: what its files share, and what the accelerator's table takes from them. */
#ifndef ACCEL_KVM_X86_64_X86_H
#define ACCEL_KVM_X86_64_X86_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/cpu/x86.h"

struct irqchip_lapic;
struct irqchip_pit;
struct kvm_cpu;
struct kvm_vm;
struct vcpu;
struct vemu_error;
struct vemu_machine;

enum { MSR_APIC_BASE = 0x1b }; /* SDM vol. 4 */
#define KVM_X86_IOAPIC_BASE UINT64_C(0xfec00000)
enum { KVM_X86_MSRS_MAX = 112, KVM_X86_CPUID_MAX = 128, KVM_X86_PARAVIRT_LEAVES = 8 };

/* The kernel's PIT. */
struct kvm_x86_pit {
    bool made;
    bool held;       /* it is fetched and stands still; machine lock */
    int64_t held_at; /* when, by the monotonic clock, ns */
    struct kvm_pit_state2 state;
    struct kvm_pit_channel_state expired; /* what a count out of a guest's range stands for */
};

struct kvm_x86_soft;

/* Per machine. */
struct kvm_x86 {
    struct kvm_x86_pit pit;
    struct kvm_cpuid2 *supported; /* KVM_GET_SUPPORTED_CPUID */
    uint32_t msrs[KVM_X86_MSRS_MAX];
    unsigned msrs_usual; /* of every guest, before Hyper-V's */
    unsigned msr_count;  /* those of our list that this kernel saves (section 4.3) */
    uint16_t xsave_offset[X86_XSAVE_COMPONENTS]; /* 0: there is none */
    struct kvm_x86_soft *soft;                   /* breakpoints in memory; machine lock */
    unsigned soft_count;
};

struct kvm_x86 *kvm_x86_of(const struct kvm_vm *vm);

/* cpuid.c: features come from KVM_GET_SUPPORTED_CPUID alone. */
bool kvm_x86_cpuid_read(struct kvm_vm *vm, struct vemu_error **errp);
void kvm_x86_features(struct vemu_machine *m, uint32_t *words);
bool kvm_x86_model(struct vemu_machine *m, struct x86_cpu_model *model, struct vemu_error **errp);
bool kvm_x86_scale_tsc(struct vcpu *cpu, uint64_t hz);
/* A leaf of KVM_GET_SUPPORTED_CPUID, or NULL. */
const struct kvm_cpuid_entry2 *kvm_x86_supported(const struct kvm_vm *vm, uint32_t leaf,
                                                 uint32_t subleaf);
bool kvm_x86_cpuid_write(struct kvm_cpu *k, struct vemu_error **errp);

/* paravirt.c: what of the model's list the kernel has, with its first vCPU; the leaves of a vCPU,
 * at most KVM_X86_PARAVIRT_LEAVES; what is switched on for it. */
bool kvm_x86_paravirt_check(struct kvm_vm *vm, struct x86_cpu_model *model,
                            struct vemu_error **errp);
unsigned kvm_x86_paravirt_leaves(const struct kvm_cpu *k, struct kvm_cpuid_entry2 *e);
bool kvm_x86_paravirt_enable(const struct kvm_cpu *k, struct vemu_error **errp);
void kvm_x86_hyperv_exit(struct kvm_cpu *k);

/* One piece of the state each, both ways; false: the kernel refused. */
bool kvm_x86_get_general(struct kvm_cpu *k, struct x86_regs *r);
bool kvm_x86_put_general(struct kvm_cpu *k, const struct x86_regs *r);
bool kvm_x86_get_fpu(struct kvm_cpu *k, struct x86_regs *r);
bool kvm_x86_put_fpu(struct kvm_cpu *k, const struct x86_regs *r);
void kvm_x86_list_msrs(struct kvm_vm *vm);
bool kvm_x86_get_msrs(struct kvm_cpu *k, struct x86_regs *r);
bool kvm_x86_put_msrs(struct kvm_cpu *k, const struct x86_regs *r);
/* KVM_GET_MSRS or KVM_SET_MSRS of one. */
bool kvm_x86_one_msr(const struct kvm_cpu *k, unsigned long request, uint32_t msr, uint64_t *value);
bool kvm_x86_get_events(struct kvm_cpu *k, struct x86_regs *r);
bool kvm_x86_put_events(struct kvm_cpu *k, struct x86_regs *r);

/* lapic.c: with local APICs in the kernel. */
bool kvm_x86_get_lapic(struct vcpu *cpu, struct irqchip_lapic *lapic);
bool kvm_x86_put_lapic(struct vcpu *cpu, const struct irqchip_lapic *lapic);
void kvm_x86_put_deadline(struct kvm_cpu *k); /* after the TSC */
bool kvm_x86_get_mp_state(struct kvm_cpu *k, struct x86_regs *r);
bool kvm_x86_put_mp_state(struct kvm_cpu *k, const struct x86_regs *r);

/* pins.c: routes; false: the kernel takes them not. */
bool kvm_x86_route_pins(struct kvm_vm *vm);
bool kvm_x86_route_pit(struct kvm_vm *vm);

/* pit.c: with the interrupt controllers in the kernel. */
bool kvm_x86_make_pit(struct vemu_machine *m);
bool kvm_x86_get_pit(struct vemu_machine *m, struct irqchip_pit *pit);
bool kvm_x86_put_pit(struct vemu_machine *m, const struct irqchip_pit *pit);
void kvm_x86_block_pit(struct vemu_machine *m, bool block);
void kvm_x86_pause_pit(struct kvm_vm *vm);
void kvm_x86_resume_pit(struct kvm_vm *vm);

/* debug.c: has the vCPU's breakpoint no debug register? */
bool kvm_x86_is_soft(const struct vcpu *cpu, unsigned n);
/* softbreak.c. Machine lock held. Could there be one at the address; those of vCPU 0's list into
 * memory, before anyone runs, and out of it. */
bool kvm_x86_soft_possible(const struct kvm_vm *vm, uint64_t addr);
void kvm_x86_soft_insert(struct kvm_vm *vm);
void kvm_x86_soft_remove(struct kvm_vm *vm);

#endif
