/*
 * The Arm register file by name, and a walk of translation tables without side effects, for
 * debuggers. Walks: Arm ARM, chapter D8.
 */
#include <string.h>

#include "core/cpu/arm.h"
#include "core/cpu/arm_mmu.h"
#include "core/cpu/debug.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"

/* ---- the walk -------------------------------------------------------------------------------- */

static bool stage2(struct vcpu *cpu, uint64_t ipa, uint64_t *paddr);

/* From the first table of a stage to the page; tables of stage 1 are at intermediate addresses. */
static bool follow(struct vcpu *cpu, const struct arm_stage *s, uint64_t address, bool by_stage2,
                   uint64_t *out)
{
    uint64_t table = s->table, mask = s->first_mask;

    for (int level = s->level; level <= 3; level++, mask = mask_bits(s->granule - 3u)) {
        const unsigned shift = arm_stage_shift(s, level);
        uint64_t at = table + (address >> shift & mask) * 8;
        uint8_t bytes[8];
        if (by_stage2 && !stage2(cpu, at, &at))
            return false;
        if (dma_read(vcpu_memory(cpu), NULL, at, bytes, sizeof bytes) != MEM_OK)
            return false;
        const uint64_t entry = load_le64(bytes);
        const bool table_or_page = (entry & 3) == 3;
        if (!(entry & 1) || (!table_or_page && !arm_stage_block(s, level)))
            return false;
        table = arm_stage_address(s, entry);
        if (level == 3 || !table_or_page) {
            *out = (table & ~mask_bits(shift)) | (address & mask_bits(shift));
            return true;
        }
    }
    return false;
}

static bool stage2(struct vcpu *cpu, uint64_t ipa, uint64_t *paddr)
{
    struct arm_stage s;

    switch (arm_stage2(&s, cpu->regs, cpu->model, ipa)) {
    case ARM_STAGE_FLAT:
        *paddr = ipa;
        return true;
    case ARM_STAGE_WALK:
        return follow(cpu, &s, ipa, false, paddr);
    default:
        return false;
    }
}

/* Short descriptors: a section of 1 MiB or 16 MiB, or a page of 4 KiB or 64 KiB. */
static bool follow_short(struct vcpu *cpu, const struct arm_stage *s, uint32_t address,
                         bool by_stage2, uint64_t *out)
{
    uint64_t table = s->table, mask = s->first_mask;

    for (unsigned level = 1, shift = 20; level <= 2; level++, shift = 12, mask = mask_bits(8)) {
        uint64_t at = table + (address >> shift & mask) * 4;
        uint8_t bytes[4];
        if (by_stage2 && !stage2(cpu, at, &at))
            return false;
        if (dma_read(vcpu_memory(cpu), NULL, at, bytes, sizeof bytes) != MEM_OK)
            return false;
        const uint32_t entry = load_le32(bytes);
        unsigned size = 12;
        if (!(entry & 3))
            return false;
        if (level == 1 && (entry & 3) == 1) {
            table = entry & ~UINT32_C(0x3ff);
            continue;
        }
        if (level == 1)
            size = entry >> 18 & 1 ? 24 : 20;
        else if (!(entry & 2))
            size = 16;
        *out = (entry & ~mask_bits(size) & UINT32_MAX) | (address & mask_bits(size));
        if (size == 24)
            *out |= (uint64_t)(entry >> 20 & 15) << 32 | (uint64_t)(entry >> 5 & 15) << 36;
        return true;
    }
    return false;
}

bool arm_debug_translate(struct vcpu *cpu, uint64_t vaddr, uint64_t *paddr)
{
    const struct arm_regs *r = cpu->regs;
    const struct arm_cpu_model *model = cpu->model;
    const unsigned el = arm_el(r);
    const enum arm_regime regime = arm_regime_of(r, model, el);
    const bool two_stages = regime == ARM_REGIME_EL10 && (arm_hcr(r, model) & ARM_HCR_VM);
    struct arm_stage s;
    uint64_t ipa;

    switch (arm_stage1(&s, r, model, regime, NULL, vaddr, false)) {
    case ARM_STAGE_FLAT:
        ipa = vaddr & mask_bits(56);
        break;
    case ARM_STAGE_WALK:
        if (!follow(cpu, &s, vaddr, two_stages, &ipa))
            return false;
        break;
    case ARM_STAGE_SHORT:
        if (!follow_short(cpu, &s, (uint32_t)vaddr, two_stages, &ipa))
            return false;
        break;
    default:
        return false;
    }
    if (two_stages)
        return stage2(cpu, ipa, paddr);
    *paddr = ipa;
    return true;
}

/* ---- registers ------------------------------------------------------------------------------- */

enum register_kind {
    KIND_PLAIN, /* bytes at an offset of struct arm_regs */
    KIND_PSTATE,
    KIND_SP_EL, /* where: the level */
    KIND_MODEL, /* read-only: offset in the model */
    KIND_FPSCR,
    KIND_R13, /* AArch32, where: the bank */
    KIND_R14,
    KIND_SPSR,
};

