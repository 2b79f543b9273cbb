/* tcg/x86: MMX and SSE - decoding, valid IR in every mode, and the rules around an instruction. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/range.h"
#include "tcg/x86/translate.h"
#include "tests/unit/x86_sse_data.h"

#define FLAT64                                                                                     \
    ((uint64_t)(MODE_CODE64 | MODE_LONG | MODE_PROTECTED | MODE_FLAT_CS | MODE_FLAT_DATA))
#define FLAT32                                                                                     \
    ((uint64_t)(MODE_CODE32 | MODE_STACK32 | MODE_PROTECTED | MODE_FLAT_CS | MODE_FLAT_DATA))
#define SSE_ON ((uint64_t)(MODE_CR4_OSFXSR | MODE_CR0_NE))

struct job {
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
    return j;
}

static void job_free(struct job *j)
{
    free(j->storage);
    free(j);
}

static void print_line(void *opaque, const char *text)
{
    (void)opaque;
    fprintf(stderr, "%s\n", text);
}

/* One instruction, checked by the verifier before and after dead code is gone. */
static void translate(struct job *j, uint64_t mode, const char *hex)
{
    char why[200] = "";
    memset(j->page, 0x90, sizeof j->page);
    for (size_t k = 0; hex[2 * k]; k++) {
        unsigned v = 0;
        sscanf(hex + 2 * k, "%2x", &v);
        j->page[0x100 + k] = (uint8_t)v;
    }
    ir_region_init(&j->ir, j->storage, tcg_arch_x86.slots, tcg_arch_x86.slot_count,
                   tcg_arch_x86.helpers, tcg_arch_x86.helper_count);
    struct tcg_translation t = {.ir = &j->ir,
                                .pc = 0x1100,
                                .mode = mode,
                                .page_offset = 0x100,
                                .max_insns = 1,
                                .page = j->page};
    x86_translate(&t);
    bool ok = !j->ir.overflow && ir_verify(&j->ir, why, sizeof why);
    if (ok) {
        ir_finish(&j->ir);
        ok = ir_verify(&j->ir, why, sizeof why);
    }
    if (!ok)
        ir_print(&j->ir, print_line, NULL);
    cr_assert(ok, "%s mode %llx: %s", hex, (unsigned long long)mode, why);
}

static const struct ir_insn *find_op(const struct job *j, enum ir_op op)
{
    for (uint32_t n = 1; n < j->ir.count; n++)
        if (j->ir.insns[n].op == op)
            return &j->ir.insns[n];
    return NULL;
}

/* The exception that is raised in any case, or -1. */
static int raised(const struct job *j)
{
    const struct ir_insn *t = find_op(j, IR_TRAPNZ);
    uint64_t v;
    return t && ir_is_const(&j->ir, t->a, &v) && v ? (int)(t->imm & 0xff) : -1;
}

Test(x86_sse, lengths_and_names_are_those_of_binutils)
{
    for (size_t k = 0; k < ARRAY_SIZE(sse_encodings); k++) {
        const struct sse_encoding *e = &sse_encodings[k];
        uint8_t buf[16] = {0};
        struct x86_insn i;
        char name[32] = "";
        for (size_t n = 0; n < e->len; n++) {
            unsigned v = 0;
            sscanf(e->hex + 2 * n, "%2x", &v);
            buf[n] = (uint8_t)v;
        }
        for (unsigned code64 = e->rex; code64 < 2; code64++) {
            uint64_t mode = code64 ? FLAT64 : FLAT32;
            enum x86_decode_status status = x86_decode(&i, buf, e->len, mode, NULL);
            if (status == X86_DECODE_OK)
                x86_insn_name(&i, name, sizeof name);
            cr_expect(status == X86_DECODE_OK && i.len == e->len && !strcmp(name, e->name),
                      "%s: status %d, length %u, '%s' is not '%s'", e->hex, status, i.len, name,
                      e->name);
        }
    }
}

