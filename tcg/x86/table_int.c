/*
 * Decode table: integer, control-flow and string instructions (Intel SDM vol. 2). Undefined flags
 * are those the manual leaves undefined. System instructions are in table_sys.c.
 */
#include "tcg/x86/decode.h"
#include "tcg/x86/translate_int.h"

/* clang-format off */
#define LOGIC_FLAGS .fl_write = FL_ARITH & ~FL_A, .fl_undef = FL_A
#define ALL_FLAGS .fl_write = FL_ARITH
#define COUNT_FLAGS .fl_write = FL_ARITH & ~FL_C /* INC, DEC */
#define MUL_FLAGS .fl_write = FL_C | FL_O, .fl_undef = FL_S | FL_Z | FL_A | FL_P
#define DIV_FLAGS .fl_undef = FL_ARITH
#define CC_FLAGS .fl_read = FL_ARITH & ~FL_A

/* The eight arithmetic operations: six opcodes each and a place in groups 80-83. */
#define ALU(R, op, name, lock, ...) \
    R(MAP_1, (op) << 3 | 0, (op) << 3 | 0, SEL_ANY, name, tr_alu, OPS(Eb, Gb), .flags = I_BYTE | (lock), .arg = (op), __VA_ARGS__) \
    R(MAP_1, (op) << 3 | 1, (op) << 3 | 1, SEL_ANY, name, tr_alu, OPS(Ev, Gv), .flags = (lock), .arg = (op), __VA_ARGS__) \
    R(MAP_1, (op) << 3 | 2, (op) << 3 | 2, SEL_ANY, name, tr_alu, OPS(Gb, Eb), .flags = I_BYTE, .arg = (op), __VA_ARGS__) \
    R(MAP_1, (op) << 3 | 3, (op) << 3 | 3, SEL_ANY, name, tr_alu, OPS(Gv, Ev), .arg = (op), __VA_ARGS__) \
    R(MAP_1, (op) << 3 | 4, (op) << 3 | 4, SEL_ANY, name, tr_alu, OPS(AL, Ib), .flags = I_BYTE, .arg = (op), __VA_ARGS__) \
    R(MAP_1, (op) << 3 | 5, (op) << 3 | 5, SEL_ANY, name, tr_alu, OPS(rAX, Iz), .arg = (op), __VA_ARGS__)
#define ALU_GROUP_1(R, opcode, sel, byte, o1, o2, op, name, lock, ...) \
    R(MAP_1, opcode, opcode, REG_IS(op) | (sel), name, tr_alu, OPS(o1, o2), .flags = (byte) | (lock), .arg = (op), __VA_ARGS__)
#define ALU_GROUP(R, opcode, sel, byte, o1, o2) \
    ALU_GROUP_1(R, opcode, sel, byte, o1, o2, ALU_ADD, "add", I_LOCK, ALL_FLAGS) \
    ALU_GROUP_1(R, opcode, sel, byte, o1, o2, ALU_OR, "or", I_LOCK, LOGIC_FLAGS) \
    ALU_GROUP_1(R, opcode, sel, byte, o1, o2, ALU_ADC, "adc", I_LOCK, ALL_FLAGS, .fl_read = FL_C) \
    ALU_GROUP_1(R, opcode, sel, byte, o1, o2, ALU_SBB, "sbb", I_LOCK, ALL_FLAGS, .fl_read = FL_C) \
    ALU_GROUP_1(R, opcode, sel, byte, o1, o2, ALU_AND, "and", I_LOCK, LOGIC_FLAGS) \
    ALU_GROUP_1(R, opcode, sel, byte, o1, o2, ALU_SUB, "sub", I_LOCK, ALL_FLAGS) \
    ALU_GROUP_1(R, opcode, sel, byte, o1, o2, ALU_XOR, "xor", I_LOCK, LOGIC_FLAGS) \
    ALU_GROUP_1(R, opcode, sel, byte, o1, o2, ALU_CMP, "cmp", 0, ALL_FLAGS)

#define SHIFT_1(R, opcode, byte, o1, o2, op, name, ...) \
    R(MAP_1, opcode, opcode, REG_IS(op), name, tr_shift, OPS(o1, o2), .flags = (byte), .arg = (op), __VA_ARGS__)
