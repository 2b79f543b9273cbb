/*
 * An Arm vCPU: features (section 4.82 KVM_ARM_VCPU_INIT), state both ways, interrupt lines without
 * a controller in the kernel (4.25 KVM_IRQ_LINE), and exits of this architecture (section 5). PSCI
 * is the kernel's: it starts and stops vCPUs by itself, and leaves the machine's end to us.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/kvm/arm64/arm.h"
#include "accel/kvm/arm64/regs.h"
#include "accel/kvm/internal.h"
#include "core/cpu/arm.h"
#include "core/cpu/debug.h"
#include "core/memory/memory.h"
#include "core/util/log.h"

/* ---- life -------------------------------------------------------------------------------------
 */

static void set_feature(struct kvm_vcpu_init *init, unsigned feature)
{
    init->features[feature / 32] |= 1u << feature % 32;
}

static bool want(const struct kvm_cpu *k, struct kvm_vcpu_init *init, unsigned feature,
                 int capability, const char *name, const char *lost)
{
    bool has = kvm_extension(k->vm, capability);

    if (has)
        set_feature(init, feature);
    kvm_lacks(k->vm, has || k->cpu->index, name, lost);
    return has;
}

static bool choose_features(const struct kvm_cpu *k, struct kvm_vcpu_init *init,
                            struct vemu_error **errp)
{
    const struct kvm_arm *a = kvm_arm_of(k->vm);
    const struct arm_cpu_model *model = k->cpu->model;

    *init = (struct kvm_vcpu_init){.target = a->target};
    memcpy(init->features, a->preferred, sizeof init->features);
    want(k, init, KVM_ARM_VCPU_PSCI_0_2, KVM_CAP_ARM_PSCI_0_2, "KVM_CAP_ARM_PSCI_0_2",
         "guests cannot switch themselves off");
    if (k->cpu->index)
        set_feature(init, KVM_ARM_VCPU_POWER_OFF);
    if (!model)
        return true;
    if (!model->aarch64 && !want(k, init, KVM_ARM_VCPU_EL1_32BIT, KVM_CAP_ARM_EL1_32BIT,
                                 "KVM_CAP_ARM_EL1_32BIT", "32-bit guests do not run"))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-cpu %s: this processor runs no 32-bit guests; use -accel tcg",
                         model->name);
    if (model->pmu_counters)
        want(k, init, KVM_ARM_VCPU_PMU_V3, KVM_CAP_ARM_PMU_V3, "KVM_CAP_ARM_PMU_V3",
             "guests have no performance counters");
    /* The kernel takes both or none. */
    if (arm_has(model, ARM_FEAT_PAUTH) && kvm_extension(k->vm, KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
        kvm_extension(k->vm, KVM_CAP_ARM_PTRAUTH_GENERIC)) {
        set_feature(init, KVM_ARM_VCPU_PTRAUTH_ADDRESS);
        set_feature(init, KVM_ARM_VCPU_PTRAUTH_GENERIC);
    }
    return true;
}

bool kvm_arch_vcpu_init(struct kvm_cpu *k, struct vemu_error **errp)
{
    struct kvm_vcpu_init init;
    struct arm_regs *r;

    if (k->cpu->arch != ARCH_ARM)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "kvm runs guests of the host's own architecture: this machine is no Arm "
                         "one; use -accel tcg");
    r = aligned_alloc(64, (sizeof *r + 63) / 64 * 64);
    if (!r)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "vCPU %u: out of memory", k->cpu->index);
    memset(r, 0, sizeof *r);
    k->cpu->regs = r;
    if (!choose_features(k, &init, errp))
        return false;
    int err = kvm_vcpu_ioctl(k, KVM_ARM_VCPU_INIT, &init);
    return err >= 0 ||
           error_set_errno(errp, -err, "vCPU %u: kvm does not take its features", k->cpu->index);
}

void kvm_arch_vcpu_destroy(struct kvm_cpu *k)
{
    free(k->cpu->regs);
    k->cpu->regs = NULL;
}

/* ---- state, both ways --------------------------------------------------------------------------
 */

bool kvm_arm_get_one(const struct kvm_cpu *k, uint64_t id, void *value)
{
    struct kvm_one_reg reg = {.id = id, .addr = (uintptr_t)value};

    return kvm_vcpu_ioctl(k, KVM_GET_ONE_REG, &reg) >= 0;
}

bool kvm_arm_set_one(const struct kvm_cpu *k, uint64_t id, const void *value)
{
    struct kvm_one_reg reg = {.id = id, .addr = (uintptr_t)value};

    return kvm_vcpu_ioctl(k, KVM_SET_ONE_REG, &reg) >= 0;
}

static bool get_one(void *opaque, uint64_t id, void *value)
{
    return kvm_arm_get_one(opaque, id, value);
}
static bool set_one(void *opaque, uint64_t id, const void *value)
{
    return kvm_arm_set_one(opaque, id, value);
}
static struct kvm_arm_one_reg one_of(struct kvm_cpu *k)
{
    return (struct kvm_arm_one_reg){.get = get_one, .set = set_one, .opaque = k};
}

