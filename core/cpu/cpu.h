/*
 * vCPUs: run/stop/kick, halt, interrupt lines, reset and register access, independent of
 * accelerator.
 *
 * Each vCPU has a thread of its own. Interrupt controllers raise and lower `interrupt` bits from
 * any thread (cpu_interrupt); the accelerator notices at its next poll. The register file of an
 * architecture (core/cpu/x86.h) has a canonical architectural part which every accelerator, gdb and
 * snapshots share.
 */
#ifndef CORE_CPU_CPU_H
#define CORE_CPU_CPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vemu_machine;
struct vemu_error;
struct mem_space;
struct irqchip_gic_ops;
struct irqchip_ops;
struct vcpu;
struct arm_cpu_model;
struct x86_cpu_model;

enum cpu_arch { ARCH_X86, ARCH_ARM };

/* Bits of vcpu.interrupt: conditions that the vCPU must look at. */
enum cpu_interrupt {
    CPU_INT_HARD = 1u << 0, /* the interrupt controller has a vector (INTR) */
    CPU_INT_NMI = 1u << 1,
    CPU_INT_SMI = 1u << 2,
    CPU_INT_INIT = 1u << 3,
    CPU_INT_SIPI = 1u << 4,
    CPU_INT_RESET = 1u << 5,
    CPU_INT_MCE = 1u << 6,
    CPU_INT_POLL = 1u << 7, /* local controller state changed: recompute pending */
    /* Arm: levels of the interrupt controller's outputs (core/cpu/arm_intc.h) */
    CPU_INT_IRQ = 1u << 8,
    CPU_INT_FIQ = 1u << 9,
    CPU_INT_VIRQ = 1u << 10,
    CPU_INT_VFIQ = 1u << 11,
    CPU_INT_EVENT = 1u << 12, /* SEV or the event stream: WFE ends */
    CPU_INT_START = 1u << 13, /* PSCI CPU_ON: vcpu.start says where */
};

/* The interrupt controller in front of an x86 vCPU (the local APIC, or the PIC pair without one).
 * acknowledge is called with the machine lock held (it may reach the PIC), the others without it:
 * on the vCPU's thread, or while the vCPU is paused. */
struct cpu_intc_ops {
    /* The vector to deliver now, or -1 (nothing, or masked by TPR). Acknowledges it. */
    int (*acknowledge)(void *opaque);
    uint8_t (*get_tpr)(void *opaque); /* CR8 = TPR >> 4 */
    void (*set_tpr)(void *opaque, uint8_t tpr);
    /* IA32_APIC_BASE, TSC deadline, x2APIC registers 0x800-0x8ff. false: #GP. */
    bool (*read_msr)(void *opaque, uint32_t msr, uint64_t *value);
    bool (*write_msr)(void *opaque, uint32_t msr, uint64_t value);
    void (*init)(void *opaque); /* INIT: as reset, but the APIC ID stays */
    /* IRQCHIP_SPLIT: software is done with a level-triggered vector. */
    void (*end_of_interrupt)(void *opaque, uint8_t vector);
};

/* Why vcpu_run returned. */
enum vcpu_exit {
    VCPU_EXIT_STOP,
    VCPU_EXIT_HALT,
    VCPU_EXIT_DEBUG,
    VCPU_EXIT_SHUTDOWN,
    VCPU_EXIT_ERROR,
};

struct cpu_breakpoint;
enum cpu_debug_room { CPU_DEBUG_FITS, CPU_DEBUG_NO_ROOM, CPU_DEBUG_NO_KIND };