#define SHIFTS(R, opcode, byte, o1, o2) \
    SHIFT_1(R, opcode, byte, o1, o2, SHIFT_ROL, "rol", .fl_write = FL_C | FL_O) \
    SHIFT_1(R, opcode, byte, o1, o2, SHIFT_ROR, "ror", .fl_write = FL_C | FL_O) \
    SHIFT_1(R, opcode, byte, o1, o2, SHIFT_RCL, "rcl", .fl_read = FL_C, .fl_write = FL_C | FL_O) \
    SHIFT_1(R, opcode, byte, o1, o2, SHIFT_RCR, "rcr", .fl_read = FL_C, .fl_write = FL_C | FL_O) \
    SHIFT_1(R, opcode, byte, o1, o2, SHIFT_SHL, "shl", LOGIC_FLAGS) \
    SHIFT_1(R, opcode, byte, o1, o2, SHIFT_SHR, "shr", LOGIC_FLAGS) \
    SHIFT_1(R, opcode, byte, o1, o2, SHIFT_SAL, "shl", LOGIC_FLAGS) \
    SHIFT_1(R, opcode, byte, o1, o2, SHIFT_SAR, "sar", LOGIC_FLAGS)

#define ONE_BYTE(R) \
    ALU(R, ALU_ADD, "add", I_LOCK, ALL_FLAGS) \
    ALU(R, ALU_OR, "or", I_LOCK, LOGIC_FLAGS) \
    ALU(R, ALU_ADC, "adc", I_LOCK, ALL_FLAGS, .fl_read = FL_C) \
    ALU(R, ALU_SBB, "sbb", I_LOCK, ALL_FLAGS, .fl_read = FL_C) \
    ALU(R, ALU_AND, "and", I_LOCK, LOGIC_FLAGS) \
    R(MAP_1, 0x27, 0x27, NOT64, "daa", tr_bcd, NO_OPS, .arg = BCD_DAA, .fl_read = FL_C | FL_A, .fl_write = FL_ARITH & ~FL_O, .fl_undef = FL_O) \
    ALU(R, ALU_SUB, "sub", I_LOCK, ALL_FLAGS) \
    R(MAP_1, 0x2f, 0x2f, NOT64, "das", tr_bcd, NO_OPS, .arg = BCD_DAS, .fl_read = FL_C | FL_A, .fl_write = FL_ARITH & ~FL_O, .fl_undef = FL_O) \
    ALU(R, ALU_XOR, "xor", I_LOCK, LOGIC_FLAGS) \
    R(MAP_1, 0x37, 0x37, NOT64, "aaa", tr_bcd, NO_OPS, .arg = BCD_AAA, .fl_read = FL_A, .fl_write = FL_A | FL_C, .fl_undef = FL_O | FL_S | FL_Z | FL_P) \
    ALU(R, ALU_CMP, "cmp", 0, ALL_FLAGS) \
    R(MAP_1, 0x3f, 0x3f, NOT64, "aas", tr_bcd, NO_OPS, .arg = BCD_AAS, .fl_read = FL_A, .fl_write = FL_A | FL_C, .fl_undef = FL_O | FL_S | FL_Z | FL_P) \
    R(MAP_1, 0x40, 0x47, NOT64, "inc", tr_inc, OPS(Zv), COUNT_FLAGS) \
    R(MAP_1, 0x48, 0x4f, NOT64, "dec", tr_dec, OPS(Zv), COUNT_FLAGS) \
    R(MAP_1, 0x50, 0x57, SEL_ANY, "push", tr_push, OPS(Zv), .flags = I_DEF64) \
    R(MAP_1, 0x58, 0x5f, SEL_ANY, "pop", tr_pop, OPS(Zv), .flags = I_DEF64) \
    R(MAP_1, 0x60, 0x60, NOT64, "pusha", tr_pusha, NO_OPS) \
    R(MAP_1, 0x61, 0x61, NOT64, "popa", tr_popa, NO_OPS) \
    R(MAP_1, 0x62, 0x62, NOT64 | MOD_MEM, "bound", tr_bound, OPS(Gv, Ma)) \
    R(MAP_1, 0x63, 0x63, ONLY64, "movsxd", tr_movsx, OPS(Gv, Ed), .arg = IR_W32) \
    R(MAP_1, 0x68, 0x68, SEL_ANY, "push", tr_push, OPS(Iz), .flags = I_DEF64) \
    R(MAP_1, 0x69, 0x69, SEL_ANY, "imul", tr_imul, OPS(Gv, Ev, Iz), MUL_FLAGS) \
    R(MAP_1, 0x6a, 0x6a, SEL_ANY, "push", tr_push, OPS(Ibs), .flags = I_DEF64) \
    R(MAP_1, 0x6b, 0x6b, SEL_ANY, "imul", tr_imul, OPS(Gv, Ev, Ibs), MUL_FLAGS) \
    R(MAP_1, 0x70, 0x7f, SEL_ANY, "j@", tr_jcc, OPS(Jb), .flags = I_FORCE64 | I_END, CC_FLAGS) \
    ALU_GROUP(R, 0x80, SEL_ANY, I_BYTE, Eb, Ib) \
    ALU_GROUP(R, 0x81, SEL_ANY, 0, Ev, Iz) \
    ALU_GROUP(R, 0x82, NOT64, I_BYTE, Eb, Ib) \
    ALU_GROUP(R, 0x83, SEL_ANY, 0, Ev, Ibs) \
    R(MAP_1, 0x84, 0x84, SEL_ANY, "test", tr_test, OPS(Eb, Gb), .flags = I_BYTE, LOGIC_FLAGS) \
    R(MAP_1, 0x85, 0x85, SEL_ANY, "test", tr_test, OPS(Ev, Gv), LOGIC_FLAGS) \
    R(MAP_1, 0x86, 0x86, SEL_ANY, "xchg", tr_xchg, OPS(Eb, Gb), .flags = I_BYTE | I_LOCK) \
    R(MAP_1, 0x87, 0x87, SEL_ANY, "xchg", tr_xchg, OPS(Ev, Gv), .flags = I_LOCK) \
    R(MAP_1, 0x88, 0x88, SEL_ANY, "mov", tr_mov, OPS(Eb, Gb), .flags = I_BYTE) \
    R(MAP_1, 0x89, 0x89, SEL_ANY, "mov", tr_mov, OPS(Ev, Gv)) \
    R(MAP_1, 0x8a, 0x8a, SEL_ANY, "mov", tr_mov, OPS(Gb, Eb), .flags = I_BYTE) \
    R(MAP_1, 0x8b, 0x8b, SEL_ANY, "mov", tr_mov, OPS(Gv, Ev)) \
    R(MAP_1, 0x8d, 0x8d, MOD_MEM, "lea", tr_lea, OPS(Gv, M), .flags = I_NO_MEM_ACCESS) \
    R(MAP_1, 0x8f, 0x8f, REG_IS(0), "pop", tr_pop, OPS(Ev), .flags = I_DEF64) \
    R(MAP_1, 0x90, 0x97, SEL_ANY, "xchg", tr_xchg, OPS(Zv, rAX)) \
    R(MAP_1, 0x90, 0x90, REX_B0, "nop", tr_nop, NO_OPS) \
    R(MAP_1, 0x90, 0x90, PREFIX_F3, "pause", tr_helper, NO_OPS, .arg = HELPER_ID(pause)) \
    R(MAP_1, 0x98, 0x98, OPSIZE_IS(IR_W16), "cbw", tr_cbw, NO_OPS) \
    R(MAP_1, 0x98, 0x98, OPSIZE_IS(IR_W32), "cwde", tr_cbw, NO_OPS) \
    R(MAP_1, 0x98, 0x98, OPSIZE_IS(IR_W64), "cdqe", tr_cbw, NO_OPS) \
    R(MAP_1, 0x99, 0x99, OPSIZE_IS(IR_W16), "cwd", tr_cwd, NO_OPS) \
    R(MAP_1, 0x99, 0x99, OPSIZE_IS(IR_W32), "cdq", tr_cwd, NO_OPS) \
    R(MAP_1, 0x99, 0x99, OPSIZE_IS(IR_W64), "cqo", tr_cwd, NO_OPS) \
    R(MAP_1, 0x9e, 0x9e, NOT64, "sahf", tr_sahf, NO_OPS, .fl_write = FL_ARITH & ~FL_O) \
    R(MAP_1, 0x9e, 0x9e, ONLY64, "sahf", tr_sahf, NO_OPS, .feature = FEAT_LAHF, .fl_write = FL_ARITH & ~FL_O) \
    R(MAP_1, 0x9f, 0x9f, NOT64, "lahf", tr_lahf, NO_OPS, .fl_read = FL_ARITH & ~FL_O) \
    R(MAP_1, 0x9f, 0x9f, ONLY64, "lahf", tr_lahf, NO_OPS, .feature = FEAT_LAHF, .fl_read = FL_ARITH & ~FL_O) \
    R(MAP_1, 0xa0, 0xa0, SEL_ANY, "mov", tr_mov_offset, OPS(AL, Ob), .flags = I_BYTE) \
    R(MAP_1, 0xa1, 0xa1, SEL_ANY, "mov", tr_mov_offset, OPS(rAX, Ov)) \
    R(MAP_1, 0xa2, 0xa2, SEL_ANY, "mov", tr_mov_offset, OPS(Ob, AL), .flags = I_BYTE, .arg = 1) \
    R(MAP_1, 0xa3, 0xa3, SEL_ANY, "mov", tr_mov_offset, OPS(Ov, rAX), .arg = 1) \
    R(MAP_1, 0xa4, 0xa4, SEL_ANY, "movs", tr_movs, OPS(Yb, Xb), .flags = I_BYTE | I_REP) \
    R(MAP_1, 0xa5, 0xa5, SEL_ANY, "movs", tr_movs, OPS(Yv, Xv), .flags = I_REP) \
    R(MAP_1, 0xa6, 0xa6, SEL_ANY, "cmps", tr_cmps, OPS(Xb, Yb), .flags = I_BYTE | I_REP, ALL_FLAGS) \
    R(MAP_1, 0xa7, 0xa7, SEL_ANY, "cmps", tr_cmps, OPS(Xv, Yv), .flags = I_REP, ALL_FLAGS) \
    R(MAP_1, 0xa8, 0xa8, SEL_ANY, "test", tr_test, OPS(AL, Ib), .flags = I_BYTE, LOGIC_FLAGS) \
    R(MAP_1, 0xa9, 0xa9, SEL_ANY, "test", tr_test, OPS(rAX, Iz), LOGIC_FLAGS) \
    R(MAP_1, 0xaa, 0xaa, SEL_ANY, "stos", tr_stos, OPS(Yb, AL), .flags = I_BYTE | I_REP) \
    R(MAP_1, 0xab, 0xab, SEL_ANY, "stos", tr_stos, OPS(Yv, rAX), .flags = I_REP) \
    R(MAP_1, 0xac, 0xac, SEL_ANY, "lods", tr_lods, OPS(AL, Xb), .flags = I_BYTE | I_REP) \
    R(MAP_1, 0xad, 0xad, SEL_ANY, "lods", tr_lods, OPS(rAX, Xv), .flags = I_REP) \
    R(MAP_1, 0xae, 0xae, SEL_ANY, "scas", tr_scas, OPS(AL, Yb), .flags = I_BYTE | I_REP, ALL_FLAGS) \
    R(MAP_1, 0xaf, 0xaf, SEL_ANY, "scas", tr_scas, OPS(rAX, Yv), .flags = I_REP, ALL_FLAGS) \
    R(MAP_1, 0xb0, 0xb7, SEL_ANY, "mov", tr_mov, OPS(Zb, Ib), .flags = I_BYTE) \
    R(MAP_1, 0xb8, 0xbf, SEL_ANY, "mov", tr_mov, OPS(Zv, Iv)) \
    SHIFTS(R, 0xc0, I_BYTE, Eb, Ib) \
    SHIFTS(R, 0xc1, 0, Ev, Ib) \
    R(MAP_1, 0xc2, 0xc2, SEL_ANY, "ret", tr_ret, OPS(Iw), .flags = I_FORCE64 | I_END) \
    R(MAP_1, 0xc3, 0xc3, SEL_ANY, "ret", tr_ret, NO_OPS, .flags = I_FORCE64 | I_END) \
    R(MAP_1, 0xc6, 0xc6, REG_IS(0), "mov", tr_mov, OPS(Eb, Ib), .flags = I_BYTE) \
    R(MAP_1, 0xc7, 0xc7, REG_IS(0), "mov", tr_mov, OPS(Ev, Iz)) \
    R(MAP_1, 0xc8, 0xc8, SEL_ANY, "enter", tr_enter, OPS(Iw, Ib), .flags = I_DEF64) \
    R(MAP_1, 0xc9, 0xc9, SEL_ANY, "leave", tr_leave, NO_OPS, .flags = I_DEF64) \
    SHIFTS(R, 0xd0, I_BYTE, Eb, I1) \
    SHIFTS(R, 0xd1, 0, Ev, I1) \
    SHIFTS(R, 0xd2, I_BYTE, Eb, CL) \
    SHIFTS(R, 0xd3, 0, Ev, CL) \
    R(MAP_1, 0xd4, 0xd4, NOT64, "aam", tr_bcd, OPS(Ib), .arg = BCD_AAM, .fl_write = FL_S | FL_Z | FL_P, .fl_undef = FL_O | FL_A | FL_C) \
    R(MAP_1, 0xd5, 0xd5, NOT64, "aad", tr_bcd, OPS(Ib), .arg = BCD_AAD, .fl_write = FL_S | FL_Z | FL_P, .fl_undef = FL_O | FL_A | FL_C) \
    R(MAP_1, 0xd6, 0xd6, NOT64, "salc", tr_salc, NO_OPS, .fl_read = FL_C) \
    R(MAP_1, 0xd7, 0xd7, SEL_ANY, "xlat", tr_xlat, NO_OPS) \
    R(MAP_1, 0xe0, 0xe0, SEL_ANY, "loopne", tr_loop, OPS(Jb), .flags = I_FORCE64 | I_END, .arg = 0, .fl_read = FL_Z) \
    R(MAP_1, 0xe1, 0xe1, SEL_ANY, "loope", tr_loop, OPS(Jb), .flags = I_FORCE64 | I_END, .arg = 1, .fl_read = FL_Z) \
    R(MAP_1, 0xe2, 0xe2, SEL_ANY, "loop", tr_loop, OPS(Jb), .flags = I_FORCE64 | I_END, .arg = 2) \
    R(MAP_1, 0xe3, 0xe3, SEL_ANY, "jcxz", tr_jcxz, OPS(Jb), .flags = I_FORCE64 | I_END) \
    R(MAP_1, 0xe8, 0xe8, SEL_ANY, "call", tr_call, OPS(Jz), .flags = I_FORCE64 | I_END) \
    R(MAP_1, 0xe9, 0xe9, SEL_ANY, "jmp", tr_jmp, OPS(Jz), .flags = I_FORCE64 | I_END) \
    R(MAP_1, 0xeb, 0xeb, SEL_ANY, "jmp", tr_jmp, OPS(Jb), .flags = I_FORCE64 | I_END) \
    R(MAP_1, 0xf5, 0xf5, SEL_ANY, "cmc", tr_cmc, NO_OPS, .fl_read = FL_C, .fl_write = FL_C) \
    R(MAP_1, 0xf6, 0xf6, REG_IS(0), "test", tr_test, OPS(Eb, Ib), .flags = I_BYTE, LOGIC_FLAGS) \
    R(MAP_1, 0xf6, 0xf6, REG_IS(1), "test", tr_test, OPS(Eb, Ib), .flags = I_BYTE, LOGIC_FLAGS) \
    R(MAP_1, 0xf6, 0xf6, REG_IS(2), "not", tr_not, OPS(Eb), .flags = I_BYTE | I_LOCK) \
    R(MAP_1, 0xf6, 0xf6, REG_IS(3), "neg", tr_neg, OPS(Eb), .flags = I_BYTE | I_LOCK, ALL_FLAGS) \
    R(MAP_1, 0xf6, 0xf6, REG_IS(4), "mul", tr_mul, OPS(Eb), .flags = I_BYTE, MUL_FLAGS) \
    R(MAP_1, 0xf6, 0xf6, REG_IS(5), "imul", tr_imul1, OPS(Eb), .flags = I_BYTE, MUL_FLAGS) \
    R(MAP_1, 0xf6, 0xf6, REG_IS(6), "div", tr_div, OPS(Eb), .flags = I_BYTE, DIV_FLAGS) \
    R(MAP_1, 0xf6, 0xf6, REG_IS(7), "idiv", tr_idiv, OPS(Eb), .flags = I_BYTE, DIV_FLAGS) \
    R(MAP_1, 0xf7, 0xf7, REG_IS(0), "test", tr_test, OPS(Ev, Iz), LOGIC_FLAGS) \
    R(MAP_1, 0xf7, 0xf7, REG_IS(1), "test", tr_test, OPS(Ev, Iz), LOGIC_FLAGS) \
    R(MAP_1, 0xf7, 0xf7, REG_IS(2), "not", tr_not, OPS(Ev), .flags = I_LOCK) \
    R(MAP_1, 0xf7, 0xf7, REG_IS(3), "neg", tr_neg, OPS(Ev), .flags = I_LOCK, ALL_FLAGS) \
    R(MAP_1, 0xf7, 0xf7, REG_IS(4), "mul", tr_mul, OPS(Ev), MUL_FLAGS) \
    R(MAP_1, 0xf7, 0xf7, REG_IS(5), "imul", tr_imul1, OPS(Ev), MUL_FLAGS) \
    R(MAP_1, 0xf7, 0xf7, REG_IS(6), "div", tr_div, OPS(Ev), DIV_FLAGS) \
    R(MAP_1, 0xf7, 0xf7, REG_IS(7), "idiv", tr_idiv, OPS(Ev), DIV_FLAGS) \
    R(MAP_1, 0xf8, 0xf8, SEL_ANY, "clc", tr_clc, NO_OPS, .fl_write = FL_C) \
    R(MAP_1, 0xf9, 0xf9, SEL_ANY, "stc", tr_stc, NO_OPS, .fl_write = FL_C) \
    R(MAP_1, 0xfc, 0xfc, SEL_ANY, "cld", tr_cld, NO_OPS) \
    R(MAP_1, 0xfd, 0xfd, SEL_ANY, "std", tr_std, NO_OPS) \
    R(MAP_1, 0xfe, 0xfe, REG_IS(0), "inc", tr_inc, OPS(Eb), .flags = I_BYTE | I_LOCK, COUNT_FLAGS) \
    R(MAP_1, 0xfe, 0xfe, REG_IS(1), "dec", tr_dec, OPS(Eb), .flags = I_BYTE | I_LOCK, COUNT_FLAGS) \
    R(MAP_1, 0xff, 0xff, REG_IS(0), "inc", tr_inc, OPS(Ev), .flags = I_LOCK, COUNT_FLAGS) \
    R(MAP_1, 0xff, 0xff, REG_IS(1), "dec", tr_dec, OPS(Ev), .flags = I_LOCK, COUNT_FLAGS) \
    R(MAP_1, 0xff, 0xff, REG_IS(2), "call", tr_call_ind, OPS(Ev), .flags = I_FORCE64 | I_END) \
    R(MAP_1, 0xff, 0xff, REG_IS(3) | MOD_MEM, "lcall", tr_far_indirect, OPS(Mp), .flags = I_END, .arg = HELPER_ID(far_call)) \
    R(MAP_1, 0xff, 0xff, REG_IS(4), "jmp", tr_jmp_ind, OPS(Ev), .flags = I_FORCE64 | I_END) \
    R(MAP_1, 0xff, 0xff, REG_IS(5) | MOD_MEM, "ljmp", tr_far_indirect, OPS(Mp), .flags = I_END, .arg = HELPER_ID(far_jmp)) \
    R(MAP_1, 0xff, 0xff, REG_IS(6), "push", tr_push, OPS(Ev), .flags = I_DEF64)

