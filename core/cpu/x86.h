/*
 * The x86 register file in canonical form, shared by every accelerator, gdb and snapshots, and what
 * a CPU model is. Layout matters to the translator: general registers come first so that they are
 * within a signed byte of the pinned pointer; what an accelerator keeps privately lies below
 * (negative offsets) and is never saved. Bits and names: Intel SDM vol. 3 chapter 2 (control
 * registers), vol. 1 chapters 8, 10, 13 (x87, SSE, XSAVE), vol. 4 (MSRs).
 */
#ifndef CORE_CPU_X86_H
#define CORE_CPU_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/cpu/x86_paravirt.h"
#include "core/state/state.h"

enum x86_gpr {
    X86_RAX,
    X86_RCX,
    X86_RDX,
    X86_RBX,
    X86_RSP,
    X86_RBP,
    X86_RSI,
    X86_RDI,
    X86_R8,
    X86_R9,
    X86_R10,
    X86_R11,
    X86_R12,
    X86_R13,
    X86_R14,
    X86_R15,
};
enum x86_seg { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_SEG_COUNT };

/* Segment descriptor cache. attr: descriptor bits 40-55 shifted down: type 0-3, S 4, DPL 5-6, P 7,
 * AVL 12, L 13, D/B 14, G 15 (the VMX access-rights layout without its unusable bit). */
struct x86_segment {
    uint64_t base;
    uint32_t limit; /* bytes, granularity applied */
    uint16_t selector;
    uint16_t attr;
};
enum {
    X86_SEG_TYPE = 0xf,
    X86_SEG_S = 1 << 4,
    X86_SEG_DPL_SHIFT = 5,
    X86_SEG_DPL = 3 << 5,
    X86_SEG_P = 1 << 7,
    X86_SEG_AVL = 1 << 12,
    X86_SEG_L = 1 << 13,
    X86_SEG_DB = 1 << 14,
    X86_SEG_G = 1 << 15,
};
struct x86_table {
    uint64_t base;
    uint16_t limit;
    uint16_t pad[3];
};

enum {
    X86_FLAG_CF = 1 << 0,
    X86_FLAG_1 = 1 << 1,
    X86_FLAG_PF = 1 << 2,
    X86_FLAG_AF = 1 << 4,
    X86_FLAG_ZF = 1 << 6,
    X86_FLAG_SF = 1 << 7,
    X86_FLAG_TF = 1 << 8,
    X86_FLAG_IF = 1 << 9,
    X86_FLAG_DF = 1 << 10,
    X86_FLAG_OF = 1 << 11,
    X86_FLAG_IOPL = 3 << 12,
    X86_FLAG_NT = 1 << 14,
    X86_FLAG_RF = 1 << 16,
    X86_FLAG_VM = 1 << 17,
    X86_FLAG_AC = 1 << 18,
    X86_FLAG_VIF = 1 << 19,
    X86_FLAG_VIP = 1 << 20,
    X86_FLAG_ID = 1 << 21,
    X86_FLAGS_ARITH =
        X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_AF | X86_FLAG_ZF | X86_FLAG_SF | X86_FLAG_OF,
};
enum {
    X86_CR0_PE = 1 << 0,
    X86_CR0_MP = 1 << 1,
    X86_CR0_EM = 1 << 2,
    X86_CR0_TS = 1 << 3,
    X86_CR0_ET = 1 << 4,
    X86_CR0_NE = 1 << 5,
    X86_CR0_WP = 1 << 16,
    X86_CR0_AM = 1 << 18,
    X86_CR0_NW = 1 << 29,
    X86_CR0_CD = 1 << 30,
};
#define X86_CR0_PG 0x80000000u
enum {
    X86_CR4_VME = 1 << 0,
    X86_CR4_PVI = 1 << 1,
    X86_CR4_TSD = 1 << 2,
    X86_CR4_DE = 1 << 3,
    X86_CR4_PSE = 1 << 4,
    X86_CR4_PAE = 1 << 5,
    X86_CR4_MCE = 1 << 6,
    X86_CR4_PGE = 1 << 7,
    X86_CR4_PCE = 1 << 8,
    X86_CR4_OSFXSR = 1 << 9,
    X86_CR4_OSXMMEXCPT = 1 << 10,
    X86_CR4_UMIP = 1 << 11,
    X86_CR4_LA57 = 1 << 12,
    X86_CR4_FSGSBASE = 1 << 16,
    X86_CR4_PCIDE = 1 << 17,
    X86_CR4_OSXSAVE = 1 << 18,
    X86_CR4_SMEP = 1 << 20,
    X86_CR4_SMAP = 1 << 21,
    X86_CR4_PKE = 1 << 22,
};
enum {
    X86_XCR0_X87 = 1 << 0,
    X86_XCR0_SSE = 1 << 1,
    X86_XCR0_AVX = 1 << 2,
    X86_XCR0_OPMASK = 1 << 5,
    X86_XCR0_ZMM_HI = 1 << 6,   /* bits 511:256 of ZMM0-15 */
    X86_XCR0_ZMM_HI16 = 1 << 7, /* ZMM16-31 */
    X86_XCR0_AVX512 = X86_XCR0_OPMASK | X86_XCR0_ZMM_HI | X86_XCR0_ZMM_HI16,
    X86_XCR0_PKRU = 1 << 9,
};
/* The XSAVE area: the header's end, and where components are in the standard form. */
enum {
    X86_XSAVE_HEADER_END = 576,
    X86_XSAVE_AVX = 576,
    X86_XSAVE_AVX_SIZE = 256,
    X86_XSAVE_OPMASK_SIZE = 64,
    X86_XSAVE_ZMM_HI_SIZE = 512,
    X86_XSAVE_ZMM_HI16_SIZE = 1024,
    X86_XSAVE_PKRU = 2688,
    X86_XSAVE_PKRU_SIZE = 8,
    X86_XSAVE_COMPONENTS = 10,
};
/* How long component n is that this file knows beyond SSE; 0: unknown. */
unsigned x86_xsave_size(unsigned component);
enum {
    X86_MXCSR_FLAGS = 0x3f,
    X86_MXCSR_MASKS = 0x1f80, /* of the exceptions; the value at reset, too */
    X86_MXCSR_VALID = 0xffff,
};
enum {
    X86_EFER_SCE = 1 << 0,
    X86_EFER_LME = 1 << 8,
    X86_EFER_LMA = 1 << 10,
    X86_EFER_NXE = 1 << 11
};

