/*
 * Registers of an Arm vCPU between struct arm_regs and the kernel's one-by-one interface
 * (accel/kvm/arm64/regs.h), on every host. Identifiers: the kernel's KVM API documentation, section
 * 4.68, whose table of core registers some are taken from.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "accel/kvm/arm64/model.h"
#include "accel/kvm/arm64/regs.h"
#include "core/cpu/arm.h"

enum { MOST = 512 };

/* The kernel's registers, as they were set. */
static struct store {
    uint64_t id[MOST], value[MOST][2];
    unsigned count, sets;
    uint64_t refused;
} store;

static unsigned find(const struct store *s, uint64_t id)
{
    unsigned n = 0;
    while (n < s->count && s->id[n] != id)
        n++;
    return n;
}
static bool get(void *opaque, uint64_t id, void *value)
{
    const struct store *s = opaque;
    unsigned n = find(s, id);
    if (n == s->count || id == s->refused)
        return false;
    memcpy(value, s->value[n], kvm_arm_reg_bytes(id));
    return true;
}
static bool set(void *opaque, uint64_t id, const void *value)
{
    struct store *s = opaque;
    unsigned n = find(s, id);
    if (id == s->refused)
        return false;
    s->sets++;
    cr_assert_lt(n, MOST);
    s->id[n] = id;
    s->count += n == s->count;
    memcpy(s->value[n], value, kvm_arm_reg_bytes(id));
    return true;
}
static const struct kvm_arm_one_reg one = {.get = get, .set = set, .opaque = &store};

static uint64_t is(uint64_t id)
{
    uint64_t value[2] = {0};
    cr_assert(get(&store, id, value), "%llx was not set", (unsigned long long)id);
    return value[0];
}

/* Every byte another value, within what a member can be. */
static void fill(struct arm_regs *r, uint64_t pstate)
{
    uint8_t *p = (uint8_t *)r;
    for (size_t n = 0; n < sizeof *r; n++)
        p[n] = (uint8_t)(n * 7 + n / 256 + 1);
    r->pstate = pstate;
    r->fpcr &= UINT32_MAX;
    r->fpsr &= UINT32_MAX;
    for (unsigned n = 0; n < 4; n++)
        r->spsr[n] &= UINT32_MAX;
    r->timer[ARM_TIMER_VIRT].ctl = 1;
    r->timer[ARM_TIMER_PHYS].ctl = 3;
}

