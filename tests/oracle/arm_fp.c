/*
 * Arm's floating point as the back end compiles it against the interpreter's exact functions:
 * random sequences of VA_* operations and FL_FCMP over a few registers, in random rounding modes,
 * FPCR modes, shapes and widths; operands are NaNs, infinities, zeros, denormals and boundaries
 * half of the time. Registers and cumulative exceptions must be equal.
 *
 * The guest has an instruction set of its own: a record in memory is one operation, anything else
 * x86. One test an operation (the sequences that have it). The seed is fixed; another one can be
 * given as the argument.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tcg/interp/softfp.h"
#include "tcg/ir/arm_fp.h"
#include "tcg/x86/slots.h"
#include "tests/oracle/random_fp.h"
#include "tests/x86_machine.h"

enum {
    MARK = 0xf1, /* INT1: no program of x86's here has it */
    RAM = 64 << 20,
    FIRST = 1 << 16,
    LONGEST = 12,
    ROUNDS = 30000,
    REGS = 8, /* of either kind */
    EXCEPTIONS = SOFTFP_FLAGS & ~SOFTFP_DE,
};

/* An instruction: vector registers and general ones by number. */
struct record {
    uint8_t mark, op, aux, type, dst, a, b, c;
    uint64_t imm;
};
_Static_assert(sizeof(struct record) == 16, "as in memory");

struct state {
    struct x86_vec v[REGS];
    uint64_t gpr[REGS], flags;
    uint32_t exceptions;
};

struct side {
    struct x86_machine x;
    struct tcg_arch arch;
};

/* ---- the front end --------------------------------------------------------------------------- */

static ir_ref vec(struct ir_region *r, unsigned n)
{
    return ir_get(r, SLOT_XMM + n);
}

/* Flags as a condition, or themselves. */
static void translate_compare(struct ir_region *r, const struct record *k)
{
    ir_ref f = ir_emit(r, IR_FL_FCMP, IR_FL, k->aux, vec(r, k->a), vec(r, k->b), 0, 0, k->imm);
    ir_ref yes = ir_emit(r, IR_SETCC, IR_I32, k->c & 15, f, 0, 0, 0, 0);
    if (k->type == IR_FL)
        ir_put(r, SLOT_FLAGS, f);
    ir_put(r, SLOT_GPR + k->dst, ir_zext(r, IR_I64, yes, IR_W32));
}

static void translate_record(struct ir_region *r, const struct record *k)
{
    ir_ref v, g;
    switch (k->op) {
    case IR_VA_1:
        v = ir_emit(r, IR_VA_1, IR_V128, k->aux, vec(r, k->a), 0, 0, 0, k->imm);
        break;
    case IR_VA_2:
        v = ir_emit(r, IR_VA_2, IR_V128, k->aux, vec(r, k->a), vec(r, k->b), 0, 0, k->imm);
        break;
    case IR_VA_3:
        v = ir_emit(r, IR_VA_3, IR_V128, k->aux, vec(r, k->a), vec(r, k->b), vec(r, k->c), 0,
                    k->imm);
        break;
    case IR_VA_FROMI:
        g = ir_get(r, SLOT_GPR + k->a);
        if (ir_afp_to(k->imm) == IR_W32)
            g = ir_trunc(r, g);
        v = ir_emit(r, IR_VA_FROMI, IR_V128, k->aux, g, 0, 0, 0, k->imm);
        break;
    case IR_VA_TOI:
        g = ir_emit(r, IR_VA_TOI, k->type, k->aux, vec(r, k->a), 0, 0, 0, k->imm);
        ir_put(r, SLOT_GPR + k->dst, k->type == IR_I32 ? ir_zext(r, IR_I64, g, IR_W32) : g);
        return;
    default:
        translate_compare(r, k);
        return;
    }
    ir_put(r, SLOT_XMM + k->dst, v);
}

static void translate(struct tcg_translation *t)
{
    uint32_t at = t->page_offset;
    struct record k;
    memcpy(&k, t->page + at, sizeof k);
    if (k.mark != MARK) {
        tcg_arch_x86.translate(t);
        return;
    }
    for (; k.mark == MARK; memcpy(&k, t->page + at, sizeof k)) {
        ir_insn(t->ir, t->rel_base + at, sizeof k);
        translate_record(t->ir, &k);
        at += sizeof k;
    }
    ir_emit(t->ir, IR_EXIT, IR_VOID, 0, 0, 0, 0, 0, (uint64_t)(t->rel_base + at));
    t->len = at - t->page_offset;
}

/* ---- running --------------------------------------------------------------------------------- */

