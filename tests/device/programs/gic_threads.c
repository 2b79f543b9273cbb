/*
 * The Arm interrupt controllers under real concurrency: every vCPU thread sends itself and its
 * neighbours SGIs and takes what it is asked to, while the main thread moves a level-triggered
 * line, and an ITS's messages come and its commands move them between vCPUs. A plain program, so
 * that it runs under ThreadSanitizer.
 *
 * Held: no interrupt is lost (after the last send, each vCPU gets an SGI of each sender), nothing
 * deadlocks, nothing stays pending or asked for.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "hw/intc/gicv2.h"
#include "hw/intc/gicv3.h"
#include "hw/intc/gicv3_its.h"
#include "hw/intc/gicv3_regs.h"

enum { CPUS = 4, ROUNDS = 5000, LINE = 40, LPI = 8192, NONE = 1023, RAM = 1 << 20 };
#define DIST UINT64_C(0x08000000)
#define CPU UINT64_C(0x08010000)
#define ITS UINT64_C(0x08080000)
#define REDIST UINT64_C(0x080a0000)
#define MEMORY UINT64_C(0x40000000)
#define VALID (UINT64_C(1) << 63)
enum {
    PENDING = 0x10000,
    DEVICES = 0x60000,
    COLLECTIONS = 0x70000,
    ITT = 0x80000,
    QUEUE = 0x90000
};

static struct vemu_machine m;
static struct vcpu cpus[CPUS], *cpu_list[CPUS];
static struct arm_regs regs[CPUS];
static struct mem_region ram_region;
static struct ram_block *ram;
static struct device *gic, *its;
static struct irq line;
static bool v3;
static atomic_uint taken[CPUS][CPUS]; /* by receiver and sender */
static atomic_uint lpis, level_taken, finished;
static atomic_bool line_up, stop;
static pthread_barrier_t barrier;

static void kick(struct vcpu *cpu)
{
    (void)cpu;
}
static const struct accel no_accel = {.name = "none", .vcpu_kick = kick};
static const struct arm_intc_access el1 = {.el = 1};

static void wr(uint64_t addr, uint32_t value)
{
    mem_write(m.memory, addr, 4, value);
}
static void wr64(uint64_t addr, uint64_t value)
{
    mem_write(m.memory, addr, 8, value);
}
static uint64_t mrs(struct vcpu *cpu, uint32_t reg)
{
    uint64_t value = 0;
    cpu->arm_intc_ops->read(cpu->intc, reg, &el1, &value);
    return value;
}
static void msr(struct vcpu *cpu, uint32_t reg, uint64_t value)
{
    cpu->arm_intc_ops->write(cpu->intc, reg, &el1, value);
}

static uint32_t acknowledge(struct vcpu *cpu)
{
    uint64_t value = 0;
    if (v3)
        return (uint32_t)mrs(cpu, ICC_IAR1_EL1);
    mem_read(m.memory, CPU + 0xc, 4, &value);
    return (uint32_t)value;
}
static void end(struct vcpu *cpu, uint32_t iar)
{
    if (v3)
        msr(cpu, ICC_EOIR1_EL1, iar);
    else
        wr(CPU + 0x10, iar);
}
/* The SGI's number is its sender's. */
static void send_sgi(struct vcpu *cpu, unsigned to)
{
    if (v3)
        msr(cpu, ICC_SGI1R_EL1, (uint64_t)cpu->index << 24 | 1u << to);
    else
        wr(DIST + 0xf00, 1u << (16 + to) | cpu->index);
}

static void take_all(struct vcpu *cpu)
{
    while (atomic_load(&cpu->interrupt) & CPU_INT_IRQ) {
        uint32_t iar = acknowledge(cpu), intid = iar & (v3 ? 0xffff : 0x3ff);
        if (intid == NONE)
            return;
        if (intid < CPUS) {
            atomic_fetch_add(&taken[cpu->index][intid], 1);
        } else if (intid == LINE) {
            atomic_fetch_add(&level_taken, 1);
            machine_lock(&m);
            irq_set(&line, 0);
            machine_unlock(&m);
            atomic_store(&line_up, false);
        } else if (intid >= LPI) {
            atomic_fetch_add(&lpis, 1);
        }
        end(cpu, iar);
    }
}

