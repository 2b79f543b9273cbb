/* tcg/x86 translation: every instruction form gives valid IR in every mode, and how regions begin
 * and end. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/range.h"
#include "tcg/ir/ir.h"
#include "tcg/x86/translate.h"
#include "tests/unit/x86_decode_data.h"

struct job {
    struct tcg_translation t;
    struct ir_region ir;
    struct ir_insn *storage;
    uint8_t page[4096];
};

static struct job *job_new(void)
{
    struct job *j = calloc(1, sizeof *j);
    cr_assert(j);
    j->storage = calloc(IR_MAX_INSNS + 1, sizeof *j->storage);
    cr_assert(j->storage);
    memset(j->page, 0x90, sizeof j->page);
    return j;
}

static void job_free(struct job *j)
{
    free(j->storage);
    free(j);
}

static void translate(struct job *j, uint64_t mode, uint32_t offset, unsigned max, bool single)
{
    ir_region_init(&j->ir, j->storage, tcg_arch_x86.slots, tcg_arch_x86.slot_count,
                   tcg_arch_x86.helpers, tcg_arch_x86.helper_count);
    j->t = (struct tcg_translation){.ir = &j->ir,
                                    .pc = 0x1000 + offset,
                                    .mode = mode,
                                    .page_offset = offset,
                                    .max_insns = max,
                                    .single = single,
                                    .page = j->page};
    x86_translate(&j->t);
}

static void print_line(void *opaque, const char *text)
{
    (void)opaque;
    fprintf(stderr, "%s\n", text);
}

static void expect_valid(struct job *j, const char *what)
{
    char why[200] = "";
    bool ok = !j->ir.overflow && ir_verify(&j->ir, why, sizeof why);
    if (!ok)
        ir_print(&j->ir, print_line, NULL);
    cr_assert(ok, "%s: %s", what, why);
    ir_finish(&j->ir);
    ok = ir_verify(&j->ir, why, sizeof why);
    cr_assert(ok, "%s, finished: %s", what, why);
}

static void put_code(struct job *j, uint32_t offset, const char *hex)
{
    for (size_t k = 0; hex[2 * k] && offset + k < sizeof j->page; k++) {
        unsigned v = 0;
        sscanf(hex + 2 * k, "%2x", &v);
        j->page[offset + k] = (uint8_t)v;
    }
}

static const struct ir_insn *last(const struct job *j)
{
    uint32_t n = j->ir.count - 1;
    while (n && j->ir.insns[n].op == IR_NOP)
        n--;
    return &j->ir.insns[n];
}

static unsigned count_ops(const struct job *j, enum ir_op op)
{
    unsigned n = 0;
    for (uint32_t k = 1; k < j->ir.count; k++)
        n += j->ir.insns[k].op == op;
    return n;
}

#define FLAT64                                                                                     \
    ((uint64_t)(MODE_CODE64 | MODE_LONG | MODE_PROTECTED | MODE_FLAT_CS | MODE_FLAT_DATA))
#define FLAT32                                                                                     \
    ((uint64_t)(MODE_CODE32 | MODE_STACK32 | MODE_PROTECTED | MODE_FLAT_CS | MODE_FLAT_DATA))

static const uint64_t modes64[] = {
    FLAT64,
    FLAT64 | 3,
    FLAT64 | MODE_PARALLEL,
    FLAT64 | MODE_TF,
    FLAT64 | MODE_STI_SHADOW | MODE_BREAKPOINTS,
    FLAT64 | MODE_AC | 3,
    FLAT64 | MODE_X87_UNMASKED,
    FLAT64 | MODE_CR4_FSGSBASE | MODE_CR4_OSXSAVE | MODE_CR4_OSFXSR,
};
static const uint64_t modes32[] = {
    FLAT32,
    FLAT32 | 3 | MODE_PARALLEL,
    MODE_CODE32 | MODE_STACK32 | MODE_PROTECTED,
    MODE_CODE32 | MODE_PROTECTED | MODE_FLAT_DATA,
    FLAT32 | MODE_TF | MODE_AC | 3,
};
static const uint64_t modes16[] = {
    0,
    MODE_PROTECTED,
    MODE_PROTECTED | MODE_V86 | 3,
    MODE_PROTECTED | MODE_STACK32 | MODE_FLAT_DATA,
    MODE_TF | MODE_BREAKPOINTS,
};

static void check_in_modes(struct job *j, const char *hex, const uint64_t *modes, size_t count)
{
    for (size_t m = 0; m < count; m++)
        for (unsigned single = 0; single < 2; single++) {
            char what[96];
            snprintf(what, sizeof what, "%s mode %llx%s", hex, (unsigned long long)modes[m],
                     single ? " single" : "");
            translate(j, modes[m], 0x100, single ? 1 : 3, single);
            expect_valid(j, what);
        }
}

Test(x86_translate, every_known_encoding_gives_valid_ir_in_every_mode)
{
    struct job *j = job_new();
    for (size_t k = 0; k < ARRAY_SIZE(known_encodings); k++) {
        const struct known_encoding *e = &known_encodings[k];
        memset(j->page, 0x90, sizeof j->page);
        put_code(j, 0x100, e->hex);
        if (e->bits == 64)
            check_in_modes(j, e->hex, modes64, ARRAY_SIZE(modes64));
        else if (e->bits == 32)
            check_in_modes(j, e->hex, modes32, ARRAY_SIZE(modes32));
        else
            check_in_modes(j, e->hex, modes16, ARRAY_SIZE(modes16));
    }
    job_free(j);
}

Test(x86_translate, random_code_gives_valid_ir)
{
    struct job *j = job_new();
    uint64_t seed = 42;
    for (unsigned n = 0; n < 20000; n++) {
        for (unsigned k = 0; k < 128; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            j->page[0x100 + k] = (uint8_t)(seed >> 56);
        }
        uint64_t mode = n % 3 == 0   ? modes64[(seed >> 20) % ARRAY_SIZE(modes64)]
                        : n % 3 == 1 ? modes32[(seed >> 20) % ARRAY_SIZE(modes32)]
                                     : modes16[(seed >> 20) % ARRAY_SIZE(modes16)];
        char what[64];
        snprintf(what, sizeof what, "round %u mode %llx", n, (unsigned long long)mode);
        translate(j, mode, 0x100, 16, false);
        expect_valid(j, what);
    }
    job_free(j);
}

Test(x86_translate, a_region_ends_at_a_jump)
{
    struct job *j = job_new();
    put_code(j, 0x100,
             "4801c8"
             "eb10"
             "90");
    translate(j, FLAT64, 0x100, 100, false);
    expect_valid(j, "jmp");
    cr_expect_eq(j->ir.guest_insns, 2);
    cr_expect_eq(j->t.len, 5);
    cr_expect_eq(last(j)->op, IR_EXIT);
    cr_expect_eq(last(j)->imm, 0x115);
    cr_expect_eq(last(j)->aux, 0);
    job_free(j);
}

Test(x86_translate, a_backward_branch_polls_and_one_to_another_page_crosses)
{
    struct job *j = job_new();
    put_code(j, 0x100, "ebfe");
    translate(j, FLAT64, 0x100, 100, false);
    cr_expect_eq(last(j)->aux, IR_EXIT_POLL);
    put_code(j, 0x100, "e900200000");
    translate(j, FLAT64, 0x100, 100, false);
    cr_expect_eq(last(j)->aux, IR_EXIT_CROSS);
    put_code(j, 0x100, "e900e0ffff");
    translate(j, FLAT64, 0x100, 100, false);
    cr_expect_eq(last(j)->aux, IR_EXIT_CROSS | IR_EXIT_POLL);
    job_free(j);
}

Test(x86_translate, a_conditional_branch_has_two_exits)
{
    struct job *j = job_new();
    put_code(j, 0x100,
             "39c8"
             "7410");
    translate(j, FLAT64, 0x100, 100, false);
    expect_valid(j, "cmp je");
    cr_expect_eq(count_ops(j, IR_BRCC), 1);
    cr_expect_eq(last(j)->op, IR_EXIT);
    cr_expect_eq(last(j)->imm, 0x104);
    job_free(j);
}

Test(x86_translate, a_region_stops_in_front_of_an_instruction_that_straddles_the_page)
{
    struct job *j = job_new();
    put_code(j, 4093,
             "90"
             "4801");
    translate(j, FLAT64, 4093, 100, false);
    expect_valid(j, "straddle");
    cr_expect_eq(j->ir.guest_insns, 1);
    cr_expect_eq(last(j)->imm, 4094);
    job_free(j);
}

Test(x86_translate, a_region_ends_at_the_page_end_and_at_max_insns)
{
    struct job *j = job_new();
    translate(j, FLAT64, 4090, 100, false);
    expect_valid(j, "page end");
    cr_expect_eq(j->ir.guest_insns, 6);
    cr_expect_eq(last(j)->imm, 4096);
    cr_expect_eq(last(j)->aux, IR_EXIT_CROSS);
    translate(j, FLAT64, 0, 7, false);
    cr_expect_eq(j->ir.guest_insns, 7);
    cr_expect_eq(last(j)->imm, 7);
    job_free(j);
}

Test(x86_translate, a_single_instruction_goes_back_to_the_run_loop_and_polls)
{
    struct job *j = job_new();
    put_code(j, 0x100, "7410");
    translate(j, FLAT64, 0x100, 100, true);
    expect_valid(j, "single");
    cr_expect_eq(j->ir.guest_insns, 1);
    cr_expect_eq(last(j)->op, IR_EXIT_DYN);
    cr_expect_eq(last(j)->aux, 1);
    cr_expect_eq(count_ops(j, IR_BRCC), 0);
    job_free(j);
}

Test(x86_translate, undefined_code_raises_and_ends_the_region)
{
    struct job *j = job_new();
    put_code(j, 0x100,
             "90"
             "0f0b");
    translate(j, FLAT64, 0x100, 100, false);
    expect_valid(j, "ud2");
    cr_expect_eq(j->ir.guest_insns, 2);
    cr_expect_eq(count_ops(j, IR_TRAPNZ), 1);
    cr_expect_eq(j->t.len, 3);
    job_free(j);
}

Test(x86_translate, privileged_instructions_raise_outside_ring_0)
{
    struct job *j = job_new();
    put_code(j, 0x100, "f4");
    translate(j, FLAT64 | 3, 0x100, 100, false);
    expect_valid(j, "hlt");
    cr_expect_eq(count_ops(j, IR_TRAPNZ), 1);
    cr_expect_eq(count_ops(j, IR_CALL), 0);
    translate(j, FLAT64, 0x100, 100, false);
    cr_expect_eq(count_ops(j, IR_TRAPNZ), 0);
    cr_expect_eq(count_ops(j, IR_CALL), 1);
    job_free(j);
}

Test(x86_translate, flat_segments_cost_nothing)
{
    struct job *j = job_new();
    put_code(j, 0x100,
             "8b4304"
             "c3"); /* mov eax, [ebx+4]; ret */
    translate(j, FLAT32, 0x100, 100, false);
    expect_valid(j, "flat");
    cr_expect_eq(count_ops(j, IR_CALL), 0);
    cr_expect_eq(count_ops(j, IR_TRAPNZ), 0);
    translate(j, FLAT32 & ~(uint64_t)MODE_FLAT_DATA, 0x100, 1, false);
    expect_valid(j, "not flat");
    cr_expect_eq(count_ops(j, IR_CALL), 1);
    job_free(j);
}

