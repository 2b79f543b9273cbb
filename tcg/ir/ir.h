/*
 * The intermediate representation: linear, typed, single assignment within a region.
 *
 * A front end (tcg/x86, tcg/arm) builds a region with the builder below; passes (tcg/opt) rewrite
 * it; a back end (tcg/host/ARCH, tcg/interp) executes it. Guest registers are slots: ir_put()
 * commits a new value, ir_get() returns the value already known in the region or reads the register
 * file once.
 *
 * Exact state: every guest instruction starts with IR_INSN. All PUTs of an instruction come after
 * its last operation that can fault (a memory access, a trap, a helper that may fault), so the
 * state at any such operation is "all PUTs so far" plus the PC of the last IR_INSN. The verifier
 * checks this.
 *
 * Integer values are i32 or i64; the operation acts on that width. Narrower guest operands are read
 * as i32 with *unspecified* upper bits unless an op says otherwise; memory loads extend as told.
 * Flag ops take the operand width in `aux` (IR_W8..IR_W64) and look only at the low bits of their
 * operands.
 *
 * Thread contract: a region belongs to one thread.
 */
#ifndef TCG_IR_IR_H
#define TCG_IR_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t ir_ref; /* index of the defining instruction; 0: none */

enum ir_type {
    IR_VOID,
    IR_I32,
    IR_I64,
    IR_FL, /* arithmetic flags: CF PF AF ZF SF OF, form chosen by the back end */
    IR_V128,
    IR_V256,
    IR_TYPE_COUNT,
};

enum ir_width { IR_W8, IR_W16, IR_W32, IR_W64, IR_W128, IR_W256 };

/*
 * Packed form of an IR_FL value (FL_PACK, FL_FROM, the FLAGS slot in memory): bit 0 OF, bit 8 CF,
 * bit 10 PF, bit 12 AF, bit 14 ZF, bit 15 SF; the other bits are unspecified (mask with
 * IR_FL_MASK). It is what an x86 host's LAHF and SETO produce in AX.
 */
enum {
    IR_FL_OF = 1u << 0,
    IR_FL_CF = 1u << 8,
    IR_FL_PF = 1u << 10,
    IR_FL_AF = 1u << 12,
    IR_FL_ZF = 1u << 14,
    IR_FL_SF = 1u << 15,
    IR_FL_MASK = 0xd501,
};

/* Conditions over IR_FL, numbered as x86 encodes them; cc ^ 1 is the opposite. */
enum ir_cc {
    IR_CC_O,
    IR_CC_NO,
    IR_CC_B,
    IR_CC_AE,
    IR_CC_E,
    IR_CC_NE,
    IR_CC_BE,
    IR_CC_A,
    IR_CC_S,
    IR_CC_NS,
    IR_CC_P,
    IR_CC_NP,
    IR_CC_L,
    IR_CC_GE,
    IR_CC_LE,
    IR_CC_G,
};
/* Comparisons of IR_SETC: same numbering where they exist: B AE E NE BE A L GE LE G. */

/* Memory attributes, in `imm` of IR_LD, IR_ST and the atomics. */
enum ir_mem {
    IR_MEM_SIZE = 7,       /* enum ir_width */
    IR_MEM_SIGN = 1 << 3,  /* LD: sign-extend to the result type (else zero-extend) */
    IR_MEM_RMW = 1 << 4,   /* LD: a write to the same address follows (checks write permission);
                              ST: the write of the IR_LD given in arg c */
    IR_MEM_ALIGN = 1 << 5, /* misaligned: x86 raises #GP(0) (SSE aligned forms) */
    IR_MEM_IDX_SHIFT = 8,  /* privilege override, 2 bits: 0 as the mode says, else 1 + mmu index */
    IR_MEM_IDX = 3 << 8,
};

/* How an exit leaves (aux of IR_EXIT, d of IR_BRCC and IR_BRNZ); made by ir_exit_flags(). */
enum ir_exit_flags {
    IR_EXIT_POLL = 1,  /* target not after its source: poll before continuing */
    IR_EXIT_CROSS = 2, /* target on another page than the block's first: polls too, so that code
                          without a backward jump is bounded by a page */
    IR_EXIT_LABEL = 4, /* BRCC, BRNZ: not an exit: to the label numbered c */
    IR_EXIT_STAY = 8,  /* LABEL: leads to where it stands, so it is not to be linked */
};

/*
 * name, result type (T: the insn's `type` field is free: i32 or i64; W i32; F flags; V: it is free,
 * v128 or v256; X v128; Y v256; 0 none), argument kinds: i integer of the insn's type, w i32, q
 * i64, x any integer, f flags, v vector of the insn's type, h v128, y v256, u any vector, r a ref
 * to another instruction, - none.
 *
 * Operations on v256 act on each 128-bit half as they do on v128 (lanes are counted in it, bits of
 * an immediate that choose for each lane go on into the next half) unless the description says
 * otherwise.
 */
