/* core/cpu/arm_*.c: models and what their ID registers say, reset, registers for debuggers, the
 * generic timer, and the walk without side effects. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "accel/qtest/qtest.h"
#include "core/cpu/arch.h"
#include "core/cpu/arm.h"
#include "core/cpu/debug.h"
#include "core/device/machine.h"
#include "core/gdb/target.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"

static unsigned bits = 64; /* of guests */

static bool parse(struct arm_cpu_model *m, const char *spec, char *why, size_t len)
{
    struct vemu_error *err = NULL;
    bool ok = arm_cpu_model_parse(m, spec, bits, &err);
    cr_assert_eq(ok, err == NULL);
    if (err) {
        snprintf(why, len, "%s", vemu_error_message(err));
        vemu_error_free(err);
    }
    return ok;
}

static struct arm_cpu_model model(const char *spec)
{
    struct arm_cpu_model m;
    char why[300] = "";
    cr_assert(parse(&m, spec, why, sizeof why), "%s: %s", spec, why);
    return m;
}

static void expect_error(const char *spec, const char *part)
{
    struct arm_cpu_model m;
    char why[300] = "";
    cr_expect_not(parse(&m, spec, why, sizeof why), "%s", spec);
    cr_expect(strstr(why, part) != NULL, "%s: %s", spec, why);
}

static unsigned field(uint64_t reg, unsigned shift)
{
    return reg >> shift & 15;
}

#define expect(value, want)                                                                        \
    cr_expect_eq((value), (want), "%s is %llx, not %llx", #value, (unsigned long long)(value),     \
                 (unsigned long long)(want))

/* ---- models ---- */

Test(arm_model, every_named_model_parses)
{
    for (const char *const *n = arm_cpu_model_names(); *n; n++) {
        struct arm_cpu_model m = model(*n);
        cr_expect_str_eq(m.name, *n);
        cr_expect(arm_has(&m, ARM_FEAT_BASE));
        cr_expect(m.breakpoints && m.breakpoints <= ARM_DEBUG_REGS);
        cr_expect(m.watchpoints && m.watchpoints <= ARM_DEBUG_REGS);
        cr_expect_leq(m.pmu_counters, ARM_PMU_COUNTERS);
    }
}

Test(arm_model, id_registers_of_a_first_armv8_processor_have_nothing_of_later_versions)
{
    struct arm_cpu_model m = model("cortex-a57");
    expect(m.id[7][1], 0);
    expect(m.id[7][2], 0);
    expect(m.id[4][1], 0);
    expect(m.id[7][0] & 0xf0f, 4);    /* 44 bits */
    expect(field(m.id[7][0], 20), 0); /* no pages of 16 KiB */
    expect(field(m.id[7][0], 24), 0); /* 64 KiB: yes */
    expect(field(m.id[5][0], 0), 6);
    expect(field(m.id[5][0], 12), 5u);
    expect(field(m.id[5][0], 20), 3u);
}

Test(arm_model, a_feature_and_its_field_go_together)
{
    struct arm_cpu_model m = model("neoverse-n1");
    expect(field(m.id[7][1], 20), 2u);
    expect(field(m.id[7][1], 8), 1u);
    expect(field(m.id[7][1], 0), 2u);
    expect(field(m.id[7][2], 4), 1u);
    m = model("neoverse-n1,pan2=off,hafdbs=off,-uao");
    expect(field(m.id[7][1], 20), 1u);
    expect(field(m.id[7][1], 0), 0u);
    expect(field(m.id[7][2], 4), 0u);
    cr_expect_not(arm_has(&m, ARM_FEAT_HAFDBS));
}

Test(arm_model, what_needs_a_feature_goes_with_it_and_comes_with_it)
{
    struct arm_cpu_model m = model("neoverse-n1,pan=off");
    expect(field(m.id[7][1], 20), 0u);
    cr_expect_not(arm_has(&m, ARM_FEAT_PAN2));
    m = model("neoverse-n1,pan=off,pan2");
    expect(field(m.id[7][1], 20), 2u);
    cr_expect(arm_has(&m, ARM_FEAT_PAN));
    m = model("neoverse-n1,has_el2=off");
    cr_expect_not(m.has_el2);
    cr_expect_not(arm_has(&m, ARM_FEAT_VHE));
    expect(field(m.id[4][0], 8), 0u);
    expect(field(m.id[7][1], 8), 0u);
    expect(m.id[7][0] >> 32 & 0xfff, 0u);
    cr_expect(m.has_el3);
}

