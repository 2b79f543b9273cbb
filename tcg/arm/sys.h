/*
 * What the files of the Arm system side share: exceptions, system registers, translation roots,
 * invalidation. Private to tcg/arm. All functions run on the vCPU's thread, inside a helper or
 * between blocks, but arm_tlb_post() and what it fills.
 *
 * Convention: a function that can fault returns false with the exception pending; nothing
 * architectural was changed by then.
 */
#ifndef TCG_ARM_SYS_H
#define TCG_ARM_SYS_H

#include <pthread.h>

#include "core/cpu/arm.h"
#include "core/cpu/arm_mmu.h"
#include "core/device/machine.h"
#include "tcg/arm/helpers.h"
#include "tcg/arm/slots.h"
#include "tcg/machine.h"

/* Helper arguments that a helper has no use for. */
#define UNUSED(...) ((void)sizeof((uint64_t[]){__VA_ARGS__}))

/* tcg_cpu.exc_vector: which entry of the vector table. */
enum arm_exception {
    ARM_EXC_SYNC,
    ARM_EXC_IRQ,
    ARM_EXC_FIQ,
    ARM_EXC_SERROR,
    ARM_EXC_SKIP,    /* none: the instruction's condition does not hold */
    ARM_EXC_BARRIER, /* none: the instruction waits for other processors, and is done then */
    ARM_EXC_AGAIN,   /* none: what the code was looked up by has changed */
    ARM_EXC_TARGET,  /* perhaps: BTYPE is not one that the instruction is a target for */
};

/* One address space of the TLB's tags: a regime of a virtual machine. */
struct arm_space {
    uint8_t regime; /* enum arm_regime */
    bool secure;
    uint16_t vmid;
};
/* What decides how tables are read, besides where they are. */
struct arm_config {
    uint64_t tcr, sctlr, hcr, vtcr, vttbr;
    uint64_t dacr;  /* short descriptors: both values */
    uint32_t space; /* number */
};
struct arm_table_pair {
    uint64_t ttbr0, ttbr1;
    uint64_t id;   /* part of a root's key; 0: unused */
    uint64_t used; /* when, by arm_roots.clock */
};

enum { ARM_SPACES = 64, ARM_CONFIGS = 64, ARM_TABLE_PAIRS = 32 };

/* Root keys: what does not fit 64 bits has a number there. Numbers of table pairs are not used
 * again, those of the others are never given up but all at once. */
struct arm_roots {
    struct arm_space spaces[ARM_SPACES];
    struct arm_config configs[ARM_CONFIGS];
    struct arm_table_pair pairs[ARM_TABLE_PAIRS];
    unsigned space_count, config_count, last_config, last_pair, before_last_pair;
    uint64_t next_pair, clock;
};

/* An invalidation as TLBI says it. */
enum arm_tlbi_kind {
    ARM_TLBI_ALL,    /* everything of every regime */
    ARM_TLBI_SPACE,  /* one regime, and one VMID where it has them */
    ARM_TLBI_ASID,   /* that is not global */
    ARM_TLBI_VA,     /* of an ASID, or global */
    ARM_TLBI_VA_ANY, /* of every ASID */
};
struct arm_tlbi {
    uint8_t kind; /* enum arm_tlbi_kind */
    uint16_t asid;
    struct arm_space space;
    uint64_t va;    /* canonical */
    uint64_t pages; /* of 4 KiB */
};
enum { ARM_TLBI_QUEUE = 32 };

struct arm_sys {
    /* of the pending exception, besides exc_* */
    uint8_t target;            /* exception level */
    bool has_far, stage2_data; /* stage2_data: the syndrome says which register was transferred */
    uint64_t hpfar;
    uint8_t domain; /* of an abort by short descriptors */

    uint64_t control[4];   /* by level: the mode word's part that control registers decide */
    uint8_t control_known; /* bit per level */
    uint8_t regime;        /* enum arm_regime of the root in use */
    uint64_t ttbr[2];      /* as in force until tcg_cpu.root_later is looked at */
    uint32_t dacr[2];      /* short descriptors: values that the root is for, by MMU index */
    uint8_t domains;       /* which of them is in force */
    uint64_t low_global;   /* global pages in the TLB below the upper half are not below this */
    uint8_t guarded_seen;  /* bit per level: code was fetched from a guarded page */
    struct arm_roots roots;

    /* what other vCPUs' TLBI asks for */
    pthread_mutex_t tlbi_lock;
    struct arm_tlbi tlbi[ARM_TLBI_QUEUE];
    unsigned tlbi_count; /* more than there is room for: everything */
};

