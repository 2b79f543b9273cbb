/*
 * The table of AArch32's coprocessor registers, in the order of their keys. Arm ARM, chapters G7
 * and G8; for Armv7-A, DDI 0406, chapters B3, B4 and C11. See cpreg.h.
 *
 * The lowest level is EL1 unless a row says more. What is of 32 bits and is the upper half of its
 * storage has SYS_HIGH.
 */
#include "tcg/arm/cpreg.h"

#define PMU_COUNTERS (UINT64_C(1) << 31 | ((1u << ARM_PMU_COUNTERS) - 1))
/* M, A, C, SW, Z, I, V, WXN, UWXN, EE, TRE, AFE, TE. */
#define SCTLR_WRITABLE UINT64_C(0x72183c07)

#define ROW(key_, name_)                                                                           \
    .key = key_, .name = name_, .feature = ARM_FEAT_BASE, .el_read = 1, .el_write = 1,             \
    .offset = ARM_SYSREG_NONE, .mask = UINT64_C(0xffffffff)
#define CP15(opc1, crn, crm, opc2, name_) ROW(ARM_CPREG(ARM_CP15, opc1, crn, crm, opc2), name_)
#define CP14(opc1, crn, crm, opc2, name_) ROW(ARM_CPREG(ARM_CP14, opc1, crn, crm, opc2), name_)
#define CP15_64(opc1, crm, name_)                                                                  \
    ROW(ARM_CPREG_64(ARM_CP15_64, opc1, crm), name_), .mask = ~UINT64_C(0)
#define CP14_64(opc1, crm, name_)                                                                  \
    ROW(ARM_CPREG_64(ARM_CP14_64, opc1, crm), name_), .mask = ~UINT64_C(0)
#define AT(member) .offset = offsetof(struct arm_regs, member)
#define EL0 .el_read = 0, .el_write = 0
#define PMU .feature = ARM_FEAT_PMUV3, EL0

/* Rows that are alike but for a number. */
#define ID(crm, op2, name_)                                                                        \
    {                                                                                              \
        CP15(0, 0, crm, op2, name_), .trap = TRAP_TID3, .flags = SYS_RO, .read = arm_read_id       \
    }
#define ID_NONE(crm, op2)                                                                          \
    {                                                                                              \
        CP15(0, 0, crm, op2, "reserved ID register"), .trap = TRAP_TID3, .flags = SYS_RO           \
    }
#define ID_NONES(crm)                                                                              \
    ID_NONE(crm, 0), ID_NONE(crm, 1), ID_NONE(crm, 2), ID_NONE(crm, 3), ID_NONE(crm, 4),           \
        ID_NONE(crm, 5), ID_NONE(crm, 6), ID_NONE(crm, 7)
#define CACHE_ALL(crm, op2, name_, trap_)                                                          \
    {                                                                                              \
        CP15(0, 7, crm, op2, name_), .trap = trap_, .flags = SYS_WO, .write = arm_write_ignore     \
    }
#define CACHE_VA(crm, op2, name_, trap_)                                                           \
    {                                                                                              \
        CP15(0, 7, crm, op2, name_), .trap = trap_, .flags = SYS_WO, .write = arm_write_cache_va   \
    }
#define ATS(op2, name_)                                                                            \
    {                                                                                              \
        CP15(0, 7, 8, op2, name_), .flags = SYS_WO, .write = arm_write_ats32                       \
    }
#define TLBI(crm, op2, name_)                                                                      \
    {                                                                                              \
        CP15(0, 8, crm, op2, name_), .trap = TRAP_TLB, .flags = SYS_WO, .write = arm_write_tlbi32  \
    }
#define TLBIS(crm, suffix)                                                                         \
    TLBI(crm, 0, "TLBIALL" suffix), TLBI(crm, 1, "TLBIMVA" suffix),                                \
        TLBI(crm, 2, "TLBIASID" suffix), TLBI(crm, 3, "TLBIMVAA" suffix)
/* Armv8: of the last level. */
#define TLBI_LAST(crm, suffix)                                                                     \
    {CP15(0, 8, crm, 5, "TLBIMVAL" suffix), .feature = ARM_FEAT_A32_V8, .trap = TRAP_TLB,          \
     .flags = SYS_WO, .write = arm_write_tlbi32},                                                  \
    {                                                                                              \
        CP15(0, 8, crm, 7, "TLBIMVAAL" suffix), .feature = ARM_FEAT_A32_V8, .trap = TRAP_TLB,      \
                                                .flags = SYS_WO, .write = arm_write_tlbi32         \
    }
