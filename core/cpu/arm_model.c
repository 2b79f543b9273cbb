/*
 * Arm CPU models. A model is a list of features and a few properties that no feature is behind
 * (size of physical addresses, caches, numbers of breakpoints); its ID registers are made of these,
 * so that they say what is implemented and nothing else. The table of features below is the one
 * place where a feature, its field of an ID register and its name on the command line meet. Names
 * and fields: Arm ARM (DDI 0487), chapters A2 and D19/D24.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/arm.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "core/util/size.h"

/* ---- features ---------------------------------------------------------------------------------
 */

/* Groups that models are made of. */
enum group {
    G_FP = 1 << 0,     /* floating point and Advanced SIMD */
    G_CRYPTO = 1 << 1, /* AES, SHA */
    G_CRC = 1 << 2,
    G_81 = 1 << 3,
    G_82 = 1 << 4,  /* of N1 and A76 */
    G_MAX = 1 << 5, /* everything */
    G_EL2 = 1 << 6,
    G_EL3 = 1 << 7,
    G_PMU = 1 << 8,
    G_A32_EL0 = 1 << 9,
    G_A32_EL1 = 1 << 10,
    G_V7 = 1 << 11, /* cortex-a15 */
    G_V8_A32 = 1 << 12,
    G_A32_MAX = 1 << 13, /* everything that AArch32 has */
};

/* Is it there to be had under the translator? */
enum support { NO, YES };

struct feature {
    uint8_t feature; /* enum arm_feature */
    uint8_t support;
    uint16_t groups;
    const char *name;
    /* Field of ID register id[crm][op2], at shift: at least this value with the feature. */
    uint8_t crm, op2, shift, value;
};

#define PFR0 4, 0
#define PFR1 4, 1
#define DFR0 5, 0
#define ISAR0 6, 0
#define ISAR1 6, 1
#define ISAR2 6, 2
#define MMFR0 7, 0
#define MMFR1 7, 1
#define MMFR2 7, 2
#define MMFR3 7, 3
#define A32_ISAR5 2, 5
#define A32_ISAR6 2, 7
#define A32_ISAR0 2, 0
#define A32_MMFR0 1, 4
#define A32_MVFR1 3, 1
#define NONE 0, 0
/* Of a feature that is the absence of a field's value. */
enum { NO_FIELD = 0 };

#define F(feature_, support_, groups_, name_, reg, shift_, value_)                                 \
    {                                                                                              \
        ARM_FEAT_##feature_, support_, groups_, name_, reg, shift_, value_                         \
    }