/* What an accelerator is. One const table each; no state of its own. */
struct accel {
    const char *name;
    bool (*machine_init)(struct vemu_machine *m, struct vemu_error **errp);
    void (*machine_destroy)(struct vemu_machine *m);
    /* The CPUID feature words this accelerator implements (enum x86_feature_word, core/cpu/x86.h).
     */
    void (*x86_features)(struct vemu_machine *m, uint32_t *words);
    /* A model made of them is to be run: what the host decides of it. NULL: nothing. */
    bool (*x86_model)(struct vemu_machine *m, struct x86_cpu_model *model,
                      struct vemu_error **errp);
    /* The processor that all its guests run on, whatever is asked for; NULL: any model. */
    bool (*arm_host)(struct vemu_machine *m, struct arm_cpu_model *model, struct vemu_error **errp);
    /* Has the vCPU's TSC run at another speed than the model's, for a state that was saved where it
     * had that. False, or NULL: it cannot. Paused. */
    bool (*x86_scale_tsc)(struct vcpu *cpu, uint64_t hz);
    /* Do its vCPUs take SMIs? NULL: yes. */
    bool (*has_smm)(struct vemu_machine *m);
    bool (*vcpu_init)(struct vcpu *cpu,
                      struct vemu_error **errp); /* sets cpu->regs and accel_data */
    void (*vcpu_destroy)(struct vcpu *cpu);
    void (*vcpu_reset)(struct vcpu *cpu); /* after core reset the architectural part */
    /* Run until cpu->stop_request, halt, or a debug event; returns why. On the vCPU's thread, no
     * locks. */
    enum vcpu_exit (*vcpu_run)(struct vcpu *cpu);
    void (*vcpu_kick)(
        struct vcpu *cpu); /* make vcpu_run look at interrupt and stop_request; any thread */
    void (*get_state)(struct vcpu *cpu); /* make the architectural part current (vCPU stopped) */
    void (*put_state)(struct vcpu *cpu); /* the architectural part was changed from outside */
    /* vCPUs are about to go on, and none runs yet; clocks run already. NULL: nothing to do. */
    void (*before_resume)(struct vemu_machine *m);
    /* Writes that were gathered (core/memory/posted.h) reach their regions. Machine lock held.
     * NULL: none ever are. */
    void (*flush_posted)(struct vemu_machine *m);
    void (*debug_changed)(struct vcpu *cpu); /* breakpoints or single step changed */
    /* Can vCPUs stop at all of these? NO_KIND: not at every kind of them. NULL: at any. */
    enum cpu_debug_room (*debug_room)(struct vemu_machine *m, const struct cpu_breakpoint *list,
                                      unsigned count);
    /* Debugger's address translation, vCPU stopped: guest-virtual (linear) to physical, without
     * side effects. NULL: core walks the page tables itself (cpu_debug_translate). */
    bool (*debug_translate)(struct vcpu *cpu, uint64_t vaddr, uint64_t *paddr);
    /* Interrupt controllers that it keeps (core/cpu/irqchip.h). NULL: it never does. */
    const struct irqchip_ops *irqchip;
    const struct irqchip_gic_ops *gic; /* the same of Arm */
    const struct irqchip_wire_ops *wires;
    /* Counters as text for people, as snprintf: returns the length wanted. NULL: none. */
    size_t (*info_text)(struct vemu_machine *m, char *buf, size_t len);
};

struct cpu_breakpoint {
    uint64_t addr; /* linear address */
    uint64_t len;
    enum { CPU_BP_EXEC, CPU_BP_WRITE, CPU_BP_READ, CPU_BP_ACCESS } kind;
};

struct vcpu {
    struct vemu_machine *machine;
    unsigned index; /* 0 is the bootstrap processor */
    uint32_t apic_id;
    enum cpu_arch arch;
    pthread_t thread;
    bool thread_started;
    pid_t tid;       /* the system's number of the thread, 0 before it knows; guarded by run_lock */
    char error[256]; /* VCPU_EXIT_ERROR: a sentence */

    _Atomic uint32_t interrupt; /* enum cpu_interrupt bits */
    _Atomic bool stop_request;  /* pause: leave vcpu_run soon */
    bool halted; /* HLT or wait-for-SIPI; changed on the vCPU's own thread or while paused */
    bool wait_for_sipi;
    _Atomic uint8_t sipi_vector; /* set by whoever sends the message */
    _Atomic bool running;        /* inside vcpu_run */
    bool paused;                 /* parked; guarded by run_lock */
    pthread_mutex_t run_lock;    /* leaf lock: guards parking */
    pthread_cond_t run_cond;     /* the thread waits here when paused or halted */
    pthread_cond_t park_cond;    /* vcpus_pause waits here for `paused` */
    bool quit;                   /* the thread shall end; guarded by run_lock */
    bool state_current;          /* get_state was called since it last ran; guarded by run_lock */
    _Atomic bool idle;           /* asleep after a halt: an interrupt must signal run_cond */
    _Atomic uint32_t interrupt_seq; /* counts calls of cpu_interrupt */

