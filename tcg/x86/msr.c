/*
 * Model-specific registers: those that operating systems touch on an Intel processor of family 6.
 * SDM vol. 4; MTRRs and PAT: vol. 3, chapter "Memory Cache Control". What is unknown raises #GP and
 * is logged.
 */
#include "core/cpu/x86_tsc.h"
#include "tcg/x86/sys.h"

enum {
    MSR_TSC = 0x10,
    MSR_PLATFORM_ID = 0x17,
    MSR_APIC_BASE = 0x1b,
    MSR_SMI_COUNT = 0x34,
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_TSC_ADJUST = 0x3b,
    MSR_SPEC_CTRL = 0x48,
    MSR_PRED_CMD = 0x49,
    MSR_BIOS_UPDT_TRIG = 0x79,
    MSR_BIOS_SIGN_ID = 0x8b,
    MSR_FSB_FREQ = 0xcd,
    MSR_PLATFORM_INFO = 0xce,
    MSR_MTRRCAP = 0xfe,
    MSR_ARCH_CAPABILITIES = 0x10a,
    MSR_BBL_CR_CTL3 = 0x11e,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_MCG_CAP = 0x179,
    MSR_MCG_STATUS = 0x17a,
    MSR_PERF_STATUS = 0x198,
    MSR_PERF_CTL = 0x199,
    MSR_CLOCK_MODULATION = 0x19a,
    MSR_THERM_INTERRUPT = 0x19b,
    MSR_THERM_STATUS = 0x19c,
    MSR_MISC_ENABLE = 0x1a0,
    MSR_TEMPERATURE_TARGET = 0x1a2,
    MSR_DEBUGCTL = 0x1d9,
    MSR_LASTBRANCHFROM = 0x1db,
    MSR_LASTINTTO = 0x1de,
    MSR_MTRR_PHYSBASE0 = 0x200,
    MSR_MTRR_LAST = MSR_MTRR_PHYSBASE0 + 2 * X86_MTRR_VARIABLE - 1,
    MSR_MTRR_FIX64K = 0x250,
    MSR_MTRR_FIX16K = 0x258,
    MSR_MTRR_FIX4K = 0x268,
    MSR_PAT = 0x277,
    MSR_MTRR_DEF_TYPE = 0x2ff,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC_FIRST = 0x800,
    MSR_X2APIC_LAST = 0x8ff,
};
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u

/* MISC_ENABLE: branch trace store (11) and PEBS (12) are not there; fast strings (0) is what the
 * reset value has. */
#define MISC_ENABLE_FIXED (UINT64_C(3) << 11)
#define MISC_ENABLE_WRITABLE UINT64_C(0x4000c508d9)
/* ARCH_CAPABILITIES: none of the speculation problems of hardware. RDCL_NO, SKIP_L1DFL_VMENTRY,
 * SSB_NO, MDS_NO, PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, GDS_NO, RFDS_NO */
#define ARCH_CAPABILITIES                                                                          \
    (UINT64_C(1) << 0 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 13 | 1 << 14 | 1 << 15 | \
     1 << 26 | 1 << 27)
enum { MTRRCAP = X86_MTRR_VARIABLE | 1 << 8 | 1 << 10 }; /* fixed ranges, write combining */

static bool has(const struct tcg_cpu *tc, enum x86_feature_word word, unsigned bit)
{
    return x86_has(x86_model_of(tc), word, 1u << bit);
}
static bool has_long(const struct tcg_cpu *tc)
{
    return has(tc, X86_FEAT_8000_0001_EDX, 29);
}
static uint64_t reserved_phys(const struct tcg_cpu *tc)
{
    return ~((UINT64_C(1) << x86_model_of(tc)->phys_bits) - 1);
}

/* Memory types: UC 0, WC 1, WT 4, WP 5, WB 6; PAT has UC- 7 as well. */
static bool valid_type(uint64_t type, bool pat)
{
    return type < 8 && ((pat ? 0xf3 : 0x73) >> type & 1);
}
static bool valid_types(uint64_t value, bool pat)
{
    for (unsigned i = 0; i < 8; i++)
        if (!valid_type(value >> (8 * i) & 0xff, pat))
            return false;
    return true;
}

/* Index into mtrr_fixed: 64K, two of 16K, eight of 4K; -1: none. */
static int fixed_mtrr(uint32_t msr)
{
    if (msr == MSR_MTRR_FIX64K)
        return 0;
    if (msr == MSR_MTRR_FIX16K || msr == MSR_MTRR_FIX16K + 1)
        return (int)(msr - MSR_MTRR_FIX16K) + 1;
    if (msr >= MSR_MTRR_FIX4K && msr < MSR_MTRR_FIX4K + 8)
        return (int)(msr - MSR_MTRR_FIX4K) + 3;
    return -1;
}