static const struct feature features[] = {
    F(AARCH32_EL0, YES, G_A32_EL0, "aarch32-el0", PFR0, 0, 2),
    F(AARCH32_EL1, YES, G_A32_EL1, "aarch32-el1", PFR0, 4, 2),
    F(EL2, YES, G_EL2, "el2", PFR0, 8, 1),
    F(EL3, YES, G_EL3, "el3", PFR0, 12, 1),
    /* FP and AdvSIMD are 15 where there is none: arm_cpu_model_ids() */
    F(FP, YES, G_FP, "fp", PFR0, 16, NO_FIELD),
    F(ASIMD, YES, G_FP, "asimd", PFR0, 20, NO_FIELD),
    F(AES, YES, G_CRYPTO, "aes", ISAR0, 4, 1),
    F(PMULL, YES, G_CRYPTO, "pmull", ISAR0, 4, 2),
    F(SHA1, YES, G_CRYPTO, "sha1", ISAR0, 8, 1),
    F(SHA256, YES, G_CRYPTO, "sha256", ISAR0, 12, 1),
    F(CRC32, YES, G_CRC, "crc32", ISAR0, 16, 1),
    F(LSE, YES, G_81, "lse", ISAR0, 20, 2),
    F(RDM, YES, G_81, "rdm", ISAR0, 28, 1),
    F(PAN, YES, G_81, "pan", MMFR1, 20, 1),
    F(PAN2, YES, G_81, "pan2", MMFR1, 20, 2),
    F(LOR, NO, 0, "lor", MMFR1, 16, 1),
    F(VHE, YES, G_81 | G_EL2, "vhe", MMFR1, 8, 1),
    F(VMID16, YES, G_81 | G_EL2, "vmid16", MMFR1, 4, 2),
    F(HAFDBS, YES, G_81, "hafdbs", MMFR1, 0, 2),
    F(HPDS, YES, G_81, "hpds", MMFR1, 12, 1),
    F(FP16, YES, G_82, "fp16", PFR0, 16, 1),
    F(FP16, YES, G_82, "fp16", PFR0, 20, 1),
    F(UAO, YES, G_82, "uao", MMFR2, 4, 1),
    F(DPB, YES, G_82, "dpb", ISAR1, 0, 1),
    F(XNX, YES, G_82 | G_EL2, "xnx", MMFR1, 28, 1),
    F(XPACS, NO, 0, "xpacs", NONE, 0, 0),
    F(LPA, YES, G_MAX, "lpa", NONE, 0, 0), /* with PARange of 52 bits */
    F(LVA, YES, G_MAX, "lva", MMFR2, 16, 1),
    F(LPA2, YES, G_MAX, "lpa2", NONE, 0, 0), /* by granule: memory_ids() */
    F(TTCNP, YES, G_82, "ttcnp", MMFR2, 0, 1),
    F(IESB, NO, G_82, "iesb", MMFR2, 12, 1),
    F(SHA3, YES, G_MAX, "sha3", ISAR0, 32, 1),
    F(SHA512, YES, G_MAX, "sha512", ISAR0, 12, 2),
    F(SM3, YES, G_MAX, "sm3", ISAR0, 36, 1),
    F(SM4, YES, G_MAX, "sm4", ISAR0, 40, 1),
    F(FHM, YES, G_MAX, "fhm", ISAR0, 48, 1),
    F(DOTPROD, YES, G_82, "dotprod", ISAR0, 44, 1),
    F(BF16, NO, 0, "bf16", ISAR1, 44, 1),
    F(I8MM, YES, G_MAX, "i8mm", ISAR1, 52, 1),
    F(FCMA, YES, G_MAX, "fcma", ISAR1, 16, 1),
    F(JSCVT, YES, G_MAX, "jscvt", ISAR1, 12, 1),
    F(LRCPC, YES, G_82, "lrcpc", ISAR1, 20, 1),
    /* APA or API, GPA or GPI by the algorithm: arm_cpu_model_ids() */
    F(PAUTH, YES, G_MAX, "pauth", NONE, 0, 0),
    F(CCIDX, NO, 0, "ccidx", MMFR2, 20, 1),
    F(FLAGM, YES, G_MAX, "flagm", ISAR0, 52, 1),
    F(LRCPC2, YES, G_MAX, "lrcpc2", ISAR1, 20, 2),
    F(LSE2, NO, G_MAX, "lse2", MMFR2, 32, 1),
    F(DIT, YES, G_MAX, "dit", PFR0, 48, 1),
    F(TLBIOS, YES, G_MAX, "tlbios", ISAR0, 56, 1),
    F(TLBIRANGE, YES, G_MAX, "tlbirange", ISAR0, 56, 2),
    F(SEL2, NO, 0, "sel2", PFR0, 36, 1),
    F(NV, NO, 0, "nv", MMFR2, 24, 1),
    F(NV2, NO, 0, "nv2", MMFR2, 24, 2),
    F(S2FWB, YES, G_MAX | G_EL2, "s2fwb", MMFR2, 40, 1),
    F(IDST, YES, G_MAX, "idst", MMFR2, 36, 1),
    F(TTST, YES, G_MAX, "ttst", MMFR2, 28, 1),
    F(BBM, YES, G_MAX, "bbm", MMFR2, 52, 2),
    F(BTI, YES, G_MAX, "bti", PFR1, 0, 1),
    F(SB, YES, G_MAX, "sb", ISAR1, 36, 1),
    F(SSBS, YES, G_82, "ssbs", PFR1, 4, 2),
    F(FLAGM2, YES, G_MAX, "flagm2", ISAR0, 52, 2),
    F(FRINTTS, YES, G_MAX, "frintts", ISAR1, 32, 1),
    F(DPB2, YES, G_MAX, "dpb2", ISAR1, 0, 2),
    F(SPECRES, YES, G_MAX, "specres", ISAR1, 40, 1),
    F(RNG, YES, G_MAX, "rng", ISAR0, 60, 1),
    F(E0PD, YES, G_MAX, "e0pd", MMFR2, 60, 1),
    F(EVT, NO, 0, "evt", MMFR2, 56, 2),
    /* Nothing is speculated here: what these two promise holds of itself. */
    F(CSV2, YES, G_FP, "csv2", PFR0, 56, 1),
    F(CSV3, YES, G_FP, "csv3", PFR0, 60, 1),
    F(MTE, NO, 0, "mte", PFR1, 8, 1),
    F(MTE2, NO, 0, "mte2", PFR1, 8, 2),
    F(ECV, NO, 0, "ecv", MMFR0, 60, 1),
    F(FGT, NO, 0, "fgt", MMFR0, 56, 1),
    F(WFXT, YES, G_MAX, "wfxt", ISAR2, 0, 2),
    F(HCX, NO, 0, "hcx", MMFR1, 40, 1),
    F(LS64, NO, 0, "ls64", ISAR1, 60, 1),
    F(AFP, NO, 0, "afp", MMFR1, 44, 1),
    F(RPRES, NO, 0, "rpres", ISAR2, 4, 1),
    F(PAN3, YES, G_MAX, "pan3", MMFR1, 20, 3),
    F(MOPS, NO, 0, "mops", ISAR2, 16, 1),
    F(HBC, YES, G_MAX, "hbc", ISAR2, 20, 1),
    F(CSSC, YES, G_MAX, "cssc", ISAR2, 52, 1),
    F(PMUV3, YES, G_PMU, "pmu", DFR0, 8, 1),
    F(RAS, NO, 0, "ras", PFR0, 28, 1),
    F(SVE, NO, 0, "sve", PFR0, 32, 1),
    F(A32_AES, YES, G_CRYPTO, "a32-aes", A32_ISAR5, 4, 1),
    F(A32_PMULL, YES, G_CRYPTO, "a32-pmull", A32_ISAR5, 4, 2),
    F(A32_SHA1, YES, G_CRYPTO, "a32-sha1", A32_ISAR5, 8, 1),
    F(A32_SHA256, YES, G_CRYPTO, "a32-sha256", A32_ISAR5, 12, 1),
    F(A32_CRC32, YES, G_CRC, "a32-crc32", A32_ISAR5, 16, 1),
    F(A32_DIV, YES, G_V7 | G_V8_A32, "a32-div", A32_ISAR0, 24, 2),
    F(A32_LPAE, YES, G_V7 | G_V8_A32, "a32-lpae", A32_MMFR0, 0, 5),
    F(A32_VFP4, YES, G_V7 | G_V8_A32, "a32-vfp4", A32_MVFR1, 28, 1),
    F(A32_V8, YES, G_V8_A32, "a32-v8", NONE, 0, 0),
    F(A32_MP, YES, G_V7 | G_V8_A32, "a32-mp", NONE, 0, 0),
    F(A32_RDM, YES, G_81, "a32-rdm", A32_ISAR5, 24, 1),
    F(A32_DOTPROD, YES, G_82, "a32-dotprod", A32_ISAR6, 4, 1),
    F(A32_RDM, YES, G_A32_MAX, "a32-rdm", A32_ISAR5, 24, 1),
    F(A32_DOTPROD, YES, G_A32_MAX, "a32-dotprod", A32_ISAR6, 4, 1),
    F(A32_FP16, NO, G_82, "a32-fp16", A32_MVFR1, 20, 3),
    F(A32_FCMA, NO, G_MAX, "a32-fcma", A32_ISAR5, 28, 1),
    F(A32_JSCVT, NO, G_MAX, "a32-jscvt", A32_ISAR6, 0, 1),
};