#define SAME(member)                                                                               \
    cr_expect(!memcmp(&got.member, &put.member, sizeof put.member), "%s differs", #member)

static void same_system(const struct arm_regs *got_, const struct arm_regs *put_)
{
    const struct arm_regs got = *got_, put = *put_;
    SAME(pc);
    SAME(pstate);
    SAME(fpcr);
    SAME(fpsr);
    SAME(v);
    SAME(elr[1]);
    SAME(sctlr[1]);
    SAME(actlr[1]);
    SAME(tcr[1]);
    SAME(ttbr0[1]);
    SAME(ttbr1[1]);
    SAME(mair[1]);
    SAME(amair[1]);
    SAME(vbar[1]);
    SAME(esr[1]);
    SAME(far[1]);
    SAME(afsr0[1]);
    SAME(afsr1[1]);
    SAME(contextidr[1]);
    SAME(tpidr[0]);
    SAME(tpidr[1]);
    SAME(tpidrro);
    SAME(cpacr);
    SAME(par);
    SAME(csselr);
    SAME(mdscr);
    SAME(dbgbvr);
    SAME(dbgbcr);
    SAME(dbgwvr);
    SAME(dbgwcr);
    SAME(pauth);
    SAME(cntkctl);
    SAME(cntvoff);
    SAME(timer[ARM_TIMER_VIRT]);
    SAME(timer[ARM_TIMER_PHYS]);
    SAME(pmcr);
    SAME(pmcnten);
    SAME(pmovs);
    SAME(pmsel);
    SAME(pminten);
    SAME(pmuseren);
    SAME(pmccfiltr);
    SAME(pmccntr);
    SAME(pmevcntr);
    SAME(pmevtyper);
    SAME(dacr);
    SAME(ifsr);
    SAME(fpexc);
}

Test(kvm_arm, registers_have_the_numbers_of_the_kernels_table)
{
    static struct arm_regs r;
    fill(&r, 5);
    cr_assert(kvm_arm_put_regs(&one, &r, r.cntvoff + 1000));
    cr_expect_eq(is(0x6030000000100000), r.x[0]);
    cr_expect_eq(is(0x603000000010003c), r.x[30]);
    cr_expect_eq(is(0x6030000000100040), r.pc);
    cr_expect_eq(is(0x6030000000100042), 5);
    cr_expect_eq(is(0x6030000000100046), r.elr[1]);
    cr_expect_eq(is(0x6030000000100048), r.spsr[1]);
    cr_expect_eq(is(0x6040000000100054), r.v[0].u64[0]);
    cr_expect_eq(is(0x60400000001000d0), r.v[31].u64[0]);
    cr_expect_eq(is(0x60200000001000d4), r.fpsr);
    cr_expect_eq(is(0x60200000001000d5), r.fpcr);
    cr_expect_eq(is(0x603000000013c080), r.sctlr[1], "SCTLR_EL1 is 3,0,1,0,0");
    /* The documented exchange: the count is at CNTV_CVAL_EL0's encoding and the other way round. */
    cr_expect_eq(is(0x603000000013df1a), 1000);
    cr_expect_eq(is(0x603000000013df02), r.timer[ARM_TIMER_VIRT].cval);
}

Test(kvm_arm, every_register_of_el1_and_el0_goes_both_ways)
{
    static struct arm_regs put, got;
    for (unsigned spsel = 0; spsel < 2; spsel++) {
        store.count = 0;
        fill(&put, 4 | spsel);
        memset(&got, 0xcc, sizeof got);
        cr_assert(kvm_arm_put_regs(&one, &put, 123456));
        cr_expect_eq(store.sets, store.count * (spsel + 1), "each once");
        cr_assert(kvm_arm_get_regs(&one, &got, 123456));
        SAME(x);
        SAME(spsr[1]);
        same_system(&got, &put);
        cr_expect_eq(got.sp, put.sp);
        cr_expect_eq(got.sp_el[spsel], put.sp, "the one in use");
        cr_expect_eq(got.sp_el[!spsel], put.sp_el[!spsel], "and the other");
    }
}

Test(kvm_arm, registers_of_higher_levels_are_left_alone)
{
    static struct arm_regs put, got, before;
    fill(&put, 5);
    cr_assert(kvm_arm_put_regs(&one, &put, 0));
    memset(&got, 0x33, sizeof got);
    before = got;
    cr_assert(kvm_arm_get_regs(&one, &got, 0));
    cr_expect_eq(got.hcr, before.hcr);
    cr_expect_eq(got.sctlr[2], before.sctlr[2]);
    cr_expect_eq(got.sctlr[3], before.sctlr[3]);
    cr_expect_eq(got.scr, before.scr);
    cr_expect_eq(got.vttbr, before.vttbr);
    cr_expect_eq(got.powered_off, before.powered_off);
}

Test(kvm_arm, modes_of_aarch32_keep_their_registers)
{
    static const uint32_t modes[] = {ARM_MODE_USR, ARM_MODE_SYS, ARM_MODE_SVC, ARM_MODE_ABT,
                                     ARM_MODE_UND, ARM_MODE_IRQ, ARM_MODE_FIQ};
    static const enum arm_bank banks[] = {ARM_BANK_USR, ARM_BANK_USR, ARM_BANK_SVC, ARM_BANK_ABT,
                                          ARM_BANK_UND, ARM_BANK_IRQ, ARM_BANK_FIQ};
    static struct arm_regs put, got;
    for (unsigned m = 0; m < sizeof modes / sizeof *modes; m++) {
        fill(&put, modes[m]);
        for (unsigned n = 0; n < 31; n++)
            put.x[n] = 0x1000 + n;
        memset(&got, 0, sizeof got);
        cr_assert(kvm_arm_put_regs(&one, &put, 0));
        cr_assert(kvm_arm_get_regs(&one, &got, 0));
        for (unsigned n = 0; n < 15; n++)
            cr_expect_eq(got.x[n], put.x[n], "mode %x, R%u", modes[m], n);
        for (unsigned b = 0; b < 7; b++) {
            if (banks[b] != ARM_BANK_USR && banks[b] != ARM_BANK_SVC)
                cr_expect_eq(got.banked_spsr[banks[b]], put.banked_spsr[banks[b]]);
            if (banks[b] == banks[m])
                continue; /* in use */
            cr_expect_eq(got.banked_r13[banks[b]], put.banked_r13[banks[b]]);
            cr_expect_eq(got.banked_r14[banks[b]], put.banked_r14[banks[b]]);
        }
        if (modes[m] == ARM_MODE_FIQ) {
            cr_expect(!memcmp(got.usr_r8, put.usr_r8, sizeof put.usr_r8));
        } else {
            cr_expect(!memcmp(got.fiq_r8, put.fiq_r8, sizeof put.fiq_r8));
        }
        cr_expect_eq(got.spsr[1], put.spsr[1], "SVC's is SPSR_EL1");
        same_system(&got, &put);
    }
    /* Arm ARM, section D1: R13_svc is X19, R8_fiq is X24, LR_usr is X14. */
    fill(&put, ARM_MODE_SVC);
    put.x[13] = 0x13131313;
    put.fiq_r8[0] = 0x8888;
    put.banked_r14[ARM_BANK_USR] = 0x1414;
    cr_assert(kvm_arm_put_regs(&one, &put, 0));
    cr_expect_eq(is(0x6030000000100000 + 2 * 19), 0x13131313);
    cr_expect_eq(is(0x6030000000100000 + 2 * 24), 0x8888);
    cr_expect_eq(is(0x6030000000100000 + 2 * 14), 0x1414);
}

Test(kvm_arm, what_a_vcpu_does_not_have_stops_no_other)
{
    static struct arm_regs put, got;
    fill(&put, 5);
    store.refused = KVM_ARM_SYS(3, 3, 9, 12, 0); /* PMCR_EL0: no counters */
    cr_assert(kvm_arm_put_regs(&one, &put, 0));
    memset(&got, 0, sizeof got);
    cr_assert(kvm_arm_get_regs(&one, &got, 0));
    cr_expect_eq(got.pmcr, 0);
    cr_expect_eq(got.pmccntr, put.pmccntr);
    store.refused = KVM_ARM_PC; /* but everyone has this */
    cr_expect(!kvm_arm_put_regs(&one, &put, 0));
    cr_expect(!kvm_arm_get_regs(&one, &got, 0));
}

Test(kvm_arm, the_virtual_counter_stands_while_the_machines_does)
{
    static struct arm_regs r;
    fill(&r, 5);
    r.cntvoff = 5000;
    cr_assert(kvm_arm_put_regs(&one, &r, 80000));
    cr_expect_eq(is(KVM_ARM_TIMER_COUNT), 75000);
    r.cntvoff = 0;
    cr_assert(kvm_arm_get_regs(&one, &r, 80000));
    cr_expect_eq(r.cntvoff, 5000);
}

static void has_id(unsigned crm, unsigned op2, uint64_t value)
{
    cr_assert(set(&store, KVM_ARM_SYS(3, 0, 0, crm, op2), &value));
}

/* A Neoverse N1's, as far as they matter. */
Test(kvm_arm, the_hosts_processor_is_what_its_registers_say)
{
    struct arm_cpu_model m;
    has_id(0, 0, 0x413fd0c1);
    has_id(4, 0, 0x1100000011111112); /* A64; A32 at EL0; EL2, EL3; FP16 in both */
    has_id(5, 0, 0x110305408);
    has_id(6, 0, 0x100010211120);
    has_id(6, 1, 0x100001);
    has_id(7, 0, 0x101125);
    has_id(7, 1, 0x10212122);
    has_id(7, 2, 0x1011);
    cr_assert(kvm_arm_read_model(&one, &m));
    cr_expect_str_eq(m.name, "host");
    cr_expect(m.aarch64 && m.host);
    cr_expect_eq(m.midr, 0x413fd0c1);
    cr_expect_eq(m.pa_bits, 48);
    cr_expect_eq(m.breakpoints, 6);
    cr_expect_eq(m.watchpoints, 4);
    static const uint16_t there[] = {ARM_FEAT_FP,      ARM_FEAT_ASIMD,       ARM_FEAT_FP16,
                                     ARM_FEAT_AES,     ARM_FEAT_LSE,         ARM_FEAT_PAN2,
                                     ARM_FEAT_DPB,     ARM_FEAT_LRCPC,       ARM_FEAT_UAO,
                                     ARM_FEAT_DOTPROD, ARM_FEAT_AARCH32_EL0, ARM_FEAT_PMUV3};
    static const uint16_t not_there[] = {ARM_FEAT_SVE,   ARM_FEAT_PAUTH, ARM_FEAT_SHA3,
                                         ARM_FEAT_JSCVT, ARM_FEAT_LPA,   ARM_FEAT_AARCH32_EL1};
    for (unsigned i = 0; i < sizeof there / sizeof *there; i++)
        cr_expect(arm_has(&m, there[i]), "feature %u", i);
    for (unsigned i = 0; i < sizeof not_there / sizeof *not_there; i++)
        cr_expect(!arm_has(&m, not_there[i]), "no feature %u", i);
    uint64_t before = m.id[6][0];
    arm_cpu_model_set(&m, ARM_FEAT_EL3, false);
    cr_expect_eq(m.id[6][0], before, "nobody changes what the processor says");
}

Test(kvm_arm, half_precision_in_one_of_two_fields_is_none)
{
    struct arm_cpu_model m;
    has_id(4, 0, 0x10011); /* FP has it, AdvSIMD not */
    cr_assert(kvm_arm_read_model(&one, &m));
    cr_expect(!arm_has(&m, ARM_FEAT_FP16));
    has_id(4, 0, 0xff0011);
    cr_assert(kvm_arm_read_model(&one, &m));
    cr_expect(!arm_has(&m, ARM_FEAT_FP) && !arm_has(&m, ARM_FEAT_ASIMD));
    has_id(4, 0, 0);
    cr_assert(!kvm_arm_read_model(&one, &m), "no A64");
}
