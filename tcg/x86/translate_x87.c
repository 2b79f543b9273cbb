/*
 * Translation of x87, FXSAVE and XSAVE instructions: operands are loaded here, the work is done by
 * helpers (helpers_fpu.h).
 */
#include "tcg/x86/translate_x87.h"

#include "tcg/x86/translate_sse.h"

/* Low bits of the descriptor of helpers_fpu.h. */
static uint32_t descriptor(const struct x86_insn *i)
{
    uint32_t desc = (i->op & 7u) << 8 | i->modrm;
    if (i->mem)
        desc |= X87_DESC_MEM | (uint32_t)i->seg << X87_DESC_SEG_SHIFT;
    return desc;
}

/* The register form that only the row's name distinguishes; arg: helper. */
void tr_x87_reg(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, i->row->arg, ir_i32(x->ir, descriptor(i)), x86_this_rip(x), 0, 0);
}

/* Memory operand as a value; arg: helper, arg2: its width, IR_W128 for 80 bits. */
void tr_x87_mem(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref desc = ir_i32(r, descriptor(i)), value;
    unsigned w = i->row->arg2;
    mmx_begin(x); /* a pending exception comes before one of the operand's */
    if (w == IR_W128) {
        ir_ref addr = x86_ea(x, i, 10, false);
        value = ir_ld(r, IR_I64, addr, IR_W64);
        ir_ref high = ir_ld(r, IR_I32, x86_add_imm(x, IR_I64, addr, 8), IR_W16);
        desc = ir_op2(r, IR_OR, IR_I32, desc,
                      ir_op2(r, IR_SHL, IR_I32, high, ir_i32(r, X87_DESC_HIGH_SHIFT)));
    } else {
        value = x86_load_mem(x, i, w, 0);
    }
    x86_call(x, i->row->arg, desc, value, x86_ea_offset(x, i), x86_this_rip(x));
}

/* arg2: bytes stored */
void tr_x87_store(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, HELPER_ID(x87_store), ir_i32(x->ir, descriptor(i)),
             x86_ea(x, i, i->row->arg2, true), x86_ea_offset(x, i), x86_this_rip(x));
}

/* FNSTCW, FNSTSW: arg is the field's offset; both stand together, so four bytes are there to read.
 */
void tr_x87_store_word(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = ir_emit(x->ir, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, i->row->arg);
    if (i->mem)
        x86_store_mem(x, i, IR_W16, v, 0);
    else
        x86_put_gpr(x, X86_RAX, IR_W16, v);
}

void tr_fldcw(struct x86_trans *x, const struct x86_insn *i)
{
    mmx_begin(x);
    x86_call(x, HELPER_ID(fldcw), x86_load_mem(x, i, IR_W16, 0), 0, 0, 0);
}

void tr_x87_plain(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, i->row->arg, 0, 0, 0, 0);
}

/* FLDENV, FNSTENV, FRSTOR, FNSAVE; arg: helper, arg2: enum x87_env_kind */
void tr_x87_env(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    bool wide = i->opsize != IR_W16;
    bool real = !(x->mode & MODE_PROTECTED) || (x->mode & MODE_V86);
    unsigned format = (wide ? X87_FORMAT_32 : 0) | (real ? X87_FORMAT_REAL : 0);
    unsigned bytes = (wide ? 28 : 14) + (i->row->arg2 == X87_STATE ? 80 : 0);
    ir_ref addr = x86_ea(x, i, bytes, i->row->arg == HELPER_ID(fstenv));
    x86_call(x, i->row->arg, addr, ir_i32(r, format), ir_i32(r, i->row->arg2), 0);
}

/* FXSAVE, FXRSTOR, XSAVE, XRSTOR; arg: helper, arg2: enum xsave_kind */
void tr_fx_state(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned helper = i->row->arg;
    bool xsave = helper == HELPER_ID(xsave) || helper == HELPER_ID(xrstor);
    bool load = helper == HELPER_ID(fxrstor) || helper == HELPER_ID(xrstor);
    if (xsave && !(x->mode & MODE_CR4_OSXSAVE)) {
        x86_tr_raise(x, X86_UD);
        return;
    }
    if (x->mode & MODE_CR0_TS) {
        x86_tr_raise(x, X86_NM);
        return;
    }
    ir_ref addr = x86_ea(x, i, xsave ? 576 : 512, !load);
    x86_call(x, helper, addr, ir_i32(r, (i->rex & 8) != 0), ir_i32(r, i->row->arg2), 0);
    if (load)
        x86_end_dyn(x, false); /* MXCSR decides about the mode */
}

void tr_ldmxcsr(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, HELPER_ID(ldmxcsr), x86_load_mem(x, i, IR_W32, 0), 0, 0, 0);
    x86_end_dyn(x, false);
}

void tr_stmxcsr(struct x86_trans *x, const struct x86_insn *i)
{
    x86_store_mem(x, i, IR_W32, x86_call(x, HELPER_ID(stmxcsr), 0, 0, 0, 0), 0);
}
