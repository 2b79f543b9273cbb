/*
 * x86 instruction decoder: bytes -> struct x86_insn, by tables.
 *
 * The tables are the description of the instruction set: a row an instruction form, with operands,
 * feature bit, flags, legality and translate function. Each subject keeps its rows in a file of its
 * own (table_int.c, table_sys.c, table_x87.c, table_sse.c) as one row list given to X86_ROW_TABLE,
 * which also makes a constant index by opcode. #UD rules, CPUID coverage, the log's fallback
 * disassembly and docs/coverage-x86.md come from the rows.
 *
 * The decoder is a pure function over a byte buffer; it needs no CPU. Everything here is constant:
 * any thread. Opcodes, operand codes and prefixes: Intel SDM vol. 2, chapter "Instruction Format"
 * and appendix "Opcode Map".
 */
#ifndef TCG_X86_DECODE_H
#define TCG_X86_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/cpu/x86.h"
#include "tcg/ir/ir.h"

struct x86_trans; /* tcg/x86/translate.h */
struct x86_insn;

enum { X86_INSN_MAX = 15 };

/* Opcode maps; MAP_V*: with a VEX prefix. Room for the EVEX maps behind them. */
enum x86_map { MAP_1, MAP_0F, MAP_0F38, MAP_0F3A, MAP_V0F, MAP_V0F38, MAP_V0F3A, X86_MAP_COUNT };

/* ---- row selection
 * -------------------------------------------------------------------------------------- */

/*
 * What, besides map and opcode, chooses a row. A selector has the wanted values in bits 0-15 and
 * the mask of the bits it looks at in 16-31; terms are or-ed together. SEL_ANY looks at nothing. A
 * later row of the same opcode wins over an earlier one: the general form first, special cases
 * after it. Rows of one opcode stand together within a table.
 */
#define SEL_ANY 0u
#define SEL_FIELD(mask, shift, value)                                                              \
    ((uint32_t)(mask) << ((shift) + 16) | (uint32_t)(value) << (shift))
#define P_NP                                                                                       \
    SEL_FIELD(3, 0,                                                                                \
              0) /* no mandatory prefix (F2 and F3 win over 66, the later of F2 and F3 counts) */
#define P_66 SEL_FIELD(3, 0, 1)
#define NO_REP SEL_FIELD(2, 0, 0) /* neither F2 nor F3 */
#define P_F3 SEL_FIELD(3, 0, 2)
#define P_F2 SEL_FIELD(3, 0, 3)
#define MOD_MEM SEL_FIELD(1, 2, 0)
#define MOD_REG SEL_FIELD(1, 2, 1)
#define REG_IS(n) SEL_FIELD(7, 3, n) /* ModRM.reg as opcode extension: /n */
#define RM_IS(n) SEL_FIELD(7, 6, n)
/* REX.W or VEX.W */
#define REX_W0 SEL_FIELD(1, 9, 0)
#define REX_W1 SEL_FIELD(1, 9, 1)
#define NOT64 SEL_FIELD(1, 10, 0)  /* form does not exist in 64-bit mode */
#define ONLY64 SEL_FIELD(1, 10, 1) /* form exists only in 64-bit mode */
#define OPSIZE_IS(w)                                                                               \
    SEL_FIELD(3, 11, w) /* IR_W16, IR_W32, IR_W64: for forms whose name depends on it */
#define PREFIX_F3                                                                                  \
    SEL_FIELD(1, 13, 1) /* an F3 prefix is there (PAUSE), also where it is not mandatory */
#define REX_B0 SEL_FIELD(1, 14, 0) /* 90 is NOP only without REX.B */
#define VEX_L0 SEL_FIELD(1, 15, 0)
#define VEX_L1 SEL_FIELD(1, 15, 1)

/* ---- operands
 * ------------------------------------------------------------------------------------------- */