static inline struct arm_sys *arm_sys_of(const struct tcg_cpu *tc)
{
    return tc->arch_data;
}
static inline struct arm_regs *arm_regs_of(struct tcg_cpu *tc)
{
    return tcg_env(tc);
}
static inline const struct arm_cpu_model *arm_model_of(const struct tcg_cpu *tc)
{
    return tc->vcpu->model;
}
static inline bool arm_feat(const struct tcg_cpu *tc, enum arm_feature feature)
{
    return arm_has(arm_model_of(tc), feature);
}
/* HCR_EL2 as in force. */
static inline uint64_t arm_hcr_of(struct tcg_cpu *tc)
{
    return arm_hcr(arm_regs_of(tc), arm_model_of(tc));
}
static inline bool arm_el2_enabled(struct tcg_cpu *tc)
{
    return arm_model_of(tc)->has_el2 && !arm_regs_of(tc)->secure;
}
/* AArch32's are none of these: SP_EL0 is what waits there. */
static inline unsigned arm_sp_level(const struct arm_regs *r)
{
    return arm_is_aarch64(r) && r->pstate & ARM_SPSEL ? arm_el(r) : 0;
}

/* ---- state (arch.c) -------------------------------------------------------------------------- */

/* PSTATE whole: NZCV from tc->fl; and back. */
uint64_t arm_get_pstate(struct tcg_cpu *tc);
void arm_set_nzcv(struct tcg_cpu *tc, uint64_t pstate);
/* Only PSTATE changed, or the level: the mode word and MMU index follow, quickly; and the root,
 * when the level is of another regime. */
void arm_level_changed(struct tcg_cpu *tc);
/* What is pending may be deliverable now. */
void arm_look_at_events(struct tcg_cpu *tc);
/* The level that an access to FP and SIMD registers from `el` traps to by CPACR and those of higher
 * levels; 0: none. */
unsigned arm_fp_trap(struct tcg_cpu *tc, unsigned el);
/* A register that decides about the mode word was written. */
void arm_control_changed(struct tcg_cpu *tc);

/* ---- exceptions (exception.c) -----------------------------------------------------------------
 */

/* target: exception level, 0: where the class goes by itself. */
void arm_raise(struct tcg_cpu *tc, uint32_t syndrome, unsigned target);
void arm_raise_far(struct tcg_cpu *tc, uint32_t syndrome, unsigned target, uint64_t far);
static inline uint32_t arm_syndrome(enum arm_ec ec, uint32_t iss)
{
    return (uint32_t)ec << 26 | 1u << 25 | iss;
}
void arm_undefined(struct tcg_cpu *tc);
/* The level that synchronous exceptions of the present one go to. */
unsigned arm_sync_target(struct tcg_cpu *tc);
bool arm_deliver_exception(struct tcg_cpu *tc);
/* ISS bits 24:14 of a data abort by stage 2, of the instruction: its size, register, extension; 0
 * where there is no one register. What a hypervisor emulates a device's access by. */
uint32_t arm_access_syndrome(uint32_t insn);
/* Take an exception now, PC being where it returns to. */
void arm_take(struct tcg_cpu *tc, enum arm_exception kind, unsigned target, uint32_t syndrome);
/* The regime's software step state machine and breakpoints: see debug.c. */
bool arm_debug_enabled(struct tcg_cpu *tc);
unsigned arm_debug_target(struct tcg_cpu *tc);
enum tcg_event arm_take_events(struct tcg_cpu *tc); /* event.c */
void arm_watch_hit(struct tcg_cpu *tc, unsigned n, uint64_t addr, bool write);
void arm_update_watches(struct tcg_cpu *tc);

/* ---- AArch32 at EL1 (exception32.c) ------------------------------------------------------------
 */

/* The exception is taken to AArch32 at EL1. */
void arm_take32(struct tcg_cpu *tc, enum arm_exception kind, uint32_t syndrome);
/* Return to AArch32 state at `pc` with `spsr`, from AArch32 state at EL1. */
void arm_return32(struct tcg_cpu *tc, uint32_t pc, uint32_t spsr);
/* CPSR's bits in `mask` are written by an instruction at EL1; the mode with its checks. */
void arm_write_cpsr(struct tcg_cpu *tc, uint32_t value, uint32_t mask);

/* ---- translation (walk.c, root.c, tlbi.c) -----------------------------------------------------
 */