static void side_init(struct side *s, const char *backend)
{
    const char *const options[] = {"backend", backend, "tier2", "off", "verify", "on", NULL};
    const struct x86_machine_config config = {
        .ram = RAM, .model = "max", .options = options, .arch = &s->arch};
    struct vemu_error *err = NULL;
    s->arch = tcg_arch_x86;
    s->arch.translate = translate;
    if (!x86_machine_create(&s->x, &config, &err)) {
        printf("Bail out! %s\n", err ? vemu_error_message(err) : "no machine");
        exit(1);
    }
}

static bool run(struct side *s, uint64_t at, uint32_t mxcsr, struct state *state)
{
    struct x86_regs *r = s->x.r;
    vcpu_reset(s->x.cpu);
    r->cr0 |= X86_CR0_PE;
    r->cr4 |= X86_CR4_OSFXSR;
    for (unsigned n = 0; n < 6; n++)
        r->seg[n] = (struct x86_segment){.limit = 0xffffffff,
                                         .selector = n == X86_CS ? 8 : 16,
                                         .attr = (uint16_t)(X86_SEG_P | X86_SEG_S | X86_SEG_DB |
                                                            X86_SEG_G | (n == X86_CS ? 0xb : 0x3))};
    for (unsigned n = 0; n < REGS; n++) {
        r->vec[n].half[0] = state->v[n];
        r->gpr[n] = state->gpr[n];
    }
    r->rip = at;
    r->mxcsr = mxcsr;
    s->x.tc->arch->reset(s->x.tc);
    s->x.tc->fp_flags = 0;
    s->x.cpu->stop_request = false;
    if (s->x.m.accel->vcpu_run(s->x.cpu) != VCPU_EXIT_HALT)
        return false;
    uint32_t sticky = (s->x.tc->guest_mxcsr | s->x.tc->fp_flags) & SOFTFP_ID;
    s->x.m.accel->get_state(s->x.cpu);
    for (unsigned n = 0; n < REGS; n++) {
        state->v[n] = r->vec[n].half[0];
        state->gpr[n] = r->gpr[n];
    }
    state->flags = s->x.tc->fl & IR_FL_MASK;
    state->exceptions = (r->mxcsr & EXCEPTIONS) | sticky;
    return true;
}

/* ---- programs -------------------------------------------------------------------------------- */