/*
 * Operand kinds, lettered as in the SDM's opcode map: E ModRM r/m general register or memory; G
 * ModRM.reg; M memory only; R r/m register only; S segment, C control, D debug register in
 * ModRM.reg; I immediate; J branch displacement; O absolute offset; Z register in the opcode's low
 * bits; X Y string source and destination; V XMM in ModRM.reg, W XMM or memory, U XMM in r/m; P MMX
 * in ModRM.reg, Q MMX or memory, N MMX in r/m; H XMM in VEX.vvvv, B general register there, L XMM
 * in the immediate. b 8, w 16, d 32, q 64, x 128 bits (256 with VEX.L), dq always 128; v operand
 * size; z operand size but at most 32; y 32 or 64 by REX.W. Memory sizes of V/W kinds are what a
 * memory operand accesses; h, f, e: a half, a fourth, an eighth of x. Mi: as many addresses as the
 * vector register in the index has elements.
 */
/* clang-format off */
#define X86_OPERANDS(X)                                                                           \
    X(NONE) X(Eb) X(Ew) X(Ed) X(Eq) X(Ev) X(Ey) X(Gb) X(Gw) X(Gd) X(Gq) X(Gv) X(Gy) X(M) X(Mb)    \
    X(Mw) X(Md) X(Mq) X(Mx) X(My) X(Mv) X(Mp) X(Ma) X(Ms) X(Rd) X(Rq) X(Ry) X(Rv) X(Sw) X(Cr)     \
    X(Dr) X(Ib) X(Ibs) X(Iw) X(Iz) X(Iv) X(I1) X(Jb) X(Jz) X(Ap) X(Ob) X(Ov) X(AL) X(AX) X(rAX)   \
    X(eAX) X(CL) X(DX) X(Zb) X(Zv) X(ES) X(CS) X(SS) X(DS) X(FS) X(GS) X(Xb) X(Xv) X(Yb) X(Yv)    \
    /* x87: register stack and memory formats */                                                  \
    X(ST0) X(STi) X(Mf32) X(Mf64) X(Mf80) X(Mi16) X(Mi32) X(Mi64) X(Mbcd)                         \
    /* MMX and SSE; XMM0 the implicit mask */                                                     \
    X(Pq) X(Qq) X(Qd) X(Nq) X(Vx) X(Wx) X(Wq) X(Wd) X(Ww) X(Ux) X(XMM0)                           \
    /* AVX */                                                                                     \
    X(Hx) X(Lx) X(By) X(Vdq) X(Hdq) X(Wdq) X(Udq) X(Ldq) X(Mdq) X(Wb) X(Wh) X(Wf) X(We) X(Mi)
/* clang-format on */

enum x86_operand {
#define X(name) OP_##name,
    X86_OPERANDS(X)
#undef X
        X86_OPERAND_COUNT
};

/* ---- row attributes
 * ------------------------------------------------------------------------------------- */

enum x86_row_flags {
    I_LOCK = 1 << 0,    /* LOCK is allowed (with a memory destination) */
    I_BYTE = 1 << 1,    /* insn.opsize is IR_W8 */
    I_DEF64 = 1 << 2,   /* operand size defaults to 64 in 64-bit mode; 66 gives 16 (PUSH, POP) */
    I_FORCE64 = 1 << 3, /* operand size is 64 in 64-bit mode, 66 ignored (near branches, MOV CR) */
    I_PROT = 1 << 4,    /* #UD in real and V86 mode */
    I_CPL0 = 1 << 5,    /* #GP(0) unless CPL is 0 */
    I_ELSE =
        1 << 6, /* feature missing: the row is passed over, an earlier one applies (TZCNT is BSF) */
    I_NO_MEM_ACCESS =
        1 << 7,     /* the memory operand is only an address (LEA, NOP Ev, INVLPG, prefetch) */
    I_REP = 1 << 8, /* F2/F3 is a repeat prefix (string instructions): shown in the log */
    I_W64 =
        1 << 9, /* operand size is 64 with REX.W else 32; 66 does not make 16 (SSE <-> integer) */
    I_LIG = 1 << 11,      /* VEX.L is ignored: one element, 128 bits */
    I_DISTINCT = 1 << 12, /* gathers: #UD unless destination, index and mask are three registers */
    I_END =
        1
        << 10, /* always ends the region: for reading the tables; the translate function does it */
};

