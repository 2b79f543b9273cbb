/*
 * What the interpreter executes: a block's IR with an operation code that says everything which is
 * known when the block is made (type, width, slot, operand that is a constant), so that the loop
 * decides nothing twice.
 *
 * Use of struct ir_insn in a program: `uses` is the code (enum interp_code), d the index of the
 * result (of a branch: the number of its exit), imm also the constant operand, the offset of a
 * slot, or a helper with the index of its result (interp_call_*). Insns that need no step of their
 * own (flags, which are evaluated when somebody looks, and constants that only appear as operands)
 * stand behind the ones that are executed.
 *
 * Values lie in two arrays indexed alike, integers (32-bit ones zero-extended) and vectors.
 *
 * Thread contract: made under code_lock, then constant.
 */
#ifndef TCG_INTERP_PROGRAM_H
#define TCG_INTERP_PROGRAM_H

#include "core/cpu/x86.h"
#include "tcg/ir/ir.h"

struct tcg_block;
struct tcg_cpu;
struct tcg_machine;

/* Conditions after a comparison, and after a logical operation, that have branches of their own. */
#define INTERP_SUB_CONDITIONS(X)                                                                   \
    X(B, x < y)                                                                                    \
    X(AE, x >= y)                                                                                  \
    X(E, x == y)                                                                                   \
    X(NE, x != y)                                                                                  \
    X(BE, x <= y)                                                                                  \
    X(A, x > y)                                                                                    \
    X(S, (int64_t)(x - y) < 0)                                                                     \
    X(NS, (int64_t)(x - y) >= 0)                                                                   \
    X(L, (int64_t)x < (int64_t)y)                                                                  \
    X(GE, (int64_t)x >= (int64_t)y)                                                                \
    X(LE, (int64_t)x <= (int64_t)y)                                                                \
    X(G, (int64_t)x > (int64_t)y)
#define INTERP_LOGIC_CONDITIONS(X)                                                                 \
    X(E, x == 0)                                                                                   \
    X(NE, x != 0)                                                                                  \
    X(S, (int64_t)x < 0)                                                                           \
    X(NS, (int64_t)x >= 0)                                                                         \
    X(L, (int64_t)x < 0)                                                                           \
    X(GE, (int64_t)x >= 0)                                                                         \
    X(LE, (int64_t)x <= 0)                                                                         \
    X(G, (int64_t)x > 0)

/* Operations of two integers, with y as a value (R) and as a constant (I), for 64 and 32 bits. */
#define INTERP_BINARY(X)                                                                           \
    X(ADD, x + y, x + y)                                                                           \
    X(SUB, x - y, x - y)                                                                           \
    X(MUL, x *y, x *y)                                                                             \
    X(AND, x &y, x &y)                                                                             \
    X(OR, x | y, x | y)                                                                            \
    X(XOR, x ^ y, x ^ y)                                                                           \
    X(SHL, x << (y & 63), x << (y & 31))                                                           \
    X(SHR, x >> (y & 63), (uint32_t)x >> (y & 31))                                                 \
    X(SAR, (uint64_t)((int64_t)x >> (y & 63)), (uint64_t)(int64_t)((int32_t)x >> (y & 31)))

/* clang-format off */
#define INTERP_CODES(X)                                                                            \
    X(CONST) X(VCONST) X(GET64) X(GET32) X(GETV) X(GETFL) X(PUT64) X(PUT32) X(PUTV) X(PUTFL)       \
    X(LDENVV) X(LDENVW) X(LDENV64) X(LDENV32) X(STENV) X(STENVV) X(MULX) X(DIVX) X(HI)                       \
    X(LD8) X(LD16) X(LD32) X(LD64) X(LDS8) X(LDS16) X(LDS32) X(LD) X(LDV)                          \
    X(ST8) X(ST16) X(ST32) X(ST64) X(ST) X(STV) X(LDCC) X(STCC) X(ATOMIC) X(FENCE) X(CLOCK) X(CALL) X(CALL_FLAGS)           \
    X(TRAPNZ) X(TRAPCC) X(BRCC) X(BRNZ) X(EXIT) X(EXIT_IND) X(EXIT_MODE) X(EXIT_DYN)                            \
    X(MOV32) X(LEA64) X(LEA32) X(LEAI64) X(LEAI32) X(ZEXT8) X(ZEXT16) X(SEXT) X(NOT64) X(NOT32)    \
    X(NEG64) X(NEG32) X(SETCC) X(SELCC) X(INT) X(VECTOR) X(VECTOR_INT)                             \
    X(WIDE) X(WIDE_ARGS) X(WIDE_INT) X(X87)

enum interp_code {
#define X(name) INTERP_##name,
    INTERP_CODES(X)
#undef X
#define X(name, wide, narrow) \
    INTERP_##name##64R, INTERP_##name##64I, INTERP_##name##32R, INTERP_##name##32I,
    INTERP_BINARY(X)
#undef X
#define X(cc, test) INTERP_BRSUB_##cc##_R, INTERP_BRSUB_##cc##_I,
    INTERP_SUB_CONDITIONS(X)
#undef X
#define X(cc, test) INTERP_BRLOGIC_##cc,
    INTERP_LOGIC_CONDITIONS(X)
#undef X
    INTERP_CODE_COUNT
};
/* clang-format on */
_Static_assert(INTERP_CODE_COUNT < 256, "codes fit a byte");

struct interp_program {
    uint32_t count;        /* insns, those behind the executed ones too */
    const int32_t *pcs;    /* of the guest instruction an insn belongs to, minus PCB */
    const uint16_t *rests; /* counted: guest instructions not complete at an insn */
    struct ir_insn insns[];
};

static inline uint64_t interp_call_imm(uint64_t helper, unsigned result)
{
    return helper | (uint64_t)result << 32;
}

/* What the running block's insns are evaluated in. */
struct interp_frame {
    struct tcg_cpu *tc;
    uint64_t *v;
    struct x86_vec256 *vv;
    const struct ir_insn *insns;
};

/* compile.c: NULL: no memory in the cache. */
struct interp_program *interp_translate(struct tcg_machine *tm, const struct ir_region *r);

/* scalar.c */
uint32_t interp_flags(const struct interp_frame *f, ir_ref ref);
/* Integer operations without side effects; not truncated to the type. */
uint64_t interp_integer(const struct interp_frame *f, const struct ir_insn *i);
uint64_t interp_multiply(const struct ir_insn *i, const uint64_t *v, uint64_t *high);
uint64_t interp_divide(const struct ir_insn *i, const uint64_t *v, uint64_t *rem);

static inline uint64_t interp_truncate(enum ir_type t, uint64_t v)
{
    return t == IR_I32 ? (uint32_t)v : v;
}
static inline uint64_t interp_sign_extend(uint64_t v, unsigned bits)
{
    return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}
/* An operand that may be a constant without a step of its own. */
static inline uint64_t interp_value(const struct interp_frame *f, ir_ref ref)
{
    return f->insns[ref].op == IR_CONST ? f->insns[ref].imm : f->v[ref];
}

#endif