static bool is_intc(const struct tcg_cpu *tc, uint32_t msr)
{
    return tc->vcpu->intc_ops &&
           (msr == MSR_APIC_BASE || (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST) ||
            (msr == MSR_TSC_DEADLINE && has(tc, X86_FEAT_1_ECX, 24)));
}

/* A plain 64-bit register that is read and written as it is, but for a canonical check. */
static uint64_t *plain(struct tcg_cpu *tc, uint32_t msr, bool *canonical)
{
    struct x86_regs *r = x86_regs_of(tc);
    *canonical = false;
    switch (msr) {
    case MSR_SYSENTER_CS:
        return &r->sysenter_cs;
    case MSR_MCG_STATUS:
        return &r->mcg_status;
    case MSR_SYSENTER_ESP:
        *canonical = true;
        return &r->sysenter_esp;
    case MSR_SYSENTER_EIP:
        *canonical = true;
        return &r->sysenter_eip;
    default:
        break;
    }
    if (!has_long(tc))
        return NULL;
    switch (msr) {
    case MSR_STAR:
        return &r->star;
    case MSR_SFMASK:
        return &r->sfmask;
    case MSR_LSTAR:
        *canonical = true;
        return &r->lstar;
    case MSR_CSTAR:
        *canonical = true;
        return &r->cstar;
    case MSR_FS_BASE:
        *canonical = true;
        return &r->seg[X86_FS].base;
    case MSR_GS_BASE:
        *canonical = true;
        return &r->seg[X86_GS].base;
    case MSR_KERNEL_GS_BASE:
        *canonical = true;
        return &r->kernel_gs_base;
    default:
        return NULL;
    }
}

bool x86_read_msr(struct tcg_cpu *tc, uint32_t msr, uint64_t *value)
{
    struct x86_regs *r = x86_regs_of(tc);
    bool canonical;
    if (is_intc(tc, msr))
        return tc->vcpu->intc_ops->read_msr(tc->vcpu->intc, msr, value);
    uint64_t *reg = plain(tc, msr, &canonical);
    if (reg) {
        *value = *reg;
        return true;
    }
    if (msr >= MSR_MTRR_PHYSBASE0 && msr <= MSR_MTRR_LAST) {
        unsigned n = (msr - MSR_MTRR_PHYSBASE0) / 2;
        *value = msr & 1 ? r->mtrr_mask[n] : r->mtrr_base[n];
        return true;
    }
    if (fixed_mtrr(msr) >= 0) {
        *value = r->mtrr_fixed[fixed_mtrr(msr)];
        return true;
    }
    if (msr >= MSR_LASTBRANCHFROM && msr <= MSR_LASTINTTO) {
        *value = 0;
        return true;
    }
    switch (msr) {
    case MSR_TSC:
        *value = x86_tsc_now(tc->vcpu);
        return true;
    case MSR_TSC_ADJUST:
        *value = (uint64_t)r->tsc_offset;
        return has(tc, X86_FEAT_7_EBX, 1);
    case MSR_PLATFORM_ID:
    case MSR_SMI_COUNT:
    case MSR_BIOS_UPDT_TRIG:
    case MSR_FSB_FREQ:
    case MSR_MCG_CAP: /* no banks */
    case MSR_PERF_STATUS:
    case MSR_PERF_CTL:
    case MSR_CLOCK_MODULATION:
    case MSR_THERM_INTERRUPT:
    case MSR_THERM_STATUS:
    case MSR_TEMPERATURE_TARGET:
    case MSR_DEBUGCTL:
        *value = 0;
        return true;
    case MSR_APIC_BASE: /* without a local APIC */
        *value = 0xfee00000 | (tc->vcpu->index == 0 ? 1 << 8 : 0);
        return true;
    case MSR_FEATURE_CONTROL:
        *value = 1; /* locked */
        return true;
    case MSR_SPEC_CTRL:
        *value = r->spec_ctrl;
        return has(tc, X86_FEAT_7_EDX, 26);
    case MSR_BIOS_SIGN_ID:
        *value = UINT64_C(1) << 32; /* a microcode revision */
        return true;
    case MSR_PLATFORM_INFO:
        *value = (x86_tsc_hz(tc->vcpu) / 100000000 & 0xff) << 8;
        return true;
    case MSR_MTRRCAP:
        *value = MTRRCAP;
        return true;
    case MSR_ARCH_CAPABILITIES:
        *value = ARCH_CAPABILITIES;
        return has(tc, X86_FEAT_7_EDX, 29);
    case MSR_BBL_CR_CTL3:
        *value = 0xbe702111; /* L2 is there and on */
        return true;
    case MSR_MISC_ENABLE:
        *value = r->misc_enable | MISC_ENABLE_FIXED;
        return true;
    case MSR_PAT:
        *value = r->pat;
        return true;
    case MSR_MTRR_DEF_TYPE:
        *value = r->mtrr_def_type;
        return true;
    case MSR_EFER:
        *value = r->efer;
        return has_long(tc) || has(tc, X86_FEAT_8000_0001_EDX, 20);
    case MSR_TSC_AUX:
        *value = r->tsc_aux;
        return has(tc, X86_FEAT_8000_0001_EDX, 27);
    default:
        log_msg(&tc->vcpu->machine->log, LOG_UNIMP, "cpu %u: read of unknown MSR %#x",
                tc->vcpu->index, msr);
        return false;
    }
}

