/* Firmware calls; see psci.h. */
#include "hw/arm/psci.h"

#include <stdatomic.h>
#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/range.h"

/* Function identifiers; those with FN64 have a form for 64-bit arguments. */
#define FN64 UINT32_C(0x40000000)
enum {
    SMCCC_VERSION = 0x80000000u,
    SMCCC_ARCH_FEATURES = 0x80000001u,
    SMCCC_ARCH_WORKAROUND_3 = 0x80003fffu,
    SMCCC_ARCH_WORKAROUND_2 = 0x80007fffu,
    SMCCC_ARCH_WORKAROUND_1 = 0x80008000u,
    PSCI_VERSION = 0x84000000u,
    PSCI_CPU_SUSPEND = 0x84000001u,
    PSCI_CPU_OFF = 0x84000002u,
    PSCI_CPU_ON = 0x84000003u,
    PSCI_AFFINITY_INFO = 0x84000004u,
    PSCI_MIGRATE_INFO_TYPE = 0x84000006u,
    PSCI_SYSTEM_OFF = 0x84000008u,
    PSCI_SYSTEM_RESET = 0x84000009u,
    PSCI_FEATURES = 0x8400000au,
    PSCI_SYSTEM_RESET2 = 0x84000012u,
};
enum {
    VERSION_1_1 = 0x10001,
    MIGRATE_NOT_NEEDED = 2, /* there is no trusted system that would have to move */
    NOT_AFFECTED = 1,
    RESET2_VENDOR = 0x80000000u,
};
enum {
    SUCCESS = 0,
    NOT_SUPPORTED = -1,
    INVALID_PARAMETERS = -2,
    ALREADY_ON = -4,
    ON_PENDING = -5,
    INVALID_ADDRESS = -9,
};
enum { AFFINITY_ON = 0, AFFINITY_OFF = 1, AFFINITY_ON_PENDING = 2 };
#define AFFINITY_MASK UINT64_C(0xff00ffffff)

static struct vcpu *find_target(struct vemu_machine *m, uint64_t affinity)
{
    for (unsigned n = 0; n < m->vcpu_count; n++)
        if ((arm_mpidr(m->vcpus[n]->model, n) & AFFINITY_MASK) == affinity)
            return m->vcpus[n];
    return NULL;
}

/* A vCPU waits where it is: standby. Deeper states are allowed to be no deeper than that. */
static int64_t cpu_suspend(struct vcpu *cpu)
{
    cpu->halted = true;
    return SUCCESS;
}

static void power_off(struct vcpu *cpu)
{
    struct arm_regs *regs = cpu->regs;
    cpu->halted = true;
    __atomic_store_n(&regs->powered_off, ARM_POWER_OFF, __ATOMIC_SEQ_CST);
}

