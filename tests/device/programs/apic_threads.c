/*
 * Local APICs under real concurrency: every vCPU thread sends itself and its neighbours
 * interrupts, takes its own and programs its timer while the main thread moves time and an I/O
 * APIC line. A plain program, so that it runs under ThreadSanitizer.
 *
 * Held: no interrupt is lost (each vCPU gets every vector it was sent at least once after the last
 * send), nothing deadlocks, nothing stays pending.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/device/machine.h"
#include "hw/intc/apic_bus.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"

enum { CPUS = 4, ROUNDS = 20000, VECTOR = 0x40, TIMER_VECTOR = 0x90, LEVEL_VECTOR = 0xa0 };
#define BASE UINT64_C(0xfee00000)
#define IOAPIC UINT64_C(0xfec00000)

static struct vemu_machine m;
static struct vcpu cpus[CPUS];
static struct x86_regs regs[CPUS];
static struct x86_cpu_model model;
static atomic_uint sent[CPUS], taken[CPUS], level_taken;
static atomic_uint finished;
static atomic_bool line_up;

static void kick(struct vcpu *cpu)
{
    (void)cpu;
}
static const struct accel no_accel = {.name = "none", .vcpu_kick = kick};

static void wr(unsigned reg, uint32_t value)
{
    mem_write(m.memory, BASE + reg, 4, value);
}

static void take_all(struct vcpu *cpu)
{
    while (atomic_load(&cpu->interrupt) & CPU_INT_HARD) {
        machine_lock(&m);
        int vector = cpu->intc_ops->acknowledge(cpu->intc);
        machine_unlock(&m);
        if (vector < 0)
            return;
        if (vector == LEVEL_VECTOR) {
            atomic_fetch_add(&level_taken, 1);
            atomic_store(&line_up, false);
        } else if (vector >= VECTOR && vector < VECTOR + CPUS) {
            /* Everything sent before this acknowledge is covered by it. */
            atomic_fetch_add(&taken[cpu->index], 1);
        }
        wr(0xb0, 0);
    }
}

static void *vcpu_body(void *opaque)
{
    struct vcpu *cpu = opaque;

    vcpu_set_current(cpu);
    wr(0xf0, 0x1ff);
    wr(0x3e0, 0xb);
    wr(0x320, TIMER_VECTOR);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned to = (cpu->index + i) % CPUS;
        wr(0x310, to << 24);
        atomic_fetch_add(&sent[to], 1);
        wr(0x300, VECTOR + cpu->index);
        if (i % 16 == 0)
            wr(0x380, 1000 + i);
        take_all(cpu);
    }
    atomic_fetch_add(&finished, 1);
    while (atomic_load(&finished) < CPUS)
        take_all(cpu);
    take_all(cpu);
    return NULL;
}

static bool make(struct device **ioapic)
{
    if (!machine_init(&m, NULL))
        return false;
    m.accel = &no_accel;
    clock_set_manual(m.clocks, true);
    clock_set_running(m.clocks, true);
    struct device *bus = apic_bus_create(&m, &(struct apic_bus_config){0}, NULL);
    for (unsigned i = 0; bus && i < CPUS; i++) {
        cpus[i] = (struct vcpu){
            .machine = &m, .index = i, .apic_id = i, .regs = &regs[i], .model = &model};
        pthread_mutex_init(&cpus[i].run_lock, NULL);
        pthread_cond_init(&cpus[i].run_cond, NULL);
        struct lapic_config cfg = {.bus = bus, .cpu = &cpus[i]};
        if (!lapic_create(&m, &cfg, NULL))
            return false;
    }
    struct ioapic_config cfg = {.base = IOAPIC, .bus = bus};
    *ioapic = bus ? ioapic_create(&m, &cfg, NULL) : NULL;
    return *ioapic != NULL;
}

int main(void)
{
    struct device *ioapic;
    pthread_t threads[CPUS];
    unsigned raised = 0;

    printf("1..3\n");
    if (!make(&ioapic)) {
        printf("Bail out! the machine could not be made\n");
        return 1;
    }
    /* Pin 5: level, to vCPU 1. */
    mem_write(m.memory, IOAPIC, 4, 0x1b);
    mem_write(m.memory, IOAPIC + 0x10, 4, 1u << 24);
    mem_write(m.memory, IOAPIC, 4, 0x1a);
    mem_write(m.memory, IOAPIC + 0x10, 4, 1 << 15 | LEVEL_VECTOR);
    struct irq pin = ioapic_input(ioapic, 5);

    for (unsigned i = 0; i < CPUS; i++)
        pthread_create(&threads[i], NULL, vcpu_body, &cpus[i]);
    while (atomic_load(&finished) < CPUS) {
        machine_lock(&m);
        if (!atomic_load(&line_up)) {
            irq_set(&pin, 0);
            if (atomic_load(&finished) == 0) {
                atomic_store(&line_up, true);
                irq_set(&pin, 1);
                raised++;
            }
        }
        clock_step(m.clocks, 1000);
        machine_unlock(&m);
    }
    for (unsigned i = 0; i < CPUS; i++)
        pthread_join(threads[i], NULL);
    machine_lock(&m);
    irq_set(&pin, 0);
    machine_unlock(&m);
    for (unsigned i = 0; i < CPUS; i++) {
        vcpu_set_current(&cpus[i]);
        take_all(&cpus[i]);
    }

    bool all = true, none_pending = true;
    for (unsigned i = 0; i < CPUS; i++) {
        all = all && atomic_load(&taken[i]) > 0 && atomic_load(&taken[i]) <= atomic_load(&sent[i]);
        none_pending = none_pending && !(atomic_load(&cpus[i].interrupt) & CPU_INT_HARD);
    }
    printf("%sok 1 - every vCPU took interrupts, none more often than it was sent\n",
           all ? "" : "not ");
    printf("%sok 2 - nothing stays pending\n", none_pending ? "" : "not ");
    bool level = atomic_load(&level_taken) + 1 >= raised;
    printf("%sok 3 - each rise of the level line was served\n", level ? "" : "not ");
    vcpu_set_current(NULL);
    machine_destroy(&m);
    return all && none_pending && level ? 0 : 1;
}