/* What must hold before an instruction of these sets runs; checked by the translate loop (#UD,
 * #NM). */
enum x86_check {
    CHECK_NONE,
    CHECK_X87,  /* CR0.EM or TS: #NM */
    CHECK_WAIT, /* CR0.MP and TS: #NM */
    CHECK_MMX,  /* EM: #UD; TS: #NM */
    CHECK_SSE,  /* EM or not CR4.OSFXSR: #UD; TS: #NM */
    CHECK_AVX,  /* CR4.OSXSAVE or XCR0[2:1] not set: #UD; TS: #NM */
};

/* Feature needed: 0 none, else word and bit of a CPUID feature word. */
#define X86_FEATURE(word, bit) ((uint16_t)(((word) + 1) << 5 | (bit)))
enum x86_row_feature {
    FEAT_NONE = 0,
    FEAT_FPU = X86_FEATURE(X86_FEAT_1_EDX, 0),
    FEAT_TSC = X86_FEATURE(X86_FEAT_1_EDX, 4),
    FEAT_MSR = X86_FEATURE(X86_FEAT_1_EDX, 5),
    FEAT_CX8 = X86_FEATURE(X86_FEAT_1_EDX, 8),
    FEAT_SEP = X86_FEATURE(X86_FEAT_1_EDX, 11),
    FEAT_CMOV = X86_FEATURE(X86_FEAT_1_EDX, 15),
    FEAT_CLFLUSH = X86_FEATURE(X86_FEAT_1_EDX, 19),
    FEAT_MMX = X86_FEATURE(X86_FEAT_1_EDX, 23),
    FEAT_FXSR = X86_FEATURE(X86_FEAT_1_EDX, 24),
    FEAT_SSE = X86_FEATURE(X86_FEAT_1_EDX, 25),
    FEAT_SSE2 = X86_FEATURE(X86_FEAT_1_EDX, 26),
    FEAT_SSE3 = X86_FEATURE(X86_FEAT_1_ECX, 0),
    FEAT_MONITOR = X86_FEATURE(X86_FEAT_1_ECX, 3),
    FEAT_PCLMUL = X86_FEATURE(X86_FEAT_1_ECX, 1),
    FEAT_SSSE3 = X86_FEATURE(X86_FEAT_1_ECX, 9),
    FEAT_FMA = X86_FEATURE(X86_FEAT_1_ECX, 12),
    FEAT_CX16 = X86_FEATURE(X86_FEAT_1_ECX, 13),
    FEAT_SSE41 = X86_FEATURE(X86_FEAT_1_ECX, 19),
    FEAT_SSE42 = X86_FEATURE(X86_FEAT_1_ECX, 20),
    FEAT_MOVBE = X86_FEATURE(X86_FEAT_1_ECX, 22),
    FEAT_POPCNT = X86_FEATURE(X86_FEAT_1_ECX, 23),
    FEAT_AES = X86_FEATURE(X86_FEAT_1_ECX, 25),
    FEAT_XSAVE = X86_FEATURE(X86_FEAT_1_ECX, 26),
    FEAT_AVX = X86_FEATURE(X86_FEAT_1_ECX, 28),
    FEAT_F16C = X86_FEATURE(X86_FEAT_1_ECX, 29),
    FEAT_RDRAND = X86_FEATURE(X86_FEAT_1_ECX, 30),
    FEAT_FSGSBASE = X86_FEATURE(X86_FEAT_7_EBX, 0),
    FEAT_BMI1 = X86_FEATURE(X86_FEAT_7_EBX, 3),
    FEAT_AVX2 = X86_FEATURE(X86_FEAT_7_EBX, 5),
    FEAT_BMI2 = X86_FEATURE(X86_FEAT_7_EBX, 8),
    FEAT_INVPCID = X86_FEATURE(X86_FEAT_7_EBX, 10),
    FEAT_RDSEED = X86_FEATURE(X86_FEAT_7_EBX, 18),
    FEAT_ADX = X86_FEATURE(X86_FEAT_7_EBX, 19),
    FEAT_SMAP = X86_FEATURE(X86_FEAT_7_EBX, 20),
    FEAT_SHA = X86_FEATURE(X86_FEAT_7_EBX, 29),
    FEAT_PKU = X86_FEATURE(X86_FEAT_7_ECX, 3),
    FEAT_GFNI = X86_FEATURE(X86_FEAT_7_ECX, 8),
    FEAT_VAES = X86_FEATURE(X86_FEAT_7_ECX, 9),
    FEAT_VPCLMUL = X86_FEATURE(X86_FEAT_7_ECX, 10),
    FEAT_RDPID = X86_FEATURE(X86_FEAT_7_ECX, 22),
    FEAT_XSAVEOPT = X86_FEATURE(X86_FEAT_D_1_EAX, 0),
    FEAT_XSAVEC = X86_FEATURE(X86_FEAT_D_1_EAX, 1),
    FEAT_XGETBV1 = X86_FEATURE(X86_FEAT_D_1_EAX, 2),
    FEAT_XSAVES = X86_FEATURE(X86_FEAT_D_1_EAX, 3),
    FEAT_SYSCALL = X86_FEATURE(X86_FEAT_8000_0001_EDX, 11),
    FEAT_RDTSCP = X86_FEATURE(X86_FEAT_8000_0001_EDX, 27),
    FEAT_LM = X86_FEATURE(X86_FEAT_8000_0001_EDX, 29),
    FEAT_LAHF = X86_FEATURE(X86_FEAT_8000_0001_ECX, 0),
    FEAT_ABM = X86_FEATURE(X86_FEAT_8000_0001_ECX, 5), /* LZCNT */
    FEAT_PREFETCHW = X86_FEATURE(X86_FEAT_8000_0001_ECX, 8),
};