/* clang-format off */
#define IR_OPS(X)                                                                                 \
    /* constants and slots */                                                                     \
    X(NOP, '0', "----", "")                                                                       \
    X(CONST, 'T', "----", "imm")                                                                  \
    X(VCONST, 'V', "----", "imm = low and high 64 bits alike")                                    \
    X(GET, '*', "----", "aux = slot; result has the slot's type")                                 \
    X(PUT, '0', "*---", "aux = slot")                                                             \
    X(LDENV, '*', "----", "imm = offset in the register file; raw field, type i32, i64 or v128")  \
    X(STENV, '0', "*---", "imm = offset, aux = enum ir_width")                                    \
    X(INSN, '0', "----", "imm = PC minus PCB, aux = length in bytes: a guest instruction starts") \
    /* integer */                                                                                 \
    X(ADD, 'T', "ii--", "")                                                                       \
    X(SUB, 'T', "ii--", "")                                                                       \
    X(ADC, 'T', "iif-", "a + b + CF")                                                             \
    X(SBB, 'T', "iif-", "a - b - CF")                                                             \
    X(MUL, 'T', "ii--", "low half")                                                               \
    X(UMULX, 'T', "ii--", "low half; the high half is IR_HI of it")                               \
    X(SMULX, 'T', "ii--", "")                                                                     \
    X(UDIVX, 'T', "iii-",                                                                         \
      "(b:a) / c, cannot overflow (checked before); remainder is IR_HI of it")                    \
    X(SDIVX, 'T', "iii-", "")                                                                     \
    X(HI, 'T', "r---", "second result of the instruction just before")                            \
    X(AND, 'T', "ii--", "")                                                                       \
    X(OR, 'T', "ii--", "")                                                                        \
    X(XOR, 'T', "ii--", "")                                                                       \
    X(ANDN, 'T', "ii--", "~a & b")                                                                \
    X(NOT, 'T', "i---", "")                                                                       \
    X(NEG, 'T', "i---", "")                                                                       \
    X(SHL, 'T', "iw--", "count modulo the width of the type, as SHR SAR ROL ROR")                 \
    X(SHR, 'T', "iw--", "")                                                                       \
    X(SAR, 'T', "iw--", "")                                                                       \
    X(ROL, 'T', "iw--", "")                                                                       \
    X(ROR, 'T', "iw--", "")                                                                       \
    X(ROLW, 'T', "iw--", "i32: rotate the low 16 (aux IR_W16) or 8 (IR_W8) bits left; rest 0")    \
    X(FSHL, 'T', "iiw-", "SHLD: high part of (a:b) << c, c modulo width")                         \
    X(FSHR, 'T', "iiw-", "SHRD: low part of (b:a) >> c")                                          \
    X(LEA, 'T', "ii--", "a + (b << aux) + imm; b may be none; aux 0-3; imm signed 32 bits")       \
    X(ZEXT, 'T', "x---", "zero-extend the low aux (IR_W8 IR_W16 IR_W32) bits of a")               \
    X(SEXT, 'T', "x---", "")                                                                      \
    X(TRUNC, 'T', "q---", "i64 -> i32")                                                           \
    X(DEPOSIT, 'T', "ix--", "a with bits [pos, pos+len) from b's low bits; imm = pos | len << 8") \
    X(EXTRACT, 'T', "x---", "bits [pos, pos+len) of a, zero-extended; imm = pos | len << 8")      \
    X(BSWAP, 'T', "i---", "")                                                                     \
    X(CLZ, 'T', "i---", "width when a is 0")                                                      \
    X(CTZ, 'T', "i---", "")                                                                       \
    X(POPCNT, 'T', "i---", "")                                                                    \
    X(PDEP, 'T', "ii--", "")                                                                      \
    X(PEXT, 'T', "ii--", "")                                                                      \
    X(CRC32C, 'T', "wx--", "result i32: CRC32C of a with aux-wide data b")                        \
    X(SETC, 'W', "xx--", "i32 1 or 0: a aux(cc) b, both of one type given in imm (enum ir_type)") \
    X(SETCC, 'W', "f---", "i32 1 or 0: condition aux over flags")                                 \
    X(SELCC, 'T', "iif-", "condition aux over c ? a : b")                                         \
    X(SELNZ, 'T', "iix-", "c != 0 ? a : b")                                                       \
    /* flags; aux = enum ir_width of the operands */                                              \
    X(FL_ADD, 'F', "xx--", "")                                                                    \
    X(FL_ADC, 'F', "xxf-", "")                                                                    \
    X(FL_SUB, 'F', "xx--", "")                                                                    \
    X(FL_SBB, 'F', "xxf-", "")                                                                    \
    X(FL_LOGIC, 'F', "x---", "of result a: CF = OF = AF = 0")                                     \
    X(FL_INC, 'F', "xf--", "of operand a; CF from b")                                             \
    X(FL_DEC, 'F', "xf--", "")                                                                    \
    X(FL_SHL, 'F', "xwf-", "operand a, count b (already masked as the guest does); 0: flags c")   \
    X(FL_SHR, 'F', "xwf-", "")                                                                    \
    X(FL_SAR, 'F', "xwf-", "")                                                                    \
    X(FL_ROL, 'F', "xwf-", "CF and OF only; OF as for a count of 1")                              \
    X(FL_ROR, 'F', "xwf-", "")                                                                    \
    X(FL_SHLD, 'F', "xxwf", "32 and 64 bits")                                                     \
    X(FL_SHRD, 'F', "xxwf", "")                                                                   \
    X(FL_SETCF, 'F', "xf--", "CF = bit 0 of a, the rest of b")                                    \
    X(FL_SETCO, 'F', "wwf-", "CF = a, OF = b, both 0 or 1, the rest of c")                        \
    X(FL_CO, 'F', "x---", "CF = OF = bit 0 of a, the rest 0")                                     \
    X(FL_CCMP, 'F', "xxf-",                                                                       \
      "of a - b when imm bits 3:0, a condition, hold over c, else packed: imm >> 8")              \
    X(FL_CMC, 'F', "f---", "a, of operands of width aux, with CF complemented")                   \
    X(FL_FROM, 'F', "w---", "from the packed form")                                               \
    X(FL_PACK, 'W', "f---", "i32: to the packed form")                                            \
    X(FL_COMIS, 'F', "hh--", "aux IR_W32/IR_W64: ordered compare of lane 0; imm 1: UCOMIS")       \
    X(FL_FCMP, 'F', "hh--",                                                                       \
      "of lane 0, by the rules of Arm: less: SF CF, equal: ZF, unordered: OF; imm 1: a quiet NaN "  \
      "is invalid; modes as VA_*")                                                                \
    X(FL_PTEST, 'F', "uu--", "ZF = (a & b) == 0, CF = (~a & b) == 0")                             \
    /* memory: a = linear address (i64), imm = enum ir_mem */                                     \
    X(LD, '*', "q---", "i32, i64, v128 (4, 8 and 16 bytes; upper lanes 0) or v256")                     \
    X(ST, '0', "q*r-", "b = value; c = the IR_LD when IR_MEM_RMW")                                \
    X(LDCC, 'T', "qif-", "integers: LD when condition aux holds over c, else b")                  \
    X(STCC, '0', "qxf-", "integers: ST of b when condition aux holds over c")                     \
    X(XCHG, 'T', "qi--", "atomic exchange; returns the old value, zero-extended, as all atomics") \
    X(FETCH_ADD, 'T', "qi--", "")                                                                 \
    X(FETCH_AND, 'T', "qi--", "")                                                                 \
    X(FETCH_OR, 'T', "qi--", "")                                                                  \
    X(FETCH_XOR, 'T', "qi--", "")                                                                 \
    X(CMPXCHG, 'T', "qii-", "b = expected, c = new; returns the old value")                       \
    X(FENCE, '0', "----",                                                                         \
      "full memory barrier; aux 1: loads only, and the clock is read behind it")                  \
    X(FPSYNC, '0', "----",                                                                        \
      "aux 0: floating-point control and flags to tcg_cpu.guest_mxcsr; 1: from there")            \
    X(CLOCK, 'T', "----", "i64: the machine's virtual clock, in ns")                              \
    /* control */                                                                                 \
    X(CALL, '*', "xxxx",                                                                          \
      "imm = helper number; integer arguments, widened to u64 by zero-extension")                 \
    X(TRAPNZ, '0', "x---", "a != 0: raise exception; imm = vector | (error code + 1) << 8")       \
    X(TRAPCC, '0', "f---", "condition aux over a: likewise")                                      \
    X(BRCC, '0', "f---", "aux = cc: leave to PCB + imm when true; c, d = label, exit flags")      \
    X(BRNZ, '0', "x---", "leave to PCB + imm when a != 0; c, d = label, exit flags (no refs)")    \
    X(LABEL, '0', "----",                                                                         \
      "aux = number; JMP and branches lead here, from anywhere in the region; imm = PC minus "    \
      "PCB; b = loop depth; d = exit flags: leave to there when asked to")                        \
    X(JMP, '0', "----", "to label aux; imm = its PC minus PCB")                                   \
    X(EXPECT, '0', "q---", "leave to the PC in a unless it is PCB + imm")                         \
    X(EXIT, '0', "----", "leave to PCB + imm; aux = exit flags")                                  \
    X(EXIT_IND, '0', "q---", "leave to the PC in a (not a mode change)")                          \
    X(EXIT_MODE, '0', "q---",                                                                     \
      "as EXIT_DYN, in the mode word a, or imm without it, the MMU index being aux >> 1")         \
    X(EXIT_DYN, '0', "----",                                                                      \
      "leave to the PC in the register file; mode may have changed; aux 1: look at interrupts "   \
      "first")                                                                                    \
    /* general registers <-> vectors; aux = lane width */                                         \
    X(V_FROM, 'V', "x---", "i32 or i64 (aux) into lane 0, rest 0")                                \
    X(V_LANE, 'T', "h---", "lane imm, zero-extended")                                             \
    X(V_INS, 'V', "vx--", "a with lane imm from b")                                               \
    X(V_MOVMSK, 'W', "u---", "i32: top bits of the lanes")                                        \
    /* halves of v256, and what crosses them */                                                   \
    X(V_LO, 'X', "y---", "low half")                                                              \
    X(V_HI, 'X', "y---", "high half")                                                             \
    X(V_JOIN, 'Y', "hh--", "low half a, high half b")                                             \
    X(V_INSH, 'Y', "yh--", "a with half imm from b")                                              \
    X(V_BCAST, 'V', "h---", "lane 0 (aux W8 to W128) in every lane")                              \
    X(V_PERMQ, 'Y', "y---", "VPERMQ imm")                                                         \
    X(V_PERMD, 'Y', "yy--", "VPERMD: lane n is lane a[n] mod 8 of b")                             \
    X(V_PERM2, 'Y', "yy--", "VPERM2I128 imm")                                                     \
    /* bitwise and moves */                                                                       \
    X(V_AND, 'V', "vv--", "")                                                                     \
    X(V_OR, 'V', "vv--", "")                                                                      \
    X(V_XOR, 'V', "vv--", "")                                                                     \
    X(V_ANDN, 'V', "vv--", "~a & b")                                                              \
    X(V_MOVLANE, 'V', "vv--", "a with lane 0 (aux W32 or W64) of b: MOVSS, MOVSD")                \
    X(V_LOW, 'X', "h---", "lane 0 (aux W8 to W64), the rest 0")                                   \
    /* integer lanes; aux = lane width */                                                         \
    X(V_ADD, 'V', "vv--", "")                                                                     \
    X(V_SUB, 'V', "vv--", "")                                                                     \
    X(V_ADDS, 'V', "vv--", "saturating signed")                                                   \
    X(V_ADDUS, 'V', "vv--", "")                                                                   \
    X(V_SUBS, 'V', "vv--", "")                                                                    \
    X(V_SUBUS, 'V', "vv--", "")                                                                   \
    X(V_MULLO, 'V', "vv--", "W16, W32")                                                           \
    X(V_MULHI, 'V', "vv--", "W16 signed")                                                         \
    X(V_MULHIU, 'V', "vv--", "W16")                                                               \
    X(V_MULHRS, 'V', "vv--", "W16, PMULHRSW")                                                     \
    X(V_MULU, 'V', "vv--", "PMULUDQ")                                                             \
    X(V_MULS, 'V', "vv--", "PMULDQ")                                                              \
    X(V_MADD, 'V', "vv--", "PMADDWD")                                                             \
    X(V_MADDUBS, 'V', "vv--", "PMADDUBSW")                                                        \
    X(V_SAD, 'V', "vv--", "PSADBW")                                                               \
    X(V_AVG, 'V', "vv--", "W8, W16")                                                              \
    X(V_MIN, 'V', "vv--", "signed")                                                               \
    X(V_MAX, 'V', "vv--", "")                                                                     \
    X(V_MINU, 'V', "vv--", "")                                                                    \
    X(V_MAXU, 'V', "vv--", "")                                                                    \
    X(V_CMPEQ, 'V', "vv--", "")                                                                   \
    X(V_CMPGT, 'V', "vv--", "signed")                                                             \
    X(V_ABS, 'V', "v---", "")                                                                     \
    X(V_SIGN, 'V', "vv--", "PSIGN")                                                               \
    X(V_HADD, 'V', "vv--", "PHADDW/D")                                                            \
    X(V_HSUB, 'V', "vv--", "")                                                                    \
    X(V_HADDS, 'V', "vv--", "")                                                                   \
    X(V_HSUBS, 'V', "vv--", "")                                                                   \
    X(V_SHL, 'V', "vh--", "count = low 64 bits of b, >= width: 0")                                \
    X(V_SHR, 'V', "vh--", "")                                                                     \
    X(V_SAR, 'V', "vh--", ">= width: sign")                                                       \
    X(V_SHLI, 'V', "v---", "count = imm")                                                         \
    X(V_SHRI, 'V', "v---", "")                                                                    \
    X(V_SARI, 'V', "v---", "")                                                                    \
    X(V_SHLV, 'V', "vv--", "each lane by its own count in b; W32, W64")                           \
    X(V_SHRV, 'V', "vv--", "")                                                                    \
    X(V_SARV, 'V', "vv--", "")                                                                    \
    X(V_SHLB, 'V', "v---", "whole register by imm bytes")                                         \
    X(V_SHRB, 'V', "v---", "")                                                                    \
    X(V_ALIGN, 'V', "vv--", "PALIGNR: (a:b) >> imm bytes")                                        \
    X(V_PACKS, 'V', "vv--", "aux = source width; signed saturation")                              \
    X(V_PACKUS, 'V', "vv--", "")                                                                  \
    X(V_UNPKL, 'V', "vv--", "")                                                                   \
    X(V_UNPKH, 'V', "vv--", "")                                                                   \
    X(V_SHUFB, 'V', "vv--", "PSHUFB")                                                             \
    X(V_SHUFD, 'V', "v---", "PSHUFD imm")                                                         \
    X(V_SHUFLW, 'V', "v---", "")                                                                  \
    X(V_SHUFHW, 'V', "v---", "")                                                                  \
    X(V_SHUFPS, 'V', "vv--", "aux W32: SHUFPS, W64: SHUFPD; imm")                                 \
    X(V_MOVSX, 'V', "h---", "aux = source width, imm = target width")                             \
    X(V_MOVZX, 'V', "h---", "")                                                                   \
    X(V_BLENDV, 'V', "vvv-", "top bit of the lane of c ? b : a; W8 W32 W64")                      \
    X(V_BLENDI, 'V', "vv--", "bit of imm ? b : a; W16 W32 W64")                                   \
    X(V_MPSAD, 'V', "vv--", "MPSADBW imm")                                                        \
    X(V_HMINPOS, 'V', "v---", "PHMINPOSUW")                                                       \
    X(V_INSERTPS, 'V', "vv--", "imm")                                                              \
    X(V_PCMPISTR, 'T', "hh--", "PCMPISTRI imm: i64, index in the low half, packed flags high")                                                             \
    X(V_MOVDUP, 'V', "v---", "aux W64: MOVDDUP; W32 imm 0: MOVSLDUP, 1: MOVSHDUP")                \
    X(V_PERMIL, 'V', "vv--", "VPERMILPS, VPERMILPD: lanes of a by b")                             \
    /* cryptography: the instruction of that name */                                              \
    X(V_AESENC, 'V', "vv--", "")                                                                  \
    X(V_AESENCLAST, 'V', "vv--", "")                                                              \
    X(V_AESDEC, 'V', "vv--", "")                                                                  \
    X(V_AESDECLAST, 'V', "vv--", "")                                                              \
    X(V_AESIMC, 'X', "h---", "")                                                                  \
    X(V_AESKEY, 'X', "h---", "AESKEYGENASSIST imm")                                               \
    X(V_CLMUL, 'V', "vv--", "PCLMULQDQ imm")                                                      \
    X(V_GFMUL, 'V', "vv--", "GF2P8MULB")                                                          \
    X(V_GFAFFINE, 'V', "vv--", "GF2P8AFFINEQB imm; every half alike")                             \
    X(V_GFAFFINEINV, 'V', "vv--", "")                                                             \
    X(V_SHA1RNDS4, 'X', "hh--", "imm")                                                            \
    X(V_SHA1NEXTE, 'X', "hh--", "")                                                               \
    X(V_SHA1MSG1, 'X', "hh--", "")                                                                \
    X(V_SHA1MSG2, 'X', "hh--", "")                                                                \
    X(V_SHA256RNDS2, 'X', "hhh-", "c: the implicit operand")                                      \
    X(V_SHA256MSG1, 'X', "hh--", "")                                                              \
    X(V_SHA256MSG2, 'X', "hh--", "")                                                              \
    /* floating point lanes as x86 SSE does them; aux W32/W64, imm 1: lane 0 only, rest from a */ \
    X(VF_ADD, 'V', "vv--", "")                                                                    \
    X(VF_SUB, 'V', "vv--", "")                                                                    \
    X(VF_MUL, 'V', "vv--", "")                                                                    \
    X(VF_DIV, 'V', "vv--", "")                                                                    \
    X(VF_MIN, 'V', "vv--", "")                                                                    \
    X(VF_MAX, 'V', "vv--", "")                                                                    \
    X(VF_SQRT, 'V', "vv--", "of b; rest from a")                                                  \
    X(VF_RCP, 'V', "vv--", "likewise")                                                            \
    X(VF_RSQRT, 'V', "vv--", "")                                                                  \
    X(VF_CMP, 'V', "vv--", "imm bit 0: lane 0 only; imm >> 8: predicate 0-31 (VEX numbering)")    \
    X(VF_ADDSUB, 'V', "vv--", "")                                                                 \
    X(VF_HADD, 'V', "vv--", "")                                                                   \
    X(VF_HSUB, 'V', "vv--", "")                                                                   \
    X(VF_DP, 'V', "vv--", "DPPS/DPPD imm")                                                        \
    X(VF_ROUND, 'V', "vv--", "of b; imm bit 0: lane 0 only; imm >> 8: SSE4.1 rounding control")   \
    X(VF_FROMI32, 'V', "u---", "CVTDQ2PS (W32), CVTDQ2PD (W64)")                                  \
    X(VF_TOI32, 'V', "u---", "CVTPS2DQ (W32), CVTPD2DQ (W64); imm 1: truncating")                 \
    X(VF_CVT, 'V', "u---", "packed: aux W32: CVTPS2PD, W64: CVTPD2PS")                            \
    X(VF_CVTS, 'V', "vv--", "lane 0 of b converted into a: aux W32: CVTSS2SD, W64: CVTSD2SS")     \
    X(VF_FMA, 'V', "vvv-", "imm: enum ir_fma; one rounding")                                      \
    X(VF_FROMH, 'V', "h---", "binary16 to binary32: VCVTPH2PS")                                   \
    X(VF_TOH, 'X', "u---", "VCVTPS2PH imm")                                                       \
    X(VF_SFROMI, 'V', "vx--", "lane 0 = integer b (imm = IR_I32/IR_I64): CVTSI2SS/SD")            \
    X(VF_STOI, 'T', "h---", "lane 0 to i32/i64: CVTSS2SI/SD2SI; imm 1: truncating")                 \
    /* floating point as Arm has it: arm_fp.h; aux = lane width W16 W32 W64 */                    \
    X(VA_1, 'X', "h---", "")                                                                      \
    X(VA_2, 'X', "hh--", "")                                                                      \
    X(VA_3, 'X', "hhh-", "")                                                                      \
    X(VA_TOI, 'T', "h---", "lane 0 to i32 or i64")                                                \
    X(VA_FROMI, 'X', "x---", "i32 or i64 a to lane 0, rest 0")                                    \
    /* x87, not SSA: each acts on the state that those before it left. imm: ir_x87_imm() */        \
    X(X87_BEGIN, '0', "----", "imm = how pointers to the last instruction are kept; before the others")  \
    X(X87_END, '0', "----", "what follows looks at the x87 state in the register file")  \
    X(X87_REG, '0', "----", "register form")                                                           \
    X(X87_CMOV, '0', "f---", "FCMOVcc over a")                                                         \
    X(X87_COMI, 'F', "----", "FCOMI, FUCOMI and their popping forms")                                  \
    X(X87_LD, '0', "qq--", "memory form that reads: a = linear address, b = offset in the segment")    \
    X(X87_ST, '0', "qq--", "memory form that writes")                                                  \
    X(X87_STSW, 'W', "----", "i32: the status word in the low half; imm = its offset")                 \
    X(X87_LDCW, '0', "w---", "control word a (exceptions masked) is in force")
