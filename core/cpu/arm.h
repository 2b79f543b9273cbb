/*
 * The Arm register file in canonical form, shared by every accelerator, gdb and snapshots, and what
 * a CPU model is. AArch64 names and layouts (Arm ARM, DDI 0487, chapters C5, D13/D19). AArch32
 * state is held in it as the architecture maps it (section D1, "mapping of the general-purpose
 * registers between the Execution states") as far as the current mode goes: R0-R14 are x[0] to
 * x[14], R15 is pc, CPSR is pstate; registers of other modes wait in `banked`. AArch32's system
 * registers are the AArch64 registers that the architecture maps them to, in the low half where
 * nothing else is said: TTBCR and TTBCR2 are the halves of tcr[1], PRRR or MAIR0 and NMRR or MAIR1
 * those of mair[1], DFAR and IFAR those of far[1]; DFSR is esr[1], VBAR vbar[1], TPIDRURW tpidr[0],
 * TPIDRURO tpidrro, TPIDRPRW tpidr[1], DBGDSCRext mdscr.
 *
 * Layout matters to the translator: general registers come first so that they are within a signed
 * byte of the pinned pointer.
 */
#ifndef CORE_CPU_ARM_H
#define CORE_CPU_ARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/cpu/arm_feature.h"
#include "core/cpu/arm_intc.h"
#include "core/state/state.h"

/* PSTATE as SPSR_ELx has it. */
#define ARM_N (UINT32_C(1) << 31)
enum {
    ARM_Z = 1 << 30,
    ARM_C = 1 << 29,
    ARM_V = 1 << 28,
    ARM_TCO = 1 << 25,
    ARM_DIT = 1 << 24,
    ARM_UAO = 1 << 23,
    ARM_PAN = 1 << 22,
    ARM_SS = 1 << 21,
    ARM_IL = 1 << 20,
    ARM_SSBS = 1 << 12,
    ARM_BTYPE_SHIFT = 10, /* 2 bits */
    ARM_BTYPE = 3 << 10,
    ARM_D = 1 << 9,
    ARM_A = 1 << 8,
    ARM_I = 1 << 7,
    ARM_F = 1 << 6,
    ARM_AARCH32 = 1 << 4,
    ARM_EL_SHIFT = 2, /* 2 bits, AArch64 */
    ARM_SPSEL = 1 << 0,
    ARM_MODE = 0x1f,
    /* AArch32 alone */
    ARM_Q = 1 << 27,
    ARM_IT_LOW = 3 << 25,     /* IT[1:0] */
    ARM_GE_SHIFT = 16,        /* 4 bits */
    ARM_IT_HIGH = 0x3f << 10, /* IT[7:2] */
    ARM_E = 1 << 9,
    ARM_T = 1 << 5,
    ARM_J = 1 << 24,
};
enum { ARM_FPEXC_EN = 1 << 30 };
/* M[3:0] of AArch32. */
enum arm_mode {
    ARM_MODE_USR = 0x10,
    ARM_MODE_FIQ = 0x11,
    ARM_MODE_IRQ = 0x12,
    ARM_MODE_SVC = 0x13,
    ARM_MODE_MON = 0x16,
    ARM_MODE_ABT = 0x17,
    ARM_MODE_HYP = 0x1a,
    ARM_MODE_UND = 0x1b,
    ARM_MODE_SYS = 0x1f,
};
/* Banks of R13, R14 and SPSR; R8-R12 have two. */
enum arm_bank {
    ARM_BANK_USR,
    ARM_BANK_FIQ,
    ARM_BANK_IRQ,
    ARM_BANK_SVC,
    ARM_BANK_MON,
    ARM_BANK_ABT,
    ARM_BANK_HYP,
    ARM_BANK_UND,
    ARM_BANK_COUNT,
};

struct arm_vec {
    uint64_t u64[2];
} __attribute__((aligned(16)));

enum {
    ARM_DEBUG_REGS = 16, /* room; a model says how many there are */
    ARM_PMU_COUNTERS = 6,
    ARM_KEY_COUNT = 5, /* APIA, APIB, APDA, APDB, APGA */
};