enum x86_vector {
    X86_DE,
    X86_DB,
    X86_NMI,
    X86_BP,
    X86_OF,
    X86_BR,
    X86_UD,
    X86_NM,
    X86_DF,
    X86_COPRO,
    X86_TS,
    X86_NP,
    X86_SS_FAULT,
    X86_GP,
    X86_PF,
    X86_MF = 16,
    X86_AC,
    X86_MC,
    X86_XM,
};

struct x86_vec {
    uint64_t u64[2];
} __attribute__((aligned(16)));

enum { X86_MTRR_VARIABLE = 8 };

/* Bits 127:0 and 255:128 of a vector register, next to each other: 256 bits are one access. */
struct x86_vec256 {
    struct x86_vec half[2];
};

/*
 * Names of general and vector registers, each once: the translator's slots, the registers of
 * core/cpu/debug.h and gdb's are lists made of these. X(name, number); general registers in gdb's
 * order.
 */
#define X86_GPRS(X)                                                                                \
    X("rax", X86_RAX), X("rbx", X86_RBX), X("rcx", X86_RCX), X("rdx", X86_RDX), X("rsi", X86_RSI), \
        X("rdi", X86_RDI), X("rbp", X86_RBP), X("rsp", X86_RSP), X("r8", 8), X("r9", 9),           \
        X("r10", 10), X("r11", 11), X("r12", 12), X("r13", 13), X("r14", 14), X("r15", 15)
/* X(number): those that 32-bit code has, and all. */
#define X86_VECTORS_LOW(X) X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7)
#define X86_VECTORS(X) X86_VECTORS_LOW(X), X(8), X(9), X(10), X(11), X(12), X(13), X(14), X(15)

struct x86_regs {
    uint64_t gpr[16];
    uint64_t rip;    /* offset in CS, as the architecture names it */
    uint64_t rflags; /* canonical; the translator keeps arithmetic flags apart while it runs */
    struct x86_segment seg[X86_SEG_COUNT], ldtr, tr;
    struct x86_table gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, xcr0;
    uint64_t dr[8]; /* 4 and 5 unused */
    uint64_t efer, star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, tsc_aux, misc_enable, mcg_status, mcg_ctl, xss, spec_ctrl;
    int64_t tsc_offset; /* guest TSC = scaled virtual clock + offset */
    uint64_t mtrr_def_type, mtrr_fixed[11], mtrr_base[X86_MTRR_VARIABLE],
        mtrr_mask[X86_MTRR_VARIABLE];
    uint32_t pkru;

    /* x87: registers by physical number (R0-R7), 10 bytes used; top of stack is in fsw 11-13. MMX
     * registers are the low 8 bytes of the same. ftw: bit n set = Rn is in use (not the 2-bit
     * tags). */
    uint16_t fcw, fsw;
    uint8_t ftw;
    uint8_t pad0;
    uint16_t fop;
    uint64_t fip, fdp;
    uint16_t fcs, fds;
    uint32_t mxcsr;
    struct x86_vec fpr[8];

    struct x86_vec256 vec[32] __attribute__((aligned(32))); /* ymm0-31 */
    struct x86_vec zmm_hi[32][2];                           /* room for AVX-512: bits 511:256 */
    uint64_t kmask[8];