Test(x86_translate, lock_is_atomic_only_with_other_vcpus)
{
    struct job *j = job_new();
    put_code(j, 0x100, "f00103");
    translate(j, FLAT64, 0x100, 1, false);
    cr_expect_eq(count_ops(j, IR_FETCH_ADD), 0);
    cr_expect_eq(count_ops(j, IR_ST), 1);
    translate(j, FLAT64 | MODE_PARALLEL, 0x100, 1, false);
    expect_valid(j, "lock add");
    cr_expect_eq(count_ops(j, IR_FETCH_ADD), 1);
    cr_expect_eq(count_ops(j, IR_ST), 0);
    job_free(j);
}

Test(x86_translate, division_after_sign_extension_needs_one_word)
{
    struct job *j = job_new();
    put_code(j, 0x100,
             "99"
             "f7f9"); /* cdq; idiv ecx */
    translate(j, FLAT64, 0x100, 2, false);
    expect_valid(j, "cdq idiv");
    cr_expect_eq(count_ops(j, IR_SDIVX), 1);
    for (uint32_t k = 1; k < j->ir.count; k++)
        if (j->ir.insns[k].op == IR_SDIVX)
            cr_expect_eq(j->ir.insns[k].type, IR_I32);
    job_free(j);
}

/* ---- x87 ------------------------------------------------------------------------------------ */