/* What a feature is of no use without. */
static const struct {
    uint8_t feature, needs;
} needs[] = {
    {ARM_FEAT_ASIMD, ARM_FEAT_FP},
    {ARM_FEAT_FP, ARM_FEAT_ASIMD},
    {ARM_FEAT_AES, ARM_FEAT_ASIMD},
    {ARM_FEAT_PMULL, ARM_FEAT_AES},
    {ARM_FEAT_SHA1, ARM_FEAT_ASIMD},
    {ARM_FEAT_SHA256, ARM_FEAT_SHA1},
    {ARM_FEAT_SHA512, ARM_FEAT_SHA256},
    {ARM_FEAT_SHA3, ARM_FEAT_SHA512},
    {ARM_FEAT_RDM, ARM_FEAT_ASIMD},
    {ARM_FEAT_PAN2, ARM_FEAT_PAN},
    {ARM_FEAT_PAN3, ARM_FEAT_PAN2},
    {ARM_FEAT_VHE, ARM_FEAT_EL2},
    {ARM_FEAT_VMID16, ARM_FEAT_EL2},
    {ARM_FEAT_XNX, ARM_FEAT_EL2},
    {ARM_FEAT_S2FWB, ARM_FEAT_EL2},
    {ARM_FEAT_FP16, ARM_FEAT_FP},
    {ARM_FEAT_FHM, ARM_FEAT_FP16},
    {ARM_FEAT_DOTPROD, ARM_FEAT_ASIMD},
    {ARM_FEAT_FCMA, ARM_FEAT_ASIMD},
    {ARM_FEAT_JSCVT, ARM_FEAT_FP},
    {ARM_FEAT_LRCPC2, ARM_FEAT_LRCPC},
    {ARM_FEAT_LPA2, ARM_FEAT_LVA},
    {ARM_FEAT_TLBIRANGE, ARM_FEAT_TLBIOS},
    {ARM_FEAT_FLAGM2, ARM_FEAT_FLAGM},
    {ARM_FEAT_FRINTTS, ARM_FEAT_FP},
    {ARM_FEAT_DPB2, ARM_FEAT_DPB},
    {ARM_FEAT_MTE2, ARM_FEAT_MTE},
    {ARM_FEAT_NV2, ARM_FEAT_NV},
    {ARM_FEAT_AARCH32_EL1, ARM_FEAT_AARCH32_EL0},
    {ARM_FEAT_A32_PMULL, ARM_FEAT_A32_AES},
};

