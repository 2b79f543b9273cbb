/* See regs.h. Encodings of system registers: Arm ARM (DDI 0487), chapter D19. */
#include "accel/kvm/arm64/regs.h"

#include <string.h>

#include "core/cpu/arm.h"
#include "core/util/range.h"

/* Words of the kernel's core registers: X0 to X30, SP_EL0, PC, PSTATE, SP_EL1, ELR_EL1, five SPSRs,
 * V0 to V31 on the next 16 bytes, FPSR, FPCR. */
enum {
    WORD_SP = 2 * 31,
    WORD_PC = WORD_SP + 2,
    WORD_PSTATE = WORD_PC + 2,
    WORD_SP_EL1 = WORD_PSTATE + 2,
    WORD_ELR_EL1 = WORD_SP_EL1 + 2,
    WORD_SPSR = WORD_ELR_EL1 + 2, /* EL1 or SVC, ABT, UND, IRQ, FIQ */
    WORD_V = 84,
    WORD_FPSR = WORD_V + 4 * 32,
    WORD_FPCR = WORD_FPSR + 1,
};
_Static_assert(WORD_SPSR + 2 * 5 <= WORD_V, "vectors begin behind the SPSRs");

/* One that is a member of struct arm_regs as it is. */
struct reg {
    uint64_t id;
    uint16_t offset;
    uint8_t count;   /* of an array */
    uint8_t step;    /* from one number to the next */
    bool everywhere; /* each vCPU has it */
};
#define ARRAY(id_, member, count_, step_, everywhere_)                                             \
    {                                                                                              \
        .id = (id_), .offset = offsetof(struct arm_regs, member), .count = (count_),               \
        .step = (step_), .everywhere = (everywhere_)                                               \
    }
#define ALWAYS(id_, member) ARRAY(id_, member, 1, 0, true)
#define MAYBE(id_, member) ARRAY(id_, member, 1, 0, false)
#define KEY(crm, op2, n) ARRAY(KVM_ARM_SYS(3, 0, 2, crm, op2), pauth[n], 2, 1, false)