Test(arm_model, floating_point_that_is_not_there_reads_as_fifteen)
{
    struct arm_cpu_model m = model("cortex-a57,neon=off");
    expect(field(m.id[4][0], 16), 15u);
    expect(field(m.id[4][0], 20), 15u);
    cr_expect_not(arm_has(&m, ARM_FEAT_FP));
    m = model("cortex-a57");
    expect(m.id[4][0] >> 16 & 0xff, 0u);
}

/* ID_AA64MMFR0 from bit 20 on: TGran16, TGran64, TGran4 and, for stage 2, the same. */
Test(arm_model, granules_with_52_bits_are_said_by_the_granule)
{
    struct arm_cpu_model m = model("max");
    expect(m.id[7][0] >> 20 & 0xffffff, 0x323102u);
    m = model("max,lpa2=off");
    expect(m.id[7][0] >> 20 & 0xffffff, 0x222001u);
    m = model("max,lva=off");
    expect(m.id[7][0] >> 20 & 0xffffff, 0x222001u);
}

Test(arm_model, the_gic_interface_is_the_boards)
{
    struct arm_cpu_model m = model("cortex-a57");
    expect(field(m.id[4][0], 24), 0u);
    m.gic_sysregs = true;
    arm_cpu_model_ids(&m);
    expect(field(m.id[4][0], 24), 1u);
}

Test(arm_model, properties)
{
    struct arm_cpu_model m = model("max,cntfrq=1000000000,pauth-qarma5=on");
    expect(m.cntfrq, 1000000000u);
    cr_expect(m.qarma5);
    expect(model("max").pa_bits, 52);
    expect(field(model("max").id[7][0], 0), 6u);
    expect(model("max,lpa=off").pa_bits, 48);
    expect(field(model("max,lpa=off").id[7][0], 0), 5u);
}

Test(arm_model, errors_name_what_was_seen)
{
    expect_error("cortex-a9", "cortex-a9");
    expect_error("cortex-a57,turbo", "turbo");
    expect_error("cortex-a57,pmu=maybe", "maybe");
    expect_error("cortex-a57,+sve", "sve");
    expect_error("cortex-a57,", "after each comma");
    expect_error("max,cntfrq=7", "cntfrq=7");
}

Test(arm_model, a_32_bit_processor_has_no_registers_of_aarch64)
{
    struct arm_cpu_model m = model("cortex-a15");
    cr_expect_not(m.aarch64);
    cr_expect(arm_has(&m, ARM_FEAT_AARCH32_EL1));
    for (unsigned crm = 4; crm < 8; crm++)
        for (unsigned op2 = 0; op2 < 8; op2++)
            expect(m.id[crm][op2], 0);
    expect(m.id[1][0], 0x131u);
    expect(m.id[1][2], 0x02000005u);
    expect(m.id[1][4], 0x10201105u);
    expect(m.id[2][0], 0x02101110u);
    expect(m.id[3][1], 0x11111111u);
}

/* AArch32 has more than Armv7 there, and nothing of AArch64. */
Test(arm_model, max_is_what_the_guests_have)
{
    cr_expect(model("max").aarch64);
    bits = 32;
    struct arm_cpu_model m = model("max");
    cr_expect_not(m.aarch64);
    cr_expect(arm_has(&m, ARM_FEAT_A32_V8) && arm_has(&m, ARM_FEAT_A32_DOTPROD));
    cr_expect_not(arm_has(&m, ARM_FEAT_A32_FP16) || arm_has(&m, ARM_FEAT_PAN));
    expect(m.id[2][5] & 0xffffff, 0x00011121u); /* AES, PMULL, SHA1, SHA256, CRC32; SEVL */
    expect(model("cortex-a15").midr, 0x412fc0f1u);
}