/* ---- models -----------------------------------------------------------------------------------
 */

struct model {
    const char *name;
    uint64_t midr;
    uint32_t groups;
    uint8_t pa_bits, breakpoints, watchpoints, pmu_counters;
    bool aarch64, tgran16;
    uint64_t ctr, clidr, ccsidr[2][2]; /* levels 1 and 2: [data or unified, instruction] */
    uint64_t mpidr_flags;
};

enum {
    GROUPS_V80 = G_FP | G_CRYPTO | G_CRC | G_EL2 | G_EL3 | G_PMU | G_A32_EL0 | G_A32_EL1 | G_V8_A32,
    GROUPS_V82 = (GROUPS_V80 & ~G_A32_EL1) | G_81 | G_82,
    GROUPS_MAX = GROUPS_V80 | G_81 | G_82 | G_MAX,
};
/* CCSIDR: sets, ways, log2 of the line's bytes; write-back, allocating on both. */
#define CACHE(sets, ways, line) (7ull << 28 | ((sets)-1ull) << 13 | ((ways)-1ull) << 3 | ((line)-4))
#define CLIDR_2_LEVELS UINT64_C(0x0a200023) /* LoUU 1, LoC 2, LoUIS 1; separate L1, unified L2 */
#define MPIDR_MT (UINT64_C(1) << 24)
#define MPIDR_RES1 (UINT64_C(1) << 31)