enum arm_power {
    ARM_POWER_ON,
    ARM_POWER_OFF,      /* waits for CPU_ON */
    ARM_POWER_STARTING, /* vcpu.start is being written, or CPU_INT_START is on its way */
};

/*
 * The numbers of general and vector registers, each once: the translator's slots, the registers of
 * core/cpu/debug.h and gdb's are lists made of these. X(number).
 */
#define ARM_GPRS(X)                                                                                \
    X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10), X(11), X(12), X(13), X(14), \
        X(15), X(16), X(17), X(18), X(19), X(20), X(21), X(22), X(23), X(24), X(25), X(26), X(27), \
        X(28), X(29), X(30)
#define ARM_VECTORS_0_12(X)                                                                        \
    X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10), X(11), X(12)
#define ARM_VECTORS_16_31(X)                                                                       \
    X(16), X(17), X(18), X(19), X(20), X(21), X(22), X(23), X(24), X(25), X(26), X(27), X(28),     \
        X(29), X(30), X(31)
/* The D registers of AArch32. */
#define ARM_DWORDS(X)                                                                              \
    X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10), X(11), X(12), X(13), X(14), \
        X(15), X(16), X(17), X(18), X(19), X(20), X(21), X(22), X(23), X(24), X(25), X(26), X(27), \
        X(28), X(29), X(30), X(31)
#define ARM_VECTORS(X) ARM_VECTORS_0_12(X), X(13), X(14), X(15), ARM_VECTORS_16_31(X)

struct arm_timer_regs {
    uint64_t ctl; /* ENABLE 0, IMASK 1; ISTATUS is computed */
    uint64_t cval;
};

struct arm_regs {
    uint64_t x[31]; /* X0 to X30 */
    uint64_t sp;    /* the one in use: by EL and SPSel */
    uint64_t pc;
    uint64_t pstate; /* canonical; the translator keeps NZCV apart while it runs */

    uint64_t fpcr, fpsr;
    struct arm_vec v[32]; /* AArch32: D2n and D2n+1 are the halves of v[n] */

    /* by exception level; [0] of elr and spsr is unused, that of sp_el is SP_EL0. The entry of the
     * stack pointer in use is stale. */
    uint64_t sp_el[4], elr[4], spsr[4];
    uint64_t sctlr[4], actlr[4], tcr[4], ttbr0[4], ttbr1[4], mair[4], amair[4], vbar[4], esr[4],
        far[4], afsr0[4], afsr1[4], contextidr[4],
        tpidr[4]; /* [0] where EL0 has one, else unused */
    uint64_t tpidrro, cpacr, cptr[4], par, csselr, rmr;
    uint64_t hcr, hcrx, hpfar, hstr, vttbr, vtcr, vmpidr, vpidr, mdcr[4], scr, sder;
    uint64_t mdscr, oslar, osdlr, dbgclaim, dbgbvr[ARM_DEBUG_REGS], dbgbcr[ARM_DEBUG_REGS],
        dbgwvr[ARM_DEBUG_REGS], dbgwcr[ARM_DEBUG_REGS];
    uint64_t pauth[ARM_KEY_COUNT][2]; /* low, high */

    uint64_t cntfrq, cntkctl, cnthctl, cntvoff;
    struct arm_timer_regs timer[ARM_TIMER_COUNT];

    uint64_t pmcr, pmcnten, pmovs, pmsel, pminten, pmuseren, pmccfiltr, pmccntr,
        pmevcntr[ARM_PMU_COUNTERS], pmevtyper[ARM_PMU_COUNTERS];
    int64_t pmccntr_base; /* of the counter while it runs: virtual clock, ns, at value pmccntr */

    /* AArch32's own: see arm_bank. R8 to R14 of the mode in use are stale here, its SPSR is not.
     * SPSR_svc and SPSR_hyp are SPSR_EL1 and SPSR_EL2: arm_spsr_offset(). */
    uint32_t banked_r13[ARM_BANK_COUNT], banked_r14[ARM_BANK_COUNT], banked_spsr[ARM_BANK_COUNT];
    uint32_t usr_r8[5], fiq_r8[5];
    uint64_t dacr, ifsr, fpexc; /* as AArch64 reaches them: DACR32_EL2, IFSR32_EL2, FPEXC32_EL2 */