/* Who turns powered_off from OFF to STARTING owns `start` until the target takes it up. */
static int64_t cpu_on(struct vcpu *cpu, uint64_t affinity, uint64_t entry, uint64_t context)
{
    struct vcpu *target = find_target(cpu->machine, affinity);
    uint8_t off = ARM_POWER_OFF;

    if (!target)
        return INVALID_PARAMETERS;
    /* Bit 0 of an address of AArch32 says that T32 is there. */
    if (entry & (arm_is_aarch64(cpu->regs) || !(entry & 1) ? 3 : 0))
        return INVALID_ADDRESS;
    struct arm_regs *regs = target->regs;
    if (!__atomic_compare_exchange_n(&regs->powered_off, &off, ARM_POWER_STARTING, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return off == ARM_POWER_STARTING ? ON_PENDING : ALREADY_ON;
    target->start.pc = entry;
    target->start.arg = context;
    cpu_interrupt(target, CPU_INT_START);
    return SUCCESS;
}

static int64_t affinity_info(struct vcpu *cpu, uint64_t affinity, uint64_t level)
{
    struct vcpu *target = find_target(cpu->machine, affinity);

    if (level)
        return INVALID_PARAMETERS; /* as from version 1.0 on for levels that are not kept */
    if (!target)
        return INVALID_PARAMETERS;
    const struct arm_regs *regs = target->regs;
    switch (__atomic_load_n(&regs->powered_off, __ATOMIC_SEQ_CST)) {
    case ARM_POWER_OFF:
        return AFFINITY_OFF;
    case ARM_POWER_STARTING:
        return AFFINITY_ON_PENDING;
    default:
        return AFFINITY_ON;
    }
}

/* The machine ends, or begins anew: this vCPU goes no further. */
static int64_t end_machine(struct vcpu *cpu, enum machine_request what)
{
    power_off(cpu);
    machine_request(cpu->machine, what, 0);
    return SUCCESS;
}

static int64_t system_reset2(struct vcpu *cpu, uint64_t type)
{
    /* 0 is a warm reset; the vendor's kinds are not known here. */
    return type ? INVALID_PARAMETERS : end_machine(cpu, MACHINE_REQUEST_RESET);
}

static int64_t features(uint32_t function)
{
    static const uint32_t known[] = {
        SMCCC_VERSION,
        PSCI_VERSION,
        PSCI_CPU_SUSPEND,
        PSCI_CPU_OFF,
        PSCI_CPU_ON,
        PSCI_AFFINITY_INFO,
        PSCI_SYSTEM_OFF,
        PSCI_MIGRATE_INFO_TYPE,
        PSCI_SYSTEM_RESET,
        PSCI_SYSTEM_RESET2,
        PSCI_FEATURES,
        PSCI_CPU_SUSPEND | FN64,
        PSCI_CPU_ON | FN64,
        PSCI_AFFINITY_INFO | FN64,
        PSCI_SYSTEM_RESET2 | FN64,
    };
    for (unsigned n = 0; n < ARRAY_SIZE(known); n++)
        if (known[n] == function)
            return SUCCESS;
    return NOT_SUPPORTED;
}

/* What the convention has itself. No workaround is needed: nothing is executed speculatively. */
static int64_t arch_features(uint32_t function)
{
    switch (function) {
    case SMCCC_VERSION:
    case SMCCC_ARCH_FEATURES:
        return SUCCESS;
    case SMCCC_ARCH_WORKAROUND_1:
    case SMCCC_ARCH_WORKAROUND_2:
    case SMCCC_ARCH_WORKAROUND_3:
        return NOT_AFFECTED;
    default:
        return NOT_SUPPORTED;
    }
}

/* A form for 64-bit arguments of one that has none is unknown. */
static bool has_64(uint32_t function)
{
    return function == PSCI_CPU_SUSPEND || function == PSCI_CPU_ON ||
           function == PSCI_AFFINITY_INFO || function == PSCI_SYSTEM_RESET2;
}

static int64_t call(struct vcpu *cpu, uint32_t function, const uint64_t arg[4])
{
    switch (function) {
    case SMCCC_VERSION:
    case PSCI_VERSION:
        return VERSION_1_1;
    case SMCCC_ARCH_FEATURES:
        return arch_features((uint32_t)arg[1]);
    case SMCCC_ARCH_WORKAROUND_1:
    case SMCCC_ARCH_WORKAROUND_2:
    case SMCCC_ARCH_WORKAROUND_3:
        return SUCCESS;
    case PSCI_FEATURES:
        return features((uint32_t)arg[1]);
    case PSCI_CPU_SUSPEND:
        return cpu_suspend(cpu);
    case PSCI_CPU_OFF:
        power_off(cpu);
        return SUCCESS;
    case PSCI_CPU_ON:
        return cpu_on(cpu, arg[1], arg[2], arg[3]);
    case PSCI_AFFINITY_INFO:
        return affinity_info(cpu, arg[1], arg[2]);
    case PSCI_MIGRATE_INFO_TYPE:
        return MIGRATE_NOT_NEEDED;
    case PSCI_SYSTEM_OFF:
        return end_machine(cpu, MACHINE_REQUEST_SHUTDOWN);
    case PSCI_SYSTEM_RESET:
        return end_machine(cpu, MACHINE_REQUEST_RESET);
    case PSCI_SYSTEM_RESET2:
        return system_reset2(cpu, arg[1]);
    default:
        return NOT_SUPPORTED;
    }
}

bool psci_call(struct vcpu *cpu, uint64_t x[18])
{
    uint32_t function = (uint32_t)x[0];
    bool args64 = function & FN64, aarch64 = arm_is_aarch64(cpu->regs);
    uint64_t arg[4];

    for (unsigned n = 0; n < ARRAY_SIZE(arg); n++)
        arg[n] = args64 ? x[n] : (uint32_t)x[n];
    if (args64 && has_64(function & ~FN64))
        function &= ~FN64;
    const int64_t result = args64 && !aarch64 ? NOT_SUPPORTED : call(cpu, function, arg);
    x[0] = aarch64 ? (uint64_t)result : (uint32_t)result;
    return true;
}
