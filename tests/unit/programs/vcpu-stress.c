/*
 * vCPU threads, interrupts from several threads, pauses and resumes all at once, with a check that
 * no interrupt and no wake-up is lost. A program of its own so that it runs under ThreadSanitizer.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/cpu/cpu.h"
#include "core/device/machine.h"

enum { VCPUS = 3, SENDERS = 2, ROUNDS = 3000 };

/* A vCPU that takes an interrupt when there is one, runs a little and halts. */
struct fake {
    atomic_uint taken;
    unsigned state;   /* written by the vCPU's thread, read while it is paused */
    atomic_bool kick; /* leave the inner loop and look */
    unsigned seed;
};

static bool fake_init(struct vcpu *cpu, struct vemu_error **errp)
{
    (void)errp;
    struct fake *f = calloc(1, sizeof *f);
    if (f)
        f->seed = cpu->index + 1;
    cpu->accel_data = f;
    return f != NULL;
}

static void fake_destroy(struct vcpu *cpu)
{
    free(cpu->accel_data);
}

static enum vcpu_exit fake_run(struct vcpu *cpu)
{
    struct fake *f = cpu->accel_data;
    for (;;) {
        atomic_store(&f->kick, false);
        if (atomic_load(&cpu->stop_request))
            return VCPU_EXIT_STOP;
        if (atomic_fetch_and(&cpu->interrupt, ~(uint32_t)CPU_INT_HARD) & CPU_INT_HARD)
            atomic_fetch_add(&f->taken, 1);
        f->state++;
        f->seed = f->seed * 1103515245 + 12345;
        unsigned work = f->seed >> 16 & 63;
        /* Some runs halt at once, some work, some work until they are kicked. */
        if (work < 32)
            return VCPU_EXIT_HALT;
        while (work < 60 ? work-- > 32 : !atomic_load(&f->kick))
            sched_yield();
    }
}

static void fake_kick(struct vcpu *cpu)
{
    atomic_store(&((struct fake *)cpu->accel_data)->kick, true);
}

static void fake_get_state(struct vcpu *cpu)
{
    ((struct fake *)cpu->accel_data)->state++;
}

static const struct accel fake_accel = {
    .name = "fake",
    .vcpu_init = fake_init,
    .vcpu_destroy = fake_destroy,
    .vcpu_run = fake_run,
    .vcpu_kick = fake_kick,
    .get_state = fake_get_state,
};

static struct vemu_machine m;

/* Raises an interrupt and waits until it was taken: a lost one shows as a wait without end. */
static bool deliver(struct vcpu *cpu)
{
    struct fake *f = cpu->accel_data;
    unsigned before = atomic_load(&f->taken);
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    cpu_interrupt(cpu, CPU_INT_HARD);
    while (atomic_load(&f->taken) == before) {
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - start.tv_sec > 20)
            return false;
    }
    return true;
}

static void *send(void *opaque)
{
    unsigned seed = *(unsigned *)opaque;
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1103515245 + 12345;
        if (!deliver(m.vcpus[(seed >> 16) % VCPUS]))
            return "lost";
    }
    return NULL;
}

static atomic_bool senders_done;

static void *join_senders(void *opaque)
{
    pthread_t *senders = opaque;
    void *lost = NULL, *result;
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i], &result);
        lost = result ? result : lost;
    }
    atomic_store(&senders_done, true);
    return lost;
}

int main(void)
{
    pthread_t senders[SENDERS], joiner;
    unsigned seeds[SENDERS];
    unsigned pauses = 0, moved = 0;
    void *lost;

    puts("1..2");
    if (!machine_init(&m, NULL))
        return 1;
    m.accel = &fake_accel;
    for (unsigned i = 0; i < VCPUS; i++) {
        struct vcpu *cpu = vcpu_new(&m, ARCH_X86, i, NULL, NULL);
        if (!cpu || !vcpu_start_thread(cpu, NULL))
            return 1;
    }
    vcpus_resume(&m);
    for (unsigned i = 0; i < SENDERS; i++) {
        seeds[i] = i + 77;
        pthread_create(&senders[i], NULL, send, &seeds[i]);
    }
    pthread_create(&joiner, NULL, join_senders, senders);
    for (; !atomic_load(&senders_done); pauses++) {
        unsigned before[VCPUS];
        vcpus_pause(&m);
        for (unsigned i = 0; i < VCPUS; i++)
            before[i] = ((struct fake *)m.vcpus[i]->accel_data)->state;
        sched_yield();
        for (unsigned i = 0; i < VCPUS; i++)
            moved += before[i] != ((struct fake *)m.vcpus[i]->accel_data)->state;
        vcpus_resume(&m);
        nanosleep(&(struct timespec){0, 100000}, NULL);
    }
    pthread_join(joiner, &lost);
    printf("%s 1 - vcpu: no interrupt is lost to a halt or a pause\n", lost ? "not ok" : "ok");
    printf("%s 2 - vcpu: nothing runs between pause and resume (%u pauses)\n",
           moved ? "not ok" : "ok", pauses);
    machine_destroy(&m);
    return 0;
}