/* clang-format on */

/* imm of VF_FMA. */
enum ir_fma {
    IR_FMA_ONE = 1 << 0, /* lane 0 only, rest from a */
    IR_FMA_NEGATE_PRODUCT = 1 << 1,
    IR_FMA_NEGATE_ADDEND = 1 << 2,
    IR_FMA_ALTERNATE =
        1 << 3,           /* the addend of even lanes has the other sign than that of odd ones */
    IR_FMA_FORM = 3 << 4, /* which operands: */
    IR_FMA_132 = 0 << 4,  /* a * c + b */
    IR_FMA_213 = 1 << 4,  /* b * a + c */
    IR_FMA_231 = 2 << 4,  /* b * c + a */
};

/*
 * imm of the X87 ops: the instruction, as bits 0-2 of its first byte << 8 | ModRM; the helper that
 * does it all in C, for back ends that have no x87 (they take its arguments from the op: see
 * tcg/interp); bytes of its memory operand.
 */
static inline uint64_t ir_x87_imm(unsigned opcode, unsigned helper, unsigned bytes)
{
    return opcode | (uint64_t)helper << 16 | (uint64_t)bytes << 32;
}
static inline unsigned ir_x87_opcode(uint64_t imm)
{
    return imm & 0x7ff;
}
static inline unsigned ir_x87_desc(uint64_t imm)
{
    return imm & 0xffff;
}
static inline unsigned ir_x87_helper(uint64_t imm)
{
    return imm >> 16 & 0xffff;
}
static inline unsigned ir_x87_bytes(uint64_t imm)
{
    return imm >> 32 & 0xff;
}
/*
 * imm of X87_BEGIN: WIDE: instruction pointers have 64 bits and selectors are 0; SELECTORS: those
 * of pointers are kept at all; DATA: pointers to data and opcodes are.
 */
