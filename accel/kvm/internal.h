/*
 * What the files of the accelerator share.
 *
 * A vCPU is in the kernel or out of it (in_kernel); while it is in, its architectural state is
 * there, and struct x86_regs is made current when it is paused. Who wants a vCPU out makes its wish
 * known first (interrupt bits, stop_request, the gate) and then kicks; the vCPU says in_kernel
 * first and then looks at the wishes once more: one sees the other.
 *
 * The gate: memory slots cannot be exchanged in one step, so nobody is in KVM_RUN meanwhile.
 */
#ifndef ACCEL_KVM_INTERNAL_H
#define ACCEL_KVM_INTERNAL_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel/kvm/host.h"
#include "core/cpu/cpu.h"
#include "core/cpu/irqchip.h"
#include "core/device/machine.h"
#include "core/util/error.h"

/* One memory slot as the kernel has it. */
struct kvm_slot {
    uint64_t start, size; /* guest-physical, bytes */
    uint8_t *host;
    struct ram_block *block;
    uint64_t offset; /* in it */
    uint32_t flags;  /* KVM_MEM_* */
    uint32_t id;     /* as the kernel takes it: the address space in its upper half */
    bool keep;
};

/* The slots of one of the kernel's address spaces: what vCPUs see, and what they see in system
 * management mode (KVM_CAP_MULTI_ADDRESS_SPACE, section 4.35). */
struct kvm_slots {
    struct kvm_slot *list; /* by address */
    unsigned count;
    uint64_t *ids; /* a bit for each number in use */
    uint32_t as;
};
enum { KVM_SPACE_USUAL, KVM_SPACE_SMM, KVM_SPACES };

/* Where the kernel gathers writes. */
struct kvm_posted_zone {
    uint64_t addr, size;
    bool port;
};

struct kvm_vm {
    struct vemu_machine *m;
    const struct kvm_host *host;
    int kvm_fd, fd;
    size_t run_size; /* of a vCPU's shared page, bytes */
    int kick_signal;
    int first_vcpu; /* made before its time, to be asked about the TSC; -1: none */

    /* what this kernel has */
    bool has_readonly, has_immediate_exit, has_events, has_debugregs, has_xsave, has_xcrs,
        has_tsc_khz, has_nmi, has_guest_debug, has_clock, has_clock_ctrl, has_smm;
    uint32_t max_slots;

    /* guarded by the machine lock */
    struct kvm_slots slots[KVM_SPACES];
    bool slots_short; /* said once */

    enum irqchip_mode irqchip; /* what is wanted of the kernel's interrupt controllers */
    bool irqchip_asked;        /* by name, and not just the default */
    bool pit_wanted;           /* in the kernel with IRQCHIP_ON */
    struct kvm_routes *routes; /* NULL: there are none */
    bool wires_short;          /* said once */

    struct kvm_ioevent *ioevents; /* machine lock */
    unsigned ioevent_count;

    uint32_t dirty_entries; /* of each vCPU's ring of written pages; 0: the log is bitmaps */

    size_t ring_offset;    /* of gathered writes, in what each vCPU shares */
    uint32_t ring_entries; /* 0: there is no ring */
    bool posts_ports;
    struct kvm_posted_zone *zones; /* machine lock */
    unsigned zone_count;

    pthread_mutex_t gate_lock;
    pthread_cond_t gate_moved;
    atomic_bool gate_closed;

    void *arch; /* struct kvm_x86 * */
};

struct kvm_cpu {
    struct vcpu *cpu;
    struct kvm_vm *vm;
    int fd;
    struct kvm_run *run;
    atomic_bool in_kernel;
    bool synced; /* struct x86_regs is the state, to be put before it runs */
    bool signals_set, debug_changed;
    bool io_open; /* an access was answered, and the kernel has not taken the answer yet */
    bool halted;
    /* put_lapic left it for the next kvm_arch_put */
    bool deadline_changed;
    uint64_t deadline;
    struct kvm_dirty_gfn *dirty; /* its ring, or NULL; machine lock */
    uint32_t dirty_next;
    /* Arm without a GIC in the kernel: CPU_INT_* lines as told to it, and what it drives itself */
    uint32_t lines;
    uint64_t device_lines;
};