/* Sections 4.31 and 4.32: an SError that waits for PSTATE.A. */
static bool get_events(struct kvm_cpu *k, struct arm_regs *r)
{
    struct kvm_vcpu_events e;

    if (!k->vm->has_events)
        return true;
    if (kvm_vcpu_ioctl(k, KVM_GET_VCPU_EVENTS, &e) < 0)
        return false;
    r->serror = e.exception.serror_pending ? 1 : 0;
    return true;
}

static bool put_events(struct kvm_cpu *k, const struct arm_regs *r)
{
    struct kvm_vcpu_events e = {.exception.serror_pending = r->serror & 1};

    return !k->vm->has_events || kvm_vcpu_ioctl(k, KVM_SET_VCPU_EVENTS, &e) >= 0;
}

/* Sections 4.38 and 4.39. */
static bool get_power(struct kvm_cpu *k, struct arm_regs *r)
{
    struct kvm_mp_state s;

    if (!kvm_arm_of(k->vm)->has_mp_state)
        return true;
    if (kvm_vcpu_ioctl(k, KVM_GET_MP_STATE, &s) < 0)
        return false;
    r->powered_off = s.mp_state == KVM_MP_STATE_STOPPED;
    return true;
}

static bool put_power(struct kvm_cpu *k, const struct arm_regs *r)
{
    struct kvm_mp_state s = {.mp_state =
                                 r->powered_off ? KVM_MP_STATE_STOPPED : KVM_MP_STATE_RUNNABLE};

    return !kvm_arm_of(k->vm)->has_mp_state || kvm_vcpu_ioctl(k, KVM_SET_MP_STATE, &s) >= 0;
}

bool kvm_arch_get(struct kvm_cpu *k)
{
    struct arm_regs *r = k->cpu->regs;
    struct kvm_arm_one_reg one = one_of(k);

    return kvm_arm_get_regs(&one, r, arm_counter(k->cpu)) && get_events(k, r) && get_power(k, r);
}

bool kvm_arch_put(struct kvm_cpu *k)
{
    const struct arm_regs *r = k->cpu->regs;
    struct kvm_arm_one_reg one = one_of(k);

    return kvm_arm_put_regs(&one, r, arm_counter(k->cpu)) && put_events(k, r) && put_power(k, r);
}

/* ---- between two runs --------------------------------------------------------------------------
 * With the controller in the kernel nothing is to be done. */

static void set_line(struct kvm_cpu *k, unsigned which, bool level)
{
    struct kvm_irq_level line = {
        .irq = KVM_ARM_IRQ_TYPE_CPU << KVM_ARM_IRQ_TYPE_SHIFT |
               (k->cpu->index & KVM_ARM_IRQ_VCPU_MASK) << KVM_ARM_IRQ_VCPU_SHIFT |
               (k->cpu->index >> 8 & KVM_ARM_IRQ_VCPU2_MASK) << KVM_ARM_IRQ_VCPU2_SHIFT | which,
        .level = level};

    kvm_ioctl(k->vm, k->vm->fd, KVM_IRQ_LINE, (uintptr_t)&line);
}

bool kvm_arch_events(struct kvm_cpu *k)
{
    uint32_t now = atomic_load(&k->cpu->interrupt) & (CPU_INT_IRQ | CPU_INT_FIQ);
    uint32_t moved = now ^ k->lines;

    if (kvm_arm_of(k->vm)->gic >= 0)
        return true;
    if (moved & CPU_INT_IRQ)
        set_line(k, KVM_ARM_IRQ_CPU_IRQ, now & CPU_INT_IRQ);
    if (moved & CPU_INT_FIQ)
        set_line(k, KVM_ARM_IRQ_CPU_FIQ, now & CPU_INT_FIQ);
    k->lines = now;
    return true; /* the kernel waits for what ends a WFI */
}

void kvm_arch_before_run(struct kvm_cpu *k)
{
    (void)k;
}

/* Without a controller in the kernel, a timer's output that moved ends a run (section 8.2,
 * KVM_CAP_ARM_USER_IRQ): the board looks at the timer's registers, and raises it. */
static void timer_moved(struct kvm_cpu *k, enum arm_timer which, uint64_t cval_id, uint64_t ctl_id)
{
    const struct vcpu *cpu = k->cpu;
    struct arm_regs *r = cpu->regs;
    uint64_t count;

    if (!kvm_arm_get_one(k, cval_id, &r->timer[which].cval) ||
        !kvm_arm_get_one(k, ctl_id, &r->timer[which].ctl) ||
        !kvm_arm_get_one(k, KVM_ARM_TIMER_COUNT, &count))
        return;
    r->timer[which].ctl &= 3;
    r->cntvoff = arm_counter(cpu) - count;
    if (cpu->arm_board_ops && cpu->arm_board_ops->timer_changed)
        cpu->arm_board_ops->timer_changed(k->cpu, which, cpu->arm_board);
}