enum { IR_X87_WIDE = 1, IR_X87_SELECTORS = 2, IR_X87_DATA = 4 };

enum ir_op {
#define X(name, res, args, doc) IR_##name,
    IR_OPS(X)
#undef X
        IR_OP_COUNT
};

struct ir_insn {
    uint8_t op;   /* enum ir_op */
    uint8_t type; /* enum ir_type of the result */
    uint8_t aux;
    ir_ref a, b, c, d;
    uint16_t uses; /* of the value, counted by the builder's finish pass */
    uint64_t imm;
};
_Static_assert(IR_OP_COUNT < 256, "ops fit a byte");

struct ir_op_info {
    const char *name;
    char result;
    const char *args;
};
extern const struct ir_op_info ir_ops[IR_OP_COUNT];

/* What those who go through a region ask of every insn, in a byte. IR_CALL's depends on its helper:
 * see below. */
enum ir_trait {
    IR_TRAIT_ARGS = 7,        /* how many of a, b, c, d may be values */
    IR_TRAIT_FAULT = 1 << 3,  /* ir_may_fault() */
    IR_TRAIT_LEAVE = 1 << 4,  /* control may leave, or come: BRCC to EXIT_DYN */
    IR_TRAIT_EFFECT = 1 << 5, /* ir_has_side_effect() */
    IR_TRAIT_PURE = 1 << 6,   /* same arguments give the same value anywhere in the region */
    IR_TRAIT_FOLD = 1 << 7,   /* ir_fold() has rules for it */
};
#include "tcg/ir/traits.h"

