/*
 * vCPUs independent of the accelerator: see cpu.h.
 *
 * How a vCPU thread stops. stop_request, the order to stop, is written under run_lock and read
 * without it by vcpu_run. A thread that finds it set parks: it sets `paused` and waits on run_cond,
 * and who paused it waits on park_cond. A vCPU that cannot go on by itself (debug event, shutdown,
 * error) sets its own stop_request, so that only vcpus_resume lets it go again.
 *
 * How a halted vCPU sleeps. Every cpu_interrupt counts up `interrupt_seq`. The thread notes the
 * count before it enters vcpu_run; after a halt it sleeps only while the count is what it was, so
 * an interrupt that comes at any moment in between makes it look again, and a condition that stays
 * set but cannot be delivered does not keep it awake. The setter counts and then reads `idle`, the
 * sleeper sets `idle` and then reads the count, all sequentially consistent: one sees the other.
 */
#define _GNU_SOURCE
#include "core/cpu/cpu.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "core/cpu/arch.h"
#include "core/device/doorbell.h"
#include "core/device/machine.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "core/util/range.h"

/* ---- the thread ------------------------------------------------------------------------------ */

/* Which vCPU's thread this is: belongs to the thread, so it is no global of the process. */
static _Thread_local struct vcpu *current_vcpu;

struct vcpu *vcpu_current(void)
{
    return current_vcpu;
}

void vcpu_set_current(struct vcpu *cpu)
{
    current_vcpu = cpu;
}

/* Waits for leave to run. Returns false when the thread shall end. run_lock held. */
static bool park_while_stopped(struct vcpu *cpu)
{
    while (atomic_load(&cpu->stop_request) && !cpu->quit) {
        if (!cpu->paused) {
            cpu->paused = true;
            pthread_cond_broadcast(&cpu->park_cond);
        }
        pthread_cond_wait(&cpu->run_cond, &cpu->run_lock);
    }
    cpu->paused = false;
    return !cpu->quit;
}

/* Sleeps until an interrupt condition was raised since the count was seen. run_lock held. */
static void sleep_while_halted(struct vcpu *cpu, uint32_t seen)
{
    atomic_store(&cpu->idle, true);
    while (!atomic_load(&cpu->stop_request) && !cpu->quit &&
           atomic_load(&cpu->interrupt_seq) == seen)
        pthread_cond_wait(&cpu->run_cond, &cpu->run_lock);
    atomic_store(&cpu->idle, false);
}

/* The vCPU cannot go on by itself: it parks until it is resumed, and the loop is told why. */
static void stop_for(struct vcpu *cpu, enum machine_request what)
{
    atomic_store(&cpu->stop_request, true);
    cpu->debug_stopped = what == MACHINE_REQUEST_DEBUG;
    pthread_mutex_unlock(&cpu->run_lock);
    if (what == MACHINE_REQUEST_ERROR)
        log_msg(&cpu->machine->log, LOG_WARN, "vCPU %u: %s", cpu->index, cpu->error);
    machine_request(cpu->machine, what, 0);
    pthread_mutex_lock(&cpu->run_lock);
}

static void *vcpu_thread(void *opaque)
{
    struct vcpu *cpu = opaque;
    const struct accel *accel = cpu->machine->accel;
    char name[16];

    snprintf(name, sizeof name, "vemu-cpu%u", cpu->index);
    pthread_setname_np(pthread_self(), name);
    vcpu_set_current(cpu);

    pthread_mutex_lock(&cpu->run_lock);
    cpu->tid = gettid();
    pthread_cond_broadcast(&cpu->park_cond);
    while (park_while_stopped(cpu)) {
        pthread_mutex_unlock(&cpu->run_lock);
        uint32_t seen = atomic_load(&cpu->interrupt_seq);
        atomic_store(&cpu->running, true);
        enum vcpu_exit why = accel->vcpu_run(cpu);
        atomic_store(&cpu->running, false);
        pthread_mutex_lock(&cpu->run_lock);

        switch (why) {
        case VCPU_EXIT_STOP:
            break;
        case VCPU_EXIT_HALT:
            sleep_while_halted(cpu, seen);
            break;
        case VCPU_EXIT_DEBUG:
            stop_for(cpu, MACHINE_REQUEST_DEBUG);
            break;
        case VCPU_EXIT_SHUTDOWN:
            /* A triple fault: the chip set of a PC answers the shutdown cycle with a reset. */
            stop_for(cpu, MACHINE_REQUEST_RESET);
            break;
        case VCPU_EXIT_ERROR:
            stop_for(cpu, MACHINE_REQUEST_ERROR);
            break;
        }
    }
    pthread_mutex_unlock(&cpu->run_lock);
    return NULL;
}

