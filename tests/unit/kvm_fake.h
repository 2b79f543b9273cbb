/*
 * A kernel made for the tests of accel/kvm. What it does follows the kernel's KVM API documentation
 * (Documentation/virt/kvm/api.rst), section by section as named at each function. One for each test
 * process: fake_start makes it and a machine, fake_stop looks that nothing of them is left.
 */
#ifndef TESTS_UNIT_KVM_FAKE_H
#define TESTS_UNIT_KVM_FAKE_H

#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel/kvm/host.h"
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/device/machine.h"

enum {
    FD_KVM = 100,
    FD_VM,
    FD_VCPU,
    SLOTS = 64,
    LOG_BYTES = 4096,
    RUN_BYTES = 3 * 4096, /* the page, port data, the ring of gathered writes */
    ROUTES = 96,
    IRQFDS = 16,
    BELLS = 8,
    CPUID_ENTRIES = 80,
    DIRTY_ENTRIES = 1024, /* the most that a ring of written pages has */
};

struct kernel {
    struct kvm_host host;
    int open_error, api, missing; /* a capability that is not there; -1: all are */
    int open_fds;
    struct kvm_userspace_memory_region slots[SLOTS];
    struct kvm_userspace_memory_region smm_slots[SLOTS]; /* of address space 1 */
    bool has_smm;
    int smis;
    uint64_t dirty[SLOTS]; /* stores of the guest to a slot's first 64 pages */
    int dirty_error;       /* what KVM_GET_DIRTY_LOG answers */
    unsigned slot_calls;
    bool in_run;          /* some vCPU is in KVM_RUN */
    bool slots_while_run; /* and a slot was changed meanwhile: never */
    uint8_t page[RUN_BYTES];
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_xsave xsave;
    struct kvm_vcpu_events events;
    struct kvm_debugregs debugregs;
    uint64_t msr[128];
    uint32_t msr_number[128];
    unsigned msrs;
    uint32_t refused_msr;
    int injected, nmis, runs;
    bool vcpu_made;
    int irqchip; /* 0: none, 1: KVM_CREATE_IRQCHIP, 2: KVM_CAP_SPLIT_IRQCHIP */
    int reserved_routes;
    struct kvm_irq_routing routing; /* as set last, with its entries */
    struct kvm_irq_routing_entry routes[ROUTES];
    unsigned routings;
    struct kvm_irqfd irqfds[IRQFDS];
    unsigned irqfd_count, irqfd_calls;
    struct kvm_irqchip chips[3];
    struct kvm_lapic_state lapic;
    int due_vector; /* of a local timer that ended: in IRR on the next way in; 0: none */
    struct kvm_mp_state mp_state;
    int lines[ROUTES]; /* KVM_IRQ_LINE; -1: never */
    unsigned line_calls;
    struct kvm_msi msi;
    unsigned msis;
    bool msi_blocked; /* no local APIC takes it */
    uint64_t clock;   /* KVM_GET_CLOCK */
    unsigned clock_sets, paused_told;
    uint16_t xsave_offset[X86_XSAVE_COMPONENTS]; /* 0: no such component */
    uint32_t pv_features;                        /* 0: the kernel does not say that it is KVM */
    struct kvm_cpuid2 cpuid;                     /* of the vCPU, with its entries */
    struct kvm_cpuid_entry2 cpuid_entries[CPUID_ENTRIES];
    struct kvm_ioeventfd bells[BELLS];
    unsigned bell_count, bell_calls;
    int bell_error;                    /* what KVM_IOEVENTFD answers to an assignment */
    uint32_t hv_features[2], hv_hints; /* leaf 40000003H EAX and EDX, 40000004H EAX */
    bool lists_hv_msrs;
    uint64_t enabled[4];                      /* capabilities of KVM_ENABLE_CAP, a bit each */
    struct kvm_dirty_gfn ring[DIRTY_ENTRIES]; /* of written pages */
    bool no_dirty_ring;
    unsigned ring_resets, ring_put; /* put: by the kernel so far */
    uint64_t ring_bytes;            /* as enabled */
    struct kvm_coalesced_mmio_zone zones[8];
    unsigned zone_count;
    int tsc_khz;     /* of a vCPU */
    bool tsc_scales; /* and it can be set */
    bool pit_made;
    uint32_t pit_config; /* its flags */
    struct kvm_pit_state2 pit;
    unsigned pit_sets;
    struct kvm_guest_debug debug;
    int debug_flags; /* KVM_CAP_SET_GUEST_DEBUG2; 0: it cannot be asked */
    bool step_armed;
    bool completed; /* KVM_RUN with immediate_exit after an access */
    /* What KVM_RUN does: fills the page, returns what the call does. */
    int (*run)(struct kernel *k, struct kvm_run *run);
    atomic_bool stop; /* for runs that last */
};

extern struct kernel kernel;
extern struct vemu_machine m;
extern char said[LOG_BYTES]; /* in the log */

void fake_start(void);
void fake_stop(void);
/* The kernel's KVM with one vCPU; in between, the machine's options. */
void fake_make_vm(void);
struct vcpu *fake_make_vcpu(void);
struct vcpu *fake_make_vcpu_of(const struct x86_cpu_model *model);
enum vcpu_exit fake_run_once(struct vcpu *cpu);
/* What KVM_RUN does at first: the guest shuts down. */
int fake_shut_down(struct kernel *k, struct kvm_run *run);

#endif