static bool write_efer(struct tcg_cpu *tc, uint64_t value)
{
    struct x86_regs *r = x86_regs_of(tc);
    uint64_t allowed = X86_EFER_LMA;
    allowed |= has_long(tc) ? X86_EFER_LME | X86_EFER_SCE : 0;
    allowed |= has(tc, X86_FEAT_8000_0001_EDX, 20) ? X86_EFER_NXE : 0;
    const uint64_t changed = value ^ r->efer;
    if ((value & ~allowed) || ((changed & X86_EFER_LME) && (r->cr0 & X86_CR0_PG)))
        return false;
    r->efer = (value & ~(uint64_t)X86_EFER_LMA) | (r->efer & X86_EFER_LMA);
    if (changed & X86_EFER_NXE) {
        tcg_mmu_flush(tc, false);
        tcg_mmu_set_root(tc, tc->arch->mmu_root(tc), true);
    }
    tcg_mode_changed(tc);
    return true;
}

static bool write_mtrr(struct tcg_cpu *tc, uint32_t msr, uint64_t value)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (msr >= MSR_MTRR_PHYSBASE0 && msr <= MSR_MTRR_LAST) {
        unsigned n = (msr - MSR_MTRR_PHYSBASE0) / 2;
        if (value & reserved_phys(tc))
            return false;
        if (msr & 1) {
            if (value & 0x7ff)
                return false;
            r->mtrr_mask[n] = value;
        } else {
            if ((value & 0xf00) || !valid_type(value & 0xff, false))
                return false;
            r->mtrr_base[n] = value;
        }
        return true;
    }
    if (!valid_types(value, false))
        return false;
    r->mtrr_fixed[fixed_mtrr(msr)] = value;
    return true;
}

bool x86_write_msr(struct tcg_cpu *tc, uint32_t msr, uint64_t value)
{
    struct x86_regs *r = x86_regs_of(tc);
    bool canonical;
    if (is_intc(tc, msr))
        return tc->vcpu->intc_ops->write_msr(tc->vcpu->intc, msr, value);
    uint64_t *reg = plain(tc, msr, &canonical);
    if (reg) {
        if (canonical && !x86_canonical(r, value))
            return false;
        if (msr == MSR_SFMASK && value >> 32)
            return false;
        *reg = value;
        return true;
    }
    if ((msr >= MSR_MTRR_PHYSBASE0 && msr <= MSR_MTRR_LAST) || fixed_mtrr(msr) >= 0)
        return write_mtrr(tc, msr, value);
    switch (msr) {
    case MSR_TSC:
        __atomic_store_n(&r->tsc_offset, r->tsc_offset + (int64_t)(value - x86_tsc_now(tc->vcpu)),
                         __ATOMIC_RELAXED);
        return true;
    case MSR_TSC_ADJUST:
        if (!has(tc, X86_FEAT_7_EBX, 1))
            return false;
        __atomic_store_n(&r->tsc_offset, (int64_t)value, __ATOMIC_RELAXED);
        return true;
    case MSR_BIOS_UPDT_TRIG: /* the microcode is what it is */
    case MSR_BIOS_SIGN_ID:
    case MSR_BBL_CR_CTL3:
    case MSR_PERF_CTL:
    case MSR_CLOCK_MODULATION:
    case MSR_THERM_INTERRUPT:
    case MSR_THERM_STATUS:
        return true;
    case MSR_APIC_BASE:
        return true;
    case MSR_DEBUGCTL: /* branch records and branch stepping are not there; their bits are ignored
                        */
        return !(value & ~UINT64_C(0xdfc3));
    case MSR_SPEC_CTRL:
        if (!has(tc, X86_FEAT_7_EDX, 26) || (value & ~UINT64_C(7)))
            return false;
        r->spec_ctrl = value;
        return true;
    case MSR_PRED_CMD:
        return has(tc, X86_FEAT_7_EDX, 26) && !(value & ~UINT64_C(1));
    case MSR_MISC_ENABLE:
        r->misc_enable = value & MISC_ENABLE_WRITABLE;
        return true;
    case MSR_PAT:
        if (!valid_types(value, true))
            return false;
        r->pat = value;
        return true;
    case MSR_MTRR_DEF_TYPE:
        if ((value & ~UINT64_C(0xcff)) || !valid_type(value & 0xff, false))
            return false;
        r->mtrr_def_type = value;
        return true;
    case MSR_EFER:
        if (!has_long(tc) && !has(tc, X86_FEAT_8000_0001_EDX, 20))
            return false;
        return write_efer(tc, value);
    case MSR_TSC_AUX:
        if (!has(tc, X86_FEAT_8000_0001_EDX, 27) || value >> 32)
            return false;
        r->tsc_aux = value;
        return true;
    default:
        log_msg(&tc->vcpu->machine->log, LOG_UNIMP, "cpu %u: write of %#llx to unknown MSR %#x",
                tc->vcpu->index, (unsigned long long)value, msr);
        return false;
    }
}

