/*
 * Every vector operation of the IR against the host CPU's own instruction: random operands, half of
 * the floating-point ones NaN, infinity, zero, denormal or at a boundary, and random MXCSR
 * (rounding, DAZ, FTZ). Results and exception flags must be equal bit for bit. PCMPxSTRx, which is
 * a helper, is compared in the same way.
 *
 * One test a case. The seed is fixed; another one can be given as the argument.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__x86_64__)
#include "core/util/range.h"
#include "tcg/cpu.h"
#include "tcg/interp/vector.h"
#include "tcg/x86/helpers.h"
#include "tests/oracle/oracle_vendor.h"
#include "tests/oracle/random_fp.h"
#include "tests/oracle/vector_ops.h"

enum { ROUNDS = 40000, MXCSR_MASKS = 0x1f80, MXCSR_FLAGS = 0x3f };

/* What the emitted code works on; RDI points to it. */
struct run {
    struct x86_vec256 v[3], r; /* a, b, c, result */
    uint64_t x, out, flags;
    uint32_t mxcsr;
};

struct host {
    uint8_t *code;
    uint64_t seed;
};

static uint64_t next_random(struct host *h)
{
    return random_next(&h->seed);
}

/* ---- the host's instruction ------------------------------------------------------------------ */

static void emit_operation(struct emit *e, const struct vector_case *k, bool wide, unsigned imm)
{
    bool has_imm = k->immediate != NO_IMM;
    uint32_t opcode = k->opcode | (wide ? OPC_L : 0u);
    switch ((enum shape)k->shape) {
    case SHAPE_AB:
        emit_vex_rr(e, opcode, 0, 1, 2);
        break;
    case SHAPE_A:
        emit_vex_rr(e, opcode, 0, NO_REG, 1);
        break;
    case SHAPE_B:
        emit_vex_rr(e, opcode, 0, NO_REG, 2);
        break;
    case SHAPE_ABC:
        emit_vex_rr(e, opcode, 0, 1, 2);
        emit_u8(e, 3 << 4);
        break;
    case SHAPE_GROUP:
        emit_vex_rr(e, opcode, k->ext, 0, 1);
        break;
    case SHAPE_FROM:
        emit_vex_rr(e, opcode, 0, NO_REG, RAX);
        break;
    case SHAPE_INSERT:
        emit_vex_rr(e, opcode, 0, 1, RAX);
        break;
    case SHAPE_LANE:
        emit_vex_rr(e, opcode, 1, NO_REG, RCX);
        break;
    case SHAPE_TO:
        emit_vex_rr(e, opcode, RCX, NO_REG, 1);
        break;
    case SHAPE_FLAGS:
        emit_vex_rr(e, opcode, 1, NO_REG, 2);
        break;
    case SHAPE_FMA:
        emit_vex_rr(e, V_MOVAPS | (wide ? OPC_L : 0u), 0, NO_REG, 1);
        emit_vex_rr(e, opcode, 0, 2, 3);
        break;
    case SHAPE_STORED:
        emit_vex_rr(e, opcode, 1, NO_REG, 0);
        break;
    case SHAPE_LEGACY:
        emit_vex_rr(e, V_MOVAPS, 4, NO_REG, 1);
        emit_vex_rr(e, V_MOVAPS, 0, NO_REG, 3);
        emit_rr(e, opcode, 4, 2);
        if (has_imm)
            emit_u8(e, imm);
        emit_vex_rr(e, V_MOVAPS, 0, NO_REG, 4);
        return;
    }
    if (has_imm)
        emit_u8(e, imm);
}

#define AT(field) mem_at(RDI, (int32_t)offsetof(struct run, field))

static struct emit emit_prologue(struct host *h)
{
    struct emit e = {.p = h->code, .start = h->code, .end = h->code + 4096};
    emit_vex_rm(&e, V_MOVDQU_LOAD | OPC_L, 0, NO_REG, AT(r));
    for (int n = 0; n < 3; n++)
        emit_vex_rm(&e, V_MOVDQU_LOAD | OPC_L, 1 + n, NO_REG, AT(v[n]));
    emit_load(&e, true, RAX, AT(x));
    emit_rm(&e, 0xae | MAP_0F, 2, AT(mxcsr)); /* ldmxcsr */
    return e;
}

static void emit_epilogue(struct emit *e)
{
    emit_u8(e, 0x9f); /* lahf */
    emit_rr(e, X_SETCC | CC_O, 0, RAX);
    emit_store(e, 8, RAX, AT(flags));
    emit_store(e, 8, RCX, AT(out));
    emit_rm(e, 0xae | MAP_0F, 3, AT(mxcsr)); /* stmxcsr */
    emit_vex_rm(e, V_MOVDQU_STORE | OPC_L, 0, NO_REG, AT(r));
    emit_vzeroupper(e);
    emit_u8(e, 0xc3);
}