static const struct reg regs[] = {
    ARRAY(KVM_ARM_CORE(3, 0), x, 31, 2, true),
    ALWAYS(KVM_ARM_PC, pc),
    ALWAYS(KVM_ARM_CORE(3, WORD_PSTATE), pstate),
    ALWAYS(KVM_ARM_CORE(3, WORD_ELR_EL1), elr[1]),
    ARRAY(KVM_ARM_CORE(4, WORD_V), v, 32, 4, true),

    ALWAYS(KVM_ARM_SYS(3, 0, 1, 0, 0), sctlr[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 1, 0, 2), cpacr),
    MAYBE(KVM_ARM_SYS(3, 0, 1, 0, 1), actlr[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 2, 0, 0), ttbr0[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 2, 0, 1), ttbr1[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 2, 0, 2), tcr[1]),
    KEY(1, 0, 0),
    KEY(1, 2, 1),
    KEY(2, 0, 2),
    KEY(2, 2, 3),
    KEY(3, 0, 4),
    ALWAYS(KVM_ARM_SYS(3, 0, 5, 1, 0), afsr0[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 5, 1, 1), afsr1[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 5, 2, 0), esr[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 6, 0, 0), far[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 7, 4, 0), par),
    ALWAYS(KVM_ARM_SYS(3, 0, 10, 2, 0), mair[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 10, 3, 0), amair[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 12, 0, 0), vbar[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 13, 0, 1), contextidr[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 13, 0, 4), tpidr[1]),
    ALWAYS(KVM_ARM_SYS(3, 0, 14, 1, 0), cntkctl),
    ALWAYS(KVM_ARM_SYS(3, 2, 0, 0, 0), csselr),
    ALWAYS(KVM_ARM_SYS(3, 3, 13, 0, 2), tpidr[0]),
    ALWAYS(KVM_ARM_SYS(3, 3, 13, 0, 3), tpidrro),

    /* AArch32's that AArch64 has names for; where there is no such state they are not there */
    MAYBE(KVM_ARM_SYS(3, 4, 3, 0, 0), dacr),
    MAYBE(KVM_ARM_SYS(3, 4, 5, 0, 1), ifsr),
    MAYBE(KVM_ARM_SYS(3, 4, 5, 3, 0), fpexc),

    ALWAYS(KVM_ARM_SYS(2, 0, 0, 2, 2), mdscr),
    ARRAY(KVM_ARM_SYS(2, 0, 0, 0, 4), dbgbvr, ARM_DEBUG_REGS, 8, false),
    ARRAY(KVM_ARM_SYS(2, 0, 0, 0, 5), dbgbcr, ARM_DEBUG_REGS, 8, false),
    ARRAY(KVM_ARM_SYS(2, 0, 0, 0, 6), dbgwvr, ARM_DEBUG_REGS, 8, false),
    ARRAY(KVM_ARM_SYS(2, 0, 0, 0, 7), dbgwcr, ARM_DEBUG_REGS, 8, false),

    MAYBE(KVM_ARM_SYS(3, 3, 9, 12, 0), pmcr),
    MAYBE(KVM_ARM_SYS(3, 3, 9, 12, 1), pmcnten),
    MAYBE(KVM_ARM_SYS(3, 3, 9, 14, 3), pmovs),
    MAYBE(KVM_ARM_SYS(3, 3, 9, 12, 5), pmsel),
    MAYBE(KVM_ARM_SYS(3, 0, 9, 14, 1), pminten),
    MAYBE(KVM_ARM_SYS(3, 3, 9, 14, 0), pmuseren),
    MAYBE(KVM_ARM_SYS(3, 3, 14, 15, 7), pmccfiltr),
    MAYBE(KVM_ARM_SYS(3, 3, 9, 13, 0), pmccntr),
    ARRAY(KVM_ARM_SYS(3, 3, 14, 8, 0), pmevcntr, ARM_PMU_COUNTERS, 1, false),
    ARRAY(KVM_ARM_SYS(3, 3, 14, 12, 0), pmevtyper, ARM_PMU_COUNTERS, 1, false),

    /* Of a timer that is to come, the comparator before the control. */
    ALWAYS(KVM_ARM_SYS(3, 3, 14, 0, 2), timer[ARM_TIMER_VIRT].cval),
    ALWAYS(KVM_ARM_SYS(3, 3, 14, 3, 1), timer[ARM_TIMER_VIRT].ctl),
    MAYBE(KVM_ARM_SYS(3, 3, 14, 2, 2), timer[ARM_TIMER_PHYS].cval),
    MAYBE(KVM_ARM_SYS(3, 3, 14, 2, 1), timer[ARM_TIMER_PHYS].ctl),
};

/* A timer's ISTATUS is computed here. */
static uint64_t clean(const struct reg *reg, uint64_t value)
{
    bool ctl = reg->offset == offsetof(struct arm_regs, timer[ARM_TIMER_VIRT].ctl) ||
               reg->offset == offsetof(struct arm_regs, timer[ARM_TIMER_PHYS].ctl);
    return ctl ? value & 3 : value;
}

static bool get_table(const struct kvm_arm_one_reg *one, struct arm_regs *r)
{
    for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
        const struct reg *reg = &regs[i];
        unsigned bytes = kvm_arm_reg_bytes(reg->id);
        for (unsigned n = 0; n < reg->count; n++) {
            uint64_t value[2] = {0};
            if (!one->get(one->opaque, reg->id + n * reg->step, value)) {
                if (reg->everywhere)
                    return false;
                continue;
            }
            value[0] = clean(reg, value[0]);
            memcpy((uint8_t *)r + reg->offset + n * bytes, value, bytes);
        }
    }
    return true;
}