Test(arm_model, affinities_of_many_processors_differ)
{
    struct arm_cpu_model m = model("cortex-a57");
    expect(arm_mpidr(&m, 0), 0x80000000u);
    expect(arm_mpidr(&m, 9), 0x80000101u);
    m.gic_sysregs = true;
    expect(arm_mpidr(&m, 9), 0x80000009u);
    expect(arm_mpidr(&m, 35), 0x80000203u);
    m = model("neoverse-n1"); /* MT: cores are affinity level 1 */
    m.gic_sysregs = true;
    expect(arm_mpidr(&m, 17), 0x81010100u);
}

/* ---- reset and check ---- */

Test(arm_state, reset_is_in_the_highest_level)
{
    static const struct {
        const char *spec;
        unsigned el;
    } cases[] = {{"cortex-a57", 3}, {"cortex-a57,el3=off", 2}, {"cortex-a57,el3=off,el2=off", 1}};
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct arm_cpu_model m = model(cases[i].spec);
        struct arm_regs r;
        arm_regs_reset(&r, &m);
        expect(arm_el(&r), cases[i].el);
        expect(r.pstate & (ARM_D | ARM_A | ARM_I | ARM_F),
               (unsigned)(ARM_D | ARM_A | ARM_I | ARM_F));
        cr_expect(arm_regs_check(&r, &m, NULL));
        arm_regs_enter(&r, &m, 1);
        expect(arm_el(&r), 1u);
        cr_expect_not(r.secure);
        if (m.has_el2)
            cr_expect(r.hcr >> 31 & 1);
        cr_expect(arm_regs_check(&r, &m, NULL));
    }
}

Test(arm_state, states_that_no_processor_has_are_refused)
{
    struct arm_cpu_model m = model("cortex-a57,el3=off");
    static const uint32_t bad[] = {0xd, 0xc, 0x1, 0x6, 0x14, 0x16, 0x1a};
    struct arm_regs r;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct vemu_error *err = NULL;
        arm_regs_reset(&r, &m);
        r.pstate = bad[i];
        cr_expect_not(arm_regs_check(&r, &m, &err), "%x", bad[i]);
        vemu_error_free(err);
    }
    arm_regs_reset(&r, &m);
    r.excl_size = 3;
    cr_expect_not(arm_regs_check(&r, &m, NULL));
    r.excl_size = 8;
    r.excl_addr = 0x1004;
    cr_expect_not(arm_regs_check(&r, &m, NULL));
}

Test(arm_state, states_that_no_32_bit_processor_has_are_refused)
{
    struct arm_cpu_model m = model("cortex-a15,el2=off,el3=off");
    struct arm_regs r;
    static const struct {
        uint64_t pstate, pc, x3;
    } cases[] = {
        {ARM_MODE_SVC, 0x1000, 7},         /* one that it has */
        {ARM_MODE_SVC | ARM_T, 0x1002, 7}, /* and another */
        {ARM_MODE_HYP, 0x1000, 0},
        {ARM_MODE_MON, 0x1000, 0},
        {0x15, 0x1000, 0},
        {5, 0x1000, 0}, /* AArch64 */
        {ARM_MODE_SVC, 0x1002, 0},
        {ARM_MODE_SVC | ARM_T, 0x1001, 0},
        {ARM_MODE_SVC, UINT64_C(0x100001000), 0},
        {ARM_MODE_SVC, 0x1000, UINT64_C(0x100000000)},
        {ARM_MODE_SVC | 1 << 10, 0x1000, 0}, /* IT without T32 */
    };
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        arm_regs_reset(&r, &m);
        r.pstate = cases[n].pstate;
        r.pc = cases[n].pc;
        r.x[3] = cases[n].x3;
        cr_expect_eq(arm_regs_check(&r, &m, NULL), n < 2, "case %u", n);
    }
}

/* ---- a vCPU that does not run ---- */

static struct vemu_machine m;
static struct mem_region ram_region;
static struct ram_block *ram;
static struct arm_cpu_model cpu_model;
static struct vcpu *cpu;
static struct arm_regs *r;

enum { RAM_SIZE = 1 << 20 };