/* fsc of a domain fault at level 1 or 2 of short descriptors: plus the level. */
enum { ARM_FSC_DOMAIN = 0x3c };
/* How a walk ended badly: ISS bits of an abort, and where it goes. */
struct arm_fault {
    uint8_t fsc;    /* as the long descriptor format numbers them */
    uint8_t domain; /* short descriptors */
    bool s2;        /* a stage 2 fault: to EL2 */
    bool s1ptw;     /* ... on the walk of stage 1 */
    uint64_t ipa;   /* of a stage 2 fault */
};
struct arm_walk_request {
    uint64_t vaddr;
    enum arm_regime regime;
    const uint64_t *ttbr; /* in force; NULL: as the registers have them */
    enum tcg_access access;
    unsigned index; /* enum arm_mmu_index */
    bool quiet;     /* no side effects */
    bool stage1_only;
};
struct arm_walk_result {
    bool guarded;  /* the descriptor's GP */
    uint64_t attr; /* MAIR byte of stage 1, in bits 63:56, and SH in 8:7, as PAR_EL1 has them */
};
/* A translation for whoever asks (AT); no exception is raised. */
bool arm_translate(struct tcg_cpu *tc, const struct arm_walk_request *q, struct tcg_walk *out,
                   struct arm_walk_result *result, struct arm_fault *fault);
bool arm_walk(struct tcg_cpu *tc, uint64_t vaddr, enum tcg_access access, unsigned mmu_index,
              bool quiet, struct tcg_walk *out);
/* A data or instruction abort, from the present level. */
void arm_raise_abort(struct tcg_cpu *tc, uint64_t vaddr, enum tcg_access access,
                     const struct arm_fault *fault, uint32_t iss);

/* What DFSR, or IFSR, says of an abort that is taken to AArch32: by the syndrome that AArch64 would
 * have (fault32.c). */
uint32_t arm_fault_status32(struct tcg_cpu *tc, uint32_t syndrome);

#define ARM_ROOT_TABLES UINT64_C(0xffff0000ffffffff) /* bits of a key: tables and ASID */
uint64_t arm_mmu_root(struct tcg_cpu *tc);
uint64_t arm_mmu_root_tag(uint64_t key);
/* Take up the root that the registers say. */
void arm_root_changed(struct tcg_cpu *tc);
/*
 * DACR was written. Kernels write it on every way in and out, to keep themselves out of what is
 * EL0's: two values have an MMU index each, for EL0 and for EL1, and a third one takes the place of
 * one.
 */
void arm_domains_changed(struct tcg_cpu *tc);
/* A TTBR was written: at the next context synchronisation. */
static inline void arm_root_later(struct tcg_cpu *tc)
{
    tc->root_later = 1;
}
static inline void arm_synchronise(struct tcg_cpu *tc)
{
    if (__builtin_expect(tc->root_later, 0))
        arm_root_changed(tc);
}
/* The number of a space that the roots know, or 0. */
unsigned arm_space_known(const struct arm_roots *roots, const struct arm_space *space);
struct arm_space arm_space_now(struct tcg_cpu *tc, enum arm_regime regime);
uint64_t arm_tag_of(unsigned space, unsigned asid);

/* ---- branch targets (bti.c) -------------------------------------------------------------------
 */

/* PSTATE.BTYPE. */
unsigned arm_btype(struct tcg_cpu *tc);
/* arm_regs.pstate and PC were set: BTYPE goes to where it is kept while code runs. */
void arm_take_btype(struct tcg_cpu *tc);
/* ARM_EXC_TARGET: the instruction is a target for these BTYPEs only, a bit each. true: it is none
 * here, and the exception that says so has taken the place of this one. */
bool arm_bad_target(struct tcg_cpu *tc, unsigned accepted);
/* Code is fetched from a guarded page. false: the first at this level, to be looked up again. */
bool arm_guarded_fetch(struct tcg_cpu *tc);
void arm_look_again(struct tcg_cpu *tc); /* ARM_EXC_AGAIN */

/* ---- invalidation, address operations -----------------------------------------------------------
 */

void arm_tlbi(struct tcg_cpu *tc, const struct arm_tlbi *op, bool broadcast);
void arm_take_request(struct tcg_cpu *tc);
/* TLBI, by its encoding: false: there is no such operation. */
bool arm_tlbi_insn(struct tcg_cpu *tc, uint32_t reg, uint64_t value);
/* ... AArch32's, by CRm and opc2. */
void arm_tlbi32(struct tcg_cpu *tc, unsigned crm, unsigned opc2, uint32_t value);
void arm_at_insn(struct tcg_cpu *tc, uint32_t reg, uint64_t vaddr); /* at.c */
void arm_ats32(struct tcg_cpu *tc, unsigned opc2, uint32_t vaddr);  /* ATS1C* */
/* Maintenance of a cache by address: as a load would, except that the abort says what it was: CM,
 * and WnR as it always has (sysop.c). */
void arm_cache_by_va(struct tcg_cpu *tc, uint64_t va);

#endif
