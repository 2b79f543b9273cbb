/* In and out of the kernel, and how vCPUs are got out of it: see internal.h. */
#include "accel/kvm/internal.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* No handler is needed: the vCPU's thread blocks the signal, KVM_SET_SIGNAL_MASK (section 4.21)
 * opens it inside KVM_RUN alone, which ends with EINTR; what is left pending is taken up by
 * kvm_leave. */
void kvm_kick(struct vcpu *cpu)
{
    struct kvm_cpu *k = kvm_cpu_of(cpu);

    if (!atomic_load(&k->in_kernel))
        return; /* it looks at everything before it goes in */
    pid_t tid = __atomic_load_n(&cpu->tid, __ATOMIC_ACQUIRE);
    if (tid)
        syscall(SYS_tgkill, getpid(), tid, k->vm->kick_signal);
}

static bool wanted_out(const struct kvm_cpu *k, uint32_t seen)
{
    return atomic_load(&k->cpu->stop_request) || atomic_load(&k->cpu->interrupt_seq) != seen ||
           atomic_load(&k->vm->gate_closed);
}

bool kvm_enter(struct kvm_cpu *k, uint32_t seen)
{
    struct kvm_vm *vm = k->vm;

    atomic_store(&k->in_kernel, true);
    if (!wanted_out(k, seen))
        return true;
    kvm_leave(k);
    if (atomic_load(&vm->gate_closed)) {
        pthread_mutex_lock(&vm->gate_lock);
        while (atomic_load(&vm->gate_closed))
            pthread_cond_wait(&vm->gate_moved, &vm->gate_lock);
        pthread_mutex_unlock(&vm->gate_lock);
    }
    return false;
}

void kvm_leave(struct kvm_cpu *k)
{
    struct kvm_vm *vm = k->vm;

    atomic_store(&k->in_kernel, false);
    if (atomic_load(&vm->gate_closed)) {
        pthread_mutex_lock(&vm->gate_lock);
        pthread_cond_broadcast(&vm->gate_moved);
        pthread_mutex_unlock(&vm->gate_lock);
    }
}

/* Machine lock held, so that there is one at a time; a vCPU that waits for that lock is out. */
void kvm_gate_close(struct kvm_vm *vm)
{
    struct vemu_machine *m = vm->m;

    pthread_mutex_lock(&vm->gate_lock);
    atomic_store(&vm->gate_closed, true);
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        struct kvm_cpu *k = kvm_cpu_of(m->vcpus[i]);
        kvm_kick(m->vcpus[i]);
        while (atomic_load(&k->in_kernel))
            pthread_cond_wait(&vm->gate_moved, &vm->gate_lock);
    }
    pthread_mutex_unlock(&vm->gate_lock);
}

void kvm_gate_open(struct kvm_vm *vm)
{
    pthread_mutex_lock(&vm->gate_lock);
    atomic_store(&vm->gate_closed, false);
    pthread_cond_broadcast(&vm->gate_moved);
    pthread_mutex_unlock(&vm->gate_lock);
}