static void start(const char *spec)
{
    struct vemu_error *err = NULL;
    cr_assert(machine_init(&m, &err));
    ram = ram_block_new(&m.rams, "ram", RAM_SIZE, false, &err);
    cr_assert(ram);
    mem_region_init_ram(&ram_region, "ram", ram, 0, RAM_SIZE);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), 0, &ram_region, 0);
    machine_unlock(&m);
    m.accel = qtest_accel();
    cr_assert(m.accel->machine_init(&m, &err));
    cpu_model = model(spec);
    for (unsigned i = 0; i < 2; i++)
        cpu = vcpu_new(&m, ARCH_ARM, i, &cpu_model, &err);
    cr_assert(cpu);
    r = cpu->regs;
}
static void setup(void)
{
    start("neoverse-n1");
}
static void teardown(void)
{
    machine_destroy(&m);
}

TestSuite(arm_vcpu, .init = setup, .fini = teardown);

Test(arm_vcpu, processors_but_the_first_wait_for_psci)
{
    cr_expect_not(m.vcpus[0]->halted);
    cr_expect(cpu->halted);
    expect(r->powered_off, 1);
    expect(r->vmpidr, 0x81000100u);
    cpu->start.pc = 0x1234;
    cpu->start.arg = 99;
    arm_cpu_start(cpu);
    expect(arm_el(r), 2u);
    expect(r->pc, 0x1234u);
    expect(r->x[0], 99u);
    expect(r->powered_off, 0);
    cr_expect_not(cpu->halted);
    cr_expect(arm_regs_check(r, &cpu_model, NULL));
}

static uint64_t reg_get(const char *name)
{
    const struct cpu_register *reg = cpu_register_find(ARCH_ARM, name);
    uint8_t bytes[CPU_REGISTER_MAX] = {0};
    cr_assert(reg, "%s", name);
    cpu_register_read(cpu, reg, bytes);
    return load_le64(bytes);
}
static bool reg_set(const char *name, uint64_t value)
{
    const struct cpu_register *reg = cpu_register_find(ARCH_ARM, name);
    uint8_t bytes[CPU_REGISTER_MAX] = {0};
    store_le64(bytes, value);
    return cpu_register_write(cpu, reg, bytes, NULL);
}

Test(arm_vcpu, the_stack_pointer_in_use_is_the_one_of_its_level)
{
    cr_assert(reg_set("cpsr", 0x3c5));
    cr_expect(reg_set("sp", 0x1000));
    cr_expect(reg_set("sp_el0", 0x2000));
    expect(reg_get("sp_el1"), 0x1000u);
    cr_expect(reg_set("cpsr", 0x3c4));
    expect(reg_get("sp"), 0x2000u);
    expect(reg_get("sp_el1"), 0x1000u);
    cr_expect(reg_set("sp_el0", 0x3000));
    expect(reg_get("sp"), 0x3000u);
}

Test(arm_vcpu, a_debugger_cannot_make_an_impossible_mode)
{
    const uint64_t before = reg_get("cpsr");
    cr_expect_not(reg_set("cpsr", 0x1));
    cr_expect_not(reg_set("cpsr", 0x1f));
    cr_expect_not(reg_set("midr_el1", 1));
    expect(reg_get("cpsr"), before);
    expect(reg_get("midr_el1"), 0x414fd0c1u);
}

Test(arm_vcpu, gdb_gets_every_register_that_is_described)
{
    const struct gdb_target *t = gdb_target_of(cpu);
    char *xml = gdb_target_xml(t);
    cr_assert(xml);
    cr_expect(strstr(xml, "<architecture>aarch64</architecture>"));
    cr_expect(strstr(xml, "org.gnu.gdb.aarch64.core"));
    cr_expect(strstr(xml, "org.gnu.gdb.aarch64.fpu"));
    for (unsigned n = 0; gdb_target_register(t, n); n++) {
        const struct gdb_register *g = gdb_target_register(t, n);
        const struct cpu_register *c = cpu_register_find(ARCH_ARM, g->source);
        cr_assert(c, "%s", g->source);
        cr_expect_leq(c->size, g->size);
    }
    free(xml);
    expect(cpu_debug_pc(cpu), r->pc);
    cr_expect_str_eq(cpu_pc_name(ARCH_ARM), "pc");
}

static void setup32(void)
{
    start("cortex-a15,el2=off,el3=off");
}
TestSuite(arm_vcpu32, .init = setup32, .fini = teardown);