    /* debugger */
    struct cpu_breakpoint *breakpoints; /* changed only while stopped */
    unsigned breakpoint_count;
    bool single_step;
    bool debug_hold;     /* vcpus_resume leaves it parked: the debugger steps another one */
    bool debug_stopped;  /* it parked itself with VCPU_EXIT_DEBUG; the debugger clears it */
    uint64_t debug_addr; /* VCPU_EXIT_DEBUG: where, and for watchpoints which address */
    const struct cpu_breakpoint *debug_hit;

    uint64_t tsc_hz; /* x86: scaled to this for a loaded state; 0: the model's */
    const struct cpu_intc_ops *intc_ops; /* x86 */
    const struct arm_intc_ops *arm_intc_ops;
    void *intc;
    const struct arm_board_ops *arm_board_ops;
    void *arm_board;
    /* Arm: where CPU_INT_START begins; written before it is raised. */
    struct {
        uint64_t pc, arg;
    } start;

    /* x87 FERR#, driven while CR0.NE is clear: active when an instruction waits with an unmasked
     * exception pending, inactive when that is cleared. The board raises IRQ 13. NULL: not wired.
     * On the vCPU's thread, no locks. */
    void (*ferr)(void *opaque, bool active);
    void *ferr_opaque;

    void *regs; /* struct x86_regs * (core/cpu/x86.h) or arm_regs *, in memory that the accelerator
                   laid out */
    void *accel_data;  /* the accelerator's per-vCPU state */
    const void *model; /* struct x86_cpu_model * or arm_cpu_model * */
};

/* Create vCPU `index` (m->vcpus grows), its registers at reset values, the accelerator's part made.
 */
struct vcpu *vcpu_new(struct vemu_machine *m, enum cpu_arch arch, uint32_t apic_id,
                      const void *model, struct vemu_error **errp);
void vcpu_free(struct vcpu *cpu);
bool vcpu_start_thread(struct vcpu *cpu, struct vemu_error **errp); /* paused at first */
/* The system's number of the thread, waiting for it to come up; 0: not started. */
pid_t vcpu_thread_id(struct vcpu *cpu);
/* Pause and resume all vCPUs of the machine; pause returns when every one is parked and its
 * architectural part is current. Never call with the machine lock held or from a vCPU thread. */
void vcpus_pause(struct vemu_machine *m);
void vcpus_resume(struct vemu_machine *m);
void vcpus_join(struct vemu_machine *m); /* stop and join all threads, for destroy */
/* Join, then free every vCPU and the list of them. */
void vcpus_free(struct vemu_machine *m);
/*
 * What the thread makes of vcpu_run's result: HALT sleeps until cpu_interrupt is called (whether
 * the condition can be delivered is for the next vcpu_run to say: it returns HALT again, at once,
 * if not); DEBUG, ERROR and SHUTDOWN (triple fault) park the vCPU until vcpus_resume and put a
 * MACHINE_REQUEST_DEBUG, _ERROR or _RESET to the loop. Pauses and resumes are made by one thread at
 * a time.
 */

/* Set or clear interrupt conditions; wakes a halted vCPU and kicks a running one. Any thread, with
 * any locks. */
void cpu_interrupt(struct vcpu *cpu, uint32_t bits);
void cpu_clear_interrupt(struct vcpu *cpu, uint32_t bits);
void vcpu_reset(struct vcpu *cpu);
/* What the vCPU's physical addresses are of in its present state: the machine's memory, or that of
 * system management mode. */
struct mem_space *vcpu_memory(const struct vcpu *cpu);

/* The vCPU whose thread this is, or NULL on any other thread. Per-vCPU registers that all vCPUs see
 * at one address (the local APIC) need to know who makes the access. The thread-local pointer
 * behind it (core/cpu/vcpu.c) is the one explained exception to "no globals": it belongs to the
 * thread, not the process. vcpu_set_current is for the vCPU's thread body, and for tests that act
 * as a vCPU. */
struct vcpu *vcpu_current(void);
void vcpu_set_current(struct vcpu *cpu);

#endif