static const struct model models[] = {
    {.name = "cortex-a7",
     .midr = 0x410fc075,
     .groups = G_FP | G_EL2 | G_EL3 | G_PMU | G_A32_EL0 | G_A32_EL1 | G_V7,
     .pa_bits = 40,
     .breakpoints = 6,
     .watchpoints = 4,
     .pmu_counters = 4,
     .ctr = 0x84448003,
     .clidr = CLIDR_2_LEVELS,
     .ccsidr = {{CACHE(128, 4, 6), CACHE(512, 2, 5)}, {CACHE(1024, 8, 6)}},
     .mpidr_flags = MPIDR_RES1},
    {.name = "cortex-a15",
     .midr = 0x412fc0f1,
     .groups = G_FP | G_EL2 | G_EL3 | G_PMU | G_A32_EL0 | G_A32_EL1 | G_V7,
     .pa_bits = 40,
     .breakpoints = 6,
     .watchpoints = 4,
     .pmu_counters = 6,
     .ctr = 0x8444c004,
     .clidr = CLIDR_2_LEVELS,
     .ccsidr = {{CACHE(256, 2, 6), CACHE(256, 2, 6)}, {CACHE(2048, 16, 6)}},
     .mpidr_flags = MPIDR_RES1},
    {.name = "cortex-a53",
     .midr = 0x410fd034,
     .groups = GROUPS_V80,
     .pa_bits = 40,
     .breakpoints = 6,
     .watchpoints = 4,
     .pmu_counters = 6,
     .aarch64 = true,
     .ctr = 0x84448004,
     .clidr = CLIDR_2_LEVELS,
     .ccsidr = {{CACHE(128, 4, 6), CACHE(256, 2, 6)}, {CACHE(1024, 16, 6)}},
     .mpidr_flags = MPIDR_RES1},
    {.name = "cortex-a57",
     .midr = 0x411fd070,
     .groups = GROUPS_V80,
     .pa_bits = 44,
     .breakpoints = 6,
     .watchpoints = 4,
     .pmu_counters = 6,
     .aarch64 = true,
     .ctr = 0x8444c004,
     .clidr = CLIDR_2_LEVELS,
     .ccsidr = {{CACHE(256, 2, 6), CACHE(256, 3, 6)}, {CACHE(2048, 16, 6)}},
     .mpidr_flags = MPIDR_RES1},
    {.name = "cortex-a72",
     .midr = 0x410fd083,
     .groups = GROUPS_V80,
     .pa_bits = 44,
     .breakpoints = 6,
     .watchpoints = 4,
     .pmu_counters = 6,
     .aarch64 = true,
     .ctr = 0x8444c004,
     .clidr = CLIDR_2_LEVELS,
     .ccsidr = {{CACHE(256, 2, 6), CACHE(256, 3, 6)}, {CACHE(1024, 16, 6)}},
     .mpidr_flags = MPIDR_RES1},
    {.name = "cortex-a76",
     .midr = 0x414fd0b1,
     .groups = GROUPS_V82,
     .pa_bits = 40,
     .breakpoints = 6,
     .watchpoints = 4,
     .pmu_counters = 6,
     .aarch64 = true,
     .tgran16 = true,
     .ctr = 0x8444c004,
     .clidr = CLIDR_2_LEVELS,
     .ccsidr = {{CACHE(256, 4, 6), CACHE(256, 4, 6)}, {CACHE(1024, 8, 6)}},
     .mpidr_flags = MPIDR_RES1 | MPIDR_MT},
    {.name = "neoverse-n1",
     .midr = 0x414fd0c1,
     .groups = GROUPS_V82,
     .pa_bits = 48,
     .breakpoints = 6,
     .watchpoints = 4,
     .pmu_counters = 6,
     .aarch64 = true,
     .tgran16 = true,
     .ctr = 0x8444c004,
     .clidr = CLIDR_2_LEVELS,
     .ccsidr = {{CACHE(256, 4, 6), CACHE(256, 4, 6)}, {CACHE(2048, 8, 6)}},
     .mpidr_flags = MPIDR_RES1 | MPIDR_MT},
    /* An implementation of software: implementer 0, part 'V'. IDC and DIC of CTR: neither cleaning
     * nor invalidating by address is needed, code that was stored is the code that runs. */
    {.name = "max",
     .midr = 0x000f0560,
     .groups = GROUPS_MAX,
     .pa_bits = 52,
     .breakpoints = 6,
     .watchpoints = 4,
     .pmu_counters = 6,
     .aarch64 = true,
     .tgran16 = true,
     .ctr = 0xb444c004,
     .clidr = CLIDR_2_LEVELS,
     .ccsidr = {{CACHE(256, 4, 6), CACHE(256, 4, 6)}, {CACHE(2048, 8, 6)}},
     .mpidr_flags = MPIDR_RES1},
    /* The same for 32-bit guests, which has no other exception levels than these. */
    {.name = "max",
     .midr = 0x000f0320,
     .groups = G_FP | G_CRYPTO | G_CRC | G_EL2 | G_EL3 | G_PMU | G_A32_EL0 | G_A32_EL1 | G_V8_A32 |
               G_A32_MAX,
     .pa_bits = 40,
     .breakpoints = 6,
     .watchpoints = 4,
     .pmu_counters = 6,
     .ctr = 0x8444c004,
     .clidr = CLIDR_2_LEVELS,
     .ccsidr = {{CACHE(256, 4, 6), CACHE(256, 4, 6)}, {CACHE(2048, 8, 6)}},
     .mpidr_flags = MPIDR_RES1},
};

const char *const *arm_cpu_model_names(void)
{
    static const char *const names[] = {"cortex-a7",   "cortex-a15", "cortex-a53",
                                        "cortex-a57",  "cortex-a72", "cortex-a76",
                                        "neoverse-n1", "max",        NULL};
    return names;
}

/* ---- ID registers -----------------------------------------------------------------------------
 */

static void at_least(uint64_t *reg, unsigned shift, uint64_t value)
{
    if ((*reg >> shift & 15) < value)
        *reg = (*reg & ~(UINT64_C(15) << shift)) | value << shift;
}

static unsigned pa_range(unsigned bits)
{
    static const uint8_t sizes[] = {32, 36, 40, 42, 44, 48, 52};
    unsigned n = 0;
    while (n + 1 < ARRAY_SIZE(sizes) && sizes[n + 1] <= bits)
        n++;
    return n;
}

static void memory_ids(struct arm_cpu_model *m)
{
    uint64_t *mmfr0 = &m->id[7][0];

    /* 16-bit ASIDs; no mixed endianness; secure memory is told apart where there is an EL3. */
    *mmfr0 |= pa_range(m->pa_bits) | 2 << 4;
    *mmfr0 |= m->has_el3 ? 1 << 12 : 0;
    /* TGran4, TGran16 and TGran64; the same for stage 2, said outright. LPA2 is one more. */
    const uint64_t lpa2 = arm_has(m, ARM_FEAT_LPA2);
    *mmfr0 |= lpa2 << 28 | (m->tgran16 ? 1 + lpa2 : 0) << 20;
    if (m->has_el2)
        *mmfr0 |= (2 + lpa2) << 40 | (m->tgran16 ? 2 + lpa2 : 1) << 32 | UINT64_C(2) << 36;
}

