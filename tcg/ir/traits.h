/*
 * Facts about each operation, as constants: where the operation is known when it is compiled, so is
 * all that follows from them (ir_emit). Included by ir.h.
 */
#ifndef TCG_IR_TRAITS_H
#define TCG_IR_TRAITS_H

/* clang-format off */
#define IR_IN(op, first, last) ((op) >= IR_##first && (op) <= IR_##last)
#define IR_OP_MEMORY(op) (IR_IN(op, LD, CMPXCHG) || (op) == IR_X87_LD || (op) == IR_X87_ST)
#define IR_OP_FAULTS(op) (IR_OP_MEMORY(op) || IR_IN(op, TRAPNZ, TRAPCC))
#define IR_OP_LEAVES(op) IR_IN(op, BRCC, EXIT_DYN)
#define IR_OP_X87(op) IR_IN(op, X87_BEGIN, X87_LDCW)
/* Floating point sets sticky exception flags even when the result is dead. */
#define IR_OP_EFFECT(op) ((op) == IR_PUT || (op) == IR_STENV || (op) == IR_INSN || (op) == IR_FENCE || (op) == IR_FPSYNC || \
                    IR_IN(op, FL_COMIS, FL_FCMP) || IR_IN(op, VF_ADD, VA_FROMI) || IR_OP_X87(op) || IR_OP_LEAVES(op) ||   \
                    IR_OP_FAULTS(op))
/* HI must follow its producer directly. */
#define IR_OP_IMPURE(op) (IR_IN(op, NOP, NOP) || IR_IN(op, GET, INSN) || IR_IN(op, UMULX, HI) || IR_OP_MEMORY(op) ||  \
                    IR_IN(op, FENCE, EXIT_DYN) || IR_OP_X87(op))
#define IR_OP_FOLDS(op) (IR_IN(op, ADD, SUB) || (op) == IR_MUL || IR_IN(op, AND, ROR) || IR_IN(op, LEA, EXTRACT) || \
                   IR_IN(op, ADC, SBB) || IR_IN(op, SETC, SELNZ) || (op) == IR_FL_ADC ||               \
                   IR_IN(op, FL_SBB, FL_SBB) || IR_IN(op, FL_INC, FL_ROR) || (op) == IR_FL_SETCO ||    \
                   IR_IN(op, FL_CMC, FL_PACK) || IR_IN(op, V_LO, V_JOIN) || (op) == IR_V_LOW ||       \
                   (op) == IR_V_AESDECLAST || (op) == IR_V_AESIMC || (op) == IR_V_SHUFD ||             \
                   (op) == IR_V_SHUFPS || (op) == IR_V_AND || (op) == IR_V_OR || (op) == IR_V_XOR)
#define IR_OP_VALUE(c) ((c) != '-' && (c) != 'r')
#define IR_OP_ARGS(op, kinds) (IR_OP_VALUE(kinds[0]) + IR_OP_VALUE(kinds[1]) + IR_OP_VALUE(kinds[2]) + IR_OP_VALUE(kinds[3]) + \
                         ((op) == IR_HI))
static const uint8_t ir_traits[IR_OP_COUNT] = {
#define X(name, res, args, doc)                                                                  \
    [IR_##name] = IR_OP_ARGS(IR_##name, args) | (IR_OP_FAULTS(IR_##name) ? IR_TRAIT_FAULT : 0) |             \
                  (IR_OP_LEAVES(IR_##name) ? IR_TRAIT_LEAVE : 0) |                                     \
                  (IR_OP_EFFECT(IR_##name) ? IR_TRAIT_EFFECT : 0) |                                    \
                  (IR_OP_IMPURE(IR_##name) ? 0 : IR_TRAIT_PURE) | (IR_OP_FOLDS(IR_##name) ? IR_TRAIT_FOLD : 0),
    IR_OPS(X)
#undef X
};

/* The result's type: an enum ir_type, or that the insn says it. */
enum { IR_RESULT_ANY = IR_TYPE_COUNT, IR_RESULT_VECTOR };
#define IR_OP_RESULT(c)                                                                           \
    ((c) == '0'   ? IR_VOID                                                                       \
     : (c) == 'W' ? IR_I32                                                                        \
     : (c) == 'F' ? IR_FL                                                                         \
     : (c) == 'X' ? IR_V128                                                                       \
     : (c) == 'Y' ? IR_V256                                                                       \
     : (c) == 'V' ? IR_RESULT_VECTOR                                                              \
                  : IR_RESULT_ANY)
static const uint8_t ir_results[IR_OP_COUNT] = {
#define X(name, res, args, doc) [IR_##name] = IR_OP_RESULT(res),
    IR_OPS(X)
#undef X
};
/* clang-format on */

#undef IR_OP_MEMORY
#undef IR_OP_FAULTS
#undef IR_OP_LEAVES
#undef IR_OP_X87
#undef IR_OP_EFFECT
#undef IR_OP_IMPURE
#undef IR_OP_FOLDS
#undef IR_OP_VALUE
#undef IR_OP_ARGS
#undef IR_OP_RESULT

#endif