bool vcpu_start_thread(struct vcpu *cpu, struct vemu_error **errp)
{
    /* The embedder's signals are not for our threads; those of a fault in this thread are, and
     * SIGPROF, so that profilers see it. */
    static const int open_signals[] = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,
                                       SIGTRAP, SIGABRT, SIGPROF, SIGSYS};
    sigset_t blocked, old;

    if (cpu->thread_started)
        return true;
    sigfillset(&blocked);
    for (unsigned i = 0; i < ARRAY_SIZE(open_signals); i++)
        sigdelset(&blocked, open_signals[i]);

    atomic_store(&cpu->stop_request, true);
    cpu->quit = false;
    cpu->tid = 0;
    pthread_sigmask(SIG_SETMASK, &blocked, &old);
    int err = pthread_create(&cpu->thread, NULL, vcpu_thread, cpu);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err)
        return error_set_errno(errp, err, "vCPU %u: cannot start its thread", cpu->index);
    cpu->thread_started = true;
    return true;
}

pid_t vcpu_thread_id(struct vcpu *cpu)
{
    pid_t tid;

    pthread_mutex_lock(&cpu->run_lock);
    while (cpu->thread_started && !cpu->tid)
        pthread_cond_wait(&cpu->park_cond, &cpu->run_lock);
    tid = cpu->thread_started ? cpu->tid : 0;
    pthread_mutex_unlock(&cpu->run_lock);
    return tid;
}

/* ---- pause and resume ------------------------------------------------------------------------ */

static void order_stop(struct vcpu *cpu, bool quit)
{
    pthread_mutex_lock(&cpu->run_lock);
    atomic_store(&cpu->stop_request, true);
    cpu->quit = cpu->quit || quit;
    bool parked = cpu->paused && !quit;
    pthread_cond_signal(&cpu->run_cond);
    pthread_mutex_unlock(&cpu->run_lock);
    if (!parked && cpu->thread_started)
        cpu->machine->accel->vcpu_kick(cpu);
}

void vcpus_pause(struct vemu_machine *m)
{
    /* All are told before the first is waited for: they stop side by side. */
    for (unsigned i = 0; i < m->vcpu_count; i++)
        order_stop(m->vcpus[i], false);
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        struct vcpu *cpu = m->vcpus[i];
        if (!cpu->thread_started)
            continue;
        pthread_mutex_lock(&cpu->run_lock);
        while (!cpu->paused)
            pthread_cond_wait(&cpu->park_cond, &cpu->run_lock);
        bool current = cpu->state_current;
        cpu->state_current = true;
        pthread_mutex_unlock(&cpu->run_lock);
        /* Once for each stop: a second pause must not undo what was changed in the meantime. */
        if (!current && m->accel->get_state)
            m->accel->get_state(cpu);
    }
    machine_lock(m);
    doorbells_answer(m);
    machine_unlock(m);
}

void vcpus_resume(struct vemu_machine *m)
{
    if (m->accel->before_resume)
        m->accel->before_resume(m);
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        struct vcpu *cpu = m->vcpus[i];
        if (cpu->debug_hold)
            continue;
        pthread_mutex_lock(&cpu->run_lock);
        cpu->state_current = false;
        atomic_store(&cpu->stop_request, false);
        pthread_cond_signal(&cpu->run_cond);
        pthread_mutex_unlock(&cpu->run_lock);
    }
}