    /* event state between instructions */
    uint8_t sti_shadow; /* 1: interrupts are held off for one instruction (STI), 2: MOV/POP SS */
    uint8_t nmi_masked; /* until IRET */
    uint8_t smm;        /* in system management mode */
    uint8_t smm_inside_nmi; /* KVM's: NMIs were masked when it was entered */
    uint8_t halted;         /* HLT executed; waits for an event */
    uint8_t a20_off;        /* address bit 20 is forced to 0 */
    uint8_t pending_valid;  /* an exception or interrupt accepted, not yet delivered */
    uint8_t pending_vector;
    uint8_t pending_has_error;
    uint32_t pending_error;
    uint32_t smbase;

    /* KVM's own clock and MSRs (Documentation/virt/kvm/x86/msr.rst), for guests that were told of
     * them; the clock counts ns: virtual clock + offset */
    int64_t kvm_clock_offset;
    uint64_t kvm_system_time, kvm_steal_time, kvm_pv_eoi, kvm_poll_control, kvm_async_pf_en,
        kvm_async_pf_int;
    uint64_t hv_msr[X86_HV_MSRS]; /* as x86_hv_msrs names them */

    /* Of a saved state alone: the TSC when it was saved, and its speed, for a machine where it has
     * another one. */
    uint64_t saved_tsc, saved_tsc_hz;
};

extern const struct state_field x86_regs_state[]; /* core/cpu/x86_state.c */

/* Power-up or INIT state, SDM vol. 3 table "IA-32 and Intel 64 Processor States Following Power-up,
 * Reset, or INIT". init: INIT keeps x87/SSE, MSRs and CR0.CD/NW. */
void x86_regs_reset(struct x86_regs *regs, bool init);
/* Can a processor be in this state, as far as one rule between fields can tell? For register files
 * that come from a saved state or over the API; the fields are in range by the table. */
struct vemu_error;
bool x86_regs_check(const struct x86_regs *regs, struct vemu_error **errp);

static inline unsigned x86_cpl(const struct x86_regs *r)
{
    return (r->seg[X86_SS].attr & X86_SEG_DPL) >> X86_SEG_DPL_SHIFT;
}

/* ---- CPU models --------------------------------------------------------------------------------
 */

/* Feature words: the CPUID registers that hold feature bits. */
enum x86_feature_word {
    X86_FEAT_1_EDX,
    X86_FEAT_1_ECX,
    X86_FEAT_7_EBX,
    X86_FEAT_7_ECX,
    X86_FEAT_7_EDX,
    X86_FEAT_7_1_EAX,
    X86_FEAT_D_1_EAX,
    X86_FEAT_8000_0001_EDX,
    X86_FEAT_8000_0001_ECX,
    X86_FEAT_8000_0007_EDX,
    X86_FEAT_8000_0008_EBX,
    X86_FEAT_6_EAX,
    X86_FEAT_WORDS,
};

struct x86_cpu_model {
    char name[32];
    char vendor[13];
    char brand[49];
    uint8_t family, model, stepping;
    uint32_t xlevel; /* highest extended leaf */
    uint32_t level;  /* highest basic leaf */
    uint32_t features[X86_FEAT_WORDS];
    uint8_t phys_bits, virt_bits;
    /* Where components are in the standard form of the XSAVE area: this is the processor's to say,
     * and one maker's differ from another's. */
    uint16_t xsave_offset[X86_XSAVE_COMPONENTS];
    uint64_t tsc_hz; /* frequency of the guest's TSC */
    bool tsc_asked;  /* by -cpu ...,tsc-frequency= */
    struct x86_paravirt paravirt;
    bool hide_accel;    /* -cpu ...,kvm=off: the guest is not told of KVM */
    uint32_t smp_total; /* vCPUs in the package, for topology leaves */
};

/*
 * Look up `spec` ("qemu64", "max", "x86-64-v2,+popcnt,-sse4.2", "max,tsc=on") and adjust it.
 * `supported` is the feature words the accelerator implements: what it lacks is an error when asked
 * for by name with
 * "+", and silently absent from a model (with a log warning for named ones).
 */
struct vemu_error;
bool x86_cpu_model_parse(struct x86_cpu_model *model, const char *spec, const uint32_t *supported,
                         struct vemu_error **errp);
/* CPUID as the guest sees it. regs supplies CR4.OSXSAVE, XCR0 and the like. out: eax, ebx, ecx,
 * edx. */
void x86_cpuid(const struct x86_cpu_model *model, const struct x86_regs *regs, uint32_t apic_id,
               uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
const char *const *x86_cpu_model_names(void); /* NULL-terminated */
/* The feature words that the translator implements: the table's own column (x86_model.c). */
void x86_features_translator(uint32_t *words);
/* The feature's name as "+name" takes it, or NULL. */
const char *x86_feature_bit_name(enum x86_feature_word word, unsigned bit);
/* A feature of the level that the model is named for (x86-64-v3) and that is not in it, or NULL. */
const char *x86_model_level_lacks(const struct x86_cpu_model *model);
/* The bits of XCR0 that can be set. */
uint64_t x86_model_xcr0(const struct x86_cpu_model *model);
static inline bool x86_has(const struct x86_cpu_model *model, enum x86_feature_word word,
                           uint32_t bit)
{
    return (model->features[word] & bit) != 0;
}

#endif
