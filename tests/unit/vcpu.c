/* core/cpu/vcpu: threads that run, halt, pause and stop, under an accelerator made for the test. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/error.h"

/* What the fake does in vcpu_run. */
enum mode {
    SPIN,        /* runs until it is told to stop */
    HALT,        /* takes an interrupt if there is one, then halts */
    HALT_MASKED, /* halts with interrupts held off: what is pending stays pending */
    LEAVE,       /* returns `leave` once, then spins */
};

struct fake {
    _Atomic enum mode mode;
    enum vcpu_exit leave;
    atomic_int entered, taken, kicks, loops;
    int states, resets;
    char name[16];
};

static struct vemu_machine m;

static bool fake_init(struct vcpu *cpu, struct vemu_error **errp)
{
    if (cpu->arch != ARCH_X86)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED, "vCPU %u: x86 alone", cpu->index);
    cpu->accel_data = calloc(1, sizeof(struct fake));
    return cpu->accel_data != NULL;
}

static void fake_destroy(struct vcpu *cpu)
{
    free(cpu->accel_data);
}

static void fake_reset(struct vcpu *cpu)
{
    ((struct fake *)cpu->accel_data)->resets++;
}

static enum vcpu_exit fake_run(struct vcpu *cpu)
{
    struct fake *f = cpu->accel_data;
    atomic_fetch_add(&f->entered, 1);
    pthread_getname_np(pthread_self(), f->name, sizeof f->name);
    while (!atomic_load(&cpu->stop_request)) {
        atomic_fetch_add(&f->loops, 1);
        if (atomic_load(&f->mode) == HALT_MASKED)
            return VCPU_EXIT_HALT;
        if (atomic_fetch_and(&cpu->interrupt, ~(uint32_t)CPU_INT_HARD) & CPU_INT_HARD)
            atomic_fetch_add(&f->taken, 1);
        if (atomic_load(&f->mode) == HALT)
            return VCPU_EXIT_HALT;
        if (atomic_load(&f->mode) == LEAVE) {
            atomic_store(&f->mode, SPIN);
            snprintf(cpu->error, sizeof cpu->error, "the reason");
            return f->leave;
        }
        sched_yield();
    }
    return VCPU_EXIT_STOP;
}

static void fake_kick(struct vcpu *cpu)
{
    atomic_fetch_add(&((struct fake *)cpu->accel_data)->kicks, 1);
}

static void fake_get_state(struct vcpu *cpu)
{
    ((struct fake *)cpu->accel_data)->states++;
}

static const struct accel fake_accel = {
    .name = "fake",
    .vcpu_init = fake_init,
    .vcpu_destroy = fake_destroy,
    .vcpu_reset = fake_reset,
    .vcpu_run = fake_run,
    .vcpu_kick = fake_kick,
    .get_state = fake_get_state,
};

static void set_up(void)
{
    cr_assert(machine_init(&m, NULL));
    m.accel = &fake_accel;
}

static void tear_down(void)
{
    machine_destroy(&m);
}

TestSuite(vcpu, .init = set_up, .fini = tear_down, .timeout = 30);