    /* the exclusive monitor: nothing is marked while excl_size is 0 */
    uint64_t excl_addr; /* virtual */
    uint64_t excl_value[2];
    uint32_t excl_size; /* bytes */

    /* event state between instructions */
    uint8_t event;       /* the event register of WFE */
    uint8_t powered_off; /* enum arm_power: by PSCI */
    uint8_t serror;      /* a virtual or physical SError is pending, by bits of enum arm_serror */
    uint8_t secure;      /* SCR_EL3.NS is clear, or EL3 is in use */
};

extern const struct state_field arm_regs_state[]; /* core/cpu/arm_state.c */

struct arm_cpu_model;
/* Power-up state of a processor of the model, in the highest exception level that it has. */
void arm_regs_reset(struct arm_regs *regs, const struct arm_cpu_model *model);
struct vemu_error;
/* Can a processor be in this state, as far as one rule between fields can tell? */
bool arm_regs_check(const struct arm_regs *regs, const struct arm_cpu_model *model,
                    struct vemu_error **errp);

/* What firmware does between reset and the entry of an operating system in a lower exception level:
 * PSTATE and the control registers above. */
void arm_regs_enter(struct arm_regs *regs, const struct arm_cpu_model *model, unsigned el);
struct vcpu;
/* CPU_INT_START was raised: power up, in the highest level that an operating system has, where
 * vcpu.start says. The vCPU's thread, or while it is paused. */
void arm_cpu_start(struct vcpu *cpu);

static inline bool arm_is_aarch64(const struct arm_regs *r)
{
    return !(r->pstate & ARM_AARCH32);
}
/* The exception level, AArch32 modes included: USR is 0, HYP 2, the others 1 (MON 3). */
static inline unsigned arm_el(const struct arm_regs *r)
{
    if (arm_is_aarch64(r))
        return r->pstate >> ARM_EL_SHIFT & 3;
    switch (r->pstate & ARM_MODE) {
    case ARM_MODE_USR:
        return 0;
    case ARM_MODE_HYP:
        return 2;
    case ARM_MODE_MON:
        return 3;
    default:
        return 1;
    }
}

/* ---- AArch32's modes (arm_bank.c)
 * ----------------------------------------------------------------
 */

enum arm_bank arm_bank_of(uint64_t pstate);
/* Is there such a mode, of EL1 or EL0? HYP and MON are of levels that are AArch64 or not there. */
static inline bool arm_mode_exists(unsigned mode)
{
    enum { MODES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7 | 1 << 11 | 1 << 15 };
    return (mode & ARM_AARCH32) && (MODES >> (mode & 15) & 1);
}
/* Where struct arm_regs has a mode's SPSR: 32 bits, or the low half of 64; USR has none. */
size_t arm_spsr_offset(enum arm_bank bank);
uint32_t arm_spsr(const struct arm_regs *r, enum arm_bank bank);
void arm_set_spsr(struct arm_regs *r, enum arm_bank bank, uint32_t value);
/* PSTATE.M of a processor in AArch32 state changes: R8 to R14 and their banks follow. */
void arm_set_mode(struct arm_regs *r, enum arm_mode mode);
/* Where AArch64 state has the registers of all modes, X8 to X30, made of the banks and
 * the registers in use; and back, for the mode in PSTATE. */
void arm_banks_to_aarch64(struct arm_regs *r);
void arm_banks_from_aarch64(struct arm_regs *r);

/* PSTATE.IT, which stands in two parts: its 8 bits, the bits of PSTATE for them, and the state for
 * the next instruction of the block (0: the block has ended). */
static inline unsigned arm_it(uint64_t pstate)
{
    return (unsigned)((pstate & ARM_IT_HIGH) >> 10 << 2 | (pstate & ARM_IT_LOW) >> 25);
}
static inline uint32_t arm_it_bits(unsigned it)
{
    return (it >> 2) << 10 | (it & 3) << 25;
}
static inline unsigned arm_it_next(unsigned it)
{
    return it & 7 ? (it & 0xe0) | (it << 1 & 0x1f) : 0;
}

/* ---- CPU models --------------------------------------------------------------------------------
 */