static inline struct kvm_vm *kvm_vm_of(const struct vemu_machine *m)
{
    return m->accel_state;
}
/* It halts, takes INIT and start-up messages and has its interrupts in the kernel. */
static inline bool kvm_lapic_in_kernel(const struct kvm_cpu *k)
{
    return k->vm->m->irqchip != IRQCHIP_OFF;
}
static inline struct kvm_cpu *kvm_cpu_of(const struct vcpu *cpu)
{
    return cpu->accel_data;
}
static inline int kvm_ioctl(const struct kvm_vm *vm, int fd, unsigned long request, uintptr_t arg)
{
    return vm->host->ioctl(vm->host->opaque, fd, request, arg);
}
static inline int kvm_vcpu_ioctl(const struct kvm_cpu *k, unsigned long request, void *arg)
{
    return kvm_ioctl(k->vm, k->fd, request, (uintptr_t)arg);
}
/* KVM_CHECK_EXTENSION (section 4.4): 0 for what is not there. */
int kvm_extension(const struct kvm_vm *vm, int capability);
/* Unless `has`, a warning: without the capability of that name, what is lost. */
void kvm_lacks(const struct kvm_vm *vm, bool has, const char *name, const char *lost);

/* vm.c: members of struct accel */
bool kvm_accel_machine_init(struct vemu_machine *m, struct vemu_error **errp);
void kvm_accel_machine_destroy(struct vemu_machine *m);
bool kvm_accel_vcpu_init(struct vcpu *cpu, struct vemu_error **errp);
void kvm_accel_outside_change(struct vcpu *cpu);
void kvm_accel_get_state(struct vcpu *cpu);
void kvm_accel_before_resume(struct vemu_machine *m);
void kvm_accel_debug_changed(struct vcpu *cpu);
enum cpu_debug_room kvm_accel_debug_room(struct vemu_machine *m, const struct cpu_breakpoint *list,
                                         unsigned count);

/* The accelerator's table, in ARCH/accel.c: these members and the architecture's own. */
extern const struct accel kvm_arch_accel;
#define KVM_ACCEL_MEMBERS                                                                          \
    .name = "kvm", .machine_init = kvm_accel_machine_init,                                         \
    .machine_destroy = kvm_accel_machine_destroy, .vcpu_init = kvm_accel_vcpu_init,                \
    .vcpu_destroy = kvm_vcpu_destroy, .vcpu_reset = kvm_accel_outside_change,                      \
    .vcpu_run = kvm_vcpu_run, .vcpu_kick = kvm_kick, .get_state = kvm_accel_get_state,             \
    .put_state = kvm_accel_outside_change, .before_resume = kvm_accel_before_resume,               \
    .flush_posted = kvm_posted_flush, .debug_changed = kvm_accel_debug_changed,                    \
    .debug_room = kvm_accel_debug_room, .wires = &kvm_wire_ops

/* slots.c. Machine lock held; all slots are gone after the last. */
bool kvm_slots_init(struct kvm_vm *vm);
void kvm_slots_changed(void *opaque, struct mem_space *space);
void kvm_slots_free(struct kvm_vm *vm);
/* Has the kernel log stores to the slot if its block is logged, and else not. */
void kvm_slot_log(const struct kvm_vm *vm, struct kvm_slot *slot);

/* dirty.c */
extern const struct ram_dirty_ops kvm_dirty_ops;
/* What was stored to a slot that is logged, to its block's logs. */
void kvm_dirty_collect(const struct kvm_vm *vm, const struct kvm_slot *slot);

/* dirty_ring.c: -accel kvm,dirty-ring-size= */
bool kvm_dirty_ring_init(struct kvm_vm *vm, struct vemu_error **errp);
bool kvm_dirty_ring_map(struct kvm_cpu *k);
void kvm_dirty_ring_unmap(struct kvm_cpu *k);
void kvm_dirty_ring_collect(const struct kvm_vm *vm);

/* irqfd.c. Once there are routes. */
extern const struct irqchip_wire_ops kvm_wire_ops;
void kvm_wires_init(struct kvm_vm *vm);

/* doorbells.c. The view of a space, or its doorbells, changed. */
void kvm_doorbells_changed(void *opaque, struct mem_space *space);
void kvm_doorbells_free(struct kvm_vm *vm);

