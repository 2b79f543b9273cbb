/*
 * What guests can be told of the hypervisor beneath them, by the names that -cpu takes: KVM's own
 * features (Documentation/virt/kvm/x86/cpuid.rst) and Hyper-V's enlightenments (Hypervisor Top
 * Level Functional Specification, chapter "Feature and Interface Discovery"). Only KVM has either;
 * who makes a vCPU decides what of it the kernel offers.
 */
#ifndef CORE_CPU_X86_PARAVIRT_H
#define CORE_CPU_X86_PARAVIRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vemu_error;

/* CPUID leaf 40000001H of KVM, EAX. */
enum x86_kvm_feature {
    X86_KVM_CLOCK = 1 << 0,
    X86_KVM_NOP_IO_DELAY = 1 << 1,
    X86_KVM_CLOCK2 = 1 << 3,
    X86_KVM_ASYNC_PF = 1 << 4,
    X86_KVM_STEAL_TIME = 1 << 5,
    X86_KVM_PV_EOI = 1 << 6,
    X86_KVM_PV_UNHALT = 1 << 7,
    X86_KVM_PV_TLB_FLUSH = 1 << 9,
    X86_KVM_ASYNC_PF_VMEXIT = 1 << 10,
    X86_KVM_PV_IPI = 1 << 11,
    X86_KVM_POLL_CONTROL = 1 << 12,
    X86_KVM_PV_SCHED_YIELD = 1 << 13,
    X86_KVM_ASYNC_PF_INT = 1 << 14,
    X86_KVM_CLOCK_STABLE = 1 << 24,
};

enum x86_hv {
    X86_HV_RELAXED,
    X86_HV_VAPIC,
    X86_HV_SPINLOCKS, /* with a number of retries */
    X86_HV_VPINDEX,
    X86_HV_RUNTIME,
    X86_HV_CRASH,
    X86_HV_RESET,
    X86_HV_TIME,
    X86_HV_SYNIC,
    X86_HV_STIMER,
    X86_HV_STIMER_DIRECT,
    X86_HV_FREQUENCIES,
    X86_HV_REENLIGHTENMENT,
    X86_HV_TLBFLUSH,
    X86_HV_TLBFLUSH_EXT,
    X86_HV_IPI,
    X86_HV_AVIC,
    X86_HV_XMM_INPUT,
    X86_HV_COUNT,
};
#define X86_HV_SPINLOCKS_NEVER UINT32_MAX /* a guest that spins never tells */

/* Of a CPU model. */
struct x86_paravirt {
    uint32_t kvm_on, kvm_off; /* asked for by name */
    bool kvm_dedicated;       /* kvm-hint-dedicated: each vCPU has a processor to itself */
    bool kvm_enforce;         /* kvm-pv-enforce-cpuid: what is not offered does not work, either */
    uint32_t hv;              /* a bit for each enum x86_hv */
    bool hv_passthrough;      /* all that the kernel has */
    bool hv_enforce;          /* hv-enforce-cpuid */
    uint32_t hv_retries;      /* of X86_HV_SPINLOCKS */
    char hv_vendor[13];       /* "": Microsoft's */
};

/* An item of -cpu, which this file may know: name=value, or without a value the name and whether it
 * is on. *known false: it is none of these. */
bool x86_paravirt_item(struct x86_paravirt *pv, const char *name, size_t len, const char *value,
                       size_t value_len, bool on, bool *known, struct vemu_error **errp);
/* "hv-relaxed" */
const char *x86_hv_name(enum x86_hv which);
/* "kvm-pv-unhalt", of one bit. */
const char *x86_kvm_feature_name(uint32_t bit);
/* Is anything asked for by name? */
bool x86_paravirt_asked(const struct x86_paravirt *pv);

/* Hyper-V's MSRs that are state, in the order in which they are set: GUEST_OS_ID before HYPERCALL,
 * the controller before its timers. */
enum { X86_HV_MSRS = 41 };
extern const uint32_t x86_hv_msrs[X86_HV_MSRS];

#endif