Test(x86_sse, every_known_encoding_gives_valid_ir_in_every_mode)
{
    static const uint64_t modes[] = {
        FLAT64 | SSE_ON,
        FLAT64 | SSE_ON | MODE_XM_UNMASKED,
        FLAT64 | MODE_CR4_OSFXSR | MODE_TF,
        FLAT64 | SSE_ON | MODE_AC | 3,
        FLAT32 | SSE_ON,
        FLAT32 | SSE_ON | MODE_XM_UNMASKED,
        MODE_CODE32 | MODE_PROTECTED | SSE_ON | MODE_XM_UNMASKED,
        MODE_CODE32 | MODE_PROTECTED | MODE_V86 | MODE_CR4_OSFXSR | 3,
    };
    struct job *j = job_new();
    for (size_t k = 0; k < ARRAY_SIZE(sse_encodings); k++)
        for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
            const struct sse_encoding *e = &sse_encodings[k];
            if (e->rex && !(modes[m] & MODE_CODE64))
                continue;
            translate(j, modes[m], e->hex);
            /* ldmxcsr and emms, too, are not undefined here */
            cr_expect_eq(raised(j), -1, "%s mode %llx", e->hex, (unsigned long long)modes[m]);
        }
    job_free(j);
}

Test(x86_sse, legacy_sse_leaves_the_upper_halves_alone)
{
    struct job *j = job_new();
    for (size_t k = 0; k < ARRAY_SIZE(sse_encodings); k++) {
        translate(j, FLAT64 | SSE_ON, sse_encodings[k].hex);
        for (uint32_t n = 1; n < j->ir.count; n++) {
            const struct ir_insn *i = &j->ir.insns[n];
            cr_expect(i->op != IR_PUT || i->aux < SLOT_YMMH || i->aux >= SLOT_YMMH + 16, "%s",
                      sse_encodings[k].hex);
        }
    }
    job_free(j);
}

Test(x86_sse, the_control_registers_make_it_undefined_or_unavailable)
{
    static const struct {
        uint64_t mode;
        int sse, mmx;
    } cases[] = {
        {SSE_ON, -1, -1},
        {MODE_CR0_NE, X86_UD, -1}, /* MMX needs no OSFXSR */
        {SSE_ON | MODE_CR0_TS, X86_NM, X86_NM},
        {SSE_ON | MODE_CR0_EM, X86_UD, X86_UD},
        {SSE_ON | MODE_CR0_EM | MODE_CR0_TS, X86_UD, X86_UD},
        {SSE_ON | MODE_CR0_MP, -1, -1},
    };
    struct job *j = job_new();
    for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
        translate(j, FLAT64 | cases[k].mode, "0f58c1"); /* addps */
        cr_expect_eq(raised(j), cases[k].sse, "case %zu", k);
        translate(j, FLAT64 | cases[k].mode, "660fefc1"); /* pxor xmm */
        cr_expect_eq(raised(j), cases[k].sse, "case %zu", k);
        translate(j, FLAT64 | cases[k].mode, "0fefc1"); /* pxor mm */
        cr_expect_eq(raised(j), cases[k].mmx, "case %zu", k);
    }
    job_free(j);
}

Test(x86_sse, memory_operands_of_16_bytes_are_aligned_unless_the_instruction_is_unaligned)
{
    static const struct {
        const char *hex;
        unsigned width;
        bool aligned;
    } loads[] = {
        {"0f2803", IR_W128, true},        /* movaps */
        {"0f1003", IR_W128, false},       /* movups */
        {"660f6f03", IR_W128, true},      /* movdqa */
        {"f30f6f03", IR_W128, false},     /* movdqu */
        {"f20ff003", IR_W128, false},     /* lddqu */
        {"0f5803", IR_W128, true},        /* addps */
        {"f30f5803", IR_W32, false},      /* addss */
        {"f20f5803", IR_W64, false},      /* addsd */
        {"660ffc03", IR_W128, true},      /* paddb */
        {"0f5a03", IR_W64, false},        /* cvtps2pd */
        {"660f3a630300", IR_W128, false}, /* pcmpistri */
        {"660f382a03", IR_W128, true},    /* movntdqa */
        {"0ffc03", IR_W64, false},        /* paddb mm */
        {"660f3a210300", IR_W32, false},  /* insertps */
    };
    static const struct {
        const char *hex;
        bool aligned;
    } stores[] = {
        {"0f2903", true},
        {"0f1103", false},
        {"660fe703", true},
        {"f30f7f03", false},
    };
    struct job *j = job_new();
    for (size_t k = 0; k < ARRAY_SIZE(loads); k++) {
        translate(j, FLAT64 | SSE_ON, loads[k].hex);
        const struct ir_insn *ld = find_op(j, IR_LD);
        cr_assert(ld, "%s", loads[k].hex);
        cr_expect_eq(ld->imm & IR_MEM_SIZE, loads[k].width, "%s", loads[k].hex);
        cr_expect_eq((ld->imm & IR_MEM_ALIGN) != 0, loads[k].aligned, "%s", loads[k].hex);
    }
    for (size_t k = 0; k < ARRAY_SIZE(stores); k++) {
        translate(j, FLAT64 | SSE_ON, stores[k].hex);
        const struct ir_insn *st = find_op(j, IR_ST);
        cr_assert(st, "%s", stores[k].hex);
        cr_expect_eq((st->imm & IR_MEM_ALIGN) != 0, stores[k].aligned, "%s", stores[k].hex);
    }
    job_free(j);
}