Test(arm_vcpu32, gdb_gets_every_register_that_is_described)
{
    const struct gdb_target *t = gdb_target_of(cpu);
    char *xml = gdb_target_xml(t);
    cr_assert(xml);
    cr_expect(strstr(xml, "<architecture>arm</architecture>"));
    cr_expect(strstr(xml, "org.gnu.gdb.arm.core"));
    cr_expect(strstr(xml, "org.gnu.gdb.arm.vfp"));
    cr_expect_str_eq(gdb_target_register(t, 15)->name, "pc");
    for (unsigned n = 0; gdb_target_register(t, n); n++)
        cr_expect(cpu_register_find(ARCH_ARM, gdb_target_register(t, n)->source), "%s",
                  gdb_target_register(t, n)->source);
    free(xml);
}

Test(arm_vcpu32, a_debugger_changes_the_mode_and_sees_all_banks)
{
    expect(reg_get("cpsr"), 0x1d3u); /* SVC */
    cr_expect(reg_set("x13", 0x1111));
    cr_expect(reg_set("sp_irq", 0x2222));
    cr_expect(reg_set("spsr_irq", 0x60000010));
    expect(reg_get("sp_svc"), 0x1111u);
    cr_expect(reg_set("cpsr", 0x1d2)); /* IRQ */
    expect(reg_get("x13"), 0x2222u);
    expect(reg_get("sp_svc"), 0x1111u);
    cr_expect(reg_set("sp_irq", 0x3333));
    expect(reg_get("x13"), 0x3333u);
    expect(reg_get("spsr_irq"), 0x60000010u);
    cr_expect_not(reg_set("cpsr", 0x1da), "HYP is not there");
    cr_expect_not(reg_set("cpsr", 0x1d4), "nor is that");
    expect(reg_get("cpsr"), 0x1d2u);
}

Test(arm_vcpu32, d_registers_are_halves_of_vectors)
{
    cr_expect(reg_set("d6", 0x1234567890));
    cr_expect(reg_set("d7", 0x77));
    expect(r->v[3].u64[0], UINT64_C(0x1234567890));
    expect(r->v[3].u64[1], 0x77u);
    cr_expect(reg_set("fpscr", 0xf9c0009f));
    expect(r->fpsr, 0xf800009fu);
    expect(r->fpcr, 0x01c00000u);
    expect(reg_get("fpscr"), 0xf9c0009fu);
}

Test(arm_vcpu, a_timer_is_due_when_the_counter_gets_there)
{
    int64_t deadline;
    struct arm_timer_regs *t = &r->timer[ARM_TIMER_PHYS];
    machine_lock(&m);
    clock_step(m.clocks, 1000000); /* 1 ms: 62,500 ticks */
    machine_unlock(&m);
    expect(arm_counter(cpu), 62500u);
    cr_expect_not(arm_timer_output(cpu, ARM_TIMER_PHYS, &deadline));
    expect(deadline, INT64_MAX);
    t->ctl = 1;
    t->cval = 62501;
    cr_expect_not(arm_timer_output(cpu, ARM_TIMER_PHYS, &deadline));
    expect(deadline, 1000016);
    t->cval = 62500;
    cr_expect(arm_timer_output(cpu, ARM_TIMER_PHYS, &deadline));
    t->ctl = 3;
    cr_expect_not(arm_timer_output(cpu, ARM_TIMER_PHYS, &deadline));
    expect(deadline, INT64_MAX);
    t->ctl = 1;
    t->cval = UINT64_MAX;
    cr_expect_not(arm_timer_output(cpu, ARM_TIMER_PHYS, &deadline));
    expect(deadline, INT64_MAX);
}

Test(arm_vcpu, the_virtual_timer_runs_behind_by_its_offset)
{
    int64_t deadline;
    struct arm_timer_regs *t = &r->timer[ARM_TIMER_VIRT];
    machine_lock(&m);
    clock_step(m.clocks, 1000000);
    machine_unlock(&m);
    r->cntvoff = 500;
    *t = (struct arm_timer_regs){.ctl = 1, .cval = 62001};
    cr_expect_not(arm_timer_output(cpu, ARM_TIMER_VIRT, &deadline));
    expect(deadline, 1000016);
    t->cval = 62000;
    cr_expect(arm_timer_output(cpu, ARM_TIMER_VIRT, &deadline));
    r->cntvoff = 62501; /* has not begun to count: the unsigned difference is past everything */
    cr_expect(arm_timer_output(cpu, ARM_TIMER_VIRT, &deadline));
}

