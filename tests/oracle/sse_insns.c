/*
 * MMX and SSE instructions against the host CPU: each is translated to IR, the IR is evaluated here
 * over a register file, and the instruction itself runs on the host with the same registers, memory
 * and MXCSR. XMM and general registers, memory, arithmetic flags, MXCSR and the x87 state that MMX
 * leaves must be equal. Half of the runs take the path for unmasked exceptions.
 *
 * One test a mnemonic. The seed is fixed; another one can be given as the argument.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__x86_64__)
#include "core/util/range.h"
#include "tcg/cpu.h"
#include "tcg/host/x86_64/emit.h"
#include "tcg/interp/vector.h"
#include "tcg/x86/helpers.h"
#include "tests/oracle/oracle_vendor.h"
#include "tests/unit/x86_sse_data.h"

enum {
    ROUNDS = 1000,
    MEM_SIZE = 64,
    OPERAND_AT = 16,    /* where in the memory the operand lies */
    DISPLACEMENT = 0x11 /* of the memory operand in the encodings */
};

/* FXSAVE's image, the fields that count. SDM vol. 1, chapter on x87, FXSAVE area. */
struct fxsave {
    uint16_t fcw, fsw;
    uint8_t ftw, pad0;
    uint16_t fop;
    uint64_t fip, fdp;
    uint32_t mxcsr, mxcsr_mask;
    struct x86_vec st[8], xmm[16];
    uint8_t rest[96];
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct fxsave) == 512, "FXSAVE area");

/* All the state of an instruction; what the emitted code works on, RDI and then R15 point to it. */
struct state {
    struct fxsave fx;
    uint64_t gpr[8], flags;
    uint8_t mem[MEM_SIZE];
};

struct fake_cpu {
    struct tcg_cpu tc;
    struct x86_regs regs;
};

struct test {
    uint64_t seed;
    uint8_t *code;
    struct fake_cpu *cpu;
    struct ir_insn *storage;
    struct ir_region ir;
    uint8_t page[4096];
    uint8_t mem[MEM_SIZE] __attribute__((aligned(16))); /* what both run on */
    uint8_t insn[16];
    unsigned len;
};