#define BT_GROUP(R, n, name, lock) \
    R(MAP_0F, 0xba, 0xba, REG_IS(4 + (n)), name, tr_bt, OPS(Ev, Ib), .flags = (lock), .arg = (n), .fl_write = FL_C, .fl_undef = FL_O | FL_S | FL_A | FL_P)
#define BT_REG(R, opcode, n, name, lock) \
    R(MAP_0F, opcode, opcode, SEL_ANY, name, tr_bt, OPS(Ev, Gv), .flags = (lock), .arg = (n), .fl_write = FL_C, .fl_undef = FL_O | FL_S | FL_A | FL_P)
#define SCAN_FLAGS .fl_write = FL_Z, .fl_undef = FL_C | FL_O | FL_S | FL_A | FL_P
#define COUNT_ZEROS_FLAGS .fl_write = FL_C | FL_Z, .fl_undef = FL_O | FL_S | FL_A | FL_P

/* 0F 0D, 18-1F: prefetches and hints with a ModRM operand that is not accessed; ENDBR is one of them. */
#define HINTS(R) \
    R(MAP_0F, 0x0d, 0x0d, SEL_ANY, "nop", tr_nop, OPS(Ev), .flags = I_NO_MEM_ACCESS) \
    R(MAP_0F, 0x0d, 0x0d, MOD_MEM, "prefetch", tr_nop, OPS(M), .flags = I_NO_MEM_ACCESS) \
    R(MAP_0F, 0x0d, 0x0d, MOD_MEM | REG_IS(1), "prefetchw", tr_nop, OPS(M), .flags = I_NO_MEM_ACCESS) \
    R(MAP_0F, 0x18, 0x1f, SEL_ANY, "nop", tr_nop, OPS(Ev), .flags = I_NO_MEM_ACCESS) \
    R(MAP_0F, 0x18, 0x18, MOD_MEM | REG_IS(0), "prefetchnta", tr_nop, OPS(M), .flags = I_NO_MEM_ACCESS) \
    R(MAP_0F, 0x18, 0x18, MOD_MEM | REG_IS(1), "prefetcht0", tr_nop, OPS(M), .flags = I_NO_MEM_ACCESS) \
    R(MAP_0F, 0x18, 0x18, MOD_MEM | REG_IS(2), "prefetcht1", tr_nop, OPS(M), .flags = I_NO_MEM_ACCESS) \
    R(MAP_0F, 0x18, 0x18, MOD_MEM | REG_IS(3), "prefetcht2", tr_nop, OPS(M), .flags = I_NO_MEM_ACCESS)