#define PLAIN_AS(name_, size_, member)                                                             \
    {                                                                                              \
        name_, size_, KIND_PLAIN, offsetof(struct arm_regs, member)                                \
    }
#define PLAIN(name_, member) PLAIN_AS(name_, 8, member)
#define X(n) PLAIN("x" #n, x[n])
#define V(n) PLAIN_AS("v" #n, 16, v[n])
#define SP_EL(n)                                                                                   \
    {                                                                                              \
        "sp_el" #n, 8, KIND_SP_EL, n                                                               \
    }
/* AArch32's D registers: two to each of V0 to V15. */
#define D(n) PLAIN_AS("d" #n, 8, v[(n) / 2].u64[(n) % 2])
#define BANKED(mode, bank)                                                                         \
    {"sp_" mode, 4, KIND_R13, bank},                                                               \
    {                                                                                              \
        "lr_" mode, 4, KIND_R14, bank                                                              \
    }
#define BANKED_SPSR(mode, bank)                                                                    \
    BANKED(mode, bank),                                                                            \
    {                                                                                              \
        "spsr_" mode, 4, KIND_SPSR, bank                                                           \
    }
#define BY_EL(name_, member) PLAIN(name_ "_el1", member[1])
#define BY_EL23(name_, member)                                                                     \
    BY_EL(name_, member), PLAIN(name_ "_el2", member[2]), PLAIN(name_ "_el3", member[3])

const struct cpu_register arm_registers[] = {
    ARM_GPRS(X),
    PLAIN("sp", sp),
    PLAIN("pc", pc),
    {"cpsr", 4, KIND_PSTATE, 0},
    ARM_VECTORS(V),
    PLAIN_AS("fpsr", 4, fpsr),
    PLAIN_AS("fpcr", 4, fpcr),
    SP_EL(0),
    SP_EL(1),
    SP_EL(2),
    SP_EL(3),
    BY_EL23("elr", elr),
    BY_EL23("spsr", spsr),
    BY_EL23("esr", esr),
    BY_EL23("far", far),
    BY_EL23("vbar", vbar),
    BY_EL23("sctlr", sctlr),
    BY_EL23("tcr", tcr),
    BY_EL23("ttbr0", ttbr0),
    BY_EL("ttbr1", ttbr1),
    PLAIN("ttbr1_el2", ttbr1[2]),
    BY_EL23("mair", mair),
    BY_EL("contextidr", contextidr),
    PLAIN("tpidr_el0", tpidr[0]),
    PLAIN("tpidrro_el0", tpidrro),
    BY_EL23("tpidr", tpidr),
    PLAIN("cpacr_el1", cpacr),
    PLAIN("cptr_el2", cptr[2]),
    PLAIN("cptr_el3", cptr[3]),
    PLAIN("hcr_el2", hcr),
    PLAIN("hpfar_el2", hpfar),
    PLAIN("vttbr_el2", vttbr),
    PLAIN("vtcr_el2", vtcr),
    PLAIN("scr_el3", scr),
    PLAIN("par_el1", par),
    PLAIN("mdscr_el1", mdscr),
    PLAIN("cntfrq_el0", cntfrq),
    PLAIN("cntkctl_el1", cntkctl),
    PLAIN("cntvoff_el2", cntvoff),
    PLAIN("cntp_ctl_el0", timer[ARM_TIMER_PHYS].ctl),
    PLAIN("cntp_cval_el0", timer[ARM_TIMER_PHYS].cval),
    PLAIN("cntv_ctl_el0", timer[ARM_TIMER_VIRT].ctl),
    PLAIN("cntv_cval_el0", timer[ARM_TIMER_VIRT].cval),
    PLAIN("vmpidr_el2", vmpidr),
    /* AArch32's */
    ARM_DWORDS(D),
    {"fpscr", 4, KIND_FPSCR, 0},
    BANKED("usr", ARM_BANK_USR),
    BANKED_SPSR("svc", ARM_BANK_SVC),
    BANKED_SPSR("abt", ARM_BANK_ABT),
    BANKED_SPSR("und", ARM_BANK_UND),
    BANKED_SPSR("irq", ARM_BANK_IRQ),
    BANKED_SPSR("fiq", ARM_BANK_FIQ),
    PLAIN("dacr", dacr),
    PLAIN("ifsr", ifsr),
    PLAIN("fpexc", fpexc),
    {"midr_el1", 8, KIND_MODEL, offsetof(struct arm_cpu_model, midr)},
    {NULL, 0, 0, 0},
};

/* The level whose stack pointer SP is. */
static unsigned sp_level(const struct arm_regs *r)
{
    return r->pstate & ARM_SPSEL ? arm_el(r) : 0;
}

/* FPSCR: the status register's bits, and those of the control register. */
static const uint32_t fpsr_bits = 0xf800009f;

