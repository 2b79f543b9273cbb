/*
 * The architecture's optional parts, by the names that the Arm ARM gives them (section A2,
 * FEAT_*), as far as they decide which instructions and registers exist. A CPU model has a bit for
 * each; core/cpu/arm_model.c ties every bit to the field of the ID register that tells of it.
 */
#ifndef CORE_CPU_ARM_FEATURE_H
#define CORE_CPU_ARM_FEATURE_H

/* X(name) */
/* clang-format off */
#define ARM_FEATURES(X)                                                                            \
    X(AARCH32_EL0)                                                                                 \
    X(AARCH32_EL1)                                                                                 \
    X(EL2)                                                                                         \
    X(EL3)                                                                                         \
    X(FP) X(ASIMD) X(AES) X(PMULL) X(SHA1) X(SHA256) X(CRC32) X(LSE) X(RDM) X(PAN) X(PAN2) X(LOR)  \
        X(VHE) X(VMID16) X(HAFDBS) X(HPDS) /* 8.1 */                                               \
        X(FP16) X(UAO) X(DPB) X(XNX) X(XPACS) X(LPA) X(LVA) X(LPA2) X(TTCNP) X(IESB) X(SHA3) X(SHA512)     \
            X(SM3) X(SM4) X(FHM) X(DOTPROD) X(BF16) X(I8MM) /* 8.2 */                              \
        X(FCMA) X(JSCVT) X(LRCPC) X(PAUTH) X(CCIDX)         /* 8.3 */                              \
        X(FLAGM) X(LRCPC2) X(LSE2) X(DIT) X(TLBIOS) X(TLBIRANGE) X(SEL2) X(NV) X(NV2) X(S2FWB)     \
            X(IDST) X(TTST) X(BBM) /* 8.4 */                                                       \
        X(BTI) X(SB) X(SSBS) X(FLAGM2) X(FRINTTS) X(DPB2) X(SPECRES) X(RNG) X(E0PD) X(EVT) X(CSV2) \
            X(CSV3) X(MTE) X(MTE2) /* 8.5 */                                                       \
        X(ECV) X(FGT) X(WFXT) X(HCX) X(LS64) X(AFP) X(RPRES) X(PAN3) X(MOPS) X(HBC)                \
            X(CSSC)            /* later */                                                         \
        X(PMUV3) X(RAS) X(SVE) /* AArch32 */                                                       \
        X(A32_AES) X(A32_PMULL) X(A32_SHA1) X(A32_SHA256) X(A32_CRC32) X(A32_DIV) X(A32_LPAE)      \
            X(A32_VFP4) X(A32_V8) X(A32_MP) X(A32_DOTPROD) X(A32_FP16) X(A32_RDM) X(A32_FCMA)      \
                X(A32_JSCVT)
/* clang-format on */

enum arm_feature {
    ARM_FEAT_BASE, /* what every processor has: always set */
#define X(name) ARM_FEAT_##name,
    ARM_FEATURES(X)
#undef X
        ARM_FEAT_COUNT
};
enum { ARM_FEATURE_WORDS = (ARM_FEAT_COUNT + 63) / 64 };

#endif