static void debug_ids(struct arm_cpu_model *m)
{
    uint64_t *dfr0 = &m->id[5][0];

    *dfr0 |= arm_has(m, ARM_FEAT_VHE) ? 7 : 6;
    *dfr0 |= (uint64_t)(m->breakpoints - 1) << 12 | (uint64_t)(m->watchpoints - 1) << 20 |
             UINT64_C(1) << 28; /* two breakpoints compare contexts */
}

/* AArch32's own, that no feature decides: what Armv7-A with the virtualization extensions, or
 * Armv8, has. */
static void a32_ids(struct arm_cpu_model *m)
{
    const bool v8 = arm_has(m, ARM_FEAT_A32_V8);

    m->id[1][0] = 0x131; /* ID_PFR0: A32, T32, trivial Jazelle; no ThumbEE */
    /* Virt_frac without EL2: ERET, and MRS and MSR of banked registers, are there. */
    m->id[1][1] = 1 | (m->has_el3 ? 1 << 4 : 0) | (m->has_el2 ? 1 << 12 : 1 << 24) | 1 << 16 |
                  (m->gic_sysregs ? 1 << 28 : 0);
    m->id[1][2] = v8 ? 6 : 5; /* ID_DFR0 */
    if (arm_has(m, ARM_FEAT_PMUV3))
        m->id[1][2] |= v8 ? 3 << 24 : 2 << 24;
    m->id[1][4] |= v8 ? 0x10101100 : 0x10201100; /* ID_MMFR0 */
    m->id[1][5] = v8 ? 0x40000000 : 0x20000000;
    m->id[1][6] = v8 ? 0x01260000 : 0x01240000;
    m->id[1][7] = 0x02102211;
    m->id[2][0] |= 0x00101110; /* ID_ISAR0, without division */
    m->id[2][1] = 0x13112111;
    m->id[2][2] = v8 ? 0x21232042 : 0x21232041;
    m->id[2][3] = 0x01112131;
    m->id[2][4] = 0x00011142; /* no SWP */
    if (v8)
        m->id[2][5] |= 1; /* SEVL */
    if (arm_has(m, ARM_FEAT_FP)) {
        m->id[3][0] = 0x10110222;
        m->id[3][1] |= v8 ? 0x02111111 : 0x01111111;
        m->id[3][2] = v8 ? 0x43 : 0;
    }
}

void arm_cpu_model_ids(struct arm_cpu_model *m)
{
    if (m->host)
        return;
    memset(m->id, 0, sizeof m->id);
    m->has_el2 = arm_has(m, ARM_FEAT_EL2);
    m->has_el3 = arm_has(m, ARM_FEAT_EL3);
    if (!arm_has(m, ARM_FEAT_LPA)) /* the large physical addresses are those above 48 bits */
        m->pa_bits = (uint8_t)MIN(m->pa_bits, 48);
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        const struct feature *f = &features[i];
        if (f->value && arm_has(m, (enum arm_feature)f->feature))
            at_least(&m->id[f->crm][f->op2], f->shift, f->value);
    }
    if (m->aarch64) {
        at_least(&m->id[4][0], 0, 1);
        at_least(&m->id[4][0], 4, 1);
        if (!arm_has(m, ARM_FEAT_FP))
            m->id[4][0] |= UINT64_C(0xff) << 16;
        if (arm_has(m, ARM_FEAT_PAUTH)) /* API and GPI, or APA and GPA */
            m->id[6][1] |= m->qarma5 ? UINT64_C(0x01000010) : UINT64_C(0x10000100);
        m->id[4][0] |= m->gic_sysregs ? UINT64_C(1) << 24 : 0;
        memory_ids(m);
        debug_ids(m);
    } else {
        memset(m->id[4], 0, sizeof m->id[4] * 4); /* no AArch64: nothing of CRm 4 to 7 */
    }
    if (arm_has(m, ARM_FEAT_AARCH32_EL0) || !m->aarch64)
        a32_ids(m);
    else
        memset(m->id[1], 0, sizeof m->id[1] * 3);
}

static void set_bit(struct arm_cpu_model *m, unsigned feature, bool on)
{
    const uint64_t bit = UINT64_C(1) << feature % 64;
    m->features[feature / 64] = (m->features[feature / 64] & ~bit) | (on ? bit : 0);
}

/* ---- the host's ------------------------------------------------------------------------------ */

static unsigned field(const struct arm_cpu_model *m, unsigned crm, unsigned op2, unsigned shift)
{
    return m->id[crm][op2] >> shift & 15;
}