static void pass_ns(int64_t ns)
{
    machine_lock(&m);
    clock_step(m.clocks, ns);
    machine_unlock(&m);
}
static int64_t clock_ns(void)
{
    return clock_now(m.clocks, VCLOCK_VIRTUAL);
}

/* An event counter has 32 bits, the cycle counter 64 with PMCR.LC. */
Test(arm_vcpu, counters_overflow_when_their_cycles_have_passed)
{
    int64_t deadline;
    const int64_t from = clock_ns();
    r->pmccntr_base = from;
    r->pmcr = ARM_PMCR_E;
    r->pmcnten = UINT64_C(1) << 31 | 6;
    r->pmevtyper[1] = ARM_PMU_EVENT_CYCLES;
    r->pmevtyper[2] = 0x3c; /* an event that there is not */
    r->pmevcntr[1] = 0xffffff00;
    r->pmevcntr[2] = 0xffffffff;
    r->pmccntr = UINT64_C(0x7fffffe00);
    cr_expect_not(arm_pmu_output(cpu, &deadline));
    expect(deadline, INT64_MAX); /* no interrupt is enabled */
    r->pminten = UINT64_C(1) << 31 | 7;
    cr_expect_not(arm_pmu_output(cpu, &deadline));
    expect(deadline, from + 256);
    r->pmcr |= ARM_PMCR_LC;
    r->pminten = UINT64_C(1) << 31;
    cr_expect_not(arm_pmu_output(cpu, &deadline));
    expect(deadline, INT64_MAX); /* in centuries */
    r->pmcr &= ~(uint64_t)ARM_PMCR_LC;
    cr_expect_not(arm_pmu_output(cpu, &deadline));
    expect(deadline, from + 512);
    pass_ns(511);
    cr_expect_not(arm_pmu_output(cpu, &deadline));
    expect(arm_pmu_overflows(r, clock_ns()), 2u);
    expect(arm_pmu_count(r, 1, clock_ns()), 255u);
    expect(arm_pmu_count(r, 2, clock_ns()), 0xffffffffu);
    expect(arm_pmu_count(r, ARM_PMU_CYCLES, clock_ns()), UINT64_C(0x7ffffffff));
    pass_ns(1);
    cr_expect(arm_pmu_output(cpu, &deadline));
    r->pmcr = 0; /* off: nothing is said, and nothing counts */
    cr_expect_not(arm_pmu_output(cpu, &deadline));
    r->pmcr = ARM_PMCR_E;
    arm_pmu_collect(r, clock_ns());
    expect(r->pmovs, UINT64_C(1) << 31 | 2);
    expect(r->pmccntr, UINT64_C(0x800000000));
    cr_expect(arm_pmu_output(cpu, &deadline));
    r->pmovs = 0;
    cr_expect_not(arm_pmu_output(cpu, &deadline));
    expect(deadline, clock_ns() + (INT64_C(1) << 32));
}

Test(arm_vcpu, state_is_saved_and_loaded_whole)
{
    const struct cpu_arch_ops *ops = cpu_arch_ops(cpu);
    struct state_writer *w = state_writer_new();
    struct arm_regs *copy = aligned_alloc(_Alignof(struct arm_regs), sizeof *copy);
    struct state_section s;
    const void *data;
    size_t len;
    memset(copy, 0, sizeof *copy);
    for (unsigned i = 0; i < 31; i++)
        r->x[i] = i * UINT64_C(0x123456789);
    r->v[31].u64[1] = 7;
    r->pauth[4][1] = 8;
    r->timer[4].cval = 9;
    r->excl_value[1] = 10;
    cr_assert(state_save_section(w, "arm-regs", 1, ops->state_version, ops->state, r));
    cr_assert(state_writer_finish(w, &data, &len));
    struct state_reader *reader = state_reader_new(data, len, NULL);
    cr_assert(state_reader_next(reader, &s, NULL));
    cr_assert(state_load_section(&s, ops->state_version, ops->state, copy, NULL));
    cr_expect_arr_eq(copy, r, sizeof *r);
    free(copy);
    state_reader_free(reader);
    state_writer_free(w);
}