/* Shorthands for the flags columns. */
enum {
    FL_C = X86_FLAG_CF,
    FL_P = X86_FLAG_PF,
    FL_A = X86_FLAG_AF,
    FL_Z = X86_FLAG_ZF,
    FL_S = X86_FLAG_SF,
    FL_O = X86_FLAG_OF,
    FL_ARITH = X86_FLAGS_ARITH,
    FL_D = X86_FLAG_DF,
};

typedef void x86_translate_fn(struct x86_trans *x, const struct x86_insn *i);

struct x86_row {
    uint8_t map, op,
        last;      /* opcodes op..last: a condition or register in the low bits, or one opcode */
    uint8_t check; /* enum x86_check */
    uint32_t select;
    const char *name; /* mnemonic as in the SDM, lower case; '@' stands for the condition of the low
                         4 opcode bits */
    x86_translate_fn *fn;
    uint8_t ops[4];    /* enum x86_operand */
    uint16_t flags;    /* enum x86_row_flags */
    uint16_t arg;      /* for the translate function: an ir_op, a helper, a number */
    uint16_t feature;  /* enum x86_row_feature */
    uint16_t feature2; /* a second one that is needed, too */
    uint16_t fl_read, fl_write,
        fl_undef; /* arithmetic flags (FL_*); undefined ones are not in fl_write */
    uint32_t arg2;
    bool bytes; /* some operand has bytes of its own behind ModRM */
};