/* Fields that are 15 where there is nothing. */
enum { ABSENT = 15 };

void arm_cpu_model_from_host(struct arm_cpu_model *m)
{
    static const uint8_t pa_bits[] = {32, 36, 40, 42, 44, 48, 52};
    enum { PA_RANGE = 0, BREAKPOINTS = 12, WATCHPOINTS = 20, PAUTH_FIELDS = 0xff000ff0 };
    unsigned range = field(m, MMFR0, PA_RANGE);

    snprintf(m->name, sizeof m->name, "host");
    m->host = m->aarch64 = true;
    memset(m->features, 0, sizeof m->features);
    set_bit(m, ARM_FEAT_BASE, true);
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        const struct feature *f = &features[i];
        unsigned is = field(m, f->crm, f->op2, f->shift);
        /* Of two fields each has to say so. */
        if (f->value)
            set_bit(m, f->feature,
                    is != ABSENT && is >= f->value &&
                        (i == 0 || features[i - 1].feature != f->feature ||
                         arm_has(m, (enum arm_feature)f->feature)));
    }
    bool fp = field(m, PFR0, 16) != ABSENT;
    set_bit(m, ARM_FEAT_FP, fp);
    set_bit(m, ARM_FEAT_ASIMD, fp);
    set_bit(m, ARM_FEAT_PAUTH, m->id[6][1] & PAUTH_FIELDS);
    m->pa_bits = pa_bits[MIN(range, ARRAY_SIZE(pa_bits) - 1)];
    set_bit(m, ARM_FEAT_LPA, m->pa_bits > 48);
    m->has_el2 = arm_has(m, ARM_FEAT_EL2);
    m->has_el3 = arm_has(m, ARM_FEAT_EL3);
    m->breakpoints = (uint8_t)(field(m, DFR0, BREAKPOINTS) + 1);
    m->watchpoints = (uint8_t)(field(m, DFR0, WATCHPOINTS) + 1);
    m->pmu_counters = arm_has(m, ARM_FEAT_PMUV3) ? 6 : 0;
}

void arm_cpu_model_set(struct arm_cpu_model *m, enum arm_feature feature, bool on)
{
    set_bit(m, feature, on);
    if (!on) /* what needs one that is gone goes too; chains are short */
        for (bool again = true; again;) {
            again = false;
            for (unsigned i = 0; i < ARRAY_SIZE(needs); i++)
                if (arm_has(m, (enum arm_feature)needs[i].feature) &&
                    !arm_has(m, (enum arm_feature)needs[i].needs)) {
                    set_bit(m, needs[i].feature, false);
                    again = true;
                }
        }
    else
        for (unsigned i = 0; i < ARRAY_SIZE(needs); i++)
            if (needs[i].feature == feature && !arm_has(m, (enum arm_feature)needs[i].needs))
                arm_cpu_model_set(m, (enum arm_feature)needs[i].needs, true);
    arm_cpu_model_ids(m);
}

uint64_t arm_mpidr(const struct arm_cpu_model *model, unsigned index)
{
    const unsigned cluster = model->gic_sysregs ? 16 : 8;
    const uint64_t aff0 = index % cluster, aff1 = index / cluster;
    /* With MT set, affinity 0 counts threads of a core: cores are one level up. */
    if (model->mpidr_flags & MPIDR_MT)
        return model->mpidr_flags | aff0 << 8 | aff1 << 16;
    return model->mpidr_flags | aff0 | aff1 << 8;
}

/* ---- command line -----------------------------------------------------------------------------
 */

/* Where there are two of a name, that for guests of so many bits. */
static const struct model *find_model(const char *name, size_t len, unsigned bits)
{
    const struct model *found = NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
        const struct model *m = &models[i];
        if (strlen(m->name) == len && !memcmp(m->name, name, len) &&
            (!found || m->aarch64 == (bits == 64)))
            found = m;
    }
    return found;
}

/* A version of the architecture and what else the feature's row names must be there together; of
 * the others, one is enough. */
static bool listed(const struct feature *f, uint32_t groups)
{
    if (f->groups & (G_81 | G_82 | G_MAX))
        return !(f->groups & ~groups);
    return f->groups & groups;
}