static void *vcpu_body(void *opaque)
{
    struct vcpu *cpu = opaque;
    unsigned last[CPUS];

    vcpu_set_current(cpu);
    for (unsigned i = 0; i < ROUNDS; i++) {
        send_sgi(cpu, (cpu->index + i) % CPUS);
        take_all(cpu);
    }
    /* All have sent and then taken all of it: of the last round each SGI is seen by itself. */
    pthread_barrier_wait(&barrier);
    take_all(cpu);
    pthread_barrier_wait(&barrier);
    for (unsigned to = 0; to < CPUS; to++)
        last[to] = atomic_load(&taken[to][cpu->index]);
    for (unsigned to = 0; to < CPUS; to++)
        send_sgi(cpu, to);
    for (unsigned to = 0; to < CPUS; to++)
        while (atomic_load(&taken[to][cpu->index]) == last[to]) {
            take_all(cpu);
            sched_yield();
        }
    atomic_fetch_add(&finished, 1);
    while (!atomic_load(&stop)) {
        take_all(cpu);
        sched_yield();
    }
    take_all(cpu);
    return NULL;
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static unsigned tail;
static void command(uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
    uint8_t *at = ram->host + QUEUE + tail;
    store_le64(at, w0);
    store_le64(at + 8, w1);
    store_le64(at + 16, w2);
    store_le64(at + 24, w3);
    tail = (tail + 32) % 4096;
    wr64(ITS + 0x88, tail);
}

static bool make(bool three)
{
    static const uint64_t affinity[CPUS] = {0, 1, 2, 3};
    v3 = three;
    tail = 0;
    if (!machine_init(&m, NULL))
        return false;
    m.accel = &no_accel;
    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i] = (struct vcpu){.machine = &m, .index = i, .arch = ARCH_ARM, .regs = &regs[i]};
        pthread_mutex_init(&cpus[i].run_lock, NULL);
        pthread_cond_init(&cpus[i].run_cond, NULL);
        cpu_list[i] = &cpus[i];
    }
    ram = ram_block_new(&m.rams, "ram", RAM, false, NULL);
    machine_lock(&m);
    mem_region_init_ram(&ram_region, "ram", ram, 0, RAM);
    mem_region_add(mem_space_root(m.memory), MEMORY, &ram_region, 0);
    if (v3) {
        struct gicv3_config cfg = {.cpus = cpu_list,
                                   .affinity = affinity,
                                   .cpu_count = CPUS,
                                   .spis = 32,
                                   .dist_base = DIST,
                                   .redist = {{REDIST, CPUS}},
                                   .lpis = true};
        gic = gicv3_create(&m, &cfg, NULL);
        its = gicv3_its_create(&m, &(struct gicv3_its_config){.gic = gic, .base = ITS}, NULL);
        line = gicv3_spi(gic, LINE - 32);
    } else {
        struct gicv2_config cfg = {
            .cpus = cpu_list, .cpu_count = CPUS, .spis = 32, .dist_base = DIST, .cpu_base = CPU};
        gic = gicv2_create(&m, &cfg, NULL);
        line = gicv2_spi(gic, LINE - 32);
    }
    machine_unlock(&m);
    return gic && (its || !v3);
}

static void set_up_gicv2(void)
{
    wr(DIST, 1);
    wr(DIST + 0x104, 1u << (LINE - 32));
    wr(DIST + 0x428, 0xa0);
    wr(DIST + 0x828, 0x0f);
    for (unsigned i = 0; i < CPUS; i++) {
        vcpu_set_current(&cpus[i]);
        wr(CPU, 1);
        wr(CPU + 4, 0xf0);
    }
    vcpu_set_current(NULL);
}