/*
 * One row: R(map, first opcode, last opcode, selector, "name", translate function, designated
 * rest), e.g.
 *
 *   #define ROWS(R) \
 *       R(MAP_0F, 0x58, 0x58, P_NP, "addps", tr_vf_arith, OPS(Vx, Wx), SSE_(SSE), .arg = IR_VF_ADD)
 * \ R(MAP_0F, 0x58, 0x58, P_66, "addpd", tr_vf_arith, OPS(Vx, Wx), SSE_(SSE2), .arg = ...)
 *   X86_ROW_TABLE(x86_table_sse, ROWS)
 *
 * A group: R(MAP_1, 0xf7, 0xf7, REG_IS(3), "neg", tr_neg, OPS(Ev), .flags = I_LOCK, .fl_write =
 * FL_ARITH). Memory and register forms that differ: two rows with MOD_MEM and MOD_REG.
 */
#define R_ENTRY(map_, op_, last_, sel_, name_, fn_, ...)                                           \
    {.map = (map_),                                                                                \
     .op = (op_),                                                                                  \
     .last = (last_),                                                                              \
     .select = (sel_),                                                                             \
     .name = (name_),                                                                              \
     .fn = (fn_),                                                                                  \
     __VA_ARGS__},
#define R_INDEX(map_, op_, last_, ...)                                                             \
    [(map_) << 8 | (op_)...(map_) << 8 | (last_)] = __COUNTER__ - ROW_COUNTER_BASE,