/* ---- instructions
 * -------------------------------------------------------------------------------------------------
 */

static void put_edx_eax(struct x86_regs *r, uint64_t value)
{
    r->gpr[X86_RAX] = (uint32_t)value;
    r->gpr[X86_RDX] = value >> 32;
}

uint64_t x86_helper_rdmsr(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    uint64_t value = 0;
    UNUSED(a, b, c, d);
    if (!x86_need_cpl0(tc))
        return 0;
    if (x86_read_msr(tc, (uint32_t)r->gpr[X86_RCX], &value))
        put_edx_eax(r, value);
    else
        x86_raise_error(tc, X86_GP, 0);
    return 0;
}

uint64_t x86_helper_wrmsr(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(a, b, c, d);
    if (!x86_need_cpl0(tc))
        return 0;
    uint64_t value = (uint32_t)r->gpr[X86_RAX] | r->gpr[X86_RDX] << 32;
    if (!x86_write_msr(tc, (uint32_t)r->gpr[X86_RCX], value))
        x86_raise_error(tc, X86_GP, 0);
    return 0;
}

static bool tsc_allowed(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (!(r->cr4 & X86_CR4_TSD) || x86_cpl(r) == 0)
        return true;
    x86_raise_error(tc, X86_GP, 0);
    return false;
}

uint64_t x86_helper_rdtsc(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(a, b, c, d);
    if (tsc_allowed(tc))
        put_edx_eax(env, x86_tsc_now(tc->vcpu));
    return 0;
}

uint64_t x86_helper_rdtscp(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(a, b, c, d);
    if (!tsc_allowed(tc))
        return 0;
    put_edx_eax(r, x86_tsc_now(tc->vcpu));
    r->gpr[X86_RCX] = (uint32_t)r->tsc_aux;
    return 0;
}

/* No performance counters: every index is invalid. */
uint64_t x86_helper_rdpmc(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    x86_raise_error(tcg_cpu_of(env), X86_GP, 0);
    return 0;
}

/* CPUID's APIC bit follows the enable bit of IA32_APIC_BASE. */
static bool apic_enabled(struct tcg_cpu *tc)
{
    const struct vcpu *cpu = tc->vcpu;
    uint64_t base = 0;
    return is_intc(tc, MSR_APIC_BASE) && cpu->intc_ops->read_msr(cpu->intc, MSR_APIC_BASE, &base) &&
           (base & 1 << 11);
}

uint64_t x86_helper_cpuid(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    uint32_t out[4];
    UNUSED(a, b, c, d);
    x86_cpuid(x86_model_of(tc), r, tc->vcpu->apic_id, (uint32_t)r->gpr[X86_RAX],
              (uint32_t)r->gpr[X86_RCX], out);
    if ((uint32_t)r->gpr[X86_RAX] == 1 && !apic_enabled(tc))
        out[3] &= ~(1u << 9);
    r->gpr[X86_RAX] = out[0];
    r->gpr[X86_RBX] = out[1];
    r->gpr[X86_RCX] = out[2];
    r->gpr[X86_RDX] = out[3];
    return 0;
}
