/*
 * System registers: one table (sysreg_table.c) says of each its encoding and name, who may read and
 * write it, what traps it, where it is stored and what else an access does. Looking up, trapping
 * and accessing are sysreg.c; what has no plain storage is in sysreg_state.c and sysreg_timer.c.
 */
#ifndef TCG_ARM_SYSREG_H
#define TCG_ARM_SYSREG_H

#include "tcg/arm/sys.h"

struct arm_sysreg;
typedef uint64_t (*arm_sysreg_read_fn)(struct tcg_cpu *tc, const struct arm_sysreg *s);
typedef void (*arm_sysreg_write_fn)(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t value);

/* Controls that may trap an access from below; one a register (enum), looked at in sysreg.c. */
enum arm_sysreg_trap {
    TRAP_NONE,
    TRAP_VM,  /* virtual memory: HCR.TVM, TRVM */
    TRAP_ACR, /* HCR.TACR */
    TRAP_TID1,
    TRAP_TID2,
    TRAP_TID3,
    TRAP_CPACR, /* CPTR_EL2.TCPAC, CPTR_EL3.TCPAC */
    TRAP_FP,
    TRAP_DEBUG, /* MDCR_ELx.TDA */
    TRAP_OS,    /* MDCR_ELx.TDOSA */
    TRAP_RAS,   /* MDCR_ELx.TDRA */
    TRAP_PMU,   /* MDCR_ELx.TPM, PMUSERENR */
    TRAP_PMCR,  /* ... and TPMCR */
    TRAP_PMU_CR,
    TRAP_PMU_ER,
    TRAP_PMU_SW, /* EL0 may by a bit of its own */
    TRAP_KEYS,   /* HCR.APK, SCR.APK */
    TRAP_CTR,    /* SCTLR.UCT, HCR.TID2 */
    TRAP_DZ,
    TRAP_DAIF, /* SCTLR.UMA */
    TRAP_CNTP,
    TRAP_CNTV,
    TRAP_CNTPCT,
    TRAP_CNTVCT,
    TRAP_CNTFRQ,
    TRAP_CNTPS,
    TRAP_DCC,
    TRAP_TLB, /* HCR.TTLB */
    TRAP_TPU, /* caches: HCR.TPU, TPC, TSW */
    TRAP_TPC,
    TRAP_TSW,
};
enum arm_sysreg_flags {
    SYS_RO = 1 << 0,
    SYS_WO = 1 << 1,
    SYS_E2H = 1 << 2,    /* at EL2 with E2H it names the EL2 register */
    SYS_MODE = 1 << 3,   /* a write changes the mode word */
    SYS_ROOT = 1 << 4,   /* ... translation */
    SYS_PLAIN = 1 << 5,  /* nothing traps it below EL2, and it is its storage: translated inline */
    SYS_VIRT = 1 << 6,   /* likewise where EL2 traps nothing of the kind (MODE_SYS_TRAPS) */
    SYS_LATER = 1 << 8,  /* a write is of translation, at the next context synchronisation */
    SYS_SECURE = 1 << 7, /* at EL1 in secure state alone */
    SYS_HIGH = 1 << 9,   /* AArch32: bits 63:32 of its storage */
};
struct arm_sysreg {
    uint16_t key; /* ARM_SYSREG() */
    uint8_t feature, trap;
    uint16_t flags;
    uint8_t el_read, el_write; /* lowest level */
    uint16_t offset;           /* storage; ARM_SYSREG_NONE */
    uint64_t mask;             /* bits that a write changes */
    uint64_t value;            /* the others, and without storage the whole */
    arm_sysreg_read_fn read;
    arm_sysreg_write_fn write;
    const char *name;
};
#define ARM_SYSREG_NONE 0xffff

extern const struct arm_sysreg arm_sysregs[]; /* sysreg_table.c; in the order of their keys */
extern const unsigned arm_sysreg_count;
const struct arm_sysreg *arm_sysreg_find(uint32_t key);
/* The register when code at the mode's level reaches its storage without a trap, else NULL. A write
 * leaves bits that are not in its mask 0, and with SYS_LATER sets tcg_cpu.root_later. */
const struct arm_sysreg *arm_sysreg_inline(const struct arm_cpu_model *model, uint64_t mode,
                                           uint32_t key, bool write);
/* An access by a row of either table, with its traps; arg: ARM_SYS_ARG(), for the syndrome. 0 where
 * an exception was raised instead. */
uint64_t arm_sysreg_get(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t arg);
void arm_sysreg_put(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t arg, uint64_t value);
/* The interrupt controller's by its AArch64 name: false: not there. */
bool arm_intc_register(struct tcg_cpu *tc, uint64_t arg, bool read, uint64_t *value);
/* A trap of MSR, MRS or SYS to a level, with the syndrome of class 0x18. */
void arm_trap_sysreg(struct tcg_cpu *tc, uint64_t arg, bool read, unsigned target);

/* What the timer device looks at from the machine's thread. */
static inline void arm_store_shared(uint64_t *reg, uint64_t value)
{
    __atomic_store_n(reg, value, __ATOMIC_RELAXED);
}

/* Functions of the table. */
/* clang-format off */
#define ARM_SYSREG_READS(X) \
    X(midr) X(mpidr) X(revidr) X(id) X(ctr) X(dczid) X(clidr) X(ccsidr) X(rvbar) X(isr) X(spsel) \
    X(currentel) X(pan) X(uao) X(nzcv) X(daif) X(dit) X(ssbs) X(fpcr) X(fpsr) X(oslsr) X(claim) \
    X(rndr) X(spsr32) X(cntpct) X(cntvct) X(tval) X(ctl) X(hcr) X(pmcr) X(pmccntr) X(pmxevtyper) \
    X(pmxevcntr) X(pmceid) X(pmovs) X(pmevcntr) X(pmevtyper)
#define ARM_SYSREG_WRITES(X) \
    X(control) X(ttbr) X(spsel) X(pan) X(uao) X(nzcv) X(daif) X(dit) X(ssbs) X(fpcr) X(fpsr) \
    X(oslar) X(mdscr) X(debug) X(claimset) X(claimclr) X(tval) X(ctl) X(cval) X(cntvoff) X(hcr) \
    X(scr) X(pmcr) X(set) X(clear) X(pmswinc) X(pmccntr) X(pmxevtyper) X(pmxevcntr) X(ignore) \
    X(rmr) X(spsr32) X(pmevcntr) X(pmevtyper)
/* clang-format on */
#define X(name) uint64_t arm_read_##name(struct tcg_cpu *tc, const struct arm_sysreg *s);
ARM_SYSREG_READS(X)
#undef X
#define X(name)                                                                                    \
    void arm_write_##name(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t value);
ARM_SYSREG_WRITES(X)
#undef X

#endif