/* ---- the debugger's walk ---- */

static void put64(uint64_t addr, uint64_t value)
{
    store_le64(ram->host + addr, value);
}
static uint64_t translate(uint64_t vaddr)
{
    uint64_t paddr;
    return cpu_debug_translate(cpu, vaddr, &paddr) ? paddr : UINT64_MAX;
}

static void el1(uint64_t tcr)
{
    arm_regs_reset(r, &cpu_model);
    arm_regs_enter(r, &cpu_model, 1);
    r->sctlr[1] |= 1;
    r->tcr[1] = tcr | UINT64_C(5) << 32;
}

Test(arm_vcpu, off_is_flat)
{
    arm_regs_reset(r, &cpu_model);
    arm_regs_enter(r, &cpu_model, 1);
    expect(translate(0x12345), 0x12345u);
    expect(translate(UINT64_C(1) << 50), UINT64_MAX);
}

Test(arm_vcpu, tables_of_4_kib)
{
    el1(25 | 25 << 16 | UINT64_C(2) << 30); /* 39 bits: from level 1 */
    r->ttbr0[1] = 0x1000 | UINT64_C(7) << 48;
    r->ttbr1[1] = 0x5000;
    put64(0x1000 + 8, 0x2003);
    put64(0x2000 + 16, 0x3003);
    put64(0x3000 + 24, 0x7003 | 1 << 10);
    put64(0x2000 + 24, 0x40200001);
    put64(0x5000 + 511 * 8, 0x80000001);
    expect(translate(UINT64_C(0x40403abc)), 0x7abcu);
    expect(translate(UINT64_C(0x40612345)), 0x40212345u);
    expect(translate(UINT64_C(0xffffffffc0001234)), 0x80001234u);
    expect(translate(UINT64_C(0x40404000)), UINT64_MAX);
    expect(translate(UINT64_C(1) << 39), UINT64_MAX);
    /* A tag in the top byte. */
    expect(translate(UINT64_C(0x5a00000040403abc)), UINT64_MAX);
    r->tcr[1] |= UINT64_C(1) << 37;
    expect(translate(UINT64_C(0x5a00000040403abc)), 0x7abcu);
}

Test(arm_vcpu, tables_of_16_and_64_kib)
{
    el1(28 | 2 << 14); /* 36 bits, 16 KiB: from level 2, 11 bits of index */
    r->ttbr0[1] = 0x4000;
    put64(0x4000 + 8, 0x8003);
    put64(0x8000 + 16, 0xc003);
    expect(translate((UINT64_C(1) << 25) + (2 << 14) + 0x123), 0xc123u);
    el1(22 | 1 << 14); /* 42 bits, 64 KiB: from level 2, 13 bits */
    r->ttbr0[1] = 0x10000;
    put64(0x10000 + 8, 0x20003);
    put64(0x20000 + 8, 0x30003);
    expect(translate((UINT64_C(1) << 29) + (1 << 16) + 0x5678), 0x35678u);
}

Test(arm_vcpu, two_stages)
{
    el1(25);
    r->ttbr0[1] = 0x40001000; /* intermediate: 1 GiB up */
    r->hcr |= 1;
    r->vtcr = 25 | 1 << 6 | 5 << 16; /* 39 bits from level 1 */
    r->vttbr = 0x8000;
    put64(0x8000 + 8, 0x9003);
    for (unsigned page = 0; page < 16; page++)
        put64(0xa000 + page * 8, page << 12 | 3 | 3 << 6);
    put64(0x9000, 0xa003);
    put64(0x1000, 0x40002003);
    put64(0x2000, 0x40003003);
    put64(0x3000, 0x4000b003);
    expect(translate(0x123), 0xb123u);
    r->sctlr[1] &= ~UINT64_C(1);
    expect(translate(0x40004321), 0x4321u);
    expect(translate(0x80000000), UINT64_MAX);
}