static void set_up_gicv3(void)
{
    wr(DIST, 2);
    wr(DIST + 0x84, ~0u);
    wr(DIST + 0x104, 1u << (LINE - 32));
    wr64(DIST + 0x6000 + 8 * LINE, 2);
    memset(ram->host, 0xa1, 16);
    for (unsigned i = 0; i < CPUS; i++) {
        uint64_t base = REDIST + i * UINT64_C(0x20000);
        wr(base + 0x14, 0);
        wr(base + 0x10080, ~0u);
        wr(base + 0x10100, 0xffff);
        wr64(base + 0x70, MEMORY + 15);
        wr64(base + 0x78, (MEMORY + PENDING * (i + 1)) | UINT64_C(1) << 62);
        wr(base, 1);
        msr(&cpus[i], ICC_PMR_EL1, 0xf0);
        msr(&cpus[i], ICC_IGRPEN1_EL1, 1);
    }
    wr64(ITS + 0x100, VALID | (MEMORY + DEVICES));
    wr64(ITS + 0x108, VALID | (MEMORY + COLLECTIONS));
    wr64(ITS + 0x80, VALID | (MEMORY + QUEUE));
    wr(ITS, 1);
    command(UINT64_C(1) << 32 | 8, 3, VALID | (MEMORY + ITT), 0);
    for (uint64_t i = 0; i < CPUS; i++)
        command(9, 0, VALID | i << 16 | i, 0);
    for (uint64_t i = 0; i < 8; i++)
        command(UINT64_C(1) << 32 | 0xa, (LPI + i) << 32 | i, i % CPUS, 0);
}

/* What devices and the ITS's software do meanwhile. */
static void disturb(unsigned i)
{
    if (!atomic_load(&line_up)) {
        atomic_store(&line_up, true);
        machine_lock(&m);
        irq_set(&line, 1);
        machine_unlock(&m);
    }
    if (!v3)
        return;
    machine_lock(&m);
    gicv3_its_send_msi(its, 1, ITS + 0x10040, i % 8);
    machine_unlock(&m);
    if (i % 4 == 0)
        command(UINT64_C(1) << 32 | 1, i % 8, i / 4 % CPUS, 0); /* MOVI */
    if (i % 64 == 0)
        command(0xe, 0, (i / 64 % CPUS) << 16, (i / 64 + 1) % CPUS << 16); /* MOVALL */
    if (i % 128 == 0)
        command(0xd, 0, 0, 0); /* INVALL */
}

static unsigned left_over(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < CPUS; i++) {
        vcpu_set_current(&cpus[i]);
        n += (atomic_load(&cpus[i].interrupt) & CPU_INT_IRQ) != 0;
        n += acknowledge(&cpus[i]) != NONE;
    }
    vcpu_set_current(NULL);
    return n;
}

static bool run(unsigned number, bool three)
{
    pthread_t threads[CPUS];
    bool ok = make(three);

    atomic_store(&finished, 0);
    atomic_store(&stop, false);
    atomic_store(&line_up, false);
    atomic_store(&level_taken, 0);
    pthread_barrier_init(&barrier, NULL, CPUS);
    if (ok && three)
        set_up_gicv3();
    else if (ok)
        set_up_gicv2();
    for (unsigned i = 0; ok && i < CPUS; i++)
        pthread_create(&threads[i], NULL, vcpu_body, &cpus[i]);
    for (unsigned i = 0; ok && atomic_load(&finished) < CPUS; i++) {
        disturb(i);
        sched_yield();
    }
    while (ok && (atomic_load(&line_up) || !atomic_load(&level_taken)))
        sched_yield();
    atomic_store(&stop, true);
    for (unsigned i = 0; ok && i < CPUS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    unsigned rest = left_over();
    ok = ok && !rest && atomic_load(&level_taken) && (!three || atomic_load(&lpis));
    printf("%sok %u - %s under concurrency: nothing is lost and nothing stays (%u left)\n",
           ok ? "" : "not ", number, three ? "GICv3 with an ITS" : "GICv2", rest);
    machine_lock(&m);
    mem_region_remove(&ram_region);
    machine_unlock(&m);
    machine_destroy(&m);
    return ok;
}

int main(void)
{
    bool ok = run(1, false);
    ok = run(2, true) && ok;
    printf("1..2\n");
    fflush(stdout);
    return !ok;
}