#define PMEVCNTR(n, crm, op2)                                                                      \
    {                                                                                              \
        CP15(0, 14, crm, op2, "PMEVCNTR" #n),                                                      \
            .feature = ARM_FEAT_A32_V8, EL0, .trap = TRAP_PMU_ER, .value = n,                      \
            .read = arm_read_pmevcntr, .write = arm_write_pmevcntr                                 \
    }
#define PMEVTYPER(n, crm, op2)                                                                     \
    {                                                                                              \
        CP15(0, 14, crm, op2, "PMEVTYPER" #n), .feature = ARM_FEAT_A32_V8, EL0, .trap = TRAP_PMU,  \
                                               .value = n, .read = arm_read_pmevtyper,             \
                                               .write = arm_write_pmevtyper                        \
    }
#define BREAKPOINT(n)                                                                              \
    {CP14(0, 0, n, 4, "DBGBVR" #n), .trap = TRAP_DEBUG, AT(dbgbvr[n]), .write = arm_write_debug},  \
        {CP14(0, 0, n, 5, "DBGBCR" #n), .trap = TRAP_DEBUG, AT(dbgbcr[n]), .mask = 0xffffff,       \
         .write = arm_write_debug},                                                                \
        {CP14(0, 0, n, 6, "DBGWVR" #n), .trap = TRAP_DEBUG, AT(dbgwvr[n]),                         \
         .write = arm_write_debug},                                                                \
    {                                                                                              \
        CP14(0, 0, n, 7, "DBGWCR" #n), .trap = TRAP_DEBUG, AT(dbgwcr[n]), .mask = 0x1fffffff,      \
                                       .write = arm_write_debug                                    \
    }

/* A row says some things a second time, over what ROW() says of most. */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif

/* clang-format off */
const struct arm_sysreg arm_cpregs[] = {
    /* identification */
    {CP15(0, 0, 0, 0, "MIDR"), .flags = SYS_RO, .read = arm_read_midr},
    {CP15(0, 0, 0, 1, "CTR"), .trap = TRAP_TID2, .flags = SYS_RO, .read = arm_read_ctr},
    {CP15(0, 0, 0, 2, "TCMTR"), .trap = TRAP_TID1, .flags = SYS_RO},
    {CP15(0, 0, 0, 3, "TLBTR"), .trap = TRAP_TID1, .flags = SYS_RO},
    {CP15(0, 0, 0, 4, "MIDR"), .flags = SYS_RO, .read = arm_read_midr},
    {CP15(0, 0, 0, 5, "MPIDR"), .flags = SYS_RO, .read = arm_read_mpidr},
    {CP15(0, 0, 0, 6, "REVIDR"), .trap = TRAP_TID1, .flags = SYS_RO, .read = arm_read_revidr},
    {CP15(0, 0, 0, 7, "MIDR"), .flags = SYS_RO, .read = arm_read_midr},
    ID(1, 0, "ID_PFR0"), ID(1, 1, "ID_PFR1"), ID(1, 2, "ID_DFR0"), ID(1, 3, "ID_AFR0"),
    ID(1, 4, "ID_MMFR0"), ID(1, 5, "ID_MMFR1"), ID(1, 6, "ID_MMFR2"), ID(1, 7, "ID_MMFR3"),
    ID(2, 0, "ID_ISAR0"), ID(2, 1, "ID_ISAR1"), ID(2, 2, "ID_ISAR2"), ID(2, 3, "ID_ISAR3"),
    ID(2, 4, "ID_ISAR4"), ID(2, 5, "ID_ISAR5"), ID(2, 6, "ID_MMFR4"), ID(2, 7, "ID_ISAR6"),
    ID_NONE(3, 0), ID_NONE(3, 1), ID_NONE(3, 2), ID_NONE(3, 3), ID(3, 4, "ID_PFR2"),
    ID(3, 5, "ID_DFR1"), ID(3, 6, "ID_MMFR5"), ID_NONE(3, 7),
    ID_NONES(4), ID_NONES(5), ID_NONES(6), ID_NONES(7),
    /* control */
    {CP15(0, 1, 0, 0, "SCTLR"), .trap = TRAP_VM, .flags = SYS_MODE | SYS_ROOT, AT(sctlr[1]),
     .mask = SCTLR_WRITABLE, .write = arm_write_control32},
    {CP15(0, 1, 0, 1, "ACTLR"), .trap = TRAP_ACR, AT(actlr[1]), .mask = 0},
    {CP15(0, 1, 0, 2, "CPACR"), .trap = TRAP_CPACR, .flags = SYS_MODE, AT(cpacr),
     .mask = 0xf00000},
    {CP15(0, 1, 1, 2, "NSACR"), .flags = SYS_RO, .value = 0xc00},
    {CP15(0, 2, 0, 0, "TTBR0"), .trap = TRAP_VM, AT(ttbr0[1]), .write = arm_write_ttbr},
    {CP15(0, 2, 0, 1, "TTBR1"), .trap = TRAP_VM, AT(ttbr1[1]), .write = arm_write_ttbr},
    {CP15(0, 2, 0, 2, "TTBCR"), .trap = TRAP_VM, .flags = SYS_ROOT, AT(tcr[1])},
    {CP15(0, 3, 0, 0, "DACR"), .trap = TRAP_VM, AT(dacr), .write = arm_write_dacr},
    {CP15(0, 5, 0, 0, "DFSR"), .trap = TRAP_VM, AT(esr[1])},
    {CP15(0, 5, 0, 1, "IFSR"), .trap = TRAP_VM, AT(ifsr)},
    {CP15(0, 5, 1, 0, "ADFSR"), .trap = TRAP_VM, AT(afsr0[1]), .mask = 0},
    {CP15(0, 5, 1, 1, "AIFSR"), .trap = TRAP_VM, AT(afsr1[1]), .mask = 0},
    {CP15(0, 6, 0, 0, "DFAR"), .trap = TRAP_VM, AT(far[1])},
    {CP15(0, 6, 0, 2, "IFAR"), .trap = TRAP_VM, .flags = SYS_HIGH, AT(far[1])},
    /* caches, branch prediction, address translation */
    CACHE_ALL(0, 4, "CP15WFI, as on Armv7", TRAP_NONE),
    CACHE_ALL(1, 0, "ICIALLUIS", TRAP_TPU),
    CACHE_ALL(1, 6, "BPIALLIS", TRAP_TPU),
    {CP15(0, 7, 4, 0, "PAR"), AT(par)},
    CACHE_ALL(5, 0, "ICIALLU", TRAP_TPU),
    CACHE_VA(5, 1, "ICIMVAU", TRAP_TPU),
    CACHE_ALL(5, 6, "BPIALL", TRAP_NONE),
    CACHE_ALL(5, 7, "BPIMVA", TRAP_NONE),
    CACHE_VA(6, 1, "DCIMVAC", TRAP_TPC),
    CACHE_ALL(6, 2, "DCISW", TRAP_TSW),
    ATS(0, "ATS1CPR"), ATS(1, "ATS1CPW"), ATS(2, "ATS1CUR"), ATS(3, "ATS1CUW"),
    CACHE_VA(10, 1, "DCCMVAC", TRAP_TPC),
    CACHE_ALL(10, 2, "DCCSW", TRAP_TSW),
    CACHE_VA(11, 1, "DCCMVAU", TRAP_TPU),
    CACHE_ALL(13, 1, "prefetch of an instruction, as on Armv7", TRAP_NONE),
    CACHE_VA(14, 1, "DCCIMVAC", TRAP_TPC),
    CACHE_ALL(14, 2, "DCCISW", TRAP_TSW),
    TLBIS(3, "IS"), TLBI_LAST(3, "IS"),
    TLBIS(5, ", instructions"),
    TLBIS(6, ", data"),
    TLBIS(7, ""), TLBI_LAST(7, ""),
    /* performance monitors */
    {CP15(0, 9, 12, 0, "PMCR"), PMU, .trap = TRAP_PMCR, .read = arm_read_pmcr,
     .write = arm_write_pmcr},
    {CP15(0, 9, 12, 1, "PMCNTENSET"), PMU, .trap = TRAP_PMU, AT(pmcnten), .mask = PMU_COUNTERS,
     .write = arm_write_set},
    {CP15(0, 9, 12, 2, "PMCNTENCLR"), PMU, .trap = TRAP_PMU, AT(pmcnten), .mask = PMU_COUNTERS,
     .write = arm_write_clear},
    {CP15(0, 9, 12, 3, "PMOVSR"), PMU, .trap = TRAP_PMU, AT(pmovs), .mask = PMU_COUNTERS,
     .read = arm_read_pmovs, .write = arm_write_clear},
    {CP15(0, 9, 12, 4, "PMSWINC"), PMU, .trap = TRAP_PMU_SW, .flags = SYS_WO,
     .write = arm_write_pmswinc},
    {CP15(0, 9, 12, 5, "PMSELR"), PMU, .trap = TRAP_PMU_ER, AT(pmsel), .mask = 31},
    {CP15(0, 9, 12, 6, "PMCEID0"), PMU, .trap = TRAP_PMU, .flags = SYS_RO,
     .read = arm_read_pmceid},
    {CP15(0, 9, 12, 7, "PMCEID1"), PMU, .trap = TRAP_PMU, .flags = SYS_RO},
    {CP15(0, 9, 13, 0, "PMCCNTR"), PMU, .trap = TRAP_PMU_CR, .read = arm_read_pmccntr,
     .write = arm_write_pmccntr},
    {CP15(0, 9, 13, 1, "PMXEVTYPER"), PMU, .trap = TRAP_PMU, .read = arm_read_pmxevtyper,
     .write = arm_write_pmxevtyper},
    {CP15(0, 9, 13, 2, "PMXEVCNTR"), PMU, .trap = TRAP_PMU_ER, .read = arm_read_pmxevcntr,
     .write = arm_write_pmxevcntr},
    {CP15(0, 9, 14, 0, "PMUSERENR"), PMU, .trap = TRAP_PMU, .el_write = 1, AT(pmuseren),
     .mask = 15},
    {CP15(0, 9, 14, 1, "PMINTENSET"), .feature = ARM_FEAT_PMUV3, .trap = TRAP_PMU, AT(pminten),
     .mask = PMU_COUNTERS, .write = arm_write_set},
    {CP15(0, 9, 14, 2, "PMINTENCLR"), .feature = ARM_FEAT_PMUV3, .trap = TRAP_PMU, AT(pminten),
     .mask = PMU_COUNTERS, .write = arm_write_clear},
    {CP15(0, 9, 14, 3, "PMOVSSET"), PMU, .trap = TRAP_PMU, AT(pmovs), .mask = PMU_COUNTERS,
     .read = arm_read_pmovs, .write = arm_write_set},
    /* memory attributes */
    {CP15(0, 10, 2, 0, "PRRR, MAIR0"), .trap = TRAP_VM, AT(mair[1])},
    {CP15(0, 10, 2, 1, "NMRR, MAIR1"), .trap = TRAP_VM, .flags = SYS_HIGH, AT(mair[1])},
    {CP15(0, 10, 3, 0, "AMAIR0"), .trap = TRAP_VM, AT(amair[1]), .mask = 0},
    {CP15(0, 10, 3, 1, "AMAIR1"), .trap = TRAP_VM, .flags = SYS_HIGH, AT(amair[1]), .mask = 0},
    {CP15(0, 12, 0, 0, "VBAR"), AT(vbar[1]), .mask = 0xffffffe0},
    {CP15(0, 12, 1, 0, "ISR"), .flags = SYS_RO, .read = arm_read_isr},
    /* processes and threads */
    {CP15(0, 13, 0, 0, "FCSEIDR"), .write = arm_write_ignore},
    {CP15(0, 13, 0, 1, "CONTEXTIDR"), .trap = TRAP_VM, AT(contextidr[1]),
     .write = arm_write_contextidr32},
    {CP15(0, 13, 0, 2, "TPIDRURW"), EL0, AT(tpidr[0])},
    {CP15(0, 13, 0, 3, "TPIDRURO"), EL0, .el_write = 1, AT(tpidrro)},
    {CP15(0, 13, 0, 4, "TPIDRPRW"), AT(tpidr[1])},
    /* the generic timer */
    {CP15(0, 14, 0, 0, "CNTFRQ"), EL0, .trap = TRAP_CNTFRQ, .el_write = 1, AT(cntfrq)},
    {CP15(0, 14, 1, 0, "CNTKCTL"), AT(cntkctl), .mask = 0x3ff},
    {CP15(0, 14, 2, 0, "CNTP_TVAL"), EL0, .trap = TRAP_CNTP, .value = ARM_TIMER_PHYS,
     .read = arm_read_tval, .write = arm_write_tval},
    {CP15(0, 14, 2, 1, "CNTP_CTL"), EL0, .trap = TRAP_CNTP, .value = ARM_TIMER_PHYS,
     .read = arm_read_ctl, .write = arm_write_ctl},
    {CP15(0, 14, 3, 0, "CNTV_TVAL"), EL0, .trap = TRAP_CNTV, .value = ARM_TIMER_VIRT,
     .read = arm_read_tval, .write = arm_write_tval},
    {CP15(0, 14, 3, 1, "CNTV_CTL"), EL0, .trap = TRAP_CNTV, .value = ARM_TIMER_VIRT,
     .read = arm_read_ctl, .write = arm_write_ctl},
    PMEVCNTR(0, 8, 0), PMEVCNTR(1, 8, 1), PMEVCNTR(2, 8, 2), PMEVCNTR(3, 8, 3), PMEVCNTR(4, 8, 4),
    PMEVCNTR(5, 8, 5),
    PMEVTYPER(0, 12, 0), PMEVTYPER(1, 12, 1), PMEVTYPER(2, 12, 2), PMEVTYPER(3, 12, 3),
    PMEVTYPER(4, 12, 4), PMEVTYPER(5, 12, 5),
    {CP15(0, 14, 15, 7, "PMCCFILTR"), .feature = ARM_FEAT_A32_V8, EL0, .trap = TRAP_PMU,
     .value = ARM_PMU_CYCLES, .read = arm_read_pmevtyper, .write = arm_write_pmevtyper},
    /* caches, by number */
    {CP15(1, 0, 0, 0, "CCSIDR"), .trap = TRAP_TID2, .flags = SYS_RO, .read = arm_read_ccsidr},
    {CP15(1, 0, 0, 1, "CLIDR"), .trap = TRAP_TID2, .flags = SYS_RO, .read = arm_read_clidr},
    {CP15(1, 0, 0, 7, "AIDR"), .trap = TRAP_TID1, .flags = SYS_RO},
    {CP15(1, 9, 0, 2, "L2CTLR"), .read = arm_read_implementation,
     .write = arm_write_implementation},
    {CP15(1, 9, 0, 3, "L2ECTLR"), .read = arm_read_implementation,
     .write = arm_write_implementation},
    {CP15(2, 0, 0, 0, "CSSELR"), .trap = TRAP_TID2, AT(csselr), .mask = 15},
    {CP15(4, 15, 0, 0, "CBAR"), .flags = SYS_RO, .read = arm_read_implementation},
    /* of 64 bits */
    {CP15_64(0, 2, "TTBR0"), .trap = TRAP_VM, AT(ttbr0[1]), .write = arm_write_ttbr},
    {CP15_64(0, 7, "PAR"), AT(par)},
    {CP15_64(0, 9, "PMCCNTR"), .feature = ARM_FEAT_A32_V8, EL0, .trap = TRAP_PMU_CR,
     .read = arm_read_pmccntr, .write = arm_write_pmccntr},
    {CP15_64(0, 12, "ICC_SGI1R"), .flags = SYS_WO, .value = ARM_SYSREG(3, 0, 12, 11, 5),
     .write = arm_write_sgi},
    {CP15_64(0, 14, "CNTPCT"), EL0, .trap = TRAP_CNTPCT, .flags = SYS_RO,
     .read = arm_read_cntpct},
    {CP15_64(1, 2, "TTBR1"), .trap = TRAP_VM, AT(ttbr1[1]), .write = arm_write_ttbr},
    {CP15_64(1, 12, "ICC_ASGI1R"), .flags = SYS_WO, .value = ARM_SYSREG(3, 0, 12, 11, 6),
     .write = arm_write_sgi},
    {CP15_64(1, 14, "CNTVCT"), EL0, .trap = TRAP_CNTVCT, .flags = SYS_RO,
     .read = arm_read_cntvct},
    {CP15_64(2, 12, "ICC_SGI0R"), .flags = SYS_WO, .value = ARM_SYSREG(3, 0, 12, 11, 7),
     .write = arm_write_sgi},
    {CP15_64(2, 14, "CNTP_CVAL"), EL0, .trap = TRAP_CNTP, AT(timer[ARM_TIMER_PHYS].cval),
     .value = ARM_TIMER_PHYS, .write = arm_write_cval},
    {CP15_64(3, 14, "CNTV_CVAL"), EL0, .trap = TRAP_CNTV, AT(timer[ARM_TIMER_VIRT].cval),
     .value = ARM_TIMER_VIRT, .write = arm_write_cval},
    /* debug: coprocessor 14 */
    {CP14(0, 0, 0, 0, "DBGDIDR"), EL0, .trap = TRAP_DCC, .flags = SYS_RO,
     .read = arm_read_dbgdidr},
    {CP14(0, 0, 0, 2, "DBGDTRRXext"), .trap = TRAP_DEBUG, .write = arm_write_ignore},
    BREAKPOINT(0),
    {CP14(0, 0, 1, 0, "DBGDSCRint"), EL0, .trap = TRAP_DCC, .flags = SYS_RO, AT(mdscr)},
    BREAKPOINT(1),
    {CP14(0, 0, 2, 0, "DBGDCCINT"), .trap = TRAP_DEBUG, .write = arm_write_ignore},
    {CP14(0, 0, 2, 2, "DBGDSCRext"), .trap = TRAP_DEBUG, AT(mdscr), .mask = 0xd000,
     .write = arm_write_mdscr},
    BREAKPOINT(2),
    {CP14(0, 0, 3, 2, "DBGDTRTXext"), .trap = TRAP_DEBUG, .write = arm_write_ignore},
    BREAKPOINT(3), BREAKPOINT(4),
    {CP14(0, 0, 5, 0, "DBGDTRRXint, DBGDTRTXint"), EL0, .trap = TRAP_DCC,
     .write = arm_write_ignore},
    BREAKPOINT(5),
    {CP14(0, 0, 6, 0, "DBGWFAR"), .trap = TRAP_DEBUG, .write = arm_write_ignore},
    {CP14(0, 0, 6, 2, "DBGOSECCR"), .trap = TRAP_DEBUG, .write = arm_write_ignore},
    BREAKPOINT(6),
    {CP14(0, 0, 7, 0, "DBGVCR"), .trap = TRAP_DEBUG, .write = arm_write_ignore},
    BREAKPOINT(7), BREAKPOINT(8), BREAKPOINT(9), BREAKPOINT(10), BREAKPOINT(11), BREAKPOINT(12),
    BREAKPOINT(13), BREAKPOINT(14), BREAKPOINT(15),
    {CP14(0, 1, 0, 0, "DBGDRAR"), EL0, .trap = TRAP_RAS, .flags = SYS_RO},
    {CP14(0, 1, 0, 4, "DBGOSLAR"), .trap = TRAP_OS, .flags = SYS_WO, .write = arm_write_oslar},
    {CP14(0, 1, 1, 4, "DBGOSLSR"), .trap = TRAP_OS, .flags = SYS_RO, .read = arm_read_oslsr},
    {CP14(0, 1, 3, 4, "DBGOSDLR"), .trap = TRAP_OS, AT(osdlr), .mask = 1, .flags = SYS_MODE},
    {CP14(0, 1, 4, 4, "DBGPRCR"), .trap = TRAP_OS, .write = arm_write_ignore},
    {CP14(0, 1, 5, 4, "DBGPRSR"), .trap = TRAP_OS, .flags = SYS_RO, .value = 1},
    {CP14(0, 2, 0, 0, "DBGDSAR"), EL0, .trap = TRAP_RAS, .flags = SYS_RO},
    {CP14(0, 7, 0, 7, "DBGDEVID2"), .trap = TRAP_DEBUG, .flags = SYS_RO},
    {CP14(0, 7, 1, 7, "DBGDEVID1"), .trap = TRAP_DEBUG, .flags = SYS_RO},
    {CP14(0, 7, 2, 7, "DBGDEVID"), .trap = TRAP_DEBUG, .flags = SYS_RO},
    {CP14(0, 7, 8, 6, "DBGCLAIMSET"), .trap = TRAP_DEBUG, .value = 0xff,
     .write = arm_write_claimset},
    {CP14(0, 7, 9, 6, "DBGCLAIMCLR"), .trap = TRAP_DEBUG, .read = arm_read_claim,
     .write = arm_write_claimclr},
    {CP14(0, 7, 14, 6, "DBGAUTHSTATUS"), .trap = TRAP_DEBUG, .flags = SYS_RO},
    /* Jazelle, the trivial implementation */
    {CP14(7, 0, 0, 0, "JIDR"), .flags = SYS_RO},
    {CP14(7, 1, 0, 0, "JOSCR"), .write = arm_write_ignore},
    {CP14(7, 2, 0, 0, "JMCR"), .write = arm_write_ignore},
    {CP14_64(0, 1, "DBGDRAR"), EL0, .trap = TRAP_RAS, .flags = SYS_RO},
    {CP14_64(0, 2, "DBGDSAR"), EL0, .trap = TRAP_RAS, .flags = SYS_RO},
};
/* clang-format on */
const unsigned arm_cpreg_count = sizeof arm_cpregs / sizeof *arm_cpregs;