void vcpus_join(struct vemu_machine *m)
{
    for (unsigned i = 0; i < m->vcpu_count; i++)
        order_stop(m->vcpus[i], true);
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        struct vcpu *cpu = m->vcpus[i];
        if (!cpu->thread_started)
            continue;
        pthread_join(cpu->thread, NULL);
        cpu->thread_started = false;
    }
}

/* ---- interrupts ------------------------------------------------------------------------------ */

void cpu_interrupt(struct vcpu *cpu, uint32_t bits)
{
    uint32_t old = atomic_fetch_or(&cpu->interrupt, bits);
    atomic_fetch_add(&cpu->interrupt_seq, 1);
    if (atomic_load(&cpu->idle)) {
        pthread_mutex_lock(&cpu->run_lock);
        pthread_cond_signal(&cpu->run_cond);
        pthread_mutex_unlock(&cpu->run_lock);
    } else if (bits & ~old) {
        cpu->machine->accel->vcpu_kick(cpu);
    }
}

void cpu_clear_interrupt(struct vcpu *cpu, uint32_t bits)
{
    atomic_fetch_and(&cpu->interrupt, ~bits);
}

/* ---- making and resetting -------------------------------------------------------------------- */

void vcpu_reset(struct vcpu *cpu)
{
    const struct cpu_arch_ops *arch = cpu_arch_ops(cpu);

    atomic_store(&cpu->interrupt, 0);
    cpu->error[0] = 0;
    arch->reset(cpu);
    if (cpu->machine->accel->vcpu_reset)
        cpu->machine->accel->vcpu_reset(cpu);
    if (arch->reset_done)
        arch->reset_done(cpu);
}

struct mem_space *vcpu_memory(const struct vcpu *cpu)
{
    const struct cpu_arch_ops *arch = cpu_arch_ops(cpu);

    return arch->memory ? arch->memory(cpu) : cpu->machine->memory;
}

struct vcpu *vcpu_new(struct vemu_machine *m, enum cpu_arch arch, uint32_t apic_id,
                      const void *model, struct vemu_error **errp)
{
    struct vcpu **list = realloc(m->vcpus, (m->vcpu_count + 1) * sizeof *list);
    if (list)
        m->vcpus = list;
    struct vcpu *cpu = list ? calloc(1, sizeof *cpu) : NULL;
    if (!cpu) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "vCPU %u: out of memory", m->vcpu_count);
        return NULL;
    }
    cpu->machine = m;
    cpu->index = m->vcpu_count;
    cpu->apic_id = apic_id;
    cpu->arch = arch;
    cpu->model = model;
    cpu->state_current = true;
    cpu->stop_request = true;
    pthread_mutex_init(&cpu->run_lock, NULL);
    pthread_cond_init(&cpu->run_cond, NULL);
    pthread_cond_init(&cpu->park_cond, NULL);
    if (!m->accel->vcpu_init(cpu, errp)) {
        pthread_cond_destroy(&cpu->park_cond);
        pthread_cond_destroy(&cpu->run_cond);
        pthread_mutex_destroy(&cpu->run_lock);
        free(cpu);
        return NULL;
    }
    m->vcpus[m->vcpu_count++] = cpu;
    vcpu_reset(cpu);
    return cpu;
}

void vcpu_free(struct vcpu *cpu)
{
    if (!cpu)
        return;
    struct vemu_machine *m = cpu->machine;
    if (cpu->thread_started) {
        order_stop(cpu, true);
        pthread_join(cpu->thread, NULL);
    }
    m->accel->vcpu_destroy(cpu);
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        if (m->vcpus[i] == cpu) {
            for (m->vcpu_count--; i < m->vcpu_count; i++)
                m->vcpus[i] = m->vcpus[i + 1];
            break;
        }
    }
    pthread_cond_destroy(&cpu->park_cond);
    pthread_cond_destroy(&cpu->run_cond);
    pthread_mutex_destroy(&cpu->run_lock);
    free(cpu->breakpoints);
    free(cpu);
}

void vcpus_free(struct vemu_machine *m)
{
    vcpus_join(m);
    while (m->vcpu_count)
        vcpu_free(m->vcpus[m->vcpu_count - 1]);
    free(m->vcpus);
    m->vcpus = NULL;
}