/* A register of a mode: where it waits, or in use. */
static uint32_t banked_read(const struct arm_regs *r, enum register_kind kind, enum arm_bank bank)
{
    const bool in_use = !arm_is_aarch64(r) && arm_bank_of(r->pstate) == bank;

    if (kind == KIND_SPSR)
        return arm_spsr(r, bank);
    if (kind == KIND_R13)
        return in_use ? (uint32_t)r->x[13] : r->banked_r13[bank];
    return in_use ? (uint32_t)r->x[14] : r->banked_r14[bank];
}

static void banked_write(struct arm_regs *r, enum register_kind kind, enum arm_bank bank,
                         uint32_t value)
{
    if (kind == KIND_SPSR) {
        arm_set_spsr(r, bank, value);
        return;
    }
    *(kind == KIND_R13 ? &r->banked_r13[bank] : &r->banked_r14[bank]) = value;
    if (!arm_is_aarch64(r) && arm_bank_of(r->pstate) == bank)
        r->x[kind == KIND_R13 ? 13 : 14] = value;
}

void arm_register_read(struct vcpu *cpu, const struct cpu_register *reg, void *buf)
{
    const struct arm_regs *r = cpu->regs;
    const uint8_t *from = (const uint8_t *)r + reg->where;
    uint64_t value;

    switch (reg->kind) {
    case KIND_PSTATE:
        store_le32(buf, (uint32_t)r->pstate);
        return;
    case KIND_SP_EL:
        value = arm_is_aarch64(r) && sp_level(r) == reg->where ? r->sp : r->sp_el[reg->where];
        store_le64(buf, value);
        return;
    case KIND_MODEL:
        from = (const uint8_t *)cpu->model + reg->where;
        break;
    case KIND_FPSCR:
        store_le32(buf, (uint32_t)((r->fpsr & fpsr_bits) | (r->fpcr & ~fpsr_bits)));
        return;
    case KIND_R13:
    case KIND_R14:
    case KIND_SPSR:
        store_le32(buf, banked_read(r, (enum register_kind)reg->kind, (enum arm_bank)reg->where));
        return;
    default:
        break;
    }
    if (reg->size == 4) {
        memcpy(&value, from, 8);
        store_le32(buf, (uint32_t)value);
    } else {
        for (unsigned k = 0; k < reg->size; k += 8) {
            memcpy(&value, from + k, 8);
            store_le64((uint8_t *)buf + k, value);
        }
    }
}

/* A processor in that state must be able to be; of the rest, the stack pointers go with it. */
static bool write_pstate(struct vcpu *cpu, uint32_t value, struct vemu_error **errp)
{
    struct arm_regs *r = cpu->regs;
    struct arm_regs after = *r;

    after.pstate = value;
    if (arm_is_aarch64(r) != arm_is_aarch64(&after))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "cpsr=0x%x: a debugger cannot change the execution state", value);
    if (!arm_regs_check(&after, cpu->model, errp))
        return false;
    if (arm_is_aarch64(r)) {
        after.sp_el[sp_level(r)] = r->sp;
        after.sp = after.sp_el[sp_level(&after)];
    } else {
        after.pstate = (value & ~(uint32_t)ARM_MODE) | (r->pstate & ARM_MODE);
        arm_set_mode(&after, (enum arm_mode)(value & ARM_MODE));
    }
    *r = after;
    return true;
}

bool arm_register_write(struct vcpu *cpu, const struct cpu_register *reg, const void *buf,
                        struct vemu_error **errp)
{
    struct arm_regs *r = cpu->regs, old = *r;
    uint8_t *to = (uint8_t *)r + reg->where;
    uint64_t value;

    switch (reg->kind) {
    case KIND_PSTATE:
        return write_pstate(cpu, load_le32(buf), errp);
    case KIND_SP_EL:
        r->sp_el[reg->where] = load_le64(buf);
        if (arm_is_aarch64(r) && sp_level(r) == reg->where)
            r->sp = r->sp_el[reg->where];
        return true;
    case KIND_FPSCR:
        r->fpsr = load_le32(buf) & fpsr_bits;
        r->fpcr = load_le32(buf) & ~fpsr_bits;
        return true;
    case KIND_R13:
    case KIND_R14:
    case KIND_SPSR:
        banked_write(r, (enum register_kind)reg->kind, (enum arm_bank)reg->where, load_le32(buf));
        return true;
    case KIND_MODEL:
        return error_set(errp, VEMU_ERROR_INVALID, "register %s is read-only", reg->name);
    default:
        break;
    }
    for (unsigned k = 0; k < reg->size; k += 8) {
        value = reg->size == 4 ? load_le32(buf) : load_le64((const uint8_t *)buf + k);
        memcpy(to + k, &value, 8);
    }
    if (arm_regs_check(r, cpu->model, errp))
        return true;
    *r = old;
    return false;
}