static struct fake *start(enum mode mode)
{
    struct vcpu *cpu = vcpu_new(&m, ARCH_X86, m.vcpu_count, NULL, NULL);
    cr_assert_not_null(cpu);
    struct fake *f = cpu->accel_data;
    atomic_store(&f->mode, mode);
    cr_assert(vcpu_start_thread(cpu, NULL));
    return f;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

#define wait_for(cond)                                                                             \
    do {                                                                                           \
        for (int i_ = 0; i_ < 5000 && !(cond); i_++)                                               \
            sleep_ms(1);                                                                           \
        cr_assert(cond);                                                                           \
    } while (0)

Test(vcpu, a_new_thread_is_paused_and_named)
{
    struct fake *f = start(SPIN);
    sleep_ms(5);
    cr_assert_eq(f->entered, 0);
    vcpus_resume(&m);
    wait_for(f->entered == 1);
    vcpus_pause(&m);
    cr_assert_str_eq(f->name, "vemu-cpu0");
}

Test(vcpu, reset_leaves_the_other_processors_waiting_for_their_start)
{
    start(SPIN);
    start(SPIN);
    cr_assert(!m.vcpus[0]->halted && !m.vcpus[0]->wait_for_sipi);
    cr_assert(m.vcpus[1]->halted && m.vcpus[1]->wait_for_sipi);
    cpu_interrupt(m.vcpus[0], CPU_INT_NMI);
    m.vcpus[1]->wait_for_sipi = false;
    vcpu_reset(m.vcpus[0]);
    vcpu_reset(m.vcpus[1]);
    cr_assert_eq(m.vcpus[0]->interrupt, 0);
    cr_assert(m.vcpus[1]->wait_for_sipi);
    cr_assert_eq(((struct fake *)m.vcpus[0]->accel_data)->resets, 2);
}

Test(vcpu, one_that_the_accelerator_refuses_leaves_nothing)
{
    struct vemu_error *err = NULL;
    cr_assert_null(vcpu_new(&m, ARCH_ARM, 0, NULL, &err));
    cr_assert_eq(vemu_error_code(err), VEMU_ERROR_UNSUPPORTED);
    vemu_error_free(err);
    cr_assert_eq(m.vcpu_count, 0);
}

Test(vcpu, pause_returns_when_all_are_parked_with_their_state_read_once)
{
    struct fake *f[3];
    for (int i = 0; i < 3; i++)
        f[i] = start(i == 1 ? HALT : SPIN);
    vcpus_pause(&m);
    cr_assert_eq(f[0]->states, 0, "what never ran is current");
    for (int round = 1; round <= 100; round++) {
        vcpus_resume(&m);
        if (round % 3 == 0)
            wait_for(f[0]->entered > 0);
        vcpus_pause(&m);
        for (int i = 0; i < 3; i++) {
            cr_assert(m.vcpus[i]->paused && !m.vcpus[i]->running);
            cr_assert_eq(f[i]->states, round);
        }
        vcpus_pause(&m);
        cr_assert_eq(f[0]->states, round, "a second pause must not undo changes");
        int loops = f[0]->loops;
        if (round % 20 == 0)
            sleep_ms(1);
        cr_assert_eq(f[0]->loops, loops, "a paused vCPU does not run");
    }
}

Test(vcpu, a_held_vcpu_stays_parked_when_the_others_resume)
{
    struct fake *a = start(SPIN), *b = start(SPIN);
    m.vcpus[1]->debug_hold = true;
    vcpus_resume(&m);
    wait_for(a->entered == 1);
    sleep_ms(5);
    cr_assert_eq(b->entered, 0);
    vcpus_pause(&m);
    m.vcpus[1]->debug_hold = false;
    vcpus_resume(&m);
    wait_for(b->entered == 1);
}

Test(vcpu, an_interrupt_wakes_a_halted_vcpu)
{
    struct fake *f = start(HALT);
    vcpus_resume(&m);
    for (int i = 1; i <= 5000; i++) {
        cpu_interrupt(m.vcpus[0], CPU_INT_HARD);
        while (atomic_load(&f->taken) < i)
            sched_yield();
    }
    cr_assert_eq(f->taken, 5000);
}

Test(vcpu, a_halted_vcpu_costs_no_cpu_also_with_an_undeliverable_interrupt)
{
    struct fake *f = start(HALT_MASKED);
    vcpus_resume(&m);
    cpu_interrupt(m.vcpus[0], CPU_INT_HARD);
    /* On a busy host it may come to rest late; one that does not rest enters at each look. */
    int entered, looks = 0;
    wait_for(f->entered > 0);
    do {
        entered = atomic_load(&f->entered);
        sleep_ms(50);
    } while (atomic_load(&f->entered) != entered && ++looks < 100);
    cr_assert_leq(atomic_load(&f->entered), 2);
    /* Set again although it is set: the controller may have something better now. */
    atomic_store(&f->mode, HALT);
    cpu_interrupt(m.vcpus[0], CPU_INT_HARD);
    wait_for(f->taken == 1);
}

Test(vcpu, a_running_vcpu_is_kicked_once_for_each_new_condition)
{
    struct fake *f = start(SPIN);
    vcpus_resume(&m);
    wait_for(f->entered == 1);
    int kicks = atomic_load(&f->kicks);
    cpu_interrupt(m.vcpus[0], CPU_INT_NMI);
    cpu_interrupt(m.vcpus[0], CPU_INT_NMI);
    cr_assert_eq(atomic_load(&f->kicks), kicks + 1);
    cr_assert_eq(m.vcpus[0]->interrupt & CPU_INT_NMI, CPU_INT_NMI);
    cpu_clear_interrupt(m.vcpus[0], CPU_INT_NMI);
    cr_assert_eq(m.vcpus[0]->interrupt, 0);
}

static void check_stop(enum vcpu_exit why, enum machine_request request)
{
    struct fake *f = start(LEAVE);
    f->leave = why;
    vcpus_resume(&m);
    wait_for(f->entered == 1);
    uint32_t requests = 0;
    for (int i = 0; i < 1000 && !requests; i++) {
        loop_iterate(m.loop, 5000000);
        requests = machine_take_requests(&m);
    }
    cr_assert_eq(requests, 1u << request);
    sleep_ms(5);
    cr_assert_eq(f->entered, 1, "it waits for a resume");
    vcpus_pause(&m);
    cr_assert_eq(f->states, 1);
    cr_assert_eq(m.vcpus[0]->debug_stopped, why == VCPU_EXIT_DEBUG);
    vcpus_resume(&m);
    wait_for(f->entered == 2);
}

Test(vcpu, a_debug_event_parks_it_and_tells_the_loop)
{
    check_stop(VCPU_EXIT_DEBUG, MACHINE_REQUEST_DEBUG);
}

Test(vcpu, a_triple_fault_asks_for_a_reset)
{
    check_stop(VCPU_EXIT_SHUTDOWN, MACHINE_REQUEST_RESET);
}

Test(vcpu, an_accelerator_that_fails_parks_it_and_tells_the_loop)
{
    check_stop(VCPU_EXIT_ERROR, MACHINE_REQUEST_ERROR);
    cr_assert_str_eq(m.vcpus[0]->error, "the reason");
}

Test(vcpu, threads_end_from_every_state)
{
    start(SPIN);
    start(HALT);
    start(LEAVE)->leave = VCPU_EXIT_DEBUG;
    struct vcpu *never = vcpu_new(&m, ARCH_X86, 3, NULL, NULL);
    cr_assert_not_null(never);
    vcpus_join(&m); /* parked */
    for (int i = 0; i < 3; i++)
        cr_assert(vcpu_start_thread(m.vcpus[i], NULL));
    vcpus_resume(&m);
    sleep_ms(5);
    vcpus_free(&m); /* running, halted, stopped for the debugger, without a thread */
    cr_assert_eq(m.vcpu_count, 0);
}