static uint64_t next_random(struct test *t)
{
    uint64_t z = t->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- the host ----------------------------------------------------------------------------------
 */

#define AT(field) mem_at(R15, (int32_t)offsetof(struct state, field))

static void emit_registers(struct emit *e, bool load)
{
    for (int r = 0; r < 8; r++) {
        struct host_mem m = mem_at(R15, (int32_t)offsetof(struct state, gpr) + 8 * r);
        if (r == RSP)
            continue;
        if (load)
            emit_load(e, true, r, m);
        else
            emit_store(e, 8, r, m);
    }
}

static void push_pop(struct emit *e, bool push)
{
    static const uint8_t regs[] = {RBX, RBP, R15};
    for (unsigned k = 0; k < 3; k++) {
        int r = regs[push ? k : 2 - k];
        emit_opcode(e, (push ? 0x50u : 0x58u) | (unsigned)(r & 7), 0, NO_REG, r, false);
    }
}

static void run_host(struct test *t, struct state *s)
{
    struct emit e = {.p = t->code, .start = t->code, .end = t->code + 4096};
    void (*fn)(struct state *);
    push_pop(&e, true);
    emit_mov(&e, true, R15, RDI);
    emit_rm(&e, 0xae | MAP_0F | OPC_W, 1, AT(fx)); /* fxrstor64 */
    emit_rm(&e, 0xff, 6, AT(flags));               /* push */
    emit_u8(&e, 0x9d);                             /* popf */
    emit_registers(&e, true);
    memcpy(e.p, t->insn, t->len);
    e.p += t->len;
    emit_registers(&e, false);
    emit_u8(&e, 0x9c); /* pushf */
    emit_rm(&e, 0x8f, 0, AT(flags));
    emit_rm(&e, 0xae | MAP_0F | OPC_W, 0, AT(fx)); /* fxsave64 */
    push_pop(&e, false);
    emit_u8(&e, 0xc3);
    memcpy(&fn, &t->code, sizeof fn);
    uint32_t mxcsr = __builtin_ia32_stmxcsr();
    fn(s);
    __asm__ volatile("fninit");
    __builtin_ia32_ldmxcsr(mxcsr);
}

/* ---- the register file -------------------------------------------------------------------------
 */

static uint32_t packed_flags(uint64_t f)
{
    return (f & X86_FLAG_OF ? IR_FL_OF : 0) | (f & X86_FLAG_CF ? IR_FL_CF : 0) |
           (f & X86_FLAG_PF ? IR_FL_PF : 0) | (f & X86_FLAG_AF ? IR_FL_AF : 0) |
           (f & X86_FLAG_ZF ? IR_FL_ZF : 0) | (f & X86_FLAG_SF ? IR_FL_SF : 0);
}

static void load_cpu(struct fake_cpu *cpu, const struct state *s)
{
    struct x86_regs *r = &cpu->regs;
    unsigned top = s->fx.fsw >> 11 & 7;
    memset(cpu, 0, sizeof *cpu);
    memcpy(r->gpr, s->gpr, sizeof s->gpr);
    for (unsigned n = 0; n < 16; n++)
        r->vec[n].half[0] = s->fx.xmm[n];
    for (unsigned n = 0; n < 8; n++)
        r->fpr[(top + n) & 7] = s->fx.st[n];
    r->fcw = s->fx.fcw;
    r->fsw = s->fx.fsw;
    r->ftw = s->fx.ftw;
    r->mxcsr = s->fx.mxcsr;
    r->cr0 = X86_CR0_NE;
    cpu->tc.guest_mxcsr = s->fx.mxcsr;
    cpu->tc.fl = packed_flags(s->flags);
}

static bool same(const struct fake_cpu *cpu, const uint8_t *mem, const struct state *host)
{
    const struct x86_regs *r = &cpu->regs;
    unsigned top = host->fx.fsw >> 11 & 7;
    for (unsigned n = 0; n < 8; n++)
        if (n != RSP && r->gpr[n] != host->gpr[n])
            return false;
    for (unsigned n = 0; n < 8; n++)
        if (memcmp(&r->fpr[(top + n) & 7], &host->fx.st[n], 10))
            return false;
    for (unsigned n = 0; n < 16; n++)
        if (memcmp(&r->vec[n].half[0], &host->fx.xmm[n], 16))
            return false;
    return r->fsw == host->fx.fsw && r->ftw == host->fx.ftw &&
           cpu->tc.guest_mxcsr == host->fx.mxcsr &&
           !((cpu->tc.fl ^ packed_flags(host->flags)) & IR_FL_MASK) &&
           !memcmp(mem, host->mem, MEM_SIZE);
}

/* ---- evaluation of IR: what these instructions are made of
 * ---------------------------------------- */

union value {
    uint64_t u;
    struct x86_vec256 v;
};

static uint64_t cut(enum ir_type t, uint64_t v)
{
    return t == IR_I32 ? (uint32_t)v : v;
}

static uint64_t integer_op(const struct ir_insn *i, uint64_t a, uint64_t b, bool *known)
{
    switch (i->op) {
    case IR_ADD:
        return a + b;
    case IR_LEA:
        return a + (b << i->aux) + i->imm;
    case IR_AND:
        return a & b;
    case IR_OR:
        return a | b;
    case IR_SHR:
        return a >> b;
    case IR_TRUNC:
        return a;
    case IR_ZEXT:
        return a & mask_bits(8u << i->aux);
    case IR_SEXT:
        return i->aux == IR_W32 ? (uint64_t)(int32_t)a : a;
    case IR_FL_FROM:
        return a;
    default:
        *known = false;
        return 0;
    }
}

static void field(const struct ir_region *r, const struct ir_insn *i, uint8_t *env, union value *v,
                  union value *out)
{
    const struct ir_slot *slot = &r->slots[i->aux];
    switch (i->op) {
    case IR_GET:
        out->u = 0;
        memcpy(out, env + slot->offset, slot->type == IR_V128 ? 16 : slot->type == IR_I64 ? 8 : 4);
        break;
    case IR_PUT:
        memcpy(env + slot->offset, &v[i->a],
               slot->type == IR_V128  ? 16
               : slot->type == IR_I64 ? 8
                                      : 4);
        break;
    case IR_LDENV:
        out->u = 0;
        memcpy(out, env + (int64_t)i->imm, i->type == IR_V128 ? 16 : i->type == IR_I64 ? 8 : 4);
        break;
    default: /* STENV */
        memcpy(env + (int64_t)i->imm, &v[i->a], (size_t)1 << i->aux);
        break;
    }
}

/* Guest addresses are the host's. */
static bool evaluate(struct test *t)
{
    static union value v[IR_MAX_INSNS];
    struct ir_region *r = &t->ir;
    uint8_t *env = (uint8_t *)&t->cpu->regs;
    uint32_t *mxcsr = &t->cpu->tc.guest_mxcsr;

    for (uint32_t n = 1; n < r->count; n++) {
        const struct ir_insn *i = &r->insns[n];
        bool known = true;
        switch (i->op) {
        case IR_NOP:
        case IR_INSN:
        case IR_X87_END: /* the state is there */
        case IR_FPSYNC:
            break;
        case IR_CONST:
            v[n].u = i->imm;
            break;
        case IR_GET:
        case IR_PUT:
        case IR_LDENV:
        case IR_STENV:
            field(r, i, env, v, &v[n]);
            break;
        case IR_LD:
            memset(&v[n], 0, sizeof v[n]);
            memcpy(&v[n], (void *)v[i->a].u, (size_t)1 << (i->imm & IR_MEM_SIZE));
            break;
        case IR_ST:
            memcpy((void *)v[i->a].u, &v[i->b], (size_t)1 << (i->imm & IR_MEM_SIZE));
            break;
        case IR_CALL:
            v[n].u = cut(i->type,
                         r->helpers[i->imm].fn(env, v[i->a].u, v[i->b].u, v[i->c].u, v[i->d].u));
            known = !t->cpu->tc.status;
            break;
        case IR_TRAPNZ:
            known = !v[i->a].u;
            break;
        case IR_EXIT:
            return true;
        default:
            if (i->type >= IR_V128) {
                uint64_t x = i->op == IR_V_FROM ? v[i->a].u : v[i->b].u;
                const struct x86_vec256 args[3] = {v[i->a].v, v[i->b].v, v[i->c].v};
                interp_vector_any(i, r->insns[i->a].type == IR_V256, args, x, mxcsr, &v[n].v);
            } else if (r->insns[i->a].type == IR_V256) {
                const struct x86_vec256 args[2] = {v[i->a].v, v[i->b].v};
                v[n].u = interp_vector_any_to_int(i, args, mxcsr);
            } else if (r->insns[i->a].type == IR_V128) {
                v[n].u = cut(i->type,
                             interp_vector_to_int(i, v[i->a].v.half[0], v[i->b].v.half[0], mxcsr));
            } else {
                v[n].u = cut(i->type, integer_op(i, v[i->a].u, v[i->b].u, &known));
            }
            break;
        }
        if (!known) {
            fprintf(stderr, "%s at %u\n", ir_ops[i->op].name, n);
            return false;
        }
    }
    return false;
}

static bool translate(struct test *t, bool exceptions)
{
    char why[200];
    memcpy(t->page, t->insn, t->len);
    ir_region_init(&t->ir, t->storage, tcg_arch_x86.slots, tcg_arch_x86.slot_count,
                   tcg_arch_x86.helpers, tcg_arch_x86.helper_count);
    struct tcg_translation tr = {.ir = &t->ir,
                                 .mode = MODE_CODE64 | MODE_LONG | MODE_PROTECTED | MODE_FLAT_CS |
                                         MODE_FLAT_DATA | MODE_CR4_OSFXSR | MODE_CR0_NE |
                                         (exceptions ? MODE_XM_UNMASKED : 0),
                                 .max_insns = 1,
                                 .page = t->page};
    tcg_arch_x86.translate(&tr);
    ir_finish(&t->ir);
    if (ir_verify(&t->ir, why, sizeof why))
        return true;
    fprintf(stderr, "%s\n", why);
    return false;
}

/* ---- rounds ------------------------------------------------------------------------------------
 */

static void random_bytes(struct test *t, void *buf, size_t len)
{
    uint8_t *p = buf;
    for (size_t k = 0; k < len; k += 8) {
        uint64_t v = next_random(t), how = next_random(t);
        if (!(how & 7))
            v = UINT64_C(0x7f8000007f800000) ^ (v & UINT64_C(0x80000001807fffff));
        else if (!(how >> 3 & 7))
            v = UINT64_C(0x3ff0000000000000) ^ (v & UINT64_C(0x81f0000000000000));
        else if (!(how >> 6 & 7))
            v &= UINT64_C(0x80ff0001000000ff);
        else if (!(how >> 9 & 3))
            v = UINT64_C(0x3f8000003f800000) ^ (v & UINT64_C(0x81f8000081f80000));
        memcpy(p + k, &v, MIN(len - k, (size_t)8));
    }
}

static void random_state(struct test *t, struct state *s)
{
    uint64_t v = next_random(t);
    memset(s, 0, sizeof *s);
    random_bytes(t, s->fx.xmm, sizeof s->fx.xmm);
    random_bytes(t, s->fx.st, sizeof s->fx.st);
    for (unsigned n = 0; n < 8; n++)
        s->fx.st[n].u64[1] &= 0xffff;
    random_bytes(t, s->gpr, sizeof s->gpr);
    random_bytes(t, s->mem, sizeof s->mem);
    if (v & 1) { /* lengths for PCMPESTRx */
        s->gpr[RAX] %= 20;
        s->gpr[RDX] %= 20;
    }
    s->gpr[RBX] = (uint64_t)t->mem + OPERAND_AT - DISPLACEMENT;
    s->flags = 0x202 | (v >> 1 & X86_FLAGS_ARITH);
    s->fx.fcw = 0x37f;
    s->fx.fsw = (uint16_t)((v >> 16 & 7) << 11 | (v >> 16 & 0x4700));
    s->fx.ftw = (uint8_t)(v >> 40);
    s->fx.mxcsr = 0x1f80 | (v >> 50 & 3) << 13 | (v >> 52 & 3 ? 0 : 1u << 6) |
                  (v >> 54 & 3 ? 0u : 1u << 15) | (v >> 56 & 0x3f & (v >> 32));
}

/* The encoding with other registers: not RSP, and not the base register as a destination. */
static void vary(struct test *t, const struct sse_encoding *e)
{
    unsigned at = 0;
    for (unsigned k = 0; k < e->len; k++)
        sscanf(e->hex + 2 * k, "%2hhx", &t->insn[k]);
    t->len = e->len;
    while (t->insn[at] != 0x0f)
        at++;
    at += t->insn[at + 1] == 0x38 || t->insn[at + 1] == 0x3a ? 3 : 2;
    uint64_t v = next_random(t);
    unsigned op = t->insn[at - 1];
    bool group = t->insn[at - 2] == 0x0f && ((op >= 0x71 && op <= 0x73) || op == 0xae);
    unsigned reg = v & 7, rm = v >> 3 & 7;
    if (!group && reg != RSP && reg != RBX)
        t->insn[at] = (uint8_t)((t->insn[at] & ~0x38u) | reg << 3);
    if (!group && (t->insn[at] >> 3 & 7) == RSP)
        t->insn[at] ^= 3 << 3;
    if (!group && (t->insn[at] >> 3 & 7) == RBX)
        t->insn[at] ^= 1 << 3;
    if (t->insn[at] >= 0xc0) {
        if (rm != RSP && rm != RBX)
            t->insn[at] = (uint8_t)((t->insn[at] & ~7u) | rm);
        if (t->len > at + 1)
            t->insn[at + 1] = (uint8_t)(v >> 8);
    } else if (t->len > at + 2) {
        t->insn[at + 2] = (uint8_t)(v >> 8);
    }
}

static bool check_round(struct test *t, const struct sse_encoding *e)
{
    static struct state before, host;
    vary(t, e);
    random_state(t, &before);
    host = before;
    memcpy(t->mem, before.mem, MEM_SIZE);
    run_host(t, &host);
    memcpy(host.mem, t->mem, MEM_SIZE);

    load_cpu(t->cpu, &before);
    memcpy(t->mem, before.mem, MEM_SIZE);
    bool ok = translate(t, next_random(t) & 1) && evaluate(t);
    if (!(ok && same(t->cpu, t->mem, &host))) {
        fprintf(stderr, "%s:", e->name);
        for (unsigned k = 0; k < t->len; k++)
            fprintf(stderr, " %02x", t->insn[k]);
        fprintf(stderr, "\n  mxcsr %04x: host %04x ours %04x; fsw %04x %04x ftw %02x %02x\n",
                t->cpu->regs.mxcsr, host.fx.mxcsr, t->cpu->tc.guest_mxcsr, host.fx.fsw,
                t->cpu->regs.fsw, host.fx.ftw, t->cpu->regs.ftw);
        for (unsigned n = 0; n < 8; n++)
            if (memcmp(&host.fx.xmm[n], &t->cpu->regs.vec[n].half[0], 16))
                fprintf(stderr, "  xmm%u host %016llx_%016llx ours %016llx_%016llx\n", n,
                        (unsigned long long)host.fx.xmm[n].u64[1],
                        (unsigned long long)host.fx.xmm[n].u64[0],
                        (unsigned long long)t->cpu->regs.vec[n].half[0].u64[1],
                        (unsigned long long)t->cpu->regs.vec[n].half[0].u64[0]);
        for (unsigned n = 0; n < 8; n++)
            if (host.gpr[n] != t->cpu->regs.gpr[n])
                fprintf(stderr, "  gpr%u host %016llx ours %016llx\n", n,
                        (unsigned long long)host.gpr[n], (unsigned long long)t->cpu->regs.gpr[n]);
        return false;
    }
    return true;
}

/* What needs more of a machine than a register file. */
static bool left_out(const char *name)
{
    return !strncmp(name, "maskmov", 7) || !strcmp(name, "ldmxcsr");
}

static bool check_encoding(struct test *t, const struct sse_encoding *e)
{
    unsigned failures = 0;
    for (unsigned n = 0; n < ROUNDS && failures < 2; n++)
        failures += !check_round(t, e);
    return !failures;
}

static int run_tests(struct test *t)
{
    unsigned count = 0, failed = 0;
    bool ok = true;
    for (size_t n = 0; n < ARRAY_SIZE(sse_encodings); n++) {
        const struct sse_encoding *e = &sse_encodings[n];
        if (left_out(e->name))
            continue;
        if (!host_is_intel() && strstr(e->name, "dpp")) {
            printf("ok %u - %s # SKIP of several NaNs other makers' processors take another\n",
                   ++count, e->name);
            continue;
        }
        ok &= check_encoding(t, e);
        if (n + 1 < ARRAY_SIZE(sse_encodings) && !strcmp(e->name, e[1].name))
            continue;
        printf("%sok %u - %s\n", ok ? "" : "not ", ++count, e->name);
        failed += !ok;
        ok = true;
    }
    printf("1..%u\n", count);
    fflush(stdout);
    return failed != 0;
}

int main(int argc, char **argv)
{
    if (!__builtin_cpu_supports("sse4.2")) {
        printf("1..0 # SKIP the host CPU has no SSE4.2\n");
        return 0;
    }
    struct test *t = aligned_alloc(16, align_up(sizeof *t, 16));
    if (!t)
        return 1;
    memset(t, 0, sizeof *t);
    t->seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20260702;
    t->code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    t->cpu = aligned_alloc(128, align_up(sizeof *t->cpu, 128));
    t->storage = calloc(IR_MAX_INSNS + 1, sizeof *t->storage);
    int status = 1;
    if (t->code == MAP_FAILED) {
        printf("1..0 # SKIP the host allows no memory that is writable and executable\n");
        status = 0;
    } else if (t->cpu && t->storage) {
        fprintf(stderr, "seed %llu\n", (unsigned long long)t->seed);
        status = run_tests(t);
        munmap(t->code, 4096);
    }
    free(t->storage);
    free(t->cpu);
    free(t);
    return status;
}

#else

int main(void)
{
    printf("1..0 # SKIP the reference is an x86-64 host\n");
    return 0;
}

#endif