static void emit_case(struct host *h, const struct vector_case *k, bool wide, unsigned imm)
{
    struct emit e = emit_prologue(h);
    emit_operation(&e, k, wide, imm);
    emit_epilogue(&e);
}

static void call_host(const struct host *h, struct run *run)
{
    uint32_t saved = __builtin_ia32_stmxcsr();
    void (*fn)(struct run *);
    memcpy(&fn, &h->code, sizeof fn);
    fn(run);
    __builtin_ia32_ldmxcsr(saved);
}

/* ---- operands -------------------------------------------------------------------------------- */

static struct x86_vec random_vec(struct host *h, enum operands kind)
{
    struct x86_vec v = {{next_random(h), next_random(h)}};
    uint64_t how = next_random(h);
    for (unsigned n = 0; n < 2; n++) {
        if (kind == FP64)
            v.u64[n] = random_fp(&h->seed, 52, 11);
        else if (kind == FP32)
            v.u64[n] = random_fp(&h->seed, 23, 8) | random_fp(&h->seed, 23, 8) << 32;
        else if (kind == COUNT && how & 3)
            v.u64[n] &= how & 4 ? 0x7f : 0xff00000000;
        else if (!(how >> 3 & 7)) /* lanes at their limits */
            v.u64[n] = (v.u64[n] & UINT64_C(0x8080808080808080)) ^
                       (how >> 6 & 1 ? UINT64_C(0x7fff7fff7fff7fff) : 0);
    }
    return v;
}

static uint32_t random_mxcsr(struct host *h)
{
    uint64_t v = next_random(h);
    uint32_t m = MXCSR_MASKS | (v & 3) << 13;
    if (!(v & 12))
        m |= 1 << 6;
    if (!(v & 48))
        m |= 1 << 15;
    return v & 64 ? m : m | (v >> 8 & MXCSR_FLAGS);
}

/* ---- comparison ------------------------------------------------------------------------------ */

static void print_vec(const char *what, const struct x86_vec256 *v)
{
    fprintf(stderr, "  %-4s", what);
    for (unsigned n = 4; n-- > 0;)
        fprintf(stderr, "%c%016llx", n < 3 ? '_' : ' ',
                (unsigned long long)v->half[n / 2].u64[n % 2]);
    fprintf(stderr, "\n");
}

static void print_run(const char *name, unsigned imm, const struct run *in, const struct run *host,
                      const struct run *ours)
{
    static const char *const names[] = {"a", "b", "c"};
    fprintf(stderr, "%s imm %02x mxcsr %04x x %llx\n", name, imm, in->mxcsr,
            (unsigned long long)in->x);
    for (unsigned n = 0; n < 3; n++)
        print_vec(names[n], &in->v[n]);
    for (unsigned n = 0; n < 2; n++) {
        const struct run *r = n ? ours : host;
        print_vec(n ? "ours" : "host", &r->r);
        fprintf(stderr, "       out %llx flags %04llx mxcsr %04x\n", (unsigned long long)r->out,
                (unsigned long long)r->flags, r->mxcsr);
    }
}

/* 256-bit operations that give 128. */
static bool narrows(const struct ir_insn *i)
{
    return i->op == IR_VF_TOH || ((i->op == IR_VF_TOI32 || i->op == IR_VF_CVT) && i->aux == IR_W64);
}

static struct ir_insn insn_of(const struct vector_case *k, bool wide, unsigned imm)
{
    struct ir_insn i = {.op = k->op, .type = k->type, .aux = k->aux, .imm = k->imm};
    if (k->immediate == IMM)
        i.imm |= imm;
    else if (k->immediate == IMM_HIGH)
        i.imm |= imm << 8;
    if (wide && i.type == IR_V128 && !narrows(&i))
        i.type = IR_V256;
    return i;
}

/* Is there the same with VEX.L? Scalars ignore it, moves from and to general registers and some
 * others have no such form. */
static bool has_wide_form(const struct vector_case *k)
{
    bool scalar = k->op >= IR_VF_ADD && k->op != IR_VF_TOI32 && (k->imm & 1);
    switch (k->op) {
    case IR_V_MOVLANE:
    case IR_V_LOW:
    case IR_V_HMINPOS:
    case IR_V_INSERTPS:
    case IR_V_AESIMC:
    case IR_V_AESKEY:
    case IR_VF_CVTS:
    case IR_FL_COMIS:
        return false;
    case IR_VF_DP:
        return k->aux == IR_W32;
    case IR_V_MOVMSK:
    case IR_FL_PTEST:
        return true;
    default:
        return k->type >= IR_V128 && !scalar && k->shape != SHAPE_FROM &&
               k->shape != SHAPE_INSERT && k->shape != SHAPE_LEGACY;
    }
}

