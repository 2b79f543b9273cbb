/* PUSH, POP and their relatives. SP changes only after the last access of an instruction. */
#include "tcg/x86/translate_int.h"

void tr_push(struct x86_trans *x, const struct x86_insn *i)
{
    x86_push(x, i->opsize, x86_load_operand(x, i, 0, i->opsize));
}

void tr_pop(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    ir_ref v = x86_stack_load(x, w, 0);
    if (!i->mem) {
        x86_add_sp(x, x86_bytes(w)); /* first: POP SP leaves what was popped */
        x86_store_operand(x, i, 0, w, v);
        return;
    }
    /* an address by ESP is formed with its value after the increment */
    struct x86_insn after = *i;
    if (after.base == X86_RSP)
        after.disp += x86_bytes(w);
    x86_store_rm(x, &after, w, v);
    x86_add_sp(x, x86_bytes(w));
}

void tr_pusha(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    for (unsigned reg = 0; reg < 8; reg++)
        x86_stack_store(x, w, -(int32_t)((reg + 1) << w), x86_get_gpr(x, reg, w));
    x86_add_sp(x, -(int64_t)(8 << w));
}

void tr_popa(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    ir_ref v[8];
    for (unsigned n = 0; n < 8; n++)
        v[7 - n] = x86_stack_load(x, w, (int32_t)(n << w));
    for (unsigned reg = 0; reg < 8; reg++)
        if (reg != X86_RSP)
            x86_put_gpr(x, reg, w, v[reg]);
    x86_add_sp(x, 8 << w);
}

/* ENTER: the frame pointers of the enclosing levels are copied from the old frame. */
void tr_enter(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize, level = i->imm2 & 31, sw = x86_stack_width(x);
    int32_t size = 1 << w;
    x86_stack_store(x, w, -size, x86_get_gpr(x, X86_RBP, w));
    ir_ref frame = x86_add_imm(x, x86_type(sw), x86_get_gpr(x, X86_RSP, sw), -size);
    for (unsigned n = 1; n < level; n++) {
        ir_ref from = x86_stack_address(x, X86_RBP, -(int64_t)n * size, (unsigned)size, false);
        x86_stack_store(x, w, -size * (int32_t)(n + 1), ir_ld(r, x86_type(w), from, w));
    }
    if (level) {
        ir_ref v = w < IR_W64 && sw == IR_W64 ? ir_trunc(r, frame) : frame;
        if (w == IR_W64 && sw != IR_W64)
            v = ir_zext(r, IR_I64, v, sw);
        x86_stack_store(x, w, -size * (int32_t)(level + 1), v);
    }
    int64_t down = (int64_t)size * (level ? level + 1 : 1) + (i->imm & 0xffff);
    /* the last step: the new top of the stack must be writable */
    ir_ld(r, x86_type(w), x86_stack_address(x, X86_RSP, -down, (unsigned)size, true),
          w | IR_MEM_RMW);
    if (w == IR_W64 && sw != IR_W64)
        frame = ir_zext(r, IR_I64, frame, sw);
    x86_put_gpr(x, X86_RBP, w, frame);
    x86_add_sp(x, -down);
}

void tr_leave(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize, sw = x86_stack_width(x);
    ir_ref v = ir_ld(r, x86_type(w), x86_stack_address(x, X86_RBP, 0, x86_bytes(w), false), w);
    ir_ref sp = x86_add_imm(x, x86_type(sw), x86_get_gpr(x, X86_RBP, sw), x86_bytes(w));
    x86_put_gpr(x, X86_RSP, sw, sp);
    x86_put_gpr(x, X86_RBP, w, v);
}
