/*
 * Exclusives and atomics of several Arm vCPUs at once: each adds to counters in every way that A64
 * has, and nothing is lost. Prints TAP.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tcg/exec.h"
#include "tests/arm_machine.h"

enum { VCPUS = 4, ROUNDS = 30000, RAM = 1 << 20, CODE_AT = 0x10000, DATA_AT = 0x20000 };

/* X0: the data, X1: rounds. Counters are 64 bytes apart. */
static const uint32_t code[] = {
    0xc85f7c02, /* ldxr x2, [x0] */
    0x91000442, /* add x2, x2, #0x1 */
    0xc8037c02, /* stxr w3, x2, [x0] */
    0x35ffffa3, /* cbnz w3, 0 <loop> */
    0xd2800024, /* mov x4, #0x1 */
    0x91010005, /* add x5, x0, #0x40 */
    0xf82400a6, /* ldadd x4, x6, [x5] */
    0x91020005, /* add x5, x0, #0x80 */
    0xf94000a6, /* ldr x6, [x5] */
    0xaa0603e7, /* mov x7, x6 */
    0x910004c8, /* add x8, x6, #0x1 */
    0xc8a77ca8, /* cas x7, x8, [x5] */
    0xeb0600ff, /* cmp x7, x6 */
    0xaa0703e6, /* mov x6, x7 */
    0x54ffff61, /* b.ne 24 <loop+0x24>  // b.any */
    0x91030005, /* add x5, x0, #0xc0 */
    0xc87f9ca6, /* ldaxp x6, x7, [x5] */
    0x910004c6, /* add x6, x6, #0x1 */
    0x910008e7, /* add x7, x7, #0x2 */
    0xc8239ca6, /* stlxp w3, x6, x7, [x5] */
    0x35ffff83, /* cbnz w3, 40 <loop+0x40> */
    0x91040005, /* add x5, x0, #0x100 */
    0xa94024a8, /* ldp x8, x9, [x5] */
    0xaa0803ec, /* mov x12, x8 */
    0xaa0903ed, /* mov x13, x9 */
    0x9100050a, /* add x10, x8, #0x1 */
    0x91000d2b, /* add x11, x9, #0x3 */
    0x486cfcaa, /* caspal x12, x13, x10, x11, [x5] */
    0xeb08019f, /* cmp x12, x8 */
    0xfa4901a0, /* ccmp x13, x9, #0x0, eq */
    0xaa0c03e8, /* mov x8, x12 */
    0xaa0d03e9, /* mov x9, x13 */
    0x54fffee1, /* b.ne 5c <loop+0x5c>  // b.any */
    0x91050005, /* add x5, x0, #0x140 */
    0x085f7ca6, /* ldxrb w6, [x5] */
    0x110004c6, /* add w6, w6, #0x1 */
    0x08037ca6, /* stxrb w3, w6, [x5] */
    0x35ffffa3, /* cbnz w3, 88 <loop+0x88> */
    0x91060005, /* add x5, x0, #0x180 */
    0x885ffca6, /* ldaxr w6, [x5] */
    0x35ffffe6, /* cbnz w6, 9c <loop+0x9c> */
    0x52800026, /* mov w6, #0x1 */
    0x88037ca6, /* stxr w3, w6, [x5] */
    0x35ffff83, /* cbnz w3, 9c <loop+0x9c> */
    0xf94004a6, /* ldr x6, [x5, #8] */
    0x910004c6, /* add x6, x6, #0x1 */
    0xf90004a6, /* str x6, [x5, #8] */
    0x889ffcbf, /* stlr wzr, [x5] */
    0x91070005, /* add x5, x0, #0x1c0 */
    0xf82160a6, /* ldumax x1, x6, [x5] */
    0xf1000421, /* subs x1, x1, #0x1 */
    0x54fff9a1, /* b.ne 0 <loop>  // b.any */
    0x00000000, /* udf #0 */
};

static bool stop(struct tcg_cpu *tc)
{
    (void)tc;
    return false;
}

static void *run(void *opaque)
{
    struct vcpu *cpu = opaque;
    vcpu_set_current(cpu);
    return (void *)(uintptr_t)tcg_vcpu_run(cpu); /* NOLINT */
}

