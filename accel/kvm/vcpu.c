/* A vCPU of KVM and its run loop: see internal.h. */
#include "accel/kvm/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/util/log.h"

/* ---- life ------------------------------------------------------------------------------------ */

static int make_fd(struct kvm_vm *vm, struct vcpu *cpu)
{
    int fd = vm->first_vcpu;

    if (cpu->index == 0 && fd >= 0)
        vm->first_vcpu = -1;
    else
        fd = kvm_ioctl(vm, vm->fd, KVM_CREATE_VCPU, cpu->index);
    return fd;
}

void kvm_vcpu_destroy(struct vcpu *cpu)
{
    struct kvm_cpu *k = kvm_cpu_of(cpu);
    const struct kvm_host *host = k->vm->host;

    kvm_arch_vcpu_destroy(k);
    kvm_dirty_ring_unmap(k);
    if (k->run)
        host->unmap(host->opaque, k->run, k->vm->run_size);
    if (k->fd >= 0)
        host->close(host->opaque, k->fd);
    cpu->accel_data = NULL;
    free(k);
}

bool kvm_vcpu_init(struct vcpu *cpu, struct vemu_error **errp)
{
    struct kvm_vm *vm = kvm_vm_of(cpu->machine);
    struct kvm_cpu *k = calloc(1, sizeof *k);

    if (!k)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "vCPU %u: out of memory", cpu->index);
    k->cpu = cpu;
    k->vm = vm;
    k->synced = true;
    cpu->accel_data = k;
    k->fd = make_fd(vm, cpu);
    if (k->fd < 0)
        error_set_errno(errp, -k->fd, "vCPU %u: kvm cannot make it", cpu->index);
    else if (!(k->run = vm->host->map(vm->host->opaque, k->fd, 0, vm->run_size)) ||
             !kvm_dirty_ring_map(k))
        error_set(errp, VEMU_ERROR_NO_MEMORY, "vCPU %u: cannot map what kvm shares", cpu->index);
    else if (kvm_arch_vcpu_init(k, errp))
        return true;
    kvm_vcpu_destroy(cpu);
    return false;
}

/* ---- one run --------------------------------------------------------------------------------- */

/* In KVM_RUN the thread's signals are as ever, but for the kick (section 4.21). On its thread. */
static bool set_signals(struct kvm_cpu *k)
{
    enum { KERNEL_SIGSET_BYTES = 8 };
    struct {
        struct kvm_signal_mask head;
        uint8_t set[KERNEL_SIGSET_BYTES];
    } mask = {.head.len = KERNEL_SIGSET_BYTES};
    sigset_t set;

    pthread_sigmask(SIG_SETMASK, NULL, &set);
    sigdelset(&set, k->vm->kick_signal);
    memcpy(mask.head.sigset, &set, KERNEL_SIGSET_BYTES);
    return kvm_vcpu_ioctl(k, KVM_SET_SIGNAL_MASK, &mask) >= 0;
}

static void take_kick(const struct kvm_cpu *k)
{
    const struct timespec now = {0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, k->vm->kick_signal);
    while (sigtimedwait(&set, NULL, &now) >= 0)
        ;
}

/* The kernel takes the answer of the last access before anything of its state is read: a run that
 * ends before the guest's next instruction (section 5, immediate_exit). */
static void close_io(struct kvm_cpu *k)
{
    if (!k->io_open || !k->vm->has_immediate_exit)
        return;
    k->io_open = false;
    __atomic_store_n(&k->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    kvm_vcpu_ioctl(k, KVM_RUN, NULL);
    __atomic_store_n(&k->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    take_kick(k);
}

/* KVM_RUN ends before an instruction when a signal that its mask lets through is pending. */
void kvm_vcpu_touch(struct kvm_cpu *k)
{
    sigset_t kick, was;

    sigemptyset(&kick);
    sigaddset(&kick, k->vm->kick_signal);
    pthread_sigmask(SIG_BLOCK, &kick, &was);
    /* Once more by the vCPU's own thread, when it runs. */
    if (k->signals_set || set_signals(k)) {
        pthread_kill(pthread_self(), k->vm->kick_signal);
        kvm_vcpu_ioctl(k, KVM_RUN, NULL);
        take_kick(k);
    }
    pthread_sigmask(SIG_SETMASK, &was, NULL);
}

/* What an exit asks for. *leave: the loop ends with *why. */
static void handle_exit(struct kvm_cpu *k, enum vcpu_exit *why, bool *leave)
{
    switch (k->run->exit_reason) {
    case KVM_EXIT_IO:
        kvm_exit_io(k);
        k->io_open = true;
        return;
    case KVM_EXIT_MMIO:
        kvm_exit_mmio(k);
        k->io_open = true;
        return;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        return;
    case KVM_EXIT_DIRTY_RING_FULL:
        machine_lock(k->vm->m);
        kvm_dirty_ring_collect(k->vm);
        machine_unlock(k->vm->m);
        return;
    case KVM_EXIT_HLT:
        k->halted = true;
        return;
    case KVM_EXIT_SHUTDOWN:
        *why = VCPU_EXIT_SHUTDOWN;
        *leave = true;
        return;
    case KVM_EXIT_DEBUG:
        *why = VCPU_EXIT_DEBUG;
        *leave = kvm_arch_debug_exit(k);
        return;
    default:
        if (kvm_arch_exit(k, why, leave))
            return;
        *why = kvm_exit_error(k);
        *leave = true;
        return;
    }
}

static bool prepare(struct kvm_cpu *k)
{
    if (!k->signals_set) {
        if (!set_signals(k))
            return false;
        k->signals_set = true;
    }
    bool put = k->synced;
    if (put && !kvm_arch_put(k))
        return false;
    k->synced = false;
    if (k->debug_changed || (put && k->cpu->single_step)) {
        k->debug_changed = false;
        kvm_arch_debug(k);
    }
    return true;
}

enum vcpu_exit kvm_vcpu_run(struct vcpu *cpu)
{
    struct kvm_cpu *k = kvm_cpu_of(cpu);
    enum vcpu_exit why = VCPU_EXIT_STOP;
    bool leave = false;

    if (!prepare(k)) {
        snprintf(cpu->error, sizeof cpu->error, "kvm does not take the vCPU's state");
        return VCPU_EXIT_ERROR;
    }
    while (!leave) {
        if (atomic_load(&cpu->stop_request))
            break;
        uint32_t seen = atomic_load(&cpu->interrupt_seq);
        if (!kvm_arch_events(k)) {
            cpu->halted = true;
            why = VCPU_EXIT_HALT;
            break;
        }
        cpu->halted = false;
        kvm_arch_before_run(k);
        if (!kvm_enter(k, seen))
            continue;
        int r = kvm_vcpu_ioctl(k, KVM_RUN, NULL);
        kvm_leave(k);
        k->io_open = false;
        kvm_arch_after_run(k);
        if (kvm_posted_pending(k)) {
            machine_lock(k->vm->m);
            kvm_posted_flush(k->vm->m);
            machine_unlock(k->vm->m);
        }
        if (r == -EINTR || r == -EAGAIN) {
            take_kick(k);
            continue;
        }
        if (r < 0) {
            snprintf(cpu->error, sizeof cpu->error, "KVM_RUN fails: %s", strerrordesc_np(-r));
            kvm_arch_describe(k);
            why = VCPU_EXIT_ERROR;
            break;
        }
        handle_exit(k, &why, &leave);
    }
    close_io(k);
    return why;
}