static bool put_table(const struct kvm_arm_one_reg *one, const struct arm_regs *r)
{
    for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
        const struct reg *reg = &regs[i];
        unsigned bytes = kvm_arm_reg_bytes(reg->id);
        for (unsigned n = 0; n < reg->count; n++) {
            uint64_t value[2] = {0};
            memcpy(value, (const uint8_t *)r + reg->offset + n * bytes, bytes);
            if (!one->set(one->opaque, reg->id + n * reg->step, value) && reg->everywhere)
                return false;
        }
    }
    return true;
}

/* ---- stack pointers, and the banks of AArch32 --------------------------------------------------
 */

/* The kernel's SPSRs. */
static const uint8_t spsr_banks[] = {ARM_BANK_SVC, ARM_BANK_ABT, ARM_BANK_UND, ARM_BANK_IRQ,
                                     ARM_BANK_FIQ};

static unsigned sp_in_use(const struct arm_regs *r)
{
    return arm_el(r) && r->pstate & ARM_SPSEL;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static bool get_word(const struct kvm_arm_one_reg *one, unsigned word, uint64_t *value)
{
    return one->get(one->opaque, KVM_ARM_CORE(3, word), value);
}
static bool set_word(const struct kvm_arm_one_reg *one, unsigned word, uint64_t value)
{
    return one->set(one->opaque, KVM_ARM_CORE(3, word), &value);
}

bool kvm_arm_get_regs(const struct kvm_arm_one_reg *one, struct arm_regs *r, uint64_t counter)
{
    uint64_t spsr[ARRAY_SIZE(spsr_banks)] = {0}, count = 0;
    uint32_t fp[2] = {0};
    bool ok = get_table(one, r) && get_word(one, WORD_SP, &r->sp_el[0]) &&
              get_word(one, WORD_SP_EL1, &r->sp_el[1]) &&
              one->get(one->opaque, KVM_ARM_CORE(2, WORD_FPSR), &fp[0]) &&
              one->get(one->opaque, KVM_ARM_CORE(2, WORD_FPCR), &fp[1]) &&
              one->get(one->opaque, KVM_ARM_TIMER_COUNT, &count);

    for (unsigned n = 0; n < ARRAY_SIZE(spsr) && ok; n++)
        ok = get_word(one, WORD_SPSR + 2 * n, &spsr[n]);
    if (!ok)
        return false;
    r->fpsr = fp[0];
    r->fpcr = fp[1];
    r->cntvoff = counter - count;
    for (unsigned n = 0; n < ARRAY_SIZE(spsr); n++)
        arm_set_spsr(r, (enum arm_bank)spsr_banks[n], (uint32_t)spsr[n]);
    if (arm_is_aarch64(r)) {
        r->sp = r->sp_el[sp_in_use(r)];
        return true;
    }
    arm_banks_from_aarch64(r);
    return true;
}

bool kvm_arm_put_regs(const struct kvm_arm_one_reg *one, const struct arm_regs *regs_,
                      uint64_t counter)
{
    struct arm_regs r = *regs_;
    uint32_t fp[2] = {(uint32_t)r.fpsr, (uint32_t)r.fpcr};
    uint64_t count = counter - r.cntvoff;

    if (arm_is_aarch64(&r))
        r.sp_el[sp_in_use(&r)] = r.sp;
    else
        arm_banks_to_aarch64(&r);
    bool ok = one->set(one->opaque, KVM_ARM_TIMER_COUNT, &count) && put_table(one, &r) &&
              set_word(one, WORD_SP, r.sp_el[0]) && set_word(one, WORD_SP_EL1, r.sp_el[1]) &&
              one->set(one->opaque, KVM_ARM_CORE(2, WORD_FPSR), &fp[0]) &&
              one->set(one->opaque, KVM_ARM_CORE(2, WORD_FPCR), &fp[1]);
    for (unsigned n = 0; n < ARRAY_SIZE(spsr_banks) && ok; n++)
        ok = set_word(one, WORD_SPSR + 2 * n, arm_spsr(&r, (enum arm_bank)spsr_banks[n]));
    return ok;
}