static void start_state(struct vcpu *cpu)
{
    struct arm_regs *r = cpu->regs;
    r->pstate = ARM_D | ARM_A | ARM_I | ARM_F | 1 << ARM_EL_SHIFT | ARM_SPSEL;
    r->sctlr[1] = 0; /* no translation */
    r->scr = 1;
    r->hcr = UINT64_C(1) << 31;
    r->secure = 0;
    r->powered_off = ARM_POWER_ON;
    cpu->halted = false;
    r->x[0] = DATA_AT;
    r->x[1] = ROUNDS;
    r->pc = CODE_AT;
    atomic_store(&cpu->stop_request, false); /* the threads here act as the vCPUs */
    tcg_cpu_of_vcpu(cpu)->arch->reset(tcg_cpu_of_vcpu(cpu));
}

static bool add_up(const char *backend)
{
    static const struct {
        unsigned at;
        uint64_t want;
        const char *name;
    } counters[] = {
        {0, VCPUS * ROUNDS, "LDXR, STXR"},
        {64, VCPUS * ROUNDS, "LDADD"},
        {128, VCPUS * ROUNDS, "CAS"},
        {192, VCPUS * ROUNDS, "LDAXP, STLXP"},
        {200, 2 * VCPUS * ROUNDS, "LDAXP, STLXP, upper half"},
        {256, VCPUS * ROUNDS, "CASPAL"},
        {264, 3 * VCPUS * ROUNDS, "CASPAL, upper half"},
        {320, VCPUS * ROUNDS & 255, "LDXRB, STXRB"},
        {384, 0, "a lock, LDAXR, STXR, STLR"},
        {392, VCPUS * ROUNDS, "what the lock guards"},
        {448, ROUNDS, "LDUMAX"},
    };
    const bool interp = !strcmp(backend, "interp"), tier2 = !strcmp(backend, "tier2");
    const char *options[] = {
        "backend", interp ? "interp" : "jit", "tier2", tier2 ? "on" : "off", "tb-size", "16", NULL};
    struct tcg_arch arch = tcg_arch_arm;
    struct arm_machine a;
    struct vemu_error *err = NULL;
    pthread_t threads[VCPUS];
    bool good = true;

    arch.deliver_exception = stop;
    const struct arm_machine_config config = {
        .ram = RAM, .model = "max", .vcpus = VCPUS, .options = options, .arch = &arch};
    if (!arm_machine_create(&a, &config, &err)) {
        printf("Bail out! %s\n", err ? vemu_error_message(err) : "no machine");
        exit(1);
    }
    memcpy(a.ram->host + CODE_AT, code, sizeof code);
    for (unsigned n = 0; n < VCPUS; n++)
        start_state(a.m.vcpus[n]);
    for (unsigned n = 0; n < VCPUS; n++)
        if (pthread_create(&threads[n], NULL, run, a.m.vcpus[n]))
            exit(1);
    for (unsigned n = 0; n < VCPUS; n++) {
        void *why;
        pthread_join(threads[n], &why);
        if ((uintptr_t)why != VCPU_EXIT_SHUTDOWN) { /* at the UDF */
            printf("# vCPU %u: left as %d %s\n", n, (int)(uintptr_t)why, a.m.vcpus[n]->error);
            good = false;
        }
    }
    for (unsigned k = 0; k < sizeof counters / sizeof counters[0]; k++) {
        const uint64_t is = load_le64(a.ram->host + DATA_AT + counters[k].at);
        if (is == counters[k].want)
            continue;
        printf("# %s: %llu, want %llu\n", counters[k].name, (unsigned long long)is,
               (unsigned long long)counters[k].want);
        good = false;
    }
    arm_machine_free(&a);
    return good;
}

int main(void)
{
    static const char *const backends[] = {"jit", "tier2", "interp"};
    bool all = true;
    printf("1..3\n");
    for (unsigned n = 0; n < 3; n++) {
        const bool good = add_up(backends[n]);
        printf("%sok %u - arm_atomics: %u vCPUs lose nothing, %s\n", good ? "" : "not ", n + 1,
               VCPUS, backends[n]);
        all &= good;
    }
    return !all;
}