#define HAS_BYTES(a)                                                                               \
    ((OP_##a >= OP_Ib && OP_##a <= OP_Ov && OP_##a != OP_I1) || OP_##a == OP_Lx || OP_##a == OP_Ldq)
#define OPS1_(a) .ops = {OP_##a}, .bytes = HAS_BYTES(a)
#define OPS2_(a, b) .ops = {OP_##a, OP_##b}, .bytes = HAS_BYTES(a) || HAS_BYTES(b)
#define OPS3_(a, b, c)                                                                             \
    .ops = {OP_##a, OP_##b, OP_##c}, .bytes = HAS_BYTES(a) || HAS_BYTES(b) || HAS_BYTES(c)
#define OPS4_(a, b, c, d)                                                                          \
    .ops = {OP_##a, OP_##b, OP_##c, OP_##d},                                                       \
    .bytes = HAS_BYTES(a) || HAS_BYTES(b) || HAS_BYTES(c) || HAS_BYTES(d)
#define OPS_PICK_(a, b, c, d, m, ...) m
#define OPS(...) OPS_PICK_(__VA_ARGS__, OPS4_, OPS3_, OPS2_, OPS1_, )(__VA_ARGS__)
#define NO_OPS .ops = {OP_NONE}

/* index[map << 8 | opcode]: 0 none, else 1 + number of the *last* row for it; the others stand
 * right before it. */
struct x86_row_table {
    const struct x86_row *rows;
    const uint16_t *index;
    uint16_t count;
};
/* A file has one table: the counter base is an enumerator of that file. */
#define X86_ROW_TABLE(name, ROWS_)                                                                 \
    static const struct x86_row name##_rows[] = {ROWS_(R_ENTRY)};                                  \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"") enum {    \
        ROW_COUNTER_BASE = __COUNTER__                                                             \
    };                                                                                             \
    static const uint16_t name##_index[X86_MAP_COUNT * 256] = {ROWS_(R_INDEX)};                    \
    _Pragma("GCC diagnostic pop") const struct x86_row_table name = {                              \
        name##_rows, name##_index, sizeof name##_rows / sizeof *name##_rows};

extern const struct x86_row_table x86_table_int, x86_table_sys, x86_table_x87, x86_table_sse,
    x86_table_bmi, x86_table_avx;
/* All of them, NULL-terminated (decode.c). */
extern const struct x86_row_table *const x86_tables[];

/* ---- a decoded instruction
 * ------------------------------------------------------------------------------ */

enum { X86_NO_REG = 0xff, X86_BASE_RIP = 0xfe, X86_NO_SEG = 0xff };
enum x86_prefix {
    X86_PFX_66 = 1 << 0,
    X86_PFX_67 = 1 << 1,
    X86_PFX_F3 = 1 << 2,
    X86_PFX_F2 = 1 << 3,
    X86_PFX_LOCK = 1 << 4,
};

struct x86_insn {
    const struct x86_row *row;
    uint8_t len;
    uint8_t map, op;   /* opcode byte */
    uint8_t prefixes;  /* enum x86_prefix, all that were seen */
    uint8_t mandatory; /* 0 none, 1 66, 2 F3, 3 F2 */
    uint8_t rep;       /* 0, or 0xf2/0xf3: the later one */
    bool lock;
    uint8_t rex; /* 0, or 0x40-0x4f; VEX.RXBW likewise */
    bool vex;
    uint8_t vexl;     /* VEX.L: 256 bits */
    uint8_t vvvv;     /* register in VEX.vvvv */
    uint8_t opsize;   /* enum ir_width of the operation after the row's I_ flags */
    uint8_t addrsize; /* IR_W16, IR_W32, IR_W64 */
    bool has_modrm;
    bool mem; /* has a memory operand by ModRM */
    uint8_t modrm, mod;
    uint8_t reg;         /* ModRM.reg with REX.R: GPR and XMM number. MMX, segment, x87: take & 7 */
    uint8_t rm;          /* ModRM.rm with REX.B when mod is 3 */
    uint8_t opreg;       /* low 3 bits of the opcode with REX.B (Z operands) */
    uint8_t base, index; /* X86_NO_REG, X86_BASE_RIP, or a register */
    uint8_t scale;       /* 0-3 */
    uint8_t vindex;      /* number in SIB.index, for a vector register; X86_NO_REG: no SIB */
    uint8_t seg; /* segment of the memory operand (also string sources and O operands), overrides
                    applied */
    uint8_t seg_override; /* X86_NO_SEG or what the prefixes said */
    uint8_t cc;           /* low 4 bits of the opcode */
    int64_t disp;         /* displacement; O operands: the offset, zero-extended */
    int64_t imm;          /* sign-extended as the operand kind says; Ib Iw: zero-extended */
    uint32_t imm2;        /* ENTER's second, the selector of a far pointer */
};

enum x86_decode_status {
    X86_DECODE_OK,
    X86_DECODE_UD,       /* undefined here: insn->len is what was read */
    X86_DECODE_TOO_LONG, /* more than 15 bytes: #GP(0) */
    X86_DECODE_MORE,     /* the buffer ends inside the instruction */
};

/*
 * Decode the instruction at buf[0..len). mode: mode word (tcg/x86/slots.h; MODE_CODE64, CODE32,
 * PROTECTED, V86 are looked at). features: the CPU model's feature words (X86_FEAT_WORDS of them),
 * NULL: all there.
 */
enum x86_decode_status x86_decode(struct x86_insn *insn, const uint8_t *buf, size_t len,
                                  uint64_t mode, const uint32_t *features);

/* The row's mnemonic with the condition put in; then also the operands, as the log prints them.
 * Only after X86_DECODE_OK. */
void x86_insn_name(const struct x86_insn *insn, char *buf, size_t len);
void x86_insn_format(const struct x86_insn *insn, uint64_t pc, char *buf, size_t len);

/* One row as text, e.g. "0F 58 66 /r addpd Vx,Wx": for docs/coverage-x86.md and tests. */
void x86_row_format(const struct x86_row *row, char *buf, size_t len);
/* "SSE2", "" when none. */
const char *x86_feature_name(uint16_t feature);
/* All rows, in the order of the tables: a line "feature<TAB>row" each. */
void x86_print_tables(void (*line)(void *opaque, const char *text), void *opaque);

#endif