/* ID registers: op0 3, op1 0, CRn 0: CRm 1-7, op2 0-7 in encoding order. */
enum { ARM_ID_ROWS = 8, ARM_ID_COLUMNS = 8 };

struct arm_cpu_model {
    char name[32];
    bool aarch64; /* the highest exception level is AArch64 */
    bool has_el2, has_el3;
    uint64_t midr, revidr, mpidr_flags; /* mpidr_flags: the bits of MPIDR besides the affinity */
    uint64_t id[ARM_ID_ROWS][ARM_ID_COLUMNS]; /* id[CRm][op2]: what MRS reads at EL1 */
    uint64_t ctr, dczid, clidr, ccsidr[7][2]; /* [level][data 0, instruction 1] */
    uint64_t rvbar;                           /* where reset starts */
    uint64_t cntfrq;                          /* Hz */
    uint64_t
        features[ARM_FEATURE_WORDS]; /* bit per enum arm_feature, in force with the ID registers */
    uint8_t pa_bits, breakpoints, watchpoints, pmu_counters;
    /* Of the host's processor: id is what it says, and nothing here changes it. */
    bool host;
    bool qarma5;  /* -cpu max,pauth-qarma5=on: pointer authentication as QARMA5 has it */
    bool tgran16; /* pages of 16 KiB */
    /* The board: the interrupt controller's CPU interface is system registers (GICv3). */
    bool gic_sysregs;
};

static inline bool arm_has(const struct arm_cpu_model *model, enum arm_feature feature)
{
    return model->features[feature / 64] >> (feature % 64) & 1;
}
/* The ID registers anew, after a board changed one of gic_sysregs, pa_bits, ... above. */
void arm_cpu_model_ids(struct arm_cpu_model *model);
/* From id, midr, ctr and clidr as the host's processor has them for guests: all that follows from
 * them. */
void arm_cpu_model_from_host(struct arm_cpu_model *model);
/* A feature (a board without EL2 or EL3, for instance) with what it needs, or what needs it; the ID
 * registers follow. */
void arm_cpu_model_set(struct arm_cpu_model *model, enum arm_feature feature, bool on);
/* The affinity that MPIDR has for vCPU `index`: 16 to a cluster when there is a GICv3, else 8. */
uint64_t arm_mpidr(const struct arm_cpu_model *model, unsigned index);

/*
 * Look up `spec` ("cortex-a57", "max", "max,sve=off", "neoverse-n1,+lse"...). bits: 32 or 64, of
 * the guests that the machine is for, which decides what "max" is.
 */
bool arm_cpu_model_parse(struct arm_cpu_model *model, const char *spec, unsigned bits,
                         struct vemu_error **errp);
const char *const *arm_cpu_model_names(void); /* NULL-terminated */

/* ---- the generic timer, as the register file has it --------------------------------------------
 */

struct vcpu;
/* The system counter, in ticks of cntfrq: virtual clock of the machine. */
uint64_t arm_counter(const struct vcpu *cpu);
/* Is the timer's output active (enabled, not masked, condition met)? If not, *deadline is the
 * virtual clock's time in ns at which it will be, or INT64_MAX. */
bool arm_timer_output(const struct vcpu *cpu, enum arm_timer which, int64_t *deadline);

/* ---- performance monitors (arm_pmu.c) ----------------------------------------------------------
 */

enum {
    ARM_PMCR_E = 1 << 0,
    ARM_PMCR_LC = 1 << 6, /* the cycle counter overflows by its 64 bits */
    ARM_PMU_CYCLES = 31,  /* number of the cycle counter */
    ARM_PMU_EVENT_SW_INCR = 0,
    ARM_PMU_EVENT_CYCLES = 0x11,
};
/* What a counter shows, and PMOVSSET, when the virtual clock is at `now`. */
uint64_t arm_pmu_count(const struct arm_regs *r, unsigned counter, int64_t now);
uint64_t arm_pmu_overflows(const struct arm_regs *r, int64_t now);
/* The registers have that, from where counters go on: before what they count by is changed. */
void arm_pmu_collect(struct arm_regs *r, int64_t now);
/* As arm_timer_output(). */
bool arm_pmu_output(const struct vcpu *cpu, int64_t *deadline);

#endif