struct kind {
    const char *name;
    uint8_t op, afp;
};
static const struct kind kinds[] = {
    {"add", IR_VA_2, IR_AFP_ADD},         {"subtract", IR_VA_2, IR_AFP_SUB},
    {"multiply", IR_VA_2, IR_AFP_MUL},    {"divide", IR_VA_2, IR_AFP_DIV},
    {"minimum", IR_VA_2, IR_AFP_MIN},     {"maximum", IR_VA_2, IR_AFP_MAX},
    {"minnm", IR_VA_2, IR_AFP_MINNM},     {"maxnm", IR_VA_2, IR_AFP_MAXNM},
    {"mulx", IR_VA_2, IR_AFP_MULX},       {"recps", IR_VA_2, IR_AFP_RECPS},
    {"rsqrts", IR_VA_2, IR_AFP_RSQRTS},   {"cmpeq", IR_VA_2, IR_AFP_CMPEQ},
    {"cmpge", IR_VA_2, IR_AFP_CMPGE},     {"cmpgt", IR_VA_2, IR_AFP_CMPGT},
    {"sqrt", IR_VA_1, IR_AFP_SQRT},       {"round", IR_VA_1, IR_AFP_RINT},
    {"convert", IR_VA_1, IR_AFP_CVT},     {"toint", IR_VA_1, IR_AFP_TOINT},
    {"fromint", IR_VA_1, IR_AFP_FROMINT}, {"recpe", IR_VA_1, IR_AFP_RECPE},
    {"rsqrte", IR_VA_1, IR_AFP_RSQRTE},   {"recpx", IR_VA_1, IR_AFP_RECPX},
    {"roundn", IR_VA_1, IR_AFP_RINTN},    {"fma", IR_VA_3, IR_AFP_FMA},
    {"fmlal", IR_VA_3, IR_AFP_FMLAL},     {"to general", IR_VA_TOI, IR_AFP_TOI},
    {"jcvt", IR_VA_TOI, IR_AFP_JCVT},     {"from general", IR_VA_FROMI, IR_AFP_FROMINT},
    {"compare", IR_FL_FCMP, 0},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* What an operation may have in its imm besides. */
static uint64_t random_imm(uint64_t *seed, const struct kind *k, struct record *r)
{
    uint64_t v = random_next(seed), shape = v & 1 ? IR_AFP_SCALAR : v >> 1 & 1;
    uint64_t imm = ir_afp(k->afp, (unsigned)shape);
    bool rounds = k->afp == IR_AFP_RINT || k->afp == IR_AFP_RINTN || k->afp == IR_AFP_TOINT ||
                  k->afp == IR_AFP_TOI;
    if (rounds)
        imm = ir_afp_rounded(k->afp, (unsigned)shape,
                             k->afp == IR_AFP_RINT && v >> 2 & 1 ? IR_AFP_CURRENT
                                                                 : (v >> 3) % IR_AFP_ODD);
    if (k->afp == IR_AFP_TOINT || k->afp == IR_AFP_FROMINT || k->afp == IR_AFP_TOI) {
        imm |= v >> 6 & 1 ? IR_AFP_UNSIGNED : 0;
        imm |= v >> 7 & 3 ? 0 : (v >> 9 & 31) << IR_AFP_FBITS_SHIFT;
    }
    if (k->afp == IR_AFP_RINT)
        imm |= v >> 14 & 1 ? IR_AFP_EXACT : 0;
    if (k->op == IR_VA_3)
        imm |= (v >> 15 & 1 ? IR_AFP_NEGATE_PRODUCT : 0) |
               (v >> 16 & 1 && k->afp == IR_AFP_FMA ? IR_AFP_NEGATE_ADDEND : 0);
    if (k->afp == IR_AFP_FMLAL)
        r->aux = IR_W32;
    if (k->afp == IR_AFP_JCVT)
        r->aux = IR_W64;
    if (k->afp == IR_AFP_CVT) {
        unsigned to = IR_W16 + (r->aux - IR_W16 + 1 + (v >> 17 & 1)) % 3;
        imm = ir_afp(IR_AFP_CVT, v & 1 ? IR_AFP_SCALAR : IR_AFP_FULL) | to << IR_AFP_TO_SHIFT;
        if (r->aux == IR_W64 && to == IR_W32 && v >> 18 & 1)
            imm = (imm & ~(UINT64_C(7) << IR_AFP_ROUNDING_SHIFT)) | IR_AFP_ODD
                                                                        << IR_AFP_ROUNDING_SHIFT;
    }
    if (k->op == IR_VA_FROMI || k->afp == IR_AFP_RINTN)
        imm |= (v >> 19 & 1 ? IR_W64 : IR_W32) << IR_AFP_TO_SHIFT;
    if (k->op == IR_VA_FROMI || k->op == IR_VA_TOI)
        imm = (imm & ~(UINT64_C(3) << IR_AFP_SHAPE_SHIFT)) | IR_AFP_SCALAR << IR_AFP_SHAPE_SHIFT;
    if (k->op == IR_FL_FCMP)
        imm = v >> 20 & 1;
    return imm;
}

static struct record random_record(uint64_t *seed, const struct kind *k, uint64_t modes)
{
    uint64_t v = random_next(seed);
    struct record r = {.mark = MARK,
                       .op = k->op,
                       .aux = (uint8_t)(v & 7 ? v & 1 ? IR_W64 : IR_W32 : IR_W16),
                       .type = v >> 3 & 1 ? IR_I64 : IR_I32,
                       .dst = v >> 4 & 7,
                       .a = v >> 7 & 7,
                       .b = v >> 10 & 7,
                       .c = v >> 13 & 15};
    r.imm = random_imm(seed, k, &r) | modes;
    if (k->op == IR_VA_3)
        r.c &= 7;
    if (k->afp == IR_AFP_JCVT && k->op == IR_VA_TOI)
        r.type = IR_I64;
    if (k->op == IR_FL_FCMP) {
        r.type = v >> 20 & 1 ? IR_FL : IR_VOID;
        if ((r.c | 1) == IR_CC_NP) /* PF is none of Arm's flags */
            r.c = IR_CC_E;
    }
    return r;
}

/* Products, quotients and conversions of these round to the least normal number, or nearly. */
static uint64_t near_least(uint64_t v)
{
    static const uint64_t of64[] = {UINT64_C(0x0010000000000000), UINT64_C(0x3fefffffffffffff),
                                    UINT64_C(0x0010000000000001), UINT64_C(0x3feffffffffffffe),
                                    UINT64_C(0x000fffffffffffff), UINT64_C(0x3ff0000000000001),
                                    UINT64_C(0x380fffffffffffff), UINT64_C(0x380ffffff0000000)};
    static const uint32_t of32[] = {0x00800000, 0x3f7fffff, 0x00800001, 0x3f7ffffe,
                                    0x007fffff, 0x3f800001, 0,          0x387fffff};
    uint64_t sign = v & UINT64_C(0x8000000080000000);
    if (v & 1)
        return of64[v >> 1 & 7] | (sign & (UINT64_C(1) << 63));
    return ((uint64_t)of32[v >> 1 & 7] << 32 | of32[v >> 4 & 7]) ^ sign;
}

static void random_state(uint64_t *seed, struct state *s)
{
    memset(s, 0, sizeof *s);
    bool least = !(random_next(seed) & 3);
    for (unsigned n = 0; n < REGS; n++) {
        uint64_t how = random_next(seed) & 3;
        for (unsigned h = 0; h < 2; h++)
            s->v[n].u64[h] = least      ? near_least(random_next(seed))
                             : how == 0 ? random_next(seed)
                             : how == 1 ? random_fp(seed, 23, 8) | random_fp(seed, 23, 8) << 32
                             : how == 2
                                 ? random_fp(seed, 10, 5) | random_fp(seed, 10, 5) << 16 |
                                       random_fp(seed, 10, 5) << 32 | random_fp(seed, 10, 5) << 48
                                 : random_fp(seed, 52, 11);
        s->gpr[n] = random_next(seed);
        if (how & 1)
            s->gpr[n] >>= random_next(seed) & 63;
    }
}

static void print_state(const char *what, const struct state *s)
{
    for (unsigned n = 0; n < REGS; n++)
        fprintf(stderr, "  %s v%u %016" PRIx64 "_%016" PRIx64 "  r%u %016" PRIx64 "\n", what, n,
                s->v[n].u64[1], s->v[n].u64[0], n, s->gpr[n]);
    fprintf(stderr, "  %s flags %" PRIx64 " exceptions %x\n", what, s->flags, s->exceptions);
}

static void report(const struct record *k, unsigned count, uint32_t mxcsr, const struct state *in,
                   const struct state *want, const struct state *got)
{
    for (unsigned n = 0; n < count; n++)
        fprintf(stderr, "%s.%u imm %" PRIx64 " type %u: %u <- %u %u %u\n", ir_ops[k[n].op].name,
                k[n].aux, k[n].imm, k[n].type, k[n].dst, k[n].a, k[n].b, k[n].c);
    fprintf(stderr, "mxcsr %x\n", mxcsr);
    print_state("in  ", in);
    print_state("want", want);
    print_state("got ", got);
}

/* A sequence of `count`; kind `one` comes last. */
static bool one_program(struct side *sides, uint64_t *seed, uint64_t at, unsigned one,
                        unsigned count)
{
    struct record k[LONGEST + 1];
    struct state in, out[2];
    uint64_t v = random_next(seed);
    uint64_t modes = v & 1 ? 0 : (v >> 2 & (v & 2 ? 15 : 3)) << IR_AFP_MODES_SHIFT;
    uint32_t mxcsr = 0x1f80 | (v >> 8 & 3) << SOFTFP_RC_SHIFT;
    for (unsigned n = 0; n < count; n++)
        k[n] = random_record(seed, &kinds[n + 1 < count ? random_next(seed) % KINDS : one], modes);
    random_state(seed, &in);
    for (unsigned s = 0; s < 2; s++) {
        uint8_t *to = sides[s].x.ram->host + at;
        memcpy(to, k, count * sizeof *k);
        to[count * sizeof *k] = 0xf4; /* hlt */
        out[s] = in;
        if (!run(&sides[s], at, mxcsr, &out[s])) {
            fprintf(stderr, "%s\n", sides[s].x.cpu->error);
            return false;
        }
    }
    if (!memcmp(&out[0], &out[1], sizeof out[0]))
        return true;
    report(k, count, mxcsr, &in, &out[0], &out[1]);
    return false;
}

static bool test_kind(struct side *sides, uint64_t *seed, unsigned kind, uint64_t *at)
{
    for (unsigned n = 0; n < ROUNDS / KINDS; n++) {
        unsigned count = n % 4 ? 1 + n % LONGEST : 1;
        if ((*at & 0xfff) + (LONGEST + 1) * sizeof(struct record) > 0x1000)
            *at = (*at | 0xfff) + 1;
        if (!one_program(sides, seed, *at, kind, count))
            return false;
        *at += (LONGEST + 1) * sizeof(struct record);
    }
    return true;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, at = FIRST;
    static struct side sides[2];
    unsigned failed = 0;
    side_init(&sides[0], "interp");
    side_init(&sides[1], "jit");
    printf("1..%u\n", KINDS);
    for (unsigned n = 0; n < KINDS; n++) {
        bool ok = test_kind(sides, &seed, n, &at);
        failed += !ok;
        printf("%sok %u - Arm floating point: %s\n", ok ? "" : "not ", n + 1, kinds[n].name);
    }
    for (unsigned n = 0; n < 2; n++)
        x86_machine_free(&sides[n].x);
    return failed != 0;
}