Test(x86_sse, pending_x87_exceptions_are_looked_at_before_memory)
{
    struct job *j = job_new();
    translate(j, FLAT64 | SSE_ON, "0ffc03"); /* paddb mm0, [rbx] */
    const struct ir_insn *trap = find_op(j, IR_TRAPNZ), *ld = find_op(j, IR_LD);
    cr_assert(trap && ld);
    cr_expect_eq(trap->imm, X86_TRAP(X86_MF));
    cr_expect(trap < ld);
    job_free(j);
}

/* ---- unmasked exceptions ----------------------------------------------------------------------
 */

struct fake_cpu {
    struct tcg_cpu tc;
    struct x86_regs regs;
};

static struct fake_cpu *fake_new(uint32_t mxcsr)
{
    struct fake_cpu *f = aligned_alloc(128, align_up(sizeof *f, 128));
    cr_assert(f);
    memset(f, 0, sizeof *f);
    f->regs.mxcsr = mxcsr;
    f->regs.cr4 = X86_CR4_OSXMMEXCPT;
    f->tc.guest_mxcsr = 0x1f80;
    return f;
}

static const uint64_t one = 0x3f800000, three = 0x40400000, denormal = 1;

static void divide(struct fake_cpu *f, uint64_t a, uint64_t b)
{
    f->tc.scratch[0] = a;
    f->tc.scratch[4] = b;
    f->tc.scratch[12] = 99;
    x86_helper_sse_fp(&f->regs, X86_SSE_FP(IR_VF_DIV, IR_V128, IR_W32), 1, 0, 0);
}

Test(x86_sse, no_fp_operation_is_inline_when_an_exception_is_unmasked)
{
    struct job *j = job_new();
    translate(j, FLAT64 | SSE_ON | MODE_XM_UNMASKED, "0f58c1");
    cr_expect_null(find_op(j, IR_VF_ADD));
    const struct ir_insn *call = find_op(j, IR_CALL);
    cr_assert(call);
    cr_expect_eq(call->imm, HELPER_ID(sse_fp));
    job_free(j);
}

Test(x86_sse, a_masked_exception_sets_its_flag_and_gives_a_result)
{
    struct fake_cpu *f = fake_new(0x1f80);
    divide(f, one, three);
    cr_expect_eq(f->tc.status, TCG_OK);
    cr_expect_eq(f->tc.scratch[12], 0x3eaaaaab);
    cr_expect_eq(f->tc.guest_mxcsr & 0x3f, 0x20);
    free(f);
}

Test(x86_sse, an_unmasked_exception_is_raised_before_the_result)
{
    struct fake_cpu *f = fake_new(0x1f80 & ~0x1000u); /* precision */
    divide(f, one, three);
    cr_expect_eq(f->tc.status, TCG_EXCEPTION);
    cr_expect_eq(f->tc.exc_vector, X86_XM);
    cr_expect_eq(f->tc.scratch[12], 99);
    cr_expect_eq(f->tc.guest_mxcsr & 0x3f, 0x20);
    free(f);
}

Test(x86_sse, without_osxmmexcpt_it_is_an_undefined_instruction)
{
    struct fake_cpu *f = fake_new(0x1f80 & ~0x200u); /* zero divide */
    f->regs.cr4 = 0;
    divide(f, one, 0);
    cr_expect_eq(f->tc.exc_vector, X86_UD);
    cr_expect_eq(f->tc.guest_mxcsr & 0x3f, 0x04);
    free(f);
}

Test(x86_sse, an_unmasked_denormal_operand_hides_what_the_result_would_have_raised)
{
    struct fake_cpu *f = fake_new(0x1f80 & ~0x100u); /* denormal */
    divide(f, denormal, three);
    cr_expect_eq(f->tc.exc_vector, X86_XM);
    cr_expect_eq(f->tc.guest_mxcsr & 0x3f, 0x02);
    free(f);
}

Test(x86_sse, flags_that_were_set_before_raise_nothing)
{
    struct fake_cpu *f = fake_new((0x1f80 & ~0x200u) | 0x04);
    divide(f, one, three);
    cr_expect_eq(f->tc.status, TCG_OK);
    free(f);
}