static bool run_ours(const struct ir_insn *i, bool wide, const struct run *in,
                     const struct run *host, struct run *ours)
{
    *ours = *in;
    if (i->type >= IR_V128) {
        uint64_t x = in->x;
        if (i->op == IR_V_FROM && i->aux == IR_W32)
            x = (uint32_t)x;
        interp_vector_any(i, wide, in->v, x, &ours->mxcsr, &ours->r);
        return !memcmp(&ours->r, &host->r, sizeof ours->r) && ours->mxcsr == host->mxcsr;
    }
    uint64_t v = wide ? interp_vector_any_to_int(i, in->v, &ours->mxcsr)
                      : interp_vector_to_int(i, in->v[0].half[0], in->v[1].half[0], &ours->mxcsr);
    if (i->type == IR_FL) {
        ours->flags = v;
        return !((v ^ host->flags) & IR_FL_MASK) && ours->mxcsr == host->mxcsr;
    }
    ours->out = i->type == IR_I32 ? (uint32_t)v : v;
    return ours->out == host->out && ours->mxcsr == host->mxcsr;
}

static bool check_round(struct host *h, const struct vector_case *k, bool wide, unsigned imm)
{
    struct ir_insn i = insn_of(k, wide, imm);
    struct run in = {.x = next_random(h)}, host, ours;
    for (unsigned n = 0; n < 2; n++) {
        in.v[0].half[n] = random_vec(h, k->operands);
        in.v[1].half[n] = next_random(h) & 7 ? random_vec(h, k->operands) : in.v[0].half[n];
        in.v[2].half[n] = random_vec(h, k->shape == SHAPE_FMA ? k->operands : ANY);
    }
    in.mxcsr = random_mxcsr(h);
    if (!(next_random(h) & 3))
        in.x = (uint64_t)((int64_t)in.x >> (in.x & 63));
    host = in;
    call_host(h, &host);
    if (run_ours(&i, wide, &in, &host, &ours))
        return true;
    print_run(k->name, imm, &in, &host, &ours);
    return false;
}

static bool check_case(struct host *h, const struct vector_case *k, bool wide)
{
    unsigned imms = k->immediate == NO_IMM ? 1 : k->mask + 1u, failures = 0;
    for (unsigned imm = 0; imm < imms && failures < 3; imm++) {
        emit_case(h, k, wide, imm);
        for (unsigned n = 0; n < (imms > 32 ? ROUNDS / 64 : ROUNDS / imms) && failures < 3; n++)
            failures += !check_round(h, k, wide, imm);
    }
    return !failures;
}

/* ---- string comparisons -----------------------------------------------------------------------
 */

/* The helper works on a vCPU's scratch space and register file alone. */
struct fake_cpu {
    struct tcg_cpu tc;
    struct x86_regs regs;
};

/* Few different characters, so that there is something to find; sometimes a terminator. */
static struct x86_vec random_string(struct host *h)
{
    uint64_t how = next_random(h);
    uint64_t mask = how & 1 ? UINT64_C(0x0003000300030003) : UINT64_C(0x0303030303030303);
    struct x86_vec v = {{next_random(h), next_random(h)}};
    if (!(how & 14))
        return v;
    for (unsigned n = 0; n < 2; n++) {
        v.u64[n] &= mask;
        if (how & 16) /* no zero */
            v.u64[n] |= mask & UINT64_C(0x0101010101010101);
        if (how & 32)
            v.u64[n] ^= UINT64_C(0x8080808080808080);
    }
    return v;
}