enum { IR_MAX_INSNS = 4000, IR_MAX_SLOTS = 64 };

/* What a slot is; a const table per guest architecture. */
struct ir_slot {
    const char *name;
    int32_t offset; /* from the pinned register-file pointer; the private part is negative */
    uint8_t type;   /* enum ir_type */
    uint8_t group;  /* bit number in helper masks */
    uint8_t upper; /* V128: the slot that lies right behind it in memory, so that both are one v256;
                      0: none */
};

/* ---- helpers
 * --------------------------------------------------------------------------------------- */

/*
 * A helper is `uint64_t fn(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)`, env the
 * register-file pointer. A helper that faults sets the vCPU's status (tcg_raise and friends) and
 * returns anything; it has changed no architectural state by then. It may read and write only slots
 * of the groups it declares; a back end flushes the ones read before, forgets the ones written
 * after.
 */
typedef uint64_t (*tcg_helper_fn)(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

enum ir_helper_flags {
    HELPER_PURE = 0,
    HELPER_FAULT = 1, /* may raise an exception or leave: checked after the call */
    HELPER_FP = 2,  /* does floating point of its own or calls devices: host FP control is restored
                       around it */
    HELPER_X87 = 4, /* uses the host's x87 or changes the guest's state: runs with the host's
                       control word */
    HELPER_CLOCK = 8, /* reads clocks or calls devices: with counted time it ends its block */
};
#define HELPER_ALL_GROUPS (~UINT64_C(0))

struct ir_helper {
    const char *name;
    tcg_helper_fn fn;
    uint8_t result; /* enum ir_type: IR_VOID, IR_I32, IR_I64, IR_FL (packed) */
    uint8_t flags;
    uint64_t reads, writes; /* bit masks of slot groups */
};

/* ---- builder
 * --------------------------------------------------------------------------------------- */

struct ir_region {
    struct ir_insn *insns; /* insns[0] is unused so that ref 0 means none */
    uint32_t count;
    bool overflow; /* more than IR_MAX_INSNS wanted: the region is void, translate fewer
                      instructions */
    const struct ir_slot *slots;
    uint32_t slot_count;
    const struct ir_helper *helpers;
    uint32_t helper_count;
    uint64_t guest_pc; /* PC of the first instruction, for logs */
    uint32_t guest_len;
    uint32_t guest_insns;
    uint32_t exit_count, first_exit; /* insns that ir_exits(), by ir_finish() */
    uint32_t cross_count;            /* those of them with IR_EXIT_CROSS */
    bool single;                     /* one instruction: every exit returns to the run loop */
    bool has_wide;                   /* there are v256 values */

    /* builder state */
    ir_ref slot_value[IR_MAX_SLOTS];
    ir_ref last_label; /* the last IR_LABEL, 0: none */
    ir_ref cse[256];   /* latest pure insn by hash */
};

void ir_region_init(struct ir_region *r, struct ir_insn *storage, const struct ir_slot *slots,
                    uint32_t slot_count, const struct ir_helper *helpers, uint32_t helper_count);

/*
 * An insn as it lies in memory, in words that were put together from its fields: it has just been
 * written field by field, and wider loads would wait for those stores.
 */
struct ir_words {
    uint64_t head, rest, imm; /* op, type, aux, a, b; c, d, uses (0); imm */
};
_Static_assert(sizeof(struct ir_words) == sizeof(struct ir_insn), "as it lies in memory");
_Static_assert(offsetof(struct ir_insn, a) == 4 && offsetof(struct ir_insn, c) == 8 &&
                   offsetof(struct ir_insn, imm) == 16 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "as ir_pack() puts it together");
static inline struct ir_words ir_pack(unsigned op, unsigned type, unsigned aux, ir_ref a, ir_ref b,
                                      ir_ref c, ir_ref d, uint64_t imm)
{
    return (struct ir_words){.head = op | (uint64_t)type << 8 | (uint64_t)(aux & 0xff) << 16 |
                                     (uint64_t)a << 32 | (uint64_t)b << 48,
                             .rest = c | (uint64_t)d << 16,
                             .imm = imm};
}
/* Append: as it is; unless the same is there already (IR_TRAIT_PURE); with folding, too. */
ir_ref ir_append(struct ir_region *r, uint64_t head, uint64_t rest, uint64_t imm);
ir_ref ir_append_pure(struct ir_region *r, uint64_t head, uint64_t rest, uint64_t imm);
ir_ref ir_append_folded(struct ir_region *r, uint64_t head, uint64_t rest, uint64_t imm);
/* ir_emit of an operation that is not known when it is compiled. */
ir_ref ir_emit_any(struct ir_region *r, enum ir_op op, enum ir_type type, unsigned aux, ir_ref a,
                   ir_ref b, ir_ref c, ir_ref d, uint64_t imm);
/* Append with folding and common-subexpression search; type may be IR_VOID where the op fixes it.
 */
static inline __attribute__((always_inline)) ir_ref ir_emit_known(struct ir_region *r,
                                                                  enum ir_op op, enum ir_type type,
                                                                  unsigned aux, ir_ref a, ir_ref b,
                                                                  ir_ref c, ir_ref d, uint64_t imm)
{
    const unsigned result = ir_results[op], traits = ir_traits[op];
    if (result < IR_RESULT_ANY)
        type = (enum ir_type)result;
    else if (result == IR_RESULT_VECTOR)
        type = type == IR_V256 ? IR_V256 : IR_V128;
    if (type == IR_V256)
        r->has_wide = true;
    const struct ir_words w = ir_pack(op, type, aux, a, b, c, d, imm);
    if (traits & IR_TRAIT_FOLD)
        return ir_append_folded(r, w.head, w.rest, w.imm);
    return traits & IR_TRAIT_PURE ? ir_append_pure(r, w.head, w.rest, w.imm)
                                  : ir_append(r, w.head, w.rest, w.imm);
}
static inline __attribute__((always_inline)) ir_ref ir_emit(struct ir_region *r, enum ir_op op,
                                                            enum ir_type type, unsigned aux,
                                                            ir_ref a, ir_ref b, ir_ref c, ir_ref d,
                                                            uint64_t imm)
{
    return __builtin_constant_p(op) ? ir_emit_known(r, op, type, aux, a, b, c, d, imm)
                                    : ir_emit_any(r, op, type, aux, a, b, c, d, imm);
}

ir_ref ir_const(struct ir_region *r, enum ir_type type, uint64_t value);
static inline ir_ref ir_i32(struct ir_region *r, uint32_t v)
{
    return ir_const(r, IR_I32, v);
}
static inline ir_ref ir_i64(struct ir_region *r, uint64_t v)
{
    return ir_const(r, IR_I64, v);
}
static inline bool ir_is_const(const struct ir_region *r, ir_ref v, uint64_t *value)
{
    const struct ir_insn *i = &r->insns[v];
    if (i->op != IR_CONST)
        return false;
    *value = i->imm;
    return true;
}
ir_ref ir_get(struct ir_region *r, unsigned slot);
void ir_put(struct ir_region *r, unsigned slot, ir_ref v);
void ir_insn(struct ir_region *r, int64_t pc_minus_pcb, unsigned len);
/* Floating-point control and flags go where LDENV finds them (tcg_cpu.guest_mxcsr); load: they are
 * what STENV put there. */
void ir_fp_sync(struct ir_region *r, bool load);
/*
 * A place that is reached from several others: nothing of what was known holds behind it. What
 * stands before must have ended in IR_JMP or an exit. Behind the label IR_LABEL_ROOM NOPs are left
 * for a back end that wants to say there what is known after all. depth: of the loops it is in.
 */
enum { IR_MAX_LABELS = 64, IR_LABEL_ROOM = 5 };
void ir_label(struct ir_region *r, unsigned number, int64_t pc_minus_pcb, bool poll,
              unsigned depth);
/* Does the insn leave through an exit site, numbered in the order of such insns? */
static inline bool ir_exits(const struct ir_insn *i)
{
    return ((i->op == IR_BRCC || i->op == IR_BRNZ) && !(i->d & IR_EXIT_LABEL)) ||
           i->op == IR_EXIT || (i->op == IR_LABEL && i->d);
}
/* Its enum ir_exit_flags. */
static inline unsigned ir_exit_flags(const struct ir_insn *i)
{
    return i->op == IR_EXIT ? i->aux : i->d;
}
/* Does the insn lead to label *number? */
static inline bool ir_branches(const struct ir_insn *i, unsigned *number)
{
    bool internal = (i->op == IR_BRCC || i->op == IR_BRNZ) && i->d & IR_EXIT_LABEL;
    *number = i->op == IR_JMP ? i->aux : i->c;
    return internal || i->op == IR_JMP;
}
/* Nothing runs on behind it. */
static inline bool ir_ends(const struct ir_insn *i)
{
    return i->op == IR_EXIT || i->op == IR_EXIT_IND || i->op == IR_EXIT_DYN ||
           i->op == IR_EXIT_MODE || i->op == IR_JMP;
}
static inline ir_ref ir_op1(struct ir_region *r, enum ir_op op, enum ir_type t, ir_ref a)
{
    return ir_emit(r, op, t, 0, a, 0, 0, 0, 0);
}
static inline ir_ref ir_op2(struct ir_region *r, enum ir_op op, enum ir_type t, ir_ref a, ir_ref b)
{
    return ir_emit(r, op, t, 0, a, b, 0, 0, 0);
}
static inline ir_ref ir_op3(struct ir_region *r, enum ir_op op, enum ir_type t, ir_ref a, ir_ref b,
                            ir_ref c)
{
    return ir_emit(r, op, t, 0, a, b, c, 0, 0);
}
/* zero/sign extension of the low `from` bits to type t */
static inline ir_ref ir_zext(struct ir_region *r, enum ir_type t, ir_ref a, enum ir_width from)
{
    return ir_emit(r, IR_ZEXT, t, from, a, 0, 0, 0, 0);
}
static inline ir_ref ir_sext(struct ir_region *r, enum ir_type t, ir_ref a, enum ir_width from)
{
    return ir_emit(r, IR_SEXT, t, from, a, 0, 0, 0, 0);
}
static inline ir_ref ir_trunc(struct ir_region *r, ir_ref a)
{
    return ir_emit(r, IR_TRUNC, IR_I32, 0, a, 0, 0, 0, 0);
}
static inline ir_ref ir_ld(struct ir_region *r, enum ir_type t, ir_ref addr, unsigned attr)
{
    return ir_emit(r, IR_LD, t, 0, addr, 0, 0, 0, attr);
}
static inline void ir_st(struct ir_region *r, ir_ref addr, ir_ref v, ir_ref rmw_ld, unsigned attr)
{
    ir_emit(r, IR_ST, IR_VOID, 0, addr, v, rmw_ld, 0, attr);
}
/* Flags op: width, operands. */
static inline ir_ref ir_fl(struct ir_region *r, enum ir_op op, enum ir_width w, ir_ref a, ir_ref b,
                           ir_ref c, ir_ref d)
{
    return ir_emit(r, op, IR_FL, w, a, b, c, d, 0);
}
/* Calls forget the slots that the helper writes; PUTs before it are committed for those it reads.
 */
ir_ref ir_call(struct ir_region *r, unsigned helper, ir_ref a, ir_ref b, ir_ref c, ir_ref d);

/* Number of argument values of an insn (d of BRCC and BRNZ, and the load named by a store, are
 * none). */
static inline unsigned ir_args(const struct ir_insn *i, ir_ref out[4])
{
    unsigned n = 0, room = ir_traits[i->op] & IR_TRAIT_ARGS;
    if (room > 0 && i->a)
        out[n++] = i->a;
    if (room > 1 && i->b)
        out[n++] = i->b;
    if (room > 2 && i->c)
        out[n++] = i->c;
    if (room > 3 && i->d)
        out[n++] = i->d;
    return n;
}
static inline bool ir_may_fault(const struct ir_insn *i, const struct ir_region *r)
{
    return ir_traits[i->op] & IR_TRAIT_FAULT ||
           (i->op == IR_CALL && r->helpers[i->imm].flags & HELPER_FAULT);
}
static inline bool ir_has_side_effect(const struct ir_insn *i, const struct ir_region *r)
{
    if (i->op != IR_CALL)
        return ir_traits[i->op] & IR_TRAIT_EFFECT;
    const struct ir_helper *h = &r->helpers[i->imm];
    return h->writes || h->flags || h->result == IR_VOID;
}

/* Close the region: dead code and overwritten PUTs become IR_NOP, use counts are filled in, exits
 * counted. Call once, after the front end. */
void ir_finish(struct ir_region *r);

/* Types, argument kinds, order of PUTs and faults; in debug builds between passes. Message in buf.
 */
bool ir_verify(const struct ir_region *r, char *buf, size_t len);
/* One line per insn through the callback. */
void ir_print(const struct ir_region *r, void (*line)(void *opaque, const char *text),
              void *opaque);

#endif