/* posted.c. pending: any thread, without the lock. */
void kvm_posted_init(struct kvm_vm *vm);
void kvm_posted_changed(void *opaque, struct mem_space *space);
void kvm_posted_free(struct kvm_vm *vm);
bool kvm_posted_pending(const struct kvm_cpu *k);
void kvm_posted_flush(struct vemu_machine *m);

/* gate.c */
void kvm_gate_close(struct kvm_vm *vm); /* returns with every vCPU out of the kernel */
void kvm_gate_open(struct kvm_vm *vm);
/* Enter and leave the kernel; enter is false when something came up that is to be looked at. seen:
 * the vCPU's interrupt_seq when interrupts were last looked at. */
bool kvm_enter(struct kvm_cpu *k, uint32_t seen);
void kvm_leave(struct kvm_cpu *k);
void kvm_kick(struct vcpu *cpu);

/* vcpu.c */
bool kvm_vcpu_init(struct vcpu *cpu, struct vemu_error **errp);
void kvm_vcpu_destroy(struct vcpu *cpu);
enum vcpu_exit kvm_vcpu_run(struct vcpu *cpu);
/* In and out of the kernel with no instruction done. Any thread, the vCPU is paused. */
void kvm_vcpu_touch(struct kvm_cpu *k);

/* exits.c */
void kvm_exit_io(struct kvm_cpu *k);
void kvm_exit_mmio(struct kvm_cpu *k);
/* The vCPU cannot go on: fills cpu->error, logs registers and code. */
enum vcpu_exit kvm_exit_error(struct kvm_cpu *k);

/* ---- what an architecture gives (x86_64/) -----------------------------------------------------
 */

/* What KVM_CREATE_VM is given (section 4.2). */
unsigned long kvm_arch_vm_type(const struct kvm_vm *vm);
bool kvm_arch_vm_init(struct kvm_vm *vm, struct vemu_error **errp);
void kvm_arch_vm_destroy(struct kvm_vm *vm);
/* Before there is a vCPU. asked: without what it needs it is an error, else a warning. */
bool kvm_arch_make_irqchip(struct kvm_vm *vm, enum irqchip_mode mode, bool asked,
                           struct vemu_error **errp);
/* What a wire sends; a pin's level as a GSI, false: it has no such thing, or no room. */
struct kvm_msi kvm_arch_message(const struct kvm_vm *vm, const struct irqchip_wire *w);
bool kvm_arch_route_level(struct kvm_vm *vm, uint32_t gsi, unsigned pin);
extern const struct irqchip_ops kvm_arch_irqchip; /* x86 */
extern const struct irqchip_gic_ops kvm_arch_gic; /* Arm */
bool kvm_arch_vcpu_init(struct kvm_cpu *k, struct vemu_error **errp);
void kvm_arch_vcpu_destroy(struct kvm_cpu *k);
/* The architectural state, both ways. The vCPU is out of the kernel. */
bool kvm_arch_get(struct kvm_cpu *k);
bool kvm_arch_put(struct kvm_cpu *k);
/* Between two runs: events that are due are put to the kernel. False: it is halted. */
bool kvm_arch_events(struct kvm_cpu *k);
void kvm_arch_before_run(struct kvm_cpu *k);
void kvm_arch_after_run(struct kvm_cpu *k);
/* A vCPU was paused: what goes on by itself in the kernel is held, if it is not yet. Machine lock
 * held, here and in the next. */
void kvm_arch_after_pause(struct kvm_vm *vm);
/* Before vCPUs run whose state was changed or stood still: the machine's clock. All are out. */
void kvm_arch_before_resume(struct kvm_vm *vm);
/* Breakpoints and steps to the kernel, after the registers, which it arms a step by; where a debug
 * exit happened. */
enum cpu_debug_room kvm_arch_debug_room(const struct kvm_vm *vm, const struct cpu_breakpoint *list,
                                        unsigned count);
void kvm_arch_debug(struct kvm_cpu *k);
bool kvm_arch_debug_exit(struct kvm_cpu *k); /* false: it is the guest's, which goes on */
/* Exits of this architecture only. False: not known. */
bool kvm_arch_exit(struct kvm_cpu *k, enum vcpu_exit *why, bool *leave);
/* Registers and code as log lines. */
void kvm_arch_describe(struct kvm_cpu *k);

#endif