void kvm_arch_after_run(struct kvm_cpu *k)
{
    uint64_t now = k->run->s.regs.device_irq_level, moved = now ^ k->device_lines;

    if (kvm_arm_of(k->vm)->gic >= 0 || !kvm_arm_of(k->vm)->has_user_irq || !moved)
        return;
    k->device_lines = now;
    if (moved & KVM_ARM_DEV_EL1_VTIMER)
        timer_moved(k, ARM_TIMER_VIRT, KVM_ARM_SYS(3, 3, 14, 0, 2), KVM_ARM_SYS(3, 3, 14, 3, 1));
    if (moved & KVM_ARM_DEV_EL1_PTIMER)
        timer_moved(k, ARM_TIMER_PHYS, KVM_ARM_SYS(3, 3, 14, 2, 2), KVM_ARM_SYS(3, 3, 14, 2, 1));
}

/* ---- exits -------------------------------------------------------------------------------------
 */

static void system_event(struct kvm_cpu *k)
{
    struct vemu_machine *m = k->vm->m;

    switch (k->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        machine_request(m, MACHINE_REQUEST_SHUTDOWN, 0);
        return;
    case KVM_SYSTEM_EVENT_RESET:
        machine_request(m, MACHINE_REQUEST_RESET, 0);
        return;
    case KVM_SYSTEM_EVENT_CRASH:
        log_msg(&m->log, LOG_WARN, "vCPU %u: the guest's system says that it crashed",
                k->cpu->index);
        return;
    default:
        log_msg(&m->log, LOG_WARN, "vCPU %u: kvm's system event %u is not known", k->cpu->index,
                k->run->system_event.type);
        return;
    }
}

/* An access to no memory by an instruction that the processor does not describe (a load of two
 * registers, for instance): the guest gets the abort that it would have on a bus without a device
 * there. False: that cannot be. */
static bool cannot_decode(struct kvm_cpu *k)
{
    struct kvm_vcpu_events e = {.exception.ext_dabt_pending = 1};

    log_msg(&k->vm->m->log, LOG_GUEST_ERROR,
            "vCPU %u: an instruction that accesses a device at %llx has no syndrome (ISS %llx)",
            k->cpu->index, (unsigned long long)k->run->arm_nisv.fault_ipa,
            (unsigned long long)k->run->arm_nisv.esr_iss);
    return kvm_arm_of(k->vm)->has_inject_dabt && k->vm->has_events &&
           kvm_vcpu_ioctl(k, KVM_SET_VCPU_EVENTS, &e) >= 0;
}

bool kvm_arch_exit(struct kvm_cpu *k, enum vcpu_exit *why, bool *leave)
{
    (void)why, (void)leave;
    switch (k->run->exit_reason) {
    case KVM_EXIT_SYSTEM_EVENT:
        system_event(k);
        return true;
    case KVM_EXIT_ARM_NISV:
        return cannot_decode(k);
    default:
        return false;
    }
}

/* ---- a failure ---------------------------------------------------------------------------------
 */

void kvm_arch_describe(struct kvm_cpu *k)
{
    struct log *log = &k->vm->m->log;
    const struct arm_regs *r = k->cpu->regs;
    uint64_t paddr;
    uint8_t code[4];

    if (!kvm_arch_get(k))
        return;
    k->synced = true;
    for (unsigned n = 0; n < 28; n += 4)
        log_msg(log, LOG_WARN, "vCPU %u: x%u-x%u %016llx %016llx %016llx %016llx", k->cpu->index, n,
                n + 3, (unsigned long long)r->x[n], (unsigned long long)r->x[n + 1],
                (unsigned long long)r->x[n + 2], (unsigned long long)r->x[n + 3]);
    log_msg(
        log, LOG_WARN,
        "vCPU %u: x28 %016llx x29 %016llx x30 %016llx sp %016llx pc %016llx pstate %08llx sctlr "
        "%016llx esr %08llx far %016llx",
        k->cpu->index, (unsigned long long)r->x[28], (unsigned long long)r->x[29],
        (unsigned long long)r->x[30], (unsigned long long)r->sp, (unsigned long long)r->pc,
        (unsigned long long)r->pstate, (unsigned long long)r->sctlr[1],
        (unsigned long long)r->esr[1], (unsigned long long)r->far[1]);
    if (cpu_debug_translate(k->cpu, r->pc, &paddr) &&
        dma_read(vcpu_memory(k->cpu), NULL, paddr, code, sizeof code) == MEM_OK)
        log_msg(log, LOG_WARN, "vCPU %u: code at pc: %02x %02x %02x %02x", k->cpu->index, code[0],
                code[1], code[2], code[3]);
    else
        log_msg(log, LOG_WARN, "vCPU %u: code at pc: not mapped", k->cpu->index);
}