#define TWO_BYTE(R) \
    R(MAP_0F, 0x0b, 0x0b, SEL_ANY, "ud2", tr_ud, NO_OPS, .flags = I_END) \
    HINTS(R) \
    R(MAP_0F, 0x40, 0x4f, SEL_ANY, "cmov@", tr_cmov, OPS(Gv, Ev), .feature = FEAT_CMOV, CC_FLAGS) \
    R(MAP_0F, 0x80, 0x8f, SEL_ANY, "j@", tr_jcc, OPS(Jz), .flags = I_FORCE64 | I_END, CC_FLAGS) \
    R(MAP_0F, 0x90, 0x9f, SEL_ANY, "set@", tr_setcc, OPS(Eb), .flags = I_BYTE, CC_FLAGS) \
    BT_REG(R, 0xa3, 0, "bt", 0) \
    R(MAP_0F, 0xa4, 0xa4, SEL_ANY, "shld", tr_shld, OPS(Ev, Gv, Ib), LOGIC_FLAGS) \
    R(MAP_0F, 0xa5, 0xa5, SEL_ANY, "shld", tr_shld, OPS(Ev, Gv, CL), LOGIC_FLAGS) \
    BT_REG(R, 0xab, 1, "bts", I_LOCK) \
    R(MAP_0F, 0xac, 0xac, SEL_ANY, "shrd", tr_shrd, OPS(Ev, Gv, Ib), LOGIC_FLAGS) \
    R(MAP_0F, 0xad, 0xad, SEL_ANY, "shrd", tr_shrd, OPS(Ev, Gv, CL), LOGIC_FLAGS) \
    R(MAP_0F, 0xaf, 0xaf, SEL_ANY, "imul", tr_imul, OPS(Gv, Ev), MUL_FLAGS) \
    R(MAP_0F, 0xb0, 0xb0, SEL_ANY, "cmpxchg", tr_cmpxchg, OPS(Eb, Gb), .flags = I_BYTE | I_LOCK, ALL_FLAGS) \
    R(MAP_0F, 0xb1, 0xb1, SEL_ANY, "cmpxchg", tr_cmpxchg, OPS(Ev, Gv), .flags = I_LOCK, ALL_FLAGS) \
    BT_REG(R, 0xb3, 2, "btr", I_LOCK) \
    R(MAP_0F, 0xb6, 0xb6, SEL_ANY, "movzx", tr_movzx, OPS(Gv, Eb), .arg = IR_W8) \
    R(MAP_0F, 0xb7, 0xb7, SEL_ANY, "movzx", tr_movzx, OPS(Gv, Ew), .arg = IR_W16) \
    R(MAP_0F, 0xb8, 0xb8, P_F3, "popcnt", tr_popcnt, OPS(Gv, Ev), .feature = FEAT_POPCNT, ALL_FLAGS) \
    R(MAP_0F, 0xb9, 0xb9, SEL_ANY, "ud1", tr_ud, OPS(Gv, Ev), .flags = I_END | I_NO_MEM_ACCESS) \
    BT_GROUP(R, 0, "bt", 0) \
    BT_GROUP(R, 1, "bts", I_LOCK) \
    BT_GROUP(R, 2, "btr", I_LOCK) \
    BT_GROUP(R, 3, "btc", I_LOCK) \
    BT_REG(R, 0xbb, 3, "btc", I_LOCK) \
    R(MAP_0F, 0xbc, 0xbc, SEL_ANY, "bsf", tr_bsf, OPS(Gv, Ev), SCAN_FLAGS) \
    R(MAP_0F, 0xbc, 0xbc, P_F3, "tzcnt", tr_tzcnt, OPS(Gv, Ev), .flags = I_ELSE, .feature = FEAT_BMI1, COUNT_ZEROS_FLAGS) \
    R(MAP_0F, 0xbd, 0xbd, SEL_ANY, "bsr", tr_bsr, OPS(Gv, Ev), SCAN_FLAGS) \
    R(MAP_0F, 0xbd, 0xbd, P_F3, "lzcnt", tr_lzcnt, OPS(Gv, Ev), .flags = I_ELSE, .feature = FEAT_ABM, COUNT_ZEROS_FLAGS) \
    R(MAP_0F, 0xbe, 0xbe, SEL_ANY, "movsx", tr_movsx, OPS(Gv, Eb), .arg = IR_W8) \
    R(MAP_0F, 0xbf, 0xbf, SEL_ANY, "movsx", tr_movsx, OPS(Gv, Ew), .arg = IR_W16) \
    R(MAP_0F, 0xc0, 0xc0, SEL_ANY, "xadd", tr_xadd, OPS(Eb, Gb), .flags = I_BYTE | I_LOCK, ALL_FLAGS) \
    R(MAP_0F, 0xc1, 0xc1, SEL_ANY, "xadd", tr_xadd, OPS(Ev, Gv), .flags = I_LOCK, ALL_FLAGS) \
    R(MAP_0F, 0xc3, 0xc3, P_NP | MOD_MEM, "movnti", tr_mov, OPS(My, Gy), .flags = I_W64, .feature = FEAT_SSE2) \
    R(MAP_0F, 0xc7, 0xc7, REG_IS(1) | MOD_MEM, "cmpxchg8b", tr_cmpxchg8b, OPS(Mq), .flags = I_LOCK, .feature = FEAT_CX8, .fl_write = FL_Z) \
    R(MAP_0F, 0xc7, 0xc7, REG_IS(1) | MOD_MEM | REX_W1, "cmpxchg16b", tr_cmpxchg16b, OPS(Mx), .flags = I_LOCK, .feature = FEAT_CX16, .fl_write = FL_Z) \
    R(MAP_0F, 0xc8, 0xcf, SEL_ANY, "bswap", tr_bswap, OPS(Zv)) \
    R(MAP_0F, 0xff, 0xff, SEL_ANY, "ud0", tr_ud, OPS(Gv, Ev), .flags = I_END | I_NO_MEM_ACCESS)

#define THREE_BYTE(R) \
    R(MAP_0F38, 0xf0, 0xf0, MOD_MEM, "movbe", tr_movbe, OPS(Gv, Mv), .feature = FEAT_MOVBE) \
    R(MAP_0F38, 0xf0, 0xf0, P_F2, "crc32", tr_crc32, OPS(Gd, Eb), .flags = I_BYTE, .feature = FEAT_SSE42) \
    R(MAP_0F38, 0xf1, 0xf1, MOD_MEM, "movbe", tr_movbe, OPS(Mv, Gv), .feature = FEAT_MOVBE) \
    R(MAP_0F38, 0xf1, 0xf1, P_F2, "crc32", tr_crc32, OPS(Gd, Ev), .feature = FEAT_SSE42)

#define ROWS(R) ONE_BYTE(R) TWO_BYTE(R) THREE_BYTE(R)
/* clang-format on */

X86_ROW_TABLE(x86_table_int, ROWS)