static bool check_string(struct host *h, struct fake_cpu *cpu, unsigned op, unsigned imm)
{
    /* pcmpXstrX xmm1, xmm2, imm with lengths in RAX and RDX, REX.W: the legacy form writes XMM0 */
    struct emit e = emit_prologue(h);
    uint64_t len2 = next_random(h) % 41 - 20;
    emit_mov_imm(&e, RDX, len2);
    emit_rr(&e, op | MAP_0F3A | PP_66 | OPC_W, 1, 2);
    emit_u8(&e, imm);
    emit_epilogue(&e);

    struct run in = {.x = next_random(h) % 41 - 20, .mxcsr = MXCSR_MASKS};
    in.v[0].half[0] = random_string(h);
    in.v[1].half[0] = random_string(h);
    struct run host = in, ours = in;
    call_host(h, &host);

    uint64_t what = imm | (op & 2 ? 0 : X86_PCMPSTR_EXPLICIT);
    memcpy(&cpu->tc.scratch[0], &in.v[0], 16);
    memcpy(&cpu->tc.scratch[4], &in.v[1], 16);
    uint64_t r = op & 1 ? x86_helper_pcmpstri(&cpu->regs, what, in.x, len2, 0)
                        : x86_helper_pcmpstrm(&cpu->regs, what, in.x, len2, 0);
    ours.flags = r >> 32;
    ours.r.half[0] = cpu->regs.vec[0].half[0];
    ours.out = (uint32_t)r;
    bool same = op & 1 ? ours.out == host.out : !memcmp(&ours.r, &host.r, 16);
    if (same && !((ours.flags ^ host.flags) & IR_FL_MASK))
        return true;
    print_run(op & 1 ? "pcmpstri" : "pcmpstrm", imm, &in, &host, &ours);
    return false;
}

static bool check_strings(struct host *h, unsigned op)
{
    struct fake_cpu *cpu = aligned_alloc(128, align_up(sizeof *cpu, 128));
    unsigned failures = 0;
    if (!cpu)
        return false;
    memset(cpu, 0, sizeof *cpu);
    for (unsigned imm = 0; imm < 256; imm++)
        for (unsigned n = 0; n < 400 && failures < 3; n++)
            failures += !check_string(h, cpu, op, imm);
    free(cpu);
    return !failures;
}

/* ---- main -------------------------------------------------------------------------------------
 */

static bool host_has(const struct vector_case *k)
{
    switch (k->op) {
    case IR_VF_FMA:
        return __builtin_cpu_supports("fma");
    case IR_VF_FROMH:
    case IR_VF_TOH:
        return __builtin_cpu_supports("f16c");
    case IR_V_AESENC:
    case IR_V_AESENCLAST:
    case IR_V_AESDEC:
    case IR_V_AESDECLAST:
        return __builtin_cpu_supports("vaes");
    case IR_V_AESIMC:
    case IR_V_AESKEY:
        return __builtin_cpu_supports("aes");
    case IR_V_CLMUL:
        return __builtin_cpu_supports("vpclmulqdq");
    case IR_V_GFMUL:
    case IR_V_GFAFFINE:
    case IR_V_GFAFFINEINV:
        return __builtin_cpu_supports("gfni");
    default:
        return k->shape != SHAPE_LEGACY || __builtin_cpu_supports("sha");
    }
}

int main(int argc, char **argv)
{
    static const char *const strings[] = {"pcmpestrm", "pcmpestri", "pcmpistrm", "pcmpistri"};
    struct host h = {.seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20260701};
    unsigned count = 0, failed = 0;

    if (!__builtin_cpu_supports("avx2")) {
        printf("1..0 # SKIP the host CPU has no AVX2\n");
        return 0;
    }
    h.code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (h.code == MAP_FAILED) {
        printf("1..0 # SKIP the host allows no memory that is writable and executable\n");
        return 0;
    }
    fprintf(stderr, "seed %llu\n", (unsigned long long)h.seed);
    for (size_t n = 0; n < ARRAY_SIZE(vector_cases); n++) {
        const struct vector_case *k = &vector_cases[n];
        if (!host_has(k)) {
            printf("ok %u - %s # SKIP the host CPU has no such instruction\n", ++count, k->name);
            continue;
        }
        if (k->op == IR_VF_DP && !host_is_intel()) {
            printf("ok %u - %s # SKIP of several NaNs other makers' processors take another\n",
                   ++count, k->name);
            continue;
        }
        for (unsigned wide = k->type == IR_V256; wide <= has_wide_form(k); wide++) {
            bool ok = check_case(&h, k, wide);
            printf("%sok %u - %s%s\n", ok ? "" : "not ", ++count, k->name, wide ? " ymm" : "");
            failed += !ok;
        }
    }
    for (unsigned n = 0; n < ARRAY_SIZE(strings); n++) {
        bool ok = check_strings(&h, 0x60 + n);
        printf("%sok %u - %s\n", ok ? "" : "not ", ++count, strings[n]);
        failed += !ok;
    }
    printf("1..%u\n", count);
    fflush(stdout);
    munmap(h.code, 4096);
    return failed != 0;
}

#else

int main(void)
{
    printf("1..0 # SKIP the reference is an x86-64 host\n");
    return 0;
}

#endif