static void init_model(struct arm_cpu_model *m, const struct model *from)
{
    memset(m, 0, sizeof *m);
    snprintf(m->name, sizeof m->name, "%s", from->name);
    m->midr = from->midr;
    m->aarch64 = from->aarch64;
    m->tgran16 = from->tgran16;
    m->pa_bits = from->pa_bits;
    m->breakpoints = from->breakpoints;
    m->watchpoints = from->watchpoints;
    m->pmu_counters = from->pmu_counters;
    m->ctr = from->ctr;
    m->clidr = from->clidr;
    m->dczid = 4; /* DC ZVA: 64 bytes */
    memcpy(m->ccsidr, from->ccsidr, sizeof from->ccsidr);
    m->mpidr_flags = from->mpidr_flags;
    m->cntfrq = 62500000;
    set_bit(m, ARM_FEAT_BASE, true);
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        const struct feature *f = &features[i];
        /* A processor of 32 bits is what it is: whoever runs it has AArch32. */
        if (listed(f, from->groups) && (f->support == YES || !from->aarch64))
            set_bit(m, f->feature, true);
    }
    arm_cpu_model_ids(m);
}

static const struct feature *find_feature(const char *name, size_t len)
{
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++)
        if (strlen(features[i].name) == len && !memcmp(features[i].name, name, len))
            return &features[i];
    return NULL;
}

static bool set_feature(struct arm_cpu_model *m, const char *spec, const char *name, size_t len,
                        bool on, struct vemu_error **errp)
{
    /* As users of other emulators write them. */
    static const struct {
        const char *name, *feature;
    } aliases[] = {{"has_el2", "el2"}, {"has_el3", "el3"}, {"vfp", "fp"},
                   {"neon", "asimd"},  {"pmuv3", "pmu"},   {"rndr", "rng"}};
    const struct feature *f = find_feature(name, len);

    for (unsigned i = 0; !f && i < ARRAY_SIZE(aliases); i++)
        if (strlen(aliases[i].name) == len && !memcmp(aliases[i].name, name, len))
            f = find_feature(aliases[i].feature, strlen(aliases[i].feature));
    if (!f)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "CPU model '%s': there is no feature or property '%.*s'", spec, (int)len,
                         name);
    if (on && f->support != YES && !arm_has(m, (enum arm_feature)f->feature))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "CPU model '%s': feature '%s' is not implemented", spec, f->name);
    arm_cpu_model_set(m, (enum arm_feature)f->feature, on);
    return true;
}

static bool text_is(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && !memcmp(text, word, len);
}

/* "name=value". */
static bool set_property(struct arm_cpu_model *m, const char *spec, const char *name,
                         size_t name_len, const char *value, size_t value_len,
                         struct vemu_error **errp)
{
    const bool on = text_is(value, value_len, "on"), off = text_is(value, value_len, "off");

    if (text_is(name, name_len, "cntfrq")) {
        char number[24];
        uint64_t hz;
        snprintf(number, sizeof number, "%.*s", (int)MIN(value_len, sizeof number - 1), value);
        if (!number_parse(number, &hz) || hz < 1000000 || hz > 1000000000)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "CPU model '%s': cntfrq=%.*s: expected 1000000 to 1000000000 (Hz)",
                             spec, (int)value_len, value);
        m->cntfrq = hz;
        return true;
    }
    if (!on && !off)
        return error_set(errp, VEMU_ERROR_INVALID, "CPU model '%s': %.*s=%.*s: expected on or off",
                         spec, (int)name_len, name, (int)value_len, value);
    if (text_is(name, name_len, "pauth-qarma5") || text_is(name, name_len, "pauth-impdef")) {
        m->qarma5 = on == text_is(name, name_len, "pauth-qarma5");
        arm_cpu_model_ids(m);
        return true;
    }
    return set_feature(m, spec, name, name_len, on, errp);
}

bool arm_cpu_model_parse(struct arm_cpu_model *model, const char *spec, unsigned bits,
                         struct vemu_error **errp)
{
    const size_t len = strcspn(spec, ",");
    const struct model *from = find_model(spec, len, bits);
    struct arm_cpu_model m;

    if (!from)
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "CPU model '%.*s' is not known; known are cortex-a7, cortex-a15, "
                         "cortex-a53, cortex-a57, cortex-a72, cortex-a76, neoverse-n1 and max",
                         (int)len, spec);
    init_model(&m, from);
    for (const char *at = spec + len; *at; at += strcspn(at, ",")) {
        const size_t n = strcspn(++at, ",");
        const char *eq = memchr(at, '=', n);
        bool ok;
        if (!n)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "CPU model '%s': expected feature=on, feature=off, +feature or "
                             "-feature after each comma",
                             spec);
        if (*at == '+' || *at == '-')
            ok = set_feature(&m, spec, at + 1, n - 1, *at == '+', errp);
        else if (eq)
            ok = set_property(&m, spec, at, (size_t)(eq - at), eq + 1, n - (size_t)(eq + 1 - at),
                              errp);
        else
            ok = set_feature(&m, spec, at, n, true, errp);
        if (!ok)
            return false;
    }
    *model = m;
    return true;
}