static struct job *translate_x87(const char *hex, uint64_t mode)
{
    struct job *j = job_new();
    put_code(j, 0x100, hex);
    translate(j, mode, 0x100, (unsigned)strlen(hex) / 4, false);
    expect_valid(j, hex);
    return j;
}

Test(x86_translate, x87_needs_no_calls)
{
    static const char *const t[] = {
        "dd00d8c9dd18", /* fld [rax]; fmul st(1); fstp [rax] */
        "d8d1dfe0",     /* fcom st(1); fnstsw ax */
        "d9fbd9f6ddc0", /* fsincos; fdecstp; ffree st(0) */
        "dbe9dac1",     /* fucomi st(1); fcmovb st(1) */
        "d928df38d928", /* fldcw [rax]; fistp [rax]; fldcw [rax] */
    };
    for (unsigned k = 0; k < ARRAY_SIZE(t); k++) {
        struct job *j = translate_x87(t[k], FLAT64);
        cr_assert_eq(count_ops(j, IR_X87_BEGIN), 1, "%s", t[k]);
        cr_assert_eq(count_ops(j, IR_CALL), 0, "%s", t[k]);
        job_free(j);
    }
}

Test(x86_translate, x87_with_unmasked_exceptions_is_all_helpers)
{
    struct job *j = translate_x87("d9e8dd00d8c9dd18", FLAT64 | MODE_X87_UNMASKED | MODE_CR0_NE);
    cr_assert_eq(count_ops(j, IR_X87_BEGIN), 0);
    cr_assert_eq(count_ops(j, IR_CALL), 4);
    job_free(j);
}

Test(x86_translate, mmx_behind_x87_finds_its_state_in_the_register_file)
{
    /* fld1; paddb mm1, mm0 */
    struct job *j = translate_x87("d9e80ffcc8", FLAT64 | MODE_CR0_NE);
    uint32_t op = 0, end = 0;
    for (uint32_t k = 1; k < j->ir.count; k++) {
        op = j->ir.insns[k].op == IR_X87_REG ? k : op;
        end = j->ir.insns[k].op == IR_X87_END ? k : end;
    }
    cr_assert(op && end > op);
    job_free(j);
}
